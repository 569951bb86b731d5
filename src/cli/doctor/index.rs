//! The index: whether it is whole, follows new generations, and by what people can be found in it.

use super::{Args, Finding};
use crate::cli::Context;
use crate::cli::status::{Ages, Holdings};
use crate::lookup::{FreshnessState, Index};
use crate::schema::Dataset;

pub(super) fn look(args: &Args, context: &Context) -> Vec<Finding> {
    let index = match context.open_index() {
        Ok(index) => index,
        Err(error) => {
            let fix = "run `identidex sync`; of a damaged one, `identidex rollback` makes the one before it current";
            return vec![Finding::problem("index", format!("{error:#}"), fix)];
        }
    };
    let mut findings = vec![of_place(&index)];
    if !args.quick {
        findings.push(of_hash(&index));
    }
    findings.extend(of_ages(&index, context));
    match index.current().query(Holdings::read) {
        Ok(holdings) => findings.extend(of_waiting(&holdings)),
        Err(error) => findings.push(Finding::problem(
            "index",
            format!("{error:#}"),
            "run `identidex doctor` without --quick",
        )),
    }
    findings
}

fn of_place(index: &Index) -> Finding {
    let file = index.file();
    let number = index.generation();
    let is_generation = file
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("gen-"));
    match is_generation {
        true => Finding::fine("index", format!("generation {number}: {}", file.display())),
        false => Finding::warning(
            "index",
            "it is a file by itself: newer generations are never seen",
            "mount the folder that holds identity.db and identity.db.d, not the file (in Kubernetes: no subPath)",
        ),
    }
}

fn of_hash(index: &Index) -> Finding {
    let fix = "`identidex rollback` makes the generation before it current; then look at the disk";
    match index.verify() {
        Ok(true) => Finding::fine("index", "it is what was published, by its hash"),
        Ok(false) => Finding::warning(
            "index",
            "its name has no hash to compare it with",
            "open the generation itself",
        ),
        Err(error) => Finding::problem("index", format!("{error:#}"), fix),
    }
}

fn of_ages(index: &Index, context: &Context) -> Vec<Finding> {
    let ages = Ages::new(index.coverage(), context);
    let of = Dataset::ALL.into_iter().zip(&ages.of);
    let findings = of.map(|(dataset, age)| {
        let about = format!("dataset {}", dataset.as_str());
        let until = age
            .as_of
            .map_or("nothing came yet".to_owned(), |at| format!("it is of {at}"));
        match (age.as_of, age.state) {
            (None, _) => Finding::warning(
                about,
                until,
                "without it answers lack what only it says; add its export where there is one",
            ),
            (_, FreshnessState::Fresh) => Finding::fine(about, until),
            (_, FreshnessState::Ageing) => Finding::warning(
                about,
                format!("{until}, and ageing"),
                "look whether its exporter still runs",
            ),
            (_, FreshnessState::Unknown) => Finding::problem(
                about,
                format!("{until}, which is ahead of the clock"),
                "check the clock of this machine, and the time_zone of the source",
            ),
            _ => Finding::problem(
                about,
                format!("{until}, and stale"),
                "look whether its exporter still runs, and at `identidex status`",
            ),
        }
    });
    findings.collect()
}

fn of_waiting(holdings: &Holdings) -> Vec<Finding> {
    let waiting = [
        (
            holdings.unknown,
            "name somebody or something that is in no export",
            "export all users and devices, with the names that logins use",
        ),
        (
            holdings.ambiguous,
            "may mean several",
            "add user.uid and device.uid to the query of logins, or a time of use",
        ),
    ];
    let waiting = waiting.into_iter().filter(|(count, ..)| *count > 0);
    waiting
        .map(|(count, what, fix)| {
            Finding::warning("logins", format!("{count} wait: they {what}"), fix)
        })
        .collect()
}
