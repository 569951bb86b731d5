//! Who held an identifier before, and when it moved: what `index::held` recorded.
//!
//! When one moved is said at `Flag::Moved`. Of most identifiers the index knows one holder for ever, and then nothing is
//! read here.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::Timestamp;

use super::query::{Probe, field_kind};
use super::reader::time;
use super::row::SubjectId;
use super::search::{Holder, Search, Trace};
use crate::bucket::reference;
use crate::identifier::Kind;
use crate::schema::{NAME_HELD_MICROS, Subject};
use crate::sealed::filed;
use crate::sqlite;

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

/// A subject that a text means, or once meant.
struct Bearer {
    held: Held,
    is_now: bool,
}

impl Bearer {
    /// Tells whether the text moved away from it, to somebody whom it means since `then`.
    fn is_before(&self, then: Timestamp) -> bool {
        !self.is_now || self.held.last < then
    }
}

/// How a text came to mean somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Move {
    /// When this one was first seen with it.
    pub(super) since: Timestamp,
    /// When another one was last seen with it.
    last: Timestamp,
}

impl Move {
    /// Tells whether that was so lately, up to the newest row of `until`, that the other one may be meant.
    pub(super) fn is_recent(self, until: Timestamp) -> bool {
        let at = self.since.max(self.last);
        until.as_microsecond() - at.as_microsecond() <= NAME_HELD_MICROS
    }
}

/// Who bears a text, whatever it is taken for.
type Bearers = BTreeMap<SubjectId, Bearer>;

impl Search<'_> {
    /// Returns since when a text means those whom it does, of those to whom it moved.
    ///
    /// The text counts, not what it is taken for: `kim` meant somebody else when `kim@EMEA` was renamed, and so did an
    /// address that is one's UPN and was another one's email.
    pub(super) fn moved(&self, looked_up: &[Trace]) -> sqlite::Result<BTreeMap<SubjectId, Move>> {
        let mut moved = BTreeMap::new();
        // As what too many hold, it means nobody, and did not.
        let told = looked_up.iter().filter(|one| one.holders.is_some());
        let told: Vec<&Trace> = told.collect();
        if is_nobody_elses(&told) {
            return Ok(moved);
        }
        let bearers = self.bearers(&told)?;
        let holders = told.iter().flat_map(|one| one.holders.iter().flatten());
        for holder in holders.filter(|holder| !holder.is_weak_sid) {
            let id = holder.subject.key();
            moved.extend(moved_at(&bearers, id).map(|since| (id, since)));
        }
        Ok(moved)
    }

    fn bearers(&self, looked_up: &[&Trace]) -> sqlite::Result<Bearers> {
        let mut bearers = Bearers::new();
        for one in looked_up {
            let subject = Subject::of(one.probe.kind);
            for part in &one.parts {
                let Some(held) = self.held(one.probe, *part)? else {
                    continue;
                };
                let Some(whole) = self.subject_of(subject, *part)? else {
                    continue;
                };
                // Whoever passed it on has it still, and is meant no more.
                let mut holders = one.holders.iter().flatten();
                let is_now = holders.any(|holder| holder.subject.key() == whole.key());
                let bearer = bearers.entry(whole.key());
                let bearer = bearer.or_insert(Bearer { held, is_now });
                bearer.held = bearer.held.and(held);
                bearer.is_now |= is_now;
            }
        }
        Ok(bearers)
    }

    /// Returns when a part was seen with a probe's value; `None` where it never was.
    pub(super) fn held(&self, probe: &Probe, part: u32) -> sqlite::Result<Option<Held>> {
        let Some(part) = self.row(Subject::of(probe.kind), part)? else {
            return Ok(None);
        };
        let kind = field_kind(probe.kind);
        let is_now = part.value(probe).is_some();
        let Some((newest, _)) = self.reader.object(part.seen.object)? else {
            return Ok(None);
        };
        let mut held = None;
        if !part.subject.key_kinds().contains(&kind) {
            held = self.held_once(part.id, kind, &probe.normal)?;
        }
        if held.is_none() && is_now {
            let first = self.reader.object(part.first)?;
            held = first.map(|(first, _)| Held {
                first,
                last: newest,
            });
        }
        Ok(held)
    }

    /// Reads when a claim was seen with a value, if it had several.
    fn held_once(&self, claim: u32, kind: Kind, normal: &str) -> sqlite::Result<Option<Held>> {
        let reader = self.reader;
        let key = [filed(normal).high as i64, i64::from(reference(kind, claim))];
        let mut held = None;
        let index = &reader.tables.held_by_hash;
        reader.finder.entries(index, &key, |entry| {
            if let [hash, reference, id] = *entry
                && [hash, reference] == key
            {
                held = reader.indexed_row(&reader.tables.held, id, |row| {
                    Ok(time(row.optional(0)?).zip(time(row.optional(1)?)))
                })?;
            }
            Ok(ControlFlow::Break(()))
        })?;
        Ok(held.map(|(first, last)| Held { first, last }))
    }
}

/// Tells without reading that a text meant nobody else before: all of its parts bear it still, and they are of one
/// subject, or were seen with it in the same object. So it is with nearly all texts, and with what several share.
fn is_nobody_elses(looked_up: &[&Trace]) -> bool {
    let holders = || {
        looked_up
            .iter()
            .flat_map(|one| one.holders.iter().flatten())
    };
    let Some(first) = holders().next() else {
        return true;
    };
    let is_of_first = |holder: &Holder| holder.subject.key() == first.subject.key();
    let parts: usize = looked_up.iter().map(|one| one.parts.len()).sum();
    let is_at_once = |holder: &Holder| holder.said.0 == first.said.0;
    holders().count() == parts && (holders().all(is_of_first) || holders().all(is_at_once))
}

/// Returns since when a text means `holder`, if it moved there, and when the last other one was seen with it.
fn moved_at(bearers: &Bearers, holder: SubjectId) -> Option<Move> {
    let since = bearers.get(&holder)?.held.first;
    let others = bearers.iter().filter(|(id, _)| **id != holder);
    let before = others.filter(|(_, other)| other.is_before(since));
    let last = before.map(|(_, other)| other.held.last).max()?;
    Some(Move { since, last })
}
