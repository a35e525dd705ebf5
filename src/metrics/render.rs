//! Fills the table of metrics from a snapshot, family by family.
//!
//! Nothing is kept between scrapes, so series of what is no longer configured vanish at once.
//! Families are encoded one at a time and streamed through gzip where the scraper allows it:
//! the whole text of a large estate never stands in memory.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_protobuf::encode_to_vec;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{
    DescriptorEncoder, MetricEncoder, NativeHistogram, NativeHistogramBuckets, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

use super::histogram::{RttHistogram, SCHEMA, ZERO_THRESHOLD};
use super::negotiate::Format;
use super::table::{self, Kind, Metric};
use super::text::Rewriter;
use crate::config::model::{Codec, Component, ComponentKind, ContractKind, DeviceRole, LinkRole, Site};
use crate::snapshot::{ClassView, ComponentView, Counts, ServiceView, Shown, Snapshot};
use crate::units::Sec;

/// The whole exposition, uncompressed.
#[must_use]
pub fn render(snapshot: &Arc<Snapshot>, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    write(snapshot, format, &mut |part| out.extend_from_slice(part));
    out
}

/// The whole exposition, compressed with gzip at level 1: the scraper is near.
#[must_use]
pub fn render_gzip(snapshot: &Arc<Snapshot>, format: Format) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    write(snapshot, format, &mut |part| gzip.write_all(part).expect("a Vec takes every byte"));
    gzip.finish().expect("a Vec takes every byte")
}

fn write(snapshot: &Arc<Snapshot>, format: Format, to: &mut dyn FnMut(&[u8])) {
    for (metric, fill) in FAMILIES {
        let vantage = (Cow::Borrowed("vantage"), Cow::Owned(snapshot.config.monitor.vantage.clone()));
        let mut registry = Registry::with_labels(std::iter::once(vantage));
        registry.register_collector(Box::new(Family { snapshot: Arc::clone(snapshot), metric, fill: *fill }));
        match format {
            Format::Protobuf => to(&encode_to_vec(&registry).expect("encoding into memory does not fail")),
            Format::OpenMetrics | Format::Text => {
                let rewriter = (format == Format::Text).then(Rewriter::default);
                let mut lines = Lines { buffer: String::with_capacity(CHUNK + 512), rewriter, out: Vec::new(), to };
                encode_registry(&mut lines, &registry).expect("encoding into memory does not fail");
                lines.flush();
            }
        }
    }
    if format == Format::OpenMetrics {
        to(b"# EOF\n");
    }
}

/// So many bytes of text are gathered before they are passed on.
const CHUNK: usize = 64 * 1024;

/// Gathers the encoder's many small pieces and passes them on in runs of whole lines.
struct Lines<'a> {
    buffer: String,
    rewriter: Option<Rewriter>,
    out: Vec<u8>,
    to: &'a mut dyn FnMut(&[u8]),
}

impl Lines<'_> {
    fn flush(&mut self) {
        match &mut self.rewriter {
            None => (self.to)(self.buffer.as_bytes()),
            Some(rewriter) => {
                self.out.clear();
                rewriter.push(&self.buffer, &mut self.out);
                (self.to)(&self.out);
            }
        }
        self.buffer.clear();
    }
}

impl fmt::Write for Lines<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.buffer.push_str(piece);
        if self.buffer.len() >= CHUNK && piece.ends_with('\n') {
            self.flush();
        }
        Ok(())
    }
}

type Fill = fn(&Snapshot, &mut Rows<'_>) -> fmt::Result;

/// One metric family as prometheus-client wants to see it.
struct Family {
    snapshot: Arc<Snapshot>,
    metric: &'static Metric,
    fill: Fill,
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Family").field(&self.metric.name).finish()
    }
}

impl Collector for Family {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let unit = self.metric.unit.map(|unit| Unit::Other(unit.to_owned()));
        let kind = match self.metric.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge | Kind::StateSet => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
            Kind::Info => MetricType::Info,
        };
        let encoder = encoder.encode_descriptor(self.metric.stem(), self.metric.help, unit.as_ref(), kind)?;
        (self.fill)(&self.snapshot, &mut Rows { encoder })
    }
}

type Labels<'a> = &'a [(&'a str, &'a str)];

/// The samples of one family.
struct Rows<'a> {
    encoder: MetricEncoder<'a>,
}

