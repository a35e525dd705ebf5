//! The services of the sample month: what happened to each, and what follows from it.

use assured::report::model::*;

use super::{ALLOWED, WINDOW, noise, s};

pub(super) struct Down<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) cause: &'a str,
    pub(super) components: &'a [&'a str],
    pub(super) excluded: u64,
    pub(super) note: &'a str,
}

pub(super) fn length(from: &str, to: &str) -> u64 {
    u64::try_from(instant(to).since(instant(from))).unwrap()
}

/// A link's interface was polled and dated both ends; of what is no link the probes tell.
pub(super) fn dated(component: &str, at: &str) -> Dated {
    let (source, dated_by) = match component {
        "ch-primary" | "ch-backup" if at == FIBRE.from => ("interface", "last_change"),
        "ch-primary" | "ch-backup" => ("interface", "trap"),
        _ => ("ping", "probe"),
    };
    Dated { component: s(component), source: s(source), dated_by: s(dated_by) }
}

pub(super) fn outage(d: &Down<'_>) -> Outage {
    let seconds = length(d.from, d.to);
    Outage {
        from: s(d.from),
        to: s(d.to),
        seconds,
        cause: s(d.cause),
        components: d.components.iter().map(|c| s(c)).collect(),
        excluded: d.excluded,
        counted: seconds - d.excluded,
        began_before: false,
        lasts: false,
        restored: Some(s(if seconds > 18_000 { "late" } else { "within" })),
        stopped: if d.from == FIBRE.from { 2_100 } else { 0 },
        faults: if d.from == FIBRE.from { vec![s("F-C222-Q (supplier's INC-204417)")] } else { vec![] },
        from_by: d.components.first().map(|c| dated(c, d.from)),
        to_by: d.components.first().map(|c| dated(c, d.to)),
        notes: if d.note.is_empty() { vec![] } else { vec![s(d.note)] },
    }
}

struct Plan<'a> {
    id: &'a str,
    title: &'a str,
    site: &'a str,
    class: &'a str,
    charge: u64,
    unknown: u64,
    degraded: u64,
    downs: &'a [Down<'a>],
    objectives: &'a [(&'a str, &'a str, &'a str, Verdict)],
}

fn judged(seconds: Seconds) -> (String, String, String, String, Verdict, u64) {
    let known = seconds.window - seconds.unknown;
    let (w, d, u) = (seconds.window, seconds.down, seconds.unknown);
    let availability = percent(known - d, known);
    let coverage = percent(w - u, w);
    let breached = u128::from(d) * 10_000 > u128::from(known) * 5;
    let proven = u128::from(u) * 100 <= u128::from(w);
    let verdict = if !proven {
        Verdict::NotProven
    } else if breached {
        Verdict::Breached
    } else {
        Verdict::Met
    };
    let credit = match (verdict, u128::from(d) * 1000 > u128::from(known) * 5) {
        (Verdict::Breached, true) => 10,
        (Verdict::Breached, false) => 5,
        _ => 0,
    };
    (availability, percent(w - u - d, w), percent(w - d, w), coverage, verdict, credit)
}

pub(super) fn pounds(pence: u64) -> String {
    format!("GBP {}.{:02}", pence / 100, pence % 100)
}

fn service(plan: &Plan<'_>) -> Service {
    let outages: Vec<Outage> = plan.downs.iter().map(outage).collect();
    let down: u64 = outages.iter().map(|o| o.counted).sum();
    let excluded: u64 = outages.iter().map(|o| o.excluded).sum();
    let seconds =
        Seconds { window: WINDOW, up: WINDOW - down - excluded - plan.unknown, down, unknown: plan.unknown, excluded };
    let raw = Seconds { up: seconds.up, down: down + excluded, excluded: 0, ..seconds };
    let (availability, lower, upper, coverage, verdict, credit) = judged(seconds);
    let without = judged(raw);
    let known = WINDOW - plan.unknown;
    let working = format!(
        "({WINDOW} - {} unknown - {down} down) / ({WINDOW} - {} unknown) = {} / {known} = {availability}%",
        plan.unknown,
        plan.unknown,
        known - down
    );
    let trend = (0..12_u64)
        .map(|n| {
            let month = if n < 2 { format!("2025-{}", 11 + n) } else { format!("2026-{:02}", n - 1) };
            let seed = n * 31 + plan.charge;
            let past = match noise(seed, 7) {
                0 => 3900,
                k => k * 110,
            };
            match n {
                0 => TrendMonth { month, availability: None, down: 0, verdict: None },
                11 => TrendMonth { month, availability: Some(availability.clone()), down, verdict: Some(verdict) },
                _ => TrendMonth {
                    month,
                    availability: Some(percent(2_592_000 - past, 2_592_000)),
                    down: past,
                    verdict: Some(if past > 1296 { Verdict::Breached } else { Verdict::Met }),
                },
            }
        })
        .collect();
    let amount = pounds(plan.charge * credit / 100);
    Service {
        id: s(plan.id),
        site: s(plan.site),
        formula: s("calendar"),
        seconds,
        lower,
        upper,
        coverage,
        target: s("99.9500"),
        verdict,
        outages,
        objectives: plan
            .objectives
            .iter()
            .map(|(measure, limit, value, verdict)| Objective {
                class: s(plan.class),
                measure: s(measure),
                limit: s(limit),
                value: Some(s(value)),
                between: (plan.id == "ch-voice" && *measure == "rtt_mean").then(|| [s("18.203ms"), s("18.206ms")]),
                verdict: *verdict,
            })
            .collect(),
        credit: Credit {
            percent: format!("{credit}.0000"),
            amount: Some(amount.clone()),
            working: match credit {
                0 if verdict == Verdict::NotProven => {
                    s("not proven: no credit is computed until the missing time is settled")
                }
                0 => format!("{availability}% is not below 99.95%: no credit"),
                _ => format!(
                    "{availability}% is below {}: {credit}% of {} = {amount}",
                    if credit == 10 { "99.5%" } else { "99.95%" },
                    pounds(plan.charge)
                ),
            },
        },
        title: s(plan.title),
        sla: s("assured-extra"),
        class: s(plan.class),
        monthly_charge: Some(pounds(plan.charge)),
        working,
        allowed_down: Some(ALLOWED * known / WINDOW),
        degraded: plan.degraded,
        without_exclusions: WithoutExclusions {
            seconds: raw,
            availability: without.0,
            verdict: without.4,
            credit: Some(pounds(plan.charge * without.5 / 100)),
        },
        trend,
        availability,
    }
}

