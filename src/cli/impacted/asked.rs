//! Devices or users that a statement gives, or a saved query of the tenant.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::Subject;
use super::columns::Columns;
use crate::cli::{BadUsage, Context, nexthink, rows};
use crate::live::nql::{Query, QueryId, Row};
use crate::lookup::Index;
use crate::sql::{Bounds, Sql, Taker, ValueRef};

/// How long a statement may take.
const WITHIN: Duration = Duration::from_mins(5);
const NO_COLUMN: &str = "expected a column that names devices or users, such as collector_uid, device_name, sid, upn or user.name";

/// Asks the generation that answers.
pub(super) fn by_sql(statement: &str, index: &Index) -> anyhow::Result<Vec<Subject>> {
    let sql = Sql::open(&index.file()).context("the index cannot be opened")?;
    let bounds = Bounds {
        within: WITHIN,
        stop: Arc::default(),
    };
    let mut taken = Taken::default();
    rows::ran((&sql, statement, &bounds), &mut taken)?;
    Ok(taken.subjects)
}

#[derive(Default)]
struct Taken {
    columns: Option<Columns>,
    subjects: Vec<Subject>,
}

impl Taker for Taken {
    type Error = anyhow::Error;

    fn columns(&mut self, names: &[String]) -> anyhow::Result<()> {
        let columns = Columns::find_any(names.iter().map(String::as_str));
        self.columns = Some(columns.ok_or_else(|| BadUsage(format!("--sql: {NO_COLUMN}")))?);
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> anyhow::Result<()> {
        let columns = self.columns.iter();
        let subjects = columns.map(|columns| columns.subject(|at| cells.get(at)?.as_str().ok()));
        self.subjects.extend(subjects);
        Ok(())
    }
}

/// Asks Nexthink.
pub(super) fn by_nql(id: &str, context: &Context) -> anyhow::Result<Vec<Subject>> {
    let client = nexthink::client(context)?;
    let query = Query::new(QueryId::new(id)?);
    let rows = nexthink::wait(client.execute(&query))??;
    if rows.is_probably_cut() {
        // Whom nobody tells, nobody misses.
        return Err(BadUsage("--nql: exactly 1,000 rows came, the most that Nexthink answers with, so that some may be missing; have \
             them with `identidex nexthink query ID --export FILE`, and give that file to --devices or --users".to_owned()).into());
    }
    rows.rows.iter().map(subject).collect()
}

fn subject(row: &Row) -> anyhow::Result<Subject> {
    let columns = Columns::find_any(row.keys().map(String::as_str));
    let columns = columns.ok_or_else(|| BadUsage(format!("--nql: {NO_COLUMN}")))?;
    let cells: Vec<Option<&str>> = row.values().map(|cell| cell.as_str()).collect();
    Ok(columns.subject(|at| cells.get(at).copied().flatten()))
}
