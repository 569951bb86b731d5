//! Projections: whoever asks one finds in it what the whole index finds, with the same doubts; and reads in it nobody. Belongs
//! here: that nothing else differs than what is shown.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use identidex::ingest::{self, Options, Projection, Readers, ShownFields};
use identidex::{Index, Query, Subject};
use serde_json::Value;

use crate::replay;
use crate::tenant;

/// Tenants that are tried by the test command; IDENTIDEX_TENANTS asks for more.
const TENANTS: u64 = 150;

/// Makes a projection of an index, beside it.
pub(crate) fn projection_of(index: &Path, accounts: &[&str], devices: &[&str]) -> PathBuf {
    let mut shown = ShownFields::of_a_bot();
    for (subject, names) in [(Subject::Account, accounts), (Subject::Device, devices)] {
        shown.show(subject, names.iter().copied()).unwrap();
    }
    let path = index.with_file_name("bot.db");
    let mut options = Options::new(index, Vec::new());
    options.projections.push(Projection {
        name: "bot".to_owned(),
        path: path.clone(),
        readers: Readers {
            mode: 0o640,
            group: None,
        },
        shown,
    });
    assert_eq!(ingest::renew_projections(&options).unwrap(), []);
    path
}

/// Asks both, and compares the answers but for what the projection does not show.
pub(crate) fn assert_alike(
    (whole, bot): (&Index, &Index),
    (accounts, devices): (&[&str], &[&str]),
    query: &Query,
    place: &str,
) {
    let mut answers = [whole, bot].map(|index| {
        let answer = index.find(query.clone()).unwrap();
        serde_json::to_value(&answer).unwrap()
    });
    for answer in &mut answers {
        hide(answer, accounts, devices);
    }
    let [expected, found] = answers;
    assert_eq!(found, expected, "{place}: {query:?}");
}

/// Leaves out of an answer what a projection does not show.
fn hide(answer: &mut Value, accounts: &[&str], devices: &[&str]) {
    match answer {
        Value::Object(map) => {
            // How a value is spelled is not known, by which matches are ordered.
            if let Some(matches) = map.get_mut("matches").and_then(Value::as_array_mut) {
                matches
                    .iter_mut()
                    .for_each(|one| hide(one, accounts, devices));
                matches.sort_by_key(ToString::to_string);
            }
            for name in ["age_seconds", "level", "extra", "as_of", "generation"] {
                map.remove(name);
            }
            for (name, value) in map.iter_mut() {
                match name.as_str() {
                    "account" if value.is_object() => keep(value, accounts),
                    "device" if value.is_object() => keep(value, devices),
                    "devices" | "accounts" => {
                        let shown = if name == "devices" { devices } else { accounts };
                        let Some(all) = value.as_array_mut() else {
                            continue;
                        };
                        all.iter_mut().for_each(|one| keep(one, shown));
                        // Equals are told apart by what is not shown.
                        all.sort_by_key(ToString::to_string);
                    }
                    "evidence" => {
                        for one in value.as_array_mut().into_iter().flatten() {
                            one["value"] = Value::Null;
                        }
                    }
                    "usages" => *value = Value::Null,
                    _ => hide(value, accounts, devices),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| hide(one, accounts, devices)),
        _ => {}
    }
}

/// Clears texts of an account or a device that are not shown.
fn keep(of: &mut Value, shown: &[&str]) {
    const HIDDEN: [&str; 15] = [
        "uid",
        "account_name",
        "sid",
        "upn",
        "email",
        "full_name",
        "department",
        "job_title",
        "collector_uid",
        "name",
        "serial_number",
        "manufacturer",
        "model",
        "os",
        "entity",
    ];
    let Some(map) = of.as_object_mut() else {
        return;
    };
    // The name, or an id, of a local account.
    map.remove("through");
    for name in HIDDEN.iter().chain(&["type"]) {
        let field = match *name {
            "account_name" => "name",
            "serial_number" => "serial",
            name => name,
        };
        if !shown.contains(&field) && map.contains_key(*name) {
            map[*name] = Value::Null;
        }
    }
}

#[test]
fn a_projection_finds_what_the_whole_finds() {
    replay::each_seed(TENANTS, |seed| {
        let home = tempfile::tempdir().unwrap();
        let (source, index) = (home.path().join("exports"), home.path().join("identity.db"));
        std::fs::create_dir(&source).unwrap();
        for object in tenant::random(seed) {
            replay::put(&source, &object);
        }
        replay::sync(&source, &index, Duration::from_secs(300));
        if !index.exists() {
            return;
        }
        for shown in [
            (
                &["uid"][..],
                &["uid", "collector_uid", "name", "type", "os"][..],
            ),
            (&[], &[]),
            (&["uid", "name", "full_name"], &["serial"]),
            (&["upn"], &["name", "bios_serial"]),
        ] {
            let bot = projection_of(&index, shown.0, shown.1);
            let both = (&Index::open(&index).unwrap(), &Index::open(&bot).unwrap());
            let texts = texts_of(&index);
            for (at, text) in texts.iter().enumerate() {
                let place = format!("seed {seed}, {shown:?}");
                assert_alike(both, shown, &Query::any(text), &place);
                let another = &texts[(at * 7 + 3) % texts.len()];
                let all = Query::all_of([Query::any(text), Query::any(another)]);
                assert_alike(both, shown, &all, &place);
                let same = Query::all_of([Query::upn(text), Query::email(text)]);
                assert_alike(both, shown, &same, &place);
                let all = Query::all_of([
                    Query::address(text),
                    Query::device_name(another),
                    Query::account_name(text),
                ]);
                assert_alike(both, shown, &all.all_classes(), &place);
            }
        }
    });
}

/// Returns all that an index can be asked for, former values too, and parts of them.
pub(crate) fn texts_of(index: &Path) -> Vec<String> {
    let index = rusqlite::Connection::open(index).unwrap();
    let mut texts = BTreeSet::new();
    for sql in [
        "SELECT value FROM history UNION SELECT value FROM device_history UNION SELECT full_name FROM accounts",
        "SELECT chassis_serial FROM devices UNION SELECT bios_serial FROM devices UNION SELECT last_login FROM devices",
    ] {
        let mut select = index.prepare(sql).unwrap();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            texts.extend(row.get::<_, Option<String>>(0).unwrap());
        }
    }
    let whole: Vec<String> = texts.iter().cloned().collect();
    for text in whole {
        for parts in [text.split_once('@'), text.split_once('.')] {
            texts.extend(parts.map(|(part, _)| part.to_owned()));
        }
        texts.insert(text.to_ascii_uppercase());
    }
    texts.extend(["nobody@nowhere.example", "x", "NB-404"].map(str::to_owned));
    texts.into_iter().collect()
}
