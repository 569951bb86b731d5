//! `identidex rollback`: makes an older generation the current one.

use serde_json::json;

use super::readers::readers;
use super::sync::configured_options;
use super::{Context, Exit, print, print_json};
use crate::index::Error;
use crate::ingest::renew_under_lock;
use crate::publish::{Folder, RolledBack, roll_back};

/// Go back to an older generation; readers follow within a second
///
/// Later runs leave out the objects that only newer generations took in, until `sync --retry`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  identidex rollback")]
pub(super) struct Args {
    /// The generation to go back to, see `identidex generations` [default: the one before the current one]
    #[arg(value_name = "NUMBER")]
    number: Option<u64>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let folder = Folder::open(&context.config.index.path, readers(&context.config)?)?;
    // Locking makes the folder.
    if !folder.path().is_dir() {
        return Err(Error::Empty.into());
    }
    folder.is_whole()?;
    let options = configured_options(&context.config)?;
    let _lock = folder.lock()?;
    let done = roll_back(&folder, args.number)?;
    let linked = folder.link_current();
    let failures = renew_under_lock(&options, &folder)?;
    for failure in &failures {
        eprintln!("error: {}", failure.error);
    }
    if let Err(error) = &linked {
        let error = error.to_string();
        eprintln!("error: readers have gone back, but the link leads elsewhere: {error}");
    }
    match args.json {
        true => print_json(&json!({
            "from": done.from,
            "to": done.to,
            "undone_objects": done.undone,
            "listed": done.is_listed,
        }))?,
        false => print(text_of(&done))?,
    }
    match linked.is_ok() && failures.is_empty() {
        true => Ok(Exit::Done),
        false => Ok(Exit::Partly),
    }
}

fn text_of(done: &RolledBack) -> String {
    let RolledBack { from, to, .. } = done;
    let then = match (done.is_listed, done.undone.len()) {
        (false, _) => format!(
            "\ngeneration {from} is damaged, so what it took in is not known: the next run takes it in again"
        ),
        (true, 0) => String::new(),
        (true, undone) => format!(
            "\nundone: {undone} objects, left out until `identidex sync --retry`; `identidex generations` lists them"
        ),
    };
    if from == to {
        return format!("generation {to} is the current one already; nothing changed");
    }
    format!("generation {to} is the current one, generation {from} was{then}")
}
