//! AWS credentials as the AWS tools find them: profiles, SSO, web identity, container and instance metadata.
//!
//! `object_store` reads static keys and some metadata services only; `aws-config` knows the whole chain. Its answers are
//! kept until shortly before they expire.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

use super::error::NoCredentials;
use crate::fault::{Fault, cause};

/// How long before their end credentials are renewed: more than the retries of one request take.
const RENEW_BEFORE: Duration = Duration::from_secs(5 * 60);

/// How long a provider may take, its own retries included: one that accepts and says nothing would hold up all sources.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// What the AWS configuration of this machine says, where the source does not.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) credentials: Chain,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
}

/// Asks the AWS configuration. With a `region` at hand it is not looked up, which without a profile asks the instance
/// metadata and takes seconds where there is none.
pub(super) async fn look_up(region: Option<String>, profile: Option<&str>) -> Found {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = region {
        loader = loader.region(Region::new(region));
    }
    if let Some(profile) = profile {
        // Alone: the default chain would ask the environment first, which is not what the source says.
        let only = ProfileFileCredentialsProvider::builder().profile_name(profile);
        loader = loader
            .profile_name(profile)
            .credentials_provider(only.build());
    }
    let config = loader.load().await;
    Found {
        credentials: Chain {
            provider: config.credentials_provider(),
            known: Mutex::new(None),
        },
        region: config.region().map(|region| region.as_ref().to_owned()),
        endpoint: config.endpoint_url().map(str::to_owned),
    }
}

/// The chain of providers, as `object_store` asks for credentials.
#[derive(Debug)]
pub(super) struct Chain {
    provider: Option<SharedCredentialsProvider>,
    known: Mutex<Option<Known>>,
}

/// Credentials and when to renew them; those without an end are kept for the run.
struct Known {
    credential: Arc<AwsCredential>,
    renew_at: Option<SystemTime>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        // Held while asking, so that sixteen fetches ask once.
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.is_good()) {
            return Ok(Arc::clone(&known.credential));
        }
        let fresh = self.ask().await;
        let fresh = fresh.map_err(|none| object_store::Error::Generic {
            store: "S3",
            source: Box::new(none),
        })?;
        Ok(Arc::clone(&known.insert(fresh).credential))
    }
}

impl Chain {
    async fn ask(&self) -> Result<Known, NoCredentials> {
        let provider = self.provider.as_ref().ok_or(NoCredentials(NONE))?;
        let found = tokio::time::timeout(ANSWERS_WITHIN, provider.provide_credentials()).await;
        let found = found.map_err(|_| NoCredentials(TOO_LONG))?;
        let found = found.map_err(|error| NoCredentials(reason_of(&error)))?;
        Ok(Known {
            credential: Arc::new(AwsCredential {
                key_id: found.access_key_id().to_owned(),
                secret_key: found.secret_access_key().to_owned(),
                token: found.session_token().map(str::to_owned),
            }),
            renew_at: found.expiry().and_then(|end| end.checked_sub(RENEW_BEFORE)),
        })
    }
}

const TOO_LONG: &str = "a provider of them took too long to answer; try again later";
const NONE: &str = "none were found; set them in its options, the environment or a profile";

