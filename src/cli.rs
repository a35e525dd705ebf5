//! The command line.

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
}

/// `assured probe`
#[derive(Debug, Args)]
pub struct Probe {
    /// IP address or host name
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
    /// Where classes are looked up
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
