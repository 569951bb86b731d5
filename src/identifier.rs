//! Identifiers: the values by which accounts and devices are found, and the one normal form of each.
//!
//! Ingest and lookup both call [`normal_form`], so a value is filed and sought under the same bytes.
//! It refuses rather than repairs: a value with a dangerous character, a placeholder or a value that
//! is not of its kind has no normal form. Which subject a value belongs to, and how strong a
//! proof it is, is decided elsewhere.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use siphasher::sip128::SipHasher13;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

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
    /// The [`sam`] of an account name.
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
    /// The [`short_name`] of a fully qualified device name.
    ShortName = 9,
    /// The serial number of a chassis, a board or a BIOS.
    SerialNumber = 10,
    /// The [`domain`] of an account name.
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

/// Why a text is not an identifier of the kind asked for; never holds the text itself.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Nothing but white space.
    #[error("empty")]
    Empty,
    /// A word or number that stands for "no value", such as `-` or the nil UUID.
    #[error("a placeholder, not a value")]
    Placeholder,
    /// More bytes than [`Kind::max_bytes`], as given or once normalised.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A control, invisible or look-alike character that could make two values one.
    #[error("holds a character that identifiers must not have")]
    Character,
    /// Not written as a value of this kind.
    #[error("not of the form {expected}")]
    Grammar {
        /// The form that was expected.
        expected: &'static str,
    },
    /// A UPN that the collector hashed: it finds nobody.
    #[error("hashed or anonymised")]
    Hashed,
}

const SID: Refusal = Refusal::Grammar {
    expected: "S-1-5-21-…",
};
const UUID: Refusal = Refusal::Grammar { expected: "a UUID" };
const ACCOUNT_NAME: Refusal = Refusal::Grammar {
    expected: r"sam@DOMAIN, DOMAIN\sam or sam",
};
const ADDRESS: Refusal = Refusal::Grammar {
    expected: "local@suffix",
};

/// Returns the normal form of `text` as an identifier of `kind`.
///
/// Two texts are the same identifier when their normal forms are equal; the normal form of a normal
/// form is itself. Borrows from `text` when at most its ends are dropped: an ASCII text that
/// is already normal allocates nothing.
///
/// # Errors
/// Says why `text` is not an identifier of this kind.
///
/// # Examples
/// ```
/// use identidex::identifier::{Kind, Refusal, normal_form};
///
/// assert_eq!(normal_form(Kind::AccountName, r"EMEA\JDoe").as_deref(), Ok("jdoe@emea"));
/// assert_eq!(normal_form(Kind::Upn, "n/a"), Err(Refusal::Placeholder));
/// ```
pub fn normal_form(kind: Kind, text: &str) -> Result<Cow<'_, str>, Refusal> {
    let limit = kind.max_bytes();
    let within = |length: usize| {
        (length <= limit)
            .then_some(())
            .ok_or(Refusal::TooLong { limit })
    };
    within(text.len())?;
    let trimmed = trimmed(text);
    if trimmed.is_empty() {
        return Err(Refusal::Empty);
    }
    let normal = match kind {
        kind if kind.is_uuid() => uuid(trimmed)?,
        _ => value(kind, trimmed)?,
    };
    // Composition, lower-casing and Punycode can lengthen a text: without this second look, a
    // normal form could be refused when it comes back.
    within(normal.len())?;
    Ok(normal)
}

/// Answers whether a normal SID is one that lookups find: that of a domain, a machine or Entra ID.
///
/// The others (`S-1-5-18` and its like) are the same on every machine.
pub fn is_indexed_sid(normal: &str) -> bool {
    normal.starts_with(DOMAIN_SID) || normal.starts_with(ENTRA_SID)
}

/// Answers whether a normal SID has the form of a key: `S-1-12-1-…` with four numbers, or
/// `S-1-5-21-a-b-c-RID` with RID ≥ 1000.
///
/// The form cannot tell a domain's SID from a machine's: whether a row shows it to be local is
/// for the caller to know. A number with leading zeros or above 32 bits makes it no key, because
/// Windows writes neither.
pub fn is_key_sid(normal: &str) -> bool {
    if let Some(rest) = normal.strip_prefix(DOMAIN_SID) {
        // RIDs below 1000 are built in (Administrator is 500): each domain has the same ones.
        return four_numbers(rest).is_some_and(|[.., rid]| rid >= 1000);
    }
    let rest = normal.strip_prefix(ENTRA_SID);
    rest.and_then(four_numbers).is_some()
}

/// Returns what stands before the last `@` of a normal account name, or all of it.
pub fn sam(normal_account_name: &str) -> &str {
    let parts = normal_account_name.rsplit_once('@');
    parts.map_or(normal_account_name, |(sam, _)| sam)
}

/// Returns what stands behind the last `@` of a normal account name; none for a bare name.
pub fn domain(normal_account_name: &str) -> Option<&str> {
    let parts = normal_account_name.rsplit_once('@');
    parts.map(|(_, domain)| domain)
}

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

/// Returns the form in which texts of any kind are compared, such as what people are called; none for a text that holds
/// a character which identifiers must not have.
pub fn folded(text: &str) -> Option<Cow<'_, str>> {
    plain(trimmed(text)).ok()
}

/// Returns the hash under which the index files a normal form.
///
/// SipHash-1-3 with a key that is fixed for ever. The key is no secret, so equal hashes prove
/// nothing: every hit is verified against the value itself.
pub fn hash128(normal: &str) -> u128 {
    hash_bytes128(normal.as_bytes())
}

