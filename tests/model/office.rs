//! The office: all usages together, and whether one of them is primary. Each rule is read off `docs/semantics.md`, "Primary".

use std::collections::{BTreeMap, BTreeSet};

use super::class::Says;
use super::keys::Keys;
use super::rows::{Row, newest_value};
use super::stands::{
    DAY_S, LEFT_BEHIND_S, Namesakes, Pair, RECENT_US, Stand, World, is_later, is_told_later,
    rows_of, seconds,
};
use super::subjects::{Resolution, Subject, Subjects};
use super::time::{DAY_US, time_us};
use super::usages::Usage;
use super::waiting::{WaitingUse, is_no_persons};

/// All usages, of which one may be primary.
pub(super) struct Office<'o, 'u, 'a> {
    pub(super) whole: &'o BTreeMap<Pair, Vec<(&'u Pair, &'u Usage<'a>)>>,
    pub(super) stands: &'o BTreeMap<&'o Pair, Stand>,
    pub(super) shared: &'o BTreeSet<&'o Subject>,
    pub(super) world: &'o World<'o, 'a>,
    pub(super) namesakes: &'o Namesakes,
    /// The days on which anybody was anywhere.
    pub(super) used: &'o BTreeSet<i64>,
}

type Some<'s> = Vec<(&'s Pair, &'s Stand)>;

