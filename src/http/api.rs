//! The JSON answers under `/api/v1/`, each a function of the snapshot.
//!
//! `openapi.json` beside this file describes them by hand, and a test holds the two together:
//! no key is served that is not described, none is described as required and not served.
//! Instants are RFC 3339 in UTC, lengths of time seconds, shares fractions of one. Money never
//! appears.

use serde_json::{Value, json};

use crate::config::model::{Component, Contract, Service};
use crate::http::history::{History, Of};
use crate::measurement::status::DatedBy;
use crate::metrics::render::kind_name;
use crate::snapshot::{ClassView, ComponentView, ServiceView, Shown, Snapshot};
use crate::units::Sec;

/// The description that is served at `/api/v1/openapi.json`.
pub const OPENAPI: &str = include_str!("openapi.json");

/// What is wrong, and how the monitor itself fares.
#[must_use]
pub fn status(s: &Snapshot) -> String {
    let count = |state: Shown| s.services.iter().filter(|v| v.state == state).count();
    let problems: Vec<Value> = each_service(s)
        .filter(|(_, view)| view.state != Shown::Up)
        .map(|(of, view)| {
            let mut problem = service_head(s, of, view);
            problem["contact"] = contact(&s.config.contracts[of.contract.get()]);
            problem
        })
        .collect();
    text(&json!({
        "at": instant(s.at),
        "started": instant(s.started),
        "vantage": s.config.monitor.vantage,
        "version": env!("CARGO_PKG_VERSION"),
        "services": {
            "up": count(Shown::Up),
            "degraded": count(Shown::Degraded),
            "down": count(Shown::Down),
            "unknown": count(Shown::Unknown),
            "maintenance": count(Shown::Maintenance),
        },
        "problems": problems,
        "monitor": {
            "isolated": s.monitor.isolated,
            "engine": s.monitor.engine,
            "reload_successful": s.monitor.reload_successful,
            "scheduler_lag_seconds": s.monitor.scheduler_lag,
            "scheduler_skipped": s.monitor.scheduler_skipped,
            "clock_steps": s.monitor.clock_steps,
            "unresolved": s.monitor.unresolved,
            "evidence_head_sequence": s.monitor.evidence_head_sequence,
            "evidence_write_failures": s.monitor.evidence_write_failures,
            "not_measured": s.monitor.not_measured.iter().map(|(c, n)| (c.name().to_owned(), json!(n))).collect::<serde_json::Map<_, _>>(),
            "stray": s.monitor.stray.iter().map(|(kind, n)| ((*kind).to_owned(), json!(n))).collect::<serde_json::Map<_, _>>(),
        },
    }))
}

/// Every service in short.
#[must_use]
pub fn services(s: &Snapshot) -> String {
    text(&json!({
        "at": instant(s.at),
        "services": each_service(s).map(|(of, view)| service_head(s, of, view)).collect::<Vec<_>>(),
    }))
}

/// One service in full; `None` when there is none of this name.
#[must_use]
pub fn service(s: &Snapshot, id: &str) -> Option<String> {
    let ix = s.config.service(id)?;
    let (of, view) = (s.config.services.get(ix.get())?, s.services.get(ix.get())?);
    let mut body = service_head(s, of, view);
    body["at"] = instant(s.at);
    body["contact"] = contact(&s.config.contracts[of.contract.get()]);
    body["restore_within_seconds"] = json!(s.config.slas[of.sla.get()].restore_within);
    body["components"] =
        json!(of.requires.components().iter().map(|c| s.config.components[c.get()].id.as_str()).collect::<Vec<_>>());
    body["objectives"] = view
        .objectives
        .iter()
        .map(|o| {
            json!({
                "class": s.config.classes[o.class.get()].id,
                "measure": o.measure.name(),
                "value": o.value,
                "limit": o.limit,
                "met": o.met,
            })
        })
        .collect();
    body["outages"] = view
        .outages
        .iter()
        .map(|o| json!({"from": instant(o.from), "to": o.to.map(instant), "components": o.components}))
        .collect();
    Some(text(&body))
}

/// One site with its services and components; `None` when there is none of this name.
#[must_use]
pub fn site(s: &Snapshot, id: &str) -> Option<String> {
    let ix = s.config.sites.iter().position(|site| site.id.as_str() == id)?;
    let site = &s.config.sites[ix];
    let here = each_component(s).filter(|(of, _)| of.site.get() == ix);
    Some(text(&json!({
        "at": instant(s.at),
        "id": site.id,
        "title": site.title,
        "wave": site.wave,
        "accepted": site.accepted.map(|day| day.to_string()),
        "services": each_service(s)
            .filter(|(of, _)| of.site.get() == ix)
            .map(|(of, view)| service_head(s, of, view))
            .collect::<Vec<_>>(),
        "components": here.map(|(of, view)| component_body(s, of, view)).collect::<Vec<_>>(),
    })))
}

/// Every component in short.
#[must_use]
pub fn components(s: &Snapshot) -> String {
    text(&json!({
        "at": instant(s.at),
        "components": each_component(s).map(|(of, view)| component_head(s, of, view)).collect::<Vec<_>>(),
    }))
}

