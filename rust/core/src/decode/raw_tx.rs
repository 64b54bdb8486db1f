//! Raw transaction bytes, signed or not, of types 0, 1 and 2.

use alloy_consensus::transaction::RlpEcdsaDecodableTx;
use alloy_consensus::{SignableTransaction, Signed, TxEip1559, TxEip2930, TxLegacy};
use alloy_primitives::{Address, Signature, B256};
use alloy_rlp::Decodable;

use crate::chain::ChainId;
use crate::code::Detail;
use crate::json::Malformed;
use crate::request::Transaction;

/// What raw bytes say.
#[derive(Debug)]
pub(super) struct RawTransaction {
    pub transaction: Transaction,
    pub chain_id: Option<ChainId>,
    /// The hash that is or was signed.
    pub digest: B256,
    /// Who signed it, when it is signed.
    pub signer: Option<Address>,
}

/// Parses an EIP-2718 envelope or a legacy list; whatever does not encode to the same bytes again
/// is refused.
pub(super) fn parse(bytes: &[u8]) -> Result<RawTransaction, Malformed> {
    match bytes.first() {
        Some(0xc0..) => read::<TxLegacy>(bytes, bytes),
        Some(1) => read::<TxEip2930>(bytes, bytes.get(1..).unwrap_or_default()),
        Some(2) => read::<TxEip1559>(bytes, bytes.get(1..).unwrap_or_default()),
        Some(3) => Err(fault(Detail::Blob, "blob transactions are not signed")),
        Some(4) => Err(fault(
            Detail::Authorization,
            "an EIP-7702 authorization hands the account over",
        )),
        _ => Err(fault(Detail::TxType, "unknown transaction type")),
    }
}

fn read<T>(bytes: &[u8], list: &[u8]) -> Result<RawTransaction, Malformed>
where
    T: RlpEcdsaDecodableTx + SignableTransaction<Signature> + Decodable,
{
    // Unsigned first: a legacy signing payload (chain id, 0, 0) could be read as a signature with r
    // = s = 0.
    let mut rest = list;
    if let Ok(unsigned) = T::decode(&mut rest) {
        if rest.is_empty() && unsigned.encoded_for_signing() == bytes {
            let digest = unsigned.signature_hash();
            return Ok(describe(&unsigned, digest, None));
        }
    }
    let mut rest = list;
    let Ok(signed) = T::rlp_decode_signed(&mut rest) else {
        return Err(fault(
            Detail::RawTx,
            "not a transaction of the type it says",
        ));
    };
    let mut again = Vec::with_capacity(bytes.len());
    signed.eip2718_encode(&mut again);
    if !rest.is_empty() || again != bytes {
        return Err(fault(
            Detail::RawTx,
            "not the canonical encoding of a transaction",
        ));
    }
    let digest = signed.signature_hash();
    let signer = recover(&signed, digest)?;
    Ok(describe(signed.tx(), digest, Some(signer)))
}

fn recover<T>(signed: &Signed<T>, digest: B256) -> Result<Address, Malformed> {
    signed
        .signature()
        .recover_address_from_prehash(&digest)
        .map_err(|_| {
            fault(
                Detail::Signature,
                "the signature does not belong to any account",
            )
        })
}

fn describe<T: alloy_consensus::Transaction>(
    tx: &T,
    digest: B256,
    signer: Option<Address>,
) -> RawTransaction {
    let transaction = Transaction {
        to: tx.to(),
        value: tx.value(),
        data: tx.input().clone(),
        gas: Some(tx.gas_limit()),
        max_fee_per_gas: Some(tx.max_fee_per_gas()),
        max_priority_fee_per_gas: tx.max_priority_fee_per_gas(),
        nonce: Some(tx.nonce()),
    };
    RawTransaction {
        transaction,
        chain_id: tx.chain_id().map(ChainId::new),
        digest,
        signer,
    }
}

fn fault(code: Detail, text: &str) -> Malformed {
    Malformed::new(code, "", text)
}
