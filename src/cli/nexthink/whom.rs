//! Whom: the device or account that something is done to, as the index knows it from what was typed.

use clap::builder::PossibleValuesParser;

use crate::cli::asked::Asked;
use crate::cli::words::printable;
use crate::cli::{BadUsage, Context, clues};
use crate::lookup::{Account, Answer, Device, Doubt, Index, NoTarget, Recipient, Target, Which};

/// Who or what is meant, and what may speak against it.
#[derive(Debug, clap::Args)]
pub(super) struct Who {
    /// The account or device: one value, or several of it that must agree; upn=…, device=…, name=… say what a value is
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,
    #[command(flatten)]
    asked: Asked,
    /// Go on though this speaks against it; may be repeated
    #[arg(long, value_name = "DOUBT", value_parser = doubt_parser())]
    allow: Vec<String>,
}

/// A device, by itself or as one of an account's.
#[derive(Debug, clap::Args)]
pub(super) struct Whom {
    #[command(flatten)]
    who: Who,
    /// Which of the account's devices, by its name or uid [default: the primary one]
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
}

impl Who {
    fn find(&self, index: &Index) -> anyhow::Result<Answer> {
        let values = self.values.iter().map(String::as_str);
        let query = clues::of_values(values, &self.asked);
        let query = query.map_err(|wrong| BadUsage(wrong.to_string()))?;
        Ok(index.find(query)?)
    }

    fn allowed(&self) -> Vec<Doubt> {
        let names = self.allow.iter();
        names.filter_map(|name| Doubt::named(name)).collect()
    }

    /// Returns the account that is meant.
    pub(super) fn recipient(&self, context: &Context) -> anyhow::Result<Recipient> {
        let index = context.open_index()?;
        let answer = self.find(&index)?;
        let recipient = index.recipient(&answer, &self.allowed());
        recipient.map_err(refused)
    }
}

/// What was found of who is meant: devices and accounts are of one answer.
pub(super) struct FoundWhom<'w> {
    whom: &'w Whom,
    index: Index,
    answer: Answer,
}

impl Whom {
    pub(super) fn find(&self, context: &Context) -> anyhow::Result<FoundWhom<'_>> {
        let index = context.open_index()?;
        Ok(FoundWhom {
            answer: self.who.find(&index)?,
            whom: self,
            index,
        })
    }

    /// Returns the device that is meant.
    pub(super) fn target(&self, context: &Context) -> anyhow::Result<Target> {
        self.find(context)?.target()
    }
}

impl FoundWhom<'_> {
    /// Returns the device that is meant.
    pub(super) fn target(&self) -> anyhow::Result<Target> {
        let which = self.whom.device.as_deref().map_or(Which::Own, Which::Named);
        let target = self
            .index
            .target(&self.answer, which, &self.whom.who.allowed());
        target.map_err(refused)
    }

    /// Returns the account that is meant.
    pub(super) fn recipient(&self) -> anyhow::Result<Recipient> {
        let recipient = self.index.recipient(&self.answer, &self.whom.who.allowed());
        recipient.map_err(refused)
    }
}

/// Says how to go on all the same, where that is for people to decide.
fn refused(why: NoTarget) -> anyhow::Error {
    let hint = match &why {
        NoTarget::Doubtful(doubts) => {
            let names = doubts
                .iter()
                .map(|doubt| format!(" --allow {}", doubt.as_str()));
            Some(format!(
                "nothing was sent; who knows better adds{}",
                String::from_iter(names)
            ))
        }
        NoTarget::NoneIsTheirs => Some("nothing was sent; name one with --device".to_owned()),
        _ => None,
    };
    let error = anyhow::Error::new(why);
    match hint {
        Some(hint) => error.context(hint),
        None => error,
    }
}

fn doubt_parser() -> PossibleValuesParser {
    let mut names: Vec<&str> = Doubt::all().map(Doubt::as_str).collect();
    names.sort_unstable();
    names.dedup();
    PossibleValuesParser::new(names)
}

/// Says which device it is, and whose.
pub(in crate::cli) fn target_in_words(target: &Target) -> String {
    let account = target.account().map(account_in_words);
    let of = account.map_or(String::new(), |account| format!(" of {account}"));
    format!("{}{of}", device_in_words(target.device()))
}

fn device_in_words(device: &Device) -> String {
    let what = [&device.kind, &device.os].into_iter().flatten();
    let what: Vec<&str> = what.map(String::as_str).collect();
    let name = device.name.as_deref().unwrap_or("a device without a name");
    match what.is_empty() {
        true => printable(name).into_owned(),
        false => printable(&format!("{name} ({})", what.join(", "))).into_owned(),
    }
}

/// Says which account it is.
pub(in crate::cli) fn account_in_words(account: &Account) -> String {
    let names = [&account.account_name, &account.upn, &account.uid];
    let name = names.into_iter().flatten().next();
    let name = name.map_or("an account without a name", String::as_str);
    match &account.full_name {
        Some(full_name) => printable(&format!("{full_name}, {name}")).into_owned(),
        None => printable(name).into_owned(),
    }
}
