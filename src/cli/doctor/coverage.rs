//! Coverage: how many accounts can be found by what, and whether that has fallen since the generation before.

use jiff::Timestamp;

use super::Finding;
use crate::cli::status::Holdings;
use crate::cli::words::minute;
use crate::cli::{Context, readers};
use crate::identifier::Kind;
use crate::lookup::Index;
use crate::publish::{Folder, GenerationState, Listed, generations};

/// Below this share of the accounts that have an identifier, something is wrong with the export of it.
const FEW: f64 = 0.5;
/// By how much a share may fall from one generation to the next before it is told.
const FALL: f64 = 0.05;

/// What is looked at, and the column that says it.
const KINDS: [(Kind, &str); 3] = [
    (Kind::Sid, "user.sid"),
    (Kind::Upn, "user.upn"),
    (Kind::Email, "user.ad.email_address"),
];

/// What a generation holds, and which it is, for people.
type Counted = (String, Holdings);

/// Finds nothing where there is no index: that is told by who looks at it.
pub(super) fn look(context: &Context) -> Vec<Finding> {
    let Ok(index) = context.open_index() else {
        return Vec::new();
    };
    let Some(now) = counted(&index) else {
        return Vec::new();
    };
    let before = before(context, index.generation());
    let of_kinds = KINDS.map(|(kind, column)| of_kind(kind, column, &now, before.as_ref()));
    of_kinds
        .into_iter()
        .chain(of_hashed(&now, before.as_ref()))
        .collect()
}

fn counted(index: &Index) -> Option<Holdings> {
    index.current().query(Holdings::read).ok()
}

/// Reads the newest generation before the current one, where it is kept.
fn before(context: &Context, current: u64) -> Option<Counted> {
    let readers = readers::readers(&context.config).ok()?;
    let folder = Folder::open(&context.config.index.path, readers).ok()?;
    let is_before =
        |one: &Listed| one.state == GenerationState::Older && one.generation.number < current;
    let listed = generations(&folder).ok()?;
    let older = listed.into_iter().find(is_before)?;
    let made_at = Timestamp::try_from(older.made_at).map_or_else(|_| String::new(), minute);
    let name = format!("generation {} of {made_at}", older.generation.number);
    let index = Index::open(&older.generation.path).ok()?;
    Some((name, counted(&index)?))
}

fn of_kind(kind: Kind, column: &str, now: &Holdings, before: Option<&Counted>) -> Finding {
    let about = format!("identifier {}", kind.as_str());
    let share = now.share(kind);
    let found = format!("{:.0} % of the accounts have one", share * 100.0);
    let fix = || {
        format!(
            "check that the query of users lists {column}, and the tenant's settings of privacy"
        )
    };
    let fallen = before.filter(|(_, before)| before.share(kind) > share + FALL);
    match fallen {
        Some((name, before)) => {
            let was = before.share(kind) * 100.0;
            let found = format!("{found}; in {name} it was {was:.0} %");
            Finding::problem(about, found, fix())
        }
        None if share < FEW => Finding::warning(about, found, fix()),
        None => Finding::fine(about, found),
    }
}

/// A UPN that is hashed finds nobody by what people type.
fn of_hashed(now: &Holdings, before: Option<&Counted>) -> Option<Finding> {
    let share = |holdings: &Holdings| {
        holdings.hashed_upns as f64 / holdings.accounts().max(1) as f64 * 100.0
    };
    let found = format!(
        "it is hashed for {:.0} % of the accounts, which nobody is found by",
        share(now)
    );
    let fix = "set the Collector's privacy of UPNs to cleartext (Nexthink: Collector level anonymization)";
    let rose = before.filter(|(_, before)| share(now) > share(before) + FALL * 100.0);
    match rose {
        Some((name, before)) => {
            let found = format!("{found}; in {name} for {:.0} %", share(before));
            Some(Finding::problem("identifier upn", found, fix))
        }
        None if now.hashed_upns > 0 => Some(Finding::warning("identifier upn", found, fix)),
        None => None,
    }
}
