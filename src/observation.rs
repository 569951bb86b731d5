//! Rows as the index takes them: which subject they tell of, hashed and ready to be compared.
//!
//! A batch keeps the text it was made from and lends it by field: the text of a row that changes nothing (nearly all of a
//! second day) is never copied. No SQL here, and Arrow only as the owner of the text.

use std::borrow::Cow;
use std::ops::AddAssign;

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

impl Object {
    /// Names it in messages: its source and its key.
    pub fn name(&self) -> String {
        format!("{}/{}", self.source, self.key)
    }
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

/// A row that was known by its bytes before it was cut into cells: nothing in it is new but its `last_seen`, and of a
/// logins row its count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recognised {
    /// The claim whose newest row it repeats, or the mention.
    pub id: u32,
    /// Its number in the object.
    pub row: u32,
    /// Microseconds since 1970.
    pub last_seen: Option<i64>,
    /// How many logins a logins row counts.
    pub logins: Option<u64>,
}

/// Recognises rows by a hash of their bytes; given to what cuts rows into cells.
#[derive(Clone, Copy)]
pub struct Recogniser<'a> {
    /// The hash of all that gives a row's bytes their meaning.
    pub seed: u64,
    /// Columns that are not hashed: `last_seen`, and the count of a logins row.
    pub left_out: [Option<usize>; 2],
    /// Returns what is known under a hash, with what the row says in the columns that were not hashed; `None` too where
    /// those hold what is no time or no count, so that the row is read whole.
    pub known: &'a Known<'a>,
}

/// What is known under a hash of a row's bytes, given what its two columns that are not hashed say, and the id that it is most
/// likely known by.
pub type Known<'a> = dyn Fn(u64, [Option<&str>; 2], u32) -> Option<Recognised> + Sync + 'a;

/// Some rows of an object as text columns, and what was left out between them.
pub struct Decoded {
    /// One nullable text column per header column; an empty cell is null.
    pub records: RecordBatch,
    /// Each record's row number in the object: the first row behind the header is 1, rejected rows count.
    pub rows: Vec<u32>,
    /// Each record's physical line.
    pub lines: Vec<u64>,
    /// Each record's hash by which it will be recognised; 0: none.
    pub raws: Vec<u64>,
    /// Rows that were recognised.
    pub recognised: Vec<Recognised>,
    /// Rows that could not be read.
    pub rejects: Vec<Reject>,
    /// By column, the cells of its records that were left empty though something stands there.
    pub odd: Vec<OddCells>,
    /// Records in whose text nothing stands, in order: spreadsheets write rows that once had something, and nobody misses these.
    pub blank: Vec<usize>,
}

impl Decoded {
    /// Tells whether it has nothing of any row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.recognised.is_empty() && self.rejects.is_empty()
    }

    /// Has its rows be those behind a row.
    pub(crate) fn count_from(&mut self, before: u32) {
        self.rows.iter_mut().for_each(|row| *row += before);
        self.recognised
            .iter_mut()
            .for_each(|known| known.row += before);
    }

    /// Tells whether all cells are ASCII, which reads alike in nearly every encoding.
    pub fn is_ascii(&self) -> bool {
        let mut columns = self.records.columns().iter();
        columns.all(|column| {
            let text = column.as_any().downcast_ref::<StringArray>();
            text.is_none_or(|text| text.value_data().is_ascii())
        })
    }
}

/// Cells of a column that say nothing though something stands there, or what cannot be. Rows that are known by their bytes are
/// not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct OddCells {
    /// Words and signs for "no value".
    pub not_said: u64,
    /// Identifiers with quotes around them or an apostrophe before, and formulas, as spreadsheets write them: not taken.
    pub guarded: u64,
    /// Identifiers that their kind refuses.
    pub refused: u64,
    /// Times of more than a day after the object was observed: taken as they are.
    pub ahead: u64,
}

impl AddAssign for OddCells {
    fn add_assign(&mut self, other: OddCells) {
        self.not_said += other.not_said;
        self.guarded += other.guarded;
        self.refused += other.refused;
        self.ahead += other.ahead;
    }
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
/// Where the count stands in [`LOGINS_FIELDS`].
pub const LOGINS_COUNT: usize = 6;

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
    /// Nothing: it has no `type`, or one of no known word.
    Nothing = 0,
    /// That it is.
    Local = 1,
    /// That it is a domain's.
    Domain = 2,
}

impl Says {
    /// Reads a `user.type`, in any spelling (`LOCAL_USER`, `local admin`, `domain`), by the words of
    /// `schemas/export/users.toml`.
    pub fn of(user_type: Option<&str>) -> Says {
        /// Bytes of the longest word, and more.
        const PLACE: usize = 32;
        let (mut place, mut length) = ([0; PLACE], 0);
        let letters = user_type.unwrap_or_default().bytes();
        for letter in letters.filter(|byte| !matches!(byte, b'_' | b' ' | b'-')) {
            if length == PLACE {
                return Says::Nothing;
            }
            place[length] = letter.to_ascii_lowercase();
            length += 1;
        }
        let is_one_of =
            |words: &[String]| words.iter().any(|word| word.as_bytes() == &place[..length]);
        let types = &Dataset::Users.export().types;
        match (is_one_of(&types.local), is_one_of(&types.domain)) {
            (true, _) => Says::Local,
            (_, true) => Says::Domain,
            _ => Says::Nothing,
        }
    }
}

/// Fields of a subject's row whose former values are kept, in order: [`Described::values`] has a hash of each.
pub const VALUES: usize = 4;
/// Stands in [`Described::values`] for a column that is not carried, and for one that says nothing.
pub const NOT_CARRIED: u64 = 0;
/// See [`NOT_CARRIED`].
pub const SAYS_NOTHING: u64 = 1;