impl Office<'_, '_, '_> {
    pub(super) fn is_primary(&self, pair: &Pair) -> bool {
        let stand = &self.stands[pair];
        let is_own =
            |other: &Pair| other.0 == pair.0 && !self.is_shared(other) && !self.is_had_anew(other);
        let own = without_vague(self.competing(is_own));
        let about = self.stands.iter().filter(|(other, _)| other.0 == pair.0);
        let about = about
            .flat_map(|(_, stand)| stand.use_days.iter().copied())
            .collect();
        let about = [self.used, &about];
        let mut others = own.iter().filter(|(other, _)| *other != pair);
        let mut came = others.clone();
        lead(&own, &about) == Some(pair)
            && self.leads_at_device(pair)
            && !came.any(|(other, came)| {
                (came_in_place_of(came, stand)
                    || (is_as_often_since(came, stand) && self.somebody_else_is_there(pair)))
                    && (came.is_last_user
                        || self.leads_at_device(other)
                        || self.is_new_to(other, stand))
            })
            && !self.is_named_crosswise(pair)
            && !others.any(|other| are_beside(stand, pair, &vec![*other], &about))
            && self.is_there_still(pair)
            && self.is_best_known(pair)
            && !stand.is_too_early
            && !stand.is_likely
            && !has_several_names(self.world.accounts, &pair.0, |row| {
                (row.user_keys(), row.says())
            })
            && !has_several_names(self.world.devices, &pair.1, |row| {
                (row.device_keys(), Says::Nothing)
            })
            && !self.is_replaced(&pair.1)
            && !self.is_named_anew(pair)
            && self.agrees(pair)
            && !self.newer_waits(&pair.0, pair)
            && !self.was_elsewhere_as_another(pair)
    }

    /// Says whether somebody else, known or not, began at a device later, and was there on as many days since.
    fn somebody_else_is_there(&self, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        let people = self.competing(|other| {
            other.1 == pair.1 && other != pair && self.world.is_persons(&other.0)
        });
        let keys = [true, false].map(|is_dated| (pair.1.clone(), is_dated));
        let unknown = keys
            .iter()
            .filter_map(|key| self.world.waiting.of_unknown.get(key));
        let mut unknown = unknown.filter_map(|logins| self.waiting_stand(logins));
        people
            .iter()
            .any(|(_, other)| is_as_often_since(other, own))
            || unknown.any(|other| is_as_often_since(&other, own))
    }

    /// Says whether a device names a visitor, and another one the account.
    fn is_named_crosswise(&self, pair: &Pair) -> bool {
        let known = self.stands[pair].known;
        let names_account = |(_, other): &(&Pair, &Stand)| {
            other.is_current && other.is_last_user && !is_later(known, other.known)
        };
        self.names_a_visitor(pair) && self.others(pair).iter().any(names_account)
    }

    /// Says whether logins were since on what has a device's name, and is another one.
    fn is_named_anew(&self, pair: &Pair) -> bool {
        let anew = self.world.waiting.named_anew.get(&pair.1);
        let own = &self.stands[pair];
        let (seen, observed) = self
            .world
            .seen(self.world.devices, &pair.1, "device.last_seen");
        let last = seconds(seen.unwrap_or(observed));
        let known = if own.is_dated {
            own.known
        } else {
            own.known.min(last)
        };
        anew.is_some_and(|anew| is_later(seconds(*anew), known))
    }

    /// Says whether an account overtook on devices that are not known.
    fn overtook_elsewhere(&self, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        let elsewhere = [true, false].map(|is_dated| (pair.0.clone(), is_dated));
        let elsewhere = elsewhere
            .iter()
            .filter_map(|key| self.world.waiting.of_unknown.get(key));
        let mut elsewhere = elsewhere.filter_map(|logins| self.waiting_stand(logins));
        elsewhere.any(|one| {
            let is_plain = one.days() >= 2 * own.days_since(&one);
            overtook(&one, own) && (one.known > own.known || is_plain)
        })
    }

    /// Says whether others come near at a device of whom some are not known, or its own accounts.
    fn others_are_there(&self, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        let waiting = &self.world.waiting;
        let keys = [true, false].map(|is_dated| (pair.1.clone(), is_dated));
        let local = keys.iter().filter_map(|key| waiting.of_local.get(key));
        let local: Vec<Stand> = local
            .filter_map(|logins| self.waiting_stand(logins))
            .collect();
        let unknown = keys.iter().filter_map(|key| waiting.of_unknown.get(key));
        let mut all = unknown
            .clone()
            .filter_map(|logins| self.waiting_stand(logins));
        let has_overtaken =
            local.iter().any(|local| overtook(local, own)) || all.any(|one| overtook(&one, own));
        let some = waiting.among_without(&pair.1, &pair.0);
        let others = unknown
            .chain(&some)
            .filter_map(|logins| self.waiting_stand(logins));
        let waiting: Vec<Stand> = others.chain(local).collect();
        let known = self.competing(|other| {
            other.1 == pair.1 && other != pair && self.world.is_persons(&other.0)
        });
        let all: Vec<&Stand> = waiting
            .iter()
            .chain(known.into_iter().map(|(_, one)| one))
            .collect();
        !waiting.is_empty() && (has_overtaken || come_near(own, &all, true, &[self.used]))
    }

    /// Returns how logins that wait stand together, if they compete.
    fn waiting_stand(&self, logins: &WaitingUse) -> Option<Stand> {
        let since = self.world.now() - RECENT_US;
        let days = logins
            .days
            .iter()
            .filter(|day| **day >= since.div_euclid(DAY_US));
        let days: BTreeSet<i64> = days.copied().collect();
        let first = days.first().copied()?;
        (logins.newest >= since).then(|| Stand {
            time_us: logins.newest,
            known: seconds(logins.newest),
            told: seconds(logins.newest),
            named: None,
            began: Some(first * DAY_S),
            use_days: days,
            logins: logins.logins.max(1),
            is_current: true,
            is_counted: true,
            is_dated: !logins.is_undated,
            has_logins: true,
            is_proven: !logins.is_undated,
            is_last_user: false,
            is_word_fresh: false,
            is_too_early: false,
            is_likely: false,
        })
    }

    /// Says whether a device was first seen on the last day of a usage, or after it.
    fn is_new_to(&self, pair: &Pair, stand: &Stand) -> bool {
        let first = self.world.device_since(&pair.1);
        first.is_some_and(|first| seconds(first) / DAY_S >= stand.known / DAY_S)
    }

    /// Says whether the newest row of a device names somebody else, who was but a visitor.
    fn names_a_visitor(&self, pair: &Pair) -> bool {
        let mut others = self.stands.iter().filter(|(other, _)| {
            other.1 == pair.1 && other.0 != pair.0 && self.world.is_persons(&other.0)
        });
        others.any(|(_, stand)| stand.is_last_user) && self.agrees(pair)
    }

    fn people_at(&self, device: &Subject) -> Some<'_> {
        let is_at_device = |other: &Pair| other.1 == *device && self.world.is_persons(&other.0);
        without_vague(self.competing(is_at_device))
    }

    fn leads_at_device(&self, pair: &Pair) -> bool {
        let stand = &self.stands[pair];
        let people = self.people_at(&pair.1);
        let is_nobodys = |other: &Pair| {
            let mut namesakes = self.namesakes.iter();
            other.1 == pair.1
                && self.world.class(&other.0) == "local"
                && !namesakes.any(|((local, _), stands)| *local == other.0 && *stands)
        };
        let nobodys = self.competing(is_nobodys);
        let overtook = nobodys.iter().any(|(_, other)| overtook(other, stand));
        let with_local: Some = people
            .iter()
            .copied()
            .chain(nobodys)
            .chain(self.competing(|other| {
                self.world.is_persons(&other.0) && self.is_of_before(&other.1, &pair.1)
            }))
            .collect();
        let signs_in = self.competing(|other| {
            let uses = self.stands.keys().filter(|one| one.0 == other.0);
            let class = self.world.class(&other.0);
            let signs_in = matches!(class.as_str(), "service" | "admin");
            other.1 == pair.1 && signs_in && uses.count() <= 3
        });
        let signs_in = signs_in.iter();
        let signs_in = signs_in
            .clone()
            .any(|(_, other)| other.has_logins && other.days() >= 2 * stand.days());
        lead(&people, &[self.used]) == Some(pair)
            && !signs_in
            && !overtook
            && has_most(stand, pair, &with_local, &[self.used])
            && (stand.is_proven || people.iter().all(|(_, other)| !other.is_proven))
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
        let is_left = seconds(seen.unwrap_or(0)) - own.known >= LEFT_BEHIND_S;
        let is_off_when_seen = seen.is_some_and(|seen| {
            let last_seen = self.world.last_seen(&pair.1);
            last_seen.is_some_and(|device| is_later(seconds(seen), seconds(device)))
                && seconds(self.world.devices.newest) >= seconds(seen)
        });
        let is_seen_since = is_left || is_off_when_seen;
        let device = self
            .world
            .seen(self.world.devices, &pair.1, "device.last_seen");
        let is_off = device
            .0
            .is_some_and(|device| !is_later(seconds(device), own.known))
            && seen.is_none_or(|seen| is_later(seconds(seen), own.known));
        let speaks_against = |(other, stand): &(&Pair, &Stand)| {
            let is_since = match stand.is_dated {
                true => is_later(stand.known, own.known),
                false => is_told_later(stand.told, own.told),
            };
            let is_named = stand.named.is_some_and(|named| is_later(named, own.known));
            let is_named_still = (is_off || !own.is_proven)
                && stand.is_current
                && stand.is_last_user
                && is_later(seconds(stand.time_us), own.known);
            let is_at_shared = stand.is_current && self.is_shared(other);
            is_since
                || is_named_still
                || (stand.is_current && is_named)
                || (is_at_shared && (stand.days() > 2 * own.days() || overtook(stand, own)))
        };
        let is_since = |(_, stand): &(&Pair, &Stand)| {
            own.is_dated && stand.is_dated && stand.competes() && stand.known > own.known
        };
        let at_device = |other: &Pair| other.1 == pair.1 && other.0 != pair.0;
        let people = self.competing(|other| at_device(other) && self.world.is_persons(&other.0));
        let is_back = self.others(pair).iter().any(is_since) && people.iter().any(is_since);
        !is_seen_since
            && !is_back
            && !self.has_swapped(pair)
            && !self.others(pair).iter().any(speaks_against)
    }

    /// Says whether an account was at a device that somebody else leads at, or was at more, and that one at a pair's, since that was used.
    fn has_swapped(&self, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        let is_since = |stand: &Stand| {
            let is_later = stand.known > own.known || is_as_often_since(stand, own);
            own.is_dated && stand.is_dated && stand.competes() && is_later
        };
        let others = self.others(pair);
        others
            .iter()
            .filter(|(_, stand)| is_since(stand))
            .any(|(other, _)| {
                let its = self.stands[other].days();
                let mut leads = self.stands.iter().filter(|(one, stand)| {
                    let is_more =
                        stand.competes() && self.world.is_persons(&one.0) && stand.days() > its;
                    one.1 == other.1
                        && **one != *other
                        && !self.is_shared(one)
                        && !self.leads_at_device(other)
                        && (self.leads_at_device(one) || is_more)
                });
                leads.any(|(one, _)| {
                    let back = (one.0.clone(), pair.1.clone());
                    self.stands.get(&back).is_some_and(is_since)
                })
            })
    }

    /// Says whether nothing better is known of another device of an account.
    fn is_best_known(&self, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        let is_better = |(other, stand): &(&Pair, &Stand)| {
            let is_used_alike =
                own.has_logins && stand.has_logins && stand.logins * 2 >= own.logins;
            let is_own = !self.is_shared(other) || is_used_alike || stand.is_last_user;
            stand.competes()
                && match (own.is_proven, own.has_logins) {
                    (true, _) => false,
                    (false, true) => {
                        let is_next = stand.has_logins && stand.began > own.began;
                        stand.is_proven
                            || (is_own && stand.is_last_user)
                            || (is_next
                                && !self.is_shared(other)
                                && (self.leads_at_device(other) || self.is_visited(other)))
                            || (is_next
                                && stand.began.map(|began| began / DAY_S)
                                    > Some(self.word_until(pair)))
                    }
                    (false, false) => stand.has_logins || (is_own && stand.named.is_some()),
                }
        };
        !self.others(pair).iter().any(is_better)
    }

    /// Says whether somebody else, whom a device names, has no more weight there.
    fn is_visited(&self, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        self.stands.iter().any(|(other, stand)| {
            other.1 == pair.1
                && other.0 != pair.0
                && stand.is_last_user
                && stand.weight() <= own.weight()
        })
    }

    /// Says whether an account has the computer of a pair by a newer record, too.
    fn is_had_anew(&self, pair: &Pair) -> bool {
        let mut own = self.stands.keys().filter(|other| other.0 == pair.0);
        own.any(|other| {
            self.is_of_before(&pair.1, &other.1) && !self.is_of_before(&other.1, &pair.1)
        })
    }

    fn is_replaced(&self, device: &Subject) -> bool {
        let mut others = self.world.devices.members.keys();
        others.any(|other| self.is_of_before(device, other))
    }

    /// Says whether a record is of the computer of another one, which is newer.
    fn is_of_before(&self, device: &Subject, other: &Subject) -> bool {
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
        let said = |device: &Subject| {
            self.world
                .seen(self.world.devices, device, "device.last_seen")
        };
        let seen = |device: &Subject| {
            let (seen, observed) = said(device);
            let logins = self
                .stands
                .iter()
                .filter(|(pair, stand)| pair.1 == *device && stand.is_proven);
            let used = logins.map(|(_, stand)| stand.known).max().unwrap_or(0);
            seconds(seen.unwrap_or(observed)).max(used)
        };
        let serials = |device: &Subject| {
            let rows = rows_of(self.world.devices, device);
            let serial = newest_value(&rows, "device.hardware.machine_serial_number");
            serial.map(|serial| serial.trim().to_ascii_lowercase())
        };
        let first = |device: &Subject| self.world.device_since(device).map(seconds);
        let is_same_serial = serials(device).is_some() && serials(other) == serials(device);
        let is_same_name = !keys(other).is_disjoint(&keys(device));
        let is_seen_since = is_later(seen(other), seen(device));
        let collectors = |device: &Subject| {
            let keys = keys(device).into_iter();
            keys.filter(|key| key.starts_with("collector"))
                .collect::<BTreeSet<_>>()
        };
        let is_one = is_same_serial || !collectors(device).is_disjoint(&collectors(other));
        let were_beside =
            !is_one && first(other).is_some_and(|first| is_later(seen(device), first));
        let is_over = (is_same_serial
            && first(other).map_or(is_seen_since, |first| first > seen(device)))
            || (is_same_name && is_seen_since && !were_beside);
        let may_be_older = match (first(device), first(other)) {
            (Some(own), Some(other)) => other > own,
            _ => is_same_serial,
        };
        let is_untold = said(device).0.is_none() && (is_same_serial || is_same_name);
        device != other && (is_over || (is_untold && may_be_older))
    }

    /// Says whether logins that wait for an account, or for the device, speak against a pair.
    fn newer_waits(&self, account: &Subject, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        let waiting = &self.world.waiting;
        let devices = waiting.devices.iter().filter(|(of, ..)| *of == pair.1);
        let mut devices = devices.map(|(_, time, is_dated)| (seconds(*time), *is_dated));
        let last_day = own.known / DAY_S;
        let is_since = |of: &Subject, (who, time, is_dated): &(Subject, i64, bool)| {
            let time = seconds(*time);
            who == of && *is_dated && time >= self.since() && time > own.known
        };
        let came_since = waiting
            .came
            .iter()
            .any(|(of, day)| *of == pair.1 && *day >= last_day)
            && waiting.devices.iter().any(|one| is_since(&pair.1, one));
        let came_to_it_since = waiting
            .came_to_it
            .iter()
            .any(|(of, day)| *of == pair.1 && *day > last_day)
            && waiting.on_it.iter().any(|one| is_since(&pair.1, one));
        let mut on_it = waiting.on_it.iter().filter(|(of, ..)| *of == pair.1);
        let mut came = waiting.came_to_it.iter().filter(|(of, _)| *of == pair.1);
        came_since
            || came_to_it_since
            || self.waits_for(account, pair)
            || self.was_more_among(account, pair)
            || self.overtook_elsewhere(pair)
            || self.others_are_there(pair)
            || self.is_most(
                own,
                waiting.device_days.get(&pair.1),
                waiting.newest_of_device(&pair.1),
            )
            || devices.any(|(time, is_dated)| self.is_against(own, time, is_dated))
            || on_it.any(|(_, time, is_dated)| {
                let time = seconds(*time);
                let than = match is_dated {
                    true => own.known,
                    false => own.told.max(own.known),
                };
                time >= self.since() && is_later(time, than)
            })
            || (!own.is_dated && came.any(|(_, day)| *day > self.word_until(pair)))
    }

    /// Says whether an account was on more days of late at what may be several devices, none of which is a pair's.
    fn was_more_among(&self, account: &Subject, pair: &Pair) -> bool {
        let [undated, dated] = self.world.waiting.among_without(account, &pair.1);
        let days: BTreeSet<i64> = dated.days.union(&undated.days).copied().collect();
        let newest = dated.newest.max(undated.newest);
        let own = &self.stands[pair];
        let since = (self.world.now() - RECENT_US).div_euclid(DAY_US);
        let recent = days.iter().filter(|day| **day >= since).count() as u64;
        seconds(newest) >= self.since()
            && own.known - seconds(newest) < LEFT_BEHIND_S
            && recent > own.days()
    }

    /// Says whether logins that wait for an account speak against a pair.
    fn waits_for(&self, account: &Subject, pair: &Pair) -> bool {
        let waiting = &self.world.waiting;
        let mut its = waiting.accounts.iter().filter(|(of, ..)| of == account);
        let days = waiting.account_days.get(account);
        let own = &self.stands[pair];
        let came = waiting.came.iter();
        let came_since = came
            .clone()
            .any(|(of, day)| of == account && *day >= own.known / DAY_S)
            && its.clone().any(|(_, time, is_dated)| {
                let time = seconds(*time);
                *is_dated && time >= self.since() && time > own.known
            });
        came_since
            || self.is_most(&self.stands[pair], days, waiting.newest_of_account(account))
            || its.any(|(_, time, is_dated)| {
                self.is_against(&self.stands[pair], seconds(*time), *is_dated)
            })
    }

    fn is_against(&self, own: &Stand, time: i64, is_dated: bool) -> bool {
        let is_newer = match (is_dated, own.is_dated, own.has_logins) {
            (true, ..) => !own.is_proven || is_later(time, own.known),
            (false, _, false) => true,
            (false, true, true) => is_told_later(time, own.told),
            (false, false, true) => own.told - time <= DAY_S / 24,
        };
        time >= self.since() && is_newer
    }

    /// Says whether what waits was on more days than a usage.
    fn is_most(&self, own: &Stand, days: Option<&BTreeSet<i64>>, newest: Option<i64>) -> bool {
        let newest = newest.map(seconds).filter(|newest| *newest >= self.since());
        if newest.is_none_or(|newest| is_later(own.known, newest)) {
            return false;
        }
        let since = (self.world.now() - RECENT_US).div_euclid(DAY_US);
        let recent = days.map_or(0, |days| {
            days.iter().filter(|day| **day >= since).count() as u64
        });
        recent > own.days()
    }

    /// From when on usages are current.
    fn since(&self) -> i64 {
        seconds(self.world.now() - RECENT_US)
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
            let mut its =
                its.map(|(_, stand)| stand.known.max(stand.told.min(seconds(stand.time_us))));
            let is_since = !stands && its.any(|time| is_later(time, own.known));
            let is_beside = !stands
                && self.world.class(local) == "local"
                && are_beside(
                    own,
                    pair,
                    &self.competing(|other| other.0 == *local),
                    &[self.used],
                );
            is_since || is_beside || self.waits_for(local, pair)
        })
    }

    /// When the last login was at the latest that a device's newest row names.
    fn last_named(&self, device: &Subject) -> i64 {
        let rows = rows_of(self.world.devices, device);
        let newest = rows.iter().max_by_key(|row| &row.stamp);
        let newest = newest.expect("a device has rows");
        let last_seen = newest.value("device.last_seen").and_then(time_us);
        last_seen.map_or(newest.stamp.observed_us, |seen| {
            seen.min(newest.stamp.observed_us)
        })
    }

    /// The last day of which a device's row can tell who leads there.
    fn word_until(&self, pair: &Pair) -> i64 {
        let (seen, observed) = self
            .world
            .seen(self.world.devices, &pair.1, "device.last_seen");
        let seen = seen.map_or(observed, |seen| seen.min(observed));
        let began = self.stands[pair].began.unwrap_or(0);
        seen.div_euclid(DAY_US).max(began / DAY_S)
    }

    /// Says whether somebody came to a device of whom its row can know nothing.
    fn is_joined(&self, pair: &Pair) -> bool {
        let until = self.word_until(pair) * DAY_S;
        let people = self.people_at(&pair.1);
        people.iter().any(|(_, stand)| stand.began > Some(until))
    }

    /// Says whether the last login that a device's newest row names does not speak against a pair.
    fn agrees(&self, pair: &Pair) -> bool {
        let own = &self.stands[pair];
        let Some((user, name)) = self.world.last_users.get(&pair.1) else {
            return own.is_dated;
        };
        if matches!(user, Resolution::Ambiguous(some) if some.contains(&pair.0))
            && !is_later(seconds(self.last_named(&pair.1)), own.known)
        {
            return own.is_dated;
        }
        let Resolution::One(user) = user else {
            let domain = name.split_once('@').map(|(_, domain)| domain);
            let is_local = domain.is_some_and(|domain| self.world.device_names.contains(domain));
            let is_no_persons = is_no_persons(&Keys::of_name(name.clone()));
            return own.is_dated && (is_local || is_no_persons);
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
                    && other.days() * 3 <= own.days()
                    && !is_later(seconds(other.time_us), own.known)
            }
            None => {
                let is_theirs = people.contains(&pair) && own.is_word_fresh;
                own.is_dated || (is_theirs && !self.is_joined(pair))
            }
        }
    }
}

