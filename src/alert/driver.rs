//! Looks every two seconds at what stands, and tells every Alertmanager what it has not heard.
//!
//! One task owns the [`Queue`]; each Alertmanager has at most one request under way, its own back-off and its own
//! list of what it has heard, so that one that is down, slow or hostile holds up nobody else. What has to outlive the process
//! is on the disk before it is told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::client::{Client, Failed};
use super::decide::{self, Memory};
use super::message;
use super::queue::{Item, MOST, Queue};
use super::silence::{self, Step, Wanted};
use super::store;
use crate::clock::{Clock, Now};
use crate::config::model::Alerting;
use crate::snapshot::{AlertmanagerView, AlertsView, Snapshot};
use crate::units::Sec;

/// How often it is looked at what stands.
const LOOK: Duration = Duration::from_secs(2);
/// How often it is looked at what is due.
const TICK: Duration = Duration::from_millis(250);
/// So many alerts go in one request.
const BATCH: usize = 256;
/// Silences are compared so often when nothing changed.
const SILENCES_NS: u64 = 300_000_000_000;
/// Largest list of silences that is read, bytes.
const MAX_SILENCES: usize = 8 << 20;
/// The first pause after a failure; it doubles up to the longest, with a fifth more or less by chance.
const FIRST_PAUSE_NS: u64 = 500_000_000;
/// The longest pause, or `alert_resend` when that is shorter: an Alertmanager that is back hears of everything within it.
const LONGEST_PAUSE_NS: u64 = 30_000_000_000;

/// What the loop needs.
pub struct Parts<F> {
    /// Where the queue is kept.
    pub data_dir: PathBuf,
    /// Both clocks.
    pub clock: Arc<dyn Clock>,
    /// Whether any Alertmanager is configured.
    pub wanted: watch::Receiver<bool>,
    /// Gives the picture of now.
    pub picture: F,
    /// How it fares, for the snapshots.
    pub shown: watch::Sender<Arc<AlertsView>>,
    /// Ends it.
    pub stop: CancellationToken,
}

/// Runs until stopped. What stands is not told as over then: a restart takes it up, and if there is none
/// Alertmanager lets it expire.
///
/// Cancelled anywhere it loses nothing that is not found again: what is heard twice is heard once.
pub async fn run<F, P>(parts: Parts<F>)
where
    F: Fn() -> P + Send,
    P: Future<Output = Option<Arc<Snapshot>>> + Send,
{
    let Parts { data_dir, clock, mut wanted, picture, shown, stop } = parts;
    // Nobody to tell: not even the disk is looked at.
    loop {
        if *wanted.borrow_and_update() {
            break;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = wanted.changed() => if changed.is_err() { return },
        }
    }
    let dir = data_dir.clone();
    let kept = tokio::task::spawn_blocking(move || store::load(&dir)).await.unwrap_or_default();
    let queue = Queue::resume(kept, MOST, clock.now());
    let mut teller = Teller {
        data_dir,
        clock,
        queue,
        memory: Memory::default(),
        client: None,
        listeners: Vec::new(),
        answers: JoinSet::new(),
        wished: Vec::new(),
        last: None,
        unsaved: false,
        shown,
    };
    let mut looks = tokio::time::interval(LOOK);
    let mut ticks = tokio::time::interval(TICK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = looks.tick() => {
                if *wanted.borrow() && let Some(snapshot) = picture().await {
                    teller.look(snapshot).await;
                } else if !*wanted.borrow() {
                    teller.nobody_listens();
                }
            }
            _ = ticks.tick() => teller.tell(),
            Some(answer) = teller.answers.join_next() => {
                if let Ok(answer) = answer {
                    teller.heard(answer);
                }
            }
        }
        teller.save().await;
        teller.show();
    }
}

struct Teller {
    data_dir: PathBuf,
    clock: Arc<dyn Clock>,
    queue: Queue,
    memory: Memory,
    client: Option<(Alerting, Client)>,
    listeners: Vec<Listener>,
    answers: JoinSet<Answer>,
    /// Silences that there should be.
    wished: Vec<Wanted>,
    last: Option<Arc<Snapshot>>,
    /// The disk would not take what changed.
    unsaved: bool,
    shown: watch::Sender<Arc<AlertsView>>,
}

/// One Alertmanager.
#[derive(Debug, Clone, Default)]
struct Listener {
    url: String,
    busy: bool,
    /// Failures in a row.
    failing: u32,
    not_before_ns: u64,
    failures: u64,
    last_success: Option<Sec>,
    /// The silences that it has, and when that was seen.
    silenced: Option<(u64, Vec<Wanted>)>,
    /// Silences could not be seen to: the alerts must not wait for them.
    silences_failing: bool,
    silences_not_before_ns: u64,
}

