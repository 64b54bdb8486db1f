//! What one request does counts as a whole: caps, counts, and what is set aside while people decide.

use alloy_primitives::{Address, U256};
use alloy_sol_types::{sol, SolCall};
use holdfast_core::chain::ChainId;
use holdfast_core::event::{Body, Event};
use holdfast_core::guard::{Applied, Guard};
use serde_json::{json, Value};

use crate::support::orders::code;
use crate::support::{self, id_of, policy, quantity, wallet, World, OTHER, TERMS, VENDOR};

const ETH: u128 = 1_000_000_000_000_000_000;
const DISPERSE: &str = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc";

sol! {
    function disperseEther(address[] recipients, uint256[] values);
}

/// The policy of the guardian's tests with a contract that pays many, and more tables. `small` is up
/// to 1 ETH at once, `large` needs two people.
fn with(more: &str) -> String {
    let contract = format!(
        "[[contract]]\nid = \"many\"\nchain = 31337\naddress = \"{DISPERSE}\"\nprotocol = \"disperse\"\n"
    );
    let terms = support::Terms {
        wei_max: 1_000_000 * ETH,
        count_max: 1_000_000,
        ..TERMS
    };
    format!("{}{contract}{more}", policy(terms))
}

fn world(more: &str) -> World {
    let mut world = World::without_policy();
    let applied = support::load_signed(&mut world.guard, &with(more), world.now);
    let applied = applied.unwrap_or_else(|error| panic!("{error}"));
    world.records.extend(applied.records);
    world
}

fn nobody(number: usize) -> Address {
    Address::from_word(U256::from(0x1_0000_0000 + number as u64).into())
}

/// `each` wei to every one of these.
fn many(to: &[Address], each: u128) -> Value {
    let values = vec![U256::from(each); to.len()];
    let call = disperseEtherCall {
        recipients: to.to_vec(),
        values,
    };
    let data = alloy_primitives::hex::encode_prefixed(call.abi_encode());
    let all = each * to.len() as u128;
    json!([{"to": DISPERSE, "value": quantity(all), "data": data}])
}

/// Asks with the code of the contract in sight.
fn send(world: &mut World, agent: &str, params: &Value) -> Applied {
    let code =
        json!({"hash": format!("0x{}", "11".repeat(32)), "implementation": null, "at": world.now});
    let facts = support::facts(&json!({"code": {DISPERSE: code}}));
    let params = params.to_string();
    let method = "eth_sendTransaction";
    let result = world
        .guard
        .submit(agent, method, params.as_bytes(), &facts, world.now);
    world.keep(result).unwrap()
}

fn pay(world: &mut World, agent: &str, params: &Value) -> (&'static str, Value) {
    let applied = send(world, agent, params);
    let answer = serde_json::from_slice(&applied.answer).unwrap();
    (applied.status, answer)
}

fn strangers(count: usize) -> Vec<Address> {
    (0..count).map(nobody).collect()
}

const DELAYED: &str = "[[rule]]\nid = \"slowly\"\neffects = [\"transfer\"]\nassets = [\"eth\"]\n\
                       usd_max = \"500\"\ntier = \"delay\"\ndelay = \"5m\"\n";
const LARGE_FORBID: &str =
    "[[forbid]]\nid = \"huge\"\neffects = [\"transfer\"]\nusd_above = \"500\"\n";