impl Rows<'_> {
    fn counter(&mut self, labels: Labels<'_>, value: u64) -> fmt::Result {
        self.encoder.encode_family(&labels)?.encode_counter(&value, None::<&Exemplar<NoLabelSet, f64>>)
    }

    /// Values that are not numbers are left out: absent says "nothing known" better than NaN.
    fn gauge(&mut self, labels: Labels<'_>, value: Option<f64>) -> fmt::Result {
        match value.filter(|v| v.is_finite()) {
            Some(value) => self.encoder.encode_family(&labels)?.encode_gauge(&value),
            None => Ok(()),
        }
    }

    fn whole(&mut self, labels: Labels<'_>, value: u64) -> fmt::Result {
        self.encoder.encode_family(&labels)?.encode_gauge(&value)
    }

    fn info(&mut self, labels: Labels<'_>) -> fmt::Result {
        self.encoder.encode_info(&labels)
    }

    fn states(&mut self, labels: Labels<'_>, all: &[Shown], now: Shown) -> fmt::Result {
        for &state in all {
            let with_state = (labels, [("state", state.name())]);
            self.encoder.encode_family(&with_state)?.encode_gauge(&u64::from(state == now))?;
        }
        Ok(())
    }

    fn histogram(&mut self, labels: Labels<'_>, rtt: &RttHistogram) -> fmt::Result {
        let (spans, deltas) = rtt.native();
        let none = NativeHistogramBuckets { spans: &[], deltas: &[] };
        let native = NativeHistogram {
            schema: SCHEMA,
            zero_threshold: ZERO_THRESHOLD,
            zero_count: rtt.native_zero(),
            negative: none,
            positive: NativeHistogramBuckets { spans: &spans, deltas: &deltas },
            created: None,
        };
        let (sum, count, classic) = (rtt.sum_seconds(), rtt.count(), rtt.classic());
        self.encoder
            .encode_family(&labels)?
            .encode_histogram_with_native::<NoLabelSet>(sum, count, &classic, None, native)
    }
}

const COMPONENT_STATES: &[Shown] = &[Shown::Up, Shown::Degraded, Shown::Down, Shown::Unknown];
const SERVICE_STATES: &[Shown] = &[Shown::Up, Shown::Degraded, Shown::Down, Shown::Unknown, Shown::Maintenance];

