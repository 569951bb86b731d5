//! `identidex man`: manual pages, one of the program and one of each command.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::CommandFactory as _;

use super::{Arguments, Exit};

/// Write manual pages into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  identidex man /usr/local/share/man/man1")]
pub(super) struct Args {
    /// The folder; it is made if it is not there
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let name = || format!("{} cannot be written", args.folder.display());
    fs::create_dir_all(&args.folder).with_context(name)?;
    clap_mangen::generate_to(Arguments::command(), &args.folder).with_context(name)?;
    Ok(Exit::Done)
}
