//! `forget`: nobody but the one is erased, no byte of them is left beside the exports, and they stay away.

use std::fs;

use crate::util::Home;

const SID: &str = "S-1-5-21-1004336348-1177238915-682003330-1104";
const UID: &str = "5d1f7a3c-0b6e-4c55-8a01-a0000000000a";
/// What tells of the person who is erased.
const VALUES: [&str; 7] = [
    SID,
    UID,
    "jdoe@EMEA",
    "john.old@example.com",
    "john.doe@example.com",
    "J.Doe@mail.example.com",
    "John Q. Doe",
];
const USERS: &str = "user.sid,user.uid,user.name,user.upn,user.ad.email_address,user.ad.full_name,user.ad.department,user.#boss";

fn users(rows: &[&str]) -> String {
    format!("{USERS}\n{}\n", rows.join("\n"))
}

fn write(home: &Home, name: &str, text: &str) {
    fs::create_dir_all(home.path("in")).unwrap();
    fs::write(home.path(&format!("in/{name}.csv")), text).unwrap();
}

/// A home with John, whom other rows name too: a boss, a last user, an owner; and Ann.
fn office() -> Home {
    let home = Home::new();
    let john = |upn: &str| {
        format!("{SID},{UID},jdoe@EMEA,{upn},J.Doe@mail.example.com,John Q. Doe,Secret Lab,")
    };
    let ann = "S-1-5-21-1004336348-1177238915-682003330-1105,,ann@EMEA,ann@example.com,,Ann Lee,Sales,john.doe@example.com";
    write(
        &home,
        "users-2026-11-20T06-00-00Z",
        &users(&[&john("john.old@example.com"), ann]),
    );
    write(
        &home,
        "users-2026-11-21T06-00-00Z",
        &users(&[&john("john.doe@example.com"), ann]),
    );
    write(
        &home,
        "devices-2026-11-21T06-00-00Z",
        "device.uid,device.name,device.login.last_login_user_name,device.#owner\n\
         8e2b44d0-77aa-4f0e-b1c2-f0000000000a,NB-1,jdoe@EMEA,John Q. Doe\n\
         8e2b44d0-77aa-4f0e-b1c2-f0000000000b,NB-2,ann@EMEA,Ann Lee\n",
    );
    let logins = format!(
        "user.sid,user.name,device.name,number_of_logins,user.ad.full_name\n\
         {SID},jdoe@EMEA,NB-1,9,John Q. Doe\n{SID},jdoe@EMEA,NB-9,1,John Q. Doe\n,ann@EMEA,NB-2,9,Ann Lee\n"
    );
    write(&home, "logins-2026-11-21T06-00-00Z", &logins);
    home.run(&["sync", "in", "-q"]).exits(0);
    home
}

/// Every way in which a text can lie in a file.
fn spellings(value: &str) -> Vec<Vec<u8>> {
    let normal = value.to_ascii_lowercase();
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let hex = |text: &str| -> Vec<u8> {
        text.bytes()
            .flat_map(|byte| format!("{byte:02x}").into_bytes())
            .collect()
    };
    let mut all = vec![utf16(value), utf16(&normal), hex(value), hex(&normal)];
    for text in [value, &normal] {
        all.extend(base64_parts(text.as_bytes()));
        all.push(text.as_bytes().to_vec());
    }
    if value == UID {
        let digits = value.replace('-', "");
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        all.push((0..32).step_by(2).map(byte).collect());
    }
    all
}

/// What stands in base64 wherever a text begins within what is written so.
fn base64_parts(bytes: &[u8]) -> Vec<Vec<u8>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let part = |begin: usize| {
        let groups = bytes[begin..].chunks_exact(3);
        let digits = groups.flat_map(|group| {
            let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
            [18, 12, 6, 0].map(|shift| DIGITS[(bits >> shift & 63) as usize])
        });
        digits.collect()
    };
    (0..3).map(part).collect()
}

