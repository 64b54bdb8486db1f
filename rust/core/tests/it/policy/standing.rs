//! Limits on what stands: allowances, orders and signed payments count from the decision until they
//! end, are taken back or replaced, whatever happens in between. Checked against a model that keeps
//! everything and adds it up each time.

use alloy_primitives::{address, Address};
use holdfast_core::chain::ChainId;
use holdfast_core::effects::EffectKind;
use holdfast_core::policy::{Policy, Spend, SpendAsset, Spends, StandingClaim};
use holdfast_core::request::Method;
use holdfast_core::simulate::Simulator;
use holdfast_core::window::{Book, Ends, Happened, GRACE_MS};
use proptest::prelude::*;
use serde_json::{json, Value};

use crate::support::seen;

const POLICY: &str = include_str!("../../data/standing.toml");
const WALLET: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const USDC: Address = address!("0x5FbDB2315678afecb367f032d93F642f64180aa3");
const PERMIT2: Address = address!("0x000000000022D473030F116dDEE9F6B43aC78BA3");
const START: u64 = 1_767_225_600_000;
const SPENDERS: [Address; 2] = [
    address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    address!("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
];

#[derive(Clone, Copy, Debug)]
enum Ask {
    /// `approve` of the token or of Permit2, which sets.
    Approve { at: Address },
    /// `increaseAllowance`, which adds.
    Increase,
    /// `approve` of zero.
    Revoke { at: Address },
    /// A permit by signature.
    Permit { submit_for: u64 },
    /// A signature of Permit2 with an end.
    Lent { submit_for: u64, lasts: u64 },
    /// A payment signed as a document.
    Authorise { lasts: u64 },
    /// An order without a place to take it back.
    Order { lasts: u64 },
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Hold(Ask, usize, u64),
    /// The oldest request that is held happens, fails on the chain, or is given up.
    Settle(u8),
    Reload,
    Forget,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let time = prop_oneof![Just(1u64), 1u64..1_000, 1u64..3_600_000];
    let place = prop_oneof![Just(USDC), Just(PERMIT2)];
    let ask = prop_oneof![
        3 => place.clone().prop_map(|at| Ask::Approve { at }),
        1 => Just(Ask::Increase),
        3 => place.prop_map(|at| Ask::Revoke { at }),
        1 => time.clone().prop_map(|submit_for| Ask::Permit { submit_for }),
        1 => (time.clone(), time.clone())
            .prop_map(|(submit_for, lasts)| Ask::Lent { submit_for, lasts }),
        2 => time.clone().prop_map(|lasts| Ask::Authorise { lasts }),
        1 => time.clone().prop_map(|lasts| Ask::Order { lasts }),
    ];
    let wait = prop_oneof![time, Just(GRACE_MS), Just(40 * 24 * 3_600_000u64)];
    let step = prop_oneof![
        3 => wait.prop_map(Step::Wait),
        6 => (ask, 0usize..2, 1u64..1_000).prop_map(|(ask, to, amount)| Step::Hold(ask, to, amount)),
        6 => (0u8..6).prop_map(Step::Settle),
        1 => Just(Step::Reload),
        1 => Just(Step::Forget),
    ];
    prop::collection::vec(step, 1..60)
}

/// Of a transaction: proved, with a nonce in the order of the requests.
fn happened(name: &str, spends: &Spends) -> Happened {
    match spends.method {
        Method::SignTypedData => Happened::SIGNED,
        _ => Happened {
            nonce: name.trim_start_matches('r').parse().ok(),
            ends: Ends::Earlier,
        },
    }
}

fn spends(ask: Ask, to: usize, amount: u64, (now, ahead): (u64, u64)) -> Spends {
    let claim = |at, adds, ends, submit_until| StandingClaim {
        adds,
        at,
        ends,
        submit_until,
    };
    let (method, kind, claim) = match ask {
        Ask::Approve { at } => (
            Method::SendTransaction,
            EffectKind::Allowance,
            claim(Some(at), false, None, None),
        ),
        Ask::Increase => (
            Method::SendTransaction,
            EffectKind::Allowance,
            claim(Some(USDC), true, None, None),
        ),
        Ask::Revoke { at } => (
            Method::SendTransaction,
            EffectKind::Revoke,
            claim(Some(at), false, None, None),
        ),
        Ask::Permit { submit_for } => (
            Method::SignTypedData,
            EffectKind::Allowance,
            claim(Some(USDC), true, None, Some(now + submit_for)),
        ),
        Ask::Lent { submit_for, lasts } => (
            Method::SignTypedData,
            EffectKind::Allowance,
            claim(
                Some(PERMIT2),
                true,
                Some(now + lasts),
                Some(now + submit_for),
            ),
        ),
        Ask::Authorise { lasts } => (
            Method::SignTypedData,
            EffectKind::Transfer,
            claim(None, true, Some(now + lasts), None),
        ),
        Ask::Order { lasts } => (
            Method::SignTypedData,
            EffectKind::Order,
            claim(None, true, Some(now + lasts), None),
        ),
    };
    let amount = if kind == EffectKind::Revoke {
        0
    } else {
        u128::from(amount)
    };
    let item = Spend {
        times: 1,
        kind,
        asset: SpendAsset::Token(USDC),
        to: Some(SPENDERS[to]),
        amount,
        usd: Some(amount),
        claim: Some(claim),
    };
    Spends {
        grant: None,
        agent: "shopper".to_owned(),
        wallet: WALLET,
        chain_id: ChainId::new(31337),
        method,
        decided_ms: now + ahead,
        items: vec![item],
    }
}

/// One transaction: what it asks for, what becomes of it, and what is told of that.
#[derive(Clone, Debug)]
struct Life {
    ask: Ask,
    to: usize,
    amount: u64,
    /// Asked for after every signature is out of its time.
    late: bool,
    /// It does what it says on the chain; else nothing of it happens.
    happens: bool,
    /// Two nodes tell the truth; else one node tells anything.
    proved: bool,
    /// When its end is told.
    told: u16,
    /// Its nonce, among those asked for at the same time.
    nonce: u16,
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let place = prop_oneof![Just(USDC), Just(PERMIT2)];
    let ask = prop_oneof![
        3 => place.clone().prop_map(|at| Ask::Approve { at }),
        1 => Just(Ask::Increase),
        4 => place.prop_map(|at| Ask::Revoke { at }),
        2 => (1u64..1_000).prop_map(|submit_for| Ask::Permit { submit_for }),
    ];
    let about = (ask, 0usize..2, 1u64..1_000, any::<bool>());
    let ends = (
        any::<bool>(),
        prop::bool::weighted(0.8),
        any::<u16>(),
        any::<u16>(),
    );
    let life = (about, ends).prop_map(
        |((ask, to, amount, late), (happens, proved, told, nonce))| {
            let signed = matches!(ask, Ask::Permit { .. });
            Life {
                ask,
                to,
                amount,
                late: late && !signed,
                happens,
                proved,
                told,
                nonce,
            }
        },
    );
    prop::collection::vec(life, 1..14)
}

/// What the chain allows each spender, with everything done in the order of nonces; signatures are
/// handed in while that is possible.
fn allowed(lives: &[(u64, Life)]) -> u128 {
    let mut all = std::collections::BTreeMap::new();
    for (_, life) in lives.iter().filter(|(_, life)| life.happens) {
        let amount = u128::from(life.amount);
        match life.ask {
            Ask::Approve { at } => drop(all.insert((life.to, at), amount)),
            Ask::Permit { .. } => drop(all.insert((life.to, USDC), amount)),
            Ask::Increase => *all.entry((life.to, USDC)).or_default() += amount,
            Ask::Revoke { at } => drop(all.remove(&(life.to, at))),
            _ => {}
        }
    }
    all.values().sum()
}

/// One right, as the model sees it.
#[derive(Clone, Debug)]
struct Right {
    to: usize,
    amount: u128,
    at: Option<Address>,
    ends: Option<u64>,
    submit_until: Option<u64>,
}

#[derive(Default)]
struct Model {
    held: Vec<(String, Ask, usize, u64, Spends)>,
    rights: Vec<Right>,
}

impl Model {
    fn settle(&mut self, ask: Ask, to: usize, spends: &Spends, decided: u64) {
        let item = &spends.items[0];
        let claim = item.claim.unwrap();
        if matches!(ask, Ask::Approve { .. } | Ask::Revoke { .. }) {
            self.rights.retain(|right| {
                let same = right.to == to && right.at == claim.at;
                let open = right
                    .submit_until
                    .is_some_and(|until| decided < until + GRACE_MS);
                !same || open
            });
        }
        if !matches!(ask, Ask::Revoke { .. }) {
            self.rights.push(Right {
                to,
                amount: item.amount,
                at: claim.at,
                ends: claim.ends,
                submit_until: claim.submit_until,
            });
        }
    }

    fn used(&self, to: Option<usize>, now: u64) -> u128 {
        let mine = |who: usize| to.is_none_or(|to| to == who);
        let held = self.held.iter().filter(|(_, _, who, ..)| mine(*who));
        let held: u128 = held.map(|(.., spends)| spends.items[0].amount).sum();
        let live = |right: &&Right| right.ends.is_none_or(|ends| now < ends + GRACE_MS);
        let rights = self
            .rights
            .iter()
            .filter(|right| mine(right.to))
            .filter(live);
        held + rights.map(|right| right.amount).sum::<u128>()
    }
}

proptest! {
    #[test]
    fn what_stands_counts_until_it_ends_is_taken_back_or_replaced(
        steps in steps(),
        ahead in prop_oneof![Just(0), Just(1), Just(2 * 24 * 3_600_000_u64)],
    ) {
        let policy = Policy::parse(POLICY).unwrap_or_else(|errors| panic!("{errors}"));
        // The guardian's time may be ahead of the clock by which rights end.
        let mut book = Book::for_policy(&policy);
        book.clock_ahead(ahead);
        let mut model = Model::default();
        let mut now = START;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Wait(ms) => now += ms,
                Step::Hold(ask, to, amount) => {
                    let spends = spends(ask, to, amount, (now, ahead));
                    let (name, parts) = (format!("r{number}"), policy.reservations(&spends));
                    book.hold(&name, spends.clone(), parts, now + ahead).unwrap();
                    model.held.push((name, ask, to, amount, spends));
                }
                Step::Settle(how) if !model.held.is_empty() => {
                    let (name, ask, to, _, spends) = model.held.remove(0);
                    let decided = spends.decided_ms - ahead;
                    let happened = happened(&name, &spends);
                    match how {
                        0 => book.void(&name).unwrap(),
                        1 => {
                            let kept = (&spends.fee_only(None), happened);
                            book.post_partial(&policy, &name, kept, now + ahead).unwrap();
                        }
                        2 => {
                            let kept = (&spends.with_fee(None), happened);
                            book.post_partial(&policy, &name, kept, now + ahead).unwrap();
                            model.settle(ask, to, &spends, decided);
                        }
                        _ => {
                            book.post(Some(&policy), &name, happened, now + ahead).unwrap();
                            model.settle(ask, to, &spends, decided);
                        }
                    }
                }
                Step::Settle(_) => {}
                Step::Reload => {
                    let bytes = postcard::to_stdvec(&book).unwrap();
                    let copy: Book = postcard::from_bytes(&bytes).unwrap();
                    prop_assert_eq!(&copy, &book);
                    book.load(&policy, now + ahead).unwrap();
                }
                Step::Forget => book.evict(now + ahead),
            }
            let (windows, at) = (book.windows(), now + ahead);
            prop_assert_eq!(windows.used("all", "global", at), model.used(None, now));
            for (index, spender) in SPENDERS.iter().enumerate() {
                let key = format!("recipient:31337:{spender}");
                prop_assert_eq!(windows.used("each", &key, at), model.used(Some(index), now));
            }
            if let Some(free) = windows.frees_at("all", "global", 1, at) {
                prop_assert!(free > at);
                prop_assert!(windows.used("all", "global", free) < windows.used("all", "global", at));
            }
        }
    }
}

