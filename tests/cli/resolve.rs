//! `resolve`: what is found for identifiers of the tenant, alone and together, as text and as JSON.
//! Which rules led there is left to `why`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::Value;

use super::keys;
use crate::util::{Ended, Home};

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
fn a_host_name_that_was_passed_on_is_that_of_the_machine_that_has_it_now() {
    let ended = Home::of_tenant().run(&["resolve", "nb-0050"]);
    let stdout = ended.exits(0).stdout;
    assert!(stdout.contains("another one had it too"), "{stdout}");
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
    // Two that name them, and nothing says of when the logins are.
    assert_eq!(primary("jmuller@EMEA"), [""; 0]);
    // Four logins of ten there are others'.
    assert_eq!(primary("reception@EMEA"), [""; 0]);
    // Only shared ones.
    assert_eq!(primary("lgarcia@EMEA"), [""; 0]);
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
fn a_closed_pipe_leaves_the_exit_code_as_it_is() {
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
    assert_eq!(child.wait().unwrap().code(), Some(10));
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
        "account",
        "devices",
        "enough_to_act",
        "evidence",
        "flags",
        "level",
        "not_enough",
        "strength",
        "type",
        "waiting",
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
    let answer = named("Jane Doe").exits(0).json();
    assert_eq!(answer["clues"][1]["verdict"], "unknown");
    named("Max Mueller").exits(10);
    // Says nothing.
    named("N/A").exits(0);
}

#[test]
fn clues_say_what_they_are_and_come_in_sets() {
    let home = Home::of_tenant();
    let typed = [
        "upn=john.doe@contoso.com",
        "device=NB-0042",
        "name=Doe, John",
    ];
    let answer = home
        .run(&[&["resolve", "--together", "--json"], &typed[..]].concat())
        .exits(0)
        .json();
    assert_eq!(answer["matches"][0]["strength"], 2, "{answer}");
    assert_eq!(answer["matches"][0]["enough_to_act"], true);
    let sets = "upn=john.doe@contoso.com\tname=John Doe\n\
        {\"upn\": \"john.doe@contoso.com\", \"email\": null, \"verified\": [\"upn\"]}\n\
        {\"nickname\": \"jd\"}\n\
        upn=john.doe@contoso.com\tsid=S-1-5-21-1-2-3-9999\n\
        {AAAAAAAA-0000-4000-8000-000000000001}\tjdoe@EMEA\n\
        {\"upn\": \"asmith@contoso.com\", \"upn\": \"john.doe@contoso.com\"}\n\
        [\"upn\"]\n\
        {upn: john.doe@contoso.com\n";
    let mut child = home
        .command(&["resolve", "--together", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(sets.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    // A line that is no set has its answer too.
    assert_eq!(output.status.code(), Some(12));
    let lines = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 8);
    assert_eq!(answers[2]["outcome"], "unparseable");
    assert_eq!(answers[6]["outcome"], "unparseable");
    assert_eq!(answers[7]["outcome"], "unparseable");
    let enough = |at: usize| answers[at]["matches"][0]["enough_to_act"].clone();
    assert_eq!((enough(0), enough(1)), (false.into(), true.into()));
    assert_eq!(answers[3]["flags"][0], "contradiction");
    // A uid in braces is no object.
    assert_eq!(answers[4]["outcome"], "one");
    assert_eq!(answers[5]["outcome"], "unparseable");
    home.run(&["resolve", "--together", "-", "jdoe"]).exits(2);
}

#[test]
fn the_json_of_an_answer_is_one_line_for_every_reader() {
    let home = Home::of_tenant();
    let ended = home.run(&["resolve", "--json", "a\u{2028}b\u{2029}c\u{85}d"]);
    let line = ended.stdout.trim_end_matches('\n');
    assert!(
        !line.contains(['\u{2028}', '\u{2029}', '\u{85}', '\n']),
        "{line}"
    );
    assert_eq!(ended.json()["query"], "a\u{2028}b\u{2029}c\u{85}d");
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
