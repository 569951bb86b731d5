//! `identidex pull`: gets what another machine published.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use indicatif::HumanBytes;
use serde_json::json;
use tracing::error;

use super::readers::readers;
use super::{BadUsage, Context, Exit, print, print_json};
use crate::distribute::{PublicKey, Pulled, pull};
use crate::publish::Folder;
use crate::source::Remote;

/// How often it looks at most: stores are paid for by requests.
const SHORTEST: Duration = Duration::from_secs(1);
/// How soon a signal is heeded while it waits.
const POLL: Duration = Duration::from_millis(100);

/// Get the generation that another machine published, and read it from now on
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  identidex pull s3://identidex/contoso/ --public-key 1f0c…\n  identidex pull --every 60s"
)]
pub(super) struct Args {
    /// A folder, or the URL of a bucket or container with a prefix [default: pull.url]
    #[arg(value_name = "URL or FOLDER")]
    url: Option<String>,
    /// Take only what is signed for this public key [default: pull.public_key]
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
    /// Look again and again, so long apart, until a signal ends it [default: pull.every, else once]
    #[arg(long, value_name = "DURATION", value_parser = crate::config::duration)]
    every: Option<Duration>,
    /// Print a line of JSON each time
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let config = &context.config.pull;
    let url = args.url.as_ref().or(config.url.as_ref());
    let url = url.ok_or_else(|| {
        BadUsage("where from? name a folder or a URL, or set pull.url".to_owned())
    })?;
    let key = args.public_key.as_ref().or(config.public_key.as_ref());
    let key = key.ok_or_else(|| {
        BadUsage(
            "whose? name --public-key, or set pull.public_key; `identidex publish` prints it"
                .to_owned(),
        )
    })?;
    let key = PublicKey::parse(key)?;
    let folder = Folder::open(&context.config.index.path, readers(&context.config)?)?;
    let index = &context.config.index;
    let once = || {
        // Opened anew each time: a folder may be mounted, and a token renewed.
        let remote = Remote::open("pull", url, &config.options)?;
        pull(
            &folder,
            &remote,
            &key,
            (index.keep_generations, index.prune_after),
        )
    };
    if args.every.is_some_and(|every| every < SHORTEST) {
        return Err(BadUsage("--every: expected a second or more".to_owned()).into());
    }
    let Some(every) = args.every.or(config.every) else {
        told(&once()?, args.json)?;
        return Ok(Exit::Done);
    };
    let stop = super::stop_on_signals()?;
    while !stop.load(Ordering::Relaxed) {
        match once() {
            Ok(Pulled::Same) => {}
            Ok(pulled) => told(&pulled, args.json)?,
            // Readers go on with what is here, and the next time may be better.
            Err(error) => {
                let error = anyhow::Error::new(error);
                error!("{error:#}");
            }
        }
        let next = Instant::now() + every;
        while Instant::now() < next && !stop.load(Ordering::Relaxed) {
            thread::sleep(POLL.min(every));
        }
    }
    Ok(Exit::Done)
}

fn told(pulled: &Pulled, is_json: bool) -> anyhow::Result<()> {
    match (pulled, is_json) {
        (Pulled::Same, false) => print("nothing new"),
        (Pulled::Same, true) => print_json(&json!({"new": false})),
        (Pulled::New { generation, bytes }, false) => print(format!(
            "generation {generation} is the current one, {} came for it",
            HumanBytes(*bytes)
        )),
        (Pulled::New { generation, bytes }, true) => {
            print_json(&json!({"new": true, "generation": generation, "bytes": bytes}))
        }
    }
}
