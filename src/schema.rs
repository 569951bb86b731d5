//! What the index knows of a subject: its datasets, its fields and the tables that hold them.
//!
//! Both sides read this file: the writer builds its statements from it, a lookup its `SELECT`s.
//! How export columns are named is data and lives in `schemas/export/*.toml`.

use crate::identifier::Kind;

/// `PRAGMA application_id` of every index: "iddx" in ASCII.
pub const APPLICATION_ID: i32 = 0x6964_6478;

/// `PRAGMA user_version`: the format of the index. 1 was before the first release.
pub const USER_VERSION: i32 = 2;

/// How long after it was last seen with a name an account still competes with others for it, in microseconds: longer than
/// any window of an NQL query (91 days).
pub const NAME_HELD_MICROS: i64 = 92 * 86_400 * 1_000_000;

/// The tables, indexes and views of a new index.
pub const INDEX_SQL: &str = include_str!("../schemas/index.sql");

/// What the rows of an object are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Dataset {
    /// One row per Nexthink user object.
    Users = 0,
    /// One row per Nexthink device object.
    Devices = 1,
    /// One row per user and device, with how much and how lately.
    Logins = 2,
}

impl Dataset {
    /// All datasets, in the order of their codes.
    pub const ALL: [Dataset; 3] = [Dataset::Users, Dataset::Devices, Dataset::Logins];

    /// Returns the name used in files, messages and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Dataset::Users => "users",
            Dataset::Devices => "devices",
            Dataset::Logins => "logins",
        }
    }

    /// Returns the dataset of a stored code.
    pub fn from_code(code: u8) -> Option<Dataset> {
        Dataset::ALL
            .into_iter()
            .find(|dataset| *dataset as u8 == code)
    }
}

/// What an index holds rows of: the two kinds of thing an identifier can point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Subject {
    /// A Nexthink user object: an account, not a person.
    Account = 0,
    /// A Nexthink device object.
    Device = 1,
}

/// How a field's text is stored and whether it can be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// A key column: identifies the subject, and is never cleared by an empty cell.
    Key(Kind),
    /// An identifier that merges nothing: kept for display even where it cannot be indexed.
    Identifier(Kind),
    /// Text that is only shown.
    Text,
    /// A time, stored as microseconds since 1970 in UTC.
    Time,
}

/// One column of `account` or `device`.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The column's name, also the field's name in `schemas/export/*.toml` and in JSON.
    pub name: &'static str,
    /// What the column holds.
    pub kind: FieldType,
}

const fn field(name: &'static str, kind: FieldType) -> Field {
    Field { name, kind }
}

/// Positions of the key columns in [`Subject::fields`], strongest first.
pub const STRONG: usize = 0;
/// The second key: `uid` of an account, `collector_uid` of a device.
pub const SECOND: usize = 1;
/// The weakest key: the name.
pub const NAME: usize = 2;

const ACCOUNT_FIELDS: [Field; 15] = [
    field("sid", FieldType::Key(Kind::Sid)),
    field("uid", FieldType::Key(Kind::Uid)),
    field("name", FieldType::Key(Kind::AccountName)),
    field("upn", FieldType::Identifier(Kind::Upn)),
    field("email", FieldType::Identifier(Kind::Email)),
    field("full_name", FieldType::Text),
    field("type", FieldType::Text),
    field("upn_privacy", FieldType::Text),
    field("ad_username", FieldType::Text),
    field("department", FieldType::Text),
    field("job_title", FieldType::Text),
    field("office", FieldType::Text),
    field("city", FieldType::Text),
    field("country", FieldType::Text),
    field("first_seen", FieldType::Time),
];

/// Positions of account fields that rules look at.
pub mod account_field {
    /// `upn`.
    pub const UPN: usize = 3;
    /// `email`.
    pub const EMAIL: usize = 4;
    /// `full_name`.
    pub const FULL_NAME: usize = 5;
    /// `type`: what Nexthink says the account is.
    pub const TYPE: usize = 6;
}

const DEVICE_FIELDS: [Field; 14] = [
    field("uid", FieldType::Key(Kind::DeviceUid)),
    field("collector_uid", FieldType::Key(Kind::CollectorUid)),
    field("name", FieldType::Key(Kind::DeviceName)),
    field("serial", FieldType::Identifier(Kind::SerialNumber)),
    field("chassis_serial", FieldType::Identifier(Kind::SerialNumber)),
    field("bios_serial", FieldType::Identifier(Kind::SerialNumber)),
    field("type", FieldType::Text),
    field("manufacturer", FieldType::Text),
    field("model", FieldType::Text),
    field("os", FieldType::Text),
    field("platform", FieldType::Text),
    field("entity", FieldType::Text),
    field("last_login", FieldType::Text),
    field("first_seen", FieldType::Time),
];

