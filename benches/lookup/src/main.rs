//! Times lookups of one index beside what a chatbot's author would use instead, in one process and one run.
//!
//! Arguments: the index, a folder to work in, the port of a Redis that is empty. Prints a Markdown table. All answer the
//! same question: whose UPN is this, with every column of the account.

mod peers;
mod switch;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use identidex::{Index, Query};
use rusqlite::{Connection, OpenFlags};

/// Lookups timed one by one; the naive one reads a whole table each time.
const LOOKUPS: usize = 50_000;
const NAIVE_LOOKUPS: usize = 5;
/// Accounts whose identifiers are looked up.
const SAMPLE: usize = 20_000;
const BATCH: usize = 1_000;
const BATCHES: usize = 200;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What is asked of every contender.
struct Asked {
    upns: Vec<String>,
    emails: Vec<String>,
    names: Vec<String>,
    /// Emails of two to eight accounts.
    shared: Vec<String>,
    devices: Vec<String>,
    misses: Vec<String>,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || {
        arguments
            .next()
            .ok_or("usage: identidex-lookup-bench INDEX FOLDER REDIS-PORT|-")
    };
    let (path, folder, port) = (PathBuf::from(next()?), PathBuf::from(next()?), next()?);
    let asked = asked(&path)?;
    println!("| lookup | p50 | p99 |");
    println!("|---|---|---|");
    identidex(&path, &asked)?;
    switch::run(&path, &folder, &asked.upns)?;
    if port != "-" {
        peers::run(&path, &folder, port.parse()?, &asked)?;
    }
    Ok(())
}

/// Draws values evenly from the whole index.
fn asked(index: &Path) -> Result<Asked> {
    let connection = Connection::open_with_flags(
        format!(
            "file:{}?immutable=1",
            std::fs::canonicalize(index)?.display()
        ),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
    )?;
    let largest: i64 = connection.query_row("SELECT max(id) FROM account", [], |row| row.get(0))?;
    let column = |table: &str, column: &str| -> Result<Vec<String>> {
        let sql = format!(
            "SELECT {column} FROM {table} WHERE id % ?1 = 1 AND owner IS NULL AND {column} IS NOT NULL
             AND class NOT IN (2, 3)"
        );
        let mut select = connection.prepare(&sql)?;
        let every = (largest / SAMPLE as i64).max(1);
        let values = select.query_map([every], |row| row.get(0))?;
        let mut values = values.collect::<rusqlite::Result<Vec<String>>>()?;
        shuffle(&mut values);
        Ok(values)
    };
    let mut shared = connection.prepare(
        "SELECT min(email) FROM account WHERE owner IS NULL AND class NOT IN (2, 3) GROUP BY lower(email)
         HAVING count(*) BETWEEN 2 AND 8",
    )?;
    let shared = shared.query_map([], |row| row.get(0))?;
    let mut shared = shared.collect::<rusqlite::Result<Vec<String>>>()?;
    shuffle(&mut shared);
    let upns = column("account", "upn")?;
    Ok(Asked {
        shared,
        misses: upns.iter().map(|upn| format!("x{upn}")).collect(),
        emails: column("account", "email")?,
        devices: column("device", "name")?,
        names: column("account", "name")?,
        upns,
    })
}

/// An order that no cache expects, the same in every run.
fn shuffle(values: &mut [String]) {
    let mut state = 1u64;
    for at in (1..values.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        values.swap(at, (state >> 33) as usize % (at + 1));
    }
}

fn identidex(path: &Path, asked: &Asked) -> Result<()> {
    let index = Index::open(path)?;
    let find = |query: Query| index.find(query).expect("the index can be read");
    let ids = |text: &String| drop(black_box(find(Query::any(text).ids_only())));
    let whole = |text: &String| drop(black_box(find(Query::any(text))));
    row("identidex, account by UPN, ids only", &asked.upns, |upn| {
        drop(black_box(find(Query::upn(upn).ids_only())))
    });
    row(
        "identidex, account by UPN, every kind tried",
        &asked.upns,
        ids,
    );
    row(
        "identidex, account by email, every kind tried",
        &asked.emails,
        ids,
    );
    row(
        "identidex, account by name, every kind tried",
        &asked.names,
        ids,
    );
    row(
        "identidex, account with its devices and evidence",
        &asked.upns,
        whole,
    );
    row(
        "identidex, device with its accounts and evidence",
        &asked.devices,
        whole,
    );
    row(
        "identidex, several accounts of one email",
        &asked.shared,
        ids,
    );
    row("identidex, miss, one kind", &asked.misses, |upn| {
        drop(black_box(find(Query::upn(upn))))
    });
    row("identidex, miss, every kind tried", &asked.misses, ids);
    row_of_batches("identidex", &asked.upns, |batch| {
        let queries = batch.iter().map(|upn| Query::upn(upn).ids_only());
        drop(black_box(index.find_all(queries)));
    });
    row_of_threads("identidex", &asked.upns, || {
        |upn: &String| drop(black_box(find(Query::upn(upn).ids_only())))
    });
    opening(path);
    Ok(())
}

fn opening(path: &Path) {
    let open = |_| {
        let start = Instant::now();
        let index = Index::open(path).expect("the index opens");
        (start.elapsed(), index)
    };
    // Closed only when all are open: closing one goes on beside opening the next.
    let (times, opened): (Vec<Duration>, Vec<Index>) = (0..200).map(open).unzip();
    drop(black_box(opened));
    print_row("identidex, opening the index", times);
}

/// Looks every value up once to warm up, and then again with a clock.
pub(crate) fn row(what: &str, texts: &[String], look_up: impl Fn(&String)) {
    texts.iter().take(LOOKUPS).for_each(&look_up);
    print_row(what, times(texts, look_up));
}

/// Looks up so many at once as a batch job would, and shares the time among them.
pub(crate) fn row_of_batches(who: &str, texts: &[String], look_up: impl Fn(&[String])) {
    let batches: Vec<&[String]> = texts.chunks_exact(BATCH).collect();
    let time = |batch: &&[String]| {
        let start = Instant::now();
        look_up(batch);
        start.elapsed() / BATCH as u32
    };
    let times = batches.iter().cycle().take(BATCHES).map(time).collect();
    print_row(
        &format!("{who}, account by UPN, each of a batch of 1,000"),
        times,
    );
}

/// Looks up in two threads, each of which has what `open` makes.
pub(crate) fn row_of_threads<L: Fn(&String)>(
    who: &str,
    texts: &[String],
    open: impl Fn() -> L + Sync,
) {
    let halves = [0, 1].map(|half| texts.iter().skip(half).step_by(2).collect::<Vec<_>>());
    let timed = std::thread::scope(|scope| {
        let threads = halves.each_ref().map(|texts| {
            let open = &open;
            scope.spawn(move || {
                let look_up = open();
                texts.iter().for_each(|text| look_up(text));
                times(texts, |text| look_up(text))
            })
        });
        threads.map(|thread| thread.join().expect("no thread panics"))
    });
    print_row(
        &format!("{who}, account by UPN, two threads"),
        timed.concat(),
    );
}

pub(crate) fn times<T>(texts: &[T], look_up: impl Fn(&T)) -> Vec<Duration> {
    let one = |text: &T| {
        let start = Instant::now();
        look_up(text);
        start.elapsed()
    };
    texts.iter().cycle().take(LOOKUPS).map(one).collect()
}

pub(crate) fn print_row(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| {
        times
            .get(times.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "| {what} | {:.2} µs | {:.2} µs |",
        micros(at(50)),
        micros(at(99))
    );
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
