//! Random numbers that depend on nothing but the seed and what they are for.

use super::Tenant;
use super::text::{push, push_hex};

/// Each property draws from its own stream, so adding one leaves the others as they are.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    Career = 1,
    CollectorUid,
    DeviceSeen,
    DeviceUid,
    DomainSid,
    EntraSid,
    Handover,
    Hardware,
    Host,
    Logins,
    MachineSid,
    Privacy,
    Sharing,
    Site,
    Upgrade,
    UserSeen,
    UserUid,
}

/// splitmix64 (Steele, Lea, Flood 2014).
pub(super) struct Draws(u64);

impl Tenant {
    pub(super) fn draws(&self, stream: Stream, index: u32, day: u32) -> Draws {
        let place = u64::from(index) << 32 | u64::from(day);
        Draws(mix(mix(self.seed ^ (stream as u64) << 56) ^ mix(place)))
    }
}

impl Draws {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    pub(super) fn below(&mut self, limit: u32) -> u32 {
        (((self.next() >> 32) * u64::from(limit)) >> 32) as u32
    }

    /// An index below `limit` that is not `this`.
    pub(super) fn other(&mut self, this: usize, limit: usize) -> usize {
        (this + 1 + self.below(limit as u32 - 1) as usize) % limit
    }

    pub(super) fn push_uuid(mut self, text: &mut Vec<u8>) {
        let (high, low) = (self.next(), self.next());
        push_hex(text, high >> 32, 8);
        text.push(b'-');
        push_hex(text, high >> 16, 4);
        push(text, "-4");
        push_hex(text, high, 3);
        text.push(b'-');
        push_hex(text, 0x8000 | low >> 50, 4);
        text.push(b'-');
        push_hex(text, low, 12);
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}
