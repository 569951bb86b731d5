//! `identidex resolve`: looks values up, for a person or as JSON.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, BufRead, Read as _};

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use jiff::Timestamp;

use super::{BadUsage, Context, Exit, print, print_json};
use crate::identifier::Kind;
use crate::lookup::{
    Account, AccountUse, Answer, Coverage, Device, DeviceUse, Flag, Found, Index, Level, Match,
    Outcome, Query, Suggestion, Use, Verdict, Waiting,
};
use crate::schema::Dataset;

/// The longest line that is read; the longest identifier has 1,024 bytes.
const LINE_BYTES_AT_MOST: u64 = 64 << 10;
/// Reads values from standard input.
const STANDARD_INPUT: &str = "-";

/// Find the accounts and devices that identifiers belong to
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Look these up; - reads values from standard input, one a line
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,
    #[command(flatten)]
    asked: Asked,
    /// Take all values for identifiers of one account or device, which must agree
    #[arg(long)]
    together: bool,
    /// With --together: what the person is called, which must agree too
    #[arg(long, value_name = "NAME", requires = "together")]
    full_name: Option<String>,
    /// Where nobody is found, list names that resemble the value
    #[arg(long, conflicts_with = "together")]
    suggest: bool,
    /// Print each answer as one line of JSON
    #[arg(long)]
    json: bool,
}

/// How values are to be taken.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// Take values for this kind of identifier only [default: every kind that they can be]
    #[arg(long, value_name = "KIND", value_parser = kind_parser())]
    kind: Option<Kind>,
    /// Find machine and local accounts too
    #[arg(long)]
    all_classes: bool,
}

impl Asked {
    /// Asks for a value.
    pub(super) fn query(&self, value: String) -> Query {
        let query = match self.kind {
            Some(kind) => Query::of(kind, value),
            None => Query::any(value),
        };
        match self.all_classes {
            true => query.all_classes(),
            false => query,
        }
    }
}

/// An answer, and what may have been meant where nobody was found.
#[derive(serde::Serialize)]
struct Resolved {
    #[serde(flatten)]
    answer: Answer,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suggestions: Vec<Suggestion>,
}

fn kind_parser() -> impl clap::builder::TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Query::KINDS.map(Kind::as_str)).map(|name| {
        let found = Query::KINDS.into_iter().find(|kind| kind.as_str() == name);
        found.expect("the parser lets the names of Query::KINDS through only")
    })
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let index = context.open_index()?;
    let mut resolving = Resolving {
        index: &index,
        args,
        worst: None,
    };
    if args.together {
        resolving.resolve(together(args)?)?;
        return Ok(resolving.worst.unwrap_or(Exit::Done));
    }
    for value in &args.values {
        if value != STANDARD_INPUT {
            resolving.resolve(args.asked.query(value.clone()))?;
            continue;
        }
        let mut input = io::stdin().lock();
        while let Some(line) = next_line(&mut input)? {
            resolving.resolve(args.asked.query(line))?;
        }
    }
    Ok(resolving.worst.unwrap_or(Exit::Done))
}

fn together(args: &Args) -> anyhow::Result<Query> {
    if args.values.iter().any(|value| value == STANDARD_INPUT) {
        let text = "--together takes its values from the command line, not from -";
        return Err(BadUsage(text.into()).into());
    }
    let values = args.values.iter().cloned();
    let values = values.map(|value| args.asked.query(value));
    Ok(Query::all_of(
        values.chain(args.full_name.clone().map(Query::full_name)),
    ))
}

/// Queries that are answered one after the other.
struct Resolving<'a> {
    index: &'a Index,
    args: &'a Args,
    worst: Option<Exit>,
}

impl Resolving<'_> {
    fn resolve(&mut self, query: Query) -> anyhow::Result<()> {
        let answer = self.index.find(query)?;
        let suggestions = match answer.outcome == Outcome::None && self.args.suggest {
            true => self.index.suggest(&answer.query)?,
            false => Vec::new(),
        };
        let exit = Exit::of_outcome(answer.outcome);
        let resolved = Resolved {
            answer,
            suggestions,
        };
        match self.args.json {
            true => print_json(&resolved)?,
            false => {
                // An empty line between two answers.
                let gap = if self.worst.is_some() { "\n" } else { "" };
                let meant = meant(&resolved.suggestions);
                print(format_args!("{gap}{}{meant}", text_of(&resolved.answer)))?;
            }
        }
        self.worst = self.worst.max(Some(exit));
        Ok(())
    }
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

