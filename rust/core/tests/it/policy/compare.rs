//! `policy diff`: what random requests find milder under a new policy, it finds too, and every row
//! that it gives is a request that `policy decide` decides so.

use std::sync::LazyLock;

use holdfast_core::policy::compare::{compare, Comparison, Relation, Row};
use holdfast_core::policy::{Policy, Verdict};
use holdfast_core::simulate::Simulator;
use proptest::prelude::*;
use serde_json::{json, Value};

use super::strictness::{edit, edited, source};
use crate::laws::world::{tables, AGENTS, EXPIRES_MS, HEAD, PARTIES, WALLETS};

const NOW_MS: u64 = EXPIRES_MS - 50_000;
const TOKENS: [&str; 2] = [
    "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
];

/// The world of the laws with a coin of 18 places: the fee of a request is next to nothing then.
fn realistic(source: &str) -> String {
    let coin = "native = true\ndecimals = 0";
    assert!(HEAD.contains(coin));
    source.replacen(coin, "native = true\ndecimals = 18", 1)
}

/// What an agent sends, written without the code under test.
#[derive(Clone, Debug)]
struct Sent {
    agent: usize,
    wallet: usize,
    signs: bool,
    what: What,
    party: usize,
    amount: u64,
    priced: bool,
    late: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Coin,
    Token(usize),
    Allow(usize),
    Revoke(usize),
    Deploy,
    Unknown,
    Vote,
    Claim,
    Document,
    Text,
}

fn sent() -> impl Strategy<Value = Sent> {
    let who = prop_oneof![Just((0, 0)), Just((0, 1)), Just((1, 0)), Just((2, 1))];
    let what = prop_oneof![
        4 => Just(What::Coin),
        4 => (0usize..2).prop_map(What::Token),
        3 => (0usize..2).prop_map(What::Allow),
        2 => (0usize..2).prop_map(What::Revoke),
        1 => Just(What::Deploy),
        1 => Just(What::Unknown),
        1 => Just(What::Vote),
        1 => Just(What::Claim),
        1 => Just(What::Document),
        1 => Just(What::Text),
    ];
    let more = (0usize..5, 1u64..60, any::<bool>(), any::<bool>());
    (who, any::<bool>(), what, more).prop_map(
        |((agent, wallet), signs, what, (party, amount, priced, late))| Sent {
            agent,
            wallet,
            signs,
            what,
            party,
            amount,
            priced,
            late,
        },
    )
}

impl Sent {
    fn case(&self) -> Value {
        let word = |number: u64| format!("{number:064x}");
        let to = PARTIES[self.party].to_checksum(None);
        let wallet = WALLETS[self.wallet].to_checksum(None);
        let padded = format!("{:0>64}", to.trim_start_matches("0x").to_lowercase());
        let token = |token: usize, selector: &str| {
            let data = format!("0x{selector}{padded}{}", word(self.amount));
            json!({ "to": TOKENS[token], "data": data })
        };
        let called = PARTIES[3].to_checksum(None);
        let mut fields = match self.what {
            What::Coin => {
                let wei = u128::from(self.amount) * 10u128.pow(18);
                json!({ "to": to, "value": format!("{wei:#x}") })
            }
            What::Token(number) => token(number, "a9059cbb"),
            What::Allow(number) => token(number, "095ea7b3"),
            What::Revoke(number) => token(number, "a457c2d7"),
            What::Deploy => json!({ "data": "0x6000" }),
            What::Unknown => json!({ "to": to, "data": "0x12345678" }),
            What::Vote => json!({ "to": called,
                "data": format!("0x56781388{}{}", word(self.amount), word(1)) }),
            What::Claim => json!({ "to": called, "data": "0x4e71d92d" }),
            What::Document | What::Text => Value::Null,
        };
        let (method, params) = match self.what {
            What::Text => ("personal_sign", json!(["some words", wallet])),
            What::Document => {
                let document = json!({
                    "types": { "Words": [{ "name": "text", "type": "string" }] },
                    "primaryType": "Words",
                    "domain": { "chainId": 1, "verifyingContract": to },
                    "message": { "text": "some words" },
                });
                ("eth_signTypedData_v4", json!([wallet, document]))
            }
            _ => {
                fields["from"] = json!(wallet);
                fields["gas"] = json!("0x186a0");
                fields["maxFeePerGas"] = json!("0x1");
                fields["maxPriorityFeePerGas"] = json!("0x0");
                let method = if self.signs {
                    "eth_signTransaction"
                } else {
                    "eth_sendTransaction"
                };
                (method, json!([fields]))
            }
        };
        let at = if self.late { EXPIRES_MS + 1 } else { NOW_MS };
        let facts = if self.priced {
            json!({ "prices": { "tok": { "usd": "1", "at": at } } })
        } else {
            json!({})
        };
        json!({
            "id": "x", "agent": AGENTS[self.agent], "at": at,
            "request": { "method": method, "params": params }, "facts": facts,
        })
    }
}