/// Returns where anything of the person lies, the exports aside.
fn traces(home: &Home) -> Vec<String> {
    let files = home.files().into_iter();
    let files = files.filter(|(name, _)| !name.starts_with("in/"));
    let found = files.flat_map(|(name, bytes)| {
        let mut found = Vec::new();
        for value in VALUES {
            let is_there = |text: &Vec<u8>| bytes.windows(text.len()).any(|window| window == text);
            if spellings(value).iter().any(is_there) {
                found.push(format!("{name}: {value}"));
            }
        }
        found
    });
    found.collect()
}

/// Returns the answer about Ann, but for what time and generations change.
fn ann(home: &Home) -> serde_json::Value {
    let mut answer = home.run(&["resolve", "ann@EMEA", "--json"]).exits(0).json();
    for name in ["generation", "freshness"] {
        answer.as_object_mut().unwrap().remove(name);
    }
    answer
}

#[test]
fn no_byte_of_a_person_is_left_and_all_others_are() {
    let home = office();
    assert!(!traces(&home).is_empty());
    let before = ann(&home);
    let told = home
        .run(&["forget", SID, "--reason", "request 4711", "--json"])
        .exits(0)
        .json();
    assert_eq!((&told["id"], &told["generation"]), (&1.into(), &2.into()));
    assert_eq!(traces(&home), Vec::<String>::new());
    home.run(&["resolve", SID]).exits(10);
    home.run(&["resolve", "jdoe@EMEA"]).exits(10);
    assert_eq!(ann(&home), before);
    let departments = home.run(&["query", "SELECT DISTINCT department FROM accounts"]);
    assert!(
        !departments.stdout.contains("Secret"),
        "{}",
        departments.stdout
    );
    let generations = home.run(&["generations", "--json"]).exits(0).json();
    assert_eq!(generations["generations"].as_array().unwrap().len(), 1);
    let list = home.run(&["forget", "--list"]).exits(0).stdout;
    assert!(list.contains("request 4711"), "{list}");
    assert!(!list.contains("jdoe"), "{list}");
}

#[test]
fn later_files_bring_nobody_back_but_who_bears_the_name_now() {
    let home = office();
    home.run(&["forget", SID, "--reason", "request"]).exits(0);
    let john = format!("{SID},{UID},jdoe@EMEA,john.doe@example.com,,John Q. Doe,Lab,");
    let heir = "S-1-5-21-1004336348-1177238915-682003330-1999,,jdoe@EMEA,jane.doe@example.com,,Jane Doe,Lab,";
    write(&home, "users-2026-11-22T06-00-00Z", &users(&[&john]));
    write(
        &home,
        "devices-2026-11-22T06-00-00Z",
        "device.uid,device.name,device.login.last_login_user_name,device.#owner\n\
         8e2b44d0-77aa-4f0e-b1c2-f0000000000a,NB-1,EMEA\\jdoe,john q. doe\n",
    );
    write(
        &home,
        "logins-2026-11-22T06-00-00Z",
        &format!("user.sid,device.name,n\n{SID},NB-1,9\n"),
    );
    let report = home.run(&["sync", "in", "--json"]).exits(0).json();
    assert_eq!(
        report["rows"]["read"],
        report["rows"]["superseded"].as_u64().unwrap() + 1
    );
    assert_eq!(traces(&home), Vec::<String>::new());
    home.run(&["resolve", SID]).exits(10);
    write(&home, "users-2026-11-23T06-00-00Z", &users(&[&john, heir]));
    home.run(&["sync", "in", "-q"]).exits(0);
    let found = home
        .run(&["resolve", "jdoe@EMEA", "--json"])
        .exits(0)
        .json();
    assert_eq!(found["matches"][0]["account"]["full_name"], "Jane Doe");
    // Off the list, the next export brings them back.
    home.run(&["forget", "--undo", "1"]).exits(0);
    home.run(&["forget", "--undo", "1"]).exits(2);
    write(&home, "users-2026-11-24T06-00-00Z", &users(&[&john, heir]));
    home.run(&["sync", "in", "-q"]).exits(0);
    home.run(&["resolve", SID]).exits(0);
}

