//! Months, service hours and contract terms as spans of UTC seconds.
//!
//! A second is inside the service hours when the local clock showed a time inside them: a
//! local hour that does not exist gives no time, one that happens twice counts twice.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::config::Config;
use crate::config::model::ServiceHours;
use crate::names::ServiceIx;
use crate::sla::exclusion::{intersection, union};
use crate::units::{Sec, Span};

/// A calendar month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The month `month` (1 to 12) of `year` (1900 to 9998); `None` outside.
    #[must_use]
    pub fn new(year: i16, month: i8) -> Option<Self> {
        ((1900..=9998).contains(&year) && (1..=12).contains(&month)).then_some(Self { year, month })
    }

    /// From `YYYY-MM`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return None;
        }
        Self::new(year.parse().ok()?, month.parse().ok()?)
    }

    /// The local month that `at` lies in; far outside of any calendar, the nearest there is.
    #[must_use]
    pub fn of(at: Sec, zone: &TimeZone) -> Self {
        let date = zone.to_datetime(timestamp(at)).date();
        Self { year: date.year().clamp(1900, 9998), month: date.month() }
    }

    /// The month after.
    #[must_use]
    pub fn next(self) -> Self {
        match self.month {
            12 => Self { year: (self.year + 1).min(9998), month: 1 },
            _ => Self { month: self.month + 1, ..self },
        }
    }

    /// The month before.
    #[must_use]
    pub fn previous(self) -> Self {
        match self.month {
            1 => Self { year: (self.year - 1).max(1900), month: 12 },
            _ => Self { month: self.month - 1, ..self },
        }
    }

    /// From local midnight of its first day to that of the next month's.
    #[must_use]
    pub fn span(self, zone: &TimeZone) -> Span {
        Span::new(midnight(self.first_day(), zone), midnight(self.next().first_day(), zone))
    }

    /// Its first day.
    #[must_use]
    pub fn first_day(self) -> Date {
        Date::constant(self.year, self.month, 1)
    }

    /// Its year.
    #[must_use]
    pub fn year(self) -> i16 {
        self.year
    }

    /// Its number in the year, 1 to 12.
    #[must_use]
    pub fn number(self) -> i8 {
        self.month
    }
}

