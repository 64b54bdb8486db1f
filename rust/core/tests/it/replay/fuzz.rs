//! Whatever is added to a journal, changed in it or taken out of it: replay refuses it, or what comes
//! out signs nothing that live code would not have signed.
//!
//! The one who tampers knows every record and how they are made, and has no key: neither an
//! operator's, nor an agent's, nor a wallet's. Few journals, so that the test stays quick;
//! `PROPTEST_CASES` asks for more (10,000 in the long proofs).

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Bytes, B256, U256};
use holdfast_core::code::Code;
use holdfast_core::effects::EffectKind;
use holdfast_core::event::{
    approval_digest, match_key, Approved, Authorised, Body, Cancelled, Decided, Denied, Event,
    Failed, FreezeLifted, Id, NonceSet, Nothing, Parts, PolicyLoaded, Reopened, ReplaceWhy,
    Replaced, RequestRef, Scope, SendOutcome, Sent, SettleOutcome, Settled, Signed, SignedContent,
    SigningOrder, Stage, TransactionOrder,
};
use holdfast_core::guard::Guard;
use holdfast_core::policy::{self, decide, method_name, Facts, Policy, Released, Verdict};
use holdfast_core::request::{parse_any, Asked};
use holdfast_core::verify;
use holdfast_core::window::Book;
use proptest::prelude::*;
use serde_json::{json, Value};

use crate::support::commands::life;
use crate::support::orders::{raw, sign_order, unsigned};
use crate::support::{
    self, log_key, operator_key, policy, signed_command, wallet_key, World, OTHER, TERMS,
};

/// One thing done to a journal; numbers pick a record, a request, an operator.
#[derive(Clone, Debug)]
enum Tamper {
    Remove(u16),
    Double(u16, u16),
    Move(u16, u16),
    Forge(u16, u8, u8, u8),
    Alter(u16, u8),
    Earlier(u16, u16),
}

fn tamper() -> impl Strategy<Value = Tamper> {
    let place = any::<u16>();
    prop_oneof![
        2 => place.prop_map(Tamper::Remove),
        1 => (place, place).prop_map(|(from, to)| Tamper::Double(from, to)),
        1 => (place, place).prop_map(|(from, to)| Tamper::Move(from, to)),
        8 => (place, any::<u8>(), any::<u8>(), any::<u8>())
            .prop_map(|(at, kind, which, how)| Tamper::Forge(at, kind, which, how)),
        3 => (place, any::<u8>()).prop_map(|(at, how)| Tamper::Alter(at, how)),
        1 => (place, place).prop_map(|(at, ms)| Tamper::Earlier(at, ms)),
    ]
}

/// A place in the journal behind its start, more often near its end.
fn place(number: u16, size: usize) -> usize {
    let number = usize::from(number);
    let back = if number % 2 == 0 { size.min(8) } else { size };
    size - 1 - (number / 2) % back.max(1).min(size.saturating_sub(3).max(1))
}

fn events(records: &[Vec<u8>]) -> Vec<Event> {
    let read = records.iter().map(|record| Event::from_record(record));
    read.map(Result::unwrap).collect()
}

/// Requests of a journal with what was decided, and the last order of each.
fn requests(events: &[Event]) -> Vec<(Id, &Decided, Option<&SigningOrder>)> {
    let mut found: Vec<(Id, &Decided, Option<&SigningOrder>)> = Vec::new();
    for event in events {
        match &event.body {
            Body::RequestDecided(data) => found.push((data.id, data, None)),
            Body::RequestAuthorised(data) => {
                for one in found.iter_mut().filter(|(id, ..)| *id == data.id) {
                    one.2 = Some(&data.order);
                }
            }
            _ => {}
        }
    }
    found
}

