//! Ranked usages: what `ranking` works out from, brought together of what is kept, and what it came to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::aside::PutAside;
use super::at_device::{OnDevice, Unplaced};
use super::bits::Bits;
use super::claim::ClaimId;
use super::former::name_in;
use super::from_devices::FromDevices;
use super::idle::Idle;
use super::in_order::{ROWS, in_order};
use super::kept::Kept;
use super::last_users::LastUsers;
use super::mentions::Mentions;
use super::ranking::Ranking;
use super::replaced::{Records, Replaced};
use super::roster::Roster;
use super::seen::Seen;
use super::stand::{Scale, Seconds, Sides, Stand, day_of, is_later, mark, seconds};
use super::stands_for::Namesakes;
use super::subject::{Sharing, Standing, SubjectId};
use super::text_reader::TextReader;
use super::usage::{Maker, Makers, Told, is_gone};
use super::usage_heads::Heads;
use super::waiting::AllWaiting;
use super::{Result, Rules};
use crate::class::{Patterns, traits_of_keys};
use crate::identifier::domain;
use crate::schema::{BySubject, Class, Rank};
use crate::sqlite::Record;

/// What makes usages, so much at once that all it is summed up from stays near.
const NEAR: usize = 512;

/// What is known of accounts and devices when usages are ranked.
pub(super) struct People<'a> {
    /// Of accounts, by row.
    pub(super) classes: &'a [Class],
    /// When devices and accounts were first and last seen.
    pub(super) seen: BySubject<&'a Seen>,
    /// Of devices.
    pub(super) standing: &'a Standing,
    pub(super) sharing: &'a Sharing,
    pub(super) waiting: &'a AllWaiting,
    pub(super) records: Records<'a>,
    /// Whom last logins may mean, where that is several.
    pub(super) last_candidates: &'a BTreeMap<ClaimId, Vec<SubjectId>>,
    pub(super) several_names: &'a BySubject<BTreeSet<SubjectId>>,
    /// When logins were on what has the name of a device, and is another one.
    pub(super) named_anew: &'a BTreeMap<SubjectId, i64>,
    pub(super) namesakes: &'a [Namesakes],
    /// Of what makes usages, that of which a side is likely.
    pub(super) likely: &'a BTreeSet<Maker>,
    /// Other columns of logins rows.
    pub(super) extras: &'a PutAside,
}

/// All usages in the order of their ids, and their ranks.
pub(super) struct Ranked {
    ids: Vec<i64>,
    ranks: Vec<Rank>,
    /// Each with the position of its first usage.
    pub(super) heads: Vec<(usize, Heads)>,
    /// In the order of devices.
    ids_by_device: Vec<i64>,
}

/// All usages in the order of their ids, before they are ranked.
struct Unranked {
    ids: Vec<i64>,
    stands: Vec<Stand>,
    heads: Vec<(usize, Heads)>,
}

impl Ranked {
    /// Ranks all usages; `source` opens the texts of devices.
    pub(super) fn rank<'s>(
        kept: &Kept,
        rules: &Rules,
        (makers, mentions): (Makers, Mentions),
        people: &People,
        source: impl Fn() -> Result<TextReader<'s>> + Sync,
    ) -> Result<Ranked> {
        let devices = &kept.rosters.device;
        let last_users = LastUsers::of(devices, people.standing, &kept.ledger)?;
        let scale = scale_of(kept, rules, &mentions);
        let Unranked { ids, stands, heads } =
            unranked(kept, &scale, (&makers, &mentions), people, &last_users)?;
        drop((makers, mentions));
        let by_device = (0..).zip(&ids).map(|(at, id)| OnDevice::of(*id as u32, at));
        let mut by_device: Vec<OnDevice> = by_device.collect();
        by_device.sort_unstable();
        let used = |device: u32| {
            let first = by_device.partition_point(|one| one.device() < device);
            let its = by_device[first..].iter();
            let its = its.take_while(|one| one.device() == device);
            let proven = its.map(|one| &stands[one.position()]);
            let proven = proven.filter(|stand| stand.is(mark::PROVEN));
            proven.map(|stand| stand.known).max()
        };
        let replaced = Replaced::of(&people.records, people.seen.device, used, &kept.ledger);
        let idle = Idle::of(&stands);
        let ranking = Ranking {
            ids: &ids,
            stands: &stands,
            by_device: &by_device,
            classes: people.classes,
            waiting: people.waiting,
            namesakes: people.namesakes,
            replaced: &replaced,
            seen: people.seen,
            ledger: &kept.ledger,
            devices_observed: devices.newest_row(&kept.ledger).map_or(0, seconds),
            named_anew: people.named_anew,
            several_names: people.several_names,
            scale: &scale,
            idle: &idle,
            since: seconds(scale.now.saturating_sub(scale.recent)),
            since_day: day_of(scale.now.saturating_sub(scale.recent)),
        };
        let unplaced = UnplacedUsers {
            users: &last_users,
            candidates: people.last_candidates,
            devices,
            sharing: people.sharing,
            patterns: &rules.patterns,
            source,
        };
        let (at_devices, ids_by_device) = FromDevices { of: &ranking }.at_devices(&unplaced)?;
        let ranks = ranking.ranks(&at_devices, &unplaced)?;
        Ok(Ranked {
            ids,
            ranks,
            heads,
            ids_by_device,
        })
    }

    /// Returns the id and the rank of the usage at a position.
    pub(super) fn of(&self, at: usize) -> (i64, Rank) {
        (self.ids[at], self.ranks[at])
    }

    /// Counts the devices that are shared, and those that are somebody's own.
    pub(super) fn shared_and_owned(&self, gone: &BySubject<Bits>) -> (u64, u64) {
        let (mut shared, mut owned) = (Bits::default(), Bits::default());
        let usages = self.ids.iter().zip(&self.ranks);
        for (id, rank) in usages.filter(|(id, _)| !is_gone(**id, gone)) {
            let device = *id as u32;
            if rank.is_shared {
                shared.set(device);
            }
            if rank.not_primary.is_none() {
                owned.set(device);
            }
        }
        (shared.count(), owned.count())
    }

    /// Returns devices with the ids of their usages, in order.
    pub(super) fn by_device(&self) -> impl Iterator<Item = [i64; 2]> {
        let ids = self.ids_by_device.iter();
        ids.map(|id| [i64::from(*id as u32), *id])
    }
}