#[test]
fn an_erasure_that_was_ended_is_done_by_the_next_run() {
    let home = office();
    let current = fs::read_link(home.path("identity.db")).unwrap();
    let old = fs::read(home.path("").join(&current)).unwrap();
    let named = fs::read(home.path("identity.db.d/current")).unwrap();
    home.run(&["forget", SID, "--reason", "request"]).exits(0);
    // As a kill right behind the list would leave it.
    for entry in fs::read_dir(home.path("identity.db.d")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "db") {
            fs::remove_file(path).unwrap();
        }
    }
    fs::write(home.path("").join(&current), old).unwrap();
    fs::write(home.path("identity.db.d/current"), named).unwrap();
    let list = home.path("identity.db.d/erased.json");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace("\"is_done\":true", "\"is_done\":false")).unwrap();
    let left = home.run(&["forget", "--list"]).exits(0).stdout;
    assert!(left.contains("not done yet"), "{left}");
    home.run(&["sync", "in", "-q"]).exits(0);
    assert_eq!(traces(&home), Vec::<String>::new());
    home.run(&["resolve", SID]).exits(10);
}

#[test]
fn who_is_not_one_account_is_not_erased() {
    let home = office();
    let twin = "S-1-5-21-1004336348-1177238915-682003330-1777,,jdoe@APAC,,,John Doe,Sales,";
    write(&home, "users-2026-11-22T06-00-00Z", &users(&[twin]));
    home.run(&["sync", "in", "-q"]).exits(0);
    let before = home.files();
    let several = home
        .run(&["forget", "jdoe", "--reason", "request"])
        .exits(11);
    assert!(several.stdout.contains("jdoe@APAC"), "{}", several.stdout);
    home.run(&["forget", "nobody@EMEA", "--reason", "request"])
        .exits(10);
    home.run(&["forget", "NB-1", "--reason", "request"])
        .exits(2);
    home.run(&["forget", "jdoe@EMEA"]).exits(2);
    home.run(&["forget", "jdoe@EMEA", "--dry-run"]).exits(0);
    assert!(home.files() == before, "something was changed");
    fs::write(home.path("identity.db.d/erased.json"), "{}x").unwrap();
    home.run(&["forget", "jdoe@EMEA", "--reason", "request"])
        .exits(1);
    let refused = home.run(&["sync", "in", "-q"]).exits(1);
    assert!(
        refused.stderr.contains("they would come back"),
        "{}",
        refused.stderr
    );
}

