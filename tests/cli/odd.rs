//! What a run says of whole objects: columns that changed or are empty, files that may be written still, keys written anew.

use std::fs;
use std::time::SystemTime;

use crate::util::Home;

const HEADER: &str = "user.name,user.sid,user.upn";
const USERS: &str = "users_2026-11-20T06-00-00Z.csv";
const LATER: &str = "users_2026-11-21T06-00-00Z.csv";

fn rows(header: &str, count: usize, row: impl Fn(usize) -> String) -> String {
    let rows = (0..count).map(row);
    std::iter::once(header.to_owned())
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
        + "\n"
}

fn row(at: usize) -> String {
    format!("u{at}@EMEA,S-1-5-21-1-2-3-{},u{at}@contoso.com", at + 1_000)
}

/// A home with one source, and more configuration.
fn home(config: &str) -> Home {
    let home = Home::new();
    fs::create_dir(home.path("exports")).unwrap();
    let source = "[[source]]\nname = \"t\"\nurl = \"exports\"\n";
    fs::write(home.path("identidex.toml"), format!("{source}{config}")).unwrap();
    home
}

/// Runs, and returns what the run warned of and what failed.
fn sync(home: &Home, arguments: &[&str]) -> (Vec<String>, Vec<String>) {
    let report = home.run(&[&["sync", "--json"], arguments].concat()).json();
    let texts = |list: &serde_json::Value, field: Option<&str>| -> Vec<String> {
        let texts = list.as_array().unwrap().iter();
        let texts = texts.map(|one| field.map_or(one, |field| &one[field]));
        texts
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    (
        texts(&report["warnings"], None),
        texts(&report["failures"], Some("error")),
    )
}

#[test]
fn a_frozen_dataset_takes_no_other_columns_until_they_are_accepted() {
    let home = home("[dataset.users]\ncontract = \"freeze\"\n");
    fs::write(home.path("exports").join(USERS), rows(HEADER, 3, row)).unwrap();
    assert_eq!(sync(&home, &[]).1, Vec::<String>::new());
    let other = rows("user.name,user.sid,user.mail", 3, row);
    fs::write(home.path("exports").join(LATER), other).unwrap();
    assert_eq!(
        sync(&home, &[]).1,
        [
            "its columns differ from those of the newest users object (gone: upn; new: user.mail), and [dataset.users] has \
          contract = \"freeze\"; correct the export, or take the change with `sync --accept`"
        ]
    );
    assert_eq!(sync(&home, &[]).1, Vec::<String>::new(), "it is remembered");
    let (warnings, failures) = sync(&home, &["--accept"]);
    assert_eq!(failures, Vec::<String>::new());
    let hint = "[dataset.users.columns]: \"user.mail\" = \"upn\"";
    assert!(
        warnings.iter().any(|warning| warning.ends_with(hint)),
        "{warnings:?}"
    );
    // The columns in another order are the same.
    let turned = rows("user.sid,user.mail,user.name", 3, |at| {
        format!("S-1-5-21-1-2-3-{},u{at}@contoso.com,u{at}@EMEA", at + 1_000)
    });
    fs::write(home.path("exports/users_2026-11-22T06-00-00Z.csv"), turned).unwrap();
    assert_eq!(sync(&home, &[]).1, Vec::<String>::new());
}

#[test]
fn a_frozen_dataset_is_so_from_its_oldest_object_on() {
    let home = home("[dataset.users]\ncontract = \"freeze\"\n");
    fs::write(home.path("exports").join(USERS), rows(HEADER, 3, row)).unwrap();
    let narrower = rows("user.name", 3, |at| format!("other{at}@EMEA"));
    fs::write(home.path("exports").join(LATER), narrower).unwrap();
    let (_, failures) = sync(&home, &[]);
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(
        failures[0].contains("(gone: sid, upn; new: none)"),
        "{failures:?}"
    );
    let status = home.run(&["status", "--json"]).json();
    assert_eq!(status["accounts"]["total"], 3, "those of the first");
}

#[test]
fn a_column_is_dropped_by_any_name_of_its_field_and_a_name_of_none_is_told() {
    for (dropped, is_known) in [
        ("user.upn", true),
        ("UPN ", true),
        ("user.upm", false),
        ("user.*", false),
    ] {
        let home = home(&format!("[dataset.users]\ndrop = [\"{dropped}\"]\n"));
        fs::write(home.path("exports").join(USERS), rows(HEADER, 3, row)).unwrap();
        let (warnings, failures) = sync(&home, &[]);
        assert_eq!(failures, Vec::<String>::new());
        let is_told = warnings
            .iter()
            .any(|text| text.contains("drop names columns"));
        assert_eq!(is_told, !is_known, "{dropped}: {warnings:?}");
        let found = home.run(&["resolve", "--json", "--kind", "upn", "u1@contoso.com"]);
        assert_eq!(found.json()["outcome"] == "none", is_known, "{dropped}");
    }
}

#[test]
fn rejected_rows_of_many_objects_are_told_first_and_once() {
    let home = home("");
    for day in 10..20 {
        let text =
            format!("user.name,user.last_seen,user.x{day}\nann@EMEA,never ever,1\nbob@EMEA,,1\n");
        let name = format!("users_2026-11-{day}T06-00-00Z.csv");
        fs::write(home.path("exports").join(name), text).unwrap();
    }
    let (warnings, failures) = sync(&home, &[]);
    assert_eq!(failures, Vec::<String>::new());
    assert!(
        warnings[..3]
            .iter()
            .all(|text| text.starts_with("1 of 2 rows of ")),
        "{warnings:?}"
    );
    assert!(
        warnings[3].starts_with("7 rows of 7 more objects were rejected"),
        "{warnings:?}"
    );
}

#[test]
fn a_text_that_ends_within_a_line_waits_a_minute() {
    let home = home("");
    let path = home.path("exports").join(USERS);
    let text = rows(HEADER, 3, row);
    fs::write(&path, text.trim_end()).unwrap();
    let (warnings, failures) = sync(&home, &[]);
    assert!(
        failures.is_empty() && warnings[0].contains("ends within a line"),
        "{warnings:?}"
    );
    assert_eq!(home.run(&["status"]).code, 1, "nothing was taken in");
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - std::time::Duration::from_secs(61))
        .unwrap();
    // It is taken in then, and what may be another's is told: an identifier without quotes that shows no end.
    let (warnings, failures) = sync(&home, &[]);
    let is_told = warnings[0].starts_with("1 objects end with a cell of user.upn and no line end");
    assert!(failures.is_empty() && is_told, "{warnings:?}");
    assert_eq!(
        home.run(&["status", "--json"]).json()["accounts"]["total"],
        3
    );
}

