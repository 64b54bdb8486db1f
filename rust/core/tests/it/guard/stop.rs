//! What stops a request or lets it go on: commands of operators, freezes, time, a stricter policy.

use holdfast_core::event::Genesis;
use holdfast_core::guard::Guard;
use serde_json::json;

use crate::support::orders::{code, key, nonce, ordered};
use crate::support::{
    self, genesis, id_of, signed_command, wallet, Terms, World, STRICT, TERMS, USDC, VENDOR,
};

const ETH: u128 = 1_000_000_000_000_000_000;
/// What the orders of these tests can cost.
const ORDER_FEE: u128 = 21_000 * 2_000_000_000;
const MINUTE: u64 = 60_000;

#[test]
fn approvals_need_different_keys_and_their_own_digest() {
    let mut world = World::with(Terms {
        wei_max: 100 * ETH,
        ..TERMS
    });
    let id = id_of(&world.pay("shopper", 2 * ETH));
    let twin = id_of(&world.pay("trader", 2 * ETH));
    let digest = world.view(&twin)["digest"].clone();
    let other = json!({"action": "approve", "request": id, "digest": digest});
    assert_eq!(code(world.command(0, other)), "digest_mismatch");
    assert_eq!(world.approve(0, &id).unwrap().status, "waiting-approval");
    assert_eq!(code(world.approve(0, &id)), "replayed");
    assert_eq!(world.approve(1, &id).unwrap().status, "authorising");
    assert_eq!(code(world.approve(0, &id)), "wrong_state");
    assert_eq!(world.view(&id)["approvals"], json!(["op0", "op1"]));
}

#[test]
fn commands_that_are_not_exactly_right_change_nothing() {
    let mut world = World::new();
    let id = id_of(&world.pay("shopper", 2 * ETH));
    let digest = world.view(&id)["digest"].clone();
    let before = world.guard.state_digest();
    let good = json!({"action": "approve", "request": id, "digest": digest});
    let with = |name: &str, value: serde_json::Value| {
        let mut command = good.clone();
        command[name] = value;
        command
    };
    let now = world.now;
    for (command, expected) in [
        (with("expires_at", json!(now)), "expired"),
        (with("expires_at", json!(now + 300_001)), "expired"),
        (with("guardian", json!("0x00")), "signature_invalid"),
        (with("key", json!("op1")), "signature_invalid"),
        (with("key", json!("nobody")), "signature_invalid"),
        (with("action", json!("transfer")), "malformed"),
        (with("freeze", json!(1)), "malformed"),
        (with("reason", json!(1)), "malformed"),
        (with("request", json!("r999")), "request_unknown"),
        (with("request", json!("R2")), "request_unknown"),
    ] {
        let shown = command.to_string();
        assert_eq!(code(world.command(0, command)), expected, "{shown}");
    }
    let (payload, signature) = signed_command(0, good, now);
    let spaced = payload.replacen(':', ": ", 1);
    assert_eq!(
        code(world.guard.command(spaced.as_bytes(), &signature, now)),
        "malformed"
    );
    assert_eq!(
        code(
            world
                .guard
                .command(payload.as_bytes(), &signature[1..], now)
        ),
        "signature_invalid"
    );
    assert_eq!(world.guard.state_digest(), before);
}

#[test]
fn an_approval_that_comes_too_late_does_not_count() {
    let mut world = World::new();
    let id = id_of(&world.pay("shopper", 2 * ETH));
    assert_eq!(world.guard.next_deadline(), Some(world.now + 10 * MINUTE));
    world.now += 10 * MINUTE;
    assert_eq!(code(world.approve(0, &id)), "expired");
    world.tick();
    assert_eq!(
        (world.state(&id).as_str(), world.limit("hour", &key())),
        ("expired", (0, 0))
    );
    assert_eq!(code(world.approve(0, &id)), "wrong_state");
}

