//! Placing: whom mentions and last logins mean, and what of them waits.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::Rules;
use super::bits::Bits;
use super::claim::ClaimId;
use super::error::Result;
use super::former::{Former, Formers, Name};
use super::identity::{CANDIDATES_AT_MOST, Identity, Interval, Keys, Meant};
use super::last_use::LastUse;
use super::ledger::Ledger;
use super::mention::{Mention, State, is_of_none, split_keys};
use super::mention_rows::MentionReader;
use super::mentions::Mentions;
use super::replaced::SameKey;
use super::roster::Roster;
use super::said::ObjectId;
use super::side::Side;
use super::stand::tells_time;
use super::subject::{Standing, SubjectId};
use super::superseded::Superseded;
use super::text::Texts;
use super::text_reader::TextReader;
use super::usage::{Maker, Makers};
use super::waiting::{
    AllWaiting, Field, Named, Waiting, WaitingUse, note_newest, note_on_it, shown_keys, sum_up,
};
use crate::bucket::Hash;
use crate::class::{Patterns, traits_of_keys};
use crate::identifier::{Kind, domain, normal_form, short_name};
use crate::schema::{BySubject, Class, FieldType, NAME, SECOND, STRONG, Subject, device_field};
use crate::sealed::{filed, is_sealed, seal, user_of};

/// How long before it was observed a logins row may have been true, where no window is declared: longer than any window of
/// an NQL query (91 days).
const WINDOW: i64 = 92 * super::days::DAY;

/// Who is who, of both subjects.
pub(super) struct WhoIsWho<'a> {
    pub(super) rosters: &'a BySubject<Roster>,
    pub(super) identities: &'a BySubject<Identity>,
    pub(super) standings: &'a BySubject<Standing>,
    /// Claims that the identities are of.
    pub(super) exact: BySubject<Bits>,
    pub(super) superseded: &'a BySubject<Option<Superseded>>,
}

/// What all mentions come to.
pub(super) struct Placed {
    pub(super) makers: Makers,
    /// Those of which a side is likely, and not certain.
    pub(super) likely: BTreeSet<Maker>,
    /// By position among the mentions.
    pub(super) states: Vec<State>,
    pub(super) waiting: AllWaiting,
    /// When the newest mention was that waits and has the name of an account, and another SID or uid.
    pub(super) namesakes: BTreeMap<SubjectId, i64>,
    /// And of a device, with another uid: one that was set up anew, or another one of its name.
    pub(super) named_anew: BTreeMap<SubjectId, i64>,
    /// Devices that have a name or a collector's uid in common: one computer, set up anew, or several of one name.
    pub(super) same_devices: Vec<SameKey>,
    /// Those that their newest object has under several names: a key that is of more than one, as clones of an image have.
    pub(super) several_names: BySubject<BTreeSet<SubjectId>>,
    /// Whom the last login of a device's claim may mean, where that is several.
    pub(super) last_candidates: BTreeMap<ClaimId, Vec<SubjectId>>,
    /// What claims say by which mentions that wait name their sides, in normal form.
    named: BTreeMap<Field, String>,
    /// Mentions that wait, by state.
    pub(super) counts: [u64; 3],
    /// Last logins of nobody known, and all that claims of devices name.
    pub(super) last_logins: (u64, u64),
}

/// A claim that says a name, in the order of its subject, its newest object, and its stronger keys.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct NamedClaim {
    subject: SubjectId,
    at: i64,
    object: ObjectId,
    keys: [Option<u64>; 2],
    name: u64,
}

/// Places mentions one after another.
struct Placing<'a> {
    known: WhoIsWho<'a>,
    ledger: &'a Ledger,
    window: i64,
    /// Logins tell to a day or two when they were.
    is_window_short: bool,
    patterns: &'a Patterns,
    placed: Placed,
}

