//! The sidecar: lookups over HTTP, on loopback or a socket, for bots in any language.
//!
//! - `listen`: connections, and how many and how slow they may be; `routes`, and what holds for all of them; `app`: what
//!   they share
//! - `resolve`: the lookups; `opened`: the index, which may come later; `problem`: why something cannot be answered
//! - `gate`: who may ask, and how often; `metrics`: what was asked; `openapi`: the description of all that

mod app;
mod gate;
mod listen;
mod metrics;
mod openapi;
mod opened;
mod problem;
mod resolve;
mod routes;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use self::gate::Token;
pub use self::listen::Server;
pub use self::openapi::document;
use crate::lookup;

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
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A token is none.
    #[error("a token is 16 to 1024 visible ASCII characters")]
    BadToken,
}
