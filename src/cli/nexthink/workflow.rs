//! `identidex nexthink workflow`: runs a workflow with a device, its user, or both.

use clap::ValueEnum;
use serde_json::json;

use super::whom::{Whom, account_in_words, target_in_words};
use super::{Acting, Sending, acted, pair, wait};
use crate::cli::words::printable;
use crate::cli::{Context, Exit, print, print_json};
use crate::live::act::Workflow;

/// What a workflow is run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum With {
    Device,
    Account,
    Both,
}

/// Run a workflow with a device, an account or both, that are plainly those that are meant
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    whom: Whom,
    /// The id of the workflow; its trigger API must be on
    #[arg(long, value_name = "ID")]
    workflow: String,
    /// What it is run with
    #[arg(long, value_name = "WHAT", default_value = "device")]
    with: With,
    /// Set a parameter of it; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    #[command(flatten)]
    pub(super) sending: Sending,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let workflow = Workflow::new(&args.workflow)?;
    let set = |workflow: Workflow, (name, value): &(String, String)| workflow.with(name, value);
    let workflow = args.set.iter().fold(workflow, set);
    let found = args.whom.find(context)?;
    let (mut targets, mut recipients) = (Vec::new(), Vec::new());
    if args.with != With::Account {
        targets.push(found.target()?);
    }
    if args.with != With::Device {
        recipients.push(found.recipient()?);
    }
    let body = workflow.body(&targets, &recipients)?;
    let devices = targets.iter().map(target_in_words);
    let accounts = recipients.iter();
    let accounts = accounts.map(|recipient| account_in_words(recipient.account()));
    let whom: Vec<String> = devices.chain(accounts).collect();
    let whom = whom.join("\n");
    if args.sending.dry_run {
        match args.sending.json {
            true => print_json(&json!({"body": body, "sent": false}))?,
            false => print(format_args!("{whom}\nwould be sent: {body}"))?,
        }
        return Ok(Exit::Done);
    }
    let acting = Acting::new(context, &args.sending)?;
    let run = wait(
        acting
            .client
            .run_workflow(&workflow, &targets, &recipients, acting.mandate()),
    )?;
    let request = acted(args.sending.json, run)?;
    match args.sending.json {
        true => print_json(
            &json!({"body": body, "sent": true, "request": request.id, "executions": request.executions}),
        )?,
        false => print(format_args!(
            "{whom}\nsent: request {}",
            printable(&request.id)
        ))?,
    }
    Ok(Exit::Done)
}
