//! The picture that readers get.

use assured_probes::icmp::Strays;

use super::Core;
use super::target::{ClassStats, Purpose};
use crate::clock::Now;
use crate::config::model::Codec;
use crate::measurement::status::Word;
use crate::names::{ComponentIx, ServiceIx};
use crate::sla::calendar::Month;
use crate::sla::exclusion;
use crate::sla::fold::Source;
use crate::sla::restore::RestoreClock;
use crate::sla::state::{Confirmed, State};
use crate::sla::tree;
use crate::snapshot::{
    AccountsView, ClassView, ComponentView, InterfaceView, MonitorView, OutageView, ServiceView, Shown, Snapshot,
    VoiceView,
};
use crate::units::{Sec, Span};
use crate::voice;

/// So many stretches of unknown time of a service are in a picture.
const UNKNOWN_SHOWN: usize = 100;

/// A state's name in log lines.
pub(super) fn state_name(state: State) -> &'static str {
    shown(state).name()
}

fn shown(state: State) -> Shown {
    match state {
        State::Up => Shown::Up,
        State::Down => Shown::Down,
        State::Unknown(_) => Shown::Unknown,
    }
}

/// What the classes of all targets measure, written down a few targets at a time: summaries of five minutes are most of a
/// picture's cost, and with a hundred thousand targets the probes that are due must not wait for all of them.
#[derive(Debug, Default)]
pub struct Draft {
    /// Parallel to the configuration's components as far as it goes.
    classes: Vec<Vec<ClassView>>,
    /// The first target that is not in it.
    next: usize,
}

impl Draft {
    /// Goes on for `at_most` targets. Returns whether all are in it.
    pub(super) fn go_on(&mut self, core: &Core, at_most: usize) -> bool {
        self.classes.resize_with(core.config.components.len(), Vec::new);
        let end = core.targets.len().min(self.next.saturating_add(at_most));
        for target in core.targets.get(self.next..end).unwrap_or_default() {
            if let Purpose::Component(component) = target.purpose {
                self.classes[component.get()] = target.classes.iter().map(|stats| class(core, stats)).collect();
            }
        }
        self.next = end;
        end == core.targets.len()
    }
}

/// The picture, with the classes of a draft; without what each class measures from an empty one.
pub(super) fn snapshot(core: &Core, now: Now, strays: &Strays, draft: Draft) -> Snapshot {
    let mut classes = draft.classes;
    classes.resize_with(core.config.components.len(), Vec::new);
    let components =
        classes.into_iter().enumerate().map(|(n, classes)| component(core, ComponentIx::from(n), classes)).collect();
    let services = (0..core.config.services.len()).map(|n| service(core, ServiceIx::from(n), now.sec())).collect();
    Snapshot {
        at: now.sec(),
        started: core.started,
        config: core.config.clone(),
        components,
        services,
        devices: core.devices.views(),
        exclusions: core.exclusions.clone(),
        faults: core.faults.views(&core.config, &core.agreed, now.sec()),
        monitor: monitor(core, strays),
    }
}

fn component(core: &Core, component: ComponentIx, classes: Vec<ClassView>) -> ComponentView {
    let confirmed = core.fold.confirmed(component);
    ComponentView {
        state: shown(confirmed.state),
        since: confirmed.since,
        reason: component_reason(core, component, confirmed),
        classes,
        interface: interface(core, component),
    }
}

/// What its device says of it.
fn interface(core: &Core, component: ComponentIx) -> Option<InterfaceView> {
    let heard = core.interfaces.heard(component)?;
    let (state, word) = match heard.status.word {
        Word::Up => (Shown::Up, heard.status.word.name()),
        Word::Down(_) => (Shown::Down, heard.status.word.name()),
        Word::Off => (Shown::Unknown, heard.status.word.name()),
        Word::Unknown(cause) => (Shown::Unknown, cause_in_words(cause)),
    };
    Some(InterfaceView {
        state,
        word,
        since: heard.entered.map(|(at, _)| at),
        dated_by: heard.entered.map(|(_, dated_by)| dated_by),
        polled: heard.status.heard,
        said: heard.said.map(|(at, word)| (at, word.name())),
    })
}

/// Why a component is what it is: what decides first, then what the other source says.
fn component_reason(core: &Core, component: ComponentIx, confirmed: Confirmed) -> String {
    let Some(seen) = interface(core, component) else { return probed_reason(core, component, confirmed) };
    let since = seen.since.map_or_else(String::new, |s| format!(" since {s}"));
    let last = match (seen.state, seen.said) {
        (Shown::Unknown, Some((at, word))) if word != seen.word => format!("; last it said {word}, at {at}"),
        _ => String::new(),
    };
    let says = match seen.state {
        Shown::Unknown if seen.word != Word::Off.name() => format!("{}{last}", seen.word),
        _ => format!("its device says {}{since}", seen.word),
    };
    match core.fold.confirmed_by(component, Source::Address) {
        None => says,
        Some(far) if seen.state == Shown::Down && far.state != State::Down => {
            format!("{says}; far end: {}", probed_reason(core, component, far))
        }
        Some(far) => format!("{}; {says}", probed_reason(core, component, far)),
    }
}

