//! A run that failed as a whole: noted as any other.

use super::error::{Error, chain};
use super::options::Options;
use super::report::{Report, note_run};
use super::state::State;
use crate::index;
use crate::publish::Folder;

/// Notes a run that failed, where there is an index, or the beginning of one. One that found another at work leaves the state to
/// that.
pub(super) fn note_failed(options: &Options, error: &Error, seconds: f64) {
    let folder = Folder::open(&options.index, options.readers);
    let Some(folder) = folder
        .ok()
        .filter(|folder| !options.is_dry_run && folder.path().is_dir())
    else {
        return;
    };
    let mut report = Report::failed(&options.run, chain(error));
    report.seconds = seconds;
    let is_locked = matches!(error, Error::Index(index::Error::Locked { .. }));
    if !is_locked {
        State::fail(&folder, &report);
    }
    note_run(folder.path(), &report);
}
