//! `identidex query`: what it prints in each format, and what it does not do.

use std::fs::{self, File};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use serde_json::{Value, json};

use crate::util::Home;

const NAMES: &str = "SELECT name, class, id FROM accounts WHERE name LIKE 'jdoe@%' ORDER BY name";

#[test]
fn rows_are_printed_in_each_format() {
    let home = Home::of_tenant();
    let table = home.run(&["query", NAMES]).exits(0).stdout;
    let lines: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        (lines.len(), &lines[0], &lines[1][..2]),
        (
            3,
            &vec!["name", "class", "id"],
            &["jdoe@APAC", "person"][..]
        )
    );
    let csv = home.run(&[
        "query",
        "--format",
        "csv",
        "SELECT name, NULL AS empty, 1.5 AS real FROM accounts WHERE name = 'jdoe@EMEA'",
    ]);
    assert_eq!(csv.exits(0).stdout, "name,empty,real\njdoe@EMEA,,1.5\n");
    let lines = home
        .run(&["query", "--format", "json", NAMES])
        .exits(0)
        .stdout;
    let rows: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((rows.len(), &rows[1]["name"]), (2, &json!("jdoe@EMEA")));
    home.run(&[
        "query",
        "--format",
        "parquet",
        "--output",
        "rows.parquet",
        NAMES,
    ])
    .exits(0);
    let file = SerializedFileReader::new(File::open(home.path("rows.parquet")).unwrap()).unwrap();
    let rows: Vec<_> = file
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        (rows.len(), rows[1].get_string(0).unwrap().as_str()),
        (2, "jdoe@EMEA")
    );
    assert!(rows[1].get_long(2).unwrap() > 0);
}

#[test]
fn the_views_are_there_and_no_row_is_lost() {
    let home = Home::of_tenant();
    for view in ["accounts", "devices", "usages", "loads", "rejects"] {
        let count = home
            .run(&[
                "query",
                "--format",
                "csv",
                &format!("SELECT count(*) FROM {view}"),
            ])
            .exits(0)
            .stdout;
        let rows = home
            .run(&["query", "--format", "csv", &format!("SELECT * FROM {view}")])
            .exits(0)
            .stdout;
        let counted: usize = count.lines().nth(1).unwrap().parse().unwrap();
        let mut reader = csv::Reader::from_reader(rows.as_bytes());
        assert_eq!(reader.records().count(), counted, "{view}");
    }
}

#[test]
fn nothing_is_written_but_what_was_asked_for() {
    let home = Home::of_tenant();
    let before = home.files();
    for statement in [
        "DELETE FROM object",
        "VACUUM INTO 'x.db'",
        "ATTACH 'x.db' AS x",
        "SELECT",
        "SELECT * FROM hunter2",
    ] {
        home.run(&["query", statement]).exits(2);
    }
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let ended = home.run(&["query", "--within", "1", endless]).exits(1);
    assert!(
        ended.stderr.contains("took longer than 1 s"),
        "{}",
        ended.stderr
    );
    // What fails leaves the file that was there.
    fs::write(home.path("rows.csv"), "mine").unwrap();
    home.run(&[
        "query",
        "--format",
        "csv",
        "--output",
        "rows.csv",
        "SELECT hunter2",
    ])
    .exits(2);
    home.run(&[
        "query",
        "--format",
        "csv",
        "--output",
        "nowhere/rows.csv",
        "SELECT 1",
    ])
    .exits(1);
    assert_eq!(fs::read_to_string(home.path("rows.csv")).unwrap(), "mine");
    fs::remove_file(home.path("rows.csv")).unwrap();
    assert!(home.files() == before);
    assert_eq!(Home::new().run(&["query", "SELECT 1"]).exits(1).stdout, "");
}