/// Positions of device fields that rules look at.
pub mod device_field {
    /// `last_login`: the user name of the last login, an answer of its own kind (see `usage`).
    pub const LAST_LOGIN: usize = 12;
}

impl Subject {
    /// Both subjects, in the order of their codes.
    pub const ALL: [Subject; 2] = [Subject::Account, Subject::Device];

    /// Returns the table that holds it.
    pub fn table(self) -> &'static str {
        match self {
            Subject::Account => "account",
            Subject::Device => "device",
        }
    }

    /// Returns the columns a file can bring, in the table's order.
    pub fn fields(self) -> &'static [Field] {
        match self {
            Subject::Account => &ACCOUNT_FIELDS,
            Subject::Device => &DEVICE_FIELDS,
        }
    }

    /// Returns the kinds of its three keys, strongest first.
    pub fn key_kinds(self) -> [Kind; 3] {
        match self {
            Subject::Account => [Kind::Sid, Kind::Uid, Kind::AccountName],
            Subject::Device => [Kind::DeviceUid, Kind::CollectorUid, Kind::DeviceName],
        }
    }

    /// Returns the subject that an identifier of `kind` points to.
    pub fn of(kind: Kind) -> Subject {
        if kind.is_account() {
            Subject::Account
        } else {
            Subject::Device
        }
    }

    /// Returns the dataset that describes it.
    pub fn dataset(self) -> Dataset {
        match self {
            Subject::Account => Dataset::Users,
            Subject::Device => Dataset::Devices,
        }
    }

    /// Returns `a, b, c` of its field columns, for a statement.
    pub fn column_list(self) -> String {
        let names: Vec<&str> = self.fields().iter().map(|field| field.name).collect();
        names.join(", ")
    }
}

/// What an account is, so that a lookup for a person does not answer with a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Class {
    /// Nothing tells.
    #[default]
    Unknown = 0,
    /// A human's everyday account.
    Person = 1,
    /// A computer's own account.
    Machine = 2,
    /// An account of one device.
    Local = 3,
    /// Matches a configured pattern for services.
    Service = 4,
    /// Matches a configured pattern for administrators.
    Admin = 5,
}

impl Class {
    /// All classes, in the order of their codes.
    pub const ALL: [Class; 6] = [
        Class::Unknown,
        Class::Person,
        Class::Machine,
        Class::Local,
        Class::Service,
        Class::Admin,
    ];

    /// Returns the name used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Unknown => "unknown",
            Class::Person => "person",
            Class::Machine => "machine",
            Class::Local => "local",
            Class::Service => "service",
            Class::Admin => "admin",
        }
    }

    /// Returns the class of a stored code.
    pub fn from_code(code: u8) -> Option<Class> {
        Class::ALL.into_iter().find(|class| *class as u8 == code)
    }

    /// Tells whether a lookup for people passes over it.
    pub fn is_skipped(self) -> bool {
        matches!(self, Class::Machine | Class::Local)
    }
}

/// Accounts, neither machine nor local, that use a device, from which on it is shared.
pub const SHARED_BY: u32 = 3;

/// The fixed-width text `seen` of a part: when its newest row was last seen, and where that row is.
///
/// Fixed width, so that a writer can patch it in place; text, so that SQL can read it:
/// `last_seen` as 18 digits of microseconds since 1970 (blanks when the row has none),
/// the object's id as 8 digits, the row's number as 10 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// The row's own `last_seen`, microseconds since 1970 in UTC.
    pub last_seen: Option<i64>,
    /// The object's id in the ledger.
    pub object: u32,
    /// The row's number in its object, the first row behind the header being 1.
    pub row: u32,
}

impl Seen {
    /// Bytes of its text.
    pub const WIDTH: usize = 36;

    /// Writes the text.
    pub fn encode(self) -> [u8; Seen::WIDTH] {
        let mut text = [b' '; Seen::WIDTH];
        put_optional(&mut text[..18], self.last_seen);
        put_digits(&mut text[18..26], u64::from(self.object));
        put_digits(&mut text[26..], u64::from(self.row));
        text
    }

