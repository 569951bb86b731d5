//! `identidex completions`: what a shell completes, made of the arguments there are.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Arguments, Exit, print};

/// Print what completes commands and options in a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  identidex completions bash > /etc/bash_completion.d/identidex")]
pub(super) struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut Arguments::command(),
        "identidex",
        &mut script,
    );
    print(String::from_utf8(script)?.trim_end())?;
    Ok(Exit::Done)
}
