//! A file that is there whole or not at all: readers of one that was there before see all of that.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use super::BadUsage;

/// A file in the making; what is not kept leaves nothing.
pub(super) struct WholeFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl WholeFile {
    pub(super) fn begin(path: &Path) -> anyhow::Result<WholeFile> {
        // Of a link, what it leads to is replaced; what is no file is nothing that can be.
        let path = &match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => {
                path.canonicalize().with_context(|| unwritable(path))?
            }
            _ => path.to_owned(),
        };
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(BadUsage(format!("{} is no file", path.display())).into());
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
        Ok(WholeFile {
            file: file.with_context(|| unwritable(path))?,
            path: path.to_owned(),
        })
    }

    pub(super) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Returns where it is until it is kept.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Has it be there, on the disk for good.
    pub(super) fn keep(self) -> anyhow::Result<()> {
        let name = || unwritable(&self.path);
        self.file.as_file().sync_all().with_context(name)?;
        self.file.persist(&self.path).with_context(name)?;
        Ok(())
    }
}

fn unwritable(path: &Path) -> String {
    format!("{} cannot be written", path.display())
}
