//! Sources: what is listed, left out, waits or fails.

use std::fs;

use serde_json::Value;

use super::{add, answer, copy, sync, synced};
use crate::util::{Home, fixture};

#[test]
fn objects_of_the_future_wait() {
    let home = Home::new();
    copy(&fixture("field/future/in"), &home.path("exports"));
    let report = sync(&home).exits(0).json();
    assert_eq!(report["objects"]["loaded"], 0);
    assert!(
        report["warnings"]
            .to_string()
            .contains("wait for their time"),
        "{report}"
    );
    copy(&fixture("field/future/later"), &home.path("exports"));
    let report = sync(&home).exits(0).json();
    assert_eq!(report["objects"]["loaded"], 1);
}

#[test]
fn what_is_ahead_of_the_clock_is_told_with_the_age() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    let now = jiff::Timestamp::now();
    let ahead = now
        .checked_add(jiff::SignedDuration::from_hours(5))
        .unwrap();
    let put = |name: &str, time: jiff::Timestamp, text: &str| {
        let time = time.strftime("%Y%m%d_%H%M%S");
        fs::write(home.path(&format!("exports/{name}_{time}.csv")), text).unwrap();
    };
    put("users", now, "user.name\nann@EMEA\n");
    put("devices", ahead, "device.name\nNB-1\n");
    sync(&home).exits(0);
    let freshness = &answer(&home, &["ann@EMEA"])["freshness"];
    assert_eq!(freshness["state"], "unknown");
    let said: jiff::Timestamp = freshness["ahead"].as_str().unwrap().parse().unwrap();
    assert_eq!(said.as_second(), ahead.as_second());
    for asked in [
        &["resolve", "ann@EMEA"][..],
        &["status"],
        &["status", "--check"],
    ] {
        let ended = home.run(asked);
        assert!(
            ended.stdout.contains("ahead of the clock"),
            "{asked:?}: {}",
            ended.stdout
        );
        assert!(
            ended
                .stdout
                .contains(&said.strftime("%Y-%m-%d").to_string())
        );
    }
}

#[test]
fn what_stands_beside_exports_is_left_out() {
    let (_, report) = synced("beside");
    assert_eq!(
        (&report["outcome"], &report["objects"]["listed"]),
        (&"done".into(), &1.into()),
        "{report}"
    );
}

#[test]
fn links_that_lead_out_of_the_folder_and_what_is_no_file_are_left_out() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports/inside")).unwrap();
    fs::create_dir_all(home.path("elsewhere")).unwrap();
    let users = |name: &str| format!("user.name\n{name}@EMEA\n");
    fs::write(
        home.path("exports/inside/a_20261120_060000.csv"),
        users("ann"),
    )
    .unwrap();
    fs::write(home.path("elsewhere/b_20261120_060000.csv"), users("bob")).unwrap();
    let link =
        |to: &str, at: &str| std::os::unix::fs::symlink(home.path(to), home.path(at)).unwrap();
    link("elsewhere", "exports/out");
    link(
        "elsewhere/b_20261120_060000.csv",
        "exports/b_20261120_060000.csv",
    );
    link(
        "exports/inside/a_20261120_060000.csv",
        "exports/c_20261120_060000.csv",
    );
    link("exports/nothing.csv", "exports/gone.csv");
    let pipe = std::process::Command::new("mkfifo")
        .arg(home.path("exports/pipe.csv"))
        .status();
    assert!(pipe.unwrap().success());
    let report = sync(&home).exits(0).json();
    assert_eq!(
        (&report["accounts"], &report["objects"]["listed"]),
        (&1.into(), &2.into()),
        "{report}"
    );
    assert_eq!(
        report["warnings"]
            .to_string()
            .matches("leads out of the folder")
            .count(),
        2,
        "{report}"
    );
    for (key, what) in [("pipe.csv", "is a pipe"), ("gone.csv", "leads nowhere")] {
        let warnings = report["warnings"].as_array().unwrap().iter();
        let mut warnings = warnings.filter_map(Value::as_str);
        let is_named = warnings.any(|one| one.contains(key) && one.contains(what));
        assert!(is_named, "{key} {what}: {report}");
    }
}