/// Returns the same hash of bytes that are no text.
pub(crate) fn hash_bytes128(bytes: &[u8]) -> u128 {
    // The ASCII codes of "identide" and "x/values".
    const KEY: (u64, u64) = (0x6964_656e_7469_6465, 0x782f_7661_6c75_6573);
    let hash = SipHasher13::new_with_keys(KEY.0, KEY.1).hash(bytes);
    hash.into()
}

/// Returns `normal` with its non-ASCII look-alikes of ASCII characters replaced; none when it
/// holds none.
///
/// Good only for saying "confusable": a shared skeleton never makes two values equal. The table is
/// small and kept by hand after UTS 39; it does not cover mathematical letters.
pub fn ascii_skeleton(normal: &str) -> Option<String> {
    if normal.is_ascii() {
        return None;
    }
    let skeleton: String = normal.chars().map(ascii_look_alike).collect();
    (skeleton != normal).then_some(skeleton)
}

const DOMAIN_SID: &str = "s-1-5-21-";
const ENTRA_SID: &str = "s-1-12-1-";

/// Takes off outer white space; most texts have none, and their first and last bytes show it.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

/// Every kind but the UUIDs: the normal form that all share, then the kind's own rules.
fn value(kind: Kind, trimmed: &str) -> Result<Cow<'_, str>, Refusal> {
    let normal = match kind {
        Kind::Email => part_of(plain(trimmed)?, bare_address),
        Kind::DeviceName | Kind::ShortName => part_of(plain(trimmed)?, without_root_dot),
        _ => plain(trimmed)?,
    };
    if normal.is_empty() {
        return Err(Refusal::Empty);
    }
    if is_placeholder(kind, &normal) {
        return Err(Refusal::Placeholder);
    }
    match kind {
        Kind::Sid | Kind::WeakSid => is_sid(&normal).then_some(normal).ok_or(SID),
        Kind::AccountName => account_name(normal),
        Kind::Upn => upn(normal),
        Kind::Email => address(normal),
        _ => Ok(normal),
    }
}

/// Narrows an owned or borrowed text, copying only what was owned and is narrowed.
fn part_of(whole: Cow<'_, str>, part: fn(&str) -> &str) -> Cow<'_, str> {
    match whole {
        Cow::Borrowed(text) => Cow::Borrowed(part(text)),
        Cow::Owned(text) if part(&text).len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(part(&text).to_owned()),
    }
}

// ---- the normal form that all kinds share ----

fn plain(trimmed: &str) -> Result<Cow<'_, str>, Refusal> {
    if trimmed.is_ascii() {
        plain_ascii(trimmed)
    } else {
        plain_unicode(trimmed)
    }
}

fn plain_ascii(trimmed: &str) -> Result<Cow<'_, str>, Refusal> {
    // Without an early exit the loop works on many bytes at once.
    let (mut control, mut upper) = (false, false);
    for byte in trimmed.bytes() {
        control |= byte.is_ascii_control();
        upper |= byte.is_ascii_uppercase();
    }
    match (control, upper) {
        (true, _) => Err(Refusal::Character),
        (_, true) => Ok(Cow::Owned(trimmed.to_ascii_lowercase())),
        _ => Ok(Cow::Borrowed(trimmed)),
    }
}

fn plain_unicode(trimmed: &str) -> Result<Cow<'_, str>, Refusal> {
    if trimmed.chars().any(is_refused) {
        return Err(Refusal::Character);
    }
    let lower: String = nfc(trimmed).chars().map(lower).collect();
    // Again, because lower-casing `H` + U+0331 makes something that composes.
    let normal = nfc(&lower);
    if normal == trimmed {
        return Ok(Cow::Borrowed(trimmed));
    }
    Ok(Cow::Owned(normal.into_owned()))
}

fn nfc(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect()),
    }
}

/// Lower-cases one character by itself, unless that would turn a foreign letter into an ASCII one.
fn lower(character: char) -> char {
    let mut mapped = character.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(lower), None) if character.is_ascii() || !lower.is_ascii() => lower,
        // Only `İ` maps to two characters, and the first is `i`: it stays as it is.
        _ => character,
    }
}

