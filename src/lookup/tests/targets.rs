//! Targets: which device of an answer may be acted on, and what speaks against it. How devices rank is the writer's affair.

use super::draft::{DOMAIN_SID, Draft, Open, jdoes, uuid};
use crate::identifier::Kind;
use crate::lookup::{Answer, Doubt, NoTarget, NotEnough, Query, Target, Which};
use crate::schema::{NotPrimary, Rank};

/// A rank of a usage that is current, and primary unless there is a reason.
fn rank(not_primary: Option<NotPrimary>) -> Rank {
    Rank {
        is_current: not_primary != Some(NotPrimary::NotCurrent),
        is_shared: not_primary == Some(NotPrimary::Shared),
        not_primary,
    }
}

fn device(draft: &mut Draft, number: u32, name: &str) -> u32 {
    draft.device(&[
        ("uid", &uuid('d', number)),
        ("collector_uid", &uuid('c', number)),
        ("name", name),
    ])
}

/// jdoe@EMEA has NB-1, NB-2 as well, and NB-3, which is jdoe@APAC's by now; all know the VDI.
fn office() -> Open {
    let mut draft = jdoes();
    let [own, second, former, pool] = [(1, "NB-1"), (2, "NB-2"), (3, "NB-3"), (4, "VDI-1")]
        .map(|(number, name)| device(&mut draft, number, name));
    draft.ranked(1, own, 40, rank(None));
    draft.ranked(1, second, 4, rank(Some(NotPrimary::OtherDevice)));
    draft.ranked(1, former, 9, rank(Some(NotPrimary::OtherDevice)));
    draft.ranked(2, former, 30, rank(None));
    draft.ranked(1, pool, 9, rank(Some(NotPrimary::Shared)));
    draft.open()
}

fn jdoe(open: &Open) -> Answer {
    open.find(Query::upn("john.doe@contoso.com").verified())
}

fn name(target: &Target) -> &str {
    target.device().name.as_deref().unwrap()
}

