//! Tokens: how one is asked for, shared, renewed, and what becomes of it where none is given.

use identidex::live::Error;

use super::{EXECUTE, SECRET, TOKEN, client, query, rows, run, tenant, token};
use crate::servers::{Reply, Scripted};

#[test]
fn one_token_serves_all_calls_of_all_clones() {
    let (server, client) = tenant(10.0);
    server.answers(EXECUTE, &[rows(&["NB-1"])]);
    run(async {
        let (one, two) = (client.clone(), client.clone());
        let (devices, query) = (query(), query());
        let both = futures::future::join(one.execute(&devices), two.execute(&query)).await;
        assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
        client.execute(&query).await.unwrap();
    });
    let asked = server.asked(TOKEN);
    assert_eq!(asked.len(), 1);
    let body = String::from_utf8(asked[0].body.clone()).unwrap();
    assert_eq!(
        body,
        "grant_type=client_credentials&scope=service%3Aintegration"
    );
    // bot:s3cr3t-0f-the-test
    assert_eq!(
        asked[0].headers["authorization"],
        "Basic Ym90OnMzY3IzdC0wZi10aGUtdGVzdA=="
    );
    assert!(
        server
            .asked(EXECUTE)
            .iter()
            .all(|asked| asked.headers["authorization"] == "Bearer t1")
    );
}

#[test]
fn a_token_that_is_refused_is_renewed_once() {
    let (server, client) = tenant(10.0);
    server.answers(TOKEN, &[token("t1", 900), token("t2", 900)]);
    server.answers(
        EXECUTE,
        &[rows(&["NB-1"]), Reply::of(401, ""), rows(&["NB-2"])],
    );
    run(async {
        client.execute(&query()).await.unwrap();
        let second = client.execute(&query()).await.unwrap();
        assert_eq!(second.rows[0]["device.name"], "NB-2");
    });
    let bearers = server.asked(EXECUTE);
    let bearers: Vec<&str> = bearers
        .iter()
        .map(|asked| &*asked.headers["authorization"])
        .collect();
    assert_eq!(bearers, ["Bearer t1", "Bearer t1", "Bearer t2"]);
    server.answers(EXECUTE, &[Reply::of(401, "")]);
    let error = run(client.execute(&query())).unwrap_err();
    assert_eq!(error.status(), Some(401));
    assert_eq!(server.asked(EXECUTE).len(), 5, "renewed once, not for ever");
}

#[test]
fn a_token_is_not_used_to_its_end() {
    let (server, client) = tenant(10.0);
    // Of no more than a moment, half is used.
    server.answers(TOKEN, &[token("t1", 0), token("t2", 900)]);
    server.answers(EXECUTE, &[rows(&[])]);
    run(async {
        client.execute(&query()).await.unwrap();
        client.execute(&query()).await.unwrap();
    });
    assert_eq!(server.asked(TOKEN).len(), 2);
}

#[test]
fn wrong_credentials_are_told_and_never_shown() {
    let (server, client) = tenant(10.0);
    server.answers(
        TOKEN,
        &[Reply::of(
            401,
            r#"{"error":"invalid_client","error_description":"no such client"}"#,
        )],
    );
    let error = run(client.execute(&query())).unwrap_err();
    assert!(matches!(error, Error::Credentials { .. }), "{error:?}");
    let shown = format!("{error} {error:?} {client:?}");
    assert!(
        shown.contains("invalid_client") && !shown.contains(SECRET),
        "{shown}"
    );
    assert_eq!(
        server.asked(TOKEN).len(),
        1,
        "to ask again would lock the client out"
    );
    assert_eq!(server.asked(EXECUTE).len(), 0);
}

#[test]
fn a_login_page_in_between_is_no_token() {
    let (server, client) = tenant(10.0);
    for body in ["<html>Sign in</html>", "{}", r#"{"access_token":"a\nb"}"#] {
        server.answers(TOKEN, &[Reply::of(200, body)]);
        let error = run(client.execute(&query())).unwrap_err();
        assert!(matches!(error, Error::BadAnswer { .. }), "{error:?}");
    }
}

#[test]
fn an_endpoint_that_is_busy_or_gone_is_told_apart() {
    let (server, client) = tenant(10.0);
    server.answers(TOKEN, &[Reply::of(503, ""), token("t1", 900)]);
    server.answers(EXECUTE, &[rows(&[])]);
    assert!(run(client.execute(&query())).is_ok());
    // A port on which nobody listens any more.
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let address = format!("http://{port}");
    let tenant = identidex::live::Tenant::at(&address, &address).unwrap();
    let gone = super::client_of(tenant, SECRET, 1.0);
    let error = run(gone.execute(&query())).unwrap_err();
    assert!(error.to_string().contains("connection refused"), "{error}");
    let silent = Scripted::start();
    silent.answers(TOKEN, &[Reply::silent()]);
    let error = run(client_that_waits(&silent).execute(&query())).unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
}

fn client_that_waits(server: &Scripted) -> identidex::live::Client {
    client(server, SECRET, 0.3)
}
