//! An inbox: the folder of a source that deliveries are put into, each as a file that says in its name when it came, how many
//! rows it has, and what is in it by its hash.
//!
//! What is sent again within half an hour, with nothing else of its dataset between, is the same delivery: no sender says so, and
//! the shortest schedule is an hour. What is small, and by itself for a quarter of an hour, is a test; how many rows Nexthink sends at once is not documented, so that many
//! small ones are an export.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tempfile::NamedTempFile;

use super::Error;

/// The same content within so long is a repetition.
const REPEATED_WITHIN: SignedDuration = SignedDuration::from_mins(30);
/// Deliveries of one dataset within so long are of one export.
const TOGETHER_WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// Tests are kept for so long, to be looked at: they have people in them.
const TESTS_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Sources leave out what begins with `_`, and with `.`.
const TESTS: &str = "_tests";
const UNFINISHED: &str = ".delivery-";
/// What is unfinished for so long was left by a process that ended.
const LEFT_AFTER: Duration = Duration::from_hours(24);
/// Letters of the hash in a name: enough to tell deliveries of one length and half an hour apart.
const HASH_LETTERS: usize = 12;

/// The folder of a source that deliveries are put into.
#[derive(Debug, Clone)]
pub struct Inbox {
    folder: PathBuf,
    /// Two that are the same are kept one after the other.
    keeping: Arc<Mutex<()>>,
}

/// What became of a delivery. Keys are those of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The next run takes it in.
    New(String),
    /// It was there already.
    Repeated(String),
    /// It is so small that it is a test: no run takes it in.
    Test(String),
}

/// A delivery that is on its way.
#[derive(Debug)]
pub struct Delivery {
    folder: PathBuf,
    keeping: Arc<Mutex<()>>,
    file: NamedTempFile,
    hasher: blake3::Hasher,
}

/// What a delivery is, for its name.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// When it came.
    pub at: Timestamp,
    /// What its rows are about.
    pub dataset: &'a str,
    /// How many there are.
    pub rows: u64,
    /// What its name ends in.
    pub end: &'a str,
}

impl Inbox {
    /// Opens a folder that is there; removes what earlier processes left unfinished in it.
    ///
    /// # Errors
    /// Where it is not there, or cannot be listed.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Inbox, Error> {
        let folder = folder.into();
        for entry in list(&folder)? {
            let is_unfinished = entry.name.starts_with(UNFINISHED);
            let age = SystemTime::now()
                .duration_since(entry.modified)
                .unwrap_or_default();
            if is_unfinished && age > LEFT_AFTER {
                let _ = fs::remove_file(&entry.path);
            }
        }
        let keeping = Arc::default();
        Ok(Inbox { folder, keeping })
    }

    /// Opens a folder below one that is there, with those between; they are made where they are not there.
    ///
    /// # Errors
    /// The file system's: the first folder is not made.
    pub fn below(folder: &Path, names: &[&str]) -> Result<Inbox, Error> {
        let mut folder = folder.to_owned();
        for name in names {
            folder.push(name);
            make(&folder)?;
        }
        Inbox::open(folder)
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins a delivery; what is not kept in the end leaves nothing.
    ///
    /// # Errors
    /// The file system's.
    pub fn begin(&self) -> Result<Delivery, Error> {
        let file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(&self.folder);
        Ok(Delivery {
            folder: self.folder.clone(),
            keeping: Arc::clone(&self.keeping),
            file: file.map_err(|error| Error::of_io(&self.folder, &error))?,
            hasher: blake3::Hasher::new(),
        })
    }

    /// Returns what a fault of the file system in here comes to.
    pub fn fault(&self, error: &io::Error) -> Error {
        Error::of_io(&self.folder, error)
    }
}

