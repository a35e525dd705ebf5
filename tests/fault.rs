//! The fault register through the commands: opened at three in the morning, and in the month's pack in the end.

use std::path::Path;
use std::process::{Command, Output};

use assured::evidence::fault::reference;
use serde_json::Value;

/// 2026-10-01T00:00:00Z.
const BEGIN: i64 = 1_790_812_800;
/// The line is down from 09:00 to 16:00 UTC on the 5th; it may take five hours.
const DOWN: std::ops::Range<i64> = BEGIN + 4 * 86_400 + 9 * 3_600..BEGIN + 4 * 86_400 + 16 * 3_600;

const CONFIG: &str = r#"
[monitor]
vantage = "here"
data_dir = "data"
time_zone = "UTC"
[classes.default]
dscp = "CS0"
[probing]
icmp = { interval = "600s", timeout = "1s", classes = ["default"] }
down_after = 2
up_after = 2
[contracts.c]
title = "Converged network"
kind = "consolidated"
provider = "BT"
customer = "County"
reference = "ASE-0001"
starts = 2026-01-01
ends = 2029-03-31
contact = { name = "Service desk", phone = "0800 000 0000", email = "desk@example.net" }
[contracts.other]
title = "Another"
kind = "legacy"
provider = "Q"
customer = "County"
reference = "Q-1"
starts = 2026-01-01
ends = 2029-03-31
contact = { name = "Q", phone = "1", email = "q@example.net" }
[slas.s]
availability = "90%"
restore_within = "5h"
credits = { per_incident = "10%", cap = "50%" }
[sites.hq]
title = "County Hall"
[sites.far]
title = "Far away"
[devices.line]
site = "hq"
kind = "router"
address = "10.0.0.1"
[devices.elsewhere]
site = "far"
kind = "router"
address = "10.0.0.2"
[services.voice]
title = "Voice at County Hall"
site = "hq"
contract = "c"
sla = "s"
class = "default"
monthly_charge = "GBP 100.00"
requires = { all = ["line"] }
[services.apart]
site = "far"
contract = "other"
sla = "s"
class = "default"
requires = { all = ["elsewhere"] }
"#;

struct World(tempfile::TempDir);

impl World {
    /// October with one outage of seven hours, imported.
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("assured.toml"), CONFIG).expect("written");
        let mut rounds = String::from("time,component,class,outcome,rtt_us\n");
        for at in (BEGIN..BEGIN + 31 * 86_400).step_by(600) {
            let time = assured::units::Sec(at);
            let (outcome, rtt) = if DOWN.contains(&at) { ("lost", "") } else { ("reply", "9000") };
            rounds.push_str(&format!("{time},line,default,{outcome},{rtt}\n{time},elsewhere,default,reply,9000\n"));
        }
        std::fs::write(dir.path().join("rounds.csv"), rounds).expect("written");
        let world = Self(dir);
        world.ok(&["import", "rounds.csv"]);
        world
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assured"));
        command.args(args).current_dir(self.path()).env("ASSURED_LOG", "warn");
        command.output().expect("the binary runs")
    }

    fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{args:?}: {said}{}", String::from_utf8_lossy(&out.stderr));
        said
    }

    fn refused(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(!out.status.success(), "{args:?} is to be refused");
        String::from_utf8_lossy(&out.stderr).into_owned()
    }

    fn report(&self, more: &[&str]) -> Value {
        self.ok(&[&["report", "--contract", "c", "--month", "2026-10", "--out", "out"][..], more].concat());
        let text = std::fs::read(self.path().join("out/evidence-c-2026-10/report.json")).expect("report.json");
        serde_json::from_slice(&text).expect("JSON")
    }
}

