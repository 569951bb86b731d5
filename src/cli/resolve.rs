//! `identidex resolve`: looks values up, for a person or as JSON.
//!
//! How values are taken is `asked`'s and `clues`' affair; how an answer reads, that of `answer`.

use std::io::{self, BufRead, Read as _};
use std::sync::Arc;

use anyhow::Context as _;
use tracing::warn;

use super::answer::{meant, text_of};
use super::asked::Asked;
use super::nexthink::Asking;
use super::{BadUsage, Context, Exit, clues, one_line, print_if_read};
use crate::decode::utf16_of;
use crate::lookup::{Answer, BadClues, Index, Outcome, Query, Suggestion};
use crate::resolver::AnsweredBy;

/// The longest line that is read; the longest identifier has 1,024 bytes.
const LINE_BYTES_AT_MOST: u64 = 64 << 10;
/// Reads values from standard input.
const STANDARD_INPUT: &str = "-";

/// Find the accounts and devices that identifiers belong to
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  identidex resolve jdoe@EMEA\n  identidex resolve --json --together upn=john.doe@contoso.com \"name=John Doe\""
)]
pub(super) struct Args {
    /// Look these up; - reads values from standard input, one a line
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,
    #[command(flatten)]
    asked: Asked,
    /// Take all values for identifiers of one account or device, which must agree; upn=…, device=…, name=… and the like
    /// say what a value is, and - reads a set of them from each line of standard input: tabs between, or a JSON object
    #[arg(long)]
    together: bool,
    /// With --together: what the person is called, which must agree too
    #[arg(long, value_name = "NAME", requires = "together")]
    full_name: Option<String>,
    /// Where nobody is found, list names that resemble the value
    #[arg(long, conflicts_with = "together")]
    suggest: bool,
    /// Ask Nexthink, as [nexthink] says, where the index knows nobody or is stale
    #[arg(long)]
    live: bool,
    /// Print each answer as one line of JSON
    #[arg(long)]
    json: bool,
}

/// An answer, and what may have been meant where nobody was found.
#[derive(serde::Serialize)]
struct Resolved {
    #[serde(flatten)]
    answer: Answer,
    #[serde(flatten)]
    answered: Option<Answered>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suggestions: Vec<Suggestion>,
}

/// Who answered, where Nexthink might have been asked.
#[derive(serde::Serialize)]
struct Answered {
    #[serde(rename = "answered_by")]
    by: &'static str,
    /// Why it was not, or not for all.
    #[serde(rename = "not_asked", skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let index = Arc::new(context.open_index()?);
    let asking = match args.live {
        true => Some(Asking::new(context, Arc::clone(&index))?),
        false => None,
    };
    let mut resolving = Resolving {
        index: &index,
        asking,
        args,
        worst: None,
        is_read: true,
        line_number: 0,
    };
    let is_input = |value: &String| value == STANDARD_INPUT;
    if args.together && !args.values.iter().any(is_input) {
        let query = together(args).map_err(|wrong| BadUsage(wrong.to_string()))?;
        resolving.resolve(query)?;
        return Ok(resolving.worst.unwrap_or(Exit::Done));
    }
    if args.together && (args.values.len() > 1 || args.full_name.is_some()) {
        let text = "with --together, - is the only value: each line of standard input is a set";
        return Err(BadUsage(text.into()).into());
    }
    for value in &args.values {
        if !is_input(value) {
            resolving.resolve(args.asked.query(value.clone()))?;
            continue;
        }
        let mut input = as_utf8(io::stdin().lock())?;
        while let Some(line) = next_line(&mut input)?.filter(|_| resolving.is_read) {
            resolving.line_number += 1;
            // An empty line is no value.
            if line.trim().is_empty() {
                continue;
            }
            let query = match args.together {
                true => resolving.set_of(&line),
                false => args.asked.query(line),
            };
            resolving.resolve(query)?;
        }
    }
    Ok(resolving.worst.unwrap_or(Exit::Done))
}

fn together(args: &Args) -> Result<Query, BadClues> {
    let values = args.values.iter().map(String::as_str);
    let clues = clues::of_values(values, &args.asked)?;
    let name = args.full_name.clone().map(Query::full_name);
    Ok(Query::all_of(std::iter::once(clues).chain(name)))
}

/// Queries that are answered one after the other.
struct Resolving<'a> {
    index: &'a Index,
    /// Where Nexthink may be asked.
    asking: Option<Asking>,
    args: &'a Args,
    worst: Option<Exit>,
    /// Somebody may read further answers.
    is_read: bool,
    /// Of standard input.
    line_number: u64,
}

