//! What is said of an alert: who it is, what happened, whom to call and what to quote.

use std::collections::BTreeMap;

use super::Memory;
use crate::alert::message::{Alert, Labels, local};
use crate::config::model::{ComponentKind, DeviceRole, Measure};
use crate::names::{ClassIx, ComponentIx, ContractIx, ServiceIx, SiteIx};
use crate::snapshot::Snapshot;
use crate::units::Sec;

/// Something that may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    SiteDown(SiteIx),
    ComponentDown(ComponentIx),
    ServiceDown(ServiceIx),
    ResilienceLost(ServiceIx),
    BudgetBurnFast(ServiceIx),
    BudgetBurnSlow(ServiceIx),
    BudgetLow(ServiceIx),
    TargetUnreachable(ServiceIx),
    RestoreDeadlineNear(ServiceIx),
    RestoreDeadlinePassed(ServiceIx),
    ObjectiveMissed(ServiceIx, ClassIx, Measure),
    QualityPoor(ServiceIx, ClassIx, Measure),
    MonitorIsolated,
    EvidenceNotWritten,
    SchedulerLate,
    ConfigRejected,
}

/// Whom an alert is about, for its contact and its link.
enum About {
    Site(SiteIx),
    Service(ServiceIx),
    Monitor,
}

impl Case {
    fn name(self, s: &Snapshot) -> (&'static str, &'static str) {
        match self {
            Self::SiteDown(_) => ("SiteDown", "critical"),
            Self::ComponentDown(c) => match &s.config.components[c.get()].kind {
                ComponentKind::Link(_) => ("LinkDown", "warning"),
                ComponentKind::Device(device) if device.role == DeviceRole::VoipGateway => ("GatewayDown", "warning"),
                ComponentKind::Device(_) => ("DeviceDown", "warning"),
            },
            Self::ServiceDown(_) => ("ServiceDown", "critical"),
            Self::ResilienceLost(_) => ("ResilienceLost", "warning"),
            Self::BudgetBurnFast(_) => ("SlaBudgetBurnFast", "critical"),
            Self::BudgetBurnSlow(_) => ("SlaBudgetBurnSlow", "warning"),
            Self::BudgetLow(_) => ("SlaBudgetLow", "warning"),
            Self::TargetUnreachable(_) => ("SlaTargetUnreachable", "warning"),
            Self::RestoreDeadlineNear(_) => ("RestoreDeadlineNear", "warning"),
            Self::RestoreDeadlinePassed(_) => ("RestoreDeadlinePassed", "critical"),
            Self::ObjectiveMissed(..) => ("SlaObjectiveMissed", "warning"),
            Self::QualityPoor(..) => ("QualityPoor", "warning"),
            Self::MonitorIsolated => ("MonitorIsolated", "critical"),
            Self::EvidenceNotWritten => ("EvidenceNotWritten", "critical"),
            Self::SchedulerLate => ("SchedulerLate", "warning"),
            Self::ConfigRejected => ("ConfigRejected", "warning"),
        }
    }

    fn about(self, s: &Snapshot) -> About {
        match self {
            Self::SiteDown(site) => About::Site(site),
            Self::ComponentDown(c) => About::Site(s.config.components[c.get()].site),
            Self::ServiceDown(ix)
            | Self::ResilienceLost(ix)
            | Self::BudgetBurnFast(ix)
            | Self::BudgetBurnSlow(ix)
            | Self::BudgetLow(ix)
            | Self::TargetUnreachable(ix)
            | Self::RestoreDeadlineNear(ix)
            | Self::RestoreDeadlinePassed(ix)
            | Self::ObjectiveMissed(ix, ..)
            | Self::QualityPoor(ix, ..) => About::Service(ix),
            Self::MonitorIsolated | Self::EvidenceNotWritten | Self::SchedulerLate | Self::ConfigRejected => {
                About::Monitor
            }
        }
    }

    /// Its identity: never anything that changes while it lives.
    pub(super) fn labels(self, s: &Snapshot) -> Labels {
        let config = &s.config;
        let (name, severity) = self.name(s);
        let mut labels = Labels::new();
        let mut put = |key: &str, value: &str| drop(labels.insert(key.into(), value.into()));
        put("alertname", name);
        put("severity", severity);
        put("vantage", &config.monitor.vantage);
        match self.about(s) {
            About::Site(site) => put("site", config.sites[site.get()].id.as_str()),
            About::Service(ix) => {
                let service = &config.services[ix.get()];
                put("service", service.id.as_str());
                put("site", config.sites[service.site.get()].id.as_str());
                put("contract", config.contracts[service.contract.get()].id.as_str());
            }
            About::Monitor => {}
        }
        match self {
            Self::ComponentDown(c) => put("component", config.components[c.get()].id.as_str()),
            Self::ObjectiveMissed(_, class, measure) | Self::QualityPoor(_, class, measure) => {
                put("class", config.classes[class.get()].id.as_str());
                put("measure", measure.name());
            }
            _ => {}
        }
        labels
    }

    /// The alert with nothing said: only to name it.
    pub(super) fn nothing(self, s: &Snapshot) -> Alert {
        Alert { labels: self.labels(s), annotations: BTreeMap::new(), link: String::new() }
    }

