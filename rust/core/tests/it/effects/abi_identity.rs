//! Decoding what was encoded loses nothing, and there is one encoding: for every function any
//! decoder knows, read from the sources themselves, at every kind of contract.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{keccak256, Address, Bytes, B256, I256, U256};
use holdfast_core::asset::Registry;
use holdfast_core::effects::{decode, Decoded, Denial};
use holdfast_core::request::{Body, Transaction};

use crate::support::{known_contracts, sources};

static REGISTRY: LazyLock<Registry> = LazyLock::new(known_contracts::registry);
static PLACES: LazyLock<Vec<Address>> = LazyLock::new(known_contracts::places);
static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(functions);

/// What is said of bytes that are not the one encoding. Other words of `dirty_calldata` are about
/// what is encoded: a path without tokens, a plan with too few inputs.
const NOT_ABI: [&str; 4] = [
    "bytes follow the call that nothing explains",
    "the call data does not decode",
    "the call data is not the canonical encoding of what it says",
    "parts of the call data stand for several things",
];
/// So many functions must be understood at least once, or these tests say nothing.
const UNDERSTOOD_MIN: usize = 120;

#[derive(Clone, Debug)]
struct Function {
    /// `transfer(address,uint256)`
    signature: String,
    selector: [u8; 4],
    arguments: DynSolType,
}

/// Every `function` of every `sol!` block of the decoders.
fn functions() -> Vec<Function> {
    let mut found = BTreeMap::new();
    for (path, source) in [sources("src/effects"), sources("src/function")].concat() {
        for block in source.split("sol! {").skip(1) {
            let block = whole(block);
            let structs = structs(&block);
            for declared in block.split("function ").skip(1) {
                let (name, rest) = declared.split_once('(').unwrap();
                let (members, _) = rest.split_once(')').unwrap();
                let kinds = kinds(members, ',', &structs);
                let signature = format!("{name}({kinds})");
                let arguments = DynSolType::parse(&format!("({kinds})"))
                    .unwrap_or_else(|error| panic!("{path}: {signature}: {error}"));
                let hash = keccak256(&signature);
                let selector = [hash[0], hash[1], hash[2], hash[3]];
                found.insert(
                    signature.clone(),
                    Function {
                        signature,
                        selector,
                        arguments,
                    },
                );
            }
        }
    }
    found.into_values().collect()
}

/// The text of a block up to its end, without comments.
fn whole(block: &str) -> String {
    let mut depth = 1;
    let mut text = String::new();
    for line in block.lines() {
        let line = line.split("//").next().unwrap_or_default();
        for character in line.chars() {
            depth += i32::from(character == '{') - i32::from(character == '}');
            if depth == 0 {
                return text;
            }
            text.push(character);
        }
        text.push('\n');
    }
    panic!("a block without an end");
}

fn structs(block: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for declared in block.split("struct ").skip(1) {
        let (name, rest) = declared.split_once('{').unwrap();
        let (members, _) = rest.split_once('}').unwrap();
        // A struct uses only those before it.
        let kinds = kinds(members, ';', &found);
        found.insert(name.trim().to_owned(), format!("({kinds})"));
    }
    found
}

/// The types of members, with structs as tuples.
fn kinds(members: &str, between: char, structs: &BTreeMap<String, String>) -> String {
    let members = members.split(between).map(str::trim);
    let kinds = members.filter(|one| !one.is_empty()).map(|member| {
        let kind = member.split_whitespace().next().unwrap();
        let stem = kind.split('[').next().unwrap();
        let array = &kind[stem.len()..];
        structs
            .get(stem)
            .map_or_else(|| kind.to_owned(), |tuple| format!("{tuple}{array}"))
    });
    kinds.collect::<Vec<_>>().join(",")
}

