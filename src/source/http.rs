//! The HTTP client under every cloud store: what `object_store` leaves open is closed here.
//!
//! - Redirects are not followed: a service, or who poses as it, could lead signed requests to another host.
//! - A refusal becomes a [`Reply`] before `object_store` can put its body into an error text.
//! - One key that its paths cannot hold (`a//b.csv`, `../x`) would make the whole listing an error, and `/lead.csv`
//!   would be read as `lead.csv`: such keys are taken out of the page and remembered.
//! - A listing that repeats a page, never ends, or ends where more should follow is an error; so is what is no listing.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use object_store::ClientConfigKey;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use object_store::path::Path;

use super::asked::{Asked, Attempts, host_of};
use super::error::{PageFault, Reply};
use super::proxy::machine_has_proxy;
use crate::fault::Fault;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may say nothing. There is no limit on a whole request: a large object takes its time.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a page of a listing may take to come whole: one that trickles would hold up all sources.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// The largest page of a listing: services send 1,000 to 5,000 keys of at most 1,024 bytes.
const PAGE_BYTES: usize = 16 << 20;

/// The most pages of one listing, against a service that makes up new continuation tokens for ever.
const PAGES: usize = 10_000;

/// How much of a refusal is read for its code and request id.
const REFUSAL_BYTES: usize = 64 << 10;

/// How many odd keys are remembered of one listing; the rest are as odd as these.
const ODD_KEYS: usize = 1_000;

/// The client options that this client knows. An option it would ignore is refused when a source is opened.
pub(super) const CLIENT_OPTIONS: [ClientConfigKey; 4] = [
    ClientConfigKey::AllowHttp,
    ClientConfigKey::AllowInvalidCertificates,
    ClientConfigKey::ProxyUrl,
    ClientConfigKey::ProxyExcludes,
];

/// Makes the clients of one store.
#[derive(Debug, Default)]
pub(super) struct Connector {
    /// What the listings of the store's clients left behind.
    pub(super) pages: Arc<Pages>,
    /// Google unpacks objects stored with `Content-Encoding: gzip` for a client that does not say it can; their size
    /// and e-tag are of the packed bytes.
    pub(super) accept_gzip: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = self
            .client(options)
            .map_err(|err| object_store::Error::Generic {
                store: "HTTP client",
                source: Box::new(err),
            })?;
        let pages = Arc::clone(&self.pages);
        let has_proxy = options
            .get_config_value(&ClientConfigKey::ProxyUrl)
            .is_some();
        Ok(HttpClient::new(Client {
            client,
            pages,
            has_proxy,
            attempts: Attempts::default(),
        }))
    }
}

