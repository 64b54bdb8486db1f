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
    /// A market of orders for tokens of every kind (Seaport 1.1 to 1.6).
    Seaport = "seaport",
    /// The contract that settles batches of orders (CoW Protocol).
    CowSettlement = "cow-settlement",
    /// A contract that settles orders signed as witness of a Permit2 transfer (UniswapX).
    UniswapxReactor = "uniswapx-reactor",
    /// Passes a Permit2 transfer on to the payee its witness names (x402).
    X402Proxy = "x402-proxy",
    /// The exchange of 0x, version 4.
    ZeroEx = "zeroex",
    /// The router of 1inch with limit orders of version 3.
    OneInchV5 = "oneinch-v5",
    /// The router of 1inch with limit orders of version 4.
    OneInchV6 = "oneinch-v6",
}

/// Contracts whose code is the same wherever something is at their address: the address is made from
/// the code (CREATE2) or from a signature nobody holds the key of.
const ANYWHERE: [(Address, Protocol); 8] = [
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
    // Seaport 1.4, 1.5, 1.6
    (
        address!("0x00000000000001ad428e4906aE43D8F9852d0dD6"),
        Protocol::Seaport,
    ),
    (
        address!("0x00000000000000ADc04C56Bf30aC9d3c0aAF14dC"),
        Protocol::Seaport,
    ),
    (
        address!("0x0000000000000068F116a894984e2DB1123eB395"),
        Protocol::Seaport,
    ),
    // x402 `exact`, `upto`
    (
        address!("0x402085c248EeA27D92E8b30b2C58ed07f9E20001"),
        Protocol::X402Proxy,
    ),
    (
        address!("0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002"),
        Protocol::X402Proxy,
    ),
];

/// Contracts of one chain each.
const PINNED: [(u64, Address, Protocol); 31] = [
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
    (
        1,
        address!("0x9008D19f58AAbD9eD0D60971565AA8510560ab41"),
        Protocol::CowSettlement,
    ),
    (
        10,
        address!("0x9008D19f58AAbD9eD0D60971565AA8510560ab41"),
        Protocol::CowSettlement,
    ),
    (
        56,
        address!("0x9008D19f58AAbD9eD0D60971565AA8510560ab41"),
        Protocol::CowSettlement,
    ),
    (
        100,
        address!("0x9008D19f58AAbD9eD0D60971565AA8510560ab41"),
        Protocol::CowSettlement,
    ),
    (
        137,
        address!("0x9008D19f58AAbD9eD0D60971565AA8510560ab41"),
        Protocol::CowSettlement,
    ),
    (
        8453,
        address!("0x9008D19f58AAbD9eD0D60971565AA8510560ab41"),
        Protocol::CowSettlement,
    ),
    (
        42161,
        address!("0x9008D19f58AAbD9eD0D60971565AA8510560ab41"),
        Protocol::CowSettlement,
    ),
    (
        43114,
        address!("0x9008D19f58AAbD9eD0D60971565AA8510560ab41"),
        Protocol::CowSettlement,
    ),
    (
        11_155_111,
        address!("0x9008D19f58AAbD9eD0D60971565AA8510560ab41"),
        Protocol::CowSettlement,
    ),
    (
        1,
        address!("0x6000da47483062A0D734Ba3dc7576Ce6A0B645C4"),
        Protocol::UniswapxReactor,
    ),
    (
        1,
        address!("0x00000011F84B9aa48e5f8aA8B9897600006289Be"),
        Protocol::UniswapxReactor,
    ),
    (
        1,
        address!("0x0000000015757c461808EA25Eb309638B62681cf"),
        Protocol::UniswapxReactor,
    ),
    (
        10,
        address!("0x000000000923439A92daE8930613568824108631"),
        Protocol::UniswapxReactor,
    ),
    (
        56,
        address!("0x00000000a55e50C71b70Db3C8B58749cd1E18eB2"),
        Protocol::UniswapxReactor,
    ),
    (
        130,
        address!("0x00000006021a6Bce796be7ba509BBBA71e956e37"),
        Protocol::UniswapxReactor,
    ),
    (
        130,
        address!("0x000000005aF66799D1a6317714D66800f9CA1406"),
        Protocol::UniswapxReactor,
    ),
    (
        137,
        address!("0x00000000bAB6E234db8AD638B6A6395b7c499Bc4"),
        Protocol::UniswapxReactor,
    ),
    (
        8453,
        address!("0x000000001Ec5656dcdB24D90DFa42742738De729"),
        Protocol::UniswapxReactor,
    ),
    (
        8453,
        address!("0x000000008a8330B5d1F43A62Bf4C673A49f27ba0"),
        Protocol::UniswapxReactor,
    ),
    (
        42161,
        address!("0x1bd1aAdc9E230626C44a139d7E70d842749351eb"),
        Protocol::UniswapxReactor,
    ),
    (
        42161,
        address!("0xB274d5F4b833b61B340b654d600A864fB604a87c"),
        Protocol::UniswapxReactor,
    ),
    (
        43114,
        address!("0x00000000862cCF095823fc7576Fa6C7e6b7385ef"),
        Protocol::UniswapxReactor,
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
