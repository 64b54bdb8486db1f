//! Replay believes no record: what live code would not have made is refused at that record.
#![allow(clippy::type_complexity)]

use alloy_primitives::{Bytes, B256, U256};
use ed25519_dalek::Signer as _;
use holdfast_core::chain::ChainId;
use holdfast_core::event::{
    Approved, Authorised, Body, Denied, Event, FreezeLifted, SettleOutcome, Signed, SigningOrder,
};
use holdfast_core::guard::{Guard, ReplayError};
use serde_json::{json, Value};

use crate::support::orders::{ordered, raw, sign_order, unsigned};
use crate::support::{self, id_of, operator_key, signed_command, wallet, World, OTHER};

const ETH: u128 = 1_000_000_000_000_000_000;
const MINUTE: u64 = 60_000;

/// The journal with one more event behind it.
fn with(world: &World, body: Body) -> Result<Guard, ReplayError> {
    let mut records = world.records.clone();
    let event = Event::new(records.len() as u64, world.now, body);
    records.push(event.to_record());
    Guard::replay(&records)
}

fn refused(world: &World, body: Body, words: &str) {
    let error = with(world, body).expect_err(words);
    assert_eq!(error.seq, world.records.len() as u64, "{error}");
    assert_eq!(error.code.as_str(), "replay_transition", "{error}");
    assert!(error.text.contains(words), "{error}: {words}");
}

fn approval(world: &World, id: &str, command: Value, number: u8) -> Approved {
    let (command, signature) = signed_command(number, command, world.now);
    Approved {
        approvals: 1,
        by: format!("op{number}"),
        command,
        id: id.parse().unwrap(),
        quorum: 2,
        signature: signature.into(),
    }
}

fn waiting() -> (World, String, Value) {
    let mut world = World::new();
    let id = id_of(&world.pay("shopper", 2 * ETH));
    let digest = world.view(&id)["digest"].clone();
    let command = json!({"action": "approve", "request": id, "digest": digest});
    (world, id, command)
}

#[test]
fn an_approval_counts_only_with_the_operators_signature_over_it() {
    let (world, id, command) = waiting();
    let good = approval(&world, &id, command.clone(), 0);
    assert!(with(&world, Body::RequestApproved(good.clone())).is_ok());
    let zero = Approved {
        signature: Bytes::from(vec![0; 64]),
        ..good.clone()
    };
    refused(&world, Body::RequestApproved(zero), "signature");
    let short = Approved {
        signature: Bytes::new(),
        ..good.clone()
    };
    refused(&world, Body::RequestApproved(short), "signature");
    let mut other = approval(&world, &id, command.clone(), 1);
    other.by = "op0".to_owned();
    refused(
        &world,
        Body::RequestApproved(other),
        "not what its command says",
    );
    let counted = Approved {
        quorum: 1,
        ..good.clone()
    };
    refused(
        &world,
        Body::RequestApproved(counted),
        "not what its command says",
    );
    let spaced = good.command.replace(':', ": ");
    let message = [b"holdfast operator command v1\n", spaced.as_bytes()].concat();
    let signature = operator_key(0).sign(&message).to_bytes().to_vec().into();
    let spaced = Approved {
        command: spaced,
        signature,
        ..good
    };
    refused(&world, Body::RequestApproved(spaced), "canonical");
}

#[test]
fn a_command_on_record_is_for_this_request_this_guardian_and_its_time() {
    let (mut world, id, command) = waiting();
    let twin = id_of(&world.pay("trader", 2 * ETH));
    let now = world.now;
    for (change, words) in [
        (json!({"request": twin}), "digest"),
        (json!({"digest": B256::ZERO}), "digest"),
        (json!({"guardian": B256::ZERO}), "another guardian"),
        (json!({"action": "deny"}), "not what its command says"),
        (json!({"key": "op1"}), "signature"),
        (json!({"expires_at": now}), "expired"),
        (json!({"expires_at": now + 5 * MINUTE + 1}), "five minutes"),
        (json!({"freeze": 3}), "does not belong"),
    ] {
        let mut changed = command.clone();
        let members = changed.as_object_mut().unwrap();
        members.extend(change.as_object().unwrap().clone());
        let forged = approval(&world, &id, changed, 0);
        refused(&world, Body::RequestApproved(forged), words);
    }
}

#[test]
fn an_approval_is_carried_out_once_and_in_time() {
    let (mut world, id, command) = waiting();
    world.approve(0, &id).unwrap();
    let again = Approved {
        approvals: 2,
        ..approval(&world, &id, command.clone(), 0)
    };
    refused(&world, Body::RequestApproved(again), "already");
    world.now += 10 * MINUTE;
    let late = Approved {
        approvals: 2,
        ..approval(&world, &id, command, 1)
    };
    refused(&world, Body::RequestApproved(late), "expired");
}

