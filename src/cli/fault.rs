//! The arguments of `assured fault`.

use clap::{Args, Subcommand};

use super::Place;

/// `assured fault`
#[derive(Debug, Args)]
pub struct Fault {
    /// What to do
    #[command(subcommand)]
    pub action: FaultAction,
}

/// What is done about a fault.
#[derive(Debug, Subcommand)]
pub enum FaultAction {
    /// Open a fault, and get the reference to quote
    Open {
        /// Where it is; its services suffer when none is named
        #[arg(long, value_name = "SITE")]
        site: Option<String>,
        /// Services that suffer
        #[arg(long, value_name = "SERVICE", value_delimiter = ',')]
        service: Vec<String>,
        /// Components that are thought to be at fault; the services that need them suffer when none is named
        #[arg(long, value_name = "COMPONENT", value_delimiter = ',')]
        component: Vec<String>,
        /// What is wrong, as the desk should hear it
        #[arg(long, value_name = "TEXT")]
        symptom: String,
        /// 1 down with its backup, 2 in part, 3 worse than it should be, 4 a question; 1 of an outage, else 3
        #[arg(long, value_name = "1-4", value_parser = clap::value_parser!(u8).range(1..=4))]
        severity: Option<u8>,
        /// An instant inside the outage that it is about, as in 2026-10-05T09:12:00Z: it was noticed when that began
        #[arg(long, value_name = "TIME", conflicts_with = "detected")]
        outage: Option<String>,
        /// When it was noticed; now when not given
        #[arg(long, value_name = "TIME")]
        detected: Option<String>,
        /// Whose it is thought to be: supplier, customer, third_party, unknown
        #[arg(long, value_name = "WHOSE")]
        responsible: Option<String>,
        /// When the next word on it is due
        #[arg(long, value_name = "TIME")]
        next_update: Option<String>,
        /// Who, when and where
        #[command(flatten)]
        by: By,
    },
    /// The supplier was told, and gave a reference
    Report {
        /// The fault's reference, however it is written
        id: String,
        /// The supplier's reference
        #[arg(long, value_name = "REF")]
        reference: String,
        /// What was said
        #[arg(long, value_name = "TEXT", default_value = "reported to the supplier")]
        why: String,
        /// When the next word on it is due
        #[arg(long, value_name = "TIME")]
        next_update: Option<String>,
        /// Who, when and where
        #[command(flatten)]
        by: By,
    },
    /// Say something about it
    Update {
        /// The fault's reference
        id: String,
        /// What is new
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Another severity
        #[arg(long, value_name = "1-4", value_parser = clap::value_parser!(u8).range(1..=4))]
        severity: Option<u8>,
        /// Whose it is thought to be: supplier, customer, third_party, unknown
        #[arg(long, value_name = "WHOSE")]
        responsible: Option<String>,
        /// When the next word on it is due
        #[arg(long, value_name = "TIME")]
        next_update: Option<String>,
        /// Who, when and where
        #[command(flatten)]
        by: By,
    },
    /// The contract's restore clock stands from now, or from --at
    Stop {
        /// The fault's reference
        id: String,
        /// Why, by a name of the contract's reasons, as in awaiting_customer_access
        #[arg(long, value_name = "REASON")]
        reason: String,
        /// In words: who asked for it, who agreed
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// What proves it
        #[arg(long, value_name = "REF", default_value = "")]
        reference: String,
        /// Who, when and where
        #[command(flatten)]
        by: By,
    },
    /// The contract's restore clock runs again
    Resume {
        /// The fault's reference
        id: String,
        /// What changed
        #[arg(long, value_name = "TEXT", default_value = "the clock runs again")]
        why: String,
        /// Who, when and where
        #[command(flatten)]
        by: By,
    },
    /// Service is restored
    Clear {
        /// The fault's reference
        id: String,
        /// How
        #[arg(long, value_name = "TEXT", default_value = "service is restored")]
        why: String,
        /// Who, when and where
        #[command(flatten)]
        by: By,
    },
    /// Done with: what it was, and whose
    Close {
        /// The fault's reference
        id: String,
        /// line, equipment, configuration, software, carrier, power, capacity, works, no_fault_found, other
        #[arg(long, value_name = "CAUSE")]
        cause: String,
        /// supplier, customer, third_party, unknown
        #[arg(long, value_name = "WHOSE")]
        responsible: String,
        /// In words
        #[arg(long, value_name = "TEXT", default_value = "closed")]
        why: String,
        /// Who, when and where
        #[command(flatten)]
        by: By,
    },
    /// It was not restored after all: its clock has never stopped
    Reopen {
        /// The fault's reference
        id: String,
        /// What shows it
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Who, when and where
        #[command(flatten)]
        by: By,
    },
    /// Faults that are open, or all of them
    List {
        /// Closed and cleared ones too
        #[arg(long)]
        all: bool,
        /// Write JSON, one object a line
        #[arg(long)]
        json: bool,
        /// Where
        #[command(flatten)]
        place: Place,
    },
    /// One fault: whom to call, what to quote, what the clocks say, and every step
    Show {
        /// The fault's reference
        id: String,
        /// Write JSON
        #[arg(long)]
        json: bool,
        /// Where
        #[command(flatten)]
        place: Place,
    },
}

/// Who does something, and when it was so.
#[derive(Debug, Clone, Args)]
pub struct By {
    /// Who does it
    #[arg(long, value_name = "WHO")]
    pub by: String,
    /// When it was so, if not now; it is written down with the present time beside it
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Where
    #[command(flatten)]
    pub place: Place,
}
