//! Which chain, and which account on it: an address means something else on another chain, so where
//! both are known they go together.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

/// EIP-155 id of a chain. As text and in JSON it is its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[repr(transparent)]
pub struct ChainId(u64);

impl ChainId {
    /// Ethereum.
    pub const ETHEREUM: Self = Self(1);

    /// The chain with this id, which was checked where it came from or only has to be equal to one
    /// that was.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// A chain id that a request names; `None` for 0, which is no chain.
    pub const fn checked(id: u64) -> Option<Self> {
        if id == 0 {
            None
        } else {
            Some(Self(id))
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The account with this address on this chain.
    pub const fn at(self, address: Address) -> Account {
        Account {
            chain_id: self,
            address,
        }
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for ChainId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// An account on a chain: a wallet, a contract, or any other address there. In order of chains, then
/// of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Account {
    /// The chain it is on.
    pub chain_id: ChainId,
    /// Its address there.
    pub address: Address,
}
