//! The sidecar over real connections. Belongs here: what requests get, who is let in, and that none fails while the index
//! changes. What an answer says is the affair of lookups.

mod acts;
mod program;
mod received;

use std::path::{Path, PathBuf};
use std::time::Duration;

use identidex::serve::{Address, Options, Server, Token, document};
use identidex::{Index, Query};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::answers::publish;
use crate::replay;

const TOKEN: &str = "0123456789abcdef0123";

/// Exports of two people called jdoe, and a laptop.
fn exports() -> Value {
    json!({
        "users/2026-11-20T06-00-00Z.csv":
            "user.name,user.sid,user.upn\njdoe@EMEA,S-1-5-21-1-2-3-1101,john.doe@contoso.com\n\
             jdoe@APAC,S-1-5-21-1-2-4-1101,jane.doe@contoso.com\n",
        "devices/2026-11-20T06-00-00Z.csv":
            "device.name,device.collector.uid,device.last_seen\n\
             NB-1,cccccccc-0000-4000-8000-000000000001,2026-11-20 05:00:00\n",
        "logins/2026-11-20T06-00-00Z.csv":
            "user.name,device.name,logins,last_used\njdoe@EMEA,NB-1,9,2026-11-20 05:00:00\n",
    })
}

fn options(index: &Path) -> Options {
    Options {
        address: Address::Tcp(([127, 0, 0, 1], 0).into()),
        token: None,
        index: index.to_owned(),
        lookup: identidex::Options {
            clock: || "2026-11-20T08:00:00Z".parse().unwrap(),
            refresh: Duration::ZERO,
            ..identidex::Options::default()
        },
        requests_per_second: None,
        connections: 64,
        client: None,
        acting: None,
        receiving: None,
    }
}

/// A sidecar that is asked, and ended at the end.
struct Asked {
    base: String,
    client: Client,
    end: oneshot::Sender<()>,
    run: tokio::task::JoinHandle<()>,
}

impl Asked {
    async fn start(options: &Options) -> Asked {
        let server = Server::bind(options).await.unwrap();
        let base = server.address().map(|address| format!("http://{address}"));
        let (end, ended) = oneshot::channel();
        let run = tokio::spawn(server.run(async {
            let _ = ended.await;
        }));
        Asked {
            base: base.unwrap_or_default(),
            client: Client::new(),
            end,
            run,
        }
    }

    async fn get(&self, path: &str) -> Response {
        self.client
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap()
    }

    async fn get_with_token(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.base));
        request.bearer_auth(TOKEN).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: &str) -> Response {
        let request = self.client.post(format!("{}{path}", self.base));
        request.body(body.to_owned()).send().await.unwrap()
    }

    async fn end(self) {
        self.end.send(()).unwrap();
        self.run.await.unwrap();
    }
}

