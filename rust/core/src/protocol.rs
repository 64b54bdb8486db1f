//! What a contract speaks: the operator says it in the policy by (chain, address), or it is pinned
//! here. A selector, a name or a symbol alone never decides it.

use alloy_primitives::{address, Address};
use serde::{Deserialize, Serialize};

macro_rules! protocols {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// The closed list of protocols. The word of each is what policy files use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Protocol {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name,)+
        }

        impl Protocol {
            /// Every protocol, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word of this protocol.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

protocols! {
    /// Not known after all: takes back what is pinned here.
    Unknown = "unknown",
    /// Multicall, Multicall2, Multicall3: calls for whoever asks.
    Multicall = "multicall",
    /// The contract many tokens are allowed to once and for all.
    Permit2 = "permit2",
    /// The chain's coin as a token, one to one.
    Weth = "weth",
    /// An account of several owners (Safe).
    Safe = "safe",
    /// Runs a batch as the Safe that calls it by a delegate call.
    SafeMultisend = "safe-multisend",
    /// The same without delegate calls in the batch.
    SafeMultisendCallOnly = "safe-multisend-call-only",
    /// A smart account of the operator.
    Account = "account",
    /// Runs operations of smart accounts (ERC-4337).
    EntryPoint = "entry-point",
}

/// Contracts whose code is the same wherever something is at their address: the address is made from
/// the code (CREATE2) or from a signature nobody holds the key of.
const ANYWHERE: [(Address, Protocol); 13] = [
    (
        address!("0x000000000022D473030F116dDEE9F6B43aC78BA3"),
        Protocol::Permit2,
    ),
    (
        address!("0xcA11bde05977b3631167028862bE2a173976CA11"),
        Protocol::Multicall,
    ),
    (
        address!("0x5BA1e12693Dc8F9c48aAD8770482f4739bEeD696"),
        Protocol::Multicall,
    ),
    (
        address!("0x5FF137D4b0FDCD49DcA30c7CF57E578a026d2789"),
        Protocol::EntryPoint,
    ),
    (
        address!("0x0000000071727De22E5E9d8BAf0edAc6f37da032"),
        Protocol::EntryPoint,
    ),
    (
        address!("0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108"),
        Protocol::EntryPoint,
    ),
    (
        address!("0x433709009B8330FDa32311DF1C2AFA402eD8D009"),
        Protocol::EntryPoint,
    ),
    (
        address!("0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"),
        Protocol::SafeMultisend,
    ),
    (
        address!("0x38869bf66a61cF6bDB996A6aE40D5853Fd43B526"),
        Protocol::SafeMultisend,
    ),
    (
        address!("0x218543288004CD07832472D464648173c77D7eB7"),
        Protocol::SafeMultisend,
    ),
    (
        address!("0x40A2aCCbd92BCA938b02010E17A5b8929b49130D"),
        Protocol::SafeMultisendCallOnly,
    ),
    (
        address!("0x9641d764fc13c8B624c04430C7356C1C7C8102e2"),
        Protocol::SafeMultisendCallOnly,
    ),
    (
        address!("0xA83c336B20401Af773B6219BA5027174338D1836"),
        Protocol::SafeMultisendCallOnly,
    ),
];

/// Contracts of one chain each.
const PINNED: [(u64, Address, Protocol); 9] = [
    (
        1,
        address!("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"),
        Protocol::Weth,
    ),
    (
        10,
        address!("0x4200000000000000000000000000000000000006"),
        Protocol::Weth,
    ),
    (
        56,
        address!("0xbb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c"),
        Protocol::Weth,
    ),
    (
        100,
        address!("0xe91D153E0b41518A2Ce8Dd3D7944Fa863463a97d"),
        Protocol::Weth,
    ),
    (
        137,
        address!("0x0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270"),
        Protocol::Weth,
    ),
    (
        8453,
        address!("0x4200000000000000000000000000000000000006"),
        Protocol::Weth,
    ),
    (
        42161,
        address!("0x82aF49447D8a07e3bd95BD0d56f35241523fBab1"),
        Protocol::Weth,
    ),
    (
        43114,
        address!("0xB31f66AA3C1e785363F0875A1B74E27b85FD66c7"),
        Protocol::Weth,
    ),
    (
        11_155_111,
        address!("0xfFf9976782d46CC05630D1f6eBAb18b2324d6B14"),
        Protocol::Weth,
    ),
];

/// What is pinned for this address, if anything.
pub fn pinned(chain_id: u64, address: Address) -> Option<Protocol> {
    let here = PINNED
        .iter()
        .find(|(chain, one, _)| *chain == chain_id && *one == address)
        .map(|(_, _, protocol)| *protocol);
    here.or_else(|| {
        let mut anywhere = ANYWHERE.iter();
        let found = anywhere.find(|(one, _)| *one == address);
        found.map(|(_, protocol)| *protocol)
    })
}
