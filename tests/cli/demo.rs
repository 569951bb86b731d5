//! `identidex demo`: the whole talk, with everything in it real but the tenant.

use std::fs;

use serde_json::Value;

use crate::util::Home;

#[test]
fn the_talk_goes_from_who_is_that_to_done() {
    let home = Home::new();
    let said = home.run(&["demo"]).exits(0).stdout;
    for step in [
        "15 files, ",
        "one match",
        "primary",
        "31 days since",
        "request act-0001",
        "asked Nexthink: pending",
        "asked Nexthink: success",
        "FreedMB",
        "received, and on the disk: {\"event\":1,",
        ": disk almost full",
        "(too_little)",
        "none of theirs",
    ] {
        assert!(said.contains(step), "{step}\n{said}");
    }
    // Somebody joins every day, and gets a device.
    let taken = said
        .lines()
        .find(|line| line.contains("15 files, "))
        .unwrap();
    let counts = taken.split(|letter: char| !letter.is_ascii_digit());
    let counts: Vec<u32> = counts.filter_map(|count| count.parse().ok()).collect();
    let [15, _, accounts, devices, _] = counts[..] else {
        panic!("{taken}");
    };
    assert!(accounts >= 306 && devices == accounts + 60, "{taken}");
    let log = fs::read_to_string(home.path("identidex-demo/audit.jsonl")).unwrap();
    let states = log.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["state"].as_str().unwrap().to_owned()
    });
    assert_eq!(states.collect::<Vec<_>>(), ["begun", "sent"]);
    // What it says to go on with works, and it can be played again.
    let last = said.lines().last().unwrap();
    let upn = last.split(' ').find(|word| word.contains('@')).unwrap();
    let mut command = home.command(&["resolve", upn, "--json"]);
    let output = command
        .current_dir(home.path("identidex-demo"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    home.run(&["demo"]).exits(0);
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let home = Home::new();
    fs::create_dir(home.path("mine")).unwrap();
    fs::write(home.path("mine/identidex.toml"), "[index]\n").unwrap();
    let ended = home.run(&["demo", "mine"]).exits(2);
    assert!(
        ended.stderr.contains("holds something else"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        fs::read_to_string(home.path("mine/identidex.toml")).unwrap(),
        "[index]\n"
    );
    fs::write(home.path("file"), "").unwrap();
    home.run(&["demo", "file"]).exits(1);
}
