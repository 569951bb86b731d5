//! Workflows: what Nexthink does in several steps, with devices, accounts or both.

use std::time::Instant;

use serde_json::{Value, json};

use super::{
    Act, MOST, Parameters, Read, checked_id, distinct, object, of_recipient, of_target, said,
    still_good,
};
use crate::Kind;
use crate::live::client::Answer;
use crate::live::{Client, Error, Mandate};
use crate::lookup::{NoTarget, Recipient, Target};

const CALL: &str = "the workflow";

/// A workflow with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    id: String,
    parameters: Parameters,
}

impl Workflow {
    /// A workflow by its id.
    ///
    /// # Errors
    /// Where that is none.
    pub fn new(id: &str) -> Result<Workflow, Error> {
        Ok(Workflow {
            id: checked_id("workflow", id)?,
            parameters: Parameters::new(),
        })
    }

    /// Sets a parameter.
    pub fn with(mut self, name: &str, value: &str) -> Workflow {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Returns what is sent for some devices and accounts: for people to look at before it is.
    ///
    /// # Errors
    /// Where an account has neither a SID of its own, nor a uid, nor a UPN in clear.
    pub fn body(&self, targets: &[Target], recipients: &[Recipient]) -> Result<Value, Error> {
        let device = |target: &Target| json!({"collectorUid": target.collector_uid()});
        let devices: Vec<Value> = targets.iter().map(device).collect();
        let users = recipients.iter().map(user).collect::<Result<Vec<_>, _>>();
        Ok(json!({
            "workflowId": self.id, "devices": devices, "users": users.map_err(Error::no_target)?,
            "params": self.parameters,
        }))
    }
}

/// Returns one id of an account, the surest: of several accounts that one fits, Nexthink would take the one seen last.
fn user(recipient: &Recipient) -> Result<Value, NoTarget> {
    if let Ok(sid) = recipient.sid() {
        return Ok(json!({"sid": sid}));
    }
    if let Ok(uid) = recipient.uid() {
        return Ok(json!({"uid": uid}));
    }
    match recipient.upn() {
        Ok(upn) => Ok(json!({"upn": upn})),
        Err(_) => Err(NoTarget::NoId(Kind::Sid)),
    }
}

/// What became of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowRequest {
    /// The id of the request: `workflow.executions.request_id` in NQL.
    pub id: String,
    /// The ids of its executions, one for each device or account.
    pub executions: Vec<String>,
}

impl Client {
    /// Runs a workflow with some devices, accounts or both, at most 10,000 of each; it is written to the audit log first.
    ///
    /// # Errors
    /// Where there are none or too many, or an account has no id that Nexthink takes, nothing is sent; then what may go wrong
    /// with every call.
    pub async fn run_workflow(
        &self,
        workflow: &Workflow,
        targets: &[Target],
        recipients: &[Recipient],
        mandate: Mandate<'_>,
    ) -> Result<WorkflowRequest, Error> {
        let all = targets.len() + recipients.len();
        if all == 0 || targets.len() > MOST || recipients.len() > MOST {
            return Err(Error::Configuration {
                what: "a workflow is run with 1 to 10000 devices or accounts".to_owned(),
            });
        }
        let because = targets.iter().map(Target::because);
        let because = because.chain(recipients.iter().map(Recipient::because));
        still_good(because, Instant::now())?;
        // What is listed twice is done once.
        let targets = distinct(targets, |one| one.collector_uid().to_owned());
        let key = |one: &Recipient| {
            let account = one.account();
            (
                account.sid.clone(),
                account.uid.clone(),
                account.account_name.clone(),
            )
        };
        let recipients = distinct(recipients, key);
        let on = targets.iter().map(of_target);
        let act = Act {
            name: CALL,
            path: "api/v2/workflows/execute",
            headers: &[],
            on: on.chain(recipients.iter().map(of_recipient)).collect(),
            body: workflow.body(&targets, &recipients)?,
            logged: None,
        };
        self.act(act, mandate, read).await
    }
}

fn read(answer: &Answer) -> Result<Read<WorkflowRequest>, Error> {
    let answer = object(CALL, answer)?;
    let executions = answer["executionsUuids"].as_array().into_iter().flatten();
    let executions = executions.filter_map(|id| id.as_str().map(str::to_owned));
    let request = WorkflowRequest {
        id: said(CALL, &answer["requestUuid"], "it has no requestUuid")?,
        executions: executions.collect(),
    };
    if request.executions.is_empty() {
        return Err(Error::BadAnswer {
            call: CALL,
            reason: "it has no executions",
        });
    }
    Ok(Read {
        made: request,
        answer,
        is_taken: true,
    })
}
