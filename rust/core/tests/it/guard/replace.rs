//! Another transaction for the nonce of one that is signed: the same payment, once, within the caps;
//! or nothing in its place.

use holdfast_core::code::Code;
use holdfast_core::guard::{Applied, Guard};
use serde_json::{json, Value};

use crate::support::orders::{code, nonce, ordered, transaction};
use crate::support::{self, id_of, kinds, wallet, Terms, World, TERMS, VENDOR};

const ETH: u128 = 1_000_000_000_000_000_000;
const GWEI: u128 = 1_000_000_000;

/// A payment of the shopper's that is out, with nonce 7.
fn out(world: &mut World, wei: u128) -> String {
    let id = ordered(world, wei);
    world.sign(&id).unwrap();
    world.sent(&id, "accepted").unwrap();
    id
}

fn hash(world: &World, id: &str) -> String {
    world.view(id)["hash"].as_str().unwrap().to_owned()
}

fn command(world: &World, id: &str, action: &str, fee: u128, tip: u128) -> Value {
    json!({"action": action, "request": id, "digest": world.view(id)["digest"],
        "max_fee_per_gas": (fee * GWEI).to_string(),
        "max_priority_fee_per_gas": (tip * GWEI).to_string()})
}

/// What comes of the records alone is what there is.
fn replays(world: &World) {
    let again = Guard::replay(&world.records).unwrap();
    assert_eq!(again.state_digest(), world.guard.state_digest());
}

#[test]
fn a_bump_is_the_same_payment_with_a_higher_fee() {
    let mut world = World::new();
    let id = out(&mut world, ETH / 10);
    let (first, before) = (transaction(&world, &id), hash(&world, &id));
    let held = world.limit("hour", "agent:shopper");
    let made = world.replace(&id, "guardian", ("fee", 4, 2)).unwrap();
    assert_eq!(
        (kinds(&made), made.status),
        (vec!["request.replaced"], "sent")
    );
    let order = transaction(&world, &id);
    assert_eq!(
        (order.max_fee_per_gas, order.max_priority_fee_per_gas),
        (4 * GWEI, 2 * GWEI)
    );
    let same = |order: &holdfast_core::event::TransactionOrder| {
        (
            order.nonce,
            order.to,
            order.value,
            order.data.clone(),
            order.gas,
            order.wallet,
        )
    };
    assert_eq!(same(&order), same(&first));
    assert_eq!(world.guard.to_sign_again().len(), 1);
    world.sign(&id).unwrap();
    assert_eq!(world.guard.to_sign_again().len(), 0);
    let row = &world.guard.unsettled()[0];
    assert_ne!(row.hash.to_string(), before);
    assert_eq!(
        row.earlier
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [before]
    );
    assert_eq!(
        (row.state, row.nonce, row.max_fee_per_gas),
        ("sent", 7, 4 * GWEI)
    );
    // The order names its fee, so what it may cost more is set aside anew.
    let more = held.1 + 21_000 * 2 * GWEI;
    assert_eq!(world.limit("hour", "agent:shopper"), (0, more));
    assert!(world.guard.may_send(&id));
    replays(&world);
}

#[test]
fn whichever_of_its_transactions_is_mined_ends_it_once() {
    for mined in [0, 1] {
        let mut world = World::new();
        let id = out(&mut world, ETH / 10);
        let first = hash(&world, &id);
        world.replace(&id, "guardian", ("fee", 4, 2)).unwrap();
        world.sign(&id).unwrap();
        let hashes = [first, hash(&world, &id)];
        let given = json!({"outcome": "confirmed", "proved": true, "hash": hashes[mined],
            "fee_wei": "21000000000000"});
        assert_eq!(world.settle_as(&id, &given).unwrap().status, "confirmed");
        assert_eq!(
            hash(&world, &id),
            hashes[mined],
            "what is shown is what was mined"
        );
        assert!(world.guard.unsettled().is_empty());
        assert_eq!(
            world.limit("hour", "agent:shopper"),
            (ETH / 10 + 21_000_000_000_000, 0)
        );
        assert_eq!(code(world.settle_as(&id, &given)), "wrong_state");
        replays(&world);
    }
}

#[test]
fn a_replacement_pays_a_tenth_more_and_stays_within_the_caps() {
    let mut world = World::new();
    let id = out(&mut world, ETH / 10);
    let cases = [
        (("fee", 2, 2), "replacement_underpriced"),
        (("fee", 4, 1), "replacement_underpriced"),
        (("fee", 101, 2), "fee_over_cap"),
        (("fee", 10, 6), "fee_over_cap"),
        (("fee", 3, 4), "malformed"),
        (("cancel", 4, 2), "malformed"),
        (("gap", 4, 2), "wrong_state"),
    ];
    for (asked, refused) in cases {
        assert_eq!(
            code(world.replace(&id, "guardian", asked)),
            refused,
            "{asked:?}"
        );
    }
    assert_eq!(
        code(world.replace(&id, "nobody", ("fee", 4, 2))),
        "malformed"
    );
    let unsigned = ordered(&mut world, ETH / 20);
    assert_eq!(
        code(world.replace(&unsigned, "guardian", ("fee", 4, 2))),
        "wrong_state"
    );
    world.freeze(&json!({"kind": "everything"}));
    assert_eq!(
        code(world.replace(&id, "guardian", ("fee", 4, 2))),
        "frozen"
    );
}

