//! `identidex status`: what the index holds, how complete and how fresh it is, and how the last runs ended.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use indicatif::{HumanBytes, HumanCount, HumanDuration};
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::words::printable;
use super::{Context, Exit, print, print_json};
use crate::identifier::Kind;
use crate::lookup::generation::{Generation, meta};
use crate::lookup::{Coverage, Freshness};
use crate::publish::Failed;
use crate::schema::{Class, Dataset, FieldType, Subject};

/// Runs that are shown.
const RUNS_SHOWN: usize = 5;

const OBJECTS: &str =
    "SELECT count(*) FILTER (WHERE state = 'loaded'), count(*) FILTER (WHERE state = 'duplicate'),
    coalesce(sum(rows_rejected), 0) FROM object";
const HASHED_UPNS: &str = "SELECT coalesce(sum(upns_hashed), 0) FROM object WHERE dataset = ?1 AND state = 'loaded'
    AND observed_at = (SELECT max(observed_at) FROM object WHERE dataset = ?1 AND state = 'loaded')";

/// Show what the index holds, how fresh it is and how the last runs ended
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// What an index holds.
struct Holdings {
    classes: [u64; Class::ALL.len()],
    devices: u64,
    usages: u64,
    /// How many subjects have a value of each kind now.
    identifiers: BTreeMap<Kind, u64>,
    /// UPNs of the newest users objects that were hashed.
    hashed_upns: u64,
    /// Mentions of users or devices that nobody is known by, and that several are.
    unknown: u64,
    ambiguous: u64,
    loaded: u64,
    duplicates: u64,
    rejected: u64,
    digest: String,
}

/// How old each dataset is.
struct Ages {
    coverage: Coverage,
    overall: Freshness,
    of: [Freshness; Dataset::ALL.len()],
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let generation = context.open_index()?.current();
    let holdings = generation.read(|reader| Holdings::read(reader))?;
    let ages = Ages::new(generation.coverage, context);
    let path = &context.config.index.path;
    let runs = last_runs(path);
    let failed = beside(path, "failed.json");
    let failed: Failed = serde_json::from_str(&failed).unwrap_or_default();
    match args.json {
        true => {
            let mut status = json_of(&generation, &holdings, &ages, &runs);
            status["failed"] = json!(failed.objects());
            print_json(&status)?;
        }
        false => {
            let text = text_of(&generation, &holdings, &ages, &runs);
            print(text + &failed_in_words(&failed))?;
        }
    }
    Ok(Exit::Done)
}

impl Holdings {
    fn read(connection: &Connection) -> rusqlite::Result<Holdings> {
        let mut identifiers = BTreeMap::new();
        let mut classes = [0; Class::ALL.len()];
        for (class, count) in count(connection, Subject::Account, &mut identifiers)? {
            if let Some(place) = classes.get_mut(usize::from(class)) {
                *place += count;
            }
        }
        let devices = count(connection, Subject::Device, &mut identifiers)?;
        let number = |sql: &str| connection.query_row(sql, [], |row| unsigned(row, 0));
        let waiting = |state: &str| {
            let text = meta(connection, state)?;
            Ok::<_, rusqlite::Error>(text.and_then(|text| text.parse().ok()).unwrap_or(0))
        };
        let (unknown, ambiguous) = (waiting("waiting_unknown")?, waiting("waiting_ambiguous")?);
        let (loaded, duplicates, rejected) = connection.query_row(OBJECTS, [], |row| {
            Ok((unsigned(row, 0)?, unsigned(row, 1)?, unsigned(row, 2)?))
        })?;
        Ok(Holdings {
            classes,
            devices: devices.iter().map(|(_, count)| count).sum(),
            usages: number("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'usages'")?,
            identifiers,
            hashed_upns: connection
                .query_row(HASHED_UPNS, [Dataset::Users as u8], |row| unsigned(row, 0))?,
            unknown,
            ambiguous,
            loaded,
            duplicates,
            rejected,
            digest: meta(connection, "digest")?.unwrap_or_default(),
        })
    }

    fn accounts(&self) -> u64 {
        self.classes.iter().sum()
    }

    fn with(&self, kind: Kind) -> u64 {
        self.identifiers.get(&kind).copied().unwrap_or(0)
    }

    /// Returns the share of accounts that have an identifier, between 0 and 1.
    fn share(&self, kind: Kind) -> f64 {
        let share = self.with(kind) as f64 / self.accounts().max(1) as f64;
        (share * 10_000.0).round() / 10_000.0
    }
}

