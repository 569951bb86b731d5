//! A tenant that is too large for the `model`: datasets taken in one after another, against one run over them all.
//! Belongs here: what needs more than a page of anything.

use std::fs;
use std::path::Path;
use std::time::Duration;

use identidex::internals::demo::Tenant;

use crate::{replay, state};

/// A tenant of more than a page of anything: enough logins for their keys to be looked up beforehand.
const MANY_USERS: u32 = 45_000;

#[test]
fn a_large_tenant_is_the_same_in_one_run_or_dataset_by_dataset() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let tenant = Tenant::new(MANY_USERS, MANY_USERS * 6 / 5, 7);
    let made = home.path().join("made");
    for day in 0..2 {
        tenant
            .write_day(day, &made)
            .expect("the tenant can be written");
    }
    let all: &[&str] = &["users", "devices", "logins"];
    let at_once = replay_datasets(&made, &home.path().join("at-once"), &[all]);
    for (name, steps) in [
        ("known-first", [&["devices"][..], &["users"], &["logins"]]),
        ("logins-first", [&["logins"][..], &["devices"], &["users"]]),
    ] {
        let replayed = replay_datasets(&made, &home.path().join(name), &steps);
        assert_eq!(replayed.1, at_once.1, "{name}");
        let differ = replayed
            .0
            .iter()
            .zip(&at_once.0)
            .find(|(left, right)| left != right);
        assert_eq!(differ, None, "{name}");
        assert_eq!(replayed.0.len(), at_once.0.len(), "{name}");
    }
}

/// Takes in the days of some datasets after another; returns the usages and the digest.
fn replay_datasets(made: &Path, home: &Path, steps: &[&[&str]]) -> (Vec<String>, String) {
    let (source, index) = (home.join("exports"), home.join("identity.db"));
    let mut digest = String::new();
    for datasets in steps {
        for dataset in *datasets {
            let to = source.join(dataset);
            fs::create_dir_all(&to).expect("the folder can be made");
            for file in fs::read_dir(made.join(dataset)).expect("the dataset was made") {
                let file = file.expect("the folder can be read");
                fs::copy(file.path(), to.join(file.file_name())).expect("the file can be copied");
            }
        }
        digest = replay::sync(&source, &index, Duration::from_secs(300)).digest;
    }
    (state::usages(&index), digest)
}
