//! `rollback` and `generations`: what going back undoes, until when, and how it is taken back.
//! What a run publishes is left to `sync`.

use std::fs;

use serde_json::Value;

use crate::util::Home;

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
fn what_a_rollback_undid_is_older_once_it_was_taken_back() {
    let home = home_of_two_generations();
    let third = "user.uid,user.name\naaaaaaaa-0000-4000-8000-000000000003,lee@EMEA\n";
    fs::write(home.path("exports/users/2026-11-22T06-00-00Z.csv"), third).unwrap();
    home.run(&["sync", "exports"]);
    home.run(&["rollback", "1"]).exits(0);
    home.run(&["rollback", "3"]).exits(0);
    let expected = [
        (3, "current".into()),
        (2, "older".into()),
        (1, "older".into()),
    ];
    assert_eq!(states(&home), expected);
    let report = home.run(&["rollback", "--json"]).exits(0).json();
    assert_eq!(report["to"], 2);
}

#[test]
fn what_was_undone_is_no_generation_to_go_back_to_from_one_that_was_made_without_it() {
    let home = home_of_two_generations();
    home.run(&["rollback"]).exits(0);
    let third = "user.uid,user.name\naaaaaaaa-0000-4000-8000-000000000003,lee@EMEA\n";
    fs::write(home.path("exports/users/2026-11-22T06-00-00Z.csv"), third).unwrap();
    home.run(&["sync", "exports"]).exits(0);
    home.run(&["rollback", "1"]).exits(0);
    home.run(&["rollback", "3"]).exits(0);
    // The second one took in what the third was made without.
    let report = home.run(&["rollback", "--json"]).exits(0).json();
    assert_eq!((&report["from"], &report["to"]), (&3.into(), &1.into()));
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
