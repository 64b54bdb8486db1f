//! The order: what exactly is to be signed, with a nonce of the ledger; and the request that a record
//! holds, read again.

use alloy_primitives::{eip191_hash_message, Address};

use super::facts::{Caps, InRange};
use super::AuthoriseError;
use crate::canonical::INTEGER_MAX;
use crate::chain::ChainId;
use crate::code::Code;
use crate::event::{
    Decided, MessageOrder, SignedContent, SigningOrder, TransactionOrder, TypedDataOrder,
};
use crate::guard::decision::evaluate::reason;
use crate::guard::state::Entry;
use crate::guard::{Guard, Refusal};
use crate::json::Json;
use crate::policy::{Policy, Reason, Verdict};
use crate::request::{self, Request, Transaction, TypedData};

impl Guard {
    pub(super) fn write_order(
        &self,
        entry: &Entry,
        wanted: &SignedContent,
        given: &InRange<'_>,
        caps: &Caps,
    ) -> Result<SigningOrder, AuthoriseError> {
        let (chain_id, wallet) = (entry.chain_id, entry.wallet);
        let tx = match wanted {
            SignedContent::Transaction(tx) => tx,
            SignedContent::TypedData(_) | SignedContent::Message(_) => {
                let order = order_of_content(chain_id, wallet, wanted);
                return order.ok_or_else(|| Refusal::new(Code::Internal, "no content").into());
            }
        };
        let (gas, fee, tip) = given.within(caps)?;
        Ok(SigningOrder::Transaction(TransactionOrder {
            chain_id,
            data: tx.data.clone(),
            gas,
            kind: Default::default(),
            max_fee_per_gas: fee,
            max_priority_fee_per_gas: tip,
            nonce: self.nonce(entry, given.chain_nonce, given.nonce_proved)?,
            to: tx.to,
            value: tx.value,
            wallet,
        }))
    }

    /// The next nonce of the ledger, or of the chain when that is proved to be further on.
    fn nonce(&self, entry: &Entry, chain: Option<u64>, proved: bool) -> Result<u64, Refusal> {
        let book = self.state.nonces.get(&entry.account());
        let next = match (book, chain) {
            (Some(book), Some(chain)) if chain > book.next() && !proved => {
                let next = book.next();
                let text = format!(
                    "one node counts {chain} transactions of the wallet, the guardian gave out \
                     {next} nonces: another node has to say so too, or an operator"
                );
                return Err(Refusal::new(Code::NonceAhead, text));
            }
            // Nor does one node's word close a gap.
            (Some(book), _) if !proved => book.peek(None),
            (Some(book), chain) => book.peek(chain),
            (None, Some(chain)) => chain,
            (None, None) => {
                let text = "neither the ledger nor the facts know the nonce of this wallet";
                return Err(Refusal::new(Code::NonceUnknown, text));
            }
        };
        if next > INTEGER_MAX {
            return Err(Refusal::new(
                Code::NonceUnknown,
                "no wallet has a nonce this large",
            ));
        }
        Ok(next)
    }
}

/// The order of a request that needs nothing of its chain and of nobody, in the same step as its
/// decision: what would be decided again is what was decided just now.
pub(in crate::guard) fn order_at_once(decided: &Decided) -> Option<SigningOrder> {
    match decided.verdict {
        Verdict::Instant | Verdict::Notify => {
            order_of_content(decided.chain_id, decided.wallet, &decided.request)
        }
        Verdict::Delay { .. } | Verdict::Approval { .. } | Verdict::Deny => None,
    }
}

/// Of typed data or a message, which are ordered as they were decided; `None` for a transaction.
fn order_of_content(
    chain_id: ChainId,
    wallet: Address,
    wanted: &SignedContent,
) -> Option<SigningOrder> {
    match wanted {
        SignedContent::Transaction(_) => None,
        SignedContent::TypedData(typed) => Some(SigningOrder::TypedData(TypedDataOrder {
            chain_id,
            digest: typed.typed_data_digest,
            json: typed.json.clone(),
            kind: Default::default(),
            wallet,
        })),
        SignedContent::Message(message) => Some(SigningOrder::Message(MessageOrder {
            chain_id,
            digest: eip191_hash_message(&message.message),
            kind: Default::default(),
            message: message.message.clone(),
            wallet,
        })),
    }
}

/// The request as it was decided, with caps that are no looser than those of the chain now.
pub(in crate::guard) fn rebuild_request(
    decided: &Decided,
    policy: &Policy,
) -> Result<Request, Reason> {
    let chain = policy.chain(decided.chain_id);
    let body = match &decided.request {
        SignedContent::Transaction(tx) => {
            let gas = decided
                .gas_max
                .zip(chain)
                .map(|(gas, chain)| gas.min(chain.gas_max));
            let fee = decided.fee_per_gas_max.zip(chain);
            let tip = decided.priority_fee_per_gas_max.zip(chain);
            request::Body::Transaction(Transaction {
                to: tx.to,
                value: tx.value,
                data: tx.data.clone(),
                gas,
                max_fee_per_gas: fee.map(|(fee, chain)| fee.min(chain.fee_per_gas_max)),
                max_priority_fee_per_gas: tip
                    .map(|(tip, chain)| tip.min(chain.priority_fee_per_gas_max)),
                nonce: None,
            })
        }
        SignedContent::TypedData(typed) => request::Body::TypedData(
            typed_data(&typed.json)
                .filter(|read| read.digest == typed.typed_data_digest)
                .ok_or_else(|| reason(Code::Malformed, None, None))?,
        ),
        SignedContent::Message(message) => request::Body::Message(message.message.clone()),
    };
    Ok(Request {
        method: decided.method,
        from: Some(decided.wallet),
        chain_id: Some(decided.chain_id).filter(|_| decided.gas_max.is_some()),
        body,
        note: None,
        merchant: decided.merchant.clone(),
        idempotency_key: None,
    })
}

/// The document of a record, read again.
pub(in crate::guard) fn typed_data(document: &str) -> Option<TypedData> {
    let mut read = request::parse_typed_data(&Json::Str(document.into())).ok()?;
    // What was written down has every address with its checksum, but for those that had a wrong one.
    read.doubtful = read.json != document;
    Some(read)
}
