//! A configuration for a machine that has none: its gateway, resolvers and loopback.
//!
//! A function of the texts of `/proc/net/route`, `/proc/net/ipv6_route` and `/etc/resolv.conf`;
//! the result is ordinary TOML and passes the ordinary check.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most gateways, and most resolvers, that are watched.
const MAX_EACH: usize = 8;

/// The configuration's text.
#[must_use]
pub fn configuration(route: &str, ipv6_route: &str, resolv_conf: &str) -> String {
    let mut gateways: Vec<IpAddr> = route.lines().skip(1).filter_map(gateway_v4).collect();
    gateways.extend(ipv6_route.lines().filter_map(gateway_v6));
    let resolvers: Vec<IpAddr> = resolv_conf.lines().filter_map(resolver).collect();

    let mut seen: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into()];
    let mut devices = vec![("loopback".to_owned(), "Loopback of this machine".to_owned(), seen[0])];
    for (name, title, found) in
        [("gateway", "Default gateway of this machine", gateways), ("resolver", "Resolver of this machine", resolvers)]
    {
        let new: Vec<IpAddr> = found
            .into_iter()
            .filter(|a| {
                let fresh = !seen.contains(a);
                seen.push(*a);
                fresh
            })
            .take(MAX_EACH)
            .collect();
        for (n, address) in new.into_iter().enumerate() {
            let id = if n == 0 { name.to_owned() } else { format!("{name}-{}", n + 1) };
            devices.push((id, format!("{title} ({address})"), address));
        }
    }

    let mut toml = String::from(
        r#"[monitor]
vantage = "this-machine"
data_dir = "assured-data"

[probing]
icmp = { interval = "1s", timeout = "1s" }

[contracts.none]
title = "No contract: assured runs without a configuration"
provider = "nobody"
customer = "this machine"
starts = 2000-01-01
ends = 2099-12-31

[slas.informal]
availability = "99%"

[sites.this-machine]
title = "This machine (watched because no configuration was found)"

"#,
    );
    for (id, title, address) in &devices {
        let _ =
            write!(toml, "[devices.{id}]\ntitle = \"{title}\"\nsite = \"this-machine\"\naddress = \"{address}\"\n\n");
    }
    let group = |toml: &mut String, service: &str, title: &str, prefix: &str| {
        let members: Vec<String> =
            devices.iter().filter(|(id, ..)| id.starts_with(prefix)).map(|(id, ..)| format!("\"{id}\"")).collect();
        if !members.is_empty() {
            let _ = write!(
                toml,
                "[services.{service}]\ntitle = \"{title}\"\nsite = \"this-machine\"\ncontract = \"none\"\nsla = \"informal\"\nrequires = {{ any = [{}] }}\n\n",
                members.join(", ")
            );
        }
    };
    group(&mut toml, "way-out", "Way out of this machine (no contract)", "gateway");
    group(&mut toml, "name-resolution", "Name resolution (no contract)", "resolver");
    group(&mut toml, "self", "This machine itself (no contract)", "loopback");
    toml
}

/// The gateway of a default route: `Iface Destination Gateway Flags … Mask`, in hexadecimal, least byte first.
fn gateway_v4(line: &str) -> Option<IpAddr> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let hex = |n: usize| u32::from_str_radix(fields.get(n)?, 16).ok();
    let (destination, gateway, mask) = (hex(1)?, hex(2)?, hex(7)?);
    (destination == 0 && mask == 0 && gateway != 0).then(|| Ipv4Addr::from(gateway.swap_bytes()).into())
}

/// The gateway of an IPv6 default route. A link-local one would need its interface, so it is left out.
fn gateway_v6(line: &str) -> Option<IpAddr> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (destination, length) = (fields.first()?, fields.get(1)?);
    let next_hop = u128::from_str_radix(fields.get(4)?, 16).ok()?;
    let address = Ipv6Addr::from(next_hop);
    let default = destination.bytes().all(|b| b == b'0') && *length == "00";
    (default && next_hop != 0 && !address.is_unicast_link_local()).then_some(address.into())
}

/// The address of a `nameserver` line; one with a zone is left out, as above.
fn resolver(line: &str) -> Option<IpAddr> {
    let mut words = line.split_whitespace();
    (words.next() == Some("nameserver")).then(|| words.next()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t0101010A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        eth0\t0001010A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";

    #[test]
    fn gateway_and_resolvers_are_found_and_nothing_is_watched_twice() {
        let text =
            configuration(ROUTE, "", "# x\nnameserver 10.1.1.1\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\n");
        assert!(text.contains("[devices.gateway]\ntitle = \"Default gateway of this machine (10.1.1.1)\""));
        assert!(text.contains("[devices.resolver]\ntitle = \"Resolver of this machine (192.0.2.53)\""));
        assert_eq!(text.matches("[devices.").count(), 3);
    }

    #[test]
    fn global_ipv6_gateways_are_found_and_link_local_ones_left_out() {
        let line =
            |hop: &str| format!("{0} 00 {0} 00 {hop} 00000400 00000001 00000000 00000003 eth0\n", "0".repeat(32));
        let text = configuration("", &line("20010db8000000000000000000000001"), "");
        assert!(text.contains("address = \"2001:db8::1\""));
        assert!(!configuration("", &line("fe800000000000000000000000000001"), "").contains("fe80"));
    }

    #[test]
    fn a_machine_without_anything_still_has_its_loopback() {
        let text = configuration("", "", "");
        assert_eq!(text.matches("[devices.").count(), 1);
        assert_eq!(text.matches("[services.").count(), 1);
    }
}
