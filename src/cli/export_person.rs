//! `identidex export-person`: all that is held about one person, for whoever asks for it by right.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::forget::{doubtful, is_doubtful, keys_of, refused};
use super::rows;
use super::whole_file::WholeFile;
use super::words::{html, minute};
use super::{Context, Exit, acts, print, print_json};
use crate::identifier::Naming;
use crate::index::{self, Person};
use crate::ingest;
use crate::receive::Events;

/// Write all that is held about one person, as JSON or as a page to read
///
/// What every export said of the account, its devices, events and acts that name it. The exports themselves and what others made of
/// the index are not looked at.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  identidex export-person jdoe@EMEA\n  identidex export-person jdoe@EMEA --page jdoe.html"
)]
pub(super) struct Args {
    #[command(flatten)]
    asked: Asked,
    /// Whom: the one account that this finds
    #[arg(value_name = "VALUE")]
    value: String,
    /// Write a page to read into this file, its owner's alone, instead of JSON
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let index = context.open_index()?;
    let answer = index.find(args.asked.query(args.value.clone()).with_gone())?;
    let Some(keys) = keys_of(&answer) else {
        return refused(&answer, false);
    };
    if is_doubtful(&answer) {
        return doubtful(&answer, false);
    }
    let file = index.file();
    let person = index::person(&file, &keys)?.ok_or(ingest::Error::Nobody)?;
    let held = held(&file, &person, context)?;
    match &args.page {
        Some(path) => {
            let file = WholeFile::begin(path)?;
            file.file()
                .write_all(page_of(&held).as_bytes())
                .with_context(|| format!("{} cannot be written", path.display()))?;
            file.keep()?;
            print(format!("all that is held is in {}", path.display()))?;
        }
        None => print_json(&held)?,
    }
    Ok(Exit::Done)
}

fn held(file: &Path, person: &Person, context: &Context) -> anyhow::Result<Value> {
    let rows = person.rows.iter().map(|row| {
        let mut fields: Map<String, Value> = Map::new();
        for (name, value) in &row.fields {
            fields.insert((*name).to_owned(), json!(value));
        }
        let extra = row.extra.as_deref().unwrap_or("{}");
        let extra: Value = serde_json::from_str(extra).unwrap_or_default();
        json!({"fields": fields, "extra": extra})
    });
    let naming = person.naming();
    let events = context.events();
    let events = match events.exists() {
        true => Events::open(&events, context.config.receive.keep_events, &[])?.naming(&naming)?,
        false => Vec::new(),
    };
    let events = events.into_iter().map(|event| {
        json!({"webhook": event.webhook, "received_at": event.received_at.to_string(), "message": event.message})
    });
    Ok(json!({
        "rows": Vec::from_iter(rows),
        "account": rows::select(file, &format!("SELECT * FROM accounts WHERE id = {}", person.id))?,
        "history": rows::select(file, &format!("{HISTORY} {}", person.id))?,
        "devices": rows::select(file, &format!("{DEVICES} {}", person.id))?,
        "named_by": named_by(file, &naming)?,
        "events": Vec::from_iter(events),
        "acts": acts::naming(&context.audit(), &naming)?,
    }))
}

/// Returns the cells of other rows that name a person: whose row it is, the column, and what stands there.
fn named_by(file: &Path, naming: &Naming) -> anyhow::Result<Vec<Value>> {
    const OTHERS: &str = "SELECT 'device' AS of, name, json_set(coalesce(extra, '{}'), '$.last_login', last_login) AS cells FROM devices \
        UNION ALL SELECT 'account', name, extra FROM accounts WHERE extra IS NOT NULL";
    let mut named = Vec::new();
    for row in rows::select(file, OTHERS)? {
        let cells: Value = serde_json::from_str(row["cells"].as_str().unwrap_or("{}"))?;
        for (column, value) in cells.as_object().into_iter().flatten() {
            if naming.is_in_json(value) {
                named.push(
                    json!({"of": row["of"], "name": row["name"], "column": column, "value": value}),
                );
            }
        }
    }
    Ok(named)
}

const HISTORY: &str = "SELECT kind, value, since, until, is_current FROM history WHERE account =";

