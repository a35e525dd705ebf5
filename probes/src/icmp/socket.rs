//! The sockets, and the one place where the kernel is spoken to in `unsafe`: batched sends and receives with
//! control messages, the error queue, a wake-up descriptor, and the two clocks.
//!
//! What comes out of here is bytes and numbers copied out of buffers we own; everything that reads them is safe
//! code. Control messages and socket addresses are read and written as bytes of the kernel's layout (`cmsghdr`,
//! `sockaddr_in`, `sockaddr_in6`, `sock_extended_err`), so that no pointer into a buffer is ever followed.
#![allow(unsafe_code)]

mod open;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

pub(super) use self::open::Bundle;
pub use self::open::{Mode, OpenError, Options, Sockets};
use super::MIN_PAYLOAD;
use super::batched::Sample;
use super::codec::{Family, HEADER};

/// How many datagrams one system call carries.
pub(super) const BATCH: usize = 64;

/// What a received datagram holds besides its payload: the ICMP header and the longest IPv4 header.
const OVERHEAD: usize = HEADER + 60;

/// As much of an error queue's quote as identifies a request.
const QUOTE_MAX: usize = 64;

/// Identifiers, and so 65,536 sequence numbers each, that a raw socket takes for itself.
pub(super) const RAW_IDS: u16 = 16;

/// One ICMP socket.
#[derive(Debug)]
pub(super) struct Socket {
    socket: socket2::Socket,
    family: Family,
    mode: Mode,
    /// The identifier the kernel gave a datagram socket.
    pub(super) id: u16,
    /// What the kernel granted, in bytes as it accounts them.
    pub(super) receive_buffer: usize,
}

const STAMPS_ON: libc::c_uint = libc::SOF_TIMESTAMPING_RX_SOFTWARE
    | libc::SOF_TIMESTAMPING_TX_SOFTWARE
    | libc::SOF_TIMESTAMPING_SOFTWARE
    | libc::SOF_TIMESTAMPING_OPT_ID
    | libc::SOF_TIMESTAMPING_OPT_TSONLY;

/// For sends that pile up in a slow interface's queue.
const SEND_BUFFER: usize = 4 << 20;

impl Socket {
    fn set_up(bare: OwnedFd, family: Family, mode: Mode, receive_buffer: usize) -> io::Result<Self> {
        let any: IpAddr = match family {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = socket2::Socket::from(bare);
        let on: libc::c_int = 1;
        match (family, mode) {
            (Family::V4, Mode::Raw) => {
                // Bits that are set are types that stay out; the IPv4 header carries TOS and TTL.
                set_option(&socket, libc::SOL_RAW, ICMP_FILTER, !(1u32 << Family::V4.reply_kind()))?;
            }
            (Family::V4, Mode::Datagram) => {
                set_option(&socket, libc::SOL_IP, libc::IP_RECVTOS, on)?;
                set_option(&socket, libc::SOL_IP, libc::IP_RECVTTL, on)?;
            }
            (Family::V6, _) => {
                if mode == Mode::Raw {
                    let mut filter = [u32::MAX; 8];
                    let kind = Family::V6.reply_kind();
                    filter[usize::from(kind / 32)] &= !(1 << (kind % 32));
                    set_option(&socket, libc::SOL_ICMPV6, ICMPV6_FILTER, filter)?;
                }
                set_option(&socket, libc::SOL_IPV6, libc::IPV6_RECVTCLASS, on)?;
                set_option(&socket, libc::SOL_IPV6, libc::IPV6_RECVHOPLIMIT, on)?;
            }
        }
        match family {
            Family::V4 => set_option(&socket, libc::SOL_IP, libc::IP_RECVERR, on)?,
            Family::V6 => set_option(&socket, libc::SOL_IPV6, libc::IPV6_RECVERR, on)?,
        }
        set_option(&socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, on)?;
        let wanted = libc::c_int::try_from(receive_buffer).unwrap_or(libc::c_int::MAX);
        if set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, wanted).is_err() {
            socket.set_recv_buffer_size(receive_buffer)?;
        }
        if set_option(&socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, SEND_BUFFER as libc::c_int).is_err() {
            socket.set_send_buffer_size(SEND_BUFFER)?;
        }
        // Without stamps (a sandbox that knows none) RTTs are a little worse, not wrong.
        let _ = set_option(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, STAMPS_ON);
        let mut id = 0;
        if mode == Mode::Datagram {
            socket.bind(&SocketAddr::new(any, 0).into())?;
            id = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
        }
        let receive_buffer = socket.recv_buffer_size()?;
        Ok(Self { socket, family, mode, id, receive_buffer })
    }

