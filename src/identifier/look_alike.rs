//! Look-alikes: the ASCII characters that others are taken for.
//!
//! They never make two values equal; who is warned of them is for a lookup to say.

/// Returns `normal` with its non-ASCII look-alikes of ASCII characters replaced; none when it
/// holds none.
///
/// Good only for saying "confusable": a shared skeleton never makes two values equal. The table is
/// small and kept by hand after UTS 39; it does not cover mathematical letters.
pub fn ascii_skeleton(normal: &str) -> Option<String> {
    if normal.is_ascii() {
        return None;
    }
    let skeleton: String = normal.chars().map(ascii_look_alike).collect();
    (skeleton != normal).then_some(skeleton)
}

/// The ASCII character that `character` is taken for.
///
/// Lower-case letters stand for their capitals too (`в` for `В`, which looks like `B`), because a
/// normal form no longer tells which was typed. Letters with a mark or a stroke (`ø`, `ł`) are left
/// out: they are spelling, and a flag on each Danish or Polish name would say nothing.
fn ascii_look_alike(character: char) -> char {
    match character {
        'а' | 'ɑ' | 'α' => 'a',
        'в' | 'β' | 'ь' => 'b',
        'с' | 'ϲ' | 'ᴄ' => 'c',
        'ԁ' | 'ɗ' => 'd',
        'е' | 'ε' | 'ҽ' => 'e',
        'ɡ' | 'ց' => 'g',
        'һ' | 'н' | 'հ' | 'η' => 'h',
        'і' | 'ı' | 'İ' | 'ι' | 'ɩ' => 'i',
        'ј' | 'ϳ' | 'ȷ' => 'j',
        'к' | 'κ' | 'ĸ' => 'k',
        'ӏ' | 'ⅼ' => 'l',
        'м' | 'μ' => 'm',
        'п' | 'ո' => 'n',
        'о' | 'ο' | 'օ' | 'σ' | 'ᴏ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' | 'զ' => 'q',
        'г' | 'ᴦ' => 'r',
        // `ſ` looks more like `f`; it is here because upper-casing makes it `S`.
        'ѕ' | 'ſ' | 'ꜱ' => 's',
        'т' | 'τ' => 't',
        'ս' | 'υ' | 'ᴜ' => 'u',
        'ѵ' | 'ν' | 'ᴠ' => 'v',
        'ԝ' | 'ѡ' | 'ω' | 'ᴡ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'ү' | 'γ' | 'ʏ' => 'y',
        'ᴢ' | 'ζ' => 'z',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{FF01}'..='\u{FF5E}' => full_width_look_alike(character),
        _ => character,
    }
}

/// The full-width forms stand in the order of ASCII, 0xFEE0 further on.
fn full_width_look_alike(character: char) -> char {
    let ascii = char::from_u32(u32::from(character) - 0xFEE0);
    ascii.map_or(character, |ascii| ascii.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skeleton_is_given_for_look_alikes_only() {
        assert_eq!(ascii_skeleton("jdое@emea").as_deref(), Some("jdoe@emea"));
        assert_eq!(ascii_skeleton("mıke").as_deref(), Some("mike"));
        assert_eq!(ascii_skeleton("ｎｂ－０１").as_deref(), Some("nb-01"));
        assert_eq!(ascii_skeleton("jdoe"), None);
        assert_eq!(ascii_skeleton("jörg"), None);
        assert_eq!(ascii_skeleton("søren"), None);
    }
}
