//! A run: what is new in the sources becomes a new generation of the index.
//!
//! [`run`] decides; the stages only do. Objects are fetched on the source's threads and decoded and mapped on one of
//! their own, while this thread writes. What fails costs itself: a row, an object, or the building file.

mod reader;
mod report;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use tracing::{debug, error, info};

use self::reader::{Current, Mapped, Message, Reader};
pub use self::report::{Failure, ObjectCounts, Outcome, Report, RowReport, note_run};
use crate::class::Patterns;
use crate::decode;
use crate::index::{self, Building, Folder, IS_KNOWN, Intake, RowCounts, Writer, is_known};
use crate::mapping::Mapping;
use crate::observation::{Object, ObservedFrom, Refused};
use crate::source::{self, SourceConfig, Sources, Spooled};

/// Batches between the mapping thread and the writer: enough to bridge a pause of either.
const BATCHES_AHEAD: usize = 6;

/// What a run works on and how.
pub struct Options {
    /// The index's path.
    pub index: PathBuf,
    /// Permission bits of its files.
    pub mode: u32,
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
    /// A checked object could not be read from the spool a second time.
    #[error(
        "{object} could not be read from the spool; check the disk that holds the index and run again"
    )]
    Unreadable {
        /// The object.
        object: String,
        /// What the system said.
        source: decode::Error,
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
    let folder = Folder::open(&options.index, options.mode)?;
    let sources = Sources::open(&options.sources, Arc::clone(&options.stop))?;
    let _lock = folder.lock()?;
    folder.clean()?;
    let listing = sources.list()?;
    let mut run = Run {
        options,
        folder: &folder,
        report: Report::default(),
        progress,
        patterns: options.patterns.clone(),
    };
    run.report.objects.listed = listing.objects.len() as u64;
    run.report.warnings.extend(
        listing
            .odd_keys
            .iter()
            .map(|odd| format!("{odd} has a name that no URL can hold; it is left out")),
    );
    let new = run.unknown(listing.objects)?;
    if !new.is_empty() {
        let spool = folder.spool()?;
        let fetched = sources.fetch(new, &spool, options.spool_bytes);
        let outcome = run.take_in(fetched);
        let _ = std::fs::remove_dir_all(&spool);
        outcome?;
    }
    run.finish(start, sources.bytes_fetched().load(Ordering::Relaxed))
}

/// A run under way.
struct Run<'a> {
    options: &'a Options,
    folder: &'a Folder,
    report: Report,
    progress: &'a mut dyn FnMut(Progress),
    patterns: Patterns,
}

/// What became of a building file.
struct Written {
    is_changed: bool,
    /// There is more to take in, for the next generation.
    is_more: bool,
}

