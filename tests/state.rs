//! The logical state of an index, read by SQL, in the form in which `model` derives it. Belongs here: how a test sees
//! what the index knows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

use identidex::identifier::{self, Kind};
use identidex::internals::bucket::{self, Entries, Hash};
use identidex::internals::schema::{
    Class, FieldType, Rank, Subject, account_field, flag, microseconds_of, shared_text, uuid_text,
};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::{Map, Value, json};

use crate::model;

/// Opens an index for reading, as a person with sqlite3 would.
pub(crate) fn open(index: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    Connection::open_with_flags(index, flags).expect("the index opens")
}

/// The file is written without SQLite: it must find nothing odd in it.
fn assert_whole(connection: &Connection) {
    let said: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("the index can be checked");
    assert_eq!(said, "ok");
}

/// Reads who uses what how much, a line each, of an index that is too large for [`read`].
#[cfg(feature = "cli")]
pub(crate) fn usages(index: &Path) -> Vec<String> {
    let connection = open(index);
    assert_whole(&connection);
    let sql = "SELECT concat_ws(' ', a.uid, d.uid, u.logins, u.last_used, u.last_login_observed)
         FROM usages u JOIN accounts a ON a.id = u.account JOIN devices d ON d.id = u.device
         UNION ALL SELECT concat_ws(' ', key, value) FROM meta WHERE key LIKE 'waiting%'
         ORDER BY 1";
    rows(&connection, sql, |row| row.get(0))
}

/// Reads what the index knows.
pub(crate) fn read(index: &Path) -> Value {
    let connection = open(index);
    assert_whole(&connection);
    assert_views_agree(&connection);
    let accounts = subjects(&connection, Subject::Account);
    let devices = subjects(&connection, Subject::Device);
    let names = |subjects: &BTreeMap<i64, (String, Value)>, id: i64| {
        subjects
            .get(&id)
            .map_or_else(|| format!("no subject {id}"), |(name, _)| name.clone())
    };
    let usages = rows(
        &connection,
        "SELECT id >> 32, id & 4294967295, logins, last_used, extra,
           (SELECT observed_at FROM object WHERE object.id = last_login),
           coalesce(time_of_use, last_used), rank, through FROM usage",
        |row| {
            let extra: Option<String> = row.get(4)?;
            let rank = Rank::of_code(row.get(7)?);
            Ok(json!({
                "account": names(&accounts, row.get(0)?),
                "device": names(&devices, row.get(1)?),
                "logins": row.get::<_, Option<i64>>(2)?,
                "last_used": row.get::<_, Option<i64>>(3)?.map(microseconds_of),
                "last_login_observed": row.get::<_, Option<i64>>(5)?,
                "extra": extra.map(|text| serde_json::from_str::<Value>(&text).expect("extra is JSON")),
                "is_through": row.get::<_, Option<i64>>(8)?.is_some(),
                "time_of_use": microseconds_of(row.get(6)?),
                "is_current": rank.is_current,
                "is_shared": rank.is_shared,
                "is_primary": rank.not_primary.is_none(),
            }))
        },
    );
    let waiting = |key: &str| -> i64 {
        let sql = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?1";
        connection
            .query_row(sql, [key], |row| row.get(0))
            .expect("mentions are counted")
    };
    let values = |subjects: &BTreeMap<i64, (String, Value)>| {
        model::sorted(subjects.values().map(|(_, value)| value.clone()).collect())
    };
    json!({
        "accounts": values(&accounts),
        "devices": values(&devices),
        "usages": model::sorted(usages),
        "held": held(&connection, &accounts, &devices),
        "waiting": { "unknown": waiting("waiting_unknown"), "ambiguous": waiting("waiting_ambiguous") },
    })
}

/// What is read of an index of objects that all fail: there is none.
pub(crate) fn of_nothing() -> Value {
    let none: [Value; 0] = [];
    json!({
        "accounts": none,
        "devices": none,
        "usages": none,
        "held": none,
        "waiting": { "unknown": 0, "ambiguous": 0 },
    })
}

/// Reads who held which identifier from when until when: what `held` says, and of all other values the claims' rows.
fn held(
    connection: &Connection,
    accounts: &BTreeMap<i64, (String, Value)>,
    devices: &BTreeMap<i64, (String, Value)>,
) -> Value {
    let mut times: BTreeMap<(String, &str, i64), (i64, i64)> = BTreeMap::new();
    for (subject, subjects) in [(Subject::Account, accounts), (Subject::Device, devices)] {
        for claim in claims(connection, subject) {
            let Some((name, _)) = subjects.get(&claim.subject) else {
                continue;
            };
            for (kind, hash, (first, last)) in held_by_claim(connection, subject, &claim) {
                let known = times
                    .entry((name.clone(), kind.as_str(), hash))
                    .or_insert((first, last));
                *known = (known.0.min(first), known.1.max(last));
            }
        }
    }
    let held = times.into_iter().map(|((subject, kind, hash), times)| {
        json!({"subject": subject, "kind": kind, "hash": hash, "first": times.0, "last": times.1})
    });
    model::sorted(held.collect())
}

