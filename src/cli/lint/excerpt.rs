//! A line of a text as a terminal can show it, and where in it something stands.

use unicode_width::UnicodeWidthChar as _;

use crate::finding::tame;

/// The widest line that is shown, in cells of a terminal.
const WIDEST: usize = 110;

/// Of a wider one, this many characters before the place.
const BEFORE: usize = 40;

/// How a tab is shown.
const TAB: &str = "    ";

/// A piece of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) text: String,
    /// Cells before the place.
    pub(super) indent: usize,
    /// Cells of the place; at least 1.
    pub(super) width: usize,
    /// Is it not the whole line?
    pub(super) is_cut: bool,
}

/// The excerpt of a line around the characters from column `from` to before column `to`, both
/// counted from 1 as [`crate::json::Position`] does: in bytes that begin a character.
pub(super) fn excerpt(line: &[u8], from: usize, to: usize) -> Excerpt {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut width = 0;
    let is_cut = !glyphs(line).all(|glyph| {
        width += glyph.width();
        width <= WIDEST
    });
    let first = if is_cut {
        from.saturating_sub(BEFORE).max(1)
    } else {
        1
    };
    let mut shown = Excerpt {
        text: String::new(),
        indent: 0,
        width: 0,
        is_cut,
    };
    if first > 1 {
        shown.text.push('…');
        shown.indent = 1;
    }
    let mut used = 0;
    for glyph in glyphs(line).skip_while(|glyph| glyph.column < first) {
        let width = glyph.width();
        if is_cut && used + width > WIDEST {
            shown.text.push('…');
            break;
        }
        used += width;
        if glyph.column < from {
            shown.indent += width;
        } else if glyph.column < to {
            shown.width += width;
        }
        match glyph.character {
            '\t' => shown.text.push_str(TAB),
            other => shown.text.push(tame(other)),
        }
    }
    shown.width = shown.width.max(1);
    shown
}

/// A character, and the column that it stands in.
struct Glyph {
    column: usize,
    character: char,
}

impl Glyph {
    fn width(&self) -> usize {
        match self.character {
            '\t' => TAB.len(),
            other => tame(other).width().unwrap_or(1),
        }
    }
}

/// The characters of a line, U+FFFD for each byte that belongs to none.
fn glyphs(line: &[u8]) -> impl Iterator<Item = Glyph> {
    let mut column = 0;
    line.utf8_chunks()
        .flat_map(|chunk| {
            let valid = chunk.valid().chars().map(|character| (character, true));
            let invalid = chunk.invalid().iter();
            valid.chain(invalid.map(|byte| ('\u{fffd}', byte & 0xc0 != 0x80)))
        })
        .map(move |(character, begins)| {
            column += usize::from(begins);
            Glyph { column, character }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line, and carets under the place.
    fn drawn(line: &[u8], from: usize, to: usize) -> (String, String) {
        let Excerpt {
            text,
            indent,
            width,
            ..
        } = excerpt(line, from, to);
        (text, format!("{}{}", " ".repeat(indent), "^".repeat(width)))
    }

    #[test]
    fn carets_stand_under_the_place() {
        for (line, from, to, text, carets) in [
            (&b"  \"a\": 5,\r"[..], 3, 6, "  \"a\": 5,", "  ^^^"),
            (b"\t\"a\": 5", 2, 5, "    \"a\": 5", "    ^^^"),
            ("\"数据\": 5".as_bytes(), 7, 8, "\"数据\": 5", "        ^"),
            (
                "\"e\u{301}\": 5".as_bytes(),
                7,
                8,
                "\"e\u{301}\": 5",
                "     ^",
            ),
            (
                "\u{1b}[31m\u{202e}x".as_bytes(),
                7,
                8,
                "\u{fffd}[31m\u{fffd}x",
                "      ^",
            ),
            (b"a\xffb\x80c", 4, 5, "a\u{fffd}b\u{fffd}c", "    ^"),
            (b"", 1, 1, "", "^"),
            (b"{", 9, 10, "{", " ^"),
        ] {
            assert_eq!(
                drawn(line, from, to),
                (text.to_owned(), carets.to_owned()),
                "{line:?}"
            );
        }
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let line = format!("{}\"here\"{}", "x".repeat(5_000), "y".repeat(5_000));
        let Excerpt {
            text,
            indent,
            width,
            is_cut,
        } = excerpt(line.as_bytes(), 5_001, 5_007);
        assert!(is_cut && text.starts_with("…x") && text.ends_with("y…"));
        assert_eq!(text.chars().count(), WIDEST + 2);
        let under: String = text.chars().skip(indent).take(width).collect();
        assert_eq!(under, "\"here\"");
        let whole = excerpt(line.as_bytes(), 1, 9_000);
        assert_eq!((whole.indent, whole.width), (0, WIDEST));
    }
}