/// Returns what of a value's hash tells it from the others that a claim had.
pub(crate) fn value_hash(hash: u64) -> u64 {
    hash.max(SAYS_NOTHING + 1)
}

/// A users or devices row.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// Where its text is in the batch.
    pub record: u32,
    /// Its number in the object.
    pub row: u32,
    /// The hash of what makes it of the same claim as another row: its keys, and what it says of being local.
    pub claim: u64,
    /// The hash of its columns and of everything it says but `last_seen`.
    pub fingerprint: u64,
    /// The hash of its bytes; 0: none.
    pub raw: u64,
    /// Microseconds since 1970.
    pub last_seen: Option<i64>,
    /// Microseconds since 1970.
    pub first_seen: Option<i64>,
    /// Its identifiers: a range of [`Batch::entries`].
    pub entries: (u32, u32),
    /// Hashes of its UPN and email, or of its serial numbers and last login.
    pub values: [u64; VALUES],
    /// The user a devices row names as the last to log in.
    pub last_login: Option<Hash>,
    /// Which keys it says, strongest first: bits 0, 1 and 2.
    pub said: u8,
    /// What an account's class follows from, device names aside.
    pub traits: Traits,
}

/// What the class of an account follows from, but for the names of devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traits {
    /// The class as far as the row alone tells.
    pub class: Class,
    /// It has no type, so that a domain part which is a device's name says that it is local.
    pub is_untyped: bool,
    /// It has a UPN, an email or a full name.
    pub has_person: bool,
    /// It is one that Windows has on every computer: no device's name makes it anything else.
    pub is_built_in: bool,
}

impl Traits {
    /// Packs them into a byte.
    pub fn to_byte(self) -> u8 {
        self.class as u8
            | u8::from(self.is_untyped) << 4
            | u8::from(self.has_person) << 5
            | u8::from(self.is_built_in) << 6
    }

    /// Reads a byte.
    pub fn of_byte(byte: u8) -> Traits {
        Traits {
            class: Class::from_code(byte & 15).unwrap_or_default(),
            is_untyped: byte & 16 != 0,
            has_person: byte & 32 != 0,
            is_built_in: byte & 64 != 0,
        }
    }
}

/// A logins row: it mentions a user and a device, and describes neither.
#[derive(Debug, Clone, Copy)]
pub struct Login {
    /// Where its text is in the batch.
    pub record: u32,
    /// Its number in the object.
    pub row: u32,
    /// The hash of its user keys and device keys.
    pub group: u64,
    /// The hash of its bytes; 0: none.
    pub raw: u64,
    /// Its keys, those of the user first and the stronger before the weaker: a range of [`Batch::entries`]. A SID that is
    /// no key is not among them.
    pub entries: (u32, u32),
    /// Which keys it says: bits 0 to 2 of the user, 3 to 5 of the device.
    pub said: u8,
    /// How many logins the row counts.
    pub logins: Option<u64>,
    /// When it was last used, microseconds since 1970.
    pub last_seen: Option<i64>,
}

/// The rows of a batch.
#[derive(Debug)]
pub enum Rows {
    /// Rows of a users or devices object.
    Described(Vec<Described>),
    /// Rows of a logins object.
    Logins(Vec<Login>),
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
    /// Rows that say nothing new.
    pub recognised: Vec<Recognised>,
    /// The identifiers of the rows, each row's together.
    pub entries: Vec<Entry>,
    columns: Columns,
}

impl Batch {
    /// Joins rows with the text they were made from.
    pub fn new(
        columns: Columns,
        rows: Rows,
        recognised: Vec<Recognised>,
        entries: Vec<Entry>,
    ) -> Batch {
        Batch {
            rows,
            recognised,
            entries,
            columns,
        }
    }

    /// Returns the number of its rows.
    pub fn len(&self) -> usize {
        let read = match &self.rows {
            Rows::Described(rows) => rows.len(),
            Rows::Logins(rows) => rows.len(),
        };
        read + self.recognised.len()
    }

    /// Tells whether it has no rows: all of a batch may have been rejected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns some of its identifiers.
    pub fn entries_at(&self, (begin, end): (u32, u32)) -> &[Entry] {
        &self.entries[begin as usize..end as usize]
    }

    /// Returns the trimmed text of a field, if the object carries the column and the cell holds any.
    pub fn text(&self, layout: &Layout, field: usize, record: u32) -> Option<&str> {
        self.columns.cell(layout.columns[field]?, record)
    }

    /// Returns the columns that no field takes and that hold text which `keep` keeps, as one JSON object; `None` when there are
    /// none.
    pub fn extra(
        &self,
        layout: &Layout,
        record: u32,
        keep: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let mut object = serde_json::Map::new();
        for (name, column) in &layout.extra {
            if let Some(text) = self.columns.cell(*column, record).filter(|text| keep(text)) {
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

    /// Returns the trimmed text of a cell; `None` when it is null, which is as long as an empty one, or blank.
    #[inline]
    pub fn cell(&self, column: usize, record: u32) -> Option<&str> {
        let column = &self.0[column];
        let record = record as usize;
        if record >= column.len() {
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
        for text in ["domain", "DOMAIN_USER"] {
            assert_eq!(Says::of(Some(text)), Says::Domain, "{text}");
        }
        for text in ["", "-", "system", "n/a", "loc", "localhost", "domains"] {
            assert_eq!(Says::of(Some(text)), Says::Nothing, "{text}");
        }
        assert_eq!(Says::of(None), Says::Nothing);
    }
}
