//! Sanity: what looks wrong about whole objects though each of their rows can be taken. Told once a run, with figures.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::StringArray;

use crate::identifier::Column;
use crate::observation::Decoded;
use crate::schema::{Dataset, ROW_CAPS, SHEET_ROWS};

/// Rows below which a column may be empty by chance.
const FEW: u64 = 20;

/// What an object is, beside its rows.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Its rows, those rejected too.
    pub(super) rows: u64,
    /// Of these, rows that were not known by their bytes.
    pub(super) anew: u64,
    /// It says that more rows follow in another one.
    pub(super) says_more: bool,
    /// The column of identifiers within which it ends.
    pub(super) cut_in: Option<String>,
    pub(super) hashed_upns: u64,
    pub(super) hashed_names: u64,
    /// Most of its texts beyond ASCII are UTF-8 that was taken for another encoding, and made UTF-8 again.
    pub(super) is_encoded_twice: bool,
    /// Columns of identifiers without one in any row.
    pub(super) empty: Vec<String>,
    /// Columns of keys with the same one in all rows.
    pub(super) same: Vec<String>,
    /// Columns that were probably renamed.
    pub(super) hints: Vec<String>,
}

/// What the columns of an object have in them.
pub(super) struct Filled {
    columns: Vec<Has>,
    /// Of the first rows, cells with letters beyond ASCII, and those of them that were encoded twice.
    letters: Option<(u64, u64)>,
}

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
        Filled {
            columns: vec![Has::Nothing; columns],
            letters: None,
        }
    }

    /// Notes a batch; rows that were recognised are not looked at, and have what they had.
    pub(super) fn note(&mut self, batch: &Decoded) {
        self.letters.get_or_insert_with(|| letters(batch));
        for (has, cells) in self.columns.iter_mut().zip(batch.records.columns()) {
            match cells.as_any().downcast_ref() {
                Some(cells) if batch.recognised.is_empty() => has.note(cells),
                _ => *has = Has::Several,
            }
        }
    }

    /// Returns the names of the columns of identifiers that have nothing.
    pub(super) fn empty(&self, held: &[Column], header: &[String]) -> Vec<String> {
        let columns = self.columns.iter().zip(held).zip(header);
        let empty = columns.filter(|((has, held), _)| {
            **has == Has::Nothing && (held.is_key() || **held == Column::Identifier)
        });
        empty.map(|(_, name)| name.clone()).collect()
    }

    /// Returns the names of the columns of keys that have one and the same in all rows.
    pub(super) fn same(&self, held: &[Column], header: &[String]) -> Vec<String> {
        let columns = self.columns.iter().zip(held).zip(header);
        let same = columns.filter(|((has, held), _)| matches!(has, Has::One(_)) && held.is_key());
        same.map(|(_, name)| name.clone()).collect()
    }

    /// Tells whether the texts of the first rows were encoded twice. One name may be written so where it comes from.
    pub(super) fn is_encoded_twice(&self) -> bool {
        let (cells, twice) = self.letters.unwrap_or_default();
        twice >= 3 && twice * 2 > cells
    }
}

/// Counts the cells with letters beyond ASCII, and those of them that were encoded twice.
fn letters(batch: &Decoded) -> (u64, u64) {
    let columns = batch.records.columns().iter();
    let columns = columns.filter_map(|column| column.as_any().downcast_ref::<StringArray>());
    let cells = columns.flat_map(|cells| cells.iter().flatten());
    let beyond = cells.filter(|cell| !cell.is_ascii());
    beyond.fold((0, 0), |(cells, twice), cell| {
        (cells + 1, twice + u64::from(is_encoded_twice(cell)))
    })
}

/// Tells whether a text has what one with letters of Latin becomes: `Ã` and what the second byte of such a letter is in
/// Windows-1252, which no language writes there.
fn is_encoded_twice(text: &str) -> bool {
    let letters = text.chars();
    let pairs = letters.clone().zip(letters.skip(1));
    let mut pairs = pairs.filter(|(first, _)| matches!(first, 'Ã' | 'Å' | 'Ä'));
    pairs.any(|(_, second)| {
        let mut room = [0; 4];
        let second = second.encode_utf8(&mut room);
        let (bytes, _, is_lossy) = encoding_rs::WINDOWS_1252.encode(second);
        !is_lossy && matches!(*bytes, [0x80..=0xbf])
    })
}

