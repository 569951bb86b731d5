//! Events: messages of webhooks in a SQLite database of their own, each once, until whoever reads them has them for good.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, TransactionBehavior, params};
use serde_json::{Value, json};

use super::{Error, Said};
#[cfg(feature = "cli")]
use crate::identifier::Naming;

/// `idxe`: what a database of events is known by.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"idxe");
const VERSION: i32 = 1;
/// The most pages of the database: 1 GiB. More than anybody reads, and a bound for what a sender gone wild leaves.
const PAGES_AT_MOST: u32 = 1 << 18;
/// How long another process may hold the database.
const BUSY_WITHIN: Duration = Duration::from_secs(5);

/// A database of events.
#[derive(Debug)]
pub struct Events {
    path: PathBuf,
    connection: Mutex<Connection>,
    /// How long events are kept that all consumers have.
    keep: Duration,
    consumers: Vec<Consumer>,
}

/// Whoever reads events, each at their own pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumer {
    /// Who asks for them.
    Asking,
    /// The address that they are forwarded to.
    Forwarding,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The event.
    pub id: i64,
    /// It was there before.
    pub is_repeated: bool,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number: later ones have larger ones.
    pub id: i64,
    /// Which webhook it came by.
    pub webhook: String,
    /// When it came.
    pub received_at: Timestamp,
    /// What it says.
    pub said: Said,
    /// The message.
    pub message: Value,
}

impl Consumer {
    fn name(self) -> &'static str {
        match self {
            Consumer::Asking => "asking",
            Consumer::Forwarding => "forwarding",
        }
    }
}