/// `policy decide --stateful` before its first case.
fn simulator(source: &str) -> Simulator {
    Simulator::new(source, true).unwrap_or_else(|no| panic!("{no}\n{source}"))
}

/// What it says of these cases; the result of the last one.
fn decided(fresh: &Simulator, cases: &[Value]) -> Value {
    let mut simulator = fresh.clone();
    let mut last = Value::Null;
    for case in cases {
        let result = simulator.decide(case.to_string().as_bytes());
        last = serde_json::from_slice(&result).unwrap();
    }
    last
}

fn verdict(result: &Value) -> Verdict {
    let number = |key: &str| result[key].as_u64().unwrap();
    match result["verdict"].as_str().unwrap() {
        "instant" => Verdict::Instant,
        "notify" => Verdict::Notify,
        "delay" => Verdict::Delay {
            delay_ms: number("delay_ms"),
        },
        "approval" => Verdict::Approval {
            quorum: u8::try_from(number("quorum")).unwrap(),
            timeout_ms: number("timeout_ms"),
        },
        "deny" => Verdict::Deny,
        other => panic!("{other}"),
    }
}

fn compared(old: &str, new: &str) -> Comparison {
    let parse = |source: &str| Policy::parse(source).unwrap_or_else(|no| panic!("{no}\n{source}"));
    compare(&parse(old), &parse(new), NOW_MS)
}

/// Each row is what `policy decide` says of its cases.
fn check_rows(old: &str, new: &str, rows: &[Row]) {
    let (before, after) = (simulator(old), simulator(new));
    for row in rows {
        let (was, is) = (decided(&before, &row.cases), decided(&after, &row.cases));
        let shown = || format!("{row:#?}\n{was}\n{is}\nOLD\n{old}\nNEW\n{new}");
        assert_eq!(verdict(&was), row.old.verdict, "{}", shown());
        assert_eq!(verdict(&is), row.new.verdict, "{}", shown());
        let (milder, other) = if row.looser { (&is, &was) } else { (&was, &is) };
        let strictest = verdict(milder).strictest(verdict(other));
        assert_ne!(strictest, verdict(milder), "{}", shown());
    }
}

/// One in so many mutants is searched although no request differs.
const SEARCHED_ANYWAY: u64 = 8;
/// Rows of one comparison that are decided again.
const ROWS_REPEATED: usize = 12;

fn config(few: u32) -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: if asked { config.cases } else { few },
        ..config
    }
}

proptest! {
    #![proptest_config(config(16))]

    #[test]
    fn what_random_requests_find_is_found_and_every_row_is_decided_so(
        tables in tables(2..9), edit in edit(), turned in any::<bool>(),
        asked in prop::collection::vec(sent(), 40),
    ) {
        let before = realistic(&source(&tables));
        let after = realistic(&source(&edited(tables, &[edit])));
        if Policy::parse(&after).is_err() {
            return Ok(());
        }
        let (old, new) = if turned { (after, before) } else { (before, after) };
        let (was_so, is_so) = (simulator(&old), simulator(&new));
        let (mut milder, mut stricter) = (None, None);
        for sent in &asked {
            let case = [sent.case()];
            let was = verdict(&decided(&was_so, &case));
            let is = verdict(&decided(&is_so, &case));
            if is.strictest(was) != is {
                milder = Some((was, is, case.clone()));
            }
            if was.strictest(is) != was {
                stricter = Some((was, is, case));
            }
        }
        // Where no request differs the search can miss nothing, and it is what costs the time.
        if milder.is_none() && stricter.is_none() && asked[0].amount % SEARCHED_ANYWAY != 0 {
            return Ok(());
        }
        let found = compared(&old, &new);
        let step = found.rows.len() / ROWS_REPEATED + 1;
        let rows: Vec<Row> = found.rows.iter().step_by(step).cloned().collect();
        check_rows(&old, &new, &rows);
        let has = |looser: bool| found.rows.iter().any(|row| row.looser == looser);
        if !found.changes.iter().any(|change| change.looser) {
            prop_assert!(!has(true), "{found:#?}\n{old}\nNEW\n{new}");
        }
        if let Some((was, is, case)) = milder {
            prop_assert!(
                has(true),
                "{was:?} became {is:?}: {case:#?}\n{old}\nNEW\n{new}\n{found:#?}"
            );
        }
        if let Some((was, is, case)) = stricter {
            prop_assert!(
                has(false),
                "{was:?} became {is:?}: {case:#?}\n{old}\nNEW\n{new}\n{found:#?}"
            );
        }
    }
}

