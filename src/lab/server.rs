//! Inside the lab's namespace: makes the TUN device and its routes, opens sockets, gives them away.
//!
//! A namespace is entered by a thread, or where only user namespaces are allowed by a helper
//! process, for those can be entered only by a process with a single thread. The helper speaks
//! over its standard input, one message a time: the constants below.

use std::fs;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::ExitCode;

use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{self, AddressFamily, ControlMessage, MsgFlags, SockFlag, SockProtocol, SockType};
use nix::unistd::{getegid, geteuid};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

use super::netlink;
use super::scenario::{Prefix, VANTAGE};

/// The first argument by which a program is asked to be the helper.
pub const HELPER_ARGUMENT: &str = "lab-helper";

/// Packets that wait in the device before the kernel drops further ones, counted in [`Namespace::dropped`].
const QUEUE: u32 = 65_536;
const DEVICE: &str = "lab0";

/// Longest message either way, in bytes.
pub(super) const MAX_MESSAGE: usize = 4096;
/// First byte of a request: furnish the namespace with these prefixes, one a line; gives the device.
pub(super) const FURNISH: u8 = b'F';
/// Open a socket of the kind in the second byte; gives it.
pub(super) const OPEN: u8 = b'O';
/// Take the routes away (second byte 0) or put them back (1).
pub(super) const ROUTES: u8 = b'R';
/// How many packets did the device drop? Answered in eight bytes.
pub(super) const DROPPED: u8 = b'D';
/// First byte of an answer: done.
pub(super) const DONE: u8 = b'+';
/// Not done; then the error number and what was tried.
pub(super) const FAILED: u8 = b'-';

/// A socket that can be had from inside, not yet bound or set up in any way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SocketKind {
    IcmpDatagramV4,
    IcmpDatagramV6,
    IcmpRawV4,
    IcmpRawV6,
    UdpV4,
    UdpV6,
    TcpV4,
    TcpV6,
}

impl SocketKind {
    /// Every kind; its position is its number on the wire to the helper.
    pub const ALL: [Self; 8] = [
        Self::IcmpDatagramV4,
        Self::IcmpDatagramV6,
        Self::IcmpRawV4,
        Self::IcmpRawV6,
        Self::UdpV4,
        Self::UdpV6,
        Self::TcpV4,
        Self::TcpV6,
    ];

    /// Opens one in the namespace of the calling thread.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(self) -> io::Result<OwnedFd> {
        use SockType::{Datagram, Raw, Stream};
        let (family, kind, protocol) = match self {
            Self::IcmpDatagramV4 => (AddressFamily::Inet, Datagram, Some(SockProtocol::Icmp)),
            Self::IcmpDatagramV6 => (AddressFamily::Inet6, Datagram, Some(SockProtocol::IcmpV6)),
            Self::IcmpRawV4 => (AddressFamily::Inet, Raw, Some(SockProtocol::Icmp)),
            Self::IcmpRawV6 => (AddressFamily::Inet6, Raw, Some(SockProtocol::IcmpV6)),
            Self::UdpV4 => (AddressFamily::Inet, Datagram, None),
            Self::UdpV6 => (AddressFamily::Inet6, Datagram, None),
            Self::TcpV4 => (AddressFamily::Inet, Stream, None),
            Self::TcpV6 => (AddressFamily::Inet6, Stream, None),
        };
        Ok(socket::socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, protocol)?)
    }
}

/// What went wrong inside: what was tried, and the kernel's answer.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct InsideError {
    /// What was tried, with what to do about it.
    pub what: String,
    /// The kernel's answer.
    pub source: io::Error,
}

fn failing<E: Into<io::Error>>(what: &str) -> impl FnOnce(E) -> InsideError {
    move |e| InsideError { what: what.to_owned(), source: e.into() }
}

/// Enters a network namespace of its own: the calling thread alone, and for good. Needs CAP_SYS_ADMIN.
///
/// # Errors
/// Not allowed, or no room for more namespaces.
pub fn enter() -> io::Result<()> {
    Ok(unshare(CloneFlags::CLONE_NEWNET)?)
}