const DEVICES: &str = "SELECT d.name, d.uid, d.collector_uid, d.serial, d.type, d.manufacturer, d.model, d.os, u.logins, u.last_used, \
    u.last_login_observed, u.logins_observed, u.time_of_use, u.first_day, u.is_current, u.is_shared, u.is_primary, u.not_primary, \
    u.through IS NOT NULL AS through_a_local_account, u.extra FROM usages u JOIN devices d ON d.id = u.device WHERE u.account =";

/// The parts of the page: members of what is held, and their titles.
const PARTS: [(&str, &str); 7] = [
    ("account", "The account, as it is answered with"),
    ("rows", "What the exports say of it, for each of its keys"),
    (
        "history",
        "What it had, from when until when; of a former address a hash alone is kept",
    ),
    ("devices", "Devices that it uses"),
    ("named_by", "Rows of others that name it"),
    ("events", "Messages that name it"),
    ("acts", "What was done"),
];

/// Makes a page of it, with a part for each member.
fn page_of(held: &Value) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>What is held about one person</title>\n\
         <style>{STYLE}</style></head><body><h1>What is held about one person</h1>\n<p>{}, made {}</p>\n",
        html(&whom(held)),
        minute(jiff::Timestamp::now())
    );
    for (name, title) in PARTS {
        let _ = writeln!(page, "<h2>{title}</h2>");
        let all = held[name].as_array().map_or(&[][..], Vec::as_slice);
        match all {
            [] => page.push_str("<p class=\"quiet\">nothing</p>\n"),
            all if is_grid(all) => page.push_str(&grid(all)),
            all => page.extend(all.iter().map(list)),
        }
    }
    page.push_str("</body></html>\n");
    page
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:64em;margin:2em auto;padding:0 1em;overflow-wrap:anywhere}\
    table{border-collapse:collapse;width:100%;margin-bottom:1em}td,th{border-top:1px solid #8884;padding:.3em .6em .3em 0;\
    vertical-align:top;text-align:left}th,.list td:first-child,.quiet{color:#777;font-weight:400}.list td:first-child{width:14em}\
    @media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}";

/// Returns by what the account is called at the head of the page.
fn whom(held: &Value) -> String {
    let account = &held["account"][0];
    let known = ["full_name", "name", "sid", "uid"].into_iter();
    let known = known.filter_map(|field| account[field].as_str());
    known.collect::<Vec<_>>().join(", ")
}

/// Tells whether values are rows of plain cells, a few to each.
fn is_grid(all: &[Value]) -> bool {
    const COLUMNS: usize = 8;
    all.iter().all(|one| {
        one.as_object().is_some_and(|members| {
            let is_plain = |value: &Value| !value.is_object() && !value.is_array();
            members.len() <= COLUMNS && members.values().all(is_plain)
        })
    })
}

/// Makes a table of rows, with a column for each member.
fn grid(all: &[Value]) -> String {
    let members = |one: &Value| one.as_object().cloned().unwrap_or_default();
    let names: Vec<String> = all
        .first()
        .map(members)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let head: String = names
        .iter()
        .map(|name| format!("<th>{}</th>", html(&words_of(name))))
        .collect();
    let rows = all.iter().map(|one| {
        let cells: String = names
            .iter()
            .map(|name| format!("<td>{}</td>", html(&shown(&one[name]))))
            .collect();
        format!("<tr>{cells}</tr>\n")
    });
    format!(
        "<table><tr>{head}</tr>\n{}</table>\n",
        rows.collect::<String>()
    )
}

/// Makes a table of whatever a value holds, a row for each text.
fn list(value: &Value) -> String {
    let mut rows = Vec::new();
    flatten(value, String::new(), &mut rows);
    let rows = rows.iter().map(|(place, value)| {
        format!(
            "<tr><td>{}</td><td>{}</td></tr>\n",
            html(&words_of(place)),
            html(value)
        )
    });
    format!(
        "<table class=\"list\">{}</table>\n",
        rows.collect::<String>()
    )
}

fn words_of(name: &str) -> String {
    name.strip_prefix("fields ")
        .unwrap_or(name)
        .replace('_', " ")
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Returns each value that says something, with where it stands.
fn flatten(value: &Value, place: String, into: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Array(values) => {
            for (at, value) in (1..).zip(values) {
                flatten(value, format!("{place} {at}"), into);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                flatten(value, format!("{place} {name}"), into);
            }
        }
        plain => into.push((place.trim().to_owned(), shown(plain))),
    }
}
