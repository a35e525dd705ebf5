//! Every alert there is, in one table: its name, how grave it is, what identifies it, and what is said of it.
//!
//! Both paths, the rules for Prometheus and the daemon's own telling, are made from it, and
//! `docs/runbooks/` has a page for each: tests hold them to it. Labels are identity and never
//! change while an alert lives; what changes stands in annotations.

/// How grave an alert is: its label `severity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// To be known, by day.
    Info,
    /// To be looked at soon.
    Warning,
    /// Somebody gets up.
    Critical,
}

impl Severity {
    /// Its name in labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What an alert is about; decides its labels besides `alertname`, `severity` and `vantage`, and whose contact it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum About {
    /// A service: carries its contract's contact.
    Service,
    /// An objective of a service.
    Objective,
    /// A site: carries the contact of every contract that has a service there.
    Site,
    /// A device or link: carries the contact of every contract with a service that looks at it.
    Component,
    /// A trunk of a gateway.
    Trunk,
    /// The monitor itself: nobody to call but its own keepers.
    Monitor,
}

impl About {
    /// Labels that identify an alert about it, besides `alertname`, `severity` and `vantage`.
    #[must_use]
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Service => &["site", "service", "contract"],
            Self::Objective => &["site", "service", "contract", "class", "measure"],
            Self::Site => &["site"],
            Self::Component => &["site", "component"],
            Self::Trunk => &["site", "component", "trunk"],
            Self::Monitor => &[],
        }
    }
}

/// An alert.
///
/// Texts hold fields in braces: `{site}`, `{service}`, `{component}` are titles; `{trunk}`, `{class}`, `{measure}`
/// are labels; `{kind}` is what a component is; `{value}` and `{limit}` are in the measure's unit; `{since}` and
/// `{deadline}` are local times with their zone; `{left}` is the share of the month's allowed down time that is
/// left, `{achievable}` the highest availability that the month can still reach, `{target}` the one promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// Its label `alertname`; its page is `docs/runbooks/NAME.md`.
    pub name: &'static str,
    /// Its label `severity`.
    pub severity: Severity,
    /// What it is about.
    pub about: About,
    /// What must hold for so many seconds before it is told.
    pub hold_s: u32,
    /// Whether the daemon can tell it itself. Otherwise only Prometheus can.
    pub direct: bool,
    /// What happened, in one line.
    pub summary: &'static str,
    /// What that means, in a sentence or two.
    pub description: &'static str,
    /// What it does to the promise.
    pub impact: &'static str,
}

impl Alert {
    /// Where its page is, below the root of the documentation.
    #[must_use]
    pub fn runbook(&self) -> String {
        format!("docs/runbooks/{}.md", self.name)
    }

    /// Labels besides `alertname`, `severity` and `vantage`. A component that is down says what it is, too.
    #[must_use]
    pub fn labels(&self) -> Vec<&'static str> {
        let mut labels = self.about.labels().to_vec();
        if self.name == COMPONENT_DOWN.name {
            labels.push("kind");
        }
        labels
    }
}

/// The alert with this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Alert> {
    ALL.iter().find(|alert| alert.name == name)
}

/// So much of the month's allowed down time is left when it is low.
pub const BUDGET_LOW: f64 = 0.25;
/// A restore deadline is near so many seconds before it passes.
pub const DEADLINE_NEAR_S: u32 = 3_600;
/// Figures of the month are told of once so much of it was measured, seconds: one bad minute in the first ten says
/// nothing of a month.
pub const MIN_MEASURED_S: u32 = 3_600;
/// A burn rate needs so much confirmed down time in its long window, seconds: less is told of by the outage itself.
pub const MIN_DOWN_S: u32 = 60;
/// Quality needs so many bad minutes in its long window.
pub const MIN_BAD_MINUTES: u32 = 5;
/// A scheduler is late from here on, seconds.
pub const LAG_S: f64 = 1.0;

/// A pair of windows of a burn rate, and how much of the month's allowance spent in the long one is too fast.
///
/// After the SRE workbook, chapter 5: 2% in an hour, 5% in six, 10% in a day, 10% in three.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Windows {
    /// Long window, seconds.
    pub long_s: u32,
    /// Short window, seconds: the burning goes on.
    pub short_s: u32,
    /// Share of the month's allowance.
    pub spent: f64,
}

/// Fast enough to get up.
pub const FAST: [Windows; 2] =
    [Windows { long_s: 3_600, short_s: 300, spent: 0.02 }, Windows { long_s: 21_600, short_s: 1_800, spent: 0.05 }];
