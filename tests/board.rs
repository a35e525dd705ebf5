//! The board in a real browser: live, by keyboard, for screen readers, on phones and walls, and with hostile names.
//!
//! Needs Chromium and Node (Debian packages `chromium`, `nodejs`) and what `tests/run` installs under
//! `target/tools/board`. What is looked at stands in `tests/board/look.mjs`, one function for each test here.

mod daemon;
mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use assured::evidence::names::Names;
use assured::evidence::store::{Entry, Store};
use assured::lab::scenario::{Chance, Fault, Hosts, Nanos, Scenario};
use assured::measurement::minute::MinuteAggregator;
use assured::measurement::{Outcome, Round};
use assured::names::ComponentIx;
use assured::snapshot::{Shown, Snapshot};
use assured::units::{Micros, Sec};
use daemon::{Estate, Inner, host, lab};
use support::{Served, estate, serve};

/// Has `look.mjs` look; `told` hears each line that begins with `> `, the lookers wait until it is done.
fn look(what: &str, pages: &[(&str, String)], mut told: impl FnMut(&str)) {
    let pages: serde_json::Map<_, _> = pages.iter().map(|(n, url)| ((*n).to_owned(), url.as_str().into())).collect();
    let mut node = Command::new("node")
        .args(["tests/board/look.mjs", what, &serde_json::Value::from(pages).to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node of the Debian package `nodejs`");
    let mut answers = node.stdin.take().expect("piped");
    let mut seen = String::new();
    for line in BufReader::new(node.stdout.take().expect("piped")).lines() {
        let line = line.expect("UTF-8");
        if let Some(words) = line.strip_prefix("> ") {
            told(words);
            answers.write_all(b"done\n").expect("it listens");
        }
        seen += &line;
        seen.push('\n');
    }
    assert!(node.wait().expect("it ends").success(), "{what}:\n{seen}");
}

/// The same for a test that has servers of its own.
async fn look_at(what: &'static str, pages: Vec<(&'static str, String)>, told: impl FnMut(&str) + Send + 'static) {
    tokio::task::spawn_blocking(move || look(what, &pages, told)).await.expect("what was looked at is as it should be");
}

async fn shown(snapshot: Snapshot) -> Served {
    let snapshot = Arc::new(snapshot);
    serve(move |_| Arc::clone(&snapshot)).await
}

fn url(served: &Served) -> String {
    format!("http://{}", served.address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_shut_out_in_light_or_dark_and_no_page_complains() {
    let (council, empty, hostile) =
        (shown(estate::council()).await, shown(estate::empty()).await, shown(estate::hostile()).await);
    let pages = vec![("council", url(&council)), ("empty", url(&empty)), ("hostile", url(&hostile))];
    look_at("accessible", pages, |_| {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_page_follows_and_says_when_it_no_longer_does() {
    let down = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&down);
    let (calm, council) = (Arc::new(estate::calm()), Arc::new(estate::council()));
    let served = serve(move |_| Arc::clone(if seen.load(Ordering::SeqCst) { &council } else { &calm })).await;
    let pages = vec![("board", url(&served))];
    let (end, mut ended) = (Arc::new(tokio::sync::Notify::new()), Some(served));
    let told = Arc::clone(&end);
    let looking = look_at("live", pages, move |words| match words {
        "down" => down.store(true, Ordering::SeqCst),
        "up" => down.store(false, Ordering::SeqCst),
        "stop" => told.notify_one(),
        other => panic!("{other}?"),
    });
    let stopping = async {
        end.notified().await;
        if let Some(served) = ended.take() {
            served.stop().await;
        }
    };
    tokio::join!(looking, stopping);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_reached_by_keyboard_and_nothing_holds_on_to_it() {
    let (council, large) = (shown(estate::council()).await, shown(estate::large(2_000)).await);
    look_at("keyboard", vec![("council", url(&council)), ("large", url(&large))], |_| {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_fits_a_phone_and_a_wall_loads_light_and_shows_its_states_without_scripts() {
    let (council, large, hostile) =
        (shown(estate::council()).await, shown(estate::large(2_000)).await, shown(estate::hostile()).await);
    let pages = vec![("council", url(&council)), ("large", url(&large)), ("hostile", url(&hostile))];
    look_at("sizes", pages, |_| {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_services_on_five_hundred_sites_load_light_and_are_found() {
    let (large, crowded) = (shown(estate::large(2_000)).await, shown(estate::crowded(2_000)).await);
    look_at("crowd", vec![("large", url(&large)), ("crowded", url(&crowded))], |_| {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn charts_show_what_the_evidence_has() {
    let dir = tempfile::tempdir().expect("a folder");
    let served = shown(measured(dir.path())).await;
    look_at("charts", vec![("board", url(&served))], |_| {}).await;
}

#[test]
fn an_outage_in_the_lab_appears_on_an_open_page_and_goes_again() {
    let silent = Fault {
        from: Nanos::secs(12),
        to: Some(Nanos::secs(20)),
        every: Some(Nanos::secs(26)),
        loss: Chance::ALWAYS,
        ..Fault::default()
    };
    let fleet = Scenario::new(1).with(host("10.1.0.1")).with(Hosts { faults: vec![silent], ..host("10.1.0.2") });
    let lab = lab(&fleet);
    let daemon = Inner::over(&lab, &Estate::of(&[("well", "10.1.0.1"), ("weak", "10.1.0.2")]));
    look("lab", &[("board", format!("http://{}", daemon.page.0))], |_| {});
    daemon.stop();
}

/// The council, with two hours of County Hall's primary link in evidence: 10 ms at first, then 20 ms with one probe of ten lost.
fn measured(dir: &std::path::Path) -> Snapshot {
    let mut s = estate::council();
    let mut config = (*s.config).clone();
    config.monitor.data_dir = dir.to_owned();
    let primary = config.components.iter().position(|c| c.id.as_str() == "ch-primary").expect("it is there");
    let mut minutes = MinuteAggregator::new();
    for n in 0..720 {
        let late = n >= 360;
        let lost = late && n % 10 == 0;
        let rtt = Micros(if late { 20_000 } else { 10_000 });
        let outcome = if lost { Outcome::Lost } else { Outcome::Reply { rtt } };
        let at = Sec((s.at.0 / 60 - 130) * 60 + n * 10);
        let outcomes = (0..3).map(|class| (assured::names::ClassIx(class), outcome)).collect();
        minutes.add(&Round { at, component: ComponentIx::from(primary), outcomes }, 10).expect("in order");
    }
    let names = Arc::new(Names::of(&config));
    let (mut store, _) = Store::open_as_daemon(dir, s.at).expect("a new one");
    let entries = minutes.take_all().into_iter().map(|minute| Entry::Imported(minute, names.clone()));
    store.append_stream(s.at, entries).expect("written");
    s.config = Arc::new(config);
    assert_eq!(s.components[primary].state, Shown::Down);
    s
}
