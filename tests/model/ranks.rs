//! Ranks: which device is whose, by what all usages say together. Each rule is read off `docs/semantics.md`, "Ranking".
//! Which usages there are is left to `usages`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::derive;
use super::keys::{Keys, first_label};
use super::rows::{Row, newest_value};
use super::samples::{UID_A, UID_B, UID_C, object};
use super::subjects::{Resolution, Subject, Subjects};
use super::time::{DAY_US, time_us};
use super::usages::{Usage, Usages};

/// How long before the newest row a usage is current.
const RECENT_US: i64 = 30 * DAY_US;
/// A day, in seconds: times are compared in whole ones.
const DAY_S: i64 = DAY_US / 1_000_000;
const LEFT_BEHIND_S: i64 = 14 * DAY_S;

fn seconds(time_us: i64) -> i64 {
    (time_us / 1_000_000).max(0)
}

fn is_later(time: i64, than: i64) -> bool {
    time - than > DAY_S
}

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

/// A usage as it counts for its account, those of the local accounts that stand for that included. Times are in seconds.
struct Stand {
    time_us: i64,
    /// When it is known to have been: what competes with others.
    known: i64,
    /// When its logins were observed, if there are any, else when it is known to have been.
    told: i64,
    /// When its device first named its account.
    named: Option<i64>,
    began: Option<i64>,
    days: u64,
    logins: u64,
    is_current: bool,
    is_counted: bool,
    is_dated: bool,
    has_logins: bool,
    /// Dated logins tell of it.
    is_proven: bool,
    is_last_user: bool,
    is_word_fresh: bool,
    /// It was before its account was there.
    is_too_early: bool,
}

impl Stand {
    fn weight(&self) -> u64 {
        self.logins * self.days
    }

    fn competes(&self) -> bool {
        self.is_current && self.days > 0
    }

    fn is_vague(&self) -> bool {
        self.has_logins && !self.is_dated && !self.is_last_user
    }

    fn is_left_behind(&self, newest: i64) -> bool {
        newest - self.known >= LEFT_BEHIND_S
    }
}

