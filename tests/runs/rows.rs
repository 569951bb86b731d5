//! Rows that follow each other from run to run: what they add, replace, contradict and leave as it is.

use std::path::Path;
use std::time::Duration;

use identidex::ingest::{self, Report, SourceConfig};
use serde_json::Value;

use super::run;
use crate::servers::{Folder, Server};
use crate::{replay, state};

#[test]
fn a_device_is_shared_as_soon_as_a_third_account_uses_it() {
    let folder = Folder::start();
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    folder.put(
        "users/2026-11-18T06-00-00Z.csv",
        b"user.name\na@EMEA\nb@EMEA\nc@EMEA\n",
    );
    folder.put("devices/2026-11-18T06-00-00Z.csv", b"device.name\nNB1\n");
    for (day, user, is_shared) in [(19, "a", false), (20, "b", false), (21, "c", true)] {
        let login = format!("user.name,device.name,number_of_logins\n{user}@EMEA,NB1,3\n");
        let key = format!("logins/2026-11-{day}T06-00-00Z.csv");
        folder.put(&key, login.as_bytes());
        run(folder.config(""), &index).unwrap();
        let answer = identidex::Index::open(&index).unwrap();
        let answer = answer.find("NB1").unwrap();
        let found = serde_json::to_value(answer.one().map(|_| &answer).unwrap()).unwrap();
        assert_eq!(found["matches"][0]["shared"], is_shared, "{found}");
    }
}

#[test]
fn keys_that_can_never_be_joined_or_contradict_each_other_are_reported() {
    let folder = Folder::start();
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    let (uid, other) = (
        "5d1f7a3c-0b6e-4c55-8a01-a0000000000a",
        "5d1f7a3c-0b6e-4c55-8a01-a0000000000b",
    );
    let sid = |rid: u32| format!("S-1-5-21-1004336348-1177238915-682003330-{rid}");
    let put = |key: &str, text: String| folder.put(key, text.as_bytes());
    put(
        "2026-11-19T06-00-00Z.csv",
        format!("user.uid,user.name\n{uid},jdoe@EMEA\n"),
    );
    put(
        "2026-11-20T06-00-00Z.csv",
        format!("user.sid,user.name\n{},jdoe@EMEA\n", sid(1104)),
    );
    let report = run(folder.config(""), &index).unwrap();
    assert_eq!(report.accounts, 2);
    let has =
        |report: &Report, text: &str| report.warnings.iter().any(|warning| warning.contains(text));
    assert!(
        has(&report, "list both columns in one query"),
        "{:?}",
        report.warnings
    );
    put(
        "2026-11-21T06-00-00Z.csv",
        format!(
            "user.sid,user.uid\n{},{other}\n{},{other}\n",
            sid(1105),
            sid(1106)
        ),
    );
    let report = run(folder.config(""), &index).unwrap();
    assert!(
        has(&report, "1 values of account uid came with several sids"),
        "{:?}",
        report.warnings
    );
    assert!(!has(&report, "list both columns"), "{:?}", report.warnings);
}

