//! Functions nobody may vouch for, on whatever contract: the decoders know what they do to a wallet
//! and who is in charge afterwards, and where no decoder reads them a person has to.

use alloy_primitives::keccak256;

/// Tokens: what moves them, and what lets somebody move them later.
const TOKENS: [&str; 42] = [
    "transfer(address,uint256)",
    "transferFrom(address,address,uint256)",
    "transfer(address,uint256,bytes)",
    "approve(address,uint256)",
    "increaseAllowance(address,uint256)",
    "decreaseAllowance(address,uint256)",
    "increaseApproval(address,uint256)",
    "decreaseApproval(address,uint256)",
    "setApprovalForAll(address,bool)",
    "safeTransferFrom(address,address,uint256)",
    "safeTransferFrom(address,address,uint256,bytes)",
    "safeTransferFrom(address,address,uint256,uint256,bytes)",
    "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)",
    "transferAndCall(address,uint256)",
    "transferAndCall(address,uint256,bytes)",
    "transferFromAndCall(address,address,uint256)",
    "transferFromAndCall(address,address,uint256,bytes)",
    "approveAndCall(address,uint256)",
    "approveAndCall(address,uint256,bytes)",
    "send(address,uint256,bytes)",
    "operatorSend(address,address,uint256,bytes,bytes)",
    "authorizeOperator(address)",
    "burn(uint256)",
    "burn(uint256,bytes)",
    "burn(address,uint256)",
    "burnFrom(address,uint256)",
    "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
    "permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)",
    "permit(address,address,uint256,uint256,bytes)",
    "permit(address,uint256,uint256,uint8,bytes32,bytes32)",
    "permit(address,uint256,uint256,bytes)",
    "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)",
    "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)",
    "receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)",
    "receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)",
    "approve(address,address,uint160,uint48)",
    "transferFrom(address,address,uint160,address)",
    "approveDelegation(address,uint256)",
    "delegationWithSig(address,address,uint256,uint256,uint8,bytes32,bytes32)",
    "allow(address,bool)",
    "setOperator(address,bool)",
    "approve(address,uint256,uint256)",
];

/// What runs the calls somebody else wrote. (Lists of calls are types no function here may have.)
const CALLERS: [&str; 15] = [
    "execute(address,uint256,bytes)",
    "execute(address,uint256,bytes,uint8)",
    "execute(address,bytes)",
    "execute(bytes32,bytes)",
    "execute(bytes)",
    "executeFromExecutor(bytes32,bytes)",
    "exec(address,bytes)",
    "call(address,bytes)",
    "call(address,uint256,bytes)",
    "delegatecall(address,bytes)",
    "delegateCall(address,bytes)",
    "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)",
    "execTransactionFromModule(address,uint256,bytes,uint8)",
    "execTransactionFromModuleReturnData(address,uint256,bytes,uint8)",
    "multiSend(bytes)",
];

/// Whether nobody may vouch for a function with this selector.
pub fn never(selector: [u8; 4]) -> bool {
    let mut known = TOKENS.iter().chain(&CALLERS);
    let listed = known.any(|signature| keccak256(signature.as_bytes()).starts_with(&selector));
    listed || super::control(selector).is_some()
}
