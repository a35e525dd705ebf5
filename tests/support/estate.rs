//! Hand-made snapshots: a believable council on a bad morning, a hostile one, and a large one.

#[path = "devices.rs"]
mod devices;

use std::sync::Arc;
use std::time::Duration;

use assured::config::Config;
use assured::config::model::{
    Class, Codec, Component, ComponentKind, Contact, Contract, ContractKind, Device, DeviceRole, Formula, Host,
    Hysteresis, IcmpProbing, Limit, Link, LinkRole, Maintenance, Measure, Monitor, Objective, Rounding, Service,
    ServiceHours, Site, Sla, Tree, UnknownPolicy,
};
use assured::measurement::Cause;
use assured::measurement::status::DatedBy;
use assured::metrics::histogram::RttHistogram;
use assured::names::{ClassIx, ComponentIx, ContractIx, Id, ServiceIx, SiteIx, SlaIx};
use assured::snapshot::{
    AccountsView, AlertmanagerView, AlertsView, AllowanceView, ClassView, ComponentView, Counts, CreditView,
    InterfaceView, MonitorView, ObjectiveView, OutageView, Ratios, ServiceView, Shown, Snapshot, VoiceView,
};
use assured::units::{Dscp, Micros, Sec, Share, Span};
use assured_probes::snmp::reading::{Is, Reading};
use jiff::civil::date;
use jiff::tz::TimeZone;

/// 2026-11-22T08:41:30Z, a Sunday.
pub const NOW: Sec = Sec(1_795_336_890);
/// 2026-11-01T00:00:00Z, in London too.
pub const MONTH: Sec = Sec(1_793_491_200);

const VOICE: ClassIx = ClassIx(0);
const VIDEO: ClassIx = ClassIx(1);
const DATA: ClassIx = ClassIx(2);

fn id(text: &str) -> Id {
    Id::new(text).expect("an identifier")
}

fn config() -> Config {
    let class =
        |name: &str, dscp: &str, codec| Class { id: id(name), dscp: Dscp::parse(dscp).expect("a code point"), codec };
    Config {
        monitor: Monitor {
            vantage: "county-hall".into(),
            listen: "127.0.0.1:9878".parse().expect("an address"),
            data_dir: "/var/lib/assured".into(),
            time_zone: TimeZone::get("Europe/London").expect("a bundled zone"),
            time_zone_name: "Europe/London".into(),
            alertmanagers: vec![],
            traps: None,
            alerting: Default::default(),
            sentinels: vec![Host::Address([127, 0, 0, 1].into())],
            grafana: Some("https://grafana.example.net".into()),
            keep: assured::config::model::Keep::default(),
            reports_dir: None,
            web: Arc::default(),
        },
        credentials: vec![],
        classes: vec![
            class("voice", "EF", Some(Codec::G711)),
            class("video", "AF41", None),
            class("data", "AF31", None),
        ],
        contracts: vec![Contract {
            id: id("converged"),
            title: "Converged network".into(),
            kind: ContractKind::Consolidated,
            provider: "BT".into(),
            customer: "Hertfordshire County Council".into(),
            reference: "ASE-0001".into(),
            starts: date(2026, 4, 1),
            ends: date(2029, 3, 31),
            replaces: vec![],
            contact: Contact {
                name: "BT service desk".into(),
                phone: "0800 000 0000".into(),
                email: "desk@example.net".into(),
            },
            claim_within_days: None,
        }],
        slas: vec![Sla {
            id: id("assured-extra"),
            availability: Share(99_950_000),
            formula: Formula::Calendar,
            service_hours: ServiceHours::Always,
            unknown: UnknownPolicy::Exclude,
            coverage_floor: Share(99_000_000),
            min_outage: 0,
            rounding: Rounding::None,
            maintenance_notice: 432_000,
            restore_within: Some(18_000),
            objectives: vec![
                Objective { class: VOICE, measure: Measure::RttMean, limit: Limit::Micros(30_000) },
                Objective { class: VOICE, measure: Measure::Loss, limit: Limit::Share(Share(100_000)) },
            ],
            credits: None,
        }],
        sites: vec![],
        components: vec![],
        services: vec![],
        maintenance: vec![],
        profiles: Arc::new(assured_probes::snmp::profile::Library::embedded()),
        hash: "0".repeat(64),
        redacted_toml: String::new(),
    }
}

struct Maker {
    config: Config,
    components: Vec<ComponentView>,
    services: Vec<ServiceView>,
}

impl Maker {
    fn new() -> Self {
        Self { config: config(), components: vec![], services: vec![] }
    }

