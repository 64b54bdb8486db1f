//! Descriptors made to exhaust whoever reads them, and data made for that: bounded, and said.

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{hex, keccak256, Address, U256};
use holdfast_core::asset::Registry;
use holdfast_core::chain::ChainId;
use holdfast_core::clear::{Fault, Library};
use holdfast_core::decode::decode_standalone;
use serde_json::{json, Value};

const VAULT: &str = "0x1111111111111111111111111111111111111111";

fn load(files: &[(&str, Value)]) -> (Library, Vec<Fault>) {
    let files: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|(path, value)| ((*path).to_owned(), value.to_string().into_bytes()))
        .collect();
    Library::load(&files)
}

fn texts(faults: &[Fault]) -> Vec<String> {
    let each = faults.iter();
    each.map(|fault| format!("{}: {}", fault.path, fault.text))
        .collect()
}

fn contract(formats: Value) -> Value {
    json!({
        "context": {"contract": {"deployments": [{"chainId": 1, "address": VAULT}]}},
        "display": {"formats": formats}
    })
}

/// The lines of descriptors, and what is doubtful about them.
fn told(library: &Library, data: &[u8]) -> (Vec<String>, Vec<String>) {
    let request = json!({"tx": {"to": VAULT, "data": hex::encode_prefixed(data)}}).to_string();
    let decode = |clear: Option<&Library>| -> Value {
        let text = decode_standalone(
            request.as_bytes(),
            ChainId::ETHEREUM,
            &Registry::new(),
            None,
            clear,
        );
        serde_json::from_str(&text.unwrap()).unwrap()
    };
    let (own, both) = (decode(None), decode(Some(library)));
    assert_eq!(own["effects"], both["effects"]);
    let texts = |value: &Value, key: &str| -> Vec<String> {
        let each = value.as_array().unwrap().iter();
        each.map(|one| one[key].as_str().unwrap().to_owned())
            .collect()
    };
    let count = own["display"].as_array().unwrap().len();
    let lines = texts(&both["display"], "value").split_off(count);
    let known = texts(&own["warnings"], "text");
    let mut doubts = texts(&both["warnings"], "text");
    doubts.retain(|doubt| !known.contains(doubt));
    (lines, doubts)
}

fn call(signature: &str, arguments: &[u8]) -> Vec<u8> {
    [&keccak256(signature)[..4], arguments].concat()
}

fn word(number: usize) -> Vec<u8> {
    U256::from(number).to_be_bytes_vec()
}

const PARTS: &str = "the descriptor does not fit this request: parts of it are not shown";

