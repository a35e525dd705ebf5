//! From accounts to a verdict: formulae, bounds, coverage, budget.
//!
//! All in integers. `docs/accounting.md` explains every formula with an example.

use crate::config::model::{Formula, Rounding, Sla, UnknownPolicy};
use crate::sla::account::{Accounts, Plan, Tally};
use crate::sla::exclusion;
use crate::sla::ratio::Ratio;
use crate::units::Share;

/// Seconds that `fixed30` takes every month to have.
pub const THIRTY_DAYS: u64 = 2_592_000;

/// Whether a promise was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was.
    Met,
    /// It was not.
    Breached,
    /// Too little was measured to say.
    NotProven,
}

impl Verdict {
    /// Its name in reports and the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Breached => "breached",
            Self::NotProven => "not_proven",
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Breached => "breached",
            Self::NotProven => "not proven",
        }
    }
}

/// Name of a formula in configuration and reports.
#[must_use]
pub fn formula_name(formula: &Formula) -> &'static str {
    match formula {
        Formula::Calendar => "calendar",
        Formula::Fixed30 => "fixed30",
        Formula::AgreedTime => "agreed_time",
        Formula::DowntimeBudget { .. } => "downtime_budget",
    }
}

/// The terms that decide a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// How availability is computed.
    pub formula: Formula,
    /// What becomes of unknown time.
    pub unknown: UnknownPolicy,
    /// The promised availability.
    pub target: Share,
    /// Below it the verdict is not proven.
    pub coverage_floor: Share,
    /// How each outage's length is rounded.
    pub rounding: Rounding,
}

impl From<&Sla> for Promise {
    fn from(sla: &Sla) -> Self {
        Self {
            formula: sla.formula.clone(),
            unknown: sla.unknown,
            target: sla.availability,
            coverage_floor: sla.coverage_floor,
            rounding: sla.rounding,
        }
    }
}

/// What the formulae are applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The accounts as they were booked.
    pub accounts: Accounts,
    /// Down seconds after each outage was rounded.
    pub down: u64,
    /// Down seconds of the eleven months before this one, for the test over twelve months.
    pub down_before: u64,
}

impl Counted {
    /// From a month's numbers; `down_before` as in [`Counted::down_before`].
    #[must_use]
    pub fn new(tally: &Tally, rounding: Rounding, down_before: u64) -> Self {
        Self { accounts: tally.accounts, down: tally.counted_down(rounding), down_before }
    }

    /// The four numbers that a formula sees under a policy: (up, down, unknown, excluded).
    ///
    /// What rounding takes from `down` goes to `up` and the other way round, as far as it goes.
    fn under(self, policy: UnknownPolicy) -> (u64, u64, u64, u64) {
        let a = self.accounts;
        let up = (a.up + a.down).saturating_sub(self.down);
        match policy {
            UnknownPolicy::Exclude => (up, self.down, a.unknown, a.excluded),
            UnknownPolicy::AsUp => (up + a.unknown, self.down, 0, a.excluded),
            UnknownPolicy::AsDown => (up, self.down + a.unknown, 0, a.excluded),
        }
    }

    /// Availability by `formula` under `policy`.
    ///
    /// A budget has no percentage of its own: it is shown with that of `calendar`.
    #[must_use]
    pub fn availability(self, formula: &Formula, policy: UnknownPolicy) -> Ratio {
        let (up, down, unknown, _) = self.under(policy);
        match formula {
            Formula::Calendar | Formula::DowntimeBudget { .. } => {
                let whole = self.accounts.window() - unknown;
                Ratio::new(whole.saturating_sub(down), whole)
            }
            Formula::AgreedTime => Ratio::new(up, up + down),
            Formula::Fixed30 => Ratio::new(THIRTY_DAYS.saturating_sub(down), THIRTY_DAYS),
        }
    }
}

