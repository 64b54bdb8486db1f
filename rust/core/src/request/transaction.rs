//! The transaction object of `eth_sendTransaction` and `eth_signTransaction`.

use alloy_primitives::{Address, Bytes, U256};

use super::hex::{self, Fault};
use super::Transaction;
use crate::chain::ChainId;
use crate::code::Detail;
use crate::json::{Json, Malformed};

/// How the agent wrote the fees. The guardian builds what it likes; only a digest of given fields
/// needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Type 0, or `gasPrice` without a type.
    Legacy,
    /// Type 1.
    AccessList,
    /// Type 2, or no `gasPrice`.
    DynamicFee,
}

/// A transaction object, parsed.
#[derive(Clone, Debug)]
pub(crate) struct TransactionRequest {
    pub transaction: Transaction,
    pub from: Option<Address>,
    pub chain_id: Option<ChainId>,
    pub shape: Shape,
}

#[derive(Default)]
struct Members<'j, 'a> {
    from: Option<&'j Json<'a>>,
    to: Option<&'j Json<'a>>,
    gas: Option<&'j Json<'a>>,
    gas_limit: Option<&'j Json<'a>>,
    gas_price: Option<&'j Json<'a>>,
    max_fee: Option<&'j Json<'a>>,
    max_tip: Option<&'j Json<'a>>,
    value: Option<&'j Json<'a>>,
    data: Option<&'j Json<'a>>,
    input: Option<&'j Json<'a>>,
    nonce: Option<&'j Json<'a>>,
    chain_id: Option<&'j Json<'a>>,
    kind: Option<&'j Json<'a>>,
}

/// Parses a transaction object: what it names is understood completely or refused.
pub(crate) fn parse(value: &Json<'_>) -> Result<TransactionRequest, Malformed> {
    let members = Members::collect(value)?;
    let (to, data) = members.target()?;
    let (max_fee_per_gas, max_priority_fee_per_gas) = members.fees()?;
    let chain_id = field(members.chain_id, "chainId", hex::chain_id)?;
    let nonce = field(members.nonce, "nonce", hex::quantity_u64)?;
    if nonce == Some(u64::MAX) {
        return Err(
            Fault::new(Detail::Range, "the nonce is above what EIP-2681 allows").at("nonce"),
        );
    }
    let value = field(members.value, "value", hex::quantity)?.unwrap_or(U256::ZERO);
    Ok(TransactionRequest {
        shape: members.shape()?,
        from: field(members.from, "from", hex::address)?,
        chain_id,
        transaction: Transaction {
            to,
            value,
            data,
            gas: members.gas()?,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            nonce,
        },
    })
}

/// [`parse`], of what is to be signed: that is of type 2, so an object that asks for another type
/// is refused. `gasPrice` without a type only says what the gas may cost.
pub(super) fn parse_to_sign(value: &Json<'_>) -> Result<TransactionRequest, Malformed> {
    let request = parse(value)?;
    if value.get("type").is_some() && request.shape != Shape::DynamicFee {
        let text = "only type 2 is signed: ask for that, or leave `type` out";
        return Err(Fault::new(Detail::TxType, text).at("type"));
    }
    Ok(request)
}

