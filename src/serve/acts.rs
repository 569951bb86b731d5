//! Acts: how a device fares, a remote action on it, and what became of that, asked of Nexthink by the sidecar, so that its
//! credential is in one place. The guard is the same as everywhere: nothing is done to a device that is not plainly the one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Acting;
use super::app::{App, json as as_json};
use super::problem::Problem;
use super::resolve::{OfTarget, OneOf, of_body};
use crate::live::act::{Before, Execution, RemediationPlan, RemoteAction, Trigger};
use crate::live::{Client, Error, Mandate};
use crate::lookup::Target;

/// A remote action on the device of somebody.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfAct {
    query: OneOf,
    device: Option<String>,
    #[serde(default)]
    allow: Vec<String>,
    /// The id of the remote action.
    action: String,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    expires_in_minutes: Option<u32>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    reference: String,
    /// Who answers for it, for the log.
    asked_by: String,
}

/// What became of a remote action: on the device that it was sent to, whoever has that by now.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfOutcome {
    action: String,
    collector_uid: String,
    /// What the answer to the act had as `before`.
    before: String,
}

/// `POST /v1/diagnose`
pub(super) async fn diagnose(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let asked: OfTarget = of_body(body)?;
    let client = app.client()?;
    let (target, mut answer) = targeted(&app, asked)?;
    if let Some(target) = target {
        let health = client
            .diagnose(&target)
            .await
            .map_err(|error| problem(&error))?;
        answer["health"] = health.json();
    }
    Ok(as_json(&answer))
}

/// `POST /v1/act`
pub(super) async fn act(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let asked: OfAct = of_body(body)?;
    let (client, acting) = (app.client()?, app.acting(&asked.action)?);
    if asked.asked_by.trim().is_empty() {
        return Err(Problem::bad_request(
            "asked_by: expected who answers for it, for the log",
        ));
    }
    let action = asked
        .action()
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    let of_target = OfTarget {
        query: asked.query,
        device: asked.device,
        allow: asked.allow,
    };
    let (target, mut answer) = targeted(&app, of_target)?;
    answer["sent"] = json!(false);
    let Some(target) = target else {
        return Ok(as_json(&answer));
    };
    // What was executed until now is not what it comes to; asked first, since what is sent cannot be taken back.
    let not_sent = |error: &Error| problem(error).with_may_be_done(false);
    let info = client.remote_action(&asked.action).await;
    let info = info.map_err(|error| not_sent(&error))?;
    action
        .fits(&info)
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    let before = client.before_execution(&info.name, &target).await;
    let before = before.map_err(|error| not_sent(&error))?;
    let plan = RemediationPlan::new(action, target);
    let (client, audit, asked_by) = (client.clone(), acting.audit.clone(), asked.asked_by);
    // Whoever asked may go away: it is sent all the same, and the log has how that ended.
    let sending = tokio::spawn(async move {
        let mandate = Mandate {
            asked_by: &asked_by,
            audit: &audit,
        };
        client.remediate(&plan, mandate).await
    });
    let done = sending
        .await
        .map_err(|_| Problem::broken().with_may_be_done(true))?;
    let done = done.map_err(|error| problem(&error).with_may_be_done(error.may_be_done()))?;
    let requests = done.requests.iter();
    let requests =
        requests.map(|one| json!({"id": one.id, "expires_in_minutes": one.expires_in_minutes}));
    answer["sent"] = json!(true);
    answer["request"] = requests.into_iter().next().unwrap_or(Value::Null);
    answer["before"] = json!(before.to_string());
    Ok(as_json(&answer))
}

/// `POST /v1/act/outcome`
pub(super) async fn outcome(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let asked: OfOutcome = of_body(body)?;
    let client = app.client()?;
    app.acting(&asked.action)?;
    let before: Before = asked.before.parse().map_err(|_| {
        Problem::bad_request("before: expected what the answer to the act had as before")
    })?;
    let name = client.remote_action(&asked.action).await;
    let name = name.map_err(|error| problem(&error))?.name;
    let execution = client.execution_on(&name, &asked.collector_uid, before);
    let execution = execution.await.map_err(|error| problem(&error))?;
    Ok(as_json(
        &json!({"execution": execution.as_ref().map(Execution::json)}),
    ))
}

/// Returns the device that may be acted on, and the beginning of the answer: it, or what speaks against it.
fn targeted(app: &App, asked: OfTarget) -> Result<(Option<Target>, Value), Problem> {
    let targeted = asked.targeted(app)?;
    let answer = json!(targeted);
    Ok((targeted.found.ok(), answer))
}

fn problem(error: &Error) -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, error.to_string())
}

impl OfAct {
    fn action(&self) -> Result<RemoteAction, Error> {
        let action = RemoteAction::new(&self.action)?.triggered_by(Trigger {
            source: "identidex".to_owned(),
            reason: self.reason.clone(),
            reference: self.reference.clone(),
        })?;
        let parameters = self.parameters.iter();
        let action = parameters.fold(action, |action, (name, value)| action.with(name, value));
        match self.expires_in_minutes {
            Some(minutes) => action.expiring_in(minutes),
            None => Ok(action),
        }
    }
}

impl App {
    fn client(&self) -> Result<&Client, Problem> {
        let client = self.client.as_ref();
        client.ok_or_else(|| Problem::not_found("Nexthink is not asked here (serve.diagnose)"))
    }

    fn acting(&self, action: &str) -> Result<&Acting, Problem> {
        let acting = self.acting.as_ref();
        let acting = acting.filter(|acting| acting.actions.iter().any(|known| known == action));
        let why = "this remote action is none of those that may be run here (serve.actions)";
        acting.ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, why))
    }
}
