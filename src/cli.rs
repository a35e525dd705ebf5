//! The command line.

pub mod fault;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Holds a telecoms provider to its contract: probes, accounts, alerts and proves.
#[derive(Debug, Parser)]
#[command(name = "assured", version, about, max_term_width = 100)]
pub struct Cli {
    /// How log lines are written to standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch what the configuration names, until told to stop
    Run(Place),
    /// Show what it does, on an estate of its own: no set-up, nothing leaves this machine
    Demo(Demo),
    /// Report every problem of a configuration at once
    Check(ConfigFile),
    /// Probe one address now: is it there, how far, how steadily?
    Probe(Probe),
    /// Write a configuration fragment for a device, from what it says over SNMP
    Discover(Discover),
    /// Bring history from elsewhere into the evidence, marked as imported
    Import(Import),
    /// List outages, and annotate them
    Outage(Outage),
    /// Propose, agree, dispute or withdraw an exclusion: append-only, with who and why
    Exclude(Exclude),
    /// The fault register: one reference to quote, the supplier's beside it, and the contract's clock
    Fault(fault::Fault),
    /// Write the evidence pack of a contract's month
    Report(Report),
    /// Check a pack offline: signature, hashes, chain, and every figure anew
    Verify(Verify),
    /// Write recording and alerting rules for Prometheus, made from the contract
    Rules(Rules),
}

/// `--config` alone.
#[derive(Debug, Clone, Args)]
pub struct ConfigFile {
    /// Configuration; without it ./assured.toml, then /etc/assured/assured.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Where the configuration and the evidence are.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Configuration; without it ./assured.toml, then /etc/assured/assured.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where evidence is kept, in place of the configuration's monitor.data_dir
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// `assured demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Where the demo keeps its evidence; a folder of its own for each run when not given
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address of the demo's page
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9878")]
    pub listen: std::net::SocketAddr,
    /// Stop by itself after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<u64>,
    /// Tell this Alertmanager of the demo's alerts; may be given more than once
    #[arg(long, value_name = "URL")]
    pub alertmanager: Vec<String>,
}