/// Says why a chain of providers has nothing, without a word of its own text, which may name profiles and addresses.
fn reason_of(error: &CredentialsError) -> &'static str {
    /// Codes of STS, and words of the AWS library.
    const CODES: [(&str, &str); 13] = [
        (
            "InvalidIdentityToken",
            "STS does not take the workload identity's token; check the identity provider of the role",
        ),
        (
            "ExpiredToken",
            "STS says that the workload identity's token has expired",
        ),
        (
            "IDPCommunicationError",
            "STS cannot reach the identity provider; try again later",
        ),
        (
            "AccessDenied",
            "STS refuses the role; check its trust policy",
        ),
        ("RegionDisabled", "STS is not enabled in the region"),
        (
            "ValidationError",
            "STS does not take the name of the role; check it",
        ),
        (
            "TokenError {",
            "the metadata of this machine gives none: it has no role, or its metadata service is switched off; give it a role, or set \
             keys",
        ),
        (
            "sso/cache",
            "nobody is logged in to SSO for the profile; run aws sso login",
        ),
        (
            "FailedToLoadToken",
            "nobody is logged in to SSO for the profile; run aws sso login",
        ),
        (
            "credentials-process",
            "the profile has a credential_process, which is not run here; give it keys, a role or SSO",
        ),
        (
            "was not defined",
            "the profile is in no configuration file of AWS; check its name, and AWS_CONFIG_FILE",
        ),
        (
            "DecodeError",
            "what answers is not the service that gives them (STS, or the metadata of a container or machine); check its endpoint, \
             and for a proxy or a login page between",
        ),
        (
            "StatusCode(4",
            "the service that gives them (STS, or the metadata of a container or machine) has none for this machine or refuses, and \
             does not say why; check the role, and its endpoint",
        ),
    ];
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let text = format!("{error} {error:?}");
        if let Some((_, reason)) = CODES.iter().find(|(code, _)| text.contains(code)) {
            return reason;
        }
        next = error.source();
    }
    let missing = cause::<std::io::Error>(error).map(std::io::Error::kind);
    if missing == Some(std::io::ErrorKind::NotFound) {
        return "the token file of the workload identity is not there; check its mount";
    }
    if let Some(fault) = Fault::of(error) {
        return without_answer(fault);
    }
    match error {
        CredentialsError::CredentialsNotLoaded(_) => NONE,
        CredentialsError::ProviderTimedOut(_) => TOO_LONG,
        CredentialsError::InvalidConfiguration(_) => {
            "the profile or environment that says where they are is not valid"
        }
        _ => "the provider that has them failed; ask it by hand, with the provider's own tool",
    }
}

/// Says why the service that gives credentials did not answer.
fn without_answer(fault: Fault) -> &'static str {
    match fault {
        Fault::Refused | Fault::Network => {
            "the service that gives them (STS, or the metadata of a container or machine) cannot be reached; check its endpoint"
        }
        Fault::Name => {
            "the name of the service that gives them (STS, say) cannot be resolved; check its region and endpoint, and the name service"
        }
        Fault::TimedOut => TOO_LONG,
        Fault::NotHttp => {
            "what answers for the service that gives them (STS, say) does not speak HTTP; check its endpoint"
        }
        Fault::Closed => {
            "the service that gives them (STS, or the metadata of a container or machine) closed the connection; try again later"
        }
        Fault::Authority
        | Fault::AuthoritysOwn
        | Fault::Expired
        | Fault::OtherHost
        | Fault::Tls => {
            "the certificate of the service that gives them (STS, say) is not trusted, not valid or another host's"
        }
        Fault::Proxy | Fault::ProxyLogin | Fault::NoProxy | Fault::ProxyName => {
            "the proxy does not connect to the service that gives them (STS, say); check HTTPS_PROXY and NO_PROXY"
        }
    }
}

impl Known {
    fn is_good(&self) -> bool {
        self.renew_at
            .is_none_or(|renew_at| SystemTime::now() < renew_at)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::{self, future};

    use super::*;

    /// Counts how often it is asked; each answer lives for `ttl`.
    #[derive(Debug)]
    struct Counting {
        asked: Arc<AtomicU32>,
        ttl: Duration,
    }

    impl ProvideCredentials for Counting {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed);
            let end = SystemTime::now() + self.ttl;
            let credentials =
                Credentials::new(format!("key-{asked}"), "s", None, Some(end), "test");
            future::ProvideCredentials::ready(provider::Result::Ok(credentials))
        }
    }

    fn asked_for_two(ttl: Duration) -> u32 {
        let asked = Arc::new(AtomicU32::new(0));
        let provider = Counting {
            asked: Arc::clone(&asked),
            ttl,
        };
        let chain = Chain {
            provider: Some(SharedCredentialsProvider::new(provider)),
            known: Mutex::new(None),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            chain.get_credential().await.unwrap();
            chain.get_credential().await.unwrap();
        });
        asked.load(Ordering::Relaxed)
    }

    #[test]
    fn credentials_are_kept_until_shortly_before_their_end() {
        assert_eq!(asked_for_two(RENEW_BEFORE * 2), 1);
        assert_eq!(asked_for_two(RENEW_BEFORE / 2), 2);
    }

    #[test]
    fn no_provider_is_an_error_without_a_word_of_its_cause() {
        let chain = Chain {
            provider: None,
            known: Mutex::new(None),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let err = runtime.block_on(chain.get_credential()).unwrap_err();
        assert!(cause::<NoCredentials>(&err).is_some());
    }
}
