//! `policy diff`: what random requests find milder under a new policy, it finds too, and every row
//! that it gives is a request that `policy decide` decides so.

use holdfast_core::policy::compare::{compare, Comparison, Row};
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

/// What `policy decide` says of these cases; the result of the last one.
fn decided(source: &str, cases: &[Value]) -> Value {
    let mut simulator = Simulator::new(source, true).unwrap();
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
    for row in rows {
        let (was, is) = (decided(old, &row.cases), decided(new, &row.cases));
        let shown = || format!("{row:#?}\n{was}\n{is}\nOLD\n{old}\nNEW\n{new}");
        assert_eq!(verdict(&was), row.old.verdict, "{}", shown());
        assert_eq!(verdict(&is), row.new.verdict, "{}", shown());
        let (milder, other) = if row.looser { (&is, &was) } else { (&was, &is) };
        let strictest = verdict(milder).strictest(verdict(other));
        assert_ne!(strictest, verdict(milder), "{}", shown());
    }
}

fn config(few: u32) -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: if asked { config.cases } else { few },
        ..config
    }
}

proptest! {
    #![proptest_config(config(120))]

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
        let found = compared(&old, &new);
        check_rows(&old, &new, &found.rows);
        for sent in &asked {
            let case = [sent.case()];
            let was = verdict(&decided(&old, &case));
            let is = verdict(&decided(&new, &case));
            if is.strictest(was) != is {
                prop_assert!(
                    found.rows.iter().any(|row| row.looser),
                    "{was:?} became {is:?}: {:#?}\n{old}\nNEW\n{new}\n{:#?}", case, found
                );
            }
            if was.strictest(is) != was {
                prop_assert!(
                    found.rows.iter().any(|row| !row.looser),
                    "{was:?} became {is:?}: {:#?}\n{old}\nNEW\n{new}\n{:#?}", case, found
                );
            }
        }
    }
}
