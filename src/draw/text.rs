//! Text as the embedded fonts set it: widths, line breaks, and what they cannot show.

use std::collections::HashMap;
use std::sync::LazyLock;

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider as _};

/// The faces that the reports embed: Liberation 2, metric-compatible with Arial (OFL 1.1, `assets/fonts`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Face {
    /// Liberation Sans.
    Regular,
    /// Liberation Sans Bold.
    Bold,
}

impl Face {
    /// Every face.
    pub const ALL: [Self; 2] = [Self::Regular, Self::Bold];

    /// The font file.
    #[must_use]
    pub fn file(self) -> &'static [u8] {
        match self {
            Self::Regular => include_bytes!("../../assets/fonts/LiberationSans-Regular.ttf"),
            Self::Bold => include_bytes!("../../assets/fonts/LiberationSans-Bold.ttf"),
        }
    }

    /// Glyph number and advance as a share of the font size; `None` for what the face cannot show.
    #[must_use]
    pub fn glyph(self, c: char) -> Option<(u32, f32)> {
        static TABLES: LazyLock<[HashMap<char, (u32, f32)>; 2]> = LazyLock::new(|| Face::ALL.map(table));
        TABLES[self as usize].get(&c).copied()
    }
}

fn table(face: Face) -> HashMap<char, (u32, f32)> {
    let font = FontRef::new(face.file()).expect("the committed fonts parse; a unit test reads each of them");
    let metrics = font.glyph_metrics(Size::new(1.0), LocationRef::default());
    let mapped = font.charmap().mappings().filter_map(|(code, glyph)| {
        let c = char::from_u32(code).filter(|c| !c.is_control())?;
        Some((c, (glyph.to_u32(), metrics.advance_width(glyph)?)))
    });
    mapped.filter(|(_, (glyph, _))| *glyph != 0).collect()
}

/// The text with `?` in place of whatever the face cannot show; tabs and line ends become spaces.
#[must_use]
pub fn drawable(face: Face, text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => ' ',
            c if face.glyph(c).is_some() => c,
            _ => '?',
        })
        .collect()
}

/// Width in points.
#[must_use]
pub fn width(face: Face, size: f32, text: &str) -> f32 {
    text.chars().map(|c| face.glyph(c).or_else(|| face.glyph('?')).map_or(0.0, |(_, advance)| advance)).sum::<f32>()
        * size
}

/// Lines no wider than `max`, broken at spaces, and inside a word only where it is too wide for a line.
#[must_use]
pub fn wrap(face: Face, size: f32, text: &str, max: f32) -> Vec<String> {
    let text = drawable(face, text);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(face, size, &joined) <= max {
            line = joined;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            line.push(c);
            if line.chars().count() > 1 && width(face, size, &line) > max {
                line.pop();
                // After a hyphen, dot or slash is a better place than in the midst of a name.
                let cut = line.rfind(['-', '.', '/', '_', ',']).map_or(line.len(), |at| at + 1);
                let rest = line.split_off(cut);
                lines.push(std::mem::replace(&mut line, rest));
                line.push(c);
            }
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// The text, shortened with `...` until it fits.
#[must_use]
pub fn fit(face: Face, size: f32, text: &str, max: f32) -> String {
    let text = drawable(face, text);
    if width(face, size, &text) <= max {
        return text;
    }
    let mut short = text;
    while !short.is_empty() && width(face, size, &short) + width(face, size, "...") > max {
        short.pop();
    }
    format!("{}...", short.trim_end())
}

/// For XML text and double-quoted attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_face_shows_what_the_reports_write() {
        for face in Face::ALL {
            for c in ('!'..='~').chain("§°×–—≤≥éüßŁ€£µ·".chars()) {
                assert!(face.glyph(c).is_some(), "{face:?} {c}");
            }
        }
        assert_eq!(drawable(Face::Regular, "a\u{4e00}\tb\u{7}"), "a? b?");
    }

    #[test]
    fn lines_never_exceed_their_width() {
        let text =
            "The quick brown fox evidence-converged-2026-10-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa end";
        for max in [20.0, 60.0, 200.0] {
            let lines = wrap(Face::Regular, 9.0, text, max);
            assert!(lines.iter().all(|l| width(Face::Regular, 9.0, l) <= max), "{lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }
        assert_eq!(wrap(Face::Regular, 9.0, "", 10.0), [""]);
        assert!(wrap(Face::Regular, 9.0, "WWW", 0.5).len() == 3);
    }

    #[test]
    fn long_texts_are_shortened() {
        let short = fit(Face::Bold, 10.0, "County Hall, Pegs Lane, Hertford", 60.0);
        assert!(short.ends_with("...") && width(Face::Bold, 10.0, &short) <= 60.0);
    }
}
