//! The private building file, and how it becomes a generation.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::folder::{Folder, file_error, hash, sync_folder};
use super::{Error, Result, Writer, migrate};
use crate::class::Patterns;
use crate::generation::Name;

/// Where a database file says which programs may write it. SQLite treats a file with an unknown version (3) as read-only.
const WRITE_VERSION_OFFSET: usize = 18;
const READ_ONLY: u8 = 3;
const WRITABLE: u8 = 1;
/// SQLite's page cache while building, in KiB (negative: KiB, not pages).
const CACHE_KIB: i32 = -8 * 1024;
/// Prepared statements kept: all that a run has.
const STATEMENTS_KEPT: usize = 64;

/// What a publication made.
#[derive(Debug, Clone)]
pub struct Published {
    /// The new generation's number.
    pub generation: u64,
    /// Accounts, those without an answer of their own included.
    pub accounts: u64,
    /// Devices.
    pub devices: u64,
    /// Pairs of an account and a device.
    pub usages: u64,
    /// The logical digest.
    pub digest: u128,
}

impl Folder {
    /// Makes a private copy of the current generation, or an empty index. The current generation is compared with its
    /// hash meanwhile: see [`Building::verify_origin`].
    ///
    /// # Errors
    /// The file system's and SQLite's.
    pub fn build(&self) -> Result<Building> {
        let current = self.current()?;
        let mut building = Building {
            folder: self.clone(),
            path: self.folder.join("building.db"),
            generation: current.as_ref().map_or(1, |current| current.number + 1),
            connection: None,
            verifying: None,
        };
        let is_new = current.is_none();
        if let Some(current) = current {
            // One after the other: what the copy read, the hash need not fetch from the disk.
            copy(&current.path, &building.path)?;
            building.verifying = Some(std::thread::spawn(move || current.verify()));
        }
        match building.open(is_new) {
            Ok(()) => Ok(building),
            Err(error) => building.verify_origin().and(Err(error)),
        }
    }

    fn publish(&self, building: &Path, number: u64) -> Result<()> {
        let sha256 = seal(building)?;
        let name = Name { number, sha256 }.to_string();
        let generation = self.folder.join(&name);
        let read_only = Permissions::from_mode(self.mode & 0o444);
        fs::set_permissions(building, read_only)
            .map_err(file_error("set the mode of", building))?;
        fs::rename(building, &generation).map_err(file_error("rename", building))?;
        sync_folder(&self.folder)?;
        let next = self.folder.join("building-current");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(self.mode)
            .open(&next)
            .map_err(file_error("write", &next))?;
        writeln!(file, "{name}")
            .and_then(|()| file.sync_all())
            .map_err(file_error("write", &next))?;
        fs::rename(&next, self.folder.join("current")).map_err(file_error("rename", &next))?;
        sync_folder(&self.folder)?;
        self.relink(&generation)
    }
}

/// Copies a generation, made writable.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut origin = File::open(from).map_err(file_error("open", from))?;
    let mut copy = create(to)?;
    // Within the kernel, where it can.
    io::copy(&mut origin, &mut copy).map_err(file_error("copy", from))?;
    write_version(&copy, WRITABLE).map_err(file_error("write", to))
}

fn create(path: &Path) -> Result<File> {
    let made = OpenOptions::new()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path);
    made.map_err(file_error("create", path))
}

fn write_version(file: &File, version: u8) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    file.write_all_at(&[version], WRITE_VERSION_OFFSET as u64)
}

/// Marks a closed file as read-only for every SQLite, makes it durable and returns its hash.
fn seal(path: &Path) -> Result<[u8; 32]> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(file_error("open", path))?;
    write_version(&file, READ_ONLY).map_err(file_error("write", path))?;
    let syncing = file.try_clone().map_err(file_error("open", path))?;
    // The disk works while the processor hashes.
    let (sha256, synced) = std::thread::scope(|scope| {
        let sync = scope.spawn(move || syncing.sync_all());
        (hash(&mut file), sync.join())
    });
    synced
        .unwrap_or_else(|_| {
            Err(io::Error::other(
                "the thread that makes the file durable died",
            ))
        })
        .map_err(file_error("fsync", path))?;
    sha256.map_err(file_error("read", path))
}

/// A private copy of the index in the making. Dropped without [`Building::publish`], it leaves nothing.
#[derive(Debug)]
pub struct Building {
    folder: Folder,
    path: PathBuf,
    generation: u64,
    connection: Option<Connection>,
    /// Compares the generation that this is a copy of with its hash.
    verifying: Option<JoinHandle<Result<()>>>,
}

