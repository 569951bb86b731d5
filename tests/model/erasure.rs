//! Erasure: the rows that are left when an account was erased. A row goes whose strongest key is one that the account had, and
//! of a devices row the name of the last user, if that was its.

use std::collections::BTreeSet;

use super::class::{Says, known_device_names, local_sids};
use super::fields::account_json;
use super::keys::{Keys, account_name};
use super::rows::Row;
use super::sorted;
use super::subjects::{Subject, Subjects};
use crate::tenant::Dataset;

const LAST_USER: &str = "device.login.last_login_user_name";

/// Takes out of all rows what tells of an account of the rows that were known when it was erased.
pub(super) fn erase(rows: &mut Vec<Row>, known: &[Row], at: usize) {
    let of = |dataset| known.iter().filter(move |row| row.dataset == dataset);
    let (users, devices): (Vec<&Row>, Vec<&Row>) =
        (of(Dataset::Users).collect(), of(Dataset::Devices).collect());
    let names = known_device_names(&devices);
    let local = local_sids(&users, &names);
    let accounts = Subjects::settle(&users, "user.first_seen", |row| {
        row.user_keys().without_weak_sid(&local)
    });
    let shown = accounts.each(|subject, rows| account_json(subject, rows, &names));
    let account = &sorted(shown.clone())[at];
    let place = shown.iter().position(|one| one == account);
    let Some((_, members)) = place.and_then(|place| accounts.members.iter().nth(place)) else {
        return;
    };
    let erased: BTreeSet<Subject> = members.iter().flat_map(|(keys, _)| all(keys)).collect();
    // What the row itself says, and what was known of the account: which SIDs other rows show to be local counts for nothing.
    let weak: BTreeSet<String> = members
        .iter()
        .filter_map(|(keys, row)| row.user_keys().first.filter(|_| keys.first.is_none()))
        .collect();
    let is_erased = |keys: Keys| {
        let strongest = all(&keys.without_weak_sid(&weak)).into_iter().next();
        strongest.is_some_and(|strongest| erased.contains(&strongest))
    };
    let keys_of = |row: &Row| match row.says() {
        Says::Local => row.user_keys().without_sid(),
        _ => row.user_keys(),
    };
    rows.retain(|row| row.dataset == Dataset::Devices || !is_erased(keys_of(row)));
    for row in rows {
        let name = row.said(LAST_USER).map(account_name);
        if name.is_some_and(|name| is_erased(Keys::of_name(name))) {
            row.cells.insert(LAST_USER.to_owned(), String::new());
        }
    }
}

/// Returns the keys that are said, the strongest first.
fn all(keys: &Keys) -> Vec<Subject> {
    let keys = [
        keys.first.clone().map(Subject::First),
        keys.second.clone().map(Subject::Second),
        keys.name.clone().map(Subject::Name),
    ];
    keys.into_iter().flatten().collect()
}