// ---- for people ----

/// Lists names that resemble what was asked for.
fn meant(suggestions: &[Suggestion]) -> String {
    let lines = suggestions
        .iter()
        .map(|one| format!("\n  {} {}", kind_in_words(one.kind), printable(&one.name)));
    let lines: String = lines.collect();
    match suggestions {
        [] => lines,
        _ => format!("\nnames that resemble it:{lines}"),
    }
}

/// Returns an answer as text, without a line end.
pub(super) fn text_of(answer: &Answer) -> String {
    let mut text = format!("{}: {}", shown(&answer.query), headline(answer));
    for one in &answer.matches {
        text.push_str("\n\n");
        push_match(&mut text, one);
    }
    if !answer.matches.is_empty() {
        text.push('\n');
    }
    push_reasons(&mut text, answer);
    text
}

/// What control characters would do to a terminal is not for a query to say; nor need all of a long one be shown.
fn shown(query: &str) -> String {
    const AT_MOST: usize = 100;
    let text: String = query.escape_debug().take(AT_MOST).collect();
    match query.chars().nth(AT_MOST) {
        Some(_) => text + "…",
        // Quotes and backslashes are harmless, and names have them.
        None if !query.chars().any(char::is_control) => query.to_owned(),
        None => text,
    }
}

fn headline(answer: &Answer) -> String {
    match answer.outcome {
        Outcome::One => "one match".to_owned(),
        Outcome::Several if answer.matches.len() == 1 => {
            "one match, but it also points to others; ask which one is meant".to_owned()
        }
        Outcome::Several => format!(
            "several matches ({}); ask which one is meant",
            answer.matches.len()
        ),
        Outcome::None => "no match".to_owned(),
        Outcome::Unparseable => "no identifier of the kinds asked for".to_owned(),
    }
}

fn push_match(text: &mut String, one: &Match) {
    match &one.subject {
        Found::Account {
            account,
            devices,
            devices_left_out,
        } => {
            push_account(text, account, one);
            let rows: Vec<_> = devices.iter().map(device_cells).collect();
            let head = [
                "device",
                "type",
                "os",
                "logins",
                "last seen",
                "collector uid",
                "",
            ];
            push_table(text, head, rows);
            push_left_out(text, *devices_left_out);
            push_waiting(text, &one.waiting, "devices");
        }
        Found::Device {
            device,
            is_shared,
            accounts,
            accounts_left_out,
        } => {
            push_device(text, device, *is_shared, one);
            let rows: Vec<_> = accounts.iter().map(account_cells).collect();
            let head = ["account", "name", "class", "logins", "last seen", "uid", ""];
            push_table(text, head, rows);
            push_left_out(text, *accounts_left_out);
            push_waiting(text, &one.waiting, "accounts");
        }
    }
}

fn push_account(text: &mut String, account: &Account, one: &Match) {
    let called = account.full_name.as_ref().or(account.account_name.as_ref());
    let called = called.map_or("an account without a name", String::as_str);
    let called = printable(called);
    let _ = write!(text, "{called}  ({} account)", account.class.as_str());
    let work = [&account.job_title, &account.department];
    let work: Vec<&str> = work.into_iter().flatten().map(String::as_str).collect();
    push_line(text, "matched by", Some(&matched(one)));
    push_flags(text, one);
    push_line(text, "work", Some(&work.join(", ")));
    push_line(text, "account name", account.account_name.as_deref());
    push_line(text, "UPN", account.upn.as_deref());
    push_line(text, "email", account.email.as_deref());
    push_line(text, "SID", account.sid.as_deref());
    push_line(text, "uid", account.uid.as_deref());
    push_line(text, "last seen", account.last_seen.map(minute).as_deref());
}

