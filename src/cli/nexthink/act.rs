//! `identidex nexthink act`: runs a remote action on a device, and waits for what becomes of it.

use std::time::Duration;

use serde_json::{Value, json};
use tracing::info;

use super::whom::{Whom, target_in_words};
use super::{Acting, Sending, acted, pair, wait};
use crate::cli::words::printable;
use crate::cli::{Context, Exit, print, print_json};
use crate::live::Error;
use crate::live::act::{Execution, RemediationPlan, RemoteAction, Request, Status, Trigger};
use crate::lookup::Target;

/// Run a remote action on a device that is plainly the one that is meant
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    whom: Whom,
    /// The id of the remote action; its trigger API must be on
    #[arg(long, value_name = "ID")]
    action: String,
    /// Set a parameter of its script; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// For how many minutes a device that is off may come back and still do it: 60 to 10080
    #[arg(long, value_name = "MINUTES")]
    expires: Option<u32>,
    /// Why, as Nexthink shows it: at most 500 characters
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// The number of a ticket, as Nexthink shows it
    #[arg(long, value_name = "TEXT", default_value = "")]
    reference: String,
    /// Wait for what becomes of it, so many seconds at the most
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u32>,
    #[command(flatten)]
    pub(super) sending: Sending,
}

/// What was done, and what became of it.
struct Done {
    request: Option<Request>,
    waited: Waited,
}

/// What became of it.
enum Waited {
    /// It was not waited for.
    Not,
    Told(Option<Execution>),
    /// It was sent, and what became of it cannot be told.
    Failed(String),
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let action = action(args)?;
    let target = args.whom.target(context)?;
    let plan = RemediationPlan::new(action, target.clone());
    let done = match args.sending.dry_run {
        true => Done {
            request: None,
            waited: Waited::Not,
        },
        false => {
            let acting = Acting::new(context, &args.sending)?;
            wait(act(args, &acting, &plan, &target))??
        }
    };
    match args.sending.json {
        true => print_json(&json_of(&done, &plan, &target))?,
        false => print(in_words(&done, &plan, &target))?,
    }
    Ok(match done.waited {
        Waited::Not => Exit::Done,
        Waited::Told(Some(execution)) => match execution.status {
            Status::Success => Exit::Done,
            Status::Failure | Status::Dropped(_) => Exit::Failed,
            Status::UnderWay(_) => Exit::Partly,
        },
        Waited::Told(None) | Waited::Failed(_) => Exit::Partly,
    })
}

fn action(args: &Args) -> anyhow::Result<RemoteAction> {
    let mut action = RemoteAction::new(&args.action)?.triggered_by(Trigger {
        source: "identidex".to_owned(),
        reason: args.reason.clone(),
        reference: args.reference.clone(),
    })?;
    for (name, value) in &args.set {
        action = action.with(name, value);
    }
    Ok(match args.expires {
        Some(minutes) => action.expiring_in(minutes)?,
        None => action,
    })
}

async fn act(
    args: &Args,
    acting: &Acting,
    plan: &RemediationPlan,
    target: &Target,
) -> anyhow::Result<Done> {
    let client = &acting.client;
    // Executions are known by the name of the remote action and by when they were, which is asked for first: what is sent
    // cannot be taken back.
    let known = not_sent(client.remote_action(&args.action).await);
    let info = acted(args.sending.json, known)?;
    acted(args.sending.json, not_sent(plan.action().fits(&info)))?;
    let before = match args.wait {
        Some(seconds) => {
            let name = info.name;
            let before = not_sent(client.before_execution(&name, target).await);
            let before = acted(args.sending.json, before)?;
            Some((name, before, Duration::from_secs(u64::from(seconds))))
        }
        None => None,
    };
    let done = acted(
        args.sending.json,
        client.remediate(plan, acting.mandate()).await,
    )?;
    let request = done.requests.into_iter().next();
    let Some((name, before, within)) = before else {
        return Ok(Done {
            request,
            waited: Waited::Not,
        });
    };
    let look = |execution: Option<&Execution>| {
        let status = execution.map_or("nothing yet", |one| one.status.as_str());
        info!("{}: {}", plan_name(target), printable(status));
    };
    let waited = client.wait_for_execution(&name, target, before, within, look);
    let waited = match waited.await {
        Ok(execution) => Waited::Told(execution),
        Err(error) => Waited::Failed(error.to_string()),
    };
    Ok(Done { request, waited })
}

/// What fails before anything is sent was not done.
fn not_sent<T>(asked: Result<T, Error>) -> Result<T, Error> {
    asked.map_err(|error| Error::NotDone(Box::new(error)))
}

fn plan_name(target: &Target) -> &str {
    let name = target.device().name.as_deref();
    name.unwrap_or(target.collector_uid())
}

fn json_of(done: &Done, plan: &RemediationPlan, target: &Target) -> Value {
    let device = target.device();
    let because = target.because();
    let allowed: Vec<&str> = because.allowed.iter().map(|doubt| doubt.as_str()).collect();
    let request = done.request.as_ref();
    let request =
        request.map(|one| json!({"id": one.id, "expires_in_minutes": one.expires_in_minutes}));
    let (execution, fault) = match &done.waited {
        Waited::Not | Waited::Told(None) => (None, None),
        Waited::Told(Some(one)) => (Some(one.json()), None),
        Waited::Failed(why) => (None, Some(why)),
    };
    json!({
        "device": {"name": device.name, "uid": device.uid, "collector_uid": target.collector_uid()},
        "account": target.account().and_then(|account| account.account_name.as_deref()),
        "generation": because.generation, "allowed": allowed,
        "body": plan.body(plan.targets()), "sent": done.request.is_some(), "request": request, "execution": execution, "execution_error": fault,
    })
}

fn in_words(done: &Done, plan: &RemediationPlan, target: &Target) -> String {
    let mut text = target_in_words(target);
    match &done.request {
        None => text.push_str(&format!("\nwould be sent: {}", plan.body(plan.targets()))),
        Some(request) => text.push_str(&format!("\nsent: request {}", printable(&request.id))),
    }
    match &done.waited {
        Waited::Not => {}
        Waited::Told(None) => text.push_str("\nNexthink tells of no execution yet"),
        Waited::Told(Some(execution)) => {
            text.push_str(&format!("\n{}", printable(execution.status.as_str())));
            if let Some(outputs) = &execution.outputs {
                text.push_str(&format!(": {}", printable(outputs)));
            }
            if execution.others > 0 {
                text.push_str(
                    "\nthere were others of this remote action since, and it may be one of those",
                );
            }
        }
        Waited::Failed(why) => text.push_str(&format!("\nwhat became of it cannot be told: {why}")),
    }
    text
}
