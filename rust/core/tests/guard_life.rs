//! From a decision to its end: approvals, freezes, nonces, signatures, settlement, and what is kept of it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![allow(clippy::panic)]

mod support;

use alloy_primitives::{Bytes, U256};
use holdfast_core::event::{Genesis, Order, TransactionOrder};
use holdfast_core::guard::{Guard, Refusal};
use serde_json::json;
use support::{
    genesis, id_of, raw, sign_order, signed_command, unsigned, wallet, wallet_key, Terms, World,
    STRICT, TERMS, USDC, VENDOR,
};

const ETH: u128 = 1_000_000_000_000_000_000;
const FEE_MAX: u128 = 100_000 * 100_000_000_000;
const MINUTE: u64 = 60_000;

fn code<T>(result: Result<T, Refusal>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(refusal) => refusal.code.into_owned(),
    }
}

fn transaction(world: &World, id: &str) -> TransactionOrder {
    match world.order(id) {
        Order::Transaction(order) => order,
        other => panic!("{other:?}"),
    }
}

fn nonce(world: &World, id: &str) -> u64 {
    transaction(world, id).nonce
}

/// A payment that is authorised and not signed.
fn ordered(world: &mut World, wei: u128) -> String {
    let id = id_of(&world.pay("shopper", wei));
    world.authorise(&id, Some(7)).unwrap();
    id
}

fn key() -> String {
    format!("agent:{}", "shopper")
}

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
fn what_a_request_holds_itself_does_not_count_against_it() {
    // Both together fill the limit; each is authorised although the other and itself are held.
    let wei_max = ETH + 2 * FEE_MAX;
    let mut world = World::with(Terms { wei_max, ..TERMS });
    let first = id_of(&world.pay("shopper", ETH / 2));
    let second = id_of(&world.pay("shopper", ETH / 2));
    assert_eq!(
        world.pay("shopper", 1).status,
        "denied",
        "the limit is used in full"
    );
    assert_eq!(
        world.authorise(&first, Some(0)).unwrap().status,
        "authorised"
    );
    assert_eq!(world.authorise(&second, None).unwrap().status, "authorised");
}

#[test]
fn fees_over_the_caps_are_never_ordered() {
    let mut world = World::new();
    let hinted = json!([{"to": VENDOR, "value": "0x1", "gas": "0x5208",
        "maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x3b9aca00"}]);
    for (facts, expected) in [
        (json!({"gas": 21001}), "gas_over_cap"),
        (json!({"max_fee_per_gas": "2000000001"}), "fee_over_cap"),
        (
            json!({"max_priority_fee_per_gas": 1_000_000_001}),
            "tip_over_cap",
        ),
    ] {
        let id = id_of(&world.submit("shopper", "eth_sendTransaction", &hinted));
        let mut given = json!({"gas": 21000, "max_fee_per_gas": "2000000000",
            "max_priority_fee_per_gas": 1_000_000_000, "chain_nonce": 0});
        given
            .as_object_mut()
            .unwrap()
            .extend(facts.as_object().unwrap().clone());
        let result = world
            .guard
            .authorise(&id, given.to_string().as_bytes(), world.now);
        assert_eq!(world.keep(result).unwrap().status, "denied");
        assert_eq!(world.view(&id)["end_reasons"][0]["code"], expected);
    }
    let id = id_of(&world.submit("shopper", "eth_sendTransaction", &hinted));
    for facts in [
        r#"{"gas":21000,"max_fee_per_gas":"5","max_priority_fee_per_gas":"6","chain_nonce":0}"#,
        r#"{"gas":21000,"chain_nonce":0}"#,
        r#"{"gas":21000,"max_fee_per_gas":"5","max_priority_fee_per_gas":"0x5"}"#,
        r#"{"gas":21000,"max_fee_per_gas":"5","max_priority_fee_per_gas":5,"extra":1}"#,
        r"[]",
    ] {
        let result = world.guard.authorise(&id, facts.as_bytes(), world.now);
        assert_eq!(code(result), "malformed", "{facts}");
    }
}

#[test]
fn nonces_come_from_the_ledger_or_the_chain_and_none_is_lost() {
    let mut world = World::with(Terms {
        wei_max: 1000 * ETH,
        count_max: 1000,
        ..TERMS
    });
    let id = id_of(&world.pay("shopper", 1));
    assert_eq!(code(world.authorise(&id, None)), "nonce_unknown");
    assert_eq!(
        world
            .guard
            .next_nonce(&wallet(0).to_string(), support::CHAIN),
        None
    );
    world.authorise(&id, Some(7)).unwrap();
    assert_eq!(nonce(&world, &id), 7);
    let second = ordered(&mut world, 2);
    let third = ordered(&mut world, 3);
    assert_eq!((nonce(&world, &second), nonce(&world, &third)), (8, 9));
    let failed = world
        .guard
        .fail(&second, "would_fail", "no funds", world.now);
    world.keep(failed).unwrap();
    let cancelled = world.guard.cancel(&id, "agent", world.now);
    world.keep(cancelled).unwrap();
    let fourth = ordered(&mut world, 4);
    let fifth = ordered(&mut world, 5);
    let sixth = ordered(&mut world, 6);
    assert_eq!(
        [&fourth, &fifth, &sixth].map(|id| nonce(&world, id)),
        [7, 8, 10]
    );
    let seventh = id_of(&world.pay("shopper", 7));
    world.authorise(&seventh, Some(20)).unwrap();
    assert_eq!(nonce(&world, &seventh), 20, "the chain is further on");
    assert_eq!(
        world
            .guard
            .next_nonce(&wallet(0).to_string(), support::CHAIN),
        Some(21)
    );
}

