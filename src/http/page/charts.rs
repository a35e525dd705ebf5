//! What the recent hours measured, as pictures and figures: drawn here for everybody, and again by a script
//! for those who want to point at a minute.

use askama::Template;

use super::made;
use super::when::{millis, percent};
use crate::config::model::{Limit, Measure};
use crate::draw::line::lines;
use crate::http::history::{History, Line, Lines, Of};
use crate::names::{ClassIx, ServiceIx};
use crate::snapshot::Snapshot;
use crate::units::Span;

/// The stretches that a reader can choose, hours.
const CHOICES: [u32; 4] = [1, 3, 6, 24];

#[derive(Template)]
#[template(path = "page/charts.html")]
struct Charts<'a> {
    class: String,
    classes: Vec<(String, bool)>,
    hours: u32,
    choices: Vec<(u32, bool)>,
    from: String,
    to: String,
    plots: Vec<Plot>,
    rows: Vec<Row>,
    left_out: usize,
    path: &'a str,
    zone: &'a str,
    empty: bool,
}

struct Plot {
    title: &'static str,
    key: &'static str,
    unit: &'static str,
    svg: String,
    top: String,
    floor: &'static str,
    limit: Option<String>,
    limit_value: String,
}

struct Row {
    n: usize,
    id: String,
    rtt: String,
    worst: String,
    jitter: String,
    loss: String,
    mos: String,
}

/// The components that a service needs, in its own class.
#[must_use]
pub fn of_service(s: &Snapshot, ix: ServiceIx) -> Lines {
    let of = &s.config.services[ix.get()];
    let probed = |c: &crate::names::ComponentIx| {
        s.config.components[c.get()].icmp.as_ref().is_some_and(|icmp| icmp.classes.contains(&of.class))
    };
    of.requires.components().into_iter().filter(probed).map(|c| (c, of.class)).collect()
}

/// The components of a site that are probed in a class.
#[must_use]
pub fn of_site(s: &Snapshot, site: usize, class: ClassIx) -> Lines {
    let all = s.config.components.iter().enumerate();
    let here =
        all.filter(|(_, c)| c.site.get() == site && c.icmp.as_ref().is_some_and(|icmp| icmp.classes.contains(&class)));
    here.map(|(n, _)| (crate::names::ComponentIx::from(n), class)).collect()
}

/// A component in every class that it is probed in.
#[must_use]
pub fn of_component(s: &Snapshot, component: usize) -> Lines {
    let ix = crate::names::ComponentIx::from(component);
    let icmp = s.config.components.get(component).and_then(|c| c.icmp.as_ref());
    icmp.map_or_else(Vec::new, |icmp| icmp.classes.iter().map(|class| (ix, *class)).collect())
}

/// What a page's charts are about.
pub(super) struct About<'a> {
    /// The page.
    pub path: &'a str,
    /// The class shown.
    pub class: ClassIx,
    /// Whether the reader can choose another class.
    pub choose: bool,
    /// How many hours.
    pub hours: u32,
    /// Whose objectives are drawn as limits.
    pub service: Option<ServiceIx>,
}

/// The section.
pub(super) fn render(s: &Snapshot, about: &About<'_>, history: &History) -> String {
    let limit = |measure: Measure| {
        let sla = &s.config.slas[s.config.services[about.service?.get()].sla.get()];
        let objective = sla.objectives.iter().find(|o| o.class == about.class && o.measure == measure)?;
        Some(match objective.limit {
            Limit::Micros(us) => us as f64 / 1e6,
            Limit::Share(share) => share.as_f64(),
            Limit::Mos(mos) => f64::from(mos) / 1e4,
        })
    };
    let plot = |title, of: Of, key, unit, limit: Option<f64>| {
        let values: Vec<Vec<Option<f64>>> = history.lines.iter().map(|line| line.values(of)).collect();
        let show = |v: f64| match of {
            Of::Loss => percent(v, 2),
            Of::Mos => format!("{v:.1}"),
            _ => millis(v),
        };
        let (floor, ceiling) = if of == Of::Mos { (1.0, Some(4.5)) } else { (0.0, None) };
        let (svg, top) = lines(&values, limit, floor, ceiling);
        Plot {
            title,
            key,
            unit,
            svg,
            top: show(top),
            floor: if of == Of::Mos { "1" } else { "0" },
            limit: limit.map(show),
            limit_value: limit.map(|v| v.to_string()).unwrap_or_default(),
        }
    };
    let mut plots = vec![
        plot("Mean round-trip time", Of::RttMean, "rtt_mean_seconds", "ms", limit(Measure::RttMean)),
        plot("Loss", Of::Loss, "loss", "%", limit(Measure::Loss)),
        plot("Jitter", Of::Jitter, "jitter_seconds", "ms", limit(Measure::Jitter)),
    ];
    if s.config.classes[about.class.get()].codec.is_some() {
        plots.push(plot("Voice quality (MOS)", Of::Mos, "mos", "", limit(Measure::Mos)));
    }
    let zone = &s.config.monitor.time_zone;
    let time = |at: crate::units::Sec| super::When::new(at, s.at, zone).local;
    let Span { from, to } = history.span;
    let measured = |line: &Line| line.points.iter().any(|p| p.loss.is_some());
    made(&Charts {
        class: s.config.classes[about.class.get()].id.to_string(),
        classes: match about.choose {
            true => {
                s.config.classes.iter().enumerate().map(|(n, c)| (c.id.to_string(), n == about.class.get())).collect()
            }
            false => Vec::new(),
        },
        hours: about.hours,
        choices: CHOICES.into_iter().map(|h| (h, h == about.hours)).collect(),
        from: time(from),
        to: time(to),
        plots,
        rows: history.lines.iter().enumerate().map(|(n, line)| row(s, n, line)).collect(),
        left_out: history.left_out,
        path: about.path,
        zone: &s.config.monitor.time_zone_name,
        empty: !history.lines.iter().any(measured),
    })
}

/// What stands there when the evidence could not be read in time.
pub(super) fn later() -> String {
    made(&Later)
}

#[derive(Template)]
#[template(path = "page/later.html")]
struct Later;

fn row(s: &Snapshot, n: usize, line: &Line) -> Row {
    let none = || "–".to_owned();
    let last = |of: Of| line.values(of).into_iter().rev().flatten().next();
    let worst = line.values(Of::RttMean).into_iter().flatten().reduce(f64::max);
    let losses: Vec<f64> = line.values(Of::Loss).into_iter().flatten().collect();
    let loss = (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64);
    Row {
        n,
        id: s.config.components[line.component.get()].id.to_string(),
        rtt: last(Of::RttMean).map_or_else(none, millis),
        worst: worst.map_or_else(none, millis),
        jitter: last(Of::Jitter).map_or_else(none, millis),
        loss: loss.map_or_else(none, |v| percent(v, 2)),
        mos: last(Of::Mos).map_or_else(none, |v| format!("{v:.2}")),
    }
}
