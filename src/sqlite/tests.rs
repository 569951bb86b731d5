//! SQLite is the oracle of every file: it finds nothing odd in it, reads what was put in, and copies it.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OpenFlags};

use super::*;

/// A generator good enough for tests (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % limit
    }

    fn value(&mut self, longest: u64) -> Sql {
        match self.below(5) {
            0 => Sql::Null,
            1 => {
                let bits = self.below(64) as u32;
                let value = (self.below(u64::MAX) >> bits) as i64;
                let is_negative = self.below(2) == 0;
                Sql::Integer(if is_negative {
                    value.wrapping_neg()
                } else {
                    value
                })
            }
            2 => Sql::Blob((0..self.below(longest)).map(|byte| byte as u8).collect()),
            _ => {
                let length = self.below(longest) as usize;
                Sql::Text("aé€".chars().cycle().take(length).collect())
            }
        }
    }
}

fn put(record: &mut Record, value: &Sql) {
    match value {
        Sql::Integer(value) => record.put_integer(*value),
        Sql::Text(text) => record.put_text(text),
        Sql::Blob(bytes) => record.put_blob(bytes),
        _ => record.put_null(),
    }
}

fn own(value: Value) -> Sql {
    match value {
        Value::Null => Sql::Null,
        Value::Integer(value) => Sql::Integer(value),
        Value::Text(text) => Sql::Text(text.to_owned()),
        Value::Blob(bytes) => Sql::Blob(bytes.to_vec()),
    }
}

type Written = Vec<(i64, Vec<Sql>)>;

const COLUMNS: usize = 4;
const LAID: &str = "CREATE TABLE laid (id INTEGER PRIMARY KEY, a ANY, b ANY, c ANY, d ANY) STRICT";

fn write(path: &Path, page_bytes: usize, rows: &Written, indexed: &[(i64, i64)]) {
    let file = File::create(path).unwrap();
    let mut builder = Builder::with_pages_of(file, page_bytes).unwrap();
    let mut record = Record::default();
    builder
        .table("none", "CREATE TABLE none (a ANY) STRICT", |_| {
            Ok::<_, Error>(())
        })
        .unwrap();
    let lay = |table: &mut tree::Table| {
        for (rowid, values) in rows {
            record.clear();
            record.put_null();
            values.iter().for_each(|value| put(&mut record, value));
            table.push(*rowid, &record)?;
        }
        Ok::<_, Error>(())
    };
    builder.table("laid", LAID, lay).unwrap();
    let mut by_rowid = indexed.to_vec();
    by_rowid.sort_by_key(|(_, rowid)| *rowid);
    let keyed = "CREATE TABLE keyed (key INTEGER) STRICT";
    let lay = |table: &mut tree::Table| {
        for (key, rowid) in &by_rowid {
            let mut record = Record::default();
            record.put_integer(*key);
            table.push(*rowid, &record)?;
        }
        Ok::<_, Error>(())
    };
    builder.table("keyed", keyed, lay).unwrap();
    let lay = |index: &mut tree::Index| {
        for (key, rowid) in indexed {
            let mut record = Record::default();
            record.put_integer(*key);
            record.put_integer(*rowid);
            index.push(&record)?;
        }
        Ok::<_, Error>(())
    };
    let by_key = "CREATE INDEX by_key ON keyed (key)";
    builder.index(("by_key", "keyed"), by_key, lay).unwrap();
    builder.view(
        "counted",
        "CREATE VIEW counted AS SELECT count(*) AS rows FROM laid",
    );
    builder.finish(7, 9).unwrap();
}

fn assert_whole(path: &Path) -> Connection {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let said: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(said, "ok");
    connection
}

