//! The circuit breaker: what a run would change that is more than it may change unasked.

use crate::index::{Changes, ChangesOf};

/// Fewer accounts, or devices, may be anything.
const FLOOR: u64 = 100;

/// Says what would go, or be otherwise, of more than a share of those that were there, in percent.
pub(super) fn too_much(changes: &ChangesOf, at_most: u64) -> Option<String> {
    if at_most >= 100 {
        return None;
    }
    let is_too_much =
        |count: u64, of: &Changes| count >= FLOOR && count * 100 > of.before * at_most;
    let mut all = Vec::new();
    for (of, name) in [(&changes.account, "accounts"), (&changes.device, "devices")] {
        for (count, what) in [
            (of.gone + of.expired, "would be gone"),
            (of.changed, "would have other identifiers"),
        ] {
            if is_too_much(count, of) {
                all.push(format!("{count} of {} {name} {what}", of.before));
            }
        }
    }
    (!all.is_empty()).then(|| {
        format!(
            "nothing is published: {}. Look at the newest files: columns that were swapped or a list that was cut do that; if it \
             is right, `sync --accept` lets it through once, and breaker.percent says how much a run may change",
            all.join("; ")
        )
    })
}
