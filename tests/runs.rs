//! Whole runs: the same over every kind of store, in any order of the fixtures, and when the machine fails. Belongs
//! here: what `ingest::run` promises of a run, whatever its rows are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use identidex::ingest::SourceConfig;
use identidex::ingest::{self, Outcome, Report};
use identidex::internals::publish::Folder as IndexFolder;
use rusqlite::Connection;
use serde_json::Value;

use crate::servers::{Azure, Folder, S3, Server};
use crate::{replay, state};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The files of the fixture tenant, with the keys they would have in a bucket.
fn tenant() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for dataset in ["users", "devices", "logins"] {
        for entry in fs::read_dir(fixtures().join("tenant").join(dataset)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push((format!("{dataset}/{name}"), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

fn run(source: SourceConfig, index: &Path) -> Result<Report, ingest::Error> {
    let mut options = replay::options(Path::new("unused"), index, Duration::from_secs(300));
    options.sources = vec![source];
    ingest::run(&options, &mut |_| {})
}

#[test]
fn a_folder_s3_and_azure_lead_to_one_index() {
    let folder = Folder::start();
    let stores: [&dyn Server; 3] = [&folder, S3::start(), Azure::start()];
    let mut reached: Vec<(Value, String)> = Vec::new();
    for store in stores {
        for (key, bytes) in tenant() {
            store.put(&format!("whole-runs/{key}"), &bytes);
        }
        let home = tempfile::tempdir().unwrap();
        let index = home.path().join("identity.db");
        let first = run(store.config("whole-runs"), &index).unwrap();
        assert_eq!(first.outcome, Outcome::Done, "{:?}", first.failures);
        assert_eq!(first.objects.loaded, 6);
        let second = run(store.config("whole-runs"), &index).unwrap();
        assert_eq!((second.objects.new, second.bytes_fetched), (0, 0));
        assert_eq!(
            (second.digest, second.generation),
            (first.digest.clone(), first.generation)
        );
        reached.push((state::read(&index), first.digest));
    }
    assert_eq!(reached[0], reached[1], "S3 differs from the folder");
    assert_eq!(reached[0], reached[2], "Azure differs from the folder");
}

/// Every fixture that can be taken in, under a key of its own with a time.
fn all_fixtures() -> Vec<(String, Vec<u8>)> {
    let mut files = tenant();
    for folder in ["forms", "pair", "bad"] {
        let mut paths: Vec<PathBuf> = fs::read_dir(fixtures().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        for (at, path) in paths.iter().enumerate() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // Two files each hour: some are observed at the same time.
            let key = format!("{folder}/2026-11-19T{:02}-00-00Z/{name}", at / 2 % 24);
            files.push((key, fs::read(path).unwrap()));
        }
    }
    files
}

#[test]
fn the_fixtures_lead_to_one_digest_in_any_order() {
    let files = all_fixtures();
    let mut reached: Vec<(Value, String)> = Vec::new();
    for step in [1usize, 7, 11] {
        let folder = Folder::start();
        let home = tempfile::tempdir().unwrap();
        let index = home.path().join("identity.db");
        let mut digest = String::new();
        // A step that shares no divisor with the number of files visits each of them once.
        assert!(
            (2..=step)
                .all(|divisor| !(step.is_multiple_of(divisor)
                    && files.len().is_multiple_of(divisor)))
        );
        for at in 0..files.len() {
            let (key, bytes) = &files[at * step % files.len()];
            folder.put(key, bytes);
            if at % (step + 3) == 0 || at + 1 == files.len() {
                digest = run(folder.config(""), &index).unwrap().digest;
            }
        }
        reached.push((state::read(&index), digest));
    }
    assert_eq!(reached[0], reached[1]);
    assert_eq!(reached[0], reached[2]);
}

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
        crate::servers::source("tenant", &source.display().to_string()),
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

#[test]
fn a_device_is_shared_as_soon_as_a_third_account_uses_it() {
    let folder = Folder::start();
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    folder.put(
        "users/2026-11-18T06-00-00Z.csv",
        b"user.name\na@EMEA\nb@EMEA\nc@EMEA\n",
    );
    folder.put("devices/2026-11-18T06-00-00Z.csv", b"device.name\nNB1\n");
    for (day, user, is_shared) in [(19, "a", false), (20, "b", false), (21, "c", true)] {
        let login = format!("user.name,device.name,number_of_logins\n{user}@EMEA,NB1,3\n");
        let key = format!("logins/2026-11-{day}T06-00-00Z.csv");
        folder.put(&key, login.as_bytes());
        run(folder.config(""), &index).unwrap();
        let answer = identidex::Index::open(&index).unwrap();
        let answer = answer.find("NB1").unwrap();
        let found = serde_json::to_value(answer.one().map(|_| &answer).unwrap()).unwrap();
        assert_eq!(found["matches"][0]["shared"], is_shared, "{found}");
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
fn keys_that_can_never_be_joined_or_contradict_each_other_are_reported() {
    let folder = Folder::start();
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    let (uid, other) = (
        "5d1f7a3c-0b6e-4c55-8a01-a0000000000a",
        "5d1f7a3c-0b6e-4c55-8a01-a0000000000b",
    );
    let sid = |rid: u32| format!("S-1-5-21-1004336348-1177238915-682003330-{rid}");
    let put = |key: &str, text: String| folder.put(key, text.as_bytes());
    put(
        "2026-11-19T06-00-00Z.csv",
        format!("user.uid,user.name\n{uid},jdoe@EMEA\n"),
    );
    put(
        "2026-11-20T06-00-00Z.csv",
        format!("user.sid,user.name\n{},jdoe@EMEA\n", sid(1104)),
    );
    let report = run(folder.config(""), &index).unwrap();
    assert_eq!(report.accounts, 2);
    let has =
        |report: &Report, text: &str| report.warnings.iter().any(|warning| warning.contains(text));
    assert!(
        has(&report, "list both columns in one query"),
        "{:?}",
        report.warnings
    );
    put(
        "2026-11-21T06-00-00Z.csv",
        format!(
            "user.sid,user.uid\n{},{other}\n{},{other}\n",
            sid(1105),
            sid(1106)
        ),
    );
    let report = run(folder.config(""), &index).unwrap();
    assert!(
        has(&report, "1 values of account uid came with several sids"),
        "{:?}",
        report.warnings
    );
    assert!(!has(&report, "list both columns"), "{:?}", report.warnings);
}

#[test]
fn class_patterns_apply_to_accounts_that_were_known_before_them() {
    let folder = Folder::start();
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    let users = "user.name,user.ad.full_name\nsvc-backup@EMEA,Backup\njdoe@EMEA,\"Doe, Jane\"\n";
    folder.put("2026-11-19T06-00-00Z.csv", users.as_bytes());
    run(folder.config(""), &index).unwrap();
    folder.put(
        "2026-11-20T06-00-00Z.csv",
        format!("{users}new@EMEA,New\n").as_bytes(),
    );
    let mut options = replay::options(Path::new("unused"), &index, Duration::from_secs(300));
    options.sources = vec![folder.config("")];
    options.patterns = identidex::ingest::Patterns::new(&["svc-*".to_owned()], &[]);
    ingest::run(&options, &mut |_| {}).unwrap();
    let state = state::read(&index);
    let classes: Vec<&Value> = state["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| &account["class"])
        .collect();
    assert_eq!(
        classes.iter().filter(|class| **class == "service").count(),
        1,
        "{state}"
    );
    assert_eq!(
        classes.iter().filter(|class| **class == "person").count(),
        2,
        "{state}"
    );
}

#[test]
fn a_sid_that_is_shown_to_be_local_later_no_longer_keeps_a_mention_waiting() {
    let sid = |rid: u32| format!("S-1-5-21-1004336348-1177238915-682003330-{rid}");
    let files = [
        (
            "2026-11-18T06-00-00Z.csv",
            format!("user.sid,user.name\n{},bob@EMEA\n", sid(1101)),
        ),
        (
            "2026-11-18T07-00-00Z.csv",
            "device.name,device.uid\nNB1,5d1f7a3c-0b6e-4c55-8a01-a0000000000a\n".to_owned(),
        ),
        (
            "2026-11-18T08-00-00Z.csv",
            format!(
                "user.sid,user.name,device.name,logins\n{},bob@EMEA,NB1,3\n",
                sid(1109)
            ),
        ),
        (
            "2026-11-19T06-00-00Z.csv",
            format!(
                "user.sid,user.uid,user.name,user.type\n{},5d1f7a3c-0b6e-4c55-8a01-b0000000000b,x@PC7,LOCAL_USER\n",
                sid(1109)
            ),
        ),
    ];
    let mut reached = Vec::new();
    for order in [[0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 1, 0]] {
        let folder = Folder::start();
        let home = tempfile::tempdir().unwrap();
        let index = home.path().join("identity.db");
        for at in order {
            folder.put(files[at].0, files[at].1.as_bytes());
            run(folder.config(""), &index).unwrap();
        }
        let state = state::read(&index);
        assert_eq!(
            state["usages"].as_array().unwrap().len(),
            1,
            "{order:?}: {state}"
        );
        reached.push(state);
    }
    assert_eq!(reached[0], reached[1]);
    assert_eq!(reached[0], reached[2]);
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
fn a_row_says_the_same_whatever_the_order_of_its_columns() {
    let folder = Folder::start();
    let home = tempfile::tempdir().unwrap();
    let uid = "5d1f7a3c-0b6e-4c55-8a01-a0000000000a";
    let older = format!("user.uid,user.name,user.#a,user.#b\n{uid},jdoe@EMEA,x,y\n");
    let newer = format!("user.uid,user.name,user.#b,user.#a\n{uid},jdoe@EMEA,x,y\n");
    folder.put("2026-11-20T06-00-00Z.csv", older.as_bytes());
    let index = home.path().join("identity.db");
    run(folder.config(""), &index).unwrap();
    folder.put("2026-11-21T06-00-00Z.csv", newer.as_bytes());
    let report = run(folder.config(""), &index).unwrap();
    assert_eq!((report.rows.stored, report.rows.unchanged), (1, 0));
    let extra: String = state::open(&index)
        .query_row("SELECT extra FROM accounts", [], |row| row.get(0))
        .unwrap();
    assert_eq!(extra, r##"{"user.#a":"y","user.#b":"x"}"##);
}

#[test]
fn the_same_text_in_another_time_zone_is_another_time() {
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("identity.db");
    let text = "user.uid,user.name,user.first_seen\n\
                5d1f7a3c-0b6e-4c55-8a01-a0000000000a,jdoe@EMEA,2026-01-01 12:00:00\n";
    let mut sources = Vec::new();
    for (day, zone) in [(20, "UTC"), (21, "Europe/Zurich")] {
        let folder = Folder::start();
        folder.put(&format!("2026-11-{day}T06-00-00Z.csv"), text.as_bytes());
        let config = SourceConfig {
            name: zone.replace('/', "-"),
            time_zone: jiff::tz::TimeZone::get(zone).unwrap(),
            ..folder.config("")
        };
        run(config, &index).unwrap();
        sources.push(folder);
    }
    let first_seen: String = state::open(&index)
        .query_row("SELECT first_seen FROM accounts", [], |row| row.get(0))
        .unwrap();
    assert_eq!(first_seen, "2026-01-01T11:00:00Z");
}

#[test]
fn logins_taken_before_and_behind_a_row_that_makes_their_keys_doubtful_count_once() {
    let folder = Folder::start();
    let home = tempfile::tempdir().unwrap();
    let put = |key: &str, text: &str| folder.put(key, text.as_bytes());
    let local = "S-1-5-21-1004336348-1177238915-682003330-1104";
    let (together, apart) = (
        home.path().join("together.db"),
        home.path().join("apart.db"),
    );
    put(
        "2026-11-18T06-00-00Z.csv",
        &format!("user.sid,user.name,user.type\n{local},jdoe@NB-1,LOCAL_USER\n"),
    );
    put(
        "2026-11-18T07-00-00Z.csv",
        "device.name,device.uid\nNB-1,5d1f7a3c-0b6e-4c55-8a01-a0000000000d\n",
    );
    run(folder.config(""), &apart).unwrap();
    for (day, logins) in [(20, 3), (22, 5)] {
        put(
            &format!("2026-11-{day}T06-00-00Z.csv"),
            &format!("device.name,user.sid,user.name,logins\nNB-1,{local},jdoe@NB-1,{logins}\n"),
        );
    }
    put(
        "2026-11-21T06-00-00Z.csv",
        &format!("user.sid,user.name,user.type\n{local},other@EMEA,DOMAIN_USER\n"),
    );
    let at_once = run(folder.config(""), &together).unwrap();
    let mut options = replay::options(Path::new("unused"), &apart, Duration::from_secs(300));
    options.sources = vec![folder.config("")];
    // No room to wait in: the newest logins are taken before the users row that is older.
    options.spool_bytes = 1;
    let one_by_one = ingest::run(&options, &mut |_| {}).unwrap();
    assert_eq!(one_by_one.digest, at_once.digest);
    let [together, apart] = [together, apart].map(|index| {
        let usage = state::open(&index)
            .query_row("SELECT count(*), sum(logins) FROM usages", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })
            .unwrap();
        (usage, state::read(&index))
    });
    assert_eq!(apart, together);
    assert_eq!(together.0, (1, 5));
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
