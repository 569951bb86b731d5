//! SQL over a generation: one statement, that reads that file and no other, for so long and no longer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::functions::FunctionFlags;
use rusqlite::limits::Limit;
pub(crate) use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, InterruptHandle};

use crate::generation::connect;

/// The longest text or blob that a statement may make, in bytes.
const VALUE_BYTES: i32 = 64 << 20;
/// How soon a stop is noticed.
const STOP_POLL: Duration = Duration::from_millis(20);

/// Why a statement gave no rows, or not all.
#[derive(Debug, thiserror::Error)]

pub(crate) enum Error<E> {
    /// It is no statement, names what is not there, or is more than one.
    #[error("{0}")]
    Statement(String),
    /// It would do something else than read the index.
    #[error("it does something else than read the index: {0}")]
    NotReading(String),
    /// Its time was over.
    #[error("it took longer than {} s", .0.as_secs())]
    TooLong(Duration),
    /// It was stopped.
    #[error("stopped")]
    Stopped,
    /// The file cannot be read.
    #[error("the index cannot be read: {0}")]
    Unreadable(String),
    /// Whoever was given the rows.
    #[error(transparent)]
    Taker(E),
}

/// Why a generation is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unopened {
    /// It has no views, and what it hides is sealed.
    #[error(
        "it is a projection, which answers lookups and nothing else: ask the index that it is made of"
    )]
    Projection,
    /// What SQLite says.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// A generation that is read.
#[derive(Debug)]
pub(crate) struct Sql {
    connection: Connection,
}

/// How long a statement may run, and what stops it.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// How long it may take.
    pub(crate) within: Duration,
    /// Set to stop it.
    pub(crate) stop: Arc<AtomicBool>,
}

/// Whoever takes what a statement gives.
pub(crate) trait Taker {
    /// What may go wrong there.
    type Error;

    /// Takes the names of the columns, before any row.
    ///
    /// # Errors
    /// Ends the statement.
    fn columns(&mut self, names: &[String]) -> Result<(), Self::Error>;

    /// Takes a row.
    ///
    /// # Errors
    /// Ends the statement.
    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<(), Self::Error>;
}

impl Sql {
    /// Opens the file of a generation.
    ///
    /// # Errors
    /// [`Unopened`].
    pub(crate) fn open(file: &Path) -> Result<Sql, Unopened> {
        let connection = connect(file)?;
        // No other file: by ATTACH, nor by VACUUM INTO, which attaches.
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES)?;
        connection.execute_batch("PRAGMA temp_store = MEMORY")?;
        const IS_PROJECTION: &str = "SELECT count(*) > 0 FROM meta WHERE key = 'projection'";
        match connection.query_row(IS_PROJECTION, [], |row| row.get(0))? {
            true => Err(Unopened::Projection),
            false => Ok(Sql { connection }),
        }
    }

    /// Defines a function of a text that statements can ask for; of NULL it is NULL.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn define(
        &mut self,
        name: &str,
        function: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> rusqlite::Result<()> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        self.connection
            .create_scalar_function(name, 1, flags, move |call| {
                let text = call.get_raw(0).as_str_or_null()?;
                Ok(text.and_then(&function))
            })
    }

    /// Runs a statement, and hands its rows over. Returns how many there were.
    ///
    /// # Errors
    /// [`Error`]; some rows may have been handed over then.
    pub(crate) fn run<T: Taker>(
        &self,
        statement: &str,
        bounds: &Bounds,
        taker: &mut T,
    ) -> Result<u64, Error<T::Error>> {
        let mut prepared = self
            .connection
            .prepare(statement)
            .map_err(|error| of_sqlite(&error))?;
        if !prepared.readonly() {
            return Err(Error::NotReading("it would write".to_owned()));
        }
        let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
        if names.is_empty() {
            return Err(Error::NotReading("it has no rows".to_owned()));
        }
        taker.columns(&names).map_err(Error::Taker)?;
        let watch = Watch::start(self.connection.get_interrupt_handle(), bounds.clone());
        let mut count = 0;
        let mut rows = prepared.query([]).map_err(|error| of_sqlite(&error))?;
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(count),
                Err(error) => return Err(watch.why(&error, bounds)),
            };
            let cells = (0..names.len()).map(|at| row.get_ref(at));
            let cells: rusqlite::Result<Vec<ValueRef<'_>>> = cells.collect();
            let cells = cells.map_err(|error| of_sqlite(&error))?;
            taker.row(&cells).map_err(Error::Taker)?;
            count += 1;
            if bounds.stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
        }
    }
}

