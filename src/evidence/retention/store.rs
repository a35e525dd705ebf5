//! Letting old evidence go: first it is said in the chain, then it is done.

use std::fs;

use super::{Retention, due};
use crate::evidence::client::Reader;
use crate::evidence::exclusion::{Exclusions, Standing};
use crate::evidence::file::store::{self as files, Context as _, beside};
use crate::evidence::record::Body;
use crate::evidence::store::{Entry, Store, StoreError};
use crate::units::Sec;

/// So long before an exclusion its components' states are looked for, seconds.
const BEFORE: i64 = 40 * 86_400;

/// Lets go what is older than configured. Gives what was done, for the log. Done twice it does nothing more.
pub fn retain(store: &mut Store, at: Sec, retention: Retention) -> Result<Vec<String>, StoreError> {
    let dir = store.dir().to_owned();
    let names = files::list(&dir)?;
    let (strip, remove) = due(retention, at, None, &names);
    if strip.is_empty() && remove.is_empty() {
        return Ok(Vec::new());
    }
    let mut said: Vec<(String, String)> = Vec::new();
    let mut exclusions = Exclusions::default();
    Reader::open(&dir)?.facts(|stored| {
        exclusions.take(&stored.record);
        if let Body::Retention { file, scope, .. } = stored.record.body {
            said.push((file, scope));
        }
    });
    let undecided = exclusions.cases().filter(|c| matches!(c.standing, Standing::Proposed | Standing::Disputed));
    // What stood when the time in question began may have been decided some days before.
    let needed = undecided.map(|c| c.span.from.plus(-BEFORE)).min();
    let (strip, remove) = due(retention, at, needed, &names);
    let mut done = Vec::new();
    for (names, scope) in [(strip, "minutes"), (remove, "all")] {
        for name in names {
            let path = dir.join(name.to_string());
            if !said.contains(&(name.to_string(), scope.to_owned())) {
                let conn = files::open_readable(&path)?;
                let anchor = files::anchor(&conn).during("read", &path)?.unwrap_or_default();
                let head = files::head(&conn).during("read", &path)?;
                drop(conn);
                let body = Body::Retention {
                    file: name.to_string(),
                    scope: scope.to_owned(),
                    first: anchor.sequence + 1,
                    last: head.sequence,
                    last_hash: head.hash,
                };
                store.append(at, &[Entry::Fact(body)])?;
            } else if scope == "minutes" && stripped(&path)? {
                continue;
            }
            if scope == "all" {
                for suffix in ["", "-wal", "-shm"] {
                    let file = beside(&path, suffix);
                    if file.exists() {
                        fs::remove_file(&file).during("remove", &file)?;
                    }
                }
                files::sync_dir(&dir)?;
                done.push(format!("{name} was removed"));
            } else {
                let conn = files::open_writable(&path)?;
                conn.execute_batch(
                    "DELETE FROM blob WHERE seq IN (SELECT seq FROM part WHERE grain = 0 AND rolled > 0); VACUUM;",
                )
                .during("empty", &path)?;
                done.push(format!("{name} was emptied of its minutes"));
            }
        }
    }
    Ok(done)
}

fn stripped(path: &std::path::Path) -> Result<bool, StoreError> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM part JOIN blob USING (seq) WHERE grain = 0 AND rolled > 0)";
    files::open_readable(path)?.query_row(sql, [], |r| r.get(0)).during("read", path)
}
