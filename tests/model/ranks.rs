//! Ranks: which device is whose, by what all usages say together. Each rule is read off `docs/semantics.md`, "Ranking".
//! Which usages there are is left to `usages`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::derive;
use super::rows::{Row, newest_value};
use super::samples::{UID_A, UID_B, UID_C, object};
use super::subjects::{Resolution, Subject, Subjects};
use super::time::{DAY_US, time_us};
use super::usages::{Usage, Usages};

/// How long before the newest row a usage is current.
const RECENT_US: i64 = 30 * DAY_US;

type Pair = (Subject, Subject);

/// What is known of accounts and devices.
pub(super) struct World<'w, 'r> {
    pub(super) accounts: &'w Subjects<'r>,
    pub(super) devices: &'w Subjects<'r>,
    pub(super) device_names: &'w BTreeSet<String>,
    pub(super) newest_logins: Option<i64>,
    /// The newest logins that wait, of accounts that they mean.
    pub(super) waiting: Waiting,
    /// Whom each device's newest row names as the last to log in: whom that means, and the domain part of the name.
    pub(super) last_users: BTreeMap<Subject, (Resolution, Option<String>)>,
}

/// A pair's rank.
pub(super) struct Rank {
    pub(super) time_of_use: i64,
    pub(super) is_current: bool,
    pub(super) is_shared: bool,
    pub(super) is_primary: bool,
}

/// A usage as it counts for its account, those of the local accounts that stand for that included.
struct Stand {
    time: i64,
    /// When it is known to have been: what competes with others.
    known: i64,
    /// When its logins were observed, if there are any, else when it is known to have been.
    told: i64,
    has_logins: bool,
    /// The device named its account of late.
    is_named: bool,
    weight: u64,
    began: i64,
    recent_days: u64,
    logins: u64,
    is_current: bool,
    is_counted: bool,
    is_dated: bool,
    /// Dated logins tell of it.
    is_proven: bool,
    /// It was before its account was first seen.
    is_too_early: bool,
}

impl World<'_, '_> {
    fn class(&self, account: &Subject) -> String {
        let rows = rows_of(self.accounts, account);
        let shown = super::fields::account_json(account, &rows, self.device_names);
        shown["class"].as_str().unwrap_or_default().to_owned()
    }

    fn is_persons(&self, account: &Subject) -> bool {
        matches!(self.class(account).as_str(), "person" | "unknown")
    }

    fn now(&self) -> i64 {
        let devices = (!self.devices.members.is_empty()).then_some(self.devices.newest);
        devices.max(self.newest_logins).unwrap_or(i64::MIN)
    }

    /// Returns the local accounts that stand for another one, with that.
    fn stands_for(&self) -> BTreeMap<Subject, Subject> {
        let upn = |account: &Subject| {
            let rows = rows_of(self.accounts, account);
            newest_value(&rows, "user.upn").map(str::to_ascii_lowercase)
        };
        let all = || self.accounts.members.keys();
        let mut stands_for = BTreeMap::new();
        for local in all().filter(|account| self.class(account) == "local") {
            let Some(wanted) = upn(local) else { continue };
            let holds = |account: &&Subject| {
                upn(account).as_ref() == Some(&wanted)
                    && !matches!(self.class(account).as_str(), "local" | "machine")
            };
            let holders: Vec<&Subject> = all().filter(holds).collect();
            let keeps = |account: &&&Subject| {
                let mut others = holders.iter().filter(|other| other != account);
                // Within an hour is side by side.
                others.all(|other| {
                    self.first_with(other, &wanted) <= self.last(account) + DAY_US / 24
                })
            };
            if let [one] = holders.iter().filter(keeps).collect::<Vec<_>>()[..]
                && self.first_with(one, &wanted) <= self.first_with(local, &wanted) + DAY_US / 24
            {
                stands_for.insert(local.clone(), (*one).clone());
            }
        }
        stands_for
    }

    fn last(&self, account: &Subject) -> i64 {
        let rows = rows_of(self.accounts, account);
        let times = rows.iter().map(|row| row.stamp.observed_us);
        times.max().unwrap_or(i64::MIN)
    }

