//! Who holds a value: several subjects or too many, those passed over, those who held it before, and the parts of one.
//! How a value may be spelt is left to `identifiers`.

use super::draft::{DOMAIN_SID, Draft, uid, uuid};
use crate::identifier::Kind;
use crate::lookup::{Flag, HitVerdict, Level, Outcome, Query};
use crate::schema::{Class, Subject};

#[test]
fn kinds_that_hold_the_same_value_are_one_identifier_with_all_the_evidence() {
    let mut draft = Draft::new();
    draft.account(&[
        ("uid", &uuid('a', 1)),
        ("upn", "jane@contoso.com"),
        ("email", "Jane@contoso.com"),
    ]);
    draft.account(&[("uid", &uuid('a', 2)), ("name", "solo")]);
    let open = draft.open();
    let answer = open.find("jane@contoso.com");
    let one = answer.one().unwrap();
    assert_eq!((one.strength, one.evidence.len()), (1, 2));
    assert_eq!(one.level, Level::Exact);
    // A name without a domain is the account name and nothing else.
    let answer = open.find("solo");
    let one = answer.one().unwrap();
    assert_eq!((one.strength, one.level), (1, Level::Exact));
}

#[test]
fn a_value_that_too_many_hold_as_another_kind_is_never_one() {
    for holders in [7, 8, 9, 12] {
        let mut draft = Draft::new();
        draft.account(&[("uid", &uuid('a', 1)), ("upn", "info@contoso.com")]);
        for at in 2..2 + holders {
            draft.account(&[("uid", &uuid('a', at)), ("email", "info@contoso.com")]);
        }
        let open = draft.open();
        let answer = open.find("info@contoso.com");
        assert_eq!(answer.outcome, Outcome::Several, "{holders}");
        assert!(answer.one().is_err());
    }
}

#[test]
fn a_value_of_more_than_eight_subjects_answers_for_none_of_them() {
    for (holders, expected) in [
        (8, Outcome::Several),
        (9, Outcome::None),
        (100, Outcome::None),
    ] {
        let mut draft = Draft::new();
        for at in 0..holders {
            // Accounts that a lookup skips count too.
            let class = if at % 2 == 0 {
                Class::Local
            } else {
                Class::Person
            };
            let (uid, name) = (uuid('a', at + 1), format!("admin@HOST{at}"));
            draft.row(
                Subject::Account,
                class,
                &[("uid", &uid), ("name", &name), ("email", "all@contoso.com")],
            );
        }
        let open = draft.open();
        let answer = open.find("all@contoso.com");
        assert_eq!(answer.outcome, expected, "{holders}");
        let is_common = holders > 8;
        assert_eq!(answer.non_identifying == [Kind::Email], is_common);
        let answer = open.find("admin");
        assert_eq!(answer.non_identifying == [Kind::BareName], is_common);
        assert_eq!(open.uids("admin@HOST1"), "one a2", "{holders}");
    }
}

#[test]
fn former_holders_of_a_crowded_value_do_not_count() {
    let mut draft = Draft::new();
    let ids: Vec<u32> = (0..100)
        .map(|at| {
            let uid = uuid('a', at + 1);
            draft.account(&[("uid", &uid), ("email", "desk@contoso.com")])
        })
        .collect();
    for id in &ids[2..] {
        draft.set(Subject::Account, *id, "email", None::<String>);
    }
    assert_eq!(draft.open().uids("desk@contoso.com"), "several a1 a2");
}

#[test]
fn what_a_subject_was_once_known_by_finds_nobody() {
    let mut draft = Draft::new();
    let id = draft.account(&[("uid", &uuid('a', 1)), ("name", "ddubois@EMEA")]);
    draft.file(Kind::AccountName, "cmartin@EMEA", id);
    draft.set(Subject::Account, id, "name", "cmartin@EMEA");
    let open = draft.open();
    assert_eq!(open.uids("cmartin@EMEA"), "one a1");
    assert_eq!(open.uids("ddubois@EMEA"), "none");
    assert_eq!(open.uids("ddubois"), "none");
}

#[test]
fn why_calls_nobody_a_former_holder_who_holds_the_value() {
    let mut draft = Draft::new();
    let id = draft.account(&[("uid", &uuid('a', 1)), ("name", "backup")]);
    // As the writer files a name without a domain.
    draft.file(Kind::BareName, "backup", id);
    let open = draft.open();
    let why = open.index.why("backup").unwrap();
    let found = why
        .tried
        .iter()
        .filter_map(|tried| tried.found.as_ref().ok());
    let verdicts: Vec<_> = found
        .flat_map(|found| &found.hits)
        .map(|hit| hit.verdict)
        .collect();
    assert_eq!(verdicts, [HitVerdict::Holds]);
}

