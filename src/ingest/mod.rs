//! A run: what is new in the sources becomes a new generation of the index.
//!
//! [`run`] decides; the stages only do. Objects are fetched on the source's threads and decoded and mapped on one of
//! their own, while this thread writes. What fails costs itself: a row, an object, or the building file.

mod reader;
mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::{debug, error, info};

use self::reader::{Fetched, Mapped, Message, Reader};
pub use self::report::{Failure, ObjectCounts, Outcome, Report, RowReport, note_run};
use crate::class::Patterns;
use crate::decode;
use crate::index::{
    self, Folder, Generation, Kept, Loaded, Made, Past, Readers, Rules, settle_undone,
};
use crate::mapping::Mapping;
use crate::observation::{Layout, Object, ObservedFrom};
use crate::source::{self, SourceConfig, Sources};

/// Batches between the mapping thread and the writer: enough to bridge a pause of either.
const BATCHES_AHEAD: usize = 6;

/// What a run works on and how.
pub struct Options {
    /// The index's path.
    pub index: PathBuf,
    /// Who may read it.
    pub readers: Readers,
    /// Generations kept, the current one included.
    pub keep_generations: u32,
    /// How old a generation beyond those must be before it is removed.
    pub prune_after: Duration,
    /// Bytes that fetched objects may take on disk at once.
    pub spool_bytes: u64,
    /// How long a backfill works before it publishes what it has.
    pub publish_every: Duration,
    /// Where objects are.
    pub sources: Vec<SourceConfig>,
    /// What columns are called.
    pub mapping: Mapping,
    /// Patterns for account classes.
    pub patterns: Patterns,
    /// How long before it was observed a logins row may have been true.
    pub login_window: Option<Duration>,
    /// Take in also what a rollback undid.
    pub is_retry: bool,
    /// Do everything but publish.
    pub is_dry_run: bool,
    /// Set to end the run: back to the last publication.
    pub stop: Arc<AtomicBool>,
}

/// What a run tells while it works.
#[derive(Debug, Clone, Copy)]
pub enum Progress {
    /// So many objects are new, with so many bytes in all.
    Listed {
        /// New objects.
        objects: u64,
        /// Their size as stored.
        bytes: u64,
    },
    /// An object was taken in, or failed.
    Object {
        /// Its size as stored.
        bytes: u64,
    },
    /// So many rows more were read.
    Rows(u64),
}

/// Why a run ended without a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sources could not be opened or listed.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The index could not be read or written.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// No source was named.
    #[error("no source: name a folder or a URL, or add a [[source]] to the configuration")]
    NoSource,
    /// The run was asked to stop.
    #[error("stopped; the index is as it was at the last publication")]
    Stopped,
    /// A checked object could not be read a second time.
    #[error(
        "{object} could not be read a second time; check the disk that holds it, of a fetched one that of the index, and run again"
    )]
    Unreadable {
        /// The object.
        object: String,
        /// What the system said.
        source: decode::Error,
    },
    /// A local file was written to or replaced while it was read; the run begins again without it.
    #[error(
        "{} changed while it was read; the next run takes it as it is then",
        object.name()
    )]
    Changed {
        /// The object.
        object: Box<Object>,
    },
    /// A thread of the reading side died.
    #[error("a thread that reads objects ended without a word; run again with -v and report it")]
    Broken,
}

type Result<T> = std::result::Result<T, Error>;

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
    };
    run.report.objects.listed = listing.objects.len() as u64;
    run.report.warnings.extend(
        listing
            .odd_keys
            .iter()
            .map(|odd| format!("{odd} has a name that no URL can hold; it is left out")),
    );
    let mut new = run.unknown(&listing.objects)?;
    while !new.is_empty() {
        let spool = folder.spool()?;
        let fetched = sources.fetch(new.clone(), &spool, options.spool_bytes);
        let outcome = run.take_in(fetched, &spool);
        let _ = std::fs::remove_dir_all(&spool);
        if outcome.is_err() {
            folder.abandon();
        }
        new = match outcome {
            Err(Error::Changed { object }) => run.without(new, &object)?,
            outcome => outcome.map(|()| Vec::new())?,
        };
    }
    if !options.is_dry_run {
        settle_undone(&folder, &listing.objects)?;
    }
    run.finish(start, sources.bytes_fetched().load(Ordering::Relaxed))
}

/// A run under way.
struct Run<'a> {
    options: &'a Options,
    folder: &'a Folder,
    report: Report,
    progress: &'a mut dyn FnMut(Progress),
}

