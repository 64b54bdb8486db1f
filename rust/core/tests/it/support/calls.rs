//! Tables of calls: `[names]` are addresses, `[contracts]` what they speak; a case is a signature
//! with arguments. An argument of type `bytes` may be a call or encoded parameters itself.

use std::collections::BTreeMap;

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{address, hex, keccak256, Address, Bytes, U256};
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::effects::{decode, protocol, Decoded, Denial, Effect, EffectKind};
use holdfast_core::request::{Body, Transaction};
use serde::Deserialize;
use toml::Value;

pub const WALLET: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
pub const CHAIN: ChainId = ChainId::ETHEREUM;

/// Names every table has, and what they are registered as.
const NAMES: [(&str, &str); 15] = [
    ("me", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    ("eve", "0x6666666666666666666666666666666666666666"),
    ("friend", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    ("nobody", "0x0000000000000000000000000000000000000000"),
    ("stranger", "0x1234567890123456789012345678901234567890"),
    ("usdc", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
    ("usdc-base", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
    ("dai", "0x6B175474E89094C44Da98b954EedeAC495271d0F"),
    ("weth", "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"),
    ("steth", "0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84"),
    ("nft", "0xBC4CA0EdA7647A8aB7C2061c2E118A18a936f13D"),
    ("items", "0x495f947276749Ce646f68AC8c248420045cb7b5e"),
    ("junk", "0x1111111111111111111111111111111111111111"),
    ("permit2", "0x000000000022D473030F116dDEE9F6B43aC78BA3"),
    ("multicall", "0xcA11bde05977b3631167028862bE2a173976CA11"),
];
const ASSETS: [(&str, Standard, u8); 6] = [
    ("usdc", Standard::Erc20, 6),
    ("dai", Standard::Erc20, 18),
    ("weth", Standard::Erc20, 18),
    ("steth", Standard::Erc20, 18),
    ("nft", Standard::Erc721, 0),
    ("items", Standard::Erc1155, 0),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    /// A file that lost its cases must not pass.
    #[serde(default)]
    least: usize,
    #[serde(default)]
    names: BTreeMap<String, String>,
    #[serde(default)]
    contracts: BTreeMap<String, String>,
    /// Which asset a contract holds for others.
    #[serde(default)]
    holdings: BTreeMap<String, String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    /// A name or an address.
    pub to: String,
    /// Wei.
    #[serde(default)]
    value: String,
    /// `transfer(address,uint256)`; none for no data.
    pub call: Option<String>,
    #[serde(default)]
    args: Vec<Value>,
    /// Bytes after the call.
    #[serde(default)]
    append: Bytes,
    /// Instead of call and args.
    data: Option<Bytes>,
    pub denied: Option<String>,
    /// `kind asset amount to [unlimited]`
    #[serde(default)]
    pub effects: Vec<String>,
    #[serde(default)]
    pub warnings: Vec<String>,
    #[serde(default)]
    pub opaque: bool,
    /// Lines a person must see, `Label: value`.
    #[serde(default)]
    pub shows: Vec<String>,
}

pub struct Table {
    pub least: usize,
    pub cases: Vec<Case>,
    pub registry: Registry,
    names: BTreeMap<String, Address>,
}

impl Table {
    pub fn read(source: &str) -> Self {
        let source: Source = toml::from_str(source).unwrap();
        let mut names: BTreeMap<String, Address> = BTreeMap::new();
        for (name, address) in NAMES {
            names.insert(name.to_owned(), address.parse().unwrap());
        }
        for (name, address) in source.names {
            let address = Address::parse_checksummed(&address, None)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            names.insert(name, address);
        }
        let mut registry = Registry::new();
        registry.insert(asset("eth", None, Standard::Native, 18));
        for (id, standard, decimals) in ASSETS {
            registry.insert(asset(id, Some(names[id]), standard, decimals));
        }
        // One token on another chain, Base: what a bridge brings can be known there.
        registry.insert(Asset {
            chain_id: ChainId::new(8453),
            ..asset("usdc-base", Some(names["usdc-base"]), Standard::Erc20, 6)
        });
        for (name, word) in source.contracts {
            let protocol = protocol(&word).expect("a protocol");
            registry.insert_contract(CHAIN.at(names[&name]), protocol);
        }
        for (name, id) in source.holdings {
            let held = (id != "eth").then(|| names[&id]);
            let held = registry.iter().find(|one| one.address == held).cloned();
            registry.insert_holding(names[&name], &held.expect("an asset"));
        }
        Self {
            least: source.least,
            cases: source.case,
            registry,
            names,
        }
    }

    pub fn decode(&self, case: &Case) -> Result<Decoded, Denial> {
        let body = Body::Transaction(self.transaction(case));
        decode(&body, CHAIN.at(WALLET), &self.registry)
    }

    pub fn transaction(&self, case: &Case) -> Transaction {
        let mut data = case.data.clone().unwrap_or_default().to_vec();
        if let Some(call) = &case.call {
            data = self.call(call, &case.args);
        }
        data.extend_from_slice(&case.append);
        Transaction {
            to: Some(self.address(&case.to)),
            value: number(&case.value),
            data: data.into(),
            gas: None,
            max_fee_per_gas: None,
            max_priority_fee_per_gas: None,
            nonce: None,
        }
    }

    pub fn address(&self, text: &str) -> Address {
        let named = self.names.get(text).copied();
        named.unwrap_or_else(|| {
            text.parse()
                .unwrap_or_else(|_| panic!("no address: {text}"))
        })
    }

    /// `kind asset amount to [unlimited]`, with names where there are some.
    pub fn written(&self, effect: &Effect) -> String {
        assert_eq!((effect.chain_id, effect.from), (CHAIN, WALLET));
        let asset = effect.asset.as_ref().map_or("-", |asset| &asset.id);
        let named = |to: Address| {
            let mut names = self.names.iter();
            let found = names.find(|(_, one)| **one == to);
            found.map_or_else(|| to.to_string(), |(name, _)| name.clone())
        };
        let to = effect.to.map_or("-".to_owned(), named);
        let unlimited = if effect.unlimited { " unlimited" } else { "" };
        format!(
            "{} {asset} {} {to}{unlimited}",
            effect.kind.as_str(),
            effect.amount
        )
    }

    /// `swap usdc 5 for 2 weth` for every exchange that is not told by the effects, and the other
    /// way round: all that leaves for something must say for what.
    pub fn unexplained(found: &Decoded) -> Vec<String> {
        let mut sums: BTreeMap<(EffectKind, String), (U256, U256)> = BTreeMap::new();
        let id = |asset: Option<&Asset>| asset.map_or("-", |asset| &asset.id).to_owned();
        for effect in &found.effects {
            if matches!(effect.kind, EffectKind::Swap | EffectKind::Order) {
                let key = (effect.kind, id(effect.asset.as_ref()));
                sums.entry(key).or_default().0 += effect.amount;
            }
        }
        for exchange in &found.exchanges {
            if exchange.kind == EffectKind::Deposit {
                continue;
            }
            assert!(!exchange.gets.is_empty());
            for (asset, amount) in &exchange.pays {
                let key = (exchange.kind, id(asset.as_ref()));
                sums.entry(key).or_default().1 += *amount;
            }
        }
        sums.retain(|_, (effects, exchanges)| effects != exchanges);
        sums.into_iter().map(|sum| format!("{sum:?}")).collect()
    }

    /// Selector and arguments.
    pub fn call(&self, signature: &str, args: &[Value]) -> Vec<u8> {
        let types = &signature[signature.find('(').unwrap()..];
        let mut data = keccak256(signature.as_bytes())[..4].to_vec();
        data.extend(self.encode(types, args));
        data
    }

    fn encode(&self, types: &str, args: &[Value]) -> Vec<u8> {
        let Ok(DynSolType::Tuple(types)) = DynSolType::parse(types) else {
            panic!("not a list of types: {types}");
        };
        assert_eq!(types.len(), args.len(), "{args:?}");
        let values = types
            .iter()
            .zip(args)
            .map(|(kind, value)| self.value(kind, value));
        DynSolValue::Tuple(values.collect()).abi_encode_params()
    }

    fn value(&self, kind: &DynSolType, value: &Value) -> DynSolValue {
        match (kind, value) {
            (DynSolType::Address, Value::String(text)) => self.address(text).into(),
            (DynSolType::Bool, Value::Boolean(bit)) => (*bit).into(),
            (DynSolType::String, Value::String(text)) => text.clone().into(),
            (DynSolType::Uint(bits), Value::Integer(number)) => {
                DynSolValue::Uint(U256::from(u64::try_from(*number).unwrap()), *bits)
            }
            (DynSolType::Uint(bits), Value::String(text)) => DynSolValue::Uint(number(text), *bits),
            (DynSolType::Bytes, _) => DynSolValue::Bytes(self.bytes(value)),
            (DynSolType::Array(item), Value::Array(items)) => {
                DynSolValue::Array(items.iter().map(|one| self.value(item, one)).collect())
            }
            (DynSolType::FixedArray(item, _), Value::Array(items)) => {
                DynSolValue::FixedArray(items.iter().map(|one| self.value(item, one)).collect())
            }
            (DynSolType::Tuple(types), Value::Array(items)) => {
                assert_eq!(types.len(), items.len(), "{items:?}");
                let each = types
                    .iter()
                    .zip(items)
                    .map(|(kind, one)| self.value(kind, one));
                DynSolValue::Tuple(each.collect())
            }
            (_, Value::String(text)) => {
                let coerced = kind.coerce_str(text);
                coerced.unwrap_or_else(|error| panic!("{kind:?} {text}: {error}"))
            }
            (DynSolType::Int(bits), Value::Integer(number)) => {
                let number = alloy_primitives::I256::try_from(*number).unwrap();
                DynSolValue::Int(number, *bits)
            }
            _ => panic!("{kind:?} cannot be {value:?}"),
        }
    }

    /// Hex, `{call, args}`, `{encode, args}` or `{packed = [...]}` (addresses by name and hex).
    fn bytes(&self, value: &Value) -> Vec<u8> {
        let Value::Table(table) = value else {
            let text = value.as_str().expect("hex or a table");
            return hex::decode(text).unwrap();
        };
        let args = table
            .get("args")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        if let Some(signature) = table.get("call") {
            return self.call(signature.as_str().unwrap(), &args);
        }
        if let Some(types) = table.get("encode") {
            return self.encode(types.as_str().unwrap(), &args);
        }
        let parts = table["packed"].as_array().unwrap();
        let each = parts.iter().map(|part| {
            let text = part.as_str().unwrap();
            match self.names.get(text) {
                Some(address) => address.to_vec(),
                None => hex::decode(text).unwrap(),
            }
        });
        each.flatten().collect()
    }
}

/// Decimal, hex, or `max`.
fn number(text: &str) -> U256 {
    match text {
        "" => U256::ZERO,
        "max" => U256::MAX,
        _ => text.parse().unwrap_or_else(|_| panic!("no number: {text}")),
    }
}

fn asset(id: &str, address: Option<Address>, standard: Standard, decimals: u8) -> Asset {
    Asset {
        id: id.to_owned(),
        chain_id: CHAIN,
        address,
        standard,
        symbol: id.to_uppercase(),
        decimals,
    }
}
