//! `identidex demo`: a made-up tenant, a stand-in for Nexthink on loopback, and one talk from "who are you" to "it is done".
//!
//! All of it is real but the tenant: exports are taken in, lookups and calls go over HTTP, acts are written to the log.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::nexthink::whom::target_in_words;
use super::words::printable;
use super::{BadUsage, Context, Exit, answer, print, sync};
use crate::demo::nexthink::{CLIENT_ID, Nexthink, SECRET};
use crate::demo::{Tenant, day_of};
use crate::identifier::NotSaid;
use crate::ingest::{self, Mapping, SourceConfig};
use crate::live::act::{RemediationPlan, RemoteAction};
use crate::live::{Audit, Client, Credentials, Mandate, Options, Secret};
use crate::lookup::{self, Doubt, Index, NoTarget, Outcome, Query, Target, Which};
use crate::receive::{Pointer, Webhook};
use crate::serve::{self, Address, Receiving, Server, Token};

/// The size of the tenant, and what else its rows follow from.
const USERS: u32 = 300;
const DEVICES: u32 = 360;
const SEED: u64 = 7;
/// Days that are exported, up to today.
const DAYS: u32 = 5;
const AUDIT: &str = "audit.jsonl";
const CONFIGURATION: &str = "identidex.toml";
/// What a folder of ours says of itself.
const MARK: &str = "# Written by `identidex demo`.";
/// What the stand-in sends messages to, and what they carry.
const WEBHOOK: &str = "disk-full";
const RECEIVE_TOKEN: &str = "of-the-demonstration";
const LOOKUP_TOKEN: &str = "of-who-looks-people-up";
const DONE_WITHIN: Duration = Duration::from_secs(30);

/// Play a talk with a made-up tenant and a stand-in for Nexthink, step by step
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  identidex demo")]
pub(super) struct Args {
    /// Put the tenant, its index and its configuration there; it is made anew each time
    #[arg(value_name = "FOLDER", default_value = "identidex-demo")]
    folder: PathBuf,
    /// Keep the stand-in for Nexthink on this port of 127.0.0.1 until Ctrl-C, to go on by hand
    #[arg(long, value_name = "PORT")]
    stay: Option<u16>,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    prepare(&args.folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the demonstration")?;
    runtime.block_on(play(args, context))
}

/// Makes the folder empty; one that is not ours is left alone.
fn prepare(folder: &Path) -> anyhow::Result<()> {
    let name = || format!("{} cannot be used", folder.display());
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(anyhow::Error::new(error).context(name())),
    };
    let configuration = fs::read_to_string(folder.join(CONFIGURATION)).unwrap_or_default();
    if !is_empty && !configuration.starts_with(MARK) {
        let text = format!(
            "{} holds something else; name an empty folder, or one that is not there",
            folder.display()
        );
        return Err(BadUsage(text).into());
    }
    if !is_empty {
        fs::remove_dir_all(folder).with_context(name)?;
    }
    fs::create_dir_all(folder).with_context(name)
}

/// Everything that the talk goes on in.
struct Stage<'a> {
    folder: &'a Path,
    nexthink: Arc<Nexthink>,
    index: Index,
    lookup: lookup::Options,
    client: Client,
}

