//! Placeholders: the words, signs and numbers that stand for "no value", kind by kind.
//!
//! They are told by their normal form; the nil UUID is the affair of `uuid`.

use super::kind::Kind;

pub(super) fn is_placeholder(kind: Kind, normal: &str) -> bool {
    match kind {
        Kind::AccountName | Kind::BareName | Kind::Domain => is_no_name(normal),
        Kind::DeviceName | Kind::ShortName => is_no_name(normal),
        Kind::SerialNumber => is_no_name(normal) || is_no_serial_number(normal),
        _ => is_no_name(normal) || matches!(normal, "na" | "nil"),
    }
}

/// Words and signs that nobody is called. `na` and `nil` are left out: people have such initials.
pub(crate) fn is_no_name(normal: &str) -> bool {
    matches!(
        normal,
        "-" | "--"
            | "---"
            | "*"
            | "?"
            | "0"
            | "n/a"
            | "#n/a"
            | "none"
            | "(none)"
            | "null"
            | "(null)"
            | "undefined"
            | "unknown"
            | "(unknown)"
    )
}

/// What firmware holds where nobody wrote a serial number.
fn is_no_serial_number(normal: &str) -> bool {
    let is_filler = matches!(
        normal,
        "to be filled by o.e.m."
            | "to be filled by o.e.m"
            | "to be filled by oem"
            | "filled by o.e.m."
            | "default string"
            | "default"
            | "default_string"
            | "system serial number"
            | "systemserialnumb"
            | "chassis serial number"
            | "base board serial number"
            | "serial number"
            | "serial"
            | "sernum"
            | "oem"
            | "o.e.m."
            | "oem_serial"
            | "not specified"
            | "notspecified"
            | "not applicable"
            | "not available"
            | "not provided"
            | "not defined"
            | "not set"
            | "invalid"
            | "empty"
            | "na"
            | "nil"
            | "eval"
            | "0123456789"
            | "123456"
            | "1234567"
            | "12345678"
            | "123456789"
            | "1234567890"
            | "sys-1234567890"
            | "mb-1234567890"
    );
    is_filler || has_one_letter(normal)
}

/// `000-000`, `ffffffff`, `....`: at most one letter or digit, however often.
fn has_one_letter(normal: &str) -> bool {
    let mut letters = normal
        .chars()
        .filter(|character| character.is_alphanumeric());
    let first = letters.next();
    letters.all(|letter| Some(letter) == first)
}

#[cfg(test)]
mod tests {
    use crate::identifier::tests::{normal, refusal};
    use crate::identifier::{Kind, Refusal};

    #[test]
    fn placeholders_are_no_values() {
        for kind in Kind::ALL {
            for text in ["-", "N/A", "Unknown", "none", "0", "(null)", " NULL "] {
                assert_eq!(
                    refusal(kind, text),
                    Some(Refusal::Placeholder),
                    "{kind:?} {text}"
                );
            }
        }
    }

    #[test]
    fn odd_names_are_names() {
        for text in ["na", "nil", "001", "1e5", "true", "nan"] {
            assert_eq!(normal(Kind::AccountName, text).as_deref(), Some(text));
            assert_eq!(normal(Kind::DeviceName, text).as_deref(), Some(text));
        }
        assert!(normal(Kind::AccountName, "null@EMEA").is_some());
    }

    #[test]
    fn serial_numbers_that_firmware_invents_are_placeholders() {
        let invented = [
            "To be filled by O.E.M.",
            "Default string",
            "System Serial Number",
            "Not Specified",
            "00000000",
            "FFFF-FFFF",
            "....",
            "None",
            "123456789",
        ];
        for text in invented {
            assert_eq!(
                refusal(Kind::SerialNumber, text),
                Some(Refusal::Placeholder),
                "{text}"
            );
        }
        assert_eq!(
            normal(Kind::SerialNumber, " 5CG1234XYZ ").as_deref(),
            Some("5cg1234xyz")
        );
    }
}
