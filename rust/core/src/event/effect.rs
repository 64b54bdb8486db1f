//! How effects, lines and warnings are written in records. Records keep them as they were shown:
//! names and decimals of that day, whatever the registry says later.

use std::borrow::Cow;

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use super::wire;
use crate::asset::{Asset, Standard};
use crate::chain::ChainId;
use crate::code::{Recorded, WarningCode};
use crate::display::{DisplayLine, Warning};
use crate::effects::{Effect, EffectKind};

/// `{effect, asset, from, to, amount, unlimited, expires, path}`, `function` of a call the operator
/// vouches for, and `doubted`; the chain is that of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectRecord {
    /// Base units.
    #[serde(with = "wire::decimal")]
    pub amount: U256,
    /// What moves or is exposed.
    pub asset: Option<AssetRecord>,
    /// It happens only if a contract whose code was not seen is not what its address says; so much of
    /// the amount other effects stand for already. Left out of all others.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "wire::decimal_option"
    )]
    pub doubted: Option<U256>,
    /// What it is.
    pub effect: EffectKind,
    /// Until when it can happen, ms; null: for good, or at once.
    pub expires: Option<u64>,
    /// Whose value it is.
    #[serde(with = "wire::eip55")]
    pub from: Address,
    /// Of a call: the function the operator vouches for. Left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Which inner call.
    pub path: String,
    /// Beneficiary, spender or contract.
    #[serde(with = "wire::eip55_option")]
    pub to: Option<Address>,
    /// Means everything.
    pub unlimited: bool,
}

/// `{chain_id, address, standard, symbol, decimals, id}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetRecord {
    /// Contract, or null for the native coin.
    #[serde(with = "wire::eip55_option")]
    pub address: Option<Address>,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// Pinned by the operator.
    pub decimals: u8,
    /// The operator's name; null for an asset that is in no policy.
    pub id: Option<String>,
    /// How it moves.
    pub standard: Standard,
    /// Label.
    pub symbol: String,
}

impl From<Asset> for AssetRecord {
    fn from(asset: Asset) -> Self {
        Self {
            address: asset.address,
            chain_id: asset.chain_id,
            decimals: asset.decimals,
            id: Some(asset.id).filter(|id| !id.is_empty()),
            standard: asset.standard,
            symbol: asset.symbol,
        }
    }
}

impl From<Effect> for EffectRecord {
    fn from(effect: Effect) -> Self {
        Self {
            amount: effect.amount,
            asset: effect.asset.map(AssetRecord::from),
            doubted: effect.doubted,
            effect: effect.kind,
            expires: effect.expires,
            from: effect.from,
            function: effect.function,
            path: effect.path,
            to: effect.to,
            unlimited: effect.unlimited,
        }
    }
}

/// A line for a person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineRecord {
    /// What it is.
    pub label: Cow<'static, str>,
    /// The value.
    pub value: String,
}

impl From<DisplayLine> for LineRecord {
    fn from(field: DisplayLine) -> Self {
        Self {
            label: field.label,
            value: field.value,
        }
    }
}

/// A warning.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarningRecord {
    /// What it is about.
    pub code: Recorded<WarningCode>,
    /// Words.
    pub text: String,
}

impl From<Warning> for WarningRecord {
    fn from(warning: Warning) -> Self {
        Self {
            code: warning.code.into(),
            text: warning.text,
        }
    }
}
