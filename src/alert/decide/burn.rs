//! How fast the month's allowed down time is being used: burn rates over two windows each (SRE workbook, chapter 5).
//!
//! Down time comes from confirmed outages, so two lost pings burn nothing. A window counts from what was
//! promised in it: service hours, less what is excluded, and only when the monitor watched long enough.

use jiff::tz::TimeZone;

use crate::config::model::ServiceHours;
use crate::sla::calendar::hours_within;
use crate::sla::exclusion::{difference, intersection, total, union};
use crate::snapshot::{ServiceView, Shown};
use crate::units::{Sec, Span};

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// 2% of a month's allowance in an hour, or 5% in six: somebody should get up.
    Fast,
    /// 10% of a month's allowance in a day, or in three: somebody should look by day.
    Slow,
}

/// Long window, short window (seconds), factor.
const WINDOWS: [(i64, i64, f64, Pace); 4] = [
    (3_600, 300, 14.4, Pace::Fast),
    (21_600, 1_800, 6.0, Pace::Fast),
    (86_400, 7_200, 3.0, Pace::Slow),
    (259_200, 21_600, 1.0, Pace::Slow),
];

/// What is promised.
#[derive(Debug, Clone, Copy)]
pub struct Promise<'a> {
    /// Share of the time that may be down.
    pub allowed: f64,
    /// When the service is promised at all.
    pub hours: &'a ServiceHours,
    /// Whose local time the hours are.
    pub zone: &'a TimeZone,
}

/// The down time of a service's month so far, the outage that lasts included.
#[must_use]
pub fn down(view: &ServiceView, now: Sec) -> Vec<Span> {
    let known = view.outages.iter().map(|o| Span::new(o.from, o.to.unwrap_or(now)));
    // Books lag by some seconds behind the confirmed state.
    let lasting = view.since.filter(|_| view.state == Shown::Down).map(|since| Span::new(since, now));
    union(known.chain(lasting))
}

/// How fast it burns, the fastest first. `watching` is since when there is anything to look at.
#[must_use]
pub fn burns(promise: &Promise<'_>, down: &[Span], excluded: &[Span], watching: Sec, now: Sec) -> Option<Pace> {
    if down.is_empty() || promise.allowed <= 0.0 {
        return None;
    }
    let rate = |window: i64| {
        let span = Span::new(now.plus(-window), now);
        let counted = difference(&hours_within(span, promise.zone, promise.hours), excluded);
        let whole = total(&counted);
        // Half of the window must be promised time, and have been watched: before that a rate says little.
        let watched = now.since(watching.min(down.first().map_or(watching, |d| d.from))).min(window);
        let enough = whole.saturating_mul(2) >= window.unsigned_abs() && watched * 2 >= window.min(300);
        enough.then(|| total(&intersection(&counted, down)) as f64 / window as f64 / promise.allowed)
    };
    let burns = |(long, short, factor, _): &&(i64, i64, f64, Pace)| {
        [long, short].into_iter().all(|window| rate(*window).is_some_and(|rate| rate > *factor))
    };
    WINDOWS.iter().find(burns).map(|(.., pace)| *pace)
}
