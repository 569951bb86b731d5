//! Sifting: a generation written anew without what is to be let go: rows that are too old to be kept, and what tells of
//! people who were erased.
//!
//! What comes out is no generation that anybody reads: [`super::Kept::load`] reads it, and the next generation is made of
//! it as of any other. So nothing has to be mended: claims are numbered anew, and what follows from them is worked out
//! from scratch.

mod claims;
mod fates;
mod mentions;

use std::path::Path;

use self::fates::Fates;
use super::bits::Bits;
use super::building::{Building, write_meta};
use super::claim::Part;
use super::erased::Erased;
use super::error::{Result, damaged};
use super::identifiers::without_claims;
use super::last::Last;
use super::ledger::Ledger;
use super::make::create;
use super::text::{Fields, Texts};
use crate::bucket::{kind_and_id, read_u32};
use crate::schema::{BySubject, Dataset, Subject};
use crate::sqlite::{Record, Table};

/// What is let go.
#[derive(Debug, Clone)]
pub struct Sieve<'e> {
    /// How long before the newest object of its dataset a row was observed that is let go, in microseconds; none: never.
    pub keep_for: Option<i64>,
    /// Who was erased.
    pub erased: &'e Erased,
    /// How many claims were there before the run.
    pub before: BySubject<usize>,
}

/// How much was let go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LetGo {
    /// Ways of telling of an account: of one account, there is one for each name, SID and uid that it had.
    pub accounts: u64,
    /// The same of devices.
    pub devices: u64,
    /// Those of both that were there before the run.
    pub before: BySubject<u64>,
    /// Older rows of accounts and devices that are kept.
    pub parts: u64,
    /// Pairs of an account and a device that logins, and last logins, name.
    pub usages: u64,
    /// Cells of rows that are kept.
    pub cells: u64,
}

impl LetGo {
    fn is_nothing(self) -> bool {
        self == LetGo::default()
    }
}

/// Writes a generation without what a sieve lets go, as a file at `to`; none where it lets nothing go.
///
/// # Errors
/// When the generation cannot be read, or the file not be written.
pub fn sift(from: &Path, to: &Path, sieve: &Sieve) -> Result<Option<LetGo>> {
    let last = Last::open(from)?;
    let ledger = Ledger::load(&last.reader)?;
    let sifting = Sifting {
        cutoffs: ledger.coverage().map(|newest| {
            let keep_for = sieve.keep_for?;
            Some(newest?.saturating_sub(keep_for))
        }),
        erased: sieve.erased,
        texts: Texts::load(last.reader.rows("text")?)?,
        last: &last,
        ledger,
    };
    let fates = BySubject {
        account: sifting.fates(Subject::Account)?,
        device: sifting.fates(Subject::Device)?,
    };
    let mut let_go = LetGo {
        accounts: fates.account.keys.len() as u64,
        devices: fates.device.keys.len() as u64,
        before: BySubject::of(|subject| {
            let let_go = fates[subject].keys.keys();
            let before = let_go.filter(|claim| claim.at() < sieve.before[subject]);
            before.count() as u64
        }),
        ..LetGo::default()
    };
    sifting.write(Building::new(create(to)?)?, &fates, &mut let_go)?;
    if let_go.is_nothing() {
        let _ = std::fs::remove_file(to);
        return Ok(None);
    }
    Ok(Some(let_go))
}

/// A generation that is sifted.
struct Sifting<'a> {
    last: &'a Last,
    ledger: Ledger,
    texts: Texts,
    /// By dataset; rows that were observed before are let go.
    cutoffs: [Option<i64>; Dataset::ALL.len()],
    erased: &'a Erased,
}

