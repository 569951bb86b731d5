//! Hearing: what was found of each text of a query, and whether a subject agrees with it.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{self, Verdict};
use super::person_name::{self, Likeness};
use super::query::{Asked, Clue, Probe, field_kind};
use super::row::{Row, SubjectId};
use super::waiting::{Waiting, WaitingReason};
use crate::identifier::{self, Kind};
use crate::schema::{Subject, WAITING_KEPT};
use crate::sealed::{self, is_sealed, stored_form};

/// What was found of a clue.
pub(super) struct Heard<'q> {
    pub(super) clue: &'q Clue,
    pub(super) probes: Vec<Probe<'q>>,
    /// Somebody holds it, of whatever class.
    pub(super) is_held: bool,
    /// Kinds as which too many hold it.
    pub(super) non_identifying: Vec<Kind>,
    /// Who once held it, and holds another value now or passed it on.
    pub(super) former: BTreeSet<SubjectId>,
    /// The devices that hold it.
    pub(super) devices: BTreeSet<u32>,
    /// Accounts, of those who may be meant, that use one of these; with the device, where that may prove something: they
    /// used it of late, and it is not everybody's.
    users: BTreeMap<u32, Option<u32>>,
    /// What usages of these devices that wait say of their accounts: somebody of one's own name may be meant.
    waiting_accounts: Vec<String>,
    /// Accounts so new that no usage by them can be known: they may use one of the devices already.
    joiners: BTreeSet<u32>,
    /// Some of the accounts that may be meant were at one of the devices, and others use it more.
    is_visited: bool,
    /// Some of what waits may be anybody's: more than is kept by name, or of several who are told apart by no name.
    may_be_anybodys: bool,
    /// Claims to which it leads, of subjects that do not hold it now.
    pub(super) led_to: BTreeSet<SubjectId>,
    /// As an email it is of one account, and another one signs in with it: it tells nothing of which of the two is meant.
    pub(super) is_anothers_upn: bool,
}

impl<'q> Heard<'q> {
    /// Begins with a text of which nothing was looked up yet.
    pub(super) fn new(clue: &'q Clue) -> Heard<'q> {
        Heard {
            clue,
            probes: clue.probes(),
            is_held: false,
            non_identifying: Vec::new(),
            former: BTreeSet::new(),
            devices: BTreeSet::new(),
            users: BTreeMap::new(),
            waiting_accounts: Vec::new(),
            joiners: BTreeSet::new(),
            is_visited: false,
            may_be_anybodys: false,
            led_to: BTreeSet::new(),
            is_anothers_upn: false,
        }
    }

    /// Notes that an account uses one of the devices.
    pub(super) fn note_use(&mut self, account: u32, device: u32, is_proof: bool) {
        let proof = is_proof.then_some(device);
        let known = self.users.entry(account).or_insert(proof);
        *known = known.or(proof);
    }

    /// Notes that an account was at one of the devices that others use more: that proves nothing, and excludes nobody.
    pub(super) fn note_visit(&mut self, account: u32) {
        self.users.entry(account).or_insert(None);
        self.is_visited = true;
    }

    /// Notes that an account is so new that no usage by it can be known.
    pub(super) fn note_joiner(&mut self, account: u32) {
        self.joiners.insert(account);
    }

    /// Notes what waits for one of the devices.
    pub(super) fn note_waiting(&mut self, waiting: Waiting) {
        self.may_be_anybodys |= waiting.unknown + waiting.ambiguous > WAITING_KEPT as u32;
        for usage in waiting.usages {
            let last = usage.account.rsplit(' ').next().unwrap_or_default();
            let has_name = [Kind::Sid, Kind::Uid]
                .iter()
                .all(|kind| identifier::normal_form(*kind, last).is_err());
            self.may_be_anybodys |=
                usage.reason == WaitingReason::Ambiguous && (!has_name || last.is_empty());
            self.waiting_accounts.push(usage.account);
        }
    }

    /// Says what became of the text, with those left who fit; it may be known to be of none of them.
    pub(super) fn shown<'r>(
        &self,
        fitting: impl Iterator<Item = &'r Row> + Clone,
        is_of_nobody: bool,
    ) -> answer::Clue {
        let stands = |wanted| fitting.clone().any(|row| self.stand(row) == wanted);
        let verdict = if stands(Stand::Agrees) {
            Verdict::Agrees
        } else if !self.is_parsed() {
            Verdict::Unparseable
        } else if !self.non_identifying.is_empty() {
            Verdict::TooMany
        } else if self.is_held {
            Verdict::Elsewhere
        } else if stands(Stand::Former) {
            Verdict::Former
        } else if stands(Stand::SaysNothing) && !is_of_nobody {
            Verdict::Unknown
        } else {
            Verdict::Nobody
        };
        answer::Clue {
            text: self.clue.text.clone(),
            kind: match self.clue.asked {
                Asked::As(kind) => Some(kind),
                Asked::Any | Asked::Address | Asked::FullName => None,
            },
            is_full_name: self.clue.asked == Asked::FullName,
            verdict,
        }
    }

