//! Time that does not count: agreed exclusions, and maintenance announced in time.

use crate::config::Config;
use crate::config::model::Maintenance;
use crate::names::ServiceIx;
use crate::units::Span;

/// An exclusion that both parties agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Whom it touches.
    pub services: Vec<ServiceIx>,
    /// When.
    pub span: Span,
}

/// Whether the window was announced early enough to exclude anything: `notified + notice ≤ from`.
#[must_use]
pub fn announced_in_time(maintenance: &Maintenance, notice: u64) -> bool {
    let notice = i64::try_from(notice).unwrap_or(i64::MAX);
    maintenance.notified.is_some_and(|notified| notified.plus(notice) <= maintenance.span.from)
}

/// Everything that is excluded for a service: agreed exclusions and maintenance with valid notice.
#[must_use]
pub fn of_service(config: &Config, service: ServiceIx, agreed: &[Agreed]) -> Vec<Span> {
    let terms = &config.services[service.get()];
    let notice = config.slas[terms.sla.get()].maintenance_notice;
    let maintenance = config
        .maintenance
        .iter()
        .filter(|m| m.contract == terms.contract && (m.services.is_empty() || m.services.contains(&service)))
        .filter(|m| announced_in_time(m, notice))
        .map(|m| m.span);
    let agreed = agreed.iter().filter(|a| a.services.contains(&service)).map(|a| a.span);
    union(maintenance.chain(agreed))
}

/// The union of spans as disjoint, sorted, non-empty ones that do not touch.
#[must_use]
pub fn union(spans: impl IntoIterator<Item = Span>) -> Vec<Span> {
    let mut all: Vec<Span> = spans.into_iter().filter(|s| !s.is_empty()).collect();
    all.sort();
    let mut merged: Vec<Span> = Vec::with_capacity(all.len());
    for span in all {
        match merged.last_mut() {
            Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
            _ => merged.push(span),
        }
    }
    merged
}

/// The time that two unions of spans share.
#[must_use]
pub fn intersection(a: &[Span], b: &[Span]) -> Vec<Span> {
    let (mut i, mut j) = (0, 0);
    let mut shared = Vec::new();
    while let (Some(&x), Some(&y)) = (a.get(i), b.get(j)) {
        shared.extend(x.intersect(y));
        if x.to <= y.to {
            i += 1;
        } else {
            j += 1;
        }
    }
    shared
}

/// Seconds in all of them together.
#[must_use]
pub fn total(spans: &[Span]) -> u64 {
    spans.iter().map(|s| s.seconds()).sum()
}

/// The time of `a` that is not in `b`; both disjoint and sorted.
#[must_use]
pub fn difference(a: &[Span], b: &[Span]) -> Vec<Span> {
    let mut left = Vec::new();
    let mut first = 0;
    for &span in a {
        let mut from = span.from;
        while b.get(first).is_some_and(|s| s.to <= span.from) {
            first += 1;
        }
        for cut in b[first..].iter().take_while(|s| s.from < span.to) {
            if from < cut.from {
                left.push(Span::new(from, cut.from));
            }
            from = from.max(cut.to);
        }
        if from < span.to {
            left.push(Span::new(from, span.to));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::ContractIx;
    use crate::units::Sec;
    use proptest::prelude::*;

    fn spans(list: &[(i64, i64)]) -> Vec<Span> {
        list.iter().map(|&(a, b)| Span::new(Sec(a), Sec(b))).collect()
    }

    #[test]
    fn maintenance_excludes_only_when_announced_in_time() {
        let announced = |notified: Option<i64>| Maintenance {
            contract: ContractIx(0),
            services: Vec::new(),
            span: Span::new(Sec(1_000), Sec(2_000)),
            reference: "CHG-1".into(),
            notified: notified.map(Sec),
        };
        assert!(announced_in_time(&announced(Some(899)), 100));
        assert!(announced_in_time(&announced(Some(900)), 100), "exactly on notice");
        assert!(!announced_in_time(&announced(Some(901)), 100));
        assert!(!announced_in_time(&announced(None), 0), "never announced");
        assert!(!announced_in_time(&announced(Some(0)), u64::MAX));
    }

    #[test]
    fn unions_merge_what_overlaps_or_touches() {
        assert_eq!(union(spans(&[(5, 7), (1, 3), (3, 4), (6, 9), (8, 8)])), spans(&[(1, 4), (5, 9)]));
    }

    proptest! {
        #[test]
        fn set_operations_agree_with_a_second_by_second_look(
            a in proptest::collection::vec((0_i64..60, 0_i64..12), 0..8), b in proptest::collection::vec((0_i64..60, 0_i64..12), 0..8),
        ) {
            let make = |v: Vec<(i64, i64)>| union(v.into_iter().map(|(f, n)| Span::new(Sec(f), Sec(f + n))));
            let (a, b) = (make(a), make(b));
            let within = |s: &[Span], t: i64| s.iter().any(|x| x.contains(Sec(t)));
            let (both, only) = (intersection(&a, &b), difference(&a, &b));
            for t in 0..80 {
                prop_assert_eq!(within(&both, t), within(&a, t) && within(&b, t));
                prop_assert_eq!(within(&only, t), within(&a, t) && !within(&b, t));
            }
            prop_assert_eq!(total(&both) + total(&only), total(&a));
        }
    }
}
