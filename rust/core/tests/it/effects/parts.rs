//! The pieces of the way in, one promise a test: amounts, text, frames, envelopes, canonical JSON.

use alloy_primitives::U256;
use holdfast_core::address::checksum;
use holdfast_core::amount::{
    format_units, parse_decimal_units, parse_wei, usd_value, usd_value_low, AmountError, Price, Usd,
};
use holdfast_core::frame::Framer;
use holdfast_core::json::{self, Limits};
use holdfast_core::rpc::{parse_frame, response_batch, response_error, response_result, Call};
use holdfast_core::text::display_safe;

#[test]
fn written_amounts_mean_one_thing_or_nothing() {
    let units = |text: &str| parse_decimal_units(text, 6);
    assert_eq!(units("50.25"), Ok(U256::from(50_250_000)));
    assert_eq!(units("0"), Ok(U256::ZERO));
    assert_eq!(units("0.000001"), Ok(U256::from(1)));
    assert_eq!(parse_decimal_units("7", 0), Ok(U256::from(7)));
    assert_eq!(
        parse_decimal_units(&U256::MAX.to_string(), 0),
        Ok(U256::MAX)
    );
    let syntax = [
        "", ".", "1.", ".5", "-1", "+1", "1e6", "1_000", "1,5", " 1", "1 ", "0x10", "１", "1.2.3",
        "NaN", "inf", "1.-5",
    ];
    for text in syntax {
        assert_eq!(units(text), Err(AmountError::Syntax), "{text}");
    }
    assert_eq!(units("007"), Err(AmountError::LeadingZero));
    assert_eq!(units("00.5"), Err(AmountError::LeadingZero));
    assert_eq!(units("1.0000000"), Err(AmountError::TooManyDecimals));
    assert_eq!(
        parse_decimal_units("1.0", 0),
        Err(AmountError::TooManyDecimals)
    );
    assert_eq!(units(&U256::MAX.to_string()), Err(AmountError::TooLarge));
    assert_eq!(units(&"9".repeat(5_000)), Err(AmountError::TooLarge));
    assert_eq!(parse_decimal_units("2", 255), Err(AmountError::TooLarge));
    assert_eq!(parse_decimal_units("0", 255), Ok(U256::ZERO));
}

#[test]
fn wei_need_their_unit() {
    assert_eq!(parse_wei("100 gwei"), Ok(U256::from(100_000_000_000u64)));
    assert_eq!(
        parse_wei("1.5 ether"),
        Ok(U256::from(1_500_000_000_000_000_000u64))
    );
    assert_eq!(parse_wei("7 wei"), Ok(U256::from(7)));
    for text in [
        "100",
        "100gwei",
        "100 Gwei",
        "100  gwei",
        "100 gwei ",
        "gwei",
        "",
    ] {
        assert_eq!(parse_wei(text), Err(AmountError::Unit), "{text}");
    }
    assert_eq!(parse_wei("1.5 wei"), Err(AmountError::TooManyDecimals));
}

#[test]
fn amounts_are_written_without_needless_zeros() {
    assert_eq!(format_units(U256::from(50_250_000), 6), "50.25");
    assert_eq!(format_units(U256::from(50_000_000), 6), "50");
    assert_eq!(format_units(U256::from(1), 6), "0.000001");
    assert_eq!(format_units(U256::ZERO, 18), "0");
    assert_eq!(format_units(U256::MAX, 0), U256::MAX.to_string());
    assert_eq!(Usd(1_500_000).to_string(), "1.5");
}

