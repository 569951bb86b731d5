//! Exporting: a query's rows as a file.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout_at;
use tracing::info;
use url::{Host, Url};
use zstd::stream::{raw, zio};

use super::Query;
use crate::live::client::{Call, Deadline, host_of, unreachable};
use crate::live::error::FILE;
use crate::live::refusal::shown;
use crate::live::{Client, Error};

const START: &str = "the start of an export";
const STATUS: &str = "the status of an export";
/// Between two looks at an export: at first, and at the most.
const FIRST_LOOK: Duration = Duration::from_millis(500);
const LOOKS_APART: Duration = Duration::from_secs(10);

/// How the file of an export is packed on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// gzip.
    #[default]
    Gzip,
    /// zstd.
    Zstd,
}

/// An export that is done: a CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    id: String,
    compression: Compression,
    /// Rows are missing: the licence allows no more. Never a whole dataset.
    pub is_truncated: bool,
}

/// How an export stands.
enum Stand {
    UnderWay,
    Done { file: Url, is_truncated: bool },
}

impl Client {
    /// Has a query exported, and waits until the file is there, `within` at the most.
    ///
    /// # Errors
    /// [`Error::DailyLimit`] where the tenant may export no more today, [`Error::Export`] where Nexthink cannot,
    /// [`Error::Deadline`], and what may go wrong with every call.
    pub async fn export(
        &self,
        query: &Query,
        compression: Compression,
        within: Duration,
    ) -> Result<Export, Error> {
        let deadline = Deadline::after(within);
        let body = query.body(&[("compression", compression.name())]);
        let call = Call {
            is_repeatable: true,
            ..Call::post(START, "api/v1/nql/export", body)
        };
        let answer = self.send(&call, deadline).await?;
        let answer: Value =
            serde_json::from_slice(&answer.body).map_err(|_| bad(START, "it is no JSON"))?;
        let id = answer["exportId"].as_str().filter(|id| is_id(id));
        let id = id
            .ok_or_else(|| bad(START, "it has no exportId"))?
            .to_owned();
        let mut pause = FIRST_LOOK;
        loop {
            if let Stand::Done { is_truncated, .. } = self.look(&id, deadline).await? {
                return Ok(Export {
                    id,
                    compression,
                    is_truncated,
                });
            }
            info!("the export is under way");
            deadline.wait(STATUS, pause).await?;
            pause = (pause * 2).min(LOOKS_APART);
        }
    }

    /// Downloads the file of an export, and writes it unpacked; returns how many bytes came. The file's address is asked for
    /// anew: it is good for 15 minutes.
    ///
    /// # Errors
    /// [`Error::Write`] where it cannot be unpacked or written, then in part; and what may go wrong with every call.
    pub async fn download(
        &self,
        export: &Export,
        to: &mut impl Write,
        within: Duration,
    ) -> Result<u64, Error> {
        let deadline = Deadline::after(within);
        let Stand::Done { file, .. } = self.look(&export.id, deadline).await? else {
            return Err(bad(STATUS, "an export that was done is under way again"));
        };
        let host = host_of(&file);
        let mut response = self.file(FILE, file, deadline).await?;
        let mut unpacked =
            Unpacked::new(export.compression, to).map_err(|source| Error::Write { source })?;
        let mut bytes = 0;
        loop {
            let chunk = timeout_at(deadline.at, response.chunk()).await;
            let chunk = chunk.map_err(|_| deadline.missed(FILE))?;
            let Some(chunk) = chunk.map_err(|error| unreachable(&host, &error.without_url()))?
            else {
                break;
            };
            bytes += chunk.len() as u64;
            unpacked
                .write_all(&chunk)
                .map_err(|source| Error::Write { source })?;
        }
        unpacked
            .finish()
            .map_err(|source| Error::Write { source })?;
        Ok(bytes)
    }

    async fn look(&self, id: &str, deadline: Deadline) -> Result<Stand, Error> {
        let path = format!("api/v1/nql/status/{id}");
        let call = Call::get(STATUS, &path);
        let answer = self
            .send(&call, deadline)
            .await
            .map_err(|error| match error {
                Error::Refused {
                    refusal, retry_at, ..
                } if refusal.status == 429 => Error::DailyLimit { until: retry_at },
                error => error,
            })?;
        stand(&answer.body, answer.status == 206)
    }
}

fn stand(body: &[u8], is_truncated: bool) -> Result<Stand, Error> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| bad(STATUS, "it is no JSON"))?;
    match answer["status"].as_str() {
        Some("SUBMITTED" | "IN_PROGRESS") => Ok(Stand::UnderWay),
        Some("COMPLETED") => {
            let file = answer["resultsFileUrl"]
                .as_str()
                .and_then(|url| Url::parse(url).ok())
                .filter(is_file_url);
            let file = file.ok_or_else(|| {
                bad(
                    STATUS,
                    "a done export has no address of its file, with https",
                )
            })?;
            Ok(Stand::Done { file, is_truncated })
        }
        Some("ERROR") => {
            let said = answer["errorDescription"]
                .as_str()
                .unwrap_or("it does not say why");
            Err(Error::Export {
                description: shown(said),
            })
        }
        _ => Err(bad(STATUS, "its status is none that is known")),
    }
}

/// Tells whether a file may be got from an address: by https, or on this machine.
fn is_file_url(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

fn bad(call: &'static str, reason: &'static str) -> Error {
    Error::BadAnswer { call, reason }
}

/// An id becomes a part of an address.
fn is_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=200).contains(&id.len()) && id.bytes().all(is_plain) && id != "." && id != ".."
}

impl Compression {
    fn name(self) -> &'static str {
        match self {
            Compression::None => "NONE",
            Compression::Gzip => "GZIP",
            Compression::Zstd => "ZSTD",
        }
    }
}

/// Tells at its end whether it was cut short, which the plain one does not.
type Unzstd<W> = zio::Writer<W, raw::Decoder<'static>>;

/// What comes packed and is written unpacked.
enum Unpacked<'w, W: Write> {
    Plain(&'w mut W),
    Gzip(Box<flate2::write::MultiGzDecoder<&'w mut W>>),
    Zstd(Box<Unzstd<&'w mut W>>),
}

impl<'w, W: Write> Unpacked<'w, W> {
    fn new(compression: Compression, to: &'w mut W) -> io::Result<Unpacked<'w, W>> {
        Ok(match compression {
            Compression::None => Unpacked::Plain(to),
            Compression::Gzip => Unpacked::Gzip(Box::new(flate2::write::MultiGzDecoder::new(to))),
            Compression::Zstd => Unpacked::Zstd(Box::new(Unzstd::new(to, raw::Decoder::new()?))),
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Unpacked::Plain(to) => to.write_all(bytes),
            Unpacked::Gzip(to) => to.write_all(bytes),
            Unpacked::Zstd(to) => to.write_all(bytes),
        }
    }

    /// Ends it; what was cut short is an error.
    fn finish(self) -> io::Result<()> {
        match self {
            Unpacked::Plain(to) => to.flush(),
            Unpacked::Gzip(to) => to.finish()?.flush(),
            Unpacked::Zstd(mut to) => {
                to.finish()?;
                to.into_inner().0.flush()
            }
        }
    }
}
