//! Runs: how the last ones went, and what they left out.

use super::Finding;
use crate::cli::{Context, readers};
use crate::ingest::{Outcome, State};
use crate::publish::Folder;

/// Finds nothing where the index is a file by itself, which no run writes: that is told by who looks at it.
pub(super) fn look(context: &Context) -> anyhow::Result<Vec<Finding>> {
    let readers = readers::readers(&context.config)?;
    let Ok(folder) = Folder::open(&context.config.index.path, readers) else {
        return Ok(Vec::new());
    };
    let state = State::load(&folder);
    let Some(attempt) = &state.last_attempt else {
        let fix = "run `identidex sync`";
        return Ok(vec![Finding::warning("runs", "none is noted", fix)]);
    };
    let mut findings = vec![match (state.outcome, &state.error) {
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
    }];
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