impl Write for Delivery {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Delivery {
    /// Returns where its bytes are.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Keeps it, on the disk for good. With others of its dataset around the same time it has more than `test_rows`, or it is a
    /// test; tests that turn out to be of an export go there with it.
    ///
    /// # Errors
    /// The file system's: then it is not there for good, and may be sent again.
    pub fn keep(self, about: About<'_>, test_rows: u64) -> Result<Fate, Error> {
        let keeping = Arc::clone(&self.keeping);
        let _one_at_a_time = keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = self.hasher.finalize().to_hex();
        let hash = &hash[..HASH_LETTERS];
        let folder = self.folder.clone();
        let near = near(&folder, about.at)?;
        let length = self.length()?;
        let is_same = |one: &&Kept| {
            one.hash == hash && one.length == length && one.is_within(REPEATED_WITHIN)
        };
        // What came since says something else: then it is told anew, and the newest.
        let newest = |is_test: bool| {
            let of = near
                .iter()
                .filter(|one| one.dataset == about.dataset && one.is_test == is_test);
            of.max_by_key(|one| one.at)
        };
        let same = [newest(false), newest(true)]
            .into_iter()
            .flatten()
            .find(is_same);
        let is_of = |one: &&Kept| one.dataset == about.dataset && one.is_within(TOGETHER_WITHIN);
        let others = near.iter().filter(is_of).filter(|one| !is_same(one));
        let together: u64 = others.map(|one| one.rows).sum();
        let is_test = test_rows > 0 && together.saturating_add(about.rows) <= test_rows;
        if !is_test {
            for test in near.iter().filter(is_of).filter(|one| one.is_test) {
                test.belongs_to_an_export(&folder)?;
            }
        }
        if let Some(same) = same {
            let key = match is_test || !same.is_test {
                true => same.key.clone(),
                false => same.key_in_its_day(),
            };
            // Whoever sent it first may not have been told that it is there: the disk may not have had it yet.
            sync_around(&folder, &key)?;
            return Ok(match is_test && same.is_test {
                true => Fate::Test(key),
                false => Fate::Repeated(key),
            });
        }
        let name = format!(
            "{}-{}-{}r-{hash}{}",
            about.dataset,
            about.at.strftime("%Y%m%dT%H%M%S%.6fZ"),
            about.rows,
            about.end
        );
        if is_test {
            forget_tests(&folder, about.at);
        }
        let within = if is_test {
            TESTS.to_owned()
        } else {
            day_of(about.at)
        };
        make(&folder.join(&within))?;
        let key = format!("{within}/{name}");
        let persisted = self.persist(&folder.join(&key));
        persisted.map_err(|error| Error::of_io(&folder, &error))?;
        sync_around(&folder, &key)?;
        Ok(match is_test {
            true => Fate::Test(key),
            false => Fate::New(key),
        })
    }

    fn length(&self) -> Result<u64, Error> {
        let found = self.file.as_file().metadata();
        let found = found.map_err(|error| Error::of_io(&self.folder, &error))?;
        Ok(found.len())
    }

    fn persist(self, target: &Path) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist_noclobber(target)?;
        Ok(())
    }
}

/// A delivery that was kept, as its name tells.
struct Kept {
    key: String,
    is_test: bool,
    dataset: String,
    at: Timestamp,
    rows: u64,
    hash: String,
    length: u64,
    /// How long before another one.
    before: SignedDuration,
}

impl Kept {
    fn read(within: &str, entry: &Entry, other: Timestamp) -> Option<Kept> {
        let mut parts = entry.name.splitn(4, '-');
        let (dataset, time, rows, hash) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let at = stamp(time)?;
        Some(Kept {
            key: format!("{within}/{}", entry.name),
            is_test: within == TESTS,
            dataset: dataset.to_owned(),
            at,
            rows: rows.strip_suffix('r')?.parse().ok()?,
            hash: hash.get(..HASH_LETTERS)?.to_owned(),
            length: entry.length,
            before: other.duration_since(at).abs(),
        })
    }

    fn is_within(&self, duration: SignedDuration) -> bool {
        self.before <= duration
    }

    fn key_in_its_day(&self) -> String {
        let name = self.key.rsplit('/').next().unwrap_or_default();
        format!("{}/{name}", day_of(self.at))
    }

