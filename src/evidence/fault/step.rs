//! One step in the life of a fault, as its record says it.

use serde::{Deserialize, Serialize};

use crate::units::Sec;

/// What somebody did about a fault. Append-only: a later step never erases one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which fault: a reference by [`super::reference`].
    pub id: String,
    /// What is done.
    pub action: Action,
    /// Who does it.
    pub who: String,
    /// What is said: the symptom when it is opened, else why or what is new.
    pub text: String,
    /// When it was so; the record says when it was written down.
    pub when: Sec,
    /// The supplier's reference, or what proves a stop.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub reference: String,
    /// The site; when opened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub site: Option<String>,
    /// Services that suffer; when opened.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub services: Vec<String>,
    /// Components that are thought to be at fault; when opened.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub components: Vec<String>,
    /// When it was noticed, which may be long before it is opened; when opened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detected: Option<Sec>,
    /// 1 to 4; when opened, or changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub severity: Option<u8>,
    /// Whose fault it is thought to be; when it is said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub responsible: Option<Responsible>,
    /// Why the clock stands: a name of [`crate::sla::restore::StopReason`]; of a stop.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stop: Option<String>,
    /// What it was; when closed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
    /// When the next word on it is due; when it is said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_update: Option<Sec>,
}

/// Makes an enumeration with the names that records, commands and reports use.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident: $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every one, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name in records, commands and reports.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The one with this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

named! {
    /// What is done about a fault.
    Action:
    /// It goes into the register.
    Open = "open",
    /// The supplier was told, and gave a reference.
    Report = "report",
    /// Somebody has something to say.
    Update = "update",
    /// The contract's clock stands.
    Stop = "stop",
    /// It runs again.
    Resume = "resume",
    /// Service is restored.
    Clear = "clear",
    /// Both parties are done with it.
    Close = "close",
    /// It was not restored after all.
    Reopen = "reopen",
}

named! {
    /// Whose fault it is.
    Responsible:
    /// The provider of the contract.
    Supplier = "supplier",
    /// We.
    Customer = "customer",
    /// Neither.
    ThirdParty = "third_party",
    /// Nobody can say yet.
    Unknown = "unknown",
}

named! {
    /// What it was.
    Cause:
    /// A cable or its path.
    Line = "line",
    /// A device that broke.
    Equipment = "equipment",
    /// A setting that was wrong.
    Configuration = "configuration",
    /// Software that failed.
    Software = "software",
    /// The network of the supplier, beyond the line.
    Carrier = "carrier",
    /// Electricity, heat, water.
    Power = "power",
    /// More traffic than there was room for.
    Capacity = "capacity",
    /// Announced or not, somebody worked on it.
    Works = "works",
    /// Nothing was found.
    NoFaultFound = "no_fault_found",
    /// Something else, as the text says.
    Other = "other",
}
