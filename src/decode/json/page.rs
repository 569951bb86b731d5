//! Pages: an object around rows that says of itself that more rows follow in another one.

use super::properties::{Properties, Value};

/// What APIs call the way to the next page, or that there is one; in small letters, of which only the letters count.
const SAY_MORE: [&str; 17] = [
    "continuationtoken",
    "hasmore",
    "hasnext",
    "hasnextpage",
    "istruncated",
    "more",
    "moreavailable",
    "next",
    "nextcontinuationtoken",
    "nextcursor",
    "nextlink",
    "nextmarker",
    "nextpage",
    "nextpagetoken",
    "nexttoken",
    "nexturl",
    "odatanextlink",
];

/// Tells whether what an object has beside its list of rows says that more follow.
pub(super) fn says_more(others: Properties) -> bool {
    let mut says_more = false;
    // What cannot be read is refused by whoever reads on.
    let _ = others.each(&mut |path, value| {
        let (_, name) = path.rsplit_once('.').unwrap_or(("", path));
        says_more |= (is_of_pages(name) || is_of_pages(path)) && !says_nothing(value);
        Ok(())
    });
    says_more
}

fn is_of_pages(name: &str) -> bool {
    let letters = name.bytes().filter(u8::is_ascii_alphabetic);
    let letters: Vec<u8> = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    SAY_MORE.iter().any(|known| known.as_bytes() == letters)
}

fn says_nothing(value: Value) -> bool {
    let text = value.text().unwrap_or_default();
    let words = ["", "false", "no", "0", "null", "none"];
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_said(text: &str) -> bool {
        let (others, _) = Properties::read(text.as_bytes()).unwrap().unwrap();
        says_more(others)
    }

    #[test]
    fn a_page_says_that_more_follow() {
        for page in [
            r#"{"nextPageToken": "abc"}"#,
            r#"{"hasMore": true}"#,
            r#"{"paging": {"has_next": true}}"#,
            r#"{"@odata.nextLink": "https://a.example/?p=2"}"#,
            r#"{"links": {"self": "/1", "next": "/2"}}"#,
            r#"{"page": 1, "next_page": 2}"#,
        ] {
            assert!(is_said(page), "{page}");
        }
    }

    #[test]
    fn the_last_page_says_that_none_do() {
        for page in [
            r#"{"nextPageToken": null, "hasMore": false}"#,
            r#"{"nextPageToken": ""}"#,
            r#"{"links": {"self": "/1", "next": null}}"#,
            r#"{"count": 12, "exported_at": "2026-11-20T06:00:00Z"}"#,
        ] {
            assert!(!is_said(page), "{page}");
        }
    }
}
