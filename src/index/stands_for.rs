//! Who stands for whom: a local account for the one account, neither local nor a machine's, that holds the same UPN. So the
//! owner of a computer that is in no domain has one.

use std::collections::BTreeMap;

use super::Result;
use super::claim::ClaimId;
use super::held::HeldValues;
use super::ledger::Ledger;
use super::roster::Roster;
use super::subject::{Standing, SubjectId};
use crate::bucket::{Hash, reference};
use crate::identifier::{Kind, normal_form};
use crate::observation::value_hash;
use crate::schema::{Class, SIDE_BY_SIDE_MICROS, account_field};
use crate::sqlite::Columns;

/// An account that holds a UPN which others hold too, by the hash of that.
pub(super) type Holder = (u64, SubjectId);

/// Returns the UPN that an account's row holds, if any, by its hash.
pub(super) fn holder(row: u32, mut text: Columns) -> Result<Option<Holder>> {
    text.skip(account_field::UPN)?;
    let upn = text.take()?.text().unwrap_or_default();
    let normal = normal_form(Kind::Upn, upn).ok();
    Ok(normal.map(|normal| (Hash::of(&normal).high, SubjectId(row))))
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

/// Returns local accounts, each with the one that it stands for.
pub(super) fn stands_for(
    mut holders: Vec<Holder>,
    accounts: &Accounts,
) -> BTreeMap<SubjectId, SubjectId> {
    holders.sort_unstable();
    holders.dedup();
    let mut stands_for = BTreeMap::new();
    for same in holders.chunk_by(|left, right| left.0 == right.0) {
        let of_class = |is_it: fn(Class) -> bool| {
            let all = same.iter().map(|(_, row)| *row);
            all.filter(move |row| is_it(accounts.class(*row)))
        };
        let local: Vec<SubjectId> = of_class(|class| class == Class::Local).collect();
        let others: Vec<SubjectId> = of_class(|class| !class.is_skipped()).collect();
        if local.is_empty() {
            continue;
        }
        let hash = same[0].0;
        if let [one] = accounts.not_passed_on(hash, &others).as_slice() {
            // One that had the UPN before may be of whoever had it then.
            let first = accounts.first_with(*one, hash);
            let had_it_no_earlier = |local: &SubjectId| {
                let first_of_local = accounts.first_with(*local, hash);
                first_of_local.map(|time| time.saturating_add(SIDE_BY_SIDE_MICROS)) >= first
            };
            let local = local.into_iter().filter(had_it_no_earlier);
            stands_for.extend(local.map(|local| (local, *one)));
        }
    }
    stands_for
}

impl Accounts<'_> {
    fn class(&self, row: SubjectId) -> Class {
        let class = self.classes.get(row.0 as usize);
        class.copied().unwrap_or_default()
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
