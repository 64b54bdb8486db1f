//! From a decision to its end: nonces, signatures, settlement, and what is kept of it.

use alloy_primitives::{Bytes, U256};
use holdfast_core::code::Code;
use holdfast_core::event::{Genesis, SigningOrder};
use holdfast_core::guard::Guard;
use holdfast_core::outcome::{Log, Simulated, Standing};
use serde_json::json;

use crate::support::orders::{code, key, nonce, ordered, raw, sign_order, transaction, unsigned};
use crate::support::{self, genesis, id_of, wallet, wallet_key, Terms, World, TERMS, USDC, VENDOR};

const ETH: u128 = 1_000_000_000_000_000_000;
const FEE_MAX: u128 = 100_000 * 100_000_000_000;
/// What the orders of these tests can cost.
const ORDER_FEE: u128 = 21_000 * 2_000_000_000;
const MINUTE: u64 = 60_000;

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
        let given = support::order_facts(&given);
        let result = world.guard.authorise(&id, &given, world.now);
        assert_eq!(world.keep(result).unwrap().status, "denied");
        assert_eq!(world.view(&id)["end_reasons"][0]["code"], expected);
    }
    let id = id_of(&world.submit("shopper", "eth_sendTransaction", &hinted));
    for facts in [
        json!({"gas": 21000, "max_fee_per_gas": 5, "max_priority_fee_per_gas": 6, "chain_nonce": 0}),
        json!({"gas": 21000, "max_fee_per_gas": 5, "max_priority_fee_per_gas": -5}),
        json!({"gas": 21000, "chain_nonce": 0}),
        json!({}),
    ] {
        let given = support::order_facts(&facts);
        let result = world.guard.authorise(&id, &given, world.now);
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
        .fail(&second, Code::WouldFail, "no funds", world.now);
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
    assert_eq!(
        code(world.authorise(&seventh, Some(20))),
        "nonce_ahead",
        "one node's word moves nothing"
    );
    let facts = json!({"gas": 21000, "max_fee_per_gas": "2000000000", "chain_nonce": 20,
        "max_priority_fee_per_gas": "1000000000", "nonce_proved": true});
    let facts = support::order_facts(&facts);
    let proved = world.guard.authorise(&seventh, &facts, world.now);
    world.keep(proved).unwrap();
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
    assert_eq!(world.limit("hour", &key()), (0, 3 * (ETH + ORDER_FEE)));
    world.settle(&ids[0], "confirmed").unwrap();
    assert_eq!(
        world.limit("hour", &key()),
        (ETH + paid, 2 * (ETH + ORDER_FEE))
    );
    world.settle(&ids[1], "reverted").unwrap();
    assert_eq!(
        world.limit("hour", &key()),
        (ETH + 2 * paid, ETH + ORDER_FEE)
    );
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
        world.guard.may_send(&id),
        "what its agent may send, the guardian may"
    );
    world.now += 48 * 60 * MINUTE;
    assert_eq!(
        world.limit("hour", &key()),
        (0, ETH + ORDER_FEE),
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
        .load_policy("version = 1", "test", None, world.now)
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

#[test]
fn a_document_is_signed_as_it_was_shown() {
    let mut world = World::new();
    let document = json!({
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Vote": [{"name": "proposal", "type": "uint256"}, {"name": "support", "type": "bool"}],
        },
        "primaryType": "Vote",
        "domain": {"name": "House", "chainId": support::CHAIN, "verifyingContract": VENDOR},
        "message": {"proposal": 7, "support": true},
    });
    let params = json!([wallet(0).to_string(), document.to_string()]);
    let asked = world.submit("shopper", "eth_signTypedData", &params);
    assert_eq!(asked.status, "waiting");
    let id = id_of(&asked);
    let object = json!([wallet(0).to_string(), document]);
    assert_eq!(
        id_of(&world.submit("shopper", "eth_signTypedData_v4", &object)),
        id
    );
    world.approve(0, &id).unwrap();
    let authorised = world.authorise(&id, None);
    assert_eq!(
        authorised.unwrap().status,
        "authorised",
        "{}",
        world.view(&id)
    );
    let SigningOrder::TypedData(order) = world.order(&id) else {
        panic!("a document")
    };
    assert_eq!(world.view(&id)["request"]["json"], order.json);
    assert_eq!(
        world.view(&id)["request"]["typed_data_digest"],
        json!(order.digest)
    );
    let released = world.sign(&id).unwrap();
    assert_eq!(released.status, "released");
    assert!(world.view(&id)["signature"].is_string());
    assert!(world.guard.unsettled().is_empty());
    let replayed = Guard::replay(&world.records).unwrap();
    assert_eq!(replayed.state_digest(), world.guard.state_digest());
}