impl Resolving<'_> {
    /// Reads a set of clues. One that is none is unparseable, as a value would be: each line has its answer.
    fn set_of(&self, line: &str) -> Query {
        clues::of_line(line, &self.args.asked).unwrap_or_else(|wrong| {
            warn!(line = self.line_number, "{wrong}");
            Query::all_of([])
        })
    }

    /// Finds who is meant, and by whom that is said where it may be Nexthink.
    fn find(&self, query: Query) -> anyhow::Result<(Answer, Option<Answered>)> {
        let Some(asking) = &self.asking else {
            return Ok((self.index.find(query)?, None));
        };
        let resolved = asking.resolve(query)?;
        let fault = resolved.fault.map(|fault| fault.to_string());
        if let Some(why) = &fault {
            warn!("Nexthink could not be asked for all: {why}");
        }
        let by = match resolved.by {
            AnsweredBy::Index => "index",
            AnsweredBy::Nexthink => "nexthink",
        };
        Ok((resolved.answer, Some(Answered { by, fault })))
    }

    fn resolve(&mut self, query: Query) -> anyhow::Result<()> {
        let (answer, answered) = self.find(query)?;
        let suggestions = match answer.outcome == Outcome::None && self.args.suggest {
            true => self.index.suggest(&answer.query)?,
            false => Vec::new(),
        };
        let exit = Exit::of_outcome(answer.outcome);
        let resolved = Resolved {
            answer,
            answered,
            suggestions,
        };
        self.is_read = match self.args.json {
            true => print_if_read(one_line(&serde_json::to_string(&resolved)?))?,
            false => {
                // An empty line between two answers.
                let gap = if self.worst.is_some() { "\n" } else { "" };
                let meant = meant(&resolved.suggestions);
                let by = match resolved.answered.as_ref().map(|answered| answered.by) {
                    Some("nexthink") => {
                        "\nasked of Nexthink just now: which device is the primary one is not known"
                    }
                    _ => "",
                };
                print_if_read(format_args!(
                    "{gap}{}{by}{meant}",
                    text_of(&resolved.answer)
                ))?
            }
        };
        self.worst = self.worst.max(Some(exit));
        Ok(())
    }
}

/// Returns the text of standard input without the mark that some programs begin with; one in UTF-16 is a
/// file, and is read to its end: by its mark, or where the first two letters are Latin ones that came at once.
fn as_utf8<'i>(mut input: impl BufRead + 'i) -> anyhow::Result<Box<dyn BufRead + 'i>> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let start = input.fill_buf().context("cannot read standard input")?;
    let utf16 = utf16_of(start);
    if start.starts_with(MARK) {
        input.consume(MARK.len());
    }
    let Some(utf16) = utf16 else {
        return Ok(Box::new(input));
    };
    let mut bytes = Vec::new();
    input
        .read_to_end(&mut bytes)
        .context("cannot read standard input")?;
    let (text, ..) = utf16.decode(&bytes);
    Ok(Box::new(io::Cursor::new(text.into_owned().into_bytes())))
}

/// Reads a line; one that no identifier can be as long as is cut, and one that is not UTF-8 keeps no wrong letter.
fn next_line(input: &mut impl BufRead) -> anyhow::Result<Option<String>> {
    let mut line = Vec::new();
    let read = input
        .by_ref()
        .take(LINE_BYTES_AT_MOST)
        .read_until(b'\n', &mut line)
        .context("cannot read standard input")?;
    if read as u64 == LINE_BYTES_AT_MOST && !line.ends_with(b"\n") {
        input
            .skip_until(b'\n')
            .context("cannot read standard input")?;
    }
    if read == 0 {
        return Ok(None);
    }
    let line = String::from_utf8_lossy(&line);
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_no_part_of_the_first_value_and_utf_16_is_read() {
        let utf16 = |text: &str| -> Vec<u8> {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(u16::to_le_bytes).collect()
        };
        for text in [
            b"\xef\xbb\xbfj\xc3\xb6@EMEA\nb".to_vec(),
            utf16("j\u{f6}@EMEA\nb"),
            utf16("j\u{f6}@EMEA\nb")[2..].to_vec(),
        ] {
            let mut input = as_utf8(text.as_slice()).unwrap();
            let first = next_line(&mut input).unwrap();
            assert_eq!(first.as_deref(), Some("j\u{f6}@EMEA"));
        }
    }

    #[test]
    fn lines_are_read_whole_cut_or_lossy_but_never_joined() {
        let long = "x".repeat(LINE_BYTES_AT_MOST as usize + 5);
        let text = [
            b"jdoe@EMEA\r\n\n".as_slice(),
            long.as_bytes(),
            b"\n\xff\nlast",
        ]
        .concat();
        let mut input = text.as_slice();
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines.len(), 5);
        assert_eq!((lines[0].as_str(), lines[1].as_str()), ("jdoe@EMEA", ""));
        assert_eq!(lines[2].len() as u64, LINE_BYTES_AT_MOST);
        assert_eq!((lines[3].as_str(), lines[4].as_str()), ("\u{fffd}", "last"));
    }
}
