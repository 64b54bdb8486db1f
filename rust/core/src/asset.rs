//! The asset registry: what an account on a chain is, with pinned decimals. A symbol is a label, never
//! an identity.

use std::collections::HashMap;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::chain::{Account, ChainId};
use crate::function::Function;
use crate::protocol::{pinned, pinned_wrapped_coin, Protocol};

/// How an asset moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standard {
    /// The chain's own coin; it has no contract address.
    Native,
    /// A fungible token contract (ERC-20).
    Erc20,
    /// A contract of single tokens (ERC-721): an amount is a number of tokens.
    Erc721,
    /// A contract of many tokens with an amount each (ERC-1155): amounts are added up over all ids.
    Erc1155,
}

impl Standard {
    /// The word used in events and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Erc20 => "erc20",
            Self::Erc721 => "erc721",
            Self::Erc1155 => "erc1155",
        }
    }
}

/// One registered asset. Decimals are pinned by the operator; nobody else's word counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// The operator's short name, unique in the registry (`usdc`).
    pub id: String,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// Contract address; `None` for the native coin.
    pub address: Option<Address>,
    /// How it moves.
    pub standard: Standard,
    /// Label for screens.
    pub symbol: String,
    /// Base units in one whole token: `10^decimals`, at most 36.
    pub decimals: u8,
}

impl Asset {
    /// What tells it from any other: its chain, and its contract unless it is the coin.
    pub const fn identity(&self) -> (ChainId, Option<Address>) {
        (self.chain_id, self.address)
    }
}

/// Assets by identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    by_identity: HashMap<(ChainId, Option<Address>), Asset>,
    protocols: HashMap<Account, Protocol>,
    holdings: HashMap<Account, Option<Address>>,
    functions: HashMap<(Account, [u8; 4]), Function>,
    /// What a list of tokens calls them in full: for screens.
    names: HashMap<Account, String>,
}

impl Registry {
    /// An empty registry: every contract in it is unknown.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an asset; gives back the one that already had this identity, if any, and leaves it in
    /// place.
    pub fn insert(&mut self, asset: Asset) -> Option<Asset> {
        let key = asset.identity();
        if let Some(existing) = self.by_identity.get(&key) {
            return Some(existing.clone());
        }
        self.by_identity.insert(key, asset);
        None
    }

    /// Says what a contract speaks; the first word about an address counts.
    pub fn insert_contract(&mut self, contract: Account, protocol: Protocol) {
        self.protocols.entry(contract).or_insert(protocol);
    }

    /// Says which asset a contract of the same chain holds for others; the first word about an
    /// address counts.
    pub fn insert_holding(&mut self, contract: Address, asset: &Asset) {
        self.holdings
            .entry(asset.chain_id.at(contract))
            .or_insert(asset.address);
    }

    /// Vouches for a function; the first word about a selector of a contract counts.
    pub fn insert_function(&mut self, function: Function) {
        let selector = function.signature.selector();
        self.functions
            .entry((function.contract, selector))
            .or_insert(function);
    }

    /// The function with this selector that the operator vouches for.
    pub fn function(&self, contract: Account, selector: [u8; 4]) -> Option<&Function> {
        self.functions.get(&(contract, selector))
    }

    /// The asset the contract at this address holds for others, by the operator's word.
    pub fn holding(&self, contract: Account) -> Option<&Asset> {
        let address = self.holdings.get(&contract)?;
        self.by_identity.get(&(contract.chain_id, *address))
    }

    /// What the contract at this address speaks: the operator's word, otherwise what is pinned.
    pub fn protocol(&self, contract: Account) -> Option<Protocol> {
        let named = self.protocols.get(&contract).copied();
        let found = named.or_else(|| pinned(contract))?;
        (found != Protocol::UNKNOWN).then_some(found)
    }

    /// Whether the operator said anything of this address.
    pub(crate) fn is_named(&self, account: Account) -> bool {
        self.protocols.contains_key(&account) || self.contract(account).is_some()
    }

    /// The chain's coin as a token: the pinned one, otherwise the only one the operator named;
    /// `None` where there is none or nobody can say which.
    pub fn wrapped_coin(&self, chain_id: ChainId) -> Option<Address> {
        let is_wrapped = |at: Address| self.protocol(chain_id.at(at)) == Some(Protocol::WETH);
        if let Some(pinned) = pinned_wrapped_coin(chain_id).filter(|at| is_wrapped(*at)) {
            return Some(pinned);
        }
        let mut named = self
            .protocols
            .iter()
            .filter(|(at, protocol)| at.chain_id == chain_id && **protocol == Protocol::WETH);
        match (named.next(), named.next()) {
            (Some((at, _)), None) => Some(at.address),
            _ => None,
        }
    }

    /// The contract of fungible tokens at this address on this chain.
    pub fn token(&self, contract: Account) -> Option<&Asset> {
        self.contract(contract)
            .filter(|asset| asset.standard == Standard::Erc20)
    }

    /// The contract of tokens of any standard at this address on this chain.
    pub fn contract(&self, contract: Account) -> Option<&Asset> {
        self.by_identity
            .get(&(contract.chain_id, Some(contract.address)))
    }

    /// The native coin of this chain.
    pub fn native(&self, chain_id: ChainId) -> Option<&Asset> {
        self.by_identity.get(&(chain_id, None))
    }

    /// Gives a token its full name for screens; the first word about an address counts.
    pub(crate) fn insert_name(&mut self, token: Account, name: &str) {
        let names = self.names.entry(token);
        names.or_insert_with(|| name.to_owned());
    }

    /// The full name of the token at this address, where a list gave one.
    pub(crate) fn name(&self, token: Account) -> Option<&str> {
        self.names.get(&token).map(String::as_str)
    }

    /// All assets, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Asset> {
        self.by_identity.values()
    }
}