impl Events {
    /// Opens a database, which is made if it is not there. Events that all `consumers` have are kept for so long more.
    ///
    /// # Errors
    /// Where the file cannot be used, or is none of ours.
    pub fn open(path: &Path, keep: Duration, consumers: &[Consumer]) -> Result<Events, Error> {
        // SQLite would make it readable for all.
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        match made {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(Error::of_io(path, &error));
            }
            _ => {}
        }
        let name = |error| unusable(path, &error);
        let connection = Connection::open(path).map_err(name)?;
        connection.busy_timeout(BUSY_WITHIN).map_err(name)?;
        prepare(&connection, path)?;
        let events = Events {
            path: path.to_owned(),
            connection: Mutex::new(connection),
            keep,
            consumers: consumers.to_vec(),
        };
        events.begin()?;
        Ok(events)
    }

    /// Stores a message, on the disk for good, unless it came before within `window`.
    ///
    /// # Errors
    /// [`Error::Full`], or what the database says.
    pub fn store(
        &self,
        (webhook, window): (&str, Duration),
        said: &Said,
        message: &str,
        at: Timestamp,
    ) -> Result<Stored, Error> {
        let content = content(webhook, message);
        let now = at.as_microsecond();
        self.with(|connection| {
            // At once: one that began as a reader would not wait for another process.
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let known = change
                .prepare_cached(
                    "SELECT id FROM event WHERE content = ?1 AND received_at > ?2 AND received_at < ?3 ORDER BY received_at DESC LIMIT 1",
                )?
                .query_row(
                    params![content.as_slice(), now.saturating_sub(micros(window)), now.saturating_add(micros(window))],
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(id) = known {
                return Ok(Stored {
                    id,
                    is_repeated: true,
                });
            }
            self.forget(&change, at, window)?;
            let said = json!({"devices": said.devices, "users": said.users, "alert": said.alert});
            change
                .prepare_cached(
                    "INSERT INTO event (webhook, received_at, content, said, message) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![webhook, now, content.as_slice(), said.to_string(), message])?;
            let id = change.last_insert_rowid();
            change.commit()?;
            Ok(Stored {
                id,
                is_repeated: false,
            })
        })
    }

    /// Has consumers that are new begin where the others are: who was told of something by one of them is not told by the next.
    fn begin(&self) -> Result<(), Error> {
        self.with(|connection| {
            for consumer in &self.consumers {
                connection.execute(
                    "INSERT OR IGNORE INTO consumer (name, through) SELECT ?1, coalesce(max(through), 0) FROM consumer",
                    [consumer.name()],
                )?;
            }
            Ok(())
        })
    }

    /// Removes events that all consumers have and that came long ago.
    fn forget(
        &self,
        connection: &Connection,
        now: Timestamp,
        window: Duration,
    ) -> rusqlite::Result<()> {
        let from = now
            .as_microsecond()
            .saturating_sub(micros(self.keep.max(window)));
        let through = self.consumers.iter().map(|one| through(connection, *one));
        let through = through.collect::<rusqlite::Result<Vec<i64>>>()?;
        connection
            .prepare_cached("DELETE FROM event WHERE id <= ?1 AND received_at <= ?2")?
            .execute([through.into_iter().min().unwrap_or(0), from])?;
        Ok(())
    }

    /// Returns events behind one, in order, `limit` at the most.
    ///
    /// # Errors
    /// What the database says.
    pub fn after(&self, id: i64, limit: usize) -> Result<Vec<Event>, Error> {
        self.with(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT id, webhook, received_at, said, message FROM event WHERE id > ?1 ORDER BY id LIMIT ?2",
            )?;
            let rows = query.query_map(params![id, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                let said: Value = json_of(row, 3)?;
                Ok(Event {
                    id: row.get(0)?,
                    webhook: row.get(1)?,
                    received_at: Timestamp::from_microsecond(row.get(2)?).unwrap_or_default(),
                    said: said_of(&said),
                    message: json_of(row, 4)?,
                })
            })?;
            rows.collect()
        })
    }

    /// Returns the last event that there ever was; 0 where there was none.
    ///
    /// # Errors
    /// What the database says.
    pub fn last(&self) -> Result<i64, Error> {
        self.with(|connection| last(connection))
    }

    /// Returns the last event that a consumer has for good; 0 where there is none.
    ///
    /// # Errors
    /// What the database says.
    pub fn acknowledged(&self, consumer: Consumer) -> Result<i64, Error> {
        self.with(|connection| through(connection, consumer))
    }

    /// Notes that a consumer has all events through one for good; it never has fewer again. Returns through which it has them.
    /// What all have and came long before `now` is removed.
    ///
    /// # Errors
    /// What the database says.
    pub fn acknowledge(&self, consumer: Consumer, id: i64, now: Timestamp) -> Result<i64, Error> {
        self.with(|connection| {
            let last = last(connection)?;
            connection.execute(
                "INSERT INTO consumer (name, through) VALUES (?1, ?2) \
                 ON CONFLICT (name) DO UPDATE SET through = max(through, excluded.through)",
                params![consumer.name(), id.clamp(0, last)],
            )?;
            self.forget(connection, now, Duration::ZERO)?;
            through(connection, consumer)
        })
    }

    /// Returns how many events a consumer does not have yet.
    ///
    /// # Errors
    /// What the database says.
    pub fn waiting(&self, consumer: Consumer) -> Result<u64, Error> {
        self.with(|connection| {
            let through = through(connection, consumer)?;
            connection.query_row(
                "SELECT count(*) FROM event WHERE id > ?1",
                [through],
                |row| row.get::<_, i64>(0),
            )
        })
        .map(|count| count.unsigned_abs())
    }

    /// Returns all events that name a person.
    ///
    /// # Errors
    /// What the database says.
    #[cfg(feature = "cli")]
    pub(crate) fn naming(&self, naming: &Naming) -> Result<Vec<Event>, Error> {
        let mut events = self.after(0, usize::MAX)?;
        events.retain(|event| {
            let Said {
                devices,
                users,
                alert,
            } = &event.said;
            let mut said = devices.iter().chain(users).chain(alert);
            said.any(|text| naming.is_in(text)) || naming.is_in_json(&event.message)
        });
        Ok(events)
    }

    /// Removes all events that name a person; returns how many. No byte of them is left.
    ///
    /// # Errors
    /// What the database says.
    #[cfg(feature = "cli")]
    pub(crate) fn erase(&self, naming: &Naming) -> Result<u64, Error> {
        let erased = self.naming(naming)?;
        self.with(|connection| {
            connection.pragma_update(None, "secure_delete", true)?;
            let all = connection.transaction()?;
            for event in &erased {
                all.execute("DELETE FROM event WHERE id = ?1", [event.id])?;
            }
            all.commit()?;
            if !erased.is_empty() {
                connection.execute_batch("VACUUM")?;
            }
            Ok(erased.len() as u64)
        })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(|error| unusable(&self.path, &error))
    }
}

