//! `identidex serve`: answers lookups over HTTP until it is told to end.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::{BadUsage, Context, Exit, print};
use crate::config::ADDRESS;
use crate::serve::{self, Address, Options, Server, Token};

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
    let token = match (&configured.token, &configured.token_file) {
        (Some(token), _) => Some(token.clone()),
        (None, Some(file)) => {
            let name = || format!("serve.token_file: {} cannot be used", file.display());
            let text = std::fs::read_to_string(file).with_context(name)?;
            Some(Token::new(&text).with_context(name)?)
        }
        (None, None) => None,
    };
    Ok(Options {
        address,
        token,
        index: context.config.index.path.clone(),
        lookup: context.lookup_options(),
        requests_per_second: configured.requests_per_second,
        connections: configured.connections,
    })
}
