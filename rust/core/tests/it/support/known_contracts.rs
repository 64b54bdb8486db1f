//! The contracts fuzzed calls are sent to: the tokens of the tables and one contract of every
//! protocol.

use alloy_primitives::{address, Address};
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::effects::{contracts, Contract};
use holdfast_core::protocol::Protocol;

pub const WALLET: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
pub const CHAIN: ChainId = ChainId::ETHEREUM;
const TOKENS: [(Address, Standard, u8); 5] = [
    (
        address!("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
        Standard::Erc20,
        6,
    ),
    (
        address!("0x6B175474E89094C44Da98b954EedeAC495271d0F"),
        Standard::Erc20,
        18,
    ),
    (
        address!("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"),
        Standard::Erc20,
        18,
    ),
    (
        address!("0xBC4CA0EdA7647A8aB7C2061c2E118A18a936f13D"),
        Standard::Erc721,
        0,
    ),
    (
        address!("0x495f947276749Ce646f68AC8c248420045cb7b5e"),
        Standard::Erc1155,
        0,
    ),
];

/// Where the contract of a protocol is.
pub fn contract(protocol: Protocol) -> Address {
    let number = contracts()
        .position(|one| one.protocol() == protocol)
        .unwrap_or_default();
    Address::with_last_byte(number as u8).create(7)
}

/// Every place a call can go to; the first byte of an input picks one.
pub fn places() -> Vec<Address> {
    let tokens = TOKENS.iter().map(|(address, ..)| *address);
    tokens
        .chain(contracts().map(|one| contract(one.protocol())))
        .collect()
}

pub fn registry() -> Registry {
    let mut registry = Registry::new();
    let asset = |address: Option<Address>, standard, decimals| Asset {
        id: address.map_or("eth".to_owned(), |address| format!("{address:x}")),
        chain_id: CHAIN,
        address,
        standard,
        symbol: "X".to_owned(),
        decimals,
    };
    registry.insert(asset(None, Standard::Native, 18));
    for (address, standard, decimals) in TOKENS {
        registry.insert(asset(Some(address), standard, decimals));
    }
    for protocol in contracts().map(Contract::protocol) {
        registry.insert_contract(CHAIN.at(contract(protocol)), protocol);
    }
    registry
}
