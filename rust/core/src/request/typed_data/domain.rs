//! The domain of a document: the five standard members, in their order, and nothing else.

use std::borrow::Cow;

use alloy_primitives::{hex, Address, B256, U256};
use alloy_sol_types::Eip712Domain;

use super::members;
use super::schema::{field_json, Kind};
use super::value::{self, Leaf};
use crate::address::checksum;
use crate::chain::ChainId;
use crate::code::Detail;
use crate::json::{Json, Malformed};

/// Standard members in the order of EIP-712, with their types.
const MEMBERS: [(&str, &str); 5] = [
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
    ("salt", "bytes32"),
];

/// A parsed domain.
#[derive(Debug, Default)]
pub(super) struct Domain {
    pub name: Option<String>,
    version: Option<String>,
    pub chain_id: Option<ChainId>,
    pub verifying_contract: Option<Address>,
    salt: Option<B256>,
    /// The contract has a wrong checksum.
    pub(super) doubtful: bool,
}

impl Domain {
    /// Parses `domain` and compares it with `types.EIP712Domain`, if the document has that.
    pub(super) fn parse(domain: &Json<'_>, declared: Option<&Json<'_>>) -> Result<Self, Malformed> {
        let Some(found) = domain.as_object() else {
            return Err(fault("the domain must be an object").under("domain"));
        };
        let mut parsed = Self::default();
        for (key, value) in found {
            let at = |fault: Malformed| fault.under(key).under("domain");
            match key.as_ref() {
                "name" => parsed.name = Some(text(value).map_err(at)?),
                "version" => parsed.version = Some(text(value).map_err(at)?),
                "chainId" => parsed.chain_id = Some(chain_id(value).map_err(at)?),
                "verifyingContract" => match value::leaf(&Kind::Address, value).map_err(at)? {
                    Leaf::Address(address) => parsed.verifying_contract = Some(address),
                    Leaf::DoubtfulAddress(address) => {
                        parsed.verifying_contract = Some(address);
                        parsed.doubtful = true;
                    }
                    _ => return Err(at(fault("expected an address"))),
                },
                "salt" => match value::leaf(&Kind::FixedBytes(32), value).map_err(at)? {
                    Leaf::FixedBytes(salt, _) => parsed.salt = Some(salt),
                    _ => return Err(at(fault("expected 32 bytes"))),
                },
                _ => return Err(at(fault("not a member of a domain"))),
            }
        }
        if let Some(declared) = declared {
            parsed
                .check_declared(declared)
                .map_err(|fault| fault.under("EIP712Domain").under("types"))?;
        }
        Ok(parsed)
    }

    fn has(&self, member: &str) -> bool {
        match member {
            "name" => self.name.is_some(),
            "version" => self.version.is_some(),
            "chainId" => self.chain_id.is_some(),
            "verifyingContract" => self.verifying_contract.is_some(),
            "salt" => self.salt.is_some(),
            _ => false,
        }
    }

    fn present(&self) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
        MEMBERS.into_iter().filter(|(name, _)| self.has(name))
    }

    fn check_declared(&self, declared: &Json<'_>) -> Result<(), Malformed> {
        let Some(items) = declared.as_array() else {
            return Err(fault("a type must be an array of members"));
        };
        let mut expected = self.present();
        for (index, item) in items.iter().enumerate() {
            let [name, kind] =
                members(item, ["name", "type"]).map_err(|fault| fault.under_index(index))?;
            let same = expected
                .next()
                .is_some_and(|(n, t)| name.as_str() == Some(n) && kind.as_str() == Some(t));
            if !same {
                let text = "must list the members of the domain in the order of EIP-712";
                return Err(fault(text).under_index(index));
            }
        }
        match expected.next() {
            None => Ok(()),
            Some((missing, _)) => {
                Err(fault("a member of the domain is not declared").under(missing))
            }
        }
    }

    /// The EIP-712 domain separator.
    pub(super) fn separator(&self) -> B256 {
        Eip712Domain::new(
            self.name.clone().map(Cow::Owned),
            self.version.clone().map(Cow::Owned),
            self.chain_id.map(|id| U256::from(id.get())),
            self.verifying_contract,
            self.salt,
        )
        .separator()
    }

    /// `types.EIP712Domain`
    pub(super) fn type_json(&self) -> Json<'static> {
        Json::Array(
            self.present()
                .map(|(name, kind)| field_json(name, kind))
                .collect(),
        )
    }

    pub(super) fn to_json(&self) -> Json<'static> {
        let text = |text: &String| Json::Str(Cow::Owned(text.clone()));
        let chain_id = |id: ChainId| {
            value::small_integer(id.get()).unwrap_or_else(|| Json::Str(Cow::Owned(id.to_string())))
        };
        let values = [
            ("name", self.name.as_ref().map(text)),
            ("version", self.version.as_ref().map(text)),
            ("chainId", self.chain_id.map(chain_id)),
            (
                "verifyingContract",
                self.verifying_contract.map(|address| {
                    text(&if self.doubtful {
                        hex::encode_prefixed(address)
                    } else {
                        checksum(address).to_string()
                    })
                }),
            ),
            ("salt", self.salt.map(|salt| text(&salt.to_string()))),
        ];
        let present = values
            .into_iter()
            .filter_map(|(k, v)| v.map(|v| (Cow::Borrowed(k), v)));
        Json::Object(present.collect())
    }
}

fn text(value: &Json<'_>) -> Result<String, Malformed> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| fault("expected a string"))
}

/// `1`, `"1"` and `"0x1"` are the same chain; 0 and ids above 64 bits are none.
fn chain_id(value: &Json<'_>) -> Result<ChainId, Malformed> {
    let Leaf::Uint(id) = value::leaf(&Kind::Uint(256), value)? else {
        return Err(fault("expected a chain id"));
    };
    let id = u64::try_from(id).ok().and_then(ChainId::checked);
    id.ok_or_else(|| fault("not a chain id"))
}

fn fault(text: &str) -> Malformed {
    Malformed::new(Detail::TypedDomain, "", text)
}
