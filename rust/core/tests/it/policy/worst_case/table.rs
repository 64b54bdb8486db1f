//! Policies and the bound of each, worked out by hand.

use std::fmt::Write as _;
use std::time::Duration;

use holdfast_core::policy::worst_case::{worst_case, AgentCase};
use holdfast_core::policy::Policy;

const HEAD: &str = r#"version = 1
name = "table"
[[chain]]
id = 1
name = "one"
gas_max = 100_000
fee_per_gas_max = "10 gwei"
priority_fee_per_gas_max = "1 gwei"
[[wallet]]
id = "first"
address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
[[wallet]]
id = "second"
address = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
[[agent]]
id = "ann"
wallets = ["first", "second"]
chain = 1
requests_per_minute = 10
[[asset]]
id = "eth"
chain = 1
native = true
decimals = 18
symbol = "ETH"
price_usd = "2000"
[[asset]]
id = "usdc"
chain = 1
address = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
decimals = 6
symbol = "USDC"
price_usd = "1"
[[asset]]
id = "tok"
chain = 1
address = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
decimals = 6
symbol = "T"
[[list]]
id = "vendors"
[[list.entry]]
address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
[[list.entry]]
address = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
[[list.entry]]
address = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
chain = 2
[[chain]]
id = 2
name = "two"
gas_max = 100_000
fee_per_gas_max = "10 gwei"
priority_fee_per_gas_max = "1 gwei"
"#;

const FEES: &str = "[[limit]]\nid = \"fees\"\nper = \"agent\"\neffects = [\"fee\"]\n\
                    measure = \"amount\"\nassets = [\"eth\"]\nmax = \"0.1\"\nwindow = \"24h\"\n\
                    on_exceed = \"deny\"\n";

fn rule(id: &str, more: &str) -> String {
    format!("[[rule]]\nid = \"{id}\"\n{more}\n")
}

fn limit(id: &str, per: &str, measure: &str, max: &str, window: &str, more: &str) -> String {
    let max = if measure == "count" {
        max.to_owned()
    } else {
        format!("\"{max}\"")
    };
    format!(
        "[[limit]]\nid = \"{id}\"\nper = \"{per}\"\nmeasure = \"{measure}\"\nmax = {max}\n\
         window = \"{window}\"\non_exceed = \"deny\"\n{more}\n"
    )
}