/// Says whether the newest object that has a subject has it under several names and the same strongest key, or the same two; `claim`
/// is what a row says of its keys.
fn has_several_names(
    subjects: &Subjects,
    subject: &Subject,
    claim: impl Fn(&Row) -> (Keys, Says),
) -> bool {
    let members = subjects.members.get(subject).map_or(&[][..], Vec::as_slice);
    let mut newest: BTreeMap<(Keys, Says), (&Keys, &Row)> = BTreeMap::new();
    for (keys, row) in members {
        let known = newest.entry(claim(row)).or_insert((keys, row));
        if row.stamp > known.1.stamp {
            *known = (keys, row);
        }
    }
    let mut named: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for (keys, row) in newest.values() {
        if let Some(name) = &keys.name {
            // Under the strongest key whatever the other one is.
            let second = keys.second.clone().filter(|_| keys.first.is_none());
            let of = (row.stamp.object(), keys.first.clone(), second);
            named.entry(of).or_default().insert(name.clone());
        }
    }
    let at = named.keys().map(|(object, ..)| object.0).max();
    let mut newest = named
        .iter()
        .filter(|((object, ..), _)| Some(object.0) == at);
    newest.any(|(_, names)| names.len() > 1)
}

/// Says whether a usage began as early as another one or later, and was on more days since.
fn overtook(stand: &Stand, other: &Stand) -> bool {
    stand.began >= other.began && other.days_since(stand) < stand.days()
}

