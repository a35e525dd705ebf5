//! What is wrong with a configuration, said so that a tired operator knows what to do.

use std::fmt;

/// One problem: where, what was found, what would do. Never carries a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// Path of the key, as in `links.ch-primary.device`; empty when the whole file is meant.
    pub key: String,
    /// What was found, as a clause: `"1x" is not a duration`.
    pub found: String,
    /// What would do, as a sentence.
    pub help: String,
}

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// Position in the order of loading, so that problems come in the order of the files.
    pub order: u32,
    /// File as the operator named it, or `environment NAME`; empty when nobody set anything.
    pub file: String,
    /// Line, from 1.
    pub line: Option<u32>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

impl fmt::Display for Problem {
    /// One line with place, key and finding; a second one, indented, with what would do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.file.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}\n    {}", self.found, self.help)
    }
}

/// In the order in which an operator would walk through the files; the same every time.
pub fn sort(problems: &mut Vec<Problem>) {
    problems.sort_by(|a, b| (&a.place, &a.key, &a.found).cmp(&(&b.place, &b.key, &b.found)));
    problems.dedup();
}

/// The candidate that the operator most likely meant, if one is near enough.
pub fn did_you_mean<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed_len = typed.chars().count();
    let allowed = (typed_len / 3).clamp(1, 3);
    let lower = typed.to_lowercase();
    candidates
        .into_iter()
        .filter(|c| c.chars().count().abs_diff(typed_len) <= allowed)
        .map(|c| (strsim::damerau_levenshtein(&lower, &c.to_lowercase()), c))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, c)| (distance, std::cmp::Reverse(common_start(typed, c)), c))
        .map(|(_, c)| c)
}

fn common_start(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_suggested_and_strangers_are_not() {
        let keys = ["interval", "timeout", "size", "classes"];
        assert_eq!(did_you_mean("intervall", keys), Some("interval"));
        assert_eq!(did_you_mean("tiemout", keys), Some("timeout"));
        assert_eq!(did_you_mean("Timeout", keys), Some("timeout"));
        assert_eq!(did_you_mean("2", ["1", "2c", "3"]), Some("2c"));
        assert_eq!(did_you_mean("colour", keys), None);
    }
}