/// The property above is worth nothing if hardly any change is shown by a request.
#[test]
fn most_changes_that_may_be_looser_are_shown_to_be() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = (tables(2..9), edit(), any::<bool>());
    let (mut shown, mut unshown) = (0, 0);
    for _ in 0..30 {
        let (tables, edit, turned) = strategy.new_tree(&mut runner).unwrap().current();
        let before = realistic(&source(&tables));
        let after = realistic(&source(&edited(tables, &[edit])));
        if Policy::parse(&after).is_err() {
            continue;
        }
        let (old, new) = if turned {
            (after, before)
        } else {
            (before, after)
        };
        let found = compared(&old, &new);
        if found.rows.iter().any(|row| row.looser) {
            shown += 1;
        } else if !found.unshown.is_empty() {
            unshown += 1;
        }
    }
    assert!(
        shown > 5 && shown * 2 > unshown,
        "{shown} shown, {unshown} not"
    );
}

const PAGE: &str = include_str!("../../../../../docs/policy.md");

/// The first policy of the documentation without its comments: tests change whole lines of it.
fn first() -> &'static str {
    static FIRST: LazyLock<String> = LazyLock::new(|| {
        let after = PAGE.split("```toml policy\n").nth(1).unwrap();
        let lines = after.split("```").next().unwrap().lines();
        let plain = lines.map(|line| line.split(" #").next().unwrap().trim_end());
        plain.map(|line| format!("{line}\n")).collect()
    });
    &FIRST
}

/// Compares the first policy, with `more`, with what becomes of it.
fn changed(more: &str, from: &str, to: &str) -> (Comparison, String, String) {
    let old = format!("{}\n{more}", first());
    assert!(old.contains(from), "{from}");
    let new = old.replacen(from, to, 1);
    let found = compared(&old, &new);
    check_rows(&old, &new, &found.rows);
    (found, old, new)
}

/// A row that is looser, and one that is tighter the other way round.
fn looser(more: &str, from: &str, to: &str) -> Row {
    let (found, old, new) = changed(more, from, to);
    assert!(
        matches!(found.relation, Relation::Looser | Relation::Both),
        "{from} -> {to}: {found:#?}"
    );
    let turned = compared(&new, &old);
    check_rows(&new, &old, &turned.rows);
    assert!(turned.rows.iter().any(|row| !row.looser), "{turned:#?}");
    assert!(!turned.rows.iter().any(|row| row.looser) || found.relation == Relation::Both);
    found.rows.into_iter().next().unwrap()
}

fn said(row: &Row) -> (&str, &str, &str) {
    let amount = row.amount.as_deref().unwrap_or_default();
    (row.effect, amount, row.old.verdict.as_str())
}

#[test]
fn a_raised_amount_has_a_witness_one_base_unit_above_the_old_one() {
    let more = first().replace("amount_above = \"50\"", "amount_above = \"100\"");
    let old = first();
    let new = more.replace("amount_max = \"50\"", "amount_max = \"100\"");
    let found = compared(old, &new);
    check_rows(old, &new, &found.rows);
    let row = &found.rows[0];
    assert_eq!(said(row), ("transfer", "50.000001", "approval"));
    assert_eq!(row.from.as_deref(), Some("50.000001"));
    assert_eq!(row.to.as_deref(), Some("100"));
    assert_eq!(row.new.verdict, Verdict::Instant);
    assert_eq!(row.payee.as_ref().unwrap().lists, ["vendors"]);
    assert_eq!(found.relation, Relation::Looser);
    assert_eq!(found.unshown, []);
}