impl Run<'_> {
    /// Leaves the listed objects that the ledger does not have, the newest first: older rows are then superseded by
    /// one comparison.
    fn unknown(&mut self, listed: Vec<Object>) -> Result<Vec<Object>> {
        let mut new = listed;
        if let Some(current) = self.folder.current()? {
            let connection = current.connect()?;
            let mut select = connection.prepare(IS_KNOWN).map_err(index::Error::from)?;
            let mut unknown = Vec::new();
            for object in new {
                if !is_known(&mut select, &object).map_err(index::Error::from)? {
                    unknown.push(object);
                }
            }
            new = unknown;
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

    /// Loads what the reading side has to know of the current generation.
    fn known(&self) -> Result<Current> {
        let current = self.folder.current()?;
        Ok(current.map_or(Ok(Current::default()), |current| {
            Current::load(current.connect()?)
        })?)
    }

    /// Decodes on a thread of its own what is fetched, and writes it on this one.
    fn take_in(
        &mut self,
        fetched: impl Iterator<Item = (Object, std::result::Result<Spooled, source::Error>)> + Send,
    ) -> Result<()> {
        let options = self.options;
        let known = self.known()?;
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(BATCHES_AHEAD);
            let decoding = std::thread::Builder::new()
                .name("map".into())
                .spawn_scoped(scope, move || {
                    Reader::new(options, known, sender).run(fetched)
                })
                .map_err(|_| Error::Broken)?;
            let outcome = self.write_all(&receiver);
            // Unblocks the decoding thread when writing ended early.
            drop(receiver);
            match decoding.join() {
                Ok(()) => outcome,
                Err(_) => Err(Error::Broken),
            }
        })
    }

    /// Writes generation after generation until nothing is left to take in.
    fn write_all(&mut self, messages: &Receiver<Message>) -> Result<()> {
        loop {
            // The copy of the current generation is made while the first objects are fetched and decoded.
            let mut building = self.folder.build()?;
            let written = self.write_one(&building, messages);
            if matches!(written, Err(Error::Stopped)) {
                return Err(Error::Stopped);
            }
            // Whatever failed is owed to bit rot, where there is any.
            building.verify_origin()?;
            let Written {
                is_changed,
                is_more,
            } = written?;
            if is_changed {
                self.publish(building)?;
            }
            if !is_more {
                return Ok(());
            }
        }
    }

    /// Writes one generation.
    fn write_one(&mut self, building: &Building, messages: &Receiver<Message>) -> Result<Written> {
        let mut writer = building.writer(self.patterns.clone())?;
        let loaded = self.report.objects.loaded + self.report.objects.duplicate;
        let is_more = self.write_some(&mut writer, messages)?;
        let is_changed = self.report.objects.loaded + self.report.objects.duplicate > loaded;
        if is_changed {
            self.report.warnings.extend(writer.finish()?);
        }
        Ok(Written {
            is_changed,
            is_more,
        })
    }

    /// Writes until it is time to publish; true when there is more to take in.
    fn write_some(&mut self, writer: &mut Writer, messages: &Receiver<Message>) -> Result<bool> {
        let start = Instant::now();
        let mut intake: Option<Intake> = None;
        for message in messages {
            if self.options.stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            match message {
                Message::Failed { object, error } => self.fail(&object, error),
                Message::Duplicate {
                    object,
                    sha256,
                    layout,
                } => {
                    writer.take_duplicate(&object, sha256, &layout)?;
                    self.report.objects.duplicate += 1;
                    (self.progress)(Progress::Object {
                        bytes: object.size_bytes,
                    });
                }
                Message::Begin {
                    object,
                    sha256,
                    layout,
                } => intake = Some(writer.begin(object, sha256, layout)?),
                Message::Rows(mapped) => {
                    for Mapped { batch, rejects } in mapped {
                        let read = (batch.len() + rejects.len()) as u64;
                        if let Some(intake) = &mut intake {
                            writer.take(intake, batch, rejects)?;
                        }
                        (self.progress)(Progress::Rows(read));
                    }
                }
                Message::End { refused } => {
                    if let Some(intake) = intake.take() {
                        let object = intake.object().clone();
                        let counts = writer.end(intake, refused)?;
                        self.loaded(&object, counts, refused);
                    }
                    if start.elapsed() > self.options.publish_every && !self.options.is_dry_run {
                        return Ok(true);
                    }
                }
                Message::Broken(error) => return Err(error),
                Message::Warning(warning) => self.report.warnings.push(warning),
            }
        }
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        match intake {
            None => Ok(false),
            // The object's end never came: what was written of it must not be published.
            Some(_) => Err(Error::Broken),
        }
    }

    fn fail(&mut self, object: &Object, error: String) {
        error!(object = %name_of(object), error = %error, "object failed");
        self.report.objects.failed += 1;
        self.report.failures.push(Failure {
            object: name_of(object),
            error,
        });
        (self.progress)(Progress::Object {
            bytes: object.size_bytes,
        });
    }

    fn loaded(&mut self, object: &Object, counts: RowCounts, refused: Refused) {
        debug!(
            object = %name_of(object),
            rows = counts.read,
            stored = counts.stored,
            unchanged = counts.unchanged,
            superseded = counts.superseded,
            rejected = counts.rejected,
            "object loaded"
        );
        self.report.objects.loaded += 1;
        self.report.rows.add(counts);
        if counts.rejected > 0 {
            let warning = format!(
                "{} of {} rows of {} were rejected; see the view `rejects` of the index",
                counts.rejected,
                counts.read,
                name_of(object)
            );
            self.report.warnings.push(warning);
        }
        if refused.other > 0 {
            let warning = format!(
                "{} UPNs, emails or serial numbers of {} are kept for display but cannot be looked up",
                refused.other,
                name_of(object)
            );
            self.report.warnings.push(warning);
        }
        (self.progress)(Progress::Object {
            bytes: object.size_bytes,
        });
    }

    fn publish(&mut self, building: Building) -> Result<()> {
        let published = building.publish(self.options.is_dry_run)?;
        self.report.take(&published);
        if !self.options.is_dry_run {
            self.folder
                .prune(self.options.keep_generations, self.options.prune_after)?;
        }
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
        if self.report.generation == 0
            && let Some(current) = self.folder.current()?
        {
            let published = index::published(&current.connect()?, current.number)?;
            self.report.take(&published);
        }
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

/// Says that an object is dated in the future, by a day or more: zones and clocks differ by less.
fn from_the_future(object: &Object) -> Option<String> {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    let now = jiff::Timestamp::now().as_microsecond();
    (object.observed_at > now.saturating_add(DAY)).then(|| {
        format!(
            "{} was observed in the future, by its {}: its rows count as newer than all others until then",
            name_of(object),
            match object.observed_from {
                ObservedFrom::Key => "name",
                ObservedFrom::Modified => "time of modification",
            }
        )
    })
}

/// Names an object in messages.
fn name_of(object: &Object) -> String {
    format!("{}/{}", object.source, object.key)
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
