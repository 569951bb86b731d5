//! Gauges for an OpenTelemetry collector, under the names that Prometheus has them by: alerts and dashboards are the same whichever
//! way they came.

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;

use super::Gauge;
use crate::telemetry::Collector;

/// Records them; they are sent when the collector is flushed.
pub(super) fn record(gauges: &[Gauge], collector: &Collector) {
    let Some(metrics) = collector.metrics() else {
        return;
    };
    let meter = metrics.meter("identidex");
    for gauge in gauges {
        let recorded = meter.f64_gauge(gauge.name).with_description(gauge.help);
        let recorded = recorded.build();
        for (labels, value) in &gauge.values {
            let labels = labels.iter();
            let labels: Vec<KeyValue> = labels
                .map(|(name, text)| KeyValue::new(*name, text.clone()))
                .collect();
            recorded.record(*value, &labels);
        }
    }
}
