//! The program as a user meets it. Belongs here: commands, what they print and their exit codes, on small fixtures.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::util::{Ended, Home, fixture};

/// Returns the names of an object's keys, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

// ---- resolve ----

#[test]
fn every_identifier_of_the_tenant_finds_its_subject() {
    let home = Home::of_tenant();
    for (value, expected) in [
        ("jdoe@EMEA", "NB-0042"),
        (r"EMEA\jdoe", "NB-0042"),
        ("john.doe@contoso.com", "NB-0042"),
        ("S-1-5-21-1085031214-1563985344-725345543-1101", "NB-0042"),
        ("NB-0042", "jdoe@EMEA"),
        ("pf4xk0qz", "jdoe@EMEA"),
        ("cccccccc-0000-4000-8000-000000000042", "jdoe@EMEA"),
        (
            "PRINT01",
            "collector uid  cccccccc-0000-4000-8000-000000000302",
        ),
        // Renamed on the second day, and a new uid on the same SID.
        ("cmartin@EMEA", "Martin, Chloé"),
        ("aaaaaaaa-0000-4000-8000-000000001004", "Palotás, Mónika"),
        ("lukas.strauß@bücher.example", "Strauß, Lukas"),
        ("lkim@AzureAD", "Kim, Lena"),
    ] {
        let ended = home.run(&["resolve", value]);
        assert_eq!(ended.code, 0, "{value}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains(expected), "{value}: {}", ended.stdout);
        assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    }
}

#[test]
fn a_miss_says_what_was_covered() {
    let ended = Home::of_tenant().run(&["resolve", "nobody@EMEA"]);
    assert_eq!(ended.code, 10);
    assert!(
        ended.stdout.starts_with("nobody@EMEA: no match\n"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("users until 2026-11-21 06:00 UTC"));
}

#[test]
fn several_are_all_shown() {
    let home = Home::of_tenant();
    for (value, names) in [
        ("jdoe", ["jdoe@EMEA", "jdoe@APAC"]),
        ("reception@contoso.com", ["awagner@EMEA", "bweber@EMEA"]),
        // A recycled host name: two machines.
        ("nb-0050", ["000000000050", "000000000051"]),
    ] {
        let ended = home.run(&["resolve", value]);
        assert_eq!(ended.code, 11, "{value}: {}", ended.stdout);
        assert!(
            names.iter().all(|name| ended.stdout.contains(name)),
            "{}",
            ended.stdout
        );
    }
}

#[test]
fn what_is_no_identifier_is_unparseable() {
    let home = Home::of_tenant();
    for arguments in [
        &["resolve", "n/a"][..],
        &["resolve", ""],
        &["resolve", "--kind", "upn", "jdoe"],
    ] {
        assert_eq!(home.run(arguments).code, 12, "{arguments:?}");
    }
}

#[test]
fn a_kind_narrows_and_a_class_is_asked_for() {
    let home = Home::of_tenant();
    let outcome = |arguments: &[&str]| {
        let ended = home.run(&[&["resolve", "--json"], arguments].concat());
        ended.json()["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(outcome(&["--kind", "email", "jdoe@EMEA"]), "none");
    assert_eq!(outcome(&["--kind", "account_name", "jdoe@EMEA"]), "one");
    assert_eq!(outcome(&["HWA35858$@EMEA"]), "none");
    assert_eq!(outcome(&["--all-classes", "HWA35858$@EMEA"]), "one");
    let cloned = "S-1-5-21-3623811015-3361044348-30300820-1001";
    assert_eq!(outcome(&["--all-classes", cloned]), "several");
}

#[test]
fn the_tenants_devices_are_ranked_as_the_fixtures_say() {
    let home = Home::of_tenant();
    let primary = |name: &str| -> Vec<String> {
        let answer = home.run(&["resolve", "--json", name]).json();
        let devices = answer["matches"][0]["devices"].as_array().unwrap().clone();
        let primary = devices
            .into_iter()
            .filter(|device| device["primary"] == true);
        primary
            .map(|device| device["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(primary("jdoe@EMEA"), ["NB-0042"]);
    // 26 logins against 21.
    assert_eq!(primary("jmuller@EMEA"), [""; 0]);
    // Only shared ones.
    assert_eq!(primary("reception@EMEA"), [""; 0]);
}

#[test]
fn values_from_standard_input_are_answered_in_order_and_the_worst_one_is_the_exit_code() {
    let home = Home::of_tenant();
    let mut command = home.command(&["resolve", "--json", "jdoe@APAC", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"jdoe@EMEA\r\njdoe\nnobody\n").unwrap();
    drop(stdin);
    let ended = Ended::of(&child.wait_with_output().unwrap());
    let outcomes: Vec<String> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["outcome"].to_string())
        .collect();
    assert_eq!(
        outcomes,
        [r#""one""#, r#""one""#, r#""several""#, r#""none""#]
    );
    assert_eq!(ended.code, 11);
}

#[test]
fn a_closed_pipe_is_success() {
    let home = Home::of_tenant();
    let mut command = home.command(&["resolve", "--json", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdin.write_all(b"nobody\n").unwrap();
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    // Its next answer has no reader; perhaps it ends before it has read all of this.
    let _ = stdin.write_all(b"nobody\n");
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn answers_have_the_keys_of_the_design() {
    let home = Home::of_tenant();
    let answer = home.run(&["resolve", "--json", r"EMEA\jdoe"]).json();
    let expected = [
        "coverage",
        "freshness",
        "generation",
        "matches",
        "outcome",
        "query",
        "skipped",
    ];
    assert_eq!(keys(&answer), expected);
    let one = &answer["matches"][0];
    let expected = [
        "account", "devices", "evidence", "flags", "level", "strength", "type", "waiting",
    ];
    assert_eq!(keys(one), expected);
    assert_eq!(
        one["evidence"][0]["object"],
        "users/2026-11-21T06-00-00Z.csv"
    );
    assert_eq!(one["evidence"][0]["row"], 1);
    assert_eq!(one["account"]["email"], "John.Doe@contoso.com");
    assert_eq!(answer["coverage"]["logins"], "2026-11-21T06:00:00Z");
}

// ---- sync ----

#[test]
fn a_second_run_changes_nothing_but_the_list_of_runs() {
    let home = Home::of_tenant();
    let without_runs = || {
        let mut files = home.files();
        files.retain(|(name, _)| name != "identity.db.d/runs.jsonl");
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
        "devices",
        "digest",
        "failures",
        "generation",
        "objects",
        "outcome",
        "rows",
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
    let before = home.files();
    let ended = home.run(&["sync", &fixture("forms")]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .starts_with("error: another run holds the lock"),
        "{}",
        ended.stderr
    );
    assert!(before == home.files());
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

// ---- status ----

#[test]
fn status_counts_what_the_tenant_holds() {
    let home = Home::of_tenant();
    let status = home.run(&["status", "--json"]).json();
    let accounts = &status["accounts"];
    assert_eq!(
        (&accounts["total"], &accounts["local"]),
        (&24.into(), &4.into())
    );
    assert_eq!(
        (&status["devices"], &status["upns_hashed"]),
        (&15.into(), &1.into())
    );
    // `root@MAC-0007` has the SID 0, which says nothing.
    assert_eq!(status["identifiers"]["sid"], 23);
    assert_eq!(status["objects"]["loaded"], 6);
    assert_eq!(status["coverage"]["users"], "2026-11-21T06:00:00Z");
    assert_eq!(status["runs"].as_array().unwrap().len(), 1);
    let report = home.run(&["sync", &fixture("tenant"), "--json"]).json();
    assert_eq!(status["digest"], report["digest"]);
    let text = home.run(&["status"]).stdout;
    assert!(
        text.contains("24 (18 person, 2 machine, 4 local)"),
        "{text}"
    );
}

#[test]
fn without_an_index_the_next_command_is_named() {
    let ended = Home::new().run(&["status"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("identidex sync"), "{}", ended.stderr);
}

// ---- why, suggestions, several values together ----

#[test]
fn why_tells_each_rule_tried_and_what_does_not_answer() {
    let home = Home::of_tenant();
    let why = home.run(&["why", "jdoe@EMEA"]).exits(0).stdout;
    for line in [
        "jdoe@EMEA: one match",
        "not tried: not of the form a UUID",
        "holds it, seen with it first 2026-11-20 06:00 UTC, row 1 of users/2026-11-21T06-00-00Z.csv (2026-11-21 06:00 UTC)",
    ] {
        assert!(why.contains(line), "{line}\n{why}");
    }
    // Renamed on the second day.
    let why = home.run(&["why", "ddubois@EMEA"]).exits(10).stdout;
    assert!(
        why.contains(
            "held it before, seen with it from 2026-11-20 06:00 UTC to 2026-11-20 06:00 UTC, and has another value now"
        ),
        "{why}"
    );
    let why = home
        .run(&["why", "--json", "HWA35858$@EMEA"])
        .exits(10)
        .json();
    let verdicts: Vec<&str> = why["tried"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|tried| tried["hits"].as_array().into_iter().flatten())
        .filter_map(|hit| hit["verdict"].as_str())
        .collect();
    assert_eq!(verdicts, ["skipped"]);
    assert_eq!(why["answer"]["outcome"], "none");
}

#[test]
fn names_are_suggested_on_request_and_only_where_nobody_is_found() {
    let home = Home::of_tenant();
    let plain = home.run(&["resolve", "--json", "NB-0O42"]).exits(10).json();
    assert_eq!(plain["suggestions"], serde_json::Value::Null);
    let asked = home
        .run(&["resolve", "--suggest", "--json", "NB-0O42"])
        .exits(10)
        .json();
    assert_eq!(asked["suggestions"][0]["name"], "NB-0042");
    assert_eq!(asked["matches"], serde_json::json!([]));
    let text = home
        .run(&["resolve", "--suggest", "NB-0O42"])
        .exits(10)
        .stdout;
    assert!(
        text.contains("names that resemble it:\n  device name NB-0042"),
        "{text}"
    );
    let found = home
        .run(&["resolve", "--suggest", "--json", "NB-0042"])
        .exits(0)
        .json();
    assert_eq!(found["suggestions"], serde_json::Value::Null);
}

#[test]
fn values_together_are_those_of_one_account() {
    let home = Home::of_tenant();
    let together = |values: [&str; 2], exit| {
        home.run(&["resolve", "--together", "--json", values[0], values[1]])
            .exits(exit)
            .json()
    };
    let answer = together(["jdoe", "john.doe@contoso.com"], 0);
    assert_eq!(answer["matches"][0]["strength"], 2);
    assert_eq!(answer["clues"][0]["verdict"], "agrees");
    let answer = together(["jdoe@APAC", "john.doe@contoso.com"], 10);
    assert_eq!(answer["flags"][0], "contradiction");
    let named = |name: &str| {
        let upn = "john.doe@contoso.com";
        home.run(&["resolve", "--together", upn, "--full-name", name, "--json"])
    };
    let answer = named("doe, JOHN").exits(0).json();
    assert_eq!(answer["clues"][1]["verdict"], "agrees");
    named("Jane Doe").exits(10);
    // Says nothing.
    named("N/A").exits(0);
}

#[test]
fn what_an_export_holds_commands_no_terminal() {
    let home = Home::new();
    let folder = home.path("exports");
    std::fs::create_dir(&folder).unwrap();
    let users = "user.uid,user.name,user.ad.full_name,user.ad.department\n\
        aaaaaaaa-0000-4000-8000-000000000001,jdoe@EMEA,John \u{1b}]0;x\u{7}Doe,\"Fin\u{1b}[31mance\nand more\"\n";
    std::fs::write(folder.join("users-2026-11-21T06-00-00Z.csv"), users).unwrap();
    home.run(&["sync", "exports"]).exits(0);
    let shown = home.run(&["resolve", "jdoe@EMEA"]).exits(0).stdout;
    assert!(shown.contains(r"Fin\u{1b}[31mance\nand more"), "{shown}");
    assert!(!shown.contains(['\u{1b}', '\u{7}']), "{shown:?}");
}

// ---- generations ----

const TWO_ACCOUNTS: [(&str, &str); 2] = [
    (
        "users/2026-11-20T06-00-00Z.csv",
        "user.uid,user.name\naaaaaaaa-0000-4000-8000-000000000001,jdoe@EMEA\n",
    ),
    (
        "users/2026-11-21T06-00-00Z.csv",
        "user.uid,user.name\naaaaaaaa-0000-4000-8000-000000000002,kim@EMEA\n",
    ),
];

/// Returns a home with a generation for each of two objects.
fn home_of_two_generations() -> Home {
    let home = Home::new();
    fs::create_dir_all(home.path("exports/users")).unwrap();
    for (name, text) in TWO_ACCOUNTS {
        fs::write(home.path("exports").join(name), text).unwrap();
        home.run(&["sync", "exports"]).exits(0);
    }
    home
}

fn states(home: &Home) -> Vec<(u64, String)> {
    let listed = home.run(&["generations", "--json"]).exits(0).json();
    let listed = listed["generations"].as_array().unwrap().clone();
    let state = |one: &Value| {
        let state = one["state"].as_str().unwrap().to_owned();
        (one["generation"].as_u64().unwrap(), state)
    };
    listed.iter().map(state).collect()
}

#[test]
fn a_rollback_undoes_what_newer_generations_took_in_until_it_is_asked_for() {
    let home = home_of_two_generations();
    let report = home.run(&["rollback", "--json"]).exits(0).json();
    assert_eq!((&report["from"], &report["to"]), (&2.into(), &1.into()));
    let undone = report["undone_objects"].as_array().unwrap();
    assert!(
        undone[0]
            .as_str()
            .unwrap()
            .ends_with("2026-11-21T06-00-00Z.csv")
    );
    assert_eq!(states(&home), [(2, "undone".into()), (1, "current".into())]);
    home.run(&["resolve", "kim@EMEA"]).exits(10);
    // Not unasked, and not because a run has something else to take in.
    let ended = home.run(&["sync", "exports", "--json"]).exits(0);
    assert_eq!(ended.json()["objects"]["undone"], 1);
    assert!(ended.stderr.contains("--retry"), "{}", ended.stderr);
    let third = "user.uid,user.name\naaaaaaaa-0000-4000-8000-000000000003,lee@EMEA\n";
    fs::write(home.path("exports/users/2026-11-22T06-00-00Z.csv"), third).unwrap();
    let report = home.run(&["sync", "exports", "--json"]).exits(0).json();
    assert_eq!(report["generation"], 3);
    home.run(&["resolve", "kim@EMEA"]).exits(10);
    home.run(&["resolve", "lee@EMEA"]).exits(0);
    let text = home.run(&["generations"]).stdout;
    assert!(text.contains("2026-11-21T06-00-00Z.csv"), "{text}");
    home.run(&["sync", "exports", "--retry"]).exits(0);
    home.run(&["resolve", "kim@EMEA"]).exits(0);
    let listed = home.run(&["generations", "--json"]).json();
    assert_eq!(listed["undone_objects"], Value::Array(Vec::new()));
    // What was published is the same as if nothing had been undone.
    let straight = Home::new();
    fs::rename(home.path("exports"), straight.path("exports")).unwrap();
    let digest = |home: &Home| home.run(&["status", "--json"]).json()["digest"].clone();
    straight.run(&["sync", "exports"]).exits(0);
    assert_eq!(digest(&straight), digest(&home));
}

#[test]
fn a_rollback_can_be_taken_back() {
    let home = home_of_two_generations();
    home.run(&["rollback", "1"]).exits(0);
    home.run(&["rollback", "2"]).exits(0);
    assert_eq!(states(&home), [(2, "current".into()), (1, "older".into())]);
    let listed = home.run(&["generations", "--json"]).json();
    assert_eq!(listed["undone_objects"], Value::Array(Vec::new()));
    home.run(&["resolve", "kim@EMEA"]).exits(0);
}

#[test]
fn a_rollback_from_a_damaged_generation_has_its_objects_taken_in_again() {
    let home = home_of_two_generations();
    let current = fs::canonicalize(home.path("identity.db")).unwrap();
    let mut bytes = fs::read(&current).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::remove_file(&current).unwrap();
    fs::write(&current, bytes).unwrap();
    let text = "user.uid,user.name\naaaaaaaa-0000-4000-8000-000000000003,lee@EMEA\n";
    fs::write(home.path("exports/users/2026-11-22T06-00-00Z.csv"), text).unwrap();
    let refused = home.run(&["sync", "exports"]).exits(1);
    assert!(
        refused.stderr.contains("identidex rollback"),
        "{}",
        refused.stderr
    );
    let ended = home.run(&["rollback"]).exits(0);
    assert!(ended.stdout.contains("damaged"), "{}", ended.stdout);
    let report = home.run(&["sync", "exports", "--json"]).exits(0).json();
    assert_eq!(report["generation"], 3);
    home.run(&["resolve", "kim@EMEA"]).exits(0);
    home.run(&["resolve", "lee@EMEA"]).exits(0);
}

#[test]
fn a_rollback_without_a_generation_to_go_to_changes_nothing() {
    let home = Home::new();
    home.run(&["rollback"]).exits(1);
    home.run(&["generations"]).exits(10);
    assert!(home.files().is_empty());
    let home = home_of_two_generations();
    let before = home.run(&["status", "--json"]).json();
    let refused = home.run(&["rollback", "7"]).exits(1);
    assert!(refused.stderr.contains("there are 1"), "{}", refused.stderr);
    assert_eq!(
        home.run(&["status", "--json"]).json()["digest"],
        before["digest"]
    );
}

#[test]
fn what_waits_is_said_and_why_lists_it() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports/users")).unwrap();
    let users = "user.uid,user.name\naaaaaaaa-0000-4000-8000-000000000001,jdoe@EMEA\n";
    let logins = "user.name,device.name,number_of_logins\njdoe@EMEA,NB-0404,2\n";
    for (name, text) in [("users", users), ("logins", logins)] {
        let name = format!("exports/{name}-2026-11-21T06-00-00Z.csv");
        fs::write(home.path(&name), text).unwrap();
    }
    home.run(&["sync", "exports"]).exits(0);
    let text = home.run(&["resolve", "jdoe@EMEA"]).exits(0).stdout;
    assert!(text.contains("there may be more devices"), "{text}");
    let text = home.run(&["why", "jdoe@EMEA"]).exits(0).stdout;
    assert!(text.contains("jdoe@emea on nb-0404"), "{text}");
}

#[test]
fn what_waits_is_said_alike_whatever_came_first() {
    let users = "user.uid,user.name\naaaaaaaa-0000-4000-8000-000000000001,jdoe@EMEA\naaaaaaaa-0000-4000-8000-000000000002,jdoe@EMEA\n";
    let devices = "device.uid,device.name\ncccccccc-0000-4000-8000-000000000001,NB-1\n";
    let logins = "user.name,device.name,number_of_logins\njdoe@EMEA,NB-1,2\n";
    let files = [("users", users), ("devices", devices), ("logins", logins)];
    let mut reached = Vec::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let home = Home::new();
        fs::create_dir_all(home.path("exports")).unwrap();
        for (name, text) in order.map(|at| files[at]) {
            let name = format!("exports/{name}-2026-11-21T06-00-00Z.csv");
            fs::write(home.path(&name), text).unwrap();
            home.run(&["sync", "exports"]).exits(0);
        }
        let answer = home.run(&["resolve", "NB-1", "--json"]).exits(0).json();
        let waiting = answer["matches"][0]["waiting"].clone();
        assert_eq!(waiting["usages"][0]["account"], "jdoe@emea", "{order:?}");
        assert_eq!(waiting["usages"][0]["device"], "nb-1", "{order:?}");
        reached.push(waiting);
    }
    assert!(reached.iter().all(|one| *one == reached[0]), "{reached:?}");
}

#[test]
fn an_object_that_replaces_an_undone_one_is_taken_in() {
    let home = home_of_two_generations();
    home.run(&["rollback"]).exits(0);
    let text = "user.uid,user.name\naaaaaaaa-0000-4000-8000-000000000002,anna.kim@EMEA\n";
    fs::write(home.path("exports").join(TWO_ACCOUNTS[1].0), text).unwrap();
    home.run(&["sync", "exports"]).exits(0);
    home.run(&["resolve", "anna.kim@EMEA"]).exits(0);
    let listed = home.run(&["generations", "--json"]).json();
    assert_eq!(listed["undone_objects"], Value::Array(Vec::new()));
}
