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
    let users = "user.name,user.type\na@EMEA,guest\nb@EMEA,guest\nc@EMEA,LOCAL_USER\n";
    fs::write(home.path("exports/users_20261120_060000.csv"), users).unwrap();
    let warnings = sync(&home).json()["warnings"].to_string();
    assert_eq!(warnings.matches("guest").count(), 1, "{warnings}");
    assert!(!warnings.contains("LOCAL_USER"), "{warnings}");
}
