//! The sidecar: lookups over HTTP, on loopback or a socket, for bots in any language; and what Nexthink sends by itself.
//!
//! - `listen`: connections, and how many and how slow they may be; `routes`, and what holds for all of them; `app`: what
//!   they share
//! - `received`: exports and webhooks as they come, `places`: where they are put; `events`: those of webhooks, handed to whoever tells people; `forward`: or
//!   sent on to them
//! - `acts`: what Nexthink is asked, and remote actions
//! - `resolve`: the lookups; `opened`: the index, which may come later; `problem`: why something cannot be answered
//! - `gate`: who may ask, and how often; `metrics`: what was asked; `openapi`: the description of all that

mod acts;
mod app;
mod events;
mod forward;
mod gate;
mod listen;
mod metrics;
mod openapi;
mod opened;
mod places;
mod problem;
mod received;
mod resolve;
mod routes;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use self::forward::forward_url;
pub use self::gate::Token;
pub use self::listen::Server;
pub use self::openapi::document;
use crate::identifier::NotSaid;
use crate::ingest::{Mapping, SourceConfig};
use crate::live::{self, Audit, Client, Secret};
use crate::lookup;
use crate::receive::{self, Webhook};

/// Where requests come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An address of this machine.
    Tcp(SocketAddr),
    /// A socket in the file system; who may write to it may ask.
    Unix(PathBuf),
}

impl Address {
    /// Reads `127.0.0.1:7878`, `localhost:7878` or `unix:/run/identidex.sock`.
    pub fn parse(text: &str) -> Option<Address> {
        if let Some(path) = text.strip_prefix("unix:") {
            return (!path.is_empty()).then(|| Address::Unix(path.into()));
        }
        let local = text.strip_prefix("localhost:");
        let local = local.map(|port| format!("127.0.0.1:{port}"));
        local
            .as_deref()
            .unwrap_or(text)
            .parse()
            .ok()
            .map(Address::Tcp)
    }
}

/// How a sidecar serves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where requests come in.
    pub address: Address,
    /// What requests must carry; needed where others than this machine can ask.
    pub token: Option<Token>,
    /// The index; it may be published later.
    pub index: PathBuf,
    /// How it is read.
    pub lookup: lookup::Options,
    /// Requests a second that are answered, all together; none: any number.
    pub requests_per_second: Option<u32>,
    /// Connections that are open at once, at the most.
    pub connections: u32,
    /// Nexthink, where it may be asked how devices fare.
    pub client: Option<Client>,
    /// Remote actions, where some may be run; they need a client, and a token.
    pub acting: Option<Acting>,
    /// What Nexthink may send; none: nothing.
    pub receiving: Option<Receiving>,
}

/// Which remote actions may be run, and where that is written.
#[derive(Debug, Clone)]
pub struct Acting {
    /// Their ids.
    pub actions: Vec<String>,
    /// The log.
    pub audit: Audit,
}

/// What Nexthink may send, and where it is kept.
#[derive(Debug, Clone)]
pub struct Receiving {
    /// What it must carry.
    pub token: Token,
    /// Sources that take exports, by name: each is a folder.
    pub sources: BTreeMap<String, SourceConfig>,
    /// What columns are called.
    pub mapping: Mapping,
    /// What says nothing.
    pub not_said: NotSaid,
    /// An export of no more rows is a test, and kept apart.
    pub test_rows: u32,
    /// Webhooks by name.
    pub webhooks: BTreeMap<String, Webhook>,
    /// The database of their events.
    pub events: PathBuf,
    /// How long events are kept that whoever reads them has.
    pub keep_events: Duration,
    /// Where they are sent on to, and what they carry then.
    pub forward: Option<(url::Url, Option<Secret>)>,
}

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Others than this machine could ask, and need no token.
    #[error(
        "{address} can be reached from other machines, and no token is configured; set serve.token_file, or listen on 127.0.0.1"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// Whoever is on this machine could have remote actions run.
    #[error(
        "remote actions are allowed (serve.actions), and whoever is on this machine could have them run; set serve.token_file"
    )]
    OpenActions,
    /// What passes on what Nexthink sends could look people up.
    #[error(
        "what Nexthink sends is passed on from outside, and lookups need no token; set serve.token_file"
    )]
    OpenReceiving,
    /// Who sends could look people up, and who looks people up could send.
    #[error("serve.token and receive.token are the same; give Nexthink one of its own")]
    OneToken,
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// What is received could not be kept.
    #[error("what Nexthink sends could not be kept")]
    Receive(#[from] receive::Error),
    /// No event could be sent on.
    #[error(transparent)]
    Forward(#[from] live::Error),
    /// A token is none.
    #[error("a token is 16 to 1024 visible ASCII characters")]
    BadToken,
}