/// A payment that names its fees may cost no more: an agent that names higher ones later raises what
/// is set aside, while the limits have room.
#[test]
fn an_agents_own_replacement_is_one_payment() {
    let mut world = World::new();
    let pay = |fee: u128, nonce: Option<&str>, wei: u128| {
        let mut tx = json!({"to": VENDOR, "value": support::quantity(wei),
            "maxFeePerGas": support::quantity(fee * GWEI), "maxPriorityFeePerGas": "0x3b9aca00"});
        if let Some(nonce) = nonce {
            tx["nonce"] = json!(nonce);
        }
        json!([tx])
    };
    let method = "eth_sendTransaction";
    let id = id_of(&world.submit("shopper", method, &pay(2, None, ETH / 10)));
    world.authorise(&id, Some(7)).unwrap();
    world.sign(&id).unwrap();
    world.sent(&id, "accepted").unwrap();
    let held = world.limit("hour", "agent:shopper");
    let again = world.submit("shopper", method, &pay(4, Some("0x7"), ETH / 10));
    assert_eq!((again.status, id_of(&again)), ("replaces", id.clone()));
    assert_eq!(again.fees, Some((Some(4 * GWEI), Some(GWEI))));
    assert_eq!(
        code(world.replace(&id, "guardian", ("fee", 4, 2))),
        "fee_over_cap"
    );
    world.replace(&id, "agent", ("fee", 20, 2)).unwrap();
    world.sign(&id).unwrap();
    let more = world.limit("hour", "agent:shopper").1 - held.1;
    assert_eq!(more, 21_000 * (20 - 2) * GWEI);
    let other = world.submit("shopper", method, &pay(4, Some("0x7"), ETH / 20));
    assert_eq!(other.status, "denied");
    assert!(String::from_utf8_lossy(&other.answer).contains("nonce_used"));
    world.settle(&id, "confirmed").unwrap();
    let late = world.submit("shopper", method, &pay(8, Some("0x7"), ETH / 10));
    assert_eq!(
        late.status, "denied",
        "a replacement that comes too late pays nothing"
    );
    assert!(String::from_utf8_lossy(&late.answer).contains("nonce_used"));
    let next = world.submit("shopper", method, &pay(4, Some("0x8"), ETH / 10));
    assert_eq!(next.status, "go");
    let shared = world.submit("trader", method, &pay(4, Some("0x7"), ETH / 10));
    assert_ne!(
        shared.status, "replaces",
        "the nonce of another agent is a hint only"
    );
    replays(&world);
}

/// A call with a key, and with a nonce if it names one.
fn keyed(world: &mut World, key: &str, nonce: Option<u64>, wei: u128) -> Applied {
    let mut tx = json!({"to": VENDOR, "value": support::quantity(wei),
        "maxFeePerGas": support::quantity(4 * GWEI), "maxPriorityFeePerGas": "0x77359400"});
    if let Some(nonce) = nonce {
        tx["nonce"] = json!(support::quantity(nonce.into()));
    }
    let params = json!([tx, {"idempotencyKey": key}]);
    world.submit("shopper", "eth_sendTransaction", &params)
}

#[test]
fn with_a_key_a_replacement_is_one_payment_too() {
    let mut world = World::new();
    let first = keyed(&mut world, "invoice-1", None, ETH / 10);
    let id = id_of(&first);
    world.authorise(&id, Some(7)).unwrap();
    let early = keyed(&mut world, "invoice-1-again", Some(7), ETH / 10);
    assert_eq!((early.status, id_of(&early)), ("attached", id.clone()));
    world.sign(&id).unwrap();
    world.sent(&id, "accepted").unwrap();
    for key in ["invoice-1", "invoice-1-again"] {
        let again = keyed(&mut world, key, Some(7), ETH / 10);
        assert_eq!(
            (again.status, id_of(&again)),
            ("replaces", id.clone()),
            "{key}"
        );
        let joined = keyed(&mut world, "invoice-1", None, ETH / 10);
        assert_eq!((joined.status, id_of(&joined)), ("attached", id.clone()));
    }
    let other = keyed(&mut world, "invoice-2", Some(7), ETH / 20);
    assert_eq!(other.status, "go", "another payment: its nonce is a hint");
    let joined = keyed(&mut world, "invoice-2", Some(7), ETH / 20);
    assert_eq!((joined.status, id_of(&joined)), ("attached", id_of(&other)));
    let conflict = keyed(&mut world, "invoice-2", Some(7), ETH / 10);
    assert!(String::from_utf8_lossy(&conflict.answer).contains("idempotency_conflict"));
    world.settle(&id, "confirmed").unwrap();
    let late = keyed(&mut world, "invoice-1-late", Some(7), ETH / 10);
    assert!(String::from_utf8_lossy(&late.answer).contains("nonce_used"));
    let joined = keyed(&mut world, "invoice-1", Some(7), ETH / 10);
    assert_eq!((joined.status, id_of(&joined)), ("attached", id));
    let meant = keyed(&mut world, "invoice-3", None, ETH / 10);
    assert_eq!(meant.status, "go", "twice because it is meant twice");
    replays(&world);
}

