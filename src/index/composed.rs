//! Texts of claims that are merged with others, kept until the rows of those subjects are written.

use std::collections::HashMap;
use std::path::Path;

use super::claim::ClaimId;
use super::error::{Error, Result, damaged};
use super::spill::{Spill, Text};
use crate::sqlite::Columns;

/// Texts of claims that are merged with others, until those are written.
pub(super) struct Composed {
    spill: Spill,
    places: HashMap<ClaimId, Text>,
}

impl Composed {
    pub(super) fn new(folder: &Path) -> Composed {
        Composed {
            spill: Spill::new(folder.to_owned()),
            places: HashMap::new(),
        }
    }

    pub(super) fn put(&mut self, claim: ClaimId, columns: Columns) -> Result<()> {
        let length = (columns.types.len() as u32).to_le_bytes();
        let place = self.spill.push(&[&length, columns.types, columns.values])?;
        self.places.insert(claim, place);
        Ok(())
    }

    pub(super) fn of(&self, claims: &[ClaimId]) -> Result<Vec<Vec<u8>>> {
        let mut reader = self.spill.reader();
        let mut texts = Vec::with_capacity(claims.len());
        for claim in claims {
            let place = self.places.get(claim).copied();
            let place = place.ok_or(Error::Inconsistent("a merged row has no text"))?;
            texts.push(reader.read(place)?.to_vec());
        }
        Ok(texts)
    }
}

/// Reads a text that was kept for merging.
pub(super) fn columns_of(text: &[u8]) -> Result<Columns<'_>> {
    let split = text
        .split_first_chunk()
        .and_then(|(length, rest)| rest.split_at_checked(u32::from_le_bytes(*length) as usize));
    let (types, values) = split.ok_or(damaged("a text that was held back"))?;
    Ok(Columns { types, values })
}