/// One component in full; `None` when there is none of this name.
#[must_use]
pub fn component(s: &Snapshot, id: &str) -> Option<String> {
    let (of, view) = each_component(s).find(|(of, _)| of.id.as_str() == id)?;
    let mut body = component_body(s, of, view);
    body["at"] = instant(s.at);
    Some(text(&body))
}

/// What the recent hours measured, column by column: `times` are the steps' begins, and every list of a line is as long.
#[must_use]
pub fn series(s: &Snapshot, history: &History) -> String {
    let steps = i64::try_from(history.span.seconds()).unwrap_or(0) / history.step.max(1);
    let line = |line: &crate::http::history::Line| {
        let mut body = json!({
            "component": s.config.components[line.component.get()].id,
            "class": s.config.classes[line.class.get()].id,
        });
        for (of, key) in Of::ALL {
            body[key] = json!(line.values(of));
        }
        body
    };
    text(&json!({
        "at": instant(s.at),
        "from": instant(history.span.from),
        "to": instant(history.span.to),
        "step_seconds": history.step,
        "times": (0..steps).map(|n| history.span.from.plus(n * history.step).0).collect::<Vec<i64>>(),
        "lines": history.lines.iter().map(line).collect::<Vec<_>>(),
        "left_out": history.left_out,
    }))
}

/// What an unsuccessful request gets.
#[must_use]
pub fn error(words: &str) -> String {
    text(&json!({ "error": words }))
}

fn each_service(s: &Snapshot) -> impl Iterator<Item = (&Service, &ServiceView)> {
    s.config.services.iter().zip(&s.services)
}

fn each_component(s: &Snapshot) -> impl Iterator<Item = (&Component, &ComponentView)> {
    s.config.components.iter().zip(&s.components)
}

fn service_head(s: &Snapshot, of: &Service, view: &ServiceView) -> Value {
    let a = view.accounts;
    json!({
        "id": of.id,
        "title": of.title,
        "site": s.config.sites[of.site.get()].id,
        "contract": s.config.contracts[of.contract.get()].id,
        "class": s.config.classes[of.class.get()].id,
        "state": view.state.name(),
        "since": view.since.map(instant),
        "reason": view.reason,
        "month": {
            "seconds": {"up": a.up, "down": a.down, "unknown": a.unknown, "excluded": a.excluded},
            "availability": view.availability.map(|r| r.value),
            "lower": view.availability.map(|r| r.lower),
            "upper": view.availability.map(|r| r.upper),
            "coverage": view.availability.map(|r| r.coverage),
            "target": s.config.slas[of.sla.get()].availability.as_f64(),
            "budget_remaining": view.budget_remaining,
            "budget_left_seconds": view.budget_left_seconds,
            "achievable": view.achievable,
        },
    })
}

fn component_head(s: &Snapshot, of: &Component, view: &ComponentView) -> Value {
    json!({
        "id": of.id,
        "title": of.title,
        "site": s.config.sites[of.site.get()].id,
        "kind": kind_name(&of.kind),
        "address": of.address.as_ref().map(ToString::to_string),
        "state": view.state.name(),
        "since": view.since.map(instant),
        "reason": view.reason,
    })
}

fn component_body(s: &Snapshot, of: &Component, view: &ComponentView) -> Value {
    let mut body = component_head(s, of, view);
    body["parents"] = json!(of.parents.iter().map(|p| s.config.components[p.get()].id.as_str()).collect::<Vec<_>>());
    body["classes"] = view.classes.iter().map(|c| class_body(s, c)).collect();
    body["interface"] = json!(view.interface.as_ref().map(|i| {
        json!({
            "state": i.state.name(),
            "word": i.word,
            "since": i.since.map(instant),
            "dated_by": i.dated_by.map(DatedBy::name),
            "polled": instant(i.polled),
            "said": i.said.map(|(_, word)| word),
            "said_at": i.said.map(|(at, _)| instant(at)),
        })
    }));
    body
}

fn class_body(s: &Snapshot, view: &ClassView) -> Value {
    let c = view.counts;
    json!({
        "class": s.config.classes[view.class.get()].id,
        "probes": {
            "sent": c.sent,
            "received": c.received,
            "lost": c.lost,
            "late": c.late,
            "duplicate": c.duplicate,
            "remarked": c.remarked,
            "not_measured": c.not_measured,
        },
        "rtt_last_seconds": view.last_rtt.map(|rtt| rtt.as_secs_f64()),
        "rtt_p95_seconds": view.rtt.quantile(0.95),
        "jitter_rfc3550_seconds": view.jitter_rfc3550,
        "pdv_p99_seconds": view.pdv_p99,
        "loss": view.loss,
        "mos": view.voice.map(|v| v.mos),
        "r_factor": view.voice.map(|v| v.r),
    })
}

fn contact(of: &Contract) -> Value {
    json!({
        "name": of.contact.name,
        "phone": of.contact.phone,
        "email": of.contact.email,
        "reference": of.reference,
        "provider": of.provider,
    })
}

fn instant(at: Sec) -> Value {
    Value::String(at.to_string())
}

/// As text that is also harmless where somebody pastes it into a page.
pub(super) fn text(body: &Value) -> String {
    let mut text = body.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    text.push('\n');
    text
}
