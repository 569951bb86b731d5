//! `identidex impacted`: lists of devices in every form, and whom to tell of them.

use std::fs;

use serde_json::{Value, json};

use crate::servers::{Reply, Scripted};
use crate::util::{Ended, Home};

#[test]
fn whom_to_tell_is_said_and_so_is_who_is_not() {
    let home = Home::of_tenant();
    let of = |list: &str, code: i32| -> Vec<Value> {
        fs::write(home.path("list"), list).unwrap();
        let ended = home
            .run(&["impacted", "--devices", "list", "--json"])
            .exits(code);
        let lines = ended.stdout.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    };
    let all = of("NB-0042\n\nVDI-POOL-01\r\nnb-9999\n", 0);
    let [own, shared, unknown] = &all[..] else {
        panic!("{all:?}")
    };
    assert_eq!(own["to_tell"]["account_name"], "jdoe@EMEA");
    assert_eq!(
        (&shared["to_tell"], &shared["nobody"][0]),
        (&Value::Null, &Value::from("not_owned"))
    );
    assert!(
        shared["left_out"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["reason"].is_string())
    );
    assert_eq!(
        (&unknown["device"], &unknown["nobody"][0]),
        (&Value::Null, &Value::from("none"))
    );
    // As exports have it: the surest column is taken.
    let uid = "cccccccc-0000-4000-8000-000000000042";
    let csv =
        format!("\u{feff}\"device.name\";\"device.collector.uid\"\n\"VDI-POOL-01\";\"{uid}\"\n;\n");
    let all = of(&csv, 0);
    assert_eq!(
        (all.len(), &all[0]["device"]["name"]),
        (1, &Value::from("NB-0042"))
    );
    assert!(of("nobody's\n", 10)[0]["to_tell"].is_null());
    let text = home
        .run(&["impacted", "--devices", "list"])
        .exits(10)
        .stdout;
    assert!(text.contains("nobody (none)"), "{text}");
    home.run(&["impacted", "--devices", "nowhere"]).exits(1);
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn users_rows_of_the_index_and_queries_of_the_tenant_name_people_too() {
    let home = Home::of_tenant();
    let told = |arguments: &[&str]| {
        let ended = home.run(&[&["impacted", "--json"], arguments].concat());
        let told = lines(&ended.exits(0).stdout);
        let names = told.iter().map(|one| {
            one["to_tell"]["account_name"]
                .as_str()
                .unwrap_or("nobody")
                .to_owned()
        });
        names.collect::<Vec<String>>()
    };
    fs::write(
        home.path("users"),
        "user.name,user.upn\njdoe@EMEA,\n,jane.doe@contoso.com\njdoe,\n",
    )
    .unwrap();
    assert_eq!(
        told(&["--users", "users"]),
        ["jdoe@EMEA", "jdoe@APAC", "nobody"]
    );
    fs::write(home.path("plain"), "jdoe@EMEA\n").unwrap();
    assert_eq!(told(&["--users", "plain"]), ["jdoe@EMEA"]);
    let sql = "SELECT name AS device_name FROM devices WHERE name = 'NB-0042'";
    assert_eq!(told(&["--sql", sql]), ["jdoe@EMEA"]);
    assert_eq!(
        told(&["--sql", "SELECT sid FROM accounts WHERE name = 'jdoe@APAC'"]),
        ["jdoe@APAC"]
    );
    let ended = home
        .run(&["impacted", "--sql", "SELECT count(*) FROM devices"])
        .exits(2);
    assert!(
        ended.stderr.contains("expected a column"),
        "{}",
        ended.stderr
    );
    home.run(&["impacted"]).exits(2);
    home.run(&["impacted", "--users", "users", "--devices", "users"])
        .exits(2);

    let server = Scripted::start();
    server.answers(
        "/oauth2/default/v1/token",
        &[Reply::of(200, r#"{"access_token":"t","expires_in":900}"#)],
    );
    let row = json!({"device.name": "NB-0042", "device.last_seen": "2026-11-20 06:00:00"});
    let many: Vec<Value> = (0..1_000).map(|_| row.clone()).collect();
    let reply =
        |rows: Vec<Value>| Reply::of(200, json!({"rows": rows.len(), "data": rows}).to_string());
    server.answers("/api/v2/nql/execute", &[reply(vec![row]), reply(many)]);
    let asked = || {
        let mut command = home.command(&["impacted", "--json", "--nql", "#full_disks"]);
        command
            .env("IDENTIDEX_NEXTHINK_API_URL", server.address())
            .env("IDENTIDEX_NEXTHINK_LOGIN_URL", server.address())
            .env("IDENTIDEX_NEXTHINK_CLIENT_ID", "bot")
            .env("IDENTIDEX_NEXTHINK_SECRET", "s3cr3t");
        Ended::of(&command.output().unwrap())
    };
    assert_eq!(
        lines(&asked().exits(0).stdout)[0]["to_tell"]["account_name"],
        "jdoe@EMEA"
    );
    // Whom nobody tells, nobody misses.
    assert!(asked().exits(2).stderr.contains("exactly 1,000 rows"));
}
