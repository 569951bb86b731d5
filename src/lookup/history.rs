//! Who held an identifier before, and when it moved: what `index::held` recorded.
//!
//! When one moved is said at `Flag::Moved`. Of most identifiers the index knows one holder for ever, and then nothing is
//! read here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::find::{Holder, Search};
use super::query::{Probe, field_kind};
use super::row::{Row, time};
use crate::bucket::{Hash, kind_and_id, read_u32, reference};
use crate::identifier::{self, Kind};
use crate::schema::{NAME_HELD_MICROS, Subject, roster};

const FIRSTS: &str = "SELECT entries FROM roster WHERE block = ?1";
const HELD: &str = "SELECT first, last FROM held WHERE hash = ?1 AND rest = ?2 AND reference = ?3";

/// When a subject was seen with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// When the first row that says so was observed, of those the index took in.
    pub first: Timestamp,
    /// When the last one was.
    pub last: Timestamp,
}

impl Held {
    fn and(self, other: Held) -> Held {
        Held {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

    /// Returns the time in which either was seen with it.
    pub(super) fn joined(left: Option<Held>, right: Option<Held>) -> Option<Held> {
        match (left, right) {
            (Some(left), Some(right)) => Some(left.and(right)),
            (left, right) => left.or(right),
        }
    }
}

/// A subject that holds a value, or once did.
struct Bearer {
    held: Held,
    is_now: bool,
}

impl Bearer {
    /// Tells whether it is one that an identifier moved away from, to somebody who has it since `then`.
    fn is_before(&self, then: Timestamp) -> bool {
        !self.is_now || self.held.last < then
    }
}

/// The bearers of each value that a probe finds, by their id: a name without its domain finds several values.
type Bearers = BTreeMap<String, BTreeMap<u32, Bearer>>;

impl Search<'_> {
    /// Returns since when each of a probe's holders has its value, of those to whom it moved of late.
    pub(super) fn moved(
        &self,
        probe: &Probe,
        references: &[u32],
        holders: &[Holder],
    ) -> rusqlite::Result<Vec<(u32, Timestamp)>> {
        if is_nobody_elses(probe, parts_of(probe, references).count(), holders) {
            return Ok(Vec::new());
        }
        let bearers = self.bearers(probe, references)?;
        let subject = Subject::of(probe.kind);
        let Some(until) = self.generation.coverage.of(subject.dataset()) else {
            return Ok(Vec::new());
        };
        let moved = holders.iter().filter(|holder| !holder.is_weak_sid);
        let moved = moved.filter_map(|holder| {
            let normal = identifier::normal_form(field_kind(probe.kind), &holder.value).ok()?;
            let since = moved_at(bearers.get(&*normal)?, holder.subject.id, until)?;
            Some((holder.subject.id, since))
        });
        Ok(moved.collect())
    }

    /// Returns when a part was seen with a probe's value.
    pub(super) fn held_by(
        &self,
        probe: &Probe,
        subject: Subject,
        part: u32,
    ) -> rusqlite::Result<Option<Held>> {
        match self.row(subject, part)? {
            Some(part) => Ok(self.held(probe, &part)?.map(|(_, held)| held)),
            None => Ok(None),
        }
    }

    fn bearers(&self, probe: &Probe, references: &[u32]) -> rusqlite::Result<Bearers> {
        let mut bearers = Bearers::new();
        let subject = Subject::of(probe.kind);
        for part in parts_of(probe, references) {
            let Some(part) = self.row(subject, part)? else {
                continue;
            };
            let Some(whole) = self.subject_of(subject, part.id)? else {
                continue;
            };
            let Some((value, held)) = self.held(probe, &part)? else {
                continue;
            };
            let is_now = whole.holds(field_kind(probe.kind), &value);
            let bearers = bearers.entry(value).or_default();
            let bearer = bearers.entry(whole.id).or_insert(Bearer { held, is_now });
            bearer.held = bearer.held.and(held);
        }
        Ok(bearers)
    }

    /// Returns the value by which a part is found, whole and in normal form, and when it was seen with it. `None` where
    /// that is not recorded.
    fn held(&self, probe: &Probe, part: &Row) -> rusqlite::Result<Option<(String, Held)>> {
        let kind = field_kind(probe.kind);
        let said = part.value(probe);
        let said = said.and_then(|value| identifier::normal_form(kind, value).ok());
        let is_now = said.is_some();
        let value = said.unwrap_or_else(|| probe.normal.clone()).into_owned();
        let Some((newest, _)) = self.reader.object(part.seen.object)? else {
            return Ok(None);
        };
        let mut held = None;
        if !part.subject.key_kinds().contains(&kind) {
            held = self.held_once(part.id, kind, &value, newest)?;
        }
        if held.is_none() && is_now {
            let first = self.first_seen_of(part)?;
            held = first.map(|first| Held {
                first,
                last: newest,
            });
        }
        Ok(held.map(|held| (value, held)))
    }

    /// Reads when a part was seen with a value, if it had several.
    fn held_once(
        &self,
        part: u32,
        kind: Kind,
        normal: &str,
        newest: Timestamp,
    ) -> rusqlite::Result<Option<Held>> {
        let hash = Hash::of(normal);
        let mut select = self.reader.prepare_cached(HELD)?;
        let key = params![hash.high as i64, hash.low, reference(kind, part)];
        let found = select.query_row(key, |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?)));
        let Some((first, last)) = found.optional()? else {
            return Ok(None);
        };
        let last = last.map_or(Some(newest), |last| time(Some(last)));
        Ok(time(Some(first))
            .zip(last)
            .map(|(first, last)| Held { first, last }))
    }

    /// Returns when the first object that told of a part was observed.
    fn first_seen_of(&self, part: &Row) -> rusqlite::Result<Option<Timestamp>> {
        let (block, offset) = roster::first_of(part.subject, part.id);
        let mut select = self.reader.prepare_cached(FIRSTS)?;
        let first = select.query_row([block], |row| {
            Ok(read_u32(row.get_ref(0)?.as_blob()?, offset))
        });
        match first.optional()? {
            Some(first) => Ok(self.reader.object(first)?.map(|(at, _)| at)),
            None => Ok(None),
        }
    }
}

