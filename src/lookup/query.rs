//! A query: a text, and what it may be.

use std::borrow::Cow;

use super::evidence::Level;
use super::spoken;
use crate::identifier::{self, Kind};
use crate::schema::{Class, Subject};
use crate::sealed::{self, is_sealed};

/// What is asked: an identifier, of one kind or of any, or several identifiers of one account or device.
///
/// # Examples
/// ```
/// use identidex::{Kind, Query};
///
/// let by_any_kind: Query = r"EMEA\jdoe".into();
/// let by_one = Query::upn("john.doe@contoso.com").ids_only();
/// assert_eq!(by_one, Query::of(Kind::Upn, "john.doe@contoso.com").ids_only());
/// // What a chat channel knows of whoever is writing:
/// let by_all = Query::all_of([
///     Query::upn("john.doe@contoso.com"),
///     Query::email("John.Doe@contoso.com"),
///     Query::full_name("Doe, John"),
/// ]);
/// # let _ = (by_any_kind, by_all);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    clue: Clue,
    /// Apart, so that the usual query has no list.
    others: Vec<Clue>,
    pub(super) is_all_classes: bool,
    pub(super) is_ids_only: bool,
    /// Accounts and devices that are gone answer, too.
    pub(super) is_with_gone: bool,
}

/// One text, and what it is taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clue {
    pub(super) text: String,
    pub(super) asked: Asked,
    /// The channel vouches for it.
    pub(super) is_verified: bool,
    /// Kinds of the other subject are not tried.
    only: Option<Subject>,
}

/// What a text is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Whatever it can be.
    Any,
    /// One kind.
    As(Kind),
    /// A UPN or an email.
    Address,
    /// The name of a person, which finds nobody.
    FullName,
}

impl Query {
    /// The kinds that can be asked for, and that a plain text is tried as: in the order in which evidence is listed.
    pub const KINDS: [Kind; 9] = [
        Kind::Sid,
        Kind::Uid,
        Kind::AccountName,
        Kind::Upn,
        Kind::Email,
        Kind::DeviceUid,
        Kind::CollectorUid,
        Kind::DeviceName,
        Kind::SerialNumber,
    ];

    /// What a text can be said to be, see [`Query::named`].
    pub const NAMES: [&'static str; 12] = [
        "sid",
        "uid",
        "account_name",
        "upn",
        "email",
        "device_uid",
        "collector_uid",
        "device_name",
        "serial_number",
        "entra_id",
        "address",
        "full_name",
    ];

    /// Asks for what a text is said to be, by one of [`Query::NAMES`].
    pub fn named(name: &str, text: impl Into<String>) -> Option<Query> {
        match name {
            "address" => Some(Query::address(text)),
            "entra_id" => Some(Query::sid(text)),
            "full_name" => Some(Query::full_name(text)),
            name => {
                let mut kinds = Query::KINDS.into_iter();
                let kind = kinds.find(|kind| kind.as_str() == name)?;
                Some(Query::of(kind, text))
            }
        }
    }

    /// Asks for whatever the text identifies: every kind that it can be is tried.
    pub fn any(text: impl Into<String>) -> Query {
        Query::asked(text, Asked::Any)
    }

    /// Asks for a value of one kind; a kind that identifies nobody, as [`Kind::Domain`], accepts no text.
    pub fn of(kind: Kind, text: impl Into<String>) -> Query {
        Query::asked(text, Asked::As(kind))
    }

    /// Asks for an account by its name: `sam@DOMAIN`, `DOMAIN\sam` or `sam`.
    pub fn account_name(text: impl Into<String>) -> Query {
        Query::of(Kind::AccountName, text)
    }

    /// Asks for an account by its user principal name.
    pub fn upn(text: impl Into<String>) -> Query {
        Query::of(Kind::Upn, text)
    }

    /// Asks for an account by its mail address.
    pub fn email(text: impl Into<String>) -> Query {
        Query::of(Kind::Email, text)
    }

    /// Asks for an account by an address that may be its UPN or its email: what channels call a UPN is often a mail address.
    pub fn address(text: impl Into<String>) -> Query {
        Query::asked(text, Asked::Address)
    }

