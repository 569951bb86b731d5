//! `identidex nexthink check`: whether the tenant has what this program asks.

use serde_json::json;

use super::{client, wait};
use crate::cli::{Context, Exit, print, print_json};
use crate::live::Verdict;

/// Tell whether the tenant has the queries that this program asks, and lets it run remote actions
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let client = client(context)?;
    let checked = wait(client.check())??;
    let is_good = |verdict: &Verdict| matches!(verdict, Verdict::Good);
    match args.json {
        true => {
            let all = checked.iter().map(|one| {
                let text = in_words(&one.verdict);
                json!({"what": one.what, "good": is_good(&one.verdict), "verdict": text})
            });
            print_json(&json!({"checked": Vec::from_iter(all)}))?;
        }
        false => {
            let widest = checked.iter().map(|one| one.what.len()).max();
            let width = widest.unwrap_or_default();
            for one in &checked {
                print(format_args!(
                    "{:width$}  {}",
                    one.what,
                    in_words(&one.verdict)
                ))?;
            }
        }
    }
    Ok(match checked.iter().all(|one| is_good(&one.verdict)) {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

fn in_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Good => "good".to_owned(),
        Verdict::Missing => {
            "missing; save it in Nexthink, with the text that `identidex nexthink queries` prints"
                .to_owned()
        }
        Verdict::LacksColumns(columns) => format!("lacks the columns {}", columns.join(", ")),
        Verdict::Failed(error) => error.to_string(),
    }
}
