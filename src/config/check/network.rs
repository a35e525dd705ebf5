//! `[sites.X]`, `[devices.X]`, `[links.X]` and how they are probed.

use std::collections::HashMap;
use std::time::Duration;

use super::scalar;
use super::section::{Section, Sections};
use crate::config::model::{
    Component, ComponentKind, Device, DeviceRole, Host, Hysteresis, IcmpProbing, LONGEST_INTERVAL, Link, LinkRole,
    Site, SnmpProbing,
};
use crate::config::parse::show_duration;
use crate::config::reader::{Context, Node, Wanted};
use crate::names::{ClassIx, ComponentIx, CredentialIx, Id, SiteIx};

/// `[sites.X]`.
pub fn sites(cx: &Context<'_>, section: &Section<'_>) -> Vec<Option<Site>> {
    let site = |(id, n): &(&str, Node<'_>)| {
        n.only(cx, &["title", "wave", "accepted"]);
        let title = n.opt(cx, "title", scalar::text).unwrap_or_else(|| (*id).to_owned());
        let wave = n.opt(cx, "wave", scalar::text);
        let accepted = n.opt(cx, "accepted", scalar::date);
        Some(Site { id: Id::new(id).ok()?, title, wave, accepted })
    };
    section.entries.iter().map(site).collect()
}

/// Probing as it stands after everything said so far.
#[derive(Clone)]
struct Probing {
    icmp: IcmpProbing,
    snmp: SnmpProbing,
    hysteresis: Hysteresis,
}

impl Probing {
    fn defaults(classes: usize) -> Self {
        Self {
            icmp: IcmpProbing {
                interval: Duration::from_secs(1),
                timeout: Duration::from_secs(1),
                size: 64,
                classes: (0..classes).map(ClassIx::from).collect(),
            },
            snmp: SnmpProbing { interval: Duration::from_secs(60), timeout: Duration::from_secs(2), retries: 1 },
            hysteresis: Hysteresis { down_after: 3, up_after: 2 },
        }
    }

    /// This probing with what `n` says otherwise.
    fn overridden(&self, cx: &Context<'_>, n: &Node<'_>, classes: &Section<'_>) -> Self {
        let mut p = self.clone();
        let help = "write probing = { icmp = { interval = \"10s\" }, down_after = 3 }";
        if !n.expect_table(cx, help) {
            return p;
        }
        n.only(cx, &["icmp", "snmp", "down_after", "up_after"]);
        if let Some(n) =
            n.get("icmp").filter(|n| n.expect_table(cx, "write icmp = { interval = \"1s\", timeout = \"1s\" }"))
        {
            icmp(cx, &n, classes, &mut p.icmp);
        }
        if let Some(n) =
            n.get("snmp").filter(|n| n.expect_table(cx, "write snmp = { interval = \"60s\", timeout = \"2s\" }"))
        {
            snmp(cx, &n, &mut p.snmp);
        }
        let rounds = |key| n.opt(cx, key, |n| scalar::integer(n, 1, 1000)).and_then(|v| u32::try_from(v).ok());
        p.hysteresis.down_after = rounds("down_after").unwrap_or(p.hysteresis.down_after);
        p.hysteresis.up_after = rounds("up_after").unwrap_or(p.hysteresis.up_after);
        p
    }
}

fn interval(n: &Node<'_>) -> Result<Duration, Wanted> {
    let d = scalar::duration(n)?;
    let fits = d.subsec_nanos() == 0 && d >= Duration::from_secs(1) && d <= LONGEST_INTERVAL;
    let help = "accounts are kept in whole seconds; write \"1s\", \"10s\" or \"1m\"";
    fits.then_some(d).ok_or_else(|| Wanted::new("a whole number of seconds from 1s to 1d", help))
}

fn timeout(n: &Node<'_>) -> Result<Duration, Wanted> {
    let d = scalar::duration(n)?;
    let help = "write \"500ms\" or \"1s\"";
    (d >= Duration::from_millis(1)).then_some(d).ok_or_else(|| Wanted::new("at least 1ms", help))
}

fn icmp(cx: &Context<'_>, n: &Node<'_>, classes: &Section<'_>, p: &mut IcmpProbing) {
    n.only(cx, &["interval", "timeout", "size", "classes"]);
    let before = cx.count();
    p.interval = n.opt(cx, "interval", interval).unwrap_or(p.interval);
    p.timeout = n.opt(cx, "timeout", timeout).unwrap_or(p.timeout);
    if cx.count() == before && p.timeout > p.interval {
        let at = n.get("timeout").or_else(|| n.get("interval")).unwrap_or_else(|| n.clone());
        let (t, i) = (show_duration(p.timeout), show_duration(p.interval));
        at.problem(
            cx,
            format!("a timeout of {t} is longer than the interval of {i}"),
            format!("choose a timeout of at most {i}, or a longer interval"),
        );
    }
    let size = n.opt(cx, "size", |n| scalar::integer(n, 24, 1472));
    p.size = size.and_then(|s| u16::try_from(s).ok()).unwrap_or(p.size);
    if let Some(list) = n.get("classes") {
        let named = n.list(cx, "classes", |n| {
            let only_default = classes.entries.is_empty() && n.text() == Some("default");
            if only_default { Ok(ClassIx(0)) } else { classes.resolve(cx, n).map(ClassIx::from) }
        });
        let mut unique = named.clone();
        unique.sort_unstable();
        unique.dedup();
        if unique.len() < named.len() {
            list.problem(cx, "a class is named twice", "name each class once");
        }
        if list.items().is_empty() && matches!(list.value.kind, config::ValueKind::Array(_)) {
            list.problem(
                cx,
                "no class is named, so nothing would be probed",
                "name at least one class, or leave the key out",
            );
        }
        p.classes = unique;
    }
}

