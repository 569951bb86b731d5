//! Checking: whether all is well with the runs and the index, in one line and an exit code, as monitors have it.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Ages;
use crate::cli::sync::configured_options;
use crate::cli::words::printable;
use crate::cli::{Context, Exit, print, print_json, readers};
use crate::distribute::{self, pulled_at};
use crate::index;
use crate::ingest::{Outcome, PublishedState, State, stale_projections};
use crate::lookup::FreshnessState;
use crate::publish::Folder;

/// How it is, as Nagios and its like have it: the worst of all that is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Fine,
    Stale,
    Failing,
    Unknown,
}

/// Something that was found.
struct Finding {
    level: Level,
    text: String,
}

impl Level {
    fn exit(self) -> Exit {
        match self {
            Level::Fine => Exit::Done,
            // Monitors know 1, 2 and 3; other commands end so for other reasons.
            Level::Stale => Exit::Failed,
            Level::Failing => Exit::Usage,
            Level::Unknown => Exit::Partly,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Level::Fine => "fine",
            Level::Stale => "stale",
            Level::Failing => "failing",
            Level::Unknown => "unknown",
        })
    }
}

pub(super) fn run(max_age: Duration, is_json: bool, context: &Context) -> anyhow::Result<Exit> {
    let now = Timestamp::now();
    let readers = readers::readers(&context.config)?;
    let folder = Folder::open(&context.config.index.path, readers).ok();
    let state = folder.as_ref().map(State::load).unwrap_or_default();
    let pulled = folder
        .as_ref()
        .and_then(|folder| pulled_at(folder).transpose());
    let mut findings = match pulled {
        None => of_runs(&state, now, max_age),
        Some(pulled) => of_pull(pulled, now, max_age),
    };
    findings.extend(folder.iter().flat_map(of_erasures));
    findings.extend(
        folder
            .iter()
            .filter_map(|folder| of_projections(folder, context)),
    );
    findings.extend(folder.iter().filter_map(of_undone));
    findings.extend(folder.iter().filter_map(of_published));
    findings.extend(of_accounts(&state));
    findings.extend(of_index(context));
    let level = findings
        .iter()
        .map(|one| one.level)
        .max()
        .unwrap_or(Level::Fine);
    let texts: Vec<&str> = findings
        .iter()
        .filter(|one| one.level > Level::Fine)
        .map(|one| one.text.as_str())
        .collect();
    let success = state.last_success.as_deref().unwrap_or("never");
    match is_json {
        true => {
            print_json(&json!({"check": level.to_string(), "findings": texts, "state": state}))?
        }
        false => {
            let why = if texts.is_empty() {
                String::new()
            } else {
                format!(": {}", texts.join("; "))
            };
            print(printable(&format!(
                "{level}{why} (last success {success}, generation {}, {} accounts, {} devices)",
                state.generation, state.accounts, state.devices
            )))?;
        }
    }
    Ok(level.exit())
}

/// Looks whether there is anybody: without, nobody is found, however new it is.
fn of_accounts(state: &State) -> Option<Finding> {
    let is_without = state.generation > 0 && state.accounts == 0;
    is_without.then(|| Finding {
        level: Level::Failing,
        text: "the index has no account: no export of users was taken in".to_owned(),
    })
}

/// Looks at when an index that other machines make was last known to be what they published.
fn of_pull(
    pulled: distribute::Result<Timestamp>,
    now: Timestamp,
    max_age: Duration,
) -> Vec<Finding> {
    let text = match pulled {
        Ok(at) if !is_old(at, now, max_age) => return Vec::new(),
        Ok(at) => format!("the last pull that got an answer was at {at}"),
        Err(error) => error.to_string(),
    };
    vec![Finding {
        level: Level::Stale,
        text,
    }]
}

/// Tells whether a time is longer ago than it may be; one ahead of the clock says nothing of how long.
fn is_old(time: Timestamp, now: Timestamp, max_age: Duration) -> bool {
    /// Clocks of machines differ by less.
    const AHEAD: SignedDuration = SignedDuration::from_mins(10);
    let age = now.duration_since(time);
    age < -AHEAD || Duration::try_from(age).unwrap_or_default() > max_age
}

/// Looks whether somebody is still to be erased. The list is its owner's alone: others are told nothing.
fn of_erasures(folder: &Folder) -> Option<Finding> {
    let current = folder.current().ok()??;
    let text = match folder.erasures_of(&current) {
        Ok((_, true)) => return None,
        Ok((_, false)) => "somebody is to be erased, and is in the index still".to_owned(),
        Err(error @ index::Error::ErasuresLost { .. }) => error.to_string(),
        Err(_) => return None,
    };
    Some(Finding {
        level: Level::Failing,
        text,
    })
}

/// Looks whether projections are of what is published: where somebody was erased, he may be in there still.
fn of_projections(folder: &Folder, context: &Context) -> Option<Finding> {
    if context.config.projections.is_empty() {
        return None;
    }
    let options = configured_options(&context.config).ok()?;
    let stale = stale_projections(&options).ok()?.join(", ");
    let is_anybody_erased = folder.erasures().is_ok_and(|erasures| erasures.has_key());
    (!stale.is_empty()).then(|| Finding {
        level: match is_anybody_erased {
            true => Level::Failing,
            false => Level::Stale,
        },
        text: format!("projections that are not of what is published: {stale}"),
    })
}

