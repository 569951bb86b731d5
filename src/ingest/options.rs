//! Options: what a run works on and how.
//!
//! Where they come from is the affair of who starts the run.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::class::Patterns;
use crate::identifier::NotSaid;
use crate::index::Rules;
use crate::mapping::Mapping;
use crate::observation::Object;
use crate::publish::Readers;
use crate::schema::Dataset;
use crate::source::SourceConfig;

use super::projections::Projection;
use super::state::new_run_id;

/// What a run works on and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The id of the run, which its logs and all that it leaves carry.
    pub run: String,
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
    /// Sources that gave nothing, or not all, by name, and why: what the report is to say of before the run.
    pub sick: Vec<(String, String)>,
    /// All sources are among these: where nothing is there from before, the run fails.
    pub is_nothing_given: bool,
    /// What columns are called.
    pub mapping: Mapping,
    /// What says nothing, beside what is known to.
    pub not_said: NotSaid,
    /// Patterns for account classes.
    pub patterns: Patterns,
    /// How long before it was observed a logins row may have been true.
    pub login_window: Option<Duration>,
    /// How long before the newest row a usage is current.
    pub recent: Duration,
    /// How long before the newest object of its dataset a row was observed that is kept; none: for ever.
    pub retention: Option<Duration>,
    /// The same of what a row says and newer ones replaced: it is kept in clear so long.
    pub superseded: Option<Duration>,
    /// Files beside the index of which some readers are to read.
    pub projections: Vec<Projection>,
    /// Domains of devices' full names, beside those that the exports show, in small letters.
    pub device_domains: Vec<String>,
    /// Datasets whose objects list all that there is: who is not in the newest one is gone.
    pub complete: Vec<Dataset>,
    /// How many of a hundred accounts, or devices, a run may let go or give other identifiers; 100: any number.
    pub change_at_most: u32,
    /// Datasets of which an object with other columns than the newest one before fails.
    pub frozen: Vec<Dataset>,
    /// Take such objects all the same.
    pub is_accepting: bool,
    /// Take in also what a rollback undid.
    pub is_retry: bool,
    /// Do everything but publish.
    pub is_dry_run: bool,
    /// A dry run names some of those that would be otherwise.
    pub is_giving_examples: bool,
    /// Set to end the run: back to the last publication.
    pub stop: Arc<AtomicBool>,
}

impl Options {
    /// Options as the program has them without a configuration: the owner's group reads the index, logins are current for 30
    /// days, the last two generations are kept.
    pub fn new(index: impl Into<PathBuf>, sources: Vec<SourceConfig>) -> Options {
        Options {
            run: new_run_id(),
            index: index.into(),
            readers: Readers {
                mode: 0o640,
                group: None,
            },
            keep_generations: 2,
            prune_after: Duration::from_mins(10),
            spool_bytes: 8 << 30,
            publish_every: Duration::from_mins(5),
            sources,
            sick: Vec::new(),
            is_nothing_given: false,
            mapping: Mapping::shipped(),
            not_said: NotSaid::default(),
            patterns: Patterns::default(),
            login_window: None,
            recent: Duration::from_hours(30 * 24),
            retention: None,
            superseded: None,
            projections: Vec::new(),
            complete: Vec::new(),
            change_at_most: 50,
            device_domains: Vec::new(),
            frozen: Vec::new(),
            is_accepting: false,
            is_retry: false,
            is_dry_run: false,
            is_giving_examples: false,
            stop: Arc::default(),
        }
    }
}

impl Options {
    /// Returns what a generation depends on.
    pub(super) fn rules(&self, (listed, listed_sources): (&[Object], &[String])) -> Rules {
        Rules {
            patterns: self.patterns.clone(),
            login_window: self.login_window.map(|window| window.as_micros() as i64),
            recent: self.recent.as_micros() as i64,
            device_domains: self.device_domains.clone(),
            complete: self.complete.clone(),
            listed: listed.to_vec(),
            listed_sources: listed_sources.to_vec(),
            superseded: self.superseded.map(|kept| kept.as_micros() as i64),
        }
    }

    /// Returns how much of what is there a run may change, in percent.
    pub(super) fn may_change(&self) -> u64 {
        match self.is_accepting {
            true => 100,
            false => u64::from(self.change_at_most),
        }
    }
}
