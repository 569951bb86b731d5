//! Usages: which accounts use which devices, each summed up from the mentions and last logins that make it.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Range;

use super::bits::Bits;
use super::claim::ClaimId;
use super::days::Days;
use super::error::damaged;
use super::former::Formers;
use super::in_order::together;
use super::last_use::LastUse;
use super::last_users::LastUsers;
use super::ledger::Ledger;
use super::mention::{Mention, is_of_none, sum};
use super::mentions::Mentions;
use super::near;
use super::roster::Roster;
use super::said::ObjectId;
use super::seen::Seen;
use super::subject::{Sharing, SubjectId};
use crate::schema::{BySubject, NAME, Subject, usage_id};

/// What makes a usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Maker {
    /// By position among the mentions.
    Logins(u32),
    /// The user that a device names now, by claim.
    Last(ClaimId),
    /// By position among the former ones.
    Former(u32),
    /// A local account that stands for this one, and uses the device.
    Through(SubjectId),
}

/// An account and a device that it uses.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    account: u32,
    pub(super) logins: Option<u64>,
    pub(super) used: Option<i64>,
    /// Where its newest logins row is, if it has any: object and row.
    pub(super) said: Option<(ObjectId, u32)>,
    /// The mention that this row is of.
    pub(super) mention: Option<u32>,
    /// The newest object that names the account as the last to log in.
    pub(super) last_login: Option<ObjectId>,
    /// When that was at the latest, and on which days.
    pub(super) last_use: Option<(i64, Days)>,
    /// When the device named the account first.
    pub(super) first_named: Option<i64>,
    /// The newest row of the device names the account.
    pub(super) is_last_user: bool,
    /// The first day on which it was used, or the device named the account, as days since 1970.
    pub(super) first_day: Option<i32>,
    /// The days of its logins.
    pub(super) days: Option<Days>,
    /// Its newest logins are of a name that several bear, and so may be another's.
    are_logins_likely: bool,
    /// Last logins that tell of it are.
    pub(super) are_last_likely: bool,
    /// What tells it from others in any order of the files.
    tie: u64,
}

/// A usage, with those of the local accounts that stand for its account, of the same device.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) id: i64,
    /// None: the account itself does not use the device.
    own: Option<Usage>,
    through: Vec<Usage>,
}

/// What usages are summed up from.
pub(super) struct Told<'p> {
    pub(super) ledger: &'p Ledger,
    pub(super) mentions: &'p Mentions,
    pub(super) devices: &'p Roster,
    pub(super) sharing: &'p Sharing,
    pub(super) formers: &'p Formers,
    pub(super) last_users: &'p LastUsers,
    /// Of what makes usages, that of which a side is likely.
    pub(super) likely: &'p BTreeSet<Maker>,
}

impl Told<'_> {
    /// Returns the first day of use that a mention tells of, where it is certain whose that was: by keys that are never given to
    /// another, or by a name that no other ever had.
    fn first_day(&self, mention: &Mention) -> Option<i32> {
        let is_certain = |side: Subject| {
            let strongest = mention.keys_of(side).trailing_zeros() as usize;
            strongest < NAME || self.is_alone(side, mention.claims[side])
        };
        Subject::ALL
            .into_iter()
            .all(is_certain)
            .then_some(mention.first_day)
    }

    /// Returns the first day on which a device named an account, where it is certain whose name that was.
    fn first_named(&self, last_use: &LastUse) -> Option<i32> {
        let first = self.ledger.observed_at(last_use.first);
        self.is_alone(Subject::Account, last_use.account)
            .then(|| Days::of(first).newest)
    }

    /// Tells whether no other claim has a key of a claim: of several with one name any may be the one that is known.
    fn is_alone(&self, side: Subject, claim: Option<ClaimId>) -> bool {
        claim.is_some_and(|claim| !self.sharing.claims[side].has(claim.row()))
    }
}

/// What makes usages, by their ids.
#[derive(Debug, Default)]
pub(super) struct Makers(Vec<(i64, Maker)>);

fn is_same(left: &(i64, Maker), right: &(i64, Maker)) -> bool {
    left.0 == right.0
}

impl Makers {
    /// Makes room for as many as there may be.
    pub(super) fn with_capacity(count: usize) -> Makers {
        Makers(Vec::with_capacity(count))
    }

    /// Notes that an account uses a device.
    pub(super) fn push(&mut self, account: SubjectId, device: SubjectId, maker: Maker) {
        self.0.push((usage_id(account.0, device.0), maker));
    }