    /// Asks for an account by its SID, or by the id of its object in Entra ID (`aadObjectId` in Teams), which is the same
    /// number.
    pub fn sid(text: impl Into<String>) -> Query {
        Query::of(Kind::Sid, text)
    }

    /// Asks for a device by its name, short or fully qualified.
    pub fn device_name(text: impl Into<String>) -> Query {
        Query::of(Kind::DeviceName, text)
    }

    /// Says what a person is called. Names are shared, so this finds nobody by itself: it narrows [`Query::all_of`].
    /// `Doe, John` and `Dr. John Doe (External)` are the same name; accents and initials say nothing either. Of those who
    /// fit the rest, whoever is called so leaves the others out; another name, of which no word is the same, contradicts.
    pub fn full_name(text: impl Into<String>) -> Query {
        Query::asked(text, Asked::FullName)
    }

    /// Asks for the one account or device that all of these fit, in the order given: what a chat channel knows of whoever
    /// is writing, say.
    ///
    /// A subject fits when at least one of them identifies it and none contradicts it. One contradicts that says
    /// another value of a kind than the subject has; where the subject has none of that kind, nothing is said against it,
    /// nor by what it once had, nor by an email that nobody has. A device agrees with the accounts that use it.
    /// One that may be of any kind contradicts whoever does not hold it. The answer is one only if no text is held by
    /// others alone. What cannot be parsed is passed over; [`Answer::clues`](super::Answer::clues) tells what became of
    /// each. Options of the parts count when any has them. None at all is unparseable.
    pub fn all_of(queries: impl IntoIterator<Item = Query>) -> Query {
        let mut all = Query::any("");
        let mut clues = Vec::new();
        for query in queries {
            all.is_all_classes |= query.is_all_classes;
            all.is_ids_only |= query.is_ids_only;
            clues.push(query.clue);
            clues.extend(query.others);
        }
        let mut clues = clues.into_iter();
        if let Some(first) = clues.next() {
            all.clue = first;
        }
        all.others = clues.collect();
        all
    }

    fn asked(text: impl Into<String>, asked: Asked) -> Query {
        Query {
            clue: Clue {
                text: text.into(),
                asked,
                is_verified: false,
                only: None,
            },
            others: Vec::new(),
            is_all_classes: false,
            is_ids_only: false,
            is_with_gone: false,
        }
    }

    /// Has accounts and devices that are gone answer too: for whoever is to be told what is held, or erased.
    #[cfg(feature = "cli")]
    pub(crate) fn with_gone(mut self) -> Query {
        self.is_with_gone = true;
        self
    }

    /// Says that the channel vouches for the texts: whoever is writing was signed in with them. One such text is enough to
    /// act on what it finds, see [`Match::not_enough`](super::Match::not_enough).
    pub fn verified(mut self) -> Query {
        let clues = std::iter::once(&mut self.clue).chain(&mut self.others);
        clues.for_each(|clue| clue.is_verified = true);
        self
    }

    /// Has machine and local accounts answer too.
    pub fn all_classes(mut self) -> Query {
        self.is_all_classes = true;
        self
    }

    /// Leaves devices, accounts of devices and evidence out of the answer.
    pub fn ids_only(mut self) -> Query {
        self.is_ids_only = true;
        self
    }

    /// Restricts texts to identifiers of one subject.
    pub(super) fn only(mut self, subject: Subject) -> Query {
        let clues = std::iter::once(&mut self.clue).chain(&mut self.others);
        for clue in clues {
            clue.only = Some(subject);
        }
        self
    }

    /// Returns its texts and what they are taken for, in order; never none.
    pub(super) fn clues(&self) -> impl Iterator<Item = &Clue> {
        std::iter::once(&self.clue).chain(&self.others)
    }

    /// Returns the values by which accounts can be asked for elsewhere, with their kinds, in normal form.
    pub(crate) fn account_values(&self) -> Vec<(Kind, String)> {
        let probes = self.clues().flat_map(Clue::probes);
        let of_accounts = probes.filter(|probe| Subject::of(probe.kind) == Subject::Account);
        let mut values: Vec<(Kind, String)> = of_accounts
            .map(|probe| (probe.kind, probe.normal.into_owned()))
            .collect();
        values.sort();
        values.dedup();
        values
    }

