//! Routers of exchanges, by chain and version.

use alloy_primitives::{address, Address};

use super::Protocol;

/// Version 1.2: the repository and the SDK of Uniswap agree.
const UNIVERSAL_ROUTER_V1: [(u64, Address); 11] = [
    (1, address!("0x3fC91A3afd70395Cd496C647d5a6CC9D4B2b7FAD")),
    (10, address!("0xCb1355ff08Ab38bBCE60111F1bb2B784bE25D7e8")),
    (56, address!("0x4Dae2f939ACf50408e13d58534Ff8c2776d45265")),
    (137, address!("0xec7BE89e9d109e7e3Fec59c222CF297125FEFda2")),
    (480, address!("0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D")),
    (8453, address!("0x3fC91A3afd70395Cd496C647d5a6CC9D4B2b7FAD")),
    (
        42161,
        address!("0x5E325eDA8064b456f4781070C0738d849c824258"),
    ),
    (
        42220,
        address!("0x643770E279d5D0733F21d6DC03A8efbABf3255B4"),
    ),
    (
        43114,
        address!("0x4Dae2f939ACf50408e13d58534Ff8c2776d45265"),
    ),
    (
        81457,
        address!("0x643770E279d5D0733F21d6DC03A8efbABf3255B4"),
    ),
    (
        11_155_111,
        address!("0x3fC91A3afd70395Cd496C647d5a6CC9D4B2b7FAD"),
    ),
];

/// Version 2.0, by the SDK of Uniswap.
const UNIVERSAL_ROUTER_V2: [(u64, Address); 18] = [
    (1, address!("0x66a9893cC07D91D95644AEDD05D03f95e1dBA8Af")),
    (10, address!("0x851116D9223fabED8E56C0E6b8Ad0c31d98B3507")),
    (56, address!("0x1906c1d672b88cD1B9aC7593301cA990F94Eae07")),
    (130, address!("0xEf740bf23aCaE26f6492B10de645D6B98dC8Eaf3")),
    (137, address!("0x1095692A6237d83C6a72F3F5eFEdb9A670C49223")),
    (196, address!("0x5507749F2c558Bb3E162c6e90c314c092E7372Ff")),
    (480, address!("0x8ac7bEE993bb44dAb564Ea4bc9EA67Bf9Eb5e743")),
    (4217, address!("0x1FEbB76Be10aAf3A1402F04e8E835f2c382F7914")),
    (4326, address!("0x48fD03529D2a91bE835f07f6b72f53b4Aad6093D")),
    (8453, address!("0x6fF5693b99212Da76ad316178A184AB56D299b43")),
    (
        42161,
        address!("0xA51afAFe0263b40EdaEf0Df8781eA9aa03E381a3"),
    ),
    (
        42220,
        address!("0xcb695bc5D3Aa22cAD1E6DF07801b061a05A0233A"),
    ),
    (
        43114,
        address!("0x94b75331AE8d42C1b61065089B7d48FE14aA73b7"),
    ),
    (
        57073,
        address!("0x112908daC86e20e7241B0927479Ea3Bf935d1fa0"),
    ),
    (
        59144,
        address!("0x661E93cca42AfacB172121EF892830cA3b70F08d"),
    ),
    (
        81457,
        address!("0xeAbBcB3E8E415306207ef514f660A3F820025BE3"),
    ),
    (
        7_777_777,
        address!("0x3315ef7cA28dB74aBADC6c44570efDF06b04B020"),
    ),
    (
        11_155_111,
        address!("0x3A9D48AB9751398BbFa63ad67599Bb04e4BdF98b"),
    ),
];

