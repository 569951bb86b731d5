//! What a run tells: while it works, at its end as the JSON that `sync --json` prints, and of past ones in `runs.jsonl`.
//!
//! What fails and what is odd is found by the run.

use std::collections::BTreeMap;
use std::path::Path;

use tracing::{error, warn};

use super::error::Result;
use crate::index::{self, Changes, ChangesOf, Made, Published, RowCounts};
use crate::observation::OddCells;
use crate::schema::{Dataset, Subject};

/// Runs that `runs.jsonl` keeps.
const RUNS_KEPT: usize = 1_000;

/// Objects that are named of those that fail for one reason.
const EXAMPLES: u64 = 3;
/// What stands before what a store calls one request.
const REQUEST_ID: &str = "request id ";
/// Failures, warnings and columns that a report has at most of each, and bytes of one: with names, below 64 KiB in all.
const LISTED: usize = 60;
const TEXT_BYTES: usize = 400;

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
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Report {
    /// The id of the run.
    pub run: String,
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
    /// How the index differs from what it was, by `accounts` and `devices`.
    pub changes: Changed,
    /// Of a dry run that was asked for it: names of some accounts and devices that would be otherwise, by how; absent when there are
    /// none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub examples: BTreeMap<String, Vec<String>>,
    /// Cells that are odd, by dataset and column; absent when there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub odd_cells: BTreeMap<String, OddCells>,
    /// Objects that failed.
    pub failures: Vec<Failure>,
    /// What is odd though nothing was lost.
    pub warnings: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything that is new is in; also when nothing was new.
    Done,
    /// Some objects failed; the others are in.
    Partial,
    /// The run would have changed more than it may; the index is as it was.
    Refused,
    /// The run failed; the index is as it was at the last publication.
    #[default]
    Failed,
}

/// What became of the listed objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ObjectCounts {
    /// Objects listed.
    pub listed: u64,
    /// Objects that are left out by their names, by what the source includes and excludes, or since they are empty; absent when
    /// there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// Of those listed, objects that the ledger did not have.
    pub new: u64,
    /// Objects that a rollback undid, and that are left out; absent when there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub undone: u64,
    /// New objects that repeat another one at the same time.
    pub duplicate: u64,
    /// New objects taken in.
    pub loaded: u64,
    /// New objects that failed, to be tried again by the next run.
    pub failed: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What became of rows: `read` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
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

/// How the index differs from what it was before a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Changed {
    /// Of accounts.
    pub accounts: Changes,
    /// Of devices.
    pub devices: Changes,
}

impl Changed {
    /// Adds those of another generation of the run.
    pub(super) fn add(&mut self, of: &ChangesOf) {
        for (sum, one) in [
            (&mut self.accounts, of.account),
            (&mut self.devices, of.device),
        ] {
            sum.added += one.added;
            sum.changed += one.changed;
            sum.gone += one.gone;
            sum.expired += one.expired;
        }
    }
}

/// An object that failed, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// Its name: source and key.
    pub object: String,
    /// What was wrong and what to do.
    pub error: String,
    /// Objects that failed for the same reason and are not named.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: u64,
}

impl Failure {
    /// Says that an object failed; the run itself, where it has no name.
    pub fn new(object: impl Into<String>, error: impl Into<String>) -> Failure {
        Failure {
            object: object.into(),
            error: error.into(),
            more: 0,
        }
    }

    /// Returns what was wrong, but for the key of the object and what is of one request.
    fn cause(&self) -> String {
        // A source stands for itself: whoever runs it must know of each.
        let Some((_, key)) = self.object.split_once('/') else {
            return format!("{}: {}", self.object, self.error);
        };
        let mut cause = self
            .error
            .replace(&format!("`{}`", key.escape_debug()), "…");
        if let Some(at) = cause.find(REQUEST_ID) {
            let behind = cause[at..]
                .find([',', ')'])
                .map_or(cause.len(), |end| at + end);
            cause.replace_range(at..behind, "");
        }
        without_counts(&cause)
    }
}

