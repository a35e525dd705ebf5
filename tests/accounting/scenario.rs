//! Random estates with random histories, as the core sees them and as files for the oracle.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use assured::config::Config;
use assured::config::model::*;
use assured::measurement::{Cause, Outcome, Verdict};
use assured::names::*;
use assured::sla::calendar::{self, Month};
use assured::sla::exclusion::Agreed;
use assured::units::{Dscp, Micros, Sec, Share, Span};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

/// SplitMix64: the same scenario for the same seed, for ever.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

pub struct Scenario {
    pub config: Config,
    pub month: Month,
    /// By component, in order of time, a verdict for each second that has rounds.
    pub rounds: Vec<Vec<(Sec, Verdict)>>,
    pub agreed: Vec<Agreed>,
    toml: String,
    csv: String,
    exclusions: serde_json::Value,
    holidays: String,
}

/// Month and day.
type Day = (i8, i8);

/// Month, first and last day of the contract: both clock changes, a leap day, both ends of a month, an ordinary one.
const TERMS: [((i16, i8), Day, Day); 7] = [
    ((2026, 3), (3, 28), (3, 30)),
    ((2026, 10), (10, 24), (10, 26)),
    ((2028, 2), (2, 28), (3, 1)),
    ((2026, 7), (6, 20), (7, 3)),
    ((2026, 10), (10, 30), (11, 20)),
    ((2026, 4), (4, 14), (4, 16)),
    ((2026, 11), (10, 31), (11, 2)),
];

impl Scenario {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let zone = TimeZone::get("Europe/London").expect("bundled");
        let ((year, number), first, last) = TERMS[(seed % TERMS.len() as u64) as usize];
        let month = Month::new(year, number).expect("a month");
        let (starts, ends) = (date(year, first.0, first.1), date(year, last.0, last.1));
        let contract =
            Span::new(calendar::midnight(starts, &zone), calendar::midnight(ends.tomorrow().expect("later"), &zone));
        let looked_at = contract.intersect(month.span(&zone)).expect("they share days");
        // History begins before the window, inside it, or on its first second.
        let from = looked_at.from.plus(rng.pick(&[-7200, -1800, 0, 3600]));
        let to = looked_at.to.plus(rng.pick(&[-9000, 0, 1200]));

        let mut toml = format!(
            "[monitor]\nvantage = \"lab\"\ntime_zone = \"Europe/London\"\n[classes.voice]\ndscp = \"EF\"\n[classes.data]\ndscp = \"DF\"\n\
             [contracts.c]\ntitle = \"C\"\nkind = \"consolidated\"\nprovider = \"P\"\ncustomer = \"Q\"\nreference = \"R\"\nstarts = {starts}\nends = {ends}\n\
             [sites.a]\ntitle = \"A\"\n"
        );
        let accepted = rng.chance(40).then(|| starts.tomorrow().expect("later"));
        if let Some(accepted) = accepted {
            writeln!(toml, "accepted = {accepted}").expect("text");
        }

        let mut components = Vec::new();
        let mut rounds = Vec::new();
        let mut csv = String::from("time,component,class,outcome,rtt_us\n");
        for n in 0..3 + rng.below(3) {
            let interval = rng.pick(&[7_u64, 10, 30, 60, 61]);
            let hysteresis = Hysteresis { down_after: 1 + rng.below(4) as u32, up_after: 1 + rng.below(3) as u32 };
            let id = format!("r{n}");
            writeln!(
                toml,
                "[devices.{id}]\nsite = \"a\"\nkind = \"host\"\naddress = \"10.0.0.{n}\"\nicmp = {{ interval = \"{interval}s\", timeout = \"1s\", classes = [\"voice\", \"data\"] }}\ndown_after = {}\nup_after = {}",
                hysteresis.down_after, hysteresis.up_after
            )
            .expect("text");
            rounds.push(history(&mut rng, &id, interval as i64, from, to, &mut csv));
            components.push(component(&id, interval, hysteresis));
        }

