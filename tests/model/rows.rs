//! Rows: what objects say, one copy of each content, in the order in which a later one counts for more.
//! Whom a row is about is left to `subjects`.

use std::collections::{BTreeMap, BTreeSet};

use super::class::{Says, says};
use super::derive;
use super::keys::{Keys, account_name, uuid};
use super::samples::{UID_A, object};
use super::time::{observed_us, time_us};
use crate::tenant::{Dataset, Object};

/// What the generators write where nothing is said.
const NOT_SAID: [&str; 5] = ["", "-", "n/a", "unknown", "none"];
const NIL_UUID: &str = "00000000-0000-0000-0000-000000000000";

/// One row taken in. It carries every column of its object; its cells are trimmed.
pub(super) struct Row {
    pub(super) dataset: Dataset,
    pub(super) stamp: Stamp,
    pub(super) cells: BTreeMap<String, String>,
}

/// The order of rows, in the order of the fields. An absent `last_seen` comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    pub(super) observed_us: i64,
    pub(super) last_seen_us: Option<i64>,
    modified: i64,
    hash: [u8; 32],
    pub(super) number: usize,
}

impl Stamp {
    /// Returns the order of the row's object among objects.
    pub(super) fn object(&self) -> (i64, i64, [u8; 32]) {
        (self.observed_us, self.modified, self.hash)
    }
}

impl Row {
    /// Returns the cell of a column that the row carries; it may be empty.
    fn carried(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(String::as_str)
    }

    /// Returns the cell of a column if it is there and says anything.
    pub(super) fn value(&self, column: &str) -> Option<&str> {
        self.carried(column)
            .filter(|cell| !NOT_SAID.contains(&&*cell.to_ascii_lowercase()))
    }

    /// Returns the cell of a key column if it says anything.
    pub(super) fn said(&self, column: &str) -> Option<&str> {
        self.value(column)
            .filter(|cell| *cell != "0" && uuid(cell) != NIL_UUID)
    }

    pub(super) fn user_keys(&self) -> Keys {
        Keys {
            first: self.said("user.sid").map(str::to_ascii_lowercase),
            second: self.said("user.uid").map(uuid),
            name: self.said("user.name").map(account_name),
        }
    }

    pub(super) fn device_keys(&self) -> Keys {
        Keys {
            first: self.said("device.uid").map(uuid),
            second: self.said("device.collector.uid").map(uuid),
            name: self.said("device.name").map(str::to_ascii_lowercase),
        }
    }

    pub(super) fn says(&self) -> Says {
        says(self.value("user.type"))
    }

    /// Says whether the row has a key at all, seen by itself; if not, it is rejected.
    fn has_key(&self) -> bool {
        match self.dataset {
            Dataset::Users if self.says() == Says::Local => {
                self.user_keys().without_sid().is_said()
            }
            Dataset::Users => self
                .user_keys()
                .without_weak_sid(&BTreeSet::new())
                .is_said(),
            Dataset::Devices => self.device_keys().is_said(),
            Dataset::Logins => self.user_keys().is_said() && self.device_keys().is_said(),
        }
    }

    /// Returns when its subject was active at the latest, as far as it tells.
    pub(super) fn active(&self) -> i64 {
        let seen = self.stamp.last_seen_us.unwrap_or(self.stamp.observed_us);
        seen.min(self.stamp.observed_us)
    }

    /// Returns what makes it the same part as another row.
    pub(super) fn part(&self) -> (Keys, Says, Vec<&str>) {
        let keys = match self.dataset {
            Dataset::Devices => self.device_keys(),
            _ => self.user_keys(),
        };
        (
            keys,
            self.says(),
            self.cells.keys().map(String::as_str).collect(),
        )
    }
}

/// Returns the rows of all objects, one copy of those with the same content and observed time, with the latest of its
/// times of modification.
pub(super) fn rows_of(objects: &[Object]) -> Vec<Row> {
    let mut contents: BTreeMap<(i64, [u8; 32]), (&Object, i64)> = BTreeMap::new();
    for object in objects {
        let content = (
            observed_us(object),
            *blake3::hash(object.csv().as_bytes()).as_bytes(),
        );
        let known = contents.entry(content).or_insert((object, object.modified));
        known.1 = known.1.max(object.modified);
    }
    let mut rows = Vec::new();
    for ((observed_us, hash), (object, modified)) in contents {
        let numbered = object.rows.iter().enumerate();
        let all = numbered.map(|(number, cells)| {
            let stamp = Stamp {
                observed_us,
                last_seen_us: None,
                modified,
                hash,
                number,
            };
            row_of(object, stamp, cells)
        });
        // One without a row that can be taken fails; none of these has so many rows that fewer would do.
        rows.extend(all.filter(Row::has_key));
    }
    rows
}

/// Returns the cell of the newest row that carries the column; nothing if that one is empty.
pub(super) fn newest_value<'a>(rows: &[&'a Row], column: &str) -> Option<&'a str> {
    let carrying = rows.iter().filter(|row| row.carried(column).is_some());
    carrying.max_by_key(|row| row.stamp)?.value(column)
}

/// Returns the cell of the newest row that says anything in a key column.
pub(super) fn newest_said<'a>(rows: &[&'a Row], column: &str) -> Option<&'a str> {
    let saying = rows.iter().filter(|row| row.said(column).is_some());
    saying.max_by_key(|row| row.stamp)?.said(column)
}

fn row_of(object: &Object, stamp: Stamp, cells: &[String]) -> Row {
    let trimmed = cells.iter().map(|cell| cell.trim().to_owned());
    let cells: BTreeMap<_, _> = object.header.iter().cloned().zip(trimmed).collect();
    let last_seen = match object.dataset {
        Dataset::Users => "user.last_seen",
        Dataset::Devices => "device.last_seen",
        Dataset::Logins => "last_seen",
    };
    let last_seen_us = cells.get(last_seen).and_then(|cell| time_us(cell));
    Row {
        dataset: object.dataset,
        stamp: Stamp {
            last_seen_us,
            ..stamp
        },
        cells,
    }
}

#[test]
fn rows_of_one_time_go_by_last_seen_then_content_then_row() {
    let header = "user.uid user.last_seen user.ad.department";
    let at = "2026-01-01T05:00:00Z";
    let rows = [
        &*format!("{UID_A} {at} Blue"),
        &*format!("{UID_A} {at} Green"),
        &*format!("{UID_A} _ Red"),
    ];
    let state = derive(&[object("2026-01-01", header, &rows)]);
    assert_eq!(state["accounts"][0]["fields"]["department"], "Green");
}
