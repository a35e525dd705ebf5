//! What a service stands on: its tree of requirements as a drawing, and as a list with the reasons.

use super::{look, reason};
use crate::config::model::Tree;
use crate::draw::palette::Look;
use crate::draw::tree::{Knot, tree};
use crate::names::ServiceIx;
use crate::snapshot::{Shown, Snapshot};

/// A line of the tree in the order of its reading: lists are opened and closed by the template.
pub(super) enum Line {
    /// What is taken of the lines up to its close.
    Open {
        /// As in `any one of`.
        words: String,
    },
    /// The end of a list.
    Close,
    /// A component.
    Leaf {
        /// Its state.
        look: Look,
        /// Its identifier.
        id: String,
        /// Where it stands.
        site_id: String,
        /// Why it is in that state.
        reason: String,
    },
}

/// The list.
pub(super) fn lines(s: &Snapshot, tree: &Tree) -> Vec<Line> {
    let mut lines = Vec::new();
    grow(s, tree, &mut lines);
    lines
}

/// The drawing; `None` when there is too much to draw.
pub(super) fn drawing(s: &Snapshot, ix: ServiceIx) -> Option<String> {
    let (of, view) = (&s.config.services[ix.get()], &s.services[ix.get()]);
    let root = Knot { words: of.title.clone(), class: look(view.state).class, needs: vec![knot(s, &of.requires).0] };
    let alt = format!(
        "What {} needs, drawn: it is {}. The same stands below as a list.",
        of.title,
        look(view.state).word.to_lowercase()
    );
    tree(&root, &alt)
}

/// A branch and its state, three-valued: at least K of N.
fn knot(s: &Snapshot, tree: &Tree) -> (Knot, Shown) {
    match tree {
        Tree::Leaf(ix) => {
            let state = s.components[ix.get()].state;
            let words = s.config.components[ix.get()].id.to_string();
            (Knot { words, class: look(state).class, needs: vec![] }, state)
        }
        Tree::Service(ix, inner) => {
            let (inner, state) = knot(s, inner);
            let words = format!("what {} needs", s.config.services[ix.get()].id);
            (Knot { words, class: look(state).class, needs: vec![inner] }, state)
        }
        Tree::AtLeast { k, of } => {
            let branches: Vec<(Knot, Shown)> = of.iter().map(|branch| knot(s, branch)).collect();
            let count = |wanted: Shown| branches.iter().filter(|(_, state)| *state == wanted).count();
            let state = match (count(Shown::Up) + count(Shown::Degraded), count(Shown::Unknown)) {
                (up, _) if up >= *k && count(Shown::Down) > 0 => Shown::Degraded,
                (up, _) if up >= *k => Shown::Up,
                (up, unknown) if up + unknown < *k => Shown::Down,
                _ => Shown::Unknown,
            };
            let needs = branches.into_iter().map(|(knot, _)| knot).collect();
            (Knot { words: words(*k, of.len()), class: look(state).class, needs }, state)
        }
    }
}

fn words(k: usize, n: usize) -> String {
    match (k, n) {
        (k, n) if k == n && n > 1 => "all of".to_owned(),
        (1, n) if n > 1 => "any one of".to_owned(),
        (k, n) => format!("at least {k} of {n}"),
    }
}

fn grow(s: &Snapshot, tree: &Tree, into: &mut Vec<Line>) {
    match tree {
        Tree::Leaf(ix) => {
            let (of, view) = (&s.config.components[ix.get()], &s.components[ix.get()]);
            into.push(Line::Leaf {
                look: look(view.state),
                id: of.id.to_string(),
                site_id: s.config.sites[of.site.get()].id.to_string(),
                reason: reason(&view.reason, s),
            });
        }
        Tree::Service(ix, inner) => {
            into.push(Line::Open { words: format!("what {} needs", s.config.services[ix.get()].id) });
            grow(s, inner, into);
            into.push(Line::Close);
        }
        Tree::AtLeast { k, of } => {
            into.push(Line::Open { words: words(*k, of.len()) });
            of.iter().for_each(|branch| grow(s, branch, into));
            into.push(Line::Close);
        }
    }
}
