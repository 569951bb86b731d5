//! Hosts: of which kind a device is, and the name that it goes by.
//!
//! All else of a device is the affair of `device`. An account of one device is called by its host: so this file names
//! neither accounts nor devices.

use super::Tenant;
use super::random::Stream;
use super::text::{push, push_padded};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Laptop,
    Desktop,
    Virtual,
    Kiosk,
}

pub(super) fn kind_of(device: u32) -> Kind {
    match device % 100 {
        0..72 => Kind::Laptop,
        72..90 => Kind::Desktop,
        90..98 => Kind::Virtual,
        _ => Kind::Kiosk,
    }
}

/// The number in a device's name: its own, but 1 in 1,000, and 1 in 20 of the new ones, took over another's name.
pub(super) fn host_of(tenant: &Tenant, device: u32) -> u32 {
    let mut draws = tenant.draws(Stream::Host, device, 0);
    let share = if device < tenant.devices { 1_000 } else { 20 };
    let reused = device > 0 && draws.below(share) == 0;
    if reused {
        device - 1 - draws.below(device.min(100))
    } else {
        device
    }
}

pub(super) fn host_name(host: u32, text: &mut Vec<u8>) {
    push(
        text,
        match kind_of(host) {
            Kind::Laptop => "NB-",
            Kind::Desktop => "WS-",
            Kind::Virtual => "VDI-",
            Kind::Kiosk => "KIOSK-",
        },
    );
    push_padded(text, host.into(), 7);
}
