//! An OpenTelemetry collector: gets the spans of a run as they end, and its gauges, by OTLP over HTTP (protobuf).
//!
//! What OpenTelemetry's variables say is obeyed where they say it of every program: `OTEL_EXPORTER_OTLP_ENDPOINT`, `…_HEADERS`
//! (where a token goes), `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SDK_DISABLED`, those of one signal.

use std::env;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use url::Url;

use crate::live::http_client;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// How long one request may take: a run is not to wait for whoever watches it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// How long it may be tried anew.
const TRIED_FOR: Duration = Duration::from_secs(3);
/// How long all that is left may take, both signals at once. Of gauges the SDK (0.33) knows no other limit.
const FLUSHED_WITHIN: Duration = Duration::from_secs(5);
/// A collector says at most what it did not take.
const ANSWER_AT_MOST: usize = 1 << 16;
/// Nothing is measured again while a run ends.
const NEVER: Duration = Duration::from_hours(24);

/// Why nothing can be sent; never the text of a variable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unsent {
    /// What is configured cannot be used.
    #[error(
        "no OTLP can be sent: expected metrics.otlp, or OTEL_EXPORTER_OTLP_ENDPOINT, to be an address such as http://collector:4318, and no compression"
    )]
    Configuration,
    /// No answer, or a refusal.
    #[error("the OTLP collector did not take all spans and gauges of the run: {0}")]
    Refused(&'static str),
    /// A status other than success.
    #[error(
        "the OTLP collector did not take all spans and gauges of the run: it answers with status {0}"
    )]
    Status(u16),
}

/// Where spans and gauges go.
#[derive(Debug)]
pub struct Collector {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    http: Http,
}

/// Of what kind something is that is sent.
#[derive(Debug, Clone, Copy)]
enum Signal {
    Traces,
    Metrics,
}

/// Where a signal goes.
enum Endpoint {
    Of(String),
    OfVariables,
}

impl Collector {
    /// Makes ready to send to `url`, else to where OpenTelemetry's variables say; none where neither says anything.
    ///
    /// # Errors
    /// Where what is configured is no address.
    pub fn configured(url: Option<&Url>) -> Result<Option<Collector>, Unsent> {
        if is(env_text("OTEL_SDK_DISABLED"), "true") {
            return Ok(None);
        }
        let (traces, metrics) = (
            endpoint(url, Signal::Traces),
            endpoint(url, Signal::Metrics),
        );
        if traces.is_none() && metrics.is_none() {
            return Ok(None);
        }
        let http = Http::new()?;
        let traces = traces.map(|to| traces_to(to, http.clone())).transpose()?;
        let metrics = metrics.map(|to| metrics_to(to, http.clone())).transpose()?;
        Ok(Some(Collector {
            traces,
            metrics,
            http,
        }))
    }

    /// Returns what makes spans, where they go anywhere.
    pub(super) fn tracer(&self) -> Option<SdkTracer> {
        Some(self.traces.as_ref()?.tracer("identidex"))
    }

    /// Returns what gauges are recorded with, where they go anywhere.
    pub fn metrics(&self) -> Option<&SdkMeterProvider> {
        self.metrics.as_ref()
    }

    /// Sends what was not sent yet.
    ///
    /// # Errors
    /// Where the collector does not take it within five seconds.
    pub fn flush(&self) -> Result<(), Unsent> {
        let (metrics, traces) = (self.metrics.as_ref(), self.traces.as_ref());
        let are_sent = std::thread::scope(|scope| {
            let sent = scope.spawn(|| {
                metrics.is_none_or(|sent| sent.shutdown_with_timeout(FLUSHED_WITHIN).is_ok())
            });
            let is_sent =
                traces.is_none_or(|sent| sent.shutdown_with_timeout(FLUSHED_WITHIN).is_ok());
            sent.join().is_ok_and(|sent| sent) && is_sent
        });
        match are_sent {
            true => Ok(()),
            false => Err(self.http.failure()),
        }
    }
}

impl Signal {
    fn variable(self) -> &'static str {
        match self {
            Signal::Traces => "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            Signal::Metrics => "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        }
    }

    fn exporter_variable(self) -> &'static str {
        match self {
            Signal::Traces => "OTEL_TRACES_EXPORTER",
            Signal::Metrics => "OTEL_METRICS_EXPORTER",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Signal::Traces => "v1/traces",
            Signal::Metrics => "v1/metrics",
        }
    }
}

fn env_text(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|text| !text.is_empty())
}