async fn json_of(response: Response) -> Value {
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Reads a problem; it says what status it is.
async fn problem(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(problem["status"], status);
    (status, problem["detail"].as_str().unwrap().to_owned())
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

fn index(home: &Path) -> PathBuf {
    publish(home, &exports())
}

#[test]
fn answers_are_those_of_the_library() {
    let home = tempfile::tempdir().unwrap();
    let options = options(&index(home.path()));
    let library = Index::open_with(&options.index, options.lookup).unwrap();
    let find = |query: Query| serde_json::to_value(library.find(query).unwrap()).unwrap();
    run(async {
        let asked = Asked::start(&options).await;
        let one = json_of(asked.get("/v1/resolve?q=jdoe%40EMEA").await).await;
        assert_eq!(one, find("jdoe@EMEA".into()));
        let several = json_of(asked.get("/v1/resolve?q=jdoe&ids_only=true").await).await;
        assert_eq!(several, find(Query::any("jdoe").ids_only()));
        assert_eq!(several["outcome"], "several");
        let upn = json_of(
            asked
                .get("/v1/resolve?q=john.doe%40contoso.com&kind=upn&verified=true")
                .await,
        )
        .await;
        assert_eq!(upn, find(Query::upn("john.doe@contoso.com").verified()));
        let clues = json!({"queries": [
            "jdoe@APAC", {"upn": "john.doe@contoso.com", "account": "jdoe@EMEA", "name": null, "verified": ["upn"]}, "\u{0}",
        ]});
        let many = json_of(asked.post("/v1/resolve", &clues.to_string()).await).await;
        let together = Query::all_of([
            Query::account_name("jdoe@EMEA"),
            Query::upn("john.doe@contoso.com").verified(),
        ]);
        let expected = [
            find("jdoe@APAC".into()),
            find(together),
            find("\u{0}".into()),
        ];
        assert_eq!(many, json!({"answers": expected}));
        let device = json_of(asked.get("/v1/devices/nb-1").await).await;
        assert_eq!(
            device["matches"][0]["accounts"][0]["account_name"],
            "jdoe@EMEA"
        );
        let why = json_of(asked.get("/v1/why?q=nobody").await).await;
        assert_eq!(why["answer"]["outcome"], "none");
        asked.end().await;
    });
}

#[test]
fn a_target_is_given_or_refused_with_what_speaks_against_it() {
    let home = tempfile::tempdir().unwrap();
    let options = options(&index(home.path()));
    run(async {
        let asked = Asked::start(&options).await;
        let target =
            async |body: Value| json_of(asked.post("/v1/target", &body.to_string()).await).await;
        let given = target(json!({"query": {"sid": "S-1-5-21-1-2-3-1101"}})).await;
        assert_eq!(
            given["target"]["collector_uid"],
            "cccccccc-0000-4000-8000-000000000001"
        );
        assert_eq!(given["target"]["account"]["account_name"], "jdoe@EMEA");
        let refused = target(json!({"query": "jdoe@EMEA"})).await;
        assert_eq!(
            (&refused["target"], &refused["doubts"]),
            (&Value::Null, &json!(["too_little"]))
        );
        let allowed =
            target(json!({"query": "jdoe@EMEA", "device": "NB-1", "allow": ["too_little"]})).await;
        assert_eq!(allowed["target"]["allowed"], json!(["too_little"]));
        let several = target(json!({"query": "jdoe"})).await;
        assert_eq!(
            (&several["target"], &several["outcome"]),
            (&Value::Null, &json!("several"))
        );
        asked.end().await;
    });
}

#[test]
fn what_cannot_be_asked_is_told_without_a_word_of_it() {
    let home = tempfile::tempdir().unwrap();
    let options = options(&index(home.path()));
    run(async {
        let asked = Asked::start(&options).await;
        for path in [
            "/v1/resolve",
            "/v1/resolve?q=a&q=b",
            "/v1/resolve?q=a&hunter2=1",
            "/v1/resolve?q=a&kind=hunter2",
            "/v1/resolve?q=a&all_classes=hunter2",
            "/v1/resolve?q=%ff%fe",
            "/v1/why",
        ] {
            let (status, detail) = problem(asked.get(path).await).await;
            assert!(
                status == 400 && !detail.contains("hunter2"),
                "{path}: {status} {detail}"
            );
        }
        let too_many = json!({"queries": vec!["a"; 1_001]}).to_string();
        for body in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"queries":"hunter2"}"#,
            r#"{"queries":[1]}"#,
            r#"{"queries":[],"hunter2":1}"#,
            r#"{"queries":[{"hunter2":"a"}]}"#,
            r#"{"queries":[{"upn":1}]}"#,
            r#"{"queries":[{"upn":"a","upn":"b"}]}"#,
            &too_many,
        ] {
            let (status, detail) = problem(asked.post("/v1/resolve", body).await).await;
            assert!(
                status == 400 && !detail.contains("hunter2"),
                "{body}: {status} {detail}"
            );
        }
        let large = " ".repeat((1 << 20) + 1);
        assert_eq!(
            problem(asked.post("/v1/resolve", &large).await).await.0,
            413
        );
        assert_eq!(
            problem(
                asked
                    .post("/v1/target", r#"{"query":"a","allow":["several"]}"#)
                    .await
            )
            .await
            .0,
            400
        );
        assert_eq!(problem(asked.get("/v1/nothing").await).await.0, 404);
        let delete = asked
            .client
            .request(Method::DELETE, format!("{}/v1/resolve", asked.base));
        assert_eq!(problem(delete.send().await.unwrap()).await.0, 405);
        let elsewhere = asked
            .client
            .get(format!("{}/v1/resolve?q=a", asked.base))
            .header("host", "evil.example");
        assert_eq!(problem(elsewhere.send().await.unwrap()).await.0, 421);
        asked.end().await;
    });
}

#[test]
fn it_is_ready_once_an_index_is_there() {
    let home = tempfile::tempdir().unwrap();
    let options = options(&home.path().join("identity.db"));
    run(async {
        let asked = Asked::start(&options).await;
        assert_eq!(asked.get("/healthz").await.status(), StatusCode::OK);
        let not_ready = asked.get("/readyz").await;
        assert_eq!(not_ready.headers()["retry-after"], "1");
        assert_eq!(problem(not_ready).await.0, 503);
        assert_eq!(problem(asked.get("/v1/resolve?q=a").await).await.0, 503);
        let folder = home.path().to_owned();
        tokio::task::spawn_blocking(move || index(&folder))
            .await
            .unwrap();
        // It is looked for twice a second.
        while asked.get("/readyz").await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
        let answer = json_of(asked.get("/v1/resolve?q=jdoe%40EMEA").await).await;
        assert_eq!(
            (&answer["outcome"], &answer["generation"]),
            (&json!("one"), &json!(1))
        );
        let metrics = asked.get("/metrics").await.text().await.unwrap();
        for line in [
            "identidex_ready 1",
            "identidex_generation 1",
            "identidex_answers_total{outcome=\"one\"} 1",
            "identidex_requests_total{route=\"/v1/resolve\",status=\"503\"} 1",
            "# EOF",
        ] {
            assert!(metrics.contains(line), "{line}\n{metrics}");
        }
        assert!(!metrics.contains("jdoe"));
        asked.end().await;
    });
}

#[test]
fn no_request_fails_through_new_generations() {
    let home = tempfile::tempdir().unwrap();
    let options = options(&index(home.path()));
    run(async {
        let asked = Asked::start(&options).await;
        let exports = home.path().join("exports");
        let path = options.index.clone();
        let sync = tokio::task::spawn_blocking(move || {
            for day in 21..26 {
                let name = format!("users/2026-11-{day}T06-00-00Z.csv");
                let text = format!("user.name,user.sid\nnew{day}@EMEA,S-1-5-21-1-2-3-22{day}\n");
                std::fs::write(exports.join(name), text).unwrap();
                replay::sync(&exports, &path, Duration::from_secs(300));
            }
        });
        let mut newest = 0;
        while !sync.is_finished() {
            let answer = json_of(asked.get("/v1/resolve?q=jdoe%40EMEA").await).await;
            assert_eq!(answer["outcome"], "one");
            let generation = answer["generation"].as_u64().unwrap();
            assert!(generation >= newest);
            newest = generation;
        }
        sync.await.unwrap();
        let answer = json_of(asked.get("/v1/resolve?q=new25%40EMEA").await).await;
        assert_eq!(
            (&answer["outcome"], &answer["generation"]),
            (&json!("one"), &json!(6))
        );
        asked.end().await;
    });
}

#[test]
fn others_need_a_token() {
    let home = tempfile::tempdir().unwrap();
    let mut options = options(&index(home.path()));
    options.address = Address::Tcp(([0, 0, 0, 0], 0).into());
    run(async {
        let error = Server::bind(&options).await.unwrap_err().to_string();
        assert!(error.contains("serve.token_file"), "{error}");
        options.token = Some(Token::new(TOKEN).unwrap());
        let mut asked = Asked::start(&options).await;
        asked.base = asked.base.replace("0.0.0.0", "127.0.0.1");
        let resolve = format!("{}/v1/resolve?q=jdoe", asked.base);
        for token in ["", "0123456789abcdef0124"] {
            let request = asked.client.get(&resolve).bearer_auth(token);
            let response = request.send().await.unwrap();
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            assert_eq!(problem(response).await.0, 401);
        }
        let request = asked
            .client
            .get(&resolve)
            .bearer_auth(TOKEN)
            .header("host", "sidecar.corp");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        assert_eq!(asked.get("/healthz").await.status(), StatusCode::OK);
        assert_eq!(
            asked.get("/metrics").await.status(),
            StatusCode::UNAUTHORIZED
        );
        asked.end().await;
    });
}

#[test]
fn the_description_is_the_copy_in_schemas_and_what_is_served() {
    let copy = include_str!("../../schemas/openapi.json");
    let copy: Value = serde_json::from_str(copy).unwrap();
    assert!(
        copy == document(),
        "write `identidex serve --openapi` to schemas/openapi.json"
    );
    let home = tempfile::tempdir().unwrap();
    let mut options = options(&home.path().join("none.db"));
    options.receiving = Some(received::receiving(home.path()));
    options.token = Some(Token::new(TOKEN).unwrap());
    run(async {
        let asked = Asked::start(&options).await;
        assert_eq!(
            json_of(asked.get_with_token("/openapi.json").await).await,
            copy
        );
        // Each path that is described is one, asked as it is described.
        for (path, methods) in copy["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
                let path = path
                    .replace("{value}", "a")
                    .replace("{source}", "exports")
                    .replace("{name}", "disk");
                let response = asked
                    .client
                    .request(method, format!("{}{path}", asked.base))
                    .bearer_auth(TOKEN)
                    .send();
                let status = response.await.unwrap().status().as_u16();
                assert!(![404, 405].contains(&status), "{path}: {status}");
            }
        }
        asked.end().await;
    });
}
