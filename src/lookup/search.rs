//! Searching: from a probe to the parts that it leads to, and from those to the subjects that hold its value now.
//!
//! The identifier table only says where to look. It keeps what a subject was once known by, and different values may
//! share a hash, so every hit is compared with the subject's row.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use super::evidence::{Evidence, Level};
use super::generation::Generation;
use super::query::{Probe, field_kind};
use super::reader::Reader;
use super::row::{Row, SubjectId};
use super::select::Selected;
use super::waiting::Waiting;
use crate::bucket::{Entries, Hash, IN_CROWD, MAX_ID, bucket_of, kind_and_id, read_u32, reference};
use crate::identifier::Kind;
use crate::schema::{SIDE_BY_SIDE_MICROS, Subject};
use crate::sealed::{filed, hash_of, is_sealed, stored_form};
use crate::sqlite;

/// Rows that are read for one value that more than a bucket's share ever held; more make it non-identifying.
const READ_AT_MOST: usize = 4_096;

/// Subjects that are told apart by who had a value first, before more of them make it non-identifying.
pub(super) const TOLD_APART_AT_MOST: usize = 64;
const SIDE_BY_SIDE: SignedDuration = SignedDuration::from_micros(SIDE_BY_SIDE_MICROS);

/// Rows that are kept at hand.
const ROWS_KEPT: usize = 8;

/// Looks values up in a generation.
pub(super) struct Search<'a> {
    pub(super) reader: &'a Reader,
    pub(super) generation: &'a Generation,
    max_holders: usize,
    /// Rows read of late: kinds that hold the same text mean the same row.
    rows: RefCell<Vec<Rc<Row>>>,
}

/// What a text was looked up as, and where that leads.
pub(super) struct Trace<'p, 'q> {
    pub(super) probe: &'p Probe<'q>,
    /// The parts that hold it now, or once did.
    pub(super) parts: Vec<u32>,
    /// Who holds it now, for each part that leads there; none when they are too many.
    pub(super) holders: Option<Vec<Holder>>,
}

/// A subject that holds a probe's value, by the part through which it was found.
pub(super) struct Holder {
    pub(super) subject: Rc<Row>,
    pub(super) part: u32,
    /// The subject's value, as exported.
    pub(super) value: String,
    /// The object and row that say so.
    pub(super) said: (u32, u32),
    /// The value is a SID that proves nothing by itself.
    pub(super) is_weak_sid: bool,
}