/// Numbers from one seed: the shape of a value depends on its type, so there is nothing to shrink.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn bytes(&mut self, length: u64) -> Vec<u8> {
        (0..length).map(|_| self.roll(256) as u8).collect()
    }

    fn address(&mut self) -> Address {
        match self.roll(12) {
            0..=4 => known_contracts::WALLET,
            // The fungible tokens.
            5..=8 => PLACES[self.roll(3) as usize],
            9 => PLACES[self.roll(PLACES.len() as u64) as usize],
            10 => Address::ZERO,
            _ => Address::from_slice(&self.bytes(20)),
        }
    }

    fn number(&mut self, bits: usize) -> U256 {
        let number = match self.roll(6) {
            0 => U256::ZERO,
            1 | 2 => U256::from(1 + self.roll(9)),
            3 if self.roll(3) == 0 => U256::MAX,
            3 => U256::from(self.roll(1 << 30)) << self.roll(100),
            _ => U256::from_be_slice(&self.bytes(32)),
        };
        if bits == 256 {
            number
        } else {
            number & ((U256::from(1) << bits) - U256::from(1))
        }
    }

    fn value(&mut self, kind: &DynSolType) -> DynSolValue {
        match kind {
            DynSolType::Bool => DynSolValue::Bool(self.roll(2) == 0),
            DynSolType::Int(bits) => {
                let shift = 256 - bits;
                let raw = I256::from_raw(self.number(256) << shift);
                DynSolValue::Int(raw.asr(shift), *bits)
            }
            DynSolType::Uint(bits) => DynSolValue::Uint(self.number(*bits), *bits),
            DynSolType::FixedBytes(size) => {
                let raw = self.bytes(*size as u64);
                DynSolValue::FixedBytes(B256::right_padding_from(&raw), *size)
            }
            DynSolType::Address => DynSolValue::Address(self.address()),
            DynSolType::Bytes => {
                let length = self.roll(70);
                DynSolValue::Bytes(self.bytes(length))
            }
            DynSolType::String => DynSolValue::String("text".repeat(self.roll(20) as usize)),
            DynSolType::Array(item) => {
                let length = self.roll(4);
                DynSolValue::Array((0..length).map(|_| self.value(item)).collect())
            }
            DynSolType::FixedArray(item, length) => {
                DynSolValue::FixedArray((0..*length).map(|_| self.value(item)).collect())
            }
            DynSolType::Tuple(items) => {
                DynSolValue::Tuple(items.iter().map(|item| self.value(item)).collect())
            }
            other => panic!("{other}"),
        }
    }
}

fn run(to: Address, data: &[u8], value: u64) -> Result<Decoded, Denial> {
    let transaction = Transaction {
        to: Some(to),
        value: U256::from(value),
        data: Bytes::copy_from_slice(data),
        gas: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        nonce: None,
    };
    let body = Body::Transaction(transaction);
    decode(
        &body,
        known_contracts::CHAIN.at(known_contracts::WALLET),
        &REGISTRY,
    )
}

fn encoded(function: &Function, dice: &mut Dice) -> Vec<u8> {
    let arguments = dice.value(&function.arguments).abi_encode_params();
    [function.selector.as_slice(), &arguments].concat()
}

#[test]
fn the_functions_of_all_decoders_are_found() {
    assert!(FUNCTIONS.len() > 200, "{}", FUNCTIONS.len());
    let selectors: BTreeSet<_> = FUNCTIONS.iter().map(|one| one.selector).collect();
    assert_eq!(selectors.len(), FUNCTIONS.len());
    for known in [
        "transfer(address,uint256)",
        "aggregate3((address,bool,bytes)[])",
        "execute(bytes,bytes[],uint256)",
    ] {
        assert!(
            FUNCTIONS.iter().any(|one| one.signature == known),
            "{known}"
        );
    }
}

/// Every function once, at the place where it is best understood of a few.
fn each(seed: u64, mut check: impl FnMut(&Function, Address, &[u8], Result<Decoded, Denial>)) {
    let mut dice = Dice(seed);
    for function in FUNCTIONS.iter() {
        let data = encoded(function, &mut dice);
        for place in PLACES.iter() {
            let found = run(*place, &data, dice.roll(2));
            check(function, *place, &data, found);
        }
    }
}

#[test]
fn what_is_encoded_is_read_and_many_functions_are_understood() {
    let mut understood = BTreeSet::new();
    for seed in 0..40 {
        each(seed, |function, place, data, found| match found {
            // The inputs of a plan are encodings of their own, which random bytes are not.
            Err(_) if function.signature.starts_with("execute(bytes,bytes[]") => {}
            Err(denial) => assert!(
                denial.code.as_str() != "dirty_calldata"
                    || !NOT_ABI.contains(&denial.text.as_str()),
                "{} at {place}: {}\n{}",
                function.signature,
                denial.text,
                Bytes::copy_from_slice(data)
            ),
            Ok(decoded) if !decoded.opaque => {
                understood.insert(function.signature.clone());
            }
            Ok(_) => {}
        });
    }
    let dark: Vec<_> = FUNCTIONS
        .iter()
        .map(|one| &one.signature)
        .filter(|one| !understood.contains(*one))
        .collect();
    assert!(
        understood.len() >= UNDERSTOOD_MIN,
        "{}: {dark:#?}",
        understood.len()
    );
}