        let mut slas = Vec::new();
        let mut services = Vec::new();
        let holiday = starts.tomorrow().expect("later");
        for n in 0..3_usize {
            let sla = sla(&mut rng, n, holiday, &mut toml);
            let leaves: Vec<ComponentIx> = (0..components.len()).map(ComponentIx::from).collect();
            let (tree, text) = tree(&mut rng, &leaves, 0);
            let service = Service {
                id: Id::new(&format!("s{n}")).expect("an id"),
                title: String::new(),
                site: SiteIx(0),
                contract: ContractIx(0),
                sla: SlaIx::from(n),
                class: ClassIx(0),
                monthly_charge: None,
                requires: tree,
            };
            writeln!(
                toml,
                "[services.s{n}]\nsite = \"a\"\ncontract = \"c\"\nsla = \"t{n}\"\nclass = \"voice\"\nrequires = {text}"
            )
            .expect("text");
            slas.push(sla);
            services.push(service);
        }

        let random_span = |rng: &mut Rng| {
            let from = looked_at.from.plus(rng.below(looked_at.seconds()) as i64 - 600);
            Span::new(from, from.plus(1 + rng.below(20_000) as i64))
        };
        let mut maintenance = Vec::new();
        for n in 0..rng.below(4) {
            let span = random_span(&mut rng);
            let notice_days = rng.below(3) as i64;
            let notified = rng.chance(80).then(|| span.from.plus(-notice_days * 86_400));
            let services: Vec<ServiceIx> = (0..3).filter(|_| rng.chance(60)).map(ServiceIx).collect();
            let names: Vec<String> = services.iter().map(|s| format!("\"s{}\"", s.0)).collect();
            writeln!(
                toml,
                "[[maintenance]]\ncontract = \"c\"\nfrom = {}\nto = {}\nreference = \"CHG-{n}\"",
                span.from, span.to
            )
            .expect("text");
            if !services.is_empty() {
                writeln!(toml, "services = [{}]", names.join(", ")).expect("text");
            }
            if let Some(notified) = notified {
                writeln!(toml, "notified = {notified}").expect("text");
            }
            maintenance.push(Maintenance {
                contract: ContractIx(0),
                services,
                span,
                reference: String::new(),
                notified,
            });
        }
        let mut agreed = Vec::new();
        let mut exclusions = Vec::new();
        for _ in 0..rng.below(4) {
            let span = random_span(&mut rng);
            let service = rng.below(3) as u32;
            let state = rng.pick(&["agreed", "agreed", "proposed", "disputed"]);
            exclusions.push(serde_json::json!({
                "services": [format!("s{service}")], "from": span.from.to_string(), "to": span.to.to_string(), "state": state,
            }));
            if state == "agreed" {
                agreed.push(Agreed { services: vec![ServiceIx(service)], span });
            }
        }

        let config = Config {
            monitor: Monitor {
                vantage: "lab".into(),
                listen: "127.0.0.1:9878".parse().expect("an address"),
                data_dir: "/nowhere".into(),
                time_zone: zone,
                time_zone_name: "Europe/London".into(),
                alertmanagers: Vec::new(),
                traps: None,
                alerting: Default::default(),
                sentinels: Vec::new(),
                grafana: None,
                keep: Keep::default(),
                reports_dir: None,
                web: Default::default(),
            },
            credentials: Vec::new(),
            profiles: std::sync::Arc::new(assured_probes::snmp::profile::Library::embedded()),
            classes: ["voice", "data"]
                .map(|id| Class { id: Id::new(id).expect("an id"), dscp: Dscp::default(), codec: None })
                .into(),
            contracts: vec![Contract {
                id: Id::new("c").expect("an id"),
                title: String::new(),
                kind: ContractKind::Consolidated,
                provider: String::new(),
                customer: String::new(),
                reference: String::new(),
                starts,
                ends,
                replaces: Vec::new(),
                contact: Contact::default(),
                claim_within_days: None,
            }],
            slas,
            sites: vec![Site { id: Id::new("a").expect("an id"), title: String::new(), wave: None, accepted }],
            components,
            services,
            maintenance,
            hash: String::new(),
            redacted_toml: String::new(),
        };
        let holidays =
            format!("BEGIN:VEVENT\nDTSTART;VALUE=DATE:{}\nEND:VEVENT\n", holiday.to_string().replace('-', ""));
        Self { config, month, rounds, agreed, toml, csv, exclusions: exclusions.into(), holidays }
    }

    /// The instant behind everything that happened: the end of the history.
    pub fn end(&self) -> Sec {
        let month = self.month.span(&self.config.monitor.time_zone).to;
        let newest = self.rounds.iter().filter_map(|r| r.last()).map(|r| r.0).max();
        newest.map_or(month, |n| n.max(month))
    }

    /// Where the history begins.
    pub fn start(&self) -> Sec {
        self.rounds.iter().filter_map(|r| r.first()).map(|r| r.0).min().expect("there are rounds")
    }

    /// Writes what the oracle reads into a folder.
    pub fn write(&self, folder: &Path) {
        let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a writable folder");
        put("config.toml", &self.toml);
        put("rounds.csv", &self.csv);
        put("exclusions.json", &self.exclusions.to_string());
        put("holidays.ics", &self.holidays);
    }
}

