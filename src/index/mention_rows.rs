//! The rows of `mention`: of what is kept of logins rows, a block at a time. Only the writer reads them.

use super::claim::ClaimId;
use super::days::Days;
use super::error::{Result, damaged};
use super::mention::{KEYS, Mention, NO_COUNT};
use super::said::{NEVER, ObjectId};
use super::spill::{Spill, SpillReader, Text};
use crate::schema::{BySubject, folded, microseconds_of, stored_time, unfolded};
use crate::sqlite::{Rows, put_varint, take_varint};

/// Mentions of a block; the last one may have fewer.
pub(super) const BLOCK: usize = 16;

/// Marks a mention whose first day of use is written; of one from before there was such a day it is the first that is known.
const HAS_FIRST_DAY: u64 = 1 << (2 * KEYS);

/// What a mention's keys and other columns are, written out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written<'a> {
    /// The hash of its newest row's bytes.
    pub(super) raw: u64,
    /// SID, uid and name, or the device's three, in normal form, with tabs between.
    pub(super) keys: BySubject<Option<&'a str>>,
    pub(super) extra: Option<&'a str>,
}

impl<'a> Written<'a> {
    pub(super) fn spill(&self, spill: &mut Spill) -> Result<Text> {
        let mut bytes = Vec::new();
        self.put(&mut bytes);
        spill.push(&[&bytes])
    }

    fn put(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.raw.to_le_bytes());
        for text in [self.keys.account, self.keys.device, self.extra] {
            let text = text.unwrap_or_default();
            put_varint(into, text.len() as u64);
            into.extend_from_slice(text.as_bytes());
        }
    }

    fn take(bytes: &mut &'a [u8]) -> Option<Written<'a>> {
        let raw = take_u64(bytes)?;
        let mut text = || {
            let length = usize::try_from(take_varint(bytes)?).ok()?;
            let (text, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            std::str::from_utf8(text).ok()
        };
        let said = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        Some(Written {
            raw,
            keys: BySubject {
                account: said(text()?),
                device: said(text()?),
            },
            extra: said(text()?),
        })
    }
}

/// Appends a mention to its block.
pub(super) fn put(mention: &Mention, written: &Written, block: &mut Vec<u8>) {
    let bits = u64::from(mention.said) | u64::from(mention.keys) << KEYS | HAS_FIRST_DAY;
    put_varint(block, bits);
    for claim in mention.claims.iter() {
        put_varint(block, claim.map_or(0, |claim| u64::from(claim.row())));
    }
    block.extend_from_slice(&mention.group.to_le_bytes());
    for number in [mention.object.number(), mention.row] {
        put_varint(block, u64::from(number));
    }
    // 0: no row counts logins.
    put_varint(block, mention.logins.wrapping_add(1));
    put_varint(
        block,
        mention
            .used()
            .map_or(0, |used| folded(stored_time(used)).wrapping_add(1)),
    );
    put_varint(block, folded(i64::from(mention.day)));
    put_varint(block, mention.days);
    put_varint(block, u64::from(mention.day.abs_diff(mention.first_day)));
    let keys = BySubject::of(|side| written.keys[side].filter(|_| !mention.is_as_claim(side)));
    Written { keys, ..*written }.put(block);
}

/// Takes the next mention of a block.
pub(super) fn take<'a>(block: &mut &'a [u8]) -> Option<(Mention, Written<'a>)> {
    let bits = take_varint(block)?;
    let mut claim = || Some(ClaimId::of_row(take_varint(block)? as u32));
    let claims = BySubject {
        account: claim()?,
        device: claim()?,
    };
    let group = take_u64(block)?;
    let mut number = || take_varint(block);
    let [object, row, logins, used, day, days] = [
        number()?,
        number()?,
        number()?,
        number()?,
        number()?,
        number()?,
    ];
    let since = match bits & HAS_FIRST_DAY {
        0 => None,
        _ => Some(number()? as i32),
    };
    let day = unfolded(day) as i32;
    let known = Days {
        newest: day,
        mask: days,
    };
    let mention = Mention {
        group,
        used: match used {
            0 => NEVER,
            used => microseconds_of(unfolded(used - 1)),
        },
        days,
        day,
        first_day: since.map_or_else(|| known.first(), |since| day.saturating_sub(since)),
        logins: logins.checked_sub(1).unwrap_or(NO_COUNT),
        object: ObjectId::of(object as u32)?,
        row: row as u32,
        rows: 0,
        claims,
        text: Text::KEPT,
        said: (bits & 63) as u8,
        keys: (bits >> KEYS & 63) as u8,
    };
    Some((mention, Written::take(block)?))
}

fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*number))
}

/// Reads what mentions are written out as, in the order of their positions.
pub(super) struct MentionReader<'s> {
    rows: Rows<'s>,
    spill: SpillReader<'s>,
    /// The position of the next mention of the block, and where it begins there.
    next: (usize, usize),
}

impl<'s> MentionReader<'s> {
    pub(super) fn new(rows: Rows<'s>, spill: SpillReader<'s>) -> MentionReader<'s> {
        MentionReader {
            rows,
            spill,
            next: (0, 0),
        }
    }

    /// Returns what a mention says.
    pub(super) fn written(&mut self, at: usize, mention: &Mention) -> Result<Written<'_>> {
        if mention.text.is_kept() {
            let kept = self.kept(at)?.ok_or(damaged("a mention is missing"))?;
            return Ok(kept.1);
        }
        let mut entry = self.spill.read(mention.text)?;
        Written::take(&mut entry).ok_or(damaged("a mention that was held back"))
    }

    /// Returns what the last generation has of a mention. The same one can be asked for again.
    pub(super) fn kept(&mut self, at: usize) -> Result<Option<(Mention, Written<'_>)>> {
        let block = at / BLOCK;
        let Some(mut columns) = self.rows.find(block as i64 + 1)? else {
            return Ok(None);
        };
        columns.skip(1)?;
        let block_bytes = columns.take()?.blob().unwrap_or_default();
        let (mut position, mut begin) = match self.next {
            next if (block * BLOCK..=at).contains(&next.0) => next,
            _ => (block * BLOCK, 0),
        };
        loop {
            let mut rest = block_bytes.get(begin..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(None);
            }
            let taken = take(&mut rest).ok_or(damaged("a block of mentions"))?;
            if position == at {
                self.next = (position, begin);
                return Ok(Some(taken));
            }
            position += 1;
            begin = block_bytes.len() - rest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_read_back() {
        let mention = Mention {
            group: u64::MAX,
            used: 1_795_118_673_000_000,
            days: 1 << 63 | 1,
            day: 20_777,
            first_day: 20_000,
            logins: 3,
            object: ObjectId::of(9).unwrap(),
            row: 1_000_000,
            rows: 0,
            claims: BySubject {
                account: ClaimId::of_row(5),
                device: None,
            },
            text: Text::KEPT,
            said: 0b010_001,
            keys: 0b010_001,
        };
        let never = Mention {
            used: NEVER,
            day: -1,
            first_day: -64,
            logins: NO_COUNT,
            claims: BySubject {
                account: None,
                device: ClaimId::of_row(7),
            },
            ..mention
        };
        let fraction = Mention {
            used: 1,
            logins: 0,
            ..mention
        };
        let written = Written {
            raw: 77,
            keys: BySubject {
                account: Some("s-1-5-21-1-2-3-1101"),
                device: Some("\t\tnb-1"),
            },
            extra: Some(r#"{"a":"b"}"#),
        };
        let mut block = Vec::new();
        for mention in [mention, never, fraction] {
            put(&mention, &written, &mut block);
        }
        let mut rest = block.as_slice();
        for mention in [mention, never, fraction] {
            let (read, said) = take(&mut rest).unwrap();
            assert_eq!(read, mention);
            let keys =
                BySubject::of(|side| written.keys[side].filter(|_| mention.claims[side].is_none()));
            assert_eq!(said, Written { keys, ..written });
        }
        assert!(rest.is_empty());
        for cut in 1..block.len() {
            let mut rest = &block[..cut];
            while !rest.is_empty() && take(&mut rest).is_some() {}
        }
    }
}
