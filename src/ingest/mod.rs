//! A run: what is new in the sources becomes a new generation of the index.
//!
//! [`run`] decides; the stages only do. Objects are fetched on the source's threads, and decoded and mapped on some
//! of their own (`reader`), while this thread folds (`fold`) and writes. What fails costs itself: a row, an object, or the
//! building file.

mod options;
mod projections;
mod report;

mod breaker;
mod drift;
mod drops;
mod examine;
mod expiry;
mod failed_run;
mod fold;
mod forget;
mod listing;
mod reader;
mod recognising;
mod sanity;
mod state;
mod tally;

mod error;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use tracing::{debug, error, field, info, info_span};

use self::drops::IdleDrops;
pub use self::error::Error;
pub(crate) use self::error::chain;
use self::error::{Result, caught};
pub use self::examine::{Examined, Unfit, examine};
use self::expiry::without_expired;
use self::failed_run::note_failed;
use self::fold::Folded;
pub use self::forget::{Forgotten, Whom, forget, would_forget};
use self::listing::{identities, judge_of, judges};
pub use self::options::Options;
#[cfg(feature = "cli")]
pub(crate) use self::projections::renew as renew_under_lock;
pub use self::projections::{Projection, renew_projections, stale_projections};
use self::reader::Fetched;
use self::report::{Causes, examples, note_run};
pub use self::report::{Changed, Failure, ObjectCounts, Outcome, Progress, Report, RowReport};
use self::sanity::Sanity;
pub use self::state::{NewestObject, PublishedState, STATE, State, Waiting, new_run_id};
pub use crate::class::Patterns;
use crate::index::{self, Erased, Kept, Loaded, Made, NewestOf, Past, RowCounts};
pub use crate::index::{AccountKeys, Changes, LetGo, ShownFields};
pub use crate::mapping::Mapping;
use crate::mapping::OddTypes;
use crate::observation::Object;
pub use crate::publish::Readers;
use crate::publish::{Failed, Folder, Generation, digits, settle_undone};
pub use crate::source::SourceConfig;
use crate::source::{Listing, Sources};

