//! What a contract speaks: the operator says it in the policy by (chain, address), or it is pinned
//! here. A selector, a name or a symbol alone never decides it.

mod code;
mod pinned;
mod routers;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use pinned::{ANYWHERE, ON_CHAINS, PINNED};

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
    /// Sends the coin or a token to many at once.
    Disperse = "disperse",
    /// A vault whose shares are a token (ERC-4626).
    Erc4626 = "erc4626",
    /// The lending pool of Aave, version 2.
    AaveV2Pool = "aave-v2-pool",
    /// The lending pool of Aave, version 3.
    AaveV3Pool = "aave-v3-pool",
    /// Supplies the chain's coin to a pool of Aave.
    AaveGateway = "aave-gateway",
    /// What is owed to a pool of Aave, as a token.
    AaveDebtToken = "aave-debt-token",
    /// A market of Compound, version 2, as a token.
    CompoundV2Ctoken = "compound-v2-ctoken",
    /// A market of Compound, version 3.
    CompoundV3Comet = "compound-v3-comet",
    /// Burns a token here to mint it on another chain (Circle's CCTP).
    CctpTokenMessenger = "cctp-token-messenger",
    /// The standard bridge of the OP Stack, on either side.
    OpStandardBridge = "op-standard-bridge",
    /// Transactions from Ethereum to a chain of the OP Stack.
    OpPortal = "op-portal",
    /// The coin to an Arbitrum chain.
    ArbitrumInbox = "arbitrum-inbox",
    /// Tokens to an Arbitrum chain.
    ArbitrumGatewayRouter = "arbitrum-gateway-router",
    /// A token of LayerZero or a pool of Stargate.
    LayerzeroOft = "layerzero-oft",
    /// Deposits that somebody fills on another chain (Across).
    AcrossSpokePool = "across-spoke-pool",
    /// The Universal Router of Uniswap, 1.2 or later, where the version is not known.
    UniversalRouter = "universal-router",
    /// The Universal Router, 2.0.
    UniversalRouterV2 = "universal-router-v2",
    /// The Universal Router, 2.1 or 2.2.
    UniversalRouterV21 = "universal-router-v2-1",
    /// Router 02 of Uniswap V2, and forks with the same functions.
    UniswapV2Router = "uniswap-v2-router",
    /// The first router of Uniswap V3 (`SwapRouter`).
    UniswapV3Router = "uniswap-v3-router",
    /// The second one (`SwapRouter02`).
    UniswapV3Router02 = "uniswap-v3-router-02",
    /// Positions in pools of Uniswap V3 (`NonfungiblePositionManager`).
    UniswapV3Positions = "uniswap-v3-positions",
    /// The router of ParaSwap (Augustus 6.2).
    ParaswapV6 = "paraswap-v6",
    /// Stakes the coin (Lido's stETH).
    Lido = "lido",
    /// Lido's token, wrapped.
    Wsteth = "wsteth",
    /// The way out of Lido.
    LidoWithdrawalQueue = "lido-withdrawal-queue",
    /// Rewards for a token that is staked (StakingRewards).
    StakingRewards = "staking-rewards",
}

impl Protocol {
    /// Whether what is given to it arrives later, and elsewhere.
    pub const fn is_bridge(self) -> bool {
        matches!(
            self,
            Self::CctpTokenMessenger
                | Self::OpStandardBridge
                | Self::OpPortal
                | Self::ArbitrumInbox
                | Self::ArbitrumGatewayRouter
                | Self::LayerzeroOft
                | Self::AcrossSpokePool
                | Self::LidoWithdrawalQueue
        )
    }
}

/// The pinned contract of the chain's wrapped coin.
pub fn pinned_wrapped_coin(chain_id: u64) -> Option<Address> {
    let mut each = PINNED.iter();
    let found = each.find(|(chain, _, protocol)| *chain == chain_id && *protocol == Protocol::Weth);
    found.map(|(_, address, _)| *address)
}

/// What is pinned for this address, if anything.
pub fn pinned(chain_id: u64, address: Address) -> Option<Protocol> {
    let here = PINNED
        .iter()
        .find(|(chain, one, _)| *chain == chain_id && *one == address)
        .map(|(_, _, protocol)| *protocol);
    here.or_else(|| {
        let mut on_chains = ON_CHAINS.iter();
        let found =
            on_chains.find(|(one, _, chains)| *one == address && chains.contains(&chain_id));
        found.map(|(_, protocol, _)| *protocol)
    })
    .or_else(|| routers::router(chain_id, address))
    .or_else(|| {
        let mut anywhere = ANYWHERE.iter();
        let found = anywhere.find(|(one, _)| *one == address);
        found.map(|(_, protocol)| *protocol)
    })
}

/// Every contract that is pinned on this chain, with the hash of its code where that is known.
pub(crate) fn pinned_on(chain_id: u64) -> BTreeMap<Address, Option<B256>> {
    let here = PINNED.iter().filter(|(chain, ..)| *chain == chain_id);
    let here = here.map(|(_, address, _)| *address);
    let on_chains = ON_CHAINS
        .iter()
        .filter(|(.., chains)| chains.contains(&chain_id));
    let on_chains = on_chains.map(|(address, ..)| *address);
    let anywhere = ANYWHERE.iter().map(|(address, _)| *address);
    let all = here.chain(on_chains).chain(routers::on(chain_id));
    let mut found: BTreeMap<Address, Option<B256>> =
        all.chain(anywhere).map(|address| (address, None)).collect();
    for (address, chain, hash) in code::known() {
        if chain.is_none_or(|chain| chain == chain_id) {
            if let Some(known) = found.get_mut(&address) {
                *known = Some(hash);
            }
        }
    }
    found
}
