//! Form: what the values of options must look like. A store would not say of which option it is.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::config::SourceConfig;
use super::error::Error;

/// Returns a value without the white space around it: secrets come with the line end of the file they were made of. One that no
/// header can carry is refused, before a client panics over it.
pub(super) fn usable(
    config: &SourceConfig,
    (name, key): (&str, &str),
    value: &str,
) -> Result<String, Error> {
    // Who edits files on Windows leaves a mark before them.
    let value = value.trim_start_matches('\u{feff}').trim();
    // A service account's key is a document.
    let is_document = value.starts_with('{');
    let fault = match value {
        "" => Some("it is empty"),
        value if !is_document && value.contains(char::is_control) => {
            Some("it holds a line end or another character that no header can carry")
        }
        value => misshapen(key, value),
    };
    match fault {
        Some(fault) => Err(config.bad_option(name, fault)),
        None => Ok(value.to_owned()),
    }
}

/// Options that are on or off.
const SWITCHES: [&str; 12] = [
    "allow_http",
    "allow_invalid_certificates",
    "aws_disable_tagging",
    "aws_imdsv1_fallback",
    "aws_request_payer",
    "aws_s3_express",
    "aws_skip_signature",
    "aws_unsigned_payload",
    "aws_virtual_hosted_style_request",
    "azure_skip_signature",
    "azure_storage_use_emulator",
    "azure_use_azure_cli",
];
/// And how they say it.
const SWITCH_WORDS: [&str; 10] = [
    "true", "false", "1", "0", "on", "off", "yes", "no", "y", "n",
];

/// Says what is wrong with the value of an option that has a form: `object_store` would not say of which option it is.
fn misshapen(key: &str, value: &str) -> Option<&'static str> {
    let has_signature = |value: &str| {
        let small = value.to_ascii_lowercase();
        small.contains("sig=") || small.contains("sig%3d")
    };
    let (is_good, fault) = match key {
        "azure_storage_account_key" => (
            BASE64_STANDARD.decode(value).is_ok(),
            "it is no key of a storage account, which is a text in base64",
        ),
        "azure_storage_sas_key" => (
            has_signature(value),
            "it is no SAS token, such as sv=…&sig=…",
        ),
        key if SWITCHES.contains(&key) => (
            SWITCH_WORDS.contains(&value.to_ascii_lowercase().as_str()),
            "it is a switch: true or false",
        ),
        "aws_region" | "aws_default_region" => (
            is_region(value),
            "it is no name of a region, such as eu-central-1, without quotes",
        ),
        "proxy_url" => (
            reqwest::Proxy::all(value).is_ok(),
            "it is no URL of a proxy, such as http://proxy.contoso.com:3128",
        ),
        _ => return None,
    };
    (!is_good).then_some(fault)
}

/// Tells whether a text can be the name of a region: others make an address that nothing can be sent to.
pub(super) fn is_region(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.bytes().all(is_of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_have_a_form_are_named() {
        for (key, value, is_good) in [
            ("proxy_url", "http://proxy.contoso.com:3128", true),
            ("proxy_url", "proxy.contoso.com:3128", true),
            ("proxy_url", "127.0.0.1:notaport", false),
            ("aws_region", "eu-central-1", true),
            ("aws_region", "\"eu-central-1\"", false),
            ("aws_default_region", "EU (Frankfurt)", false),
            ("aws_skip_signature", "maybe", false),
            ("allow_http", "TRUE", true),
            ("azure_storage_account_key", "c2VjcmV0", true),
            ("azure_storage_account_key", "not base64!", false),
            ("azure_storage_sas_key", "?sv=2024&sig=a%3D", true),
            ("azure_storage_sas_key", "sv%3D2024%26sig%3Da", true),
            ("azure_storage_sas_key", "garbage", false),
            ("azure_storage_account_name", "not base64!", true),
        ] {
            assert_eq!(misshapen(key, value).is_none(), is_good, "{key} {value}");
        }
    }
}
