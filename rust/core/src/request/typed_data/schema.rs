//! The `types` of a document, compiled: names resolved, cycles and shadowed names refused, type
//! hashes computed.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

use alloy_dyn_abi::eip712::{PropertyDef, Resolver, TypeDef};
use alloy_primitives::B256;

use super::members;
use crate::code::Detail;
use crate::json::{Json, Malformed};

const STRUCTS_MAX: usize = 64;
const FIELDS_MAX: usize = 64;
/// Members of all types together.
const MEMBERS_MAX: usize = 512;
const NAME_BYTES_MAX: usize = 128;
/// Bytes of all names and types of members: each type is hashed with everything it uses.
const TEXT_BYTES_MAX: usize = 32_768;
const NESTING_MAX: usize = 16;
/// A tree of market orders has one dimension for each of its levels.
const ARRAY_DIMENSIONS_MAX: usize = 24;
const ARRAY_LENGTH_MAX: usize = 10_000;
const DOMAIN: &str = "EIP712Domain";

/// What a value must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Unsigned integer of so many bits.
    Uint(usize),
    /// Signed integer of so many bits.
    Int(usize),
    /// Boolean.
    Bool,
    /// Address.
    Address,
    /// Bytes of any length.
    Bytes,
    /// Exactly so many bytes.
    FixedBytes(usize),
    /// Text.
    String,
    /// The struct at this place in the schema.
    Struct(usize),
    /// An array, with its length if that is fixed.
    Array(Box<Kind>, Option<usize>),
}

/// A member of a struct.
#[derive(Debug)]
pub(super) struct Field<'j> {
    pub name: &'j str,
    type_name: &'j str,
    pub kind: Kind,
}

/// A struct type the primary type needs.
#[derive(Debug)]
pub(super) struct Struct<'j> {
    pub name: &'j str,
    pub fields: Vec<Field<'j>>,
    /// `keccak256(encodeType)`.
    pub type_hash: B256,
}

/// The types a document uses, the primary one first.
#[derive(Debug)]
pub(super) struct Schema<'j, 'a> {
    structs: Vec<Struct<'j>>,
    declared_domain: Option<&'j Json<'a>>,
    doubtful: Cell<bool>,
}

impl<'j, 'a> Schema<'j, 'a> {
    /// A value of the document is not beyond doubt.
    pub(super) fn doubt(&self) {
        self.doubtful.set(true);
    }

    /// Whether a value of the document is not beyond doubt.
    pub(super) fn is_doubtful(&self) -> bool {
        self.doubtful.get()
    }

    pub(super) fn compile(types: &'j Json<'a>, primary: &str) -> Result<Self, Malformed> {
        let Some(definitions) = types.as_object() else {
            return Err(fault("`types` must be an object").under("types"));
        };
        if definitions.len() > STRUCTS_MAX {
            return Err(limit("too many types").under("types"));
        }
        if primary == DOMAIN {
            return Err(fault("the domain is not a message").under("primaryType"));
        }
        let by_name: HashMap<&str, &'j Json<'a>> = definitions
            .iter()
            .map(|(name, fields)| (name.as_ref(), fields))
            .collect();
        let Some((root, _)) = definitions.iter().find(|(name, _)| name == primary) else {
            return Err(fault("the primary type is not in `types`").under("primaryType"));
        };
        let mut compiler = Compiler {
            by_name,
            structs: Vec::new(),
            open: Vec::new(),
        };
        compiler.add(root).map_err(|fault| fault.under("types"))?;
        let mut structs: Vec<Struct<'j>> = compiler.structs.into_iter().flatten().collect();
        hash_types(&mut structs).map_err(|fault| fault.under("types"))?;
        let declared_domain = compiler.by_name.get(DOMAIN).copied();
        Ok(Self {
            structs,
            declared_domain,
            doubtful: Cell::new(false),
        })
    }

    pub(super) const fn primary(&self) -> usize {
        0
    }

