//! How the daemon is started, reloaded and stopped, and what it says when it cannot.
//!
//! Needs root: each test has a network namespace of its own.

mod daemon;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use assured::clock::SystemClock;
use daemon::{ASSURED, Estate, Outer, Page, apart, command, free_address, instant, nowhere, until};
use nix::sys::signal::Signal;

fn three() -> Estate {
    Estate::of(&[("a", "127.1.0.1"), ("b", "127.1.0.2"), ("c", "127.1.0.3")])
}

/// Asks for a reload over HTTP; gives status and text.
fn reload(page: Page) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.post(format!("http://{}/-/reload", page.0)).send_empty().expect("an answer");
    (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
}

fn successful(page: Page) -> bool {
    page.scrape().sum("assured_config_last_reload_successful", &[]) > 0.5
}

#[test]
fn a_reload_adds_and_removes_devices_and_keeps_the_others() {
    apart(|| {
        nowhere();
        let daemon = Outer::start(&three());
        let page = daemon.page;
        page.until_up(&["a", "b", "c"]);
        let before =
            page.until("all have been asked a few times", |m| ["a", "b", "c"].iter().all(|c| m.of("received", c) >= 3));
        let since = instant(&page.json("/api/v1/components/b")["since"]);
        let started = instant(&page.json("/api/v1/status")["started"]);

        // a goes, d comes, and b stands in another place of the tables than before.
        daemon.rewrite(&Estate::of(&[("d", "127.1.0.4"), ("b", "127.1.0.2"), ("c", "127.1.0.3")]));
        daemon.signal(Signal::SIGHUP);
        let after = page.until("d is there", |m| m.mentions("component=\"d\""));
        assert!(!after.mentions("component=\"a\"") && !after.mentions("service=\"s-a\""), "no series of what is gone");
        for kept in ["b", "c"] {
            assert!(after.is_in(kept, "up"));
            assert!(after.of("received", kept) >= before.of("received", kept));
            assert_eq!(after.of("lost", kept), 0);
            let (now, then) = (after.accounts(&format!("s-{kept}")), before.accounts(&format!("s-{kept}")));
            assert!(now.up >= then.up && now.down == 0, "{then:?} {now:?}");
        }
        assert_eq!(instant(&page.json("/api/v1/components/b")["since"]), since);
        assert_eq!(instant(&page.json("/api/v1/status")["started"]), started);
        page.until_up(&["b", "c", "d"]);
        page.until("counting goes on", |m| m.of("received", "b") > after.of("received", "b") + 2);
        let metrics = page.accounts_add_up(&SystemClock::default(), &["s-b", "s-c", "s-d"], None);
        let (kept, new) = (metrics.accounts("s-b"), metrics.accounts("s-d"));
        assert!(kept.unknown <= before.accounts("s-b").unknown + 2, "a reload leaves no hole: {kept:?}");
        assert!(new.up > 0 && new.down == 0 && new.up < kept.up, "{new:?}");

        // The same over HTTP, and a comes back as one that was never there.
        daemon.rewrite(&three());
        assert_eq!(reload(page), (200, "reloaded\n".into()));
        let metrics = page.until_up(&["a", "b", "c"]);
        assert!(!metrics.mentions("component=\"d\""));
        assert!(metrics.of("received", "a") < metrics.of("received", "b"));
        assert!(successful(page));
    });
}

#[test]
fn a_broken_file_leaves_everything_as_it_was_and_says_so() {
    apart(|| {
        nowhere();
        let daemon = Outer::start(&three());
        let page = daemon.page;
        let before = page.until_up(&["a", "b", "c"]);
        assert!(successful(page));

        let mut broken = three();
        broken.devices.remove(0);
        broken.more =
            "[services.x]\nsite = \"nowhere\"\ncontract = \"long\"\nsla = \"plain\"\nrequires = \"zz\"\n".into();
        daemon.rewrite(&broken);
        let (status, said) = reload(page);
        assert_eq!(status, 422);
        for what in ["services.x.site", "nowhere", "services.x.requires", "zz"] {
            assert!(said.contains(what), "every problem is named: {said}");
        }
        assert!(!successful(page));
        let after = page.until("probing goes on", |m| m.of("received", "a") > before.of("received", "a") + 2);
        assert!(["a", "b", "c"].iter().all(|c| after.is_in(c, "up")));
        assert!(!after.mentions("service=\"x\""));

        // Not a single byte of TOML, and no file at all.
        fs::write(daemon.config(), b"\xff\xfe\x00").unwrap();
        daemon.signal(Signal::SIGHUP);
        until("the log tells", || (daemon.log().matches("configuration not taken over").count() == 2).then_some(()));
        fs::remove_file(daemon.config()).unwrap();
        assert_eq!(reload(page).0, 422);
        assert!(!successful(page));

        daemon.rewrite(&three());
        assert_eq!(reload(page).0, 200);
        assert!(successful(page));
        assert!(["a", "b", "c"].iter().all(|c| page.scrape().is_in(c, "up")));
    });
}

