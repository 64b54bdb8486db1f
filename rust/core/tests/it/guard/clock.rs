//! The guardian's time and the wall clock: what is judged by both, and an operator who sets the time.

use std::collections::BTreeMap;

use ed25519_dalek::Signer as _;
use holdfast_core::guard::{Applied, Guard, Refusal};
use holdfast_core::policy::Facts;
use proptest::prelude::*;
use serde_json::{json, Value};

use crate::support::commands::{life, Step};
use crate::support::{self, World, VENDOR};

const DAY: u64 = 24 * 60 * 60 * 1000;
const HOUR: u64 = 60 * 60 * 1000;
const ETH: u128 = 1_000_000_000_000_000_000;

fn wall(world: &mut World, wall_ms: u64) {
    let told = world.guard.clock_jumped(wall_ms, world.now, world.now);
    world.keep(told).unwrap();
}

fn set_clock(world: &mut World, to_ms: u64) -> Result<Applied, Refusal> {
    let applied = world.command(0, json!({"action": "clock", "to_ms": to_ms}))?;
    world.now = to_ms;
    Ok(applied)
}

/// What each limit counts, by limit and key.
fn used(guard: &Guard, now: u64) -> BTreeMap<(String, String), u128> {
    let rows: Vec<Value> = serde_json::from_slice(&guard.limits(None, now)).unwrap();
    let number = |row: &Value, name: &str| row[name].as_str().unwrap().parse::<u128>().unwrap();
    let word = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let row = |row: &Value| {
        let counted = number(row, "used") + number(row, "reserved");
        ((word(row, "limit"), word(row, "key")), counted)
    };
    rows.iter().map(row).collect()
}

fn paid(world: &mut World, wei: u128) -> String {
    let id = world.pay("shopper", wei).request.unwrap().to_string();
    world.carry_out(&id);
    world.settle(&id, "confirmed").unwrap();
    id
}

fn count(world: &World) -> u128 {
    let key = format!("recipient:{}:{VENDOR}", support::CHAIN);
    world.limit("often", &key).0
}

#[test]
fn an_operator_sets_the_time_back_and_it_goes_on_from_there() {
    let mut world = World::new();
    world.now += 2 * DAY;
    world.tick();
    paid(&mut world, ETH / 10);
    let to = world.now - 2 * DAY;
    set_clock(&mut world, to).unwrap();
    assert_eq!(world.guard.last_at(), to);
    world.now += 5;
    paid(&mut world, ETH / 10);
    assert_eq!(world.guard.last_at(), to + 5);
    let replayed = Guard::replay(&world.records).unwrap();
    assert_eq!(replayed.state_digest(), world.guard.state_digest());
    assert_eq!(replayed.last_at(), to + 5);
    let restored = Guard::restore(&world.guard.snapshot()).unwrap();
    assert_eq!(restored.state_digest(), world.guard.state_digest());
}

#[test]
fn what_was_posted_ahead_counts_until_its_window_is_over_by_the_time_that_was_set() {
    let mut world = World::new();
    world.now += 2 * DAY;
    paid(&mut world, ETH / 10);
    let posted = world.now;
    set_clock(&mut world, posted - 2 * DAY).unwrap();
    for (now, counted) in [(posted - DAY, 1), (posted + DAY - 1, 1), (posted + DAY, 0)] {
        world.now = now;
        assert_eq!(count(&world), counted, "{now}");
    }
}

#[test]
fn what_a_jump_made_the_limits_forget_counts_again_once_the_time_is_set_back() {
    let mut world = World::new();
    paid(&mut world, ETH / 10);
    let honest = world.now;
    world.now += 3 * DAY;
    // Another payment clears the windows of what is old by this time.
    paid(&mut world, ETH / 10);
    assert_eq!(count(&world), 1);
    set_clock(&mut world, honest + HOUR).unwrap();
    assert_eq!(count(&world), 2);
}

#[test]
fn commands_signed_before_the_clock_was_set_do_not_come_again() {
    let mut world = World::new();
    let id = world.pay("shopper", 2 * ETH).request.unwrap().to_string();
    let digest = world.view(&id)["digest"].clone();
    let old = json!({"action": "approve", "request": id, "digest": digest});
    let (payload, signature) = support::signed_command(0, old, world.now);
    let done = world
        .guard
        .command(payload.as_bytes(), &signature, world.now);
    world.keep(done).unwrap();
    let then = world.now;
    // The command expires and is forgotten; then its time comes again.
    world.now += 300_000;
    world.pay("trader", 1);
    set_clock(&mut world, then + 1).unwrap();
    let again = world
        .guard
        .command(payload.as_bytes(), &signature, world.now);
    assert_eq!(again.unwrap_err().code.as_str(), "clock_set");
    world.approve(1, &id).unwrap();
}

#[test]
fn one_command_sets_the_clock_once() {
    let mut world = World::new();
    let to = world.now - DAY;
    let command = json!({"action": "clock", "to_ms": to});
    let (payload, signature) = support::signed_command(0, command, world.now);
    let done = world
        .guard
        .command(payload.as_bytes(), &signature, world.now);
    world.keep(done).unwrap();
    let again = world.guard.command(payload.as_bytes(), &signature, to);
    assert_eq!(again.unwrap_err().code.as_str(), "expired");
    let later = world
        .guard
        .command(payload.as_bytes(), &signature, world.now);
    assert_eq!(later.unwrap_err().code.as_str(), "clock_set");
}

