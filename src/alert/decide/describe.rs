//! What is said of an alert: who it is, what happened, whom to call and what to quote.
//!
//! Names, severities and texts are the catalogue's; here their fields are filled in.

use std::collections::{BTreeMap, BTreeSet};

use assured_probes::snmp::channels::by_trunk;

use super::Memory;
use crate::alert::catalogue::{self as c, About, component_kind};
use crate::alert::message::{Alert, Labels, local};
use crate::config::Config;
use crate::config::model::{ComponentKind, Contact, DeviceRole, Measure};
use crate::names::{ClassIx, ComponentIx, ContractIx, ServiceIx, SiteIx};
use crate::snapshot::Snapshot;
use crate::units::Sec;

/// Something that may be wrong, and with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Site(&'static c::Alert, SiteIx),
    Component(&'static c::Alert, ComponentIx),
    /// What a device says over SNMP.
    Device(&'static c::Alert, ComponentIx),
    /// One of a gateway's trunks, by its place among them.
    Trunk(&'static c::Alert, ComponentIx, usize),
    Service(&'static c::Alert, ServiceIx),
    Objective(&'static c::Alert, ServiceIx, ClassIx, Measure),
    Monitor(&'static c::Alert),
}

/// What only the one who found out knows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    /// A service's restore deadline.
    pub(super) deadline: Option<Sec>,
}

impl Case {
    /// Its line in the catalogue.
    pub(super) fn line(self) -> &'static c::Alert {
        match self {
            Self::Site(line, _)
            | Self::Component(line, _)
            | Self::Device(line, _)
            | Self::Trunk(line, ..)
            | Self::Service(line, _)
            | Self::Objective(line, ..)
            | Self::Monitor(line) => line,
        }
    }

    /// Its identity: never anything that changes while it lives.
    pub(super) fn labels(self, s: &Snapshot) -> Labels {
        let mut labels = Labels::new();
        let mut put = |key: &str, value: &str| drop(labels.insert(key.into(), value.into()));
        let line = self.line();
        put("alertname", line.name);
        put("severity", line.severity.name());
        for key in line.labels().into_iter().chain(["vantage"]) {
            match self {
                Self::Trunk(_, component, n) if key == "trunk" => put(key, &trunk(s, component, n)),
                _ => put(key, self.label(key, &s.config)),
            }
        }
        labels
    }

    fn label<'a>(self, key: &str, config: &'a Config) -> &'a str {
        match (key, self) {
            ("vantage", _) => &config.monitor.vantage,
            ("site", _) => self.site(config).map_or("", |site| config.sites[site.get()].id.as_str()),
            ("component", Self::Component(_, c) | Self::Device(_, c) | Self::Trunk(_, c, _)) => {
                config.components[c.get()].id.as_str()
            }
            ("kind", Self::Component(_, c) | Self::Device(_, c) | Self::Trunk(_, c, _)) => kind(config, c),
            ("service", Self::Service(_, ix) | Self::Objective(_, ix, ..)) => config.services[ix.get()].id.as_str(),
            ("contract", Self::Service(_, ix) | Self::Objective(_, ix, ..)) => {
                config.contracts[config.services[ix.get()].contract.get()].id.as_str()
            }
            ("class", Self::Objective(_, _, class, _)) => config.classes[class.get()].id.as_str(),
            ("measure", Self::Objective(_, _, _, measure)) => measure.name(),
            _ => "",
        }
    }

    fn site(self, config: &Config) -> Option<SiteIx> {
        match self {
            Self::Site(_, site) => Some(site),
            Self::Component(_, c) | Self::Device(_, c) | Self::Trunk(_, c, _) => Some(config.components[c.get()].site),
            Self::Service(_, ix) | Self::Objective(_, ix, ..) => Some(config.services[ix.get()].site),
            Self::Monitor(_) => None,
        }
    }

    /// The alert with nothing said: only to name it.
    pub(super) fn nothing(self, s: &Snapshot) -> Alert {
        Alert { labels: self.labels(s), annotations: BTreeMap::new(), link: String::new() }
    }

    /// The alert with everything that is said of it.
    pub(super) fn alert(self, s: &Snapshot, labels: Labels, since: Sec, found: Found, memory: &Memory) -> Alert {
        let config = &s.config;
        let line = self.line();
        let fill = |text: &str| fill(text, |field| self.field(field, s, since, found));
        let contracts = self.contracts(config, memory);
        let each = |of: &dyn Fn(&ContractIx) -> String, none: &str| match contracts.is_empty() {
            _ if line.about == About::Monitor => String::new(),
            true => none.to_owned(),
            false => contracts.iter().map(of).collect::<Vec<_>>().join("; "),
        };
        let quote = match each(&|c| reference(config, *c), "no contract") {
            references if references.is_empty() => references,
            references => format!("{references}: {}", subject(&labels)),
        };
        let annotations = [
            ("summary", fill(line.summary)),
            ("description", self.with_reason(fill(line.description), s)),
            ("sla_impact", fill(line.impact)),
            ("started_local", local(since, &config.monitor.time_zone)),
            ("contact", each(&|c| contact(&config.contracts[c.get()].contact), "no service under a contract needs it")),
            ("quote", quote),
            ("runbook", line.runbook()),
        ];
        let annotations = annotations.into_iter().filter(|(_, text)| !text.is_empty());
        Alert {
            labels,
            annotations: annotations.map(|(key, text)| (key.to_owned(), text)).collect(),
            link: self.link(config),
        }
    }

    /// What the state machine says of it, in words for an operator, follows the general text.
    fn with_reason(self, text: String, s: &Snapshot) -> String {
        if let Self::Device(line, of) = self
            && line.name == c::SNMP_ACCESS.name
            && let Some(access) = s.devices.iter().find(|d| d.component == of).and_then(|d| d.access)
        {
            return format!("{text} Now: {access}.");
        }
        let reason = match (self, self.line().about) {
            (Self::Component(_, c), _) => &s.components[c.get()].reason,
            (Self::Service(_, ix), About::Service) => &s.services[ix.get()].reason,
            _ => return text,
        };
        format!("{text} Now: {reason}.")
    }

    /// Whose contact it carries, in order.
    fn contracts(self, config: &Config, memory: &Memory) -> BTreeSet<ContractIx> {
        match self {
            Self::Service(_, ix) | Self::Objective(_, ix, ..) => [config.services[ix.get()].contract].into(),
            Self::Site(_, site) => memory.contracts_of_site(site, config),
            Self::Component(_, c) | Self::Device(_, c) | Self::Trunk(_, c, _) => memory.contracts_of(c, config),
            Self::Monitor(_) => BTreeSet::new(),
        }
    }

    fn link(self, config: &Config) -> String {
        let monitor = &config.monitor;
        let base = monitor
            .alerting
            .external_url
            .clone()
            .unwrap_or_else(|| format!("{}://{}", monitor.web.scheme(), monitor.listen));
        match self {
            Self::Service(_, ix) | Self::Objective(_, ix, ..) => {
                format!("{base}/services/{}", config.services[ix.get()].id)
            }
            Self::Site(..) | Self::Component(..) | Self::Device(..) | Self::Trunk(..) => self
                .site(config)
                .map_or_else(|| format!("{base}/"), |s| format!("{base}/sites/{}", config.sites[s.get()].id)),
            Self::Monitor(_) => format!("{base}/"),
        }
    }

    fn field(self, field: &str, s: &Snapshot, since: Sec, found: Found) -> String {
        let config = &s.config;
        let zone = &config.monitor.time_zone;
        let service = match self {
            Self::Service(_, ix) | Self::Objective(_, ix, ..) => Some(ix),
            _ => None,
        };
        let of_objective = |of: &dyn Fn(&crate::snapshot::ObjectiveView) -> Option<f64>| match self {
            Self::Objective(_, ix, class, measure) => (s.services[ix.get()].objectives.iter())
                .find(|o| o.class == class && o.measure == measure)
                .and_then(of)
                .map_or_else(|| "not known".into(), |value| quantity(measure, value)),
            _ => String::new(),
        };
        let target = service.map(|ix| config.slas[config.services[ix.get()].sla.get()].availability.as_f64());
        let left = service.and_then(|ix| s.services[ix.get()].budget_remaining);
        match field {
            "site" => self.site(config).map_or_else(String::new, |site| config.sites[site.get()].title.clone()),
            "service" => service.map_or_else(String::new, |ix| config.services[ix.get()].title.clone()),
            "component" => match self {
                Self::Component(_, c) | Self::Device(_, c) | Self::Trunk(_, c, _) => {
                    config.components[c.get()].title.clone()
                }
                _ => String::new(),
            },
            "trunk" => match self {
                Self::Trunk(_, component, n) => trunk(s, component, n),
                _ => String::new(),
            },
            "vantage" | "class" | "kind" => self.label(field, config).to_owned(),
            "measure" => measure_in_words(self.label(field, config)),
            "value" => of_objective(&|o| o.value),
            "limit" => of_objective(&|o| Some(o.limit)),
            "since" => local(since, zone),
            "deadline" => found.deadline.map_or_else(|| "its deadline".into(), |at| local(at, zone)),
            // Shares are shown rounded down, like all of ours.
            "left" => match left {
                Some(left) if left <= 0.0 => "nothing".into(),
                Some(left) => format!("{:.0}%", (left * 100.0).floor()),
                None => "nothing".into(),
            },
            "target" => target.map_or_else(String::new, percent),
            "achievable" => service
                .and_then(|ix| s.services[ix.get()].allowance)
                .map_or_else(|| "less".into(), |allowance| percent(allowance.achievable)),
            _ => String::new(),
        }
    }
}

/// The name of a gateway's trunk; empty when it is gone.
fn trunk(s: &Snapshot, component: ComponentIx, n: usize) -> String {
    let device = s.devices.iter().find(|d| d.component == component);
    device.and_then(|d| by_trunk(&d.readings).into_keys().nth(n)).unwrap_or_default()
}

/// Puts values in the place of fields in braces. Values are taken as they are: a brace in a title is no field.
fn fill(text: &str, value: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (field, behind) = after.split_once('}').unwrap_or((after, ""));
        filled += before;
        filled += &value(field);
        rest = behind;
    }
    filled + rest
}

