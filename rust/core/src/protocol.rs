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
    /// Stakes the coin (Lido's stETH).
    Lido = "lido",
    /// Lido's token, wrapped.
    Wsteth = "wsteth",
    /// The way out of Lido.
    LidoWithdrawalQueue = "lido-withdrawal-queue",
    /// Rewards for a token that is staked (StakingRewards).
    StakingRewards = "staking-rewards",
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

/// Contracts that are at the same address on these chains.
const ON_CHAINS: &[(Address, Protocol, &[u64])] = &[
    (
        address!("0xD152f549545093347A162Dce210e7293f1452150"),
        Protocol::Disperse,
        &[1, 10, 56, 100, 137, 250, 8453, 42161, 42220, 11_155_111],
    ),
    (
        address!("0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2"),
        Protocol::AaveV3Pool,
        &[1],
    ),
    (
        address!("0x794a61358D6845594F94dc1DB02A252b5b4814aD"),
        Protocol::AaveV3Pool,
        &[10, 137, 42161, 43114],
    ),
    (
        address!("0xA238Dd80C259a72e81d7e4664a9801593F98d1c5"),
        Protocol::AaveV3Pool,
        &[8453],
    ),
    (
        address!("0xb50201558B00496A145fE76f7424749556E326D8"),
        Protocol::AaveV3Pool,
        &[100],
    ),
    (
        address!("0x11fCfe756c05AD438e312a7fd934381537D3cFfe"),
        Protocol::AaveV3Pool,
        &[534_352],
    ),
    (
        address!("0xc47b8C00b0f69a36fa203Ffeac0334874574a8Ac"),
        Protocol::AaveV3Pool,
        &[59144],
    ),
    (
        address!("0x3E59A31363E2ad014dcbc521c4a0d5757d9f3402"),
        Protocol::AaveV3Pool,
        &[42220],
    ),
    (
        address!("0x5362dBb1e601abF3a4c14c22ffEdA64042E5eAA3"),
        Protocol::AaveV3Pool,
        &[146],
    ),
    (
        address!("0x78e30497a3c7527d953c6B1E3541b021A98Ac43c"),
        Protocol::AaveV3Pool,
        &[324],
    ),
    (
        address!("0x7d2768dE32b0b80b7a3454c06BdAc94A69DDc7A9"),
        Protocol::AaveV2Pool,
        &[1],
    ),
    (
        address!("0x8dFf5E27EA6b7AC08EbFdf9eB090F32ee9a30fcf"),
        Protocol::AaveV2Pool,
        &[137],
    ),
    (
        address!("0x4F01AeD16D97E3aB5ab2B501154DC9bb0F1A5A2C"),
        Protocol::AaveV2Pool,
        &[43114],
    ),
    (
        address!("0xd01607c3C5eCABa394D8be377a08590149325722"),
        Protocol::AaveGateway,
        &[1],
    ),
    (
        address!("0x5f2508cAE9923b02316254026CD43d7902866725"),
        Protocol::AaveGateway,
        &[10],
    ),
    (
        address!("0x721B9abAb6511b46b9ee83A1aba23BDAcB004149"),
        Protocol::AaveGateway,
        &[100],
    ),
    (
        address!("0xBC302053db3aA514A3c86B9221082f162B91ad63"),
        Protocol::AaveGateway,
        &[137],
    ),
    (
        address!("0xa0d9C1E9E48Ca30c8d8C3B5D69FF5dc1f6DFfC24"),
        Protocol::AaveGateway,
        &[8453],
    ),
    (
        address!("0x5283BEcEd7ADF6D003225C13896E536f2D4264FF"),
        Protocol::AaveGateway,
        &[42161],
    ),
    (
        address!("0x2825cE5921538d17cc15Ae00a8B24fF759C6CDaE"),
        Protocol::AaveGateway,
        &[43114],
    ),
    (
        address!("0x28b5a0e9C621a5BadaA536219b3a228C8168cf5d"),
        Protocol::CctpTokenMessenger,
        &[1, 10, 130, 137, 146, 480, 8453, 42161, 43114, 59144],
    ),
    (
        address!("0xBd3fa81B58Ba92a82136038B25aDec7066af3155"),
        Protocol::CctpTokenMessenger,
        &[1],
    ),
    (
        address!("0x2B4069517957735bE00ceE0fadAE88a26365528f"),
        Protocol::CctpTokenMessenger,
        &[10],
    ),
    (
        address!("0x9daF8c91AEFAE50b9c0E69629D3F6Ca40cA3B3FE"),
        Protocol::CctpTokenMessenger,
        &[137],
    ),
    (
        address!("0x1682Ae6375C4E4A97e4B583BC394c861A46D8962"),
        Protocol::CctpTokenMessenger,
        &[8453],
    ),
    (
        address!("0x19330d10D9Cc8751218eaf51E8885D058642E08A"),
        Protocol::CctpTokenMessenger,
        &[42161],
    ),
    (
        address!("0x6B25532e1060CE10cc3B0A99e5683b91BFDe6982"),
        Protocol::CctpTokenMessenger,
        &[43114],
    ),
    (
        address!("0x99C9fc46f92E8a1c0deC1b1747d010903E884bE1"),
        Protocol::OpStandardBridge,
        &[1],
    ),
    (
        address!("0x3154Cf16ccdb4C6d922629664174b904d80F2C35"),
        Protocol::OpStandardBridge,
        &[1],
    ),
    (
        address!("0x4200000000000000000000000000000000000010"),
        Protocol::OpStandardBridge,
        &[10, 8453],
    ),
    (
        address!("0xbEb5Fc579115071764c7423A4f12eDde41f106Ed"),
        Protocol::OpPortal,
        &[1],
    ),
    (
        address!("0x49048044D57e1C92A77f79988d21Fa8fAF74E97e"),
        Protocol::OpPortal,
        &[1],
    ),
    (
        address!("0x4Dbd4fc535Ac27206064B68FfCf827b0A60BAB3f"),
        Protocol::ArbitrumInbox,
        &[1],
    ),
    (
        address!("0x72Ce9c846789fdB6fC1f34aC4AD25Dd9ef7031ef"),
        Protocol::ArbitrumGatewayRouter,
        &[1],
    ),
    (
        address!("0x5c7BCd6E7De5423a257D81B442095A1a6ced35C5"),
        Protocol::AcrossSpokePool,
        &[1],
    ),
    (
        address!("0x6f26Bf09B1C792e3228e5467807a900A503c0281"),
        Protocol::AcrossSpokePool,
        &[10],
    ),
    (
        address!("0x9295ee1d8C5b022Be115A2AD3c30C72E34e7F096"),
        Protocol::AcrossSpokePool,
        &[137],
    ),
    (
        address!("0x09aea4b2242abC8bb4BB78D537A67a245A7bEC64"),
        Protocol::AcrossSpokePool,
        &[8453],
    ),
    (
        address!("0xe35e9842fceaCA96570B734083f4a58e8F7C5f2A"),
        Protocol::AcrossSpokePool,
        &[42161],
    ),
    (
        address!("0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84"),
        Protocol::Lido,
        &[1],
    ),
    (
        address!("0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0"),
        Protocol::Wsteth,
        &[1],
    ),
    (
        address!("0x889edC2eDab5f40e902b864aD4d7AdE8E412F9B1"),
        Protocol::LidoWithdrawalQueue,
        &[1],
    ),
];

/// What is pinned for this address, if anything.
pub fn pinned(chain_id: u64, address: Address) -> Option<Protocol> {
    let here = PINNED
        .iter()
        .find(|(chain, one, _)| *chain == chain_id && *one == address)
        .map(|(_, _, protocol)| *protocol);
    let here = here.or_else(|| {
        let mut on_chains = ON_CHAINS.iter();
        let found =
            on_chains.find(|(one, _, chains)| *one == address && chains.contains(&chain_id));
        found.map(|(_, protocol, _)| *protocol)
    });
    here.or_else(|| {
        let mut anywhere = ANYWHERE.iter();
        let found = anywhere.find(|(one, _)| *one == address);
        found.map(|(_, protocol)| *protocol)
    })
}
