//! Failures: a full disk, an index that is not for this program, and a file that changes under the run.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use identidex::ingest::{self, Outcome};
use identidex::internals::publish::Folder as IndexFolder;
use rusqlite::Connection;

use super::{fixtures, run, tenant};
use crate::replay;
use crate::servers::{self, Folder, Server};

#[test]
fn a_full_disk_ends_the_run_and_the_next_one_makes_it_good() {
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    let source = fixtures().join("tenant");
    // A limit on the size of files fails writes as a full disk does; its signal is ignored, so that the write returns.
    let limited = |blocks: u32| {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let mut command = Command::new("bash");
        command.args([
            "-c",
            &script,
            "bash",
            env!("CARGO_BIN_EXE_identidex"),
            "--index",
        ]);
        command
            .arg(&index)
            .arg("sync")
            .arg(&source)
            .stdout(Stdio::null())
            .output()
            .unwrap()
    };
    for blocks in [0, 1, 8, 40, 100] {
        let output = limited(blocks);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code().map(|code| code == 0),
            Some(false),
            "{blocks}: {message}"
        );
        assert!(!message.contains("panicked"), "{blocks}: {message}");
        let folder = IndexFolder::open(&index, replay::READERS).unwrap();
        if let Some(current) = folder.current().unwrap() {
            current.verify().unwrap();
        }
    }
    let whole = run(
        servers::source("tenant", &source.display().to_string()),
        &index,
    )
    .unwrap();
    assert_eq!(whole.outcome, Outcome::Done);
}

#[test]
fn an_index_of_a_newer_program_or_of_another_kind_is_refused_and_kept() {
    for (pragma, expected) in [
        ("user_version = 999", "upgrade identidex"),
        ("user_version = 1", "sync into a new index"),
        ("application_id = 7", "no identidex index"),
    ] {
        let folder = Folder::start();
        let home = tempfile::tempdir().unwrap();
        let index = home.path().join("identity.db");
        let (key, bytes) = &tenant()[0];
        folder.put(key, bytes);
        run(folder.config(""), &index).unwrap();
        let before = rewrite_current(&index, |connection| {
            connection.execute_batch(&format!("PRAGMA {pragma}"))
        });
        let (key, bytes) = &tenant()[1];
        folder.put(key, bytes);
        let error = run(folder.config(""), &index).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(fs::read(&index).unwrap(), before);
    }
}

/// Makes the current generation what it is not, under a name that fits, and returns its bytes.
fn rewrite_current(
    index: &Path,
    rewrite: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Vec<u8> {
    let folder = IndexFolder::open(index, replay::READERS).unwrap();
    let current = folder.current().unwrap().unwrap();
    let copy = folder.path().join("other.db");
    let mut bytes = fs::read(&current.path).unwrap();
    // The version that lets SQLite write the file, see `index::publish`.
    bytes[18] = 1;
    fs::write(&copy, bytes).unwrap();
    rewrite(&Connection::open(&copy).unwrap()).unwrap();
    let bytes = fs::read(&copy).unwrap();
    let hash = blake3::hash(&bytes).to_hex();
    let name = format!("gen-{:06}-{hash}.db", current.number);
    fs::rename(&copy, folder.path().join(&name)).unwrap();
    fs::remove_file(&current.path).unwrap();
    fs::write(folder.path().join("current"), format!("{name}\n")).unwrap();
    fs::remove_file(index).unwrap();
    std::os::unix::fs::symlink(
        Path::new(folder.path().file_name().unwrap()).join(&name),
        index,
    )
    .unwrap();
    bytes
}

#[test]
fn a_local_file_that_changes_while_it_is_read_costs_itself() {
    const ROWS: usize = 200_000;
    let folder = Folder::start();
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    let mut users = "user.uid,user.name\n".to_owned();
    for at in 0..ROWS {
        users += &format!("5d1f7a3c-0b6e-4c55-8a01-{at:012x},user{at}@EMEA\n");
    }
    folder.put("users/2026-11-21T06-00-00Z.csv", users.as_bytes());
    for (key, bytes) in tenant() {
        folder.put(&format!("tenant/{key}"), &bytes);
    }
    let config = folder.config("");
    let written = Path::new(&config.url).join("users/2026-11-21T06-00-00Z.csv");
    let mut options = replay::options(Path::new("unused"), &index, Duration::from_secs(300));
    options.sources = vec![config];
    let mut is_written = false;
    let report = ingest::run(&options, &mut |progress| {
        // More of it is still to be read than waits between the threads.
        let is_begun = matches!(progress, ingest::Progress::Rows(rows) if rows > 1_000);
        if is_begun && !is_written {
            is_written = true;
            fs::write(&written, users.replace("user7@", "somebody@")).unwrap();
        }
    });
    let report = report.unwrap();
    assert!(is_written);
    assert_eq!(report.outcome, Outcome::Partial, "{report:?}");
    assert_eq!((report.objects.loaded, report.objects.failed), (6, 1));
    assert!(
        report.failures[0]
            .error
            .contains("changed while it was read")
    );
    assert_eq!(report.accounts, 24);
    let report = ingest::run(&options, &mut |_| {}).unwrap();
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!((report.objects.new, report.accounts), (1, 24 + ROWS as u64));
}
