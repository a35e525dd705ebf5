//! Which alerts stand, by what a snapshot shows: just under, at and just over every threshold.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assured::alert::catalogue::{self, MIN_BAD_MINUTES};
use assured::alert::decide::{Memory, decide};
use assured::alert::message::Labels;
use assured::alert::queue::{Decided, Stands};
use assured::clock::Now;
use assured::config::Config;
use assured::config::model::Contact;
use assured::names::{ComponentIx, ContractIx, ServiceIx};
use assured::snapshot::{ExclusionView, OutageView, Shown, Snapshot};
use assured::units::{Sec, Span};
use support::estate;

fn at(now: Sec) -> Now {
    Now { wall_ns: now.0 * 1_000_000_000, mono_ns: u64::try_from(now.0).unwrap() * 1_000_000_000 }
}

/// Somebody who looks again and again, and remembers what stands.
#[derive(Default)]
struct Watch {
    memory: Memory,
    standing: BTreeMap<Labels, Sec>,
    perhaps: BTreeSet<Labels>,
}

impl Watch {
    fn look(&mut self, s: &Snapshot) -> Vec<Decided> {
        let decided = decide(s, &mut self.memory, at(s.at), |labels| self.standing.get(labels).copied());
        let since = |d: &Decided| match d.stands {
            Stands::Since(since) => Some((d.alert.labels.clone(), since)),
            Stands::Perhaps(_) => None,
        };
        self.standing = decided.iter().filter_map(since).collect();
        self.perhaps = decided.iter().filter(|d| since(d).is_none()).map(|d| d.alert.labels.clone()).collect();
        decided
    }

    /// What stands for a subject after a look.
    fn of(&mut self, s: &Snapshot, key: &str, value: &str) -> BTreeSet<String> {
        self.look(s);
        let of = |l: &&Labels| l.get(key).is_some_and(|v| v == value);
        self.standing.keys().filter(of).map(|l| l["alertname"].trim_start_matches("Assured").to_owned()).collect()
    }
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|n| (*n).to_owned()).collect()
}

fn change(s: &mut Snapshot, with: impl FnOnce(&mut Config)) {
    let mut config = (*s.config).clone();
    with(&mut config);
    s.config = Arc::new(config);
}

fn service(s: &Snapshot, id: &str) -> usize {
    s.config.service(id).unwrap().get()
}

fn component(s: &Snapshot, id: &str) -> usize {
    s.config.component_by_id()[id].get()
}

/// The council with everything up.
fn calm() -> Snapshot {
    let mut s = estate::council();
    for view in &mut s.components {
        view.state = Shown::Up;
        view.classes.iter_mut().for_each(|class| class.loss = Some(0.0));
    }
    for device in &mut s.devices {
        device.access = Some(assured_probes::snmp::Access::Open);
    }
    for view in &mut s.services {
        view.state = Shown::Up;
        view.budget_remaining = Some(1.0);
        view.outages.clear();
        view.accounts.up += std::mem::take(&mut view.accounts.down);
        view.objectives.iter_mut().for_each(|o| o.met = Some(true));
    }
    s
}

fn later(s: &Snapshot, seconds: i64) -> Snapshot {
    Snapshot { at: s.at.plus(seconds), ..s.clone() }
}

#[test]
fn when_all_is_well_nothing_stands() {
    let mut watch = Watch::default();
    let calm = calm();
    for n in 0..400 {
        watch.look(&later(&calm, n * 2));
    }
    assert_eq!((watch.standing, watch.perhaps), (BTreeMap::new(), BTreeSet::new()));
}

#[test]
fn the_council_in_trouble_has_the_alerts_that_it_should() {
    let council = estate::council();
    let mut watch = Watch::default();
    watch.look(&council);
    let of = |watch: &mut Watch, s: &Snapshot, site| watch.of(s, "site", site);
    let now = later(&council, 2);
    let down = ["SiteDown", "ComponentDown", "ServiceDown", "TargetUnachievable"];
    assert!(of(&mut watch, &now, "lib-hatfield").is_superset(&names(&down)));
    assert!(!of(&mut watch, &now, "county-hall").contains("ServiceDegraded"), "it is held for a minute");
    assert!(of(&mut watch, &later(&council, 60), "county-hall").contains("ServiceDegraded"));
    assert!(!watch.standing.keys().any(|l| l["alertname"] == "AssuredObjectiveMissed"), "held for five");
    assert!(of(&mut watch, &later(&council, 300), "county-hall").contains("ObjectiveMissed"));
    assert_eq!(of(&mut watch, &later(&council, 302), "lib-ware"), names(&["ObjectiveMissed"]), "unknown is not down");
    assert!(watch.perhaps.iter().any(|l| l.get("service").is_some_and(|s| s == "lib-ware-voice")));
    let maintained = watch.of(&later(&council, 304), "service", "sch-hertford-voice");
    assert!(!maintained.contains("ServiceDown") && !maintained.contains("QualityPoor"), "{maintained:?}");
}