/// A well-formed event that nobody with a key made.
fn forged(events: &[Event], seq: u64, at: u64, (kind, which, how): (u8, u8, u8)) -> Option<Body> {
    let known = requests(events);
    let index = usize::from(which) % known.len().max(1);
    let &(id, decided, order) = known.get(index)?;
    let parts = match kind % 17 {
        0..=2 => approval(events, decided, at, how),
        3 => thaw(events, at, how)?,
        4 | 5 => authorised(decided, how),
        6 => signed(id, order?, how),
        7 => Body::RequestSettled(Settled {
            block_hash: None,
            block_number: None,
            fee_wei: Some(U256::ZERO),
            gas_used: None,
            hash: None,
            id,
            outcome: [SettleOutcome::Dropped, SettleOutcome::Reverted][usize::from(how % 2)],
            proved: Some(true),
        }),
        8 => Body::RequestMatured(RequestRef { id }),
        9 => Body::RequestReopened(Reopened {
            id,
            why: String::new(),
        }),
        10 => loaded(how),
        11 => another(decided, seq, at, how),
        12 => Body::RequestDenied(Denied {
            by: ["policy", "op0"][usize::from(how % 2)].to_owned(),
            command: None,
            id,
            reasons: serde_json::from_value(json!([{"code": "no_grant"}])).unwrap(),
            signature: None,
        }),
        13 => ended(id, how),
        14 => replaced(decided, order?, how)?,
        15 => nonce_set(decided, at, how),
        _ => Body::RequestSent(Sent {
            id,
            outcome: SendOutcome::Accepted,
            text: String::new(),
        }),
    };
    Some(parts)
}

fn ended(id: Id, how: u8) -> Body {
    match how % 5 {
        0 => Body::RequestExpired(RequestRef { id }),
        1 => Body::RequestCancelled(Cancelled {
            by: "agent".to_owned(),
            id,
            why: String::new(),
        }),
        2 => Body::RequestFailed(Failed {
            code: Code::WouldFail.into(),
            id,
            text: String::new(),
        }),
        3 => Body::RequestDelivered(RequestRef { id }),
        _ => Body::GuardianStopped(Nothing {}),
    }
}

/// The signature of another command of this operator, of nobody, or of the tamperer.
fn signature(events: &[Event], how: u8) -> Bytes {
    let other = events.iter().find_map(|event| match &event.body {
        Body::RequestApproved(data) => Some(data.signature.clone()),
        Body::FreezeLifted(data) => Some(data.signature.clone()),
        _ => None,
    });
    match how % 3 {
        0 => Bytes::from(vec![0; 64]),
        1 => other.unwrap_or_default(),
        _ => signed_command(5, json!({"action": "approve"}), 0).1.into(),
    }
}

fn approval(events: &[Event], decided: &Decided, at: u64, how: u8) -> Body {
    let by = format!("op{}", how % 2);
    let command = json!({"action": "approve", "request": decided.id.to_string(),
        "digest": decided.digest, "key": by, "guardian": log_key(), "expires_at": at + 60_000});
    let approved = events.iter().filter(
        |event| matches!(&event.body, Body::RequestApproved(data) if data.id == decided.id),
    );
    let quorum = match decided.verdict {
        Verdict::Approval { quorum, .. } => quorum.into(),
        _ => 1,
    };
    Body::RequestApproved(Approved {
        approvals: approved.count() as u64 + 1,
        by,
        command: command.to_string(),
        id: decided.id,
        quorum,
        signature: signature(events, how / 2),
    })
}

fn thaw(events: &[Event], at: u64, how: u8) -> Option<Body> {
    let freeze = events.iter().rev().find_map(|event| match &event.body {
        Body::FreezeSet(data) => Some(data.freeze),
        _ => None,
    })?;
    let command = json!({"action": "thaw", "freeze": freeze, "key": "op0",
        "guardian": log_key(), "expires_at": at + 60_000});
    Some(Body::FreezeLifted(FreezeLifted {
        by: "op0".to_owned(),
        command: command.to_string(),
        freeze,
        signature: signature(events, how),
    }))
}

fn authorised(decided: &Decided, how: u8) -> Body {
    let SignedContent::Transaction(tx) = &decided.request else {
        return Body::RequestMatured(RequestRef { id: decided.id });
    };
    let mut order = TransactionOrder {
        chain_id: decided.chain_id,
        data: tx.data.clone(),
        gas: 21_000,
        kind: Default::default(),
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        nonce: u64::from(how / 8),
        to: tx.to,
        value: tx.value,
        wallet: decided.wallet,
    };
    match how % 5 {
        0 => order.to = Some(OTHER.parse().unwrap()),
        1 => order.value += U256::from(1),
        2 => order.gas = 10_000_000,
        3 => order.max_fee_per_gas = u128::from(u64::MAX),
        _ => {}
    }
    Body::RequestAuthorised(Box::new(Authorised {
        digest: decided.digest,
        id: decided.id,
        order: SigningOrder::Transaction(order),
    }))
}

