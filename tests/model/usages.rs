//! Usages: what rows that mention an account and a device make (R5), and how many mentions wait.
//! Whom a mention means is left to `subjects`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::bearers::Interval;
use super::derive;
use super::keys::{Keys, account_name};
use super::ranks::Rank;
use super::rows::{Row, Stamp};
use super::samples::{SID_A, SID_B, UID_A, UID_B, UID_C, device, devices, mentions, object, sid};
use super::subjects::{Resolution, Subject, account_text, device_text};
use super::time::{DAY_US, observed_us};

/// How long before it was observed a logins row may have been true, where nothing says it.
pub(super) const LOGINS_WINDOW_US: i64 = 92 * DAY_US;

/// Columns of a logins row that are known; any other is kept as extra.
const LOGIN_COLUMNS: [&str; 8] = [
    "user.sid",
    "user.uid",
    "user.name",
    "device.uid",
    "device.collector.uid",
    "device.name",
    "logins",
    "last_seen",
];

/// The usages that mentions made, and how many mentions wait.
#[derive(Default)]
pub(super) struct Usages<'a> {
    pub(super) by_pair: BTreeMap<(Subject, Subject), Usage<'a>>,
    pub(super) unknown: usize,
    pub(super) ambiguous: usize,
}

#[derive(Default)]
pub(super) struct Usage<'a> {
    /// The rows of the newest objects that have its keys.
    logins: Vec<&'a Row>,
    /// The days of all its rows.
    login_days: BTreeSet<i64>,
    last_login_us: Option<i64>,
    last_login_used_us: Option<i64>,
    first_named_us: Option<i64>,
    last_login_days: BTreeSet<i64>,
    /// Rows that may be of others who bear the same names.
    likely: BTreeSet<Stamp>,
    pub(super) is_last_likely: bool,
}

/// Says whether days that are kept beside one another are several.
pub(super) fn are_several(days: &BTreeSet<i64>) -> bool {
    let newest = days.last().copied().unwrap_or_default();
    days.iter().filter(|day| newest - **day < 64).count() > 1
}

impl Usage<'_> {
    pub(super) fn has_logins(&self) -> bool {
        !self.logins.is_empty()
    }

    /// Says whether any login tells of it: a row that counts none is there because something else was, unless it says when, or rows of
    /// other days were there.
    pub(super) fn has_counted_logins(&self) -> bool {
        let is_counted = self.count() != Some(0) || self.last_used().is_some();
        self.has_logins() && (is_counted || are_several(&self.login_days))
    }

    /// Returns when the newest row that names the account was observed.
    pub(super) fn last_login_observed(&self) -> Option<i64> {
        self.last_login_us
    }

    /// Returns the logins that the newest object counts.
    pub(super) fn count(&self) -> Option<u64> {
        sum_of_logins(&of_newest_object(&self.logins))
    }

    pub(super) fn last_used(&self) -> Option<i64> {
        let rows = of_newest_object(&self.logins);
        rows.iter().filter_map(|row| row.stamp.last_seen_us).max()
    }

    /// Says whether its logins tell when they were, and no time that was still to come.
    pub(super) fn are_logins_dated(&self) -> bool {
        let rows = of_newest_object(&self.logins);
        let observed = rows.iter().map(|row| row.stamp.observed_us).max();
        self.last_used()
            .zip(observed)
            .is_some_and(|(used, observed)| used <= observed + DAY_US)
    }

    /// Returns when its newest logins were observed.
    pub(super) fn logins_observed(&self) -> Option<i64> {
        let rows = of_newest_object(&self.logins);
        rows.first().map(|row| row.stamp.observed_us)
    }

    /// Returns when its logins were at the latest.
    pub(super) fn logins_time(&self) -> Option<i64> {
        let rows = of_newest_object(&self.logins);
        let observed = rows.first()?.stamp.observed_us;
        Some(self.last_used().map_or(observed, |used| used.min(observed)))
    }

    /// When the device named the account first.
    pub(super) fn first_named(&self) -> Option<i64> {
        self.first_named_us
    }

    /// Says whether it may be another's, who bears the same name.
    pub(super) fn is_likely(&self) -> bool {
        let rows = of_newest_object(&self.logins);
        match self.has_counted_logins() {
            true => rows.iter().any(|row| self.likely.contains(&row.stamp)),
            false => self.is_last_likely,
        }
    }

    pub(super) fn last_login_used(&self) -> Option<i64> {
        self.last_login_used_us
    }

    pub(super) fn last_login_days(&self) -> BTreeSet<i64> {
        within_64_days(&self.last_login_days)
    }

    /// Returns its days of use: those of its logins, or for want of any those of its last logins too.
    pub(super) fn ranking_days(&self) -> BTreeSet<i64> {
        match self.has_counted_logins() {
            true => within_64_days(&self.login_days),
            false => within_64_days(&(&self.login_days | &self.last_login_days)),
        }
    }
}

