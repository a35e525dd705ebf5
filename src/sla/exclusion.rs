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
