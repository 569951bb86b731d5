//! Generations: the folder beside the index, the lock, the private building file, and how it becomes what readers see.
//!
//! `identity.db` is a relative link to `identity.db.d/gen-000042-<sha256>.db`; `identity.db.d/current` names the same file
//! and is what readers read. Both are replaced by rename, the generations never: a name is used once.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};

use super::ledger::hex;
use super::{Error, Result, Writer, migrate};
use crate::class::Patterns;

/// Where a database file says which programs may write it. SQLite treats a file with an unknown version (3) as read-only.
const WRITE_VERSION_OFFSET: usize = 18;
const READ_ONLY: u8 = 3;
const WRITABLE: u8 = 1;
const HASHED_BYTES: usize = 1 << 20;
/// SQLite's page cache while building, in KiB (negative: KiB, not pages).
const CACHE_KIB: i32 = -8 * 1024;
/// Prepared statements kept: all that a run has.
const STATEMENTS_KEPT: usize = 64;

/// The index's path and the folder of its generations.
#[derive(Debug, Clone)]
pub struct Folder {
    link: PathBuf,
    folder: PathBuf,
    mode: u32,
}

/// The lock of an index; held until dropped, or until the process dies.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread has forked, and that has not begun its program yet, has the
        // file open too. An error leaves the lock to the closing.
        let _ = self.file.unlock();
    }
}

/// A published generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its number, 1 being the first.
    pub number: u64,
    /// Its file.
    pub path: PathBuf,
    sha256: String,
}

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

fn file_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::File {
        operation,
        path,
        source,
    }
}

impl Folder {
    /// Names the folder of an index; `mode` is that of its files, such as 0o640.
    ///
    /// # Errors
    /// When the path holds something that is not ours: it is left alone.
    pub fn open(path: &Path, mode: u32) -> Result<Folder> {
        let name = path
            .file_name()
            .ok_or_else(|| foreign(path, "no file name"))?;
        let mut folder_name = name.to_owned();
        folder_name.push(".d");
        let folder = Folder {
            link: path.to_owned(),
            folder: path.with_file_name(folder_name),
            mode,
        };
        folder.check_link()?;
        Ok(folder)
    }

