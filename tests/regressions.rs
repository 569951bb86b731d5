//! Small inputs that once led to a wrong answer, a lost row or a refused run. Belongs here: one test for each such fault
//! that no rule of its own covers.

use std::fs;

use serde_json::Value;

use crate::util::Home;

const SID: &str = "S-1-5-21-1085031214-1563985344-725345543-1101";

/// Adds objects to the exports of a home and takes them in, in one run.
fn sync(home: &Home, objects: &[(&str, &str)]) {
    fs::create_dir_all(home.path("exports")).unwrap();
    for (name, text) in objects {
        fs::write(home.path("exports").join(name), text).unwrap();
    }
    home.run(&["sync", "exports"]).exits(0);
}

/// Quotes every cell, as exports do: only rows of such objects are recognised by their bytes.
fn quoted(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let cells: Vec<String> = line.split(',').map(|cell| format!("\"{cell}\"")).collect();
        cells.join(",") + "\n"
    });
    lines.collect()
}

fn digest(home: &Home) -> Value {
    home.run(&["status", "--json"]).json()["digest"].clone()
}

#[test]
fn mentions_that_wait_for_devices_in_any_order_are_named_in_every_run() {
    let home = Home::new();
    let devices = "device.uid,device.name\n\
        dddddddd-0000-4000-8000-000000000001,NB-1\ndddddddd-0000-4000-8000-000000000002,NB-2\n";
    let logins = "user.name,device.name,logins\nghost@EMEA,NB-2,3\nghost@EMEA,NB-1,3\n";
    sync(
        &home,
        &[
            ("devices-2026-10-01T06-00-00Z.csv", devices),
            ("logins-2026-10-01T06-00-00Z.csv", logins),
        ],
    );
    for day in 2..4 {
        let name = format!("devices-2026-10-0{day}T06-00-00Z.csv");
        let text =
            format!("device.uid,device.name\ndddddddd-0000-4000-8000-00000000001{day},NB-1{day}\n");
        sync(&home, &[(&name, &text)]);
        let answer = home.run(&["resolve", "--json", "NB-1"]).exits(0).json();
        let usage = &answer["matches"][0]["waiting"]["usages"][0];
        assert_eq!(
            (&usage["account"], &usage["device"]),
            (&"ghost@emea".into(), &"nb-1".into())
        );
    }
}

#[test]
fn a_cell_of_more_than_64_kib_is_shown_whole() {
    let home = Home::new();
    let serial = "x".repeat(70_000);
    let devices = format!(
        "device.uid,device.name,device.operating_system.name\n\
        dddddddd-0000-4000-8000-000000000001,NB-1,{serial}\n"
    );
    let users = format!("user.sid,user.name\n{SID},jdoe@EMEA\n");
    let logins = format!("user.sid,device.name,logins\n{SID},NB-1,3\n");
    sync(
        &home,
        &[
            ("devices-2026-10-01T06-00-00Z.csv", &devices),
            ("users-2026-10-01T06-00-00Z.csv", &users),
            ("logins-2026-10-01T06-00-00Z.csv", &logins),
        ],
    );
    let answer = home
        .run(&["resolve", "--json", "jdoe@EMEA"])
        .exits(0)
        .json();
    assert_eq!(answer["matches"][0]["devices"][0]["os"], serial.as_str());
}

