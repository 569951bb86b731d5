//! What Nexthink sends: exports that a run takes in, and webhooks whose events are told, each once, with the people to tell.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use identidex::identifier::NotSaid;
use identidex::ingest::{Mapping, SourceConfig};
use identidex::receive::{Pointer, Webhook};
use identidex::serve::{Options, Receiving, Server, Token};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::{Asked, TOKEN, index, json_of, options, problem, run};
use crate::replay;
use crate::servers::{Reply, Scripted};

const SENDS: &str = "fedcba98765432100000";
const ROWS: &str = r#"{"user.name":"new@EMEA","user.sid":"S-1-5-21-1-2-3-1200"}"#;

pub(super) fn receiving(home: &Path) -> Receiving {
    let source = SourceConfig::new("exports", home.join("exports").display().to_string());
    let place = |text: &str| Pointer::new(text);
    let webhook = Webhook {
        name: "disk".to_owned(),
        device: place("/device"),
        user: place("/user"),
        alert: place("/alert"),
        window: Duration::from_hours(1),
    };
    Receiving {
        token: Token::new(SENDS).unwrap(),
        sources: BTreeMap::from([("exports".to_owned(), source)]),
        mapping: Mapping::shipped(),
        not_said: NotSaid::default(),
        test_rows: 0,
        webhooks: BTreeMap::from([("disk".to_owned(), webhook)]),
        events: home.join("events.db"),
        keep_events: Duration::from_hours(24),
        forward: None,
    }
}

fn receiving_options(home: &Path) -> Options {
    let mut options = options(&index(home));
    options.receiving = Some(receiving(home));
    options.token = Some(Token::new(TOKEN).unwrap());
    options
}

fn request(asked: &Asked, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    asked
        .client
        .post(format!("{}{path}", asked.base))
        .bearer_auth(SENDS)
        .body(body)
}

async fn send(asked: &Asked, path: &str, body: impl Into<reqwest::Body>) -> Response {
    request(asked, path, body).send().await.unwrap()
}

/// Asks as whoever looks people up.
async fn get(asked: &Asked, path: &str) -> Response {
    asked.get_with_token(path).await
}

async fn post(asked: &Asked, path: &str, body: &str) -> Response {
    let request = asked.client.post(format!("{}{path}", asked.base));
    request
        .bearer_auth(TOKEN)
        .body(body.to_owned())
        .send()
        .await
        .unwrap()
}

