//! Objects: headers, versions, times, encodings and padding of whole files.

use std::fs;

use serde_json::Value;

use super::{add, answer, copy, error, matches, sync, synced};
use crate::util::{Home, fixture};

#[test]
fn a_header_of_another_order_among_the_rows_fails_the_object_where_it_stands() {
    for (folder, line) in [("header-a", 3), ("header-b", 3)] {
        let (home, report) = synced(folder);
        assert!(
            error(&report).starts_with(&format!("a second header at line {line}")),
            "{report}"
        );
        assert_eq!(report["accounts"], 0);
        // Without an index, a run that takes nothing in is none that is done.
        sync(&home).exits(3);
        fs::write(
            home.path("exports/u_20261119_060000.csv"),
            "user.name\nann@EMEA\n",
        )
        .unwrap();
        sync(&home).exits(3);
        // It is remembered: later runs say so, and succeed.
        let again = sync(&home).exits(0).json();
        assert_eq!(again["failures"], Value::Array(Vec::new()));
        assert!(
            again["warnings"].to_string().contains("failed before"),
            "{again}"
        );
        assert!(
            home.run(&["sync", "--json", "--retry", "exports"])
                .exits(3)
                .code
                == 3
        );
    }
}

#[test]
fn a_header_in_other_capitals_is_no_person() {
    let (_, report) = synced("header-d");
    assert_eq!(
        (&report["accounts"], &report["outcome"]),
        (&2.into(), &"done".into())
    );
}

#[test]
fn a_header_as_people_see_it_is_no_person_and_names_like_headers_are() {
    for (rows, accounts) in [
        (
            "User Name,User UPN,User AD full name\nbob@EMEA,bob@c.com,Bob B\n",
            2,
        ),
        ("name@EMEA,user.name@c.com,User Name\n", 2),
        ("user.one@EMEA,user.one@c.com,user.one\n", 2),
        ("1,user.one,user.two\n", 2),
        ("USER-NAME,sales@c.com,sales\n", 2),
        ("bob,name,Bob Name\n", 2),
    ] {
        let home = Home::new();
        fs::create_dir_all(home.path("exports")).unwrap();
        let header = "user.name,user.upn,user.ad.full_name\nann@EMEA,ann@c.com,Ann A\n";
        let text = format!("{header}{rows}");
        fs::write(home.path("exports/a_20261120_060000.csv"), text).unwrap();
        let report = sync(&home).exits(0).json();
        assert_eq!(report["accounts"], accounts, "{rows}: {report}");
    }
}

#[test]
fn of_two_versions_of_one_key_the_later_one_counts() {
    for (first, second) in [("1-cut", "2-whole"), ("3-wrong", "4-corrected")] {
        let home = Home::new();
        fs::create_dir_all(home.path("exports")).unwrap();
        let key = home.path("exports/users_20261120_060000.csv");
        let text = |name: &str| fs::read(fixture(&format!("field/versions/{name}.csv"))).unwrap();
        let put = |name: &str, seconds: u64| {
            fs::write(&key, text(name)).unwrap();
            let time =
                std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_000_000 + seconds);
            fs::File::options()
                .write(true)
                .open(&key)
                .unwrap()
                .set_modified(time)
                .unwrap();
            sync(&home).exits(0)
        };
        put(first, 0);
        let after_both = put(second, 60).json();
        let alone = Home::new();
        fs::create_dir_all(alone.path("exports")).unwrap();
        fs::write(
            alone.path("exports/users_20261120_060000.csv"),
            text(second),
        )
        .unwrap();
        let whole = sync(&alone).exits(0).json();
        assert_eq!(after_both["accounts"], whole["accounts"], "{second}");
    }
}

#[test]
fn an_object_of_which_every_row_is_rejected_fails_and_makes_nothing_fresh() {
    for (folder, reason) in [("rejected-a", "user.last_seen"), ("rejected-c", "UTF-8")] {
        let (home, report) = synced(folder);
        assert!(
            error(&report).contains("rows are rejected") && error(&report).contains(reason),
            "{report}"
        );
        assert_eq!(report["generation"], 0);
        home.run(&["status"]).exits(1);
    }
    let (_, report) = synced("rejected-d");
    assert_eq!(
        (&report["devices"], &report["outcome"]),
        (&2.into(), &"done".into()),
        "{report}"
    );
    let home = Home::new();
    add(&home, "rejected-c");
    let config = "[[source]]\nname = \"a\"\nurl = \"exports\"\nencoding = \"windows-1252\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    let report = home.run(&["sync", "--json"]).exits(0).json();
    assert_eq!(report["accounts"], 3);
    let one = &matches(&answer(&home, &["jmueller@EMEA"]))[0];
    assert_eq!(one["account"]["full_name"], "Müller, Jörg");
}