/// Enters a user namespace as its root, with a network namespace in it. Only for a process with one thread.
///
/// # Errors
/// User namespaces are not allowed.
pub fn enter_as_user() -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

/// A furnished namespace; stays with the thread or process that made it.
pub struct Namespace {
    netlink: OwnedFd,
    device: SyncDevice,
    index: u32,
    prefixes: Vec<Prefix>,
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Namespace").field("prefixes", &self.prefixes).finish_non_exhaustive()
    }
}

impl Namespace {
    /// Furnishes the namespace that the calling thread has entered: loopback, the device, addresses, routes, and the
    /// right to open datagram ICMP sockets.
    ///
    /// # Errors
    /// What could not be done, most often opening `/dev/net/tun`.
    pub fn furnish(prefixes: Vec<Prefix>) -> Result<Self, InsideError> {
        let tun = "making a TUN device (is /dev/net/tun there, readable and writable?)";
        let builder = DeviceBuilder::new().name(DEVICE).layer(Layer::L3).inherit_enable_state();
        let device = builder.build_sync().map_err(failing(tun))?;
        let index = if_nametoindex(DEVICE).map_err(failing("finding the TUN device"))?;
        let (family, flags) = (AddressFamily::Netlink, SockFlag::SOCK_CLOEXEC);
        let netlink = socket::socket(family, SockType::Raw, flags, Some(SockProtocol::NetlinkRoute))
            .map_err(failing("opening a netlink socket"))?;
        let namespace = Self { netlink, device, index, prefixes };
        let loopback = if_nametoindex("lo").map_err(failing("finding the loopback device"))?;
        namespace.ask(&netlink::link_up(loopback, None)).map_err(failing("bringing loopback up"))?;
        namespace.ask(&netlink::link_up(index, Some(QUEUE))).map_err(failing("bringing the TUN device up"))?;
        for address in VANTAGE {
            // A kernel without IPv6 is no reason to fail: IPv6 hosts are then out of reach, and say so when probed.
            let added = namespace.ask(&netlink::add_address(index, address));
            if address.is_ipv4() {
                added.map_err(failing("giving the TUN device its address"))?;
            }
        }
        namespace.set_routes(true).map_err(failing("routing the scenario's prefixes"))?;
        // All groups may use datagram ICMP sockets; in a user namespace only its own group can be named.
        let range = "/proc/sys/net/ipv4/ping_group_range";
        let _ = fs::write(range, "0 2147483647").or_else(|_| fs::write(range, "0 0"));
        Ok(namespace)
    }

    /// The device, to read what is sent into the lab and to write answers; does not block.
    ///
    /// # Errors
    /// Out of file descriptors.
    pub fn device(&self) -> io::Result<OwnedFd> {
        self.device.set_nonblocking(true)?;
        self.device.as_fd().try_clone_to_owned()
    }

