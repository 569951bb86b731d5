//! Ranks: how a usage stands among those of its account and of its device, as the column `rank` of `usage` says it.

/// How a usage stands among those of its account and of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rank {
    /// It was used of late.
    pub is_current: bool,
    /// So many use its device that it is nobody's own.
    pub is_shared: bool,
    /// Why the device is not the account's primary one; none: it is.
    pub not_primary: Option<NotPrimary>,
}

/// Why a device is not an account's primary one; of several reasons, the first here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum NotPrimary {
    /// What tells of it gives a name that several bear, of whom the others may have been away.
    NameOfSeveral = 18,
    /// The account is of class machine, local, service or admin.
    NotAPerson = 1,
    /// The account did not use it of late.
    NotCurrent = 2,
    /// The device is shared.
    Shared = 3,
    /// It was used, or named the account, before the account was first seen, or used before itself was: by another bearer of
    /// the account's name, or another computer of its own.
    BeforeAccount = 12,
    /// Another record of the same name, collector's uid or serial number is newer: the computer was set up anew.
    Replaced = 13,
    /// Another device leads among those of the account.
    OtherDevice = 4,
    /// No device leads among those of the account.
    NoDeviceLeads = 5,
    /// It would lead, but another one may have come in its place: it was used on as many days since, and later.
    AnotherCame = 14,
    /// It would lead, but the account was elsewhere since, was named or seen there, or is more often at a shared one.
    ElsewhereSince = 15,
    /// It would lead, but better, or as much, is known of another one.
    BetterKnown = 16,
    /// Another account leads among those of the device.
    OtherAccount = 6,
    /// No account leads among those of the device.
    NoAccountLeads = 7,
    /// The last login that the device's newest row names is somebody else's.
    LastLogin = 8,
    /// Logins of a long window tell of it, and the device's newest row does not name the account as the last to log in.
    Undated = 9,
    /// Newer logins wait: of the account, on a device that is not known or may be several; or on what may be the device.
    NewerWaits = 10,
    /// A local account of the same UPN that does not stand for the account was used since, or about as much, or has newer logins
    /// that wait.
    Namesake = 17,
    /// It is not known: an earlier or a later version wrote the index. The next run says it.
    NotRanked = 11,
}

impl NotPrimary {
    /// All reasons.
    pub const ALL: [NotPrimary; 18] = [
        NotPrimary::NameOfSeveral,
        NotPrimary::NotAPerson,
        NotPrimary::NotCurrent,
        NotPrimary::Shared,
        NotPrimary::BeforeAccount,
        NotPrimary::Replaced,
        NotPrimary::OtherDevice,
        NotPrimary::NoDeviceLeads,
        NotPrimary::AnotherCame,
        NotPrimary::ElsewhereSince,
        NotPrimary::BetterKnown,
        NotPrimary::OtherAccount,
        NotPrimary::NoAccountLeads,
        NotPrimary::LastLogin,
        NotPrimary::Undated,
        NotPrimary::NewerWaits,
        NotPrimary::Namesake,
        NotPrimary::NotRanked,
    ];

    /// Returns the name used in JSON and in views.
    pub fn as_str(self) -> &'static str {
        match self {
            NotPrimary::NotAPerson => "not_a_person",
            NotPrimary::NotCurrent => "not_current",
            NotPrimary::Shared => "shared",
            NotPrimary::OtherDevice => "other_device",
            NotPrimary::NoDeviceLeads => "no_device_leads",
            NotPrimary::AnotherCame => "another_came",
            NotPrimary::ElsewhereSince => "elsewhere_since",
            NotPrimary::BetterKnown => "better_known",
            NotPrimary::NameOfSeveral => "name_of_several",
            NotPrimary::OtherAccount => "other_account",
            NotPrimary::NoAccountLeads => "no_account_leads",
            NotPrimary::LastLogin => "last_login",
            NotPrimary::Undated => "undated",
            NotPrimary::NewerWaits => "newer_waits",
            NotPrimary::Namesake => "namesake",
            NotPrimary::NotRanked => "not_ranked",
            NotPrimary::BeforeAccount => "before_account",
            NotPrimary::Replaced => "replaced",
        }
    }
}

const CURRENT: u8 = 1;
const SHARED: u8 = 2;
/// Where the reason stands.
const REASON: u32 = 2;

impl Rank {
    /// Returns how it is stored.
    pub fn to_code(self) -> u8 {
        let reason = self.not_primary.map_or(0, |reason| reason as u8);
        let mut code = reason << REASON;
        if self.is_current {
            code |= CURRENT;
        }
        if self.is_shared {
            code |= SHARED;
        }
        code
    }

    /// Reads what is stored.
    pub fn of_code(code: u8) -> Rank {
        let reason = code >> REASON;
        let known = NotPrimary::ALL
            .into_iter()
            .find(|known| *known as u8 == reason);
        Rank {
            is_current: code & CURRENT != 0,
            is_shared: code & SHARED != 0,
            not_primary: match reason {
                0 => None,
                _ => Some(known.unwrap_or(NotPrimary::NotRanked)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::INDEX_SQL;

    #[test]
    fn a_rank_reads_back() {
        for not_primary in NotPrimary::ALL.map(Some).into_iter().chain([None]) {
            for (is_current, is_shared) in [(true, true), (true, false), (false, false)] {
                let rank = Rank {
                    is_current,
                    is_shared,
                    not_primary,
                };
                assert_eq!(Rank::of_code(rank.to_code()), rank);
            }
        }
    }

    #[test]
    fn the_view_names_every_reason() {
        for reason in NotPrimary::ALL {
            let line = format!("WHEN {} THEN '{}'", reason as u8, reason.as_str());
            assert!(INDEX_SQL.contains(&line), "{line}");
        }
    }
}
