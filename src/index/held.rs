//! Who held an identifier when, where a claim's rows do not say it by themselves.
//!
//! A claim's keys never change, and most claims have one UPN, email or serial number for ever: they hold those from the
//! first row that carries the column until the newest. As soon as two rows of a claim differ in such a column, all that
//! any of its rows ever said stand here, each with the times of the first and the last row that said it.

use std::collections::BTreeMap;

use super::Result;
use super::claim::ClaimId;
use super::ledger::Ledger;
use super::roster::Roster;
use super::spill::Text;
use super::text::{Shape, Texts};
use super::text_reader::TextReader;
use crate::bucket::reference;
use crate::identifier::Kind;
use crate::observation::{NOT_CARRIED, SAYS_NOTHING};
use crate::schema::{BySubject, FieldType, Subject};
use crate::sealed::{filed, stored_form};
use crate::sqlite::{Record, Rows, Table};

/// From when until when.
type Times = (i64, i64);

/// A value that a row has, whose text is read later on.
#[derive(Debug, Clone, Copy)]
struct Unread {
    claim: ClaimId,
    text: Text,
    /// Its position among the subject's fields.
    field: usize,
    times: Times,
}

/// What claims of several values ever had.
#[derive(Default)]
pub(super) struct HeldValues {
    /// By reference and hash.
    times: BTreeMap<(u32, u64), Times>,
    unread: BySubject<Vec<Unread>>,
}

/// Returns the fields of a subject that may change, in the order of `Described::values`.
fn fields(subject: Subject) -> impl Iterator<Item = (usize, Kind)> {
    let fields = subject.fields().iter().enumerate();
    fields.filter_map(|(at, field)| match field.kind {
        FieldType::Identifier(kind) => Some((at, kind)),
        _ => None,
    })
}

/// Tells whether two rows differ in a column that both carry.
pub(super) fn differ(subject: Subject, left: &[u64], right: &[u64]) -> bool {
    let values = left.iter().zip(right).take(fields(subject).count());
    let mut carried =
        values.filter(|(left, right)| **left != NOT_CARRIED && **right != NOT_CARRIED);
    carried.any(|(left, right)| left != right)
}

/// Tells whether a claim's values of a kind may change: its keys never do.
pub(super) fn may_change(kind: Kind) -> bool {
    matches!(kind, Kind::Upn | Kind::Email | Kind::SerialNumber)
}