#[test]
fn a_raised_limit_is_shown_after_payments_that_fill_it() {
    let capped = "amount_above = \"50\"";
    let old = first().replace(capped, "amount_above = \"50\"\namount_max = \"60\"");
    let new = old.replace("max = \"200\"", "max = \"300\"");
    let found = compared(&old, &new);
    check_rows(&old, &new, &found.rows);
    let row = &found.rows[0];
    assert!(
        row.looser && row.old.because == "limit_exceeded of `shopper-day`",
        "{row:#?}"
    );
    assert!(row
        .when
        .as_ref()
        .unwrap()
        .starts_with("after 3 × transfer of 60 usdc"));
    assert_eq!(row.cases[0]["repeat"], 3);
    assert_eq!((found.relation, found.unshown.len()), (Relation::Looser, 0));
}

#[test]
fn a_limit_that_is_changed_in_another_way_has_a_witness() {
    for (from, to) in [
        ("window = \"24h\"", "window = \"1h\""),
        ("on_exceed = \"deny\"", "on_exceed = \"approval\""),
        (
            "measure = \"usd\"\nmax = \"200\"",
            "measure = \"count\"\nmax = 20",
        ),
        (
            "measure = \"usd\"",
            "measure = \"usd\"\neffects = [\"allowance\"]",
        ),
        (
            "per = \"agent\"\nagents = [\"shopper\"]",
            "per = \"agent\"\nto = [\"0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc\"]",
        ),
        ("per = \"agent\"", "per = \"recipient\""),
    ] {
        // Two vendors, so that each can have its own.
        let more = "[[list.entry]]\naddress = \"0x90F79bf6EB2c4f870365E785982E1f101E93b906\"\n";
        let base = first().replace(
            "[[rule]]                                 # granted",
            &format!("{more}[[rule]] #"),
        );
        let (old, new) = (base.clone(), base.replacen(from, to, 1));
        assert_ne!(old, new);
        let found = compared(&old, &new);
        check_rows(&old, &new, &found.rows);
        assert!(found.rows.iter().any(|row| row.looser), "{to}: {found:#?}");
        assert_eq!(found.unshown, [], "{to}");
    }
}

#[test]
fn whatever_makes_a_request_pass_more_easily_has_a_witness() {
    let vendor = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
    let forbid = "[[forbid]]\nid = \"never\"\nto = [\"@vendors\"]\neffects = [\"transfer\"]\nassets = [\"usdc\"]\n";
    for (more, from, to) in [
        (
            "",
            "label = \"Acme data\"\n",
            &*format!("label = \"Acme data\"\n[[list.entry]]\naddress = \"{vendor}\"\n"),
        ),
        (
            "",
            "tier = \"approval\"",
            "tier = \"delay\"\ndelay = \"10m\"",
        ),
        (
            "",
            "tier = \"approval\"",
            "tier = \"approval\"\ntimeout = \"2h\"",
        ),
        ("", "to = [\"@vendors\"]\namount_max", "amount_max"),
        (
            "",
            "assets = [\"usdc\"]\nto = [\"@vendors\"]\namount_max = \"50\"",
            "to = [\"@vendors\"]",
        ),
        (
            "",
            "effects = [\"transfer\"]",
            "effects = [\"transfer\", \"allowance\"]",
        ),
        (forbid, forbid, ""),
        ("", "gas_max = 500_000", "gas_max = 900_000"),
        (
            "",
            "fee_per_gas_max = \"2 gwei\"",
            "fee_per_gas_max = \"20 gwei\"",
        ),
        ("", "price_usd = \"1\"", "price_usd = \"0.5\""),
    ] {
        looser(more, from, to);
    }
}