#[test]
fn class_patterns_apply_to_accounts_that_were_known_before_them() {
    let folder = Folder::start();
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    let users = "user.name,user.ad.full_name\nsvc-backup@EMEA,Backup\njdoe@EMEA,\"Doe, Jane\"\n";
    folder.put("2026-11-19T06-00-00Z.csv", users.as_bytes());
    run(folder.config(""), &index).unwrap();
    folder.put(
        "2026-11-20T06-00-00Z.csv",
        format!("{users}new@EMEA,New\n").as_bytes(),
    );
    let mut options = replay::options(Path::new("unused"), &index, Duration::from_secs(300));
    options.sources = vec![folder.config("")];
    options.patterns = identidex::ingest::Patterns::new(&["svc-*".to_owned()], &[]);
    ingest::run(&options, &mut |_| {}).unwrap();
    let state = state::read(&index);
    let classes: Vec<&Value> = state["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| &account["class"])
        .collect();
    assert_eq!(
        classes.iter().filter(|class| **class == "service").count(),
        1,
        "{state}"
    );
    assert_eq!(
        classes.iter().filter(|class| **class == "person").count(),
        2,
        "{state}"
    );
}

#[test]
fn a_row_says_the_same_whatever_the_order_of_its_columns() {
    let folder = Folder::start();
    let home = tempfile::tempdir().unwrap();
    let uid = "5d1f7a3c-0b6e-4c55-8a01-a0000000000a";
    let older = format!("user.uid,user.name,user.#a,user.#b\n{uid},jdoe@EMEA,x,y\n");
    let newer = format!("user.uid,user.name,user.#b,user.#a\n{uid},jdoe@EMEA,x,y\n");
    folder.put("2026-11-20T06-00-00Z.csv", older.as_bytes());
    let index = home.path().join("identity.db");
    run(folder.config(""), &index).unwrap();
    folder.put("2026-11-21T06-00-00Z.csv", newer.as_bytes());
    let report = run(folder.config(""), &index).unwrap();
    assert_eq!((report.rows.stored, report.rows.unchanged), (1, 0));
    let extra: String = state::open(&index)
        .query_row("SELECT extra FROM accounts", [], |row| row.get(0))
        .unwrap();
    assert_eq!(extra, r##"{"user.#a":"y","user.#b":"x"}"##);
}

#[test]
fn the_same_text_in_another_time_zone_is_another_time() {
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    let text = "user.uid,user.name,user.first_seen\n\
                5d1f7a3c-0b6e-4c55-8a01-a0000000000a,jdoe@EMEA,2026-01-01 12:00:00\n";
    let mut sources = Vec::new();
    for (day, zone) in [(20, "UTC"), (21, "Europe/Zurich")] {
        let folder = Folder::start();
        folder.put(&format!("2026-11-{day}T06-00-00Z.csv"), text.as_bytes());
        let config = SourceConfig {
            name: zone.replace('/', "-"),
            time_zone: jiff::tz::TimeZone::get(zone).unwrap(),
            ..folder.config("")
        };
        run(config, &index).unwrap();
        sources.push(folder);
    }
    let first_seen: String = state::open(&index)
        .query_row("SELECT first_seen FROM accounts", [], |row| row.get(0))
        .unwrap();
    assert_eq!(first_seen, "2026-01-01T11:00:00Z");
}

/// A row whose bytes are known is not cut into cells; it says the same as one that is.
#[test]
fn a_time_that_says_nothing_is_none_in_a_row_that_is_known_too() {
    let digest_with = |second: &str| {
        let folder = Folder::start();
        let home = tempfile::tempdir().unwrap();
        let index = home.path().join("identity.db");
        let first = "\"user.name\",\"user.last_seen\"\n\"jdoe@EMEA\",\"2026-11-18 10:00:00\"\n";
        folder.put("users/2026-11-19T06-00-00Z.csv", first.as_bytes());
        run(folder.config(""), &index).unwrap();
        folder.put("users/2026-11-20T06-00-00Z.csv", second.as_bytes());
        run(folder.config(""), &index).unwrap().digest
    };
    for time in ["1970-01-01 01:00:00", "9999-12-31 00:00:00", "never"] {
        let known = format!("\"user.name\",\"user.last_seen\"\n\"jdoe@EMEA\",\"{time}\"\n");
        let cut = format!("user.name,user.last_seen\njdoe@EMEA,{time}\n");
        assert_eq!(digest_with(&known), digest_with(&cut), "{time}");
    }
}

#[test]
fn a_file_without_rows_makes_nothing_newer_and_is_told_of() {
    let home = tempfile::tempdir().unwrap();
    let (exports, path) = (home.path().join("exports"), home.path().join("identity.db"));
    std::fs::create_dir(&exports).unwrap();
    let put = |key: &str, text: &str| std::fs::write(exports.join(key), text).unwrap();
    put("2026-11-20T06-00-00Z.csv", "user.name\nann@EMEA\n");
    let options = replay::options(&exports, &path, Duration::from_secs(300));
    ingest::run(&options, &mut |_| {}).unwrap();
    put("2026-11-21T06-00-00Z.csv", "user.name\n");
    let report = ingest::run(&options, &mut |_| {}).unwrap();
    assert!(
        report
            .warnings
            .iter()
            .any(|warning| warning.contains("have a header and no row")),
        "{report:?}"
    );
    let until = || {
        let coverage = identidex::Index::open(&path).unwrap().coverage();
        coverage.users.unwrap().to_string()
    };
    assert_eq!(until(), "2026-11-20T06:00:00Z");
    // Nor does the next run take it for news, whose ledger comes from the file.
    put("2026-11-19T06-00-00Z.csv", "user.name\nbob@EMEA\n");
    ingest::run(&options, &mut |_| {}).unwrap();
    assert_eq!(until(), "2026-11-20T06:00:00Z");
}
