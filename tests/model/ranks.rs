//! Ranks: which device is whose, by what all usages say together. Each rule is read off `docs/semantics.md`, "Ranking".
//! Which usages there are is left to `usages`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::derive;
use super::office::Office;
use super::samples::{UID_A, UID_B, UID_C, object};
use super::stands::{Pair, Stand, World};
use super::subjects::Subject;
use super::usages::{Usage, Usages};

/// A pair's rank.
pub(super) struct Rank {
    pub(super) time_of_use: i64,
    pub(super) is_current: bool,
    pub(super) is_shared: bool,
    pub(super) is_primary: bool,
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
    let used = stands.values().flat_map(|stand| &stand.use_days);
    let used: BTreeSet<i64> = used.copied().collect();
    let office = Office {
        whole,
        stands: &stands,
        shared: &shared,
        world,
        namesakes: &world.namesakes(),
        used: &used,
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