#[test]
fn failures_of_one_cause_are_told_once_with_their_count() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    for number in 0..300 {
        let name = format!(
            "exports/users_2026{:02}{:02}_060000_{number}.csv",
            number % 9 + 1,
            number % 27 + 1
        );
        fs::write(home.path(&name), format!("application.name\n{number}\n")).unwrap();
    }
    let ended = sync(&home).exits(3);
    let report = ended.json();
    assert_eq!(report["objects"]["failed"], 300);
    assert_eq!(report["failures"].as_array().unwrap().len(), 3, "{report}");
    assert_eq!(report["failures"][1]["more"], Value::Null);
    assert_eq!(report["failures"][2]["more"], 297);
    let runs = fs::read(home.path("identity.db.d/runs.jsonl")).unwrap();
    assert!(ended.stdout.len() < 64 << 10 && runs.len() < 64 << 10);
}

#[test]
fn a_sick_source_costs_itself() {
    let home = Home::new();
    add(&home, "excel-a");
    let config = "[[source]]\nname = \"a\"\nurl = \"exports\"\n[[source]]\nname = \"b\"\nurl = \"missing\"\n\
        [[source]]\nname = \"c\"\nurl = \"empty\"\nmin_objects = 1\n[[source]]\nname = \"d\"\nurl = \"nothing\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    for folder in ["empty", "nothing"] {
        fs::create_dir(home.path(folder)).unwrap();
    }
    let report = home.run(&["sync", "--json"]).exits(3).json();
    assert_eq!(report["accounts"], 1, "{report}");
    let failed: Vec<&Value> = report["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["object"])
        .collect();
    assert_eq!(failed, ["source `b`", "source `c`"]);
    assert!(
        report["warnings"]
            .to_string()
            .contains("source `d` lists 0 objects"),
        "{report}"
    );
    home.run(&["resolve", "akeller@EMEA"]).exits(0);
}

#[test]
fn links_to_themselves_cost_nothing_else() {
    let home = Home::of_tenant();
    let exports = home.path("looping");
    fs::create_dir_all(&exports).unwrap();
    let users = "user.name\njdoe@EMEA\n";
    fs::write(exports.join("users_20261120_060000.csv"), users).unwrap();
    std::os::unix::fs::symlink("self.csv", exports.join("self.csv")).unwrap();
    std::os::unix::fs::symlink(".", exports.join("again")).unwrap();
    let report = home
        .run(&["sync", "--json", &exports.display().to_string()])
        .json();
    assert_eq!(
        (&report["outcome"], &report["objects"]["loaded"]),
        (&"done".into(), &1.into()),
        "{report}"
    );
}

#[test]
fn filters_that_leave_nothing_are_told() {
    let home = Home::new();
    let config = "[[source]]\nname = \"a\"\nurl = \"exports\"\ninclude = [\"*.tsv\"]\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    fs::create_dir_all(home.path("exports")).unwrap();
    fs::write(
        home.path("exports/users_20261120_060000.csv"),
        "user.name\njdoe@EMEA\n",
    )
    .unwrap();
    let warnings = home.run(&["sync", "--json"]).json()["warnings"].to_string();
    assert!(
        warnings.contains("source `a` has 1 objects, and its include and exclude"),
        "{warnings}"
    );
}

#[test]
fn a_source_that_lacks_newer_objects_is_told_and_one_that_lets_go_of_old_ones_is_not() {
    let warnings = |gone: std::ops::Range<u32>| {
        let home = Home::new();
        fs::create_dir_all(home.path("exports")).unwrap();
        let name = |day: u32| home.path(&format!("exports/u_202611{:02}_060000.csv", day + 1));
        for day in 0..6 {
            fs::write(name(day), format!("user.name\nann{day}@EMEA\n")).unwrap();
            let days = std::time::Duration::from_secs(86_400 * u64::from(6 - day));
            let file = fs::File::options().write(true).open(name(day)).unwrap();
            file.set_modified(std::time::SystemTime::now() - days)
                .unwrap();
        }
        sync(&home).exits(0);
        for day in gone {
            fs::remove_file(name(day)).unwrap();
        }
        sync(&home).exits(0).json()["warnings"].to_string()
    };
    assert_eq!(warnings(0..4), "[]");
    assert!(warnings(2..6).contains("lists 2 objects, and 6 were taken in"));
    assert!(warnings(0..6).contains("lists 0 objects, and 6 were taken in"));
}
