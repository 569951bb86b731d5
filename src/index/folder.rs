//! The folder beside the index: the generations in it, the lock, and what names the current one.
//!
//! `identity.db` is a relative link to `identity.db.d/gen-000042-<sha256>.db`; `identity.db.d/current` names the same file
//! and is what readers read. Both are replaced by rename, the generations never: a name is used once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};

use super::{Error, Result, migrate};
use crate::generation::{Name, immutable_uri};

const HASHED_BYTES: usize = 1 << 20;

/// The index's path and the folder of its generations.
#[derive(Debug, Clone)]
pub struct Folder {
    pub(super) link: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) mode: u32,
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
    sha256: [u8; 32],
}

pub(super) fn file_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
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
            && Name::of(&target).is_some();
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
        let name =
            Name::parse(text.trim()).ok_or_else(|| foreign(&path, "no generation's name"))?;
        let path = self.folder.join(text.trim());
        if !path.exists() {
            let path = path.display().to_string();
            return Err(Error::Missing { path });
        }
        Ok(Some(Generation {
            number: name.number,
            sha256: name.sha256,
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
            let is_orphan = match (&current, Name::of(&path)) {
                (Some(current), Some(name)) => {
                    name.number >= current.number && path != current.path
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

    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.folder).map_err(file_error("list", &self.folder))?;
        Ok(entries.flatten().map(|entry| entry.path()).collect())
    }

    fn is_linked(&self, current: &Generation) -> bool {
        fs::read_link(&self.link).is_ok_and(|target| target.file_name() == current.path.file_name())
    }

    pub(super) fn relink(&self, generation: &Path) -> Result<()> {
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
            .filter_map(|path| Some((Name::of(&path)?.number, path)))
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
        if sha256 == self.sha256 {
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
    /// SQLite's; [`Error::Newer`], [`Error::Older`] and [`Error::Foreign`] for a file that is no index of ours.
    pub fn connect(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(immutable_uri(&self.path), flags)?;
        migrate::check(&connection, &self.path.display().to_string())?;
        Ok(connection)
    }
}

fn foreign(path: &Path, found: &'static str) -> Error {
    Error::Foreign {
        path: path.display().to_string(),
        found,
    }
}

pub(super) fn hash(from: &mut impl Read) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; HASHED_BYTES];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

pub(super) fn sync_folder(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(file_error("fsync", path))
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
}
