//! An opened generation: one file that never changes, a few connections to it, and what is read of it once.
//!
//! A file on this machine is mapped into memory, any other one read (`mount`).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::coverage::Coverage;
use super::mount;
use super::reader::{Reader, time};
use crate::error::Error;
use crate::generation::{Name, folder_of, immutable_uri};
use crate::hashing::hash_file;
use crate::schema::{APPLICATION_ID, BySubject, OLDEST_VERSION, Subject, USER_VERSION};
use crate::sealed::seal_word;

/// Connections that are kept when nobody uses them: as many threads look up at once without opening one.
const READERS_KEPT: usize = 16;
/// SQLite's page cache of a connection, in KiB (negative: KiB, not pages). The system caches the file itself.
const CACHE_KIB: i32 = -8 * 1024;
/// All of a file is mapped. SQLite maps no more than it was built for, 2 GiB unless `.cargo/config.toml` applies, and reads
/// what lies behind: half as fast.
const MAPPED_BYTES: i64 = 1 << 40;
/// More statements than a lookup has.
const STATEMENTS_KEPT: usize = 32;

const META: &str = "SELECT value FROM meta WHERE key = ?1";

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
    /// Of the file: that of this version, or an older one that can still be read.
    format: i32,
    pub(crate) coverage: Coverage,
    /// When the newest rows of users and of devices were observed.
    newest_rows: BySubject<Option<Timestamp>>,
    /// The file may be mapped into memory.
    may_map: bool,
    /// All of it is.
    pub(super) is_mapped: bool,
    /// How many top bits of a hash name its bucket.
    pub(super) bits: u32,
    /// Domains that names of it have; none where the file does not say.
    domains: Option<BTreeSet<String>>,
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
        let size = size_of_file(path)?;
        // A copy under another name may be overwritten in place, which kills whoever has it mapped.
        let may_map = Name::parse(name).is_some() && mount::is_local(path);
        let connection = connect(path, may_map).map_err(|error| told(path, error))?;
        let format = check(&connection, path, size)?;
        let bits = meta(&connection, "identifier_bits").map_err(|error| told(path, error))?;
        // Without it every answer would be that nobody is found.
        let bits = bits.and_then(|bits| bits.parse().ok());
        let bits = bits
            .filter(|bits| *bits < u64::BITS)
            .ok_or_else(|| damaged(path, None))?;
        let number = Name::of(path).map(|name| name.number);
        let read = || -> rusqlite::Result<Generation> {
            let number = match number {
                Some(number) => number,
                // A copy under another name.
                None => meta(&connection, "generation")?
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0),
            };
            Ok(Generation {
                path: path.to_owned(),
                name: name.to_owned(),
                number,
                format,
                coverage: coverage(&connection)?,
                newest_rows: newest_rows(&connection)?,
                domains: domains(&connection)?,
                may_map,
                is_mapped: mapped_bytes(&connection)? >= size,
                bits,
                readers: Mutex::default(),
            })
        };
        let generation = read().map_err(|error| told(path, error))?;
        generation.give_back(Reader::new(connection, format));
        Ok(generation)
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

    /// Reads with one of the connections.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Reader) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        self.read_with(self.reader()?, read)
    }

    /// Reads with a connection, and keeps it for the next one.
    pub(super) fn read_with<T>(
        &self,
        reader: Reader,
        read: impl FnOnce(&Reader) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let found = read(&reader).map_err(|error| told(&self.path, error))?;
        self.give_back(reader);
        Ok(found)
    }

    /// Returns a connection: one that nobody uses, else a new one.
    ///
    /// # Errors
    /// When the file cannot be opened any more: it may have been removed, with a newer one there.
    pub(super) fn reader(&self) -> Result<Reader, Error> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = readers.pop() {
            return Ok(reader);
        }
        drop(readers);
        let connection = connect(&self.path, self.may_map);
        connection
            .map(|connection| Reader::new(connection, self.format))
            .map_err(|error| told(&self.path, error))
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