#[test]
fn labels_are_those_of_the_catalogue_and_every_field_is_filled() {
    for council in [estate::council(), estate::hostile()] {
        let mut watch = Watch::default();
        watch.look(&council);
        let decided = watch.look(&later(&council, 301));
        assert!(decided.len() > 20);
        for Decided { alert, stands } in decided {
            let line = catalogue::named(&alert.labels["alertname"]).expect("it is in the catalogue");
            let mut wanted: BTreeSet<&str> = line.labels().into_iter().collect();
            wanted.extend(["alertname", "severity", "vantage"]);
            assert_eq!(alert.labels.keys().map(String::as_str).collect::<BTreeSet<_>>(), wanted);
            assert!(alert.labels.values().all(|value| !value.is_empty()), "{:?}", alert.labels);
            assert_eq!(alert.labels["severity"], line.severity.name());
            if matches!(stands, Stands::Perhaps(_)) {
                continue;
            }
            for key in ["summary", "description", "sla_impact", "started_local", "runbook"] {
                assert!(!alert.annotations[key].is_empty(), "{key} of {:?}", alert.labels);
            }
            if alert.labels.contains_key("service") && council.config.monitor.vantage == "county-hall" {
                assert_eq!(alert.annotations["contact"], "BT service desk, 0800 000 0000, desk@example.net");
                assert!(alert.annotations["quote"].starts_with("ASE-0001: "));
                assert!(alert.annotations.values().all(|text| !text.contains(['{', '}'])), "{:?}", alert.annotations);
                assert!(alert.link.ends_with(&format!("/services/{}", alert.labels["service"])));
            }
        }
    }
}

#[test]
fn labels_never_change_while_an_alert_lives() {
    let mut s = calm();
    let ix = service(&s, "cc-voice");
    s.services[ix].state = Shown::Down;
    s.services[ix].since = Some(s.at.plus(-10));
    let mut watch = Watch::default();
    let mut seen = BTreeSet::new();
    for n in 0..200 {
        let mut now = later(&s, n * 60);
        now.services[ix].budget_remaining = Some(0.9 - n as f64 / 300.0);
        now.services[ix].reason = format!("reason {n}");
        let decided = watch.look(&now);
        seen.extend(
            decided
                .into_iter()
                .filter(|d| d.alert.labels["alertname"] == "AssuredServiceDown")
                .map(|d| (d.alert.labels, d.stands == Stands::Since(s.at.plus(-10)))),
        );
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen.first().unwrap().1);
}

#[test]
fn unknown_time_neither_raises_nor_ends_an_alert() {
    let mut s = calm();
    let (service, router) = (service(&s, "cc-data"), component(&s, "cc-r1"));
    let set = |s: &mut Snapshot, state| {
        s.services[service].state = state;
        s.components[router].state = state;
    };
    set(&mut s, Shown::Unknown);
    let mut watch = Watch::default();
    watch.look(&s);
    assert!(watch.standing.is_empty());
    assert!(watch.perhaps.iter().any(|l| l["alertname"] == "AssuredServiceDown" && l["service"] == "cc-data"));
    assert!(watch.perhaps.iter().any(|l| l["alertname"] == "AssuredComponentDown" && l["component"] == "cc-r1"));
    assert!(watch.perhaps.iter().any(|l| l["alertname"] == "AssuredSiteDown" && l["site"] == "contact-centre"));
}

#[test]
fn what_hangs_on_something_down_is_quiet_unless_it_was_told_of_before() {
    let mut s = calm();
    let (core, child) = (component(&s, "ch-r1"), component(&s, "cc-r1"));
    change(&mut s, |c| c.components[child].parents = vec![ComponentIx::from(core)]);
    let down = |s: &mut Snapshot, which: usize, since: i64| {
        s.components[which].state = Shown::Down;
        s.components[which].since = Some(s.at.plus(since));
    };
    // Both at once: only the cause, and the site that hangs on it is not told of either.
    let mut both = s.clone();
    down(&mut both, core, -60);
    down(&mut both, child, -60);
    let mut watch = Watch::default();
    assert_eq!(watch.of(&both, "component", "ch-r1"), names(&["ComponentDown"]));
    assert_eq!(watch.of(&both, "site", "contact-centre"), names(&[]));
    // The child was found first: it waits until its parent would have been found, too (four rounds of a second).
    let mut first = s.clone();
    down(&mut first, child, -3);
    let mut watch = Watch::default();
    assert_eq!(watch.of(&first, "component", "cc-r1"), names(&[]));
    assert_eq!(watch.of(&later(&first, 1), "component", "cc-r1"), names(&["ComponentDown"]));
    // The parent goes after it: what was told of does not seem to be over.
    let mut then = later(&first, 60);
    down(&mut then, core, -4);
    assert_eq!(watch.of(&then, "component", "cc-r1"), names(&["ComponentDown"]));
}

