//! Which descriptor is about which request, and what is said of one that is about none.

use alloy_primitives::{hex, keccak256, Address, U256};
use holdfast_core::asset::Registry;
use holdfast_core::chain::ChainId;
use holdfast_core::clear::Library;
use holdfast_core::decode::{decode_standalone, DecodeError};
use serde_json::{json, Value};

const VAULT: &str = "0x1111111111111111111111111111111111111111";
const OTHER: &str = "0x2222222222222222222222222222222222222222";

fn load(files: &[(&str, Value)]) -> (Library, Vec<String>) {
    let files: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|(path, value)| ((*path).to_owned(), value.to_string().into_bytes()))
        .collect();
    let (library, faults) = Library::load(&files);
    let faults = faults.iter();
    let texts = faults.map(|fault| format!("{}: {}", fault.path, fault.text));
    (library, texts.collect())
}

fn at(chain: u64, address: &str) -> Value {
    json!([{"chainId": chain, "address": address}])
}

fn intent(text: &str) -> Value {
    json!({"intent": text, "fields": []})
}

fn decode(request: &Value, library: &Library) -> Value {
    let request = request.to_string();
    let text = decode_standalone(
        request.as_bytes(),
        ChainId::ETHEREUM,
        &Registry::new(),
        None,
        Some(library),
    );
    serde_json::from_str(&text.unwrap()).unwrap()
}

fn said(decoded: &Value, label: &str) -> Vec<String> {
    let lines = decoded["display"].as_array().unwrap().iter();
    let same = lines.filter(|line| line["label"] == label);
    same.map(|line| line["value"].as_str().unwrap().to_owned())
        .collect()
}

fn intents(signature: &str, words: usize, library: &Library) -> Vec<String> {
    let arguments = vec![[0; 32]; words].concat();
    let data = [&keccak256(signature)[..4], &arguments].concat();
    let tx = json!({"tx": {"to": VAULT, "data": hex::encode_prefixed(data)}});
    said(&decode(&tx, library), "Intent")
}

#[test]
fn a_descriptor_may_have_its_context_from_what_it_includes() {
    let common = json!({"context": {"contract": {"deployments": at(1, VAULT)}}, "metadata": {"owner": "Acme"}});
    let own =
        json!({"includes": "common.json", "display": {"formats": {"f(uint256 a)": intent("Go")}}});
    let (library, faults) = load(&[("acme/a.json", own), ("acme/common.json", common)]);
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(intents("f(uint256)", 1, &library), ["Go"]);
}

#[test]
fn the_first_descriptor_by_path_that_has_the_function_counts() {
    let about = |formats: Value| json!({"context": {"contract": {"deployments": at(1, VAULT)}}, "display": {"formats": formats}});
    let (library, faults) = load(&[
        (
            "b.json",
            about(json!({"f(uint256 x)": intent("second"), "g()": intent("only")})),
        ),
        ("a.json", about(json!({"f(uint256 a)": intent("first")}))),
    ]);
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(intents("f(uint256)", 1, &library), ["first"]);
    assert_eq!(intents("g()", 0, &library), ["only"]);
    assert_eq!(intents("h()", 0, &library), Vec::<String>::new());
}

#[test]
fn what_cannot_be_told_without_a_chain_is_said_and_an_interface_is_not() {
    let formats = json!({"formats": {"f(uint256 a)": intent("x")}});
    let about = |context: Value| json!({"context": context, "display": formats});
    let (library, faults) = load(&[
        (
            "factory.json",
            about(
                json!({"contract": {"factory": {"deployEvent": "New(address a)", "deployments": at(1, VAULT)}}}),
            ),
        ),
        (
            "domain.json",
            about(json!({"eip712": {"domain": {"name": "Acme"}}})),
        ),
        (
            "separator.json",
            about(json!({"eip712": {"domainSeparator": "0x00"}})),
        ),
        (
            "nowhere.json",
            about(json!({"contract": {"deployments": [{"chainId": 1, "address": "0x1"}]}})),
        ),
        ("missing.json", json!({"includes": "nothing.json"})),
        ("interface.json", about(json!({"contract": {}}))),
        ("words.json", json!({"display": formats})),
        ("tests/a.json", json!({"tests": []})),
    ]);
    assert!(library.is_empty());
    let wanted = [
        "missing.json: includes nothing.json, which is not there",
        "domain.json: bound to no contract on a chain",
        "factory.json: bound by a factory or a matcher: only a chain could tell what it is about",
        "nowhere.json: no deployment has a chain and an address",
        "separator.json: bound to no contract on a chain",
    ];
    assert_eq!(faults, wanted);
}