proptest! {
    /// Whoever chooses the order of nonces, who reverts, and when and by whom ends are told: what is
    /// counted is never less than what stands on the chain.
    #[test]
    fn no_order_and_no_word_of_one_node_makes_room_while_a_right_stands(mut lives in lives()) {
        let policy = Policy::parse(POLICY).unwrap_or_else(|errors| panic!("{errors}"));
        let mut book = Book::for_policy(&policy);
        let late_at = START + 1_000 + GRACE_MS;
        lives.sort_by_key(|life| (life.late, life.nonce));
        let lives: Vec<(u64, Life)> = (0..).zip(lives).collect();
        for (nonce, life) in &lives {
            let at = if life.late { late_at } else { START };
            let spends = spends(life.ask, life.to, life.amount, (at, 0));
            let (name, parts) = (format!("r{nonce}"), policy.reservations(&spends));
            book.hold(&name, spends, parts, START).unwrap();
            if matches!(life.ask, Ask::Permit { .. }) {
                book.post(Some(&policy), &name, Happened::SIGNED, START).unwrap();
            }
        }
        let stands = allowed(&lives);
        let mut told: Vec<&(u64, Life)> = lives.iter().collect();
        told.sort_by_key(|(_, life)| life.told);
        for (nonce, life) in told {
            let name = format!("r{nonce}");
            let Some(spends) = book.spends(&name).cloned() else { continue };
            let ends = if life.proved && life.happens { Ends::Earlier } else { Ends::Nothing };
            let happened = Happened { nonce: Some(*nonce), ends };
            let kept = if life.happens || !life.proved { spends } else { spends.fee_only(None) };
            book.post_partial(&policy, &name, (&kept, happened), late_at).unwrap();
            prop_assert!(book.windows().used("all", "global", late_at) >= stands);
        }
    }
}

