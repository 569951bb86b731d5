//! `identidex sync`: takes in what is new, shows how far it is, and can be stopped.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::HumanCount;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::{error, info, warn};

use super::bar::Bar;
use super::kept_lease::KeptLease;
use super::nexthink;
use super::publish;
use super::readers::{projections, readers};
use super::words::printable;
use super::{BadUsage, Context, Exit, LogFormat, print, print_json};
use crate::class::Patterns;
use crate::config::{self, Config, Source};
use crate::generation::folder_of;
use crate::ingest::{self, Changes, Outcome, Report};
use crate::live::Client;
use crate::live::nql::QueryId;
use crate::mapping::Mapping;
use crate::publish::Folder;
use crate::queried::{self, Exported, Queried};
use crate::receive::Inbox;
use crate::schema::Dataset;
use crate::source::{ObservedFrom, SourceConfig};

/// How long a run may take to notice a stop; then it is left where it is, and the next run removes what it made.
const STOP_WITHIN: Duration = Duration::from_secs(4);
const SECRET: &str = "a URL on the command line must not hold a password, a `?` or a `#`; \
     put credentials into the options of a [[source]], or into IDENTIDEX_SOURCE_<NAME>_OPTIONS_<KEY>";
/// How long files of exports that a source was asked for stay: the index has their rows.
const KEEP_EXPORTS_FOR: Duration = Duration::from_hours(7 * 24);
/// Where those lie, in the folder of the index.
const INBOX: &str = "inbox";
/// Take in the export files that are new, and publish what they say
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  identidex sync\n  identidex sync exports/ --dry-run")]
pub(super) struct Args {
    /// Read these folders or URLs [default: the sources of the configuration]
    #[arg(value_name = "URL or FOLDER")]
    sources: Vec<String>,
    /// Take in also the objects that failed before, and those that a rollback undid
    #[arg(long)]
    retry: bool,
    /// Publish also what changes more than breaker.percent allows, and take in objects whose columns changed though their
    /// dataset has contract = "freeze"
    #[arg(long)]
    accept: bool,
    /// Then put the current generation where other machines get it, as `identidex publish` does
    #[arg(long, conflicts_with = "dry_run")]
    publish: bool,
    /// Do everything but publish, and say what would change
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Of a dry run: name some of the accounts and devices that would be otherwise
    #[arg(long, requires = "dry_run")]
    examples: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let (stop, is_over) = (Arc::default(), Arc::default());
    watch_signals(Arc::clone(&stop), Arc::clone(&is_over))?;
    let ended = run_until(args, context, stop);
    is_over.store(true, Ordering::Relaxed);
    ended
}

/// Runs until it ends or is stopped.
fn run_until(args: &Args, context: &Context, stop: Arc<AtomicBool>) -> anyhow::Result<Exit> {
    let options = options(args, &context.config, Arc::clone(&stop))?;
    let lease = match args.publish && !args.dry_run {
        true => publish::lease(context, &options.run)?.map(|lease| KeptLease::keep(lease, stop)),
        false => None,
    };
    let lease = lease.as_ref().map(KeptLease::lease);
    let options = ask_tenants(options, context)?;
    let is_shown = io::stderr().is_terminal()
        && !context.is_quiet
        && !args.json
        && context.log_format == LogFormat::Text;
    let mut bar = Bar::new(is_shown);
    let start = Instant::now();
    let ended = ingest::run(&options, &mut |progress| bar.show(progress));
    bar.end();
    match ended {
        Ok(report) => {
            for warning in &report.warnings {
                warn!("{warning}");
            }
            // The failure without an object is the run's own.
            for failure in report.failures.iter().filter(|one| one.object.is_empty()) {
                error!("{}", failure.error);
            }
            if let Err(error) = show(args, context, &report) {
                error!(
                    "the run ended as its line in runs.jsonl says, but its report cannot be written: {error:#}"
                );
                return Ok(Exit::Partly);
            }
            if args.publish {
                publish::put(context, lease)?;
            }
            match report.outcome {
                Outcome::Partial => Ok(Exit::Partly),
                Outcome::Refused => Ok(Exit::Refused),
                _ => Ok(Exit::Done),
            }
        }
        Err(error) => {
            // Somebody may have been erased since the last publication, and is not to wait for a run that succeeds.
            if args.publish
                && let Err(error) = publish::put(context, lease)
            {
                error!("the generation cannot be published: {error:#}");
            }
            let error = anyhow::Error::new(error);
            let mut report = Report::failed(&options.run, format!("{error:#}"));
            report.seconds = start.elapsed().as_secs_f64();
            if args.json {
                print_json(&report)?;
            }
            Err(error)
        }
    }
}

