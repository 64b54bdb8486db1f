//! What an operator commands about transactions that are signed, and about a wallet's nonces.

use crate::canonical::INTEGER_MAX;
use crate::chain::{Account, ChainId};
use crate::code::Code;
use crate::event::{Body, NonceSet, ReplaceWhy, Replaced, Stage};
use crate::guard::commands::lifecycle::bad;
use crate::guard::commands::operator::{bound, first_time, Command};
use crate::guard::commands::replace::{nothing, raised, with_fees};
use crate::guard::fold::replace::current;
use crate::guard::state::State;
use crate::guard::Refusal;
use crate::json::Json;
use crate::request::parse_address;

const FEES: [&str; 2] = ["max_fee_per_gas", "max_priority_fee_per_gas"];

/// `bump`: the same transaction with these fees. `cancel`: one that moves nothing in its place.
/// What it costs more is set aside whatever the limits say; the caps of the chain hold.
pub(in crate::guard) fn replace(
    state: &State,
    command: &Command<'_>,
    why: ReplaceWhy,
    now: u64,
) -> Result<Body, Refusal> {
    command.only(&["digest", FEES[0], FEES[1], "request"])?;
    let signed = &command.signed;
    let entry = bound(state, signed)?;
    let [fee, tip] = FEES.map(|name| {
        let digits = signed.text(name);
        let wei = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let wei = wei.and_then(|text| text.parse::<u128>().ok());
        wei.ok_or_else(|| bad(format!("`{name}` is wei, as a decimal string")))
    });
    let (fee, tip) = (fee?, tip?);
    let order = match why {
        ReplaceWhy::Fee => with_fees(entry, fee, tip)?,
        ReplaceWhy::Cancel | ReplaceWhy::Gap => nothing(entry, fee, tip)?,
    };
    first_time(state, command)?;
    let data = Replaced {
        by: signed.by.clone(),
        command: Some(signed.payload.to_owned()),
        digest: entry.digest,
        fee_wei_max: raised(state, entry, &order),
        id: entry.id,
        order,
        released: entry.released,
        signature: Some(signed.signature.clone()),
        why,
    };
    crate::guard::commands::replace::check(state, &data, now)?;
    Ok(Body::RequestReplaced(Box::new(data)))
}

/// `nonce`: where the ledger of a wallet goes on.
pub(in crate::guard) fn nonce(
    state: &State,
    command: &Command<'_>,
    version: u64,
) -> Result<Body, Refusal> {
    command.only(&["chain_id", "nonce", "wallet"])?;
    let signed = &command.signed;
    let integer = |name: &str| {
        let value = signed.tree.get(name).and_then(Json::as_int);
        let value = value.and_then(|value| u64::try_from(value).ok());
        let value = value.filter(|value| *value <= INTEGER_MAX);
        value.ok_or_else(|| bad(format!("`{name}` is an integer")))
    };
    let (chain_id, nonce) = (integer("chain_id")?, integer("nonce")?);
    let wallet = signed.text("wallet").map(parse_address);
    let Some(Ok(wallet)) = wallet else {
        return Err(bad("`wallet` is an address"));
    };
    let account = ChainId::new(chain_id).at(wallet);
    if !state.nonces.contains_key(&account) {
        let text = format!("{wallet} has sent nothing on chain {chain_id}");
        return Err(Refusal::new(Code::WalletUnknown, text));
    }
    if let Some(id) = out_at(state, account, nonce) {
        let text = format!("nonce {nonce} is {id}'s, which is out: bump it or cancel it");
        return Err(Refusal::new(Code::NonceOut, text));
    }
    let ordered = ordered_at(state, account, nonce);
    if let Some(id) = ordered.filter(|_| version > 3) {
        let text = format!(
            "nonce {nonce} is that of {id}, which is being signed: wait for its signature, or \
             deny it"
        );
        return Err(Refusal::new(Code::NonceOut, text));
    }
    first_time(state, command)?;
    Ok(Body::NonceSet(NonceSet {
        by: signed.by.clone(),
        chain_id: account.chain_id,
        command: signed.payload.to_owned(),
        nonce,
        signature: signed.signature.clone(),
        wallet,
    }))
}

/// A transaction of ours that has this very nonce and can still be mined with it.
fn out_at(state: &State, wallet: Account, nonce: u64) -> Option<String> {
    let unsettled = state.unsettled.iter();
    let mut entries = unsettled.filter_map(|seq| state.request(*seq));
    let out = entries.find(|entry| {
        entry.account() == wallet && current(entry).is_some_and(|order| order.nonce == nonce)
    });
    out.map(|entry| entry.id.to_string())
}

/// An order of ours with this very nonce that waits for its signature.
fn ordered_at(state: &State, wallet: Account, nonce: u64) -> Option<String> {
    let unsettled = state.unsettled.iter();
    let replacing = unsettled.filter_map(|seq| state.request(*seq));
    let mut entries = state.open_entries().chain(replacing);
    let found = entries.find(|entry| {
        let first = current(entry).filter(|_| entry.stage == Stage::Authorised);
        let again = entry.replacing.as_ref().map(|order| &order.order);
        entry.account() == wallet && first.or(again).is_some_and(|order| order.nonce == nonce)
    });
    found.map(|entry| entry.id.to_string())
}