    fn first_with(&self, account: &Subject, upn: &str) -> i64 {
        let rows = rows_of(self.accounts, account);
        let saying = rows.iter().filter(|row| {
            let said = row.value("user.upn");
            said.is_some_and(|said| said.eq_ignore_ascii_case(upn))
        });
        let times = saying.map(|row| row.stamp.observed_us);
        times.min().unwrap_or(i64::MAX)
    }

    fn last_seen(&self, device: &Subject) -> Option<i64> {
        let rows = rows_of(self.devices, device);
        newest_value(&rows, "device.last_seen").and_then(time_us)
    }

    fn time_of_use(&self, (_, device): &Pair, usage: &Usage) -> i64 {
        let time = usage.logins_time().max(usage.last_login_used());
        let time = time.expect("something makes a usage");
        self.last_seen(device)
            .map_or(time, |last_seen| time.min(last_seen))
    }

    /// When a usage is known to have been: by its logins, if there are any, and no later than its device was last seen, where
    /// the device's newest row is not older than that.
    fn known(&self, (_, device): &Pair, usage: &Usage) -> i64 {
        let time = usage.logins_time().or(usage.last_login_used());
        let time = time.expect("something makes a usage");
        let rows = rows_of(self.devices, device);
        let newest = rows.iter().map(|row| row.stamp.observed_us).max();
        match self.last_seen(device) {
            Some(last_seen) if newest >= Some(time) => time.min(last_seen),
            _ => time,
        }
    }

    fn stand(&self, account: &Subject, parts: &[(&Pair, &Usage)]) -> Stand {
        let since = self.now() - RECENT_US;
        let is_current = |part: &&(&Pair, &Usage)| self.time_of_use(part.0, part.1) >= since;
        let some_current = parts.iter().any(|part| is_current(&part));
        let counting: Vec<&(&Pair, &Usage)> = parts
            .iter()
            .filter(|part| is_current(part) == some_current)
            .collect();
        let newest_day = counting.iter().flat_map(|(_, usage)| usage.days()).max();
        let days: BTreeSet<i64> = counting
            .iter()
            .flat_map(|(_, usage)| usage.days())
            .filter(|day| newest_day.is_some_and(|newest| newest - day < 64))
            .collect();
        let logins: u64 = counting.iter().filter_map(|(_, usage)| usage.count()).sum();
        let known = counting.iter().map(|(pair, usage)| self.known(pair, usage));
        let known = known.max().expect("a usage has parts");
        let first_seen = |account: &Subject| {
            let rows = rows_of(self.accounts, account);
            let said = newest_value(&rows, "user.first_seen").and_then(time_us)?;
            let by_sid = rows.iter().filter(|row| row.said("user.sid").is_some());
            let observed = by_sid.map(|row| row.stamp.observed_us).min();
            Some(observed.map_or(said, |observed| observed.min(said)))
        };
        // What was before may be another bearer's of the name.
        let began = first_seen(account).map_or(since, |first_seen| since.max(first_seen - DAY_US));
        let recent = days.iter().filter(|day| **day >= began.div_euclid(DAY_US));
        let begins_early = |account: &Subject, (pair, usage): &(&Pair, &Usage)| {
            let begun = usage.first_named().unwrap_or(i64::MAX);
            let begun = begun.min(self.known(pair, usage));
            first_seen(account).is_some_and(|first_seen| begun < first_seen - DAY_US)
        };
        Stand {
            is_too_early: counting.iter().any(|part| begins_early(account, part)),
            is_proven: counting
                .iter()
                .any(|(_, usage)| usage.has_logins() && usage.are_logins_dated()),
            known,
            told: counting
                .iter()
                .filter_map(|(_, usage)| usage.logins_observed())
                .max()
                .unwrap_or(known),
            has_logins: counting.iter().any(|(_, usage)| usage.has_logins()),
            is_named: counting
                .iter()
                .any(|(_, usage)| usage.first_named().is_some()),
            recent_days: recent.clone().count() as u64,
            logins: logins.max(1),
            time: parts
                .iter()
                .map(|(pair, usage)| self.time_of_use(pair, usage))
                .max()
                .expect("a usage has parts"),
            weight: logins.max(1) * recent.clone().count() as u64,
            began: recent
                .min()
                .map_or(i64::MAX, |day| (*day).min(known.div_euclid(DAY_US))),
            is_current: some_current,
            is_counted: counting
                .iter()
                .any(|(_, usage)| usage.has_logins() || usage.last_login_days().len() >= 3),
            is_dated: counting
                .iter()
                .all(|(_, usage)| !usage.has_logins() || usage.are_logins_dated()),
        }
    }
}

