//! Where a claim's text is read from: the last generation, or what this run spilled.

use super::claim::{ClaimId, Print};
use super::error::{Result, damaged};
use super::spill::{SpillReader, Text};
use super::text::no_text;
use crate::bucket::{read_u32, read_u64};
use crate::observation::Traits;
use crate::schema::HEAD_COLUMNS;
use crate::sqlite::{Columns, Rows};

/// Bytes before the columns of a spilled row.
const PRINT_BYTES: usize = 8 + 8 + 1 + 4;

/// Returns the entry that a row is spilled as, in parts.
pub(super) fn spilled(print: Print, columns: Columns) -> [u8; PRINT_BYTES] {
    let mut bytes = [0; PRINT_BYTES];
    bytes[..8].copy_from_slice(&print.raw.to_le_bytes());
    bytes[8..16].copy_from_slice(&print.fingerprint.to_le_bytes());
    bytes[16] = print.traits.to_byte();
    bytes[17..].copy_from_slice(&(columns.types.len() as u32).to_le_bytes());
    bytes
}

fn read_spilled(entry: &[u8]) -> Option<(Print, Columns<'_>)> {
    let types = read_u32(entry, 17) as usize;
    let (types, values) = entry.get(PRINT_BYTES..)?.split_at_checked(types)?;
    let print = Print {
        raw: read_u64(entry, 0),
        fingerprint: read_u64(entry, 8),
        traits: Traits::of_byte(entry[16]),
    };
    Some((print, Columns { types, values }))
}

/// Reads the texts of claims, in the order of their ids.
pub(super) struct TextReader<'s> {
    rows: Rows<'s>,
    spill: SpillReader<'s>,
}

impl<'s> TextReader<'s> {
    pub(super) fn new(rows: Rows<'s>, spill: SpillReader<'s>) -> TextReader<'s> {
        TextReader { rows, spill }
    }

    /// Returns a claim's text.
    pub(super) fn text(&mut self, id: ClaimId, text: Text) -> Result<Columns<'_>> {
        match text.is_kept() {
            true => self.kept(id),
            false => Ok(self.spilled(text)?.1),
        }
    }

    /// Returns a claim's text in the last generation.
    fn kept(&mut self, id: ClaimId) -> Result<Columns<'_>> {
        let mut columns = self.head(id)?;
        columns.skip(HEAD_COLUMNS.len())?;
        Ok(columns)
    }

    /// Returns a claim's row in the last generation, from its owner on.
    pub(super) fn head(&mut self, id: ClaimId) -> Result<Columns<'_>> {
        let row = self.rows.find(i64::from(id.row()))?;
        let mut columns = row.ok_or_else(no_text)?;
        columns.skip(1)?;
        Ok(columns)
    }

    /// Returns a text of this run, and the numbers that came with it.
    pub(super) fn spilled(&mut self, text: Text) -> Result<(Print, Columns<'_>)> {
        let entry = self.spill.read(text)?;
        read_spilled(entry).ok_or(damaged("a text that was held back"))
    }
}