fn is(text: Option<String>, word: &str) -> bool {
    text.is_some_and(|text| text.trim().eq_ignore_ascii_case(word))
}

fn endpoint(url: Option<&Url>, signal: Signal) -> Option<Endpoint> {
    if is(env_text(signal.exporter_variable()), "none") {
        return None;
    }
    let of_variables = || {
        let is_said = [ENDPOINT, signal.variable()]
            .into_iter()
            .any(|variable| env_text(variable).is_some());
        is_said.then_some(Endpoint::OfVariables)
    };
    let of_url = |url: &Url| {
        let base = url.as_str().trim_end_matches('/');
        Endpoint::Of(format!("{base}/{}", signal.path()))
    };
    url.map(of_url).or_else(of_variables)
}

/// Has an exporter send by our own client, to where that is said.
fn led<E: WithHttpConfig + WithExportConfig>(exporter: E, endpoint: Endpoint, http: Http) -> E {
    let exporter = exporter.with_http_client(http).with_timeout(TRIED_FOR);
    match endpoint {
        Endpoint::Of(url) => exporter.with_endpoint(url),
        Endpoint::OfVariables => exporter,
    }
}

fn traces_to(endpoint: Endpoint, http: Http) -> Result<SdkTracerProvider, Unsent> {
    let exporter = led(SpanExporter::builder().with_http(), endpoint, http);
    let exporter = exporter.build().map_err(|_| Unsent::Configuration)?;
    let traces = SdkTracerProvider::builder().with_batch_exporter(exporter);
    Ok(traces.with_resource(resource()).build())
}

fn metrics_to(endpoint: Endpoint, http: Http) -> Result<SdkMeterProvider, Unsent> {
    let exporter = led(MetricExporter::builder().with_http(), endpoint, http);
    let exporter = exporter.build().map_err(|_| Unsent::Configuration)?;
    let reader = PeriodicReader::builder(exporter).with_interval(NEVER);
    let metrics = SdkMeterProvider::builder().with_reader(reader.build());
    Ok(metrics.with_resource(resource()).build())
}

/// Says who sends.
fn resource() -> Resource {
    let is_named = |attributes: String| attributes.contains("service.name=");
    let has_name = env_text("OTEL_SERVICE_NAME").is_some()
        || env_text("OTEL_RESOURCE_ATTRIBUTES").is_some_and(is_named);
    let resource = Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    match has_name {
        true => resource.build(),
        false => resource.with_service_name("identidex").build(),
    }
}

/// Our own client, which follows no redirect: a token may stand in the headers. It keeps what went wrong last, which the exporters
/// do not say.
#[derive(Debug, Clone)]
struct Http {
    client: reqwest::Client,
    wrong: Arc<Mutex<Option<Wrong>>>,
}

#[derive(Debug, Clone, Copy)]
enum Wrong {
    Unreachable,
    Late,
    Status(u16),
}

impl Http {
    fn new() -> Result<Http, Unsent> {
        let client = http_client(false);
        let client = client.map_err(|_| Unsent::Refused("no HTTP client can be made"))?;
        Ok(Http {
            client,
            wrong: Arc::default(),
        })
    }

    fn note(&self, wrong: Wrong) {
        *self.wrong.lock().unwrap_or_else(PoisonError::into_inner) = Some(wrong);
    }

    fn failure(&self) -> Unsent {
        let wrong = *self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        match wrong {
            Some(Wrong::Unreachable) => Unsent::Refused("it cannot be reached"),
            Some(Wrong::Late) | None => Unsent::Refused("it does not answer in time"),
            Some(Wrong::Status(status)) => Unsent::Status(status),
        }
    }

    async fn send(&self, request: reqwest::Request) -> reqwest::Result<Response<Bytes>> {
        let mut answer = self.client.execute(request).await?;
        let mut body = Vec::new();
        while let Some(bytes) = answer.chunk().await? {
            let room = ANSWER_AT_MOST.saturating_sub(body.len());
            if room == 0 {
                break;
            }
            body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut request = reqwest::Request::try_from(request)?;
        *request.timeout_mut() = Some(ANSWERED_WITHIN);
        // Whoever sends is a thread of its own, without a runtime.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let answer = runtime.block_on(self.send(request));
        match &answer {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.note(Wrong::Status(answer.status().as_u16())),
            Err(error) if error.is_timeout() => self.note(Wrong::Late),
            Err(_) => self.note(Wrong::Unreachable),
        }
        Ok(answer?)
    }
}
