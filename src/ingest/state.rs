//! The state of runs, for whoever watches them: `state.json` beside the generations, written when a run begins and when it ends,
//! however it ends. A run that was killed leaves that it began; the next one notes that it never ended.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;
use tracing::warn;

use super::report::{Failure, ObjectCounts, Outcome, Report, RowReport, note_run};
use crate::lookup::Index;
use crate::lookup::connection::meta;
use crate::publish::Folder;
use crate::schema::Dataset;

/// What the file is called.
pub const STATE: &str = "state.json";
const PUBLISHED: &str = "published.json";

/// How the last runs went. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct State {
    /// The id of the last run, which its logs and its line in `runs.jsonl` carry.
    pub run: String,
    /// When it began.
    pub last_attempt: Option<String>,
    /// When the last one ended in which nothing failed.
    pub last_success: Option<String>,
    /// When one began that has not ended: it works, or was killed.
    pub running_since: Option<String>,
    /// How the last one ended.
    pub outcome: Option<Outcome>,
    /// Why it failed, if it did; what failed in it first, if something did.
    pub error: Option<String>,
    /// How many have failed since one did not.
    pub failures_in_a_row: u64,
    /// How long the last one took.
    pub seconds: f64,
    /// The generation that readers read; 0 before the first.
    pub generation: u64,
    /// The digest of what it knows.
    pub digest: String,
    /// Accounts in it.
    pub accounts: u64,
    /// Devices in it.
    pub devices: u64,
    /// Usages in it.
    pub usages: u64,
    /// What became of the objects of the last run.
    pub objects: ObjectCounts,
    /// What became of the rows of the last run.
    pub rows: RowReport,
    /// Objects that failed by what they hold, and are left out until that changes.
    pub failed_objects: u64,
    /// Usages that wait: of somebody or something unknown, and where several may be meant.
    pub waiting: Waiting,
    /// By source and dataset, the newest object that was taken in.
    pub newest: NewestObjects,
}

/// What became of putting generations where other machines get them: `published.json`, a file of its own, since a run may be at
/// work meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct PublishedState {
    /// When that was done last.
    pub last_success: Option<String>,
    /// Why it could not be done since.
    pub error: Option<String>,
    /// The number of the last manifest.
    pub sequence: u64,
}

impl PublishedState {
    /// Reads what the last publications left; none where there was none, or it cannot be read, since it informs only.
    pub fn load(folder: &Folder) -> Option<PublishedState> {
        let text = std::fs::read(folder.path().join(PUBLISHED)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Notes that a generation was put where other machines get it, by the number of its manifest, or why it was not.
    pub fn note(folder: &Folder, ended: Result<u64, String>) {
        let before = PublishedState::load(folder).unwrap_or_default();
        let published = match ended {
            Ok(sequence) => PublishedState {
                last_success: Some(now()),
                error: None,
                sequence,
            },
            Err(error) => PublishedState {
                error: Some(error),
                ..before
            },
        };
        let written = serde_json::to_vec_pretty(&published);
        let written = written.map(|text| folder.replace(PUBLISHED, &text));
        if !matches!(written, Ok(Ok(()))) {
            warn!("what became of the publication could not be noted in {PUBLISHED}");
        }
    }
}

/// Usages that wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Waiting {
    /// Those of somebody or something that nobody knows.
    pub unknown: u64,
    /// Those where several may be meant.
    pub ambiguous: u64,
}

/// The newest object of a source and a dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NewestObject {
    /// Its key.
    pub key: String,
    /// When its rows were observed.
    pub observed_at: String,
}

/// Makes the id of a run: when it began, and a part by chance.
pub fn new_run_id() -> String {
    let chance = RandomState::new().hash_one(std::process::id()) & 0xffff;
    format!(
        "{}-{chance:04x}",
        Timestamp::now().strftime("%Y%m%dT%H%M%SZ")
    )
}