#[test]
fn values_steer_no_terminal_and_run_in_no_spreadsheet() {
    let home = Home::new();
    fs::create_dir(home.path("in")).unwrap();
    let users = "user.name,user.ad.full_name\na@EMEA,=cmd()\nb@EMEA,\u{1b}[31mred\u{202e}\n";
    fs::write(home.path("in/2026-11-20T06-00-00Z.csv"), users).unwrap();
    home.run(&["sync", "in", "-q"]).exits(0);
    let names = "SELECT full_name FROM accounts ORDER BY name";
    let csv = home
        .run(&["query", "--format", "csv", names])
        .exits(0)
        .stdout;
    assert!(csv.contains("'=cmd()"), "{csv}");
    let csv = home
        .run(&["query", "--format", "csv", "--verbatim", names])
        .exits(0)
        .stdout;
    assert!(csv.contains("\n=cmd()"), "{csv}");
    for format in ["table", "json"] {
        let text = home
            .run(&["query", "--format", format, names])
            .exits(0)
            .stdout;
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{format}: {text}");
    }
}

#[test]
fn each_day_is_counted_once_by_its_last_generation() {
    let home = Home::new();
    std::fs::create_dir(home.path("in")).unwrap();
    let users = |name: &str, count: u32| {
        let rows = (0..count).map(|number| format!("u{number}@EMEA,S-1-5-21-1-2-3-{number}\n"));
        let text = "user.name,user.sid\n".to_owned() + &rows.collect::<String>();
        fs::write(home.path(&format!("in/users-{name}.csv")), text).unwrap();
        home.run(&["sync", "in", "-q"]).exits(0);
    };
    users("2026-11-20T06-00-00Z", 3);
    users("2026-11-21T06-00-00Z", 5);
    users("2026-11-21T12-00-00Z", 8);
    // Of a day before: the newest file is still that of the 21st.
    users("2026-11-20T07-00-00Z", 9);
    let sql = "SELECT day, count FROM counts WHERE subject = 'accounts' AND kind = 'unknown' OR kind = 'person' AND count > 0";
    let rows = home.run(&["query", sql, "--format", "csv"]).exits(0).stdout;
    let rows: Vec<&str> = rows.lines().filter(|row| !row.ends_with(",0")).collect();
    assert_eq!(rows, ["day,count", "2026-11-20,3", "2026-11-21,9"]);
}

