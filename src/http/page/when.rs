//! Times and figures in words, for pages.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::units::{Sec, Span};

/// An instant as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// Local to the monitor: `Sun 22 Nov 08:12:27 GMT`.
    pub local: String,
    /// RFC 3339, UTC.
    pub utc: String,
    /// How long before the page was made: `29 min`.
    pub ago: String,
}

impl When {
    /// `at` as seen at `now`.
    #[must_use]
    pub fn new(at: Sec, now: Sec, zone: &TimeZone) -> Self {
        let local = match Timestamp::from_second(at.0) {
            Ok(t) => t.to_zoned(zone.clone()).strftime("%a %-d %b %H:%M:%S %Z").to_string(),
            Err(_) => at.to_string(),
        };
        Self { local, utc: at.to_string(), ago: about(u64::try_from(now.since(at)).unwrap_or(0)) }
    }
}

/// A length of time in its two largest units: `29 min`, `3 h 05 min`, `4 d 16 h`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let (d, h, m, s) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match (d, h, m) {
        (0, 0, 0) => format!("{s} s"),
        (0, 0, _) if m < 10 && s > 0 => format!("{m} min {s:02} s"),
        (0, 0, _) => format!("{m} min"),
        (0, _, _) => format!("{h} h {m:02} min"),
        _ => format!("{d} d {h} h"),
    }
}

/// A length of time that still runs, in its two largest units but no finer than minutes: it reads the same for a minute.
#[must_use]
pub fn about(seconds: u64) -> String {
    match seconds {
        0..60 => "under a minute".to_owned(),
        _ => duration(seconds / 60 * 60),
    }
}

/// A reason with its instants (RFC 3339, UTC) in local time: `no answer since 08:12:27 GMT`; the day when it is not today's.
#[must_use]
pub fn localised(text: &str, now: Sec, zone: &TimeZone) -> String {
    const LENGTH: usize = "2026-11-22T08:12:27Z".len();
    let today = Timestamp::from_second(now.0).map(|t| t.to_zoned(zone.clone()).date()).ok();
    let mut words = Vec::new();
    for word in text.split(' ') {
        let at = word.get(..LENGTH).filter(|w| w.ends_with('Z')).and_then(|w| w.parse::<Timestamp>().ok());
        words.push(match at.map(|at| at.to_zoned(zone.clone())) {
            Some(at) => {
                let form = if Some(at.date()) == today { "%H:%M:%S %Z" } else { "%a %-d %b %H:%M:%S %Z" };
                format!("{}{}", at.strftime(form), &word[LENGTH..])
            }
            None => word.to_owned(),
        });
    }
    words.join(" ")
}

/// A share of one as a percentage with so many decimals, cut off, never rounded up: 99.996 is not 100.00.
#[must_use]
pub fn percent(share: f64, decimals: usize) -> String {
    let scale = 10f64.powi(i32::try_from(decimals).unwrap_or(0));
    // A hair is added for shares that binary fractions miss: 0.57 must not become 56.99%.
    let cut = (share * 100.0 * scale + 1e-6).floor() / scale;
    format!("{cut:.decimals$}%")
}

/// Seconds as milliseconds: `11.4 ms`.
#[must_use]
pub fn millis(seconds: f64) -> String {
    let ms = seconds * 1e3;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format!("{ms:.1} ms") }
}

/// The calendar month of `at`: itself, its name (`November 2026`), its local midnights, its last day's number.
#[must_use]
pub fn month_of(at: Sec, zone: &TimeZone) -> Option<(Span, String, Vec<Sec>, i8)> {
    let first = Timestamp::from_second(at.0).ok()?.to_zoned(zone.clone()).date().first_of_month();
    let start_of = |day: jiff::civil::Date| day.to_zoned(zone.clone()).ok().map(|z| Sec(z.timestamp().as_second()));
    let next = first.checked_add(1.month()).ok()?;
    let days =
        (1..first.days_in_month()).filter_map(|n| start_of(first.checked_add(i64::from(n).days()).ok()?)).collect();
    let name = first.strftime("%B %Y").to_string();
    Some((Span::new(start_of(first)?, start_of(next)?), name, days, first.days_in_month()))
}

/// The month before the one of `at`, as commands take it: `2026-10`.
#[must_use]
pub fn month_before(at: Sec, zone: &TimeZone) -> String {
    let first = Timestamp::from_second(at.0).ok().map(|t| t.to_zoned(zone.clone()).date().first_of_month());
    let before = first.and_then(|first| first.checked_sub(1.month()).ok());
    before.map_or_else(|| "YYYY-MM".to_owned(), |day| day.strftime("%Y-%m").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_cut_off_and_never_rounded_up() {
        assert_eq!(percent(0.999_999_9, 4), "99.9999%");
        assert_eq!(percent(0.57, 4), "57.0000%");
        assert_eq!(percent(1.0, 4), "100.0000%");
        assert_eq!(percent(1.0 - 1.0 / 2_678_400.0, 4), "99.9999%");
        assert_eq!(percent(-0.345, 0), "-35%");
    }

    #[test]
    fn lengths_show_their_two_largest_units() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 01 s"),
            (1_743, "29 min"),
            (11_100, "3 h 05 min"),
            (403_200, "4 d 16 h"),
        ] {
            assert_eq!(duration(seconds), words);
        }
        for (seconds, words) in [(59, "under a minute"), (60, "1 min"), (119, "1 min"), (11_159, "3 h 05 min")] {
            assert_eq!(about(seconds), words);
        }
    }

    #[test]
    fn a_month_with_a_clock_change_has_an_hour_more() {
        let zone = TimeZone::get("Europe/London").expect("a bundled zone");
        let (october, name, days, last) = month_of(Sec(1_792_000_000), &zone).expect("a month");
        assert_eq!((october.seconds(), name.as_str(), days.len(), last), (31 * 86_400 + 3_600, "October 2026", 30, 31));
    }

    #[test]
    fn instants_in_reasons_are_local() {
        let zone = TimeZone::get("Europe/London").expect("a bundled zone");
        let now: Timestamp = "2026-07-02T09:00:00Z".parse().expect("an instant");
        let local = |text| localised(text, Sec(now.as_second()), &zone);
        assert_eq!(local("no answer since 2026-07-02T08:12:27Z; 1 of 2"), "no answer since 09:12:27 BST; 1 of 2");
        assert_eq!(local("since 2026-01-05T08:12:27Z"), "since Mon 5 Jan 08:12:27 GMT");
        for same in ["", "é 2026-07-02", "2026-99-02T08:12:27Z", "ééééééééééééééééééééZ", " a  b "]
        {
            assert_eq!(local(same), same);
        }
    }

    #[test]
    fn local_time_names_its_zone() {
        let zone = TimeZone::get("Europe/London").expect("a bundled zone");
        let when = When::new(Sec(1_795_335_147), Sec(1_795_336_890), &zone);
        assert_eq!(when.local, "Sun 22 Nov 08:12:27 GMT");
        assert_eq!(when.ago, "29 min");
        assert_eq!(when.utc, "2026-11-22T08:12:27Z");
    }
}