async fn events(asked: &Asked, path: &str) -> Vec<i64> {
    let told = json_of(get(asked, path).await).await;
    told["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["id"].as_i64().unwrap())
        .collect()
}

#[test]
fn exports_in_each_shape_are_taken_in_by_the_next_run() {
    let home = tempfile::tempdir().unwrap();
    let options = receiving_options(home.path());
    run(async {
        let asked = Asked::start(&options).await;
        let row = |number: u32| {
            format!(r#"{{"user.name":"n{number}@EMEA","user.sid":"S-1-5-21-1-2-3-12{number:02}"}}"#)
        };
        let bodies = [
            format!("{}\n{}", row(1), row(2)),
            format!("[{},{}]", row(3), row(4)),
            format!(r#"{{"run":"r1","records":[{},{}]}}"#, row(5), row(6)),
        ];
        for body in bodies {
            let kept = json_of(send(&asked, "/v1/exports/exports", body.clone()).await).await;
            assert_eq!(
                (
                    &kept["kept"],
                    &kept["dataset"],
                    &kept["rows"],
                    &kept["rejected"]
                ),
                (&json!("new"), &json!("users"), &json!(2), &json!(0))
            );
            let again = json_of(send(&asked, "/v1/exports/exports", body).await).await;
            assert_eq!(
                (&again["kept"], &again["object"]),
                (&json!("repeated"), &kept["object"])
            );
        }
        let (exports, path) = (home.path().join("exports"), options.index.clone());
        let sync = tokio::task::spawn_blocking(move || {
            replay::sync(&exports, &path, Duration::from_secs(300))
        });
        sync.await.unwrap();
        for number in 1..=6 {
            let answer =
                json_of(get(&asked, &format!("/v1/resolve?q=n{number}%40EMEA")).await).await;
            assert_eq!(answer["outcome"], "one", "{number}");
        }
        asked.end().await;
    });
}

#[test]
fn a_test_delivery_is_kept_apart_and_said_to_be() {
    let home = tempfile::tempdir().unwrap();
    let mut options = receiving_options(home.path());
    options.receiving.as_mut().unwrap().test_rows = 20;
    run(async {
        let asked = Asked::start(&options).await;
        let kept = json_of(send(&asked, "/v1/exports/exports", ROWS).await).await;
        assert_eq!(kept["kept"], "test");
        assert!(
            kept["reason"]
                .as_str()
                .unwrap()
                .contains("receive.test_rows")
        );
        let (exports, path) = (home.path().join("exports"), options.index.clone());
        let sync = tokio::task::spawn_blocking(move || {
            replay::sync(&exports, &path, Duration::from_secs(300))
        });
        sync.await.unwrap();
        let answer = json_of(get(&asked, "/v1/resolve?q=new%40EMEA").await).await;
        assert_eq!(answer["outcome"], "none");
        asked.end().await;
    });
}

#[test]
fn what_is_no_export_is_refused_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let options = receiving_options(home.path());
    let files = || {
        let found = std::fs::read_dir(home.path().join("exports")).unwrap();
        let mut names: Vec<_> = found.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    run(async {
        let asked = Asked::start(&options).await;
        let before = files();
        for (body, expected) in [
            ("", 422),
            ("hunter2", 422),
            ("{\"user.name\":\"hunter2@EMEA\"", 422),
            ("[{\"user.name\":\"hunter2@EMEA\"},", 422),
            (
                "{\"run\":1,\"records\":[{\"user.name\":\"hunter2@EMEA\"}",
                422,
            ),
            ("[{\"hunter2\":\"a\"}]", 422),
            ("\u{1f}\u{8b}hunter2", 422),
        ] {
            let (status, detail) = problem(send(&asked, "/v1/exports/exports", body).await).await;
            assert!(
                status == expected && !detail.contains("hunter2@"),
                "{body}: {status} {detail}"
            );
        }
        assert_eq!(
            problem(send(&asked, "/v1/exports/other", ROWS).await)
                .await
                .0,
            404
        );
        // Whoever may look people up may not speak for Nexthink, and nobody may who says nothing.
        assert_eq!(
            problem(asked.post("/v1/exports/exports", ROWS).await)
                .await
                .0,
            401
        );
        let lookup = asked
            .client
            .get(format!("{}/v1/resolve?q=jdoe", asked.base))
            .bearer_auth(SENDS);
        assert_eq!(lookup.send().await.unwrap().status(), 401);
        let unknown = send(&asked, "/v1/exports/exports", ROWS.replace("user.", "x.")).await;
        assert_eq!(problem(unknown).await.0, 422);
        // A body that ends early is no export.
        let pieces = [
            Ok("[{\"user.name\":\"a@EMEA\"}]"),
            Err(std::io::Error::other("cut")),
        ];
        let cut = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
        assert!(
            request(&asked, "/v1/exports/exports", cut)
                .send()
                .await
                .is_err()
        );
        asked.end().await;
        assert_eq!(files(), before);
    });
}

#[test]
fn a_webhook_is_one_event_with_the_people_to_tell() {
    let home = tempfile::tempdir().unwrap();
    let options = receiving_options(home.path());
    run(async {
        let asked = Asked::start(&options).await;
        let message = json!({"device": "NB-1", "user": "john.doe@contoso.com", "alert": "disk full", "other": [1]});
        let stored = json_of(send(&asked, "/v1/webhooks/disk", message.to_string()).await).await;
        assert_eq!(stored, json!({"event": 1, "repeated": false}));
        let again = request(&asked, "/v1/webhooks/disk", message.to_string());
        let again = again.basic_auth("nexthink", Some(SENDS));
        let again = json_of(again.send().await.unwrap()).await;
        assert_eq!(again, json!({"event": 1, "repeated": true}));
        for method in [Method::PUT, Method::PATCH] {
            let other =
                json!({"user": ["jdoe", "nobody@contoso.com"], "by": method.as_str()}).to_string();
            let request = asked
                .client
                .request(method, format!("{}/v1/webhooks/disk", asked.base));
            assert_eq!(
                request
                    .bearer_auth(SENDS)
                    .body(other)
                    .send()
                    .await
                    .unwrap()
                    .status(),
                200
            );
        }
        let told = json_of(get(&asked, "/v1/events").await).await;
        assert_eq!(told["next"], 3);
        let [first, second, _] = &told["events"].as_array().unwrap()[..] else {
            panic!("{told}")
        };
        assert_eq!(
            (&first["alert"], &first["message"], &first["webhook"]),
            (&json!("disk full"), &message, &json!("disk"))
        );
        // Whose the device is, is said as well, and the one who is named is told once.
        assert_eq!(first["to_tell"].as_array().unwrap().len(), 1);
        assert_eq!(first["to_tell"][0]["upn"], "john.doe@contoso.com");
        assert_eq!(first["impacted"][0]["device"]["name"], "NB-1");
        assert_eq!(second["to_tell"], json!([]));
        let nobody: Vec<&Value> = second["impacted"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["nobody"])
            .collect();
        assert_eq!(nobody, [&json!(["several"]), &json!(["none"])]);
        asked.end().await;

        // Another process tells them again until they are acknowledged.
        let asked = Asked::start(&options).await;
        assert_eq!(events(&asked, "/v1/events?limit=2").await, [1, 2]);
        assert_eq!(events(&asked, "/v1/events?after=2").await, [3]);
        let through =
            json_of(post(&asked, "/v1/events/acknowledge", r#"{"through":2}"#).await).await;
        assert_eq!(through, json!({"through": 2}));
        assert_eq!(events(&asked, "/v1/events").await, [3]);
        assert_eq!(events(&asked, "/v1/events?after=0").await, [1, 2, 3]);
        let metrics = get(&asked, "/metrics").await.text().await.unwrap();
        assert!(metrics.contains("identidex_events_waiting 1"), "{metrics}");
        asked.end().await;
    });
}

#[test]
fn messages_that_cannot_be_meant_are_refused_without_a_word_of_them() {
    let home = tempfile::tempdir().unwrap();
    let options = receiving_options(home.path());
    run(async {
        let asked = Asked::start(&options).await;
        for (body, expected) in [
            (b"{\"device\":\"hunter2".to_vec(), 400),
            (b"{\"device\":\"\xff\"}".to_vec(), 400),
            (b"{}".to_vec(), 422),
            (br#"{"device":{"hunter2":1}}"#.to_vec(), 422),
            (br#"{"device":"hunter2","device":"NB-1"}"#.to_vec(), 422),
            (vec![b' '; (1 << 20) + 1], 413),
        ] {
            let (status, detail) = problem(send(&asked, "/v1/webhooks/disk", body).await).await;
            assert!(
                status == expected && !detail.contains("hunter2"),
                "{status} {detail}"
            );
        }
        assert_eq!(
            problem(send(&asked, "/v1/webhooks/other", "{}").await)
                .await
                .0,
            404
        );
        assert_eq!(
            problem(asked.post("/v1/webhooks/disk", "{}").await).await.0,
            401
        );
        for path in [
            "/v1/events?after=x",
            "/v1/events?limit=0",
            "/v1/events?limit=1001",
            "/v1/events?after=1&after=2",
            "/v1/events?after=-1",
        ] {
            assert_eq!(problem(get(&asked, path).await).await.0, 400, "{path}");
        }
        assert_eq!(
            problem(post(&asked, "/v1/events/acknowledge", "{}").await)
                .await
                .0,
            400
        );
        assert_eq!(events(&asked, "/v1/events").await, [0; 0]);
        // Whoever knows another database would pass over what comes to this one.
        assert_eq!(
            problem(get(&asked, "/v1/events?after=1").await).await.0,
            409
        );
        let behind = post(&asked, "/v1/events/acknowledge", r#"{"through":1}"#).await;
        assert_eq!(problem(behind).await.0, 409);
        asked.end().await;
    });
}

#[test]
fn nothing_is_received_where_nothing_is_configured() {
    let home = tempfile::tempdir().unwrap();
    let options = options(&index(home.path()));
    run(async {
        let asked = Asked::start(&options).await;
        for path in [
            "/v1/exports/exports",
            "/v1/webhooks/disk",
            "/v1/events/acknowledge",
        ] {
            assert_eq!(
                problem(send(&asked, path, "{}").await).await.0,
                404,
                "{path}"
            );
        }
        asked.end().await;
    });
}

#[test]
fn events_are_sent_on_in_order_until_they_are_taken() {
    let home = tempfile::tempdir().unwrap();
    let mut options = receiving_options(home.path());
    let bot = Scripted::start();
    let replies = [503, 401, 200, 422, 200].map(|status| Reply::of(status, ""));
    bot.answers("/events", &replies);
    let url = identidex::serve::forward_url(&format!("{}/events", bot.address()));
    let token = identidex::live::Secret::new("of-the-bot").unwrap();
    options.receiving.as_mut().unwrap().forward = Some((url.unwrap(), Some(token)));
    run(async {
        let asked = Asked::start(&options).await;
        for number in 1..=3 {
            let message = json!({"device": "NB-1", "number": number}).to_string();
            assert_eq!(
                send(&asked, "/v1/webhooks/disk", message).await.status(),
                200
            );
        }
        // Each failure is waited out for half a second or so.
        while bot.asked("/events").len() < 5 {
            tokio::task::yield_now().await;
        }
        let sent = bot.asked("/events");
        let ids: Vec<i64> = sent
            .iter()
            .map(|sent| {
                serde_json::from_slice::<Value>(&sent.body).unwrap()["id"]
                    .as_i64()
                    .unwrap()
            })
            .collect();
        assert_eq!(ids, [1, 1, 1, 2, 3]);
        assert!(
            sent.iter()
                .all(|sent| sent.headers["authorization"] == "Bearer of-the-bot")
        );
        // What was refused is there for who asks.
        assert_eq!(events(&asked, "/v1/events?after=0").await, [1, 2, 3]);
        asked.end().await;
    });
}

#[test]
fn a_sender_that_pauses_for_ever_is_let_go() {
    // That it is told so after half a minute is not waited for: what counts is that others are served meanwhile.
    let home = tempfile::tempdir().unwrap();
    let options = receiving_options(home.path());
    run(async {
        let asked = Asked::start(&options).await;
        let address = asked.base.strip_prefix("http://").unwrap().to_owned();
        let slow: Vec<std::net::TcpStream> = (0..2)
            .map(|_| {
                use std::io::Write as _;
                let mut stream = std::net::TcpStream::connect(&address).unwrap();
                let head = format!("POST /v1/webhooks/disk HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SENDS}\r\nContent-Length: 100\r\n\r\n{{");
                stream.write_all(head.as_bytes()).unwrap();
                stream
            })
            .collect();
        let stored = send(&asked, "/v1/webhooks/disk", r#"{"device":"NB-1"}"#).await;
        assert_eq!(stored.status(), 200);
        drop(slow);
        asked.end().await;
    });
}

#[test]
fn a_message_about_somebody_is_told_to_nobody_else() {
    let home = tempfile::tempdir().unwrap();
    let options = receiving_options(home.path());
    run(async {
        let asked = Asked::start(&options).await;
        // Jane is at John's laptop.
        let message = json!({"device": "NB-1", "user": "jane.doe@contoso.com", "alert": "your password expires"});
        send(&asked, "/v1/webhooks/disk", message.to_string()).await;
        let message = json!({"device": "NB-1", "user": "nobody@contoso.com", "alert": "your password expires"});
        send(&asked, "/v1/webhooks/disk", message.to_string()).await;
        let told = json_of(get(&asked, "/v1/events").await).await;
        let events = told["events"].as_array().unwrap();
        let people: Vec<Vec<&str>> = events
            .iter()
            .map(|event| {
                let people = event["to_tell"].as_array().unwrap().iter();
                people.map(|one| one["upn"].as_str().unwrap()).collect()
            })
            .collect();
        assert_eq!(people, [vec!["jane.doe@contoso.com"], vec![]]);
        assert_eq!(
            events[0]["impacted"][0]["to_tell"]["upn"],
            "john.doe@contoso.com"
        );
        asked.end().await;
    });
}

#[test]
fn a_folder_that_is_not_there_costs_its_own_exports_alone() {
    let home = tempfile::tempdir().unwrap();
    let mut options = receiving_options(home.path());
    let receiving = options.receiving.as_mut().unwrap();
    let missing = home.path().join("not-mounted");
    let mut only_users =
        SourceConfig::new("users", home.path().join("exports").display().to_string());
    only_users.include = vec!["users*".to_owned()];
    receiving.sources.insert(
        "missing".to_owned(),
        SourceConfig::new("missing", missing.display().to_string()),
    );
    receiving.sources.insert("users".to_owned(), only_users);
    run(async {
        let asked = Asked::start(&options).await;
        assert_eq!(
            problem(send(&asked, "/v1/exports/missing", ROWS).await)
                .await
                .0,
            503
        );
        assert!(!missing.exists());
        assert_eq!(
            send(&asked, "/v1/exports/exports", ROWS).await.status(),
            200
        );
        // What no run would see for its name is not taken.
        let device =
            r#"{"device.name":"NB-9","device.uid":"dddddddd-0000-4000-8000-000000000009"}"#;
        assert_eq!(
            problem(send(&asked, "/v1/exports/users", device).await)
                .await
                .0,
            422
        );
        let metrics = get(&asked, "/metrics").await.text().await.unwrap();
        assert!(
            metrics.contains(r#"identidex_received_total{what="export",fate="refused"} 2"#),
            "{metrics}"
        );
        asked.end().await;
        std::fs::create_dir(&missing).unwrap();
        let asked = Asked::start(&options).await;
        assert_eq!(
            send(&asked, "/v1/exports/missing", ROWS).await.status(),
            200
        );
        asked.end().await;
    });
}

#[test]
fn who_sends_and_who_asks_are_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let mut options = receiving_options(home.path());
    run(async {
        options.token = None;
        let error = Server::bind(&options).await.unwrap_err().to_string();
        assert!(error.contains("serve.token_file"), "{error}");
        options.token = Some(Token::new(SENDS).unwrap());
        let error = Server::bind(&options).await.unwrap_err().to_string();
        assert!(error.contains("are the same"), "{error}");
        assert!(
            !home.path().join("events.db").exists(),
            "nothing is made before"
        );
    });
}

#[test]
fn rows_that_no_run_would_take_are_refused_where_they_come() {
    let home = tempfile::tempdir().unwrap();
    let options = receiving_options(home.path());
    run(async {
        let asked = Asked::start(&options).await;
        for body in [
            r#"[{"user.name":"x"},{"device.name":"D1"}]"#,
            r#"[{"user.name":"a@b","user.name":"c@d"}]"#,
            r#"[{"user.name":"hunter2@EMEA","user.last_seen":"hunter2"}]"#,
        ] {
            let (status, detail) = problem(send(&asked, "/v1/exports/exports", body).await).await;
            assert!(
                status == 422 && !detail.contains("hunter2"),
                "{body}: {detail}"
            );
        }
        // One bad row costs a row.
        let rows = format!(r#"[{ROWS},{{"user.name":"b@EMEA","user.last_seen":"soon"}}]"#);
        let kept = json_of(send(&asked, "/v1/exports/exports", rows).await).await;
        assert_eq!((&kept["rows"], &kept["rejected"]), (&json!(2), &json!(1)));
        asked.end().await;
    });
}