    /// Returns the folder that holds the generations, the lock and the spool.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    fn check_link(&self) -> Result<()> {
        let Ok(metadata) = fs::symlink_metadata(&self.link) else {
            return Ok(());
        };
        if metadata.is_dir() {
            return Err(foreign(&self.link, "a folder"));
        }
        if !metadata.is_symlink() {
            return Err(foreign(&self.link, "a file of its own"));
        }
        let target = fs::read_link(&self.link).map_err(file_error("read the link", &self.link))?;
        let is_ours = target.parent().and_then(Path::file_name) == self.folder.file_name()
            && generation_of(&target).is_some();
        if is_ours {
            Ok(())
        } else {
            Err(foreign(&self.link, "a link to something else"))
        }
    }

    /// Makes the folder, if need be, and takes the lock without waiting.
    ///
    /// # Errors
    /// [`Error::Locked`] when another run holds it.
    pub fn lock(&self) -> Result<Lock> {
        let folder_mode = self.mode | (self.mode & 0o444) >> 2;
        // Not the folders above it: an index is not to be begun anew where a volume is not mounted, or a name mistyped.
        match fs::DirBuilder::new().mode(folder_mode).create(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(file_error("make the folder", &self.folder)(error));
            }
            _ => {}
        }
        let path = self.folder.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path);
        let file = file.map_err(file_error("open the lock", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { file }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::Locked {
                path: path.display().to_string(),
            }),
            Err(fs::TryLockError::Error(error)) => Err(file_error("lock", &path)(error)),
        }
    }

    /// Returns the current generation; `None` when nothing was ever published.
    ///
    /// # Errors
    /// When `current` cannot be read or names no generation.
    pub fn current(&self) -> Result<Option<Generation>> {
        let path = self.folder.join("current");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.linked() {
                Some(name) => name,
                None => return Ok(None),
            },
            Err(error) => return Err(file_error("read", &path)(error)),
        };
        let (number, sha256) = generation_of(Path::new(text.trim()))
            .ok_or_else(|| foreign(&path, "no generation's name"))?;
        let path = self.folder.join(text.trim());
        if !path.exists() {
            let path = path.display().to_string();
            return Err(Error::Missing { path });
        }
        Ok(Some(Generation {
            number,
            sha256,
            path,
        }))
    }

    /// Returns the name of the generation that the link leads to: it is made after `current`, so without that one a
    /// restored copy lost it, and the index is not to be begun anew.
    fn linked(&self) -> Option<String> {
        let target = fs::read_link(&self.link).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    /// Makes the folder that objects are fetched into, empty.
    ///
    /// # Errors
    /// The file system's.
    pub fn spool(&self) -> Result<PathBuf> {
        let spool = self.folder.join("spool");
        let _ = fs::remove_dir_all(&spool);
        let made = fs::DirBuilder::new().mode(0o700).create(&spool);
        made.map_err(file_error("make the folder", &spool))?;
        Ok(spool)
    }

    /// Makes good what a killed run may have left. Only under the lock.
    ///
    /// Generations that were never named as current are removed: their numbers will be used by others. Without a
    /// current one, all are left, since nobody knows what happened.
    ///
    /// # Errors
    /// The file system's.
    pub fn clean(&self) -> Result<()> {
        let _ = fs::remove_dir_all(self.folder.join("spool"));
        let current = self.current()?;
        for path in self.files()? {
            let is_building = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("building"));
            let is_orphan = match (&current, generation_of(&path)) {
                (Some(current), Some((number, _))) => {
                    number >= current.number && path != current.path
                }
                _ => false,
            };
            if is_building || is_orphan {
                fs::remove_file(&path).map_err(file_error("remove", &path))?;
            }
        }
        match current {
            Some(current) if !self.is_linked(&current) => self.relink(&current.path),
            _ => Ok(()),
        }
    }

    fn files(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.folder).map_err(file_error("list", &self.folder))?;
        Ok(entries.flatten().map(|entry| entry.path()).collect())
    }

    fn is_linked(&self, current: &Generation) -> bool {
        fs::read_link(&self.link).is_ok_and(|target| target.file_name() == current.path.file_name())
    }

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
            copy(&current.path, &building.path)?;
            building.verifying = Some(std::thread::spawn(move || current.verify()));
        }
        match building.open(is_new) {
            Ok(()) => Ok(building),
            Err(error) => building.verify_origin().and(Err(error)),
        }
    }

    fn publish(&self, building: &Path, number: u64) -> Result<()> {
        let sha256 = hex(&seal(building)?);
        let name = format!("gen-{number:06}-{sha256}.db");
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

    fn relink(&self, generation: &Path) -> Result<()> {
        let next = self.folder.join("building-link");
        let _ = fs::remove_file(&next);
        let folder = Path::new(self.folder.file_name().unwrap_or_default());
        let target = folder.join(generation.file_name().unwrap_or_default());
        symlink(target, &next).map_err(file_error("make the link", &next))?;
        self.check_link()?;
        fs::rename(&next, &self.link).map_err(file_error("replace the link", &self.link))?;
        let parent = self
            .link
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        sync_folder(parent.unwrap_or(Path::new(".")))
    }

    /// Removes generations beyond `keep` that are older than `after`: a reader may still be about to open one. The
    /// current one is never removed.
    ///
    /// # Errors
    /// The file system's.
    pub fn prune(&self, keep: u32, after: Duration) -> Result<()> {
        let current = self.current()?.map(|current| current.path);
        let mut generations: Vec<(u64, PathBuf)> = self
            .files()?
            .into_iter()
            .filter(|path| Some(path) != current.as_ref())
            .filter_map(|path| Some((generation_of(&path)?.0, path)))
            .collect();
        generations.sort_unstable_by(|left, right| right.cmp(left));
        for (_, path) in generations.into_iter().skip(keep.max(1) as usize - 1) {
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
            let age = modified
                .ok()
                .and_then(|modified| SystemTime::now().duration_since(modified).ok());
            if age.is_some_and(|age| age >= after) {
                fs::remove_file(&path).map_err(file_error("remove", &path))?;
            }
        }
        Ok(())
    }
}