#[test]
fn times_in_keys_are_read_whole() {
    let home = Home::new();
    copy(&fixture("field/key-times/partly"), &home.path("exports"));
    sync(&home).exits(0);
    let rows = crate::state::open(&home.path("identity.db"));
    let times = "SELECT group_concat(observed_at, ' ') FROM (SELECT DISTINCT observed_at FROM loads ORDER BY 1)";
    let times: String = rows.query_row(times, [], |row| row.get(0)).unwrap();
    assert!(
        times.contains("06:15:00") && times.contains("06:45:00"),
        "{times}"
    );
    let home = Home::new();
    copy(&fixture("field/key-times/dates"), &home.path("exports"));
    let config = "[[source]]\nname = \"a\"\nurl = \"exports\"\nobserved_from = \"key\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    let report = home.run(&["sync", "--json"]).exits(3).json();
    assert!(error(&report).contains("no date-time"), "{report}");
}

#[test]
fn a_text_in_utf_8_is_read_so_whatever_is_declared() {
    let home = Home::new();
    let config = "[[source]]\nname = \"a\"\nurl = \"exports\"\nencoding = \"windows-1252\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    fs::create_dir_all(home.path("exports")).unwrap();
    let users = "user.name,user.ad.full_name\njmuller@EMEA,\"M\u{fc}ller, J\u{fc}rgen\"\n";
    fs::write(home.path("exports/users_20261120_060000.csv"), users).unwrap();
    home.run(&["sync"]).exits(0);
    let answer = answer(&home, &["jmuller@EMEA"]);
    assert_eq!(
        matches(&answer)[0]["account"]["full_name"],
        "M\u{fc}ller, J\u{fc}rgen"
    );
}

#[test]
fn damaged_utf_16_fails_its_object() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    let users = "user.name,user.ad.full_name\njdoe@EMEA,Doe\njroe@EMEA,Roe\n";
    let mut text: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(users.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    // Half of a character of two units.
    let at = text.len() - 6;
    text[at..at + 2].copy_from_slice(&0xd835_u16.to_le_bytes());
    fs::write(home.path("exports/users_20261120_060000.csv"), text).unwrap();
    let report = sync(&home).json();
    assert!(
        error(&report).starts_with("damaged UTF-16LE data"),
        "{report}"
    );
}

#[test]
fn zeros_behind_a_gzip_member_are_padding() {
    let (_, report) = synced("gzip-padding");
    assert_eq!(
        (&report["outcome"], &report["objects"]["loaded"]),
        (&"done".into(), &1.into()),
        "{report}"
    );
}

#[test]
fn a_file_of_another_encoding_behind_one_in_utf_16_is_not_taken_for_a_row() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    let header = "user.name,user.upn\n";
    let first = format!("{header}ann@EMEA,ann@contoso.com\n");
    for (mark, of) in [
        ([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ([0xfe, 0xff], u16::to_be_bytes),
    ] {
        let mut bytes = mark.to_vec();
        bytes.extend(first.encode_utf16().flat_map(of));
        // Of an even number of bytes, each two of them are a character.
        bytes.extend(
            format!("{header}bob@EMEA,bob@contoso.com\nkim@EMEA,kim2@contoso.com\n").bytes(),
        );
        assert_eq!(bytes.len() % 2, 0);
        write_and_fail(&home, &bytes);
        // A row of one column has as many cells as it should.
        let mut bytes = mark.to_vec();
        bytes.extend("user.name\nann@EMEA\n".encode_utf16().flat_map(of));
        bytes.extend(b"user.name\nbobb@EMEA\n");
        write_and_fail(&home, &bytes);
    }
}

fn write_and_fail(home: &Home, bytes: &[u8]) {
    fs::write(home.path("exports/users_20261120_060000.csv"), bytes).unwrap();
    let report = home.run(&["sync", "--json", "--retry", "exports"]).json();
    assert_eq!(
        error(&report),
        "a second header at line 3, in another encoding; export the files apart from one another"
    );
}

#[test]
fn a_group_of_no_rows_among_others_costs_nothing() {
    let (_, report) = synced("empty-groups");
    assert_eq!(
        (&report["outcome"], &report["rows"]["read"]),
        (&"done".into(), &2.into()),
        "{report}"
    );
}

#[test]
fn a_frame_that_holds_nothing_may_stand_before_a_zstd_text() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    let text = zstd::encode_all(&b"user.name\nann@EMEA\n"[..], 3).unwrap();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4][..], &text].concat();
    fs::write(
        home.path("exports/users_20261120_060000.csv.zst"),
        skippable,
    )
    .unwrap();
    assert_eq!(sync(&home).exits(0).json()["accounts"], 1);
}

