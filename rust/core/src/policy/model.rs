//! What a policy file says, after every word of it was understood.

use std::ops::Deref;

use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize, Serializer};

use crate::amount::{Percent, Price, Usd};
use crate::asset::Asset;
use crate::chain::{Account, ChainId};
use crate::effects::EffectKind;
use crate::function::Function;
use crate::policy::conditions::{Conditions, Range};
use crate::policy::decide::verdict::Verdict;
use crate::policy::fault::Place;
use crate::policy::parse::APPROVAL;
use crate::protocol::Protocol;
use crate::request::Method;
use crate::window::Span;

/// A chain and the caps of its fees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// EIP-155 id.
    pub id: ChainId,
    /// The operator's name for it.
    pub name: String,
    /// Most gas of one transaction.
    pub gas_max: u64,
    /// Most wei for one unit of gas, tip included.
    pub fee_per_gas_max: u128,
    /// Most wei of tip for one unit of gas.
    pub priority_fee_per_gas_max: u128,
    /// An agent that names less wei for one unit of gas pays this.
    pub fee_per_gas_min: u128,
    /// An agent that names a lower tip pays this.
    pub priority_fee_per_gas_min: u128,
    /// Most wei one transaction pays, besides gas, for its data on another chain; `None` where there
    /// is no such fee.
    pub l1_fee_max: Option<u128>,
    pub(in crate::policy) at: Place,
}

/// A wallet whose keys the guardian holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    /// The operator's name for it.
    pub id: String,
    /// Its address.
    pub address: Address,
    pub(in crate::policy) at: Place,
}

/// What an error tells the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Privacy {
    /// Codes, rules and amounts.
    Full,
    /// The code only.
    Code,
}

/// A program that asks for signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its name; also that of its socket.
    pub id: String,
    /// Addresses it may spend from; the first one is used when it names none. Never empty.
    pub wallets: Vec<Address>,
    /// The one chain it works on.
    pub chain_id: ChainId,
    /// User ids that may connect; `None` means the daemon's own.
    pub uids: Option<Vec<u32>>,
    /// If set, every request must be signed by this ed25519 key.
    pub public_key: Option<[u8; 32]>,
    /// What an error tells it.
    pub privacy: Privacy,
    /// Requests in any minute.
    pub requests_per_minute: u32,
    /// Connections at once.
    pub connections_max: u32,
    /// Requests that wait for an approval or a delay, at once.
    pub waiting_max: u32,
    /// How long it is granted nothing after an operator denied one of its requests, ms.
    pub cooldown_ms: Option<u64>,
    pub(in crate::policy) at: Place,
}

/// A registered asset and where its price comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetEntry {
    /// Identity and decimals.
    pub asset: Asset,
    /// The price the operator pinned; without it the price must come as a fact.
    pub price: Option<Price>,
    /// Oldest fact that is believed, in ms.
    pub price_age_ms_max: u64,
    /// So many facts must be believed, or the price is unknown. At least one.
    pub price_sources_min: u32,
    /// Assets that are the same thing to limits and rules that name the group.
    pub group: Option<String>,
    /// What its code must be.
    pub code: Option<CodePin>,
    pub(in crate::policy) at: Place,
}

/// A contract the operator vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractEntry {
    /// The operator's name for it.
    pub id: String,
    /// Where it is.
    pub account: Account,
    /// How its calls are read.
    pub protocol: Protocol,
    /// What it holds for others, where its calls do not say it: the asset of a vault, say.
    pub asset: Option<Asset>,
    /// What its code must be.
    pub code: Option<CodePin>,
}

/// The code the operator looked at: other code needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodePin {
    /// Keccak-256 of the code at the address.
    pub hash: B256,
    /// Keccak-256 of the code a proxy runs (EIP-1967); `None`: it is no proxy.
    pub implementation: Option<B256>,
}

/// A function the operator vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionEntry {
    /// What it is, and with which arguments.
    pub function: Function,
    pub(in crate::policy) at: Place,
}

