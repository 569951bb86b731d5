//! Targets of whole exports: which device or account may be acted on, and by which id. Belongs here: what goes wrong between
//! exports and acts; what speaks against a device by its rank alone is left to the unit tests.

use identidex::{Doubt, Index, NoTarget, Options, Query, Which};
use serde_json::{Map, Value, json};

use crate::answers::publish;

const SID: &str = "S-1-5-21-1-2-3";

/// An office on one day, and what else there was.
struct Office {
    _home: tempfile::TempDir,
    index: Index,
}

impl Office {
    /// Ann has NB-1 and NB-2, bob NB-3; `more` are further files.
    fn with(more: &[(&str, String)]) -> Office {
        let device = |number: u32| {
            format!(
                "NB-{number},dddddddd-0000-4000-8000-00000000000{number},cccccccc-0000-4000-8000-00000000000{number},SN0000{number},2026-11-20 05:00:00\n"
            )
        };
        let mut files = Map::new();
        let mut put = |key: &str, text: String| files.insert(key.to_owned(), json!(text));
        put(
            "users/2026-11-20T06-00-00Z.csv",
            format!(
                "user.name,user.sid,user.upn,user.type\nann@EMEA,{SID}-1101,ann@contoso.com,DOMAIN_USER\n\
                 bob@EMEA,{SID}-1102,bob@contoso.com,DOMAIN_USER\nadm-it@EMEA,{SID}-1103,,\n"
            ),
        );
        put(
            "devices/2026-11-20T06-00-00Z.csv",
            format!("{DEVICE}{}{}{}", device(1), device(2), device(3)),
        );
        put(
            "logins/2026-11-20T06-00-00Z.csv",
            "user.name,device.name,logins,last_used\nann@EMEA,NB-1,40,2026-11-19 12:00:00\n\
             ann@EMEA,NB-2,1,2026-11-18 12:00:00\nbob@EMEA,NB-3,9,2026-11-19 12:00:00\n"
                .to_owned(),
        );
        more.iter().for_each(|(key, text)| {
            put(key, text.clone());
        });
        let home = tempfile::tempdir().unwrap();
        let options = Options {
            clock: || "2026-11-20T12:00:00Z".parse().unwrap(),
            ..Options::default()
        };
        let path = publish(home.path(), &Value::Object(files));
        Office {
            index: Index::open_with(path, options).unwrap(),
            _home: home,
        }
    }

    /// Says which device may be acted on, or what speaks against it.
    fn target(&self, query: Query, which: Which) -> String {
        let answer = self.index.find(query).unwrap();
        match self.index.target(&answer, which, &[]) {
            Ok(target) => target.device().name.clone().unwrap(),
            Err(NoTarget::Doubtful(doubts)) => doubts
                .into_iter()
                .map(Doubt::as_str)
                .collect::<Vec<_>>()
                .join(" "),
            Err(why) => why.to_string(),
        }
    }
}

const DEVICE: &str = "device.name,device.uid,device.collector.uid,device.hardware.machine_serial_number,device.last_seen\n";

fn ann() -> Query {
    Query::sid(format!("{SID}-1101"))
}

fn name(text: &str) -> Query {
    Query::device_name(text)
}

#[test]
fn a_device_that_a_clue_names_is_the_one() {
    let office = Office::with(&[]);
    let with = |clue: Query| Query::all_of([ann(), clue]);
    assert_eq!(office.target(ann(), Which::Own), "NB-1");
    for clue in [
        name("NB-2"),
        Query::any("nb-2"),
        Query::named("serial_number", "SN00002").unwrap(),
        Query::named("device_uid", "dddddddd-0000-4000-8000-000000000002").unwrap(),
        Query::named("collector_uid", "cccccccc-0000-4000-8000-000000000002").unwrap(),
    ] {
        assert_eq!(office.target(with(clue), Which::Own), "NB-2");
    }
    assert_eq!(office.target(with(name("NB-1")), Which::Own), "NB-1");
    let none = NoTarget::OtherDevice.to_string();
    assert_eq!(
        office.target(with(name("NB-1")), Which::Named("NB-2")),
        none
    );
    assert_eq!(office.target(with(name("NB-9")), Which::Own), none);
    // What names the account itself, or nobody, names no device.
    for clue in [
        Query::upn("ann@contoso.com"),
        Query::any("ann"),
        Query::email("a.alias@contoso.com"),
        name(""),
    ] {
        assert_eq!(office.target(with(clue), Which::Own), "NB-1");
    }
}

#[test]
fn an_id_that_means_another_device_too_is_not_sent() {
    let clone = format!(
        "{DEVICE}NB-4,dddddddd-0000-4000-8000-000000000004,cccccccc-0000-4000-8000-000000000001,SN00004,2026-11-20 05:00:00\n"
    );
    let office = Office::with(&[("devices/2026-11-20T07-00-00Z.csv", clone)]);
    let no_id = "it has no collector_uid that is its own alone";
    assert_eq!(office.target(ann(), Which::Own), no_id);
    assert_eq!(office.target(ann(), Which::Named("NB-1")), no_id);
    assert_eq!(office.target(name("NB-1"), Which::Own), no_id);
    assert_eq!(office.target(ann(), Which::Named("NB-2")), "NB-2");
}