#[track_caller]
fn doubts(open: &Open, answer: &Answer, which: Which) -> Vec<&'static str> {
    match open.index.target(answer, which, &[]) {
        Err(NoTarget::Doubtful(doubts)) => doubts.into_iter().map(Doubt::as_str).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_own_device_is_the_target_and_says_what_it_rests_on() {
    let open = office();
    let answer = jdoe(&open);
    let target = open.index.target(&answer, Which::Own, &[]).unwrap();
    assert_eq!(
        (name(&target), target.collector_uid()),
        ("NB-1", uuid('c', 1).as_str())
    );
    assert_eq!(target.because().query, "john.doe@contoso.com");
    assert_eq!(target.because().generation, 7);
    let account = target.account().unwrap();
    assert_eq!(account.account_name.as_deref(), Some("jdoe@EMEA"));
    // A device that was asked for itself is nobody's.
    let answer = open.find(Query::of(Kind::CollectorUid, uuid('c', 2)));
    let target = open.index.target(&answer, Which::Own, &[]).unwrap();
    assert_eq!((name(&target), target.account()), ("NB-2", None));
}

#[test]
fn another_of_their_devices_may_be_named() {
    let open = office();
    let answer = jdoe(&open);
    for named in [
        "nb-2",
        "NB-2.",
        &uuid('d', 2),
        &uuid('c', 2).to_ascii_uppercase(),
    ] {
        let target = open.index.target(&answer, Which::Named(named), &[]);
        assert_eq!(name(&target.unwrap()), "NB-2", "{named}");
    }
    for named in ["NB-4", "NB", "", "NB-2*"] {
        let target = open.index.target(&answer, Which::Named(named), &[]);
        assert!(matches!(target, Err(NoTarget::OtherDevice)), "{named}");
    }
}

#[test]
fn a_device_that_others_use_is_named_in_vain() {
    let open = office();
    let answer = jdoe(&open);
    assert_eq!(
        doubts(&open, &answer, Which::Named("NB-3")),
        ["other_account"]
    );
    assert_eq!(doubts(&open, &answer, Which::Named("VDI-1")), ["shared"]);
    let allowed = [Doubt::NotTheirs(NotPrimary::OtherAccount)];
    let target = open.index.target(&answer, Which::Named("NB-3"), &allowed);
    assert_eq!(target.unwrap().because().allowed, allowed);
}

#[test]
fn too_little_and_age_are_said_together_and_allowed_one_by_one() {
    let open = office();
    let by_name = open.find("jdoe@EMEA");
    assert_eq!(doubts(&open, &by_name, Which::Own), ["too_little"]);
    let mut old = by_name.clone();
    old.freshness.state = crate::lookup::FreshnessState::Unknown;
    assert_eq!(doubts(&open, &old, Which::Own), ["stale", "too_little"]);
    let too_little = Doubt::NotEnough(NotEnough::TooLittle);
    let left = open.index.target(&old, Which::Own, &[too_little]);
    assert!(matches!(left, Err(NoTarget::Doubtful(left)) if left == [Doubt::Stale]));
    let all = [too_little, Doubt::Stale];
    assert!(open.index.target(&old, Which::Own, &all).is_ok());
}

#[test]
fn what_is_unclear_cannot_be_allowed() {
    let mut draft = jdoes();
    let plain = draft.device(&[("uid", &uuid('d', 1)), ("name", "NB-1")]);
    draft.usage(1, plain, 9);
    let [left, right] = [2, 3].map(|number| device(&mut draft, number, "NB-2"));
    draft.ranked(2, left, 3, rank(Some(NotPrimary::NoDeviceLeads)));
    draft.ranked(2, right, 3, rank(Some(NotPrimary::NoDeviceLeads)));
    let open = draft.open();
    let all: Vec<Doubt> = Doubt::all().collect();
    let target = |query: Query, which| open.index.target(&open.find(query), which, &all);
    let no_collector = target(Query::upn("john.doe@contoso.com"), Which::Own);
    assert!(matches!(
        no_collector,
        Err(NoTarget::NoId(Kind::CollectorUid))
    ));
    let two = target(Query::upn("jane.doe@contoso.com"), Which::Named("NB-2"));
    assert!(matches!(two, Err(NoTarget::SeveralNamed)));
    let none = target(Query::upn("jane.doe@contoso.com"), Which::Own);
    assert!(matches!(none, Err(NoTarget::NoneIsTheirs)));
    let several = target(Query::any("jdoe"), Which::Own);
    assert!(matches!(several, Err(NoTarget::NotOne(_))));
    let ids = target(Query::upn("john.doe@contoso.com").ids_only(), Which::Own);
    assert!(matches!(ids, Err(NoTarget::IdsOnly)));
}

#[test]
fn a_name_of_several_hides_no_other_doubt() {
    let mut draft = jdoes();
    let old = device(&mut draft, 1, "NB-1");
    let likely = Rank {
        is_current: false,
        ..rank(Some(NotPrimary::NameOfSeveral))
    };
    draft.ranked(1, old, 9, likely);
    let open = draft.open();
    let answer = open.find(Query::upn("john.doe@contoso.com"));
    let allowed: Vec<Doubt> = Doubt::all()
        .filter(|doubt| *doubt != Doubt::NotTheirs(NotPrimary::NotCurrent))
        .collect();
    let target = open.index.target(&answer, Which::Named("NB-1"), &allowed);
    let Err(NoTarget::Doubtful(doubts)) = target else {
        panic!("{target:?}");
    };
    assert_eq!(doubts, [Doubt::NotTheirs(NotPrimary::NotCurrent)]);
}

#[test]
fn recipients_are_known_by_a_sid_or_upn_of_their_own() {
    let mut draft = jdoes();
    draft.account(&[
        ("uid", &uuid('a', 3)),
        ("name", "eve@EMEA"),
        ("sid", "S-1-5-18"),
    ]);
    let open = draft.open();
    let john = open.index.recipient(&jdoe(&open), &[]).unwrap();
    assert_eq!(john.sid().unwrap(), format!("{DOMAIN_SID}-1101"));
    assert_eq!(john.upn().unwrap(), "john.doe@contoso.com");
    let uid = Query::of(Kind::Uid, uuid('a', 3));
    let all: Vec<Doubt> = Doubt::all().collect();
    let eve = open.index.recipient(&open.find(uid), &all).unwrap();
    assert!(matches!(eve.sid(), Err(NoTarget::NoId(Kind::Sid))));
    assert!(matches!(eve.upn(), Err(NoTarget::NoId(Kind::Upn))));
}

#[test]
fn every_doubt_has_a_name_of_its_own() {
    for doubt in Doubt::all() {
        assert_eq!(
            Doubt::named(doubt.as_str()).map(Doubt::as_str),
            Some(doubt.as_str())
        );
        assert!(!doubt.to_string().is_empty());
    }
    assert_eq!(Doubt::named("several"), None);
}
