//! What only an evil server does: half bodies, other objects, redirects, refusals, listings that are odd or endless.

use identidex::internals::source::Error;

use super::{fetch_one, keys, list, open, text};
use crate::servers::{EVIL_SECRET, Evil, EvilS3};

const BODY: &[u8] = b"the whole body of the object";

#[test]
fn a_body_that_ends_early_is_resumed_or_fetched_again_but_never_half_taken() {
    let evil = EvilS3::start(&[("a.csv", BODY)]);
    let sources = open(evil.config()).unwrap();
    evil.then(&[Evil::Cut(5), Evil::Cut(3), Evil::Cut(0)]);
    assert_eq!(fetch_one(&sources).unwrap(), BODY);
    evil.then(&vec![Evil::Cut(5); 100]);
    let err = fetch_one(&sources).unwrap_err();
    assert!(matches!(err, Error::Truncated { .. }), "{err:?}");
}

#[test]
fn a_body_of_another_length_than_listed_is_not_taken() {
    let evil = EvilS3::start(&[("a.csv", BODY)]);
    let sources = open(evil.config()).unwrap();
    for lie in [&b"short"[..], &BODY.repeat(2)] {
        evil.then(&vec![Evil::Lie(lie.to_vec()); 100]);
        let err = fetch_one(&sources).unwrap_err();
        assert!(matches!(err, Error::Truncated { .. }), "{err:?}");
    }
    evil.then(&[Evil::Lie(b"short".to_vec())]);
    assert_eq!(fetch_one(&sources).unwrap(), BODY);
}

#[test]
fn another_object_is_not_taken_where_the_condition_is_not_heeded() {
    let evil = EvilS3::start(&[("a.csv", BODY)]);
    let sources = open(evil.config()).unwrap();
    let same_length = BODY.to_ascii_uppercase();
    evil.then(&[Evil::Replace(same_length)]);
    assert!(matches!(fetch_one(&sources), Err(Error::Changed { .. })));
    // Resumed, it is another one as well.
    evil.then(&[Evil::Cut(5), Evil::Replace(BODY.to_vec())]);
    assert_eq!(fetch_one(&sources).unwrap(), BODY);
}

#[test]
fn a_redirect_is_not_followed() {
    let other = EvilS3::start(&[("a.csv", BODY)]);
    let evil = EvilS3::start(&[("a.csv", BODY)]);
    let sources = open(evil.config()).unwrap();
    let to = format!("{}/bucket/a.csv", other.endpoint());
    evil.then(&[Evil::Redirect(to.clone())]);
    let err = fetch_one(&sources).unwrap_err();
    assert!(matches!(err, Error::Redirected { .. }), "{err:?}");
    evil.then_listing(&[Evil::Redirect(to)]);
    assert!(matches!(sources.list(), Err(Error::Redirected { .. })));
    assert_eq!(other.requests(), 0);
}

#[test]
fn throttling_and_faults_that_pass_are_waited_out() {
    let evil = EvilS3::start(&[("a.csv", BODY)]);
    let sources = open(evil.config()).unwrap();
    let faults = [
        Evil::Refuse(503, "SlowDown"),
        Evil::Refuse(429, ""),
        Evil::Refuse(500, "InternalError"),
    ];
    evil.then_listing(&[&faults[..], &[Evil::Cut(10)]].concat());
    evil.then(&faults);
    assert_eq!(fetch_one(&sources).unwrap(), BODY);
}

#[test]
fn throttling_that_stays_is_unreachable_after_a_bounded_number_of_tries() {
    let evil = EvilS3::start(&[("a.csv", BODY)]);
    evil.then_listing(&vec![Evil::Refuse(503, "SlowDown"); 100]);
    let err = list(evil.config()).unwrap_err();
    assert!(matches!(err, Error::Unreachable { .. }), "{err:?}");
    assert_eq!(evil.requests(), 5, "one and max_retries");
    assert!(
        err.to_string()
            .contains("status 503, code SlowDown, request id 4442587FB7D0A2F9"),
        "{err}"
    );
}

#[test]
fn nobody_at_the_endpoint_is_unreachable() {
    let mut config = EvilS3::start(&[]).config();
    // The port of a listener that is gone.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    config
        .options
        .insert("endpoint".to_owned(), format!("http://{free}"));
    config
        .options
        .insert("max_retries".to_owned(), "0".to_owned());
    let err = list(config.clone()).unwrap_err();
    assert!(matches!(err, Error::Unreachable { .. }), "{err:?}");
    let told =
        format!("no answer, connection refused, from {free}); check the endpoint and its port");
    assert!(err.to_string().contains(&told), "{err}");
    // A name that is never given to anybody (RFC 2606).
    let endpoint = "http://store.invalid:9000".to_owned();
    config.options.insert("endpoint".to_owned(), endpoint);
    let err = list(config).unwrap_err().to_string();
    let told = "the name of the host cannot be resolved, from store.invalid:9000)";
    assert!(err.contains(told), "{err}");
}

#[test]
fn a_refusal_says_what_helps_by_its_code() {
    let evil = EvilS3::start(&[("a.csv", BODY)]);
    let sources = open(evil.config()).unwrap();
    for (status, code, hint) in [
        (
            403,
            "RequestTimeTooSkewed",
            "the clock of this machine is wrong: set it",
        ),
        (403, "InvalidAccessKeyId", "there is no such access key"),
        (
            400,
            "ExpiredToken",
            "the session token has expired: renew it",
        ),
        (
            400,
            "AuthorizationHeaderMalformed",
            "the bucket is in another region",
        ),
        (
            403,
            "InvalidObjectState",
            "it is archived: restore it, or exclude it",
        ),
        (
            409,
            "BlobArchived",
            "it is archived: rehydrate it, or exclude it",
        ),
        (403, "AccessDenied", "set the option request_payer"),
        (
            403,
            "Unheard",
            "check the credentials, and the right to list and to read",
        ),
    ] {
        evil.then_listing(&[Evil::Refuse(status, code)]);
        let err = sources.list().unwrap_err().to_string();
        assert!(err.contains(hint), "{code}: {err}");
    }
}

