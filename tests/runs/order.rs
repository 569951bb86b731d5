//! The order in which objects come: another one leads to the same index.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use identidex::ingest;
use serde_json::Value;

use super::{fixtures, run, tenant};
use crate::servers::{Folder, Server};
use crate::{replay, state};

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