#[test]
fn in_maintenance_nothing_is_raised() {
    let mut s = calm();
    let router = component(&s, "cc-r1");
    s.components[router].state = Shown::Down;
    for id in ["cc-data", "cc-voice"] {
        let ix = service(&s, id);
        s.services[ix].state = Shown::Maintenance;
    }
    assert_eq!(Watch::default().of(&s, "site", "contact-centre"), names(&[]));
    let ix = service(&s, "cc-data");
    s.services[ix].state = Shown::Down;
    s.services[ix].since = Some(s.at.plus(-30));
    let all = names(&["SiteDown", "ComponentDown", "ServiceDown"]);
    assert_eq!(Watch::default().of(&s, "site", "contact-centre"), all, "one of the two is not in maintenance");
}

#[test]
fn a_site_that_comes_back_counts_as_down_for_ten_seconds() {
    let mut s = calm();
    let router = component(&s, "cc-r1");
    s.components[router].state = Shown::Down;
    s.components[router].since = Some(s.at.plus(-60));
    let mut watch = Watch::default();
    assert!(watch.of(&s, "site", "contact-centre").contains("SiteDown"));
    s.components[router].state = Shown::Up;
    for (after, stands) in [(9, true), (10, false)] {
        assert_eq!(watch.of(&later(&s, after), "site", "contact-centre").contains("SiteDown"), stands, "{after}");
    }
    // Every device: one that answers is enough for the site to be there.
    let mut hall = calm();
    let gateway = component(&hall, "ch-gw1");
    hall.components[gateway].state = Shown::Down;
    assert_eq!(Watch::default().of(&hall, "site", "county-hall"), names(&["ComponentDown"]));
}

#[test]
fn the_budget_has_its_steps() {
    let mut s = calm();
    let ix = service(&s, "cc-data");
    s.services[ix].accounts.down = 1;
    let allowed = s.services[ix].allowance.unwrap().allowed;
    for (left, counted, wanted) in [
        (0.25, 0, &[][..]),
        (0.249, 0, &["BudgetLow"]),
        (0.0, allowed, &["BudgetLow"]),
        (-0.001, allowed + 1, &["TargetUnachievable"]),
    ] {
        s.services[ix].budget_remaining = Some(left);
        s.services[ix].allowance.as_mut().unwrap().counted = counted;
        assert_eq!(Watch::default().of(&s, "service", "cc-data"), names(wanted), "{left}");
    }
    // In the first hour of a month that was hardly measured, little left says nothing; nothing left does.
    (s.services[ix].accounts.up, s.services[ix].accounts.down) = (3_500, 99);
    assert_eq!(Watch::default().of(&s, "service", "cc-data"), names(&["TargetUnachievable"]));
    s.services[ix].allowance.as_mut().unwrap().counted = 0;
    s.services[ix].budget_remaining = Some(0.1);
    assert_eq!(Watch::default().of(&s, "service", "cc-data"), names(&[]));
    s.services[ix].accounts.down = 100;
    assert_eq!(Watch::default().of(&s, "service", "cc-data"), names(&["BudgetLow"]));
}

#[test]
fn an_objective_of_the_month_needs_something_behind_it() {
    let mut s = calm();
    let ix = service(&s, "cc-data");
    let mut missed = |probes: u64, loss: f64| {
        let objective = &mut s.services[ix].objectives[1];
        (objective.met, objective.probes, objective.value) = (Some(false), probes, Some(loss));
        let mut watch = Watch::default();
        watch.look(&s);
        assert!(!watch.of(&later(&s, 299), "service", "cc-data").contains("ObjectiveMissed"));
        watch.of(&later(&s, 300), "service", "cc-data").contains("ObjectiveMissed")
    };
    assert_eq!([missed(99, 0.5), missed(100, 0.02), missed(100, 0.03)], [false, false, true]);
}

