//! The evidence log: an RFC 6962 Merkle tree over record bytes, and C2SP checkpoints of it.
//!
//! Leaf hash is `SHA-256(0x00 || record)`, node hash `SHA-256(0x01 || left || right)`. [`CompactRange`]
//! keeps only the roots of the perfect subtrees (at most 64), so appending is O(1) amortised and a
//! snapshot of it is small.

mod commit;
mod note;
mod proof;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use commit::{commit_body, verify_commit, CommitKey};
pub use note::{checkpoint_body, open_note, parse_checkpoint, signed_note, Checkpoint, NoteError};
pub use proof::{
    consistency_proof, inclusion_proof, root_of, verify_consistency, verify_inclusion, ProofError,
};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a record.
pub fn leaf_hash(record: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(record)
        .finalize()
        .into()
}

/// The hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// A tree of `size` leaves, kept as the roots of its perfect subtrees, largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactRange {
    size: u64,
    peaks: Vec<Hash>,
}

impl CompactRange {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Whether the peaks fit the size; false only for a broken snapshot.
    pub fn is_sound(&self) -> bool {
        u32::try_from(self.peaks.len()) == Ok(self.size.count_ones())
    }

    /// Size (8 bytes, big endian) and peaks (32 bytes each, largest first), for another process
    /// that goes on from here.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        self.peaks.iter().for_each(|peak| bytes.extend(peak));
        bytes
    }

    /// Reads what [`CompactRange::to_bytes`] writes; `None` for anything else. Nothing of it is proven
    /// until its root was compared with a signed one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk::<8>()?;
        let (peaks, []) = rest.as_chunks::<32>() else {
            return None;
        };
        let range = Self {
            size: u64::from_be_bytes(*size),
            peaks: peaks.to_vec(),
        };
        range.is_sound().then_some(range)
    }

    /// Adds a record.
    pub fn append(&mut self, record: &[u8]) {
        self.append_leaf(leaf_hash(record));
    }

    /// Adds a leaf hash: it joins each perfect subtree of its own size, as a carry runs through the
    /// bits of `size`.
    pub fn append_leaf(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The root; of the empty tree, `SHA-256("")`.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(first) = peaks.next() else {
            return Sha256::digest([]).into();
        };
        peaks.fold(*first, |right, left| node_hash(left, &right))
    }
}
