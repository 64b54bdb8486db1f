//! The asset registry: what a (chain, address) is, with pinned decimals. A symbol is a label, never
//! an identity.

use std::collections::HashMap;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

/// How an asset moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standard {
    /// The chain's own coin; it has no contract address.
    Native,
    /// A fungible token contract (ERC-20).
    Erc20,
}

impl Standard {
    /// The word used in events and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Erc20 => "erc20",
        }
    }
}

/// One registered asset. Decimals are pinned by the operator; nobody else's word counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// The operator's short name, unique in the registry (`usdc`).
    pub id: String,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Contract address; `None` for the native coin.
    pub address: Option<Address>,
    /// How it moves.
    pub standard: Standard,
    /// Label for screens.
    pub symbol: String,
    /// Base units in one whole token: `10^decimals`, at most 36.
    pub decimals: u8,
}

/// Assets by identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    by_identity: HashMap<(u64, Option<Address>), Asset>,
}

impl Registry {
    /// An empty registry: every contract in it is unknown.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an asset; gives back the one that already had this identity, if any, and leaves it in
    /// place.
    pub fn insert(&mut self, asset: Asset) -> Option<Asset> {
        let key = (asset.chain_id, asset.address);
        if let Some(existing) = self.by_identity.get(&key) {
            return Some(existing.clone());
        }
        self.by_identity.insert(key, asset);
        None
    }

    /// The token contract at this address on this chain.
    pub fn token(&self, chain_id: u64, address: Address) -> Option<&Asset> {
        self.by_identity.get(&(chain_id, Some(address)))
    }

    /// The native coin of this chain.
    pub fn native(&self, chain_id: u64) -> Option<&Asset> {
        self.by_identity.get(&(chain_id, None))
    }

    /// All assets, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Asset> {
        self.by_identity.values()
    }
}
