//! The rules of merging and identity, read by brute force: every clause is a scan over all the rows.
//! It says what an index of a tenant's objects must hold, and knows nothing of how the index gets there.
//! Well-formed ASCII cells only: what is refused, and how text is normalised, is tested elsewhere.
//!
//! `rows` are what objects say, at a `time`, by `keys`; `subjects` gives each row to whom it is about, where `bearers`
//! say whom a name means; `usages` are what mentions make, and `ranks` which device is whose. `fields`, `class` and `held` are what of it an index shows.

mod bearers;
mod class;
mod erasure;
mod fields;
mod held;
mod keys;
mod office;
mod ranks;
mod rows;
mod samples;
mod stands;
mod subjects;
mod time;
mod usages;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use self::bearers::Interval;
use self::class::{known_device_names, local_sids};
use self::fields::{account_json, device_json};
use self::held::{ACCOUNT_VALUES, DEVICE_VALUES, held};
use self::keys::{Keys, account_name};
use self::rows::{Row, rows_of};
use self::stands::World;
use self::subjects::{Resolution, Subject, Subjects, account_text, device_text};
use self::time::{DAY_US, observed_us};
use self::usages::{
    LOGINS_WINDOW_US, Usages, are_several, count_of, is_dated, last_login_groups, login_groups,
    said_of_logins, usage_json,
};
use self::waiting::Waiting;
use crate::tenant::{self, Dataset, Object};

/// Returns what an index of these objects must hold, whatever their order.
pub(crate) fn derive(objects: &[Object]) -> Value {
    derive_rows(&rows_of(objects))
}

/// Returns what an index of these objects must hold in which an account of some of them was erased: the one at a place.
pub(crate) fn derive_without(objects: &[Object], known: &[Object], at: usize) -> Value {
    let mut rows = rows_of(objects);
    erasure::erase(&mut rows, &rows_of(known), at);
    derive_rows(&rows)
}

/// Returns what an index of these objects must hold that keeps rows for so long before the newest object of their dataset.
pub(crate) fn derive_kept(objects: &[Object], keep_for: Duration) -> Value {
    let mut rows = rows_of(objects);
    let mut newest: BTreeMap<Dataset, i64> = BTreeMap::new();
    for row in &rows {
        let known = newest.entry(row.dataset).or_insert(i64::MIN);
        *known = (*known).max(row.stamp.observed_us);
    }
    let keep_for = keep_for.as_micros() as i64;
    rows.retain(|row| row.stamp.observed_us >= newest[&row.dataset] - keep_for);
    derive_rows(&rows)
}

fn derive_rows(rows: &[Row]) -> Value {
    let of = |dataset| -> Vec<&Row> { rows.iter().filter(|r| r.dataset == dataset).collect() };
    let (user_rows, device_rows, login_rows) = (
        of(Dataset::Users),
        of(Dataset::Devices),
        of(Dataset::Logins),
    );

    let device_names = known_device_names(&device_rows);
    let local_sids = local_sids(&user_rows, &device_names);
    let accounts = Subjects::settle(&user_rows, "user.first_seen", |row| {
        row.user_keys().without_weak_sid(&local_sids)
    });
    let devices = Subjects::settle(&device_rows, "device.first_seen", Row::device_keys);

    let mut usages = Usages::default();
    let mut waiting = Waiting::default();
    for ((user, device), rows) in login_groups(&login_rows) {
        let said = said_of_logins(&rows);
        let is_dated = is_dated(&rows);
        let sides = (user.clone(), device.clone());
        let user = user.without_weak_sid(&local_sids);
        let is_likely = accounts.is_likely(&user, said) || devices.is_likely(&device, said);
        let account = accounts.resolve(&user, said);
        if let Some(namesake) = devices.namesake(&device, said) {
            let newest = waiting.named_anew.entry(namesake).or_insert(i64::MIN);
            *newest = (*newest).max(said.to);
        }
        let device = devices.resolve(&device, said);
        let days = rows.iter().map(|row| row.active().div_euclid(DAY_US));
        let days: BTreeSet<i64> = days.collect();
        let logins = count_of(&rows);
        // A row that counts none tells of something else, unless it says when, or others were before.
        let says_when = said.from == said.to;
        let tells = logins != Some(0) || says_when || are_several(&days);
        let when = (said.to, &days);
        waiting.take(
            (&account, &device),
            (&sides.0, &sides.1),
            when,
            is_dated,
            (logins, tells),
        );
        usages.take_logins(account, device, &rows, is_likely);
    }
    let mut last_users = BTreeMap::new();
    for ((user_name, device), times) in last_login_groups(&device_rows) {
        let said = Interval {
            from: times.used - LOGINS_WINDOW_US,
            to: times.used,
        };
        let user = Keys::of_name(user_name.clone());
        let is_likely = accounts.is_likely(&user, said);
        let account = accounts.resolve(&user, said);
        last_users.insert((user_name, device.clone()), account.clone());
        usages.take_last_login(account, devices.home(&device), &times, is_likely);
    }
    let world = World {
        accounts: &accounts,
        devices: &devices,
        device_names: &device_names,
        newest_logins: login_rows.iter().map(|row| row.stamp.observed_us).max(),
        waiting,
        last_users: last_users_now(&devices, &last_users),
    };
    let whole = ranks::whole(&usages, &world);
    let ranks = ranks::ranks(&whole, &world);
    json!({
        "accounts": sorted(accounts.each(|subject, rows| account_json(subject, rows, &device_names))),
        "devices": sorted(devices.each(device_json)),
        "usages": sorted(whole.iter().map(|(pair, parts)| usage_json(pair, parts, &ranks[pair])).collect()),
        "held": sorted([held(&accounts, account_text, &ACCOUNT_VALUES), held(&devices, device_text, &DEVICE_VALUES)].concat()),
        "waiting": {"unknown": usages.unknown, "ambiguous": usages.ambiguous},
    })
}

