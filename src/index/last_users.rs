//! Last users: whom the newest row of each device names as the last to log in.

use std::collections::BTreeMap;

use super::bits::Bits;
use super::claim::{ClaimId, said};
use super::error::Result;
use super::ledger::Ledger;
use super::roster::Roster;
use super::subject::{Standing, SubjectId};
use crate::schema::device_field::LAST_LOGIN;

/// The claims whose newest row is that of their device, and names a user.
#[derive(Debug, Default)]
pub(super) struct LastUsers {
    claims: Bits,
    /// Those of devices that several claims tell of.
    merged: BTreeMap<SubjectId, ClaimId>,
}

impl LastUsers {
    pub(super) fn of(devices: &Roster, standing: &Standing, ledger: &Ledger) -> Result<LastUsers> {
        let mut users = LastUsers::default();
        for at in 0..devices.claims.len() {
            let claim = ClaimId::of_position(at);
            if standing.owner(claim).is_none() && names_a_user(devices, ledger, claim)? {
                users.claims.set(claim.row());
            }
        }
        for (row, claims) in standing.merged_rows(devices.claims.len()) {
            let newest = claims.iter().copied().max_by(|left, right| {
                let newest = |claim: ClaimId| said(&devices.claim(claim).newest);
                ledger.compare(newest(*left), newest(*right))
            });
            let Some(claim) = newest else { continue };
            if names_a_user(devices, ledger, claim)? {
                users.claims.set(claim.row());
                users.merged.insert(row, claim);
            }
        }
        Ok(users)
    }

    /// Tells whether a claim's row speaks for its device, and names a user.
    pub(super) fn has(&self, claim: ClaimId) -> bool {
        self.claims.has(claim.row())
    }

    /// Returns the claim whose row names a device's user; none: its newest row names nobody.
    pub(super) fn claim_of(&self, device: u32) -> Option<ClaimId> {
        let merged = self.merged.get(&SubjectId(device)).copied();
        merged.or_else(|| ClaimId::of_row(device).filter(|claim| self.has(*claim)))
    }
}

fn names_a_user(devices: &Roster, ledger: &Ledger, claim: ClaimId) -> Result<bool> {
    let shape = ledger.shape(devices.claim(claim).newest.shape)?;
    Ok(shape.carries(LAST_LOGIN) && devices.last_uses[claim.at()].is_some())
}