#[test]
fn dollars_are_rounded_up() {
    let price = |text: &str| Price::parse(text).unwrap();
    let usd = |amount: u64, decimals, text| usd_value(U256::from(amount), decimals, price(text));
    assert_eq!(usd(50_000_000, 6, "1"), Some(Usd(50_000_000)));
    assert_eq!(usd(1, 18, "3000"), Some(Usd(1)));
    assert_eq!(usd(0, 18, "3000"), Some(Usd(0)));
    assert_eq!(usd(1, 6, "1.000000000000000001"), Some(Usd(2)));
    assert_eq!(usd(3, 0, "0.333333333333333333"), Some(Usd(1_000_000)));
    assert_eq!(usd(u64::MAX, 255, "1"), Some(Usd(1)));
    assert_eq!(usd(0, 255, "1"), Some(Usd(0)));
    assert_eq!(usd_value(U256::MAX, 0, price("1")), None);
    assert_eq!(
        usd_value(U256::MAX, 77, price("1")).map(|usd| usd.0),
        Some(1_157_921)
    );
    assert_eq!(Usd(u128::MAX).checked_add(Usd(1)), None);
}

#[test]
fn dollars_that_come_back_are_rounded_down() {
    let price = |text: &str| Price::parse(text).unwrap();
    let usd =
        |amount: u64, decimals, text| usd_value_low(U256::from(amount), decimals, price(text));
    assert_eq!(usd(50_000_000, 6, "1"), Some(Usd(50_000_000)));
    assert_eq!(usd(1, 18, "3000"), Some(Usd(0)));
    assert_eq!(usd(1, 6, "1.999999999999999999"), Some(Usd(1)));
    assert_eq!(usd(u64::MAX, 255, "1"), Some(Usd(0)));
    assert_eq!(usd_value_low(U256::MAX, 0, price("1")), None);
}

#[test]
fn a_price_is_a_positive_decimal() {
    assert_eq!(
        Price::parse("1.0003").unwrap().atto_usd(),
        1_000_300_000_000_000_000
    );
    assert_eq!(Price::parse("0"), Err(AmountError::Zero));
    assert_eq!(Price::parse("0.000"), Err(AmountError::Zero));
    assert_eq!(Price::parse("-1"), Err(AmountError::Syntax));
    assert_eq!(Price::parse("NaN"), Err(AmountError::Syntax));
    assert_eq!(Price::parse("1e400"), Err(AmountError::Syntax));
    assert_eq!(Price::parse(&"9".repeat(40)), Err(AmountError::TooLarge));
    assert_eq!(
        Price::parse("0.0000000000000000001"),
        Err(AmountError::TooManyDecimals)
    );
}

#[test]
fn hostile_text_is_shown_as_what_it_is() {
    let safe = |text: &str| display_safe(text, 200);
    assert_eq!(
        safe("plain [bold]text[/] {x} \\ ~"),
        "plain [bold]text[/] {x} \\ ~"
    );
    assert_eq!(safe("\u{1b}]0;t\u{7}"), "\\u{1b}]0;t\\u{7}");
    assert_eq!(safe("\u{9b}2J\u{7f}"), "\\u{9b}2J\\u{7f}");
    assert_eq!(
        safe("a\u{202e}b\u{2066}c\u{200f}"),
        "a\\u{202e}b\\u{2066}c\\u{200f}"
    );
    assert_eq!(safe("pay\u{200b}pal\u{feff}"), "pay\\u{200b}pal\\u{feff}");
    assert_eq!(
        safe("a\u{301}\u{489}\u{fe0f}"),
        "a\\u{301}\\u{489}\\u{fe0f}"
    );
    assert_eq!(
        safe("\u{e000}\u{ffff}\u{10ffff}"),
        "\\u{e000}\\u{ffff}\\u{10ffff}"
    );
    assert_eq!(
        safe("a\r\nb\tc\u{2028}d"),
        "a\\u{d}\\u{a}b\\u{9}c\\u{2028}d"
    );
    assert_eq!(safe("\u{a0}\u{ad}\u{3000}"), "\\u{a0}\\u{ad}\\u{3000}");
    assert_eq!(safe("\u{5d0}\u{627}"), "\\u{5d0}\\u{627}");
    assert_eq!(safe("🚀"), "\\u{1f680}");
    assert_eq!(
        safe("Grüße, мир, καλημέρα, 日本語, 한국어, 10 €"),
        "Grüße, мир, καλημέρα, 日本語, 한국어, 10 €"
    );
}