#[test]
fn null_is_nothing_said() {
    let common = json!({"context": {"contract": {"deployments": at(1, VAULT)}}, "display": {"formats": {"f(uint256 a)": {
        "intent": "Go", "fields": [{"path": "a", "label": "A"}]
    }}}});
    let field = json!({"path": "a", "value": null, "label": null, "visible": null, "$ref": null, "params": null, "format": null});
    let own = json!({"includes": "common.json", "display": {"formats": {"f(uint256 a)": {
        "intent": null, "excluded": null, "fields": [field]
    }}}});
    let (library, faults) = load(&[("a.json", own), ("common.json", common)]);
    assert_eq!(faults, Vec::<String>::new());
    let data = [&keccak256("f(uint256)")[..4], &[0; 32]].concat();
    let decoded = decode(
        &json!({"tx": {"to": VAULT, "data": hex::encode_prefixed(data)}}),
        &library,
    );
    assert_eq!(said(&decoded, "Intent"), ["Go"]);
    assert_eq!(said(&decoded, "A"), ["0"]);
}

#[test]
fn two_formats_for_one_function_are_a_fault_and_say_nothing() {
    let formats = json!({"f(uint256 a)": intent("one"), "f(uint256 b)": intent("two"), "g()": intent("g"), "no": {}, "no(": {}});
    let about = json!({"context": {"contract": {"deployments": at(1, VAULT)}}, "display": {"formats": formats}});
    let (library, faults) = load(&[("a.json", about)]);
    let wanted = [
        "a.json: not a function: no, and 1 more",
        "a.json: two formats for one function: f(uint256 a)",
    ];
    assert_eq!(faults, wanted);
    assert_eq!(intents("f(uint256)", 1, &library), Vec::<String>::new());
    assert_eq!(intents("g()", 0, &library), ["g"]);
}

#[test]
fn version_1_names_functions_in_every_way_with_its_abi() {
    let abi = json!([
        {"type": "function", "name": "f", "inputs": [{"name": "a", "type": "uint256"}]},
        {"type": "function", "name": "g", "inputs": [{"name": "a", "type": "uint256"}]},
        {"type": "function", "name": "h", "inputs": [
            {"name": "o", "type": "tuple", "internalType": "struct Acme.Order", "components": [{"name": "n", "type": "uint256"}]},
            {"name": "to", "type": "address", "components": null}
        ], "outputs": null},
        {"type": "event", "name": "E"}
    ]);
    let selector = hex::encode_prefixed(&keccak256("f(uint256)")[..4]);
    let formats = json!({
        selector: intent("by selector"),
        "g(uint256)": intent("by signature"),
        "h(Order o, address to)": {"intent": "by name", "fields": [{"path": "o.n", "label": "N"}]},
    });
    let context = json!({"contract": {"abi": abi, "deployments": at(1, VAULT)}});
    let (library, faults) = load(&[(
        "a.json",
        json!({"context": context, "display": {"formats": formats}}),
    )]);
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(intents("f(uint256)", 1, &library), ["by selector"]);
    assert_eq!(intents("g(uint256)", 1, &library), ["by signature"]);
    assert_eq!(intents("h((uint256),address)", 2, &library), ["by name"]);
    let data = [&keccak256("h((uint256),address)")[..4], &[0; 64]].concat();
    let tx = json!({"tx": {"to": VAULT, "data": hex::encode_prefixed(data)}});
    assert_eq!(said(&decode(&tx, &library), "N"), ["0"]);
}

fn vote(domain: &Value) -> Value {
    json!({"typed_data": {
        "types": {"Vote": [{"name": "id", "type": "uint256"}]},
        "primaryType": "Vote",
        "domain": domain,
        "message": {"id": "47"}
    }})
}

