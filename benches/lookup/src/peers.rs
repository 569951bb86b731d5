//! What a chatbot's author would use instead: SQLite with an index, SQLite as it is, Redis, LMDB, a map in memory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;

use heed::types::Str;
use heed::{CommitOrAbort, EnvOpenOptions};
use rusqlite::{Connection, OpenFlags};

use crate::{Asked, NAIVE_LOOKUPS, Result, print_row, row, row_of_batches, row_of_threads};

const COLUMNS: &str =
    "uid, name, sid, upn, email, full_name, type, department, job_title, first_seen";
const LMDB_BYTES: usize = 16 << 30;
/// Redis commands that are sent at once while loading.
const PIPELINE: usize = 10_000;

type Account = [Option<String>; 10];

pub(crate) fn run(index: &Path, folder: &Path, port: u16, asked: &Asked) -> Result<()> {
    let folder = tempdir(folder)?;
    let table = folder.join("peer.db");
    copy(index, &table)?;
    let connection = open(&table)?;
    by_hand(&connection, &table, asked);
    naive(&connection, asked)?;
    let accounts = accounts(&connection)?;
    lmdb(&folder.join("lmdb"), &accounts, asked)?;
    redis(port, &accounts, asked)?;
    map(accounts, asked);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn open(table: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(
        format!("file:{}?immutable=1", table.display()),
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
}

fn tempdir(folder: &Path) -> Result<std::path::PathBuf> {
    let folder = folder.join(format!("peers-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The same accounts and usages, with the indexes that these questions need.
fn copy(index: &Path, table: &Path) -> Result<()> {
    let connection = Connection::open(table)?;
    let index = std::fs::canonicalize(index)?;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; ATTACH 'file:{}?immutable=1' AS source;
         CREATE TABLE account AS SELECT id, {COLUMNS}, lower(upn) AS upn_key, lower(email) AS email_key,
           lower(name) AS name_key FROM source.accounts;
         CREATE UNIQUE INDEX account_id ON account (id);
         CREATE INDEX by_upn ON account (upn_key); CREATE INDEX by_email ON account (email_key);
         CREATE INDEX by_name ON account (name_key);
         CREATE TABLE device AS SELECT id, uid, collector_uid, name, type, os FROM source.devices;
         CREATE UNIQUE INDEX device_id ON device (id);
         CREATE TABLE usage AS SELECT account, device, coalesce(last_used, last_login_observed) AS seen FROM source.usages;
         CREATE INDEX by_account ON usage (account); DETACH source",
        index.display()
    ))?;
    Ok(())
}

fn read(row: &rusqlite::Row, from: usize) -> rusqlite::Result<Account> {
    let mut account = Account::default();
    for (at, column) in account.iter_mut().enumerate() {
        *column = row.get(from + at)?;
    }
    Ok(account)
}

fn by_hand(connection: &Connection, table: &Path, asked: &Asked) {
    let sql = format!("SELECT {COLUMNS}, id FROM account WHERE upn_key = ?1");
    let account_in = |connection: &Connection, upn: &String| {
        let mut select = connection
            .prepare_cached(&sql)
            .expect("the statement is right");
        let key = upn.to_lowercase();
        let rows = select.query_map([key], |row| Ok((read(row, 0)?, row.get::<_, i64>(10)?)));
        let rows = rows.expect("the statement runs");
        rows.collect::<rusqlite::Result<Vec<_>>>()
            .expect("the rows can be read")
    };
    let account = |upn: &String| account_in(connection, upn);
    let devices = "SELECT d.uid, d.collector_uid, d.name, d.type, d.os, u.seen FROM usage u JOIN device d ON d.id = u.device
         WHERE u.account = ?1 ORDER BY u.seen DESC";
    let with_devices = |upn: &String| {
        for (found, id) in account(upn) {
            let mut select = connection
                .prepare_cached(devices)
                .expect("the statement is right");
            let rows = select.query_map([id], |row| {
                (0..6)
                    .map(|at| row.get(at))
                    .collect::<rusqlite::Result<Vec<Option<String>>>>()
            });
            let rows = rows.expect("the statement runs");
            let rows = rows
                .collect::<rusqlite::Result<Vec<_>>>()
                .expect("the rows can be read");
            black_box((found, rows));
        }
    };
    row("SELECT by hand, account by UPN", &asked.upns, |upn| {
        drop(black_box(account(upn)))
    });
    row(
        "SELECT by hand, with its devices",
        &asked.upns,
        with_devices,
    );
    row("SELECT by hand, miss", &asked.misses, |upn| {
        drop(black_box(account(upn)))
    });
    row_of_batches("SELECT by hand", &asked.upns, |batch| {
        batch.iter().for_each(|upn| drop(black_box(account(upn))));
    });
    row_of_threads("SELECT by hand", &asked.upns, || {
        let own = open(table).expect("the table opens");
        move |upn: &String| drop(black_box(account_in(&own, upn)))
    });
}

fn naive(connection: &Connection, asked: &Asked) -> Result<()> {
    let sql = format!(
        "SELECT {COLUMNS} FROM account WHERE lower(upn) = lower(?1) OR lower(email) = lower(?1) OR lower(name) = lower(?1)"
    );
    let times = asked.upns.iter().take(NAIVE_LOOKUPS).map(|upn| {
        let start = std::time::Instant::now();
        let mut select = connection
            .prepare_cached(&sql)
            .expect("the statement is right");
        let rows = select
            .query_map([upn], |row| read(row, 0))
            .expect("the statement runs");
        black_box(
            rows.collect::<rusqlite::Result<Vec<_>>>()
                .expect("the rows can be read"),
        );
        start.elapsed()
    });
    print_row("SELECT with lower() and OR", times.collect());
    Ok(())
}

fn accounts(connection: &Connection) -> Result<Vec<Account>> {
    let mut select = connection.prepare(&format!("SELECT {COLUMNS} FROM account"))?;
    let rows = select.query_map([], |row| read(row, 0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// UPN, email and name of an account, as keys.
fn keys(account: &Account) -> impl Iterator<Item = String> {
    [3, 4, 1]
        .into_iter()
        .filter_map(|at| Some(account[at].as_ref()?.to_lowercase()))
}

fn lmdb(folder: &Path, accounts: &[Account], asked: &Asked) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut options = EnvOpenOptions::new();
    options.map_size(LMDB_BYTES);
    // SAFETY: nobody else has the folder, which this process just made.
    let env = unsafe { options.open(folder)? };
    let created = env.create_databases_and_commit(env.write_txn()?, |opener, writing| {
        let values = opener.create_database::<Str, Str>(writing, None)?;
        Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(values))
    })?;
    let values = created.unwrap_commit();
    let mut writing = env.write_txn()?;
    for (id, account) in accounts.iter().enumerate() {
        let id = format!("row:{id}");
        values.put(&mut writing, &id, &serde_json::to_string(account)?)?;
        for key in keys(account) {
            values.put(&mut writing, &key, &id)?;
        }
    }
    writing.commit()?;
    let look_up_in = |reading: &heed::RoTxn, upn: &String| {
        let get = |key: &str| values.get(reading, key).expect("the key can be read");
        let found = get(&upn.to_lowercase()).and_then(get);
        black_box(
            found.map(|row| serde_json::from_str::<Account>(row).expect("it was written so")),
        );
    };
    let begin = || env.read_txn().expect("a transaction begins");
    let look_up = |upn: &String| look_up_in(&begin(), upn);
    row("LMDB, account by UPN", &asked.upns, look_up);
    row("LMDB, miss", &asked.misses, look_up);
    row_of_batches("LMDB", &asked.upns, |batch| {
        let reading = begin();
        batch.iter().for_each(|upn| look_up_in(&reading, upn));
    });
    row_of_threads("LMDB", &asked.upns, || look_up);
    Ok(())
}

fn redis(port: u16, accounts: &[Account], asked: &Asked) -> Result<()> {
    let mut connection = redis::Client::open(("127.0.0.1", port))?.get_connection()?;
    for (block, accounts) in accounts.chunks(PIPELINE).enumerate() {
        let mut pipeline = redis::pipe();
        for (at, account) in accounts.iter().enumerate() {
            let id = block * PIPELINE + at;
            pipeline
                .set(format!("row:{id}"), serde_json::to_string(account)?)
                .ignore();
            for key in keys(account) {
                pipeline.set(format!("key:{key}"), id).ignore();
            }
        }
        pipeline.query::<()>(&mut connection)?;
    }
    let open = || {
        let client = redis::Client::open(("127.0.0.1", port)).expect("an address");
        RefCell::new(client.get_connection().expect("Redis answers"))
    };
    let get_all = |connection: &RefCell<redis::Connection>, keys: &[String]| {
        let answer = redis::cmd("MGET")
            .arg(keys)
            .query(&mut *connection.borrow_mut());
        answer.expect("Redis answers")
    };
    // One round trip for the ids, one for the rows.
    let look_up_all = |connection: &RefCell<redis::Connection>, upns: &[String]| {
        let keys = upns.iter().map(|upn| format!("key:{}", upn.to_lowercase()));
        let ids: Vec<Option<String>> = get_all(connection, &keys.collect::<Vec<_>>());
        let rows: Vec<String> = ids.iter().flatten().map(|id| format!("row:{id}")).collect();
        if rows.is_empty() {
            return;
        }
        let found: Vec<Option<String>> = get_all(connection, &rows);
        for row in found.iter().flatten() {
            black_box(serde_json::from_str::<Account>(row).expect("it was written so"));
        }
    };
    let connection = RefCell::new(connection);
    let look_up = |upn: &String| look_up_all(&connection, std::slice::from_ref(upn));
    row("Redis over loopback, account by UPN", &asked.upns, look_up);
    row("Redis over loopback, miss", &asked.misses, look_up);
    row_of_batches("Redis over loopback", &asked.upns, |batch| {
        look_up_all(&connection, batch)
    });
    row_of_threads("Redis over loopback", &asked.upns, || {
        let own = open();
        move |upn: &String| look_up_all(&own, std::slice::from_ref(upn))
    });
    Ok(())
}

fn map(accounts: Vec<Account>, asked: &Asked) {
    let mut ids = HashMap::new();
    for (id, account) in (0usize..).zip(&accounts) {
        ids.extend(keys(account).map(|key| (key, id)));
    }
    let look_up = |upn: &String| {
        drop(black_box(
            ids.get(&upn.to_lowercase()).map(|id| accounts[*id].clone()),
        ))
    };
    row("HashMap in memory, account by UPN", &asked.upns, look_up);
    row("HashMap in memory, miss", &asked.misses, look_up);
    row_of_batches("HashMap in memory", &asked.upns, |batch| {
        batch.iter().for_each(look_up)
    });
    row_of_threads("HashMap in memory", &asked.upns, || look_up);
}