impl Sifting<'_> {
    fn is_old(&self, dataset: Dataset, observed_at: i64) -> bool {
        self.cutoffs[dataset as usize].is_some_and(|cutoff| observed_at < cutoff)
    }

    fn is_part_old(&self, subject: Subject, part: &Part) -> bool {
        self.is_old(subject.dataset(), self.ledger.observed_at(part.object))
    }

    fn write(
        &self,
        mut building: Building,
        fates: &BySubject<Fates>,
        let_go: &mut LetGo,
    ) -> Result<()> {
        let mut used = Bits::default();
        for subject in Subject::ALL {
            building.table(subject.table(), |table| {
                self.claims(subject, fates, (table, &mut used), let_go)
            })?;
        }
        building.table("mention", |table| self.mentions(fates, table, let_go))?;
        building.table("last_login", |table| self.formers(fates, table, let_go))?;
        building.table("held", |table| self.held(fates, table))?;
        let renumber = |reference: u32| {
            let (kind, row) = kind_and_id(reference)?;
            fates[Subject::of(kind)].reference(kind, row)
        };
        building.table("identifier", |table| {
            without_claims(self.last, renumber, table)
        })?;
        building.table("crowd", |table| self.crowds(renumber, table))?;
        building.table("text", |table| self.texts.write(|id| used.has(id), table))?;
        for name in ["object", "reject", "shape", "day"] {
            building.table(name, |table| self.last.copy(name, table))?;
        }
        building.table("meta", |table| self.meta(let_go.parts > 0, table))?;
        building.finish().map(|_| ())
    }

    /// Clears other columns that say what told of somebody who was erased; returns how many.
    fn clear_extra(&self, fields: &mut Fields) -> u64 {
        match self.erased.is_empty() {
            true => 0,
            false => fields.keep_extra(|_, value| !self.erased.has_value(value)),
        }
    }

    fn held(&self, fates: &BySubject<Fates>, table: &mut Table) -> Result<()> {
        let mut rows = self.last.reader.rows("held")?;
        let (mut id, mut record) = (0, Record::default());
        while let Some((_, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let mut number = || Ok::<_, super::Error>(columns.take()?.integer());
            let [hash, old, first, last] = [number()?, number()?, number()?, number()?]
                .map(|number| number.unwrap_or_default());
            let (kind, row) = kind_and_id(old as u32).ok_or(damaged("a value of no kind"))?;
            let subject = Subject::of(kind);
            let Some(new) = fates[subject].reference(kind, row) else {
                continue;
            };
            if self.is_old(subject.dataset(), last) {
                continue;
            }
            id += 1;
            record.clear();
            record.put_null();
            record.put_integer(hash);
            record.put_integer(i64::from(new));
            record.put_integer(first);
            record.put_integer(last);
            table.push(id, &record)?;
        }
        Ok(())
    }

    fn crowds(&self, renumber: impl Fn(u32) -> Option<u32>, table: &mut Table) -> Result<()> {
        let mut rows = self.last.reader.rows("crowd")?;
        let mut record = Record::default();
        while let Some((id, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let hash = columns.take()?;
            columns.skip(1)?;
            let bytes = columns.take()?.blob().unwrap_or_default();
            let old = bytes.chunks_exact(4).map(|one| read_u32(one, 0));
            let new: Vec<u32> = old.filter_map(&renumber).collect();
            let bytes: Vec<u8> = new.iter().flat_map(|one| one.to_le_bytes()).collect();
            record.clear();
            record.put_null();
            record.put(hash);
            record.put_integer(new.last().map_or(0, |last| i64::from(*last)));
            record.put_blob(&bytes);
            table.push(id, &record)?;
        }
        Ok(())
    }

    /// Writes what holds for the whole. Where rows are cut, what an account is follows from less: by no patterns that there
    /// are, it is worked out anew.
    fn meta(&self, are_rows_cut: bool, table: &mut Table) -> Result<()> {
        let values = self
            .last
            .meta
            .iter()
            .map(|(key, value)| match key.as_str() {
                "class_patterns" if are_rows_cut => ("class_patterns", "none"),
                key => (key, value.as_str()),
            });
        write_meta(values, table)
    }
}
