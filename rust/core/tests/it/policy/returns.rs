//! What must come back for a swap: a table of swaps, prices and rules.

use alloy_primitives::hex;
use holdfast_core::amount::parse_decimal_units;
use holdfast_core::simulate::Simulator;
use serde::Deserialize;
use serde_json::{json, Value};

use crate::support::{calls, seen};

const POLICY: &str = r#"
version = 1
name = "returns"
[[chain]]
id = 1
name = "mainnet"
gas_max = 500_000
fee_per_gas_max = "2 gwei"
priority_fee_per_gas_max = "1 gwei"
[[wallet]]
id = "purse"
address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
[[agent]]
id = "trader"
wallets = ["purse"]
chain = 1
[[asset]]
id = "usdc"
chain = 1
address = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
decimals = 6
symbol = "USDC"
price_usd = "1"
[[asset]]
id = "weth"
chain = 1
address = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
decimals = 18
symbol = "WETH"
price_usd = "3000"
[[asset]]
id = "dai"
chain = 1
address = "0x6B175474E89094C44Da98b954EedeAC495271d0F"
decimals = 18
symbol = "DAI"
[[rule]]
id = "careful"
effects = ["swap"]
tier = "instant"
"#;
const ROUTER: &str = "0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D";
const MULTICALL: &str = "0xcA11bde05977b3631167028862bE2a173976CA11";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    limit: Option<String>,
    #[serde(default)]
    add: String,
    steps: Vec<String>,
    facts: Option<String>,
    verdict: String,
    reason: Option<String>,
    /// Less than half comes back, which needs no rule.
    #[serde(default)]
    poor: bool,
}

impl Case {
    fn policy(&self) -> String {
        let least = match &self.limit {
            None => "return_min_percent = 95\n",
            Some(text) => text,
        };
        format!("{POLICY}{least}{}", self.add)
    }

    fn request(&self, table: &calls::Table) -> (String, String) {
        let mut swaps: Vec<Vec<u8>> = self.steps.iter().map(|step| swap(step, table)).collect();
        if swaps.len() == 1 {
            return (ROUTER.to_owned(), hex::encode_prefixed(swaps.remove(0)));
        }
        let items = swaps
            .iter()
            .map(|data| format!(r#"["{ROUTER}", true, "{}"]"#, hex::encode_prefixed(data)));
        let items: toml::Table = format!("args = [[{}]]", items.collect::<Vec<_>>().join(","))
            .parse()
            .unwrap();
        let args = items["args"].as_array().unwrap();
        let data = table.call("aggregate3((address,bool,bytes)[])", args);
        (MULTICALL.to_owned(), hex::encode_prefixed(data))
    }
}

/// `1000 usdc 0.3 weth`
fn swap(step: &str, table: &calls::Table) -> Vec<u8> {
    let words: Vec<&str> = step.split(' ').collect();
    let units = |amount: &str, token: &str| {
        parse_decimal_units(amount, if token == "usdc" { 6 } else { 18 }).unwrap()
    };
    let (pays, gets) = (units(words[0], words[1]), units(words[2], words[3]));
    let args: toml::Table = format!(
        r#"args = ["{pays}", "{gets}", ["{}", "{}"], "me", 1900000000]"#,
        words[1], words[3]
    )
    .parse()
    .unwrap();
    table.call(
        "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)",
        args["args"].as_array().unwrap(),
    )
}

#[test]
fn what_comes_back_must_be_worth_what_the_rule_asks_for() {
    let source: Source = toml::from_str(include_str!("../../data/returns.toml")).unwrap();
    let table = calls::Table::read("case = []");
    for case in &source.case {
        let mut simulator = Simulator::new(&case.policy(), false).unwrap();
        let (to, data) = case.request(&table);
        let facts = case.facts.as_deref().unwrap_or("{}");
        let facts = seen::with_code(facts, seen::everything(&case.policy(), 1_000_000));
        let request = format!(
            r#"{{"id":1,"agent":"trader","at":1000,"facts":{facts},"request":{{"method":
            "eth_sendTransaction","params":[{{"to":"{to}","data":"{data}"}}]}}}}"#
        );
        let found: Value = serde_json::from_slice(&simulator.decide(request.as_bytes())).unwrap();
        assert_eq!(
            found["verdict"],
            case.verdict.as_str(),
            "{}: {found}",
            case.name
        );
        let reasons = found["reasons"].as_array().unwrap().iter();
        let told: Vec<String> = reasons.filter_map(said).collect();
        let poor = "low_return by nobody".to_owned();
        let poor = case.poor.then_some(poor);
        let expected: Vec<String> = poor.into_iter().chain(case.reason.clone()).collect();
        assert_eq!(told, expected, "{}: {found}", case.name);
    }
}

