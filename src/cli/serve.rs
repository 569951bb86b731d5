//! `identidex serve`: answers lookups over HTTP until it is told to end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use super::{BadUsage, Context, Exit, nexthink, print, sync};
use crate::config::ADDRESS;
use crate::live::Secret;
use crate::serve::{self, Acting, Address, Options, Receiving, Server, Token};
use crate::source::SourceConfig;

/// How long work that cannot be stopped may go on at the end.
const END_WITHIN: Duration = Duration::from_millis(500);
const NO_TOKEN: &str = "webhooks are configured, and not what Nexthink must carry; set receive.token_file, or receive.token";

/// Answer lookups over HTTP, on this machine or a socket
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  identidex serve\n  identidex serve --listen unix:/run/identidex/socket"
)]
pub(super) struct Args {
    /// Listen there: an address and port, or unix:/PATH [default: the configuration's, else 127.0.0.1:7878]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Print the description of the API (OpenAPI), and serve nothing
    #[arg(long)]
    openapi: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    if args.openapi {
        print(serde_json::to_string_pretty(&serve::document())?)?;
        return Ok(Exit::Done);
    }
    let options = options(args, context)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start to serve")?;
    let ended = runtime.block_on(async {
        let (mut end, mut end_at_terminal) = (
            signal(SignalKind::terminate()).context("cannot listen for signals")?,
            signal(SignalKind::interrupt()).context("cannot listen for signals")?,
        );
        let server = Server::bind(&options).await?;
        match server.address() {
            Some(address) => print(format_args!("http://{address}"))?,
            None => info!("listening on the socket"),
        }
        server
            .run(async move {
                tokio::select! {
                    _ = end.recv() => {}
                    _ = end_at_terminal.recv() => {}
                }
                info!("ending");
            })
            .await;
        Ok(Exit::Done)
    });
    // What is looked at still is thrown away, as it is when the machine goes down.
    runtime.shutdown_timeout(END_WITHIN);
    ended
}

fn options(args: &Args, context: &Context) -> anyhow::Result<Options> {
    let configured = &context.config.serve;
    let address = match &args.listen {
        Some(text) => {
            Address::parse(text).ok_or_else(|| BadUsage(format!("--listen: expected {ADDRESS}")))?
        }
        None => configured.listen.clone(),
    };
    let token = token(
        &configured.token,
        configured.token_file.as_deref(),
        "serve.token_file",
    )?;
    Ok(Options {
        address,
        token,
        index: context.config.index.path.clone(),
        lookup: context.lookup_options(),
        requests_per_second: configured.requests_per_second,
        connections: configured.connections,
        client: match configured.is_diagnosing || !configured.actions.is_empty() {
            false => None,
            true => Some(nexthink::client(context)?),
        },
        acting: match configured.actions.is_empty() {
            true => None,
            false => Some(Acting {
                actions: configured.actions.clone(),
                audit: nexthink::audit(context)?,
            }),
        },
        receiving: receiving(context)?,
    })
}

/// Returns a token that is configured, or stands in a file that is.
fn token(token: &Option<Token>, file: Option<&Path>, key: &str) -> anyhow::Result<Option<Token>> {
    let Some(file) = file.filter(|_| token.is_none()) else {
        return Ok(token.clone());
    };
    let name = || format!("{key}: {} cannot be used", file.display());
    let text = std::fs::read_to_string(file).with_context(name)?;
    Ok(Some(Token::new(&text).with_context(name)?))
}

/// Returns what Nexthink may send, where it is configured what it must carry.
fn receiving(context: &Context) -> anyhow::Result<Option<Receiving>> {
    let config = &context.config;
    let configured = &config.receive;
    let token = token(
        &configured.token,
        configured.token_file.as_deref(),
        "receive.token_file",
    )?;
    let Some(token) = token else {
        return match config.webhooks.is_empty() && configured.forward_url.is_none() {
            true => Ok(None),
            false => Err(BadUsage(NO_TOKEN.to_owned()).into()),
        };
    };
    if configured.forward_url.is_none()
        && (configured.forward_token.is_some() || configured.forward_token_file.is_some())
    {
        return Err(BadUsage("receive.forward_token is configured, and not where to send events: set receive.forward_url".to_owned()).into());
    }
    let forward_token = match (&configured.forward_token, &configured.forward_token_file) {
        (None, Some(file)) => Some(Secret::from_file(file)?),
        (token, _) => token.clone(),
    };
    let options = sync::configured_options(config)?;
    Ok(Some(Receiving {
        token,
        sources: receiving_sources(&configured.sources, &options.sources)?,
        mapping: options.mapping,
        not_said: options.not_said,
        test_rows: configured.test_rows,
        webhooks: config.webhooks.clone(),
        events: context.events(),
        keep_events: configured.keep_events,
        forward: configured
            .forward_url
            .clone()
            .map(|url| (url, forward_token)),
    }))
}

/// Returns the sources that take exports, by name: each is a folder.
fn receiving_sources(
    names: &[String],
    sources: &[SourceConfig],
) -> anyhow::Result<BTreeMap<String, SourceConfig>> {
    let mut receiving = BTreeMap::new();
    for name in names {
        let expected = || {
            BadUsage(format!(
                "receive.sources: `{name}` is no [[source]] that is a folder of this machine"
            ))
        };
        let source = sources.iter().find(|source| source.name == *name);
        let source = source
            .filter(|source| !source.url.contains("://"))
            .ok_or_else(expected)?;
        if Path::new(&source.url).is_relative() {
            warn!(
                source = name,
                "its folder is relative to the current one: sync has to run in the same"
            );
        }
        receiving.insert(name.clone(), source.clone());
    }
    Ok(receiving)
}