/// Versions from 2.1.1 to 2.2.0, by the repository and the SDK of Uniswap.
const UNIVERSAL_ROUTER_V21: [(u64, Address); 46] = [
    (1, address!("0x23617e59A5925b2A4Bf75d73ff6711cD0b29De85")),
    (1, address!("0x4C82D1fBFe28C977cBB58D8C7FF8FCF9F70a2cCA")),
    (1, address!("0xCb640A86855f1A828c27241bA364348de28abe66")),
    (1, address!("0xab863E752Bf67D8DCDD929EaAe9Be9dc83Fb3BbB")),
    (10, address!("0x8B844f885672f333Bc0042cB669255f93a4C1E6b")),
    (10, address!("0xC09255D86DB563cBc11C2fCf4a0C512e160111B4")),
    (56, address!("0x8B844f885672f333Bc0042cB669255f93a4C1E6b")),
    (56, address!("0xDc264714F68d84CF29BC605589405E78bDBE7C9f")),
    (130, address!("0xD1b797D92d87B688193A2B976eFc8D577D204343")),
    (130, address!("0xFdf682F51FE81Aa4898F0AE2163d8A55c127fbC7")),
    (137, address!("0x8B844f885672f333Bc0042cB669255f93a4C1E6b")),
    (137, address!("0xDc264714F68d84CF29BC605589405E78bDBE7C9f")),
    (143, address!("0xFdf682F51FE81Aa4898F0AE2163d8A55c127fbC7")),
    (143, address!("0xa6CE4F10d83dBdDAc17E68e1837ca9cE6a1b596e")),
    (196, address!("0x1cd182C94fcF42277B80DBB9060F88024809E61E")),
    (196, address!("0x8B844f885672f333Bc0042cB669255f93a4C1E6b")),
    (480, address!("0x8B844f885672f333Bc0042cB669255f93a4C1E6b")),
    (480, address!("0xF025e0Fe9E331A0eF05c2ad3C4E9C64b625cda6f")),
    (1868, address!("0x661E93cca42AfacB172121EF892830cA3b70F08d")),
    (1868, address!("0x8B844f885672f333Bc0042cB669255f93a4C1E6b")),
    (4217, address!("0x182a927119D56008d921126764bF884221b10f59")),
    (4217, address!("0xFdf682F51FE81Aa4898F0AE2163d8A55c127fbC7")),
    (4326, address!("0xAedd1CF4C14e833140A61E9C0d2b73a64795c823")),
    (4663, address!("0x204FAca1764B154221e35c0d20aBb3c525710498")),
    (4663, address!("0x8876789976dEcBfCbBbe364623C63652db8C0904")),
    (5042, address!("0x4fcA4a51Ab4F23A7447b3284fBd7D73289A89Fb1")),
    (5042, address!("0x8702463e73f74d0b6765aBceb314Ef07aCb92650")),
    (8453, address!("0xFdf682F51FE81Aa4898F0AE2163d8A55c127fbC7")),
    (8453, address!("0xd6145b2D3F379919E8CdEda7B97e37c4b2Ca9c40")),
    (
        42161,
        address!("0x2d01411773c8C24805306E89A41F7855C3c4Fe65"),
    ),
    (
        42161,
        address!("0x8B844f885672f333Bc0042cB669255f93a4C1E6b"),
    ),
    (
        42220,
        address!("0x8B844f885672f333Bc0042cB669255f93a4C1E6b"),
    ),
    (
        42220,
        address!("0xe2023F3FA515cF070e07fD9d51c1d236e07843f4"),
    ),
    (
        43114,
        address!("0x661E93cca42AfacB172121EF892830cA3b70F08d"),
    ),
    (
        43114,
        address!("0x8B844f885672f333Bc0042cB669255f93a4C1E6b"),
    ),
    (
        57073,
        address!("0x661E93cca42AfacB172121EF892830cA3b70F08d"),
    ),
    (
        57073,
        address!("0x8BbCAEb326AD590521a921C9e457Ee09F336B48c"),
    ),
    (
        59144,
        address!("0x8B844f885672f333Bc0042cB669255f93a4C1E6b"),
    ),
    (
        59144,
        address!("0xDc264714F68d84CF29BC605589405E78bDBE7C9f"),
    ),
    (
        81457,
        address!("0x661E93cca42AfacB172121EF892830cA3b70F08d"),
    ),
    (
        81457,
        address!("0x8B844f885672f333Bc0042cB669255f93a4C1E6b"),
    ),
    (
        7_777_777,
        address!("0xF025e0Fe9E331A0eF05c2ad3C4E9C64b625cda6f"),
    ),
    (
        7_777_777,
        address!("0xFdf682F51FE81Aa4898F0AE2163d8A55c127fbC7"),
    ),
    (
        11_155_111,
        address!("0x5093f1CDED83d99FfEd6602dA6260672ae16787c"),
    ),
    (
        11_155_111,
        address!("0x7DfD4F31be6814D2906BDE155c3e1B146EAc1468"),
    ),
    (
        11_155_111,
        address!("0x7E4f6c5e954Da5c61B3423D81E2277431Ac043f3"),
    ),
];

