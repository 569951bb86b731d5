//! The plain table, and its forms: compressed, in other encodings, with other delimiters, quotes and line ends.

use serde_json::{Value, json};

use super::{KEY, Tenant, fixture, gzip, names_of_fixtures};

/// Fixtures of `forms` that are not another form of `plain.csv`.
const OTHER_TABLES: [&str; 5] = [
    "quoted-newline.csv",
    "unknown-columns.csv",
    "column-missing.csv",
    "clears.csv",
    "logins-counted.csv",
];

pub(super) fn plain() -> Value {
    Tenant::of(&[(KEY, &fixture("forms/plain.csv"))])
        .taken()
        .state()
}

#[test]
fn the_plain_form_is_read_as_it_stands() {
    let accounts = plain()["accounts"].clone();
    assert_eq!(accounts.as_array().map(Vec::len), Some(3));
    let john = json!({
        "subject": "sid:s-1-5-21-1085031214-1563985344-725345543-1101",
        "class": "person",
        "fields": {
            "name": "jdoe@EMEA",
            "uid": "aaaaaaaa-0000-4000-8000-000000000001",
            "sid": "S-1-5-21-1085031214-1563985344-725345543-1101",
            "upn": "john.doe@contoso.com",
            "full_name": "Doe, John",
            "last_seen": 1_786_709_763_000_000_i64,
        },
    });
    assert!(accounts.as_array().unwrap().contains(&john), "{accounts:#}");
}

#[test]
fn every_form_of_the_plain_table_leads_to_its_state() {
    let plain = plain();
    let forms = names_of_fixtures("forms")
        .into_iter()
        .filter(|name| !OTHER_TABLES.contains(&name.as_str()));
    for name in forms {
        let state = Tenant::of(&[(KEY, &fixture(&format!("forms/{name}")))])
            .taken()
            .state();
        assert_eq!(state, plain, "{name}");
    }
}

#[test]
fn the_plain_table_can_be_compressed_by_us_too() {
    let text = fixture("forms/plain.csv");
    for packed in [gzip(&text), zstd::encode_all(text.as_slice(), 3).unwrap()] {
        assert_eq!(Tenant::of(&[(KEY, &packed)]).taken().state(), plain());
    }
    // Frames that were appended are one text, as members are.
    let (first, second) = text.split_at(200);
    let frames = [
        zstd::encode_all(first, 3).unwrap(),
        zstd::encode_all(second, 3).unwrap(),
    ]
    .concat();
    assert_eq!(Tenant::of(&[(KEY, &frames)]).taken().state(), plain());
}

#[test]
fn utf_16_is_recognised_without_a_mark() {
    for name in ["forms/utf-16le.csv", "forms/utf-16be.csv"] {
        assert_eq!(
            Tenant::of(&[(KEY, &fixture(name)[2..])]).taken().state(),
            plain(),
            "{name}"
        );
    }
}
