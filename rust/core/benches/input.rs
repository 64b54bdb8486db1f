//! The way in: frame, envelope, strict parse, decode.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;

use alloy_primitives::U256;
use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use holdfast_core::amount::{usd_value, Price};
use holdfast_core::chain::ChainId;
use holdfast_core::frame::Framer;
use holdfast_core::json::{self, Limits};
use holdfast_core::{effects, request, rpc};
use requests::{largest_batch, mainnet, registry, PLAN, TRANSFER};

mod requests;

const CHECKSUMMED: &[u8] = br#"[{"from":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","to":"0x5FbDB2315678afecb367f032d93F642f64180aa3","value":"0x0","data":"0xa9059cbb00000000000000000000000070997970c51812dc3a010c7d01b50e0d17dc79c80000000000000000000000000000000000000000000000000000000002faf080"}]"#;
const PAYMENT: &[u8] = br#"["0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],"TransferWithAuthorization":[{"name":"from","type":"address"},{"name":"to","type":"address"},{"name":"value","type":"uint256"},{"name":"validAfter","type":"uint256"},{"name":"validBefore","type":"uint256"},{"name":"nonce","type":"bytes32"}]},"primaryType":"TransferWithAuthorization","domain":{"name":"USD Coin","version":"2","chainId":8453,"verifyingContract":"0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"},"message":{"from":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","to":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8","value":"250000","validAfter":"0","validBefore":"1790000000","nonce":"0x00000000000000000000000000000000000000000000000000000000deadbeef"}}]"#;

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Bytes(TRANSFER.len() as u64));
    group.bench_function("json_tree", |b| {
        b.iter(|| json::parse(black_box(TRANSFER), &Limits::REQUEST).unwrap());
    });
    for (name, method, params) in [
        ("transfer", "eth_sendTransaction", TRANSFER),
        ("transfer_checksummed", "eth_sendTransaction", CHECKSUMMED),
        ("typed_data", "eth_signTypedData_v4", PAYMENT),
    ] {
        group.throughput(Throughput::Bytes(params.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| request::parse(black_box(method), black_box(params)).unwrap());
        });
    }
}

fn decode(criterion: &mut Criterion) {
    let registry = registry();
    let transfer = request::parse("eth_sendTransaction", TRANSFER).unwrap();
    let wallet = transfer.from.unwrap();
    let mut group = criterion.benchmark_group("decode");
    group.bench_function("transfer", |b| {
        b.iter(|| {
            effects::decode(
                black_box(&transfer.body),
                ChainId::new(31337).at(wallet),
                &registry,
            )
            .unwrap()
        });
    });
    let payment = request::parse("eth_signTypedData_v4", PAYMENT).unwrap();
    group.bench_function("typed_data", |b| {
        b.iter(|| {
            effects::decode(
                black_box(&payment.body),
                ChainId::new(8453).at(wallet),
                &registry,
            )
            .unwrap()
        });
    });
    let plan = request::parse("eth_sendTransaction", PLAN).unwrap();
    group.bench_function("router_plan", |b| {
        let registry = mainnet();
        b.iter(|| {
            effects::decode(
                black_box(&plan.body),
                ChainId::ETHEREUM.at(wallet),
                &registry,
            )
            .unwrap()
        });
    });
    let batch = largest_batch();
    group.bench_function("largest_batch", |b| {
        let registry = mainnet();
        b.iter(|| {
            effects::decode(black_box(&batch), ChainId::ETHEREUM.at(wallet), &registry).unwrap()
        });
    });
    let decoded =
        effects::decode(&transfer.body, ChainId::new(31337).at(wallet), &registry).unwrap();
    group.bench_function("effect_json", |b| {
        b.iter(|| {
            let mut out = String::with_capacity(512);
            black_box(&decoded.effects[0]).write_canonical(&mut out);
            out
        });
    });
    group.bench_function("checksum", |b| {
        b.iter(|| black_box(wallet).to_checksum(None))
    });
    group.bench_function("usd_value", |b| {
        let price = Price::parse("1.0003").unwrap();
        b.iter(|| usd_value(black_box(U256::from(50_000_000)), 6, price));
    });
}

fn frame(criterion: &mut Criterion) {
    let mut frame = br#"{"jsonrpc":"2.0","id":7,"method":"eth_sendTransaction","params":"#.to_vec();
    frame.extend_from_slice(TRANSFER);
    frame.push(b'}');
    let mut group = criterion.benchmark_group("frame");
    group.throughput(Throughput::Bytes(frame.len() as u64));
    group.bench_function("feed", |b| {
        let mut framer = Framer::default();
        b.iter(|| framer.feed(black_box(&frame)).unwrap());
    });
    group.bench_function("envelope", |b| {
        b.iter(|| rpc::parse_frame(black_box(&frame)))
    });
    group.bench_function("response", |b| {
        b.iter(|| rpc::response_result(b"7", black_box(b"\"0x0123456789abcdef\"")));
    });
}

criterion_group!(benches, parse, decode, frame);
criterion_main!(benches);
