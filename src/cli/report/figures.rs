//! Figures: what the page shows, read from the index and from the notes of runs beside it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use crate::cli::status::{Ages, Holdings, last_runs};
use crate::cli::{Context, rows};
use crate::lookup::FreshnessState;
use crate::schema::{Class, Dataset};

/// Rows of a list.
const LISTED: usize = 10;
/// Runs that are shown.
const RUNS: usize = 40;

/// What the page shows.
pub(super) struct Figures {
    pub(super) generation: u64,
    pub(super) made_at: Timestamp,
    pub(super) datasets: Vec<Age>,
    pub(super) classes: Vec<(&'static str, u64)>,
    pub(super) accounts: u64,
    pub(super) devices: u64,
    pub(super) usages: u64,
    /// Usages that wait: of nobody known, and of several.
    pub(super) waiting: [u64; 2],
    /// What people can be found by, and the share of their accounts that have it, in percent.
    pub(super) shares: Vec<(&'static str, f64)>,
    pub(super) hashed_upns: u64,
    pub(super) days: Vec<Day>,
    pub(super) runs: Vec<Run>,
    pub(super) collisions: Vec<Collision>,
    /// Devices that many people use, and how many do.
    pub(super) shared: Vec<(String, u64)>,
    /// Why usages make no device anybody's own.
    pub(super) not_primary: Vec<(String, u64)>,
}

/// How old a dataset is.
pub(super) struct Age {
    pub(super) dataset: &'static str,
    pub(super) as_of: Option<Timestamp>,
    pub(super) state: FreshnessState,
}

/// What was counted on a day.
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) counts: BTreeMap<(String, String), u64>,
}

/// A run that took something in, or failed.
pub(super) struct Run {
    pub(super) ended_at: String,
    pub(super) outcome: String,
    /// Rows that were stored, unchanged, superseded and rejected.
    pub(super) rows: [u64; 4],
    pub(super) failures: u64,
}

/// A value that several hold.
pub(super) struct Collision {
    pub(super) what: String,
    pub(super) value: String,
    pub(super) holders: u64,
}

impl Day {
    pub(super) fn count(&self, subject: &str, kind: &str) -> u64 {
        let key = (subject.to_owned(), kind.to_owned());
        self.counts.get(&key).copied().unwrap_or(0)
    }
}

pub(super) fn read(context: &Context) -> anyhow::Result<Figures> {
    let index = context.open_index()?;
    let file = index.file();
    let holdings = index.current().query(Holdings::read)?;
    let ages = Ages::new(index.coverage(), context);
    let datasets = Dataset::ALL.into_iter().zip(&ages.of);
    Ok(Figures {
        generation: index.generation(),
        made_at: Timestamp::now(),
        datasets: datasets
            .map(|(dataset, age)| Age {
                dataset: dataset.as_str(),
                as_of: age.as_of,
                state: age.state,
            })
            .collect(),
        classes: Class::ALL
            .into_iter()
            .map(|class| (class.as_str(), holdings.classes[class as usize]))
            .collect(),
        accounts: holdings.accounts(),
        devices: holdings.devices,
        usages: holdings.usages,
        waiting: [holdings.unknown, holdings.ambiguous],
        shares: shares(&file)?,
        hashed_upns: holdings.hashed_upns,
        days: days(&file)?,
        runs: runs(&context.config.index.path),
        collisions: collisions(&file)?,
        shared: pairs(&file, SHARED)?,
        not_primary: pairs(&file, NOT_PRIMARY)?,
    })
}

const SHARED: &str = "SELECT d.name AS name, count(*) AS count FROM usages u JOIN devices d ON d.id = u.device \
    JOIN accounts a ON a.id = u.account WHERE u.is_shared AND a.class NOT IN ('machine', 'local') \
    GROUP BY d.id ORDER BY count DESC, name LIMIT 10";
const NOT_PRIMARY: &str = "SELECT not_primary AS name, count(*) AS count FROM usages WHERE not_primary IS NOT NULL \
    GROUP BY not_primary ORDER BY count DESC";