fn approve(to: Address, amount: u64) -> Value {
    let data = format!("0x095ea7b3{:0>64}{amount:064x}", format!("{to:x}"));
    json!({"method": "eth_sendTransaction",
           "params": [{"to": USDC, "data": data, "gas": "0x186a0"}]})
}

fn pay(to: Address, amount: u64, valid_before: u64) -> Value {
    let field = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let document = json!({
        "types": {
            "EIP712Domain": [
                field("name", "string"), field("version", "string"),
                field("chainId", "uint256"), field("verifyingContract", "address"),
            ],
            "TransferWithAuthorization": [
                field("from", "address"), field("to", "address"), field("value", "uint256"),
                field("validAfter", "uint256"), field("validBefore", "uint256"),
                field("nonce", "bytes32"),
            ],
        },
        "primaryType": "TransferWithAuthorization",
        "domain": {"name": "USDC", "version": "2", "chainId": 31337, "verifyingContract": USDC},
        "message": {
            "from": WALLET, "to": to, "value": amount.to_string(), "validAfter": "0",
            "validBefore": valid_before.to_string(), "nonce": format!("0x{:064x}", valid_before),
        },
    });
    json!({"method": "eth_signTypedData_v4", "params": [WALLET, document]})
}

fn decide(simulator: &mut Simulator, at: u64, request: &Value) -> (String, Vec<String>) {
    let facts = json!({"code": seen::everything(POLICY, at)});
    let case = json!({"id": "x", "agent": "shopper", "at": at, "facts": facts, "request": request});
    let result: Value =
        serde_json::from_slice(&simulator.decide(&serde_json::to_vec(&case).unwrap())).unwrap();
    let reasons = result["reasons"].as_array().unwrap();
    let codes = reasons
        .iter()
        .map(|reason| reason["code"].as_str().unwrap().to_owned());
    (
        result["verdict"].as_str().unwrap().to_owned(),
        codes.collect(),
    )
}

