//! A believable month, made by hand: two services breached, one not proven, one saved by an exclusion.
//!
//! Only the figures' looks matter here; that they follow from records is tested where they are computed.

#![allow(dead_code, reason = "each of the two test programs uses its own part")]

mod services;

use assured::report::csv::{self, Minute};
use assured::report::journal::{self, Entry, RoundOutcome, Runs, Source};
use assured::report::model::*;
use assured::report::pack::Contents;
use assured::units::Sec;

use self::services::{BLIP, CHANGE, FIBRE, GATEWAY, length, services};

const START: &str = "2026-09-30T23:00:00Z";
const END: &str = "2026-11-01T00:00:00Z";
const WINDOW: u64 = 2_682_000;
/// 0.05% of the window.
const ALLOWED: u64 = 1341;

fn s(text: &str) -> String {
    text.to_owned()
}

/// A pseudo-random number below `below` that is the same everywhere.
fn noise(seed: u64, below: u64) -> u64 {
    let mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 33) % below
}

/// Up, interrupted.
fn row(id: &str, kind: &str, breaks: &[(&str, &str, RunState)]) -> TimelineRow {
    let mut sorted = breaks.to_vec();
    sorted.sort_by_key(|b| instant(b.0));
    let mut at = s(START);
    let mut runs = Vec::new();
    for (from, to, state) in sorted {
        runs.push(StateRun { from: at, to: s(from), state: RunState::Up });
        runs.push(StateRun { from: s(from), to: s(to), state });
        at = s(to);
    }
    runs.push(StateRun { from: at, to: s(END), state: RunState::Up });
    TimelineRow { id: s(id), kind: s(kind), runs }
}

fn sites() -> Vec<SiteTimeline> {
    use RunState::{Degraded, Down as D, Excluded, Unknown};
    let restart = ("2026-10-09T02:00:00Z", "2026-10-09T02:06:52Z", Unknown);
    let lost = ("2026-10-17T19:00:00Z", "2026-10-18T09:13:43Z", Degraded);
    let lost_down = (lost.0, lost.1, D);
    let fibre = (FIBRE.from, FIBRE.to, D);
    let change = (CHANGE.from, CHANGE.to, Excluded);
    let agent = ("2026-10-27T08:12:00Z", "2026-10-27T16:39:28Z", Unknown);
    vec![
        SiteTimeline {
            site: s("county-hall"),
            title: s("County Hall"),
            rows: vec![
                row("ch-data", "service", &[fibre, lost, restart]),
                row("ch-voice", "service", &[fibre, (GATEWAY.from, GATEWAY.to, D), lost, restart]),
                row("ch-backup", "component", &[fibre, lost_down, restart]),
                row("ch-gw1", "component", &[(GATEWAY.from, GATEWAY.to, D), restart]),
                row("ch-primary", "component", &[fibre, restart]),
                row("ch-r1", "component", &[restart]),
            ],
        },
        SiteTimeline {
            site: s("depot"),
            title: s("Highways depot"),
            rows: vec![
                row("depot-data", "service", &[(BLIP.from, BLIP.to, D), agent, restart]),
                row("depot-link", "component", &[(BLIP.from, BLIP.to, D), agent, restart]),
            ],
        },
        SiteTimeline {
            site: s("library"),
            title: s("Central library"),
            rows: vec![
                row("lib-data", "service", &[change, restart]),
                row("lib-voice", "service", &[change, restart]),
                row("lib-r1", "component", &[(CHANGE.from, CHANGE.to, D), restart]),
            ],
        },
    ]
}