/// An order in place of another that nobody commanded: of more, or at a higher fee.
fn replaced(decided: &Decided, order: &SigningOrder, how: u8) -> Option<Body> {
    let SigningOrder::Transaction(order) = order else {
        return None;
    };
    let mut order = order.clone();
    order.max_fee_per_gas *= 2;
    order.max_priority_fee_per_gas *= 2;
    match how % 4 {
        0 => order.to = Some(OTHER.parse().unwrap()),
        1 => order.value += U256::from(1),
        2 => order.max_fee_per_gas = u128::from(u64::MAX),
        _ => {}
    }
    Some(Body::RequestReplaced(Box::new(Replaced {
        by: ["agent", "guardian", "op0"][usize::from(how / 4 % 3)].to_owned(),
        command: None,
        digest: decided.digest,
        fee_wei_max: (how > 127).then(|| U256::from(u128::MAX)),
        id: decided.id,
        order,
        released: [Released::Guardian, Released::Agent][usize::from(how / 64 % 2)],
        signature: None,
        why: [ReplaceWhy::Fee, ReplaceWhy::Cancel, ReplaceWhy::Gap][usize::from(how / 16 % 3)],
    })))
}

fn nonce_set(decided: &Decided, at: u64, how: u8) -> Body {
    let command = json!({"action": "nonce", "wallet": decided.wallet, "nonce": 0, "key": "op0",
        "chain_id": decided.chain_id, "guardian": log_key(), "expires_at": at + 60_000});
    Body::NonceSet(NonceSet {
        by: "op0".to_owned(),
        chain_id: decided.chain_id,
        command: command.to_string(),
        nonce: 0,
        signature: vec![how; 64].into(),
        wallet: decided.wallet,
    })
}

/// Bytes of another key, or of another transaction of the wallet's: nobody else has its key.
fn signed(id: Id, order: &SigningOrder, how: u8) -> Body {
    let SigningOrder::Transaction(tx) = order else {
        return Body::RequestSigned(Signed {
            hash: B256::ZERO,
            id,
            raw: None,
            signature: Some(vec![27; 65].into()),
        });
    };
    let bytes = match how % 2 {
        0 => raw(unsigned(tx), &wallet_key(7)),
        _ => vec![2],
    };
    Body::RequestSigned(Signed {
        hash: B256::ZERO,
        id,
        raw: Some(bytes.into()),
        signature: None,
    })
}

/// A policy under which everything goes.
fn loaded(how: u8) -> Body {
    let source = policy(TERMS).replace("amount_max = \"1\"\n", "");
    let digest = holdfast_core::canonical::sha256(source.as_bytes());
    let signed = how.is_multiple_of(2);
    let command = json!({"action": "policy", "digest": digest, "guardian": log_key(),
        "key": "op0", "revision": how / 2 % 4 + 1});
    Body::PolicyLoaded(PolicyLoaded {
        also: Vec::new(),
        by: "file".to_owned(),
        command: signed.then(|| command.to_string()),
        digest,
        name: "test".to_owned(),
        revision: Some(u64::from(how / 2 % 4 + 1)),
        signature: signed.then(|| vec![0; 64].into()),
        source,
    })
}

/// A decision like one that was made, about more, or with less set aside, all hashes right.
fn another(decided: &Decided, seq: u64, at: u64, how: u8) -> Body {
    let mut data = decided.clone();
    data.id = Id(seq);
    if how.is_multiple_of(2) {
        data.state = Stage::Authorising;
        data.verdict = Verdict::Instant;
        (data.expires_at, data.matures_at) = (None, None);
    }
    if let (SignedContent::Transaction(tx), 0..=127) = (&mut data.request, how) {
        tx.value *= U256::from(10);
        tx.to = Some(OTHER.parse().unwrap());
        data.effects[0].amount = tx.value;
        data.effects[0].to = tx.to;
    }
    match how % 3 {
        0 => {
            data.reservations.clear();
            if let Some(spends) = data.spends.as_mut() {
                spends.items.clear();
            }
        }
        1 => data.reservations.clear(),
        _ => {}
    }
    if let Some(spends) = data.spends.as_mut() {
        spends.decided_ms = at;
    }
    rehash(&mut data);
    Body::RequestDecided(Box::new(data))
}