#[test]
fn who_had_what_and_when_can_be_asked() {
    let home = Home::new();
    fs::create_dir(home.path("in")).unwrap();
    let sid = |number: u32| format!("S-1-5-21-1-2-3-200{number}");
    let write =
        |name: &str, text: &str| fs::write(home.path(&format!("in/{name}.csv")), text).unwrap();
    let users = |time: &str, rows: &[(u32, &str, &str)]| {
        let mut text = "user.sid,user.name,user.upn\n".to_owned();
        for (number, name, upn) in rows {
            text += &format!("{},{name},{upn}\n", sid(*number));
        }
        write(&format!("users-{time}"), &text);
    };
    // Ann is renamed, and changes her UPN; Bob gets the name.
    users("2026-11-01T06-00-00Z", &[(1, "ann@EMEA", "ann@x.com")]);
    users("2026-11-10T06-00-00Z", &[(1, "anna@EMEA", "ann@x.com")]);
    users(
        "2026-11-20T06-00-00Z",
        &[(1, "anna@EMEA", "anna@x.com"), (2, "ann@EMEA", "bob@x.com")],
    );
    for (time, name) in [
        ("2026-11-02", "ann@EMEA"),
        ("2026-11-12", "anna@EMEA"),
        ("2026-11-21", "ann@EMEA"),
    ] {
        let text = format!("user.name,device.name,last_used\n{name},NB-1,{time} 05:00:00\n");
        write(&format!("logins-{time}T06-00-00Z"), &text);
        write(
            &format!("devices-{time}T06-00-00Z"),
            &format!("device.name,device.last_seen\nNB-1,{time} 05:30:00\n"),
        );
    }
    home.run(&["sync", "in", "-q"]).exits(0);
    let ask = |sql: &str| home.run(&["query", sql, "--format", "csv"]).exits(0).stdout;
    let names = ask(
        "SELECT a.sid, h.value, date(h.since), date(h.until), h.is_current FROM history h JOIN accounts a ON a.id = h.account \
        WHERE h.kind = 'name' ORDER BY h.since",
    );
    assert_eq!(
        names.lines().skip(1).collect::<Vec<_>>(),
        [
            "S-1-5-21-1-2-3-2001,ann@EMEA,2026-11-01,2026-11-01,0",
            "S-1-5-21-1-2-3-2001,anna@EMEA,2026-11-10,2026-11-20,1",
            "S-1-5-21-1-2-3-2002,ann@EMEA,2026-11-20,2026-11-20,1"
        ]
    );
    let upns = ask(
        "SELECT a.sid, coalesce(h.value, '(hash)'), date(h.since), h.is_current FROM history h JOIN accounts a ON a.id = h.account \
        WHERE h.kind = 'upn' AND a.sid LIKE '%-2001' ORDER BY h.since, h.is_current",
    );
    let upns: Vec<&str> = upns.lines().skip(1).collect();
    assert!(
        upns.contains(&"S-1-5-21-1-2-3-2001,anna@x.com,2026-11-20,1"),
        "{upns:?}"
    );
    assert!(
        !upns
            .iter()
            .any(|row| row.contains("anna@x.com") && row.ends_with(",0")),
        "{upns:?}"
    );
    // By a name that two had it is not certain who used it first; by SIDs it is.
    let sql = "SELECT a.sid, coalesce(t.first_day, 'none'), t.last_day FROM devices_over_time t JOIN accounts a ON a.id = t.account \
        JOIN devices d ON d.id = t.device WHERE d.name = 'NB-1' ORDER BY t.last_day";
    let devices = ask(sql);
    assert_eq!(
        devices.lines().skip(1).collect::<Vec<_>>(),
        [
            "S-1-5-21-1-2-3-2001,none,2026-11-12",
            "S-1-5-21-1-2-3-2002,none,2026-11-21"
        ]
    );
    for (time, number) in [
        ("2026-11-03", 1),
        ("2026-11-13", 1),
        ("2026-11-22", 2),
        ("2026-11-23", 2),
    ] {
        let text = format!(
            "user.sid,device.name,last_used\n{},NB-1,{time} 05:00:00\n",
            sid(number)
        );
        write(&format!("logins-{time}T06-00-00Z"), &text);
        home.run(&["sync", "in", "-q"]).exits(0);
    }
    assert_eq!(
        ask(sql).lines().skip(1).collect::<Vec<_>>(),
        [
            "S-1-5-21-1-2-3-2001,2026-11-03,2026-11-13",
            "S-1-5-21-1-2-3-2002,2026-11-22,2026-11-23"
        ]
    );
    let once = Home::new();
    once.run(&["sync", &home.path("in").display().to_string(), "-q"])
        .exits(0);
    let at_once = once.run(&["query", sql, "--format", "csv"]).exits(0).stdout;
    assert_eq!(at_once, ask(sql));
}

#[test]
fn whoever_has_seen_enough_of_a_file_ends_nothing_badly() {
    let home = Home::of_tenant();
    let program = env!("CARGO_BIN_EXE_identidex");
    for format in ["parquet", "csv", "json", "table"] {
        let sql = "SELECT a.*, b.* FROM accounts a, accounts b, devices c, devices d";
        let piped = format!(
            "'{program}' query --format {format} '{sql}' | head -c 4 >/dev/null; exit ${{PIPESTATUS[0]}}"
        );
        let ended = std::process::Command::new("bash")
            .args(["-c", &piped])
            .current_dir(home.path(""))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{format}: {errors}");
    }
}
