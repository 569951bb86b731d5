//! `identidex status`: what the index holds, how complete and how fresh it is, and how the last runs ended.

mod check;
mod holdings;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, HumanDuration};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub(super) use self::holdings::Holdings;
use super::words::{minute, printable, state_in_words};
use super::{Context, Exit, print, print_json};
use crate::generation::folder_of;
use crate::identifier::Kind;
use crate::lookup::generation::Generation;
use crate::lookup::{Coverage, Freshness};
use crate::publish::Failed;
use crate::schema::{Class, Dataset};

/// Runs that are shown.
const RUNS_SHOWN: usize = 5;

/// Show what the index holds, how fresh it is and how the last runs ended
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  identidex status\n  identidex status --check --max-age 36h")]
pub(super) struct Args {
    /// Say in one line whether all is well, for a monitor: exit code 0 fine, 1 stale, 2 failing, 3 unknown
    #[arg(long)]
    check: bool,
    /// With --check: the last run that succeeded is stale when it is older, such as 36h or 2d [default: answers.fresh_for]
    #[arg(long, value_name = "DURATION", requires = "check", value_parser = crate::config::duration)]
    max_age: Option<Duration>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// How old each dataset is.
pub(super) struct Ages {
    coverage: Coverage,
    pub(super) overall: Freshness,
    pub(super) of: [Freshness; Dataset::ALL.len()],
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    if args.check {
        let max_age = args.max_age.unwrap_or(context.config.answers.fresh_for);
        return check::run(max_age, args.json, context);
    }
    let generation = context.open_index()?.current();
    let holdings = generation.query(Holdings::read)?;
    let ages = Ages::new(generation.coverage, context);
    let path = &context.config.index.path;
    let runs = last_runs(path, RUNS_SHOWN);
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

impl Ages {
    pub(super) fn new(coverage: Coverage, context: &Context) -> Ages {
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

/// Reads a file beside the generations; what is not there, or not for the reader, is empty.
fn beside(index: &Path, name: &str) -> String {
    fs::read_to_string(folder_of(index).join(name)).unwrap_or_default()
}

/// Reads the last runs, the newest last; what cannot be read is left out, since runs are noted to inform only.
pub(super) fn last_runs(index: &Path, at_most: usize) -> Vec<Value> {
    let text = beside(index, "runs.jsonl");
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(at_most);
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
        (Some(as_of), _) if age.ahead.is_some() => {
            format!("{} ({})", minute(as_of), state_in_words(age))
        }
        (Some(as_of), Some(old)) => {
            format!(
                "{} ({}, {} old)",
                minute(as_of),
                age.state,
                HumanDuration(old)
            )
        }
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
        let first = &report["failures"][0];
        if let (Some(object), Some(error)) = (first["object"].as_str(), first["error"].as_str()) {
            let _ = writeln!(
                text,
                "{:16}{}",
                "",
                printable(&format!("{object}: {error}"))
            );
        }
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
