//! How a state looks: a glyph of its own shape, a word, and a class that the style sheet colours.
//!
//! Shape and word carry the meaning; colour only helps. Colours stand in `web/board.css`, once for
//! light and once for dark.

use crate::snapshot::Shown;

/// A state's looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The class that colours it, also the end of its symbol's name: `#glyph-down`.
    pub class: &'static str,
    /// The word.
    pub word: &'static str,
    /// A sentence for whoever has not met it before.
    pub meaning: &'static str,
    /// Its place among problems: 0 is the worst.
    pub rank: u8,
}

/// The looks of a state.
#[must_use]
pub fn look(state: Shown) -> Look {
    match state {
        Shown::Down => {
            Look { class: "down", word: "Down", meaning: "confirmed down, counts against the promise", rank: 0 }
        }
        Shown::Unknown => Look {
            class: "unknown",
            word: "Unknown",
            meaning: "nobody measured it, so it is neither up nor down",
            rank: 1,
        },
        Shown::Degraded => Look {
            class: "degraded",
            word: "Degraded",
            meaning: "works, but something behind it is down: the next fault may take it",
            rank: 2,
        },
        Shown::Maintenance => Look {
            class: "maintenance",
            word: "Maintenance",
            meaning: "announced or agreed work, which does not count",
            rank: 3,
        },
        Shown::Up => Look { class: "up", word: "Up", meaning: "works, and so does everything behind it", rank: 4 },
    }
}

/// All states, the worst first.
pub const WORST_FIRST: [Shown; 5] = [Shown::Down, Shown::Unknown, Shown::Degraded, Shown::Maintenance, Shown::Up];

/// The glyphs as SVG symbols, to stand once in a page that uses them by `<use href="#glyph-down"/>`.
///
/// Each differs in outline: a square with a cross, a diamond with a question mark, a triangle, a
/// circle with two bars, a disc with a tick.
pub const SYMBOLS: &str = concat!(
    r#"<svg class="symbols" width="0" height="0" aria-hidden="true" focusable="false">"#,
    r#"<symbol id="glyph-down" viewBox="0 0 16 16"><rect x="1" y="1" width="14" height="14" rx="2" fill="currentColor"/>"#,
    r#"<path class="cut" d="M5 5l6 6M11 5l-6 6" fill="none" stroke-width="2.2" stroke-linecap="round"/></symbol>"#,
    r#"<symbol id="glyph-unknown" viewBox="0 0 16 16"><path d="M8 1l7 7-7 7-7-7z" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round"/>"#,
    r#"<path d="M6.4 6.6a1.7 1.7 0 1 1 2.3 1.6c-.5.2-.7.5-.7 1" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round"/><circle cx="8" cy="10.9" r=".9" fill="currentColor"/></symbol>"#,
    r#"<symbol id="glyph-degraded" viewBox="0 0 16 16"><path d="M8 1.2l7.2 13.3H.8z" fill="currentColor" stroke="currentColor" stroke-linejoin="round"/>"#,
    r#"<path class="cut" d="M8 6v4" fill="none" stroke-width="2" stroke-linecap="round"/><circle class="cut-fill" cx="8" cy="12.4" r="1.1"/></symbol>"#,
    r#"<symbol id="glyph-maintenance" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.4" fill="none" stroke="currentColor" stroke-width="1.8"/>"#,
    r#"<path d="M6.2 5.4v5.2M9.8 5.4v5.2" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/></symbol>"#,
    r#"<symbol id="glyph-up" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="currentColor"/>"#,
    r#"<path class="cut" d="M4.8 8.3l2.2 2.3 4.2-4.6" fill="none" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round"/></symbol>"#,
    "</svg>"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_own_word_class_glyph_and_rank() {
        let looks = WORST_FIRST.map(look);
        for (n, a) in looks.iter().enumerate() {
            assert_eq!(usize::from(a.rank), n, "{}", a.word);
            assert!(SYMBOLS.contains(&format!("id=\"glyph-{}\"", a.class)));
            assert!(looks.iter().skip(n + 1).all(|b| a.word != b.word && a.class != b.class));
        }
    }
}
