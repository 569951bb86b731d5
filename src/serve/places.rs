//! Places: where what Nexthink sends is put.

use std::collections::BTreeMap;

use tokio::sync::{Notify, Semaphore};

use super::{Error, Receiving};
use crate::receive::{Consumer, Events, Inbox};

/// Exports that are written and looked at at once.
const EXPORTS_AT_ONCE: usize = 2;

/// Where what comes is put.
pub(super) struct Places {
    pub(super) inboxes: BTreeMap<String, Inbox>,
    pub(super) events: Events,
    pub(super) options: Receiving,
    /// Told of each new event.
    pub(super) came: Notify,
    /// Turns for exports.
    pub(super) at_once: Semaphore,
}

impl Places {
    pub(super) fn open(options: &Receiving) -> Result<Places, Error> {
        let inboxes = options.inboxes.iter();
        let inboxes = inboxes.map(|(source, folder)| Ok((source.clone(), Inbox::open(folder)?)));
        let forwarding = options.forward.as_ref().map(|_| Consumer::Forwarding);
        // Where events are sent on, nobody need ask for them.
        let consumers = [forwarding.unwrap_or(Consumer::Asking)];
        Ok(Places {
            inboxes: inboxes.collect::<Result<_, Error>>()?,
            events: Events::open(&options.events, options.keep_events, &consumers)?,
            options: options.clone(),
            came: Notify::new(),
            at_once: Semaphore::new(EXPORTS_AT_ONCE),
        })
    }
}