impl Connector {
    fn client(&self, options: &ClientOptions) -> reqwest::Result<reqwest::Client> {
        let is_on = |key| {
            options
                .get_config_value(&key)
                .is_some_and(|value| is_on(&value))
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("identidex/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            // HTTP/2 puts all fetches on one connection, which is slower with every object service.
            .http1_only()
            .https_only(!is_on(ClientConfigKey::AllowHttp))
            .danger_accept_invalid_certs(is_on(ClientConfigKey::AllowInvalidCertificates))
            // An unpacked body would no longer have the length of its listing.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate();
        if let Some(url) = options.get_config_value(&ClientConfigKey::ProxyUrl) {
            let excludes = options.get_config_value(&ClientConfigKey::ProxyExcludes);
            let excludes = excludes.and_then(|hosts| reqwest::NoProxy::from_string(&hosts));
            builder = builder.proxy(reqwest::Proxy::all(url)?.no_proxy(excludes));
        }
        if self.accept_gzip {
            let gzip = object_store::HeaderValue::from_static("gzip");
            let headers = [(reqwest::header::ACCEPT_ENCODING, gzip)];
            builder = builder.default_headers(headers.into_iter().collect());
        }
        builder.build()
    }
}

/// Returns whether an option is set, in the spellings that `object_store` knows.
pub(super) fn is_on(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    ["1", "true", "on", "yes", "y"].contains(&value.as_str())
}

#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    pages: Arc<Pages>,
    has_proxy: bool,
    attempts: Attempts,
}

impl Client {
    /// Tells why there was no answer; with a proxy between, it is the proxy that is connected to.
    fn fault_of(&self, error: &HttpError, is_plain: bool, host: &str) -> Option<Fault> {
        let fault = Fault::of(error)?;
        let is_to_proxy = self.has_proxy || machine_has_proxy(is_plain, host);
        Some(match fault {
            Fault::Refused | Fault::Network if is_to_proxy => Fault::NoProxy,
            Fault::Name if is_to_proxy => Fault::ProxyName,
            fault => fault,
        })
    }
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = host_of(&request);
        let page = page_of(&request);
        let asked = Asked::of(&request, &host, &self.attempts);
        let is_plain = request.uri().scheme_str() == Some("http");
        let response = match self.client.call(request).await {
            Ok(response) => response,
            Err(err) => {
                let fault = self.fault_of(&err, is_plain, &host);
                asked.ended(None, fault.map(|fault| fault.to_string()));
                return Err(HttpError::new(
                    err.kind(),
                    Reply {
                        host,
                        fault,
                        ..Reply::default()
                    },
                ));
            }
        };
        let status = response.status();
        if !status.is_success() {
            let (error, code) = refusal(response, host).await;
            asked.ended(Some(status.as_u16()), code);
            return Err(error);
        }
        asked.ended(Some(status.as_u16()), None);
        match page {
            Some(page) => self.pages.take(&page, response).await,
            None => Ok(response),
        }
    }
}

/// Returns which page of a listing a request asks for, if it does: S3 and Google have `list-type=2`, Azure `comp=list`.
fn page_of(request: &HttpRequest) -> Option<String> {
    let query = request.uri().query()?;
    let lists = query
        .split('&')
        .any(|pair| pair == "list-type=2" || pair == "comp=list");
    (lists && request.method().as_str() == "GET").then(|| request.uri().to_string())
}

/// Returns a refusal as an error that `object_store` retries or not by its kind.
async fn refusal(response: HttpResponse, host: String) -> (HttpError, Option<String>) {
    let status = response.status().as_u16();
    let header = |names: [&str; 3]| {
        let value = names.iter().find_map(|name| response.headers().get(*name));
        value.and_then(|value| word(value.to_str().ok()?))
    };
    let request_id = header([
        "x-amz-request-id",
        "x-ms-request-id",
        "x-guploader-uploadid",
    ]);
    let code = header(["x-ms-error-code", "x-amz-error-code", "x-minio-error-code"]);
    let body = read(response.into_body(), REFUSAL_BYTES)
        .await
        .unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let code = code.or_else(|| word(between(&body, "<Code>", "</Code>")?));
    let code = code.or_else(|| authoritys_code(&body));
    let reply = Reply {
        host,
        fault: (status == 407).then_some(Fault::ProxyLogin),
        status: Some(status),
        code: code.clone(),
        request_id: request_id.or_else(|| word(between(&body, "<RequestId>", "</RequestId>")?)),
    };
    let kind = match status {
        408 | 429 | 500.. => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    (HttpError::new(kind, reply), code)
}

/// Returns the code of Entra's authority, which stands in its text: `AADSTS7000215: Invalid client secret …`.
fn authoritys_code(body: &str) -> Option<String> {
    const BEGINS: &str = "AADSTS";
    let behind = &body[body.find(BEGINS)? + BEGINS.len()..];
    let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
    (1..=10)
        .contains(&digits)
        .then(|| format!("{BEGINS}{}", &behind[..digits]))
}

/// Returns a code or id when it looks like one: what a service puts in its place is not repeated.
fn word(text: &str) -> Option<String> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let good = (1..=64).contains(&text.len()) && text.bytes().all(is_word);
    good.then(|| text.to_owned())
}