/// Everything that is said of a service's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Availability by the contract's formula and unknown policy; `None` when all of the time it looks at is unknown.
    pub availability: Option<Ratio>,
    /// Were all unknown time down.
    pub lower: Ratio,
    /// Were all unknown time up.
    pub upper: Ratio,
    /// 1 − unknown / window.
    pub coverage: Ratio,
    /// Whether the promise was kept.
    pub verdict: Verdict,
    /// More than thirty days were down: `fixed30` stops at 0.
    pub clamped: bool,
    /// Down seconds that the formula counts: rounded, and with unknown time when that counts as down.
    pub counted_down: u64,
    /// Seconds that may be down in the whole month without a breach.
    pub allowed_down: u64,
    /// Seconds of that which are left; negative once it is breached.
    pub budget_left: i64,
    /// The highest availability that the whole month can still reach: all that is to come is up.
    pub achievable: Ratio,
}

/// Computes the figures of a month so far, or of all of it.
///
/// `plan` is the month's: how much of its window and of its exclusions is still to come.
#[must_use]
pub fn figures(promise: &Promise, counted: &Counted, plan: &Plan) -> Figures {
    let formula = &promise.formula;
    let accounts = counted.accounts;
    let value = counted.availability(formula, promise.unknown);
    let lower = counted.availability(formula, UnknownPolicy::AsDown);
    let upper = counted.availability(formula, UnknownPolicy::AsUp);
    let coverage = Ratio::new(accounts.window() - accounts.unknown, accounts.window());
    let (up, down, unknown, _) = counted.under(promise.unknown);
    // Of the time that could have been up or down, none is known.
    let nothing = accounts.window() > 0
        && match formula {
            Formula::Calendar | Formula::DowntimeBudget { .. } | Formula::Fixed30 => accounts.window() == unknown,
            Formula::AgreedTime => up + down == 0,
        };
    let blind = nothing && accounts.unknown > 0;
    let kept = match *formula {
        Formula::DowntimeBudget { month, year } => {
            down <= month && year.is_none_or(|most| counted.down_before.saturating_add(down) <= most)
        }
        Formula::Calendar | Formula::AgreedTime | Formula::Fixed30 => value.reaches(promise.target),
    };
    let verdict = if nothing || !coverage.reaches(promise.coverage_floor) {
        Verdict::NotProven
    } else if kept {
        Verdict::Met
    } else {
        Verdict::Breached
    };
    let allowed_down = allowed_down(promise, counted, plan);
    let left = |allowed: u64, used: u64| i64::try_from(i128::from(allowed) - i128::from(used)).unwrap_or(i64::MIN);
    Figures {
        availability: (!blind).then_some(value),
        lower,
        upper,
        coverage,
        verdict,
        clamped: *formula == Formula::Fixed30 && down > THIRTY_DAYS,
        counted_down: down,
        allowed_down,
        budget_left: left(allowed_down, down),
        achievable: at_best(counted, plan).availability(formula, promise.unknown),
    }
}

/// The month as it ends when everything that is still to come is up.
fn at_best(counted: &Counted, plan: &Plan) -> Counted {
    let excluded = exclusion::total(&plan.excluded).max(counted.accounts.excluded);
    let booked = counted.accounts.window() - counted.accounts.excluded;
    let open = (plan.window_seconds().saturating_sub(excluded)).saturating_sub(booked);
    let accounts = Accounts { excluded, up: counted.accounts.up + open, ..counted.accounts };
    Counted { accounts, ..*counted }
}

