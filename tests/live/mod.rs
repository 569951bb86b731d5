//! Nexthink's APIs, against a server that answers as it is told. Belongs here: what a client asks, and what it makes of
//! answers, refusals, silence and nonsense.

mod acts;
mod exports;
mod queries;
mod resolver;
#[cfg(feature = "cli")]
mod stand_in;
mod tokens;

use std::time::Duration;

use identidex::live::nql::{Query, QueryId};
use identidex::live::{Client, Credentials, Options, Secret, Tenant};

use crate::servers::{Reply, Scripted};

const TOKEN: &str = "/oauth2/default/v1/token";
const EXECUTE: &str = "/api/v2/nql/execute";
/// Of a test: it must never be shown.
const SECRET: &str = "s3cr3t-0f-the-test";

/// A tenant that gives tokens; its client takes no more than `seconds` for a call.
fn tenant(seconds: f64) -> (Scripted, Client) {
    let server = Scripted::start();
    server.answers(TOKEN, &[token("t1", 900)]);
    let client = client(&server, SECRET, seconds);
    (server, client)
}

fn client(server: &Scripted, secret: &str, seconds: f64) -> Client {
    let tenant = Tenant::at(&server.address(), &server.address()).unwrap();
    client_of(tenant, secret, seconds)
}

fn client_of(tenant: Tenant, secret: &str, seconds: f64) -> Client {
    let credentials = Credentials {
        client_id: "bot".to_owned(),
        secret: Secret::new(secret).unwrap(),
    };
    let options = Options {
        deadline: Duration::from_secs_f64(seconds),
        calls_per_second: 100,
        ..Options::default()
    };
    Client::new(tenant, credentials, options).unwrap()
}

fn token(text: &str, lifetime: u32) -> Reply {
    Reply::of(
        200,
        format!(
            r#"{{"token_type":"Bearer","expires_in":{lifetime},"access_token":"{text}","scope":"service:integration"}}"#
        ),
    )
}

fn rows(names: &[&str]) -> Reply {
    let rows: Vec<String> = names
        .iter()
        .map(|name| format!(r#"{{"device.name":"{name}"}}"#))
        .collect();
    let rows = format!(
        r##"{{"queryId":"#devices","executedQuery":"devices","rows":{},"executionDateTime":"2026-11-20T06:00:00","data":[{}]}}"##,
        names.len(),
        rows.join(",")
    );
    Reply::of(200, rows)
}

fn query() -> Query {
    Query::new(QueryId::new("#devices").unwrap())
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}