fn class(component: &str, class: &str, dscp: &str, base: u64, limit: Option<(u64, &str)>) -> ClassStats {
    let seed = component.len() as u64 * 131 + class.len() as u64;
    let day = |n: u64| {
        let busy = if n % 7 == 3 || n % 7 == 4 { 0 } else { base / 4 };
        let mean = base + busy + noise(seed + n, base / 6 + 1);
        let sent = 86_400 - noise(seed + n * 3, 12);
        let lost = if n == 13 { 3_901 } else { noise(seed + n * 7, 40) };
        DayStats {
            date: format!("2026-10-{n:02}"),
            sent,
            lost,
            not_measured: noise(seed + n * 11, 3),
            min_us: Some(base * 2 / 3 + noise(n, 90)),
            mean_us: Some(mean),
            p95_us: Some(mean * 3 / 2),
            p99_us: Some(mean * 2 + noise(seed + n * 5, base)),
            max_us: Some(mean * 6 + noise(seed + n * 13, base * 8)),
            jitter_us: Some(base / 14 + noise(seed + n * 17, base / 20)),
            loss: Some(percent(lost, sent)),
        }
    };
    let mut days: Vec<DayStats> = (1..=31).map(day).collect();
    // A day on which the depot was not looked at.
    if component == "depot-link" {
        days[26] = DayStats { date: s("2026-10-27"), not_measured: 86_400, ..DayStats::default() };
    }
    let sum = |pick: fn(&DayStats) -> u64| days.iter().map(pick).sum::<u64>();
    let means: Vec<u64> = days.iter().filter_map(|d| d.mean_us).collect();
    let mean = means.iter().sum::<u64>() / means.len() as u64;
    let (sent, lost) = (sum(|d| d.sent), sum(|d| d.lost));
    let month = DayStats {
        date: s("2026-10"),
        sent,
        lost,
        not_measured: sum(|d| d.not_measured),
        min_us: days.iter().filter_map(|d| d.min_us).min(),
        mean_us: Some(mean),
        p95_us: Some(mean * 31 / 20),
        p99_us: Some(mean * 12 / 5),
        max_us: days.iter().filter_map(|d| d.max_us).max(),
        jitter_us: Some(base / 12),
        loss: Some(percent(lost, sent)),
    };
    ClassStats {
        component: s(component),
        class: s(class),
        dscp: s(dscp),
        rtt_limit_us: limit.map(|l| l.0),
        rtt_limit_measure: limit.map(|l| s(l.1)),
        month,
        days,
    }
}

fn voice(component: &str, mos: u64, worst: u64) -> VoiceQuality {
    VoiceQuality {
        component: s(component),
        class: s("voice"),
        codec: s("G.711"),
        approximate: false,
        delay_model: s("half the round-trip time, 20 ms packets, 40 ms jitter buffer"),
        r_tenths: Some(921),
        mos_e4: Some(mos),
        mos_limit_e4: Some(40_000),
        minutes: 44_480,
        below_4_0: s("0.0412"),
        below_3_6: s("0.0067"),
        days: (1..=31)
            .map(|n| VoiceDay {
                date: format!("2026-10-{n:02}"),
                mos_e4: Some(mos - noise(n, 600)),
                worst_e4: Some(worst - noise(n * 3, 5_000)),
            })
            .collect(),
    }
}

fn exclusions() -> Vec<Exclusion> {
    let step = |at: &str, by: &str, action: &str, note: &str| ExclusionStep {
        at: s(at),
        by: s(by),
        action: s(action),
        note: s(note),
    };
    vec![
        Exclusion {
            id: s("CHG-77"),
            kind: s("maintenance"),
            state: s("valid"),
            counted: true,
            services: vec![s("lib-data"), s("lib-voice")],
            from: s("2026-10-24T23:00:00Z"),
            to: s("2026-10-25T01:00:00Z"),
            down_inside: 5700,
            reason: s("router software upgrade"),
            reference: s("CHG-77"),
            history: vec![step(
                "2026-10-10T09:00:00Z",
                "BT change desk",
                "announced",
                "14 days' notice; 5 days were needed",
            )],
        },
        Exclusion {
            id: s("x-2026-10-02"),
            kind: s("exclusion"),
            state: s("disputed"),
            counted: false,
            services: vec![s("ch-data"), s("ch-voice")],
            from: s("2026-10-13T05:12:41Z"),
            to: s("2026-10-13T08:59:10Z"),
            down_inside: 27_178,
            reason: s("third-party damage, claimed as beyond reasonable control"),
            reference: s("BT-LTR-1187"),
            history: vec![
                step("2026-10-14T10:12:00Z", "R. Allen (BT)", "proposed", "street works by a third party"),
                step("2026-10-16T15:40:00Z", "J. Okafor (council)", "disputed", "the contract asks for separate ducts"),
            ],
        },
    ]
}