fn push_device(text: &mut String, device: &Device, is_shared: bool, one: &Match) {
    let called = device.name.as_deref().unwrap_or("a device without a name");
    let shared = if is_shared { "shared " } else { "" };
    let called = printable(called);
    let _ = write!(text, "{called}  ({shared}device)");
    let make = [&device.kind, &device.manufacturer, &device.model];
    let make: Vec<&str> = make.into_iter().flatten().map(String::as_str).collect();
    push_line(text, "matched by", Some(&matched(one)));
    push_flags(text, one);
    push_line(text, "made as", Some(&make.join(", ")));
    push_line(text, "system", device.os.as_deref());
    push_line(text, "entity", device.entity.as_deref());
    push_line(text, "serial number", device.serial_number.as_deref());
    push_line(text, "uid", device.uid.as_deref());
    push_line(text, "collector uid", device.collector_uid.as_deref());
    push_line(text, "last seen", device.last_seen.map(minute).as_deref());
}

fn push_line(text: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        let _ = write!(text, "\n  {name:15}{}", printable(value));
    }
}

fn push_flags(text: &mut String, one: &Match) {
    for flag in &one.flags {
        let since = one.moved_at.filter(|_| *flag == Flag::Moved);
        let since = since.map_or(String::new(), |at| format!(" {}", minute(at)));
        push_line(
            text,
            "mind",
            Some(&format!("{}{since}", flag_in_words(*flag))),
        );
    }
}

/// Says which kinds agreed, and how.
fn matched(one: &Match) -> String {
    let kinds = one.evidence.iter().map(|one| kind_in_words(one.kind));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    let how = match one.level {
        Level::Exact => return kinds,
        Level::Folded => "another spelling",
        Level::ShortName => "without its domain",
        Level::BareName => "the query gives no domain",
    };
    format!("{kinds} ({how})")
}

pub(super) fn kind_in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Sid | Kind::WeakSid => "SID",
        Kind::Uid => "uid",
        Kind::AccountName | Kind::BareName => "account name",
        Kind::Upn => "UPN",
        Kind::Email => "email",
        Kind::DeviceUid => "device uid",
        Kind::CollectorUid => "collector uid",
        Kind::DeviceName | Kind::ShortName => "device name",
        Kind::SerialNumber => "serial number",
        Kind::Domain => "domain",
    }
}

type Cells = [String; 7];

fn device_cells(one: &DeviceUse) -> Cells {
    let Device {
        name,
        kind,
        os,
        last_seen,
        collector_uid,
        ..
    } = &one.device;
    let note = match one.is_shared {
        true => "shared",
        false => note_of(&one.usage),
    };
    [
        cell(name),
        cell(kind),
        cell(os),
        logins(&one.usage),
        last_seen.map(minute).unwrap_or_default(),
        cell(collector_uid),
        note.to_owned(),
    ]
}

fn account_cells(one: &AccountUse) -> Cells {
    let Account {
        account_name,
        full_name,
        class,
        last_seen,
        uid,
        ..
    } = &one.account;
    [
        cell(account_name),
        cell(full_name),
        class.as_str().to_owned(),
        logins(&one.usage),
        last_seen.map(minute).unwrap_or_default(),
        cell(uid),
        note_of(&one.usage).to_owned(),
    ]
}

fn cell(text: &Option<String>) -> String {
    printable(text.as_deref().unwrap_or_default()).into_owned()
}

/// Writes control characters as escapes: what an export holds must not command a terminal, nor break a line.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escaped = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    Cow::Owned(text.chars().map(escaped).collect())
}

fn logins(usage: &Use) -> String {
    usage
        .logins
        .map(|logins| logins.to_string())
        .unwrap_or_default()
}

fn note_of(usage: &Use) -> &'static str {
    if usage.is_primary { "primary" } else { "" }
}

