//! `identidex generations`: which generations there are, and what a rollback undid.

use std::fmt::Write as _;

use indicatif::HumanBytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::readers::readers;
use super::words::{minute, printable};
use super::{Context, Exit, print, print_json};
use crate::publish::{Folder, Listed, Undone, generations};

/// List the generations of the index, and the objects that a rollback undid
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  identidex generations")]
pub(super) struct Args {
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let folder = Folder::open(&context.config.index.path, readers(&context.config)?)?;
    let listed = match folder.path().is_dir() {
        true => generations(&folder)?,
        false => Vec::new(),
    };
    let undone = folder.undone()?;
    match args.json {
        true => print_json(&json_of(&listed, &undone))?,
        false => print(text_of(&listed, &undone))?,
    }
    Ok(match listed.is_empty() {
        true => Exit::None,
        false => Exit::Done,
    })
}

fn made_at(one: &Listed) -> Option<Timestamp> {
    Timestamp::try_from(one.made_at).ok()
}

fn json_of(listed: &[Listed], undone: &Undone) -> Value {
    let listed = listed.iter().map(|one| {
        json!({
            "generation": one.generation.number,
            "state": one.state.as_str(),
            "made_at": made_at(one).map(|time| time.to_string()),
            "size_bytes": one.size_bytes,
            "file": one.generation.path,
        })
    });
    json!({ "generations": listed.collect::<Vec<_>>(), "undone_objects": undone.objects() })
}

fn text_of(listed: &[Listed], undone: &Undone) -> String {
    if listed.is_empty() {
        return "no generation yet; `identidex sync` makes one".to_owned();
    }
    let mut text = format!("{:>10}  {:9}{:>18}  made at", "generation", "", "size");
    for one in listed {
        let made_at = made_at(one).map(minute).unwrap_or_default();
        let size = HumanBytes(one.size_bytes).to_string();
        let (number, state) = (one.generation.number, one.state.as_str());
        let _ = write!(text, "\n{number:>10}  {state:9}{size:>18}  {made_at}");
    }
    let objects = undone.objects();
    if !objects.is_empty() {
        text.push_str("\n\nundone, and left out until `identidex sync --retry`:");
    }
    for object in objects {
        let _ = write!(text, "\n  {}", printable(object));
    }
    text
}
