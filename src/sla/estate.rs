//! Views of many services at once. All five differ; a report names the one it uses and always shows how many met.

use crate::sla::figures::Verdict;
use crate::sla::ratio::Ratio;

/// One service or site in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its availability by its own formula.
    pub availability: Ratio,
    /// Seconds that its availability is a share of.
    pub seconds: u64,
    /// Of those: down.
    pub down: u64,
    /// Whether its promise was kept.
    pub verdict: Verdict,
    /// How much it matters: users, or any other measure.
    pub weight: u64,
}

/// Five ways to say how an estate did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estate {
    /// The worst member's availability.
    pub worst: Ratio,
    /// The mean of the members' availabilities, each truncated to parts per million million.
    pub mean: Ratio,
    /// 1 − all down seconds / all seconds.
    pub by_time: Ratio,
    /// The mean weighted by [`Member::weight`].
    pub by_weight: Ratio,
    /// How many kept their promise, of how many.
    pub met: Ratio,
    /// How many members cannot say; they are in `met` as not kept.
    pub not_proven: u64,
}

/// Sums up members; `None` without any. Integers are summed, percentages never averaged across months.
#[must_use]
pub fn estate(members: &[Member]) -> Option<Estate> {
    const FINE: u64 = 1_000_000_000_000;
    let fine = |r: Ratio| u128::from(r.part) * u128::from(FINE) / u128::from(r.whole);
    let mean = |weight: &dyn Fn(&Member) -> u64| {
        let all: u128 = members.iter().map(|m| u128::from(weight(m))).sum();
        let sum: u128 = members.iter().map(|m| fine(m.availability) * u128::from(weight(m))).sum();
        let part = sum.checked_div(all).unwrap_or(u128::from(FINE));
        Ratio::new(u64::try_from(part).unwrap_or(FINE), FINE)
    };
    let of = |verdict| members.iter().filter(|m| m.verdict == verdict).count() as u64;
    let (seconds, down) =
        members.iter().fold((0_u64, 0_u64), |(s, d), m| (s.saturating_add(m.seconds), d.saturating_add(m.down)));
    Some(Estate {
        worst: members.iter().map(|m| m.availability).min()?,
        mean: mean(&|_| 1),
        by_time: Ratio::new(seconds.saturating_sub(down), seconds),
        by_weight: mean(&|m| m.weight),
        met: Ratio::new(of(Verdict::Met), members.len() as u64),
        not_proven: of(Verdict::NotProven),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_views_differ() {
        let member = |seconds, down, weight| {
            let availability = Ratio::new(seconds - down, seconds);
            let verdict = if down * 100 > seconds { Verdict::Breached } else { Verdict::Met };
            Member { availability, seconds, down, verdict, weight }
        };
        let views = estate(&[member(1_000, 100, 1), member(9_000, 0, 8), member(10_000, 50, 1)]).unwrap();
        let shown = [views.worst, views.mean, views.by_time, views.by_weight, views.met].map(Ratio::percent);
        assert_eq!(shown, ["90.0000", "96.5000", "99.2500", "98.9500", "66.6666"]);
        assert_eq!(estate(&[]), None);
    }

    #[test]
    fn without_any_weight_nothing_is_broken() {
        let m = Member { availability: Ratio::new(1, 2), seconds: 2, down: 1, verdict: Verdict::NotProven, weight: 0 };
        let views = estate(&[m]).unwrap();
        assert_eq!((views.by_weight.percent().as_str(), views.not_proven), ("100.0000", 1));
    }
}
