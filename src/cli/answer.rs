//! An answer as text: what `resolve` and `why` print for people.
//!
//! Single values are put by `words`; the JSON of an answer is the library's affair.

use std::fmt::Write as _;

use super::words::{
    flag_in_words, kind_in_words, minute, printable, shown, state_in_words, verdict_in_words,
};
use crate::lookup::{
    Account, AccountUse, Answer, Coverage, Device, DeviceUse, Flag, Found, Level, Match, NotEnough,
    Outcome, Suggestion, Use, Waiting,
};
use crate::schema::{Class, Dataset};

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
    push_passed_over(&mut text, answer);
    push_grounds(&mut text, answer);
    text
}

/// Lists names that resemble what was asked for.
pub(super) fn meant(suggestions: &[Suggestion]) -> String {
    let lines = suggestions.iter().map(|one| {
        let called = one.full_name.as_deref().map(printable);
        let called = called.map_or(String::new(), |name| format!("  {name}"));
        let class = one.class.filter(|class| *class != Class::Person);
        let class = class.map_or(String::new(), |class| {
            format!(" ({} account)", class.as_str())
        });
        let kind = kind_in_words(one.kind);
        format!("\n  {kind} {}{called}{class}", printable(&one.name))
    });
    let lines: String = lines.collect();
    match suggestions {
        [] => lines,
        _ => format!("\nnames that resemble it:{lines}"),
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
    push_enough(text, one);
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
    push_enough(text, one);
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

/// Says whether that is enough to act on.
fn push_enough(text: &mut String, one: &Match) {
    let enough = match one.not_enough {
        None => "enough agreed",
        Some(NotEnough::NotOne) => "not enough: others may be meant",
        Some(NotEnough::TooLittle) => "not enough: one identifier that is no stable key",
        Some(NotEnough::NamesakeWaits) => {
            "not enough: newer usages wait that name it with another SID or uid"
        }
        Some(_) => "not enough: mind the above",
    };
    push_line(text, "to act on it", Some(enough));
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
        true => "shared".to_owned(),
        false => note_of(&one.usage),
    };
    [
        cell(name),
        cell(kind),
        cell(os),
        logins(&one.usage),
        last_seen.map(minute).unwrap_or_default(),
        cell(collector_uid),
        note,
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
        note_of(&one.usage),
    ]
}

fn cell(text: &Option<String>) -> String {
    printable(text.as_deref().unwrap_or_default()).into_owned()
}

fn logins(usage: &Use) -> String {
    usage
        .logins
        .map(|logins| logins.to_string())
        .unwrap_or_default()
}

fn note_of(usage: &Use) -> String {
    let mut notes = Vec::new();
    if usage.is_primary() {
        notes.push("primary".to_owned());
    } else if !usage.is_current {
        notes.push("not of late".to_owned());
    }
    let through = usage.through.as_deref();
    notes.extend(through.map(|local| format!("through {}", printable(local))));
    notes.join(", ")
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

/// Says what an answer passed over, and what to mind of what was asked.
fn push_passed_over(text: &mut String, answer: &Answer) {
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
    if skipped.gone > 0 {
        let _ = write!(
            text,
            "\nleft out: {}, gone: not in the newest export that lists all",
            skipped.gone
        );
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
}

/// Says what an answer rests on.
fn push_grounds(text: &mut String, answer: &Answer) {
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
            state_in_words(freshness),
        ),
        Outcome::One | Outcome::Several => write!(
            text,
            "\nas of {} ({}), generation {generation}",
            freshness.as_of.map_or_else(String::new, minute),
            state_in_words(freshness),
        ),
    };
}

fn covered(coverage: &Coverage) -> String {
    let datasets = Dataset::ALL.map(|dataset| match coverage.of(dataset) {
        Some(time) => format!("{} until {}", dataset.as_str(), minute(time)),
        None => format!("no {}", dataset.as_str()),
    });
    datasets.join(", ")
}
