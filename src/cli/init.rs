//! `identidex init`: from where the exports lie to a configuration that works, in one talk.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use jiff::tz::TimeZone;

use super::newest::{Newest, newest};
use super::whole_file::WholeFile;
use super::words::printable;
use super::{BadUsage, Context, Exit, names_secret, print, sync};
use crate::config;
use crate::ingest::{Examined, Options, SourceConfig, Unfit};
use crate::mapping::field_names;
use crate::schema::Dataset;
use crate::source::{Listing, Sources};

/// Look at where the exports lie, and write a configuration that takes them in
///
/// It asks for what no option says, lists the source, reads its newest objects as a run would, says which columns fill which
/// fields, and writes a file with a comment for each key. Secrets are not asked for: they come from the environment, as docs/operating.md
/// has it for each store. Nothing is taken in.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  identidex init\n  identidex init --url s3://exports/nexthink/ --option region=eu-central-1 --time-zone Europe/Zurich --yes"
)]
pub(super) struct Args {
    /// Where the exports lie: a folder, s3://, az://, abfss:// or gs://
    #[arg(long, value_name = "URL or FOLDER")]
    url: Option<String>,
    /// What the source is called, for ever [default: exports]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The zone of times that say none, such as Europe/Zurich [default: UTC]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// What the store needs to know, such as region=eu-central-1; never a secret
    #[arg(long, value_name = "KEY=VALUE")]
    option: Vec<String>,
    /// Write this file
    #[arg(long, value_name = "FILE", default_value = "identidex.toml")]
    output: PathBuf,
    /// Ask nothing: what no option says is the default
    #[arg(long)]
    yes: bool,
}

/// What a configuration is made of.
struct Answers {
    url: String,
    name: String,
    time_zone: String,
    options: Vec<(String, String)>,
    index: PathBuf,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    if args.output.exists() {
        let there = args.output.display();
        return Err(BadUsage(format!(
            "{there} is there already; name another file with --output"
        ))
        .into());
    }
    let answers = ask(args, context)?;
    let source = source_of(&answers)?;
    check(&answers)?;
    let options = Options::new(&answers.index, vec![source.clone()]);
    let sources = Sources::open(std::slice::from_ref(&source), Arc::default())?;
    let listing = sources.list()?;
    let found = newest(&options, &source, &sources, &listing)?;
    print(found_in_words(&listing, &found))?;
    let text = toml_of(&answers, &found);
    write(&args.output, &text)?;
    let output = shell_word(&args.output.display().to_string());
    let lacks = Dataset::ALL
        .into_iter()
        .filter(|dataset| newest_of(&found, *dataset).is_none());
    for dataset in lacks {
        print(format!(
            "note: none of the newest objects has {}",
            dataset.as_str()
        ))?;
    }
    print(format!(
        "\n{output} is written; next:\n  identidex --config {output} sync\n  identidex --config {output} doctor"
    ))?;
    if listing.objects.is_empty() {
        print("note: there is nothing yet; look at the prefix, and whether the exporter runs")?;
    }
    Ok(
        match listing.objects.is_empty()
            || found.failed.is_some()
            || found.read.iter().any(|(_, read)| read.is_err())
        {
            true => Exit::Partly,
            false => Exit::Done,
        },
    )
}

fn ask(args: &Args, context: &Context) -> anyhow::Result<Answers> {
    let is_asking = !args.yes && io::stdin().is_terminal() && io::stderr().is_terminal();
    let answer = |given: &Option<String>, question: &str, otherwise: &str| match given {
        Some(given) => Ok(given.clone()),
        None if is_asking => asked(question, otherwise),
        None => Ok(otherwise.to_owned()),
    };
    let url = answer(
        &args.url,
        "Where do the exports lie (a folder, s3://…, az://…, gs://…)?",
        "",
    )?;
    if url.is_empty() {
        return Err(BadUsage("where do the exports lie? name --url".to_owned()).into());
    }
    let url = sync::normalised(&url)?;
    let name = answer(
        &args.name,
        "What is the source to be called, for ever?",
        "exports",
    )?;
    let zone = "In which time zone are times that say none (such as Europe/Zurich)?";
    let time_zone = answer(&args.time_zone, zone, "UTC")?;
    let mut options = Vec::new();
    for option in &args.option {
        let (key, value) = option
            .split_once('=')
            .ok_or_else(|| BadUsage(format!("--option {option}: expected KEY=VALUE")))?;
        if names_secret(key) {
            return Err(BadUsage(format!(
                "--option {key}: a secret is not given on the command line; the environment has it, or a file"
            ))
            .into());
        }
        options.push((key.to_owned(), value.to_owned()));
    }
    Ok(Answers {
        url,
        name,
        time_zone,
        options,
        index: context.config.index.path.clone(),
    })
}

fn asked(question: &str, otherwise: &str) -> anyhow::Result<String> {
    let shown = if otherwise.is_empty() {
        String::new()
    } else {
        format!(" [{otherwise}]")
    };
    write!(io::stderr(), "{question}{shown} ").context("cannot ask")?;
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read the answer")?;
    Ok(match line.trim() {
        "" => otherwise.to_owned(),
        answer => answer.to_owned(),
    })
}

fn source_of(answers: &Answers) -> anyhow::Result<SourceConfig> {
    let zone = TimeZone::get(&answers.time_zone);
    let zone = zone.map_err(|_| {
        BadUsage(format!(
            "{:?} is no time zone; an IANA name is one, such as Europe/Zurich",
            answers.time_zone
        ))
    })?;
    Ok(SourceConfig {
        time_zone: zone,
        options: answers.options.iter().cloned().collect(),
        ..SourceConfig::new(&answers.name, &answers.url)
    })
}

