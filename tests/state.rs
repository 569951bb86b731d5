//! The logical state of an index, read by SQL, in the form in which `model` derives it. Belongs here: how a test sees
//! what the index knows.

use std::collections::BTreeMap;
use std::path::Path;

use identidex::bucket::{self, Hash};
use identidex::identifier::{self, Kind};
use identidex::schema::{self, Class, FieldType, SHARED_BY, Subject, account_field, flag};
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::{Map, Value, json};

use crate::model;

/// Opens an index for reading, as a person with sqlite3 would.
pub(crate) fn open(index: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    Connection::open_with_flags(index, flags).expect("the index opens")
}

/// The first rows of a new index are laid down beside SQLite: it must find nothing odd in them.
fn assert_whole(connection: &Connection) {
    let said: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("the index can be checked");
    assert_eq!(said, "ok");
}

/// Reads who uses what how much, a line each, of an index that is too large for [`read`].
pub(crate) fn usages(index: &Path) -> Vec<String> {
    let connection = open(index);
    assert_whole(&connection);
    let sql = "SELECT concat_ws(' ', a.uid, d.uid, u.logins, u.last_used, u.last_login_observed)
         FROM usages u JOIN accounts a ON a.id = u.account JOIN devices d ON d.id = u.device
         UNION ALL SELECT concat_ws(' ', state, count(*)) FROM mention WHERE state <> 0 GROUP BY state
         ORDER BY 1";
    rows(&connection, sql, |row| row.get(0))
}

/// Reads what the index knows.
pub(crate) fn read(index: &Path) -> Value {
    let connection = open(index);
    assert_whole(&connection);
    assert_busy_devices_are_marked(&connection);
    let accounts = subjects(&connection, Subject::Account);
    let devices = subjects(&connection, Subject::Device);
    let names = |subjects: &BTreeMap<i64, (String, Value)>, id: i64| {
        subjects
            .get(&id)
            .map_or_else(|| format!("no subject {id}"), |(name, _)| name.clone())
    };
    let usages = rows(
        &connection,
        "SELECT id, seen, device, extra FROM usage",
        |row| {
            let id: i64 = row.get(0)?;
            let seen: String = row.get(1)?;
            let device: i64 = row.get(2)?;
            assert_eq!(
                device,
                id & 0xffff_ffff,
                "the device column is the lower half of the id"
            );
            let extra: Option<String> = row.get(3)?;
            Ok(json!({
                "account": names(&accounts, id >> 32),
                "device": names(&devices, device),
                "logins": number(&seen[36..54]),
                "last_used": number(&seen[..18]),
                "last_login_observed": last_login(&connection, &seen, device),
                "extra": extra.map(|text| serde_json::from_str::<Value>(&text).expect("extra is JSON")),
            }))
        },
    );
    let waiting = |state: i64| -> i64 {
        let sql = "SELECT count(*) FROM (SELECT DISTINCT group_hash, part IS NULL FROM mention WHERE state = ?1)";
        connection
            .query_row(sql, [state], |row| row.get(0))
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
        "waiting": { "unknown": waiting(1), "ambiguous": waiting(2) },
    })
}

