//! What must hold for each alert, in PromQL that Prometheus 2.38 and later read.
//!
//! Every expression ends in exactly the labels that identify its alert: whatever the scrape adds
//! (`job`, `instance`) is left out, so that a moved daemon does not tell everything anew. State
//! comes from the confirmed state machine, never from single pings. What is unknown raises nothing;
//! an outage that was told goes on while nobody can say ([`lasting`]).

use super::promql;
use crate::alert::catalogue::{self, Alert, Windows};

/// Labels of an alert about a service, an objective, a site, a component.
const SERVICE: &str = "site, service, contract, vantage";
const OBJECTIVE: &str = "site, service, contract, class, measure, vantage";
const SITE: &str = "site, vantage";
const COMPONENT: &str = "site, component, vantage";
const TRUNK: &str = "site, component, trunk, vantage";

/// Windows over which down time is recorded.
const DOWN: [&str; 7] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];
/// Windows over which bad minutes are.
const BAD: [&str; 4] = ["5m", "30m", "1h", "6h"];
/// Least bad minutes in the short window, for the fast pairs of windows.
const BAD_IN_SHORT: [u32; 2] = [3, 5];
/// Least bad minutes of the whole month's figures: probes behind an objective, and lost ones behind a loss.
const MIN_PROBES: u32 = 100;
const MIN_LOST: u32 = 3;

/// Recording rules: name and expression.
pub(super) fn recorded(vantage: &str) -> Vec<(String, String)> {
    let mut rules = Vec::new();
    for window in DOWN {
        // A gauge that begins anew each month: what stood before this month began does not count.
        let text = format!(
            "clamp_min(\n  max by ({SERVICE}) (assured_service_month_seconds{{@,account=\"down\"}})\n  \
             - max by ({SERVICE}) (assured_service_month_seconds{{@,account=\"down\"}} offset {window})\n    \
             * on (vantage) group_left () (\n      max by (vantage) (assured_month_start_timestamp_seconds{{@}})\n      \
             == bool max by (vantage) (assured_month_start_timestamp_seconds{{@}} offset {window})),\n  0)"
        );
        rules.push((format!("assured:service_down_seconds:{window}"), text));
    }
    for (what, counter) in
        [("minutes", "assured_objective_judged_total"), ("bad_minutes", "assured_objective_bad_total")]
    {
        for window in BAD {
            let text = format!("max by ({OBJECTIVE}) (increase({counter}{{@}}[{window}]))");
            rules.push((format!("assured:objective_{what}:{window}"), text));
        }
    }
    let devices = "assured_component_state{@,state=\"down\",kind!~\"link-.*\"}";
    rules.push(("assured:site_devices:count".into(), format!("count by ({SITE}) (max by ({COMPONENT}) ({devices}))")));
    rules.push((
        "assured:site_devices_down:count".into(),
        format!("sum by ({SITE}) (max by ({COMPONENT}) ({devices}))"),
    ));
    rules.into_iter().map(|(name, text)| (name, at(&text, vantage))).collect()
}

