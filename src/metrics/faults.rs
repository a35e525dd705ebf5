//! How many faults are open, for every severity and party, so that a zero is a zero and not silence.

use super::rows::Rows;
use crate::evidence::fault::{Responsible, SEVERITIES};
use crate::snapshot::Snapshot;

/// One series for each pair.
pub(super) fn open(s: &Snapshot, rows: &mut Rows<'_>) {
    for severity in SEVERITIES {
        for &responsible in Responsible::ALL {
            let here = s.faults.iter().filter(|f| f.severity == severity && f.responsible == responsible).count();
            let labels = [("severity", &*severity.to_string()), ("responsible", responsible.name())];
            rows.whole(&labels, here as u64);
        }
    }
}