fn faults() -> Vec<Fault> {
    let step = |at: &str, by: &str, action: &str, note: &str, reference: &str| FaultStep {
        at: s(at),
        written: s(at),
        by: s(by),
        action: s(action),
        note: s(note),
        reference: s(reference),
    };
    vec![
        Fault {
            id: s("F-C222-Q"),
            supplier_reference: s("INC-204417"),
            state: s("closed"),
            severity: 1,
            site: Some(s("county-hall")),
            services: vec![s("ch-data"), s("ch-voice")],
            components: vec![s("ch-primary"), s("ch-backup")],
            symptom: s("County Hall is cut off: no calls, no data, both access links down"),
            responsible: s("supplier"),
            cause: Some(s("line")),
            detected: s(FIBRE.from),
            reported: Some(s("2026-10-13T05:20:00Z")),
            cleared: Some(s(FIBRE.to)),
            closed: Some(s("2026-10-16T16:00:00Z")),
            stops: vec![FaultStop {
                from: s("2026-10-13T06:05:00Z"),
                to: Some(s("2026-10-13T06:40:00Z")),
                reason: s("awaiting_customer_access"),
                by: s("J. Okafor (council)"),
                note: s("comms room was locked; caretaker called"),
                reference: s("BT note 3"),
            }],
            clock: Some(FaultClock {
                within: 18_000,
                run: 11_489,
                stopped: 2_100,
                due: Some(s("2026-10-13T10:47:41Z")),
                late: false,
            }),
            history: vec![
                step("2026-10-13T05:16:00Z", "N. Patel (night desk)", "open", "County Hall is cut off", ""),
                step("2026-10-13T05:20:00Z", "N. Patel (night desk)", "report", "told the desk", "INC-204417"),
                step("2026-10-13T06:05:00Z", "J. Okafor (council)", "stop", "comms room was locked", "BT note 3"),
                step("2026-10-13T06:40:00Z", "J. Okafor (council)", "resume", "engineer is in", ""),
                step("2026-10-13T09:05:00Z", "N. Patel (night desk)", "clear", "spliced in Pegs Lane", ""),
                step("2026-10-16T16:00:00Z", "J. Okafor (council)", "close", "shared duct, see letter", ""),
            ],
        },
        Fault {
            id: s("F-C223-N"),
            supplier_reference: String::new(),
            state: s("open"),
            severity: 3,
            site: Some(s("library")),
            services: vec![s("lib-voice")],
            components: vec![],
            symptom: s("calls sound choppy in the afternoon"),
            responsible: s("unknown"),
            cause: None,
            detected: s("2026-10-29T14:10:00Z"),
            reported: None,
            cleared: None,
            closed: None,
            stops: vec![],
            clock: None,
            history: vec![step("2026-10-29T14:15:00Z", "front desk", "open", "calls sound choppy", "")],
        },
    ]
}

fn monitor() -> MonitorHealth {
    let gap = |from: &str, to: &str, cause: &str, components| Gap {
        from: s(from),
        to: s(to),
        seconds: length(from, to),
        cause: s(cause),
        components,
    };
    let event = |at: &str, what: &str| MonitorEvent { at: s(at), what: s(what) };
    MonitorHealth {
        vantage: s("county-hall-dc"),
        coverage: s("99.8311"),
        sent: 26_718_442,
        not_measured: 45_121,
        gaps: vec![
            gap("2026-10-09T02:00:00Z", "2026-10-09T02:06:52Z", "stopped", 9),
            gap("2026-10-27T08:12:00Z", "2026-10-27T16:39:28Z", "no_route", 1),
        ],
        restarts: vec![
            event("2026-10-09T02:00:00Z", "stopped: planned restart for an update"),
            event("2026-10-09T02:06:52Z", "started: assured 0.1.0"),
        ],
        clock_steps: vec![event("2026-10-19T03:14:07Z", "the wall clock stepped by -2 s")],
        config_changes: vec![event("2026-10-09T02:06:52Z", "configuration 5f0c2d11 came into force: depot-link added")],
    }
}

/// The journal: enough records to be worth a chain.
pub fn journal() -> Vec<u8> {
    let mut writer = journal::Writer::new();
    writer.push(&Entry::Genesis {
        schema: s(journal::SCHEMA),
        contract: s("converged"),
        period: s("2026-10"),
        from: instant(START).0,
        to: instant(END).0,
        as_of: instant("2026-11-01T00:05:00Z").0,
        time_zone: s("Europe/London"),
        tz_data: s("2026b"),
        vantage: s("county-hall-dc"),
        calculation: s("avail/1"),
        software: s("assured 0.1.0"),
        store_sequence: 181_204,
        store_head: s("8d3f0c52a7be1946d20c7a5513f6e98b04d1c2aa7e90f3356bb1c84de27a9f10"),
    });
    let cut = instant(FIBRE.from).0..instant(FIBRE.to).0;
    for component in ["ch-backup", "ch-gw1", "ch-primary", "ch-r1", "depot-link", "lib-r1"] {
        let mut runs = Runs::new(component, Source::Ping);
        let start = instant(START).0;
        for n in 0..44_700 {
            let at = start + n * 60;
            let fibre = cut.contains(&at);
            let outcome = if fibre && component.starts_with("ch-") && component != "ch-gw1" && component != "ch-r1" {
                RoundOutcome::Lost
            } else {
                RoundOutcome::Reply
            };
            if let Some(entry) = runs.push(at, 60, outcome, None) {
                writer.push(&entry);
            }
        }
        writer.push(&runs.finish().unwrap());
    }
    for x in exclusions() {
        for step in &x.history {
            writer.push(&Entry::Exclusion {
                at: instant(&step.at).0,
                id: x.id.clone(),
                action: step.action.clone(),
                by: step.by.clone(),
                services: x.services.clone(),
                from: instant(&x.from).0,
                to: instant(&x.to).0,
                reason: x.reason.clone(),
                reference: x.reference.clone(),
            });
        }
    }
    writer.finish()
}

