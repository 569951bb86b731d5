//! `identidex why`: how an answer comes about, for a person or as JSON.

use std::fmt::Write as _;

use super::asked::Asked;
use super::words::{kind_in_words, minute, primary_in_words, printable};
use super::{Context, Exit, answer, print, print_json};
use crate::lookup::{
    Found, Hit, HitVerdict, LookedUp, Match, Tried, Use, Waiting, WaitingReason, Why,
};

/// Say how an answer comes about: each rule tried, what it found, and what does not answer
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  identidex why jdoe@EMEA")]
pub(super) struct Args {
    #[command(flatten)]
    asked: Asked,
    /// Look this up
    #[arg(value_name = "VALUE")]
    value: String,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let index = context.open_index()?;
    let why = index.why(args.asked.query(args.value.clone()))?;
    match args.json {
        true => print_json(&why)?,
        false => print(text_of(&why))?,
    }
    Ok(Exit::of_outcome(why.answer.outcome))
}

fn text_of(why: &Why) -> String {
    let mut text = answer::text_of(&why.answer);
    for one in &why.answer.matches {
        push_ranks(&mut text, one);
        push_waiting(&mut text, &one.waiting);
    }
    text.push_str("\n\nTried, in this order:");
    for tried in &why.tried {
        push_tried(&mut text, tried);
    }
    text
}

/// Says of each device of an account, or account of a device, why it is primary or is not.
fn push_ranks(text: &mut String, one: &Match) {
    let ranked: Vec<(Option<&str>, Option<&str>, &Use)> = match &one.subject {
        Found::Account { devices, .. } => devices
            .iter()
            .map(|one| {
                let device = &one.device;
                let id = device.serial_number.as_ref().or(device.uid.as_ref());
                (device.name.as_deref(), id.map(String::as_str), &one.usage)
            })
            .collect(),
        Found::Device { accounts, .. } => accounts
            .iter()
            .map(|one| {
                let account = &one.account;
                let id = account.sid.as_ref().or(account.uid.as_ref());
                (
                    account.account_name.as_deref(),
                    id.map(String::as_str),
                    &one.usage,
                )
            })
            .collect(),
    };
    let is_one_of_several =
        |name: Option<&str>| ranked.iter().filter(|(other, ..)| *other == name).count() > 1;
    if ranked.is_empty() {
        return;
    }
    text.push_str("\n\nWhether it is their own:");
    for (name, id, usage) in &ranked {
        let id = id.filter(|_| is_one_of_several(*name));
        let id = id.map_or_else(String::new, |id| format!(" ({id})"));
        let name = format!("{}{id}", name.unwrap_or("without a name"));
        let name = printable(&name);
        let reason = primary_in_words(usage.not_primary);
        let used = until_when(usage);
        let _ = write!(text, "\n  {name:26}  {reason}{used}");
    }
}

/// Says until when something was used. Logins that do not say when they were are known by the export that counts them, and a
/// last login by the one that names it.
fn until_when(usage: &Use) -> String {
    match (usage.last_used, usage.time_of_use) {
        (Some(used), Some(time)) if time > used => {
            let (used, time) = (minute(used), minute(time));
            format!(" (used up to {used}, counted or named up to {time})")
        }
        (Some(used), time) => format!(" (used up to {})", minute(time.unwrap_or(used))),
        (None, Some(time)) => format!(" (counted or named up to {})", minute(time)),
        (None, None) => String::new(),
    }
}

/// Lists usages that cannot be placed, and what would settle them.
fn push_waiting(text: &mut String, waiting: &Waiting) {
    for (reason, title) in [
        (
            WaitingReason::Unknown,
            "name nobody known; an export of users or devices that has them settles it",
        ),
        (
            WaitingReason::Ambiguous,
            "name several; ids in logins (user.sid, device.uid), a last_used column there, a declared window \
             ([dataset.logins] window) or newer exports settle it",
        ),
    ] {
        let usages = waiting.usages.iter().filter(|one| one.reason == reason);
        let lines = usages.map(|one| {
            let said = |text: &str| match text {
                "" => "?".to_owned(),
                text => printable(text).into_owned(),
            };
            format!("\n  {} on {}", said(&one.account), said(&one.device))
        });
        let lines: String = lines.collect();
        if !lines.is_empty() {
            let _ = write!(text, "\n\nUsages that {title}:{lines}");
        }
    }
}

fn push_tried(text: &mut String, tried: &Tried) {
    let _ = write!(text, "\n  {:28}", rule_in_words(tried));
    match &tried.found {
        Err(refusal) => {
            let _ = write!(text, "not tried: {refusal}");
        }
        Ok(found) => {
            let nobody = if found.count == 0 { "nobody" } else { "" };
            let _ = write!(text, "{}  {nobody}", found.normal);
            push_hits(text, found);
        }
    }
}

fn rule_in_words(tried: &Tried) -> String {
    use crate::identifier::Kind;
    let kind = kind_in_words(tried.kind);
    match tried.kind {
        Kind::BareName | Kind::ShortName => format!("{kind} without domain"),
        _ => kind.to_owned(),
    }
}

fn push_hits(text: &mut String, found: &LookedUp) {
    for hit in &found.hits {
        let _ = write!(text, "\n    {}", hit_in_words(hit));
    }
    if found.count > found.hits.len() {
        let _ = write!(text, "\n    and {} more", found.count - found.hits.len());
    }
}

fn first_in_words(hit: &Hit) -> String {
    let held = hit.held.as_ref();
    held.map_or(String::new(), |held| {
        format!(", seen with it first {}", minute(held.first))
    })
}

fn times_in_words(hit: &Hit) -> String {
    let held = hit.held.as_ref();
    held.map_or(String::new(), |held| {
        let (first, last) = (minute(held.first), minute(held.last));
        format!(", seen with it from {first} to {last}")
    })
}

fn hit_in_words(hit: &Hit) -> String {
    let name = printable(hit.name.as_deref().unwrap_or("without a name"));
    let id = hit.uid.as_ref().or(hit.other_id.as_ref());
    let id = id.map_or("no uid", String::as_str);
    let verdict = match hit.verdict {
        HitVerdict::Holds => format!("holds it{}", first_in_words(hit)),
        HitVerdict::Skipped => format!(
            "holds it{}; a {} account: --all-classes includes it",
            first_in_words(hit),
            hit.class.as_str()
        ),
        HitVerdict::Gone => format!(
            "holds it{}, and is gone: the newest export that lists all that there is does not have it",
            first_in_words(hit)
        ),
        HitVerdict::Former => format!(
            "held it before{}, and has another one now or passed it on",
            times_in_words(hit)
        ),
    };
    let row = hit.evidence.as_ref().map(|row| {
        format!(
            ", row {} of {} ({})",
            row.row,
            row.object,
            minute(row.observed_at)
        )
    });
    format!(
        "{} {name} ({id}) {verdict}{}",
        hit.subject.table(),
        row.unwrap_or_default()
    )
}
