//! Sources: one set of assertions over a folder, S3 and Azure, then what only an evil server does.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use identidex::internals::source::{
    Error, Listing, Object, ObservedFrom, SourceConfig, Sources, Spooled, Stored, observed_at,
};

use crate::servers::{Azure, EVIL_SECRET, Evil, EvilS3, Folder, S3, Server, source};

const PLENTY: u64 = 1 << 30;

/// Runs a test over every kind of store, each time below a prefix of its own.
fn each(prefix: &str, test: impl Fn(&dyn Server, &str)) {
    test(&Folder::start(), prefix);
    test(S3::start(), prefix);
    test(Azure::start(), prefix);
}

fn open(config: SourceConfig) -> Result<Sources, Error> {
    Sources::open(&[config], Arc::new(AtomicBool::new(false)))
}

fn list(config: SourceConfig) -> Result<Listing, Error> {
    open(config)?.list()
}

fn keys(listing: &Listing) -> Vec<&str> {
    listing
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect()
}

/// Fetches all that a source lists.
fn fetch_all(sources: &Sources, spool: &Path) -> Vec<(Object, Result<Spooled, Error>)> {
    let objects = sources.list().unwrap().objects;
    sources.fetch(objects, spool, PLENTY).collect()
}

/// Fetches the one object of a source.
fn fetch_one(sources: &Sources) -> Result<Vec<u8>, Error> {
    let spool = tempfile::tempdir().unwrap();
    let mut fetched = fetch_all(sources, spool.path());
    assert_eq!(fetched.len(), 1);
    let (_, result) = fetched.remove(0);
    result.map(|spooled| std::fs::read(&spooled.file).unwrap())
}

/// Everything that an error says, its causes included.
fn text(err: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(err.source(), |err| err.source());
    causes.fold(format!("{err} {err:?}"), |text, err| {
        format!("{text} {err} {err:?}")
    })
}

// Over every store.

#[test]
fn objects_are_listed_below_the_prefix_and_fetched_whole_and_in_the_order_asked_for() {
    each("whole", |server, prefix| {
        let long = b"0123456789".repeat(30_000);
        let all: BTreeMap<String, &[u8]> = [
            ("users/2026-11-20T06-00-00Z.csv", &long[..]),
            ("users/b.csv", b"b"),
            ("devices/2026-11-20/06/part 1.csv", b"space"),
            ("devices/\u{fc}ml\u{e4}ut+&%.csv", b"spelling"),
            ("logins.csv", b"top"),
        ]
        .map(|(key, bytes)| (format!("{prefix}/{key}"), bytes))
        .into();
        for (key, bytes) in &all {
            server.put(key, bytes);
        }
        server.put(&format!("{prefix}-and-more/other.csv"), b"a sibling");

        let sources = open(server.config(&format!("{prefix}/"))).unwrap();
        let mut objects = sources.list().unwrap().objects;
        objects.reverse();
        let wanted: Vec<_> = objects.iter().map(|object| object.key.clone()).collect();
        let spool = tempfile::tempdir().unwrap();
        let fetched: Vec<_> = sources.fetch(objects, spool.path(), PLENTY).collect();

        let order: Vec<_> = fetched
            .iter()
            .map(|(object, _)| object.key.clone())
            .collect();
        assert_eq!(order, wanted);
        assert_eq!(fetched.len(), all.len());
        for (object, result) in fetched {
            let spooled = result.unwrap();
            let (_, bytes) = all
                .iter()
                .find(|(key, _)| key.ends_with(&object.key))
                .unwrap();
            assert_eq!(std::fs::read(&spooled.file).unwrap(), *bytes);
            assert_eq!(spooled.blake3, *blake3::hash(bytes).as_bytes());
            assert_eq!(spooled.object, object);
            assert_eq!(object.size_bytes, bytes.len() as u64);
            assert!(object.e_tag.is_some());
            if let Stored::Spooled(file) = &spooled.file {
                let mode = std::fs::metadata(file).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
            }
        }
        let sizes: usize = all.values().map(|bytes| bytes.len()).sum();
        assert_eq!(
            sources.bytes_fetched().load(Ordering::Relaxed),
            sizes as u64
        );
        assert_eq!(
            std::fs::read_dir(spool.path()).unwrap().count(),
            0,
            "deleted on drop"
        );
    });
}