#[test]
fn a_header_behind_a_row_without_its_line_end_or_of_other_names_fails_the_object() {
    for text in [
        "user.name,user.upn,user.ad.email_address\nu1@EMEA,u1@c.com,u1@mail.comuser.name,user.ad.email_address,user.upn\nu2@EMEA,a@b.com,u2@c.com\n",
        "user.name\nu1@EMEAuser.name\nu2@EMEA\n",
        "user.name,user.upn\nu1@EMEA,u1@c.com\nuser.name,user.#manager_upn\nu2@EMEA,boss@c.com\n",
        "user.name,user.ad.department,user.#a\nu1@EMEA,d,a\nuser.name,user.#a,user.#b\nu2@EMEA,1,2\n",
        "device.name,device.entity\nNB-1,Bern\ndevice.name,device.#owner\nNB-2,Ann\n",
        "user.name\nann@EMEA\nuser.upn\nbob@c.com\n",
        "user.name,device.name,logins\nu1@EMEA,NB-1,1\nuser.name,device.name,count\nu2@EMEA,NB-2,5\n",
        // With a column of numbers in front, and as people see names.
        "user.name,user.upn,user.ad.email_address\nu1@EMEA,u1@c.com,m\nRow 1,user.name,user.upn\n2,u2@EMEA,u2@c.com\n",
        "user.name,user.upn,user.ad.email_address\nu1@EMEA,u1@c.com,m\nNo.,User name,UPN\n2,u2@EMEA,u2@c.com\n",
        "user.name,user.upn\nu1@EMEA,u1@c.com\n,user.name,user.upn\n0,u2@EMEA,u2@c.com\n",
        "user.name,user.upn,user.ad.email_address\nu1@EMEA,u1@c.com,m\nName,Email address,UPN\nu2@EMEA,a@c.com,u2@c.com\n",
        "user.name,device.name,logins\nu1@EMEA,NB-1,1\nDevice name,User name,Logins\nNB-2,u2@EMEA,5\n",
        // Behind an empty last cell, by short names, by those of another system, and at another delimiter.
        "user.name,user.upn,user.ad.department\nu1@EMEA,u1@c.com,user.upn,user.name,user.ad.department\nu2@c.com,u2@EMEA,HR\n",
        "\"user.name\",\"user.upn\"\n\"u1@EMEA\",\"\"\"user.upn\",\"user.name\"\n\"u2@c.com\",\"u2@EMEA\"\n",
        "name,upn\nu1@EMEA,u1@c.comupn,name\nu2@c.com,u2@EMEA\n",
        "device.entity,device.name\nZurich,NB-1device.name,device.entity\nNB-2,Zurich\n",
        "user.name,user.upn\nu1@EMEA,u1@c.com\nUPN,Benutzername\nu2@c.com,u2@EMEA\n",
        "user.name,user.upn\nu1@EMEA,u1@c.com\nmail,login\nu2@c.com,u2@EMEA\n",
        "user.name,user.upn\nu1@EMEA,u1@c.com\nuser.upn (string),user.name (string)\nu2@c.com,u2@EMEA\n",
        "user.name,user.upn\nu1@EMEA,u1@c.com\nuser.upn;user.name\nu2@c.com;u2@EMEA\n",
        "user.name,user.upn\nu1@EMEA,u1@c.com\nUser Principal Name,User name\nu2@c.com,u2@EMEA\n",
        "user.upn,user.name\nu1@c.com,u1@EMEA\nDisplay Name,E-Mail\nu2@EMEA,u2@c.com\n",
    ] {
        let home = Home::new();
        fs::create_dir_all(home.path("exports")).unwrap();
        fs::write(home.path("exports/a_20261120_060000.csv"), text).unwrap();
        let report = sync(&home).exits(3).json();
        assert!(
            error(&report).starts_with("a second header at line"),
            "{text}: {report}"
        );
    }
}

