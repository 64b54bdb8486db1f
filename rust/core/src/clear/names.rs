//! Names that need nobody's word: of chains, and of addresses that say their chain.

use alloy_primitives::{hex, keccak256, Address, U256};

use super::value::shown;

/// Chains by their ids (EIP-155), as they call themselves.
const CHAINS: [(u64, &str); 24] = [
    (1, "Ethereum"),
    (10, "OP Mainnet"),
    (56, "BNB Smart Chain"),
    (100, "Gnosis"),
    (130, "Unichain"),
    (137, "Polygon"),
    (146, "Sonic"),
    (250, "Fantom"),
    (324, "ZKsync Era"),
    (480, "World Chain"),
    (999, "HyperEVM"),
    (1329, "Sei"),
    (5000, "Mantle"),
    (8453, "Base"),
    (17000, "Holesky"),
    (42161, "Arbitrum One"),
    (42220, "Celo"),
    (43114, "Avalanche"),
    (59144, "Linea"),
    (80094, "Berachain"),
    (81457, "Blast"),
    (534_352, "Scroll"),
    (560_048, "Hoodi"),
    (11_155_111, "Sepolia"),
];

/// `Base (8453)`, or the number alone.
pub(super) fn chain(id: U256) -> String {
    let known = CHAINS.iter().find(|(chain, _)| id == U256::from(*chain));
    known.map_or_else(|| id.to_string(), |(_, name)| format!("{name} ({id})"))
}

/// An interoperable address (ERC-7930) of an EVM chain as `<address>@eip155:<chain>#<checksum>`.
pub(super) fn interoperable(bytes: &[u8]) -> Option<String> {
    let (version, named) = bytes.split_first_chunk::<2>()?;
    let (kind, rest) = named.split_first_chunk::<2>()?;
    if *version != [0, 1] || *kind != [0, 0] {
        return None;
    }
    let (chain, rest) = prefixed(rest)?;
    let (address, rest) = prefixed(rest)?;
    let address = Address::try_from(address).ok()?;
    let chain = U256::try_from_be_slice(chain)?;
    let checksum = keccak256(named);
    let checksum = hex::encode_upper(checksum.get(..4)?);
    rest.is_empty()
        .then(|| format!("{}@eip155:{chain}#{checksum}", shown(address)))
}

/// Bytes behind their length, and what follows.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_example_of_the_standard_has_its_name() {
        let bytes = hex!("00010000010114D8DA6BF26964AF9D7EED9E03E53415D37AA96045");
        let name = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045@eip155:1#4CA88C9C";
        assert_eq!(interoperable(&bytes).unwrap(), name);
        for cut in 0..bytes.len() {
            assert_eq!(interoperable(bytes.get(..cut).unwrap()), None);
        }
        assert_eq!(interoperable(&[&bytes[..], &[0]].concat()), None);
    }

    #[test]
    fn chains_have_their_names_and_numbers() {
        assert_eq!(chain(U256::from(8453)), "Base (8453)");
        assert_eq!(chain(U256::from(7)), "7");
    }
}
