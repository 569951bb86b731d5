//! Asked: what a question finds in such exports.

use std::fs;

use serde_json::Value;

use super::{add, answer, matches, sync, synced};
use crate::util::{Ended, Home, fixture};

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
    let why = home.run(&["why", &name]).stdout;
    for remedy in ["user.sid", "last_used", "[dataset.logins] window"] {
        assert!(why.contains(remedy), "{remedy}: {why}");
    }
    let home = Home::new();
    add(&home, "re-imaged");
    let config = "[dataset.logins]\nwindow = \"1d\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    sync(&home).exits(0);
    let one = &matches(&answer(&home, &[&name]))[0];
    assert_eq!(one["waiting"], Value::Null, "{one}");
}

#[test]
fn devices_of_one_name_are_told_apart_by_their_serial_numbers() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    for (name, text) in [
        ("users", "user.name\nann@EMEA\n"),
        (
            "devices",
            "device.name,device.hardware.machine_serial_number,device.uid\n\
             NB-1,PF3ABC1,dddddddd-0000-4000-8000-000000000001\nNB-1,PF3ABC2,dddddddd-0000-4000-8000-000000000002\n",
        ),
        (
            "logins",
            "user.name,device.uid,logins\n\
             ann@EMEA,dddddddd-0000-4000-8000-000000000001,3\nann@EMEA,dddddddd-0000-4000-8000-000000000002,3\n",
        ),
    ] {
        fs::write(
            home.path(&format!("exports/{name}_20261120_060000.csv")),
            text,
        )
        .unwrap();
    }
    sync(&home).exits(0);
    let why = home.run(&["why", "ann@EMEA"]).stdout;
    for told in ["NB-1 (PF3ABC1)", "NB-1 (PF3ABC2)"] {
        assert!(why.contains(told), "{told}: {why}");
    }
}

#[test]
fn a_usage_that_may_be_anothers_of_the_name_is_no_proof_and_no_target() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    for (name, text) in [
        (
            "users_20261120_060000",
            "user.sid,user.name,user.upn,user.first_seen,user.last_seen\n\
             S-1-5-21-1-2-3-1101,jdoe,john.doe@contoso.com,2025-01-01 00:00:00,2026-11-13 16:00:00\n\
             S-1-5-21-9-9-9-1202,jdoe,jane.doe@contoso.com,2025-01-01 00:00:00,2026-11-19 16:00:00\n",
        ),
        (
            "devices_20261120_060000",
            "device.name,device.collector.uid,device.last_seen\n\
             NB-1,cccccccc-0000-4000-8000-000000000001,2026-11-20 05:00:00\n",
        ),
        (
            "logins_20261120_090000",
            "user.name,device.name,logins,last_used\njdoe,NB-1,1,2026-11-20 08:10:00\n",
        ),
    ] {
        fs::write(home.path(&format!("exports/{name}.csv")), text).unwrap();
    }
    sync(&home).exits(0);
    let together = ["--together", "account_name=jdoe", "device_name=NB-1"];
    let asked = answer(&home, &together);
    let is_acted_on = |one: &Value| one["enough_to_act"] == true;
    assert!(!matches(&asked).iter().any(is_acted_on), "{asked}");
    let index = identidex::Index::open(home.path("identity.db")).unwrap();
    let found = index.find("jane.doe@contoso.com").unwrap();
    let target = index.target(&found, identidex::Which::Named("NB-1"), &[]);
    assert!(
        format!("{target:?}").contains("NameOfSeveral"),
        "{target:?}"
    );
}

/// Takes in files of users, devices and daily logins with a declared window of a day, and returns what keeps `OLD` from being
/// Ann's.
fn not_primary_of_old(devices: &str, days: &[&str]) -> Value {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    let config = "[dataset.logins]\nwindow = \"1d\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    let put = |name: &str, text: String| {
        fs::write(home.path(&format!("exports/{name}_060000.csv")), text).unwrap();
    };
    let users = "user.name,user.upn\nann@EMEA,ann@c.com\nbob@EMEA,bob@c.com\nadm@EMEA,adm@c.com\n";
    put("users_20261120", users.to_owned());
    let header = "device.name,device.first_seen,device.last_seen,device.login.last_login_user_name";
    put("devices_20261120", format!("{header}\n{devices}"));
    for (day, rows) in (18..).zip(days) {
        put(
            &format!("logins_202611{day}"),
            format!("user.name,device.name,logins\n{rows}"),
        );
    }
    sync(&home).exits(0);
    let answer = answer(&home, &["ann@c.com"]);
    let devices = matches(&answer)[0]["devices"].as_array().unwrap().clone();
    let old = devices.into_iter().find(|one| one["name"] == "OLD");
    old.unwrap()["not_primary"].clone()
}