impl<'a> Search<'a> {
    /// Begins to look values up, of which more than `max_holders` hold identify nobody.
    pub(super) fn new(
        reader: &'a Reader,
        generation: &'a Generation,
        max_holders: usize,
    ) -> Search<'a> {
        Search {
            reader,
            generation,
            max_holders,
            rows: RefCell::default(),
        }
    }

    /// Looks up a text's probes, of which those of equal normal form stand together; only what leads somewhere is
    /// returned.
    pub(super) fn look_up<'p, 'q>(
        &self,
        probes: &'p [Probe<'q>],
    ) -> sqlite::Result<Vec<Trace<'p, 'q>>> {
        let mut looked_up = Vec::new();
        for same in probes.chunk_by(|left, right| left.normal == right.normal) {
            let hash = filed(&same[0].normal);
            let found = self.references(hash)?;
            for probe in same {
                if !self.is_likely(probe, probes) {
                    continue;
                }
                let parts = self.parts(probe, hash, &found)?;
                let holders = match parts.len() {
                    0 => continue,
                    READ_AT_MOST.. => None,
                    _ => self.holders(probe, &parts)?,
                };
                looked_up.push(Trace {
                    probe,
                    parts,
                    holders,
                });
            }
        }
        Ok(looked_up)
    }

    /// Tells whether a dotted text may be a device's full name, where it is taken for that: what follows its first dot is a
    /// domain. `first.last` is none.
    fn is_likely(&self, probe: &Probe, probes: &[Probe]) -> bool {
        if probe.kind != Kind::DeviceName || probe.level != Some(Level::ShortName) {
            return true;
        }
        let mut whole = probes.iter().filter(|whole| whole.kind == Kind::DeviceName);
        let domain = whole.find_map(|whole| {
            let rest = whole.normal.strip_prefix(&*probe.normal)?;
            rest.strip_prefix('.')
        });
        domain.is_none_or(|domain| self.generation.may_be_domain(domain))
    }

    /// Forgets the rows, so that one that nobody else has can be shown without a copy.
    pub(super) fn forget_rows(&self) {
        self.rows.take();
    }

    fn references(&self, hash: Hash) -> sqlite::Result<Vec<u32>> {
        let bits = self.generation.bits;
        let (table, bucket) = (&self.reader.tables.identifier, bucket_of(hash.high, bits));
        let found = self.reader.row(table, bucket, |row| {
            let entries = Entries::of(row.blob(0)?, bits);
            Ok(entries.references(hash.high).collect())
        })?;
        Ok(found.unwrap_or_default())
    }

    /// Returns the parts that a probe's value leads to, those of a crowd up to a limit.
    pub(super) fn filed(&self, probe: &Probe) -> sqlite::Result<Vec<u32>> {
        let hash = filed(&probe.normal);
        self.parts(probe, hash, &self.references(hash)?)
    }

    fn parts(&self, probe: &Probe, hash: Hash, found: &[u32]) -> sqlite::Result<Vec<u32>> {
        if found.contains(&IN_CROWD) {
            return self.crowd(hash, probe);
        }
        let found = found.iter().copied().filter_map(kind_and_id);
        Ok(found
            .filter_map(|(kind, part)| probe.is_filed_as(kind).then_some(part))
            .collect())
    }

    fn crowd(&self, hash: Hash, probe: &Probe) -> sqlite::Result<Vec<u32>> {
        let (reader, hash) = (self.reader, hash.high as i64);
        let mut parts = Vec::new();
        for kind in Kind::ALL
            .into_iter()
            .filter(|kind| probe.is_filed_as(*kind))
        {
            let range = reference(kind, 0)..=reference(kind, MAX_ID);
            let before = parts.len();
            let mut take = |row: &Selected| {
                let entries = row.blob(0)?.chunks_exact(4);
                let here = entries.map(|entry| read_u32(entry, 0));
                let here = here.filter(|reference| range.contains(reference));
                let found = parts.len();
                parts.extend(here.map(|reference| reference & MAX_ID));
                // Those of a kind stand together.
                let may_be_more = parts.len() > found && parts.len() - before < READ_AT_MOST;
                Ok(match may_be_more {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                })
            };
            let first = [hash, i64::from(*range.start())];
            let index = &reader.tables.crowd_by_hash;
            reader.finder.entries(index, &first, |entry| match *entry {
                [found, _, id] if found == hash => {
                    reader.indexed_row(&reader.tables.crowd, id, &mut take)
                }
                _ => Ok(ControlFlow::Break(())),
            })?;
            parts.truncate(before + READ_AT_MOST);
        }
        Ok(parts)
    }

    /// Returns the subjects that hold the value now; `None` when there are more than identify anybody.
    pub(super) fn holders(
        &self,
        probe: &Probe,
        parts: &[u32],
    ) -> sqlite::Result<Option<Vec<Holder>>> {
        let mut holders: Vec<Holder> = Vec::new();
        let mut subjects = BTreeSet::new();
        for part in parts {
            let Some(holder) = self.holder(probe, *part)? else {
                continue;
            };
            // Several parts may be of one subject.
            subjects.insert(holder.subject.key());
            holders.push(holder);
            if subjects.len() > self.max_holders.max(TOLD_APART_AT_MOST) {
                return Ok(None);
            }
        }
        if subjects.len() > 1 {
            let passed_on = self.passed_on(probe, &holders)?;
            holders.retain(|holder| !passed_on.contains(&holder.subject.key()));
            subjects.retain(|subject| !passed_on.contains(subject));
        }
        Ok((subjects.len() <= self.max_holders).then_some(holders))
    }

    /// Returns those of a value's holders who passed it on: another one was first seen with it after they were last seen at
    /// all. A bare or short name is passed on with the whole one.
    pub(super) fn passed_on(
        &self,
        probe: &Probe,
        holders: &[Holder],
    ) -> sqlite::Result<BTreeSet<SubjectId>> {
        let kind = field_kind(probe.kind);
        let mut passed_on = BTreeSet::new();
        if !is_given_to_one_at_a_time(kind) {
            return Ok(passed_on);
        }
        let mut firsts: BTreeMap<(u128, SubjectId), Option<Timestamp>> = BTreeMap::new();
        for holder in holders {
            let normal = stored_form(kind, &holder.value).ok();
            let normal = normal.map(Cow::into_owned).unwrap_or_default();
            let whole = Probe {
                kind,
                normal: Cow::Borrowed(&*normal),
                level: None,
            };
            let first = self.held(&whole, holder.part)?.map(|held| held.first);
            let value = hash_of(&normal);
            let known = firsts.entry((value, holder.subject.key())).or_default();
            *known = match *known {
                Some(known) => first.map(|first| first.min(known)).or(Some(known)),
                None => first,
            };
        }
        // A local account, or a machine's, has the values of its owner beside that one.
        let is_skipped = |holder: &&Holder| holder.subject.class.is_skipped();
        let skipped = holders.iter().filter(is_skipped);
        let skipped: BTreeSet<SubjectId> = skipped.map(|holder| holder.subject.key()).collect();
        for holder in holders {
            let subject = holder.subject.key();
            let last = self.reader.observed_at(holder.subject.seen.object)?;
            let last = last.and_then(|last| last.checked_add(SIDE_BY_SIDE).ok());
            let values = firsts.keys().filter(|(_, known)| *known == subject);
            let is_passed_on = |value: &u128| {
                let mut others = firsts.iter();
                others.any(|((same, other), first)| {
                    let takes = !skipped.contains(other) || skipped.contains(&subject);
                    same == value && *other != subject && takes && *first > last
                })
            };
            if values.map(|(value, _)| value).any(is_passed_on) {
                passed_on.insert(subject);
            }
        }
        Ok(passed_on)
    }

    /// Returns the subject of a part, if the subject holds the value now.
    pub(super) fn holder(&self, probe: &Probe, part: u32) -> sqlite::Result<Option<Holder>> {
        let (subject, part_id) = (Subject::of(probe.kind), part);
        let Some(part) = self.row(subject, part)? else {
            return Ok(None);
        };
        let whole = match part.subject_id() {
            None => return Ok(None),
            Some(id) if id == part.id => None,
            Some(id) => match self.row(subject, id)? {
                None => return Ok(None),
                whole => whole,
            },
        };
        let seen = match &whole {
            // Of several parts, one whose own value it is says so.
            Some(whole) if part.value(probe).is_none() => whole.seen,
            _ => part.seen,
        };
        // A merged account does not say of its parts' SID what they do.
        let is_weak_sid = probe.kind == Kind::Sid
            && (part.has_weak_sid() || whole.as_ref().is_some_and(|whole| whole.has_weak_sid()));
        let row = whole.unwrap_or(part);
        Ok(row.value(probe).map(str::to_owned).map(|value| Holder {
            subject: row,
            part: part_id,
            value,
            said: (seen.object, seen.row),
            is_weak_sid,
        }))
    }

    /// Returns the subject that a part belongs to now, whatever it holds.
    pub(super) fn subject_of(
        &self,
        subject: Subject,
        part: u32,
    ) -> sqlite::Result<Option<Rc<Row>>> {
        let Some(part) = self.row(subject, part)? else {
            return Ok(None);
        };
        match part.subject_id() {
            Some(id) if id != part.id => self.row(subject, id),
            Some(_) => Ok(Some(part)),
            None => Ok(None),
        }
    }

    /// Tells whether an account was first seen after the last use of a device by others who may be meant, or after the newest
    /// logins (devices, where there are no logins): what is known of the device tells nothing of it.
    pub(super) fn is_joiner(
        &self,
        account: &Row,
        last_use: Option<Timestamp>,
    ) -> sqlite::Result<bool> {
        let coverage = self.generation.coverage;
        let first_seen = match account.first_seen() {
            Some(first_seen) => Some(first_seen),
            None => self.reader.observed_at(account.first)?,
        };
        let usages_until = coverage.logins.or(coverage.devices);
        let mut ends = [last_use, usages_until].into_iter().flatten();
        Ok(first_seen.is_some_and(|first_seen| ends.any(|end| first_seen > end)))
    }

    /// Returns what waits for a device.
    pub(super) fn waiting(&self, device: u32) -> sqlite::Result<Waiting> {
        let row = self.row(Subject::Device, device)?;
        match row.is_some_and(|row| row.is_waited_for()) {
            true => Waiting::read(self.reader, Subject::Device, device),
            false => Ok(Waiting::default()),
        }
    }

    pub(super) fn row(&self, subject: Subject, id: u32) -> sqlite::Result<Option<Rc<Row>>> {
        let is_it = |row: &&Rc<Row>| row.key() == (subject, id);
        if let Some(known) = self.rows.borrow().iter().find(is_it) {
            return Ok(Some(Rc::clone(known)));
        }
        let row = Row::read(self.reader, subject, id)?.map(Rc::new);
        let mut rows = self.rows.borrow_mut();
        if rows.len() == ROWS_KEPT {
            rows.clear();
        }
        rows.extend(row.clone());
        Ok(row)
    }

    /// Returns what says that a subject holds a value; where that is sealed, what was asked for stands in its place.
    pub(super) fn evidence(
        &self,
        probe: &Probe,
        value: String,
        (object, row): (u32, u32),
    ) -> sqlite::Result<Option<Evidence>> {
        let found = self.reader.object(object)?;
        Ok(found.map(|(observed_at, object)| Evidence {
            kind: probe.kind,
            value: match is_sealed(&value) {
                true => probe.normal.to_string(),
                false => value,
            },
            observed_at,
            object,
            row,
        }))
    }
}

/// Tells whether values of a kind are given to one account or device at a time. SIDs and uids are never given again.
fn is_given_to_one_at_a_time(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::AccountName | Kind::Upn | Kind::Email | Kind::DeviceName | Kind::SerialNumber
    )
}
