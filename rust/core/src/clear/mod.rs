//! Clear signing: what the authors of a contract say about its calls and documents, in the words of
//! ERC-7730 descriptors (versions 1 and 2).
//!
//! Display only. A descriptor is somebody's claim: nothing here changes an effect or a verdict. The
//! files are read by the caller; everything is bounded, and what does not fit is left out and said.

mod descriptor;
mod domain;
mod encode_type;
mod field;
mod files;
mod inner;
mod names;
mod path;
mod render;
mod sentence;
mod signature;
mod text;
mod tokens;
mod tree;
mod value;
mod weight;

use std::collections::HashMap;

use alloy_primitives::{Address, B256, U256};
use serde_json::Value;

use crate::asset::Registry;
use crate::chain::{Account, ChainId};
use crate::display::DisplayLine;
use crate::json::Json;
use crate::text::display_safe;
use descriptor::Descriptor;
use render::{Scene, Work};
use tokens::Tokens;

const FAULT_CHARS_MAX: usize = 200;

/// A file that was left out, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its path as given, display-safe.
    pub path: String,
    /// Words.
    pub text: String,
}

impl Fault {
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: display_safe(path, FAULT_CHARS_MAX),
            text: display_safe(text, FAULT_CHARS_MAX),
        }
    }
}

/// What surrounds the data: the `@` of a path.
#[derive(Clone, Copy, Debug)]
pub struct Container {
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// Who signs, when that is known.
    pub from: Option<Address>,
    /// The called contract, or the one that verifies the document.
    pub to: Address,
    /// Native value of a transaction.
    pub value: U256,
}

/// What a descriptor says of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Lines for a person, display-safe.
    pub fields: Vec<DisplayLine>,
    /// Where the descriptor and the request do not fit each other, display-safe.
    pub doubts: Vec<String>,
}

/// Descriptors by what they are about.
#[derive(Debug, Default)]
pub struct Library {
    descriptors: Vec<Descriptor>,
    places: HashMap<Account, Vec<usize>>,
    tokens: Tokens,
}

impl Library {
    /// Reads descriptors from (path, JSON) pairs. Paths are relative to one folder and resolve the
    /// `includes` of other files. A file with a fault is left out and named; of two descriptors for
    /// the same call the first one, by path, counts. What is no descriptor, or one that others are
    /// to include, is left out silently.
    pub fn load(files: &[(String, Vec<u8>)]) -> (Self, Vec<Fault>) {
        let mut library = Self {
            tokens: Tokens::read(),
            ..Self::default()
        };
        let mut faults = Vec::new();
        for (path, whole) in files::read(files, &mut faults) {
            let Some(found) = Descriptor::compile(&path, whole, &mut faults) else {
                continue;
            };
            let number = library.descriptors.len();
            for place in &found.deployments {
                let known = library.places.entry(*place).or_default();
                if known.last() != Some(&number) {
                    known.push(number);
                }
            }
            library.descriptors.push(found);
        }
        (library, faults)
    }

    /// How many descriptors there are.
    pub fn len(&self) -> usize {
        self.descriptors.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.descriptors.is_empty()
    }

    /// What is said of a call, if anything.
    pub fn call(&self, data: &[u8], container: &Container, assets: &Registry) -> Option<Said> {
        self.call_at(data, container, assets, 0, &Work::new())
    }

    fn call_at(
        &self,
        data: &[u8],
        container: &Container,
        assets: &Registry,
        depth: usize,
        work: &Work,
    ) -> Option<Said> {
        let (selector, arguments) = data.split_first_chunk::<4>()?;
        let mut known = self.at(container);
        let (descriptor, (function, format)) =
            known.find_map(|known| Some((known, known.call(*selector)?)))?;
        let root = tree::of_call(function, arguments)?;
        let scene = Scene {
            library: self,
            descriptor,
            container,
            assets,
            root: &root,
            depth,
            work,
        };
        Some(scene.say(format))
    }

    /// Every descriptor of this chain and contract, by path.
    fn at(&self, container: &Container) -> impl Iterator<Item = &Descriptor> {
        let place = container.chain_id.at(container.to);
        let numbers = self.places.get(&place).into_iter().flatten();
        numbers.filter_map(|number| self.descriptors.get(*number))
    }

    /// What is said of a typed-data document, if anything. `document` is the canonical one. A
    /// descriptor for another domain is used where there is none for this one, and says so.
    pub fn document(
        &self,
        document: &Json<'_>,
        type_hash: B256,
        container: &Container,
        assets: &Registry,
    ) -> Option<Said> {
        let primary = document.get("primaryType")?.as_str()?;
        let domain = document.get("domain")?;
        let known = self.at(container).flat_map(|descriptor| {
            let of_type = |kind: Option<B256>, name: &str| match kind {
                Some(kind) => kind == type_hash,
                None => name == primary,
            };
            let each = descriptor.documents.iter();
            let fitting = each.filter(move |one| of_type(one.type_hash, &one.name));
            fitting.map(move |one| (descriptor, &one.key))
        });
        let mut other = None;
        let (descriptor, key, misfit) = known
            .map(|(descriptor, key)| (descriptor, key, descriptor.misfit(domain)))
            .find_map(|found| match found.2 {
                None => Some(found),
                Some(_) => {
                    other.get_or_insert(found);
                    None
                }
            })
            .or(other)?;
        let root = tree::of_document(document, primary)?;
        let scene = Scene {
            library: self,
            descriptor,
            container,
            assets,
            root: &root,
            depth: 0,
            work: &Work::new(),
        };
        let mut said = scene.say(descriptor.format(key)?);
        if let Some(member) = misfit {
            said.doubt(format!(
                "the descriptor is for a domain with another {member}"
            ));
        }
        Some(said)
    }
}

/// A string member.
fn string<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}