#[test]
fn a_second_listing_is_the_same_until_something_changes() {
    each("again", |server, prefix| {
        server.put(&format!("{prefix}/a.csv"), b"one");
        let sources = open(server.config(prefix)).unwrap();
        let first = sources.list().unwrap().objects;
        assert_eq!(sources.list().unwrap().objects, first);
        server.put(&format!("{prefix}/a.csv"), b"two");
        let second = sources.list().unwrap().objects;
        assert_ne!(second[0].e_tag, first[0].e_tag);
    });
}

#[test]
fn empty_and_temporary_objects_are_left_for_the_next_run() {
    each("left-out", |server, prefix| {
        for name in [
            "a.csv.tmp",
            "_SUCCESS",
            ".hidden.csv",
            "deep/_part.csv",
            "_temporary/0/part.csv",
            ".hidden/part.csv",
        ] {
            server.put(&format!("{prefix}/{name}"), b"x");
        }
        server.put(&format!("{prefix}/empty.csv"), b"");
        server.put(&format!("{prefix}/folder_/taken.csv"), b"x");
        let listing = list(server.config(prefix)).unwrap();
        assert_eq!(listing.objects.len(), 1, "{:?}", keys(&listing));
        assert!(listing.objects[0].key.ends_with("folder_/taken.csv"));
        assert_eq!(listing.left_out, 7);
    });
}

#[test]
fn an_object_overwritten_after_it_was_listed_is_not_taken_for_the_listed_one() {
    each("overwritten", |server, prefix| {
        let key = format!("{prefix}/a.csv");
        for now in [&b"two"[..], b"longer than before", b""] {
            server.put(&key, b"one");
            let sources = open(server.config(prefix)).unwrap();
            let objects = sources.list().unwrap().objects;
            server.put(&key, now);
            let spool = tempfile::tempdir().unwrap();
            let results: Vec<_> = sources.fetch(objects, spool.path(), PLENTY).collect();
            assert!(
                matches!(results[0].1, Err(Error::Changed { .. })),
                "{:?}",
                results[0].1
            );
        }
    });
}

#[test]
fn an_object_that_is_gone_costs_only_itself() {
    each("gone", |server, prefix| {
        server.put(&format!("{prefix}/a.csv"), b"a");
        server.put(&format!("{prefix}/b.csv"), b"b");
        let sources = open(server.config(prefix)).unwrap();
        let objects = sources.list().unwrap().objects;
        server.delete(&format!("{prefix}/a.csv"));
        let spool = tempfile::tempdir().unwrap();
        let results: Vec<_> = sources.fetch(objects, spool.path(), PLENTY).collect();
        // Azurite answers the condition before it looks whether there is anything to meet it.
        let is_gone = matches!(
            results[0].1,
            Err(Error::NotFound { .. } | Error::Changed { .. })
        );
        assert!(is_gone, "{:?}", results[0].1);
        assert!(results[1].1.is_ok());
    });
}

#[test]
fn a_bucket_that_is_not_there_is_not_found() {
    each("elsewhere", |server, _| {
        let err = list(server.config_elsewhere()).unwrap_err();
        assert!(matches!(err, Error::NotFound { .. }), "{err:?}");
    });
}

