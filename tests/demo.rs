//! The README's first command as a visitor sees it: live states, RTTs of every class, an outage that comes and goes, and
//! a stop that drains.
//!
//! Needs root, or user namespaces and /dev/net/tun, as the demo itself does.

mod daemon;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use daemon::{ASSURED, Metrics, Page};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Its past month takes a program that is not optimised a minute or two on a busy machine.
const PATIENCE: Duration = Duration::from_secs(400);

/// A demo with what it says on both ends.
struct Demo {
    child: Child,
    page: Page,
    said: Vec<String>,
    dir: tempfile::TempDir,
}

impl Demo {
    /// Starts it by this command line and waits for the address that it prints.
    fn start(mut command: Command) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let log = File::create(dir.path().join("log")).expect("a file");
        command.args(["demo", "--listen", "127.0.0.1:0", "--data-dir"]).arg(dir.path().join("data"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().expect("it starts");
        let mut said = Vec::new();
        let mut address = None;
        for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
            let line = line.expect("text");
            let shown = line.split_once("The demo's page: http://").and_then(|(_, rest)| rest.split_once('/'));
            address = address.or(shown.map(|(address, _)| address.parse().expect("an address")));
            let last = line.contains("/reports");
            said.push(line);
            if last {
                break;
            }
        }
        let log = std::fs::read_to_string(dir.path().join("log")).expect("it logs");
        let page = Page(address.unwrap_or_else(|| panic!("no address: {said:?}\n{log}")));
        Self { child, page, said, dir }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).expect("it logs")
    }

    /// Scrapes until there is something to see.
    fn until(&self, what: &str, shown: impl Fn(&Metrics) -> bool) -> Metrics {
        #[expect(clippy::disallowed_methods, reason = "a test's patience")]
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(seen) = self.page.get("/metrics").ok().map(|text| Metrics::parse(&text)).filter(&shown) {
                return seen;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("waited in vain until {what}: {}", self.log());
    }

    /// SIGTERM; it has to drain and end well.
    fn stop(mut self) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")), Signal::SIGTERM).expect("it is ours");
        assert_eq!(self.child.wait().expect("it is ours").code(), Some(0), "{}", self.log());
        assert!(self.log().contains("stopping: waiting for the probes in flight"), "{}", self.log());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_demo_shows_live_states_rtts_of_every_class_and_an_outage_that_comes_and_goes() {
    let demo = Demo::start(Command::new(ASSURED));
    assert!(demo.said.iter().any(|line| line.contains("Within a minute a school flaps")), "{:?}", demo.said);
    demo.until("links and gateways are up", |m| {
        ["ch-primary", "cc-gw1", "birchwell-link", "millbeck-r1"].iter().all(|c| m.is_in(c, "up"))
    });
    let metrics = demo.until("every class has RTTs", |m| {
        ["voice", "video", "data"].iter().all(|c| m.sum("assured_probe_rtt_seconds_count", &[("class", c)]) > 20.0)
    });
    for class in ["voice", "video", "data"] {
        let sum = metrics.sum("assured_probe_rtt_seconds_sum", &[("class", class)]);
        let mean = sum / metrics.sum("assured_probe_rtt_seconds_count", &[("class", class)]);
        assert!((0.001..0.1).contains(&mean), "{class}: {mean} s is no RTT of this network");
    }
    let board = demo.page.get("/").expect("the board");
    for shown in ["Alderbrook Library", "County Hall", "Contact"] {
        assert!(board.contains(shown), "{shown} is not on the board");
    }
    // By the script the school is gone from the 10th to the 18th second of every forty.
    let school = |m: &Metrics, state: &str| m.is_in("kestrel-vale-link", state);
    demo.until("the school is gone", |m| school(m, "down"));
    let back = demo.until("the school is back", |m| school(m, "up"));
    assert!(back.sum("assured_service_month_seconds", &[("account", "down")]) >= 3.0);
    let log = demo.log();
    let lines: Vec<_> = log.lines().filter(|l| l.contains("kestrel-vale-link")).collect();
    assert!(lines.iter().any(|l| l.contains("down")) && lines.iter().any(|l| l.contains("up")), "{lines:?}");
    demo.stop();
}
