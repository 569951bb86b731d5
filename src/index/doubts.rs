//! Doubts: what is not placed for certain, and so speaks against a device that would be somebody's own: last logins of nobody
//! known, logins that wait, and what local accounts of the same UPN did.

use super::Result;
use super::at_device::{AtDevices, LastWord, Unplaced};
use super::beside::are_beside;
use super::ranking::Ranking;
use super::stand::{LEFT_BEHIND, Stand, day, is_later, is_told_later, mark, seconds};
use super::subject::SubjectId;
use super::usage::joined;
use super::waiting::{Among, NewestWaiting, Waiting, WaitingUses};
use crate::schema::{Class, NotPrimary, Rank, SIDE_BY_SIDE_MICROS, Subject};

impl Ranking<'_> {
    /// Where only a last login of nobody known speaks against a usage, its name may say that it is no person's.
    pub(super) fn ask_of_unknown(
        &self,
        at_devices: &AtDevices,
        ranks: &mut [Rank],
        unplaced: &impl Unplaced,
    ) -> Result<()> {
        let is_open = |at: &usize| {
            at_devices[*at].last_word() == Some(LastWord::Unknown)
                && ranks[*at].not_primary == Some(NotPrimary::LastLogin)
        };
        let open: Vec<usize> = (0..ranks.len()).filter(is_open).collect();
        let devices: Vec<u32> = open.iter().map(|at| self.ids[*at] as u32).collect();
        let no_persons = unplaced.no_persons(&devices)?;
        for at in open {
            if no_persons.contains(&(self.ids[at] as u32)) {
                ranks[at].not_primary = match self.stands[at].is(mark::DATED) {
                    true => None,
                    false => Some(NotPrimary::Undated),
                };
            }
        }
        Ok(())
    }

    /// Where an account was elsewhere since, on a device that is not known or may be several; or where others may have used
    /// the device, if it is that of several: there is no primary one.
    pub(super) fn ask_of_waiting(&self, ranks: &mut [Rank]) {
        for ((subject, SubjectId(row)), waiting) in self.waiting {
            for at in self.usages_of(*subject, *row) {
                let not_primary = &mut ranks[at].not_primary;
                let are_others_or_elsewhere = || match subject {
                    Subject::Account => self.is_elsewhere(waiting, at),
                    Subject::Device => self.are_others_there(waiting, at),
                };
                if not_primary.is_none()
                    && (self.speaks_against(&waiting.newest, at) || are_others_or_elsewhere())
                {
                    *not_primary = Some(NotPrimary::NewerWaits);
                }
            }
        }
    }

    /// Tells whether an account overtook elsewhere, on what is not known; or was there more, on what may be several devices.
    fn is_elsewhere(&self, waiting: &Waiting, at: usize) -> bool {
        let own = &self.stands[at];
        let mut unknown = self.waiting_stands(&waiting.of_unknown);
        let is_new =
            |one: Stand| one.known > own.known && one.overtook(own) || one.plainly_overtook(own);
        unknown.any(is_new) || self.is_more_among(&waiting.among, at)
    }

    /// Returns the usages that logins would be which wait.
    pub(super) fn waiting_stands(
        &self,
        uses: &WaitingUses,
    ) -> impl Iterator<Item = Stand> + use<'_> {
        let each = uses.each().into_iter();
        each.filter_map(|logins| Stand::of_waiting(logins, self.scale))
    }

    /// Tells whether others come near at a device where some of them are not known, or may be several; or its own local accounts do,
    /// which are nobody's.
    fn are_others_there(&self, waiting: &Waiting, at: usize) -> bool {
        let own = &self.stands[at];
        let of_others = waiting.among.without(SubjectId(self.account(at)));
        let has_overtaken = [&waiting.of_local, &waiting.of_unknown]
            .into_iter()
            .any(|uses| self.waiting_stands(uses).any(|one| one.overtook(own)));
        let all = [&waiting.of_unknown, &of_others, &waiting.of_local];
        let waiting = all.into_iter().flat_map(|uses| self.waiting_stands(uses));
        let waiting: Vec<Stand> = waiting.collect();
        has_overtaken || !waiting.is_empty() && self.are_beside_with_known(at, waiting)
    }

    /// Tells whether others at a device, with the people who are known there, come near a usage.
    fn are_beside_with_known(&self, at: usize, mut others: Vec<Stand>) -> bool {
        let all = self.usages_of(Subject::Device, self.ids[at] as u32);
        let known = all
            .into_iter()
            .filter(|other| *other != at && self.is_persons(*other));
        let known = known.map(|other| self.stands[other]);
        others.extend(known.filter(Stand::competes));
        let others = others.iter().copied();
        are_beside(&self.stands[at], others, Subject::Device, self.idle)
    }

    /// Tells whether an account was on more days of late at what may be several devices, none of which a usage is of: a computer
    /// that was set up anew, say.
    fn is_more_among(&self, among: &Among, at: usize) -> bool {
        let stand = &self.stands[at];
        let all = among.without(SubjectId(self.ids[at] as u32));
        let (dated, undated) = (all.dated, all.undated);
        let newest = dated.newest.max(undated.newest).map(seconds);
        let newest = newest.filter(|time| *time >= self.since);
        let is_of_late =
            newest.is_some_and(|newest| stand.known.saturating_sub(newest) < seconds(LEFT_BEHIND));
        let days = joined(dated.days, undated.days).and_then(|days| days.since(self.since_day));
        is_of_late && days.is_some_and(|days| days.count() > stand.days())
    }

    /// Tells whether logins that wait may be newer than a usage. Where neither says when it was, they need not be; and where
    /// they tell more than is known of the usage, they need only be of late.
    fn speaks_against(&self, waiting: &NewestWaiting, at: usize) -> bool {
        let stand = &self.stands[at];
        let [dated, undated, dated_on_it, undated_on_it] = [
            waiting.dated,
            waiting.undated,
            waiting.dated_on_it,
            waiting.undated_on_it,
        ]
        .map(|time| time.map(seconds).filter(|time| *time >= self.since));
        let is_dated_against = |time| !stand.is(mark::PROVEN) || is_later(time, stand.known);
        let is_undated_against = |time| match stand {
            stand if !stand.is(mark::LOGINS) => true,
            stand if stand.is(mark::DATED) => is_told_later(time, stand.told),
            stand => stand.told.saturating_sub(time) <= seconds(SIDE_BY_SIDE_MICROS),
        };
        let last_day = (stand.known / day()) as i32;
        // What waits is one more that was used: on more days, it is what is used most.
        let days = waiting.days.and_then(|days| days.since(self.since_day));
        let newest = dated.max(undated).max(dated_on_it).max(undated_on_it);
        let is_late = newest.is_some_and(|newest| !is_later(stand.known, newest));
        let is_most = is_late && days.is_some_and(|days| days.count() > stand.days());
        is_most
            || dated.is_some_and(is_dated_against)
            || undated.is_some_and(is_undated_against)
            || dated_on_it.is_some_and(|time| is_later(time, stand.known))
            || undated_on_it.is_some_and(|time| is_later(time, stand.told.max(stand.known)))
            || (dated > Some(stand.known) && waiting.came >= Some(last_day))
            || (dated_on_it > Some(stand.known) && waiting.came_to_it > Some(last_day))
            || (!stand.is(mark::DATED) && waiting.came_to_it > Some(self.word_until(at)))
    }

    /// Where another account that holds the same UPN, a local one say, was elsewhere since, or waits to have been, its owner may have
    /// been: there is no primary one, whether it stands for that one or not.
    pub(super) fn ask_of_namesakes(&self, ranks: &mut [Rank]) {
        for namesakes in self.namesakes {
            let waiting = self.waiting.get(&(Subject::Account, namesakes.other));
            // Who got an account in another domain uses the computers of both for a while.
            let class = self.classes.get(namesakes.other.0 as usize);
            let is_local = class == Some(&Class::Local);
            let usages = match namesakes.stands {
                // They count for the account already.
                true => Vec::new(),
                false => self.usages_of(Subject::Account, namesakes.other.0),
            };
            for at in self.usages_of(Subject::Account, namesakes.account.0) {
                let stand = self.stands[at];
                let is_since = |other: &usize| {
                    let other = self.stands[*other];
                    // A row of the device that is older than its logins says nothing of when these were.
                    let used = other.known.max(other.told.min(other.used));
                    is_later(used, stand.known)
                };
                let competing = usages.iter().filter(|at| self.stands[**at].competes());
                let is_beside = || is_local && self.are_beside(at, competing.copied(), self.idle);
                let waits = || waiting.is_some_and(|one| self.speaks_against(&one.newest, at));
                let not_primary = &mut ranks[at].not_primary;
                if not_primary.is_none() && (usages.iter().any(is_since) || is_beside() || waits())
                {
                    *not_primary = Some(NotPrimary::Namesake);
                }
            }
        }
    }
}