#[test]
fn after_a_denial_nothing_moves() {
    let mut world = World::new();
    let id = id_of(&world.pay("shopper", 2 * ETH));
    world.approve(0, &id).unwrap();
    world.approve(1, &id).unwrap();
    world.deny(0, &id).unwrap();
    assert_eq!(code(world.authorise(&id, Some(0))), "wrong_state");
    assert_eq!(
        code(world.guard.signed(&id, &[0; 65], world.now)),
        "wrong_state"
    );
    assert_eq!(code(world.sent(&id, "accepted")), "wrong_state");
    assert_eq!(code(world.settle(&id, "confirmed")), "wrong_state");
    assert_eq!(code(world.deny(1, &id)), "wrong_state");
    assert!(!world.guard.may_send(&id));
    assert_eq!(world.limit("hour", &key()), (0, 0));
    assert_eq!(
        world.view(&id)["end_reasons"][0]["code"],
        "denied_by_operator"
    );
}

#[test]
fn an_approval_nobody_could_give_is_denied_at_once() {
    let lonely = Genesis {
        operators: genesis().operators[..1].to_vec(),
        ..genesis()
    };
    let (guard, first) = Guard::create(lonely, support::T0).unwrap();
    let mut world = World {
        guard,
        records: vec![first],
        now: support::T0,
    };
    world.load(TERMS);
    let denied = world.pay("shopper", 2 * ETH);
    assert_eq!(denied.status, "denied");
    assert!(String::from_utf8_lossy(&denied.answer).contains("no_approver"));
    let text = &denied.answer.text;
    assert!(text.contains("operators have to approve this"), "{text}");
}

#[test]
fn a_delay_matures_in_its_time_and_is_decided_again() {
    let mut world = World::new();
    let to = VENDOR.trim_start_matches("0x").to_lowercase();
    let data = format!("0xa9059cbb000000000000000000000000{to}{:064x}", 5);
    let pay = json!([{"to": USDC, "data": data}]);
    let id = id_of(&world.submit("shopper", "eth_sendTransaction", &pay));
    world.now += 5 * MINUTE - 1;
    assert!(world.tick().records.is_empty());
    assert_eq!(code(world.authorise(&id, Some(0))), "wrong_state");
    world.now += 1;
    world.tick();
    assert_eq!(world.state(&id), "authorising");
    let applied = world.authorise(&id, Some(0)).unwrap();
    assert_eq!(applied.status, "authorised");
}

#[test]
fn a_policy_that_became_stricter_stops_what_was_granted() {
    let mut world = World::new();
    let instant = id_of(&world.pay("shopper", ETH / 2));
    let approved = id_of(&world.pay("trader", 2 * ETH));
    world.approve(0, &approved).unwrap();
    world.approve(1, &approved).unwrap();
    world.load(STRICT);
    let denied = world.authorise(&instant, Some(0)).unwrap();
    assert_eq!(
        denied.status, "denied",
        "it now needs an approval it never had"
    );
    let over = world.authorise(&approved, Some(0)).unwrap();
    assert_eq!(over.status, "denied", "it is over the limit now");
    assert_eq!(
        world.view(&approved)["end_reasons"][0]["code"],
        "limit_exceeded"
    );
    assert_eq!(world.limit("hour", &key()), (0, 0));
}

#[test]
fn what_was_signed_before_a_freeze_is_held_until_it_is_approved_again() {
    let mut world = World::new();
    let id = ordered(&mut world, ETH);
    world.sign(&id).unwrap();
    let waiting = id_of(&world.pay("trader", ETH / 10));
    let freeze = world.freeze(&json!({"kind": "everything"}));
    let second = world.freeze(&json!({"kind": "wallet", "id": "treasury"}));
    assert_eq!(
        (world.state(&id).as_str(), world.state(&waiting).as_str()),
        ("held", "frozen")
    );
    assert!(!world.guard.may_send(&id));
    assert_eq!(code(world.approve(0, &id)), "frozen");
    world.thaw(freeze).unwrap();
    assert_eq!(
        code(world.approve(0, &id)),
        "frozen",
        "the other freeze stands"
    );
    assert_eq!(code(world.thaw(freeze)), "freeze_unknown");
    world.thaw(second).unwrap();
    assert!(!world.guard.may_send(&id), "a thaw alone sends nothing");
    assert_eq!(world.approve(0, &id).unwrap().status, "signed");
    assert!(world.guard.may_send(&id));
    world.sent(&id, "accepted").unwrap();
    world.settle(&id, "confirmed").unwrap();
}