/// Good and bad times in turn: clean, dead, flaky, not measured, silent, and rounds that come late or twice in a second.
fn history(rng: &mut Rng, id: &str, interval: i64, from: Sec, to: Sec, csv: &mut String) -> Vec<(Sec, Verdict)> {
    let mut rounds: Vec<(Sec, Vec<Outcome>)> = Vec::new();
    let mut at_ms = (from.0 + rng.below(interval as u64) as i64) * 1000;
    let (mut mood, mut left) = (0, 0);
    while at_ms < to.0 * 1000 {
        if left == 0 {
            mood = rng.pick(&[0, 0, 0, 1, 1, 1, 2, 2, 3, 4]);
            left = match mood {
                0 => 50 + rng.below(2000),
                1 => 1 + rng.below(400),
                2 => 1 + rng.below(40),
                _ => 1 + rng.below(8),
            };
        }
        left -= 1;
        // On time, early, or late around the limit of 1.5 intervals; most with sub-second parts.
        let step_ms = match rng.below(40) {
            0 => interval * 1500,
            1 => interval * 1500 + 1000,
            2 => interval * 1500 - 1000,
            3 => interval * 2000,
            4 => 1000 * (1 + rng.below(interval as u64) as i64),
            5 => 300,
            _ => interval * 1000,
        };
        let lost = || Outcome::Lost;
        let reply = || Outcome::Reply { rtt: Micros(1500) };
        let none = || Outcome::NotMeasured(Cause::Imported);
        let outcomes = match mood {
            0 => [reply(), if rng.chance(2) { lost() } else { reply() }],
            1 => [lost(), lost()],
            2 if rng.chance(50) => [lost(), lost()],
            2 => [lost(), reply()],
            3 => [none(), if rng.chance(20) { lost() } else { none() }],
            _ => {
                at_ms += step_ms;
                continue;
            }
        };
        let mut offset_ms = 0;
        for (class, outcome) in ["voice", "data"].into_iter().zip(outcomes) {
            let ms = at_ms + offset_ms;
            let time = jiff::Timestamp::from_millisecond(ms).expect("a time");
            let (word, rtt) = match outcome {
                Outcome::Reply { rtt } => ("reply", rtt.0.to_string()),
                Outcome::Lost | Outcome::Refused => ("lost", String::new()),
                Outcome::NotMeasured(_) => ("not_measured", String::new()),
            };
            writeln!(csv, "{time},{id},{class},{word},{rtt}").expect("text");
            let second = Sec(ms.div_euclid(1000));
            match rounds.last_mut() {
                Some((last, all)) if *last == second => all.push(outcome),
                _ => rounds.push((second, vec![outcome])),
            }
            offset_ms = if ms % 1000 < 900 { 50 } else { 0 };
        }
        at_ms += step_ms;
    }
    rounds.into_iter().map(|(at, outcomes)| (at, Verdict::of(outcomes))).collect()
}

