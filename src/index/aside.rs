//! Texts put aside by number until rows that are written later need them: what is merged of several claims, and other
//! columns of logins rows.

use std::path::Path;

use super::error::{Result, damaged};
use super::spill::{Spill, SpillReader, Spilled, Text};
use crate::sqlite::Columns;

/// Texts put aside, while they come.
pub(super) struct Aside {
    spill: Spill,
    places: Vec<Text>,
}

/// Texts put aside, all of them.
pub(super) struct PutAside {
    spilled: Spilled,
    places: Vec<Text>,
}

impl Aside {
    pub(super) fn new(folder: &Path) -> Aside {
        Aside {
            spill: Spill::new(folder.to_owned()),
            places: Vec::new(),
        }
    }

    /// Keeps a text under a number.
    pub(super) fn put(&mut self, at: usize, parts: &[&[u8]]) -> Result<()> {
        if self.places.len() <= at {
            self.places.resize(at + 1, Text::KEPT);
        }
        self.places[at] = self.spill.push(parts)?;
        Ok(())
    }

    /// Keeps columns under a number.
    pub(super) fn put_columns(&mut self, at: usize, columns: Columns) -> Result<()> {
        let length = (columns.types.len() as u32).to_le_bytes();
        self.put(at, &[&length, columns.types, columns.values])
    }

    /// Returns them once no more come.
    pub(super) fn seal(self) -> Result<PutAside> {
        Ok(PutAside {
            spilled: self.spill.seal()?,
            places: self.places,
        })
    }
}

impl PutAside {
    /// Tells whether there is a text of a number.
    pub(super) fn has(&self, at: usize) -> bool {
        self.places.get(at).is_some_and(|text| !text.is_kept())
    }

    /// Begins to read.
    pub(super) fn reader(&self) -> AsideReader<'_> {
        AsideReader {
            reader: self.spilled.reader(),
            places: &self.places,
        }
    }
}

/// Reads texts that were put aside.
pub(super) struct AsideReader<'a> {
    reader: SpillReader<'a>,
    places: &'a [Text],
}

impl AsideReader<'_> {
    /// Returns the text of a number, if there is one.
    pub(super) fn get(&mut self, at: usize) -> Result<Option<&[u8]>> {
        match self.places.get(at) {
            Some(text) if !text.is_kept() => Ok(Some(self.reader.read(*text)?)),
            _ => Ok(None),
        }
    }
}

/// Reads columns that were put aside.
pub(super) fn columns_of(text: &[u8]) -> Result<Columns<'_>> {
    let split = text
        .split_first_chunk()
        .and_then(|(length, rest)| rest.split_at_checked(u32::from_le_bytes(*length) as usize));
    let (types, values) = split.ok_or(damaged("a text that was put aside"))?;
    Ok(Columns { types, values })
}
