//! An inbox: the folder of a source that deliveries are put into, each as a file that says in its name when it came.
//!
//! What is sent again within half an hour is the same delivery: no sender says so, and the shortest schedule is an hour.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use tempfile::NamedTempFile;

use super::Error;

/// The same content within so long is a repetition.
const REPEATED_WITHIN: SignedDuration = SignedDuration::from_mins(30);
/// Small deliveries so long after another one of the same dataset are the end of it, and no test.
const FOLLOWS_WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// Sources leave out what begins with `_`, and with `.`.
const APART: &str = "_tests";
const UNFINISHED: &str = ".delivery-";
/// What is unfinished for so long was left by a process that ended.
const LEFT_AFTER: Duration = Duration::from_hours(24);

/// The folder of a source that deliveries are put into.
#[derive(Debug, Clone)]
pub struct Inbox {
    folder: PathBuf,
    /// Two that are the same are kept one after the other.
    keeping: Arc<Mutex<()>>,
}

/// What became of a delivery. Keys are those of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// The next run takes it in.
    New(String),
    /// It was there already.
    Repeated(String),
    /// It is so small that it is a test: no run takes it in.
    Apart(String),
}

/// A delivery that is on its way.
#[derive(Debug)]
pub struct Delivery {
    folder: PathBuf,
    keeping: Arc<Mutex<()>>,
    file: NamedTempFile,
    hasher: blake3::Hasher,
}

impl Inbox {
    /// Opens a folder, which is made if it is not there; removes what earlier processes left unfinished there.
    ///
    /// # Errors
    /// Where it can be neither made nor listed.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Inbox, Error> {
        let folder = folder.into();
        make(&folder)?;
        let name = |error| Error::of_io(&folder, &error);
        for entry in fs::read_dir(&folder).map_err(name)? {
            let entry = entry.map_err(name)?;
            let is_unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
            let age = entry.metadata().and_then(|found| found.modified());
            let age = age.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
            if is_unfinished && age.is_ok_and(|age| age > LEFT_AFTER) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let keeping = Arc::default();
        Ok(Inbox { folder, keeping })
    }

