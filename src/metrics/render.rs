//! Fills the table of metrics from a snapshot, family by family.
//!
//! Nothing is kept between scrapes, so series of what is no longer configured vanish at once.
//! Families are written one at a time and streamed through gzip where the scraper allows it:
//! the whole text of a large estate never stands in memory.

use std::collections::BTreeMap;

use super::negotiate::Format;
use super::rows::Rows;
use super::table::{self, Metric};
use super::{about, device, driver, faults, promise};
use crate::config::model::{Component, ComponentKind, ContractKind, DeviceRole, LinkRole, Service, Site};
use crate::measurement::Cause;
use crate::snapshot::{ClassView, ComponentView, Counts, ObjectiveView, ServiceView, Shown, Snapshot, VoiceView};
use crate::units::Sec;
use crate::voice;

/// The whole exposition, uncompressed.
#[must_use]
pub fn render(snapshot: &Snapshot, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    write(snapshot, format, &mut |part| out.extend_from_slice(part));
    out
}

/// The whole exposition, compressed with gzip beside the writing.
#[must_use]
pub fn render_gzip(snapshot: &Snapshot, format: Format) -> Vec<u8> {
    driver::gzip(|to| write(snapshot, format, to))
}

fn write(snapshot: &Snapshot, format: Format, to: &mut dyn FnMut(&[u8])) {
    for (metric, fill) in FAMILIES {
        let mut rows = Rows::begin(metric, format, &snapshot.config.monitor.vantage, to);
        fill(snapshot, &mut rows);
        rows.end();
    }
    if format == Format::OpenMetrics {
        to(b"# EOF\n");
    }
}

