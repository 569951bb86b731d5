//! Tokens: one for all callers of a client, renewed before it ends.

use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::refusal::Refusal;
use super::{Credentials, Error};

/// How long a token is good where the answer does not say; Nexthink's reference has 900 s.
const LIFETIME: u64 = 900;
/// So much before its end a token is not used any more.
const EARLY: Duration = Duration::from_secs(60);
pub(super) const CALL: &str = "the token";

/// A token, as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) bearer: HeaderValue,
    until: Instant,
}

/// The token of a client.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    current: Mutex<Option<Token>>,
}

impl Tokens {
    /// Returns the token, got by `get` where there is none that is good; whoever comes meanwhile waits for the same.
    pub(super) async fn current<F: Future<Output = Result<Token, Error>>>(
        &self,
        get: impl FnOnce() -> F,
    ) -> Result<Token, Error> {
        let mut current = self.current.lock().await;
        if let Some(token) = current
            .as_ref()
            .filter(|token| Instant::now() < token.until)
        {
            return Ok(token.clone());
        }
        let token = get().await?;
        *current = Some(token.clone());
        Ok(token)
    }

    /// Forgets a token that was refused, unless it was renewed since.
    pub(super) async fn forget(&self, refused: &Token) {
        let mut current = self.current.lock().await;
        current.take_if(|token| token.bearer == refused.bearer);
    }
}

/// Returns what is sent for a token. Parameters go in the body: in the address they are not taken.
pub(super) fn request(
    http: &reqwest::Client,
    login: &url::Url,
    credentials: &Credentials,
) -> reqwest::RequestBuilder {
    const FORM: &str = "grant_type=client_credentials&scope=service%3Aintegration";
    let mut url = login.clone();
    url.set_path(&format!("{}oauth2/default/v1/token", login.path()));
    let secret = credentials.secret.reveal();
    http.post(url)
        .basic_auth(&credentials.client_id, Some(secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(FORM)
}

/// Reads the answer to that.
pub(super) fn read(status: u16, body: &[u8]) -> Result<Token, Error> {
    if matches!(status, 400 | 401 | 403) {
        let refusal = Refusal::of(status, body);
        return Err(Error::Credentials { refusal });
    }
    let bad = |reason| Error::BadAnswer { call: CALL, reason };
    let answer: Value = serde_json::from_slice(body).map_err(|_| {
        bad("it is no JSON; check the instance, the region, and for a proxy between")
    })?;
    let token = answer["access_token"]
        .as_str()
        .ok_or_else(|| bad("it has no access_token"))?;
    let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| bad("its access_token is none that can be sent"))?;
    bearer.set_sensitive(true);
    let lifetime = answer["expires_in"].as_u64().unwrap_or(LIFETIME);
    let lifetime = Duration::from_secs(lifetime.min(24 * 3_600));
    let good_for = lifetime.saturating_sub(EARLY).max(lifetime / 2);
    Ok(Token {
        bearer,
        until: Instant::now() + good_for,
    })
}
