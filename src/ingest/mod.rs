//! A run: what is new in the sources becomes a new generation of the index.
//!
//! [`run`] decides; the stages only do. Objects are fetched on the source's threads and decoded and mapped on one of
//! their own (`reader`), while this thread folds (`fold`) and writes. What fails costs itself: a row, an object, or the
//! building file.

mod options;
mod report;

mod fold;
mod reader;
mod tally;

mod error;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use tracing::{debug, error, info};

pub use self::error::Error;
use self::error::{Result, chain};
use self::fold::Folded;
pub use self::options::Options;
use self::reader::Fetched;
pub use self::report::{Failure, ObjectCounts, Outcome, Progress, Report, RowReport, note_run};
pub use crate::class::Patterns;
use crate::index::{self, Kept, Loaded, Made, Past, Rules};
pub use crate::mapping::Mapping;
use crate::observation::{Object, ObservedFrom};
pub use crate::publish::Readers;
use crate::publish::{Folder, Generation, settle_undone};
pub use crate::source::SourceConfig;
use crate::source::Sources;

/// Takes in what is new in the sources and publishes it.
///
/// # Errors
/// [`Error`]; the published generation is untouched then. Objects that fail are no error: see [`Report::failures`].
pub fn run(options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Report> {
    let start = Instant::now();
    if options.sources.is_empty() {
        return Err(Error::NoSource);
    }
    let folder = Folder::open(&options.index, options.readers)?;
    let sources = Sources::open(&options.sources, Arc::clone(&options.stop))?;
    let _lock = folder.lock()?;
    folder.clean()?;
    let listing = sources.list()?;
    let mut run = Run {
        options,
        folder: &folder,
        report: Report::default(),
        progress,
        is_outdated: false,
    };
    run.report.objects.listed = listing.objects.len() as u64;
    run.report.warnings.extend(
        listing
            .odd_keys
            .iter()
            .map(|odd| format!("{odd} has a name that no URL can hold; it is left out")),
    );
    let mut new = run.unknown(&listing.objects)?;
    while !new.is_empty() || run.is_outdated {
        let spool = folder.spool()?;
        let fetched = sources.fetch(new.clone(), &spool, options.spool_bytes);
        let outcome = run.take_in(fetched, &spool);
        let _ = std::fs::remove_dir_all(&spool);
        if outcome.is_err() {
            folder.abandon();
        }
        new = match outcome {
            Err(error @ Error::Changed { .. } | error @ Error::Refused { .. }) => {
                run.without(new, error)?
            }
            outcome => outcome.map(|()| Vec::new())?,
        };
        run.is_outdated = false;
    }
    if !options.is_dry_run {
        settle_undone(&folder, &listing.objects)?;
        run.link_current();
    }
    run.finish(start, sources.bytes_fetched().load(Ordering::Relaxed))
}

/// A run under way.
struct Run<'a> {
    options: &'a Options,
    folder: &'a Folder,
    report: Report,
    progress: &'a mut dyn FnMut(Progress),
    /// The current generation is of an older format: the next one is due, whatever is new.
    is_outdated: bool,
}