#[test]
fn a_document_has_the_descriptor_of_its_domain() {
    let about = |name: &str, context: Value| {
        let format = json!({"Vote( uint256 id )": intent(name)});
        json!({"context": {"eip712": context}, "display": {"formats": format}})
    };
    let of = |version: &str| json!({"deployments": at(1, VAULT), "domain": {"name": "Acme", "version": version}});
    let (library, faults) = load(&[
        ("a.json", about("first", of("1"))),
        ("b.json", about("second", of("2"))),
        (
            "c.json",
            about(
                "alone",
                json!({"domain": {"chainId": 1, "verifyingContract": OTHER}}),
            ),
        ),
    ]);
    assert_eq!(faults, Vec::<String>::new());
    let domain = |version: &str, contract: &str| json!({"name": "Acme", "version": version, "chainId": 1, "verifyingContract": contract});
    for (version, intent, doubt) in [
        ("1", "first", false),
        ("2", "second", false),
        ("3", "first", true),
    ] {
        let decoded = decode(&vote(&domain(version, VAULT)), &library);
        assert_eq!(said(&decoded, "Intent"), [intent]);
        let warnings = decoded["warnings"].to_string();
        let text = "the descriptor is for a domain with another version";
        assert_eq!(warnings.contains(text), doubt, "{warnings}");
    }
    let decoded = decode(&vote(&domain("9", OTHER)), &library);
    assert_eq!(said(&decoded, "Intent"), ["alone"]);
    assert_eq!(decoded["warnings"], json!([]));
}

#[test]
fn a_domain_separator_is_checked() {
    // Of the name alone: keccak256(typeHash || keccak256("Acme")), EIP-712.
    let kind = keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)");
    let contract: Address = VAULT.parse().unwrap();
    let words = [
        kind.0,
        keccak256("Acme").0,
        U256::from(1).to_be_bytes(),
        contract.into_word().0,
    ];
    let right = keccak256(words.concat());
    for (separator, doubt) in [(right, false), (keccak256("x"), true)] {
        let context = json!({"deployments": at(1, VAULT), "domainSeparator": separator});
        let format = json!({"Vote(uint256 id)": intent("Vote")});
        let about = json!({"context": {"eip712": context}, "display": {"formats": format}});
        let (library, _) = load(&[("a.json", about)]);
        let domain = json!({"name": "Acme", "chainId": 1, "verifyingContract": VAULT});
        let decoded = decode(&vote(&domain), &library);
        assert_eq!(said(&decoded, "Intent"), ["Vote"]);
        let warnings = decoded["warnings"].to_string();
        assert_eq!(warnings.contains("another separator"), doubt, "{warnings}");
    }
}

#[test]
fn version_1_binds_a_document_by_its_schemas() {
    let schema = |kind: &str| json!([{"primaryType": "Vote", "types": {"Vote": [{"name": "id", "type": kind}]}}]);
    for (schemas, wanted) in [
        (schema("uint256"), vec!["Vote".to_owned()]),
        (schema("uint8"), vec![]),
        (
            json!("https://example.org/abi.json"),
            vec!["Vote".to_owned()],
        ),
    ] {
        let context = json!({"deployments": at(1, VAULT), "schemas": schemas});
        let format = json!({"Vote": intent("Vote")});
        let about = json!({"context": {"eip712": context}, "display": {"formats": format}});
        let (library, _) = load(&[("a.json", about)]);
        let domain = json!({"chainId": 1, "verifyingContract": VAULT});
        assert_eq!(said(&decode(&vote(&domain), &library), "Intent"), wanted);
    }
}

#[test]
fn who_signs_can_be_said_beside_the_request() {
    let format = json!({"fields": [{"path": "@.from", "label": "By"}]});
    let about = json!({
        "context": {"contract": {"deployments": at(1, VAULT)}},
        "display": {"formats": {"f()": format}}
    });
    let (library, _) = load(&[("a.json", about)]);
    let data = hex::encode_prefixed(&keccak256("f()")[..4]);
    let run = |request: Value| {
        let request = request.to_string();
        let registry = Registry::new();
        decode_standalone(
            request.as_bytes(),
            ChainId::ETHEREUM,
            &registry,
            None,
            Some(&library),
        )
        .map(|text| said(&serde_json::from_str(&text).unwrap(), "By"))
    };
    let tx = json!({"to": VAULT, "data": data});
    assert_eq!(run(json!({"tx": tx})).unwrap(), ["the account that signs"]);
    assert_eq!(run(json!({"tx": tx, "from": OTHER})).unwrap(), [OTHER]);
    let mut signed = tx.clone();
    signed["from"] = json!(VAULT);
    for (request, path) in [
        (json!({"tx": signed, "from": OTHER}), "/from"),
        (json!({"tx": tx, "from": "0x12"}), "/from"),
        (json!({"tx": tx, "from": 7}), "/from"),
        (json!({"from": OTHER}), ""),
        (json!({"tx": tx, "message": "0x6869"}), ""),
    ] {
        match run(request) {
            Err(DecodeError::Malformed(fault)) => assert_eq!(fault.path, path),
            other => panic!("{other:?}"),
        }
    }
}
