//! Rows as the index takes them: which subject they tell of, hashed and ready to be compared.
//!
//! A batch keeps the text it was made from and lends it by field: the text of a row that changes nothing (nearly all of a
//! second day) is never copied. No SQL here, and Arrow only as the owner of the text.

use std::borrow::Cow;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};

use crate::bucket::Hash;
use crate::identifier::{self, Kind};
use crate::schema::{Class, Dataset, Subject};

/// Where an observed time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObservedFrom {
    /// The date-time in the object's key.
    Key,
    /// The store's last-modified time.
    Modified,
}

impl ObservedFrom {
    /// Returns the name used in the configuration and in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            ObservedFrom::Key => "key",
            ObservedFrom::Modified => "modified",
        }
    }
}

/// One object, as listed. All but `observed_*` are its identity in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The name of its source.
    pub source: String,
    /// Its whole key in its bucket or container; in a folder, the path below it.
    pub key: String,
    /// What the store calls this content. Opaque: no hash, perhaps unquoted, perhaps absent.
    pub e_tag: Option<String>,
    /// The version, where a store lists one.
    pub version: Option<String>,
    /// Its size, as stored.
    pub size_bytes: u64,
    /// When it was last modified, in microseconds UTC. For a multipart upload to S3, when that began.
    pub modified_at: i64,
    /// When its rows were observed, in microseconds UTC.
    pub observed_at: i64,
    /// What says so.
    pub observed_from: ObservedFrom,
}

/// A row that was left out, and why. Never holds the cell's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The physical line of the decompressed text, the header being line 1.
    pub line: u64,
    /// The column's name in the file, or empty when the whole row is meant.
    pub field: String,
    /// What was expected.
    pub reason: Cow<'static, str>,
}

/// Some rows of an object as text columns, and what was left out between them.
pub struct Decoded {
    /// One nullable text column per header column; an empty cell is null.
    pub records: RecordBatch,
    /// Each record's row number in the object: the first row behind the header is 1, rejected rows count.
    pub rows: Vec<u32>,
    /// Each record's physical line.
    pub lines: Vec<u64>,
    /// Rows that could not be read.
    pub rejects: Vec<Reject>,
}

/// What happened to identifiers that merge nothing and could not be indexed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// UPNs that are hashed or anonymised.
    pub hashed_upns: u64,
    /// Any other value that its kind refuses.
    pub other: u64,
}

/// Fields of a logins row, in the order of [`Layout::columns`].
pub const LOGINS_FIELDS: [&str; 7] = [
    "user_sid",
    "user_uid",
    "user_name",
    "device_uid",
    "collector_uid",
    "device_name",
    "logins",
];
/// Where the device's keys begin in [`LOGINS_FIELDS`].
pub const LOGINS_DEVICE: usize = 3;

/// One identifier that a row gives its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The hash of its normal form.
    pub hash: Hash,
    /// Its kind.
    pub kind: Kind,
}

/// What a users row says of its account being local to one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Says {
    /// Nothing: it has no `type`.
    Nothing = 0,
    /// A local type.
    Local = 1,
    /// Any other type.
    Domain = 2,
}

impl Says {
    /// Reads a `user.type`, in any spelling: `LOCAL_USER`, `local admin`, `domain`.
    pub fn of(user_type: Option<&str>) -> Says {
        let Some(text) = user_type.filter(|text| !text.is_empty()) else {
            return Says::Nothing;
        };
        let letters = text
            .bytes()
            .filter(|byte| !matches!(byte, b'_' | b' ' | b'-'));
        let is_local = letters
            .map(|byte| byte.to_ascii_lowercase())
            .take(5)
            .eq(*b"local");
        if is_local { Says::Local } else { Says::Domain }
    }
}