fn read_by_sql(connection: &Connection) -> Written {
    let mut select = connection
        .prepare("SELECT * FROM laid ORDER BY id")
        .unwrap();
    let rows = select.query_map([], |row| {
        let values = (1..=COLUMNS).map(|at| row.get(at));
        Ok((row.get(0)?, values.collect::<rusqlite::Result<_>>()?))
    });
    rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

fn read_back(path: &Path) -> Written {
    let reader = Reader::open(path).unwrap();
    assert_eq!((reader.application_id, reader.user_version), (7, 9));
    assert!(reader.rows("none").unwrap().next().unwrap().is_none());
    assert!(reader.rows("nowhere").unwrap().next().unwrap().is_none());
    let mut rows = reader.rows("laid").unwrap();
    let mut read = Vec::new();
    while let Some((rowid, mut columns)) = rows.next().unwrap() {
        columns.skip(1).unwrap();
        let values = (0..COLUMNS).map(|_| own(columns.take().unwrap()));
        read.push((rowid, values.collect()));
    }
    read
}

fn assert_found(path: &Path, rows: &Written, dice: &mut Dice) {
    let reader = Reader::open(path).unwrap();
    let mut found = reader.rows("laid").unwrap();
    for (rowid, values) in rows {
        if dice.below(3) > 0 {
            continue;
        }
        if dice.below(2) == 0
            && rows
                .binary_search_by_key(&(rowid - 1), |row| row.0)
                .is_err()
        {
            found.seek(rowid - 1).unwrap();
        }
        let mut columns = found.find(*rowid).unwrap().unwrap();
        columns.skip(1).unwrap();
        let read: Vec<Sql> = (0..COLUMNS).map(|_| own(columns.take().unwrap())).collect();
        assert_eq!(read, *values);
    }
}

fn cells(columns: Columns) -> Result<Vec<Sql>> {
    let found = columns.found()?;
    (1..=COLUMNS).map(|at| Ok(own(found.get(at)?))).collect()
}

/// Compares what is found one by one with what was written: rows that are there and rows that are not, ranges of rows, and
/// entries from a key on.
fn assert_finds(path: &Path, rows: &Written, indexed: &[(i64, i64)], dice: &mut Dice) {
    let finder = Finder::new(Arc::new(Reader::open(path).unwrap()));
    let laid = finder.file().table("laid").unwrap();
    assert_eq!(laid.place("c").unwrap(), 3);
    assert!(laid.place("e").is_err() && finder.file().table("nowhere").is_err());
    for (at, (rowid, values)) in rows.iter().enumerate() {
        if dice.below(3) > 0 {
            continue;
        }
        let found = finder.row(&laid, *rowid, cells).unwrap();
        assert_eq!(found.as_ref(), Some(values));
        if rows.get(at + 1).is_none_or(|next| next.0 > rowid + 1) {
            assert!(finder.row(&laid, rowid + 1, cells).unwrap().is_none());
        }
        if dice.below(20) == 0 {
            let end = rows.get(at + dice.below(300) as usize);
            let end = end.map_or(i64::MAX, |row| row.0);
            let mut found = Vec::new();
            let read = |rowid, columns: Columns<'_>| {
                found.push((rowid, cells(columns)?));
                Ok(())
            };
            finder.rows(&laid, rowid + 1..end, read).unwrap();
            let behind = rows[at + 1..].iter().take_while(|row| row.0 < end);
            assert!(found.iter().eq(behind));
        }
    }
    let by_key = finder.file().index("by_key").unwrap();
    let keys = indexed.last().map_or(0, |last| last.0);
    for _ in 0..30 {
        let key = dice.below(keys as u64 + 2) as i64;
        let most = dice.below(200) as usize + 1;
        let mut found = Vec::new();
        let read = |entry: &[i64]| {
            found.push((entry[0], entry[1]));
            Ok(match found.len() < most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            })
        };
        finder.entries(&by_key, &[key], read).unwrap();
        let behind = &indexed[indexed.partition_point(|entry| entry.0 < key)..];
        assert_eq!(found, behind[..behind.len().min(most)]);
    }
}

