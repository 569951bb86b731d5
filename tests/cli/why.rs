//! `why`: how an answer comes about, and what waits that would change it. The answer itself is left to `resolve`.

use std::fs;

use crate::util::Home;

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
            "held it before, seen with it from 2026-11-20 06:00 UTC to 2026-11-20 06:00 UTC, and has another one now or passed it on"
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
