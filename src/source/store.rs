//! From a source's configuration to a store that can be listed and read.
//!
//! Options come from the environment (`AWS_…`, `AZURE_…`, `GOOGLE_…`) and then from the source, under the names that
//! `object_store` gives them. An option of the source that is not known is an error, one in the environment is not.

use std::path::{Path as FilePath, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use super::error::{Error, Reply, told};
use super::filter::Filter;
use super::form::{is_region, usable};
use super::http::{CLIENT_OPTIONS, Connector, Pages, is_on};
use super::{aws, config::SourceConfig};

/// How often a request is repeated after throttling or a fault of the service; option `max_retries` says otherwise.
const MAX_RETRIES: usize = 8;

/// When no further retry is begun. Well under the life of any signature.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

const BACKOFF: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(100),
    max_backoff: Duration::from_secs(10),
    base: 2.0,
};

/// Options that are ours, not `object_store`'s: every service has the first, S3 the second.
const MAX_RETRIES_OPTION: &str = "max_retries";
const PROFILE_OPTION: &str = "profile";

/// Keys that say who is reading. When a source gives one, the environment's are left alone: half of each would be a
/// third identity that nobody configured.
const CREDENTIALS: [&str; 16] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_skip_signature",
    "azure_storage_account_key",
    "azure_storage_client_id",
    "azure_storage_client_secret",
    "azure_storage_sas_key",
    "azure_storage_token",
    "azure_federated_token_file",
    "azure_use_azure_cli",
    "azure_skip_signature",
    "google_service_account",
    "google_service_account_key",
    "google_application_credentials",
    "google_bearer_token",
];

/// One opened source.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) config: SourceConfig,
    /// The URL as it may be printed: without user, password, query.
    pub(super) place: String,
    /// Of files, the folder they are in.
    pub(super) folder: PathBuf,
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) root: Root,
    pub(super) kind: Kind,
    pub(super) filter: Filter,
    pub(super) max_retries: usize,
}

/// What of a store belongs to the source.
#[derive(Debug)]
pub(super) enum Root {
    /// Everything below a prefix.
    Folder(Path),
    /// One object.
    Object(Path),
    /// What a URL without a trailing slash says: everything below it, or else the object of that name.
    Either(Path),
}

impl Root {
    pub(super) fn path(&self) -> &Path {
        let (Root::Folder(path) | Root::Object(path) | Root::Either(path)) = self;
        path
    }
}

/// File systems are listed in the calling thread, services page by page.
#[derive(Debug)]
pub(super) enum Kind {
    Files,
    Service(Arc<Pages>),
}

impl Store {
    /// Returns how errors name the source.
    pub(super) fn name(&self) -> String {
        format!("source `{}` ({})", self.config.name, self.place)
    }

    /// Returns how errors name one of its objects.
    pub(super) fn name_of(&self, key: &str) -> String {
        format!(
            "object `{}` of source `{}`",
            key.escape_debug(),
            self.config.name
        )
    }
}

/// Opens a source. Touches the file system for a folder, and the AWS configuration for S3 without static keys.
pub(super) async fn open(config: &SourceConfig) -> Result<Store, Error> {
    let is_service = config.url.contains("://") && !config.url.starts_with("file://");
    let is_file = FilePath::new(&config.url).is_file();
    if config.keep_for.is_some() && (is_service || is_file) {
        return Err(config.bad_url(
            "it is no folder, and only files of folders are removed; take keep_for out, and let the bucket's own rules do it",
        ));
    }
    if !config.url.contains("://") {
        return open_files(config, FilePath::new(&config.url));
    }
    let url = Url::parse(&config.url).map_err(|_| config.bad_url("it is no URL"))?;
    if url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(config.bad_url(
            "it holds a password, a `?` or a `#`; credentials belong into the source's options (sas_key, …)",
        ));
    }
    if url.scheme() == "file" {
        let path = url.to_file_path();
        let path = path.map_err(|()| config.bad_url("it names another machine"))?;
        return open_files(config, &path);
    }
    open_service(config, &url).await
}