#[test]
fn an_agent_is_told_the_hash_of_bytes_that_a_node_has() {
    let mut world = World::new();
    let id = out(&mut world, ETH / 10);
    let first = hash(&world, &id);
    let told = |world: &World| {
        let outcome = world.guard.outcome(&id).unwrap();
        let text = String::from_utf8(outcome.result.unwrap()).unwrap();
        (text.trim_matches('"').to_owned(), outcome.is_final)
    };
    assert_eq!(told(&world), (first.clone(), true));
    let freeze = world.freeze(&json!({"kind": "everything"}));
    let bump = command(&world, &id, "bump", 4, 2);
    world.command(0, bump).unwrap();
    world.sign(&id).unwrap();
    let second = hash(&world, &id);
    assert_ne!(first, second);
    assert_eq!(told(&world), (first, false), "nobody has the others");
    world.thaw(freeze).unwrap();
    world.sent(&id, "accepted").unwrap();
    assert_eq!(told(&world), (second, true));
    replays(&world);
}

#[test]
fn an_agent_raises_nothing_beyond_its_limits_or_what_a_person_saw() {
    // 100,000 gas at 2 gwei are set aside for the fee; of the limit a little more is left.
    let wei_max = ETH / 10 + 300_000 * GWEI;
    let mut world = World::with(Terms { wei_max, ..TERMS });
    let named = json!([{"to": VENDOR, "value": support::quantity(ETH / 10),
        "maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x3b9aca00"}]);
    let id = id_of(&world.submit("shopper", "eth_sendTransaction", &named));
    world.authorise(&id, Some(7)).unwrap();
    world.sign(&id).unwrap();
    assert_eq!(
        code(world.replace(&id, "agent", ("fee", 20, 2))),
        "limit_exceeded"
    );
    world.replace(&id, "agent", ("fee", 12, 2)).unwrap();
    assert_eq!(
        world.limit("hour", "agent:shopper").1,
        ETH / 10 + 21_000 * 12 * GWEI
    );
    replays(&world);
    let mut world = World::new();
    let asked = json!([{"to": VENDOR, "value": support::quantity(3 * ETH / 2),
        "maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x3b9aca00"}]);
    let id = id_of(&world.submit("shopper", "eth_sendTransaction", &asked));
    world.approve(0, &id).unwrap();
    world.approve(1, &id).unwrap();
    world.authorise(&id, Some(7)).unwrap();
    world.sign(&id).unwrap();
    assert_eq!(
        code(world.replace(&id, "agent", ("fee", 4, 2))),
        "fee_over_cap",
        "what was approved named a fee"
    );
    let bump = command(&world, &id, "bump", 4, 2);
    assert_eq!(world.command(0, bump).unwrap().status, "signed");
    world.sign(&id).unwrap();
    replays(&world);
}

#[test]
fn an_operator_takes_a_payment_back_and_it_costs_the_fee() {
    let mut world = World::new();
    let id = out(&mut world, ETH / 10);
    let cancel = command(&world, &id, "cancel", 4, 2);
    let made = world.command(0, cancel.clone()).unwrap();
    assert_eq!(kinds(&made), ["request.replaced"]);
    assert_eq!(code(world.command(0, cancel)), "replayed");
    let order = transaction(&world, &id);
    assert_eq!((order.to, order.nonce), (Some(wallet(0)), 7));
    assert!(order.value.is_zero() && order.data.is_empty());
    world.sign(&id).unwrap();
    let row = &world.guard.unsettled()[0];
    assert_eq!(row.state, "cancelling");
    let given = json!({"outcome": "confirmed", "proved": true, "fee_wei": "42000000000000"});
    assert_eq!(world.settle_as(&id, &given).unwrap().status, "cancelled");
    assert_eq!(
        world.limit("hour", "agent:shopper"),
        (42_000_000_000_000, 0)
    );
    replays(&world);
}

#[test]
fn a_payment_that_was_mined_before_its_cancellation_is_paid() {
    let mut world = World::new();
    let id = out(&mut world, ETH / 10);
    let first = hash(&world, &id);
    let cancel = command(&world, &id, "cancel", 4, 2);
    world.command(0, cancel).unwrap();
    world.sign(&id).unwrap();
    let given = json!({"outcome": "confirmed", "proved": true, "hash": first, "fee_wei": "1"});
    assert_eq!(world.settle_as(&id, &given).unwrap().status, "confirmed");
    assert_eq!(world.limit("hour", "agent:shopper"), (ETH / 10 + 1, 0));
    replays(&world);
}

#[test]
fn a_freeze_stops_what_the_guardian_began_and_not_what_an_operator_commanded() {
    let mut world = World::new();
    let id = out(&mut world, ETH / 10);
    world.replace(&id, "guardian", ("fee", 4, 2)).unwrap();
    world.freeze(&json!({"kind": "everything"}));
    assert!(world.guard.to_sign_again().is_empty());
    assert!(world.sign(&id).is_err());
    assert!(!world.guard.may_send(&id));
    assert_eq!(
        code(world.command(0, command(&world, &id, "bump", 4, 2))),
        "ok"
    );
    world.sign(&id).unwrap();
    assert!(
        !world.guard.may_send(&id),
        "a payment is not sent in a frozen scope"
    );
    let cancel = command(&world, &id, "cancel", 8, 4);
    world.command(0, cancel).unwrap();
    world.sign(&id).unwrap();
    assert!(
        world.guard.may_send(&id),
        "what takes it back moves nothing"
    );
    replays(&world);
}