/// A claim with whom it tells of, and when its first and its newest row were observed.
struct Told {
    id: u32,
    subject: i64,
    flags: u8,
    texts: Vec<Option<String>>,
    first: i64,
    newest: i64,
}

fn claims(connection: &Connection, subject: Subject) -> Vec<Told> {
    let sql = format!(
        "SELECT id, coalesce(owner, id), flags, {} FROM {} WHERE length(parts) > 0",
        subject.column_list(),
        subject.table()
    );
    let shared = texts(connection);
    let observed = |column: &str| -> Vec<i64> {
        let sql = format!(
            "SELECT o.observed_at FROM {} c JOIN object o ON o.id = c.{column} WHERE length(c.parts) > 0 ORDER BY c.id",
            subject.table()
        );
        rows(connection, &sql, |row| row.get(0))
    };
    let (firsts, newest) = (observed("first"), observed("object"));
    let mut times = firsts.into_iter().zip(newest);
    rows(connection, &sql, |row| {
        let fields = 0..subject.fields().len() - 1;
        let (first, newest) = times.next().expect("every claim has times");
        Ok(Told {
            id: row.get(0)?,
            subject: row.get(1)?,
            flags: row.get(2)?,
            texts: fields
                .map(|at| Ok(text(&shared, row.get_ref(3 + at)?)))
                .collect::<rusqlite::Result<_>>()?,
            first,
            newest,
        })
    })
}

/// The texts that many rows have alike.
fn texts(connection: &Connection) -> BTreeMap<i64, String> {
    let sql = "SELECT id, value FROM text";
    rows(connection, sql, |row| Ok((row.get(0)?, row.get(1)?)))
        .into_iter()
        .collect()
}

/// Shows a stored text.
fn text(shared: &BTreeMap<i64, String>, value: ValueRef) -> Option<String> {
    match value {
        ValueRef::Integer(stored) => {
            let text = |id: i64| {
                let text = shared.get(&id).map(String::as_str);
                Ok::<_, Infallible>(text.map(Cow::Borrowed))
            };
            let Ok(text) = shared_text(stored, text);
            text.map(Cow::into_owned)
        }
        ValueRef::Blob(bytes) => uuid_text(bytes),
        value => value.as_str_or_null().expect("a text").map(str::to_owned),
    }
}

fn held_by_claim(
    connection: &Connection,
    subject: Subject,
    claim: &Told,
) -> Vec<(Kind, i64, (i64, i64))> {
    let mut held = held_once(connection, subject, claim);
    for (field, text) in subject.fields().iter().zip(&claim.texts) {
        let (kind, is_key) = match field.kind {
            FieldType::Key(kind) => (kind, true),
            FieldType::Identifier(kind) => (kind, false),
            _ => continue,
        };
        let text = text.as_deref().unwrap_or_default();
        let Ok(normal) = identifier::normal_form(kind, text) else {
            continue;
        };
        let hash = Hash::of(&normal).high as i64;
        let is_written = held
            .iter()
            .any(|(known, other, _)| (*known, *other) == (kind, hash));
        if is_key || claim.flags & flag::HELD == 0 && !is_written {
            held.push((kind, hash, (claim.first, claim.newest)));
        }
    }
    held
}

/// Reads when a claim was seen with what may change, where that is written out.
fn held_once(
    connection: &Connection,
    subject: Subject,
    claim: &Told,
) -> Vec<(Kind, i64, (i64, i64))> {
    let mut held = Vec::new();
    let kinds = [Kind::Upn, Kind::Email, Kind::SerialNumber];
    for kind in kinds
        .into_iter()
        .filter(|kind| Subject::of(*kind) == subject)
    {
        let reference = bucket::reference(kind, claim.id);
        let sql = format!("SELECT hash, first, last FROM held WHERE reference = {reference}");
        held.extend(rows(connection, &sql, |row| {
            let hash: i64 = row.get(0)?;
            assert!(
                leads_to(connection, hash as u64, reference),
                "a value that is nobody's any more leads to who held it"
            );
            Ok((kind, hash, (row.get(1)?, row.get(2)?)))
        }));
    }
    held
}

/// The views of accounts and devices say of primary devices what that of usages does.
fn assert_views_agree(connection: &Connection) {
    let pairs = |sql: &str| -> Vec<(i64, i64)> {
        rows(connection, sql, |row| Ok((row.get(0)?, row.get(1)?)))
    };
    let usages = pairs("SELECT account, device FROM usages WHERE is_primary ORDER BY 1, 2");
    let of_accounts =
        "SELECT id, primary_device FROM accounts WHERE primary_device IS NOT NULL ORDER BY 1, 2";
    let of_devices =
        "SELECT primary_account, id FROM devices WHERE primary_account IS NOT NULL ORDER BY 1, 2";
    assert_eq!(pairs(of_accounts), usages);
    assert_eq!(pairs(of_devices), usages);
    let plan = "EXPLAIN QUERY PLAN SELECT is_shared, primary_account FROM devices";
    let plan: Vec<String> = rows(connection, plan, |row| row.get(3));
    let by_device = plan
        .iter()
        .filter(|step| step.contains("USING INDEX usage_by_device"));
    assert_eq!(by_device.count(), 2, "{plan:?}");
    let shared = "SELECT id, 0 FROM devices WHERE is_shared ORDER BY 1";
    let used = "SELECT DISTINCT device, 0 FROM usages WHERE is_shared ORDER BY 1";
    assert_eq!(pairs(shared), pairs(used));
}