    /// The alert with everything that is said of it.
    pub(super) fn alert(self, s: &Snapshot, labels: Labels, since: Sec, memory: &Memory) -> Alert {
        let config = &s.config;
        let monitor = &config.monitor;
        let base = monitor.alerting.external_url.clone().unwrap_or_else(|| format!("http://{}", monitor.listen));
        let zone = &monitor.time_zone;
        let mut annotations = BTreeMap::new();
        let mut put = |key: &str, value: String| {
            if !value.is_empty() {
                annotations.insert(key.to_owned(), value);
            }
        };
        let (summary, description) = self.words(s);
        put("summary", summary);
        put("description", description);
        put("started_local", local(since, zone));
        let (path, contract) = match self.about(s) {
            About::Service(ix) => {
                let service = &config.services[ix.get()];
                put("sla_impact", impact(s, ix));
                (format!("/services/{}", service.id), Some(service.contract))
            }
            About::Site(site) => (format!("/sites/{}", config.sites[site.get()].id), self.contract(s, memory)),
            About::Monitor => ("/".into(), None),
        };
        if let Some(contract) = contract {
            let contract = &config.contracts[contract.get()];
            let c = &contract.contact;
            put(
                "contact",
                [&c.name, &c.phone, &c.email]
                    .map(String::as_str)
                    .into_iter()
                    .filter(|t| !t.is_empty())
                    .collect::<Vec<_>>()
                    .join(", "),
            );
            let subject = labels.get("service").or(labels.get("component")).or(labels.get("site"));
            let reference = if contract.reference.is_empty() { contract.id.as_str() } else { &contract.reference };
            put(
                "quote",
                format!("{reference}, {}, down at {}", subject.map_or("", String::as_str), local(since, zone)),
            );
        }
        let slug = labels.get("alertname").map_or("", String::as_str);
        put("runbook", format!("docs/runbooks/{slug}.md"));
        Alert { labels, annotations, link: format!("{base}{path}") }
    }

    /// The contract that answers for a component, or for all of a site.
    fn contract(self, s: &Snapshot, memory: &Memory) -> Option<ContractIx> {
        match self {
            Self::ComponentDown(c) => memory.contract(c, &s.config),
            Self::SiteDown(site) => {
                let mut contracts = s.config.services.iter().filter(|service| service.site == site).map(|s| s.contract);
                let first = contracts.next()?;
                contracts.all(|contract| contract == first).then_some(first)
            }
            _ => None,
        }
    }

    fn words(self, s: &Snapshot) -> (String, String) {
        let config = &s.config;
        match self {
            Self::SiteDown(site) => {
                let title = &config.sites[site.get()].title;
                (format!("{title}: the site is down"), "No device of the site answers.".into())
            }
            Self::ComponentDown(c) => {
                let component = &config.components[c.get()];
                (format!("{} is down", component.title), s.components[c.get()].reason.clone())
            }
            Self::ServiceDown(ix) => (format!("{} is down", title(s, ix)), s.services[ix.get()].reason.clone()),
            Self::ResilienceLost(ix) => {
                (format!("{} has lost its resilience", title(s, ix)), s.services[ix.get()].reason.clone())
            }
            Self::BudgetBurnFast(ix) => (format!("{} uses up its allowed down time fast", title(s, ix)), String::new()),
            Self::BudgetBurnSlow(ix) => (format!("{} uses up its allowed down time", title(s, ix)), String::new()),
            Self::BudgetLow(ix) => (format!("{} has little allowed down time left", title(s, ix)), String::new()),
            Self::TargetUnreachable(ix) => {
                (format!("{} cannot keep its promise this month any more", title(s, ix)), String::new())
            }
            Self::RestoreDeadlineNear(ix) => (format!("{} must be restored soon", title(s, ix)), String::new()),
            Self::RestoreDeadlinePassed(ix) => (format!("{} was not restored in time", title(s, ix)), String::new()),
            Self::ObjectiveMissed(ix, _, measure) => {
                (format!("{} misses its objective for {} this month", title(s, ix), measure.name()), String::new())
            }
            Self::QualityPoor(ix, _, measure) => {
                (format!("{} is beyond its limit for {}", title(s, ix), measure.name()), String::new())
            }
            Self::MonitorIsolated => {
                ("The monitor is cut off".into(), "No sentinel answers: time is unknown, not down.".into())
            }
            Self::EvidenceNotWritten => ("Evidence is not being written".into(), String::new()),
            Self::SchedulerLate => ("The monitor probes too late".into(), String::new()),
            Self::ConfigRejected => ("The configuration was rejected".into(), String::new()),
        }
    }
}

fn title(s: &Snapshot, ix: ServiceIx) -> &str {
    &s.config.services[ix.get()].title
}

/// What it does to the month.
fn impact(s: &Snapshot, ix: ServiceIx) -> String {
    let view = &s.services[ix.get()];
    let left = match view.budget_remaining {
        Some(left) if left >= 0.0 => format!("{:.0}% of the month's allowed down time is left", (left * 100.0).floor()),
        Some(_) => "the month's allowed down time is used up".into(),
        None => "no down time is allowed".into(),
    };
    format!("{} s down this month; {left}", view.accounts.down)
}