#[test]
fn a_letter_that_pretends_to_be_latin_is_shown() {
    assert_eq!(display_safe("USD\u{421}", 80), "USD\\u{421}");
    assert_eq!(
        display_safe("p\u{430}yment to мир", 80),
        "p\\u{430}yment to мир"
    );
    assert_eq!(display_safe("\u{391}pple", 80), "\\u{391}pple");
}

#[test]
fn a_cut_is_visible_and_says_how_much_is_missing() {
    let text = "x".repeat(1_000);
    let cut = display_safe(&text, 100);
    assert!(cut.chars().count() <= 100);
    assert!(cut.ends_with("…[+924]"), "{cut}");
    assert_eq!(display_safe(&text, 5), "xxxx…");
    assert_eq!(display_safe(&text, 1), "…");
    assert_eq!(display_safe(&text, 0), "");
    assert_eq!(display_safe("12345", 5), "12345");
    assert_eq!(display_safe("\u{202e}\u{202e}", 10), "\\u{202e}…");
}

#[test]
fn a_cut_of_what_was_cut_counts_from_the_beginning() {
    let text = "я".repeat(12_000);
    for rooms in [&[8_192, 96][..], &[8_192, 4_000, 200, 160], &[300, 299, 48]] {
        let mut shown = text.clone();
        for room in rooms {
            shown = display_safe(&shown, *room);
            let (body, mark) = shown.rsplit_once("…[+").unwrap();
            let missing: usize = mark.trim_end_matches(']').parse().unwrap();
            assert_eq!(body.chars().count() + missing, 12_000, "{shown}");
            assert!(shown.chars().count() <= *room);
        }
        assert_eq!(
            display_safe(&shown, 400),
            shown,
            "with more room nothing comes back"
        );
        assert_eq!(display_safe(&shown, 10), format!("{}…", "я".repeat(9)));
    }
    let huge = format!("{}…[+99999999999999999999]", "x".repeat(100));
    let cut = display_safe(&huge, 60);
    assert!(
        cut.ends_with("…[+88]"),
        "what is no number of ours is text: {cut}"
    );
}

fn feed(framer: &mut Framer, data: &str) -> Result<Vec<String>, &'static str> {
    match framer.feed(data.as_bytes()) {
        Ok(values) => Ok(values
            .into_iter()
            .map(|v| String::from_utf8(v).unwrap())
            .collect()),
        Err(fault) => Err(fault.code.as_str()),
    }
}

#[test]
fn values_are_found_whatever_the_pieces_are() {
    let mut framer = Framer::new(100);
    assert_eq!(feed(&mut framer, "{\"a\":1}").unwrap(), ["{\"a\":1}"]);
    assert_eq!(
        feed(&mut framer, "\n {} [1]\r\n{\"b").unwrap(),
        ["{}", "[1]"]
    );
    assert_eq!(framer.pending(), 3);
    assert_eq!(
        feed(&mut framer, "\":\"}]\\\"{\\\\\"}{").unwrap(),
        ["{\"b\":\"}]\\\"{\\\\\"}"]
    );
    assert_eq!(framer.pending(), 1);
    assert_eq!(feed(&mut framer, "").unwrap(), Vec::<String>::new());
    assert_eq!(feed(&mut framer, "}").unwrap(), ["{}"]);
    assert_eq!(framer.pending(), 0);
}