    pub(super) fn get(&self, index: usize) -> Option<&Struct<'j>> {
        self.structs.get(index)
    }

    /// `types.EIP712Domain` as the document has it.
    pub(super) const fn declared_domain(&self) -> Option<&'j Json<'a>> {
        self.declared_domain
    }

    /// The used types with the domain's, as JSON.
    pub(super) fn to_json(&self, domain: Json<'j>) -> Json<'j> {
        let describe = |definition: &Struct<'j>| {
            let fields = definition
                .fields
                .iter()
                .map(|f| field_json(f.name, f.type_name));
            (
                Cow::Borrowed(definition.name),
                Json::Array(fields.collect()),
            )
        };
        let mut types: Vec<_> = self.structs.iter().map(describe).collect();
        types.push((Cow::Borrowed(DOMAIN), domain));
        Json::Object(types)
    }
}

/// `{"name": …, "type": …}`
pub(super) fn field_json<'j>(name: &'j str, type_name: &'j str) -> Json<'j> {
    Json::Object(vec![
        (Cow::Borrowed("name"), Json::Str(Cow::Borrowed(name))),
        (Cow::Borrowed("type"), Json::Str(Cow::Borrowed(type_name))),
    ])
}

struct Compiler<'j, 'a> {
    by_name: HashMap<&'j str, &'j Json<'a>>,
    /// `None` while the struct at this place is being compiled.
    structs: Vec<Option<Struct<'j>>>,
    /// Names and places of structs compiled or begun.
    open: Vec<(&'j str, bool)>,
}

impl<'j> Compiler<'j, '_> {
    /// Compiles a struct and what it needs; gives its place.
    fn add(&mut self, name: &'j str) -> Result<usize, Malformed> {
        if let Some(place) = self.open.iter().position(|(known, _)| *known == name) {
            return match self.open.get(place) {
                Some((_, true)) => Ok(place),
                _ => Err(
                    Malformed::new(Detail::TypedCycle, "", "the type contains itself").under(name),
                ),
            };
        }
        if self.open.iter().filter(|(_, done)| !done).count() >= NESTING_MAX {
            return Err(limit("types nested too deeply").under(name));
        }
        if !is_type_name(name) || is_reserved(name) {
            return Err(fault("not a name for a struct type").under(name));
        }
        let place = self.structs.len();
        self.structs.push(None);
        self.open.push((name, false));
        let fields = self.fields(name).map_err(|fault| fault.under(name))?;
        if let Some(slot) = self.structs.get_mut(place) {
            *slot = Some(Struct {
                name,
                fields,
                type_hash: B256::ZERO,
            });
        }
        if let Some((_, done)) = self.open.get_mut(place) {
            *done = true;
        }
        Ok(place)
    }

    fn fields(&mut self, name: &str) -> Result<Vec<Field<'j>>, Malformed> {
        let definition = self.by_name.get(name).copied();
        let Some(items) = definition.and_then(Json::as_array) else {
            return Err(fault("a type must be an array of members"));
        };
        if items.is_empty() || items.len() > FIELDS_MAX {
            return Err(limit("a type must have 1 to 64 members"));
        }
        let mut fields: Vec<Field<'j>> = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let field = self.field(item).map_err(|fault| fault.under_index(index))?;
            if fields.iter().any(|known| known.name == field.name) {
                return Err(fault("a member is declared twice").under_index(index));
            }
            fields.push(field);
        }
        Ok(fields)
    }

    fn field(&mut self, item: &'j Json<'_>) -> Result<Field<'j>, Malformed> {
        let [name, type_name] = members(item, ["name", "type"])?;
        let (Some(name), Some(type_name)) = (name.as_str(), type_name.as_str()) else {
            return Err(fault("`name` and `type` must be strings"));
        };
        if !is_identifier(name) {
            return Err(fault("not a name for a member").under("name"));
        }
        let kind = self.kind(type_name).map_err(|fault| fault.under("type"))?;
        Ok(Field {
            name,
            type_name,
            kind,
        })
    }

    fn kind(&mut self, type_name: &'j str) -> Result<Kind, Malformed> {
        let (stem, suffixes) = match type_name.find('[') {
            Some(at) => type_name.split_at(at),
            None => (type_name, ""),
        };
        let lengths = dimensions(suffixes)?;
        let mut kind = match atomic(stem) {
            Some(kind) => kind,
            None if self.by_name.contains_key(stem) && stem != DOMAIN => {
                Kind::Struct(self.add(stem)?)
            }
            None => return Err(Malformed::new(Detail::TypedType, "", "unknown type")),
        };
        for length in lengths {
            kind = Kind::Array(Box::new(kind), length);
        }
        Ok(kind)
    }
}

