//! A folder, which tests fill and sources read like the servers.

use std::path::Path;

use identidex::ingest::SourceConfig;

use super::{Server, source};

/// A folder, filled like the servers.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn start() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Server for Folder {
    fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.path().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // As exporters do it: a new file under the old name.
        let _ = std::fs::remove_file(&path);
        std::fs::write(path, bytes).unwrap();
    }

    fn delete(&self, key: &str) {
        std::fs::remove_file(self.path().join(key)).unwrap();
    }

    fn config(&self, prefix: &str) -> SourceConfig {
        source("folder", self.path().join(prefix).to_str().unwrap())
    }

    fn config_of_a_stranger(&self, _prefix: &str) -> Option<SourceConfig> {
        None
    }

    fn config_elsewhere(&self) -> SourceConfig {
        self.config("no-such-folder")
    }
}
