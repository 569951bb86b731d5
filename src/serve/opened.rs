//! The index that answers, which may be published after the sidecar began. Once it is open, it looks for newer generations by
//! itself.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::debug;

use super::problem::Problem;
use crate::lookup::{Index, Options};

/// How often one that is not there yet is looked for.
const LOOKS_APART: Duration = Duration::from_millis(500);

const NOT_OPEN: &str = "no index can be opened yet; the log of the sidecar says why";

/// An index by its path.
pub(super) struct Opened {
    path: PathBuf,
    options: Options,
    index: OnceLock<Arc<Index>>,
    /// When it was looked for last, and not opened.
    failed: Mutex<Option<Instant>>,
}

impl Opened {
    pub(super) fn new(path: PathBuf, options: Options) -> Opened {
        Opened {
            path,
            options,
            index: OnceLock::new(),
            failed: Mutex::new(None),
        }
    }

    /// Returns the index.
    pub(super) fn index(&self) -> Result<&Arc<Index>, Problem> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_some_and(|at| at.elapsed() < LOOKS_APART) {
            return Err(Problem::not_ready(NOT_OPEN));
        }
        match Index::open_with(&self.path, self.options) {
            Ok(index) => Ok(self.index.get_or_init(|| Arc::new(index))),
            Err(error) => {
                // Where it is, is not for whoever asks.
                debug!(%error, "no index to answer from");
                *failed = Some(Instant::now());
                Err(Problem::not_ready(NOT_OPEN))
            }
        }
    }
}