async fn play(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let folder = &args.folder;
    title("Nexthink exports users, devices and logins, and `sync` takes them in")?;
    let stage = set(args, context).await?;
    title("\"Hello, my computer is so slow.\" The channel signed the person in: who is that?")?;
    let Some(target) = stage.whoever_has_a_device()? else {
        return Err(anyhow::anyhow!(
            "the made-up tenant has nobody with a device"
        ));
    };
    title("How does that device fare, right now?")?;
    let health = stage.client.diagnose(&target).await?;
    let number =
        |number: Option<f64>| number.map_or("?".to_owned(), |number| format!("{number:.0}"));
    let crashes = health.crashes.first().map_or(String::new(), |one| {
        format!(
            "; {} crashed {:.0} times this week",
            printable(&one.application),
            one.count
        )
    });
    line(&format!(
        "score {}, {} days since it was started from off{crashes}",
        number(health.score),
        number(health.days_since_full_boot)
    ))?;
    title("\"Shall I clear its disk?\" \"Yes, please.\"")?;
    stage.clear_disk(&target).await?;
    title("Before anybody asks: Nexthink's webhook says that a disk is full. Whom to tell?")?;
    stage.webhook(&target).await?;
    title("And where it is not plain who is meant? Nothing is done")?;
    stage.refusals(&target)?;
    title("What was done stands in the audit log, from before it was sent")?;
    stage.audit()?;
    let place = folder.display();
    print(format_args!(
        "\nGo on by hand: cd {place} && identidex resolve {} && identidex serve",
        printable(&target.because().query)
    ))?;
    stay(args).await
}

/// Makes the tenant, its index, its configuration and its stand-in.
async fn set<'a>(args: &'a Args, context: &Context) -> anyhow::Result<Stage<'a>> {
    let folder = args.folder.as_path();
    let exports = folder.join("exports");
    let today = day_of(Timestamp::now().as_second());
    let tenant = Tenant::new(USERS, DEVICES, SEED);
    for day in today.saturating_sub(DAYS - 1)..=today {
        tenant
            .write_day(day, &exports)
            .context("the tenant cannot be written")?;
    }
    let nexthink = Nexthink::of_exports(&exports).context("the tenant cannot be read")?;
    let listener = TcpListener::bind(("127.0.0.1", args.stay.unwrap_or(0))).await;
    let listener = listener.context("the stand-in for Nexthink cannot listen on loopback")?;
    let address = format!("http://{}", listener.local_addr()?);
    let router = Arc::clone(&nexthink).router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    write_configuration(folder, &address)?;
    let path = folder.join("identity.db");
    let options = ingest::Options {
        index: path.clone(),
        sources: vec![SourceConfig::new("exports", exports.display().to_string())],
        ..sync::configured_options(&context.config)?
    };
    let run = tokio::task::spawn_blocking(move || ingest::run(&options, &mut |_| {}));
    let report = run.await??;
    line(&format!(
        "{} files, {} rows: {} accounts, {} devices, {} usages",
        report.objects.loaded, report.rows.read, report.accounts, report.devices, report.usages
    ))?;
    let credentials = Credentials {
        client_id: CLIENT_ID.to_owned(),
        secret: Secret::new(SECRET)?,
    };
    let tenant = crate::live::Tenant::at(&address, &address)?;
    let options = Options {
        calls_per_second: 100,
        ..Options::default()
    };
    Ok(Stage {
        folder,
        nexthink,
        index: Index::open_with(&path, context.lookup_options())?,
        lookup: context.lookup_options(),
        client: Client::new(tenant, credentials, options)?,
    })
}

fn write_configuration(folder: &Path, address: &str) -> anyhow::Result<()> {
    let text = format!(
        "{MARK} The folder is made anew each time.\n\n[index]\npath = \"identity.db\"\n\n[[source]]\nname = \"exports\"\nurl = \"exports\"\n\n\
         # The stand-in for Nexthink, while `identidex demo --stay PORT` runs.\n[nexthink]\napi_url = \"{address}\"\n\
         login_url = \"{address}\"\nclient_id = \"{CLIENT_ID}\"\nsecret = \"{SECRET}\"\naudit = \"{AUDIT}\"\n\n\
         # Of anything but a demonstration, these belong into files.\n[serve]\ntoken = \"{LOOKUP_TOKEN}\"\ndiagnose = true\nactions = [\"#clear_disk\"]\n\n\
         [receive]\ntoken = \"{RECEIVE_TOKEN}\"\n\n\
         [webhook.{WEBHOOK}]\ndevice = \"/device\"\nalert = \"/alert\"\n"
    );
    let written = fs::write(folder.join(CONFIGURATION), text);
    written.context("the configuration cannot be written")
}

