//! Who may read what is published: modes and a group, whatever the umask.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use crate::index::{Result, file_error};

/// Who may read what is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readers {
    /// Permission bits of files, such as 0o640; whoever may read a file may also enter the folder.
    pub mode: u32,
    /// The id of the group that files are given to; none: that of the run.
    pub group: Option<u32>,
}

impl Readers {
    pub(super) fn folder_mode(self) -> u32 {
        self.mode | (self.mode & 0o444) >> 2
    }

    /// Lets them read a file, whatever the umask.
    pub(super) fn give(self, path: &Path) -> Result<()> {
        self.set(path, self.mode)
    }

    pub(super) fn give_folder(self, path: &Path) -> Result<()> {
        self.set(path, self.folder_mode())
    }

    fn set(self, path: &Path, mode: u32) -> Result<()> {
        if self.group.is_some() {
            chown(path, None, self.group).map_err(file_error("change the group of", path))?;
        }
        let set = fs::set_permissions(path, Permissions::from_mode(mode));
        set.map_err(file_error("set the mode of", path))
    }
}