/// What came of a request.
struct Answer {
    url: String,
    outcome: Outcome,
}

enum Outcome {
    Alerts { taken: Vec<Item>, refused: Vec<Item>, failed: Option<Failed> },
    Silences(Vec<Wanted>, Result<(), String>),
}

impl Teller {
    /// Decides what stands.
    async fn look(&mut self, snapshot: Arc<Snapshot>) {
        let config = &snapshot.config;
        let mut urls = config.monitor.alertmanagers.clone();
        urls.sort_unstable();
        urls.dedup();
        if self.client.as_ref().is_none_or(|(alerting, _)| *alerting != config.monitor.alerting)
            || self.listeners.iter().map(|l| &l.url).ne(&urls)
        {
            let (alerting, to) = (config.monitor.alerting.clone(), urls.clone());
            let made = tokio::task::spawn_blocking(move || (alerting.clone(), Client::new(&alerting, &to))).await;
            self.client = made.ok();
            let before = std::mem::take(&mut self.listeners);
            let known = |url: &String| before.iter().find(|l| l.url == *url).cloned();
            self.listeners = urls
                .iter()
                .map(|url| known(url).unwrap_or(Listener { url: url.clone(), ..Listener::default() }))
                .collect();
            self.queue.listeners(&urls);
        }
        let now = self.clock.now();
        let decided = decide::decide(&snapshot, &mut self.memory, now, |labels| self.queue.stands_since(labels));
        self.queue.observe(decided, now);
        self.queue.forget(now, config.monitor.alerting.resend);
        self.wished = silence::wanted(config, &snapshot.exclusions, now.sec());
        self.last = Some(snapshot);
    }

    /// A reload took all Alertmanagers away.
    fn nobody_listens(&mut self) {
        if !self.listeners.is_empty() {
            self.listeners.clear();
            self.queue.listeners(&[]);
            self.last = None;
        }
    }

    /// Starts a request to everybody who has something to hear and is not busy.
    fn tell(&mut self) {
        let (Some(snapshot), Some((alerting, client))) = (&self.last, &self.client) else { return };
        let now = self.clock.now();
        for (n, listener) in self.listeners.iter_mut().enumerate() {
            if listener.busy || now.mono_ns < listener.not_before_ns {
                continue;
            }
            let (client, url) = (client.clone(), listener.url.clone());
            let zone = snapshot.config.monitor.time_zone.clone();
            let items = self.queue.due(n, now, alerting.resend, BATCH);
            if !items.is_empty() {
                listener.busy = true;
                self.answers.spawn(async move {
                    let outcome = tell(&client, &url, items, &zone).await;
                    Answer { url, outcome }
                });
                continue;
            }
            let fresh = |(seen, wished): &(u64, Vec<Wanted>)| {
                now.mono_ns.saturating_sub(*seen) < SILENCES_NS && *wished == self.wished
            };
            if now.mono_ns >= listener.silences_not_before_ns && !listener.silenced.as_ref().is_some_and(fresh) {
                listener.busy = true;
                let (wished, vantage) = (self.wished.clone(), snapshot.config.monitor.vantage.clone());
                self.answers.spawn(async move {
                    let done = silences(&client, &url, &wished, &vantage, now.sec()).await;
                    Answer { url, outcome: Outcome::Silences(wished, done) }
                });
            }
        }
    }

    /// Takes an answer in.
    fn heard(&mut self, answer: Answer) {
        let now = self.clock.now();
        // A reload may have taken it away.
        let Some(n) = self.listeners.iter().position(|l| l.url == answer.url) else { return };
        let resend = self.client.as_ref().map_or(0, |(alerting, _)| alerting.resend);
        let longest_ns = LONGEST_PAUSE_NS.min(resend.max(1) * 1_000_000_000);
        let listener = &mut self.listeners[n];
        listener.busy = false;
        match answer.outcome {
            Outcome::Alerts { taken, refused, failed } => {
                for item in &refused {
                    if self.queue.refused(n, item, now) {
                        tracing::error!(alertmanager = %listener.url, labels = ?item.alert.labels, "it will not take this alert");
                    }
                }
                self.queue.took(n, &taken, now);
                match failed {
                    None => listener.succeeded(now),
                    Some(why) => listener.failed(now, longest_ns, &why.to_string()),
                }
            }
            Outcome::Silences(wished, Ok(())) => {
                listener.silenced = Some((now.mono_ns, wished));
                listener.silences_failing = false;
                listener.succeeded(now);
            }
            Outcome::Silences(_, Err(why)) => {
                if !std::mem::replace(&mut listener.silences_failing, true) {
                    tracing::warn!(alertmanager = %listener.url, "its silences cannot be seen to, trying on: {why}");
                }
                listener.failures += 1;
                listener.silences_not_before_ns = now.mono_ns.saturating_add(longest_ns);
            }
        }
    }

