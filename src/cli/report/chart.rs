//! Charts, drawn as SVG: no script, and a title on each mark says its figure.

use std::fmt::Write as _;

use indicatif::HumanCount;
use jiff::civil::Date;

use crate::cli::words::html;

/// The size of a chart, in its own units; the page scales it.
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 240.0;
/// Room at the left for what the grid says, at the right for the names of lines, below for dates.
const LEFT: f64 = 58.0;
const RIGHT: f64 = 92.0;
const BELOW: f64 = 24.0;
const ABOVE: f64 = 10.0;
/// Room that labels of lines need.
const LABEL: f64 = 15.0;

/// A line of a chart: its name, its colour as a class, and its figures.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) class: &'a str,
    pub(super) values: Vec<u64>,
}

/// Draws figures over days.
pub(super) fn lines(days: &[Date], lines: &[Line], title: &str) -> String {
    let top = ceiling(lines.iter().flat_map(|line| &line.values).copied().max());
    let (first, last) = (days.first().copied(), days.last().copied());
    let span = match (first, last) {
        (Some(first), Some(last)) => days_between(first, last).max(1.0),
        _ => 1.0,
    };
    let right = WIDTH - RIGHT;
    let x = |date: &Date| {
        let at = first.map_or(0.0, |first| days_between(first, *date));
        match days.len() {
            1 => (LEFT + right) / 2.0,
            _ => LEFT + (right - LEFT) * at / span,
        }
    };
    let y = |value: u64| HEIGHT - BELOW - (HEIGHT - BELOW - ABOVE) * value as f64 / top as f64;
    let mut svg = begin(title);
    grid(&mut svg, top, right);
    let mut labels = Vec::new();
    for line in lines {
        let points: Vec<(f64, f64)> = days
            .iter()
            .zip(&line.values)
            .map(|(day, value)| (x(day), y(*value)))
            .collect();
        let path: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let _ = write!(
            svg,
            "<polyline class=\"line {}\" points=\"{}\"/>",
            line.class,
            path.join(" ")
        );
        for ((x, y), (day, value)) in points.iter().zip(days.iter().zip(&line.values)) {
            let _ = write!(
                svg,
                "<circle class=\"dot {}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{}\"><title>{day}: {} {}</title></circle>",
                line.class,
                if days.len() > 60 { 2 } else { 4 },
                HumanCount(*value),
                html(line.name)
            );
        }
        if let Some((_, y)) = points.last() {
            labels.push((*y, line));
        }
    }
    let places: Vec<f64> = labels.iter().map(|(y, _)| *y).collect();
    for ((_, line), y) in labels.iter().zip(apart(&places)) {
        let _ = write!(
            svg,
            "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\">{}</text><rect class=\"{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\" rx=\"2\"/>",
            right + 22.0,
            y + 4.0,
            html(line.name),
            line.class,
            right + 10.0,
            y - 4.0
        );
    }
    for (day, anchor) in [(first, "start"), (last, "end")] {
        let Some(day) = day.filter(|_| days.len() > 1 || anchor == "start") else {
            continue;
        };
        let anchor = if days.len() == 1 { "middle" } else { anchor };
        let _ = write!(
            svg,
            "<text class=\"tick\" text-anchor=\"{anchor}\" x=\"{:.1}\" y=\"{:.1}\">{day}</text>",
            x(&day),
            HEIGHT - 6.0
        );
    }
    svg.push_str("</svg>");
    svg
}

/// A column of a chart.
pub(super) struct Column {
    /// What its titles begin with.
    pub(super) name: String,
    /// What stands below it, where something does.
    pub(super) tick: String,
    /// From below.
    pub(super) parts: Vec<u64>,
    /// Something went wrong, and is marked.
    pub(super) is_bad: bool,
}

