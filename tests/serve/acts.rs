//! What the sidecar asks of Nexthink: how a device fares, a remote action, and what became of it, against a server that answers
//! as it is told. The guard, and what is sent, are the affair of `targets` and `live`.

use std::path::Path;

use identidex::live::{self, Audit, Client, Credentials, Secret, Tenant};
use identidex::serve::{Acting, Options, Server, Token};
use jiff::Timestamp;
use reqwest::Response;
use serde_json::{Value, json};

use super::{Asked, TOKEN, index, json_of, options, problem, run};
use crate::servers::{Reply, Scripted};

const EXECUTE: &str = "/api/v2/nql/execute";
const ACT: &str = "/api/v1/act/execute";
const COLLECTOR: &str = "cccccccc-0000-4000-8000-000000000001";
const SID: &str = "S-1-5-21-1-2-3-1101";

/// A sidecar that may run `#clear_disk`, and a tenant that gives tokens.
fn acting(home: &Path) -> (Scripted, Options) {
    let server = Scripted::start();
    let token = r#"{"token_type":"Bearer","expires_in":900,"access_token":"t"}"#;
    server.answers("/oauth2/default/v1/token", &[Reply::of(200, token)]);
    let info = json!({"id": "#clear_disk", "name": "Clear disk", "scriptInfo": {"inputs": [
        {"name": "Drive", "description": "", "options": ["C", "D"], "allowCustomValue": false}]}});
    let info = info.to_string();
    server.answers(
        "/api/v1/act/remote-action/details?nql-id=%23clear_disk",
        &[Reply::of(200, info)],
    );
    let tenant = Tenant::at(&server.address(), &server.address()).unwrap();
    let credentials = Credentials {
        client_id: "bot".to_owned(),
        secret: Secret::new("s3cr3t").unwrap(),
    };
    let live = live::Options {
        calls_per_second: 100,
        ..live::Options::default()
    };
    let mut options = options(&index(home));
    options.token = Some(Token::new(TOKEN).unwrap());
    options.client = Some(Client::new(tenant, credentials, live).unwrap());
    options.acting = Some(Acting {
        actions: vec!["#clear_disk".to_owned()],
        audit: Audit::open(home.join("audit.jsonl")).unwrap(),
    });
    (server, options)
}

fn rows(rows: Value) -> Reply {
    let count = rows.as_array().unwrap().len();
    Reply::of(200, json!({"rows": count, "data": rows}).to_string())
}

async fn post(asked: &Asked, path: &str, body: &Value) -> Response {
    let request = asked
        .client
        .post(format!("{}{path}", asked.base))
        .bearer_auth(TOKEN);
    request.body(body.to_string()).send().await.unwrap()
}