#[test]
fn rows_of_words_that_are_names_of_columns_elsewhere_are_rows() {
    for (text, rejected) in [
        (
            "user.name,user.ad.full_name\nmail,Mail\nlogin,Login\nbenutzer,Benutzer\nemail,E-Mail\n",
            0,
        ),
        (
            "device.name,device.entity\ncomputer,Computer\nNB-1,Bern\n",
            0,
        ),
        (
            "device.name,device.#a,device.#b\nNB-1,Computer,Computer\n",
            0,
        ),
        (
            "device.name,device.entity,device.#note\nNB-1,Zurich,Front desk computer, login\nNB-2,Bern,x\nNB-3,Bern,x\n",
            1,
        ),
        (
            "user.name,os\nann@EMEA,mac\nbob@EMEA,carlos, mail\nkim@EMEA,mac\nlee@EMEA,x\n",
            1,
        ),
    ] {
        let home = Home::new();
        fs::create_dir_all(home.path("exports")).unwrap();
        fs::write(home.path("exports/a_20261120_060000.csv"), text).unwrap();
        let report = sync(&home).exits(0).json();
        assert_eq!(report["rows"]["rejected"], rejected, "{text}: {report}");
    }
}

#[test]
fn an_undeclared_encoding_that_costs_some_names_fails_the_object() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    let mut text = b"user.name,user.ad.full_name\n".to_vec();
    for number in 0..200 {
        let name = if number % 40 == 0 {
            b"M\xfcller".as_slice()
        } else {
            b"Meier"
        };
        text.extend_from_slice(format!("u{number}@EMEA,").as_bytes());
        text.extend_from_slice(name);
        text.push(b'\n');
    }
    fs::write(home.path("exports/a_20261120_060000.csv"), text).unwrap();
    let report = sync(&home).exits(3).json();
    assert!(error(&report).contains("windows-1252"), "{report}");
}

#[test]
fn a_page_hashed_names_and_texts_that_were_encoded_twice_are_warned_of() {
    let name = "da39a3ee5e6b4b0d3255bfef95601890afd80709@EMEA";
    let page = format!(
        r#"{{"data": [{{"user.name": "{name}", "user.ad.full_name": "Ann MÃ¼ller"}}, {{"user.name": "bob@EMEA",
            "user.ad.full_name": "Bob StraÃŸe"}}, {{"user.name": "eve@EMEA", "user.ad.full_name": "Eve FranÃ§ois"}}],
            "nextPageToken": "abc"}}"#
    );
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    fs::write(home.path("exports/a_20261120_060000.json"), page).unwrap();
    fs::write(home.path("exports/a.done"), "1").unwrap();
    let report = sync(&home).exits(0).json();
    assert_eq!(report["objects"]["left_out"], 1, "{report}");
    let warnings = report["warnings"].to_string();
    for told in [
        "1 users objects say that more rows follow",
        "1 account names in 3 rows of users",
        "texts of 1 objects were encoded twice",
    ] {
        assert!(warnings.contains(told), "{warnings}");
    }
    // It is of what was read anew.
    let again = sync(&home).exits(0).json();
    assert_eq!(again["warnings"], Value::Array(Vec::new()), "{again}");
}

#[test]
fn what_services_and_tools_leave_is_named_or_passed_over() {
    for (name, bytes, told) in [
        (
            "a.json",
            &br#"{"error": {"code": "401", "message": "Unauthorized"}}"#[..],
            "the error of a service",
        ),
        (
            "a.json",
            br#"{"headers": ["user.name"], "data": [["ann@EMEA"]]}"#,
            "version 1 of the NQL API",
        ),
        (
            "a.csv",
            b"user.name,user.#b\xfcro\nann@EMEA,1\n",
            "the header has bytes that are not UTF-8",
        ),
        ("a.csv", b"#TYPE Selected\nuser.name\nann@EMEA\n", "null"),
    ] {
        let home = Home::new();
        fs::create_dir_all(home.path("exports")).unwrap();
        fs::write(home.path(&format!("exports/20261120_060000_{name}")), bytes).unwrap();
        let report = sync(&home).json();
        let failure = report["failures"][0]["error"].to_string();
        assert!(failure.contains(told), "{report}");
    }
}