#[test]
fn burn_rates_need_a_minute_and_go_on_only_while_it_burns() {
    let mut s = calm();
    let ix = service(&s, "cc-data");
    // 99.95%: 2% of the month's allowance is 25.9 s, but a minute is the least.
    s.services[ix].allowance.as_mut().unwrap().allowed = 1_296;
    let outage = |s: &mut Snapshot, from: i64, to: i64| {
        let view = OutageView { from: s.at.plus(from), to: Some(s.at.plus(to)), components: vec![] };
        s.services[ix].outages = vec![view];
    };
    for (from, to, burns) in
        [(-60, -1, false), (-61, -1, true), (-400, -337, false), (-361, -298, false), (-360, -297, true)]
    {
        outage(&mut s, from, to);
        let found = Watch::default().of(&s, "service", "cc-data");
        assert_eq!(found.contains("BudgetBurnFast"), burns, "{from} to {to}: {found:?}");
    }
    // Slowly: 10% of the allowance is 129.6 s in three days, and 6 hours go on with 10.8 s.
    outage(&mut s, -12 * 3_600, -12 * 3_600 + 3_000);
    assert_eq!(Watch::default().of(&s, "service", "cc-data"), names(&[]), "it does not go on");
    outage(&mut s, -4 * 3_600, -4 * 3_600 + 131);
    assert_eq!(Watch::default().of(&s, "service", "cc-data"), names(&["BudgetBurnSlow"]));
    // What is excluded burns nothing.
    s.exclusions = Arc::new([ExclusionView {
        id: "X-1".into(),
        reference: String::new(),
        services: vec![ServiceIx::from(ix)],
        span: Span::new(s.at.plus(-5 * 3_600), s.at.plus(-3 * 3_600)),
    }]);
    assert_eq!(Watch::default().of(&s, "service", "cc-data"), names(&[]));
}

#[test]
fn a_restore_deadline_is_near_for_an_hour_and_then_passed() {
    let mut s = calm();
    let ix = service(&s, "cc-data");
    s.services[ix].state = Shown::Down;
    s.services[ix].since = Some(s.at.plus(-30));
    for (left, wanted) in [
        (3_601, None),
        (3_600, Some("RestoreDeadlineNear")),
        (0, Some("RestoreDeadlineNear")),
        (-1, Some("RestoreDeadlinePassed")),
    ] {
        s.services[ix].restore_by = Some(s.at.plus(left));
        let found = Watch::default().of(&s, "service", "cc-data");
        let deadlines: Vec<_> = found.iter().filter(|n| n.starts_with("Restore")).map(String::as_str).collect();
        assert_eq!(deadlines, Vec::from_iter(wanted), "{left}");
    }
}

#[test]
fn quality_is_poor_from_the_fifth_bad_minute_on_while_it_goes_on() {
    let mut s = calm();
    let ix = service(&s, "cc-data");
    s.at = s.at.plus(-s.at.0.rem_euclid(60));
    let mut watch = Watch::default();
    let mut minute = |bad: bool| {
        s.at = s.at.plus(60);
        let objective = &mut s.services[ix].objectives[1];
        objective.minutes += 1;
        objective.bad_minutes += u64::from(bad);
        watch.of(&s, "service", "cc-data").contains("QualityPoor")
    };
    assert!(!minute(false), "what was bad before the first look is history");
    let bad: Vec<bool> = (0..8).map(|_| minute(true)).collect();
    let first = MIN_BAD_MINUTES as usize - 1;
    assert_eq!(bad.iter().position(|poor| *poor), Some(first));
    assert!(bad[first..].iter().all(|poor| *poor));
    // Fewer than three bad of the last five, and it is over; eight in an hour are too many as soon as it goes on.
    assert_eq!([false, false, false].map(&mut minute), [true, true, false]);
    assert_eq!([true, true, true].map(&mut minute), [false, false, true]);
    // An hour and six later all is forgotten.
    assert!((0..400).filter(|_| minute(false)).count() <= 30);
    assert_eq!([true; 4].map(&mut minute), [false; 4]);
}

