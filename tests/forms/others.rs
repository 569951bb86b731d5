//! Other tables: columns and cells more or less than those of `plain`, and what the index knows then.

use identidex::ingest::Outcome;
use serde_json::{Value, json};

use super::plain::plain;
use super::{KEY, Tenant, fixture};
use crate::model;

/// A day behind `KEY`.
const LATER: &str = "users/2026-11-21T06-00-00Z.csv";

#[test]
fn unknown_columns_are_kept_beside_the_known_ones() {
    let mut expected = plain();
    let extras = [
        (
            "jdoe@EMEA",
            json!({"user.#cost_centre": "4711", "user.days_since_last_seen": "98", "user.organization.#team": "Blue"}),
        ),
        (
            "mpalotas@EMEA",
            json!({"user.days_since_last_seen": "98", "user.organization.#team": "Red"}),
        ),
        (
            "sobrien@EMEA",
            json!({"user.#cost_centre": "0815", "user.days_since_last_seen": "99"}),
        ),
    ];
    for (name, extra) in extras {
        fields_of(&mut expected, name)["extra"] = extra;
    }
    assert_eq!(
        Tenant::of(&[(KEY, &fixture("forms/unknown-columns.csv"))])
            .taken()
            .state(),
        in_order(expected)
    );
}

#[test]
fn a_new_line_in_a_cell_belongs_to_the_cell() {
    let mut expected = plain();
    fields_of(&mut expected, "jdoe@EMEA")["office"] = json!("Rue du Lac 1\n1003 Lausanne");
    fields_of(&mut expected, "mpalotas@EMEA")["office"] = json!("Fő utca 1, \"B\"");
    assert_eq!(
        Tenant::of(&[(KEY, &fixture("forms/quoted-newline.csv"))])
            .taken()
            .state(),
        in_order(expected)
    );
}

#[test]
fn a_missing_column_clears_nothing() {
    let missing = fixture("forms/column-missing.csv");
    let both = [(KEY, fixture("forms/plain.csv")), (LATER, missing.clone())];
    in_either_order(&both, &plain());

    let mut alone = plain();
    for name in ["jdoe@EMEA", "mpalotas@EMEA", "sobrien@EMEA"] {
        fields_of(&mut alone, name)
            .as_object_mut()
            .unwrap()
            .remove("upn");
    }
    assert_eq!(
        Tenant::of(&[(KEY, &missing)]).taken().state(),
        in_order(alone)
    );
}

#[test]
fn an_empty_cell_clears_what_is_no_key() {
    let mut expected = plain();
    let john = account(&mut expected, "jdoe@EMEA");
    // Nothing tells any more that this is a person.
    john["class"] = json!("unknown");
    let fields = john["fields"].as_object_mut().unwrap();
    fields.remove("upn");
    fields.remove("full_name");
    fields.insert("last_seen".to_owned(), json!(1_786_796_163_000_000_i64));
    in_either_order(
        &[
            (KEY, fixture("forms/plain.csv")),
            (LATER, fixture("forms/clears.csv")),
        ],
        &expected,
    );
}

#[test]
fn counted_logins_wait_until_both_sides_are_known() {
    let logins = fixture("forms/logins-counted.csv");
    let alone = Tenant::of(&[("logins/2026-11-20T07-00-00Z.csv", &logins)]).taken();
    assert_eq!(
        alone.state(),
        json!({"accounts": [], "devices": [], "usages": [], "waiting": {"unknown": 2, "ambiguous": 0}})
    );
    alone.put(
        "users/2026-11-20T06-00-00Z.csv",
        &fixture("tenant/users/2026-11-20T06-00-00Z.csv"),
    );
    alone.put(
        "devices/2026-11-20T06-00-00Z.csv",
        &fixture("tenant/devices/2026-11-20T06-00-00Z.csv"),
    );
    let state = alone.taken().state();
    let of_two = [
        ("1101", "42", 1_786_709_763_000_000_i64),
        ("1104", "43", 1_786_705_200_000_000),
    ];
    for (rid, device, last_used) in of_two {
        let account = format!("sid:s-1-5-21-1085031214-1563985344-725345543-{rid}");
        let device = format!("uid:dddddddd-0000-4000-8000-0000000000{device}");
        let usages = state["usages"].as_array().unwrap();
        let usage = usages.iter().find(|usage| {
            usage["account"] == account.as_str() && usage["device"] == device.as_str()
        });
        let usage =
            usage.unwrap_or_else(|| panic!("no usage of {account} on {device} in {usages:#?}"));
        assert_eq!(
            (&usage["logins"], &usage["last_used"]),
            (&json!(26), &json!(last_used))
        );
    }
}

#[test]
fn names_here_and_ids_there_end_as_one_account() {
    let names = (
        "users/2026-11-20T06-00-00Z-names.csv",
        fixture("pair/names.csv"),
    );
    let ids = (
        "users/2026-11-20T06-00-00Z-ids.csv",
        fixture("pair/ids.csv"),
    );
    let both = Tenant::of(&[(names.0, &names.1), (ids.0, &ids.1)])
        .taken()
        .state();
    let accounts = both["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 3, "{accounts:#?}");
    let john = accounts
        .iter()
        .find(|account| account["fields"]["email"] == "John.Doe@contoso.com")
        .unwrap();
    assert_eq!(
        john["fields"]["sid"],
        "S-1-5-21-1085031214-1563985344-725345543-1101"
    );
    in_either_order(&[names, ids], &both);
}

/// Accounts stand in an order of their values: changed ones move.
fn in_order(mut state: Value) -> Value {
    let accounts = state["accounts"].as_array().cloned().unwrap_or_default();
    state["accounts"] = json!(model::sorted(accounts));
    state
}

/// Takes in the one, publishes, then the other; and the other way round.
fn in_either_order(objects: &[(&str, Vec<u8>); 2], expected: &Value) {
    for order in [[0, 1], [1, 0]] {
        let tenant = Tenant::new();
        for at in order {
            tenant.put(objects[at].0, &objects[at].1);
            let report = tenant.sync();
            assert_eq!(
                (report.outcome, report.rows.rejected),
                (Outcome::Done, 0),
                "{report:?}"
            );
        }
        assert_eq!(
            tenant.state(),
            in_order(expected.clone()),
            "order {order:?}"
        );
    }
}

fn account<'a>(state: &'a mut Value, name: &str) -> &'a mut Value {
    let accounts = state["accounts"]
        .as_array_mut()
        .expect("accounts are a list");
    let account = accounts
        .iter_mut()
        .find(|account| account["fields"]["name"] == name);
    account.unwrap_or_else(|| panic!("no account {name}"))
}

fn fields_of<'a>(state: &'a mut Value, name: &str) -> &'a mut Value {
    &mut account(state, name)["fields"]
}