#[test]
fn unknown_credentials_are_not_permitted_and_not_repeated() {
    each("stranger", |server, prefix| {
        let Some(config) = server.config_of_a_stranger(prefix) else {
            return;
        };
        let secrets: Vec<_> = ["secret_access_key", "account_key"]
            .iter()
            .filter_map(|key| config.options.get(*key).cloned())
            .collect();
        assert!(!format!("{config:?}").contains(&secrets[0]));
        let err = list(config).unwrap_err();
        assert!(matches!(err, Error::NotPermitted { .. }), "{err:?}");
        assert!(err.to_string().contains("status 403"), "{err}");
        assert!(!text(&err).contains(&secrets[0]));
    });
}

#[test]
fn one_object_is_a_source_too_whatever_its_name() {
    each("single", |server, prefix| {
        let key = format!("{prefix}/deep/_users.csv");
        server.put(&key, b"one");
        server.put(&format!("{prefix}/deep/_users.csv.bak"), b"another");
        let sources = open(server.config(&key)).unwrap();
        let objects = sources.list().unwrap().objects;
        assert_eq!(objects.len(), 1);
        assert!(key.ends_with(&objects[0].key));
        assert_eq!(fetch_one(&sources).unwrap(), b"one");
    });
}

#[test]
fn a_prefix_below_which_there_is_nothing_is_empty() {
    for server in [S3::start() as &dyn Server, Azure::start()] {
        for prefix in ["nothing/here/", "nothing/here"] {
            assert!(list(server.config(prefix)).unwrap().objects.is_empty());
        }
    }
}

#[test]
fn an_observed_time_is_that_of_the_key_in_the_time_zone_of_the_source() {
    each("observed", |server, prefix| {
        server.put(&format!("{prefix}/20261120_060000.csv"), b"a");
        server.put(&format!("{prefix}/users.csv"), b"b");
        let mut config = server.config(prefix);
        config.time_zone = jiff::tz::TimeZone::get("Europe/Zurich").unwrap();
        let objects = list(config.clone()).unwrap().objects;
        let expected: jiff::Timestamp = "2026-11-20T05:00:00Z".parse().unwrap();
        assert_eq!(objects[0].observed_at, expected.as_microsecond());
        assert_eq!(objects[0].observed_from, ObservedFrom::Key);
        assert_eq!(objects[1].observed_at, objects[1].modified_at);
        assert_eq!(objects[1].observed_from, ObservedFrom::Modified);
        config.observed_from = Some(ObservedFrom::Modified);
        let objects = list(config.clone()).unwrap().objects;
        assert_eq!(objects[0].observed_at, objects[0].modified_at);
        let again = observed_at(&objects[0].key, 7, &config.time_zone, config.observed_from);
        assert_eq!(again, (7, ObservedFrom::Modified));
    });
}

#[test]
fn the_spool_keeps_to_its_share_of_the_disk() {
    each("share", |server, prefix| {
        const SMALL: usize = 64 << 10;
        let sizes = [SMALL, SMALL, 5 * SMALL, SMALL, 1, SMALL, 2 * SMALL];
        for (number, size) in sizes.into_iter().enumerate() {
            server.put(&format!("{prefix}/{number}.csv"), &vec![b'x'; size]);
        }
        let sources = open(server.config(prefix)).unwrap();
        let objects = sources.list().unwrap().objects;
        let spool = tempfile::tempdir().unwrap();
        let mut seen = 0;
        for (_, result) in sources.fetch(objects, spool.path(), 2 * SMALL as u64) {
            let spooled = result.unwrap();
            let on_disk = bytes_in(spool.path());
            let own = spooled.object.size_bytes;
            assert!(on_disk <= own.max(2 * SMALL as u64), "{on_disk} with {own}");
            seen += 1;
        }
        assert_eq!(seen, sizes.len());
    });
}

fn bytes_in(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap().flatten();
    files
        .filter_map(|file| Some(file.metadata().ok()?.len()))
        .sum()
}

