//! `identidex serve`: answers lookups over HTTP until it is told to end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::{BadUsage, Context, Exit, nexthink, print, sync};
use crate::config::ADDRESS;
use crate::live::Secret;
use crate::serve::{self, Acting, Address, Options, Receiving, Server, Token};
use crate::source::SourceConfig;

const NO_TOKEN: &str = "webhooks are configured, and not what Nexthink must carry; set receive.token_file, or receive.token";
/// A key as deliveries have them.
const A_DELIVERY: &str = "2026-11-20/users-20261120T060000.000000Z-0123456789ab.json";

/// Answer lookups over HTTP, on this machine or a socket
#[derive(Debug, clap::Args)]
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
    runtime.block_on(async {
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
    })
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
        client: match context.config.nexthink.client_id {
            None if configured.actions.is_empty() => None,
            _ => Some(nexthink::client(context)?),
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
    let forward_token = match (&configured.forward_token, &configured.forward_token_file) {
        (None, Some(file)) => Some(Secret::from_file(file)?),
        (token, _) => token.clone(),
    };
    let options = sync::configured_options(config)?;
    let beside = || config.index.path.with_extension("events.db");
    Ok(Some(Receiving {
        token,
        inboxes: inboxes(&options.sources)?,
        mapping: options.mapping,
        not_said: options.not_said,
        test_rows: configured.test_rows,
        webhooks: config.webhooks.clone(),
        events: configured.events.clone().unwrap_or_else(beside),
        keep_events: configured.keep_events,
        forward: configured
            .forward_url
            .clone()
            .map(|url| (url, forward_token)),
    }))
}

/// Returns the sources that are folders, and take what is put into them here.
fn inboxes(sources: &[SourceConfig]) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut inboxes = BTreeMap::new();
    for source in sources {
        let path = match source.url.split_once("://") {
            None => Some(PathBuf::from(&source.url)),
            Some(("file", _)) => url::Url::parse(&source.url)
                .ok()
                .and_then(|url| url.to_file_path().ok()),
            Some(_) => None,
        };
        let is_file = path.as_ref().is_some_and(|path| path.is_file());
        if !is_file && source.takes(A_DELIVERY)? {
            inboxes.extend(path.map(|path| (source.name.clone(), path)));
        }
    }
    Ok(inboxes)
}
