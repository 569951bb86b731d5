//! What Nexthink sends: exports and webhooks, on the disk before it is told that they came.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures::StreamExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Receiving;
use super::app::{App, json as as_json};
use super::problem::Problem;
use super::resolve::{aside, came_whole};
use crate::ingest::{Unfit, examine};
use crate::receive::{About, Delivery, Fate, Fault, Inbox, Stored};

/// The largest export.
const EXPORT_BYTES: u64 = 1 << 30;
/// How long a sender may pause within one.
const NEXT_WITHIN: Duration = Duration::from_secs(30);
/// How slow one may be, in bytes a second, and after which time that counts.
const SLOWEST: u64 = 64 << 10;
const SLOW_AFTER: Duration = Duration::from_secs(30);
/// Pieces of one that wait to be written.
const PIECES: usize = 16;

/// `POST /v1/exports/{source}`
pub(super) async fn export(
    State(app): State<Arc<App>>,
    Path(source): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let kept = receive_export(&app, &source, body).await;
    let (fate, answer) = match kept {
        Ok((fate, answer)) => (fate, Ok(as_json(&answer))),
        Err(problem) => {
            tracing::warn!(source, why = problem.detail(), "an export is refused");
            ("refused", Err(problem))
        }
    };
    app.metrics.count_received("export", fate);
    answer
}

/// Takes an export; returns what became of it, and the answer.
async fn receive_export(
    app: &Arc<App>,
    source: &str,
    body: Body,
) -> Result<(&'static str, Value), Problem> {
    let places = app.places()?;
    let _coming = places.turn_to_come().await?;
    let inbox = places.inbox(source)?;
    let (pieces, to_write) = mpsc::channel(PIECES);
    let written = tokio::spawn(aside(move || write(&inbox, to_write)));
    let sent = send(body, pieces).await;
    let written = written.await.unwrap_or_else(|_| Err(Problem::broken()));
    // Why it did not come whole tells more than that it did not.
    sent?;
    let (app, source, delivery) = (Arc::clone(app), source.to_owned(), written?);
    // Who sent it may go away: its turn lasts as long as the work.
    let turn = places.turn_to_be_looked_at().await?;
    aside(move || {
        let kept = keep(&app, &source, delivery);
        drop(turn);
        kept
    })
    .await
}

/// A piece of a body, or that it came whole.
enum Piece {
    Bytes(Bytes),
    End,
}

/// Hands the pieces of a body over as they come.
async fn send(body: Body, pieces: mpsc::Sender<Piece>) -> Result<(), Problem> {
    // What says at once that it is too large need not come.
    if body.size_hint().lower() > EXPORT_BYTES {
        return Err(too_large());
    }
    let begin = Instant::now();
    let mut body = body.into_data_stream();
    let mut length = 0;
    loop {
        let next = timeout(NEXT_WITHIN, body.next()).await;
        let piece = match next.map_err(|_| Problem::timed_out())? {
            Some(piece) => piece.map_err(|_| cut())?,
            None => {
                // Who would take it has failed, and says why.
                let _ = pieces.send(Piece::End).await;
                return Ok(());
            }
        };
        length += piece.len() as u64;
        if length > EXPORT_BYTES {
            return Err(too_large());
        }
        if begin.elapsed() > SLOW_AFTER + Duration::from_secs(length / SLOWEST) {
            return Err(Problem::timed_out());
        }
        if pieces.send(Piece::Bytes(piece)).await.is_err() {
            return Ok(());
        }
    }
}

/// Writes what comes.
fn write(inbox: &Inbox, mut pieces: mpsc::Receiver<Piece>) -> Result<Delivery, Problem> {
    let mut delivery = inbox.begin()?;
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(bytes)) => {
                let written = delivery.write_all(&bytes);
                written.map_err(|error| inbox.fault(&error))?;
            }
            Some(Piece::End) => return Ok(delivery),
            None => return Err(cut()),
        }
    }
}