/// Leaves out columns that the configuration keeps out of the index.
fn without_dropped(mapping: Mapping, config: &Config) -> Mapping {
    Dataset::ALL.into_iter().fold(mapping, |mapping, dataset| {
        let Some(known) = config.datasets.get(dataset.as_str()) else {
            return mapping;
        };
        let dropped = known.drop.iter().map(String::as_str);
        mapping.without(dataset, dropped, !known.has_no_extra)
    })
}

fn options(args: &Args, config: &Config, stop: Arc<AtomicBool>) -> anyhow::Result<ingest::Options> {
    let configured = configured_options(config)?;
    let sources = match args.sources.is_empty() {
        true => configured.sources,
        false => named(&args.sources, &config.sources)?,
    };
    Ok(ingest::Options {
        sources,
        is_accepting: args.accept,
        is_retry: args.retry,
        is_dry_run: args.dry_run,
        is_giving_examples: args.examples,
        stop,
        ..configured
    })
}

/// Returns what the configuration says of runs.
pub(super) fn configured_options(config: &Config) -> anyhow::Result<ingest::Options> {
    let columns = Dataset::ALL.into_iter().flat_map(|dataset| {
        let known = config.datasets.get(dataset.as_str());
        let columns = known.into_iter().flat_map(|known| &known.columns);
        columns.map(move |(column, field)| (dataset, column.as_str(), field.as_str()))
    });
    let logins = config.datasets.get("logins");
    let sources = config.sources.iter().map(configured).collect();
    Ok(ingest::Options {
        readers: readers(config)?,
        login_window: logins.and_then(|logins| logins.window),
        recent: config.answers.recent,
        complete: complete(config),
        change_at_most: config.breaker.percent,
        retention: config.retention.days.map(days),
        superseded: config.retention.superseded.map(days),
        projections: projections(config)?,
        keep_generations: config.index.keep_generations,
        prune_after: config.index.prune_after,
        spool_bytes: config.index.spool_bytes,
        publish_every: config.index.publish_every,
        mapping: without_dropped(Mapping::new(columns)?, config),
        not_said: config.not_said.clone(),
        device_domains: config.answers.device_domains.clone(),
        patterns: Patterns::new(&config.class.service, &config.class.admin),
        frozen: frozen(config),
        ..ingest::Options::new(&config.index.path, sources)
    })
}

fn days(days: u32) -> Duration {
    Duration::from_hours(24 * u64::from(days))
}

/// Has the saved queries of sources that are queried exported into folders, which then are the sources. What cannot be exported
/// costs itself; a dry run asks for nothing, and has what was asked for before.
fn ask_tenants(mut options: ingest::Options, context: &Context) -> anyhow::Result<ingest::Options> {
    let mut tenants = Vec::new();
    for source in &mut options.sources {
        let queried = Queried::parse(&source.url);
        let queried =
            queried.map_err(|wrong| BadUsage(format!("source `{}`: {wrong}", source.name)))?;
        let Some(queried) = queried else {
            continue;
        };
        let client = nexthink::client_of_source(context, &queried)?;
        source.url = inbox_of(&options.index)
            .join(&source.name)
            .display()
            .to_string();
        source.keep_for.get_or_insert(KEEP_EXPORTS_FOR);
        tenants.push((source.name.clone(), queried, client));
    }
    let is_other = |(_, queried, _): &(String, Queried, Client)| {
        let (_, first, _) = &tenants[0];
        (queried.instance(), queried.region()) != (first.instance(), first.region())
    };
    if tenants.iter().any(is_other) {
        return Err(
            BadUsage("sources are of several tenants: one index is one tenant".to_owned()).into(),
        );
    }
    if tenants.is_empty() {
        return Ok(options);
    }
    // Two runs at once would have it all exported twice, and one thrown away.
    let folder = Folder::open(&options.index, options.readers)?;
    let _lock = folder.lock()?;
    let are_all = tenants.len() == options.sources.len();
    let mut is_one_exported = false;
    for (name, queried, client) in tenants {
        let inbox = Inbox::below(folder.path(), &[INBOX, &name]);
        if options.is_dry_run {
            continue;
        }
        let ended = match inbox {
            Ok(inbox) => nexthink::wait(queried.export(
                &client,
                &inbox,
                (&options.mapping, &options.not_said),
            ))?,
            Err(error) => {
                options.sick.push((name, error.to_string()));
                continue;
            }
        };
        for (query, ended) in ended {
            is_one_exported |= ended.is_ok();
            options
                .sick
                .extend(told(&query, ended).map(|told| (name.clone(), told)));
        }
    }
    options.is_nothing_given = are_all && !is_one_exported && !options.is_dry_run;
    Ok(options)
}