/// The characters that make two values look, sort or compare as one.
fn is_refused(character: char) -> bool {
    let is_control = character.is_control() || character == '\u{FFFD}';
    let is_bidi = matches!(character,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let is_invisible = matches!(character,
        '\u{00AD}' | '\u{180E}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}');
    // Kelvin sign, Greek question mark, Greek varia: NFC would turn them into `K`, `;` and a backtick.
    let becomes_ascii = matches!(character, '\u{212A}' | '\u{037E}' | '\u{1FEF}');
    is_control || is_bidi || is_invisible || becomes_ascii
}

// ---- placeholders ----

fn is_placeholder(kind: Kind, normal: &str) -> bool {
    match kind {
        Kind::AccountName | Kind::BareName | Kind::Domain => is_no_name(normal),
        Kind::DeviceName | Kind::ShortName => is_no_name(normal),
        Kind::SerialNumber => is_no_name(normal) || is_no_serial_number(normal),
        _ => is_no_name(normal) || matches!(normal, "na" | "nil"),
    }
}

/// Words and signs that nobody is called. `na` and `nil` are left out: people have such initials.
pub(crate) fn is_no_name(normal: &str) -> bool {
    matches!(
        normal,
        "-" | "--"
            | "---"
            | "*"
            | "?"
            | "0"
            | "n/a"
            | "#n/a"
            | "none"
            | "(none)"
            | "null"
            | "(null)"
            | "undefined"
            | "unknown"
            | "(unknown)"
    )
}

/// What firmware holds where nobody wrote a serial number.
fn is_no_serial_number(normal: &str) -> bool {
    let is_filler = matches!(
        normal,
        "to be filled by o.e.m."
            | "to be filled by o.e.m"
            | "to be filled by oem"
            | "filled by o.e.m."
            | "default string"
            | "default"
            | "default_string"
            | "system serial number"
            | "systemserialnumb"
            | "chassis serial number"
            | "base board serial number"
            | "serial number"
            | "serial"
            | "sernum"
            | "oem"
            | "o.e.m."
            | "oem_serial"
            | "not specified"
            | "notspecified"
            | "not applicable"
            | "not available"
            | "not provided"
            | "not defined"
            | "not set"
            | "invalid"
            | "empty"
            | "na"
            | "nil"
            | "eval"
            | "0123456789"
            | "123456"
            | "1234567"
            | "12345678"
            | "123456789"
            | "1234567890"
            | "sys-1234567890"
            | "mb-1234567890"
    );
    is_filler || has_one_letter(normal)
}

/// `000-000`, `ffffffff`, `....`: at most one letter or digit, however often.
fn has_one_letter(normal: &str) -> bool {
    let mut letters = normal
        .chars()
        .filter(|character| character.is_alphanumeric());
    let first = letters.next();
    letters.all(|letter| Some(letter) == first)
}

// ---- security identifiers ----

/// `S` and 2 to 10 numbers, as the official API describes `user.sid`.
fn is_sid(normal: &str) -> bool {
    let Some(numbers) = normal.strip_prefix('s') else {
        return false;
    };
    let (mut count, mut is_open) = (0, false);
    for byte in numbers.bytes() {
        match byte {
            b'-' if !is_open => (count, is_open) = (count + 1, true),
            b'0'..=b'9' if count > 0 => is_open = false,
            _ => return false,
        }
    }
    !is_open && (2..=10).contains(&count)
}

fn four_numbers(text: &str) -> Option<[u32; 4]> {
    let mut parts = text.split('-').map(sub_authority);
    let numbers = [
        parts.next()??,
        parts.next()??,
        parts.next()??,
        parts.next()??,
    ];
    parts.next().is_none().then_some(numbers)
}

/// A number of a SID as Windows writes it: digits, no leading zero, 32 bits.
fn sub_authority(part: &str) -> Option<u32> {
    let is_canonical = part == "0" || part.starts_with(|first: char| matches!(first, '1'..='9'));
    if is_canonical {
        part.parse().ok()
    } else {
        None
    }
}

// ---- UUIDs ----

const HYPHENS: [usize; 4] = [8, 13, 18, 23];

fn uuid(trimmed: &str) -> Result<Cow<'_, str>, Refusal> {
    // Nearly every row has the canonical spelling: no other work for it.
    let canonical = if is_canonical_uuid(trimmed) {
        Cow::Borrowed(trimmed)
    } else {
        Cow::Owned(respelled_uuid(&plain(trimmed)?)?)
    };
    let is_nil = canonical.bytes().all(|byte| matches!(byte, b'0' | b'-'));
    if is_nil {
        return Err(Refusal::Placeholder);
    }
    Ok(canonical)
}

fn respelled_uuid(normal: &str) -> Result<String, Refusal> {
    if is_placeholder(Kind::Uid, normal) {
        return Err(Refusal::Placeholder);
    }
    let spelled = normal.strip_prefix("urn:uuid:").unwrap_or(normal);
    let braced = spelled
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let digits = braced.unwrap_or(spelled);
    if is_canonical_uuid(digits) {
        return Ok(digits.to_owned());
    }
    if digits.len() != 32 || !digits.bytes().all(is_lower_hex) {
        return Err(UUID);
    }
    let [a, b, c, d, e] = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    Ok(format!("{a}-{b}-{c}-{d}-{e}"))
}

fn is_canonical_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && HYPHENS.iter().all(|&at| bytes[at] == b'-')
        && bytes
            .iter()
            .map(|&byte| u8::from(is_lower_hex(byte)))
            .sum::<u8>()
            == 32
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

// ---- account names ----

