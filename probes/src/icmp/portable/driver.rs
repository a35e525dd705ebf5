//! The tasks that ping.

use std::io;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

use crate::icmp::codec::{Family, HEADER, MAX_PAYLOAD};
use crate::icmp::{Engine, Event, EventKind, Failure, MIN_PAYLOAD, Request, Strays, Unreachable};

/// See [`super`]. Dropping it ends its tasks; requests in flight then come to nothing.
pub struct PortableEngine {
    shared: Arc<Shared>,
    /// One task for each request in flight; dropping the set aborts them, which loses nothing but the answers.
    tasks: Mutex<JoinSet<()>>,
    runtime: Handle,
}

struct Shared {
    v4: Option<Client>,
    v6: Option<Client>,
    id: PingIdentifier,
    next_sequence: AtomicU16,
    room: Arc<Semaphore>,
    events: Sender<Vec<Event>>,
    events_dropped: AtomicU64,
}

impl PortableEngine {
    /// Opens sockets in the calling thread's network namespace; at most `in_flight_max` requests will be in flight.
    /// Must be called within a tokio runtime, which will also run the tasks.
    ///
    /// # Errors
    /// When sockets of neither family can be opened; the error is IPv4's.
    pub fn start(in_flight_max: usize, events: Sender<Vec<Event>>) -> io::Result<Self> {
        let open = |kind| Client::new(&Config::builder().kind(kind).build());
        let (v4, v6) = match (open(ICMP::V4), open(ICMP::V6)) {
            (Err(error), Err(_)) => return Err(error),
            (v4, v6) => (v4.ok(), v6.ok()),
        };
        let mut random = [0; 2];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let shared = Shared {
            v4,
            v6,
            id: PingIdentifier(u16::from_ne_bytes(random)),
            next_sequence: AtomicU16::new(0),
            room: Arc::new(Semaphore::new(in_flight_max.min(Semaphore::MAX_PERMITS))),
            events,
            events_dropped: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared), tasks: Mutex::default(), runtime: Handle::current() })
    }
}

impl Engine for PortableEngine {
    fn send(&self, requests: Vec<Request>) {
        let mut refused = Vec::new();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        for request in requests {
            let Ok(permit) = self.shared.room.clone().try_acquire_owned() else {
                refused.push(Event { key: request.key, kind: EventKind::NotMeasured(Failure::Overload) });
                continue;
            };
            let shared = self.shared.clone();
            let task = async move {
                let event = Event { key: request.key, kind: shared.ping(request).await };
                drop(permit);
                // A closed channel means that nobody wants to know.
                let _ = shared.events.send(vec![event]).await;
            };
            tasks.spawn_on(task, &self.runtime);
        }
        let count = refused.len() as u64;
        if count > 0 && self.shared.events.try_send(refused).is_err() {
            self.shared.events_dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn strays(&self) -> Strays {
        Strays { events_dropped: self.shared.events_dropped.load(Ordering::Relaxed), ..Strays::default() }
    }
}

impl Shared {
    async fn ping(&self, request: Request) -> EventKind {
        let address = request.address.to_canonical();
        let client = match Family::of(address) {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        };
        let Some(client) = client else { return EventKind::NotMeasured(Failure::NoSocket) };
        if request.dscp != 0 || request.size > MAX_PAYLOAD {
            return EventKind::NotMeasured(Failure::SendFailed);
        }
        let payload = vec![0x5a; usize::from(request.size.max(MIN_PAYLOAD))];
        let mut pinger = client.pinger(address, self.id).await;
        pinger.timeout(request.timeout);
        let sequence = PingSequence(self.next_sequence.fetch_add(1, Ordering::Relaxed));
        let mut unreachable = None;
        // An error decides nothing before the deadline, so the rest of the time is waited out.
        let deadline = tokio::time::Instant::now() + request.timeout;
        match pinger.ping(sequence, &payload).await {
            Ok((packet, rtt)) => {
                let size = payload.len() + HEADER;
                match read(&packet, size) {
                    Answer::Reply { ttl } if rtt <= request.timeout => {
                        return EventKind::Reply { rtt, dscp: None, ttl };
                    }
                    Answer::Unreachable(by) => unreachable = Some(by),
                    Answer::Reply { .. } | Answer::Damaged => {}
                }
            }
            Err(SurgeError::IOError(error)) => return EventKind::NotMeasured(failure(&error)),
            Err(SurgeError::Timeout { .. }) => {}
            // The same address with the same sequence number is in flight: 65,536 requests ago.
            Err(SurgeError::IdenticalRequests { .. }) => return EventKind::NotMeasured(Failure::Overload),
            Err(_) => return EventKind::NotMeasured(Failure::SendFailed),
        }
        tokio::time::sleep_until(deadline).await;
        EventKind::Lost { unreachable }
    }
}

enum Answer {
    Reply { ttl: Option<u8> },
    Unreachable(Unreachable),
    Damaged,
}

fn read(packet: &IcmpPacket, size: usize) -> Answer {
    let (family, from, kind, code, length, ttl) = match packet {
        IcmpPacket::V4(packet) => (
            Family::V4,
            packet.get_source().into(),
            packet.get_icmp_type().0,
            packet.get_icmp_code().0,
            packet.get_size(),
            packet.get_ttl(),
        ),
        IcmpPacket::V6(packet) => (
            Family::V6,
            packet.get_source().into(),
            packet.get_icmpv6_type().0,
            packet.get_icmpv6_code().0,
            packet.get_size(),
            None,
        ),
    };
    if kind != family.reply_kind() {
        Answer::Unreachable(Unreachable { from, kind, code })
    } else if length == size {
        Answer::Reply { ttl }
    } else {
        Answer::Damaged
    }
}

fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => Failure::NoRoute,
        _ => Failure::SendFailed,
    }
}