    fn site(&mut self, name: &str, title: &str, wave: Option<&str>) -> SiteIx {
        let at = SiteIx::from(self.config.sites.len());
        let accepted = (wave != Some("wave-3")).then(|| date(2026, 5, 1));
        self.config.sites.push(Site { id: id(name), title: title.into(), wave: wave.map(Into::into), accepted });
        at
    }

    fn component(&mut self, name: &str, site: SiteIx, kind: ComponentKind, state: Shown, reason: &str) -> ComponentIx {
        let ix = ComponentIx::from(self.config.components.len());
        let n = u8::try_from(ix.0 % 250).expect("small");
        let all = vec![VOICE, VIDEO, DATA];
        self.config.components.push(Component {
            id: id(name),
            title: name.into(),
            site,
            kind,
            address: Some(Host::Address([10, 1, 0, n].into())),
            icmp: Some(IcmpProbing {
                interval: Duration::from_secs(1),
                timeout: Duration::from_millis(900),
                size: 64,
                classes: all.clone(),
            }),
            hysteresis: Hysteresis { down_after: 3, up_after: 2 },
            parents: vec![],
        });
        let classes = all.into_iter().map(|class| class_view(class, state, u32::from(n))).collect();
        self.components.push(ComponentView {
            state,
            since: Some(if state == Shown::Down { NOW.plus(-1_743) } else { NOW.plus(-403_200) }),
            reason: reason.into(),
            classes,
            interface: None,
        });
        ix
    }

    fn router(&mut self, name: &str, site: SiteIx, state: Shown, reason: &str) -> ComponentIx {
        self.component(name, site, device(DeviceRole::Router), state, reason)
    }

    fn service(&mut self, name: &str, title: &str, site: SiteIx, class: ClassIx, tree: Tree, seen: Seen<'_>) {
        self.config.services.push(Service {
            id: id(name),
            title: title.into(),
            site,
            contract: ContractIx(0),
            sla: SlaIx(0),
            class,
            monthly_charge: None,
            requires: tree,
        });
        let unknown = if seen.state == Shown::Unknown { 5_400 } else { 0 };
        let window = u64::try_from(NOW.since(MONTH)).expect("later");
        let accounts = AccountsView { up: window - seen.down - unknown, down: seen.down, unknown, excluded: 0 };
        let of = |down: u64, whole: u64| (whole - down) as f64 / whole as f64;
        let mut outages: Vec<OutageView> = Vec::new();
        if seen.down > 1_743 || (seen.down > 0 && seen.state != Shown::Down) {
            let rest = if seen.state == Shown::Down { seen.down - 1_743 } else { seen.down };
            let from = MONTH.plus(9 * 86_400 + 50_000);
            let to = Some(from.plus(i64::try_from(rest).expect("small")));
            outages.push(OutageView { from, to, components: vec!["ch-primary".into()] });
        }
        if seen.state == Shown::Down {
            outages.push(OutageView { from: NOW.plus(-1_743), to: None, components: vec!["lib-hatfield-r1".into()] });
        }
        self.services.push(ServiceView {
            state: seen.state,
            since: Some(NOW.plus(-seen.for_seconds)),
            reason: seen.reason.into(),
            accounts,
            availability: Some(Ratios {
                value: of(seen.down, window - unknown),
                lower: of(seen.down + unknown, window),
                upper: of(seen.down, window),
                coverage: of(unknown, window),
            }),
            budget_remaining: Some(1.0 - seen.down as f64 / 1_296.0),
            credit: Some(match seen.down {
                0..=1_296 => CreditView { so_far: 0.0, certain: 0.0 },
                _ => CreditView { so_far: 0.05, certain: 0.05 },
            }),
            allowance: Some(AllowanceView {
                allowed: 1_296,
                counted: seen.down,
                achievable: 1.0 - seen.down as f64 / 2_592_000.0,
            }),
            restore_by: (seen.state == Shown::Down).then(|| NOW.plus(18_000 - seen.for_seconds)),
            objectives: vec![
                ObjectiveView {
                    class: VOICE,
                    measure: Measure::RttMean,
                    value: Some(0.011_4),
                    limit: 0.03,
                    met: Some(true),
                    probes: 403_198,
                    minutes: 6_700,
                    bad_minutes: 3,
                },
                ObjectiveView {
                    class: VOICE,
                    measure: Measure::Loss,
                    value: Some(0.001_9),
                    limit: 0.001,
                    met: Some(false),
                    probes: 403_198,
                    minutes: 6_700,
                    bad_minutes: 41,
                },
                ObjectiveView {
                    class: VOICE,
                    measure: Measure::Mos,
                    value: None,
                    limit: 4.0,
                    met: None,
                    probes: 0,
                    minutes: 0,
                    bad_minutes: 0,
                },
            ],
            outages,
            unknown: if unknown > 0 { vec![Span::new(NOW.plus(-5_400), NOW)] } else { vec![] },
            budget_left_seconds: Some(1_296 - i64::try_from(seen.down).expect("small")),
            achievable: Some(of(seen.down, 2_592_000 - unknown)),
        });
    }