impl fmt::Display for Month {
    /// As in `2026-10`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// The first instant of a local day.
#[must_use]
pub fn midnight(date: Date, zone: &TimeZone) -> Sec {
    match date.to_zoned(zone.clone()) {
        Ok(start) => Sec(start.timestamp().as_second()),
        // Only at the very ends of jiff's calendar (years -9999 and 9999).
        Err(_) => Sec(if date.year() < 0 { Timestamp::MIN.as_second() } else { Timestamp::MAX.as_second() }),
    }
}

/// When a service is promised at all: from acceptance (contract start when none is recorded,
/// or when it is later) to the end of the contract's last day.
#[must_use]
pub fn term(config: &Config, service: ServiceIx) -> Span {
    let zone = &config.monitor.time_zone;
    let service = &config.services[service.get()];
    let contract = &config.contracts[service.contract.get()];
    let accepted = config.sites[service.site.get()].accepted.unwrap_or(contract.starts);
    let after = contract.ends.tomorrow().unwrap_or(Date::MAX);
    Span::new(midnight(accepted.max(contract.starts), zone), midnight(after, zone))
}

/// The window of a month: the month, inside `term`, inside the service hours. Disjoint and sorted.
#[must_use]
pub fn window(month: Month, zone: &TimeZone, hours: &ServiceHours, term: Span) -> Vec<Span> {
    let Some(promised) = month.span(zone).intersect(term) else { return Vec::new() };
    intersection(&hours_within(promised, zone, hours), &[promised])
}

/// The service hours that lie within `span`. Disjoint and sorted.
#[must_use]
pub fn hours_within(span: Span, zone: &TimeZone, hours: &ServiceHours) -> Vec<Span> {
    let ServiceHours::Weekly { days, from_minute, to_minute, holidays } = hours else {
        return if span.is_empty() { Vec::new() } else { vec![span] };
    };
    let mut found = Vec::new();
    for (piece, offset) in constant_offset_pieces(span, zone) {
        // Local civil seconds; inside one offset they run as UTC does.
        let local = |at: Sec| at.0 + offset;
        let first = local(piece.from).div_euclid(DAY);
        let last = local(piece.to).div_euclid(DAY);
        for day in first..=last {
            let Some(date) = date_of(day) else { continue };
            let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
            if !days[weekday] || holidays.contains(&date) {
                continue;
            }
            let minute = |m: u16| Sec(day * DAY + i64::from(m) * 60 - offset);
            found.extend(Span::new(minute(*from_minute), minute(*to_minute)).intersect(piece));
        }
    }
    union(found)
}

const DAY: i64 = 86_400;

/// Cuts a span at the zone's clock changes: pieces with the seconds to add to UTC for local time.
fn constant_offset_pieces(span: Span, zone: &TimeZone) -> Vec<(Span, i64)> {
    let mut pieces = Vec::new();
    let mut from = span.from;
    while from < span.to {
        let at = timestamp(from);
        let change = zone.following(at).next().map_or(span.to, |t| Sec(t.timestamp().as_second()));
        let to = change.min(span.to).max(from.plus(1));
        pieces.push((Span::new(from, to), i64::from(zone.to_offset(at).seconds())));
        from = to;
    }
    pieces
}

fn date_of(day: i64) -> Option<Date> {
    let at = Timestamp::from_second(day.checked_mul(DAY)?).ok()?;
    Some(TimeZone::UTC.to_datetime(at).date())
}

fn timestamp(at: Sec) -> Timestamp {
    Timestamp::from_second(at.0).unwrap_or(if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn london() -> TimeZone {
        TimeZone::get("Europe/London").unwrap()
    }

    fn sec(text: &str) -> Sec {
        Sec(text.parse::<Timestamp>().unwrap().as_second())
    }

    fn span(from: &str, to: &str) -> Span {
        Span::new(sec(from), sec(to))
    }

    fn month(text: &str) -> Month {
        Month::parse(text).unwrap()
    }

    fn weekly(days: [bool; 7], from: &str, to: &str, holidays: &[Date]) -> ServiceHours {
        let minute = |t: &str| {
            let (h, m) = t.split_once(':').unwrap();
            h.parse::<u16>().unwrap() * 60 + m.parse::<u16>().unwrap()
        };
        ServiceHours::Weekly { days, from_minute: minute(from), to_minute: minute(to), holidays: holidays.into() }
    }

    const MON_FRI: [bool; 7] = [true, true, true, true, true, false, false];
    const SUNDAY: [bool; 7] = [false, false, false, false, false, false, true];
    const EVER: Span = Span { from: Sec(0), to: Sec(40_000_000_000) };

    #[test]
    fn months_have_the_minutes_of_their_clock_changes_and_leap_days() {
        let table = [
            ("2026-01", 44_640),
            ("2026-02", 40_320),
            ("2026-03", 44_580),
            ("2026-04", 43_200),
            ("2026-10", 44_700),
            ("2028-02", 41_760),
        ];
        for (text, minutes) in table {
            assert_eq!(month(text).span(&london()).seconds(), minutes * 60, "{text}");
        }
        assert_eq!(month("2026-03").span(&london()), span("2026-03-01T00:00:00Z", "2026-03-31T23:00:00Z"));
        assert_eq!(month("2026-10").span(&london()), span("2026-09-30T23:00:00Z", "2026-11-01T00:00:00Z"));
    }

    #[test]
    fn an_instant_belongs_to_its_local_month() {
        let of = |text| Month::of(sec(text), &london()).to_string();
        assert_eq!(of("2026-09-30T22:59:59Z"), "2026-09");
        assert_eq!(of("2026-09-30T23:00:00Z"), "2026-10");
        assert_eq!(of("2026-10-31T23:59:59Z"), "2026-10");
        assert_eq!(month("2026-12").next(), month("2027-01"));
        assert_eq!(month("2026-01").previous(), month("2025-12"));
        for bad in ["2026-13", "2026-00", "2026-1", "26-01", "2026/01", "+026-01", "", "2026-01-01"] {
            assert_eq!(Month::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_weekly_window_shrinks_and_grows_with_the_clock() {
        let hours = weekly(SUNDAY, "00:30", "02:30", &[]);
        let on = |from, to| hours_within(span(from, to), &london(), &hours);
        let spring = on("2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z");
        assert_eq!(spring, [span("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z")]);
        let autumn = on("2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z");
        assert_eq!(autumn, [span("2026-10-24T23:30:00Z", "2026-10-25T02:30:00Z")]);
    }

    #[test]
    fn local_times_that_do_not_exist_give_nothing_and_those_that_happen_twice_count_twice() {
        let hours = weekly(SUNDAY, "01:15", "01:45", &[]);
        let all = |text| window(month(text), &london(), &hours, EVER);
        assert!(
            !all("2026-03").iter().any(|s| s.intersect(span("2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z")).is_some())
        );
        let twice: Vec<_> = all("2026-10").into_iter().filter(|s| s.from >= sec("2026-10-24T23:00:00Z")).collect();
        assert_eq!(
            twice,
            [
                span("2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z"),
                span("2026-10-25T01:15:00Z", "2026-10-25T01:45:00Z"),
            ]
        );
    }

    #[test]
    fn office_hours_leave_out_weekends_and_holidays() {
        let hours = weekly(MON_FRI, "08:00", "18:00", &[date(2026, 12, 25), date(2026, 12, 28)]);
        let december = window(month("2026-12"), &london(), &hours, EVER);
        assert_eq!(december.len(), 23 - 2);
        assert_eq!(december[0], span("2026-12-01T08:00:00Z", "2026-12-01T18:00:00Z"));
        let july = window(month("2026-07"), &london(), &hours, EVER);
        assert_eq!(july[0], span("2026-07-01T07:00:00Z", "2026-07-01T17:00:00Z"), "summer time");
    }

    #[test]
    fn hours_to_midnight_join_across_days() {
        let hours = weekly([true; 7], "00:00", "24:00", &[]);
        assert_eq!(window(month("2026-10"), &london(), &hours, EVER), [month("2026-10").span(&london())]);
    }

    #[test]
    fn the_term_cuts_the_window() {
        let term = span("2026-10-10T12:00:00Z", "2026-10-20T00:00:00Z");
        assert_eq!(window(month("2026-10"), &london(), &ServiceHours::Always, term), [term]);
        assert!(window(month("2026-11"), &london(), &ServiceHours::Always, term).is_empty());
    }

    #[test]
    fn a_day_that_begins_late_begins_at_its_first_instant() {
        // Chile's clocks went forward at local midnight on 2026-09-06.
        let santiago = TimeZone::get("America/Santiago").unwrap();
        assert_eq!(midnight(date(2026, 9, 6), &santiago), sec("2026-09-06T04:00:00Z"));
    }
}