/// Says whether a usage began later than another one, and was on as many days since, of several.
fn is_as_often_since(stand: &Stand, other: &Stand) -> bool {
    let are_dated = stand.is_dated && other.is_dated;
    are_dated
        && stand.began > other.began
        && stand.days() > 1
        && other.days_since(stand) <= stand.days()
}

/// Says whether a usage began as early as another one or later, was on as many days since, and later.
fn came_in_place_of(stand: &Stand, other: &Stand) -> bool {
    let is_as_often = stand.began >= other.began && other.days_since(stand) == stand.days();
    is_as_often && stand.known > other.known
}

fn without_vague(competing: Some) -> Some {
    let proven = competing.iter().filter(|(_, stand)| stand.is_proven);
    let proven: Vec<(u64, i64)> = proven.map(|(_, one)| (one.days(), one.known)).collect();
    let is_left = |(_, stand): &(&Pair, &Stand)| {
        let mut proven = proven.iter();
        let is_less =
            |(days, known): &(u64, i64)| stand.days() <= *days && !is_later(stand.told, *known);
        !(stand.is_vague() && proven.any(is_less))
    };
    competing.into_iter().filter(is_left).collect()
}

/// Says whether of some others, but for those of long before that were over when a pair began, one is on more days than a pair,
/// or all are on half as many days or more,
/// with a quarter of its logins or more.
fn are_beside(own: &Stand, pair: &Pair, some: &Some, used: &[&BTreeSet<i64>]) -> bool {
    let others = some.iter().filter(|(other, _)| *other != pair);
    let others: Vec<&Stand> = others.map(|(_, stand)| *stand).collect();
    come_near(own, &others, false, used)
}