/// One address of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// `None` means every chain.
    pub chain_id: Option<ChainId>,
    /// The address.
    pub address: Address,
    /// The operator's words, may be empty.
    pub label: String,
    /// First ms since the epoch at which it does not count any more.
    pub expires_ms: Option<u64>,
    pub(in crate::policy) at: Place,
}

/// Addresses under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Referred to as `@id`.
    pub id: String,
    /// Hosts of the merchant whose addresses these are: exact, or `*.` and everything below a name.
    pub domains: Vec<String>,
    /// Its entries.
    pub entries: Vec<ListEntry>,
    pub(in crate::policy) at: Place,
}

/// A set of small numbers (effect kinds, methods).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct Bits(pub u16);

impl Bits {
    pub(in crate::policy) const fn with(self, index: u8) -> Self {
        Self(self.0 | (1 << index))
    }

    pub(in crate::policy) const fn has(self, index: u8) -> bool {
        self.0 & (1 << index) != 0
    }

    pub(in crate::policy) fn kinds(kinds: &[EffectKind]) -> Self {
        kinds
            .iter()
            .fold(Self::default(), |bits, kind| bits.with(*kind as u8))
    }

    pub(in crate::policy) fn of_kinds(self) -> impl Iterator<Item = EffectKind> {
        EffectKind::ALL
            .into_iter()
            .filter(move |kind| self.has(*kind as u8))
    }
}

/// What an effect must be to be matched. Numbers are indexes into the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct Matcher {
    pub kinds: Bits,
    pub conditions: Conditions,
    pub range: Range,
}

impl Deref for Matcher {
    type Target = Conditions;

    fn deref(&self) -> &Conditions {
        &self.conditions
    }
}

impl Matcher {
    /// Without its kinds, where it does not matter which others it names: amounts are added up over
    /// all of them.
    pub(in crate::policy) fn bare(&self) -> Self {
        let mut bare = self.clone();
        if !self.range.is_set() {
            bare.kinds = Bits::default();
        }
        bare
    }
}

/// How signed bytes reach the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// Through the nodes of the chain.
    #[default]
    Public,
    /// Through the operator's private relay alone.
    Private,
}

impl Route {
    /// Whether it is through the nodes of the chain.
    pub const fn is_public(&self) -> bool {
        matches!(self, Self::Public)
    }
}

/// Who brings to the chain what was given to an agent by `eth_signTransaction`. The later is the
/// stricter: the guardian does less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Released {
    /// The agent, and after a while the guardian.
    #[default]
    Guardian,
    /// The agent alone: the guardian watches its nonce.
    Agent,
}

impl Released {
    /// Whether the guardian may send it too.
    pub const fn is_guardian(&self) -> bool {
        matches!(self, Self::Guardian)
    }
}

/// Grants a tier to the effects it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Unique among rules.
    pub id: String,
    /// What it grants: never `Deny`.
    pub tier: Verdict,
    /// Percent of what leaves that must surely come back, in USD; less needs a person.
    pub return_min_percent: Option<Percent>,
    /// How what it grants is sent.
    pub route: Route,
    /// Who sends what it grants by `eth_signTransaction`.
    pub released: Released,
    /// Numbers of checks, all of which must hold for it to grant; sorted.
    pub(in crate::policy) checks: Vec<u32>,
    pub(in crate::policy) matcher: Matcher,
    pub(in crate::policy) at: Place,
}

/// Denies what it matches, whatever else grants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbid {
    /// Unique among forbids.
    pub id: String,
    pub(in crate::policy) matcher: Matcher,
    pub(in crate::policy) at: Place,
}

/// Makes what it matches at least as strict as its tier, and grants nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Unique among reviews.
    pub id: String,
    /// What it asks for: neither `Instant` nor `Deny`.
    pub tier: Verdict,
    pub(in crate::policy) matcher: Matcher,
    pub(in crate::policy) at: Place,
}

/// For whom a limit counts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// Each agent.
    Agent,
    /// Each wallet, whatever the agent and the chain.
    Wallet,
    /// Each recipient on each chain.
    Recipient,
    /// Everything together.
    Global,
}

impl Per {
    /// The word in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Wallet => "wallet",
            Self::Recipient => "recipient",
            Self::Global => "global",
        }
    }
}

