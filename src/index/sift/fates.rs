//! What becomes of each claim: which are dropped, and by what number the others go.

use std::collections::{HashMap, HashSet};

use super::Sifting;
use super::claims::ClaimRow;
use crate::bucket::reference;
use crate::identifier::Kind;
use crate::index::Result;
use crate::index::claim::ClaimId;
use crate::index::subject::{is_key_sid, keys_in};
use crate::schema::{STRONG, Subject};
use crate::sealed::stored_form;
use crate::sqlite::Columns;

/// What becomes of the claims of a subject.
#[derive(Default)]
pub(super) struct Fates {
    /// By old position: the new row, 0 for what is dropped.
    pub(super) rows: Vec<u32>,
    kept: u32,
    /// Accounts that have a key of somebody who was erased, by its position, and are another one.
    pub(super) shared: HashSet<(ClaimId, usize)>,
    /// The keys of claims that are dropped, in normal form: logins may name others by them, too.
    pub(super) keys: HashMap<ClaimId, [Option<String>; 3]>,
}

impl Fates {
    pub(super) fn new_id(&self, old: ClaimId) -> Option<ClaimId> {
        let row = self.rows.get(old.at()).copied();
        row.and_then(ClaimId::of_row)
    }

    /// Returns what a reference to a claim of the subject is now.
    pub(super) fn reference(&self, kind: Kind, row: u32) -> Option<u32> {
        let new = self.new_id(ClaimId::of_row(row)?)?;
        Some(reference(kind, new.row()))
    }
}

impl Sifting<'_> {
    pub(super) fn each_claim(
        &self,
        subject: Subject,
        mut each: impl FnMut(ClaimRow) -> Result<()>,
    ) -> Result<()> {
        let mut rows = self.last.reader.rows(subject.table())?;
        while let Some((_, columns)) = rows.next()? {
            match ClaimRow::read(&self.ledger, columns)? {
                Some(row) => each(row)?,
                None => break,
            }
        }
        Ok(())
    }

    pub(super) fn fates(&self, subject: Subject) -> Result<Fates> {
        let mut fates = Fates::default();
        self.each_claim(subject, |row| {
            let id = ClaimId::of_position(fates.rows.len());
            let is_old = self.is_part_old(subject, &row.stored.newest);
            if is_old || self.is_erased(subject, &row)? {
                fates.keys.insert(id, self.keys_of(subject, row.text)?);
                fates.rows.push(0);
            } else {
                let shared = self.keys_erased(subject, &row)?.into_iter();
                fates.shared.extend(shared.map(|at| (id, at)));
                fates.kept += 1;
                fates.rows.push(fates.kept);
            }
            Ok(())
        })?;
        Ok(fates)
    }

    fn keys_of(&self, subject: Subject, mut text: Columns) -> Result<[Option<String>; 3]> {
        let mut keys = [None, None, None];
        for (key, kind) in keys.iter_mut().zip(subject.key_kinds()) {
            let value = self.texts.shown(text.take()?);
            let normal = value.as_deref().map(|value| stored_form(kind, value));
            *key = normal.and_then(|normal| Some(normal.ok()?.into_owned()));
        }
        Ok(keys)
    }

    fn is_erased(&self, subject: Subject, row: &ClaimRow) -> Result<bool> {
        if self.erased.is_empty() || subject == Subject::Device {
            return Ok(false);
        }
        let mut keys = keys_in(subject, row.text, &self.texts)?;
        let is_key = is_key_sid(row.text, &self.texts)?;
        keys[STRONG] = keys[STRONG].filter(|_| is_key);
        Ok(self.erased.has_strongest(keys))
    }

    /// Returns the positions of an account's keys that somebody had who was erased.
    fn keys_erased(&self, subject: Subject, row: &ClaimRow) -> Result<Vec<usize>> {
        if self.erased.is_empty() || subject == Subject::Device {
            return Ok(Vec::new());
        }
        let keys = keys_in(subject, row.text, &self.texts)?;
        let keys = keys.into_iter().zip(subject.key_kinds()).enumerate();
        let erased =
            keys.filter(|(_, (key, kind))| key.is_some_and(|key| self.erased.has_key(*kind, key)));
        Ok(erased.map(|(at, _)| at).collect())
    }
}
