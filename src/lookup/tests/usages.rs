//! Usages: the devices of an account and the accounts of a device, and their order. How they rank is the writer's affair.
//! Whom a text finds is left to `identifiers` and `holders`.

use super::draft::{Draft, jdoes, uuid};
use crate::error::Error;
use crate::lookup::{Answer, Found, Outcome, Query};
use crate::schema::{Class, NotPrimary, Rank, Subject};

#[test]
fn devices_are_listed_by_their_rank() {
    let mut draft = jdoes();
    let device = |draft: &mut Draft, number, name: &str| {
        draft.device(&[("uid", &uuid('d', number)), ("name", name)])
    };
    let [old, own, pool] = [(1, "NB-0041"), (2, "NB-0042"), (3, "VDI-POOL-01")]
        .map(|(number, name)| device(&mut draft, number, name));
    let rank = |is_current, is_shared, not_primary| Rank {
        is_current,
        is_shared,
        not_primary,
    };
    let reason = |reason| Some(reason);
    draft.ranked(
        1,
        old,
        90,
        rank(false, false, reason(NotPrimary::NotCurrent)),
    );
    draft.ranked(1, own, 26, rank(true, false, None));
    draft.ranked(1, pool, 40, rank(true, true, reason(NotPrimary::Shared)));
    draft.ranked(
        2,
        own,
        3,
        rank(true, false, reason(NotPrimary::OtherAccount)),
    );
    let open = draft.open();
    let answer = open.find("jdoe@EMEA");
    let Found::Account { devices, .. } = &answer.one().unwrap().subject else {
        panic!("an account")
    };
    let shown = devices.iter().map(|one| {
        let name = one.device.name.as_deref().unwrap();
        (
            name,
            one.usage.is_current,
            one.is_shared,
            one.usage.is_primary(),
        )
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            ("VDI-POOL-01", true, true, false),
            ("NB-0042", true, false, true),
            ("NB-0041", false, false, false)
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
    let shown = accounts
        .iter()
        .map(|one| (one.account.account_name.as_deref(), one.usage.not_primary));
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            (Some("jdoe@EMEA"), None),
            (Some("jdoe@APAC"), reason(NotPrimary::OtherAccount))
        ]
    );
    assert!(!is_shared);
    let answer = open.find("VDI-POOL-01");
    let Found::Device { is_shared, .. } = &answer.one().unwrap().subject else {
        panic!("a device")
    };
    assert!(is_shared);
}

#[test]
fn more_devices_than_an_answer_lists_are_counted() {
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