/// Resolves all mentions and last logins.
pub(super) fn place(
    known: WhoIsWho,
    ledger: &Ledger,
    rules: &Rules,
    (mentions, mut written): (&Mentions, MentionReader),
    (formers, texts, sources): (&Formers, &Texts, BySubject<TextReader>),
) -> Result<Placed> {
    let last_logins = known.rosters.device.last_uses.len();
    let makers = mentions.all.len() + last_logins + formers.all.len();
    let mut placing = Placing {
        known,
        ledger,
        window: rules.login_window.unwrap_or(WINDOW),
        is_window_short: rules.is_window_short(),
        patterns: &rules.patterns,
        placed: Placed {
            named: BTreeMap::new(),
            makers: Makers::with_capacity(makers),
            likely: BTreeSet::new(),
            states: vec![State::Resolved; mentions.all.len()],
            waiting: BTreeMap::new(),
            namesakes: BTreeMap::new(),
            named_anew: BTreeMap::new(),
            same_devices: Vec::new(),
            several_names: BySubject::default(),
            last_candidates: BTreeMap::new(),
            counts: [0; 3],
            last_logins: (0, 0),
        },
    };
    for (at, mention) in mentions.all.iter().enumerate() {
        placing.place_logins(at, mention, &mut written)?;
    }
    placing.place_last_logins();
    for (at, former) in formers.iter() {
        placing.place_former(at, former);
    }
    placing.read_names(texts, sources)?;
    placing.placed.same_devices = placing.same_devices();
    placing.placed.several_names = BySubject::of(|side| placing.several_names(side));
    placing.placed.makers.sort();
    Ok(placing.placed)
}

