//! Classes: what kind of account rows show, by its type, its name and the devices there are.
//! What its fields are is left to `fields`; patterns that somebody configures are tested elsewhere.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::derive;
use super::keys::{account_name, first_label};
use super::rows::Row;
use super::samples::{SID_A, UID_A, accounts, object, sid, uid};

/// What a `user.type` says of its account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Says {
    Local,
    Domain,
    Nothing,
}

pub(super) fn says(user_type: Option<&str>) -> Says {
    let Some(user_type) = user_type else {
        return Says::Nothing;
    };
    match &*user_type.to_ascii_lowercase().replace(['_', ' '], "") {
        "local" | "localuser" | "localadmin" => Says::Local,
        "domain" | "domainuser" => Says::Domain,
        _ => Says::Nothing,
    }
}

/// Returns every name that a device ever had, whole and short.
pub(super) fn known_device_names(device_rows: &[&Row]) -> BTreeSet<String> {
    let names = device_rows.iter().filter_map(|row| row.device_keys().name);
    names
        .flat_map(|name| [first_label(&name).to_owned(), name])
        .collect()
}

/// Returns the SIDs that some users row shows to be local.
pub(super) fn local_sids(user_rows: &[&Row], device_names: &BTreeSet<String>) -> BTreeSet<String> {
    let shows_local = |row: &&&Row| {
        let name = row.user_keys().name.unwrap_or_default();
        is_local(row.says(), &name, device_names)
    };
    let local_rows = user_rows.iter().filter(shows_local);
    local_rows.filter_map(|row| row.user_keys().first).collect()
}

/// Returns what kind of account the merged fields show, without configured patterns.
pub(super) fn class(fields: &Map<String, Value>, device_names: &BTreeSet<String>) -> &'static str {
    let text = |field: &str| fields.get(field).and_then(Value::as_str);
    let name = text("name").map(account_name).unwrap_or_default();
    let sam = name.split('@').next().unwrap_or_default();
    let says = says(text("type"));
    let has_person = ["upn", "email", "full_name"]
        .iter()
        .any(|field| text(field).is_some());
    let is_built_in = match text("sid") {
        Some(sid) => matches!(
            &*sid.to_ascii_lowercase(),
            "s-1-5-18" | "s-1-5-19" | "s-1-5-20"
        ),
        None => name == "system" || name.ends_with("@nt authority"),
    };
    if is_built_in {
        "service"
    } else if sam.ends_with('$') {
        "machine"
    } else if is_local(says, &name, device_names) {
        "local"
    } else if device_names.contains(sam) && !has_person {
        "machine"
    } else if says == Says::Domain || has_person {
        "person"
    } else {
        "unknown"
    }
}

/// Says whether a type, or for want of one the domain part of a normal name, is that of a local account.
fn is_local(says: Says, name: &str, device_names: &BTreeSet<String>) -> bool {
    let on_a_device = name
        .split_once('@')
        .is_some_and(|(_, domain)| device_names.contains(domain));
    says == Says::Local || says == Says::Nothing && on_a_device
}

#[test]
fn a_sid_shown_local_joins_nothing_whoever_shows_it() {
    let header = "user.sid user.name";
    let clones = object(
        "2026-01-01",
        header,
        &[&format!("{SID_A} a@HOST1"), &format!("{SID_A} a@HOST2")],
    );
    assert_eq!(accounts(std::slice::from_ref(&clones)), [sid(SID_A)]);
    let typed = object(
        "2026-01-02",
        "user.sid user.uid user.type",
        &[&format!("{SID_A} {UID_A} LOCAL_ADMIN")],
    );
    let locals = ["name:a@host1".to_owned(), "name:a@host2".to_owned()];
    assert_eq!(
        accounts(&[clones.clone(), typed]),
        [&locals[..], &[uid(UID_A)]].concat()
    );
    let device = object("2026-01-03", "device.name", &["HOST1.corp.example"]);
    assert_eq!(accounts(&[clones, device.clone()]), locals);
    let domain = object(
        "2026-01-01",
        "user.sid user.name user.type",
        &[&format!("{SID_A} a@HOST1 DOMAIN_USER")],
    );
    assert_eq!(accounts(&[domain, device]), [sid(SID_A)]);
}

#[test]
fn the_class_is_the_first_that_fits() {
    let host = object("2026-01-01", "device.name", &["HOST1.corp.example"]);
    let class_of = |name: &str, user_type: &str, upn: &str| {
        let header = "user.name user.type user.upn";
        let user = object(
            "2026-01-01",
            header,
            &[&format!("{name} {user_type} {upn}")],
        );
        derive(&[host.clone(), user])["accounts"][0]["class"].clone()
    };
    assert_eq!(class_of("HOST1$@EMEA", "LOCAL_USER", "_"), "machine");
    assert_eq!(class_of("a@EMEA", "LOCAL_USER", "a@x.example"), "local");
    assert_eq!(class_of("a@HOST1", "_", "a@x.example"), "local");
    assert_eq!(class_of("a@HOST1", "domain", "_"), "person");
    assert_eq!(class_of("HOST1@EMEA", "domain", "_"), "machine");
    assert_eq!(class_of("HOST1@EMEA", "_", "a@x.example"), "person");
    assert_eq!(class_of("a@EMEA", "_", "a@x.example"), "person");
    assert_eq!(class_of("a@EMEA", "_", "_"), "unknown");
}