type Fill = fn(&Snapshot, &mut Rows<'_>);

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
            rows.gauge(&[site, component, class, ("definition", "rfc3550")], view.jitter_rfc3550);
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
                rows.whole(&[site, service, contract, ("account", account)], seconds);
            }
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
    (table::SERVICE_TARGET, |s, rows| {
        services(s, |labels, of, _| {
            rows.gauge(&labels, s.config.slas.get(of.sla.get()).map(|sla| sla.availability.as_f64()))
        })
    }),
    (table::SERVICE_BUDGET, |s, rows| services(s, |labels, _, view| rows.gauge(&labels, view.budget_remaining))),
    (table::OBJECTIVE_VALUE, |s, rows| objectives(s, |labels, o| rows.gauge(&labels, o.value))),
    (table::OBJECTIVE_LIMIT, |s, rows| objectives(s, |labels, o| rows.gauge(&labels, Some(o.limit)))),
    (table::OBJECTIVE_MET, |s, rows| {
        objectives(s, |labels, o| rows.gauge(&labels, o.met.map(|met| f64::from(u8::from(met)))))
    }),
    (table::VOICE_MOS, |s, rows| {
        voices(s, |labels, v| rows.gauge(&labels, Some(v.mos)));
        device::ip_sla_mos(s, |labels, mos| rows.gauge(&labels, Some(mos)));
    }),
    (table::VOICE_R, |s, rows| voices(s, |labels, v| rows.gauge(&labels, Some(v.r)))),
    (table::DEVICE_UPTIME, device::uptime),
    (table::DEVICE_RESTARTS, device::restarts),
    (table::DEVICE_INFO, device::info),
    (table::INTERFACE_OPER, |s, rows| device::interface_gauge(s, rows, "oper", device::is_up)),
    (table::INTERFACE_ADMIN, |s, rows| device::interface_gauge(s, rows, "oper", device::is_on)),
    (table::INTERFACE_SPEED, |s, rows| device::interface_gauge(s, rows, "speed", device::number)),
    (table::INTERFACE_RECEIVE_BYTES, |s, rows| device::interface_counter(s, rows, "receive_bytes")),
    (table::INTERFACE_TRANSMIT_BYTES, |s, rows| device::interface_counter(s, rows, "transmit_bytes")),
    (table::INTERFACE_RECEIVE_ERRORS, |s, rows| device::interface_counter(s, rows, "receive_errors")),
    (table::INTERFACE_TRANSMIT_ERRORS, |s, rows| device::interface_counter(s, rows, "transmit_errors")),
    (table::INTERFACE_RECEIVE_DISCARDS, |s, rows| device::interface_counter(s, rows, "receive_discards")),
    (table::INTERFACE_TRANSMIT_DISCARDS, |s, rows| device::interface_counter(s, rows, "transmit_discards")),
    (table::GATEWAY_CHANNELS, device::channels),
    (table::DEVICE_READING, device::readings),
    (table::DEVICE_COUNT, device::counts),
    (table::DEVICE_PART_UP, device::parts),
    (table::DEVICE_LEFT_OUT, device::left_out),
    (table::SNMP_REQUESTS, device::polls),
    (table::SNMP_ACCESS, device::access),
    (table::SNMP_NOTIFICATIONS, |s, rows| {
        s.monitor.notifications.iter().for_each(|(result, n)| rows.counter(&[("result", result)], *n));
    }),
    (table::CONTRACT, contracts),
    (table::CONTRACT_END, |s, rows| {
        s.config.contracts.iter().for_each(|c| {
            let after = c.ends.tomorrow().ok().and_then(|day| day.to_zoned(s.config.monitor.time_zone.clone()).ok());
            rows.gauge(&[("contract", c.id.as_str())], after.map(|z| z.timestamp().as_second() as f64))
        })
    }),
    (table::MIGRATION_SITES, migration),
    (table::SITE, about::sites),
    (table::COMPONENT, about::components),
    (table::SERVICE, about::services),
    (table::SERVICE_REQUIRES, about::requirements),
    (table::CONTACT, about::contacts),
    (table::COMPONENT_SINCE, |s, rows| {
        components(s, |labels, _, view| rows.gauge(&labels, view.since.map(|at| at.0 as f64)))
    }),
    (table::SERVICE_SINCE, |s, rows| about::service_instants(s, rows, |view| view.since)),
    (table::SERVICE_OUTAGES, |s, rows| services(s, |labels, _, view| rows.whole(&labels, view.outages.len() as u64))),
    (table::SERVICE_CREDIT, about::credit),
    (table::SERVICE_ACHIEVABLE, |s, rows| promise::allowance(s, rows, |a| a.achievable)),
    (table::SERVICE_ALLOWED, |s, rows| promise::allowance(s, rows, |a| a.allowed as f64)),
    (table::SERVICE_COUNTED, |s, rows| promise::allowance(s, rows, |a| a.counted as f64)),
    (table::RESTORE_DEADLINE, |s, rows| about::service_instants(s, rows, |view| view.restore_by)),
    (table::FAULTS_OPEN, faults::open),
    (table::FAULT_OLDEST, |s, rows| {
        let oldest = s.faults.iter().map(|f| f.detected).min();
        rows.gauge(&[], oldest.map(|at| at.0 as f64));
    }),
    (table::FAULT_LATE, |s, rows| rows.whole(&[], s.faults.iter().filter(|f| f.late).count() as u64)),
    (table::FAULT_OVERDUE, |s, rows| rows.whole(&[], s.faults.iter().filter(|f| f.overdue).count() as u64)),
    (table::OBJECTIVE_PROBES, |s, rows| objectives(s, |labels, o| rows.whole(&labels, o.probes))),
    (table::OBJECTIVE_MINUTES, |s, rows| objectives(s, |labels, o| rows.counter(&labels, o.minutes))),
    (table::OBJECTIVE_BAD_MINUTES, |s, rows| objectives(s, |labels, o| rows.counter(&labels, o.bad_minutes))),
    (table::COMPONENT_QUIET, promise::quiet),
    (table::UTC_OFFSET, promise::utc_offset),
    (table::MONTH_START, |s, rows| rows.gauge(&[], about::month(s, false))),
    (table::MONTH_END, |s, rows| rows.gauge(&[], about::month(s, true))),
    (table::SCHEDULER_LAG, |s, rows| rows.gauge(&[], Some(s.monitor.scheduler_lag))),
    (table::SCHEDULER_SKIPPED, |s, rows| rows.counter(&[], s.monitor.scheduler_skipped)),
    (table::MONITOR_ISOLATED, |s, rows| rows.whole(&[], u64::from(s.monitor.isolated))),
    (table::MONITOR_NOT_MEASURED, |s, rows| {
        // From 0 on, or the first of a kind would raise no rate.
        let mut causes: BTreeMap<Cause, u64> = Cause::LIVE.into_iter().map(|cause| (cause, 0)).collect();
        causes.extend(&s.monitor.not_measured);
        causes.iter().for_each(|(cause, &n)| rows.counter(&[("cause", cause.name())], n));
    }),
    (table::MONITOR_STRAY, |s, rows| s.monitor.stray.iter().for_each(|(&kind, &n)| rows.counter(&[("kind", kind)], n))),
    (table::MONITOR_CLOCK_STEPS, |s, rows| rows.counter(&[], s.monitor.clock_steps)),
    (table::MONITOR_UNRESOLVED, |s, rows| rows.whole(&[], s.monitor.unresolved)),
    (table::EVIDENCE_HEAD, |s, rows| s.monitor.evidence_head_sequence.into_iter().for_each(|n| rows.whole(&[], n))),
    (table::EVIDENCE_FAILURES, |s, rows| rows.counter(&[], s.monitor.evidence_write_failures)),
    (table::ALERTS_QUEUED, |s, rows| rows.whole(&[], s.monitor.alerts.queued)),
    (table::ALERTS_STANDING, |s, rows| rows.whole(&[], s.monitor.alerts.standing)),
    (table::ALERTS_DROPPED, |s, rows| rows.counter(&[], s.monitor.alerts.dropped)),
    (table::ALERTMANAGER_SUCCESS, |s, rows| {
        for at in &s.monitor.alerts.alertmanagers {
            rows.gauge(&[("alertmanager", &at.url)], at.last_success.map(|at| at.0 as f64));
        }
    }),
    (table::ALERTMANAGER_FAILURES, |s, rows| {
        for at in &s.monitor.alerts.alertmanagers {
            rows.counter(&[("alertmanager", &at.url)], at.failures);
        }
    }),
    (table::EVIDENCE_WAITING, |s, rows| rows.whole(&[], s.monitor.evidence_waiting)),
    (table::EVIDENCE_DROPPED, |s, rows| rows.counter(&[], s.monitor.evidence_dropped)),
    (table::EVIDENCE_LAST_WRITE, |s, rows| {
        let at = s.monitor.evidence_last_write.map_or(0, |at| u64::try_from(at.0).unwrap_or(0));
        rows.whole(&[], at);
    }),
    (table::EVIDENCE_BYTES, |s, rows| s.monitor.evidence_bytes.into_iter().for_each(|n| rows.whole(&[], n))),
    (table::RELOAD_SUCCESSFUL, |s, rows| rows.whole(&[], u64::from(s.monitor.reload_successful))),
    (table::START_TIME, |s, rows| rows.gauge(&[], Some(s.started.0 as f64))),
    (table::BUILD, |s, rows| rows.info(&[("version", env!("CARGO_PKG_VERSION")), ("engine", s.monitor.engine)])),
];

