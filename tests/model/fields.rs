//! Fields: what an account or a device shows of its rows, each field by the newest row that has a say in it.
//! Which rows are its own is left to `subjects`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::class::class;
use super::derive;
use super::rows::{Row, newest_said, newest_value};
use super::samples::{UID_A, object};
use super::subjects::{Subject, account_text, device_text};
use super::time::time_us;

pub(super) fn account_json(
    subject: &Subject,
    rows: &[&Row],
    device_names: &BTreeSet<String>,
) -> Value {
    let mut fields = Map::new();
    for (field, column) in [
        ("sid", "user.sid"),
        ("uid", "user.uid"),
        ("name", "user.name"),
    ] {
        put(&mut fields, field, newest_said(rows, column));
    }
    for (field, column) in [
        ("upn", "user.upn"),
        ("email", "user.ad.email_address"),
        ("full_name", "user.ad.full_name"),
        ("type", "user.type"),
        ("department", "user.ad.department"),
    ] {
        put(&mut fields, field, newest_value(rows, column));
    }
    for (field, column) in [
        ("first_seen", "user.first_seen"),
        ("last_seen", "user.last_seen"),
    ] {
        put(
            &mut fields,
            field,
            newest_value(rows, column).and_then(time_us),
        );
    }
    let team = "user.organization.#team";
    put(
        &mut fields,
        "extra",
        newest_value(rows, team).map(|value| json!({ team: value })),
    );
    json!({"subject": account_text(subject), "class": class(&fields, device_names), "fields": fields})
}

pub(super) fn device_json(subject: &Subject, rows: &[&Row]) -> Value {
    let mut fields = Map::new();
    for (field, column) in [
        ("uid", "device.uid"),
        ("collector_uid", "device.collector.uid"),
        ("name", "device.name"),
    ] {
        put(&mut fields, field, newest_said(rows, column));
    }
    for (field, column) in [
        ("serial", "device.hardware.machine_serial_number"),
        ("os", "device.operating_system.name"),
        ("last_login", "device.login.last_login_user_name"),
    ] {
        put(&mut fields, field, newest_value(rows, column));
    }
    for (field, column) in [
        ("first_seen", "device.first_seen"),
        ("last_seen", "device.last_seen"),
    ] {
        put(
            &mut fields,
            field,
            newest_value(rows, column).and_then(time_us),
        );
    }
    json!({"subject": device_text(subject), "fields": fields})
}

fn put(fields: &mut Map<String, Value>, field: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(field.to_owned(), value.into());
    }
}

#[test]
fn a_column_carried_and_empty_clears_but_a_key_or_a_column_not_carried_does_not() {
    let header = "user.uid user.name user.upn user.ad.full_name";
    let full = object(
        "2026-01-01",
        header,
        &[&format!("{UID_A} jdoe@EMEA j@x.example Jane")],
    );
    let cleared = object(
        "2026-01-02",
        "user.uid user.name user.upn",
        &[&format!("{UID_A} n/a _")],
    );
    let fields = &derive(&[cleared, full])["accounts"][0]["fields"];
    assert_eq!(
        *fields,
        json!({"uid": UID_A, "name": "jdoe@EMEA", "full_name": "Jane"})
    );
}