#[test]
fn many_small_payments_in_one_call_are_capped_as_what_they_come_to() {
    // Nothing but the delay grants: the price is 3000 USD, so a sixth of an ETH is the most.
    let sixth = ETH / 6;
    let only_delayed = with(DELAYED).replace("tier = \"instant\"", "tier = \"notify\"");
    let only_delayed = only_delayed.replace("amount_max = \"1\"", "amount_max = \"0.000001\"");
    let only_delayed = only_delayed.replace("amount_above = \"1\"", "amount_above = \"900000\"");
    let mut world = World::without_policy();
    let loaded = support::load_signed(&mut world.guard, &only_delayed, world.now);
    world.records.extend(loaded.unwrap().records);
    let (one, _) = pay(&mut world, "shopper", &many(&strangers(1), sixth));
    assert_eq!(one, "waiting", "one payment of 500 USD is delayed");
    let (whole, _) = pay(
        &mut world,
        "shopper",
        &many(&strangers(1), sixth + sixth / 100),
    );
    assert_eq!(whole, "denied", "one of 505 USD is denied");
    let (split, answer) = pay(&mut world, "shopper", &many(&strangers(1000), sixth));
    assert_eq!(split, "denied", "and so are a thousand of 500 USD");
    let reason = &answer["reasons"][0];
    assert_eq!(
        (&reason["code"], &reason["rule"], &reason["limit"]),
        (&"no_grant".into(), &"slowly".into(), &"500 USD".into())
    );
    let observed = reason["observed"].as_str().unwrap();
    let sum = "1000 effects come to 500000 USD: ";
    assert!(observed.starts_with(sum), "{observed}");
}

#[test]
fn a_sum_finds_the_tier_of_the_whole() {
    let mut world = world("");
    let half = ETH / 2;
    let (two, _) = pay(&mut world, "shopper", &many(&strangers(2), half));
    assert_eq!(two, "go", "1 ETH in two is at once, as in one");
    let (three, answer) = pay(&mut world, "shopper", &many(&strangers(3), half));
    assert_eq!(three, "waiting", "1.5 ETH in three needs people, as in one");
    assert_eq!(answer["reasons"][0]["rule"], "large");
    assert_eq!(
        answer["reasons"][0]["observed"],
        "3 effects come to 1.5 eth"
    );
}

#[test]
fn a_forbid_sees_the_sum_and_each_part() {
    let mut world = world(LARGE_FORBID);
    let tenth = ETH / 10;
    assert_eq!(
        pay(&mut world, "shopper", &many(&strangers(1), tenth)).0,
        "go"
    );
    let (status, answer) = pay(&mut world, "shopper", &many(&strangers(2), tenth));
    assert_eq!(status, "denied");
    assert_eq!(answer["reasons"][0]["code"], "forbidden");
    let observed = answer["reasons"][0]["observed"].as_str().unwrap();
    assert!(
        observed.starts_with("2 effects come to 600 USD: transfer"),
        "{observed}"
    );
    // A maximum in a forbid: each part is below it although the sum is not.
    let small = "[[forbid]]\nid = \"dust\"\neffects = [\"transfer\"]\nusd_max = \"400\"\n";
    let mut world = self::world(small);
    assert_eq!(
        pay(&mut world, "shopper", &many(&strangers(3), tenth)).0,
        "denied"
    );
}

#[test]
fn rules_for_different_payees_each_sum_their_own() {
    let rule = |id: &str, to: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\neffects = [\"transfer\"]\nassets = [\"eth\"]\nto = [\"{to}\"]\n\
             amount_max = \"0.05\"\ntier = \"instant\"\n"
        )
    };
    let text = with(&format!(
        "{}{}",
        rule("for-vendor", VENDOR),
        rule("for-other", OTHER)
    ));
    let text = text.replace("amount_max = \"1\"", "amount_max = \"0.000001\"");
    let text = text.replace("amount_above = \"1\"", "amount_above = \"900000\"");
    let mut world = World::without_policy();
    let loaded = support::load_signed(&mut world.guard, &text, world.now);
    world.records.extend(loaded.unwrap().records);
    let both = [VENDOR.parse().unwrap(), OTHER.parse().unwrap()];
    let (fits, _) = pay(&mut world, "shopper", &many(&both, ETH / 20));
    assert_eq!(fits, "go", "50 to each is what each rule grants");
    let (over, answer) = pay(&mut world, "shopper", &many(&both, ETH / 19));
    assert_eq!(over, "denied", "{answer}");
}

