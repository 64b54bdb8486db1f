//! Calls inside of a call.

use alloy_primitives::hex;

use super::field::Place;
use super::render::Scene;
use super::tree::Node;
use super::value::{raw, shown};
use super::{Container, Said};
use crate::effects::token_call_lines;

/// Calls inside of calls are followed this deep.
const NESTING_MAX: usize = 4;

impl Scene<'_> {
    /// A call inside of the call, shown by its own descriptor, or as bytes.
    pub(super) fn inner_call(&self, label: &str, node: &Node, place: &Place<'_>, said: &mut Said) {
        let Some(mut data) = node.bytes() else {
            said.is_incomplete();
            return;
        };
        if let Some(selector) = selector(place) {
            data.splice(0..0, selector);
        }
        let callee = place.address("callee", "calleePath");
        let chain_id = place.chain_id();
        let depth = self.depth.saturating_add(1);
        let below = callee.zip(chain_id).filter(|_| depth < NESTING_MAX);
        let inner = below.and_then(|(to, chain_id)| {
            let sender = place.address("spender", "spenderPath");
            let container = Container {
                chain_id,
                to,
                from: sender.or(self.container.from),
                value: place.uint("amount", "amountPath").unwrap_or_default(),
            };
            let (assets, work) = (self.assets, self.work);
            let library = self.library;
            library.call_at(&data, &container, assets, depth, work)
        });
        if let Some(inner) = inner {
            said.doubts.extend(inner.doubts);
            for line in inner.fields {
                said.push(&format!("{label}: {}", line.label), &line.value);
            }
            return;
        }
        let token = callee
            .zip(chain_id)
            .and_then(|(to, chain_id)| token_call_lines(chain_id.at(to), &data, self.assets));
        if let Some(lines) = token {
            for line in lines {
                said.push(&format!("{label}: {}", line.label), &line.value);
            }
            return;
        }
        if let Some(to) = callee {
            said.push(&format!("{label}: contract"), &shown(to));
        }
        said.push(label, &raw(&Node::Bytes(data)));
    }
}

/// The selector of an inner call, where its data has none.
fn selector(place: &Place<'_>) -> Option<Vec<u8>> {
    let given = place
        .text("selector")
        .and_then(|text| hex::decode(text).ok());
    let found = given.or_else(|| place.node("selectorPath")?.bytes())?;
    found.get(..4).map(<[u8]>::to_vec)
}