/// Writes a table of as narrow columns as its cells allow; nothing when it has no rows.
fn push_table(text: &mut String, head: [&str; 7], mut rows: Vec<Cells>) {
    if rows.is_empty() {
        return;
    }
    rows.insert(0, head.map(str::to_owned));
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max();
    let widths: [usize; 7] = std::array::from_fn(|at| width(at).unwrap_or(0));
    text.push('\n');
    for row in &rows {
        let cells = row.iter().zip(widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        let _ = write!(text, "\n  {}", line.trim_end());
    }
}

fn push_left_out(text: &mut String, count: u64) {
    if count > 0 {
        let _ = write!(text, "\n  and {count} more");
    }
}

/// Says that there may be more on the other side than is shown.
fn push_waiting(text: &mut String, waiting: &Waiting, others: &str) {
    let reasons = [
        (waiting.unknown, "nobody known"),
        (waiting.ambiguous, "more than one"),
    ];
    let reasons = reasons.into_iter().filter(|(count, _)| *count > 0);
    let reasons = reasons.map(|(count, whom)| match count {
        1 => format!("1 usage names {whom}"),
        count => format!("{count} usages name {whom}"),
    });
    let reasons: Vec<String> = reasons.collect();
    if !reasons.is_empty() {
        let reasons = reasons.join(", ");
        let _ = write!(
            text,
            "\n  there may be more {others}: {reasons} (`identidex why`)"
        );
    }
}

/// Says what an answer rests on, and what it passed over.
fn push_reasons(text: &mut String, answer: &Answer) {
    let skipped = answer.skipped;
    for (count, class) in [(skipped.machine, "machine"), (skipped.local, "local")] {
        if count > 0 {
            let accounts = if count == 1 { "account" } else { "accounts" };
            let _ = write!(
                text,
                "\nleft out: {count} {class} {accounts} (see --all-classes)"
            );
        }
    }
    for kind in &answer.non_identifying {
        let kind = kind_in_words(*kind);
        let _ = write!(text, "\nheld by too many to identify anybody: as {kind}");
    }
    for clue in &answer.clues {
        let _ = write!(
            text,
            "\n{}: {}",
            shown(&clue.text),
            verdict_in_words(clue.verdict)
        );
    }
    for flag in &answer.flags {
        let _ = write!(text, "\n{}", flag_in_words(*flag));
    }
    let Answer {
        freshness,
        generation,
        ..
    } = answer;
    let _ = match answer.outcome {
        Outcome::Unparseable => Ok(()),
        Outcome::None => write!(
            text,
            "\ncovered: {} ({}), generation {generation}",
            covered(&answer.coverage),
            freshness.state,
        ),
        Outcome::One | Outcome::Several => write!(
            text,
            "\nas of {} ({}), generation {generation}",
            freshness.as_of.map_or_else(String::new, minute),
            freshness.state,
        ),
    };
}

fn verdict_in_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Agrees => "agrees",
        Verdict::Elsewhere => "held by somebody who does not fit the rest",
        Verdict::Nobody => "held by nobody",
        Verdict::TooMany => "held by too many to identify anybody",
        Verdict::Unparseable => "passed over; not what it was taken for",
    }
}

fn flag_in_words(flag: Flag) -> &'static str {
    match flag {
        Flag::WeakSid => "its SID is no key: other machines have the same",
        Flag::Confusable => {
            "has letters that look like others, with which it is what somebody else holds"
        }
        Flag::Moved => "another one had it too; this one was first seen with it",
        Flag::ConfusableWithKnown => "with letters that look alike it is what somebody holds",
        Flag::Contradiction => "the values point to different subjects",
    }
}

fn covered(coverage: &Coverage) -> String {
    let datasets = Dataset::ALL.map(|dataset| match coverage.of(dataset) {
        Some(time) => format!("{} until {}", dataset.as_str(), minute(time)),
        None => format!("no {}", dataset.as_str()),
    });
    datasets.join(", ")
}

/// Writes a time to the minute.
pub(super) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_query_cannot_steer_the_terminal() {
        assert_eq!(shown(r"EMEA\jdoe"), r"EMEA\jdoe");
        assert_eq!(shown("a\u{1b}[31m"), r"a\u{1b}[31m");
        assert_eq!(shown(&"x".repeat(200)).chars().count(), 101);
    }
}