/// What must hold for the alert.
pub(super) fn of(alert: &Alert, vantage: &str) -> String {
    let text = match alert.name {
        "AssuredSiteDown" => site_down(),
        "AssuredServiceDown" => lasting(alert, SERVICE, &service_is("down"), &service_is("unknown")),
        "AssuredServiceDegraded" => lasting(alert, SERVICE, &service_is("degraded"), &service_is("unknown")),
        "AssuredComponentDown" => component_down(),
        "AssuredBudgetBurnFast" => burn(&catalogue::FAST),
        "AssuredBudgetBurnSlow" => burn(&catalogue::SLOW),
        "AssuredBudgetLow" => format!(
            "(max by ({SERVICE}) (assured_service_budget_remaining_ratio{{@}}) < {low}) >= 0\n\
             and on ({SERVICE}) {down} > 0\n\
             and on ({SERVICE}) sum by ({SERVICE}) (\n  max by ({SERVICE}, account) (assured_service_month_seconds{{@,account=~\"up|down\"}})) >= {measured}",
            low = catalogue::BUDGET_LOW,
            measured = catalogue::MIN_MEASURED_S,
            down = booked("down"),
        ),
        "AssuredTargetUnachievable" => format!(
            "max by ({SERVICE}) (assured_service_down_counted_seconds{{@}})\n  \
             > max by ({SERVICE}) (assured_service_down_allowed_seconds{{@}})\n\
             and on ({SERVICE}) {down} > 0",
            down = booked("down"),
        ),
        "AssuredRestoreDeadlineNear" => {
            format!("({} <= {}) >= 0", deadline(), catalogue::DEADLINE_NEAR_S)
        }
        "AssuredRestoreDeadlinePassed" => {
            lasting(alert, SERVICE, &format!("{} < 0", deadline()), &service_is("unknown"))
        }
        "AssuredObjectiveMissed" => objective_missed(),
        "AssuredQualityPoor" => quality(),
        "AssuredGatewayChannelsExhausted" => format!(
            "max by ({TRUNK}) (assured_gateway_channels{{@,state=\"busy\"}})\n  \
             >= max by ({TRUNK}) (assured_gateway_channels{{@,state=\"in_service\"}}) > 0"
        ),
        "AssuredDeviceRestarted" => {
            format!("max by ({COMPONENT}) (increase(assured_device_restarts_total{{@}}[15m])) > 0")
        }
        "AssuredSnmpAccess" => format!(
            "max by ({COMPONENT}) (assured_snmp_access{{@,access!~\"|open|silent\"}}) == 1\n\
             or on ({COMPONENT}) (max by ({COMPONENT}) (assured_snmp_access{{@,access=\"silent\"}}) == 1\n  \
             and on ({COMPONENT}) max by ({COMPONENT}) (assured_component_state{{@,state=\"up\"}}) == 1)"
        ),
        "AssuredMonitorIsolated" => "max by (vantage) (assured_monitor_isolated{@}) == 1".into(),
        "AssuredEvidenceNotWritten" => {
            "max by (vantage) (increase(assured_evidence_write_failures_total{@}[10m])) > 0\n\
             or on (vantage) (\n  time() - max by (vantage) (assured_start_timestamp_seconds{@}) > 300\n  \
             unless on (vantage) max by (vantage) (assured_evidence_head_sequence{@}))"
                .into()
        }
        "AssuredSchedulerLate" => format!(
            "max by (vantage) (assured_scheduler_lag_seconds{{@}}) > {}\n\
             or on (vantage) max by (vantage) (increase(assured_scheduler_skipped_total{{@}}[2m])) > 0",
            catalogue::LAG_S
        ),
        "AssuredConfigurationRejected" => "max by (vantage) (assured_config_last_reload_successful{@}) == 0".into(),
        "AssuredMonitorGone" => "absent(assured_build_info{@})".into(),
        other => unreachable!("{other} has no expression: the tests look at every alert of the table"),
    };
    at(&text, vantage)
}

/// Puts the vantage where `@` stands in a selector.
fn at(text: &str, vantage: &str) -> String {
    text.replace("{@", &format!("{{vantage={}", promql(vantage)))
}

fn service_is(state: &str) -> String {
    format!("max by ({SERVICE}) (assured_service_state{{@,state=\"{state}\"}}) == 1")
}

fn booked(account: &str) -> String {
    format!("max by ({SERVICE}) (assured_service_month_seconds{{@,account=\"{account}\"}})")
}

fn deadline() -> String {
    format!("max by ({SERVICE}) (assured_service_restore_deadline_timestamp_seconds{{@}}) - time()")
}

/// The alert as it is told already.
fn told(alert: &Alert, labels: &str) -> String {
    format!("max by ({labels}) (ALERTS{{@,alertname=\"{}\",alertstate=\"firing\"}})", alert.name)
}

/// `holds`, or it is told already and nobody can say whether it is over: the state is unknown, or the monitor is gone.
fn lasting(alert: &Alert, labels: &str, holds: &str, unknown: &str) -> String {
    let told = told(alert, labels);
    format!(
        "{holds}\n\
         or on ({labels}) ({told}\n  and on ({labels}) {unknown})\n\
         or on ({labels}) ({told}\n  unless on (vantage) max by (vantage) (assured_build_info{{@}}))"
    )
}

/// Every device is down. It is not told when each of them is quiet for a reason of its own, unless it was told before.
fn site_down() -> String {
    let down = "(assured:site_devices_down:count{@} == assured:site_devices:count{@})";
    let told = told(&catalogue::SITE_DOWN, SITE);
    let some = |states: &str| {
        format!("max by ({SITE}) (assured_component_state{{@,state=~\"{states}\",kind!~\"link-.*\"}}) == 1")
    };
    let (answers, not_all_known) = (some("up|degraded"), some("down|unknown"));
    format!(
        "{down}\n  and on ({SITE}) max by ({SITE}) (\n    \
         max by ({COMPONENT}) (assured_component_state{{@,state=\"down\",kind!~\"link-.*\"}}) == 1\n    \
         unless on ({COMPONENT}) max by ({COMPONENT}) (assured_component_quiet{{@}}) == 1)\n\
         or on ({SITE}) ({told}\n  and on ({SITE}) {not_all_known}\n  unless on ({SITE}) {answers})\n\
         or on ({SITE}) ({told}\n  unless on (vantage) max by (vantage) (assured_build_info{{@}}))"
    )
}