/// Writes rows and index entries, and has SQLite and the reader read them back.
fn write_and_read(seed: u64, page_bytes: usize, count: u64, longest: u64) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("laid.db");
    let mut dice = Dice(seed);
    let mut rowid = if dice.below(4) == 0 { i64::MIN / 2 } else { 0 };
    let rows: Written = (0..count)
        .map(|_| {
            let most = dice.below(20);
            rowid += 1 + (dice.below(3) * dice.below(1 << most)) as i64;
            if dice.below(count) == 0 {
                // Rowids of nine bytes.
                rowid += 1 << 56;
            }
            let values = (0..COLUMNS).map(|_| dice.value(longest)).collect();
            (rowid, values)
        })
        .collect();
    let mut indexed: Vec<(i64, i64)> = (1..=count as i64)
        .map(|rowid| (dice.below(count / 3 + 1) as i64, rowid))
        .collect();
    indexed.sort_unstable();
    write(&path, page_bytes, &rows, &indexed);
    let connection = assert_whole(&path);
    assert_eq!(read_by_sql(&connection), rows);
    assert_eq!(read_back(&path), rows);
    assert_found(&path, &rows, &mut dice);
    assert_finds(&path, &rows, &indexed, &mut dice);
    let by_key = "SELECT count(*) FROM keyed INDEXED BY by_key WHERE key >= 0";
    let by_key: i64 = connection.query_row(by_key, [], |row| row.get(0)).unwrap();
    let counted: i64 = connection
        .query_row("SELECT rows FROM counted", [], |row| row.get(0))
        .unwrap();
    assert_eq!((by_key, counted), (count as i64, count as i64));
    let copy: PathBuf = home.path().join("copy.db");
    connection
        .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    assert_eq!(read_by_sql(&assert_whole(&copy)), rows);
    // As SQLite itself writes a file.
    assert_finds(&copy, &rows, &indexed, &mut dice);
    assert!(connection.execute("DELETE FROM laid", []).is_err());
}

#[test]
fn sqlite_and_the_reader_read_what_was_written() {
    for count in (0..12).chain([453, 454, 455, 456, 910]) {
        write_and_read(count, 512, count, 9);
        write_and_read(count, PAGE_BYTES, count, 9);
    }
    write_and_read(1, 65_536, 5_000, 100);
    write_and_read(2, PAGE_BYTES, 20_000, 40);
    write_and_read(2, 8192, 20_000, 40);
    // Three levels of interior pages.
    write_and_read(3, 512, 30_000, 30);
    for seed in 4..60 {
        let mut dice = Dice(seed);
        write_and_read(
            seed,
            512 << dice.below(8),
            dice.below(300),
            1 + dice.below(90),
        );
    }
}

#[test]
fn rows_around_every_boundary_of_a_page_and_of_its_overflow_are_whole() {
    for page_bytes in [512usize, 1024, PAGE_BYTES, 8192] {
        let ends = [page_bytes / 8, page_bytes, 2 * page_bytes, 5 * page_bytes];
        let lengths = ends.iter().flat_map(|end| end.saturating_sub(60)..end + 60);
        let rows: Written = (1..)
            .zip(lengths)
            .map(|(rowid, length)| {
                let text = Sql::Text("x".repeat(length));
                (rowid, vec![Sql::Null, text, Sql::Integer(1), Sql::Null])
            })
            .collect();
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("laid.db");
        write(&path, page_bytes, &rows, &[]);
        assert_eq!(read_by_sql(&assert_whole(&path)), rows);
        assert_eq!(read_back(&path), rows);
    }
}

