//! Usages: which accounts use which devices, each summed up from the mentions and last logins that make it.

use std::cmp::Ordering;
use std::ops::Range;

use super::bits::Bits;
use super::claim::ClaimId;
use super::error::damaged;
use super::former::Formers;
use super::ledger::Ledger;
use super::mention::{Mention, sum};
use super::mentions::Mentions;
use super::roster::Roster;
use super::said::ObjectId;
use super::subject::SubjectId;
use crate::schema::{SHARED_BY, usage_id};

/// What makes a usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Maker {
    /// By position among the mentions.
    Logins(u32),
    /// The user that a device names now, by claim.
    Last(ClaimId),
    /// By position among the former ones.
    Former(u32),
}

/// An account and a device that it uses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub(super) account: u32,
    pub(super) device: u32,
    pub(super) logins: Option<u64>,
    pub(super) used: Option<i64>,
    /// Where its newest logins row is, if it has any: object and row.
    pub(super) said: Option<(ObjectId, u32)>,
    /// The mention that this row is of.
    pub(super) mention: Option<u32>,
    /// The newest object that names the account as the last to log in.
    pub(super) last_login: Option<ObjectId>,
}

/// What makes usages, by their ids.
#[derive(Debug, Default)]
pub(super) struct Makers(Vec<(i64, Maker)>);

impl Makers {
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

    /// Returns usages in the order of their ids, each summed up from what makes it: those of which the first that makes
    /// them is in a range.
    pub(super) fn usages<'p>(
        &'p self,
        makers: Range<usize>,
        ledger: &'p Ledger,
        mentions: &'p Mentions,
        devices: &'p Roster,
        formers: &'p Formers,
    ) -> impl Iterator<Item = Usage> + 'p {
        let same = |left: &(i64, Maker), right: &(i64, Maker)| left.0 == right.0;
        let whole = |mut at: usize| {
            while at > 0 && at < self.0.len() && same(&self.0[at - 1], &self.0[at]) {
                at += 1;
            }
            at
        };
        let makers = &self.0[whole(makers.start)..whole(makers.end)];
        makers.chunk_by(same).map(move |makers| {
            let mut usage = Usage {
                account: (makers[0].0 >> 32) as u32,
                device: makers[0].0 as u32,
                logins: None,
                used: None,
                said: None,
                mention: None,
                last_login: None,
            };
            for (_, maker) in makers {
                match maker {
                    Maker::Logins(at) => usage.add_logins(ledger, *at, &mentions.all[*at as usize]),
                    Maker::Last(device) => {
                        let last_use = devices.last_uses[device.at()];
                        let last = last_use.map(|last_use| last_use.last);
                        usage.add_last_login(ledger, last);
                    }
                    Maker::Former(at) => {
                        let last = formers.all[*at as usize].last_use.last;
                        usage.add_last_login(ledger, Some(last));
                    }
                }
            }
            usage
        })
    }

    /// Returns the ids of the usages, in order.
    pub(super) fn ids(&self) -> impl Iterator<Item = i64> {
        let same = |left: &(i64, Maker), right: &(i64, Maker)| left.0 == right.0;
        self.0.chunk_by(same).map(|makers| makers[0].0)
    }

    /// Returns the devices that so many accounts use that they are nobody's own; `counts` tells of an account's row
    /// whether it counts.
    pub(super) fn shared_devices(&self, counts: impl Fn(u32) -> bool) -> Bits {
        let mut shared = Bits::default();
        let counted = self.ids().filter(|id| counts((id >> 32) as u32));
        let mut devices: Vec<u32> = counted.map(|id| id as u32).collect();
        devices.sort_unstable();
        for same in devices.chunk_by(|left, right| left == right) {
            if same.len() >= SHARED_BY as usize {
                shared.set(same[0]);
            }
        }
        shared
    }
}

impl Usage {
    /// The logins of the newer object, or of both when it is the same.
    fn add_logins(&mut self, ledger: &Ledger, at: u32, mention: &Mention) {
        let order = match self.said {
            None => Ordering::Greater,
            Some((object, _)) => ledger.compare_objects(mention.object, object),
        };
        let is_newest = match order {
            Ordering::Less => return,
            Ordering::Greater => {
                self.logins = mention.logins();
                true
            }
            Ordering::Equal => {
                self.logins = sum(self.logins, mention.logins());
                (mention.used(), Some(mention.row)) > (self.used, self.said.map(|(_, row)| row))
            }
        };
        if is_newest {
            self.used = mention.used();
            self.said = Some((mention.object, mention.row));
            self.mention = Some(at);
        }
    }

    fn add_last_login(&mut self, ledger: &Ledger, object: Option<ObjectId>) {
        let at = |object: Option<ObjectId>| object.map(|object| ledger.observed_at(object));
        if at(object) > at(self.last_login) {
            self.last_login = object;
        }
    }
}

/// The error of a usage whose device has no row.
pub(super) fn no_device() -> super::Error {
    damaged("a usage of a device that has no row")
}
