//! What lookups read of a generation's tables: the columns of each, in the order in which `row`, `rank` and others take them.

use super::select::Select;
use crate::schema::{BySubject, Subject, USAGE_DEVICE_FIELDS};
use crate::sqlite::Reader;

/// Columns of a subject before its fields.
pub(super) const SUBJECT: [&str; 7] = [
    "owner",
    "class",
    "flags",
    "last_seen",
    "object",
    "row",
    "first",
];

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

/// Columns of a usage before what it says of the device. Format 3 has no rank, but says what is shared.
pub(super) const USAGE: [&str; 8] = [
    "logins",
    "last_used",
    "time_of_use",
    "object",
    "rank",
    "is_shared",
    "through",
    "last_seen",
];

/// The tables of a file, and its indexes by their roots.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) subjects: BySubject<Select>,
    pub(super) usage: Select,
    pub(super) usage_by_device: u32,
    pub(super) identifier: Select,
    pub(super) crowd: Select,
    pub(super) crowd_by_hash: u32,
    pub(super) held: Select,
    pub(super) held_by_hash: u32,
    pub(super) waiting: Select,
    pub(super) object: Select,
    pub(super) text: Select,
}

impl Tables {
    pub(super) fn of(file: &Reader) -> Tables {
        let usage = [&USAGE[..], &USAGE_DEVICE_FIELDS].concat();
        Tables {
            subjects: BySubject::of(|subject| of_subject(file, subject)),
            usage: Select::of(file, "usage", &usage),
            usage_by_device: file.index("usage_by_device"),
            identifier: Select::of(file, "identifier", &["entries"]),
            crowd: Select::of(file, "crowd", &["entries"]),
            crowd_by_hash: file.index("crowd_by_hash"),
            held: Select::of(file, "held", &["first", "last"]),
            held_by_hash: file.index("held_by_hash"),
            waiting: Select::of(file, "waiting", &["unknown", "ambiguous", "mentions"]),
            object: Select::of(file, "object", &["observed_at", "key"]),
            text: Select::of(file, "text", &["value"]),
        }
    }
}

fn of_subject(file: &Reader, subject: Subject) -> Select {
    let not_read = NOT_READ[subject as usize];
    let fields = subject.fields().iter().map(|field| match field.name {
        name if not_read.contains(&name) => "",
        name => name,
    });
    let columns: Vec<&str> = SUBJECT.into_iter().chain(fields).collect();
    Select::of(file, subject.table(), &columns)
}