/// Changes some of the arguments' bytes, moves them, or lets offsets point elsewhere.
fn mutated(data: &[u8], dice: &mut Dice) -> Vec<u8> {
    let (selector, arguments) = data.split_at(4);
    let mut arguments = arguments.to_vec();
    let words = (arguments.len() / 32) as u64;
    match dice.roll(6) {
        0 => arguments.extend(vec![dice.roll(2) as u8; 32]),
        1 => arguments.push(0),
        2 => {
            let left = arguments.len() as u64 - dice.roll(40).min(arguments.len() as u64);
            arguments.truncate(left as usize);
        }
        // A gap, and some offsets that jump over it.
        3 if words > 0 => {
            let at = dice.roll(words + 1) as usize * 32;
            for word in 0..words as usize {
                let place = word * 32..word * 32 + 32;
                let value = U256::from_be_slice(&arguments[place.clone()]);
                let may = !value.is_zero() && value <= U256::from(arguments.len());
                if may && dice.roll(2) == 0 {
                    let moved = value + U256::from(32);
                    arguments[place].copy_from_slice(&moved.to_be_bytes::<32>());
                }
            }
            let gap = vec![dice.roll(2) as u8; 32];
            arguments.splice(at..at, gap);
        }
        // One word as another one: offsets that share what they point at.
        4 if words > 0 => {
            let (from, to) = (
                dice.roll(words) as usize * 32,
                dice.roll(words) as usize * 32,
            );
            arguments.copy_within(from..from + 32, to);
        }
        _ if words > 0 => {
            let at = dice.roll(arguments.len() as u64) as usize;
            arguments[at] ^= 1 << dice.roll(8);
        }
        _ => {}
    }
    [selector, &arguments].concat()
}

/// Whether the bytes are the one encoding of something, as another decoder reads them.
fn is_canonical(function: &Function, data: &[u8]) -> bool {
    let read = function.arguments.abi_decode_params(&data[4..]);
    read.is_ok_and(|value| value.abi_encode_params() == data[4..])
}

/// Known contracts are called with bytes behind the arguments, which nobody reads: they are warned
/// of, and what comes before them is what is understood.
fn without_tail(function: &Function, data: &[u8]) -> Option<Vec<u8>> {
    let value = function.arguments.abi_decode_params(&data[4..]).ok()?;
    let whole = [function.selector.as_slice(), &value.abi_encode_params()].concat();
    data.starts_with(&whole).then_some(whole)
}

fn warns(decoded: &Decoded) -> bool {
    decoded
        .warnings
        .iter()
        .any(|one| one.code.as_str() == "trailing_bytes")
}

#[test]
fn bytes_that_are_no_encoding_are_never_understood() {
    let (mut refused, mut opaque, mut followed) = (0, 0, 0);
    for seed in 0..40 {
        let mut dice = Dice(!seed);
        each(seed, |function, place, data, found| {
            // Only what was understood can be understood wrongly.
            if !found.is_ok_and(|decoded| !decoded.opaque) {
                return;
            }
            for _ in 0..4 {
                let other = mutated(data, &mut dice);
                if is_canonical(function, &other) {
                    continue;
                }
                match run(place, &other, 0) {
                    Err(_) => refused += 1,
                    Ok(decoded) if decoded.opaque => opaque += 1,
                    Ok(decoded) => {
                        let whole = without_tail(function, &other)
                            .filter(|_| warns(&decoded))
                            .and_then(|whole| run(place, &whole, 0).ok());
                        assert_eq!(
                            whole.map(|whole| whole.effects),
                            Some(decoded.effects),
                            "{} at {place}\n{}\n{}",
                            function.signature,
                            Bytes::copy_from_slice(data),
                            Bytes::from(other)
                        );
                        followed += 1;
                    }
                }
            }
        });
    }
    let enough = refused > 1_000 && opaque > 100 && followed > 100;
    assert!(enough, "{refused} {opaque} {followed}");
}
