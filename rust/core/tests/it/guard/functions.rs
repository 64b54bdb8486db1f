//! Functions that are vouched for through the life of a request: what is on record, what a replay
//! says, and what an approval was for.

use holdfast_core::event::Event;
use holdfast_core::guard::{Applied, Guard};
use serde_json::json;

use crate::support::{id_of, policy, World, TERMS};

const GOVERNOR: &str = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc";

/// The tests' policy with one more function and one more rule.
fn text(most: u8, tier: &str) -> String {
    let head = policy(TERMS);
    format!(
        "{head}\n[[function]]\nid = \"vote\"\nchain = 31337\ncontract = \"{GOVERNOR}\"\n\
         signature = \"castVote(uint256 id, uint8 support)\"\n[[function.argument]]\n\
         name = \"support\"\nmax = \"{most}\"\n\
         [[rule]]\nid = \"votes\"\neffects = [\"call\"]\nfunctions = [\"vote\"]\n{tier}\n\
         [[rule]]\nid = \"calls\"\neffects = [\"call\"]\nnot_functions = [\"vote\"]\n\
         tier = \"approval\"\n"
    )
}

fn load(world: &mut World, text: &str) {
    world.load_source(text).unwrap();
}

fn vote(world: &mut World, support: u8) -> Applied {
    let data = format!("0x56781388{:064x}{support:064x}", 7);
    let params = json!([{"to": GOVERNOR, "data": data}]);
    world.submit("shopper", "eth_sendTransaction", &params)
}

fn call(world: &World, id: &str) -> serde_json::Value {
    let view = world.view(id);
    let mut effects = view["effects"].as_array().unwrap().iter();
    effects.find(|one| one["effect"] == "call").unwrap().clone()
}

#[test]
fn the_function_is_on_record_and_only_where_there_is_one() {
    let mut world = World::without_policy();
    load(&mut world, &text(1, "tier = \"instant\""));
    let done = vote(&mut world, 1);
    assert_eq!(done.status, "go");
    assert_eq!(call(&world, &id_of(&done))["function"], "vote");
    let waiting = vote(&mut world, 2);
    assert_eq!(waiting.status, "waiting");
    assert!(call(&world, &id_of(&waiting)).get("function").is_none());
    for record in &world.records {
        assert_eq!(&Event::from_record(record).unwrap().to_record(), record);
    }
    let replayed = Guard::replay(&world.records).unwrap();
    assert_eq!(replayed.state_digest(), world.guard.state_digest());
}

#[test]
fn an_approval_of_what_was_vouched_for_is_none_of_what_is_not() {
    for (most, status) in [(1, "authorised"), (0, "denied")] {
        let mut world = World::without_policy();
        load(&mut world, &text(1, "tier = \"approval\""));
        let id = id_of(&vote(&mut world, 1));
        world.approve(0, &id).unwrap();
        load(&mut world, &text(most, "tier = \"approval\""));
        let done = world.authorise(&id, Some(0)).unwrap();
        assert_eq!(done.status, status);
        let replayed = Guard::replay(&world.records).unwrap();
        assert_eq!(replayed.state_digest(), world.guard.state_digest());
    }
}

#[test]
fn what_goes_out_at_once_waits_when_nobody_vouches_for_it_any_more() {
    let mut world = World::without_policy();
    load(&mut world, &text(1, "tier = \"instant\""));
    let id = id_of(&vote(&mut world, 1));
    load(&mut world, &text(0, "tier = \"instant\""));
    assert_eq!(world.authorise(&id, Some(0)).unwrap().status, "denied");
}
