//! A chatbot's turn: somebody asks for a restart of their computer, and the channel knows their UPN and what they are
//! called. Run: `cargo run --no-default-features --example chat -- identity.db john.doe@contoso.com "John Doe"`

use identidex::error::Error;
use identidex::lookup::{Found, FreshnessState, Index, NotOne, Query};

/// What a chat channel knows of whoever is writing.
pub struct Speaker {
    /// Their user principal name.
    pub upn: String,
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
        Query::full_name(&speaker.full_name),
    ]))?;
    let one = match answer.one() {
        Ok(one) => one,
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
    let name = account.full_name.as_deref().unwrap_or(&speaker.full_name);
    let primary = devices.iter().find(|device| device.usage.is_primary);
    Ok(
        match primary.and_then(|device| device.device.name.as_deref()) {
            Some(device) => format!("{name}, shall I restart {device}?"),
            None => format!("{name}, which of your {} devices is it?", devices.len()),
        },
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: chat INDEX UPN NAME");
    let index = Index::open(next()?)?;
    let speaker = Speaker {
        upn: next()?,
        full_name: next()?,
    };
    println!("{}", reply(&index, &speaker)?);
    Ok(())
}
