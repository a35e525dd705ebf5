//! The clock that runs while a fault is to be restored: service hours, less the time it is stopped.

use jiff::tz::TimeZone;

use crate::config::model::ServiceHours;
use crate::sla::account::{Entered, Entry};
use crate::sla::calendar;
use crate::sla::exclusion::{difference, total, union};
use crate::units::{Sec, Span};

/// Why the clock is stopped, or why time is proposed for exclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum StopReason {
    AwaitingCustomerAccess,
    AwaitingCustomerInfo,
    CustomerDeferred,
    CustomerPower,
    CustomerChange,
    ThirdParty,
    PlannedMaintenance,
    EmergencyMaintenance,
    BeyondControl,
    NoFaultFound,
    UnableToContact,
    Suspension,
    MonitorUnknown,
}

impl StopReason {
    /// Every reason with its name in commands, journal and reports.
    pub const NAMES: [(&'static str, Self); 13] = [
        ("awaiting_customer_access", Self::AwaitingCustomerAccess),
        ("awaiting_customer_info", Self::AwaitingCustomerInfo),
        ("customer_refused_or_deferred_appointment", Self::CustomerDeferred),
        ("customer_power_or_environment", Self::CustomerPower),
        ("customer_equipment_or_change", Self::CustomerChange),
        ("third_party_outside_domain", Self::ThirdParty),
        ("planned_maintenance", Self::PlannedMaintenance),
        ("emergency_maintenance", Self::EmergencyMaintenance),
        ("mbrc", Self::BeyondControl),
        ("no_fault_found", Self::NoFaultFound),
        ("unable_to_contact_site", Self::UnableToContact),
        ("suspension_for_breach", Self::Suspension),
        ("monitor_unknown", Self::MonitorUnknown),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, r)| *r == self).map_or("?", |(n, _)| n)
    }

    /// The reason with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(n, _)| *n == name).map(|(_, r)| *r)
    }
}

/// A clock of service hours in a zone, stopped for a while now and then.
#[derive(Debug, Clone)]
pub struct RestoreClock<'a> {
    /// Whose local time the hours are.
    pub zone: &'a TimeZone,
    /// When it runs.
    pub hours: &'a ServiceHours,
    /// When it stands, in any order.
    pub stops: &'a [Span],
}

