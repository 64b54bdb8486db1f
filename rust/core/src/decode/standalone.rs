//! `holdfast decode`: the same decoders without a guardian.

use std::borrow::Cow;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxLegacy};
use alloy_primitives::{eip191_hash_message, Address, TxKind, B256, U256};

use super::{descriptor_check, raw_tx, well_known_tokens};
use crate::asset::Registry;
use crate::chain::ChainId;
use crate::clear::Library;
use crate::code::{Code, Detail, WarningCode};
use crate::display::{field, warning};
use crate::effects::context::Context;
use crate::effects::sight::Sight;
use crate::effects::{decode_in, signature, transaction, Decoded, Denial};
use crate::json::{self, write_string, Json, Limits, Malformed};
use crate::request::{
    bytes, parse_address, parse_batch, parse_message, parse_transaction, parse_typed_data, Batch,
    Body, Fault, Shape, Transaction, TransactionRequest,
};
use crate::text::display_safe;

/// Raw transactions up to this many bytes.
const RAW_BYTES_MAX: usize = 262_144;
const TOKENS: Limits = Limits {
    max_bytes: 32 << 20,
    max_depth: 4,
    max_nodes: 2_000_000,
    max_string: 1_024,
};
const SYMBOL_CHARS_MAX: usize = 24;

/// Why a decode gives no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input is not what it must be.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Understood, and never to be signed.
    #[error(transparent)]
    Denied(#[from] Denial),
}

/// Decodes `{"tx": {…}}`, `{"raw_tx": "0x…"}`, `{"typed_data": {…}}`, `{"message": "0x…"}` or
/// `{"calls": {…}}` (the object of `wallet_sendCalls`, as the sum of its calls) to the canonical
/// JSON `{"chain_id","digest","display","effects","kind","opaque","warnings"}`. Beside it may stand
/// `"from": "0x…"`, the account that is to sign.
///
/// `digest` is what is signed: the signing hash, the EIP-712 digest or the EIP-191 digest; null for
/// a `tx` that does not fix all of its fields. `tokens` is a JSON list of
/// `{"chain_id","address","symbol","decimals","name"}` that names contracts the registry does not
/// have; such assets have no id. `clear` are descriptors that add lines for a person, and nothing
/// else.
///
/// # Errors
/// [`DecodeError`].
pub fn decode_standalone(
    request: &[u8],
    chain_id: ChainId,
    registry: &Registry,
    tokens: Option<&[u8]>,
    clear: Option<&Library>,
) -> Result<String, DecodeError> {
    let request = json::parse_exact(request, &Limits::REQUEST)?;
    let members = request.as_object().unwrap_or_default();
    let mut bodies = members.iter().filter(|(key, _)| key != "from");
    let (Some((key, value)), None) = (bodies.next(), bodies.next()) else {
        let text = "expected one of `tx`, `raw_tx`, `typed_data`, `message` and `calls`";
        return Err(Malformed::new(Detail::Params, "", text).into());
    };
    let mut registry = registry.clone();
    well_known_tokens::add_to(&mut registry);
    if let Some(tokens) = tokens {
        add_tokens(tokens, &mut registry)?;
    }
    if key == "calls" {
        let batch = parse_batch(value).map_err(|fault| fault.under(key))?;
        if request.get("from").is_some() {
            let text = "the calls name their own account";
            return Err(Malformed::new(Detail::Params, "", text)
                .under("from")
                .into());
        }
        return decode_batch(&batch, chain_id, &registry);
    }
    let mut subject = Subject::read(key, value, chain_id)?;
    if let Some(from) = request.get("from") {
        subject.signed_by(from)?;
    }
    let sight = Sight::believing();
    let context = Context {
        wallet: subject.wallet,
        chain_id,
        registry: &registry,
        sight: &sight,
    };
    let mut decoded = decode_in(&subject.body, &context)?;
    if let Body::TypedData(typed) = &subject.body {
        // A document without a chain is shown with a warning; one for another chain is not what was
        // asked about.
        if typed.domain_chain_id.is_some() {
            signature::check_chain(typed, chain_id)?;
        }
    }
    push_max_fee(&subject.body, &context, &mut decoded);
    if let Some(clear) = clear {
        descriptor_check::add(&subject.body, &context, clear, &mut decoded);
    }
    if subject.no_chain {
        let text = "the transaction names no chain: it is valid on every chain";
        decoded.warnings.push(warning(WarningCode::NoChain, text));
    }
    let kind = match subject.body {
        Body::Transaction(_) => "transaction",
        Body::TypedData(_) => "typed-data",
        Body::Message(_) => "message",
    };
    Ok(write(kind, subject.digest, &decoded, chain_id))
}