/// The report of that month.
pub fn report() -> Report {
    let journal = journal::decode(&journal()).unwrap();
    let services = services();
    let count = |verdict| services.iter().filter(|s| s.verdict == verdict).count() as u64;
    Report {
        schema: s(SCHEMA),
        contract: s("converged"),
        provisional: false,
        period: Period {
            start: s(START),
            end: s(END),
            time_zone: s("Europe/London"),
            month: s("2026-10"),
            as_of: s("2026-11-01T00:05:00Z"),
        },
        terms: Terms {
            title: s("Converged network"),
            kind: s("consolidated"),
            provider: s("BT"),
            customer: s("Hertfordshire County Council"),
            reference: s("ASE-0001"),
            starts: s("2026-04-01"),
            ends: s("2029-03-31"),
            contact: Contact { name: s("Service desk"), phone: s("0800 000 0000"), email: s("desk@example.net") },
            slas: vec![SlaTerms {
                id: s("assured-extra"),
                availability: s("99.9500"),
                formula: s("calendar"),
                service_hours: s("24x7"),
                unknown: s("exclude"),
                coverage_floor: s("99.0000"),
                min_outage: 0,
                maintenance_notice: 432_000,
                restore_within: Some(18_000),
                credits: vec![s("below 99.95%: 5%"), s("below 99.5%: 10%"), s("below 99%: 20%")],
            }],
        },
        totals: Totals {
            met: count(Verdict::Met),
            breached: count(Verdict::Breached),
            not_proven: count(Verdict::NotProven),
            objectives_breached: 1,
            down: services.iter().map(|s| s.seconds.down).sum(),
            credits: vec![s("GBP 132.00")],
            claim_by: Some(s("2026-11-28")),
        },
        sites: sites(),
        classes: vec![
            class("ch-primary", "data", "AF31", 21_000, Some((60_000, "rtt_p95"))),
            class("ch-primary", "voice", "EF", 16_800, Some((30_000, "rtt_mean"))),
            class("depot-link", "data", "AF31", 24_300, Some((60_000, "rtt_p95"))),
            class("lib-r1", "voice", "EF", 22_100, Some((30_000, "rtt_mean"))),
        ],
        voice: vec![voice("ch-primary", 43_900, 41_000), voice("lib-r1", 41_800, 36_500)],
        exclusions: exclusions(),
        faults: faults(),
        monitor: monitor(),
        method: Method {
            software: s("assured 0.1.0"),
            calculation: s("avail/1"),
            tz_data: s("2026b"),
            probing: vec![
                Probing {
                    protocol: s("icmp"),
                    components: 6,
                    interval: 1,
                    timeout_ms: 1000,
                    down_after: 3,
                    up_after: 2,
                },
                Probing {
                    protocol: s("snmp"),
                    components: 4,
                    interval: 60,
                    timeout_ms: 2000,
                    down_after: 1,
                    up_after: 1,
                },
            ],
            sketch_error_ppm: 16_000,
        },
        evidence: Evidence {
            journal_records: journal.records.len() as u64,
            journal_head: journal.head,
            store_sequence: 181_204,
            store_head: s("8d3f0c52a7be1946d20c7a5513f6e98b04d1c2aa7e90f3356bb1c84de27a9f10"),
            config_sha256: s("5f0c2d11e8a94b7390d2f6a1c3b45e7780912ab34cd56ef7089a1b2c3d4e5f60"),
        },
        revision: None,
        services,
    }
}

/// Everything that the pack is made of.
pub fn contents() -> Contents {
    let minutes = (0..1000).map(|n| Minute {
        at: Sec(instant(START).0 + n * 60),
        component: "ch-primary",
        class: "voice",
        sent: 60,
        lost: 0,
        not_measured: 0,
        rtt_count: 60,
        rtt_sum_us: 1_008_000,
        rtt_min_us: Some(15_900),
        rtt_max_us: Some(22_000 + n.unsigned_abs()),
        jitter_us: Some(900),
    });
    Contents {
        report: report(),
        journal: journal(),
        config_toml: s("[monitor]\nvantage = \"county-hall-dc\"\n"),
        minutes: csv::minutes(minutes),
    }
}

