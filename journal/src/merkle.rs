//! The hash tree of RFC 6962 §2.1, over SHA-256.

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// The root of the empty tree: the hash of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The hash of a leaf: `SHA-256(0x00 ‖ leaf)`.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The right edge of a growing tree: the roots of its full subtrees, largest first.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The edge over full tiles of 2^`height` leaves each, given their roots.
    pub(crate) fn over_tiles(roots: &[Hash], height: u32) -> Frontier {
        let mut tree = Frontier::default();
        for root in roots {
            tree.push_subtree(height, *root);
        }
        tree
    }

    /// Adds the hash of the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.push_subtree(0, leaf);
    }

    /// Adds the root over the next 2^`level` leaves. `false`, and nothing is added, where such a subtree
    /// does not begin here or where the numbers end.
    pub fn push_subtree(&mut self, level: u32, root: Hash) -> bool {
        let width = 1u64.checked_shl(level).filter(|width| self.size.is_multiple_of(*width));
        let Some((width, size)) = width.and_then(|width| Some((width, self.size.checked_add(width)?))) else {
            return false;
        };
        let mut hash = root;
        // Each trailing one bit of the size is a full subtree that the new one completes.
        for _ in 0..(self.size / width).trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size = size;
        true
    }

    /// The root over all leaves so far.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(smallest) = peaks.next() else { return empty_root() };
        peaks.fold(*smallest, |right, left| node_hash(left, &right))
    }
}

/// The root over these leaf hashes.
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// The largest power of two smaller than `n`; `n` is at least 2.
fn split(n: u64) -> u64 {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// Gives the root over the leaves from the first number to before the second.
pub(crate) trait Roots {
    /// Why it cannot.
    type Error;
    /// The root. It is asked for whole subtrees alone, so `from` is a multiple of their size.
    fn root(&mut self, from: u64, to: u64) -> Result<Hash, Self::Error>;
}

impl Roots for &[Hash] {
    type Error = std::convert::Infallible;
    fn root(&mut self, from: u64, to: u64) -> Result<Hash, Self::Error> {
        let place = |n| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(root_of(self.get(place(from)..place(to)).unwrap_or_default()))
    }
}

/// The audit path of leaf `index` among the leaves from `from` to before `to` (RFC 6962 §2.1.1),
/// lowest first. `from <= index < to`.
pub(crate) fn path<R: Roots>(roots: &mut R, from: u64, to: u64, index: u64) -> Result<Vec<Hash>, R::Error> {
    if to - from <= 1 {
        return Ok(Vec::new());
    }
    let middle = from + split(to - from);
    let (mut path, sibling) = if index < middle {
        (path(roots, from, middle, index)?, roots.root(middle, to)?)
    } else {
        (path(roots, middle, to, index)?, roots.root(from, middle)?)
    };
    path.push(sibling);
    Ok(path)
}

/// The proof that the tree over the leaves before `old` is a prefix of the one from `from` to before
/// `to` (RFC 6962 §2.1.2). `from < old <= to`; `whole` where the old tree begins where this one does.
pub(crate) fn prefix_proof<R: Roots>(
    roots: &mut R,
    from: u64,
    to: u64,
    old: u64,
    whole: bool,
) -> Result<Vec<Hash>, R::Error> {
    if old == to {
        return Ok(if whole { Vec::new() } else { vec![roots.root(from, to)?] });
    }
    let middle = from + split(to - from);
    let (mut proof, sibling) = if old <= middle {
        (prefix_proof(roots, from, middle, old, whole)?, roots.root(middle, to)?)
    } else {
        (prefix_proof(roots, middle, to, old, false)?, roots.root(from, middle)?)
    };
    proof.push(sibling);
    Ok(proof)
}

/// The audit path of leaf `index` in the tree over `leaves` (RFC 6962 §2.1.1), lowest first.
pub fn inclusion_proof(mut leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    let size = leaves.len() as u64;
    let index = u64::try_from(index).ok().filter(|index| *index < size)?;
    let Ok(path) = path(&mut leaves, 0, size, index);
    Some(path)
}

/// Whether the path leads from the leaf hash to the root (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut position, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if position % 2 == 1 || position == last {
            hash = node_hash(sibling, &hash);
            while position % 2 == 0 && position != 0 {
                position /= 2;
                last /= 2;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        position /= 2;
        last /= 2;
    }
    last == 0 && hash == *root
}

/// The proof that the tree over the first `old` leaves is a prefix of the whole (RFC 6962 §2.1.2).
pub fn consistency_proof(mut leaves: &[Hash], old: usize) -> Option<Vec<Hash>> {
    let size = leaves.len() as u64;
    let old = u64::try_from(old).ok().filter(|old| (1..=size).contains(old))?;
    let Ok(proof) = prefix_proof(&mut leaves, 0, size, old, true);
    Some(proof)
}

/// Whether the proof leads from the old root to the new one (RFC 9162 §2.1.4.2).
pub fn verify_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old == 0 || old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let mut path = proof.iter();
    let seed = if old.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(seed) = seed else { return false };
    let (mut position, mut last) = (old - 1, new - 1);
    while position % 2 == 1 {
        position /= 2;
        last /= 2;
    }
    let (mut from_old, mut from_new) = (*seed, *seed);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if position % 2 == 1 || position == last {
            from_old = node_hash(sibling, &from_old);
            from_new = node_hash(sibling, &from_new);
            while position % 2 == 0 && position != 0 {
                position /= 2;
                last /= 2;
            }
        } else {
            from_new = node_hash(&from_new, sibling);
        }
        position /= 2;
        last /= 2;
    }
    last == 0 && from_old == *old_root && from_new == *new_root
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
    use proptest::prelude::*;

    /// The leaves of the reference test of the certificate-transparency project.
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

    fn reference() -> Vec<Hash> {
        LEAVES.iter().map(|hex| leaf_hash(&HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).unwrap())).collect()
    }

    /// LOG-04: the published roots for one to eight leaves.
    #[test]
    fn published_roots() {
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let leaves = reference();
        for (n, root) in roots.iter().enumerate() {
            assert_eq!(HEXLOWER.encode(&root_of(&leaves[..=n])), *root);
        }
        assert_eq!(HEXLOWER.encode(&empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    fn numbered(n: usize) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    proptest! {
        #[test]
        fn proofs_hold_and_altered_ones_do_not(size in 1usize..70, pick in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), bit in 0usize..256) {
            let leaves = numbered(size);
            let (index, old) = (pick.index(size), other.index(size) + 1);
            let root = root_of(&leaves);
            let path = inclusion_proof(&leaves, index).unwrap();
            prop_assert!(verify_inclusion(leaves[index], index as u64, size as u64, &path, &root));
            let old_root = root_of(&leaves[..old]);
            let proof = consistency_proof(&leaves, old).unwrap();
            prop_assert!(verify_consistency(old as u64, &old_root, size as u64, &root, &proof));
            for (kind, hashes) in [(0, &path), (1, &proof)] {
                for n in 0..hashes.len() {
                    let mut bad = hashes.clone();
                    bad[n][bit / 8] ^= 1 << (bit % 8);
                    let holds = if kind == 0 { verify_inclusion(leaves[index], index as u64, size as u64, &bad, &root) } else { verify_consistency(old as u64, &old_root, size as u64, &root, &bad) };
                    prop_assert!(!holds);
                }
            }
            let mut longer = path.clone();
            longer.push(root);
            prop_assert!(!verify_inclusion(leaves[index], index as u64, size as u64, &longer, &root));
        }
    }
}
