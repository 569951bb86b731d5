//! Rewritten files: what spreadsheets, web pages and copies made of exports.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{answer, error, matches, sync};
use crate::util::Home;

/// Takes files into a new home; returns that and the report.
fn taken(files: &[(&str, &str)]) -> (Home, Value) {
    let home = Home::new();
    for (name, text) in files {
        let path = home.path("exports").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let report = sync(&home).json();
    (home, report)
}

fn warns(report: &Value, what: &str) -> bool {
    let warnings = report["warnings"].as_array().unwrap();
    let mut warnings = warnings.iter().filter_map(Value::as_str);
    warnings.any(|warning| warning.contains(what))
}

#[test]
fn one_strong_key_under_several_names_is_told_and_nobodys() {
    let logins = "user.uid,device.uid,logins,last_used\n\
                  aaaaaaaa-0000-4000-8000-000000000001,dddddddd-0000-4000-8000-000000000001,9,2026-11-19 09:00:00\n";
    let devices = "device.uid,device.collector.uid,device.name\n\
                   dddddddd-0000-4000-8000-000000000001,cccccccc-0000-4000-8000-000000000001,NB-1\n";
    let users = "user.sid,user.uid,user.name,user.upn\n\
                 S-1-5-21-1-2-3-1101,aaaaaaaa-0000-4000-8000-000000000001,ann@EMEA,ann@c.com\n";
    let another_user =
        "S-1-5-21-1-2-3-1101,aaaaaaaa-0000-4000-8000-000000000002,bob@EMEA,bob@c.com\n";
    let another_device =
        "dddddddd-0000-4000-8000-000000000001,cccccccc-0000-4000-8000-000000000002,NB-2\n";
    for (users, devices) in [
        (format!("{users}{another_user}"), devices.to_owned()),
        (users.to_owned(), format!("{devices}{another_device}")),
    ] {
        let (home, report) = taken(&[
            ("u_2026-11-20T06-00-00Z.csv", &users),
            ("d_2026-11-20T06-00-00Z.csv", &devices),
            ("l_2026-11-20T06-00-00Z.csv", logins),
        ]);
        assert!(warns(&report, "have several names in one file"), "{report}");
        let one = &matches(&answer(&home, &["S-1-5-21-1-2-3-1101"]))[0];
        assert_eq!(one["devices"][0]["not_primary"], "name_of_several", "{one}");
    }
}

#[test]
fn rows_of_the_same_keys_that_say_otherwise_are_told() {
    let users =
        "user.name,user.upn\nann,ann.a@c.com\nann,ann.b@c.com\nbob,bob@c.com\nbob,bob@c.com\n";
    let (_, report) = taken(&[("u_2026-11-20T06-00-00Z.csv", users)]);
    let told = "1 rows have the keys of another row of their file";
    assert!(warns(&report, told), "{report}");
    let devices = "device.name,device.hardware.machine_serial_number\nNB-1,SERA481\nNB-1,SERA482\nNB-2,\nNB-2,SERA483\n";
    let (_, report) = taken(&[("d_2026-11-20T06-00-00Z.csv", devices)]);
    assert!(warns(&report, told), "{report}");
}

#[test]
fn numbers_that_were_made_of_texts_are_no_identifiers() {
    let users = "user.name,user.upn\n40711.0,ann@c.com\n1.23457E+14,bob@c.com\n\"1,5E+10\",eve@c.com\n40711,dan@c.com\n";
    let (home, report) = taken(&[("u_2026-11-20T06-00-00Z.csv", users)]);
    assert_eq!(
        report["odd_cells"]["users user.name"]["guarded"], 3,
        "{report}"
    );
    assert!(warns(&report, "1.23E+11 or 4711.0"), "{report}");
    assert_eq!(matches(&answer(&home, &["40711"])).len(), 1);
    let devices = "device.name,device.hardware.machine_serial_number\nNB-1,1.23457E+11\nNB-2,45001237.0\nNB-3,12E4X\nNB-4,12E45\n";
    let (home, report) = taken(&[("d_2026-11-20T06-00-00Z.csv", devices)]);
    let odd = &report["odd_cells"]["devices device.hardware.machine_serial_number"];
    assert_eq!(odd["guarded"], 2, "{report}");
    assert_eq!(matches(&answer(&home, &["12E45"])).len(), 1);
}

#[test]
fn names_as_web_pages_write_them_are_none() {
    let users = "user.sid,user.name,user.upn\nS-1-5-21-1-2-3-1101,o&#39;neil@EMEA,oneil@c.com\nS-1-5-21-1-2-3-1102,r&d@EMEA,rd@c.com\n";
    let (home, report) = taken(&[("u_2026-11-20T06-00-00Z.csv", users)]);
    assert_eq!(
        report["odd_cells"]["users user.name"]["refused"], 1,
        "{report}"
    );
    assert_eq!(matches(&answer(&home, &["r&d@EMEA"])).len(), 1);
}

#[test]
fn rows_of_delimiters_are_none() {
    let rows: String = (0..60)
        .map(|number| format!("u{number}@EMEA,u{number}@c.com\n"))
        .collect();
    let users = format!("user.name,user.upn\n{rows}{}", ",\n".repeat(120));
    let (_, report) = taken(&[("u_2026-11-20T06-00-00Z.csv", &users)]);
    assert_eq!(
        (&report["accounts"], &report["rows"]["rejected"]),
        (&60.into(), &0.into()),
        "{report}"
    );
}

#[test]
fn rows_of_what_is_no_identifier_are_not_taken_for_blank_ones() {
    let users = "user.name,user.upn\n'ann',n/a\n'bob',-\n,\n";
    let (_, report) = taken(&[("u_2026-11-20T06-00-00Z.csv", users)]);
    assert!(
        error(&report).starts_with("2 of 2 rows are rejected"),
        "{report}"
    );
}

#[test]
fn sheets_of_the_longest_length_are_told() {
    let rows: String = (0..65_535)
        .map(|number| format!("u{number}@EMEA\n"))
        .collect();
    let users = format!("user.name\n{rows}");
    let (_, report) = taken(&[("u_2026-11-20T06-00-00Z.csv", &users)]);
    let told = "exactly 65535 rows, at which spreadsheets cut";
    assert!(warns(&report, told), "{report}");
}

#[test]
fn a_file_whose_time_was_left_out_is_told() {
    let (home, _) = taken(&[("u.csv", "user.name,user.upn\nann@EMEA,ann@c.com\n")]);
    let path = home.path("exports/v.csv");
    fs::write(&path, "user.name,user.upn\nann@EMEA,ann.b@c.com\n").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let report = sync(&home).json();
    assert!(warns(&report, "were so before the year 2000"), "{report}");
}

#[test]
fn one_file_that_is_written_anew_each_day_is_one() {
    let home = Home::new();
    let path = home.path("exports/users.csv");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    for day in (1..8).rev() {
        let text = format!("user.name,user.upn\nann@EMEA,ann{day}@c.com\n");
        fs::write(&path, text).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        let time = SystemTime::now() - Duration::from_secs(day * 24 * 3_600);
        file.set_modified(time).unwrap();
        let report = sync(&home).exits(0).json();
        assert_eq!(report["warnings"], Value::Array(Vec::new()), "{report}");
    }
}

#[test]
fn an_index_beside_its_exports_is_no_export() {
    let home = Home::new();
    let users = "user.name,user.upn\nann@EMEA,ann@c.com\n";
    fs::write(home.path("u_2026-11-20T06-00-00Z.csv"), users).unwrap();
    for _ in 0..2 {
        let report = home.run(&["sync", "--json", "."]).exits(0).json();
        assert_eq!(report["failures"], Value::Array(Vec::new()), "{report}");
    }
}

#[test]
fn what_is_no_text_of_ours_is_called_so() {
    let utf32: Vec<u8> = "user.name\nann@EMEA\n"
        .chars()
        .flat_map(|letter| (letter as u32).to_le_bytes())
        .collect();
    let parquet = [b"\xef\xbb\xbfPAR1".as_slice(), &[0; 40], b"PAR1"].concat();
    for (bytes, what) in [
        (utf32, "a text in UTF-32"),
        (parquet, "with a byte-order mark before it"),
    ] {
        let home = Home::new();
        fs::create_dir_all(home.path("exports")).unwrap();
        fs::write(home.path("exports/u_2026-11-20T06-00-00Z.csv"), bytes).unwrap();
        let report = sync(&home).json();
        assert!(error(&report).contains(what), "{report}");
    }
}

#[test]
fn a_list_whose_files_say_other_times_is_told() {
    let home = Home::new();
    let config =
        "[[source]]\nname = \"a\"\nurl = \"exports\"\n[dataset.users]\nsemantics = \"complete\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    fs::create_dir_all(home.path("exports/2026-11-20")).unwrap();
    for part in 1..=4 {
        let rows: String = (0..30)
            .map(|number| format!("u{part}-{number}@EMEA\n"))
            .collect();
        let name = format!("exports/2026-11-20/0{part}.csv");
        fs::write(home.path(&name), format!("user.name\n{rows}")).unwrap();
    }
    let report = home.run(&["sync", "--json"]).exits(0).json();
    assert!(
        warns(&report, "90 of 120 new accounts are gone already"),
        "{report}"
    );
}

#[test]
fn a_computer_called_as_a_domain_is_told() {
    let rows: String = (0..30)
        .map(|number| format!("u{number}@EMEA,u{number}@c.com\n"))
        .collect();
    let users = format!("user.name,user.upn\n{rows}");
    for (device, is_told) in [("EMEA", true), ("NB-1", false)] {
        let devices = format!("device.name\n{device}\n");
        let (_, report) = taken(&[
            ("u_2026-11-20T06-00-00Z.csv", &users),
            ("d_2026-11-20T06-00-00Z.csv", &devices),
        ]);
        let told = "30 accounts without a type count as local";
        assert_eq!(warns(&report, told), is_told, "{report}");
    }
}