fn class(core: &Core, stats: &ClassStats) -> ClassView {
    let summary = stats.recent.summary();
    let rtt = summary.and_then(|s| s.rtt);
    let codec = core.config.classes[stats.class.get()].codec;
    let voice = codec.zip(rtt).zip(summary).map(|((codec, rtt), summary)| {
        let jitter_ms = stats.jitter.as_secs_f64().unwrap_or(0.0) * 1e3;
        estimate(codec, rtt.mean_us / 1e3, jitter_ms, summary.loss)
    });
    ClassView {
        class: stats.class,
        counts: stats.counts,
        rtt: stats.rtt.clone(),
        last_rtt: stats.last_rtt,
        jitter_rfc3550: stats.jitter.as_secs_f64(),
        pdv_p99: rtt.map(|r| r.pdv_p99()),
        loss: summary.map(|s| s.loss),
        voice,
    }
}

/// The E-model over what a path did: mean RTT and jitter in milliseconds, lost share.
pub fn estimate(codec: Codec, rtt_mean_ms: f64, jitter_ms: f64, loss: f64) -> VoiceView {
    let path = voice::path_from_round_trips(codec, rtt_mean_ms, jitter_ms, loss * 100.0, 0.0);
    let rating = voice::rate(codec, path, voice::DelayModel::default());
    VoiceView { r: rating.r, mos: rating.mos, approximate: rating.approximate }
}

/// What its probes say of it.
fn probed_reason(core: &Core, component: ComponentIx, confirmed: Confirmed) -> String {
    let config = &core.config.components[component.get()];
    let pending = match (confirmed.lost, confirmed.pending_since) {
        (n, Some(since)) if n > 0 && confirmed.state != State::Down => {
            format!("{n} of {} lost rounds since {since}", config.hysteresis.down_after)
        }
        _ => String::new(),
    };
    match confirmed.state {
        State::Up if pending.is_empty() => "answers".into(),
        State::Up => format!("answered until now; {pending}"),
        State::Down => {
            let since = confirmed.since.map_or_else(String::new, |s| format!(" since {s}"));
            let parents: Vec<&str> = config
                .parents
                .iter()
                .filter(|p| core.fold.confirmed(**p).state == State::Down)
                .map(|p| core.config.components[p.get()].id.as_str())
                .collect();
            match (parents.is_empty(), confirmed.replies) {
                (false, _) => format!("no answer{since}; before it, {} is down", parents.join(" and ")),
                (true, 0) => format!("no answer{since}"),
                (true, n) => format!("no answer{since}; {n} of {} replies again", config.hysteresis.up_after),
            }
        }
        State::Unknown(cause) if config.icmp.is_none() && core.config.polling(config).is_none() => {
            format!("{}; nothing measures it yet", cause_in_words(cause))
        }
        State::Unknown(cause) if pending.is_empty() => cause_in_words(cause).into(),
        State::Unknown(cause) => format!("{}; {pending}", cause_in_words(cause)),
    }
}

/// A cause of unknown time as an operator would say it.
pub(crate) fn cause_in_words(cause: crate::measurement::Cause) -> &'static str {
    use crate::measurement::Cause;
    match cause {
        Cause::Stopped => "not yet decided: the monitor has just started",
        Cause::Skipped => "the monitor was stalled and missed its slots",
        Cause::ClockStep => "the monitor's clock stepped over this time",
        Cause::Isolated => "the monitor itself is cut off: no sentinel answers",
        Cause::NoRoute => "this host has no route to it",
        Cause::SocketDrop => "this host dropped answers: its receive buffer was full",
        Cause::SendFailed => "this host could not send the probe",
        Cause::Unresolved => "its name cannot be resolved",
        Cause::AgentSilent => "its SNMP agent is silent",
        Cause::AuthFailure => "its SNMP agent rejects our credentials",
        Cause::SwitchedOff => "its interface is switched off at the device",
        Cause::Flapped => "its interface went away and came back; the device does not tell when it went",
        Cause::NotTold => "its device does not say whether the interface is up",
        Cause::NoInterface => "its device has no interface of that name",
        Cause::Imported => "imported as not measured",
        Cause::Undecided => "not yet decided",
        Cause::Gap => "no round covers this time",
    }
}