#[test]
fn a_terminated_daemon_drains_and_ends_well() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        apart(move || {
            nowhere();
            let mut daemon = Outer::start(&three());
            daemon.page.until_up(&["a"]);
            daemon.signal(signal);
            assert_eq!(daemon.ended().code(), Some(0));
            let log = daemon.log();
            assert!(log.contains("stopping: waiting for the probes in flight"), "{log}");
            assert!(!log.contains("not everything ended") && !log.contains("panic"), "{log}");
        });
    }
}

/// Runs it to its end, which has to come by itself; gives exit code and what it said.
fn refused(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("it can be started");
    assert!(stdout.is_empty(), "results only");
    let said = String::from_utf8(stderr).expect("text");
    assert!(!said.contains("panicked") && !said.contains("stack backtrace"), "{said}");
    (status.code(), said)
}

fn configured(estate: &Estate, listen: std::net::SocketAddr) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("assured.toml"), estate.text(listen, dir.path())).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn run(dir: &Path) -> Command {
    command(Path::new(ASSURED), dir)
}

#[test]
fn a_port_in_use_is_said_plainly() {
    let address = free_address();
    let _taken = TcpListener::bind(address).unwrap();
    let (code, said) = refused(run(configured(&three(), address).path()));
    assert_eq!(code, Some(1));
    let wanted = format!("assured: cannot listen on {address}: Address already in use");
    assert!(said.contains(&wanted) && said.contains("`monitor.listen` chooses the address"), "{said}");
}

#[test]
fn a_broken_configuration_is_refused_with_every_problem() {
    let dir = configured(&three(), free_address());
    let file = dir.path().join("assured.toml");
    let text = fs::read_to_string(&file).unwrap().replace("127.1.0.2", "127.1.0.1").replace("99%", "nearly always");
    fs::write(&file, text).unwrap();
    let (code, said) = refused(run(dir.path()));
    assert_eq!(code, Some(78));
    assert!(said.contains("devices.b.address") && said.contains("slas.plain.availability"), "{said}");
    fs::remove_file(&file).unwrap();
    assert_eq!(refused(run(dir.path())).0, Some(78));
}

/// The program over a folder's configuration, run by somebody without any privilege.
fn nobody(dir: &Path) -> Command {
    // Where the tests are built not everybody may look.
    let program = dir.join("assured");
    fs::copy(ASSURED, &program).unwrap();
    let data = dir.join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
    let mut nobody = Command::new("setpriv");
    let dropped = ["--clear-groups", "--inh-caps=-all", "--bounding-set=-all"];
    nobody.args(["--reuid", "65534", "--regid", "65534"]).args(dropped);
    nobody.arg(&program).args(["run", "--config"]).arg(dir.join("assured.toml"));
    nobody
}

#[test]
fn without_privilege_it_says_what_to_do() {
    apart(|| {
        nowhere(); // in a new namespace nobody may open datagram ICMP sockets
        let dir = configured(&three(), free_address());
        let (code, said) = refused(nobody(dir.path()));
        assert_eq!(code, Some(77), "{said}");
        assert!(said.contains("net.ipv4.ping_group_range") && said.contains("CAP_NET_RAW"), "{said}");
    });
}

#[test]
fn without_privilege_it_runs_where_datagram_sockets_are_allowed() {
    apart(|| {
        nowhere();
        fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
        let address = free_address();
        let dir = configured(&three(), address);
        let mut child = nobody(dir.path()).spawn().unwrap();
        let page = Page(address);
        until("it is up", || page.get("/metrics").ok().filter(|text| daemon::Metrics::parse(text).is_in("a", "up")));
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    });
}
