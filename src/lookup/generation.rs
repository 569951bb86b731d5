//! An opened generation: one file that never changes, readers of it, and what is read of it once.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::coverage::Coverage;
use super::reader::{Reader, time};
use super::select::Select;
use super::tables::Tables;
use crate::error::Error;
use crate::generation::{Name, folder_of};
use crate::hashing::hash_file;
use crate::schema::{APPLICATION_ID, BySubject, OLDEST_VERSION, Subject, USER_VERSION};
use crate::sealed::seal_word;
use crate::sqlite;

/// Readers that are kept when nobody uses them: as many threads look up at once without making one.
const READERS_KEPT: usize = 16;

/// Where an index is: the path that is given to people, and the folder of its generations.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    folder: PathBuf,
}

/// An opened generation.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(super) path: PathBuf,
    /// As `current` names it; empty when the path is a file of its own.
    name: String,
    pub(crate) number: u64,
    pub(crate) coverage: Coverage,
    /// When the newest rows of users and of devices were observed.
    newest_rows: BySubject<Option<Timestamp>>,
    /// How many top bits of a hash name its bucket.
    pub(super) bits: u32,
    /// Domains that names of it have; none where the file does not say.
    domains: Option<BTreeSet<String>>,
    file: Arc<sqlite::Reader>,
    tables: Arc<Tables>,
    readers: Mutex<Vec<Reader>>,
}

impl Place {
    pub(super) fn new(path: &Path) -> Place {
        Place {
            path: path.to_owned(),
            folder: folder_of(path),
        }
    }

    /// Returns the name of the current generation; `None` where there are none.
    fn current(&self) -> Result<Option<String>, Error> {
        let path = self.folder.join("current");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(file_error("read", &path, error)),
        };
        let name = text.trim();
        match Name::parse(name) {
            Some(_) => Ok(Some(name.to_owned())),
            None => Err(damaged(&path, None)),
        }
    }

    /// Opens the current generation, or the file itself where there are no generations.
    pub(super) fn open(&self) -> Result<Generation, Error> {
        let mut name = self.current()?;
        loop {
            let opened = match &name {
                Some(name) => Generation::open(&self.folder.join(name), name),
                None => Generation::open(&self.path, ""),
            };
            if !matches!(opened, Err(Error::Missing { .. })) {
                return opened;
            }
            // Removed between reading its name and opening it? Then there is a newer one.
            let next = self.current()?;
            if next == name {
                return match name {
                    Some(name) => Err(damaged(&self.folder.join(name), None)),
                    None => opened,
                };
            }
            name = next;
        }
    }

    /// Opens the current generation if it is another one than `known`.
    pub(super) fn open_newer(&self, known: &Generation) -> Result<Option<Generation>, Error> {
        match self.current()? {
            Some(name) if name != known.name => self.open().map(Some),
            _ => Ok(None),
        }
    }
}

impl Generation {
    fn open(path: &Path, name: &str) -> Result<Generation, Error> {
        let file = sqlite::Reader::open(path).map_err(|error| told(path, error))?;
        check(&file, path)?;
        let meta = Meta::read(&file).map_err(|error| told(path, error))?;
        // Without it every answer would be that nobody is found.
        let bits = meta.parsed("identifier_bits");
        let bits = bits
            .filter(|bits| *bits < u64::BITS)
            .ok_or_else(|| damaged(path, None))?;
        let tables = Tables::of(&file).map_err(|error| told(path, error))?;
        // A copy under another name has the number in it.
        let number = Name::of(path).map(|name| name.number);
        let number = number.or_else(|| meta.parsed("generation"));
        Ok(Generation {
            path: path.to_owned(),
            name: name.to_owned(),
            number: number.unwrap_or(0),
            coverage: meta.coverage(),
            newest_rows: meta.newest_rows(),
            domains: meta.domains(),
            bits,
            tables: Arc::new(tables),
            file: Arc::new(file),
            readers: Mutex::default(),
        })
    }

    /// Returns the file.
    #[cfg(feature = "cli")]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Compares the file with the hash in its name; false where the name has none.
    pub(super) fn verify(&self) -> Result<bool, Error> {
        let Some(expected) = Name::of(&self.path) else {
            return Ok(false);
        };
        let found = hash_file(&self.path).map_err(|error| file_error("read", &self.path, error))?;
        match found == expected.blake3 {
            true => Ok(true),
            false => Err(damaged(&self.path, None)),
        }
    }

