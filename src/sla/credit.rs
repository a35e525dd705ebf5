//! What is owed when a promise was broken, with its working shown.
//!
//! Money is integer minor units, shares are exact; an amount is rounded down to a whole minor unit.

use crate::config::model::CreditSchedule;
use crate::sla::figures::{Figures, Verdict};
use crate::sla::ratio::Ratio;
use crate::units::{Money, Share};

/// What a schedule is applied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whether the promise was kept; nothing is claimed while that is not proven.
    pub verdict: Verdict,
    /// Availability by the contract's formula.
    pub availability: Option<Ratio>,
    /// Down seconds of the month that the formula counts.
    pub down: u64,
    /// Down seconds of the eleven months before.
    pub down_before: u64,
    /// Outages of the month that were not restored in time.
    pub late_restorations: u64,
    /// What the service costs a month.
    pub monthly_charge: Option<Money>,
}

/// What is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// Share of the monthly charge.
    pub percent: Share,
    /// In money, when the charge is known.
    pub amount: Option<Money>,
    /// How it came about, a step each, in plain words.
    pub working: Vec<String>,
}

/// Shares of the monthly charge that a month, while it lasts, puts at risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtRisk {
    /// If it ended as it stands.
    pub so_far: Share,
    /// Even if everything still to come is up.
    pub certain: Share,
}

/// Applies `schedule` to a month that is not over, as if enough of it had been measured.
///
/// `None` while there is no availability to compare. A clock that a fault has stopped is not known here, so
/// `late_restorations` counts every outage that was not restored in time, the one that lasts included.
#[must_use]
pub fn at_risk(schedule: &CreditSchedule, figures: &Figures, late_restorations: u64) -> Option<AtRisk> {
    let of = |availability: Ratio| {
        let claim = Claim {
            verdict: Verdict::Breached,
            availability: Some(availability),
            down: figures.counted_down,
            down_before: 0,
            late_restorations,
            monthly_charge: None,
        };
        credit(schedule, &claim).percent
    };
    figures.availability.map(|so_far| AtRisk { so_far: of(so_far), certain: of(figures.achievable) })
}

/// Applies `schedule` to a month.
#[must_use]
pub fn credit(schedule: &CreditSchedule, claim: &Claim) -> Credit {
    let mut working = Vec::new();
    let percent = if claim.verdict == Verdict::NotProven {
        working.push("the month is not proven: no credit can be claimed".into());
        Share(0)
    } else {
        share(schedule, claim, &mut working)
    };
    let percent = if percent > Share::ONE {
        working.push(format!("{percent} is limited to 100% of the monthly charge"));
        Share::ONE
    } else {
        percent
    };
    let amount = claim.monthly_charge.as_ref().map(|charge| {
        let amount = of(percent, charge);
        if percent.0 > 0 {
            working.push(format!("{percent} of {charge} = {amount}"));
        }
        amount
    });
    Credit { percent, amount, working }
}

fn share(schedule: &CreditSchedule, claim: &Claim, working: &mut Vec<String>) -> Share {
    match schedule {
        CreditSchedule::Tiers(tiers) => {
            let Some(availability) = claim.availability else {
                working.push("there is no availability to compare".into());
                return Share(0);
            };
            let reached = tiers.iter().filter(|tier| !availability.reaches(tier.below)).min_by_key(|tier| tier.below);
            match reached {
                Some(tier) => {
                    working.push(format!("availability {availability}% is below {}: {}", tier.below, tier.credit));
                    tier.credit
                }
                None => {
                    let highest = tiers.iter().map(|tier| tier.below).max().unwrap_or(Share(0));
                    working.push(format!("availability {availability}% is not below {highest}: no credit"));
                    Share(0)
                }
            }
        }
        CreditSchedule::DowntimeBands(bands) => {
            let down = length(claim.down);
            match bands.iter().filter(|band| claim.down > band.over).max_by_key(|band| band.over) {
                Some(band) => {
                    working.push(format!("{down} down is over {}: {}", length(band.over), band.credit));
                    band.credit
                }
                None => {
                    let lowest = bands.iter().map(|band| band.over).min().unwrap_or(0);
                    working.push(format!("{down} down is not over {}: no credit", length(lowest)));
                    Share(0)
                }
            }
        }
        &CreditSchedule::PerInterval {
            interval,
            standard,
            elevated,
            elevated_replaces_standard,
            month_max,
            year_max,
        } => {
            let year = claim.down_before.saturating_add(claim.down);
            let mut started = |what: &str, down: u64, most: u64, rate: Share| {
                let over = down.saturating_sub(most);
                if over == 0 {
                    working.push(format!("{what}: {} down is not over {}: no credit", length(down), length(most)));
                    return Share(0);
                }
                let intervals = over.div_ceil(interval.max(1));
                let share = Share(rate.0.saturating_mul(intervals));
                working.push(format!(
                    "{what}: {} down is {} over {}: {intervals} started interval{} of {} at {rate} = {share}",
                    length(down),
                    length(over),
                    length(most),
                    if intervals == 1 { "" } else { "s" },
                    length(interval),
                ));
                share
            };
            let by_month = started("month", claim.down, month_max, standard);
            let by_year = started("twelve months", year, year_max, elevated);
            if by_year.0 > 0 && elevated_replaces_standard {
                if by_month.0 > 0 {
                    working.push("the elevated credit takes the place of the standard one".into());
                }
                by_year
            } else {
                if by_year.0 > 0 && by_month.0 > 0 {
                    working.push(format!("{by_month} and {by_year} are added"));
                }
                Share(by_month.0.saturating_add(by_year.0))
            }
        }
        &CreditSchedule::PerIncident { credit, cap } => {
            let late = claim.late_restorations;
            let share = Share(credit.0.saturating_mul(late));
            let plural = if late == 1 { "" } else { "s" };
            working.push(format!("{late} outage{plural} not restored in time at {credit} = {share}"));
            if share > cap {
                working.push(format!("limited to {cap} a month"));
            }
            share.min(cap)
        }
    }
}