#[test]
fn includes_in_a_circle_and_too_deep_are_faults() {
    let mut circle = contract(json!({}));
    circle["includes"] = json!("b.json");
    let mut files = vec![
        ("a.json".to_owned(), circle.to_string().into_bytes()),
        ("b.json".to_owned(), br#"{"includes": "a.json"}"#.to_vec()),
    ];
    for number in 0..20 {
        let include = format!(r#"{{"includes": "deep{}.json"}}"#, number + 1);
        files.push((format!("deep{number}.json"), include.into_bytes()));
    }
    files.push(("deep20.json".to_owned(), br#"{"context": {}}"#.to_vec()));
    let (library, faults) = Library::load(&files);
    assert!(library.is_empty());
    let named = texts(&faults);
    assert!(named.contains(&"a.json: includes go too deep".to_owned()));
    assert!(named.contains(&"deep0.json: includes go too deep".to_owned()));
    assert!(!named.iter().any(|text| text.starts_with("deep19")));
}

#[test]
fn many_files_that_include_a_large_one_are_not_all_of_it_at_once() {
    let large = format!(r#"{{"display": {{"x": "{}"}}}}"#, "x".repeat(1_000_000));
    let mut files = vec![("large.json".to_owned(), large.into_bytes())];
    for number in 0..1_000 {
        let mut value = contract(json!({}));
        value["includes"] = json!("large.json");
        files.push((format!("{number}.json"), value.to_string().into_bytes()));
    }
    let (library, faults) = Library::load(&files);
    assert!((10..40).contains(&library.len()), "{}", library.len());
    let text = "more than 32 MiB of descriptors with what they include";
    assert!(faults.iter().all(|fault| fault.text == text));
    // The large one comes last by its path.
    assert_eq!(library.len() + faults.len(), 1_001);
}

#[test]
fn very_much_of_anything_is_a_fault() {
    let deployments: Vec<_> = (0..2_000)
        .map(|chain| json!({"chainId": chain, "address": VAULT}))
        .collect();
    let formats: serde_json::Map<_, _> = (0..2_000)
        .map(|number| (format!("f{number}(uint256 a)"), json!({})))
        .collect();
    let mut wide = contract(json!({}));
    wide["context"]["contract"]["deployments"] = json!(deployments);
    let (library, faults) = load(&[
        ("formats.json", contract(Value::Object(formats))),
        ("places.json", wide),
    ]);
    assert!(library.is_empty());
    assert_eq!(
        texts(&faults),
        [
            "formats.json: more than 1,024 formats",
            "places.json: more than 1,024 deployments"
        ]
    );
    let kept: Vec<_> = (0..40)
        .map(|number| {
            let text = format!(r#"{{"context": "{}"}}"#, "x".repeat(1_000_000));
            (format!("{number:02}.json"), text.into_bytes())
        })
        .collect();
    let (_, faults) = Library::load(&kept);
    assert_eq!(texts(&faults), ["16.json: more than 16 MiB of descriptors"]);
}

#[test]
fn a_call_that_calls_itself_ends() {
    // Every field is the same inner call of the same function, four deep.
    let inner =
        json!({"path": "d", "label": "x", "format": "calldata", "params": {"callee": VAULT}});
    let formats = json!({"f(bytes d)": {"fields": vec![inner; 2_000]}});
    let (library, _) = load(&[("a.json", contract(formats))]);
    let mut data = call("f(bytes)", &[word(32), word(0)].concat());
    for _ in 0..6 {
        let nested = DynSolValue::Tuple(vec![DynSolValue::Bytes(data)]);
        data = call("f(bytes)", &nested.abi_encode_params());
    }
    let (lines, doubts) = told(&library, &data);
    assert!(lines.len() <= 200);
    assert_eq!(doubts, [PARTS]);
}

#[test]
fn groups_in_groups_and_long_paths_end() {
    let mut group = json!({"path": "a.[]", "label": "A"});
    for _ in 0..30 {
        group = json!({"iteration": "bundled", "fields": [{"path": "a.[0]", "label": "A"}, group]});
    }
    let long = "a.".repeat(100_000);
    let formats = json!({"f(uint256[] a)": {
        "interpolatedIntent": format!("{{{long}}}"),
        "fields": [{"path": long, "label": "L"}, {"path": "a.[1]", "label": "A", "$ref": format!("$.{long}")}, group]
    }});
    let (library, faults) = load(&[("a.json", contract(formats))]);
    assert_eq!(texts(&faults), Vec::<String>::new());
    let numbers = (0..64).flat_map(word);
    let data: Vec<u8> = [word(32), word(64)]
        .concat()
        .into_iter()
        .chain(numbers)
        .collect();
    let (lines, doubts) = told(&library, &call("f(uint256[])", &data));
    assert_eq!(lines.first().unwrap(), "1");
    assert_eq!(doubts, [PARTS]);
}

#[test]
fn offsets_that_share_what_they_point_at_are_not_decoded() {
    let formats = json!({"f(bytes[][][] a)": {"intent": "F", "fields": [{"path": "a.[].[].[]", "label": "A"}]}});
    let (library, _) = load(&[("a.json", contract(formats))]);
    let mut arguments = word(32);
    for _ in 0..3 {
        arguments.extend(word(1_000));
        for _ in 0..1_000 {
            arguments.extend(word(1_000 * 32));
        }
    }
    arguments.extend(word(20_000));
    arguments.extend([7; 20_000]);
    let (lines, _) = told(&library, &call("f(bytes[][][])", &arguments));
    assert_eq!(lines, Vec::<String>::new());
    let honest = DynSolValue::Array(vec![DynSolValue::Array(vec![DynSolValue::Array(vec![
        DynSolValue::Bytes(vec![7; 2]),
    ])])]);
    let honest = DynSolValue::Tuple(vec![honest]).abi_encode_params();
    let (lines, doubts) = told(&library, &call("f(bytes[][][])", &honest));
    assert_eq!(lines, ["F", "0x0707"]);
    assert_eq!(doubts, Vec::<String>::new());
}

#[test]
fn a_long_value_is_cut_and_says_how_long_it_is() {
    let formats = json!({"f(bytes a)": {"fields": [
        {"path": "a", "label": "A"},
        {"path": "a", "label": "B", "visible": {"ifNotIn": ["0x00"]}},
        {"path": "a.[-2:]", "label": "C"}
    ]}});
    let (library, _) = load(&[("a.json", contract(formats))]);
    let value = DynSolValue::Tuple(vec![DynSolValue::Bytes(vec![0xab; 60_000])]);
    let (lines, doubts) = told(&library, &call("f(bytes)", &value.abi_encode_params()));
    assert!(lines[0].ends_with("abab… (60000 bytes)"), "{}", lines[0]);
    assert!(lines[0].len() < 1_024);
    assert_eq!(lines[1], lines[0]);
    assert_eq!(lines[2], "0xabab");
    assert_eq!(doubts, Vec::<String>::new());
}

#[test]
fn words_of_a_descriptor_are_made_safe_everywhere() {
    let mut value = contract(json!({"f(uint256 a)": {
        "intent": {"\u{1b}[2J": "\u{202e}x"},
        "fields": [{"path": "a", "label": "\r\n", "format": "unit", "params": {"base": "\u{7}"}}]
    }}));
    value["metadata"] = json!({"owner": "\u{0}\u{feff}"});
    let other = contract(json!({"g\u{1b}(": {}}));
    let (library, faults) = load(&[("a.json", value), ("b\u{1b}.json", other)]);
    let shown = format!(
        "{:?} {:?}",
        told(&library, &call("f(uint256)", &word(7))),
        texts(&faults)
    );
    assert!(shown
        .chars()
        .all(|one| !one.is_control() && one != '\u{202e}' && one != '\u{feff}'));
    assert_eq!(library.len(), 2);
    assert_eq!(faults.len(), 1);
}

#[test]
fn descriptors_at_thousands_of_places_are_found_at_each() {
    let at = |number: usize| Address::with_last_byte(1).create(u64::try_from(number).unwrap());
    let files: Vec<_> = (0..2_000)
        .map(|number| {
            let mut value = contract(json!({"f(uint256 a)": {"intent": number.to_string()}}));
            value["context"]["contract"]["deployments"][0]["address"] = json!(at(number));
            (format!("{number:04}.json"), value.to_string().into_bytes())
        })
        .collect();
    let (library, faults) = Library::load(&files);
    assert_eq!((library.len(), faults.len()), (2_000, 0));
    for number in [0, 999, 1_999] {
        let data = hex::encode_prefixed(call("f(uint256)", &word(7)));
        let request = json!({"tx": {"to": at(number), "data": data}}).to_string();
        let text = decode_standalone(
            request.as_bytes(),
            ChainId::ETHEREUM,
            &Registry::new(),
            None,
            Some(&library),
        );
        let shown: Value = serde_json::from_str(&text.unwrap()).unwrap();
        let last = shown["display"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(
            last,
            json!({"label": "Intent", "value": number.to_string()})
        );
    }
}