const COUNTED: &str = "[[limit]]\nid = \"burst\"\nper = \"agent\"\nmeasure = \"count\"\nmax = 20\n\
                       window = \"10m\"\non_exceed = \"deny\"\n";

#[test]
fn a_limit_by_count_counts_payments_not_requests() {
    let mut world = world(COUNTED);
    let (status, answer) = pay(&mut world, "shopper", &many(&strangers(21), 1));
    assert_eq!(status, "denied", "{answer}");
    let reason = &answer["reasons"][0];
    assert_eq!(
        (&reason["code"], &reason["observed"], &reason["limit"]),
        (&"limit_exceeded".into(), &"21".into(), &"20".into())
    );
    let same = vec![nobody(7); 21];
    let (status, answer) = pay(&mut world, "shopper", &many(&same, 1));
    assert_eq!(status, "denied", "to one payee as well: {answer}");
    let id = {
        let same = vec![nobody(7); 15];
        let applied = send(&mut world, "shopper", &many(&same, 1));
        assert_eq!(applied.status, "go");
        id_of(&applied)
    };
    assert_eq!(world.limit("burst", "agent:shopper"), (0, 15));
    world.carry_out(&id);
    world.settle(&id, "confirmed").unwrap();
    assert_eq!(world.limit("burst", "agent:shopper"), (15, 0));
    // A policy that comes later counts the same, from what was kept.
    let again = with(&COUNTED.replace("burst", "other-name"));
    let loaded = support::load_signed(&mut world.guard, &again, world.now).unwrap();
    world.records.extend(loaded.records);
    assert_eq!(world.limit("other-name", "agent:shopper"), (15, 0));
    let replayed = Guard::replay(&world.records).unwrap();
    assert_eq!(replayed.state_digest(), world.guard.state_digest());
}

/// `treasury` is the wallet of both agents.
fn shared(per: &str, on_exceed: &str) -> String {
    format!(
        "[[limit]]\nid = \"shared\"\nper = \"{per}\"\neffects = [\"transfer\"]\nmeasure = \"amount\"\n\
         assets = [\"eth\"]\nmax = \"10\"\nwindow = \"24h\"\non_exceed = \"{on_exceed}\"\n"
    )
}

fn key(per: &str) -> String {
    match per {
        "wallet" => format!("wallet:{}", wallet(0)),
        "recipient" => format!("recipient:31337:{VENDOR}"),
        _ => "global".to_owned(),
    }
}

#[test]
fn what_waits_for_people_stops_no_other_agent() {
    for per in ["wallet", "recipient", "global"] {
        let mut world = world(&shared(per, "deny"));
        let waiting = id_of(&world.pay("shopper", 10 * ETH));
        assert_eq!(world.state(&waiting), "waiting-approval");
        assert_eq!(world.limit("shared", &key(per)), (0, 0), "{per}");
        assert_eq!(
            world.limit("hour", "agent:shopper").1,
            10 * ETH + 10_000_000_000_000_000
        );
        assert_eq!(world.pay("trader", ETH / 2).status, "go", "{per}");
        assert_eq!(world.limit("shared", &key(per)), (0, ETH / 2));
        // With its last approval it asks for its part, and it is too late for all of it.
        world.approve(0, &waiting).unwrap();
        assert_eq!(world.state(&waiting), "waiting-approval", "one of two");
        assert_eq!(world.limit("shared", &key(per)), (0, ETH / 2));
        let applied = world.approve(1, &waiting).unwrap();
        assert_eq!(applied.status, "denied");
        let reason = &world.view(&waiting)["end_reasons"][0];
        assert_eq!(
            (
                &reason["code"],
                &reason["rule"],
                &reason["observed"],
                &reason["limit"]
            ),
            (
                &"limit_exceeded".into(),
                &"shared".into(),
                &"10.5 eth".into(),
                &"10 eth".into()
            )
        );
        assert_eq!(
            world.limit("shared", &key(per)),
            (0, ETH / 2),
            "nothing is left of it"
        );
        assert_eq!(world.limit("hour", "agent:shopper"), (0, 0));
        let replayed = Guard::replay(&world.records).unwrap();
        assert_eq!(replayed.state_digest(), world.guard.state_digest());
    }
}