/// Reads a body of at most `limit` bytes.
async fn read(body: HttpResponseBody, limit: usize) -> Result<Vec<u8>, PageFault> {
    let mut chunks = body.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.try_next().await.map_err(|_| PageFault::Cut)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > limit {
            return Err(PageFault::TooLarge);
        }
    }
    Ok(bytes)
}

/// What the pages of the listing in progress have shown.
#[derive(Debug, Default)]
pub(super) struct Pages(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    hasher: RandomState,
    pages: HashSet<u64>,
    odd_keys: Vec<String>,
}

impl Pages {
    /// Returns whether nothing odd was found.
    pub(super) fn is_clean(&self) -> bool {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.odd_keys.is_empty()
    }

    /// Begins a listing, and returns the odd keys of the one before.
    pub(super) fn start_over(&self) -> Vec<String> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *shown).odd_keys
    }

    /// Returns a page without its odd keys, or an error if the listing cannot end.
    async fn take(&self, page: &str, response: HttpResponse) -> Result<HttpResponse, HttpError> {
        let (parts, body) = response.into_parts();
        let read = tokio::time::timeout(PAGE_TIMEOUT, read(body, PAGE_BYTES)).await;
        let bytes = read.unwrap_or(Err(PageFault::Slow)).map_err(page_error)?;
        check_page(&bytes).map_err(page_error)?;
        let (bytes, odd_keys) = without_odd_keys(bytes);
        self.remember(page, odd_keys).map_err(page_error)?;
        Ok(HttpResponse::from_parts(parts, bytes.into()))
    }

    fn remember(&self, page: &str, odd_keys: Vec<String>) -> Result<(), PageFault> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A hash, not the address: continuation tokens are long, and with a SAS the address is a secret.
        let hash = shown.hasher.hash_one(page);
        if !shown.pages.insert(hash) {
            return Err(PageFault::Repeated);
        }
        if shown.pages.len() > PAGES {
            return Err(PageFault::TooMany);
        }
        let room = ODD_KEYS - shown.odd_keys.len();
        shown.odd_keys.extend(odd_keys.into_iter().take(room));
        Ok(())
    }
}

fn page_error(fault: PageFault) -> HttpError {
    let kind = match fault {
        PageFault::Cut => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, fault)
}

/// Refuses what is no page of a listing, which `object_store` would take for an empty one, and one that is not the last and
/// names no other.
fn check_page(page: &[u8]) -> Result<(), PageFault> {
    let text = String::from_utf8_lossy(page);
    let mut tags = text.split('<').skip(1);
    let root = tags.find(|tag| !tag.starts_with(['?', '!']));
    let root = root.and_then(|tag| tag.split([' ', '>', '/', '\n', '\r', '\t']).next());
    if !matches!(root, Some("ListBucketResult" | "EnumerationResults")) {
        return Err(PageFault::NoListing);
    }
    let end = text.trim_end();
    let is_empty = tags.next().is_none() && end.ends_with("/>");
    let is_whole = |root: &str| is_empty || end.ends_with(&format!("</{root}>"));
    if !root.is_some_and(is_whole) {
        return Err(PageFault::Cut);
    }
    let is_truncated = between(&text, "<IsTruncated>", "</IsTruncated>");
    let token = between(&text, "<NextContinuationToken>", "</NextContinuationToken>");
    let is_last = is_truncated.is_none_or(|truncated| truncated.trim() != "true");
    match is_last || token.is_some_and(|token| !token.trim().is_empty()) {
        true => Ok(()),
        false => Err(PageFault::NoToken),
    }
}

