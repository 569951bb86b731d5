//! Lookups on small indexes that are written by hand: what the writer makes of export files is tested elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use serde_json::Value;

use super::*;
use crate::bucket::{Hash, IN_CROWD, reference};
use crate::identifier::{self, Kind};
use crate::schema::{
    APPLICATION_ID, Class, INDEX_SQL, SHARED_BY, Subject, USAGE_DEVICE_FIELDS, USER_VERSION, flag,
    usage_id,
};

const DOMAIN_SID: &str = "S-1-5-21-1085031214-1563985344-725345543";

/// An index in the making: one bucket holds all identifiers.
struct Draft {
    home: tempfile::TempDir,
    db: Connection,
    filed: Vec<(Hash, u32)>,
    last_id: u32,
}

impl Draft {
    fn new() -> Draft {
        let home = tempfile::tempdir().unwrap();
        let db = Connection::open(home.path().join("identity.db")).unwrap();
        db.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY")
            .unwrap();
        db.execute_batch(INDEX_SQL).unwrap();
        db.pragma_update(None, "application_id", APPLICATION_ID)
            .unwrap();
        db.pragma_update(None, "user_version", USER_VERSION)
            .unwrap();
        let mut draft = Draft {
            home,
            db,
            filed: Vec::new(),
            last_id: 0,
        };
        draft.object("users/2026-11-21.csv", 0, "2026-11-21T06:00:00Z");
        draft.object("devices/2026-11-21.csv", 1, "2026-11-21T06:00:00Z");
        draft
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("identity.db")
    }