fn open_files(config: &SourceConfig, path: &FilePath) -> Result<Store, Error> {
    if let Some(option) = config.options.keys().next() {
        return Err(config.bad_option(option, "a folder has no options"));
    }
    let place = path.display().to_string();
    let named = || format!("source `{}` ({place})", config.name);
    let metadata = std::fs::metadata(path).map_err(|err| {
        let (place, reply) = (named(), Reply::default());
        match err.kind() {
            std::io::ErrorKind::NotFound => Error::NotFound { place, reply },
            std::io::ErrorKind::PermissionDenied => Error::NotPermitted { place, reply },
            _ => config.bad_url("it cannot be opened as a folder or file"),
        }
    })?;
    let (folder, root) = match metadata.is_dir() {
        true => (path, Root::Folder(Path::default())),
        false => folder_of(path, &metadata)
            .ok_or_else(|| config.bad_url("it is neither a folder nor a file with a plain name"))?,
    };
    let files = LocalFileSystem::new_with_prefix(folder).map_err(|err| told(&err, named()))?;
    // What is put into a folder is to be there after a power loss as it is in a store.
    let files = files.with_fsync(true);
    Ok(Store {
        config: config.clone(),
        place,
        folder: folder.to_owned(),
        objects: Arc::new(files),
        root,
        kind: Kind::Files,
        filter: Filter::new(config)?,
        max_retries: MAX_RETRIES,
    })
}

/// Returns the folder of a file, and the file as the one object in it.
fn folder_of<'a>(path: &'a FilePath, metadata: &std::fs::Metadata) -> Option<(&'a FilePath, Root)> {
    let name = path.file_name()?.to_str().filter(|_| metadata.is_file())?;
    let root = Root::Object(Path::parse(name).ok()?);
    let folder = path.parent()?;
    match folder.as_os_str().is_empty() {
        true => Some((FilePath::new("."), root)),
        false => Some((folder, root)),
    }
}

async fn open_service(config: &SourceConfig, url: &Url) -> Result<Store, Error> {
    let (scheme, path) = ObjectStoreScheme::parse(url).map_err(|_| {
        config.bad_url("its scheme or path is unknown; a path has no empty, `.` or `..` segments")
    })?;
    let connector = Connector {
        pages: Arc::default(),
        accept_gzip: scheme == ObjectStoreScheme::GoogleCloudStorage,
    };
    let pages = Arc::clone(&connector.pages);
    let max_retries = max_retries(config)?;
    let retry = RetryConfig {
        backoff: BACKOFF,
        max_retries,
        retry_timeout: RETRY_TIMEOUT,
    };
    let objects = match scheme {
        ObjectStoreScheme::AmazonS3 => s3(config, url, connector, retry).await?,
        ObjectStoreScheme::MicrosoftAzure => azure(config, url, connector, retry)?,
        ObjectStoreScheme::GoogleCloudStorage => google(config, url, connector, retry)?,
        _ => {
            return Err(config.bad_url(
                "it is not the address of a known service; for one that speaks S3 write s3://bucket/prefix and set its option endpoint",
            ));
        }
    };
    Ok(Store {
        config: config.clone(),
        place: url.as_str().to_owned(),
        folder: PathBuf::new(),
        objects,
        root: match url.path().ends_with('/') || path.is_root() {
            true => Root::Folder(path),
            false => Root::Either(path),
        },
        kind: Kind::Service(pages),
        filter: Filter::new(config)?,
        max_retries,
    })
}

