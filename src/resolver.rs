//! Resolving: the index first, and Nexthink itself where the index knows nobody or is too old.
//!
//! What Nexthink answers is taken in as an export is, into an index of its own that goes with the answer: the same rules say
//! who is meant, and an answer is what it always is. Logins cannot be counted so, and no device is said to be the primary one.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::Error as IndexError;
use crate::identifier::Kind;
use crate::ingest;
use crate::live::nql::{Row, Shipped, text_of};
use crate::live::{self, Client};
use crate::lookup::{
    Answer, Doubt, Flag, Found, FreshnessState, Index, Match, NoTarget, NotEnough, Options,
    Outcome, Query, Target, Which, weighed,
};
use crate::schema::NotPrimary;

/// Whom nobody knows is remembered of so many queries at the most.
const NOBODY_AT_MOST: usize = 10_000;
/// Who did not answer is left alone for so long.
const REST: Duration = Duration::from_secs(30);
/// The devices of more accounts than these are not asked for.
const ACCOUNTS_AT_MOST: usize = 4;

/// How a resolver goes about it.
#[derive(Debug, Clone)]
pub struct ResolverOptions {
    /// How what Nexthink answers is taken in: its mapping, patterns, …; its index and sources are not used.
    pub ingest: ingest::Options,
    /// How answers are judged.
    pub lookup: Options,
    /// How long Nexthink may take for one query, all it is asked together.
    pub within: Duration,
    /// For so long nobody is asked for again whom Nexthink did not know: unknown names must not use up what a tenant may ask.
    pub nobody_for: Duration,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnsweredBy {
    /// The index knew, or is all that there is.
    Index,
    /// Nexthink was asked.
    Nexthink,
}

/// What can go wrong when Nexthink is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It could not be asked.
    #[error(transparent)]
    Live(#[from] live::Error),
    /// It took too long.
    #[error("Nexthink took too long")]
    Slow,
    /// It did not answer a moment ago, and is left alone for 30 seconds.
    #[error("Nexthink did not answer a moment ago")]
    Resting,
    /// More accounts may be meant than devices are asked for.
    #[error("too many accounts may be meant to ask for the devices of each")]
    TooMany,
    /// What it answered cannot be taken in.
    #[error("what Nexthink answered cannot be taken in: {0}")]
    TakeIn(String),
}

/// An answer, and where it comes from.
#[derive(Debug)]
pub struct Resolved {
    /// The answer.
    pub answer: Answer,
    /// Who gave it.
    pub by: AnsweredBy,
    /// What went wrong on the way: Nexthink could not be asked, for all or for the devices, or what it answered cannot be taken
    /// in. The answer holds without that.
    pub fault: Option<Fault>,
    /// The index that gave the answer.
    index: Arc<Index>,
    /// The one that was asked first, where Nexthink gave the answer: it may know who else uses a device.
    first: Option<Arc<Index>>,
    /// Goes with it.
    _folder: Option<tempfile::TempDir>,
}

impl Resolved {
    /// Returns the device that may be acted on, as [`Index::target`] does. Where Nexthink gave the answer, the index may know of
    /// others that use the device, and that speaks against it, too.
    ///
    /// # Errors
    /// As there.
    pub fn target(&self, which: Which, allowed: &[Doubt]) -> Result<Target, NoTarget> {
        let Some(first) = &self.first else {
            return self.index.target(&self.answer, which, allowed);
        };
        // Nexthink was asked for devices of the last days: that much is known of when.
        let undated = Doubt::NotTheirs(NotPrimary::Undated);
        let with_undated: Vec<Doubt> = allowed.iter().copied().chain([undated]).collect();
        let target = self.index.target(&self.answer, which, &with_undated)?;
        let Some(account) = target.account() else {
            return Ok(target);
        };
        let doubts = first.others_at(target.collector_uid(), account, None)?;
        let doubts = doubts.into_iter().map(Doubt::NotTheirs);
        let allowed = weighed(doubts, allowed)?;
        Ok(target.allowed_too(allowed))
    }
}

/// Finds who is meant in an index, and asks Nexthink where that cannot say.
#[derive(Debug)]
pub struct Resolver {
    index: Arc<Index>,
    client: Client,
    options: ResolverOptions,
    /// Queries to which Nexthink knew nobody, and until when that holds.
    nobody: Mutex<HashMap<Vec<(Kind, String)>, Instant>>,
    /// Until then it is not asked: it did not answer.
    resting: Mutex<Option<Instant>>,
}

impl Resolver {
    /// Makes a resolver; nothing is asked yet.
    pub fn new(index: Arc<Index>, client: Client, options: ResolverOptions) -> Resolver {
        Resolver {
            index,
            client,
            options,
            nobody: Mutex::new(HashMap::new()),
            resting: Mutex::new(None),
        }
    }