#[test]
fn a_frame_over_the_limit_is_refused_before_it_is_held() {
    let mut framer = Framer::new(10);
    assert_eq!(feed(&mut framer, "[\"345678\"]").unwrap().len(), 1);
    assert_eq!(feed(&mut framer, "[\"3456789\"]"), Err("frame_too_large"));
    assert_eq!(framer.pending(), 0);
    assert!(framer.is_faulty());
    assert_eq!(feed(&mut framer, "{}"), Err("frame_too_large"));
    let mut framer = Framer::new(10);
    assert_eq!(feed(&mut framer, "[\"34567").unwrap().len(), 0);
    assert_eq!(feed(&mut framer, "89\"]"), Err("frame_too_large"));
}

#[test]
fn good_values_before_garbage_are_not_lost_and_garbage_is_final() {
    let mut framer = Framer::new(100);
    assert_eq!(feed(&mut framer, "{} [] hello").unwrap(), ["{}", "[]"]);
    assert_eq!(feed(&mut framer, ""), Err("frame_garbage"));
    assert_eq!(feed(&mut framer, "{}"), Err("frame_garbage"));
    for garbage in [
        "GET / HTTP/1.1",
        "\u{feff}{}",
        "]",
        "1",
        "\"a\"",
        "null",
        "\0",
    ] {
        assert_eq!(
            feed(&mut Framer::new(100), garbage),
            Err("frame_garbage"),
            "{garbage}"
        );
    }
}

fn only(frame: &str) -> Call {
    let (batch, mut calls) = parse_frame(frame.as_bytes());
    assert!(!batch && calls.len() == 1, "{frame}");
    calls.remove(0)
}

#[test]
fn an_id_comes_back_as_it_went() {
    for id in [
        "0",
        "-7",
        "\"a\\u007b\"",
        "null",
        "9007199254740993",
        "\"\"",
    ] {
        let frame = format!("{{\"id\":{id},\"jsonrpc\":\"2.0\",\"method\":\"m\"}}");
        let call = only(&frame);
        assert_eq!(call.error, None, "{id}");
        assert_eq!(call.id_json.unwrap(), id.as_bytes());
        assert_eq!(
            (call.method.as_str(), call.params.as_slice()),
            ("m", b"[]".as_slice())
        );
    }
    let notification = only("{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{ \"a\" : 1 }}");
    assert_eq!(notification.id_json, None);
    assert_eq!(notification.params, b"{ \"a\" : 1 }");
}

#[test]
fn garbage_is_one_invalid_request_without_an_id() {
    let long = format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":\"{}\"}}",
        "i".repeat(300)
    );
    let garbage = [
        "5",
        "\"x\"",
        "[]",
        long.as_str(),
        "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1.5}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1e3}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":true}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":{}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":\"\\ud800\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1,\"id\":2}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1,\"m\\u0065thod\":\"n\"}",
    ];
    for frame in garbage {
        let call = only(frame);
        assert_eq!(call.id_json.as_deref(), Some(b"null".as_slice()), "{frame}");
        assert_eq!(call.error.unwrap().0, -32600, "{frame}");
    }
}

#[test]
fn what_is_no_json_is_one_parse_error_without_an_id() {
    for frame in [
        "",
        "{",
        "{]",
        "[}",
        "{\"a\":1 2}",
        "{}{}",
        "{'id':1}",
        "[1,]",
        "{\"id\":01}",
    ] {
        let call = only(frame);
        assert_eq!(call.id_json.as_deref(), Some(b"null".as_slice()), "{frame}");
        assert_eq!(call.error.unwrap().0, -32700, "{frame}");
    }
    let invalid_utf8 = parse_frame(b"{\"id\":\"\xff\"}").1.remove(0);
    assert_eq!(invalid_utf8.error.unwrap().0, -32700);
}

#[test]
fn a_bad_request_with_a_good_id_is_answered_under_it() {
    for frame in [
        "{\"id\":3,\"method\":\"m\"}",
        "{\"id\":3,\"jsonrpc\":\"1.0\",\"method\":\"m\"}",
        "{\"id\":3,\"jsonrpc\":\"2.0\"}",
        "{\"id\":3,\"jsonrpc\":\"2.0\",\"method\":7}",
        "{\"id\":3,\"jsonrpc\":\"2.0\",\"method\":\"\"}",
        "{\"id\":3,\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":7}",
        "{\"id\":3,\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":null}",
    ] {
        let call = only(frame);
        assert_eq!(call.id_json.as_deref(), Some(b"3".as_slice()), "{frame}");
        assert_eq!(call.error.unwrap().0, -32600, "{frame}");
    }
}

