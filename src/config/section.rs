//! Sections: the tables of the file as values, with their defaults. Sources, which have none, are left to `source`;
//! what stands in a section is read by `draft`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::live::{self, Secret};
use crate::serve::{Address, Token};

/// Where the index is and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The index file; relative to the current folder, like a path on the command line.
    pub path: PathBuf,
    /// Permission bits of the files that readers open; the folder gets the search bits that belong to them.
    pub mode: u32,
    /// The name or number of the group that they are given to; `None` leaves that of the run.
    pub group: Option<String>,
    /// How many generations are kept, the current one included; at least 1.
    pub keep_generations: u32,
    /// How old a generation beyond that must be before it is removed.
    pub prune_after: Duration,
    /// How long a backfill works before it publishes what it has.
    pub publish_every: Duration,
    /// How much disk the fetched objects that wait for their turn may take, in bytes.
    pub spool_bytes: u64,
}

/// What is said about one dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dataset {
    /// What absence from a file means.
    pub semantics: Semantics,
    /// Columns that the built-in mapping does not know: column name → field.
    pub columns: BTreeMap<String, String>,
    /// Columns that are not read at all.
    pub drop: Vec<String>,
    /// Columns that no field takes are not kept.
    pub has_no_extra: bool,
    /// An object with other columns than the newest one before fails.
    pub is_frozen: bool,
    /// Of logins: the time that each file covers, up to when it was observed.
    pub window: Option<Duration>,
}

/// What it means that a file does not mention a subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Semantics {
    /// Nothing: the file shows what was active.
    #[default]
    Window,
    /// It is gone: the file lists everything there is.
    Complete,
}

/// Limits of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// An identifier held by more subjects than this identifies none of them; at least 1.
    pub max_holders: u32,
    /// An answer is `fresh` while its dataset is no older than this.
    pub fresh_for: Duration,
    /// It is `ageing` while the dataset is no older than this, then `stale`; not less than `fresh_for`.
    pub ageing_for: Duration,
    /// A usage is current for so long before the newest row; whole runs go by it. A day to 63 days.
    pub recent: Duration,
    /// An account or device that was last seen longer than this before the newest row of its dataset was not seen lately.
    pub quiet_after: Duration,
    /// Domains of devices' full names, beside those that exports show; of one word, these show `corp`, `lan`, `local` and the like.
    pub device_domains: Vec<String>,
}

/// Patterns for account classes, compared with the account name before its `@`; `*` stands for any run of characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Class {
    /// Names of service accounts.
    pub service: Vec<String>,
    /// Names of administrators' second accounts.
    pub admin: Vec<String>,
}

/// Where a tenant's APIs are and who asks them; what is needed is checked by whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nexthink {
    /// The tenant's name in addresses.
    pub instance: Option<String>,
    /// The region that it is in.
    pub region: Option<String>,
    /// Another address of its APIs, behind a gateway say.
    pub api_url: Option<String>,
    /// Another address of where its tokens come from.
    pub login_url: Option<String>,
    /// The id of an API credential.
    pub client_id: Option<String>,
    /// Its secret.
    pub secret: Option<Secret>,
    /// A file that holds its secret.
    pub secret_file: Option<PathBuf>,
    /// The log of all acts; without it, it lies beside the index.
    pub audit: Option<PathBuf>,
    /// How long a call may take with all its tries.
    pub deadline: Duration,
    /// How many calls a second are made at the most; at least 1.
    pub calls_per_second: u32,
}

/// Where lookups over HTTP come in, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// Where they come in.
    pub listen: Address,
    /// What they must carry.
    pub token: Option<Token>,
    /// A file that holds that.
    pub token_file: Option<PathBuf>,
    /// How many a second are answered; `None`: any number.
    pub requests_per_second: Option<u32>,
    /// How many connections are open at once, at the most.
    pub connections: u32,
    /// The ids of remote actions that may be run.
    pub actions: Vec<String>,
    /// Nexthink is asked how devices fare.
    pub is_diagnosing: bool,
}

/// For how long rows are kept that nothing confirms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// How many days before the newest object of its dataset a row was observed that is kept; `None`: for ever.
    pub days: Option<u32>,
    /// The same of what a row says that newer ones replaced (former names, addresses, other columns): it is kept in clear so long.
    pub superseded: Option<u32>,
}

