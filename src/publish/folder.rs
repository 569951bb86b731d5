//! The folder beside the index: the generations in it, the lock, and what names the current one.
//!
//! `identity.db` is a relative link to `identity.db.d/gen-000042-<blake3>.db`; `identity.db.d/current` names the same file
//! and is what readers read. Both are replaced by rename, the generations never: a name is used once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::generation::{Generation, seal};
use super::readers::Readers;
use crate::generation::Name;
use crate::index::{Error, Made, Published, Result, check_format, file_error};

/// The index's path and the folder of its generations.
#[derive(Debug, Clone)]
pub struct Folder {
    pub(super) link: PathBuf,
    folder: PathBuf,
    readers: Readers,
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

impl Folder {
    /// Names the folder of an index.
    ///
    /// # Errors
    /// When the path holds something that is not ours: it is left alone.
    pub fn open(path: &Path, readers: Readers) -> Result<Folder> {
        let name = path
            .file_name()
            .ok_or_else(|| foreign(path, "no file name"))?;
        let mut folder_name = name.to_owned();
        folder_name.push(".d");
        let folder = Folder {
            link: path.to_owned(),
            folder: path.with_file_name(folder_name),
            readers,
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
        // Not the folders above it: an index is not to be begun anew where a volume is not mounted, or a name mistyped.
        match fs::DirBuilder::new()
            .mode(self.readers.folder_mode())
            .create(&self.folder)
        {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(file_error("make the folder", &self.folder)(error));
            }
            _ => {}
        }
        // Also so that a group which may not be given is told before the work, not after it.
        self.readers.give_folder(&self.folder)?;
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
        match self.named()? {
            Some(current) if !current.path.exists() => Err(Error::Missing {
                path: current.path.display().to_string(),
            }),
            current => Ok(current),
        }
    }

    /// Returns the generation that `current` names, which may not be there.
    pub(super) fn named(&self) -> Result<Option<Generation>> {
        let path = self.folder.join("current");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.linked() {
                Some(name) => name,
                None => return Ok(None),
            },
            Err(error) => return Err(file_error("read", &path)(error)),
        };
        let named = Generation::of(self.folder.join(text.trim()));
        named.map(Some).ok_or_else(|| Error::Unnamed {
            path: path.display().to_string(),
        })
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
    /// Generations that were never named as current are removed: their numbers will be used by others. Those that a
    /// rollback undid were. Without a current one, all are left, since nobody knows what happened.
    ///
    /// # Errors
    /// The file system's.
    pub fn clean(&self) -> Result<()> {
        let _ = fs::remove_dir_all(self.folder.join("spool"));
        let current = self.current()?;
        let mut undone = self.undone()?;
        if let Some(current) = &current
            && undone.forget_interrupted(current.number)
        {
            self.set_undone(&undone)?;
        }
        let undone = undone.generations;
        for path in self.files()? {
            let is_building = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("building"));
            let is_orphan = match (&current, Name::of(&path)) {
                (Some(current), Some(name)) => {
                    name.number >= current.number
                        && path != current.path
                        && !undone.contains(&name.number)
                }
                _ => false,
            };
            if is_building || is_orphan {
                fs::remove_file(&path).map_err(file_error("remove", &path))?;
            }
        }
        // Where it cannot be replaced, the end of the run says so.
        let _ = self.link_current();
        Ok(())
    }

    /// Has the link lead to the current generation, where it does not. Readers do without it: a failure leaves a link that
    /// people would be misled by, and what is published as it is.
    ///
    /// # Errors
    /// The file system's, and when there is no right to replace the link.
    pub fn link_current(&self) -> Result<()> {
        match self.current()? {
            Some(current) if !self.is_linked(&current) => self.relink(&current.path),
            _ => Ok(()),
        }
    }

    /// Returns the generations that are there, the newest first.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn generations(&self) -> Result<Vec<Generation>> {
        let mut generations: Vec<Generation> = self
            .files()?
            .into_iter()
            .filter_map(Generation::of)
            .collect();
        generations.sort_unstable_by(|left, right| {
            (right.number, &right.path).cmp(&(left.number, &left.path))
        });
        Ok(generations)
    }

    fn files(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.folder).map_err(file_error("list", &self.folder))?;
        Ok(entries.flatten().map(|entry| entry.path()).collect())
    }

    fn is_linked(&self, current: &Generation) -> bool {
        fs::read_link(&self.link).is_ok_and(|target| target.file_name() == current.path.file_name())
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

    /// Removes generations beyond `keep`, and those that a rollback undid, that are older than `after`: a reader may still
    /// be about to open one. The current one is never removed.
    ///
    /// # Errors
    /// The file system's.
    pub fn prune(&self, keep: u32, after: Duration) -> Result<()> {
        let current = self.current()?;
        let undone = self.undone()?.generations;
        let others = self.generations()?.into_iter();
        let others = others.filter(|one| Some(one) != current.as_ref());
        let (undone, older): (Vec<_>, Vec<_>) =
            others.partition(|one| undone.contains(&one.number));
        let older = older.into_iter().skip(keep.max(1) as usize - 1);
        for Generation { path, .. } in undone.into_iter().chain(older) {
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
            let age = modified
                .ok()
                .and_then(|modified| SystemTime::now().duration_since(modified).ok());
            // A clock that was set back says nothing of an age, and where none is asked for that is no reason to stay.
            if after.is_zero() || age.is_some_and(|age| age >= after) {
                fs::remove_file(&path).map_err(file_error("remove", &path))?;
            }
        }
        Ok(())
    }
}