#[test]
fn what_a_simulation_shows_can_only_refuse() {
    let mut world = World::new();
    let to = &VENDOR[2..];
    let data = format!("0xa9059cbb{to:0>64}{:064x}", 50);
    let request = json!([{"to": USDC, "data": data.to_lowercase()}]);
    let id = id_of(&world.submit("shopper", "eth_sendTransaction", &request));
    world.now += 6 * MINUTE;
    world.tick();
    let moved = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
    let vendor = format!("0x{:0>64}", to.to_lowercase());
    let log = |amount: u64| Log {
        address: USDC.parse().unwrap(),
        topics: vec![
            moved.parse().unwrap(),
            wallet(0).into_word(),
            vendor.parse().unwrap(),
        ],
        data: format!("0x{amount:064x}").parse().unwrap(),
    };
    let mut given = |logs: Vec<Log>, allowances: Vec<Standing>| {
        let mut facts =
            support::order_facts(&json!({"gas": 60000, "max_fee_per_gas": "2000000000",
            "max_priority_fee_per_gas": 1_000_000_000, "chain_nonce": 0}));
        facts.simulated = Some(Simulated::new(logs, allowances).unwrap());
        world.guard.authorise(&id, &facts, world.now)
    };
    let refused = given(vec![log(51)], Vec::new()).unwrap_err();
    assert_eq!(refused.code.as_str(), "would_differ");
    assert!(refused
        .text
        .ends_with("it takes 0.000051 USDC from the wallet, and 0.00005 USDC was decided"));
    let many = Simulated::new(vec![log(50); 2001], Vec::new());
    assert_eq!(many.unwrap_err().code.as_str(), "json_too_large");
    let mut long = log(50);
    long.data = vec![0; 1 << 16].into();
    assert!(Simulated::new(vec![long], Vec::new()).is_err());
    let standing = Standing {
        token: USDC.parse().unwrap(),
        spender: VENDOR.parse().unwrap(),
        amount: U256::from(7),
    };
    let applied = given(vec![log(50)], vec![standing]).unwrap();
    assert_eq!(applied.status, "authorised");
}

#[test]
fn a_number_that_no_chain_has_is_no_answer_and_no_fault_of_the_payment() {
    let numbers = [
        "gas",
        "max_fee_per_gas",
        "max_priority_fee_per_gas",
        "chain_nonce",
        "l1_fee",
    ];
    for name in numbers {
        let mut world = World::new();
        let id = id_of(&world.pay("shopper", 1));
        let mut facts = json!({"gas": 21000, "max_fee_per_gas": "2000000000",
            "max_priority_fee_per_gas": "1000000000", "chain_nonce": 0});
        // 2^140
        facts[name] = json!("1393796574908163946345982392040522594123776");
        let given = support::order_facts(&facts);
        let refused = world.guard.authorise(&id, &given, world.now);
        assert_eq!(
            refused.unwrap_err().code.as_str(),
            "chain_unavailable",
            "{name}"
        );
        assert_eq!(world.state(&id), "authorising");
        world.authorise(&id, Some(0)).unwrap();
    }
}
