//! An operator grants a payment ahead, and takes a grant back.

use alloy_primitives::Address;

use crate::chain::ChainId;
use crate::code::Code;
use crate::event::{Body, GrantGiven, GrantRevoked};
use crate::guard::commands::lifecycle::bad;
use crate::guard::commands::operator::{first_time, Command, Signed};
use crate::guard::state::State;
use crate::guard::{Refusal, WORDS_MAX};
use crate::json::Json;
use crate::request::parse_address;
use crate::spend::AMOUNT_MAX;
use crate::text::display_safe;

/// A grant is for a payment that is expected, not for good.
const GRANT_MS_MAX: u64 = 31 * 24 * 60 * 60 * 1000;
/// The word for the coin of a chain.
const NATIVE: &str = "native";

/// `agent`, `asset` (an address or `native`), `chain_id`, `most` (base units), `once`, `to`,
/// `until_ms`, `wallet`: nothing in it is a pattern.
pub(in crate::guard) fn give(
    state: &State,
    command: &Command<'_>,
    now: u64,
) -> Result<Body, Refusal> {
    command.only(&[
        "agent", "asset", "chain_id", "most", "once", "to", "until_ms", "wallet",
    ])?;
    let signed = &command.signed;
    let (wallet, to) = (address(signed, "wallet")?, address(signed, "to")?);
    let chain_id = ChainId::new(integer(signed, "chain_id")?);
    let asset = match signed.text("asset") {
        Some(NATIVE) => None,
        _ => Some(address(signed, "asset")?),
    };
    let most = signed.text("most").and_then(digits);
    let most = most.filter(|most| (1..AMOUNT_MAX).contains(most));
    let most = most.ok_or_else(|| bad("`most` is base units above zero, as decimal digits"))?;
    let once = signed.tree.get("once").and_then(Json::as_bool);
    let once = once.ok_or_else(|| bad("`once` is true or false"))?;
    let until_ms = integer(signed, "until_ms")?;
    if until_ms <= now || until_ms > now.saturating_add(GRANT_MS_MAX) {
        return Err(bad("`until_ms` is after now and within 31 days"));
    }
    let id = signed
        .text("agent")
        .ok_or_else(|| bad("`agent` is a name"))?;
    let policy = state.policy();
    let policy = policy.ok_or_else(|| Refusal::new(Code::NoPolicy, "there is no policy"))?;
    let agent = policy.agent(id);
    let Some(agent) = agent.filter(|agent| agent.wallets.contains(&wallet)) else {
        let text = format!("no agent `{}` with wallet {wallet}", display_safe(id, 64));
        return Err(Refusal::new(Code::AgentUnknown, text));
    };
    if agent.chain_id != chain_id {
        let text = format!("agent `{}` works on chain {}", agent.id, agent.chain_id);
        return Err(Refusal::new(Code::ChainMismatch, text));
    }
    let mut assets = policy.assets().iter();
    let entry =
        assets.find(|entry| (entry.asset.chain_id, entry.asset.address) == (chain_id, asset));
    let entry = entry.ok_or_else(|| bad("the policy has no such asset on this chain"))?;
    if to.is_zero() {
        return Err(bad("`to` is the zero address"));
    }
    first_time(state, command)?;
    let words = signed.text("reason").unwrap_or_default();
    Ok(Body::GrantGiven(GrantGiven {
        agent: agent.id.clone(),
        asset,
        by: signed.by.clone(),
        chain_id,
        command: signed.payload.to_owned(),
        decimals: entry.asset.decimals,
        grant: state.seq,
        most,
        once,
        reason: display_safe(words, WORDS_MAX),
        signature: signed.signature.clone(),
        symbol: entry.asset.symbol.clone(),
        to,
        until_ms,
        wallet,
    }))
}

pub(in crate::guard) fn revoke(state: &State, command: &Command<'_>) -> Result<Body, Refusal> {
    command.only(&["grant"])?;
    let signed = &command.signed;
    let grant = integer(signed, "grant")?;
    let given = state.book.grants().get(grant);
    if given.is_none_or(|given| given.revoked) {
        let text = format!("there is no grant {grant} to revoke");
        return Err(Refusal::new(Code::GrantUnknown, text));
    }
    first_time(state, command)?;
    Ok(Body::GrantRevoked(GrantRevoked {
        by: signed.by.clone(),
        command: signed.payload.to_owned(),
        grant,
        signature: signed.signature.clone(),
    }))
}

fn integer(signed: &Signed<'_>, name: &str) -> Result<u64, Refusal> {
    let value = signed.tree.get(name).and_then(Json::as_int);
    let value = value.and_then(|value| u64::try_from(value).ok());
    value.ok_or_else(|| bad(format!("`{name}` is an integer")))
}

fn address(signed: &Signed<'_>, name: &str) -> Result<Address, Refusal> {
    match signed.text(name).map(parse_address) {
        Some(Ok(address)) => Ok(address),
        _ => Err(bad(format!("`{name}` is an address"))),
    }
}

fn digits(text: &str) -> Option<u128> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}