/// What was seen of all objects of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Sanity {
    /// By dataset and column: objects, and rows in them.
    empty: BTreeMap<(Dataset, String), (u64, u64)>,
    same: BTreeMap<(Dataset, String), (u64, u64)>,
    /// UPNs that are hashed, and rows of users.
    hashed: (u64, u64),
    /// Account names that are hashed, and rows of users.
    hashed_names: (u64, u64),
    /// Objects whose texts were encoded twice, and the first of them.
    encoded_twice: Option<(u64, String)>,
    /// Objects that say by their names that they were cut, and the first of them.
    truncated: Option<(u64, String)>,
    /// Objects that say that more rows follow in others, by dataset, and the first of them.
    pages: BTreeMap<Dataset, (u64, String)>,
    /// Objects that end within an identifier, by its column, and the first of them.
    cut_in: BTreeMap<String, (u64, String)>,
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
            self.hashed_names.0 += seen.hashed_names;
            self.hashed_names.1 += seen.anew;
        }
        if seen.is_encoded_twice {
            let twice = self.encoded_twice.get_or_insert((0, object.to_owned()));
            twice.0 += 1;
        }
        if object.ends_with("-truncated.csv") {
            let truncated = self.truncated.get_or_insert((0, object.to_owned()));
            truncated.0 += 1;
        }
        if seen.says_more {
            let pages = self.pages.entry(dataset);
            pages.or_insert((0, object.to_owned())).0 += 1;
        }
        if let Some(column) = seen.cut_in {
            let cut = self.cut_in.entry(column);
            cut.or_insert((0, object.to_owned())).0 += 1;
        }
        if ROW_CAPS.contains(&seen.rows) || SHEET_ROWS.contains(&seen.rows) {
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
        if self.hashed_names.0 > 0 {
            warnings.push(format!(
                "{} account names in {} rows of users that were read anew are hashed, as the tenant's privacy settings ask for: nobody \
                 is found by what people type for them",
                self.hashed_names.0, self.hashed_names.1
            ));
        }
        if let Some((objects, first)) = &self.encoded_twice {
            warnings.push(format!(
                "texts of {objects} objects were encoded twice, as `MÃ¼ller` for `Müller` (first {first}): nobody is found by such \
                 names; have whatever writes them take them for UTF-8"
            ));
        }
        if let Some((objects, first)) = &self.truncated {
            warnings.push(format!(
                "{objects} objects were cut by Nexthink, as their names say (first {first}): rows are missing; narrow the query, or \
                 export more often"
            ));
        }
        for (dataset, (objects, first)) in &self.pages {
            warnings.push(format!(
                "{objects} {} objects say that more rows follow (first {first}): each is a page of several; have whatever writes them \
                 write all pages",
                dataset.as_str()
            ));
        }
        for (column, (objects, first)) in &self.cut_in {
            warnings.push(format!(
                "{objects} objects end with a cell of {column} and no line end (first {first}): where the file was cut there, the cell is \
                 another's; have whatever writes them end the last row, too"
            ));
        }
        for (rows, (objects, first)) in &self.capped {
            let cutting = match ROW_CAPS.contains(rows) {
                true => "Nexthink cuts",
                false => "spreadsheets cut",
            };
            warnings.push(format!(
                "{objects} objects have exactly {rows} rows, at which {cutting}: rows may be missing (first {first})"
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
                says_more: false,
                cut_in: None,
                anew: rows,
                hashed_upns,
                hashed_names: 0,
                is_encoded_twice: false,
                empty: empty.iter().map(|name| (*name).to_owned()).collect(),
                same: Vec::new(),
                hints: vec!["hint".to_owned()],
            };
            sanity.note(object, Dataset::Users, seen);
        }
        sanity.warnings()
    }

    #[test]
    fn a_text_that_was_encoded_twice_is_recognised() {
        for text in [
            "MÃ¼ller",
            "StraÃŸe",
            "FranÃ§ois",
            "Å¡koda",
            "AntÃ³nio ConceiÃ§Ã£o",
            "BjÃ¶rk",
        ] {
            assert!(is_encoded_twice(text), "{text}");
        }
        for text in [
            "Müller",
            "Ås",
            "Ängström",
            "JOÃO",
            "SÃO",
            "Ã",
            "MÃE",
            "Łódź",
            "ÃÃ",
        ] {
            assert!(!is_encoded_twice(text), "{text}");
        }
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
