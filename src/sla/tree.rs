//! A service's state from its components' states: three-valued K of N.

use crate::config::model::Tree;
use crate::measurement::Cause;
use crate::names::ComponentIx;
use crate::sla::state::State;

/// What a tree of requirements comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Up when at least K are up, down when too few are up or unknown, else unknown
    /// with the cause of the first unknown component.
    pub state: State,
    /// Up, but some component of the tree is down: resilience is lost.
    pub degraded: bool,
}

/// Evaluates `tree`, asking for each component's state once, in order of appearance.
pub fn evaluate(tree: &Tree, mut state_of: impl FnMut(ComponentIx) -> State) -> Standing {
    let mut some_down = false;
    let state = walk(tree, &mut |component| {
        let state = state_of(component);
        some_down |= state == State::Down;
        state
    });
    Standing { state, degraded: some_down && state == State::Up }
}

/// The components because of which `tree` is in the state it is in.
///
/// Down: the down ones of every branch that is down. Unknown: the unknown and down ones of
/// every branch that is not up. Up: every down one, the lost resilience. In order of appearance.
pub fn causes(tree: &Tree, mut state_of: impl FnMut(ComponentIx) -> State) -> Vec<ComponentIx> {
    let mut found = Vec::new();
    match walk(tree, &mut state_of) {
        State::Up => {
            for component in tree.components() {
                if state_of(component) == State::Down {
                    found.push(component);
                }
            }
        }
        State::Down => blame(tree, &mut state_of, &|state| state == State::Down, &mut found),
        State::Unknown(_) => blame(tree, &mut state_of, &|state| state != State::Up, &mut found),
    }
    // A component may stand in several branches.
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|component| seen.insert(*component));
    found
}

/// Follows down components to the parents that are down before them, the topmost first named.
///
/// A component none of whose parents is down is its own cause. Every cause is named once.
pub fn root_causes<'a>(
    down: &[ComponentIx],
    parents_of: impl Fn(ComponentIx) -> &'a [ComponentIx],
    is_down: impl Fn(ComponentIx) -> bool,
) -> Vec<ComponentIx> {
    let mut seen = std::collections::BTreeSet::new();
    let mut roots = Vec::new();
    let mut to_do: Vec<ComponentIx> = down.iter().rev().copied().collect();
    while let Some(component) = to_do.pop() {
        if !seen.insert(component) {
            continue;
        }
        let above = to_do.len();
        to_do.extend(parents_of(component).iter().rev().copied().filter(|&p| is_down(p)));
        if to_do.len() == above {
            roots.push(component);
        }
    }
    roots
}

fn walk(tree: &Tree, state_of: &mut dyn FnMut(ComponentIx) -> State) -> State {
    match tree {
        Tree::Leaf(component) => state_of(*component),
        Tree::Service(_, tree) => walk(tree, state_of),
        Tree::AtLeast { k, of } => {
            let (mut up, mut unknown, mut first) = (0_usize, 0_usize, None::<Cause>);
            for branch in of {
                match walk(branch, state_of) {
                    State::Up => up += 1,
                    State::Down => {}
                    State::Unknown(cause) => {
                        unknown += 1;
                        first = first.or(Some(cause));
                    }
                }
            }
            match first {
                _ if up >= *k => State::Up,
                Some(cause) if up + unknown >= *k => State::Unknown(cause),
                _ => State::Down,
            }
        }
    }
}

