//! Columns that name devices or users, by what exports and our own views call them.

use super::Subject;
use crate::lookup::Query;

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Devices,
    Users,
}

/// The surest first.
const DEVICES: [(&str, &str); 4] = [
    ("device.collector.uid", "collector_uid"),
    ("device.uid", "device_uid"),
    ("device.name", "device_name"),
    ("device.hardware.machine_serial_number", "serial_number"),
];
const USERS: [(&str, &str); 5] = [
    ("user.sid", "sid"),
    ("user.uid", "uid"),
    ("user.upn", "upn"),
    ("user.ad.email_address", "email"),
    ("user.name", "account_name"),
];

/// The columns of a header that name something: where each stands, and its kind.
#[derive(Debug)]
pub(super) struct Columns {
    of: Of,
    found: Vec<(usize, &'static str)>,
}

impl Columns {
    /// Finds those of devices or of users; none where there are none.
    pub(super) fn find<'n>(names: impl Iterator<Item = &'n str>, of: Of) -> Option<Columns> {
        let names: Vec<String> = names.map(|name| name.trim().to_ascii_lowercase()).collect();
        let known: &[(&str, &'static str)] = match of {
            Of::Devices => &DEVICES,
            Of::Users => &USERS,
        };
        let found = known.iter().filter_map(|(path, kind)| {
            let at = names.iter().position(|name| name == path || name == kind);
            Some((at?, *kind))
        });
        let found: Vec<(usize, &str)> = found.collect();
        (!found.is_empty()).then_some(Columns { of, found })
    }

    /// Finds those of devices, or else of users.
    pub(super) fn find_any<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Option<Columns> {
        Columns::find(names.clone(), Of::Devices).or_else(|| Columns::find(names, Of::Users))
    }

    /// Returns what a row names, by the surest column that it has something in; what names nothing is nobody's.
    pub(super) fn subject<'c>(&self, cell: impl Fn(usize) -> Option<&'c str>) -> Subject {
        let query = self.found.iter().find_map(|(at, kind)| {
            let value = cell(*at)?.trim();
            let value = Some(value).filter(|value| !value.is_empty())?;
            Query::named(kind, value)
        });
        subject(query.unwrap_or_else(|| Query::any("")), self.of)
    }
}

pub(super) fn subject(query: Query, of: Of) -> Subject {
    match of {
        Of::Devices => Subject::Device(query),
        Of::Users => Subject::User(query),
    }
}
