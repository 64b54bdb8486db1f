//! Clear signing: what the authors of a contract say about its calls and documents, in the words of
//! ERC-7730 descriptors (versions 1 and 2).
//!
//! Display only. A descriptor is somebody's claim: nothing here changes an effect or a verdict. The
//! files are read by the caller; everything is bounded, and what does not fit is left out and said.

mod descriptor;
mod path;
mod render;
mod signature;
mod text;
mod tree;

use std::collections::HashMap;

use alloy_primitives::{Address, B256, U256};
use serde_json::Value;

use crate::asset::Registry;
use crate::effects::Field;
use crate::json::Json;
use descriptor::{CallFormat, Descriptor, DocumentFormat};

pub use descriptor::Fault;
pub(crate) use text::moment;

/// What surrounds the data: the `@` of a path.
#[derive(Clone, Copy, Debug)]
pub struct Container {
    /// EIP-155 chain id.
    pub chain_id: u64,
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
    pub fields: Vec<Field>,
    /// Some fields could not be shown: the descriptor does not fit the data.
    pub incomplete: bool,
}

/// Descriptors by what they are about.
#[derive(Debug, Default)]
pub struct Library {
    descriptors: Vec<Descriptor>,
    calls: HashMap<(u64, Address, [u8; 4]), (usize, CallFormat)>,
    documents: HashMap<(u64, Address), Vec<(usize, DocumentFormat)>>,
}

impl Library {
    /// Reads descriptors from (path, JSON) pairs. Paths are relative to one folder and resolve the
    /// `includes` of other files. A file with a fault is left out and named; of two descriptors for
    /// the same call the first one, by path, counts.
    pub fn load(files: &[(String, Vec<u8>)]) -> (Self, Vec<Fault>) {
        let mut library = Self::default();
        let mut faults = Vec::new();
        for found in descriptor::read(files, &mut faults) {
            let number = library.descriptors.len();
            for (chain_id, address) in &found.deployments {
                for (selector, format) in &found.calls {
                    library
                        .calls
                        .entry((*chain_id, *address, *selector))
                        .or_insert_with(|| (number, format.clone()));
                }
                if !found.documents.is_empty() {
                    let known = library.documents.entry((*chain_id, *address)).or_default();
                    known.extend(found.documents.iter().map(|one| (number, one.clone())));
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
        self.call_at(data, container, assets, 0)
    }

    fn call_at(
        &self,
        data: &[u8],
        container: &Container,
        assets: &Registry,
        depth: usize,
    ) -> Option<Said> {
        let (selector, arguments) = data.split_first_chunk::<4>()?;
        let key = (container.chain_id, container.to, *selector);
        let (number, format) = self.calls.get(&key)?;
        let descriptor = self.descriptors.get(*number)?;
        let root = tree::of_call(&format.function, arguments)?;
        let scene = render::Scene {
            library: self,
            descriptor,
            container,
            assets,
            root: &root,
            depth,
        };
        Some(scene.say(&format.format))
    }

    /// What is said of a typed-data document, if anything. `document` is the canonical one.
    pub fn document(
        &self,
        document: &Json<'_>,
        type_hash: B256,
        container: &Container,
        assets: &Registry,
    ) -> Option<Said> {
        let known = self.documents.get(&(container.chain_id, container.to))?;
        let primary = document.get("primaryType")?.as_str()?;
        let (number, format) = known.iter().find(|(_, format)| match format.type_hash {
            Some(hash) => hash == type_hash,
            None => format.name == primary,
        })?;
        let descriptor = self.descriptors.get(*number)?;
        let root = tree::of_document(document, primary)?;
        let scene = render::Scene {
            library: self,
            descriptor,
            container,
            assets,
            root: &root,
            depth: 0,
        };
        Some(scene.say(&format.format))
    }
}

/// A string member.
fn string<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}