/// `sam@domain` for both spellings; `\` and `@` together say two different things and are refused.
fn account_name(normal: Cow<'_, str>) -> Result<Cow<'_, str>, Refusal> {
    if let Some((domain, sam)) = normal.split_once('\\') {
        let is_mixed = sam.contains('\\') || normal.contains('@');
        let is_whole = !is_mixed && is_name_part(sam) && is_name_part(domain);
        return is_whole
            .then(|| Cow::Owned(format!("{sam}@{domain}")))
            .ok_or(ACCOUNT_NAME);
    }
    let is_whole = match normal.rsplit_once('@') {
        Some((sam, domain)) => is_name_part(sam) && is_name_part(domain),
        None => true,
    };
    is_whole.then_some(normal).ok_or(ACCOUNT_NAME)
}

/// Not empty, and without the outer white space that would be trimmed if it stood alone.
fn is_name_part(part: &str) -> bool {
    !part.is_empty() && trimmed(part).len() == part.len()
}

// ---- UPNs and mail addresses ----

/// Takes off what mail programs and directories wrap around an address.
fn bare_address(normal: &str) -> &str {
    let mut address = normal;
    loop {
        let bracketed = address
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'));
        let schemed = || {
            address
                .strip_prefix("mailto:")
                .or_else(|| address.strip_prefix("smtp:"))
        };
        match bracketed.or_else(schemed) {
            Some(inner) => address = inner.trim(),
            None => return address,
        }
    }
}

/// Checks `local@suffix` and writes the suffix as DNS does; the local part is kept as it is.
///
/// A quoted local part (`"john doe"@example.com`) is refused: no directory exports one.
fn address(normal: Cow<'_, str>) -> Result<Cow<'_, str>, Refusal> {
    let (local, suffix) = normal.split_once('@').ok_or(ADDRESS)?;
    if !is_local_part(local) {
        return Err(ADDRESS);
    }
    let rewritten = ascii_suffix(suffix)?.map(|ascii| format!("{local}@{ascii}"));
    Ok(rewritten.map_or(normal, Cow::Owned))
}

/// Not empty, and nothing that would need quotes in a mail address.
fn is_local_part(local: &str) -> bool {
    let is_special = |byte: u8| matches!(byte, b' ' | b'"' | b'(' | b')' | b',' | b':'..=b'<' | b'>' | b'['..=b']');
    let has_space = || !local.is_ascii() && local.contains(char::is_whitespace);
    !local.is_empty() && !local.bytes().any(is_special) && !has_space()
}

/// Returns the suffix in ASCII by UTS 46; none when it is so already.
fn ascii_suffix(suffix: &str) -> Result<Option<String>, Refusal> {
    if suffix.is_ascii() && !suffix.contains("xn--") {
        return has_plain_labels(suffix).then_some(None).ok_or(ADDRESS);
    }
    let uts46 = Uts46::new();
    let bytes = suffix.as_bytes();
    let ascii = uts46.to_ascii(
        bytes,
        AsciiDenyList::EMPTY,
        Hyphens::Allow,
        DnsLength::Ignore,
    );
    let ascii = ascii
        .ok()
        .filter(|ascii| has_plain_labels(ascii))
        .ok_or(ADDRESS)?;
    let (unicode, _) = uts46.to_unicode(bytes, AsciiDenyList::EMPTY, Hyphens::Allow);
    if !keeps_its_letters(suffix, &ascii, &unicode) {
        return Err(Refusal::Character);
    }
    Ok((ascii != suffix).then(|| ascii.into_owned()))
}

/// Labels as DNS and Active Directory have them (`_` included): 1 to 63 bytes between the dots.
fn has_plain_labels(suffix: &str) -> bool {
    let mut length = 0;
    for byte in suffix.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' if length < 63 => length += 1,
            b'.' if length > 0 => length = 0,
            _ => return false,
        }
    }
    length > 0
}

/// Answers whether IDNA has only encoded the suffix, label by label.
///
/// Its mapping also folds `ſ` to `s` and full-width letters to ASCII ones. That suits a browser;
/// here, a value with such a letter must not become its look-alike.
fn keeps_its_letters(suffix: &str, ascii: &str, unicode: &str) -> bool {
    let kept = |(given, (ascii, unicode)): (&str, (&str, &str))| given == ascii || given == unicode;
    let count = suffix.split('.').count();
    let labels = ascii.split('.').zip(unicode.split('.'));
    count == ascii.split('.').count() && suffix.split('.').zip(labels).all(kept)
}

/// An address, unless it looks like the output of the collector's hashing.
///
/// Inferred: the documentation says that UPNs can be hashed, not how the result looks. Taken for
/// hashed are a local part that is a digest (hexadecimal of a usual length, or padded Base64), and
/// a text without `@` that is one, or is 22 or more Base64 characters with letters and digits.
/// The second sort would be refused anyway; the distinction lets a report name the cause.
fn upn(normal: Cow<'_, str>) -> Result<Cow<'_, str>, Refusal> {
    let is_hashed = match normal.split_once('@') {
        Some((local, _)) => is_digest(local),
        None => is_digest(&normal) || is_long_token(&normal),
    };
    if is_hashed {
        return Err(Refusal::Hashed);
    }
    address(normal)
}

fn is_digest(text: &str) -> bool {
    // MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512.
    let is_hex =
        matches!(text.len(), 32 | 40 | 56 | 64 | 96 | 128) && text.bytes().all(is_lower_hex);
    // 16 bytes, the shortest digest in use, make 24 characters.
    let is_padded = text.len() >= 24 && text.len().is_multiple_of(4) && text.ends_with('=');
    is_hex || (is_padded && text.bytes().all(is_base64))
}

fn is_long_token(text: &str) -> bool {
    let has = |wanted: fn(&u8) -> bool| text.as_bytes().iter().any(wanted);
    text.len() >= 22
        && text.bytes().all(is_base64)
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_lowercase)
}

/// Either alphabet, of a text that has been lower-cased.
fn is_base64(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'-' | b'_' | b'=')
}

// ---- device names ----

/// `host.example.com.` is `host.example.com`: the dot of the DNS root says nothing.
fn without_root_dot(normal: &str) -> &str {
    // All dots and the white space between them, or a normal form could lose more the next time.
    normal.trim_end_matches(|last: char| last == '.' || last.is_whitespace())
}

// ---- look-alikes ----

/// The ASCII character that `character` is taken for.
///
/// Lower-case letters stand for their capitals too (`в` for `В`, which looks like `B`), because a
/// normal form no longer tells which was typed. Letters with a mark or a stroke (`ø`, `ł`) are left
/// out: they are spelling, and a flag on each Danish or Polish name would say nothing.
fn ascii_look_alike(character: char) -> char {
    match character {
        'а' | 'ɑ' | 'α' => 'a',
        'в' | 'β' | 'ь' => 'b',
        'с' | 'ϲ' | 'ᴄ' => 'c',
        'ԁ' | 'ɗ' => 'd',
        'е' | 'ε' | 'ҽ' => 'e',
        'ɡ' | 'ց' => 'g',
        'һ' | 'н' | 'հ' | 'η' => 'h',
        'і' | 'ı' | 'İ' | 'ι' | 'ɩ' => 'i',
        'ј' | 'ϳ' | 'ȷ' => 'j',
        'к' | 'κ' | 'ĸ' => 'k',
        'ӏ' | 'ⅼ' => 'l',
        'м' | 'μ' => 'm',
        'п' | 'ո' => 'n',
        'о' | 'ο' | 'օ' | 'σ' | 'ᴏ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' | 'զ' => 'q',
        'г' | 'ᴦ' => 'r',
        // `ſ` looks more like `f`; it is here because upper-casing makes it `S`.
        'ѕ' | 'ſ' | 'ꜱ' => 's',
        'т' | 'τ' => 't',
        'ս' | 'υ' | 'ᴜ' => 'u',
        'ѵ' | 'ν' | 'ᴠ' => 'v',
        'ԝ' | 'ѡ' | 'ω' | 'ᴡ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'ү' | 'γ' | 'ʏ' => 'y',
        'ᴢ' | 'ζ' => 'z',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{FF01}'..='\u{FF5E}' => full_width_look_alike(character),
        _ => character,
    }
}