/// Every family with what fills it, in the table's order.
const FAMILIES: &[(Metric, Fill)] = &[
    (table::PROBE_SENT, |s, rows| counts(s, rows, |c| c.sent)),
    (table::PROBE_RECEIVED, |s, rows| counts(s, rows, |c| c.received)),
    (table::PROBE_LOST, |s, rows| counts(s, rows, |c| c.lost)),
    (table::PROBE_LATE, |s, rows| counts(s, rows, |c| c.late)),
    (table::PROBE_DUPLICATE, |s, rows| counts(s, rows, |c| c.duplicate)),
    (table::PROBE_REMARKED, |s, rows| counts(s, rows, |c| c.remarked)),
    (table::PROBE_NOT_MEASURED, |s, rows| counts(s, rows, |c| c.not_measured)),
    (table::PROBE_RTT, |s, rows| classes(s, |labels, _, class| rows.histogram(&labels, &class.rtt))),
    (table::PROBE_JITTER, |s, rows| {
        classes(s, |[site, component, class], _, view| {
            rows.gauge(&[site, component, class, ("definition", "rfc3550")], view.jitter_rfc3550)?;
            rows.gauge(&[site, component, class, ("definition", "pdv_p99")], view.pdv_p99)
        })
    }),
    (table::PROBE_LOSS, |s, rows| classes(s, |labels, _, view| rows.gauge(&labels, view.loss))),
    (table::COMPONENT_STATE, |s, rows| {
        components(s, |[site, component], at, view| {
            rows.states(&[site, component, ("kind", kind_name(&at.kind))], COMPONENT_STATES, view.state)
        })
    }),
    (table::SERVICE_STATE, |s, rows| services(s, |labels, _, view| rows.states(&labels, SERVICE_STATES, view.state))),
    (table::SERVICE_MONTH, |s, rows| {
        services(s, |[site, service, contract], _, view| {
            let a = view.accounts;
            for (account, seconds) in [("up", a.up), ("down", a.down), ("unknown", a.unknown), ("excluded", a.excluded)]
            {
                rows.whole(&[site, service, contract, ("account", account)], seconds)?;
            }
            Ok(())
        })
    }),
    (table::SERVICE_AVAILABILITY, |s, rows| {
        services(s, |labels, _, view| rows.gauge(&labels, view.availability.map(|r| r.value)))
    }),
    (table::SERVICE_LOWER, |s, rows| {
        services(s, |labels, _, view| rows.gauge(&labels, view.availability.map(|r| r.lower)))
    }),
    (table::SERVICE_UPPER, |s, rows| {
        services(s, |labels, _, view| rows.gauge(&labels, view.availability.map(|r| r.upper)))
    }),
    (table::SERVICE_COVERAGE, |s, rows| {
        services(s, |labels, _, view| rows.gauge(&labels, view.availability.map(|r| r.coverage)))
    }),
    (table::SERVICE_TARGET, |s, rows| services(s, |labels, target, _| rows.gauge(&labels, Some(target)))),
    (table::SERVICE_BUDGET, |s, rows| services(s, |labels, _, view| rows.gauge(&labels, view.budget_remaining))),
    (table::OBJECTIVE_VALUE, |s, rows| objectives(s, |labels, o| rows.gauge(&labels, o.value))),
    (table::OBJECTIVE_LIMIT, |s, rows| objectives(s, |labels, o| rows.gauge(&labels, Some(o.limit)))),
    (table::OBJECTIVE_MET, |s, rows| {
        objectives(s, |labels, o| rows.gauge(&labels, o.met.map(|met| f64::from(u8::from(met)))))
    }),
    (table::VOICE_MOS, |s, rows| voice(s, |labels, v| rows.gauge(&labels, Some(v.mos)))),
    (table::VOICE_R, |s, rows| voice(s, |labels, v| rows.gauge(&labels, Some(v.r)))),
    (table::CONTRACT, contracts),
    (table::CONTRACT_END, |s, rows| {
        s.config.contracts.iter().try_for_each(|c| {
            let after = c.ends.tomorrow().ok().and_then(|day| day.to_zoned(s.config.monitor.time_zone.clone()).ok());
            rows.gauge(&[("contract", c.id.as_str())], after.map(|z| z.timestamp().as_second() as f64))
        })
    }),
    (table::MIGRATION_SITES, migration),
    (table::SCHEDULER_LAG, |s, rows| rows.gauge(&[], Some(s.monitor.scheduler_lag))),
    (table::SCHEDULER_SKIPPED, |s, rows| rows.counter(&[], s.monitor.scheduler_skipped)),
    (table::MONITOR_ISOLATED, |s, rows| rows.whole(&[], u64::from(s.monitor.isolated))),
    (table::MONITOR_NOT_MEASURED, |s, rows| {
        s.monitor.not_measured.iter().try_for_each(|(cause, &n)| rows.counter(&[("cause", cause.name())], n))
    }),
    (table::MONITOR_STRAY, |s, rows| {
        s.monitor.stray.iter().try_for_each(|(&kind, &n)| rows.counter(&[("kind", kind)], n))
    }),
    (table::MONITOR_CLOCK_STEPS, |s, rows| rows.counter(&[], s.monitor.clock_steps)),
    (table::MONITOR_UNRESOLVED, |s, rows| rows.whole(&[], s.monitor.unresolved)),
    (table::EVIDENCE_HEAD, |s, rows| s.monitor.evidence_head_sequence.map_or(Ok(()), |n| rows.whole(&[], n))),
    (table::EVIDENCE_FAILURES, |s, rows| rows.counter(&[], s.monitor.evidence_write_failures)),
    (table::RELOAD_SUCCESSFUL, |s, rows| rows.whole(&[], u64::from(s.monitor.reload_successful))),
    (table::START_TIME, |s, rows| rows.gauge(&[], Some(s.started.0 as f64))),
    (table::BUILD, |s, rows| rows.info(&[("version", env!("CARGO_PKG_VERSION")), ("engine", s.monitor.engine)])),
];

type Label<'a> = (&'static str, &'a str);

