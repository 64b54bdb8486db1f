//! The path of one request: bytes, frame, call, request, effects.

use alloy_primitives::{address, U256};
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::effects::{decode, EffectKind};
use holdfast_core::frame::Framer;
use holdfast_core::{request, rpc};

#[test]
fn a_token_transfer_is_understood_from_bytes_to_effect() {
    let frame = br#"{"jsonrpc":"2.0","id":0,"method":"eth_sendTransaction","params":[{
        "from":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "to":"0x5fbdb2315678afecb367f032d93f642f64180aa3",
        "data":"0xa9059cbb00000000000000000000000070997970c51812dc3a010c7d01b50e0d17dc79c80000000000000000000000000000000000000000000000000000000002faf080"}]}"#;
    let frames = Framer::default().feed(frame).unwrap();
    let (batch, calls) = rpc::parse_frame(&frames[0]);
    assert!(!batch);
    assert_eq!(calls[0].id_json.as_deref(), Some(b"0".as_slice()));
    let request = request::parse(&calls[0].method, &calls[0].params).unwrap();
    let mut registry = Registry::new();
    registry.insert(Asset {
        id: "usdc".into(),
        chain_id: ChainId::new(31337),
        address: Some(address!("0x5FbDB2315678afecb367f032d93F642f64180aa3")),
        standard: Standard::Erc20,
        symbol: "USDC".into(),
        decimals: 6,
    });
    let decoded = decode(
        &request.body,
        ChainId::new(31337).at(request.from.unwrap()),
        &registry,
    )
    .unwrap();
    assert!(!decoded.opaque);
    assert_eq!(decoded.effects[0].kind, EffectKind::Transfer);
    assert_eq!(decoded.effects[0].amount, U256::from(50_000_000));
    let amount = decoded
        .display
        .iter()
        .find(|field| field.label == "Amount")
        .unwrap();
    assert_eq!(amount.value, "50 USDC");
    let mut json = String::new();
    decoded.effects[0].write_canonical(&mut json);
    assert_eq!(
        json,
        r#"{"amount":"50000000","asset":{"address":"0x5FbDB2315678afecb367f032d93F642f64180aa3","chain_id":31337,"decimals":6,"id":"usdc","standard":"erc20","symbol":"USDC"},"effect":"transfer","expires":null,"from":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","path":"","to":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","unlimited":false}"#
    );
}