    /// Returns what a fault of the file system in here comes to.
    pub fn fault(&self, error: &io::Error) -> Error {
        Error::of_io(&self.folder, error)
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

    /// Keeps it, on the disk for good, as what came at a time: `what` its rows are about, and with the end that its name is to
    /// have. One that `may_be_a_test` is kept apart, unless another one of the same kind came shortly before.
    ///
    /// # Errors
    /// The file system's; nothing is kept then.
    pub fn keep(
        self,
        at: Timestamp,
        what: &str,
        end: &str,
        may_be_a_test: bool,
    ) -> Result<Kept, Error> {
        let hash = self.hasher.finalize().to_hex();
        let name = format!(
            "{what}-{}-{}{end}",
            at.strftime("%Y%m%dT%H%M%S%.6fZ"),
            &hash[..12]
        );
        let keeping = Arc::clone(&self.keeping);
        let _one_at_a_time = keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let near = Near::of(&self.folder, at)?;
        if let Some(known) = near.with_hash(&hash[..12], self.length()?) {
            return Ok(Kept::Repeated(known.to_owned()));
        }
        let day = at.strftime("%Y-%m-%d").to_string();
        let key = match may_be_a_test && !near.has_one_of(what) {
            true => format!("{APART}/{name}"),
            false => format!("{day}/{name}"),
        };
        let target = self.folder.join(&key);
        let (folder, into) = (self.folder.clone(), target.parent().map(Path::to_owned));
        let into = into.unwrap_or_else(|| folder.clone());
        make(&into)?;
        self.persist(&target)
            .and_then(|()| File::open(&into)?.sync_all())
            .and_then(|()| File::open(&folder)?.sync_all())
            .map_err(|error| Error::of_io(&into, &error))?;
        Ok(match key.starts_with(APART) {
            true => Kept::Apart(key),
            false => Kept::New(key),
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

/// What came shortly before a time: keys, when each came, and how long it is.
struct Near(Vec<(String, SignedDuration, u64)>);

impl Near {
    fn of(folder: &Path, at: Timestamp) -> Result<Near, Error> {
        let longest = REPEATED_WITHIN.max(FOLLOWS_WITHIN);
        let yesterday = at.checked_sub(longest).unwrap_or(at);
        let mut folders = vec![
            at.strftime("%Y-%m-%d").to_string(),
            yesterday.strftime("%Y-%m-%d").to_string(),
            APART.to_owned(),
        ];
        folders.dedup();
        let mut near = Vec::new();
        for below in folders {
            let path = folder.join(&below);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::of_io(&path, &error)),
            };
            for entry in entries {
                let entry = entry.map_err(|error| Error::of_io(&path, &error))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let came = name.split('-').nth(1).and_then(stamp);
                let before = came.map(|came| at.duration_since(came));
                let Some(before) = before.filter(|before| before.abs() <= longest) else {
                    continue;
                };
                let length = entry.metadata().map_or(0, |found| found.len());
                near.push((format!("{below}/{name}"), before, length));
            }
        }
        Ok(Near(near))
    }

    fn with_hash(&self, hash: &str, length: u64) -> Option<&str> {
        let mut found = self.0.iter().filter(|(key, before, long)| {
            before.abs() <= REPEATED_WITHIN && *long == length && key.contains(hash)
        });
        found.next().map(|(key, _, _)| key.as_str())
    }

    /// Tells whether one came that is no test, of the same dataset.
    fn has_one_of(&self, what: &str) -> bool {
        self.0.iter().any(|(key, before, _)| {
            let name = key.split_once('/').map_or("", |(_, name)| name);
            let is_of = name.split('-').next() == Some(what);
            is_of && !key.starts_with(APART) && before.abs() <= FOLLOWS_WITHIN
        })
    }
}

fn stamp(text: &str) -> Option<Timestamp> {
    let (time, _) = text.split_once('Z')?;
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S%.f", time).ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

fn make(folder: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(folder);
    made.map_err(|error| Error::of_io(folder, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn keep(inbox: &Inbox, text: &str, time: &str, may_be_a_test: bool) -> Kept {
        let mut delivery = inbox.begin().unwrap();
        delivery.write_all(text.as_bytes()).unwrap();
        let kept = delivery.keep(at(time), "users", ".json", may_be_a_test);
        kept.unwrap()
    }

    fn key_of(kept: &Kept) -> &str {
        match kept {
            Kept::New(key) | Kept::Repeated(key) | Kept::Apart(key) => key,
        }
    }

    #[test]
    fn what_is_sent_again_is_one_delivery_and_what_comes_on_schedule_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(folder.path().join("in")).unwrap();
        let first = keep(&inbox, "{}", "2026-11-20T23:50:00Z", false);
        assert!(
            matches!(&first, Kept::New(key) if key.starts_with("2026-11-20/users-20261120T235000.000000Z-"))
        );
        let again = keep(&inbox, "{}", "2026-11-21T00:19:59Z", false);
        assert_eq!(again, Kept::Repeated(key_of(&first).to_owned()));
        let next = keep(&inbox, "{}", "2026-11-21T00:50:00Z", false);
        assert!(matches!(&next, Kept::New(key) if key.starts_with("2026-11-21/")));
        let other = keep(&inbox, "[]", "2026-11-21T00:50:00Z", false);
        assert!(matches!(other, Kept::New(_)));
    }

    #[test]
    fn a_small_delivery_is_a_test_unless_it_ends_another() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(folder.path()).unwrap();
        let test = keep(&inbox, "a", "2026-11-20T06:00:00Z", true);
        assert!(matches!(&test, Kept::Apart(key) if key.starts_with("_tests/users-")));
        // A test is no delivery that another could be the end of.
        let second = keep(&inbox, "b", "2026-11-20T06:01:00Z", true);
        assert!(matches!(second, Kept::Apart(_)));
        let whole = keep(&inbox, "c", "2026-11-20T06:02:00Z", false);
        assert!(matches!(whole, Kept::New(_)));
        let end = keep(&inbox, "d", "2026-11-20T06:03:00Z", true);
        assert!(matches!(end, Kept::New(_)));
        let late = keep(&inbox, "e", "2026-11-20T06:30:00Z", true);
        assert!(matches!(late, Kept::Apart(_)));
    }

    #[test]
    fn what_is_not_kept_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(folder.path()).unwrap();
        let mut delivery = inbox.begin().unwrap();
        delivery.write_all(b"half").unwrap();
        drop(delivery);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_time_in_the_name_is_the_one_that_sources_read() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(folder.path()).unwrap();
        for time in ["2026-11-20T06:00:00.123456Z", "1999-12-31T23:59:59Z"] {
            let kept = keep(&inbox, time, time, false);
            let zone = jiff::tz::TimeZone::get("Asia/Tokyo").unwrap();
            let read = crate::source::observed_at(key_of(&kept), 0, &zone, None);
            assert_eq!(read.0, at(time).as_microsecond(), "{}", key_of(&kept));
        }
    }
}