fn log(home: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(home.join("audit.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_talk_goes_from_a_diagnosis_to_what_became_of_it() {
    let home = tempfile::tempdir().unwrap();
    let (nexthink, options) = acting(home.path());
    run(async {
        let asked = Asked::start(&options).await;
        nexthink.answers(
            EXECUTE,
            &[rows(
                json!([{"device.collector.uid": COLLECTOR, "device.hardware.memory": "16GB"}]),
            )],
        );
        let person = json!({"sid": SID, "verified": ["sid"]});
        let healthy = json_of(post(&asked, "/v1/diagnose", &json!({"query": person})).await).await;
        assert_eq!(
            (
                &healthy["target"]["device"]["name"],
                &healthy["health"]["memory"]
            ),
            (&json!("NB-1"), &json!("16GB"))
        );
        nexthink.answers(EXECUTE, &[rows(json!([]))]);
        nexthink.answers(
            ACT,
            &[Reply::of(
                200,
                r#"{"requestId":"r1","expiresInMinutes":60}"#,
            )],
        );
        let act =
            json!({"query": person, "action": "#clear_disk", "reason": "full", "asked_by": "bot"});
        let done = json_of(post(&asked, "/v1/act", &act).await).await;
        assert_eq!(
            (&done["sent"], &done["request"]["id"]),
            (&json!(true), &json!("r1"))
        );
        let row = json!({"time": Timestamp::now().to_string(), "status": "success", "outputs": "{}",
            "remote_action.name": "Clear disk", "device.collector.uid": COLLECTOR});
        nexthink.answers(EXECUTE, &[rows(json!([])), rows(json!([row]))]);
        let outcome =
            json!({"collector_uid": COLLECTOR, "action": "#clear_disk", "before": done["before"]});
        let none = json_of(post(&asked, "/v1/act/outcome", &outcome).await).await;
        assert_eq!(none["execution"], Value::Null);
        let told = json_of(post(&asked, "/v1/act/outcome", &outcome).await).await;
        assert_eq!(
            (&told["execution"]["status"], &told["execution"]["is_final"]),
            (&json!("success"), &json!(true))
        );
        asked.end().await;
    });
    let log = log(home.path());
    let states: Vec<&str> = log
        .iter()
        .map(|line| line["state"].as_str().unwrap())
        .collect();
    assert_eq!((states.len(), &log[0]["asked_by"]), (2, &json!("bot")));
}

#[test]
fn nothing_is_sent_where_something_speaks_against_it() {
    let home = tempfile::tempdir().unwrap();
    let (nexthink, mut options) = acting(home.path());
    run(async {
        let asked = Asked::start(&options).await;
        let act = |query: Value, more: Value| {
            let mut act = json!({"query": query, "action": "#clear_disk", "asked_by": "bot"});
            act.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            act
        };
        let doubtful =
            json_of(post(&asked, "/v1/act", &act(json!("jdoe@EMEA"), json!({}))).await).await;
        assert_eq!(
            (&doubtful["sent"], &doubtful["doubts"]),
            (&json!(false), &json!(["too_little"]))
        );
        let several = json_of(post(&asked, "/v1/act", &act(json!("jdoe"), json!({}))).await).await;
        assert_eq!(
            (&several["sent"], &several["outcome"]),
            (&json!(false), &json!("several"))
        );
        for (more, expected) in [
            (json!({"action": "#format_disk"}), 403),
            (json!({"asked_by": " "}), 400),
            (json!({"expires_in_minutes": 1}), 400),
            (json!({"hunter2": 1}), 400),
            (json!({"parameters": {"Drive": "Z"}}), 400),
            (json!({"parameters": {"hunter2": "C"}}), 400),
            (json!({"allow": ["several"]}), 400),
        ] {
            let refused =
                problem(post(&asked, "/v1/act", &act(json!({"sid": SID}), more.clone())).await)
                    .await;
            assert!(
                refused.0 == expected && !refused.1.contains("hunter2"),
                "{more}: {refused:?}"
            );
        }
        assert_eq!(problem(asked.post("/v1/act", "{}").await).await.0, 401);
        assert!(nexthink.asked(ACT).is_empty() && log(home.path()).is_empty());
        // What may have been done is told apart from what was not.
        for (status, may_be_done) in [(400, false), (503, true)] {
            nexthink.answers(EXECUTE, &[rows(json!([]))]);
            nexthink.answers(ACT, &[Reply::of(status, "{}")]);
            let failed = post(&asked, "/v1/act", &act(json!({"sid": SID}), json!({}))).await;
            assert_eq!(failed.status(), 502);
            let failed: Value = serde_json::from_slice(&failed.bytes().await.unwrap()).unwrap();
            assert_eq!(failed["may_be_done"], may_be_done, "{status}");
        }
        asked.end().await;
        options.token = None;
        let error = Server::bind(&options).await.unwrap_err().to_string();
        assert!(error.contains("serve.token_file"), "{error}");
        options.acting = None;
        options.client = None;
        let asked = Asked::start(&options).await;
        assert_eq!(
            problem(asked.post("/v1/diagnose", r#"{"query":"jdoe"}"#).await)
                .await
                .0,
            404
        );
        asked.end().await;
    });
}
