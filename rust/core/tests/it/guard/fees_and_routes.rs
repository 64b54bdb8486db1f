//! The floor of fees that an agent names, and the way signed bytes take to the chain.

use holdfast_core::guard::Guard;
use holdfast_core::policy::Policy;
use serde_json::{json, Value};

use crate::support::{id_of, policy, World, TERMS, VENDOR};

const CAPS: &str = "priority_fee_per_gas_max = \"5 gwei\"\n";

fn world(more: &str, rule: &str) -> World {
    let mut world = World::without_policy();
    let source = policy(TERMS)
        .replace(CAPS, &format!("{CAPS}{more}"))
        .replace("id = \"small\"\n", &format!("id = \"small\"\n{rule}"));
    world.load_source(&source).unwrap();
    world
}

fn pay(world: &mut World, fee: &str, tip: &str) -> Value {
    let tx = json!([{"to": VENDOR, "value": "0x1", "maxFeePerGas": fee,
        "maxPriorityFeePerGas": tip}]);
    let applied = world.submit("shopper", "eth_sendTransaction", &tx);
    assert_eq!(applied.status, "go");
    world.view(&id_of(&applied))
}

#[test]
fn an_agent_that_names_less_than_the_floor_pays_the_floor() {
    let floors = "fee_per_gas_min = \"3 gwei\"\npriority_fee_per_gas_min = \"1 gwei\"\n";
    let mut world = world(floors, "");
    let low = pay(&mut world, "0x1", "0x0");
    assert_eq!(low["fee_per_gas_max"], "3000000000");
    assert_eq!(low["priority_fee_per_gas_max"], "1000000000");
    let high = pay(&mut world, "0x12a05f200", "0x77359400");
    assert_eq!(high["fee_per_gas_max"], "5000000000");
    assert_eq!(high["priority_fee_per_gas_max"], "2000000000");
}

#[test]
fn a_floor_is_within_its_cap() {
    for (key, value) in [
        ("fee_per_gas_min", "101 gwei"),
        ("priority_fee_per_gas_min", "6 gwei"),
    ] {
        let source = policy(TERMS).replace(CAPS, &format!("{CAPS}{key} = \"{value}\"\n"));
        let faults = Policy::parse(&source).unwrap_err().to_string();
        assert!(faults.contains(key), "{faults}");
    }
}

#[test]
fn what_a_rule_sends_through_the_relay_is_on_record() {
    let mut private = world("", "route = \"private\"\n");
    let view = pay(&mut private, "0x77359400", "0x1");
    assert_eq!(view["route"], "private");
    let again = Guard::replay(&private.records).unwrap();
    assert_eq!(again.state_digest(), private.guard.state_digest());
    let mut public = world("", "");
    let view = pay(&mut public, "0x77359400", "0x1");
    assert_eq!(view["route"], Value::Null);
}

#[test]
fn a_request_that_was_decided_for_the_public_route_does_not_go_private_by_itself() {
    let mut world = world("", "");
    let id = pay(&mut world, "0x77359400", "0x1")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let source = policy(TERMS).replace("id = \"small\"\n", "id = \"small\"\nroute = \"private\"\n");
    world.load_source(&source).unwrap();
    assert_eq!(world.authorise(&id, Some(0)).unwrap().status, "denied");
    assert_eq!(world.view(&id)["end_reasons"][0]["code"], "route_changed");
}

#[test]
fn only_an_operator_makes_a_private_rule_public() {
    let mut world = world("", "route = \"private\"\n");
    assert!(world.load_unsigned(&policy(TERMS)).is_err());
}
