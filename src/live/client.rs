//! The client: one call, with its token, its tries and its deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::debug;

use super::error::Error;
use super::pace::Pace;
use super::refusal::{Refusal, texts_in};
use super::tenant::Tenant;
use super::token::{self, Token, Tokens};
use super::{Credentials, wait};
use crate::fault::Fault;

/// The most that is read of an answer; NQL answers with 1,000 rows at the most.
const ANSWER_BYTES: usize = 64 << 20;
/// And of a refusal.
const REFUSAL_BYTES: usize = 64 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How a client goes about its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long one call may take, its tries and waits included.
    pub deadline: Duration,
    /// How often a call is made at the most, where it fails in a way that may pass.
    pub tries: u32,
    /// How many calls a second the tenant is asked at the most. Nexthink publishes no number for all; excess use may have the
    /// tenant paused.
    pub calls_per_second: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            deadline: Duration::from_secs(30),
            tries: 5,
            calls_per_second: 5,
        }
    }
}

/// A client of a tenant's APIs. Clones share one token and one pace.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    http: reqwest::Client,
    tenant: Tenant,
    credentials: Credentials,
    tokens: Tokens,
    pace: Pace,
    options: Options,
}

/// A call to an API.
#[derive(Debug)]
pub(super) struct Call<'c> {
    /// What it is, for people.
    pub(super) name: &'static str,
    pub(super) method: Method,
    /// Below the API's address.
    pub(super) path: &'c str,
    pub(super) parameters: &'c [(&'c str, &'c str)],
    pub(super) headers: &'c [(&'static str, &'c str)],
    pub(super) body: Option<Vec<u8>>,
    /// To make it twice does no more than once.
    pub(super) is_repeatable: bool,
    /// It left this machine, and no answer says that it was not done.
    pub(super) may_be_done: AtomicBool,
}

impl<'c> Call<'c> {
    /// A call that asks.
    pub(super) fn get(name: &'static str, path: &'c str) -> Call<'c> {
        Call {
            name,
            method: Method::GET,
            path,
            parameters: &[],
            headers: &[],
            body: None,
            is_repeatable: true,
            may_be_done: AtomicBool::new(false),
        }
    }

    /// A call that may do something, and is made twice only if it did nothing.
    pub(super) fn post(name: &'static str, path: &'c str, body: Vec<u8>) -> Call<'c> {
        Call {
            method: Method::POST,
            body: Some(body),
            is_repeatable: false,
            ..Call::get(name, path)
        }
    }
}

impl Call<'_> {
    /// Takes out of a refusal what the call sent.
    fn unrepeated(&self, error: Error) -> Error {
        let sent = self.body.as_deref().unwrap_or_default();
        let sent: serde_json::Value = serde_json::from_slice(sent).unwrap_or_default();
        let asked = self.parameters.iter().map(|(_, value)| *value);
        let texts: Vec<&str> = texts_in(&sent).into_iter().chain(asked).collect();
        error.without(&texts)
    }
}

/// An answer that is no refusal.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// When a call is to be over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    given: Duration,
}

impl Deadline {
    pub(super) fn after(given: Duration) -> Deadline {
        Deadline {
            at: Instant::now() + given,
            given,
        }
    }

    pub(super) fn missed(self, call: &'static str) -> Error {
        Error::Deadline {
            call,
            seconds: self.given.as_secs(),
        }
    }

    /// Waits for so long, or as long as there is time; tells whether there was any.
    pub(super) async fn wait_at_most(self, duration: Duration) -> bool {
        let left = self.at.saturating_duration_since(Instant::now());
        sleep(duration.min(left)).await;
        !left.is_zero()
    }

    /// Waits, unless that would be too long.
    pub(super) async fn wait(self, call: &'static str, duration: Duration) -> Result<(), Error> {
        if Instant::now() + duration > self.at {
            return Err(self.missed(call));
        }
        sleep(duration).await;
        Ok(())
    }
}

/// Makes what sends requests; to this machine itself without the proxy, which would read along.
///
/// # Errors
/// Where the certificates of this machine cannot be read.
pub(crate) fn http_client(is_here: bool) -> Result<reqwest::Client, Error> {
    let http = match is_here {
        true => reqwest::Client::builder().no_proxy(),
        false => reqwest::Client::builder(),
    };
    let http = http
        .user_agent(concat!("identidex/", env!("CARGO_PKG_VERSION")))
        // A redirect may lead the token to another host.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .build();
    http.map_err(|_| Error::Configuration {
        what: "no HTTP client can be made: check the certificates and the proxy of this machine"
            .to_owned(),
    })
}