/// Returns a text without the numbers that stand by themselves in it: rows, bytes, lines. A status is no count.
fn without_counts(text: &str) -> String {
    let mut before = "";
    let words = text.split(' ').map(|word| {
        let digits = word.trim_end_matches([',', ';', ':', '%', ')']);
        let is_count = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_status = std::mem::replace(&mut before, word).ends_with("status");
        if is_count && !is_status { "…" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Returns what is odd, but for the object of which it is said and the numbers.
fn kind_of(warning: &str) -> String {
    let words = warning.split(' ');
    // What stands in quotes are sources, of which each counts.
    let is_of_one = |word: &str| {
        let has_sign = word.contains(|sign: char| sign == '/' || sign.is_ascii_digit());
        has_sign && !word.starts_with('`')
    };
    let words = words.map(|word| if is_of_one(word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// How many objects failed for each cause.
#[derive(Debug, Default)]
pub(super) struct Causes(BTreeMap<String, u64>);

impl Causes {
    /// Tells the log of an object that failed, if it is one of the first for its cause.
    pub(super) fn tell(&mut self, failure: &Failure) {
        let count = self.0.entry(failure.cause()).or_default();
        *count += 1;
        if *count <= EXAMPLES {
            let Failure { object, error, .. } = failure;
            error!(%object, %error, "object failed");
        }
    }
}

/// Whichever way a run ends, what was not told one by one is told at its end.
impl Drop for Causes {
    fn drop(&mut self) {
        let many = self.0.iter().filter(|(_, count)| **count > EXAMPLES);
        for (cause, count) in many.take(LISTED) {
            let more = count - EXAMPLES;
            error!(more, %cause, "more objects failed for the same reason");
        }
    }
}

impl Report {
    /// Says which objects had rows left out: the first ones by name, of the others how many. Before other warnings, since these
    /// are about what was lost.
    pub(super) fn warn_of_rejected(&mut self, rejected: &[(String, RowCounts)]) {
        let (named, others) = rejected.split_at(rejected.len().min(EXAMPLES as usize));
        let mut warnings: Vec<String> = named
            .iter()
            .map(|(object, RowCounts { rejected, read, .. })| {
                format!(
                    "{rejected} of {read} rows of {object} were rejected; see `identidex rejects`"
                )
            })
            .collect();
        if !others.is_empty() {
            let rows: u64 = others.iter().map(|(_, counts)| counts.rejected).sum();
            let more = others.len();
            warnings.push(format!(
                "{rows} rows of {more} more objects were rejected; see `identidex rejects`"
            ));
        }
        self.warnings.splice(..0, warnings);
    }

    /// Says of which columns identifiers were not taken.
    pub(super) fn warn_of_odd_cells(&mut self) {
        for (column, cells) in &self.odd_cells {
            if cells.guarded > 0 {
                self.warnings.push(format!(
                    "{} identifiers of {column} have quotes around them or an apostrophe before, or are formulas or numbers such as \
                     1.23E+11 or 4711.0, as spreadsheets write them, or lists, and are not taken; export them again",
                    cells.guarded
                ));
            }
            if cells.refused > 0 {
                self.warnings.push(format!(
                    "{} identifiers of {column} are of no such form, and find nobody",
                    cells.refused
                ));
            }
            if cells.ahead > 0 {
                self.warnings.push(format!(
                    "{} times of {column} lie more than a day after their object was observed; check the time_zone of the source, \
                     and the clock that wrote them",
                    cells.ahead
                ));
            }
        }
    }

    /// Has what fails or is odd for one reason told once, with the first of those it is true of: a report stays short whatever
    /// happens.
    pub(super) fn shorten(&mut self) {
        let mut named: BTreeMap<String, (u64, usize)> = BTreeMap::new();
        let mut left_out = 0_u64;
        for failure in std::mem::take(&mut self.failures) {
            let cause = failure.cause();
            match named.get_mut(&cause) {
                Some((count, last)) if *count >= EXAMPLES => self.failures[*last].more += 1,
                _ if self.failures.len() >= LISTED => left_out += 1,
                known => {
                    let count = known.map_or(0, |(count, _)| *count);
                    named.insert(cause, (count + 1, self.failures.len()));
                    self.failures.push(failure);
                }
            }
        }
        for failure in &mut self.failures {
            failure.error = cut(std::mem::take(&mut failure.error));
        }
        if left_out > 0 {
            self.warnings.insert(0, format!(
                "{left_out} more objects failed; `identidex status` lists what failed by its content"
            ));
        }
        self.shorten_warnings();
        while self.odd_cells.len() > LISTED {
            self.odd_cells.pop_last();
        }
    }

    /// What is odd about many objects leaves room for what is odd about one.
    fn shorten_warnings(&mut self) {
        let mut kinds: BTreeMap<String, (u64, usize)> = BTreeMap::new();
        let (mut told, mut more): (Vec<String>, BTreeMap<usize, u64>) = Default::default();
        for warning in std::mem::take(&mut self.warnings) {
            let (count, last) = kinds.entry(kind_of(&warning)).or_default();
            *count += 1;
            match *count > EXAMPLES {
                true => *more.entry(*last).or_default() += 1,
                false => {
                    *last = told.len();
                    told.push(cut(warning));
                }
            }
        }
        for (at, count) in more {
            told[at].push_str(&format!(" (and {count} more of this kind)"));
        }
        let left_out = told.len().saturating_sub(LISTED);
        told.truncate(LISTED);
        if left_out > 0 {
            told.push(format!("{left_out} more warnings"));
        }
        self.warnings = told;
    }

    pub(super) fn note_odd(&mut self, dataset: Dataset, odd: Vec<(String, OddCells)>) {
        for (column, cells) in odd {
            let name = format!("{} {column}", dataset.as_str());
            *self.odd_cells.entry(name).or_default() += cells;
        }
    }

    pub(super) fn take(&mut self, published: &Published) {
        self.accounts = published.accounts;
        self.devices = published.devices;
        self.usages = published.usages;
        self.digest = format!("{:032x}", published.digest);
        self.generation = published.generation;
    }
}

impl RowReport {
    pub(super) fn add(&mut self, counts: RowCounts) {
        self.read += counts.read;
        self.stored += counts.stored;
        self.unchanged += counts.unchanged;
        self.superseded += counts.superseded;
        self.rejected += counts.rejected;
    }
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT_BYTES {
        let mut end = TEXT_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Appends a run to `runs.jsonl`. Informative only: a run does not fail over it.
pub(super) fn note_run(folder: &Path, report: &Report) {
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

/// Returns the names of those that a generation which was made has otherwise than the last one, by how.
pub(super) fn examples(made: &Made) -> Result<BTreeMap<String, Vec<String>>> {
    let mut all = BTreeMap::new();
    for (subject, what) in Subject::ALL.into_iter().zip(["accounts", "devices"]) {
        let of = &made.examples[subject];
        for (ids, how) in [(&of.changed, "with other identifiers"), (&of.gone, "gone")] {
            if !ids.is_empty() {
                let names = index::names_of(&made.path, subject, ids)?;
                all.insert(format!("{what} {how}"), names);
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_do_not_part_causes_and_a_status_does() {
        let cause = |rows: u32, status: u32| {
            let error =
                format!("{rows} of {rows} rows are rejected (status {status}), {rows} of them");
            Failure::new("a/b.csv".to_owned(), error).cause()
        };
        assert_eq!(cause(1, 403), cause(77, 403));
        assert_ne!(cause(1, 403), cause(1, 500));
    }

    #[test]
    fn what_is_odd_about_many_objects_leaves_room_for_what_is_odd_about_one() {
        let copies = (0..90).map(|at| format!("repeated_content: a/u {at}.csv repeats a/u.csv"));
        let lasting = "1 devices objects have a header and no row".to_owned();
        let mut report = Report {
            warnings: copies.chain([lasting.clone()]).collect(),
            ..Report::default()
        };
        report.shorten();
        assert_eq!(report.warnings.len(), 4, "{:?}", report.warnings);
        assert!(report.warnings[2].ends_with("(and 87 more of this kind)"));
        assert_eq!(report.warnings[3], lasting);
    }

    #[test]
    fn failures_of_one_cause_are_told_once_whatever_their_objects_are_called() {
        let failed = |key: &str, cause: &str| {
            let id = key.len() * 7 + usize::from(key.as_bytes()[2]);
            let key_shown = key.escape_debug();
            let error = format!(
                "object `{key_shown}` of source `a` {cause} (status 503, request id {id}, from h:9); again"
            );
            Failure::new(format!("a/{key}"), error)
        };
        let keys = (0..9).map(|at| format!("u/{at}'.csv"));
        let mut report = Report {
            failures: keys.map(|key| failed(&key, "cannot be reached")).collect(),
            ..Report::default()
        };
        report.failures.push(failed("u/9.csv", "was not found"));
        report.shorten();
        let told: Vec<(&str, u64)> = report
            .failures
            .iter()
            .map(|failure| (failure.object.as_str(), failure.more))
            .collect();
        assert_eq!(
            told,
            [
                ("a/u/0'.csv", 0),
                ("a/u/1'.csv", 0),
                ("a/u/2'.csv", 6),
                ("a/u/9.csv", 0)
            ]
        );
    }
}