impl Stage<'_> {
    /// Looks people up as a channel would, until one has a device that is plainly theirs.
    fn whoever_has_a_device(&self) -> anyhow::Result<Option<Target>> {
        for upn in self.nexthink.upns() {
            let found = self.index.find(Query::upn(upn).verified())?;
            if let Ok(target) = self.index.target(&found, Which::Own, &[]) {
                print(indented(&answer::text_of(&found)))?;
                return Ok(Some(target));
            }
        }
        Ok(None)
    }

    async fn clear_disk(&self, target: &Target) -> anyhow::Result<()> {
        let audit = Audit::open(self.folder.join(AUDIT))?;
        let mandate = Mandate {
            asked_by: &target.because().query,
            audit: &audit,
        };
        let plan = RemediationPlan::new(RemoteAction::new("#clear_disk")?, target.clone());
        let before = self.client.before_execution("Clear disk", target).await?;
        let done = self.client.remediate(&plan, mandate).await?;
        let request = done
            .requests
            .first()
            .map_or("?", |request| request.id.as_str());
        line(&format!(
            "sent to {}: request {}",
            target_in_words(target),
            printable(request)
        ))?;
        let look = |execution: Option<&crate::live::act::Execution>| {
            let status = execution.map_or("nothing yet", |one| one.status.as_str());
            // Who has seen enough of it is told elsewhere.
            let _ = line(&format!("asked Nexthink: {}", printable(status)));
        };
        let wait = self
            .client
            .wait_for_execution("Clear disk", target, before, DONE_WITHIN, look);
        let outputs = wait.await?.and_then(|execution| execution.outputs);
        line(&format!(
            "\"Done: {}\"",
            printable(outputs.as_deref().unwrap_or("it does not say what"))
        ))
    }

    /// Has a sidecar receive a webhook, and asks it whom to tell.
    async fn webhook(&self, target: &Target) -> anyhow::Result<()> {
        let folder = self.folder;
        let webhook = Webhook {
            name: WEBHOOK.to_owned(),
            device: Pointer::new("/device"),
            user: None,
            alert: Pointer::new("/alert"),
            window: Duration::from_hours(1),
        };
        let receiving = Receiving {
            token: Token::new(RECEIVE_TOKEN)?,
            sources: BTreeMap::new(),
            mapping: Mapping::shipped(),
            not_said: NotSaid::default(),
            test_rows: 20,
            webhooks: BTreeMap::from([(webhook.name.clone(), webhook)]),
            events: folder.join("identity.events.db"),
            keep_events: Duration::from_hours(24),
            forward: None,
        };
        let options = serve::Options {
            address: Address::Tcp(([127, 0, 0, 1], 0).into()),
            token: Some(Token::new(LOOKUP_TOKEN)?),
            index: folder.join("identity.db"),
            lookup: self.lookup,
            requests_per_second: None,
            connections: 8,
            client: None,
            acting: None,
            receiving: Some(receiving),
        };
        let server = Server::bind(&options).await?;
        let address = server.address().map(|address| format!("http://{address}"));
        let address = address.context("the sidecar listens on no address")?;
        let (end, ended) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async { drop(ended.await) }));
        let message = json!({"alert": "disk almost full", "device": target.device().name});
        let http = reqwest::Client::builder().no_proxy().build()?;
        let sent = http
            .post(format!("{address}/v1/webhooks/{WEBHOOK}"))
            .bearer_auth(RECEIVE_TOKEN)
            .body(message.to_string());
        let stored = sent.send().await?.error_for_status()?;
        line(&format!(
            "received, and on the disk: {}",
            printable(&stored.text().await?)
        ))?;
        let told = http
            .get(format!("{address}/v1/events"))
            .bearer_auth(LOOKUP_TOKEN)
            .send()
            .await?;
        let told: Value = serde_json::from_slice(&told.error_for_status()?.bytes().await?)?;
        let _ = end.send(());
        running.await?;
        for event in told["events"].as_array().into_iter().flatten() {
            let people = event["to_tell"].as_array().into_iter().flatten();
            let people = people.map(|one| one["email"].as_str().or(one["upn"].as_str()));
            let people: Vec<&str> = people
                .map(|one| one.unwrap_or("somebody without address"))
                .collect();
            let alert = event["alert"].as_str().unwrap_or_default();
            line(&format!(
                "tell {}: {}",
                printable(&people.join(", ")),
                printable(alert)
            ))?;
        }
        Ok(())
    }

    /// Shows what is refused: a name that several have, one identifier that nobody vouches for, a device of somebody else.
    fn refusals(&self, target: &Target) -> anyhow::Result<()> {
        let names = self.nexthink.names();
        let mut bare = names.iter().filter_map(|name| name.split('@').next());
        let several = bare.find(|name| {
            let found = self.index.find(Query::account_name(*name).ids_only());
            found.is_ok_and(|found| found.outcome == Outcome::Several)
        });
        if let Some(name) = several {
            self.refused(
                Query::account_name(name),
                Which::Own,
                &format!("act on the device of {name}"),
            )?;
        }
        let account = target
            .account()
            .and_then(|account| account.account_name.clone());
        let name = account.unwrap_or_default();
        let alone = format!("act on the device of {name}, as somebody typed");
        self.refused(Query::account_name(&name), Which::Own, &alone)?;
        let others = self.nexthink.device_names();
        let own = target.device().name.as_deref();
        if let Some(other) = others.iter().find(|other| Some(other.as_str()) != own) {
            let query = Query::upn(&target.because().query).verified();
            self.refused(
                query,
                Which::Named(other),
                &format!("act on {other} for {name}"),
            )?;
        }
        Ok(())
    }

    fn refused(&self, query: Query, which: Which, what: &str) -> anyhow::Result<()> {
        let found = self.index.find(query)?;
        match self.index.target(&found, which, &[]) {
            Ok(_) => Ok(()),
            Err(NoTarget::Doubtful(doubts)) => {
                let doubts: Vec<String> = doubts.iter().map(Doubt::to_string).collect();
                line(&format!(
                    "{}: refused: {}",
                    printable(what),
                    doubts.join("; ")
                ))
            }
            Err(why) => line(&format!("{}: refused: {why}", printable(what))),
        }
    }

    fn audit(&self) -> anyhow::Result<()> {
        let text =
            fs::read_to_string(self.folder.join(AUDIT)).context("the audit log cannot be read")?;
        for entry in text.lines() {
            let entry: Value = serde_json::from_str(entry)?;
            let who = entry["asked_by"]
                .as_str()
                .map(|who| format!(", asked by {who}"));
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            line(&printable(&format!(
                "{} {} {}{}",
                text("at"),
                text("id"),
                text("state"),
                who.unwrap_or_default()
            )))?;
        }
        Ok(())
    }
}

/// Keeps the stand-in until Ctrl-C, where that is wanted.
async fn stay(args: &Args) -> anyhow::Result<Exit> {
    if let Some(port) = args.stay {
        print(format_args!(
            "The stand-in for Nexthink stays on http://127.0.0.1:{port} until Ctrl-C."
        ))?;
        tokio::signal::ctrl_c()
            .await
            .context("cannot wait for Ctrl-C")?;
    }
    Ok(Exit::Done)
}

fn title(text: &str) -> anyhow::Result<()> {
    let is_bold = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    match is_bold {
        true => print(format_args!("\n\u{1b}[1m{text}\u{1b}[0m")),
        false => print(format_args!("\n{text}")),
    }
}

fn line(text: &str) -> anyhow::Result<()> {
    print(format_args!("  {text}"))
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => String::new(),
        line => format!("  {line}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}
