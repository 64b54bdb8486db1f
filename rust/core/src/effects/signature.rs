//! Typed data and messages: signatures without gas, with full value.

use std::borrow::Cow;

use alloy_primitives::{hex, U256};

use super::context::Context;
use super::hidden::Hidden;
use super::parts::Parts;
use super::{document as documents, key_derivation, sign_in, Decoded, Denial, EffectKind};
use crate::chain::ChainId;
use crate::code::{Code, WarningCode};
use crate::display::{address_text, field, warning, DisplayLine, Warning};
use crate::json::{self, Json, Limits};
use crate::request::TypedData;

const NAME_CHARS_MAX: usize = 64;
const PATH_CHARS_MAX: usize = 512;
const VALUE_CHARS_MAX: usize = 2_048;
const MESSAGE_CHARS_MAX: usize = 8_192;
/// Values of a document shown one by one, and their characters together; the rest is counted.
const VALUES_SHOWN_MAX: usize = 96;
const DOCUMENT_CHARS_MAX: usize = 24_576;

/// A signature for another chain, or for any chain, is not what was asked for.
pub(crate) fn check_chain(typed: &TypedData, chain_id: ChainId) -> Result<(), Denial> {
    match typed.domain_chain_id {
        Some(id) if id == chain_id => Ok(()),
        Some(id) => {
            let text = format!("the document is for chain {id}, not {chain_id}");
            Err(Denial::new(Code::ChainMismatch, text))
        }
        None => Err(Denial::new(
            Code::ChainMismatch,
            "the document names no chain: it is for any",
        )),
    }
}

/// The canonical document; its size was bounded when it came in.
pub(crate) fn document(typed: &TypedData) -> Option<Json<'_>> {
    let limits = Limits {
        max_bytes: usize::MAX,
        max_nodes: usize::MAX,
        max_string: usize::MAX,
        ..Limits::REQUEST
    };
    json::parse(typed.json.as_bytes(), &limits).ok()
}

/// What a document does if it is understood, and otherwise all of its values.
///
/// # Errors
/// [`Denial`] for what no policy and no approval may allow.
pub(super) fn decode_typed_data(
    typed: &TypedData,
    context: &Context<'_>,
) -> Result<Decoded, Denial> {
    let mut warnings = Vec::new();
    let document = document(typed);
    if document.is_none() {
        warnings.push(warning(
            WarningCode::Unreadable,
            "the document cannot be shown",
        ));
    }
    if typed.doubtful {
        let text =
            "an address in the document has a wrong checksum (it is shown in lowercase letters): \
                    which address was meant is unknown";
        warnings.push(warning(WarningCode::Checksum, text));
    }
    let understood = match &document {
        // What is never signed is not signed with a wrong checksum in it either.
        Some(document) => {
            documents::understand(typed, document, context)?.filter(|_| !typed.doubtful)
        }
        None => None,
    };
    let mut display = Vec::new();
    let mut hidden = Hidden::default();
    let mut exchanges = Vec::new();
    let effects = match understood {
        Some(mut understood) => {
            display.append(&mut understood.display);
            warnings.append(&mut understood.warnings);
            push_domain(typed, &mut display, &mut warnings, &mut hidden);
            let mut effects = understood.effects.iter();
            // What is understood only in part is shown as a whole.
            let in_part = effects.any(|effect| effect.kind == EffectKind::TypedData);
            if let Some(document) = document.as_ref().filter(|_| in_part) {
                push_message(document, &mut display, &mut hidden);
            }
            exchanges = understood.exchanges;
            understood.effects
        }
        None => {
            display.push(field("Action", "sign a typed-data document"));
            push_domain(typed, &mut display, &mut warnings, &mut hidden);
            if let Some(document) = &document {
                key_derivation::check_all(document)?;
                push_message(document, &mut display, &mut hidden);
            }
            let contract = typed.verifying_contract;
            vec![context.effect(EffectKind::TypedData, None, contract, U256::ZERO)]
        }
    };
    warnings.extend(hidden.warning());
    let parts = Parts {
        exchanges,
        ..Parts::new(effects, display, warnings)
    };
    Ok(parts.decoded())
}