#[test]
fn a_clock_command_says_a_time_and_nothing_else() {
    for bad in [
        json!({"action": "clock"}),
        json!({"action": "clock", "to_ms": "5"}),
        json!({"action": "clock", "to_ms": -5}),
        json!({"action": "clock", "to_ms": 0}),
        json!({"action": "clock", "to_ms": support::T0, "freeze": 1}),
        json!({"action": "thaw", "to_ms": support::T0, "freeze": 1}),
    ] {
        let mut world = World::new();
        let refused = world.command(0, bad.clone()).unwrap_err();
        assert_eq!(refused.code.as_str(), "malformed", "{bad}");
    }
}

#[test]
fn records_of_earlier_versions_set_no_clock() {
    let mut world = World::new();
    let to = world.now - DAY;
    let applied = set_clock(&mut world, to).unwrap();
    let record = String::from_utf8(applied.records[0].clone()).unwrap();
    assert!(record.ends_with(r#","v":5}"#), "{record}");
    for version in [1, 2] {
        let old = record.replace(r#","v":5}"#, &format!(r#","v":{version}}}"#));
        let read = holdfast_core::event::Event::from_record(old.as_bytes());
        assert_eq!(read, Err(holdfast_core::event::RecordError::Kind));
    }
}

#[test]
fn agents_are_not_kept_waiting_for_a_time_that_was_given_up() {
    let mut world = World::with(support::Terms {
        requests_per_minute: 3,
        ..support::TERMS
    });
    world.now += 2 * DAY;
    let id = paid(&mut world, ETH / 10);
    let told = world.guard.mark_pending_answer(&id, world.now);
    world.keep(told).unwrap();
    let told = world.guard.delivered(&id, world.now);
    world.keep(told).unwrap();
    set_clock(&mut world, support::T0 + HOUR).unwrap();
    // Within the minute the same call is the same payment, and after it another one.
    assert_eq!(world.pay("shopper", ETH / 10).status, "attached");
    for _ in 0..3 {
        world.now += 61_000;
        for wei in [1, 2, 3] {
            let answer = world.pay("shopper", ETH / 10 + u128::from(world.now % 1000) + wei);
            assert_ne!(answer.status, "refused");
        }
    }
    world.now += 61_000;
    assert_eq!(world.pay("shopper", ETH / 10).status, "denied");
}

#[test]
fn a_permit_that_is_long_by_the_wall_clock_needs_a_person_although_time_is_ahead() {
    let permit = |world: &mut World| {
        let ends = (support::T0 + DAY + 50 * 60 * 1000) / 1000;
        // Each is another one, and no retry.
        let document = transfer_authorisation(ends, world.records.len());
        let applied = world.submit("shopper", "eth_signTypedData_v4", &document);
        let id = applied.request.unwrap().to_string();
        let view = world.view(&id);
        let mut reasons = view["reasons"].as_array().unwrap().iter();
        let long = reasons.any(|reason| reason["code"] == "long_lived");
        (long, view["facts"].clone())
    };
    let mut world = World::new();
    world.now = support::T0 + DAY;
    assert_eq!(permit(&mut world), (false, json!({})));
    wall(&mut world, support::T0);
    let (long, facts) = permit(&mut world);
    assert!(long);
    assert_eq!(facts, json!({"wall_ms": support::T0}));
    // What is set to the wall clock is not ahead of it.
    set_clock(&mut world, support::T0 + 1).unwrap();
    let (long, facts) = permit(&mut world);
    assert!(long);
    assert_eq!(facts, json!({}));
    Guard::replay(&world.records).unwrap();
}

fn transfer_authorisation(ends: u64, nonce: usize) -> Value {
    let field = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let document = json!({
        "types": {
            "EIP712Domain": [
                field("name", "string"), field("version", "string"), field("chainId", "uint256"),
                field("verifyingContract", "address"),
            ],
            "TransferWithAuthorization": [
                field("from", "address"), field("to", "address"), field("value", "uint256"),
                field("validAfter", "uint256"), field("validBefore", "uint256"),
                field("nonce", "bytes32"),
            ],
        },
        "primaryType": "TransferWithAuthorization",
        "domain": {
            "name": "USD Coin", "version": "2", "chainId": support::CHAIN,
            "verifyingContract": support::USDC,
        },
        "message": {
            "from": support::wallet(0).to_string(), "to": VENDOR, "value": "5", "validAfter": "0",
            "validBefore": ends.to_string(), "nonce": format!("{nonce:#066x}"),
        },
    });
    json!([support::wallet(0).to_string(), document])
}

#[test]
fn the_wall_clock_is_no_fact_of_a_call() {
    let mut world = World::new();
    let params = json!([{"to": VENDOR, "value": "0x1"}]).to_string();
    let facts = support::facts(&json!({"wall_ms": 5}));
    let method = "eth_sendTransaction";
    let given = world
        .guard
        .submit("shopper", method, params.as_bytes(), &facts, world.now);
    let id = support::id_of(&world.keep(given).unwrap());
    assert_eq!(world.view(&id)["facts"], json!({}));
}

fn signed_call(expires_at: u64, nonce: u8) -> (String, Vec<u8>) {
    let payload = json!({
        "agent": "keyed", "expires_at": expires_at, "method": "eth_sendTransaction",
        "nonce": format!("{nonce:032x}"), "params": [{"to": VENDOR, "value": "0x1"}],
    });
    let payload = payload.to_string();
    let message = [b"holdfast agent request v1\n", payload.as_bytes()].concat();
    let signature = support::agent_key().sign(&message).to_bytes().to_vec();
    (payload, signature)
}

#[test]
fn a_signed_call_is_judged_by_the_wall_clock_while_that_is_not_confirmed() {
    let mut world = World::new();
    let ahead = world.now + 2 * DAY;
    let submit = |world: &mut World, expires_at: u64, nonce: u8| {
        let (payload, signature) = signed_call(expires_at, nonce);
        let submitted = world.guard.submit_signed(
            "keyed",
            payload.as_bytes(),
            &signature,
            &Facts::none(),
            world.now,
        );
        let applied = world.keep(submitted).unwrap();
        let answer: Value = serde_json::from_slice(&applied.answer).unwrap();
        (applied.status, answer)
    };
    assert_eq!(submit(&mut world, ahead + 50_000, 1).0, "denied");
    wall(&mut world, ahead);
    assert_eq!(submit(&mut world, ahead + 50_000, 2).0, "go");
    assert_eq!(
        submit(&mut world, ahead + 50_000, 2).0,
        "denied",
        "its nonce is used up"
    );
    // One that nobody sent in its time is no newer for that.
    let now = world.now;
    assert_eq!(submit(&mut world, now + 50_000, 3).0, "denied");
    let replayed = Guard::replay(&world.records).unwrap();
    assert_eq!(replayed.state_digest(), world.guard.state_digest());
    // A guardian that is ahead says that its clock is why.
    let behind = world.now - 2 * DAY;
    wall(&mut world, behind);
    let (status, answer) = submit(&mut world, behind + 50_000, 4);
    assert_eq!(status, "denied");
    assert!(answer.to_string().contains("holdfast clock"), "{answer}");
}

#[test]
fn a_signed_call_whose_nonce_was_forgotten_does_not_count_again() {
    let mut world = World::new();
    let then = world.now;
    let (payload, signature) = signed_call(then + 50_000, 1);
    let submit = |world: &mut World| {
        let submitted = world.guard.submit_signed(
            "keyed",
            payload.as_bytes(),
            &signature,
            &Facts::none(),
            world.now,
        );
        world.keep(submitted).unwrap().status
    };
    assert_eq!(submit(&mut world), "go");
    world.now += HOUR;
    world.tick();
    world.pay("shopper", 1);
    set_clock(&mut world, then + 1).unwrap();
    assert_eq!(submit(&mut world), "denied");
}

fn config() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: if asked { config.cases } else { 32 },
        ..config
    }
}

proptest! {
    #![proptest_config(config())]

    /// Whatever the clock is set to, what counted before counts as long as its own window lasts, by
    /// the time that passes and, for what the time was set back to, by its own number too; and the
    /// records replay.
    #[test]
    fn setting_the_clock_frees_nothing_early(
        steps in life(50),
        more in life(20),
        moves in prop::collection::vec((-3 * DAY as i64..3 * DAY as i64, 0..10usize), 1..3),
    ) {
        let mut world = World::new();
        let run = |world: &mut World, steps: &[Step]| {
            steps.iter().for_each(|step| world.step(step));
        };
        run(&mut world, &steps);
        for (by, rest) in moves {
            world.now = world.now.max(world.guard.last_at());
            let (before, now) = (world.guard.clone(), world.now);
            let to = now.checked_add_signed(by).unwrap();
            set_clock(&mut world, to).unwrap();
            if by <= 0 {
                for later in [0, 1, HOUR / 2, HOUR - 1, HOUR, DAY / 2, DAY - 1, DAY] {
                    let after = used(&world.guard, to + later);
                    for guardian_time in [now + later, (to + later).max(now)] {
                        for (place, counted) in used(&before, guardian_time) {
                            let counts = after.get(&place).copied().unwrap_or_default();
                            prop_assert!(counts >= counted, "{place:?}: {counts} < {counted}");
                        }
                    }
                }
            } else {
                // Forward is a time like any other that passes.
                prop_assert_eq!(used(&world.guard, to), used(&before, to));
            }
            run(&mut world, &more[..rest.min(more.len())]);
        }
        run(&mut world, &more);
        let replayed = Guard::replay(&world.records).unwrap();
        prop_assert_eq!(replayed.state_digest(), world.guard.state_digest());
        let restored = Guard::restore(&world.guard.snapshot()).unwrap();
        prop_assert_eq!(restored.state_digest(), world.guard.state_digest());
    }
}
