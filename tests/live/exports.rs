//! Exports: started, looked at, downloaded.

use std::io::Write;
use std::time::Duration;

use identidex::live::nql::Compression;
use identidex::live::{Client, Error};

use super::{query, run, tenant};
use crate::servers::{Reply, Scripted};

const START: &str = "/api/v1/nql/export";
const STATUS: &str = "/api/v1/nql/status/e-1";
const FILE: &str = "/bucket/file?signature=signed";
const CSV: &[u8] = b"user.name\njdoe@EMEA\n";
const WITHIN: Duration = Duration::from_secs(20);

fn done(server: &Scripted, status: u16) -> Reply {
    let file = format!("{}{FILE}", server.address());
    Reply::of(
        status,
        format!(r#"{{"status":"COMPLETED","resultsFileUrl":"{file}"}}"#),
    )
}

fn under_way(status: &str) -> Reply {
    Reply::of(
        200,
        format!(r#"{{"status":"{status}","resultsFileUrl":null}}"#),
    )
}

fn packed(compression: Compression) -> Vec<u8> {
    match compression {
        Compression::None => CSV.to_vec(),
        Compression::Gzip => {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(CSV).unwrap();
            packed.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(CSV, 3).unwrap(),
    }
}

async fn exported(client: &Client, compression: Compression) -> Result<(Vec<u8>, bool), Error> {
    let export = client.export(&query(), compression, WITHIN).await?;
    let mut file = Vec::new();
    client.download(&export, &mut file, WITHIN).await?;
    Ok((file, export.is_truncated))
}

#[test]
fn an_export_is_waited_for_and_unpacked_without_a_token_for_its_file() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let (server, client) = tenant(10.0);
        server.answers(START, &[Reply::of(200, r#"{"exportId":"e-1"}"#)]);
        server.answers(
            STATUS,
            &[
                under_way("SUBMITTED"),
                under_way("IN_PROGRESS"),
                done(&server, 200),
            ],
        );
        server.answers(FILE, &[Reply::of(200, packed(compression))]);
        let (file, is_truncated) = run(exported(&client, compression)).unwrap();
        assert_eq!((&*file, is_truncated), (CSV, false));
        let asked = &server.asked(FILE)[0];
        assert!(!asked.headers.contains_key("authorization"), "{asked:?}");
        assert_eq!(
            server.asked(STATUS).len(),
            4,
            "asked for the file's address anew"
        );
    }
}

#[test]
fn what_the_licence_cut_is_truncated() {
    let (server, client) = tenant(10.0);
    server.answers(START, &[Reply::of(200, r#"{"exportId":"e-1"}"#)]);
    server.answers(STATUS, &[done(&server, 206)]);
    server.answers(FILE, &[Reply::of(200, CSV)]);
    assert!(run(exported(&client, Compression::None)).unwrap().1);
}

#[test]
fn the_daily_limit_says_until_when() {
    let (server, client) = tenant(10.0);
    server.answers(START, &[Reply::of(200, r#"{"exportId":"e-1"}"#)]);
    server.answers(
        STATUS,
        &[Reply::of(429, "").with("Retry-After", "2099-01-02T00:00:00Z")],
    );
    let error = run(exported(&client, Compression::None)).unwrap_err();
    let Error::DailyLimit { until: Some(until) } = error else {
        panic!("{error:?}");
    };
    assert!(until.to_string().starts_with("2099-01-0"), "{until}");
}

#[test]
fn an_export_that_fails_or_is_odd_is_told() {
    let (server, client) = tenant(10.0);
    server.answers(START, &[Reply::of(200, r#"{"exportId":"e-1"}"#)]);
    server.answers(
        STATUS,
        &[Reply::of(
            200,
            r#"{"status":"ERROR","errorDescription":"too\nlong"}"#,
        )],
    );
    let error = run(exported(&client, Compression::None)).unwrap_err();
    assert_eq!(
        error.to_string(),
        r"Nexthink could not export the query: too\nlong"
    );
    for id in ["../../act/execute", "", "a b"] {
        server.answers(
            START,
            &[Reply::of(200, format!(r#"{{"exportId":"{id}"}}"#))],
        );
        let error = run(exported(&client, Compression::None)).unwrap_err();
        assert!(matches!(error, Error::BadAnswer { .. }), "{error:?}");
    }
}

#[test]
fn a_file_that_is_cut_or_expired_is_no_export() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let (server, client) = tenant(10.0);
        server.answers(START, &[Reply::of(200, r#"{"exportId":"e-1"}"#)]);
        server.answers(STATUS, &[done(&server, 200)]);
        let whole = packed(compression);
        server.answers(FILE, &[Reply::of(200, &whole[..whole.len() - 6])]);
        let error = run(exported(&client, compression)).unwrap_err();
        assert!(
            matches!(error, Error::Write { .. }),
            "{compression:?}: {error:?}"
        );
        server.answers(
            FILE,
            &[Reply::of(403, "<Error>signature=signed expired</Error>")],
        );
        let error = run(exported(&client, compression)).unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("signed"),
            "{error:?}"
        );
    }
}