/// Counts the subjects of each class, and adds up how many of them have a value of each kind.
fn count(
    connection: &Connection,
    subject: Subject,
    identifiers: &mut BTreeMap<Kind, u64>,
) -> rusqlite::Result<Vec<(u8, u64)>> {
    let kinds: Vec<(Kind, String)> = kinds_of(subject);
    let counts: Vec<&str> = kinds.iter().map(|(_, count)| count.as_str()).collect();
    let sql = format!(
        "SELECT class, count(*), {} FROM {} WHERE owner IS NULL GROUP BY class",
        counts.join(", "),
        subject.table()
    );
    let mut select = connection.prepare(&sql)?;
    let mut rows = select.query([])?;
    let mut classes = Vec::new();
    while let Some(row) = rows.next()? {
        classes.push((row.get(0)?, unsigned(row, 1)?));
        for (at, (kind, _)) in kinds.iter().enumerate() {
            *identifiers.entry(*kind).or_default() += unsigned(row, 2 + at)?;
        }
    }
    Ok(classes)
}

/// Returns the kinds of identifiers that a subject has, and what counts the subjects that have one.
fn kinds_of(subject: Subject) -> Vec<(Kind, String)> {
    let mut columns: BTreeMap<Kind, Vec<&str>> = BTreeMap::new();
    for field in subject.fields() {
        if let FieldType::Key(kind) | FieldType::Identifier(kind) = field.kind {
            columns.entry(kind).or_default().push(field.name);
        }
    }
    let counted = columns
        .into_iter()
        .map(|(kind, columns)| match columns.as_slice() {
            [column] => (kind, format!("count({column})")),
            columns => (kind, format!("count(coalesce({}))", columns.join(", "))),
        });
    counted.collect()
}

fn unsigned(row: &rusqlite::Row, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(i64::unsigned_abs)
}

impl Ages {
    fn new(coverage: Coverage, context: &Context) -> Ages {
        let answers = &context.config.answers;
        let now = Timestamp::now();
        let (fresh_for, ageing_for) = (answers.fresh_for, answers.ageing_for);
        Ages {
            coverage,
            overall: Freshness::new(coverage.times(), now, fresh_for, ageing_for),
            of: Dataset::ALL.map(|dataset| {
                let time = coverage.of(dataset).into_iter();
                Freshness::new(time, now, fresh_for, ageing_for)
            }),
        }
    }
}

/// Reads the last runs, the newest last; what cannot be read is left out, since runs are noted to inform only.
/// Reads a file beside the generations; what is not there, or not for the reader, is empty.
fn beside(index: &Path, name: &str) -> String {
    let mut folder = index.file_name().unwrap_or_default().to_owned();
    folder.push(".d");
    fs::read_to_string(index.with_file_name(folder).join(name)).unwrap_or_default()
}

fn last_runs(index: &Path) -> Vec<Value> {
    let text = beside(index, "runs.jsonl");
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(RUNS_SHOWN);
    let runs = lines[first..].iter();
    runs.filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn json_of(generation: &Generation, holdings: &Holdings, ages: &Ages, runs: &[Value]) -> Value {
    let mut accounts = Map::new();
    accounts.insert("total".to_owned(), holdings.accounts().into());
    for class in Class::ALL {
        let count = holdings.classes[class as usize];
        accounts.insert(class.as_str().to_owned(), count.into());
    }
    let identifiers = holdings.identifiers.iter();
    let identifiers: Map<String, Value> = identifiers
        .map(|(kind, count)| (kind.as_str().to_owned(), (*count).into()))
        .collect();
    let datasets = Dataset::ALL.into_iter().zip(ages.of);
    let datasets: Map<String, Value> = datasets
        .map(|(dataset, age)| (dataset.as_str().to_owned(), json!(age)))
        .collect();
    json!({
        "generation": generation.number,
        "digest": holdings.digest,
        "file": generation.path(),
        "size_bytes": size_bytes(generation),
        "accounts": accounts,
        "devices": holdings.devices,
        "usages": holdings.usages,
        "identifiers": identifiers,
        "share": {
            "sid": holdings.share(Kind::Sid),
            "upn": holdings.share(Kind::Upn),
            "email": holdings.share(Kind::Email),
        },
        "upns_hashed": holdings.hashed_upns,
        "mentions_waiting": { "unknown": holdings.unknown, "ambiguous": holdings.ambiguous },
        "objects": { "loaded": holdings.loaded, "duplicate": holdings.duplicates },
        "rows_rejected": holdings.rejected,
        "coverage": ages.coverage,
        "freshness": ages.overall,
        "datasets": datasets,
        "runs": runs,
    })
}

fn text_of(generation: &Generation, holdings: &Holdings, ages: &Ages, runs: &[Value]) -> String {
    let mut text = format!(
        "generation {}, {}, {}\n{}\n",
        generation.number,
        HumanBytes(size_bytes(generation)),
        ages.overall.state,
        generation.path().display()
    );
    let _ = writeln!(text, "digest {}\n", holdings.digest);
    push_accounts(&mut text, holdings);
    push_counts(&mut text, holdings);
    text.push('\n');
    for (dataset, age) in Dataset::ALL.into_iter().zip(ages.of) {
        push_line(&mut text, dataset.as_str(), &age_in_words(&age));
    }
    push_runs(&mut text, runs);
    text.truncate(text.trim_end().len());
    text
}

fn push_line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name:16}{value}");
}

