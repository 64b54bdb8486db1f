//! Uniswap V4 inside of a plan: swaps make debts and credits with the pool manager, which must all be
//! settled and taken before the command ends. What is settled pays for everything that is taken.

use std::collections::HashMap;

use alloy_primitives::{Bytes, U256};

use super::plan::{coin, not_understood, recipient, ALL};
use super::{V2, V2_1};
use crate::effects::abi::{self, dirty};
use crate::effects::common::trade::Coin;
use crate::effects::exchanges::router::flow::{Flow, Hand, Party, Take};
use crate::effects::Denial;
use crate::protocol::Protocol;

const BIPS: U256 = U256::from_limbs([10_000, 0, 0, 0]);

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod inputs {
    alloy_sol_types::sol! {
        struct Plan { bytes actions; bytes[] params; }
        struct PoolKey { address currency0; address currency1; uint24 fee; int24 tickSpacing; address hooks; }
        struct PathKey { address intermediateCurrency; uint24 fee; int24 tickSpacing; address hooks; bytes hookData; }
        struct Single { PoolKey poolKey; bool zeroForOne; uint128 amount; uint128 limit; bytes hookData; }
        struct SinglePriced { PoolKey poolKey; bool zeroForOne; uint128 amount; uint128 limit; uint256 price; bytes hookData; }
        struct Multi { address currency; PathKey[] path; uint128 amount; uint128 limit; }
        struct MultiPriced { address currency; PathKey[] path; uint256[] prices; uint128 amount; uint128 limit; }
        struct SingleInput { Single swap; }
        struct SinglePricedInput { SinglePriced swap; }
        struct MultiInput { Multi swap; }
        struct MultiPricedInput { MultiPriced swap; }
        struct Settle { address currency; uint256 amount; bool payerIsUser; }
        struct All { address currency; uint256 limit; }
        struct TakeTo { address currency; address recipient; uint256 amount; }
    }
}

/// A swap, whichever way it is written.
struct Swap {
    from: Coin,
    to: Coin,
    amount: U256,
    limit: U256,
    names_output: bool,
    /// Coins it may leave a debt of that nothing here bounds.
    open: Vec<Coin>,
}

/// What the router owes and is owed in one coin.
#[derive(Default)]
struct Delta {
    /// The most that is owed.
    debt: U256,
    /// It can be less than that.
    inexact: bool,
    /// It can be any amount: a pool on the way of a named output may come up short, and a hook may
    /// keep more than it lets through. Not every version looks at that.
    open: bool,
    /// The least there is to take.
    credit: U256,
    /// It was sold as well, so that nothing of it may be left.
    sold: bool,
}

/// What goes out.
enum Out {
    Amount(Coin, Party, U256),
    Share(Coin, Party, U256),
}

#[derive(Default)]
struct Unlocked {
    deltas: HashMap<Coin, Delta>,
    paid: Vec<usize>,
    outs: Vec<Out>,
}

/// The actions of the command. What does not decode is another meaning of the command, of an older
/// version, and opaque.
pub(super) fn swap(
    input: &Bytes,
    sure: bool,
    version: Protocol,
    flow: &mut Flow<'_, '_>,
) -> Result<(), Denial> {
    let understood = abi::parameters::<inputs::Plan>(input).ok();
    let same = |plan: &inputs::Plan| plan.actions.len() == plan.params.len();
    let Some(plan) = understood.filter(same) else {
        not_understood(flow, "a command of the plan is not understood");
        return Ok(());
    };
    let mut unlocked = Unlocked::default();
    for (action, input) in plan.actions.iter().zip(&plan.params) {
        flow.steps = flow.steps.saturating_add(1);
        let read = unlocked.act(*action, input, sure, version, flow)?;
        if read.is_none() || flow.steps > 256 {
            not_understood(flow, "an action of Uniswap V4 is not understood");
            return Ok(());
        }
    }
    unlocked.hand_out(sure, flow);
    Ok(())
}

fn read<T>(input: &Bytes) -> Option<T>
where
    T: alloy_sol_types::SolValue + From<<T::SolType as alloy_sol_types::SolType>::RustType>,
    for<'a> <T::SolType as alloy_sol_types::SolType>::Token<'a>: alloy_sol_types::abi::TokenSeq<'a>,
{
    abi::parameters::<T>(input).ok()
}