fn within_64_days(days: &BTreeSet<i64>) -> BTreeSet<i64> {
    let newest = days.last().copied().unwrap_or_default();
    let near = days.iter().filter(|day| newest - **day < 64);
    near.copied().collect()
}

impl<'a> Usages<'a> {
    pub(super) fn take_logins(
        &mut self,
        account: Resolution,
        device: Resolution,
        rows: &[&'a Row],
        is_likely: bool,
    ) {
        if let Some(usage) = self.usage(account, device) {
            let likely = rows.iter().filter(|_| is_likely);
            usage.likely.extend(likely.map(|row| row.stamp));
            usage.logins.extend(of_newest_object(rows));
            let days = rows.iter().map(|row| row.active().div_euclid(DAY_US));
            usage.login_days.extend(days);
        }
    }

    pub(super) fn take_last_login(
        &mut self,
        account: Resolution,
        device: Subject,
        times: &LastLogin,
        is_likely: bool,
    ) {
        if let Some(usage) = self.usage(account, Resolution::One(device)) {
            usage.last_login_us = usage.last_login_us.max(Some(times.observed));
            usage.last_login_used_us = usage.last_login_used_us.max(Some(times.used));
            usage.last_login_days.extend(&times.days);
            usage.is_last_likely |= is_likely;
            let first = usage.first_named_us.unwrap_or(times.first);
            usage.first_named_us = Some(first.min(times.first));
        }
    }

    /// Returns the usage of a pair; counts the mention as waiting if a side is open.
    fn usage(&mut self, account: Resolution, device: Resolution) -> Option<&mut Usage<'a>> {
        match (account, device) {
            (Resolution::One(account), Resolution::One(device)) => {
                return Some(self.by_pair.entry((account, device)).or_default());
            }
            (Resolution::Ambiguous(_), _) | (_, Resolution::Ambiguous(_)) => self.ambiguous += 1,
            _ => self.unknown += 1,
        }
        None
    }
}

/// Returns the rows of each (user keys, device keys).
pub(super) fn login_groups<'a>(login_rows: &[&'a Row]) -> BTreeMap<(Keys, Keys), Vec<&'a Row>> {
    let mut groups: BTreeMap<_, Vec<&Row>> = BTreeMap::new();
    for row in login_rows {
        groups
            .entry((row.user_keys(), row.device_keys()))
            .or_default()
            .push(row);
    }
    groups
}

/// When the rows of one pair of keys in their newest object may have been true.
pub(super) fn said_of_logins(rows: &[&Row]) -> Interval {
    let rows = of_newest_object(rows);
    let observed = rows[0].stamp.observed_us;
    let used = rows.iter().filter_map(|row| row.stamp.last_seen_us).max();
    match used.map(|used| used.min(observed)) {
        Some(used) => Interval {
            from: used,
            to: used,
        },
        None => Interval {
            from: observed - LOGINS_WINDOW_US,
            to: observed,
        },
    }
}

/// Says whether the rows of one pair of keys in their newest object tell when they were, and no time that was still to come.
pub(super) fn is_dated(rows: &[&Row]) -> bool {
    let rows = of_newest_object(rows);
    let used = rows.iter().filter_map(|row| row.stamp.last_seen_us).max();
    used.is_some_and(|used| used <= rows[0].stamp.observed_us + DAY_US)
}

