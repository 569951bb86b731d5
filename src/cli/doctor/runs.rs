//! Runs: how the last ones went, and what they left out.

use super::Finding;
use crate::cli::{Context, readers};
use jiff::Timestamp;

use crate::cli::sync::configured_options;
use crate::distribute::{self, pulled_at};
use crate::ingest::{Outcome, PublishedState, State, stale_projections};
use crate::publish::Folder;

/// Finds nothing where the index is a file by itself, which no run writes: that is told by who looks at it.
pub(super) fn look(context: &Context) -> anyhow::Result<Vec<Finding>> {
    let readers = readers::readers(&context.config)?;
    let Ok(folder) = Folder::open(&context.config.index.path, readers) else {
        return Ok(Vec::new());
    };
    let state = State::load(&folder);
    let mut findings: Vec<Finding> = of_erasures(&folder).into_iter().collect();
    findings.extend(of_undone(&folder));
    findings.extend(of_published(&folder));
    findings.extend(of_projections(context));
    if let Some(pulled) = pulled_at(&folder).transpose() {
        findings.push(of_pull(pulled));
        return Ok(findings);
    }
    let Some(attempt) = &state.last_attempt else {
        let fix = "run `identidex sync`";
        findings.push(Finding::warning("runs", "none is noted", fix));
        return Ok(findings);
    };
    findings.push(match (state.outcome, &state.error) {
        (Some(Outcome::Failed | Outcome::Refused), error) => Finding::problem(
            "runs",
            format!(
                "{} in a row failed, the last, of {attempt}, for: {}",
                state.failures_in_a_row,
                error.as_deref().unwrap_or_default()
            ),
            "run `identidex sync -v` by hand",
        ),
        (Some(Outcome::Partial), Some(error)) => Finding::problem(
            "runs",
            format!("the last, of {attempt}, left something out, first {error}"),
            "`identidex status` and `identidex rejects` say more",
        ),
        _ => Finding::fine(
            "runs",
            format!(
                "the last began at {attempt} and took {:.1} s",
                state.seconds
            ),
        ),
    });
    if let Some(since) = &state.running_since {
        let fix =
            "wait for it; where it was killed, the next run notes that, and takes up what it left";
        findings.push(Finding::warning(
            "runs",
            format!("one goes on since {since}, or was killed"),
            fix,
        ));
    }
    if state.failed_objects > 0 {
        let found = format!(
            "{} objects are left out for what they hold",
            state.failed_objects
        );
        findings.push(Finding::warning(
            "runs",
            found,
            "`identidex rejects` names them and says why",
        ));
    }
    Ok(findings)
}

/// Looks at the list of who was erased, and whether the index is without them.
fn of_erasures(folder: &Folder) -> Option<Finding> {
    let current = folder.current().ok()??;
    match folder.erasures_of(&current) {
        Ok((list, true)) if list.count() > 0 => Some(Finding::fine(
            "erasures",
            format!(
                "the index is without {} people who were erased",
                list.count()
            ),
        )),
        Ok((_, true)) => None,
        Ok((_, false)) => Some(Finding::problem(
            "erasures",
            "somebody is to be erased, and is in the index still",
            "run `identidex sync`, and `identidex publish` where it is published",
        )),
        Err(error) => Some(Finding::problem(
            "erasures",
            format!("{error}"),
            "restore erased.json from a backup before the next run",
        )),
    }
}

fn of_undone(folder: &Folder) -> Option<Finding> {
    let undone = folder.undone().ok()?.objects().len();
    let fix = "`identidex generations` lists them, `identidex sync --retry` takes them in";
    let found = format!("{undone} objects are left out since a rollback");
    (undone > 0).then(|| Finding::warning("runs", found, fix))
}

fn of_published(folder: &Folder) -> Option<Finding> {
    let published = PublishedState::load(folder)?;
    Some(match (&published.error, &published.last_success) {
        (Some(error), _) => Finding::problem(
            "publishing",
            error.clone(),
            "run `identidex publish` by hand",
        ),
        (None, at) => Finding::fine(
            "publishing",
            format!("the last was at {}", at.as_deref().unwrap_or("no time")),
        ),
    })
}

/// Finds nothing where there are none, or no index, which is told by who looks at that.
fn of_projections(context: &Context) -> Option<Finding> {
    if context.config.projections.is_empty() {
        return None;
    }
    let options = configured_options(&context.config).ok()?;
    let stale = stale_projections(&options).ok()?;
    Some(match stale.as_slice() {
        [] => Finding::fine("projections", "they are of what is published"),
        names => Finding::problem(
            "projections",
            format!(
                "{} not of what is published: whoever was erased or changed since is in there as before",
                listed(names)
            ),
            "run `identidex sync`, which makes them and says what hinders it",
        ),
    })
}

fn listed(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

fn of_pull(pulled: distribute::Result<Timestamp>) -> Finding {
    match pulled {
        Ok(at) => Finding::fine(
            "pulling",
            format!("it was last known to be up to date at {at}"),
        ),
        Err(error) => Finding::problem(
            "pulling",
            format!("{error}"),
            "run `identidex pull` by hand",
        ),
    }
}
