//! `identidex export`: the views as files, for DuckDB, pandas, Polars, a spreadsheet or a CMDB.

mod cmdb;
mod dictionary;
mod pseudonyms;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::rows::{self, Kind, Texts};
use super::whole_file::WholeFile;
use super::{BadUsage, Context, Exit, print, print_json};
use crate::generation::folder_of;
use crate::sql::{Bounds, Sql, Taker, ValueRef};

/// The file of a list for ServiceNow, named as the table is.
const SERVICENOW: &str = "cmdb_ci_computer";
/// Has a spreadsheet read a file as UTF-8, not as its local code page.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// How long one view may take: what ends it is a signal.
const WITHIN: Duration = Duration::from_hours(24);

/// Write the views as files, one for each, or a list of devices for a CMDB
///
/// All are of one generation, which manifest.json names. Files of an earlier export there are replaced once all of these are
/// complete.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Into this folder, which is made where there is none
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// What the files are
    #[arg(long, value_name = "FORMAT", default_value = "parquet")]
    format: Format,
    /// Replace what tells who or which by pseudonyms, alike for like values, of a key that is thrown away
    #[arg(long, conflicts_with = "cmdb")]
    pseudonymise: bool,
    /// Write a list of devices with their owners for the import of this CMDB instead, as CSV
    #[arg(long, value_name = "CMDB", conflicts_with = "format")]
    cmdb: Option<Cmdb>,
    /// Write CSV as the values are, also those that a spreadsheet would take for a formula
    #[arg(long)]
    verbatim: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  identidex export exported
  identidex export exported --format csv --pseudonymise
  identidex export exported --cmdb servicenow";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For DuckDB, pandas, Polars
    Parquet,
    /// For a spreadsheet: texts that it would take for a formula begin with '
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cmdb {
    /// Columns as the fields of `cmdb_ci_computer`, for an import set
    Servicenow,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let index = context.open_index()?;
    let file = index.file();
    let mut sql = Sql::open(&file).context("the index cannot be opened")?;
    let bounds = Bounds {
        within: WITHIN,
        stop: super::stop_on_signals()?,
    };
    let parts = match args.cmdb {
        Some(Cmdb::Servicenow) => vec![Part {
            name: SERVICENOW.to_owned(),
            statement: cmdb::servicenow(&mut sql)?,
            columns: Vec::new(),
        }],
        None => of_views(args, &mut sql, &bounds)?,
    };
    let folder = &args.folder;
    let whole = |path: &Path| path.canonicalize().ok();
    if folder.exists() && whole(folder) == whole(&folder_of(&context.config.index.path)) {
        let why = format!("{} holds the index; name another folder", folder.display());
        return Err(BadUsage(why).into());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut files = Vec::new();
    for part in parts {
        files.push(written(args, part, (&sql, &bounds))?);
    }
    let manifest = manifest_of(args, index.generation(), &files);
    let before = files_of(folder)?;
    let whole = WholeFile::begin(&folder.join("manifest.json"))?;
    writeln!(whole.file(), "{manifest:#}").context("the manifest cannot be written")?;
    for (_, _, whole) in files {
        whole.keep()?;
    }
    whole.keep()?;
    let is_gone = |name: &&String| manifest["files"].get(name.as_str()).is_none();
    for name in before.iter().filter(is_gone) {
        // One of an earlier export, in clear or of another generation.
        let _ = fs::remove_file(folder.join(name));
    }
    match args.json {
        true => print_json(&manifest)?,
        false => print(text_of(folder, &manifest))?,
    }
    Ok(Exit::Done)
}

/// What is asked for a file, and the kinds of its columns, where the file knows kinds.
struct Part {
    name: String,
    statement: String,
    columns: Vec<(String, Kind)>,
}

/// Returns what is asked for each view that the index has: an older one has fewer.
fn of_views(args: &Args, sql: &mut Sql, bounds: &Bounds) -> anyhow::Result<Vec<Part>> {
    if args.pseudonymise {
        pseudonyms::define(sql)?;
    }
    let mut views = BTreeMap::new();
    let mut has = Names::default();
    rows::ran((sql, VIEWS, bounds), &mut has)?;
    for [view, column] in has.0 {
        views.entry(view).or_insert_with(Vec::new).push(column);
    }
    let dictionary = dictionary::views()?;
    let mut parts = Vec::new();
    for (name, column_names) in views {
        let (mut asked, mut columns) = (Vec::new(), Vec::new());
        let view = dictionary.get(&name);
        let view = view.context("a view is not in the dictionary")?;
        for column_name in column_names {
            let column = view.columns.get(&column_name);
            let column = column.context("a column is not in the dictionary")?;
            asked.push(match args.pseudonymise {
                true => pseudonyms::column(&column_name, column),
                false => format!("\"{column_name}\""),
            });
            columns.push((column_name, column.kind()));
        }
        // By pseudonyms, or the order of rows would be that of another export.
        let order = if args.pseudonymise {
            " ORDER BY 1, 2"
        } else {
            ""
        };
        parts.push(Part {
            statement: format!("SELECT {} FROM {name}{order}", asked.join(", ")),
            name,
            columns,
        });
    }
    Ok(parts)
}

/// The names of views and of their columns, in order.
const VIEWS: &str = "SELECT v.name, c.name FROM sqlite_schema v, pragma_table_info(v.name) c WHERE v.type = 'view' ORDER BY v.name, c.cid";

/// Rows of names.
#[derive(Default)]
struct Names(Vec<[String; 2]>);

impl Taker for Names {
    type Error = anyhow::Error;

    fn columns(&mut self, _: &[String]) -> anyhow::Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> anyhow::Result<()> {
        let [left, right] = cells else {
            anyhow::bail!("a row of names has two cells");
        };
        self.0
            .push([left.as_str()?.to_owned(), right.as_str()?.to_owned()]);
        Ok(())
    }
}

/// A file that is written, how many rows it has, and what keeps it.
type Written = (String, u64, WholeFile);

fn written(args: &Args, part: Part, (sql, bounds): (&Sql, &Bounds)) -> anyhow::Result<Written> {
    let asked = (sql, part.statement.as_str(), bounds);
    let is_parquet = args.format == Format::Parquet && args.cmdb.is_none();
    let suffix = if is_parquet { "parquet" } else { "csv" };
    let name = format!("{}.{suffix}", part.name);
    let whole = WholeFile::begin(&args.folder.join(&name))?;
    let mut to = whole.file();
    let written = if is_parquet {
        rows::write_as(asked, part.columns, to)
    } else if args.cmdb.is_some() {
        // A CMDB runs no formulas, and would take the ' that keeps a spreadsheet from it for part of the name.
        rows::write(asked, rows::Format::Csv, Texts::Verbatim, to)
    } else {
        let begun = to.write_all(BYTE_ORDER_MARK).map_err(Into::into);
        begun
            .and_then(|()| rows::write(asked, rows::Format::Csv, Texts::in_file(args.verbatim), to))
    };
    let rows = written.with_context(|| format!("{name} cannot be written"))?;
    Ok((name, rows, whole))
}

fn manifest_of(args: &Args, generation: u64, files: &[Written]) -> Value {
    let files = files
        .iter()
        .map(|(name, rows, _)| (name.clone(), json!({ "rows": rows })));
    json!({
        "generation": generation,
        "pseudonymised": args.pseudonymise,
        "files": Map::from_iter(files),
    })
}

/// Returns the names of the files that the manifest of an earlier export lists.
fn files_of(folder: &Path) -> anyhow::Result<Vec<String>> {
    let text = fs::read(folder.join("manifest.json")).unwrap_or_default();
    let manifest: Value = serde_json::from_slice(&text).unwrap_or_default();
    let files = manifest["files"].as_object().into_iter().flatten();
    let views = dictionary::views()?;
    // Another program's manifest may list anything.
    let is_ours = |name: &&String| {
        let name = name.strip_suffix(".parquet").or(name.strip_suffix(".csv"));
        name.is_some_and(|name| name == SERVICENOW || views.contains_key(name))
    };
    let ours = files.map(|(name, _)| name).filter(is_ours);
    Ok(ours.cloned().collect())
}

fn text_of(folder: &Path, manifest: &Value) -> String {
    let files = manifest["files"].as_object().into_iter().flatten();
    let lines =
        files.map(|(name, file)| format!("{}: {} rows", folder.join(name).display(), file["rows"]));
    Vec::from_iter(lines).join("\n")
}
