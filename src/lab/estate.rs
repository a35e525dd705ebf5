//! The demo's estate: a believable county council as a configuration, and what its network does.

use std::path::Path;

use super::scenario::Scenario;

const CONFIG: &str = include_str!("estate.toml");
const FAULTS: &str = include_str!("estate-faults.toml");

/// Where the estate's devices answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// 10.0.0.0/8, behind the lab's TUN device, with everything that [`demo_fleet`] does.
    Lab,
    /// The same, without SNMP: where the lab cannot give sockets for it, nothing may be asked from elsewhere.
    LabPingsOnly,
    /// 127.0.0.0/8, where namespaces are not allowed: this machine's kernel answers for every device, at once and
    /// always. Nothing can go wrong there, so no fault is ever seen.
    Loopback,
}

/// The configuration of the demo, as TOML.
#[must_use]
pub fn demo_config(listen: &str, data_dir: &Path, addresses: Addresses) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let estate = match addresses {
        Addresses::Lab => CONFIG.to_owned(),
        Addresses::LabPingsOnly => without_snmp(CONFIG),
        Addresses::Loopback => without_snmp(CONFIG).replace("= \"10.", "= \"127."),
    };
    let net = if addresses == Addresses::Loopback { "127" } else { "10" };
    format!(
        "[monitor]\nvantage = \"county-hall\"\nlisten = {}\ndata_dir = {}\ntime_zone = \"Europe/London\"\n\
         sentinels = [\"{net}.1.0.1\", \"{net}.1.0.2\"]\n\n{estate}",
        quoted(listen),
        quoted(&data_dir.to_string_lossy()),
    )
}

/// Name of the file beside the demo's configuration that holds [`COMMUNITY`].
pub const COMMUNITY_FILE: &str = "community";

/// What the demo's agents want to hear. No secret: nobody but this process can reach them.
pub const COMMUNITY: &str = "demo";

/// On loopback no agent answers, so nothing is asked.
fn without_snmp(config: &str) -> String {
    let kept = |line: &&str| !["snmp = ", "profile = ", "interface = "].iter().any(|key| line.starts_with(key));
    config.lines().filter(kept).flat_map(|line| [line, "\n"]).collect()
}

/// What the demo's network does: the same at every start.
#[must_use]
pub fn demo_fleet() -> Scenario {
    Scenario::parse(FAULTS).expect("the scenario that is compiled in is read by a test")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every address in a configuration, wherever it stands.
    fn addresses(value: &toml::Value, into: &mut BTreeSet<String>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    match value.as_str() {
                        Some(text) if key == "address" || key == "far_address" => assert!(into.insert(text.into())),
                        _ => addresses(value, into),
                    }
                }
            }
            toml::Value::Array(values) => values.iter().for_each(|v| addresses(v, into)),
            _ => {}
        }
    }

    fn parsed(addresses: Addresses) -> toml::Value {
        toml::from_str(&demo_config("127.0.0.1:9878", Path::new("/tmp/a \"b\""), addresses)).unwrap()
    }

    #[test]
    fn every_device_and_link_is_a_host_of_the_fleet_and_every_host_is_watched() {
        let mut watched = BTreeSet::new();
        addresses(&parsed(Addresses::Lab), &mut watched);
        let fleet = demo_fleet();
        let mut answering = BTreeSet::new();
        for hosts in &fleet.hosts {
            let std::net::IpAddr::V4(first) = hosts.address else { panic!("the estate is IPv4") };
            let count = u32::try_from(hosts.count).unwrap();
            answering.extend((0..count).map(|n| std::net::Ipv4Addr::from_bits(first.to_bits() + n).to_string()));
        }
        assert_eq!(watched, answering);
    }

    #[test]
    fn on_loopback_every_address_is_one_of_this_machine() {
        let mut watched = BTreeSet::new();
        let config = parsed(Addresses::Loopback);
        addresses(&config, &mut watched);
        assert!(watched.iter().all(|a| a.starts_with("127.")), "{watched:?}");
        let sentinels = config["monitor"]["sentinels"].as_array().unwrap();
        assert_eq!(sentinels.iter().map(|s| s.as_str().unwrap()).collect::<Vec<_>>(), ["127.1.0.1", "127.1.0.2"]);
    }

    #[test]
    fn every_agent_that_is_polled_answers_with_its_profile_and_the_links_interfaces() {
        use assured_probes::snmp::recording::Recording;
        let (config, fleet) = (parsed(Addresses::Lab), demo_fleet());
        let agent = |address: &str| {
            let hosts = fleet.hosts.iter().find(|h| h.address.to_string() == address).unwrap();
            let spec = hosts.snmp.as_ref().unwrap_or_else(|| panic!("{address} has no agent"));
            assert_eq!(spec.community, COMMUNITY);
            Recording::read(fleet.recordings[&spec.recording].as_bytes()).objects
        };
        let text = |value: Option<&assured_probes::snmp::Value>| value.and_then(|v| v.text()).unwrap_or_default();
        let library = assured_probes::snmp::profile::Library::embedded();
        let devices = config["devices"].as_table().unwrap();
        let mut polled = 0;
        for device in devices.values().filter(|d| d.get("snmp").is_some()) {
            let says = agent(device["address"].as_str().unwrap());
            let get = |oid: &str| text(says.get(&oid.parse().unwrap()));
            let id = get("1.3.6.1.2.1.1.2.0").parse().unwrap();
            assert_eq!(Some(&*library.choose(Some(&id), &get("1.3.6.1.2.1.1.1.0")).name), device["profile"].as_str());
            polled += 1;
        }
        assert!(polled >= 17, "{polled}");
        for link in config["links"].as_table().unwrap().values() {
            let Some(interface) = link.get("interface") else { continue };
            let says = agent(devices[link["device"].as_str().unwrap()]["address"].as_str().unwrap());
            let names = "1.3.6.1.2.1.31.1.1.1.1".parse().unwrap();
            assert!(says.iter().any(|(o, v)| o.below(&names).is_some() && v.text().as_deref() == interface.as_str()));
        }
        for silent in [parsed(Addresses::Loopback), parsed(Addresses::LabPingsOnly)] {
            assert!(silent["devices"].as_table().unwrap().values().all(|d| d.get("snmp").is_none()));
            assert!(silent["links"].as_table().unwrap().values().all(|l| l.get("interface").is_none()));
        }
    }

    #[test]
    fn names_of_directories_are_quoted() {
        assert_eq!(parsed(Addresses::Lab)["monitor"]["data_dir"].as_str(), Some("/tmp/a \"b\""));
    }

    #[test]
    fn everything_a_service_requires_is_there() {
        fn leaves(value: &toml::Value, into: &mut Vec<String>) {
            match value {
                toml::Value::String(text) => into.push(text.clone()),
                toml::Value::Array(values) => values.iter().for_each(|v| leaves(v, into)),
                toml::Value::Table(table) => table.values().for_each(|v| leaves(v, into)),
                _ => {}
            }
        }
        let config = parsed(Addresses::Lab);
        for service in config["services"].as_table().unwrap().values() {
            let mut required = Vec::new();
            leaves(&service["requires"], &mut required);
            for name in required {
                let there = ["devices", "links"].iter().any(|kind| config[*kind].get(&name).is_some());
                assert!(there, "{name}");
            }
        }
    }
}
