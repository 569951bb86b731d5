//! `[projection.bot]`: a file beside the index that is asked as the index is, and in which nobody can be read.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::util::{Ended, Home};

/// What a tenant says of people, a device and its users.
const PLANTED: [&str; 16] = [
    "planted-sam",
    "PLANTEDDOM",
    "planted.upn",
    "planted.mail",
    "Planted Fullname",
    "planted department",
    "planted title",
    "planted floor",
    "planted-adname",
    "planted-former",
    "planted-lastuser",
    "plantedserial",
    "planted-waiting",
    "planted-host",
    "planted-session",
    "5353535353",
];
const UID: &str = "5d1f7a3c-0b6e-4c55-8a01-a0000000000a";
const DEVICE: &str = "8e2b44d0-77aa-4f0e-b1c2-f0000000000b";

fn planted(config: &str) -> Home {
    let home = Home::new();
    fs::create_dir(home.path("in")).unwrap();
    let config = format!(
        "[metrics]\ntextfile = \"metrics.prom\"\n[[source]]\nname = \"a\"\nurl = \"in\"\n{config}"
    );
    fs::write(home.path("identidex.toml"), config).unwrap();
    for (day, name) in [
        ("20", "planted-former@PLANTEDDOM"),
        ("21", "planted-sam@PLANTEDDOM"),
    ] {
        let users = format!(
            "user.sid,user.uid,user.name,user.upn,user.ad.email_address,user.ad.full_name,user.ad.department,user.ad.job_title,\
             user.ad.username,user.#floor\n\
             S-1-5-21-1-2-3-5353535353,{UID},{name},planted.upn@c.example,planted.mail@c.example,Planted Fullname,\
             planted department,planted title,planted-adname,planted floor\n\
             bad,,,\u{202e}planted-sam,planted.mail,,,,,\n"
        );
        fs::write(
            home.path(&format!("in/users-2026-11-{day}T06-00-00Z.csv")),
            users,
        )
        .unwrap();
    }
    let devices = format!(
        "device.uid,device.collector.uid,device.name,device.hardware.machine_serial_number,device.login.last_login_user_name\n\
         {DEVICE},{UID},planted-host.c.example,plantedserial,planted-lastuser@PLANTEDDOM\n"
    );
    fs::write(home.path("in/devices-2026-11-21T06-00-00Z.csv"), devices).unwrap();
    let logins = format!(
        "user.name,device.uid,logins,session.kind\nplanted-sam@PLANTEDDOM,{DEVICE},9,planted-session\n\
         planted-waiting@PLANTEDDOM,{DEVICE},1,planted-session\n"
    );
    fs::write(home.path("in/logins-2026-11-21T06-00-00Z.csv"), logins).unwrap();
    home
}

/// Returns what was planted and stands in bytes, in any of the ways in which bytes show texts.
fn found_in(bytes: &[u8]) -> BTreeSet<&'static str> {
    let all = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let every_other = |from: usize| {
        bytes
            .iter()
            .skip(from)
            .step_by(2)
            .copied()
            .collect::<Vec<u8>>()
    };
    let wide = [every_other(0), every_other(1)]
        .map(|bytes| String::from_utf8_lossy(&bytes).to_ascii_lowercase());
    let is_in = |text: &str| {
        let text = text.to_ascii_lowercase();
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        all.contains(&text) || wide.iter().any(|wide| wide.contains(&text)) || all.contains(&hex)
    };
    PLANTED.into_iter().filter(|text| is_in(text)).collect()
}

fn bot(home: &Home) -> Vec<u8> {
    fs::read(home.path("bot.db")).unwrap()
}

