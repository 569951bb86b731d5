//! `identidex nexthink queries`: the queries that an administrator saves.

use serde_json::json;

use crate::cli::{Exit, print, print_json};
use crate::live::nql::Shipped;

/// Print the queries that this program asks, for an administrator to save each under its id
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    if args.json {
        let all = Shipped::ALL.map(|shipped| {
            let parameters = Vec::from_iter(shipped.parameters());
            let columns = Vec::from_iter(shipped.columns());
            json!({"id": shipped.id(), "text": shipped.text(), "parameters": parameters, "columns": columns})
        });
        print_json(&json!({"queries": all}))?;
        return Ok(Exit::Done);
    }
    for (at, shipped) in Shipped::ALL.into_iter().enumerate() {
        let gap = if at > 0 { "\n" } else { "" };
        print(format_args!(
            "{gap}{}\n{}",
            shipped.id(),
            shipped.text().trim_end()
        ))?;
    }
    Ok(Exit::Done)
}
