//! `identidex forget`: erases a person from the index, for good.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use super::asked::Asked;
use super::readers::readers;
use super::sync::{configured_options, inbox_of};
use super::words::printable;
use super::{BadUsage, Context, Exit, acts, answer, print, print_json};
use crate::identifier::Kind;
use crate::index::{self, AccountKeys, LetGo, Person};
use crate::ingest::{self, Forgotten, Whom};
use crate::lookup::{Answer, Evidence, Flag, Found, Index, Outcome, Query};
use crate::publish::{Erasures, Folder};
use crate::receive::Events;

/// Erase a person from the index, for good: later exports do not bring them back
///
/// A generation without the account is made, and all others are removed. The exports themselves are not changed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  identidex forget jdoe@EMEA --reason 'request 4711'\n  identidex forget --list\n  identidex forget --undo 3"
)]
pub(super) struct Args {
    #[command(flatten)]
    asked: Asked,
    /// Erase the one account that this finds
    #[arg(value_name = "VALUE", required_unless_present_any = ["list", "undo"])]
    value: Option<String>,
    /// Why, for whoever reads the list; not who
    #[arg(long, value_name = "TEXT", required_unless_present_any = ["list", "undo", "dry_run"])]
    reason: Option<String>,
    /// Say whom it would erase, and erase nobody
    #[arg(long, conflicts_with_all = ["list", "undo"])]
    dry_run: bool,
    /// List the erasures: ids, times and reasons
    #[arg(long, conflicts_with_all = ["value", "undo"])]
    list: bool,
    /// Take an erasure off the list, by its id: later exports bring the person back
    #[arg(long, value_name = "ID", conflicts_with = "value")]
    undo: Option<u64>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// What was done beside the index.
struct Beside {
    events: u64,
    exports: u64,
    /// Lines of the log of acts that name them; they stay.
    acts: u64,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let folder = Folder::open(&context.config.index.path, readers(&context.config)?)?;
    match (&args.value, args.undo) {
        (None, Some(id)) => undo(id, &folder, args.json),
        (None, None) => list(&folder, args.json),
        (Some(value), _) => forget(value, args, context),
    }
}

fn list(folder: &Folder, is_json: bool) -> anyhow::Result<Exit> {
    let erasures = folder.erasures()?;
    match is_json {
        true => {
            let all = erasures.erased.iter().map(|one| {
                json!({"id": one.id, "at": one.at, "reason": one.reason, "values": one.hashes(), "is_done": one.is_done})
            });
            print_json(&json!({ "erased": Vec::from_iter(all) }))?;
        }
        false => print(text_of_list(&erasures))?,
    }
    Ok(Exit::Done)
}

fn text_of_list(erasures: &Erasures) -> String {
    if erasures.erased.is_empty() {
        return "nobody was erased".to_owned();
    }
    let lines = erasures.erased.iter().map(|one| {
        let left = if one.is_done {
            ""
        } else {
            "  (not done yet: the next run does it)"
        };
        format!(
            "{:>4}  {}  {}{left}",
            one.id,
            one.at,
            printable(&one.reason)
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn undo(id: u64, folder: &Folder, is_json: bool) -> anyhow::Result<Exit> {
    // Locking makes the folder.
    if !folder.path().is_dir() {
        return Err(index::Error::Empty.into());
    }
    let _lock = folder.lock()?;
    let mut erasures = folder.erasures()?;
    if !erasures.take_off(id) {
        return Err(BadUsage(format!(
            "no erasure has the id {id}; `identidex forget --list` has them"
        ))
        .into());
    }
    folder.set_erasures(&erasures)?;
    match is_json {
        true => print_json(&json!({ "undone": id }))?,
        false => print(format!(
            "erasure {id} is off the list; exports that are new from now on bring the person back"
        ))?,
    }
    Ok(Exit::Done)
}

fn forget(value: &str, args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let index = context.open_index()?;
    let answer = index.find(args.asked.query(value.to_owned()).with_gone())?;
    let (whom, person) = match (keys_of(&answer), answer.outcome) {
        (Some(_), _) if is_doubtful(&answer) => return doubtful(&answer, args.json),
        (Some(keys), _) => {
            let person = index::person(&index.file(), &keys)?.ok_or(ingest::Error::Nobody)?;
            (Whom::Account(keys), person)
        }
        (None, Outcome::None) => match index::person_named(value) {
            Some(person) => (Whom::Named(value.to_owned()), person),
            None => return refused(&answer, args.json),
        },
        (None, _) => return refused(&answer, args.json),
    };
    let options = configured_options(&context.config)?;
    let heirs = heirs(&index, &person)?;
    // What lies beside the index goes first, and is not to go for a name that nobody has.
    if args.dry_run || matches!(whom, Whom::Named(_)) {
        let let_go = ingest::would_forget(&options, &person)?;
        if let (None, Whom::Named(_)) = (let_go, &whom) {
            return refused(&answer, args.json);
        }
        if args.dry_run {
            let let_go = let_go.unwrap_or_default();
            show_plan(&answer, &person, (let_go, &heirs), args.json)?;
            return Ok(Exit::Done);
        }
    }
    let reason = args.reason.as_deref().unwrap_or_default();
    if person.naming().is_in(reason) {
        return Err(
            BadUsage("--reason names the person; the list keeps it in clear".to_owned()).into(),
        );
    }
    Folder::open(&options.index, options.readers)?.is_made_here()?;
    // First, since it can be done again for as long as the index knows the account.
    let beside = beside_of(context, &person)?;
    let forgotten = ingest::forget(&options, &whom, reason, super::by_chance()?)?;
    match args.json {
        true => print_json(&json_of(&forgotten, &beside))?,
        false => print(text_of(&forgotten, &beside) + &of_heirs(&heirs) + &of_copies(context))?,
    }
    for failure in &forgotten.failures {
        eprintln!("error: the person is in it still: {}", failure.error);
    }
    match forgotten.failures.as_slice() {
        [] => Ok(Exit::Done),
        _ => Ok(Exit::Partly),
    }
}

/// Returns the account names of a person that are somebody else's today: what logins say by such a name alone goes, too.
fn heirs(index: &Index, person: &Person) -> anyhow::Result<Vec<String>> {
    let fields = person.rows.iter().flat_map(|row| &row.fields);
    let names: BTreeSet<&String> = fields
        .filter(|(field, _)| *field == "name")
        .map(|(_, name)| name)
        .collect();
    let mut heirs = Vec::new();
    for name in names {
        let found = index.find(Query::account_name(name.as_str()).all_classes())?;
        let mut keys = found.matches.iter().filter_map(|one| match &one.subject {
            Found::Account { account, .. } => Some([&account.sid, &account.uid]),
            Found::Device { .. } => None,
        });
        let is_other =
            |key: &Option<String>| key.as_ref().is_some_and(|key| !person.values.contains(key));
        if keys.any(|keys| keys.into_iter().any(is_other)) {
            heirs.push(name.clone());
        }
    }
    Ok(heirs)
}

fn show_plan(
    answer: &Answer,
    person: &Person,
    (let_go, heirs): (LetGo, &[String]),
    is_json: bool,
) -> anyhow::Result<()> {
    if is_json {
        return print_json(&json!({
            "would_erase": {
                "answer": answer, "claims": let_go.accounts, "usages": let_go.usages, "cells": let_go.cells,
                "names_of_others_today": heirs,
            },
        }));
    }
    let whom = match person.rows.is_empty() {
        true => "no export of users has this account; what others say of it by that name would be erased".to_owned(),
        false => format!("{}\n\nThis account would be erased", answer::text_of(answer)),
    };
    print(format!(
        "{whom}: {} rows of the account, {} of logins, {} cells of other rows{}",
        let_go.accounts,
        let_go.usages,
        let_go.cells,
        of_heirs(heirs)
    ))
}

/// Says whose logins go, too.
fn of_heirs(heirs: &[String]) -> String {
    match heirs {
        [] => String::new(),
        names => format!(
            "\nnote: {} is somebody else's today: logins and last users by the name alone are erased and left out, theirs too, and \
             their devices may not be known by them any more; have logins exported with SIDs or uids",
            printable(&names.join(", "))
        ),
    }
}

/// Tells whether somebody else may be meant, and the account was not named by what is its own for ever.
pub(super) fn is_doubtful(answer: &Answer) -> bool {
    let Ok(one) = answer.one() else {
        return true;
    };
    let is_own = |evidence: &Evidence| matches!(evidence.kind, Kind::Sid | Kind::Uid);
    let says_so = |flag: &Flag| *flag != Flag::NotSeenLately;
    let mut flags = one.flags.iter().chain(&answer.flags);
    flags.any(says_so) && !one.evidence.iter().any(is_own)
}

/// Does nothing: the value may mean somebody else, too.
pub(super) fn doubtful(answer: &Answer, is_json: bool) -> anyhow::Result<Exit> {
    match is_json {
        true => print_json(answer)?,
        false => print(answer::text_of(answer))?,
    }
    eprintln!(
        "error: nothing was done: the value may mean somebody else, too (`identidex why` says whom); name the account by its SID or \
         uid"
    );
    Ok(Exit::Refused)
}

/// Returns by what the one account is known that was found, whatever speaks against acting on it.
pub(super) fn keys_of(answer: &Answer) -> Option<AccountKeys> {
    match &answer.one().ok()?.subject {
        Found::Account { account, .. } => Some(AccountKeys {
            sid: account.sid.clone(),
            uid: account.uid.clone(),
            name: account.account_name.clone(),
        }),
        Found::Device { .. } => None,
    }
}

/// Does nothing: it is not one account that was found.
pub(super) fn refused(answer: &Answer, is_json: bool) -> anyhow::Result<Exit> {
    let is_device = answer.one().is_ok();
    match is_json {
        true => print_json(answer)?,
        false => print(answer::text_of(answer))?,
    }
    let why = match is_device {
        true => "that is a device; name what an account is known by",
        false => "nothing was done: name one account, by its SID or uid say",
    };
    eprintln!("error: {why}");
    Ok(match is_device {
        true => Exit::Usage,
        false => Exit::of_outcome(answer.outcome),
    })
}

/// Erases what lies beside the index: events that name them, and exports in our own inbox that were taken in.
fn beside_of(context: &Context, person: &Person) -> anyhow::Result<Beside> {
    let (events, naming) = (context.events(), person.naming());
    let erased = match events.exists() {
        true => Events::open(&events, context.config.receive.keep_events, &[])?.erase(&naming)?,
        false => 0,
    };
    Ok(Beside {
        events: erased,
        exports: erase_inbox(context)?,
        acts: acts::naming(&context.audit(), &naming)?.len() as u64,
    })
}

/// Removes exports in our own inbox that the index has taken in: whom they tell of need not be looked at.
fn erase_inbox(context: &Context) -> anyhow::Result<u64> {
    let folder = Folder::open(&context.config.index.path, readers(&context.config)?)?;
    let Some(current) = folder.current()? else {
        return Ok(0);
    };
    let taken = index::objects_of(&current.path)?;
    let (mut erased, inbox) = (0, inbox_of(&context.config.index.path));
    for name in taken.values() {
        let path = inbox.join(name);
        if path.is_file() && is_below(&path, &inbox) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            erased += 1;
        }
    }
    Ok(erased)
}

fn is_below(path: &Path, folder: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    let (path, folder): (Option<PathBuf>, Option<PathBuf>) = (whole(path), whole(folder));
    path.zip(folder)
        .is_some_and(|(path, folder)| path.starts_with(folder))
}

/// Says that other machines have the person still.
fn of_copies(context: &Context) -> String {
    let published = &context.config.publish;
    match &published.url {
        None => String::new(),
        Some(_) => "\nnote: what was published has them still: `identidex publish` has them removed there, and where it is pulled".to_owned(),
    }
}

fn json_of(forgotten: &Forgotten, beside: &Beside) -> serde_json::Value {
    let Forgotten {
        id,
        generation,
        let_go,
        failures,
    } = forgotten;
    json!({
        "id": id,
        "generation": generation,
        "erased": {
            "claims": let_go.accounts,
            "usages": let_go.usages,
            "cells": let_go.cells,
            "events": beside.events,
            "exports": beside.exports,
        },
        "acts_that_stay": beside.acts,
        "failures": failures,
    })
}

fn text_of(forgotten: &Forgotten, beside: &Beside) -> String {
    let let_go = forgotten.let_go;
    let mut text = format!(
        "erased, as number {}: generation {} is without them and the only one that there is.\n\
         {} rows of the account, {} of logins, {} cells of other rows, {} events, {} exports in the inbox",
        forgotten.id,
        forgotten.generation,
        let_go.accounts,
        let_go.usages,
        let_go.cells,
        beside.events,
        beside.exports,
    );
    if beside.acts > 0 {
        let _ = write!(
            text,
            "\n{} lines of the log of acts name them, and stay: it is the record of what was done",
            beside.acts
        );
    }
    text.push_str(
        "\nThe exports in the sources, copies of the index elsewhere and backups are not changed by this.",
    );
    text
}
