//! What an agent lets others take counts until the chain proves that it is over: whatever the order of
//! nonces, whoever reverts, and whatever one node says.

use holdfast_core::guard::Guard;
use serde_json::json;

use crate::support::{self, id_of, wallet, World, CHAIN, OTHER, VENDOR};

/// An `approve` that is out with this nonce.
fn out(world: &mut World, to: &str, units: u64, nonce: u64) -> String {
    let applied = world.allow("shopper", to, units);
    assert_eq!(applied.status, "go");
    let id = id_of(&applied);
    world.authorise(&id, Some(nonce)).unwrap();
    world.sign(&id).unwrap();
    world.sent(&id, "accepted").unwrap();
    assert_eq!(support::orders::nonce(world, &id), nonce);
    id
}

fn stands(world: &World) -> u128 {
    world.limit("rights", "agent:shopper").0
}

fn replays(world: &World) {
    let replayed = Guard::replay(&world.records).unwrap();
    assert_eq!(replayed.state_digest(), world.guard.state_digest());
    let restored = Guard::restore(&world.guard.snapshot()).unwrap();
    assert_eq!(restored.state_digest(), world.guard.state_digest());
}

#[test]
fn a_revoke_that_was_mined_before_an_allowance_does_not_end_it() {
    for first_told in [0, 1] {
        let mut world = World::new();
        let allowed = id_of(&world.allow("shopper", VENDOR, 10));
        // Asked for later, it gets the lower nonce.
        let revoke = out(&mut world, VENDOR, 0, 0);
        world.authorise(&allowed, Some(0)).unwrap();
        world.sign(&allowed).unwrap();
        let mut told = [&allowed, &revoke];
        told.rotate_left(first_told);
        for id in told {
            world.settle(id, "confirmed").unwrap();
        }
        assert_eq!(stands(&world), 10);
        assert_eq!(world.allow("shopper", OTHER, 1).status, "denied");
        replays(&world);
    }
}

#[test]
fn records_of_version_3_mean_what_they_meant() {
    let mut world = World::new();
    let allowed = id_of(&world.allow("shopper", VENDOR, 10));
    let revoke = out(&mut world, VENDOR, 0, 0);
    world.authorise(&allowed, Some(0)).unwrap();
    world.sign(&allowed).unwrap();
    for id in [&allowed, &revoke] {
        world.ends(id, "confirmed", false).unwrap();
    }
    assert_eq!(stands(&world), 10);
    world.guard = Guard::replay(&support::of_version(&world.records, 3)).unwrap();
    assert_eq!(stands(&world), 0);
    replays_on(&mut world);
}

/// It goes on with records of its own version.
fn replays_on(world: &mut World) {
    world.records = support::of_version(&world.records, 3);
    let allowed = out(world, OTHER, 10, 2);
    world.settle(&allowed, "confirmed").unwrap();
    assert_eq!(stands(world), 10);
    replays(world);
}

#[test]
fn what_is_out_is_told_in_the_order_of_its_nonces() {
    let mut world = World::new();
    let later = id_of(&world.allow("shopper", VENDOR, 10));
    let first = out(&mut world, VENDOR, 0, 0);
    world.authorise(&later, Some(0)).unwrap();
    world.sign(&later).unwrap();
    let rows: Vec<String> = world
        .guard
        .unsettled()
        .iter()
        .map(|row| row.id.to_string())
        .collect();
    assert_eq!(rows, [first, later]);
}

#[test]
fn a_revoke_that_did_not_happen_ends_nothing() {
    for (told, proved) in [
        ("reverted", true),
        ("reverted", false),
        ("confirmed", false),
    ] {
        let mut world = World::new();
        let allowed = out(&mut world, VENDOR, 10, 0);
        world.settle(&allowed, "confirmed").unwrap();
        let revoke = out(&mut world, VENDOR, 0, 1);
        world.ends(&revoke, told, proved).unwrap();
        assert_eq!(stands(&world), 10, "{told} {proved}");
        replays(&world);
    }
}

#[test]
fn a_revoke_that_was_taken_back_ends_nothing() {
    for proved in [false, true] {
        let mut world = World::new();
        let allowed = out(&mut world, VENDOR, 10, 0);
        world.settle(&allowed, "confirmed").unwrap();
        let revoke = out(&mut world, VENDOR, 0, 1);
        let digest = world.view(&revoke)["digest"].clone();
        let cancel = json!({"action": "cancel", "request": revoke, "digest": digest,
            "max_fee_per_gas": "4000000000", "max_priority_fee_per_gas": "2000000000"});
        world.command(0, cancel).unwrap();
        world.sign(&revoke).unwrap();
        let ended = world.ends(&revoke, "confirmed", proved).unwrap();
        assert_eq!(
            (ended.status, stands(&world)),
            ("cancelled", 10),
            "{proved}"
        );
        replays(&world);
    }
}

#[test]
fn an_allowance_of_which_one_node_says_that_it_was_undone_counts() {
    let mut world = World::new();
    let allowed = out(&mut world, VENDOR, 10, 0);
    world.ends(&allowed, "reverted", false).unwrap();
    assert_eq!(stands(&world), 10);
    replays(&world);
}

#[test]
fn a_revoke_that_two_nodes_prove_makes_room() {
    let mut world = World::new();
    let allowed = out(&mut world, VENDOR, 10, 0);
    world.ends(&allowed, "confirmed", false).unwrap();
    let revoke = out(&mut world, VENDOR, 0, 1);
    world.settle(&revoke, "confirmed").unwrap();
    assert_eq!(stands(&world), 0);
    assert_eq!(world.allow("shopper", OTHER, 10).status, "go");
    replays(&world);
}

#[test]
fn what_stood_before_a_ledger_was_set_back_can_still_be_taken_back() {
    let mut world = World::new();
    let allowed = out(&mut world, VENDOR, 10, 7);
    world.settle(&allowed, "confirmed").unwrap();
    let back = json!({"action": "nonce", "chain_id": CHAIN, "nonce": 0,
        "wallet": wallet(0).to_string()});
    world.command(0, back).unwrap();
    assert_eq!(stands(&world), 10, "nothing is freed by that alone");
    let revoke = out(&mut world, VENDOR, 0, 0);
    world.settle(&revoke, "confirmed").unwrap();
    assert_eq!(stands(&world), 0);
    replays(&world);
}
