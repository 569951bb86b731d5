//! Cells: words, signs and decoration in them.

use std::fs;

use serde_json::Value;

use super::{answer, matches, sync, synced};
use crate::util::{Home, fixture};

#[test]
fn cloned_machines_have_three_local_accounts() {
    let (home, _) = synced("clones");
    for name in ["labadmin@HOST1", "labadmin@HOST2", "pat@HOST3"] {
        let one = matches(&answer(&home, &[name]));
        assert_eq!(
            (one.len(), &one[0]["account"]["class"]),
            (1, &"local".into()),
            "{name}"
        );
    }
}

#[test]
fn what_says_nothing_is_not_said() {
    let (home, _) = synced("not-said");
    let nulls = ["NULL", "-", "n/a", "None"];
    let rows = crate::state::open(&home.path("identity.db"));
    let mut select = rows
        .prepare("SELECT full_name, email FROM accounts")
        .unwrap();
    let texts = select
        .query_map([], |row| Ok([row.get(0)?, row.get(1)?]))
        .unwrap();
    for texts in texts {
        let texts: [Option<String>; 2] = texts.unwrap();
        let mut said = texts.iter().flatten();
        assert!(
            said.all(|text| !nulls.contains(&text.as_str())),
            "{texts:?}"
        );
    }
}

#[test]
fn decoration_is_no_part_of_a_value() {
    let (home, _) = synced("decorated-a");
    let one = &matches(&answer(&home, &["akeller@EMEA"]))[0];
    assert_eq!(one["account"]["full_name"], "Anna Keller");
    let (home, report) = synced("decorated-c");
    assert_eq!(
        report["odd_cells"]["users user.name"]["guarded"], 1,
        "{report}"
    );
    let sid = "S-1-5-21-1085031214-1563985344-725345543-1101";
    let one = &matches(&answer(&home, &[sid]))[0];
    assert_eq!(
        (&one["account"]["account_name"], &one["account"]["upn"]),
        (&Value::Null, &Value::Null)
    );
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    let text = "user.sid,user.name,user.ad.department\n\"=\"\"S-1-5-21-1-2-3-1101\"\"\",\"=\"\"ann@EMEA\"\"\",\"=\"\"0043\"\"\"\n";
    fs::write(home.path("exports/a_20261120_060000.csv"), text).unwrap();
    sync(&home).exits(0);
    let one = &matches(&answer(&home, &["S-1-5-21-1-2-3-1101"]))[0]["account"];
    assert_eq!(
        (&one["account_name"], &one["department"]),
        (&"ann@EMEA".into(), &"0043".into())
    );
    for first in ["sep=,", "\"sep=,\"", "sep=,,,", "SEP=,"] {
        let home = Home::new();
        fs::create_dir_all(home.path("exports")).unwrap();
        let text = format!("{first}\nuser.name,user.upn,a,b\nann@EMEA,ann@c.com,1,2\n");
        fs::write(home.path("exports/a_20261120_060000.csv"), text).unwrap();
        sync(&home).exits(0);
        assert_eq!(matches(&answer(&home, &["ann@c.com"])).len(), 1, "{first}");
    }
    for folder in ["excel-a", "excel-b"] {
        let (home, report) = synced(folder);
        assert_eq!(report["outcome"], "done", "{report}");
        assert_eq!(matches(&answer(&home, &["akeller@EMEA"])).len(), 1);
    }
}

#[test]
fn fillers_of_serial_numbers_are_no_answer() {
    let (home, _) = synced("fillers/in");
    let fillers = fs::read_to_string(fixture("field/fillers/fillers.txt")).unwrap();
    for filler in fillers.lines() {
        let answer = answer(&home, &["--kind", "serial_number", "--", filler]);
        assert_eq!(matches(&answer).len(), 0, "{filler}");
    }
    let rows = crate::state::open(&home.path("identity.db"));
    let shown: i64 = rows
        .query_row("SELECT count(serial) FROM devices", [], |row| row.get(0))
        .unwrap();
    assert_eq!(shown, 0);
}

#[test]
fn words_of_a_type_that_say_nothing_are_named_once() {
    let (_, report) = synced("clones");
    assert!(
        !report["warnings"].to_string().contains("user.type"),
        "- is not said: {report}"
    );
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    let users =
        "user.name,user.type\na@EMEA,guest\nb@EMEA,guest\nd@EMEA,guest\nc@EMEA,LOCAL_USER\n";
    fs::write(home.path("exports/users_20261120_060000.csv"), users).unwrap();
    let warnings = sync(&home).json()["warnings"].to_string();
    assert_eq!(warnings.matches("guest").count(), 1, "{warnings}");
    assert!(!warnings.contains("LOCAL_USER"), "{warnings}");
}

