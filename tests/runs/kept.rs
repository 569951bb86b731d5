//! Files of a folder that are kept for a time only: which are removed, and which never.

use std::fs;
use std::path::Path;
use std::time::Duration;

use identidex::ingest::{self, Options, SourceConfig};

use crate::replay;

fn put(exports: &Path, key: &str, text: &str) {
    let path = exports.join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn options(exports: &Path, index: &Path) -> Options {
    let mut options = replay::options(exports, index, Duration::from_secs(300));
    options.sources = vec![SourceConfig {
        keep_for: Some(Duration::ZERO),
        ..SourceConfig::new("exports", exports.display().to_string())
    }];
    options
}

fn keys(exports: &Path) -> Vec<String> {
    let found = fs::read_dir(exports.join("users")).unwrap();
    let mut keys: Vec<String> = found
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    keys.sort();
    keys
}

#[test]
fn what_an_earlier_run_took_in_goes_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let (exports, index) = (home.path().join("exports"), home.path().join("identity.db"));
    put(
        &exports,
        "users/2026-11-20T06-00-00Z.csv",
        "user.name\nann@EMEA\n",
    );
    put(
        &exports,
        "users/2026-11-20T07-00-00Z.csv",
        "nothing\nknown\n",
    );
    let options = options(&exports, &index);
    let run = |options: &Options| ingest::run(options, &mut |_| {}).unwrap();
    run(&options);
    assert_eq!(
        keys(&exports).len(),
        2,
        "a rollback may need what this run took in"
    );
    let dry = Options {
        is_dry_run: true,
        ..options.clone()
    };
    run(&dry);
    assert_eq!(keys(&exports).len(), 2);
    put(
        &exports,
        "users/2026-11-20T08-00-00Z.csv",
        "user.name\nbob@EMEA\n",
    );
    let report = run(&options);
    assert_eq!(report.accounts, 2);
    // What failed, and what is new, is there still.
    assert_eq!(
        keys(&exports),
        ["2026-11-20T07-00-00Z.csv", "2026-11-20T08-00-00Z.csv"]
    );
    // What was written anew meanwhile is another object.
    put(
        &exports,
        "users/2026-11-20T08-00-00Z.csv",
        "user.name\nbob@EMEA\ncarl@EMEA\n",
    );
    let report = run(&options);
    assert_eq!((report.accounts, keys(&exports).len()), (3, 2));
    fs::remove_file(exports.join("users/2026-11-20T07-00-00Z.csv")).unwrap();
    run(&options);
    let report = run(&options);
    assert_eq!(report.warnings, [""; 0], "its time is over");
    let mut longer = options.clone();
    longer.sources[0].keep_for = Some(Duration::from_secs(3_600));
    let warnings = run(&longer).warnings;
    assert!(warnings[0].contains("lists 0 objects, and"), "{warnings:?}");
    assert_eq!(report.accounts, 3);
}

#[test]
fn what_is_no_folder_keeps_its_files() {
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    put(home.path(), "users.csv", "user.name\nann@EMEA\n");
    let file = home.path().join("users.csv");
    let error = ingest::run(&options(&file, &index), &mut |_| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains("keep_for"), "{error}");
    let error = ingest::run(
        &options(Path::new("s3://bucket/exports"), &index),
        &mut |_| {},
    );
    assert!(error.unwrap_err().to_string().contains("keep_for"));
}
