//! A hash tree over the rows of a roll-up, so that some rows can be proved without the others (RFC 9162 §2.1).
//!
//! A pack of one contract carries its own components' days and, for the rest, only the hashes of the
//! subtrees that hold them; the root in the chained record still follows.

use sha2::{Digest as _, Sha256};

use super::chain::Hash;

/// The hash of a leaf: `SHA-256(0x00 ‖ text)`.
#[must_use]
pub fn leaf(text: &str) -> Hash {
    let mut sha = Sha256::new();
    sha.update([0x00]);
    sha.update(text.as_bytes());
    Hash(sha.finalize().into())
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut sha = Sha256::new();
    sha.update([0x01]);
    sha.update(left.0);
    sha.update(right.0);
    Hash(sha.finalize().into())
}

/// The root over leaves in their order; that of nothing is the hash of nothing.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of(b""),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The hashes that, with the wanted leaves, give the root: one for every largest subtree without wanted leaves,
/// from left to right.
#[must_use]
pub fn prove(leaves: &[Hash], wanted: &[bool]) -> Vec<Hash> {
    assert_eq!(leaves.len(), wanted.len(), "one answer for each leaf");
    let mut proof = Vec::new();
    collect(leaves, wanted, &mut proof);
    proof
}

fn collect(leaves: &[Hash], wanted: &[bool], proof: &mut Vec<Hash>) {
    if leaves.is_empty() {
        return;
    }
    if !wanted.contains(&true) {
        proof.push(root(leaves));
    } else if leaves.len() > 1 {
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (wanted_left, wanted_right) = wanted.split_at(left.len());
        collect(left, wanted_left, proof);
        collect(right, wanted_right, proof);
    }
}

/// The root that some leaves and a proof give. `count` is the number of all leaves, `known` the position and
/// hash of those at hand, in rising order. `None` when the proof has too few or too many hashes.
#[must_use]
pub fn root_from(count: usize, known: &[(usize, Hash)], proof: &[Hash]) -> Option<Hash> {
    if count == 0 {
        return (known.is_empty() && proof.is_empty()).then(|| root(&[]));
    }
    let rises = known.is_sorted_by(|a, b| a.0 < b.0) && known.last().is_none_or(|(at, _)| *at < count);
    let mut proof = proof.iter();
    let found = rises.then(|| rebuild(0, count, known, &mut proof)).flatten()?;
    proof.next().is_none().then_some(found)
}

fn rebuild(from: usize, count: usize, known: &[(usize, Hash)], proof: &mut std::slice::Iter<'_, Hash>) -> Option<Hash> {
    match known {
        [] => proof.next().copied(),
        [(_, hash)] if count == 1 => Some(*hash),
        _ => {
            let left = split(count);
            let (known_left, known_right) = known.split_at(known.partition_point(|(at, _)| *at < from + left));
            let left_hash = rebuild(from, left, known_left, proof)?;
            Some(node(&left_hash, &rebuild(from + left, count - left, known_right, proof)?))
        }
    }
}

/// The largest power of two below `n`; for `n` ≥ 2.
fn split(n: usize) -> usize {
    1 << (usize::BITS - 1 - (n - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_tree_is_that_of_rfc_9162() {
        let l: Vec<_> = ["a", "b", "c"].map(leaf).into();
        assert_eq!(root(&l), node(&node(&l[0], &l[1]), &l[2]));
        assert_eq!(root(&[]).to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    proptest! {
        #[test]
        fn any_selection_proves_the_root_and_a_changed_leaf_does_not(wanted in prop::collection::vec(any::<bool>(), 0..70), which in any::<prop::sample::Index>()) {
            let leaves: Vec<_> = (0..wanted.len()).map(|n| leaf(&n.to_string())).collect();
            let proof = prove(&leaves, &wanted);
            let mut known: Vec<_> = leaves.iter().copied().enumerate().filter(|(n, _)| wanted[*n]).collect();
            prop_assert_eq!(root_from(leaves.len(), &known, &proof), Some(root(&leaves)));
            if !known.is_empty() {
                let at = which.index(known.len());
                known[at].1 = leaf("another");
                prop_assert_ne!(root_from(leaves.len(), &known, &proof), Some(root(&leaves)));
                known.remove(at);
                prop_assert_ne!(root_from(leaves.len(), &known, &proof), Some(root(&leaves)));
            }
        }
    }
}