fn rehash(data: &mut Decided) {
    data.match_key = match_key(
        &data.agent,
        data.chain_id.at(data.wallet),
        data.method,
        &data.request,
    );
    let parts = Parts::of(&data.effects, &data.request);
    data.digest = approval_digest(data, &parts);
}

/// Changes one member of a record to something of the same shape.
fn altered(event: &mut Event, how: u8) {
    match &mut event.body {
        Body::RequestDecided(data) => {
            match how % 6 {
                0 => data.fee_per_gas_max = Some(1 << 100),
                1 => data.gas_max = Some(1 << 50),
                2 => data.agent = "trader".to_owned(),
                3 => data.reservations.clear(),
                4 => {
                    if let Some(spends) = data.spends.as_mut() {
                        spends.items.clear();
                    }
                    data.reservations.clear();
                }
                _ => {
                    if let SignedContent::Transaction(tx) = &mut data.request {
                        tx.to = Some(OTHER.parse().unwrap());
                    }
                }
            }
            rehash(data);
        }
        Body::RequestAuthorised(data) => {
            if let SigningOrder::Transaction(order) = &mut data.order {
                match how % 3 {
                    0 => order.to = Some(OTHER.parse().unwrap()),
                    1 => order.value += U256::from(1),
                    _ => order.nonce += 1,
                }
            }
        }
        Body::RequestApproved(data) => match how % 3 {
            0 => data.by = "op1".to_owned(),
            1 => data.quorum = 1,
            _ => data.signature = vec![0; 64].into(),
        },
        Body::RequestSettled(data) => data.outcome = SettleOutcome::Dropped,
        Body::PolicyLoaded(data) => data.revision = Some(u64::from(how)),
        Body::FreezeSet(data) => {
            data.scope = Scope::Agent("somebody".to_owned());
            data.ended.clear();
            data.held.clear();
        }
        Body::FreezeLifted(data) => data.freeze += 1,
        _ => {}
    }
}

/// The journal after all of it, numbered anew where `renumber` says so, and the first record that is
/// not what it was.
fn tampered(honest: &[Vec<u8>], tampers: &[Tamper], renumber: bool) -> Vec<Vec<u8>> {
    let mut all = events(honest);
    for tamper in tampers {
        let size = all.len();
        if size < 2 {
            // Nothing but the guardian's own beginning is left.
            break;
        }
        match tamper {
            Tamper::Remove(at) => drop(all.remove(place(*at, size))),
            Tamper::Double(from, to) => {
                let event = all[place(*from, size)].clone();
                all.insert(place(*to, size), event);
            }
            Tamper::Move(from, to) => {
                let event = all.remove(place(*from, size));
                all.insert(place(*to, size - 1), event);
            }
            Tamper::Forge(at, kind, which, how) => {
                let at = if at % 3 == 0 { size } else { place(*at, size) };
                let ms = all[at - 1].at;
                if let Some(body) = forged(&all[..at], at as u64, ms, (*kind, *which, *how)) {
                    all.insert(at, Event::new(at as u64, ms, body));
                }
            }
            Tamper::Alter(at, how) => altered(&mut all[place(*at, size)], *how),
            Tamper::Earlier(at, ms) => {
                let at = place(*at, size);
                all[at].at = all[at].at.saturating_sub(u64::from(*ms));
            }
        }
    }
    if renumber {
        for (seq, event) in (0u64..).zip(&mut all) {
            event.seq = seq;
            match &mut event.body {
                Body::RequestDecided(data) if data.id != Id(seq) => {
                    data.id = Id(seq);
                    rehash(data);
                }
                Body::FreezeSet(data) => data.freeze = seq,
                _ => {}
            }
        }
    }
    all.iter().map(Event::to_record).collect()
}

/// What only holders of keys can have put into a journal.
#[derive(Default)]
struct Authority {
    /// Keys that approved each request by the digest it has.
    approvals: BTreeMap<(Id, B256), BTreeSet<String>>,
    lifted: BTreeSet<u64>,
    frozen: BTreeSet<u64>,
    decided: BTreeMap<Id, (u64, Box<Decided>)>,
}