/// Draws parts on top of one another; `kinds` are their names and colours.
pub(super) fn columns(columns: &[Column], kinds: &[(&str, &str)], title: &str) -> String {
    let most = columns.iter().map(|column| column.parts.iter().sum()).max();
    let top = ceiling(most);
    let right = WIDTH - 10.0;
    let step = (right - LEFT) / columns.len().max(1) as f64;
    let width = (step - 2.0).clamp(2.0, 36.0);
    let mut svg = begin(title);
    grid(&mut svg, top, right);
    for (at, column) in columns.iter().enumerate() {
        let x = LEFT + step * at as f64 + (step - width) / 2.0;
        let mut bottom = HEIGHT - BELOW;
        for (part, (name, class)) in column.parts.iter().zip(kinds) {
            let height = (HEIGHT - BELOW - ABOVE) * *part as f64 / top as f64;
            if *part == 0 {
                continue;
            }
            // What there is is to be seen, however little.
            let height = height.max(2.0);
            bottom -= height;
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{bottom:.1}\" width=\"{width:.1}\" height=\"{:.1}\" rx=\"1\">\
                 <title>{}: {} {name}</title></rect>",
                (height - 1.0).max(1.0),
                html(&column.name),
                HumanCount(*part)
            );
        }
        if column.is_bad {
            let _ = write!(
                svg,
                "<text class=\"bad\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">!<title>{}</title></text>",
                x + width / 2.0,
                bottom - 4.0,
                html(&column.name)
            );
        }
    }
    for (column, anchor, x) in [
        (columns.first(), "start", LEFT),
        (columns.last(), "end", right),
    ] {
        let Some(column) = column.filter(|_| columns.len() > 1) else {
            continue;
        };
        let _ = write!(
            svg,
            "<text class=\"tick\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            HEIGHT - 6.0,
            html(&column.tick)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Draws a bar for each figure, named at its left and with the figure at its end.
pub(super) fn bars(figures: &[(&str, f64, String)], most: f64, title: &str) -> String {
    const ROW: f64 = 26.0;
    const NAMES: f64 = 130.0;
    const NARROW: f64 = 480.0;
    let height = ROW * figures.len() as f64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {NARROW} {height}\" role=\"img\" aria-label=\"{}\">",
        html(title)
    );
    for (at, (name, figure, shown)) in figures.iter().enumerate() {
        let y = ROW * at as f64;
        let width = (NARROW - NAMES - 80.0) * figure / most.max(f64::MIN_POSITIVE);
        let _ = write!(
            svg,
            "<text class=\"name\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\
             <rect class=\"one\" x=\"{NAMES}\" y=\"{:.1}\" width=\"{:.1}\" height=\"14\" rx=\"3\"/>\
             <text class=\"label\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            NAMES - 10.0,
            y + 17.0,
            html(name),
            y + 6.0,
            width.max(1.0),
            NAMES + width.max(1.0) + 8.0,
            y + 17.0,
            html(shown)
        );
    }
    svg.push_str("</svg>");
    svg
}

fn begin(title: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        html(title)
    )
}

fn grid(svg: &mut String, top: u64, right: f64) {
    for quarter in 0..=4 {
        let value = top * quarter / 4;
        let y = HEIGHT - BELOW - (HEIGHT - BELOW - ABOVE) * quarter as f64 / 4.0;
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            HumanCount(value)
        );
    }
}

/// Returns a round figure that nothing is above, and that can be parted in four.
fn ceiling(most: Option<u64>) -> u64 {
    let most = most.unwrap_or(0).max(4);
    let mut unit = 4;
    loop {
        for times in [1, 2, 3, 5] {
            if unit * times >= most {
                return unit * times;
            }
        }
        unit *= 10;
    }
}

fn days_between(first: Date, last: Date) -> f64 {
    first
        .until(last)
        .map_or(0.0, |span| f64::from(span.get_days()))
}

/// Moves places so far apart that what stands there can be read, the order being kept.
fn apart(places: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|left, right| places[*left].total_cmp(&places[*right]));
    let mut moved = places.to_vec();
    let mut last = f64::NEG_INFINITY;
    for at in order {
        moved[at] = moved[at].max(last + LABEL);
        last = moved[at];
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_is_round_and_nothing_is_above_it() {
        for (most, expected) in [
            (0, 4),
            (4, 4),
            (5, 8),
            (13, 20),
            (21, 40),
            (999, 1_200),
            (1_000_001, 1_200_000),
        ] {
            assert_eq!(ceiling(Some(most)), expected, "{most}");
        }
    }

    #[test]
    fn labels_stand_apart_in_their_order() {
        assert_eq!(apart(&[50.0, 10.0, 52.0]), [50.0, 10.0, 65.0]);
    }
}
