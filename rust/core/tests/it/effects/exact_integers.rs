//! Integers of any size in typed data, as Python writes them: exact, or refused.

use holdfast_core::json::{self, Json, Limits, Malformed};
use holdfast_core::request::{self, Body, TypedData};
use proptest::prelude::*;

const WALLET: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
/// 2^256-1.
const MOST: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
/// 2^255.
const HALF: &str = "57896044618658097711785492504343953926634992332820282019728792003956564819968";

fn typed(kind: &str, value: &str) -> Result<TypedData, Malformed> {
    let params = format!(
        r#"["{WALLET}",{{"types":{{"M":[{{"name":"a","type":"{kind}"}}]}},"primaryType":"M",
            "domain":{{"name":"D","chainId":1}},"message":{{"a":{value}}}}}]"#
    );
    match request::parse("eth_signTypedData_v4", params.as_bytes())?.body {
        Body::TypedData(typed) => Ok(typed),
        other => panic!("{other:?}"),
    }
}

fn code(result: Result<TypedData, Malformed>) -> (&'static str, String) {
    let fault = result.unwrap_err();
    (fault.code.as_str(), fault.path)
}

#[test]
fn an_integer_and_its_text_are_the_same_document() {
    for value in [
        "1000000000000000000",
        "18446744073709551616",
        "20000000000000000000",
        MOST,
    ] {
        let number = typed("uint256", value).unwrap();
        assert_eq!(number, typed("uint256", &format!("\"{value}\"")).unwrap());
        assert!(
            number.json.contains(&format!("\"{value}\"")),
            "{}",
            number.json
        );
    }
    let least = format!("-{HALF}");
    let number = typed("int256", &least).unwrap();
    assert_eq!(number, typed("int256", &format!("\"{least}\"")).unwrap());
}

#[test]
fn what_does_not_fit_its_type_is_refused() {
    let at = |code: &'static str| (code, "/1/message/a".to_owned());
    let above = MOST.replace("935", "936");
    assert_eq!(code(typed("uint256", &above)), at("typed_range"));
    assert_eq!(code(typed("uint256", &"9".repeat(78))), at("typed_range"));
    assert_eq!(code(typed("uint256", &"9".repeat(79))), at("json_number"));
    assert_eq!(code(typed("uint256", &"1".repeat(400))).0, "json_number");
    assert_eq!(
        code(typed("uint256", "-10000000000000000000")),
        at("typed_range")
    );
    assert_eq!(
        code(typed("uint64", "18446744073709551616")),
        at("typed_range")
    );
    assert_eq!(code(typed("int256", HALF)), at("typed_range"));
    let below = format!("-{}", HALF.replace("968", "969"));
    assert_eq!(code(typed("int256", &below)), at("typed_range"));
    for kind in ["string", "address", "bytes", "bytes32", "bool", "uint256[]"] {
        assert_eq!(code(typed(kind, MOST)), at("typed_value"), "{kind}");
    }
}

#[test]
fn only_plain_integers_are_numbers() {
    for value in [
        "1e18",
        "1E18",
        "1.0",
        "1000000000000000000.0",
        "1e400",
        "-0",
        "20000000000000000000.5",
    ] {
        assert_eq!(code(typed("uint256", value)).0, "json_number", "{value}");
        // Also behind an integer that is accepted.
        let list = format!("[{MOST},{value}]");
        assert_eq!(code(typed("uint256[]", &list)).0, "json_number", "{value}");
    }
}

#[test]
fn elsewhere_they_are_refused_as_before() {
    for tx in [
        r#"{"to":"W","value":20000000000000000000}"#,
        r#"{"to":"W","value":9007199254740992}"#,
    ] {
        let params = format!("[{}]", tx.replace('W', WALLET));
        let fault = request::parse("eth_sendTransaction", params.as_bytes()).unwrap_err();
        assert_eq!(
            (fault.code.as_str(), fault.path.as_str()),
            ("json_number", "/0/value")
        );
    }
    assert_eq!(
        json::parse(b"9007199254740992", &Limits::REQUEST)
            .unwrap_err()
            .code
            .as_str(),
        "json_number"
    );
    let chain = format!(
        r#"["{WALLET}",{{"types":{{"M":[{{"name":"a","type":"bool"}}]}},"primaryType":"M",
            "domain":{{"chainId":{MOST}}},"message":{{"a":true}}}}]"#
    );
    let fault = request::parse("eth_signTypedData_v4", chain.as_bytes()).unwrap_err();
    assert_eq!(
        (fault.code.as_str(), fault.path.as_str()),
        ("typed_domain", "/1/domain/chainId")
    );
}