    /// Has the next run take it in, which was taken for a test.
    fn belongs_to_an_export(&self, folder: &Path) -> Result<(), Error> {
        make(&folder.join(day_of(self.at)))?;
        let key = self.key_in_its_day();
        let moved = fs::rename(folder.join(&self.key), folder.join(&key));
        moved.map_err(|error| Error::of_io(folder, &error))?;
        sync_around(folder, &key)
    }
}

/// Returns what came around a time.
fn near(folder: &Path, at: Timestamp) -> Result<Vec<Kept>, Error> {
    let longest = REPEATED_WITHIN.max(TOGETHER_WITHIN);
    let around = [
        at.checked_sub(longest).unwrap_or(at),
        at,
        at.checked_add(longest).unwrap_or(at),
    ];
    let mut within: Vec<String> = around.into_iter().map(day_of).collect();
    within.dedup();
    within.push(TESTS.to_owned());
    let mut near = Vec::new();
    for within in within {
        let entries = match list(&folder.join(&within)) {
            Err(Error::Missing { .. }) => continue,
            entries => entries?,
        };
        let kept = entries
            .iter()
            .filter_map(|entry| Kept::read(&within, entry, at));
        near.extend(kept.filter(|one| one.is_within(longest)));
    }
    Ok(near)
}

/// Removes tests that were looked at, or never will be.
fn forget_tests(folder: &Path, now: Timestamp) {
    for entry in list(&folder.join(TESTS)).unwrap_or_default() {
        let test = Kept::read(TESTS, &entry, now);
        if test.is_some_and(|test| !test.is_within(TESTS_FOR)) {
            let _ = fs::remove_file(&entry.path);
        }
    }
}

/// A file of a folder.
struct Entry {
    name: String,
    path: PathBuf,
    length: u64,
    modified: SystemTime,
}