#[test]
fn who_held_a_value_when_does_not_depend_on_runs() {
    let row = |upn: &str, day: u32| {
        format!(
            "user.sid,user.name,user.upn,user.last_seen\n{SID},jdoe@EMEA,{upn},2026-10-0{day} 05:00:00\n"
        )
    };
    let (first, second) = (row("a@contoso.com", 5), row("a@contoso.com", 6));
    let third = format!(
        "user.sid,user.name,user.upn,user.ad.department\n{SID},jdoe@EMEA,c@contoso.com,X\n"
    );
    let (first, second, third) = (quoted(&first), quoted(&second), quoted(&third));
    let objects = [
        ("users-2026-10-05T06-00-00Z.csv", first.as_str()),
        ("users-2026-10-06T06-00-00Z.csv", second.as_str()),
        ("users-2026-10-07T06-00-00Z.csv", third.as_str()),
    ];
    let mut reached = Vec::new();
    // How many objects are taken in by each run.
    for runs in [&[1, 1, 1][..], &[1, 2], &[3], &[2, 1]] {
        let home = Home::new();
        let mut left = &objects[..];
        for run in runs {
            let (taken, rest) = left.split_at(*run);
            sync(&home, taken);
            left = rest;
        }
        reached.push((digest(&home), runs));
    }
    for (digest, runs) in &reached {
        assert_eq!(*digest, reached[0].0, "{runs:?}");
    }
}

#[test]
fn values_whose_hashes_are_half_alike_are_told_apart() {
    let home = Home::new();
    for (day, upn) in [(5, "m499137@contoso.com"), (6, "m595091@contoso.com")] {
        let name = format!("users-2026-10-0{day}T06-00-00Z.csv");
        sync(
            &home,
            &[(
                &name,
                &format!("user.sid,user.name,user.upn\n{SID},jdoe@EMEA,{upn}\n"),
            )],
        );
    }
    home.run(&["resolve", "m595091@contoso.com"]).exits(0);
    home.run(&["resolve", "m499137@contoso.com"]).exits(10);
}

#[test]
fn a_rollback_that_was_killed_before_its_end_undoes_nothing() {
    let home = Home::new();
    for day in 1..4 {
        let name = format!("users-2026-10-0{day}T06-00-00Z.csv");
        sync(
            &home,
            &[(
                &name,
                &format!("user.sid,user.name\n{SID}{day},user{day}@EMEA\n"),
            )],
        );
    }
    let current = home.path("identity.db.d/current");
    let before = fs::read(&current).unwrap();
    home.run(&["rollback"]).exits(0);
    fs::write(&current, before).unwrap();
    sync(
        &home,
        &[("users-2026-10-04T06-00-00Z.csv", "user.name\nuser4@EMEA\n")],
    );
    let listed = home.run(&["generations", "--json"]).json();
    assert_eq!(listed["undone_objects"], Value::Array(Vec::new()));
    let states = listed["generations"].as_array().unwrap().iter();
    let states: Vec<_> = states
        .map(|one| (&one["generation"], &one["state"]))
        .collect();
    assert_eq!(
        states[..2],
        [(&4.into(), &"current".into()), (&3.into(), &"older".into())]
    );
}

#[test]
fn refused_identifiers_are_counted_in_every_object_that_has_them() {
    let home = Home::new();
    for day in 1..4 {
        let name = format!("users-2026-10-0{day}T06-00-00Z.csv");
        let hashed = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
        let text = format!(
            "user.sid,user.name,user.upn,user.last_seen\n{SID},jdoe@EMEA,{hashed},2026-10-0{day} 05:00:00\n"
        );
        sync(&home, &[(&name, &quoted(&text))]);
        let status = home.run(&["status", "--json"]).json();
        assert_eq!(status["upns_hashed"], 1, "day {day}");
    }
}

#[test]
fn equals_are_listed_alike_whatever_came_first() {
    let day = |name: &str| format!("device.name\n{name}\n");
    let (first, second) = (day("NB-1"), day("NB-2"));
    let users = format!("user.sid,user.name\n{SID},jdoe@EMEA\n");
    let logins = format!("user.sid,device.name,logins\n{SID},NB-1,3\n{SID},NB-2,3\n");
    let objects = [
        ("devices-a-2026-10-01T06-00-00Z.csv", first.as_str()),
        ("devices-b-2026-10-01T06-00-00Z.csv", second.as_str()),
        ("users-2026-10-01T06-00-00Z.csv", users.as_str()),
        ("logins-2026-10-01T06-00-00Z.csv", logins.as_str()),
    ];
    for order in [[0, 1, 2, 3], [1, 0, 2, 3], [3, 2, 1, 0]] {
        let home = Home::new();
        for at in order {
            sync(&home, &objects[at..=at]);
        }
        let answer = home.run(&["resolve", "--json", "jdoe@EMEA"]).json();
        let devices = answer["matches"][0]["devices"].as_array().unwrap();
        let names: Vec<_> = devices.iter().map(|device| &device["name"]).collect();
        assert_eq!(names, ["NB-1", "NB-2"], "{order:?}");
    }
}

