//! Sources: whether each can be listed and read, what its newest object is, and whether the clock agrees.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Args, Finding};
use crate::cli::newest::{Newest, newest};
use crate::cli::{Context, nexthink, sync};
use crate::ingest::{Examined, Options, SourceConfig, Unfit, chain};
use crate::mapping::shown_name;
use crate::queried::Queried;
use crate::schema::Dataset;
use crate::source::{self, Listing, Sources};

/// How far ahead of this machine a store's clock may be, in microseconds.
const AHEAD: i64 = 2 * 60 * 1_000_000;
pub(super) fn look(args: &Args, context: &Context) -> anyhow::Result<Vec<Finding>> {
    let options = sync::configured_options(&context.config)?;
    if options.sources.is_empty() {
        let fix =
            "add a [[source]] to the configuration, or name folders or URLs at `identidex sync`";
        return Ok(vec![Finding::warning("sources", "none is configured", fix)]);
    }
    let mut findings = Vec::new();
    for source in &options.sources {
        let about = format!("source {}", source.name);
        match Queried::parse(&source.url) {
            Ok(None) => findings.extend(of_store(args, &options, source, about)),
            Ok(Some(queried)) => findings.push(of_tenant(context, &queried, about)),
            Err(wrong) => findings.push(Finding::problem(
                about,
                "its url is none that can be queried",
                wrong.to_string(),
            )),
        }
    }
    Ok(findings)
}

fn of_tenant(context: &Context, queried: &Queried, about: String) -> Finding {
    const FIX: &str = "check [nexthink] and the permissions of its credential; `identidex nexthink check` says more";
    let checked = nexthink::client_of_source(context, queried)
        .and_then(|client| Ok(nexthink::wait(async { client.check().await })??));
    match checked {
        Ok(_) => Finding::fine(about, "the tenant gives a token and answers"),
        Err(error) => Finding::problem(about, format!("{error:#}"), FIX),
    }
}

fn of_store(args: &Args, options: &Options, source: &SourceConfig, about: String) -> Vec<Finding> {
    let opened = Sources::open(std::slice::from_ref(source), Arc::default());
    let sources = match opened {
        Ok(sources) => sources,
        Err(error) => {
            return vec![failed(
                &about,
                &error,
                "check its url, options and credentials",
            )];
        }
    };
    match sources.list() {
        Ok(listing) => {
            let mut findings = of_listing(&listing, &about);
            if !args.quick {
                findings.extend(of_newest(options, source, &sources, &listing, &about));
            }
            findings
        }
        Err(error) => vec![failed(
            &about,
            &error,
            "check its url, its credentials, and the right to list",
        )],
    }
}

fn failed(about: &str, error: &source::Error, fix: &str) -> Finding {
    Finding::problem(about, chain(error), fix)
}

fn of_listing(listing: &Listing, about: &str) -> Vec<Finding> {
    let newest = listing
        .objects
        .iter()
        .map(|object| object.modified_at)
        .max();
    let Some(newest) = newest else {
        let fix = "check its prefix, include and exclude, and whether the exporter is switched on";
        return vec![Finding::warning(
            about,
            format!(
                "it lists no object, and {} are left out by rule",
                listing.left_out
            ),
            fix,
        )];
    };
    let mut findings = vec![Finding::fine(
        about,
        format!("it lists {} objects", listing.objects.len()),
    )];
    if newest > Timestamp::now().as_microsecond() + AHEAD {
        let fix = "set the clock of this machine, or of the one that writes: what is of the future waits for its time";
        findings.push(Finding::warning(
            about,
            "its newest object is of the future, by the clock of this machine",
            fix,
        ));
    }
    if !listing.odd_keys.is_empty() {
        let found = format!(
            "{} objects have names that cannot be read",
            listing.odd_keys.len()
        );
        findings.push(Finding::warning(
            about,
            found,
            "`identidex sync` names them",
        ));
    }
    findings
}

/// Says what the newest objects hold, read as a run would read them.
fn of_newest(
    options: &Options,
    source: &SourceConfig,
    sources: &Sources,
    listing: &Listing,
    about: &str,
) -> Vec<Finding> {
    let Newest {
        read,
        failed: fault,
    } = match newest(options, source, sources, listing) {
        Ok(newest) => newest,
        Err(error) => {
            let fix = "set TMPDIR to a folder that can be written to";
            return vec![Finding::problem(about, format!("{error:#}"), fix)];
        }
    };
    let fault = fault.iter();
    let mut findings: Vec<Finding> = fault
        .map(|error| failed(about, error, "check the right to read objects"))
        .collect();
    let mut fit: Vec<(String, Examined)> = Vec::new();
    for (key, examined) in read {
        match examined {
            Ok(examined) => fit.push((key, examined)),
            Err(unfit) => findings.push(of_unfit(&key, unfit, about)),
        }
    }
    findings.extend(Dataset::ALL.into_iter().filter_map(|dataset| {
        let mut of = fit
            .iter()
            .filter(|(_, examined)| examined.dataset == dataset);
        let (key, newest) = of.next()?;
        Some(of_examined(key, newest, of.next(), about))
    }));
    findings
}

fn of_unfit(key: &str, unfit: Unfit, about: &str) -> Finding {
    match unfit {
        Unfit::Content(reason) | Unfit::Machine(reason) => Finding::problem(
            about,
            format!("{key}: {reason}"),
            "export it again, or map its columns",
        ),
        Unfit::Empty => Finding::warning(
            about,
            format!("{key} has no rows and no header"),
            "check the query of the exporter",
        ),
    }
}

/// Says what the newest object of a dataset holds, and in what its columns differ from those of the one before.
fn of_examined(
    key: &str,
    newest: &Examined,
    before: Option<&(String, Examined)>,
    about: &str,
) -> Finding {
    let dataset = newest.dataset.as_str();
    let holds = format!(
        "{key}: {} rows of {dataset}, {} of them rejected",
        newest.rows, newest.rejected
    );
    let (gone, come) = before.map_or_else(Default::default, |(_, before)| {
        (
            lacking(&before.columns, &newest.columns),
            lacking(&newest.columns, &before.columns),
        )
    });
    if let Some((before, _)) = before.filter(|_| !(gone.is_empty() && come.is_empty())) {
        let found = format!(
            "{holds}; since {before} its columns changed: gone {}, come {}",
            listed(&gone),
            listed(&come)
        );
        let fix = "what a column said stays as it was when it no longer comes: check the query of the exporter";
        return Finding::warning(about, found, fix);
    }
    let holds = match newest.unknown.as_slice() {
        [] => holds,
        unknown => format!("{holds}; kept in `extra`: {}", unknown.join(", ")),
    };
    Finding::fine(about, holds)
}

fn lacking<'a>(names: &'a [String], of: &[String]) -> Vec<&'a str> {
    let lacking = names.iter().filter(|name| !of.contains(name));
    lacking.map(|name| shown_name(name)).collect()
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}
