//! The Merkle log against known vectors, and proofs of every size up to 70.

use alloy_primitives::hex;
use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use holdfast_core::log::{
    checkpoint_body, consistency_proof, inclusion_proof, leaf_hash, open_note, parse_checkpoint,
    root_of, signed_note, verify_consistency, verify_inclusion, CompactRange, Hash, NoteError,
    ProofError,
};

/// Leaves and roots of the Certificate Transparency reference tests.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hash(text: &str) -> Hash {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn leaves(n: u8) -> Vec<Hash> {
    (0..n).map(|i| leaf_hash(&[i])).collect()
}

#[test]
fn roots_are_those_of_certificate_transparency() {
    let mut range = CompactRange::new();
    assert_eq!(
        range.root(),
        hash("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    );
    for (leaf, root) in LEAVES.iter().zip(ROOTS) {
        range.append(&hex::decode(leaf).unwrap());
        assert_eq!(range.root(), hash(root));
        assert!(range.is_sound());
    }
}

#[test]
fn another_process_goes_on_from_a_compact_range() {
    let mut whole = CompactRange::new();
    for leaf in leaves(100) {
        let mut carried = CompactRange::from_bytes(&whole.to_bytes()).unwrap();
        assert_eq!(carried, whole);
        whole.append_leaf(leaf);
        carried.append_leaf(leaf);
        assert_eq!(carried.root(), whole.root());
    }
    let bytes = whole.to_bytes();
    for wrong in [
        &bytes[..0],
        &bytes[..7],
        &bytes[..8],
        &bytes[..bytes.len() - 1],
    ] {
        assert_eq!(CompactRange::from_bytes(wrong), None);
    }
    assert_eq!(
        CompactRange::from_bytes(&[&bytes[..], &[0; 32]].concat()),
        None
    );
}

#[test]
fn known_proofs_of_the_reference_tree() {
    let all: Vec<Hash> = LEAVES
        .iter()
        .map(|leaf| leaf_hash(&hex::decode(leaf).unwrap()))
        .collect();
    let path = inclusion_proof(&all, 5).unwrap();
    assert_eq!(
        path,
        [
            hash("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"),
            hash("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
            hash("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        ]
    );
    let growth = consistency_proof(&all, 6).unwrap();
    assert_eq!(
        growth,
        [
            hash("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"),
            hash("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
            hash("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        ]
    );
}

#[test]
fn every_leaf_is_included_and_no_other_is() {
    for size in 1..=70u8 {
        let all = leaves(size);
        let root = root_of(&all);
        for index in 0..size {
            let proof = inclusion_proof(&all, usize::from(index)).unwrap();
            let (at, of) = (u64::from(index), u64::from(size));
            let leaf = all[usize::from(index)];
            assert_eq!(verify_inclusion(leaf, at, of, &proof, &root), Ok(()));
            assert!(verify_inclusion(leaf_hash(b"x"), at, of, &proof, &root).is_err());
            assert!(verify_inclusion(leaf, at ^ 1, of, &proof, &root).is_err() || size == 1);
            let mut long = proof.clone();
            long.push(root);
            assert!(verify_inclusion(leaf, at, of, &long, &root).is_err());
        }
    }
}

#[test]
fn every_prefix_is_consistent_and_no_rewrite_is() {
    for size in 1..=70u8 {
        let all = leaves(size);
        let root = root_of(&all);
        for old in 1..=size {
            let old_root = root_of(&all[..usize::from(old)]);
            let proof = consistency_proof(&all, usize::from(old)).unwrap();
            let (from, to) = (u64::from(old), u64::from(size));
            assert_eq!(
                verify_consistency(from, to, &old_root, &root, &proof),
                Ok(())
            );
            let other = leaf_hash(b"rewritten");
            assert!(verify_consistency(from, to, &other, &root, &proof).is_err());
            assert!(verify_consistency(from, to, &old_root, &other, &proof).is_err());
            if !proof.is_empty() {
                let short = &proof[1..];
                assert!(verify_consistency(from, to, &old_root, &root, short).is_err());
            }
        }
    }
    assert_eq!(
        consistency_proof(&leaves(3), 0),
        Err(ProofError::OutOfRange)
    );
    assert_eq!(inclusion_proof(&leaves(3), 3), Err(ProofError::OutOfRange));
}

#[test]
fn a_checkpoint_opens_only_under_its_own_key() {
    let key = SigningKey::from_bytes(&[3; 32]);
    let public = key.verifying_key().to_bytes();
    let body = checkpoint_body("holdfast/test", 8, &hash(ROOTS[7]));
    assert_eq!(
        body,
        "holdfast/test\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"
    );
    let signature = key.sign(body.as_bytes()).to_bytes();
    let note = signed_note(&body, "holdfast/test", &public, &signature).unwrap();
    let opened = open_note(note.as_bytes(), "holdfast/test", &public).unwrap();
    assert_eq!((opened.size, opened.root), (8, hash(ROOTS[7])));

    let other = SigningKey::from_bytes(&[4; 32]).verifying_key().to_bytes();
    assert_eq!(
        open_note(note.as_bytes(), "holdfast/test", &other),
        Err(NoteError::UnknownKey)
    );
    assert_eq!(
        open_note(note.as_bytes(), "holdfast/other", &public),
        Err(NoteError::UnknownKey)
    );
    let forged = note.replace("\n8\n", "\n9\n");
    assert_eq!(
        open_note(forged.as_bytes(), "holdfast/test", &public),
        Err(NoteError::Signature)
    );
    for cut in 0..note.len() {
        assert!(open_note(&note.as_bytes()[..cut], "holdfast/test", &public).is_err());
    }
}

#[test]
fn sizes_have_one_spelling() {
    for size in ["08", "+8", "-1", "", "8 ", "18446744073709551616"] {
        let body = format!("o\n{size}\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
        assert_eq!(parse_checkpoint(&body), None, "{size}");
    }
}

/// Text, key and signature published with another implementation (golang.org/x/mod/sumdb/note).
#[test]
fn a_note_made_elsewhere_verifies_here() {
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n";
    let key = Base64::decode_vec("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
    let key: [u8; 32] = key[1..].try_into().unwrap();
    let blob = concat!(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg",
        "KvqfqdngotpRZb6KE6RyyBwJnAM="
    );
    let signature = Base64::decode_vec(blob).unwrap()[4..].try_into().unwrap();
    let note = signed_note(text, "PeterNeumann", &key, &signature).unwrap();
    assert_eq!(note, format!("{text}\n\u{2014} PeterNeumann {blob}\n"));
    // It verifies, and then is no checkpoint.
    assert_eq!(
        open_note(note.as_bytes(), "PeterNeumann", &key),
        Err(NoteError::Checkpoint)
    );
}
