//! Peculiarities: what tenants must do to an index now and then, and that each of them does occur.
//! What an index is to make of it is left to `model`.

use super::cells::NIL_UUID;
use super::people::CLONED_SID;
use super::{Dataset, Object, random};

type Peculiarity = (&'static str, fn(&[Object]) -> bool);

const PECULIARITIES: [Peculiarity; 23] = [
    ("names only", |o| {
        o.iter()
            .any(|o| o.dataset == Dataset::Users && !o.header.iter().any(|c| c.ends_with("id")))
    }),
    ("a column order that is not the list's", |o| {
        o.iter().any(|o| {
            o.header
                .starts_with(&["user.name".to_owned(), "user.sid".to_owned()])
        })
    }),
    ("one uid with two SIDs", |o| {
        one_with_two(o, "user.uid", "user.sid")
    }),
    ("one SID with two uids", |o| {
        one_with_two(o, "user.sid", "user.uid")
    }),
    ("one SID with two names", |o| {
        one_with_two(o, "user.sid", "user.name")
    }),
    ("one name with two SIDs", |o| {
        one_with_two(o, "user.name", "user.sid")
    }),
    ("one device with two names", |o| {
        one_with_two(o, "device.uid", "device.name")
    }),
    ("cloned machines' local accounts, told by type", |o| {
        let row = |name, kind| {
            some_row(
                o,
                &[
                    ("user.sid", CLONED_SID),
                    ("user.name", name),
                    ("user.type", kind),
                ],
            )
        };
        let typed = |name| row(name, "LOCAL_USER") || row(name, "LOCAL_ADMIN");
        typed("admin@HOST1") && typed("admin@HOST2")
    }),
    (
        "a cloned machine's account, told by a device of a later file",
        |o| {
            let seen = |o: &[Object]| some_row(o, &[("device.name", "HOST1")]);
            let local = |o: &[Object]| {
                some_row(o, &[("user.sid", CLONED_SID), ("user.name", "admin@HOST1")])
            };
            (1..o.len()).any(|at| local(&o[..at]) && !seen(&o[..at]) && seen(&o[at..]))
        },
    ),
    ("the same content twice at one time", |o| {
        pairs(o).any(|(a, b)| a.key != b.key && a.csv() == b.csv() && b.key.contains("again-"))
    }),
    ("the same content at another time", |o| {
        pairs(o).any(|(a, b)| a.key != b.key && a.csv() == b.csv() && !b.key.contains("again-"))
    }),
    ("a key overwritten, its time in the key", |o| {
        pairs(o).any(|(a, b)| a.key == b.key && a.modified < b.modified && a.key.ends_with("Z.csv"))
    }),
    ("a key overwritten, its time the modified one", |o| {
        pairs(o).any(|(a, b)| a.key == b.key && a.modified < b.modified && a.key.contains("latest"))
    }),
    ("a fully qualified device name", |o| {
        some_cell(o, "device.name", |c| c.starts_with("HOST1."))
    }),
    ("a name in another case", |o| {
        some_cell(o, "user.name", |c| c == "JDOE@EMEA")
    }),
    ("a placeholder for a key", |o| {
        some_cell(o, "user.name", |c| c == "n/a")
    }),
    ("the SID 0", |o| some_cell(o, "user.sid", |c| c == "0")),
    ("the nil UUID", |o| {
        some_cell(o, "device.uid", |c| c == NIL_UUID)
    }),
    ("SIDs that are no keys", |o| {
        some_cell(o, "user.sid", |c| c == "S-1-5-18")
            || some_cell(o, "user.sid", |c| c.ends_with("-500"))
    }),
    ("a SID of the cloud directory", |o| {
        some_cell(o, "user.sid", |c| c.starts_with("S-1-12-1-"))
    }),
    ("a UUID in braces, another in upper case", |o| {
        some_cell(o, "user.uid", |c| c.starts_with('{'))
            && some_cell(o, "device.uid", |c| c.starts_with("8E2B"))
    }),
    ("a machine's accounts", |o| {
        some_cell(o, "user.name", |c| c == "HOST1$@EMEA")
            && some_cell(o, "user.name", |c| c == "HOST1@EMEA")
    }),
    ("a row without any key", |o| {
        let empty = |cell: &String| cell.trim().is_empty();
        o.iter()
            .any(|o| o.header.len() > 2 && o.rows.iter().any(|row| row.iter().all(empty)))
    }),
];

#[test]
fn every_peculiarity_occurs() {
    let tenants: Vec<_> = (0..500).map(random).collect();
    for (name, occurs) in PECULIARITIES {
        assert!(tenants.iter().any(|tenant| occurs(tenant)), "{name}");
    }
}

/// Says whether some cell of the column satisfies the test.
fn some_cell(objects: &[Object], column: &str, test: impl Fn(&str) -> bool) -> bool {
    let column_of = |o: &Object| o.header.iter().position(|c| c == column);
    objects
        .iter()
        .filter_map(|object| Some((object, column_of(object)?)))
        .any(|(object, at)| object.rows.iter().any(|row| test(&row[at])))
}

/// Says whether some row holds all these cells, in upper or lower case.
fn some_row(objects: &[Object], cells: &[(&str, &str)]) -> bool {
    let holds = |object: &Object, row: &[String], (column, value): &(&str, &str)| {
        let at = object.header.iter().position(|c| c == column);
        at.is_some_and(|at| row[at].trim().eq_ignore_ascii_case(value))
    };
    objects.iter().any(|object| {
        let all = |row: &Vec<String>| cells.iter().all(|cell| holds(object, row, cell));
        object.rows.iter().any(all)
    })
}

/// Says whether a value of one column comes with two of another, placeholders left out.
fn one_with_two(objects: &[Object], one: &str, two: &str) -> bool {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for object in objects {
        let at = |column| object.header.iter().position(|c| c == column);
        if let (Some(one), Some(two)) = (at(one), at(two)) {
            let plain = |cell: &String| cell.trim().to_ascii_lowercase();
            pairs.extend(
                object
                    .rows
                    .iter()
                    .map(|row| (plain(&row[one]), plain(&row[two]))),
            );
        }
    }
    pairs.retain(|(one, two)| one.len() > 7 && two.len() > 7);
    let is_other = |a: &(String, String), b: &(String, String)| a.0 == b.0 && a.1 != b.1;
    pairs.iter().any(|a| pairs.iter().any(|b| is_other(a, b)))
}

fn pairs(objects: &[Object]) -> impl Iterator<Item = (&Object, &Object)> {
    let with_later = |(at, first)| objects[at + 1..].iter().map(move |second| (first, second));
    objects.iter().enumerate().flat_map(with_later)
}
