//! What a run changes: who is gone where a dataset lists all, what is too much to be published unasked, and what a dry run says.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::util::Home;

/// A home with `[dataset.users] semantics = "complete"`.
fn complete() -> Home {
    let home = Home::new();
    fs::create_dir(home.path("in")).unwrap();
    let config =
        "[[source]]\nname = \"a\"\nurl = \"in\"\n[dataset.users]\nsemantics = \"complete\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    home
}

/// Writes users of some numbers, each with a UPN and an email.
fn users(home: &Home, name: &str, numbers: impl Iterator<Item = u32>) {
    let mut text = "user.sid,user.name,user.upn,user.ad.email_address\n".to_owned();
    for number in numbers {
        let _ = writeln!(
            text,
            "S-1-5-21-1-2-3-{},u{number}@EMEA,u{number}@upn.example,u{number}@mail.example",
            2000 + number
        );
    }
    fs::write(home.path(&format!("in/{name}.csv")), text).unwrap();
}

fn sync(home: &Home, code: i32) -> Value {
    let ended = home.run(&["sync", "--json"]).exits(code);
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn who_is_not_in_the_newest_list_of_all_is_gone_until_seen_again() {
    let home = complete();
    users(&home, "users-2026-11-20T06-00-00Z", 1..=30);
    let device = "device.name,device.last_seen\nNB-1,2026-11-20 05:00:00\n";
    fs::write(home.path("in/devices-2026-11-20T06-00-00Z.csv"), device).unwrap();
    let logins = "user.name,device.name,n\nu1@EMEA,NB-1,9\nu2@EMEA,NB-1,2\n";
    fs::write(home.path("in/logins-2026-11-20T06-00-00Z.csv"), logins).unwrap();
    sync(&home, 0);
    home.run(&["resolve", "u1@EMEA"]).exits(0);
    users(&home, "users-2026-11-21T06-00-00Z", 2..=30);
    let report = sync(&home, 0);
    assert_eq!(report["changes"]["accounts"]["gone"], 1);
    for text in ["u1@EMEA", "u1@upn.example", "S-1-5-21-1-2-3-2001"] {
        let answer = home
            .run(&["resolve", text, "--all-classes", "--json"])
            .exits(10)
            .json();
        assert_eq!(answer["skipped"]["gone"], 1, "{text}: {answer}");
    }
    let device = home.run(&["resolve", "NB-1", "--json"]).exits(0).json();
    let names: Vec<&Value> = device["matches"][0]["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["account_name"])
        .collect();
    assert_eq!(names, [&json!("u2@EMEA")]);
    let why = home.run(&["why", "u1@EMEA"]).exits(10).stdout;
    assert!(why.contains("and is gone"), "{why}");
    let sql = "SELECT name FROM accounts WHERE is_gone";
    let gone = home.run(&["query", sql, "--format", "csv"]).exits(0).stdout;
    assert!(gone.contains("u1@EMEA"), "{gone}");
    users(&home, "users-2026-11-22T06-00-00Z", 1..=30);
    sync(&home, 0);
    home.run(&["resolve", "u1@EMEA"]).exits(0);
}

#[test]
fn whoever_is_gone_still_tells_who_was_where() {
    let home = Home::new();
    fs::create_dir(home.path("in")).unwrap();
    let config = "[[source]]\nname = \"a\"\nurl = \"in\"\n[dataset.users]\nsemantics = \"complete\"\n[dataset.devices]\nsemantics = \
                  \"complete\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    let devices = |day: u32, numbers: &mut dyn Iterator<Item = u32>| {
        let rows = numbers.map(|number| format!("NB-{number}\n"));
        let text = format!("device.name\n{}", rows.collect::<String>());
        let name = format!("in/devices-2026-11-{day}T06-00-00Z.csv");
        fs::write(home.path(&name), text).unwrap();
    };
    // u1 had NB-1, and has NB-2; u3 had NB-3, and u4 has it.
    for (day, rows) in (10..).zip([
        [("u1", "NB-1"), ("u3", "NB-3")],
        [("u1", "NB-2"), ("u4", "NB-3")],
        [("u1", "NB-2"), ("u4", "NB-3")],
        [("u1", "NB-2"), ("u4", "NB-3")],
        [("u1", "NB-2"), ("u4", "NB-3")],
    ]) {
        let rows = rows.map(|(user, device)| {
            format!("{user}@EMEA,{device},3,2026-11-{:02} 09:00:00\n", day - 1)
        });
        let text = format!("user.name,device.name,logins,last_used\n{}", rows.concat());
        let name = format!("in/logins-2026-11-{day}T06-00-00Z.csv");
        fs::write(home.path(&name), text).unwrap();
    }
    let primary = |user: &str| {
        let found = home.run(&["resolve", user, "--json"]).exits(0).json();
        let devices = found["matches"][0]["devices"].as_array().unwrap().clone();
        let primary = devices.into_iter().find(|device| device["primary"] == true);
        primary.map(|device| device["name"].clone())
    };
    let administrator = |day: u32| {
        let admin = "user.sid,user.name,user.ad.email_address\nS-1-5-21-1-2-3-4004,adm-u4@EMEA,u4@mail.example\n";
        let name = format!("in/administrators-2026-11-{day}T06-00-00Z.csv");
        fs::write(home.path(&name), admin).unwrap();
    };
    users(&home, "users-2026-11-14T06-00-00Z", 1..=30);
    administrator(14);
    devices(14, &mut (1..=30));
    sync(&home, 0);
    assert_eq!(
        (primary("u1@EMEA"), primary("u3@EMEA")),
        (Some(json!("NB-2")), None)
    );
    users(
        &home,
        "users-2026-11-15T06-00-00Z",
        (1..=30).filter(|number| *number != 4),
    );
    administrator(15);
    devices(15, &mut (1..=30).filter(|number| *number != 2));
    let report = sync(&home, 0);
    assert_eq!(report["changes"]["devices"]["gone"], 1, "{report}");
    assert_eq!((primary("u1@EMEA"), primary("u3@EMEA")), (None, None));
    // Nor is whoever is left of several who hold an address the one who speaks.
    let clues = [
        "resolve",
        "u4@mail.example",
        "--kind",
        "email",
        "--verified",
        "--json",
    ];
    let found = home.run(&clues).exits(0).json();
    assert_eq!(
        (
            &found["matches"][0]["enough_to_act"],
            &found["skipped"]["gone"]
        ),
        (&json!(false), &json!(1)),
        "{found}"
    );
    let sql = "SELECT count(*) AS n FROM usages u JOIN accounts a ON a.id = u.account JOIN devices d ON d.id = u.device WHERE d.name = 'NB-2' OR a.name = 'u4@EMEA'";
    let shown = home.run(&["query", sql, "--format", "csv"]).exits(0).stdout;
    assert_eq!(shown.lines().last(), Some("0"), "{shown}");
}

#[test]
fn a_list_of_which_a_file_fails_lets_nobody_go_and_one_of_fewer_files_is_told() {
    let home = complete();
    let parts = |day: u32, parts: &[u32]| {
        for part in parts {
            let name = format!("users-2026-11-{day}T06-00-00Z.p{part}");
            users(&home, &name, part * 30..part * 30 + 30);
        }
    };
    parts(20, &[1, 2, 3]);
    sync(&home, 0);
    parts(21, &[1, 2]);
    let third = home.path("in/users-2026-11-21T06-00-00Z.p3.csv");
    fs::write(&third, "Kennung\nu90@EMEA\n").unwrap();
    let report = sync(&home, 3);
    assert_eq!(report["changes"]["accounts"]["gone"], 0, "{report}");
    let told = |report: &Value, what: &str| {
        let warnings = report["warnings"].as_array().unwrap();
        warnings
            .iter()
            .any(|warning| warning.as_str().unwrap().contains(what))
    };
    assert!(
        told(
            &report,
            "was not taken in, or lost rows: nobody is taken for gone"
        ),
        "{report}"
    );
    // Nor does one that is empty, or written still.
    fs::write(&third, "").unwrap();
    users(&home, "users-2026-11-21T06-04-00Z.p5", 150..180);
    assert_eq!(sync(&home, 0)["changes"]["accounts"]["gone"], 0);
    let written = home.path("in/users-2026-11-21T06-00-00Z.p3.csv.filepart");
    fs::rename(&third, &written).unwrap();
    fs::write(&written, "user.name\nu9").unwrap();
    users(&home, "users-2026-11-21T06-03-00Z.p6", 180..210);
    assert_eq!(sync(&home, 0)["changes"]["accounts"]["gone"], 0);
    fs::remove_file(&written).unwrap();
    fs::write(&third, "Kennung\nu90@EMEA\n").unwrap();
    sync(&home, 3);
    // Nor does a run that cannot list the source, nor one without a listing.
    fs::create_dir(home.path("other")).unwrap();
    let config = fs::read_to_string(home.path("identidex.toml")).unwrap();
    let other = format!("[[source]]\nname = \"b\"\nurl = \"other\"\n{config}");
    fs::write(home.path("identidex.toml"), other).unwrap();
    fs::rename(home.path("in"), home.path("away")).unwrap();
    let device = "device.name,device.last_seen\nNB-1,2026-11-20 05:00:00\n";
    fs::write(home.path("other/devices-2026-11-21T06-00-00Z.csv"), device).unwrap();
    sync(&home, 3);
    home.run(&["resolve", "u100@EMEA"]).exits(0);
    let erase = ["forget", "S-1-5-21-1-2-3-2031", "--reason", "request"];
    home.run(&erase).exits(0);
    home.run(&["resolve", "u100@EMEA"]).exits(0);
    fs::rename(home.path("away"), home.path("in")).unwrap();
    fs::write(home.path("identidex.toml"), config).unwrap();
    // Nor does it once it is known to fail.
    users(&home, "users-2026-11-21T06-05-00Z.p4", 120..150);
    let report = sync(&home, 0);
    assert_eq!(report["changes"]["accounts"]["gone"], 0, "{report}");
    fs::remove_file(&third).unwrap();
    parts(21, &[3]);
    let report = sync(&home, 0);
    assert_eq!(report["changes"]["accounts"]["gone"], 0, "{report}");
    parts(22, &[1, 2]);
    let ended = home.run(&["sync", "--json", "--accept"]).exits(0);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["changes"]["accounts"]["gone"], 120, "{report}");
    assert!(
        told(&report, "came in 2 files where they came in 6 before"),
        "{report}"
    );
}

