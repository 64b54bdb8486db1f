//! What moved to and from the wallet, and who may take from it now.

use std::collections::BTreeMap;

use alloy_primitives::{address, Address, U256};

use super::events::{said, Said};
use super::{Expected, Simulated};
use crate::asset::Standard;
use crate::effects::AAVE_GATEWAY;
use crate::protocol::Protocol;

/// Who tells of the coin's moves where the chain itself does not (`traceTransfers`).
const TRACED: Address = address!("0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE");
/// Who tells of them where it does (EIP-7708).
const BY_PROTOCOL: Address = address!("0xfffffffffffffffffffffffffffffffffffffffe");

/// Where a move was told. Some contracts tell one move in two ways, and a node may, so each way is a
/// book of its own and none is added to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Book {
    Transfers,
    Wrapping,
    Protocol,
}

/// One thing that moves: an asset (`None` is the coin), or one token of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pot {
    pub asset: Option<Address>,
    pub book: Book,
    pub id: Option<U256>,
}

/// Base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flow {
    pub out: U256,
    pub back: U256,
    /// Of `out`: what went to nobody, or to the contract itself.
    pub given_up: U256,
}

/// Who may take what: the asset, and where the right is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Right {
    pub asset: Address,
    pub keeper: Address,
    pub spender: Address,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub flows: BTreeMap<Pot, Flow>,
    /// The most that was told of each.
    pub rights: BTreeMap<Right, U256>,
}

/// Reads the events; those that say nothing of the wallet's value are passed over.
pub(super) fn read(simulated: &Simulated, expected: &Expected<'_>) -> Seen {
    let mut seen = Seen::default();
    for log in &simulated.logs {
        if let Some(said) = said(log) {
            seen.take(log.address, said, expected);
        }
    }
    seen
}

impl Seen {
    fn take(&mut self, teller: Address, said: Said, expected: &Expected<'_>) {
        let wallet = expected.wallet;
        match said {
            Said::Moved {
                from,
                to,
                value,
                indexed,
            } => {
                let pot = pot(teller, value, indexed, expected);
                let amount = if pot.id.is_some() { U256::ONE } else { value };
                self.moved(pot, from, to, amount, expected);
            }
            Said::MovedMany { from, to, lots } => {
                for (id, amount) in lots {
                    let pot = Pot {
                        asset: Some(teller),
                        book: Book::Transfers,
                        id: Some(id),
                    };
                    self.moved(pot, from, to, amount, expected);
                }
            }
            Said::Allowed {
                owner,
                spender,
                value,
                indexed,
            } if owner == wallet => {
                let single = indexed && !is_fungible(teller, expected);
                let amount = if single { U256::ONE } else { value };
                self.allowed(teller, teller, spender, amount, single, wallet);
            }
            Said::AllowedAll {
                owner,
                operator,
                approved,
            } if owner == wallet && approved => {
                self.allowed(teller, teller, operator, U256::MAX, false, wallet);
            }
            Said::AllowedThrough {
                owner,
                token,
                spender,
                value,
            } if owner == wallet => self.allowed(token, teller, spender, value, false, wallet),
            Said::Wrapped { owner, value } if owner == wallet && wraps(teller, expected) => {
                let flow = self.flow(teller);
                flow.back = flow.back.saturating_add(value);
            }
            Said::Unwrapped { owner, value } if owner == wallet && wraps(teller, expected) => {
                let flow = self.flow(teller);
                flow.out = flow.out.saturating_add(value);
            }
            _ => {}
        }
    }

    fn flow(&mut self, wrapped: Address) -> &mut Flow {
        let pot = Pot {
            asset: Some(wrapped),
            book: Book::Wrapping,
            id: None,
        };
        self.flows.entry(pot).or_default()
    }

    fn moved(
        &mut self,
        pot: Pot,
        from: Address,
        to: Address,
        amount: U256,
        expected: &Expected<'_>,
    ) {
        let wallet = expected.wallet;
        if (from == wallet) == (to == wallet) || amount.is_zero() {
            return;
        }
        let flow = self.flows.entry(pot).or_default();
        if to == wallet {
            flow.back = flow.back.saturating_add(amount);
            return;
        }
        flow.out = flow.out.saturating_add(amount);
        let gateway = || {
            to == expected.called
                && expected.registry.protocol(expected.chain_id.at(to)) == Some(AAVE_GATEWAY)
        };
        if pot.asset.is_some() && (to.is_zero() || pot.asset == Some(to) || gateway()) {
            flow.given_up = flow.given_up.saturating_add(amount);
        }
    }

    /// What is told last counts for an amount, as it does on the chain; single tokens are counted.
    fn allowed(
        &mut self,
        asset: Address,
        keeper: Address,
        spender: Address,
        amount: U256,
        adds: bool,
        wallet: Address,
    ) {
        if spender.is_zero() || spender == wallet {
            return;
        }
        let right = Right {
            asset,
            keeper,
            spender,
        };
        let stands = self.rights.entry(right).or_default();
        *stands = if adds {
            stands.saturating_add(amount)
        } else {
            amount
        };
    }
}

fn pot(teller: Address, value: U256, indexed: bool, expected: &Expected<'_>) -> Pot {
    let (asset, book) = match teller {
        TRACED => (None, Book::Transfers),
        BY_PROTOCOL => (None, Book::Protocol),
        _ => (Some(teller), Book::Transfers),
    };
    let single = asset.is_some() && indexed && !is_fungible(teller, expected);
    let single = single || standard(teller, expected) == Some(Standard::Erc721);
    Pot {
        asset,
        book,
        id: single.then_some(value),
    }
}

fn standard(contract: Address, expected: &Expected<'_>) -> Option<Standard> {
    let asset = expected.registry.contract(expected.chain_id.at(contract))?;
    Some(asset.standard)
}

fn is_fungible(contract: Address, expected: &Expected<'_>) -> bool {
    standard(contract, expected) == Some(Standard::Erc20)
}

fn wraps(contract: Address, expected: &Expected<'_>) -> bool {
    expected.registry.protocol(expected.chain_id.at(contract)) == Some(Protocol::WETH)
}
