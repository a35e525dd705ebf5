//! Rows: which there are, told apart by their names and not by their numbers. Pure.
//!
//! Devices renumber rows when they reload or when somebody edits their configuration. A row is the same row if
//! it has the same labels; when its number moved in between, its counters are not compared across the move.

use std::collections::HashMap;
use std::sync::Arc;

/// A row's index.
pub type Index = Box<[u32]>;

/// The rows seen at the last poll: the key of each with its index.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    seen: HashMap<Arc<str>, Index>,
}

/// What became of the rows since the last poll.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moves {
    /// New ones; empty at the first poll.
    pub appeared: Vec<Arc<str>>,
    /// Gone ones: what is not there is absent, and never 0.
    pub vanished: Vec<Arc<str>>,
    /// The same name under another number.
    pub renumbered: Vec<Arc<str>>,
}

impl Rows {
    /// Takes in the rows of a whole poll.
    pub fn observe(&mut self, rows: impl Iterator<Item = (Arc<str>, Index)>) -> Moves {
        let now: HashMap<Arc<str>, Index> = rows.collect();
        let mut moves = Moves::default();
        if !self.seen.is_empty() {
            for (key, index) in &now {
                match self.seen.get(key) {
                    None => moves.appeared.push(key.clone()),
                    Some(before) if before != index => moves.renumbered.push(key.clone()),
                    Some(_) => {}
                }
            }
            moves.vanished = self.seen.keys().filter(|k| !now.contains_key(*k)).cloned().collect();
        }
        for list in [&mut moves.appeared, &mut moves.vanished, &mut moves.renumbered] {
            list.sort_unstable();
        }
        self.seen = now;
        moves
    }
}

/// A key that nobody has yet: rows that share their labels are told apart by their index.
pub fn unique(wanted: String, index: &[u32], taken: impl Fn(&str) -> bool) -> Arc<str> {
    if !taken(&wanted) {
        return wanted.into();
    }
    let number = index.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    format!("{wanted}#{number}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(list: &[(&str, u32)]) -> Vec<(Arc<str>, Index)> {
        list.iter().map(|(k, i)| (Arc::from(*k), Index::from([*i]))).collect()
    }

    #[test]
    fn rows_that_come_go_and_move_are_told_apart() {
        let mut seen = Rows::default();
        assert_eq!(seen.observe(rows(&[("Gi0/0", 1), ("Gi0/1", 2), ("Tu1", 9)]).into_iter()), Moves::default());
        let moves = seen.observe(rows(&[("Gi0/0", 1), ("Gi0/1", 3), ("Tu2", 9)]).into_iter());
        let one = |k: &str| vec![Arc::from(k)];
        assert_eq!(moves, Moves { appeared: one("Tu2"), vanished: one("Tu1"), renumbered: one("Gi0/1") });
    }

    #[test]
    fn rows_of_the_same_name_keep_apart() {
        assert_eq!(&*unique("a".into(), &[7, 1], |k| k == "a"), "a#7.1");
        assert_eq!(&*unique("b".into(), &[7, 1], |k| k == "a"), "b");
    }
}
