//! Prices through the life of a request: those of the decision are on record, and those of the
//! moment count again before the order.

use holdfast_core::guard::{Applied, Guard};
use serde_json::{json, Value};

use crate::support::{self, id_of, policy, World, CHAIN, TERMS, USDC, VENDOR};

const MINUTE: u64 = 60_000;

/// The tests' policy, where the token has no pinned price and at most 10 USD of it go at `tier`.
fn world(tier: &str) -> World {
    let open = "symbol = \"USDC\"\nprice_max_age = \"10m\"\nprice_sources_min = 2";
    let tier = format!("usd_max = \"10\"\n{tier}");
    let text = policy(TERMS)
        .replace("symbol = \"USDC\"\nprice_usd = \"1\"", open)
        .replace("tier = \"delay\"\ndelay = \"5m\"", &tier);
    let mut world = World::without_policy();
    world.load_source(&text).unwrap();
    world
}

fn prices(each: [&str; 2], at: u64) -> Value {
    json!({"usdc": each.map(|usd| json!({"usd": usd, "at": at}))})
}

fn pay(world: &mut World, facts: &Value) -> Applied {
    let to = &VENDOR[2..];
    let data = format!("0xa9059cbb{to:0>64}{:064x}", 9_000_000);
    let params = json!([{"to": USDC, "data": data}]).to_string();
    let (params, facts) = (params.as_bytes(), support::facts(facts));
    let method = "eth_sendTransaction";
    let result = world
        .guard
        .submit("shopper", method, params, &facts, world.now);
    world.keep(result).unwrap()
}

fn authorise(world: &mut World, id: &str, prices: Option<Value>) -> Applied {
    let mut facts = json!({"gas": 60000, "max_fee_per_gas": "2", "max_priority_fee_per_gas": "1",
        "chain_nonce": 0});
    if let Some(prices) = prices {
        facts["prices"] = prices;
    }
    let facts = support::order_facts(&facts);
    let result = world.guard.authorise(id, &facts, world.now);
    world.keep(result).unwrap()
}

#[test]
fn the_prices_of_the_decision_are_on_record_and_survive_a_replay() {
    let mut world = world("tier = \"instant\"");
    let facts = json!({"prices": prices(["1.01", "0.99"], world.now)});
    let paid = pay(&mut world, &facts);
    assert_eq!(paid.status, "go");
    let id = id_of(&paid);
    assert_eq!(world.view(&id)["facts"], facts);
    let replayed = Guard::replay(&world.records).unwrap();
    assert_eq!(replayed.request(&id), world.guard.request(&id));
}

#[test]
fn what_the_guard_believes_can_be_read() {
    let world = world("tier = \"instant\"");
    let believed = |facts: &Value, id: &str| {
        let told = world.guard.prices(&support::facts(facts), world.now);
        let told: Value = serde_json::from_slice(&told).unwrap();
        let mut all = told.as_array().unwrap().iter();
        all.find(|each| each["asset"] == id).unwrap().clone()
    };
    let facts = json!({"prices": prices(["1.01", "0.99"], world.now)});
    let usdc = json!({"asset": "usdc", "chain_id": CHAIN, "pinned": false,
        "price_age_ms_max": 10 * MINUTE, "price_low_usd": "0.99", "price_sources_min": 2,
        "price_usd": "1.01", "symbol": "USDC"});
    assert_eq!(believed(&facts, "usdc"), usdc);
    assert_eq!(believed(&json!({}), "usdc")["price_usd"], Value::Null);
    let eth = believed(&json!({}), "eth");
    assert_eq!(
        (&eth["price_usd"], &eth["pinned"]),
        (&json!("3000"), &json!(true))
    );
}

#[test]
fn a_price_that_is_missing_or_one_that_is_too_dear_is_not_instant() {
    for (facts, status) in [
        (json!({}), "waiting"),
        (json!({"prices": {}}), "waiting"),
        (
            json!({"prices": {"usdc": {"usd": "1", "at": support::T0}}}),
            "waiting",
        ),
        (
            json!({"prices": prices(["1", "0"], support::T0)}),
            "waiting",
        ),
        (
            json!({"prices": prices(["1", "1.2"], support::T0)}),
            "denied",
        ),
        (json!({"prices": prices(["1", "1"], support::T0)}), "go"),
    ] {
        let mut world = world("tier = \"instant\"");
        assert_eq!(pay(&mut world, &facts).status, status, "{facts}");
    }
}

#[test]
fn a_delay_counts_with_the_prices_of_its_end() {
    for (dearer, expected) in [
        (Some("1"), "authorised"),
        (Some("1.2"), "denied"),
        (None, "denied"),
    ] {
        let mut world = world("tier = \"delay\"\ndelay = \"20m\"");
        let facts = json!({"prices": prices(["1", "1"], world.now)});
        let id = id_of(&pay(&mut world, &facts));
        world.now += 20 * MINUTE;
        let matured = world.guard.tick(world.now);
        world.keep(matured).unwrap();
        let now = dearer.map(|usd| prices(["1", usd], world.now));
        assert_eq!(
            authorise(&mut world, &id, now).status,
            expected,
            "{dearer:?}"
        );
    }
}
