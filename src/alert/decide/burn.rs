//! How fast the month's allowed down time is being used: burn rates over two windows each (SRE workbook, chapter 5).
//!
//! Down time comes from confirmed outages, so two lost pings burn nothing. A window counts what was
//! promised in it: service hours, less what is excluded. The same as the rules for Prometheus, from the outages
//! themselves: so a restart of the daemon forgets nothing.

use jiff::tz::TimeZone;

use crate::alert::catalogue::{FAST, MIN_DOWN_S, SLOW, Windows};
use crate::config::model::ServiceHours;
use crate::sla::calendar::hours_within;
use crate::sla::exclusion::{difference, intersection, total, union};
use crate::snapshot::{ServiceView, Shown};
use crate::units::{Sec, Span};

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// By one of the catalogue's [`FAST`] windows: somebody should get up.
    Fast,
    /// By one of its [`SLOW`] ones: somebody should look by day.
    Slow,
}

/// What is promised.
#[derive(Debug, Clone, Copy)]
pub struct Promise<'a> {
    /// Seconds of the month that may be down.
    pub allowed: u64,
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

/// How fast it burns, the fastest first.
///
/// A pair of windows burns when the long one spent its share of the month's allowance and the short one goes on at
/// that pace. Unknown time burns nothing.
#[must_use]
pub fn burns(promise: &Promise<'_>, down: &[Span], excluded: &[Span], now: Sec) -> Option<Pace> {
    if down.is_empty() || promise.allowed == 0 {
        return None;
    }
    let down_in = |window_s: u32| {
        let span = Span::new(now.plus(-i64::from(window_s)), now);
        let counted = difference(&hours_within(span, promise.zone, promise.hours), excluded);
        total(&intersection(&counted, down))
    };
    let burns = |w: &Windows| {
        let spent = |window_s: u32, share: f64| down_in(window_s) as f64 > share * promise.allowed as f64;
        let short = w.spent * f64::from(w.short_s) / f64::from(w.long_s);
        down_in(w.long_s) >= u64::from(MIN_DOWN_S) && spent(w.long_s, w.spent) && spent(w.short_s, short)
    };
    if FAST.iter().any(burns) {
        Some(Pace::Fast)
    } else if SLOW.iter().any(burns) {
        Some(Pace::Slow)
    } else {
        None
    }
}