/// The sum of a batch.
fn decode_batch(
    batch: &Batch,
    chain_id: ChainId,
    registry: &Registry,
) -> Result<String, DecodeError> {
    let first = batch.calls().first();
    check_chain(first.and_then(|call| call.chain_id), chain_id)?;
    let context = Context {
        wallet: first.and_then(|call| call.from),
        chain_id,
        registry,
        sight: &Sight::believing(),
    };
    let bodies = batch.calls().iter().map(|call| &call.body);
    let transactions: Vec<_> = bodies
        .filter_map(|body| match body {
            Body::Transaction(transaction) => Some(transaction),
            Body::TypedData(_) | Body::Message(_) => None,
        })
        .collect();
    let decoded = transaction::decode_all(&transactions, &context)?;
    Ok(write("calls", None, &decoded, chain_id))
}

/// The most the fee can be, where the request fixes that.
fn push_max_fee(body: &Body, context: &Context<'_>, decoded: &mut Decoded) {
    let Body::Transaction(transaction) = body else {
        return;
    };
    let (Some(gas), Some(price)) = (transaction.gas, transaction.max_fee_per_gas) else {
        return;
    };
    if let Some(fee) = U256::from(gas).checked_mul(U256::from(price)) {
        let fee = context.native_amount(fee);
        decoded.display.push(field("Max fee", fee));
    }
}

struct Subject {
    body: Body,
    wallet: Option<Address>,
    digest: Option<B256>,
    no_chain: bool,
}

impl Subject {
    fn read(key: &str, value: &Json<'_>, chain_id: ChainId) -> Result<Self, DecodeError> {
        match key {
            "tx" => Self::transaction(
                parse_transaction(value).map_err(|f| f.under(key))?,
                chain_id,
            ),
            "raw_tx" => Self::raw(value, chain_id),
            "typed_data" => {
                let typed = parse_typed_data(value).map_err(|fault| fault.under(key))?;
                let digest = Some(typed.digest);
                Ok(Self {
                    body: Body::TypedData(typed),
                    wallet: None,
                    digest,
                    no_chain: false,
                })
            }
            "message" => {
                let message = parse_message(value).map_err(|fault| fault.under(key))?;
                let digest = Some(eip191_hash_message(&message));
                Ok(Self {
                    body: Body::Message(message),
                    wallet: None,
                    digest,
                    no_chain: false,
                })
            }
            _ => Err(Malformed::new(Detail::UnknownKey, "", "nothing to decode")
                .under(key)
                .into()),
        }
    }

    /// Takes over who is to sign; a transaction that says so itself must say the same.
    fn signed_by(&mut self, from: &Json<'_>) -> Result<(), Malformed> {
        let text = from
            .as_str()
            .ok_or_else(|| Malformed::new(Detail::Type, "", "expected an address").under("from"))?;
        let from = parse_address(text).map_err(|fault| fault.at("from"))?;
        if self.wallet.is_some_and(|wallet| wallet != from) {
            let text = "another account signs the transaction";
            return Err(Malformed::new(Detail::Params, "", text).under("from"));
        }
        self.wallet = Some(from);
        Ok(())
    }

    fn transaction(request: TransactionRequest, chain_id: ChainId) -> Result<Self, DecodeError> {
        check_chain(request.chain_id, chain_id)?;
        let digest = signing_hash(&request.transaction, request.shape, chain_id);
        Ok(Self {
            body: Body::Transaction(request.transaction),
            wallet: request.from,
            digest,
            no_chain: false,
        })
    }

    fn raw(value: &Json<'_>, chain_id: ChainId) -> Result<Self, DecodeError> {
        let at = |fault: Malformed| fault.under("raw_tx");
        let text = value
            .as_str()
            .ok_or_else(|| at(Malformed::new(Detail::Type, "", "expected a hex string")))?;
        let raw = bytes(text, RAW_BYTES_MAX).map_err(|fault| at(fault.here()))?;
        let raw = raw_tx::parse(&raw).map_err(at)?;
        check_chain(raw.chain_id, chain_id)?;
        Ok(Self {
            body: Body::Transaction(raw.transaction),
            wallet: raw.signer,
            digest: Some(raw.digest),
            no_chain: raw.chain_id.is_none(),
        })
    }
}

fn check_chain(named: Option<ChainId>, chain_id: ChainId) -> Result<(), Denial> {
    match named {
        Some(named) if named != chain_id => {
            let text = format!("the transaction is for chain {named}, not {chain_id}");
            Err(Denial::new(Code::ChainMismatch, text))
        }
        _ => Ok(()),
    }
}