    /// Puts those of one usage beside one another; before any are asked for.
    pub(super) fn sort(&mut self) {
        self.0.sort_unstable();
    }

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Has the usages of local accounts count for those that they stand for too: pairs of both.
    pub(super) fn stand_for(&mut self, pairs: impl Iterator<Item = (SubjectId, SubjectId)>) {
        let mut through = Vec::new();
        for (local, account) in pairs {
            let devices = self.of_account(local).map(|id| id as u32);
            through
                .extend(devices.map(|device| (usage_id(account.0, device), Maker::Through(local))));
        }
        if !through.is_empty() {
            self.0.extend(through);
            self.sort();
        }
    }

    /// Returns the ids of an account's usages; before any count through others.
    fn of_account(&self, account: SubjectId) -> impl Iterator<Item = i64> {
        let first = self
            .0
            .partition_point(|(id, _)| *id < usage_id(account.0, 0));
        let own = self.0[first..].chunk_by(is_same);
        let own = own.take_while(move |makers| makers[0].0 >> 32 == i64::from(account.0));
        own.map(|makers| makers[0].0)
    }

    fn of_usage(&self, id: i64) -> &[(i64, Maker)] {
        let first = self.0.partition_point(|(other, _)| *other < id);
        let count = self.0[first..].partition_point(|(other, _)| *other == id);
        &self.0[first..first + count]
    }

    /// Returns usages in the order of their ids, each summed up from what makes it: those of which the first that makes
    /// them is in a range.
    pub(super) fn usages<'p>(
        &'p self,
        makers: Range<usize>,
        told: &'p Told,
    ) -> impl Iterator<Item = Whole> + 'p {
        let makers = &self.0[together(&self.0, makers, is_same)];
        makers.chunk_by(is_same).map(move |makers| {
            let through = makers.iter().filter_map(|(id, maker)| match maker {
                Maker::Through(local) => Some(usage_id(local.0, *id as u32)),
                _ => None,
            });
            Whole {
                id: makers[0].0,
                own: Usage::of(makers, told),
                through: through
                    .filter_map(|id| Usage::of(self.of_usage(id), told))
                    .collect(),
            }
        })
    }

    /// Looks at all that usages are summed up from.
    pub(super) fn touch(&self, makers: Range<usize>, told: &Told, devices: &Seen) {
        let makers = &self.0[makers];
        near::touch(makers.iter().map(|(_, maker)| {
            match maker {
                Maker::Logins(at) => {
                    let mention = &told.mentions.all[*at as usize];
                    mention.group ^ mention.used as u64 ^ u64::from(mention.row ^ mention.rows)
                }
                Maker::Last(device) => told.devices.last_uses[device.at()]
                    .map_or(0, |last_use| last_use.used as u64 ^ last_use.days.mask),
                Maker::Former(_) | Maker::Through(_) => 0,
            }
        }));
        devices.touch(makers.iter().map(|(id, _)| *id as u32));
    }

    /// Counts the usages that answer, those through other accounts alone aside.
    pub(super) fn count(&self, gone: &BySubject<Bits>) -> usize {
        let usages = self.0.chunk_by(is_same);
        let usages = usages.filter(|makers| !is_gone(makers[0].0, gone));
        let is_own = |makers: &&[(i64, Maker)]| {
            let mut makers = makers.iter();
            makers.any(|(_, maker)| !matches!(maker, Maker::Through(_)))
        };
        usages.filter(is_own).count()
    }
}

impl Whole {
    /// Returns the row of the device.
    pub(super) fn device(&self) -> u32 {
        self.id as u32
    }

    /// Tells whether a usage is its account's own.
    pub(super) fn is_own(&self, usage: &Usage) -> bool {
        usage.account == (self.id >> 32) as u32
    }

    /// Returns its usages.
    pub(super) fn all(&self) -> impl Iterator<Item = &Usage> {
        self.own.iter().chain(&self.through)
    }

    /// Returns the account through which the device is used: of several the one with most logins.
    pub(super) fn through(&self) -> Option<u32> {
        let through = self.through.iter();
        let most = through.max_by_key(|usage| (usage.logins, usage.used, usage.tie));
        most.map(|usage| usage.account)
    }

    /// Returns what is shown of all of them together.
    pub(super) fn shown(&self, ledger: &Ledger) -> Usage {
        let mut shown = self.own.unwrap_or_default();
        for usage in &self.through {
            shown.logins = sum(shown.logins, usage.logins);
            shown.used = shown.used.max(usage.used);
            shown.note_last_login(ledger, usage.last_login);
            shown.note_day(usage.first_day);
            let is_newer = match (usage.said, shown.said) {
                (Some(new), Some(known)) => {
                    // Of equally new ones the account's own, else the last row.
                    let is_own = self.own.is_some_and(|own| own.mention == shown.mention);
                    let order = ledger.compare_objects(new.0, known.0);
                    order.is_gt() || (order.is_eq() && !is_own && new.1 > known.1)
                }
                (new, known) => new.is_some() && known.is_none(),
            };
            if is_newer {
                (shown.said, shown.mention) = (usage.said, usage.mention);
            }
        }
        shown
    }
}