fn service(core: &Core, ix: ServiceIx, now: Sec) -> ServiceView {
    let config = &core.config;
    let service = &config.services[ix.get()];
    let standing = core.fold.now(ix, now);
    let causes = tree::causes(&service.requires, |c| core.fold.confirmed(c).state);
    let named = |list: &[ComponentIx]| -> Vec<String> {
        list.iter().map(|c| config.components[c.get()].id.to_string()).collect()
    };
    let in_maintenance = config.maintenance.iter().any(|m| {
        m.contract == service.contract && (m.services.is_empty() || m.services.contains(&ix)) && m.span.contains(now)
    });
    let state = match (standing.state, standing.degraded) {
        _ if standing.excluded || in_maintenance => Shown::Maintenance,
        (State::Up, true) => Shown::Degraded,
        (state, _) => shown(state),
    };
    let whom = named(&causes).join(", ");
    let mut reason = match (standing.state, standing.degraded) {
        (State::Up, false) => "everything it requires is up".into(),
        (State::Up, true) => format!("resilience lost: {whom} down"),
        (State::Down, _) => format!("{whom} down"),
        (State::Unknown(cause), _) if whom.is_empty() => cause_in_words(cause).into(),
        (State::Unknown(cause), _) => format!("{whom}: {}", cause_in_words(cause)),
    };
    if state == Shown::Maintenance {
        reason = format!("maintenance; otherwise {}: {reason}", shown(standing.state).name());
    }
    let accounts = standing.tally.accounts;
    let figures = super::figures::live(core, ix, &standing, now);
    let book = core.fold.ledger().month(ix, Month::of(now, &config.monitor.time_zone));
    let outages = book.map_or_else(Vec::new, |book| {
        book.outages()
            .iter()
            .map(|o| OutageView {
                from: o.span.from,
                to: (!o.ongoing).then_some(o.span.to),
                components: named(&o.components),
            })
            .collect()
    });
    ServiceView {
        state,
        since: Some(standing.since),
        reason,
        accounts: AccountsView {
            up: accounts.up,
            down: accounts.down,
            unknown: accounts.unknown,
            excluded: accounts.excluded,
        },
        availability: figures.ratios,
        budget_remaining: figures.budget_remaining,
        credit: figures.credit,
        allowance: figures.allowance,
        restore_by: (state == Shown::Down).then(|| restore_by(core, ix, standing.since, now)).flatten(),
        objectives: figures.objectives,
        outages,
        unknown: book.map_or_else(Vec::new, |book| longest(book.unknown().iter().map(|u| u.span).collect())),
        budget_left_seconds: figures.budget_left_seconds,
        achievable: figures.achievable,
    }
}

/// When an outage that began at `since` is to be restored by: service hours, less what is excluded or announced in time,
/// and less the stops of its faults.
fn restore_by(core: &Core, ix: ServiceIx, since: Sec, now: Sec) -> Option<Sec> {
    let config = &core.config;
    let sla = &config.slas[config.services[ix.get()].sla.get()];
    let within = sla.restore_within?;
    let mut stops = exclusion::of_service(config, ix, &core.agreed);
    stops.extend(core.faults.stops(ix, now));
    RestoreClock { zone: &config.monitor.time_zone, hours: &sla.service_hours, stops: &stops }.deadline(since, within)
}

/// Neighbours as one; of more than a page can show the longest, in order of time.
fn longest(spans: Vec<Span>) -> Vec<Span> {
    let mut whole: Vec<Span> = Vec::new();
    for span in spans {
        match whole.last_mut() {
            Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
            _ => whole.push(span),
        }
    }
    if whole.len() > UNKNOWN_SHOWN {
        whole.sort_by_key(|span| std::cmp::Reverse(span.seconds()));
        whole.truncate(UNKNOWN_SHOWN);
        whole.sort_by_key(|span| span.from);
    }
    whole
}

fn monitor(core: &Core, strays: &Strays) -> MonitorView {
    MonitorView {
        notifications: core.devices.notifications(),
        isolated: core.isolation.isolated(),
        scheduler_lag: core.totals.lag_ns as f64 / 1e9,
        scheduler_skipped: core.totals.skipped,
        not_measured: core.totals.not_measured.clone(),
        stray: [
            ("foreign", strays.foreign),
            ("mismatched", strays.mismatched),
            ("spoofed", strays.spoofed),
            ("corrupted", strays.corrupted),
            ("unreachable", strays.unreachable),
            ("foreign_error", strays.foreign_errors),
            ("socket_drop", strays.socket_drops),
            ("event_dropped", strays.events_dropped),
        ]
        .into_iter()
        .collect(),
        engine: core.engine_name,
        reload_successful: !core.totals.reload_failed,
        evidence_head_sequence: core.evidence.head,
        evidence_write_failures: core.evidence.failures,
        evidence_waiting: core.evidence.waiting,
        evidence_dropped: core.evidence.dropped,
        evidence_last_write: core.evidence.last_written,
        evidence_bytes: core.evidence.bytes,
        evidence_problem: core.evidence.problem.clone(),
        clock_steps: core.totals.clock_steps,
        unresolved: core.names.unresolved(),
        alerts: core.alerts.clone(),
    }
}
