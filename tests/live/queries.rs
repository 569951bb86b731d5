//! Queries that are executed: what is asked, and what is made of every kind of answer.

use identidex::live::Error;
use serde_json::{Value, json};

use super::{EXECUTE, query, rows, run, tenant};
use crate::servers::Reply;

#[test]
fn a_query_is_asked_by_its_id_with_its_parameters_in_utc() {
    let (server, client) = tenant(10.0);
    server.answers(EXECUTE, &[rows(&["NB-1", "NB-2"])]);
    let query = query().with("username", "jdoe@EMEA").unwrap();
    let answer = run(client.execute(&query)).unwrap();
    assert_eq!(answer.rows.len(), 2);
    assert_eq!(
        (&*answer.executed_query, answer.is_probably_cut()),
        ("devices", false)
    );
    let asked = &server.asked(EXECUTE)[0];
    assert_eq!(
        (&*asked.method, &*asked.headers["x-utc-times"]),
        ("POST", "true")
    );
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(
        body,
        json!({"queryId": "#devices", "parameters": {"username": "jdoe@EMEA"}})
    );
}

#[test]
fn a_thousand_rows_are_probably_cut() {
    let (server, client) = tenant(10.0);
    server.answers(EXECUTE, &[rows(&["NB-1"; 1_000])]);
    assert!(run(client.execute(&query())).unwrap().is_probably_cut());
}

#[test]
fn what_may_pass_is_tried_again_as_it_was_said() {
    let (server, client) = tenant(20.0);
    let date =
        jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S GMT", jiff::Timestamp::now()).unwrap();
    server.answers(
        EXECUTE,
        &[
            Reply::of(503, ""),
            Reply::of(429, "").with("Retry-After", "0"),
            Reply::of(429, "").with("Retry-After", &date),
            Reply::of(502, "<html>"),
            rows(&["NB-1"]),
        ],
    );
    assert_eq!(run(client.execute(&query())).unwrap().rows.len(), 1);
    assert_eq!(server.asked(EXECUTE).len(), 5);
}

#[test]
fn a_wait_that_is_too_long_is_told_at_once() {
    let (server, client) = tenant(10.0);
    server.answers(EXECUTE, &[Reply::of(429, "").with("Retry-After", "3600")]);
    let error = run(client.execute(&query())).unwrap_err();
    assert!(error.is_transient());
    assert!(error.retry_after().unwrap().as_secs() > 3_500, "{error:?}");
    assert_eq!(server.asked(EXECUTE).len(), 1);
}

#[test]
fn what_will_not_pass_is_asked_once_and_told_in_its_words() {
    let (server, client) = tenant(10.0);
    for (status, body, said) in [
        (
            403,
            r#"{"message":"no permission","code":7,"source":"nql"}"#,
            "status 403, code 7: no permission",
        ),
        (
            404,
            r#"{"code":100,"message":"unknown query"}"#,
            "there is no such query",
        ),
        (406, "", "status 406"),
        (500, r#"{"message":"boom","code":1}"#, "boom"),
        (307, "", "status 307"),
    ] {
        let before = server.asked(EXECUTE).len();
        server.answers(
            EXECUTE,
            &[Reply::of(status, body).with("Location", "http://127.0.0.1:9/")],
        );
        let error = run(client.execute(&query())).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.status(), Some(status));
        assert_eq!(server.asked(EXECUTE).len(), before + 1);
    }
}

#[test]
fn nonsense_silence_and_floods_end() {
    let (server, client) = tenant(0.5);
    for body in ["<html>", "{}", r#"{"data":[1]}"#, r#"{"rows":3,"data":[]}"#] {
        server.answers(EXECUTE, &[Reply::of(200, body)]);
        let error = run(client.execute(&query())).unwrap_err();
        assert!(matches!(error, Error::BadAnswer { .. }), "{error:?}");
    }
    server.answers(EXECUTE, &[Reply::silent()]);
    let error = run(client.execute(&query())).unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
    let (server, client) = tenant(20.0);
    server.answers(EXECUTE, &[Reply::of(200, vec![b' '; 65 << 20])]);
    let error = run(client.execute(&query())).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}