pub(super) const FIBRE: Down<'static> = Down {
    from: "2026-10-13T05:12:41Z",
    to: "2026-10-13T08:59:10Z",
    cause: "both access links down at once: fibre cut in Pegs Lane, reported as INC-204417",
    components: &["ch-primary", "ch-backup"],
    excluded: 0,
    note: "Provider confirms a shared duct (letter of 14 October)",
};
pub(super) const GATEWAY: Down<'static> = Down {
    from: "2026-10-21T14:03:05Z",
    to: "2026-10-21T14:21:47Z",
    cause: "voice gateway restarted (uptime went back)",
    components: &["ch-gw1"],
    excluded: 0,
    note: "",
};
pub(super) const CHANGE: Down<'static> = Down {
    from: "2026-10-25T00:04:00Z",
    to: "2026-10-25T00:51:30Z",
    cause: "announced maintenance CHG-77",
    components: &["lib-r1"],
    excluded: 2850,
    note: "",
};
pub(super) const BLIP: Down<'static> = Down {
    from: "2026-10-06T11:40:10Z",
    to: "2026-10-06T11:52:11Z",
    cause: "",
    components: &["depot-link"],
    excluded: 0,
    note: "",
};

pub(super) fn services() -> Vec<Service> {
    use Verdict::{Breached, Met};
    let voice = &[
        ("rtt_mean", "30ms", "18.204ms", Met),
        ("jitter", "5ms", "1.310ms", Met),
        ("loss", "0.1%", "0.0213%", Met),
        ("mos", "4.0", "4.3614", Met),
    ];
    let poor = &[
        ("rtt_mean", "30ms", "24.871ms", Met),
        ("jitter", "5ms", "6.042ms", Breached),
        ("loss", "0.1%", "0.0871%", Met),
        ("mos", "4.0", "4.1207", Met),
    ];
    let data = &[("rtt_p95", "60ms", "31.552ms", Met)];
    vec![
        service(&Plan {
            id: "ch-data",
            title: "County Hall data",
            site: "county-hall",
            class: "data",
            charge: 82_000,
            unknown: 412,
            degraded: 51_223,
            downs: &[FIBRE],
            objectives: data,
        }),
        service(&Plan {
            id: "ch-voice",
            title: "County Hall voice",
            site: "county-hall",
            class: "voice",
            charge: 50_000,
            unknown: 412,
            degraded: 51_223,
            downs: &[FIBRE, GATEWAY],
            objectives: voice,
        }),
        service(&Plan {
            id: "depot-data",
            title: "Highways depot data",
            site: "depot",
            class: "data",
            charge: 21_500,
            unknown: 31_180,
            degraded: 0,
            downs: &[BLIP],
            objectives: data,
        }),
        service(&Plan {
            id: "lib-data",
            title: "Central library data",
            site: "library",
            class: "data",
            charge: 24_000,
            unknown: 412,
            degraded: 0,
            downs: &[CHANGE],
            objectives: data,
        }),
        service(&Plan {
            id: "lib-voice",
            title: "Central library voice",
            site: "library",
            class: "voice",
            charge: 18_000,
            unknown: 412,
            degraded: 0,
            downs: &[CHANGE],
            objectives: poor,
        }),
    ]
}
