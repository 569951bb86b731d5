//! `identidex mcp`: tools of a language model, on standard input and output.

use std::sync::Arc;

use anyhow::Context as _;

use super::nexthink::{AskedBy, audit, client};
use super::{Context, Exit};
use crate::mcp::{Options, Remediation, serve_stdio};

/// Serve lookups, and remote actions where they are allowed, as tools of a language model (MCP, standard input and output)
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Let the model run remote actions, each only once a plan for it was shown and confirmed
    #[arg(long)]
    allow_remediation: bool,
    #[command(flatten)]
    asked_by: AskedBy,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let index = Arc::new(context.open_index()?);
    let is_configured = context.config.nexthink.client_id.is_some();
    let remediation = match args.allow_remediation {
        true => Some(Remediation {
            audit: audit(context)?,
            asked_by: args.asked_by.who()?,
        }),
        false => None,
    };
    let client = match is_configured || args.allow_remediation {
        true => Some(client(context)?),
        false => None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start to serve")?;
    runtime.block_on(serve_stdio(Options {
        index,
        client,
        remediation,
    }))?;
    Ok(Exit::Done)
}
