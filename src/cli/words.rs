//! Words: how single values read for people: kinds, verdicts, flags, times and what an export holds.
//!
//! What is said of an answer as a whole is the affair of `answer`.

use jiff::Timestamp;

use crate::identifier::Kind;
pub(super) use crate::identifier::{is_steering, printable};
use crate::lookup::{Flag, Freshness, Verdict};
use crate::schema::NotPrimary;

/// Writes a text of others as HTML shows it: as a text, whatever it holds.
pub(super) fn html(text: &str) -> String {
    let text = printable(text);
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

pub(super) fn kind_in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Sid | Kind::WeakSid => "SID",
        Kind::Uid => "uid",
        Kind::AccountName | Kind::BareName => "account name",
        Kind::Upn => "UPN",
        Kind::Email => "email",
        Kind::DeviceUid => "device uid",
        Kind::CollectorUid => "collector uid",
        Kind::DeviceName | Kind::ShortName => "device name",
        Kind::SerialNumber => "serial number",
        Kind::Domain => "domain",
    }
}

pub(super) fn verdict_in_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Agrees => "agrees",
        Verdict::Former => "was theirs, and is no more",
        Verdict::Unknown => "says nothing of who is meant",
        Verdict::Elsewhere => "held by somebody who does not fit the rest",
        Verdict::Nobody => "held by nobody",
        Verdict::TooMany => "held by too many to identify anybody",
        Verdict::Unparseable => "passed over; not what it was taken for",
    }
}

pub(super) fn flag_in_words(flag: Flag) -> &'static str {
    match flag {
        Flag::WeakSid => "its SID is no key: other machines have the same",
        Flag::Confusable => {
            "has letters that look like others, with which it is what somebody else holds"
        }
        Flag::NotSeenLately => "not seen for long, and may be gone",
        Flag::Moved => "another one had it too; this one was first seen with it",
        Flag::ConfusableWithKnown => "with letters that look alike it is what somebody holds",
        Flag::Contradiction => "no one account or device fits all of the values",
    }
}

/// Says why a device is an account's own, or is not.
pub(super) fn primary_in_words(not_primary: Option<NotPrimary>) -> &'static str {
    match not_primary {
        None => "primary: each is what the other uses most, by logins and days of use",
        Some(NotPrimary::NotAPerson) => "no: the account is no person's",
        Some(NotPrimary::NotCurrent) => "no: not used of late",
        Some(NotPrimary::Shared) => {
            "no: three or more use the device, none of them most of the time"
        }
        Some(NotPrimary::OtherDevice) => {
            "no: the account uses another device most, by logins and days of use"
        }
        Some(NotPrimary::NoDeviceLeads) => {
            "no: none of the account's devices stands out from the others, or one came to it lately"
        }
        Some(NotPrimary::AnotherCame) => {
            "no: another device may have come in its place: it was used on as many days since, and later"
        }
        Some(NotPrimary::ElsewhereSince) => {
            "no: the account was elsewhere since, or is more often at a shared device"
        }
        Some(NotPrimary::BetterKnown) => {
            "no: of another device it is known as well, or better, that the account uses it"
        }
        Some(NotPrimary::NameOfSeveral) => {
            "no: what tells of it gives a name that another one bears, too; ids in logins (user.sid, device.uid) settle it"
        }
        Some(NotPrimary::Namesake) => {
            "no: a local account of the same UPN was used elsewhere since, or about as much"
        }
        Some(NotPrimary::OtherAccount) => {
            "no: somebody else uses the device most, by logins and days of use"
        }
        Some(NotPrimary::NoAccountLeads) => {
            "no: none of the device's users stands out from the others, or one came to it lately"
        }
        Some(NotPrimary::LastLogin) => "no: the last login of the device is somebody else's",
        Some(NotPrimary::Undated) => {
            "no: logins of a long window, and the device's last login is not theirs"
        }
        Some(NotPrimary::NotRanked) => {
            "not known: an earlier version wrote the index, the next run says it"
        }
        Some(NotPrimary::BeforeAccount) => {
            "no: used before the account, or the device itself, was there"
        }
        Some(NotPrimary::Replaced) => {
            "no: the computer was set up anew, or another one has its name, and was seen since"
        }
        Some(NotPrimary::NewerWaits) => {
            "no: newer logins of the account, or more of them, or some on the device wait, see below"
        }
    }
}

/// Says how recent an answer is; where that is not known, why.
pub(super) fn state_in_words(freshness: &Freshness) -> String {
    match freshness.ahead {
        Some(ahead) => format!("unknown: {} is ahead of the clock", minute(ahead)),
        None => freshness.state.to_string(),
    }
}

/// Writes a time to the minute.
pub(super) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// What control characters would do to a terminal is not for a query to say; nor need all of a long one be shown.
pub(super) fn shown(query: &str) -> String {
    const AT_MOST: usize = 100;
    let text = printable(query);
    let text: String = text.chars().take(AT_MOST).collect();
    match query.chars().nth(AT_MOST) {
        Some(_) => text + "…",
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_cannot_steer_the_terminal() {
        assert_eq!(shown(r"EMEA\jdoe"), r"EMEA\jdoe");
        assert_eq!(shown("a\u{1b}[31m"), r"a\u{1b}[31m");
        assert_eq!(shown(&"x".repeat(200)).chars().count(), 101);
    }
}