    /// Tells whether the channel vouches for any of its texts.
    pub(super) fn is_verified(&self) -> bool {
        self.clues().any(|clue| clue.is_verified)
    }

    /// Tells whether several texts are to fit one subject.
    pub(super) fn has_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// Tells whether accounts of a class are passed over.
    pub(super) fn passes_over(&self, class: Class) -> bool {
        class.is_skipped() && !self.is_all_classes
    }

    /// Returns the text as an answer repeats it; several with a semicolon between.
    pub(super) fn into_text(self) -> String {
        let others = self.others.iter();
        others.fold(self.clue.text, |text, clue| text + "; " + &clue.text)
    }
}

impl Clue {
    /// Returns the kinds that it is tried as.
    pub(super) fn kinds(&self) -> impl Iterator<Item = Kind> + Clone {
        let (kinds, one): (&[Kind], _) = match self.asked {
            Asked::Any => (&Query::KINDS, None),
            Asked::As(kind) => (&[], Some(kind)),
            Asked::Address => (&[Kind::Upn, Kind::Email], None),
            Asked::FullName => (&[], None),
        };
        let only = self.only;
        let is_tried = move |kind: &Kind| only.is_none_or(|only| Subject::of(*kind) == only);
        kinds.iter().copied().chain(one).filter(is_tried)
    }

    /// Returns what is to be looked up, equal normal forms together; nothing when no kind accepts the text.
    pub(super) fn probes(&self) -> Vec<Probe<'_>> {
        probes_of(self.kinds(), &self.text)
    }

    /// Returns what is to be looked up as one kind.
    pub(super) fn probes_as(&self, kind: Kind) -> Vec<Probe<'_>> {
        probes_of(std::iter::once(kind), &self.text)
    }
}

/// Returns what a text is to be looked up as, equal normal forms together: as it is, and as what it means where people
/// wrote something around it.
pub(super) fn probes_of(kinds: impl Iterator<Item = Kind> + Clone, text: &str) -> Vec<Probe<'_>> {
    let mut probes = Vec::with_capacity(Query::KINDS.len() + 2);
    kinds
        .clone()
        .for_each(|kind| push_probes(&mut probes, kind, text));
    if let Some(meant) = spoken::meant(text) {
        let known = probes.len();
        for kind in kinds {
            let mut others = Vec::new();
            push_probes(&mut others, kind, &meant);
            for Probe {
                kind,
                normal,
                level,
            } in others
            {
                let probe = Probe {
                    kind,
                    normal: Cow::Owned(normal.into_owned()),
                    level,
                };
                if !probes[..known].contains(&probe) {
                    probes.push(probe);
                }
            }
        }
    }
    probes.sort_by(|left: &Probe, right: &Probe| left.normal.cmp(&right.normal));
    probes
}

impl From<&str> for Query {
    fn from(text: &str) -> Query {
        Query::any(text)
    }
}

impl From<String> for Query {
    fn from(text: String) -> Query {
        Query::any(text)
    }
}

/// One value to look up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Probe<'q> {
    pub(super) kind: Kind,
    pub(super) normal: Cow<'q, str>,
    /// How good a hit is; `None`: its spelling tells.
    pub(super) level: Option<Level>,
}

impl Probe<'_> {
    /// Tells whether the index files hits of this probe under `kind`.
    pub(super) fn is_filed_as(&self, kind: Kind) -> bool {
        kind == self.kind || (self.kind == Kind::Sid && kind == Kind::WeakSid)
    }

    /// Tells whether a stored value is the one that is looked for.
    pub(super) fn is_held_as(&self, stored: &str) -> bool {
        if stored == self.normal && !matches!(self.kind, Kind::BareName | Kind::ShortName) {
            // What is in normal form is its own normal form.
            return true;
        }
        if is_sealed(stored) {
            return match self.kind {
                Kind::BareName | Kind::ShortName => sealed::is_part(stored, &self.normal),
                _ => sealed::is_whole(stored, &self.normal),
            };
        }
        let Ok(stored) = identifier::normal_form(field_kind(self.kind), stored) else {
            return false;
        };
        match self.kind {
            // A name without a domain is found as the account name that it is.
            Kind::BareName => {
                identifier::domain(&stored).is_some() && identifier::sam(&stored) == self.normal
            }
            Kind::ShortName => identifier::short_name(&stored) == Some(&*self.normal),
            _ => stored == self.normal,
        }
    }
}

