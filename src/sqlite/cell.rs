//! Cells of a table's leaves: a row each.

use super::page::page_number;
use super::record::take_varint;
use super::spill::Spill;
use super::{Error, Result};

const CUT: Error = Error::Damaged("a row is cut");

/// A row as it stands in its leaf.
pub(super) struct RowCell<'a> {
    pub(super) rowid: i64,
    /// Bytes of all of its payload.
    pub(super) bytes: usize,
    /// What of it stands here.
    pub(super) payload: &'a [u8],
    /// The first page of the rest.
    pub(super) overflow: Option<u32>,
}

impl<'a> RowCell<'a> {
    /// Reads a cell, which is followed by others, of a page of so many bytes.
    pub(super) fn of(mut cell: &'a [u8], usable_bytes: usize) -> Result<RowCell<'a>> {
        let bytes = take_varint(&mut cell).ok_or(CUT)?;
        let bytes = usize::try_from(bytes).map_err(|_| CUT)?;
        let rowid = take_varint(&mut cell).ok_or(CUT)? as i64;
        let kept = Spill::of_table(usable_bytes).kept(bytes);
        let payload = cell.get(..kept).ok_or(CUT)?;
        let overflow = match kept == bytes {
            true => None,
            false => Some(page_number(cell.get(kept..))?),
        };
        Ok(RowCell {
            rowid,
            bytes,
            payload,
            overflow,
        })
    }

    /// Reads the rowid of a cell.
    pub(super) fn rowid(mut cell: &[u8]) -> Result<i64> {
        take_varint(&mut cell).ok_or(CUT)?;
        Ok(take_varint(&mut cell).ok_or(CUT)? as i64)
    }
}