/// The SDK of Uniswap; on Polygon also QuickSwap, by its descriptor in the ERC-7730 registry.
const UNISWAP_V2: [(u64, Address); 12] = [
    (1, address!("0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D")),
    (10, address!("0x4A7b5Da61326A6379179b40d00F57E5bbDC962c2")),
    (56, address!("0x4752ba5DBc23f44D87826276BF6Fd6b1C372aD24")),
    (130, address!("0x284F11109359a7e1306C3e447ef14D38400063FF")),
    (137, address!("0xedf6066a2b290C185783862C7F4776A2C8077AD1")),
    (137, address!("0xa5E0829CaCEd8fFDD4De3c43696c57F7D7A678ff")),
    (480, address!("0x541aB7c31A119441eF3575F6973277DE0eF460bd")),
    (8453, address!("0x4752ba5DBc23f44D87826276BF6Fd6b1C372aD24")),
    (
        42161,
        address!("0x4752ba5DBc23f44D87826276BF6Fd6b1C372aD24"),
    ),
    (
        43114,
        address!("0x4752ba5DBc23f44D87826276BF6Fd6b1C372aD24"),
    ),
    (
        81457,
        address!("0xBB66Eb1c5e875933D44DAe661dbD80e5D9B03035"),
    ),
    (
        11_155_111,
        address!("0xeE567Fe1712Faf6149d80dA1E6934E354124CfE3"),
    ),
];

/// The first router of V3.
const UNISWAP_V3: [(u64, Address); 4] = [
    (1, address!("0xE592427A0AEce92De3Edee1F18E0157C05861564")),
    (10, address!("0xE592427A0AEce92De3Edee1F18E0157C05861564")),
    (137, address!("0xE592427A0AEce92De3Edee1F18E0157C05861564")),
    (
        42161,
        address!("0xE592427A0AEce92De3Edee1F18E0157C05861564"),
    ),
];

/// The second one, by the SDK of Uniswap.
const UNISWAP_V3_02: [(u64, Address); 11] = [
    (1, address!("0x68b3465833fb72A70ecDF485E0e4C7bD8665Fc45")),
    (10, address!("0x68b3465833fb72A70ecDF485E0e4C7bD8665Fc45")),
    (56, address!("0xB971eF87ede563556b2ED4b1C0b0019111Dd85d2")),
    (130, address!("0x73855d06DE49d0fe4A9c42636Ba96c62da12FF9C")),
    (137, address!("0x68b3465833fb72A70ecDF485E0e4C7bD8665Fc45")),
    (480, address!("0x091AD9e2e6e5eD44c1c66dB50e49A601F9f36cF6")),
    (8453, address!("0x2626664c2603336E57B271c5C0b26F421741e481")),
    (
        42161,
        address!("0x68b3465833fb72A70ecDF485E0e4C7bD8665Fc45"),
    ),
    (
        43114,
        address!("0xbb00FF08d01D300023C629E8fFfFcb65A5a578cE"),
    ),
    (
        81457,
        address!("0x549FEB8c9bd4c12Ad2AB27022dA12492aC452B66"),
    ),
    (
        11_155_111,
        address!("0x3bFA4769FB09eefC5a80d6E87c3B9C650f7Ae48E"),
    ),
];

/// By its descriptor in the ERC-7730 registry.
const ONE_INCH_V5: [(u64, Address); 7] = [
    (1, address!("0x1111111254EEB25477B68fb85Ed929f73A960582")),
    (10, address!("0x1111111254EEB25477B68fb85Ed929f73A960582")),
    (56, address!("0x1111111254EEB25477B68fb85Ed929f73A960582")),
    (137, address!("0x1111111254EEB25477B68fb85Ed929f73A960582")),
    (8453, address!("0x1111111254EEB25477B68fb85Ed929f73A960582")),
    (
        42161,
        address!("0x1111111254EEB25477B68fb85Ed929f73A960582"),
    ),
    (
        59144,
        address!("0x1111111254EEB25477B68fb85Ed929f73A960582"),
    ),
];

