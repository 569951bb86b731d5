//! Lookups: from an identifier to the accounts and devices that bear it, out of a published index.
//!
//! The way of a query: `query` says what the text can be (`spoken`; of several by kinds, `clue_set`), `search` looks it up and compares every hit with its
//! row (`row`), `history` whom else it meant, `find` decides who fits (`fit`, `heard`, `person_name`), `acting` whether that is
//! enough to act on, `rank` orders devices and accounts, `answer` is what comes back (of `found`, `evidence`, `coverage`,
//! `freshness` and `waiting`) and `json` how it is written; `target` is the device of it that may be acted on (`called`: which one a text names; `doubt`: what speaks against it; `targeted`: both as one value), `impacted` whom to tell of one. `why` tells people how it came about, `suggest` what they may
//! have meant (`resemblance`). `generation` is the file that is read (`reader`; of which
//! `tables` and columns, `select`; what is asked in SQL, `connection`); it never changes, so nothing is locked and no call waits
//! for a run. How the index came to be is the writer's affair.

mod clue_set;
mod history;
mod query;
mod row;
mod search;

mod acting;
mod candidate;
mod find;
mod fit;
mod heard;
mod person_name;
mod rank;
mod spoken;

mod answer;
mod coverage;
mod evidence;
mod found;
mod freshness;
mod waiting;

mod called;
mod doubt;
mod impacted;
mod json;
mod resemblance;
mod suggest;
mod target;
mod targeted;
mod why;

#[cfg(feature = "ingest")]
pub(crate) mod connection;
pub(crate) mod generation;
mod reader;
mod select;
mod tables;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;