/// A share of an amount, rounded down to a whole minor unit.
fn of(share: Share, charge: &Money) -> Money {
    let exact = i128::from(charge.minor) * i128::from(share.0);
    let minor = i64::try_from(exact.div_euclid(i128::from(Share::ONE.0))).unwrap_or(i64::MAX);
    Money { minor, ..charge.clone() }
}

/// A length of time in words: `1 h 30 min`, `45 s`, `0 s`.
#[must_use]
pub fn length(seconds: u64) -> String {
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let words: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if words.is_empty() { "0 s".into() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{CreditBand, CreditTier};

    fn percent(hundredths: u64) -> Share {
        Share(hundredths * 10_000)
    }

    fn claim() -> Claim {
        Claim {
            verdict: Verdict::Breached,
            availability: None,
            down: 0,
            down_before: 0,
            late_restorations: 0,
            monthly_charge: Some(Money { minor: 50_000, currency: *b"GBP" }),
        }
    }

    fn amount(credit: &Credit) -> String {
        credit.amount.as_ref().unwrap().to_string()
    }

    /// leasedlines.org: ≥99.99 % 0; <99.99–99.5 5 %; <99.5–99.0 10 %; <99.0 20 %.
    fn tiers() -> CreditSchedule {
        let tier = |below, credit| CreditTier { below: percent(below), credit: percent(credit) };
        CreditSchedule::Tiers(vec![tier(9999, 500), tier(9950, 1000), tier(9900, 2000)])
    }

    #[test]
    fn a_month_that_lasts_tells_what_it_risks_from_what_is_lost_already() {
        use crate::config::model::{Formula, Rounding, UnknownPolicy};
        use crate::sla::account::{Accounts, Plan};
        use crate::sla::calendar::Month;
        use crate::sla::figures::{Counted, Promise, figures};
        use crate::units::{Sec, Span};
        let all = Span::new(Sec(0), Sec(100_000));
        let plan = Plan::new(Month::new(2026, 4).unwrap(), all, all, vec![all], &[]);
        let promise = Promise {
            formula: Formula::Calendar,
            unknown: UnknownPolicy::Exclude,
            target: percent(9999),
            coverage_floor: percent(10_000),
            rounding: Rounding::None,
        };
        let at = |up, down, unknown| {
            let accounts = Accounts { up, down, unknown, excluded: 0 };
            let counted = Counted { accounts, down, down_before: 0 };
            at_risk(&tiers(), &figures(&promise, &counted, &plan), 0)
        };
        // 500 of 10,500 down so far is 95.2%; of the whole month it is 99.5% at least.
        assert_eq!(at(10_000, 500, 0), Some(AtRisk { so_far: percent(2000), certain: percent(500) }));
        assert_eq!(at(10_000, 501, 0), Some(AtRisk { so_far: percent(2000), certain: percent(1000) }));
        assert_eq!(at(10_000, 0, 0), Some(AtRisk { so_far: percent(0), certain: percent(0) }));
        // Too little coverage to claim anything hides no risk; nothing measured at all has none to tell.
        assert_eq!(at(10_000, 500, 1).unwrap().so_far, percent(2000));
        assert_eq!(at(0, 0, 500), None);
    }

    #[test]
    fn the_lowest_tier_reached_gives_the_credit() {
        let at = |part, whole| credit(&tiers(), &Claim { availability: Some(Ratio::new(part, whole)), ..claim() });
        let november = at(42_900, 43_200);
        assert_eq!(november.percent, percent(1000));
        assert_eq!(november.working, ["availability 99.3055% is below 99.5%: 10%", "10% of GBP 500.00 = GBP 50.00"]);
        let exactly: Vec<_> =
            [(9_999, 0), (9_998, 500), (9_950, 500), (9_949, 1000), (9_900, 1000), (9_899, 2000), (0, 2000)]
                .map(|(part, expected)| (at(part, 10_000).percent, percent(expected)))
                .to_vec();
        assert!(exactly.iter().all(|(got, expected)| got == expected), "{exactly:?}");
        assert_eq!(at(1, 1).working, ["availability 100.0000% is not below 99.99%: no credit"]);
    }

    #[test]
    fn bands_of_cumulative_down_time() {
        let minute = 60;
        let band = |over, credit| CreditBand { over: over * minute, credit: percent(credit) };
        let naas =
            CreditSchedule::DowntimeBands(vec![band(43, 2000), band(906, 4000), band(1770, 6000), band(2634, 8000)]);
        let at = |down| credit(&naas, &Claim { down, ..claim() }).percent;
        let table = [
            (0, 0),
            (43 * minute, 0),
            (43 * minute + 1, 2000),
            (906 * minute, 2000),
            (906 * minute + 1, 4000),
            (1770 * minute + 1, 6000),
            (2634 * minute, 6000),
            (2634 * minute + 1, 8000),
            (44_640 * minute, 8000),
        ];
        for (down, expected) in table {
            assert_eq!(at(down), percent(expected), "{down}");
        }
    }

    #[test]
    fn published_tables_come_out() {
        // Level 3 CrossRoads, standard service.
        let band = |over, credit| CreditBand { over, credit: percent(credit) };
        let crossroads = CreditSchedule::DowntimeBands(vec![
            band(600, 500),
            band(2_700, 1000),
            band(4 * 3600, 2000),
            band(8 * 3600, 3000),
            band(12 * 3600, 4000),
            band(16 * 3600, 5000),
            band(24 * 3600, 10_000),
        ]);
        let at = |down| credit(&crossroads, &Claim { down, ..claim() }).percent;
        assert_eq!([600, 601, 2_700, 2_701, 86_400, 86_401].map(at), [0, 500, 500, 1000, 5000, 10_000].map(percent));
        // PacketFabric core.
        let tier = |below: u64, credit| CreditTier { below: Share(below * 1_000), credit: percent(credit) };
        let core = CreditSchedule::Tiers(vec![
            tier(100_000, 1000),
            tier(99_862, 2000),
            tier(99_445, 3000),
            tier(98_889, 4000),
            tier(98_334, 6000),
            tier(96_667, 10_000),
        ]);
        let at = |part| credit(&core, &Claim { availability: Some(Ratio::new(part, 100_000)), ..claim() }).percent;
        let parts = [100_000, 99_999, 99_862, 99_861, 96_667, 96_666];
        assert_eq!(parts.map(at), [0, 1000, 1000, 2000, 6000, 10_000].map(percent));
    }

    /// Category B: month 60 min, year 480 min, interval 60 min, 4 % and 8 %.
    fn category_b(elevated_replaces_standard: bool) -> CreditSchedule {
        CreditSchedule::PerInterval {
            interval: 3_600,
            standard: percent(400),
            elevated: percent(800),
            elevated_replaces_standard,
            month_max: 3_600,
            year_max: 28_800,
        }
    }

    #[test]
    fn started_intervals_at_the_standard_then_the_elevated_rate() {
        let at = |year_minutes: u64, replaces| {
            let claim = Claim { down: 150 * 60, down_before: (year_minutes - 150) * 60, ..claim() };
            credit(&category_b(replaces), &claim)
        };
        let standard = at(400, true);
        assert_eq!(amount(&standard), "GBP 40.00");
        assert_eq!(
            standard.working,
            [
                "month: 2 h 30 min down is 1 h 30 min over 1 h: 2 started intervals of 1 h at 4% = 8%",
                "twelve months: 6 h 40 min down is not over 8 h: no credit",
                "8% of GBP 500.00 = GBP 40.00",
            ]
        );
        let elevated = at(520, true);
        assert_eq!(amount(&elevated), "GBP 40.00");
        assert_eq!(
            elevated.working[1],
            "twelve months: 8 h 40 min down is 40 min over 8 h: 1 started interval of 1 h at 8% = 8%"
        );
        let both = at(520, false);
        assert_eq!((both.percent, amount(&both)), (percent(1600), "GBP 80.00".into()));
    }

    #[test]
    fn incidents_are_capped() {
        let schedule = CreditSchedule::PerIncident { credit: percent(500), cap: percent(1200) };
        let at = |late_restorations| credit(&schedule, &Claim { late_restorations, ..claim() }).percent;
        assert_eq!([at(0), at(1), at(2), at(3)], [percent(0), percent(500), percent(1000), percent(1200)]);
    }

    #[test]
    fn nothing_is_claimed_that_is_not_proven_and_never_more_than_the_charge() {
        let unproven =
            credit(&tiers(), &Claim { verdict: Verdict::NotProven, availability: Some(Ratio::new(1, 2)), ..claim() });
        assert_eq!((unproven.percent, amount(&unproven)), (Share(0), "GBP 0.00".into()));
        let all = credit(&category_b(true), &Claim { down: 2_592_000, ..claim() });
        assert_eq!((all.percent, amount(&all)), (Share::ONE, "GBP 500.00".into()));
    }

    #[test]
    fn amounts_are_rounded_down_to_a_penny() {
        assert_eq!(of(percent(500), &Money { minor: 33_333, currency: *b"GBP" }).minor, 1_666);
    }
}
