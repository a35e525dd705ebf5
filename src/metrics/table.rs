//! Every metric there is: name, type, unit, labels and help, in one table.
//!
//! `docs/metrics.md` is held to it by a test. Every series also carries `vantage`, which is
//! not repeated here. Labels come only from the configuration or are one of a few fixed words.

/// What kind of series a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises, from the daemon's start; its name ends in `_total`.
    Counter,
    /// Goes both ways.
    Gauge,
    /// Classic buckets in the text formats, native and classic ones over protobuf.
    Histogram,
    /// Always 1, says things in its labels; its name ends in `_info`.
    Info,
    /// One series for each value of the label `state`: 1 for the state that holds, 0 for the others.
    /// Exposed as a gauge, because OpenMetrics would have the label bear the metric's name.
    StateSet,
}

impl Kind {
    /// Its name in the documentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// As it stands in queries.
    pub name: &'static str,
    /// What kind of series it is.
    pub kind: Kind,
    /// Base unit, which is also the end of the name.
    pub unit: Option<&'static str>,
    /// Labels beside `vantage`.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence.
    pub help: &'static str,
}

impl Metric {
    /// The name of the family in OpenMetrics: without what its kind adds to it.
    #[must_use]
    pub fn family(&self) -> &'static str {
        let family = match self.kind {
            Kind::Counter => self.name.strip_suffix("_total"),
            Kind::Info => self.name.strip_suffix("_info"),
            Kind::Gauge | Kind::Histogram | Kind::StateSet => None,
        };
        family.unwrap_or(self.name)
    }
}

macro_rules! metrics {
    ($($constant:ident = $name:literal $kind:ident $unit:expr, [$($label:literal),*], $help:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $help)]
            pub const $constant: Metric = Metric {
                name: $name, kind: Kind::$kind, unit: $unit, labels: &[$($label),*], help: $help,
            };
        )*
        /// All of them, in the order in which they are exposed.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

const SECONDS: Option<&str> = Some("seconds");
const BYTES: Option<&str> = Some("bytes");
const RATIO: Option<&str> = Some("ratio");

