//! Waiting: when logins were that are not placed, as far as they speak against a primary device.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::{Keys, first_label};
use super::subjects::{Resolution, Subject};

/// When the newest logins were that wait, and whether they tell it: of accounts, and of devices of which one may be meant.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) accounts: BTreeSet<(Subject, i64, bool)>,
    pub(super) devices: BTreeSet<(Subject, i64, bool)>,
    /// Of somebody who is not known for certain, on a device.
    pub(super) on_it: BTreeSet<(Subject, i64, bool)>,
    /// Each of these with its first day, and each of the others.
    pub(super) came_to_it: BTreeSet<(Subject, i64)>,
    pub(super) came: BTreeSet<(Subject, i64)>,
    /// The days of those of which the other side is not known at all.
    pub(super) account_days: BTreeMap<Subject, BTreeSet<i64>>,
    pub(super) device_days: BTreeMap<Subject, BTreeSet<i64>>,
    /// Of accounts, logins on what may be several devices: which, on which days, and the newest.
    pub(super) among: BTreeMap<Subject, (BTreeSet<Subject>, BTreeSet<i64>, i64)>,
}

impl Waiting {
    /// The newest login that waits for an account.
    pub(super) fn newest_of_account(&self, account: &Subject) -> Option<i64> {
        let among = self.accounts.iter().filter(|(of, ..)| of == account);
        among.map(|(_, time, _)| *time).max()
    }

    /// The newest login that waits for a device, or waits on it for want of a user.
    pub(super) fn newest_of_device(&self, device: &Subject) -> Option<i64> {
        let among = self.devices.iter().filter(|(of, ..)| of == device);
        let on_it = self.on_it.iter().filter(|(of, ..)| of == device);
        among.chain(on_it).map(|(_, time, _)| *time).max()
    }

    pub(super) fn take(
        &mut self,
        (account, device): (&Resolution, &Resolution),
        (user, host): (&Keys, &Keys),
        (time, days): (i64, &BTreeSet<i64>),
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
        let first = days.first().copied();
        let is_certain = matches!(account, Resolution::One(_));
        let is_nobody = *account == Resolution::Unknown;
        if let (Resolution::One(account), Resolution::Ambiguous(some)) = (account, device) {
            let none = (BTreeSet::new(), BTreeSet::new(), i64::MIN);
            let among = self.among.entry(account.clone()).or_insert(none);
            among.0.extend(some.iter().cloned());
            among.1.extend(days);
            among.2 = among.2.max(time);
        }
        for account in of(account) {
            if *device == Resolution::Unknown && is_certain {
                let its = self.account_days.entry(account.clone()).or_default();
                its.extend(days);
            }
            self.came.extend(first.map(|day| (account.clone(), day)));
            self.accounts.insert((account, time, is_dated));
        }
        match device {
            Resolution::Ambiguous(_) => {
                for device in of(device) {
                    self.came.extend(first.map(|day| (device.clone(), day)));
                    self.devices.insert((device, time, is_dated));
                }
            }
            Resolution::One(device) if !is_local(user, host) => {
                if is_nobody {
                    let its = self.device_days.entry(device.clone()).or_default();
                    its.extend(days);
                }
                self.came_to_it
                    .extend(first.map(|day| (device.clone(), day)));
                self.on_it.insert((device.clone(), time, is_dated));
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