fn snmp(cx: &Context<'_>, n: &Node<'_>, p: &mut SnmpProbing) {
    n.only(cx, &["interval", "timeout", "retries"]);
    let before = cx.count();
    p.interval = n.opt(cx, "interval", interval).unwrap_or(p.interval);
    p.timeout = n.opt(cx, "timeout", timeout).unwrap_or(p.timeout);
    let retries = n.opt(cx, "retries", |n| scalar::integer(n, 0, 10));
    p.retries = retries.and_then(|r| u8::try_from(r).ok()).unwrap_or(p.retries);
    let total = p.timeout.saturating_mul(u32::from(p.retries) + 1);
    if cx.count() == before && total > p.interval {
        let at = n.get("timeout").or_else(|| n.get("interval")).unwrap_or_else(|| n.clone());
        let (t, i) = (show_duration(total), show_duration(p.interval));
        at.problem(
            cx,
            format!("the timeouts of all retries take {t}, longer than the interval of {i}"),
            "choose a shorter timeout, fewer retries or a longer interval",
        );
    }
}

/// `[devices.X]` and `[links.X]`, in the order of their names.
pub fn components(
    cx: &Context<'_>,
    root: &Node<'_>,
    sections: &Sections<'_>,
    classes: usize,
) -> Vec<Option<Component>> {
    let defaults = Probing::defaults(classes);
    let base = root.get("probing").map_or_else(|| defaults.clone(), |n| defaults.overridden(cx, &n, &sections.classes));
    let made: Vec<_> = sections
        .components
        .iter()
        .map(|(id, is_device, n)| {
            let probing = n.get("probing").map(|n| base.overridden(cx, &n, &sections.classes));
            let probing = probing.unwrap_or_else(|| base.clone());
            if *is_device { device(cx, sections, id, n, probing) } else { link(cx, sections, id, n, probing) }
        })
        .collect();
    duplicates(cx, sections, &made);
    parent_cycles(cx, sections, &made);
    made
}

fn parents(cx: &Context<'_>, sections: &Sections<'_>, n: &Node<'_>) -> Vec<ComponentIx> {
    n.list(cx, "parents", |n| component(cx, sections, n))
}

fn component(cx: &Context<'_>, sections: &Sections<'_>, n: &Node<'_>) -> Result<ComponentIx, Wanted> {
    let id = n.text().unwrap_or_default();
    sections.component(id).ok_or_else(|| {
        let help = sections.near(cx, id, false).map_or_else(
            || "name a device or a link that is defined".to_owned(),
            |near| format!("did you mean \"{near}\"?"),
        );
        Wanted::new("a device or link", help)
    })
}

fn device(cx: &Context<'_>, sections: &Sections<'_>, id: &str, n: &Node<'_>, probing: Probing) -> Option<Component> {
    n.only(cx, &["title", "site", "kind", "address", "profile", "snmp", "snmp_port", "parents", "probing"]);
    let kinds = [("router", DeviceRole::Router), ("voip-gateway", DeviceRole::VoipGateway), ("host", DeviceRole::Host)];
    let title = n.opt(cx, "title", scalar::text).unwrap_or_else(|| id.to_owned());
    let site = n.req(cx, "site", "say where it stands: site = \"…\"", |n| sections.sites.resolve(cx, n));
    let role = n.opt(cx, "kind", |n| scalar::choice(n, &kinds)).unwrap_or(DeviceRole::Host);
    let address = n.req(cx, "address", "say where its probes go: address = \"10.1.0.1\"", scalar::host);
    let profile = n.opt(cx, "profile", profile).unwrap_or_else(|| "auto".into());
    let credential = n.opt(cx, "snmp", |n| sections.snmp.resolve(cx, n)).map(CredentialIx::from);
    let port = n.opt(cx, "snmp_port", |n| scalar::integer(n, 1, 65_535));
    let parents = parents(cx, sections, n);
    Some(Component {
        id: Id::new(id).ok()?,
        title,
        site: SiteIx::from(site?),
        kind: ComponentKind::Device(Device {
            role,
            profile,
            snmp: credential.map(|c| (c, probing.snmp)),
            snmp_port: port.and_then(|p| u16::try_from(p).ok()).unwrap_or(161),
        }),
        address: Some(address?),
        icmp: Some(probing.icmp),
        hysteresis: probing.hysteresis,
        parents,
    })
}

