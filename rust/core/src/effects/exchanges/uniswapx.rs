//! Orders of UniswapX: the witness of a Permit2 transfer whose spender, a reactor, takes the input
//! only if every output arrives. Amounts move between two ends while an order is alive.

use alloy_primitives::{Address, U256};

use crate::effects::common::order::{Leg, Order};
use crate::effects::common::trade::Coin;
use crate::effects::context::{check_own_funds, Context};
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::permits::permit2::{typed as permit2, PERMIT2};
use crate::effects::registry::{Contract, Decoder};
use crate::effects::Denial;
use crate::protocol::Protocol;

const REACTOR: Protocol = Protocol::named("uniswapx-reactor");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(REACTOR, "settles UniswapX orders")],
    documents: &[
        (DUTCH, dutch),
        (EXCLUSIVE, dutch),
        (LIMIT, limit),
        (V2, v2),
        (V3, v3),
        (PRIORITY, priority),
    ],
};

macro_rules! permit {
    ($name:literal, $types:expr) => {
        concat!(
            "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,",
            $name,
            " witness)",
            $types
        )
    };
}

const DUTCH: &str = permit!("DutchOrder", "DutchOrder(OrderInfo info,uint256 decayStartTime,uint256 decayEndTime,address inputToken,uint256 inputStartAmount,uint256 inputEndAmount,DutchOutput[] outputs)DutchOutput(address token,uint256 startAmount,uint256 endAmount,address recipient)OrderInfo(address reactor,address swapper,uint256 nonce,uint256 deadline,address additionalValidationContract,bytes additionalValidationData)TokenPermissions(address token,uint256 amount)");
const EXCLUSIVE: &str = permit!("ExclusiveDutchOrder", "DutchOutput(address token,uint256 startAmount,uint256 endAmount,address recipient)ExclusiveDutchOrder(OrderInfo info,uint256 decayStartTime,uint256 decayEndTime,address exclusiveFiller,uint256 exclusivityOverrideBps,address inputToken,uint256 inputStartAmount,uint256 inputEndAmount,DutchOutput[] outputs)OrderInfo(address reactor,address swapper,uint256 nonce,uint256 deadline,address additionalValidationContract,bytes additionalValidationData)TokenPermissions(address token,uint256 amount)");
const LIMIT: &str = permit!("LimitOrder", "LimitOrder(OrderInfo info,address inputToken,uint256 inputAmount,OutputToken[] outputs)OrderInfo(address reactor,address swapper,uint256 nonce,uint256 deadline,address additionalValidationContract,bytes additionalValidationData)OutputToken(address token,uint256 amount,address recipient)TokenPermissions(address token,uint256 amount)");
const V2: &str = permit!("V2DutchOrder", "DutchOutput(address token,uint256 startAmount,uint256 endAmount,address recipient)OrderInfo(address reactor,address swapper,uint256 nonce,uint256 deadline,address additionalValidationContract,bytes additionalValidationData)TokenPermissions(address token,uint256 amount)V2DutchOrder(OrderInfo info,address cosigner,address baseInputToken,uint256 baseInputStartAmount,uint256 baseInputEndAmount,DutchOutput[] baseOutputs)");
const V3: &str = permit!("V3DutchOrder", "NonlinearDutchDecay(uint256 relativeBlocks,int256[] relativeAmounts)OrderInfo(address reactor,address swapper,uint256 nonce,uint256 deadline,address additionalValidationContract,bytes additionalValidationData)TokenPermissions(address token,uint256 amount)V3DutchInput(address token,uint256 startAmount,NonlinearDutchDecay curve,uint256 maxAmount,uint256 adjustmentPerGweiBaseFee)V3DutchOrder(OrderInfo info,address cosigner,uint256 startingBaseFee,V3DutchInput baseInput,V3DutchOutput[] baseOutputs)V3DutchOutput(address token,uint256 startAmount,NonlinearDutchDecay curve,address recipient,uint256 minAmount,uint256 adjustmentPerGweiBaseFee)");
const PRIORITY: &str = permit!("PriorityOrder", "OrderInfo(address reactor,address swapper,uint256 nonce,uint256 deadline,address additionalValidationContract,bytes additionalValidationData)PriorityInput(address token,uint256 amount,uint256 mpsPerPriorityFeeWei)PriorityOrder(OrderInfo info,address cosigner,uint256 auctionStartBlock,uint256 baselinePriorityFeeWei,PriorityInput input,PriorityOutput[] outputs)PriorityOutput(address token,uint256 amount,uint256 mpsPerPriorityFeeWei,address recipient)TokenPermissions(address token,uint256 amount)");