/// Returns all pairs with what makes each: its own usage, and those through which it has the device.
pub(super) fn whole<'u, 'a>(
    usages: &'u Usages<'a>,
    world: &World,
) -> BTreeMap<Pair, Vec<(&'u Pair, &'u Usage<'a>)>> {
    let mut whole: BTreeMap<Pair, Vec<_>> = BTreeMap::new();
    let stands_for = world.stands_for();
    for (pair, usage) in &usages.by_pair {
        whole
            .entry(pair.clone())
            .or_default()
            .insert(0, (pair, usage));
        if let Some(account) = stands_for.get(&pair.0) {
            let through = (account.clone(), pair.1.clone());
            whole.entry(through).or_default().push((pair, usage));
        }
    }
    whole
}

/// Returns the rank of every pair.
pub(super) fn ranks(
    whole: &BTreeMap<Pair, Vec<(&Pair, &Usage)>>,
    world: &World,
) -> BTreeMap<Pair, Rank> {
    let stands: BTreeMap<&Pair, Stand> = whole
        .iter()
        .map(|(pair, parts)| (pair, world.stand(&pair.0, parts)))
        .collect();
    let shared: BTreeSet<&Subject> = whole
        .keys()
        .map(|(_, device)| device)
        .filter(|device| is_shared(device, &stands, world))
        .collect();
    let rank = |pair: &Pair| {
        let stand = &stands[pair];
        let of_account = |other: &Pair| other.0 == pair.0 && !shared.contains(&other.1);
        let of_device = |other: &Pair| other.1 == pair.1 && world.is_persons(&other.0);
        Rank {
            time_of_use: stand.time,
            is_current: stand.is_current,
            is_shared: shared.contains(&pair.1),
            is_primary: lead(&stands, of_account) == Some(pair)
                && lead(&stands, of_device) == Some(pair)
                && is_there_still(pair, &stands, &shared, world)
                && !stand.is_too_early
                && is_best_known(pair, whole, &stands, &shared, world)
                && has_most(pair, &stands, of_device)
                && agrees(pair, whole, &stands, world),
        }
    };
    whole
        .keys()
        .map(|pair| (pair.clone(), rank(pair)))
        .collect()
}

fn is_shared(device: &Subject, stands: &BTreeMap<&Pair, Stand>, world: &World) -> bool {
    let weights: Vec<u64> = stands
        .iter()
        .filter(|(pair, stand)| pair.1 == *device && stand.is_current && world.is_persons(&pair.0))
        .map(|(_, stand)| stand.weight)
        .collect();
    let all: u64 = weights.iter().sum();
    weights.len() >= 3 && weights.iter().all(|weight| weight * 2 <= all)
}

/// When the newest logins were that wait, and whether they tell it: of accounts, and of devices of which one may be meant.
#[derive(Default)]
pub(super) struct Waiting {
    accounts: BTreeSet<(Subject, i64, bool)>,
    devices: BTreeSet<(Subject, i64, bool)>,
}

impl Waiting {
    pub(super) fn take(
        &mut self,
        account: &Resolution,
        device: &Resolution,
        time: i64,
        is_dated: bool,
    ) {
        if let (Resolution::One(account), Resolution::Unknown | Resolution::Ambiguous(_)) =
            (account, device)
        {
            self.accounts.insert((account.clone(), time, is_dated));
        }
        if let Resolution::Ambiguous(devices) = device {
            let devices = devices.iter().cloned();
            self.devices
                .extend(devices.map(|device| (device, time, is_dated)));
        }
    }