fn components<'s>(
    s: &'s Snapshot,
    mut row: impl FnMut([Label<'s>; 2], &'s Component, &'s ComponentView) -> fmt::Result,
) -> fmt::Result {
    s.config.components.iter().zip(&s.components).try_for_each(|(at, view)| {
        let site = s.config.sites.get(at.site.get()).map_or("", |site| site.id.as_str());
        row([("site", site), ("component", at.id.as_str())], at, view)
    })
}

fn classes<'s>(
    s: &'s Snapshot,
    mut row: impl FnMut([Label<'s>; 3], &'s Component, &'s ClassView) -> fmt::Result,
) -> fmt::Result {
    components(s, |[site, component], at, view| {
        view.classes.iter().try_for_each(|class| {
            let name = s.config.classes.get(class.class.get()).map_or("", |c| c.id.as_str());
            row([site, component, ("class", name)], at, class)
        })
    })
}

fn counts(s: &Snapshot, rows: &mut Rows<'_>, of: fn(&Counts) -> u64) -> fmt::Result {
    classes(s, |labels, _, view| rows.counter(&labels, of(&view.counts)))
}

/// Calls `row` with labels, promised availability and view.
fn services<'s>(
    s: &'s Snapshot,
    mut row: impl FnMut([Label<'s>; 3], f64, &'s ServiceView) -> fmt::Result,
) -> fmt::Result {
    s.config.services.iter().zip(&s.services).try_for_each(|(of, view)| {
        let site = s.config.sites.get(of.site.get()).map_or("", |site| site.id.as_str());
        let contract = s.config.contracts.get(of.contract.get()).map_or("", |c| c.id.as_str());
        let target = s.config.slas.get(of.sla.get()).map_or(f64::NAN, |sla| sla.availability.as_f64());
        row([("site", site), ("service", of.id.as_str()), ("contract", contract)], target, view)
    })
}

fn objectives<'s>(
    s: &'s Snapshot,
    mut row: impl FnMut([Label<'s>; 5], &'s crate::snapshot::ObjectiveView) -> fmt::Result,
) -> fmt::Result {
    services(s, |[site, service, contract], _, view| {
        view.objectives.iter().try_for_each(|o| {
            let class = s.config.classes.get(o.class.get()).map_or("", |c| c.id.as_str());
            row([site, service, contract, ("class", class), ("measure", o.measure.name())], o)
        })
    })
}

fn voice<'s>(
    s: &'s Snapshot,
    mut row: impl FnMut([Label<'s>; 5], crate::snapshot::VoiceView) -> fmt::Result,
) -> fmt::Result {
    classes(s, |[site, component, class], _, view| {
        let codec = s.config.classes.get(view.class.get()).and_then(|c| c.codec);
        match (view.voice, codec) {
            (Some(v), Some(codec)) => {
                row([site, component, class, ("codec", codec_name(codec)), ("source", "emodel")], v)
            }
            _ => Ok(()),
        }
    })
}

fn contracts(s: &Snapshot, rows: &mut Rows<'_>) -> fmt::Result {
    s.config.contracts.iter().try_for_each(|c| {
        let kind = match c.kind {
            ContractKind::Legacy => "legacy",
            ContractKind::Consolidated => "consolidated",
        };
        rows.info(&[
            ("contract", c.id.as_str()),
            ("title", &c.title),
            ("kind", kind),
            ("provider", &c.provider),
            ("customer", &c.customer),
            ("reference", &c.reference),
        ])
    })
}

fn migration(s: &Snapshot, rows: &mut Rows<'_>) -> fmt::Result {
    let mut waves: Vec<&str> = s.config.sites.iter().filter_map(|site| site.wave.as_deref()).collect();
    waves.sort_unstable();
    waves.dedup();
    for wave in waves {
        let of_wave = || s.config.sites.iter().filter(|site| site.wave.as_deref() == Some(wave));
        for stage in ["accepted", "scheduled", "open"] {
            let sites = of_wave().filter(|site| stage_of(site, s) == stage).count();
            rows.whole(&[("wave", wave), ("stage", stage)], sites as u64)?;
        }
    }
    Ok(())
}

/// How far a site of a migration wave has come, by the monitor's local day.
pub(crate) fn stage_of(site: &Site, s: &Snapshot) -> &'static str {
    let today =
        |at: Sec| Some(jiff::Timestamp::from_second(at.0).ok()?.to_zoned(s.config.monitor.time_zone.clone()).date());
    match site.accepted {
        None => "open",
        Some(day) if today(s.at).is_some_and(|today| day <= today) => "accepted",
        Some(_) => "scheduled",
    }
}

/// What a component is, as it stands in the label `kind` and on pages.
#[must_use]
pub fn kind_name(kind: &ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Device(device) => match device.role {
            DeviceRole::Router => "router",
            DeviceRole::VoipGateway => "voip-gateway",
            DeviceRole::Host => "host",
        },
        ComponentKind::Link(link) => match link.role {
            LinkRole::Primary => "link-primary",
            LinkRole::Standby => "link-standby",
            LinkRole::LoadShare => "link-load-share",
        },
    }
}

fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::G711 => "G.711",
        Codec::G711NoPlc => "G.711-no-PLC",
        Codec::G729a => "G.729A",
        Codec::G729 => "G.729",
        Codec::G7231 => "G.723.1",
        Codec::GsmEfr => "GSM-EFR",
        Codec::G72632 => "G.726-32",
        Codec::G722 => "G.722",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_the_table_is_filled_in_its_order() {
        let filled: Vec<&str> = FAMILIES.iter().map(|(m, _)| m.name).collect();
        let named: Vec<&str> = table::ALL.iter().map(|m| m.name).collect();
        assert_eq!(filled, named);
    }
}
