//! Bringing a file into the evidence: all of it or nothing, and never twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read, Seek as _};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{Line, MAX_PROBLEMS, Problem, Targets, minutes, parse, span_of};
use crate::evidence::chain::{Hash, Head};
use crate::evidence::client::{Query, Reader};
use crate::evidence::file::store::Context as _;
use crate::evidence::record::Body;
use crate::evidence::rollup::Grain;
use crate::evidence::store::{Entry, Store, StoreError};
use crate::measurement::status::DatedBy;
use crate::names::ComponentIx;
use crate::units::{Sec, Span};

/// What was brought in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// How many rounds.
    pub rounds: u64,
    /// From the first minute to the end of the last.
    pub span: Span,
    /// The newest record afterwards.
    pub head: Head,
}

/// Why nothing was brought in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is not as it should be.
    #[error("nothing was imported: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Problems(Vec<Problem>),
    /// There are no rounds in it.
    #[error("nothing was imported: the file has no rounds")]
    Empty,
    /// The evidence has rounds of the same components at the same time.
    #[error("nothing was imported: there is evidence already of {}", .0.join("; "))]
    Overlap(Vec<String>),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Imports a file: reads and checks all of it, then appends it in one transaction, then rolls it up.
///
/// `by` is who brings it, `now` the wall clock's time. May run beside the daemon, which takes
/// the new history into account within a minute or so.
pub fn import(dir: &Path, path: &Path, targets: &Targets, by: &str, now: Sec) -> Result<Imported, ImportError> {
    let mut file = File::open(path).during("open", path)?;
    let sha256 = hash(&mut file).during("read", path)?;
    file.rewind().during("read", path)?;
    let lines = parse(BufReader::with_capacity(1 << 20, file), targets).map_err(ImportError::Problems)?;
    let span = span_of(&lines).ok_or(ImportError::Empty)?;
    let (mut store, _) = Store::open_as_command(dir, now)?;
    refuse_overlap(dir, &lines, targets)?;
    let rounds = lines.len() as u64;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let record = Body::Import { sha256, file: name, rounds, span, by: by.to_owned() };
    let names = Arc::new(targets.names.clone());
    let rows = minutes(lines, targets).map(|minute| Entry::Imported(minute, names.clone()));
    store.append_stream(now, std::iter::once(Entry::Fact(record)).chain(rows))?;
    store.roll_up(now, span.to)?;
    Ok(Imported { rounds, span, head: store.head()? })
}

fn hash(file: &mut File) -> std::io::Result<Hash> {
    let mut sha = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Hash(sha.finalize().into())),
            n => sha.update(&buffer[..n]),
        }
    }
}

/// Refuses rounds between the first and last of which their component has evidence already.
fn refuse_overlap(dir: &Path, lines: &[Line], targets: &Targets) -> Result<(), ImportError> {
    let mut spans: BTreeMap<ComponentIx, Span> = BTreeMap::new();
    for line in lines {
        let own = Span::new(line.at, line.at.plus(1));
        let span = spans.entry(line.component).or_insert(own);
        *span = Span::new(span.from.min(own.from), span.to.max(own.to));
    }
    let only: BTreeSet<_> = spans.keys().copied().collect();
    let Some(span) = span_of(lines) else { return Ok(()) };
    let mut found: BTreeMap<ComponentIx, Sec> = BTreeMap::new();
    let query = Query { span, coarsest: Grain::Day, names: &targets.names, only: Some(&only) };
    Reader::open(dir)?.rows(query, |chunk| {
        // What interfaces say of themselves is another source: an import only brings what probes found.
        for row in chunk.rows.into_iter().filter(|row| DatedBy::of_class(row.class).is_none()) {
            let inside = spans.get(&row.component).and_then(|span| row.tally.rounds.clip(*span).first());
            if let Some(at) = inside {
                found.entry(row.component).or_insert(at);
            }
        }
    });
    if found.is_empty() {
        return Ok(());
    }
    let name = |component: ComponentIx| targets.names.component(component).unwrap_or("?").to_owned();
    let all = found.into_iter().map(|(component, at)| format!("{} from {at}", name(component)));
    Err(ImportError::Overlap(all.take(MAX_PROBLEMS).collect()))
}
