//! `doctor`: what is not well is found, each with what to do, and nothing is changed by looking.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::util::Home;

const USERS: &str = "user.sid,user.name,user.upn,user.ad.email_address\n\
    S-1-5-21-1-2-3-1104,ann@EMEA,ann@example.com,ann@example.com\n";
const DEVICES: &str = "device.uid,device.name\n3a1b5c7d-0000-4000-8000-000000000001,NB-1\n";
const LOGINS: &str = "user.sid,device.uid,number_of_logins\n\
    S-1-5-21-1-2-3-1104,3a1b5c7d-0000-4000-8000-000000000001,4\n";

/// A home with a configured source and exports of an hour ago, taken in.
fn well() -> Home {
    let home = Home::new();
    fs::create_dir(home.path("in")).unwrap();
    fs::write(
        home.path("identidex.toml"),
        "[[source]]\nname = \"a\"\nurl = \"in\"\n",
    )
    .unwrap();
    export(&home, "users", 60, USERS);
    export(&home, "devices", 60, DEVICES);
    export(&home, "logins", 60, LOGINS);
    home.run(&["sync", "-q"]).exits(0);
    home
}

fn export(home: &Home, name: &str, minutes: i64, text: &str) {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    let file = at
        .strftime(&format!("in/{name}-%Y-%m-%dT%H-%M-%SZ.csv"))
        .to_string();
    fs::write(home.path(&file), text).unwrap();
}

/// Looks, and returns the findings that are not fine, as "level about: found"; each has a fix.
#[track_caller]
fn findings(home: &Home, code: i32) -> Vec<String> {
    let before = home.files();
    let told = home.run(&["doctor", "--json"]).exits(code).json();
    assert!(before == home.files(), "looking changed something");
    let findings = told["findings"].as_array().unwrap().iter();
    let bad = findings.filter(|one| one["level"] != "fine");
    bad.map(|one| {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        assert!(!text("fix").is_empty(), "{one}");
        format!("{} {}: {}", text("level"), text("about"), text("found"))
    })
    .collect()
}

#[track_caller]
fn has(findings: &[String], start: &str, part: &str) {
    let found = findings
        .iter()
        .any(|one| one.starts_with(start) && one.contains(part));
    assert!(found, "{start} … {part}: {findings:#?}");
}

#[test]
fn what_is_well_is_fine() {
    let home = well();
    assert_eq!(findings(&home, 0), Vec::<String>::new());
    let text = home.run(&["doctor", "--quick"]).exits(0).stdout;
    assert!(text.lines().all(|line| line.starts_with("fine ")), "{text}");
    assert!(text.contains("source a: it lists 3 objects"), "{text}");
}

#[test]
fn where_nothing_is_yet_it_says_what_to_begin_with() {
    let home = Home::new();
    let found = findings(&home, 1);
    has(&found, "warning sources: ", "none is configured");
    has(&found, "problem index: ", "");
    has(&found, "warning runs: ", "none is noted");
}

#[test]
fn a_source_that_cannot_be_listed_or_read_is_a_problem() {
    let home = well();
    let config = "[[source]]\nname = \"a\"\nurl = \"in\"\n\
        [[source]]\nname = \"b\"\nurl = \"nowhere\"\n\
        [[source]]\nname = \"c\"\nurl = \"empty\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    fs::create_dir(home.path("empty")).unwrap();
    export(&home, "cut", 1, "user.name,user.upn\n\"ann");
    let found = findings(&home, 1);
    has(&found, "problem source a: cut-", "");
    has(&found, "problem source b: ", "nowhere");
    has(&found, "warning source c: ", "lists no object");
}

#[test]
fn columns_that_came_or_went_are_told() {
    let home = well();
    export(
        &home,
        "users",
        2,
        "user.sid,user.name,user.ad.email_address,user.shoe_size\n\
         S-1-5-21-1-2-3-1104,ann@EMEA,ann@example.com,\n",
    );
    let found = findings(&home, 3);
    has(
        &found,
        "warning source a: ",
        "gone user.upn, come user.shoe_size",
    );
}

#[test]
fn an_identifier_that_fewer_have_than_before_is_a_problem() {
    let home = well();
    export(&home, "users", 2, &USERS.replace(",ann@example.com,", ",,"));
    home.run(&["sync", "-q"]).exits(0);
    let found = findings(&home, 1);
    has(&found, "problem identifier upn: 0 %", " UTC it was 100 %");
    assert!(
        !found.iter().any(|one| one.contains("identifier email")),
        "{found:#?}"
    );
}

#[test]
fn hashed_values_and_usages_that_wait_are_warned_of() {
    let home = well();
    let hash = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
    export(
        &home,
        "users",
        2,
        &USERS.replace(",ann@example.com,", &format!(",{hash},")),
    );
    export(
        &home,
        "logins",
        2,
        &LOGINS.replace("S-1-5-21-1-2-3-1104", "S-1-5-21-1-2-3-4711"),
    );
    home.run(&["sync", "-q"]).exits(0);
    let found = findings(&home, 1);
    has(
        &found,
        "problem identifier upn: it is hashed for 100 %",
        "in generation 1 of ",
    );
    has(&found, "warning logins: 1 wait", "in no export");
}

#[test]
fn files_that_everybody_may_read_are_problems() {
    let home = well();
    fs::write(home.path("token"), "not for everybody\n").unwrap();
    fs::set_permissions(home.path("token"), fs::Permissions::from_mode(0o644)).unwrap();
    let mut config = fs::read_to_string(home.path("identidex.toml")).unwrap();
    config.push_str("[serve]\ntoken_file = \"token\"\n");
    fs::write(home.path("identidex.toml"), config).unwrap();
    let current = fs::read_link(home.path("identity.db")).unwrap();
    fs::set_permissions(
        home.path("").join(current),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let found = findings(&home, 1);
    has(&found, "problem file token: it holds a secret", "");
    assert!(!found.iter().any(|one| one.contains("identidex.toml")));
    has(&found, "warning folder ", "(0640)");
    let config = fs::read_to_string(home.path("identidex.toml")).unwrap();
    let config = config + "[nexthink]\nclient_id = \"bot\"\nsecret = \"not-for-everybody\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    has(
        &findings(&home, 1),
        "problem file identidex.toml: it holds a secret",
        "",
    );
}

#[test]
fn an_index_that_is_not_what_was_published_is_a_problem() {
    let home = well();
    let file = home
        .path("")
        .join(fs::read_link(home.path("identity.db")).unwrap());
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(&file, bytes).unwrap();
    has(&findings(&home, 1), "problem index: ", "");
}

#[test]
fn a_file_by_itself_never_follows() {
    let home = well();
    fs::copy(home.path("identity.db"), home.path("alone.db")).unwrap();
    let told = home.run(&["--index", "alone.db", "doctor", "--json"]);
    let told: Value = told.json();
    let by_itself = told["findings"].as_array().unwrap().iter().find(|one| {
        one["found"]
            .as_str()
            .is_some_and(|found| found.contains("newer generations are never seen"))
    });
    assert!(by_itself.is_some(), "{told}");
}

#[test]
fn runs_that_failed_are_problems_and_what_they_left_out_is_named() {
    let home = well();
    home.run(&["sync", "nowhere", "-q"]).exits(1);
    has(
        &findings(&home, 1),
        "problem runs: 1 in a row failed",
        "nowhere",
    );
    export(&home, "users", 2, "no,header\n1,2\n");
    home.run(&["sync", "-q"]).exits(3);
    has(&findings(&home, 1), "warning runs: 1 objects", "left out");
}