/// Returns what times are measured by: the newest row of logins and devices.
fn scale_of(kept: &Kept, rules: &Rules, mentions: &Mentions) -> Scale {
    let objects = mentions.all.iter().map(|mention| mention.object);
    let newest = objects.map(|object| kept.ledger.observed_at(object)).max();
    let newest = kept.rosters.device.newest_row(&kept.ledger).max(newest);
    Scale {
        now: newest.unwrap_or(i64::MIN),
        recent: rules.recent,
        is_window_short: rules.is_window_short(),
        days_of_window: i32::from(rules.is_window_of_a_day()),
    }
}

/// Sums all usages up.
fn unranked(
    kept: &Kept,
    scale: &Scale,
    (makers, mentions): (&Makers, &Mentions),
    people: &People,
    last_users: &LastUsers,
) -> Result<Unranked> {
    let Kept {
        ledger,
        rosters,
        formers,
        ..
    } = kept;
    let told = Told {
        ledger,
        mentions,
        devices: &rosters.device,
        sharing: people.sharing,
        formers,
        last_users,
        likely: people.likely,
    };
    let near = |record: &mut Record, some: Range<usize>| {
        let (mut stands, mut heads) = (Vec::with_capacity(some.len()), Heads::default());
        makers.touch(some.clone(), &told, people.seen.device);
        for usage in makers.usages(some, &told) {
            let account = (usage.id >> 32) as u32;
            let sides = Sides {
                device: people.seen.device.last(usage.device(), ledger),
                account: people.seen.account.last(account, ledger),
                there_since: people.seen.account.first(account),
                device_since: people.seen.device.first(usage.device()),
            };
            let (time, stand) = scale.stand(&usage, sides, ledger);
            heads.push(&usage, time, ledger, people.extras, record);
            stands.push((usage.id, stand));
        }
        heads.end();
        (stands, heads)
    };
    let make = |record: &mut Record, some: Range<usize>| {
        let parts = some.clone().step_by(NEAR);
        let parts = parts.map(|from| near(record, from..some.end.min(from + NEAR)));
        Ok(parts.collect())
    };
    // As many usages as there may be: to let them grow would move them again and again.
    let mut all = Unranked {
        ids: Vec::with_capacity(makers.len()),
        stands: Vec::with_capacity(makers.len()),
        heads: Vec::new(),
    };
    let take = |parts: Vec<(Vec<(i64, Stand)>, Heads)>| {
        for (stands, heads) in parts {
            all.heads.push((all.ids.len(), heads));
            all.ids.extend(stands.iter().map(|(id, _)| *id));
            all.stands.extend(stands.iter().map(|(_, stand)| *stand));
        }
        Ok(())
    };
    in_order(makers.len(), ROWS, || Ok(Record::default()), make, take)?;
    Ok(all)
}

/// Users whom devices name and of whom no usage is.
struct UnplacedUsers<'a, S> {
    users: &'a LastUsers,
    candidates: &'a BTreeMap<ClaimId, Vec<SubjectId>>,
    devices: &'a Roster,
    sharing: &'a Sharing,
    patterns: &'a Patterns,
    /// Opens the texts of devices.
    source: S,
}

impl<'s, S: Fn() -> Result<TextReader<'s>>> Unplaced for UnplacedUsers<'_, S> {
    fn is_another_named(&self, device: u32, account: u32, known: Seconds) -> bool {
        let Some(claim) = self.users.claim_of(device) else {
            return false;
        };
        let candidates = self.candidates.get(&claim);
        let may_be = candidates.is_some_and(|some| some.contains(&SubjectId(account)));
        let last_use = self.devices.last_uses[claim.at()];
        !may_be || last_use.is_none_or(|last_use| is_later(seconds(last_use.used), known))
    }

    fn no_persons(&self, devices: &[u32]) -> Result<BTreeSet<u32>> {
        let claims = devices
            .iter()
            .filter_map(|device| Some((self.users.claim_of(*device)?, *device)));
        // Texts are read in the order of claims.
        let claims: BTreeMap<ClaimId, u32> = claims.collect();
        let mut no_persons = BTreeSet::new();
        if claims.is_empty() {
            return Ok(no_persons);
        }
        let mut source = (self.source)()?;
        for (claim, device) in claims {
            let text = self.devices.claim(claim).newest.text;
            let name = name_in(&mut source, claim, text)?;
            let is_of_device =
                domain(&name).is_some_and(|domain| self.sharing.is_device_name(domain));
            let class = traits_of_keys(None, Some(&name), self.patterns).class;
            if is_of_device || matches!(class, Class::Machine | Class::Service | Class::Admin) {
                no_persons.insert(device);
            }
        }
        Ok(no_persons)
    }
}
