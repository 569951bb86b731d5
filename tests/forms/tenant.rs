//! A tenant: a source and an index in a folder, what is taken in from the one and what the other knows then.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use identidex::ingest::{self, Outcome, Report};
use serde_json::Value;

use crate::{replay, state};

/// A source and an index in a folder that goes with this.
pub(crate) struct Tenant {
    home: tempfile::TempDir,
}

impl Tenant {
    pub(crate) fn new() -> Tenant {
        let home = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(home.path().join("exports")).expect("the source can be made");
        Tenant { home }
    }

    /// A tenant of these objects.
    pub(crate) fn of(objects: &[(&str, &[u8])]) -> Tenant {
        let tenant = Tenant::new();
        for (key, content) in objects {
            tenant.put(key, content);
        }
        tenant
    }

    pub(crate) fn put(&self, key: &str, content: &[u8]) -> PathBuf {
        let path = self.source().join(key);
        fs::create_dir_all(path.parent().expect("a key has a folder"))
            .expect("the folder can be made");
        fs::write(&path, content).expect("the object can be written");
        // All at one time: of two objects observed at once, the one modified last counts.
        let file = fs::File::options()
            .write(true)
            .open(&path)
            .expect("the object can be opened");
        let modified = UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        file.set_modified(modified).expect("its time can be set");
        path
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.home.path().join("exports")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.home.path().join("identity.db")
    }

    /// Runs once; no row may be lost in silence.
    pub(crate) fn sync(&self) -> Report {
        self.sync_telling(&mut |_| {})
    }

    pub(crate) fn sync_telling(&self, progress: &mut dyn FnMut(ingest::Progress)) -> Report {
        let options = replay::options(&self.source(), &self.index(), Duration::from_secs(300));
        let report = ingest::run(&options, progress).expect("the run succeeds");
        let rows = report.rows;
        assert_eq!(
            rows.read,
            rows.stored + rows.unchanged + rows.superseded + rows.rejected,
            "{report:?}"
        );
        report
    }

    /// Takes in everything, which must succeed.
    pub(super) fn taken(self) -> Tenant {
        let report = self.sync();
        assert_eq!(
            (report.outcome, report.rows.rejected),
            (Outcome::Done, 0),
            "{report:?}"
        );
        self
    }

    /// What the index knows, but for who held what when: that is no matter of a file's form.
    pub(super) fn state(&self) -> Value {
        let mut state = state::read(&self.index());
        state.as_object_mut().unwrap().remove("held");
        state
    }
}