impl Usage {
    /// Sums up what makes a usage by itself.
    fn of(makers: &[(i64, Maker)], told: &Told) -> Option<Usage> {
        let mut usage = None;
        for (id, maker) in makers {
            if matches!(maker, Maker::Through(_)) {
                continue;
            }
            let usage = usage.get_or_insert(Usage {
                account: (id >> 32) as u32,
                ..Usage::default()
            });
            match maker {
                Maker::Logins(at) => {
                    let mention = &told.mentions.all[*at as usize];
                    usage.tie = usage.tie.max(mention.group);
                    usage.add_logins(told.ledger, *at, mention, told.likely.contains(maker));
                    usage.note_day(told.first_day(mention));
                }
                Maker::Last(device) => {
                    usage.is_last_user |= told.last_users.has(*device);
                    usage.are_last_likely |= told.likely.contains(maker);
                    if let Some(last_use) = &told.devices.last_uses[device.at()] {
                        usage.add_last_use(told.ledger, last_use);
                        usage.note_day(told.first_named(last_use));
                    }
                }
                Maker::Former(at) => {
                    let former = &told.formers.all[*at as usize];
                    usage.tie = usage.tie.max(former.value());
                    usage.are_last_likely |= told.likely.contains(maker);
                    usage.add_last_use(told.ledger, &former.last_use);
                    usage.note_day(told.first_named(&former.last_use));
                }
                Maker::Through(_) => {}
            }
        }
        usage
    }

    /// The logins of the newer object, or of both when it is the same; the days of all.
    fn add_logins(&mut self, ledger: &Ledger, at: u32, mention: &Mention, is_likely: bool) {
        self.days = joined(self.days, Some(mention.days()));
        let order = match self.said {
            None => Ordering::Greater,
            Some((object, _)) => ledger.compare_objects(mention.object, object),
        };
        let is_newest = match order {
            Ordering::Less => return,
            Ordering::Greater => {
                self.logins = mention.logins();
                self.are_logins_likely = is_likely;
                true
            }
            Ordering::Equal => {
                self.logins = sum(self.logins, mention.logins());
                self.are_logins_likely |= is_likely;
                (mention.used(), Some(mention.row)) > (self.used, self.said.map(|(_, row)| row))
            }
        };
        if is_newest {
            self.used = mention.used();
            self.said = Some((mention.object, mention.row));
            self.mention = Some(at);
        }
    }

    /// Tells whether logins tell of it: a row that counts none is there because something else was, unless it says when, or rows of
    /// other days were there before.
    pub(super) fn has_logins(&self) -> bool {
        let are_several = self.days.is_some_and(|days| days.count() > 1);
        self.said.is_some() && (!is_of_none(self.logins, self.used) || are_several)
    }

    /// Tells whether it may be another's, who bears the same name: of logins, where these tell of it.
    pub(super) fn is_likely(&self) -> bool {
        match self.has_logins() {
            true => self.are_logins_likely,
            false => self.are_last_likely,
        }
    }

    fn note_day(&mut self, day: Option<i32>) {
        self.first_day = match (self.first_day, day) {
            (Some(known), Some(day)) => Some(known.min(day)),
            (known, day) => known.or(day),
        };
    }

    fn note_last_login(&mut self, ledger: &Ledger, object: Option<ObjectId>) {
        let at = |object: Option<ObjectId>| object.map(|object| ledger.observed_at(object));
        if at(object) > at(self.last_login) {
            self.last_login = object;
        }
    }

    fn add_last_use(&mut self, ledger: &Ledger, last_use: &LastUse) {
        self.note_last_login(ledger, Some(last_use.last));
        let first = ledger.observed_at(last_use.first);
        self.first_named = Some(self.first_named.map_or(first, |known| known.min(first)));
        let (used, days) = (last_use.used, last_use.days);
        self.last_use = Some(match self.last_use {
            Some((newest, known)) => (newest.max(used), known.and(days)),
            None => (used, days),
        });
    }
}

/// Returns the days of both.
pub(super) fn joined(left: Option<Days>, right: Option<Days>) -> Option<Days> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.and(right)),
        (left, right) => left.or(right),
    }
}

/// Tells whether the account or the device of a usage is gone: it does not answer then, and still tells where somebody was.
pub(super) fn is_gone(id: i64, gone: &BySubject<Bits>) -> bool {
    gone.account.has((id >> 32) as u32) || gone.device.has(id as u32)
}

/// The error of a usage whose device has no row.
pub(super) fn no_device() -> super::Error {
    damaged("a usage of a device that has no row")
}
