//! Memory is bounded by the size of what comes in: calls of every table with words put in the place
//! of lengths and offsets, and what was made to be large.
#![allow(
    unsafe_code,
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::expect_used,
    missing_docs
)]

#[path = "it/support/calls.rs"]
mod calls;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy_primitives::{address, keccak256, Address, Bytes, U256};
use calls::{Table, CHAIN, WALLET};
use holdfast_core::asset::Registry;
use holdfast_core::effects::decode;
use holdfast_core::request::{parse, Body, Transaction};

/// Counts what is held, and the most that ever was.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn grown(bytes: usize) {
    let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(held, Ordering::Relaxed);
}

// SAFETY: everything is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may be there at once.
        grown(size);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Bytes that may be held for a byte that came in, and for none.
const EACH: usize = 96;
const BASE: usize = 64 * 1024;
/// The largest call data a request may have.
const DATA_MAX: usize = 131_072;

/// The most that was held beyond what was there before.
fn most(run: impl FnOnce()) -> usize {
    let before = HELD.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    run();
    MOST.load(Ordering::Relaxed).saturating_sub(before)
}

fn check(what: &str, size: usize, run: impl FnOnce()) {
    let found = most(run);
    assert!(
        found <= BASE + EACH * size,
        "{what}: {found} bytes for {size}"
    );
}

/// The same numbers in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

fn judge(to: Address, data: Bytes, registry: &Registry) {
    let body = Body::Transaction(Transaction {
        to: Some(to),
        value: U256::ZERO,
        data,
        gas: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        nonce: None,
    });
    drop(decode(&body, CHAIN.at(WALLET), registry));
}

fn tables() -> Vec<Table> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/calls");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let read = |path| Table::read(&fs::read_to_string(path).unwrap());
    paths.iter().map(read).collect()
}

/// One word of the data becomes a length, an offset or a number nobody meant.
fn changed(data: &Bytes, numbers: &mut Numbers) -> Bytes {
    let mut data = data.to_vec();
    for _ in 0..=numbers.next(2) {
        let words = data.len().saturating_sub(4) / 32;
        let place = 4 + 32 * numbers.next(words);
        let word = match numbers.next(6) {
            0 => U256::MAX,
            1 => U256::from(u64::MAX),
            2 => U256::from(u32::MAX),
            3 => U256::from(data.len()),
            4 => U256::from(32 * numbers.next(64)),
            _ => U256::from(numbers.next(1 << 20)),
        };
        if let Some(slot) = data.get_mut(place..place + 32) {
            slot.copy_from_slice(&word.to_be_bytes::<32>());
        }
    }
    data.into()
}

fn word(number: usize) -> [u8; 32] {
    U256::from(number).to_be_bytes()
}

/// As many equal parts as fit, each of them small: `head` bytes, a count, and `item` for each.
fn many(signature: &str, item: &[u8]) -> Bytes {
    let count = (DATA_MAX - 128) / (32 + item.len());
    let mut data = keccak256(signature)[..4].to_vec();
    data.extend(word(32));
    data.extend(word(count));
    for number in 0..count {
        data.extend(word(32 * count + item.len() * number));
    }
    for _ in 0..count {
        data.extend(item);
    }
    data.into()
}

#[test]
fn what_is_held_while_a_request_is_read_is_bounded_by_its_size() {
    let tables = tables();
    // The table of pinned addresses is read once, with the first request.
    let Transaction { to, data, .. } = tables[0].transaction(&tables[0].cases[0]);
    judge(to.unwrap(), data, &tables[0].registry);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for table in &tables {
        for case in &table.cases {
            let Transaction { to, data, .. } = table.transaction(case);
            let (to, data) = (to.unwrap(), data);
            for _ in 0..200 {
                let other = changed(&data, &mut numbers);
                let size = other.len();
                check(&case.name, size, || judge(to, other, &table.registry));
            }
        }
    }
    let multicall = address!("0xcA11bde05977b3631167028862bE2a173976CA11");
    let registry = &tables[0].registry;
    // Calls without data of the stranger, nothing but counts, one word many times.
    let mut item = word(0x1234).to_vec();
    item.extend(word(64));
    item.extend(word(0));
    for signature in ["aggregate((address,bytes)[])", "multicall(bytes[])"] {
        let data = many(signature, &item);
        let size = data.len();
        check(signature, size, || judge(multicall, data, registry));
    }
    for length in [1, 31, 32, 33, 1_000, DATA_MAX - 4] {
        for byte in [0, 0x20, 0xff] {
            let mut data = keccak256("aggregate((address,bytes)[])")[..4].to_vec();
            data.extend(std::iter::repeat_n(byte, length));
            check("the same byte", length, || {
                judge(multicall, data.into(), registry)
            });
        }
    }
    documents();
}

/// Documents: long lists, many members, lists of lists.
fn documents() {
    let wallet = "\"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\"";
    let document = |what: &str, members: &str, types: &str, message: &str| {
        let params = format!(
            "[{wallet},{{\"types\":{{\"M\":[{members}]{types}}},\"primaryType\":\"M\",\
             \"domain\":{{\"chainId\":1}},\"message\":{message}}}]"
        );
        let registry = Registry::new();
        check(what, params.len(), || {
            if let Ok(request) = parse("eth_signTypedData_v4", params.as_bytes()) {
                drop(decode(&request.body, CHAIN.at(WALLET), &registry));
            }
        });
    };
    for (kind, item) in [
        ("uint256[]", "1"),
        ("uint256[]", "\"1\""),
        ("bool[]", "true"),
        ("string[]", "\"\""),
        ("bytes[]", "\"0x\""),
        ("uint256[][]", "[]"),
    ] {
        let member = format!("{{\"name\":\"a\",\"type\":\"{kind}\"}}");
        for count in [0, 1, 19_000, 100_000] {
            let items = vec![item; count].join(",");
            document(kind, &member, "", &format!("{{\"a\":[{items}]}}"));
        }
    }
    let struct_list = "{\"name\":\"a\",\"type\":\"P[]\"}";
    let types = ",\"P\":[{\"name\":\"x\",\"type\":\"uint8\"}]";
    let items = vec!["{\"x\":1}"; 9_000].join(",");
    document(
        "structs",
        struct_list,
        types,
        &format!("{{\"a\":[{items}]}}"),
    );
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    document("deep", struct_list, types, &deep);
    let text = format!("{{\"a\":\"{}\"}}", "x".repeat(900_000));
    document("text", "{\"name\":\"a\",\"type\":\"string\"}", "", &text);
}