#[test]
fn nobody_can_be_read_in_it_and_whoever_is_named_is_found() {
    let home =
        planted("[projection.bot]\npath = \"bot.db\"\ndevices = [\"uid\", \"collector_uid\"]\n");
    home.run(&["sync", "-q"]).exits(0);
    assert_eq!(
        found_in(&fs::read(home.path("identity.db")).unwrap()).len(),
        PLANTED.len()
    );
    assert_eq!(found_in(&bot(&home)), BTreeSet::new());
    for text in [
        "PLANTEDDOM\\planted-sam",
        "planted-sam",
        "planted.upn@c.example",
        "PLANTED.MAIL@c.example",
        "S-1-5-21-1-2-3-5353535353",
        UID,
    ] {
        let answer = home.run(&["--index", "bot.db", "resolve", text, "--json"]);
        let answer: Value = serde_json::from_str(&answer.stdout).unwrap();
        let account = answer["matches"].as_array().unwrap().iter();
        let mut account = account.filter(|one| one["type"] == "account");
        let one = account.next().unwrap_or_else(|| panic!("{text}: {answer}"));
        assert_eq!(one["account"]["uid"], UID, "{text}");
        assert_eq!(one["account"]["full_name"], Value::Null);
        assert_eq!(one["devices"][0]["uid"], DEVICE, "{text}: {answer}");
        assert_eq!(one["devices"][0]["logins"], 9);
        // What was asked for may stand in the answer.
        let shown = answer
            .to_string()
            .to_ascii_lowercase()
            .replace(&text.to_ascii_lowercase(), "");
        let shown = shown
            .replace("planteddom\\\\planted-sam", "")
            .replace("planted-sam@planteddom", "");
        assert_eq!(
            found_in(shown.as_bytes()),
            BTreeSet::new(),
            "{text}: {answer}"
        );
    }
    let device = home
        .run(&["--index", "bot.db", "resolve", "planted-host", "--json"])
        .exits(0)
        .json();
    assert_eq!(
        device["matches"][0]["device"]["collector_uid"], UID,
        "{device}"
    );
    home.run(&["--index", "bot.db", "resolve", "planted-nobody"])
        .exits(10);
    home.run(&["--index", "bot.db", "resolve", "planted-sa", "--suggest"])
        .exits(10);
    home.run(&["--index", "bot.db", "status"]).exits(0);
    let why = home
        .run(&["--index", "bot.db", "why", "planted-host"])
        .exits(0)
        .stdout;
    assert!(!why.contains('\u{2}') && !why.contains("\\u0002"), "{why}");
    fs::write(home.path("plain.toml"), "").unwrap();
    for arguments in [
        &["sync", "in"][..],
        &["query", "SELECT 1"],
        &["report", "out.html"],
        &["export", "out"],
        &["export-person", "planted-sam@PLANTEDDOM"],
        &["forget", "planted-sam@PLANTEDDOM", "--reason", "x"],
    ] {
        let ended =
            home.run(&[&["--config", "plain.toml", "--index", "bot.db"], arguments].concat());
        assert!(
            ended.code == 1 && ended.stderr.contains("projection"),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn it_is_of_what_is_published_whatever_published_it() {
    let config = "[projection.bot]\npath = \"bot.db\"\n";
    let home = planted(config);
    home.run(&["sync", "-q"]).exits(0);
    let first = fs::read_link(home.path("bot.db")).unwrap();
    home.run(&["sync", "-q"]).exits(0);
    assert_eq!(fs::read_link(home.path("bot.db")).unwrap(), first);
    // Another thing is to be shown.
    let toml = fs::read_to_string(home.path("identidex.toml")).unwrap();
    fs::write(
        home.path("identidex.toml"),
        toml + "accounts = [\"full_name\"]\n",
    )
    .unwrap();
    home.run(&["sync", "-q"]).exits(0);
    assert_eq!(
        found_in(&bot(&home)),
        ["Planted Fullname"]
            .into_iter()
            .chain(["planted-host"])
            .collect()
    );
    let resolve = |home: &Home| {
        home.run(&["--index", "bot.db", "resolve", "planted-sam@PLANTEDDOM"])
            .code
    };
    assert_eq!(resolve(&home), 0);
    let users = "user.uid,user.name\n5d1f7a3c-0b6e-4c55-8a01-a0000000000c,joiner@PLANTEDDOM\n";
    fs::write(home.path("in/users-2026-11-22T06-00-00Z.csv"), users).unwrap();
    home.run(&["sync", "-q"]).exits(0);
    let joiner = ["--index", "bot.db", "resolve", "joiner@PLANTEDDOM"];
    home.run(&joiner).exits(0);
    home.run(&["rollback"]).exits(0);
    home.run(&joiner).exits(10);
    // Who is erased is in none of its files.
    home.run(&["forget", "planted-sam@PLANTEDDOM", "--reason", "x"])
        .exits(0);
    assert_eq!(resolve(&home), 10);
    let generations = fs::read_dir(home.path("bot.db.d")).unwrap();
    let generations = generations.filter(|one| {
        let name = one.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("gen-")
    });
    assert_eq!(generations.count(), 1);
}

#[test]
fn one_that_cannot_be_made_is_named_and_costs_the_index_nothing() {
    let home = planted(
        "[projection.bot]\npath = \"bot.db\"\n[projection.other]\npath = \"nowhere/b.db\"\n",
    );
    // An index by itself is not replaced.
    fs::write(home.path("plain.toml"), "").unwrap();
    let own = [
        "--config",
        "plain.toml",
        "--index",
        "bot.db",
        "sync",
        "in",
        "-q",
    ];
    home.run(&own).exits(0);
    let before = fs::read_link(home.path("bot.db")).unwrap();
    let ended = home.run(&["sync", "--json"]).exits(3);
    let report = ended.json();
    let failures: Vec<&str> = report["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["error"].as_str().unwrap())
        .collect();
    assert!(
        failures.len() == 2 && failures.iter().any(|one| one.contains("bot")),
        "{failures:?}"
    );
    assert!(
        failures
            .iter()
            .any(|one| one.contains("an index by itself")),
        "{failures:?}"
    );
    home.run(&["resolve", "planted-sam@PLANTEDDOM"]).exits(0);
    assert_eq!(fs::read_link(home.path("bot.db")).unwrap(), before);
    for (config, key) in [
        (
            "[projection.bot]\naccounts = [\"uid\"]\n",
            "projection.bot.path",
        ),
        (
            "[projection.bot]\npath = \"b\"\naccounts = [\"hunter2\"]\n",
            "projection.bot.accounts",
        ),
        (
            "[projection.bot]\npath = \"identity.db\"\n",
            "projection.bot.path",
        ),
    ] {
        let ended = planted(config).run(&["sync"]).exits(2);
        assert!(
            ended.stderr.contains(key) && !ended.stderr.contains("hunter2"),
            "{}",
            ended.stderr
        );
    }
}

/// Asks the sidecar, and looks into its log and its metrics.
fn served(home: &Home) {
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "-vvvv"]);
    command.env("IDENTIDEX_LOG", "trace");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut told = BufReader::new(child.stdout.take().unwrap());
    told.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").unwrap();
    for path in [
        "/v1/resolve?q=planted-sam%40PLANTEDDOM",
        "/v1/why?q=planted-sam",
        "/metrics",
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        if path == "/metrics" {
            assert_eq!(found_in(answer.as_bytes()), BTreeSet::new(), "{answer}");
        }
    }
    let id = child.id().to_string();
    Command::new("kill").args(["-TERM", &id]).status().unwrap();
    let log = child.wait_with_output().unwrap().stderr;
    assert_eq!(
        found_in(&log),
        BTreeSet::new(),
        "{}",
        String::from_utf8_lossy(&log)
    );
}

/// Every command that says something to others than whoever gave it.
#[test]
fn no_value_is_in_logs_metrics_errors_or_reports_at_the_highest_level() {
    let home = planted("[projection.bot]\npath = \"bot.db\"\n");
    let run = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("IDENTIDEX_LOG", "trace").arg("-vvvv");
        let ended = Ended::of(&command.output().unwrap());
        assert_ne!(ended.code, 2, "{arguments:?}: {}", ended.stderr);
        let found = found_in(ended.stderr.as_bytes());
        assert_eq!(found, BTreeSet::new(), "{arguments:?}: {}", ended.stderr);
        ended
    };
    let on_stdout = |arguments: &[&str]| {
        let ended = run(arguments);
        let found = found_in(ended.stdout.as_bytes());
        assert_eq!(found, BTreeSet::new(), "{arguments:?}: {}", ended.stdout);
    };
    // What is for whoever watches says nothing of anybody.
    on_stdout(&["sync", "--dry-run", "--json"]);
    on_stdout(&["sync", "--json", "--log-format", "json"]);
    on_stdout(&["sync"]);
    on_stdout(&["status", "--json"]);
    on_stdout(&["status", "--check"]);
    on_stdout(&["doctor", "--json"]);
    on_stdout(&["doctor"]);
    on_stdout(&["generations"]);
    on_stdout(&["rejects"]);
    // What is asked may be shown, but not told elsewhere.
    run(&["resolve", "planted-sam", "--json"]);
    run(&[
        "resolve",
        "planted.upn@c.example",
        "planted-host",
        "--together",
    ]);
    run(&["resolve", "planted-sa", "--suggest"]);
    run(&["why", "planted-former@PLANTEDDOM"]);
    fs::write(
        home.path("list.csv"),
        "planted-sam@PLANTEDDOM
planted-nobody
",
    )
    .unwrap();
    run(&["impacted", "--users", "list.csv"]);
    run(&["query", "SELECT * FROM accounts"]);
    let wrong = "SELECT nothing FROM accounts WHERE name = 'planted-sam@PLANTEDDOM' AND";
    let ended = home.run(&["query", wrong]).exits(2);
    assert_eq!(
        found_in(ended.stderr.as_bytes()),
        BTreeSet::new(),
        "{}",
        ended.stderr
    );
    run(&["export", "out"]);
    run(&["export", "out-pseudonymised", "--pseudonymise"]);
    run(&["export", "devices.csv", "--cmdb", "servicenow"]);
    run(&["export-person", "planted-sam@PLANTEDDOM"]);
    run(&["report", "out.html"]);
    fs::create_dir(home.path("store")).unwrap();
    let key = run(&["publish", "--new-key", "key"]).stdout;
    on_stdout(&["publish", "store", "--key-file", "key", "--json"]);
    on_stdout(&[
        "--index",
        "there.db",
        "pull",
        "store",
        "--public-key",
        key.trim(),
        "--json",
    ]);
    on_stdout(&["init", "--url", "in", "--yes", "--output", "made.toml"]);
    served(&home);
    run(&[
        "forget",
        "planted-sam@PLANTEDDOM",
        "--reason",
        "x",
        "--dry-run",
    ]);
    run(&["forget", "planted-sam@PLANTEDDOM", "--reason", "x"]);
    on_stdout(&["forget", "--list"]);
    run(&["rollback"]);
    run(&["sync", "--retry"]);
    for file in [
        "metrics.prom",
        "identity.db.d/state.json",
        "identity.db.d/runs.jsonl",
        "identity.db.d/erased.json",
    ] {
        assert_eq!(
            found_in(&fs::read(home.path(file)).unwrap()),
            BTreeSet::new(),
            "{file}"
        );
    }
}

#[test]
fn one_that_is_damaged_or_left_by_a_run_that_was_killed_is_made_good() {
    let home = planted("[projection.bot]\npath = \"bot.db\"\n");
    home.run(&["sync", "-q"]).exits(0);
    let generation = |home: &Home| home.path("bot.db").canonicalize().unwrap();
    let resolve = ["--index", "bot.db", "resolve", "planted-sam@PLANTEDDOM"];
    // The file is gone, or is another one than was written, or what names it.
    for fault in ["gone", "damaged", "unnamed"] {
        let path = generation(&home);
        match fault {
            "gone" => fs::remove_file(&path).unwrap(),
            "damaged" => {
                let mut bytes = fs::read(&path).unwrap();
                bytes[4_000] ^= 1;
                fs::remove_file(&path).unwrap();
                fs::write(&path, bytes).unwrap();
            }
            _ => fs::write(home.path("bot.db.d/current"), "nonsense\n").unwrap(),
        }
        home.run(&["doctor", "--quick"]);
        home.run(&["sync", "-q"]).exits(0);
        home.run(&resolve).exits(0);
    }
    // Killed between the projection without an erased person and the removal of the one with him.
    let before = generation(&home);
    home.run(&["forget", "planted-sam@PLANTEDDOM", "--reason", "x"])
        .exits(0);
    let after = generation(&home);
    fs::copy(&after, &before).unwrap();
    home.run(&["sync", "-q"]).exits(0);
    assert!(!before.exists() && after.exists());
}

#[test]
fn what_was_shown_of_somebody_once_is_not_shown_for_ever() {
    let home = planted(
        "[projection.bot]\npath = \"bot.db\"\naccounts = [\"uid\", \"name\"]\ndevices = [\"uid\"]\n",
    );
    home.run(&["sync", "-q"]).exits(0);
    let found = found_in(&bot(&home));
    assert!(
        found.contains("planted-sam") && !found.contains("planted-former"),
        "{found:?}"
    );
    let domains = String::from_utf8_lossy(&bot(&home)).contains("c.example");
    assert!(!domains);
    for config in [
        "[projection.bot]\npath = \"./identity.db\"\n",
        "[projection.bot]\npath = \"b.db\"\n[projection.other]\npath = \"in/../b.db\"\n",
    ] {
        let ended = planted(config).run(&["sync"]).exits(2);
        assert!(
            ended.stderr.contains("of the index itself, or of another"),
            "{}",
            ended.stderr
        );
    }
}