#[test]
fn machine_and_local_accounts_are_skipped_counted_and_found_on_request() {
    let mut draft = Draft::new();
    draft.row(
        Subject::Account,
        Class::Machine,
        &[("uid", &uuid('a', 1)), ("name", "HWA1$@EMEA")],
    );
    draft.row(
        Subject::Account,
        Class::Local,
        &[("uid", &uuid('a', 2)), ("name", "admin@HWA1")],
    );
    draft.account(&[("uid", &uuid('a', 3)), ("name", "admin@EMEA")]);
    let open = draft.open();
    let answer = open.find("admin");
    assert_eq!(answer.one().map(uid).unwrap(), "a3");
    assert_eq!((answer.skipped.machine, answer.skipped.local), (0, 1));
    let answer = open.find("HWA1$@EMEA");
    assert_eq!(answer.outcome, Outcome::None);
    assert_eq!(answer.skipped.machine, 1);
    assert_eq!(open.uids(Query::any("HWA1$@EMEA").all_classes()), "one a1");
    assert_eq!(
        open.uids(Query::any("admin").all_classes()),
        "several a2 a3"
    );
    // No `$` is added or taken away.
    assert_eq!(open.uids(Query::any("HWA1@EMEA").all_classes()), "none");
}

#[test]
fn a_sid_that_is_no_key_finds_all_who_have_it_and_says_so() {
    let mut draft = Draft::new();
    let sid = "S-1-5-21-436374069-1708537768-1844237615-500";
    for at in 1..=2 {
        let uid = uuid('a', at);
        draft.account(&[("uid", &uid), ("sid", sid)]);
    }
    draft.account(&[
        ("uid", &uuid('a', 3)),
        ("sid", &format!("{DOMAIN_SID}-1101")),
    ]);
    let open = draft.open();
    let answer = open.find(sid);
    assert_eq!(open.uids(sid), "several a1 a2");
    assert!(
        answer
            .matches
            .iter()
            .all(|one| one.flags == [Flag::WeakSid])
    );
    let answer = open.find(Query::sid(format!("{DOMAIN_SID}-1101")));
    assert_eq!(answer.one().unwrap().flags, []);
    let answer = open.find(&*uuid('a', 1));
    assert_eq!(answer.one().unwrap().flags, []);
}

#[test]
fn a_sid_that_a_part_shows_to_be_local_is_no_stable_key_of_the_whole() {
    let mut draft = Draft::new();
    let sid = format!("{DOMAIN_SID}-1101");
    let fields = [("uid", &*uuid('a', 1)), ("sid", &*sid)];
    let part = draft.account(&fields);
    // The row of several parts has no flags of its own.
    let whole = draft.account(&[]);
    fields
        .iter()
        .for_each(|(column, value)| draft.set(Subject::Account, whole, column, value));
    draft.set(Subject::Account, part, "owner", whole);
    draft.set(Subject::Account, part, "flags", 2);
    let open = draft.open();
    let answer = open.find(&*sid);
    let one = answer.one().unwrap();
    assert_eq!(
        (one.flags.as_slice(), one.has_stable_key),
        (&[Flag::WeakSid][..], false)
    );
    assert!(!one.is_enough_to_act());
    let answer = open.find(&*uuid('a', 1));
    assert!(answer.one().unwrap().has_stable_key);
}

#[test]
fn parts_of_one_account_are_one_match_with_its_merged_values() {
    let mut draft = Draft::new();
    let old = draft.account(&[("uid", &uuid('a', 1)), ("name", "jdoe@EMEA")]);
    let new = draft.account(&[("uid", &uuid('a', 2)), ("name", "jdoe@EMEA")]);
    let newer = draft.object("users/2026-11-22.csv", 0, "2026-11-22T06:00:00Z");
    draft.set(Subject::Account, new, "object", newer);
    draft.set(Subject::Account, new, "row", 5);
    let whole = draft.account(&[]);
    draft.set(Subject::Account, whole, "uid", uuid('a', 2));
    draft.set(Subject::Account, whole, "name", "jdoe@EMEA");
    draft.set(Subject::Account, old, "owner", whole);
    draft.set(Subject::Account, new, "owner", whole);
    let open = draft.open();
    let answer = open.find("jdoe@EMEA");
    let one = answer.one().unwrap();
    assert_eq!(uid(one), "a2");
    let [evidence] = &one.evidence[..] else {
        panic!("{:?}", one.evidence)
    };
    assert_eq!(
        (evidence.object.as_str(), evidence.row),
        ("users/2026-11-22.csv", 5)
    );
    // `why` names the same row.
    let why = open.index.why("jdoe@EMEA").unwrap();
    let mut found = why
        .tried
        .iter()
        .filter_map(|tried| tried.found.as_ref().ok());
    let hits = &found.find(|found| found.count > 0).unwrap().hits;
    assert_eq!(hits[0].evidence.as_ref().map(|row| row.row), Some(5));
    // The older uid is no current value.
    assert_eq!(open.uids(&*uuid('a', 1)), "none");
}

#[test]
fn a_part_of_nobody_answers_nothing() {
    let mut draft = Draft::new();
    let id = draft.account(&[("uid", &uuid('a', 1)), ("name", "jdoe@EMEA")]);
    draft.set(Subject::Account, id, "owner", 0);
    assert_eq!(draft.open().uids("jdoe@EMEA"), "none");
}
