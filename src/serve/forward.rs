//! Sending events on: to one address, in order, each again and again until it is taken.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};
use url::{Host, Url};

use super::app::App;
use super::events::told;
use super::problem::Problem;
use super::resolve::aside;
use crate::live::{Secret, pause_before};
use crate::receive::{Consumer, Event};

/// How long the address may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long nothing is looked for, though nothing was told: events may come by another process.
const LOOK_AFTER: Duration = Duration::from_secs(30);

/// Reads an address that events may be sent on to: by https, or on this machine; with no password.
pub fn forward_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_here = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here);
    (is_safe && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// Sends events on for as long as it is let; nothing where no address is configured.
pub(super) async fn forward(app: Arc<App>) {
    let forwarding = app
        .places
        .as_ref()
        .and_then(|places| places.receiving.forward.clone());
    let Some((url, token)) = forwarding else {
        return;
    };
    loop {
        match next(&app).await {
            Ok(Some(event)) => {
                send(&app, (&url, token.as_ref()), &event).await;
                acknowledge(&app, event.id).await;
            }
            Ok(None) => wait(&app).await,
            Err(_) => sleep(LOOK_AFTER).await,
        }
    }
}

/// Waits until an event comes; whatever is told meanwhile is kept for this.
async fn wait(app: &App) {
    if let Ok(places) = app.places() {
        let _ = timeout(LOOK_AFTER, places.came.notified()).await;
    }
}

async fn next(app: &Arc<App>) -> Result<Option<Event>, Problem> {
    let app = Arc::clone(app);
    aside(move || {
        let events = &app.places()?.events;
        let through = events.acknowledged(Consumer::Forwarding)?;
        Ok(events.after(through, 1)?.pop())
    })
    .await
}

async fn acknowledge(app: &Arc<App>, id: i64) {
    let app = Arc::clone(app);
    let done = aside(move || {
        Ok(app
            .places()?
            .events
            .acknowledge(Consumer::Forwarding, id, Timestamp::now())?)
    });
    if done.await.is_err() {
        warn!(event = id, "an event that was sent on comes again");
        sleep(LOOK_AFTER).await;
    }
}

/// Sends one event until it is taken, or refused for what it is.
async fn send(app: &Arc<App>, (url, token): (&Url, Option<&Secret>), event: &Event) {
    for attempt in 1_u32.. {
        let fate = match body(app, event).await {
            Ok(body) => send_once(app, (url, token), event.id, attempt, body).await,
            // Who is to be told is not known yet.
            Err(_) => "failed",
        };
        app.metrics.count_received("event", fate);
        if fate != "failed" {
            return;
        }
        sleep(pause_before(attempt)).await;
    }
}

/// Sends one event once, and says what became of it.
async fn send_once(
    app: &App,
    (url, token): (&Url, Option<&Secret>),
    id: i64,
    attempt: u32,
    body: String,
) -> &'static str {
    let Ok(places) = app.places() else {
        return "failed";
    };
    let request = places.http.post(url.clone()).timeout(ANSWER_WITHIN);
    let mut request = request.header(CONTENT_TYPE, "application/json").body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token.reveal());
    }
    match request.send().await.map(|response| response.status()) {
        Ok(status) if status.is_success() => {
            info!(event = id, attempt, "an event is sent on");
            "forwarded"
        }
        Ok(status) if is_refusal(status) => {
            let status = status.as_u16();
            error!(
                event = id,
                status,
                "an event is refused where it is sent to, and not sent again; GET /v1/events?after= has it"
            );
            "refused"
        }
        Ok(status) => {
            warn!(
                event = id,
                attempt,
                status = status.as_u16(),
                "an event is not taken, and sent again"
            );
            "failed"
        }
        Err(error) => {
            let (is_timeout, is_connect) = (error.is_timeout(), error.is_connect());
            warn!(
                event = id,
                attempt, is_timeout, is_connect, "an event cannot be sent, and is sent again"
            );
            "failed"
        }
    }
}

/// Returns an event with the people to tell.
async fn body(app: &Arc<App>, event: &Event) -> Result<String, Problem> {
    let (app, event) = (Arc::clone(app), event.clone());
    aside(move || Ok(told(&event, app.opened.index()?)?.to_string())).await
}

/// Tells whether it is the event that is refused: any other refusal may pass, as when a token is renewed.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 410 | 413 | 415 | 422)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_sent_on_over_nothing_that_others_can_read() {
        for (text, is_safe) in [
            ("https://bot.contoso.com/events", true),
            ("http://127.0.0.1:9/x", true),
            ("http://localhost/x", true),
            ("http://bot.contoso.com/x", false),
            ("https://user:secret@bot.contoso.com/x", false),
            ("bot.contoso.com", false),
        ] {
            assert_eq!(forward_url(text).is_some(), is_safe, "{text}");
        }
    }
}
