//! A configuration that has been checked: values that cannot be wrong.
//!
//! Tables are dense and in the order of their identifiers; everything refers to everything
//! else by index. Made only by [`check`](super::check), from the serde mirror in
//! [`file`](super::file).

mod access;
mod terms;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::snmp::profile::Library;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use self::access::{AuthProtocol, Credential, PrivProtocol, Secret, SnmpAccess};
pub use self::terms::{
    Contact, Contract, ContractKind, CreditBand, CreditSchedule, CreditTier, Formula, Limit, Measure, Objective,
    Rounding, ServiceHours, Sla, UnknownPolicy,
};
use super::web::Web;
use crate::names::{ClassIx, ComponentIx, ContractIx, CredentialIx, Id, ServiceIx, SiteIx, SlaIx};
use crate::units::{Dscp, Money, Sec, Span};

/// Everything that was configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who is looking, and where results go.
    pub monitor: Monitor,
    /// SNMP credentials by name.
    pub credentials: Vec<Credential>,
    /// Classes of service; never empty: without any there is `default`, DSCP 0.
    pub classes: Vec<Class>,
    /// Contracts.
    pub contracts: Vec<Contract>,
    /// Service level terms.
    pub slas: Vec<Sla>,
    /// Sites.
    pub sites: Vec<Site>,
    /// Devices and links in one table: whatever has a state of its own.
    pub components: Vec<Component>,
    /// Services: a promise over a tree of components.
    pub services: Vec<Service>,
    /// Announced maintenance, in order of `span.from`.
    pub maintenance: Vec<Maintenance>,
    /// What devices are read through.
    pub profiles: Arc<Library>,
    /// SHA-256 over the canonical text of the configuration without secrets, lower-case hex.
    pub hash: String,
    /// The canonical TOML of the whole configuration, secrets and secret file paths removed: goes into the evidence pack.
    pub redacted_toml: String,
}

/// `[monitor]`.
#[derive(Debug, Clone)]
pub struct Monitor {
    /// Who is looking; on every series and record.
    pub vantage: String,
    /// Address of the pages and metrics.
    pub listen: SocketAddr,
    /// Where evidence is kept.
    pub data_dir: PathBuf,
    /// Months, hours and maintenance are local to it.
    pub time_zone: TimeZone,
    /// IANA name of `time_zone`.
    pub time_zone_name: String,
    /// Alertmanager base URLs.
    pub alertmanagers: Vec<String>,
    /// Where SNMP notifications are received; `None`: nowhere.
    pub traps: Option<SocketAddr>,
    /// How alerts get to them.
    pub alerting: Alerting,
    /// If all of these fail, the monitor is isolated. May be empty: then it is never thought isolated.
    pub sentinels: Vec<Host>,
    /// Base URL of the Grafana that has our dashboards; pages link to it when it is given.
    pub grafana: Option<String>,
    /// How long evidence is kept.
    pub keep: Keep,
    /// Where the pages look for evidence packs; `None`: in `packs` of the data directory.
    pub reports_dir: Option<PathBuf>,
    /// TLS, passwords and headers of the pages.
    pub web: Arc<Web>,
}

impl Monitor {
    /// Where the pages look for evidence packs.
    #[must_use]
    pub fn packs(&self) -> PathBuf {
        self.reports_dir.clone().unwrap_or_else(|| self.data_dir.join("packs"))
    }
}

/// How alerts are told to the Alertmanagers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerting {
    /// Where people find the pages, without a slash at its end; `None`: at `listen`.
    pub external_url: Option<String>,
    /// What stands is told again so often, seconds; it would expire after four times as long.
    pub resend: u64,
    /// User and password for basic authentication (RFC 7617).
    pub basic_auth: Option<(String, Secret)>,
    /// PEM of the certificate authorities that sign for `https`; `None`: the system's.
    pub authorities: Option<Arc<str>>,
}

impl Default for Alerting {
    fn default() -> Self {
        Self { external_url: None, resend: 60, basic_auth: None, authorities: None }
    }
}

/// `[evidence]`: how long evidence is kept, seconds; `None` for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// Minutes; hours, days and every record stay.
    pub minutes_for: Option<u64>,
    /// Everything.
    pub files_for: Option<u64>,
}