fn field<T>(
    value: Option<&Json<'_>>,
    key: &str,
    read: impl FnOnce(&Json<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Malformed> {
    value
        .map(|value| read(value).map_err(|fault| fault.at(key)))
        .transpose()
}

impl<'j, 'a> Members<'j, 'a> {
    fn collect(value: &'j Json<'a>) -> Result<Self, Malformed> {
        let Some(members) = value.as_object() else {
            return Err(Fault::new(Detail::Type, "expected a transaction object").here());
        };
        let mut found = Self::default();
        for (key, value) in members {
            let slot = match key.as_ref() {
                "from" => &mut found.from,
                "to" => &mut found.to,
                "gas" => &mut found.gas,
                "gasLimit" => &mut found.gas_limit,
                "gasPrice" => &mut found.gas_price,
                "maxFeePerGas" => &mut found.max_fee,
                "maxPriorityFeePerGas" => &mut found.max_tip,
                "value" => &mut found.value,
                "data" => &mut found.data,
                "input" => &mut found.input,
                "nonce" => &mut found.nonce,
                "chainId" => &mut found.chain_id,
                "type" => &mut found.kind,
                "accessList" => {
                    empty_access_list(value).map_err(|fault| fault.at("accessList"))?;
                    continue;
                }
                other => return Err(refuse_key(other).at(other)),
            };
            *slot = Some(value);
        }
        Ok(found)
    }

    /// Recipient and data; no recipient with data is a creation.
    fn target(&self) -> Result<(Option<Address>, Bytes), Malformed> {
        let data = field(self.data, "data", hex::data)?;
        let input = field(self.input, "input", hex::data)?;
        if data.is_some() && input.is_some() && data != input {
            return Err(Fault::new(Detail::DataConflict, "`data` and `input` differ").at("input"));
        }
        let data = data.or(input).unwrap_or_default();
        let to = match self.to {
            None | Some(Json::Null) => None,
            Some(Json::Str(text)) if text.is_empty() || text == "0x" => None,
            Some(value) => Some(hex::address(value).map_err(|fault| fault.at("to"))?),
        };
        if to.is_none() && data.is_empty() {
            return Err(Fault::new(Detail::CreationEmpty, "no recipient and no code").at("to"));
        }
        Ok((to, data))
    }

    fn gas(&self) -> Result<Option<u64>, Malformed> {
        let gas = field(self.gas, "gas", hex::quantity_u64)?;
        let limit = field(self.gas_limit, "gasLimit", hex::quantity_u64)?;
        if gas.is_some() && limit.is_some() && gas != limit {
            return Err(
                Fault::new(Detail::GasConflict, "`gas` and `gasLimit` differ").at("gasLimit"),
            );
        }
        Ok(gas.or(limit))
    }

    /// Fee and tip per gas; `gasPrice` counts as both.
    fn fees(&self) -> Result<(Option<u128>, Option<u128>), Malformed> {
        let price = field(self.gas_price, "gasPrice", hex::quantity_u128)?;
        let fee = field(self.max_fee, "maxFeePerGas", hex::quantity_u128)?;
        let tip = field(self.max_tip, "maxPriorityFeePerGas", hex::quantity_u128)?;
        if price.is_some() && (fee.is_some() || tip.is_some()) {
            let text = "`gasPrice` excludes `maxFeePerGas` and `maxPriorityFeePerGas`";
            return Err(Fault::new(Detail::FeeConflict, text).at("gasPrice"));
        }
        if fee.zip(tip).is_some_and(|(fee, tip)| tip > fee) {
            let text = "the tip is above the fee it is part of";
            return Err(Fault::new(Detail::TipOverFee, text).at("maxPriorityFeePerGas"));
        }
        Ok((price.or(fee), price.or(tip)))
    }

    fn shape(&self) -> Result<Shape, Malformed> {
        let number = match self.kind {
            None if self.gas_price.is_some() => return Ok(Shape::Legacy),
            None => return Ok(Shape::DynamicFee),
            // web3.py passes an integer type on as it is.
            Some(Json::Int(number)) => u64::try_from(*number).unwrap_or(u64::MAX),
            Some(value) => hex::quantity_u64(value).map_err(|fault| fault.at("type"))?,
        };
        let dynamic = self.max_fee.is_some() || self.max_tip.is_some();
        match number {
            0 | 1 if dynamic => {
                let text = "types 0 and 1 have `gasPrice` and no other fees";
                Err(Fault::new(Detail::FeeConflict, text).at("type"))
            }
            2 if self.gas_price.is_some() => {
                Err(Fault::new(Detail::FeeConflict, "type 2 has no `gasPrice`").at("type"))
            }
            0 => Ok(Shape::Legacy),
            1 => Ok(Shape::AccessList),
            2 => Ok(Shape::DynamicFee),
            3 => Err(Fault::new(Detail::Blob, "blob transactions are not signed").at("type")),
            4 => Err(AUTHORIZATION.at("type")),
            _ => {
                let text = "unknown transaction type: only type 2 is signed";
                Err(Fault::new(Detail::TxType, text).at("type"))
            }
        }
    }
}

const AUTHORIZATION: Fault = Fault::new(
    Detail::Authorization,
    "an EIP-7702 authorization hands the account over",
);

fn refuse_key(key: &str) -> Fault {
    match key {
        "maxFeePerBlobGas"
        | "blobVersionedHashes"
        | "blobs"
        | "sidecars"
        | "commitments"
        | "proofs"
        | "kzg" => Fault::new(Detail::Blob, "blob transactions are not signed"),
        "authorizationList" => AUTHORIZATION,
        _ => Fault::new(Detail::UnknownKey, "not a member of a transaction"),
    }
}

fn empty_access_list(value: &Json<'_>) -> Result<(), Fault> {
    match value.as_array() {
        Some([]) => Ok(()),
        Some(_) => Err(Fault::new(Detail::AccessList, "access lists must be empty")),
        None => Err(Fault::new(Detail::Type, "expected an array")),
    }
}
