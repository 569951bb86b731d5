//! Stands: what is known of accounts and devices, and how a usage stands by itself: when it was, on which days, and what tells of
//! it. How usages compare is left to `office`.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::Keys;
use super::rows::{Row, newest_value};
use super::subjects::{Resolution, Subject, Subjects};
use super::time::{DAY_US, time_us};
use super::usages::Usage;
use super::waiting::Waiting;

/// How long before the newest row a usage is current.
pub(super) const RECENT_US: i64 = 30 * DAY_US;
/// A day, in seconds: times are compared in whole ones.
pub(super) const DAY_S: i64 = DAY_US / 1_000_000;
pub(super) const LEFT_BEHIND_S: i64 = 14 * DAY_S;

pub(super) fn seconds(time_us: i64) -> i64 {
    (time_us / 1_000_000).max(0)
}

pub(super) fn is_later(time: i64, than: i64) -> bool {
    time - than > DAY_S
}

/// Daily exports come about a day apart.
pub(super) fn is_told_later(time: i64, than: i64) -> bool {
    time - than > DAY_S - DAY_S / 24
}

pub(super) type Pair = (Subject, Subject);

/// What is known of accounts and devices.
pub(super) struct World<'w, 'r> {
    pub(super) accounts: &'w Subjects<'r>,
    pub(super) devices: &'w Subjects<'r>,
    pub(super) device_names: &'w BTreeSet<String>,
    pub(super) newest_logins: Option<i64>,
    /// The newest logins that wait, of accounts that they mean.
    pub(super) waiting: Waiting,
    /// Whom each device's newest row names as the last to log in: whom that means, and the name.
    pub(super) last_users: BTreeMap<Subject, (Resolution, String)>,
}

/// A usage as it counts for its account, those of the local accounts that stand for that included. Times are in seconds.
pub(super) struct Stand {
    pub(super) time_us: i64,
    /// When it is known to have been: what competes with others.
    pub(super) known: i64,
    /// When its logins were observed, if there are any, else when it is known to have been.
    pub(super) told: i64,
    /// When its device first named its account.
    pub(super) named: Option<i64>,
    pub(super) began: Option<i64>,
    /// Its days of use of late, as they are counted.
    pub(super) use_days: BTreeSet<i64>,
    pub(super) logins: u64,
    pub(super) is_current: bool,
    pub(super) is_counted: bool,
    pub(super) is_dated: bool,
    pub(super) has_logins: bool,
    /// Dated logins tell of it.
    pub(super) is_proven: bool,
    pub(super) is_last_user: bool,
    pub(super) is_word_fresh: bool,
    /// It was before its account was there.
    pub(super) is_too_early: bool,
    pub(super) is_likely: bool,
}

impl Stand {
    pub(super) fn weight(&self) -> u64 {
        self.logins * self.days()
    }

    pub(super) fn days(&self) -> u64 {
        self.use_days.len() as u64
    }

    /// How many of its days are no earlier than the first of another one.
    pub(super) fn days_since(&self, other: &Stand) -> u64 {
        let since = other.began.unwrap_or(0) / DAY_S;
        self.use_days.iter().filter(|day| **day >= since).count() as u64
    }

    pub(super) fn competes(&self) -> bool {
        self.is_current && !self.use_days.is_empty()
    }

    pub(super) fn is_vague(&self) -> bool {
        self.has_logins && !self.is_dated && !self.is_last_user
    }

    /// Says whether it was long before another one; `used` are the days on which anybody was anywhere, and those of the account.
    pub(super) fn is_left_behind(&self, newest: i64, used: &[&BTreeSet<i64>]) -> bool {
        let idle = used.iter().flat_map(|used| {
            let pairs = used.iter().zip(used.iter().skip(1));
            let apart = pairs.filter(|(day, next)| {
                let week = used.iter().filter(|one| *day - 6 <= **one && *one <= day);
                *next - *day > 8 && week.count() >= 3
            });
            apart.flat_map(|(day, next)| day + 1..*next)
        });
        let idle: BTreeSet<i64> = idle.collect();
        let idle = idle.iter().map(|day| {
            let (begin, end) = (day * DAY_S, (day + 1) * DAY_S);
            (end.min(newest) - begin.max(self.known)).max(0)
        });
        newest - self.known - idle.sum::<i64>() >= LEFT_BEHIND_S
    }