    /// Puts the routes to the scenario's prefixes there, or takes them away.
    ///
    /// # Errors
    /// The kernel's; a prefix of IPv6 where there is none is passed over.
    pub fn set_routes(&self, there: bool) -> io::Result<()> {
        for &prefix in &self.prefixes {
            let message = match there {
                true => netlink::add_route(self.index, prefix),
                false => netlink::delete_route(self.index, prefix),
            };
            match self.ask(&message) {
                Err(e) if prefix.address.is_ipv4() => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    /// How many packets the device dropped because its queue was full.
    ///
    /// # Errors
    /// The kernel's table cannot be read.
    pub fn dropped(&self) -> io::Result<u64> {
        let table = fs::read_to_string("/proc/thread-self/net/dev")?;
        let line = table.lines().find_map(|line| line.trim_start().strip_prefix("lab0:"));
        // Eight columns of receiving, then bytes, packets, errors and drops of sending.
        let drops = line.and_then(|columns| columns.split_ascii_whitespace().nth(11)?.parse().ok());
        drops.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no such device in the kernel's table"))
    }

    fn ask(&self, message: &[u8]) -> io::Result<()> {
        socket::send(self.netlink.as_raw_fd(), message, MsgFlags::empty())?;
        let mut bytes = [0; MAX_MESSAGE];
        let length = socket::recv(self.netlink.as_raw_fd(), &mut bytes, MsgFlags::empty())?;
        match netlink::answer(&bytes[..length]).map_err(io::Error::other)? {
            0 => Ok(()),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// Becomes the lab's helper if the program was called as one: must stand first in `main`, before any thread.
#[must_use]
pub fn run_if_asked() -> Option<ExitCode> {
    (std::env::args_os().nth(1)? == HELPER_ARGUMENT).then(|| match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("the lab's helper stops: {e}");
            ExitCode::FAILURE
        }
    })
}

/// Enters a namespace and answers requests on standard input until the other end closes it.
fn serve() -> io::Result<()> {
    let entered = enter().or_else(|_| enter_as_user());
    let entered = entered.map_err(|e| {
        let hint = match e.raw_os_error() {
            Some(errno) if errno == nix::errno::Errno::ENOSPC as i32 => {
                "sysctl user.max_net_namespaces and user.max_user_namespaces allow no more"
            }
            _ => "are user namespaces allowed?",
        };
        InsideError { what: format!("entering a network namespace of its own ({hint})"), source: e }
    });
    let mut namespace = None;
    let stdin = io::stdin();
    loop {
        let mut request = [0; MAX_MESSAGE];
        let length = socket::recv(stdin.as_raw_fd(), &mut request, MsgFlags::empty())?;
        if length == 0 {
            return Ok(());
        }
        let answer = match &entered {
            // Nothing may be done in a namespace that is not ours.
            Err(e) => Err(InsideError { what: e.what.clone(), source: copy(&e.source) }),
            Ok(()) => perform(&request[..length], &mut namespace),
        };
        let (bytes, fd) = match answer {
            Ok((more, fd)) => ([&[DONE], more.as_slice()].concat(), fd),
            Err(e) => {
                let errno = e.source.raw_os_error().unwrap_or(0).to_ne_bytes();
                let mut text = e.what.into_bytes();
                text.truncate(MAX_MESSAGE - 5);
                ([&[FAILED], errno.as_slice(), text.as_slice()].concat(), None)
            }
        };
        let fds: Vec<_> = fd.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&fds)];
        let control = if fds.is_empty() { &rights[..0] } else { &rights[..] };
        let part = [IoSlice::new(&bytes)];
        socket::sendmsg::<socket::UnixAddr>(stdin.as_raw_fd(), &part, control, MsgFlags::empty(), None)?;
    }
}

/// An error of the kernel's once more.
fn copy(e: &io::Error) -> io::Error {
    e.raw_os_error().map_or_else(|| io::Error::from(e.kind()), io::Error::from_raw_os_error)
}

type Answer = Result<(Vec<u8>, Option<OwnedFd>), InsideError>;

fn perform(request: &[u8], namespace: &mut Option<Namespace>) -> Answer {
    let wrong =
        || InsideError { what: "understanding a request".to_owned(), source: io::ErrorKind::InvalidInput.into() };
    let (&verb, rest) = request.split_first().ok_or_else(wrong)?;
    if verb == FURNISH {
        let text = std::str::from_utf8(rest).map_err(|_| wrong())?;
        let prefixes = text.lines().map(|line| Prefix::parse(line).ok_or_else(wrong)).collect::<Result<_, _>>()?;
        let made = namespace.insert(Namespace::furnish(prefixes)?);
        return Ok((Vec::new(), Some(made.device().map_err(failing("handing out the TUN device"))?)));
    }
    let namespace = namespace.as_ref().ok_or_else(wrong)?;
    match verb {
        OPEN => {
            let number = rest.first().map(|&b| usize::from(b));
            let kind = number.and_then(|n| SocketKind::ALL.get(n)).ok_or_else(wrong)?;
            let socket = kind.open().map_err(failing("opening a socket"))?;
            Ok((Vec::new(), Some(socket)))
        }
        ROUTES => {
            namespace.set_routes(rest == [1]).map_err(failing("changing the routes"))?;
            Ok((Vec::new(), None))
        }
        DROPPED => {
            let dropped = namespace.dropped().map_err(failing("counting what the device dropped"))?;
            Ok((dropped.to_ne_bytes().to_vec(), None))
        }
        _ => Err(wrong()),
    }
}