    fn done(self) -> Snapshot {
        let devices = match self.components.len() {
            0 | 1 => Vec::new(),
            _ => vec![devices::device(ComponentIx(0)), devices::refusing(ComponentIx(1))],
        };
        Snapshot {
            at: NOW,
            started: NOW.plus(-403_260),
            config: Arc::new(self.config),
            components: self.components,
            services: self.services,
            devices,
            exclusions: Arc::default(),
            faults: Vec::new(),
            monitor: MonitorView {
                isolated: false,
                scheduler_lag: 0.000_8,
                scheduler_skipped: 2,
                not_measured: [(Cause::Skipped, 2), (Cause::SocketDrop, 0)].into(),
                stray: [("foreign", 17), ("spoofed", 1)].into(),
                notifications: [("polled", 2), ("noted", 1), ("repeated", 4), ("overflow", 0), ("foreign", 9)],
                engine: "datagram",
                reload_successful: true,
                evidence_head_sequence: Some(91_233),
                evidence_write_failures: 0,
                evidence_waiting: 0,
                evidence_dropped: 0,
                evidence_last_write: Some(Sec(1_792_886_400)),
                evidence_bytes: Some(48_300_032),
                evidence_problem: None,
                clock_steps: 0,
                unresolved: 0,
                alerts: Arc::new(AlertsView {
                    queued: 1,
                    standing: 3,
                    dropped: 0,
                    alertmanagers: vec![AlertmanagerView {
                        url: "http://127.0.0.1:9093".into(),
                        last_success: Some(NOW.plus(-7)),
                        failures: 2,
                    }],
                }),
            },
        }
    }
}

#[derive(Clone, Copy)]
struct Seen<'a> {
    state: Shown,
    for_seconds: i64,
    reason: &'a str,
    down: u64,
}

const FINE: Seen<'static> =
    Seen { state: Shown::Up, for_seconds: 403_200, reason: "every component it needs is up", down: 0 };

fn device(role: DeviceRole) -> ComponentKind {
    ComponentKind::Device(Device { role, profile: "auto".into(), snmp: None, snmp_port: 161 })
}

fn link(device: ComponentIx, role: LinkRole) -> ComponentKind {
    ComponentKind::Link(Link { device, interface: None, role })
}

fn class_view(class: ClassIx, state: Shown, seed: u32) -> ClassView {
    let mut rtt = RttHistogram::default();
    let base = 4_000 + seed * 370 + class.0 * 900;
    (0..500).for_each(|n| rtt.record(Micros(base + (n * 7_919) % 3_100)));
    let down = state == Shown::Down;
    let last_rtt = (!down).then_some(Micros(base + 611));
    ClassView {
        class,
        counts: Counts {
            sent: 403_200,
            received: 403_100,
            lost: 98,
            late: 1,
            duplicate: 0,
            remarked: u64::from(seed == 3) * 40,
            not_measured: 2,
        },
        rtt: Arc::new(rtt),
        last_rtt,
        jitter_rfc3550: last_rtt.map(|_| 0.000_42 + f64::from(seed) * 1e-5),
        pdv_p99: last_rtt.map(|_| 0.002_9),
        loss: Some(if down { 1.0 } else { f64::from(u8::from(seed == 5)) * 0.012 }),
        voice: (class == VOICE && !down).then_some(VoiceView { r: 92.1, mos: 4.38, approximate: false }),
    }
}

