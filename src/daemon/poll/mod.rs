//! Polling devices by SNMP: who is asked what, and what comes back to the core.
//!
//! ```text
//! core::poll_due ─► Job ─► driver (sessions, shared sockets) ─► digest ─► Polled ─► core::polled
//! ```
//!
//! The core decides when (the same plan and pace as probes), the [`driver`] carries it out and keeps a session for each
//! device, [`digest`] turns a report into what the core wants to know. A job that cannot be carried out comes back too:
//! nothing is ever silently not said.

pub mod credential;
pub mod digest;
pub mod driver;
pub mod interface;
pub mod server;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::snmp::reading::Reading;
use assured_probes::snmp::{Access, Limits, Outcome, Target};

use crate::config::model::{Device, LinkRole, SnmpProbing};
use crate::measurement::status::Status;
use crate::names::ComponentIx;
use crate::units::Sec;

/// A poll may take this much longer than the answer to a single question, with every retry, may.
const WHOLE_POLL: Duration = Duration::from_secs(8);

/// A device to be polled now.
#[derive(Debug, Clone)]
pub struct Job {
    /// Which device.
    pub component: ComponentIx,
    /// Its identifier: sessions outlive reloads, indices do not.
    pub device: Arc<str>,
    /// The configuration that indices are of.
    pub generation: u32,
    /// Where its agent is and how it is asked.
    pub target: Target,
    /// A profile's name, or `auto`.
    pub profile: Arc<str>,
    /// From poll to poll.
    pub interval: Duration,
    /// When it was due; of a poll out of turn the second in which it was asked for.
    pub at: Sec,
    /// A notification set it off.
    pub hinted: bool,
    /// Links whose interface is on it.
    pub links: Arc<[Wanted]>,
}

/// An interface whose state is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The link.
    pub link: ComponentIx,
    /// Its ifName or ifAlias, as configured.
    pub interface: String,
    /// What the link is for: a standby that waits is up.
    pub role: LinkRole,
}

/// What came of a job.
#[derive(Debug, Clone)]
pub struct Polled {
    /// The device.
    pub device: Arc<str>,
    /// Its index in the configuration of `generation`.
    pub component: ComponentIx,
    /// See [`Job::generation`].
    pub generation: u32,
    /// When the answer was complete, or given up.
    pub heard: Sec,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether we are let in.
    pub access: Access,
    /// It is another than after the poll before.
    pub access_changed: bool,
    /// The agent, or its device, has restarted or been replaced since the poll before.
    pub restarted: bool,
    /// The profile it was read through; empty while it was never reached.
    pub profile: String,
    /// `sysDescr`.
    pub description: String,
    /// How long the agent has been running.
    pub uptime: Option<Duration>,
    /// What it says.
    pub readings: Arc<[Reading]>,
    /// Readings that were left out because there were too many.
    pub cut: u64,
    /// What it says of the links' interfaces; every one that was wanted is here.
    pub interfaces: Vec<(ComponentIx, Status)>,
    /// Why an interface was not found, for the operator.
    pub complaints: Vec<String>,
}

/// How a device is asked: within the interval, and soon enough for the accounts to take what it says.
#[must_use]
pub fn limits(probing: &SnmpProbing) -> Limits {
    let deadline = probing.longest().saturating_add(WHOLE_POLL).min(probing.interval.mul_f64(0.75));
    Limits {
        timeout: probing.timeout,
        retries: u32::from(probing.retries),
        deadline: deadline.max(Duration::from_millis(500)),
        ..Limits::default()
    }
}

/// A device's agent.
#[must_use]
pub fn agent(address: std::net::IpAddr, device: &Device) -> SocketAddr {
    SocketAddr::new(address, device.snmp_port)
}