/// Most seconds that may count as down in the whole month: the largest for which the target is still met.
fn allowed_down(promise: &Promise, counted: &Counted, plan: &Plan) -> u64 {
    let (up, down, unknown, _) = at_best(counted, plan).under(promise.unknown);
    let whole = match promise.formula {
        Formula::Calendar => at_best(counted, plan).accounts.window() - unknown,
        Formula::AgreedTime => up + down,
        Formula::Fixed30 => THIRTY_DAYS,
        Formula::DowntimeBudget { month, year } => {
            return year.map_or(month, |most| month.min(most.saturating_sub(counted.down_before)));
        }
    };
    let missing = u128::from(Share::ONE.0.saturating_sub(promise.target.0));
    u64::try_from(u128::from(whole) * missing / u128::from(Share::ONE.0)).expect("a share of a u64 fits one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sla::calendar::Month;
    use crate::units::{Sec, Span};
    use proptest::prelude::*;

    const MINUTE: u64 = 60;

    fn plan_of(seconds: u64) -> Plan {
        let all = Span::new(Sec(0), Sec(i64::try_from(seconds).unwrap()));
        Plan::new(Month::new(2026, 4).unwrap(), all, all, vec![all], &[])
    }

    fn counted(up: u64, down: u64, unknown: u64, excluded: u64) -> Counted {
        Counted { accounts: Accounts { excluded, unknown, down, up }, down, down_before: 0 }
    }

    fn promise(formula: Formula, unknown: UnknownPolicy) -> Promise {
        let (target, coverage_floor) = (Share(99_900_000), Share(99_000_000));
        Promise { formula, unknown, target, coverage_floor, rounding: Rounding::None }
    }

    fn of(formula: Formula, unknown: UnknownPolicy, counted: Counted) -> Figures {
        figures(&promise(formula, unknown), &counted, &plan_of(counted.accounts.window()))
    }

    #[test]
    fn april_comes_out_under_every_policy() {
        // 43 200 min; down 60 of which 20 agreed as excluded; unknown 200.
        let april = counted((43_200 - 260) * MINUTE, 40 * MINUTE, 200 * MINUTE, 20 * MINUTE);
        let shown = |formula, policy| of(formula, policy, april).availability.unwrap().percent();
        assert_eq!(shown(Formula::Calendar, UnknownPolicy::Exclude), "99.9069");
        assert_eq!(shown(Formula::Calendar, UnknownPolicy::AsDown), "99.4444");
        assert_eq!(shown(Formula::Calendar, UnknownPolicy::AsUp), "99.9074");
        assert_eq!(shown(Formula::AgreedTime, UnknownPolicy::Exclude), "99.9069");
        let figures = of(Formula::Calendar, UnknownPolicy::Exclude, april);
        assert_eq!(figures.coverage.percent(), "99.5370");
        assert_eq!((figures.lower.percent(), figures.upper.percent()), ("99.4444".into(), "99.9074".into()));
        assert_eq!(figures.verdict, Verdict::Met);
    }

    #[test]
    fn november_is_shown_truncated() {
        let november = counted(42_900 * MINUTE, 300 * MINUTE, 0, 0);
        assert_eq!(of(Formula::Calendar, UnknownPolicy::Exclude, november).availability.unwrap().percent(), "99.3055");
    }

    #[test]
    fn allowed_down_time_of_each_month_and_target() {
        let table = [
            (44_640, [13_392, 2_678, 1_339, 267]),
            (40_320, [12_096, 2_419, 1_209, 241]),
            (44_580, [13_374, 2_674, 1_337, 267]),
            (43_200, [12_960, 2_592, 1_296, 259]),
            (44_700, [13_410, 2_682, 1_341, 268]),
            (41_760, [12_528, 2_505, 1_252, 250]),
        ];
        for (minutes, allowed) in table {
            for (target, allowed) in [99_500_000, 99_900_000, 99_950_000, 99_990_000].into_iter().zip(allowed) {
                let promise = Promise { target: Share(target), ..promise(Formula::Calendar, UnknownPolicy::Exclude) };
                let at =
                    |down| figures(&promise, &counted(minutes * MINUTE - down, down, 0, 0), &plan_of(minutes * MINUTE));
                assert_eq!(at(0).allowed_down, allowed, "{minutes} min, {target}");
                assert_eq!(at(allowed).verdict, Verdict::Met);
                assert_eq!(at(allowed + 1).verdict, Verdict::Breached);
                assert_eq!((at(allowed).budget_left, at(allowed + 1).budget_left), (0, -1));
            }
        }
    }

    #[test]
    fn fixed30_knows_only_thirty_days_and_stops_at_nothing() {
        let day = 86_400;
        let all = of(Formula::Fixed30, UnknownPolicy::Exclude, counted(0, 31 * day, 0, 0));
        assert_eq!((all.availability.unwrap().percent().as_str(), all.clamped), ("0.0000", true));
        let three = of(Formula::Fixed30, UnknownPolicy::Exclude, counted(28 * day, 3 * day, 0, 0));
        assert_eq!((three.availability.unwrap().percent().as_str(), three.clamped), ("90.0000", false));
    }

    #[test]
    fn a_budget_is_kept_in_the_month_and_over_twelve() {
        let formula = |year| Formula::DowntimeBudget { month: 3_600, year };
        let verdict = |year, down, down_before| {
            let counted = Counted { down_before, ..counted(1_000_000 - down, down, 0, 0) };
            let f = figures(&promise(formula(year), UnknownPolicy::Exclude), &counted, &plan_of(1_000_000));
            (f.verdict, f.budget_left)
        };
        assert_eq!(verdict(None, 3_600, 999_999), (Verdict::Met, 0));
        assert_eq!(verdict(None, 3_601, 0), (Verdict::Breached, -1));
        assert_eq!(verdict(Some(28_800), 600, 28_200), (Verdict::Met, 0));
        assert_eq!(verdict(Some(28_800), 601, 28_200), (Verdict::Breached, -1));
    }

    #[test]
    fn below_the_coverage_floor_nothing_is_proven() {
        let at =
            |unknown| of(Formula::Calendar, UnknownPolicy::Exclude, counted(10_000 - unknown, 0, unknown, 0)).verdict;
        assert_eq!((at(100), at(101)), (Verdict::Met, Verdict::NotProven));
    }

    #[test]
    fn all_unknown_has_no_availability_and_an_empty_window_breaks_nothing() {
        let blind = of(Formula::AgreedTime, UnknownPolicy::Exclude, counted(0, 0, 500, 100));
        assert_eq!((blind.availability, blind.verdict), (None, Verdict::NotProven));
        let none = of(Formula::Calendar, UnknownPolicy::Exclude, counted(0, 0, 0, 0));
        assert_eq!((none.availability.unwrap().percent().as_str(), none.verdict), ("100.0000", Verdict::Met));
    }

    #[test]
    fn a_month_of_which_nothing_could_be_up_or_down_is_not_proven() {
        let floorless = |formula, counted: Counted| {
            let promise = Promise { coverage_floor: Share(0), ..promise(formula, UnknownPolicy::Exclude) };
            let f = figures(&promise, &counted, &plan_of(counted.accounts.window()));
            (f.availability.map(Ratio::percent), f.verdict)
        };
        let whole = || Some("100.0000".to_owned());
        let (unknown, excluded) = (counted(0, 0, 500, 0), counted(0, 0, 0, 500));
        assert_eq!(floorless(Formula::Calendar, unknown), (None, Verdict::NotProven));
        assert_eq!(floorless(Formula::Fixed30, unknown), (None, Verdict::NotProven));
        assert_eq!(floorless(Formula::AgreedTime, excluded), (whole(), Verdict::NotProven), "nothing was promised");
        assert_eq!(floorless(Formula::Calendar, excluded), (whole(), Verdict::Met), "excluded time counts as up");
    }

    #[test]
    fn what_is_still_to_come_may_be_up() {
        let so_far = counted(40_000, 1_000, 0, 0);
        let f = figures(&promise(Formula::Calendar, UnknownPolicy::Exclude), &so_far, &plan_of(100_000));
        assert_eq!(f.availability.unwrap().percent(), "97.5609");
        assert_eq!(f.achievable.percent(), "99.0000");
        assert_eq!(f.budget_left, 100 - 1_000);
    }

    #[test]
    fn rounding_moves_seconds_between_up_and_down() {
        let rounded = Counted { down: 120, ..counted(9_939, 61, 0, 0) };
        assert_eq!(of(Formula::AgreedTime, UnknownPolicy::Exclude, rounded).availability.unwrap().percent(), "98.8000");
        assert_eq!(of(Formula::Calendar, UnknownPolicy::Exclude, rounded).availability.unwrap().percent(), "98.8000");
    }

    proptest! {
        #[test]
        fn the_bounds_hold_the_figure(up in 0_u64..5_000_000, down in 0_u64..100_000, unknown in 0_u64..100_000, excluded in 0_u64..100_000) {
            for formula in [Formula::Calendar, Formula::AgreedTime, Formula::Fixed30] {
                for policy in [UnknownPolicy::Exclude, UnknownPolicy::AsUp, UnknownPolicy::AsDown] {
                    let f = of(formula.clone(), policy, counted(up, down, unknown, excluded));
                    if let Some(value) = f.availability {
                        prop_assert!(f.lower <= value && value <= f.upper, "{formula:?} {policy:?} {f:?}");
                        prop_assert!(value <= f.achievable || f.achievable == value);
                    }
                }
            }
        }
    }
}
