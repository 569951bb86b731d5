//! Merged rows: those of accounts and devices that several claims tell of, each field by the newest part that carries it.

use std::borrow::Cow;

use super::aside::{AsideReader, columns_of};
use super::claim::{ClaimId, Part, said};
use super::error::{Error, Result};
use super::rows::{Head, SubjectRows, is_other};
use super::said::NEVER;
use super::stands_for::holders;
use super::text::{Fields, no_text};
use super::written_rows::MadeRows;
use crate::schema::{Class, FieldType, NAME, Subject};
use crate::sqlite::{Record, Value};

impl SubjectRows<'_> {
    /// Makes the row of a subject that several claims tell of.
    pub(super) fn make_merged(
        &self,
        row: u32,
        claims: &[ClaimId],
        composed: &mut AsideReader,
        made: &mut MadeRows,
    ) -> Result<()> {
        let mut texts = Vec::with_capacity(claims.len());
        for claim in claims {
            let text = composed.get(claim.at())?;
            texts.push(text.ok_or_else(no_text)?.to_vec());
        }
        let mut fields_of = Vec::with_capacity(claims.len());
        for text in &texts {
            fields_of.push(Fields::read(self.subject, columns_of(text)?)?);
        }
        let mut parts: Vec<(Part, usize)> = Vec::new();
        for (at, claim) in claims.iter().enumerate() {
            parts.extend(self.roster.parts(*claim).map(|part| (part, at)));
        }
        parts.sort_by(|left, right| self.ledger.compare(said(&left.0), said(&right.0)));
        let mut fields = Fields::nothing(self.subject);
        let (mut last_seen, mut seen_in) = (None, None);
        let mut named = claims.first().copied();
        for (part, at) in &parts {
            let shape = self.ledger.shape(part.shape)?;
            fields.overlay(self.subject, shape, &fields_of[*at]);
            if shape.carries_last_seen() {
                (last_seen, seen_in) = (part.last_seen(), Some(part.object));
            }
            if fields_of[*at].values[NAME] != Value::Null {
                named = Some(claims[*at]);
            }
        }
        let mut text = Record::default();
        fields.put(&mut text);
        let (Some((newest, _)), Some(named)) = (parts.last(), named) else {
            return Err(Error::Inconsistent("a merged row has no parts"));
        };
        let seen_in = seen_in.unwrap_or(newest.object);
        let class = match self.subject {
            Subject::Account => self.sharing.class(self.traits(text.columns())?, named),
            Subject::Device => Class::Unknown,
        };
        let observed_at = self.ledger.observed_at(newest.object);
        let firsts = parts.iter().map(|(part, _)| part.first);
        let head = Head {
            owner: None,
            class,
            flags: self.row_flags(row, last_seen.unwrap_or(observed_at).min(observed_at)),
            last_seen,
            newest: *newest,
            first: firsts.fold(newest.first, |first, other| {
                self.ledger.earlier(first, other)
            }),
            parts: &[],
            last_use: None,
        };
        head.put(&mut made.record);
        made.record.put_columns(text.columns());
        made.rows.push(i64::from(row), &made.record);
        made.classes.push(class);
        made.tally.add(class, self.gone.has(row));
        let texts = texts.iter().map(|text| columns_of(text));
        let texts = texts.collect::<Result<Vec<_>>>()?;
        let of_claims: Vec<_> = claims.iter().copied().zip(texts).collect();
        let there_since = self.there_since(&of_claims, text.columns())?;
        let last = last_seen.unwrap_or(NEVER);
        made.seen.push(last, seen_in, there_since);
        let is_old = |claim: &ClaimId| claim.at() < self.roster.kept;
        match claims.iter().any(is_old) {
            // Keys never change within a claim: a newer one brought others, or only more.
            true => {
                let old = parts.iter().filter(|(_, at)| is_old(&claims[*at]));
                let mut before = Fields::nothing(self.subject);
                for (part, at) in old {
                    before.overlay(
                        self.subject,
                        self.ledger.shape(part.shape)?,
                        &fields_of[*at],
                    );
                }
                if self.tells_otherwise(&before, &fields) {
                    made.changed.changed.push(row);
                }
            }
            false => made.changed.added += 1,
        }
        let is_same = |claim: &ClaimId| self.sharing.same_value[self.subject].has(claim.row());
        if claims.iter().any(is_same) {
            let same = holders(self.subject, row, text.columns())?;
            made.same_value.extend(same);
        }
        self.show(row, last_seen, text.columns(), made)
    }

    /// Tells whether fields have another key or identifier than before: that there was none is no change.
    fn tells_otherwise(&self, before: &Fields, now: &Fields) -> bool {
        let fields = self.subject.fields().iter().enumerate();
        let mut identifying = fields.filter(|(_, field)| {
            matches!(field.kind, FieldType::Key(_) | FieldType::Identifier(_))
        });
        identifying.any(|(at, _)| {
            let shown = |fields: &Fields| self.texts.shown(fields.values[at]).map(Cow::into_owned);
            is_other(&shown(before), &shown(now))
        })
    }
}
