//! Gone: accounts and devices that the newest list of all that there is does not have.
//!
//! They are kept, do not answer, and are back once a newer row tells of them.

use super::Rules;
use super::bits::Bits;
use super::claim::said;
use super::complete_lists::{CompleteList, Missing};
use super::ledger::Ledger;
use super::roster::Roster;
use super::subject::Standing;
use crate::schema::BySubject;

/// Returns the rows of those that are gone, and of their claims.
pub(super) fn gone(
    rules: &Rules,
    missing: &[Missing],
    ledger: &Ledger,
    rosters: &BySubject<Roster>,
    standings: &BySubject<Standing>,
) -> BySubject<Bits> {
    BySubject::of(
        |subject| match rules.complete.contains(&subject.dataset()) {
            true => {
                let list = ledger.complete.newest(subject.dataset(), missing);
                of_subject(list, ledger, &rosters[subject], &standings[subject])
            }
            false => Bits::default(),
        },
    )
}

/// Returns how many that no generation had before are gone, and how many there are in all.
pub(super) fn born_gone(gone: &Bits, roster: &Roster) -> (u64, u64) {
    let new = roster.claims.len() - roster.kept;
    let rows = (1..).take(roster.claims.len()).skip(roster.kept);
    let born_gone = rows.filter(|row| gone.has(*row)).count();
    (born_gone as u64, new as u64)
}

fn of_subject(
    list: Option<CompleteList>,
    ledger: &Ledger,
    roster: &Roster,
    standing: &Standing,
) -> Bits {
    let mut gone = Bits::default();
    let Some(list) = list else {
        return gone;
    };
    for (row, claim) in (1..).zip(&roster.claims) {
        if ledger.is_left_out(claim.newest.object, list) {
            gone.set(row);
        }
    }
    // Of one that several claims tell of, the newest row of all counts.
    for (row, claims) in standing.merged_rows(roster.claims.len()) {
        let newest = claims.iter().map(|claim| roster.claim(*claim).newest);
        let newest = newest.max_by(|left, right| ledger.compare(said(left), said(right)));
        let is_gone = newest.is_some_and(|newest| ledger.is_left_out(newest.object, list));
        for row in std::iter::once(row.0).chain(claims.iter().map(|claim| claim.row())) {
            match is_gone {
                true => gone.set(row),
                false => gone.clear(row),
            }
        }
    }
    gone
}
