//! What became of one object beside a good one, and what must become of it.
//! Which objects are bad, and in what, is left to the tests.

use identidex::ingest::{Outcome, Report};

use crate::forms::Tenant;
use crate::state;

pub(super) const KEY: &str = "users/2026-11-20T06-00-00Z.csv";
/// An object of the same run with which nothing is wrong; it is taken in last.
pub(super) const GOOD_KEY: &str = "users/2026-11-19T06-00-00Z.csv";
pub(super) const GOOD: &[u8] =
    b"user.name,user.sid\ngood@EMEA,S-1-5-21-1085031214-1563985344-725345543-9999\n";

/// What must become of an object.
pub(super) enum Fate {
    /// It fails with this error, and leaves nothing.
    Fails(&'static str),
    /// So many rows are taken; the rejects are these (line, field, reason).
    Keeps(u64, Vec<(i64, &'static str, &'static str)>),
    /// It is left for the next run.
    Waits,
}

/// What became of one object beside a good one.
pub(super) struct Taken {
    tenant: Tenant,
    pub(super) report: Report,
    pub(super) rejects: Vec<(i64, String, String)>,
}

impl Taken {
    /// Takes in `content` and the good object.
    pub(super) fn of(content: &[u8]) -> Taken {
        Taken::after(Tenant::of(&[(KEY, content), (GOOD_KEY, GOOD)]))
    }

    pub(super) fn after(tenant: Tenant) -> Taken {
        let report = tenant.sync();
        let connection = state::open(&tenant.index());
        let mut select = connection
            .prepare("SELECT line, field, reason FROM rejects ORDER BY line")
            .unwrap();
        let rows = select
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap();
        let rejects = rows.collect::<Result<_, _>>().unwrap();
        drop(select);
        let taken = Taken {
            tenant,
            report,
            rejects,
        };
        assert_eq!(
            taken.count("SELECT count(*) FROM accounts WHERE name = 'good@EMEA'"),
            1,
            "the good object is in"
        );
        taken
    }

    fn count(&self, sql: &str) -> i64 {
        state::open(&self.tenant.index())
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }

    fn names(&self) -> Vec<String> {
        let connection = state::open(&self.tenant.index());
        let sql =
            "SELECT coalesce(name, '') FROM accounts WHERE name IS NOT 'good@EMEA' ORDER BY name";
        let mut select = connection.prepare(sql).unwrap();
        let names = select.query_map([], |row| row.get(0)).unwrap();
        names.collect::<Result<_, _>>().unwrap()
    }

    pub(super) fn assert(&self, what: &str, fate: &Fate) {
        let rows = &self.report.rows;
        match fate {
            Fate::Fails(error) => {
                assert_eq!(self.report.outcome, Outcome::Partial, "{what}");
                let failures: Vec<_> = self
                    .report
                    .failures
                    .iter()
                    .map(|failure| (failure.object.as_str(), failure.error.as_str()))
                    .collect();
                assert_eq!(
                    failures,
                    [("exports/users/2026-11-20T06-00-00Z.csv", *error)],
                    "{what}"
                );
                assert_eq!(
                    (
                        self.report.objects.failed,
                        self.report.objects.loaded,
                        rows.read
                    ),
                    (1, 1, 1),
                    "{what}"
                );
                assert_eq!(self.names(), [""; 0], "{what}");
            }
            Fate::Keeps(kept, rejects) => {
                assert_eq!(
                    (self.report.outcome, self.report.objects.loaded),
                    (Outcome::Done, 2),
                    "{what}: {:?}",
                    self.report
                );
                let found: Vec<_> = self
                    .rejects
                    .iter()
                    .map(|(line, field, reason)| (*line, field.as_str(), reason.as_str()))
                    .collect();
                assert_eq!(&found, rejects, "{what}");
                assert_eq!(rows.read, kept + rejects.len() as u64 + 1, "{what}");
                assert_eq!(
                    (rows.stored, rows.rejected),
                    (kept + 1, rejects.len() as u64),
                    "{what}"
                );
                assert_eq!(
                    self.names().len() as u64,
                    *kept,
                    "{what}: {:?}",
                    self.names()
                );
            }
            Fate::Waits => {
                assert_eq!(
                    (self.report.outcome, self.report.objects.new),
                    (Outcome::Done, 1),
                    "{what}"
                );
            }
        }
    }

    /// Everything that a person gets to read about the run.
    fn messages(&self) -> Vec<&str> {
        let failures = self
            .report
            .failures
            .iter()
            .map(|failure| failure.error.as_str());
        let warnings = self.report.warnings.iter().map(String::as_str);
        let rejects = self
            .rejects
            .iter()
            .flat_map(|(_, field, reason)| [field.as_str(), reason.as_str()]);
        failures.chain(warnings).chain(rejects).collect()
    }

    /// The first `header_lines` of `content` are column names, which may be told.
    pub(super) fn assert_tells_no_cell(&self, what: &str, content: &[u8], header_lines: usize) {
        /// A time that messages give as an example, and that the fixtures have too.
        const EXAMPLE: &str = "expected 2026-08-14 12:16:03 or";
        let text = String::from_utf8_lossy(content);
        let rows = text
            .split(['\n', '\r'])
            .filter(|line| !line.is_empty())
            .skip(header_lines);
        let cells = rows
            .flat_map(|row| row.split([',', ';', '\t', '"']))
            .map(str::trim)
            .filter(|cell| cell.len() > 3);
        let messages: Vec<String> = self
            .messages()
            .into_iter()
            .map(|message| message.replace(EXAMPLE, ""))
            .collect();
        for cell in cells {
            assert!(
                !messages.iter().any(|message| message.contains(cell)),
                "{what} tells {cell:?}: {messages:#?}"
            );
        }
    }
}
