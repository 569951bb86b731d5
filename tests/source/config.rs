//! What a configuration of sources may not say, and that no secret of it is shown.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use identidex::internals::source::{Error, Sources};

use super::{list, open, text};
use crate::servers::{EvilS3, Folder, Server, source};

#[test]
fn urls_and_options_that_cannot_be_used_are_refused_without_their_values() {
    let with = |url: &str, options: &[(&str, &str)]| {
        let mut config = source("x", url);
        let options = options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        config.options = options.collect();
        open(config).unwrap_err()
    };
    let secret = "hunter2";
    let query = format!("https://a.blob.core.windows.net/c/p?sig={secret}");
    let user = format!("s3://key:{secret}@bucket/");
    let bad_urls = [
        &query,
        &user,
        "https://example.com/x",
        "ftp://x/y",
        "s3://b/a//c",
        "memory:///",
        "file://host/x",
    ];
    for url in bad_urls {
        let err = with(url, &[]);
        assert!(matches!(err, Error::BadUrl { .. }), "{url}: {err:?}");
        assert!(!text(&err).contains(secret));
    }
    let bad_options = [
        ("s3://b/", &[("acess_key_id", secret)][..]),
        ("s3://b/", &[("timeout", "1s")]),
        ("s3://b/", &[("access_key_id", secret)]),
        (
            "s3://b/",
            &[("skip_signature", "true"), ("max_retries", secret)],
        ),
        (
            "s3://b/",
            &[("skip_signature", "true"), ("endpoint", secret)],
        ),
        ("az://c/", &[("account_key", secret)]),
        ("az://c/", &[("account_name", "a"), ("account_key", secret)]),
        (
            "az://c/",
            &[("account_name", "a"), ("use_emulator", "true")],
        ),
        ("/tmp", &[("region", secret)]),
    ];
    for (url, options) in bad_options {
        let err = with(url, options);
        assert!(
            matches!(err, Error::BadOption { .. }),
            "{url} {options:?}: {err:?}"
        );
        assert!(!text(&err).contains(secret));
    }
}

#[test]
fn an_endpoint_that_is_not_https_must_be_allowed_even_on_loopback() {
    let mut config = EvilS3::start(&[]).config();
    assert!(list(config.clone()).is_ok());
    config.options.remove("allow_http");
    assert!(matches!(
        list(config.clone()),
        Err(Error::InsecureEndpoint { .. })
    ));
    config
        .options
        .insert("allow_http".to_owned(), "false".to_owned());
    assert!(matches!(list(config), Err(Error::InsecureEndpoint { .. })));
}

#[test]
fn two_sources_of_one_name_are_refused() {
    let folder = Folder::start();
    let twice = [folder.config(""), folder.config("")];
    let opened = Sources::open(&twice, Arc::new(AtomicBool::new(false)));
    assert!(matches!(opened, Err(Error::BadUrl { .. })));
}
