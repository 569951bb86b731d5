//! Device names: host names without the dot of the root, and the short name of a longer one.
//!
//! Which device of several a short name means is for a lookup to say.

use std::net::Ipv4Addr;

/// Returns the first label of a normal device name that has a dot; none when it is short already.
///
/// An IPv4 address has no short name: `10` would stand for every device of that network. Nor has a text that no host is
/// called by: the address `kiosk.lobby@contoso.com` must not find the device `KIOSK`.
pub fn short_name(normal_device_name: &str) -> Option<&str> {
    let (label, _) = normal_device_name.split_once('.')?;
    let is_no_host = |letter: char| matches!(letter, '@' | '\\') || letter.is_whitespace();
    let is_address = || normal_device_name.parse::<Ipv4Addr>().is_ok();
    let is_host = !label.is_empty() && !normal_device_name.contains(is_no_host);
    (is_host && !is_address()).then_some(label)
}

/// `host.example.com.` is `host.example.com`: the dot of the DNS root says nothing.
pub(super) fn without_root_dot(normal: &str) -> &str {
    // All dots and the white space between them, or a normal form could lose more the next time.
    normal.trim_end_matches(|last: char| last == '.' || last.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::tests::{normal, refusal};
    use crate::identifier::{Kind, Refusal};

    #[test]
    fn the_dot_of_the_root_is_dropped() {
        assert_eq!(
            normal(Kind::DeviceName, "NB-0042.corp.example.").as_deref(),
            Some("nb-0042.corp.example")
        );
        assert_eq!(
            normal(Kind::ShortName, "NB-0042.").as_deref(),
            Some("nb-0042")
        );
        assert_eq!(refusal(Kind::DeviceName, "."), Some(Refusal::Empty));
    }

    #[test]
    fn a_short_name_is_the_first_label_of_a_longer_name() {
        assert_eq!(short_name("nb-0042.corp.example"), Some("nb-0042"));
        assert_eq!(short_name("nb-0042"), None);
        assert_eq!(short_name(".corp"), None);
        assert_eq!(short_name("10.0.0.5"), None);
        assert_eq!(short_name("kiosk.lobby@contoso.com"), None);
    }
}