#[test]
fn a_start_voids_replacements_that_nobody_signed() {
    let mut world = World::new();
    let id = out(&mut world, ETH / 10);
    world.replace(&id, "guardian", ("fee", 4, 2)).unwrap();
    let started = world.guard.started("0.1.0", world.now);
    world.keep(started).unwrap();
    assert!(world.guard.to_sign_again().is_empty());
    world.replace(&id, "guardian", ("fee", 4, 2)).unwrap();
    world.sign(&id).unwrap();
    replays(&world);
}

/// The signer is gone; the guardian is started again, as that alarm says.
fn start_again(world: &mut World) -> Vec<&'static str> {
    world.guard = Guard::replay(&world.records).unwrap();
    let started = world.guard.started("0.1.0", world.now);
    kinds(&world.keep(started).unwrap())
}

#[test]
fn what_an_operator_took_back_is_not_sent_after_a_start() {
    let mut world = World::new();
    let id = ordered(&mut world, ETH / 10);
    world.sign(&id).unwrap();
    let cancel = command(&world, &id, "cancel", 4, 2);
    world.command(0, cancel).unwrap();
    assert_eq!(
        start_again(&mut world),
        ["guardian.started", "request.held"]
    );
    assert_eq!(world.state(&id), "held");
    assert!(!world.guard.may_send(&id));
    assert_eq!(
        code(world.replace(&id, "agent", ("fee", 8, 4))),
        "wrong_state"
    );
    assert_eq!(start_again(&mut world), ["guardian.started"]);
    let mut other = world.clone();
    world.approve(0, &id).unwrap();
    assert!(world.guard.may_send(&id), "a person wants it after all");
    assert_eq!(start_again(&mut world), ["guardian.started"]);
    assert_eq!(world.state(&id), "signed");
    replays(&world);
    let cancel = command(&other, &id, "cancel", 8, 4);
    other.command(1, cancel).unwrap();
    other.sign(&id).unwrap();
    assert!(other.guard.may_send(&id), "what takes it back");
    assert_eq!(other.settle(&id, "confirmed").unwrap().status, "cancelled");
    replays(&other);
}

#[test]
fn what_is_out_and_was_taken_back_is_not_sent_again_after_a_start() {
    let mut world = World::new();
    let id = out(&mut world, ETH / 10);
    let cancel = command(&world, &id, "cancel", 4, 2);
    world.command(0, cancel).unwrap();
    assert_eq!(start_again(&mut world), ["guardian.started"]);
    assert_eq!(world.state(&id), "sent");
    assert!(!world.guard.may_send(&id));
    let waits = world.guard.standing(&id, 0).unwrap().waits.unwrap();
    assert_eq!(waits.what, "person");
    for by in ["agent", "guardian"] {
        assert_eq!(
            code(world.replace(&id, by, ("fee", 8, 4))),
            "wrong_state",
            "{by}"
        );
    }
    replays(&world);
    let bump = command(&world, &id, "bump", 8, 4);
    world.command(1, bump).unwrap();
    world.sign(&id).unwrap();
    assert!(world.guard.may_send(&id), "a person wants it after all");
    replays(&world);
}

#[test]
fn a_gap_below_others_is_closed_by_a_transfer_of_nothing() {
    let mut world = World::new();
    let first = ordered(&mut world, ETH / 100);
    let second = out(&mut world, ETH / 50);
    assert_eq!((nonce(&world, &first), nonce(&world, &second)), (7, 8));
    let failed = world.guard.fail(&first, Code::WouldFail, "", world.now);
    world.keep(failed).unwrap();
    let gaps = world.guard.gaps();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].0.to_string(), gaps[0].2), (first.clone(), 7));
    let before = world.limit("hour", "agent:shopper");
    world.replace(&first, "guardian", ("gap", 4, 2)).unwrap();
    assert!(world.guard.gaps().is_empty());
    let fee = 21_000 * 4 * GWEI;
    assert_eq!(world.limit("hour", "agent:shopper").1, before.1 + fee);
    assert_eq!(world.state(&first), "failed");
    world.sign(&first).unwrap();
    assert!(world.guard.may_send(&first));
    let given = json!({"outcome": "confirmed", "proved": true, "fee_wei": "1000"});
    assert_eq!(world.settle_as(&first, &given).unwrap().status, "failed");
    assert_eq!(world.limit("hour", "agent:shopper"), (1000, before.1));
    replays(&world);
}

#[test]
fn what_closes_a_gap_is_neither_sent_nor_over_before_it_is_signed() {
    let mut world = World::new();
    let (gap, above) = (ordered(&mut world, ETH / 10), ordered(&mut world, ETH / 10));
    world.sign(&above).unwrap();
    let failed = world.guard.fail(&gap, Code::WouldFail, "", world.now);
    world.keep(failed).unwrap();
    world.replace(&gap, "guardian", ("gap", 4, 2)).unwrap();
    assert_eq!(code(world.sent(&gap, "accepted")), "wrong_state");
    assert_eq!(code(world.settle(&gap, "dropped")), "wrong_state");
    world.sign(&gap).unwrap();
    world.sent(&gap, "accepted").unwrap();
    replays(&world);
}

