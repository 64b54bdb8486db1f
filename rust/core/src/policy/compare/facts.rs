//! What is told with a request: prices and code, so that a witness stands by itself.

use alloy_primitives::{b256, Address, B256};
use serde_json::{json, Map, Value};

use crate::policy::compare::place::{Place, Told};
use crate::policy::compare::world::World;
use crate::policy::model::CodePin;

/// The code told of contracts whose code is neither pinned nor known.
const SOME_CODE: B256 = b256!("1111111111111111111111111111111111111111111111111111111111111111");
/// The price of what has none: one dollar.
const USD: &str = "1";

/// The facts of a case.
pub(super) fn facts(world: &World<'_>, place: &Place<'_>) -> Value {
    let mut facts = Map::new();
    if place.told == Told::Nothing {
        return Value::Object(facts);
    }
    let prices = prices(world, place);
    if !prices.is_empty() {
        facts.insert("prices".to_owned(), Value::Object(prices));
    }
    let code = code(world, place);
    if !code.is_empty() {
        facts.insert("code".to_owned(), Value::Object(code));
    }
    Value::Object(facts)
}

fn prices(world: &World<'_>, place: &Place<'_>) -> Map<String, Value> {
    let mut prices = Map::new();
    let here = world.assets.iter();
    for asset in here.filter(|asset| asset.chain_id == place.who.chain_id) {
        let open = || world.entries(asset).filter(|entry| entry.price.is_none());
        let Some(sources) = open().map(|entry| entry.price_sources_min).max() else {
            continue;
        };
        let (sources, age_ms) = match place.told {
            Told::OneSource => (1, 0),
            Told::OldPrices => {
                let youngest = open().map(|entry| entry.price_age_ms_max).min();
                (sources, youngest.unwrap_or(0).saturating_add(1))
            }
            _ => (sources, 0),
        };
        let quote = json!({ "usd": USD, "at": place.now_ms.saturating_sub(age_ms) });
        let quotes = (0..sources).map(|_| quote.clone()).collect();
        for entry in open() {
            prices.insert(entry.asset.id.clone(), Value::Array(Clone::clone(&quotes)));
        }
    }
    prices
}

/// The code of every contract that a request of this place may touch.
fn code(world: &World<'_>, place: &Place<'_>) -> Map<String, Value> {
    let mut code = Map::new();
    let chain_id = place.who.chain_id;
    let wrapped = world
        .both()
        .into_iter()
        .filter_map(|policy| policy.registry().wrapped_coin(chain_id));
    let token = place.asset.and_then(|asset| asset.address);
    let touched = token.into_iter().chain(place.payee).chain(wrapped);
    for address in touched {
        if let Some(pin) = seen(world, place, address) {
            let fact = json!({
                "hash": pin.hash, "implementation": pin.implementation, "at": place.now_ms,
            });
            code.insert(address.to_checksum(None), fact);
        }
    }
    code
}

fn seen(world: &World<'_>, place: &Place<'_>, address: Address) -> Option<CodePin> {
    let contract = place.who.chain_id.at(address);
    let mut policies = world.both();
    if place.told == Told::NewCode {
        policies.reverse();
    }
    let pinned = policies.iter().find_map(|policy| policy.code_pin(contract));
    pinned.or_else(|| {
        let mut known = policies.iter();
        let hash = known.find_map(|policy| policy.believed.get(&contract).copied())?;
        Some(CodePin {
            hash: hash.unwrap_or(SOME_CODE),
            implementation: None,
        })
    })
}