    /// The kernel prepends the IPv4 header to what it hands out.
    pub(super) fn with_header(&self) -> bool {
        self.mode == Mode::Raw && self.family == Family::V4
    }

    /// Sends the batch from its `first` datagram on. Returns how many were taken; an error is about the first.
    pub(super) fn send(&self, batch: &mut Outgoing, first: usize) -> io::Result<usize> {
        let count = batch.items.len() - first;
        let bytes = batch.bytes.as_ptr();
        // SAFETY: iovec and mmsghdr are plain C structs of integers and pointers; all zeroes is a valid value.
        let (mut vectors, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) = unsafe { std::mem::zeroed() };
        for ((item, vector), header) in batch.items[first..].iter_mut().zip(&mut vectors).zip(&mut headers) {
            // SAFETY: `start..end` was a range of `bytes` when the item was pushed and `bytes` only grows until
            // `clear`, which removes the items too; so the offset stays inside the allocation.
            vector.iov_base = unsafe { bytes.add(item.start) }.cast_mut().cast();
            vector.iov_len = item.end - item.start;
            header.msg_hdr.msg_name = ptr::from_mut(&mut item.name).cast();
            header.msg_hdr.msg_namelen = item.name_length;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = ptr::from_mut(&mut item.control).cast();
            header.msg_hdr.msg_controllen = item.control_length as _;
        }
        // SAFETY: the first `count` headers (`count` ≤ BATCH, kept by `Outgoing::push`) point at names, vectors,
        // payloads and control data that live in `batch` or on this stack frame until the call returns, with
        // their true lengths. sendmmsg only reads through them and writes `msg_len` into the headers.
        let sent = unsafe { libc::sendmmsg(self.socket.as_raw_fd(), headers.as_mut_ptr(), count as _, 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
    }

    /// Reads up to [`BATCH`] datagrams, or as many entries of the error queue if the batch was made for that.
    pub(super) fn receive(&self, batch: &mut Incoming) -> io::Result<usize> {
        batch.received = 0;
        // SAFETY: iovec and mmsghdr are plain C structs of integers and pointers; all zeroes is a valid value.
        let (mut vectors, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) = unsafe { std::mem::zeroed() };
        let chunks = batch.bytes.chunks_exact_mut(batch.stride);
        for (((chunk, meta), vector), header) in chunks.zip(batch.metas.iter_mut()).zip(&mut vectors).zip(&mut headers)
        {
            vector.iov_base = chunk.as_mut_ptr().cast();
            vector.iov_len = chunk.len();
            header.msg_hdr.msg_name = ptr::from_mut(&mut meta.name).cast();
            header.msg_hdr.msg_namelen = size_of::<Name>() as _;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = ptr::from_mut(&mut meta.control).cast();
            header.msg_hdr.msg_controllen = size_of::<Control>() as _;
        }
        let flags = libc::MSG_DONTWAIT | if batch.errors { libc::MSG_ERRQUEUE } else { 0 };
        let room = batch.metas.len();
        // SAFETY: `bytes` holds `room` chunks and `metas` as many entries, so each of the `room` headers (≤ BATCH) points at a
        // distinct buffer, name and control area with its true length; all live until the call returns. Every
        // bit pattern the kernel may write is valid for byte arrays and integers. No time-out is passed.
        let got = unsafe {
            libc::recvmmsg(self.socket.as_raw_fd(), headers.as_mut_ptr(), room as _, flags as _, ptr::null_mut())
        };
        if got < 0 {
            return Err(io::Error::last_os_error());
        }
        batch.received = (got as usize).min(BATCH);
        for (meta, header) in batch.metas.iter_mut().zip(&headers).take(batch.received) {
            meta.length = (header.msg_len as usize).min(batch.stride);
            meta.name_length = (header.msg_hdr.msg_namelen as usize).min(size_of::<Name>());
            #[allow(clippy::unnecessary_cast, reason = "a socklen_t with musl")]
            let control_length = header.msg_hdr.msg_controllen as usize;
            meta.control_length = control_length.min(size_of::<Control>());
            meta.truncated = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
        }
        Ok(batch.received)
    }

    /// Clears an error that an earlier ICMP message left pending, so that no send is blamed for it.
    pub(super) fn clear_error(&self) {
        let _ = self.socket.take_error();
    }

    /// Makes the kernel count transmit stamps from zero again.
    pub(super) fn restart_stamps(&self) {
        let off = STAMPS_ON & !libc::SOF_TIMESTAMPING_OPT_ID & !libc::SOF_TIMESTAMPING_OPT_TSONLY;
        let _ = set_option(&self.socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, off);
        let _ = set_option(&self.socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, STAMPS_ON);
    }

    /// How full the receive buffer is and how many datagrams the kernel has dropped here (SO_MEMINFO).
    pub(super) fn memory(&self) -> Option<Memory> {
        let mut words = [0u32; 9];
        let mut length = size_of_val(&words) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes into `words`, which is that long, and any bits are a u32.
        let result = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                SO_MEMINFO,
                words.as_mut_ptr().cast(),
                &mut length,
            )
        };
        (result == 0 && length as usize == size_of_val(&words)).then(|| Memory { queued: words[0], drops: words[8] })
    }
}