/// `[]`, `[3]` and rows of them, innermost first.
fn dimensions(suffixes: &str) -> Result<Vec<Option<usize>>, Malformed> {
    let bad = || Malformed::new(Detail::TypedType, "", "an array is written `T[]` or `T[3]`");
    let mut lengths = Vec::new();
    let mut rest = suffixes;
    while !rest.is_empty() {
        let (inside, tail) = rest
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .ok_or_else(bad)?;
        if lengths.len() >= ARRAY_DIMENSIONS_MAX {
            return Err(limit("too many array dimensions"));
        }
        lengths.push(if inside.is_empty() {
            None
        } else {
            Some(bounded_number(inside, ARRAY_LENGTH_MAX).ok_or_else(bad)?)
        });
        rest = tail;
    }
    Ok(lengths)
}

/// A number from 1 to `max` without superfluous zeros or signs.
fn bounded_number(text: &str, max: usize) -> Option<usize> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let number: usize = text.parse().ok().filter(|_| plain)?;
    (1..=max).contains(&number).then_some(number)
}

/// The built-in types of EIP-712. `uint` and `int` without bits are not among them: libraries hash
/// them differently.
fn atomic(name: &str) -> Option<Kind> {
    let bits = |text: &str| bounded_number(text, 256).filter(|bits| bits % 8 == 0);
    match name {
        "bool" => Some(Kind::Bool),
        "address" => Some(Kind::Address),
        "bytes" => Some(Kind::Bytes),
        "string" => Some(Kind::String),
        _ => None,
    }
    .or_else(|| name.strip_prefix("uint").and_then(bits).map(Kind::Uint))
    .or_else(|| name.strip_prefix("int").and_then(bits).map(Kind::Int))
    .or_else(|| {
        let length = name
            .strip_prefix("bytes")
            .and_then(|text| bounded_number(text, 32));
        length.map(Kind::FixedBytes)
    })
}

/// Names a struct may not take: built-in types, and what Solidity has that EIP-712 has not.
fn is_reserved(name: &str) -> bool {
    let numbered = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| {
            rest.bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'x')
        })
    };
    ["uint", "int", "bytes", "fixed", "ufixed"]
        .into_iter()
        .any(numbered)
        || matches!(name, "bool" | "address" | "string" | "function" | "tuple")
}

fn is_identifier(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Identifiers, with `:` between parts as in `HyperliquidTransaction:Withdraw`. No `$`: it makes
/// libraries sort types differently.
fn is_type_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX && name.split(':').all(is_identifier)
}

fn hash_types(structs: &mut [Struct<'_>]) -> Result<(), Malformed> {
    let refused = |_| fault("the types do not make sense together");
    let fields = || structs.iter().flat_map(|definition| &definition.fields);
    let text: usize = fields()
        .map(|f| f.name.len().saturating_add(f.type_name.len()))
        .sum();
    if text > TEXT_BYTES_MAX || fields().count() > MEMBERS_MAX {
        return Err(limit("the types are too large"));
    }
    let mut resolver = Resolver::default();
    for definition in structs.iter() {
        let fields = definition.fields.iter();
        let properties: Vec<_> = fields
            .map(|field| PropertyDef::new(field.type_name, field.name).map_err(refused))
            .collect::<Result<_, _>>()?;
        resolver.ingest(TypeDef::new(definition.name, properties).map_err(refused)?);
    }
    for definition in structs {
        definition.type_hash = resolver.type_hash(definition.name).map_err(refused)?;
    }
    Ok(())
}

fn fault(text: &str) -> Malformed {
    Malformed::new(Detail::TypedTypes, "", text)
}

fn limit(text: &str) -> Malformed {
    Malformed::new(Detail::TypedLimit, "", text)
}