/// What one kind of order calls its parts.
struct Names {
    /// The struct the input is in; the order itself if none.
    input: Option<&'static str>,
    token: &'static str,
    /// The ends of the input: the most is taken in the worst case.
    amounts: &'static [&'static str],
    outputs: &'static str,
    /// The ends of an output: the least arrives in the worst case.
    output_amounts: &'static [&'static str],
}

const OF_DUTCH: Names = Names {
    input: None,
    token: "inputToken",
    amounts: &["inputStartAmount", "inputEndAmount"],
    outputs: "outputs",
    output_amounts: &["startAmount", "endAmount"],
};
const OF_LIMIT: Names = Names {
    amounts: &["inputAmount"],
    output_amounts: &["amount"],
    ..OF_DUTCH
};
const OF_V2: Names = Names {
    token: "baseInputToken",
    amounts: &["baseInputStartAmount", "baseInputEndAmount"],
    outputs: "baseOutputs",
    ..OF_DUTCH
};
/// The curve between the ends is cut off at `maxAmount` and `minAmount`.
const OF_V3: Names = Names {
    input: Some("baseInput"),
    token: "token",
    amounts: &["startAmount", "maxAmount"],
    outputs: "baseOutputs",
    output_amounts: &["startAmount", "minAmount"],
};
/// A higher fee of the filler only makes the terms better.
const OF_PRIORITY: Names = Names {
    input: Some("input"),
    token: "token",
    amounts: &["amount"],
    outputs: "outputs",
    output_amounts: &["amount"],
};

fn dutch(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    order(contract, message, &OF_DUTCH, context)
}

fn limit(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    order(contract, message, &OF_LIMIT, context)
}

fn v2(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    order(contract, message, &OF_V2, context)
}

fn v3(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    order(contract, message, &OF_V3, context)
}

fn priority(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    order(contract, message, &OF_PRIORITY, context)
}

/// An order if the spender is a reactor, otherwise an allowance as with any witness.
fn order(
    contract: Address,
    message: &Message<'_>,
    names: &Names,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some(spender) = message.address("spender") else {
        return Ok(None);
    };
    if context.protocol(spender) != Some(REACTOR) {
        return permit2::witness(contract, message, context);
    }
    if context.protocol(contract) != Some(PERMIT2) {
        return Ok(None);
    }
    let info = message.inner("witness").and_then(|one| one.inner("info"));
    let Some(swapper) = info.and_then(|info| info.address("swapper")) else {
        return Ok(None);
    };
    check_own_funds(swapper, context)?;
    let order = read(spender, swapper, message, names);
    let Some((order, token)) = order else {
        return Ok(None);
    };
    // The input is taken as a fungible token.
    if context.token(token).is_none() {
        return Ok(None);
    }
    Ok(order.parts(context))
}

/// The order and the token of its input; `None` if the permit and its witness differ: no reactor
/// would settle that.
fn read(
    spender: Address,
    swapper: Address,
    message: &Message<'_>,
    names: &Names,
) -> Option<(Order, Address)> {
    let witness = message.inner("witness")?;
    let info = witness.inner("info")?;
    let permitted = message.inner("permitted")?;
    let input = match names.input {
        Some(name) => witness.inner(name)?,
        None => witness,
    };
    let token = input.address(names.token)?;
    let most = ends(&input, names.amounts)?
        .into_iter()
        .fold(U256::ZERO, U256::max);
    let same = info.address("reactor")? == spender
        && info.uint("deadline")? == message.uint("deadline")?
        && permitted.address("token")? == token
        && permitted.uint("amount")? == most;
    if !same {
        return None;
    }
    let mut gets = Vec::new();
    let mut others = Vec::new();
    for output in witness.items(names.outputs)? {
        let least = ends(&output, names.output_amounts)?;
        let least = least.into_iter().fold(U256::MAX, U256::min);
        let coin = match output.address("token")? {
            Address::ZERO => Coin::Native,
            token => Coin::Token(token),
        };
        let leg = Leg::plain(coin, least);
        match output.address("recipient")? {
            recipient if recipient == swapper => gets.push(leg),
            recipient => others.push((recipient, leg)),
        }
    }
    let order = Order {
        action: "sign an order to swap",
        owner: swapper,
        gives: vec![Leg::plain(Coin::Token(token), most)],
        gets,
        others,
        through: spender,
        until: Some(message.uint("deadline")?),
        unsure: None,
    };
    Some((order, token))
}

fn ends(message: &Message<'_>, names: &[&str]) -> Option<Vec<U256>> {
    names.iter().map(|name| message.uint(name)).collect()
}
