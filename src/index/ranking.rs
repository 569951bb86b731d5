//! Ranking: which device is whose own, from the usages of all. The rules are those of `docs/semantics.md`, "Ranking".

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::Result;
use super::at_device::{AtDevice, AtDevices, LastWord, OnDevice, Unplaced};
use super::beside::are_beside;
use super::idle::Idle;
use super::in_order::{ROWS, in_order, together};
use super::ledger::Ledger;
use super::replaced::Replaced;
use super::seen::Seen;
use super::stand::{
    LEFT_BEHIND, Scale, Seconds, Stand, day, day_of, is_later, is_told_later, mark, seconds,
};
use super::stands_for::Namesakes;
use super::subject::SubjectId;
use super::waiting::AllWaiting;
use crate::schema::{BySubject, Class, NotPrimary, Rank, Subject, usage_id};

fn is_of_one_account(left: &i64, right: &i64) -> bool {
    left >> 32 == right >> 32
}

/// The usage that stands out among those of an account, by position.
#[derive(Debug, Clone, Copy)]
struct Lead {
    at: usize,
    /// What keeps it from leading.
    barred: Option<NotPrimary>,
}

/// Usages, in the order of their ids, and who they are of.
pub(super) struct Ranking<'a> {
    pub(super) ids: &'a [i64],
    /// By usage.
    pub(super) stands: &'a [Stand],
    /// In order.
    pub(super) by_device: &'a [OnDevice],
    /// By account.
    pub(super) classes: &'a [Class],
    pub(super) waiting: &'a AllWaiting,
    /// Accounts, each with another one that holds the same UPN; and whether it stands for that.
    pub(super) namesakes: &'a [Namesakes],
    pub(super) replaced: &'a Replaced,
    /// When accounts and devices were last seen.
    pub(super) seen: BySubject<&'a Seen>,
    pub(super) ledger: &'a Ledger,
    /// When the newest row of devices was observed.
    pub(super) devices_observed: Seconds,
    /// When logins were on what has a device's name, and is another one.
    pub(super) named_anew: &'a BTreeMap<SubjectId, i64>,
    /// Accounts and devices that one object has under several names.
    pub(super) several_names: &'a BySubject<BTreeSet<SubjectId>>,
    pub(super) scale: &'a Scale,
    pub(super) idle: &'a Idle,
    /// From when on usages are current, and the day of that.
    pub(super) since: Seconds,
    pub(super) since_day: i32,
}