#[test]
fn a_batch_keeps_its_order_and_its_bad_elements() {
    let call = "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"m\"}";
    let (batch, calls) = parse_frame(format!(" [{call}, 7 ,{call}] ").as_bytes());
    assert!(batch);
    let errors: Vec<bool> = calls.iter().map(|call| call.error.is_some()).collect();
    assert_eq!(errors, [false, true, false]);
    let of = |length: usize| format!("[{}]", vec![call; length].join(","));
    assert_eq!(parse_frame(of(100).as_bytes()).1.len(), 100);
    assert_eq!(only(&of(101)).error.unwrap().0, -32600);
    let deep = format!("[{}]", "[".repeat(200_000));
    assert_eq!(only(&deep).error.unwrap().0, -32700);
}

#[test]
fn a_response_is_one_line_without_braces_in_strings() {
    let line = response_result(b"\"}a\"", b"{ \"a{\" :\n[ \"\\\"}\", 1 ] }");
    assert_eq!(
        String::from_utf8(line).unwrap(),
        "{\"jsonrpc\":\"2.0\",\"id\":\"\\u007da\",\"result\":{\"a\\u007b\":[\"\\\"\\u007d\",1]}}\n"
    );
    let line = response_error(b"0", 4001, "no {x}\n", Some(b"{\"t\":\"\\\\\"}"));
    assert_eq!(
        String::from_utf8(line).unwrap(),
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"error\":{\"code\":4001,\"message\":\"no \\u007bx\\u007d\\n\",\
         \"data\":{\"t\":\"\\\\\"}}}\n"
    );
    assert_eq!(
        response_result(b"1", b""),
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}\n"
    );
    let both = response_batch(&[response_result(b"1", b"2"), response_result(b"2", b"3")]);
    assert_eq!(
        String::from_utf8(both).unwrap(),
        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":2},{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":3}]\n"
    );
    assert!(response_batch::<Vec<u8>>(&[]).is_empty());
}

#[test]
fn canonical_json_is_that_of_rfc_8785() {
    // Section 3.2.3 of the RFC (sorting by UTF-16 code units), without the number example.
    let text = "{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\
        \"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji\",\"\\u0080\":\"Control\",\"\\u00f6\":\"Latin\"}";
    let parsed = json::parse(text.as_bytes(), &Limits::REQUEST).unwrap();
    let canonical = parsed.to_canonical();
    let order = ["\\r", "\"1\"", "\u{80}", "ö", "€", "😀", "\u{fb33}"];
    let places: Vec<_> = order
        .iter()
        .map(|key| canonical.find(key).unwrap())
        .collect();
    assert!(places.is_sorted(), "{canonical}");
    let escapes = json::parse(
        b"\"\\u000f\\n\\t\\b\\f\\r\\\"\\\\\\/\\u007f\"",
        &Limits::REQUEST,
    );
    assert_eq!(
        escapes.unwrap().to_canonical(),
        "\"\\u000f\\n\\t\\b\\f\\r\\\"\\\\/\u{7f}\""
    );
}

#[test]
fn a_checksum_is_right_the_first_time_and_every_other() {
    let text = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    for _ in 0..2 {
        assert_eq!(&*checksum(text.parse().unwrap()), text);
    }
}

#[test]
fn an_escape_never_joins_the_word_after_it() {
    let shown = display_safe("a\tмир", 80);
    assert_eq!(shown, "a\\u{9}мир");
    assert_eq!(display_safe(&shown, 80), shown);
}