#[test]
fn what_is_held_and_then_denied_counts_until_its_nonce_is_used_up() {
    let mut world = World::new();
    let id = ordered(&mut world, ETH);
    world.sign(&id).unwrap();
    let freeze = world.freeze(&json!({"kind": "agent", "id": "shopper"}));
    world.deny(0, &id).unwrap();
    world.thaw(freeze).unwrap();
    assert_eq!(world.state(&id), "denied");
    assert_eq!(
        world.limit("hour", &key()),
        (0, ETH + ORDER_FEE),
        "the bytes exist"
    );
    assert_eq!(world.guard.unsettled()[0].state, "denied");
    let next = ordered(&mut world, ETH / 10);
    assert_eq!(nonce(&world, &next), 7, "its nonce goes to the next one");
    world.settle(&id, "dropped").unwrap();
    assert_eq!(world.limit("hour", &key()), (0, ETH / 10 + ORDER_FEE));
}

#[test]
fn an_answer_that_was_on_its_way_at_the_freeze_is_told_truly() {
    let mut world = World::new();
    let id = ordered(&mut world, ETH);
    world.sign(&id).unwrap();
    world.freeze(&json!({"kind": "everything"}));
    assert_eq!(world.sent(&id, "rejected").unwrap().status, "held");
    assert_eq!(world.sent(&id, "accepted").unwrap().status, "sent");
    assert!(!world.guard.may_send(&id), "and it is not sent again");
    assert_eq!(world.settle(&id, "confirmed").unwrap().status, "confirmed");
}

#[test]
fn a_freeze_covers_its_scope_and_no_more() {
    let mut world = World::new();
    world.freeze(&json!({"kind": "agent", "id": "shopper"}));
    assert_eq!(world.pay("shopper", 1).status, "denied");
    assert_eq!(world.pay("trader", 1).status, "go");
    world.freeze(&json!({"kind": "wallet", "id": wallet(0).to_string()}));
    assert_eq!(world.pay("trader", 2).status, "denied");
    let petty = json!([{"from": wallet(1).to_string(), "to": VENDOR, "value": "0x3"}]);
    assert_eq!(
        world.submit("trader", "eth_sendTransaction", &petty).status,
        "go"
    );
    for scope in [
        "{}",
        r#"{"kind":"everything","id":"x"}"#,
        r#"{"kind":"wallet","id":"none"}"#,
    ] {
        assert_eq!(
            code(world.guard.freeze(scope.as_bytes(), "", "", world.now)),
            "malformed"
        );
    }
}

#[test]
fn an_approval_from_before_a_freeze_never_sends_what_the_freeze_holds() {
    let mut world = World::with(Terms {
        wei_max: 100 * ETH,
        ..TERMS
    });
    let id = id_of(&world.pay("shopper", 2 * ETH));
    let digest = world.view(&id)["digest"].clone();
    let approve = json!({"action": "approve", "request": id, "digest": digest});
    world.command(0, approve.clone()).unwrap();
    world.command(1, approve.clone()).unwrap();
    world.authorise(&id, Some(7)).unwrap();
    world.sign(&id).unwrap();
    let freeze = world.freeze(&json!({"kind": "everything"}));
    world.thaw(freeze).unwrap();
    assert_eq!(world.state(&id), "held");
    // The same payloads, byte for byte, as somebody who read them off the socket could send them.
    assert_eq!(code(world.command(0, approve.clone())), "replayed");
    assert_eq!(code(world.command(1, approve)), "replayed");
    world.now += 1;
    world.approve(0, &id).unwrap();
    assert!(!world.guard.may_send(&id), "both have to approve again");
    world.approve(1, &id).unwrap();
    assert!(world.guard.may_send(&id));
}
