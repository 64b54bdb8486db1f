//! Sign-in messages are read by the grammar of ERC-4361: whatever follows it is shown field by
//! field, whatever only resembles it is denied.

use alloy_primitives::{address, Address, Bytes};
use holdfast_core::asset::Registry;
use holdfast_core::chain::ChainId;
use holdfast_core::effects::{decode, Decoded, Denial};
use holdfast_core::request::Body;
use proptest::prelude::*;
use serde::Deserialize;

use super::unchanged::Subject;

const WALLET: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    base: String,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    from: String,
    to: String,
    shown: Option<Vec<String>>,
    #[serde(default)]
    warnings: Vec<String>,
    because: Option<String>,
}

fn table() -> Table {
    toml::from_str(include_str!("../../data/sign_in.toml")).unwrap()
}

/// Every message of the table by the name of its case.
pub fn subjects() -> Vec<Subject> {
    let table = table();
    let subject = |case: &Case| {
        let text = table.base.replacen(&case.from, &case.to, 1);
        Subject {
            name: case.name.clone(),
            body: Body::Message(Bytes::from(text.into_bytes())),
            chain_id: ChainId::ETHEREUM,
            registry: Registry::new(),
        }
    };
    table.case.iter().map(subject).collect()
}

fn read(text: &[u8]) -> Result<Decoded, Denial> {
    let body = Body::Message(Bytes::copy_from_slice(text));
    decode(&body, ChainId::ETHEREUM.at(WALLET), &Registry::new())
}

fn lines(decoded: &Decoded) -> Vec<String> {
    let lines = decoded.display.iter();
    lines
        .map(|line| format!("{}: {}", line.label, line.value))
        .collect()
}

#[test]
fn a_sign_in_message_follows_the_grammar_or_is_denied() {
    let table = table();
    for case in &table.case {
        let name = &case.name;
        assert!(
            table.base.contains(&case.from),
            "{name}: nothing to replace"
        );
        let text = table.base.replacen(&case.from, &case.to, 1);
        match (read(text.as_bytes()), &case.shown) {
            (Ok(decoded), Some(shown)) => {
                let lines = lines(&decoded);
                let missing: Vec<_> = shown.iter().filter(|line| !lines.contains(line)).collect();
                assert!(missing.is_empty(), "{name}: {missing:?} not in {lines:#?}");
                let codes: Vec<_> = decoded
                    .warnings
                    .iter()
                    .map(|one| one.code.as_str())
                    .collect();
                assert_eq!(codes, case.warnings, "{name}");
                assert!(decoded.opaque, "{name}: a person must look");
                assert!(decoded.effects[0].expires.is_some(), "{name}: it ends");
            }
            (Err(denial), None) => {
                assert_eq!(denial.code.as_str(), "sign_in_mismatch", "{name}");
                let because = case.because.as_deref().unwrap();
                assert!(denial.text.contains(because), "{name}: {}", denial.text);
            }
            (Ok(decoded), None) => panic!("{name}: not denied: {:#?}", lines(&decoded)),
            (Err(denial), Some(_)) => panic!("{name}: {}", denial.text),
        }
    }
}

#[test]
fn bytes_that_are_no_text_do_not_speak_of_signing_in() {
    let text = [table().base.as_bytes(), &[0xff]].concat();
    assert_eq!(read(&text).unwrap_err().code.as_str(), "sign_in_mismatch");
}

#[test]
fn other_messages_are_no_sign_in_messages() {
    for text in [
        "I want you to sign this.",
        "Expiration Time: never",
        "wants you",
    ] {
        assert_eq!(
            lines(&read(text.as_bytes()).unwrap())[1],
            format!("Message: {text}")
        );
    }
}

#[test]
fn lengths_are_bounded() {
    let base = table().base;
    let long = format!("I accept {}", "x".repeat(4_096));
    let denial = read(base.replacen("I accept", &long, 1).as_bytes()).unwrap_err();
    assert_eq!(denial.code.as_str(), "sign_in_mismatch");
    let resources = "\n- a:b".repeat(33);
    let many = format!("{base}\nResources:{resources}");
    assert!(read(many.as_bytes())
        .unwrap_err()
        .text
        .contains("32 resources"));
}

/// The fields of a message, each as the grammar allows it.
#[derive(Clone, Debug)]
struct Fields {
    statement: Option<String>,
    path: String,
    nonce: String,
    minutes: u32,
    not_before: bool,
    request_id: Option<String>,
    resources: Vec<String>,
}