/// Truncated to four decimals: 99.99999% is not shown as 100%.
fn percent(share: f64) -> String {
    // What stands in binary just below a decimal is that decimal.
    format!("{:.4}%", (share.clamp(0.0, 1.0) * 1e6 + 1e-6).floor() / 1e4)
}

/// A measure's value with its unit.
fn quantity(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Loss => format!("{:.3}%", value * 100.0),
        Measure::Mos => format!("MOS {value:.2}"),
        Measure::RttMean
        | Measure::RttP50
        | Measure::RttP95
        | Measure::RttP99
        | Measure::RttMax
        | Measure::Jitter
        | Measure::PdvP99 => format!("{:.1} ms", value * 1e3),
    }
}

fn measure_in_words(name: &str) -> String {
    match name {
        "rtt_mean" => "mean round-trip time".into(),
        "rtt_max" => "longest round-trip time".into(),
        "mos" => "voice quality".into(),
        "pdv_p99" => "delay variation (99th percentile)".into(),
        other => match other.strip_prefix("rtt_p") {
            Some(percentile) => format!("round-trip time ({percentile}th percentile)"),
            None => other.to_owned(),
        },
    }
}

fn kind(config: &Config, component: ComponentIx) -> &'static str {
    component_kind(match &config.components[component.get()].kind {
        ComponentKind::Link(_) => "link-",
        ComponentKind::Device(device) if device.role == DeviceRole::VoipGateway => "voip-gateway",
        ComponentKind::Device(_) => "router",
    })
}

