//! Sending events on: to one address, in order, each again and again until it is taken.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};
use url::{Host, Url};

use super::app::App;
use super::events::told;
use super::places::Places;
use crate::live::{Secret, http_client, pause_before};
use crate::receive::{Consumer, Event};

/// How long the address may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long nothing is looked for, though nothing was told: events may come by another process.
const LOOK_AFTER: Duration = Duration::from_secs(30);
/// Until there is an index to say whom to tell.
const INDEX_AFTER: Duration = Duration::from_secs(2);

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
    let Some(places) = &app.places else {
        return;
    };
    let Some((url, token)) = &places.options.forward else {
        return;
    };
    let http = match http_client() {
        Ok(http) => http,
        Err(error) => return error!(%error, "no event is sent on"),
    };
    loop {
        match next(places) {
            Ok(Some(event)) => {
                send(&app, places, &http, (url, token.as_ref()), &event).await;
                let done = places.events.acknowledge(Consumer::Forwarding, event.id);
                if let Err(error) = done {
                    warn!(%error, event = event.id, "an event that was sent on comes again");
                    sleep(LOOK_AFTER).await;
                }
            }
            // Whatever is told meanwhile is kept for this.
            Ok(None) => drop(timeout(LOOK_AFTER, places.came.notified()).await),
            Err(error) => {
                error!(%error, "events cannot be read, and are not sent on");
                sleep(LOOK_AFTER).await;
            }
        }
    }
}

fn next(places: &Places) -> Result<Option<Event>, crate::receive::Error> {
    let through = places.events.acknowledged(Consumer::Forwarding)?;
    let mut events = places.events.after(through, 1)?;
    Ok(events.pop())
}

/// Sends one event until it is taken, or refused for what it is.
async fn send(
    app: &App,
    places: &Places,
    http: &reqwest::Client,
    (url, token): (&Url, Option<&Secret>),
    event: &Event,
) {
    for attempt in 1_u32.. {
        let Some(body) = body(app, event) else {
            sleep(INDEX_AFTER).await;
            continue;
        };
        let mut request = http
            .post(url.clone())
            .timeout(ANSWER_WITHIN)
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        if let Some(token) = token {
            request = request.bearer_auth(token.reveal());
        }
        let status = request.send().await.map(|response| response.status());
        match status {
            Ok(status) if status.is_success() => {
                app.metrics.count_received("event", "forwarded");
                return info!(event = event.id, attempt, "an event is sent on");
            }
            Ok(status) if is_refusal(status) => {
                app.metrics.count_received("event", "refused");
                return error!(
                    event = event.id,
                    status = status.as_u16(),
                    "an event is refused where it is sent to, and not sent again; GET /v1/events?after={} has it",
                    event.id - 1
                );
            }
            Ok(status) => warn!(
                event = event.id,
                attempt,
                status = status.as_u16(),
                "an event is not taken, and sent again"
            ),
            Err(error) => warn!(
                event = event.id,
                attempt,
                is_timeout = error.is_timeout(),
                is_connect = error.is_connect(),
                "an event cannot be sent, and is sent again"
            ),
        }
        app.metrics.count_received("event", "failed");
        // What is acknowledged elsewhere need not be sent.
        let through = places.events.acknowledged(Consumer::Forwarding);
        if through.is_ok_and(|through| through >= event.id) {
            return;
        }
        sleep(pause_before(attempt)).await;
    }
}

/// Tells whether it is the event that is refused: any other refusal may pass, as when a token is renewed.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 410 | 413 | 415 | 422)
}

fn body(app: &App, event: &Event) -> Option<serde_json::Value> {
    match app.opened.index() {
        Ok(index) => match told(event, index) {
            Ok(body) => Some(body),
            Err(error) => {
                error!(%error, event = event.id, "whom to tell of an event cannot be looked up");
                None
            }
        },
        Err(_) => None,
    }
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