fn last(connection: &Connection) -> rusqlite::Result<i64> {
    let last = connection
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'event'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(last.unwrap_or(0))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn through(connection: &Connection, consumer: Consumer) -> rusqlite::Result<i64> {
    let through = connection
        .prepare_cached("SELECT through FROM consumer WHERE name = ?1")?
        .query_row([consumer.name()], |row| row.get(0))
        .optional()?;
    Ok(through.unwrap_or(0))
}

/// Makes the tables of a new database, and refuses one that is not ours.
fn prepare(connection: &Connection, path: &Path) -> Result<(), Error> {
    let name = |error| unusable(path, &error);
    // A message is acknowledged to its sender once it is here: every change is on the disk before it counts, and so is that its
    // journal is gone (EXTRA), with which it would be undone.
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = EXTRA; PRAGMA max_page_count = {PAGES_AT_MOST}; BEGIN IMMEDIATE"
        ))
        .map_err(name)?;
    let number =
        |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (of, version) = (
        number("application_id").map_err(name)?,
        number("user_version").map_err(name)?,
    );
    let is_empty: bool = connection
        .query_row("SELECT count(*) = 0 FROM sqlite_master", [], |row| {
            row.get(0)
        })
        .map_err(name)?;
    let made = match (of, version) {
        (0, 0) if is_empty => connection.execute_batch(&format!(
            "{} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT",
            include_str!("../../schemas/events.sql")
        )),
        (APPLICATION_ID, VERSION) => connection.execute_batch("COMMIT"),
        _ => {
            return Err(Error::Unusable {
                what: path.display().to_string(),
                reason: "it is no database of events of this version of identidex".to_owned(),
            });
        }
    };
    made.map_err(name)
}

/// What SQLite says repeats no value of a row.
fn unusable(path: &Path, error: &rusqlite::Error) -> Error {
    let what = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full { what },
        _ => Error::Unusable {
            what,
            reason: error.to_string(),
        },
    }
}

fn content(webhook: &str, message: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(webhook.len() as u64).to_le_bytes());
    hasher.update(webhook.as_bytes());
    hasher.update(message.as_bytes());
    hasher.finalize().into()
}

fn json_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Value> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        let error = Box::new(error);
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
    })
}

