//! The two routers of Uniswap V3. Both carry out several calls on themselves (`multicall`), with the
//! value of the first; what a step leaves in the router, a later one must fetch.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;

use super::ROUTER_02;
use crate::effects::abi::dirty;
use crate::effects::call::Call;
use crate::effects::common::trade::Coin;
use crate::effects::context::Context;
use crate::effects::exchanges::router::flow::{Flow, Hand, Party, Take};
use crate::effects::exchanges::router::multicall::{self as payments, read};
use crate::effects::exchanges::universal_router::plan::{
    not_understood, path_ends, recipient as with_sentinels,
};
use crate::effects::parts::Parts;
use crate::effects::Denial;
use crate::protocol::Protocol;

/// Steps of all nested calls together; longer ones are opaque.
const STEPS_MAX: usize = 256;

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function multicall(bytes[] data);
    }
    /// The first router: each swap has its deadline.
    pub mod first {
        alloy_sol_types::sol! {
            struct Single { address tokenIn; address tokenOut; uint24 fee; address recipient; uint256 deadline; uint256 amount; uint256 limit; uint160 sqrtPriceLimitX96; }
            struct Along { bytes path; address recipient; uint256 deadline; uint256 amount; uint256 limit; }
            function exactInputSingle(Single params);
            function exactInput(Along params);
            function exactOutputSingle(Single params);
            function exactOutput(Along params);
        }
    }
    /// The second one: swaps of V2 as well.
    pub mod second {
        alloy_sol_types::sol! {
            struct Single { address tokenIn; address tokenOut; uint24 fee; address recipient; uint256 amount; uint256 limit; uint160 sqrtPriceLimitX96; }
            struct Along { bytes path; address recipient; uint256 amount; uint256 limit; }
            function exactInputSingle(Single params);
            function exactInput(Along params);
            function exactOutputSingle(Single params);
            function exactOutput(Along params);
            function swapExactTokensForTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to);
            function swapTokensForExactTokens(uint256 amountOut, uint256 amountInMax, address[] path, address to);
            function multicall(uint256 deadline, bytes[] data);
        }
    }
    pub mod after {
        alloy_sol_types::sol! {
            function multicall(bytes32 previousBlockhash, bytes[] data);
        }
    }
}

/// One swap.
struct Swap {
    from: Address,
    to: Address,
    recipient: Address,
    /// What goes in, or what comes out of one that names that.
    amount: U256,
    /// The least that comes out, or the most that goes in.
    limit: U256,
    names_output: bool,
    /// It may stop at a price before it is done.
    stops: bool,
    /// Tokens between the two.
    between: Vec<Address>,
    /// The router holds those in between.
    holds_between: bool,
    /// The stated output comes for sure.
    kept: bool,
    /// It is measured by the balance of whoever gets it.
    measured: bool,
    deadline: Option<U256>,
}

/// What the call does; `None` for a function that is not understood.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`, `nesting`.
pub(super) fn decode(
    call: &Call<'_>,
    version: Protocol,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let mut plan = Plan {
        flow: Flow::new(call, context),
        second: version == ROUTER_02,
        until: None,
    };
    if !plan.step(call)? {
        return Ok(None);
    }
    Ok(Some(plan.flow.finish(call, plan.until)))
}

struct Plan<'c, 'r> {
    flow: Flow<'c, 'r>,
    second: bool,
    /// The first deadline of all.
    until: Option<U256>,
}

impl Plan<'_, '_> {
    /// Whether the call is understood.
    fn step(&mut self, call: &Call<'_>) -> Result<bool, Denial> {
        let Some((selector, arguments)) = call.split() else {
            return Ok(false);
        };
        if let Some(steps) = self.multicall(*selector, arguments)? {
            self.all(call, &steps)?;
            return Ok(true);
        }
        let swap = if self.second {
            self.second(*selector, arguments)?
        } else {
            self.first(*selector, arguments)?
        };
        if let Some(swap) = swap {
            self.swap(&swap)?;
            return Ok(true);
        }
        payments::step(*selector, arguments, self.second, &mut self.flow)
    }

    fn before(&mut self, deadline: U256) {
        self.until = Some(self.until.map_or(deadline, |until| until.min(deadline)));
    }

    fn multicall(
        &mut self,
        selector: [u8; 4],
        arguments: &[u8],
    ) -> Result<Option<Vec<Bytes>>, Denial> {
        let steps = match selector {
            calls::multicallCall::SELECTOR => {
                read::<calls::multicallCall>(arguments, &mut self.flow)?.data
            }
            calls::second::multicallCall::SELECTOR if self.second => {
                let call: calls::second::multicallCall = read(arguments, &mut self.flow)?;
                self.before(call.deadline);
                call.data
            }
            calls::after::multicallCall::SELECTOR if self.second => {
                read::<calls::after::multicallCall>(arguments, &mut self.flow)?.data
            }
            _ => return Ok(None),
        };
        Ok(Some(steps))
    }