#[test]
fn what_changes_most_of_a_few_is_told() {
    let home = complete();
    users(&home, "users-2026-11-20T06-00-00Z", 1..=30);
    sync(&home, 0);
    let path = home.path("in/users-2026-11-20T06-00-00Z.csv");
    let text = fs::read_to_string(&path).unwrap();
    let swapped = text.replacen(
        "user.upn,user.ad.email_address",
        "user.ad.email_address,user.upn",
        1,
    );
    fs::write(home.path("in/users-2026-11-21T06-00-00Z.csv"), swapped).unwrap();
    let report = sync(&home, 0);
    let told = "30 of 30 accounts have other identifiers, too few for breaker.percent";
    assert!(report["warnings"].to_string().contains(told), "{report}");
}

#[test]
fn a_source_that_gives_nothing_newer_for_long_is_told() {
    let home = complete();
    fs::create_dir(home.path("other")).unwrap();
    let config =
        "[[source]]\nname = \"a\"\nurl = \"in\"\n[[source]]\nname = \"b\"\nurl = \"other\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    users(&home, "users-2026-10-10T06-00-00Z", 1..=3);
    let old = "in/users-2026-10-10T06-00-00Z.csv";
    fs::rename(home.path(old), home.path(&old.replace("in/", "other/"))).unwrap();
    users(&home, "users-2026-11-20T06-00-00Z", 4..=6);
    let report = sync(&home, 0);
    let told = "source `b` has no newer users than 41 days before those of another source";
    let warnings = report["warnings"].as_array().unwrap();
    let count = warnings
        .iter()
        .filter(|warning| warning.as_str().unwrap().starts_with(told))
        .count();
    assert_eq!(count, 1, "{report}");
}