fn newest_of(found: &Newest, dataset: Dataset) -> Option<(&str, &Examined)> {
    found.read.iter().find_map(|(key, read)| match read {
        Ok(examined) if examined.dataset == dataset => Some((key.as_str(), examined)),
        _ => None,
    })
}

fn found_in_words(listing: &Listing, found: &Newest) -> String {
    let count = listing.objects.len();
    let mut text = format!("{count} object{}", if count == 1 { "" } else { "s" });
    if listing.left_out > 0 {
        let _ = write!(
            text,
            ", and {} that are no exports by their names",
            listing.left_out
        );
    }
    for dataset in Dataset::ALL {
        let Some((key, examined)) = newest_of(found, dataset) else {
            continue;
        };
        let name = dataset.as_str();
        let _ = write!(
            text,
            "\n\n{name}: {} has {} rows, {} of them rejected",
            printable(key),
            examined.rows,
            examined.rejected
        );
        for (field, column) in &examined.fields {
            let _ = write!(text, "\n  {:36} {field}", printable(column));
        }
        for column in &examined.unknown {
            let _ = write!(
                text,
                "\n  {:36} no field: kept in `extra`",
                printable(column)
            );
        }
    }
    for (key, read) in &found.read {
        let why = match read {
            Ok(_) => continue,
            Err(Unfit::Content(why) | Unfit::Machine(why)) => why.as_str(),
            Err(Unfit::Empty) => "it has no rows and no header",
        };
        let _ = write!(
            text,
            "\n\n{} cannot be taken in: {}",
            printable(key),
            printable(why)
        );
    }
    if let Some(error) = &found.failed {
        let _ = write!(text, "\n\nobjects cannot be read: {error}");
    }
    text
}

fn toml_of(answers: &Answers, found: &Newest) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut text = format!(
        "# The configuration of identidex; docs/configuration.md has every key.\n\n\
         [index]\n\
         # The index; its generations lie in a folder beside it. Relative to where the program is started.\n\
         path = {}\n\
         # Who may read it.\n\
         mode = \"0640\"\n\n\
         [[source]]\n\
         # Objects are remembered under this name: do not change it.\n\
         name = {}\n\
         url = {}\n\
         # The zone of times that say none.\n\
         time_zone = {}\n",
        quoted(&answers.index.display().to_string()),
        quoted(&answers.name),
        quoted(&answers.url),
        quoted(&answers.time_zone),
    );
    if !answers.options.is_empty() {
        text.push_str("\n# What the store needs to know; secrets come from the environment.\n[source.options]\n");
        for (key, value) in &answers.options {
            let _ = writeln!(text, "{key} = {}", quoted(value));
        }
    }
    for dataset in [Dataset::Users, Dataset::Devices] {
        let name = dataset.as_str();
        let _ = write!(
            text,
            "\n[dataset.{name}]\n\
             # \"window\": an export has what was active. \"complete\": each has all, so what is not in the newest is gone.\n\
             semantics = \"window\"\n"
        );
        if let Some((_, examined)) = newest_of(found, dataset) {
            text.push_str(&of_unknown(examined));
        }
    }
    text.push_str(
        "\n[dataset.logins]\n\
         # How long a time the query of logins covers, such as \"1d\" for `during past 1d`: then it shows whose a device is.\n\
         # window = \"1d\"\n",
    );
    text
}

/// Writes a word as a shell takes it for one.
fn shell_word(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Says what can be done with columns that no field takes.
fn of_unknown(examined: &Examined) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let Some(first) = examined.unknown.first() else {
        return String::new();
    };
    let is_open = |field: &&str| !examined.fields.iter().any(|(filled, _)| filled == field);
    let open: Vec<&str> = field_names(examined.dataset)
        .into_iter()
        .filter(is_open)
        .collect();
    let all = examined.unknown.iter().map(|column| quoted(column));
    format!(
        "# Columns that no field takes are kept in `extra`: {}.\n\
         # To have one fill a field (open: {}), or leave one out:\n\
         # columns = {{ {} = \"a field\" }}\n\
         # drop = [{}]\n",
        Vec::from_iter(all).join(", "),
        open.join(", "),
        quoted(first),
        quoted(first),
    )
}

/// Looks whether a configuration of the answers can be read, before anything is asked of a store.
fn check(answers: &Answers) -> anyhow::Result<()> {
    let nothing = Newest {
        read: Vec::new(),
        failed: None,
    };
    let file = tempfile::NamedTempFile::new().context("there is no folder for temporary files")?;
    fs::write(file.path(), toml_of(answers, &nothing))
        .context("a temporary file cannot be written")?;
    let config = config::load(Some(file.path()), std::iter::empty());
    config.map(|_| ()).map_err(|error| {
        // The file is gone when this is read; the key is what tells.
        let text = error.to_string();
        let place = file.path().display().to_string();
        let text = text.strip_prefix(&place).unwrap_or(&text);
        let text = text.trim_start_matches(|letter: char| letter == ':' || letter.is_ascii_digit());
        BadUsage(text.trim().to_owned()).into()
    })
}

/// Writes the file, for its owner and group: it says where exports lie.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let whole = WholeFile::begin(path)?;
    let written = whole.file().write_all(text.as_bytes());
    written.with_context(|| format!("{} cannot be written", path.display()))?;
    let readable = fs::Permissions::from_mode(0o640);
    let given = whole.file().set_permissions(readable);
    given.with_context(|| format!("{} cannot be given its mode", path.display()))?;
    // What is written is what a run will read.
    config::load(Some(whole.path()), std::iter::empty())?;
    whole.keep()
}
