//! What descriptors say of a request, and where that is not what it does.

use alloy_primitives::{Address, U256};

use crate::asset::Asset;
use crate::clear::{Container, Library, Said};
use crate::code::WarningCode;
use crate::display::{address_text, amount_text, warning};
use crate::effects::context::Context;
use crate::effects::{signature, Decoded, Effect, EffectKind};
use crate::request::Body;

/// Kinds whose amount a person has to be told.
const COSTING: [EffectKind; 6] = [
    EffectKind::Transfer,
    EffectKind::Allowance,
    EffectKind::Swap,
    EffectKind::Deposit,
    EffectKind::Order,
    EffectKind::Debt,
];
/// Of these also who gets it: of the others something comes back, and our own lines say through
/// whom.
const GIVING: [EffectKind; 3] = [
    EffectKind::Transfer,
    EffectKind::Allowance,
    EffectKind::Debt,
];

/// Adds the lines of a descriptor after our own, and a warning for what it leaves out.
pub(super) fn add(body: &Body, context: &Context<'_>, clear: &Library, decoded: &mut Decoded) {
    let Some((contract, said)) = say(body, context, clear) else {
        return;
    };
    if let Some(differs) = difference(decoded, contract, context, &said) {
        decoded
            .warnings
            .push(warning(WarningCode::DescriptorDiffers, &differs));
    }
    let doubts = said.doubts.iter();
    decoded
        .warnings
        .extend(doubts.map(|text| warning(WarningCode::Descriptor, text)));
    decoded.display.extend(said.fields);
}

/// The contract a request is for, and what descriptors say of it.
fn say(body: &Body, context: &Context<'_>, clear: &Library) -> Option<(Address, Said)> {
    let container = |to: Address, value: U256| Container {
        chain_id: context.chain_id,
        from: context.wallet,
        to,
        value,
    };
    match body {
        Body::Transaction(transaction) => {
            let to = transaction.to?;
            let container = container(to, transaction.value);
            let said = clear.call(&transaction.data, &container, context.registry)?;
            Some((to, said))
        }
        Body::TypedData(typed) => {
            let to = typed.verifying_contract?;
            let container = container(to, U256::ZERO);
            let document = signature::document(typed)?;
            let assets = context.registry;
            let said = clear.document(&document, typed.type_hash, &container, assets)?;
            Some((to, said))
        }
        Body::Message(_) => None,
    }
}

/// What of the effects a descriptor leaves out or tells differently. Only where every effect is
/// understood: otherwise there is nothing to compare with.
fn difference(
    decoded: &Decoded,
    contract: Address,
    context: &Context<'_>,
    said: &Said,
) -> Option<String> {
    if decoded.opaque {
        return None;
    }
    let costing = || {
        let effects = decoded.effects.iter();
        effects.filter(|effect| COSTING.contains(&effect.kind))
    };
    for effect in costing() {
        // The contract that is called is named by the request itself.
        let to = effect
            .to
            .filter(|to| *to != contract && !context.is_own(*to));
        if let Some(to) = to.filter(|to| GIVING.contains(&effect.kind) && !names(said, *to)) {
            let to = address_text(to);
            return Some(format!(
                "the descriptor does not name {to}, which gets the value"
            ));
        }
        let Some(asset) = effect.asset.as_ref() else {
            continue;
        };
        let total = || sum(costing(), asset);
        let told = |amount| tells(said, asset, amount);
        if effect.unlimited || effect.amount.is_zero() || told(effect.amount) || told(total()) {
            continue;
        }
        let amount = amount_text(asset, effect.amount);
        return Some(format!(
            "the descriptor does not say that {amount} can leave"
        ));
    }
    None
}

fn sum<'e>(effects: impl Iterator<Item = &'e Effect>, asset: &Asset) -> U256 {
    let same = effects.filter(|effect| effect.asset.as_ref() == Some(asset));
    same.fold(U256::ZERO, |sum, effect| sum.saturating_add(effect.amount))
}

/// A line is this address, alone or after the name of what is there.
fn names(said: &Said, address: Address) -> bool {
    let text = address_text(address);
    let mut lines = said.fields.iter();
    lines.any(|line| {
        let before = line.value.strip_suffix(text.as_str());
        before.is_some_and(|before| before.is_empty() || before.ends_with(' '))
    })
}

/// A line is this amount, in units of the token or bare.
fn tells(said: &Said, asset: &Asset, amount: U256) -> bool {
    let (written, bare) = (amount_text(asset, amount), amount.to_string());
    let mut lines = said.fields.iter();
    lines.any(|line| line.value == written || line.value == bare)
}
