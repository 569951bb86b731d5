//! `sync`: what a run reports, what it refuses and leaves alone, and how it ends.
//! What it makes of files that cannot be right is left to `bad`.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::keys;
use crate::util::{Ended, Home, fixture};

#[test]
fn a_second_run_changes_nothing_but_the_list_of_runs() {
    let home = Home::of_tenant();
    let without_runs = || {
        let mut files = home.files();
        let informs = ["identity.db.d/runs.jsonl", "identity.db.d/state.json"];
        files.retain(|(name, _)| !informs.contains(&name.as_str()));
        files
    };
    let before = without_runs();
    let ended = home.run(&["sync", &fixture("tenant"), "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let report = ended.json();
    assert_eq!(
        (&report["objects"]["new"], &report["bytes_fetched"]),
        (&0.into(), &0.into())
    );
    assert!(before == without_runs());
}

#[test]
fn the_report_has_the_keys_of_the_design() {
    let home = Home::new();
    let report = home.run(&["sync", &fixture("tenant"), "--json"]).json();
    let expected = [
        "accounts",
        "bytes_fetched",
        "changes",
        "devices",
        "digest",
        "failures",
        "generation",
        "objects",
        "odd_cells",
        "outcome",
        "rows",
        "run",
        "seconds",
        "usages",
        "warnings",
    ];
    assert_eq!(keys(&report), expected);
    assert_eq!(report["outcome"], "done");
    let expected = ["duplicate", "failed", "listed", "loaded", "new"];
    assert_eq!(keys(&report["objects"]), expected);
    let rows = &report["rows"];
    assert_eq!(
        keys(rows),
        ["read", "rejected", "stored", "superseded", "unchanged"]
    );
    let sum: u64 = ["rejected", "stored", "superseded", "unchanged"]
        .iter()
        .map(|key| rows[key].as_u64().unwrap())
        .sum();
    assert_eq!(rows["read"], sum);
}

#[test]
fn a_dry_run_publishes_nothing() {
    let home = Home::new();
    let ended = home.run(&["sync", &fixture("tenant"), "--dry-run", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.json()["accounts"], 24);
    assert_eq!(home.run(&["resolve", "jdoe@EMEA"]).code, 1);
    let left: Vec<String> = home.files().into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["identity.db.d/lock"]);
}

#[test]
fn an_object_that_fails_is_named_and_the_rest_is_in() {
    let home = Home::new();
    let folder = home.folder_of("in", &["forms/plain.csv", "bad/misspelt-header.csv"]);
    let ended = home.run(&["sync", &folder, "--json"]);
    assert_eq!(ended.code, 3);
    let report = ended.json();
    assert_eq!(report["outcome"], "partial");
    let failure = &report["failures"][0];
    let (object, error) = (
        &failure["object"].to_string(),
        &failure["error"].to_string(),
    );
    assert!(object.contains("misspelt-header.csv"), "{object}");
    assert!(
        error.contains("user.name") && error.contains("user.sid"),
        "{error}"
    );
    assert_eq!(home.run(&["resolve", "jdoe@EMEA"]).code, 0);
}

#[test]
fn a_held_lock_is_exit_code_5_and_nothing_is_touched() {
    let home = Home::of_tenant();
    let lock = File::open(home.path("identity.db.d/lock")).unwrap();
    lock.lock().unwrap();
    let files = || {
        let mut files = home.files();
        // Which has a line of it.
        files.retain(|(name, _)| name != "identity.db.d/runs.jsonl");
        files
    };
    let before = files();
    let ended = home.run(&["sync", &fixture("forms")]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .starts_with("error: another run holds the lock"),
        "{}",
        ended.stderr
    );
    assert!(before == files());
    // Readers do not care.
    assert_eq!(home.run(&["resolve", "jdoe@EMEA"]).code, 0);
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left() {
    let home = Home::new();
    fs::write(home.path("notes.db"), "mine").unwrap();
    let before = home.files();
    for command in [
        &["sync", &fixture("tenant")][..],
        &["resolve", "jdoe"],
        &["status"],
    ] {
        let ended = home.run(&[&["--index", "notes.db"], command].concat());
        assert_eq!(ended.code, 1, "{command:?}");
        assert!(
            ended.stderr.starts_with("error: notes.db is "),
            "{}",
            ended.stderr
        );
    }
    assert!(before == home.files());
}

#[test]
fn a_missing_folder_is_named() {
    let home = Home::new();
    let ended = home.run(&["sync", "nowhere"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("nowhere") && ended.stderr.contains("was not found"));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(home.files().is_empty());
    let report = home.run(&["sync", "nowhere", "--json"]).json();
    assert_eq!(report["outcome"], "failed");
}

#[test]
fn sources_come_from_the_configuration_and_without_any_the_usage_is_bad() {
    let home = Home::new();
    let ended = home.run(&["sync"]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.starts_with("error: no source"),
        "{}",
        ended.stderr
    );
    let config = format!(
        "[class]\nservice = [\"svc-*\"]\n[[source]]\nname = \"tenant\"\nurl = \"{}\"\n",
        fixture("tenant")
    );
    fs::write(home.path("identidex.toml"), config).unwrap();
    assert_eq!(home.run(&["sync"]).code, 0);
    let answer = home.run(&["resolve", "--json", "svc-backup"]).json();
    assert_eq!(answer["matches"][0]["account"]["class"], "service");
    // Named on the command line, it is the same source.
    let report = home.run(&["sync", &fixture("tenant"), "--json"]).json();
    assert_eq!(report["objects"]["new"], 0);
}

#[test]
fn a_configuration_that_cannot_be_used_is_exit_code_2() {
    let home = Home::new();
    for (config, expected) in [
        ("[index]\npth = 1\n", "identidex.toml:2: index.pth"),
        (
            "[dataset.users.columns]\nteam = \"tribe\"\n",
            "identidex.toml:2: dataset.users.columns.team: expected the name of a field",
        ),
    ] {
        fs::write(home.path("identidex.toml"), config).unwrap();
        let ended = home.run(&["sync", &fixture("tenant")]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

#[test]
fn a_stop_signal_ends_a_run_and_leaves_nothing() {
    for signal in ["-INT", "-TERM"] {
        // A store that takes calls and never answers.
        let store = TcpListener::bind("127.0.0.1:0").unwrap();
        let home = Home::new();
        let config = format!(
            "[[source]]\nname = \"s\"\nurl = \"s3://b/\"\n[source.options]\nregion = \"r\"\nallow_http = true\n\
             access_key_id = \"k\"\nsecret_access_key = \"k\"\nendpoint = \"http://{}\"\n",
            store.local_addr().unwrap()
        );
        fs::write(home.path("identidex.toml"), config).unwrap();
        let child = home
            .command(&["sync"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let call = store.accept().unwrap();
        let pid = child.id().to_string();
        let killed = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(killed.success());
        let start = Instant::now();
        let ended = Ended::of(&child.wait_with_output().unwrap());
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(
            ended.stderr.starts_with("error: stopped"),
            "{}",
            ended.stderr
        );
        assert!(!home.path("identity.db").exists());
        drop(call);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_cannot_be_written_is_exit_code_3_and_all_is_in() {
    let home = Home::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = home.command(&["sync", "--json", &fixture("tenant")]);
    assert_eq!(command.stdout(full).status().unwrap().code(), Some(3));
    home.run(&["resolve", "jdoe@EMEA"]).exits(0);
}
