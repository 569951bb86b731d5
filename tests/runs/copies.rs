//! Copies: objects of the same content, observed at the same time and at another.

use std::fs;
use std::path::Path;
use std::time::Duration;

use identidex::ingest::{self, SourceConfig};

use super::{run, tenant};
use crate::servers::{Folder, Server};
use crate::{replay, state};

#[test]
fn a_copy_at_another_time_is_reported_and_one_at_the_same_time_costs_no_rows() {
    let folder = Folder::start();
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    let (_, users) = &tenant()[4];
    folder.put("a/2026-11-20T06-00-00Z.csv", users);
    folder.put("b/2026-11-20T06-00-00Z.csv", users);
    let report = run(folder.config(""), &index).unwrap();
    assert_eq!((report.objects.loaded, report.objects.duplicate), (1, 1));
    folder.put("c/no-time.csv", users);
    let report = run(folder.config(""), &index).unwrap();
    assert_eq!((report.objects.loaded, report.objects.duplicate), (1, 0));
    assert!(
        report
            .warnings
            .iter()
            .any(|warning| warning.starts_with("repeated_content")),
        "{:?}",
        report.warnings
    );
}

#[test]
fn a_copy_of_a_logins_object_never_counts_before_its_original() {
    let folder = Folder::start();
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    let logins = &tenant()[2].1;
    // Modified at once: a copy that was modified later may count anew.
    let modified = std::time::SystemTime::now();
    for copy in ["a", "b"] {
        let key = format!("logins/{copy}/2026-11-20T06-00-00Z.csv");
        folder.put(&key, logins);
        let path = Path::new(&folder.config("").url).join(key);
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(modified).unwrap();
    }
    for (key, bytes) in tenant()
        .into_iter()
        .filter(|(key, _)| !key.starts_with("logins"))
    {
        folder.put(&key, &bytes);
    }
    let mut options = replay::options(Path::new("unused"), &index, Duration::ZERO);
    options.sources = vec![folder.config("")];
    // The first run stops once something is published, with both logins objects fetched and waiting.
    let stop = std::sync::Arc::clone(&options.stop);
    let mut objects = 0;
    let stopped = ingest::run(&options, &mut |progress| {
        if let ingest::Progress::Object { .. } = progress {
            objects += 1;
            stop.store(objects >= 2, std::sync::atomic::Ordering::Relaxed);
        }
    });
    assert!(
        matches!(stopped, Err(ingest::Error::Stopped)),
        "{stopped:?}"
    );
    let report = run(folder.config(""), &index).unwrap();
    let rows = state::open(&index);
    let states: Vec<String> = rows
        .prepare("SELECT state FROM object WHERE key LIKE '%logins%' ORDER BY state")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap();
    assert_eq!(states, ["duplicate", "loaded"], "{report:?}");
    assert!(report.usages > 0);
}

#[test]
fn a_copy_of_an_object_that_failed_is_no_copy() {
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    let (plain, declared) = (Folder::start(), Folder::start());
    // Three umlauts in windows-1252, which one of the sources is not said to be in.
    let users = b"user.name,user.ad.full_name\na@EMEA,M\xfcller\nb@EMEA,J\xf6rg\nc@EMEA,Ren\xe9\n";
    for folder in [&plain, &declared] {
        folder.put("users/2026-11-20T06-00-00Z.csv", users);
    }
    let mut options = replay::options(Path::new("unused"), &index, Duration::from_secs(300));
    options.sources = vec![
        SourceConfig {
            name: "a".into(),
            ..plain.config("")
        },
        SourceConfig {
            name: "b".into(),
            encoding: Some(encoding_rs::WINDOWS_1252),
            ..declared.config("")
        },
    ];
    let report = ingest::run(&options, &mut |_| {}).unwrap();
    let counts = report.objects;
    assert_eq!(
        (counts.failed, counts.loaded, counts.duplicate),
        (1, 1, 0),
        "{report:?}"
    );
    assert_eq!(report.accounts, 3);
}