#[test]
fn every_kind_of_effect_has_a_request_where_a_contract_of_its_protocol_is_known() {
    let contract = |id: &str, at: &str, more: &str| {
        format!("[[contract]]\nid = \"{id}\"\nchain = 31337\naddress = \"{at}\"\nprotocol = \"{id}\"\n{more}")
    };
    let more = [
        "[[asset]]\nid = \"tok\"\nchain = 31337\naddress = \"0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512\"\ndecimals = 18\nsymbol = \"TOK\"\nprice_usd = \"2\"\n".to_owned(),
        contract("uniswap-v2-router", "0x976EA74026E726554dB657fA54763abd0C3a0aa9", ""),
        contract("erc4626", "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955", "asset = \"usdc\"\n"),
        contract("aave-v3-pool", "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f", ""),
        contract("zeroex", "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720", ""),
        contract("weth", "0xBcd4042DE499D14e55001CcbB24a551F3b954096", ""),
        "[[function]]\nid = \"vote\"\nchain = 31337\ncontract = \"0x71bE63f3384f5fb98995898A86B02Fb2426c5788\"\nsignature = \"castVote(uint256 proposal, uint8 support)\"\n[[function.argument]]\nname = \"support\"\nin = [\"0\"]\n".to_owned(),
    ]
    .concat();
    let old = format!("{}\n{more}", first());
    for kind in [
        "transfer",
        "allowance",
        "revoke",
        "swap",
        "deposit",
        "order",
        "debt",
        "convert",
        "deploy",
        "call",
        "typed-data",
        "message",
    ] {
        let rule = format!(
            "[[rule]]\nid = \"more\"\neffects = [\"{kind}\"]\ntier = \"approval\"\nquorum = 2\n"
        );
        let new = format!("{old}{rule}");
        let found = compared(&old, &new);
        check_rows(&old, &new, &found.rows);
        let row = found
            .rows
            .iter()
            .find(|row| row.looser && row.effect == kind);
        assert!(row.is_some(), "{kind}: {found:#?}");
    }
    let control =
        "[[rule]]\nid = \"more\"\neffects = [\"control\", \"call\"]\ntier = \"approval\"\n";
    let new = format!("{old}{control}");
    let found = compared(&old, &new);
    assert!(
        found
            .rows
            .iter()
            .any(|row| row.looser && row.effect == "control"),
        "{found:#?}"
    );
    let vote = "[[rule]]\nid = \"votes\"\neffects = [\"call\"]\nfunctions = [\"vote\"]\ntier = \"instant\"\n";
    let (old, new) = (
        format!("{old}{vote}"),
        format!("{old}{vote}").replace("in = [\"0\"]", "in = [\"0\", \"1\"]"),
    );
    let found = compared(&old, &new);
    check_rows(&old, &new, &found.rows);
    let row = &found.rows[0];
    assert_eq!(
        (row.looser, row.function.as_deref()),
        (true, Some("vote")),
        "{found:#?}"
    );
    let pay = "[[function]]\nid = \"pay\"\nchain = 31337\ncontract = \"0x71bE63f3384f5fb98995898A86B02Fb2426c5788\"\nsignature = \"pay((address to, uint8 way)[] orders, (bool up, int8[2] ends) how)\"\n[[function.argument]]\nname = \"orders[].way\"\nin = [\"1\"]\n[[function.argument]]\nname = \"how.ends[1]\"\nmax = \"5\"\n";
    for (from, to) in [("in = [\"1\"]", "in = [\"1\", \"2\"]"), ("\"5\"", "\"6\"")] {
        let old = format!("{old}{pay}").replace("functions = [\"vote\"]", "functions = [\"pay\"]");
        let new = old.replace(from, to);
        let found = compared(&old, &new);
        check_rows(&old, &new, &found.rows);
        let row = &found.rows[0];
        assert_eq!(
            (row.looser, row.function.as_deref()),
            (true, Some("pay")),
            "{found:#?}"
        );
    }
    let swaps = "[[rule]]\nid = \"swaps\"\neffects = [\"swap\"]\nreturn_min_percent = 97\ntier = \"instant\"\n";
    let (old, new) = (
        format!("{old}{swaps}"),
        format!("{old}{swaps}").replace("= 97", "= 60"),
    );
    let found = compared(&old, &new);
    check_rows(&old, &new, &found.rows);
    let row = &found.rows[0];
    assert_eq!((row.looser, row.effect), (true, "swap"), "{found:#?}");
    assert_eq!(row.old.because, "low_return of `swaps`");
}

#[test]
fn what_is_about_no_request_is_looser_without_a_witness() {
    let (found, ..) = changed("", "id = \"shopper\"\n", "id = \"shopper\"\nuids = [5]\n");
    assert_eq!(found.relation, Relation::Looser);
    assert_eq!(found.rows, []);
    assert_eq!(found.access[0].path, "agent.shopper.uids");
    assert_eq!(found.unshown, []);
}