    fn object(&mut self, key: &str, dataset: u8, observed_at: &str) -> u32 {
        let observed_at: Timestamp = observed_at.parse().unwrap();
        self.db
            .execute(
                "INSERT INTO object (source, key, e_tag, version, size_bytes, modified_at, observed_at, observed_from,
                   blake3, state, dataset, shape, rows_read, rows_stored, rows_unchanged, rows_superseded,
                   rows_rejected, identifiers_refused, upns_hashed, loaded_generation)
                 VALUES ('tests', ?1, '', '', 1, 0, ?2, 'key', x'00', 'loaded', ?3, 1, 0, 0, 0, 0, 0, 0, 0, 7)",
                params![key, observed_at.as_microsecond(), dataset],
            )
            .unwrap();
        self.db.last_insert_rowid() as u32
    }

    /// Writes a row and files its identifiers, as `fields` give them by the names of columns.
    fn row(&mut self, subject: Subject, class: Class, fields: &[(&str, &str)]) -> u32 {
        self.last_id += 1;
        let id = self.last_id;
        let insert = format!(
            "INSERT INTO {} (id, class, flags, last_seen, object, row, first, parts)
             VALUES (?1, ?2, 0, 1700000000, ?3, ?1, ?3, x'00')",
            subject.table()
        );
        self.db
            .execute(&insert, params![id, class as u8, 1 + subject as u32])
            .unwrap();
        for (column, value) in fields {
            self.set(subject, id, column, value);
            if let Some(kind) = kind_of(subject, column) {
                self.file(kind, value, id);
            }
        }
        id
    }

    fn set(&self, subject: Subject, id: u32, column: &str, value: impl rusqlite::ToSql) {
        let update = format!("UPDATE {} SET {column} = ?2 WHERE id = ?1", subject.table());
        self.db.execute(&update, params![id, value]).unwrap();
    }

    /// Files an identifier and the parts of it that people type.
    fn file(&mut self, kind: Kind, value: &str, id: u32) {
        let normal = identifier::normal_form(kind, value).unwrap();
        let mut push = |kind, text: &str| self.filed.push((Hash::of(text), reference(kind, id)));
        match kind {
            Kind::Sid if !identifier::is_key_sid(&normal) => push(Kind::WeakSid, &normal),
            Kind::AccountName => {
                push(kind, &normal);
                push(Kind::BareName, identifier::sam(&normal));
                identifier::domain(&normal)
                    .iter()
                    .for_each(|domain| push(Kind::Domain, domain));
            }
            Kind::DeviceName => {
                push(kind, &normal);
                identifier::short_name(&normal)
                    .iter()
                    .for_each(|short| push(Kind::ShortName, short));
            }
            kind => push(kind, &normal),
        }
    }

    fn account(&mut self, fields: &[(&str, &str)]) -> u32 {
        self.row(Subject::Account, Class::Person, fields)
    }

    fn device(&mut self, fields: &[(&str, &str)]) -> u32 {
        self.row(Subject::Device, Class::Unknown, fields)
    }

    fn usage(&mut self, account: u32, device: u32, logins: u64) {
        self.db
            .execute(
                "INSERT INTO usage (id, logins, is_shared) VALUES (?1, ?2, 0)",
                params![usage_id(account, device), logins as i64],
            )
            .unwrap();
    }

    /// Says of every device whether it is shared, and in every usage what its device is.
    fn write_devices(&self) {
        let users = "SELECT count(*) FROM usage u JOIN account a ON a.id = u.id >> 32
             WHERE u.id & 4294967295 = device.id AND a.class NOT IN (2, 3)";
        let shared = flag::SHARED;
        let mark = format!("UPDATE device SET flags = {shared} WHERE ({users}) >= {SHARED_BY}");
        self.db.execute(&mark, []).unwrap();
        let device = |column: &str| {
            format!("(SELECT {column} FROM device WHERE device.id = usage.id & 4294967295)")
        };
        let fields = USAGE_DEVICE_FIELDS.iter().copied().chain(["last_seen"]);
        let fields: Vec<String> = fields
            .map(|field| format!("{field} = {}", device(field)))
            .collect();
        let is_shared = device(&format!("flags & {shared} <> 0"));
        let copy = format!(
            "UPDATE usage SET {}, is_shared = coalesce({is_shared}, 0)",
            fields.join(", ")
        );
        self.db.execute(&copy, []).unwrap();
    }

    /// Says until when each dataset is covered.
    fn write_coverage(&self) {
        for (dataset, key) in ["users_until", "devices_until", "logins_until"]
            .iter()
            .enumerate()
        {
            let newest = "SELECT coalesce(max(observed_at), '') FROM object WHERE dataset = ?2";
            let insert = format!("INSERT INTO meta (key, value) VALUES (?1, ({newest}))");
            self.db
                .execute(&insert, params![key, dataset as u8])
                .unwrap();
        }
        let insert =
            "INSERT INTO meta (key, value) VALUES ('generation', '7'), ('identifier_bits', '0')";
        self.db.execute(insert, []).unwrap();
    }

    fn open(self) -> Open {
        self.open_with(Options::default())
    }

    fn open_with(mut self, options: Options) -> Open {
        self.write_identifiers();
        let path = self.path();
        self.db.close().unwrap();
        let options = Options {
            clock: || "2026-11-21T08:00:00Z".parse().unwrap(),
            ..options
        };
        Open {
            index: Index::open_with(path, options).unwrap(),
            home: self.home,
        }
    }

    /// Writes the one bucket, moves what has more than 64 holders to the crowd, and writes what follows from the rest.
    fn write_identifiers(&mut self) {
        self.write_devices();
        self.write_coverage();
        self.filed
            .sort_unstable_by_key(|(hash, reference)| (hash.high, *reference));
        let mut entries: Vec<(Hash, u32)> = Vec::new();
        for same in self.filed.chunk_by(|left, right| left.0 == right.0) {
            if same.len() <= crate::bucket::CROWD {
                entries.extend(same);
                continue;
            }
            entries.push((same[0].0, IN_CROWD));
            for row in same.chunks(30) {
                let bytes: Vec<u8> = row.iter().flat_map(|(_, one)| one.to_le_bytes()).collect();
                let last = row.last().map(|(_, reference)| *reference);
                self.db
                    .execute(
                        "INSERT INTO crowd (hash, last, entries) VALUES (?1, ?2, ?3)",
                        params![row[0].0.high as i64, last, bytes],
                    )
                    .unwrap();
            }
        }
        let highs = entries.iter().flat_map(|(hash, _)| hash.high.to_le_bytes());
        let references = entries.iter().flat_map(|(_, one)| one.to_le_bytes());
        let bytes: Vec<u8> = highs.chain(references).collect();
        self.db
            .execute(
                "INSERT INTO identifier (bucket, entries) VALUES (0, ?1)",
                [bytes],
            )
            .unwrap();
    }
}