fn component(id: &str, interval: u64, hysteresis: Hysteresis) -> Component {
    Component {
        id: Id::new(id).expect("an id"),
        title: String::new(),
        site: SiteIx(0),
        kind: ComponentKind::Device(Device {
            role: DeviceRole::Host,
            profile: "auto".into(),
            snmp: None,
            snmp_port: 161,
        }),
        address: Some(Host::Name("host".into())),
        icmp: Some(IcmpProbing {
            interval: Duration::from_secs(interval),
            timeout: Duration::from_secs(1),
            size: 64,
            classes: vec![ClassIx(0), ClassIx(1)],
        }),
        hysteresis,
        parents: Vec::new(),
    }
}

fn sla(rng: &mut Rng, n: usize, holiday: Date, toml: &mut String) -> Sla {
    let weekly = |first: usize, last: usize, from_minute: u16, to_minute: u16| ServiceHours::Weekly {
        days: std::array::from_fn(|d| (first..=last).contains(&d)),
        from_minute,
        to_minute,
        holidays: Arc::from([holiday]),
    };
    let hours = [
        ("24x7", ServiceHours::Always),
        ("24x7", ServiceHours::Always),
        ("mon-sat 08:00-18:00", weekly(0, 5, 480, 1080)),
        ("sat-sun 00:30-02:30", weekly(5, 6, 30, 150)),
        ("mon-sun 01:15-01:45", weekly(0, 6, 75, 105)),
        ("wed-sun 00:00-24:00", weekly(2, 6, 0, 1440)),
    ];
    let (hours_text, service_hours) = hours[rng.below(6) as usize].clone();
    let (formula_text, formula) =
        [("calendar", Formula::Calendar), ("agreed_time", Formula::AgreedTime), ("fixed30", Formula::Fixed30)]
            [rng.below(3) as usize]
            .clone();
    let (unknown_text, unknown) = rng.pick(&[
        ("exclude", UnknownPolicy::Exclude),
        ("as_up", UnknownPolicy::AsUp),
        ("as_down", UnknownPolicy::AsDown),
    ]);
    let min_outage = rng.pick(&[0, 0, 30, 90, 600]);
    let notice = rng.pick(&[0_u64, 1, 2]);
    let floor = rng.pick(&[0_u64, 50, 99]);
    writeln!(
        toml,
        "[slas.t{n}]\navailability = \"99.5%\"\nformula = \"{formula_text}\"\nservice_hours = \"{hours_text}\"\nunknown = \"{unknown_text}\"\n\
         coverage_floor = \"{floor}%\"\nmin_outage = \"{min_outage}s\"\nmaintenance_notice = \"{notice}d\"\nholidays = \"holidays.ics\""
    )
    .expect("text");
    Sla {
        id: Id::new(&format!("t{n}")).expect("an id"),
        availability: Share(99_500_000),
        formula,
        service_hours,
        unknown,
        coverage_floor: Share(floor * 1_000_000),
        min_outage,
        rounding: Rounding::None,
        maintenance_notice: notice * 86_400,
        restore_within: None,
        objectives: Vec::new(),
        credits: None,
    }
}

fn tree(rng: &mut Rng, leaves: &[ComponentIx], depth: u32) -> (Tree, String) {
    if leaves.len() == 1 || (depth > 0 && leaves.len() == 2 && rng.chance(30)) {
        return (Tree::Leaf(leaves[0]), format!("\"r{}\"", leaves[0].0));
    }
    let cut = 1 + rng.below(leaves.len() as u64 - 1) as usize;
    let mut of = Vec::new();
    let mut texts = Vec::new();
    let mut add = |(tree, text): (Tree, String)| {
        of.push(tree);
        texts.push(text);
    };
    add(tree(rng, &leaves[..cut], depth + 1));
    if rng.chance(40) {
        add(tree(rng, &leaves[cut..], depth + 1));
    } else {
        leaves[cut..].iter().for_each(|&leaf| add((Tree::Leaf(leaf), format!("\"r{}\"", leaf.0))));
    }
    let k = 1 + rng.below(of.len() as u64) as usize;
    let list = texts.join(", ");
    let text = match k {
        k if k == of.len() => format!("{{ all = [{list}] }}"),
        1 => format!("{{ any = [{list}] }}"),
        k => format!("{{ at_least = {k}, of = [{list}] }}"),
    };
    (Tree::AtLeast { k, of }, text)
}