#[test]
fn a_command_that_was_carried_out_is_not_carried_out_again() {
    let mut world = World::new();
    let id = ordered(&mut world, ETH);
    world.sign(&id).unwrap();
    let hold = |world: &mut World| {
        let freeze = world.freeze(&json!({"kind": "everything"}));
        world.thaw(freeze).unwrap();
    };
    hold(&mut world);
    let applied = world.approve(0, &id).unwrap();
    let Body::RequestApproved(done) = Event::from_record(&applied.records[0]).unwrap().body else {
        panic!("an approval")
    };
    world.now += 1;
    hold(&mut world);
    refused(&world, Body::RequestApproved(done), "carried out before");
}

#[test]
fn a_freeze_is_lifted_only_by_a_signed_thaw_of_it() {
    let mut world = World::new();
    let freeze = world.freeze(&json!({"kind": "agent", "id": "shopper"}));
    let other = world.freeze(&json!({"kind": "everything"}));
    let thaw = |number, of: u64, named: u64| {
        let command = json!({"action": "thaw", "freeze": named});
        let (command, signature) = signed_command(number, command, world.now);
        FreezeLifted {
            by: "op0".to_owned(),
            command,
            freeze: of,
            signature: signature.into(),
        }
    };
    assert!(with(&world, Body::FreezeLifted(thaw(0, other, other))).is_ok());
    let zero = FreezeLifted {
        signature: Bytes::from(vec![0; 64]),
        ..thaw(0, other, other)
    };
    refused(&world, Body::FreezeLifted(zero), "signature");
    refused(
        &world,
        Body::FreezeLifted(thaw(0, other, freeze)),
        "not what its command says",
    );
    refused(
        &world,
        Body::FreezeLifted(thaw(1, other, other)),
        "not what its command says",
    );
}

#[test]
fn a_denial_is_signed_or_made_where_the_order_would_be_fixed() {
    let (mut world, id, _) = waiting();
    let parsed = id.parse().unwrap();
    let denied = |by: &str, command: Option<String>| Denied {
        by: by.to_owned(),
        signature: command.as_ref().map(|_| Bytes::from(vec![0; 64])),
        command,
        id: parsed,
        reasons: serde_json::from_value(json!([{"code": "denied_by_operator"}])).unwrap(),
    };
    refused(
        &world,
        Body::RequestDenied(denied("policy", None)),
        "waiting-approval",
    );
    refused(&world, Body::RequestDenied(denied("op0", None)), "signed");
    refused(
        &world,
        Body::RequestDenied(denied("op0", Some("{}".to_owned()))),
        "signature_invalid",
    );
    world.approve(0, &id).unwrap();
    world.approve(1, &id).unwrap();
    assert!(with(&world, Body::RequestDenied(denied("policy", None))).is_ok());
}

fn orders(world: &World, id: &str) -> Authorised {
    let digest = serde_json::from_value(world.view(id)["digest"].clone()).unwrap();
    let mut live = world.clone();
    live.authorise(id, Some(0)).unwrap();
    Authorised {
        digest,
        id: id.parse().unwrap(),
        order: live.order(id),
    }
}

#[test]
fn an_order_is_the_decision_and_nothing_else() {
    let mut world = World::new();
    let id = id_of(&world.pay("shopper", ETH));
    let good = orders(&world, &id);
    assert!(with(&world, Body::RequestAuthorised(good.clone().into())).is_ok());
    let SigningOrder::Transaction(order) = &good.order else {
        panic!("a transaction")
    };
    let changes: [fn(&mut holdfast_core::event::TransactionOrder); 9] = [
        |order| order.to = Some(OTHER.parse().unwrap()),
        |order| order.to = None,
        |order| order.value += U256::from(1),
        |order| order.data = Bytes::from_static(b"x"),
        |order| order.chain_id = ChainId::ETHEREUM,
        |order| order.wallet = wallet(1),
        |order| order.gas = 100_001,
        |order| order.max_fee_per_gas = 100_000_000_001,
        |order| {
            order.max_fee_per_gas = 1;
            order.max_priority_fee_per_gas = 2;
        },
    ];
    for change in changes {
        let mut order = order.clone();
        change(&mut order);
        let order = SigningOrder::Transaction(order);
        let forged = Authorised {
            order,
            ..good.clone()
        };
        refused(
            &world,
            Body::RequestAuthorised(forged.into()),
            "the order is",
        );
    }
}