impl Generation {
    /// Compares the file with the hash in its name.
    ///
    /// # Errors
    /// [`Error::Rotten`] when it differs.
    pub fn verify(&self) -> Result<()> {
        let mut file = File::open(&self.path).map_err(file_error("open", &self.path))?;
        let sha256 = hash(&mut file).map_err(file_error("read", &self.path))?;
        if hex(&sha256) == self.sha256 {
            Ok(())
        } else {
            Err(Error::Rotten {
                path: self.path.display().to_string(),
            })
        }
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// SQLite's; [`Error::Newer`] and [`Error::Foreign`] for a file that is no index of ours.
    pub fn connect(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(immutable_uri(&self.path), flags)?;
        migrate::check(&connection, &self.path.display().to_string())?;
        Ok(connection)
    }
}

/// A path as the URI of a file that nobody changes; SQLite gives `?`, `#` and `%` in paths a meaning.
fn immutable_uri(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let escaped = absolute
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    format!("file:{escaped}?immutable=1")
}

fn foreign(path: &Path, found: &'static str) -> Error {
    Error::Foreign {
        path: path.display().to_string(),
        found,
    }
}

/// Reads the number and the hash in a generation's name.
fn generation_of(path: &Path) -> Option<(u64, String)> {
    let name = path.file_name()?.to_str()?;
    let (number, sha256) = name
        .strip_prefix("gen-")?
        .strip_suffix(".db")?
        .split_once('-')?;
    let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then_some((number.parse().ok()?, sha256.to_owned()))
}

fn hash(from: &mut impl Read) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; HASHED_BYTES];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(&buffer[..read]),
        }
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

fn sync_folder(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(file_error("fsync", path))
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
             PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = {CACHE_KIB}; PRAGMA temp_store = MEMORY;
             PRAGMA trusted_schema = OFF;"
        ))?;
        if is_new {
            migrate::create(&connection)?;
        } else {
            migrate::check(&connection, &self.path.display().to_string())?;
        }
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        connection.execute_batch("BEGIN IMMEDIATE")?;
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
        Writer::open(connection, &self.folder.folder, self.generation, patterns)
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
    let digest =
        migrate::meta(connection, "digest")?.and_then(|text| u128::from_str_radix(&text, 16).ok());
    Ok(Published {
        generation,
        accounts: number("accounts")?,
        devices: number("devices")?,
        usages: number("usages")?,
        digest: digest.unwrap_or(0),
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
    use super::*;

    #[test]
    fn a_path_that_is_not_ours_is_refused_and_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.db");
        fs::write(&path, "mine").unwrap();
        assert!(matches!(
            Folder::open(&path, 0o640),
            Err(Error::Foreign { .. })
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        fs::remove_file(&path).unwrap();
        symlink("/etc/hostname", &path).unwrap();
        assert!(matches!(
            Folder::open(&path, 0o640),
            Err(Error::Foreign { .. })
        ));
    }

    #[test]
    fn a_second_lock_is_refused_until_the_first_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::open(&folder.path().join("identity.db"), 0o640).unwrap();
        let lock = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(Error::Locked { .. })));
        drop(lock);
        folder.lock().unwrap();
    }

    #[test]
    fn a_building_file_that_is_dropped_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("identity.db"), 0o640).unwrap();
        let _lock = folder.lock().unwrap();
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
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("identity.db"), 0o640).unwrap();
        let _lock = folder.lock().unwrap();
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
        let left = left
            .iter()
            .filter(|path| generation_of(path).is_some())
            .count();
        assert_eq!(left, 2);
        folder.prune(1, Duration::ZERO).unwrap();
        assert!(current.path.exists() && !old.path.exists());
    }

    #[test]
    fn an_index_that_lost_current_or_its_generation_is_not_begun_anew() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("identity.db"), 0o640).unwrap();
        let _lock = folder.lock().unwrap();
        let published = publish(&folder);
        fs::remove_file(folder.path().join("current")).unwrap();
        assert_eq!(folder.current().unwrap(), Some(published.clone()));
        assert_eq!(publish(&folder).number, 2);
        fs::remove_file(folder.current().unwrap().unwrap().path).unwrap();
        assert!(matches!(folder.current(), Err(Error::Missing { .. })));
    }

    #[test]
    fn a_changed_generation_is_never_published_upon() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("identity.db"), 0o640).unwrap();
        let _lock = folder.lock().unwrap();
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