    /// Brings what changed to the disk.
    async fn save(&mut self) {
        if !self.queue.take_changed() && !self.unsaved {
            return;
        }
        let (dir, kept) = (self.data_dir.clone(), self.queue.kept().collect());
        let saved = tokio::task::spawn_blocking(move || store::save(&dir, kept)).await;
        let problem = match saved {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(died) => Some(died.to_string()),
        };
        if let (Some(problem), false) = (&problem, self.unsaved) {
            tracing::error!("alerts are told, but cannot be kept over a restart: {problem}");
        }
        self.unsaved = problem.is_some();
    }

    fn show(&self) {
        let view = AlertsView {
            queued: self.queue.waiting() as u64,
            standing: self.queue.standing() as u64,
            dropped: self.queue.dropped(),
            alertmanagers: (self.listeners.iter())
                .map(|l| AlertmanagerView { url: l.url.clone(), last_success: l.last_success, failures: l.failures })
                .collect(),
        };
        self.shown.send_if_modified(|shown| {
            let other = **shown != view;
            if other {
                *shown = Arc::new(view);
            }
            other
        });
    }
}

impl Listener {
    fn succeeded(&mut self, now: Now) {
        if self.failing > 0 {
            tracing::info!(alertmanager = %self.url, failures = self.failing, "it takes alerts again");
        }
        self.failing = 0;
        self.last_success = Some(now.sec());
    }

    fn failed(&mut self, now: Now, longest_ns: u64, why: &str) {
        if self.failing == 0 {
            tracing::warn!(alertmanager = %self.url, "cannot be told of alerts, trying on: {why}");
        }
        self.failures += 1;
        let doubled = FIRST_PAUSE_NS.saturating_mul(1 << self.failing.min(10)).min(longest_ns);
        self.failing = self.failing.saturating_add(1);
        // From four fifths to six fifths: monitors that lost one Alertmanager together do not come back together.
        let chance = u64::from(getrandom::u32().unwrap_or_default() % 401);
        self.not_before_ns = now.mono_ns.saturating_add(doubled / 1_000 * (800 + chance));
    }
}

/// Tells of alerts. When a batch is refused, each is told alone: one that is wrong must not take others with it.
async fn tell(client: &Client, url: &str, items: Vec<Item>, zone: &jiff::tz::TimeZone) -> Outcome {
    let post = async |items: &[Item]| {
        let body = message::alerts(items, zone);
        client.ask(Method::POST, url, "/api/v2/alerts", Some(body), 0).await
    };
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    match post(&items).await {
        Ok(_) => return Outcome::Alerts { taken: items, refused, failed: None },
        Err(why) if !why.is_verdict() => return Outcome::Alerts { taken, refused, failed: Some(why) },
        Err(_) if items.len() == 1 => return Outcome::Alerts { taken, refused: items, failed: None },
        Err(_) => {}
    }
    for item in items {
        match post(std::slice::from_ref(&item)).await {
            Ok(_) => taken.push(item),
            Err(why) if why.is_verdict() => refused.push(item),
            Err(why) => return Outcome::Alerts { taken, refused, failed: Some(why) },
        }
    }
    Outcome::Alerts { taken, refused, failed: None }
}

/// Makes the silences of an Alertmanager what they should be.
async fn silences(client: &Client, url: &str, wished: &[Wanted], vantage: &str, now: Sec) -> Result<(), String> {
    let say = |why: Failed| why.to_string();
    let mut refused = None;
    let there = client.ask(Method::GET, url, "/api/v2/silences", None, MAX_SILENCES).await.map_err(say)?;
    for step in silence::steps(wished, &silence::parse(&there)?, vantage, now) {
        let done = match step {
            Step::Put(body) => client.ask(Method::POST, url, "/api/v2/silences", Some(body.to_string()), 0).await,
            Step::Expire(id) => client.ask(Method::DELETE, url, &format!("/api/v2/silence/{id}"), None, 0).await,
        };
        match done {
            Err(why) if why.is_verdict() => refused = Some(why),
            done => drop(done.map_err(say)?),
        }
    }
    refused.map_or(Ok(()), |why| Err(say(why)))
}