/// Looks whether objects stay out that a rollback undid.
fn of_undone(folder: &Folder) -> Option<Finding> {
    let undone = folder.undone().ok()?.objects().len();
    (undone > 0).then(|| Finding {
        level: Level::Stale,
        text: format!("{undone} objects are left out since a rollback"),
    })
}

/// Looks whether other machines get what is made here.
fn of_published(folder: &Folder) -> Option<Finding> {
    let error = PublishedState::load(folder)?.error?;
    Some(Finding {
        level: Level::Stale,
        text: format!("the generation could not be published: {error}"),
    })
}

/// Looks at what the last runs left.
fn of_runs(state: &State, now: Timestamp, max_age: Duration) -> Vec<Finding> {
    let finding = |level, text: String| Some(Finding { level, text });
    let is_old = |time: &Option<String>| {
        let time = time.as_deref().and_then(|time| time.parse().ok());
        time.is_none_or(|time| is_old(time, now, max_age))
    };
    if state.last_attempt.is_none() {
        let text = "no run is noted; is this where the index is?".to_owned();
        return finding(Level::Unknown, text).into_iter().collect();
    }
    let failed = match (state.outcome, state.failures_in_a_row) {
        (Some(Outcome::Failed | Outcome::Refused), count) => finding(
            Level::Failing,
            format!(
                "{count} runs in a row failed, the last for: {}",
                state.error.as_deref().unwrap_or_default()
            ),
        ),
        _ if state.failed_objects > 0 => finding(
            Level::Stale,
            format!(
                "{} objects are left out for what they hold; `identidex status` names them",
                state.failed_objects
            ),
        ),
        (Some(Outcome::Partial), _) => finding(
            Level::Stale,
            format!(
                "the last run left something out, first {}",
                state.error.as_deref().unwrap_or("what its report says")
            ),
        ),
        _ => None,
    };
    let hangs = state
        .running_since
        .as_ref()
        .filter(|_| is_old(&state.running_since));
    let hangs = hangs.and_then(|since| {
        finding(
            Level::Failing,
            format!("a run goes on since {since}, or was killed"),
        )
    });
    let is_running = state.running_since.is_some();
    let old = match &state.last_success {
        None if is_running && hangs.is_none() => None,
        None => finding(Level::Failing, "no run succeeded yet".to_owned()),
        Some(at) if is_old(&state.last_success) => finding(
            Level::Stale,
            format!("the last run that succeeded ended at {at}"),
        ),
        Some(_) => None,
    };
    [failed, hangs, old].into_iter().flatten().collect()
}

/// Looks at what readers read.
fn of_index(context: &Context) -> Vec<Finding> {
    let index = match context.open_index() {
        Ok(index) => index,
        Err(error) => {
            let text = format!("{error:#}");
            return vec![Finding {
                level: Level::Failing,
                text,
            }];
        }
    };
    let ages = Ages::new(index.coverage(), context);
    let level = match ages.overall.state {
        FreshnessState::Stale | FreshnessState::Unknown => Level::Stale,
        _ => return Vec::new(),
    };
    let of = ages
        .overall
        .as_of
        .map_or("nothing".to_owned(), |at| at.to_string());
    let text = match ages.overall.ahead {
        Some(ahead) => format!("something the index knows is of {ahead}, ahead of the clock"),
        None => format!("what the index knows is of {of}: {}", ages.overall.state),
    };
    vec![Finding { level, text }]
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn levels(state: &State) -> Vec<Level> {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        of_runs(state, now, DAY)
            .iter()
            .map(|finding| finding.level)
            .collect()
    }

    #[test]
    fn the_worst_of_what_the_runs_left_is_told() {
        let at = |text: &str| Some(text.to_owned());
        let fine = State {
            last_attempt: at("2026-11-20T06:00:00Z"),
            last_success: at("2026-11-20T06:01:00Z"),
            outcome: Some(Outcome::Done),
            ..State::default()
        };
        assert_eq!(levels(&fine), []);
        assert_eq!(levels(&State::default()), [Level::Unknown]);
        let old = State {
            last_success: at("2026-11-19T06:01:00Z"),
            ..fine.clone()
        };
        assert_eq!(levels(&old), [Level::Stale]);
        let failing = State {
            outcome: Some(Outcome::Failed),
            failures_in_a_row: 3,
            ..old.clone()
        };
        assert_eq!(levels(&failing), [Level::Failing, Level::Stale]);
        let first = State {
            last_success: None,
            outcome: None,
            running_since: at("2026-11-20T11:00:00Z"),
            ..fine.clone()
        };
        assert_eq!(levels(&first), []);
        let killed = State {
            running_since: at("2026-11-18T11:00:00Z"),
            ..fine
        };
        assert_eq!(levels(&killed), [Level::Failing]);
    }
}
