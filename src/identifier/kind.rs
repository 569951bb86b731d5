//! Kinds: what sort of value an identifier is, whom it points to, and how long it may be.
//!
//! What a value of a kind must look like is the affair of the kind's own file.

/// What sort of value an identifier is; a value of one kind never satisfies another.
///
/// The discriminants are stored in the index: they are fixed for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// A Windows security identifier, `S-1-5-21-…` or `S-1-12-1-…`.
    Sid = 0,
    /// Nexthink's `user.uid`.
    Uid = 1,
    /// `sam@DOMAIN` as exported, `DOMAIN\sam`, or a bare `sam`.
    AccountName = 2,
    /// The [`sam`](super::sam) of an account name.
    BareName = 3,
    /// A user principal name, `local@suffix`.
    Upn = 4,
    /// A mail address.
    Email = 5,
    /// Nexthink's `device.uid`.
    DeviceUid = 6,
    /// Nexthink's `device.collector.uid`, which remote actions need.
    CollectorUid = 7,
    /// A host name, with or without its domain.
    DeviceName = 8,
    /// The [`short_name`](super::short_name) of a fully qualified device name.
    ShortName = 9,
    /// The serial number of a chassis, a board or a BIOS.
    SerialNumber = 10,
    /// The [`domain`](super::domain) of an account name.
    Domain = 11,
    /// A SID that joins nothing: its form is no key's, or its own row says that it is local to one device.
    WeakSid = 12,
}

impl Kind {
    /// Every kind, in the order of the stored codes.
    pub const ALL: [Kind; 13] = [
        Kind::Sid,
        Kind::Uid,
        Kind::AccountName,
        Kind::BareName,
        Kind::Upn,
        Kind::Email,
        Kind::DeviceUid,
        Kind::CollectorUid,
        Kind::DeviceName,
        Kind::ShortName,
        Kind::SerialNumber,
        Kind::Domain,
        Kind::WeakSid,
    ];

    /// Returns the kind that is stored as `code`, if there is one.
    pub fn from_code(code: u8) -> Option<Kind> {
        Kind::ALL.get(usize::from(code)).copied()
    }

    /// Returns the name of the kind in answers and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Sid | Kind::WeakSid => "sid",
            Kind::Uid => "uid",
            Kind::AccountName => "account_name",
            Kind::BareName => "bare_name",
            Kind::Upn => "upn",
            Kind::Email => "email",
            Kind::DeviceUid => "device_uid",
            Kind::CollectorUid => "collector_uid",
            Kind::DeviceName => "device_name",
            Kind::ShortName => "short_name",
            Kind::SerialNumber => "serial_number",
            Kind::Domain => "domain",
        }
    }

    /// Answers whether values of this kind point to accounts; the others point to devices.
    pub fn is_account(self) -> bool {
        match self {
            Kind::Sid | Kind::WeakSid | Kind::Uid | Kind::AccountName | Kind::BareName => true,
            Kind::Upn | Kind::Email | Kind::Domain => true,
            Kind::DeviceUid | Kind::CollectorUid | Kind::DeviceName => false,
            Kind::ShortName | Kind::SerialNumber => false,
        }
    }

    /// Tells whether it is a name or an address, which no directory gives a `?`.
    pub(super) fn is_name(self) -> bool {
        matches!(
            self,
            Kind::AccountName
                | Kind::BareName
                | Kind::Upn
                | Kind::Email
                | Kind::DeviceName
                | Kind::ShortName
        )
    }

    /// Answers whether values of this kind are UUIDs.
    pub fn is_uuid(self) -> bool {
        matches!(self, Kind::Uid | Kind::DeviceUid | Kind::CollectorUid)
    }

    /// Returns how many bytes a value of this kind may have, as given and in its normal form.
    ///
    /// The limit is tried on the text as given, before any work is done on it; longer values are
    /// refused, never cut.
    pub fn max_bytes(self) -> usize {
        match self {
            // The longest text that Windows writes for a SID.
            Kind::Sid | Kind::WeakSid => 184,
            // `urn:uuid:{…}` has 47 bytes; the rest is room for white space.
            Kind::Uid | Kind::DeviceUid | Kind::CollectorUid => 64,
            // A sam has at most 256 characters in Active Directory; its parts need no more.
            Kind::AccountName | Kind::BareName | Kind::Domain => 256,
            Kind::Upn => 1024,
            // RFC 3696: 64 bytes, `@`, 255 bytes.
            Kind::Email => 320,
            // RFC 1035: a whole host name.
            Kind::DeviceName | Kind::ShortName => 255,
            // SMBIOS sets no limit; real ones have less than 64 bytes.
            Kind::SerialNumber => 256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_codes_are_the_positions_in_the_list() {
        for (position, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, position);
            assert_eq!(Kind::from_code(kind as u8), Some(kind));
        }
        assert_eq!(Kind::from_code(13), None);
    }
}