async fn s3(
    config: &SourceConfig,
    url: &Url,
    connector: Connector,
    retry: RetryConfig,
) -> Result<Arc<dyn ObjectStore>, Error> {
    use AmazonS3ConfigKey as Key;
    let mut builder = AmazonS3Builder::new()
        .with_url(url.as_str())
        .with_http_connector(connector)
        .with_retry(retry);
    let own = [MAX_RETRIES_OPTION, PROFILE_OPTION];
    for (key, value) in settings::<Key>(config, &own, |name| name.starts_with("AWS_"))? {
        builder = builder.with_config(key, value);
    }
    for (one, other) in [
        (Key::AccessKeyId, Key::SecretAccessKey),
        (Key::SecretAccessKey, Key::AccessKeyId),
    ] {
        let is_set = |key: &Key| builder.get_config_value(key).is_some();
        if is_set(&one) && !is_set(&other) {
            let fault = "it is missing or empty, and its other half is set";
            return Err(config.bad_option(other.as_ref(), fault));
        }
    }
    let is_unsigned = builder.get_config_value(&Key::SkipSignature);
    let has_key = builder.get_config_value(&Key::AccessKeyId).is_some();
    if !has_key && !is_unsigned.is_some_and(|value| is_on(&value)) {
        builder = with_aws_configuration(config, builder).await?;
    }
    let allow_http = builder.get_config_value(&Key::Client(ClientConfigKey::AllowHttp));
    for endpoint in [Key::Endpoint, Key::S3Endpoint] {
        check_endpoint(
            config,
            builder.get_config_value(&endpoint),
            allow_http.as_deref(),
        )?;
    }
    let store = builder.build().map_err(|_| config.bad_settings())?;
    Ok(Arc::new(store))
}

/// Adds what the AWS configuration of this machine says to what the source says.
async fn with_aws_configuration(
    config: &SourceConfig,
    mut builder: AmazonS3Builder,
) -> Result<AmazonS3Builder, Error> {
    use AmazonS3ConfigKey as Key;
    let profile = config.options.get(PROFILE_OPTION).map(String::as_str);
    let found = aws::look_up(builder.get_config_value(&Key::Region), profile).await;
    if let Some(region) = found.region {
        if !is_region(&region) {
            let fault = "what AWS_REGION or the profile says is no name of a region, such as eu-central-1, without quotes";
            return Err(config.bad_option("region", fault));
        }
        builder = builder.with_region(region);
    }
    let has_endpoint = builder.get_config_value(&Key::Endpoint).is_some();
    if let Some(endpoint) = found.endpoint.filter(|_| !has_endpoint) {
        builder = builder.with_endpoint(endpoint);
    }
    Ok(builder.with_credentials(Arc::new(found.credentials)))
}

fn azure(
    config: &SourceConfig,
    url: &Url,
    connector: Connector,
    retry: RetryConfig,
) -> Result<Arc<dyn ObjectStore>, Error> {
    use AzureConfigKey as Key;
    let mut builder = MicrosoftAzureBuilder::new()
        .with_url(url.as_str())
        .with_http_connector(connector)
        .with_retry(retry);
    let is_ours =
        |variable: &str| variable.starts_with("AZURE_") || variable == "IDENTITY_ENDPOINT";
    for (key, value) in settings::<Key>(config, &[MAX_RETRIES_OPTION], is_ours)? {
        builder = builder.with_config(key, value);
    }
    let has = |key| builder.get_config_value(&key).is_some();
    if !url.host_str().is_some_and(|host| host.contains('.')) && !has(Key::AccountName) {
        return Err(config.bad_option("account_name", "it is missing, and the url does not say it"));
    }
    let allow_http = builder.get_config_value(&Key::Client(ClientConfigKey::AllowHttp));
    check_endpoint(
        config,
        builder.get_config_value(&Key::Endpoint),
        allow_http.as_deref(),
    )?;
    let emulator = builder.get_config_value(&Key::UseEmulator);
    if emulator.is_some_and(|value| is_on(&value)) {
        // `object_store` would then allow http by itself, to an address from the environment.
        return Err(config.bad_option("use_emulator", "give the emulator's address as endpoint"));
    }
    let store = builder.build().map_err(|_| config.bad_settings())?;
    Ok(Arc::new(store))
}

