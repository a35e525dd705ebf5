//! The evidence packs that there are, by contract, with links to their documents.

use std::collections::BTreeSet;

use askama::Template;

use super::{Frame, When, made};
use crate::http::reports::Pack;
use crate::names::ContractIx;
use crate::snapshot::Snapshot;

#[derive(Template)]
#[template(path = "page/reports.html")]
struct ReportsPage {
    frame: Frame,
    folder: String,
    contracts: Vec<Contract>,
    /// Contracts of which last month's pack is not there.
    missing: Vec<String>,
    last_month: String,
}

struct Contract {
    id: String,
    /// Whether it is still configured.
    known: bool,
    title: String,
    provider: String,
    reference: String,
    packs: Vec<Row>,
}

struct Row {
    name: String,
    month: String,
    state: &'static str,
    class: &'static str,
    written: When,
    /// Name, words and size of each document for people.
    documents: Vec<(&'static str, &'static str, String)>,
    archive: Option<String>,
}

/// What people read, in this order.
const DOCUMENTS: [(&str, &str); 3] = [("report.pdf", "PDF"), ("report.html", "HTML"), ("workbook.xlsx", "workbook")];

/// Most contracts of which it is said how their pack is made.
const MISSING: usize = 5;

/// The page; `folder` is where the packs are.
#[must_use]
pub fn render(s: &Snapshot, folder: &str, packs: &[Pack]) -> String {
    let mut contracts: Vec<Contract> = Vec::new();
    for pack in packs {
        let row = row(s, pack);
        match contracts.iter_mut().find(|c| c.id == pack.contract) {
            Some(contract) => contract.packs.push(row),
            None => {
                let of = s.config.contracts.iter().find(|c| c.id.as_str() == pack.contract);
                contracts.push(Contract {
                    id: pack.contract.clone(),
                    known: of.is_some(),
                    title: of.map_or_else(|| pack.contract.clone(), |c| c.title.clone()),
                    provider: of.map_or_else(String::new, |c| c.provider.clone()),
                    reference: of.map_or_else(String::new, |c| c.reference.clone()),
                    packs: vec![row],
                });
            }
        }
    }
    contracts.sort_by(|a, b| (&a.title, &a.id).cmp(&(&b.title, &b.id)));
    let last_month = super::when::month_before(s.at, &s.config.monitor.time_zone);
    made(&ReportsPage {
        frame: Frame::new(s, None, None),
        folder: folder.to_owned(),
        missing: missing(s, packs, &last_month),
        contracts,
        last_month,
    })
}

/// The first [`MISSING`] contracts that promise something and have no pack of that month.
fn missing(s: &Snapshot, packs: &[Pack], month: &str) -> Vec<String> {
    let promises: BTreeSet<ContractIx> = s.config.services.iter().map(|service| service.contract).collect();
    let ids = promises.into_iter().map(|contract| s.config.contracts[contract.get()].id.as_str());
    let made = |id: &str| packs.iter().any(|pack| pack.contract == id && pack.month == month);
    ids.filter(|id| !made(id)).take(MISSING).map(str::to_owned).collect()
}

fn row(s: &Snapshot, pack: &Pack) -> Row {
    let (state, class) = match pack.provisional {
        Some(true) => ("provisional", "degraded"),
        Some(false) => ("final", "up"),
        None => ("not told", "unknown"),
    };
    Row {
        name: pack.name.clone(),
        month: pack.month.clone(),
        state,
        class,
        written: When::new(pack.written, s.at, &s.config.monitor.time_zone),
        documents: DOCUMENTS
            .into_iter()
            .filter_map(|(file, words)| Some((file, words, size(pack.size(file)?))))
            .collect(),
        archive: pack.archive.map(size),
    }
}

/// `1.3 MB`, in thousands, on one line.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes}\u{a0}B"),
        1_000..1_000_000 => format!("{}\u{a0}kB", bytes / 1_000),
        _ => format!("{}.{}\u{a0}MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_cut_off_to_what_one_reads() {
        let words = [0, 999, 1_000, 999_999, 1_000_000, 12_345_678].map(super::size);
        assert_eq!(
            words,
            ["0 B", "999 B", "1 kB", "999 kB", "1.0 MB", "12.3 MB"].map(|words| words.replace(' ', "\u{a0}"))
        );
    }
}