#[test]
fn a_run_that_fails_leaves_no_generation_in_the_making() {
    let home = Home::new();
    for day in 1..3 {
        let name = format!("users-2026-10-0{day}T06-00-00Z.csv");
        let text = format!("user.sid,user.name\n{SID}{day},user{day}@EMEA\n");
        sync(&home, &[(&name, &text)]);
    }
    let current = fs::canonicalize(home.path("identity.db")).unwrap();
    let mut bytes = fs::read(&current).unwrap();
    // The change counter, which nobody reads: only the hash tells.
    bytes[27] ^= 1;
    fs::remove_file(&current).unwrap();
    fs::write(&current, bytes).unwrap();
    let text = "user.name\nuser3@EMEA\n";
    fs::write(home.path("exports/users-2026-10-03T06-00-00Z.csv"), text).unwrap();
    home.run(&["sync", "exports"]).exits(1);
    assert!(!home.path("identity.db.d/building.db").exists());
}

#[test]
fn what_a_killed_run_left_is_no_generation_to_go_back_to() {
    let home = Home::new();
    for day in 1..3 {
        let name = format!("users-2026-10-0{day}T06-00-00Z.csv");
        sync(&home, &[(&name, &format!("user.name\nuser{day}@EMEA\n"))]);
    }
    let orphan = format!("identity.db.d/gen-000002-{}.db", "f".repeat(64));
    fs::write(home.path(&orphan), "orphan").unwrap();
    let listed = home.run(&["generations", "--json"]).json();
    let listed = listed["generations"].as_array().unwrap();
    let numbers: Vec<_> = listed.iter().map(|one| &one["generation"]).collect();
    assert_eq!(numbers, [2, 1]);
    // The current one, not the orphan of its number.
    home.run(&["rollback", "2"]).exits(0);
    home.run(&["resolve", "user2@EMEA"]).exits(0);
}

#[test]
fn former_last_logins_that_wait_are_all_named_whichever_device_came_first() {
    let users = "user.uid,user.sid,user.name\n\
        aaaaaaaa-0000-4000-8000-000000000001,S-1-5-21-1-2-3-1101,shared@EMEA\n\
        aaaaaaaa-0000-4000-8000-000000000002,S-1-5-21-1-2-3-1102,shared@EMEA\n";
    let device = |number: u32, user: &str| {
        format!(
            "device.uid,device.name,device.login.last_login_user_name\n\
             dddddddd-0000-4000-8000-00000000000{number},NB-{number},{user}\n"
        )
    };
    let cleared = device(1, "") + device(2, "").lines().last().unwrap() + "\n";
    for order in [[1, 2], [2, 1]] {
        let home = Home::new();
        sync(&home, &[("users-2026-10-01T06-00-00Z.csv", users)]);
        for number in order {
            let name = format!("devices-{number}-2026-10-01T06-00-00Z.csv");
            sync(&home, &[(&name, &device(number, "shared@EMEA"))]);
        }
        sync(&home, &[("devices-2026-10-02T06-00-00Z.csv", &cleared)]);
        let answer = home
            .run(&["resolve", "--json", "S-1-5-21-1-2-3-1101"])
            .exits(0);
        let waiting = &answer.json()["matches"][0]["waiting"];
        let usages = waiting["usages"].as_array().unwrap();
        let devices: Vec<&str> = usages
            .iter()
            .map(|one| one["device"].as_str().unwrap())
            .collect();
        assert_eq!(
            (waiting["ambiguous"].as_u64(), devices),
            (Some(2), vec!["nb-1", "nb-2"])
        );
    }
}

