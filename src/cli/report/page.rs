//! The page: what the figures say, in cards.

use std::fmt::Write as _;

use indicatif::HumanCount;
use jiff::civil::Date;

use super::chart::{self, Column, Line};
use super::figures::{Day, Figures};
use crate::cli::words::{html, minute};
use crate::lookup::FreshnessState;

const STYLE: &str = include_str!("page.css");
/// The cards that are as wide as the page.
const OVER_TIME: &str = "Accounts and devices over time";
const RUNS: &str = "Rows of each run";
const FATES: [(&str, &str); 4] = [
    ("stored", "one"),
    ("unchanged", "two"),
    ("superseded", "three"),
    ("rejected", "four"),
];

/// Makes the page.
pub(super) fn of(figures: &Figures) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>identidex report</title><style>{STYLE}</style></head><body>\n\
         <header><h1>The identity index</h1><p>generation {}, as of {}; this page was made {}</p></header>\n",
        figures.generation,
        as_of(figures),
        minute(figures.made_at)
    );
    page.push_str(&tiles(figures));
    let cards = [
        ("Freshness", freshness(figures)),
        ("Since last week", since_last_week(figures)),
        (OVER_TIME, over_time(figures)),
        ("What people can be found by", coverage(figures)),
        ("Accounts by class", classes(figures)),
        (RUNS, runs(figures)),
        (
            "Values that stand at several, the most first",
            collisions(figures),
        ),
        ("Devices that many share", shared(figures)),
        (
            "Why usages make no device anybody's own",
            not_primary(figures),
        ),
        ("What waits", waiting(figures)),
    ];
    for (title, body) in cards {
        let width = if [OVER_TIME, RUNS].contains(&title) {
            " class=\"wide\""
        } else {
            ""
        };
        let _ = writeln!(page, "<section{width}><h2>{title}</h2>{body}</section>");
    }
    page.push_str("</body></html>\n");
    page
}

fn as_of(figures: &Figures) -> String {
    let times = figures.datasets.iter().filter_map(|age| age.as_of);
    times.min().map_or_else(|| "no time yet".to_owned(), minute)
}

fn tiles(figures: &Figures) -> String {
    let people = figures.classes.iter().find(|(class, _)| *class == "person");
    let last = figures.days.last();
    let owned = last.map(|day| day.count("devices", "owned"));
    let tiles = [
        ("accounts", Some(figures.accounts)),
        ("of people", people.map(|(_, count)| *count)),
        ("devices", Some(figures.devices)),
        ("devices with an owner", owned),
        ("usages", Some(figures.usages)),
        ("usages that wait", Some(figures.waiting.iter().sum())),
    ];
    let mut text = String::from("<div class=\"tiles\">");
    for (name, count) in tiles {
        let count = count.map_or("–".to_owned(), |count| HumanCount(count).to_string());
        let _ = write!(text, "<div><b>{count}</b><span>{name}</span></div>");
    }
    text + "</div>\n"
}

fn freshness(figures: &Figures) -> String {
    let rows = figures.datasets.iter().map(|age| {
        let (mark, class) = match age.state {
            FreshnessState::Fresh => ("✓", "good"),
            FreshnessState::Ageing => ("!", "warning"),
            _ => ("✗", "bad"),
        };
        let state = match age.as_of {
            Some(_) => age.state.to_string(),
            None => "nothing came yet".to_owned(),
        };
        vec![
            age.dataset.to_owned(),
            age.as_of.map_or_else(|| "–".to_owned(), minute),
            format!("<span class=\"{class}\">{mark}</span> {}", html(&state)),
        ]
    });
    table(&["dataset", "until", "state"], rows)
}

fn over_time(figures: &Figures) -> String {
    let days: Vec<Date> = figures.days.iter().map(|day| day.date).collect();
    if days.is_empty() {
        return nothing("Days are counted from the next run on that publishes.");
    }
    let of = |subject: &str, kind: &str| -> Vec<u64> {
        let days = figures.days.iter();
        days.map(|day| day.count(subject, kind)).collect()
    };
    let lines = [
        Line {
            name: "people",
            class: "one",
            values: of("accounts", "person"),
        },
        Line {
            name: "devices",
            class: "two",
            values: of("devices", "all"),
        },
        Line {
            name: "with owner",
            class: "three",
            values: of("devices", "owned"),
        },
    ];
    let chart = chart::lines(
        &days,
        &lines,
        "accounts of people, devices, and devices with an owner, by day",
    );
    let rows = figures.days.iter().rev().map(|day| {
        let counts = [
            ("accounts", "person"),
            ("devices", "all"),
            ("devices", "owned"),
        ];
        let counts = counts.map(|(subject, kind)| HumanCount(day.count(subject, kind)).to_string());
        std::iter::once(day.date.to_string())
            .chain(counts)
            .collect()
    });
    let figures = table(&["day", "people", "devices", "with owner"], rows);
    format!("{chart}<details><summary>figures</summary>{figures}</details>")
}