/// A county hall with two links, libraries, schools, two gateways and a contact centre; some of it in trouble.
pub fn council() -> Snapshot {
    let mut m = Maker::new();
    let hall = m.site("county-hall", "County Hall", Some("wave-1"));
    let desk = m.site("contact-centre", "Contact Centre, Stevenage", Some("wave-1"));
    let router = m.router("ch-r1", hall, Shown::Up, "replies");
    let gw1 = m.component("ch-gw1", hall, device(DeviceRole::VoipGateway), Shown::Up, "replies");
    let gw2 = m.component("ch-gw2", hall, device(DeviceRole::VoipGateway), Shown::Up, "replies");
    let primary =
        m.component("ch-primary", hall, link(router, LinkRole::Primary), Shown::Down, "3 rounds lost since 08:12:27Z");
    let backup = m.component("ch-backup", hall, link(router, LinkRole::Standby), Shown::Up, "far end replies");
    m.components[primary.get()].interface = Some(InterfaceView {
        state: Shown::Down,
        word: "down: what it runs over is down",
        since: Some(NOW.plus(-1_745)),
        dated_by: Some(DatedBy::LastChange),
        polled: NOW.plus(-24),
        said: Some((NOW.plus(-24), "down: what it runs over is down")),
    });
    m.components[backup.get()].interface = Some(InterfaceView {
        state: Shown::Unknown,
        word: "its SNMP agent is silent",
        since: Some(NOW.plus(-324)),
        dated_by: Some(DatedBy::Poll),
        polled: NOW.plus(-24),
        said: Some((NOW.plus(-384), "up")),
    });
    let either = |a, b| Tree::AtLeast { k: 1, of: vec![Tree::Leaf(a), Tree::Leaf(b)] };
    let degraded = Seen {
        state: Shown::Degraded,
        for_seconds: 1_743,
        reason: "ch-primary is down; ch-backup carries the traffic",
        down: 412,
    };
    let voice = Tree::AtLeast { k: 2, of: vec![either(gw1, gw2), either(primary, backup)] };
    m.service("ch-voice", "County Hall telephony", hall, VOICE, voice.clone(), degraded);
    m.service("ch-data", "County Hall network", hall, DATA, either(primary, backup), degraded);
    let cc = m.router("cc-r1", desk, Shown::Up, "replies");
    let both = Tree::AtLeast { k: 2, of: vec![Tree::Leaf(cc), Tree::Service(ServiceIx(0), Box::new(voice))] };
    m.service("cc-voice", "Contact centre lines", desk, VOICE, both, FINE);
    m.service("cc-data", "Contact centre network", desk, DATA, Tree::Leaf(cc), FINE);
    let places = [
        ("lib-hatfield", "Hatfield Library"),
        ("lib-watford", "Watford Central Library"),
        ("lib-hitchin", "Hitchin Library"),
        ("lib-ware", "Ware Library"),
        ("lib-tring", "Tring Library"),
        ("lib-royston", "Royston Library"),
        ("sch-bishops", "Bishop's Stortford High School"),
        ("sch-hertford", "Hertford St Andrew Primary School"),
        ("sch-letchworth", "Letchworth Fearnhill School"),
        ("sch-stalbans", "St Albans Girls' School"),
        ("sch-hemel", "Hemel Hempstead Adeyfield School"),
        ("sch-cheshunt", "Cheshunt Goffs Academy"),
    ];
    for (n, (name, title)) in places.into_iter().enumerate() {
        let site = m.site(name, title, Some(if n < 6 { "wave-2" } else { "wave-3" }));
        let (state, seen) = match n {
            0 => (
                Shown::Down,
                Seen {
                    state: Shown::Down,
                    for_seconds: 1_743,
                    reason: "lib-hatfield-r1: 3 rounds lost since 08:12:27Z",
                    down: 1_743,
                },
            ),
            3 => (
                Shown::Unknown,
                Seen {
                    state: Shown::Unknown,
                    for_seconds: 5_400,
                    reason: "lib-ware-r1 was not measured: its name does not resolve",
                    down: 0,
                },
            ),
            7 => (
                Shown::Up,
                Seen { state: Shown::Maintenance, for_seconds: 600, reason: "announced maintenance CHG-77", down: 0 },
            ),
            _ => (Shown::Up, FINE),
        };
        let reason = if state == Shown::Up { "replies" } else { seen.reason };
        let router = m.router(&format!("{name}-r1"), site, state, reason);
        m.service(&format!("{name}-voice"), &format!("{title} telephony"), site, VOICE, Tree::Leaf(router), seen);
        m.service(&format!("{name}-data"), &format!("{title} network"), site, DATA, Tree::Leaf(router), seen);
    }
    m.config.maintenance.push(Maintenance {
        contract: ContractIx(0),
        services: vec![ServiceIx(18), ServiceIx(19)],
        span: Span::new(NOW.plus(-600), NOW.plus(6_600)),
        reference: "CHG-77".into(),
        notified: Some(NOW.plus(-864_000)),
    });
    m.done()
}