#[test]
fn a_nonce_ahead_is_denied_and_a_lower_one_ignored() {
    let mut world = World::new();
    ordered(&mut world, 1);
    let pay = |nonce: &str| json!([{"to": VENDOR, "value": "0x2", "nonce": nonce}]);
    let ahead = world.submit("shopper", "eth_sendTransaction", &pay("0x9"));
    assert_eq!(ahead.status, "denied");
    assert!(String::from_utf8_lossy(&ahead.answer).contains("nonce_ahead"));
    let next = world.submit("shopper", "eth_sendTransaction", &pay("0x8"));
    let low = world.submit("shopper", "eth_sendTransaction", &pay("0x0"));
    assert_eq!((next.status, low.status), ("go", "go"));
}

#[test]
fn only_the_ordered_bytes_signed_by_the_wallet_are_taken() {
    let mut world = World::new();
    let id = ordered(&mut world, 5);
    let order = transaction(&world, &id);
    let good = sign_order(&world.order(&id));
    let key = wallet_key(0);
    let mut wrong = vec![
        raw(unsigned(&order), &wallet_key(1)),
        [good.as_slice(), &[0]].concat(),
        good[..good.len() - 1].to_vec(),
        good[1..].to_vec(),
        Vec::new(),
        vec![2],
    ];
    for change in 0..8u8 {
        let mut tx = unsigned(&order);
        match change {
            0 => tx.nonce += 1,
            1 => tx.chain_id += 1,
            2 => tx.gas_limit += 1,
            3 => tx.max_fee_per_gas -= 1,
            4 => tx.max_priority_fee_per_gas -= 1,
            5 => tx.value += U256::from(1),
            6 => tx.to = wallet(1).into(),
            _ => tx.input = Bytes::from_static(b"x"),
        }
        wrong.push(raw(tx, &key));
    }
    for bytes in wrong {
        let result = world.guard.signed(&id, &bytes, world.now);
        assert_eq!(code(result), "signature_mismatch");
    }
    let result = world.guard.signed(&id, &good, world.now);
    world.keep(result).unwrap();
    assert_eq!(
        code(world.guard.signed(&id, &good, world.now)),
        "wrong_state",
        "once"
    );
    let [only] = world
        .guard
        .unsettled()
        .try_into()
        .unwrap_or_else(|_| panic!("one"));
    assert_eq!(
        (only.raw, only.nonce, only.state),
        (good.as_slice(), 7, "signed")
    );
}

#[test]
fn a_signature_with_a_high_s_is_not_taken() {
    let mut world = World::new();
    let say = json!(["0x68656c6c6f", wallet(0).to_string()]);
    let id = id_of(&world.submit("shopper", "personal_sign", &say));
    world.approve(0, &id).unwrap();
    world.authorise(&id, None).unwrap();
    let good = sign_order(&world.order(&id));
    let signature = alloy_primitives::Signature::from_raw(&good).unwrap();
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let order = U256::from_str_radix(order, 16).unwrap();
    let high =
        alloy_primitives::Signature::new(signature.r(), order - signature.s(), !signature.v());
    let result = world.guard.signed(&id, &high.as_bytes(), world.now);
    assert_eq!(code(result), "signature_mismatch");
    let mut parity = good.clone();
    parity[64] -= 27;
    assert_eq!(
        code(world.guard.signed(&id, &parity, world.now)),
        "signature_mismatch"
    );
    let released = world.guard.signed(&id, &good, world.now).unwrap();
    assert_eq!(released.status, "released");
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
        (0, ETH + FEE_MAX),
        "the bytes exist"
    );
    assert_eq!(world.guard.unsettled()[0].state, "held");
    let next = ordered(&mut world, ETH / 10);
    assert_eq!(nonce(&world, &next), 7, "its nonce goes to the next one");
    world.settle(&id, "dropped").unwrap();
    assert_eq!(world.limit("hour", &key()), (0, ETH / 10 + FEE_MAX));
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
fn settlement_posts_what_was_paid_and_voids_only_by_proof() {
    let mut world = World::with(Terms {
        wei_max: 100 * ETH,
        ..TERMS
    });
    let paid = 21000 * 1_500_000_000u128;
    let ids: Vec<String> = (0..3).map(|_| ordered(&mut world, ETH)).collect();
    for id in &ids {
        world.sign(id).unwrap();
        world.sent(id, "unknown").unwrap();
    }
    assert_eq!(world.limit("hour", &key()), (0, 3 * (ETH + FEE_MAX)));
    world.settle(&ids[0], "confirmed").unwrap();
    assert_eq!(
        world.limit("hour", &key()),
        (ETH + paid, 2 * (ETH + FEE_MAX))
    );
    world.settle(&ids[1], "reverted").unwrap();
    assert_eq!(world.limit("hour", &key()), (ETH + 2 * paid, ETH + FEE_MAX));
    world.settle(&ids[2], "dropped").unwrap();
    assert_eq!(world.limit("hour", &key()), (ETH + 2 * paid, 0));
    assert_eq!(
        code(world.settle(&ids[0], "dropped")),
        "wrong_state",
        "once"
    );
    world.now += 60 * MINUTE - 1;
    assert_eq!(world.limit("hour", &key()).0, ETH + 2 * paid);
    world.now += 1;
    assert_eq!(
        world.limit("hour", &key()).0,
        0,
        "an hour after it was posted"
    );
}