#[test]
fn a_gap_that_is_not_closed_before_a_freeze_is_a_gap_again() {
    let mut world = World::new();
    let first = ordered(&mut world, ETH / 100);
    out(&mut world, ETH / 50);
    let failed = world.guard.fail(&first, Code::WouldFail, "", world.now);
    world.keep(failed).unwrap();
    let before = world.limit("hour", "agent:shopper");
    world.replace(&first, "guardian", ("gap", 4, 2)).unwrap();
    world.freeze(&json!({"kind": "everything"}));
    assert_eq!(world.guard.gaps().len(), 1);
    assert_eq!(world.limit("hour", "agent:shopper"), before);
    replays(&world);
}

#[test]
fn what_was_denied_after_a_freeze_leaves_a_gap_that_is_closed() {
    let mut world = World::new();
    let first = ordered(&mut world, ETH / 100);
    world.sign(&first).unwrap();
    let second = out(&mut world, ETH / 50);
    let freeze = world.freeze(&json!({"kind": "everything"}));
    world
        .command(0, json!({"action": "thaw", "freeze": freeze}))
        .unwrap();
    world.deny(0, &first).unwrap();
    assert_eq!(world.state(&second), "sent");
    assert_eq!(world.guard.gaps().len(), 1);
    world.replace(&first, "guardian", ("gap", 4, 2)).unwrap();
    world.sign(&first).unwrap();
    assert!(world.guard.may_send(&first));
    let given = json!({"outcome": "confirmed", "proved": true, "fee_wei": "1000"});
    assert_eq!(world.settle_as(&first, &given).unwrap().status, "denied");
    replays(&world);
}

#[test]
fn on_one_nodes_word_nothing_of_the_amount_is_given_back() {
    let mut world = World::new();
    let [a, b] = [1, 2].map(|wei| out(&mut world, ETH / 10 + wei));
    let unproved = |outcome: &str| json!({"outcome": outcome, "proved": false, "fee_wei": "1"});
    let held = world.limit("hour", "agent:shopper").1;
    assert_eq!(code(world.settle_as(&a, &unproved("dropped"))), "unproved");
    assert_eq!(
        world.settle_as(&a, &unproved("reverted")).unwrap().status,
        "reverted"
    );
    assert_eq!(
        world.settle_as(&b, &unproved("confirmed")).unwrap().status,
        "confirmed"
    );
    let (posted, left) = world.limit("hour", "agent:shopper");
    assert_eq!(left, 0);
    assert!(posted >= 2 * ETH / 10 && posted <= held);
    replays(&world);
}

#[test]
fn an_operator_sets_the_ledger_to_what_the_chain_says() {
    let mut world = World::new();
    let id = out(&mut world, ETH / 10);
    world.settle(&id, "confirmed").unwrap();
    let set = |nonce: u64| {
        json!({"action": "nonce", "wallet": wallet(0).to_string(), "chain_id": support::CHAIN,
            "nonce": nonce})
    };
    let next = |world: &World| {
        world
            .guard
            .next_nonce(&wallet(0).to_string(), support::CHAIN)
    };
    assert_eq!(next(&world), Some(8));
    assert_eq!(world.guard.mined().len(), 1);
    world.command(0, set(3)).unwrap();
    assert!(
        world.guard.mined().is_empty(),
        "its nonce is another's now: it is not sent again"
    );
    assert_eq!(next(&world), Some(3));
    assert_eq!(code(world.command(0, set(3))), "replayed");
    let unknown = json!({"action": "nonce", "wallet": VENDOR, "chain_id": support::CHAIN,
        "nonce": 3});
    assert_eq!(code(world.command(0, unknown)), "wallet_unknown");
    let second = id_of(&world.pay("shopper", ETH / 10));
    world.authorise(&second, None).unwrap();
    assert_eq!(nonce(&world, &second), 3);
    world.sign(&second).unwrap();
    assert_eq!(code(world.command(1, set(3))), "nonce_out");
    replays(&world);
}

fn set_nonce(nonce: u64) -> Value {
    json!({"action": "nonce", "wallet": wallet(0).to_string(), "chain_id": support::CHAIN,
        "nonce": nonce})
}

#[test]
fn the_nonce_that_an_operator_sets_is_given_out_next_whatever_is_free_below() {
    let mut world = World::new();
    out(&mut world, ETH / 10);
    let (gap, above) = (ordered(&mut world, ETH / 10), ordered(&mut world, ETH / 10));
    world.sign(&above).unwrap();
    let later = ordered(&mut world, ETH / 10);
    let fail = |world: &mut World, id: &str| {
        let failed = world.guard.fail(id, Code::WouldFail, "", world.now);
        world.keep(failed).unwrap();
    };
    fail(&mut world, &gap);
    assert_eq!(world.guard.gaps().len(), 1);
    world.command(0, set_nonce(12)).unwrap();
    assert!(world.guard.gaps().is_empty());
    fail(&mut world, &later);
    assert!(
        world.guard.gaps().is_empty(),
        "nor what is given back later"
    );
    let next = ordered(&mut world, ETH / 10);
    assert_eq!(nonce(&world, &next), 12);
    replays(&world);
    // In earlier records lower ones that were given back come first.
    let set = world.records.iter().position(|record| {
        let text = String::from_utf8_lossy(record);
        text.contains("nonce.set")
    });
    let before = support::of_version(&world.records[..=set.unwrap()], 3);
    let guard = Guard::replay(&before).unwrap();
    let next = guard.next_nonce(&wallet(0).to_string(), support::CHAIN);
    assert_eq!(next, Some(8));
}