/// Takes the entries out of a page whose keys are odd, and returns those keys.
///
/// Not an XML parser: the three services write an entry as `<Contents>…<Key>` or `<Blob>…<Name>`. What is not
/// recognised stays, and `object_store` judges it as it would have.
fn without_odd_keys(page: Vec<u8>) -> (Vec<u8>, Vec<String>) {
    let Ok(text) = std::str::from_utf8(&page) else {
        return (page, Vec::new());
    };
    let mut odd_keys = Vec::new();
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, entry, after)) = next_entry(rest) {
        kept.push_str(before);
        match name(entry) {
            Name::Plain => kept.push_str(entry),
            Name::Folder => {}
            Name::Odd(key) => odd_keys.push(key),
        }
        rest = after;
    }
    kept.push_str(rest);
    (kept.into_bytes(), odd_keys)
}

/// Splits a page into what comes before its first entry, the entry, and what follows.
fn next_entry(page: &str) -> Option<(&str, &str, &str)> {
    let tags = [("<Contents>", "</Contents>"), ("<Blob>", "</Blob>")];
    let found = tags
        .iter()
        .filter_map(|(open, close)| Some((page.find(open)?, *close)));
    let (start, close) = found.min()?;
    let end = start + page[start..].find(close)? + close.len();
    Some((&page[..start], &page[start..end], &page[end..]))
}

enum Name {
    Plain,
    /// The empty object that consoles make for a folder.
    Folder,
    Odd(String),
}

fn name(entry: &str) -> Name {
    let plain = between(entry, "<Key>", "</Key>").or_else(|| between(entry, "<Name>", "</Name>"));
    let Some(text) = plain else {
        // Azure percent-encodes what XML cannot hold, and says so in an attribute that `object_store` does not read.
        return match between(entry, "<Name Encoded=\"true\">", "</Name>") {
            Some(encoded) => Name::Odd(encoded.to_owned()),
            None => Name::Plain,
        };
    };
    let key = unescaped(text);
    let is_empty = entry.contains("<Size>0</Size>") || entry.contains("<Content-Length>0<");
    if key.ends_with('/') && is_empty {
        return Name::Folder;
    }
    match Path::parse(&key) {
        Ok(path) if path.as_ref() == key => Name::Plain,
        _ => Name::Odd(key),
    }
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    Some(rest.split_once(close)?.0)
}