/// The full-width forms stand in the order of ASCII, 0xFEE0 further on.
fn full_width_look_alike(character: char) -> char {
    let ascii = char::from_u32(u32::from(character) - 0xFEE0);
    ascii.map_or(character, |ascii| ascii.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::char::{canonical_combining_class, compose};

    use super::*;

    fn normal(kind: Kind, text: &str) -> Option<String> {
        normal_form(kind, text).ok().map(Cow::into_owned)
    }

    fn refusal(kind: Kind, text: &str) -> Option<Refusal> {
        normal_form(kind, text).err()
    }

    #[track_caller]
    fn assert_idempotent(kind: Kind, text: &str) {
        if let Ok(once) = normal_form(kind, text) {
            assert_eq!(
                normal_form(kind, &once).as_deref(),
                Ok(&*once),
                "{kind:?} {text:?}"
            );
        }
    }

    // ---- kinds ----

    #[test]
    fn the_stored_codes_are_the_positions_in_the_list() {
        for (position, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, position);
            assert_eq!(Kind::from_code(kind as u8), Some(kind));
        }
        assert_eq!(Kind::from_code(13), None);
    }

    // ---- the common normal form ----

    #[test]
    fn a_normal_ascii_text_is_borrowed() {
        let texts = [
            (Kind::Sid, "s-1-5-21-1-2-3-1000"),
            (Kind::Uid, "0f8fad5b-d9cb-469f-a165-70867728950e"),
            (Kind::AccountName, "jdoe@emea"),
            (Kind::Upn, "jdoe@contoso.com"),
            (Kind::Email, "jdoe+tag@contoso.com"),
            (Kind::DeviceName, "nb-0042.corp.example"),
            (Kind::SerialNumber, "5cg1234xyz"),
        ];
        for (kind, text) in texts {
            let found = normal_form(kind, text);
            assert!(
                matches!(found, Ok(Cow::Borrowed(same)) if same == text),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn white_space_is_trimmed_and_nothing_else_is_empty() {
        assert_eq!(
            normal(Kind::BareName, "\u{3000}\t jdoe\u{A0}\n").as_deref(),
            Some("jdoe")
        );
        for kind in Kind::ALL {
            assert_eq!(refusal(kind, ""), Some(Refusal::Empty));
            assert_eq!(refusal(kind, " \u{2003}\u{3000}"), Some(Refusal::Empty));
        }
    }

    #[test]
    fn dangerous_characters_are_refused_by_every_kind() {
        let dangerous = "\0\u{1}\u{1B}\u{7F}\u{9B}\u{AD}\u{61C}\u{180E}\u{200B}\u{200C}\u{200D}\u{200E}\u{200F}\
            \u{202A}\u{202E}\u{2060}\u{2066}\u{2069}\u{FEFF}\u{FFFD}\u{212A}\u{37E}\u{1FEF}";
        for kind in Kind::ALL {
            for character in dangerous.chars() {
                let text = format!("a{character}b@c");
                assert_eq!(
                    refusal(kind, &text),
                    Some(Refusal::Character),
                    "{kind:?} {character:?}"
                );
            }
        }
    }

    #[test]
    fn letters_are_lowered_and_composed_in_every_script() {
        let pairs = [
            ("JÖRG", "jörg"),
            ("JO\u{308}RG", "jörg"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
            ("ИВАН", "иван"),
            ("H\u{331}", "\u{1E96}"),
            ("ẞ", "ß"),
            ("Å", "å"),
        ];
        for (given, expected) in pairs {
            assert_eq!(normal(Kind::BareName, given).as_deref(), Some(expected));
        }
    }

    #[test]
    fn no_foreign_letter_becomes_an_ascii_one() {
        assert_eq!(
            refusal(Kind::BareName, "\u{212A}im"),
            Some(Refusal::Character)
        );
        for text in ["mıke", "straße", "İ", "ſmith", "ｍike", "ﬁ", "ª"] {
            assert_eq!(normal(Kind::BareName, text).as_deref(), Some(text));
        }
        assert_eq!(normal(Kind::BareName, "I\u{307}").as_deref(), Some("İ"));
    }

    #[test]
    fn only_ascii_has_an_ascii_normal_form() {
        for character in ('\u{80}'..=char::MAX).filter(|character| !character.is_whitespace()) {
            let mut buffer = [0; 4];
            let given = &*character.encode_utf8(&mut buffer);
            if let Ok(found) = plain(given) {
                assert!(!found.bytes().any(|byte| byte.is_ascii()), "{character:?}");
                assert_eq!(plain(&found).as_deref(), Ok(&*found), "{character:?}");
            }
        }
    }

    #[test]
    fn every_character_is_idempotent_in_every_kind() {
        // Every character below U+3000, where the scripts with cases, marks and oddities are; then
        // samples, and the compatibility forms.
        let low = '\0'..'\u{3000}';
        let high = ('\u{3000}'..=char::MAX).step_by(499);
        let compatible = '\u{F900}'..'\u{10000}';
        for character in low.chain(high).chain(compatible) {
            for text in [
                format!("{character}a@b.c{character}"),
                format!("{character}\\a.{character}"),
            ] {
                Kind::ALL
                    .iter()
                    .for_each(|&kind| assert_idempotent(kind, &text));
            }
        }
    }

    #[test]
    fn every_cased_letter_with_a_mark_is_idempotent() {
        let cased =
            ('\0'..=char::MAX).filter(|letter| letter.is_lowercase() || letter.is_uppercase());
        let cased: Vec<char> = cased.collect();
        let marks = ('\u{300}'..'\u{3100}').filter(|&mark| canonical_combining_class(mark) != 0);
        // A mark that composes with no cased letter cannot change one; three of those stand for all.
        let (composing, idle): (Vec<char>, Vec<char>) =
            marks.partition(|&mark| cased.iter().any(|&letter| compose(letter, mark).is_some()));
        assert!(composing.len() > 20);
        let mut text = String::new();
        for mark in composing.into_iter().chain(idle.into_iter().step_by(100)) {
            for &letter in &cased {
                text.clear();
                text.extend([letter, mark]);
                let once = plain(&text).unwrap_or_default();
                assert!(
                    once.is_empty() || plain(&once).as_deref() == Ok(&*once),
                    "{text:?}"
                );
            }
        }
    }

    #[test]
    fn a_text_is_measured_as_given_and_once_normal() {
        for kind in Kind::ALL {
            let limit = kind.max_bytes();
            let long = "x".repeat(limit + 1);
            assert_eq!(refusal(kind, &long), Some(Refusal::TooLong { limit }));
        }
        // `Ⱥ` has two bytes, `ⱥ` three.
        let grows = "Ⱥ".repeat(128);
        assert_eq!(
            refusal(Kind::BareName, &grows),
            Some(Refusal::TooLong { limit: 256 })
        );
        assert!(normal(Kind::BareName, &"x".repeat(256)).is_some());
    }

    #[test]
    fn a_refusal_never_holds_the_value() {
        for kind in Kind::ALL {
            for text in ["zq\\zq\\zq", "zq\0", &"zq".repeat(999), "zq @@"] {
                let message = refusal(kind, text)
                    .map(|refusal| refusal.to_string())
                    .unwrap_or_default();
                assert!(!message.contains("zq") && message.is_ascii() | message.contains('…'));
            }
        }
    }

    // ---- placeholders ----

    #[test]
    fn placeholders_are_no_values() {
        for kind in Kind::ALL {
            for text in ["-", "N/A", "Unknown", "none", "0", "(null)", " NULL "] {
                assert_eq!(
                    refusal(kind, text),
                    Some(Refusal::Placeholder),
                    "{kind:?} {text}"
                );
            }
        }
    }

    #[test]
    fn odd_names_are_names() {
        for text in ["na", "nil", "001", "1e5", "true", "nan"] {
            assert_eq!(normal(Kind::AccountName, text).as_deref(), Some(text));
            assert_eq!(normal(Kind::DeviceName, text).as_deref(), Some(text));
        }
        assert!(normal(Kind::AccountName, "null@EMEA").is_some());
    }

    #[test]
    fn serial_numbers_that_firmware_invents_are_placeholders() {
        let invented = [
            "To be filled by O.E.M.",
            "Default string",
            "System Serial Number",
            "Not Specified",
            "00000000",
            "FFFF-FFFF",
            "....",
            "None",
            "123456789",
        ];
        for text in invented {
            assert_eq!(
                refusal(Kind::SerialNumber, text),
                Some(Refusal::Placeholder),
                "{text}"
            );
        }
        assert_eq!(
            normal(Kind::SerialNumber, " 5CG1234XYZ ").as_deref(),
            Some("5cg1234xyz")
        );
    }

    // ---- security identifiers ----

    #[test]
    fn a_sid_is_accepted_in_any_case_and_only_whole() {
        let sid = "S-1-5-21-1004336348-1177238915-682003330-1001";
        assert_eq!(normal(Kind::Sid, sid), Some(sid.to_ascii_lowercase()));
        assert!(normal(Kind::Sid, "s-1-5-18").is_some());
        assert!(normal(Kind::Sid, "S-1-2-3-4-5-6-7-8-9-10").is_some());
        for text in [
            "S",
            "S-1",
            "S-1-",
            "S--1-5",
            "S-1-5-x",
            "S-1-5-21 ",
            "1-5-21",
            "S-1-2-3-4-5-6-7-8-9-10-11",
        ] {
            let expected = if text == "S-1-5-21 " { None } else { Some(SID) };
            assert_eq!(refusal(Kind::Sid, text), expected, "{text}");
        }
        assert_eq!(refusal(Kind::Sid, "ſ-1-5-21"), Some(SID));
        assert_eq!(refusal(Kind::Sid, "S-1-5-２１"), Some(SID));
    }

    #[test]
    fn only_domain_and_entra_sids_are_indexed() {
        assert!(is_indexed_sid("s-1-5-21-1-2-3-500"));
        assert!(is_indexed_sid("s-1-12-1-1-2-3-4"));
        assert!(!is_indexed_sid("s-1-5-18"));
        assert!(!is_indexed_sid("s-1-5-210-1"));
    }

    #[test]
    fn a_key_sid_has_four_canonical_numbers_and_a_rid_of_its_own() {
        for key in [
            "s-1-5-21-1-2-3-1000",
            "s-1-5-21-0-2-4294967295-1001",
            "s-1-12-1-1-2-3-4",
        ] {
            assert!(is_key_sid(key), "{key}");
        }
        let others = [
            "s-1-5-21-1-2-3-999",
            "s-1-5-21-1-2-3-01000",
            "s-1-5-21-01-2-3-1000",
            "s-1-5-21-1-2-3-4294967296",
            "s-1-5-21-1-2-3-99999999999999999999999",
            "s-1-5-21-1-2-3",
            "s-1-5-21-1-2-3-4-1000",
            "s-1-5-21-1-2-3-+1000",
            "s-1-5-21-1-2-3-",
            "s-1-12-1-1-2-3",
            "s-1-12-1-1-2-3-4-5",
            "s-1-5-18",
            "",
        ];
        for other in others {
            assert!(!is_key_sid(other), "{other}");
        }
    }

    // ---- UUIDs ----

    #[test]
    fn every_spelling_of_a_uuid_is_one_value() {
        let canonical = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let spellings = [
            "0F8FAD5B-D9CB-469F-A165-70867728950E",
            "{0f8fad5b-d9cb-469f-a165-70867728950e}",
            "urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e",
            "URN:UUID:{0F8FAD5BD9CB469FA16570867728950E}",
            "0f8fad5bd9cb469fa16570867728950e",
            "  0f8fad5b-d9cb-469f-a165-70867728950e ",
        ];
        for kind in [Kind::Uid, Kind::DeviceUid, Kind::CollectorUid] {
            for spelling in spellings {
                assert_eq!(
                    normal(kind, spelling).as_deref(),
                    Some(canonical),
                    "{spelling}"
                );
            }
        }
    }

    #[test]
    fn what_is_nearly_a_uuid_is_none() {
        let texts = [
            "0f8fad5b-d9cb-469f-a165-70867728950",
            "0f8fad5bd9cb-469f-a165-70867728950e",
            "0f8fad5b-d9cb-469f-a165-70867728950g",
            "0f8fad5-bd9cb-469f-a165-70867728950e",
            "{0f8fad5b-d9cb-469f-a165-70867728950e",
            "０f8fad5b-d9cb-469f-a165-70867728950e",
            "{}",
        ];
        for text in texts {
            assert_eq!(refusal(Kind::Uid, text), Some(UUID), "{text}");
        }
    }

    #[test]
    fn the_nil_uuid_is_a_placeholder_in_every_spelling() {
        let nil = "00000000-0000-0000-0000-000000000000";
        for text in [nil, &format!("{{{nil}}}"), &nil.replace('-', "")] {
            assert_eq!(
                refusal(Kind::CollectorUid, text),
                Some(Refusal::Placeholder)
            );
        }
    }

    // ---- account names ----

    #[test]
    fn both_spellings_of_an_account_name_are_one_value() {
        assert_eq!(
            normal(Kind::AccountName, r"EMEA\JDoe").as_deref(),
            Some("jdoe@emea")
        );
        assert_eq!(
            normal(Kind::AccountName, "JDoe@EMEA").as_deref(),
            Some("jdoe@emea")
        );
        assert_eq!(normal(Kind::AccountName, "JDoe").as_deref(), Some("jdoe"));
        assert_eq!(
            normal(Kind::AccountName, r"EMEA\NB-0042$").as_deref(),
            Some("nb-0042$@emea")
        );
    }

    #[test]
    fn an_account_name_with_a_part_missing_or_two_readings_is_refused() {
        let texts = [
            r"EMEA\",
            r"\jdoe",
            r"\",
            "@EMEA",
            "jdoe@",
            "@",
            r"a\b\c",
            r"EMEA\jdoe@EMEA",
            r"jdoe@EMEA\x",
            r"EMEA\ jdoe",
            "jdoe @EMEA",
        ];
        for text in texts {
            assert_eq!(
                refusal(Kind::AccountName, text),
                Some(ACCOUNT_NAME),
                "{text}"
            );
        }
    }

    #[test]
    fn the_parts_of_an_account_name_lie_around_the_last_at_sign() {
        assert_eq!((sam("a@b@c"), domain("a@b@c")), ("a@b", Some("c")));
        assert_eq!((sam("jdoe"), domain("jdoe")), ("jdoe", None));
    }

    // ---- UPNs and mail addresses ----

    #[test]
    fn a_suffix_in_unicode_and_its_ascii_form_are_one() {
        let ascii = Some("jürgen@xn--bcher-kva.example");
        for kind in [Kind::Upn, Kind::Email] {
            for text in [
                "JÜRGEN@BÜCHER.example",
                "jürgen@xn--bcher-kva.EXAMPLE",
                "jürgen@bu\u{308}cher.example",
            ] {
                assert_eq!(normal(kind, text).as_deref(), ascii, "{text}");
            }
            assert_eq!(
                normal(kind, "a@straße.example").as_deref(),
                Some("a@xn--strae-oqa.example")
            );
        }
    }

    #[test]
    fn a_suffix_never_becomes_its_look_alike() {
        for suffix in [
            "contoſo.com",
            "ｃontoso.com",
            "contoso。com",
            "bü\u{FF41}.com",
            "İ.com",
            "①.com",
        ] {
            let text = format!("jdoe@{suffix}");
            assert_eq!(
                refusal(Kind::Upn, &text),
                Some(Refusal::Character),
                "{text}"
            );
        }
    }

    #[test]
    fn an_address_needs_two_sound_parts() {
        let long_label = format!("a@{}.com", "x".repeat(64));
        let texts = [
            "jdoe",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b c",
            "a@.",
            "a@b.",
            "a@b..c",
            "a@[10.0.0.1]",
            "a@xn--a.com",
            "a@xn--zca-.com",
            "Jane <jane@contoso.com>",
            r"EMEA\a@b",
            &long_label,
        ];
        for kind in [Kind::Upn, Kind::Email] {
            for text in texts {
                assert_eq!(refusal(kind, text), Some(ADDRESS), "{kind:?} {text}");
            }
            assert_eq!(normal(kind, "JDoe@corp").as_deref(), Some("jdoe@corp"));
            assert!(normal(kind, "o'neil#ext#@MAXON_IES.local").is_some());
        }
    }

    #[test]
    fn a_mail_address_is_unwrapped_and_keeps_its_tag() {
        for text in [
            "mailto:J+x@C.com",
            "SMTP:j+x@c.com",
            "smtp:j+x@c.com",
            "<j+x@c.com>",
            "MailTo:<j+x@c.com>",
        ] {
            assert_eq!(
                normal(Kind::Email, text).as_deref(),
                Some("j+x@c.com"),
                "{text}"
            );
        }
        assert_eq!(refusal(Kind::Email, "mailto:"), Some(Refusal::Empty));
        assert_eq!(refusal(Kind::Email, "<none>"), Some(Refusal::Placeholder));
        assert_eq!(refusal(Kind::Upn, "smtp:j@c.com"), Some(ADDRESS));
    }

    #[test]
    fn a_hashed_upn_is_recognised() {
        let sha1 = "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709";
        let hashed = [
            sha1,
            &format!("{sha1}@contoso.com"),
            "d41d8cd98f00b204e9800998ecf8427e@contoso.com",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        ];
        for text in hashed {
            assert_eq!(refusal(Kind::Upn, text), Some(Refusal::Hashed), "{text}");
        }
        for text in [
            "0f8fad5b-d9cb-469f-a165-70867728950e@contoso.com",
            "deadbeef@contoso.com",
        ] {
            assert!(normal(Kind::Upn, text).is_some(), "{text}");
        }
        assert_eq!(refusal(Kind::Upn, "JohnDoe"), Some(ADDRESS));
    }

    // ---- device names ----

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

    // ---- hashes and look-alikes ----

    #[test]
    fn the_hash_is_fixed_for_ever() {
        // Computed when the format was made: an index on disk depends on them.
        assert_eq!(hash128(""), 0xdf17_c553_47fa_d89d_7fc1_18c6_c294_8c06);
        assert_eq!(
            hash128("jdoe@emea"),
            0x029a_1937_ebdc_92ee_8920_7c3a_8978_2c7a
        );
    }

    #[test]
    fn a_skeleton_is_given_for_look_alikes_only() {
        assert_eq!(ascii_skeleton("jdое@emea").as_deref(), Some("jdoe@emea"));
        assert_eq!(ascii_skeleton("mıke").as_deref(), Some("mike"));
        assert_eq!(ascii_skeleton("ｎｂ－０１").as_deref(), Some("nb-01"));
        assert_eq!(ascii_skeleton("jdoe"), None);
        assert_eq!(ascii_skeleton("jörg"), None);
        assert_eq!(ascii_skeleton("søren"), None);
    }

    // ---- properties ----

    /// Texts made of what the rules look at, so that most of them reach the rules.
    fn identifier_like() -> impl Strategy<Value = String> {
        let pieces = [
            "a",
            "B",
            "z9",
            "jdoe",
            "0",
            "-",
            ".",
            "@",
            "\\",
            " ",
            "<",
            ">",
            "mailto:",
            "smtp:",
            "xn--",
            "xn--bcher-kva",
            "bücher",
            "s-1-5-21",
            "-1000",
            "none",
            "n/a",
            "{",
            "}",
            "urn:uuid:",
            "0f8fad5bd9cb469fa16570867728950e",
            "Ü",
            "u",
            "\u{308}",
            "\u{331}",
            "H",
            "İ",
            "I",
            "\u{307}",
            "ß",
            "ẞ",
            "ſ",
            "Σ",
            "ς",
            "א",
            "ا",
            "。",
            "\u{338}",
            "\u{3000}",
            "\u{345}",
            "ᾈ",
            "Ⱥ",
            "한",
            "\u{1100}",
            "\u{1161}",
            "＠",
            "İ",
            "\u{958}",
            "=",
            "$",
            "\u{323}",
        ];
        proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..9)
            .prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_text_is_idempotent(text in identifier_like(), noise in any::<String>()) {
            for kind in Kind::ALL {
                assert_idempotent(kind, &text);
                assert_idempotent(kind, &noise);
                assert_idempotent(kind, &format!("{text}{noise}"));
            }
        }

        #[test]
        fn canonically_equal_texts_are_one_identifier(text in identifier_like()) {
            let decomposed: String = text.nfd().collect();
            for kind in Kind::ALL {
                prop_assert_eq!(normal(kind, &text), normal(kind, &decomposed));
            }
        }

        #[test]
        fn the_parts_of_a_normal_name_are_normal(text in identifier_like()) {
            if let Ok(name) = normal_form(Kind::AccountName, &text) {
                let found = normal_form(Kind::BareName, sam(&name));
                prop_assert!(found == Err(Refusal::Placeholder) || found.as_deref() == Ok(sam(&name)));
                let domain = domain(&name).unwrap_or("x");
                let found = normal_form(Kind::Domain, domain);
                prop_assert!(found == Err(Refusal::Placeholder) || found.as_deref() == Ok(domain));
            }
            if let Ok(name) = normal_form(Kind::DeviceName, &text) {
                let short = short_name(&name).unwrap_or("x");
                let found = normal_form(Kind::ShortName, short);
                prop_assert!(found == Err(Refusal::Placeholder) || found.as_deref() == Ok(short));
            }
        }

        #[test]
        fn case_and_outer_white_space_of_ascii_never_matter(text in "[ -~]{0,40}") {
            for kind in Kind::ALL {
                let shouted = format!("  {}\t", text.to_ascii_uppercase());
                prop_assert_eq!(normal_form(kind, &text), normal_form(kind, &shouted));
            }
        }
    }
}
