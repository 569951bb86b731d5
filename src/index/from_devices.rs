//! From devices: how usages stand among those of their devices, which is what accounts are ranked by.

use std::ops::Range;

use super::Result;
use super::at_device::{AtDevice, AtDevices, LastWord, OnDevice, Unplaced};
use super::beside::{SHARED_BY, are_beside};
use super::in_order::{ROWS, in_order, together};
use super::near;
use super::ranking::Ranking;
use super::stand::{is_later, mark};
use crate::schema::Subject;

/// Whose weight is so many times less than that of who leads is a visitor.
const VISITOR: u64 = 10;
/// And who was there on so many times fewer days.
const VISITOR_DAYS: u32 = 3;

/// All usages, looked at from their devices.
pub(super) struct FromDevices<'r, 'a> {
    pub(super) of: &'r Ranking<'a>,
}

impl FromDevices<'_, '_> {
    /// Returns how usages stand among those of their devices, and their ids in the order of devices.
    pub(super) fn at_devices(
        &self,
        unplaced: &(impl Unplaced + Sync),
    ) -> Result<(AtDevices, Vec<i64>)> {
        let is_same = |left: &OnDevice, right: &OnDevice| left.device() == right.device();
        let make = |(): &mut (), some: Range<usize>| {
            let some = together(self.of.by_device, some, is_same);
            let usages = &self.of.by_device[some];
            near::touch(
                usages
                    .iter()
                    .map(|one| u64::from(self.of.stands[one.position()].logins)),
            );
            let ids = usages.iter().map(|one| self.of.ids[one.position()]);
            let ids: Vec<i64> = ids.collect();
            let (mut made, mut named) = (Vec::with_capacity(usages.len()), Vec::new());
            for same in usages.chunk_by(is_same) {
                self.stand_at_device(same, unplaced, &mut made);
                named.extend(self.above_the_named(same));
            }
            Ok((made, named, ids))
        };
        let mut at_devices = AtDevices::of(self.of.ids.len());
        let mut ids_by_device = Vec::with_capacity(self.of.ids.len());
        let take = |(made, named, ids): (Vec<(usize, AtDevice)>, Vec<usize>, Vec<i64>)| {
            at_devices.add(made, named);
            ids_by_device.extend(ids);
            Ok(())
        };
        in_order(self.of.by_device.len(), ROWS, || Ok(()), make, take)?;
        Ok((at_devices, ids_by_device))
    }

    fn stand_at_device(
        &self,
        same: &[OnDevice],
        unplaced: &impl Unplaced,
        made: &mut Vec<(usize, AtDevice)>,
    ) {
        let all = same.iter().map(|one| one.position());
        let people = all
            .clone()
            .filter(|at| self.of.stands[*at].competes() && self.of.is_persons(*at));
        if self.is_shared(people.clone()) {
            made.extend(all.map(|at| (at, AtDevice::Shared)));
            return;
        }
        let people = self.of.without_vague(people);
        let Some(lead) = self.lead(same, &people) else {
            return;
        };
        let known = self.of.stands[lead].known;
        let is_unknown =
            || unplaced.is_another_named(same[0].device(), self.of.account(lead), known);
        let last_word = match self.last_word(lead, all.clone(), is_unknown) {
            LastWord::Agrees if self.is_joined(lead, &people) => LastWord::None,
            last_word => last_word,
        };
        made.extend(all.map(|at| match at == lead {
            true => (at, AtDevice::Leads(last_word)),
            false => (at, AtDevice::OtherLeads),
        }));
    }

    /// Returns the usage that leads among those of people at a device.
    fn lead(&self, same: &[OnDevice], people: &[usize]) -> Option<usize> {
        let lead = self.of.lead(people.iter().copied(), self.of.idle)?;
        let is_proven = |at: &usize| self.of.stands[*at].is(mark::PROVEN);
        let nobodys = self.nobodys(same);
        if (!is_proven(&lead) && people.iter().any(is_proven))
            || self.is_nobodys(lead, same, &nobodys)
        {
            return None;
        }
        let before = self.people_before(same[0].device());
        let all: Vec<usize> = [people, &nobodys, &before].concat();
        self.has_most(lead, &all).then_some(lead)
    }

    /// Returns the usages of local accounts that stand for nobody. They lead nowhere, and keep others from it.
    fn nobodys(&self, same: &[OnDevice]) -> Vec<usize> {
        let all = same.iter().map(|one| one.position());
        all.filter(|at| self.of.stands[*at].competes() && self.of.is_local(*at))
            .collect()
    }

