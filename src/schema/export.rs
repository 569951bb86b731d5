//! What exports call their columns and the words in them: data, in `schemas/export/*.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Dataset;

/// What is known of the exports of a dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
pub struct Export {
    /// The names of columns, by the field each one fills; the first is Nexthink's own.
    pub columns: BTreeMap<String, Vec<String>>,
    /// The words of `user.type` that say of an account whether it is local to one device.
    #[serde(default)]
    pub types: Types,
}

/// Words of `user.type`: lower-case letters, without what stands between words.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
pub struct Types {
    /// Say that it is.
    pub local: Vec<String>,
    /// Say that it is a domain's.
    pub domain: Vec<String>,
}

static EXPORTS: LazyLock<[Export; 3]> = LazyLock::new(|| {
    let shipped = [
        include_str!("../../schemas/export/users.toml"),
        include_str!("../../schemas/export/devices.toml"),
        include_str!("../../schemas/export/logins.toml"),
    ];
    shipped.map(|text| toml::from_str(text).expect("a test reads every shipped mapping"))
});

impl Dataset {
    /// Returns what is known of its exports.
    pub fn export(self) -> &'static Export {
        &EXPORTS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_mapping_is_read() {
        for dataset in Dataset::ALL {
            assert!(!dataset.export().columns.is_empty());
        }
        let words = &Dataset::Users.export().types;
        let mut all = words.local.iter().chain(&words.domain);
        assert!(all.all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
    }
}
