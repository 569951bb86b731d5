//! Tools of a language model, by the Model Context Protocol: who is that, which devices are theirs, how do they fare, and, where
//! it is switched on, remote actions.
//!
//! A model can be talked into anything, so that nothing rests on it: what it says is vouched for by nobody; devices of one person
//! alone are acted on, who is named when the tools are started, and by remote actions that are named then; and each takes a
//! plan first, that its client can show, and a second call. Texts of exports are data: letters
//! that steer are escaped.
//!
//! `tools` are what the model calls, `plans` what waits to be confirmed.

mod plans;
mod tools;

use std::sync::Arc;

use rmcp::ServiceExt as _;
#[cfg(feature = "serve")]
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
#[cfg(feature = "serve")]
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use self::tools::Tools;
use crate::live::{Audit, Client};
use crate::lookup::{Index, Query};

/// What the tools work with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The index.
    pub index: Arc<Index>,
    /// Nexthink, where the tools may ask it how devices fare.
    pub client: Option<Client>,
    /// Remote actions, where the tools may run them; they need a client, too.
    pub remediation: Option<Remediation>,
}

/// For whom remote actions are run, which, on whose word, and where that is written. None of it is for the model to say.
#[derive(Debug, Clone)]
pub struct Remediation {
    /// The one person whose devices may be acted on: whoever the model talks with, as their channel knows them.
    pub person: Query,
    /// The ids of the remote actions that may be run.
    pub actions: Vec<String>,
    /// The log.
    pub audit: Audit,
    /// Who answers for what the model asks for.
    pub asked_by: String,
}

/// Why the tools cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("the talk with the client of the tools ended early: {0}")]
pub struct Error(String);

/// Serves the tools on standard input and output, until that ends.
///
/// # Errors
/// Where the other side does not speak the protocol.
pub async fn serve_stdio(options: Options) -> Result<(), Error> {
    let served = Tools::new(options).serve(rmcp::transport::stdio()).await;
    let served = served.map_err(|error| Error(error.to_string()))?;
    let ended = served.waiting().await;
    ended.map(|_| ()).map_err(|error| Error(error.to_string()))
}

/// The tools over HTTP.
#[cfg(feature = "serve")]
pub(crate) type HttpService = StreamableHttpService<Tools, LocalSessionManager>;

/// Makes the tools as a service over HTTP (streamable HTTP), each request by itself: nothing is kept of a talk. `options` has
/// what to work with, once that is there. Who may ask is for whoever serves it; pages in a browser never may.
#[cfg(feature = "serve")]
pub(crate) fn http_service(
    options: impl Fn() -> Option<Options> + Send + Sync + 'static,
) -> HttpService {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .enforce_origin_validation();
    let tools = move || {
        let not_ready = || std::io::Error::other("no index can be opened yet");
        Ok(Tools::new(options().ok_or_else(not_ready)?))
    };
    StreamableHttpService::new(tools, Arc::default(), config)
}
