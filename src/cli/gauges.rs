//! Gauges: how the runs went and what the index holds, as OpenMetrics, left in a file for node_exporter, or pushed to a gateway,
//! at the end of every run, however it ended. No name of anybody is among them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tracing::warn;

use super::status::Holdings;
use super::whole_file::WholeFile;
use super::{Context, Exit, readers};
use crate::identifier::Kind;
use crate::ingest::{Outcome, State};
use crate::live::http_client;
use crate::publish::Folder;

/// How long a gateway may take.
const PUSHED_WITHIN: Duration = Duration::from_secs(10);
/// What node_exporter reads as another user.
const MODE: u32 = 0o644;

type Number = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfFate {
    fate: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDataset {
    source: String,
    dataset: String,
}

/// Leaves them where that is configured. That they cannot be left is a warning: the run is as it was.
pub(super) fn leave(context: &Context, exit: Exit) {
    let metrics = &context.config.metrics;
    if metrics.textfile.is_none() && metrics.pushgateway.is_none() {
        return;
    }
    let left = of_index(context, exit).and_then(|text| {
        let file = metrics.textfile.as_deref().map(|path| to_file(path, &text));
        let pushed = metrics.pushgateway.as_ref().map(|url| push(url, &text));
        file.into_iter()
            .chain(pushed)
            .collect::<anyhow::Result<()>>()
    });
    if let Err(error) = left {
        warn!("the metrics of the run are not left: {error:#}");
    }
}

fn of_index(context: &Context, exit: Exit) -> anyhow::Result<String> {
    let folder = Folder::open(
        &context.config.index.path,
        readers::readers(&context.config)?,
    )?;
    let state = State::load(&folder);
    let holdings = context.open_index().ok();
    let holdings =
        holdings.and_then(|index| index.current().read(|reader| Holdings::read(reader)).ok());
    text_of(&state, holdings.as_ref(), exit)
}

fn text_of(state: &State, holdings: Option<&Holdings>, exit: Exit) -> anyhow::Result<String> {
    let mut registry = Registry::with_prefix("identidex");
    let info = [("digest", state.digest.clone()), ("run", state.run.clone())];
    registry.register(
        "index",
        "What the index knows, and the last run",
        Info::new(info.to_vec()),
    );
    let mut number = |name: &str, help: &str, value: f64| {
        let gauge = Number::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    number(
        "exit_code",
        "How the last run ended, as the program does",
        f64::from(exit as u8),
    );
    number(
        "last_attempt_timestamp_seconds",
        "When the last run began",
        seconds(state.last_attempt.as_deref()),
    );
    number(
        "last_success_timestamp_seconds",
        "When the last run ended in which nothing failed",
        seconds(state.last_success.as_deref()),
    );
    number(
        "run_duration_seconds",
        "How long the last run took",
        state.seconds,
    );
    number(
        "failures_in_a_row",
        "Runs that failed since one did not",
        state.failures_in_a_row as f64,
    );
    number(
        "failed_objects",
        "Objects that are left out for what they hold",
        state.failed_objects as f64,
    );
    number(
        "generation",
        "The state of the index that readers read",
        state.generation as f64,
    );
    number("accounts", "Accounts in the index", state.accounts as f64);
    number("devices", "Devices in the index", state.devices as f64);
    number(
        "usages",
        "Accounts with a device that they use",
        state.usages as f64,
    );
    let outcomes = [
        Outcome::Done,
        Outcome::Partial,
        Outcome::Refused,
        Outcome::Failed,
    ]
    .map(|outcome| (word(outcome), state.outcome == Some(outcome)));
    let outcomes = outcomes.map(|(word, is_it)| (word, u64::from(is_it)));
    by_fate(
        &mut registry,
        "outcome",
        "How the last run ended",
        &outcomes,
    );
    let objects = &state.objects;
    let objects = [
        ("listed", objects.listed),
        ("new", objects.new),
        ("duplicate", objects.duplicate),
        ("loaded", objects.loaded),
        ("failed", objects.failed),
    ];
    by_fate(
        &mut registry,
        "objects",
        "Objects of the last run",
        &objects,
    );
    let rows = &state.rows;
    let rows = [
        ("read", rows.read),
        ("stored", rows.stored),
        ("unchanged", rows.unchanged),
        ("superseded", rows.superseded),
        ("rejected", rows.rejected),
    ];
    by_fate(
        &mut registry,
        "rows",
        "Rows of the objects that the last run loaded",
        &rows,
    );
    let waiting = [
        ("unknown", state.waiting.unknown),
        ("ambiguous", state.waiting.ambiguous),
    ];
    by_fate(
        &mut registry,
        "waiting",
        "Usages that cannot be placed",
        &waiting,
    );
    let newest: Family<OfDataset, Number> = Family::default();
    for (source, datasets) in &state.newest {
        for (dataset, object) in datasets {
            let (source, dataset) = (source.clone(), dataset.clone());
            newest
                .get_or_create(&OfDataset { source, dataset })
                .set(seconds(Some(&object.observed_at)));
        }
    }
    registry.register(
        "newest_object_timestamp_seconds",
        "When the newest object that was taken in was observed",
        newest,
    );
    if let Some(holdings) = holdings {
        let share: Family<OfKind, Number> = Family::default();
        for kind in [Kind::Sid, Kind::Upn, Kind::Email] {
            share
                .get_or_create(&OfKind {
                    kind: kind.as_str(),
                })
                .set(holdings.share(kind));
        }
        registry.register(
            "account_share",
            "The share of accounts that have an identifier",
            share,
        );
    }
    let mut text = String::new();
    text::encode(&mut text, &registry).context("they cannot be written")?;
    Ok(text)
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Partial => "partial",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
    }
}

fn by_fate(registry: &mut Registry, name: &str, help: &str, counts: &[(&'static str, u64)]) {
    let family: Family<OfFate, Number> = Family::default();
    for (fate, count) in counts {
        family.get_or_create(&OfFate { fate }).set(*count as f64);
    }
    registry.register(name, help, family);
}

fn seconds(time: Option<&str>) -> f64 {
    let time = time.and_then(|time| time.parse::<Timestamp>().ok());
    time.map_or(0.0, |time| time.as_millisecond() as f64 / 1_000.0)
}

fn to_file(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let file = WholeFile::begin(path)?;
    let name = || format!("{} cannot be written", path.display());
    file.file().write_all(text.as_bytes()).with_context(name)?;
    file.file()
        .set_permissions(std::fs::Permissions::from_mode(MODE))
        .with_context(name)?;
    file.keep()
}

/// Has a Pushgateway hold them in the place of those of the run before.
fn push(url: &url::Url, text: &str) -> anyhow::Result<()> {
    let mut to = url.clone();
    to.set_path(&format!(
        "{}/metrics/job/identidex",
        url.path().trim_end_matches('/')
    ));
    let request = http_client(false)?
        .put(to)
        .timeout(PUSHED_WITHIN)
        .header(
            "content-type",
            "application/openmetrics-text; version=1.0.0",
        )
        .body(text.to_owned());
    let sent = super::nexthink::wait(async { request.send().await })?;
    let status = sent
        .map_err(|error| error.without_url())
        .context("the gateway cannot be reached")?
        .status();
    match status.is_success() {
        true => Ok(()),
        false => Err(anyhow::anyhow!(
            "the gateway answers with status {}",
            status.as_u16()
        )),
    }
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
        let text = text_of(&state, None, Exit::Failed).unwrap();
        for line in [
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
