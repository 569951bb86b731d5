//! Who stands for whom: a local account for the one account, neither local nor a machine's, that holds the same UPN. So the
//! owner of a computer that is in no domain has one.

use super::Result;
use super::claim::ClaimId;
use super::days::DAY;
use super::held::HeldValues;
use super::ledger::Ledger;
use super::roster::Roster;
use super::subject::{Standing, SubjectId};
use crate::bucket::{Hash, reference};
use crate::identifier::{Kind, normal_form};
use crate::observation::{SAYS_NOTHING, value_hash};
use crate::schema::{Class, FieldType, SIDE_BY_SIDE_MICROS, Subject};
use crate::sqlite::Columns;

/// An account that holds a UPN which others hold too, or a device with such a serial number, by the hash of that.
pub(super) type Holder = (u64, SubjectId);

/// Returns the UPN that an account's row holds, or the serial numbers of a device's, by their hashes.
pub(super) fn holders(subject: Subject, row: u32, mut text: Columns) -> Result<Vec<Holder>> {
    let wanted = match subject {
        Subject::Account => Kind::Upn,
        Subject::Device => Kind::SerialNumber,
    };
    let mut holders = Vec::new();
    for field in subject.fields() {
        if field.kind != FieldType::Identifier(wanted) {
            text.skip(1)?;
            continue;
        }
        let value = text.take()?.text().unwrap_or_default();
        let normal = normal_form(wanted, value).ok();
        holders.extend(normal.map(|normal| (Hash::of(&normal).high, SubjectId(row))));
    }
    Ok(holders)
}

/// What is known of accounts.
pub(super) struct Accounts<'a> {
    pub(super) roster: &'a Roster,
    pub(super) standing: &'a Standing,
    pub(super) ledger: &'a Ledger,
    pub(super) held: &'a HeldValues,
    /// By row.
    pub(super) classes: &'a [Class],
}

/// Two accounts that hold the same UPN, of which the second is neither local nor a machine's: of one human, it seems, who has a local
/// one, or one in another domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Namesakes {
    pub(super) other: SubjectId,
    pub(super) account: SubjectId,
    /// The first is local, and stands for the second.
    pub(super) stands: bool,
}

/// A UPN that more hold says nothing of them.
const HOLDERS_AT_MOST: usize = 8;

/// Returns accounts with those that hold the same UPN, in order.
pub(super) fn namesakes(mut holders: Vec<Holder>, accounts: &Accounts) -> Vec<Namesakes> {
    holders.sort_unstable();
    holders.dedup();
    let mut namesakes = Vec::new();
    for same in holders.chunk_by(|left, right| left.0 == right.0) {
        let of_class = |is_it: fn(Class) -> bool| {
            let all = same.iter().map(|(_, row)| *row);
            all.filter(move |row| is_it(accounts.class(*row)))
        };
        let hash = same[0].0;
        let others: Vec<SubjectId> = of_class(|class| !class.is_skipped()).collect();
        let keeping = accounts.not_passed_on(hash, &others);
        for local in of_class(|class| class == Class::Local) {
            namesakes.extend(others.iter().map(|account| Namesakes {
                other: local,
                account: *account,
                stands: keeping == [*account]
                    && accounts.had_it_no_later([*account, local], hash)
                    && accounts.had_the_same_before([*account, local], hash),
            }));
        }
        if others.len() <= HOLDERS_AT_MOST {
            let pairs = others
                .iter()
                .flat_map(|other| others.iter().map(move |account| (*other, *account)));
            let pairs = pairs.filter(|(other, account)| other != account);
            namesakes.extend(pairs.map(|(other, account)| Namesakes {
                other,
                account,
                stands: false,
            }));
        }
    }
    namesakes.sort_unstable();
    namesakes
}

impl Accounts<'_> {
    fn class(&self, row: SubjectId) -> Class {
        let class = self.classes.get(row.0 as usize);
        class.copied().unwrap_or_default()
    }

    /// Tells whether the first of two accounts had a UPN no later than the other. A local one that had it before may be of whoever
    /// had it then.
    fn had_it_no_later(&self, [account, local]: [SubjectId; 2], hash: u64) -> bool {
        let first_of_local = self.first_with(local, hash);
        first_of_local.map(|time| time.saturating_add(DAY)) >= self.first_with(account, hash)
    }

    /// Tells whether the first of two accounts had all UPNs that the other ever had: a local one that had another's was theirs.
    fn had_the_same_before(&self, [account, local]: [SubjectId; 2], hash: u64) -> bool {
        let claims = self.claims(local).into_iter();
        let before = claims.flat_map(|claim| {
            let held = self.held.of(reference(Kind::Upn, claim.row()));
            // Of a claim that never had another one, its rows say it.
            let own = self.roster.values(claim).first().copied();
            held.chain(own.filter(|own| *own > SAYS_NOTHING))
        });
        let mut before = before.filter(|other| value_hash(*other) != value_hash(hash));
        before.all(|other| self.first_with(account, other).is_some())
    }

    /// Returns those who hold a UPN and have not passed it on to another of them.
    fn not_passed_on(&self, hash: u64, holders: &[SubjectId]) -> Vec<SubjectId> {
        let last = |row: SubjectId| {
            let claims = self.claims(row).into_iter();
            let newest = claims.map(|claim| self.roster.claim(claim).newest.object);
            newest.map(|object| self.ledger.observed_at(object)).max()
        };
        let is_passed_on = |row: SubjectId| {
            let mut others = holders.iter().filter(|other| **other != row);
            let last = last(row).map(|last| last.saturating_add(SIDE_BY_SIDE_MICROS));
            others.any(|other| self.first_with(*other, hash) > last)
        };
        let holders = holders.iter().copied();
        match holders.len() {
            1 => holders.collect(),
            _ => holders.filter(|row| !is_passed_on(*row)).collect(),
        }
    }

    fn claims(&self, row: SubjectId) -> Vec<ClaimId> {
        let own = ClaimId::of_row(row.0).filter(|claim| claim.at() < self.roster.claims.len());
        match own {
            Some(claim) => vec![claim],
            None => {
                let all = self.roster.claims.len();
                self.standing.claims_of(row, all).to_vec()
            }
        }
    }

    /// Returns when an account was first seen with a UPN.
    fn first_with(&self, row: SubjectId, hash: u64) -> Option<i64> {
        let firsts = self.claims(row).into_iter().filter_map(|claim| {
            let held = self.held.first(reference(Kind::Upn, claim.row()), hash);
            held.or_else(|| {
                // Of a claim that never had another one, its rows say it.
                let is_its = self.roster.values(claim).first() == Some(&value_hash(hash));
                let firsts = self.roster.parts(claim).map(|part| part.first);
                let first = firsts.map(|object| self.ledger.observed_at(object)).min();
                first.filter(|_| is_its)
            })
        });
        firsts.min()
    }
}
