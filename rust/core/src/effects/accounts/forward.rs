//! Meta-transactions (ERC-2771 and its forerunners): somebody else sends a call, and contracts that
//! trust the forwarder take it for the wallet's own.

use alloy_primitives::{Address, U256};

use crate::display::{address_text, field, moment};
use crate::effects::common::nested::{self, Inner};
use crate::effects::context::{check_own_funds, Context};
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::registry::Decoder;
use crate::effects::Denial;

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[],
    documents: &[
        (REQUEST, request),
        (REQUEST_5, request),
        (REQUEST_GSN, request),
        (SPONSORED, sponsored),
        (META, meta),
    ],
};

/// OpenZeppelin before version 5.
const REQUEST: &str =
    "ForwardRequest(address from,address to,uint256 value,uint256 gas,uint256 nonce,bytes data)";
/// OpenZeppelin 5.
const REQUEST_5: &str = "ForwardRequest(address from,address to,uint256 value,uint256 gas,uint256 nonce,uint48 deadline,bytes data)";
/// Gas Station Network 3.
const REQUEST_GSN: &str = "ForwardRequest(address from,address to,uint256 value,uint256 gas,uint256 nonce,bytes data,uint256 validUntilTime)";
/// Gelato, paid by a sponsor.
const SPONSORED: &str = "SponsoredCallERC2771(uint256 chainId,address target,bytes data,address user,uint256 userNonce,uint256 userDeadline)";
/// A contract that forwards to itself.
const META: &str = "MetaTransaction(uint256 nonce,address from,bytes functionSignature)";

fn request(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let deadline = message.uint("deadline");
    let asked = Asked {
        from: message.address("from"),
        to: message.address("to"),
        value: message.uint("value"),
        data: message.bytes("data"),
        until: deadline.or_else(|| message.uint("validUntilTime")),
    };
    asked.parts(contract, context)
}

fn sponsored(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let asked = Asked {
        from: message.address("user"),
        to: message.address("target"),
        value: Some(U256::ZERO),
        data: message.bytes("data"),
        until: message.uint("userDeadline"),
    };
    asked.parts(contract, context)
}

fn meta(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let asked = Asked {
        from: message.address("from"),
        to: Some(contract),
        value: Some(U256::ZERO),
        data: message.bytes("functionSignature"),
        until: None,
    };
    asked.parts(contract, context)
}

struct Asked {
    from: Option<Address>,
    to: Option<Address>,
    value: Option<U256>,
    data: Option<Vec<u8>>,
    until: Option<U256>,
}

impl Asked {
    fn parts(&self, contract: Address, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
        let (Some(from), Some(to), Some(value), Some(data)) =
            (self.from, self.to, self.value, &self.data)
        else {
            return Ok(None);
        };
        check_own_funds(from, context)?;
        let mut parts = Parts::default();
        let action = "let another account make a call in the wallet's name";
        parts.display.push(field("Action", action));
        let forwarder = address_text(contract);
        parts.display.push(field("Forwarder", forwarder));
        let inner = Inner {
            sender: from,
            to,
            value,
            data,
        };
        nested::add(&[inner], contract, &mut parts, context)?;
        if let Some(until) = self.until {
            parts.display.push(field("Valid until", moment(until)));
        }
        Ok(Some(parts))
    }
}
