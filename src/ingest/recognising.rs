//! Recognising: by what rows are known before they are cut into cells, and what a known row says anew.

use jiff::tz::TimeZone;

use crate::decode;
use crate::identifier::{Column, NotSaid, hash128};
use crate::index::Known;
use crate::mapping::{count, parse_time};
use crate::observation::{LOGINS_COUNT, Layout, Recognised};
use crate::schema::Dataset;

/// Named in the hash of every row's bytes: a change of what normal forms, times or fields mean changes it, so that no row
/// is taken for one that was read otherwise.
const MEANING: &str = "6";

/// Hashes all that gives a row's bytes their meaning.
pub(super) fn meaning(
    source: &str,
    not_said: &NotSaid,
    time_zone: &TimeZone,
    form: &decode::Form,
    layout: &Layout,
) -> u64 {
    let zone = time_zone
        .iana_name()
        .map_or_else(|| format!("{time_zone:?}"), str::to_owned);
    let columns = (&layout.columns, &layout.extra);
    let dataset = layout.dataset.as_str();
    hash128(&format!(
        "{MEANING} {dataset} {source:?} {zone:?} {not_said:?} {:?} {columns:?}",
        form.header
    )) as u64
}

/// Columns that may change from day to day while a row says nothing new.
pub(super) fn left_out(layout: &Layout) -> [Option<usize>; 2] {
    let last_seen = layout.columns.last().copied().flatten();
    match layout.dataset {
        Dataset::Logins => [last_seen, layout.columns[LOGINS_COUNT]],
        _ => [last_seen, None],
    }
}

/// Finds what is known of rows.
pub(super) fn known_rows<'a>(
    known: &'a Known,
    dataset: Dataset,
    not_said: &'a NotSaid,
    time_zone: &'a TimeZone,
) -> impl Fn(u64, [Option<&str>; 2], u32) -> Option<Recognised> + Sync + 'a {
    move |raw, said, expected| {
        let id = known.find(dataset, raw, expected)?;
        // A row whose time is not said is read whole.
        let is_said = |text: &str| !not_said.covers(Column::Time, text);
        said[0].is_none_or(is_said).then_some(())?;
        recognised(id, said, time_zone)
    }
}

/// Reads what a known row says anew; none where that cannot be read, so that the row is rejected for it.
fn recognised(
    id: u32,
    [last_seen, logins]: [Option<&str>; 2],
    time_zone: &TimeZone,
) -> Option<Recognised> {
    let last_seen = match last_seen {
        Some(text) => Some(parse_time(text, time_zone)?),
        None => None,
    };
    let logins = match logins {
        Some(text) => Some(count(text)?),
        None => None,
    };
    Some(Recognised {
        id,
        row: 0,
        last_seen,
        logins,
    })
}
