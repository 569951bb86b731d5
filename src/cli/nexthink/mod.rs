//! `identidex nexthink`: asks Nexthink itself, and has things done there: queries, remote actions, campaigns, workflows.
//!
//! Whom it is done to is `whom`'s affair; nothing is done to a device or an account that the index does not give as a target.

mod act;
mod actions;
mod campaign;
mod check;
mod diagnose;
mod queries;
mod query;
mod spark;
pub(super) mod whom;
mod workflow;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;
use tokio::runtime::Runtime;

use super::{BadUsage, Context, Exit, print_json, sync};
use crate::live::{Audit, Client, Credentials, Error, Mandate, Options, Secret, Tenant};
use crate::lookup::{Index, NoTarget, Query};
use crate::queried::Queried;
use crate::resolver::{Resolved, Resolver, ResolverOptions};

/// For so long nobody is asked for again whom Nexthink did not know.
const NOBODY_FOR: Duration = Duration::from_mins(10);

/// Ask Nexthink itself, and have things done there
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  identidex nexthink check\n  identidex nexthink act upn=john.doe@contoso.com --verified --action '#clear_disk' --dry-run"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Args),
    Queries(queries::Args),
    Query(query::Args),
    Diagnose(diagnose::Args),
    Actions(actions::Args),
    Act(act::Args),
    Campaign(campaign::Args),
    Workflow(workflow::Args),
    Spark(spark::Args),
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let ended = args.command.run(context);
    if let Err(error) = &ended
        && let Some(why) = no_target_of(error)
        && args.command.is_json()
    {
        print_refusal(why)?;
    }
    ended
}

/// What was asked for may have been done, though it failed.
#[derive(Debug, thiserror::Error)]
#[error("it may have been done all the same; the audit log has it")]
pub(super) struct MayBeDone;

/// Says how an act failed, for whoever has to know whether to try again.
fn acted<T>(is_json: bool, acted: Result<T, Error>) -> anyhow::Result<T> {
    acted.map_err(|error| {
        let may_be_done = error.may_be_done();
        let sent = if may_be_done {
            json!(null)
        } else {
            json!(false)
        };
        let said = json!({"sent": sent, "may_be_done": may_be_done, "error": error.to_string()});
        let printed = if is_json { print_json(&said) } else { Ok(()) };
        match (printed, may_be_done) {
            (Err(closed), _) => closed,
            (Ok(()), true) => anyhow::Error::new(error).context(MayBeDone),
            (Ok(()), false) => error.into(),
        }
    })
}

/// Returns why there was nobody or nothing to act on, if that is what an error says.
pub(super) fn no_target_of(error: &anyhow::Error) -> Option<&NoTarget> {
    error.downcast_ref().or(match error.downcast_ref() {
        Some(Error::NoTarget(why)) => Some(why),
        _ => None,
    })
}

/// Says as JSON why nothing was done to whom it was meant for.
fn print_refusal(why: &NoTarget) -> anyhow::Result<()> {
    let doubts = why.doubts();
    print_json(&json!({"sent": false, "refused": why.to_string(), "doubts": doubts}))
}

impl Command {
    fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        match self {
            Command::Check(args) => check::run(args, context),
            Command::Queries(args) => queries::run(args),
            Command::Query(args) => query::run(args, context),
            Command::Diagnose(args) => diagnose::run(args, context),
            Command::Actions(args) => actions::run(args, context),
            Command::Act(args) => act::run(args, context),
            Command::Campaign(args) => campaign::run(args, context),
            Command::Workflow(args) => workflow::run(args, context),
            Command::Spark(args) => spark::run(args, context),
        }
    }

    /// Tells whether what concerns somebody is told as JSON.
    fn is_json(&self) -> bool {
        match self {
            Command::Diagnose(args) => args.json,
            Command::Act(args) => args.sending.json,
            Command::Campaign(args) => args.sending.json,
            Command::Workflow(args) => args.sending.json,
            Command::Spark(args) => args.sending.json,
            _ => false,
        }
    }
}

/// Runs what waits for answers.
pub(super) fn wait<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    Ok(runtime()?.block_on(work))
}

fn runtime() -> anyhow::Result<Runtime> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build();
    runtime.context("cannot start to wait for answers")
}

/// Makes a client of the configured tenant.
pub(super) fn client(context: &Context) -> anyhow::Result<Client> {
    let nexthink = &context.config.nexthink;
    client_of(
        context,
        nexthink.instance.as_deref(),
        nexthink.region.as_deref(),
    )
}

/// Makes a client of the tenant of a source, with the configured credential, which is of one tenant.
pub(super) fn client_of_source(context: &Context, queried: &Queried) -> anyhow::Result<Client> {
    let nexthink = &context.config.nexthink;
    let of = [
        (&nexthink.instance, queried.instance()),
        (&nexthink.region, queried.region()),
    ];
    let is_other = |(configured, named): &(&Option<String>, &str)| {
        let configured = configured.as_deref();
        configured.is_some_and(|configured| !configured.eq_ignore_ascii_case(named))
    };
    if of.iter().any(is_other) {
        let text = "a source is of another tenant than [nexthink]: one index is one tenant, and a credential is of one";
        return Err(BadUsage(text.to_owned()).into());
    }
    client_of(context, Some(queried.instance()), Some(queried.region()))
}

