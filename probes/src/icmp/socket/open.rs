//! Which sockets are opened: the mode that is allowed, as many as are needed, with room enough.

use std::io;
use std::os::fd::OwnedFd;

use socket2::{Domain, Protocol, Type};

use super::{RAW_IDS, Socket};
use crate::icmp::codec::Family;

/// Sequence numbers of one datagram socket that are put to use; the rest keeps decided requests findable.
const IN_FLIGHT_PER_SOCKET: usize = 60_000;

/// How a socket speaks ICMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `SOCK_DGRAM`: no privilege beyond `net.ipv4.ping_group_range`; the kernel owns the identifier.
    Datagram,
    /// `SOCK_RAW`: needs CAP_NET_RAW.
    Raw,
}

/// What to open.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Only this mode; otherwise datagram sockets where allowed, else raw ones.
    pub mode: Option<Mode>,
    /// Wanted receive buffer per socket, in bytes. Without CAP_NET_ADMIN `net.core.rmem_max` limits it.
    pub receive_buffer: usize,
    /// Requests in flight at most, per address family. A datagram socket holds 60,000, a raw one 983,040.
    pub in_flight_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { mode: None, receive_buffer: 8 << 20, in_flight_max: 2 * IN_FLIGHT_PER_SOCKET }
    }
}

/// Why there are no sockets. The text is meant for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither mode is allowed.
    #[error(
        "not allowed to send ICMP echo requests: either allow it to this process's group \
         (`sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`), or give the program CAP_NET_RAW \
         (`setcap cap_net_raw+ep` on the binary, `AmbientCapabilities=CAP_NET_RAW` in the systemd unit)"
    )]
    Denied,
    /// Something else failed.
    #[error("cannot open an ICMP socket: {0}")]
    Failed(#[from] io::Error),
}

/// Open ICMP sockets. They belong to the network namespace they were opened in and may be used from any other.
#[derive(Debug)]
pub struct Sockets {
    pub(in crate::icmp) v4: Option<Bundle>,
    pub(in crate::icmp) v6: Option<Bundle>,
}

/// The sockets of one family.
#[derive(Debug)]
pub(in crate::icmp) struct Bundle {
    pub(in crate::icmp) family: Family,
    pub(in crate::icmp) mode: Mode,
    /// One raw socket, or as many datagram sockets as are needed.
    pub(in crate::icmp) sockets: Vec<Socket>,
    /// Requests in flight at most.
    pub(in crate::icmp) in_flight_max: usize,
}

impl Sockets {
    /// Opens sockets for IPv4 and IPv6 in the calling thread's network namespace. A family that this
    /// machine does not have is left out.
    ///
    /// # Errors
    /// When no family is left: [`OpenError::Denied`] if either is for want of permission.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        Self::open_by(options, |v6, mode| {
            let (domain, protocol) =
                if v6 { (Domain::IPV6, Protocol::ICMPV6) } else { (Domain::IPV4, Protocol::ICMPV4) };
            let kind = match mode {
                Mode::Datagram => Type::DGRAM,
                Mode::Raw => Type::RAW,
            };
            socket2::Socket::new(domain, kind.nonblocking().cloexec(), Some(protocol)).map(Into::into)
        })
    }

    /// The same with bare sockets made by somebody else, as in another namespace: `make` is asked for an
    /// ICMP socket for IPv6 or not, in a mode, non-blocking and closed on exec.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_by(
        options: Options,
        mut make: impl FnMut(bool, Mode) -> io::Result<OwnedFd>,
    ) -> Result<Self, OpenError> {
        let v4 = Bundle::open(Family::V4, options, &mut make);
        let v6 = Bundle::open(Family::V6, options, &mut make);
        match (v4, v6) {
            (Err(_), Err(OpenError::Denied)) => Err(OpenError::Denied),
            (Err(error), Err(_)) => Err(error),
            (v4, v6) => Ok(Self { v4: v4.ok(), v6: v6.ok() }),
        }
    }

    /// How IPv4 is spoken, if at all.
    pub fn v4(&self) -> Option<Mode> {
        self.v4.as_ref().map(|bundle| bundle.mode)
    }

    /// How IPv6 is spoken, if at all.
    pub fn v6(&self) -> Option<Mode> {
        self.v6.as_ref().map(|bundle| bundle.mode)
    }

    /// The smallest receive buffer granted, in bytes as the kernel accounts them.
    pub fn receive_buffer(&self) -> usize {
        let all = [&self.v4, &self.v6];
        let sockets = all.into_iter().flatten().flat_map(|bundle| &bundle.sockets);
        sockets.map(|socket| socket.receive_buffer).min().unwrap_or(0)
    }
}

impl Bundle {
    fn open(
        family: Family,
        options: Options,
        make: &mut impl FnMut(bool, Mode) -> io::Result<OwnedFd>,
    ) -> Result<Self, OpenError> {
        let modes: &[Mode] = match options.mode {
            Some(Mode::Datagram) => &[Mode::Datagram],
            Some(Mode::Raw) => &[Mode::Raw],
            None => &[Mode::Datagram, Mode::Raw],
        };
        let (mut denied, mut failed) = (false, None);
        for mode in modes {
            let (count, room) = match mode {
                Mode::Datagram => (options.in_flight_max.div_ceil(IN_FLIGHT_PER_SOCKET).max(1), IN_FLIGHT_PER_SOCKET),
                Mode::Raw => (1, IN_FLIGHT_PER_SOCKET * usize::from(RAW_IDS)),
            };
            let sockets: io::Result<Vec<_>> = (0..count.min(64))
                .map(|_| Socket::set_up(make(family == Family::V6, *mode)?, family, *mode, options.receive_buffer))
                .collect();
            match sockets {
                Ok(sockets) => {
                    let in_flight_max = options.in_flight_max.min(room * sockets.len());
                    return Ok(Self { family, mode: *mode, sockets, in_flight_max });
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => denied = true,
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.filter(|_| !denied).map_or(OpenError::Denied, OpenError::Failed))
    }
}
