//! The manifest: which generation is the current one, signed.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::{Error, Result};
use crate::generation::{from_hex, hex};

/// The format of manifests.
const FORMAT: u32 = 1;
/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// Which generation is the current one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// Larger than that of every one before.
    pub sequence: u64,
    /// The generation's number.
    pub generation: u64,
    /// The hash of its file, unpacked, in hexadecimal digits.
    pub blake3: String,
    /// The file's name, packed.
    pub file: String,
    /// Bytes of it, unpacked.
    pub size_bytes: u64,
    /// Bytes of it as it lies there.
    pub stored_bytes: u64,
    /// How many people were ever erased, all of whom it is without.
    pub erasures: u64,
    /// The oldest generation that may still be anywhere: those before have people who were erased.
    pub oldest: u64,
}

/// A manifest as it lies there.
#[derive(Serialize, Deserialize)]
struct Signed {
    /// The manifest's text, as it was signed.
    manifest: String,
    /// In hexadecimal digits.
    signature: String,
}

/// What manifests are signed with.
pub struct SigningKey(Ed25519KeyPair);

/// What signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_BYTES]);

impl fmt::Debug for SigningKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("SigningKey")
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&hex(&self.0))
    }
}

impl SigningKey {
    /// Makes a key of 32 bytes in hexadecimal digits, as a key file has them.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn parse(text: &str) -> Result<SigningKey> {
        const WHAT: &str = "the key to sign with is 64 hexadecimal digits; `identidex publish --new-key FILE` makes one";
        let seed: [u8; KEY_BYTES] = from_hex(text.trim()).ok_or(Error::Key { what: WHAT })?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        pair.map(SigningKey).map_err(|_| Error::Key { what: WHAT })
    }

    /// Returns what its signatures are checked with.
    pub fn public(&self) -> PublicKey {
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(key)
    }
}

impl PublicKey {
    /// Reads one of 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn parse(text: &str) -> Result<PublicKey> {
        const WHAT: &str =
            "the public key is 64 hexadecimal digits, as `identidex publish` prints it";
        from_hex(text.trim())
            .map(PublicKey)
            .ok_or(Error::Key { what: WHAT })
    }
}

impl Manifest {
    pub(super) fn new(sequence: u64, generation: u64, blake3: [u8; 32]) -> Manifest {
        Manifest {
            format: FORMAT,
            sequence,
            generation,
            blake3: hex(&blake3),
            file: String::new(),
            size_bytes: 0,
            stored_bytes: 0,
            erasures: 0,
            oldest: 0,
        }
    }

    /// Tells whether another one names the same generation, and is of the same erasures.
    pub(super) fn is_of(&self, other: &Manifest) -> bool {
        let said = |one: &Manifest| (one.generation, one.erasures, one.oldest);
        said(self) == said(other) && self.blake3 == other.blake3
    }

    /// Returns the hash as bytes.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        from_hex(&self.blake3)
    }

    /// Writes it, signed.
    pub(super) fn signed(&self, key: &SigningKey) -> Vec<u8> {
        let manifest = serde_json::json!(self).to_string();
        let signature = key.0.sign(manifest.as_bytes());
        let signature = hex(signature.as_ref());
        serde_json::json!({"manifest": manifest, "signature": signature})
            .to_string()
            .into_bytes()
    }

    /// Reads one that was signed with the key of a public one.
    pub(super) fn read(text: &[u8], key: &PublicKey, place: &str) -> Result<Manifest> {
        let place = || place.to_owned();
        let signed: Signed =
            serde_json::from_slice(text).map_err(|_| Error::BadManifest { place: place() })?;
        let signature: [u8; 64] =
            from_hex(&signed.signature).ok_or_else(|| Error::Unsigned { place: place() })?;
        let verified =
            UnparsedPublicKey::new(&ED25519, &key.0).verify(signed.manifest.as_bytes(), &signature);
        verified.map_err(|_| Error::Unsigned { place: place() })?;
        let manifest: Option<Manifest> = serde_json::from_str(&signed.manifest).ok();
        let is_known = |manifest: &Manifest| {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
            manifest.format == FORMAT
                && manifest.hash().is_some()
                && manifest.file.bytes().all(is_name)
        };
        manifest
            .filter(is_known)
            .ok_or_else(|| Error::BadManifest { place: place() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_with_the_key_it_was_signed_for_and_no_other() {
        let key = SigningKey::parse(&"07".repeat(32)).unwrap();
        let other = SigningKey::parse(&"08".repeat(32)).unwrap();
        let manifest = Manifest {
            file: "gen-000042-aa.db.zst".into(),
            ..Manifest::new(7, 42, [9; 32])
        };
        let text = manifest.signed(&key);
        assert_eq!(Manifest::read(&text, &key.public(), "x").unwrap(), manifest);
        let refused = Manifest::read(&text, &other.public(), "x");
        assert!(matches!(refused, Err(Error::Unsigned { .. })));
        let changed = String::from_utf8(text.clone())
            .unwrap()
            .replace(":42", ":43");
        let refused = Manifest::read(changed.as_bytes(), &key.public(), "x");
        assert!(matches!(refused, Err(Error::Unsigned { .. })));
        let path = Manifest {
            file: "../x".into(),
            ..manifest
        };
        let refused = Manifest::read(&path.signed(&key), &key.public(), "x");
        assert!(matches!(refused, Err(Error::BadManifest { .. })));
        let public = key.public().to_string();
        assert_eq!(PublicKey::parse(&public).unwrap(), key.public());
        assert!(SigningKey::parse("07").is_err() && PublicKey::parse(&"zz".repeat(32)).is_err());
    }
}