fn come_near(own: &Stand, others: &[&Stand], is_at_device: bool, used: &[&BTreeSet<i64>]) -> bool {
    let are_many = others.len() >= 3;
    let is_over = |other: &Stand| {
        let began = own.began.map(|began| began / DAY_S);
        other.is_left_behind(own.known, used)
            && began.is_some_and(|began| other.known / DAY_S <= began)
    };
    let others: Vec<&&Stand> = others
        .iter()
        .filter(|other| are_many || !is_over(other))
        .collect();
    let days: u64 = others.iter().map(|stand| stand.days()).sum();
    let logins: u64 = others.iter().map(|stand| stand.logins).sum();
    let is_as_often = |stand: &Stand| {
        let are_dated = own.is_dated && stand.is_dated;
        is_at_device && are_dated && stand.days() >= 4 && own.days_since(stand) <= stand.days()
    };
    let is_one = others.iter().any(|stand| {
        stand.days() > own.days() || is_as_often(stand) || is_more_than_told(stand, own)
    });
    let in_turn = others.iter().filter(|other| {
        took_turns(own, other)
            || other.is_counted_in_part()
            || (is_at_device && was_there_with(own, other))
    });
    let days_in_turn: u64 = in_turn.map(|stand| stand.days()).sum();
    is_one
        || (days * 2 >= own.days() && logins * 4 >= own.logins)
        || (days_in_turn > 0 && days_in_turn * 2 >= own.days())
}