fn since_last_week(figures: &Figures) -> String {
    let Some(last) = figures.days.last() else {
        return nothing("Nothing was counted yet.");
    };
    let is_older = |day: &&Day| last.date.duration_since(day.date).as_hours() >= 7 * 24;
    let Some(before) = figures.days.iter().rev().find(is_older) else {
        return nothing("The index is younger than a week.");
    };
    let all = [
        ("accounts of people", "accounts", "person"),
        ("accounts that are gone", "accounts", "gone"),
        ("devices", "devices", "all"),
        ("devices with an owner", "devices", "owned"),
        ("devices that are shared", "devices", "shared"),
        ("usages", "usages", "all"),
        ("waiting, of nobody known", "waiting", "unknown"),
        ("waiting, of several", "waiting", "ambiguous"),
    ];
    let rows = all.map(|(name, subject, kind)| {
        let (was, is) = (before.count(subject, kind), last.count(subject, kind));
        let sign = if is >= was { "+" } else { "−" };
        vec![
            name.to_owned(),
            HumanCount(was).to_string(),
            HumanCount(is).to_string(),
            format!("{sign}{}", HumanCount(is.abs_diff(was))),
        ]
    });
    let (was, is) = (before.date.to_string(), last.date.to_string());
    table(&["", &was, &is, "change"], rows)
}

fn coverage(figures: &Figures) -> String {
    let shares = figures.shares.iter();
    let shares: Vec<_> = shares
        .map(|(name, share)| (*name, *share, format!("{share:.1} %")))
        .collect();
    let hashed = match figures.hashed_upns {
        0 => String::new(),
        count => format!(
            "<p><span class=\"warning\">!</span> {} UPNs are hashed: nobody is found by them.</p>",
            HumanCount(count)
        ),
    };
    chart::bars(&shares, 100.0, "share of accounts that have an identifier") + &hashed
}

fn classes(figures: &Figures) -> String {
    let classes = figures.classes.iter().filter(|(_, count)| *count > 0);
    let classes: Vec<_> = classes
        .map(|(name, count)| (*name, *count as f64, HumanCount(*count).to_string()))
        .collect();
    if classes.is_empty() {
        return nothing("There are no accounts yet.");
    }
    let most = classes
        .iter()
        .map(|(_, count, _)| *count)
        .fold(0.0, f64::max);
    chart::bars(&classes, most, "accounts by class")
}

fn runs(figures: &Figures) -> String {
    if figures.runs.is_empty() {
        return nothing("No run is noted here, or none that this user may read of.");
    }
    let columns: Vec<Column> = figures
        .runs
        .iter()
        .map(|run| Column {
            name: format!("{} {}", run.ended_at, run.outcome),
            tick: run.ended_at.get(..10).unwrap_or_default().to_owned(),
            parts: run.rows.to_vec(),
            is_bad: run.outcome != "done",
        })
        .collect();
    let legend: String = FATES
        .iter()
        .map(|(name, class)| format!("<span><i class=\"{class}\"></i>{name}</span>"))
        .collect();
    let chart = chart::columns(&columns, &FATES, "rows of each run, by what became of them");
    let rows = figures.runs.iter().rev().map(|run| {
        let counts = run.rows.map(|count| HumanCount(count).to_string());
        let ended = [
            html(&run.ended_at),
            html(&run.outcome),
            run.failures.to_string(),
        ];
        ended.into_iter().chain(counts).collect()
    });
    let head = [
        "ended",
        "outcome",
        "failures",
        "stored",
        "unchanged",
        "superseded",
        "rejected",
    ];
    format!(
        "<p class=\"legend\">{legend}</p>{chart}<details><summary>figures</summary>{}</details>",
        table(&head, rows)
    )
}

fn collisions(figures: &Figures) -> String {
    if figures.collisions.is_empty() {
        return nothing("None: every value is one account's, or one device's.");
    }
    let rows = figures.collisions.iter().map(|one| {
        let holders = HumanCount(one.holders).to_string();
        vec![html(&one.what), html(&one.value), holders]
    });
    table(&["what", "value", "holders"], rows)
}

fn shared(figures: &Figures) -> String {
    if figures.shared.is_empty() {
        return nothing("None is used by three or more people in turns.");
    }
    let rows = figures.shared.iter().map(|(name, count)| {
        let name = if name.is_empty() { "(no name)" } else { name };
        vec![html(name), HumanCount(*count).to_string()]
    });
    table(&["device", "people"], rows)
}

fn not_primary(figures: &Figures) -> String {
    let reasons = figures.not_primary.iter();
    let names: Vec<(String, u64)> = reasons
        .map(|(name, count)| (name.replace('_', " "), *count))
        .collect();
    let reasons: Vec<_> = names
        .iter()
        .map(|(name, count)| (name.as_str(), *count as f64, HumanCount(*count).to_string()))
        .collect();
    if reasons.is_empty() {
        return nothing("There is no such usage.");
    }
    let most = reasons
        .iter()
        .map(|(_, count, _)| *count)
        .fold(0.0, f64::max);
    chart::bars(
        &reasons,
        most,
        "usages by why they make no device anybody's own",
    )
}

fn waiting(figures: &Figures) -> String {
    if figures.waiting == [0, 0] {
        return nothing("Nothing: every login is of a user and a device that are known.");
    }
    let [unknown, ambiguous] = figures.waiting.map(HumanCount);
    format!(
        "<p>{unknown} pairs that logins name are of a user or device that no export has; export all users and devices, with the names \
         that logins use. {ambiguous} may mean several; add <code>user.uid</code> and <code>device.uid</code> to the query of logins, or a \
         time of use.</p>"
    )
}

fn nothing(why: &str) -> String {
    format!("<p class=\"quiet\">{why}</p>")
}

/// Makes a table of cells that are HTML already.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head: String = head.iter().map(|cell| format!("<th>{cell}</th>")).collect();
    let rows: String = rows
        .into_iter()
        .map(|row| {
            let cells: String = row.iter().map(|cell| format!("<td>{cell}</td>")).collect();
            format!("<tr>{cells}</tr>")
        })
        .collect();
    format!("<table><tr>{head}</tr>{rows}</table>")
}