fn list(folder: &Path) -> Result<Vec<Entry>, Error> {
    let name = |error| Error::of_io(folder, &error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(name)? {
        let entry = entry.map_err(name)?;
        // One that was removed meanwhile is none.
        let Ok(found) = entry.metadata() else {
            continue;
        };
        entries.push(Entry {
            name: entry.file_name().to_string_lossy().into_owned(),
            path: entry.path(),
            length: found.len(),
            modified: found.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        });
    }
    Ok(entries)
}

fn day_of(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn stamp(text: &str) -> Option<Timestamp> {
    let time = text.strip_suffix('Z')?;
    let civil = DateTime::strptime("%Y%m%dT%H%M%S%.f", time).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Has the disk know the name of a file for good.
fn sync_around(folder: &Path, key: &str) -> Result<(), Error> {
    let within = folder.join(key);
    let within = within.parent().unwrap_or(folder);
    for folder in [within, folder] {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| Error::of_io(folder, &error))?;
    }
    Ok(())
}

/// Makes a folder in one that is there.
fn make(folder: &Path) -> Result<(), Error> {
    match fs::DirBuilder::new().mode(0o750).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map_err(|error| Error::of_io(folder, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Keeps a text of so many rows, of which 20 are a test.
    fn keep(inbox: &Inbox, text: &str, time: &str, rows: u64) -> Fate {
        let mut delivery = inbox.begin().unwrap();
        delivery.write_all(text.as_bytes()).unwrap();
        let about = About {
            at: at(time),
            dataset: "users",
            rows,
            end: ".json",
        };
        delivery.keep(about, 20).unwrap()
    }

    fn key_of(fate: &Fate) -> &str {
        match fate {
            Fate::New(key) | Fate::Repeated(key) | Fate::Test(key) => key,
        }
    }

    fn inbox() -> (tempfile::TempDir, Inbox) {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(folder.path()).unwrap();
        (folder, inbox)
    }

    #[test]
    fn what_is_sent_again_is_one_delivery_and_what_comes_on_schedule_is_not() {
        let (_folder, inbox) = inbox();
        let first = keep(&inbox, "{}", "2026-11-20T23:50:00Z", 100);
        assert!(
            matches!(&first, Fate::New(key) if key.starts_with("2026-11-20/users-20261120T235000.000000Z-100r-"))
        );
        let again = keep(&inbox, "{}", "2026-11-21T00:19:59Z", 100);
        assert_eq!(again, Fate::Repeated(key_of(&first).to_owned()));
        let next = keep(&inbox, "{}", "2026-11-21T00:50:00Z", 100);
        assert!(matches!(&next, Fate::New(key) if key.starts_with("2026-11-21/")));
        let other = keep(&inbox, "[]", "2026-11-21T00:51:00Z", 100);
        assert!(matches!(other, Fate::New(_)));
        // What corrects another one is newer than it.
        let back = keep(&inbox, "{}", "2026-11-21T00:52:00Z", 100);
        assert!(matches!(back, Fate::New(_)));
    }

    #[test]
    fn a_small_delivery_by_itself_is_a_test_and_again_it_is_the_same() {
        let (folder, inbox) = inbox();
        let test = keep(&inbox, "a", "2026-11-20T06:00:00Z", 20);
        assert!(matches!(&test, Fate::Test(key) if key.starts_with("_tests/users-")));
        assert_eq!(keep(&inbox, "a", "2026-11-20T06:10:00Z", 20), test);
        let late = keep(&inbox, "b", "2026-11-20T06:40:00Z", 20);
        assert!(matches!(late, Fate::Test(_)));
        // Tests have people in them, and go.
        keep(&inbox, "c", "2026-11-28T06:00:00Z", 1);
        assert_eq!(
            fs::read_dir(folder.path().join("_tests")).unwrap().count(),
            1
        );
    }

    #[test]
    fn small_ones_around_a_large_one_are_of_one_export() {
        let (folder, inbox) = inbox();
        let before = keep(&inbox, "a", "2026-11-20T06:00:00Z", 3);
        assert!(matches!(before, Fate::Test(_)));
        assert!(matches!(
            keep(&inbox, "b", "2026-11-20T06:01:00Z", 500),
            Fate::New(_)
        ));
        assert!(matches!(
            keep(&inbox, "c", "2026-11-20T06:02:00Z", 3),
            Fate::New(_)
        ));
        let again = keep(&inbox, "c", "2026-11-20T06:03:00Z", 3);
        assert!(matches!(&again, Fate::Repeated(key) if folder.path().join(key).is_file()));
        assert_eq!(
            fs::read_dir(folder.path().join("_tests")).unwrap().count(),
            0
        );
        assert_eq!(
            fs::read_dir(folder.path().join("2026-11-20"))
                .unwrap()
                .count(),
            3
        );
    }

    #[test]
    fn many_small_ones_are_an_export() {
        let (folder, inbox) = inbox();
        for number in 0..10 {
            let fate = keep(
                &inbox,
                &number.to_string(),
                &format!("2026-11-20T06:00:0{number}Z"),
                5,
            );
            assert_eq!(matches!(fate, Fate::Test(_)), number < 4, "{number}");
        }
        assert_eq!(
            fs::read_dir(folder.path().join("2026-11-20"))
                .unwrap()
                .count(),
            10
        );
    }

    #[test]
    fn what_is_not_kept_leaves_nothing_and_no_folder_is_made_up() {
        let (folder, inbox) = inbox();
        let mut delivery = inbox.begin().unwrap();
        delivery.write_all(b"half").unwrap();
        drop(delivery);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let missing = folder.path().join("not-mounted");
        assert!(matches!(Inbox::open(&missing), Err(Error::Missing { .. })));
        assert!(Inbox::below(&missing, &["inbox"]).is_err() && !missing.exists());
        assert!(Inbox::below(folder.path(), &["a", "b"]).is_ok());
    }

    #[test]
    fn the_time_in_the_name_is_the_one_that_sources_read() {
        let (_folder, inbox) = inbox();
        for (time, rows) in [
            ("2026-11-20T06:00:00.123456Z", 20_261_120_060_000),
            ("1999-12-31T23:59:59Z", 21),
        ] {
            let kept = keep(&inbox, time, time, rows);
            let zone = TimeZone::get("Asia/Tokyo").unwrap();
            let read = crate::source::observed_at(key_of(&kept), 0, &zone, None);
            assert_eq!(read.0, at(time).as_microsecond(), "{}", key_of(&kept));
        }
    }
}
