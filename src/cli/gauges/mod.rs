//! Gauges: how the runs went and what the index holds, left at the end of every run, however it ended: in a file for
//! node_exporter, at a Pushgateway, with an OpenTelemetry collector. No name of anybody is among them.

mod collected;
mod openmetrics;

use jiff::Timestamp;
use tracing::warn;

use super::status::Holdings;
use super::{Context, Exit, readers};
use crate::identifier::Kind;
use crate::ingest::{Outcome, State};
use crate::publish::Folder;

/// A number that is watched, with the name and the labels that it has everywhere.
struct Gauge {
    /// As Prometheus writes it: what it is, and its unit.
    name: &'static str,
    help: &'static str,
    values: Vec<(Labels, f64)>,
}

type Labels = Vec<(&'static str, String)>;

impl Gauge {
    fn one(name: &'static str, help: &'static str, value: f64) -> Gauge {
        let values = vec![(Vec::new(), value)];
        Gauge { name, help, values }
    }

    fn by_fate<const N: usize>(
        name: &'static str,
        help: &'static str,
        counts: [(&'static str, u64); N],
    ) -> Gauge {
        let value = |(fate, count): (&str, u64)| (vec![("fate", fate.to_owned())], count as f64);
        let values = counts.into_iter().map(value).collect();
        Gauge { name, help, values }
    }
}

/// Leaves them where that is configured. That they cannot be left is a warning: the run is as it was.
pub(super) fn leave(context: &Context, exit: Exit) {
    let metrics = &context.config.metrics;
    let collector = context.collector.as_ref();
    if metrics.textfile.is_none() && metrics.pushgateway.is_none() && collector.is_none() {
        return;
    }
    let left = of_run(context, exit).and_then(|gauges| {
        if let Some(collector) = collector {
            collected::record(&gauges, collector);
        }
        let text = openmetrics::text_of(&gauges)?;
        let file = metrics.textfile.as_deref();
        let gateway = metrics.pushgateway.as_ref();
        Ok([
            file.map(|path| openmetrics::to_file(path, &text)),
            gateway.map(|url| openmetrics::push(url, &text)),
        ])
    });
    let ways = left.unwrap_or_else(|error| [Some(Err(error)), None]);
    for error in ways.into_iter().flatten().filter_map(Result::err) {
        warn!("the metrics of the run are not left: {error:#}");
    }
}

/// Returns all gauges, as the run that just ended left state and index.
fn of_run(context: &Context, exit: Exit) -> anyhow::Result<Vec<Gauge>> {
    let folder = Folder::open(
        &context.config.index.path,
        readers::readers(&context.config)?,
    )?;
    let mut gauges = of_state(&State::load(&folder), exit);
    let index = context.open_index().ok();
    let holdings = index.and_then(|index| index.current().query(Holdings::read).ok());
    gauges.extend(holdings.as_ref().map(of_holdings));
    Ok(gauges)
}

fn of_state(state: &State, exit: Exit) -> Vec<Gauge> {
    let info = vec![("digest", state.digest.clone()), ("run", state.run.clone())];
    let outcomes = [
        ("done", Outcome::Done),
        ("partial", Outcome::Partial),
        ("refused", Outcome::Refused),
        ("failed", Outcome::Failed),
    ];
    let (objects, rows) = (&state.objects, &state.rows);
    vec![
        Gauge {
            name: "identidex_index_info",
            help: "What the index knows, and the last run",
            values: vec![(info, 1.0)],
        },
        Gauge::one(
            "identidex_exit_code",
            "How the last run ended, as the program does",
            f64::from(exit as u8),
        ),
        Gauge::one(
            "identidex_last_attempt_timestamp_seconds",
            "When the last run began",
            seconds(state.last_attempt.as_deref()),
        ),
        Gauge::one(
            "identidex_last_success_timestamp_seconds",
            "When the last run ended in which nothing failed",
            seconds(state.last_success.as_deref()),
        ),
        Gauge::one(
            "identidex_run_duration_seconds",
            "How long the last run took",
            state.seconds,
        ),
        Gauge::one(
            "identidex_failures_in_a_row",
            "Runs that failed since one did not",
            state.failures_in_a_row as f64,
        ),
        Gauge::one(
            "identidex_failed_objects",
            "Objects that are left out for what they hold",
            state.failed_objects as f64,
        ),
        Gauge::one(
            "identidex_generation",
            "The state of the index that readers read",
            state.generation as f64,
        ),
        Gauge::one(
            "identidex_accounts",
            "Accounts in the index",
            state.accounts as f64,
        ),
        Gauge::one(
            "identidex_devices",
            "Devices in the index",
            state.devices as f64,
        ),
        Gauge::one(
            "identidex_usages",
            "Accounts with a device that they use",
            state.usages as f64,
        ),
        Gauge::by_fate(
            "identidex_outcome",
            "How the last run ended",
            outcomes.map(|(word, outcome)| (word, u64::from(state.outcome == Some(outcome)))),
        ),
        Gauge::by_fate(
            "identidex_objects",
            "Objects of the last run",
            [
                ("listed", objects.listed),
                ("new", objects.new),
                ("duplicate", objects.duplicate),
                ("loaded", objects.loaded),
                ("failed", objects.failed),
            ],
        ),
        Gauge::by_fate(
            "identidex_rows",
            "Rows of the objects that the last run loaded",
            [
                ("read", rows.read),
                ("stored", rows.stored),
                ("unchanged", rows.unchanged),
                ("superseded", rows.superseded),
                ("rejected", rows.rejected),
            ],
        ),
        Gauge::by_fate(
            "identidex_waiting",
            "Usages that cannot be placed",
            [
                ("unknown", state.waiting.unknown),
                ("ambiguous", state.waiting.ambiguous),
            ],
        ),
        newest_objects(state),
    ]
}

fn newest_objects(state: &State) -> Gauge {
    let newest = state.newest.iter().flat_map(|(source, datasets)| {
        datasets.iter().map(move |(dataset, object)| {
            let labels = vec![("source", source.clone()), ("dataset", dataset.clone())];
            (labels, seconds(Some(&object.observed_at)))
        })
    });
    Gauge {
        name: "identidex_newest_object_timestamp_seconds",
        help: "When the newest object that was taken in was observed",
        values: newest.collect(),
    }
}

fn of_holdings(holdings: &Holdings) -> Gauge {
    let share = |kind: Kind| {
        let labels = vec![("kind", kind.as_str().to_owned())];
        (labels, holdings.share(kind))
    };
    Gauge {
        name: "identidex_account_share",
        help: "The share of accounts that have an identifier",
        values: [Kind::Sid, Kind::Upn, Kind::Email].map(share).to_vec(),
    }
}

fn seconds(time: Option<&str>) -> f64 {
    let time = time.and_then(|time| time.parse::<Timestamp>().ok());
    time.map_or(0.0, |time| time.as_millisecond() as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_run_failed_is_told_as_well() {
        let state = State {
            run: "r1".to_owned(),
            last_attempt: Some("2026-11-20T06:00:00Z".to_owned()),
            outcome: Some(Outcome::Failed),
            failures_in_a_row: 5,
            seconds: 1.5,
            ..State::default()
        };
        let text = openmetrics::text_of(&of_state(&state, Exit::Failed)).unwrap();
        for line in [
            "identidex_index_info{digest=\"\",run=\"r1\"} 1",
            "identidex_exit_code 1.0",
            "identidex_failures_in_a_row 5.0",
            "identidex_last_success_timestamp_seconds 0.0",
            "identidex_last_attempt_timestamp_seconds 1795154400.0",
            "identidex_outcome{fate=\"failed\"} 1.0",
            "identidex_run_duration_seconds 1.5",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
