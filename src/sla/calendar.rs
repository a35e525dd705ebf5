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