fn leads_to(connection: &Connection, hash: u64, reference: u32) -> bool {
    let sql = "SELECT entries, value FROM identifier, meta
         WHERE key = 'identifier_bits' AND bucket = CASE value WHEN 0 THEN 0 ELSE ?1 >> (64 - value) & ((1 << value) - 1) END";
    let (bytes, bits): (Vec<u8>, String) = connection
        .query_row(sql, [hash as i64], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("every value has a bucket");
    let entries = Entries::of(&bytes, bits.parse().expect("a number"));
    let found: Vec<u32> = entries.references(hash).collect();
    found.contains(&reference) || found.contains(&bucket::IN_CROWD)
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut select = connection.prepare(sql).expect("the statement is right");
    let rows = select.query_map([], read).expect("the statement runs");
    rows.collect::<rusqlite::Result<_>>()
        .expect("the rows can be read")
}

/// One row of `account` or `device`.
struct Stored {
    id: i64,
    owner: Option<i64>,
    flags: u8,
    texts: Vec<Option<String>>,
    value: Value,
}

fn subjects(connection: &Connection, subject: Subject) -> BTreeMap<i64, (String, Value)> {
    let sql = format!(
        "SELECT id, owner, flags, class, last_seen, extra, {} FROM {}",
        subject.column_list(),
        subject.table()
    );
    let shared = texts(connection);
    let stored = rows(connection, &sql, |row| stored(row, subject, &shared));
    let parts = |id: i64| {
        stored
            .iter()
            .filter(move |row| row.owner == Some(id) || (row.id == id && row.owner.is_none()))
    };
    let own = stored.iter().filter(|row| row.owner.is_none());
    own.map(|row| {
        let is_merged = stored.iter().any(|part| part.owner == Some(row.id));
        let told: Vec<&Stored> = parts(row.id)
            .filter(|part| !is_merged || part.id != row.id)
            .collect();
        let name = name_of(subject, &told);
        let mut value = row.value.clone();
        value["subject"] = json!(name);
        (row.id, (name, value))
    })
    .collect()
}

fn stored(row: &Row, subject: Subject, shared: &BTreeMap<i64, String>) -> rusqlite::Result<Stored> {
    let mut fields = Map::new();
    let mut texts = Vec::new();
    let last = subject.fields().len() - 1;
    for (at, field) in subject.fields().iter().enumerate() {
        if at == last {
            let time = row.get::<_, Option<i64>>(6 + at)?.map(microseconds_of);
            fields.extend(time.map(|time| (field.name.to_owned(), json!(time))));
        } else {
            let text = text(shared, row.get_ref(6 + at)?);
            fields.extend(
                text.clone()
                    .map(|text| (field.name.to_owned(), json!(text))),
            );
            texts.push(text);
        }
    }
    let last_seen = row.get::<_, Option<i64>>(4)?.map(microseconds_of);
    fields.extend(last_seen.map(|time| ("last_seen".to_owned(), json!(time))));
    let extra: Option<String> = row.get(5)?;
    fields.extend(extra.map(|text| {
        (
            "extra".to_owned(),
            serde_json::from_str(&text).expect("extra is JSON"),
        )
    }));
    let mut value = json!({ "fields": fields });
    if subject == Subject::Account {
        value["class"] = json!(
            Class::from_code(row.get(3)?)
                .expect("a known class")
                .as_str()
        );
    }
    Ok(Stored {
        id: row.get(0)?,
        owner: row.get(1)?,
        flags: row.get(2)?,
        texts,
        value,
    })
}

/// Names a subject by its key SID, else uid, else name, from the parts that tell of it.
fn name_of(subject: Subject, parts: &[&Stored]) -> String {
    let kinds = subject.key_kinds();
    let labels = match subject {
        Subject::Account => ["sid", "uid", "name"],
        Subject::Device => ["uid", "collector_uid", "name"],
    };
    for at in 0..3 {
        for part in parts {
            let Some(text) = &part.texts[at] else {
                continue;
            };
            let normal = identifier::normal_form(kinds[at], text)
                .expect("stored keys are in form")
                .into_owned();
            let says_local = || {
                let said = part.texts[account_field::TYPE]
                    .as_deref()
                    .unwrap_or_default();
                said.to_ascii_lowercase()
                    .replace(['_', ' '], "")
                    .starts_with("local")
            };
            let is_key = kinds[at] != Kind::Sid
                || (identifier::is_key_sid(&normal)
                    && part.flags & flag::LOCAL_SID == 0
                    && !says_local());
            if is_key {
                return format!("{}:{normal}", labels[at]);
            }
        }
    }
    "nobody".to_owned()
}
