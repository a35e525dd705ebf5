//! The one loop that makes what all open pages are told, and the streams that carry it.
//!
//! A picture is asked for once a second while anybody listens, and every page that somebody has open
//! is rendered from it once; listeners of the same page share the bytes. A listener who does not
//! take what is sent falls behind and is dropped: its page says that it is no longer live.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use futures_util::stream::{self, Stream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::{Instant, sleep};

use super::{Parts, Topic, changed, events, said, states};
use crate::http::page;
use crate::http::source::Source;
use crate::snapshot::{Shown, Snapshot};

/// So many streams at a time, of the connections that there are; further pages refresh themselves instead.
pub const MAX_STREAMS: usize = 320;
/// So many different pages are listened to at a time; the board is always among them.
const MAX_TOPICS: usize = 64;
/// A listener may be so many messages behind before it is dropped.
const MAX_BEHIND: usize = 16;
/// How often pages are told of changes, unless making them takes too long.
const TICK: Duration = Duration::from_secs(1);
/// The slowest that pages are told of changes; well below the ten seconds after which they call themselves stale.
const SLOWEST: Duration = Duration::from_secs(4);
/// Making pages takes at most one part in so many of the time.
const SHARE: u32 = 20;
/// Pages of one service or site are made again after so many ticks, or when some state has changed.
const DETAIL_TICKS: u32 = 5;

/// Who listens to what.
pub struct Hub {
    source: Source,
    rooms: Mutex<Rooms>,
    places: Arc<Semaphore>,
    somebody: Notify,
}

#[derive(Default)]
struct Rooms {
    closed: bool,
    open: BTreeMap<Topic, Room>,
}

/// Everybody who listens to one page.
struct Room {
    out: broadcast::Sender<Bytes>,
    /// What was sent last, and the whole of it for whoever comes next.
    parts: Arc<Parts>,
    states: Arc<Vec<(String, Shown)>>,
    whole: Bytes,
}

/// Why nobody can listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Every place is taken.
    #[error("too many pages are live already; this one refreshes itself")]
    Full,
    /// The server is ending.
    #[error("the daemon is stopping")]
    Stopping,
}

/// What one tick made of one page: its parts and the services' states.
type Made = (Topic, Option<(Parts, Vec<(String, Shown)>)>);

