//! Lookups: from an identifier to the accounts and devices that bear it, out of a published index.
//!
//! The way of a query: `query` says what the text can be, `find` looks it up and compares every hit with its row
//! (`row`), `rank` orders devices and accounts, `answer` is what comes back and `json` how it is written.
//! `generation` is the file that is read; it never changes, so nothing is locked and no call waits for a run.
//! How the index came to be is the writer's affair.

mod answer;
mod find;
pub(crate) mod generation;
mod json;
mod query;
mod rank;
mod row;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;

pub use self::answer::{
    Account, AccountUse, Answer, Coverage, Device, DeviceUse, Evidence, Flag, Found, Freshness,
    FreshnessState, Level, Match, NotOne, Outcome, Skipped, Use,
};
use self::generation::{Generation, Place};
pub use self::query::Query;
use crate::error::Error;

/// How an index is read.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How often a new generation is looked for.
    pub refresh: Duration,
    /// A value that more subjects hold identifies none of them.
    pub max_holders: u32,
    /// Up to this age of the index an answer is `fresh`,
    pub fresh_for: Duration,
    /// then `ageing`, and beyond this one `stale`.
    pub ageing_for: Duration,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            refresh: Duration::from_millis(250),
            max_holders: 8,
            fresh_for: Duration::from_hours(36),
            ageing_for: Duration::from_hours(8 * 24),
            clock: Timestamp::now,
        }
    }
}

/// A published index, open for lookups. Follows new generations by itself; shared by any number of threads.
///
/// Cannot change anything, and makes no file. Needs the right to read the index and the folder beside it, nothing else.
///
/// # Examples
/// ```no_run
/// use identidex::lookup::{Found, Index};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let index = Index::open("identity.db")?;
/// let answer = index.find(r"EMEA\jdoe")?;
/// match answer.one() {
///     Ok(one) => if let Found::Account { account, devices, .. } = &one.subject {
///         println!("{:?} uses {} devices", account.full_name, devices.len());
///     },
///     Err(why) => println!("ask back: {why}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Index {
    place: Place,
    options: Options,
    generation: RwLock<Arc<Generation>>,
    opened: Instant,
    /// When `current` was last read, in milliseconds since `opened`.
    checked_ms: AtomicU64,
}

impl Index {
    /// Opens an index by its path, or a copy of a single generation.
    ///
    /// # Errors
    /// [`Error`] says what is in the way.
    pub fn open(path: impl AsRef<Path>) -> Result<Index, Error> {
        Index::open_with(path, Options::default())
    }

    /// Opens an index with other limits.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Index, Error> {
        let place = Place::new(path.as_ref());
        let generation = RwLock::new(Arc::new(place.open()?));
        Ok(Index {
            place,
            options,
            generation,
            opened: Instant::now(),
            checked_ms: AtomicU64::new(0),
        })
    }

    /// Looks up who or what an identifier belongs to.
    ///
    /// # Errors
    /// Only the index's own faults: a text that is no identifier is an answer too.
    pub fn find(&self, query: impl Into<Query>) -> Result<Answer, Error> {
        let query = query.into();
        let generation = self.current();
        let found = generation.read(|connection| {
            let max_holders = self.options.max_holders;
            find::find(connection, generation.bits, &query, max_holders)
        })?;
        Ok(Answer {
            outcome: found.outcome,
            matches: found.matches,
            skipped: found.skipped,
            non_identifying: found.non_identifying,
            coverage: generation.coverage,
            freshness: self.freshness_of(generation.coverage),
            generation: generation.number,
            is_ids_only: query.is_ids_only,
            query: query.text,
        })
    }

    /// Returns the number of the generation that answers now.
    pub fn generation(&self) -> u64 {
        self.current().number
    }

    /// Returns until when the index was told of each dataset.
    pub fn coverage(&self) -> Coverage {
        self.current().coverage
    }

    /// Returns how old what the index knows is.
    pub fn freshness(&self) -> Freshness {
        self.freshness_of(self.coverage())
    }

    fn freshness_of(&self, coverage: Coverage) -> Freshness {
        let Options {
            fresh_for,
            ageing_for,
            clock,
            ..
        } = self.options;
        Freshness::new(coverage.oldest(), clock(), fresh_for, ageing_for)
    }

    /// Returns the generation to read, after a look whether there is a newer one when it is time for that.
    pub(crate) fn current(&self) -> Arc<Generation> {
        if self.is_time_to_look() {
            self.refresh();
        }
        Arc::clone(
            &self
                .generation
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Of several threads one is told to look; the others go on with what there is.
    fn is_time_to_look(&self) -> bool {
        let now_ms = self.opened.elapsed().as_millis() as u64;
        let checked_ms = self.checked_ms.load(Ordering::Relaxed);
        let age_ms = u128::from(now_ms.saturating_sub(checked_ms));
        if age_ms < self.options.refresh.as_millis() {
            return false;
        }
        let order = Ordering::Relaxed;
        self.checked_ms
            .compare_exchange(checked_ms, now_ms, order, order)
            .is_ok()
    }

    /// Keeps the old generation when there is no newer one or it cannot be opened: an answer of its time, said so by
    /// its number and its freshness, is better than none.
    fn refresh(&self) {
        let known = Arc::clone(
            &self
                .generation
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if let Ok(Some(newer)) = self.place.open_newer(&known) {
            *self
                .generation
                .write()
                .unwrap_or_else(PoisonError::into_inner) = Arc::new(newer);
        }
    }
}

#[cfg(test)]
mod tests;
