//! Signatures: ed25519 of operators and agents, secp256k1 of wallets. Verification only; no key is
//! ever here.

use alloy_primitives::{Address, Signature, B256};
use ed25519_dalek::VerifyingKey;

/// Prefix of what an operator signs.
pub const OPERATOR_DOMAIN: &[u8] = b"holdfast operator command v1\n";
/// Prefix of what an agent signs.
pub const AGENT_DOMAIN: &[u8] = b"holdfast agent request v1\n";

/// Checks an ed25519 signature strictly: no small-order keys or points, no second encodings.
pub fn ed25519(public_key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(public_key) else {
        return false;
    };
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    key.verify_strict(message, &signature).is_ok()
}

/// Whether these bytes are a key that signatures can be checked with.
pub fn is_public_key(public_key: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(public_key).is_ok_and(|key| !key.is_weak())
}

/// Checks an operator's signature over a command payload.
pub fn operator_command(public_key: &[u8; 32], payload: &[u8], signature: &[u8; 64]) -> bool {
    ed25519(public_key, &[OPERATOR_DOMAIN, payload].concat(), signature)
}

/// Checks an agent's signature over a request payload.
pub fn agent_request(public_key: &[u8; 32], payload: &[u8], signature: &[u8; 64]) -> bool {
    ed25519(public_key, &[AGENT_DOMAIN, payload].concat(), signature)
}

/// Who signed this digest. `signature` is `r || s || v` with `v` 27 or 28; only the low `s` of
/// EIP-2 is taken.
pub fn recover(digest: B256, signature: &[u8; 65]) -> Option<Address> {
    if !matches!(signature.last(), Some(27 | 28)) {
        return None;
    }
    let signature = Signature::from_raw_array(signature).ok()?;
    alloy_consensus::crypto::secp256k1::recover_signer(&signature, digest).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ed25519_dalek::{Signer as _, SigningKey};

    #[test]
    fn an_operator_signature_is_not_an_agent_signature() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key().to_bytes();
        let signed = key.sign(&[OPERATOR_DOMAIN, b"{}"].concat()).to_bytes();
        assert!(operator_command(&public, b"{}", &signed));
        assert!(!agent_request(&public, b"{}", &signed));
        assert!(!operator_command(&public, b"{ }", &signed));
        assert!(!operator_command(&[0; 32], b"{}", &signed));
    }

    #[test]
    fn a_small_order_key_verifies_nothing() {
        // The identity point: any message would verify under lax rules.
        let mut identity = [0u8; 32];
        identity[0] = 1;
        let mut signature = [0u8; 64];
        signature[0] = 1;
        assert!(!ed25519(&identity, b"anything", &signature));
        assert!(!is_public_key(&identity));
    }
}