    /// Says whether the export that counts its logins tells of some of its days only.
    pub(super) fn is_counted_in_part(&self) -> bool {
        self.is_proven && self.logins < self.days()
    }
}

/// An account, and one that is neither local nor a machine's and holds the same UPN; and whether it stands for that.
pub(super) type Namesakes = BTreeMap<(Subject, Subject), bool>;

impl World<'_, '_> {
    pub(super) fn class(&self, account: &Subject) -> String {
        let rows = rows_of(self.accounts, account);
        let shown = super::fields::account_json(account, &rows, self.device_names);
        shown["class"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn is_persons(&self, account: &Subject) -> bool {
        matches!(self.class(account).as_str(), "person" | "unknown")
    }

    pub(super) fn now(&self) -> i64 {
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
        let is_skipped =
            |account: &Subject| matches!(self.class(account).as_str(), "local" | "machine");
        let mut namesakes = BTreeMap::new();
        for account in all().filter(|account| !is_skipped(account)) {
            let Some(wanted) = upn(account) else { continue };
            let holds =
                |other: &&Subject| upn(other).as_ref() == Some(&wanted) && !is_skipped(other);
            let holders: Vec<&Subject> = all().filter(holds).collect();
            if holders.len() <= 8 {
                for other in holders.into_iter().filter(|other| *other != account) {
                    namesakes.insert((other.clone(), account.clone()), false);
                }
            }
        }
        for local in all().filter(|account| self.class(account) == "local") {
            let Some(wanted) = upn(local) else { continue };
            let holds =
                |account: &&Subject| upn(account).as_ref() == Some(&wanted) && !is_skipped(account);
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
    pub(super) fn upns(&self, account: &Subject) -> BTreeSet<String> {
        let rows = rows_of(self.accounts, account);
        let said = rows.iter().filter_map(|row| row.value("user.upn"));
        said.map(str::to_ascii_lowercase).collect()
    }

    /// Since when an account was there: its first_seen, or the first row of its SID or uid; for want of both, where another one ever
    /// had a key of it, its first row.
    pub(super) fn there_since(&self, account: &Subject) -> Option<i64> {
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
            let by_id = keyed
                .iter()
                .filter(|(keys, _)| keys.first.is_some() || keys.second.is_some());
            let by_id = by_id.map(|(_, row)| row.stamp.observed_us).min();
            return Some(by_id.map_or(said, |by_id| by_id.min(said)));
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

    /// Since when a device was there: its first_seen, or the first row of its uid.
    pub(super) fn device_since(&self, device: &Subject) -> Option<i64> {
        let rows = rows_of(self.devices, device);
        let said = newest_value(&rows, "device.first_seen").and_then(time_us)?;
        let by_uid = rows.iter().filter(|row| row.device_keys().first.is_some());
        let by_uid = by_uid.map(|row| row.stamp.observed_us).min();
        Some(by_uid.map_or(said, |by_uid| by_uid.min(said)))
    }

    pub(super) fn last(&self, account: &Subject) -> i64 {
        let rows = rows_of(self.accounts, account);
        let times = rows.iter().map(|row| row.stamp.observed_us);
        times.max().unwrap_or(i64::MIN)
    }

    pub(super) fn first_with(&self, account: &Subject, upn: &str) -> i64 {
        let rows = rows_of(self.accounts, account);
        let saying = rows.iter().filter(|row| {
            let said = row.value("user.upn");
            said.is_some_and(|said| said.eq_ignore_ascii_case(upn))
        });
        let times = saying.map(|row| row.stamp.observed_us);
        times.min().unwrap_or(i64::MAX)
    }

    pub(super) fn last_seen(&self, device: &Subject) -> Option<i64> {
        let rows = rows_of(self.devices, device);
        newest_value(&rows, "device.last_seen").and_then(time_us)
    }

    pub(super) fn time_of_use(&self, (_, device): &Pair, usage: &Usage) -> i64 {
        let time = usage.logins_time().max(usage.last_login_used());
        let time = time.expect("something makes a usage");
        match self.seen(self.devices, device, "device.last_seen") {
            (Some(last_seen), observed) if observed >= time => time.min(last_seen),
            _ => time,
        }
    }

    /// Returns when a subject was last seen, and when that was observed.
    pub(super) fn seen(
        &self,
        subjects: &Subjects,
        subject: &Subject,
        column: &str,
    ) -> (Option<i64>, i64) {
        let rows = rows_of(subjects, subject);
        let carrying = rows.iter().filter(|row| row.cells.contains_key(column));
        let newest = carrying.max_by_key(|row| row.stamp);
        let newest = newest.or_else(|| rows.iter().max_by_key(|row| row.stamp));
        let observed = newest.map_or(i64::MIN, |row| row.stamp.observed_us);
        (newest_value(&rows, column).and_then(time_us), observed)
    }

    /// Returns the last use that a device tells of, as far as the account was seen since, if that is to be asked.
    pub(super) fn last_use(
        &self,
        account: &Subject,
        usage: &Usage,
        is_own: bool,
    ) -> Option<(i64, u64)> {
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

    pub(super) fn stand(&self, account: &Subject, parts: &[(&Pair, &Usage)]) -> Stand {
        let since = self.now() - RECENT_US;
        let is_current = |part: &&(&Pair, &Usage)| self.time_of_use(part.0, part.1) >= since;
        let some_current = parts.iter().any(|part| is_current(&part));
        let counting: Vec<&(&Pair, &Usage)> = parts
            .iter()
            .filter(|part| is_current(part) == some_current)
            .collect();
        let newest_day = counting
            .iter()
            .flat_map(|(_, usage)| usage.ranking_days())
            .max();
        let days: BTreeSet<i64> = counting
            .iter()
            .flat_map(|(_, usage)| usage.ranking_days())
            .filter(|day| newest_day.is_some_and(|newest| newest - day < 64))
            .collect();
        let began = self.there_since(account).map(|seen| seen - DAY_US);
        let from = began.map_or(since, |began| since.max(began));
        let device_since = self.device_since(&counting[0].0.1);
        let from = device_since.map_or(from, |device| from.max(device - DAY_US));
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
        let is_before_device =
            |part: &(&Pair, &Usage)| device_since.is_some_and(|since| known(part) < since - DAY_US);
        let is_dated = counting
            .iter()
            .all(|(_, usage)| !usage.has_logins() || usage.are_logins_dated());
        let is_last_user = |(pair, _): &(&Pair, &Usage)| {
            let user = self.last_users.get(&pair.1).map(|(user, _)| user);
            user == Some(&Resolution::One(pair.0.clone()))
        };
        let is_word_fresh = |part: &(&Pair, &Usage)| {
            let word = part.1.last_login_observed();
            is_last_user(part)
                && !part.1.is_last_likely
                && word.map(|word| word + 8 * DAY_US) >= part.1.logins_observed()
        };
        let time_us = parts
            .iter()
            .map(|(pair, usage)| self.time_of_use(pair, usage));
        let time_us = time_us.max().expect("a usage has parts");
        let known_us = counting.iter().map(|part| known(part)).max();
        let known_us = known_us.expect("a usage has parts");
        // Days may be those behind the last on which the device was seen.
        let first = recent.clone().min().copied();
        let began_on = first.map(|day| day.min(time_us.max(known_us).div_euclid(DAY_US)));
        let behind = first.unwrap_or(0) - began_on.unwrap_or(0);
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
            began: began_on.map(|day| day * DAY_S),
            use_days: recent.map(|day| day - behind).collect(),
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
            is_likely: counting.iter().any(|(_, usage)| usage.is_likely()),
            is_too_early: counting
                .iter()
                .any(|part| is_too_early(part) || is_before_device(part)),
        }
    }
}

pub(super) fn rows_of<'r>(subjects: &Subjects<'r>, subject: &Subject) -> Vec<&'r Row> {
    let members = subjects.members.get(subject).map_or(&[][..], Vec::as_slice);
    members.iter().map(|(_, row)| *row).collect()
}