impl Unlocked {
    /// `None` for an action that is not understood.
    fn act(
        &mut self,
        action: u8,
        input: &Bytes,
        sure: bool,
        version: Protocol,
        flow: &mut Flow<'_, '_>,
    ) -> Result<Option<()>, Denial> {
        let done = match action {
            0x06 | 0x08 => single(input, action == 0x08).map(|swap| self.swapped(&swap)),
            0x07 | 0x09 => multi(input, action == 0x09, version).map(|swap| self.swapped(&swap)),
            0x0b => {
                read::<inputs::Settle>(input).and_then(|settle| self.settle(&settle, sure, flow))
            }
            0x0c => read::<inputs::All>(input).map(|all| {
                let coin = coin(all.currency);
                let owed = self.owed(coin).unwrap_or((all.limit, false));
                self.pay(coin, (owed.0.min(all.limit), owed.1), true, sure, flow);
            }),
            0x0e | 0x10 => match read::<inputs::TakeTo>(input) {
                Some(take) => Some(self.take(&take, action == 0x10, flow)?),
                None => None,
            },
            0x0f => read::<inputs::All>(input).map(|all| {
                let coin = coin(all.currency);
                let delta = self.delta(coin);
                let least = delta.credit.max(all.limit);
                delta.credit = U256::ZERO;
                self.outs.push(Out::Amount(coin, flow.caller(), least));
            }),
            _ => None,
        };
        Ok(done)
    }

    fn delta(&mut self, coin: Coin) -> &mut Delta {
        self.deltas.entry(coin).or_default()
    }

    fn swapped(&mut self, swap: &Swap) {
        let paid = if swap.names_output {
            swap.limit
        } else {
            swap.amount
        };
        let from = self.delta(swap.from);
        from.debt = from.debt.saturating_add(paid);
        from.inexact |= swap.names_output;
        from.sold = true;
        from.credit = U256::ZERO;
        let to = self.delta(swap.to);
        // A debt of it can be less now.
        to.inexact = true;
        // Whether a named output really came is not checked by every version.
        if !swap.names_output && !to.sold {
            to.credit = to.credit.saturating_add(swap.limit);
        }
        for coin in &swap.open {
            let delta = self.delta(*coin);
            delta.open = true;
            delta.inexact = true;
            delta.sold = true;
            delta.credit = U256::ZERO;
        }
    }

    /// The full debt, which is paid now, and whether it is exactly that; `None` if it can be any
    /// amount.
    fn owed(&mut self, coin: Coin) -> Option<(U256, bool)> {
        let delta = self.delta(coin);
        let owed = (delta.debt, !delta.inexact);
        delta.debt = U256::ZERO;
        let open = std::mem::take(&mut delta.open);
        (!open).then_some(owed)
    }

    fn settle(
        &mut self,
        settle: &inputs::Settle,
        sure: bool,
        flow: &mut Flow<'_, '_>,
    ) -> Option<()> {
        let coin = coin(settle.currency);
        let by_caller = settle.payerIsUser && coin != Coin::Native;
        if settle.amount == ALL {
            if by_caller {
                return None;
            }
            let hand = flow.take(Some(coin), Take::All, sure);
            self.paid.extend(hand.lots);
            return Some(());
        }
        let amount = if settle.amount.is_zero() {
            match self.owed(coin) {
                Some(owed) => owed,
                None if by_caller => return None,
                None => (U256::MAX, false),
            }
        } else {
            (settle.amount, true)
        };
        self.pay(coin, amount, by_caller, sure, flow);
        Some(())
    }

    /// The coin of the chain always comes from the router itself.
    fn pay(
        &mut self,
        coin: Coin,
        (amount, exact): (U256, bool),
        by_caller: bool,
        sure: bool,
        flow: &mut Flow<'_, '_>,
    ) {
        let hand = if by_caller && coin != Coin::Native {
            flow.enter(coin, amount)
        } else if exact {
            flow.take(Some(coin), Take::Exactly(amount), sure)
        } else {
            flow.take(Some(coin), Take::AtMost(amount), sure)
        };
        self.paid.extend(hand.lots);
    }

