//! The loop that owns all state: it reads the clocks, feeds the core, and performs what the core returns.
//!
//! One task owns the [`Core`]; everybody else asks it over a bounded channel. It never waits
//! for a reader, the disk or the network: what is slow has its own task.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::icmp::{Engine, Event, Request};
use assured_probes::snmp::trap::Hint;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Interval, MissedTickBehavior};

use super::core::{Core, Draft};
use super::keeper::driver::{Keeper, News};
use super::poll::{Job, Polled};
use crate::clock::{Clock, Now};
use crate::config::Config;
use crate::evidence::record::Body;
use crate::measurement::Cause;
use crate::schedule::pace::{Pace, Tick};
use crate::schedule::plan::Plan;
use crate::snapshot::{AlertsView, Snapshot};

/// Due targets are looked for so often that about so many leave together: they wait for each other in queues on the
/// way, so more would add to the RTTs, and fewer cost a wake-up each.
const TOGETHER: f64 = 5.0;
/// The shortest and the longest time between two looks. At 10,000 targets a second a shorter one would wake three threads
/// for ten targets.
const TICK: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(10));

/// How often to look for due targets.
fn ticks(plan: &Plan) -> Interval {
    let period = Duration::from_secs_f64((TOGETHER / plan.per_second().max(1.0)).min(1.0));
    let mut ticks = tokio::time::interval(period.clamp(TICK.0, TICK.1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

/// Targets drafted in one go: a few milliseconds.
const DRAFTED_AT_ONCE: usize = 2_048;

/// A picture that readers wait for.
struct Drawing {
    draft: Draft,
    readers: Vec<oneshot::Sender<Arc<Snapshot>>>,
}

/// What others ask of the driver.
#[derive(Debug)]
pub enum Ask {
    /// A picture of now; one made in the same second may serve.
    Snapshot(oneshot::Sender<Arc<Snapshot>>),
    /// The same without what each class measures; one of the same second may serve, a full one too.
    Brief(oneshot::Sender<Arc<Snapshot>>),
    /// Go on with another configuration. The answer says what changed.
    Reload(Box<Config>, oneshot::Sender<String>),
    /// A reload failed before it came here; say so in metrics.
    ReloadFailed,
    /// Send nothing more, wait for what is in flight, close the accounts, and end.
    Stop,
}

/// A look-up that has ended: the name and its addresses, none when it failed.
pub type Looked = (Arc<str>, Vec<IpAddr>);

/// Everything the loop needs.
pub struct Driver {
    /// The state.
    pub core: Core,
    /// Sends probes.
    pub engine: Arc<dyn Engine>,
    /// What the engine learnt.
    pub events: mpsc::Receiver<Vec<Event>>,
    /// Devices to be polled.
    pub jobs: mpsc::Sender<Job>,
    /// What came of that.
    pub polled: mpsc::Receiver<Polled>,
    /// Notifications that devices sent.
    pub hints: mpsc::Receiver<Hint>,
    /// Readers and operators.
    pub asks: mpsc::Receiver<Ask>,
    /// The resolver's answers.
    pub looked: mpsc::Receiver<Looked>,
    /// The names to look up, sorted.
    pub names: watch::Sender<Vec<Arc<str>>>,
    /// Keeps the evidence.
    pub keeper: Keeper,
    /// How telling the Alertmanagers fares.
    pub alerts: watch::Receiver<Arc<AlertsView>>,
    /// Both clocks.
    pub clock: Arc<dyn Clock>,
}

/// Gives a job to the poller. When its queue is full the poll is left out, and that is said.
fn hand_on(core: &mut Core, jobs: &mpsc::Sender<Job>, job: Option<Job>, now: Now) {
    if let Some(job) = job
        && let Err(mpsc::error::TrySendError::Full(job)) = jobs.try_send(job)
    {
        core.not_polled(&job, Cause::Skipped, now);
    }
}

/// Forgets a picture, elsewhere if it is large: the last one to hold it frees a string or more for each component.
fn let_go(old: Option<Arc<Snapshot>>) {
    if let Some(old) = old.filter(|s| s.components.len() > DRAFTED_AT_ONCE) {
        tokio::task::spawn_blocking(move || drop(old));
    }
}

impl Driver {
    /// Runs until asked to stop or until the engine is gone; returns the keeper with all that was measured handed over.
    ///
    /// Must not be cancelled: the accounts would stay open.
    pub async fn run(mut self) -> Keeper {
        let mut pace = Pace::new(self.clock.now());
        let (mut plan, mut polls) = (self.core.plan(), self.core.poll_plan());
        let mut ticks = ticks(&plan);
        let mut requests: Vec<Request> = Vec::new();
        let mut fresh: Option<Arc<Snapshot>> = None;
        let mut brief: Option<Arc<Snapshot>> = None;
        let mut drawing: Option<Drawing> = None;
        let mut stop_at_mono_ns: Option<u64> = None;
        let mut reason = "asked to stop";

        if self.core.wants_objectives() && self.keeper.is_open() {
            self.ask_past();
        }
        loop {
            tokio::select! {
                batch = self.events.recv() => {
                    let Some(batch) = batch else {
                        tracing::error!("the probing engine has ended; stopping");
                        reason = "the probing engine has ended";
                        break;
                    };
                    let now = self.clock.now();
                    for event in &batch {
                        self.core.event(event, now);
                    }
                }
                _ = ticks.tick() => {
                    let now = self.clock.now();
                    let tick = pace.tick(now);
                    self.report_step(&tick);
                    if let Some((after, until, cause)) = tick.missed {
                        self.core.missed(&plan, after, until, cause, now);
                        self.core.polls_missed(&polls, after, until, cause, now);
                    }
                    if let (Some((after, until)), None) = (tick.serve, stop_at_mono_ns) {
                        plan.due(after, until, |due| self.core.due(due, now, &mut requests));
                        if !requests.is_empty() {
                            self.engine.send(std::mem::take(&mut requests));
                        }
                        for job in self.core.poll_owed(now) {
                            hand_on(&mut self.core, &self.jobs, Some(job), now);
                        }
                        polls.due(after, until, |due| {
                            let job = self.core.poll_due(due, now);
                            hand_on(&mut self.core, &self.jobs, job, now);
                        });
                    }
                    self.core.tick(now);
                    self.hand_over();
                    self.keeper.tick(now.sec());
                    // A picture of another second is given to nobody any more, and holds on to every histogram.
                    for old in [&mut fresh, &mut brief] {
                        let_go(old.take_if(|picture| picture.at != now.sec()));
                    }
                    if stop_at_mono_ns.is_some_and(|at| now.mono_ns >= at || self.core.idle()) {
                        break;
                    }
                }
                // Whatever else there is to do comes in between.
                () = tokio::task::yield_now(), if drawing.is_some() => self.draw(&mut drawing, &mut fresh),
                polled = self.polled.recv() => {
                    if let Some(polled) = polled {
                        self.core.polled(polled, self.clock.now());
                    }
                }
                Some(hint) = self.hints.recv() => {
                    let now = self.clock.now();
                    let job = self.core.notified(&hint, now);
                    hand_on(&mut self.core, &self.jobs, job, now);
                }
                news = self.keeper.news() => self.heard(news),
                looked = self.looked.recv() => {
                    if let Some((name, addresses)) = looked {
                        self.core.looked(&name, &addresses);
                    }
                }
                ask = self.asks.recv() => match ask {
                    Some(Ask::Snapshot(answer)) => {
                        let second = self.clock.now().sec();
                        match (&mut drawing, fresh.as_ref().filter(|s| s.at == second)) {
                            (_, Some(snapshot)) => drop(answer.send(snapshot.clone())), // the reader may have gone
                            (Some(drawing), _) => drawing.readers.push(answer),
                            (None, None) => {
                                drawing = Some(Drawing { draft: Draft::default(), readers: vec![answer] });
                                self.draw(&mut drawing, &mut fresh);
                            }
                        }
                    }
                    Some(Ask::Brief(answer)) => {
                        let now = self.clock.now();
                        let same = |s: &&Arc<Snapshot>| s.at == now.sec();
                        let snapshot = match fresh.as_ref().filter(same).or(brief.as_ref().filter(same)) {
                            Some(snapshot) => snapshot.clone(),
                            None => {
                                self.core.evidence_stands(self.keeper.standing());
                                Arc::new(self.core.brief(now, &self.engine.strays()))
                            }
                        };
                        let_go(brief.replace(snapshot.clone()));
                        let _ = answer.send(snapshot);
                    }
                    Some(Ask::Reload(config, answer)) => {
                        let said = self.reload(*config);
                        (plan, polls) = (self.core.plan(), self.core.poll_plan());
                        ticks = self::ticks(&plan);
                        self.names.send_replace(self.core.names());
                        (fresh, brief) = (None, None);
                        if let Some(drawing) = &mut drawing {
                            drawing.draft = Draft::default();
                        }
                        let _ = answer.send(said);
                    }
                    Some(Ask::ReloadFailed) => {
                        self.core.reload_failed();
                        (fresh, brief) = (None, None);
                    }
                    Some(Ask::Stop) | None => {
                        let wait = self.core.longest_timeout() + Duration::from_millis(500);
                        let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
                        stop_at_mono_ns.get_or_insert(self.clock.now().mono_ns.saturating_add(wait_ns));
                    }
                },
            }
        }
        self.core.close(self.clock.now());
        self.hand_over();
        self.keeper.fact(Body::Stop { reason: reason.into() });
        self.keeper
    }

    /// Goes on with a drawing; when it is done, everybody who waits gets it.
    fn draw(&mut self, drawing: &mut Option<Drawing>, fresh: &mut Option<Arc<Snapshot>>) {
        let done = drawing.take_if(|drawing| self.core.draft(&mut drawing.draft, DRAFTED_AT_ONCE));
        let Some(Drawing { draft, readers }) = done else { return };
        self.core.evidence_stands(self.keeper.standing());
        self.core.alerts_stand(self.alerts.borrow().clone());
        let snapshot = Arc::new(self.core.snapshot_from(draft, self.clock.now(), &self.engine.strays()));
        let_go(fresh.replace(snapshot.clone()));
        for reader in readers {
            let _ = reader.send(snapshot.clone()); // it may have gone
        }
    }

    /// Minutes and facts go their way to the disk.
    fn hand_over(&mut self) {
        let kept = self.core.take_kept();
        kept.facts.into_iter().for_each(|fact| self.keeper.fact(fact));
        kept.minutes.into_iter().for_each(|(minute, names)| self.keeper.minute(minute, names));
    }

    /// Goes on with another configuration, and has the month so far read again under its terms.
    fn reload(&mut self, config: Config) -> String {
        let before = self.core.config().clone();
        let said = self.core.reload(config, self.clock.now());
        self.hand_over();
        let config = self.core.config();
        if config.monitor.data_dir != before.monitor.data_dir {
            tracing::warn!(
                "monitor.data_dir changed: evidence goes on being kept in {} until the next start",
                before.monitor.data_dir.display()
            );
        }
        if config.hash != before.hash {
            self.keeper.config(config);
            self.ask_past();
        }
        said
    }

    fn ask_past(&mut self) {
        self.hand_over();
        self.core.asked_past();
        self.keeper.ask_past(self.core.config().clone());
    }

    fn heard(&mut self, news: News) {
        match news {
            News::Past(past) => {
                past.damages.iter().for_each(|damage| tracing::warn!("evidence is damaged: {damage}"));
                tracing::info!("the month so far was read: its figures follow the present terms and exclusions");
                self.core.adopt(*past);
            }
            News::NoPast(why) => {
                tracing::warn!(
                    "the month so far cannot be read again: {why}. Figures of services whose terms changed begin anew; \
                     reports are not affected"
                );
                self.core.no_past();
            }
            News::Changed => {
                tracing::info!("exclusions changed, or history was imported");
                self.ask_past();
            }
            News::Faults(faults) => self.core.know_faults(faults),
            News::Opened => self.ask_past(),
        }
    }

    fn report_step(&mut self, tick: &Tick) {
        let Some(ns) = tick.stepped_ns else { return };
        self.core.stepped(ns);
        let seconds = ns as f64 / 1e9;
        tracing::warn!(seconds, "the wall clock stepped: slots it jumped over are unknown time");
    }
}
