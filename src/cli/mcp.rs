//! `identidex mcp`: tools of a language model, on standard input and output.

use std::sync::Arc;

use anyhow::Context as _;

use super::nexthink::{AskedBy, audit, client};
use super::{BadUsage, Context, Exit};
use crate::lookup::Query;
use crate::mcp::{Options, Remediation, serve_stdio};

/// Serve lookups, and remote actions where they are allowed, as tools of a language model (MCP, standard input and output)
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  identidex mcp --for upn=john.doe@contoso.com --allow-action '#clear_disk'"
)]
pub(super) struct Args {
    /// Let the model run this remote action, after a plan for it; may be repeated
    #[arg(long, value_name = "ID", requires = "person")]
    allow_action: Vec<String>,
    /// Whose devices these may be run on: whoever the model talks with, as their channel signed them in, such as
    /// upn=jdoe@contoso.com; may be repeated, and all must agree
    #[arg(long = "for", value_name = "CLUE")]
    person: Vec<String>,
    #[command(flatten)]
    asked_by: AskedBy,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let index = Arc::new(context.open_index()?);
    let is_configured = context.config.nexthink.client_id.is_some();
    let is_allowed = !args.allow_action.is_empty();
    let remediation = match is_allowed {
        true => Some(Remediation {
            person: person(&args.person)?,
            actions: args.allow_action.clone(),
            audit: audit(context)?,
            asked_by: args.asked_by.who()?,
        }),
        false => None,
    };
    let client = match is_configured || is_allowed {
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

/// Reads who the model talks with; the channel vouches for it.
fn person(clues: &[String]) -> anyhow::Result<Query> {
    let queries = clues.iter().map(|clue| {
        let typed = clue.split_once('=');
        let query = typed.and_then(|(kind, text)| Query::clue(kind, text));
        let expected = "--for: expected a kind and a value, such as upn=jdoe@contoso.com";
        let query = query.ok_or_else(|| BadUsage(expected.to_owned()))?;
        Ok(query.verified())
    });
    Ok(Query::all_of(queries.collect::<anyhow::Result<Vec<_>>>()?))
}