fn blame(
    tree: &Tree,
    state_of: &mut dyn FnMut(ComponentIx) -> State,
    guilty: &dyn Fn(State) -> bool,
    found: &mut Vec<ComponentIx>,
) {
    match tree {
        Tree::Leaf(component) => {
            if guilty(state_of(*component)) {
                found.push(*component);
            }
        }
        Tree::Service(_, tree) => blame(tree, state_of, guilty, found),
        Tree::AtLeast { of, .. } => {
            for branch in of {
                if guilty(walk(branch, state_of)) {
                    blame(branch, state_of, guilty, found);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaf(n: u32) -> Tree {
        Tree::Leaf(ComponentIx(n))
    }

    fn at_least(k: usize, of: Vec<Tree>) -> Tree {
        Tree::AtLeast { k, of }
    }

    fn state(letter: u8) -> State {
        match letter {
            b'U' => State::Up,
            b'D' => State::Down,
            _ => State::Unknown(Cause::Gap),
        }
    }

    /// gateway AND (primary OR backup)
    fn voice() -> Tree {
        at_least(2, vec![leaf(0), at_least(1, vec![leaf(1), leaf(2)])])
    }

    #[test]
    fn k_of_n_is_three_valued() {
        // components, K, state, degraded
        let table: [(&[u8], usize, u8, bool); 12] = [
            (b"UU", 1, b'U', false),
            (b"UD", 1, b'U', true),
            (b"U?", 1, b'U', false),
            (b"D?", 1, b'?', false),
            (b"DD", 1, b'D', false),
            (b"UU", 2, b'U', false),
            (b"UD", 2, b'D', false),
            (b"U?", 2, b'?', false),
            (b"D?", 2, b'D', false),
            (b"UD?", 2, b'?', false),
            (b"UUD", 2, b'U', true),
            (b"DD?", 2, b'D', false),
        ];
        for (states, k, expected, degraded) in table {
            let of = (0..u32::try_from(states.len()).unwrap()).map(leaf).collect();
            let standing = evaluate(&at_least(k, of), |c| state(states[c.get()]));
            assert_eq!(standing, Standing { state: state(expected), degraded }, "{k} of {states:?}");
        }
    }

    #[test]
    fn degraded_looks_at_the_whole_tree() {
        let tree = Tree::Service(crate::names::ServiceIx(0), Box::new(voice()));
        assert!(evaluate(&tree, |c| state(b"UUD"[c.get()])).degraded);
        assert!(!evaluate(&tree, |c| state(b"DUU"[c.get()])).degraded);
        assert!(!evaluate(&tree, |c| state(b"UU?"[c.get()])).degraded);
    }

    #[test]
    fn causes_are_those_that_matter() {
        let of = |states: &'static [u8; 3]| causes(&voice(), |c| state(states[c.get()]));
        assert_eq!(of(b"DUD"), [ComponentIx(0)], "the backup is down, but not why");
        assert_eq!(of(b"UDD"), [ComponentIx(1), ComponentIx(2)]);
        assert_eq!(of(b"UDU"), [ComponentIx(1)]);
        assert_eq!(of(b"?DU"), [ComponentIx(0)]);
        assert_eq!(of(b"UUU"), []);
    }

    #[test]
    fn a_component_in_two_branches_counts_in_both_and_is_named_once() {
        let tree = at_least(1, vec![at_least(2, vec![leaf(0), leaf(1)]), at_least(2, vec![leaf(0), leaf(2)])]);
        let of = |states: &'static [u8; 3]| {
            let state_of = |c: ComponentIx| state(states[c.get()]);
            (evaluate(&tree, state_of).state, causes(&tree, state_of))
        };
        assert_eq!(tree.components(), [0, 1, 2].map(ComponentIx));
        assert_eq!(of(b"DUU"), (State::Down, vec![ComponentIx(0)]));
        assert_eq!(of(b"UDU"), (State::Up, vec![ComponentIx(1)]));
        assert_eq!(of(b"UDD"), (State::Down, vec![ComponentIx(1), ComponentIx(2)]));
    }

    #[test]
    fn a_cause_is_followed_to_the_topmost_parent_that_is_down() {
        let parents: [&[ComponentIx]; 4] = [&[], &[ComponentIx(0)], &[ComponentIx(1)], &[ComponentIx(3)]];
        let roots = |down: &[u32]| {
            let down: Vec<_> = down.iter().map(|&n| ComponentIx(n)).collect();
            root_causes(&[ComponentIx(2)], |c| parents[c.get()], |c| down.contains(&c))
        };
        assert_eq!(roots(&[2]), [ComponentIx(2)]);
        assert_eq!(roots(&[1, 2]), [ComponentIx(1)]);
        assert_eq!(roots(&[0, 1, 2]), [ComponentIx(0)]);
        assert_eq!(roots(&[0, 2]), [ComponentIx(2)], "a parent that is up explains nothing");
    }

    proptest! {
        #[test]
        fn resolving_the_unknown_never_contradicts(states in proptest::collection::vec(0_u8..3, 6), k in 1_usize..4, bits in 0_u32..64) {
            let tree = at_least(k, vec![leaf(0), at_least(2, vec![leaf(1), leaf(2), leaf(3)]), at_least(1, vec![leaf(4), leaf(5)])]);
            let three = |c: ComponentIx| state(b"UD?"[usize::from(states[c.get()])]);
            let two = |c: ComponentIx| match three(c) {
                State::Unknown(_) if bits >> c.0 & 1 == 1 => State::Up,
                State::Unknown(_) => State::Down,
                known => known,
            };
            let before = evaluate(&tree, three).state;
            let after = evaluate(&tree, two).state;
            prop_assert!(before == after || matches!(before, State::Unknown(_)));
        }
    }
}
