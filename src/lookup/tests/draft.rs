//! A draft: a small index in the making, written by hand as the writer would, and opened.
//! What is found in it is left to the tests.

use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::bucket::{Hash, IN_CROWD, reference};
use crate::identifier::{self, Kind};
use crate::lookup::{Answer, Found, Index, Match, Options, Query};
use crate::schema::{
    APPLICATION_ID, Class, INDEX_SQL, Rank, Subject, USAGE_DEVICE_FIELDS, USER_VERSION, usage_id,
};

pub(super) const DOMAIN_SID: &str = "S-1-5-21-1085031214-1563985344-725345543";

/// An index in the making: one bucket holds all identifiers.
pub(super) struct Draft {
    home: tempfile::TempDir,
    db: Connection,
    filed: Vec<(Hash, u32)>,
    last_id: u32,
}

impl Draft {
    pub(super) fn new() -> Draft {
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

    pub(super) fn object(&mut self, key: &str, dataset: u8, observed_at: &str) -> u32 {
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
    pub(super) fn row(&mut self, subject: Subject, class: Class, fields: &[(&str, &str)]) -> u32 {
        self.last_id += 1;
        let id = self.last_id;
        let insert = format!(
            "INSERT INTO {} (id, class, flags, last_seen, object, row, first, parts)
             VALUES (?1, ?2, 0, 1795176000, ?3, ?1, ?3, x'00')",
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

    pub(super) fn set(&self, subject: Subject, id: u32, column: &str, value: impl rusqlite::ToSql) {
        let update = format!("UPDATE {} SET {column} = ?2 WHERE id = ?1", subject.table());
        self.db.execute(&update, params![id, value]).unwrap();
    }

    /// Files an identifier and the parts of it that people type.
    pub(super) fn file(&mut self, kind: Kind, value: &str, id: u32) {
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

    pub(super) fn account(&mut self, fields: &[(&str, &str)]) -> u32 {
        self.row(Subject::Account, Class::Person, fields)
    }

    pub(super) fn device(&mut self, fields: &[(&str, &str)]) -> u32 {
        self.row(Subject::Device, Class::Unknown, fields)
    }

    /// Writes a usage that is current and primary.
    pub(super) fn usage(&mut self, account: u32, device: u32, logins: u64) {
        let rank = Rank {
            is_current: true,
            is_shared: false,
            not_primary: None,
        };
        self.ranked(account, device, logins, rank);
    }

    pub(super) fn ranked(&mut self, account: u32, device: u32, logins: u64, rank: Rank) {
        self.db
            .execute(
                "INSERT INTO usage (id, logins, rank) VALUES (?1, ?2, ?3)",
                params![usage_id(account, device), logins as i64, rank.to_code()],
            )
            .unwrap();
    }

    /// Says in every usage what its device is.
    fn write_devices(&self) {
        let device = |column: &str| {
            format!("(SELECT {column} FROM device WHERE device.id = usage.id & 4294967295)")
        };
        let fields = USAGE_DEVICE_FIELDS.iter().copied().chain(["last_seen"]);
        let fields: Vec<String> = fields
            .map(|field| format!("{field} = {}", device(field)))
            .collect();
        let copy = format!("UPDATE usage SET {}", fields.join(", "));
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

    pub(super) fn open(self) -> Open {
        self.open_with(Options::default())
    }

    fn open_with(self, options: Options) -> Open {
        let (home, path) = self.finish();
        let options = Options {
            clock: || "2026-11-21T08:00:00Z".parse().unwrap(),
            ..options
        };
        Open {
            index: Index::open_with(path, options).unwrap(),
            home,
        }
    }

    /// Writes what follows from the rows, and returns the folder and the file in it.
    pub(super) fn finish(mut self) -> (tempfile::TempDir, PathBuf) {
        self.write_identifiers();
        self.write_devices();
        self.write_coverage();
        let path = self.home.path().join("identity.db");
        self.db.close().unwrap();
        (self.home, path)
    }

    /// Writes the one bucket, and moves what has more than 64 holders to the crowd.
    fn write_identifiers(&mut self) {
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
pub(super) struct Open {
    pub(super) index: Index,
    pub(super) home: tempfile::TempDir,
}

impl Open {
    #[track_caller]
    pub(super) fn find(&self, query: impl Into<Query>) -> Answer {
        self.index.find(query).unwrap()
    }

    /// Returns the outcome and the uids of the matches, as `one a1` or `several a1 a2`.
    #[track_caller]
    pub(super) fn uids(&self, query: impl Into<Query>) -> String {
        let answer = self.find(query);
        let uids = answer.matches.iter().map(uid);
        let words = std::iter::once(answer.outcome.as_str().to_owned()).chain(uids);
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Reads the first letter and the last digits of the uid that [`uuid`] made.
pub(super) fn uid(one: &Match) -> String {
    let uid = match &one.subject {
        Found::Account { account, .. } => account.uid.as_deref(),
        Found::Device { device, .. } => device.uid.as_deref(),
    };
    let uid = uid.unwrap();
    format!("{}{}", &uid[..1], uid[24..].trim_start_matches('0'))
}

pub(super) fn uuid(letter: char, number: u32) -> String {
    format!(
        "{}-0000-4000-8000-{number:012}",
        letter.to_string().repeat(8)
    )
}

/// Two people called jdoe, in two domains.
pub(super) fn jdoes() -> Draft {
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

fn kind_of(subject: Subject, column: &str) -> Option<Kind> {
    use crate::schema::FieldType::{Identifier, Key};
    let mut fields = subject.fields().iter();
    let field = fields.find(|field| field.name == column)?;
    match field.kind {
        Key(kind) | Identifier(kind) => Some(kind),
        _ => None,
    }
}
