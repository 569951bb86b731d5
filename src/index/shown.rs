//! What answers show of devices, which stands in their usages too.

use super::error::{Error, Result};
use super::near;
use crate::bucket::read_u32;
use crate::sqlite::Columns;

/// What answers show of devices, by their rows, until the usages are written.
#[derive(Default)]
pub(super) struct Shown {
    batches: Vec<ShownBatch>,
    /// By row: its batch, and where it begins there.
    places: Vec<Option<(u32, u32)>>,
}

/// What answers show of some devices: the lengths of the columns' types and values, then those.
#[derive(Default)]
pub(super) struct ShownBatch {
    bytes: Vec<u8>,
    rows: Vec<(u32, u32)>,
}

impl ShownBatch {
    pub(super) fn put(&mut self, row: u32, columns: Columns) -> Result<()> {
        let full = |_| Error::Full { limit: u32::MAX };
        let begin = u32::try_from(self.bytes.len()).map_err(full)?;
        self.rows.push((row, begin));
        for length in [columns.types.len(), columns.values.len()] {
            let length = u32::try_from(length).map_err(full)?;
            self.bytes.extend_from_slice(&length.to_le_bytes());
        }
        self.bytes.extend_from_slice(columns.types);
        self.bytes.extend_from_slice(columns.values);
        Ok(())
    }
}

impl Shown {
    pub(super) fn add(&mut self, mut batch: ShownBatch) {
        let at = self.batches.len() as u32;
        for (row, begin) in std::mem::take(&mut batch.rows) {
            let row = row as usize;
            if row >= self.places.len() {
                self.places.resize(row + 1, None);
            }
            self.places[row] = Some((at, begin));
        }
        batch.bytes.shrink_to_fit();
        self.batches.push(batch);
    }

    /// Looks at what is shown of some devices.
    pub(super) fn touch(&self, rows: impl Iterator<Item = u32>) {
        let first = |row| {
            let (batch, begin) = (*self.places.get(row as usize)?)?;
            let bytes = &self.batches.get(batch as usize)?.bytes;
            bytes.get(begin as usize).copied()
        };
        near::touch(rows.map(|row| u64::from(first(row).unwrap_or(0))));
    }

    pub(super) fn get(&self, row: u32) -> Option<Columns<'_>> {
        let (batch, begin) = (*self.places.get(row as usize)?)?;
        let bytes = self
            .batches
            .get(batch as usize)?
            .bytes
            .get(begin as usize..)?;
        let (lengths, rest) = bytes.split_at_checked(2 * size_of::<u32>())?;
        let (types, rest) = rest.split_at_checked(read_u32(lengths, 0) as usize)?;
        Some(Columns {
            types,
            values: rest.get(..read_u32(lengths, 4) as usize)?,
        })
    }
}