#[test]
fn two_stray_quotes_make_no_row_of_two_in_a_file_of_three_columns() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    let rows = "ann@EMEA,ann@c.com,\"Sales\nbob@EMEA,bob@c.com,IT\"\ncid@EMEA,cid@c.com,\"Line 1\nLine 2, Zurich\"\n";
    let text = format!("user.name,user.upn,user.ad.department\n{rows}");
    fs::write(home.path("exports/a_20261120_060000.csv"), text).unwrap();
    let report = sync(&home).json();
    assert_eq!(
        (&report["rows"]["rejected"], &report["accounts"]),
        (&2.into(), &1.into()),
        "{report}"
    );
}

#[test]
fn a_line_end_around_an_identifier_is_none_of_it() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    let text = "user.name,user.upn\nann@EMEA,ann@c.com\n\"bob@EMEA\n\",bob@c.com\n";
    fs::write(home.path("exports/a_20261120_060000.csv"), text).unwrap();
    let report = sync(&home).exits(0).json();
    assert_eq!(report["accounts"], 2, "{report}");
    let found = matches(&answer(&home, &["bob@EMEA"]));
    assert_eq!(found[0]["account"]["upn"], "bob@c.com");
}

#[test]
fn a_delimiter_behind_the_header_alone_hides_none_within_a_row() {
    for (rows, rejected) in [
        ("ann@EMEA,Ann A\nbob@EMEA,Doe, Bob,\n", 1),
        ("ann@EMEA,Ann A,\nbob@EMEA,Bob B,\n", 0),
    ] {
        let home = Home::new();
        fs::create_dir_all(home.path("exports")).unwrap();
        let text = format!("user.name,user.ad.full_name,\n{rows}");
        fs::write(home.path("exports/a_20261120_060000.csv"), text).unwrap();
        let report = sync(&home).json();
        assert_eq!(report["rows"]["rejected"], rejected, "{report}");
        assert_eq!(report["accounts"], 2 - rejected, "{report}");
    }
}

#[test]
fn what_says_that_it_is_a_part_is_no_complete_list() {
    let rows = |from: u32| -> String {
        let rows = (from..from + 30).map(|at| format!("u{at}@EMEA,u{at}@c.com\n"));
        rows.collect()
    };
    let header = "user.name,user.upn\n";
    let page = |token: &str| {
        let rows = (0..30).map(|at| format!(r#"{{"user.name": "u{at}@EMEA"}}"#));
        let rows: Vec<String> = rows.collect();
        format!(
            r#"{{"nextPageToken": {token}, "value": [{}]}}"#,
            rows.join(",")
        )
    };
    let whole = format!("{}{}", page(r#""abc""#), page("null"));
    for (second, code, gone) in [
        // A part with a header alone, beside one with rows.
        (
            vec![
                ("_1.csv", header.to_owned() + &rows(0)),
                ("_2.csv", header.to_owned()),
            ],
            0,
            0,
        ),
        (vec![(".json", page(r#""abc""#))], 3, 0),
        // The last page says that no more follow.
        (vec![(".json", whole)], 0, 30),
    ] {
        let home = Home::new();
        fs::create_dir_all(home.path("exports")).unwrap();
        let config = "[dataset.users]\nsemantics = \"complete\"\n[breaker]\npercent = 100\n";
        fs::write(home.path("identidex.toml"), config).unwrap();
        let put = |day: &str, end: &str, text: &str| {
            let name = format!("exports/users_202611{day}_060000{end}");
            fs::write(home.path(&name), text).unwrap();
        };
        put("19", "_1.csv", &(header.to_owned() + &rows(0)));
        put("19", "_2.csv", &(header.to_owned() + &rows(30)));
        sync(&home).exits(0);
        for (end, text) in &second {
            put("20", end, text);
        }
        let report = sync(&home).exits(code).json();
        assert_eq!(report["changes"]["accounts"]["gone"], gone, "{report}");
    }
}

#[test]
fn an_index_without_an_account_is_not_fine() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    fs::write(
        home.path("exports/d_20261120_060000.csv"),
        "device.name\nNB-1\n",
    )
    .unwrap();
    sync(&home).exits(0);
    let check = home.run(&["status", "--check"]).exits(2);
    assert!(
        check.stdout.contains("the index has no account"),
        "{}",
        check.stdout
    );
}