#[test]
fn no_nonce_is_set_that_an_order_has_which_is_being_signed() {
    let mut world = World::new();
    out(&mut world, ETH / 10);
    let (gap, above) = (ordered(&mut world, ETH / 10), ordered(&mut world, ETH / 10));
    assert_eq!(code(world.command(0, set_nonce(9))), "nonce_out");
    world.sign(&above).unwrap();
    let failed = world.guard.fail(&gap, Code::WouldFail, "", world.now);
    world.keep(failed).unwrap();
    world.replace(&gap, "guardian", ("gap", 4, 2)).unwrap();
    assert_eq!(
        code(world.command(0, set_nonce(8))),
        "nonce_out",
        "what closes a gap"
    );
    world.command(0, set_nonce(10)).unwrap();
    replays(&world);
}

#[test]
fn what_is_too_old_waits_for_a_person() {
    let mut world = World::new();
    let id = ordered(&mut world, ETH / 10);
    assert_eq!(code(world.guard.hold(&id, "old", world.now)), "wrong_state");
    world.sign(&id).unwrap();
    let held = world.guard.hold(&id, "ten minutes old", world.now);
    assert_eq!(kinds(&world.keep(held).unwrap()), ["request.held"]);
    assert_eq!(world.state(&id), "held");
    assert!(!world.guard.may_send(&id));
    world.approve(0, &id).unwrap();
    assert!(world.guard.may_send(&id));
    assert_eq!(world.state(&id), "signed");
    replays(&world);
}

#[test]
fn what_was_sent_and_nobody_has_any_more_waits_for_a_person() {
    let mut world = World::new();
    let id = out(&mut world, ETH / 10);
    assert_eq!(world.state(&id), "sent");
    let counted = world.limit("hour", "agent:shopper").1;
    let held = world.guard.hold(&id, "no node knows it", world.now);
    assert_eq!(kinds(&world.keep(held).unwrap()), ["request.held"]);
    assert!(!world.guard.may_send(&id));
    assert_eq!(world.limit("hour", "agent:shopper").1, counted);
    world.approve(0, &id).unwrap();
    assert!(world.guard.may_send(&id));
    let cancel = command(&world, &id, "cancel", 4, 2);
    world.command(0, cancel).unwrap();
    world.sign(&id).unwrap();
    let held = world.guard.hold(&id, "what moves nothing", world.now);
    assert_eq!(code(held), "wrong_state");
    replays(&world);
}

#[test]
fn nobody_else_voids_what_an_operator_commanded() {
    let mut world = World::new();
    let id = out(&mut world, ETH / 10);
    let cancel = command(&world, &id, "cancel", 4, 2);
    world.command(0, cancel).unwrap();
    assert!(
        !world.guard.may_send(&id),
        "the payment is being taken back"
    );
    for by in ["agent", "guardian"] {
        assert_eq!(
            code(world.replace(&id, by, ("fee", 8, 4))),
            "wrong_state",
            "{by}"
        );
    }
    world.sign(&id).unwrap();
    assert!(world.guard.may_send(&id));
    world.replace(&id, "guardian", ("fee", 6, 3)).unwrap();
    world.freeze(&json!({"kind": "everything"}));
    world.sign(&id).unwrap();
    assert!(
        world.guard.may_send(&id),
        "a higher fee for what was commanded is commanded too"
    );
    replays(&world);
}

#[test]
fn one_nodes_word_closes_no_gap() {
    let mut world = World::new();
    let first = ordered(&mut world, ETH / 100);
    out(&mut world, ETH / 50);
    let failed = world.guard.fail(&first, Code::WouldFail, "", world.now);
    world.keep(failed).unwrap();
    let third = id_of(&world.pay("shopper", ETH / 20));
    world.authorise(&third, Some(9)).unwrap();
    assert_eq!(nonce(&world, &third), 7);
    replays(&world);
}

/// What closes a gap costs a fee, though its request moved nothing and holds nothing any more.
#[test]
fn what_closes_a_gap_is_within_its_caps_and_has_room_in_its_limits() {
    let wei_max = ETH / 2;
    let mut world = World::with(Terms { wei_max, ..TERMS });
    let named = |wei: u128, fee: u128| {
        json!([{"to": VENDOR, "value": support::quantity(wei),
            "maxFeePerGas": support::quantity(fee * GWEI), "maxPriorityFeePerGas": "0x77359400"}])
    };
    let method = "eth_sendTransaction";
    let first = id_of(&world.submit("shopper", method, &named(1, 8)));
    world.authorise(&first, Some(7)).unwrap();
    out(&mut world, ETH / 10);
    let failed = world.guard.fail(&first, Code::WouldFail, "", world.now);
    world.keep(failed).unwrap();
    // Another payment is decided, with 100,000 gas at 2 gwei, and leaves room for 63,000 gwei.
    let left = wei_max - world.limit("hour", "agent:shopper").1;
    world.submit("shopper", method, &named(left - 263_000 * GWEI, 2));
    let held = world.limit("hour", "agent:shopper").1;
    assert_eq!(held, wei_max - 63_000 * GWEI);
    let cases = [
        (("gap", 101, 2), "fee_over_cap"),
        (("gap", 9, 2), "fee_over_cap"),
        (("gap", 8, 3), "fee_over_cap"),
        (("gap", 4, 2), "limit_exceeded"),
    ];
    for (asked, refused) in cases {
        let told = code(world.replace(&first, "guardian", asked));
        assert_eq!(told, refused, "{asked:?}");
    }
    assert_eq!(world.limit("hour", "agent:shopper").1, held);
    assert_eq!(world.guard.gaps().len(), 1);
    world.replace(&first, "guardian", ("gap", 3, 2)).unwrap();
    assert_eq!(world.limit("hour", "agent:shopper").1, wei_max);
    replays(&world);
}