/// A local account, and one that is none and holds the same UPN; and whether it stands for that.
pub(super) type Namesakes = BTreeMap<(Subject, Subject), bool>;

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

    /// Returns the local accounts with those that hold the same UPN.
    pub(super) fn namesakes(&self) -> Namesakes {
        let upn = |account: &Subject| {
            let rows = rows_of(self.accounts, account);
            newest_value(&rows, "user.upn").map(str::to_ascii_lowercase)
        };
        let all = || self.accounts.members.keys();
        let mut namesakes = BTreeMap::new();
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
            let keeping: Vec<&&Subject> = holders.iter().filter(keeps).collect();
            for account in &holders {
                let first = self.first_with(local, &wanted).saturating_add(DAY_US);
                let had = self.upns(account);
                let stands = keeping == [account]
                    && self.first_with(account, &wanted) <= first
                    && self.upns(local).is_subset(&had);
                namesakes.insert((local.clone(), (*account).clone()), stands);
            }
        }
        namesakes
    }

    /// Returns every UPN that an account ever said.
    fn upns(&self, account: &Subject) -> BTreeSet<String> {
        let rows = rows_of(self.accounts, account);
        let said = rows.iter().filter_map(|row| row.value("user.upn"));
        said.map(str::to_ascii_lowercase).collect()
    }

    /// Since when an account was there: its first_seen, or the first row of its SID; for want of both, where another one ever
    /// had a key of it, its first row.
    fn there_since(&self, account: &Subject) -> Option<i64> {
        let rows = rows_of(self.accounts, account);
        let first =
            |rows: &mut dyn Iterator<Item = &&Row>| rows.map(|row| row.stamp.observed_us).min();
        let said = newest_value(&rows, "user.first_seen").and_then(time_us);
        if let Some(said) = said {
            let keyed = self
                .accounts
                .members
                .get(account)
                .map_or(&[][..], Vec::as_slice);
            let by_sid = keyed.iter().filter(|(keys, _)| keys.first.is_some());
            let by_sid = by_sid.map(|(_, row)| row.stamp.observed_us).min();
            return Some(by_sid.map_or(said, |by_sid| by_sid.min(said)));
        }
        let claims: BTreeSet<_> = rows
            .iter()
            .map(|row| (row.user_keys(), row.says()))
            .collect();
        let is_one = claims.len() == 1;
        let others = self
            .accounts
            .members
            .iter()
            .filter(|(other, _)| *other != account);
        let mut others =
            others.flat_map(|(_, members)| members.iter().map(|(_, row)| row.user_keys()));
        let own: Vec<_> = claims.into_iter().map(|(keys, _)| keys).collect();
        let shares = |other: &Keys| {
            own.iter().any(|own| {
                let same =
                    |left: &Option<String>, right: &Option<String>| left.is_some() && left == right;
                same(&own.first, &other.first)
                    || same(&own.second, &other.second)
                    || same(&own.name, &other.name)
            })
        };
        let is_shared = is_one && others.any(|other| shares(&other));
        is_shared.then(|| first(&mut rows.iter())).flatten()
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

    /// Returns when a subject was last seen, and when that was observed.
    fn seen(&self, subjects: &Subjects, subject: &Subject, column: &str) -> (Option<i64>, i64) {
        let rows = rows_of(subjects, subject);
        let carrying = rows.iter().filter(|row| row.cells.contains_key(column));
        let newest = carrying.max_by_key(|row| row.stamp);
        let newest = newest.or_else(|| rows.iter().max_by_key(|row| row.stamp));
        let observed = newest.map_or(i64::MIN, |row| row.stamp.observed_us);
        (newest_value(&rows, column).and_then(time_us), observed)
    }

    /// Returns the last use that a device tells of, as far as the account was seen since, if that is to be asked.
    fn last_use(&self, account: &Subject, usage: &Usage, is_own: bool) -> Option<(i64, u64)> {
        let used = usage.last_login_used()?;
        let days = usage.last_login_days();
        let (last_seen, observed) = self.seen(self.accounts, account, "user.last_seen");
        match last_seen.filter(|seen| is_own && observed >= used && *seen < used) {
            Some(seen) => {
                let until = days.iter().filter(|day| **day <= seen.div_euclid(DAY_US));
                Some((seen, until.count() as u64))
            }
            None => Some((used, days.len() as u64)),
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
        let began = self.there_since(account).map(|seen| seen - DAY_US);
        let from = began.map_or(since, |began| since.max(began));
        let recent = days.iter().filter(|day| **day >= from.div_euclid(DAY_US));
        let known = |(pair, usage): &(&Pair, &Usage)| {
            let last_use = self.last_use(&pair.0, usage, pair.0 == *account);
            let logins = usage.logins_time().filter(|_| usage.has_counted_logins());
            let time = logins
                .or(last_use.map(|(used, _)| used))
                .unwrap_or(i64::MIN);
            match self.seen(self.devices, &pair.1, "device.last_seen") {
                (Some(last_seen), observed) if observed >= time => time.min(last_seen),
                _ => time,
            }
        };
        let proves = |usage: &Usage| usage.has_counted_logins() && usage.are_logins_dated();
        let is_too_early = |part: &(&Pair, &Usage)| {
            let is_since = proves(part.1) && began.is_none_or(|began| known(part) >= began);
            let named = part.1.first_named().filter(|_| !is_since);
            let begun = named.unwrap_or(i64::MAX).min(known(part));
            began.is_some_and(|began| begun < began)
        };
        let is_dated = counting
            .iter()
            .all(|(_, usage)| !usage.has_logins() || usage.are_logins_dated());
        let is_last_user = |(pair, _): &(&Pair, &Usage)| {
            let user = self.last_users.get(&pair.1).map(|(user, _)| user);
            user == Some(&Resolution::One(pair.0.clone()))
        };
        let is_word_fresh = |part: &(&Pair, &Usage)| {
            let word = part.1.last_login_observed();
            is_last_user(part) && word.map(|word| word + 8 * DAY_US) >= part.1.logins_observed()
        };
        let time_us = parts
            .iter()
            .map(|(pair, usage)| self.time_of_use(pair, usage));
        let time_us = time_us.max().expect("a usage has parts");
        let known_us = counting.iter().map(|part| known(part)).max();
        let known_us = known_us.expect("a usage has parts");
        let logins: u64 = counting.iter().filter_map(|(_, usage)| usage.count()).sum();
        let told = counting
            .iter()
            .filter(|(_, usage)| usage.has_counted_logins());
        let told = told.filter_map(|(_, usage)| usage.logins_observed()).max();
        Stand {
            time_us,
            known: seconds(known_us),
            told: seconds(told.unwrap_or(known_us)),
            named: counting
                .iter()
                .filter_map(|(_, usage)| usage.first_named())
                .min()
                .map(seconds),
            began: recent
                .clone()
                .min()
                .map(|day| (*day).min(time_us.div_euclid(DAY_US)) * DAY_S),
            days: recent.count() as u64,
            logins: logins.max(1),
            is_current: some_current,
            is_counted: counting.iter().any(|(pair, usage)| {
                let last_use = self.last_use(&pair.0, usage, pair.0 == *account);
                usage.has_counted_logins() || last_use.is_some_and(|(_, days)| days >= 3)
            }),
            is_dated,
            has_logins: counting.iter().any(|(_, usage)| usage.has_counted_logins()),
            is_proven: is_dated && counting.iter().any(|(_, usage)| proves(usage)),
            is_last_user: counting.iter().any(|part| is_last_user(part)),
            is_word_fresh: counting.iter().any(|part| is_word_fresh(part)),
            is_too_early: counting.iter().any(|part| is_too_early(part)),
        }
    }
}

/// Returns all pairs with what makes each: its own usage, and those through which it has the device.
pub(super) fn whole<'u, 'a>(
    usages: &'u Usages<'a>,
    world: &World,
) -> BTreeMap<Pair, Vec<(&'u Pair, &'u Usage<'a>)>> {
    let mut whole: BTreeMap<Pair, Vec<_>> = BTreeMap::new();
    let namesakes = world.namesakes();
    let standing = namesakes.into_iter().filter(|(_, stands)| *stands);
    let stands_for: BTreeMap<Subject, Subject> = standing.map(|(pair, _)| pair).collect();
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
    let office = Office {
        whole,
        stands: &stands,
        shared: &shared,
        world,
        namesakes: &world.namesakes(),
    };
    let rank = |pair: &Pair| {
        let stand = &stands[pair];
        Rank {
            time_of_use: stand.time_us,
            is_current: stand.is_current,
            is_shared: shared.contains(&pair.1),
            is_primary: office.is_primary(pair),
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
        .filter(|(pair, stand)| pair.1 == *device && stand.competes() && world.is_persons(&pair.0))
        .map(|(_, stand)| stand.weight())
        .collect();
    let all: u64 = weights.iter().sum();
    weights.len() >= 3 && weights.iter().all(|weight| weight * 2 <= all)
}

/// When the newest logins were that wait, and whether they tell it: of accounts, and of devices of which one may be meant.
#[derive(Default)]
pub(super) struct Waiting {
    accounts: BTreeSet<(Subject, i64, bool)>,
    devices: BTreeSet<(Subject, i64, bool)>,
    /// Of somebody who is not known for certain, on a device.
    on_it: BTreeSet<(Subject, i64)>,
}

impl Waiting {
    pub(super) fn take(
        &mut self,
        (account, device): (&Resolution, &Resolution),
        (user, host): (&Keys, &Keys),
        time: i64,
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
        for account in of(account) {
            self.accounts.insert((account, time, is_dated));
        }
        match device {
            Resolution::Ambiguous(_) => {
                let devices = of(device).into_iter();
                self.devices
                    .extend(devices.map(|device| (device, time, is_dated)));
            }
            Resolution::One(device) if !is_local(user, host) => {
                self.on_it.insert((device.clone(), time));
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

/// All usages, of which one may be primary.
struct Office<'o, 'u, 'a> {
    whole: &'o BTreeMap<Pair, Vec<(&'u Pair, &'u Usage<'a>)>>,
    stands: &'o BTreeMap<&'o Pair, Stand>,
    shared: &'o BTreeSet<&'o Subject>,
    world: &'o World<'o, 'a>,
    namesakes: &'o Namesakes,
}

type Some<'s> = Vec<(&'s Pair, &'s Stand)>;

impl Office<'_, '_, '_> {
    fn is_primary(&self, pair: &Pair) -> bool {
        let stand = &self.stands[pair];
        let is_own = |other: &Pair| other.0 == pair.0 && !self.is_shared(other);
        let is_at_device = |other: &Pair| other.1 == pair.1 && self.world.is_persons(&other.0);
        let own = without_vague(self.competing(is_own));
        let people = without_vague(self.competing(is_at_device));
        let is_nobodys = |other: &Pair| {
            let mut namesakes = self.namesakes.iter();
            other.1 == pair.1
                && self.world.class(&other.0) == "local"
                && !namesakes.any(|((local, _), stands)| *local == other.0 && *stands)
        };
        let with_local: Some = people
            .iter()
            .copied()
            .chain(self.competing(is_nobodys))
            .collect();
        lead(&own) == Some(pair)
            && lead(&people) == Some(pair)
            && is_on_most_days(stand, pair, &own)
            && has_most(stand, pair, &with_local)
            && (stand.is_proven || people.iter().all(|(_, other)| !other.is_proven))
            && self.is_there_still(pair)
            && self.is_best_known(pair)
            && !stand.is_too_early
            && !self.is_replaced(&pair.1)
            && self.agrees(pair)
            && !self.newer_waits(&pair.0, pair)
            && !self.was_elsewhere_as_another(pair)
    }

    fn is_shared(&self, pair: &Pair) -> bool {
        self.shared.contains(&pair.1)
    }

    fn competing(&self, of: impl Fn(&Pair) -> bool) -> Some<'_> {
        let all = self.stands.iter().map(|(pair, stand)| (*pair, stand));
        all.filter(|(pair, stand)| of(pair) && stand.competes())
            .collect()
    }

    fn others(&self, pair: &Pair) -> Some<'_> {
        let all = self.stands.iter().map(|(pair, stand)| (*pair, stand));
        all.filter(|(other, _)| other.0 == pair.0 && *other != pair)
            .collect()
    }

    /// Says whether an account was nowhere else since, nor named elsewhere since, at no shared device on more than twice as
    /// many days, and not seen long since.
    fn is_there_still(&self, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        let (seen, _) = self
            .world
            .seen(self.world.accounts, &pair.0, "user.last_seen");
        let is_seen_since = seconds(seen.unwrap_or(0)) - own.known >= LEFT_BEHIND_S;
        let speaks_against = |(other, stand): &(&Pair, &Stand)| {
            let is_since = match stand.is_dated {
                true => is_later(stand.known, own.known),
                false => is_later(stand.told, own.told),
            };
            let is_named = stand.named.is_some_and(|named| is_later(named, own.known));
            let is_at_shared = stand.is_current && self.is_shared(other);
            is_since
                || (stand.is_current && is_named)
                || (is_at_shared && stand.days > 2 * own.days)
        };
        !is_seen_since && !self.others(pair).iter().any(speaks_against)
    }

    /// Says whether nothing better is known of another device of an account.
    fn is_best_known(&self, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        let is_better = |(other, stand): &(&Pair, &Stand)| {
            let is_own = !self.is_shared(other);
            stand.competes()
                && match (own.is_proven, own.has_logins) {
                    (true, _) => false,
                    (false, true) => stand.is_proven || (is_own && stand.is_last_user),
                    (false, false) => stand.has_logins || (is_own && stand.named.is_some()),
                }
        };
        !self.others(pair).iter().any(is_better)
    }

    /// Says whether another device of the name or collector's uid was seen more than a day later.
    fn is_replaced(&self, device: &Subject) -> bool {
        let keys = |device: &Subject| -> BTreeSet<String> {
            let rows = rows_of(self.world.devices, device);
            let keys = rows.iter().map(|row| row.device_keys());
            keys.flat_map(|keys| {
                let second = keys.second.map(|key| format!("collector {key}"));
                second
                    .into_iter()
                    .chain(keys.name.map(|name| format!("name {name}")))
            })
            .collect()
        };
        let seen = |device: &Subject| {
            let (seen, observed) = self
                .world
                .seen(self.world.devices, device, "device.last_seen");
            seconds(seen.unwrap_or(observed))
        };
        let own = keys(device);
        let mut others = self
            .world
            .devices
            .members
            .keys()
            .filter(|other| *other != device);
        others.any(|other| !keys(other).is_disjoint(&own) && is_later(seen(other), seen(device)))
    }

    /// Says whether logins that wait for an account, or for the device, speak against a pair.
    fn newer_waits(&self, account: &Subject, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        let waiting = &self.world.waiting;
        let since = seconds(self.world.now() - RECENT_US);
        let accounts = waiting.accounts.iter().filter(|(of, ..)| of == account);
        let devices = waiting.devices.iter().filter(|(of, ..)| *of == pair.1);
        let mut all = accounts
            .chain(devices)
            .map(|(_, time, is_dated)| (seconds(*time), *is_dated));
        let is_against = |(time, is_dated): (i64, bool)| {
            let told = match (is_dated, own.is_dated, own.has_logins) {
                (true, ..) => !own.is_proven || is_later(time, own.known),
                (false, _, false) => true,
                (false, true, true) => is_later(time, own.told),
                (false, false, true) => own.told - time <= DAY_S / 24,
            };
            time >= since && told
        };
        let mut on_it = waiting.on_it.iter().filter(|(of, _)| *of == pair.1);
        all.any(is_against)
            || on_it.any(|(_, time)| {
                let time = seconds(*time);
                time >= since && is_later(time, own.told.max(own.known))
            })
    }

    /// Says whether a local account of the same UPN was elsewhere since, or waits to have been.
    fn was_elsewhere_as_another(&self, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        let mut locals = self
            .namesakes
            .iter()
            .filter(|((_, account), _)| *account == pair.0);
        locals.any(|((local, _), stands)| {
            let its = self.stands.iter().filter(|(other, _)| other.0 == *local);
            let mut its = its.map(|(_, stand)| stand.told.min(seconds(stand.time_us)));
            let is_since = !stands && its.any(|time| is_later(time, own.known));
            is_since || self.waits_for_local(local, pair)
        })
    }

    fn waits_for_local(&self, local: &Subject, pair: &Pair) -> bool {
        let waiting = &self.world.waiting;
        let own = &self.stands[pair];
        let since = seconds(self.world.now() - RECENT_US);
        let mut its = waiting.accounts.iter().filter(|(of, ..)| of == local);
        its.any(|(_, time, is_dated)| {
            let time = seconds(*time);
            let told = match (*is_dated, own.is_dated, own.has_logins) {
                (true, ..) => !own.is_proven || is_later(time, own.known),
                (false, _, false) => true,
                (false, true, true) => is_later(time, own.told),
                (false, false, true) => own.told - time <= DAY_S / 24,
            };
            time >= since && told
        })
    }

    /// Says whether the last login that a device's newest row names does not speak against a pair.
    fn agrees(&self, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        let Some((user, domain)) = self.world.last_users.get(&pair.1) else {
            return own.is_dated;
        };
        let Resolution::One(user) = user else {
            let is_local = domain
                .as_ref()
                .is_some_and(|domain| self.world.device_names.contains(domain));
            return own.is_dated && is_local;
        };
        // Whoever stands for somebody is that one here.
        let people = self.whole.iter().filter(|((account, device), parts)| {
            *device == pair.1
                && self.world.is_persons(account)
                && parts.iter().any(|((who, _), _)| who == user)
        });
        let people: Vec<&Pair> = people.map(|(pair, _)| pair).collect();
        match people.iter().find(|other| **other != pair) {
            Some(other) => {
                let other = &self.stands[*other];
                own.is_dated
                    && other.weight() * 10 <= own.weight()
                    && !is_later(seconds(other.time_us), own.known)
            }
            None => own.is_dated || (people.contains(&pair) && own.is_word_fresh),
        }
    }
}

fn without_vague(competing: Some) -> Some {
    let is_one_proven = competing.iter().any(|(_, stand)| stand.is_proven);
    let is_left = |(_, stand): &(&Pair, &Stand)| !(is_one_proven && stand.is_vague());
    competing.into_iter().filter(is_left).collect()
}

/// Says whether an account was nowhere else on more days, and of several on one day, nearly always here.
fn is_on_most_days(own: &Stand, pair: &Pair, competing: &Some) -> bool {
    let others = competing.iter().filter(|(other, _)| *other != pair);
    let mut others = others.filter(|(_, stand)| !stand.is_left_behind(own.known));
    let logins: u64 = others.clone().map(|(_, stand)| stand.logins).sum();
    (own.days > 1 || own.logins >= 3 * logins) && others.all(|(_, stand)| stand.days <= own.days)
}

/// Says whether nobody was at a device on more days, and more than half of these, or two thirds of the logins, are a pair's.
fn has_most(own: &Stand, pair: &Pair, all: &Some) -> bool {
    let others = || all.iter().filter(|(other, _)| *other != pair);
    let days: u64 = others().map(|(_, stand)| stand.days).sum();
    let logins: u64 = others().map(|(_, stand)| stand.logins).sum();
    let mut of_late = others().filter(|(_, stand)| !stand.is_left_behind(own.known));
    (own.days > days || own.logins > 2 * logins) && of_late.all(|(_, stand)| stand.days <= own.days)
}

/// Returns the one that stands out among some pairs.
fn lead<'p>(competing: &Some<'p>) -> Option<&'p Pair> {
    let newest = competing.iter().map(|(_, stand)| stand.known).max()?;
    let rest = competing
        .iter()
        .filter(|(_, stand)| !stand.is_left_behind(newest));
    let all: u64 = rest.clone().map(|(_, stand)| stand.weight()).sum();
    let (pair, lead) = rest.clone().find(|(_, stand)| stand.weight() * 2 > all)?;
    let mut others = rest.filter(|(other, _)| other != pair);
    let is_last = others.all(|(_, stand)| stand.began <= Some(lead.known));
    (lead.is_counted && !is_later(newest, lead.known) && is_last).then_some(*pair)
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