impl State {
    /// Reads what the last runs left; nothing where it cannot be read, since it informs only.
    pub fn load(folder: &Folder) -> State {
        let text = std::fs::read(folder.path().join(STATE)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Notes that a run begins, and of one that was killed, that it never ended.
    pub(super) fn begin(folder: &Folder, run: &str) {
        let mut state = State::load(folder);
        if state.running_since.is_some() {
            let ended = "the run was ended before it was done";
            state.has_failed(&state.run.clone(), ended.to_owned());
            note_run(folder.path(), &Report::failed(&state.run, ended));
        }
        run.clone_into(&mut state.run);
        let now = Some(now());
        state.last_attempt.clone_from(&now);
        state.running_since = now;
        state.write(folder);
    }

    /// Notes how a run ended that did not fail; `failed_objects` are left out until what they hold changes.
    pub(super) fn end(folder: &Folder, index: &Path, report: &Report, failed_objects: u64) {
        let mut state = State::load(folder);
        state.running_since = None;
        state.outcome = Some(report.outcome);
        if report.outcome == Outcome::Done {
            state.last_success = Some(now());
        }
        state.error = report
            .failures
            .first()
            .map(|failure| match &*failure.object {
                // The run's own.
                "" => failure.error.clone(),
                object => format!("{object}: {}", failure.error),
            });
        state.failures_in_a_row = match report.outcome {
            Outcome::Refused => state.failures_in_a_row + 1,
            _ => 0,
        };
        state.failed_objects = failed_objects;
        if state.generation != report.generation {
            state.look_into(index);
        }
        state.take(report);
        state.write(folder);
    }

    /// Notes that a run failed, where there is a folder to note it in, and it is ours.
    pub(super) fn fail(folder: &Folder, report: &Report) {
        let mut state = State::load(folder);
        state.last_attempt.get_or_insert_with(now);
        let error = report.failures.first().map(|failure| failure.error.clone());
        state.has_failed(&report.run, error.unwrap_or_default());
        state.outcome = Some(report.outcome);
        state.seconds = report.seconds;
        state.write(folder);
    }

    fn has_failed(&mut self, run: &str, error: String) {
        run.clone_into(&mut self.run);
        self.running_since = None;
        self.outcome = Some(Outcome::Failed);
        self.error = Some(error);
        self.failures_in_a_row += 1;
    }

    /// Reads what only the generation says.
    fn look_into(&mut self, index: &Path) {
        let read = Index::open(index).and_then(|index| {
            index
                .current()
                .query(|connection| Ok((newest(connection)?, waiting(connection)?)))
        });
        match read {
            Ok((newest, waiting)) => (self.newest, self.waiting) = (newest, waiting),
            Err(error) => {
                warn!(%error, "what waits, and which objects are the newest, could not be read")
            }
        }
    }

    fn take(&mut self, report: &Report) {
        self.seconds = report.seconds;
        self.generation = report.generation;
        self.digest.clone_from(&report.digest);
        self.accounts = report.accounts;
        self.devices = report.devices;
        self.usages = report.usages;
        self.objects = report.objects;
        self.rows = report.rows;
    }

    fn write(&self, folder: &Folder) {
        let written = serde_json::to_vec_pretty(self).map(|text| folder.replace(STATE, &text));
        if !matches!(written, Ok(Ok(()))) {
            warn!("the state of the run could not be noted in {STATE}");
        }
    }
}

impl Report {
    /// A run that failed, and why.
    pub fn failed(run: &str, error: impl Into<String>) -> Report {
        Report {
            run: run.to_owned(),
            failures: vec![Failure::new("", error)],
            ..Report::default()
        }
    }
}

type NewestObjects = BTreeMap<String, BTreeMap<String, NewestObject>>;

/// Returns the newest objects by source and dataset.
fn newest(connection: &Connection) -> rusqlite::Result<NewestObjects> {
    const NEWEST: &str = "SELECT source, dataset, key, max(observed_at) FROM object WHERE state = 'loaded' GROUP BY source, dataset";
    let mut newest = NewestObjects::new();
    let mut select = connection.prepare(NEWEST)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let dataset = Dataset::from_code(row.get(1)?).map_or("", Dataset::as_str);
        let object = NewestObject {
            key: row.get(2)?,
            observed_at: shown(row.get(3)?),
        };
        newest
            .entry(row.get(0)?)
            .or_default()
            .insert(dataset.to_owned(), object);
    }
    Ok(newest)
}

fn waiting(connection: &Connection) -> rusqlite::Result<Waiting> {
    let count = |key: &str| {
        let text = meta(connection, key)?;
        Ok::<u64, rusqlite::Error>(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    };
    Ok(Waiting {
        unknown: count("waiting_unknown")?,
        ambiguous: count("waiting_ambiguous")?,
    })
}

fn now() -> String {
    format!("{:.0}", Timestamp::now())
}

fn shown(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| String::new(), |at| at.to_string())
}