/// See [`Socket::memory`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    /// Bytes queued, as the kernel accounts them.
    pub(super) queued: u32,
    /// Datagrams dropped since the socket was opened, wrapping.
    pub(super) drops: u32,
}

// Linux ABI (linux/icmp.h, linux/icmpv6.h, asm-generic/socket.h, linux/errqueue.h); not in libc for all targets.
const ICMP_FILTER: libc::c_int = 1;
const ICMPV6_FILTER: libc::c_int = 1;
const SO_MEMINFO: libc::c_int = 55;
const ORIGIN_ICMP: u8 = 2;
const ORIGIN_ICMP6: u8 = 3;
const ORIGIN_TIMESTAMPING: u8 = 4;

fn set_option<T: Copy>(socket: &socket2::Socket, level: libc::c_int, name: libc::c_int, value: T) -> io::Result<()> {
    // SAFETY: the kernel reads exactly `size_of::<T>()` bytes from `value`, which is alive; the callers above pass
    // integers and arrays of them, which have no padding.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            ptr::from_ref(&value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The bytes of a `sockaddr_in` or `sockaddr_in6`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Name([u8; 32]);

/// The bytes of control messages: what we ask for takes at most 24 + 24 + 32 + 64 + 64.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 256]);

impl Name {
    fn new(address: IpAddr) -> (Self, libc::socklen_t) {
        let mut name = Self([0; 32]);
        let (family, length) = match address {
            IpAddr::V4(address) => {
                name.0[4..8].copy_from_slice(&address.octets());
                (libc::AF_INET, size_of::<libc::sockaddr_in>())
            }
            IpAddr::V6(address) => {
                name.0[8..24].copy_from_slice(&address.octets());
                (libc::AF_INET6, size_of::<libc::sockaddr_in6>())
            }
        };
        name.0[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        (name, length as _)
    }
}

fn read_address(name: &[u8]) -> Option<IpAddr> {
    match libc::c_int::from(u16::from_ne_bytes(*name.first_chunk()?)) {
        libc::AF_INET => Some(Ipv4Addr::from(*name.get(4..)?.first_chunk::<4>()?).into()),
        libc::AF_INET6 => Some(Ipv6Addr::from(*name.get(8..)?.first_chunk::<16>()?).into()),
        _ => None,
    }
}

/// Datagrams to send with one call.
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    items: Vec<OutgoingItem>,
}

struct OutgoingItem {
    start: usize,
    end: usize,
    name: Name,
    name_length: libc::socklen_t,
    control: Control,
    control_length: usize,
}

const CMSG_HEADER: usize = size_of::<usize>() + 8;

impl Outgoing {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), items: Vec::with_capacity(BATCH) }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Adds a datagram that `write` appends; to the batch's [`BATCH`] at most.
    pub(super) fn push(&mut self, address: IpAddr, dscp: u8, ttl: Option<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        assert!(self.items.len() < BATCH, "a batch is sent when it is full");
        let start = self.bytes.len();
        write(&mut self.bytes);
        let (name, name_length) = Name::new(address);
        let (level, tos_kind, ttl_kind) = match address {
            IpAddr::V4(_) => (libc::SOL_IP, libc::IP_TOS, libc::IP_TTL),
            IpAddr::V6(_) => (libc::SOL_IPV6, libc::IPV6_TCLASS, libc::IPV6_HOPLIMIT),
        };
        let (mut control, mut control_length) = (Control([0; 256]), 0);
        let mut add = |kind: libc::c_int, value: libc::c_int| {
            let at = &mut control.0[control_length..];
            at[..size_of::<usize>()].copy_from_slice(&(CMSG_HEADER + 4).to_ne_bytes());
            at[CMSG_HEADER - 8..CMSG_HEADER - 4].copy_from_slice(&level.to_ne_bytes());
            at[CMSG_HEADER - 4..CMSG_HEADER].copy_from_slice(&kind.to_ne_bytes());
            at[CMSG_HEADER..CMSG_HEADER + 4].copy_from_slice(&value.to_ne_bytes());
            control_length += (CMSG_HEADER + 4).next_multiple_of(size_of::<usize>());
        };
        if dscp > 0 {
            add(tos_kind, libc::c_int::from(dscp & 0x3f) << 2);
        }
        if let Some(ttl) = ttl {
            add(ttl_kind, libc::c_int::from(ttl));
        }
        let end = self.bytes.len();
        self.items.push(OutgoingItem { start, end, name, name_length, control, control_length });
    }
}

