//! Who held an identifier when, where a part's rows do not say it by themselves.
//!
//! A part's keys never change, and most parts have one UPN, email or serial number for ever: they hold those from the
//! first object that told of the part (`roster`) until its newest row. As soon as two rows of a part differ in such a
//! value, all that any of its rows ever said stand in the table `held`, each with the times of the first and the last
//! row that said it. Minimum and maximum: the order in which the rows come makes no difference.

use std::collections::BTreeSet;

use rusqlite::params;

use super::part::{NewRow, Part};
use super::{Result, Writer};
use crate::bucket::{Hash, kind_and_id, reference};
use crate::identifier::{self, Kind};
use crate::schema::{FieldType, Subject, flag};

/// The first times, and the last ones unless the newest row has the value: `max` with NULL is NULL.
const NOTE: &str =
    "INSERT INTO held (hash, rest, reference, first, last) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)";
const LET_GO: &str = "UPDATE held SET last = ?4 WHERE hash = ?1 AND rest = ?2 AND reference = ?3";

/// The values of a row by which its subject is found and that may change.
type Values = BTreeSet<(Kind, Hash)>;

fn values<'a>(subject: Subject, text: impl Fn(usize) -> Option<&'a str>) -> Values {
    let fields = subject.fields().iter().enumerate();
    let values = fields.filter_map(|(at, field)| match field.kind {
        FieldType::Identifier(kind) => {
            let normal = identifier::normal_form(kind, text(at)?).ok()?;
            Some((kind, Hash::of(&normal)))
        }
        _ => None,
    });
    values.collect()
}

impl Writer<'_> {
    /// Notes a row that says something else than the newest one of its part, `old`, before it takes that one's place or
    /// is superseded. Tells whether it has values that lead to the part and that `old` lacks.
    pub(super) fn note_values(
        &mut self,
        subject: Subject,
        id: u32,
        new: &NewRow,
        old: &Part,
        is_newer: bool,
    ) -> Result<bool> {
        let old = values(subject, |at| old.content.texts[at].as_deref());
        let values = values(subject, |at| new.text(at));
        let is_held = self.standing[subject as usize].has(id, flag::HELD);
        if values == old && (is_newer || !is_held) {
            // What it has is held until it lets go of it.
            return Ok(false);
        }
        let newest = self.rosters[subject as usize].newest(id).object;
        if !is_held {
            self.set_flag(subject, id, flag::HELD)?;
            let first = self.rosters[subject as usize].first(id);
            let first = self.ledger.observed_at(first);
            self.note(id, &old, first, None)?;
        }
        let at = self.ledger.observed_at(new.seen.object);
        self.note(id, &values, at, (!is_newer).then_some(at))?;
        if is_newer {
            let until = self.ledger.observed_at(newest);
            for (kind, hash) in old.difference(&values) {
                let values = params![hash.high as i64, hash.low, reference(*kind, id), until];
                self.execute(LET_GO, values)?;
            }
        }
        Ok(!values.is_subset(&old))
    }

    /// Notes a row of a part that is older than the part's newest one and says the same.
    pub(super) fn note_older(&mut self, subject: Subject, id: u32, row: &NewRow) -> Result<()> {
        self.note_first(subject, id, row.seen.object);
        if self.standing[subject as usize].has(id, flag::HELD) {
            let at = self.ledger.observed_at(row.seen.object);
            self.note(id, &values(subject, |at| row.text(at)), at, Some(at))?;
        }
        Ok(())
    }

    /// Notes that an object tells of a part, perhaps before any that did.
    pub(super) fn note_first(&mut self, subject: Subject, id: u32, object: u32) {
        let roster = &mut self.rosters[subject as usize];
        if self.ledger.observed_at(object) < self.ledger.observed_at(roster.first(id)) {
            roster.set_first(id, object);
        }
    }

    fn note(&mut self, id: u32, values: &Values, first: i64, last: Option<i64>) -> Result<()> {
        self.held_digest = None;
        for (kind, hash) in values {
            let reference = reference(*kind, id);
            self.execute(
                NOTE,
                params![hash.high as i64, hash.low, reference, first, last],
            )?;
        }
        Ok(())
    }

    /// What the table adds to the digest: read anew only by a run that wrote to it.
    pub(super) fn digest_of_held(&mut self) -> Result<u128> {
        if let Some(known) = self.held_digest {
            return Ok(known);
        }
        let mut sum = 0u128;
        let mut select = self
            .connection
            .prepare("SELECT hash, rest, reference, first, last FROM held")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (hash, rest): (i64, u32) = (row.get(0)?, row.get(1)?);
            let Some((kind, id)) = kind_and_id(row.get(2)?) else {
                continue;
            };
            let part = self.rosters[Subject::of(kind) as usize].part(id);
            let (first, last): (i64, Option<i64>) = (row.get(3)?, row.get(4)?);
            sum = sum.wrapping_add(identifier::hash128(&format!(
                "{hash} {rest} {} {part} {first} {last:?} held",
                kind.as_str()
            )));
        }
        self.held_digest = Some(sum);
        Ok(sum)
    }
}