/// An index with the folder it lies in.
struct Open {
    index: Index,
    home: tempfile::TempDir,
}

impl Open {
    #[track_caller]
    fn find(&self, query: impl Into<Query>) -> Answer {
        self.index.find(query).unwrap()
    }

    /// Returns the outcome and the uids of the matches, as `one a1` or `several a1 a2`.
    #[track_caller]
    fn uids(&self, query: impl Into<Query>) -> String {
        let answer = self.find(query);
        let uids = answer.matches.iter().map(uid);
        let words = std::iter::once(answer.outcome.as_str().to_owned()).chain(uids);
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Reads the first letter and the last digits of the uid that [`uuid`] made.
fn uid(one: &Match) -> String {
    let uid = match &one.subject {
        Found::Account { account, .. } => account.uid.as_deref(),
        Found::Device { device, .. } => device.uid.as_deref(),
    };
    let uid = uid.unwrap();
    format!("{}{}", &uid[..1], uid[24..].trim_start_matches('0'))
}

fn uuid(letter: char, number: u32) -> String {
    format!(
        "{}-0000-4000-8000-{number:012}",
        letter.to_string().repeat(8)
    )
}

fn kind_of(subject: Subject, column: &str) -> Option<Kind> {
    use crate::schema::FieldType::{Identifier, Key};
    let mut fields = subject.fields().iter();
    let field = fields.find(|field| field.name == column)?;
    match field.kind {
        Key(kind) | Identifier(kind) => Some(kind),
        _ => None,
    }
}

/// Two people called jdoe, an administrator and a laptop.
fn jdoes() -> Draft {
    let mut draft = Draft::new();
    draft.account(&[
        ("uid", &uuid('a', 1)),
        ("sid", &format!("{DOMAIN_SID}-1101")),
        ("name", "jdoe@EMEA"),
        ("upn", "john.doe@contoso.com"),
        ("email", "John.Doe@contoso.com"),
    ]);
    draft.account(&[
        ("uid", &uuid('a', 2)),
        ("name", "jdoe@APAC"),
        ("upn", "jane.doe@contoso.com"),
        ("email", "Jane.Doe@contoso.com"),
    ]);
    draft
}

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
fn a_device_is_found_by_its_name_short_or_whole_its_ids_and_its_serial_numbers() {
    let mut draft = Draft::new();
    draft.device(&[
        ("uid", &uuid('d', 1)),
        ("collector_uid", &uuid('c', 1)),
        ("name", "PRINT01.emea.example"),
        ("serial", "PF4XK0QZ"),
        ("chassis_serial", "CH-1"),
    ]);
    draft.device(&[("uid", &uuid('d', 2)), ("name", "NB-0042")]);
    let open = draft.open();
    for (text, level) in [
        ("PRINT01.emea.example", Level::Exact),
        ("print01.EMEA.example.", Level::Folded),
        ("PRINT01", Level::ShortName),
        ("pf4xk0qz", Level::Folded),
        ("CH-1", Level::Exact),
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
fn an_answer_says_what_it_rests_on() {
    let open = jdoes().open();
    let answer = open.find("nobody@EMEA");
    assert_eq!(answer.generation, 7);
    let users = answer.coverage.users.map(|time| time.to_string());
    assert_eq!(users.as_deref(), Some("2026-11-21T06:00:00Z"));
    assert_eq!(answer.coverage.logins, None);
    assert_eq!(answer.freshness.state, FreshnessState::Fresh);
    assert_eq!(answer.freshness.age, Some(Duration::from_secs(7200)));
    let answer = open.find("jdoe@EMEA");
    let [evidence] = &answer.one().unwrap().evidence[..] else {
        panic!("one kind agrees")
    };
    assert_eq!(evidence.object, "users/2026-11-21.csv");
    assert_eq!((evidence.row, evidence.kind), (1, Kind::AccountName));
}

/// The keys of an answer as the design shows them, with those that `schemas/answer.schema.json` adds.
#[test]
fn every_key_of_an_answer_is_in_its_schema() {
    let mut draft = jdoes();
    let device = draft.device(&[("uid", &uuid('d', 1)), ("name", "NB-0042")]);
    draft.usage(1, device, 26);
    for at in 10..110 {
        let (uid, name) = (uuid('d', at), format!("SCAN-{at}"));
        let id = draft.device(&[("uid", &uid), ("name", &name), ("serial", "SAME")]);
        draft.usage(2, id, 1);
        let user = draft.account(&[("email", "all@contoso.com")]);
        draft.usage(user, device, 1);
    }
    let open = draft.open();
    let schema: Value =
        serde_json::from_str(include_str!("../../schemas/answer.schema.json")).unwrap();
    for text in ["jdoe", "NB-0042", "all@contoso.com", "nobody", "SAME", ""] {
        for query in [Query::any(text), Query::any(text).ids_only()] {
            let answer = serde_json::to_value(open.find(query)).unwrap();
            conforms(&answer, &schema, &schema, "answer");
        }
    }
}

/// Checks keys, required ones and unknown ones, and words of enumerations: the part of JSON Schema that the file uses.
#[track_caller]
fn conforms(value: &Value, schema: &Value, root: &Value, place: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/").unwrap();
        return conforms(value, &root["$defs"][name], root, place);
    }
    if let Some(either) = schema["oneOf"].as_array() {
        let kind = |schema: &Value| schema["properties"]["type"]["const"].clone();
        let fitting = either
            .iter()
            .find(|one| kind(&root["$defs"][reference_in(one)]) == value["type"]);
        return conforms(value, fitting.unwrap(), root, place);
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{place}: {value}");
    }
    match value {
        Value::Object(fields) => {
            for key in schema["required"].as_array().unwrap() {
                assert!(
                    fields.contains_key(key.as_str().unwrap()),
                    "{place}: no {key}"
                );
            }
            for (key, value) in fields {
                let known = &schema["properties"][key];
                assert!(known.is_object(), "{place}: unknown key {key}");
                conforms(value, known, root, &format!("{place}.{key}"));
            }
        }
        Value::Array(list) => {
            for one in list {
                conforms(one, &schema["items"], root, place);
            }
        }
        value => {
            let name = match value {
                Value::String(_) => "string",
                Value::Number(_) => "integer",
                Value::Bool(_) => "boolean",
                _ => "null",
            };
            let types = &schema["type"];
            let is_listed = types
                .as_array()
                .is_some_and(|list| list.contains(&name.into()));
            let is_fixed = schema.get("const").is_some_and(|fixed| fixed == value);
            assert!(
                is_fixed || is_listed || types == name || schema.get("enum").is_some(),
                "{place}: {value} is no {types}"
            );
        }
    }
}

fn reference_in(schema: &Value) -> &str {
    schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap()
}

#[test]
fn the_json_of_an_account_is_that_of_the_design() {
    let mut draft = jdoes();
    let device = draft.device(&[
        ("uid", &uuid('d', 42)),
        ("collector_uid", &uuid('c', 42)),
        ("name", "NB-0042"),
        ("type", "laptop"),
        ("os", "Windows 11"),
    ]);
    draft.usage(1, device, 26);
    let answer = draft.open().find(r"EMEA\jdoe");
    let expected = r#"{"query":"EMEA\\jdoe","outcome":"one","matches":[{"type":"account","level":"folded","strength":1,"evidence":[{"kind":"account_name","value":"jdoe@EMEA","observed_at":"2026-11-21T06:00:00Z","object":"users/2026-11-21.csv","row":1}],"account":{"uid":"aaaaaaaa-0000-4000-8000-000000000001","account_name":"jdoe@EMEA","sid":"S-1-5-21-1085031214-1563985344-725345543-1101","upn":"john.doe@contoso.com","email":"John.Doe@contoso.com","full_name":null,"department":null,"job_title":null,"class":"person","first_seen":null,"last_seen":"2023-11-14T22:13:20Z"},"devices":[{"uid":"dddddddd-0000-4000-8000-000000000042","collector_uid":"cccccccc-0000-4000-8000-000000000042","name":"NB-0042","serial_number":null,"type":"laptop","manufacturer":null,"model":null,"os":"Windows 11","entity":null,"first_seen":null,"last_seen":"2023-11-14T22:13:20Z","logins":26,"last_used":null,"shared":false,"primary":true}],"flags":[]}],"skipped":{"machine":0,"local":0},"coverage":{"users":"2026-11-21T06:00:00Z","devices":"2026-11-21T06:00:00Z","logins":null},"generation":7,"freshness":{"state":"fresh","as_of":"2026-11-21T06:00:00Z","age_seconds":7200}}"#;
    assert_eq!(serde_json::to_string(&answer).unwrap(), expected);
}

// ---- generations ----

/// Publishes a file as a generation, as the writer does.
fn publish(home: &Path, file: &Path, number: u32) {
    let folder = home.join("index.db.d");
    fs::create_dir_all(&folder).unwrap();
    let name = format!("gen-{number:06}-{}.db", "0".repeat(64));
    fs::copy(file, folder.join(&name)).unwrap();
    fs::write(folder.join("current"), format!("{name}\n")).unwrap();
}

/// Opens what was published in a folder.
fn open_looking_every(refresh: Duration, home: &Path) -> Index {
    let options = Options {
        refresh,
        ..Options::default()
    };
    Index::open_with(home.join("index.db"), options).unwrap()
}

fn finished(mut draft: Draft) -> (tempfile::TempDir, PathBuf) {
    draft.write_identifiers();
    let path = draft.path();
    draft.db.close().unwrap();
    (draft.home, path)
}

#[test]
fn a_new_generation_is_followed_and_one_that_cannot_be_opened_is_not() {
    let (home, file) = finished(jdoes());
    let (_other_home, other) = finished(Draft::new());
    publish(home.path(), &file, 1);
    let index = open_looking_every(Duration::ZERO, home.path());
    assert_eq!(index.find("jdoe@EMEA").unwrap().generation, 1);
    let current = home.path().join("index.db.d/current");
    for broken in ["", "gen-000009-missing.db", "../../etc/passwd"] {
        fs::write(&current, broken).unwrap();
        let answer = index.find("jdoe@EMEA").unwrap();
        assert_eq!((answer.generation, answer.outcome), (1, Outcome::One));
    }
    publish(home.path(), &other, 2);
    let answer = index.find("jdoe@EMEA").unwrap();
    assert_eq!((answer.generation, answer.outcome), (2, Outcome::None));
    fs::remove_dir_all(home.path().join("index.db.d")).unwrap();
    assert_eq!(index.find("jdoe@EMEA").unwrap().generation, 2);
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
fn a_generation_that_was_removed_while_nobody_looked_is_let_go() {
    let (home, old) = finished(jdoes());
    publish(home.path(), &old, 1);
    let index = open_looking_every(Duration::MAX, home.path());
    // Somebody else has the one connection.
    let known = index.current();
    let _busy = known.reader().unwrap();
    let (_home, new) = finished(jdoes());
    publish(home.path(), &new, 2);
    let name = format!("gen-000001-{}.db", "0".repeat(64));
    fs::remove_file(home.path().join("index.db.d").join(name)).unwrap();
    assert_eq!(index.find("jdoe@EMEA").unwrap().generation, 2);
}

#[test]
#[cfg(target_os = "linux")]
fn the_file_of_a_former_generation_is_closed_behind_its_last_borrower() {
    let (home, file) = finished(jdoes());
    publish(home.path(), &file, 1);
    let index = open_looking_every(Duration::ZERO, home.path());
    let is_open = |number: u32| {
        let name = format!("gen-{number:06}");
        let files = fs::read_dir("/proc/self/fd").unwrap();
        let mut files = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        files.any(|file| file.starts_with(home.path()) && file.to_string_lossy().contains(&name))
    };
    let borrowed = index.current();
    publish(home.path(), &file, 2);
    assert_eq!(index.find("jdoe@EMEA").unwrap().generation, 2);
    assert!(is_open(1) && is_open(2));
    drop(borrowed);
    // Closed on a thread of its own.
    let begin = std::time::Instant::now();
    while is_open(1) {
        assert!(begin.elapsed() < Duration::from_secs(60));
        std::thread::yield_now();
    }
}

#[test]
fn between_two_looks_the_known_generation_answers() {
    let (home, file) = finished(jdoes());
    publish(home.path(), &file, 1);
    let index = open_looking_every(Duration::from_hours(1), home.path());
    publish(home.path(), &file, 2);
    assert_eq!(index.generation(), 1);
}

#[test]
fn opening_makes_no_file_and_needs_no_right_to_write() {
    use std::os::unix::fs::PermissionsExt as _;
    let (home, file) = finished(jdoes());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o550)).unwrap();
    let index = Index::open(&file).unwrap();
    assert_eq!(index.find("jdoe@EMEA").unwrap().outcome, Outcome::One);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o750)).unwrap();
}