/// A users or devices row.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// Where its text is in the batch.
    pub record: u32,
    /// Its number in the object.
    pub row: u32,
    /// The hash of what makes it the same part as another row: keys, what it says of being local, its columns.
    pub part: u64,
    /// The hash of its columns and of everything it says but `last_seen`.
    pub fingerprint: u64,
    /// The part that said the same when the run began: `part`, `entries`, `said` and `class` are then not worked out.
    pub known: Option<u32>,
    /// Microseconds since 1970.
    pub last_seen: Option<i64>,
    /// Microseconds since 1970.
    pub first_seen: Option<i64>,
    /// Its identifiers: a range of [`Batch::entries`].
    pub entries: (u32, u32),
    /// The user a devices row names as the last to log in.
    pub last_login: Option<Hash>,
    /// Which keys it says, strongest first: bits 0, 1 and 2.
    pub said: u8,
    /// The account's class as far as the row alone tells; device names that matter are found by the index.
    pub class: Class,
}

/// A logins row: it mentions a user and a device, and describes neither.
#[derive(Debug, Clone, Copy)]
pub struct Mention {
    /// Where its text is in the batch.
    pub record: u32,
    /// Its number in the object.
    pub row: u32,
    /// The hash of its user keys and device keys.
    pub group: u64,
    /// It says a user's name and a device's name, and no other key.
    pub names_only: bool,
    /// Its keys that can find anybody, the user's before the device's and the stronger before the weaker: a range of
    /// [`Batch::entries`].
    pub entries: (u32, u32),
    /// How many logins the row counts.
    pub logins: Option<u64>,
    /// When it was last used, microseconds since 1970.
    pub last_seen: Option<i64>,
}

/// A logins row of a group that the index had when the run began: its keys are not worked out.
#[derive(Debug, Clone, Copy)]
pub struct KnownMention {
    /// The usage that the group's logins stood in.
    pub usage: u64,
    /// The hash of its user keys and device keys.
    pub group: u64,
    /// How many logins the row counts.
    pub logins: Option<u64>,
    /// When it was last used, microseconds since 1970.
    pub last_seen: Option<i64>,
    /// Where its text is in the batch, until that is let go of.
    pub record: u32,
    /// Its number in the object.
    pub row: u32,
}

/// The rows of a batch.
#[derive(Debug)]
pub enum Rows {
    /// Rows of a users or devices object.
    Described(Vec<Described>),
    /// Rows of a logins object.
    Mentions {
        /// Of groups that the index had.
        known: Vec<KnownMention>,
        /// All others.
        unknown: Vec<Mention>,
    },
}

/// How an object's columns fill fields: the same for all of its batches.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What its rows are about.
    pub dataset: Dataset,
    /// For each field of the dataset, the column that fills it.
    pub columns: Vec<Option<usize>>,
    /// Columns that no field takes, by name.
    pub extra: Vec<(String, usize)>,
    /// The names of all that it carries, sorted: fields as `field`, other columns as `+column`.
    pub shape: Vec<String>,
}

/// Some rows of one object with their text.
pub struct Batch {
    /// The rows, in the object's order.
    pub rows: Rows,
    /// The identifiers of the rows, each row's together.
    pub entries: Vec<Entry>,
    columns: Columns,
}

impl Batch {
    /// Joins rows with the text they were made from.
    pub fn new(columns: Columns, rows: Rows, entries: Vec<Entry>) -> Batch {
        Batch {
            rows,
            entries,
            columns,
        }
    }