fn push_domain(
    typed: &TypedData,
    display: &mut Vec<DisplayLine>,
    warnings: &mut Vec<Warning>,
    hidden: &mut Hidden,
) {
    let primary_type = hidden.text(&typed.primary_type, NAME_CHARS_MAX);
    display.push(field("Primary type", primary_type));
    if let Some(name) = &typed.domain_name {
        let name = hidden.text(name, NAME_CHARS_MAX);
        display.push(field("Domain (claimed)", name));
    }
    match typed.domain_chain_id {
        Some(chain_id) => display.push(field("Chain", chain_id.to_string())),
        None => {
            let text = "the document names no chain: it is for any";
            warnings.push(warning(WarningCode::NoChain, text));
        }
    }
    match typed.verifying_contract {
        Some(contract) => display.push(field("Contract (claimed)", address_text(contract))),
        None => {
            let text = "the document names no contract that verifies it";
            warnings.push(warning(WarningCode::NoContract, text));
        }
    }
}

fn push_message(document: &Json<'_>, display: &mut Vec<DisplayLine>, hidden: &mut Hidden) {
    let before = hidden.values;
    let mut values = Values {
        lines_left: VALUES_SHOWN_MAX,
        chars_left: DOCUMENT_CHARS_MAX,
        display,
        hidden,
    };
    if let Some(message) = document.get("message") {
        values.push("message", message);
    }
    let left_out = hidden.values.saturating_sub(before);
    if left_out > 0 {
        display.push(field("More values", format!("{left_out}, not shown")));
    }
}

/// The values of a document, as far as there is room.
struct Values<'d> {
    lines_left: usize,
    chars_left: usize,
    display: &'d mut Vec<DisplayLine>,
    hidden: &'d mut Hidden,
}

impl Values<'_> {
    const fn is_full(&self) -> bool {
        self.lines_left == 0 || self.chars_left == 0
    }

    /// One line for each value that is not an object or array. Depth is bounded by the parser.
    fn push(&mut self, path: &str, value: &Json<'_>) {
        let text = match value {
            Json::Object(members) if !members.is_empty() => {
                for (key, value) in members {
                    // Of what is left out only the values are counted, not their names.
                    let key = match self.is_full() {
                        true => String::new(),
                        false => self.hidden.text(key, NAME_CHARS_MAX),
                    };
                    self.push(&format!("{path}.{key}"), value);
                }
                return;
            }
            Json::Array(items) if !items.is_empty() => {
                for (index, value) in items.iter().enumerate() {
                    self.push(&format!("{path}[{index}]"), value);
                }
                return;
            }
            _ if self.is_full() => return self.hidden.leave_out(1),
            Json::Str(text) => {
                let most = VALUE_CHARS_MAX.min(self.chars_left);
                self.hidden.text(text, most)
            }
            other => other.to_canonical(),
        };
        let label = self.hidden.text(path, PATH_CHARS_MAX);
        let used = label.len().saturating_add(text.len());
        self.lines_left = self.lines_left.saturating_sub(1);
        self.chars_left = self.chars_left.saturating_sub(used);
        self.display.push(DisplayLine {
            label: Cow::Owned(label),
            value: text,
        });
    }
}

/// A message is opaque, whatever it says.
///
/// # Errors
/// [`Denial`] for a sign-in message that is not one to the letter or not for this account, chain and
/// site, and for the seed of a key.
pub(super) fn decode_message(message: &[u8], context: &Context<'_>) -> Result<Decoded, Denial> {
    let mut display = vec![field("Action", "sign a message")];
    let mut warnings = Vec::new();
    let mut hidden = Hidden::default();
    let mut effect = context.effect(EffectKind::Message, None, None, U256::ZERO);
    if let Ok(text) = std::str::from_utf8(message) {
        key_derivation::check(text)?;
        if let Some(sign_in) = sign_in::read(text, context)? {
            display.extend(sign_in.display);
            warnings.extend(sign_in.warnings);
            effect.expires = Some(sign_in.expires_ms);
        }
        display.push(field("Message", hidden.text(text, MESSAGE_CHARS_MAX)));
    } else {
        sign_in::check_bytes(message)?;
        let hex = hex::encode_prefixed(message);
        display.push(field("Message", hidden.text(&hex, MESSAGE_CHARS_MAX)));
        warnings.push(warning(WarningCode::Unreadable, "the message is not text"));
    }
    warnings.extend(hidden.warning());
    display.push(field("Message size", format!("{} bytes", message.len())));
    Ok(Parts::new(vec![effect], display, warnings).decoded())
}