impl Run<'_> {
    /// Leaves the listed objects that the ledger does not have, the newest first: older rows are then superseded by
    /// one comparison.
    fn unknown(&mut self, listed: &[Object]) -> Result<Vec<Object>> {
        let past = self.folder.current()?;
        let past = past
            .as_ref()
            .map(|past| Past::load(&past.path))
            .transpose()?;
        if let Some(past) = &past {
            self.report.take(&past.published());
            self.is_outdated = past.is_outdated();
        }
        let is_known = |object: &&Object| past.as_ref().is_some_and(|past| past.knows(object));
        let mut new: Vec<Object> = listed
            .iter()
            .filter(|one| !is_known(one))
            .cloned()
            .collect();
        if !self.options.is_retry {
            self.leave_out_undone(&mut new)?;
        }
        new.sort_by(|left, right| {
            (right.observed_at, &left.source, &left.key).cmp(&(
                left.observed_at,
                &right.source,
                &right.key,
            ))
        });
        self.report
            .warnings
            .extend(new.iter().filter_map(from_the_future));
        self.report.objects.new = new.len() as u64;
        let bytes = new.iter().map(|object| object.size_bytes).sum();
        (self.progress)(Progress::Listed {
            objects: new.len() as u64,
            bytes,
        });
        Ok(new)
    }

    /// Leaves out objects that a rollback undid.
    fn leave_out_undone(&mut self, new: &mut Vec<Object>) -> Result<()> {
        let undone = self.folder.undone()?;
        let before = new.len();
        new.retain(|object| !undone.leaves_out(object));
        let left_out = before - new.len();
        self.report.objects.undone = left_out as u64;
        if left_out > 0 {
            self.report.warnings.push(format!(
                "{left_out} objects that a rollback undid are left out: `identidex generations` lists them, `sync --retry` takes them in"
            ));
        }
        Ok(())
    }

    /// Returns what is left to take in, without an object that failed while its rows were folded.
    fn without(&mut self, mut left: Vec<Object>, error: Error) -> Result<Vec<Object>> {
        let message = error.to_string();
        match error {
            Error::Changed { object } | Error::Refused { object, .. } => {
                self.fail(&object, message)
            }
            error => return Err(error),
        }
        if let Some(current) = self.folder.current()? {
            let past = Past::load(&current.path)?;
            left.retain(|object| !past.knows(object));
        }
        let failures = &self.report.failures;
        let has_failed = |object: &Object| {
            let name = object.name();
            failures.iter().any(|failure| failure.object == name)
        };
        left.retain(|object| !has_failed(object));
        Ok(left)
    }

    /// Makes generation after generation until nothing is left to take in.
    fn take_in(
        &mut self,
        mut fetched: impl Iterator<Item = Fetched> + Send,
        spool: &Path,
    ) -> Result<()> {
        loop {
            let before = self.report.clone();
            let current = self.folder.current()?;
            let number = self.folder.next_number()?;
            let verifying = current.clone().map(verify);
            let folded = Kept::load(
                current.as_ref().map(|current| &*current.path),
                spool,
                number,
            )
            .map_err(Error::from);
            let folded = folded.and_then(|kept| self.fold(kept, &mut fetched));
            if matches!(folded, Err(Error::Stopped)) {
                return Err(Error::Stopped);
            }
            let made = folded.and_then(|(kept, is_more)| Ok((self.make(kept)?, is_more)));
            // Whatever failed is owed to bit rot, where there is any; never publish upon it.
            verified(verifying)?;
            if matches!(made, Err(Error::Changed { .. } | Error::Refused { .. })) {
                // What this pass counted comes again.
                self.report = before;
            }
            let (made, is_more) = made?;
            if let Some(made) = made {
                self.publish(made)?;
            }
            if !is_more {
                return Ok(());
            }
        }
    }

    fn progress_of(&mut self, object: &Object) {
        (self.progress)(Progress::Object {
            bytes: object.size_bytes,
        });
    }

    /// Makes the next generation, if anything was taken in.
    fn make(&mut self, folded: Folded) -> Result<Option<Made>> {
        if !folded.is_changed && !folded.kept.is_outdated() {
            return Ok(None);
        }
        let window = self
            .options
            .login_window
            .map(|window| window.as_micros() as i64);
        let rules = Rules {
            patterns: self.options.patterns.clone(),
            login_window: window,
            recent: self.options.recent.as_micros() as i64,
        };
        Ok(Some(folded.kept.make(&rules, &self.folder.building())?))
    }

    fn fail(&mut self, object: &Object, error: String) {
        error!(object = %object.name(), error = %error, "object failed");
        self.report.objects.failed += 1;
        self.report.failures.push(Failure {
            object: object.name(),
            error,
        });
        self.progress_of(object);
    }

    fn loaded(&mut self, loaded: &Loaded) {
        let Loaded {
            object,
            counts,
            refused,
        } = loaded;
        debug!(
            object = %object.name(),
            rows = counts.read,
            stored = counts.stored,
            unchanged = counts.unchanged,
            superseded = counts.superseded,
            rejected = counts.rejected,
            "object loaded"
        );
        self.report.objects.loaded += 1;
        self.report.rows.add(*counts);
        if counts.rejected > 0 {
            let warning = format!(
                "{} of {} rows of {} were rejected; see the view `rejects` of the index",
                counts.rejected,
                counts.read,
                object.name()
            );
            self.report.warnings.push(warning);
        }
        if refused.other > 0 {
            let warning = format!(
                "{} UPNs, emails or serial numbers of {} are kept for display but cannot be looked up",
                refused.other,
                object.name()
            );
            self.report.warnings.push(warning);
        }
    }

    fn publish(&mut self, made: Made) -> Result<()> {
        for loaded in &made.loaded {
            self.loaded(loaded);
        }
        self.report.warnings.extend(made.oddities.iter().cloned());
        self.report.take(&made.published);
        if self.options.is_dry_run {
            let _ = std::fs::remove_file(&made.path);
            return Ok(());
        }
        let published = self.folder.publish(made)?;
        self.folder
            .prune(self.options.keep_generations, self.options.prune_after)?;
        info!(
            generation = published.generation,
            accounts = published.accounts,
            devices = published.devices,
            "published"
        );
        Ok(())
    }

    /// Has the link lead to what readers read; the run is not whole where that fails.
    fn link_current(&mut self) {
        if let Err(error) = self.folder.link_current() {
            error!(error = %chain(&error), "the link does not lead to the current generation");
            self.report.failures.push(Failure {
                object: self.options.index.display().to_string(),
                error: format!("published, but the link leads elsewhere: {}", chain(&error)),
            });
        }
    }

    /// Fills in what the report lacks, and notes the run in `runs.jsonl`.
    fn finish(mut self, start: Instant, bytes_fetched: u64) -> Result<Report> {
        self.report.bytes_fetched = bytes_fetched;
        self.report.seconds = (start.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0;
        self.report.outcome = if self.report.failures.is_empty() {
            Outcome::Done
        } else {
            Outcome::Partial
        };
        if !self.options.is_dry_run {
            note_run(self.folder.path(), &self.report);
        }
        Ok(self.report)
    }
}

/// Compares a generation with its hash, beside what is made of it.
fn verify(generation: Generation) -> JoinHandle<index::Result<()>> {
    std::thread::spawn(move || generation.verify())
}

fn verified(verifying: Option<JoinHandle<index::Result<()>>>) -> Result<()> {
    match verifying.map(JoinHandle::join) {
        None => Ok(()),
        Some(Ok(verified)) => Ok(verified?),
        Some(Err(_)) => Err(Error::Broken),
    }
}

/// Says that an object is dated in the future, by a day or more: zones and clocks differ by less.
fn from_the_future(object: &Object) -> Option<String> {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    let now = jiff::Timestamp::now().as_microsecond();
    (object.observed_at > now.saturating_add(DAY)).then(|| {
        format!(
            "{} was observed in the future, by its {}: its rows count as newer than all others until then",
            object.name(),
            match object.observed_from {
                ObservedFrom::Key => "name",
                ObservedFrom::Modified => "time of modification",
            }
        )
    })
}