    fn of<'w>(&'w self, pair: &'w Pair) -> impl Iterator<Item = (i64, bool)> + 'w {
        let account = self.accounts.iter().filter(|(of, ..)| *of == pair.0);
        let device = self.devices.iter().filter(|(of, ..)| *of == pair.1);
        account
            .chain(device)
            .map(|(_, time, is_dated)| (*time, *is_dated))
    }
}

/// Says whether an account was nowhere else more than a day later, also where logins wait; and at no shared device on more
/// than twice as many days.
fn is_there_still(
    pair: &Pair,
    stands: &BTreeMap<&Pair, Stand>,
    shared: &BTreeSet<&Subject>,
    world: &World,
) -> bool {
    let lead = &stands[pair];
    let own = || stands.iter().filter(|(other, _)| other.0 == pair.0);
    let mut at_shared =
        own().filter(|(other, stand)| stand.is_current && shared.contains(&other.1));
    if at_shared.any(|(_, stand)| stand.recent_days > 2 * lead.recent_days) {
        return false;
    }
    let is_elsewhere = own().any(|(_, stand)| match stand.is_dated {
        true => stand.known - lead.known > DAY_US,
        false => stand.told - lead.told > DAY_US,
    });
    let mut waiting = world.waiting.of(pair);
    let waits = waiting.any(|(time, is_dated)| match (is_dated, lead.is_dated) {
        (true, _) => time - lead.known > DAY_US,
        (false, true) => time - lead.told > DAY_US,
        (false, false) => lead.told - time <= DAY_US / 24,
    });
    !is_elsewhere && !waits
}

/// Says whether nothing better is known of another device that may be an account's own.
fn is_best_known(
    pair: &Pair,
    whole: &BTreeMap<Pair, Vec<(&Pair, &Usage)>>,
    stands: &BTreeMap<&Pair, Stand>,
    shared: &BTreeSet<&Subject>,
    world: &World,
) -> bool {
    let lead = &stands[pair];
    let own = whole.iter().filter(|(other, _)| other.0 == pair.0);
    let mut others = own.filter(|(other, _)| {
        *other != pair && stands[other].is_current && !shared.contains(&other.1)
    });
    let is_last_user = |parts: &[(&Pair, &Usage)]| {
        let mut of_current = parts
            .iter()
            .filter(|(part, usage)| world.time_of_use(part, usage) >= world.now() - RECENT_US);
        of_current.any(|((who, device), _)| {
            let user = world.last_users.get(device).map(|(user, _)| user);
            user == Some(&Resolution::One(who.clone()))
        })
    };
    let is_better = |(other, parts): (&Pair, &Vec<(&Pair, &Usage)>)| {
        let stand = &stands[other];
        match (lead.is_proven, lead.has_logins) {
            (true, _) => false,
            (false, true) => stand.is_proven || is_last_user(parts),
            (false, false) => stand.has_logins || stand.is_named,
        }
    };
    !others.any(is_better)
}

/// Says whether more than half of the logins of all people at a device are a pair's, or more than half of their days.
fn has_most(
    pair: &Pair,
    stands: &BTreeMap<&Pair, Stand>,
    of_device: impl Fn(&Pair) -> bool,
) -> bool {
    let some = stands
        .iter()
        .filter(|(other, stand)| of_device(other) && stand.is_current);
    let all_days: u64 = some.clone().map(|(_, stand)| stand.recent_days).sum();
    let all_logins: u64 = some.map(|(_, stand)| stand.logins).sum();
    stands[pair].recent_days * 2 > all_days || stands[pair].logins * 2 > all_logins
}