#[test]
fn an_id_of_entra_in_a_mapped_column_is_the_sid_of_its_number() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    fs::write(
        home.path("identidex.toml"),
        "[dataset.users.columns]\n\"user.#entra_id\" = \"sid\"\n",
    )
    .unwrap();
    let id = "3AAED951-01C7-44C4-A039-3561D80A289E";
    let sid = "S-1-12-1-984537425-1153696199-1630878112-2653424344";
    let users = format!("user.#entra_id,user.name\n{id},akeller@AzureAD\n-,btran@AzureAD\n");
    let devices = "device.uid,device.name\ndddddddd-0000-4000-8000-000000000001,NB-1\n";
    let logins = format!("user.sid,device.name,logins\n{sid},NB-1,3\n");
    for (name, text) in [
        ("users", users.as_str()),
        ("devices", devices),
        ("logins", &logins),
    ] {
        fs::write(
            home.path(&format!("exports/{name}_20261120_060000.csv")),
            text,
        )
        .unwrap();
    }
    let report = sync(&home).json();
    assert_eq!(report["rows"]["rejected"], 0, "{report}");
    for query in [
        vec![sid],
        vec![id],
        vec!["--kind", "entra_id", "--", id],
        vec!["akeller@AzureAD"],
    ] {
        let one = &matches(&answer(&home, &query))[0];
        assert_eq!(one["account"]["sid"], sid);
        assert_eq!(one["devices"][0]["name"], "NB-1", "{one}");
    }
}

#[test]
fn times_that_cannot_have_been_yet_are_counted() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports/users")).unwrap();
    let rows = "user.name,user.first_seen,user.last_seen\n\
        a@EMEA,2026-01-01 00:00:00,2026-11-20 09:00:00\n\
        b@EMEA,2026-01-01 00:00:00,2026-11-21 07:00:00\n\
        c@EMEA,2026-01-01 00:00:00,2036-11-20 05:00:00\n";
    fs::write(home.path("exports/users/2026-11-20T06-00-00Z.csv"), rows).unwrap();
    let report = sync(&home).exits(0).json();
    assert_eq!(report["rows"]["stored"], 3, "{report}");
    assert_eq!(report["odd_cells"]["users user.last_seen"]["ahead"], 2);
    assert!(report["odd_cells"]["users user.first_seen"].is_null());
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("2 times of users user.last_seen lie more than a day after"),
        "{warning}"
    );
}

#[test]
fn a_key_that_all_rows_have_is_told() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports/users")).unwrap();
    let rows = (0..20).map(|at| format!("S-1-5-21-1-2-3-1101,u{at}@EMEA\n"));
    let rows: String = rows.collect();
    let text = format!("user.sid,user.name\n{rows}");
    fs::write(home.path("exports/users/2026-11-20T06-00-00Z.csv"), text).unwrap();
    let report = sync(&home).exits(0).json();
    let warnings = report["warnings"].to_string();
    for told in [
        "user.sid is the same in all 20 rows of 1 users objects",
        "1 accounts and 0 devices have several names in one file",
    ] {
        assert!(warnings.contains(told), "{report}");
    }
}

#[test]
fn a_question_mark_is_no_letter_of_a_name() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports/users")).unwrap();
    // What an encoding lacks makes one name of two.
    let rows = "m?ller@EMEA,hans@c.com\nm?ller@EMEA,ida@c.com\nbob@EMEA,b?b@c.com\n";
    let text = format!("user.name,user.upn\n{rows}");
    fs::write(home.path("exports/users/2026-11-20T06-00-00Z.csv"), text).unwrap();
    let report = sync(&home).json();
    assert_eq!(
        (&report["rows"]["rejected"], &report["accounts"]),
        (&2.into(), &1.into()),
        "{report}"
    );
    assert_eq!(answer(&home, &["b?b@c.com"])["outcome"], "none");
    // Who writes to a bot puts one behind.
    assert_eq!(answer(&home, &["bob@EMEA?"])["outcome"], "one");
}

#[test]
fn a_serial_number_in_hexadecimal_digits_may_have_one_of_them_in_a_row() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports/devices")).unwrap();
    let rows = "device.name,device.hardware.machine_serial_number\nVM-1,ec2aaaaa-1234-5678-9abc-def012345678\nVM-2,PF0XXXXX\n";
    fs::write(home.path("exports/devices/2026-11-20T06-00-00Z.csv"), rows).unwrap();
    sync(&home).exits(0);
    let found = |serial: &str| matches(&answer(&home, &["--kind", "serial_number", serial])).len();
    assert_eq!(found("EC2AAAAA-1234-5678-9ABC-DEF012345678"), 1);
    assert_eq!(found("PF0XXXXX"), 0);
}

#[test]
fn a_list_is_no_key() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports/users")).unwrap();
    let rows =
        "{\"user.name\": [\"a@EMEA\"], \"user.upn\": \"a@x.com\"}\n{\"user.name\": \"b@EMEA\"}\n";
    fs::write(home.path("exports/users/2026-11-20T06-00-00Z.json"), rows).unwrap();
    let report = sync(&home).exits(0).json();
    assert_eq!(
        report["odd_cells"]["users user.name"]["guarded"], 1,
        "{report}"
    );
    assert_eq!(matches(&answer(&home, &["[a@EMEA]"])).len(), 0);
    assert_eq!(report["rows"]["rejected"], 1);
}

#[test]
fn lines_of_json_in_another_encoding_fail_their_object() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports/users")).unwrap();
    let mut rows = b"{\"user.name\": \"a@EMEA\"}\n".repeat(60);
    rows.extend(b"{\"user.name\": \"m\xfcller@EMEA\"}\n".repeat(3));
    fs::write(home.path("exports/users/2026-11-20T06-00-00Z.json"), &rows).unwrap();
    let report = sync(&home).exits(3).json();
    let error = report["failures"][0]["error"].as_str().unwrap();
    assert!(error.contains("encoding = \"windows-1252\""), "{error}");
}