#[test]
fn a_test_or_a_cut_or_another_list_lets_nobody_go() {
    let home = complete();
    users(&home, "users-2026-11-20T06-00-00Z", 1..=30);
    sync(&home, 0);
    users(&home, "users-2026-11-21T06-00-00Z", 2..=21);
    users(&home, "users-2026-11-22T06-00-00Z-truncated", 2..=30);
    users(&home, "users-2026-11-23T06-00-00Z", 2..=1001);
    fs::create_dir(home.path("other")).unwrap();
    let mut config = fs::read_to_string(home.path("identidex.toml")).unwrap();
    config = config.replace(
        "[dataset",
        "[[source]]\nname = \"b\"\nurl = \"other\"\n[dataset",
    );
    fs::write(home.path("identidex.toml"), config).unwrap();
    users(&home, "../other/users-2026-11-24T06-00-00Z", 500..=600);
    let report = sync(&home, 0);
    assert_eq!(report["changes"]["accounts"]["gone"], 0);
    home.run(&["resolve", "u1@EMEA"]).exits(0);
}

#[test]
fn a_run_that_lets_go_too_many_publishes_nothing() {
    let home = complete();
    users(&home, "users-2026-11-20T06-00-00Z", 1..=300);
    sync(&home, 0);
    users(&home, "users-2026-11-21T06-00-00Z", 1..=140);
    let before = fs::read(home.path("identity.db.d/current")).unwrap();
    let report = sync(&home, 4);
    assert_eq!(report["outcome"], "refused");
    let error = report["failures"][0]["error"].as_str().unwrap();
    assert!(
        error.contains("160 of 300 accounts would be gone"),
        "{error}"
    );
    assert!(fs::read(home.path("identity.db.d/current")).unwrap() == before);
    home.run(&["status", "--check"]).exits(2);
    // A dry run says all that it would do.
    let plan = home.run(&["sync", "--dry-run", "--json"]).exits(4).json();
    assert_eq!(
        (&plan["outcome"], &plan["changes"]["accounts"]["gone"]),
        (&json!("refused"), &json!(160))
    );
    let accepted = home.run(&["sync", "--accept"]).exits(0).stdout;
    assert!(accepted.contains("accounts: 160 gone"), "{accepted}");
    home.run(&["resolve", "u300@EMEA"]).exits(10);
    // Once: it is not asked for again.
    sync(&home, 0);
}