/// What a limit counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Matching effects other than the fee.
    Count,
    /// Different recipients.
    Recipients,
    /// Micro-USD.
    Usd,
    /// Base units of the one asset.
    Amount(Asset),
}

impl Measure {
    /// The word in the policy.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Recipients => "recipients",
            Self::Usd => "usd",
            Self::Amount(_) => "amount",
        }
    }

    /// `amount` as people write it: `12`, `50.25 USD`, `0.1 eth`.
    pub fn words(&self, amount: u128) -> String {
        match self {
            Self::Count => amount.to_string(),
            Self::Recipients => format!("{amount} recipients"),
            Self::Usd => format!("{} USD", Usd(amount)),
            Self::Amount(asset) => {
                let units = crate::amount::format_units(U256::from(amount), asset.decimals);
                format!("{units} {}", asset.id)
            }
        }
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// What happens over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExceed {
    /// It goes on, and the operator is told.
    Notify,
    /// It goes on after so many ms, if it may then.
    Delay(u64),
    /// A person decides.
    Approval,
    /// Never.
    Deny,
    /// Never, and nothing else of that agent until an operator thaws it.
    Freeze,
}

impl OnExceed {
    /// The word in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::Delay(_) => "delay",
            Self::Approval => "approval",
            Self::Deny => "deny",
            Self::Freeze => "freeze",
        }
    }

    /// How a request over the limit may go on.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Notify => Verdict::Notify,
            Self::Delay(delay_ms) => Verdict::Delay { delay_ms },
            Self::Approval => APPROVAL,
            Self::Deny | Self::Freeze => Verdict::Deny,
        }
    }
}

impl Serialize for OnExceed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// A cap on what happens in a window of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Unique among limits.
    pub id: String,
    /// For whom it counts apart.
    pub per: Per,
    /// What it counts.
    pub measure: Measure,
    /// Most that may be posted and held in the window, in the unit of the measure.
    pub max: u128,
    /// What of the past counts.
    pub window: Span,
    /// Share of `max`, above which a request that is still within it is told to the operator.
    pub warn_percent: Option<Percent>,
    /// What happens over it.
    pub on_exceed: OnExceed,
    pub(in crate::policy) matcher: Matcher,
    pub(in crate::policy) at: Place,
}

impl Limit {
    /// Whether what is over it stops, or asks a person.
    pub const fn stops(&self) -> bool {
        matches!(
            self.on_exceed,
            OnExceed::Approval | OnExceed::Deny | OnExceed::Freeze
        )
    }

    /// Whether it counts what stands, not what happened.
    pub const fn is_standing(&self) -> bool {
        self.window.is_standing()
    }

    /// The share of `max` above which the operator is told; rounded down.
    pub fn warns_above(&self) -> Option<u128> {
        let hundredths = U256::from(self.warn_percent?.hundredths());
        let whole = U256::from(Percent::WHOLE.hundredths());
        let share = U256::from(self.max)
            .checked_mul(hundredths)?
            .checked_div(whole)?;
        u128::try_from(share).ok()
    }
}

/// Every method, the spelling of events first.
const SPELLINGS: [(Method, &str); 8] = [
    (Method::SendTransaction, "eth_sendTransaction"),
    (Method::SendTransaction, "wallet_sendCalls"),
    (Method::SignTransaction, "eth_signTransaction"),
    (Method::SignMessage, "personal_sign"),
    (Method::SignMessage, "eth_sign"),
    (Method::SignTypedData, "eth_signTypedData_v4"),
    (Method::SignTypedData, "eth_signTypedData"),
    (Method::SignTypedData, "eth_signTypedData_v3"),
];

/// The method a JSON-RPC name means; two spellings of one method are the same to every rule.
pub fn method_of(spelling: &str) -> Option<Method> {
    SPELLINGS
        .iter()
        .find(|(_, one)| *one == spelling)
        .map(|(method, _)| *method)
}

/// The first spelling of a method.
pub fn method_name(method: Method) -> &'static str {
    SPELLINGS
        .iter()
        .find(|(one, _)| *one == method)
        .map_or("", |(_, spelling)| spelling)
}