/// Returns the kind of the field that values of `kind` stand in.
pub(super) fn field_kind(kind: Kind) -> Kind {
    match kind {
        Kind::WeakSid => Kind::Sid,
        Kind::BareName => Kind::AccountName,
        Kind::ShortName => Kind::DeviceName,
        kind => kind,
    }
}

fn push_probes<'q>(probes: &mut Vec<Probe<'q>>, kind: Kind, text: &'q str) {
    let kind = if kind == Kind::WeakSid {
        Kind::Sid
    } else {
        kind
    };
    if kind == Kind::Domain {
        return;
    }
    let normal = match identifier::normal_form(kind, text) {
        Ok(normal) => normal,
        // Teams knows an account by a UUID which is the number of its SID.
        Err(_) if kind == Kind::Sid => match identifier::entra_sid(text) {
            Some(sid) => Cow::Owned(sid),
            None => return,
        },
        Err(_) => return,
    };
    let mut push = |kind, normal, level| {
        probes.push(Probe {
            kind,
            normal,
            level,
        });
    };
    match kind {
        Kind::AccountName if identifier::domain(&normal).is_none() => {
            push(Kind::BareName, normal.clone(), Some(Level::BareName));
        }
        Kind::DeviceName => match identifier::short_name(&normal) {
            None => push(Kind::ShortName, normal.clone(), Some(Level::ShortName)),
            Some(short) => push(kind, Cow::Owned(short.to_owned()), Some(Level::ShortName)),
        },
        _ => {}
    }
    let level = match kind {
        Kind::BareName => Some(Level::BareName),
        Kind::ShortName => Some(Level::ShortName),
        _ => None,
    };
    push(kind, normal, level);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds_of(query: &Query) -> Vec<(Kind, String)> {
        let probes = query.clue.probes();
        let mut kinds: Vec<_> = probes
            .iter()
            .map(|probe| (probe.kind, probe.normal.to_string()))
            .collect();
        kinds.sort();
        kinds
    }

    #[test]
    fn a_text_is_tried_as_every_kind_that_accepts_it() {
        let is_tried = |text: &str, kind| kinds_of(&text.into()).iter().any(|(k, _)| *k == kind);
        for kind in [Kind::AccountName, Kind::Upn, Kind::Email, Kind::DeviceName] {
            assert!(is_tried("jdoe@EMEA", kind), "{kind:?}");
        }
        assert!(!is_tried("jdoe@EMEA", Kind::BareName));
        assert!(is_tried("jdoe", Kind::BareName) && !is_tried("jdoe", Kind::Upn));
    }

    #[test]
    fn both_spellings_of_an_account_name_are_one_probe() {
        let expected = [(Kind::AccountName, "jdoe@emea".to_owned())];
        assert_eq!(kinds_of(&Query::account_name(r"EMEA\jdoe")), expected);
        assert_eq!(kinds_of(&Query::account_name("jdoe@emea")), expected);
    }

    #[test]
    fn a_qualified_device_name_is_also_tried_short_and_a_short_one_never_longer() {
        let names = kinds_of(&Query::device_name("NB-0042.emea.example"));
        assert_eq!(
            names,
            [
                (Kind::DeviceName, "nb-0042".to_owned()),
                (Kind::DeviceName, "nb-0042.emea.example".to_owned())
            ]
        );
        let names = kinds_of(&Query::device_name("NB-0042"));
        assert_eq!(
            names,
            [
                (Kind::DeviceName, "nb-0042".to_owned()),
                (Kind::ShortName, "nb-0042".to_owned())
            ]
        );
    }

    #[test]
    fn what_no_kind_accepts_gives_no_probe() {
        let long = "x".repeat(1 << 20);
        for text in [
            "",
            "  ",
            "-",
            "n/a",
            "a\0b",
            "\u{202e}jdoe",
            "\u{fffd}",
            long.as_str(),
        ] {
            assert_eq!(Query::any(text).clue.probes(), [], "{text:.9}");
        }
        assert_eq!(Query::of(Kind::Domain, "EMEA").clue.probes(), []);
        assert_eq!(Query::upn("jdoe").clue.probes(), []);
    }
}