/// Returns what is to be told of an export: what went wrong, or that rows are missing.
fn told(query: &QueryId, ended: Result<Exported, String>) -> Option<String> {
    match ended {
        Ok(exported) if exported.is_truncated => Some(format!(
            "{query}: Nexthink cut the export at the {} rows that the licence allows; they are taken in, and others are missing: \
             narrow the query, or make two of it",
            exported.rows
        )),
        Ok(exported) => {
            info!(%query, rows = exported.rows, "exported");
            None
        }
        Err(error) => Some(format!("{query}: {error}")),
    }
}

/// Returns the folder that exports are put into which are sent here, a folder for each source.
pub(super) fn inbox_of(index: &Path) -> PathBuf {
    folder_of(index).join(INBOX)
}

fn frozen(config: &Config) -> Vec<Dataset> {
    let is_frozen = |dataset: &Dataset| {
        let known = config.datasets.get(dataset.as_str());
        known.is_some_and(|known| known.is_frozen)
    };
    Dataset::ALL.into_iter().filter(is_frozen).collect()
}

fn complete(config: &Config) -> Vec<Dataset> {
    let is_complete = |dataset: &Dataset| {
        let known = config.datasets.get(dataset.as_str());
        known.is_some_and(|known| known.semantics == config::Semantics::Complete)
    };
    Dataset::ALL.into_iter().filter(is_complete).collect()
}

fn configured(source: &Source) -> SourceConfig {
    SourceConfig {
        name: source.name.clone(),
        url: source.url.clone(),
        time_zone: source.time_zone.clone(),
        encoding: source.encoding,
        include: source.include.clone(),
        exclude: source.exclude.clone(),
        min_objects: source.min_objects,
        observed_from: source.observed_from.map(|from| match from {
            config::ObservedFrom::Key => ObservedFrom::Key,
            config::ObservedFrom::Modified => ObservedFrom::Modified,
        }),
        keep_for: source.keep_for,
        options: source.options.clone(),
    }
}

/// Makes a source of each argument. One that the configuration has keeps its name, zone and options; any other is named
/// after itself, always alike, since objects are remembered under that name.
fn named(arguments: &[String], known: &[Source]) -> anyhow::Result<Vec<SourceConfig>> {
    let mut sources: Vec<SourceConfig> = Vec::new();
    for argument in arguments {
        let url = normalised(argument)?;
        let mut same = Vec::new();
        for source in known {
            if normalised(&source.url)? == url {
                same.push(configured(source));
            }
        }
        let found = same.pop();
        let source = found.unwrap_or_else(|| configured(&Source::new(url.clone(), argument)));
        if !sources.iter().any(|other| other.name == source.name) {
            sources.push(source);
        }
    }
    Ok(sources)
}

/// Returns an absolute path without links, or the URL without the slash at its end.
pub(super) fn normalised(argument: &str) -> anyhow::Result<String> {
    if let Some((scheme, rest)) = argument.split_once("://") {
        // The URL becomes a name, which is stored and shown.
        return match has_secret(rest) && scheme != queried::SCHEME {
            true => Err(BadUsage(SECRET.to_owned()).into()),
            false => Ok(argument.trim_end_matches('/').to_owned()),
        };
    }
    let path = Path::new(argument);
    // A folder that is not there is an error of its own, later and better told.
    let whole = path.canonicalize().or_else(|_| std::path::absolute(path));
    let whole = whole.with_context(|| format!("cannot find out what folder {argument:?} is"))?;
    Ok(whole.display().to_string())
}

/// Tells whether what follows the scheme of a URL may hold a password or a token.
fn has_secret(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    rest.contains(['?', '#']) || user.is_some_and(|user| user.contains(':'))
}

/// Sets `stop` at SIGINT or SIGTERM, and ends the process if that is not noticed; not once the run is over, of which only
/// watchers are told then.
fn watch_signals(stop: Arc<AtomicBool>, is_over: Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot watch for signals")?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            stop.store(true, Ordering::Relaxed);
            thread::sleep(STOP_WITHIN);
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            eprintln!("error: stopped; the index is as it was at the last publication");
            process::exit(i32::from(Exit::Failed as u8));
        }
    });
    Ok(())
}

