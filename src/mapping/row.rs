//! A row: one record of a batch, its cells by field, and why one of them cannot be taken.

use std::borrow::Cow;

use crate::identifier::{self, Kind, Refusal};
use crate::observation::{Columns, Layout};

/// A row that cannot be taken: the column and what was expected.
pub(super) struct Refusing {
    pub(super) column: Option<usize>,
    pub(super) reason: Cow<'static, str>,
}

/// One record and how its columns fill fields.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) columns: &'a Columns,
    pub(super) layout: &'a Layout,
    pub(super) at: u32,
}

impl<'a> Row<'a> {
    /// Returns another record of the same batch.
    pub(super) fn at(self, record: usize) -> Row<'a> {
        Row {
            at: record as u32,
            ..self
        }
    }

    pub(super) fn text(self, field: usize) -> Option<&'a str> {
        self.columns.cell(self.layout.columns[field]?, self.at)
    }

    /// A key's normal form; `None` when it is not said.
    pub(super) fn key(self, field: usize, kind: Kind) -> Result<Option<Cow<'a, str>>, Refusing> {
        let Some(text) = self.text(field) else {
            return Ok(None);
        };
        match identifier::normal_form(kind, text) {
            Ok(normal) => Ok(Some(normal)),
            Err(Refusal::Empty | Refusal::Placeholder) => Ok(None),
            Err(refusal) => Err(Refusing {
                column: self.layout.columns[field],
                reason: refusal.to_string().into(),
            }),
        }
    }

    pub(super) fn count(self, field: usize) -> Result<Option<u64>, Refusing> {
        let Some(text) = self.text(field) else {
            return Ok(None);
        };
        match count(text) {
            Some(count) => Ok(Some(count)),
            None => Err(Refusing {
                column: self.layout.columns[field],
                reason: "not a count: expected a whole number such as 26".into(),
            }),
        }
    }
}

/// Reads how many logins a row counts.
pub(crate) fn count(text: &str) -> Option<u64> {
    /// Ten digits: sums of them do not overflow.
    const MAX: u64 = 9_999_999_999;
    // Programs that know of no whole numbers with gaps write fractions.
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|zero| zero == b'0') => {
            whole
        }
        _ => text,
    };
    whole.parse().ok().filter(|count| *count <= MAX)
}
