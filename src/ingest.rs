//! A run: what is new in the sources becomes a new generation of the index.
//!
//! [`run`] decides; the stages only do. Objects are fetched on the source's threads and decoded and mapped on one of
//! their own, while this thread writes. What fails costs itself: a row, an object, or the building file.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use rusqlite::Connection;
use tracing::{debug, error, info, warn};

use crate::class::Patterns;
use crate::index::{
    self, Building, Folder, IS_KNOWN, Intake, Published, RowCounts, ToldLogins, ToldParts, Writer,
    is_known,
};
use crate::mapping::{Mapper, Mapping};
use crate::observation::{Batch, Layout, Object, ObservedFrom, Refused, Reject};
use crate::schema::{Dataset, Subject};
use crate::source::{self, SourceConfig, Sources, Spooled};
use crate::{decode, mapping};

/// Batches between the mapping thread and the writer: enough to bridge a pause of either.
const BATCHES_AHEAD: usize = 4;
/// Rows that the writer is given at once where they have hardly any text: 7 MB. It is busy for a second before it takes
/// in the first logins.
const LIGHT_ROWS: usize = 128 << 10;
/// Batches between cutting text into cells and mapping them.
const DECODED_AHEAD: usize = 2;
/// Runs that `runs.jsonl` keeps.
const RUNS_KEPT: usize = 1_000;

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

/// What became of a run; its JSON is what `sync --json` prints.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// What became of the objects.
    pub objects: ObjectCounts,
    /// What became of the rows of loaded objects.
    pub rows: RowReport,
    /// Accounts in the index now.
    pub accounts: u64,
    /// Devices in the index now.
    pub devices: u64,
    /// Pairs of an account and a device in the index now.
    pub usages: u64,
    /// The logical digest; empty before the first publication.
    pub digest: String,
    /// The number of the current generation; 0 before the first publication.
    pub generation: u64,
    /// Bytes fetched, what was fetched twice counted twice.
    pub bytes_fetched: u64,
    /// How long it took.
    pub seconds: f64,
    /// Objects that failed.
    pub failures: Vec<Failure>,
    /// What is odd though nothing was lost.
    pub warnings: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything that is new is in; also when nothing was new.
    Done,
    /// Some objects failed; the others are in.
    Partial,
    /// The run failed; the index is as it was at the last publication.
    Failed,
}

/// What became of the listed objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct ObjectCounts {
    /// Objects listed.
    pub listed: u64,
    /// Of these, objects that the ledger did not have.
    pub new: u64,
    /// New objects that repeat another one at the same time.
    pub duplicate: u64,
    /// New objects taken in.
    pub loaded: u64,
    /// New objects that failed, to be tried again by the next run.
    pub failed: u64,
}

/// What became of rows: `read` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct RowReport {
    /// Rows behind headers.
    pub read: u64,
    /// Rows that told something new.
    pub stored: u64,
    /// Rows that told what was known, newer.
    pub unchanged: u64,
    /// Rows older than what is known.
    pub superseded: u64,
    /// Rows that could not be taken.
    pub rejected: u64,
}

/// An object that failed, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// Its name: source and key.
    pub object: String,
    /// What was wrong and what to do.
    pub error: String,
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
    },
    /// The decoding thread died.
    #[error("the decoding thread ended without a word; run again with -v and report it")]
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
        report: Report::new(),
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

/// What the decoding thread knows of the current generation.
#[derive(Default)]
struct Known {
    /// Contents that the ledger has, to recognise copies without decoding them.
    observed: HashSet<([u8; 32], i64)>,
    hashes: HashSet<[u8; 32]>,
    parts: ToldParts,
    logins: ToldLogins,
    /// Open since the run began: what is published meanwhile may prune it.
    current: Option<Connection>,
}

impl mapping::Known for Known {
    fn part(&self, subject: Subject, fingerprint: u64) -> Option<u32> {
        self.parts.find(subject, fingerprint)
    }