/// Where a probe goes: an address, or a name that is resolved in the background.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A literal address.
    Address(IpAddr),
    /// A host name (RFC 1123 §2.1), lower case.
    Name(Arc<str>),
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(a) => a.fmt(f),
            Self::Name(n) => f.write_str(n),
        }
    }
}

/// `[classes.X]`.
#[derive(Debug, Clone)]
pub struct Class {
    /// The class's identifier.
    pub id: Id,
    /// Code point set on every probe of the class.
    pub dscp: Dscp,
    /// Codec for the voice model, when the class carries voice.
    pub codec: Option<Codec>,
}

/// Codecs that the voice model knows; see `crate::voice`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 with packet loss concealment (G.711 Appendix I). Configured as `G.711`.
    G711,
    /// G.711 without concealment. Configured as `G.711-no-PLC`.
    G711NoPlc,
    /// G.729A with voice activity detection. Configured as `G.729A`.
    G729a,
    /// G.729 without VAD; no published Bpl, approximate. Configured as `G.729`.
    G729,
    /// G.723.1 at 6.3 kbit/s with VAD. Configured as `G.723.1`.
    G7231,
    /// GSM enhanced full rate. Configured as `GSM-EFR`.
    GsmEfr,
    /// G.726 at 32 kbit/s; approximate. Configured as `G.726-32`.
    G72632,
    /// G.722 at 64 kbit/s; wideband, approximate. Configured as `G.722`.
    G722,
}

/// The longest interval of any probing: a day, for every account is closed by then.
pub const LONGEST_INTERVAL: Duration = Duration::from_secs(86_400);

/// How something is probed by ICMP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IcmpProbing {
    /// From round to round; whole seconds, at least one.
    pub interval: Duration,
    /// How long an answer may take; not longer than `interval`.
    pub timeout: Duration,
    /// ICMP payload in bytes, 24 to 1472.
    pub size: u16,
    /// Classes probed in each round; never empty.
    pub classes: Vec<ClassIx>,
}

/// How something is polled by SNMP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnmpProbing {
    /// From poll to poll; whole seconds.
    pub interval: Duration,
    /// For one request.
    pub timeout: Duration,
    /// Further requests after a time-out.
    pub retries: u8,
}

impl SnmpProbing {
    /// How long the answer to one question may take, with every retry.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.timeout.saturating_mul(u32::from(self.retries) + 1)
    }
}

/// When verdicts change state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hysteresis {
    /// Consecutive lost rounds that make DOWN, at least 1.
    pub down_after: u32,
    /// Consecutive replies that make UP, at least 1.
    pub up_after: u32,
}

/// A device or a link.
#[derive(Debug, Clone)]
pub struct Component {
    /// The component's identifier, unique among devices and links together.
    pub id: Id,
    /// A name for people; the identifier when none was given.
    pub title: String,
    /// Where it stands.
    pub site: SiteIx,
    /// What it is.
    pub kind: ComponentKind,
    /// Where its ICMP probes go; `None` for a link without `far_address`.
    pub address: Option<Host>,
    /// How it is pinged; `None` when `address` is.
    pub icmp: Option<IcmpProbing>,
    /// When its rounds change its state.
    pub hysteresis: Hysteresis,
    /// What stands between the monitor and it; names causes, changes no figure. A link's is its device,
    /// unless others were given.
    pub parents: Vec<ComponentIx>,
}

/// What a component is.
#[derive(Debug, Clone)]
pub enum ComponentKind {
    /// A device with its own address.
    Device(Device),
    /// A link, seen from its far end, from its interface, or both.
    Link(Link),
}

/// The part of `[devices.X]` that only devices have.
#[derive(Debug, Clone)]
pub struct Device {
    /// Router, gateway or host.
    pub role: DeviceRole,
    /// SNMP profile name, or `auto`.
    pub profile: String,
    /// How it is polled by SNMP, when it is.
    pub snmp: Option<(CredentialIx, SnmpProbing)>,
    /// UDP port of its agent, 161 when none was given.
    pub snmp_port: u16,
}