/// The newest times of a last login.
pub(super) struct LastLogin {
    pub(super) observed: i64,
    pub(super) used: i64,
    pub(super) first: i64,
    /// The days of all its uses.
    pub(super) days: BTreeSet<i64>,
}

/// Returns the times of each (user name, device keys) that devices rows name as a last login.
pub(super) fn last_login_groups(device_rows: &[&Row]) -> BTreeMap<(String, Keys), LastLogin> {
    let mut groups = BTreeMap::new();
    for row in device_rows {
        if let Some(user) = row.said("device.login.last_login_user_name") {
            let times = groups
                .entry((account_name(user), row.device_keys()))
                .or_insert(LastLogin {
                    observed: i64::MIN,
                    used: i64::MIN,
                    first: i64::MAX,
                    days: BTreeSet::new(),
                });
            times.observed = row.stamp.observed_us.max(times.observed);
            times.used = row.active().max(times.used);
            times.first = row.stamp.observed_us.min(times.first);
            times.days.insert(row.active().div_euclid(DAY_US));
        }
    }
    groups
}

/// Shows a pair with what makes it: its own usage, and those through which its account has the device.
pub(super) fn usage_json(
    (account, device): &(Subject, Subject),
    parts: &[(&(Subject, Subject), &Usage)],
    rank: &Rank,
) -> Value {
    let is_own = |part: &&(&(Subject, Subject), &Usage)| part.0.0 == *account;
    let usages = || parts.iter().map(|(_, usage)| *usage);
    let newest = parts.iter().filter_map(|part| {
        let rows = of_newest_object(&part.1.logins);
        Some((is_own(&part), rows.into_iter().max_by_key(|row| row.stamp)?))
    });
    // Of equally new ones the account's own, else the last row.
    let newest = newest
        .max_by_key(|(is_own, row)| (row.stamp.object(), *is_own, row.stamp.number))
        .map(|(_, row)| row);
    let counts = usages().filter_map(Usage::count);
    json!({
        "account": account_text(account),
        "device": device_text(device),
        "logins": counts.reduce(|sum, count| sum + count),
        "last_used": usages().filter_map(Usage::last_used).max(),
        "last_login_observed": usages().filter_map(|usage| usage.last_login_us).max(),
        "extra": newest.and_then(extra),
        "is_through": parts.iter().any(|part| !is_own(&part)),
        "time_of_use": rank.time_of_use,
        "is_current": rank.is_current,
        "is_shared": rank.is_shared,
        "is_primary": rank.is_primary,
    })
}

/// Returns the logins that the newest object of some rows counts.
pub(super) fn count_of(rows: &[&Row]) -> Option<u64> {
    sum_of_logins(&of_newest_object(rows))
}

fn of_newest_object<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let newest = rows.iter().map(|row| row.stamp.object()).max();
    let is_newest = |row: &&&Row| Some(row.stamp.object()) == newest;
    rows.iter().filter(is_newest).copied().collect()
}

/// Returns the sum of the counts that the rows say; nothing if none says one.
fn sum_of_logins(rows: &[&Row]) -> Option<u64> {
    let counts = rows.iter().filter_map(|row| row.value("logins"));
    let counts = counts.map(|cell| cell.parse::<u64>().expect("logins is a whole number"));
    counts.reduce(|sum, count| sum + count)
}

/// Returns the unknown columns of a logins row that are not empty; nothing if there are none.
fn extra(row: &Row) -> Option<Map<String, Value>> {
    let is_extra = |(column, cell): &(&String, &String)| {
        !LOGIN_COLUMNS.contains(&column.as_str()) && !cell.is_empty()
    };
    let extra: Map<_, _> = row
        .cells
        .iter()
        .filter(is_extra)
        .map(|(column, cell)| (column.clone(), json!(cell)))
        .collect();
    (!extra.is_empty()).then_some(extra)
}