/// `Service desk, 0800 000 0000, desk@example.net`
fn contact(who: &Contact) -> String {
    let name = if who.name.is_empty() { "no name given" } else { &who.name };
    let parts = [name, &who.phone, &who.email];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// What the desk will ask for first.
fn reference(config: &Config, contract: ContractIx) -> String {
    let contract = &config.contracts[contract.get()];
    if contract.reference.is_empty() { contract.id.to_string() } else { contract.reference.clone() }
}

/// What it is about, as it stands in the evidence, too.
fn subject(labels: &Labels) -> String {
    let of = |key: &str| labels.get(key).map_or("", String::as_str);
    match ["service", "component", "site"].into_iter().find(|key| labels.contains_key(*key)) {
        Some(key) if labels.contains_key("measure") => format!("{}, {} {}", of(key), of("class"), of("measure")),
        Some(key) => of(key).to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_filled_once_and_what_is_filled_in_is_no_field() {
        let value = |field: &str| if field == "a" { "{b}".to_owned() } else { format!("<{field}>") };
        assert_eq!(fill("x {a} y {c}", value), "x {b} y <c>");
        assert_eq!(fill("no end {c", value), "no end <c>");
    }

    #[test]
    fn shares_are_cut_never_rounded_up() {
        let shown = ["99.9500%", "99.9999%", "100.0000%", "98.5000%", "0.0000%", "0.0000%"];
        assert_eq!([0.9995, 0.999_999_99, 1.0, 0.985, 0.0, -1.0].map(percent), shown);
    }
}