/// Tells without reading that nobody had a value before others did: all of its parts have it still, and they are of one
/// subject, or were seen with it in the same object. So it is with nearly all values, and with what several share.
fn is_nobody_elses(probe: &Probe, parts: usize, holders: &[Holder]) -> bool {
    let Some(first) = holders.first() else {
        return true;
    };
    let is_of_first = |holder: &Holder| holder.subject.id == first.subject.id;
    // A name without its domain is found through parts that stand for others.
    let is_whole = !matches!(probe.kind, Kind::BareName | Kind::ShortName);
    let is_at_once = |holder: &Holder| is_whole && holder.said.0 == first.said.0;
    holders.len() == parts && (holders.iter().all(is_of_first) || holders.iter().all(is_at_once))
}

fn parts_of(probe: &Probe, references: &[u32]) -> impl Iterator<Item = u32> {
    let found = references.iter().copied().filter_map(kind_and_id);
    found.filter_map(|(kind, part)| probe.is_filed_as(kind).then_some(part))
}

/// Returns since when `holder` has a value, if it moved to it of late. `until` is when the index was told last.
fn moved_at(bearers: &BTreeMap<u32, Bearer>, holder: u32, until: Timestamp) -> Option<Timestamp> {
    let since = bearers.get(&holder)?.held.first;
    let others = bearers.iter().filter(|(id, _)| **id != holder);
    let before = others.filter(|(_, other)| other.is_before(since));
    let last = before.map(|(_, other)| other.held.last).max()?;
    let age = until.as_microsecond() - since.max(last).as_microsecond();
    (age <= NAME_HELD_MICROS).then_some(since)
}