#[test]
fn swapped_columns_are_not_published() {
    let home = Home::new();
    fs::create_dir(home.path("in")).unwrap();
    fs::write(
        home.path("identidex.toml"),
        "[[source]]\nname = \"a\"\nurl = \"in\"\n",
    )
    .unwrap();
    users(&home, "users-2026-11-20T06-00-00Z", 1..=150);
    sync(&home, 0);
    users(&home, "users-2026-11-21T06-00-00Z", 1..=150);
    let file = home.path("in/users-2026-11-21T06-00-00Z.csv");
    let text = fs::read_to_string(&file).unwrap();
    let (upn, mail) = ("user.upn", "user.ad.email_address");
    let swapped = text.replace(&format!("{upn},{mail}"), &format!("{mail},{upn}"));
    fs::write(&file, swapped).unwrap();
    let report = sync(&home, 4);
    let error = report["failures"][0]["error"].as_str().unwrap();
    assert!(
        error.contains("150 of 150 accounts would have other identifiers"),
        "{error}"
    );
    let config = fs::read_to_string(home.path("identidex.toml")).unwrap();
    fs::write(
        home.path("identidex.toml"),
        config + "[breaker]\npercent = 100\n",
    )
    .unwrap();
    assert_eq!(sync(&home, 0)["changes"]["accounts"]["changed"], 150);
}

