//! `identidex nexthink actions`: which remote actions the tenant has.

use serde_json::{Value, json};

use super::{client, wait};
use crate::cli::words::printable;
use crate::cli::{Context, Exit, print, print_json};
use crate::live::act::{Input, RemoteActionInfo};

/// List the remote actions of the tenant, or tell what one takes
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Tell of this one alone, with what it takes and tells
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Print one line of JSON for each
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let client = client(context)?;
    let actions = match &args.id {
        Some(id) => vec![wait(client.remote_action(id))??],
        None => wait(client.remote_actions())??,
    };
    for action in &actions {
        match args.json {
            true => print_json(&json_of(action))?,
            false => print(in_words(action, args.id.is_some()))?,
        }
    }
    Ok(Exit::Done)
}

fn json_of(action: &RemoteActionInfo) -> Value {
    let input = |input: &Input| {
        json!({"name": input.name, "description": input.description, "options": input.options,
            "allows_others": input.allows_others})
    };
    let outputs = action.outputs.iter();
    let outputs = outputs.map(|one| json!({"name": one.name, "description": one.description}));
    json!({
        "id": action.id, "name": action.name, "description": action.description, "api": action.is_api_enabled,
        "remediation": action.is_remediation, "windows": action.has_windows, "macos": action.has_macos,
        "inputs": Vec::from_iter(action.inputs.iter().map(input)), "outputs": Vec::from_iter(outputs),
    })
}

fn in_words(action: &RemoteActionInfo, is_whole: bool) -> String {
    let not_enabled = match action.is_api_enabled {
        true => "",
        false => "  (its trigger API is off)",
    };
    let mut text = format!(
        "{}  {}{not_enabled}",
        printable(&action.id),
        printable(&action.name)
    );
    if is_whole {
        text.push_str(&format!("\n  {}", printable(&action.description)));
        for input in &action.inputs {
            let options = input.options.join(", ");
            let line = format!("takes {}: {} {options}", input.name, input.description);
            text.push_str(&format!("\n  {}", printable(line.trim_end())));
        }
        for output in &action.outputs {
            let line = format!("tells {}: {}", output.name, output.description);
            text.push_str(&format!("\n  {}", printable(&line)));
        }
    }
    text
}