#[test]
fn a_flipped_bit_ends_a_run_with_what_to_do() {
    let home = Home::new();
    let rows: String = (0..300)
        .map(|at| format!("aaaaaaaa-0000-4000-8000-{at:012},user{at}@EMEA\n"))
        .collect();
    let users = format!("user.uid,user.name\n{rows}");
    sync(&home, &[("users-2026-10-01T06-00-00Z.csv", &users)]);
    let index = fs::canonicalize(home.path("identity.db")).unwrap();
    let sound = fs::read(&index).unwrap();
    let next = "user.uid,user.name\naaaaaaaa-0000-4000-8000-000000009999,last@EMEA\n";
    fs::write(home.path("exports/users-2026-10-02T06-00-00Z.csv"), next).unwrap();
    // The number of buckets, and then bits all over the file, the references of identifiers among them.
    let bits = b"identifier_bits";
    let at = sound
        .windows(bits.len())
        .position(|bytes| bytes == bits)
        .unwrap();
    let mut damages = vec![(at + bits.len(), 1), (at + bits.len(), 8)];
    damages.extend((4096..sound.len()).step_by(1_499).map(|at| (at, 4)));
    for (at, bit) in damages {
        let mut damaged = sound.clone();
        damaged[at] ^= bit;
        fs::set_permissions(&index, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        fs::write(&index, damaged).unwrap();
        let ended = home.run(&["sync", "exports"]).exits(1);
        let error = &ended.stderr;
        assert!(error.contains("identidex rollback"), "byte {at}: {error}");
    }
}

#[test]
fn a_device_that_a_namesake_may_use_tells_of_nobody_however_the_namesake_is_written() {
    let uid = "aaaaaaaa-0000-4000-8000-000000000001";
    let users = format!(
        "user.sid,user.uid,user.name\nS-1-5-21-1-2-3-1101,{uid},klein@EMEA\nS-1-5-21-1-2-3-1102,{uid},klein@EMEA\n"
    );
    let devices = "device.name\nNB-1\n";
    let asked = ["account_name=klein", "device=NB-1"];
    let many: String = (0..40).map(|at| format!(",,u{at}@EMEA,NB-1,1\n")).collect();
    for waiting in [
        ",,klein@EMEA,NB-1,5\n".to_owned(),
        ",,AzureAD\\klein@contoso.com,NB-1,5\n".to_owned(),
        format!(",{uid},,NB-1,5\n"),
        // More wait than are kept by name.
        format!("{many},,klein@APAC,NB-1,5\n"),
    ] {
        let home = Home::new();
        let logins = format!(
            "user.sid,user.uid,user.name,device.name,logins\nS-1-5-21-1-2-3-1101,,,NB-1,20\n{waiting}"
        );
        sync(
            &home,
            &[
                ("users-2026-11-20T06-00-00Z.csv", users.as_str()),
                ("devices-2026-11-20T06-00-00Z.csv", devices),
                ("logins-2026-11-20T06-00-00Z.csv", &logins),
            ],
        );
        let ask = [&["resolve", "--json", "--together"][..], &asked].concat();
        let answer = home.run(&ask).json();
        assert_eq!(answer["outcome"], "several", "{waiting}: {answer}");
    }
}

#[test]
fn a_last_login_that_may_be_a_namesakes_is_not_ones_own_long_after_ones_logins() {
    let users = "user.sid,user.name,user.first_seen,user.last_seen\n\
        S-1-5-21-1-2-3-1101,klein@EMEA,2024-01-01 06:00:00,2026-11-20 05:00:00\n\
        S-1-5-21-1-2-3-1102,klein@EMEA,2026-11-10 06:00:00,2026-11-20 05:00:00\n";
    let devices = "device.name,device.last_seen,device.login.last_login_user_name\n\
        NB-1,2026-11-20 05:00:00,klein@EMEA\n";
    for (last_used, primary) in [
        ("2026-11-11 10:00:00", Value::Null),
        ("2026-11-19 10:00:00", true.into()),
    ] {
        let home = Home::new();
        let logins = format!(
            "user.sid,device.name,logins,last_used\nS-1-5-21-1-2-3-1101,NB-1,20,{last_used}\n"
        );
        sync(
            &home,
            &[
                ("users-2026-11-20T06-00-00Z.csv", users),
                ("devices-2026-11-20T06-00-00Z.csv", devices),
                ("logins-2026-11-20T06-00-00Z.csv", &logins),
            ],
        );
        let answer = home
            .run(&["resolve", "--json", "S-1-5-21-1-2-3-1101"])
            .json();
        assert_eq!(
            answer["matches"][0]["devices"][0]["primary"], primary,
            "{last_used}: {answer}"
        );
    }
}

#[test]
fn the_days_of_a_computer_before_this_one_of_its_name_do_not_count() {
    let home = Home::new();
    let devices = "device.name,device.first_seen,device.last_seen\n\
        NB-1,2026-11-18 06:00:00,2026-11-20 05:00:00\n";
    sync(
        &home,
        &[
            (
                "users-2026-11-20T06-00-00Z.csv",
                "user.name,user.upn\nann@EMEA,ann@c.com\nbob@EMEA,bob@c.com\n",
            ),
            ("devices-2026-11-20T06-00-00Z.csv", devices),
        ],
    );
    let mut days = vec![(3, "ann"), (4, "ann"), (5, "ann"), (6, "ann"), (18, "bob")];
    days.push((19, "both"));
    for (day, who) in days {
        let row = |name: &str| format!("{name}@EMEA,NB-1,1,2026-11-{day:02} 10:00:00\n");
        let rows = match who {
            "both" => row("ann") + &row("bob"),
            one => row(one),
        };
        let logins = format!("user.name,device.name,logins,last_used\n{rows}");
        let name = format!("logins-2026-11-{:02}T06-00-00Z.csv", day + 1);
        sync(&home, &[(&name, &logins)]);
    }
    let answer = home.run(&["resolve", "--json", "ann@EMEA"]).json();
    assert_eq!(
        answer["matches"][0]["devices"][0]["primary"],
        Value::Null,
        "{answer}"
    );
}

#[test]
fn rows_without_a_value_in_a_column_without_a_name_are_no_headers() {
    let home = Home::new();
    sync(
        &home,
        &[("users-2026-11-20T06-00-00Z.csv", ",user.name\n,jdoe@EMEA\n")],
    );
    assert_eq!(home.run(&["resolve", "jdoe@EMEA"]).code, 0);
}

#[test]
fn a_device_does_not_contradict_who_joined_after_the_newest_logins() {
    let home = Home::new();
    let users = "user.sid,user.name,user.first_seen\n\
        S-1-5-21-1-2-3-1101,klein@EMEA,2024-01-01 06:00:00\n\
        S-1-5-21-1-2-3-1102,klein@EMEA,2026-11-18 06:00:00\n";
    sync(
        &home,
        &[
            ("users-2026-11-20T06-00-00Z.csv", users),
            ("devices-2026-11-20T06-00-00Z.csv", "device.name\nNB-1\n"),
            (
                "logins-2026-11-17T06-00-00Z.csv",
                "user.sid,device.name,logins\nS-1-5-21-1-2-3-1101,NB-1,20\n",
            ),
        ],
    );
    let ask = [
        "resolve",
        "--json",
        "--together",
        "account_name=klein",
        "device=NB-1",
    ];
    assert_eq!(home.run(&ask).json()["outcome"], "several");
    let logins = "user.sid,device.name,logins\nS-1-5-21-1-2-3-1101,NB-1,20\n";
    sync(&home, &[("logins-2026-11-20T06-00-00Z.csv", logins)]);
    assert_eq!(home.run(&ask).json()["outcome"], "one");
}
