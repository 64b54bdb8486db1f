//! Transactions: value, calls of tokens, of protocols and of functions the operator vouches for.

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{Address, Bytes, B256, I256, U256};
use alloy_sol_types::SolCall;

use super::{returned, Carried};
use crate::asset::{Asset, Standard};
use crate::effects::EffectKind;
use crate::function::{Condition, Function, Step};
use crate::policy::compare::place::Place;
use crate::policy::compare::world::World;
use crate::protocol::Protocol;

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod abi {
    alloy_sol_types::sol! {
        function transfer(address to, uint256 amount);
        function transferFrom(address from, address to, uint256 amount);
        function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes data);
        function approve(address spender, uint256 amount);
        function decreaseAllowance(address spender, uint256 amount);
        function setApprovalForAll(address operator, bool approved);
        function transferOwnership(address newOwner);
        function deposit();
        function withdraw(uint256 amount);
        function supply(address asset, uint256 amount, address onBehalfOf, uint16 referralCode);
        function borrow(address asset, uint256 amount, uint256 interestRateMode, uint16 referralCode, address onBehalfOf);
        function swapExactTokensForTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function swapExactETHForTokens(uint256 amountOutMin, address[] path, address to, uint256 deadline);
    }
    pub mod vault {
        alloy_sol_types::sol! {
            function deposit(uint256 assets, address receiver);
            function withdraw(uint256 assets, address receiver, address owner);
        }
    }
    pub mod pool {
        alloy_sol_types::sol! {
            function deposit(address asset, uint256 amount, address onBehalfOf, uint16 referralCode);
        }
    }
}

fn call(to: Address, data: Vec<u8>) -> Option<Carried> {
    Some(Carried {
        to: Some(to),
        value: U256::ZERO,
        data,
    })
}

/// A call that gives a contract away.
pub(super) fn transfer_ownership(to: Address) -> Vec<u8> {
    abi::transferOwnershipCall { newOwner: to }.abi_encode()
}

/// What is done with the chain's coin.
pub(super) fn of_coin(world: &World<'_>, place: &Place<'_>, amount: U256) -> Option<Carried> {
    let to = place.payee?;
    let data = match place.kind {
        EffectKind::Transfer => Vec::new(),
        EffectKind::Convert if speaks(world, place) == Some("weth") => {
            abi::depositCall {}.abi_encode()
        }
        EffectKind::Swap => {
            let got = other_token(world, place)?;
            let wrapped = world
                .both()
                .into_iter()
                .find_map(|policy| policy.registry().wrapped_coin(place.who.chain_id))?;
            abi::swapExactETHForTokensCall {
                amountOutMin: returned(world, place, got, amount),
                path: vec![wrapped, got.address?],
                to: place.who.wallet,
                deadline: U256::from(u64::MAX),
            }
            .abi_encode()
        }
        _ => return None,
    };
    Some(Carried {
        to: Some(to),
        value: amount,
        data,
    })
}

/// What is done with a token.
pub(super) fn of_token(
    world: &World<'_>,
    place: &Place<'_>,
    token: Address,
    amount: U256,
) -> Option<Carried> {
    let (payee, wallet) = (place.payee?, place.who.wallet);
    let standard = place.asset?.standard;
    let data = match (place.kind, standard) {
        (EffectKind::Transfer, Standard::Erc20) => {
            let to = payee;
            abi::transferCall { to, amount }.abi_encode()
        }
        (EffectKind::Transfer, Standard::Erc721) => abi::transferFromCall {
            from: wallet,
            to: payee,
            amount: U256::ONE,
        }
        .abi_encode(),
        (EffectKind::Transfer, Standard::Erc1155) => abi::safeTransferFromCall {
            from: wallet,
            to: payee,
            id: U256::ONE,
            amount,
            data: Bytes::new(),
        }
        .abi_encode(),
        (EffectKind::Allowance, Standard::Erc20) => {
            let spender = payee;
            abi::approveCall { spender, amount }.abi_encode()
        }
        (EffectKind::Revoke, Standard::Erc20) if amount.is_zero() => {
            let spender = payee;
            abi::approveCall { spender, amount }.abi_encode()
        }
        (EffectKind::Revoke, Standard::Erc20) => {
            let spender = payee;
            abi::decreaseAllowanceCall { spender, amount }.abi_encode()
        }
        (EffectKind::Allowance | EffectKind::Revoke, _) => abi::setApprovalForAllCall {
            operator: payee,
            approved: place.kind == EffectKind::Allowance,
        }
        .abi_encode(),
        (EffectKind::Swap, Standard::Erc20) => {
            let got = other_token(world, place)?;
            abi::swapExactTokensForTokensCall {
                amountIn: amount,
                amountOutMin: returned(world, place, got, amount),
                path: vec![token, got.address?],
                to: wallet,
                deadline: U256::from(u64::MAX),
            }
            .abi_encode()
        }
        (EffectKind::Deposit | EffectKind::Debt | EffectKind::Convert, Standard::Erc20) => {
            return of_protocol(world, place, token, amount);
        }
        _ => return None,
    };
    let to = if place.kind == EffectKind::Swap {
        payee
    } else {
        token
    };
    call(to, data)
}