impl Placing<'_> {
    fn place_logins(
        &mut self,
        at: usize,
        mention: &Mention,
        written: &mut MentionReader,
    ) -> Result<()> {
        let plain = BySubject::of(|side| self.plain(side, mention));
        if let (Some(account), Some(device)) = (plain.account, plain.device) {
            self.placed
                .makers
                .push(account, device, Maker::Logins(at as u32));
            return Ok(());
        }
        let interval = self.interval(mention);
        let keys = written.written(at, mention)?.keys;
        let sides = BySubject::of(|side| self.side(side, mention, keys[side], interval));
        let state = self.join(&sides, Maker::Logins(at as u32));
        self.placed.states[at] = state;
        if state != State::Resolved {
            let named = Subject::ALL.map(|side| {
                match mention.claims[side].zip(mention.key_of_claim(side)) {
                    Some((claim, key)) => Named::Claim((side, claim, key)),
                    None => Named::Text(keys[side].map_or_else(String::new, shown_keys)),
                }
            });
            self.wait(&sides, state, mention.group, named);
            for (side, named) in [
                (&sides.account, &mut self.placed.namesakes),
                (&sides.device, &mut self.placed.named_anew),
            ] {
                if let Side::Namesake(namesake) = side {
                    let newest = named.entry(*namesake).or_insert(i64::MIN);
                    *newest = (*newest).max(interval.to);
                }
            }
            if sides.account.is_unknown() && self.is_no_persons(keys.account) {
                return Ok(());
            }
            let observed_at = self.ledger.observed_at(mention.object);
            let is_of_none = is_of_none(mention.logins(), mention.used());
            let is_dated =
                !is_of_none && tells_time(mention.used(), observed_at, self.is_window_short);
            let all = &mut self.placed.waiting;
            let when = (interval.to, mention.days());
            note_newest(all, &sides, when, is_dated);
            if !is_local(keys) {
                note_on_it(all, &sides, when, is_dated);
            }
            // A row that counts none tells of something else, unless it says when, or others were before.
            if !is_of_none || mention.days().count() > 1 {
                let logins = WaitingUse {
                    days: Some(mention.days()),
                    logins: mention.logins().unwrap_or(0),
                    newest: Some(interval.to),
                    is_untimed: mention.used().is_none(),
                };
                sum_up(all, &sides, (logins, is_dated), is_local(keys));
            }
        }
        Ok(())
    }

    /// Tells whether a user who is not known is none of a person, whoever it is: one that every computer has, a computer itself, or an
    /// administrator's. A service's may be what a kiosk is signed in as.
    fn is_no_persons(&self, keys: Option<&str>) -> bool {
        let [sid, _, name] = split_keys(keys.unwrap_or_default());
        let traits = traits_of_keys(sid, name, self.patterns);
        traits.is_built_in || matches!(traits.class, Class::Machine | Class::Admin)
    }

    /// Returns the devices that have a name or a collector's uid in common.
    fn same_devices(&self) -> Vec<SameKey> {
        let mut same: BTreeMap<(usize, u64), BTreeSet<SubjectId>> = BTreeMap::new();
        for claim in &self.known.identities.device.claims {
            let Some(subject) = self.known.standings.device.subject_of(claim.id) else {
                continue;
            };
            for (at, key) in claim.keys.iter().enumerate().skip(SECOND) {
                if let Some(key) = key {
                    same.entry((at, *key)).or_default().insert(subject);
                }
            }
        }
        same.retain(|_, devices| devices.len() > 1);
        let of_key = |((at, _), devices): ((usize, u64), BTreeSet<SubjectId>)| SameKey {
            is_name: at == NAME,
            devices: devices.into_iter().collect(),
        };
        same.into_iter().map(of_key).collect()
    }

    /// Returns the subjects that their newest object has under several names and the same strongest key, or the same two.
    fn several_names(&self, side: Subject) -> BTreeSet<SubjectId> {
        let mut claims = Vec::new();
        for claim in &self.known.identities[side].claims {
            let subject = self.known.standings[side].subject_of(claim.id);
            if let Some((subject, name)) = subject.zip(claim.keys[NAME]) {
                let object = self.known.rosters[side].claim(claim.id).newest.object;
                let at = self.ledger.observed_at(object);
                let keys = [claim.keys[STRONG], claim.keys[SECOND]];
                claims.push(NamedClaim {
                    subject,
                    at,
                    object,
                    keys,
                    name,
                });
            }
        }
        claims.sort_unstable();
        claims.dedup();
        let of_subjects = claims.chunk_by(|one, other| one.subject == other.subject);
        let several = of_subjects.filter(|same| {
            let newest = same.last().map(|last| last.at);
            let mut pairs = same.windows(2).map(|two| (&two[0], &two[1]));
            pairs.any(|(one, other)| {
                let is_newest = Some(one.at) == newest && one.object == other.object;
                let strong = one.keys[0];
                let is_same =
                    one.keys == other.keys || (strong.is_some() && strong == other.keys[0]);
                is_newest && is_same && one.name != other.name
            })
        });
        several
            .filter_map(|same| Some(same.first()?.subject))
            .collect()
    }

    /// Returns the subject of a side whose keys nobody shares.
    fn plain(&self, side: Subject, mention: &Mention) -> Option<SubjectId> {
        let claim = mention.claims[side]?.row();
        (!self.known.exact[side].has(claim)).then_some(SubjectId(claim))
    }

    /// When logins were: at their newest time of use, or within their window.
    fn interval(&self, mention: &Mention) -> Interval {
        let observed_at = self.ledger.observed_at(mention.object);
        match mention.used() {
            Some(used) => {
                let at = used.min(observed_at);
                Interval { from: at, to: at }
            }
            None => Interval {
                from: observed_at.saturating_sub(self.window),
                to: observed_at,
            },
        }
    }

    fn side(
        &self,
        side: Subject,
        mention: &Mention,
        keys: Option<&str>,
        interval: Interval,
    ) -> Side {
        if let Some(subject) = self.plain(side, mention) {
            return Side::One(subject);
        }
        let mut wanted: Keys = [None; 3];
        match mention.claims[side].zip(mention.key_of_claim(side)) {
            Some((claim, at)) => wanted[at] = self.key_of(side, claim, at),
            None => {
                for (at, key) in split_keys(keys.unwrap_or_default()).into_iter().enumerate() {
                    let key = key.filter(|_| mention.is_key(side, at));
                    wanted[at] = key.map(|key| filed(key).high);
                }
            }
        }
        self.meant(
            side,
            self.known.identities[side].mentioned(&wanted, interval),
        )
    }

    /// Returns a key of a claim that shares one.
    fn key_of(&self, side: Subject, claim: ClaimId, at: usize) -> Option<u64> {
        let claims = &self.known.identities[side].claims;
        let found = claims.binary_search_by_key(&claim, |keyed| keyed.id).ok()?;
        claims[found].keys[at]
    }

    fn meant(&self, side: Subject, meant: Meant) -> Side {
        let standing = &self.known.standings[side];
        let rows = |subjects: Vec<usize>| {
            let rows = subjects.into_iter().take(CANDIDATES_AT_MOST + 1);
            rows.map(|at| standing.row(at)).collect()
        };
        match meant {
            Meant::One(at) => Side::One(standing.row(at)),
            Meant::Likely(at) => Side::Likely(standing.row(at)),
            Meant::Ambiguous(all) => Side::Ambiguous(rows(all)),
            Meant::Unknown(all) => Side::Unknown(rows(all)),
            Meant::Namesake(at) => Side::Namesake(standing.row(at)),
        }
    }

    /// Makes a usage, if both sides mean one; notes that it is likely only where one of them does.
    fn join(&mut self, sides: &BySubject<Side>, maker: Maker) -> State {
        if let (Some(account), Some(device)) = (sides.account.one(), sides.device.one()) {
            self.placed.makers.push(*account, *device, maker);
            if sides.iter().any(|side| matches!(side, Side::Likely(_))) {
                self.placed.likely.insert(maker);
            }
            return State::Resolved;
        }
        let are_several = sides.iter().any(|side| matches!(side, Side::Ambiguous(_)));
        let state = match are_several {
            true => State::Ambiguous,
            false => State::Unknown,
        };
        self.placed.counts[state as usize] += 1;
        state
    }

    /// Has what is not certain wait; `hash` tells it from others, `named` is what it says of its sides.
    fn wait(&mut self, sides: &BySubject<Side>, state: State, hash: u64, named: [Named; 2]) {
        for (subject, side) in Subject::ALL.into_iter().zip(sides.iter()) {
            for one in side.few() {
                let waiting = self.placed.waiting.entry((subject, *one)).or_default();
                waiting.add(state, hash, named.clone());
            }
        }
    }

    fn place_last_logins(&mut self) {
        let devices = &self.known.rosters.device;
        for (at, last_use) in devices.last_uses.iter().enumerate() {
            let Some(last_use) = last_use else { continue };
            let device = ClaimId::of_position(at);
            let user = self.last_user(last_use);
            let Some(subject) = self.known.standings.device.subject_of(device) else {
                continue;
            };
            let sides = BySubject {
                account: user,
                device: Side::One(subject),
            };
            let state = self.join(&sides, Maker::Last(device));
            self.placed.last_logins.0 += u64::from(state == State::Unknown);
            self.placed.last_logins.1 += 1;
            if state != State::Resolved {
                let user = (Subject::Device, device, device_field::LAST_LOGIN);
                let named = [user, (Subject::Device, device, NAME)].map(Named::Claim);
                self.wait(&sides, state, devices.claim(device).hash, named);
            }
            if let Side::Ambiguous(candidates) = sides.account
                && candidates.len() <= CANDIDATES_AT_MOST
            {
                self.placed.last_candidates.insert(device, candidates);
            }
        }
    }

    /// Returns whom a device's last login means: a name alone.
    fn last_user(&self, last_use: &LastUse) -> Side {
        let Some(claim) = last_use.account else {
            return Side::Unknown(Vec::new());
        };
        if !self.known.exact.account.has(claim.row()) {
            return Side::One(SubjectId(claim.row()));
        }
        let mut keys: Keys = [None; 3];
        keys[NAME] = self.key_of(Subject::Account, claim, NAME);
        let interval = Interval {
            from: last_use.used.saturating_sub(self.window),
            to: last_use.used,
        };
        let meant = self.known.identities.account.mentioned(&keys, interval);
        self.meant(Subject::Account, meant)
    }

    fn place_former(&mut self, at: usize, former: &Former) {
        let user = self.last_user(&former.last_use);
        let Some(device) = self.known.standings.device.subject_of(former.device) else {
            return;
        };
        let sides = BySubject {
            account: user,
            device: Side::One(device),
        };
        let state = self.join(&sides, Maker::Former(at as u32));
        if state != State::Resolved {
            let name = match &former.name {
                Name::Read(name) => name.clone(),
                Name::Unread(_) => String::new(),
            };
            // One user can be named by many devices.
            let device = self.known.rosters.device.claim(former.device).hash;
            let hash = Hash::of(&name).high ^ device.rotate_left(1);
            let device = (Subject::Device, former.device, NAME);
            let named = [Named::Text(name), Named::Claim(device)];
            self.wait(&sides, state, hash, named);
        }
    }

    /// Reads by what the mentions that wait name their sides, claim after claim.
    fn read_names(&mut self, texts: &Texts, mut sources: BySubject<TextReader>) -> Result<()> {
        let waiting = self.placed.waiting.values();
        let named = waiting.flat_map(|waiting| waiting.mentions.values().flatten());
        let fields: BTreeSet<Field> = named
            .filter_map(|named| match named {
                Named::Claim(field) => Some(*field),
                Named::Text(_) => None,
            })
            .collect();
        for of in fields {
            let (subject, claim, field) = of;
            let roster = &self.known.rosters[subject];
            let Some(part) = roster.newest_carrying(self.ledger, claim, field)? else {
                continue;
            };
            let kind = match subject.fields()[field].kind {
                FieldType::Key(kind) => kind,
                // The last user's.
                _ => Kind::AccountName,
            };
            let mut text = sources[subject].text(claim, part.text)?;
            text.skip(field)?;
            let value = texts.shown(text.take()?).unwrap_or_default();
            let superseded = self.known.superseded[subject].as_ref();
            let is_replaced =
                superseded.map(|superseded| superseded.has(claim, field, self.ledger));
            let sealed = match is_replaced.transpose()? {
                Some(true) => seal(kind, &value),
                _ => None,
            };
            let value = sealed.map_or(value, Cow::Owned);
            let named = match is_sealed(&value) {
                true if subject == Subject::Account => user_of(&value),
                true => String::new(),
                false => normal_form(kind, &value)
                    .map_or_else(|_| String::new(), |name| name.into_owned()),
            };
            self.placed.named.insert(of, named);
        }
        Ok(())
    }
}

/// Tells whether logins are of an account of the device that they name, by both names.
fn is_local(keys: BySubject<Option<&str>>) -> bool {
    let name = |keys: Option<&str>| keys.and_then(|keys| split_keys(keys)[NAME].map(str::to_owned));
    let (account, device) = (name(keys.account), name(keys.device));
    let domain = account.as_deref().and_then(domain);
    let device = device.as_deref();
    domain.is_some() && (domain == device || domain == device.and_then(short_name))
}

impl Placed {
    /// Returns what mentions that wait say of their two sides, in order, each once; empty where it says nothing.
    pub(super) fn named<'p>(&'p self, waiting: &'p Waiting) -> BTreeSet<([&'p str; 2], State)> {
        let mentions = waiting.mentions.iter();
        let texts = |named: &'p [Named; 2]| named.each_ref().map(|named| self.text(named));
        mentions
            .map(|((_, state), named)| (texts(named), *state))
            .collect()
    }

    fn text<'p>(&'p self, named: &'p Named) -> &'p str {
        match named {
            Named::Text(text) => text,
            Named::Claim(field) => self.named.get(field).map_or("", String::as_str),
        }
    }
}