/// What a text is made of: everything that can be taken for a number, or hide one.
#[derive(Clone, Debug)]
enum Item {
    Integer(String),
    Text(String),
    List(Vec<Item>),
    Pair(String, Box<Item>),
}

fn item() -> impl Strategy<Value = Item> {
    let integer =
        ("-?", "[1-9]", "[0-9]{0,77}").prop_map(|(sign, first, more)| sign + &first + &more);
    let text = prop_oneof![
        "[-0-9eE.+]{0,24}",
        prop::collection::vec(
            prop_oneof![Just('"'), Just('\\'), Just('7'), any::<char>()],
            0..8
        )
        .prop_map(|characters| characters.into_iter().filter(|c| *c != '\0').collect()),
    ];
    let leaf = prop_oneof![
        3 => integer.prop_map(Item::Integer),
        1 => Just(Item::Integer("0".to_owned())),
        2 => text.clone().prop_map(Item::Text),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Item::List),
            (text.clone(), inner).prop_map(|(key, value)| Item::Pair(key, Box::new(value))),
        ]
    })
}

fn write(item: &Item, out: &mut String) {
    match item {
        Item::Integer(digits) => out.push_str(digits),
        Item::Text(text) => out.push_str(&serde_json::to_string(text).unwrap()),
        Item::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { " , " } else { "" });
                write(item, out);
            }
            out.push(']');
        }
        Item::Pair(key, value) => {
            out.push_str(&format!("{{{}:\t", serde_json::to_string(key).unwrap()));
            write(value, out);
            out.push('}');
        }
    }
}

fn same(item: &Item, json: &Json<'_>) -> bool {
    match (item, json) {
        (Item::Integer(digits), Json::Int(number)) => number.to_string() == *digits,
        (Item::Integer(digits), Json::Big(found)) => found == digits,
        (Item::Text(text), Json::Str(found)) => found == text,
        (Item::List(items), Json::Array(found)) => {
            items.len() == found.len()
                && items.iter().zip(found).all(|(item, json)| same(item, json))
        }
        (Item::Pair(key, value), Json::Object(found)) => {
            matches!(found.as_slice(), [(name, json)] if name == key && same(value, json))
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn every_integer_is_read_as_it_is_written(item in item()) {
        let mut text = String::new();
        write(&item, &mut text);
        let read = json::parse_exact(text.as_bytes(), &Limits::REQUEST).unwrap();
        prop_assert!(same(&item, &read), "{text}\n{read:?}");
        let canonical = read.to_canonical();
        let again = json::parse_exact(canonical.as_bytes(), &Limits::REQUEST).unwrap();
        prop_assert_eq!(again, read);
    }

    #[test]
    fn what_is_strict_is_exact_too(item in item()) {
        let mut text = String::new();
        write(&item, &mut text);
        if let Ok(read) = json::parse(text.as_bytes(), &Limits::REQUEST) {
            prop_assert_eq!(json::parse_exact(text.as_bytes(), &Limits::REQUEST).unwrap(), read);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let strict = json::parse(&bytes, &Limits::REQUEST);
        let exact = json::parse_exact(&bytes, &Limits::REQUEST);
        if let Ok(strict) = strict {
            prop_assert_eq!(exact.unwrap(), strict);
        }
    }

    #[test]
    fn number_or_text_the_digest_is_the_same(digits in "[1-9][0-9]{0,76}") {
        let number = typed("uint256", &digits).unwrap();
        prop_assert_eq!(&number, &typed("uint256", &format!("\"{digits}\"")).unwrap());
        // What the signer reads is the document itself.
        let params = format!("[\"{WALLET}\",{}]", number.json);
        let again = match request::parse("eth_signTypedData_v4", params.as_bytes()).unwrap().body {
            Body::TypedData(typed) => typed,
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(again, number);
    }
}
