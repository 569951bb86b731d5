//! Expiry: a generation that was made, without what is too old to be kept.

use std::path::Path;
use std::sync::Arc;

use super::error::Result;
use super::forget::made_of;
use super::options::Options;
use crate::index::{Erased, Made, Rules, Sieve, sift};
use crate::publish::Folder;

/// Makes what was made anew without what is too old to be kept, where anything is.
pub(super) fn without_expired(
    made: Made,
    options: &Options,
    rules: &Rules,
    (folder, spool): (&Folder, &Path),
    erased: &Arc<Erased>,
) -> Result<Made> {
    let Some(retention) = options.retention else {
        return Ok(made);
    };
    let sieve = Sieve {
        keep_for: Some(retention.as_micros() as i64),
        before: made.claims_before,
        erased,
    };
    let sifted = folder.sifted();
    let Some(let_go) = sift(&made.path, &sifted, &sieve)? else {
        return Ok(made);
    };
    let Made {
        loaded,
        oddities,
        published,
        mut changes,
        ..
    } = made;
    let number = published.generation;
    let anew = made_of(&sifted, (folder, spool), rules, number, erased)?;
    let _ = std::fs::remove_file(&sifted);
    let left = anew.published;
    // Those that came in this very run were nobody's yet.
    let expired = |before: u64, left: u64, of_known: u64| before.saturating_sub(left).min(of_known);
    let known = let_go.before;
    changes.account.expired = expired(published.accounts, left.accounts, known.account);
    changes.device.expired = expired(published.devices, left.devices, known.device);
    Ok(Made {
        loaded,
        oddities,
        changes,
        ..anew
    })
}
