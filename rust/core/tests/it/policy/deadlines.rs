//! How long what is signed can be used, as a condition: at, below and above it, by both clocks.

use holdfast_core::policy::{decide, resolve, Facts, Policy};
use holdfast_core::request;
use holdfast_core::window::Windows;
use serde_json::{json, Value};
use toml::Value as Toml;

use crate::support::calls::Table;

const WALLET: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const SHOP: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
const DAI: &str = "0x6B175474E89094C44Da98b954EedeAC495271d0F";
const ROUTER: &str = "0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D";
const PERMIT2: &str = "0x000000000022D473030F116dDEE9F6B43aC78BA3";
const NOW_S: u64 = 1_700_000_000;

/// One rule for what ends within ten minutes, another for all that does not.
const RULES: &str = r#"
[[rule]]
id = "short"
effects = ["transfer", "allowance", "swap", "message"]
deadline_within = "10m"
tier = "instant"
[[rule]]
id = "long"
effects = ["transfer", "allowance", "swap", "message"]
deadline_beyond = "10m"
tier = "delay"
delay = "5m"
"#;

fn policy(rules: &str) -> Policy {
    let asset = |id: &str, address: &str, decimals: u8| {
        format!(
            "[[asset]]\nid = \"{id}\"\nchain = 1\naddress = \"{address}\"\n\
             decimals = {decimals}\nsymbol = \"{id}\"\nprice_usd = \"1\"\n"
        )
    };
    let text = format!(
        "version = 1\nname = \"deadlines\"\n[[chain]]\nid = 1\nname = \"one\"\ngas_max = 500_000\n\
         fee_per_gas_max = \"100 gwei\"\npriority_fee_per_gas_max = \"5 gwei\"\n\
         [[wallet]]\nid = \"purse\"\naddress = \"{WALLET}\"\n\
         [[agent]]\nid = \"bot\"\nwallets = [\"purse\"]\nchain = 1\n{}{}\
         [[contract]]\nid = \"router\"\nchain = 1\naddress = \"{ROUTER}\"\n\
         protocol = \"uniswap-v2-router\"\n{rules}",
        asset("usdc", USDC, 6),
        asset("dai", DAI, 18),
    );
    Policy::parse(&text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The verdict and the reasons, "code rule", with what the wall clock shows in s.
fn asked(rules: &str, (method, params): &(&str, Value), wall_s: u64) -> (String, Vec<String>) {
    let policy = policy(rules);
    let parsed = request::parse(method, params.to_string().as_bytes()).unwrap();
    let resolved = resolve(&policy, "bot", parsed, &|_| None).unwrap();
    let facts = json!({ "wall_ms": wall_s * 1000 }).to_string();
    let facts = Facts::parse(facts.as_bytes()).unwrap();
    let subject = resolved.subject(method, &[]);
    let windows = Windows::for_policy(&policy);
    let decision = decide(&policy, &subject, &windows, &facts, NOW_S * 1000);
    let reasons = decision.reasons.iter().map(|reason| {
        let rule = reason.rule.as_deref().unwrap_or_default();
        format!("{} {rule}", reason.code.as_str())
    });
    (decision.verdict.as_str().to_owned(), reasons.collect())
}

fn document(name: &str, types: Value, contract: &str, message: &Value) -> (&'static str, Value) {
    let field = |name: &str, kind: &str| json!({ "name": name, "type": kind });
    let mut types = types;
    types["EIP712Domain"] = json!([
        field("chainId", "uint256"),
        field("verifyingContract", "address")
    ]);
    let document = json!({
        "types": types, "primaryType": name,
        "domain": { "chainId": 1, "verifyingContract": contract }, "message": message,
    });
    ("eth_signTypedData_v4", json!([WALLET, document]))
}

fn members(text: &str) -> Value {
    let members = text.split(", ").map(|member| {
        let (kind, name) = member.split_once(' ').unwrap();
        json!({ "name": name, "type": kind })
    });
    Value::Array(members.collect())
}

fn permit(deadline: u64) -> (&'static str, Value) {
    let types = json!({ "Permit": members(
        "address owner, address spender, uint256 value, uint256 nonce, uint256 deadline",
    ) });
    let message = json!({
        "owner": WALLET, "spender": SHOP, "value": "5", "nonce": "0",
        "deadline": deadline.to_string(),
    });
    document("Permit", types, USDC, &message)
}

fn payment(before: u64) -> (&'static str, Value) {
    let types = json!({ "TransferWithAuthorization": members(
        "address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, \
         bytes32 nonce",
    ) });
    let message = json!({
        "from": WALLET, "to": SHOP, "value": "5", "validAfter": "0",
        "validBefore": before.to_string(), "nonce": format!("0x{:064x}", 7),
    });
    document("TransferWithAuthorization", types, USDC, &message)
}

/// `end` of the allowance, `deadline` of the signature.
fn lent(end: u64, deadline: u64) -> (&'static str, Value) {
    let types = json!({
        "PermitSingle": members("PermitDetails details, address spender, uint256 sigDeadline"),
        "PermitDetails": members("address token, uint160 amount, uint48 expiration, uint48 nonce"),
    });
    let details = json!({
        "token": USDC, "amount": "5", "expiration": end.to_string(), "nonce": "0",
    });
    let message = json!({
        "details": details, "spender": SHOP, "sigDeadline": deadline.to_string(),
    });
    document("PermitSingle", types, PERMIT2, &message)
}

fn transaction(to: &str, data: &[u8]) -> (&'static str, Value) {
    let data = format!("0x{}", alloy_primitives::hex::encode(data));
    let fields = json!({ "to": to, "gas": "0x5208", "data": data });
    ("eth_sendTransaction", json!([fields]))
}

fn swap(deadline: u64) -> (&'static str, Value) {
    let table = Table::read("case = []");
    let text = |text: &str| Toml::String(text.to_owned());
    let path = Toml::Array(vec![text(USDC), text(DAI)]);
    let deadline = text(&deadline.to_string());
    let args = [
        text("5000000"),
        text("5000000000000000000"),
        path,
        text(WALLET),
        deadline,
    ];
    let call = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)";
    transaction(ROUTER, &table.call(call, &args))
}

#[test]
fn what_ends_in_time_is_told_from_what_does_not_to_the_second() {
    let end = NOW_S + 600;
    for request in [permit(end), payment(end), lent(end, end), swap(end)] {
        let (verdict, reasons) = asked(RULES, &request, NOW_S);
        assert_eq!(verdict, "instant", "{reasons:?} {request:?}");
    }
    for request in [
        permit(end + 1),
        permit(u64::MAX),
        payment(end + 1),
        lent(end + 1, end),
        lent(end, end + 1),
        swap(end + 1),
        swap(u64::MAX),
    ] {
        let (verdict, reasons) = asked(RULES, &request, NOW_S);
        assert_eq!(
            (verdict.as_str(), reasons.as_slice()),
            ("delay", ["granted long".to_owned()].as_slice()),
            "{request:?}"
        );
    }
}

#[test]
fn what_has_no_deadline_is_beyond_any() {
    let table = Table::read("case = []");
    let args = [Toml::String(SHOP.to_owned()), Toml::String("5".to_owned())];
    let approve = transaction(USDC, &table.call("approve(address,uint256)", &args));
    let hello = ("personal_sign", json!(["0x6869", WALLET]));
    for (request, wanted) in [(approve, "delay"), (hello, "approval")] {
        let (verdict, reasons) = asked(RULES, &request, NOW_S);
        assert_eq!(verdict, wanted, "{reasons:?}");
        assert!(reasons.contains(&"granted long".to_owned()), "{reasons:?}");
    }
}

#[test]
fn a_rule_needs_both_clocks_and_a_forbid_one() {
    let end = NOW_S + 600;
    // By the earlier clock it is too far away.
    let (verdict, _) = asked(RULES, &permit(end), NOW_S - 120);
    assert_eq!(verdict, "deny");
    let forbid = |key: &str| {
        format!(
            "[[rule]]\nid = \"all\"\neffects = [\"allowance\"]\ntier = \"instant\"\n\
             [[forbid]]\nid = \"never\"\n{key} = \"10m\"\n"
        )
    };
    for (key, deadline, wall, wanted) in [
        ("deadline_beyond", end, NOW_S, "instant"),
        ("deadline_beyond", end + 1, NOW_S, "deny"),
        ("deadline_beyond", end, NOW_S - 120, "deny"),
        ("deadline_beyond", end, NOW_S + 120, "instant"),
        ("deadline_within", end + 1, NOW_S, "instant"),
        ("deadline_within", end + 60, NOW_S + 120, "deny"),
    ] {
        let (verdict, reasons) = asked(&forbid(key), &permit(deadline), wall);
        assert_eq!(verdict, wanted, "{key} {deadline} {wall}: {reasons:?}");
    }
}

#[test]
fn returns_are_compared_in_hundredths_of_a_percent() {
    let table = Table::read("case = []");
    let text = |text: &str| Toml::String(text.to_owned());
    let swap = |least: &str| {
        let path = Toml::Array(vec![text(USDC), text(DAI)]);
        let args = [
            text("5000000"),
            text(least),
            path,
            text(WALLET),
            text("1700000060"),
        ];
        let call = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)";
        transaction(ROUTER, &table.call(call, &args))
    };
    for (percent, least, wanted) in [
        ("99.5", "4975000000000000000", "instant"),
        ("99.5", "4974999999999999999", "approval"),
        ("99.25", "4962500000000000000", "instant"),
        ("99.25", "4962000000000000000", "approval"),
        ("99.25", "4962499999999999999", "approval"),
    ] {
        let rule = format!(
            "[[rule]]\nid = \"fair\"\neffects = [\"swap\"]\nreturn_min_percent = {percent}\n\
             deadline_within = \"10m\"\ntier = \"instant\"\n"
        );
        let (verdict, reasons) = asked(&rule, &swap(least), NOW_S);
        assert_eq!(verdict, wanted, "{percent} {least}: {reasons:?}");
    }
}
