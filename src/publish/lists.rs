//! Lists beside the generations: what a rollback undid, what failed, who was erased, and what was pulled.

use std::fs;
use std::io;

use super::erasures::Erasures;
use super::failed::Failed;
use super::folder::Folder;
use super::generation::Generation;
use super::undone::Undone;
use crate::index::{Error, Result, erasures_of, file_error};

const UNDONE: &str = "undone.json";
const FAILED: &str = "failed.json";
/// Who was erased.
const ERASED: &str = "erased.json";
/// What was pulled from another machine, where that makes the index.
const PULLED: &str = "pulled.json";
const PROJECTION: &str = "projection";

impl Folder {
    /// Returns what a rollback undid.
    ///
    /// # Errors
    /// When the list is there and cannot be read: an object that is on it may be the reason of the rollback.
    pub fn undone(&self) -> Result<Undone> {
        let path = self.path().join(UNDONE);
        match fs::read(&path) {
            Ok(text) => {
                let undone = serde_json::from_slice(&text);
                undone.map_err(|_| {
                    file_error("read", &path)(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "it is no list of what a rollback undid; without it, the next run takes that in again",
                    ))
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Undone::default()),
            Err(error) => Err(file_error("read", &path)(error)),
        }
    }

    pub(super) fn set_undone(&self, undone: &Undone) -> Result<()> {
        let text = serde_json::to_vec(undone)
            .map_err(|_| Error::Inconsistent("a list of what was undone"))?;
        self.replace(UNDONE, &text)
    }

    /// Returns what failed by its content; what cannot be read is tried again.
    ///
    /// # Errors
    /// The file system's.
    pub fn failed(&self) -> Result<Failed> {
        let path = self.path().join(FAILED);
        match fs::read(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Failed::default()),
            Err(error) => Err(file_error("read", &path)(error)),
        }
    }

    /// Keeps what failed by its content.
    ///
    /// # Errors
    /// The file system's.
    pub fn set_failed(&self, failed: &Failed) -> Result<()> {
        if *failed == self.failed()? {
            return Ok(());
        }
        let text =
            serde_json::to_vec(failed).map_err(|_| Error::Inconsistent("a list of what failed"))?;
        self.replace(FAILED, &text)
    }

    /// Returns who was erased.
    ///
    /// # Errors
    /// When the list is there and cannot be read: without it, people who were erased would come back.
    pub fn erasures(&self) -> Result<Erasures> {
        let path = self.path().join(ERASED);
        let damaged = || {
            file_error("read", &path)(io::Error::new(
                io::ErrorKind::InvalidData,
                "it is not the list of who was erased that was written; restore it: without it, they would come back",
            ))
        };
        match fs::read(&path) {
            Ok(text) => {
                let erasures: Option<Erasures> = serde_json::from_slice(&text).ok();
                erasures
                    .filter(|list| list.hashes().is_some())
                    .ok_or_else(damaged)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Erasures::default()),
            Err(error) => Err(file_error("read", &path)(error)),
        }
    }

    /// Keeps who was erased, for the owner alone.
    ///
    /// # Errors
    /// The file system's; the list that was there is there still.
    pub fn set_erasures(&self, erasures: &Erasures) -> Result<()> {
        let text = serde_json::to_vec(erasures)
            .map_err(|_| Error::Inconsistent("a list of who was erased"))?;
        self.replace_for(None, ERASED, &text)
    }

    /// Returns what was pulled from another machine, if anything ever was.
    ///
    /// # Errors
    /// The file system's.
    pub fn pulled(&self) -> Result<Option<Vec<u8>>> {
        let path = self.path().join(PULLED);
        match fs::read(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file_error("read", &path)(error)),
        }
    }

    /// Keeps what was pulled.
    ///
    /// # Errors
    /// The file system's; what was kept is there still.
    pub fn set_pulled(&self, text: &[u8]) -> Result<()> {
        self.replace(PULLED, text)
    }

    /// Fails where the index comes from another machine: whatever was done to it here would be undone by the next pull.
    ///
    /// # Errors
    /// [`Error::Pulled`]; the file system's.
    pub fn is_made_here(&self) -> Result<()> {
        match self.pulled()? {
            None => Ok(()),
            Some(_) => Err(Error::Pulled {
                path: self.link.display().to_string(),
            }),
        }
    }

    /// Notes that the folder is a projection's, whatever becomes of what is in it.
    ///
    /// # Errors
    /// The file system's.
    pub fn set_projection(&self, name: &str) -> Result<()> {
        self.replace(PROJECTION, name.as_bytes())
    }

    /// Tells whether the folder is a projection's.
    pub fn is_projection(&self) -> bool {
        self.path().join(PROJECTION).exists()
    }

    /// Refuses the folder of a projection, which is as the index that it is made of.
    ///
    /// # Errors
    /// [`Error::Foreign`].
    pub fn is_whole(&self) -> Result<()> {
        match self.is_projection() {
            false => Ok(()),
            true => Err(Error::Foreign {
                path: self.link.display().to_string(),
                found: "a projection, which follows the index that it is made of",
            }),
        }
    }

    /// Returns who was erased, and whether the current generation is without them all.
    ///
    /// # Errors
    /// [`Error::ErasuresLost`] where the list is not the one that the generation was made with; the file system's.
    pub fn erasures_of(&self, current: &Generation) -> Result<(Erasures, bool)> {
        let erasures = self.erasures()?;
        let (known, found) = (erasures_of(&current.path)?, erasures.count());
        if known > found {
            return Err(Error::ErasuresLost {
                path: self.path().join(ERASED).display().to_string(),
                found,
                known,
            });
        }
        let is_done = known == found && !erasures.is_pending();
        Ok((erasures, is_done))
    }
}