/// The hash that would be signed, if the agent fixed every field of it.
fn signing_hash(transaction: &Transaction, shape: Shape, chain_id: ChainId) -> Option<B256> {
    let chain_id = chain_id.get();
    let Transaction {
        to, value, data, ..
    } = transaction.clone();
    let (gas_limit, nonce) = (transaction.gas?, transaction.nonce?);
    let max_fee_per_gas = transaction.max_fee_per_gas?;
    let to = to.map_or(TxKind::Create, TxKind::Call);
    let (gas_price, access_list, input) = (max_fee_per_gas, Default::default(), data);
    Some(match shape {
        Shape::Legacy => {
            let chain_id = Some(chain_id);
            TxLegacy {
                chain_id,
                nonce,
                gas_price,
                gas_limit,
                to,
                value,
                input,
            }
            .signature_hash()
        }
        Shape::AccessList => TxEip2930 {
            chain_id,
            nonce,
            gas_price,
            gas_limit,
            to,
            value,
            access_list,
            input,
        }
        .signature_hash(),
        Shape::DynamicFee => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas: transaction.max_priority_fee_per_gas?,
            to,
            value,
            access_list,
            input,
        }
        .signature_hash(),
    })
}

fn add_tokens(tokens: &[u8], registry: &mut Registry) -> Result<(), Malformed> {
    let list = json::parse(tokens, &TOKENS)?;
    let Some(items) = list.as_array() else {
        return Err(Malformed::new(
            Detail::Tokens,
            "",
            "a token list is an array",
        ));
    };
    for (index, item) in items.iter().enumerate() {
        let fault = |text: &str| Malformed::new(Detail::Tokens, "", text).under_index(index);
        let text = |key: &str| item.get(key).and_then(Json::as_str);
        let integer = |key: &str| item.get(key).and_then(Json::as_int);
        let chain_id = integer("chain_id").and_then(|id| u64::try_from(id).ok());
        let chain_id = chain_id.map(ChainId::new);
        let decimals = integer("decimals").and_then(|places| u8::try_from(places).ok());
        let address = text("address").map(parse_address).transpose();
        let address = address.map_err(|fault: Fault| fault.at("address").under_index(index))?;
        let (Some(chain_id), Some(address), Some(decimals), Some(symbol)) = (
            chain_id,
            address,
            decimals.filter(|places| *places <= 36),
            text("symbol"),
        ) else {
            return Err(fault(
                "a token has `chain_id`, `address`, `symbol` and `decimals`",
            ));
        };
        let symbol = display_safe(symbol, SYMBOL_CHARS_MAX);
        if let Some(name) = text("name") {
            registry.insert_name(chain_id.at(address), name);
        }
        registry.insert(well_known_tokens::unnamed(
            chain_id,
            Some(address),
            symbol,
            decimals,
        ));
    }
    Ok(())
}

fn write(kind: &str, digest: Option<B256>, decoded: &Decoded, chain_id: ChainId) -> String {
    let digest = digest.map_or(Cow::Borrowed("null"), |digest| {
        Cow::Owned(format!("\"{digest}\""))
    });
    let mut out = format!("{{\"chain_id\":{chain_id},\"digest\":{digest},\"display\":");
    push_list(&decoded.display, &mut out, |field, out| {
        push_pair(["label", &field.label], ["value", &field.value], out);
    });
    out.push_str(",\"effects\":");
    push_list(&decoded.effects, &mut out, |effect, out| {
        effect.write_canonical(out)
    });
    out.push_str(",\"kind\":\"");
    out.push_str(kind);
    out.push_str(if decoded.opaque {
        "\",\"opaque\":true"
    } else {
        "\",\"opaque\":false"
    });
    out.push_str(",\"warnings\":");
    push_list(&decoded.warnings, &mut out, |warning, out| {
        push_pair(
            ["code", warning.code.as_str()],
            ["text", &warning.text],
            out,
        );
    });
    out.push('}');
    out
}

fn push_list<T>(items: &[T], out: &mut String, mut push: impl FnMut(&T, &mut String)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(item, out);
    }
    out.push(']');
}

fn push_pair([first, a]: [&str; 2], [second, b]: [&str; 2], out: &mut String) {
    out.push('{');
    write_string(first, out);
    out.push(':');
    write_string(a, out);
    out.push(',');
    write_string(second, out);
    out.push(':');
    write_string(b, out);
    out.push('}');
}