type Label<'a> = (&'static str, &'a str);

fn components<'s>(s: &'s Snapshot, mut row: impl FnMut([Label<'s>; 2], &'s Component, &'s ComponentView)) {
    s.config.components.iter().zip(&s.components).for_each(|(at, view)| {
        let site = s.config.sites.get(at.site.get()).map_or("", |site| site.id.as_str());
        row([("site", site), ("component", at.id.as_str())], at, view)
    })
}

fn classes<'s>(s: &'s Snapshot, mut row: impl FnMut([Label<'s>; 3], &'s Component, &'s ClassView)) {
    components(s, |[site, component], at, view| {
        view.classes.iter().for_each(|class| {
            let name = s.config.classes.get(class.class.get()).map_or("", |c| c.id.as_str());
            row([site, component, ("class", name)], at, class)
        })
    })
}

fn counts(s: &Snapshot, rows: &mut Rows<'_>, of: fn(&Counts) -> u64) {
    classes(s, |labels, _, view| rows.counter(&labels, of(&view.counts)))
}

/// Calls `row` with labels, service and view.
pub(super) fn services<'s>(s: &'s Snapshot, mut row: impl FnMut([Label<'s>; 3], &'s Service, &'s ServiceView)) {
    s.config.services.iter().zip(&s.services).for_each(|(of, view)| {
        let site = s.config.sites.get(of.site.get()).map_or("", |site| site.id.as_str());
        let contract = s.config.contracts.get(of.contract.get()).map_or("", |c| c.id.as_str());
        row([("site", site), ("service", of.id.as_str()), ("contract", contract)], of, view)
    })
}

fn objectives<'s>(s: &'s Snapshot, mut row: impl FnMut([Label<'s>; 5], &'s ObjectiveView)) {
    services(s, |[site, service, contract], _, view| {
        view.objectives.iter().for_each(|o| {
            let class = s.config.classes.get(o.class.get()).map_or("", |c| c.id.as_str());
            row([site, service, contract, ("class", class), ("measure", o.measure.name())], o)
        })
    })
}

fn voices<'s>(s: &'s Snapshot, mut row: impl FnMut([Label<'s>; 5], VoiceView)) {
    classes(s, |[site, component, class], _, view| {
        let codec = s.config.classes.get(view.class.get()).and_then(|c| c.codec);
        if let (Some(v), Some(codec)) = (view.voice, codec) {
            row([site, component, class, ("codec", voice::parameters(codec).name), ("source", "emodel")], v);
        }
    })
}

fn contracts(s: &Snapshot, rows: &mut Rows<'_>) {
    s.config.contracts.iter().for_each(|c| {
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

fn migration(s: &Snapshot, rows: &mut Rows<'_>) {
    let mut waves: Vec<&str> = s.config.sites.iter().filter_map(|site| site.wave.as_deref()).collect();
    waves.sort_unstable();
    waves.dedup();
    for wave in waves {
        let of_wave = || s.config.sites.iter().filter(|site| site.wave.as_deref() == Some(wave));
        for stage in ["accepted", "scheduled", "open"] {
            let sites = of_wave().filter(|site| stage_of(site, s) == stage).count();
            rows.whole(&[("wave", wave), ("stage", stage)], sites as u64);
        }
    }
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
