//! Orders, and what a signer makes of them.

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, Signature, TxKind, B256};
use holdfast_core::event::{SigningOrder, TransactionOrder};
use holdfast_core::guard::Refusal;

use super::{id_of, wallet_key, World};

pub fn code<T>(result: Result<T, Refusal>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(refusal) => refusal.code.as_str().to_owned(),
    }
}

pub fn transaction(world: &World, id: &str) -> TransactionOrder {
    match world.order(id) {
        SigningOrder::Transaction(order) => order,
        other => panic!("{other:?}"),
    }
}

pub fn nonce(world: &World, id: &str) -> u64 {
    transaction(world, id).nonce
}

/// A payment that is authorised and not signed.
pub fn ordered(world: &mut World, wei: u128) -> String {
    let id = id_of(&world.pay("shopper", wei));
    world.authorise(&id, Some(7)).unwrap();
    id
}

pub fn key() -> String {
    format!("agent:{}", "shopper")
}

pub fn secp256k1(key: &k256::ecdsa::SigningKey, digest: B256) -> Signature {
    let (signature, recovery) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
    Signature::from_signature_and_parity(signature, recovery.is_y_odd())
}

pub fn unsigned(order: &TransactionOrder) -> TxEip1559 {
    TxEip1559 {
        chain_id: order.chain_id.get(),
        nonce: order.nonce,
        gas_limit: order.gas,
        max_fee_per_gas: order.max_fee_per_gas,
        max_priority_fee_per_gas: order.max_priority_fee_per_gas,
        to: order.to.map_or(TxKind::Create, TxKind::Call),
        value: order.value,
        access_list: Default::default(),
        input: order.data.clone(),
    }
}

pub fn raw(tx: TxEip1559, key: &k256::ecdsa::SigningKey) -> Vec<u8> {
    let signature = secp256k1(key, tx.signature_hash());
    tx.into_signed(signature).encoded_2718()
}

fn key_of(address: Address) -> k256::ecdsa::SigningKey {
    (0..2)
        .map(wallet_key)
        .find(|key| Address::from_public_key(key.verifying_key()) == address)
        .unwrap()
}

/// What the signer would give for this order.
pub fn sign_order(order: &SigningOrder) -> Vec<u8> {
    match order {
        SigningOrder::Transaction(order) => raw(unsigned(order), &key_of(order.wallet)),
        SigningOrder::TypedData(order) => secp256k1(&key_of(order.wallet), order.digest)
            .as_bytes()
            .to_vec(),
        SigningOrder::Message(order) => secp256k1(&key_of(order.wallet), order.digest)
            .as_bytes()
            .to_vec(),
    }
}