/// The name of a profile: it becomes a file name, so it keeps to the alphabet of identifiers.
fn profile(n: &Node<'_>) -> Result<String, Wanted> {
    let id = scalar::id(n).map_err(|w| Wanted::new("the name of a profile", w.help))?;
    Ok(id.as_str().to_owned())
}

fn link(cx: &Context<'_>, sections: &Sections<'_>, id: &str, n: &Node<'_>, probing: Probing) -> Option<Component> {
    n.only(cx, &["title", "site", "device", "interface", "far_address", "role", "parents", "probing"]);
    let roles = [("primary", LinkRole::Primary), ("standby", LinkRole::Standby), ("load_share", LinkRole::LoadShare)];
    let title = n.opt(cx, "title", scalar::text).unwrap_or_else(|| id.to_owned());
    let near_end =
        n.req(cx, "device", "say which device it leaves from: device = \"…\"", |n| sections.devices.resolve(cx, n));
    let device_node = near_end.map(|d| &sections.devices.entries[d].1);
    // A link without a site of its own stands where its device does.
    let site = match n.get("site") {
        None => device_node.and_then(|d| sections.sites.position(d.get("site")?.text()?)),
        Some(_) => n.opt(cx, "site", |n| sections.sites.resolve(cx, n)),
    };
    let interface = n.opt(cx, "interface", scalar::text);
    let far_address = n.opt(cx, "far_address", scalar::host);
    let role = n.opt(cx, "role", |n| scalar::choice(n, &roles)).unwrap_or(LinkRole::Primary);
    let reads_interface = device_node.is_some_and(|d| d.get("snmp").is_some());
    if n.get("interface").is_none() && n.get("far_address").is_none() {
        n.problem(cx, "the link has neither interface nor far_address, so nothing can tell its state", "add interface = \"GigabitEthernet0/0\" (read over SNMP) or far_address = \"10.1.255.1\" (pinged), best both");
    } else if let (Some(at), Some(device), false) = (n.get("interface"), device_node, reads_interface) {
        let help = "set snmp on the device, or remove the interface and ping a far_address";
        if n.get("far_address").is_none() {
            at.problem(cx, format!("the interface cannot be read: {} has no snmp credential", device.path), help);
        } else {
            at.warning(cx, format!("the interface is never read: {} has no snmp credential", device.path), help);
        }
    }
    let device = near_end.and_then(|d| sections.component(sections.devices.entries[d].0));
    // What is behind a device is cut off with it: without other words the device is the link's parent.
    let parents = if n.get("parents").is_some() { parents(cx, sections, n) } else { device.into_iter().collect() };
    let icmp = far_address.is_some().then_some(probing.icmp);
    Some(Component {
        id: Id::new(id).ok()?,
        title,
        site: SiteIx::from(site?),
        kind: ComponentKind::Link(Link { device: device?, interface, role }),
        address: far_address,
        icmp,
        hysteresis: probing.hysteresis,
        parents,
    })
}

/// Two devices at one address and port, or two links on one interface, would be counted twice.
fn duplicates(cx: &Context<'_>, sections: &Sections<'_>, made: &[Option<Component>]) {
    let mut addresses: HashMap<&Host, usize> = HashMap::new();
    let mut interfaces: HashMap<(ComponentIx, &str), usize> = HashMap::new();
    for (position, component) in made.iter().enumerate() {
        let Some(component) = component else { continue };
        let (key, earlier) = match &component.kind {
            ComponentKind::Device(_) => {
                ("address", component.address.as_ref().and_then(|a| first(&mut addresses, a, position)))
            }
            ComponentKind::Link(link) => {
                let interface = link.interface.as_deref().map(|i| (link.device, i));
                ("interface", interface.and_then(|i| first(&mut interfaces, i, position)))
            }
        };
        let Some(earlier) = earlier else { continue };
        let (n, other) = (&sections.components[position].2, &sections.components[earlier].2);
        let at = n.get(key).unwrap_or_else(|| n.clone());
        at.problem(
            cx,
            format!("{} is already the {key} of {}", at.shown(), other.path),
            "one of the two is a mistake, or a leftover; mend or remove it",
        );
    }
}

fn first<K: std::hash::Hash + Eq>(seen: &mut HashMap<K, usize>, key: K, position: usize) -> Option<usize> {
    let earlier = *seen.entry(key).or_insert(position);
    (earlier != position).then_some(earlier)
}

/// Parents that lead in a circle, each circle reported once.
fn parent_cycles(cx: &Context<'_>, sections: &Sections<'_>, made: &[Option<Component>]) {
    let next =
        |position: usize| made[position].iter().flat_map(|c| c.parents.iter().map(|p| p.get())).collect::<Vec<_>>();
    for circle in super::tree::circles(made.len(), next) {
        let (_, _, n) = &sections.components[circle[0]];
        let at = n.get("parents").unwrap_or_else(|| n.clone());
        let names = super::tree::circle_names(&circle, |p| sections.components[p].0);
        at.problem(
            cx,
            format!("parents lead in a circle: {names}"),
            "a parent stands nearer to the monitor; take one of these out",
        );
    }
}