/// Reads who held which identifier from when until when: what `held` says, and of all other values the roster and the
/// parts' rows.
fn held(
    connection: &Connection,
    accounts: &BTreeMap<i64, (String, Value)>,
    devices: &BTreeMap<i64, (String, Value)>,
) -> Value {
    let mut times: BTreeMap<(String, &str, i64), (i64, i64)> = BTreeMap::new();
    for (subject, subjects) in [(Subject::Account, accounts), (Subject::Device, devices)] {
        for part in parts(connection, subject) {
            let Some((name, _)) = subjects.get(&part.subject) else {
                continue;
            };
            for (kind, hash, (first, last)) in held_by_part(connection, subject, &part) {
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

/// A part with whom it tells of, and when its first and its newest row were observed.
struct Told {
    id: u32,
    subject: i64,
    flags: i64,
    texts: Vec<Option<String>>,
    first: i64,
    newest: i64,
}

fn parts(connection: &Connection, subject: Subject) -> Vec<Told> {
    let observed = |object: i64| -> i64 {
        let sql = "SELECT observed_at FROM object WHERE id = ?1";
        connection
            .query_row(sql, [object], |row| row.get(0))
            .expect("the object is there")
    };
    let first = |id: u32| {
        let (block, offset) = schema::roster::first_of(subject, id);
        let sql = "SELECT entries FROM roster WHERE block = ?1";
        let entries: Vec<u8> = connection
            .query_row(sql, [block], |row| row.get(0))
            .expect("every part is in the roster");
        let bytes = entries[offset..offset + 4].try_into().expect("four bytes");
        observed(i64::from(u32::from_le_bytes(bytes)))
    };
    let sql = format!(
        "SELECT id, coalesce(owner, id), flags, substr(seen, 19, 8), {} FROM {} WHERE shape <> 0",
        subject.column_list(),
        subject.table()
    );
    rows(connection, &sql, |row| {
        let id: u32 = row.get(0)?;
        let newest: String = row.get(3)?;
        let texts = 0..subject.fields().len() - 1;
        Ok(Told {
            id,
            subject: row.get(1)?,
            flags: row.get(2)?,
            texts: texts.map(|at| row.get(4 + at)).collect::<Result<_, _>>()?,
            first: first(id),
            newest: observed(number(&newest).expect("an object")),
        })
    })
}

fn held_by_part(
    connection: &Connection,
    subject: Subject,
    part: &Told,
) -> Vec<(Kind, i64, (i64, i64))> {
    let mut held = held_once(connection, subject, part);
    for (field, text) in subject.fields().iter().zip(&part.texts) {
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
        if is_key || part.flags & i64::from(flag::HELD) == 0 {
            held.push((kind, hash, (part.first, part.newest)));
        }
    }
    held
}

/// Reads when a part was seen with what may change, if it had several values.
fn held_once(
    connection: &Connection,
    subject: Subject,
    part: &Told,
) -> Vec<(Kind, i64, (i64, i64))> {
    let mut held = Vec::new();
    let kinds = [Kind::Upn, Kind::Email, Kind::SerialNumber];
    for kind in kinds
        .into_iter()
        .filter(|kind| Subject::of(*kind) == subject)
    {
        let reference = bucket::reference(kind, part.id);
        let sql = format!(
            "SELECT hash, first, coalesce(last, {}), rest FROM held WHERE reference = {reference}",
            part.newest
        );
        held.extend(rows(connection, &sql, |row| {
            let hash: i64 = row.get(0)?;
            let low = row.get(3)?;
            let whole = Hash {
                high: hash as u64,
                low,
            };
            assert!(
                leads_to(connection, whole, reference),
                "a value that is nobody's any more leads to who held it"
            );
            Ok((kind, hash, (row.get(1)?, row.get(2)?)))
        }));
    }
    held
}

/// A lookup asks who uses a device only where this says that it may have enough users to be shared.
fn assert_busy_devices_are_marked(connection: &Connection) {
    let sql = format!("SELECT device FROM usage GROUP BY device HAVING count(*) >= {SHARED_BY}");
    for device in rows(connection, &sql, |row| row.get::<_, u32>(0)) {
        let (block, byte, bit) = schema::busy::place(device);
        let sql = "SELECT bits FROM busy WHERE block = ?1";
        let bits: Vec<u8> = connection
            .query_row(sql, [block], |row| row.get(0))
            .expect("a busy device has a block");
        assert!(bits[byte] & bit != 0, "device {device} is not marked");
    }
}

fn leads_to(connection: &Connection, hash: Hash, reference: u32) -> bool {
    let sql = "SELECT entries FROM identifier, meta
         WHERE key = 'identifier_bits' AND bucket = CASE value WHEN 0 THEN 0 ELSE ?1 >> (64 - value) & ((1 << value) - 1) END";
    let entries: Vec<u8> = connection
        .query_row(sql, [hash.high as i64], |row| row.get(0))
        .expect("every value has a bucket");
    let found: Vec<u32> = bucket::references_in(&entries, hash).collect();
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

fn number(digits: &str) -> Option<i64> {
    digits.trim().parse().ok()
}

fn last_login(connection: &Connection, seen: &str, device: i64) -> Option<i64> {
    let object = match &seen[54..62] {
        "********" => {
            let of_device = "SELECT substr(seen, 19, 8) FROM device WHERE id = ?1";
            let text: String = connection
                .query_row(of_device, [device], |row| row.get(0))
                .expect("the device is there");
            number(&text)
        }
        digits => number(digits),
    };
    let observed = "SELECT observed_at FROM object WHERE id = ?1";
    object.map(|object| {
        connection
            .query_row(observed, [object], |row| row.get(0))
            .expect("the object is there")
    })
}

/// One row of `account` or `device`.
struct Stored {
    id: i64,
    owner: Option<i64>,
    flags: i64,
    texts: Vec<Option<String>>,
    value: Value,
}

fn subjects(connection: &Connection, subject: Subject) -> BTreeMap<i64, (String, Value)> {
    let sql = format!(
        "SELECT id, owner, flags, class, seen, extra, {} FROM {}",
        subject.column_list(),
        subject.table()
    );
    let stored = rows(connection, &sql, |row| stored(row, subject));
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

fn stored(row: &Row, subject: Subject) -> rusqlite::Result<Stored> {
    let mut fields = Map::new();
    let mut texts = Vec::new();
    let last = subject.fields().len() - 1;
    for (at, field) in subject.fields().iter().enumerate() {
        if at == last {
            let time: Option<i64> = row.get(6 + at)?;
            fields.extend(time.map(|time| (field.name.to_owned(), json!(time))));
        } else {
            let text: Option<String> = row.get(6 + at)?;
            fields.extend(
                text.clone()
                    .map(|text| (field.name.to_owned(), json!(text))),
            );
            texts.push(text);
        }
    }
    let seen: String = row.get(4)?;
    fields.extend(number(&seen[..18]).map(|time| ("last_seen".to_owned(), json!(time))));
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
    const LOCAL_SID: i64 = 2;
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
                    && part.flags & LOCAL_SID == 0
                    && !says_local());
            if is_key {
                return format!("{}:{normal}", labels[at]);
            }
        }
    }
    "nobody".to_owned()
}
