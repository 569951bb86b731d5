//! The command line: reads arguments and configuration, runs one command, and says how it ended.
//!
//! One command, one file, one `run`. Standard output is data, standard error is for people. An error is printed once,
//! here, as a chain, and turned into an exit code by one table, `exit`. `asked` and `clues` are how values are taken,
//! `answer` and `words` what commands say to people in common.

mod acts;
mod completions;
mod configuration;
mod demo;
mod doctor;
mod export;
mod export_person;
mod forget;
mod generations;
mod impacted;
mod init;
mod man;
mod mcp;
mod nexthink;
mod publish;
mod pull;
mod query;
mod rejects;
mod report;
mod resolve;
mod rollback;
mod serve;
mod status;
mod sync;
mod why;

mod answer;
mod asked;
mod bar;
mod clues;
mod exit;
mod gauges;
mod kept_lease;
mod newest;
mod readers;
mod rows;
mod whole_file;
mod words;

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use signal_hook::consts::{SIGINT, SIGTERM};
use tracing::warn;

use self::exit::{EXIT_CODES, Exit};
use crate::config::{self, Config};
use crate::identifier::printable;
use crate::lookup;
use crate::telemetry::{self, Collector};

/// Says how logs look, when no option does.
const LOG_FORMAT_VARIABLE: &str = "IDENTIDEX_LOG_FORMAT";

/// Returns where something of an index lies that is not in its folder: `identity.events.db` beside `identity.db`.
fn beside(index: &Path, what: &str) -> PathBuf {
    if index.extension().is_some_and(|extension| extension == "db") {
        return index.with_extension(what);
    }
    let mut name = index.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    PathBuf::from(name)
}

/// Tells whether a key's value is a secret, by the key.
fn names_secret(key: &str) -> bool {
    const SECRETS: [&str; 6] = [
        "secret",
        "token",
        "password",
        "key",
        "sas",
        "connection_string",
    ];
    let key = key.to_ascii_lowercase();
    let is_none = key.ends_with("_id") || key.ends_with("_file") || key == "public_key";
    !is_none && SECRETS.iter().any(|end| key.ends_with(end))
}

/// Returns what SIGINT and SIGTERM set.
fn stop_on_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .context("cannot watch for signals")?;
    }
    Ok(stop)
}

/// Returns a key by chance.
fn by_chance() -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key)
        .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    Ok(key)
}

/// Arguments that cannot be used together, or one that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct BadUsage(String);

/// Whoever read standard output has seen enough.
#[derive(Debug, thiserror::Error)]
#[error("standard output was closed")]
struct ClosedPipe;

