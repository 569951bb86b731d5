//! `identidex report`: the page as a browser shows it.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::servers::tool;
use crate::util::Home;

/// What would do something if it were not shown as text.
const HOSTILE: [&str; 4] = [
    "<img src=x onerror=alert(1)>",
    "x\"><script>alert(2)</script>",
    "${7*7}{{8*8}}",
    "&copy;",
];

/// A home of three weeks, with shared devices and emails of hostile names.
fn weeks() -> Home {
    let home = Home::new();
    fs::create_dir(home.path("in")).unwrap();
    for day in 1..=21 {
        let time = format!("2026-11-{day:02}T06-00-00Z");
        let mut users = "user.name,user.sid,user.ad.email_address\n".to_owned();
        let mut logins = "user.name,device.name,logins,last_used\n".to_owned();
        let mut devices = "device.name,device.last_seen\n".to_owned();
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        for number in 0..20 + day {
            users += &format!("u{number}@EMEA,S-1-5-21-1-2-3-{number},desk@contoso.com\n");
        }
        for hostile in HOSTILE {
            devices += &format!("{},2026-11-{day:02} 05:00:00\n", quoted(hostile));
            for number in 0..6 {
                let used = format!("2026-11-{day:02} 04:0{number}:00");
                logins += &format!("u{number}@EMEA,{},9,{used}\n", quoted(hostile));
            }
        }
        for (dataset, text) in [("users", users), ("devices", devices), ("logins", logins)] {
            fs::write(home.path(&format!("in/{dataset}-{time}.csv")), text).unwrap();
        }
        home.run(&["sync", "in", "-q"]).exits(0);
    }
    home
}

/// Opens the page of a home in a browser.
fn opened(home: &Home) -> Value {
    home.run(&["report", "page.html"]).exits(0);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/report.mjs");
    let seen = Command::new("node")
        .arg(script)
        .arg(tool("node/node_modules"))
        .args([home.path("page.html"), home.path("")])
        .env("TMPDIR", home.path(""))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&seen.stderr);
    assert!(seen.status.success(), "{errors}");
    serde_json::from_slice(&seen.stdout).unwrap()
}

#[test]
fn a_browser_shows_it_light_and_dark_and_hostile_names_as_text() {
    let seen = opened(&weeks());
    assert_eq!(seen["errors"], Value::Array(Vec::new()), "{seen}");
    // The page itself, once for each colour scheme: nothing else is asked for.
    assert_eq!(seen["requests"].as_array().unwrap().len(), 2, "{seen}");
    assert_eq!(
        (
            &seen["images"],
            &seen["empty"],
            &seen["wide"],
            &seen["wideOnPhone"]
        ),
        (&0.into(), &0.into(), &false.into(), &false.into())
    );
    assert_eq!(seen["background"], "rgb(13, 13, 13)");
    for scheme in ["light", "dark"] {
        let text = seen["texts"][scheme].as_str().unwrap();
        for said in [
            "The identity index",
            "2026-11-21 06:00 UTC",
            "desk@contoso.com",
            "Since last week",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        for hostile in HOSTILE {
            assert!(text.contains(hostile), "{hostile}: {text}");
        }
        assert!(
            seen["pictures"][scheme].as_u64().unwrap() > 50_000,
            "{seen}"
        );
    }
    assert!(seen["paper"].as_u64().unwrap() > 10_000, "{seen}");
}

#[test]
fn an_index_of_one_day_has_a_page_too() {
    let home = Home::of_tenant();
    home.run(&["report", "page.html"]).exits(0);
    let page = fs::read_to_string(home.path("page.html")).unwrap();
    assert!(page.contains("The index is younger than a week"), "{page}");
    // Whoever may not read the notes of runs has a page all the same.
    fs::remove_file(home.path("identity.db.d/runs.jsonl")).unwrap();
    home.run(&["report", "page.html"]).exits(0);
    home.run(&["--index", "none.db", "report", "none.html"])
        .exits(1);
    assert!(!home.path("none.html").exists());
}