/// `assured probe`
#[derive(Debug, Args)]
pub struct Probe {
    /// IP address or host name; a port behind it (192.0.2.1:16161) is its SNMP agent's
    pub address: String,
    /// Class of service: one of the configuration's, or a code point such as EF
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,
    /// How many probes to send
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub count: u16,
    /// Write one JSON object in place of the table
    #[arg(long)]
    pub json: bool,
    /// Ask over SNMP, too, with this credential ([snmp.CREDENTIAL] of the configuration)
    #[arg(long, value_name = "CREDENTIAL")]
    pub snmp: Option<String>,
    /// What to read over SNMP; without it the configuration's profile for this device, else the one that fits
    #[arg(long, value_name = "NAME", requires = "snmp")]
    pub profile: Option<String>,
    /// Where classes and credentials are looked up; without it ./assured.toml, then /etc/assured/assured.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `assured discover`
#[derive(Debug, Args)]
pub struct Discover {
    /// IP address or host name; a port behind it (192.0.2.1:16161) is its SNMP agent's
    pub address: String,
    /// The credential to ask with: [snmp.CREDENTIAL] of the configuration
    #[arg(long, value_name = "CREDENTIAL")]
    pub snmp: String,
    /// What to read; without it the configuration's profile for this device, else the one that fits
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Where it stands; without it the configuration's only site, else one to be assigned
    #[arg(long, value_name = "SITE")]
    pub site: Option<String>,
    /// Where the credential is looked up; without it ./assured.toml, then /etc/assured/assured.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `assured import`
#[derive(Debug, Args)]
pub struct Import {
    /// CSV with the header time,component,class,outcome,rtt_us
    #[arg(value_name = "FILE.csv")]
    pub file: PathBuf,
    /// Who brings it in
    #[arg(long, value_name = "WHO", default_value = "assured import")]
    pub by: String,
    /// Where
    #[command(flatten)]
    pub place: Place,
}

/// `assured report`
#[derive(Debug, Args)]
pub struct Report {
    /// The contract's identifier
    #[arg(long, value_name = "CONTRACT")]
    pub contract: String,
    /// The month, local to the configuration's time zone
    #[arg(long, value_name = "YYYY-MM")]
    pub month: String,
    /// Where the pack is written
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// The report as of this instant, as in 2026-10-15T12:00:00Z; now when not given
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Put it in the place of a pack that says something else
    #[arg(long)]
    pub replace: bool,
    /// Issue a revision of a closed month whose figures have changed since, and why
    #[arg(long, value_name = "REASON")]
    pub revise: Option<String>,
    /// Where
    #[command(flatten)]
    pub place: Place,
}

/// `assured verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// The pack: its folder or its .zip
    #[arg(value_name = "PACK")]
    pub pack: PathBuf,
    /// The public key you trust (signing.pub); without it the pack's own key is used, and named
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// `assured rules`
#[derive(Debug, Args)]
pub struct Rules {
    /// Configuration; without it ./assured.toml, then /etc/assured/assured.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder for assured-recording.yml and assured-alerts.yml; without it both go to standard output
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

impl Rules {
    /// Where its configuration is.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { config: self.config.clone(), data_dir: None }
    }
}

/// `assured exclude`
#[derive(Debug, Args)]
pub struct Exclude {
    /// What to do
    #[command(subcommand)]
    pub action: ExcludeAction,
}

/// What is done with an exclusion.
#[derive(Debug, Subcommand)]
pub enum ExcludeAction {
    /// Every exclusion and where it stands
    List {
        /// Write JSON, one object a line
        #[arg(long)]
        json: bool,
        /// Where
        #[command(flatten)]
        place: Place,
    },
    /// Ask for time not to count
    Propose {
        /// Services that it touches
        #[arg(long, value_name = "SERVICE", value_delimiter = ',', required = true)]
        service: Vec<String>,
        /// First second, as in 2026-10-24T23:00:00Z
        #[arg(long, value_name = "TIME")]
        from: String,
        /// First second after
        #[arg(long, value_name = "TIME")]
        to: String,
        /// Its name; the next free one when not given
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// Who, why, and what it refers to
        #[command(flatten)]
        step: Step,
    },
    /// Accept somebody else's proposal
    Agree {
        /// The exclusion's name
        id: String,
        /// Who, why, and what it refers to
        #[command(flatten)]
        step: Step,
    },
    /// Reject a proposal
    Dispute {
        /// The exclusion's name
        id: String,
        /// Who, why, and what it refers to
        #[command(flatten)]
        step: Step,
    },
    /// Take one's own proposal back
    Withdraw {
        /// The exclusion's name
        id: String,
        /// Who, why, and what it refers to
        #[command(flatten)]
        step: Step,
    },
}

/// Who does something, why, and what it refers to.
#[derive(Debug, Clone, Args)]
pub struct Step {
    /// Who does it
    #[arg(long, value_name = "WHO")]
    pub by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Ticket, change or letter
    #[arg(long, value_name = "REF", default_value = "-")]
    pub reference: String,
    /// Where
    #[command(flatten)]
    pub place: Place,
}

/// `assured outage`
#[derive(Debug, Args)]
pub struct Outage {
    /// What to do
    #[command(subcommand)]
    pub action: OutageAction,
}

/// What is done with outages.
#[derive(Debug, Subcommand)]
pub enum OutageAction {
    /// Every outage of a contract's month
    List {
        /// The contract's identifier
        #[arg(long, value_name = "CONTRACT")]
        contract: String,
        /// The month
        #[arg(long, value_name = "YYYY-MM")]
        month: String,
        /// Write JSON, one object a line
        #[arg(long)]
        json: bool,
        /// Where
        #[command(flatten)]
        place: Place,
    },
    /// One outage with everything that was said of it
    Show {
        /// The contract's identifier
        #[arg(long, value_name = "CONTRACT")]
        contract: String,
        /// The service
        #[arg(long, value_name = "SERVICE")]
        service: String,
        /// An instant inside the outage
        #[arg(long, value_name = "TIME")]
        at: String,
        /// Where
        #[command(flatten)]
        place: Place,
    },
    /// Remark on an outage
    Annotate {
        /// The service
        #[arg(long, value_name = "SERVICE")]
        service: String,
        /// An instant inside the outage, as in 2026-10-05T09:12:00Z
        #[arg(long, value_name = "TIME")]
        at: String,
        /// What settles the cause, when something does
        #[arg(long, value_name = "TEXT")]
        cause: Option<String>,
        /// Who, what is said, and what it refers to
        #[command(flatten)]
        step: Step,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
