//! Gauges as OpenMetrics: a file for node_exporter's textfile collector, and what a Pushgateway holds.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Context as _;
use prometheus_client::encoding::text;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge as Number;
use prometheus_client::registry::Registry;

use super::super::nexthink;
use super::super::whole_file::WholeFile;
use super::{Gauge, Labels};
use crate::live::http_client;

/// How long a gateway may take.
const PUSHED_WITHIN: Duration = Duration::from_secs(10);
/// What node_exporter reads as another user.
const MODE: u32 = 0o644;

pub(super) fn text_of(gauges: &[Gauge]) -> anyhow::Result<String> {
    let mut registry = Registry::default();
    for gauge in gauges {
        let family: Family<Labels, Number<f64, AtomicU64>> = Family::default();
        for (labels, value) in &gauge.values {
            family.get_or_create(labels).set(*value);
        }
        registry.register(gauge.name, gauge.help, family);
    }
    let mut text = String::new();
    text::encode(&mut text, &registry).context("they cannot be written")?;
    Ok(text)
}

pub(super) fn to_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = WholeFile::begin(path)?;
    let name = || format!("{} cannot be written", path.display());
    file.file().write_all(text.as_bytes()).with_context(name)?;
    file.file()
        .set_permissions(std::fs::Permissions::from_mode(MODE))
        .with_context(name)?;
    file.keep()
}

/// Has a Pushgateway hold them in the place of those of the run before.
pub(super) fn push(url: &url::Url, text: &str) -> anyhow::Result<()> {
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
    let sent = nexthink::wait(async { request.send().await })?;
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