    /// Reads the text; `None` when it is not one.
    pub fn decode(text: &[u8]) -> Option<Seen> {
        if text.len() != Seen::WIDTH {
            return None;
        }
        Some(Seen {
            last_seen: get_optional(&text[..18])?,
            object: u32::try_from(get_digits(&text[18..26])?).ok()?,
            row: u32::try_from(get_digits(&text[26..])?).ok()?,
        })
    }
}

/// The bits of the column `flags`.
pub mod flag {
    /// What the keys of the part mean depends on times: the writer looks again whenever it is observed anew.
    pub const CONTESTED: u8 = 1;
    /// Its SID has the form of a key, and some row shows that it is local.
    pub const LOCAL_SID: u8 = 2;
    /// Its last login stands in `mention`.
    pub const LAST_LOGIN_KEPT: u8 = 4;
    /// All that it ever had for a UPN, an email or a serial number stands in `held`.
    pub const HELD: u8 = 8;
}

/// One bit a device in the table `busy`: it has, or once had, so many usages that it may be shared. Without it none is.
pub mod busy {
    /// Devices of a block.
    const BLOCK_DEVICES: u32 = 32_768;
    /// Bytes of a block.
    pub const BLOCK_BYTES: usize = BLOCK_DEVICES as usize / 8;

    /// Returns a device's block, the byte in it, and the bit in that.
    pub fn place(device: u32) -> (u32, usize, u8) {
        let at = device % BLOCK_DEVICES;
        (device / BLOCK_DEVICES, at as usize / 8, 1 << (at % 8))
    }
}

/// Where the roster (`index::roster`) says when a part was observed first: the id of the object, four bytes, little
/// endian.
pub mod roster {
    use super::Subject;

    /// Parts of a block, two of which fit a page.
    pub const BLOCK_PARTS: usize = 120;
    /// Bytes of a part.
    pub const PART_BYTES: usize = 32;
    /// Where in a part's bytes the first object stands.
    pub const FIRST_AT: usize = 28;

    /// Returns the id of a subject's block.
    pub fn block_id(subject: Subject, block: usize) -> i64 {
        ((subject as i64) << 32) + block as i64
    }

    /// Returns the block of a part, and where in it the first object stands.
    pub fn first_of(subject: Subject, part: u32) -> (i64, usize) {
        let at = part as usize - 1;
        let offset = at % BLOCK_PARTS * PART_BYTES + FIRST_AT;
        (block_id(subject, at / BLOCK_PARTS), offset)
    }
}

/// Writes `value` right-aligned in decimal digits; what does not fit is cut at the front, so callers keep to the width.
pub(crate) fn put_digits(text: &mut [u8], mut value: u64) {
    for byte in text.iter_mut().rev() {
        *byte = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Writes blanks for nothing; a negative number counts as nothing, since the mapping refuses times before 1970.
pub(crate) fn put_optional(text: &mut [u8], value: Option<i64>) {
    match value.and_then(|value| u64::try_from(value).ok()) {
        Some(value) => put_digits(text, value),
        None => text.fill(b' '),
    }
}

pub(crate) fn get_digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0u64, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + u64::from(byte - b'0'))
    })
}

/// Reads what [`put_optional`] wrote; the outer `None` means that it is not such a text.
pub(crate) fn get_optional(text: &[u8]) -> Option<Option<i64>> {
    if text.iter().all(|byte| *byte == b' ') {
        return Some(None);
    }
    get_digits(text).map(|value| i64::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seen_reads_back_what_it_wrote() {
        for seen in [
            Seen {
                last_seen: None,
                object: 1,
                row: 1,
            },
            Seen {
                last_seen: Some(0),
                object: 99_999_999,
                row: u32::MAX,
            },
            Seen {
                last_seen: Some(253_402_300_799_999_999),
                object: 7,
                row: 12,
            },
        ] {
            assert_eq!(Seen::decode(&seen.encode()), Some(seen));
        }
        assert_eq!(Seen::decode(b"short"), None);
    }

    #[test]
    fn positions_name_the_fields_they_say() {
        assert_eq!(Subject::Account.fields()[account_field::UPN].name, "upn");
        assert_eq!(
            Subject::Account.fields()[account_field::EMAIL].name,
            "email"
        );
        assert_eq!(
            Subject::Account.fields()[account_field::FULL_NAME].name,
            "full_name"
        );
        assert_eq!(Subject::Account.fields()[account_field::TYPE].name, "type");
        assert_eq!(
            Subject::Device.fields()[device_field::LAST_LOGIN].name,
            "last_login"
        );
    }
}
