//! Held values: what each subject is found by, and from when until when it was seen with it.
//! What it shows of them now is left to `fields`.

use std::collections::BTreeMap;

use identidex::internals::bucket::Hash;
use serde_json::{Value, json};

use super::keys::{account_name, uuid};
use super::subjects::{Subject, Subjects};

/// What an account, or a device, is found by: a kind, its column, and its normal form if the row says any.
pub(super) type HeldValue = (&'static str, &'static str, fn(&str) -> String);

pub(super) const ACCOUNT_VALUES: [HeldValue; 5] = [
    ("sid", "user.sid", str::to_ascii_lowercase),
    ("uid", "user.uid", uuid),
    ("account_name", "user.name", account_name),
    ("upn", "user.upn", str::to_ascii_lowercase),
    ("email", "user.ad.email_address", str::to_ascii_lowercase),
];

pub(super) const DEVICE_VALUES: [HeldValue; 4] = [
    ("device_uid", "device.uid", uuid),
    ("collector_uid", "device.collector.uid", uuid),
    ("device_name", "device.name", str::to_ascii_lowercase),
    (
        "serial_number",
        "device.hardware.machine_serial_number",
        str::to_ascii_lowercase,
    ),
];

/// Returns from when until when each subject was seen with each of its values.
pub(super) fn held(
    subjects: &Subjects,
    text: fn(&Subject) -> String,
    values: &[HeldValue],
) -> Vec<Value> {
    subjects.each(|subject, rows| {
        let mut times: BTreeMap<(&str, String), (i64, i64)> = BTreeMap::new();
        for row in rows {
            for (kind, column, normal) in values {
                let Some(said) = row.said(column) else { continue };
                let at = row.stamp.observed_us;
                let known = times.entry((kind, normal(said))).or_insert((at, at));
                *known = (known.0.min(at), known.1.max(at));
            }
        }
        let times = times.into_iter().map(|((kind, value), (first, last))| {
            let hash = Hash::of(&value).high as i64;
            json!({"subject": text(subject), "kind": kind, "hash": hash, "first": first, "last": last})
        });
        times.collect()
    })
    .into_iter()
    .flat_map(|values: Value| values.as_array().cloned().unwrap_or_default())
    .collect()
}
