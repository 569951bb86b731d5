//! Tenants: where the APIs of one are.

use url::{Host, Url};

use super::Error;

/// Where a tenant's APIs are, and where its tokens come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    pub(super) api: Url,
    pub(super) login: Url,
}

impl Tenant {
    /// A tenant of Nexthink's cloud: `https://{instance}.api.{region}.nexthink.cloud`. Regions are `us`, `eu`, `pac` and `meta`
    /// by Nexthink's API reference; others are taken as they are, since new ones come.
    ///
    /// # Errors
    /// Where a name has other characters than a host's name may have.
    pub fn new(instance: &str, region: &str) -> Result<Tenant, Error> {
        let label = |what: &str, name: &str| match is_label(name) {
            true => Ok(()),
            false => Err(Error::Configuration {
                what: format!(
                    "the {what} is no part of a host's name; expected letters, digits and hyphens, as in the address of the web interface"
                ),
            }),
        };
        label("instance", instance)?;
        label("region", region)?;
        Tenant::at(
            &format!("https://{instance}.api.{region}.nexthink.cloud"),
            &format!("https://{instance}-login.{region}.nexthink.cloud"),
        )
    }

    /// A tenant whose APIs, and whose tokens, are at these addresses: behind a gateway, or a stand-in.
    ///
    /// # Errors
    /// Where an address is none, is not `https` (`http` is allowed on this machine alone), or carries a password or a query.
    pub fn at(api: &str, login: &str) -> Result<Tenant, Error> {
        Ok(Tenant {
            api: base("API", api)?,
            login: base("login", login)?,
        })
    }
}

fn is_label(name: &str) -> bool {
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain && (1..=63).contains(&name.len()) && !name.starts_with('-') && !name.ends_with('-')
}

/// Reads an address to which paths are joined.
fn base(what: &str, text: &str) -> Result<Url, Error> {
    let refuse = |why: &str| {
        Err(Error::Configuration {
            what: format!("the {what} address cannot be used: {why}"),
        })
    };
    let Ok(mut url) = Url::parse(text) else {
        return refuse("expected one such as https://instance.api.eu.nexthink.cloud");
    };
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return refuse("it names no host"),
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
        return refuse("it is not https, and names another machine");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it carries a name or a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("it carries a query");
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_reference() {
        let tenant = Tenant::new("contoso", "eu").unwrap();
        assert_eq!(
            tenant.api.as_str(),
            "https://contoso.api.eu.nexthink.cloud/"
        );
        assert_eq!(
            tenant.login.as_str(),
            "https://contoso-login.eu.nexthink.cloud/"
        );
    }

    #[test]
    fn what_would_send_secrets_elsewhere_is_refused() {
        for (instance, region) in [
            ("evil.com/", "eu"),
            ("a", "eu.evil.com#"),
            ("", "eu"),
            ("-a", "eu"),
        ] {
            assert!(
                Tenant::new(instance, region).is_err(),
                "{instance} {region}"
            );
        }
        for api in [
            "http://api.contoso.com",
            "ftp://localhost",
            "https://me:secret@contoso.com",
            "https://contoso.com/?a=b",
            "contoso",
        ] {
            let error = Tenant::at(api, "https://contoso.com")
                .unwrap_err()
                .to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(Tenant::at("http://127.0.0.1:8080/nexthink", "http://[::1]:1").is_ok());
    }
}
