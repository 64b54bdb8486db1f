//! Requests that have one effect each: what an agent would send to do this.
//!
//! One way for each kind of effect is enough: policies see effects, however they are wrapped. Kinds
//! that need a contract of a protocol are asked for where either policy knows such a contract.

mod calls;
mod documents;

use alloy_primitives::{hex, Address, U256};
use serde_json::{json, Value};

use crate::asset::Standard;
use crate::effects::EffectKind;
use crate::policy::compare::place::{Fees, Place};
use crate::policy::compare::world::World;
use crate::request::Method;

/// Gas that a witness names, where both policies allow so much.
const GAS: u64 = 100_000;
/// Bytes that no contract knows as a call.
const UNKNOWN_CALL: [u8; 4] = [0x7f, 0x4e, 0x11, 0x02];

/// Protocols whose contracts have effects of a kind; empty where any payee will do.
pub(super) const fn protocols(kind: EffectKind) -> &'static [&'static str] {
    match kind {
        EffectKind::Swap => &["uniswap-v2-router"],
        EffectKind::Deposit => &["erc4626", "aave-v3-pool", "aave-v2-pool"],
        EffectKind::Debt => &["aave-v3-pool", "aave-v2-pool"],
        EffectKind::Order => &["zeroex"],
        EffectKind::Convert => &["weth", "erc4626"],
        _ => &[],
    }
}

/// Whether an effect of this kind has no payee.
pub(super) const fn has_no_payee(kind: EffectKind) -> bool {
    matches!(kind, EffectKind::Deploy | EffectKind::Message)
}

/// A call as an agent sends it: JSON-RPC method and params.
pub(super) type Sent = (&'static str, String);

/// The request that has this effect; `None` where there is none.
pub(super) fn request(world: &World<'_>, place: &Place<'_>, amount: U256) -> Option<Sent> {
    match place.method {
        Method::SendTransaction | Method::SignTransaction => transaction(world, place, amount),
        Method::SignTypedData => documents::sign(world, place, amount),
        Method::SignMessage => message(place),
    }
}

fn message(place: &Place<'_>) -> Option<Sent> {
    if place.kind != EffectKind::Message {
        return None;
    }
    let params = json!(["a text to sign", checksum(place.who.wallet)]);
    Some(("personal_sign", params.to_string()))
}

/// What a transaction carries.
struct Carried {
    to: Option<Address>,
    value: U256,
    data: Vec<u8>,
}

fn transaction(world: &World<'_>, place: &Place<'_>, amount: U256) -> Option<Sent> {
    let carried = carried(world, place, amount)?;
    let spelling = match place.method {
        Method::SignTransaction => "eth_signTransaction",
        _ => "eth_sendTransaction",
    };
    let mut fields = json!({
        "from": checksum(place.who.wallet),
        "value": quantity(carried.value),
    });
    let members = fields.as_object_mut()?;
    if let Some(to) = carried.to {
        members.insert("to".to_owned(), json!(checksum(to)));
    }
    if !carried.data.is_empty() {
        members.insert("data".to_owned(), json!(hex::encode_prefixed(carried.data)));
    }
    for (key, number) in fees(world, place, amount)? {
        members.insert(key.to_owned(), json!(quantity(number)));
    }
    Some((spelling, Value::Array(vec![fields]).to_string()))
}

/// What it names of gas and fees. Where the fee is what is asked about, `amount` is what it comes to.
fn fees(world: &World<'_>, place: &Place<'_>, amount: U256) -> Option<Vec<(&'static str, U256)>> {
    let chains = || {
        let both = world.both().into_iter();
        both.filter_map(|policy| policy.chain(place.who.chain_id))
    };
    let mut gas = chains().map(|chain| chain.gas_max).min()?.min(GAS);
    let mut tip = chains().map(|chain| chain.priority_fee_per_gas_min).max()?;
    let mut fee = chains().map(|chain| chain.fee_per_gas_min).max()?;
    let most_tip = chains().map(|chain| chain.priority_fee_per_gas_max).max()?;
    match place.fees {
        Fees::Least => {}
        Fees::MostGas => gas = chains().map(|chain| chain.gas_max).max()?,
        Fees::MostFee => fee = chains().map(|chain| chain.fee_per_gas_max).max()?,
        Fees::MostTip => tip = most_tip,
    }
    let least = U256::from(fee.max(tip).max(1));
    let fee = match place.kind {
        EffectKind::Fee => amount.checked_div(U256::from(gas))?.max(least),
        _ => least,
    };
    Some(vec![
        ("gas", U256::from(gas)),
        ("maxFeePerGas", fee),
        ("maxPriorityFeePerGas", U256::from(tip)),
    ])
}

fn carried(world: &World<'_>, place: &Place<'_>, amount: U256) -> Option<Carried> {
    let plain = |to: Option<Address>, value: U256, data: Vec<u8>| Some(Carried { to, value, data });
    match place.kind {
        EffectKind::Fee => plain(place.payee, U256::ZERO, Vec::new()),
        EffectKind::Deploy => plain(None, U256::ZERO, vec![0x60, 0x00]),
        EffectKind::Call => {
            let (to, data) = match place.function {
                Some(function) => (
                    function.contract.address,
                    calls::of_function(function, place.who.wallet)?,
                ),
                None => (place.payee?, UNKNOWN_CALL.to_vec()),
            };
            plain(Some(to), U256::ZERO, data)
        }
        EffectKind::Control => {
            let to = place.payee?;
            plain(
                Some(to),
                U256::ZERO,
                calls::transfer_ownership(world.stranger),
            )
        }
        EffectKind::TypedData | EffectKind::Message | EffectKind::Order => None,
        _ => {
            let asset = place.asset?;
            match (asset.standard, asset.address) {
                (Standard::Native, _) => calls::of_coin(world, place, amount),
                (_, Some(token)) => calls::of_token(world, place, token, amount),
                _ => None,
            }
        }
    }
}

/// The amount that comes back, so that it is worth `back` of what leaves; more than any rule asks for
/// where a price is missing.
fn returned(world: &World<'_>, place: &Place<'_>, got: &crate::asset::Asset, amount: U256) -> U256 {
    let most = U256::from(1u128 << 100);
    let price = |asset: &crate::asset::Asset| super::amounts::price(world, asset);
    let worth = || {
        let paid = place.asset?;
        let scale =
            |asset: &crate::asset::Asset| U256::from(10).checked_pow(U256::from(asset.decimals));
        let part = amount.checked_mul(U256::from(place.back))?;
        let part = part.checked_mul(price(paid))?.checked_mul(scale(got)?)?;
        let whole = U256::from(10_000).checked_mul(price(got))?;
        part.checked_div(whole.checked_mul(scale(paid)?)?)
    };
    if place.back == u16::MAX {
        return most;
    }
    worth().unwrap_or(most)
}

fn checksum(address: Address) -> String {
    address.to_checksum(None)
}

fn quantity(number: U256) -> String {
    format!("{number:#x}")
}