#[test]
fn a_new_laptop_is_told_within_the_window_of_a_day() {
    let old = "ann@EMEA,OLD,1\n";
    let since = [old, old, "ann@EMEA,OLD,1\nann@EMEA,NEW,2\n"];
    let devices = "OLD,2025-01-02 00:00:00,2026-11-19 10:48:00,ann@EMEA\n\
                   NEW,2026-11-19 12:12:00,2026-11-19 22:25:00,ann@EMEA\n";
    assert_eq!(not_primary_of_old(devices, &since), "another_came");
    // Left on, and prepared the day before.
    let devices = "OLD,2025-05-01 00:00:00,2026-11-19 23:54:00,\n\
                   NEW,2026-11-18 12:12:00,2026-11-19 23:54:00,\n";
    let days = [old, "ann@EMEA,OLD,3\nadm@EMEA,NEW,1\n", "ann@EMEA,NEW,1\n"];
    assert_eq!(not_primary_of_old(devices, &days), "no_device_leads");
    // Two that were swapped name each other's users.
    let devices = "OLD,,2026-11-19 17:04:00,bob@EMEA\nNEW,,2026-11-19 16:27:00,ann@EMEA\n";
    let before = "ann@EMEA,OLD,4\nbob@EMEA,NEW,4\n";
    let swapped = format!("{before}ann@EMEA,NEW,1\nbob@EMEA,OLD,1\n");
    assert_eq!(
        not_primary_of_old(devices, &[before, before, &swapped]),
        "another_came"
    );
    // Nor need the other lead where each was: who was there more is the one who had it.
    let devices = "OLD,,2026-11-19 16:49:00,\nNEW,,2026-11-19 18:58:00,\n";
    let before = "ann@EMEA,OLD,1\nbob@EMEA,NEW,1\n";
    let alike = "ann@EMEA,OLD,5\nann@EMEA,NEW,5\nbob@EMEA,OLD,2\nbob@EMEA,NEW,1\n";
    let since = "ann@EMEA,OLD,1\nbob@EMEA,OLD,1\nann@EMEA,NEW,2\n";
    for (since, reason) in [(since, "elsewhere_since"), (alike, "no_device_leads")] {
        let days = [before, before, since];
        assert_eq!(not_primary_of_old(devices, &days), reason, "{since}");
    }
    // Nothing came.
    let devices = "OLD,2025-05-01 00:00:00,2026-11-19 23:54:00,\n";
    assert_eq!(not_primary_of_old(devices, &[old, old, old]), Value::Null);
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
fn a_last_login_behind_its_provider_is_of_the_account_of_that_name() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    let users = "user.name,user.upn\n\"AzureAD\\john.doe@contoso.com\",john.doe@contoso.com\n";
    let devices = "device.uid,device.name,device.login.last_login_user_name\n\
        dddddddd-0000-4000-8000-000000000001,NB-1,AzureAD\\John.Doe@contoso.com\n";
    for (name, text) in [("users", users), ("devices", devices)] {
        fs::write(
            home.path(&format!("exports/{name}_20261120_060000.csv")),
            text,
        )
        .unwrap();
    }
    let report = sync(&home).json();
    assert_eq!(report["rows"]["rejected"], 0, "{report}");
    let found = answer(&home, &[r"AzureAD\john.doe@contoso.com"]);
    assert_eq!(found["outcome"], "one", "{found}");
    assert_eq!(found["matches"][0]["devices"][0]["name"], "NB-1", "{found}");
}