/// It is down, and neither is anything that it hangs on nor is it in maintenance; or it was told before.
fn component_down() -> String {
    let labels = "site, component, kind, vantage";
    let is = |state: &str| format!("max by ({labels}) (assured_component_state{{@,state=\"{state}\"}}) == 1");
    let told = told(&catalogue::COMPONENT_DOWN, COMPONENT);
    let text = format!(
        "{down}\n    unless on ({COMPONENT}) max by ({COMPONENT}) (assured_component_quiet{{@}}) == 1\n  \
         or on ({COMPONENT}) ({down}\n    and on ({COMPONENT}) {told})\n  \
         or on ({COMPONENT}) ({unknown}\n    and on ({COMPONENT}) {told})",
        down = is("down"),
        unknown = is("unknown"),
    );
    let named = ["link-.+", "voip-gateway", "router|host"].into_iter().fold(text, |text, kinds| {
        let kind = catalogue::component_kind(kinds.split('|').next().unwrap_or_default());
        format!("label_replace(\n  {text},\n  \"kind\", \"{kind}\", \"kind\", \"{kinds}\")")
    });
    let gone = format!(
        "max by ({labels}) (ALERTS{{@,alertname=\"{}\",alertstate=\"firing\"}})",
        catalogue::COMPONENT_DOWN.name
    );
    format!("{named}\nor on ({COMPONENT}) ({gone}\n  unless on (vantage) max by (vantage) (assured_build_info{{@}}))")
}

/// In both windows of a pair too much of the month's allowance went, and it is more than a hiccup.
fn burn(pairs: &[Windows]) -> String {
    let allowed = format!("(max by ({SERVICE}) (assured_service_down_allowed_seconds{{@}}) > 0)");
    let pair = |w: &Windows| {
        let spent = |window: u32, share: f64| {
            format!("assured:service_down_seconds:{}{{@}} / on ({SERVICE}) {allowed} > {share}", name(window))
        };
        let least = catalogue::MIN_DOWN_S;
        format!(
            "(\n  {long}\n  and on ({SERVICE}) {short}\n  and on ({SERVICE}) assured:service_down_seconds:{window}{{@}} >= {least}\n)",
            long = spent(w.long_s, w.spent),
            short = spent(w.short_s, w.spent * f64::from(w.short_s) / f64::from(w.long_s)),
            window = name(w.long_s),
        )
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join(&format!("\nor on ({SERVICE})\n"))
}

/// As [`burn`], over bad minutes: the month's allowance of them is the share of time that may be down.
fn quality() -> String {
    let allowed = format!("(1 - max by ({SERVICE}) (assured_service_availability_target_ratio{{@}}))");
    let pair = |(w, least_short): (&Windows, u32)| {
        let (long, short) = (name(w.long_s), name(w.short_s));
        let factor = w.spent * 2_592_000.0 / f64::from(w.long_s);
        let least = catalogue::MIN_BAD_MINUTES * w.long_s / 3_600 / if w.long_s > 3_600 { 2 } else { 1 };
        format!(
            "(\n  assured:objective_bad_minutes:{long}{{@}} >= {least}\n  \
             and on ({OBJECTIVE}) assured:objective_bad_minutes:{short}{{@}} >= {least_short}\n  \
             and on ({OBJECTIVE}) assured:objective_bad_minutes:{long}{{@}} / assured:objective_minutes:{long}{{@}}\n    \
             > on ({SERVICE}) group_left () {factor:.1} * {allowed}\n)"
        )
    };
    let pairs = catalogue::FAST.iter().zip(BAD_IN_SHORT).map(pair);
    pairs.collect::<Vec<_>>().join(&format!("\nor on ({OBJECTIVE})\n"))
}

/// The month's figure is beyond its limit, and there is enough behind it.
fn objective_missed() -> String {
    let of = |name: &str| format!("max by ({OBJECTIVE}) ({name}{{@}})");
    format!(
        "{met} == 0\n\
         and on ({SERVICE}) {up} >= {measured}\n\
         and on ({OBJECTIVE}) {probes} >= {MIN_PROBES}\n\
         unless on ({OBJECTIVE}) (\n  max by ({OBJECTIVE}) (assured_objective_value{{@,measure=\"loss\"}}) * {probes} < {lost})",
        met = of("assured_objective_met"),
        up = booked("up"),
        measured = catalogue::MIN_MEASURED_S,
        probes = of("assured_objective_probes"),
        // Half a probe less: the product of a share and a count need not be a whole number.
        lost = f64::from(MIN_LOST) - 0.5,
    )
}

/// A window as PromQL has it.
fn name(seconds: u32) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s => format!("{}m", s / 60),
    }
}