#[test]
fn of_approved_requests_only_as_many_go_on_as_fit() {
    for on_exceed in ["deny", "approval"] {
        let mut world = world(&shared("wallet", on_exceed));
        let ids = [5, 3, 4, 2].map(|eth| id_of(&world.pay("shopper", eth * ETH)));
        let mut ends = Vec::new();
        for id in &ids {
            world.approve(0, id).unwrap();
            ends.push(world.approve(1, id).unwrap().status);
        }
        // Nobody saw the third one as over, so two people did not agree to that either.
        assert_eq!(
            ends,
            ["authorising", "authorising", "denied", "authorising"],
            "{on_exceed}"
        );
        assert_eq!(world.limit("shared", &key("wallet")), (0, 10 * ETH));
        assert_eq!(
            world.pay("trader", 1).status,
            if on_exceed == "deny" {
                "denied"
            } else {
                "waiting"
            }
        );
        for id in [&ids[0], &ids[1], &ids[3]] {
            world.carry_out(id);
            world.settle(id, "confirmed").unwrap();
        }
        assert_eq!(world.limit("shared", &key("wallet")), (10 * ETH, 0));
        assert_eq!(code(world.authorise(&ids[2], Some(9))), "wrong_state");
    }
}

#[test]
fn what_people_saw_over_a_limit_goes_on() {
    let mut world = world(&shared("wallet", "approval"));
    let id = id_of(&world.pay("shopper", 11 * ETH));
    let shown = world.view(&id)["reasons"].clone();
    let shown = shown.as_array().unwrap().iter();
    assert!(shown
        .map(|one| &one["code"])
        .any(|code| code == "limit_exceeded"));
    world.approve(0, &id).unwrap();
    assert_eq!(world.approve(1, &id).unwrap().status, "authorising");
    assert_eq!(world.authorise(&id, Some(0)).unwrap().status, "authorised");
    assert_eq!(world.limit("shared", &key("wallet")), (0, 11 * ETH));
}

#[test]
fn what_waits_for_its_time_holds_everything() {
    let text = shared("wallet", "deny") + DELAYED;
    let text = with(&text).replace("amount_max = \"1\"", "amount_max = \"0.000001\"");
    let mut world = World::without_policy();
    let loaded = support::load_signed(&mut world.guard, &text, world.now);
    world.records.extend(loaded.unwrap().records);
    let id = id_of(&world.pay("shopper", ETH / 10));
    assert_eq!(world.state(&id), "waiting-delay");
    assert_eq!(world.limit("shared", &key("wallet")), (0, ETH / 10));
}

#[test]
fn a_policy_that_comes_while_people_decide_sets_nothing_more_aside() {
    let mut world = world(&shared("wallet", "deny"));
    let waiting = id_of(&world.pay("shopper", 8 * ETH));
    let stricter = with(&shared("global", "deny").replace("max = \"10\"", "max = \"8\""));
    let loaded = support::load_signed(&mut world.guard, &stricter, world.now).unwrap();
    world.records.extend(loaded.records);
    assert_eq!(world.limit("shared", "global"), (0, 0));
    world.approve(0, &waiting).unwrap();
    assert_eq!(world.approve(1, &waiting).unwrap().status, "authorising");
    assert_eq!(world.limit("shared", "global"), (0, 8 * ETH));
    let copy = Guard::restore(&world.guard.snapshot()).unwrap();
    assert_eq!(copy.state_digest(), world.guard.state_digest());
    let frozen = world.freeze(&json!({"kind": "everything"}));
    assert!(frozen > 0);
    assert_eq!(world.limit("shared", "global"), (0, 0), "never signed");
}