impl Hub {
    /// Nobody listens yet.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self { source, rooms: Mutex::default(), places: Arc::new(Semaphore::new(MAX_STREAMS)), somebody: Notify::new() }
    }

    /// A stream of events: the page's parts as they were sent last, then every change.
    ///
    /// It ends when its reader falls behind, when the page is no longer there, and with the server.
    pub fn listen(
        &self,
        topic: Topic,
    ) -> Result<impl Stream<Item = Result<Bytes, Infallible>> + Send + use<>, Refused> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Refused::Full)?;
        let mut rooms = self.rooms();
        if rooms.closed {
            return Err(Refused::Stopping);
        }
        let boards = matches!(topic, Topic::Board | Topic::Wall);
        if !boards && !rooms.open.contains_key(&topic) && rooms.open.len() >= MAX_TOPICS {
            return Err(Refused::Full);
        }
        let room = rooms.open.entry(topic).or_insert_with(|| Room {
            out: broadcast::Sender::new(MAX_BEHIND),
            parts: Arc::default(),
            states: Arc::default(),
            whole: Bytes::new(),
        });
        let hello = Bytes::from_static(b"retry: 2000\n\n");
        let first = [hello, room.whole.clone()].into_iter().filter(|b| !b.is_empty()).rev().collect();
        let listener = Listener { heard: room.out.subscribe(), first, _place: place };
        drop(rooms);
        self.somebody.notify_one();
        Ok(stream::unfold(listener, |mut listener| async move {
            if let Some(bytes) = listener.first.pop() {
                return Some((Ok(bytes), listener));
            }
            // Both a listener that fell behind and a page that is gone end the stream.
            let bytes = listener.heard.recv().await.ok()?;
            Some((Ok(bytes), listener))
        }))
    }

    /// Makes and sends until it is dropped. Nothing is lost by that: every stream ends.
    pub async fn run(&self) {
        let mut ticks = 0_u32;
        let mut seen: Vec<(String, Shown)> = Vec::new();
        loop {
            let topics = self.topics();
            if topics.is_empty() {
                self.somebody.notified().await;
                continue;
            }
            let began = Instant::now();
            ticks = ticks.wrapping_add(1);
            if let Ok(snapshot) = self.source.brief().await {
                let now = states(&snapshot, &Topic::Board);
                let all = ticks.is_multiple_of(DETAIL_TICKS) || now != seen;
                seen = now;
                let (mut wanted, detailed): (Vec<Topic>, Vec<Topic>) =
                    topics.into_iter().partition(|topic| matches!(topic, Topic::Board | Topic::Wall));
                let mut picture = Arc::clone(&snapshot);
                let detailed: Vec<Topic> = detailed.into_iter().filter(|topic| all || self.is_new(topic)).collect();
                // What each class measures is asked for only when a page shows it.
                if !detailed.is_empty()
                    && let Ok(full) = self.source.snapshot().await
                {
                    picture = full;
                    wanted.extend(detailed);
                }
                // Were pages not made, to tell of the time alone would call old ones live.
                if let Ok(made) = tokio::task::spawn_blocking(move || make(&picture, wanted)).await {
                    self.tell(&snapshot, made);
                }
            }
            sleep((began.elapsed() * SHARE).clamp(TICK, SLOWEST)).await;
        }
    }

    /// Ends every stream; nobody can listen any more.
    pub fn close(&self) {
        let mut rooms = self.rooms();
        rooms.closed = true;
        rooms.open.clear();
    }

    /// The pages that somebody listens to; those that everybody has left are forgotten.
    fn topics(&self) -> Vec<Topic> {
        let mut rooms = self.rooms();
        rooms.open.retain(|_, room| room.out.receiver_count() > 0);
        rooms.open.keys().cloned().collect()
    }

    fn is_new(&self, topic: &Topic) -> bool {
        self.rooms().open.get(topic).is_some_and(|room| room.parts.is_empty())
    }

    /// Sends each page's news, and to every page that this is what holds now.
    fn tell(&self, snapshot: &Snapshot, made: Vec<Made>) {
        let clock = page::clock(snapshot);
        let mut rooms = self.rooms();
        let mut told: BTreeMap<Topic, Bytes> = BTreeMap::new();
        for (topic, page) in made {
            let Some(room) = rooms.open.get_mut(&topic) else { continue };
            let Some((parts, states)) = page else {
                // Its service or site was configured away: the stream ends, and the page finds out.
                rooms.open.remove(&topic);
                continue;
            };
            let mut text = events(changed(&room.parts, &parts));
            if let Some(words) = said(&room.states, &states).filter(|_| !room.parts.is_empty()) {
                text += &events([("say", page::escaped(&words).as_str())]);
            }
            text += &events([("clock", clock.as_str())]);
            room.whole = events(parts.iter().map(|(n, h)| (*n, h.as_str()))).into();
            (room.parts, room.states) = (Arc::new(parts), Arc::new(states));
            told.insert(topic, text.into());
        }
        let only_clock = Bytes::from(events([("clock", clock.as_str())]));
        for (topic, room) in &rooms.open {
            // Who came while pages were made has been told nothing yet that could hold now.
            let clock = (!room.whole.is_empty()).then(|| only_clock.clone());
            if let Some(text) = told.remove(topic).or(clock) {
                // An error says that nobody listens any more.
                let _ = room.out.send(text);
            }
        }
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        // Whoever panicked left a map that is whole.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Listener {
    heard: broadcast::Receiver<Bytes>,
    /// What is sent before anything else, the first last.
    first: Vec<Bytes>,
    _place: OwnedSemaphorePermit,
}

fn make(s: &Snapshot, topics: Vec<Topic>) -> Vec<Made> {
    topics
        .into_iter()
        .map(|topic| {
            let parts = page::parts(s, &topic).map(|parts| (parts, states(s, &topic)));
            (topic, parts)
        })
        .collect()
}