#[test]
fn a_message_or_a_document_is_ordered_as_it_was_decided() {
    let mut world = World::new();
    let say = json!(["0x68656c6c6f", wallet(0).to_string()]);
    let id = id_of(&world.submit("shopper", "personal_sign", &say));
    world.approve(0, &id).unwrap();
    let good = orders(&world, &id);
    let SigningOrder::Message(order) = &good.order else {
        panic!("a message")
    };
    let mut other = order.clone();
    other.message = Bytes::from_static(b"other");
    let mut digest = order.clone();
    digest.digest = B256::ZERO;
    for order in [other, digest] {
        let forged = Authorised {
            order: SigningOrder::Message(order),
            ..good.clone()
        };
        refused(
            &world,
            Body::RequestAuthorised(forged.into()),
            "the order is",
        );
    }
}

#[test]
fn signed_bytes_on_record_are_the_order_signed_by_the_wallet() {
    let mut world = World::new();
    let id = ordered(&mut world, ETH);
    let order = world.order(&id);
    let SigningOrder::Transaction(tx) = &order else {
        panic!("a transaction")
    };
    let mut live = world.clone();
    let applied = live.sign(&id).unwrap();
    let Body::RequestSigned(good) = Event::from_record(&applied.records[0]).unwrap().body else {
        panic!("signed")
    };
    let stranger = raw(unsigned(tx), &support::wallet_key(1));
    let mut more = unsigned(tx);
    more.value += U256::from(1);
    let more = raw(more, &support::wallet_key(0));
    let of = |bytes: Vec<u8>| Signed {
        raw: Some(bytes.into()),
        ..good.clone()
    };
    refused(
        &world,
        Body::RequestSigned(of(stranger)),
        "not signed by the wallet",
    );
    refused(&world, Body::RequestSigned(of(more)), "not the transaction");
    refused(&world, Body::RequestSigned(of(vec![2])), "EIP-1559");
    let hash = Signed {
        hash: B256::ZERO,
        ..of(sign_order(&order))
    };
    refused(&world, Body::RequestSigned(hash), "hash");
}

#[test]
fn a_decision_on_record_hashes_starts_and_reserves_as_it_says() {
    let mut world = World::new();
    world.now += 1;
    let before = world.clone();
    let applied = world.pay("shopper", ETH);
    let Body::RequestDecided(good) = Event::from_record(&applied.records[0]).unwrap().body else {
        panic!("a decision")
    };
    assert!(with(&before, Body::RequestDecided(good.clone())).is_ok());
    let changes: [(&str, fn(&mut holdfast_core::event::Decided)); 8] = [
        ("digest", |data| data.digest = B256::ZERO),
        ("match key", |data| data.match_key = B256::ZERO),
        ("digest", |data| data.gas_max = Some(50_000_000)),
        ("digest", |data| data.effects[0].amount = U256::from(1)),
        ("reserved", |data| data.reservations.clear()),
        ("set aside", |data| {
            data.spends.as_mut().unwrap().agent = "trader".to_owned();
        }),
        ("policy", |data| data.policy = B256::ZERO),
        ("times", |data| data.expires_at = Some(5)),
    ];
    for (words, change) in changes {
        let mut forged = good.clone();
        change(&mut forged);
        refused(&before, Body::RequestDecided(forged), words);
    }
    let mut frozen = before.clone();
    frozen.freeze(&json!({"kind": "agent", "id": "shopper"}));
    let mut moved = good;
    moved.id = holdfast_core::event::Id(frozen.records.len() as u64);
    let parts = holdfast_core::event::Parts::of(&moved.effects, &moved.request);
    moved.digest = holdfast_core::event::approval_digest(&moved, &parts);
    refused(&frozen, Body::RequestDecided(moved), "frozen");
}

/// Limits count what is held, so a forged decision that holds nothing must not get around them.
#[test]
fn no_more_is_ordered_than_what_is_set_aside() {
    let mut world = World::new();
    world.now += 1;
    let before = world.clone();
    let applied = world.pay("shopper", ETH);
    let id = id_of(&applied);
    let Body::RequestDecided(mut data) = Event::from_record(&applied.records[0]).unwrap().body
    else {
        panic!("a decision")
    };
    data.reservations.clear();
    data.spends.as_mut().unwrap().items.clear();
    let mut guard = with(&before, Body::RequestDecided(data)).unwrap();
    let facts = support::order_facts(&json!({"gas": 21000, "max_fee_per_gas": "2000000000",
        "max_priority_fee_per_gas": 1, "chain_nonce": 0}));
    let applied = guard.authorise(&id, &facts, world.now).unwrap();
    assert_eq!(applied.status, "denied");
    let view: Value = serde_json::from_slice(&guard.request(&id).unwrap()).unwrap();
    assert_eq!(
        view["end_reasons"][0]["observed"],
        "more than what is set aside for it"
    );
}