#[test]
fn what_is_no_index_is_refused_with_what_to_do() {
    let (home, file) = finished(jdoes());
    let error = |path: &Path| Index::open(path).unwrap_err();
    let missing = error(&home.path().join("missing.db"));
    assert!(matches!(missing, Error::Missing { .. }), "{missing}");
    assert!(missing.to_string().contains("identidex sync"), "{missing}");
    assert!(matches!(error(home.path()), Error::Foreign { .. }));
    let text = home.path().join("notes.txt");
    for content in [
        "",
        "not a database, but quite a long text about one"
            .repeat(40)
            .as_str(),
    ] {
        fs::write(&text, content).unwrap();
        assert!(matches!(error(&text), Error::Foreign { .. }));
    }
    let other = home.path().join("other.db");
    let db = Connection::open(&other).unwrap();
    db.execute_batch("CREATE TABLE t (x)").unwrap();
    db.close().unwrap();
    assert!(matches!(error(&other), Error::Foreign { .. }));
    let bytes = fs::read(&file).unwrap();
    let cut = home.path().join("cut.db");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(error(&cut), Error::Damaged { .. }));
    let set_format = |format: i32| {
        let db = Connection::open(&file).unwrap();
        db.pragma_update(None, "user_version", format).unwrap();
    };
    set_format(USER_VERSION + 1);
    assert!(matches!(error(&file), Error::Newer { .. }));
    set_format(USER_VERSION - 1);
    assert!(matches!(error(&file), Error::Older { .. }));
}

#[test]
fn threads_share_an_index() {
    let open = jdoes().open();
    let index = &open.index;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for _ in 0..100 {
                    assert_eq!(index.find("jdoe").unwrap().matches.len(), 2);
                }
            });
        }
    });
}

#[test]
fn an_index_that_does_not_say_where_identifiers_are_is_damaged() {
    let open = jdoes().open();
    let path = open.home.path().join("identity.db");
    let db = Connection::open(&path).unwrap();
    db.execute("DELETE FROM meta WHERE key = 'identifier_bits'", [])
        .unwrap();
    assert!(matches!(Index::open(&path), Err(Error::Damaged { .. })));
}