impl Client {
    /// Makes a client; nothing is asked yet.
    ///
    /// # Errors
    /// Where the certificates of this machine cannot be read.
    pub fn new(
        tenant: Tenant,
        credentials: Credentials,
        options: Options,
    ) -> Result<Client, Error> {
        let http = http_client(false)?;
        let pace = Pace::new(options.calls_per_second, options.calls_per_second);
        Ok(Client {
            shared: Arc::new(Shared {
                http,
                tenant,
                credentials,
                tokens: Tokens::default(),
                pace,
                options,
            }),
        })
    }

    pub(super) fn deadline(&self) -> Deadline {
        Deadline::after(self.shared.options.deadline)
    }

    /// Makes a call until it succeeds, fails for good, or its time is over.
    pub(super) async fn send(&self, call: &Call<'_>, deadline: Deadline) -> Result<Answer, Error> {
        let (mut attempt, mut is_renewed) = (1, false);
        loop {
            let tried = self.with_token(call, attempt, &mut is_renewed, deadline);
            let error = match tried.await {
                Err(error) if call.is_repeatable || error.is_undone() => error,
                tried => return tried,
            };
            self.before_next(call.name, &mut attempt, error, deadline)
                .await?;
        }
    }

    /// Makes a call once; once more with a new token where the one there was is refused for the first time.
    async fn with_token(
        &self,
        call: &Call<'_>,
        attempt: u32,
        is_renewed: &mut bool,
        deadline: Deadline,
    ) -> Result<Answer, Error> {
        loop {
            let token = self.token(deadline).await?;
            match self.once(call, &token, attempt, deadline).await {
                Err(error) if error.status() == Some(401) && !*is_renewed => {
                    *is_renewed = true;
                    self.shared.tokens.forget(&token).await;
                }
                sent => return sent,
            }
        }
    }

    async fn token(&self, deadline: Deadline) -> Result<Token, Error> {
        let get = || self.new_token(deadline);
        let current = timeout_at(deadline.at, self.shared.tokens.current(get)).await;
        current.unwrap_or_else(|_| Err(deadline.missed(token::CALL)))
    }

    async fn new_token(&self, deadline: Deadline) -> Result<Token, Error> {
        let shared = &self.shared;
        let mut attempt = 1;
        loop {
            let request = token::request(&shared.http, &shared.tenant.login, &shared.credentials);
            let exchanged = self.exchange(token::CALL, request, attempt, deadline);
            let got =
                exchanged
                    .await
                    .and_then(|(response, body)| match response.status().as_u16() {
                        status @ (200 | 400 | 401 | 403) => token::read(status, &body),
                        _ => Err(refused(token::CALL, &response, &body)),
                    });
            let secret = shared.credentials.secret.reveal();
            let got = got.map_err(|error| error.without(&[secret]));
            match got {
                Err(error) => {
                    self.before_next(token::CALL, &mut attempt, error, deadline)
                        .await?;
                }
                got => return got,
            }
        }
    }

    /// Waits before another try, where what went wrong may pass; else returns it.
    async fn before_next(
        &self,
        call: &'static str,
        attempt: &mut u32,
        error: Error,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let pause = error
            .retry_after()
            .unwrap_or_default()
            .max(wait::before(*attempt));
        let is_last = !error.is_transient() || *attempt >= self.shared.options.tries;
        // What was said tells more than that no time is left for another try.
        if is_last || deadline.wait(call, pause).await.is_err() {
            return Err(error);
        }
        *attempt += 1;
        Ok(())
    }