#[test]
fn an_allowance_makes_no_room_by_age_but_by_being_taken_back() {
    let mut simulator = Simulator::new(POLICY, true).unwrap_or_else(|errors| panic!("{errors}"));
    let [vendor, other] = SPENDERS;
    let year = 365 * 24 * 3_600_000;
    let mut say = |at: u64, request: &Value| decide(&mut simulator, at, request);
    assert_eq!(say(START, &approve(vendor, 60_000_000)).0, "instant");
    let (verdict, codes) = say(START + year, &approve(other, 50_000_000));
    assert_eq!(
        (verdict.as_str(), codes[0].as_str()),
        ("deny", "limit_exceeded")
    );
    assert_eq!(say(START + year, &approve(vendor, 0)).0, "instant");
    assert_eq!(say(START + year, &approve(other, 50_000_000)).0, "instant");
}

#[test]
fn a_signed_payment_makes_room_when_it_can_no_longer_be_collected() {
    let mut simulator = Simulator::new(POLICY, true).unwrap_or_else(|errors| panic!("{errors}"));
    let [vendor, _] = SPENDERS;
    let ends = START / 1000 + 600;
    let mut say = |at: u64, request: &Value| decide(&mut simulator, at, request).0;
    assert_eq!(say(START, &pay(vendor, 70_000_000, ends)), "instant");
    assert_eq!(say(START, &pay(vendor, 40_000_000, ends + 1)), "deny");
    let over = ends * 1000 + GRACE_MS;
    assert_eq!(say(over - 1, &pay(vendor, 40_000_000, ends + 900)), "deny");
    assert_eq!(say(over, &pay(vendor, 40_000_000, ends + 900)), "instant");
}

