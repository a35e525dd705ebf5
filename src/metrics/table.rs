//! Every metric there is: name, type, unit, labels and help, in one table.
//!
//! `docs/metrics.md` is held to it by a test. Every series also carries `vantage`, which is
//! not repeated here. Labels come only from the configuration or are one of a few fixed words; names of a device's
//! rows (interfaces, trunks, parts) are its own, and bounded.

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
        "Mean opinion score over the last five minutes; source emodel is estimated from probes by ITU-T G.107, ip_sla is what a router measured.";
    VOICE_R = "assured_voice_r_factor" Gauge None, ["site", "component", "class", "codec", "source"],
        "Transmission rating factor over the last five minutes; source emodel is estimated from probes by ITU-T G.107.";
    DEVICE_UPTIME = "assured_device_uptime_seconds" Gauge SECONDS, ["site", "component"],
        "How long a device's SNMP agent has been running.";
    DEVICE_RESTARTS = "assured_device_restarts_total" Counter None, ["site", "component"],
        "Restarts of a device or its agent that polls have seen.";
    DEVICE_INFO = "assured_device_info" Info None, ["site", "component", "profile"],
        "The profile that a device is read through.";
    INTERFACE_OPER = "assured_interface_oper_up" Gauge None, ["site", "component", "interface"],
        "1 while an interface is up, 0 while it is down or switched off.";
    INTERFACE_ADMIN = "assured_interface_admin_up" Gauge None, ["site", "component", "interface"],
        "0 while somebody has switched an interface off, else 1.";
    INTERFACE_SPEED = "assured_interface_speed_bits_per_second" Gauge Some("bits_per_second"), ["site", "component", "interface"],
        "What an interface can carry.";
    INTERFACE_RECEIVE_BYTES = "assured_interface_receive_bytes_total" Counter Some("bytes"), ["site", "component", "interface"],
        "Octets received, since polling began; grows by known stretches only.";
    INTERFACE_TRANSMIT_BYTES = "assured_interface_transmit_bytes_total" Counter Some("bytes"), ["site", "component", "interface"],
        "Octets sent, since polling began; grows by known stretches only.";
    INTERFACE_RECEIVE_ERRORS = "assured_interface_receive_errors_total" Counter None, ["site", "component", "interface"],
        "Packets received with errors, since polling began.";
    INTERFACE_TRANSMIT_ERRORS = "assured_interface_transmit_errors_total" Counter None, ["site", "component", "interface"],
        "Packets not sent for errors, since polling began.";
    INTERFACE_RECEIVE_DISCARDS = "assured_interface_receive_discards_total" Counter None, ["site", "component", "interface"],
        "Packets received and thrown away, since polling began.";
    INTERFACE_TRANSMIT_DISCARDS = "assured_interface_transmit_discards_total" Counter None, ["site", "component", "interface"],
        "Packets thrown away instead of sent, since polling began: congestion.";
    GATEWAY_CHANNELS = "assured_gateway_channels" Gauge None, ["site", "component", "trunk", "state"],
        "A gateway's voice channels: in_service can carry a call, busy do. Trunk all where it does not tell trunks apart.";
    DEVICE_READING = "assured_device_reading" Gauge None, ["site", "component", "table", "row", "reading", "unit"],
        "Any other number that a profile reads, in its unit.";
    DEVICE_COUNT = "assured_device_events_total" Counter None, ["site", "component", "table", "row", "reading", "unit"],
        "Any other counter that a profile reads, since polling began.";
    DEVICE_PART_UP = "assured_device_part_up" Gauge None, ["site", "component", "table", "row", "reading"],
        "1 while a part (fan, power supply, trunk, neighbour) works, 0 while it does not.";
    DEVICE_LEFT_OUT = "assured_device_rows_left_out" Gauge None, ["site", "component"],
        "Rows and readings of a device that are not shown because there are too many.";
    SNMP_REQUESTS = "assured_snmp_requests_total" Counter None, ["site", "component", "result"],
        "Polls by how they ended: ok, timeout, auth or error.";
    SNMP_ACCESS = "assured_snmp_access" Gauge None, ["site", "component", "access"],
        "1 for how a device lets us in: open, or why not.";
    SNMP_NOTIFICATIONS = "assured_snmp_notifications_total" Counter None, ["result"],
        "SNMP traps and informs received, by what became of them: polled (set off a poll), noted, repeated, overflow, foreign (no device of ours).";
    CONTRACT = "assured_contract_info" Info None, ["contract", "title", "kind", "provider", "customer", "reference"],
        "What a contract is.";
    CONTRACT_END = "assured_contract_end_timestamp_seconds" Gauge SECONDS, ["contract"],
        "First instant after a contract's last day, local to the monitor.";
    MIGRATION_SITES = "assured_migration_sites" Gauge None, ["wave", "stage"],
        "Sites of a migration wave: accepted, scheduled (a later date is set) or open (no date).";
    SITE = "assured_site_info" Info None, ["site", "title", "wave"],
        "What a site is.";
    COMPONENT = "assured_component_info" Info None, ["site", "component", "title", "kind", "device", "interface"],
        "What a component is; a link names its device and, where that counts, its interface.";
    SERVICE = "assured_service_info" Info None, ["site", "service", "contract", "title", "class", "sla"],
        "What a service is, and on which terms it is promised.";
    SERVICE_REQUIRES = "assured_service_requires_info" Info None, ["site", "service", "contract", "component"],
        "A component that a service looks at, however deep in its requirements.";
    CONTACT = "assured_contract_contact_info" Info None, ["contract", "name", "phone", "email"],
        "Whom to call about a contract.";
    COMPONENT_SINCE = "assured_component_since_timestamp_seconds" Gauge SECONDS, ["site", "component"],
        "When the component's state began, backdated to the first round that proved it.";
    SERVICE_SINCE = "assured_service_since_timestamp_seconds" Gauge SECONDS, ["site", "service", "contract"],
        "When the service's state began, backdated to the first round that proved it.";
    SERVICE_OUTAGES = "assured_service_month_outages" Gauge None, ["site", "service", "contract"],
        "Outages of the month so far, the one that lasts included.";
    SERVICE_CREDIT = "assured_service_credit_ratio" Gauge RATIO, ["site", "service", "contract", "basis"],
        "Share of the monthly charge that falls due as a credit, never money: as the month stands so far, or certain even if all the rest of it is up.";
    SERVICE_ACHIEVABLE = "assured_service_availability_achievable_ratio" Gauge RATIO, ["site", "service", "contract"],
        "The highest availability that the month can still reach: all that is to come is up.";
    SERVICE_ALLOWED = "assured_service_down_allowed_seconds" Gauge SECONDS, ["site", "service", "contract"],
        "Seconds that may count as down in the whole month without a breach.";
    SERVICE_COUNTED = "assured_service_down_counted_seconds" Gauge SECONDS, ["site", "service", "contract"],
        "Seconds that count as down this month so far: rounded, and with unknown time where the terms say so.";
    RESTORE_DEADLINE = "assured_service_restore_deadline_timestamp_seconds" Gauge SECONDS, ["site", "service", "contract"],
        "When the outage that lasts is to be restored by, by the contract's clock; absent while nothing is down.";
    FAULTS_OPEN = "assured_faults_open" Gauge None, ["severity", "responsible"],
        "Faults of the register that are still to be restored, by severity (1 is worst) and whose they are thought to be.";
    FAULT_OLDEST = "assured_fault_oldest_open_timestamp_seconds" Gauge SECONDS, [],
        "When the oldest fault that is still to be restored was noticed, as a Unix time; absent while there is none.";
    FAULT_LATE = "assured_faults_late" Gauge None, [],
        "Open faults that should have been restored by now, by the contract's clock.";
    FAULT_OVERDUE = "assured_fault_update_overdue" Gauge None, [],
        "Open faults on which the next word was due before now.";
    OBJECTIVE_PROBES = "assured_objective_probes" Gauge None, ["site", "service", "contract", "class", "measure"],
        "Probes behind the value of an objective this month so far, answered or lost.";
    OBJECTIVE_MINUTES = "assured_objective_judged_total" Counter None, ["site", "service", "contract", "class", "measure"],
        "Minutes judged one by one against the limit of an objective; those with fewer than 10 probes are not.";
    OBJECTIVE_BAD_MINUTES = "assured_objective_bad_total" Counter None, ["site", "service", "contract", "class", "measure"],
        "Minutes beyond the limit of an objective; for loss at least 3 probes must be lost.";
    COMPONENT_QUIET = "assured_component_quiet" Gauge None, ["site", "component", "reason"],
        "1 while a component raises no alert of its own: something that it hangs on is down, or all that needs it is in maintenance.";
    UTC_OFFSET = "assured_monitor_utc_offset_seconds" Gauge SECONDS, ["abbreviation"],
        "How far the monitor's local time is ahead of UTC at present.";
    MONTH_START = "assured_month_start_timestamp_seconds" Gauge SECONDS, [],
        "First instant of the month, local to the monitor.";
    MONTH_END = "assured_month_end_timestamp_seconds" Gauge SECONDS, [],
        "First instant of the next month, local to the monitor.";
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
    ALERTS_QUEUED = "assured_alerts_queued" Gauge None, [],
        "Alerts whose latest news some Alertmanager has not taken yet.";
    ALERTS_STANDING = "assured_alerts_standing" Gauge None, [],
        "Alerts that stand and are told to the Alertmanagers directly.";
    ALERTS_DROPPED = "assured_alerts_dropped_total" Counter None, [],
        "Alerts given up: no room, refused by an Alertmanager, or over for a week and never heard.";
    ALERTMANAGER_SUCCESS = "assured_alertmanager_last_success_timestamp_seconds" Gauge SECONDS, ["alertmanager"],
        "When an Alertmanager last took what it was told, as a Unix time; absent until it first did.";
    ALERTMANAGER_FAILURES = "assured_alertmanager_send_failures_total" Counter None, ["alertmanager"],
        "Requests to an Alertmanager that failed.";
    EVIDENCE_WAITING = "assured_evidence_waiting" Gauge None, [],
        "Minutes of evidence that wait to be written; 0 while all is well.";
    EVIDENCE_DROPPED = "assured_evidence_dropped_total" Counter None, [],
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
            let states = metric.kind == Kind::StateSet || *metric == GATEWAY_CHANNELS;
            assert_eq!(metric.labels.contains(&"state"), states, "{}", metric.name);
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
            // A share of a charge is a number without a currency; it is all that may be said of credits.
            let money = |m: &Metric| m.name.contains(word) && m.name != "assured_service_credit_ratio";
            assert!(ALL.iter().all(|m| !money(m) && !m.labels.contains(&word)), "{word}");
        }
    }
}
