//! The log: `tracing` events to standard error, as text for people or as JSON for machines; and the spans of a run, to an
//! OpenTelemetry collector.
//!
//! Ours show no personal value at any level; this file sees to it that nobody else's text gets out either.
//! Libraries that talk to stores are silent, whatever `IDENTIDEX_LOG` asks for: they log responses as they came, and
//! those hold session tokens (object_store echoes one in the text of an `ExpiredToken` error), signed URLs and the names
//! of people's files. What they have to say reaches us as an error value, of which we print status, code and request id.
//! Other libraries may warn.

mod collector;

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;
use tracing_subscriber::registry::LookupSpan;

use crate::identifier::is_hidden;

pub use self::collector::{Collector, Unsent};

/// The variable that replaces the levels: `debug`, or by target as in `warn,identidex::index=trace`.
pub const FILTER_VARIABLE: &str = "IDENTIDEX_LOG";

/// Targets that never log: everything between us and a store begins with one of these.
const SILENT: &[&str] = &[
    "aws_",
    "azure",
    "h2",
    "hyper",
    "object_store",
    "opentelemetry",
    "quick_xml",
    "reqwest",
    "rustls",
    "tower",
];

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: coloured on a terminal, unless `NO_COLOR` is set.
    Text,
    /// For machines: one object a line.
    Json,
}

/// `IDENTIDEX_LOG` holds something that is no filter: bad usage, exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("IDENTIDEX_LOG: expected levels such as \"debug\" or \"warn,identidex::index=trace\"")]
#[non_exhaustive]
pub struct BadFilter;

