//! What the signer gives back is checked against the order before it counts.

use std::borrow::Cow;

use alloy_consensus::transaction::RlpEcdsaDecodableTx as _;
use alloy_consensus::{Signed as SignedTx, TxEip1559};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Bytes, TxKind, B256};

use crate::code::Code;
use crate::event::{Body, Signed, SigningOrder, Stage, TransactionOrder};
use crate::guard::state::Entry;
use crate::guard::{Applied, Guard, Refusal};
use crate::verify::recover;

impl Guard {
    /// Takes a signature: `payload` is raw transaction bytes, or `r || s || v`.
    ///
    /// # Errors
    /// [`Refusal`] `frozen` in a frozen scope, `wrong_state` when no order waits for a signature,
    /// and `signature_mismatch` when the bytes are not exactly what was ordered, signed by the
    /// wallet.
    pub fn signed(
        &mut self,
        request_id: &str,
        payload: &[u8],
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let entry = self.entry(request_id)?;
        let frozen = self.state.frozen(&entry.agent, &entry.wallet).is_some();
        let commanded = entry
            .replacing
            .as_ref()
            .is_some_and(|order| order.commanded);
        let stopped = frozen || matches!(entry.stage, Stage::Frozen | Stage::Held);
        if stopped && entry.replacing.is_none() || frozen && !commanded {
            return Err(Refusal::new(
                Code::Frozen,
                format!("{request_id} was stopped by a freeze"),
            ));
        }
        let Some(order) = waiting(entry) else {
            let text = format!("{request_id} is {}", entry.stage.as_str());
            return Err(Refusal::new(Code::WrongState, text));
        };
        let id = entry.id;
        let bytes = Bytes::copy_from_slice(payload);
        let hash = verify(&order, payload).map_err(mismatch)?;
        let (raw, signature) = match order.as_ref() {
            SigningOrder::Transaction(_) => (Some(bytes), None),
            SigningOrder::TypedData(_) | SigningOrder::Message(_) => (None, Some(bytes)),
        };
        let body = Body::RequestSigned(Signed {
            hash,
            id,
            raw,
            signature,
        });
        self.about(id, self.now(now_ms), body)
    }
}

/// The order that waits for a signature: the first of a request, or one that takes the place of
/// another.
pub(in crate::guard) fn waiting(entry: &Entry) -> Option<Cow<'_, SigningOrder>> {
    if let Some(replacing) = &entry.replacing {
        return Some(Cow::Owned(SigningOrder::Transaction(
            replacing.order.clone(),
        )));
    }
    let ordered = entry.ordered.as_ref();
    let ordered = ordered.filter(|_| entry.stage == Stage::Authorised);
    ordered.map(|ordered| Cow::Borrowed(&ordered.order))
}

/// The hash or digest of these bytes, if they are what was ordered, signed by the wallet. Live code
/// and replay both ask this.
pub(in crate::guard) fn verify(order: &SigningOrder, payload: &[u8]) -> Result<B256, &'static str> {
    match order {
        SigningOrder::Transaction(order) => transaction(order, payload),
        SigningOrder::TypedData(order) => digest(order.digest, order.wallet, payload),
        SigningOrder::Message(order) => digest(order.digest, order.wallet, payload),
    }
}

fn mismatch(text: &'static str) -> Refusal {
    Refusal::new(Code::SignatureMismatch, text)
}

/// The hash of these bytes, if they are the ordered transaction, field by field, signed by the
/// wallet.
fn transaction(order: &TransactionOrder, raw: &[u8]) -> Result<B256, &'static str> {
    let mut rest = raw;
    let signed: SignedTx<TxEip1559> =
        TxEip1559::eip2718_decode(&mut rest).map_err(|_| "not an EIP-1559 transaction")?;
    if !rest.is_empty() || signed.encoded_2718() != raw {
        return Err("not the one encoding of a transaction");
    }
    let tx = signed.tx();
    let same = tx.chain_id == order.chain_id.get()
        && tx.nonce == order.nonce
        && tx.gas_limit == order.gas
        && tx.max_fee_per_gas == order.max_fee_per_gas
        && tx.max_priority_fee_per_gas == order.max_priority_fee_per_gas
        && tx.to == order.to.map_or(TxKind::Create, TxKind::Call)
        && tx.value == order.value
        && tx.input == order.data
        && tx.access_list.is_empty();
    if !same {
        return Err("not the transaction that was ordered");
    }
    let signer = alloy_consensus::crypto::secp256k1::recover_signer(
        signed.signature(),
        signed.signature_hash(),
    );
    if signer.ok() != Some(order.wallet) {
        return Err("not signed by the wallet");
    }
    Ok(*signed.hash())
}

fn digest(
    digest: B256,
    wallet: alloy_primitives::Address,
    signature: &[u8],
) -> Result<B256, &'static str> {
    let signature = signature
        .try_into()
        .map_err(|_| "a signature has 65 bytes")?;
    match recover(digest, signature) {
        Some(signer) if signer == wallet => Ok(digest),
        _ => Err("not signed by the wallet"),
    }
}
