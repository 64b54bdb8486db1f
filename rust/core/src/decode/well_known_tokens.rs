//! Tokens everybody knows, for `holdfast decode` without a policy. Policies never see them.

use alloy_primitives::{address, Address};

use crate::asset::{Asset, Registry, Standard};
use crate::chain::ChainId;

/// Chains whose coin has 18 decimals, by its symbol.
const NATIVE: [(&str, &[u64]); 17] = [
    (
        "ETH",
        &[
            1, 10, 130, 324, 480, 1101, 2741, 8453, 17000, 34443, 42161, 57073, 59144, 81457,
            534_352, 560_048, 7_777_777, 11_155_111,
        ],
    ),
    ("POL", &[137]),
    ("BNB", &[56]),
    ("AVAX", &[43113, 43114]),
    ("xDAI", &[100]),
    ("FTM", &[250]),
    ("S", &[146]),
    ("CELO", &[42220]),
    ("MNT", &[5000]),
    ("SEI", &[1329]),
    ("CRO", &[25]),
    ("BERA", &[80094]),
    ("HYPE", &[999]),
    ("RBTC", &[30]),
    ("FLR", &[14]),
    ("CORE", &[1116]),
    ("CHZ", &[88888]),
];

/// Chain, contract, symbol, decimals.
const TOKENS: [(u64, Address, &str, u8); 8] = [
    (
        1,
        address!("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
        "USDC",
        6,
    ),
    (
        10,
        address!("0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85"),
        "USDC",
        6,
    ),
    (
        137,
        address!("0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"),
        "USDC",
        6,
    ),
    (
        8453,
        address!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
        "USDC",
        6,
    ),
    (
        42161,
        address!("0xaf88d065e77c8cC2239327C5EDb3A432268e5831"),
        "USDC",
        6,
    ),
    (
        1,
        address!("0xdAC17F958D2ee523a2206206994597C13D831ec7"),
        "USDT",
        6,
    ),
    (
        1,
        address!("0x6B175474E89094C44Da98b954EedeAC495271d0F"),
        "DAI",
        18,
    ),
    (
        1,
        address!("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"),
        "WETH",
        18,
    ),
];

/// Adds them where the registry has nothing of its own. They have no id: no rule can name them.
pub(super) fn add_to(registry: &mut Registry) {
    for (symbol, chains) in NATIVE {
        for chain_id in chains {
            registry.insert(unnamed(
                ChainId::new(*chain_id),
                None,
                symbol.to_owned(),
                18,
            ));
        }
    }
    for (chain_id, address, symbol, decimals) in TOKENS {
        registry.insert(unnamed(
            ChainId::new(chain_id),
            Some(address),
            symbol.to_owned(),
            decimals,
        ));
    }
}

pub(super) const fn unnamed(
    chain_id: ChainId,
    address: Option<Address>,
    symbol: String,
    decimals: u8,
) -> Asset {
    let standard = if address.is_some() {
        Standard::Erc20
    } else {
        Standard::Native
    };
    Asset {
        id: String::new(),
        chain_id,
        address,
        standard,
        symbol,
        decimals,
    }
}
