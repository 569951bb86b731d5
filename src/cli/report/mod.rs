//! `identidex report`: how the index is, on one page.

mod chart;
mod figures;
mod page;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;

use super::whole_file::WholeFile;
use super::{Context, Exit, print};

/// Write a page that shows how the index is: freshness, coverage, growth, runs, what is shared and what collides
///
/// One file without scripts that loads nothing from anywhere, for a browser, light or dark, and for paper. It names devices and
/// identifiers, and is its owner's alone (0600).
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  identidex report report.html")]
pub(super) struct Args {
    /// Write it here
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let figures = figures::read(context)?;
    let whole = WholeFile::begin(&args.file)?;
    let written = whole.file().write_all(page::of(&figures).as_bytes());
    written.with_context(|| format!("{} cannot be written", args.file.display()))?;
    whole.keep()?;
    print(format!(
        "generation {} is shown in {}",
        figures.generation,
        args.file.display()
    ))?;
    Ok(Exit::Done)
}
