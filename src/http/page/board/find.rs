//! What a reader looks for among the sites: words, a state, a page of them.

use crate::draw::palette::WORST_FIRST;
use crate::snapshot::Shown;

/// Longer words are cut: nothing is called so.
const MAX_WORDS: usize = 64;

/// A search; by default everything, from the first page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Find {
    /// Lower case, trimmed; empty for everything.
    pub words: String,
    /// Only sites with a service in this state.
    pub state: Option<Shown>,
    /// The first page is 0.
    pub page: usize,
}

impl Find {
    /// From the pairs of a query; what makes no sense is passed over.
    #[must_use]
    pub fn from_pairs(pairs: &[(String, String)]) -> Self {
        let value = |key: &str| pairs.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v.as_str());
        let words: String = value("q").chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect();
        Self {
            words: words.trim().to_lowercase(),
            state: WORST_FIRST.into_iter().find(|state| state.name() == value("state")),
            page: value("page").parse::<usize>().unwrap_or(1).clamp(1, 100_000) - 1,
        }
    }

    /// Whether this is what everybody sees who looks for nothing.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// The query for another page of the same, to stand behind a `?`; escaped for an address, not for HTML.
    #[must_use]
    pub fn query(&self, page: usize) -> String {
        let mut words = String::new();
        for byte in self.words.bytes() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => words.push(char::from(byte)),
                _ => words.push_str(&format!("%{byte:02X}")),
            }
        }
        format!("q={words}&state={}&page={}", self.state.map_or("", Shown::name), page + 1)
    }

    /// The state's name; empty for any.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        self.state.map_or("", Shown::name)
    }

    /// Whether a lower-case text has the words.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        self.words.is_empty() || text.to_lowercase().contains(&self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn nonsense_finds_everything() {
        assert!(Find::from_pairs(&pairs(&[("state", "purple"), ("page", "-3"), ("x", "y"), ("q", " \n")])).is_plain());
        assert_eq!(Find::from_pairs(&pairs(&[("page", "99999999999999999999999")])).page, 0);
        assert_eq!(Find::from_pairs(&pairs(&[("q", &"ä".repeat(900))])).words.chars().count(), 64);
    }

    #[test]
    fn a_query_comes_back_as_it_was() {
        let find = Find::from_pairs(&pairs(&[("q", "St Albans & <b>"), ("state", "down"), ("page", "3")]));
        assert_eq!((find.state, find.page), (Some(Shown::Down), 2));
        assert_eq!(find.query(2), "q=st%20albans%20%26%20%3Cb%3E&state=down&page=3");
        assert!(find.fits("THE ST ALBANS & <B>") && !find.fits("St Albans"));
    }
}