#[test]
fn an_older_version_does_not_follow_a_newer_one() {
    let world = World::new();
    let mut records = world.records.clone();
    let source = support::policy(support::TERMS);
    let by_file = json!({"at": world.now, "data": {"by": "file",
        "digest": holdfast_core::canonical::sha256(source.as_bytes()), "name": "test",
        "source": source}, "kind": "policy.loaded", "seq": records.len(), "v": 1});
    records.push(by_file.to_string().into_bytes());
    let error = Guard::replay(&records).unwrap_err();
    assert!(error.text.contains("older version"), "{error}");
}

#[test]
fn at_start_an_unsigned_order_is_decided_again_and_its_nonce_given_back() {
    let mut world = World::new();
    let large = id_of(&world.pay("shopper", ETH));
    world.authorise(&large, Some(7)).unwrap();
    assert_eq!(support::orders::nonce(&world, &large), 7);
    // A crash, and a stricter policy before the next start.
    world.guard = Guard::replay(&world.records).unwrap();
    assert_eq!(world.guard.to_sign().len(), 1);
    let started = world.guard.started("0.1.0", world.now);
    let started = world.keep(started).unwrap();
    let kinds = started.records.iter();
    let kinds: Vec<_> = kinds
        .map(|record| Event::from_record(record).unwrap().body.kind())
        .collect();
    assert_eq!(kinds, ["guardian.started", "request.reopened"]);
    assert!(world.guard.to_sign().is_empty());
    assert_eq!(world.state(&large), "authorising");
    world.load(support::STRICT);
    assert_eq!(world.authorise(&large, Some(7)).unwrap().status, "denied");
    let next = id_of(&world.pay("shopper", ETH / 10));
    world.authorise(&next, Some(7)).unwrap();
    assert_eq!(support::orders::nonce(&world, &next), 7, "no gap is left");
    let replayed = Guard::replay(&world.records).unwrap();
    assert_eq!(replayed.state_digest(), world.guard.state_digest());
}

#[test]
fn an_order_that_still_stands_is_fixed_anew_after_a_start() {
    let mut world = World::new();
    let id = ordered(&mut world, ETH);
    let signed = sign_order(&world.order(&id));
    world.guard = Guard::replay(&world.records).unwrap();
    let started = world.guard.started("0.1.0", world.now);
    world.keep(started).unwrap();
    assert!(
        world.guard.signed(&id, &signed, world.now).is_err(),
        "its order is void"
    );
    world.authorise(&id, Some(7)).unwrap();
    assert_eq!(world.sign(&id).unwrap().status, "signed");
}

fn window_ms(words: &str) -> u64 {
    let (number, unit) = words.split_at(words.len() - 1);
    let unit_ms = match unit {
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => panic!("{words}"),
    };
    number.parse::<u64>().unwrap() * unit_ms
}

/// Records of version 1 that were written by version 1.
#[test]
fn journals_of_version_1_replay_as_before() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/journals");
    let mut read = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "jsonl") {
            continue;
        }
        let text = std::fs::read(&path).unwrap();
        let records: Vec<&[u8]> = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .collect();
        let expected = std::fs::read(path.with_extension("json")).unwrap();
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        let now = expected["now_ms"].as_u64().unwrap();
        let guard = Guard::replay(&records).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let root = alloy_primitives::hex::encode(guard.root());
        assert_eq!(json!(root), expected["root"], "{path:?}");
        let mut limits: Value = serde_json::from_slice(&guard.limits(None, now)).unwrap();
        for limit in limits.as_array_mut().unwrap() {
            // In words since it can be a part of the calendar.
            let words = limit.as_object_mut().unwrap().remove("window").unwrap();
            limit["window_ms"] = json!(window_ms(words.as_str().unwrap()));
        }
        assert_eq!(limits, expected["limits"], "{path:?}");
        let status: Value = serde_json::from_slice(&guard.status(now)).unwrap();
        for name in ["counts", "freezes", "waiting"] {
            assert_eq!(status[name], expected[name], "{path:?}");
        }
        assert_eq!(status["policy"]["digest"], expected["policy_digest"]);
        let open: Vec<String> = guard
            .open_requests()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(json!(open), expected["open"], "{path:?}");
        read += 1;
    }
    assert!(read >= 4, "they are there");
}

#[test]
fn a_forged_settlement_is_possible_only_for_what_is_out() {
    let mut world = World::new();
    let id = ordered(&mut world, ETH);
    let dropped = holdfast_core::event::Settled {
        block_hash: None,
        block_number: None,
        fee_wei: None,
        gas_used: None,
        hash: None,
        id: id.parse().unwrap(),
        outcome: SettleOutcome::Dropped,
        proved: Some(true),
    };
    refused(&world, Body::RequestSettled(dropped), "authorised");
}