impl Folder {
    /// Removes all generations before one: those of people who were erased.
    ///
    /// # Errors
    /// The file system's, and where the current one is among them.
    pub fn remove_before(&self, number: u64) -> Result<()> {
        for older in self
            .generations()?
            .into_iter()
            .filter(|one| one.number < number)
        {
            fs::remove_file(&older.path).map_err(file_error("remove", &older.path))?;
        }
        Ok(())
    }

    /// Returns the path at which the next generation is made.
    pub fn building(&self) -> PathBuf {
        self.folder.join("building.db")
    }

    /// Returns the path at which a generation is sifted.
    pub fn sifted(&self) -> PathBuf {
        self.folder.join("building-sifted.db")
    }

    /// Removes what a run that failed was making.
    pub fn abandon(&self) {
        // The next run removes what cannot be removed now.
        let _ = fs::remove_file(self.building());
        let _ = fs::remove_file(self.sifted());
    }

    /// Returns the number of the next generation: none was ever named so.
    ///
    /// # Errors
    /// The file system's.
    pub fn next_number(&self) -> Result<u64> {
        let there = self.generations()?.first().map(|one| one.number);
        let undone = self.undone()?.generations.last().copied();
        Ok(there.max(undone).unwrap_or(0) + 1)
    }

    /// Makes a generation that is there the current one.
    pub(super) fn make_current(&self, generation: &Generation) -> Result<()> {
        let name = Name {
            number: generation.number,
            blake3: generation.blake3,
        };
        self.name_current(&name.to_string())
    }

    /// Makes what was made the current generation, and has the link lead to it if that can be: [`Folder::link_current`] tells.
    ///
    /// # Errors
    /// The file system's; the current generation is as it was then, or the new one whole.
    pub fn publish(&self, made: Made) -> Result<Published> {
        let Made {
            path,
            published,
            file,
            ..
        } = made;
        self.publish_file(&path, file, published.generation)?;
        Ok(published)
    }

    /// Makes a file of this folder the current generation, under a number.
    ///
    /// # Errors
    /// As [`Folder::publish`].
    pub fn publish_file(&self, path: &Path, file: File, number: u64) -> Result<()> {
        let blake3 = seal(path, &file)?;
        self.readers.give(path)?;
        let name = Name { number, blake3 }.to_string();
        let generation = self.folder.join(&name);
        fs::rename(path, &generation).map_err(file_error("rename", path))?;
        sync_folder(&self.folder)?;
        self.readers.give_folder(&self.folder)?;
        self.name_current(&name)?;
        let _ = self.relink(&generation);
        Ok(())
    }

    /// Makes a file that another machine published the current generation, if it is what its hash says; one that is here
    /// already is that. Only under the lock.
    ///
    /// # Errors
    /// [`Error::Rotten`] where it differs; [`Error::Newer`]; the file system's. The current generation is as it was then, or this one
    /// where only the link could not be made.
    pub fn adopt(&self, path: &Path, number: u64, blake3: [u8; 32]) -> Result<()> {
        let name = Name { number, blake3 };
        let generation = self.folder.join(name.to_string());
        if path != generation {
            let opened = OpenOptions::new().read(true).write(true).open(path);
            let file = opened.map_err(file_error("open", path))?;
            if seal(path, &file)? != blake3 {
                return Err(Error::Rotten {
                    path: path.display().to_string(),
                });
            }
            // One that this program cannot read is not to be the current one.
            check_format(path)?;
            self.readers.give(path)?;
            fs::rename(path, &generation).map_err(file_error("rename", path))?;
            sync_folder(&self.folder)?;
        }
        self.readers.give_folder(&self.folder)?;
        self.name_current(&name.to_string())?;
        self.link_current()
    }

    /// Returns a generation that is here, by number and hash.
    ///
    /// # Errors
    /// The file system's.
    pub fn generation(&self, number: u64, blake3: [u8; 32]) -> Result<Option<Generation>> {
        let name = Name { number, blake3 }.to_string();
        let here = self.generations()?.into_iter();
        let mut here = here.filter(|one| one.path.file_name().is_some_and(|file| *file == *name));
        Ok(here.next())
    }

    /// Names a generation as the current one.
    fn name_current(&self, name: &str) -> Result<()> {
        self.replace("current", format!("{name}\n").as_bytes())
    }

