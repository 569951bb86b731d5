//! What the rows of a subject come to, beside the table: made a few thousand at a time, and joined in the order of their ids.

use std::collections::BTreeSet;

use super::claim::ClaimId;
use super::day_counts::Tally;
use super::digest::Digest;
use super::domains::Domains;
use super::error::Result;
use super::object_lines::NewestRows;
use super::seen::Seen;
use super::shown::{Shown, ShownBatch};
use super::stands_for::Holder;
use super::{Changes, EXAMPLES, Examples};
use crate::schema::Class;
use crate::sqlite::{Encoded, Record, Table};

/// Rows that are made, in the order of their ids, and what else they come to.
#[derive(Default)]
pub(super) struct MadeRows {
    pub(super) rows: Encoded,
    pub(super) classes: Vec<Class>,
    pub(super) same_value: Vec<Holder>,
    pub(super) shown: ShownBatch,
    pub(super) seen: Seen,
    pub(super) domains: Domains,
    /// Texts of claims that are merged with others.
    pub(super) composed: Vec<(ClaimId, Record)>,
    pub(super) counts: NewestRows,
    pub(super) changed: Changed,
    pub(super) tally: Tally,
    pub(super) digest: Digest,
    pub(super) record: Record,
    pub(super) bytes: Vec<u8>,
}

/// What writing a subject's rows comes to.
pub(super) struct WrittenRows {
    /// Of each row, by its id.
    pub(super) classes: Vec<Class>,
    /// Accounts that hold a UPN which others say too, or devices with such a serial number.
    pub(super) same_value: Vec<Holder>,
    pub(super) shown: Shown,
    pub(super) seen: Seen,
    pub(super) domains: Domains,
    pub(super) counts: NewestRows,
    changed: Changed,
    pub(super) tally: Tally,
    pub(super) digest: Digest,
}

/// Subjects that are otherwise than in the last generation, by their rows: some stand in a list twice.
#[derive(Default)]
pub(super) struct Changed {
    pub(super) added: u64,
    pub(super) changed: Vec<u32>,
    pub(super) gone: Vec<u32>,
}

impl WrittenRows {
    /// Makes room for so many rows.
    pub(super) fn with_capacity(rows: usize) -> WrittenRows {
        let mut classes = Vec::with_capacity(rows + 1);
        // No row has id 0.
        classes.push(Class::Unknown);
        WrittenRows {
            classes,
            same_value: Vec::new(),
            shown: Shown::default(),
            seen: Seen::with_capacity(rows),
            domains: Domains::default(),
            counts: NewestRows::default(),
            changed: Changed::default(),
            tally: Tally::default(),
            digest: Digest::default(),
        }
    }

    /// Writes rows, and adds what else they come to.
    pub(super) fn take(&mut self, made: MadeRows, table: &mut Table) -> Result<()> {
        table.push_all(&made.rows)?;
        self.classes.extend(made.classes);
        self.same_value.extend(made.same_value);
        self.seen.extend(made.seen);
        self.domains.extend(made.domains);
        self.shown.add(made.shown);
        self.counts.join(made.counts);
        self.changed.added += made.changed.added;
        self.changed.changed.extend(made.changed.changed);
        self.changed.gone.extend(made.changed.gone);
        self.tally.join(made.tally);
        self.digest.join(made.digest);
        Ok(())
    }

    /// Returns some of the subjects that are otherwise than in the last generation, by their ids.
    pub(super) fn examples(&self) -> Examples {
        let some = |rows: &[u32]| {
            let distinct: BTreeSet<u32> = rows.iter().copied().collect();
            distinct.into_iter().take(EXAMPLES).collect()
        };
        Examples {
            changed: some(&self.changed.changed),
            gone: some(&self.changed.gone),
        }
    }

    /// Returns how many subjects are otherwise than in the last generation.
    pub(super) fn changes(&self) -> Changes {
        let distinct = |rows: &[u32]| rows.iter().collect::<BTreeSet<_>>().len() as u64;
        Changes {
            added: self.changed.added,
            changed: distinct(&self.changed.changed),
            gone: distinct(&self.changed.gone),
            ..Changes::default()
        }
    }
}
