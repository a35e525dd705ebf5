//! ICMP echo for IPv4 and IPv6: many targets, each probe with its own code point and deadline.
//!
//! [`Engine`] is the seam. [`batched`] is the one for Linux: one raw socket per address family or a few
//! datagram sockets, `sendmmsg`/`recvmmsg`, kernel time stamps. [`portable`] wraps `surge-ping` for other
//! systems and as the second opinion of a differential test. [`codec`] is bytes only; [`socket`] is the
//! kernel, and the only file with `unsafe`.

#[cfg(target_os = "linux")]
pub mod batched;
pub mod codec;
pub mod portable;
#[cfg(target_os = "linux")]
pub mod socket;

use std::net::IpAddr;
use std::time::Duration;

/// One echo request to send now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Chosen by the caller, comes back with every event about this request. Unique among those in flight.
    pub key: u64,
    /// Where to.
    pub address: IpAddr,
    /// Differentiated Services code point, 0 to 63.
    pub dscp: u8,
    /// ICMP payload length in bytes: raised to [`MIN_PAYLOAD`] if less; more than [`codec::MAX_PAYLOAD`] is not sent.
    pub size: u16,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// The shortest payload that holds a probe's identity, in bytes.
pub const MIN_PAYLOAD: u16 = 24;

/// Something learnt about a request. Exactly one of `Reply`, `Lost` and `NotMeasured` comes for each
/// request that was sent; `Late` and `Duplicate` may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The request's key.
    pub key: u64,
    /// What was learnt.
    pub kind: EventKind,
}

/// See [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The answer: our address, identifier, sequence and token all fit.
    Reply {
        /// Kernel receive stamp less kernel transmit stamp where there are both, else the best at hand.
        rtt: Duration,
        /// Code point of the answer, when the kernel told.
        dscp: Option<u8>,
        /// TTL or hop limit of the answer, when the kernel told.
        ttl: Option<u8>,
    },
    /// The deadline passed.
    Lost {
        /// A router or the target said in between that it cannot be reached.
        unreachable: Option<Unreachable>,
    },
    /// Our own side failed; nothing can be said about the network.
    NotMeasured(Failure),
    /// The answer came after the deadline.
    Late,
    /// A further answer to a request already answered.
    Duplicate,
}

/// An ICMP error about one of our requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreachable {
    /// Who said so.
    pub from: IpAddr,
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
}

/// Why our own side could not measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// This host has no route to the address or no network (ENETUNREACH, EHOSTUNREACH at send, ENETDOWN …).
    NoRoute,
    /// The socket refused to send for another reason (EPERM, ENOBUFS, EMSGSIZE …).
    SendFailed,
    /// The receive buffer overflowed while the request was in flight.
    SocketDrop,
    /// More requests in flight than the engine has room for.
    Overload,
    /// The process was not running while the answer would have come.
    Stalled,
    /// No socket for this address family.
    NoSocket,
}

/// A sender of echo requests. Events arrive on the channel given at its start.
pub trait Engine: Send + Sync {
    /// Takes requests to send now; returns at once. What there is no room for comes back as [`Failure::Overload`].
    fn send(&self, requests: Vec<Request>);

    /// What was seen so far that belongs to no request, and which sockets are in use.
    fn strays(&self) -> Strays;
}

/// Datagrams that were counted as what they are and never as a reply, since the engine started.
///
/// Over datagram sockets the kernel keeps other identifiers and bad checksums from us, so `foreign`,
/// `foreign_errors` and most of `corrupted` stay zero there (see `IcmpMsg` and `InCsumErrors` in `/proc/net/snmp`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Strays {
    /// Echo replies that are not ours at all: another process's identifier or no token of ours.
    pub foreign: u64,
    /// Ours by identifier, but with another token or sequence: a lie or damage.
    pub mismatched: u64,
    /// Token right, but from another address than the one probed.
    pub spoofed: u64,
    /// Too short, bad checksum, or nonsense in the header.
    pub corrupted: u64,
    /// ICMP errors about requests of ours.
    pub unreachable: u64,
    /// ICMP errors that quote nothing of ours.
    pub foreign_errors: u64,
    /// Datagrams the kernel dropped at our socket (SO_RXQ_OVFL).
    pub socket_drops: u64,
    /// Events thrown away because the receiver was not reading.
    pub events_dropped: u64,
}
