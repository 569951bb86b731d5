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
    Answer, Doubt, FreshnessState, Index, NoTarget, Options, Outcome, Query, Target, Which,
};

/// Whom nobody knows is remembered of so many queries at the most.
const NOBODY_AT_MOST: usize = 10_000;
/// The devices of more accounts than these are not asked for: nobody is meant by such an answer.
const ACCOUNTS_AT_MOST: usize = 4;

/// How a resolver goes about it.
#[derive(Debug, Clone)]
pub struct ResolverOptions {
    /// How what Nexthink answers is taken in: its mapping, patterns, …; its index and sources are not used.
    pub ingest: ingest::Options,
    /// How answers are judged.
    pub lookup: Options,
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

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The index's own faults.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// What Nexthink answered cannot be taken in.
    #[error("what Nexthink answered cannot be taken in")]
    TakeIn(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An answer, and where it comes from.
#[derive(Debug)]
pub struct Resolved {
    /// The answer.
    pub answer: Answer,
    /// Who gave it.
    pub by: AnsweredBy,
    /// Why Nexthink was asked in vain; the answer is the index's.
    pub not_asked: Option<live::Error>,
    /// The index that gave the answer, and holds it against what else it knows.
    index: Arc<Index>,
    /// Goes with it.
    _folder: Option<tempfile::TempDir>,
}

impl Resolved {
    /// Returns the device that may be acted on, as [`Index::target`] does.
    ///
    /// # Errors
    /// As there.
    pub fn target(&self, which: Which, allowed: &[Doubt]) -> Result<Target, NoTarget> {
        self.index.target(&self.answer, which, allowed)
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
}

impl Resolver {
    /// Makes a resolver; nothing is asked yet.
    pub fn new(index: Arc<Index>, client: Client, options: ResolverOptions) -> Resolver {
        Resolver {
            index,
            client,
            options,
            nobody: Mutex::new(HashMap::new()),
        }
    }

    /// Finds who is meant. Nexthink is asked by the names, SIDs, UPNs and emails of the query where the index knows nobody, or
    /// is stale; what it knows is the answer, else what the index knows. That Nexthink could not be asked is no error: it is
    /// told beside the answer of the index.
    ///
    /// # Errors
    /// Faults of the index, or of this machine.
    pub async fn resolve(&self, query: impl Into<Query>) -> Result<Resolved, ResolveError> {
        let query = query.into();
        let answer = self.index.find(query.clone())?;
        let values = query.account_values();
        if !is_open(&answer) || values.is_empty() || self.is_nobody(&values) {
            return Ok(self.by_index(answer, None));
        }
        let rows = match self.ask(&values).await {
            Ok(rows) => rows,
            Err(error) => return Ok(self.by_index(answer, Some(error))),
        };
        if rows.users.is_empty() {
            self.remember_nobody(values);
            return Ok(self.by_index(answer, None));
        }
        let options = self.options.clone();
        let take_in = move || take_in(&rows, &options, query);
        let taken = tokio::task::spawn_blocking(take_in).await;
        let taken = taken.map_err(|error| ResolveError::TakeIn(error.into()))??;
        match taken.answer.outcome {
            // A row that is of no use, a hashed name say.
            Outcome::None | Outcome::Unparseable => Ok(self.by_index(answer, None)),
            Outcome::One | Outcome::Several => Ok(taken),
        }
    }

    fn by_index(&self, answer: Answer, not_asked: Option<live::Error>) -> Resolved {
        Resolved {
            answer,
            by: AnsweredBy::Index,
            not_asked,
            index: Arc::clone(&self.index),
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
            return Ok(rows);
        }
        for name in names {
            let query = Shipped::DevicesOfUser.query(&[&name])?;
            let devices = self.client.execute(&query).await?.rows;
            rows.devices
                .extend(devices.into_iter().map(|device| (name.clone(), device)));
        }
        Ok(rows)
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
        // Who asks for so many names in so short a time is told nobody of more of them anew.
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
}

/// Makes an index of what Nexthink answered, and asks that.
fn take_in(rows: &Rows, options: &ResolverOptions, query: Query) -> Result<Resolved, ResolveError> {
    let fault = |error: io::Error| ResolveError::TakeIn(error.into());
    let folder = tempfile::tempdir().map_err(fault)?;
    let exports = folder.path().join("nexthink");
    write(rows, &exports).map_err(fault)?;
    let path = folder.path().join("identity.db");
    let source = ingest::SourceConfig::new("nexthink", exports.display().to_string());
    let ingest = ingest::Options {
        index: path.clone(),
        sources: vec![source],
        ..options.ingest.clone()
    };
    let report = ingest::run(&ingest, &mut |_| {});
    let report = report.map_err(|error| ResolveError::TakeIn(error.into()))?;
    if let Some(failure) = report.failures.first() {
        return Err(ResolveError::TakeIn(failure.error.clone().into()));
    }
    let index = Index::open_with(path, options.lookup)?;
    Ok(Resolved {
        answer: index.find(query)?,
        by: AnsweredBy::Nexthink,
        not_asked: None,
        index: Arc::new(index),
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