/// The event of a record as version 1 wrote it.
fn version_1(record: &[u8]) -> Event {
    let mut event = Event::from_record(record).unwrap();
    event.version = 1;
    if let Body::PolicyLoaded(data) = &mut event.body {
        (data.command, data.revision, data.signature) = (None, None, None);
    }
    event
}

/// As version 1 wrote it: a request of several payments set aside one under a limit by count.
#[test]
fn a_journal_that_counted_requests_is_replayed_as_it_was() {
    let mut world = world(COUNTED);
    let payees = vec![nobody(7); 15];
    let id = id_of(&send(&mut world, "shopper", &many(&payees, 1)));
    let old: Vec<Vec<u8>> = world
        .records
        .iter()
        .map(|record| {
            let mut event = version_1(record);
            if let Body::RequestDecided(data) = &mut event.body {
                for part in &mut data.reservations {
                    if part.limit == "burst" || part.limit == "often" {
                        part.amount = 1;
                    }
                }
                for item in &mut data.spends.as_mut().unwrap().items {
                    item.times = 1;
                }
            }
            event.to_record()
        })
        .collect();
    let mut world = World {
        guard: Guard::replay(&old).unwrap(),
        records: old,
        now: world.now,
    };
    assert_eq!(world.limit("burst", "agent:shopper"), (0, 1));
    let applied = world.authorise(&id, Some(0)).unwrap();
    assert_eq!(applied.status, "denied", "no more than what is set aside");
    assert_eq!(world.limit("burst", "agent:shopper"), (0, 0));
    assert!(Guard::replay(&world.records).is_ok());
}

/// As version 1 wrote it, without `times`, for payees that are not the same.
#[test]
fn what_was_set_aside_is_the_most_that_is_posted() {
    let mut world = world(COUNTED);
    let id = id_of(&send(&mut world, "shopper", &many(&strangers(9), 1)));
    let old: Vec<Vec<u8>> = world
        .records
        .iter()
        .map(|record| {
            let mut event = version_1(record);
            if let Body::RequestDecided(data) = &mut event.body {
                let burst = data.reservations.iter_mut();
                burst
                    .filter(|part| part.limit == "burst")
                    .for_each(|part| part.amount = 1);
            }
            event.to_record()
        })
        .collect();
    let mut world = World {
        guard: Guard::replay(&old).unwrap(),
        records: old,
        now: world.now,
    };
    world.carry_out(&id);
    world.settle(&id, "confirmed").unwrap();
    assert_eq!(world.limit("burst", "agent:shopper"), (1, 0));
}

fn rollup(cap: &str) -> String {
    let head = "priority_fee_per_gas_max = \"5 gwei\"\n";
    with("").replacen(head, &format!("{head}l1_fee_max = \"{cap}\"\n"), 1)
}

fn on_a_rollup(cap: &str) -> World {
    let mut world = World::without_policy();
    let loaded = support::load_signed(&mut world.guard, &rollup(cap), world.now);
    world.records.extend(loaded.unwrap().records);
    world
}

fn order(world: &mut World, id: &str, l1_fee: &str) -> Result<&'static str, String> {
    let facts = json!({"gas": 21000, "max_fee_per_gas": "2000000000",
        "max_priority_fee_per_gas": 1_000_000_000, "chain_nonce": 0, "l1_fee": l1_fee});
    let facts = support::order_facts(&facts);
    let result = world.guard.authorise(id, &facts, world.now);
    let applied = world
        .keep(result)
        .map_err(|refusal| refusal.code.as_str().to_owned())?;
    Ok(applied.status)
}