fn case(tables: &[String]) -> AgentCase {
    let text = format!("{HEAD}{FEES}{}", tables.concat());
    let policy = Policy::parse(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    worst_case(&policy, Some("ann"), None).remove(0)
}

/// The USD of each span, and the amount of one asset.
fn figures(case: &AgentCase, asset: &str) -> [(String, String); 3] {
    let shown = |figure: &Option<String>| figure.clone().unwrap_or_else(|| "-".to_owned());
    let spans = case.spans.iter().map(|span| {
        let of = span.assets.iter().find(|one| one.asset == asset);
        let amount = of.map_or_else(|| "none".to_owned(), |of| shown(&of.amount));
        (shown(&span.usd.max), amount)
    });
    spans.collect::<Vec<_>>().try_into().unwrap()
}

fn check(tables: &[String], asset: &str, usd: [&str; 3], amounts: [&str; 3]) -> AgentCase {
    let found = case(tables);
    let wanted: Vec<(String, String)> = usd
        .iter()
        .zip(amounts)
        .map(|(a, b)| ((*a).to_owned(), b.to_owned()))
        .collect();
    assert_eq!(figures(&found, asset).to_vec(), wanted, "{found:#?}");
    found
}

const PAY: &str =
    "effects = [\"transfer\"]\nassets = [\"usdc\"]\namount_max = \"50\"\ntier = \"instant\"";
const PAY_VENDORS: &str =
    "effects = [\"transfer\"]\nassets = [\"usdc\"]\nto = [\"@vendors\"]\ntier = \"instant\"";

#[test]
fn what_only_people_grant_is_nothing() {
    let found = check(
        &[rule(
            "r",
            "effects = [\"transfer\", \"call\"]\ntier = \"approval\"",
        )],
        "usdc",
        ["0"; 3],
        ["none"; 3],
    );
    assert!(found.spans.iter().all(|span| span.fees.is_none()));
    assert!(found.warnings.is_empty() && !found.is_unbounded());
}

#[test]
fn a_window_can_be_filled_as_often_as_it_begins_in_the_span() {
    let day = limit("day", "agent", "usd", "200", "24h", "");
    check(
        &[rule("r", PAY), day],
        "usdc",
        ["200", "200", "6000"],
        ["200", "200", "6000"],
    );
    // 3600 = 5 × 700 + 100: a sixth time for the rest.
    let odd = limit("odd", "agent", "usd", "10", "700s", "");
    check(
        &[rule("r", PAY), odd],
        "usdc",
        ["60", "1240", "37030"],
        ["60", "1240", "37030"],
    );
}

#[test]
fn a_tier_that_goes_on_by_itself_counts() {
    let day = limit("day", "agent", "usd", "200", "24h", "");
    for tier in ["tier = \"notify\"", "tier = \"delay\"\ndelay = \"30m\""] {
        let slow = PAY.replace("tier = \"instant\"", tier);
        let found = check(
            &[rule("r", &slow), day.clone()],
            "usdc",
            ["200", "200", "6000"],
            ["200", "200", "6000"],
        );
        let told = found.notes.iter().any(|note| note.contains("waits 30m"));
        assert_eq!(told, tier.contains("delay"));
    }
}

#[test]
fn a_limit_that_asks_a_person_binds() {
    let ask = limit("day", "agent", "amount", "80", "24h", "assets = [\"usdc\"]")
        .replace("deny", "approval");
    check(
        &[rule("r", PAY), ask],
        "usdc",
        ["80", "80", "2400"],
        ["80", "80", "2400"],
    );
}

#[test]
fn shorter_and_longer_windows_bind_together() {
    let day = limit("day", "agent", "usd", "200", "24h", "");
    let week = limit("week", "agent", "usd", "1000", "7d", "");
    let hour = limit("hour", "agent", "usd", "50", "1h", "");
    // Four weeks, and two days at 200.
    let found = check(
        &[rule("r", PAY), day, week, hour],
        "usdc",
        ["50", "200", "4400"],
        ["50", "200", "4400"],
    );
    assert_eq!(found.spans[0].usd.path[0].limit.as_deref(), Some("hour"));
    assert_eq!(found.spans[2].usd.path[0].limit.as_deref(), Some("week"));
}

#[test]
fn limits_of_parts_add_up_unless_one_of_all_is_less() {
    let eth = "effects = [\"transfer\"]\nassets = [\"eth\"]\ntier = \"instant\"";
    let both = [rule("r", PAY), rule("e", eth)];
    let of_usdc = limit("u", "agent", "amount", "80", "24h", "assets = [\"usdc\"]");
    let of_eth = limit("e", "agent", "amount", "0.5", "24h", "assets = [\"eth\"]");
    let parts = [both.concat(), of_usdc.clone(), of_eth.clone()];
    check(
        &parts,
        "eth",
        ["1080", "1080", "32400"],
        ["0.5", "0.5", "15"],
    );
    let all = limit("all", "global", "usd", "600", "24h", "");
    let found = check(
        &[parts.concat(), all],
        "eth",
        ["600", "600", "18000"],
        ["0.3", "0.3", "9"],
    );
    assert_eq!(found.spans[1].usd.path.len(), 1);
    // Fees count in that limit too, so they are no more on top; but their own limit is 0.1 ETH.
    assert_eq!(found.spans[1].usd_with_fees.as_deref(), Some("600"));
    assert_eq!(
        found.spans[1].fees.as_ref().unwrap().usd.as_deref(),
        Some("200")
    );
}

#[test]
fn each_wallet_of_the_agent_fills_a_limit_per_wallet() {
    let day = limit("day", "wallet", "usd", "200", "24h", "");
    check(
        &[rule("r", PAY), day.clone()],
        "usdc",
        ["400", "400", "12000"],
        ["400", "400", "12000"],
    );
    let one = format!("{PAY}\nwallets = [\"second\"]");
    check(
        &[rule("r", &one), day],
        "usdc",
        ["200", "200", "6000"],
        ["200", "200", "6000"],
    );
}

#[test]
fn each_known_recipient_fills_a_limit_per_recipient() {
    let each = limit(
        "each",
        "recipient",
        "usd",
        "30",
        "24h",
        "effects = [\"transfer\"]",
    );
    // The third entry is for another chain.
    check(
        &[rule("r", PAY_VENDORS), each.clone()],
        "usdc",
        ["60", "60", "1800"],
        ["60", "60", "1800"],
    );
    let open = PAY_VENDORS.replace("to = [\"@vendors\"]\n", "");
    let found = check(
        &[rule("r", &open), each.clone()],
        "usdc",
        ["-"; 3],
        ["-"; 3],
    );
    assert_eq!(found.warnings[0].kind, "unbounded");
    assert!(
        found.warnings[0].text.contains("rule `r`"),
        "{:?}",
        found.warnings
    );
    assert!(
        found.warnings[0]
            .text
            .contains("`each` counts each recipient"),
        "{:?}",
        found.warnings
    );
    // A forbid that spares only vendors leaves no other recipient.
    let only = "[[forbid]]\nid = \"only\"\neffects = [\"transfer\", \"allowance\"]\nnot_to = [\"@vendors\"]\n";
    check(
        &[rule("r", &open), each, only.to_owned()],
        "usdc",
        ["60", "60", "1800"],
        ["60", "60", "1800"],
    );
}

#[test]
fn a_count_bounds_amounts_where_each_is_bounded() {
    let count = limit("burst", "agent", "count", "3", "10m", "");
    check(
        &[rule("r", PAY), count.clone()],
        "usdc",
        ["900", "21600", "648000"],
        ["900", "21600", "648000"],
    );
    let found = check(
        &[rule("r", &PAY.replace("amount_max = \"50\"\n", "")), count],
        "usdc",
        ["-"; 3],
        ["-"; 3],
    );
    assert!(
        found.warnings[0].text.contains("`burst` counts payments"),
        "{:?}",
        found.warnings
    );
    // 0.02 ETH is 40 USD: three of the largest.
    let usd = "effects = [\"transfer\"]\nassets = [\"eth\"]\nusd_max = \"40\"\ntier = \"instant\"";
    let tables = [
        rule("r", PAY),
        rule("e", usd),
        limit("burst", "agent", "count", "3", "24h", ""),
    ];
    check(
        &tables,
        "eth",
        ["150", "150", "4500"],
        ["0.06", "0.06", "1.8"],
    );
}

#[test]
fn without_a_limit_the_requests_bound_what_each_may_move() {
    // 3601 seconds touch 61 minutes of 10 requests, 86401 touch 1441, 2592001 touch 43201.
    let found = check(
        &[rule("r", PAY)],
        "usdc",
        ["30500", "720500", "21600500"],
        ["30500", "720500", "21600500"],
    );
    assert_eq!(found.warnings[0].kind, "rate");
    assert!(
        found.warnings[0]
            .text
            .contains("only 10 requests a minute do"),
        "{:?}",
        found.warnings
    );
}

#[test]
fn tables_that_ask_or_deny_above_an_amount_cap_what_passes() {
    let open = "effects = [\"transfer\"]\nassets = [\"usdc\"]\ntier = \"instant\"";
    let count = limit("burst", "agent", "count", "3", "24h", "");
    let large = rule(
        "large",
        "effects = [\"transfer\", \"allowance\"]\nusd_above = \"20\"\ntier = \"approval\"",
    );
    check(
        &[rule("r", open), count.clone(), large],
        "usdc",
        ["60", "60", "1800"],
        ["60", "60", "1800"],
    );
    let huge = "[[forbid]]\nid = \"huge\"\nassets = [\"usdc\"]\namount_above = \"30\"\n".to_owned();
    check(
        &[rule("r", open), count.clone(), huge],
        "usdc",
        ["90", "90", "2700"],
        ["90", "90", "2700"],
    );
    let never = "[[forbid]]\nid = \"never\"\nassets = [\"usdc\"]\n".to_owned();
    check(
        &[rule("r", open), count.clone(), never],
        "usdc",
        ["0"; 3],
        ["none"; 3],
    );
    // One that is about fewer recipients than the rule caps nothing.
    let some = rule(
        "some",
        "effects = [\"transfer\"]\nto = [\"@vendors\"]\nusd_above = \"20\"\ntier = \"approval\"",
    );
    check(&[rule("r", open), count, some], "usdc", ["-"; 3], ["-"; 3]);
}

#[test]
fn a_limit_that_may_leave_something_out_bounds_nothing() {
    let day = |more: &str| limit("day", "agent", "usd", "200", "24h", more);
    let open = "effects = [\"transfer\", \"allowance\"]\nassets = [\"usdc\"]\ntier = \"instant\"";
    for more in [
        "effects = [\"transfer\"]",
        "to = [\"@vendors\"]",
        "not_to = [\"@vendors\"]",
        "wallets = [\"first\"]",
        "methods = [\"eth_sendTransaction\"]",
        "assets = [\"eth\"]",
        "chains = [2]\nagents = [\"ann\"]",
    ] {
        check(&[rule("r", open), day(more)], "usdc", ["-"; 3], ["-"; 3]);
    }
    let found = check(
        &[rule("r", open), day("")],
        "usdc",
        ["200", "200", "6000"],
        ["200", "200", "6000"],
    );
    assert!(!found.is_unbounded());
}

#[test]
fn every_way_out_counts_in_full() {
    for kind in ["transfer", "allowance", "swap", "deposit", "order", "debt"] {
        let open = format!("effects = [\"{kind}\"]\nassets = [\"usdc\"]\ntier = \"instant\"");
        let day = limit("day", "agent", "usd", "200", "24h", "");
        check(
            &[rule("r", &open), day],
            "usdc",
            ["200", "200", "6000"],
            ["200", "200", "6000"],
        );
        check(&[rule("r", &open)], "usdc", ["-"; 3], ["-"; 3]);
    }
    for kind in ["revoke", "convert"] {
        let open = format!("effects = [\"{kind}\"]\ntier = \"instant\"");
        let found = check(&[rule("r", &open)], "usdc", ["0"; 3], ["none"; 3]);
        // It moves nothing, and costs fees.
        assert_eq!(
            found.spans[0].fees.as_ref().unwrap().amount.as_deref(),
            Some("0.1")
        );
    }
}

#[test]
fn what_stands_is_said_and_bounds_no_span() {
    let allow = "effects = [\"allowance\"]\nassets = [\"usdc\"]\ntier = \"instant\"";
    let stands = limit(
        "stands",
        "agent",
        "usd",
        "500",
        "standing",
        "effects = [\"allowance\"]",
    );
    let found = check(&[rule("r", allow), stands], "usdc", ["-"; 3], ["-"; 3]);
    assert!(
        found.warnings[0]
            .text
            .contains("`stands` counts what stands"),
        "{:?}",
        found.warnings
    );
    assert!(found.notes[0].contains("500 USD"), "{:?}", found.notes);
}

#[test]
fn without_a_pinned_price_amount_and_worth_are_apart() {
    let tok = "effects = [\"transfer\"]\nassets = [\"tok\"]\ntier = \"instant\"";
    let day = limit("day", "agent", "usd", "200", "24h", "");
    let found = check(
        &[rule("r", tok), day],
        "tok",
        ["200", "200", "6000"],
        ["-"; 3],
    );
    assert_eq!(found.spans[0].assets[0].usd.as_deref(), Some("200"));
    assert!(!found.is_unbounded() && !found.notes.is_empty());
    let amount = limit("day", "agent", "amount", "7", "24h", "assets = [\"tok\"]");
    let found = check(
        &[
            rule("r", tok),
            rule("u", PAY),
            amount,
            limit("d", "agent", "usd", "9", "24h", "assets = [\"usdc\"]"),
        ],
        "tok",
        ["9", "9", "270"],
        ["7", "7", "210"],
    );
    assert_eq!(found.spans[0].usd.besides, ["tok"]);
    assert_eq!(found.spans[0].usd_with_fees, None);
}

#[test]
fn a_rule_about_any_asset_is_about_those_that_are_not_registered() {
    let any = "effects = [\"allowance\"]\ntier = \"instant\"";
    let found = check(&[rule("r", any)], "(not registered)", ["-"; 3], ["-"; 3]);
    assert!(found.is_unbounded());
    // What has no price needs a person wherever a limit in USD counts it.
    let day = limit("day", "agent", "usd", "200", "24h", "");
    check(
        &[rule("r", any), day],
        "(not registered)",
        ["200", "200", "6000"],
        ["none"; 3],
    );
}

#[test]
fn fees_are_named_apart_and_bounded_by_the_rate_if_by_nothing_else() {
    let day = limit(
        "day",
        "agent",
        "usd",
        "200",
        "24h",
        "effects = [\"transfer\"]",
    );
    let text = format!("{HEAD}{}{day}", rule("r", PAY));
    let found = worst_case(&Policy::parse(&text).unwrap(), None, None).remove(0);
    // 610 requests of at most 100,000 gas at 10 gwei.
    let fees = found.spans[0].fees.as_ref().unwrap();
    assert_eq!(
        (fees.amount.as_deref(), fees.usd.as_deref()),
        (Some("0.61"), Some("1220"))
    );
    assert_eq!(found.spans[0].usd_with_fees.as_deref(), Some("1420"));
    assert!(found
        .warnings
        .iter()
        .any(|one| one.kind == "rate" && one.text.starts_with("fee of eth")));
    // A document costs no fee.
    let signed = format!("{PAY}\nmethods = [\"eth_signTypedData_v4\"]");
    let text = format!("{HEAD}{}{day}", rule("r", &signed));
    let found = worst_case(&Policy::parse(&text).unwrap(), None, None).remove(0);
    assert!(found.spans[0].fees.is_none() && found.warnings.is_empty());
}

#[test]
fn functions_that_are_vouched_for_move_nothing_and_it_is_said_by_whose_word() {
    let function = "[[function]]\nid = \"vote\"\nchain = 1\ncontract = \"0x976EA74026E726554dB657fA54763abd0C3a0aa9\"\nsignature = \"vote(uint256)\"\n".to_owned();
    let call = rule(
        "votes",
        "effects = [\"call\"]\nfunctions = [\"vote\"]\ntier = \"instant\"",
    );
    let found = check(&[function.clone(), call], "usdc", ["0"; 3], ["none"; 3]);
    assert!(found.notes[0].contains("rule `votes`"), "{:?}", found.notes);
    assert_eq!(
        found.spans[0].fees.as_ref().unwrap().amount.as_deref(),
        Some("0.1")
    );
    // Without naming it a rule grants an opaque call, which needs a person.
    let opaque = rule("votes", "effects = [\"call\"]\ntier = \"instant\"");
    let found = check(&[function, opaque], "usdc", ["0"; 3], ["none"; 3]);
    assert!(found.spans[0].fees.is_none());
}

#[test]
fn ten_thousand_rules_take_less_than_two_seconds() {
    for by in ["to", "assets", "agents", "effects"] {
        let text = many(by);
        let policy = Policy::parse(&text).unwrap();
        let began = on_processor();
        let found = worst_case(&policy, None, None);
        let took = on_processor() - began;
        assert!(!found.is_empty());
        // Not optimised, it takes many times as long.
        let most = if cfg!(debug_assertions) { 60 } else { 2 };
        assert!(took < Duration::from_secs(most), "{by}: {took:?}");
    }
}

/// How long this thread was at work: others share the machine.
fn on_processor() -> Duration {
    let read = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(read.split(' ').next().unwrap().parse().unwrap())
}

/// 10,000 rules that differ in one thing, with limits for all, and one for each hundredth.
fn many(by: &str) -> String {
    let mut out = HEAD.to_owned();
    for n in 0..10_000u64 {
        let address = |from: u64| {
            let mut bytes = [0x11; 20];
            bytes[12..].copy_from_slice(&(from + n).to_be_bytes());
            alloy_primitives::Address::from(bytes).to_checksum(None)
        };
        match by {
            "agents" => {
                let _ = writeln!(
                    out,
                    "[[agent]]\nid = \"a{n}\"\nwallets = [\"first\"]\nchain = 1"
                );
            }
            "assets" => {
                let _ = writeln!(
                    out,
                    "[[asset]]\nid = \"t{n}\"\nchain = 1\naddress = \"{}\"\ndecimals = 6\n\
                     symbol = \"T\"\nprice_usd = \"1\"",
                    address(1 << 40)
                );
            }
            _ => {}
        }
        let differs = match by {
            "to" => format!(
                "to = [\"{}\"]\nagents = [\"ann\"]\nassets = [\"usdc\"]",
                address(1 << 50)
            ),
            "assets" => format!("assets = [\"t{n}\"]\nagents = [\"ann\"]"),
            "agents" => format!("agents = [\"a{n}\"]\nassets = [\"usdc\"]"),
            _ => format!(
                "agents = [\"ann\"]\namount_max = \"{}\"\nassets = [\"usdc\"]",
                n + 1
            ),
        };
        out.push_str(&rule(
            &format!("r{n}"),
            &format!("effects = [\"transfer\", \"allowance\"]\n{differs}\ntier = \"instant\""),
        ));
        if n % 100 == 0 {
            out.push_str(&limit(
                &format!("l{n}"),
                "agent",
                "count",
                "20",
                "10m",
                &differs.replace("amount_max", "#").replace(", assets", ""),
            ));
            out.push_str(&rule(
                &format!("w{n}"),
                &format!(
                    "effects = [\"transfer\"]\nusd_above = \"{}\"\ntier = \"approval\"",
                    100 + n
                ),
            ));
        }
    }
    out.push_str(&limit("day", "agent", "usd", "200", "24h", ""));
    out.push_str(&limit("week", "wallet", "usd", "900", "7d", ""));
    out
}

#[test]
fn parts_of_the_calendar_can_be_filled_at_both_ends_of_a_span() {
    let at = |window: &str, zone: &str| {
        limit(
            "l",
            "agent",
            "usd",
            "10",
            window,
            &format!("zone = \"{zone}\""),
        )
    };
    // Just before midnight and after it; in 24 hours too; 30 days touch 31 days.
    check(
        &[rule("r", PAY), at("day", "UTC")],
        "usdc",
        ["20", "20", "310"],
        ["20", "20", "310"],
    );
    // On the day on which clocks are set forward, 24 hours touch three days.
    check(
        &[rule("r", PAY), at("day", "Europe/Berlin")],
        "usdc",
        ["20", "30", "320"],
        ["20", "30", "320"],
    );
    check(
        &[rule("r", PAY), at("week", "UTC")],
        "usdc",
        ["20", "20", "60"],
        ["20", "20", "60"],
    );
    // The end of January, February, the beginning of March.
    check(
        &[rule("r", PAY), at("month", "UTC")],
        "usdc",
        ["20", "20", "30"],
        ["20", "20", "30"],
    );
}

#[test]
fn what_ever_was_counts_once() {
    check(
        &[
            rule("r", PAY),
            limit("l", "agent", "usd", "100", "lifetime", ""),
        ],
        "usdc",
        ["100"; 3],
        ["100"; 3],
    );
}

#[test]
fn a_limit_beyond_which_it_goes_on_binds_nothing() {
    for over in ["notify", "delay\"\ndelay = \"10m"] {
        let tells = limit("l", "agent", "usd", "100", "24h", "").replace("deny", over);
        let found = check(
            &[rule("r", PAY), tells],
            "usdc",
            ["30500", "720500", "21600500"],
            ["30500", "720500", "21600500"],
        );
        assert_eq!(found.warnings[0].kind, "rate");
    }
    let freezes = limit("l", "agent", "usd", "100", "24h", "").replace("deny", "freeze");
    check(
        &[rule("r", PAY), freezes],
        "usdc",
        ["100", "100", "3000"],
        ["100", "100", "3000"],
    );
}

#[test]
fn a_number_of_recipients_bounds_what_each_of_them_may_get() {
    let each = limit(
        "each",
        "recipient",
        "usd",
        "30",
        "24h",
        "effects = [\"transfer\"]",
    );
    let one = limit(
        "one",
        "agent",
        "recipients",
        "1",
        "24h",
        "effects = [\"transfer\"]",
    )
    .replace("\"1\"", "1");
    let found = check(
        &[rule("r", PAY_VENDORS), one.clone()],
        "usdc",
        ["-"; 3],
        ["-"; 3],
    );
    assert!(
        found.warnings[0]
            .text
            .contains("counts recipients, and not what they get"),
        "{:?}",
        found.warnings
    );
    // Of two vendors one a day.
    check(
        &[rule("r", PAY_VENDORS), each, one],
        "usdc",
        ["30", "30", "1800"],
        ["30", "30", "1800"],
    );
}

#[test]
fn caps_of_a_list_and_of_its_entries_bind() {
    let shops = |list: &str, first: &str, second: &str| {
        format!(
            "[[list]]\nid = \"shops\"\n{list}\n[[list.entry]]\n\
             address = \"0x70997970C51812dc3A010C7d01b50e0d17dc79C8\"\n{first}\n[[list.entry]]\n\
             address = \"0x90F79bf6EB2c4f870365E785982E1f101E93b906\"\n{second}\n"
        )
    };
    let pay = rule("r", &PAY_VENDORS.replace("@vendors", "@shops"));
    let all = shops("day_usd_max = \"90\"", "", "");
    check(
        &[pay.clone(), all],
        "usdc",
        ["90", "90", "2700"],
        ["90", "90", "2700"],
    );
    let each = shops("", "day_usd_max = \"20\"", "month_usd_max = \"100\"");
    check(
        &[pay.clone(), each],
        "usdc",
        ["120", "120", "700"],
        ["120", "120", "700"],
    );
    let both = shops(
        "day_usd_max = \"90\"",
        "day_usd_max = \"20\"",
        "total_usd_max = \"50\"",
    );
    check(
        &[pay.clone(), both],
        "usdc",
        ["70", "70", "650"],
        ["70", "70", "650"],
    );
    // One of them has none.
    check(
        &[pay, shops("", "day_usd_max = \"20\"", "")],
        "usdc",
        ["-"; 3],
        ["-"; 3],
    );
}

#[test]
fn a_review_by_people_caps_what_passes() {
    let open = "effects = [\"transfer\"]\nassets = [\"usdc\"]\ntier = \"instant\"";
    let count = limit("burst", "agent", "count", "3", "24h", "");
    let review =
        |tier: &str| format!("[[review]]\nid = \"large\"\nusd_above = \"20\"\ntier = \"{tier}\"\n");
    check(
        &[rule("r", open), count.clone(), review("approval")],
        "usdc",
        ["60", "60", "1800"],
        ["60", "60", "1800"],
    );
    check(
        &[rule("r", open), count, review("notify")],
        "usdc",
        ["-"; 3],
        ["-"; 3],
    );
}

#[test]
fn a_rule_that_has_expired_lets_nothing_pass() {
    let ended = format!("{PAY}\nexpires = 2026-01-01T00:00:00Z");
    let text = format!("{HEAD}{FEES}{}", rule("r", &ended));
    let policy = Policy::parse(&text).unwrap();
    let at = |ms: u64| {
        worst_case(&policy, Some("ann"), Some(ms)).remove(0).spans[0]
            .assets
            .len()
    };
    assert_eq!((at(1_767_225_599_999), at(1_767_225_600_000)), (1, 0));
}

#[test]
fn a_limit_per_recipient_counts_nothing_that_has_none() {
    let each = limit("each", "recipient", "usd", "30", "24h", "");
    // A fee has no recipient, so only the requests bound it.
    let text = format!("{HEAD}{}{each}", rule("r", PAY_VENDORS));
    let found = worst_case(&Policy::parse(&text).unwrap(), Some("ann"), None).remove(0);
    let span = &found.spans[0];
    assert_eq!(span.usd.max.as_deref(), Some("60"));
    assert_eq!(
        span.fees.as_ref().unwrap().amount.as_deref(),
        Some("0.61"),
        "{span:#?}"
    );
    // What is not registered has no price, and nothing asks for one where there is no recipient.
    let any = "effects = [\"swap\"]\ntier = \"instant\"";
    let unregistered = case(&[rule("r", any), each]);
    let last = unregistered.spans[0].assets.iter();
    let mut last = last.filter(|one| one.asset == "(not registered)");
    assert!(
        last.next().is_some_and(|one| one.unbounded),
        "{unregistered:#?}"
    );
}