    fn take(
        &mut self,
        take: &inputs::TakeTo,
        share: bool,
        flow: &Flow<'_, '_>,
    ) -> Result<(), Denial> {
        let coin = coin(take.currency);
        let party = recipient(take.recipient, Some(coin), flow)?;
        let delta = self.delta(coin);
        if share {
            if take.amount > BIPS {
                return Err(dirty("the plan pays more than all there is"));
            }
            let kept = BIPS.saturating_sub(take.amount);
            let left = delta.credit.checked_mul(kept).unwrap_or_default();
            delta.credit = left.checked_div(BIPS).unwrap_or_default();
            self.outs.push(Out::Share(coin, party, take.amount));
            return Ok(());
        }
        let least = if take.amount.is_zero() {
            std::mem::take(&mut delta.credit)
        } else {
            // More than there is can be taken: it becomes a debt, which is to be settled.
            let open = take.amount.saturating_sub(delta.credit);
            if !open.is_zero() {
                delta.debt = delta.debt.saturating_add(open);
                delta.inexact = true;
                delta.sold = true;
            }
            delta.credit = delta.credit.saturating_sub(take.amount);
            take.amount
        };
        self.outs.push(Out::Amount(coin, party, least));
        Ok(())
    }

    fn hand_out(self, sure: bool, flow: &mut Flow<'_, '_>) {
        let mut lots = self.paid;
        lots.sort_unstable();
        lots.dedup();
        let hand = Hand { lots, exact: false };
        for out in self.outs {
            match out {
                Out::Amount(coin, party, least) => {
                    flow.give(&hand, Some(coin), party, least, sure);
                }
                Out::Share(_, Party::Other(to), bips) => {
                    flow.mark_share(&hand, to, (bips, BIPS));
                }
                Out::Share(coin, Party::Router, _) => flow.put(Some(coin), &hand),
                Out::Share(_, Party::Wallet, _) => {}
            }
        }
    }
}

/// Both ways of writing it have the amounts at the same places.
fn single(input: &Bytes, names_output: bool) -> Option<Swap> {
    let plain = read::<inputs::SingleInput>(input).map(|input| input.swap);
    let swap = plain.or_else(|| {
        let inputs::SinglePricedInput { swap } = read(input)?;
        Some(inputs::Single {
            poolKey: swap.poolKey,
            zeroForOne: swap.zeroForOne,
            amount: swap.amount,
            limit: swap.limit,
            hookData: swap.hookData,
        })
    })?;
    let (low, high) = (coin(swap.poolKey.currency0), coin(swap.poolKey.currency1));
    let (from, to) = if swap.zeroForOne {
        (low, high)
    } else {
        (high, low)
    };
    Some(Swap {
        from,
        to,
        amount: U256::from(swap.amount),
        limit: U256::from(swap.limit),
        names_output,
        open: if names_output { vec![to] } else { Vec::new() },
    })
}

/// The two ways of writing it have the amounts at different places, and a router reads its own way
/// whatever was meant: understood only where the version is known.
fn multi(input: &Bytes, names_output: bool, version: Protocol) -> Option<Swap> {
    let (currency, path, amount, limit) = match version {
        V2 => {
            let inputs::MultiInput { swap } = read(input)?;
            (swap.currency, swap.path, swap.amount, swap.limit)
        }
        V2_1 => {
            let inputs::MultiPricedInput { swap } = read(input)?;
            (swap.currency, swap.path, swap.amount, swap.limit)
        }
        _ => return None,
    };
    let end = |key: &inputs::PathKey| coin(key.intermediateCurrency);
    // A path to a named output runs backwards through the list: the input is its first currency.
    let (from, to) = if names_output {
        (path.first().map(end)?, coin(currency))
    } else {
        (coin(currency), path.last().map(end)?)
    };
    let mut open = Vec::new();
    if names_output {
        open.extend(path.iter().skip(1).map(end));
        open.push(to);
    }
    Some(Swap {
        from,
        to,
        amount: U256::from(amount),
        limit: U256::from(limit),
        names_output,
        open,
    })
}