/// Fast enough to look by day.
pub const SLOW: [Windows; 2] = [
    Windows { long_s: 86_400, short_s: 7_200, spent: 0.10 },
    Windows { long_s: 259_200, short_s: 21_600, spent: 0.10 },
];

macro_rules! alerts {
    ($($constant:ident = $name:literal $severity:ident $about:ident, hold $hold:literal, $path:ident,
       $summary:literal, $description:literal, $impact:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $summary)]
            pub const $constant: Alert = Alert {
                name: $name,
                severity: Severity::$severity,
                about: About::$about,
                hold_s: $hold,
                direct: alerts!(@$path),
                summary: $summary,
                description: $description,
                impact: $impact,
            };
        )*
        /// All of them, the gravest matters first.
        pub const ALL: &[Alert] = &[$($constant),*];
    };
    (@both) => { true };
    (@prometheus) => { false };
}

alerts! {
    SITE_DOWN = "AssuredSiteDown" Critical Site, hold 30, both,
        "{site} is down",
        "No device of the site answers, and nothing that it hangs on is down.",
        "Every service at the site is down or about to be; their alerts say what it costs.";
    SERVICE_DOWN = "AssuredServiceDown" Critical Service, hold 0, both,
        "{service} at {site} is down",
        "Confirmed, not a lost ping: what the service requires has been down since {since}.",
        "Counts against the promise from {since} on. {left} of the month's allowed down time is left; {target} is promised.";
    COMPONENT_DOWN = "AssuredComponentDown" Warning Component, hold 30, both,
        "{component} at {site} is down ({kind})",
        "Confirmed: no answer since {since}, and nothing that it hangs on is down.",
        "None by itself: services that cannot do without it have alerts of their own.";
    SERVICE_DEGRADED = "AssuredServiceDegraded" Warning Service, hold 60, both,
        "{service} at {site} has lost its resilience",
        "It is up, but something in its requirements has been down since {since}: the next fault may take it down.",
        "None yet: it counts as up. {left} of the month's allowed down time is left; {target} is promised.";
    BUDGET_BURN_FAST = "AssuredBudgetBurnFast" Critical Service, hold 0, both,
        "{service} at {site} uses up its allowed down time fast",
        "At the pace of the last hours the month's allowance does not last. {left} of it is left.",
        "{left} of the month's allowed down time is left; {target} is promised, {achievable} can still be reached.";
    BUDGET_BURN_SLOW = "AssuredBudgetBurnSlow" Warning Service, hold 0, both,
        "{service} at {site} uses up its allowed down time",
        "At the pace of the last days the month's allowance does not last. {left} of it is left.",
        "{left} of the month's allowed down time is left; {target} is promised, {achievable} can still be reached.";
    BUDGET_LOW_ALERT = "AssuredBudgetLow" Warning Service, hold 0, both,
        "{service} at {site} has {left} of its allowed down time left",
        "Most of the month's allowed down time is used. One more outage may break the promise.",
        "{left} of the month's allowed down time is left; {target} is promised, {achievable} can still be reached.";
    TARGET_UNACHIEVABLE = "AssuredTargetUnachievable" Warning Service, hold 0, both,
        "{service} at {site} cannot keep its promise this month any more",
        "More is down than the month allows. Even if all the rest of it is up, it ends at {achievable}; {target} is promised.",
        "The month is lost as far as is known now; agreed exclusions may still change that. The evidence pack decides.";
    RESTORE_DEADLINE_NEAR = "AssuredRestoreDeadlineNear" Warning Service, hold 0, both,
        "{service} at {site} is to be restored by {deadline}",
        "Down since {since}; by the contract's clock it is to be restored by {deadline}.",
        "After {deadline} the outage counts as not restored in time.";
    RESTORE_DEADLINE_PASSED = "AssuredRestoreDeadlinePassed" Critical Service, hold 0, both,
        "{service} at {site} was not restored in time",
        "Down since {since}; by the contract's clock it was to be restored by {deadline}.",
        "The outage counts as not restored in time, and goes on counting as down.";
    OBJECTIVE_MISSED = "AssuredObjectiveMissed" Warning Objective, hold 300, both,
        "{service} at {site}: {measure} of {class} misses its objective this month",
        "Over the month so far it is {value}; {limit} is promised.",
        "If the month ends so, the objective is breached.";
    QUALITY_POOR = "AssuredQualityPoor" Warning Objective, hold 0, both,
        "{service} at {site}: {measure} of {class} is beyond its limit",
        "Minute after minute is beyond {limit}; over the month so far it is {value}.",
        "Bad minutes drag the month's figure towards a breach of the objective; the service counts as up.";
    GATEWAY_CHANNELS_EXHAUSTED = "AssuredGatewayChannelsExhausted" Critical Trunk, hold 120, both,
        "{component} at {site} has no free channel on {trunk}",
        "Every channel in service is busy: callers hear a busy tone.",
        "None on availability. Callers are turned away: note it for the service review.";
    DEVICE_RESTARTED = "AssuredDeviceRestarted" Info Component, hold 0, both,
        "{component} at {site} has restarted",
        "Its own clock began anew: power, a crash, or somebody's work on it.",
        "What was down while it restarted is counted by its services' accounts.";
    SNMP_ACCESS = "AssuredSnmpAccess" Warning Component, hold 300, both,
        "{component} at {site} does not let us in over SNMP",
        "Its agent rejects our credentials, or is silent while the device answers: what only it can tell is unknown.",
        "What it would tell is unknown time, never down; coverage falls, and with it what can be proven.";
    MONITOR_ISOLATED = "AssuredMonitorIsolated" Critical Monitor, hold 0, both,
        "The monitor {vantage} is cut off",
        "No sentinel answers: the fault is on the monitor's own side. Nothing else that it says is news.",
        "Time is unknown, not down. Coverage falls, and with it what can be proven.";
    EVIDENCE_NOT_WRITTEN = "AssuredEvidenceNotWritten" Critical Monitor, hold 0, both,
        "The monitor {vantage} cannot write its evidence",
        "Measuring goes on, but what is not written cannot be proven later.",
        "What stays unwritten is unknown time in the month's report.";
    SCHEDULER_LATE = "AssuredSchedulerLate" Warning Monitor, hold 300, both,
        "The monitor {vantage} cannot keep up",
        "It probes late or leaves rounds out: the machine is too slow, too busy or was suspended.",
        "What is left out is unknown time, never down.";
    CONFIGURATION_REJECTED = "AssuredConfigurationRejected" Warning Monitor, hold 0, both,
        "The monitor {vantage} has rejected its configuration",
        "It goes on with the one before. `assured check` lists every problem.",
        "New sites and terms do not count yet.";
    MONITOR_GONE = "AssuredMonitorGone" Critical Monitor, hold 120, prometheus,
        "The monitor {vantage} is gone",
        "Prometheus has had nothing from it: the daemon does not run, or cannot be reached. No other alert of it can come.",
        "Time that nobody watches is unknown. Coverage falls, and with it what can be proven.";
}