fn said_of(said: &Value) -> Said {
    let texts = |name: &str| {
        let texts = said[name].as_array().into_iter().flatten();
        texts
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect()
    };
    Said {
        devices: texts("devices"),
        users: texts("users"),
        alert: said["alert"].as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn said() -> Said {
        Said {
            devices: vec!["NB-1".to_owned()],
            ..Said::default()
        }
    }

    fn open(path: &Path, keep: Duration) -> Events {
        Events::open(path, keep, &[Consumer::Asking]).unwrap()
    }

    fn ids(events: &Events, after: i64) -> Vec<i64> {
        let found = events.after(after, 100).unwrap();
        found.iter().map(|event| event.id).collect()
    }

    #[test]
    fn a_message_is_one_event_within_its_window_and_another_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.db");
        let events = open(&path, HOUR);
        let store = |events: &Events, webhook, message, seconds| {
            let stored = events.store((webhook, HOUR), &said(), message, at(seconds));
            let stored = stored.unwrap();
            (stored.id, stored.is_repeated)
        };
        assert_eq!(store(&events, "disk", "{}", 0), (1, false));
        assert_eq!(store(&events, "disk", "{}", 3_599), (1, true));
        assert_eq!(store(&events, "boot", "{}", 3_599), (2, false));
        assert_eq!(store(&events, "disk", "{ }", 3_599), (3, false));
        // A clock that was ahead once keeps nothing back.
        assert_eq!(store(&events, "disk", "[1]", 300_000), (4, false));
        assert_eq!(store(&events, "disk", "[1]", 3_599), (5, false));
        drop(events);
        // Another process goes on where this one ended.
        let events = open(&path, HOUR);
        assert_eq!(store(&events, "disk", "{}", 3_600), (6, false));
        let [first, ..] = &events.after(0, 1).unwrap()[..] else {
            panic!("one")
        };
        assert_eq!(
            (first.webhook.as_str(), &first.said, first.received_at),
            ("disk", &said(), at(0))
        );
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_nobody_has_for_good_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let events = open(&folder.path().join("events.db"), HOUR);
        let store = |message: &str, seconds| {
            events
                .store(("disk", HOUR), &said(), message, at(seconds))
                .unwrap()
        };
        for number in 0..5 {
            store(&format!("[{number}]"), number);
        }
        assert_eq!(events.acknowledge(Consumer::Asking, 3, at(0)).unwrap(), 3);
        // Nobody has what did not come yet, or gives back what they have.
        assert_eq!(events.acknowledge(Consumer::Asking, 1, at(0)).unwrap(), 3);
        assert_eq!(events.waiting(Consumer::Asking).unwrap(), 2);
        store("[10]", 10_000);
        assert_eq!(ids(&events, 0), [4, 5, 6]);
        assert_eq!(
            events
                .acknowledge(Consumer::Asking, i64::MAX, at(0))
                .unwrap(),
            6
        );
        store("[20]", 20_000);
        assert_eq!(ids(&events, 0), [7]);
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE t (a)")
            .unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = Events::open(&path, HOUR, &[]).unwrap_err().to_string();
        assert!(
            error.ends_with("it is no database of events of this version of identidex"),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), before);
        std::fs::write(&path, "text").unwrap();
        assert!(Events::open(&path, HOUR, &[]).is_err());
    }

    #[test]
    fn who_reads_next_begins_where_others_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.db");
        let events = open(&path, HOUR);
        for number in 0..3 {
            let stored = events.store(("disk", HOUR), &said(), &format!("[{number}]"), at(0));
            assert!(!stored.unwrap().is_repeated);
        }
        events.acknowledge(Consumer::Asking, 2, at(0)).unwrap();
        drop(events);
        let events = Events::open(&path, HOUR, &[Consumer::Forwarding]).unwrap();
        assert_eq!(events.acknowledged(Consumer::Forwarding).unwrap(), 2);
        // What all have goes, also where nothing new comes.
        events
            .acknowledge(Consumer::Forwarding, 3, at(10_000))
            .unwrap();
        assert_eq!(ids(&events, 0), [0; 0]);
    }

    #[test]
    fn two_processes_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.db");
        let stored = std::thread::scope(|scope| {
            let work = |process: u32| {
                let events = open(&path, HOUR);
                let store = |number: u32| {
                    let message = format!("[{process},{number}]");
                    events
                        .store(("disk", HOUR), &said(), &message, at(0))
                        .unwrap()
                        .id
                };
                (0..20).map(store).collect::<Vec<i64>>()
            };
            let both = [1, 2].map(|process| scope.spawn(move || work(process)));
            both.map(|one| one.join().unwrap())
        });
        let mut stored = stored.concat();
        stored.sort_unstable();
        assert_eq!(stored, Vec::from_iter(1..=40));
    }
}
