//! Sanity: what looks wrong about whole objects though each of their rows can be taken. Told once a run, with figures.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::StringArray;

use crate::identifier::Column;
use crate::observation::Decoded;
use crate::schema::{Dataset, ROW_CAPS};

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
    /// Columns of keys with the same one in all rows.
    pub(super) same: Vec<String>,
    /// Columns that were probably renamed.
    pub(super) hints: Vec<String>,
}

/// What the columns of an object have in them.
pub(super) struct Filled(Vec<Has>);

/// What a column has in the rows that were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Has {
    Nothing,
    /// The same in all of them.
    One(String),
    Several,
}

impl Has {
    fn note(&mut self, cells: &StringArray) {
        for cell in cells {
            *self = match (&*self, cell) {
                (Has::Several, _) => return,
                (Has::Nothing, None) => continue,
                (Has::Nothing, Some(cell)) => Has::One(cell.to_owned()),
                (Has::One(known), Some(cell)) if known == cell => continue,
                (Has::One(_), _) => Has::Several,
            };
        }
    }
}

impl Filled {
    pub(super) fn new(columns: usize) -> Filled {
        Filled(vec![Has::Nothing; columns])
    }

    /// Notes a batch; rows that were recognised are not looked at, and have what they had.
    pub(super) fn note(&mut self, batch: &Decoded) {
        for (has, cells) in self.0.iter_mut().zip(batch.records.columns()) {
            match cells.as_any().downcast_ref() {
                Some(cells) if batch.recognised.is_empty() => has.note(cells),
                _ => *has = Has::Several,
            }
        }
    }

    /// Returns the names of the columns of identifiers that have nothing.
    pub(super) fn empty(&self, held: &[Column], header: &[String]) -> Vec<String> {
        let columns = self.0.iter().zip(held).zip(header);
        let empty = columns.filter(|((has, held), _)| {
            **has == Has::Nothing && (held.is_key() || **held == Column::Identifier)
        });
        empty.map(|(_, name)| name.clone()).collect()
    }

    /// Returns the names of the columns of keys that have one and the same in all rows.
    pub(super) fn same(&self, held: &[Column], header: &[String]) -> Vec<String> {
        let columns = self.0.iter().zip(held).zip(header);
        let same = columns.filter(|((has, held), _)| matches!(has, Has::One(_)) && held.is_key());
        same.map(|(_, name)| name.clone()).collect()
    }
}

/// What was seen of all objects of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Sanity {
    /// By dataset and column: objects, and rows in them.
    empty: BTreeMap<(Dataset, String), (u64, u64)>,
    same: BTreeMap<(Dataset, String), (u64, u64)>,
    /// UPNs that are hashed, and rows of users.
    hashed: (u64, u64),
    /// Objects that say by their names that they were cut, and the first of them.
    truncated: Option<(u64, String)>,
    /// By number of rows: objects, and the first of them.
    capped: BTreeMap<u64, (u64, String)>,
    hints: BTreeSet<String>,
    /// Objects with a header and no row, by dataset, and the first of them.
    blank: BTreeMap<Dataset, (u64, String)>,
}

impl Sanity {
    pub(super) fn note(&mut self, object: &str, dataset: Dataset, seen: Seen) {
        if dataset == Dataset::Users {
            self.hashed.0 += seen.hashed_upns;
            self.hashed.1 += seen.anew;
        }
        if object.ends_with("-truncated.csv") {
            let truncated = self.truncated.get_or_insert((0, object.to_owned()));
            truncated.0 += 1;
        }
        if ROW_CAPS.contains(&seen.rows) {
            let capped = self.capped.entry(seen.rows);
            capped.or_insert((0, object.to_owned())).0 += 1;
        }
        // In an hour of the night nobody logs in.
        if seen.rows == 0 && dataset != Dataset::Logins {
            let blank = self.blank.entry(dataset);
            blank.or_insert((0, object.to_owned())).0 += 1;
        }
        // Logins may all be of one user, or on one device.
        let same = match dataset {
            Dataset::Logins => Vec::new(),
            Dataset::Users | Dataset::Devices => seen.same,
        };
        for (columns, told) in [(seen.empty, &mut self.empty), (same, &mut self.same)] {
            for column in columns.into_iter().filter(|_| seen.rows >= FEW) {
                let (objects, rows) = told.entry((dataset, column)).or_default();
                *objects += 1;
                *rows += seen.rows;
            }
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
        for ((dataset, column), (objects, rows)) in &self.same {
            warnings.push(format!(
                "{column} is the same in all {rows} rows of {objects} {} objects, and makes one of them all; check the query, or \
                 leave the column out",
                dataset.as_str()
            ));
        }
        if self.hashed.0 > 0 {
            warnings.push(format!(
                "{} UPNs in {} rows of users that were read anew are hashed, as the tenant's privacy settings ask for: nobody is found by them",
                self.hashed.0, self.hashed.1
            ));
        }
        if let Some((objects, first)) = &self.truncated {
            warnings.push(format!(
                "{objects} objects were cut by Nexthink, as their names say (first {first}): rows are missing; narrow the query, or \
                 export more often"
            ));
        }
        for (rows, (objects, first)) in &self.capped {
            warnings.push(format!(
                "{objects} objects have exactly {rows} rows, at which Nexthink cuts: rows may be missing (first {first})"
            ));
        }
        for (dataset, (objects, first)) in &self.blank {
            warnings.push(format!(
                "{objects} {} objects have a header and no row (first {first}): check the query, and the right of the exporter to see \
                 them; they say nothing, and the index is as old as before",
                dataset.as_str()
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
                same: Vec::new(),
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