/// Find who an identifier belongs to, and which devices are theirs, in Nexthink exports
#[derive(Debug, Parser)]
#[command(name = "identidex", version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct Global {
    /// Read this configuration [default: $IDENTIDEX_CONFIG, else identidex.toml if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use this index [default: the configuration's, else identity.db]
    #[arg(long, global = true, value_name = "FILE")]
    index: Option<PathBuf>,
    /// Write logs as text or JSON [default: $IDENTIDEX_LOG_FORMAT, else text]
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Log more; repeat for still more
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Log less and show no progress; repeat for still less
    #[arg(short, long, global = true, action = ArgAction::Count)]
    quiet: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Sync(sync::Args),
    Resolve(resolve::Args),
    Why(why::Args),
    Status(status::Args),
    Forget(forget::Args),
    Export(export::Args),
    ExportPerson(export_person::Args),
    Generations(generations::Args),
    Rollback(rollback::Args),
    Rejects(rejects::Args),
    Publish(publish::Args),
    Pull(pull::Args),
    Nexthink(nexthink::Args),
    Serve(serve::Args),
    Demo(demo::Args),
    Mcp(mcp::Args),
    Impacted(impacted::Args),
    Query(query::Args),
    Report(report::Args),
    Doctor(doctor::Args),
    Configuration(configuration::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// What every command works with.
struct Context {
    config: Config,
    log_format: LogFormat,
    is_quiet: bool,
    /// Who gets spans and gauges of a run.
    collector: Option<Collector>,
}

impl Context {
    fn load(arguments: &Arguments) -> anyhow::Result<Context> {
        let global = &arguments.global;
        let log_format = log_format(global.log_format, std::env::var_os(LOG_FORMAT_VARIABLE))?;
        let format = match log_format {
            LogFormat::Text => telemetry::LogFormat::Text,
            LogFormat::Json => telemetry::LogFormat::Json,
        };
        let level = |count: u8| i8::try_from(count).unwrap_or(i8::MAX);
        let verbosity = level(global.verbose) - level(global.quiet);
        let config = config::environment()
            .and_then(|variables| config::load(global.config.as_deref(), variables.into_iter()));
        let otlp = config.as_ref().ok().map(|config| &config.metrics.otlp);
        let collector = match (&arguments.command, otlp) {
            (Command::Sync(args), Some(url)) if !args.dry_run => {
                Collector::configured(url.as_ref())
            }
            _ => Ok(None),
        };
        let to = collector.as_ref().ok().and_then(Option::as_ref);
        telemetry::start(format, verbosity, to)?;
        let mut config = config?;
        // A run is not to fail for whoever watches it.
        let collector = collector.unwrap_or_else(|error| {
            warn!("{error}");
            None
        });
        if let Some(index) = &global.index {
            config.index.path.clone_from(index);
        }
        Ok(Context {
            config,
            log_format,
            is_quiet: global.quiet > 0,
            collector,
        })
    }

    /// Returns where the database of events is.
    fn events(&self) -> PathBuf {
        let configured = self.config.receive.events.clone();
        configured.unwrap_or_else(|| beside(&self.config.index.path, "events.db"))
    }

    /// Returns where the log of acts is.
    fn audit(&self) -> PathBuf {
        let configured = self.config.nexthink.audit.clone();
        configured.unwrap_or_else(|| beside(&self.config.index.path, "audit.jsonl"))
    }

    fn open_index(&self) -> anyhow::Result<lookup::Index> {
        let path = &self.config.index.path;
        Ok(lookup::Index::open_with(path, self.lookup_options())?)
    }

    fn lookup_options(&self) -> lookup::Options {
        let answers = &self.config.answers;
        lookup::Options {
            max_holders: answers.max_holders,
            fresh_for: answers.fresh_for,
            ageing_for: answers.ageing_for,
            quiet_after: answers.quiet_after,
            ..lookup::Options::default()
        }
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        // Not its message, which may hold what was being read.
        drop(writeln!(
            io::stderr(),
            "error: a fault of this program at {place}; please report it"
        ));
    }));
    let arguments = Arguments::parse();
    let exit = run(&arguments).unwrap_or_else(|error| {
        let exit = Exit::of_error(&error);
        if exit != Exit::Done {
            tell(&error, &arguments.global);
        }
        exit
    });
    ExitCode::from(exit as u8)
}

fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let context = Context::load(arguments)?;
    match &arguments.command {
        Command::Sync(args) => {
            let ended = sync::run(args, &context);
            if !args.dry_run {
                let exit = ended.as_ref().map_or_else(Exit::of_error, |exit| *exit);
                gauges::leave(&context, exit);
            }
            let flushed = context.collector.as_ref().map(Collector::flush);
            if let Some(Err(error)) = flushed {
                warn!("{error}");
            }
            ended
        }
        Command::Init(args) => init::run(args, &context),
        Command::Resolve(args) => resolve::run(args, &context),
        Command::Why(args) => why::run(args, &context),
        Command::Status(args) => status::run(args, &context),
        Command::Forget(args) => forget::run(args, &context),
        Command::Export(args) => export::run(args, &context),
        Command::ExportPerson(args) => export_person::run(args, &context),
        Command::Generations(args) => generations::run(args, &context),
        Command::Rollback(args) => rollback::run(args, &context),
        Command::Rejects(args) => rejects::run(args, &context),
        Command::Publish(args) => publish::run(args, &context),
        Command::Pull(args) => pull::run(args, &context),
        Command::Nexthink(args) => nexthink::run(args, &context),
        Command::Serve(args) => serve::run(args, &context),
        Command::Demo(args) => demo::run(args, &context),
        Command::Mcp(args) => mcp::run(args, &context),
        Command::Impacted(args) => impacted::run(args, &context),
        Command::Query(args) => query::run(args, &context),
        Command::Report(args) => report::run(args, &context),
        Command::Doctor(args) => doctor::run(args, &context),
        Command::Configuration(_) => configuration::run(),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    }
}