    fn all(&mut self, call: &Call<'_>, steps: &[Bytes]) -> Result<(), Denial> {
        for data in steps {
            self.flow.steps = self.flow.steps.saturating_add(1);
            let inner = call.inner(call.sender, call.to, U256::ZERO, data)?;
            if self.flow.steps > STEPS_MAX || !self.step(&inner)? {
                not_understood(&mut self.flow, "a step of the plan is not understood");
                return Ok(());
            }
        }
        Ok(())
    }

    fn first(&mut self, selector: [u8; 4], arguments: &[u8]) -> Result<Option<Swap>, Denial> {
        use calls::first as c;
        let single = |one: c::Single, names_output| {
            single(
                (one.tokenIn, one.tokenOut),
                one.recipient,
                (one.amount, one.limit),
                !one.sqrtPriceLimitX96.is_zero(),
                names_output,
                Some(one.deadline),
            )
        };
        let swap = match selector {
            c::exactInputSingleCall::SELECTOR => {
                let call: c::exactInputSingleCall = read(arguments, &mut self.flow)?;
                single(call.params, false)
            }
            c::exactOutputSingleCall::SELECTOR => {
                let call: c::exactOutputSingleCall = read(arguments, &mut self.flow)?;
                single(call.params, true)
            }
            c::exactInputCall::SELECTOR => {
                let call: c::exactInputCall = read(arguments, &mut self.flow)?;
                let one = call.params;
                let amounts = (one.amount, one.limit);
                along(&one.path, one.recipient, amounts, false, Some(one.deadline))?
            }
            c::exactOutputCall::SELECTOR => {
                let call: c::exactOutputCall = read(arguments, &mut self.flow)?;
                let one = call.params;
                let amounts = (one.amount, one.limit);
                along(&one.path, one.recipient, amounts, true, Some(one.deadline))?
            }
            _ => return Ok(None),
        };
        Ok(Some(swap))
    }

    fn second(&mut self, selector: [u8; 4], arguments: &[u8]) -> Result<Option<Swap>, Denial> {
        use calls::second as c;
        let single = |one: c::Single, names_output| {
            single(
                (one.tokenIn, one.tokenOut),
                one.recipient,
                (one.amount, one.limit),
                !one.sqrtPriceLimitX96.is_zero(),
                names_output,
                None,
            )
        };
        let swap = match selector {
            c::exactInputSingleCall::SELECTOR => {
                let call: c::exactInputSingleCall = read(arguments, &mut self.flow)?;
                single(call.params, false)
            }
            c::exactOutputSingleCall::SELECTOR => {
                let call: c::exactOutputSingleCall = read(arguments, &mut self.flow)?;
                single(call.params, true)
            }
            c::exactInputCall::SELECTOR => {
                let call: c::exactInputCall = read(arguments, &mut self.flow)?;
                let one = call.params;
                along(
                    &one.path,
                    one.recipient,
                    (one.amount, one.limit),
                    false,
                    None,
                )?
            }
            c::exactOutputCall::SELECTOR => {
                let call: c::exactOutputCall = read(arguments, &mut self.flow)?;
                let one = call.params;
                along(
                    &one.path,
                    one.recipient,
                    (one.amount, one.limit),
                    true,
                    None,
                )?
            }
            c::swapExactTokensForTokensCall::SELECTOR => {
                let call: c::swapExactTokensForTokensCall = read(arguments, &mut self.flow)?;
                let amounts = (call.amountIn, call.amountOutMin);
                self.pairs(&call.path, call.to, amounts, false)?
            }
            c::swapTokensForExactTokensCall::SELECTOR => {
                let call: c::swapTokensForExactTokensCall = read(arguments, &mut self.flow)?;
                let amounts = (call.amountOut, call.amountInMax);
                self.pairs(&call.path, call.to, amounts, true)?
            }
            _ => return Ok(None),
        };
        Ok(Some(swap))
    }

    /// A swap through pairs of V2: of what comes out only the balance of whoever gets it is compared,
    /// and of a named output not even that. Tokens that can be trusted do as they should.
    fn pairs(
        &self,
        path: &[Address],
        recipient: Address,
        (amount, limit): (U256, U256),
        names_output: bool,
    ) -> Result<Swap, Denial> {
        let [from, between @ .., to] = path else {
            let text = "the path of a swap has less than two tokens";
            return Err(dirty(text));
        };
        Ok(Swap {
            from: *from,
            to: *to,
            recipient,
            amount,
            limit,
            names_output,
            stops: false,
            between: between.to_vec(),
            holds_between: false,
            kept: self.flow.all_known(between),
            measured: !names_output,
            deadline: None,
        })
    }