/// By its descriptor in the ERC-7730 registry.
const ONE_INCH_V6: [(u64, Address); 9] = [
    (1, address!("0x111111125421cA6dc452d289314280a0f8842A65")),
    (10, address!("0x111111125421cA6dc452d289314280a0f8842A65")),
    (56, address!("0x111111125421cA6dc452d289314280a0f8842A65")),
    (100, address!("0x111111125421cA6dc452d289314280a0f8842A65")),
    (137, address!("0x111111125421cA6dc452d289314280a0f8842A65")),
    (8453, address!("0x111111125421cA6dc452d289314280a0f8842A65")),
    (
        42161,
        address!("0x111111125421cA6dc452d289314280a0f8842A65"),
    ),
    (
        43114,
        address!("0x111111125421cA6dc452d289314280a0f8842A65"),
    ),
    (
        59144,
        address!("0x111111125421cA6dc452d289314280a0f8842A65"),
    ),
];

/// By the contract addresses 0x publishes.
const ZERO_EX: [(u64, Address); 8] = [
    (1, address!("0xDef1C0ded9bec7F1a1670819833240f027b25EfF")),
    (10, address!("0xDEF1ABE32c034e558Cdd535791643C58a13aCC10")),
    (56, address!("0xDef1C0ded9bec7F1a1670819833240f027b25EfF")),
    (137, address!("0xDef1C0ded9bec7F1a1670819833240f027b25EfF")),
    (8453, address!("0xDef1C0ded9bec7F1a1670819833240f027b25EfF")),
    (
        42161,
        address!("0xDef1C0ded9bec7F1a1670819833240f027b25EfF"),
    ),
    (
        42220,
        address!("0xDef1C0ded9bec7F1a1670819833240f027b25EfF"),
    ),
    (
        43114,
        address!("0xDef1C0ded9bec7F1a1670819833240f027b25EfF"),
    ),
];

/// The positions of Uniswap V3, by its SDK.
const UNISWAP_V3_POSITIONS: [(u64, Address); 5] = [
    (1, address!("0xC36442b4a4522E871399CD717aBDD847Ab11FE88")),
    (10, address!("0xC36442b4a4522E871399CD717aBDD847Ab11FE88")),
    (137, address!("0xC36442b4a4522E871399CD717aBDD847Ab11FE88")),
    (8453, address!("0x03a520b32C04BF3bEEf7BEb72E919cf822Ed34f1")),
    (
        42161,
        address!("0xC36442b4a4522E871399CD717aBDD847Ab11FE88"),
    ),
];

/// Augustus 6.2, by the descriptors its authors publish.
const PARASWAP_V6: [(u64, Address); 7] = [
    (1, address!("0x6A000F20005980200259B80c5102003040001068")),
    (10, address!("0x6A000F20005980200259B80c5102003040001068")),
    (56, address!("0x6A000F20005980200259B80c5102003040001068")),
    (137, address!("0x6A000F20005980200259B80c5102003040001068")),
    (8453, address!("0x6A000F20005980200259B80c5102003040001068")),
    (
        42161,
        address!("0x6A000F20005980200259B80c5102003040001068"),
    ),
    (
        43114,
        address!("0x6A000F20005980200259B80c5102003040001068"),
    ),
];

/// Routers, by protocol.
const ROUTERS: [(Protocol, &[(u64, Address)]); 11] = [
    (Protocol::UniversalRouter, &UNIVERSAL_ROUTER_V1),
    (Protocol::UniversalRouterV2, &UNIVERSAL_ROUTER_V2),
    (Protocol::UniversalRouterV21, &UNIVERSAL_ROUTER_V21),
    (Protocol::UniswapV2Router, &UNISWAP_V2),
    (Protocol::UniswapV3Router, &UNISWAP_V3),
    (Protocol::UniswapV3Router02, &UNISWAP_V3_02),
    (Protocol::OneInchV5, &ONE_INCH_V5),
    (Protocol::OneInchV6, &ONE_INCH_V6),
    (Protocol::ZeroEx, &ZERO_EX),
    (Protocol::UniswapV3Positions, &UNISWAP_V3_POSITIONS),
    (Protocol::ParaswapV6, &PARASWAP_V6),
];

pub(super) fn router(chain_id: u64, address: Address) -> Option<Protocol> {
    let mut each = ROUTERS.iter();
    let found = each.find(|(_, at)| at.contains(&(chain_id, address)));
    found.map(|(protocol, _)| *protocol)
}

/// The routers of a chain.
pub(super) fn on(chain_id: u64) -> impl Iterator<Item = Address> {
    let all = ROUTERS.iter().flat_map(|(_, at)| at.iter());
    let here = all.filter(move |(chain, _)| *chain == chain_id);
    here.map(|(_, address)| *address)
}
