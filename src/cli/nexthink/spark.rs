//! `identidex nexthink spark`: hands a talk over to Spark.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use anyhow::Context as _;
use serde_json::json;

use super::whom::{Who, account_in_words};
use super::{Acting, Sending, acted, wait};
use crate::cli::{BadUsage, Context, Exit, print, print_json};

/// The longest text that is handed over.
const TEXT_BYTES_AT_MOST: u64 = 64 << 10;

/// Hand a talk over to Spark, which answers the person in Microsoft Teams
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    who: Who,
    /// What the person wrote; - reads it from standard input
    #[arg(long, value_name = "TEXT")]
    text: String,
    #[command(flatten)]
    pub(super) sending: Sending,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let recipient = args.who.recipient(context)?;
    let upn = recipient.upn()?.to_owned();
    if !args.sending.dry_run {
        let text = text(&args.text)?;
        let acting = Acting::new(context, &args.sending)?;
        let nothing = BTreeMap::new();
        let handed = wait(acting.client.hand_to_spark(
            &recipient,
            &text,
            &nothing,
            acting.mandate(),
        ))?;
        acted(args.sending.json, handed)?;
    }
    let is_sent = !args.sending.dry_run;
    let whom = account_in_words(recipient.account());
    match args.sending.json {
        true => print_json(&json!({"upn": upn, "sent": is_sent}))?,
        false if is_sent => print(format_args!("{whom}\nhanded over"))?,
        false => print(format_args!("{whom}\nwould be handed over"))?,
    }
    Ok(Exit::Done)
}

fn text(text: &str) -> anyhow::Result<String> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut text = String::new();
    let mut input = io::stdin().lock().take(TEXT_BYTES_AT_MOST + 1);
    let read = input.read_to_string(&mut text);
    if read.context("cannot read standard input as text")? as u64 > TEXT_BYTES_AT_MOST {
        return Err(BadUsage("a text that is handed over has at most 64 KiB".to_owned()).into());
    }
    Ok(text)
}
