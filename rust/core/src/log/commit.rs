//! Proofs of commits: what a running guardian signs beside the events that it commits.
//!
//! The log's own key is open only at start. It certifies a fresh *session key*, which signs the
//! size and root of the log at every commit. The text is that of a checkpoint whose origin is
//! `<origin>/commit`, so neither kind of signature can stand for the other.

use ed25519_dalek::{Signer as _, SigningKey};

use super::{checkpoint_body, Hash};
use crate::verify;

/// The text that a session key signs for a commit that ends at `size` records.
pub fn commit_body(origin: &str, size: u64, root: &Hash) -> String {
    checkpoint_body(&format!("{origin}/commit"), size, root)
}

/// Whether `signature` is the session key's over the commit that ends at `size` records.
pub fn verify_commit(
    origin: &str,
    public_key: &[u8; 32],
    size: u64,
    root: &Hash,
    signature: &[u8; 64],
) -> bool {
    let body = commit_body(origin, size, root);
    verify::ed25519(public_key, body.as_bytes(), signature)
}

/// A session key. It exists only in memory and is overwritten when it is dropped.
pub struct CommitKey {
    origin: String,
    key: SigningKey,
}

impl CommitKey {
    /// The key with this seed, for the log of this origin.
    pub fn new(origin: String, seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        Self { origin, key }
    }

    /// The ed25519 public key that verifies what this key signs.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The signature over a commit that ends at `size` records.
    pub fn sign(&self, size: u64, root: &Hash) -> [u8; 64] {
        let body = commit_body(&self.origin, size, root);
        self.key.sign(body.as_bytes()).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::checkpoint_body;

    #[test]
    fn a_commit_is_proven_by_its_own_key_size_and_root_only() {
        let key = CommitKey::new("a.test/log".to_owned(), &[7; 32]);
        let (public, root) = (key.public_key(), [1; 32]);
        let signature = key.sign(9, &root);
        let holds =
            |origin, public, size, root| verify_commit(origin, public, size, root, &signature);
        assert!(holds("a.test/log", &public, 9, &root));
        assert!(!holds("a.test/log", &public, 10, &root));
        assert!(!holds("a.test/log", &public, 9, &[2; 32]));
        assert!(!holds("b.test/log", &public, 9, &root));
        let other = CommitKey::new("a.test/log".to_owned(), &[8; 32]).public_key();
        assert!(!holds("a.test/log", &other, 9, &root));
    }

    #[test]
    fn a_proof_of_a_commit_is_no_checkpoint() {
        let key = CommitKey::new("a.test/log".to_owned(), &[7; 32]);
        let signature = key.sign(9, &[1; 32]);
        let checkpoint = checkpoint_body("a.test/log", 9, &[1; 32]);
        assert!(!verify::ed25519(
            &key.public_key(),
            checkpoint.as_bytes(),
            &signature
        ));
    }
}