    /// Finds who is meant. Nexthink is asked by the names, SIDs, UPNs and emails of the query where the index knows nobody, or
    /// is stale; what it knows is the answer, else what the index knows. That Nexthink could not be asked is no error: it is
    /// told beside the answer of the index.
    ///
    /// # Errors
    /// The index's own faults.
    pub async fn resolve(&self, query: impl Into<Query>) -> Result<Resolved, IndexError> {
        let query = query.into();
        let answer = self.index.find(query.clone())?;
        let values = query.account_values();
        if !is_open(&answer) || values.is_empty() || self.is_nobody(&values) {
            return Ok(self.by_index(answer, None));
        }
        if self.is_resting() {
            return Ok(self.by_index(answer, Some(Fault::Resting)));
        }
        let asked = tokio::time::timeout(self.options.within, self.ask(&values)).await;
        let rows = match asked {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) => {
                if error.is_transient() {
                    self.rest();
                }
                return Ok(self.by_index(answer, Some(error.into())));
            }
            Err(_) => {
                self.rest();
                return Ok(self.by_index(answer, Some(Fault::Slow)));
            }
        };
        if rows.users.is_empty() {
            self.remember_nobody(values);
            return Ok(self.by_index(answer, None));
        }
        let options = self.options.clone();
        let take_in = tokio::task::spawn_blocking(move || take_in(rows, &options, query));
        let taken = take_in.await.unwrap_or_else(|error| Err(error.to_string()));
        let mut taken = match taken {
            Ok(taken) => taken,
            Err(why) => return Ok(self.by_index(answer, Some(Fault::TakeIn(why)))),
        };
        // A row that is of no use, a hashed name say.
        let is_nobody = matches!(taken.answer.outcome, Outcome::None | Outcome::Unparseable);
        if is_nobody && taken.answer.non_identifying.is_empty() {
            return Ok(self.by_index(answer, taken.fault));
        }
        // Only users were asked for: who else is meant by the index is meant still.
        let is_one = taken.answer.outcome == Outcome::One;
        if answer.outcome == Outcome::Several && is_one {
            return Ok(self.by_index(answer, taken.fault));
        }
        self.mark_moved(&answer, &mut taken.answer)?;
        taken.first = Some(Arc::clone(&self.index));
        Ok(taken)
    }

    /// Marks an account that is another one than the index has by what was asked for, or by its name: that may have been given to
    /// somebody else since, and devices are asked for by it.
    fn mark_moved(&self, known: &Answer, found: &mut Answer) -> Result<(), IndexError> {
        mark_others(known, found.matches.iter_mut());
        for one in &mut found.matches {
            let Found::Account { account, .. } = &one.subject else {
                continue;
            };
            if let Some(name) = account.account_name.clone() {
                let query = Query::account_name(name).all_classes().ids_only();
                mark_others(&self.index.find(query)?, std::iter::once(one));
            }
        }
        Ok(())
    }

    fn by_index(&self, answer: Answer, fault: Option<Fault>) -> Resolved {
        Resolved {
            answer,
            by: AnsweredBy::Index,
            fault,
            index: Arc::clone(&self.index),
            first: None,
            _folder: None,
        }
    }

    /// Asks for the accounts of some values, and for the devices of these.
    async fn ask(&self, values: &[(Kind, String)]) -> Result<Rows, live::Error> {
        let mut rows = Rows::default();
        for (kind, value) in values {
            let query = match kind {
                Kind::Sid => Shipped::UserBySid.query(&[value])?,
                Kind::Upn => Shipped::UserByUpn.query(&[value])?,
                Kind::Email => Shipped::UserByEmail.query(&[value])?,
                // One without a domain is asked for as what it is, a bare name: `jdoe` of any domain.
                Kind::AccountName if value.contains('@') => Shipped::UserByName.query(&[value])?,
                Kind::BareName if !value.contains(['*', '?']) => {
                    let query = Shipped::UserByName.query(&[value])?;
                    query.with_pattern("username", &format!("{value}@*"))
                }
                _ => continue,
            };
            rows.users.extend(self.client.execute(&query).await?.rows);
        }
        let names = rows.users.iter();
        let names = names.filter_map(|row| text_of(row, "user.name"));
        let names: BTreeSet<String> = names.collect();
        if names.len() > ACCOUNTS_AT_MOST {
            rows.fault = Some(Fault::TooMany);
            return Ok(rows);
        }
        for name in names {
            let devices = match self.devices_of(&name).await {
                Ok(devices) => devices,
                Err(error) => {
                    rows.fault = Some(error.into());
                    continue;
                }
            };
            rows.devices
                .extend(devices.into_iter().map(|device| (name.clone(), device)));
        }
        Ok(rows)
    }

    async fn devices_of(&self, name: &str) -> Result<Vec<Row>, live::Error> {
        let query = Shipped::DevicesOfUser.query(&[name])?;
        Ok(self.client.execute(&query).await?.rows)
    }

    fn is_resting(&self) -> bool {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.is_some_and(|until| Instant::now() < until)
    }

    fn rest(&self) {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        *resting = Some(Instant::now() + REST);
    }