/// Says how many accounts there are of each class, and how many have what a chatbot may know of them.
fn push_accounts(text: &mut String, holdings: &Holdings) {
    let classes = Class::ALL.into_iter().filter_map(|class| {
        let count = holdings.classes[class as usize];
        (count > 0).then(|| format!("{} {}", HumanCount(count), class.as_str()))
    });
    let classes = classes.collect::<Vec<_>>().join(", ");
    let accounts = HumanCount(holdings.accounts());
    push_line(text, "accounts", &format!("{accounts} ({classes})"));
    for (kind, name) in [
        (Kind::Sid, "SID"),
        (Kind::Upn, "UPN"),
        (Kind::Email, "email"),
    ] {
        let with = HumanCount(holdings.with(kind));
        let share = holdings.share(kind) * 100.0;
        let hashed = match (kind, holdings.hashed_upns) {
            (Kind::Upn, count) if count > 0 => {
                format!(
                    "; {} hashed in the newest users export, which find nobody",
                    HumanCount(count)
                )
            }
            _ => String::new(),
        };
        let value = format!("{with} ({share:.1} %){hashed}");
        push_line(text, &format!("  with {name}"), &value);
    }
}

/// Says how many there are of all that is no account.
fn push_counts(text: &mut String, holdings: &Holdings) {
    let mut line = |name: &str, value: String| push_line(text, name, &value);
    line("devices", HumanCount(holdings.devices).to_string());
    let serials = holdings.with(Kind::SerialNumber);
    line("  with serial", HumanCount(serials).to_string());
    line("usages", HumanCount(holdings.usages).to_string());
    let waiting = (HumanCount(holdings.unknown), HumanCount(holdings.ambiguous));
    line(
        "  waiting",
        format!(
            "{} of an unknown user or device, {} of an ambiguous one",
            waiting.0, waiting.1
        ),
    );
    let objects = (HumanCount(holdings.loaded), HumanCount(holdings.duplicates));
    line(
        "objects",
        format!("{} loaded, {} duplicates", objects.0, objects.1),
    );
    line("rows rejected", HumanCount(holdings.rejected).to_string());
}

fn age_in_words(age: &Freshness) -> String {
    match (age.as_of, age.age) {
        (Some(as_of), Some(old)) => format!(
            "{} ({}, {} old)",
            as_of.strftime("%Y-%m-%d %H:%M UTC"),
            age.state,
            HumanDuration(old)
        ),
        _ => "none yet".to_owned(),
    }
}

fn push_runs(text: &mut String, runs: &[Value]) {
    for (at, run) in runs.iter().enumerate() {
        let name = if at == 0 { "\nlast runs" } else { "" };
        let width = 16 + name.len() - name.trim_start().len();
        let report = &run["report"];
        let (objects, rows) = (&report["objects"], &report["rows"]);
        let _ = writeln!(
            text,
            "{name:width$}{} {}: {} new objects, {} failed; {} rows, {} rejected; {} s",
            run["ended_at"].as_str().unwrap_or_default(),
            report["outcome"].as_str().unwrap_or_default(),
            objects["new"],
            objects["failed"],
            rows["read"],
            rows["rejected"],
            report["seconds"]
        );
    }
}

/// Names the objects that failed by their content, and why.
fn failed_in_words(failed: &Failed) -> String {
    const SHOWN: usize = 20;
    let objects = failed.objects();
    let mut text = String::new();
    if let Some(more) = objects.len().checked_sub(1) {
        let _ = write!(
            text,
            "\n\nfailed by their content, and left out until they change (`sync --retry`): {}",
            more + 1
        );
    }
    for one in objects.iter().take(SHOWN) {
        let _ = write!(text, "\n  {}: {}", printable(&one.object), one.reason);
    }
    if objects.len() > SHOWN {
        let _ = write!(text, "\n  and {} more", objects.len() - SHOWN);
    }
    text
}

fn size_bytes(generation: &Generation) -> u64 {
    fs::metadata(generation.path()).map_or(0, |metadata| metadata.len())
}