fn show(args: &Args, context: &Context, report: &Report) -> anyhow::Result<()> {
    if args.json {
        return print_json(report);
    }
    if context.is_quiet {
        return Ok(());
    }
    print(text_of(report, args.dry_run))
}

/// Returns what a run came to as text, without a line end.
fn text_of(report: &Report, is_dry_run: bool) -> String {
    let Report { objects, rows, .. } = report;
    let undone = some(objects.undone, "undone and left out");
    let left_out = some(objects.left_out, "left out");
    if objects.new == 0 {
        return format!(
            "nothing new among {} objects{left_out}{undone}; generation {}",
            HumanCount(objects.listed),
            report.generation
        );
    }
    let taken = format!(
        "{} of {} new objects taken in ({} duplicates{}{left_out}{undone}) in {:.1} s",
        HumanCount(objects.loaded + objects.duplicate),
        HumanCount(objects.new),
        HumanCount(objects.duplicate),
        some(objects.failed, "failed"),
        report.seconds
    );
    let rows = format!(
        "{} rows: {} stored, {} unchanged, {} superseded, {} rejected",
        HumanCount(rows.read),
        HumanCount(rows.stored),
        HumanCount(rows.unchanged),
        HumanCount(rows.superseded),
        HumanCount(rows.rejected)
    );
    let changes = [
        (report.changes.accounts, "accounts"),
        (report.changes.devices, "devices"),
    ];
    let changes = changes.map(|(of, name)| changes_in_words(&of, name));
    let changes: String = changes.into_iter().flatten().collect();
    let examples = report.examples.iter().map(|(how, names)| {
        let names = names.iter().map(|name| printable(name));
        format!("\n{how}, such as: {}", Vec::from_iter(names).join(", "))
    });
    let examples: String = examples.collect();
    let published = match report.outcome {
        _ if is_dry_run => "not published".to_owned(),
        Outcome::Refused => format!("refused; generation {} stays", report.generation),
        _ => format!("generation {}", report.generation),
    };
    format!(
        "{taken}\n{rows}{changes}{examples}\n{published}: {} accounts, {} devices, {} usages",
        HumanCount(report.accounts),
        HumanCount(report.devices),
        HumanCount(report.usages)
    )
}

/// Says how many are otherwise than before the run; nothing where none is, or there was nothing before.
fn changes_in_words(of: &Changes, name: &str) -> Option<String> {
    let counts = [
        (of.added, "new"),
        (of.changed, "with other identifiers"),
        (of.gone, "gone"),
        (of.expired, "expired"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, what)| format!("{} {what}", HumanCount(count)))
        .collect();
    (!counts.is_empty()).then(|| format!("\n{name}: {}", counts.join(", ")))
}

/// Returns a further part of a list; nothing for none.
fn some(count: u64, what: &str) -> String {
    match count {
        0 => String::new(),
        count => format!(", {} {what}", HumanCount(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_one_source_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().display().to_string();
        let spellings = [path.clone(), format!("{path}/"), format!("{path}/./")];
        let sources = named(&spellings, &[]).unwrap();
        let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, [path.as_str()]);
        let urls = ["s3://exports/a/".to_owned(), "s3://exports/a".to_owned()];
        assert_eq!(named(&urls, &[]).unwrap().len(), 1);
    }

    #[test]
    fn a_url_with_a_secret_is_refused_without_showing_it() {
        for url in [
            "s3://user:hunter2@b/x",
            "az://c/p?sig=hunter2",
            "https://h/#hunter2",
        ] {
            let error = named(&[url.to_owned()], &[]).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error}");
        }
        let plain = "abfss://container@account.dfs.core.windows.net/p";
        assert_eq!(named(&[plain.to_owned()], &[]).unwrap()[0].name, plain);
    }

    #[test]
    fn an_argument_that_is_configured_keeps_its_name_zone_and_options() {
        let mut known = Source::new("tenant-a", "s3://exports/a/");
        known.options.insert("region".to_owned(), "eu".to_owned());
        let sources = named(&["s3://exports/a".to_owned()], &[known]).unwrap();
        assert_eq!(sources[0].name, "tenant-a");
        assert_eq!(sources[0].options["region"], "eu");
    }
}
