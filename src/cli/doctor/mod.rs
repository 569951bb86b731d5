//! `identidex doctor`: looks at everything that a run and its readers need, and says of what is not well how to mend it.

mod coverage;
mod files;
mod index;
mod runs;
mod sources;

use std::fmt;

use serde_json::json;

use super::words::printable;
use super::{Context, Exit, print, print_json};

/// Look at sources, files, the index and the runs, and say what is not well and how to mend it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  identidex doctor\n  identidex doctor --quick --json\n\nIt ends with 0 where all is fine, 3 where something is to be looked at, 1 where something does not work."
)]
pub(super) struct Args {
    /// Do not compare the index with its hash, nor read the newest objects of each source
    #[arg(long)]
    quick: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Fine,
    /// It works, and is not as it should be.
    Warning,
    /// It does not work, or will not for long.
    Problem,
}

/// Something that was looked at.
#[derive(Debug)]
struct Finding {
    level: Level,
    /// What it is about.
    about: String,
    /// How it is.
    found: String,
    /// What to do.
    fix: String,
}

impl Finding {
    fn fine(about: impl Into<String>, found: impl Into<String>) -> Finding {
        Finding {
            level: Level::Fine,
            about: about.into(),
            found: found.into(),
            fix: String::new(),
        }
    }

    fn warning(
        about: impl Into<String>,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        Finding {
            level: Level::Warning,
            about: about.into(),
            found: found.into(),
            fix: fix.into(),
        }
    }

    fn problem(
        about: impl Into<String>,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        Finding {
            level: Level::Problem,
            ..Finding::warning(about, found, fix)
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Level::Fine => "fine",
            Level::Warning => "warning",
            Level::Problem => "problem",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.to_string();
        write!(
            to,
            "{level:8} {}: {}",
            printable(&self.about),
            printable(&self.found)
        )?;
        match self.fix.as_str() {
            "" => Ok(()),
            fix => write!(to, "\n         → {}", printable(fix)),
        }
    }
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let mut findings = sources::look(args, context)?;
    findings.extend(files::look(context));
    findings.extend(index::look(args, context));
    findings.extend(coverage::look(context));
    findings.extend(runs::look(context)?);
    let worst = findings.iter().map(|finding| finding.level).max();
    match args.json {
        true => {
            let all = findings.iter().map(|one| {
                json!({"level": one.level.to_string(), "about": one.about, "found": one.found, "fix": one.fix})
            });
            print_json(&json!({"findings": Vec::from_iter(all)}))?;
        }
        false => findings.iter().try_for_each(print)?,
    }
    Ok(match worst {
        Some(Level::Problem) => Exit::Failed,
        Some(Level::Warning) => Exit::Partly,
        _ => Exit::Done,
    })
}