/// Starts the log of this process; a second call changes nothing.
///
/// `verbosity` is how many `-v` were given, less the `-q`. At 0, text shows warnings and errors, since a person reads it
/// beside the answer; JSON also shows when runs begin and end, since nobody reads it until something has gone wrong. A collector
/// gets spans, and what JSON shows, whatever else is shown.
///
/// # Errors
///
/// `IDENTIDEX_LOG` is set and is no filter.
pub fn start(
    format: LogFormat,
    verbosity: i8,
    collector: Option<&Collector>,
) -> Result<(), BadFilter> {
    let asked = std::env::var_os(FILTER_VARIABLE).filter(|text| !text.is_empty());
    let asked = asked
        .map(|text| text.into_string().map_err(|_| BadFilter))
        .transpose()?;
    let filter = filter(asked.as_deref(), level(format, verbosity))?;
    let colour = format == LogFormat::Text && has_colour();
    let tracer = collector.and_then(Collector::tracer);
    let spans = tracer.map(|tracer| {
        let spans = tracing_opentelemetry::layer().with_tracer(tracer);
        let spans = spans.with_threads(false).with_location(false);
        spans.with_filter(filter_fn(|event| {
            is_allowed(event) && *event.level() <= Level::INFO
        }))
    });
    let lines = lines(format, filter, colour, || Shown(io::stderr()));
    let subscriber = registry().with(lines).with(spans);
    // Only a second call fails.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// Writes lines without letters that would turn what follows them round, or hide it: names of objects stand in them.
struct Shown<W>(W);

impl<W: io::Write> io::Write for Shown<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Control characters of one byte are escaped already; those of two steer some terminals as well.
        let is_unsafe = |letter: char| {
            matches!(letter, '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}') || is_hidden(letter)
        };
        match std::str::from_utf8(line) {
            Ok(text) if text.contains(is_unsafe) => {
                let escaped = text.chars().map(|letter| match is_unsafe(letter) {
                    // As JSON has them, too.
                    true => format!("\\u{:04x}", u32::from(letter)),
                    false => letter.to_string(),
                });
                self.0.write_all(escaped.collect::<String>().as_bytes())?;
            }
            _ => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn level(format: LogFormat, verbosity: i8) -> LevelFilter {
    let at_zero = match format {
        // From the first `-v` on, both show the same.
        LogFormat::Text if verbosity <= 0 => 2,
        LogFormat::Text | LogFormat::Json => 3,
    };
    match verbosity.saturating_add(at_zero) {
        ..=0 => LevelFilter::OFF,
        1 => LevelFilter::ERROR,
        2 => LevelFilter::WARN,
        3 => LevelFilter::INFO,
        4 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

fn filter(asked: Option<&str>, level: LevelFilter) -> Result<EnvFilter, BadFilter> {
    // Without patterns: they would be tried on every value of every span.
    let builder = EnvFilter::builder().with_regex(false);
    match asked {
        Some(text) => builder.parse(text).map_err(|_| BadFilter),
        None => Ok(builder.with_default_directive(level.into()).parse_lossy("")),
    }
}

/// Whether an event may be logged at all, before any filter that the user has chosen.
fn is_allowed(event: &Metadata<'_>) -> bool {
    let target = event.target();
    if target == "identidex" || target.starts_with("identidex::") {
        return true;
    }
    *event.level() <= Level::WARN && !SILENT.iter().any(|silent| target.starts_with(silent))
}

fn has_colour() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal()
        && !is_set("NO_COLOR")
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Returns what writes lines.
fn lines<S, W>(
    format: LogFormat,
    filter: EnvFilter,
    colour: bool,
    writer: W,
) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colour);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    lines.with_filter(filter).with_filter(filter_fn(is_allowed))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn letters_that_turn_text_round_are_shown_as_what_they_are() {
        let mut line = Shown(Vec::new());
        io::Write::write_all(&mut line, "a\u{202e}vsc.b ü\n".as_bytes()).unwrap();
        assert_eq!(line.0, "a\\u202evsc.b ü\n".as_bytes());
    }

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Logs one event of each kind and returns what was written.
    fn log(format: LogFormat, asked: Option<&str>, verbosity: i8, colour: bool) -> String {
        let page = Page::default();
        let writer = page.clone();
        let filter = filter(asked, level(format, verbosity)).unwrap();
        let lines = lines(format, filter, colour, move || writer.clone());
        let subscriber = registry().with(lines);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "identidex::ingest", "our-error");
            tracing::warn!(target: "identidex::ingest", "our-warning");
            tracing::info!(target: "identidex::ingest", objects = 3, "our-info");
            tracing::debug!(target: "identidex", "our-debug");
            tracing::trace!(target: "identidex", "our-trace");
            tracing::info!(target: "identidexter", "other-info");
            tracing::warn!(target: "some_crate", "other-warning");
            tracing::error!(target: "object_store::client::retry", "token");
            tracing::error!(target: "aws_config::profile", "token");
            tracing::error!(target: "hyper_util::client", "token");
            tracing::error!(target: "reqwest", "token");
        });
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    /// Returns the messages, in order.
    fn messages(text: &str) -> Vec<&str> {
        let is_message = |word: &&str| {
            ["our-", "other-", "token"]
                .iter()
                .any(|start| word.starts_with(start))
        };
        text.split(|c: char| c.is_whitespace() || c == '"')
            .filter(is_message)
            .collect()
    }

    #[test]
    fn verbosity_chooses_the_level_and_text_is_quiet_until_asked() {
        use LogFormat::{Json, Text};
        let shown = |format, verbosity| messages(&log(format, None, verbosity, false)).len();
        assert_eq!(
            [-2, -1, 0, 1, 2, 3, 127].map(|v| shown(Text, v)),
            [0, 1, 3, 5, 6, 6, 6]
        );
        assert_eq!(
            [-128, -3, -2, -1, 0, 1].map(|v| shown(Json, v)),
            [0, 0, 1, 3, 4, 5]
        );
    }

    #[test]
    fn libraries_at_most_warn_and_those_at_a_store_say_nothing_whatever_is_asked() {
        for asked in [
            "trace",
            "object_store=trace,aws_config=trace,hyper_util=trace,reqwest=trace,identidexter=info",
        ] {
            let text = log(LogFormat::Text, Some(asked), 0, false);
            assert!(
                !text.contains("token") && !text.contains("other-info"),
                "{text}"
            );
        }
        let all = messages_of_trace();
        assert_eq!(
            all,
            [
                "our-error",
                "our-warning",
                "our-info",
                "our-debug",
                "our-trace",
                "other-warning"
            ]
        );
    }

    fn messages_of_trace() -> Vec<String> {
        let text = log(LogFormat::Text, Some("trace"), -9, false);
        messages(&text).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn the_variable_chooses_by_target() {
        let text = log(
            LogFormat::Text,
            Some("off,identidex::ingest=info"),
            3,
            false,
        );
        assert_eq!(messages(&text), ["our-error", "our-warning", "our-info"]);
    }

    #[test]
    fn a_filter_that_is_none_is_refused_without_showing_it() {
        let error = filter(Some("identidex=loud"), LevelFilter::WARN)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("IDENTIDEX_LOG: expected levels") && !error.contains("loud"),
            "{error}"
        );
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = log(LogFormat::Json, None, 0, false);
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let info = lines
            .iter()
            .find(|line| line["message"] == "our-info")
            .unwrap();
        assert_eq!(
            (&info["level"], &info["objects"]),
            (&"INFO".into(), &3.into())
        );
        assert_eq!(info["target"], "identidex::ingest");
        assert!(
            info["timestamp"]
                .as_str()
                .is_some_and(|time| time.ends_with('Z')),
            "{info}"
        );
    }

    #[test]
    fn text_has_colour_only_when_told() {
        assert!(log(LogFormat::Text, None, 0, true).contains('\u{1b}'));
        assert!(!log(LogFormat::Text, None, 0, false).contains('\u{1b}'));
    }
}