    fn usage(&self, group: u64) -> Option<u64> {
        self.logins.find(group)
    }
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
        self.report.objects.new = new.len() as u64;
        let bytes = new.iter().map(|object| object.size_bytes).sum();
        (self.progress)(Progress::Listed {
            objects: new.len() as u64,
            bytes,
        });
        Ok(new)
    }

    /// Loads what the decoding thread has to know of the current generation.
    fn known(&self) -> Result<Known> {
        let Some(current) = self.folder.current()? else {
            return Ok(Known::default());
        };
        let connection = current.connect()?;
        let mut known = Known {
            parts: ToldParts::load(&connection).map_err(index::Error::from)?,
            ..Known::default()
        };
        for (sha256, observed_at) in index::contents(&connection).map_err(index::Error::from)? {
            known.observed.insert((sha256, observed_at));
            known.hashes.insert(sha256);
        }
        known.current = Some(connection);
        Ok(known)
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
                    Decoder::new(options, known, sender).run(fetched)
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
                Message::Broken(error) => return Err(error.into()),
                Message::Warning(warning) => self.report.warnings.push(warning),
            }
        }
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        match intake {
            None => Ok(false),
            // The object's end never came: what was written of it must not be published.
            Some(intake) => Err(Error::Unreadable {
                object: name_of(intake.object()),
            }),
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

impl Report {
    fn new() -> Report {
        Report {
            outcome: Outcome::Failed,
            objects: ObjectCounts::default(),
            rows: RowReport::default(),
            accounts: 0,
            devices: 0,
            usages: 0,
            digest: String::new(),
            generation: 0,
            bytes_fetched: 0,
            seconds: 0.0,
            failures: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn take(&mut self, published: &Published) {
        self.accounts = published.accounts;
        self.devices = published.devices;
        self.usages = published.usages;
        self.digest = format!("{:032x}", published.digest);
        self.generation = published.generation;
    }
}

impl RowReport {
    fn add(&mut self, counts: RowCounts) {
        self.read += counts.read;
        self.stored += counts.stored;
        self.unchanged += counts.unchanged;
        self.superseded += counts.superseded;
        self.rejected += counts.rejected;
    }
}

/// Appends a run to `runs.jsonl`. Informative only: a run does not fail over it.
pub fn note_run(folder: &Path, report: &Report) {
    let path = folder.join("runs.jsonl");
    let ended_at = jiff::Timestamp::now();
    let line =
        serde_json::json!({ "ended_at": format!("{ended_at:.0}"), "report": report }).to_string();
    let mut lines: Vec<String> = std::fs::read_to_string(&path)
        .map(|text| text.lines().map(str::to_owned).collect())
        .unwrap_or_default();
    lines.push(line);
    let kept = lines.len().saturating_sub(RUNS_KEPT);
    let next = folder.join("building-runs");
    let text = lines[kept..].join("\n") + "\n";
    let written = write_private(&next, &text).and_then(|()| std::fs::rename(&next, &path));
    if let Err(error) = written {
        warn!(%error, "the run could not be noted in runs.jsonl");
    }
}

/// Writes a file that only the user of the run may read: names of objects stand in it.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// Names an object in messages.
fn name_of(object: &Object) -> String {
    format!("{}/{}", object.source, object.key)
}

/// What the decoding thread tells the writer.
enum Message {
    Failed {
        object: Object,
        error: String,
    },
    Duplicate {
        object: Object,
        sha256: [u8; 32],
        layout: Layout,
    },
    Begin {
        object: Object,
        sha256: [u8; 32],
        layout: Layout,
    },
    Rows(Vec<Mapped>),
    End {
        refused: Refused,
    },
    Warning(String),
    Broken(index::Error),
}

/// Some rows of an object, ready to be written.
struct Mapped {
    batch: Batch,
    rejects: Vec<Reject>,
}

/// The writer went away: it failed or was stopped, and says so itself.
struct Gone;

/// An object that was checked and can only lose rows from here on.
struct Checked {
    spooled: Spooled,
    form: decode::Form,
    layout: Layout,
}

/// The decoding thread's state.
struct Decoder<'a> {
    options: &'a Options,
    time_zones: HashMap<&'a str, &'a TimeZone>,
    known: Known,
    sender: SyncSender<Message>,
    /// Logins objects wait until the users and devices are in: both sides of a login are then known at once.
    waiting: Vec<Checked>,
    waiting_bytes: u64,
    /// Lists of unknown columns that were reported.
    reported: HashSet<String>,
}

impl<'a> Decoder<'a> {
    fn new(options: &'a Options, known: Known, sender: SyncSender<Message>) -> Decoder<'a> {
        let time_zones = options
            .sources
            .iter()
            .map(|source| (source.name.as_str(), &source.time_zone))
            .collect();
        Decoder {
            options,
            time_zones,
            known,
            sender,
            waiting: Vec::new(),
            waiting_bytes: 0,
            reported: HashSet::new(),
        }
    }

    fn run(
        mut self,
        fetched: impl Iterator<Item = (Object, std::result::Result<Spooled, source::Error>)>,
    ) {
        // `Gone` has been said by the writer already.
        let _ = self.take_all(fetched);
    }

    fn take_all(
        &mut self,
        fetched: impl Iterator<Item = (Object, std::result::Result<Spooled, source::Error>)>,
    ) -> std::result::Result<(), Gone> {
        for (object, result) in fetched {
            if self.options.stop.load(Ordering::Relaxed) {
                return Err(Gone);
            }
            match result {
                Ok(spooled) => self.check(spooled)?,
                Err(error) => self.send(Message::Failed {
                    object,
                    error: chain(&error),
                })?,
            }
        }
        self.take_waiting()
    }

    fn send(&self, message: Message) -> std::result::Result<(), Gone> {
        self.sender.send(message).map_err(|_| Gone)
    }

    /// Checks an object whole, then takes it in or has it wait.
    fn check(&mut self, spooled: Spooled) -> std::result::Result<(), Gone> {
        let (form, layout) = match self.form_and_layout(&spooled) {
            Ok(checked) => checked,
            Err(error) => {
                return self.send(Message::Failed {
                    object: spooled.object,
                    error,
                });
            }
        };
        self.report_unknown_columns(&spooled.object, &layout)?;
        let checked = Checked {
            spooled,
            form,
            layout,
        };
        if checked.layout.dataset != Dataset::Logins {
            return self.decode(checked);
        }
        self.waiting_bytes += checked.spooled.object.size_bytes;
        self.waiting.push(checked);
        // What waits takes room in the spool: beyond half of it, nothing more might come.
        if self.waiting_bytes > self.options.spool_bytes / 2 {
            self.take_waiting()
        } else {
            Ok(())
        }
    }

    /// Says once a run which columns no field takes.
    fn report_unknown_columns(
        &mut self,
        object: &Object,
        layout: &Layout,
    ) -> std::result::Result<(), Gone> {
        let names: Vec<&str> = layout.extra.iter().map(|(name, _)| name.as_str()).collect();
        if names.is_empty() || !self.reported.insert(names.join(", ")) {
            return Ok(());
        }
        self.send(Message::Warning(format!(
            "columns that no field takes are kept in `extra`: {} (first in {}); map them with [dataset.{}.columns]",
            names.join(", "),
            name_of(object),
            layout.dataset.as_str()
        )))
    }

    fn form_and_layout(
        &self,
        spooled: &Spooled,
    ) -> std::result::Result<(decode::Form, Layout), String> {
        let form = decode::check(&spooled.file).map_err(|error| chain(&error))?;
        let layout = self
            .options
            .mapping
            .layout(&form.header)
            .map_err(|error: mapping::Error| chain(&error))?;
        Ok((form, layout))
    }

    fn take_waiting(&mut self) -> std::result::Result<(), Gone> {
        self.waiting_bytes = 0;
        // They need the memory. Users and devices that come later are worked out whole.
        self.known.parts = ToldParts::default();
        self.load_told_logins()?;
        for checked in std::mem::take(&mut self.waiting) {
            self.decode(checked)?;
        }
        Ok(())
    }

    /// Loads which logins the index knows, once and only when there are any to take in.
    fn load_told_logins(&mut self) -> std::result::Result<(), Gone> {
        let Some(current) = self
            .known
            .current
            .take()
            .filter(|_| !self.waiting.is_empty())
        else {
            return Ok(());
        };
        match ToldLogins::load(&current) {
            Ok(logins) => {
                self.known.logins = logins;
                Ok(())
            }
            Err(error) => {
                self.send(Message::Broken(error.into()))?;
                Err(Gone)
            }
        }
    }

    /// Tells whether an object repeats another one at the same time; asked in its turn, so that a copy never counts
    /// before its original.
    fn is_copy(&mut self, object: &Object, sha256: [u8; 32]) -> std::result::Result<bool, Gone> {
        if !self.known.observed.insert((sha256, object.observed_at)) {
            return Ok(true);
        }
        if !self.known.hashes.insert(sha256) && object.observed_from == ObservedFrom::Modified {
            let name = name_of(object);
            self.send(Message::Warning(format!(
                "repeated_content: {name} has the content of an object that was taken in before; its rows count as \
                 observed when it was modified"
            )))?;
        }
        Ok(false)
    }

    fn decode(&mut self, checked: Checked) -> std::result::Result<(), Gone> {
        let Checked {
            spooled,
            form,
            layout,
        } = checked;
        let object = spooled.object.clone();
        let sha256 = spooled.sha256;
        if self.is_copy(&object, sha256)? {
            return self.send(Message::Duplicate {
                object,
                sha256,
                layout,
            });
        }
        let utc = TimeZone::UTC;
        let time_zone = self
            .time_zones
            .get(object.source.as_str())
            .copied()
            .unwrap_or(&utc);
        let batches = match decode::batches(&spooled.file, &form, identifier_columns(&layout)) {
            Ok(batches) => batches,
            Err(error) => {
                return self.send(Message::Failed {
                    object,
                    error: chain(&error),
                });
            }
        };
        self.send(Message::Begin {
            object,
            sha256: spooled.sha256,
            layout: layout.clone(),
        })?;
        let mut mapper = Mapper::new(&layout, time_zone, &self.options.patterns, &self.known);
        std::thread::scope(|scope| {
            // Cutting text into cells and reading their meaning are about the same work.
            let (decoding, decoded) = sync_channel(DECODED_AHEAD);
            std::thread::Builder::new()
                .name("decode".into())
                .spawn_scoped(scope, move || {
                    batches.map_while(|batch| decoding.send(batch).ok()).count()
                })
                .map_err(|_| Gone)?;
            let mut held: Vec<Mapped> = Vec::new();
            let mut rows = 0;
            for batch in decoded {
                // Only the machine can fail here: the object was read to its end before. The run then ends unpublished.
                let (mut batch, rejects) = mapper.map(batch.map_err(|_| Gone)?);
                let is_light = batch.shed_text(&layout);
                rows += batch.len();
                held.push(Mapped { batch, rejects });
                if !is_light || rows >= LIGHT_ROWS {
                    self.send(Message::Rows(std::mem::take(&mut held)))?;
                    rows = 0;
                }
            }
            self.send(Message::Rows(held))
        })?;
        self.send(Message::End {
            refused: mapper.refused,
        })
    }
}

/// Columns whose cells never hold a new line: keys.
fn identifier_columns(layout: &Layout) -> Vec<usize> {
    let keys = if layout.dataset == Dataset::Logins {
        6
    } else {
        3
    };
    layout.columns[..keys].iter().flatten().copied().collect()
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