#[test]
fn r5_a_mention_creates_nothing_and_waits_for_its_subjects() {
    let login = object("2026-03-01", "user.name device.name", &["jdoe@EMEA NB1"]);
    let user = object("2026-04-01", "user.name", &["jdoe@EMEA"]);
    assert_eq!(mentions(std::slice::from_ref(&login)), (vec![], [1, 0]));
    let known = [login.clone(), user, device()];
    assert_eq!(
        mentions(&known),
        (vec!["name:jdoe@emea".to_owned()], [0, 0])
    );
    assert_eq!(devices(&[login]), [""; 0]);
}

#[test]
fn r5_a_mention_goes_by_its_strongest_known_key_and_contradicts_no_stronger_one() {
    let header = "user.sid user.uid user.name";
    let user = object(
        "2026-03-01",
        header,
        &[&format!("{SID_A} {UID_A} jdoe@EMEA")],
    );
    let login = |keys: &str| {
        let login = object(
            "2026-03-01",
            &format!("{header} device.uid"),
            &[&format!("{keys} {UID_C}")],
        );
        mentions(&[user.clone(), device(), login])
    };
    let known = (vec![sid(SID_A)], [0, 0]);
    let refused = (vec![], [1, 0]);
    assert_eq!(login(&format!("{SID_A} {UID_B} other@EMEA")), known);
    assert_eq!(login(&format!("_ {UID_A} other@EMEA")), known);
    assert_eq!(login("_ _ JDOE@emea"), known);
    assert_eq!(login(&format!("{SID_B} {UID_A} jdoe@EMEA")), refused);
    assert_eq!(login(&format!("{SID_B} _ jdoe@EMEA")), refused);
    assert_eq!(login(&format!("_ {UID_B} jdoe@EMEA")), refused);
    assert_eq!(login("S-1-5-18 _ jdoe@EMEA"), known);
}

#[test]
fn r5_a_uid_of_two_sids_is_ambiguous_though_it_has_an_account_of_its_own() {
    let header = "user.sid user.uid";
    let two = object(
        "2026-03-01",
        header,
        &[&format!("{SID_A} {UID_A}"), &format!("{SID_B} {UID_A}")],
    );
    let login = object(
        "2026-03-01",
        "user.uid device.uid",
        &[&format!("{UID_A} {UID_C}")],
    );
    assert_eq!(
        mentions(&[two.clone(), device(), login.clone()]),
        (vec![], [0, 1])
    );
    let alone = object("2026-03-02", "user.uid", &[UID_A]);
    assert_eq!(mentions(&[two, device(), login, alone]), (vec![], [0, 1]));
}

#[test]
fn logins_of_the_newest_object_add_up_and_older_ones_are_superseded() {
    let user = object(
        "2026-01-01",
        "user.uid user.name",
        &[&format!("{UID_A} jdoe@EMEA")],
    );
    let header = "user.uid user.name device.name logins session.kind";
    let old = object("2026-01-01", header, &["_ jdoe@EMEA NB1 100 remote"]);
    let rows = [
        "_ jdoe@EMEA NB1 3 _",
        &*format!("{UID_A} _ NB1 4 console"),
        "_ JDOE@EMEA NB1 _ _",
    ];
    let new = object("2026-01-02", header, &rows);
    let usage = &derive(&[user, device(), new, old])["usages"];
    assert_eq!(usage[0]["logins"], 7);
    assert_eq!(usage[0]["extra"], Value::Null);
    assert_eq!(usage.as_array().map(Vec::len), Some(1));
}

#[test]
fn a_last_login_makes_a_usage_that_an_empty_one_does_not_clear() {
    let user = object("2026-01-01", "user.name", &["jdoe@EMEA"]);
    let header = "device.uid device.name device.login.last_login_user_name";
    let named = object("2026-01-01", header, &[&format!("{UID_C} NB1 jdoe@EMEA")]);
    let empty = object("2026-01-02", header, &[&format!("{UID_C} NB1 _")]);
    let state = derive(&[user, named.clone(), empty]);
    assert_eq!(
        state["usages"][0]["last_login_observed"],
        observed_us(&named)
    );
    assert_eq!(state["usages"][0]["logins"], Value::Null);
    assert_eq!(state["devices"][0]["fields"].get("last_login"), None);
}
