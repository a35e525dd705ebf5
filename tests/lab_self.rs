//! The lab does what its scenarios say: each trick seen from a socket of our own, on real packets.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use assured::lab::Lab;
use assured::lab::client::{Options, Way};
use assured::lab::scenario::{Hosts, Nanos, Scenario};
use assured::lab::server::SocketKind;

fn options(way: Way) -> Options {
    Options { way, helper: Some(env!("CARGO_BIN_EXE_assured").into()), ..Options::default() }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A socket from inside; ICMP sockets are as good as UDP ones to send to and receive from.
fn open(lab: &Lab, kind: SocketKind) -> UdpSocket {
    let fd: OwnedFd = lab.socket(kind).unwrap();
    let socket = UdpSocket::from(fd);
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

#[test]
fn a_host_answers_in_both_families_and_both_ways_to_a_namespace() {
    for way in [Way::Thread, Way::Helper] {
        let scenario = Scenario::new(1)
            .with(Hosts { delay: Nanos::ms(2), ..Hosts::at(address("10.1.0.1")) })
            .with(Hosts::at(address("fd00::1")));
        let lab = Lab::start(&scenario, &options(way)).unwrap();
        for (kind, request, to) in
            [(SocketKind::IcmpDatagramV4, 8, "10.1.0.1"), (SocketKind::IcmpDatagramV6, 128, "fd00::1")]
        {
            let socket = open(&lab, kind);
            let echo = [&[request, 0, 0, 0, 0, 0, 0, 7][..], b"sixteen bytes ok"].concat();
            socket.send_to(&echo, SocketAddr::new(address(to), 0)).unwrap();
            let mut bytes = [0; 100];
            let (length, from) = socket.recv_from(&mut bytes).unwrap();
            assert_eq!(from.ip(), address(to));
            assert_eq!(&bytes[6..length], [&[0, 7][..], b"sixteen bytes ok"].concat());
        }
        assert_eq!(lab.truth(|t| t.total().answered), 2);
        assert_eq!(lab.dropped().unwrap(), 0);
    }
}