/// Datagrams received with one call.
pub(super) struct Incoming {
    bytes: Vec<u8>,
    stride: usize,
    errors: bool,
    metas: Vec<IncomingMeta>,
    received: usize,
}

#[derive(Clone)]
struct IncomingMeta {
    name: Name,
    control: Control,
    length: usize,
    name_length: usize,
    control_length: usize,
    truncated: bool,
}

/// A datagram, or an entry of the error queue.
pub(super) struct Received<'a> {
    /// What was received, or what the error quotes.
    pub(super) bytes: &'a [u8],
    /// Sender, or whom the erring datagram was for.
    pub(super) address: Option<IpAddr>,
    /// Longer than anything we have sent.
    pub(super) truncated: bool,
    /// The kernel's stamp: CLOCK_REALTIME in nanoseconds.
    pub(super) stamp_ns: Option<u64>,
    /// Code point.
    pub(super) dscp: Option<u8>,
    /// TTL or hop limit.
    pub(super) ttl: Option<u8>,
    /// Datagrams dropped at this socket before this one, wrapping.
    pub(super) drops: Option<u32>,
    /// What an entry of the error queue is about.
    pub(super) error: Option<QueuedError>,
}

/// See [`Received::error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueuedError {
    /// A transmit stamp for the socket's so-many-th send.
    Stamp(u32),
    /// An ICMP error.
    Icmp { from: Option<IpAddr>, kind: u8, code: u8 },
    /// The kernel's own.
    Local,
}

impl Incoming {
    /// Room for datagrams with the shortest payload.
    pub(super) fn datagrams() -> Self {
        Self::new(OVERHEAD + usize::from(MIN_PAYLOAD), false)
    }

    /// Makes room for datagrams with that much payload; no more than is needed, for the sake of the caches.
    pub(super) fn fit(&mut self, payload: u16) {
        let stride = (OVERHEAD + usize::from(payload)).next_multiple_of(64);
        if stride > self.stride {
            *self = Self::new(stride, self.errors);
        }
    }

    /// Room for entries of the error queue.
    pub(super) fn errors() -> Self {
        Self::new(QUOTE_MAX, true)
    }

    /// No room; stands in while the real one is in use.
    pub(super) fn none() -> Self {
        Self { bytes: Vec::new(), stride: 1, errors: false, metas: Vec::new(), received: 0 }
    }

    fn new(stride: usize, errors: bool) -> Self {
        let meta = IncomingMeta {
            name: Name([0; 32]),
            control: Control([0; 256]),
            length: 0,
            name_length: 0,
            control_length: 0,
            truncated: false,
        };
        Self { bytes: vec![0; stride * BATCH], stride, errors, metas: vec![meta; BATCH], received: 0 }
    }

    /// What the last call received.
    pub(super) fn iter(&self) -> impl Iterator<Item = Received<'_>> {
        let metas = self.metas.iter().take(self.received);
        self.bytes.chunks_exact(self.stride).zip(metas).map(|(chunk, meta)| {
            let mut received = Received {
                bytes: &chunk[..meta.length],
                address: read_address(&meta.name.0[..meta.name_length]),
                truncated: meta.truncated,
                stamp_ns: None,
                dscp: None,
                ttl: None,
                drops: None,
                error: None,
            };
            read_control(&meta.control.0[..meta.control_length], &mut received);
            received
        })
    }
}