/// Returns text with its XML entities replaced; one that is not known stays as it is.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        match after
            .split_once(';')
            .and_then(|(entity, tail)| Some((character(entity)?, tail)))
        {
            Some((character, tail)) => {
                plain.push(character);
                rest = tail;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(page: &str) -> (String, Vec<String>) {
        let (page, odd_keys) = without_odd_keys(page.as_bytes().to_vec());
        (String::from_utf8(page).unwrap(), odd_keys)
    }

    fn s3(key: &str, size: u64) -> String {
        format!("<Contents><Key>{key}</Key><Size>{size}</Size></Contents>")
    }

    fn azure(name: &str) -> String {
        format!("<Blob>{name}<Properties><Content-Length>1</Content-Length></Properties></Blob>")
    }

    #[test]
    fn odd_keys_are_taken_out_and_named_and_the_others_stay() {
        let odd = [
            "a//b.csv",
            "../x",
            "./x",
            "/lead.csv",
            "x/",
            "a&#x1;b",
            "tab&#9;",
        ];
        let plain = [
            "a/b.csv",
            "a&amp;b.csv",
            "a&lt;b&gt;.csv",
            "ü&#252;.csv",
            "a&b.csv",
            "a..b",
        ];
        let entries = |keys: &[&str]| keys.iter().map(|key| s3(key, 3)).collect::<String>();
        let page = format!("<X>{}{}{}</X>", entries(&plain), entries(&odd), s3("z", 1));
        let (kept, named) = split(&page);
        assert_eq!(kept, format!("<X>{}{}</X>", entries(&plain), s3("z", 1)));
        assert_eq!(
            named,
            [
                "a//b.csv",
                "../x",
                "./x",
                "/lead.csv",
                "x/",
                "a\u{1}b",
                "tab\t"
            ]
        );
    }

    #[test]
    fn an_empty_folder_object_is_no_odd_key() {
        let page = format!("<X>{}{}</X>", s3("nexthink/", 0), s3("nexthink/a", 1));
        assert_eq!(
            split(&page),
            (format!("<X>{}</X>", s3("nexthink/a", 1)), vec![])
        );
    }

    #[test]
    fn a_name_that_azure_had_to_encode_is_odd() {
        let good = azure("<Name>a.csv</Name>");
        let page = format!(
            "<Blobs>{}{good}</Blobs>",
            azure("<Name Encoded=\"true\">a%01</Name>")
        );
        assert_eq!(
            split(&page),
            (format!("<Blobs>{good}</Blobs>"), vec!["a%01".to_owned()])
        );
    }

    #[test]
    fn what_is_no_entry_is_left_to_the_parser() {
        for page in [
            "",
            "<Contents>",
            "<Blob></Blob>",
            "</Contents><Contents>",
            "no xml at all &",
        ] {
            assert_eq!(split(page), (page.to_owned(), vec![]));
        }
        assert_eq!(without_odd_keys(vec![0xff]), (vec![0xff], vec![]));
    }

    #[test]
    fn codes_of_the_authority_stand_in_its_text() {
        let said = "{\"error_description\":\"AADSTS7000215: Invalid client secret provided.\"}";
        assert_eq!(authoritys_code(said).as_deref(), Some("AADSTS7000215"));
        for other in ["AADSTS", "AADSTSx", "aadsts1", "AADSTS12345678901"] {
            assert_eq!(authoritys_code(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_listing_or_names_no_next_page_is_refused() {
        let truncated = |token: &str| {
            format!(
                "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"x\"><IsTruncated>true</IsTruncated>{token}</ListBucketResult>"
            )
        };
        let token = "<NextContinuationToken>x</NextContinuationToken>";
        for page in [
            "<ListBucketResult></ListBucketResult>",
            "<ListBucketResult/>",
            "<!-- a --><EnumerationResults ServiceEndpoint=\"x\"><Blobs /><NextMarker /></EnumerationResults>",
            &truncated(token),
        ] {
            assert!(check_page(page.as_bytes()).is_ok(), "{page}");
        }
        for page in [
            "",
            "{}",
            "<html><body/></html>",
            "<Foo/>",
            "<Error><Code>AccessDenied</Code></Error>",
        ] {
            assert!(
                matches!(check_page(page.as_bytes()), Err(PageFault::NoListing)),
                "{page}"
            );
        }
        for page in [
            "<ListBucketResult>",
            "<ListBucketResult><Contents><Key>a.csv</Key></Contents>",
            "<ListBucketResult><Contents><Key>a.csv</Key></Contents></ListBucketRes",
        ] {
            assert!(
                matches!(check_page(page.as_bytes()), Err(PageFault::Cut)),
                "{page}"
            );
        }
        for token in ["", "<NextContinuationToken> </NextContinuationToken>"] {
            let page = truncated(token);
            assert!(matches!(
                check_page(page.as_bytes()),
                Err(PageFault::NoToken)
            ));
        }
    }

    #[test]
    fn a_page_that_comes_twice_ends_the_listing() {
        let pages = Pages::default();
        assert!(pages.remember("p1", vec!["a//b".to_owned()]).is_ok());
        assert!(pages.remember("p2", vec![]).is_ok());
        assert!(matches!(
            pages.remember("p1", vec![]),
            Err(PageFault::Repeated)
        ));
        assert_eq!(pages.start_over(), ["a//b"]);
        assert!(pages.remember("p1", vec![]).is_ok());
    }

    #[test]
    fn only_words_are_repeated_from_a_refusal() {
        assert_eq!(word("AccessDenied").as_deref(), Some("AccessDenied"));
        for secret in ["", "a b", "sig=AbC%2F", "x\ny", &"a".repeat(65)] {
            assert_eq!(word(secret), None, "{secret}");
        }
    }
}