/// A file beside the index for readers who are not to read all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection {
    /// Where it is; required.
    pub path: Option<PathBuf>,
    /// The fields of accounts that it shows; `None`: what a bot needs.
    pub accounts: Option<Vec<String>>,
    /// The same of devices.
    pub devices: Option<Vec<String>>,
    /// Who may read it; `None`: as the index.
    pub mode: Option<u32>,
    /// The group it is given to; `None`: as the index.
    pub group: Option<String>,
}

/// Where generations are put for other machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// A folder, or the URL of a bucket or container with a prefix.
    pub url: Option<String>,
    /// A file with the key that they are signed with.
    pub key_file: Option<PathBuf>,
    /// How many stay there, the current one included.
    pub keep: u32,
    /// How long the right to work is taken for; none: it is not.
    pub lease: Option<Duration>,
    /// `object_store`'s options.
    pub options: BTreeMap<String, String>,
}

impl Default for Publish {
    fn default() -> Self {
        Publish {
            lease: None,
            url: None,
            key_file: None,
            keep: 2,
            options: BTreeMap::new(),
        }
    }
}

/// Where generations are got from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pull {
    /// See [`Publish::url`].
    pub url: Option<String>,
    /// What their signatures are checked with.
    pub public_key: Option<String>,
    /// How often; `None`: once.
    pub every: Option<Duration>,
    /// `object_store`'s options.
    pub options: BTreeMap<String, String>,
}

/// When a run changes so much that nothing is published unless that is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// How many of a hundred accounts, or devices, may go or have other identifiers; 100: any number.
    pub percent: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Breaker { percent: 50 }
    }
}

/// Where the metrics of runs are left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// A file that node_exporter's textfile collector reads.
    pub textfile: Option<PathBuf>,
    /// The address of a Pushgateway.
    pub pushgateway: Option<Url>,
    /// The address of an OpenTelemetry collector (OTLP over HTTP), which gets the spans of runs, too.
    pub otlp: Option<Url>,
}

/// What Nexthink sends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receive {
    /// What it must carry; without one, nothing is received.
    pub token: Option<Token>,
    /// A file that holds that.
    pub token_file: Option<PathBuf>,
    /// The names of sources that take exports.
    pub sources: Vec<String>,
    /// An export of no more rows is a test, and kept apart.
    pub test_rows: u32,
    /// The database of webhook events; without it, it lies beside the index.
    pub events: Option<PathBuf>,
    /// How long events are kept that whoever reads them has.
    pub keep_events: Duration,
    /// Where events are sent on to.
    pub forward_url: Option<Url>,
    /// What they carry then.
    pub forward_token: Option<Secret>,
    /// A file that holds that.
    pub forward_token_file: Option<PathBuf>,
}

impl Default for Receive {
    /// Nexthink limits its test deliveries to 20 rows.
    fn default() -> Self {
        Receive {
            token: None,
            token_file: None,
            sources: Vec::new(),
            test_rows: 20,
            events: None,
            keep_events: Duration::from_hours(7 * 24),
            forward_url: None,
            forward_token: None,
            forward_token_file: None,
        }
    }
}

impl Default for Serve {
    fn default() -> Self {
        Serve {
            listen: Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 7878))),
            token: None,
            token_file: None,
            requests_per_second: None,
            connections: 1_024,
            actions: Vec::new(),
            is_diagnosing: false,
        }
    }
}

impl Default for Nexthink {
    fn default() -> Self {
        let live::Options {
            deadline,
            calls_per_second,
            ..
        } = live::Options::default();
        Nexthink {
            instance: None,
            region: None,
            api_url: None,
            login_url: None,
            client_id: None,
            secret: None,
            secret_file: None,
            audit: None,
            deadline,
            calls_per_second,
        }
    }
}

impl Default for Index {
    fn default() -> Self {
        Index {
            path: PathBuf::from("identity.db"),
            mode: 0o640,
            group: None,
            keep_generations: 2,
            prune_after: Duration::from_mins(10),
            publish_every: Duration::from_mins(5),
            spool_bytes: 8 << 30,
        }
    }
}

impl Default for Answers {
    /// A daily export that is half a day late is still fresh; a weekly one that is a day late is not yet stale.
    fn default() -> Self {
        Answers {
            max_holders: 8,
            fresh_for: Duration::from_hours(36),
            ageing_for: Duration::from_hours(8 * 24),
            recent: Duration::from_hours(30 * 24),
            quiet_after: Duration::from_hours(60 * 24),
            device_domains: Vec::new(),
        }
    }
}