fn send(to: Address, data: String) -> Value {
    json!({"method": "eth_sendTransaction",
           "params": [{"to": to, "data": data, "gas": "0x186a0"}]})
}

fn word(address: Address) -> String {
    format!("{:0>64}", format!("{address:x}"))
}

#[test]
fn a_right_kept_by_permit2_is_ended_there_and_not_at_the_token() {
    let mut simulator = Simulator::new(POLICY, true).unwrap_or_else(|errors| panic!("{errors}"));
    let [vendor, other] = SPENDERS;
    let mut say = |request: &Value| decide(&mut simulator, START, request).0;
    let (token, vendor_word) = (word(USDC), word(vendor));
    let lend = |to: Address, amount: u64| {
        let data = format!(
            "0x87517c45{token}{}{amount:064x}{:064x}",
            word(to),
            0xffff_ffffu64
        );
        send(PERMIT2, data)
    };
    assert_eq!(say(&lend(vendor, 60_000_000)), "instant");
    assert_eq!(say(&approve(vendor, 0)), "instant");
    assert_eq!(say(&lend(other, 60_000_000)), "deny");
    let lockdown = format!("0xcc53287f{:064x}{:064x}{token}{vendor_word}", 32, 1);
    assert_eq!(say(&send(PERMIT2, lockdown)), "instant");
    assert_eq!(say(&lend(other, 60_000_000)), "instant");
}