/// What a component is, in the label `kind` of [`COMPONENT_DOWN`], by the `kind` of the metrics.
#[must_use]
pub fn component_kind(kind_of_metrics: &str) -> &'static str {
    match kind_of_metrics {
        "voip-gateway" => "gateway",
        kind if kind.starts_with("link-") => "link",
        _ => "device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 15] = [
        "site",
        "service",
        "component",
        "trunk",
        "class",
        "measure",
        "kind",
        "value",
        "limit",
        "since",
        "deadline",
        "left",
        "achievable",
        "target",
        "vantage",
    ];

    #[test]
    fn names_are_unique_and_bear_the_products_name() {
        let mut names: Vec<_> = ALL.iter().map(|a| a.name).collect();
        assert!(names.iter().all(|n| n.starts_with("Assured") && n.bytes().all(|b| b.is_ascii_alphanumeric())));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn texts_hold_known_fields_only() {
        for alert in ALL {
            for text in [alert.summary, alert.description, alert.impact] {
                for piece in text.split('{').skip(1) {
                    let field = piece.split('}').next().unwrap();
                    assert!(FIELDS.contains(&field), "{}: {{{field}}}", alert.name);
                }
                assert_eq!(text.matches('{').count(), text.matches('}').count(), "{}", alert.name);
            }
        }
    }

    #[test]
    fn only_the_daemons_own_absence_is_beyond_it() {
        let beyond: Vec<_> = ALL.iter().filter(|a| !a.direct).map(|a| a.name).collect();
        assert_eq!(beyond, ["AssuredMonitorGone"]);
    }

    #[test]
    fn kinds_are_those_of_the_metrics() {
        let kinds = ["router", "host", "voip-gateway", "link-primary", "link-standby", "link-load-share"];
        assert_eq!(kinds.map(component_kind), ["device", "device", "gateway", "link", "link", "link"]);
    }
}