impl Ranking<'_> {
    /// Returns the ranks of all usages.
    pub(super) fn ranks(
        &self,
        at_devices: &AtDevices,
        unplaced: &(impl Unplaced + Sync),
    ) -> Result<Vec<Rank>> {
        let mut ranks = Vec::with_capacity(self.ids.len());
        let make = |(): &mut (), some: Range<usize>| {
            let some = together(self.ids, some, is_of_one_account);
            let devices = self.ids[some.clone()].iter().map(|id| *id as u32);
            self.seen.device.touch(devices);
            let mut at = some.start;
            let mut made = Vec::with_capacity(some.len());
            for same in self.ids[some].chunk_by(is_of_one_account) {
                self.rank_account(at..at + same.len(), at_devices, &mut made);
                at += same.len();
            }
            Ok(made)
        };
        in_order(
            self.ids.len(),
            ROWS,
            || Ok(()),
            make,
            |made| {
                ranks.extend(made);
                Ok(())
            },
        )?;
        self.ask_of_unknown(at_devices, &mut ranks, unplaced)?;
        self.ask_of_waiting(&mut ranks);
        self.ask_of_namesakes(&mut ranks);
        Ok(ranks)
    }

    /// Ranks the usages of an account.
    fn rank_account(&self, own: Range<usize>, at_devices: &AtDevices, ranks: &mut Vec<Rank>) {
        let is_shared = |at: usize| at_devices[at] == AtDevice::Shared;
        let competes = |at: &usize| {
            self.stands[*at].competes() && !is_shared(*at) && !self.is_had_anew(*at, own.clone())
        };
        let competing = self.without_vague(own.clone().filter(competes));
        let idle = &*self.idle_of(own.clone(), &competing);
        let lead = self.lead(competing.iter().copied(), idle);
        let lead = lead.map(|lead| Lead {
            at: lead,
            barred: self.barred(lead, (&competing, idle), own.clone(), at_devices),
        });
        ranks.extend(own.map(|at| Rank {
            is_current: self.stands[at].is(mark::CURRENT),
            is_shared: is_shared(at),
            not_primary: self.not_primary(at, lead, at_devices[at]),
        }));
    }

    /// Returns when nobody was anywhere, and when an account was nowhere, where that tells anything: who comes back from holidays had
    /// what they used before them.
    fn idle_of(&self, own: Range<usize>, competing: &[usize]) -> Cow<'_, Idle> {
        let stands = competing.iter().map(|at| &self.stands[*at]);
        let newest = stands.clone().map(|stand| stand.known).max();
        let is_left_behind =
            |stand: &Stand| newest.is_some_and(|newest| self.idle.is_left_behind(stand, newest));
        match stands.clone().any(is_left_behind) {
            true => Cow::Owned(self.idle.and(&Idle::of(&self.stands[own]))),
            false => Cow::Borrowed(self.idle),
        }
    }

    /// Tells whether an account has the computer of a usage by a newer record, too. Somebody else's record may be of another one.
    fn is_had_anew(&self, at: usize, mut own: Range<usize>) -> bool {
        let device = |at: usize| self.ids[at] as u32;
        // Of two with one serial number either may be the newer one: both count then.
        let is_before = |at: usize, other: usize| {
            let (one, other) = (device(at), device(other));
            self.replaced.is_before(one, other) && !self.replaced.is_before(other, one)
        };
        self.replaced.has(device(at)) && own.any(|other| is_before(at, other))
    }

    /// Returns what keeps a device from leading that stands out among those of an account.
    fn barred(
        &self,
        lead: usize,
        (competing, idle): (&[usize], &Idle),
        own: Range<usize>,
        at_devices: &AtDevices,
    ) -> Option<NotPrimary> {
        let mut others = competing.iter().filter(|at| **at != lead);
        if others.any(|other| self.are_beside(lead, [*other], idle)) {
            return Some(NotPrimary::NoDeviceLeads);
        }
        if self.has_successor(lead, competing, at_devices)
            || self.is_named_crosswise(lead, own.clone(), at_devices)
        {
            return Some(NotPrimary::AnotherCame);
        }
        if !self.is_theirs_still(lead, own.clone(), at_devices) {
            return Some(NotPrimary::ElsewhereSince);
        }
        let is_best_known = self.is_best_known(lead, own, at_devices);
        (!is_best_known).then_some(NotPrimary::BetterKnown)
    }

    /// Tells whether another device, at which the account leads, which names it, or which was not there before the lead's last day,
    /// may have come in the lead's place: it was used on as many days since it began, and later; or somebody else is at the lead's.
    fn has_successor(&self, lead: usize, competing: &[usize], at_devices: &AtDevices) -> bool {
        let own = &self.stands[lead];
        let mut others = competing.iter().filter(|at| **at != lead);
        others.any(|at| {
            let other = &self.stands[*at];
            let is_its = matches!(at_devices[*at], AtDevice::Leads(_))
                || other.is(mark::LAST_USER)
                || self.is_new_to(*at, own.known);
            let is_next = other.is_as_often_since(own) && self.is_somebody_else_there(lead);
            is_its && (other.came_in_place_of(own) || is_next)
        })
    }

    /// Tells whether somebody else, known or not, began at the device of a usage later, and was there on as many days since.
    fn is_somebody_else_there(&self, at: usize) -> bool {
        let own = &self.stands[at];
        let device = self.ids[at] as u32;
        let users = self.usages_of(Subject::Device, device).into_iter();
        let mut people = users.filter(|user| *user != at && self.is_persons(*user));
        let is_there = |stand: &Stand| stand.competes() && stand.is_as_often_since(own);
        let waiting = self.waiting.get(&(Subject::Device, SubjectId(device)));
        let mut waiting = waiting
            .into_iter()
            .flat_map(|waiting| self.waiting_stands(&waiting.of_unknown));
        people.any(|user| is_there(&self.stands[user])) || waiting.any(|stand| is_there(&stand))
    }

    /// Tells whether the lead names a visitor, and another device the account, one that looks shared, too: each of two has the other's.
    fn is_named_crosswise(
        &self,
        lead: usize,
        mut own: Range<usize>,
        at_devices: &AtDevices,
    ) -> bool {
        let known = self.stands[lead].known;
        let names_account = |at: usize| {
            let other = &self.stands[at];
            let is_last_user = other.is(mark::CURRENT) && other.is(mark::LAST_USER);
            at != lead && is_last_user && !is_later(known, other.known)
        };
        at_devices[lead].last_word() == Some(LastWord::Visitor) && own.any(names_account)
    }

    /// Tells whether the device of a usage was first seen on the day of a time, or after it.
    fn is_new_to(&self, at: usize, time: Seconds) -> bool {
        let first = self.seen.device.first(self.ids[at] as u32);
        first.is_some_and(|first| seconds(first) / day() >= time / day())
    }

    /// Leaves out usages of which it is not known when they were, where dated logins tell of another one on as many days, and within a day of
    /// the last export that has them: an old row without a time is observed anew in every export.
    pub(super) fn without_vague(
        &self,
        competing: impl Iterator<Item = usize> + Clone,
    ) -> Vec<usize> {
        let proven = competing.clone().map(|at| &self.stands[at]);
        let proven = proven.filter(|stand| stand.is(mark::PROVEN));
        let is_less = |vague: &Stand, proven: &Stand| {
            vague.days() <= proven.days() && !is_later(vague.told, proven.known)
        };
        let is_left_out = |at: &usize| {
            let stand = &self.stands[*at];
            stand.is_vague() && proven.clone().any(|proven| is_less(stand, proven))
        };
        competing.filter(|at| !is_left_out(at)).collect()
    }

    /// Tells whether other usages of an account come near one.
    pub(super) fn are_beside(
        &self,
        own: usize,
        others: impl IntoIterator<Item = usize, IntoIter: Clone>,
        idle: &Idle,
    ) -> bool {
        let others = others.into_iter().map(|at| self.stands[at]);
        are_beside(&self.stands[own], others, Subject::Account, idle)
    }

    /// Tells whether nothing that an account used, shared or not, speaks against what leads: it was elsewhere since, or is
    /// named elsewhere since; it was at a shared device more often; or it was seen long since, nobody knows where.
    fn is_theirs_still(&self, lead: usize, own: Range<usize>, at_devices: &AtDevices) -> bool {
        let account = self.seen.account.last(self.account(lead), self.ledger);
        let known = self.stands[lead].known;
        let seen = account.last_seen.map_or(0, seconds);
        // Where no row says when the account was seen, it may have been since.
        let is_seen_since = account.last_seen.is_none() || is_later(seen, known);
        let is_off = self.is_off_since(lead) && is_seen_since;
        let is_seen_elsewhere =
            seen.saturating_sub(known) >= seconds(LEFT_BEHIND) || self.is_off_when_seen(lead, seen);
        let mut others = own.clone().filter(|at| *at != lead);
        !is_seen_elsewhere
            && !self.is_given_back(lead, own.clone())
            && !self.has_swapped(lead, own, at_devices)
            && !others.any(|at| {
                self.is_used_since(lead, at)
                    || self.is_named_since(lead, at, is_off)
                    || self.is_more_at_shared(lead, at, at_devices)
            })
    }

    /// Tells whether a usage of another device is plainly newer than what leads.
    fn is_used_since(&self, lead: usize, at: usize) -> bool {
        let (own, stand) = (&self.stands[lead], &self.stands[at]);
        match stand.is(mark::DATED) {
            true => is_later(stand.known, own.known),
            false => is_told_later(stand.told, own.told),
        }
    }

    /// Tells whether another device named the account since what leads was used. Of logins without a time, the last word on where
    /// somebody is has a device that names them; so it has where they are about while what leads is off.
    fn is_named_since(&self, lead: usize, at: usize, is_off: bool) -> bool {
        let (own, stand) = (&self.stands[lead], &self.stands[at]);
        let is_named = stand.named != Seconds::MAX && is_later(stand.named, own.known);
        let is_named_still = (is_off || !own.is(mark::PROVEN))
            && stand.is(mark::LAST_USER)
            && is_later(stand.used, own.known);
        stand.is(mark::CURRENT) && (is_named || is_named_still)
    }

    /// Tells whether the account was at a shared device on more than twice as many days as at what leads, or overtook there.
    fn is_more_at_shared(&self, lead: usize, at: usize, at_devices: &AtDevices) -> bool {
        let (own, stand) = (&self.stands[lead], &self.stands[at]);
        stand.is(mark::CURRENT)
            && at_devices[at] == AtDevice::Shared
            && (stand.days() > 2 * own.days() || stand.overtook(own))
    }

    /// Tells whether an account was at another device since, if only for hours, and somebody else at what leads: each is back at
    /// their own.
    fn is_given_back(&self, lead: usize, mut own: Range<usize>) -> bool {
        let own_stand = self.stands[lead];
        let is_since = |at: &usize| {
            let stand = self.stands[*at];
            stand.competes() && stand.is(mark::DATED) && stand.known > own_stand.known
        };
        own_stand.is(mark::DATED) && own.any(|at| is_since(&at)) && {
            let mut users = self
                .usages_of(Subject::Device, self.ids[lead] as u32)
                .into_iter();
            users.any(|at| at != lead && self.is_persons(at) && is_since(&at))
        }
    }

    /// Tells whether an account was at a device that somebody else leads at, or was at on more days, and that one at what leads, since it
    /// was used or, by one export, perhaps since, or each on as many days since then: the two swapped.
    fn has_swapped(&self, lead: usize, mut own: Range<usize>, at_devices: &AtDevices) -> bool {
        let own_stand = self.stands[lead];
        let is_since = |at: &usize| {
            let stand = self.stands[*at];
            let is_since = stand.may_be_since(&own_stand) || stand.is_as_often_since(&own_stand);
            stand.competes() && stand.is(mark::DATED) && is_since
        };
        let device = |at: usize| self.ids[at] as u32;
        let is_at_leads = |account: u32| {
            let its = self.ids.binary_search(&usage_id(account, device(lead)));
            its.is_ok_and(|at| is_since(&at))
        };
        let is_of_another = |at: usize| {
            let users = self.usages_of(Subject::Device, device(at)).into_iter();
            let is_more = |user: usize| {
                self.stands[user].competes()
                    && self.is_persons(user)
                    && self.stands[user].days() > self.stands[at].days()
            };
            let mut its =
                users.filter(|user| at_devices[*user].last_word().is_some() || is_more(*user));
            its.any(|user| user != at && is_at_leads(self.account(user)))
        };
        let is_of_few =
            |at: usize| matches!(at_devices[at], AtDevice::OtherLeads | AtDevice::NoneLeads);
        let is_swap = |at: usize| is_since(&at) && is_of_few(at) && is_of_another(at);
        own_stand.is(mark::DATED) && own.any(|at| at != lead && is_swap(at))
    }

    /// Tells whether an account was seen plainly after the device of a usage was, though devices were exported since.
    fn is_off_when_seen(&self, at: usize, seen: Seconds) -> bool {
        let device = self.seen.device.last(self.ids[at] as u32, self.ledger);
        let last_seen = device.last_seen.map(seconds);
        let is_off = last_seen.is_some_and(|last_seen| is_later(seen, last_seen));
        is_off && self.devices_observed >= seen
    }

    /// Tells whether the device of a usage was not seen since that.
    fn is_off_since(&self, at: usize) -> bool {
        let device = self.seen.device.last(self.ids[at] as u32, self.ledger);
        let seen = device.last_seen.map(seconds);
        seen.is_some_and(|seen| !is_later(seen, self.stands[at].known))
    }

    /// Tells whether nothing better is known of another one than of what leads. Dated logins tell most, then any logins, then
    /// that a device names the account: one that is switched on in a cupboard goes on to do that, so that of several which
    /// do, none is known to be theirs. Of logins without a time, those at a device that they lead as well and began at later
    /// are as good: a helper's login is enough for that one to name somebody else.
    fn is_best_known(&self, lead: usize, own: Range<usize>, at_devices: &AtDevices) -> bool {
        let own_stand = self.stands[lead];
        let (better, as_good) = match own_stand {
            stand if stand.is(mark::PROVEN) => return true,
            stand if stand.is(mark::LOGINS) => (mark::PROVEN, mark::LAST_USER),
            _ => (mark::LOGINS, 0),
        };
        let word_until = self.word_until(lead);
        let is_against = |at: usize| {
            let stand = self.stands[at];
            let is_named = as_good == 0 && stand.named != Seconds::MAX;
            let is_as_good = stand.is(as_good) || is_named;
            // What others left behind in counts of a long window makes a device look shared that was handed over.
            let is_used_alike = [own_stand, stand].iter().all(|one| one.is(mark::LOGINS))
                && u64::from(stand.logins) * 2 >= u64::from(own_stand.logins);
            let is_own =
                at_devices[at] != AtDevice::Shared || is_used_alike || stand.is(mark::LAST_USER);
            let is_next = own_stand.is(mark::LOGINS)
                && stand.is(mark::LOGINS)
                && stand.began > own_stand.began
                && (at_devices[at].last_word().is_some()
                    || i32::from(stand.began) > word_until
                    || (at_devices[at] != AtDevice::Shared && at_devices.is_above_the_named(at)));
            stand.competes() && (stand.is(better) || (is_own && is_as_good) || is_next)
        };
        !own.into_iter().any(|at| at != lead && is_against(at))
    }

    pub(super) fn account(&self, at: usize) -> u32 {
        (self.ids[at] >> 32) as u32
    }

    /// Tells whether a usage is a person's, as far as is known.
    pub(super) fn is_persons(&self, at: usize) -> bool {
        let class = self.classes.get(self.account(at) as usize);
        matches!(class, Some(Class::Person | Class::Unknown))
    }

    /// Tells whether a usage is of the account of a service or an administrator that signs in at a few devices: one that does everywhere
    /// is no kiosk's.
    pub(super) fn is_of_kiosk(&self, at: usize) -> bool {
        const FEW: usize = 3;
        let account = self.account(at);
        let class = self.classes.get(account as usize);
        matches!(class, Some(Class::Service | Class::Admin))
            && self.stands[at].is(mark::LOGINS)
            && {
                // One that is everywhere is asked of at every device: its usages are not counted.
                let first = self.ids.partition_point(|id| *id < usage_id(account, 0));
                let behind = self.ids.get(first + FEW);
                behind.is_none_or(|id| (id >> 32) as u32 != account)
            }
    }

    /// Tells whether a usage is of a local account that stands for nobody.
    pub(super) fn is_local(&self, at: usize) -> bool {
        let account = SubjectId(self.account(at));
        let first = self.namesakes.partition_point(|one| one.other < account);
        let its = self.namesakes[first..].iter();
        let mut its = its.take_while(|one| one.other == account);
        let is_local = self.classes.get(account.0 as usize) == Some(&Class::Local);
        is_local && !its.any(|one| one.stands)
    }

    /// Returns the usage that stands out among those that compete.
    pub(super) fn lead(
        &self,
        competing: impl Iterator<Item = usize> + Clone,
        idle: &Idle,
    ) -> Option<usize> {
        let stand = |at: usize| &self.stands[at];
        let newest = competing.clone().map(|at| stand(at).known).max()?;
        let mut rest = competing.filter(|at| !idle.is_left_behind(stand(*at), newest));
        let all: u128 = rest.clone().map(|at| u128::from(stand(at).weight())).sum();
        let most = |at: &usize| u128::from(stand(*at).weight()) * 2 > all;
        let lead = rest.clone().find(most)?;
        let own = stand(lead);
        let came_later = |at| {
            at != lead
                && (stand(at).began() > own.known
                    || stand(at).overtook(own)
                    || stand(at).outnumbers(own))
        };
        let stands_out =
            own.is(mark::COUNTED) && !is_later(newest, own.known) && !rest.any(came_later);
        stands_out.then_some(lead)
    }

    /// Returns the last day of which the device's row of a usage may tell: that on which the device was last seen, or on which
    /// the usage began, for the row may be older than all logins.
    pub(super) fn word_until(&self, at: usize) -> i32 {
        let device = self.seen.device.last(self.ids[at] as u32, self.ledger);
        let last_seen = device.last_seen.unwrap_or(i64::MAX);
        let seen = day_of(last_seen.min(device.observed_at));
        seen.max(i32::from(self.stands[at].began))
    }

    /// Tells whether the account of a usage, or its device, may be several.
    fn has_several_names(&self, at: usize) -> bool {
        let has = |subject, row| self.several_names[subject].contains(&SubjectId(row));
        has(Subject::Account, self.account(at)) || has(Subject::Device, self.ids[at] as u32)
    }

    fn not_primary(&self, at: usize, lead: Option<Lead>, on: AtDevice) -> Option<NotPrimary> {
        // First of all: whoever asks for the two together must know it.
        if self.stands[at].is(mark::LIKELY) || self.has_several_names(at) {
            return Some(NotPrimary::NameOfSeveral);
        }
        if !self.is_persons(at) {
            return Some(NotPrimary::NotAPerson);
        }
        if !self.stands[at].is(mark::CURRENT) {
            return Some(NotPrimary::NotCurrent);
        }
        if on == AtDevice::Shared {
            return Some(NotPrimary::Shared);
        }
        if self.stands[at].is(mark::TOO_EARLY) {
            return Some(NotPrimary::BeforeAccount);
        }
        if self.replaced.has(self.ids[at] as u32) || self.is_named_anew(at) {
            return Some(NotPrimary::Replaced);
        }
        match lead {
            None => return Some(NotPrimary::NoDeviceLeads),
            Some(lead) if lead.at != at => {
                return Some(match lead.barred {
                    None => NotPrimary::OtherDevice,
                    Some(_) => NotPrimary::NoDeviceLeads,
                });
            }
            Some(lead) if lead.barred.is_some() => return lead.barred,
            Some(_) => {}
        }
        let Some(last_word) = on.last_word() else {
            return Some(match on {
                AtDevice::OtherLeads => NotPrimary::OtherAccount,
                _ => NotPrimary::NoAccountLeads,
            });
        };
        let is_dated = self.stands[at].is(mark::DATED);
        match last_word {
            LastWord::Agrees => None,
            LastWord::None | LastWord::Visitor if is_dated => None,
            LastWord::None => Some(NotPrimary::Undated),
            LastWord::Visitor | LastWord::Another | LastWord::Unknown => {
                Some(NotPrimary::LastLogin)
            }
        }
    }

    /// Tells whether logins were since on a computer of the same name and another uid, of which no row is yet.
    fn is_named_anew(&self, at: usize) -> bool {
        let device = self.ids[at] as u32;
        let Some(anew) = self.named_anew.get(&SubjectId(device)) else {
            return false;
        };
        let stand = &self.stands[at];
        // Counts of a long window are observed anew in every export, whatever became of the device.
        let last = self.seen.device.last(device, self.ledger);
        let last = seconds(last.last_seen.unwrap_or(last.observed_at));
        let known = match stand.is(mark::DATED) {
            true => stand.known,
            false => stand.known.min(last),
        };
        is_later(seconds(*anew), known)
    }

    /// Returns the usages of an account or a device.
    pub(super) fn usages_of(&self, subject: Subject, row: u32) -> Vec<usize> {
        match subject {
            Subject::Account => {
                let first = self.ids.partition_point(|id| *id < usage_id(row, 0));
                let is_its = |at: &usize| self.account(*at) == row;
                (first..self.ids.len()).take_while(is_its).collect()
            }
            Subject::Device => {
                let first = self.by_device.partition_point(|one| one.device() < row);
                let its = self.by_device[first..].iter();
                let its = its.take_while(|one| one.device() == row);
                its.map(|one| one.position()).collect()
            }
        }
    }
}
