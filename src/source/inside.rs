//! Inside a folder: of what links lead to, only what lies within the folder itself is taken; and nothing that is no file.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    File,
    /// A link, its own or one above it, leads out of the folder.
    Outside,
    /// A pipe, a socket or a device: to read one may wait for ever.
    NoFile,
}

/// Entries that are named at the most.
const OVERLOOKED: usize = 1_000;

/// Returns what an entry is that neither is a file nor leads to one or to a folder.
fn no_file(path: &Path, kind: fs::FileType) -> Option<&'static str> {
    let is_read = |kind: fs::FileType| kind.is_file() || kind.is_dir();
    if is_read(kind) {
        return None;
    }
    match fs::metadata(path) {
        Ok(metadata) if is_read(metadata.file_type()) => None,
        Ok(_) => Some("is a pipe, a socket or a device, and no file"),
        Err(_) => Some("is a link that leads nowhere"),
    }
}

/// Tells whether an entry may not be looked at, for want of the right to enter its folder.
fn is_denied(entry: &fs::DirEntry) -> bool {
    let looked = fs::symlink_metadata(entry.path());
    looked.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
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

    /// Returns entries that no listing has, of those that would be taken: links to nothing, pipes, sockets and devices, each
    /// with what it is. Less than all where it is to stop.
    pub(super) fn overlooked(
        &self,
        is_taken: impl Fn(&str) -> bool,
        stop: &AtomicBool,
    ) -> Vec<(String, &'static str)> {
        let mut overlooked = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop().filter(|_| !stop.load(Ordering::Relaxed)) {
            // One that cannot be read is for the listing to say.
            let Ok(entries) = fs::read_dir(self.folder.join(&folder)) else {
                continue;
            };
            for entry in entries.flatten() {
                let key = folder.join(entry.file_name());
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                if kind.is_dir() {
                    folders.push(key);
                } else if let Some(what) = no_file(&entry.path(), kind) {
                    let key = key.to_string_lossy().into_owned();
                    overlooked.extend(is_taken(&key).then_some((key, what)));
                }
                if overlooked.len() == OVERLOOKED {
                    return overlooked;
                }
            }
        }
        overlooked.sort_unstable();
        overlooked
    }

    /// Returns the first folder that cannot be read, for want of rights or otherwise, of those that are entered.
    pub(super) fn unreadable(&self, is_entered: impl Fn(&str) -> bool) -> Option<PathBuf> {
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let key = folder.to_string_lossy();
            if !key.is_empty() && !is_entered(&key) {
                continue;
            }
            let Ok(entries) = fs::read_dir(self.folder.join(&folder)) else {
                return Some(folder);
            };
            let mut entries = entries.flatten().peekable();
            // Whose names can be read, and nothing else.
            if entries.peek().is_some_and(is_denied) {
                return Some(folder);
            }
            let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            folders.extend(inner.map(|entry| folder.join(entry.file_name())));
        }
        None
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
