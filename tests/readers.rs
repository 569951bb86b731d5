//! Readers of a published index, beside runs that publish the next one. Belongs here: what `lookup` promises of a file
//! that a run made.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use identidex::Error;
use identidex::{Answer, Found, Index, Options};

use crate::replay;
use crate::util::Home;

/// How long readers look up while runs publish; IDENTIDEX_READER_SECONDS asks for more or less.
const READER_SECONDS: u64 = 30;
const READERS: usize = 2;
const USERS: u32 = 40;

#[test]
fn readers_beside_runs_see_one_state_each_and_never_fail() {
    let seconds = std::env::var("IDENTIDEX_READER_SECONDS").ok();
    let seconds = seconds
        .and_then(|text| text.parse().ok())
        .unwrap_or(READER_SECONDS);
    let end = Instant::now() + Duration::from_secs(seconds);
    let home = tempfile::tempdir().unwrap();
    publish(home.path(), 0);
    let is_done = AtomicBool::new(false);
    let lookups: u64 = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|_| scope.spawn(|| read_until(&home.path().join("identity.db"), &is_done)))
            .collect();
        let mut run = 0;
        while Instant::now() < end {
            run += 1;
            publish(home.path(), run);
        }
        is_done.store(true, Ordering::Relaxed);
        assert!(run > 1, "only {run} runs published beside the readers");
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .sum()
    });
    assert!(lookups > 1_000, "{lookups}");
}

/// Publishes a state in which everybody is called after the run.
fn publish(home: &Path, run: u32) {
    let mut users = String::from("user.uid,user.name,user.ad.full_name\n");
    let mut logins = String::from("user.uid,device.uid,logins\n");
    for user in 0..USERS {
        users += &format!("{},u{user}@EMEA,Run {run}\n", uid('a', user));
        logins += &format!("{},{},{}\n", uid('a', user), uid('d', 0), run + 1);
    }
    let devices = format!(
        "device.uid,device.name,device.entity\n{},KIOSK,Run {run}\n",
        uid('d', 0)
    );
    let time = format!(
        "2026-11-21T{:02}-{:02}-{:02}Z",
        run / 3600,
        run / 60 % 60,
        run % 60
    );
    let source = home.join("exports");
    fs::create_dir_all(&source).unwrap();
    for (dataset, content) in [("users", users), ("devices", devices), ("logins", logins)] {
        fs::write(source.join(format!("{dataset}-{time}.csv")), content).unwrap();
    }
    replay::sync(&source, &home.join("identity.db"), Duration::from_secs(300));
}

fn uid(letter: char, number: u32) -> String {
    format!(
        "{}-0000-4000-8000-{number:012}",
        letter.to_string().repeat(8)
    )
}

/// Looks up until the runs are over, and returns how often.
fn read_until(index: &Path, is_done: &AtomicBool) -> u64 {
    let options = Options {
        refresh: Duration::from_millis(1),
        ..Options::default()
    };
    let index = Index::open_with(index, options).unwrap();
    let mut lookups = 0;
    let mut newest = 0;
    while !is_done.load(Ordering::Relaxed) {
        let answers = index
            .find_all(["KIOSK", "u7@EMEA", "u8", "nobody"])
            .unwrap();
        let runs: BTreeSet<&str> = answers.iter().flat_map(runs_of).collect();
        assert_eq!(runs.len(), 1, "several states in one answer: {runs:?}");
        let generations: BTreeSet<u64> = answers.iter().map(|answer| answer.generation).collect();
        assert_eq!(generations.len(), 1);
        let generation = answers[0].generation;
        assert!(generation >= newest, "an older state after a newer one");
        newest = generation;
        lookups += answers.len() as u64;
    }
    assert!(newest > 1, "no new generation was noticed");
    lookups
}

/// Returns the runs that everything in an answer is called after.
fn runs_of(answer: &Answer) -> Vec<&str> {
    let mut runs = Vec::new();
    for one in &answer.matches {
        match &one.subject {
            Found::Account {
                account, devices, ..
            } => {
                runs.extend(account.full_name.as_deref());
                runs.extend(
                    devices
                        .iter()
                        .filter_map(|device| device.device.entity.as_deref()),
                );
            }
            Found::Device {
                device, accounts, ..
            } => {
                runs.extend(device.entity.as_deref());
                runs.extend(
                    accounts
                        .iter()
                        .filter_map(|one| one.account.full_name.as_deref()),
                );
            }
        }
    }
    runs
}

#[test]
fn a_reader_compares_the_index_with_its_hash_on_request() {
    let home = Home::of_tenant();
    let index = home.path("identity.db");
    assert!(Index::open(&index).unwrap().verify().unwrap());
    // One bit, in the middle of the file.
    let generation = fs::canonicalize(&index).unwrap();
    let mut bytes = fs::read(&generation).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(&generation).unwrap();
    fs::write(&generation, &bytes).unwrap();
    let damaged = Index::open(&index).and_then(|index| index.verify());
    assert!(matches!(damaged, Err(Error::Damaged { .. })), "{damaged:?}");
    // Under a name without a hash there is nothing to compare with.
    let copy = home.path("copy.db");
    fs::write(&copy, &bytes).unwrap();
    assert!(!Index::open(&copy).unwrap().verify().unwrap());
}