fn of_sqlite<E>(error: &rusqlite::Error) -> Error<E> {
    let text = match error {
        // Not the statement, in which names stand.
        rusqlite::Error::SqlInputError { msg, offset, .. } if *offset >= 0 => {
            format!("{msg}, at letter {}", offset + 1)
        }
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        error => error.to_string(),
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied) => {
            Error::NotReading(text)
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::SystemIoFailure) => {
            Error::Unreadable(text)
        }
        _ if text.contains("too many attached databases") => {
            Error::NotReading("it would open another file".to_owned())
        }
        _ => Error::Statement(text),
    }
}

/// Interrupts a statement when its time is over, or it is stopped.
struct Watch {
    is_done: Arc<AtomicBool>,
    begin: Instant,
}

impl Watch {
    fn start(handle: InterruptHandle, bounds: Bounds) -> Watch {
        let watch = Watch {
            is_done: Arc::default(),
            begin: Instant::now(),
        };
        let (is_done, begin) = (Arc::clone(&watch.is_done), watch.begin);
        thread::spawn(move || {
            while !is_done.load(Ordering::Relaxed) {
                if bounds.stop.load(Ordering::Relaxed) || begin.elapsed() >= bounds.within {
                    handle.interrupt();
                }
                thread::sleep(STOP_POLL);
            }
        });
        watch
    }

    fn why<E>(&self, error: &rusqlite::Error, bounds: &Bounds) -> Error<E> {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) if bounds.stop.load(Ordering::Relaxed) => {
                Error::Stopped
            }
            Some(ErrorCode::OperationInterrupted) => Error::TooLong(bounds.within),
            _ => of_sqlite(error),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_done.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps rows as texts.
    #[derive(Default)]
    struct Kept(Vec<Vec<String>>);

    impl Taker for Kept {
        type Error = std::convert::Infallible;

        fn columns(&mut self, names: &[String]) -> Result<(), Self::Error> {
            self.0.push(names.to_vec());
            Ok(())
        }

        fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<(), Self::Error> {
            self.0
                .push(cells.iter().map(|cell| format!("{cell:?}")).collect());
            Ok(())
        }
    }

    fn sql(folder: &Path) -> Sql {
        let file = folder.join("file.db");
        let connection = Connection::open(&file).unwrap();
        connection
            .execute_batch("CREATE TABLE meta (key, value); CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (NULL, 2.5)")
            .unwrap();
        drop(connection);
        Sql::open(&file).unwrap()
    }

    fn bounds() -> Bounds {
        Bounds {
            within: Duration::from_secs(60),
            stop: Arc::default(),
        }
    }

    #[test]
    fn rows_come_with_the_names_of_their_columns() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Kept::default();
        sql(folder.path())
            .run(
                "SELECT a, b AS c FROM t ORDER BY rowid;",
                &bounds(),
                &mut kept,
            )
            .unwrap();
        assert_eq!(kept.0[0], ["a", "c"]);
        assert_eq!(kept.0.len(), 3);
    }

    #[test]
    fn nothing_else_is_done_than_reading_this_file() {
        let folder = tempfile::tempdir().unwrap();
        let sql = sql(folder.path());
        let other = folder.path().join("other.db");
        let other = other.display();
        for statement in [
            "DELETE FROM t".to_owned(),
            "CREATE TABLE u (a)".to_owned(),
            "CREATE TEMP TABLE u (a)".to_owned(),
            format!("ATTACH '{other}' AS o"),
            format!("VACUUM INTO '{other}'"),
            "PRAGMA query_only = OFF".to_owned(),
            "SELECT 1; DELETE FROM t".to_owned(),
            "SELECT load_extension('x')".to_owned(),
            "SELECT * FROM nothing".to_owned(),
            "hunter2".to_owned(),
            String::new(),
        ] {
            let ended = sql.run(&statement, &bounds(), &mut Kept::default());
            assert!(ended.is_err(), "{statement}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_statement_that_never_ends_is_ended() {
        const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let folder = tempfile::tempdir().unwrap();
        let sql = sql(folder.path());
        let within = Duration::from_millis(50);
        let short = Bounds { within, ..bounds() };
        let ended = sql.run(ENDLESS, &short, &mut Kept::default()).unwrap_err();
        assert!(matches!(ended, Error::TooLong(_)), "{ended:?}");
        let stopped = bounds();
        stopped.stop.store(true, Ordering::Relaxed);
        let ended = sql
            .run(ENDLESS, &stopped, &mut Kept::default())
            .unwrap_err();
        assert!(matches!(ended, Error::Stopped), "{ended:?}");
        let ended = sql.run(
            "SELECT zeroblob(100000000)",
            &bounds(),
            &mut Kept::default(),
        );
        assert!(ended.is_err());
    }
}
