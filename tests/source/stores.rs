//! What holds of every store: what is listed, fetched, left out, gone, overwritten and not permitted.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use identidex::internals::source::{Error, ObservedFrom, Sources, Stored, observed_at};

use super::{PLENTY, each, fetch_one, keys, list, open, text};
use crate::servers::{Azure, S3, Server};

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
