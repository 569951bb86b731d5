//! Metrics: what was asked and how it went, as OpenMetrics text. No name of anybody is among them.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::lookup::{Answer, Index, Outcome};

/// Upper bounds of how long a request took, in seconds.
const BOUNDS: [f64; 10] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 1.0, 10.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfReceived {
    what: &'static str,
    fate: &'static str,
}

/// What is counted.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Route, Counter>,
    seconds: Histogram,
    answers: Family<OfOutcome, Counter>,
    received: Family<OfReceived, Counter>,
    waiting: Gauge<f64, AtomicU64>,
    is_ready: Gauge,
    generation: Gauge,
    age: Gauge<f64, AtomicU64>,
}

impl Metrics {
    pub(super) fn new() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("identidex"),
            requests: Family::default(),
            seconds: Histogram::new(BOUNDS),
            answers: Family::default(),
            received: Family::default(),
            waiting: Gauge::default(),
            is_ready: Gauge::default(),
            generation: Gauge::default(),
            age: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register(
            "requests",
            "Requests, by route and status",
            metrics.requests.clone(),
        );
        let took = "How long requests took";
        registry.register_with_unit("request", took, Unit::Seconds, metrics.seconds.clone());
        registry.register(
            "answers",
            "Answers, by how many fitted",
            metrics.answers.clone(),
        );
        registry.register(
            "received",
            "What Nexthink sent and where events went, by what became of it",
            metrics.received.clone(),
        );
        registry.register(
            "events_waiting",
            "Events of webhooks that their reader does not have yet",
            metrics.waiting.clone(),
        );
        registry.register("ready", "1: an index is open", metrics.is_ready.clone());
        let generation = "The state of the index that answers";
        registry.register("generation", generation, metrics.generation.clone());
        let age = "How old what the index knows is, by the dataset that is furthest behind";
        registry.register_with_unit("age", age, Unit::Seconds, metrics.age.clone());
        metrics
    }

    /// Counts a request.
    pub(super) fn count(&self, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.requests.get_or_create(&Route { route, status }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts an answer.
    pub(super) fn count_answer(&self, answer: &Answer) {
        self.count_outcome(answer.outcome);
    }

    /// Counts how many fitted what was asked.
    pub(super) fn count_outcome(&self, outcome: Outcome) {
        let outcome = outcome.as_str();
        self.answers.get_or_create(&OfOutcome { outcome }).inc();
    }

    /// Counts an export, a message or an event.
    pub(super) fn count_received(&self, what: &'static str, fate: &'static str) {
        self.received
            .get_or_create(&OfReceived { what, fate })
            .inc();
    }

    /// Returns all that was counted, and how the index stands.
    pub(super) fn text(
        &self,
        index: Option<&Index>,
        waiting: Option<u64>,
    ) -> Result<String, fmt::Error> {
        self.waiting
            .set(waiting.map_or(f64::NAN, |count| count as f64));
        self.is_ready.set(i64::from(index.is_some()));
        if let Some(index) = index {
            self.generation.set(index.generation().cast_signed());
            let age = index.freshness().age;
            self.age.set(age.map_or(f64::NAN, |age| age.as_secs_f64()));
        }
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