    fn is_nobody(&self, values: &[(Kind, String)]) -> bool {
        let nobody = self.nobody.lock().unwrap_or_else(PoisonError::into_inner);
        nobody
            .get(values)
            .is_some_and(|until| Instant::now() < *until)
    }

    fn remember_nobody(&self, values: Vec<(Kind, String)>) {
        let now = Instant::now();
        let mut nobody = self.nobody.lock().unwrap_or_else(PoisonError::into_inner);
        if nobody.len() >= NOBODY_AT_MOST {
            nobody.retain(|_, until| now < *until);
        }
        // Of more names than these in so short a time, the rest is asked for again.
        if nobody.len() < NOBODY_AT_MOST {
            nobody.insert(values, now + self.options.nobody_for);
        }
    }
}

/// Tells whether an answer of the index leaves open who is meant.
fn is_open(answer: &Answer) -> bool {
    let is_old = matches!(
        answer.freshness.state,
        FreshnessState::Stale | FreshnessState::Unknown
    );
    let is_none = answer.outcome == Outcome::None && answer.non_identifying.is_empty();
    is_none || (is_old && answer.outcome != Outcome::Unparseable)
}

/// What Nexthink answered.
#[derive(Debug, Default)]
struct Rows {
    users: Vec<Row>,
    /// Each with the name of an account that used it.
    devices: Vec<(String, Row)>,
    /// Devices could not be asked for.
    fault: Option<Fault>,
}

/// Marks accounts that are others than those which are known.
fn mark_others<'m>(known: &Answer, found: impl Iterator<Item = &'m mut Match>) {
    let ids = |one: &Match| match &one.subject {
        Found::Account { account, .. } => [account.sid.clone(), account.uid.clone()],
        Found::Device { .. } => [None, None],
    };
    if known.matches.is_empty() {
        return;
    }
    // Of one without ids it is not known whether it is the same.
    let known: Vec<String> = known.matches.iter().flat_map(ids).flatten().collect();
    for one in found {
        let is_known = ids(one).iter().flatten().any(|id| known.contains(id));
        if !is_known && !one.flags.contains(&Flag::Moved) {
            one.flags.push(Flag::Moved);
            one.not_enough
                .get_or_insert(NotEnough::Flagged(Flag::Moved));
        }
    }
}

/// Makes an index of what Nexthink answered, and asks that; an error is why that cannot be.
fn take_in(rows: Rows, options: &ResolverOptions, query: Query) -> Result<Resolved, String> {
    let fault = |error: io::Error| error.to_string();
    let folder = tempfile::tempdir().map_err(fault)?;
    let exports = folder.path().join("nexthink");
    write(&rows, &exports).map_err(fault)?;
    let path = folder.path().join("identity.db");
    let source = ingest::SourceConfig::new("nexthink", exports.display().to_string());
    let ingest = ingest::Options {
        index: path.clone(),
        sources: vec![source],
        ..options.ingest.clone()
    };
    let report = ingest::run(&ingest, &mut |_| {});
    let report = report.map_err(|error| error.to_string())?;
    if let Some(failure) = report.failures.first() {
        return Err(failure.error.clone());
    }
    let index = Index::open_with(path, options.lookup).map_err(|error| error.to_string())?;
    Ok(Resolved {
        answer: index.find(query).map_err(|error| error.to_string())?,
        by: AnsweredBy::Nexthink,
        fault: rows.fault,
        index: Arc::new(index),
        first: None,
        _folder: Some(folder),
    })
}

/// Writes rows as exports have them.
fn write(rows: &Rows, folder: &Path) -> io::Result<()> {
    let key = Timestamp::now().to_zoned(TimeZone::UTC);
    let key = key.strftime("%Y-%m-%dT%H-%M-%SZ.csv").to_string();
    let write = |dataset: &str, header: &[&str], lines: BTreeSet<Vec<String>>| {
        let folder = folder.join(dataset);
        fs::create_dir_all(&folder)?;
        let mut file = csv::Writer::from_path(folder.join(&key))?;
        file.write_record(header)?;
        for line in lines {
            file.write_record(line)?;
        }
        file.flush()
    };
    let users: Vec<&str> = Shipped::UserByName.columns().collect();
    let of = |row: &Row, columns: &[&str]| {
        let texts = columns.iter().map(|column| text_of(row, column));
        texts.map(Option::unwrap_or_default).collect::<Vec<_>>()
    };
    write(
        "users",
        &users,
        rows.users.iter().map(|row| of(row, &users)).collect(),
    )?;
    if rows.devices.is_empty() {
        return Ok(());
    }
    let devices: Vec<&str> = Shipped::DevicesOfUser.columns().collect();
    let lines = rows.devices.iter().map(|(_, row)| of(row, &devices));
    write("devices", &devices, lines.collect())?;
    let keys = ["device.uid", "device.collector.uid", "device.name"];
    let lines = rows.devices.iter().map(|(name, row)| {
        let mut line = vec![name.clone()];
        line.extend(of(row, &keys));
        line
    });
    let header = ["user.name", keys[0], keys[1], keys[2]];
    write("logins", &header, lines.collect())
}
