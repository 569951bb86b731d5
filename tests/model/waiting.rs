//! Waiting: when logins were that are not placed, as far as they speak against a primary device.

use std::collections::BTreeSet;

use super::keys::{Keys, first_label};
use super::subjects::{Resolution, Subject};

/// When the newest logins were that wait, and whether they tell it: of accounts, and of devices of which one may be meant.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) accounts: BTreeSet<(Subject, i64, bool)>,
    pub(super) devices: BTreeSet<(Subject, i64, bool)>,
    /// Of somebody who is not known for certain, on a device.
    pub(super) on_it: BTreeSet<(Subject, i64)>,
}

impl Waiting {
    pub(super) fn take(
        &mut self,
        (account, device): (&Resolution, &Resolution),
        (user, host): (&Keys, &Keys),
        time: i64,
        is_dated: bool,
    ) {
        let of = |resolution: &Resolution| match resolution {
            Resolution::One(one) => vec![one.clone()],
            Resolution::Ambiguous(some) => some.iter().cloned().collect(),
            Resolution::Unknown => Vec::new(),
        };
        if let (Resolution::One(_), Resolution::One(_)) = (account, device) {
            return;
        }
        for account in of(account) {
            self.accounts.insert((account, time, is_dated));
        }
        match device {
            Resolution::Ambiguous(_) => {
                let devices = of(device).into_iter();
                self.devices
                    .extend(devices.map(|device| (device, time, is_dated)));
            }
            Resolution::One(device) if !is_local(user, host) => {
                self.on_it.insert((device.clone(), time));
            }
            _ => {}
        }
    }
}

/// Says whether an account is of the device that it is named with.
fn is_local(user: &Keys, host: &Keys) -> bool {
    let domain = user.name.as_ref().and_then(|name| name.split_once('@'));
    let domain = domain.map(|(_, domain)| domain);
    let host = host.name.as_deref();
    domain.is_some() && (domain == host || domain == host.map(first_label))
}