pub use self::answer::{Answer, Clue, Flag, Match, NotEnough, NotOne, Outcome, Skipped, Verdict};
pub use self::called::Which;
#[cfg(feature = "serve")]
pub(crate) use self::clue_set::clue_names;
pub use self::clue_set::{BadClues, ClueSet};
pub use self::coverage::Coverage;
#[cfg(all(feature = "ingest", feature = "live"))]
pub(crate) use self::doubt::weighed;
pub use self::doubt::{Doubt, NoTarget};
pub use self::evidence::{Evidence, Level};
pub use self::found::{Account, AccountUse, Device, DeviceUse, Found, Use};
pub use self::freshness::{Freshness, FreshnessState};
use self::generation::{Generation, Place};
pub use self::history::Held;
pub use self::impacted::{Impacted, LeftOut, Nobody};
pub use self::query::Query;
use self::reader::Reader;
pub use self::resemblance::Likeness;
pub use self::suggest::Suggestion;
pub use self::target::{Because, Recipient, Target};
pub use self::targeted::Targeted;
pub use self::waiting::{Waiting, WaitingReason, WaitingUsage};
pub use self::why::{Hit, HitVerdict, LookedUp, Tried, Why};
use crate::error::Error;
use crate::schema::Subject;
use crate::sqlite;

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
    /// Who was last seen longer than this before the newest row of its dataset was not seen lately.
    pub quiet_after: Duration,
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
            quiet_after: Duration::from_hours(60 * 24),
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
/// use identidex::{Found, Index};
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
        self.read(|generation, reader| self.find_in(generation, reader, query.into()))
    }

    /// Looks up many queries, all in one state of the index; the answers in the order of the queries.
    ///
    /// # Errors
    /// As [`Index::find`]; no answer is given then.
    pub fn find_all<Q: Into<Query>>(
        &self,
        queries: impl IntoIterator<Item = Q>,
    ) -> Result<Vec<Answer>, Error> {
        self.read(|generation, reader| {
            let answers = queries.into_iter().map(Q::into);
            answers
                .map(|query| self.find_in(generation, reader, query))
                .collect()
        })
    }

    /// Looks up accounts only, with their devices: a text that also names a device is no other match.
    ///
    /// # Errors
    /// As [`Index::find`].
    pub fn devices_of(&self, account: impl Into<Query>) -> Result<Answer, Error> {
        self.find(account.into().only(Subject::Account))
    }

    /// Looks up devices only, with their accounts: a text that also names an account is no other match.
    ///
    /// # Errors
    /// As [`Index::find`].
    pub fn accounts_of(&self, device: impl Into<Query>) -> Result<Answer, Error> {
        self.find(device.into().only(Subject::Device))
    }

    /// Says how an answer comes about: every rule tried, who holds what, who held it before, who is passed over.
    ///
    /// # Errors
    /// As [`Index::find`].
    pub fn why(&self, query: impl Into<Query>) -> Result<Why, Error> {
        let query = query.into();
        self.read(|generation, reader| {
            Ok(Why {
                tried: why::tried(reader, generation, &query)?,
                answer: self.find_in(generation, reader, query)?,
            })
        })
    }

    /// Returns names, UPNs and emails of accounts, and names of devices, that resemble a text which finds nobody, and
    /// accounts of people who are called so, in any order of the words: the closest first, at most ten, for a person to
    /// choose from. They disclose who is there: give them only to those who may know. Names of machine and
    /// local accounts are not among them.
    ///
    /// Reads all names, which takes a fraction of a second at a million accounts.
    ///
    /// # Errors
    /// As [`Index::find`].
    pub fn suggest(&self, text: &str) -> Result<Vec<Suggestion>, Error> {
        suggest::suggest(&self.current(), text)
    }

    /// Reads the current generation.
    fn read<T>(
        &self,
        read: impl FnOnce(&Generation, &Reader) -> sqlite::Result<T>,
    ) -> Result<T, Error> {
        let generation = self.current();
        generation.read(|reader| read(&generation, reader))
    }

    fn find_in(
        &self,
        generation: &Generation,
        reader: &Reader,
        query: Query,
    ) -> sqlite::Result<Answer> {
        let found = find::find(reader, generation, &query, &self.options)?;
        Ok(Answer {
            outcome: found.outcome,
            matches: found.matches,
            skipped: found.skipped,
            non_identifying: found.non_identifying,
            flags: found.flags,
            clues: found.clues,
            coverage: generation.coverage,
            freshness: self.freshness_of(generation),
            generation: generation.number,
            is_ids_only: query.is_ids_only,
            is_verified: query.is_verified(),
            query: query.into_text(),
        })
    }

    /// Compares the file that answers now with the hash it was published under. Reads all of it: seconds for a gigabyte.
    ///
    /// True when they agree; false when the file's name has no hash, as that of a copy under another name, so that there
    /// is nothing to compare with.
    ///
    /// # Errors
    /// [`Error::Damaged`] when they differ; as [`Index::open`] when the file is not there any more.
    pub fn verify(&self) -> Result<bool, Error> {
        self.current().verify()
    }

    /// Returns the number of the generation that answers now.
    pub fn generation(&self) -> u64 {
        self.current().number
    }

    /// Returns the file of the generation that answers now. It never changes, and is removed some time after a newer one is there;
    /// who has it open can read it to the end.
    pub fn file(&self) -> PathBuf {
        self.current().path.clone()
    }

    /// Returns until when the index was told of each dataset.
    pub fn coverage(&self) -> Coverage {
        self.current().coverage
    }

    /// Returns how old what the index knows is.
    pub fn freshness(&self) -> Freshness {
        self.freshness_of(&self.current())
    }

    fn freshness_of(&self, generation: &Generation) -> Freshness {
        let Options {
            fresh_for,
            ageing_for,
            clock,
            ..
        } = self.options;
        Freshness::new(generation.coverage.times(), clock(), fresh_for, ageing_for)
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
            let mut generation = self
                .generation
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let old = std::mem::replace(&mut *generation, Arc::new(newer));
            drop(generation);
            // Perhaps the last: nobody is to wait for its closing.
            drop(old);
        }
    }
}

#[cfg(test)]
mod tests;
