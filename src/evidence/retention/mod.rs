//! Which evidence is old enough to let go.

use super::file::Name;

mod store;

pub use store::retain;

/// How long evidence is kept, in months before the present one; `None` keeps it for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Minutes' blobs. Hours, days and every record stay. 13 covers a twelve-month test with its overlap.
    pub minutes_months: Option<u32>,
    /// Whole files.
    pub all_months: Option<u32>,
}

/// Files to empty of their minutes, and files to remove; `newest` is never among them.
#[must_use]
pub fn due(retention: Retention, files: &[Name]) -> (Vec<Name>, Vec<Name>) {
    let months = |name: &Name| -> Option<i64> {
        let (year, month) = name.month.split_once('-')?;
        Some(year.parse::<i64>().ok()? * 12 + month.parse::<i64>().ok()?)
    };
    let Some((newest, older)) = files.split_last() else { return Default::default() };
    let older_than = |limit: Option<u32>| {
        let old = move |name: &&Name| match (limit, months(name), months(newest)) {
            (Some(limit), Some(then), Some(now)) => now - then > i64::from(limit),
            _ => false,
        };
        older.iter().filter(old).cloned().collect::<Vec<_>>()
    };
    let remove = older_than(retention.all_months);
    let strip = older_than(retention.minutes_months).into_iter().filter(|n| !remove.contains(n) && !n.is_aside());
    (strip.collect(), remove)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_months_beyond_the_limit_go_and_never_the_newest() {
        let files = ["2025-10", "2025-11", "2026-11", "2026-12"].map(Name::of);
        let retention = Retention { minutes_months: Some(13), all_months: None };
        assert_eq!(due(retention, &files), (vec![Name::of("2025-10")], vec![]));
        let retention = Retention { minutes_months: Some(0), all_months: Some(13) };
        assert_eq!(due(retention, &files), (vec![Name::of("2025-11"), Name::of("2026-11")], vec![Name::of("2025-10")]));
        assert_eq!(due(Retention::default(), &files), (vec![], vec![]));
        assert_eq!(due(retention, &files[3..]), (vec![], vec![]));
    }
}