#[test]
fn a_fault_goes_from_the_telephone_into_the_pack_and_its_stops_into_the_clock() {
    let world = World::new();

    // Without a fault the outage of seven hours is late by two, and costs.
    let before = world.report(&[]);
    let outage = |report: &Value, key: &str| report["services"][0]["outages"][0][key].clone();
    assert_eq!((outage(&before, "seconds"), outage(&before, "restored")), (Value::from(25_200), Value::from("late")));
    assert_eq!(before["services"][0]["credit"]["amount"], "GBP 10.00");

    let opened = world.ok(&[
        "fault",
        "open",
        "--service",
        "voice",
        "--symptom",
        "no dial tone",
        "--outage",
        "2026-10-05T09:30:00Z",
        "--at",
        "2026-10-05T09:15:00Z",
        "--by",
        "ann",
    ]);
    let id = opened.split_whitespace().next().expect("the reference stands first").to_owned();
    assert_eq!(reference::parse(&id), Ok(id.clone()), "{opened}");
    for part in ["0800 000 0000", "ASE-0001", "Service desk", "noticed       2026-10-05T09:00:00Z", &id] {
        assert!(opened.contains(part), "{part} in {opened}");
    }

    // Dictated: in lower case and without hyphens.
    let heard = id.to_lowercase().replace('-', " ");
    let at = |time: &str| format!("2026-10-05T{time}:00Z");
    let told = world.ok(&["fault", "report", &heard, "--reference", "INC-1", "--by", "ann", "--at", &at("09:20")]);
    assert!(told.contains("quote INC-1"), "{told}");
    world.refused(&["fault", "resume", &id, "--by", "ann", "--at", &at("09:30")]);
    let lunch = world.refused(&["fault", "stop", &id, "--reason", "lunch", "--why", "x", "--by", "ann"]);
    assert!(lunch.contains("awaiting_customer_access"), "the reasons are told: {lunch}");
    world.ok(&[
        "fault",
        "stop",
        &id,
        "--reason",
        "awaiting_customer_access",
        "--why",
        "room locked",
        "--reference",
        "N-3",
        "--by",
        "bob",
        "--at",
        &at("10:00"),
    ]);
    let early = world.refused(&["fault", "clear", &id, "--by", "ann", "--at", &at("09:59")]);
    assert!(early.contains("order of time"), "{early}");
    let open = world.ok(&["fault", "list"]);
    assert!(open.contains(&id) && open.contains("INC-1") && open.contains("awaiting_customer_access"), "{open}");
    world.ok(&["fault", "resume", &id, "--by", "bob", "--at", &at("12:00")]);
    world.ok(&["fault", "clear", &id, "--by", "ann", "--at", &at("16:00")]);
    assert_eq!(world.ok(&["fault", "list"]), "no open faults\n");
    world.refused(&["fault", "close", &id, "--cause", "gremlins", "--responsible", "supplier", "--by", "ann"]);
    world.ok(&["fault", "close", &id, "--cause", "line", "--responsible", "supplier", "--by", "ann"]);
    let shown = world.ok(&["fault", "show", &id]);
    assert!(shown.contains("ran 5h 00m of 5h 00m, stood for 2h 00m") && shown.contains("restored in time"), "{shown}");
    let json: Value = serde_json::from_str(&world.ok(&["fault", "show", &id, "--json"])).expect("JSON");
    assert_eq!((&json["clock"]["run_s"], &json["clock"]["late"]), (&Value::from(18_000), &Value::from(false)));

    // The pack: exactly on the deadline is in time, nothing is owed, and without the stop it would be.
    let closed = world.refused(&["report", "--contract", "c", "--month", "2026-10", "--out", "out"]);
    assert!(closed.contains("credit: GBP 10.00 -> GBP 0.00"), "a closed month says what changed: {closed}");
    let after = world.report(&["--revise", "the stop was agreed"]);
    assert_eq!((outage(&after, "restored"), outage(&after, "stopped")), (Value::from("within"), Value::from(7_200)));
    assert_eq!(outage(&after, "faults"), Value::from(vec![format!("{id} (supplier's INC-1)")]));
    let service = &after["services"][0];
    assert_eq!(service["credit"]["amount"], "GBP 0.00");
    assert_eq!(service["without_exclusions"]["credit"], "GBP 10.00", "with and without");
    let fault = &after["faults"][0];
    assert_eq!((&fault["id"], &fault["supplier_reference"]), (&Value::from(id.as_str()), &Value::from("INC-1")));
    assert_eq!((&fault["clock"]["run"], &fault["clock"]["late"]), (&Value::from(18_000), &Value::from(false)));
    assert_eq!(fault["history"].as_array().map(Vec::len), Some(6));
    world.ok(&["verify", "out/evidence-c-2026-10.zip"]);

    // The other contract's pack has nothing of it.
    world.ok(&["report", "--contract", "other", "--month", "2026-10", "--out", "out"]);
    let journal = std::fs::read_to_string(world.path().join("out/evidence-other-2026-10/journal.jsonl"));
    assert!(!journal.expect("the journal").contains(&id));

    // Whoever changes a step in the pack is found out.
    let file = world.path().join("out/evidence-c-2026-10/journal.jsonl");
    let journal = std::fs::read_to_string(&file).expect("the journal");
    std::fs::write(&file, journal.replace("room locked", "room opened")).expect("written");
    let out = world.run(&["verify", "out/evidence-c-2026-10"]);
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stdout).contains("journal.jsonl"));
}

#[test]
fn what_a_fault_touches_follows_from_what_is_named() {
    let world = World::new();
    let open = |what: &[&str]| {
        let args = [&["fault", "open", "--symptom", "choppy", "--by", "ann"][..], what].concat();
        world.ok(&args).split_whitespace().next().expect("the reference").to_owned()
    };
    let show = |id: &str| -> Value { serde_json::from_str(&world.ok(&["fault", "show", id, "--json"])).expect("JSON") };
    let by_component = show(&open(&["--component", "line"]));
    assert_eq!((&by_component["services"][0], &by_component["site"]), (&Value::from("voice"), &Value::from("hq")));
    let by_site = show(&open(&["--site", "far", "--severity", "2"]));
    assert_eq!((&by_site["services"][0], &by_site["severity"]), (&Value::from("apart"), &Value::from(2)));
    assert_eq!(by_site["contact"]["name"], "Q");

    assert!(world.refused(&["fault", "open", "--symptom", "x", "--by", "ann"]).contains("name at least one"));
    assert!(world.refused(&["fault", "open", "--site", "moon", "--symptom", "x", "--by", "ann"]).contains("moon"));
    let none = world.refused(&[
        "fault",
        "open",
        "--service",
        "voice",
        "--outage",
        "2026-10-06T00:00:00Z",
        "--symptom",
        "x",
        "--by",
        "ann",
    ]);
    assert!(none.contains("was down"), "{none}");
    let wrong = world.refused(&["fault", "show", "F-C222-2"]);
    assert!(wrong.contains("misheard"), "{wrong}");
    assert_eq!(world.ok(&["fault", "list", "--json"]).lines().count(), 2);
}
