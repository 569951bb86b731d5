//! The circuit breaker: what a run would change that is more than it may change unasked.

use crate::index::{Changes, ChangesOf};

/// Fewer accounts, or devices, may be anything.
const FLOOR: u64 = 100;

/// Says what would go, or be otherwise, of more than a share of those that were there, in percent.
pub(super) fn too_much(changes: &ChangesOf, at_most: u64) -> Option<String> {
    if at_most >= 100 {
        return None;
    }
    let all = told(
        changes,
        ["would be gone", "would have other identifiers"],
        |count, of| count >= FLOOR && count * 100 > of.before * at_most,
    );
    (!all.is_empty()).then(|| {
        format!(
            "nothing is published: {}. Look at the newest files: columns that were swapped or a list that was cut do that; if it \
             is right, `sync --accept` lets it through once, and breaker.percent says how much a run may change",
            all.join("; ")
        )
    })
}

/// Says what went, or is otherwise, of most of those that were there, where these are too few to stop a run.
pub(super) fn much_of_few(changes: &ChangesOf) -> Option<String> {
    /// Of fewer nobody can tell.
    const FEW: u64 = 10;
    let all = told(
        changes,
        ["are gone", "have other identifiers"],
        |count, of| (FEW..FLOOR).contains(&count) && count * 2 > of.before,
    );
    (!all.is_empty()).then(|| {
        format!(
            "{}, too few for breaker.percent: look at the newest files; columns that were swapped or a list that was cut do that, and \
             `identidex rollback` takes it back",
            all.join("; ")
        )
    })
}

/// Says what of those that were there is gone, or otherwise, as far as it is worth a word.
fn told(
    changes: &ChangesOf,
    [gone, otherwise]: [&str; 2],
    is_worth: impl Fn(u64, &Changes) -> bool,
) -> Vec<String> {
    let mut all = Vec::new();
    for (of, name) in [(&changes.account, "accounts"), (&changes.device, "devices")] {
        for (count, what) in [(of.gone + of.expired, gone), (of.changed, otherwise)] {
            if is_worth(count, of) {
                all.push(format!("{count} of {} {name} {what}", of.before));
            }
        }
    }
    all
}