/// What an attacker who may name things would name them.
pub const HOSTILE: &str = "\"><script>alert(1)</script>&'{{7*7}}\\\n# HELP x\u{202e}";

/// The council with every text that people may choose made hostile.
pub fn hostile() -> Snapshot {
    let mut s = council();
    let mut c = (*s.config).clone();
    c.monitor.vantage = HOSTILE.into();
    c.monitor.time_zone_name = HOSTILE.into();
    for contract in &mut c.contracts {
        for text in [
            &mut contract.title,
            &mut contract.provider,
            &mut contract.customer,
            &mut contract.reference,
            &mut contract.contact.name,
            &mut contract.contact.phone,
            &mut contract.contact.email,
        ] {
            *text = HOSTILE.into();
        }
    }
    for site in &mut c.sites {
        site.title = HOSTILE.into();
        site.wave = Some(HOSTILE.into());
    }
    c.components.iter_mut().for_each(|component| component.title = HOSTILE.into());
    c.services.iter_mut().for_each(|service| service.title = HOSTILE.into());
    c.maintenance.iter_mut().for_each(|m| m.reference = HOSTILE.into());
    s.components.iter_mut().for_each(|component| component.reason = HOSTILE.into());
    for device in &mut s.devices {
        (device.profile, device.description) = (HOSTILE.into(), HOSTILE.into());
        device.complaints = vec![HOSTILE.into()];
        let hostile = |(n, reading): (usize, &Reading)| {
            let mut reading = reading.clone();
            reading.labels = reading.labels.iter().map(|(key, _)| (key.clone(), format!("{HOSTILE}{n}"))).collect();
            if let Is::Text(text) = &mut reading.is {
                *text = HOSTILE.into();
            }
            reading
        };
        device.readings = device.readings.iter().enumerate().map(hostile).collect();
    }
    s.monitor.evidence_problem = Some(HOSTILE.into());
    for service in &mut s.services {
        service.reason = HOSTILE.into();
        service.outages.iter_mut().for_each(|o| o.components = vec![HOSTILE.into()]);
    }
    s.config = Arc::new(c);
    s
}

/// The council on a good day: everything is up.
pub fn calm() -> Snapshot {
    let mut s = council();
    s.components.iter_mut().for_each(|component| component.state = Shown::Up);
    for service in &mut s.services {
        (service.state, service.reason) = (Shown::Up, FINE.reason.into());
        service.outages.retain(|o| o.to.is_some());
    }
    s
}

/// Nothing configured but the monitor itself.
pub fn empty() -> Snapshot {
    Maker::new().done()
}

/// So many hosts on a quarter as many sites, with one service each.
pub fn large(targets: usize) -> Snapshot {
    let mut m = Maker::new();
    for n in 0..targets {
        if n % 4 == 0 {
            m.site(&format!("site-{n:05}"), &format!("Site {n}"), None);
        }
        let site = SiteIx::from(m.config.sites.len() - 1);
        let host = m.component(&format!("host-{n:05}"), site, device(DeviceRole::Host), Shown::Up, "replies");
        m.components[host.get()].classes.truncate(2);
        let class = ClassIx::from(n % 3);
        m.service(&format!("service-{n:05}"), &format!("Service {n}"), site, class, Tree::Leaf(host), FINE);
    }
    m.done()
}

/// As many hosts as [`large`], some of them in trouble: one in 83 down, others unknown, in maintenance, or short of a spare.
pub fn crowded(targets: usize) -> Snapshot {
    let mut s = large(targets);
    for (n, (component, service)) in s.components.iter_mut().zip(&mut s.services).enumerate() {
        let (state, reason) = match n % 1_000 {
            n if n % 83 == 7 => (Shown::Down, "3 rounds lost"),
            n if n % 171 == 11 => (Shown::Unknown, "this host has no route to it"),
            n if n % 111 == 23 => (Shown::Degraded, "resilience lost"),
            n if n % 333 == 41 => (Shown::Maintenance, "announced maintenance CHG-77"),
            _ => continue,
        };
        let since = Some(NOW.plus(-60 - 97 * i64::try_from(n % 61).expect("small")));
        (service.state, service.since, service.reason) = (state, since, reason.into());
        service.budget_remaining = Some(0.9 - 0.03 * (n % 41) as f64);
        let (state, since) =
            if matches!(state, Shown::Down | Shown::Unknown) { (state, since) } else { (Shown::Up, component.since) };
        (component.state, component.since, component.reason) = (state, since, reason.into());
    }
    s
}
