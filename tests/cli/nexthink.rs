//! `identidex nexthink`, against a server that answers as it is told: from what was typed to what is sent, and how it ends.
//! What is made of each answer is the affair of `live`.

use std::fs;

use identidex::live::nql::Shipped;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::servers::{Reply, Scripted};
use crate::util::{Ended, Home};

const ACT: &str = "/api/v1/act/execute";
const EXECUTE: &str = "/api/v2/nql/execute";
const COLLECTOR: &str = "cccccccc-0000-4000-8000-000000000001";
const SID: &str = "S-1-5-21-1-2-3-1101";
/// Of a test: it must never be shown.
const SECRET: &str = "s3cr3t-0f-the-test";

/// An index of today, in which jdoe has NB-1, eve none, and two are called jane; and a tenant that gives tokens.
struct Desk {
    home: Home,
    server: Scripted,
}

impl Desk {
    fn new() -> Desk {
        let home = Home::new();
        let today = Timestamp::now() - SignedDuration::from_hours(1);
        let key = today.strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
        let time = today.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let put = |dataset: &str, text: String| {
            let folder = home.path("exports").join(dataset);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("{key}.csv")), text).unwrap();
        };
        put(
            "users",
            format!(
                "user.name,user.sid,user.upn,user.ad.full_name\n\
                 jdoe@EMEA,{SID},john.doe@contoso.com,John Doe\neve@EMEA,S-1-5-21-1-2-3-1102,,\n\
                 jane@EMEA,S-1-5-21-1-2-3-1103,,\njane@APAC,S-1-5-21-1-2-4-1104,,\n"
            ),
        );
        put(
            "devices",
            format!("device.name,device.collector.uid,device.last_seen\nNB-1,{COLLECTOR},{time}\n"),
        );
        put(
            "logins",
            format!("user.name,device.name,logins,last_used\njdoe@EMEA,NB-1,9,{time}\n"),
        );
        home.run(&["sync", "exports", "-q"]).exits(0);
        let server = Scripted::start();
        let token = r#"{"token_type":"Bearer","expires_in":900,"access_token":"t"}"#;
        server.answers("/oauth2/default/v1/token", &[Reply::of(200, token)]);
        let details = "/api/v1/act/remote-action/details?nql-id=%23a";
        let info = json!({"id": "#a", "name": "A"}).to_string();
        server.answers(details, &[Reply::of(200, info)]);
        Desk { home, server }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = self.home.command(&[&["nexthink"], arguments].concat());
        let address = self.server.address();
        command
            .env("IDENTIDEX_NEXTHINK_API_URL", &address)
            .env("IDENTIDEX_NEXTHINK_LOGIN_URL", &address)
            .env("IDENTIDEX_NEXTHINK_CLIENT_ID", "bot")
            .env("IDENTIDEX_NEXTHINK_SECRET", SECRET)
            .env("IDENTIDEX_NEXTHINK_CALLS_PER_SECOND", "100")
            .env("USER", "operator");
        let ended = Ended::of(&command.output().unwrap());
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains(SECRET));
        ended
    }

    fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.home.path("identity.audit.jsonl")).unwrap_or_default();
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    }
}

#[test]
fn a_remote_action_goes_to_the_one_device_and_is_waited_for() {
    let desk = Desk::new();
    let info = json!({"id": "#clear_disk", "name": "Clear disk"});
    let details = "/api/v1/act/remote-action/details?nql-id=%23clear_disk";
    desk.server
        .answers(details, &[Reply::of(200, info.to_string())]);
    desk.server.answers(
        ACT,
        &[Reply::of(
            200,
            r#"{"requestId":"r1","expiresInMinutes":60}"#,
        )],
    );
    let row = json!({"time": Timestamp::now().to_string(), "status": "success", "outputs": "{\"Freed\":12}",
        "remote_action.name": "Clear disk", "device.collector.uid": COLLECTOR});
    let rows = json!({"rows": 1, "data": [row]});
    let none = json!({"rows": 0, "data": []});
    let told = [none, rows].map(|rows| Reply::of(200, rows.to_string()));
    desk.server.answers(EXECUTE, &told);
    let act = [
        "act",
        SID,
        "--action",
        "#clear_disk",
        "--set",
        "Drive=C",
        "--reason",
        "disk is full",
        "--wait",
        "20",
    ];
    let dry = desk
        .run(&[&act[..], &["--dry-run", "--json"]].concat())
        .exits(0)
        .json();
    assert_eq!(
        (&dry["sent"], desk.server.asked(ACT).len(), desk.log().len()),
        (&json!(false), 0, 0)
    );
    let done = desk.run(&[&act[..], &["--json"]].concat()).exits(0).json();
    assert_eq!(done["body"], dry["body"]);
    assert_eq!(
        (&done["request"]["id"], &done["execution"]["status"]),
        (&json!("r1"), &json!("success"))
    );
    let sent: Value = serde_json::from_slice(&desk.server.asked(ACT)[0].body).unwrap();
    assert_eq!(sent, done["body"]);
    assert_eq!(
        (&sent["devices"], &sent["params"]),
        (&json!([COLLECTOR]), &json!({"Drive": "C"}))
    );
    assert_eq!(sent["triggerInfo"]["reason"], "disk is full");
    let log = desk.log();
    assert_eq!(log.len(), 2);
    assert!(
        log[0]["asked_by"].as_str().unwrap().starts_with("operator"),
        "{log:?}"
    );
}

