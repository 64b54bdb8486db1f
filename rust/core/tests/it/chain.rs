//! A chain id costs nothing over its number and is written as that; accounts differ by chain.

use alloy_primitives::Address;
use holdfast_core::chain::ChainId;

#[test]
fn a_chain_id_is_its_number_in_text_json_and_memory() {
    let base = ChainId::new(8453);
    assert_eq!(base.to_string(), "8453");
    assert_eq!("8453".parse(), Ok(base));
    assert_eq!(serde_json::to_string(&base).unwrap(), "8453");
    assert_eq!(serde_json::from_str::<ChainId>("8453").unwrap(), base);
    assert!(serde_json::from_str::<ChainId>("\"8453\"").is_err());
    assert_eq!(size_of::<ChainId>(), size_of::<u64>());
}

#[test]
fn no_request_names_chain_0() {
    assert_eq!(ChainId::checked(0), None);
    assert_eq!(ChainId::checked(1), Some(ChainId::ETHEREUM));
}

#[test]
fn an_address_on_two_chains_is_two_accounts_in_the_order_of_the_chains() {
    let (low, high) = (Address::repeat_byte(1), Address::repeat_byte(2));
    let here = ChainId::ETHEREUM.at(high);
    let there = ChainId::new(10).at(high);
    assert_ne!(here, there);
    assert!(here < there && here < ChainId::new(10).at(low));
}