/// Says what went wrong with its causes, on one line and where the logs go.
fn tell(error: &anyhow::Error, global: &Global) {
    let asked = log_format(global.log_format, std::env::var_os(LOG_FORMAT_VARIABLE));
    match asked {
        Ok(LogFormat::Json) => tracing::error!(error = %format!("{error:#}"), "failed"),
        // Nothing is left to tell it to when standard error is closed too.
        _ => {
            let told = format!("{error:#}");
            let lines: Vec<_> = told.lines().map(printable).collect();
            drop(writeln!(io::stderr(), "error: {}", lines.join("\n")));
        }
    }
}

fn log_format(asked: Option<LogFormat>, variable: Option<OsString>) -> Result<LogFormat, BadUsage> {
    let variable = variable.filter(|text| !text.is_empty());
    match (asked, variable) {
        (Some(format), _) => Ok(format),
        (None, None) => Ok(LogFormat::Text),
        (None, Some(text)) if text == "text" => Ok(LogFormat::Text),
        (None, Some(text)) if text == "json" => Ok(LogFormat::Json),
        (None, Some(_)) => Err(BadUsage(format!(
            "{LOG_FORMAT_VARIABLE}: expected text or json"
        ))),
    }
}

/// Writes a line to standard output. Where nobody reads it any more, what was done, and the exit code, are the same.
fn print(line: impl fmt::Display) -> anyhow::Result<()> {
    print_if_read(line).map(drop)
}

/// Writes a line to standard output; tells whether somebody may read further ones.
fn print_if_read(line: impl fmt::Display) -> anyhow::Result<bool> {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(anyhow::Error::new(error).context("cannot write to standard output")),
    }
}

/// Writes a value to standard output as one line of JSON.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(one_line(&serde_json::to_string(value)?))
}

/// Escapes the letters that some readers take for the end of a line, and those that steer a terminal; in JSON they stand in
/// texts alone.
fn one_line(json: &str) -> Cow<'_, str> {
    if !json.contains(words::is_steering) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for letter in json.chars() {
        match words::is_steering(letter) {
            // JSON writes letters beyond the first plane in two.
            true => letter
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}"))),
            false => escaped.push(letter),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_command_and_argument_has_help_without_a_full_stop() {
        let mut program = Arguments::command();
        program.build();
        let commands = program
            .get_subcommands()
            .filter(|command| command.get_name() != "help");
        for command in commands.chain([&program]) {
            let about = command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            let helps = command.get_arguments().map(|argument| {
                let help = argument.get_help().map(ToString::to_string);
                (argument.get_id().to_string(), help.unwrap_or_default())
            });
            let example = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let called = format!("identidex {}", command.get_name());
            assert!(
                command.get_name() == "identidex" || example.contains(&called),
                "{called} has no example"
            );
            for (name, help) in helps.chain([(command.get_name().to_owned(), about)]) {
                assert!(!help.is_empty() && !help.ends_with('.'), "{name}: {help:?}");
            }
        }
    }

    #[test]
    fn the_help_lists_every_exit_code() {
        for exit in [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Partly,
            Exit::Refused,
            Exit::Locked,
            Exit::None,
            Exit::Several,
            Exit::Unparseable,
        ] {
            let line = format!("\n{:4}  ", exit as u8);
            assert!(EXIT_CODES.contains(&line), "{exit:?}");
        }
    }

    #[test]
    fn the_option_wins_over_the_variable_which_must_be_a_format() {
        assert_eq!(log_format(None, None).unwrap(), LogFormat::Text);
        assert_eq!(
            log_format(None, Some("json".into())).unwrap(),
            LogFormat::Json
        );
        let both = log_format(Some(LogFormat::Text), Some("json".into()));
        assert_eq!(both.unwrap(), LogFormat::Text);
        assert!(log_format(None, Some("xml".into())).is_err());
    }
}
