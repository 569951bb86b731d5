//! A published generation: a file that never changes, and is known by its number and its hash.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::generation::Name;
use crate::hashing::hash_file;
use crate::index::{Error, Result, file_error};

/// A published generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its number, 1 being the first.
    pub number: u64,
    /// Its file.
    pub path: PathBuf,
    /// Its hash.
    pub blake3: [u8; 32],
}

impl Generation {
    /// Names the generation of a file; none where its name is that of none.
    pub(super) fn of(path: PathBuf) -> Option<Generation> {
        let Name { number, blake3 } = Name::of(&path)?;
        Some(Generation {
            number,
            path,
            blake3,
        })
    }

    pub(super) fn size_and_time(&self) -> Result<(u64, SystemTime)> {
        let metadata = fs::metadata(&self.path).map_err(file_error("read", &self.path))?;
        let modified = metadata
            .modified()
            .map_err(file_error("read", &self.path))?;
        Ok((metadata.len(), modified))
    }

    /// Compares the file with the hash in its name.
    ///
    /// # Errors
    /// [`Error::Rotten`] when it differs.
    pub fn verify(&self) -> Result<()> {
        let blake3 = hash_file(&self.path).map_err(file_error("read", &self.path))?;
        if blake3 == self.blake3 {
            Ok(())
        } else {
            Err(Error::Rotten {
                path: self.path.display().to_string(),
            })
        }
    }
}

/// Makes a file durable and returns its hash.
pub(super) fn seal(path: &Path, file: &File) -> Result<[u8; 32]> {
    // The disk works while the processor hashes.
    let (blake3, synced) = std::thread::scope(|scope| {
        let sync = scope.spawn(|| file.sync_all());
        (hash_file(path), sync.join())
    });
    let died = || {
        Err(io::Error::other(
            "the thread that makes the file durable died",
        ))
    };
    synced
        .unwrap_or_else(|_| died())
        .map_err(file_error("fsync", path))?;
    blake3.map_err(file_error("read", path))
}