#[test]
fn events_that_name_a_person_go_too() {
    let home = office();
    let events = identidex::receive::Events::open(
        &home.path("identity.events.db"),
        std::time::Duration::from_secs(3600),
        &[],
    )
    .unwrap();
    let said = identidex::receive::Said {
        users: vec!["john.DOE@example.com".into()],
        ..identidex::receive::Said::default()
    };
    for (message, said) in [
        (r#"{"user":"john.doe@example.com"}"#, said),
        (
            r#"{"user":"ann@example.com"}"#,
            identidex::receive::Said::default(),
        ),
    ] {
        let at = jiff::Timestamp::now();
        events
            .store(("alerts", std::time::Duration::ZERO), &said, message, at)
            .unwrap();
    }
    drop(events);
    let told = home
        .run(&["forget", SID, "--reason", "request", "--json"])
        .exits(0)
        .json();
    assert_eq!(told["erased"]["events"], 1);
    assert_eq!(traces(&home), Vec::<String>::new());
}

#[test]
fn all_that_is_held_about_a_person_is_exported_and_nothing_of_others() {
    let home = office();
    fs::write(
        home.path("identity.audit.jsonl"),
        format!("{{\"on\":[{{\"account\":{{\"sid\":\"{SID}\"}}}}]}}\n{{\"on\":[]}}\n"),
    )
    .unwrap();
    let held = home.run(&["export-person", SID]).exits(0).json();
    let text = held.to_string();
    for value in VALUES.iter().filter(|value| !value.starts_with("john.old")) {
        assert!(text.contains(value), "{value}: {text}");
    }
    assert_eq!(held["acts"].as_array().unwrap().len(), 1);
    assert!(
        text.contains("Secret Lab") && !text.contains("Ann Lee"),
        "{text}"
    );
    home.run(&["export-person", SID, "--page", "john.html"])
        .exits(0);
    let page = fs::read_to_string(home.path("john.html")).unwrap();
    assert!(
        page.contains("<td>John Q. Doe</td>") && !page.contains("<script"),
        "{page}"
    );
    home.run(&["export-person", "jdoe@APAC"]).exits(10);
}

#[test]
fn whoever_is_gone_or_only_named_by_others_is_erased_too() {
    let home = Home::new();
    let config =
        "[[source]]\nname = \"a\"\nurl = \"in\"\n[dataset.users]\nsemantics = \"complete\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    let user = |number: u32| format!("S-1-5-21-1-2-3-{number},,u{number}@EMEA,,,,,");
    let rows: Vec<String> = (2000..2030).map(user).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    write(&home, "users-2026-11-20T06-00-00Z", &users(&rows));
    write(&home, "users-2026-11-21T06-00-00Z", &users(&rows[1..]));
    write(
        &home,
        "devices-2026-11-21T06-00-00Z",
        "device.name,device.login.last_login_user_name\nNB-7,stranger@EMEA\n",
    );
    home.run(&["sync", "-q"]).exits(0);
    home.run(&["resolve", "u2000@EMEA"]).exits(10);
    let held = home.run(&["export-person", "u2000@EMEA"]).exits(0).stdout;
    assert!(held.contains("S-1-5-21-1-2-3-2000"), "{held}");
    home.run(&["forget", "u2000@EMEA", "--reason", "left"])
        .exits(0);
    home.run(&["forget", "stranger@EMEA", "--reason", "left"])
        .exits(0);
    home.run(&["forget", "nobody@EMEA", "--reason", "left"])
        .exits(10);
    for value in ["u2000@EMEA", "S-1-5-21-1-2-3-2000", "stranger@EMEA"] {
        let spellings = spellings(value);
        for (name, bytes) in home.files() {
            let is_there = |text: &Vec<u8>| bytes.windows(text.len()).any(|part| part == text);
            assert!(
                name.starts_with("in/") || !spellings.iter().any(is_there),
                "{value} in {name}"
            );
        }
    }
}

#[test]
fn acts_on_people_whose_names_are_alike_are_theirs() {
    let home = Home::new();
    let user = |number: u32, name: &str| {
        format!("S-1-5-21-1-2-3-{number},,{name}@EMEA,{name}@contoso.com,,,,")
    };
    let rows = users(&[&user(1, "lee"), &user(2, "ashlee")]);
    write(&home, "users-2026-11-20T06-00-00Z", &rows);
    home.run(&["sync", "in", "-q"]).exits(0);
    let log = "{\"who\":\"bot\",\"target\":\"ashlee@contoso.com\"}\n{\"target\":\"EMEA\\\\lee\"}\n";
    fs::write(home.path("identity.audit.jsonl"), log).unwrap();
    let held = home.run(&["export-person", "lee@contoso.com"]).exits(0);
    assert!(!held.stdout.contains("ashlee"), "{}", held.stdout);
    let held = held.json();
    assert_eq!(held["acts"].as_array().unwrap().len(), 1, "{held}");
}

#[test]
fn whoever_has_a_name_now_is_not_taken_for_whom_it_was_given_before() {
    let home = office();
    let heir =
        "S-1-5-21-1004336348-1177238915-682003330-1999,,jdoe@EMEA,jane@example.com,,Jane Doe,Lab,";
    write(&home, "users-2026-11-25T06-00-00Z", &users(&[heir]));
    home.run(&["sync", "in", "-q"]).exits(0);
    let before = home.files();
    let answer = home.run(&["resolve", "jdoe@EMEA", "--json"]).json();
    if answer["outcome"] == "one" {
        let refused = home
            .run(&["forget", "jdoe@EMEA", "--reason", "left"])
            .exits(4);
        assert!(refused.stderr.contains("SID"), "{}", refused.stderr);
        home.run(&["export-person", "jdoe@EMEA"]).exits(4);
    } else {
        home.run(&["forget", "jdoe@EMEA", "--reason", "left"])
            .exits(11);
    }
    assert!(home.files() == before, "something was changed");
    let heirs = "S-1-5-21-1004336348-1177238915-682003330-1999";
    let held = home.run(&["export-person", heirs]).exits(0).stdout;
    assert!(!held.contains(SID) && !held.contains("John"), "{held}");
    home.run(&["forget", heirs, "--reason", "left"]).exits(0);
    home.run(&["resolve", SID]).exits(0);
}

#[test]
fn without_the_list_nobody_comes_back_and_no_older_generation_does() {
    let home = office();
    let current = fs::read_link(home.path("identity.db")).unwrap();
    let old = fs::read(home.path("").join(&current)).unwrap();
    home.run(&["forget", SID, "--reason", "request"]).exits(0);
    // From a backup.
    fs::write(home.path("").join(&current), old).unwrap();
    let refused = home.run(&["rollback"]).exits(1);
    assert!(refused.stderr.contains("erased"), "{}", refused.stderr);
    fs::remove_file(home.path("").join(&current)).unwrap();
    let list = home.path("identity.db.d/erased.json");
    let text = fs::read(&list).unwrap();
    fs::remove_file(&list).unwrap();
    for arguments in [
        &["sync", "in", "-q"][..],
        &["sync", "in", "-q", "--dry-run"],
        &["forget", "ann@EMEA", "--reason", "request"],
    ] {
        let refused = home.run(arguments).exits(1);
        assert!(refused.stderr.contains("restore it"), "{}", refused.stderr);
    }
    fs::write(&list, text).unwrap();
    home.run(&["sync", "in", "-q"]).exits(0);
    home.run(&["resolve", SID]).exits(10);
}

#[test]
fn a_clock_that_was_set_back_keeps_no_generation() {
    let home = office();
    let current = fs::read_link(home.path("identity.db")).unwrap();
    let file = fs::File::options()
        .append(true)
        .open(home.path("").join(&current))
        .unwrap();
    let tomorrow = std::time::SystemTime::now() + std::time::Duration::from_hours(24);
    file.set_modified(tomorrow).unwrap();
    home.run(&["forget", SID, "--reason", "request"]).exits(0);
    assert!(!home.path("").join(&current).exists());
    assert_eq!(traces(&home), Vec::<String>::new());
}

#[test]
fn lists_of_names_and_other_spellings_go_and_a_plan_says_what_goes() {
    let home = office();
    let boss =
        |number: u32, boss: &str| format!("S-1-5-21-1-2-3-{number},,b{number}@EMEA,,,,,\"{boss}\"");
    let rows = [
        boss(1, r"EMEA\jdoe"),
        boss(2, "[ann@EMEA, jdoe@EMEA]"),
        boss(3, "SMTP:john.doe@example.com"),
        boss(4, &format!("{{{}}}", UID.to_ascii_uppercase())),
        boss(5, "ann@EMEA"),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    write(&home, "users-2026-11-22T06-00-00Z", &users(&rows));
    home.run(&["sync", "in", "-q"]).exits(0);
    let held = home.run(&["export-person", SID]).exits(0).json();
    assert!(held["named_by"].as_array().unwrap().len() >= 4, "{held}");
    home.run(&["forget", SID, "--reason", "of jdoe@EMEA"])
        .exits(2);
    let plan = home
        .run(&["forget", SID, "--dry-run", "--json"])
        .exits(0)
        .json();
    let done = home
        .run(&["forget", SID, "--reason", "left", "--json"])
        .exits(0)
        .json();
    for count in ["claims", "usages", "cells"] {
        assert_eq!(plan["would_erase"][count], done["erased"][count], "{count}");
    }
    let sql = "SELECT name FROM accounts WHERE extra LIKE '%#boss%' ORDER BY name";
    let left = home.run(&["query", sql, "--format", "csv"]).exits(0).stdout;
    assert_eq!(left, "name\nb5@EMEA\n");
}

#[test]
fn an_erasure_that_waits_is_told_and_whose_name_it_is_today_is_too() {
    let home = office();
    home.run(&["sync", "in", "-q"]).exits(0);
    let heir =
        "S-1-5-21-1004336348-1177238915-682003330-1999,,jdoe@EMEA,jane@example.com,,Jane Doe,Lab,";
    write(&home, "users-2026-11-25T06-00-00Z", &users(&[heir]));
    home.run(&["sync", "in", "-q"]).exits(0);
    let plan = home.run(&["forget", SID, "--dry-run"]).exits(0).stdout;
    assert!(
        plan.contains("jdoe@EMEA is somebody else's today"),
        "{plan}"
    );
    let before = fs::read_link(home.path("identity.db")).unwrap();
    let old = fs::read(home.path("").join(&before)).unwrap();
    let named = fs::read(home.path("identity.db.d/current")).unwrap();
    home.run(&["forget", SID, "--reason", "left"]).exits(0);
    home.run(&["status", "--check", "--max-age", "400d"]);
    fs::write(home.path("").join(&before), old).unwrap();
    fs::write(home.path("identity.db.d/current"), named).unwrap();
    let check = home.run(&["status", "--check"]).exits(2).stdout;
    assert!(check.contains("to be erased"), "{check}");
    let doctor = home.run(&["doctor", "--quick"]).stdout;
    assert!(doctor.contains("to be erased"), "{doctor}");
}

#[test]
fn a_former_name_erases_nobody() {
    let home = office();
    let renamed = format!("{SID},{UID},john.d@EMEA,john.doe@example.com,,John Q. Doe,Lab,");
    write(&home, "users-2026-11-25T06-00-00Z", &users(&[&renamed]));
    home.run(&["sync", "in", "-q"]).exits(0);
    let before = home.files();
    for arguments in [
        &["forget", "jdoe@EMEA", "--reason", "left"][..],
        &["forget", "jdoe@EMEA", "--dry-run"],
    ] {
        let code = home.run(arguments).code;
        let is_found = home.run(&["resolve", "jdoe@EMEA"]).code == 0;
        assert!(code == 4 || is_found, "{code}");
    }
    if home.run(&["resolve", "jdoe@EMEA"]).code != 0 {
        assert!(home.files() == before, "something was changed");
    }
}

#[test]
fn a_name_that_nobody_has_costs_nothing_beside_the_index() {
    let home = office();
    let log = "{\"target\":\"nobody@EMEA\"}\n";
    fs::write(home.path("identity.audit.jsonl"), log).unwrap();
    // An export that was sent here, and taken in.
    fs::create_dir_all(home.path("identity.db.d/inbox/in")).unwrap();
    let taken = home.run(&["query", "SELECT key FROM loads LIMIT 1", "--format", "csv"]);
    let key = taken.stdout.lines().nth(1).unwrap().to_owned();
    let source = home.run(&[
        "query",
        "SELECT source FROM loads LIMIT 1",
        "--format",
        "csv",
    ]);
    let source = source
        .stdout
        .lines()
        .nth(1)
        .unwrap()
        .trim_start_matches('/')
        .to_owned();
    let inbox = home.path("identity.db.d/inbox").join(source).join(key);
    fs::create_dir_all(inbox.parent().unwrap()).unwrap();
    fs::write(&inbox, "kept").unwrap();
    let before = home.files();
    home.run(&["forget", "nobody@EMEA", "--reason", "typo"])
        .exits(10);
    assert!(home.files() == before, "something was changed");
    fs::write(home.path("identity.db.d/pulled.json"), "{}").unwrap();
    let before = home.files();
    home.run(&["forget", SID, "--reason", "left"]).exits(2);
    assert!(home.files() == before, "something was changed");
}

#[test]
fn one_goes_back_from_a_generation_that_cannot_be_read() {
    let home = office();
    write(
        &home,
        "users-2026-11-25T06-00-00Z",
        &users(&["S-1-5-21-1-2-3-2001,,new@EMEA,,,,,"]),
    );
    home.run(&["sync", "in", "-q"]).exits(0);
    let current = home
        .path("")
        .join(fs::read_link(home.path("identity.db")).unwrap());
    fs::remove_file(&current).unwrap();
    home.run(&["rollback"]).exits(0);
    home.run(&["resolve", SID]).exits(0);
}
