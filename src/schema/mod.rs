//! What the index knows of a subject: its datasets, its fields and the tables that hold them.
//!
//! Both sides read this file: the writer builds its statements from it, a lookup its `SELECT`s.
//! How export columns are named is data and lives in `schemas/export/*.toml`.

#[cfg(feature = "ingest")]
mod export;
mod rank;
mod stored;

use std::ops::{Index, IndexMut};

pub use self::rank::{NotPrimary, Rank};
pub use self::stored::{
    DOMAIN_SID, domain_and_rid, folded, microseconds_of, shared_text, stored_sid, stored_time,
    unfolded, uuid_bytes, uuid_text,
};
use crate::identifier::Kind;

/// `PRAGMA application_id` of every index: "iddx" in ASCII.
pub const APPLICATION_ID: i32 = 0x6964_6478;

/// `PRAGMA user_version`: the format of the index. 1 and 2 were before the first release.
pub const USER_VERSION: i32 = 4;

/// The oldest format that a run takes on: what of it the next generation is made from is as it is today.
pub const OLDEST_VERSION: i32 = 3;

/// How long after it was last seen with a name an account still competes with others for it, in microseconds: longer than
/// any window of an NQL query (91 days).
pub const NAME_HELD_MICROS: i64 = 92 * 86_400 * 1_000_000;

/// Objects observed so close to one another, in microseconds, are of one export, of which each may tell of a part.
pub const SIDE_BY_SIDE_MICROS: i64 = 3_600 * 1_000_000;

/// The tables, indexes and views of a new index.
pub const INDEX_SQL: &str = include_str!("../../schemas/index.sql");

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

/// One of something for each subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BySubject<T> {
    /// That of accounts.
    pub account: T,
    /// That of devices.
    pub device: T,
}

impl<T> BySubject<T> {
    /// Makes them, the account's first.
    pub fn of(mut make: impl FnMut(Subject) -> T) -> BySubject<T> {
        let account = make(Subject::Account);
        BySubject {
            account,
            device: make(Subject::Device),
        }
    }

    /// Makes something else of each.
    pub fn map<U>(self, mut make: impl FnMut(T) -> U) -> BySubject<U> {
        let account = make(self.account);
        BySubject {
            account,
            device: make(self.device),
        }
    }

    /// Borrows each.
    pub fn as_ref(&self) -> BySubject<&T> {
        BySubject {
            account: &self.account,
            device: &self.device,
        }
    }

    /// Returns both, the account's first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.account, &self.device].into_iter()
    }
}

impl<T> Index<Subject> for BySubject<T> {
    type Output = T;

    fn index(&self, subject: Subject) -> &T {
        match subject {
            Subject::Account => &self.account,
            Subject::Device => &self.device,
        }
    }
}

impl<T> IndexMut<Subject> for BySubject<T> {
    fn index_mut(&mut self, subject: Subject) -> &mut T {
        match subject {
            Subject::Account => &mut self.account,
            Subject::Device => &mut self.device,
        }
    }
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
    /// Text that is only shown and that many subjects have alike: an id of the table `text`, or the text itself.
    Shared,
    /// A time: see [`stored_time`].
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
    field("type", FieldType::Shared),
    field("upn_privacy", FieldType::Shared),
    field("ad_username", FieldType::Text),
    field("department", FieldType::Shared),
    field("job_title", FieldType::Shared),
    field("office", FieldType::Shared),
    field("city", FieldType::Shared),
    field("country", FieldType::Shared),
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
    field("type", FieldType::Shared),
    field("manufacturer", FieldType::Shared),
    field("model", FieldType::Shared),
    field("os", FieldType::Shared),
    field("platform", FieldType::Shared),
    field("entity", FieldType::Shared),
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

    /// Returns the names of those that are texts.
    #[cfg(feature = "ingest")]
    pub fn texts(self) -> impl Iterator<Item = &'static str> {
        let fields = self.fields().iter();
        let texts = fields.filter(|field| field.kind != FieldType::Time);
        texts.map(|field| field.name)
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

/// The bits of the column `flags`.
pub mod flag {
    /// Its SID has the form of a key, and some row shows that it is local.
    pub const LOCAL_SID: u8 = 2;
    /// All that it ever had for a UPN, an email or a serial number stands in `held`.
    pub const HELD: u8 = 8;
    /// The newest object that lists all that there is does not have it: it does not answer.
    pub const GONE: u8 = 16;
    /// Usages of it wait: see `waiting`.
    pub const WAITED_FOR: u8 = 32;
    /// Usages wait, newer than itself, that name it with another SID or uid.
    pub const NAMESAKE_WAITS: u8 = 64;
}

/// Numbers of rows at which Nexthink cuts what it gives: 1,000 of a query, 1,000,000 of an export.
pub const ROW_CAPS: [u64; 2] = [1_000, 1_000_000];

/// Rows of the longest sheets that spreadsheets have, with and without a header: what is longer they cut.
pub const SHEET_ROWS: [u64; 4] = [65_535, 65_536, 1_048_575, 1_048_576];

/// What every row of `account` and `device` has before its fields.
pub const HEAD_COLUMNS: [&str; 9] = [
    "owner",
    "class",
    "flags",
    "last_seen",
    "object",
    "row",
    "first",
    "parts",
    "last_use",
];

/// What a row of `usage` says of its device, so that an answer need not ask for that one's row.
pub const USAGE_DEVICE_FIELDS: [&str; 10] = [
    "uid",
    "collector_uid",
    "name",
    "serial",
    "type",
    "manufacturer",
    "model",
    "os",
    "entity",
    "first_seen",
];

/// The owner of a row that belongs to no subject.
pub const NOBODY: u32 = 0;

/// Returns the id of a usage: clustered by account.
pub fn usage_id(account: u32, device: u32) -> i64 {
    i64::from(account) << 32 | i64::from(device)
}

/// Usages that wait for a subject and are kept by name; all are counted.
pub const WAITING_KEPT: usize = 20;

/// Returns the id of a subject in `waiting`.
pub fn waiting_id(subject: Subject, id: u32) -> i64 {
    (subject as i64) << 32 | i64::from(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_usage_has_fields_of_a_device() {
        let fields = Subject::Device.fields();
        let is_field = |name: &&str| fields.iter().any(|field| field.name == *name);
        assert!(USAGE_DEVICE_FIELDS.iter().all(is_field));
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