/// Every reason but what was granted.
fn said(reason: &Value) -> Option<String> {
    let text = |key: &str| reason[key].as_str().unwrap_or_default();
    let by = format!("{} by {}", text("code"), text("rule"));
    match text("code") {
        "granted" => None,
        "low_return" if reason["rule"].is_null() => Some("low_return by nobody".to_owned()),
        "low_return" => Some(format!("{by}: {} of {}", text("observed"), text("limit"))),
        _ => Some(by),
    }
}

const ORDERS: &str = "[[rule]]\nid = \"orders\"\neffects = [\"order\"]\ntier = \"instant\"\n";
const COW: &str = "0x9008D19f58AAbD9eD0D60971565AA8510560ab41";

/// An order of CoW: 10 USDC for 0.003 WETH.
fn order() -> Value {
    let members = [
        ("sellToken", "address"),
        ("buyToken", "address"),
        ("receiver", "address"),
        ("sellAmount", "uint256"),
        ("buyAmount", "uint256"),
        ("validTo", "uint32"),
        ("appData", "bytes32"),
        ("feeAmount", "uint256"),
        ("kind", "string"),
        ("partiallyFillable", "bool"),
        ("sellTokenBalance", "string"),
        ("buyTokenBalance", "string"),
    ];
    let domain = [
        ("name", "string"),
        ("version", "string"),
        ("chainId", "uint256"),
        ("verifyingContract", "address"),
    ];
    let typed = |members: &[(&str, &str)]| -> Vec<Value> {
        let member = |(name, kind): &(&str, &str)| json!({"name": name, "type": kind});
        members.iter().map(member).collect()
    };
    let wallet = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    let document = json!({"primaryType": "Order",
        "types": {"EIP712Domain": typed(&domain), "Order": typed(&members)},
        "domain": {"name": "Gnosis Protocol", "version": "v2", "chainId": 1,
            "verifyingContract": COW},
        "message": {"sellToken": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
            "buyToken": "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "receiver": wallet,
            "sellAmount": "10000000", "buyAmount": "3300000000000000", "validTo": 1_900,
            "appData": format!("0x{:064}", 0), "feeAmount": "0", "kind": "sell",
            "partiallyFillable": false, "sellTokenBalance": "erc20", "buyTokenBalance": "erc20"}});
    json!({"method": "eth_signTypedData_v4", "params": [wallet, document]})
}

#[test]
fn what_is_measured_by_the_balance_is_not_sure_while_something_else_is_owed() {
    let policy = format!("{POLICY}return_min_percent = 95\n{ORDERS}");
    let table = calls::Table::read("case = []");
    let args: toml::Table =
        r#"args = ["1000000000", "317000000000000000", ["usdc", "weth"], "me", 1900000000]"#
            .parse()
            .unwrap();
    let swapped = |signature: &str| {
        let data = table.call(signature, args["args"].as_array().unwrap());
        json!({"method": "eth_sendTransaction",
            "params": [{"to": ROUTER, "data": hex::encode_prefixed(data)}]})
    };
    let paid = swapped("swapExactTokensForTokens(uint256,uint256,address[],address,uint256)");
    let measured = swapped("swapExactTokensForTokensSupportingFeeOnTransferTokens(uint256,uint256,address[],address,uint256)");
    let mut simulator = Simulator::new(&policy, true).unwrap();
    let mut say = |request: &Value| {
        let code = seen::everything(&policy, 1_000_000);
        let case = json!({"id": 1, "agent": "trader", "at": 1000, "facts": {"code": code},
            "request": request});
        let found = simulator.decide(case.to_string().as_bytes());
        let found: Value = serde_json::from_slice(&found).unwrap();
        found["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(say(&measured), "instant");
    assert_eq!(say(&order()), "instant");
    // Somebody may fill the order meanwhile, which would pass for the return.
    assert_eq!(say(&measured), "approval");
    assert_eq!(say(&paid), "instant");
}