#[test]
fn what_closes_a_gap_is_kept_until_it_is_settled() {
    let mut world = World::with(Terms {
        requests_per_minute: 1_000_000,
        ..TERMS
    });
    let first = ordered(&mut world, ETH / 100);
    let second = out(&mut world, ETH / 50);
    let failed = world.guard.fail(&first, Code::WouldFail, "", world.now);
    world.keep(failed).unwrap();
    world.settle(&second, "confirmed").unwrap();
    let third = out(&mut world, ETH / 25);
    assert_eq!(nonce(&world, &third), 7, "it takes the gap itself");
    let mut world = World::with(Terms {
        requests_per_minute: 1_000_000,
        ..TERMS
    });
    let first = ordered(&mut world, ETH / 100);
    out(&mut world, ETH / 50);
    let failed = world.guard.fail(&first, Code::WouldFail, "", world.now);
    world.keep(failed).unwrap();
    world.replace(&first, "guardian", ("gap", 4, 2)).unwrap();
    world.sign(&first).unwrap();
    for _ in 0..600 {
        world.pay("shopper", 50 * ETH);
    }
    world.now += 2 * 60_000;
    for _ in 0..3 {
        world.pay("shopper", 50 * ETH);
    }
    let given = json!({"outcome": "confirmed", "proved": true, "fee_wei": "1000"});
    world.settle_as(&first, &given).unwrap();
    assert!(world.guard.unsettled().iter().all(|row| row.nonce != 7));
    replays(&world);
}

#[test]
fn what_was_undone_on_the_chain_is_not_sent_again() {
    let mut world = World::new();
    let id = out(&mut world, ETH / 10);
    world.settle(&id, "reverted").unwrap();
    assert!(world.guard.mined().is_empty());
    assert!(!world.guard.may_send(&id), "its amount is free again");
}

#[test]
fn what_was_released_before_a_freeze_is_not_sent_after_it() {
    let mut world = World::new();
    let pay = json!([{"to": VENDOR, "value": "0x1"}]);
    let id = id_of(&world.submit("shopper", "eth_signTransaction", &pay));
    world.authorise(&id, Some(0)).unwrap();
    world.sign(&id).unwrap();
    assert!(world.guard.may_send(&id));
    let freeze = world.freeze(&json!({"kind": "everything"}));
    world
        .command(0, json!({"action": "thaw", "freeze": freeze}))
        .unwrap();
    assert!(!world.guard.may_send(&id));
    let bump = command(&world, &id, "bump", 4, 2);
    world.command(0, bump).unwrap();
    world.sign(&id).unwrap();
    assert!(world.guard.may_send(&id), "an operator sends it anew");
    replays(&world);
}

#[test]
fn a_cancellation_of_what_was_denied_takes_its_nonce_back() {
    let mut world = World::new();
    let id = ordered(&mut world, ETH / 10);
    world.sign(&id).unwrap();
    let freeze = world.freeze(&json!({"kind": "everything"}));
    world
        .command(0, json!({"action": "thaw", "freeze": freeze}))
        .unwrap();
    world.deny(0, &id).unwrap();
    let mut other = world.clone();
    let cancel = command(&world, &id, "cancel", 4, 2);
    world.command(0, cancel).unwrap();
    let next = ordered(&mut world, ETH / 20);
    assert_eq!(nonce(&world, &next), 8, "7 is the cancellation's");
    replays(&world);
    let next = ordered(&mut other, ETH / 20);
    assert_eq!(nonce(&other, &next), 7);
    let cancel = command(&other, &id, "cancel", 4, 2);
    assert_eq!(
        code(other.command(0, cancel)),
        "nonce_out",
        "7 is another payment's"
    );
}

#[test]
fn what_is_taken_back_is_not_denied_so_its_nonce_stays_its_own() {
    let mut world = World::new();
    let id = ordered(&mut world, ETH / 10);
    world.sign(&id).unwrap();
    let freeze = world.freeze(&json!({"kind": "everything"}));
    world.thaw(freeze).unwrap();
    let cancel = command(&world, &id, "cancel", 4, 2);
    world.command(0, cancel).unwrap();
    assert_eq!(code(world.deny(0, &id)), "wrong_state", "on its way");
    world.sign(&id).unwrap();
    assert_eq!(world.state(&id), "held", "no node took it yet");
    assert_eq!(code(world.deny(0, &id)), "wrong_state", "out");
    let next = ordered(&mut world, ETH / 20);
    assert_eq!(nonce(&world, &next), 8);
    assert_eq!(world.settle(&id, "confirmed").unwrap().status, "cancelled");
    replays(&world);
}