impl HeldValues {
    /// Reads what the last generation has.
    pub(super) fn load(mut rows: Rows) -> Result<HeldValues> {
        let mut held = HeldValues::default();
        while let Some((_, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let mut number =
                || Ok::<_, super::Error>(columns.take()?.integer().unwrap_or_default());
            let (hash, reference) = (number()?, number()?);
            held.times
                .insert((reference as u32, hash as u64), (number()?, number()?));
        }
        Ok(held)
    }

    /// Returns what a claim ever had of a kind, by the hashes; nothing where it had one value for ever.
    pub(super) fn of(&self, reference: u32) -> impl Iterator<Item = u64> {
        let its = self.times.range((reference, 0)..=(reference, u64::MAX));
        its.map(|((_, hash), _)| *hash)
    }

    /// Notes that a claim had a value at a time.
    pub(super) fn note(&mut self, kind: Kind, claim: ClaimId, hash: u64, times: Times) {
        let known = self
            .times
            .entry((reference(kind, claim.row()), hash))
            .or_insert(times);
        *known = (known.0.min(times.0), known.1.max(times.1));
    }

    /// Notes all values that a claim has, which had one each until now.
    pub(super) fn begin(
        &mut self,
        subject: Subject,
        roster: &Roster,
        ledger: &Ledger,
        id: ClaimId,
    ) -> Result<()> {
        for ((field, _), value) in fields(subject).zip(roster.values(id)) {
            if *value <= SAYS_NOTHING {
                continue;
            }
            let mut carrying = Vec::new();
            for part in roster.parts(id) {
                if ledger.shape(part.shape)?.carries(field) {
                    carrying.push(part);
                }
            }
            let first = carrying
                .iter()
                .map(|part| ledger.observed_at(part.first))
                .min();
            let last = carrying
                .iter()
                .map(|part| ledger.observed_at(part.object))
                .max();
            if let (Some(newest), Some(first), Some(last)) = (carrying.first(), first, last) {
                self.unread[subject].push(Unread {
                    claim: id,
                    text: newest.text,
                    field,
                    times: (first, last),
                });
            }
        }
        Ok(())
    }

    /// Notes that a row of a set of columns was seen at a time that says what a claim's text in the last generation says.
    pub(super) fn note_kept(&mut self, subject: Subject, claim: ClaimId, shape: &Shape, at: i64) {
        let unread = fields(subject).filter(|(field, _)| shape.carries(*field));
        let unread = unread.map(|(field, _)| Unread {
            claim,
            text: Text::KEPT,
            field,
            times: (at, at),
        });
        self.unread[subject].extend(unread);
    }

    /// Notes what a claim has now, where its own first and newest rows do not say it: when it had several values, or when
    /// not all of its rows carry the column.
    fn note_newest(
        &mut self,
        subject: Subject,
        roster: &Roster,
        ledger: &Ledger,
        claim: ClaimId,
    ) -> Result<()> {
        for (field, _) in fields(subject) {
            let mut carrying = Vec::new();
            let mut parts = 0;
            for part in roster.parts(claim) {
                parts += 1;
                if ledger.shape(part.shape)?.carries(field) {
                    carrying.push(part);
                }
            }
            let is_held = roster.claim(claim).is_held;
            let Some(newest) = carrying
                .first()
                .filter(|_| is_held || carrying.len() < parts)
            else {
                continue;
            };
            let last = ledger.observed_at(newest.object);
            let firsts = carrying.iter().map(|part| ledger.observed_at(part.first));
            let first = firsts.filter(|_| !is_held).min();
            self.unread[subject].push(Unread {
                claim,
                text: newest.text,
                field,
                times: (first.unwrap_or(last), last),
            });
        }
        Ok(())
    }

    /// Notes what claims have now, and reads the texts that were left.
    pub(super) fn settle(
        &mut self,
        subject: Subject,
        roster: &Roster,
        ledger: &Ledger,
        texts: &Texts,
        source: &mut TextReader,
    ) -> Result<()> {
        for (at, claim) in roster.claims.iter().enumerate() {
            if claim.is_held || claim.others.is_some() {
                self.note_newest(subject, roster, ledger, ClaimId::of_position(at))?;
            }
        }
        let mut unread = std::mem::take(&mut self.unread[subject]);
        unread.sort_by_key(|one| one.claim);
        for one in unread {
            let mut text = source.text(one.claim, one.text)?;
            text.skip(one.field)?;
            let FieldType::Identifier(kind) = subject.fields()[one.field].kind else {
                continue;
            };
            let value = texts.shown(text.take()?);
            if let Some(Ok(normal)) = value.as_deref().map(|value| stored_form(kind, value)) {
                self.note(kind, one.claim, filed(&normal).high, one.times);
            }
        }
        Ok(())
    }

    /// Returns when a claim was first seen with a value, if it had several.
    pub(super) fn first(&self, reference: u32, hash: u64) -> Option<i64> {
        self.times.get(&(reference, hash)).map(|(first, _)| *first)
    }

    /// Returns all of it: reference, hash, times.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u64, Times)> {
        self.times
            .iter()
            .map(|((reference, hash), times)| (*reference, *hash, *times))
    }

    /// Writes all of it.
    pub(super) fn write(&self, table: &mut Table) -> Result<()> {
        let mut record = Record::default();
        for (id, (reference, hash, (first, last))) in (1..).zip(self.iter()) {
            record.clear();
            record.put_null();
            record.put_integer(hash as i64);
            record.put_integer(i64::from(reference));
            record.put_integer(first);
            record.put_integer(last);
            table.push(id, &record)?;
        }
        Ok(())
    }

    /// Returns the entries of the index by hash, in its order.
    pub(super) fn by_hash(&self) -> Vec<[i64; 3]> {
        let entries = (1..).zip(self.iter());
        let mut entries: Vec<_> = entries
            .map(|(id, (reference, hash, _))| [hash as i64, i64::from(reference), id])
            .collect();
        entries.sort_unstable();
        entries
    }
}