fn google(
    config: &SourceConfig,
    url: &Url,
    connector: Connector,
    retry: RetryConfig,
) -> Result<Arc<dyn ObjectStore>, Error> {
    use GoogleConfigKey as Key;
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_url(url.as_str())
        .with_http_connector(connector)
        .with_retry(retry);
    for (key, value) in settings::<Key>(config, &[MAX_RETRIES_OPTION], |name| {
        name.starts_with("GOOGLE_")
    })? {
        builder = builder.with_config(key, value);
    }
    let allow_http = builder.get_config_value(&Key::Client(ClientConfigKey::AllowHttp));
    check_endpoint(
        config,
        builder.get_config_value(&Key::BaseUrl),
        allow_http.as_deref(),
    )?;
    let store = builder.build().map_err(|_| config.bad_settings())?;
    Ok(Arc::new(store))
}

/// Returns the options of a source for its kind of store: the environment's first, so that the source's own win.
fn settings<K: FromStr + AsRef<str>>(
    config: &SourceConfig,
    our_own: &[&str],
    is_ours: impl Fn(&str) -> bool,
) -> Result<Vec<(K, String)>, Error> {
    let own = config
        .options
        .iter()
        .filter(|(name, _)| !our_own.contains(&name.as_str()))
        .map(|(name, value)| match known::<K>(name) {
            Some(key) => {
                let value = usable(config, (name, key.as_ref()), value)?;
                Ok((key, value))
            }
            None => Err(config.bad_option(name, "this kind of store has no such option")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let is_identity = |key: &K| CREDENTIALS.contains(&key.as_ref());
    let has_profile = config.options.contains_key(PROFILE_OPTION);
    let has_identity = has_profile || own.iter().any(|(key, _)| is_identity(key));
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| is_ours(name))
        .filter_map(|(name, value)| Some((known::<K>(&name)?, name, value)))
        // An empty secret of Kubernetes is none.
        .filter(|(.., value)| !value.trim().is_empty())
        .filter(|(key, ..)| !(has_identity && is_identity(key)));
    let settings = variables.map(|(key, name, value)| {
        let value = usable(config, (&name, key.as_ref()), &value)?;
        Ok((key, value))
    });
    let mut settings: Vec<(K, String)> = settings.collect::<Result<_, _>>()?;
    settings.extend(own);
    Ok(settings)
}

/// Returns a store's key of that name, unless it belongs to an HTTP client that is not used here.
fn known<K: FromStr + AsRef<str>>(name: &str) -> Option<K> {
    let key: K = name.to_ascii_lowercase().parse().ok()?;
    match key.as_ref().parse::<ClientConfigKey>() {
        Ok(client_key) if !CLIENT_OPTIONS.contains(&client_key) => None,
        _ => Some(key),
    }
}

fn max_retries(config: &SourceConfig) -> Result<usize, Error> {
    let Some(value) = config.options.get(MAX_RETRIES_OPTION) else {
        return Ok(MAX_RETRIES);
    };
    let number = value.parse().ok().filter(|number| *number <= 100);
    number.ok_or_else(|| config.bad_option(MAX_RETRIES_OPTION, "it is no number from 0 to 100"))
}

fn check_endpoint(
    config: &SourceConfig,
    endpoint: Option<String>,
    allow_http: Option<&str>,
) -> Result<(), Error> {
    let Some(endpoint) = endpoint else {
        return Ok(());
    };
    let url = Url::parse(&endpoint).ok().filter(Url::has_host);
    match url.as_ref().map(Url::scheme) {
        Some("https" | "http") if url.as_ref().is_some_and(has_user) => Err(config.bad_option(
            "endpoint",
            "it has a user in it: credentials go into options of their own",
        )),
        Some("https") => Ok(()),
        Some("http") if allow_http.is_some_and(is_on) => Ok(()),
        Some("http") => Err(Error::InsecureEndpoint {
            name: config.name.clone(),
        }),
        _ => Err(config.bad_option(
            "endpoint",
            "it is no https URL, such as https://minio.contoso.com:9000",
        )),
    }
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}
