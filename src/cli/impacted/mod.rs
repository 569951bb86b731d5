//! `identidex impacted`: of devices and users that something is up with, whom to tell.

mod asked;
mod columns;
mod list;

use std::path::PathBuf;

use super::nexthink::whom::account_in_words;
use super::words::printable;
use super::{Context, Exit, print, print_json};
use crate::lookup::{Impacted, Index, Query};

/// Say whom to tell of devices and users that something is up with, and who is left out, and why
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  identidex impacted --devices list.csv --json")]
pub(super) struct Args {
    #[command(flatten)]
    named: Named,
    /// Print each device or user as one line of JSON
    #[arg(long)]
    json: bool,
}

/// By what devices and users are named.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Named {
    /// A list of devices: one a line, or CSV with a column device.collector.uid, device.uid or device.name; - reads it from
    /// standard input
    #[arg(long, value_name = "FILE")]
    devices: Option<PathBuf>,
    /// A list of users: one a line, or CSV with a column user.sid, user.uid, user.upn, user.ad.email_address or user.name; -
    /// reads it from standard input
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// A SELECT statement over the index; a column of its rows is collector_uid, device_name, sid, upn and so on
    #[arg(long, value_name = "SQL")]
    sql: Option<String>,
    /// A saved query of the tenant without parameters, by its id; its rows have such columns
    #[arg(long, value_name = "ID")]
    nql: Option<String>,
}

/// Something that is named.
#[derive(Debug)]
enum Subject {
    Device(Query),
    User(Query),
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let index = context.open_index()?;
    let named = &args.named;
    let subjects = match (&named.devices, &named.users, &named.sql, &named.nql) {
        (Some(path), ..) => list::read(path, columns::Of::Devices)?,
        (_, Some(path), ..) => list::read(path, columns::Of::Users)?,
        (.., Some(statement), _) => asked::by_sql(statement, &index)?,
        (.., Some(id)) => asked::by_nql(id, context)?,
        _ => Vec::new(),
    };
    let mut is_one_told = false;
    for subject in subjects {
        let impacted = of(subject, &index)?;
        is_one_told |= impacted.to_tell.is_some();
        match args.json {
            true => print_json(&impacted)?,
            false => print(in_words(&impacted))?,
        }
    }
    Ok(if is_one_told { Exit::Done } else { Exit::None })
}

fn of(subject: Subject, index: &Index) -> anyhow::Result<Impacted> {
    Ok(match subject {
        Subject::Device(query) => index.impacted(query)?,
        Subject::User(query) => index.impacted_account(query)?,
    })
}

fn in_words(impacted: &Impacted) -> String {
    let whom = match (&impacted.to_tell, &impacted.nobody) {
        (Some(recipient), _) => {
            let account = recipient.account();
            let address = recipient.email().or(recipient.upn()).ok();
            let address = address.map_or(String::new(), |address| format!(" <{address}>"));
            format!("{}{}", account_in_words(account), printable(&address))
        }
        (None, Some(nobody)) => format!("nobody ({})", nobody.reasons().join(", ")),
        (None, None) => "nobody".to_owned(),
    };
    let mut text = format!("{}: {whom}", printable(&impacted.query));
    for one in &impacted.left_out {
        let reason = one.reason.as_str();
        text.push_str(&format!(
            "\n  not {}: {reason}",
            account_in_words(&one.account)
        ));
    }
    text
}