#[test]
fn a_revoke_inside_of_another_call_makes_no_room() {
    let mut simulator = Simulator::new(POLICY, true).unwrap_or_else(|errors| panic!("{errors}"));
    let [vendor, other] = SPENDERS;
    let mut say = |request: &Value| decide(&mut simulator, START, request).0;
    assert_eq!(say(&approve(vendor, 60_000_000)), "instant");
    let revoke = format!("095ea7b3{}{:064x}", word(vendor), 0);
    let (offset, one, length) = (format!("{:064x}", 32), format!("{:064x}", 1), 68);
    let item = format!("{}{:064x}{length:064x}{revoke}{:0>56}", word(USDC), 64, "");
    let batch = format!("0x252dba42{offset}{one}{offset}{item}");
    let multicall = address!("0xcA11bde05977b3631167028862bE2a173976CA11");
    assert_eq!(say(&send(multicall, batch)), "instant");
    assert_eq!(say(&approve(other, 60_000_000)), "deny");
}

#[test]
fn a_second_allowance_replaces_the_first_and_an_increase_adds_to_it() {
    let mut simulator = Simulator::new(POLICY, true).unwrap_or_else(|errors| panic!("{errors}"));
    let [vendor, _] = SPENDERS;
    let increase = |amount: u64| send(USDC, format!("0x39509351{}{amount:064x}", word(vendor)));
    let mut say = |request: &Value| decide(&mut simulator, START, request).0;
    for _ in 0..5 {
        // Until it is on the chain both could be spent, so both must fit.
        assert_eq!(say(&approve(vendor, 40_000_000)), "instant");
    }
    assert_eq!(say(&increase(40_000_000)), "instant");
    assert_eq!(say(&increase(1)), "approval");
}

/// A document that lets somebody make this call of the token: as a Safe, or in the wallet's name.
fn lets(data: &str, as_safe: bool) -> Value {
    let field = |(name, kind): (&str, &str)| json!({"name": name, "type": kind});
    let (primary, members, message) = if as_safe {
        let members = vec![
            ("to", "address"),
            ("value", "uint256"),
            ("data", "bytes"),
            ("operation", "uint8"),
            ("safeTxGas", "uint256"),
            ("baseGas", "uint256"),
            ("gasPrice", "uint256"),
            ("gasToken", "address"),
            ("refundReceiver", "address"),
            ("nonce", "uint256"),
        ];
        let nobody = Address::ZERO;
        let message = json!({
            "to": USDC, "value": 0, "data": data, "operation": 0, "safeTxGas": 0, "baseGas": 0,
            "gasPrice": 0, "gasToken": nobody, "refundReceiver": nobody, "nonce": 1,
        });
        ("SafeTx", members, message)
    } else {
        let members = vec![
            ("from", "address"),
            ("to", "address"),
            ("value", "uint256"),
            ("gas", "uint256"),
            ("nonce", "uint256"),
            ("data", "bytes"),
        ];
        let message = json!({
            "from": WALLET, "to": USDC, "value": 0, "gas": 100000, "nonce": 1, "data": data,
        });
        ("ForwardRequest", members, message)
    };
    let members: Vec<Value> = members.into_iter().map(field).collect();
    let document = json!({
        "types": {primary: members},
        "primaryType": primary,
        "domain": {"chainId": 31337, "verifyingContract": SPENDERS[1]},
        "message": message,
    });
    json!({"method": "eth_signTypedData_v4", "params": [WALLET, document]})
}

#[test]
fn a_right_given_by_a_call_in_a_document_is_not_ended_by_a_revoke_before_it() {
    let source = POLICY.replace("\"revoke\"]", "\"revoke\", \"typed-data\"]");
    for as_safe in [false, true] {
        let mut simulator =
            Simulator::new(&source, true).unwrap_or_else(|errors| panic!("{errors}"));
        let [vendor, other] = SPENDERS;
        let mut say = |request: &Value| decide(&mut simulator, START, request).0;
        let allow = format!("0x095ea7b3{}{:064x}", word(vendor), 60_000_000);
        assert_eq!(say(&lets(&allow, as_safe)), "approval");
        assert_eq!(say(&approve(vendor, 0)), "instant");
        // Whoever holds the document makes the call after the revoke.
        assert_eq!(say(&approve(other, 60_000_000)), "deny", "{as_safe}");
    }
}
