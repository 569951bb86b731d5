//! Inside a folder: of what links lead to, only what lies within the folder itself is taken; and nothing that is no file.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    File,
    /// A link, its own or one above it, leads out of the folder.
    Outside,
    /// A pipe, a socket or a device: to read one may wait for ever.
    NoFile,
}

/// A folder, and which of the folders below it lie within it.
#[derive(Debug)]
pub(super) struct Inside {
    folder: PathBuf,
    /// Where the folder really is; none where that cannot be told.
    real: Option<PathBuf>,
    known: HashMap<PathBuf, bool>,
}

impl Inside {
    pub(super) fn new(folder: &Path) -> Inside {
        Inside {
            folder: folder.to_owned(),
            real: fs::canonicalize(folder).ok(),
            known: HashMap::new(),
        }
    }

    /// Tells what the entry of a key is. One that is gone is a file: to fetch it will tell.
    pub(super) fn entry(&mut self, key: &str) -> Entry {
        let path = self.folder.join(key);
        let parent = path.parent().unwrap_or(&self.folder).to_owned();
        if !self.has_folder(&parent) {
            return Entry::Outside;
        }
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            return Entry::File;
        };
        if metadata.is_symlink() && !self.has(&path) {
            return Entry::Outside;
        }
        match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => Entry::NoFile,
            _ => Entry::File,
        }
    }

    fn has_folder(&mut self, folder: &Path) -> bool {
        if let Some(known) = self.known.get(folder) {
            return *known;
        }
        let has = self.has(folder);
        self.known.insert(folder.to_owned(), has);
        has
    }

    fn has(&self, path: &Path) -> bool {
        let real = fs::canonicalize(path);
        let both = self.real.as_ref().zip(real.ok());
        both.is_none_or(|(folder, real)| real.starts_with(folder))
    }
}