#[test]
fn the_monitor_tells_of_itself() {
    let mut s = calm();
    let mut watch = Watch::default();
    watch.look(&s);
    s.monitor.isolated = true;
    s.monitor.reload_successful = false;
    s.monitor.evidence_write_failures += 1;
    s.monitor.scheduler_skipped += 1;
    let me = s.config.monitor.vantage.clone();
    let at_once = ["MonitorIsolated", "ConfigurationRejected", "EvidenceNotWritten"];
    assert_eq!(watch.of(&later(&s, 2), "vantage", &me), names(&at_once), "a late scheduler is held for five minutes");
    s.monitor.isolated = false;
    s.monitor.reload_successful = true;
    assert_eq!(watch.of(&later(&s, 601), "vantage", &me), names(&["EvidenceNotWritten"]));
    assert_eq!(watch.of(&later(&s, 602), "vantage", &me), names(&[]));
    s.monitor.scheduler_lag = 1.01;
    for n in 0..=210 {
        watch.look(&later(&s, 700 + n * 2));
    }
    assert_eq!(watch.of(&later(&s, 1_122), "vantage", &me), names(&["SchedulerLate"]));
    s.monitor.evidence_head_sequence = None;
    assert!(watch.of(&later(&s, 1_124), "vantage", &me).contains("EvidenceNotWritten"));
}

#[test]
fn a_component_carries_the_contacts_of_everybody_who_answers_for_it() {
    let mut s = calm();
    let (router, voice) = (component(&s, "cc-r1"), service(&s, "cc-voice"));
    s.components[router].state = Shown::Down;
    change(&mut s, |c| {
        let mut other = c.contracts[0].clone();
        other.id = assured::names::Id::new("voice").unwrap();
        other.reference = "V-9".into();
        other.contact = Contact { name: "Voice desk".into(), phone: "0900".into(), email: String::new() };
        c.contracts.push(other);
        c.services[voice].contract = ContractIx(1);
    });
    let decided = Watch::default().look(&s);
    let told = decided.iter().find(|d| d.alert.labels["alertname"] == "AssuredComponentDown").unwrap();
    assert_eq!(told.alert.annotations["contact"], "BT service desk, 0800 000 0000, desk@example.net; Voice desk, 0900");
    assert_eq!(told.alert.annotations["quote"], "ASE-0001; V-9: cc-r1");
}

#[test]
fn a_restart_is_told_for_a_quarter_of_an_hour_and_not_for_what_was_before() {
    let (mut s, mut watch) = (estate::council(), Watch::default());
    let device = s.config.components[s.devices[0].component.get()].id.to_string();
    assert!(!watch.of(&s, "component", &device).contains("DeviceRestarted"), "counted before the first look");
    s.devices[0].restarts += 1;
    s.at = s.at.plus(60);
    assert!(watch.of(&s, "component", &device).contains("DeviceRestarted"));
    s.at = s.at.plus(899);
    assert!(watch.of(&s, "component", &device).contains("DeviceRestarted"));
    s.at = s.at.plus(1);
    assert!(!watch.of(&s, "component", &device).contains("DeviceRestarted"));
}

#[test]
fn a_refusal_is_told_after_five_minutes_and_silence_only_of_a_device_that_answers() {
    use assured_probes::snmp::Access;
    let (mut s, mut watch) = (estate::council(), Watch::default());
    let component = s.devices[1].component;
    let device = s.config.components[component.get()].id.to_string();
    s.components[component.get()].state = Shown::Up;
    s.devices[1].access = Some(Access::WrongPassword);
    assert!(!watch.of(&s, "component", &device).contains("SnmpAccess"), "it has to hold");
    s.at = s.at.plus(300);
    assert!(watch.of(&s, "component", &device).contains("SnmpAccess"));
    s.devices[1].access = Some(Access::Silent);
    assert!(watch.of(&s, "component", &device).contains("SnmpAccess"));
    s.components[component.get()].state = Shown::Down;
    assert!(!watch.of(&s, "component", &device).contains("SnmpAccess"), "another alert speaks of it");
    s.components[component.get()].state = Shown::Up;
    s.devices[1].access = Some(Access::Open);
    assert!(!watch.of(&s, "component", &device).contains("SnmpAccess"));
}

#[test]
fn a_trunk_with_every_channel_busy_is_told_after_two_minutes() {
    use assured_probes::snmp::reading::Is;
    let (mut s, mut watch) = (estate::council(), Watch::default());
    let busy = |s: &mut Snapshot, call: &str| {
        let mut readings = s.devices[0].readings.to_vec();
        readings.iter_mut().filter(|r| &*r.table == "bearer").for_each(|r| r.is = Is::Text(call.into()));
        s.devices[0].readings = readings.into();
    };
    busy(&mut s, "connected");
    assert!(watch.of(&s, "trunk", "Se0/1/0").is_empty(), "it has to hold");
    s.at = s.at.plus(120);
    assert_eq!(watch.of(&s, "trunk", "Se0/1/0"), names(&["GatewayChannelsExhausted"]));
    busy(&mut s, "idle");
    assert!(watch.of(&s, "trunk", "Se0/1/0").is_empty());
}
