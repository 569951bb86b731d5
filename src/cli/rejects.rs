//! `identidex rejects`: what was refused, objects and rows, and why.

use std::fmt::Write as _;

use indicatif::HumanCount;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::readers::readers;
use super::words::printable;
use super::{Context, Exit, print, print_json};
use crate::error::Error;
use crate::publish::{Failed, Folder};

/// Rows that are shown of an object.
const SHOWN: usize = 20;

const OBJECTS: &str =
    "SELECT id, source || '/' || key, rows_rejected, rows_read FROM object WHERE rows_rejected > 0
    ORDER BY observed_at, source, key";
const ROWS: &str = "SELECT line, field, reason FROM reject WHERE object = ?1 ORDER BY line";

/// List what was refused and why: objects that failed by their content, and rows of the others
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  identidex rejects --json")]
pub(super) struct Args {
    /// Only of this object: its source and key, or its key alone
    #[arg(long, value_name = "OBJECT")]
    object: Option<String>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// An object of which rows were left out.
#[derive(serde::Serialize)]
struct Rejected {
    object: String,
    rows_rejected: u64,
    rows_read: u64,
    rows: Vec<Row>,
}

/// A row that was left out; of an object, the first ones are known.
#[derive(serde::Serialize)]
struct Row {
    line: u64,
    field: String,
    reason: String,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let folder = Folder::open(&context.config.index.path, readers(&context.config)?)?;
    let failed = folder.failed()?;
    let rejected = match context.open_index() {
        Ok(index) => index.current().query(rejected)?,
        // Where the first run took nothing in, what failed is all there is to say.
        Err(error) if is_missing(&error) && !failed.objects().is_empty() => Vec::new(),
        Err(error) => return Err(error),
    };
    let is_asked = |object: &str| {
        let asked = args.object.as_ref();
        asked.is_none_or(|asked| {
            let rest = object.strip_suffix(asked.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        })
    };
    let rejected = rejected.into_iter();
    let rejected: Vec<Rejected> = rejected.filter(|one| is_asked(&one.object)).collect();
    let is_nothing =
        rejected.is_empty() && !failed.objects().iter().any(|one| is_asked(&one.object));
    match args.json {
        _ if args.object.is_some() && is_nothing => {
            anyhow::bail!(
                "nothing of such a name was refused; its source and key, or its key, is what `sync` calls it"
            )
        }
        true => print_json(&json_of(&failed, &rejected, is_asked))?,
        false => print(text_of(&failed, &rejected, is_asked))?,
    }
    Ok(Exit::Done)
}

fn is_missing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::Missing { .. }))
}

fn rejected(connection: &Connection) -> rusqlite::Result<Vec<Rejected>> {
    let mut objects = connection.prepare(OBJECTS)?;
    let mut rows = connection.prepare(ROWS)?;
    let found = objects.query_map([], |object| {
        let rows = rows.query_map([object.get::<_, i64>(0)?], |row| {
            Ok(Row {
                line: row.get::<_, i64>(0)?.unsigned_abs(),
                field: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                reason: row.get(2)?,
            })
        })?;
        Ok(Rejected {
            object: object.get(1)?,
            rows_rejected: object.get::<_, i64>(2)?.unsigned_abs(),
            rows_read: object.get::<_, i64>(3)?.unsigned_abs(),
            rows: rows.collect::<rusqlite::Result<_>>()?,
        })
    })?;
    found.collect()
}

fn json_of(failed: &Failed, rejected: &[Rejected], is_asked: impl Fn(&str) -> bool) -> Value {
    let failed = failed.objects().into_iter();
    let failed: Vec<_> = failed.filter(|one| is_asked(&one.object)).collect();
    json!({ "failed": failed, "rejected": rejected })
}

fn text_of(failed: &Failed, rejected: &[Rejected], is_asked: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for one in failed
        .objects()
        .into_iter()
        .filter(|one| is_asked(&one.object))
    {
        let _ = writeln!(
            text,
            "{}: failed, and is left out until it changes or `sync --retry`\n  {}",
            printable(&one.object),
            printable(&one.reason)
        );
    }
    for one in rejected {
        let _ = writeln!(
            text,
            "{}: {} of {} rows left out",
            printable(&one.object),
            HumanCount(one.rows_rejected),
            HumanCount(one.rows_read)
        );
        for row in one.rows.iter().take(SHOWN) {
            let field = match row.field.as_str() {
                "" => String::new(),
                field => format!("{}: ", printable(field)),
            };
            let _ = writeln!(
                text,
                "  line {}: {field}{}",
                row.line,
                printable(&row.reason)
            );
        }
        let more = one
            .rows_rejected
            .saturating_sub(one.rows.len().min(SHOWN) as u64);
        if more > 0 {
            let _ = writeln!(text, "  and {} more", HumanCount(more));
        }
    }
    match text.trim_end() {
        "" => "nothing was refused".to_owned(),
        text => text.to_owned(),
    }
}
