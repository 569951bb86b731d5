//! A chatbot's turn: somebody asks for a restart of their computer, and the channel knows their UPN, their account and
//! what they are called. Run:
//! `cargo run --no-default-features --example chat -- identity.db john.doe@contoso.com jdoe@EMEA "John Doe"`

use identidex::Error;
use identidex::{Flag, Found, FreshnessState, Index, NotOne, Query};

/// What a chat channel knows of whoever is writing.
pub struct Speaker {
    /// Their user principal name.
    pub upn: String,
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
    let answer = index.find(Query::all_of([
        Query::upn(&speaker.upn),
        Query::account_name(&speaker.account_name),
        Query::full_name(&speaker.full_name),
    ]))?;
    let one = match answer.one() {
        Ok(one) => one,
        Err(_) if answer.flags.contains(&Flag::Contradiction) => {
            return Ok(
                "What I was told of you does not fit together. I am calling a colleague.".into(),
            );
        }
        Err(NotOne::None | NotOne::Unparseable) => {
            return Ok("I do not know you yet. What is your account name?".into());
        }
        Err(_) => return Ok("Several people could be you. What is your account name?".into()),
    };
    let Found::Account {
        account, devices, ..
    } = &one.subject
    else {
        return Ok("That is a device. Who are you?".into());
    };
    if answer.freshness.state == FreshnessState::Stale {
        return Ok(
            "What I know of your devices is too old to act on. I am calling a colleague.".into(),
        );
    }
    if one.flags.contains(&Flag::Moved) {
        return Ok("Your account is new under this name. I am calling a colleague.".into());
    }
    if !one.is_enough_to_act() || !one.flags.is_empty() {
        return Ok("I need your account name too before I act on a device.".into());
    }
    let name = account.full_name.as_deref().unwrap_or(&speaker.full_name);
    let primary = devices.iter().find(|device| device.usage.is_primary());
    Ok(
        match primary.and_then(|device| device.device.name.as_deref()) {
            Some(device) => format!("{name}, shall I restart {device}?"),
            // Where something waits, none is not known to be none.
            None if devices.is_empty() => format!("{name}, what is your device called?"),
            None => format!("{name}, which of your {} devices is it?", devices.len()),
        },
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: chat INDEX UPN ACCOUNT NAME");
    let index = Index::open(next()?)?;
    let speaker = Speaker {
        upn: next()?,
        account_name: next()?,
        full_name: next()?,
    };
    println!("{}", reply(&index, &speaker)?);
    Ok(())
}