    /// Returns the number of its rows.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::Described(rows) => rows.len(),
            Rows::Mentions { known, unknown } => known.len() + unknown.len(),
        }
    }

    /// Lets go of the text that no row needs: that of groups which the index knows, unless some column is `extra`.
    /// Tells whether little is left.
    pub fn shed_text(&mut self, layout: &Layout) -> bool {
        match &mut self.rows {
            Rows::Mentions { known, unknown }
                if layout.extra.is_empty() && unknown.len() < known.len() / 8 =>
            {
                self.columns = self.columns.only_of(unknown);
                true
            }
            _ => false,
        }
    }

    /// Keeps the text of some of its rows, which are told where it is now.
    pub fn keep_text_of(&mut self, rows: &mut [Mention]) {
        self.columns = self.columns.only_of(rows);
    }

    /// Tells whether it has no rows: all of a batch may have been rejected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the trimmed text of a field, if the object carries the column and the cell holds any.
    pub fn text(&self, layout: &Layout, field: usize, record: u32) -> Option<&str> {
        self.columns.cell(layout.columns[field]?, record)
    }

    /// Returns a described row's identifiers.
    pub fn entries_of(&self, row: &Described) -> &[Entry] {
        &self.entries[row.entries.0 as usize..row.entries.1 as usize]
    }

    /// Returns the keys of a logins row that can find anybody.
    pub fn keys_of(&self, mention: &Mention) -> &[Entry] {
        &self.entries[mention.entries.0 as usize..mention.entries.1 as usize]
    }

    /// Returns the columns that no field takes and that hold text, as one JSON object; `None` when there are none.
    pub fn extra(&self, layout: &Layout, record: u32) -> Option<String> {
        let mut object = serde_json::Map::new();
        for (name, column) in &layout.extra {
            if let Some(text) = self.columns.cell(*column, record) {
                object.insert(name.clone(), text.into());
            }
        }
        (!object.is_empty()).then(|| serde_json::Value::Object(object).to_string())
    }

    /// Returns the normal forms of the three keys that begin at `first` among the layout's columns.
    pub fn keys(
        &self,
        layout: &Layout,
        first: usize,
        subject: Subject,
        record: u32,
    ) -> [Option<String>; 3] {
        let kinds = subject.key_kinds();
        std::array::from_fn(|at| {
            let text = self.text(layout, first + at, record)?;
            identifier::normal_form(kinds[at], text)
                .ok()
                .map(|normal| normal.into_owned())
        })
    }
}

/// The text columns of a batch. Cells are asked for many times over, so each column's type is looked at once.
pub struct Columns(Vec<StringArray>);

impl Columns {
    /// Takes the columns of a batch of text; one of another type would have no cells.
    pub fn new(records: &RecordBatch) -> Columns {
        let text = |column: &ArrayRef| column.as_any().downcast_ref::<StringArray>().cloned();
        let columns = records
            .columns()
            .iter()
            .map(|column| text(column).unwrap_or_else(|| StringArray::new_null(0)));
        Columns(columns.collect())
    }

    /// Copies the records of some rows, which are told where they are now.
    fn only_of(&self, rows: &mut [Mention]) -> Columns {
        let of = |column: &StringArray| {
            let cell = |row: &Mention| {
                let record = row.record as usize;
                column.is_valid(record).then(|| column.value(record))
            };
            rows.iter().map(cell).collect()
        };
        let columns = Columns(self.0.iter().map(of).collect());
        for (record, row) in (0..).zip(rows) {
            row.record = record;
        }
        columns
    }

    /// Returns the trimmed text of a cell; `None` when it is null or blank.
    pub fn cell(&self, column: usize, record: u32) -> Option<&str> {
        let column = &self.0[column];
        let record = record as usize;
        if record >= column.len() || column.is_null(record) {
            return None;
        }
        let text = column.value(record);
        // Nearly every cell begins and ends with a visible ASCII character: no need to look for Unicode's white space.
        let is_trimmed = matches!(
            text.as_bytes(),
            [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~']
        );
        let text = if is_trimmed { text } else { text.trim() };
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_type_is_recognised_in_any_spelling() {
        for text in [
            "LOCAL_USER",
            "local",
            "Local Admin",
            "LOCAL_ADMIN",
            "local_user",
        ] {
            assert_eq!(Says::of(Some(text)), Says::Local, "{text}");
        }
        for text in ["domain", "DOMAIN_USER", "system", "loc"] {
            assert_eq!(Says::of(Some(text)), Says::Domain, "{text}");
        }
        assert_eq!(Says::of(None), Says::Nothing);
        assert_eq!(Says::of(Some("")), Says::Nothing);
    }
}
