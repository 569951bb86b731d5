//! `rejects`: what was refused, and why. What is refused is left to `bad`.

use std::fs;

use crate::util::Home;

const USERS: &str = "user.name,user.sid\njdoe@EMEA,S-1-5-21-1-2-3-1001\njroe@EMEA,none\n,S-1\n";

/// A home with a row that is left out and an object that failed.
fn home() -> Home {
    let home = Home::new();
    fs::create_dir(home.path("exports")).unwrap();
    fs::write(home.path("exports/users_2026-11-20T06-00-00Z.csv"), USERS).unwrap();
    fs::write(home.path("exports/other.csv"), "a,b\n1,2\n").unwrap();
    home.run(&["sync", &home.path("exports").display().to_string()])
        .exits(3);
    home
}

#[test]
fn what_was_refused_is_listed_with_its_reason_and_no_cell() {
    let home = home();
    let text = home.run(&["rejects"]).exits(0).stdout;
    assert!(
        text.contains("exports/other.csv: failed, and is left out until it changes"),
        "{text}"
    );
    assert!(text.contains("1 of 3 rows left out\n  line 4: "), "{text}");
    assert!(!text.contains("jdoe"), "{text}");
    let json = home.run(&["rejects", "--json"]).json();
    let failed = json["failed"][0]["object"].as_str().unwrap();
    assert!(failed.ends_with("exports/other.csv"), "{failed}");
    assert_eq!(json["rejected"][0]["rows"][0]["line"], 4);
}

#[test]
fn one_object_can_be_asked_for_by_its_key() {
    let home = home();
    for name in ["other.csv", "exports/other.csv"] {
        let json = home.run(&["rejects", "--object", name, "--json"]).json();
        assert_eq!(json["failed"].as_array().map(Vec::len), Some(1), "{name}");
        assert_eq!(json["rejected"].as_array().map(Vec::len), Some(0), "{name}");
    }
    let ended = home.run(&["rejects", "--object", "her.csv"]);
    assert_eq!(ended.code, 1, "a name of nothing is no all-clear");
}

#[test]
fn what_failed_is_listed_where_nothing_was_taken_in() {
    let home = Home::new();
    fs::create_dir(home.path("exports")).unwrap();
    fs::write(home.path("exports/other.csv"), "a,b\n1,2\n").unwrap();
    home.run(&["sync", &home.path("exports").display().to_string()])
        .exits(3);
    let text = home.run(&["rejects"]).exits(0).stdout;
    assert!(text.contains("exports/other.csv: failed"), "{text}");
    assert_eq!(Home::new().run(&["rejects"]).code, 1);
}