    /// Tells whether it says by itself who is meant: somebody holds it, and as no other kind too many to be shown do.
    pub(super) fn is_clear(&self) -> bool {
        self.is_held && self.non_identifying.is_empty()
    }

    /// Returns the probe whose value a subject holds. Whoever passed a value on has it still, and is none; of what too many
    /// hold that is not told.
    fn held_as(&self, row: &Row) -> Option<&Probe<'_>> {
        let is_former = self.is_former(row);
        let holds = |probe: &&Probe| {
            row.value(probe).is_some() && (!is_former || self.non_identifying.contains(&probe.kind))
        };
        self.probes.iter().find(holds)
    }

    /// Returns the hash of a subject's value that the text agrees with, whole and in normal form: a name without its domain is
    /// no other identifier than the name. None for one that too many hold, or for a device that a namesake may use.
    pub(super) fn identifier_of(&self, row: &Row) -> Option<String> {
        if self.is_used_by(row) {
            // One device, however it is named.
            let device = self.users.get(&row.id).copied().flatten();
            let device = device.filter(|_| !self.may_be_of_a_namesake(row));
            return device.map(|device| format!("device {device}"));
        }
        if self.is_former(row) || self.is_anothers_upn {
            return None;
        }
        let mut probes = self.probes.iter();
        probes.find_map(|probe| {
            let value = row.value(probe)?;
            let kind = field_kind(probe.kind);
            let is_crowded = self
                .non_identifying
                .iter()
                .any(|other| field_kind(*other) == kind);
            let normal = stored_form(kind, value).ok()?;
            (!is_crowded).then(|| format!("{:032x}", sealed::hash_of(&normal)))
        })
    }

    /// Tells whether the text can be what it is taken for.
    fn is_parsed(&self) -> bool {
        match self.clue.asked {
            Asked::FullName => person_name::is_name(&self.clue.text),
            _ => !self.probes.is_empty(),
        }
    }

    /// Tells whether what nobody holds says nothing of who is meant: an alias of theirs, a device that is not known.
    fn may_be_unknown(&self) -> bool {
        match self.clue.asked {
            Asked::As(kind) => kind == Kind::Email || Subject::of(kind) == Subject::Device,
            Asked::Address | Asked::FullName => true,
            Asked::Any => false,
        }
    }

    /// Tells how the text stands to a subject.
    pub(super) fn stand(&self, row: &Row) -> Stand {
        if !self.is_parsed() {
            return Stand::SaysNothing;
        }
        if self.clue.asked == Asked::FullName {
            return self.stand_of_name(row);
        }
        if self.held_as(row).is_some() || self.is_used_by(row) {
            return Stand::Agrees;
        }
        if self.is_former(row) {
            return Stand::Former;
        }
        let is_unknown = !self.is_held && self.non_identifying.is_empty();
        if is_unknown && row.subject == Subject::Account && self.may_be_unknown() {
            return Stand::SaysNothing;
        }
        if self.may_be_of_a_namesake(row) || self.is_joiner(row) || self.is_of_visitors(row) {
            return Stand::SaysNothing;
        }
        // Whoever uses one of too many devices is not looked for.
        let of_devices = |kind: &Kind| Subject::of(*kind) == Subject::Device;
        if row.subject == Subject::Account && self.non_identifying.iter().any(of_devices) {
            return Stand::SaysNothing;
        }
        let is_said = match self.clue.asked {
            Asked::As(kind) => Subject::of(kind) != row.subject || row.has(field_kind(kind)),
            Asked::Address => {
                row.subject == Subject::Device || row.has(Kind::Upn) || row.has(Kind::Email)
            }
            Asked::Any | Asked::FullName => true,
        };
        match is_said {
            true => Stand::Contradicts,
            false => Stand::SaysNothing,
        }
    }

    /// Tells whether it is what a subject holds or held, or is called at least in part.
    pub(super) fn speaks_for(&self, row: &Row) -> bool {
        match self.stand(row) {
            Stand::Agrees | Stand::Former => true,
            Stand::Contradicts => false,
            Stand::SaysNothing => {
                self.clue.asked == Asked::FullName && self.likeness(row) == Some(Likeness::Some)
            }
        }
    }

    /// Tells whether a subject once held it, and holds another one now or passed it on.
    fn is_former(&self, row: &Row) -> bool {
        self.former.contains(&row.key()) || self.led_to.contains(&row.key())
    }

    /// Tells whether the text is the name of a subject with initials for some words.
    pub(super) fn is_shortened(&self, row: &Row) -> bool {
        let name = row.full_name().unwrap_or_default();
        person_name::is_written_out(name, &self.clue.text)
    }

    fn stand_of_name(&self, row: &Row) -> Stand {
        if row.subject == Subject::Device {
            return Stand::Contradicts;
        }
        match self.likeness(row) {
            Some(Likeness::Same) => Stand::Agrees,
            Some(Likeness::None) => Stand::Contradicts,
            Some(Likeness::Some) | None => Stand::SaysNothing,
        }
    }

    /// Compares the text with what a subject is called; none where that is not known.
    fn likeness(&self, row: &Row) -> Option<Likeness> {
        let name = row.full_name().unwrap_or_default();
        person_name::compare(name, &self.clue.text)
    }

    /// Tells whether usages of the devices wait that are of an account of a subject's name, whatever its domain: they may be
    /// of this one, or of another.
    fn may_be_of_a_namesake(&self, row: &Row) -> bool {
        if self.waiting_accounts.is_empty() || row.subject == Subject::Device {
            return false;
        }
        if self.may_be_anybodys {
            return true;
        }
        row.names().any(|own| {
            self.waiting_accounts.iter().any(|keys| {
                if is_sealed(keys) {
                    return sealed::is_called(&own, keys);
                }
                // What one says is its keys, the name at the end.
                let before = sealed::local(keys).strip_suffix(sealed::local(&own));
                before.is_some_and(|before| before.is_empty() || before.ends_with(' '))
            })
        })
    }

    fn is_used_by(&self, row: &Row) -> bool {
        row.subject == Subject::Account && self.users.contains_key(&row.id)
    }

    /// Tells whether only visitors of a device may be meant: whoever else is there now may be, too.
    fn is_of_visitors(&self, row: &Row) -> bool {
        let is_account = row.subject == Subject::Account;
        is_account && self.is_visited && self.users.values().all(Option::is_none)
    }

    fn is_joiner(&self, row: &Row) -> bool {
        row.subject == Subject::Account && self.joiners.contains(&row.id)
    }
}

/// How a text stands to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// It is what the subject holds, or is called, or a device that it uses.
    Agrees,
    /// It is what the subject once held.
    Former,
    /// It says nothing of the subject.
    SaysNothing,
    /// It is another one than what the subject holds or is called, or nothing that such a subject has.
    Contradicts,
}
