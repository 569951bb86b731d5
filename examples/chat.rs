//! A chatbot's turn: somebody asks for a restart of their computer, and the channel knows what it signed them in with (a
//! UPN, say), perhaps their account name, and what they are called. Run:
//! `cargo run --no-default-features --example chat -- identity.db john.doe@contoso.com jdoe@EMEA "John Doe"`

use identidex::{DeviceUse, Error, Flag, Found, FreshnessState, Index, NotEnough, NotOne, Query};

/// What a chat channel knows of whoever is writing.
pub struct Speaker {
    /// Their user principal name.
    pub upn: String,
    /// The channel vouches for it: they were signed in with it.
    pub is_signed_in: bool,
    /// Their account name; empty where the channel does not know it.
    pub account_name: String,
    /// What they are called.
    pub full_name: String,
}

/// Says what the bot answers. It acts on a device only if it knows whose it is.
///
/// # Errors
/// The index's own faults.
pub fn reply(index: &Index, speaker: &Speaker) -> Result<String, Error> {
    let upn = Query::upn(&speaker.upn);
    let answer = index.find(Query::all_of([
        if speaker.is_signed_in {
            upn.verified()
        } else {
            upn
        },
        Query::account_name(&speaker.account_name),
        Query::full_name(&speaker.full_name),
    ]))?;
    let one = match answer.one() {
        Ok(one) => one,
        Err(_) if answer.flags.contains(&Flag::Contradiction) => {
            return Ok(colleague("What I was told of you does not fit together."));
        }
        Err(NotOne::Several { .. } | NotOne::Unclear) => return Ok(ask(NotEnough::NotOne)),
        Err(_) => return Ok("I do not know you yet. What is your account name?".into()),
    };
    let Found::Account {
        account, devices, ..
    } = &one.subject
    else {
        return Ok("That is a device. Who are you?".into());
    };
    if matches!(
        answer.freshness.state,
        FreshnessState::Stale | FreshnessState::Unknown
    ) {
        let old = "What I know of your devices is too old to act on.";
        return Ok(colleague(old));
    }
    if let Some(reason) = one.not_enough {
        return Ok(ask(reason));
    }
    let name = account.full_name.as_deref().unwrap_or(&speaker.full_name);
    Ok(format!("{name}, {}", offer(devices)))
}

/// Offers the device that is known to be theirs, and asks where none is.
fn offer(devices: &[DeviceUse]) -> String {
    let primary = devices.iter().find(|one| one.usage.is_primary());
    // Nothing can be done to a device without a collector.
    let primary = primary.filter(|one| one.device.collector_uid.is_some());
    if let Some(name) = primary.and_then(|one| one.device.name.as_deref()) {
        return format!("shall I restart {name}?");
    }
    // Where something waits, none is not known to be none, and one of many may be anybody's.
    let current = devices
        .iter()
        .filter(|one| one.usage.is_current && !one.is_shared);
    let names: Vec<&str> = current
        .filter_map(|one| one.device.name.as_deref())
        .collect();
    let distinct: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    match names.as_slice() {
        names if distinct.len() < names.len() => "what serial number is on your device?".into(),
        [] | [_] => "what is your device called?".into(),
        names => format!("which of your devices is it: {}?", names.join(", ")),
    }
}

/// Says what to ask for, by why what is known is not enough to act on.
fn ask(reason: NotEnough) -> String {
    match reason {
        NotEnough::NotOne => "Several people could be you. What is your account name?".into(),
        NotEnough::Flagged(Flag::Moved) => colleague("Your account is new under this name."),
        NotEnough::Flagged(Flag::NotSeenLately) => colleague("Your account was not seen for long."),
        NotEnough::Flagged(Flag::Confusable) => colleague("Your name looks like somebody else's."),
        NotEnough::Flagged(Flag::WeakSid) => {
            "That account is on more than one computer. What is your account name?".into()
        }
        _ => "I need your account name too before I act on a device.".into(),
    }
}

fn colleague(why: &str) -> String {
    format!("{why} I am calling a colleague.")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: chat INDEX UPN ACCOUNT NAME");
    let index = Index::open(next()?)?;
    let speaker = Speaker {
        upn: next()?,
        is_signed_in: false,
        account_name: next()?,
        full_name: next()?,
    };
    println!("{}", reply(&index, &speaker)?);
    Ok(())
}