#[test]
fn what_is_new_or_has_another_name_is_counted() {
    let home = Home::new();
    fs::create_dir(home.path("in")).unwrap();
    fs::write(
        home.path("identidex.toml"),
        "[[source]]\nname = \"a\"\nurl = \"in\"\n",
    )
    .unwrap();
    users(&home, "users-2026-11-20T06-00-00Z", 1..=3);
    let first = sync(&home, 0);
    assert_eq!(first["changes"]["accounts"]["added"], 3);
    users(&home, "users-2026-11-21T06-00-00Z", 2..=4);
    let file = home.path("in/users-2026-11-21T06-00-00Z.csv");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("u2@EMEA", "wed@EMEA")).unwrap();
    assert_eq!(
        sync(&home, 0)["changes"]["accounts"],
        json!({"added": 1, "changed": 1, "gone": 0, "expired": 0})
    );
}

#[test]
fn an_export_in_parts_or_without_some_rows_or_of_two_sources_lets_nobody_go() {
    let home = complete();
    users(&home, "users-a-2026-11-20T06-00-00Z", 1..=30);
    users(&home, "users-b-2026-11-20T06-03-00Z", 31..=60);
    sync(&home, 0);
    home.run(&["resolve", "u1@EMEA"]).exits(0);
    // A row that was rejected is of somebody who is there.
    let path = home.path("in/users-b-2026-11-21T06-03-00Z.csv");
    users(&home, "users-b-2026-11-21T06-03-00Z", 1..=59);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "too,many,cells,in,this,row,of,all\n").unwrap();
    let report = sync(&home, 0);
    assert_eq!(report["changes"]["accounts"]["gone"], 0, "{report}");
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("lost 1 rows"), "{warnings}");
    home.run(&["resolve", "u60@EMEA"]).exits(0);
    // Two that list all: neither has all.
    fs::create_dir(home.path("other")).unwrap();
    let config = fs::read_to_string(home.path("identidex.toml")).unwrap();
    let both = "[[source]]\nname = \"b\"\nurl = \"other\"\n[dataset";
    fs::write(
        home.path("identidex.toml"),
        config.replace("[dataset", both),
    )
    .unwrap();
    users(&home, "../other/users-2026-11-22T06-00-00Z", 1..=30);
    users(&home, "../other/users-2026-11-23T06-00-00Z", 1..=25);
    let report = sync(&home, 0);
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains("2 sources have exports of users"),
        "{warnings}"
    );
    home.run(&["resolve", "u30@EMEA"]).exits(0);
}

#[test]
fn a_column_that_is_new_changes_nobody() {
    let home = complete();
    users(&home, "users-2026-11-20T06-00-00Z", 1..=300);
    sync(&home, 0);
    users(&home, "users-2026-11-21T06-00-00Z", 1..=300);
    let path = home.path("in/users-2026-11-21T06-00-00Z.csv");
    let text = fs::read_to_string(&path).unwrap();
    let rows = text.lines().enumerate().map(|(at, line)| match at {
        0 => format!("{line},user.uid\n"),
        at => format!("{line},aaaaaaaa-0000-4000-8000-{at:012}\n"),
    });
    fs::write(&path, rows.collect::<String>()).unwrap();
    let report = sync(&home, 0);
    assert_eq!(report["changes"]["accounts"]["changed"], 0, "{report}");
}

#[test]
fn a_first_load_lets_go_of_nobody_who_was_there() {
    let home = Home::new();
    fs::create_dir(home.path("in")).unwrap();
    let config = "[[source]]\nname = \"a\"\nurl = \"in\"\n[retention]\ndays = 100\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    users(&home, "users-2025-01-20T06-00-00Z", 1..=300);
    users(&home, "users-2026-11-20T06-00-00Z", 301..=310);
    let report = sync(&home, 0);
    assert_eq!(report["accounts"], 10, "{report}");
}