    /// Reads with one of the readers, and keeps it for the next call.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Reader) -> sqlite::Result<T>,
    ) -> Result<T, Error> {
        let reader = self.reader();
        let found = read(&reader).map_err(|error| told(&self.path, error))?;
        self.give_back(reader);
        Ok(found)
    }

    /// Returns a reader: one that nobody uses, else a new one.
    fn reader(&self) -> Reader {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = readers.pop();
        drop(readers);
        known.unwrap_or_else(|| Reader::new(Arc::clone(&self.file), Arc::clone(&self.tables)))
    }

    /// Returns when the newest row of a subject's dataset was observed, as far as the file says it.
    pub(super) fn newest_row(&self, subject: Subject) -> Option<Timestamp> {
        self.newest_rows[subject].or_else(|| self.coverage.of(subject.dataset()))
    }

    /// Tells whether a text may be the domain of a device, as far as is known.
    pub(super) fn may_be_domain(&self, text: &str) -> bool {
        let domains = self.domains.as_ref();
        domains.is_none_or(|domains| domains.contains(text) || domains.contains(&seal_word(text)))
    }

    fn give_back(&self, reader: Reader) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS_KEPT {
            readers.push(reader);
        }
    }
}

/// Checks that a file is an index of ours, of a format we know, and as long as it says.
fn check(file: &sqlite::Reader, path: &Path) -> Result<(), Error> {
    if file.application_id != APPLICATION_ID {
        return Err(foreign(path));
    }
    let (shown, found, known) = (path.display().to_string(), file.user_version, USER_VERSION);
    if found > known {
        return Err(Error::Newer {
            path: shown,
            found,
            known,
        });
    }
    if found < OLDEST_VERSION {
        return Err(Error::Older {
            path: shown,
            found,
            known,
        });
    }
    match file.is_whole() {
        true => Ok(()),
        false => Err(damaged(path, None)),
    }
}

/// What a generation says of itself.
struct Meta(HashMap<String, String>);

impl Meta {
    fn read(file: &sqlite::Reader) -> sqlite::Result<Meta> {
        let select = Select::all(file, "meta", &["key", "value"])?;
        let mut rows = file.rows("meta")?;
        let mut known = HashMap::new();
        while let Some((_, row)) = rows.next()? {
            let row = select.from(row)?;
            known.insert(row.text(0)?.to_owned(), row.text(1)?.to_owned());
        }
        Ok(Meta(known))
    }

    fn parsed<T: FromStr>(&self, key: &str) -> Option<T> {
        self.0.get(key)?.parse().ok()
    }

    fn time(&self, key: &str) -> Option<Timestamp> {
        time(self.parsed(key))
    }

    fn coverage(&self) -> Coverage {
        Coverage {
            users: self.time("users_until"),
            devices: self.time("devices_until"),
            logins: self.time("logins_until"),
        }
    }

    /// Returns when the newest rows of users and of devices were observed; format 3 does not say it.
    fn newest_rows(&self) -> BySubject<Option<Timestamp>> {
        BySubject {
            account: self.time("newest_users_row"),
            device: self.time("newest_devices_row"),
        }
    }

    fn domains(&self) -> Option<BTreeSet<String>> {
        let text = self.0.get("domains")?;
        Some(text.lines().map(str::to_owned).collect())
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn foreign(path: &Path) -> Error {
    Error::Foreign {
        path: path.display().to_string(),
    }
}

fn damaged(path: &Path, source: Option<sqlite::Error>) -> Error {
    Error::Damaged {
        path: path.display().to_string(),
        source: source.map(Into::into),
    }
}

fn file_error(operation: &'static str, path: &Path, error: io::Error) -> Error {
    let shown = path.display().to_string();
    match error.kind() {
        _ if is_absent(&error) => Error::Missing { path: shown },
        io::ErrorKind::PermissionDenied => Error::NotPermitted { path: shown },
        _ => Error::Other {
            operation,
            path: shown,
            source: error.into(),
        },
    }
}

/// Returns what an error of reading a generation means for the caller.
fn told(path: &Path, error: sqlite::Error) -> Error {
    match error {
        sqlite::Error::Foreign => foreign(path),
        sqlite::Error::Io(error) => file_error("read", path, error),
        error => damaged(path, Some(error)),
    }
}