fn verified(by: &str, command: &str, signature: &Bytes) -> Option<Value> {
    let number: u8 = by.strip_prefix("op")?.parse().ok()?;
    let key = operator_key(number).verifying_key().to_bytes();
    let signature: &[u8; 64] = signature.as_ref().try_into().ok()?;
    let holds = number < 2 && verify::operator_command(&key, command.as_bytes(), signature);
    holds.then(|| serde_json::from_str(command).unwrap())
}

impl Authority {
    fn of(records: &[Vec<u8>]) -> Self {
        let mut found = Self::default();
        for event in events(records) {
            match event.body {
                Body::RequestDecided(data) => {
                    found.decided.insert(data.id, (event.at, data));
                }
                Body::RequestApproved(data) => {
                    let Some(command) = verified(&data.by, &data.command, &data.signature) else {
                        panic!("an approval without a signature was believed");
                    };
                    assert_eq!(command["action"], "approve");
                    assert_eq!(command["request"], data.id.to_string());
                    let digest = command["digest"].as_str().unwrap().parse().unwrap();
                    found
                        .approvals
                        .entry((data.id, digest))
                        .or_default()
                        .insert(data.by);
                }
                Body::FreezeSet(data) => drop(found.frozen.insert(data.freeze)),
                Body::FreezeLifted(data) => {
                    let command = verified(&data.by, &data.command, &data.signature);
                    let command = command.expect("a thaw without a signature was believed");
                    assert_eq!(command["freeze"], data.freeze);
                    found.lifted.insert(data.freeze);
                }
                _ => {}
            }
        }
        found
    }

    /// Whether the policy in force lets this request go on, from the request alone.
    fn grants(&self, guard: &Guard, id: Id, now: u64) -> Result<(), String> {
        let (at, data) = self.decided.get(&id).ok_or("it was never decided")?;
        let policy = Policy::parse(&guard.state().policy.as_ref().unwrap().source).unwrap();
        let params = match &data.request {
            SignedContent::Transaction(tx) => {
                json!([{"to": tx.to, "value": format!("{:#x}", tx.value),
                "data": tx.data, "from": data.wallet}])
            }
            SignedContent::Message(message) => json!([message.message, data.wallet]),
            SignedContent::TypedData(_) => return Err("none is in these lives".to_owned()),
        };
        let method = method_name(data.method);
        let asked = parse_any(method, params.to_string().as_bytes());
        let Ok(Asked::One(request)) = asked else {
            return Err(format!("it is no request: {params}"));
        };
        let resolved = policy::resolve(&policy, &data.agent, request, &|_| None);
        let resolved = resolved.map_err(|reason| reason.code.as_str().to_owned())?;
        let subject = resolved.subject(method, &[]);
        let book = Book::for_policy(&policy);
        let verdict = decide(&policy, &subject, book.windows(), &Facts::none(), now).verdict;
        let approvals = self
            .approvals
            .get(&(id, data.digest))
            .map_or(0, BTreeSet::len);
        let goes_on = match verdict {
            Verdict::Instant | Verdict::Notify => true,
            Verdict::Delay { delay_ms } => approvals > 0 || now >= at + delay_ms,
            Verdict::Approval { quorum, .. } => approvals >= usize::from(quorum),
            Verdict::Deny => false,
        };
        match goes_on {
            true => Ok(()),
            false => Err(format!("{verdict:?} with {approvals} approvals")),
        }
    }
}

