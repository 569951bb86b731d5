//! Nexthink's own APIs: what a chatbot asks and does beside the index.
//!
//! Every call is asynchronous and wants a Tokio runtime. A [`Client`] is cheap to clone: clones share one token and one pace.
//!
//! ```no_run
//! use identidex::live::nql::{Query, QueryId};
//! use identidex::live::{Client, Credentials, Error, Options, Secret, Tenant};
//!
//! async fn devices_of(username: &str) -> Result<(), Error> {
//!     let credentials = Credentials {
//!         client_id: "chatbot".to_owned(),
//!         secret: Secret::from_variable("NEXTHINK_SECRET")?,
//!     };
//!     let client = Client::new(Tenant::new("contoso", "eu")?, credentials, Options::default())?;
//!     let query = Query::new(QueryId::new("#devices_of_user")?).with("username", username)?;
//!     for row in client.execute(&query).await?.rows {
//!         println!("{}", row["device.collector.uid"]);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! - `tenant`: where a tenant's APIs are; `secret`, `token`: who asks
//! - `client`: one call, with its token, its tries and its deadline; `wait`: how long between tries; `pace`: how many a second
//! - `error`: what can go wrong, `refusal`: what an API said then
//! - `nql`: saved queries, executed or exported, and those that this program ships
//! - `diagnose`: how a device is; `act`: remote actions, campaigns, workflows; `audit`: the log of those
//! - `check`: whether a tenant has what all of that needs

pub mod act;
mod audit;
mod check;
mod client;
mod diagnose;
mod error;
pub mod nql;
mod pace;
mod refusal;
mod secret;
mod tenant;
mod token;
mod wait;

use self::act::Outcome;
pub use audit::{Audit, Mandate};
pub use check::{Checked, Verdict};
#[cfg(feature = "serve")]
pub(crate) use client::http_client;
pub use client::{Client, Options};
pub use diagnose::{Crashes, Health};
pub use error::Error;
pub use refusal::Refusal;
pub use secret::{Credentials, Secret};
pub use tenant::Tenant;
#[cfg(feature = "serve")]
pub(crate) use wait::before as pause_before;