/// `kind` of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceRole {
    /// `router`
    Router,
    /// `voip-gateway`
    VoipGateway,
    /// `host`
    Host,
}

/// The part of `[links.X]` that only links have.
#[derive(Debug, Clone)]
pub struct Link {
    /// The device at the near end.
    pub device: ComponentIx,
    /// ifName or ifAlias on that device, when its interface counts.
    pub interface: Option<String>,
    /// What the link is for.
    pub role: LinkRole,
}

/// `role` of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkRole {
    /// `primary`
    Primary,
    /// `standby`
    Standby,
    /// `load_share`
    LoadShare,
}

/// `[sites.X]`.
#[derive(Debug, Clone)]
pub struct Site {
    /// The site's identifier.
    pub id: Id,
    /// A name for people.
    pub title: String,
    /// Migration wave.
    pub wave: Option<String>,
    /// First local day on which the SLA counts; the contract's start when `None`.
    pub accepted: Option<Date>,
}

/// `[services.X]`.
#[derive(Debug, Clone)]
pub struct Service {
    /// The service's identifier.
    pub id: Id,
    /// A name for people.
    pub title: String,
    /// Where it is used.
    pub site: SiteIx,
    /// Under which contract.
    pub contract: ContractIx,
    /// On which terms.
    pub sla: SlaIx,
    /// Its class of service.
    pub class: ClassIx,
    /// What it costs a month.
    pub monthly_charge: Option<Money>,
    /// What must be up for it to be up.
    pub requires: Tree,
}

/// A tree of requirements. Groups are never empty and name nothing twice; a component may still appear
/// again behind another service, when both stand on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// A component.
    Leaf(ComponentIx),
    /// Another service's tree.
    Service(ServiceIx, Box<Tree>),
    /// At least `k` of the branches: `all` is `k = len`, `any` is `k = 1`.
    AtLeast {
        /// How many are needed, 1 to `of.len()`.
        k: usize,
        /// The branches.
        of: Vec<Tree>,
    },
}

impl Tree {
    /// Every component named, in order of appearance.
    pub fn components(&self) -> Vec<ComponentIx> {
        let mut found = Vec::new();
        self.collect(&mut found);
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|component| seen.insert(*component));
        found
    }

    fn collect(&self, into: &mut Vec<ComponentIx>) {
        match self {
            Self::Leaf(c) => into.push(*c),
            Self::Service(_, tree) => tree.collect(into),
            Self::AtLeast { of, .. } => of.iter().for_each(|t| t.collect(into)),
        }
    }
}

/// `[[maintenance]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// Under which contract.
    pub contract: ContractIx,
    /// Whom it touches; all of the contract's services when none were named.
    pub services: Vec<ServiceIx>,
    /// When.
    pub span: Span,
    /// The change's reference.
    pub reference: String,
    /// When it was announced; without it the window excludes nothing.
    pub notified: Option<Sec>,
}

impl Config {
    /// Positions by identifier, for those who look up names from outside (commands, pages, imports).
    #[must_use]
    pub fn component_by_id(&self) -> BTreeMap<&str, ComponentIx> {
        self.components.iter().enumerate().map(|(n, c)| (c.id.as_str(), ComponentIx::from(n))).collect()
    }

    /// How a link's interface is polled; `None` for what is no link, has no interface, or whose device is not polled.
    #[must_use]
    pub fn polling(&self, component: &Component) -> Option<&SnmpProbing> {
        let ComponentKind::Link(Link { device, interface: Some(_), .. }) = &component.kind else { return None };
        match &self.components.get(device.get())?.kind {
            ComponentKind::Device(device) => device.snmp.as_ref().map(|(_, probing)| probing),
            ComponentKind::Link(_) => None,
        }
    }

    /// The service with this identifier.
    #[must_use]
    pub fn service(&self, id: &str) -> Option<ServiceIx> {
        self.services.iter().position(|s| s.id.as_str() == id).map(ServiceIx::from)
    }

    /// The contract with this identifier.
    #[must_use]
    pub fn contract(&self, id: &str) -> Option<ContractIx> {
        self.contracts.iter().position(|c| c.id.as_str() == id).map(ContractIx::from)
    }
}
