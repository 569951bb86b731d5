//! `identidex nexthink diagnose`: how a device is, right now.

use std::fmt::Write as _;

use serde_json::json;
use tracing::warn;

use super::whom::{Whom, target_in_words};
use super::{client, wait};
use crate::cli::words::printable;
use crate::cli::{Context, Exit, print, print_json};
use crate::live::Health;

/// Say how a device is, by what Nexthink knows right now
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    whom: Whom,
    /// Print one line of JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let target = args.whom.target(context)?;
    let client = client(context)?;
    let health = wait(client.diagnose(&target))??;
    for (shipped, why) in &health.not_answered {
        warn!(query = shipped.id(), "not answered: {why}");
    }
    let is_known = health
        != Health {
            not_answered: health.not_answered.clone(),
            ..Health::default()
        };
    match args.json {
        true => {
            let device = target.device();
            let device = json!({"name": device.name, "uid": device.uid, "collector_uid": target.collector_uid()});
            print_json(&json!({"device": device, "health": health.json()}))?;
        }
        false if !is_known => print(format_args!(
            "{}\n\n  Nexthink tells nothing of it",
            target_in_words(&target)
        ))?,
        false => print(in_words(&health, &target_in_words(&target)))?,
    }
    Ok(match (is_known, health.not_answered.is_empty()) {
        (_, false) => Exit::Partly,
        (true, true) => Exit::Done,
        (false, true) => Exit::None,
    })
}

fn in_words(health: &Health, target: &str) -> String {
    let mut text = format!("{target}\n");
    let number = |number: Option<f64>| number.map(|number| format!("{number:.0}"));
    let said = [
        ("system", health.os.clone()),
        ("days since update", number(health.days_since_update)),
        ("days since full boot", number(health.days_since_full_boot)),
        ("memory", health.memory.clone()),
        ("connected by", health.connectivity.clone()),
        ("last seen", health.last_seen.clone()),
        ("score", number(health.score)),
        ("boot speed", number(health.boot_speed)),
        ("logon speed", number(health.logon_speed)),
    ];
    let mut line = |name: &str, said: &str| {
        // A text takes every line.
        let _ = write!(text, "\n  {name:20}  {}", printable(said));
    };
    for (name, said) in said {
        if let Some(said) = said {
            line(name, &said);
        }
    }
    for one in &health.crashes {
        line(
            "crashed",
            &format!("{} ({:.0} times in 7 days)", one.application, one.count),
        );
    }
    text
}
