//! What lookups read of a generation's tables: the columns of each, in the order in which `row`, `rank` and others take them.

use super::select::Select;
use crate::schema::{BySubject, HEAD_COLUMNS, Subject, USAGE_DEVICE_FIELDS};
use crate::sqlite::{Index, Reader, Result};

/// Columns that are read of a subject before its fields: of the schema's, those that are not the writer's own.
pub(super) const SUBJECT_COLUMNS: usize = 7;

/// Fields of each subject that no answer shows and that nothing is found by.
const NOT_READ: [&[&str]; 2] = [
    &[
        "type",
        "upn_privacy",
        "ad_username",
        "office",
        "city",
        "country",
    ],
    &["platform", "last_login"],
];

/// Columns of a usage before what it says of the device.
const USAGE: [Option<&str>; USAGE_COLUMNS] = [
    Some("logins"),
    Some("last_used"),
    Some("time_of_use"),
    Some("object"),
    Some("rank"),
    None,
    Some("through"),
    Some("last_seen"),
];
/// Those of format 3, which has no rank, but says what is shared.
const USAGE_OF_FORMAT_3: [Option<&str>; USAGE_COLUMNS] = [
    Some("logins"),
    Some("last_used"),
    None,
    Some("object"),
    None,
    Some("is_shared"),
    None,
    Some("last_seen"),
];
/// So many columns.
pub(super) const USAGE_COLUMNS: usize = 8;

/// The tables of a file, and its indexes.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) subjects: BySubject<Select>,
    pub(super) usage: Select,
    /// By device, and usage.
    pub(super) usage_by_device: Index,
    pub(super) identifier: Select,
    pub(super) crowd: Select,
    /// By hash, and last reference of the row.
    pub(super) crowd_by_hash: Index,
    pub(super) held: Select,
    /// By hash, and reference.
    pub(super) held_by_hash: Index,
    pub(super) waiting: Select,
    pub(super) object: Select,
    pub(super) text: Select,
}

impl Tables {
    /// Finds the tables.
    ///
    /// # Errors
    /// The file's, and that one of them is missing: every answer would be that nobody is found.
    pub(super) fn of(file: &Reader) -> Result<Tables> {
        let usage = match file.user_version {
            3 => USAGE_OF_FORMAT_3,
            _ => USAGE,
        };
        let usage = usage.into_iter().chain(USAGE_DEVICE_FIELDS.map(Some));
        Ok(Tables {
            subjects: BySubject {
                account: of_subject(file, Subject::Account)?,
                device: of_subject(file, Subject::Device)?,
            },
            usage: Select::of(file, "usage", usage)?,
            usage_by_device: file.index("usage_by_device")?,
            identifier: Select::all(file, "identifier", &["entries"])?,
            crowd: Select::all(file, "crowd", &["entries"])?,
            crowd_by_hash: file.index("crowd_by_hash")?,
            held: Select::all(file, "held", &["first", "last"])?,
            held_by_hash: file.index("held_by_hash")?,
            waiting: Select::all(file, "waiting", &["unknown", "ambiguous", "mentions"])?,
            object: Select::all(file, "object", &["observed_at", "key"])?,
            text: Select::all(file, "text", &["value"])?,
        })
    }
}

fn of_subject(file: &Reader, subject: Subject) -> Result<Select> {
    let not_read = NOT_READ[subject as usize];
    let fields = subject.fields().iter().map(|field| field.name);
    let fields = fields.map(|name| Some(name).filter(|name| !not_read.contains(name)));
    let head = HEAD_COLUMNS[..SUBJECT_COLUMNS].iter().copied();
    let columns = head.map(Some).chain(fields);
    Select::of(file, subject.table(), columns)
}
