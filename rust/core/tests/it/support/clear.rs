//! The table of formats of ERC-7730: descriptors and the data of calls they are about.

use alloy_dyn_abi::DynSolType;
use alloy_primitives::{hex, keccak256};
use serde::Deserialize;
use serde_json::{json, Value};

/// What the descriptor of a case is about.
pub const VAULT: &str = "0x1111111111111111111111111111111111111111";
pub const USDC: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
pub const CATS: &str = "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9";
const BOB: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    function: String,
    args: String,
    fields: String,
    pub from: Option<String>,
    token: Option<String>,
    sentence: Option<String>,
    pub says: Vec<String>,
    #[serde(default)]
    pub doubts: Vec<String>,
}

pub fn read(source: &str) -> Vec<Case> {
    #[derive(Deserialize)]
    struct Table {
        case: Vec<Case>,
    }
    toml::from_str::<Table>(source).unwrap().case
}

pub fn filled(text: &str) -> String {
    text.replace("$usdc", USDC)
        .replace("$cats", CATS)
        .replace("$bob-lower", &BOB.to_ascii_lowercase())
        .replace("$bob", BOB)
}

/// `f(address to)` as `f(address)`
fn without_names(function: &str) -> String {
    let mut in_name = false;
    let kept = function.chars().filter(|character| {
        in_name = match character {
            ' ' => true,
            ',' | ')' => false,
            _ => in_name,
        };
        !in_name
    });
    kept.collect()
}

fn at(address: &str) -> Value {
    json!({"contract": {"deployments": [{"chainId": 1, "address": address}]}})
}

/// The descriptor of the token that inner calls are made to.
pub fn inner() -> Value {
    json!({
        "context": at(USDC),
        "display": {"formats": {"transfer(address to,uint256 amount)": {"intent": "Send", "fields": [
            {"path": "to", "label": "To", "format": "addressName"},
            {"path": "amount", "label": "Amount", "format": "tokenAmount", "params": {"tokenPath": "@.to"}},
            {"path": "@.value", "label": "Sent", "format": "amount"},
            {"path": "@.from", "label": "By"},
        ]}}},
    })
}

impl Case {
    pub fn descriptor(&self) -> Value {
        let format = json!({
            "interpolatedIntent": self.sentence,
            "fields": serde_json::from_str::<Value>(&filled(&self.fields)).expect("JSON"),
        });
        let token = self.token.as_ref();
        let token: Option<Value> = token.map(|text| serde_json::from_str(text).unwrap());
        json!({
            "context": at(VAULT),
            "metadata": {
                "token": token,
                "constants": {"usdc": USDC},
                "enums": {
                    "numbers": {"0": "none", "2": "two", "96": "sixty"},
                    "words": {"true": "yes"},
                },
                "maps": {
                    "byChain": {"values": {"1": USDC, "10": BOB}},
                    "byPool": {"values": {"4": USDC}},
                },
            },
            "display": {"formats": {&self.function: format}},
        })
    }

    /// The call data.
    pub fn data(&self) -> Vec<u8> {
        let signature = without_names(&self.function);
        let kind = DynSolType::parse(&signature["f".len()..]).expect(&self.name);
        let args = kind.coerce_str(&filled(&self.args)).expect(&self.name);
        let mut data = keccak256(&signature)[..4].to_vec();
        data.extend(args.abi_encode_params());
        data
    }

    /// The request, as `decode` takes it.
    pub fn request(&self) -> Vec<u8> {
        let mut request = json!({"tx": {"to": VAULT, "data": hex::encode_prefixed(self.data())}});
        if let Some(from) = &self.from {
            request["from"] = json!(filled(from));
        }
        request.to_string().into_bytes()
    }
}
