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
    /// Of accounts, logins on what may be several devices; of devices, those of one who may be several: by all that may be meant, and
    /// whether they are dated.
    pub(super) among: BTreeMap<Subject, BTreeMap<(BTreeSet<Subject>, bool), WaitingUse>>,
    /// Of accounts, logins on devices that are not known. Of devices, those of users who are not, but for the device's own.
    pub(super) of_unknown: BTreeMap<(Subject, bool), WaitingUse>,
    /// Of devices, those of their own accounts that are not known.
    pub(super) of_local: BTreeMap<(Subject, bool), WaitingUse>,
    /// When logins were on what has a device's name, and is another one.
    pub(super) named_anew: BTreeMap<Subject, i64>,
}

/// What logins that wait tell together.
#[derive(Default, Clone)]
pub(super) struct WaitingUse {
    pub(super) days: BTreeSet<i64>,
    pub(super) logins: u64,
    pub(super) newest: i64,
    pub(super) is_undated: bool,
}

impl WaitingUse {
    pub(super) fn add(&mut self, other: &WaitingUse) {
        self.days.extend(&other.days);
        self.logins += other.logins;
        self.newest = self.newest.max(other.newest);
        self.is_undated |= other.is_undated;
    }
}

impl Waiting {
    /// What waits for a subject among some of which another one is none, dated and not.
    pub(super) fn among_without(&self, of: &Subject, one: &Subject) -> [WaitingUse; 2] {
        let mut sums = [WaitingUse::default(), WaitingUse::default()];
        for ((some, is_dated), uses) in self.among.get(of).into_iter().flatten() {
            if !some.contains(one) {
                sums[usize::from(*is_dated)].add(uses);
            }
        }
        sums
    }

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
        (logins, tells): (Option<u64>, bool),
    ) {
        let of = |resolution: &Resolution| match resolution {
            Resolution::One(one) => vec![one.clone()],
            Resolution::Ambiguous(some) => some.iter().cloned().collect(),
            Resolution::Unknown => Vec::new(),
        };
        if let (Resolution::One(_), Resolution::One(_)) = (account, device) {
            return;
        }
        if *account == Resolution::Unknown && is_no_persons(user) {
            return;
        }
        let first = days.first().copied();
        let is_certain = matches!(account, Resolution::One(_));
        let is_nobody = *account == Resolution::Unknown;
        if tells {
            let its = WaitingUse {
                days: days.clone(),
                logins: logins.unwrap_or(0),
                newest: time,
                is_undated: !is_dated,
            };
            self.sum_up((account, device), &its, is_local(user, host));
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

impl Waiting {
    fn sum_up(
        &mut self,
        (account, device): (&Resolution, &Resolution),
        logins: &WaitingUse,
        is_local: bool,
    ) {
        for (own, other, is_local) in [(account, device, false), (device, account, is_local)] {
            let Resolution::One(own) = own else { continue };
            let own = own.clone();
            let is_dated = !logins.is_undated;
            let uses = match other {
                _ if is_local => self.of_local.entry((own, is_dated)),
                Resolution::Ambiguous(some) if some.len() <= 8 => {
                    let among = self.among.entry(own).or_default();
                    among
                        .entry((some.clone(), is_dated))
                        .or_default()
                        .add(logins);
                    continue;
                }
                _ => self.of_unknown.entry((own, is_dated)),
            };
            uses.or_default().add(logins);
        }
    }
}

/// Says whether an account that is not known is one that every computer has, or a computer's own.
pub(super) fn is_no_persons(user: &Keys) -> bool {
    let name = user.name.as_deref().unwrap_or_default();
    let sam = name.split('@').next().unwrap_or_default();
    let is_built_in = match user.first.as_deref() {
        Some(sid) => matches!(sid, "s-1-5-18" | "s-1-5-19" | "s-1-5-20"),
        None => name == "system" || name.ends_with("@nt authority"),
    };
    is_built_in || sam.ends_with('$')
}

/// Says whether an account is of the device that it is named with.
fn is_local(user: &Keys, host: &Keys) -> bool {
    let domain = user.name.as_ref().and_then(|name| name.split_once('@'));
    let domain = domain.map(|(_, domain)| domain);
    let host = host.name.as_deref();
    domain.is_some() && (domain == host || domain == host.map(first_label))
}
