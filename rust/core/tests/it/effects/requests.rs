//! The table of requests, hostile and honest, and the bounds of the parser.

use holdfast_core::chain::ChainId;
use holdfast_core::json::Malformed;
use holdfast_core::request::{self, Body, Method, Request};
use serde::Deserialize;

const WALLET: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

#[derive(Deserialize)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    method: Option<String>,
    params: Option<String>,
    tx: Option<String>,
    typed: Option<String>,
    error: Option<String>,
    path: Option<String>,
}

impl Case {
    fn run(&self) -> Result<Request, Malformed> {
        match self {
            Self { tx: Some(tx), .. } => {
                request::parse("eth_sendTransaction", format!("[{tx}]").as_bytes())
            }
            Self {
                typed: Some(typed), ..
            } => {
                let params = format!("[\"{WALLET}\",{typed}]");
                request::parse("eth_signTypedData_v4", params.as_bytes())
            }
            Self {
                method: Some(method),
                params: Some(params),
                ..
            } => request::parse(method, params.as_bytes()),
            _ => panic!("{}: nothing to parse", self.name),
        }
    }
}

#[test]
fn every_request_of_the_table_is_judged_as_written() {
    let table: Table = toml::from_str(include_str!("../../data/requests.toml")).unwrap();
    assert!(table.case.len() >= 200);
    let mut wrong = Vec::new();
    for case in &table.case {
        let found = case
            .run()
            .map_err(|fault| (fault.code.as_str().to_owned(), fault.path));
        let expected = case
            .error
            .clone()
            .map(|code| (code, case.path.clone().unwrap()));
        if found.as_ref().err() != expected.as_ref() {
            wrong.push(format!(
                "{}: {:?}, not {expected:?}",
                case.name,
                found.map(|_| "accepted")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn transaction(params: &str) -> Result<Request, Malformed> {
    request::parse("eth_sendTransaction", params.as_bytes())
}

fn code(result: Result<Request, Malformed>) -> &'static str {
    result.unwrap_err().code.as_str()
}

#[test]
fn what_does_not_end_is_refused_before_it_costs_anything() {
    let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(code(transaction(&deep)), "json_depth");
    let objects = "{\"a\":".repeat(100_000);
    assert_eq!(code(transaction(&objects)), "json_depth");
    let wide = format!("[{}1]", "1,".repeat(500_000));
    assert_eq!(code(transaction(&wide)), "json_nodes");
    let keys: Vec<String> = (0..30_000).map(|n| format!("\"k{n}\":1")).collect();
    assert_eq!(
        code(transaction(&format!("[{{{}}}]", keys.join(",")))),
        "json_nodes"
    );
    let large = format!("[\"{}\"]", "x".repeat(1 << 20));
    assert_eq!(code(transaction(&large)), "json_too_large");
    let data = format!("[{{\"data\":\"0x{}\"}}]", "00".repeat(131_073));
    assert_eq!(code(transaction(&data)), "data_too_large");
}

fn typed(types: &str, message: &str) -> Result<Request, Malformed> {
    let params = format!(
        "[\"{WALLET}\",{{\"types\":{{{types}}},\"primaryType\":\"T0\",\
         \"domain\":{{\"chainId\":1}},\"message\":{message}}}]"
    );
    request::parse("eth_signTypedData_v4", params.as_bytes())
}

#[test]
fn types_are_bounded_in_number_and_depth() {
    let chain = |length: usize| {
        let mut types: Vec<String> = (0..length)
            .map(|n| format!("\"T{n}\":[{{\"name\":\"a\",\"type\":\"T{}\"}}]", n + 1))
            .collect();
        types.push(format!(
            "\"T{length}\":[{{\"name\":\"a\",\"type\":\"bool\"}}]"
        ));
        types.join(",")
    };
    let nested = |depth: usize| format!("{}true{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert!(typed(&chain(15), &nested(16)).is_ok());
    assert_eq!(code(typed(&chain(16), &nested(17))), "typed_limit");
    assert_eq!(code(typed(&chain(3_000), "{}")), "typed_limit");
    let long: Vec<String> = (0..64)
        .map(|n| format!("{{\"name\":\"m{n}{}\",\"type\":\"T1\"}}", "x".repeat(100)))
        .collect();
    let wide: Vec<String> = (0..8)
        .map(|n| {
            format!(
                "\"T{n}\":[{}]",
                long.join(",").replace("T1", &format!("T{}", n + 1))
            )
        })
        .collect();
    let types = format!(
        "{},\"T8\":[{{\"name\":\"a\",\"type\":\"bool\"}}]",
        wide.join(",")
    );
    assert_eq!(code(typed(&types, "{}")), "typed_limit");
    let array = format!("{{\"a\":[{}1]}}", "1,".repeat(1_000_000));
    let types = "\"T0\":[{\"name\":\"a\",\"type\":\"uint8[]\"}]";
    assert_eq!(code(typed(types, &array)), "json_too_large");
    let array = format!("{{\"a\":[{}1]}}", "1,".repeat(100_000));
    assert_eq!(code(typed(types, &array)), "json_nodes");
}

#[test]
fn spellings_of_one_document_are_one_document() {
    let types =
        "\"T0\":[{\"name\":\"a\",\"type\":\"uint256\"},{\"name\":\"b\",\"type\":\"address\"}]";
    let spellings = [
        ("255", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        ("\"255\"", "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"),
        ("\"0x00ff\"", "0x70997970C51812DC3A010C7D01B50E0D17DC79C8"),
    ];
    let documents: Vec<_> = spellings
        .iter()
        .map(|(a, b)| {
            match typed(types, &format!("{{\"a\":{a},\"b\":\"{b}\"}}"))
                .unwrap()
                .body
            {
                Body::TypedData(document) => document,
                other => panic!("{other:?}"),
            }
        })
        .collect();
    assert_eq!(documents[0], documents[1]);
    assert_eq!(documents[0], documents[2]);
    assert!(documents[0].json.contains("\"a\":\"255\""));
}

#[test]
fn a_request_says_what_it_was_asked() {
    let params = r#"[{"from":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","gas":"0x5208","gasPrice":"0x7",
        "to":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8","nonce":"0x3","chainId":"0x1"},
        {"note":"for \u202eyou","idempotencyKey":"k-1"}]"#;
    let request = request::parse("eth_signTransaction", params.as_bytes()).unwrap();
    assert_eq!(request.method, Method::SignTransaction);
    assert_eq!(request.from.unwrap().to_string(), WALLET);
    assert_eq!(request.chain_id, Some(ChainId::ETHEREUM));
    assert_eq!(request.note.as_deref(), Some("for \u{202e}you"));
    assert_eq!(request.idempotency_key.as_deref(), Some("k-1"));
    let Body::Transaction(transaction) = request.body else {
        panic!("not a transaction")
    };
    assert_eq!(transaction.gas, Some(21_000));
    assert_eq!(transaction.nonce, Some(3));
    assert_eq!(transaction.max_fee_per_gas, Some(7));
    assert_eq!(transaction.max_priority_fee_per_gas, Some(7));
}