#[test]
fn a_signed_transaction_given_to_the_agent_counts_until_it_is_mined() {
    let mut world = World::new();
    let pay = json!([{"to": VENDOR, "value": support::quantity(ETH)}]);
    let id = id_of(&world.submit("shopper", "eth_signTransaction", &pay));
    world.authorise(&id, Some(0)).unwrap();
    assert_eq!(world.sign(&id).unwrap().status, "released");
    assert!(
        !world.guard.may_send(&id),
        "sending it is the agent's business"
    );
    world.now += 48 * 60 * MINUTE;
    assert_eq!(
        world.limit("hour", &key()),
        (0, ETH + FEE_MAX),
        "held things do not age"
    );
    assert_eq!(world.settle(&id, "confirmed").unwrap().status, "confirmed");
}

#[test]
fn a_clock_set_back_changes_no_limit() {
    let mut world = World::new();
    let id = id_of(&world.pay("shopper", ETH));
    world.carry_out(&id);
    world.settle(&id, "confirmed").unwrap();
    let used = world.limit("hour", &key());
    world.now -= 48 * 60 * MINUTE;
    assert_eq!(world.limit("hour", &key()), used);
    world.pay("shopper", 1);
    assert_eq!(
        world.guard.last_at(),
        support::T0,
        "time never runs backwards"
    );
}

#[test]
fn what_is_over_is_forgotten_when_nobody_can_ask_for_it() {
    let mut world = World::with(Terms {
        wei_max: 1000 * ETH,
        count_max: 5000,
        ..TERMS
    });
    let first = id_of(&world.pay("shopper", 1));
    world.carry_out(&first);
    world.settle(&first, "confirmed").unwrap();
    for _ in 0..600 {
        world.now += 1;
        let id = id_of(&world.pay("shopper", 1));
        let cancelled = world.guard.cancel(&id, "test", world.now);
        world.keep(cancelled).unwrap();
    }
    assert!(
        world.view(&first).get("effects").is_none(),
        "no details, but the hash"
    );
    assert!(world.view(&first)["hash"].is_string());
    world.now += MINUTE;
    world.tick();
    world.pay("shopper", 1);
    assert!(world.guard.request(&first).is_none());
    assert!(world.guard.state().requests.len() <= 514);
    assert_eq!(world.guard.state().counts.values().sum::<u64>(), 602);
}

#[test]
fn a_genesis_that_makes_no_sense_is_refused() {
    let operators = genesis().operators;
    let twin = vec![operators[0].clone(), operators[0].clone()];
    let mut weak = operators.clone();
    weak[0].public_key = Default::default();
    for bad in [
        Genesis {
            origin: String::new(),
            ..genesis()
        },
        Genesis {
            origin: "a\nb".to_owned(),
            ..genesis()
        },
        Genesis {
            operators: twin,
            ..genesis()
        },
        Genesis {
            operators: weak,
            ..genesis()
        },
    ] {
        assert_eq!(code(Guard::create(bad, 0)), "malformed");
    }
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let world = World::new();
    let snapshot = world.guard.snapshot();
    assert!(Guard::restore(&snapshot).is_ok());
    assert!(Guard::restore(&[]).is_err());
    assert!(Guard::restore(&snapshot[1..]).is_err());
    assert!(Guard::restore(&snapshot[..snapshot.len() - 1]).is_err());
    assert!(Guard::restore(&[snapshot.as_slice(), &[0]].concat()).is_err());
    let mut other = snapshot;
    other[0] = 99;
    assert!(Guard::restore(&other).is_err());
}

#[test]
fn a_bad_policy_leaves_the_good_one_in_force() {
    let mut world = World::new();
    assert!(world
        .guard
        .load_policy("version = 1", "test", world.now)
        .is_err());
    let rejected = world
        .guard
        .reject_policy("version = 1", "line 1: …", "test", world.now);
    world.keep(rejected).unwrap();
    let status: serde_json::Value = serde_json::from_slice(&world.guard.status(world.now)).unwrap();
    assert_eq!(status["policy"]["name"], "test");
    assert!(status["policy"]["alarm"].is_string());
    assert_eq!(world.pay("shopper", 1).status, "go");
    world.load(TERMS);
    let status: serde_json::Value = serde_json::from_slice(&world.guard.status(world.now)).unwrap();
    assert!(status["policy"]["alarm"].is_null());
}