impl Building {
    fn open(&mut self, is_new: bool) -> Result<()> {
        if is_new {
            create(&self.path)?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        // Partial indexes make SQLite plan a statement anew for every value that is bound, without this promise.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // No journal: on any error the file is thrown away. Durability comes once, when it is sealed.
        connection.execute_batch(&format!(
            "PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
             PRAGMA cache_size = {CACHE_KIB}; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
        ))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        if is_new {
            // Its transaction begins when its first rows were laid down.
            migrate::create(&connection)?;
        } else {
            migrate::check(&connection, &self.path.display().to_string())?;
            connection.execute_batch("BEGIN IMMEDIATE")?;
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// Opens the one writer.
    ///
    /// # Errors
    /// SQLite's.
    pub fn writer(&self, patterns: Patterns) -> Result<Writer<'_>> {
        let connection = self
            .connection
            .as_ref()
            .ok_or(Error::Inconsistent("the building file is closed"))?;
        Writer::open(connection, &self.path, self.generation, patterns)
    }

    /// Waits until the generation that this is a copy of was compared with its hash. Never publish without: bit rot would
    /// be published with it.
    ///
    /// # Errors
    /// [`Error::Rotten`] when it is not what was published; whatever else failed is owed to that.
    pub fn verify_origin(&mut self) -> Result<()> {
        match self.verifying.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(verified) => verified.unwrap_or(Err(Error::Inconsistent(
                "the thread that hashes the current generation died",
            ))),
        }
    }

    /// Makes the file the current generation, or, for a dry run, says what it would have been.
    ///
    /// # Errors
    /// SQLite's and the file system's; nothing is published then.
    pub fn publish(mut self, is_dry_run: bool) -> Result<Published> {
        self.verify_origin()?;
        let connection = self
            .connection
            .take()
            .ok_or(Error::Inconsistent("the building file is closed"))?;
        let published = published(&connection, self.generation)?;
        connection.execute_batch("COMMIT")?;
        connection.close().map_err(|(_, error)| error)?;
        if !is_dry_run {
            self.folder.publish(&self.path, self.generation)?;
        }
        Ok(published)
    }
}

/// Says what was published as a generation, from what its writer noted: counting rows would read the whole file.
pub(crate) fn published(connection: &Connection, generation: u64) -> Result<Published> {
    let number = |key: &str| -> Result<u64> {
        Ok(migrate::meta(connection, key)?
            .and_then(|text| text.parse().ok())
            .unwrap_or(0))
    };
    Ok(Published {
        generation,
        accounts: number("accounts")?,
        devices: number("devices")?,
        usages: number("usages")?,
        digest: migrate::digest(connection, "digest")?.unwrap_or(0),
    })
}

impl Drop for Building {
    fn drop(&mut self) {
        self.connection = None;
        // Renamed away when published; what is left otherwise is nobody's.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::folder::{Generation, Lock};
    use super::*;

    fn locked() -> (tempfile::TempDir, Folder, Lock) {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("identity.db"), 0o640).unwrap();
        let lock = folder.lock().unwrap();
        (home, folder, lock)
    }

    #[test]
    fn a_building_file_that_is_dropped_leaves_nothing() {
        let (_home, folder, _lock) = locked();
        drop(folder.build().unwrap());
        assert_eq!(folder.current().unwrap(), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    fn publish(folder: &Folder) -> Generation {
        let building = folder.build().unwrap();
        building
            .writer(Patterns::default())
            .unwrap()
            .finish()
            .unwrap();
        building.publish(false).unwrap();
        folder.current().unwrap().unwrap()
    }

    #[test]
    fn what_a_kill_between_two_renames_leaves_is_made_good() {
        let (home, folder, _lock) = locked();
        let old = publish(&folder);
        let current = publish(&folder);
        // A generation that was renamed before `current` was, and one of the same number.
        let hash = "f".repeat(64);
        for orphan in [
            format!("gen-000002-{hash}.db"),
            format!("gen-000003-{hash}.db"),
        ] {
            fs::write(folder.path().join(orphan), "orphan").unwrap();
        }
        fs::remove_file(home.path().join("identity.db")).unwrap();
        folder.clean().unwrap();
        assert_eq!(
            fs::canonicalize(home.path().join("identity.db")).unwrap(),
            fs::canonicalize(&current.path).unwrap()
        );
        let left: Vec<PathBuf> = folder.files().unwrap();
        let left = left.iter().filter(|path| Name::of(path).is_some()).count();
        assert_eq!(left, 2);
        folder.prune(1, Duration::ZERO).unwrap();
        assert!(current.path.exists() && !old.path.exists());
    }

    #[test]
    fn an_index_that_lost_current_or_its_generation_is_not_begun_anew() {
        let (_home, folder, _lock) = locked();
        let published = publish(&folder);
        fs::remove_file(folder.path().join("current")).unwrap();
        assert_eq!(folder.current().unwrap(), Some(published.clone()));
        assert_eq!(publish(&folder).number, 2);
        fs::remove_file(folder.current().unwrap().unwrap().path).unwrap();
        assert!(matches!(folder.current(), Err(Error::Missing { .. })));
    }

    #[test]
    fn a_changed_generation_is_never_published_upon() {
        let (_home, folder, _lock) = locked();
        let current = publish(&folder);
        current.verify().unwrap();
        folder.build().unwrap();
        fs::set_permissions(&current.path, Permissions::from_mode(0o600)).unwrap();
        let file = OpenOptions::new().write(true).open(&current.path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"x", 5_000).unwrap();
        assert!(matches!(current.verify(), Err(Error::Rotten { .. })));
        let published = folder.build().and_then(|building| building.publish(false));
        assert!(matches!(published, Err(Error::Rotten { .. })));
    }
}
