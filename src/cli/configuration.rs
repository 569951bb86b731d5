//! `identidex configuration`: the reference of all keys and variables.

use super::{Exit, print};
use crate::config;

/// Print every key of the configuration, its variable, its default and what it means
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  identidex configuration | less")]
pub(super) struct Args {}

pub(super) fn run() -> anyhow::Result<Exit> {
    print(config::reference().trim_end())?;
    Ok(Exit::Done)
}
