//! The events that tell of value and of rights over it.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolEvent;

use super::Log;

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod abi {
    /// ERC-20, and the coin where a node or the chain tells of it.
    pub mod amounts {
        alloy_sol_types::sol! {
            event Transfer(address indexed from, address indexed to, uint256 value);
            event Approval(address indexed owner, address indexed spender, uint256 value);
        }
    }
    /// ERC-721. A fungible token with an indexed amount looks the same.
    pub mod tokens {
        alloy_sol_types::sol! {
            event Transfer(address indexed from, address indexed to, uint256 indexed value);
            event Approval(address indexed owner, address indexed spender, uint256 indexed value);
        }
    }
    /// Tokens older than the standards.
    pub mod plain {
        alloy_sol_types::sol! {
            event Transfer(address from, address to, uint256 value);
            event Approval(address owner, address spender, uint256 value);
        }
    }
    alloy_sol_types::sol! {
        event TransferSingle(address indexed operator, address indexed from, address indexed to, uint256 id, uint256 value);
        event TransferBatch(address indexed operator, address indexed from, address indexed to, uint256[] ids, uint256[] values);
        event ApprovalForAll(address indexed owner, address indexed operator, bool approved);
        event Deposit(address indexed dst, uint256 wad);
        event Withdrawal(address indexed src, uint256 wad);
    }
    pub mod permit2 {
        alloy_sol_types::sol! {
            event Approval(address indexed owner, address indexed token, address indexed spender, uint160 amount, uint48 expiration);
            event Permit(address indexed owner, address indexed token, address indexed spender, uint160 amount, uint48 expiration, uint48 nonce);
        }
    }
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// `value` is an amount, or the id of one token where it is indexed.
    Moved {
        from: Address,
        to: Address,
        value: U256,
        indexed: bool,
    },
    /// Ids with their amounts.
    MovedMany {
        from: Address,
        to: Address,
        lots: Vec<(U256, U256)>,
    },
    /// As of `Moved`.
    Allowed {
        owner: Address,
        spender: Address,
        value: U256,
        indexed: bool,
    },
    AllowedAll {
        owner: Address,
        operator: Address,
        approved: bool,
    },
    /// Through the contract that tells it.
    AllowedThrough {
        owner: Address,
        token: Address,
        spender: Address,
        value: U256,
    },
    /// The coin was wrapped for somebody.
    Wrapped { owner: Address, value: U256 },
    /// And unwrapped.
    Unwrapped { owner: Address, value: U256 },
}

/// `None` for every other event.
pub(super) fn said(log: &Log) -> Option<Said> {
    moved(log)
        .or_else(|| many(log))
        .or_else(|| allowed(log))
        .or_else(|| wrapped(log))
}

fn read<E: SolEvent>(log: &Log) -> Option<E> {
    E::decode_raw_log(log.topics.iter().copied(), &log.data).ok()
}

fn moved(log: &Log) -> Option<Said> {
    let (from, to, value, indexed) = if let Some(one) = read::<abi::amounts::Transfer>(log) {
        (one.from, one.to, one.value, false)
    } else if let Some(one) = read::<abi::tokens::Transfer>(log) {
        (one.from, one.to, one.value, true)
    } else {
        let one = read::<abi::plain::Transfer>(log)?;
        (one.from, one.to, one.value, false)
    };
    Some(Said::Moved {
        from,
        to,
        value,
        indexed,
    })
}

fn many(log: &Log) -> Option<Said> {
    if let Some(one) = read::<abi::TransferSingle>(log) {
        return Some(Said::MovedMany {
            from: one.from,
            to: one.to,
            lots: vec![(one.id, one.value)],
        });
    }
    let batch = read::<abi::TransferBatch>(log)?;
    Some(Said::MovedMany {
        from: batch.from,
        to: batch.to,
        lots: batch.ids.into_iter().zip(batch.values).collect(),
    })
}

fn allowed(log: &Log) -> Option<Said> {
    let (owner, spender, value, indexed) = if let Some(one) = read::<abi::amounts::Approval>(log) {
        (one.owner, one.spender, one.value, false)
    } else if let Some(one) = read::<abi::tokens::Approval>(log) {
        (one.owner, one.spender, one.value, true)
    } else if let Some(one) = read::<abi::plain::Approval>(log) {
        (one.owner, one.spender, one.value, false)
    } else {
        return allowed_otherwise(log);
    };
    Some(Said::Allowed {
        owner,
        spender,
        value,
        indexed,
    })
}

fn allowed_otherwise(log: &Log) -> Option<Said> {
    if let Some(all) = read::<abi::ApprovalForAll>(log) {
        return Some(Said::AllowedAll {
            owner: all.owner,
            operator: all.operator,
            approved: all.approved,
        });
    }
    let (owner, token, spender, amount) = if let Some(one) = read::<abi::permit2::Approval>(log) {
        (one.owner, one.token, one.spender, one.amount)
    } else {
        let one = read::<abi::permit2::Permit>(log)?;
        (one.owner, one.token, one.spender, one.amount)
    };
    Some(Said::AllowedThrough {
        owner,
        token,
        spender,
        value: U256::from(amount),
    })
}

fn wrapped(log: &Log) -> Option<Said> {
    if let Some(one) = read::<abi::Deposit>(log) {
        return Some(Said::Wrapped {
            owner: one.dst,
            value: one.wad,
        });
    }
    let one = read::<abi::Withdrawal>(log)?;
    Some(Said::Unwrapped {
        owner: one.src,
        value: one.wad,
    })
}
