//! Usages: the devices of an account and the accounts of a device, their order, and which one is primary.
//! Whom a text finds is left to `identifiers` and `holders`.

use super::draft::{Draft, jdoes, uuid};
use crate::error::Error;
use crate::lookup::{Answer, Found, Outcome, Query};
use crate::schema::{Class, Subject};

#[test]
fn devices_are_ranked_by_use_and_the_first_is_primary_when_its_lead_is_clear() {
    let mut draft = jdoes();
    let device = |draft: &mut Draft, number, name: &str| {
        draft.device(&[("uid", &uuid('d', number)), ("name", name)])
    };
    let [own, second, pool] = [(1, "NB-0042"), (2, "NB-0043"), (3, "VDI-POOL-01")]
        .map(|(number, name)| device(&mut draft, number, name));
    draft.usage(1, own, 26);
    draft.usage(1, pool, 40);
    for other in 3..=5 {
        let uid = uuid('a', other);
        let id = draft.account(&[("uid", &uid)]);
        draft.usage(id, pool, 5);
    }
    draft.usage(2, own, 3);
    draft.usage(2, second, 4);
    let open = draft.open();
    let devices = |name: &str| -> Vec<(String, Option<u64>, bool, bool)> {
        let answer = open.find(name);
        let Found::Account { devices, .. } = &answer.one().unwrap().subject else {
            panic!("an account")
        };
        let shown = devices.iter().map(|one| {
            let name = one.device.name.clone().unwrap();
            (name, one.usage.logins, one.is_shared, one.usage.is_primary)
        });
        shown.collect()
    };
    // The pool is first, so nothing is primary.
    assert_eq!(
        devices("jdoe@EMEA"),
        [
            ("VDI-POOL-01".to_owned(), Some(40), true, false),
            ("NB-0042".to_owned(), Some(26), false, false)
        ]
    );
    // 4 logins against 3 is no lead.
    assert_eq!(
        devices("jdoe@APAC"),
        [
            ("NB-0043".to_owned(), Some(4), false, false),
            ("NB-0042".to_owned(), Some(3), false, false)
        ]
    );
    let answer = open.find("NB-0042");
    let Found::Device {
        accounts,
        is_shared,
        ..
    } = &answer.one().unwrap().subject
    else {
        panic!("a device")
    };
    let shown: Vec<_> = accounts
        .iter()
        .map(|one| (one.account.account_name.as_deref(), one.usage.is_primary))
        .collect();
    assert_eq!(
        shown,
        [(Some("jdoe@EMEA"), true), (Some("jdoe@APAC"), false)]
    );
    assert!(!is_shared);
    let answer = open.find("VDI-POOL-01");
    let Found::Device {
        accounts,
        is_shared,
        ..
    } = &answer.one().unwrap().subject
    else {
        panic!("a device")
    };
    assert!(*is_shared && accounts.iter().all(|one| !one.usage.is_primary));
}

#[test]
fn more_devices_than_an_answer_lists_are_counted_and_none_is_primary() {
    let mut draft = jdoes();
    for at in 0..120 {
        let uid = uuid('d', at);
        let id = draft.device(&[("uid", &uid)]);
        draft.usage(1, id, if at == 7 { 10_000 } else { 1 });
    }
    let answer = draft.open().find("jdoe@EMEA");
    let Found::Account {
        devices,
        devices_left_out,
        ..
    } = &answer.one().unwrap().subject
    else {
        panic!("an account")
    };
    assert_eq!((devices.len(), *devices_left_out), (100, 20));
    assert_eq!(devices[0].usage.logins, Some(10_000));
    assert!(devices.iter().all(|one| !one.usage.is_primary));
}

#[test]
fn accounts_of_a_device_are_those_of_the_classes_asked_for() {
    let mut draft = Draft::new();
    let device = draft.device(&[("uid", &uuid('d', 1)), ("name", "HWA1")]);
    let machine = draft.row(Subject::Account, Class::Machine, &[("name", "HWA1$@EMEA")]);
    let person = draft.account(&[("name", "jdoe@EMEA")]);
    draft.usage(machine, device, 30);
    draft.usage(person, device, 3);
    let open = draft.open();
    let names = |query: Query| -> (Vec<String>, u64) {
        let answer = open.find(query);
        let Found::Device { accounts, .. } = &answer.one().unwrap().subject else {
            panic!("a device")
        };
        let names = accounts
            .iter()
            .filter_map(|one| one.account.account_name.clone());
        (names.collect(), answer.skipped.machine)
    };
    assert_eq!(names("HWA1".into()), (vec!["jdoe@EMEA".to_owned()], 1));
    let all = vec!["HWA1$@EMEA".to_owned(), "jdoe@EMEA".to_owned()];
    assert_eq!(names(Query::any("HWA1").all_classes()), (all, 0));
}

#[test]
fn devices_of_an_account_are_never_asked_of_a_device() {
    let mut draft = jdoes();
    draft.device(&[("uid", &uuid('d', 1)), ("name", "jdoe")]);
    let open = draft.open();
    let outcome = |answer: Result<Answer, Error>| answer.unwrap().outcome;
    assert_eq!(outcome(open.index.find("jdoe")), Outcome::Several);
    assert_eq!(outcome(open.index.accounts_of("jdoe")), Outcome::One);
    assert_eq!(outcome(open.index.devices_of(r"EMEA\jdoe")), Outcome::One);
    assert_eq!(
        outcome(open.index.devices_of(Query::device_name("jdoe"))),
        Outcome::Unparseable
    );
    assert_eq!(
        outcome(open.index.accounts_of(Query::upn("john.doe@contoso.com"))),
        Outcome::Unparseable
    );
}
