//! Evidence: a value that agrees with a query, how well it does, and the row that says so.
//!
//! Whether that is enough to go by is said by the match that holds it.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::identifier::Kind;

/// A value of a match that agrees with the query, and the row that says so.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Evidence {
    /// As what it agrees.
    pub kind: Kind,
    /// The value as exported.
    pub value: String,
    /// When the row was observed.
    pub observed_at: Timestamp,
    /// The key of the object that holds the row.
    pub object: String,
    /// The row's number there; the first one behind the header is 1.
    pub row: u32,
}

impl Evidence {
    /// Orders evidence of one kind, what was observed last first; of equal ones the smallest key.
    pub(super) fn rank(&self) -> impl Ord + '_ {
        (Reverse(self.observed_at), &self.object, self.row)
    }
}

/// How a value agrees with the query; the better one is the smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Spelt alike.
    Exact,
    /// Another spelling of the same value.
    Folded,
    /// A device name without its domain on one side.
    ShortName,
    /// An account name of which the query gives no domain.
    BareName,
}

impl Level {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Exact => "exact",
            Level::Folded => "folded",
            Level::ShortName => "short_name",
            Level::BareName => "bare_name",
        }
    }
}