impl RestoreClock<'_> {
    /// How far ahead a deadline is looked for: a clock that hardly ever runs has none.
    pub const HORIZON_DAYS: i64 = 800;

    /// Seconds that the clock shows at the end of `span`.
    #[must_use]
    pub fn elapsed(&self, span: Span) -> u64 {
        total(&self.running(span))
    }

    /// The instant at which it has run for `seconds` since `start`; `None` when that is beyond the horizon.
    #[must_use]
    pub fn deadline(&self, start: Sec, seconds: u64) -> Option<Sec> {
        let mut left = seconds;
        let mut from = start;
        let horizon = start.plus(Self::HORIZON_DAYS * 86_400);
        while from < horizon {
            let to = from.plus(32 * 86_400).min(horizon);
            for piece in self.running(Span::new(from, to)) {
                if piece.seconds() >= left {
                    return Some(piece.from.plus(i64::try_from(left).unwrap_or(i64::MAX)));
                }
                left -= piece.seconds();
            }
            from = to;
        }
        None
    }

    /// Whether a fault of this length was restored within `seconds` on the clock.
    #[must_use]
    pub fn in_time(&self, fault: Span, seconds: u64) -> bool {
        self.elapsed(fault) <= seconds
    }

    /// How many of a month's outages were not restored within `seconds` on the clock.
    ///
    /// An outage is late in the month in which its deadline passes, and in no other.
    pub fn late<'e>(&self, outages: impl IntoIterator<Item = &'e Entry>, seconds: u64) -> u64 {
        let passes = |o: &Entry| {
            let before = Span::new(o.began, o.span.from);
            !self.in_time(Span::new(o.began, o.span.to), seconds) && self.in_time(before, seconds)
        };
        outages.into_iter().filter(|o| o.what == Entered::Outage && passes(o)).count() as u64
    }

    fn running(&self, span: Span) -> Vec<Span> {
        let hours = calendar::hours_within(span, self.zone, self.hours);
        difference(&hours, &union(self.stops.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Date, date};

    fn sec(text: &str) -> Sec {
        Sec(text.parse::<jiff::Timestamp>().unwrap().as_second())
    }

    fn office(holidays: &[Date]) -> ServiceHours {
        ServiceHours::Weekly {
            days: [true, true, true, true, true, false, false],
            from_minute: 8 * 60,
            to_minute: 17 * 60,
            holidays: holidays.into(),
        }
    }

    fn due(hours: &ServiceHours, stops: &[Span], start: &str) -> Option<Sec> {
        let zone = TimeZone::get("Europe/London").unwrap();
        RestoreClock { zone: &zone, hours, stops }.deadline(sec(start), 5 * 3600)
    }

    // Friday 2026-01-09, 15:30 GMT.
    const FRIDAY: &str = "2026-01-09T15:30:00Z";

    #[test]
    fn five_hours_from_friday_afternoon_end_on_monday() {
        assert_eq!(due(&office(&[]), &[], FRIDAY), Some(sec("2026-01-12T11:30:00Z")));
    }

    #[test]
    fn parked_time_moves_the_deadline() {
        let parked = [Span::new(sec("2026-01-12T09:00:00Z"), sec("2026-01-12T10:00:00Z"))];
        assert_eq!(due(&office(&[]), &parked, FRIDAY), Some(sec("2026-01-12T12:30:00Z")));
    }

    #[test]
    fn a_bank_holiday_moves_it_to_the_next_day() {
        assert_eq!(due(&office(&[date(2026, 1, 12)]), &[], FRIDAY), Some(sec("2026-01-13T11:30:00Z")));
    }

    #[test]
    fn a_clock_that_always_runs_counts_the_hour_that_happens_twice() {
        // Saturday 23:00 BST and five hours: Sunday 03:00 GMT.
        assert_eq!(due(&ServiceHours::Always, &[], "2026-10-24T22:00:00Z"), Some(sec("2026-10-25T03:00:00Z")));
    }

    #[test]
    fn exactly_on_the_deadline_is_in_time() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let clock = RestoreClock { zone: &zone, hours: &office(&[]), stops: &[] };
        let fault = |to: &str| Span::new(sec(FRIDAY), sec(to));
        assert!(clock.in_time(fault("2026-01-12T11:30:00Z"), 5 * 3600));
        assert!(!clock.in_time(fault("2026-01-12T11:30:01Z"), 5 * 3600));
        assert_eq!(clock.elapsed(fault("2026-01-12T07:00:00Z")), 5400);
    }

    #[test]
    fn an_outage_across_months_is_late_once() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let clock = RestoreClock { zone: &zone, hours: &ServiceHours::Always, stops: &[] };
        let part = |from, to, what| Entry {
            what,
            span: Span::new(Sec(from), Sec(to)),
            began: Sec(0),
            ongoing: false,
            seconds: 1,
            excluded: 0,
            components: Vec::new(),
        };
        let late = |from, to, what| clock.late(&[part(from, to, what)], 100);
        assert_eq!([late(0, 100, Entered::Outage), late(0, 101, Entered::Outage)], [0, 1]);
        assert_eq!([late(50, 200, Entered::Outage), late(101, 200, Entered::Outage)], [1, 0]);
        assert_eq!(late(0, 200, Entered::ShortOutage), 0);
    }

    #[test]
    fn a_clock_that_never_runs_has_no_deadline() {
        let never = ServiceHours::Weekly { days: [false; 7], from_minute: 0, to_minute: 1, holidays: [].into() };
        assert_eq!(due(&never, &[], FRIDAY), None);
    }

    #[test]
    fn reasons_keep_their_names() {
        for (name, reason) in StopReason::NAMES {
            assert_eq!((reason.name(), StopReason::parse(name)), (name, Some(reason)));
        }
    }
}
