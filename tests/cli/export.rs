//! `identidex export`: what its files hold, and that analysts' programs read them.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::servers::tool;
use crate::util::Home;

const VIEWS: [&str; 9] = [
    "accounts",
    "devices",
    "usages",
    "loads",
    "rejects",
    "history",
    "device_history",
    "devices_over_time",
    "counts",
];

#[test]
fn every_view_is_read_by_what_analysts_use() {
    let home = Home::of_tenant();
    home.run(&["export", "parquet"]).exits(0);
    home.run(&["export", "csv", "--format", "csv"]).exits(0);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/export.py");
    let read = Command::new(tool("python/bin/python"))
        .arg(script)
        .args(["identity.db", "parquet", "csv"])
        .current_dir(home.path(""))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{errors}");
    let counts: Value = serde_json::from_slice(&read.stdout).unwrap();
    for view in VIEWS {
        let counts = counts[view].as_object().unwrap();
        assert_eq!(counts.len(), 10);
        for (reader, rows) in counts {
            assert_eq!(rows, &counts["sqlite3"], "{view} by {reader}");
        }
    }
}

#[test]
fn pseudonyms_tell_nobody_and_still_join() {
    let home = Home::of_tenant();
    let names = home.run(&["query", "--format", "json", "SELECT * FROM accounts"]);
    let devices = home.run(&["query", "--format", "json", "SELECT * FROM devices"]);
    home.run(&["export", "out", "--format", "csv", "--pseudonymise"])
        .exits(0);
    let exported: String = VIEWS
        .iter()
        .map(|view| fs::read_to_string(home.path(&format!("out/{view}.csv"))).unwrap())
        .collect();
    let mut values = 0;
    for line in (names.stdout + &devices.stdout).lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        for column in [
            "uid",
            "collector_uid",
            "name",
            "sid",
            "upn",
            "email",
            "full_name",
            "ad_username",
            "serial",
            "last_login",
        ] {
            let Some(value) = row[column].as_str() else {
                continue;
            };
            values += 1;
            assert!(!exported.contains(value), "{column} is in the export");
        }
    }
    assert!(values > 100, "{values}");
    // Whoever is the last user of a device is still the account of that pseudonym.
    let column = |view: &str, name: &str| -> Vec<String> {
        let text = fs::read(home.path(&format!("out/{view}.csv"))).unwrap();
        let mut rows = csv::Reader::from_reader(text.strip_prefix(b"\xef\xbb\xbf").unwrap());
        let at = rows.headers().unwrap().iter().position(|head| head == name);
        let cells = rows
            .records()
            .map(|row| row.unwrap()[at.unwrap()].to_owned());
        cells.filter(|cell| !cell.is_empty()).collect()
    };
    let (names, last) = (column("accounts", "name"), column("devices", "last_login"));
    assert!(last.iter().any(|user| names.contains(user)));
    home.run(&["export", "again", "--format", "csv", "--pseudonymise"])
        .exits(0);
    let again = fs::read_to_string(home.path("again/accounts.csv")).unwrap();
    assert!(!again.contains(&names[0]), "two exports can be joined");
}

#[test]
fn a_cmdb_is_given_no_serial_number_of_two_and_no_owner_that_is_not_certain() {
    let home = Home::new();
    fs::create_dir(home.path("in")).unwrap();
    let device = |number: u32, serial: &str| {
        format!("dddddddd-0000-4000-8000-{number:012},NB-{number},{serial}")
    };
    let rows = [
        device(1, "ABC1"),
        device(2, "abc1"),
        device(3, "0"),
        device(4, "XYZ9"),
    ];
    let text = format!(
        "device.uid,device.name,device.hardware.machine_serial_number\n{}\n",
        rows.join("\n")
    );
    fs::write(home.path("in/devices-2026-11-21T06-00-00Z.csv"), text).unwrap();
    home.run(&["sync", "in"]).exits(0);
    home.run(&["export", "out", "--cmdb", "servicenow"])
        .exits(0);
    let text = fs::read_to_string(home.path("out/cmdb_ci_computer.csv")).unwrap();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let serials: Vec<String> = rows
        .records()
        .map(|row| row.unwrap()[2].to_owned())
        .collect();
    assert_eq!(serials, ["", "", "", "XYZ9"]);
}

#[test]
fn the_dictionary_is_the_views() {
    let dictionary: toml::Table = toml::from_str(include_str!("../../schemas/views.toml")).unwrap();
    let docs = include_str!("../../docs/analysts.md");
    let home = Home::of_tenant();
    let asked = "SELECT v.name AS view, c.name AS name FROM sqlite_schema v, pragma_table_info(v.name) c WHERE v.type = 'view'";
    let columns = home
        .run(&["query", "--format", "json", asked])
        .exits(0)
        .stdout;
    let mut count = 0;
    for line in columns.lines() {
        let column: Value = serde_json::from_str(line).unwrap();
        let (view, name) = (
            column["view"].as_str().unwrap(),
            column["name"].as_str().unwrap(),
        );
        let found = &dictionary[view]["columns"].get(name);
        assert!(found.is_some(), "{view}.{name} is not in the dictionary");
        let line = docs
            .lines()
            .find(|line| line.starts_with(&format!("| `{view}` |")));
        assert!(
            line.unwrap().contains(&format!("`{name}`")),
            "{view}.{name} is not in docs/analysts.md"
        );
        count += 1;
    }
    let listed: usize = dictionary
        .values()
        .map(|view| view["columns"].as_table().unwrap().len())
        .sum();
    assert_eq!(count, listed, "the dictionary has columns that no view has");
}

#[test]
fn an_export_that_cannot_be_written_leaves_the_one_before() {
    let home = Home::of_tenant();
    home.run(&["export", "out"]).exits(0);
    let before = home.files();
    fs::write(home.path("file"), "").unwrap();
    let ended = home.run(&["export", "file"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("file"), "{}", ended.stderr);
    fs::remove_file(home.path("file")).unwrap();
    home.run(&["--index", "none.db", "export", "out"]).exits(1);
    assert!(before == home.files());
}

#[test]
fn only_what_an_earlier_export_wrote_goes() {
    let home = Home::of_tenant();
    home.run(&["export", "out", "--format", "csv"]).exits(0);
    fs::write(home.path("out/mine.csv"), "a").unwrap();
    let manifest = r#"{"files":{"mine.csv":{},"accounts.csv":{},"../identity.db":{}}}"#;
    fs::write(home.path("out/manifest.json"), manifest).unwrap();
    home.run(&["export", "out"]).exits(0);
    assert!(home.path("out/mine.csv").exists() && home.path("identity.db").exists());
    assert!(!home.path("out/accounts.csv").exists());
}
