//! What open pages are told: the parts of a page that changed, as server-sent events.
//!
//! A page is made of named parts, each a piece of HTML. Whoever opens a page's stream gets all of
//! them once and then those that differ from what was sent before, rendered once for everybody who
//! looks at the same page. The functions here are pure; [`driver`] asks for pictures and sends.

pub mod driver;

use std::fmt::Write as _;

use crate::snapshot::{Shown, Snapshot};

/// A page that can be listened to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// The status board.
    Board,
    /// The status board as a wall shows it.
    Wall,
    /// A service, by its identifier.
    Service(String),
    /// A site, by its identifier.
    Site(String),
}

/// The parts of a page by name, in the order of the page.
pub type Parts = Vec<(&'static str, String)>;

/// At most so many changes are told one by one to those who listen rather than look.
const MAX_SAID: usize = 3;

/// Those of `now` that are not in `before` as they are now.
#[must_use]
pub fn changed<'a>(
    before: &[(&'static str, String)],
    now: &'a [(&'static str, String)],
) -> Vec<(&'static str, &'a str)> {
    let known = |name: &str| before.iter().find(|(n, _)| *n == name).map(|(_, html)| html.as_str());
    now.iter().filter(|(name, html)| known(name) != Some(html)).map(|(name, html)| (*name, html.as_str())).collect()
}

/// Parts as events (HTML Standard §9.2.6): the part's name is the event's, its HTML the data.
///
/// A carriage return would end a line there; it is sent as the space that HTML takes it for.
#[must_use]
pub fn events<'a>(parts: impl IntoIterator<Item = (&'static str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, html) in parts {
        let _ = writeln!(text, "event: {name}");
        for line in html.split('\n') {
            let _ = writeln!(text, "data: {}", line.replace('\r', " "));
        }
        text.push('\n');
    }
    text
}

/// The services' states, to be held against those of a later picture.
#[must_use]
pub fn states(s: &Snapshot, topic: &Topic) -> Vec<(String, Shown)> {
    let of = s.config.services.iter().zip(&s.services);
    let wanted = of.filter(|(of, _)| match topic {
        Topic::Board | Topic::Wall => true,
        Topic::Service(id) => of.id.as_str() == id,
        Topic::Site(id) => s.config.sites[of.site.get()].id.as_str() == id,
    });
    wanted.map(|(of, view)| (of.title.clone(), view.state)).collect()
}

/// What changed, as one would say it; `None` when nothing did, or when the configuration did.
#[must_use]
pub fn said(before: &[(String, Shown)], now: &[(String, Shown)]) -> Option<String> {
    if before.len() != now.len() || before.iter().zip(now).any(|(a, b)| a.0 != b.0) {
        return None;
    }
    let word = |state: Shown| match state {
        Shown::Up => "up again",
        Shown::Maintenance => "under maintenance",
        other => other.name(),
    };
    let news: Vec<String> = before
        .iter()
        .zip(now)
        .filter(|(a, b)| a.1 != b.1)
        .map(|(_, (title, state))| format!("{title} is {}.", word(*state)))
        .collect();
    let more = news.len().saturating_sub(MAX_SAID);
    let mut words = news.into_iter().take(MAX_SAID).collect::<Vec<_>>().join(" ");
    if more > 0 {
        let _ = write!(words, " And {more} more changed.");
    }
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_sent() {
        let before = vec![("a", "1".to_owned()), ("b", "2".to_owned())];
        let now = vec![("a", "1".to_owned()), ("b", "3".to_owned()), ("c", "4".to_owned())];
        assert_eq!(changed(&before, &now), [("b", "3"), ("c", "4")]);
        assert!(changed(&now, &now).is_empty());
        assert_eq!(changed(&[], &now).len(), 3);
    }

    #[test]
    fn no_text_can_end_its_event_or_begin_another() {
        let text = events([("wrong", "<p>a\n\nevent: x\rdata: y</p>")]);
        assert_eq!(text, "event: wrong\ndata: <p>a\ndata: \ndata: event: x data: y</p>\n\n");
    }

    #[test]
    fn changes_are_said_in_words_and_a_flood_of_them_is_cut() {
        let now = |states: &[Shown]| -> Vec<(String, Shown)> {
            states.iter().enumerate().map(|(n, s)| (format!("s{n}"), *s)).collect()
        };
        let before = now(&[Shown::Up; 5]);
        assert_eq!(said(&before, &before), None);
        assert_eq!(said(&before, &now(&[Shown::Up; 4])), None);
        let mut one = now(&[Shown::Up; 5]);
        one[2].1 = Shown::Down;
        assert_eq!(said(&before, &one).as_deref(), Some("s2 is down."));
        assert_eq!(said(&one, &before).as_deref(), Some("s2 is up again."));
        let all = now(&[Shown::Unknown; 5]);
        assert_eq!(
            said(&before, &all).as_deref(),
            Some("s0 is unknown. s1 is unknown. s2 is unknown. And 2 more changed.")
        );
    }
}
