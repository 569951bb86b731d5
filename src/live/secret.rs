//! Secrets: texts that are never shown.

use std::fmt;
use std::fs;
use std::path::Path;

use super::Error;

/// A text that no log, error or report shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What a tenant's administrator made for the chatbot: an API credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The client id.
    pub client_id: String,
    /// The client secret.
    pub secret: Secret,
}

impl Secret {
    /// Takes a text, without the white space around it: a line's end comes along from files and from Kubernetes.
    ///
    /// # Errors
    /// Where nothing is left, or it holds what no header can carry.
    pub fn new(text: &str) -> Result<Secret, Error> {
        Secret::of(text, "the secret")
    }

    /// Reads an environment variable.
    ///
    /// # Errors
    /// Where it is not set, or as with [`Secret::new`].
    pub fn from_variable(name: &str) -> Result<Secret, Error> {
        let what = format!("the variable {name}");
        match std::env::var(name) {
            Ok(text) => Secret::of(&text, &what),
            Err(_) => Err(Error::Configuration {
                what: format!("{what} is not set to a text"),
            }),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read as text, or as with [`Secret::new`].
    pub fn from_file(path: &Path) -> Result<Secret, Error> {
        let what = format!("the file {}", path.display());
        match fs::read_to_string(path) {
            Ok(text) => Secret::of(&text, &what),
            Err(error) => Err(Error::Configuration {
                what: format!("{what} cannot be read as text: {}", error.kind()),
            }),
        }
    }

    fn of(text: &str, what: &str) -> Result<Secret, Error> {
        let text = text.trim();
        let why = match text {
            "" => "is empty",
            text if text.chars().any(char::is_control) => "has a control character within",
            text => return Ok(Secret(text.to_owned())),
        };
        Err(Error::Configuration {
            what: format!("{what} {why}"),
        })
    }

    /// Returns the text: for the request that needs it, and nothing else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_trimmed_and_never_shown() {
        let secret = Secret::new("  s3cr3t\r\n").unwrap();
        assert_eq!(secret.reveal(), "s3cr3t");
        assert_eq!(format!("{secret:?}"), "Secret");
        for text in ["", " \n", "a\nb"] {
            let error = Secret::new(text).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
