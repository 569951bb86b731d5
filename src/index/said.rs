//! When and where a row was said: what orders it among all rows of its dataset.

use std::num::NonZeroU32;

use super::error::{Result, damaged};
use crate::sqlite::Value;

/// Stands for "the row has no `last_seen`": sorts before every time.
pub(super) const NEVER: i64 = i64::MIN;

/// The id of an object in the ledger. They begin at 1 and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ObjectId(NonZeroU32);

impl ObjectId {
    /// Returns the object of a number, if that can be one's.
    pub(super) fn of(number: u32) -> Option<ObjectId> {
        NonZeroU32::new(number).map(ObjectId)
    }

    /// Returns the object at a position in the ledger.
    pub(super) fn of_position(at: usize) -> ObjectId {
        ObjectId(NonZeroU32::MIN.saturating_add(at as u32))
    }

    /// Reads a column that names an object.
    pub(super) fn read(value: Value) -> Result<ObjectId> {
        let number = value
            .integer()
            .and_then(|number| u32::try_from(number).ok());
        number
            .and_then(ObjectId::of)
            .ok_or(damaged("an object is not named"))
    }

    /// Returns its position in the ledger.
    pub(super) fn at(self) -> usize {
        self.number() as usize - 1
    }

    /// Returns its number.
    pub(super) fn number(self) -> u32 {
        self.0.get()
    }
}

/// The id of a set of columns that objects carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShapeId(pub(super) u16);

/// When a row was said, and where: what orders it among all rows of its dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) object: ObjectId,
    /// `claim::NEVER` when it says none.
    pub(super) last_seen: i64,
    pub(super) row: u32,
}

/// The total order of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowStamp {
    pub(super) observed_at: i64,
    /// The row's own; absent sorts first.
    pub(super) last_seen: Option<i64>,
    pub(super) modified_at: i64,
    pub(super) blake3: [u8; 32],
    pub(super) row: u32,
}
