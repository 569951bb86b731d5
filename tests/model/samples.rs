//! Samples: objects of a few words, and what the tests here compare of the state that they make.
//! What is expected of it is left to the tests, each at the foot of what it tests.

use serde_json::Value;

use super::derive;
use crate::tenant::{Dataset, Object};

pub(super) const SID_A: &str = "S-1-5-21-1-2-3-1104";
pub(super) const SID_B: &str = "S-1-5-21-1-2-3-1105";
pub(super) const UID_A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(super) const UID_B: &str = "bbbbbbbb-0000-4000-8000-000000000002";
pub(super) const UID_C: &str = "cccccccc-0000-4000-8000-000000000003";

/// Makes an object of a day; header and rows are lists of words, `_` an empty cell.
pub(super) fn object(day: &str, header: &str, rows: &[&str]) -> Object {
    let cell = |word: &str| if word == "_" { "" } else { word }.to_owned();
    let words = |line: &str| line.split(' ').map(cell).collect();
    let header: Vec<String> = header.split(' ').map(str::to_owned).collect();
    let has = |prefix: &str| header.iter().any(|column| column.starts_with(prefix));
    Object {
        key: format!("{day}T06-00-00Z.csv"),
        dataset: match (has("user."), has("device.")) {
            (true, true) => Dataset::Logins,
            (true, false) => Dataset::Users,
            _ => Dataset::Devices,
        },
        header,
        rows: rows.iter().map(|row| words(row)).collect(),
        modified: 0,
    }
}

pub(super) fn accounts(objects: &[Object]) -> Vec<String> {
    subjects(&derive(objects)["accounts"])
}

pub(super) fn devices(objects: &[Object]) -> Vec<String> {
    subjects(&derive(objects)["devices"])
}

pub(super) fn subjects(array: &Value) -> Vec<String> {
    let array = array.as_array().expect("an array");
    let text = |value: &Value| value["subject"].as_str().expect("a subject").to_owned();
    let mut subjects: Vec<_> = array.iter().map(text).collect();
    subjects.sort();
    subjects
}

pub(super) fn sid(sid: &str) -> String {
    format!("sid:{}", sid.to_ascii_lowercase())
}

pub(super) fn uid(uid: &str) -> String {
    format!("uid:{uid}")
}

pub(super) fn device() -> Object {
    object(
        "2026-03-01",
        "device.uid device.name",
        &[&format!("{UID_C} NB1")],
    )
}

/// Says which accounts the usages name, and how many mentions wait as unknown and as ambiguous.
pub(super) fn mentions(objects: &[Object]) -> (Vec<String>, [u64; 2]) {
    let state = derive(objects);
    let usages = state["usages"].as_array().expect("an array");
    let accounts = usages
        .iter()
        .map(|usage| usage["account"].as_str().expect("a subject").to_owned());
    let waiting =
        ["unknown", "ambiguous"].map(|kind| state["waiting"][kind].as_u64().expect("a count"));
    (accounts.collect(), waiting)
}