#[test]
fn long_entries_of_an_index_overflow_too() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("laid.db");
    let mut builder = Builder::with_pages_of(File::create(&path).unwrap(), 512).unwrap();
    let texts: Vec<String> = (0..400)
        .map(|at| format!("{at:05}") + &"y".repeat(at))
        .collect();
    let sql = "CREATE TABLE texts (text TEXT) STRICT";
    let lay = |table: &mut tree::Table| {
        for (rowid, text) in (1..).zip(&texts) {
            let mut record = Record::default();
            record.put_text(text);
            table.push(rowid, &record)?;
        }
        Ok::<_, Error>(())
    };
    builder.table("texts", sql, lay).unwrap();
    let lay = |index: &mut tree::Index| {
        for (rowid, text) in (1..).zip(&texts) {
            let mut record = Record::default();
            record.put_text(text);
            record.put_integer(rowid);
            index.push(&record)?;
        }
        Ok::<_, Error>(())
    };
    builder
        .index(
            ("by_text", "texts"),
            "CREATE INDEX by_text ON texts (text)",
            lay,
        )
        .unwrap();
    builder.finish(0, 0).unwrap();
    assert_whole(&path);
}

#[test]
fn no_row_is_written_on_the_page_that_sqlite_locks() {
    const PAGE_BYTES: usize = 65_536;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("laid.db");
    let mut builder = Builder::with_pages_of(File::create(&path).unwrap(), PAGE_BYTES).unwrap();
    let text = "x".repeat(PAGE_BYTES * 3);
    let count = (1 << 30) / (PAGE_BYTES * 3) + 10;
    let lay = |table: &mut tree::Table| {
        let mut record = Record::default();
        record.put_null();
        record.put_text(&text);
        (1..=count as i64).try_for_each(|rowid| table.push(rowid, &record))
    };
    builder
        .table(
            "laid",
            "CREATE TABLE laid (id INTEGER PRIMARY KEY, a TEXT) STRICT",
            lay,
        )
        .unwrap();
    builder.finish(0, 0).unwrap();
    let connection = assert_whole(&path);
    let sum = "SELECT count(*), sum(length(a)) FROM laid";
    let sum: (i64, i64) = connection
        .query_row(sum, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(sum, (count as i64, (count * text.len()) as i64));
}

#[test]
fn rows_out_of_order_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut builder = Builder::new(File::create(home.path().join("laid.db")).unwrap()).unwrap();
    let lay = |table: &mut tree::Table| {
        table.push(2, &Record::default())?;
        table.push(2, &Record::default())
    };
    let laid = builder.table("laid", LAID, lay);
    assert!(matches!(laid, Err(Error::Unordered("laid"))));
}

#[test]
fn a_damaged_file_is_an_error_and_never_a_panic() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("laid.db");
    let mut dice = Dice(5);
    let rows: Written = (1..400)
        .map(|rowid| (rowid, (0..COLUMNS).map(|_| dice.value(300)).collect()))
        .collect();
    let indexed: Vec<(i64, i64)> = (1..400).map(|rowid| (rowid / 3, rowid)).collect();
    write(&path, 512, &rows, &indexed);
    let sound = std::fs::read(&path).unwrap();
    for _ in 0..3_000 {
        let mut bytes = sound.clone();
        let at = dice.below(bytes.len() as u64) as usize;
        bytes[at] = dice.below(256) as u8;
        if dice.below(20) == 0 {
            bytes.truncate(at);
        }
        std::fs::write(&path, &bytes).unwrap();
        let Ok(reader) = Reader::open(&path) else {
            continue;
        };
        let Ok(mut laid) = reader.rows("laid") else {
            continue;
        };
        while let Ok(Some((_, mut columns))) = laid.next() {
            let _ = columns.skip(COLUMNS + 1);
        }
        let finder = Finder::new(Arc::new(reader));
        let Ok(laid) = finder.file().table("laid") else {
            continue;
        };
        for (rowid, _) in rows.iter().step_by(7) {
            let _ = finder.row(&laid, *rowid, cells);
        }
        let _ = finder.rows(&laid, 0..i64::MAX, |_, columns| cells(columns).map(drop));
        if let Ok(by_key) = finder.file().index("by_key") {
            let _ = finder.entries(&by_key, &[50], |_| Ok(ControlFlow::Continue(())));
        }
    }
}