/// Returns whom the newest row of each device names as the last to log in, where it names anybody: whom that means, and
/// the name.
fn last_users_now(
    devices: &Subjects,
    users: &BTreeMap<(String, Keys), Resolution>,
) -> BTreeMap<Subject, (Resolution, String)> {
    let named = devices.members.iter().filter_map(|(device, rows)| {
        let (_, newest) = rows.iter().max_by_key(|(_, row)| row.stamp)?;
        let name = account_name(newest.said("device.login.last_login_user_name")?);
        let user = users[&(name.clone(), newest.device_keys())].clone();
        Some((device.clone(), (user, name)))
    });
    named.collect()
}

/// Returns an array in the order of its elements' JSON text, so that two states compare.
pub(crate) fn sorted(mut values: Vec<Value>) -> Value {
    values.sort_by_key(Value::to_string);
    Value::Array(values)
}

#[test]
fn order_and_repetition_change_nothing() {
    for seed in 0..200 {
        let objects = tenant::random(seed);
        let backwards: Vec<_> = objects.iter().rev().chain(&objects).cloned().collect();
        assert_eq!(derive(&objects), derive(&backwards), "seed {seed}");
    }
}

#[test]
fn random_tenants_reach_every_outcome() {
    let tenants: Vec<_> = (0..500).map(tenant::random).collect();
    let states: Vec<_> = tenants.iter().map(|objects| derive(objects)).collect();
    let texts: Vec<_> = states.iter().map(Value::to_string).collect();
    let says = |words: &str| texts.iter().any(|text| text.contains(words));
    for class in ["machine", "local", "person", "unknown"] {
        assert!(says(&format!("\"class\":\"{class}\"")), "{class}");
    }
    for start in [
        "sid:s-1-5-21-",
        "sid:s-1-12-1-",
        "uid:5d1f",
        "name:",
        "uid:8e2b",
        "collector_uid:c0ff",
    ] {
        assert!(says(&format!("\"subject\":\"{start}")), "{start}");
    }
    for word in ["is_primary", "is_shared", "is_through", "is_current"] {
        assert!(says(&format!("\"{word}\":true")), "{word}");
    }
    assert!(says("\"extra\":{\"session.kind\"") && says("\"extra\":{\"user.organization.#team\""));
    for kind in ["unknown", "ambiguous"] {
        assert!(
            states
                .iter()
                .any(|state| state["waiting"][kind] != json!(0)),
            "{kind}"
        );
    }
    let usages = states
        .iter()
        .flat_map(|state| state["usages"].as_array().expect("an array"));
    let is_both = |usage: &Value| usage["logins"].is_u64() && usage["last_login_observed"].is_i64();
    assert!(usages.into_iter().any(is_both));
    let times = |objects: &[Object]| -> BTreeSet<i64> { objects.iter().map(observed_us).collect() };
    let is_long =
        |times: &BTreeSet<i64>| times.last() > times.first().map(|t| t + LOGINS_WINDOW_US).as_ref();
    assert!(
        tenants
            .iter()
            .filter(|objects| is_long(&times(objects)))
            .count()
            > 100
    );
    assert!(
        tenants
            .iter()
            .filter(|objects| times(objects).len() < objects.len())
            .count()
            > 100
    );
}
