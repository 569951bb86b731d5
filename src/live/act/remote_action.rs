//! Remote actions: what is to be done, to which devices, and doing it.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};

use super::catalog::RemoteActionInfo;
use super::{Act, MOST, Parameters, Read, checked_id, object, of_target, said, still_good};
use crate::live::client::Answer;
use crate::live::{Client, Error, Mandate};
use crate::lookup::Target;

const CALL: &str = "the remote action";

/// A remote action with its parameters. It must have the trigger *API* switched on in Nexthink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteAction {
    id: String,
    parameters: Parameters,
    expires_in_minutes: Option<u32>,
    trigger: Option<Trigger>,
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

/// Why a remote action is run, as Nexthink shows it to administrators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trigger {
    /// The program that asks.
    pub source: String,
    /// Why; at most 500 characters.
    pub reason: String,
    /// The number of a ticket, say.
    pub reference: String,
}

impl RemoteAction {
    /// A remote action by its id, without parameters.
    ///
    /// # Errors
    /// Where the id is empty, longer than 300 bytes, or has spaces.
    pub fn new(id: &str) -> Result<RemoteAction, Error> {
        Ok(RemoteAction {
            id: checked_id("remote action", id)?,
            parameters: Parameters::new(),
            expires_in_minutes: None,
            trigger: None,
        })
    }

    /// Returns its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sets a parameter of its script.
    pub fn with(mut self, name: &str, value: &str) -> RemoteAction {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Checks it against what the tenant says of it: a parameter that it does not take, or a value that is none of those to choose
    /// from, would go to its script.
    ///
    /// # Errors
    /// What does not fit.
    pub fn fits(&self, info: &RemoteActionInfo) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Configuration { what });
        if !info.is_api_enabled {
            return wrong("the trigger API of the remote action is off; an administrator of Nexthink switches it on".to_owned());
        }
        // One that does not say what it takes may take anything.
        let parameters = self.parameters.iter().filter(|_| !info.inputs.is_empty());
        for (name, value) in parameters {
            let Some(input) = info.inputs.iter().find(|input| input.name == *name) else {
                let known: Vec<&str> = info
                    .inputs
                    .iter()
                    .map(|input| input.name.as_str())
                    .collect();
                return wrong(format!(
                    "the remote action takes no parameter of that name; it takes {}",
                    listed(&known)
                ));
            };
            if !input.allows_others && !input.options.is_empty() && !input.options.contains(value) {
                let known: Vec<&str> = input.options.iter().map(String::as_str).collect();
                return wrong(format!("the parameter {name} is one of {}", listed(&known)));
            }
        }
        Ok(())
    }

    /// Says for how long a device that is off may come back and still do it: 60 minutes to 7 days (10,080).
    ///
    /// # Errors
    /// Where it is shorter or longer.
    pub fn expiring_in(mut self, minutes: u32) -> Result<RemoteAction, Error> {
        if !(60..=10_080).contains(&minutes) {
            return Err(Error::Configuration {
                what: "a remote action expires in 60 to 10080 minutes".to_owned(),
            });
        }
        self.expires_in_minutes = Some(minutes);
        Ok(self)
    }

    /// Says why it is run.
    ///
    /// # Errors
    /// Where the reason is longer than 500 characters.
    pub fn triggered_by(mut self, trigger: Trigger) -> Result<RemoteAction, Error> {
        if trigger.reason.chars().count() > 500 {
            return Err(Error::Configuration {
                what: "the reason for a remote action has at most 500 characters".to_owned(),
            });
        }
        self.trigger = Some(trigger);
        Ok(self)
    }
}

/// A remote action and the devices it is to be run on: nothing but what an index gave as a [`Target`].
#[derive(Debug, Clone, PartialEq)]
pub struct RemediationPlan {
    action: RemoteAction,
    targets: Vec<Target>,
}

impl RemediationPlan {
    /// Returns what is to be done.
    pub fn action(&self) -> &RemoteAction {
        &self.action
    }

    /// A plan for one device.
    pub fn new(action: RemoteAction, target: Target) -> RemediationPlan {
        RemediationPlan {
            action,
            targets: vec![target],
        }
    }