metrics! {
    PROBE_SENT = "assured_probe_sent_total" Counter None, ["site", "component", "class"],
        "Probes that left.";
    PROBE_RECEIVED = "assured_probe_received_total" Counter None, ["site", "component", "class"],
        "Probes answered in time.";
    PROBE_LOST = "assured_probe_lost_total" Counter None, ["site", "component", "class"],
        "Probes not answered in time.";
    PROBE_LATE = "assured_probe_late_total" Counter None, ["site", "component", "class"],
        "Answers after the time-out; their probes are counted as lost.";
    PROBE_DUPLICATE = "assured_probe_duplicate_total" Counter None, ["site", "component", "class"],
        "Further answers to one probe.";
    PROBE_REMARKED = "assured_probe_remarked_total" Counter None, ["site", "component", "class"],
        "Answers that came back with another DSCP than was sent.";
    PROBE_NOT_MEASURED = "assured_probe_not_measured_total" Counter None, ["site", "component", "class"],
        "Probes that were due and could not be measured by us; unknown time, never loss.";
    PROBE_RTT = "assured_probe_rtt_seconds" Histogram SECONDS, ["site", "component", "class"],
        "Round-trip times of probes answered in time.";
    PROBE_JITTER = "assured_probe_jitter_seconds" Gauge SECONDS, ["site", "component", "class", "definition"],
        "Jitter by its definition: rfc3550 is smoothed over consecutive RTTs, pdv_p99 the 99th percentile of RTT above the least over five minutes.";
    PROBE_LOSS = "assured_probe_loss_ratio" Gauge RATIO, ["site", "component", "class"],
        "Share of measured probes lost over the last five minutes.";
    COMPONENT_STATE = "assured_component_state" StateSet None, ["site", "component", "kind", "state"],
        "Confirmed state of a device or link: 1 for the state that holds.";
    SERVICE_STATE = "assured_service_state" StateSet None, ["site", "service", "contract", "state"],
        "State of a service: 1 for the state that holds.";
    SERVICE_MONTH = "assured_service_month_seconds" Gauge SECONDS, ["site", "service", "contract", "account"],
        "Seconds of the month so far on each account; the four add up to the window so far.";
    SERVICE_AVAILABILITY = "assured_service_availability_ratio" Gauge RATIO, ["site", "service", "contract"],
        "Availability this month so far by the formula of the contract.";
    SERVICE_LOWER = "assured_service_availability_lower_ratio" Gauge RATIO, ["site", "service", "contract"],
        "Availability were all unknown time down.";
    SERVICE_UPPER = "assured_service_availability_upper_ratio" Gauge RATIO, ["site", "service", "contract"],
        "Availability were all unknown time up.";
    SERVICE_COVERAGE = "assured_service_coverage_ratio" Gauge RATIO, ["site", "service", "contract"],
        "Share of the window that was measured.";
    SERVICE_TARGET = "assured_service_availability_target_ratio" Gauge RATIO, ["site", "service", "contract"],
        "The availability promised.";
    SERVICE_BUDGET = "assured_service_budget_remaining_ratio" Gauge RATIO, ["site", "service", "contract"],
        "Share of the month's allowed down time that is left; negative when overspent.";
    OBJECTIVE_VALUE = "assured_objective_value" Gauge None, ["site", "service", "contract", "class", "measure"],
        "An objective's measure this month so far, in its base unit.";
    OBJECTIVE_LIMIT = "assured_objective_limit" Gauge None, ["site", "service", "contract", "class", "measure"],
        "What the measure may reach: at most, for mos at least.";
    OBJECTIVE_MET = "assured_objective_met" Gauge None, ["site", "service", "contract", "class", "measure"],
        "1 while the objective holds, 0 while it is broken, absent while nothing was measured.";
    VOICE_MOS = "assured_voice_mos" Gauge None, ["site", "component", "class", "codec", "source"],
        "Mean opinion score over the last five minutes; source emodel is estimated from probes by ITU-T G.107.";
    VOICE_R = "assured_voice_r_factor" Gauge None, ["site", "component", "class", "codec", "source"],
        "Transmission rating factor over the last five minutes; source emodel is estimated from probes by ITU-T G.107.";
    CONTRACT = "assured_contract_info" Info None, ["contract", "title", "kind", "provider", "customer", "reference"],
        "What a contract is.";
    CONTRACT_END = "assured_contract_end_timestamp_seconds" Gauge SECONDS, ["contract"],
        "First instant after a contract's last day, local to the monitor.";
    MIGRATION_SITES = "assured_migration_sites" Gauge None, ["wave", "stage"],
        "Sites of a migration wave: accepted, scheduled (a later date is set) or open (no date).";
    SCHEDULER_LAG = "assured_scheduler_lag_seconds" Gauge SECONDS, [],
        "How late the last slot was.";
    SCHEDULER_SKIPPED = "assured_scheduler_skipped_total" Counter None, [],
        "Slots not probed because they were missed.";
    MONITOR_ISOLATED = "assured_monitor_isolated" Gauge None, [],
        "1 while every sentinel fails: the monitor is cut off and time is unknown.";
    MONITOR_NOT_MEASURED = "assured_monitor_not_measured_total" Counter None, ["cause"],
        "Outcomes that were not measured, by cause.";
    MONITOR_STRAY = "assured_monitor_stray_total" Counter None, ["kind"],
        "Datagrams received that answer no probe of ours, by kind.";
    MONITOR_CLOCK_STEPS = "assured_monitor_clock_steps_total" Counter None, [],
        "Steps of the wall clock that were noticed.";
    MONITOR_UNRESOLVED = "assured_monitor_unresolved" Gauge None, [],
        "Host names that do not resolve at present.";
    EVIDENCE_HEAD = "assured_evidence_head_sequence" Gauge None, [],
        "Sequence number of the last evidence record written.";
    EVIDENCE_FAILURES = "assured_evidence_write_failures_total" Counter None, [],
        "Evidence writes that failed.";
    EVIDENCE_WAITING = "assured_evidence_waiting_minutes" Gauge None, [],
        "Minutes of evidence that wait to be written; 0 while all is well.";
    EVIDENCE_DROPPED = "assured_evidence_dropped_minutes_total" Counter None, [],
        "Minutes of evidence that waited too long and were dropped; their time is unknown in every report.";
    EVIDENCE_LAST_WRITE = "assured_evidence_last_write_timestamp_seconds" Gauge SECONDS, [],
        "When evidence was last written, as a Unix time; 0 before the first time since start.";
    EVIDENCE_BYTES = "assured_evidence_store_bytes" Gauge BYTES, [],
        "Size of all evidence files on the disk.";
    RELOAD_SUCCESSFUL = "assured_config_last_reload_successful" Gauge None, [],
        "1 when the last reload of the configuration succeeded.";
    START_TIME = "assured_start_timestamp_seconds" Gauge SECONDS, [],
        "When the daemon started, as a Unix time.";
    BUILD = "assured_build_info" Info None, ["version", "engine"],
        "What is running and which sockets it probes with.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_in_what_kind_and_unit_ask_for() {
        for metric in ALL {
            assert!(metric.name.starts_with("assured_"), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
            assert_eq!(metric.name.ends_with("_info"), metric.kind == Kind::Info, "{}", metric.name);
            assert_eq!(metric.labels.contains(&"state"), metric.kind == Kind::StateSet, "{}", metric.name);
            if let Some(unit) = metric.unit {
                assert!(metric.family().ends_with(&format!("_{unit}")), "{}", metric.name);
            }
        }
    }

    #[test]
    fn no_name_comes_twice_and_none_speaks_of_money() {
        let mut names: Vec<_> = ALL.iter().map(|m| m.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for word in ["credit", "charge", "money", "price", "cost"] {
            assert!(ALL.iter().all(|m| !m.name.contains(word) && !m.labels.contains(&word)), "{word}");
        }
    }
}