impl Run<'_> {
    /// Leaves the listed objects that the ledger does not have, the newest first: older rows are then superseded by
    /// one comparison.
    fn unknown(&mut self, listed: &[Object]) -> Result<Vec<Object>> {
        let past = self.folder.current()?;
        let past = past.as_ref().map(Past::load).transpose()?;
        if let Some(past) = &past {
            self.report.take(&past.published());
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

    /// Returns what is left to take in, without an object that changed while it was read.
    fn without(&mut self, mut left: Vec<Object>, changed: &Object) -> Result<Vec<Object>> {
        let object = Box::new(changed.clone());
        self.fail(changed, Error::Changed { object }.to_string());
        if let Some(current) = self.folder.current()? {
            let past = Past::load(&current)?;
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
            let folded = Kept::load(current.as_ref(), spool, number).map_err(Error::from);
            let folded = folded.and_then(|kept| self.fold(kept, &mut fetched));
            if matches!(folded, Err(Error::Stopped)) {
                return Err(Error::Stopped);
            }
            let made = folded.and_then(|(kept, is_more)| Ok((self.make(kept)?, is_more)));
            // Whatever failed is owed to bit rot, where there is any; never publish upon it.
            verified(verifying)?;
            if matches!(made, Err(Error::Changed { .. })) {
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

    /// Folds objects until it is time to publish; tells whether there may be more. They are decoded and mapped on threads
    /// of their own.
    fn fold(
        &mut self,
        mut kept: Kept,
        fetched: &mut (impl Iterator<Item = Fetched> + Send),
    ) -> Result<(Folded, bool)> {
        let options = self.options;
        let is_enough = AtomicBool::new(false);
        let known = (kept.known(), kept.contents());
        let mut is_changed = false;
        let is_more = std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(BATCHES_AHEAD);
            let is_enough = &is_enough;
            let reading = std::thread::Builder::new()
                .name("map".into())
                .spawn_scoped(scope, move || {
                    Reader::new(options, known, is_enough, sender).run(fetched)
                })
                .map_err(|_| Error::Broken)?;
            let folded = self.fold_all(&mut kept, &receiver, is_enough);
            // Unblocks the reading thread when folding ended early.
            drop(receiver);
            let is_more = reading.join().map_err(|_| Error::Broken)?;
            is_changed = folded?;
            Ok::<_, Error>(is_more)
        })?;
        Ok((Folded { kept, is_changed }, is_more))
    }

    /// Folds what is read; true when an object was taken in.
    fn fold_all(
        &mut self,
        kept: &mut Kept,
        messages: &Receiver<Message>,
        is_enough: &AtomicBool,
    ) -> Result<bool> {
        let start = Instant::now();
        let mut is_changed = false;
        let mut taking: Option<(Object, Layout)> = None;
        for message in messages {
            if self.options.stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            match message {
                Message::Failed { object, error } => self.fail(&object, error),
                Message::Duplicate {
                    object,
                    blake3,
                    layout,
                } => {
                    self.report.objects.duplicate += 1;
                    self.progress_of(&object);
                    kept.take_duplicate(object, blake3, &layout)?;
                    is_changed = true;
                }
                Message::Begin {
                    object,
                    blake3,
                    layout,
                } => {
                    kept.begin(object.clone(), blake3, &layout)?;
                    taking = Some((object, layout));
                }
                Message::Rows(Mapped { batch, rejects }) => {
                    (self.progress)(Progress::Rows((batch.len() + rejects.len()) as u64));
                    if let Some((_, layout)) = &taking {
                        kept.take(&batch, layout, rejects)?;
                    }
                }
                Message::End { refused } => {
                    kept.end(refused)?;
                    if let Some((object, _)) = taking.take() {
                        self.progress_of(&object);
                    }
                    is_changed = true;
                    let is_late = start.elapsed() > self.options.publish_every;
                    is_enough.store(is_late && !self.options.is_dry_run, Ordering::Relaxed);
                }
                Message::Broken(error) => return Err(error),
                Message::Warning(warning) => self.report.warnings.push(warning),
            }
        }
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        match taking {
            None => Ok(is_changed),
            // The object's end never came: what was folded of it must not be published.
            Some(_) => Err(Error::Broken),
        }
    }

    fn progress_of(&mut self, object: &Object) {
        (self.progress)(Progress::Object {
            bytes: object.size_bytes,
        });
    }

    /// Makes the next generation, if anything was taken in.
    fn make(&mut self, folded: Folded) -> Result<Option<Made>> {
        if !folded.is_changed {
            return Ok(None);
        }
        let window = self
            .options
            .login_window
            .map(|window| window.as_micros() as i64);
        let rules = Rules {
            patterns: self.options.patterns.clone(),
            login_window: window,
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

/// What was folded, to make a generation of.
struct Folded {
    kept: Kept,
    is_changed: bool,
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

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