/// A month in which everything was as promised.
pub fn kept() -> Report {
    let mut report = report();
    report.services.retain(|s| s.verdict == Verdict::Met);
    for objective in report.services.iter_mut().flat_map(|s| &mut s.objectives) {
        objective.verdict = Verdict::Met;
    }
    report.totals = Totals { met: report.services.len() as u64, ..Totals::default() };
    report
}

/// A month that is not over, of which too much is unknown.
pub fn doubtful() -> Report {
    let mut report = report();
    report.provisional = true;
    report.services.retain(|s| s.verdict != Verdict::Breached);
    report.totals = Totals { met: 2, not_proven: 1, ..Totals::default() };
    report.revision = Some(Revision {
        number: 2,
        reason: s("exclusion CHG-77 agreed after closing"),
        supersedes: report.evidence.journal_head.clone(),
        changes: vec![Change { figure: s("lib-data availability"), old: s("99.8937%"), new: s("100.0000%") }],
    });
    report
}

/// What nobody should configure: very many services, endless names, markup, formulas, foreign scripts.
pub fn hostile() -> Report {
    let mut report = report();
    let evil = [
        "=HYPERLINK(\"http://example.net\")".to_owned(),
        "<script>alert(1)</script>&amp;\"'".to_owned(),
        "+44 20 7946 0000 ".repeat(40),
        "W".repeat(400),
        "\u{6771}\u{4eac} \u{1f525} \u{202e}gnirts \u{0}\u{7}\r\nx".to_owned(),
    ];
    let service = report.services[1].clone();
    report.services = (0..40)
        .map(|n| {
            let mut service = service.clone();
            service.id = format!("s{n:03}");
            service.title.clone_from(&evil[n % evil.len()]);
            service.outages[0].cause.clone_from(&evil[(n + 1) % evil.len()]);
            service.outages[0].components = (0..40).map(|k| format!("component-{k}")).collect();
            service.outages[0].notes = vec!["word ".repeat(if n == 7 { 6000 } else { 3 })];
            service
        })
        .collect();
    report.terms.title.clone_from(&evil[1]);
    report.terms.customer.clone_from(&evil[0]);
    report.terms.reference.clone_from(&evil[3]);
    report.exclusions[0].reason.clone_from(&evil[0]);
    report.faults[0].symptom.clone_from(&evil[2]);
    report.faults[0].supplier_reference.clone_from(&evil[1]);
    report.faults[0].history[1].note = "word ".repeat(400);
    report.faults[0].services = (0..400).map(|n| format!("service-{n}")).collect();
    report.sites[0].title.clone_from(&evil[4]);
    report.period.time_zone = s("Nowhere/At-All");
    report
}

/// So many services: those of the sample over and over, under names of their own, each at a site of its own.
pub fn many(services: usize) -> Report {
    let mut report = report();
    let (some, sites) = (report.services.clone(), report.sites.clone());
    report.services.clear();
    report.sites.clear();
    for n in 0..services {
        let mut service = some[n % some.len()].clone();
        let mut site = sites.iter().find(|s| s.rows.iter().any(|r| r.id == service.id)).unwrap_or(&sites[0]).clone();
        site.rows.retain(|r| r.kind != "service" || r.id == service.id);
        let (id, at) = (format!("{}-{n:03}", service.id), format!("{}-{n:03}", service.site));
        site.rows.iter_mut().filter(|r| r.kind == "service").for_each(|r| r.id.clone_from(&id));
        (service.id, service.site) = (id, at.clone());
        service.title = format!("{} no. {n}, by its full and rather long name", service.title);
        (site.title, site.site) = (format!("{} no. {n}", site.title), at);
        report.services.push(service);
        report.sites.push(site);
    }
    let count = |v: Verdict| report.services.iter().filter(|s| s.verdict == v).count() as u64;
    report.totals = Totals {
        met: count(Verdict::Met),
        breached: count(Verdict::Breached),
        not_proven: count(Verdict::NotProven),
        ..report.totals
    };
    report
}

/// Nothing at all.
pub fn empty() -> Report {
    let mut report = report();
    report.services.clear();
    report.sites.clear();
    report.classes.clear();
    report.voice.clear();
    report.exclusions.clear();
    report.faults.clear();
    report.monitor = MonitorHealth::default();
    report.method = Method::default();
    report.totals = Totals::default();
    report
}
