//! What text means: every kind of identifier finds its one subject, in every spelling, and nothing finds another's.
//! Values of several subjects are left to `holders`.

use super::draft::{DOMAIN_SID, Draft, jdoes, uuid};
use crate::identifier::Kind;
use crate::lookup::{Level, NotOne, Outcome, Query, Verdict};
use crate::schema::Subject;

#[test]
fn every_identifier_of_an_account_finds_it() {
    let open = jdoes().open();
    for text in [
        "jdoe@EMEA",
        r"EMEA\jdoe",
        r" emea\JDOE ",
        "john.doe@contoso.com",
        "mailto:JOHN.DOE@contoso.com",
        &format!("{DOMAIN_SID}-1101"),
        &format!("{DOMAIN_SID}-1101").to_ascii_lowercase(),
        &uuid('a', 1),
        &format!("{{{}}}", uuid('A', 1)),
    ] {
        assert_eq!(open.uids(text), "one a1", "{text}");
    }
}

#[test]
fn the_level_says_how_the_value_agrees() {
    let open = jdoes().open();
    let level = |text: &str| open.find(text).matches[0].level;
    assert_eq!(level("jdoe@EMEA"), Level::Exact);
    assert_eq!(level(r"EMEA\jdoe"), Level::Folded);
    assert_eq!(level("john.doe@contoso.com"), Level::Exact);
    assert_eq!(level("John.doe@contoso.com"), Level::Folded);
    assert_eq!(level("jdoe"), Level::BareName);
}

#[test]
fn a_bare_name_finds_all_who_bear_it() {
    let open = jdoes().open();
    assert_eq!(open.uids("jdoe"), "several a1 a2");
    assert_eq!(open.find("jdoe").one(), Err(NotOne::Several { count: 2 }));
    assert_eq!(open.uids("doe"), "none");
    assert_eq!(open.uids(r"NOWHERE\jdoe"), "none");
}

#[test]
fn a_device_is_found_by_its_name_short_or_whole_its_ids_and_its_serial_numbers() {
    let mut draft = Draft::new();
    draft.device(&[
        ("uid", &uuid('d', 1)),
        ("collector_uid", &uuid('c', 1)),
        ("name", "PRINT01.emea.example"),
        ("serial", "PF4XK0QZ"),
        ("chassis_serial", "CH-12"),
    ]);
    draft.device(&[("uid", &uuid('d', 2)), ("name", "NB-0042")]);
    let open = draft.open();
    for (text, level) in [
        ("PRINT01.emea.example", Level::Exact),
        ("print01.EMEA.example.", Level::Folded),
        ("PRINT01", Level::ShortName),
        ("pf4xk0qz", Level::Folded),
        ("CH-12", Level::Exact),
        (&*uuid('d', 1), Level::Exact),
        (&*uuid('c', 1), Level::Exact),
    ] {
        assert_eq!(open.uids(text), "one d1", "{text}");
        assert_eq!(open.find(text).matches[0].level, level, "{text}");
    }
    // A domain that only the query gives.
    let answer = open.find("nb-0042.emea.example");
    assert_eq!(answer.one().map(|one| one.level), Ok(Level::ShortName));
    // Another domain is another device.
    assert_eq!(open.uids("PRINT01.apac.example"), "none");
    // One uid is not the other.
    let by_collector = Query::of(Kind::DeviceUid, uuid('c', 1));
    assert_eq!(open.uids(by_collector), "none");
}

#[test]
fn a_name_of_an_account_and_of_a_device_is_several() {
    let mut draft = Draft::new();
    draft.account(&[("uid", &uuid('a', 1)), ("name", "reception@EMEA")]);
    draft.device(&[("uid", &uuid('d', 1)), ("name", "RECEPTION")]);
    let open = draft.open();
    assert_eq!(open.uids("reception"), "several d1 a1");
    assert_eq!(open.uids(Query::device_name("reception")), "one d1");
}

#[test]
fn a_value_of_one_kind_never_answers_for_another() {
    let mut draft = Draft::new();
    draft.account(&[("uid", &uuid('a', 1)), ("name", "jdoe@contoso")]);
    draft.account(&[("uid", &uuid('a', 2)), ("upn", "jdoe@contoso")]);
    let open = draft.open();
    assert_eq!(open.uids("jdoe@contoso"), "several a1 a2");
    assert_eq!(open.uids(Query::upn("jdoe@contoso")), "one a2");
    assert_eq!(open.uids(Query::account_name("jdoe@contoso")), "one a1");
    assert_eq!(open.uids(Query::email("jdoe@contoso")), "none");
}

#[test]
fn what_cannot_be_an_identifier_is_unparseable_and_what_can_be_is_an_honest_none() {
    let open = jdoes().open();
    for text in ["", " ", "n/a", "a\0b", "jdoe\u{202e}@EMEA", "\u{fffd}"] {
        assert_eq!(open.uids(text), "unparseable", "{text:?}");
    }
    assert_eq!(open.uids("x".repeat(1 << 20)), "unparseable");
    for text in ["%", "jdo_", "' OR 1=1 --", "jdoe@EMEA' --", "j*"] {
        assert_eq!(open.uids(text), "none", "{text}");
    }
}

#[test]
fn a_name_that_is_longer_than_any_narrows_nothing() {
    let open = jdoes().open();
    let answer = open.find(Query::all_of([
        Query::upn("john.doe@contoso.com"),
        Query::full_name("x".repeat(1 << 20)),
    ]));
    assert_eq!(answer.outcome, Outcome::One);
    assert_eq!(answer.clues[1].verdict, Verdict::Unparseable);
}

#[test]
fn a_hashed_upn_is_kept_for_display_and_never_found() {
    let hashed = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let mut draft = Draft::new();
    let id = draft.account(&[("uid", &uuid('a', 1))]);
    draft.set(Subject::Account, id, "upn", hashed);
    let open = draft.open();
    assert_eq!(open.uids(hashed), "none");
    assert_eq!(open.uids(Query::upn(hashed)), "unparseable");
}