const DAYS: &str = "SELECT day, subject, kind, count FROM counts ORDER BY day";
const HAS_DAYS: &str = "SELECT count(*) AS count FROM sqlite_schema WHERE name = 'counts'";

fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

fn number(row: &Value, name: &str) -> u64 {
    row[name].as_u64().unwrap_or(0)
}

fn pairs(file: &Path, statement: &str) -> anyhow::Result<Vec<(String, u64)>> {
    let rows = rows::select(file, statement)?;
    let pair = |row: &Value| (text(row, "name"), number(row, "count"));
    Ok(rows.iter().map(pair).collect())
}

/// Returns what was counted day by day; an older index has no such counts.
fn days(file: &Path) -> anyhow::Result<Vec<Day>> {
    let has = rows::select(file, HAS_DAYS)?;
    if has.first().is_none_or(|row| number(row, "count") == 0) {
        return Ok(Vec::new());
    }
    let mut days: Vec<Day> = Vec::new();
    for row in rows::select(file, DAYS)? {
        let Ok(date) = text(&row, "day").parse() else {
            continue;
        };
        if days.last().is_none_or(|last| last.date != date) {
            days.push(Day {
                date,
                counts: BTreeMap::new(),
            });
        }
        if let Some(day) = days.last_mut() {
            let key = (text(&row, "subject"), text(&row, "kind"));
            day.counts.insert(key, number(&row, "count"));
        }
    }
    Ok(days)
}

/// Returns which share of the accounts of people can be found by what, in percent.
fn shares(file: &Path) -> anyhow::Result<Vec<(&'static str, f64)>> {
    const SHARES: &str = "SELECT count(*) AS people, count(sid) AS sid, count(upn) AS upn, count(email) AS email FROM accounts \
        WHERE class = 'person' AND NOT is_gone";
    let rows = rows::select(file, SHARES)?;
    let all = rows.first();
    let count = |name: &str| all.map_or(0, |row| number(row, name)) as f64;
    let shares = [("SID", "sid"), ("UPN", "upn"), ("email", "email")];
    let people = count("people").max(1.0);
    Ok(shares
        .map(|(name, column)| (name, count(column) * 100.0 / people))
        .into())
}

/// Returns the last runs that took something in or failed, the oldest first.
fn runs(index: &Path) -> Vec<Run> {
    let runs = last_runs(index, usize::MAX);
    let runs = runs.iter().map(|line| {
        let (report, rows) = (&line["report"], &line["report"]["rows"]);
        Run {
            ended_at: text(line, "ended_at"),
            outcome: text(report, "outcome"),
            rows: ["stored", "unchanged", "superseded", "rejected"].map(|fate| number(rows, fate)),
            failures: report["failures"].as_array().map_or(0, Vec::len) as u64,
        }
    });
    let mut runs: Vec<Run> = runs
        .filter(|run| run.rows.iter().sum::<u64>() > 0 || run.outcome != "done")
        .collect();
    runs.drain(..runs.len().saturating_sub(RUNS));
    runs
}

/// Returns the values that most accounts or devices hold alike.
fn collisions(file: &Path) -> anyhow::Result<Vec<Collision>> {
    let mut all = Vec::new();
    for (what, view, column) in [
        ("UPN", "accounts", "upn"),
        ("email", "accounts", "email"),
        ("account name", "accounts", "name"),
        ("device name", "devices", "name"),
        ("serial number", "devices", "serial"),
    ] {
        let statement = format!(
            "SELECT max({column}) AS value, count(*) AS holders FROM {view} WHERE {column} IS NOT NULL AND NOT is_gone \
             GROUP BY lower({column}) HAVING count(*) > 1 ORDER BY holders DESC, value LIMIT {LISTED}"
        );
        let rows = rows::select(file, &statement)?;
        all.extend(rows.iter().map(|row| Collision {
            what: what.to_owned(),
            value: text(row, "value"),
            holders: number(row, "holders"),
        }));
    }
    all.sort_by_key(|one| Reverse(one.holders));
    all.truncate(2 * LISTED);
    Ok(all)
}