#[test]
fn what_data_costs_on_another_chain_is_set_aside_and_capped() {
    let gas = 100_000 * 100_000_000_000;
    let cap = ETH / 1000;
    let mut world = on_a_rollup("0.001 ether");
    let id = id_of(&world.pay("shopper", ETH));
    assert_eq!(world.limit("hour", "agent:shopper"), (0, ETH + gas + cap));
    let view = world.view(&id);
    let fee = view["effects"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["effect"] == "fee");
    assert_eq!(fee.unwrap()["amount"], (gas + cap).to_string());
    assert_eq!(
        order(&mut world, &id, "1000000000000001").unwrap_err(),
        "l1_fee_over_cap"
    );
    assert_eq!(world.state(&id), "authorising", "it may fall again");
    assert_eq!(
        order(&mut world, &id, "1000000000000000").unwrap(),
        "authorised"
    );
    world.sign(&id).unwrap();
    world.sent(&id, "accepted").unwrap();
    let paid = json!({"outcome": "confirmed", "gas_used": 21000, "fee_wei": "900000000000000",
        "proved": true});
    let settled = world
        .guard
        .settle(&id, paid.to_string().as_bytes(), world.now);
    world.keep(settled).unwrap();
    assert_eq!(
        world.limit("hour", "agent:shopper"),
        (ETH + 900_000_000_000_000, 0)
    );
}

#[test]
fn a_cap_that_was_raised_later_lets_no_more_be_paid_than_was_set_aside() {
    let mut world = on_a_rollup("0.001 ether");
    let id = id_of(&world.pay("shopper", ETH));
    let loaded = support::load_signed(&mut world.guard, &rollup("1 ether"), world.now);
    world.records.extend(loaded.unwrap().records);
    assert_eq!(
        order(&mut world, &id, "1000000000000001").unwrap_err(),
        "l1_fee_over_cap"
    );
    let loaded = support::load_signed(&mut world.guard, &rollup("1 gwei"), world.now);
    world.records.extend(loaded.unwrap().records);
    assert_eq!(
        order(&mut world, &id, "1000000001").unwrap_err(),
        "l1_fee_over_cap"
    );
    assert_eq!(order(&mut world, &id, "1000000000").unwrap(), "authorised");
}

#[test]
fn each_element_of_a_permit_is_counted() {
    use holdfast_core::asset::{Asset, Registry, Standard};
    use holdfast_core::effects::decode;
    use holdfast_core::request;

    let wallet: alloy_primitives::Address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
        .parse()
        .unwrap();
    let token = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
    let mut registry = Registry::new();
    registry.insert(Asset {
        id: "usd".into(),
        chain_id: ChainId::ETHEREUM,
        address: Some(token.parse().unwrap()),
        standard: Standard::Erc20,
        symbol: "USD".into(),
        decimals: 6,
    });
    let detail = |amount: u64| serde_json::json!({"token": token, "amount": amount.to_string(), "expiration": "1800000000", "nonce": "0"});
    let field = |pairs: &[(&str, &str)]| -> serde_json::Value {
        let member = |(name, kind): &(&str, &str)| serde_json::json!({"name": name, "type": kind});
        pairs.iter().map(member).collect()
    };
    let document = serde_json::json!({
        "types": {
            "EIP712Domain": field(&[("name", "string"), ("chainId", "uint256"), ("verifyingContract", "address")]),
            "PermitBatch": field(&[("details", "PermitDetails[]"), ("spender", "address"), ("sigDeadline", "uint256")]),
            "PermitDetails": field(&[("token", "address"), ("amount", "uint160"), ("expiration", "uint48"), ("nonce", "uint48")]),
        },
        "primaryType": "PermitBatch",
        "domain": {"name": "Permit2", "chainId": 1, "verifyingContract": "0x000000000022D473030F116dDEE9F6B43aC78BA3"},
        "message": {
            "details": [detail(1), detail(2), detail(0), detail(3)],
            "spender": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "sigDeadline": "1800000000",
        },
    });
    let params = serde_json::json!([wallet, document]).to_string();
    let request = request::parse("eth_signTypedData_v4", params.as_bytes()).unwrap();
    let decoded = decode(&request.body, ChainId::ETHEREUM.at(wallet), &registry).unwrap();
    assert_eq!(decoded.effects.len(), 1);
    assert_eq!(decoded.effects[0].amount, alloy_primitives::U256::from(6));
    assert_eq!(decoded.times, [3]);
}
