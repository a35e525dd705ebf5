//! Which evidence is old enough to let go.

use jiff::tz::TimeZone;

use super::file::Name;
use crate::sla::calendar::Month;
use crate::units::{Sec, Span};

mod store;

pub use store::retain;

/// How long evidence is kept after the month that its file was written in, seconds; `None` keeps it for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Minutes' blobs. Hours, days and every record stay.
    pub minutes: Option<u64>,
    /// Whole files.
    pub files: Option<u64>,
}

impl Retention {
    /// Whether anything is ever let go.
    #[must_use]
    pub fn is_any(self) -> bool {
        self.minutes.is_some() || self.files.is_some()
    }
}

/// Files to empty of their minutes, and files to remove. The newest is never among them, and none that holds what is
/// `needed` or came later: what an exclusion that is not decided yet is about.
#[must_use]
pub fn due(retention: Retention, at: Sec, needed: Option<Sec>, files: &[Name]) -> (Vec<Name>, Vec<Name>) {
    let Some((_, older)) = files.split_last() else { return Default::default() };
    let older_than = |limit: Option<u64>| -> Vec<Name> {
        let Some(limit) = limit.and_then(|l| i64::try_from(l).ok()) else { return Vec::new() };
        let old = |name: &&Name| {
            month_of(name).is_some_and(|month| month.to.plus(limit) <= at && needed.is_none_or(|from| month.to <= from))
        };
        older.iter().filter(old).cloned().collect()
    };
    let remove = older_than(retention.files);
    let strip = older_than(retention.minutes).into_iter().filter(|n| !remove.contains(n) && !n.is_aside());
    (strip.collect(), remove)
}

/// The month (UTC) in which a file was written.
fn month_of(name: &Name) -> Option<Span> {
    Month::parse(&name.month).map(|month| month.span(&TimeZone::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn first_of(month: &str) -> Sec {
        Month::parse(month).unwrap().span(&TimeZone::UTC).from
    }

    #[test]
    fn only_months_beyond_the_limit_go_and_never_the_newest() {
        let files = ["2025-10", "2025-11", "2026-11", "2026-12"].map(Name::of);
        let at = first_of("2026-12");
        let days = |minutes: u64, files: u64| Retention { minutes: Some(minutes * DAY), files: Some(files * DAY) };
        // The first of November 2025 is 395 days before the first of December 2026.
        let minutes = |limit| Retention { minutes: Some(limit), files: None };
        assert_eq!(due(minutes(395 * DAY), at, None, &files), (vec![Name::of("2025-10")], vec![]), "to the second");
        assert_eq!(due(minutes(395 * DAY + 1), at, None, &files), (vec![], vec![]));
        assert_eq!(
            due(days(0, 395), at, None, &files),
            (vec![Name::of("2025-11"), Name::of("2026-11")], vec![Name::of("2025-10")])
        );
        assert_eq!(due(Retention::default(), at, None, &files), (vec![], vec![]));
        assert_eq!(due(days(0, 0), at, None, &files[3..]), (vec![], vec![]));
    }

    #[test]
    fn what_an_undecided_exclusion_is_about_stays() {
        let files = ["2026-01", "2026-02", "2026-03", "2026-09"].map(Name::of);
        let all = Retention { minutes: Some(0), files: Some(0) };
        let (strip, remove) = due(all, first_of("2026-09"), Some(first_of("2026-02").plus(5)), &files);
        assert_eq!((strip, remove), (vec![], vec![Name::of("2026-01")]));
    }
}