#[test]
fn what_no_request_shows_to_be_looser_is_named() {
    let same = "[[rule]]\nid = \"same\"\neffects = [\"transfer\"]\nassets = [\"usdc\"]\nto = [\"@vendors\"]\namount_max = \"50\"\ntier = \"instant\"\n";
    let old = first();
    let new = format!("{old}\n{same}");
    let found = compared(old, &new);
    assert_eq!((found.relation, found.rows.len()), (Relation::Undecided, 0));
    assert_eq!(found.unshown[0].path, "rule.same");
}

#[test]
fn the_same_policy_in_other_words_is_equal_and_one_that_denies_more_is_tighter() {
    let words = format!("# a comment\n{}", first());
    assert_eq!(compared(first(), &words).relation, Relation::Equal);
    let renamed = first().replace("name = \"first\"", "name = \"second\"");
    assert_eq!(compared(first(), &renamed).relation, Relation::Equal);
    let lower = first().replace("max = \"200\"", "max = \"100\"");
    let found = compared(first(), &lower);
    assert_eq!(found.relation, Relation::Tighter);
    assert!(found.rows.iter().all(|row| !row.looser) && !found.rows.is_empty());
}

/// A policy with very many rules for addresses of their own.
fn long(rules: u32, tier: &str) -> String {
    let mut text = first().to_owned();
    for number in 0..rules {
        let to =
            alloy_primitives::Address::from_word(alloy_primitives::keccak256(number.to_be_bytes()));
        text += &format!(
            "[[rule]]\nid = \"r{number}\"\neffects = [\"transfer\"]\nassets = [\"usdc\"]\n\
             to = [\"{to}\"]\namount_max = \"{}\"\ntier = \"{tier}\"\n",
            number % 90 + 1
        );
    }
    text
}

/// The bar is 2 s for 10,000 rules; here others work too, and without optimisation there are fewer.
#[test]
fn long_policies_are_compared_in_bounded_time() {
    let (rules, bar) = if cfg!(debug_assertions) {
        (1_000, 60)
    } else {
        (10_000, 8)
    };
    let old = long(rules, "approval");
    let one = old.replacen("[[rule]]\nid = \"r77\"", "[[rule]]\nid = \"s77\"", 1);
    for new in [one, long(rules, "instant")] {
        let parse = |source: &str| Policy::parse(source).unwrap();
        let (before, after) = (parse(&old), parse(&new));
        let start = std::time::Instant::now();
        let found = compare(&before, &after, NOW_MS);
        let spent = start.elapsed();
        assert!(!found.rows.is_empty() || found.relation == Relation::Undecided);
        assert!(spent.as_secs() < bar, "{spent:?}");
    }
}

/// Compares the first policy and `old` with the first policy and `new`: a row that is looser, and one
/// that is tighter the other way round.
fn turned(old: &str, new: &str) -> Row {
    let with = |more: &str| format!("{}\n{more}", first());
    let (old, new) = (with(old), with(new));
    let found = compared(&old, &new);
    check_rows(&old, &new, &found.rows);
    let back = compared(&new, &old);
    check_rows(&new, &old, &back.rows);
    assert!(back.rows.iter().any(|row| !row.looser), "{back:#?}");
    let row = found.rows.into_iter().find(|row| row.looser);
    row.unwrap_or_else(|| panic!("{new}"))
}

const ALLOW: &str = "[[rule]]\nid = \"allow\"\neffects = [\"allowance\"]\nassets = [\"usdc\"]\ntier = \"instant\"\n";

#[test]
fn hours_and_ends_are_compared_just_before_and_after_them() {
    let schedule = |hours: &str| {
        let zone = "[[schedule]]\nid = \"open\"\nzone = \"Europe/Berlin\"\n";
        format!("{zone}hours = [\"{hours}\"]\n{ALLOW}during = [\"open\"]\n")
    };
    let row = turned(&schedule("09:00-17:00"), &schedule("09:00-18:00"));
    assert_eq!(row.old.verdict, Verdict::Deny);
    assert!(row.when.unwrap().starts_with("at "));
    let until = |end: &str| format!("{ALLOW}expires = {end}\n");
    turned(
        &until("2027-01-01T00:00:00Z"),
        &until("2027-02-01T00:00:00Z"),
    );
    turned(
        &schedule("09:00-17:00"),
        &schedule("09:00-17:00").replace("during = [\"open\"]\n", ""),
    );
}

