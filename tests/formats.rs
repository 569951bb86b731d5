//! Indexes of every format since the first release, kept as they were written. Belongs here: that each is still answered
//! from, and that the next run takes it on. `fixtures/format-N` has an index, what it was made of, and what it answered.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::util::{Home, fixture};

const CONFIG: &str =
    "[index]\npath = \"identity.db\"\n[[source]]\nname = \"tenant\"\nurl = \"exports\"\n";

/// Returns a home with the index of a fixture, as published.
fn home_of(format: &str) -> Home {
    let home = Home::new();
    let packed = fs::File::open(fixture(&format!("{format}/identity.db.gz"))).unwrap();
    let mut index = Vec::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_end(&mut index)
        .unwrap();
    let name = format!("gen-000001-{}.db", blake3::hash(&index).to_hex());
    let folder = home.path("identity.db.d");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(&name), index).unwrap();
    fs::write(folder.join("current"), format!("{name}\n")).unwrap();
    symlink(format!("identity.db.d/{name}"), home.path("identity.db")).unwrap();
    fs::write(home.path("identidex.toml"), CONFIG).unwrap();
    home
}

/// Lays down the exports of some days of a fixture.
fn add_exports(home: &Home, format: &str, is_wanted: impl Fn(&str) -> bool) {
    fs::create_dir_all(home.path("exports")).unwrap();
    for entry in fs::read_dir(fixture(&format!("{format}/exports"))).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if is_wanted(name) {
            fs::copy(&path, home.path("exports").join(name)).unwrap();
        }
    }
}

fn answer(home: &Home, query: &str) -> Value {
    let config = home.path("identidex.toml").display().to_string();
    let ended = home.run(&["--config", &config, "resolve", "--json", query]);
    let mut answer = ended.json();
    answer.as_object_mut().unwrap().remove("freshness");
    answer
}

/// Tells whether an answer says all that another one did; it may say more.
fn says(answer: &Value, once: &Value) -> bool {
    match (answer, once) {
        (Value::Object(answer), Value::Object(once)) => once
            .iter()
            .all(|(name, once)| answer.get(name).is_some_and(|value| says(value, once))),
        (Value::Array(answer), Value::Array(once)) => {
            answer.len() == once.len() && answer.iter().zip(once).all(|(one, once)| says(one, once))
        }
        (answer, once) => answer == once,
    }
}

/// Format 3 has no ranks: whose a device is, is said again once a run has taken the index on.
fn leave_out_primary(answer: &mut Value) {
    match answer {
        Value::Object(fields) => {
            fields.remove("primary");
            fields.values_mut().for_each(leave_out_primary);
        }
        Value::Array(list) => list.iter_mut().for_each(leave_out_primary),
        _ => {}
    }
}

fn sync(home: &Home) -> Value {
    let config = home.path("identidex.toml").display().to_string();
    home.run(&["--config", &config, "sync", "--json"])
        .exits(0)
        .json()
}

#[test]
fn an_index_of_format_3_answers_as_it_did() {
    let home = home_of("format-3");
    let answers = fs::read_to_string(fixture("format-3/answers.jsonl")).unwrap();
    for line in answers.lines() {
        let mut expected: Value = serde_json::from_str(line).unwrap();
        leave_out_primary(&mut expected);
        let query = expected["query"].as_str().unwrap();
        let answer = answer(&home, query);
        assert!(
            says(&answer, &expected),
            "{query}: {answer}\nonce: {expected}"
        );
    }
}

#[test]
fn a_run_takes_an_index_of_format_3_on_where_nothing_is_new() {
    let home = home_of("format-3");
    fs::create_dir(home.path("exports")).unwrap();
    let report = sync(&home);
    assert_eq!(
        (&report["objects"]["loaded"], &report["outcome"]),
        (&0.into(), &"done".into())
    );
    let format = |index: &std::path::Path| -> i32 {
        let index = crate::state::open(index);
        index
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(
        format(&home.path("identity.db")),
        identidex::internals::schema::USER_VERSION
    );
    let generation = sync(&home)["generation"].clone();
    assert_eq!(
        sync(&home)["generation"],
        generation,
        "the format is new now"
    );
}

#[test]
fn a_run_takes_an_index_of_format_3_on() {
    let taken_on = home_of("format-3");
    add_exports(&taken_on, "format-3", |name| name.contains("2026-10-03"));
    let report = sync(&taken_on);
    assert_eq!(report["objects"]["loaded"], 1, "{report}");
    let fresh = Home::new();
    fs::write(fresh.path("identidex.toml"), CONFIG).unwrap();
    add_exports(&fresh, "format-3", |_| true);
    sync(&fresh);
    // The digests differ: rows that were taken in before show cells such as `-`, which says nothing today, until they come
    // again.
    for query in [
        "jdoe",
        "ghost@EMEA",
        "NB-1",
        "NB-2",
        "PC-3",
        "jane.doe@contoso.com",
    ] {
        let mut expected = answer(&fresh, query);
        expected["generation"] = 2.into();
        assert_eq!(answer(&taken_on, query), expected, "{query}");
    }
}