#[test]
fn what_is_not_plain_is_refused_and_nothing_is_sent() {
    let desk = Desk::new();
    desk.server
        .answers(ACT, &[Reply::of(200, r#"{"requestId":"r1"}"#)]);
    for (whom, code, said) in [
        (&["jdoe@EMEA"][..], 4, "--allow too_little"),
        (
            &["S-1-5-21-1-2-3-1102"],
            4,
            "no device is known to be theirs",
        ),
        (&[SID, "--device", "NB-2"], 4, "none of theirs"),
        (&["jane"], 11, "2 subjects fit"),
        (&["nobody@EMEA"], 10, "nobody fits"),
        (
            &["upn=john.doe@contoso.com", "sid=S-1-5-21-1-2-3-1102"],
            11,
            "fit",
        ),
    ] {
        let ended = desk.run(&[&["act", "--action", "#a", "--json"], whom].concat());
        let ended = ended.exits(code);
        assert!(ended.stderr.contains(said), "{whom:?}: {}", ended.stderr);
        assert_eq!(ended.json()["sent"], false);
    }
    assert_eq!((desk.server.asked(ACT).len(), desk.log().len()), (0, 0));
    let allowed = [
        "act",
        "--action",
        "#a",
        "jdoe@EMEA",
        "--allow",
        "too_little",
        "--json",
    ];
    let done = desk.run(&allowed).exits(0).json();
    assert_eq!(done["allowed"], json!(["too_little"]));
    desk.run(&[
        "act",
        "--action",
        "#a",
        "john.doe@contoso.com",
        "--verified",
    ])
    .exits(0);
}

#[test]
fn what_may_have_been_done_is_told() {
    let desk = Desk::new();
    desk.server.answers(ACT, &[Reply::of(503, "")]);
    let ended = desk.run(&["act", "--action", "#a", SID]).exits(3);
    assert!(
        ended.stderr.contains("may have been done all the same")
            && ended.stderr.contains("do not send it again"),
        "{}",
        ended.stderr
    );
    assert_eq!(desk.log()[1]["state"], "unknown");
}

#[test]
fn people_get_campaigns_workflows_and_spark() {
    let desk = Desk::new();
    let shown = json!({"requests": [{"userSid": SID, "requestId": "c1"}]});
    desk.server.answers(
        "/api/v1/euf/campaign/trigger",
        &[Reply::of(200, shown.to_string())],
    );
    let campaign = [
        "campaign",
        SID,
        "--campaign",
        "#ask",
        "--set",
        "when=now",
        "--json",
    ];
    assert_eq!(desk.run(&campaign).exits(0).json()["request"], "c1");
    let run = json!({"requestUuid": "w1", "executionsUuids": ["e1"]});
    desk.server.answers(
        "/api/v2/workflows/execute",
        &[Reply::of(200, run.to_string())],
    );
    let workflow = [
        "workflow",
        SID,
        "--workflow",
        "#fix",
        "--with",
        "both",
        "--json",
    ];
    let done = desk.run(&workflow).exits(0).json();
    assert_eq!(
        (&done["body"]["users"], &done["executions"]),
        (&json!([{"sid": SID}]), &json!(["e1"]))
    );
    desk.server
        .answers("/api/v1/spark/handoff", &[Reply::of(204, "")]);
    let spark = ["spark", SID, "--text", "my screen is black", "--json"];
    assert_eq!(
        desk.run(&spark).exits(0).json()["upn"],
        "john.doe@contoso.com"
    );
    // eve has no UPN.
    let spark = ["spark", "S-1-5-21-1-2-3-1102", "--text", "x"];
    assert!(desk.run(&spark).exits(4).stderr.contains("no upn"));
    assert_eq!(desk.log().len(), 6);
}

#[test]
fn a_tenant_is_checked_and_its_queries_are_printed_to_be_saved() {
    let desk = Desk::new();
    let printed = desk.run(&["queries"]).exits(0).stdout;
    for shipped in Shipped::ALL {
        assert!(
            printed.contains(&format!("{}\n{}", shipped.id(), shipped.text())),
            "{shipped:?}"
        );
    }
    let ended = desk.run(&["check"]).exits(1);
    assert!(
        ended.stdout.contains("#identidex_device_health"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("missing; save it"),
        "{}",
        ended.stdout
    );
    let health =
        json!([{"device.operating_system.name": "Windows 11", "device.collector.uid": COLLECTOR}]);
    let replies = [
        health,
        json!([]),
        json!([{"application.name": "Outlook", "crashes": 3}]),
    ];
    let replies = replies.map(|rows| {
        let count = rows.as_array().unwrap().len();
        Reply::of(200, json!({"rows": count, "data": rows}).to_string())
    });
    desk.server.answers(EXECUTE, &replies);
    let said = desk.run(&["diagnose", SID]).exits(0).stdout;
    assert!(
        said.contains("Windows 11") && said.contains("Outlook (3 times"),
        "{said}"
    );
}

#[test]
fn rows_are_printed_or_exported_whole() {
    let desk = Desk::new();
    let rows = json!({"rows": 1, "data": [{"device.name": "NB-\u{1b}[31m1", "device.uid": null}]});
    desk.server
        .answers(EXECUTE, &[Reply::of(200, rows.to_string())]);
    let text = desk
        .run(&["query", "#devices", "username=jdoe@EMEA"])
        .exits(0)
        .stdout;
    assert!(
        text.contains("device.name") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert_eq!(
        desk.run(&["query", "#devices", "--json"]).exits(0).json()["device.uid"],
        Value::Null
    );
    assert!(
        desk.run(&["query", "#devices", "username=*"])
            .exits(2)
            .stderr
            .contains("any letters")
    );
    desk.run(&["query", "devices"]).exits(2);
    let file = format!("{}/file", desk.server.address());
    let done = json!({"status": "COMPLETED", "resultsFileUrl": file});
    desk.server.answers(
        "/api/v1/nql/export",
        &[Reply::of(200, r#"{"exportId":"x"}"#)],
    );
    desk.server
        .answers("/api/v1/nql/status/x", &[Reply::of(206, done.to_string())]);
    // No gzip: nothing is left of it.
    desk.server
        .answers("/file", &[Reply::of(200, "device.name\nNB-1\n")]);
    desk.run(&["query", "#devices", "--export", "out.csv"])
        .exits(1);
    assert!(!desk.home.path("out.csv").exists());
    let gzip = [
        31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 75, 203, 207, 231, 2, 0, 168, 101, 50, 126, 4, 0, 0, 0,
    ];
    desk.server.answers("/file", &[Reply::of(200, gzip)]);
    let ended = desk
        .run(&["query", "#devices", "--export", "out.csv"])
        .exits(3);
    assert_eq!(ended.json()["truncated"], true);
    assert_eq!(
        fs::read_to_string(desk.home.path("out.csv")).unwrap(),
        "foo\n"
    );
}

#[test]
fn what_is_not_configured_is_named() {
    let home = Home::new();
    let ended = home.run(&["nexthink", "check"]).exits(2);
    assert!(
        ended.stderr.contains("IDENTIDEX_NEXTHINK_INSTANCE"),
        "{}",
        ended.stderr
    );
    let desk = Desk::new();
    desk.server
        .answers("/oauth2/default/v1/token", &[Reply::of(401, "{}")]);
    let ended = desk.run(&["check"]).exits(1);
    assert!(
        ended.stderr.contains("no token for these credentials"),
        "{}",
        ended.stderr
    );
}

#[test]
fn whom_the_index_does_not_know_resolve_asks_for_live() {
    let desk = Desk::new();
    let user = json!([{"user.name": "zed@EMEA", "user.sid": "S-1-5-21-1-2-3-1199", "user.upn": "zed@contoso.com"}]);
    let rows = |rows: Value| {
        let count = rows.as_array().unwrap().len();
        Reply::of(200, json!({"rows": count, "data": rows}).to_string())
    };
    desk.server.answers(EXECUTE, &[rows(user), rows(json!([]))]);
    let resolve = |arguments: &[&str]| {
        let mut command = desk
            .home
            .command(&[&["resolve", "--live", "--json"], arguments].concat());
        command
            .env("IDENTIDEX_NEXTHINK_API_URL", desk.server.address())
            .env("IDENTIDEX_NEXTHINK_LOGIN_URL", desk.server.address())
            .env("IDENTIDEX_NEXTHINK_CLIENT_ID", "bot")
            .env("IDENTIDEX_NEXTHINK_SECRET", SECRET);
        Ended::of(&command.output().unwrap())
    };
    let known = resolve(&[SID]).exits(0).json();
    assert_eq!(
        (&known["answered_by"], desk.server.asked(EXECUTE).len()),
        (&json!("index"), 0)
    );
    let asked = resolve(&["--kind", "upn", "zed@contoso.com"])
        .exits(0)
        .json();
    assert_eq!(asked["answered_by"], "nexthink");
    assert_eq!(asked["matches"][0]["account"]["account_name"], "zed@EMEA");
    desk.server.answers(EXECUTE, &[Reply::of(403, "")]);
    let ended = resolve(&["--kind", "upn", "yan@contoso.com"]).exits(10);
    assert!(
        ended.stderr.contains("could not be asked"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.json()["answered_by"], "index");
}
