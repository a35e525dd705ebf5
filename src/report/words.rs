//! Times, lengths and amounts as people read them; British English, the contract's own zone.

use jiff::tz::TimeZone;

use super::model::{Verdict, instant};
use crate::draw::badge::Tone;
use crate::units::{Sec, Span};

/// A time zone by name; UTC when the name is not known.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// Looks the name up in the time-zone data of this build.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(TimeZone::get(name).unwrap_or(TimeZone::UTC))
    }

    fn show(&self, at: Sec, format: &str) -> String {
        jiff::Timestamp::from_second(at.0)
            .map_or_else(|_| at.to_string(), |t| t.to_zoned(self.0.clone()).strftime(format).to_string())
    }

    /// As in `25 Oct 2026 01:12:07 BST`.
    #[must_use]
    pub fn moment(&self, rfc3339: &str) -> String {
        self.show(instant(rfc3339), "%-d %b %Y %H:%M:%S %Z")
    }

    /// Without the year, as in `25 Oct 01:12:07 BST`.
    #[must_use]
    pub fn brief(&self, rfc3339: &str) -> String {
        self.show(instant(rfc3339), "%-d %b %H:%M:%S %Z")
    }

    /// Every local midnight in a span with the number of the day that begins; at most 400.
    #[must_use]
    pub fn midnights(&self, span: Span) -> Vec<(Sec, String)> {
        let Ok(first) = jiff::Timestamp::from_second(span.from.0) else { return Vec::new() };
        let mut day = first.to_zoned(self.0.clone()).date();
        let mut found = Vec::new();
        while found.len() < 400 {
            let Ok(at) = day.to_zoned(self.0.clone()) else { break };
            let at = Sec(at.timestamp().as_second());
            if at >= span.to {
                break;
            }
            if at >= span.from {
                found.push((at, day.day().to_string()));
            }
            let Ok(next) = day.tomorrow() else { break };
            day = next;
        }
        found
    }
}

/// As in `October 2026` from `2026-10`; the text itself when it is no month.
#[must_use]
pub fn month(text: &str) -> String {
    format!("{text}-01").parse::<jiff::civil::Date>().map_or(text.to_owned(), |d| d.strftime("%B %Y").to_string())
}

/// As in `Oct 26` from `2026-10`; the text itself when it is no month.
#[must_use]
pub fn short_month(text: &str) -> String {
    format!("{text}-01").parse::<jiff::civil::Date>().map_or(text.to_owned(), |d| d.strftime("%b %y").to_string())
}

/// As in `28 November 2026` from `2026-11-28`; the text itself when it is no date.
#[must_use]
pub fn date(text: &str) -> String {
    text.parse::<jiff::civil::Date>().map_or(text.to_owned(), |d| d.strftime("%-d %B %Y").to_string())
}

/// The day's number of `2026-10-03`; the text itself when it is no date.
#[must_use]
pub fn day(text: &str) -> String {
    text.parse::<jiff::civil::Date>().map_or(text.to_owned(), |d| d.day().to_string())
}

/// As in `26h 05m 00s`, `5m 00s`, `7s`.
#[must_use]
pub fn length(seconds: u64) -> String {
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, m) {
        (0, 0) => format!("{s}s"),
        (0, _) => format!("{m}m {s:02}s"),
        _ => format!("{h}h {m:02}m {s:02}s"),
    }
}

/// Thousands apart, as in `2 682 000`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, c) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(c);
    }
    text
}

/// Microseconds as in `12.345`, in milliseconds; a dash for none.
#[must_use]
pub fn millis(us: Option<u64>) -> String {
    us.map_or("–".into(), |us| format!("{}.{:03}", us / 1000, us % 1000))
}

/// Ten-thousandths of MOS as in `4.38`, truncated; a dash for none.
#[must_use]
pub fn mos(e4: Option<u64>) -> String {
    e4.map_or("–".into(), |v| format!("{}.{:02}", v / 10_000, v / 100 % 100))
}

/// `1 service`, `2 services`.
#[must_use]
pub fn count(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// At most `most` names, then how many more.
#[must_use]
pub fn names(all: &[&str], most: usize) -> String {
    let named = all.iter().take(most).map(|name| cut(name)).collect::<Vec<_>>().join(", ");
    if all.len() > most { format!("{named} and {} more", all.len() - most) } else { named }
}

/// A percentage with four decimals as ten-thousandths of a percent, for ordering; 0 when it is none.
#[must_use]
pub fn parts(percent: &str) -> u64 {
    percent.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}

/// A name from outside with a bound: 60 characters, then `...`.
#[must_use]
pub fn cut(name: &str) -> String {
    if name.chars().count() <= 60 { name.to_owned() } else { name.chars().take(57).chain("...".chars()).collect() }
}

/// How a verdict looks.
#[must_use]
pub fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Met => Tone::Good,
        Verdict::Breached => Tone::Bad,
        Verdict::NotProven => Tone::Doubt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_name_their_side_of_the_clock_change() {
        let zone = Zone::new("Europe/London");
        assert_eq!(zone.moment("2026-10-25T00:30:00Z"), "25 Oct 2026 01:30:00 BST");
        assert_eq!(zone.moment("2026-10-25T01:30:00Z"), "25 Oct 2026 01:30:00 GMT");
    }

    #[test]
    fn midnights_follow_the_clock_change() {
        let month = Span::new(instant("2026-09-30T23:00:00Z"), instant("2026-11-01T00:00:00Z"));
        let days = Zone::new("Europe/London").midnights(month);
        assert_eq!(days.len(), 31);
        assert_eq!(days[25].0.since(days[24].0), 25 * 3600);
    }

    #[test]
    fn lengths_and_numbers_read_well() {
        assert_eq!((length(7), length(300), length(93_900)), ("7s".into(), "5m 00s".into(), "26h 05m 00s".into()));
        assert_eq!(grouped(2_682_000), "2\u{a0}682\u{a0}000");
        assert_eq!((month("2026-10"), date("2026-11-28")), ("October 2026".into(), "28 November 2026".into()));
        assert_eq!((mos(Some(43_899)), millis(Some(12_345))), ("4.38".into(), "12.345".into()));
    }
}