fn read_control(mut bytes: &[u8], into: &mut Received<'_>) {
    while let Some(length) = bytes.first_chunk().map(|bytes| usize::from_ne_bytes(*bytes)) {
        let Some(data) = bytes.get(CMSG_HEADER..length) else { return };
        let (level, kind) = (int_at(bytes, CMSG_HEADER - 8), int_at(bytes, CMSG_HEADER - 4));
        match (level.unwrap_or(-1), kind.unwrap_or(-1)) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => into.stamp_ns = read_stamp(data),
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => into.drops = int_at(data, 0).map(|drops| drops as u32),
            (libc::SOL_IP, libc::IP_TOS) => into.dscp = data.first().map(|tos| tos >> 2),
            (libc::SOL_IPV6, libc::IPV6_TCLASS) => into.dscp = int_at(data, 0).map(|class| (class as u8) >> 2),
            (libc::SOL_IP, libc::IP_TTL) | (libc::SOL_IPV6, libc::IPV6_HOPLIMIT) => {
                into.ttl = int_at(data, 0).map(|ttl| ttl as u8);
            }
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR) => into.error = read_error(data),
            _ => {}
        }
        let Some(rest) = bytes.get(length.next_multiple_of(size_of::<usize>())..) else { return };
        bytes = rest;
    }
}

/// The software stamp, first of the three `timespec`s of `scm_timestamping`.
fn read_stamp(data: &[u8]) -> Option<u64> {
    const WORD: usize = size_of::<libc::c_long>();
    let seconds = libc::c_long::from_ne_bytes(*data.first_chunk()?);
    let nanoseconds = libc::c_long::from_ne_bytes(*data.get(WORD..)?.first_chunk()?);
    let stamp =
        u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?.checked_add(u64::try_from(nanoseconds).ok()?)?;
    (stamp > 0).then_some(stamp)
}

/// A `sock_extended_err` and the offender's address behind it.
fn read_error(data: &[u8]) -> Option<QueuedError> {
    let head = data.first_chunk::<16>()?;
    Some(match head[4] {
        ORIGIN_TIMESTAMPING => QueuedError::Stamp(u32::from_ne_bytes([head[12], head[13], head[14], head[15]])),
        ORIGIN_ICMP | ORIGIN_ICMP6 => {
            QueuedError::Icmp { from: read_address(&data[16..]), kind: head[5], code: head[6] }
        }
        _ => QueuedError::Local,
    })
}

fn int_at(bytes: &[u8], at: usize) -> Option<libc::c_int> {
    Some(libc::c_int::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Wakes the engine's thread out of [`wait`].
#[derive(Debug)]
pub(super) struct Waker(OwnedFd);

impl Waker {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointers; a result that is not negative is a new descriptor that nobody else owns.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: as above.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes the current or next wait return at once.
    pub(super) fn wake(&self) {
        let one = 1u64;
        // SAFETY: writes eight bytes from a living u64. It fails only when the counter is full, and then the
        // thread is awake anyway.
        unsafe { libc::write(self.0.as_raw_fd(), ptr::from_ref(&one).cast(), 8) };
    }

    fn reset(&self) {
        let mut count = 0u64;
        // SAFETY: reads at most eight bytes into a living u64; the descriptor does not block.
        unsafe { libc::read(self.0.as_raw_fd(), ptr::from_mut(&mut count).cast(), 8) };
    }
}

/// Sleeps until woken, until one of the sockets has something to say, or for at most `timeout`. Returns whether one
/// of the sockets has.
pub(super) fn wait<'a>(waker: &Waker, sockets: impl Iterator<Item = &'a Socket>, timeout: Duration) -> bool {
    let interest = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut fds: Vec<libc::pollfd> = vec![interest(waker.0.as_raw_fd())];
    fds.extend(sockets.map(|socket| interest(socket.socket.as_raw_fd())));
    let timeout = libc::timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos() as _ };
    // SAFETY: `fds` holds that many entries, alive until the call returns, as is the time-out; no signal mask.
    let ready = unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as _, &timeout, ptr::null()) };
    if ready > 0 && fds[0].revents != 0 {
        waker.reset();
    }
    ready > 0 && fds[1..].iter().any(|fd| fd.revents != 0)
}

/// Looks at both clocks.
pub(super) fn sample() -> Sample {
    Sample { before_ns: now_ns(), real_ns: clock_ns(libc::CLOCK_REALTIME), after_ns: now_ns() }
}

/// Nanoseconds since boot, including the time the machine was suspended.
pub(super) fn now_ns() -> u64 {
    clock_ns(libc::CLOCK_BOOTTIME)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec into `time`. Both clocks exist on every Linux since 2.6.39.
    unsafe { libc::clock_gettime(clock, &mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}