#[test]
fn what_was_refused_does_not_come_in_with_the_next_good_file() {
    let home = complete();
    users(&home, "users-2026-11-20T06-00-00Z", 1..=300);
    sync(&home, 0);
    users(&home, "users-2026-11-21T06-00-00Z", 1..=30);
    let refused = sync(&home, 4);
    assert_eq!(refused["changes"]["accounts"]["gone"], 270, "{refused}");
    assert_eq!(
        (&refused["rows"]["read"], &refused["generation"]),
        (&json!(30), &json!(1))
    );
    // Alone it is refused again, and again.
    sync(&home, 4);
    users(&home, "users-2026-11-22T06-00-00Z", 1..=300);
    let partly = sync(&home, 3);
    assert_eq!(partly["objects"]["loaded"], 1, "{partly}");
    let error = partly["failures"][0]["error"].as_str().unwrap();
    assert!(error.contains("--accept"), "{error}");
    home.run(&["status", "--check"]).exits(1);
    // A copy of it is struck off the list too, once it is in.
    let copy = home.path("in/copy-2026-11-21T06-00-00Z.csv");
    fs::copy(home.path("in/users-2026-11-21T06-00-00Z.csv"), copy).unwrap();
    home.run(&["sync", "--accept", "-q"]).exits(0);
    let state = fs::read_to_string(home.path("identity.db.d/state.json")).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["failed_objects"], 0, "{state}");
    home.run(&["resolve", "u300@EMEA"]).exits(0);
    home.run(&["sync", "-q"]).exits(0);
}

#[test]
fn an_export_of_fewer_keys_changes_nobody() {
    let home = complete();
    users(&home, "users-2026-11-20T06-00-00Z", 1..=300);
    sync(&home, 0);
    fs::create_dir(home.path("vip")).unwrap();
    let config = fs::read_to_string(home.path("identidex.toml")).unwrap();
    let vip = "[[source]]\nname = \"vip\"\nurl = \"vip\"\n[dataset";
    fs::write(home.path("identidex.toml"), config.replace("[dataset", vip)).unwrap();
    let rows = (2001..=2250).map(|number| format!("S-1-5-21-1-2-3-{number},yes\n"));
    let text = "user.sid,user.#vip\n".to_owned() + &rows.collect::<String>();
    fs::write(home.path("vip/users-2026-11-21T06-00-00Z.csv"), text).unwrap();
    let report = sync(&home, 0);
    assert_eq!(report["changes"]["accounts"]["changed"], 0, "{report}");
}

#[test]
fn a_plan_names_some_on_request_and_nobody_else_does() {
    let home = complete();
    users(&home, "users-2026-11-20T06-00-00Z", 1..=30);
    sync(&home, 0);
    users(&home, "users-2026-11-21T06-00-00Z", 2..=29);
    let path = home.path("in/users-2026-11-21T06-00-00Z.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("u7@upn.example", "seven@upn.example")).unwrap();
    let plain = home.run(&["sync", "--dry-run"]).exits(0).stdout;
    assert!(!plain.contains("@EMEA"), "{plain}");
    let plan = home
        .run(&["sync", "--dry-run", "--examples"])
        .exits(0)
        .stdout;
    assert!(
        plan.contains("accounts gone, such as: u1@EMEA, u30@EMEA"),
        "{plan}"
    );
    assert!(
        plan.contains("accounts with other identifiers, such as: u7@EMEA"),
        "{plan}"
    );
    home.run(&["sync", "--examples"]).exits(2);
    sync(&home, 0);
    let runs = fs::read_to_string(home.path("identity.db.d/runs.jsonl")).unwrap();
    assert!(!runs.contains("u1@EMEA"), "{runs}");
}