/// Makes a client of a tenant, with the configured credential.
fn client_of(
    context: &Context,
    instance: Option<&str>,
    region: Option<&str>,
) -> anyhow::Result<Client> {
    let nexthink = &context.config.nexthink;
    let missing = |key: &str| {
        let variable = key.to_ascii_uppercase();
        BadUsage(format!(
            "nexthink.{key} is not configured; set it in [nexthink], or as IDENTIDEX_NEXTHINK_{variable}"
        ))
    };
    let tenant = match (&nexthink.api_url, &nexthink.login_url) {
        (Some(api), Some(login)) => Tenant::at(api, login)?,
        (None, None) => Tenant::new(
            instance.ok_or_else(|| missing("instance"))?,
            region.ok_or_else(|| missing("region"))?,
        )?,
        (None, Some(_)) => return Err(missing("api_url").into()),
        (Some(_), None) => return Err(missing("login_url").into()),
    };
    let client_id = nexthink.client_id.clone();
    let secret = match (&nexthink.secret, &nexthink.secret_file) {
        (Some(secret), _) => secret.clone(),
        (None, Some(file)) => Secret::from_file(file)?,
        (None, None) => return Err(missing("secret").into()),
    };
    let credentials = Credentials {
        client_id: client_id.ok_or_else(|| missing("client_id"))?,
        secret,
    };
    let options = Options {
        deadline: nexthink.deadline,
        calls_per_second: nexthink.calls_per_second,
        ..Options::default()
    };
    Ok(Client::new(tenant, credentials, options)?)
}

/// What asks Nexthink where an index cannot say, one query after the other: connections live in one runtime.
pub(super) struct Asking {
    runtime: Runtime,
    resolver: Resolver,
}

impl Asking {
    pub(super) fn new(context: &Context, index: Arc<Index>) -> anyhow::Result<Asking> {
        let options = ResolverOptions {
            ingest: sync::configured_options(&context.config)?,
            lookup: context.lookup_options(),
            within: context.config.nexthink.deadline,
            nobody_for: NOBODY_FOR,
        };
        Ok(Asking {
            runtime: runtime()?,
            resolver: Resolver::new(index, client(context)?, options),
        })
    }

    pub(super) fn resolve(&self, query: Query) -> anyhow::Result<Resolved> {
        Ok(self.runtime.block_on(self.resolver.resolve(query))?)
    }
}

/// On whose word something is done.
#[derive(Debug, clap::Args)]
pub(super) struct AskedBy {
    /// Write this to the audit log as who asked for it [default: whoever runs the program]
    #[arg(long, value_name = "WHO")]
    asked_by: Option<String>,
}

/// How something is sent, and on whose word.
#[derive(Debug, clap::Args)]
struct Sending {
    #[command(flatten)]
    asked_by: AskedBy,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// What acts go by: a client, and the log of whoever asked.
struct Acting {
    client: Client,
    audit: Audit,
    asked_by: String,
}

impl Acting {
    fn new(context: &Context, sending: &Sending) -> anyhow::Result<Acting> {
        Ok(Acting {
            client: client(context)?,
            audit: audit(context)?,
            asked_by: sending.asked_by.who()?,
        })
    }

    fn mandate(&self) -> Mandate<'_> {
        Mandate {
            asked_by: &self.asked_by,
            audit: &self.audit,
        }
    }
}

impl AskedBy {
    pub(super) fn who(&self) -> anyhow::Result<String> {
        let who = self.asked_by.clone().or_else(user);
        let who = who.filter(|who| !who.trim().is_empty());
        let unknown = "nobody knows who runs this: say --asked-by WHO";
        Ok(who.ok_or_else(|| BadUsage(unknown.to_owned()))?)
    }
}

/// Returns who runs the program: what the system knows them by, and what they call themselves.
fn user() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let number = std::fs::metadata("/proc/self").ok().map(|this| this.uid());
    let name = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let name = name.filter(|name| !name.trim().is_empty());
    match (name, number) {
        (Some(name), Some(number)) => Some(format!("{name} (user {number})")),
        (name, number) => name.or_else(|| number.map(|number| format!("user {number}"))),
    }
}

/// Opens the log of all that is done.
pub(super) fn audit(context: &Context) -> anyhow::Result<Audit> {
    let path = audit_path(context);
    let opened = Audit::open(&path);
    opened.with_context(|| {
        format!(
            "{}: set nexthink.audit to a file that can be written",
            path.display()
        )
    })
}

fn audit_path(context: &Context) -> PathBuf {
    context.audit()
}

/// Reads `name=value`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected name=value".to_owned()),
    }
}