/// Signed, then held by a freeze and denied.
fn denied(world: &mut World) -> String {
    let id = ordered(world, ETH / 10);
    world.sign(&id).unwrap();
    let freeze = world.freeze(&json!({"kind": "everything"}));
    world.thaw(freeze).unwrap();
    world.deny(0, &id).unwrap();
    id
}

#[test]
fn what_was_denied_and_mined_all_the_same_has_used_its_nonce() {
    for proved in [false, true] {
        let mut world = World::new();
        let id = denied(&mut world);
        // It had left before the freeze, and nobody lived to note that.
        assert_eq!(
            world.ends(&id, "confirmed", proved).unwrap().status,
            "confirmed"
        );
        let next = ordered(&mut world, ETH / 20);
        assert_eq!(nonce(&world, &next), 8, "{proved}");
        replays(&world);
    }
}

#[test]
fn a_denied_payment_whose_nonce_another_of_ours_used_ends_with_it() {
    for proved in [false, true] {
        let mut world = World::new();
        let id = denied(&mut world);
        let states = |world: &World| -> Vec<&'static str> {
            world
                .guard
                .unsettled()
                .iter()
                .map(|row| row.state)
                .collect()
        };
        assert_eq!(states(&world), ["denied"]);
        assert_eq!(code(world.ends(&id, "dropped", false)), "unproved");
        let next = ordered(&mut world, ETH / 20);
        assert_eq!(nonce(&world, &next), 7);
        world.sign(&next).unwrap();
        assert_eq!(
            code(world.ends(&id, "dropped", false)),
            "unproved",
            "it is not mined yet"
        );
        world.sent(&next, "accepted").unwrap();
        let held = world.limit("hour", "agent:shopper");
        let ended = world.ends(&next, "confirmed", proved).unwrap();
        assert_eq!(kinds(&ended), ["request.settled", "request.settled"]);
        assert_eq!(world.state(&id), "dropped");
        assert!(world.guard.unsettled().is_empty());
        let (posted, left) = world.limit("hour", "agent:shopper");
        let paid = ETH / 20 + 21_000 * 1_500_000_000;
        let whole = ETH / 10 + 42_000 * GWEI;
        // On one node's word nothing is free at once, and all of it after its window.
        assert_eq!(
            (posted, left),
            (if proved { paid } else { paid + whole }, 0)
        );
        assert!(posted <= held.1);
        world.now += 3_600_000;
        assert_eq!(world.limit("hour", "agent:shopper"), (0, 0));
        replays(&world);
    }
}

#[test]
fn what_is_not_denied_does_not_end_with_another_of_its_nonce() {
    let mut world = World::new();
    let id = denied(&mut world);
    let next = out(&mut world, ETH / 20);
    assert_eq!(nonce(&world, &next), 7);
    world.ends(&id, "confirmed", false).unwrap();
    assert_eq!(
        world.state(&next),
        "sent",
        "one node's word ends no payment that may be paid"
    );
    replays(&world);
}

#[test]
fn a_denial_stops_a_bump_that_is_not_signed() {
    let mut world = World::new();
    let id = ordered(&mut world, ETH / 10);
    world.sign(&id).unwrap();
    let bump = command(&world, &id, "bump", 4, 2);
    world.command(0, bump).unwrap();
    let raw = support::orders::sign_order(&world.order(&id));
    let freeze = world.freeze(&json!({"kind": "everything"}));
    world.thaw(freeze).unwrap();
    world.deny(0, &id).unwrap();
    assert!(world.guard.to_sign_again().is_empty());
    assert_eq!(
        code(world.guard.signed(&id, &raw, world.now)),
        "wrong_state"
    );
    assert!(!world.guard.may_send(&id));
    let next = ordered(&mut world, ETH / 20);
    assert_eq!(nonce(&world, &next), 7);
    replays(&world);
}

#[test]
fn a_bump_that_was_voided_and_commanded_again_says_what_it_may_cost() {
    let mut world = World::new();
    let named = json!([{"to": VENDOR, "value": "0x1", "maxFeePerGas": "0x77359400",
        "maxPriorityFeePerGas": "0x3b9aca00"}]);
    let id = id_of(&world.submit("shopper", "eth_sendTransaction", &named));
    world.authorise(&id, Some(0)).unwrap();
    world.sign(&id).unwrap();
    for operator in [0, 1] {
        let bump = command(&world, &id, "bump", 4, 2);
        let made = world.command(operator, bump).unwrap();
        let text = String::from_utf8_lossy(&made.records[0]).into_owned();
        assert!(
            text.contains("\"fee_wei_max\":\"84000000000000\""),
            "{text}"
        );
        assert_eq!(world.limit("hour", "agent:shopper").1, 1 + 84_000 * GWEI);
        let started = world.guard.started("0.1.0", world.now);
        world.keep(started).unwrap();
        assert_eq!(world.limit("hour", "agent:shopper").1, 1 + 42_000 * GWEI);
    }
    replays(&world);
}
