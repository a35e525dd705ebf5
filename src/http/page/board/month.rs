//! The month so far: when services were down, and what is left of their promises.

use askama::Template;

use crate::draw::timeline::{self, Mark, MarkKind};
use crate::http::page::when::{self, duration};
use crate::http::page::{Promise, day, made};
use crate::names::ServiceIx;
use crate::sla::exclusion::intersection;
use crate::snapshot::{ServiceView, Snapshot};
use crate::units::{Sec, Span};

/// So many services are shown that used some of their allowance, those with the least left first.
pub(super) const ROWS: usize = 12;
/// A wall has room for fewer.
pub(super) const ROWS_ON_A_WALL: usize = 6;
/// The strip over all services shows at most so many stretches.
const MAX_MARKS: usize = 300;

#[derive(Template)]
#[template(path = "page/board/month.html")]
struct Month {
    name: String,
    first_day: String,
    last_day: String,
    any: String,
    any_down: String,
    rows: Vec<Row>,
    /// Services that used some of their allowance beside those in `rows`.
    more: usize,
    /// Services that used none.
    untouched: usize,
}

struct Row {
    id: String,
    title: String,
    site: String,
    strip: String,
    down: String,
    promise: Promise,
}

/// The table; nothing when there is no service.
pub(super) fn render(s: &Snapshot, most: usize) -> String {
    let zone = &s.config.monitor.time_zone;
    let Some((month, name, days, _)) = when::month_of(s.at, zone) else { return String::new() };
    if s.services.is_empty() {
        return String::new();
    }
    let mut order: Vec<(f64, u64, ServiceIx)> = s
        .services
        .iter()
        .enumerate()
        .filter(|(_, v)| v.accounts.down > 0 || v.budget_remaining.is_some_and(|left| left < 1.0))
        .map(|(n, v)| (v.budget_remaining.unwrap_or(f64::INFINITY), v.accounts.down, ServiceIx::from(n)))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2)));
    let row = |ix: ServiceIx| {
        let (of, view) = (&s.config.services[ix.get()], &s.services[ix.get()]);
        Row {
            id: of.id.to_string(),
            title: of.title.clone(),
            site: s.config.sites[of.site.get()].title.clone(),
            strip: timeline::month(
                month,
                s.at,
                &days,
                &unknown(view).chain(merged(spans(s, view).collect())).collect::<Vec<_>>(),
            ),
            down: if view.accounts.down == 0 { "–".to_owned() } else { duration(view.accounts.down) },
            promise: Promise::of(s, ix, view),
        }
    };
    let all = merged(s.services.iter().flat_map(|view| spans(s, view)).collect());
    // What no service can tell of; where one of them was up, there is something to show.
    let silent = s.services.iter().map(|view| view.unknown.clone()).reduce(|a, b| match a.is_empty() {
        true => a,
        false => intersection(&a, &b),
    });
    let silent = silent.into_iter().flatten().map(|span| Mark { span, kind: MarkKind::Unknown });
    let seconds = all.iter().map(|m| m.span.intersect(month).map_or(0, Span::seconds)).sum();
    made(&Month {
        first_day: day(month.from, zone),
        last_day: day(month.to.plus(-1), zone),
        name,
        any: timeline::month(month, s.at, &days, &silent.chain(all.iter().copied()).collect::<Vec<_>>()),
        any_down: if seconds == 0 { "–".to_owned() } else { duration(seconds) },
        more: order.len().saturating_sub(most),
        untouched: s.services.len() - order.len(),
        rows: order.into_iter().take(most).map(|(.., ix)| row(ix)).collect(),
    })
}

fn unknown(view: &ServiceView) -> impl Iterator<Item = Mark> + '_ {
    view.unknown.iter().map(|&span| Mark { span, kind: MarkKind::Unknown })
}

fn spans<'a>(s: &Snapshot, view: &'a ServiceView) -> impl Iterator<Item = Span> + use<'a> {
    let now: Sec = s.at;
    view.outages.iter().map(move |o| Span::new(o.from, o.to.unwrap_or(now.max(o.from.plus(1)))))
}

/// Overlapping stretches as one; when there are too many, the longest.
fn merged(mut spans: Vec<Span>) -> Vec<Mark> {
    spans.sort_by_key(|span| (span.from, span.to));
    let mut whole: Vec<Span> = Vec::new();
    for span in spans {
        match whole.last_mut() {
            Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
            _ => whole.push(span),
        }
    }
    if whole.len() > MAX_MARKS {
        whole.sort_by_key(|span| std::cmp::Reverse(span.seconds()));
        whole.truncate(MAX_MARKS);
    }
    whole.into_iter().map(|span| Mark { span, kind: MarkKind::Down }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_outages_are_one_stretch_and_never_too_many() {
        let span = |from, to| Span::new(Sec(from), Sec(to));
        let all: Vec<Span> =
            merged(vec![span(50, 60), span(0, 10), span(5, 20), span(20, 21)]).into_iter().map(|m| m.span).collect();
        assert_eq!(all, [span(0, 21), span(50, 60)]);
        assert_eq!(merged((0..1_000).map(|n| span(n * 10, n * 10 + 5)).collect()).len(), MAX_MARKS);
    }
}