impl Drop for Generation {
    /// Closes the file behind its last borrower. To unmap a gigabyte takes milliseconds, which are no caller's to wait;
    /// where no thread can be had, they are.
    fn drop(&mut self) {
        let readers = self.readers.get_mut();
        let readers = std::mem::take(readers.unwrap_or_else(PoisonError::into_inner));
        if self.is_mapped && !readers.is_empty() {
            drop(std::thread::Builder::new().spawn(|| drop(readers)));
        }
    }
}

/// Reads a value of `meta`.
pub(crate) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection
        .query_row(META, [key], |row| row.get(0))
        .optional()
}

fn connect(path: &Path, may_map: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(immutable_uri(path), flags)?;
    connection.execute_batch(&format!(
        "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = {CACHE_KIB}"
    ))?;
    if may_map {
        connection.pragma_update(None, "mmap_size", MAPPED_BYTES)?;
    }
    // Else SQLite prepares a statement anew for every value bound to it, where a table has a partial index.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // For ever, as nothing changes: no statement has to begin and end one of its own.
    connection.execute_batch("BEGIN")?;
    Ok(connection)
}

/// Returns how much of its file a connection maps at the most: less than it was told where SQLite was built for less.
fn mapped_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let bytes: Option<i64> = connection
        .query_row("PRAGMA mmap_size", [], |row| row.get(0))
        .optional()?;
    Ok(bytes.map_or(0, i64::unsigned_abs))
}

fn size_of_file(path: &Path) -> Result<u64, Error> {
    let metadata = File::open(path).and_then(|file| file.metadata());
    match metadata {
        Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
        Ok(_) => Err(foreign(path)),
        Err(error) => Err(file_error("open", path, error)),
    }
}

/// Checks that a file is an index of ours, of a format we know, and as long as it says; returns the format.
fn check(connection: &Connection, path: &Path, size: u64) -> Result<i32, Error> {
    let pragma = |name: &str| {
        let value = connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        value.map_err(|error| told(path, error))
    };
    if pragma("application_id")? != i64::from(APPLICATION_ID) {
        return Err(foreign(path));
    }
    let found = i32::try_from(pragma("user_version")?).unwrap_or(i32::MAX);
    let (shown, known) = (path.display().to_string(), USER_VERSION);
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
    let stated = pragma("page_count")?.unsigned_abs() * pragma("page_size")?.unsigned_abs();
    match stated > size {
        true => Err(damaged(path, None)),
        false => Ok(found),
    }
}

/// Reads when the newest rows of users and of devices were observed; format 3 does not say it.
fn domains(connection: &Connection) -> rusqlite::Result<Option<BTreeSet<String>>> {
    let text = meta(connection, "domains")?;
    Ok(text.map(|text| text.lines().map(str::to_owned).collect()))
}

fn newest_rows(connection: &Connection) -> rusqlite::Result<BySubject<Option<Timestamp>>> {
    let newest = |key: &str| {
        let text = meta(connection, key)?;
        Ok::<_, rusqlite::Error>(time(text.and_then(|text| text.parse().ok())))
    };
    Ok(BySubject {
        account: newest("newest_users_row")?,
        device: newest("newest_devices_row")?,
    })
}

fn coverage(connection: &Connection) -> rusqlite::Result<Coverage> {
    let until = |key: &str| {
        let text = meta(connection, key)?;
        Ok::<_, rusqlite::Error>(time(text.and_then(|text| text.parse().ok())))
    };
    Ok(Coverage {
        users: until("users_until")?,
        devices: until("devices_until")?,
        logins: until("logins_until")?,
    })
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

fn damaged(path: &Path, source: Option<rusqlite::Error>) -> Error {
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

/// Returns what an error of SQLite means for the caller.
fn told(path: &Path, error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => foreign(path),
        Some(ErrorCode::DatabaseCorrupt) => damaged(path, Some(error)),
        Some(ErrorCode::PermissionDenied) => Error::NotPermitted {
            path: path.display().to_string(),
        },
        _ => Error::Other {
            operation: "read",
            path: path.display().to_string(),
            source: error.into(),
        },
    }
}