    /// Replaces a small file by rename; readers may read it.
    ///
    /// # Errors
    /// The file system's; the file that was there is there still.
    pub fn replace(&self, name: &str, text: &[u8]) -> Result<()> {
        self.replace_for(Some(self.readers), name, text)
    }

    /// Replaces a small file by rename; none but the owner may read it where there are no readers.
    pub(super) fn replace_for(
        &self,
        readers: Option<Readers>,
        name: &str,
        text: &[u8],
    ) -> Result<()> {
        let next = self.folder.join(format!("building-{name}"));
        let mut file = create(&next)?;
        let written = file.write_all(text);
        written
            .and_then(|()| file.sync_all())
            .map_err(file_error("write", &next))?;
        if let Some(readers) = readers {
            readers.give(&next)?;
        }
        let path = self.folder.join(name);
        fs::rename(&next, &path).map_err(file_error("replace", &path))?;
        sync_folder(&self.folder)
    }
}

fn create(path: &Path) -> Result<File> {
    let made = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path);
    made.map_err(file_error("create", path))
}

fn foreign(path: &Path, found: &'static str) -> Error {
    Error::Foreign {
        path: path.display().to_string(),
        found,
    }
}

fn sync_folder(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(file_error("fsync", path))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::index::{Kept, Rules};

    const READERS: Readers = Readers {
        mode: 0o640,
        group: None,
    };

    fn locked() -> (tempfile::TempDir, Folder, Lock) {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("identity.db"), READERS).unwrap();
        let lock = folder.lock().unwrap();
        (home, folder, lock)
    }

    fn publish(folder: &Folder) -> Generation {
        let current = folder.current().unwrap();
        let number = folder.next_number().unwrap();
        let kept = Kept::load(
            current.as_ref().map(|current| &*current.path),
            folder.path(),
            number,
        )
        .unwrap();
        let made = kept.make(&Rules::default(), &folder.building()).unwrap();
        folder.publish(made).unwrap();
        folder.link_current().unwrap();
        folder.current().unwrap().unwrap()
    }

    #[test]
    fn a_path_that_is_not_ours_is_refused_and_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.db");
        fs::write(&path, "mine").unwrap();
        assert!(matches!(
            Folder::open(&path, READERS),
            Err(Error::Foreign { .. })
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        fs::remove_file(&path).unwrap();
        symlink("/etc/hostname", &path).unwrap();
        assert!(matches!(
            Folder::open(&path, READERS),
            Err(Error::Foreign { .. })
        ));
    }

    #[test]
    fn a_second_lock_is_refused_until_the_first_is_dropped() {
        let (_home, folder, lock) = locked();
        assert!(matches!(folder.lock(), Err(Error::Locked { .. })));
        drop(lock);
        folder.lock().unwrap();
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
        fs::write(folder.building(), "half").unwrap();
        fs::remove_file(home.path().join("identity.db")).unwrap();
        folder.clean().unwrap();
        folder.link_current().unwrap();
        assert_eq!(
            fs::canonicalize(home.path().join("identity.db")).unwrap(),
            fs::canonicalize(&current.path).unwrap()
        );
        let left = folder.files().unwrap();
        let left = left.iter().filter(|path| Name::of(path).is_some()).count();
        assert_eq!(left, 2);
        assert!(!folder.building().exists());
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
    fn a_link_that_cannot_be_replaced_leaves_what_is_published() {
        let (home, folder, _lock) = locked();
        let old = publish(&folder);
        // A folder in the place of the next link.
        fs::create_dir(folder.path().join("building-link")).unwrap();
        let made = Kept::load(Some(&old.path), folder.path(), 2).unwrap();
        let made = made.make(&Rules::default(), &folder.building()).unwrap();
        folder.publish(made).unwrap();
        assert_eq!(folder.current().unwrap().unwrap().number, 2);
        assert!(folder.link_current().is_err());
        fs::remove_dir(folder.path().join("building-link")).unwrap();
        folder.link_current().unwrap();
        let linked = fs::read_link(home.path().join("identity.db")).unwrap();
        assert!(linked.to_string_lossy().contains("gen-000002-"));
    }

    #[test]
    fn a_changed_generation_is_found() {
        let (_home, folder, _lock) = locked();
        let current = publish(&folder);
        current.verify().unwrap();
        fs::set_permissions(&current.path, Permissions::from_mode(0o600)).unwrap();
        let file = OpenOptions::new().write(true).open(&current.path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"x", 5_000).unwrap();
        assert!(matches!(current.verify(), Err(Error::Rotten { .. })));
    }

    #[test]
    fn readers_get_what_is_published_whatever_the_umask() {
        let (home, _, _lock) = locked();
        let readers = Readers {
            mode: 0o644,
            group: None,
        };
        let folder = Folder::open(&home.path().join("identity.db"), readers).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let published = publish(&folder);
        assert_eq!(mode(&published.path), 0o644);
        assert_eq!(mode(&folder.path().join("current")), 0o644);
        assert_eq!(mode(folder.path()), 0o755);
        assert_eq!(mode(&folder.path().join("lock")), 0o600);
    }
}