/// Everything that is signed from here on is what live code would sign.
fn signs_only_what_is_granted(
    honest: &World,
    records: &[Vec<u8>],
    mut guard: Guard,
) -> Result<(), TestCaseError> {
    let authority = Authority::of(records);
    let now = honest.now.max(guard.last_at());
    guard.started("0.1.0", now).unwrap();
    prop_assert!(guard.to_sign().is_empty(), "an order of before the start");
    let known: BTreeSet<Vec<u8>> = honest
        .records
        .iter()
        .filter_map(|record| match Event::from_record(record).unwrap().body {
            Body::RequestSigned(data) => data.raw.map(|raw| raw.to_vec()),
            _ => None,
        })
        .collect();
    for row in guard.unsettled() {
        prop_assert!(known.contains(row.raw), "bytes nobody signed");
    }
    let frozen: BTreeSet<u64> = guard.state().freezes.keys().copied().collect();
    let stand: BTreeSet<u64> = &authority.frozen - &authority.lifted;
    prop_assert_eq!(frozen, stand, "a freeze stands until it is lifted");
    if let Some(loaded) = &guard.state().policy {
        let known = [TERMS, support::STRICT].map(policy);
        prop_assert!(known.contains(&loaded.source), "a policy nobody signed");
    }
    for id in guard.authorising() {
        let facts = json!({"gas": 21000, "max_fee_per_gas": "2000000000",
            "max_priority_fee_per_gas": "1000000000", "chain_nonce": 0});
        let facts = support::order_facts(&facts);
        let Ok(applied) = guard.authorise(&id.to_string(), &facts, now) else {
            continue;
        };
        if applied.status != "authorised" {
            continue;
        }
        let grants = authority.grants(&guard, id, now);
        prop_assert!(grants.is_ok(), "{id}: {grants:?}");
        let (_, data) = &authority.decided[&id];
        let Body::RequestAuthorised(made) = Event::from_record(&applied.records[0]).unwrap().body
        else {
            return Err(TestCaseError::fail("no order"));
        };
        if let (SignedContent::Transaction(tx), SigningOrder::Transaction(order)) =
            (&data.request, &made.order)
        {
            prop_assert_eq!((order.to, order.value), (tx.to, tx.value));
        }
        within_the_limit(&guard, data, now)?;
        guard
            .signed(&id.to_string(), &sign_order(&made.order), now)
            .unwrap();
    }
    Ok(())
}

/// What is held and spent for this agent, this request included, is within the limit of the hour.
fn within_the_limit(guard: &Guard, data: &Decided, now: u64) -> Result<(), TestCaseError> {
    let rows: Vec<Value> = serde_json::from_slice(&guard.limits(None, now)).unwrap();
    let key = format!("agent:{}", data.agent);
    for row in rows
        .iter()
        .filter(|row| row["limit"] == "hour" && row["key"] == key)
    {
        let number = |name: &str| row[name].as_str().unwrap().parse::<u128>().unwrap();
        let wei = data.effects.iter().filter(|effect| {
            let fee = effect.effect == EffectKind::Fee;
            !fee && effect
                .asset
                .as_ref()
                .is_some_and(|asset| asset.id.as_deref() == Some("eth"))
        });
        let wei: U256 = wei.map(|effect| effect.amount).sum();
        let (used, reserved) = (number("used"), number("reserved"));
        prop_assert!(wei.is_zero() || used + reserved <= number("max"), "{row}");
        // Of the fee what the order names.
        let order = U256::from(21_000 * 2_000_000_000u64);
        let least = if wei.is_zero() { wei } else { wei + order };
        prop_assert!(U256::from(reserved) >= least, "{row} holds {least} wei");
    }
    Ok(())
}

fn config() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: if asked { config.cases.max(10_000) } else { 150 },
        ..config
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_tampered_journal_signs_nothing_that_live_code_would_not(
        steps in life(50), tampers in prop::collection::vec(tamper(), 1..4),
        renumber in prop::bool::weighted(0.8),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        let records = tampered(&world.records, &tampers, renumber);
        let kept = records.iter().zip(&world.records).take_while(|(a, b)| a == b).count();
        match Guard::replay(&records) {
            Err(error) => prop_assert!(error.seq >= kept as u64, "an honest record: {error}"),
            Ok(guard) => signs_only_what_is_granted(&world, &records, guard)?,
        }
    }
}

/// The journals above are worth nothing if all of them are refused at once, or none is.
#[test]
fn tampered_journals_are_refused_in_many_places_and_some_replay() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = (life(50), prop::collection::vec(tamper(), 1..4));
    let mut words = BTreeMap::<String, u32>::new();
    for _ in 0..250 {
        let (steps, tampers) = strategy.new_tree(&mut runner).unwrap().current();
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        let records = tampered(&world.records, &tampers, true);
        let found = match Guard::replay(&records) {
            Ok(_) if records == world.records => "nothing changed".to_owned(),
            Ok(_) => "replayed".to_owned(),
            Err(error) => error.text,
        };
        *words.entry(found).or_default() += 1;
    }
    assert!(
        words["replayed"] > 5 && words["replayed"] < 200,
        "{words:?}"
    );
    assert!(words.len() > 8, "{words:?}");
}