fn of_protocol(
    world: &World<'_>,
    place: &Place<'_>,
    token: Address,
    amount: U256,
) -> Option<Carried> {
    let (contract, wallet) = (place.payee?, place.who.wallet);
    let data = match (place.kind, speaks(world, place)?) {
        (EffectKind::Deposit, "erc4626") => abi::vault::depositCall {
            assets: amount,
            receiver: wallet,
        }
        .abi_encode(),
        (EffectKind::Convert, "erc4626") => abi::vault::withdrawCall {
            assets: amount,
            receiver: wallet,
            owner: wallet,
        }
        .abi_encode(),
        (EffectKind::Convert, "weth") if contract == token => {
            abi::withdrawCall { amount }.abi_encode()
        }
        (EffectKind::Deposit, "aave-v2-pool") => abi::pool::depositCall {
            asset: token,
            amount,
            onBehalfOf: wallet,
            referralCode: 0,
        }
        .abi_encode(),
        (EffectKind::Deposit, _) => abi::supplyCall {
            asset: token,
            amount,
            onBehalfOf: wallet,
            referralCode: 0,
        }
        .abi_encode(),
        (EffectKind::Debt, _) => abi::borrowCall {
            asset: token,
            amount,
            interestRateMode: U256::from(2),
            referralCode: 0,
            onBehalfOf: wallet,
        }
        .abi_encode(),
        _ => return None,
    };
    call(contract, data)
}

/// The protocol of the payee, in either policy.
fn speaks(world: &World<'_>, place: &Place<'_>) -> Option<&'static str> {
    let contract = place.who.chain_id.at(place.payee?);
    let mut both = world.both().into_iter();
    both.find_map(|policy| policy.registry().protocol(contract).map(Protocol::as_str))
}

/// A token to get for this one: another if there is one.
pub(super) fn other_token<'w>(world: &World<'w>, place: &Place<'_>) -> Option<&'w Asset> {
    let mut tokens = world
        .assets
        .iter()
        .filter(|asset| asset.chain_id == place.who.chain_id && asset.standard == Standard::Erc20);
    let is_other = |asset: &&&Asset| place.asset.map(Asset::identity) != Some(asset.identity());
    tokens.find(is_other).copied()
}

/// A call of the function with arguments that the operator allows.
pub(super) fn of_function(function: &Function, wallet: Address) -> Option<Vec<u8>> {
    let conditions: Vec<Ahead<'_>> = function
        .conditions
        .iter()
        .map(|(path, condition)| (path.steps.as_slice(), condition))
        .collect();
    let arguments = filled(function.signature.whole(), &conditions, wallet)?;
    let mut data = function.signature.selector().to_vec();
    data.extend(arguments.abi_encode_params());
    Some(data)
}

/// The steps that are left to a value, and what it must be.
type Ahead<'f> = (&'f [Step], &'f Condition);

/// A value of a type with what the conditions allow at the ends of their paths, and nothing else.
fn filled(kind: &DynSolType, conditions: &[Ahead<'_>], wallet: Address) -> Option<DynSolValue> {
    if let Some((_, condition)) = conditions.iter().find(|(steps, _)| steps.is_empty()) {
        return kind.abi_decode(allowed(condition, wallet)?.as_slice()).ok();
    }
    let next = |wanted: &dyn Fn(Step) -> bool| -> Vec<Ahead<'_>> {
        let ahead = conditions.iter().filter_map(|(steps, condition)| {
            let (step, rest) = steps.split_first()?;
            wanted(*step).then_some((rest, *condition))
        });
        ahead.collect()
    };
    match kind {
        DynSolType::Tuple(kinds) => {
            let members = kinds.iter().enumerate().map(|(place, kind)| {
                filled(kind, &next(&|step| step == Step::Member(place)), wallet)
            });
            Some(DynSolValue::Tuple(members.collect::<Option<_>>()?))
        }
        DynSolType::Array(inner) if !conditions.is_empty() => {
            let element = filled(inner, &next(&|step| step == Step::Each), wallet)?;
            Some(DynSolValue::Array(vec![element]))
        }
        DynSolType::FixedArray(inner, size) => {
            let elements = (0..*size).map(|place| {
                let here = |step| step == Step::Each || step == Step::Element(place);
                filled(inner, &next(&here), wallet)
            });
            Some(DynSolValue::FixedArray(elements.collect::<Option<_>>()?))
        }
        _ => nothing(kind),
    }
}

/// The last value that is named: what was added to a list of values is at its end.
fn allowed(condition: &Condition, wallet: Address) -> Option<B256> {
    match condition {
        Condition::In { words, wallet: own } => {
            let own = own.then(|| wallet.into_word());
            words.last().copied().or(own)
        }
        Condition::Between { min, max } => max.or(*min),
    }
}

/// The emptiest value of a type that has no parts of a fixed number.
fn nothing(kind: &DynSolType) -> Option<DynSolValue> {
    Some(match kind {
        DynSolType::Bool => DynSolValue::Bool(false),
        DynSolType::Int(bits) => DynSolValue::Int(I256::ZERO, *bits),
        DynSolType::Uint(bits) => DynSolValue::Uint(U256::ZERO, *bits),
        DynSolType::FixedBytes(size) => DynSolValue::FixedBytes(B256::ZERO, *size),
        DynSolType::Address => DynSolValue::Address(Address::ZERO),
        DynSolType::Bytes => DynSolValue::Bytes(Vec::new()),
        DynSolType::String => DynSolValue::String(String::new()),
        DynSolType::Array(_) => DynSolValue::Array(Vec::new()),
        _ => return None,
    })
}