/// Returns the one that stands out among the current ones of some pairs.
fn lead<'p>(stands: &BTreeMap<&'p Pair, Stand>, of: impl Fn(&Pair) -> bool) -> Option<&'p Pair> {
    let some = stands
        .iter()
        .filter(|(pair, stand)| of(pair) && stand.is_current);
    let newest = some.clone().map(|(_, stand)| stand.known).max()?;
    let rest: Vec<(&&Pair, &Stand)> = some
        .filter(|(_, stand)| newest - stand.known < 14 * DAY_US)
        .collect();
    let all: u64 = rest.iter().map(|(_, stand)| stand.weight).sum();
    let (pair, lead) = rest.iter().find(|(_, stand)| stand.weight * 2 > all)?;
    let is_last = rest
        .iter()
        .all(|(other, stand)| other == pair || stand.began.saturating_mul(DAY_US) <= lead.known);
    let stands_out = lead.is_counted && newest - lead.known <= DAY_US && is_last;
    stands_out.then_some(**pair)
}

/// Says whether the last login that a device's newest row names does not speak against a pair.
fn agrees(
    pair: &Pair,
    whole: &BTreeMap<Pair, Vec<(&Pair, &Usage)>>,
    stands: &BTreeMap<&Pair, Stand>,
    world: &World,
) -> bool {
    let own = &stands[pair];
    let Some((user, domain)) = world.last_users.get(&pair.1) else {
        return own.is_dated;
    };
    let Resolution::One(user) = user else {
        let is_local = domain
            .as_ref()
            .is_some_and(|domain| world.device_names.contains(domain));
        return own.is_dated && is_local;
    };
    // Whoever stands for somebody is that one here.
    let people = whole.iter().filter(|((account, device), parts)| {
        *device == pair.1
            && world.is_persons(account)
            && parts.iter().any(|((who, _), _)| who == user)
    });
    let people: Vec<&Pair> = people.map(|(pair, _)| pair).collect();
    match people.iter().find(|other| **other != pair) {
        Some(other) => {
            let other = &stands[*other];
            own.is_dated && other.weight * 10 <= own.weight && other.known - own.known <= DAY_US
        }
        None => people.contains(&pair) || own.is_dated,
    }
}

fn rows_of<'r>(subjects: &Subjects<'r>, subject: &Subject) -> Vec<&'r Row> {
    let members = subjects.members.get(subject).map_or(&[][..], Vec::as_slice);
    members.iter().map(|(_, row)| *row).collect()
}

/// Returns the primary pairs of a state, as `account device`.
fn primaries(objects: &[crate::tenant::Object]) -> Vec<String> {
    let state = derive(objects);
    let usages = state["usages"].as_array().expect("an array").clone();
    let primary = usages.iter().filter(|usage| usage["is_primary"] == true);
    let text = |value: &Value| value.as_str().expect("a subject").to_owned();
    primary
        .map(|usage| text(&usage["account"]) + " " + &text(&usage["device"]))
        .collect()
}

#[test]
fn a_pair_that_leads_on_both_sides_is_primary() {
    let users = object(
        "2026-03-01",
        "user.uid user.name user.upn",
        &[
            &format!("{UID_A} a@EMEA a@x.example"),
            &format!("{UID_B} b@EMEA b@x.example"),
        ],
    );
    let devices = object(
        "2026-03-01",
        "device.uid device.name",
        &[&format!("{UID_C} NB1")],
    );
    let header = "user.uid device.uid logins last_seen";
    let logins = |rows: &[&str]| object("2026-03-01", header, rows);
    let alone = logins(&[&format!("{UID_A} {UID_C} 5 2026-02-28T12:00:00Z")]);
    let expected = [format!("uid:{UID_A} uid:{UID_C}")];
    assert_eq!(
        primaries(&[users.clone(), devices.clone(), alone]),
        expected
    );
    let two = logins(&[
        &format!("{UID_A} {UID_C} 5 2026-02-28T12:00:00Z"),
        &format!("{UID_B} {UID_C} 5 2026-02-28T12:00:00Z"),
    ]);
    assert_eq!(primaries(&[users.clone(), devices.clone(), two]), [""; 0]);
    let undated = logins(&[&format!("{UID_A} {UID_C} 5 _")]);
    assert_eq!(primaries(&[users, devices, undated]), [""; 0]);
}
