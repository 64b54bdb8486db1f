//! The demo policy parses, and a first payment of it is decided.

use holdfast_core::chain::ChainId;
use holdfast_core::policy::{decide, resolve, Facts, Policy, Verdict};
use holdfast_core::window::Windows;

const DEMO: &str = include_str!("../../data/policy_demo.toml");

#[test]
fn a_small_payment_to_a_vendor_is_instant() {
    let policy = Policy::parse(DEMO).unwrap_or_else(|errors| panic!("{errors}"));
    let to = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
    let party = "70997970c51812dc3a010c7d01b50e0d17dc79c8";
    let data = format!("0xa9059cbb{party:0>64}{:064x}", 8_000_000);
    let params = format!(r#"[{{"to":"{to}","gas":"0x186a0","data":"{data}"}}]"#);
    let method = "eth_sendTransaction";
    let request = holdfast_core::request::parse(method, params.as_bytes()).unwrap();
    let resolved = resolve(&policy, "shopper", request, &|_| None).unwrap();
    let windows = Windows::for_policy(&policy);
    let facts = Facts::parse(br#"{"prices":{"usdc":{"usd":"1.0003","at":1000}}}"#).unwrap();
    let decision = decide(
        &policy,
        &resolved.subject(method, &[]),
        &windows,
        &facts,
        2000,
    );
    assert_eq!(decision.verdict, Verdict::Instant, "{:?}", decision.reasons);
    assert_eq!(decision.reservations.len(), 4);
}

#[test]
fn a_contract_can_say_which_asset_it_holds() {
    let vault = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
    let table = format!(
        "[[contract]]\nid = \"vault\"\nchain = 31337\naddress = \"{vault}\"\nprotocol = \"erc4626\"\nasset = \"usdc\"\n"
    );
    let policy = Policy::parse(&format!("{DEMO}\n{table}")).unwrap_or_else(|e| panic!("{e}"));
    let registry = policy.registry();
    let vault = vault.parse().unwrap();
    let held = registry.holding(ChainId::new(31337).at(vault));
    let held = held.map(|asset| &asset.id[..]);
    assert_eq!(held, Some("usdc"));
    assert_eq!(registry.holding(ChainId::ETHEREUM.at(vault)), None);
}