/// Looks whether a run can take an export in, and keeps it.
fn keep(app: &App, source: &str, delivery: Delivery) -> Result<(&'static str, Value), Problem> {
    let receiving = &app.places()?.receiving;
    let zone = receiving
        .sources
        .get(source)
        .map_or(TimeZone::UTC, |source| source.time_zone.clone());
    let examined = examine(
        delivery.path(),
        zone,
        &receiving.mapping,
        &receiving.not_said,
    );
    let examined = examined.map_err(refusal)?;
    let about = About {
        at: Timestamp::now(),
        dataset: examined.dataset.as_str(),
        rows: examined.rows,
        end: ".json",
    };
    is_taken(receiving, source, about.dataset)?;
    let kept = delivery.keep(about, receiving.test_rows.into())?;
    let (fate, object) = match kept {
        Fate::New(key) => ("new", key),
        Fate::Repeated(key) => ("repeated", key),
        Fate::Test(key) => ("test", key),
    };
    let (rows, rejected) = (examined.rows, examined.rejected);
    tracing::info!(fate, object, rows, rejected, "an export came");
    let mut answer = json!({
        "kept": fate, "object": object, "dataset": about.dataset, "rows": rows, "rejected": rejected,
    });
    if fate == "test" {
        let test_rows = receiving.test_rows;
        let reason = format!(
            "at most {test_rows} rows, and no others around them, are taken for a test delivery, which no run takes in; where it \
             is none, set receive.test_rows"
        );
        tracing::warn!(object, "{reason}");
        answer["reason"] = json!(reason);
    }
    Ok((fate, answer))
}

/// Refuses what no run would see, for its name.
fn is_taken(receiving: &Receiving, source: &str, dataset: &str) -> Result<(), Problem> {
    let name = format!("2026-11-20/{dataset}-20261120T060000.000000Z-1r-0123456789ab.json");
    let taken = receiving
        .sources
        .get(source)
        .map(|source| source.takes(&name));
    match taken {
        Some(Ok(true)) => Ok(()),
        _ => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "include and exclude of the source leave files of that dataset out",
        )),
    }
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "an export has at most 1 GiB")
}

fn cut() -> Problem {
    Problem::bad_request("the body did not come whole")
}

fn refusal(unfit: Unfit) -> Problem {
    match unfit {
        Unfit::Content(reason) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason),
        Unfit::Empty => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "it has no rows, and so does not say which columns it has",
        ),
        Unfit::Machine(reason) => {
            tracing::error!(reason, "an export cannot be looked at");
            Problem::not_ready("it cannot be looked at; the log of the sidecar says why")
        }
    }
}

/// `POST /v1/webhooks/{name}`
pub(super) async fn webhook(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let stored = match came_whole(body) {
        Ok(body) => {
            let app = Arc::clone(&app);
            aside(move || store(&app, &name, &body)).await
        }
        Err(problem) => Err(problem),
    };
    let (fate, answer) = match stored {
        Ok(Stored { is_repeated, id }) => {
            let answer = json!({"event": id, "repeated": is_repeated});
            let fate = if is_repeated { "repeated" } else { "new" };
            (fate, Ok(as_json(&answer)))
        }
        Err(problem) => ("refused", Err(problem)),
    };
    app.metrics.count_received("webhook", fate);
    answer
}

/// Reads a message, and stores it.
fn store(app: &App, name: &str, body: &[u8]) -> Result<Stored, Problem> {
    let places = app.places()?;
    let webhook = places.receiving.webhooks.get(name);
    let webhook =
        webhook.ok_or_else(|| Problem::not_found("no webhook of that name is configured"))?;
    let message = std::str::from_utf8(body);
    let message = message.map_err(|_| Problem::bad_request("the message is not UTF-8"))?;
    let said = webhook.read(body).map_err(|fault| {
        tracing::warn!(webhook = name, %fault, "a message is refused");
        let status = match fault {
            Fault::Syntax { .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Problem::new(status, fault.to_string())
    })?;
    let of = (webhook.name.as_str(), webhook.window);
    let stored = places.events.store(of, &said, message, Timestamp::now())?;
    tracing::info!(
        webhook = name,
        event = stored.id,
        is_repeated = stored.is_repeated,
        "a message came"
    );
    places.came.notify_one();
    Ok(stored)
}