#[test]
fn a_key_that_is_written_anew_is_told() {
    let home = home("");
    fs::write(home.path("exports").join(USERS), rows(HEADER, 3, row)).unwrap();
    assert_eq!(sync(&home, &[]), (Vec::new(), Vec::new()));
    fs::write(home.path("exports").join(USERS), rows(HEADER, 4, row)).unwrap();
    let (warnings, _) = sync(&home, &[]);
    assert!(
        warnings[0].starts_with("1 object of a key and time that were taken in before"),
        "{warnings:?}"
    );
}

#[test]
fn columns_without_a_value_and_caps_are_told_once_a_run() {
    let home = home("");
    let empty = |at| format!("u{at}@EMEA,,u{at}@contoso.com");
    fs::write(home.path("exports").join(USERS), rows(HEADER, 1_000, empty)).unwrap();
    fs::write(home.path("exports").join(LATER), rows(HEADER, 1_000, empty)).unwrap();
    let (warnings, _) = sync(&home, &[]);
    let is_told = |what: &str| {
        warnings
            .iter()
            .filter(|warning| warning.contains(what))
            .count()
    };
    assert_eq!(
        is_told("user.sid is empty in all 2000 rows of 2 users objects"),
        1,
        "{warnings:?}"
    );
    assert_eq!(
        is_told("2 objects have exactly 1000 rows"),
        1,
        "{warnings:?}"
    );
}

#[test]
fn logins_of_another_population_are_told() {
    let home = home("");
    fs::write(home.path("exports").join(USERS), rows(HEADER, 150, row)).unwrap();
    let logins = rows("user.name,device.name,logins", 150, |at| {
        format!("u{at}@EMEA,NB-{at},3")
    });
    fs::write(home.path("exports/logins_2026-11-20T06-00-00Z.csv"), logins).unwrap();
    let (warnings, _) = sync(&home, &[]);
    assert!(
        warnings
            .iter()
            .any(|warning| warning.starts_with("150 of 150 pairs that logins name")),
        "{warnings:?}"
    );
}

#[test]
fn logins_that_name_users_without_their_domain_are_told_however_few() {
    let home = home("");
    let exports = home.path("exports");
    fs::write(exports.join(USERS), rows(HEADER, 1, row)).unwrap();
    let devices = rows("device.name,device.collector.uid", 1, |at| {
        format!("NB-{at},11111111-1111-4111-8111-11111111111{at}")
    });
    fs::write(exports.join("devices_2026-11-20T06-00-00Z.csv"), devices).unwrap();
    let logins = rows("user.name,device.name,logins", 1, |at| {
        format!("u{at},NB-{at},3")
    });
    fs::write(exports.join("logins_2026-11-20T06-00-00Z.csv"), logins).unwrap();
    let (warnings, _) = sync(&home, &[]);
    let told = warnings
        .iter()
        .any(|warning| warning.starts_with("1 of 1 pairs") && warning.contains("without"));
    assert!(told, "{warnings:?}");
}
