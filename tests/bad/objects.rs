//! Objects that are no files, or not the ones that were listed. What stands in a file is left to the other tests.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use identidex::ingest::{Outcome, Progress};

use super::taken::{Fate, GOOD, GOOD_KEY, KEY, Taken};
use crate::forms::{Tenant, fixture};

#[test]
fn a_folder_under_the_name_of_a_file_is_a_folder() {
    let tenant = Tenant::of(&[
        (GOOD_KEY, GOOD),
        (
            "users/2026-11-20T06-00-00Z.csv/part.csv",
            &fixture("forms/plain.csv"),
        ),
    ]);
    fs::create_dir(tenant.source().join("empty.csv")).unwrap();
    Taken::after(tenant).assert("a folder", &Fate::Keeps(3, vec![]));
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_opened_fails_alone() {
    use std::os::unix::fs::PermissionsExt;
    let tenant = Tenant::of(&[(GOOD_KEY, GOOD), (KEY, &fixture("forms/plain.csv"))]);
    let path = tenant.source().join(KEY);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&path).is_ok() {
        return; // The superuser may read everything.
    }
    Taken::after(tenant).assert("not permitted", &Fate::Fails(
        "not permitted to read object `users/2026-11-20T06-00-00Z.csv` of source `exports`; check its owner \
         and mode",
    ));
}

/// What happens to a file between listing and fetching.
type Change = fn(&Path);

#[test]
fn a_file_that_changes_after_it_was_listed_is_left_for_the_next_run() {
    let cut = &fixture("forms/plain.csv")[..300];
    const CHANGED: &str = "object `users/2026-11-20T06-00-00Z.csv` of source `exports` changed after it was listed; the \
                           next run takes it as it is then";
    const GONE: &str = "object `users/2026-11-20T06-00-00Z.csv` of source `exports` was not found; check its \
                        name, or run again if it was removed meanwhile";
    let changes: [(&str, Change, &str); 3] = [
        (
            "grown",
            |path| {
                let mut file = File::options().append(true).open(path).unwrap();
                file.write_all(&fixture("forms/plain.csv")[300..]).unwrap();
            },
            CHANGED,
        ),
        (
            "replaced",
            |path| {
                let next = path.with_extension("tmp");
                fs::write(&next, fixture("forms/plain.csv")).unwrap();
                fs::rename(next, path).unwrap();
            },
            CHANGED,
        ),
        ("gone", |path| fs::remove_file(path).unwrap(), GONE),
    ];
    for (what, change, error) in changes {
        let tenant = Tenant::of(&[(GOOD_KEY, GOOD), (KEY, cut)]);
        let path = tenant.source().join(KEY);
        let report = tenant.sync_telling(&mut |progress| {
            if matches!(progress, Progress::Listed { .. }) {
                change(&path);
            }
        });
        let errors: Vec<&str> = report
            .failures
            .iter()
            .map(|failure| failure.error.as_str())
            .collect();
        assert_eq!(errors, [error], "{what}");
        assert_eq!(
            (report.outcome, report.objects.loaded),
            (Outcome::Partial, 1),
            "{what}"
        );
        let next = tenant.sync();
        let is_there = usize::from(path.exists());
        assert_eq!(
            (next.outcome, next.objects.loaded),
            (Outcome::Done, is_there as u64),
            "{what}"
        );
        assert_eq!(
            (next.rows.read, next.rows.rejected),
            (3 * is_there as u64, 0),
            "{what}"
        );
    }
}