#[test]
fn a_stop_ends_every_call() {
    each("stop", |server, prefix| {
        server.put(&format!("{prefix}/a.csv"), b"a");
        server.put(&format!("{prefix}/b.csv"), b"b");
        let stop = Arc::new(AtomicBool::new(false));
        let sources = Sources::open(&[server.config(prefix)], Arc::clone(&stop)).unwrap();
        let objects = sources.list().unwrap().objects;
        stop.store(true, Ordering::Relaxed);
        let spool = tempfile::tempdir().unwrap();
        let results: Vec<_> = sources.fetch(objects, spool.path(), PLENTY).collect();
        assert_eq!(results.len(), 2, "none is missing in silence");
        // What was there before the stop was noticed is whole.
        let is_fine = |result: &Result<_, _>| matches!(result, Ok(_) | Err(Error::Stopped));
        assert!(results.iter().all(|(_, result)| is_fine(result)));
        assert!(matches!(sources.list(), Err(Error::Stopped)));
    });
}

#[test]
fn dropping_a_fetch_half_way_leaves_nothing_behind() {
    each("dropped", |server, prefix| {
        for number in 0..20 {
            server.put(&format!("{prefix}/{number}.csv"), &vec![b'x'; 200_000]);
        }
        let spool = tempfile::tempdir().unwrap();
        let sources = open(server.config(prefix)).unwrap();
        let objects = sources.list().unwrap().objects;
        let mut fetch = sources.fetch(objects, spool.path(), 1_000_000);
        assert!(fetch.next().unwrap().1.is_ok());
        drop(fetch);
        let is_empty = || std::fs::read_dir(spool.path()).unwrap().count() == 0;
        let patience = 1_000_000;
        assert!((0..patience).any(|_| is_empty()));
    });
}

// What only a folder has.

#[test]
fn a_file_whose_name_cannot_be_a_key_costs_only_itself() {
    let folder = Folder::start();
    folder.put("a.csv", b"a");
    folder.put("deep/z.csv", b"z");
    let odd = [&b"not-utf8-\xff.csv"[..], b"line\nfeed.csv"];
    for name in odd {
        std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), b"x").unwrap();
    }
    std::os::unix::fs::symlink("nowhere", folder.path().join("dangling.csv")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("deep/circle")).unwrap();
    let listing = list(folder.config("")).unwrap();
    assert_eq!(keys(&listing), ["a.csv", "deep/z.csv"]);
    assert_eq!(listing.odd_keys.len(), 2);
    let said: Vec<_> = listing.odd_keys.iter().map(ToString::to_string).collect();
    assert!(said.iter().all(|text| !text.contains('\n')), "{said:?}");
}

#[test]
fn a_file_url_is_a_folder() {
    let folder = Folder::start();
    folder.put("with space/a.csv", b"a");
    let url = url::Url::from_directory_path(folder.path().join("with space")).unwrap();
    assert_eq!(keys(&list(source("url", url.as_str())).unwrap()), ["a.csv"]);
}

#[test]
fn a_file_written_in_place_while_it_is_read_is_not_taken() {
    let folder = Folder::start();
    folder.put("a.csv", b"one");
    let sources = open(folder.config("")).unwrap();
    let objects = sources.list().unwrap().objects;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join("a.csv"));
    std::io::Write::write_all(&mut file.unwrap(), b"two").unwrap();
    let spool = tempfile::tempdir().unwrap();
    let results: Vec<_> = sources.fetch(objects, spool.path(), PLENTY).collect();
    assert!(matches!(results[0].1, Err(Error::Changed { .. })));
}

#[test]
fn a_spool_that_cannot_be_written_says_so() {
    let server = S3::start();
    server.put("no-spool/a.csv", b"a");
    let sources = open(server.config("no-spool")).unwrap();
    let results = fetch_all(&sources, Path::new("/proc/no-such-spool"));
    assert!(matches!(results[0].1, Err(Error::Spool { .. })));
}

// What a configuration may not say.

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

// What only an evil server does.

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
    let err = list(config).unwrap_err();
    assert!(matches!(err, Error::Unreachable { .. }), "{err:?}");
    assert!(
        err.to_string().contains("no answer, from 127.0.0.1"),
        "{err}"
    );
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