prop_compose! {
    fn fields()(
        statement in prop::option::of("[A-Za-z0-9 ./?!$&'()*+,;=@_~-]{1,60}[A-Za-z.]"),
        path in "(/[a-z0-9._~!$&'()*+,;=:@-]{0,8}){0,3}(\\?[a-z0-9/?=&]{0,8})?(#[a-z0-9]{0,4})?",
        nonce in "[a-zA-Z0-9]{8,40}",
        minutes in 1u32..59,
        not_before in any::<bool>(),
        request_id in prop::option::of("([a-zA-Z0-9._~!$&'()*+,;=:@-]|%[0-9a-fA-F]{2}){0,20}"),
        resources in prop::collection::vec("[a-z][a-z0-9+.-]{0,8}:[a-zA-Z0-9/?@:;=&._~-]{0,30}", 0..5),
    ) -> Fields {
        let statement = statement.filter(|said| !said.trim_start().starts_with("- "));
        Fields { statement, path, nonce, minutes, not_before, request_id, resources }
    }
}

impl Fields {
    fn text(&self) -> String {
        let mut text =
            format!("shop.example wants you to sign in with your Ethereum account:\n{WALLET}\n\n");
        if let Some(said) = &self.statement {
            text += &format!("{said}\n");
        }
        text += &format!(
            "\nURI: https://shop.example{}\nVersion: 1\nChain ID: 1\nNonce: {}\nIssued At: 2026-11-29T00:00:00Z\nExpiration Time: 2026-11-29T00:{:02}:01Z",
            self.path, self.nonce, self.minutes
        );
        if self.not_before {
            text += "\nNot Before: 2026-11-29T00:00:30+00:00";
        }
        if let Some(id) = &self.request_id {
            text += &format!("\nRequest ID: {id}");
        }
        if !self.resources.is_empty() {
            text += "\nResources:";
            for resource in &self.resources {
                text += &format!("\n- {resource}");
            }
        }
        text
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            "Action: sign a message".to_owned(),
            "Sign in to: shop.example".to_owned(),
            format!("Account: {WALLET}"),
        ];
        lines.extend(
            self.statement
                .iter()
                .map(|said| format!("Statement: {said}")),
        );
        lines.extend([
            format!("Site: https://shop.example{}", self.path),
            "Version: 1".to_owned(),
            "Chain: 1".to_owned(),
            format!("Nonce: {}", self.nonce),
            "Issued: 2026-11-29T00:00:00Z".to_owned(),
            format!("Expires: 2026-11-29T00:{:02}:01Z", self.minutes),
        ]);
        if self.not_before {
            lines.push("Not before: 2026-11-29T00:00:30+00:00".to_owned());
        }
        lines.extend(self.request_id.iter().map(|id| format!("Request: {id}")));
        lines.extend(self.resources.iter().map(|one| format!("Resource: {one}")));
        lines
    }
}

proptest! {
    #[test]
    fn what_the_grammar_makes_is_read_back_field_by_field(fields in fields()) {
        let decoded = read(fields.text().as_bytes()).unwrap();
        let lines = lines(&decoded);
        let own = fields.lines();
        prop_assert_eq!(&lines[..own.len()], &own[..]);
    }

    #[test]
    fn no_line_can_be_left_out_doubled_or_moved(fields in fields(), from in 0usize..9, to in 0usize..9) {
        let text = fields.text();
        let fixed: Vec<&str> = text.split('\n').collect();
        // From the page to the end: six lines that are always there.
        let first = fixed.iter().position(|line| line.starts_with("URI: ")).unwrap();
        let (from, to) = (first + from % 6, first + to % 6);
        let mut doubled = fixed.clone();
        doubled.insert(to, fixed[from]);
        prop_assert!(read(doubled.join("\n").as_bytes()).is_err());
        let mut short = fixed.clone();
        let line = short.remove(from);
        prop_assert!(read(short.join("\n").as_bytes()).is_err());
        if from != to {
            short.insert(to, line);
            prop_assert!(read(short.join("\n").as_bytes()).is_err());
        }
    }

    #[test]
    fn nothing_panics_and_what_resembles_is_never_a_plain_message(
        before in "\\PC{0,12}", after in "(\\PC|\n){0,80}"
    ) {
        let text = format!("{before} wants you to sign in with your Ethereum account:{after}");
        prop_assert_eq!(read(text.as_bytes()).unwrap_err().code.as_str(), "sign_in_mismatch");
    }
}