#[test]
fn a_scheme_before_an_address_hides_no_holder_of_it() {
    let home = Home::new();
    fs::create_dir_all(home.path("exports")).unwrap();
    let users = "user.sid,user.name,user.upn,user.ad.email_address\n\
        S-1-5-21-1-2-3-1103,bob@EMEA,bob@contoso.com,boss@contoso.com\n\
        S-1-5-21-1-2-3-1108,bossy@EMEA,boss@contoso.com,bossy@contoso.com\n";
    fs::write(home.path("exports/users_20261120_060000.csv"), users).unwrap();
    assert_eq!(sync(&home).json()["outcome"], "done");
    for text in [
        "boss@contoso.com",
        "mailto:boss@contoso.com",
        "SMTP:boss@contoso.com",
        "<boss@contoso.com>",
        "mailto:<boss@contoso.com>",
    ] {
        for query in [vec![text], vec!["--kind", "address", "--verified", text]] {
            assert_eq!(answer(&home, &query)["outcome"], "several", "{query:?}");
        }
        let found = answer(&home, &["--kind", "email", "--verified", text]);
        assert_eq!(found["matches"][0]["enough_to_act"], false, "{text}");
    }
    let found = answer(&home, &["--kind", "address", "mailto:bob@contoso.com"]);
    assert_eq!(found["outcome"], "one");
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
fn a_swap_is_told_within_the_window_of_a_day_by_logins_alone() {
    let before = "ann@EMEA,OLD,3\nbob@EMEA,NEW,3\n";
    let swapped = "ann@EMEA,OLD,1\nann@EMEA,NEW,2\nbob@EMEA,NEW,1\nbob@EMEA,OLD,2\n";
    let devices = "OLD,2025-01-02 00:00:00,2026-11-19 16:48:00,\nNEW,2025-01-02 00:00:00,2026-11-19 16:25:00,\n";
    let days = [before, before, swapped];
    assert_eq!(not_primary_of_old(devices, &days), "elsewhere_since");
    // A visit is none.
    let visited = "ann@EMEA,OLD,1\nann@EMEA,NEW,2\nbob@EMEA,NEW,1\n";
    let days = [before, before, visited];
    assert_eq!(not_primary_of_old(devices, &days), Value::Null);
}

#[test]
fn a_kiosk_that_a_service_signs_in_at_is_no_visitors_and_a_scanner_takes_nobodys_machine() {
    let days = 20..=25;
    let not_primary = |scanned: &[&str]| {
        let home = Home::new();
        fs::create_dir_all(home.path("exports")).unwrap();
        fs::write(
            home.path("identidex.toml"),
            "[class]\nservice = [\"svc-*\"]\n",
        )
        .unwrap();
        let put = |name: &str, text: String| {
            fs::write(home.path(&format!("exports/{name}_060000.csv")), text).unwrap();
        };
        put(
            "users_20261126",
            "user.name\nann@EMEA\nsvc-1@EMEA\n".to_owned(),
        );
        let devices: String = ["NB-1", "NB-2", "NB-3", "NB-4"]
            .map(|name| format!("{name},2026-11-25 17:00:00\n"))
            .concat();
        put(
            "devices_20261126",
            format!("device.name,device.last_seen\n{devices}"),
        );
        for day in days.clone() {
            let of_ann = if day > 23 {
                format!("ann@EMEA,NB-1,2,2026-11-{day} 09:00:00\n")
            } else {
                String::new()
            };
            let of_service = scanned
                .iter()
                .map(|device| format!("svc-1@EMEA,{device},1,2026-11-{day} 07:00:00\n"));
            let rows = of_service.collect::<String>() + &of_ann;
            put(
                &format!("logins_202611{}", day + 1),
                format!("user.name,device.name,logins,last_used\n{rows}"),
            );
        }
        sync(&home).exits(0);
        matches(&answer(&home, &["ann@EMEA"]))[0]["devices"][0]["not_primary"].clone()
    };
    assert_eq!(not_primary(&["NB-1"]), "no_account_leads");
    assert_eq!(not_primary(&["NB-1", "NB-2", "NB-3", "NB-4"]), Value::Null);
}

#[test]
fn rows_that_count_no_login_within_a_declared_window_are_no_use() {
    let home = Home::new();
    let config = "[dataset.logins]\nwindow = \"1d\"\n[class]\nadmin = [\"adm-*\"]\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    fs::create_dir_all(home.path("exports")).unwrap();
    // NB-1 went from Ann to Bob, and is listed with 0 for her still; at NB-2 works an administrator, where Eve was on three days.
    for day in 10..=26 {
        let ann = if day < 15 { 3 } else { 0 };
        let bob = if day > 15 && day % 3 == 0 {
            "bob@EMEA,NB-1,2\n"
        } else {
            ""
        };
        let eve = if day > 23 { "eve@EMEA,NB-2,1\n" } else { "" };
        let text = format!(
            "user.name,device.name,logins\nann@EMEA,NB-1,{ann}\nadm-h@EMEA,NB-2,2\n{bob}{eve}"
        );
        let name = format!("exports/logins_2026-11-{day}T06-00-00Z.csv");
        fs::write(home.path(&name), text).unwrap();
    }
    let names = ["ann", "bob", "eve", "adm-h"];
    let users = names.map(|name| format!("{name}@EMEA,{name}@contoso.com\n"));
    let users = format!("user.name,user.upn\n{}", users.concat());
    fs::write(home.path("exports/users_2026-11-26T06-00-00Z.csv"), users).unwrap();
    let devices = "device.name\nNB-1\nNB-2\n";
    fs::write(
        home.path("exports/devices_2026-11-26T06-00-00Z.csv"),
        devices,
    )
    .unwrap();
    sync(&home).exits(0);
    for name in names {
        let one = &matches(&answer(&home, &[&format!("{name}@EMEA")]))[0];
        let devices = one["devices"].as_array().unwrap();
        let mut devices = devices.iter();
        assert!(
            !devices.any(|device| device["primary"] == true),
            "{name}: {one}"
        );
    }
}