#[test]
fn a_computer_that_was_set_up_anew_is_not_its_old_record() {
    let old = format!(
        "{DEVICE}NB-5,dddddddd-0000-4000-8000-000000000005,cccccccc-0000-4000-8000-000000000005,SN00005,2026-11-10 05:00:00\n"
    );
    let new = format!(
        "{DEVICE}NB-5,dddddddd-0000-4000-8000-000000000006,cccccccc-0000-4000-8000-000000000006,SN00005,2026-11-20 05:00:00\n"
    );
    let office = Office::with(&[
        ("devices/2026-11-10T06-00-00Z.csv", old),
        ("devices/2026-11-20T07-00-00Z.csv", new),
    ]);
    let by = |number: u32| {
        Query::named(
            "device_uid",
            format!("dddddddd-0000-4000-8000-00000000000{number}"),
        )
        .unwrap()
    };
    assert_eq!(office.target(by(5), Which::Own), "replaced");
    assert_eq!(office.target(by(6), Which::Own), "NB-5");
}

#[test]
fn whoever_else_uses_a_device_that_is_named_speaks_against_it() {
    let logins = "user.name,device.name,logins,last_used\nadm-it@EMEA,NB-2,9,2026-11-20 05:00:00\n"
        .to_owned();
    let office = Office::with(&[("logins/2026-11-20T07-00-00Z.csv", logins)]);
    assert!(
        office
            .target(ann(), Which::Named("NB-2"))
            .contains("other_account")
    );
    assert_eq!(office.target(ann(), Which::Own), "NB-1");
    let undated = "user.name,device.name,logins\nann@EMEA,NB-3,9\n".to_owned();
    let office = Office::with(&[("logins/2026-11-20T07-00-00Z.csv", undated)]);
    let doubts = office.target(ann(), Which::Named("NB-3"));
    assert!(doubts.contains("other_account"), "{doubts}");
}

#[test]
fn people_are_written_to_by_what_means_them_alone() {
    // Joe has ann's UPN by now, or beside her; and her uid came with his SID, too.
    let users = |line: &str| format!("user.name,user.uid,user.sid,user.upn\n{line}\n");
    let joe = users(&format!("joe@EMEA,,{SID}-1199,ann@contoso.com"));
    let recipient = |office: &Office, query: Query| {
        let answer = office.index.find(query).unwrap();
        office.index.recipient(&answer, &[]).unwrap()
    };
    let beside = Office::with(&[("users/2026-11-20T06-30-00Z.csv", joe.clone())]);
    let ann_beside = recipient(&beside, ann());
    assert_eq!(ann_beside.sid().unwrap(), format!("{SID}-1101"));
    assert!(
        matches!(ann_beside.upn(), Err(NoTarget::NoId(_))),
        "{ann_beside:?}"
    );
    let old = users(&format!("eve@EMEA,,{SID}-1177,eve@contoso.com"));
    let new = users(&format!("joe@EMEA,,{SID}-1199,eve@contoso.com"));
    let passed_on = Office::with(&[
        ("users/2026-11-10T06-00-00Z.csv", old),
        ("users/2026-11-20T07-00-00Z.csv", new),
    ]);
    let eve = recipient(&passed_on, Query::sid(format!("{SID}-1177")));
    assert!(eve.upn().is_err() && eve.sid().is_ok(), "{eve:?}");
    let uid = "aaaaaaaa-0000-4000-8000-000000000001";
    let shared = format!(
        "{}{}",
        users(&format!("x@EMEA,{uid},{SID}-1201,")),
        format_args!("y@EMEA,{uid},{SID}-1202,\nz@EMEA,{uid},,\n")
    );
    let several = Office::with(&[("users/2026-11-20T07-00-00Z.csv", shared)]);
    let answer = several
        .index
        .find(Query::account_name("z@EMEA").verified())
        .unwrap();
    let all: Vec<Doubt> = Doubt::all().collect();
    let z = several.index.recipient(&answer, &all).unwrap();
    assert!(z.uid().is_err(), "{z:?}");
}

#[test]
fn to_allow_one_doubt_says_nothing_of_the_others() {
    // Somebody new logs in by ann's name, with a SID that no users file has yet.
    let exports = json!({
        "users/2026-10-19T06-00-00Z.csv": format!("user.sid,user.name,user.last_seen\n{SID}-1101,ann@EMEA,2026-10-09 15:00:00\n"),
        "logins/2026-10-23T06-00-00Z.csv":
            format!("user.sid,user.name,device.name,logins,last_used\n{SID}-1999,ann@EMEA,NB-9,3,2026-10-22 15:00:00\n"),
    });
    let home = tempfile::tempdir().unwrap();
    let options = Options {
        clock: || "2026-10-23T12:00:00Z".parse().unwrap(),
        ..Options::default()
    };
    let index = Index::open_with(publish(home.path(), &exports), options).unwrap();
    let answer = index.find(Query::account_name("ann@EMEA")).unwrap();
    let allowed = [Doubt::named("too_little").unwrap()];
    let refused = index.recipient(&answer, &[]).unwrap_err();
    assert_eq!(refused.doubts(), ["too_little", "namesake_waits"]);
    let refused = index.recipient(&answer, &allowed).unwrap_err();
    assert_eq!(refused.doubts(), ["namesake_waits"]);
    let impacted = index
        .impacted_account(Query::account_name("ann@EMEA"))
        .unwrap();
    let nobody = impacted.nobody.map(|nobody| nobody.reasons());
    assert_eq!(
        (impacted.to_tell, nobody),
        (None, Some(vec!["namesake_waits"]))
    );
}
