//! Proxies: whether the machine has one between it and a host.

/// Variables by which all programs of a machine are given a proxy.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const PLAIN_PROXIES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const NO_PROXIES: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Tells whether the machine has a proxy for a host, which may have a port behind it. Ranges of addresses are not looked at.
pub(super) fn machine_has_proxy(is_plain: bool, host: &str) -> bool {
    let value = |name: &&str| {
        std::env::var(name)
            .ok()
            .filter(|value| !value.trim().is_empty())
    };
    let proxies = if is_plain { PLAIN_PROXIES } else { PROXIES };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_left_out = |one: &str| {
        let one = one.trim().trim_start_matches("*.").trim_start_matches('.');
        let is_within = name
            .strip_suffix(one)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'));
        one == "*" || (!one.is_empty() && is_within)
    };
    let no_proxies = NO_PROXIES.iter().find_map(value);
    proxies.iter().any(|name| value(name).is_some())
        && !no_proxies.is_some_and(|all| all.split(',').any(is_left_out))
}