    async fn once(
        &self,
        call: &Call<'_>,
        token: &Token,
        attempt: u32,
        deadline: Deadline,
    ) -> Result<Answer, Error> {
        let shared = &self.shared;
        let at = shared
            .pace
            .take(Instant::now(), deadline.at)
            .ok_or_else(|| deadline.missed(call.name))?;
        sleep_until(at).await;
        let mut url = shared.tenant.api.clone();
        url.set_path(&format!("{}{}", shared.tenant.api.path(), call.path));
        if !call.parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(call.parameters);
        }
        let mut request = shared
            .http
            .request(call.method.clone(), url)
            .header(AUTHORIZATION, token.bearer.clone())
            .header(ACCEPT, "application/json");
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = &call.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        call.may_be_done.store(true, Ordering::Relaxed);
        let exchanged = self.exchange(call.name, request, attempt, deadline).await;
        let answer = exchanged.and_then(|(response, body)| match response.status().is_success() {
            true => Ok(Answer {
                status: response.status().as_u16(),
                body,
            }),
            false => Err(call.unrepeated(refused(call.name, &response, &body))),
        });
        if let Err(error) = &answer {
            call.may_be_done
                .store(error.may_be_done(), Ordering::Relaxed);
        }
        answer
    }

    /// Sends a request and reads the answer whole, whatever it says.
    async fn exchange(
        &self,
        call: &'static str,
        request: reqwest::RequestBuilder,
        attempt: u32,
        deadline: Deadline,
    ) -> Result<(Response, Vec<u8>), Error> {
        let begin = Instant::now();
        let mut host = String::new();
        let exchanged = async {
            let request = request.build().map_err(|_| Error::BadAnswer {
                call,
                reason: "it cannot be asked for",
            })?;
            host = host_of(request.url());
            let sent = self.shared.http.execute(request).await;
            let mut response = sent.map_err(|error| unreachable(&host, &error))?;
            let limit = match response.status().is_success() {
                true => ANSWER_BYTES,
                false => REFUSAL_BYTES,
            };
            let mut body = Vec::new();
            while let Some(chunk) = response
                .chunk()
                .await
                .map_err(|error| unreachable(&host, &error))?
            {
                if body.len() + chunk.len() > limit && response.status().is_success() {
                    return Err(Error::TooLarge {
                        call,
                        limit_bytes: limit as u64,
                    });
                }
                body.extend_from_slice(&chunk[..chunk.len().min(limit - body.len())]);
                if body.len() == limit {
                    break;
                }
            }
            Ok((response, body))
        };
        let exchanged = timeout_at(deadline.at, exchanged).await;
        let exchanged = exchanged.unwrap_or_else(|_| Err(deadline.missed(call)));
        let status = exchanged
            .as_ref()
            .ok()
            .map(|(response, _)| response.status().as_u16());
        debug!(
            call,
            host,
            attempt,
            status,
            milliseconds = begin.elapsed().as_millis() as u64,
            "asked Nexthink"
        );
        exchanged
    }

    /// Asks another host for a file whose address says who may read it: no token goes there.
    pub(super) async fn file(
        &self,
        call: &'static str,
        url: url::Url,
        deadline: Deadline,
    ) -> Result<Response, Error> {
        let mut attempt = 1;
        loop {
            let error = match self.file_once(call, url.clone(), deadline).await {
                Err(error) => error,
                got => return got,
            };
            self.before_next(call, &mut attempt, error, deadline)
                .await?;
        }
    }

    async fn file_once(
        &self,
        call: &'static str,
        url: url::Url,
        deadline: Deadline,
    ) -> Result<Response, Error> {
        let host = host_of(&url);
        let sent = timeout_at(deadline.at, self.shared.http.get(url).send()).await;
        let response = sent.map_err(|_| deadline.missed(call))?;
        let response = response.map_err(|error| unreachable(&host, &error.without_url()))?;
        match response.status().is_success() {
            true => Ok(response),
            // A store's refusal may repeat the address, which is a secret.
            false => Err(refused(call, &response, b"")),
        }
    }
}

/// Returns what a refusal means.
fn refused(call: &'static str, response: &Response, body: &[u8]) -> Error {
    let header = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|header| header.to_str().ok());
    Error::Refused {
        call,
        refusal: Refusal::of(response.status().as_u16(), body),
        retry_at: header.and_then(wait::until),
    }
}

pub(super) fn unreachable(host: &str, error: &reqwest::Error) -> Error {
    let fault = match error.is_timeout() {
        true => Some(Fault::TimedOut),
        false => Fault::of(error),
    };
    Error::Unreachable {
        host: host.to_owned(),
        fault,
    }
}

pub(super) fn host_of(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default())
}
