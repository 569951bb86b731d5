//! Acting: remote actions, campaigns, workflows and the hand-over to Spark. What they are sent to is a
//! [`Target`] or a [`Recipient`], which the index gives only where it is plain whose a device
//! is; and every act is written to an [`Audit`](super::Audit) log before it is sent.
//!
//! - `remote_action`: what is to be done to which devices, and doing it; `catalog`: which remote actions there are;
//!   `execution`: what became of it
//! - `campaign`, `workflow`, `spark`: the others

mod campaign;
mod catalog;
mod execution;
mod remote_action;
mod spark;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use campaign::{Campaign, CampaignRequest};
pub use catalog::{Input, Output, RemoteActionInfo};
pub use execution::{Before, Execution, Status};
pub use remote_action::{Remediated, RemediationPlan, RemoteAction, Request, Stopped, Trigger};
pub use workflow::{Workflow, WorkflowRequest};

use super::audit::Mandate;
use super::client::{Answer, Call};
use super::{Client, Error};
use crate::lookup::{Account, Because, Recipient, Target};

/// Devices or users that one call takes at the most (Nexthink's API reference, of all three).
const MOST: usize = 10_000;

/// For how long what the index said is good to act on: it was asked for this talk, and not for one of yesterday.
const GOOD_FOR: Duration = Duration::from_mins(10);

/// How an act ended, for the log.
pub(super) enum Outcome<'o> {
    /// Taken.
    Sent(&'o Value),
    /// Answered, and not taken for anybody.
    Refused(&'o Value),
    Failed(&'o Error),
}

/// What was read of an answer: what is returned, what the log keeps, and whether it was taken.
struct Read<T> {
    made: T,
    answer: Value,
    is_taken: bool,
}

/// An act: what is sent, and to whom.
struct Act<'a> {
    name: &'static str,
    path: &'a str,
    headers: &'a [(&'static str, &'a str)],
    on: Vec<Value>,
    body: Value,
    /// What the log has of the body; none: all of it.
    logged: Option<Value>,
}

impl Client {
    /// Writes an act to the log, sends it, and writes how it ended. `read` makes of the answer what is returned, and what is
    /// written of it.
    async fn act<T>(
        &self,
        act: Act<'_>,
        mandate: Mandate<'_>,
        read: impl FnOnce(&Answer) -> Result<Read<T>, Error>,
    ) -> Result<T, Error> {
        let audit = mandate.audit;
        let logged = act.logged.as_ref().unwrap_or(&act.body);
        let begun = audit.begin(act.name, mandate.asked_by, &act.on, logged);
        let id = begun.await?;
        let call = Call {
            headers: act.headers,
            ..Call::post(act.name, act.path, act.body.to_string().into_bytes())
        };
        let sent = self.send(&call, self.deadline()).await;
        match sent.and_then(|answer| read(&answer)) {
            Ok(read) => {
                let outcome = match read.is_taken {
                    true => Outcome::Sent(&read.answer),
                    false => Outcome::Refused(&read.answer),
                };
                audit.end(&id, &outcome).await;
                Ok(read.made)
            }
            Err(error) => {
                let error = match call.may_be_done.into_inner() {
                    true => Error::MayBeDone(Box::new(error)),
                    false => Error::NotDone(Box::new(error)),
                };
                audit.end(&id, &Outcome::Failed(&error)).await;
                Err(error)
            }
        }
    }
}

/// Refuses to act on what the index said long ago: a device may be somebody else's by now.
fn still_good<'b>(all: impl Iterator<Item = &'b Because>, now: Instant) -> Result<(), Error> {
    let mut ages = all.map(|because| now.saturating_duration_since(because.since));
    match ages.any(|age| age > GOOD_FOR) {
        false => Ok(()),
        true => Err(Error::NotDone(Box::new(Error::Configuration {
            what:
                "whom or what to act on was looked up more than ten minutes ago; look it up again"
                    .to_owned(),
        }))),
    }
}

/// Returns each once, by what it is known by.
fn distinct<T: Clone, K: Ord>(all: &[T], key: impl Fn(&T) -> K) -> Vec<T> {
    let mut known = BTreeSet::new();
    all.iter()
        .filter(|one| known.insert(key(one)))
        .cloned()
        .collect()
}

/// Reads an answer that is an object.
fn object(call: &'static str, answer: &Answer) -> Result<Value, Error> {
    let answer = serde_json::from_slice(&answer.body).ok();
    let answer = answer.filter(Value::is_object);
    answer.ok_or(Error::BadAnswer {
        call,
        reason: "it is no JSON object",
    })
}

/// Returns a text of an answer that has to be there.
fn said(call: &'static str, value: &Value, reason: &'static str) -> Result<String, Error> {
    let text = value.as_str().filter(|text| !text.is_empty());
    let text = text.ok_or(Error::BadAnswer { call, reason })?;
    Ok(text.to_owned())
}

/// Takes the id of a remote action, campaign or workflow, as its page in Nexthink shows it.
fn checked_id(what: &str, id: &str) -> Result<String, Error> {
    match (1..=300).contains(&id.len()) && !id.chars().any(|c| c.is_control() || c.is_whitespace())
    {
        true => Ok(id.to_owned()),
        false => Err(Error::Configuration {
            what: format!(
                "the id of a {what} is 1 to 300 letters without spaces, such as #clear_disk"
            ),
        }),
    }
}

/// Parameters by name.
type Parameters = BTreeMap<String, String>;

/// What the log says of a device.
fn of_target(target: &Target) -> Value {
    let device = target.device();
    json!({
        "device": {"uid": device.uid, "collector_uid": target.collector_uid(), "name": device.name},
        "account": target.account().map(of_account),
        "because": of_because(target.because()),
    })
}

/// What the log says of an account.
fn of_recipient(recipient: &Recipient) -> Value {
    json!({"account": of_account(recipient.account()), "because": of_because(recipient.because())})
}

fn of_account(account: &Account) -> Value {
    json!({"uid": account.uid, "sid": account.sid, "account_name": account.account_name})
}

fn of_because(because: &Because) -> Value {
    let allowed: Vec<&str> = because.allowed.iter().map(|doubt| doubt.as_str()).collect();
    json!({"query": because.query, "verified": because.is_verified, "named": because.named,
        "generation": because.generation, "allowed": allowed})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::Kind;

    #[test]
    fn what_was_plain_ten_minutes_ago_is_looked_up_again() {
        let since = Instant::now();
        let because = Because {
            query: "jdoe@EMEA".to_owned(),
            generation: 1,
            since,
            is_verified: true,
            named: None,
            allowed: Vec::new(),
        };
        let after =
            |minutes| still_good([&because].into_iter(), since + Duration::from_mins(minutes));
        assert!(after(10).is_ok());
        let error = after(11).unwrap_err();
        assert!(
            !error.may_be_done() && error.to_string().contains("look it up again"),
            "{error}"
        );
    }

    #[test]
    fn each_is_there_once_in_the_order_in_which_they_came() {
        let kinds = [Kind::Upn, Kind::Sid, Kind::Upn];
        assert_eq!(
            distinct(&kinds, |kind| kind.as_str()),
            [Kind::Upn, Kind::Sid]
        );
    }
}