    /// Adds a device; one that is there is not added again.
    pub fn and(mut self, target: Target) -> RemediationPlan {
        let is_there = |one: &Target| one.collector_uid() == target.collector_uid();
        if !self.targets.iter().any(is_there) {
            self.targets.push(target);
        }
        self
    }

    /// Adds devices; those that are there are not added again.
    pub fn and_all(mut self, targets: impl IntoIterator<Item = Target>) -> RemediationPlan {
        let known = self
            .targets
            .iter()
            .map(|one| one.collector_uid().to_owned());
        let mut known: BTreeSet<String> = known.collect();
        let new = targets
            .into_iter()
            .filter(|one| known.insert(one.collector_uid().to_owned()));
        self.targets.extend(new);
        self
    }

    /// Returns the devices.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Returns what is sent for some of its devices: for people to look at before it is.
    pub fn body(&self, targets: &[Target]) -> Value {
        let devices: Vec<&str> = targets.iter().map(Target::collector_uid).collect();
        let mut body = json!({
            "remoteActionId": self.action.id, "devices": devices, "params": self.action.parameters,
        });
        if let Some(minutes) = self.action.expires_in_minutes {
            body["expiresInMinutes"] = json!(minutes);
        }
        if let Some(trigger) = &self.action.trigger {
            body["triggerInfo"] = json!({
                "externalSource": trigger.source, "reason": trigger.reason, "externalReference": trigger.reference,
            });
        }
        body
    }
}

/// A request that Nexthink took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its id in Nexthink.
    pub id: String,
    /// For how long devices that are off may come back and still do it, in minutes, where that was said.
    pub expires_in_minutes: Option<u64>,
    /// How many devices it is for.
    pub devices: usize,
}

/// What became of a plan.
#[derive(Debug)]
pub struct Remediated {
    /// One request for each 10,000 devices.
    pub requests: Vec<Request>,
    /// Where it went no further.
    pub stopped: Option<Stopped>,
}

/// Where a plan for many devices stopped.
#[derive(Debug)]
pub struct Stopped {
    /// How many devices, the last ones of the plan, are in no request that was taken.
    pub devices: usize,
    /// Why. The first 10,000 of them may have it all the same where [`Error::may_be_done`].
    pub error: Error,
}

impl Client {
    /// Runs a remote action on the devices of a plan, 10,000 a request; what was asked, for whom and on whose word stands in
    /// the audit log before anything is sent. A request that may have been taken is not sent again.
    ///
    /// # Errors
    /// Where not even the first request was taken: [`Error::Audit`], in which case nothing was sent, or what may go wrong with
    /// every call; [`Error::may_be_done`] tells whether it may have been done all the same.
    pub async fn remediate(
        &self,
        plan: &RemediationPlan,
        mandate: Mandate<'_>,
    ) -> Result<Remediated, Error> {
        still_good(plan.targets.iter().map(Target::because), Instant::now())?;
        let mut requests = Vec::new();
        let mut left = plan.targets.len();
        for targets in plan.targets.chunks(MOST) {
            match self.request(plan, targets, mandate).await {
                Ok(request) => requests.push(request),
                Err(error) if requests.is_empty() => return Err(error),
                Err(error) => {
                    let stopped = Stopped {
                        devices: left,
                        error,
                    };
                    return Ok(Remediated {
                        requests,
                        stopped: Some(stopped),
                    });
                }
            }
            left -= targets.len();
        }
        Ok(Remediated {
            requests,
            stopped: None,
        })
    }

    async fn request(
        &self,
        plan: &RemediationPlan,
        targets: &[Target],
        mandate: Mandate<'_>,
    ) -> Result<Request, Error> {
        let act = Act {
            name: CALL,
            path: "api/v1/act/execute",
            headers: &[],
            on: targets.iter().map(of_target).collect(),
            body: plan.body(targets),
            logged: None,
        };
        let read = |answer: &Answer| {
            let answer = object(CALL, answer)?;
            let request = Request {
                id: said(CALL, &answer["requestId"], "it has no requestId")?,
                expires_in_minutes: answer["expiresInMinutes"].as_u64(),
                devices: targets.len(),
            };
            Ok(Read {
                made: request,
                answer,
                is_taken: true,
            })
        };
        self.act(act, mandate, read).await
    }
}
