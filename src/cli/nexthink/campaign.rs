//! `identidex nexthink campaign`: shows a campaign to a person.

use serde_json::json;

use super::whom::{Who, account_in_words};
use super::{Acting, Sending, acted, pair, wait};
use crate::cli::words::printable;
use crate::cli::{Context, Exit, print, print_json};
use crate::live::act::Campaign;

/// Show a campaign to a person who is plainly the one that is meant
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    who: Who,
    /// The id of the campaign; its trigger API must be on
    #[arg(long, value_name = "ID")]
    campaign: String,
    /// Set a parameter of it; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// For how many minutes it is shown
    #[arg(long, value_name = "MINUTES", default_value_t = 1_440)]
    expires: u32,
    #[command(flatten)]
    pub(super) sending: Sending,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let campaign = Campaign::new(&args.campaign, args.expires)?;
    let set = |campaign: Campaign, (name, value): &(String, String)| campaign.with(name, value);
    let campaign = args.set.iter().try_fold(campaign, set)?;
    let recipient = args.who.recipient(context)?;
    let body = campaign.body(&[recipient.sid()?]);
    let whom = account_in_words(recipient.account());
    if args.sending.dry_run {
        match args.sending.json {
            true => print_json(&json!({"body": body, "sent": false}))?,
            false => print(format_args!("{whom}\nwould be sent: {body}"))?,
        }
        return Ok(Exit::Done);
    }
    let acting = Acting::new(context, &args.sending)?;
    let recipients = [recipient];
    let shown = wait(
        acting
            .client
            .show_campaign(&campaign, &recipients, acting.mandate()),
    )?;
    let requests = acted(args.sending.json, shown)?;
    let request = requests.first();
    let id = request.and_then(|one| one.id.as_deref());
    let message = request.and_then(|one| one.message.as_deref());
    match args.sending.json {
        true => print_json(
            &json!({"body": body, "sent": id.is_some(), "request": id, "message": message}),
        )?,
        false => match (id, message) {
            (Some(id), _) => print(format_args!("{whom}\nsent: request {}", printable(id)))?,
            (None, message) => print(format_args!(
                "{whom}\nnot shown: {}",
                printable(message.unwrap_or("Nexthink does not say why"))
            ))?,
        },
    }
    Ok(if id.is_some() {
        Exit::Done
    } else {
        Exit::Failed
    })
}