    /// Tells whether a device is nobody's: a local account overtook, or the account of a service signs in on many more days, as a
    /// kiosk's does.
    fn is_nobodys(&self, lead: usize, same: &[OnDevice], nobodys: &[usize]) -> bool {
        let stand = |at: usize| &self.of.stands[at];
        let own = stand(lead);
        let signs_in = |at: usize| {
            stand(at).competes() && stand(at).days() >= 2 * own.days() && self.of.is_of_kiosk(at)
        };
        let mut all = same.iter().map(|one| one.position());
        nobodys.iter().any(|at| stand(*at).overtook(own)) || all.any(signs_in)
    }

    /// Returns the usages of people at older records of a computer that was set up anew: who does that is there first.
    fn people_before(&self, device: u32) -> Vec<usize> {
        let older = self.of.replaced.older(device);
        let usages = older.flat_map(|older| self.of.usages_of(Subject::Device, older));
        usages
            .filter(|at| self.of.stands[*at].competes() && self.of.is_persons(*at))
            .collect()
    }

    /// Returns the usages of a device that names somebody else who is not there more: a guest, or who prepared it.
    fn above_the_named(&self, same: &[OnDevice]) -> impl Iterator<Item = usize> {
        let all = same.iter().map(|one| one.position());
        let is_named = |at: &usize| self.of.stands[*at].is(mark::LAST_USER);
        let named: Vec<usize> = all.clone().filter(is_named).collect();
        all.filter(move |at| {
            let is_more =
                |other: &usize| self.of.stands[*other].weight() > self.of.stands[*at].weight();
            named.iter().any(|other| other != at && !is_more(other))
        })
    }

    /// Tells whether so many people use a device, none of them most of the time, that it is nobody's own.
    fn is_shared(&self, people: impl Iterator<Item = usize>) -> bool {
        let (mut count, mut most, mut all) = (0, 0, 0);
        for at in people {
            let weight = u128::from(self.of.stands[at].weight());
            count += 1;
            most = weight.max(most);
            all += weight;
        }
        count >= SHARED_BY && most * 2 <= all
    }

    /// Tells whether more than half of all days at a device are those of who leads there, or two thirds of the logins, and
    /// others of late do not come near. Logins of a long window grow with the days, so that whoever is there a little more
    /// often than others has most of their product.
    fn has_most(&self, lead: usize, all: &[usize]) -> bool {
        let own = self.of.stands[lead];
        let is_anothers = |at: &usize| self.of.account(*at) != self.of.account(lead);
        let others = all.iter().copied().filter(is_anothers);
        let ever = others.clone().map(|at| self.of.stands[at]);
        let days: u64 = ever.clone().map(|one| u64::from(one.days())).sum();
        let logins: u64 = ever.map(|one| u64::from(one.logins)).sum();
        let is_most = u64::from(own.days()) > days || u64::from(own.logins) > 2 * logins;
        let others = others.map(|at| self.of.stands[at]);
        is_most && !are_beside(&own, others, Subject::Device, self.of.idle)
    }

    /// Returns what a device's last login says of the one who leads there.
    fn last_word(
        &self,
        lead: usize,
        all: impl Iterator<Item = usize> + Clone,
        is_unknown: impl FnOnce() -> bool,
    ) -> LastWord {
        let mut named = all.filter(|at| self.of.stands[*at].is(mark::LAST_USER));
        let mut people = named.clone().filter(|at| self.of.is_persons(*at));
        if let Some(other) = people.clone().find(|at| *at != lead) {
            let (own, other) = (self.of.stands[lead], self.of.stands[other]);
            let is_visitor = other.weight().saturating_mul(VISITOR) <= own.weight()
                && other.days() * VISITOR_DAYS <= own.days()
                && !is_later(other.used, own.known);
            return match is_visitor {
                true => LastWord::Visitor,
                false => LastWord::Another,
            };
        }
        match (people.next(), named.next()) {
            (Some(_), _) if self.of.stands[lead].is(mark::FRESH_WORD) => LastWord::Agrees,
            (Some(_), _) => LastWord::None,
            (None, Some(_)) => LastWord::None,
            (None, None) if is_unknown() => LastWord::Unknown,
            (None, None) => LastWord::None,
        }
    }

    /// Tells whether somebody joined who leads at a device, of whom its row can know nothing.
    fn is_joined(&self, lead: usize, people: &[usize]) -> bool {
        let until = self.of.word_until(lead);
        people
            .iter()
            .any(|at| i32::from(self.of.stands[*at].began) > until)
    }
}
