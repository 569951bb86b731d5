//! Inputs from the field (`fixtures/field`): each failed once, and each is a case of a kind. Belongs here: what became of such
//! a file, as its user sees it. The rules themselves are tested where they stand.

use std::fs;

use serde_json::Value;

use crate::util::{Ended, Home, fixture};

/// Copies a folder of fixtures to a home's `exports`.
fn add(home: &Home, folder: &str) {
    copy(&fixture(&format!("field/{folder}")), &home.path("exports"));
}

fn copy(from: &str, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(path.to_str().unwrap(), &to),
            false => fs::write(to, fs::read(&path).unwrap()).unwrap(),
        }
    }
}

fn sync(home: &Home) -> Ended {
    home.run(&["sync", "--json", "exports"])
}

fn synced(folder: &str) -> (Home, Value) {
    let home = Home::new();
    add(&home, folder);
    let report = sync(&home).json();
    (home, report)
}

fn answer(home: &Home, query: &[&str]) -> Value {
    let arguments = [&["resolve", "--json", "--all-classes"], query].concat();
    home.run(&arguments).json()
}

fn matches(answer: &Value) -> Vec<Value> {
    answer["matches"].as_array().unwrap().clone()
}

fn error(report: &Value) -> String {
    report["failures"][0]["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

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
fn a_header_of_another_order_among_the_rows_fails_the_object_where_it_stands() {
    for (folder, line) in [("header-a", 3), ("header-b", 3)] {
        let (home, report) = synced(folder);
        assert!(
            error(&report).starts_with(&format!("a second header at line {line}")),
            "{report}"
        );
        assert_eq!(report["accounts"], 0);
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
fn what_stands_beside_exports_is_left_out() {
    let (_, report) = synced("beside");
    assert_eq!(
        (&report["outcome"], &report["objects"]["listed"]),
        (&"done".into(), &1.into()),
        "{report}"
    );
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
fn zeros_behind_a_gzip_member_are_padding() {
    let (_, report) = synced("gzip-padding");
    assert_eq!(
        (&report["outcome"], &report["objects"]["loaded"]),
        (&"done".into(), &1.into()),
        "{report}"
    );
}

#[test]
fn a_list_of_values_may_begin_with_a_mark_and_have_empty_lines() {
    let home = Home::of_tenant();
    let list = fs::File::open(fixture("field/list.txt")).unwrap();
    let mut command = home.command(&["resolve", "--json", "-"]);
    let ended = Ended::of(&command.stdin(list).output().unwrap());
    let outcomes: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["one", "one"]);
}

#[test]
fn a_pc_set_up_anew_waits_and_the_answer_says_so_unless_a_window_settles_it() {
    let (home, _) = synced("re-imaged");
    let users = fs::read_to_string(fixture("field/re-imaged/u_20261101_060000.csv")).unwrap();
    let name = users
        .lines()
        .nth(1)
        .and_then(|line| {
            line.split(',')
                .map(|cell| cell.trim_matches('"'))
                .find(|cell| cell.contains('@'))
        })
        .unwrap()
        .to_owned();
    let one = &matches(&answer(&home, &[&name]))[0];
    assert_ne!(
        one["waiting"]["ambiguous"].as_u64().unwrap_or(0)
            + one["waiting"]["unknown"].as_u64().unwrap_or(0),
        0,
        "{one}"
    );
    let home = Home::new();
    add(&home, "re-imaged");
    let config = "[dataset.logins]\nwindow = \"1d\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    sync(&home).exits(0);
    let one = &matches(&answer(&home, &[&name]))[0];
    assert_eq!(one["waiting"], Value::Null, "{one}");
}

#[test]
fn a_guest_and_a_name_written_otherwise_are_found() {
    let home = Home::of_tenant();
    for name in [
        "Palotás, Mónika",
        "Palotas Monika (Guest)",
        "Mónika (External) Palotás",
        "Mónika K. Palotás",
    ] {
        let upn = "monika.palotas@contoso.com";
        let answer = home
            .run(&["resolve", "--json", "--together", upn, "--full-name", name])
            .json();
        assert_eq!(answer["outcome"], "one", "{name}: {answer}");
    }
}

#[test]
fn a_dotted_name_is_no_device_unless_its_domain_is_known() {
    let (home, _) = synced("dotted");
    assert_eq!(answer(&home, &["maria.lopez"])["outcome"], "none");
    let devices = home.path("exports/devices_20261121_060000.csv");
    fs::write(devices, "device.name\nNB-7.corp.contoso.com\n").unwrap();
    sync(&home).exits(0);
    for (text, outcome) in [
        ("maria.corp.contoso.com", "one"),
        ("maria.contoso.com", "one"),
        ("maria.com", "none"),
        ("maria.lopez", "none"),
        ("maria", "one"),
    ] {
        assert_eq!(
            answer(&home, &["--kind", "device_name", text])["outcome"],
            outcome,
            "{text}"
        );
    }
}

#[test]
fn an_address_behind_its_provider_and_the_id_of_entra_find_their_account() {
    let (home, report) = synced("azuread");
    assert_eq!(
        (&report["outcome"], &report["rows"]["rejected"]),
        (&"done".into(), &0.into()),
        "{report}"
    );
    let sid = "S-1-12-1-984540497-1153726855-1630871732-2645008728";
    // The same number: 984540497 is 3aaee551, 1153726855 is 44c47987, and so on.
    let number = |at: usize| sid.split('-').nth(4 + at).unwrap().parse::<u32>().unwrap();
    let (words, rest) = (number(1), [number(2), number(3)].map(u32::swap_bytes));
    let id = format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x}",
        number(0),
        words & 0xffff,
        words >> 16,
        rest[0] >> 16,
        rest[0] & 0xffff,
        rest[1]
    );
    for query in [
        vec![r"AzureAD\john.doe@contoso.com"],
        vec![&id],
        vec!["--kind", "entra_id", &id],
        vec!["--kind", "address", "john.doe@contoso.com"],
    ] {
        let answer = answer(&home, &query);
        assert_eq!(answer["outcome"], "one", "{query:?}");
        assert_eq!(answer["matches"][0]["account"]["sid"], sid, "{query:?}");
    }
}

#[test]
fn a_guest_is_found_by_the_address_that_a_channel_has_of_them() {
    let (home, _) = synced("channel");
    let ask = |address: &str, name: &str| {
        let (clue, name) = (format!("address={address}"), format!("name={name}"));
        home.run(&[
            "resolve",
            "--json",
            "--together",
            "--verified",
            &clue,
            &name,
        ])
        .json()
    };
    let guest = ask("jkim_fabrikam.com#EXT#@contoso.onmicrosoft.com", "Jin Kim");
    assert_eq!(guest["matches"][0]["enough_to_act"], true, "{guest}");
    // Two accounts have the address: both are shown.
    let mail = ask("jin.kim@fabrikam.com", "Jin Kim");
    assert_eq!(
        (&mail["outcome"], matches(&mail).len()),
        (&"several".into(), 2),
        "{mail}"
    );
    let alias = ask("joerg.strauss@contoso.com", "Jörg Strauß");
    assert_eq!(alias["matches"][0]["enough_to_act"], true, "{alias}");
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
    assert_eq!(report["failures"].as_array().unwrap().len(), 4, "{report}");
    assert_eq!(report["failures"][3]["object"], "297 more");
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
