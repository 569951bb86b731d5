//! What Nexthink sends: exports and webhooks, on the disk before it is told that they came.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures::StreamExt as _;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::app::{App, json as as_json};
use super::problem::Problem;
use super::resolve::{aside, came_whole};
use crate::ingest::{Unfit, examine};
use crate::receive::{Fault, Inbox, Kept};

/// The largest export.
const EXPORT_BYTES: u64 = 1 << 30;
/// How long a sender may pause within one.
const NEXT_WITHIN: Duration = Duration::from_secs(30);
/// Pieces of one that wait to be written.
const PIECES: usize = 16;

/// `POST /v1/exports/{source}`
pub(super) async fn export(
    State(app): State<Arc<App>>,
    Path(source): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let places = app.places()?;
    let inbox = places.inboxes.get(&source).cloned().ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no source of that name is a folder of this machine that takes .json files",
        )
    })?;
    let Ok(_one_of_few) = places.at_once.acquire().await else {
        return Err(Problem::not_ready("it is ending"));
    };
    let (pieces, to_write) = mpsc::channel(PIECES);
    let task = Arc::clone(&app);
    let kept = tokio::spawn(aside(move || keep(&task, &inbox, to_write)));
    let sent = send(body, pieces).await;
    let kept = kept.await.unwrap_or_else(|_| Err(Problem::broken()));
    // Why it did not come whole tells more than that it did not.
    sent.and(kept)
}

/// A piece of a body, or that it came whole.
enum Piece {
    Bytes(Bytes),
    End,
}

/// Hands the pieces of a body over as they come.
async fn send(body: Body, pieces: mpsc::Sender<Piece>) -> Result<(), Problem> {
    let mut body = body.into_data_stream();
    let mut length = 0;
    loop {
        let next = timeout(NEXT_WITHIN, body.next()).await;
        let piece = match next.map_err(|_| Problem::timed_out())? {
            Some(piece) => {
                piece.map_err(|_| Problem::bad_request("the body did not come whole"))?
            }
            None => {
                // Who would take it has failed, and says why.
                let _ = pieces.send(Piece::End).await;
                return Ok(());
            }
        };
        length += piece.len() as u64;
        if length > EXPORT_BYTES {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "an export has at most 1 GiB",
            ));
        }
        if pieces.send(Piece::Bytes(piece)).await.is_err() {
            return Ok(());
        }
    }
}

/// Writes an export, looks whether a run can take it in, and keeps it.
fn keep(app: &App, inbox: &Inbox, mut pieces: mpsc::Receiver<Piece>) -> Result<Response, Problem> {
    let places = app.places()?;
    let mut delivery = inbox.begin()?;
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(bytes)) => {
                delivery
                    .write_all(&bytes)
                    .map_err(|error| inbox.fault(&error))?;
            }
            Some(Piece::End) => break,
            None => return Err(Problem::bad_request("the body did not come whole")),
        }
    }
    let options = &places.options;
    let examined = examine(delivery.path(), &options.mapping, &options.not_said);
    let examined = examined.map_err(|unfit| {
        app.metrics.count_received("export", "refused");
        refusal(unfit)
    })?;
    let (dataset, rows) = (examined.dataset.as_str(), examined.rows);
    let may_be_a_test = rows <= u64::from(options.test_rows);
    let kept = delivery.keep(Timestamp::now(), dataset, ".json", may_be_a_test)?;
    let (fate, object) = match &kept {
        Kept::New(key) => ("new", key),
        Kept::Repeated(key) => ("repeated", key),
        Kept::Apart(key) => ("apart", key),
    };
    app.metrics.count_received("export", fate);
    tracing::info!(
        fate,
        object,
        rows,
        rejected = examined.rejected,
        "an export came"
    );
    let mut answer = json!({
        "kept": fate, "object": object, "dataset": dataset, "rows": rows, "rejected": examined.rejected,
    });
    if fate == "apart" {
        let test_rows = options.test_rows;
        let reason = format!(
            "an export of at most {test_rows} rows is taken for a test delivery, and no run takes it in; where it is none, set receive.test_rows"
        );
        tracing::warn!(object, "{reason}");
        answer["reason"] = json!(reason);
    }
    Ok(as_json(&answer))
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
    let body = came_whole(body)?;
    aside(move || {
        let places = app.places()?;
        let webhook = places.options.webhooks.get(&name).ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_FOUND,
                "no webhook of that name is configured",
            )
        })?;
        let refuse = |problem| {
            app.metrics.count_received("webhook", "refused");
            problem
        };
        let message = std::str::from_utf8(&body);
        let message =
            message.map_err(|_| refuse(Problem::bad_request("the message is not UTF-8")))?;
        let said = webhook.read(&body).map_err(|fault| {
            tracing::warn!(webhook = name, %fault, "a message is refused");
            let status = match fault {
                Fault::Syntax { .. } => StatusCode::BAD_REQUEST,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            refuse(Problem::new(status, fault.to_string()))
        })?;
        let of = (webhook.name.as_str(), webhook.window);
        let stored = places.events.store(of, &said, message, Timestamp::now())?;
        let fate = if stored.is_repeated {
            "repeated"
        } else {
            "new"
        };
        app.metrics.count_received("webhook", fate);
        tracing::info!(webhook = name, event = stored.id, fate, "a message came");
        places.came.notify_one();
        Ok(as_json(
            &json!({"event": stored.id, "repeated": stored.is_repeated}),
        ))
    })
    .await
}