/// Says whether one export counts half as many logins of one as of another, and more than its days are likely to have.
fn is_more_than_told(stand: &Stand, own: &Stand) -> bool {
    stand.has_logins
        && own.has_logins
        && stand.told == own.told
        && stand.logins * 2 >= own.logins
        && stand.logins > 4 * stand.days()
        && !own.is_counted_in_part()
}

/// Says whether a pair was at a device with another one on several of the same days, as both tell.
fn was_there_with(own: &Stand, other: &Stand) -> bool {
    let both = own.use_days.intersection(&other.use_days).count();
    own.is_dated && other.is_dated && both > 1
}

/// Says whether a pair was alone on a day between two of another one's.
fn took_turns(own: &Stand, other: &Stand) -> bool {
    let (first, last) = (other.use_days.first(), other.use_days.last());
    let is_between =
        |day: &i64| first.is_some_and(|first| first < day) && last.is_some_and(|last| day < last);
    let mut alone = own.use_days.difference(&other.use_days);
    alone.any(is_between)
}

/// Says whether more than half of the days at a device, or two thirds of the logins, are a pair's, and others of late do not
/// come near.
fn has_most(own: &Stand, pair: &Pair, all: &Some, used: &[&BTreeSet<i64>]) -> bool {
    let all = all.iter().copied();
    let others: Some = all.filter(|(other, _)| other.0 != pair.0).collect();
    let days: u64 = others.iter().map(|(_, stand)| stand.days()).sum();
    let logins: u64 = others.iter().map(|(_, stand)| stand.logins).sum();
    let others: Vec<&Stand> = others.iter().map(|(_, stand)| *stand).collect();
    (own.days() > days || own.logins > 2 * logins) && !come_near(own, &others, true, used)
}

/// Returns the one that stands out among some pairs.
fn lead<'p>(competing: &Some<'p>, used: &[&BTreeSet<i64>]) -> Option<&'p Pair> {
    let newest = competing.iter().map(|(_, stand)| stand.known).max()?;
    let rest = competing
        .iter()
        .filter(|(_, stand)| !stand.is_left_behind(newest, used));
    let all: u64 = rest.clone().map(|(_, stand)| stand.weight()).sum();
    let (pair, lead) = rest.clone().find(|(_, stand)| stand.weight() * 2 > all)?;
    let mut others = rest.filter(|(other, _)| other != pair);
    let is_last = others.all(|(_, stand)| {
        let overtook = overtook(stand, lead);
        let is_many = stand.logins > lead.logins && stand.logins > 4 * stand.days();
        let outnumbers = stand.has_logins && lead.has_logins && stand.told == lead.told && is_many;
        stand.began <= Some(lead.known) && !overtook && !outnumbers
    });
    (lead.is_counted && !is_later(newest, lead.known) && is_last).then_some(*pair)
}
