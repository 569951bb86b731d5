//! Sanity: what looks wrong about whole objects though each of their rows can be taken. Told once a run, with figures.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::Array;

use crate::identifier::Column;
use crate::observation::Decoded;
use crate::schema::Dataset;

/// Numbers of rows at which Nexthink cuts: what NQL answers with, and what an export holds at the most.
const CAPS: [u64; 2] = [1_000, 1_000_000];
/// Rows below which a column may be empty by chance.
const FEW: u64 = 20;

/// What an object is, beside its rows.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Its rows, those rejected too.
    pub(super) rows: u64,
    /// Of these, rows that were not known by their bytes.
    pub(super) anew: u64,
    pub(super) hashed_upns: u64,
    /// Columns of identifiers without one in any row.
    pub(super) empty: Vec<String>,
    /// Columns that were probably renamed.
    pub(super) hints: Vec<String>,
}

/// Which columns of an object have something in them.
pub(super) struct Filled(Vec<bool>);

impl Filled {
    pub(super) fn new(columns: usize) -> Filled {
        Filled(vec![false; columns])
    }

    /// Notes a batch; rows that were recognised are not looked at, and have what they had.
    pub(super) fn note(&mut self, batch: &Decoded) {
        let rows = batch.records.num_rows();
        for (filled, cells) in self.0.iter_mut().zip(batch.records.columns()) {
            *filled |= cells.null_count() < rows || !batch.recognised.is_empty();
        }
    }

    /// Returns the names of the columns of identifiers that have nothing.
    pub(super) fn empty(&self, held: &[Column], header: &[String]) -> Vec<String> {
        let columns = self.0.iter().zip(held).zip(header);
        let empty = columns.filter(|((filled, held), _)| {
            !**filled && (held.is_key() || **held == Column::Identifier)
        });
        empty.map(|(_, name)| name.clone()).collect()
    }
}

/// What was seen of all objects of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Sanity {
    /// By dataset and column: objects, and rows in them.
    empty: BTreeMap<(Dataset, String), (u64, u64)>,
    /// UPNs that are hashed, and rows of users.
    hashed: (u64, u64),
    /// By number of rows: objects, and the first of them.
    capped: BTreeMap<u64, (u64, String)>,
    hints: BTreeSet<String>,
}

impl Sanity {
    pub(super) fn note(&mut self, object: &str, dataset: Dataset, seen: Seen) {
        if dataset == Dataset::Users {
            self.hashed.0 += seen.hashed_upns;
            self.hashed.1 += seen.anew;
        }
        if CAPS.contains(&seen.rows) {
            let capped = self.capped.entry(seen.rows);
            capped.or_insert((0, object.to_owned())).0 += 1;
        }
        for column in seen.empty.into_iter().filter(|_| seen.rows >= FEW) {
            let (objects, rows) = self.empty.entry((dataset, column)).or_default();
            *objects += 1;
            *rows += seen.rows;
        }
        self.hints.extend(seen.hints);
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for ((dataset, column), (objects, rows)) in &self.empty {
            warnings.push(format!(
                "{column} is empty in all {rows} rows of {objects} {} objects: nobody is found by it; check the query, and the \
                 right of the exporter to see it",
                dataset.as_str()
            ));
        }
        if self.hashed.0 > 0 {
            warnings.push(format!(
                "{} UPNs in {} rows of users that were read anew are hashed, as the tenant's privacy settings ask for: nobody is found by them",
                self.hashed.0, self.hashed.1
            ));
        }
        for (rows, (objects, first)) in &self.capped {
            warnings.push(format!(
                "{objects} objects have exactly {rows} rows, at which Nexthink cuts: rows may be missing (first {first})"
            ));
        }
        warnings.extend(self.hints.iter().cloned());
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(rows: u64, hashed_upns: u64, empty: &[&str]) -> Vec<String> {
        let mut sanity = Sanity::default();
        for object in ["a", "b"] {
            let seen = Seen {
                rows,
                anew: rows,
                hashed_upns,
                empty: empty.iter().map(|name| (*name).to_owned()).collect(),
                hints: vec!["hint".to_owned()],
            };
            sanity.note(object, Dataset::Users, seen);
        }
        sanity.warnings()
    }

    #[test]
    fn what_is_odd_is_told_once_with_figures() {
        assert_eq!(warnings(999, 0, &[]), ["hint"]);
        let told = warnings(1_000, 3, &["user.sid"]);
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].starts_with("user.sid is empty in all 2000 rows of 2 users objects"));
        assert!(told[1].starts_with("6 UPNs in 2000 rows of users that were read anew are hashed"));
        assert!(told[2].starts_with("2 objects have exactly 1000 rows"));
        assert_eq!(warnings(19, 0, &["user.sid"]), ["hint"]);
    }
}
