//! Places: where what Nexthink sends is put.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::problem::Problem;
use super::{Error, Receiving};
use crate::live::http_client;
use crate::receive::{Consumer, Events, Inbox};

/// Exports that come at once, and how long one more waits for its turn.
const COMING_AT_ONCE: usize = 64;
const TURN_WITHIN: Duration = Duration::from_secs(10);
/// Exports that are looked at at once: that takes a core each.
const LOOKED_AT_AT_ONCE: usize = 2;

/// Where what comes is put.
pub(super) struct Places {
    pub(super) receiving: Receiving,
    /// Those that were opened.
    inboxes: Mutex<BTreeMap<String, Inbox>>,
    pub(super) events: Events,
    /// Told of each new event.
    pub(super) came: Notify,
    coming: Arc<Semaphore>,
    looked_at: Arc<Semaphore>,
    /// What sends events on.
    pub(super) http: reqwest::Client,
}

impl Places {
    pub(super) fn open(receiving: &Receiving) -> Result<Places, Error> {
        let forwarding = receiving.forward.as_ref().map(|_| Consumer::Forwarding);
        // Where events are sent on, nobody need ask for them.
        let consumers = [forwarding.unwrap_or(Consumer::Asking)];
        let is_here = |url: &url::Url| url.scheme() == "http";
        let is_here = receiving
            .forward
            .as_ref()
            .is_some_and(|(url, _)| is_here(url));
        Ok(Places {
            receiving: receiving.clone(),
            inboxes: Mutex::default(),
            events: Events::open(&receiving.events, receiving.keep_events, &consumers)?,
            came: Notify::new(),
            coming: Arc::new(Semaphore::new(COMING_AT_ONCE)),
            looked_at: Arc::new(Semaphore::new(LOOKED_AT_AT_ONCE)),
            http: http_client(is_here)?,
        })
    }

    /// Returns the inbox of a source. It is opened when something comes for it: a folder that is not there costs nobody else.
    pub(super) fn inbox(&self, source: &str) -> Result<Inbox, Problem> {
        let unknown = || Problem::not_found("no source of that name receives (receive.sources)");
        let config = self.receiving.sources.get(source).ok_or_else(unknown)?;
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inbox) = inboxes.get(source).filter(|inbox| inbox.folder().is_dir()) {
            return Ok(inbox.clone());
        }
        let inbox = Inbox::open(&config.url)?;
        inboxes.insert(source.to_owned(), inbox.clone());
        Ok(inbox)
    }

    /// Returns how many events their reader does not have yet.
    pub(super) fn waiting(&self) -> Result<u64, Problem> {
        let reader = match self.receiving.forward {
            Some(_) => Consumer::Forwarding,
            None => Consumer::Asking,
        };
        Ok(self.events.waiting(reader)?)
    }

    /// Waits for its turn to come.
    pub(super) async fn turn_to_come(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = timeout(TURN_WITHIN, Arc::clone(&self.coming).acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok);
        turn.ok_or_else(|| Problem::not_ready("as many exports as there is room for are coming"))
    }

    /// Waits for its turn to be looked at.
    pub(super) async fn turn_to_be_looked_at(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = Arc::clone(&self.looked_at).acquire_owned().await;
        turn.map_err(|_| Problem::not_ready("it is ending"))
    }
}
