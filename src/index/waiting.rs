//! Mentions that wait for a subject: how many, when the newest were, and what some of them say.

use std::collections::BTreeMap;

use super::claim::ClaimId;
use super::days::Days;
use super::mention::State;
use super::side::Side;
use super::subject::SubjectId;
use super::usage::joined;
use crate::schema::{BySubject, Subject, WAITING_KEPT};
use crate::sealed::{is_sealed, user_of};

/// What waits, by whom it waits for.
pub(super) type AllWaiting = BTreeMap<(Subject, SubjectId), Waiting>;

/// Mentions that wait for a subject.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) unknown: u32,
    pub(super) ambiguous: u32,
    pub(super) newest: NewestWaiting,
    pub(super) among: Among,
    /// Of an account: its logins on devices that are not known. Of a device: those of users who are not, but for its own.
    pub(super) of_unknown: WaitingUses,
    /// Of a device: those of its own local accounts, as far as these are not known.
    pub(super) of_local: WaitingUses,
    /// What some of them say of both sides: those with the smallest hashes, whatever came first.
    pub(super) mentions: BTreeMap<(u64, State), [Named; 2]>,
}

/// When the newest logins were that wait and may mean an account elsewhere, or a device or another one that is known.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct NewestWaiting {
    pub(super) dated: Option<i64>,
    /// When those were observed that do not tell it.
    pub(super) undated: Option<i64>,
    /// Of somebody who is not known for certain, on the device itself.
    pub(super) dated_on_it: Option<i64>,
    pub(super) undated_on_it: Option<i64>,
    /// The first day of the one of these that came last: of logins elsewhere, or on what may be another device.
    pub(super) came: Option<i32>,
    /// And of those on the device itself.
    pub(super) came_to_it: Option<i32>,
    /// The days of those of which the other side is not known at all: what may be several may be the very one.
    pub(super) days: Option<Days>,
}

/// Logins of an account on what may be several devices, or on a device of one who may be several: by all that may be meant.
#[derive(Debug, Default)]
pub(super) struct Among(BTreeMap<Vec<SubjectId>, WaitingUses>);

/// What logins that wait tell together, those that say when they were apart from others.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct WaitingUses {
    pub(super) dated: WaitingUse,
    pub(super) undated: WaitingUse,
}

/// What logins that wait tell together, as one usage would.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct WaitingUse {
    pub(super) days: Option<Days>,
    pub(super) logins: u64,
    pub(super) newest: Option<i64>,
    /// Some of them have no time of their own.
    pub(super) is_untimed: bool,
}

/// What a mention says of a side, for people.
#[derive(Debug, Clone)]
pub(super) enum Named {
    Text(String),
    /// What a claim says in a field.
    Claim(Field),
}

/// A field of a claim.
pub(super) type Field = (Subject, ClaimId, usize);

impl Among {
    /// Adds logins that may mean any of some.
    fn add(&mut self, some: &[SubjectId], (logins, is_dated): (WaitingUse, bool)) {
        let uses = self.0.entry(some.to_vec()).or_default();
        uses.add((logins, is_dated));
    }

    /// Returns those of which one is not meant for sure.
    pub(super) fn without(&self, one: SubjectId) -> WaitingUses {
        let of_others = self.0.iter().filter(|(some, _)| !some.contains(&one));
        of_others.fold(WaitingUses::default(), |mut sum, (_, uses)| {
            sum.dated.add(uses.dated);
            sum.undated.add(uses.undated);
            sum
        })
    }
}

impl WaitingUses {
    fn add(&mut self, (logins, is_dated): (WaitingUse, bool)) {
        match is_dated {
            true => self.dated.add(logins),
            false => self.undated.add(logins),
        }
    }

    /// Returns both, each with whether it says when it was.
    pub(super) fn each(&self) -> [(WaitingUse, bool); 2] {
        [(self.dated, true), (self.undated, false)]
    }
}

impl WaitingUse {
    fn add(&mut self, other: WaitingUse) {
        self.days = joined(self.days, other.days);
        self.logins = self.logins.saturating_add(other.logins);
        self.newest = self.newest.max(other.newest);
        self.is_untimed |= other.is_untimed;
    }
}

/// Sums up logins that wait, with whether they say when they were, by their one side that is known.
pub(super) fn sum_up(
    all: &mut AllWaiting,
    sides: &BySubject<Side>,
    logins: (WaitingUse, bool),
    is_local: bool,
) {
    for (subject, own, other) in [
        (Subject::Account, &sides.account, &sides.device),
        (Subject::Device, &sides.device, &sides.account),
    ] {
        let Some(own) = own.one() else { continue };
        let waiting = all.entry((subject, *own)).or_default();
        match other {
            _ if subject == Subject::Device && is_local => waiting.of_local.add(logins),
            // So many may be anybody.
            Side::Ambiguous(_) if !other.few().is_empty() => {
                waiting.among.add(other.few(), logins);
            }
            _ => waiting.of_unknown.add(logins),
        }
    }
}

/// Notes when somebody who is not known for certain used a device.
pub(super) fn note_on_it(
    all: &mut AllWaiting,
    sides: &BySubject<Side>,
    (time, days): (i64, Days),
    is_dated: bool,
) {
    let Some(device) = sides.device.one() else {
        return;
    };
    let newest = &mut all.entry((Subject::Device, *device)).or_default().newest;
    if sides.account.is_unknown() {
        newest.days = joined(newest.days, Some(days));
    }
    newest.came_to_it = newest.came_to_it.max(Some(days.first()));
    let newest = match is_dated {
        true => &mut newest.dated_on_it,
        false => &mut newest.undated_on_it,
    };
    *newest = (*newest).max(Some(time));
}

/// Notes when logins that wait were, of each account and of each device that they may mean.
pub(super) fn note_newest(
    all: &mut AllWaiting,
    sides: &BySubject<Side>,
    (time, days): (i64, Days),
    is_dated: bool,
) {
    let accounts = match &sides.account {
        Side::Unknown(_) => &[],
        side => side.few(),
    };
    let devices = match &sides.device {
        Side::Ambiguous(_) => sides.device.few(),
        _ => &[],
    };
    let is_on_unknown = sides.device.is_unknown() && sides.account.one().is_some();
    let accounts = accounts.iter().map(|one| (Subject::Account, *one));
    let devices = devices.iter().map(|one| (Subject::Device, *one));
    for subject in accounts.chain(devices) {
        let newest = &mut all.entry(subject).or_default().newest;
        if is_on_unknown {
            newest.days = joined(newest.days, Some(days));
        }
        newest.came = newest.came.max(Some(days.first()));
        let newest = match is_dated {
            true => &mut newest.dated,
            false => &mut newest.undated,
        };
        *newest = (*newest).max(Some(time));
    }
}

impl Waiting {
    /// Adds a mention; `hash` tells it from others, `named` is what it says of its sides.
    pub(super) fn add(&mut self, state: State, hash: u64, named: [Named; 2]) {
        match state {
            State::Ambiguous => self.ambiguous += 1,
            _ => self.unknown += 1,
        }
        self.mentions.insert((hash, state), named);
        if self.mentions.len() > WAITING_KEPT {
            self.mentions.pop_last();
        }
    }
}

/// Shows a side's keys to people: the name, or what there is.
pub(super) fn shown_keys(keys: &str) -> String {
    if let Some(sealed) = keys.split('\t').find(|key| is_sealed(key)) {
        return user_of(sealed);
    }
    let said: Vec<&str> = keys.split('\t').filter(|key| !key.is_empty()).collect();
    said.join(" ")
}