#[test]
fn a_source_that_may_not_be_read_is_left_alone_soon() {
    // In one folder, and in one each, as partitioned exports lie.
    for key in [
        |at: usize| format!("{at:03}.csv"),
        |at: usize| format!("day={at:03}/a.csv"),
    ] {
        let objects: Vec<String> = (0..200).map(key).collect();
        let objects: Vec<(&str, &[u8])> = objects.iter().map(|key| (key.as_str(), BODY)).collect();
        let evil = EvilS3::start(&objects);
        let sources = open(evil.config()).unwrap();
        let listed = sources.list().unwrap().objects;
        evil.then(&vec![Evil::Refuse(403, "AccessDenied"); 300]);
        let asked = evil.requests();
        let spool = tempfile::tempdir().unwrap();
        let ended: Vec<_> = sources.fetch(listed, spool.path(), 1 << 20).collect();
        let is_left_alone = |error: &Error| matches!(error, Error::LeftAlone { .. });
        let left = ended
            .iter()
            .filter(|(_, it)| it.as_ref().is_err_and(is_left_alone))
            .count();
        assert!(
            ended.iter().all(|(_, it)| it.is_err()) && left > 100,
            "{left}"
        );
        // Twenty, and what was under way.
        assert!(evil.requests() - asked < 60, "{}", evil.requests() - asked);
    }
}

#[test]
fn an_archived_object_is_told_from_one_that_may_not_be_read() {
    let objects: Vec<String> = (0..30).map(|at| format!("{at:03}.csv")).collect();
    let objects: Vec<(&str, &[u8])> = objects.iter().map(|key| (key.as_str(), BODY)).collect();
    for (status, code) in [(403, "InvalidObjectState"), (409, "BlobArchived")] {
        let evil = EvilS3::start(&objects);
        let sources = open(evil.config()).unwrap();
        let listed = sources.list().unwrap().objects;
        evil.then(&vec![Evil::Refuse(status, code); 29]);
        let spool = tempfile::tempdir().unwrap();
        let ended: Vec<_> = sources.fetch(listed, spool.path(), 1 << 20).collect();
        let is_archived = |error: &Error| matches!(error, Error::Archived { .. });
        let archived = ended
            .iter()
            .filter(|(_, it)| it.as_ref().is_err_and(is_archived));
        assert_eq!(archived.count(), 29, "{code}");
        assert!(ended.iter().any(|(_, it)| it.is_ok()), "{code}");
    }
}

#[test]
fn a_refusal_says_its_code_and_no_secret_of_its_body() {
    let evil = EvilS3::start(&[("a.csv", BODY)]);
    let sources = open(evil.config()).unwrap();
    for (status, code) in [
        (400, "ExpiredToken"),
        (403, "AccessDenied"),
        (403, EVIL_SECRET),
        (418, "Teapot"),
    ] {
        evil.then_listing(&[Evil::Refuse(status, code)]);
        let listed = sources.list().unwrap_err();
        evil.then(&[Evil::Refuse(status, code)]);
        let fetched = fetch_one(&sources).unwrap_err();
        for err in [listed, fetched] {
            assert!(
                matches!(err, Error::NotPermitted { .. } | Error::Other { .. }),
                "{err:?}"
            );
            assert_eq!(matches!(err, Error::Other { .. }), status == 418);
            assert!(
                err.to_string().contains(&format!("status {status}")),
                "{err}"
            );
            let message = text(&err).replace(&format!("code {code}"), "");
            assert!(
                code == EVIL_SECRET || !message.contains(EVIL_SECRET),
                "{message}"
            );
        }
    }
}

#[test]
fn an_odd_key_costs_only_itself() {
    let odd = [
        "a//b.csv",
        "../x",
        "./x.csv",
        "/lead.csv",
        "control&#1;.csv",
    ];
    let good = ["a/b.csv", "lead.csv", "nexthink/a&amp;b.csv"];
    let all = odd.iter().chain(&good).map(|key| (*key, BODY));
    let evil = EvilS3::start(&all.chain([("nexthink/", &b""[..])]).collect::<Vec<_>>());
    let listing = list(evil.config()).unwrap();
    assert_eq!(keys(&listing), ["a/b.csv", "lead.csv", "nexthink/a&b.csv"]);
    let mut named: Vec<_> = listing
        .odd_keys
        .iter()
        .map(|odd| odd.key.as_str())
        .collect();
    named.sort_unstable();
    assert_eq!(
        named,
        [
            "../x",
            "./x.csv",
            "/lead.csv",
            "a//b.csv",
            "control\u{1}.csv"
        ]
    );
}

#[test]
fn a_listing_without_end_is_an_error() {
    let evil = EvilS3::start(&[("a.csv", BODY)]);
    evil.list_without_end();
    let err = list(evil.config()).unwrap_err();
    assert!(matches!(err, Error::BadListing { .. }), "{err:?}");
    assert_eq!(
        evil.requests(),
        3,
        "the first page, the next, and the next again"
    );
}