/// Takes in what is new in the sources and publishes it.
///
/// # Errors
/// [`Error`]; the published generation is untouched then. Objects that fail are no error: see [`Report::failures`]. A panic
/// on the way, in `progress` too, is [`Error::Broken`]; its message goes where the caller's panic hook has it.
pub fn run(options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Report> {
    let start = Instant::now();
    let span = info_span!("run", id = options.run, otel.status_code = field::Empty).entered();
    let ended = caught(|| run_whole(options, progress)).and_then(|ended| ended);
    if let Err(error) = &ended {
        span.record("otel.status_code", "ERROR");
        note_failed(options, error, seconds_since(start));
    }
    ended
}

fn run_whole(options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Report> {
    if options.sources.is_empty() {
        return Err(Error::NoSource);
    }
    let folder = Folder::open(&options.index, options.readers)?;
    folder.is_whole()?;
    folder.is_made_here()?;
    let sources = Sources::open(&options.sources, Arc::clone(&options.stop))?;
    let _lock = folder.lock()?;
    if !options.is_dry_run {
        State::begin(&folder, &options.run);
    }
    run_locked(options, progress, &folder, &sources)
}

fn run_locked(
    options: &Options,
    progress: &mut dyn FnMut(Progress),
    folder: &Folder,
    sources: &Sources,
) -> Result<Report> {
    let start = Instant::now();
    folder.clean()?;
    if forget::settle(options, folder)? {
        // Those who were erased do not wait for a source that cannot be listed; what hinders is told at the end, too.
        projections::renew(options, folder)?;
    }
    let listing = info_span!("list").in_scope(|| sources.list())?;
    let mut run = Run {
        options,
        folder,
        report: Report {
            run: options.run.clone(),
            ..Report::default()
        },
        progress,
        is_outdated: false,
        archived: Vec::new(),
        listed: Vec::new(),
        listed_sources: Vec::new(),
        failed: folder.failed()?,
        judges: judges(options),
        odd_types: OddTypes::default(),
        causes: Causes::default(),
        rejected: Vec::new(),
        idle_drops: IdleDrops::default(),
        sanity: Sanity::default(),
        newest_of_sources: NewestOf::new(),
        cut_lists: Vec::new(),
        erased: Arc::new(folder.erasures()?.hashes().unwrap_or_default()),
        is_refused: false,
    };
    let mut new = run.new_objects(&listing)?;
    if let (true, true, Some((name, why))) = (
        new.is_empty(),
        options.is_nothing_given,
        options.sick.first(),
    ) {
        let first = format!("source `{name}`: {why}");
        return Err(Error::NothingGiven { first });
    }
    let all_new = new.clone();
    let are_new: HashSet<String> = new.iter().map(digits).collect();
    if new.is_empty() && !run.is_outdated {
        // Nothing is made of the last generation, and bit rot is to be found all the same.
        verified(folder.current()?.map(verify))?;
    }
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
    if run.is_refused && !options.is_dry_run {
        run.note_refused(&all_new)?;
    }
    run.say_archived();
    if !options.is_dry_run {
        settle_undone(folder, &listing.objects)?;
        run.settle_failed(&listing)?;
        run.remove_taken(sources, &listing, &are_new)?;
        run.link_current();
        let failures = projections::renew(options, folder)?;
        run.report.failures.extend(failures);
    }
    run.finish(start, sources.bytes_fetched().load(Ordering::Relaxed))
}

fn seconds_since(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0
}

/// A run under way.
struct Run<'a> {
    options: &'a Options,
    folder: &'a Folder,
    report: Report,
    progress: &'a mut dyn FnMut(Progress),
    /// The current generation is of an older format: the next one is due, whatever is new.
    is_outdated: bool,
    /// What is archived, and was left out.
    archived: Vec<String>,
    /// What sources have and the last generation lacks, where an export may list all that there is.
    listed: Vec<Object>,
    /// The sources that could be listed.
    listed_sources: Vec<String>,
    /// What failed by its content, in earlier runs and in this one.
    failed: Failed,
    /// What judges the content of objects, by source.
    judges: BTreeMap<String, String>,
    /// Words of `user.type` that say neither local nor domain.
    odd_types: OddTypes,
    causes: Causes,
    /// Objects that were taken in without some of their rows.
    rejected: Vec<(String, RowCounts)>,
    idle_drops: IdleDrops,
    sanity: Sanity,
    /// By the newest generation.
    newest_of_sources: NewestOf,
    cut_lists: Vec<String>,
    /// Who was erased.
    erased: Arc<Erased>,
    /// Nothing is published, or in a dry run would be, since it changes too much.
    is_refused: bool,
}

impl Run<'_> {
    /// Returns what is left to take in, without an object that failed while its rows were folded.
    fn without(&mut self, mut left: Vec<Object>, error: Error) -> Result<Vec<Object>> {
        let message = error.to_string();
        match error {
            Error::Changed { object } => self.fail(&object, message),
            Error::Refused { object, .. } => self.fail_by_content(&object, message),
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
        // What is archived is told of once.
        let is_archived = |object: &Object| self.archived.contains(&object.name());
        left.retain(|object| !has_failed(object) && !is_archived(object));
        Ok(left)
    }

    /// Makes generation after generation until nothing is left to take in.
    fn take_in(
        &mut self,
        mut fetched: impl Iterator<Item = Fetched> + Send,
        spool: &Path,
    ) -> Result<()> {
        loop {
            let before = (
                self.report.clone(),
                self.sanity.clone(),
                self.odd_types.clone(),
            );
            let current = self.folder.current()?;
            let number = self.folder.next_number()?;
            let verifying = current.clone().map(verify);
            let folded = Kept::load(
                current.as_ref().map(|current| &*current.path),
                spool,
                number,
            )
            .map_err(Error::from);
            let folded = folded
                .and_then(|kept| self.fold(kept.without(Arc::clone(&self.erased)), &mut fetched));
            if matches!(folded, Err(Error::Stopped)) {
                return Err(Error::Stopped);
            }
            let made = folded.and_then(|(kept, is_more)| Ok((self.make(kept, spool)?, is_more)));
            // Whatever failed is owed to bit rot, where there is any; never publish upon it.
            verified(verifying)?;
            if matches!(made, Err(Error::Changed { .. } | Error::Refused { .. })) {
                // What this pass counted comes again.
                (self.report, self.sanity, self.odd_types) = before;
            }
            let (made, is_more) = made?;
            if let Some(made) = made {
                self.publish(made)?;
            }
            if !is_more || (self.is_refused && !self.options.is_dry_run) {
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
    fn make(&mut self, folded: Folded, spool: &Path) -> Result<Option<Made>> {
        if !folded.is_changed && !folded.kept.is_outdated() {
            return Ok(None);
        }
        let _span = info_span!("make").entered();
        let rules = self.options.rules((&self.listed, &self.listed_sources));
        let made = folded.kept.make(&rules, &self.folder.building())?;
        let folder = (self.folder, spool);
        let made = without_expired(made, self.options, &rules, folder, &self.erased)?;
        match breaker::too_much(&made.changes, self.options.may_change()) {
            // What else it would do is told, too.
            Some(why) if self.options.is_dry_run => {
                self.report.warnings.push(why);
                self.is_refused = true;
                Ok(Some(made))
            }
            Some(why) => {
                self.refuse(&made, why);
                Ok(None)
            }
            None => Ok(Some(made)),
        }
    }

    /// Refuses what was made: what it would have changed is told, and nothing else of it is left.
    fn refuse(&mut self, made: &Made, why: String) {
        for loaded in &made.loaded {
            self.report.rows.add(loaded.counts);
        }
        self.report.changes.add(&made.changes);
        self.report.failures.push(Failure::new("", why));
        self.is_refused = true;
        let _ = std::fs::remove_file(&made.path);
    }

    /// Has objects of a run that was refused stay out until that is accepted, where others are new.
    fn note_refused(&mut self, new: &[Object]) -> Result<()> {
        let current = self.folder.current()?;
        let past = current
            .map(|current| Past::load(&current.path))
            .transpose()?;
        let is_in = |object: &Object| past.as_ref().is_some_and(|past| past.knows(object));
        for object in new.iter().filter(|object| !is_in(object)) {
            self.failed.refuse(object);
        }
        Ok(())
    }

    fn fail(&mut self, object: &Object, error: String) {
        let failure = Failure::new(object.name(), error);
        self.causes.tell(&failure);
        self.report.objects.failed += 1;
        self.report.failures.push(failure);
        self.progress_of(object);
    }

    /// Fails an object for what it holds, which the next run need not find out again.
    fn fail_by_content(&mut self, object: &Object, error: String) {
        let judge = judge_of(&self.judges, object);
        self.failed.add(object, &error, judge);
        self.fail(object, error);
    }

    /// Notes an object without rows or header: it says nothing, and need not be fetched again.
    fn leave_out_empty(&mut self, object: &Object) {
        let reason = "it has no rows, and so does not say which columns it has";
        let judge = judge_of(&self.judges, object);
        self.failed.add(object, reason, judge);
        self.report
            .warnings
            .push(format!("{} is left out: {reason}", object.name()));
        self.progress_of(object);
    }

    /// Forgets objects that failed once and were taken in, or are there no more, and keeps what is left.
    fn settle_failed(&mut self, listing: &Listing) -> Result<()> {
        // What a source that cannot be read holds is not known.
        if listing.sick.is_empty() {
            let listed = identities(listing);
            self.failed.keep_only(|identity| listed.contains(identity));
            self.forget_taken(listing)?;
        }
        Ok(self.folder.set_failed(&self.failed)?)
    }

    /// Strikes off what was taken in after all, copies of others too.
    fn forget_taken(&mut self, listing: &Listing) -> Result<()> {
        let current = self.folder.current()?;
        let Some(current) = current.filter(|_| !self.failed.objects().is_empty()) else {
            return Ok(());
        };
        let past = Past::load(&current.path)?;
        let taken = listing.objects.iter().filter(|object| past.knows(object));
        let taken: HashSet<String> = taken.map(digits).collect();
        self.failed.keep_only(|identity| !taken.contains(identity));
        Ok(())
    }

    fn loaded(&mut self, loaded: &Loaded) {
        let Loaded { object, counts, .. } = loaded;
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
        let taken_in = digits(object);
        self.failed.keep_only(|identity| identity != taken_in);
        self.report.rows.add(*counts);
        if counts.rejected > 0 {
            self.rejected.push((object.name(), *counts));
        }
    }

    fn publish(&mut self, made: Made) -> Result<()> {
        for loaded in &made.loaded {
            self.loaded(loaded);
        }
        self.report.warnings.extend(made.oddities.iter().cloned());
        self.newest_of_sources.clone_from(&made.newest_of_sources);
        self.cut_lists.clone_from(&made.cut_lists);
        self.report.changes.add(&made.changes);
        self.report.take(&made.published);
        if self.options.is_dry_run {
            if self.options.is_giving_examples {
                self.report.examples = examples(&made)?;
            }
            let _ = std::fs::remove_file(&made.path);
            return Ok(());
        }
        let few = breaker::much_of_few(&made.changes);
        self.report.warnings.extend(few);
        let _span = info_span!("publish").entered();
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
            self.report.failures.push(Failure::new(
                self.options.index.display().to_string(),
                format!("published, but the link leads elsewhere: {}", chain(&error)),
            ));
        }
    }

    /// Fills in what the report lacks, and notes the run in `runs.jsonl`.
    fn finish(mut self, start: Instant, bytes_fetched: u64) -> Result<Report> {
        self.report.bytes_fetched = bytes_fetched;
        self.report.warn_of_rejected(&self.rejected);
        self.report.warn_of_odd_cells();
        self.report.warnings.extend(self.odd_types.warning());
        self.report.warnings.extend(self.idle_drops.warnings());
        self.report.warnings.extend(self.sanity.warnings());
        self.report.warnings.append(&mut self.cut_lists);
        self.warn_of_quiet_sources();
        self.report.shorten();
        self.report.seconds = seconds_since(start);
        self.report.outcome = match self.report.failures.as_slice() {
            _ if self.is_refused => Outcome::Refused,
            [] => Outcome::Done,
            _ => Outcome::Partial,
        };
        if !self.options.is_dry_run {
            let failed = self.failed.objects().len() as u64;
            State::end(self.folder, &self.options.index, &self.report, failed);
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