    fn swap(&mut self, swap: &Swap) -> Result<(), Denial> {
        if let Some(deadline) = swap.deadline {
            self.before(deadline);
        }
        let out = Some(Coin::Token(swap.to));
        let party = if self.second {
            with_sentinels(swap.recipient, out, &self.flow)?
        } else if swap.recipient.is_zero() {
            Party::Router
        } else {
            self.flow.party(swap.recipient, out)?
        };
        let (paid, least) = if swap.names_output {
            (swap.limit, swap.amount)
        } else {
            (swap.amount, swap.limit)
        };
        let ends = [swap.from, swap.to];
        if !self.flow.all_known(&ends) || !self.flow.all_known(&swap.between) {
            self.flow.expose();
        }
        let mut hand = if self.second && !swap.names_output && paid.is_zero() {
            self.held(swap.from)
        } else if swap.names_output || swap.stops {
            self.paid(swap.from, Take::AtMost(paid), paid)
        } else {
            self.paid(swap.from, Take::Exactly(paid), paid)
        };
        let through_wrapped = swap.between.iter().any(|one| self.flow.is_wrapped(*one));
        if swap.holds_between && through_wrapped {
            self.between(&mut hand);
        }
        // A named output that may stop at a price need not come in full.
        let sure = swap.kept && !(swap.names_output && swap.stops);
        let least = if sure { least } else { U256::ZERO };
        self.flow.measure(swap.measured, swap.kept, party);
        self.flow.swap(hand, out, party, least, true);
        Ok(())
    }

    /// What the caller pays. For the wrapped coin the router uses the coin it holds if that is
    /// enough, whatever it was sent for.
    fn paid(&mut self, token: Address, take: Take, amount: U256) -> Hand {
        let native = Some(Coin::Native);
        let held = self.flow.held_exactly(native);
        if !self.flow.is_wrapped(token) || held == Some(U256::ZERO) {
            return self.flow.enter(Coin::Token(token), amount);
        }
        if held.is_some_and(|held| held >= amount) {
            return self.flow.take(native, take, true);
        }
        let mut hand = self.flow.take(native, Take::AtMost(amount), false);
        let entered = self.flow.enter(Coin::Token(token), amount);
        hand.lots.extend(entered.lots);
        hand
    }

    /// All the router holds of a token; of the wrapped coin it may use the coin in its place.
    fn held(&mut self, token: Address) -> Hand {
        let native = Some(Coin::Native);
        let only = self.flow.held_exactly(native) == Some(U256::ZERO);
        if !self.flow.is_wrapped(token) || only {
            return self.flow.take(Some(Coin::Token(token)), Take::All, true);
        }
        let mut hand = self.flow.take(Some(Coin::Token(token)), Take::All, false);
        hand.lots
            .extend(self.flow.take(native, Take::All, false).lots);
        hand
    }

    /// On its way through the wrapped coin a swap may use up the coin the router holds, and leave
    /// the wrapped coin it bought.
    fn between(&mut self, hand: &mut Hand) {
        let native = self.flow.take(Some(Coin::Native), Take::All, false);
        if native.lots.is_empty() {
            return;
        }
        hand.exact = false;
        hand.lots.extend(native.lots);
        self.flow.put(None, hand);
    }
}

fn single(
    (from, to): (Address, Address),
    recipient: Address,
    (amount, limit): (U256, U256),
    stops: bool,
    names_output: bool,
    deadline: Option<U256>,
) -> Swap {
    Swap {
        from,
        to,
        recipient,
        amount,
        limit,
        names_output,
        stops,
        between: Vec::new(),
        holds_between: false,
        kept: true,
        measured: false,
        deadline,
    }
}

/// A swap along a packed path, which is written from its end if the output is named.
fn along(
    path: &[u8],
    recipient: Address,
    amounts: (U256, U256),
    names_output: bool,
    deadline: Option<U256>,
) -> Result<Swap, Denial> {
    let (first, last) = path_ends(path)?;
    let ends = if names_output {
        (last, first)
    } else {
        (first, last)
    };
    let mut swap = single(ends, recipient, amounts, false, names_output, deadline);
    swap.between = between(path);
    swap.holds_between = !names_output;
    Ok(swap)
}

/// The tokens between the ends of a path that was checked before.
fn between(path: &[u8]) -> Vec<Address> {
    let hops = path.chunks_exact(23).skip(1);
    let tokens = hops.filter_map(|hop| hop.first_chunk::<20>());
    tokens.map(|token| Address::from(*token)).collect()
}