#[test]
fn reviews_and_caps_of_lists_and_entries_are_compared() {
    let review = |tier: &str| {
        format!("{ALLOW}[[review]]\nid = \"look\"\neffects = [\"allowance\"]\ntier = \"{tier}\"\n")
    };
    turned(&review("approval"), &review("notify"));
    turned(&review("approval"), ALLOW);
    let list = |more: &str| {
        let entry = "[[list.entry]]\naddress = \"0x90F79bf6EB2c4f870365E785982E1f101E93b906\"\n";
        let rule = "[[rule]]\nid = \"capped\"\neffects = [\"transfer\"]\nassets = [\"usdc\"]\nto = [\"@capped\"]\ntier = \"instant\"\n";
        let (of_list, of_entry) = more.split_once('|').unwrap();
        format!("[[list]]\nid = \"capped\"\n{of_list}{entry}{of_entry}{rule}")
    };
    let limit = "month_usd_max = \"30\"\n";
    let row = turned(
        &list("payment_usd_max = \"5\"\n|"),
        &list("payment_usd_max = \"7\"\n|"),
    );
    assert_eq!(row.amount.as_deref(), Some("5.000001"));
    turned(
        &list("|payment_usd_max = \"5\"\n"),
        &list("|payment_usd_max = \"7\"\n"),
    );
    let capped = |max: &str| {
        list(&format!(
            "|payment_usd_max = \"5\"\n{}",
            limit.replace("30", max)
        ))
    };
    let row = turned(&capped("30"), &capped("40"));
    assert!(
        row.when.unwrap().starts_with("after "),
        "payments fill it first"
    );
}

#[test]
fn deadlines_are_compared_at_the_last_second_that_is_within() {
    let within = |life: &str| format!("{ALLOW}deadline_within = \"{life}\"\n");
    let row = turned(&within("30m"), &within("1h"));
    assert_eq!(
        (row.old.verdict, row.new.verdict),
        (Verdict::Deny, Verdict::Instant)
    );
    turned(&within("30m"), ALLOW);
    let beyond = |life: &str| {
        format!("{ALLOW}[[forbid]]\nid = \"long\"\neffects = [\"allowance\"]\ndeadline_beyond = \"{life}\"\n")
    };
    turned(&beyond("30m"), &beyond("1h"));
}

#[test]
fn known_payees_and_numbers_of_recipients_are_compared_after_payments() {
    let known = |trust: &str| {
        let new = ALLOW
            .replace("allow\"", "first\"")
            .replace("allowance", "transfer")
            .replace("usdc", "eth");
        let first = new.replace("instant", "approval");
        format!(
            "{first}new_payee = \"{trust}\"\n{}known_payee = \"{trust}\"\n",
            new.replace("first\"", "again\"")
        )
    };
    let row = turned(&known("7d"), &known("30d"));
    assert_eq!(row.new.verdict, Verdict::Instant);
    assert!(row.when.unwrap().contains("7d later"));
    let recipients = |max: u32| {
        let entries =
            (1..6).map(|number| format!("[[list.entry]]\naddress = \"{}\"\n", PARTIES[number - 1]));
        let entries: String = entries.skip(1).collect();
        let list = format!("[[list]]\nid = \"shops\"\n{entries}");
        let rule = "[[rule]]\nid = \"shops\"\neffects = [\"transfer\"]\nassets = [\"usdc\"]\nto = [\"@shops\"]\namount_max = \"1\"\ntier = \"instant\"\n";
        format!("{list}{rule}[[limit]]\nid = \"few\"\nper = \"agent\"\nmeasure = \"recipients\"\nmax = {max}\nwindow = \"24h\"\non_exceed = \"deny\"\n")
    };
    let row = turned(&recipients(2), &recipients(3));
    assert_eq!(row.cases.len(), 3);
    let day = |window: &str| {
        format!("{ALLOW}[[limit]]\nid = \"allowed\"\nper = \"agent\"\neffects = [\"allowance\"]\nmeasure = \"usd\"\nmax = \"10\"\n{window}on_exceed = \"deny\"\n")
    };
    turned(
        &day("window = \"lifetime\"\n"),
        &day("window = \"day\"\nzone = \"Asia/Tokyo\"\n"),
    );
}
