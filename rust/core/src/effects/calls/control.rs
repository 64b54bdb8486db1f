//! Calls that change who owns, governs or upgrades a contract or an account. Their selectors mean
//! the same on nearly every contract; on one nothing is known of they are a warning of the worst.

use alloy_primitives::U256;
use alloy_sol_types::SolCall;

use super::super::context::{warning, Context};
use super::super::parts::Parts;
use super::super::EffectKind;
use super::Call;

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        // Ownable, Ownable2Step, DSAuth
        function transferOwnership(address newOwner);
        function acceptOwnership();
        function renounceOwnership();
        function setOwner(address owner);
        function setAuthority(address authority);
        // AccessControl
        function grantRole(bytes32 role, address account);
        function revokeRole(bytes32 role, address account);
        function renounceRole(bytes32 role, address account);
        // Gnosis-style modules and guards of a Safe
        function addOwnerWithThreshold(address owner, uint256 threshold);
        function removeOwner(address prevOwner, address owner, uint256 threshold);
        function swapOwner(address prevOwner, address oldOwner, address newOwner);
        function changeThreshold(uint256 threshold);
        function enableModule(address module);
        function disableModule(address prevModule, address module);
        function setGuard(address guard);
        function setModuleGuard(address guard);
        function setFallbackHandler(address handler);
        function setup(address[] owners, uint256 threshold, address to, bytes data, address fallbackHandler, address paymentToken, uint256 payment, address paymentReceiver);
        function approveHash(bytes32 hashToApprove);
        // Proxies and beacons
        function upgradeTo(address implementation);
        function upgradeToAndCall(address implementation, bytes data);
        function upgrade(address proxy, address implementation);
        function upgradeAndCall(address proxy, address implementation, bytes data);
        function changeAdmin(address newAdmin);
        function changeProxyAdmin(address proxy, address newAdmin);
        // Compound-style and Maker-style authority
        function rely(address usr);
        function deny(address usr);
        function setPendingAdmin(address newPendingAdmin);
        function acceptAdmin();
        // Timelocks and governors
        function schedule(address target, uint256 value, bytes data, bytes32 predecessor, bytes32 salt, uint256 delay);
        // Votes
        function delegate(address delegatee);
        function delegateBySig(address delegatee, uint256 nonce, uint256 expiry, uint8 v, bytes32 r, bytes32 s);
        // Modular accounts (ERC-7579, ERC-6900)
        function installModule(uint256 moduleTypeId, address module, bytes initData);
        function uninstallModule(uint256 moduleTypeId, address module, bytes deInitData);
        function addOwner(address owner);
        function addOwnerAddress(address owner);
        function addOwnerPublicKey(bytes32 x, bytes32 y);
    }
}

/// Selectors with what they do.
const KNOWN: [([u8; 4], &str); 37] = [
    (
        calls::transferOwnershipCall::SELECTOR,
        "gives the ownership of the contract away",
    ),
    (
        calls::acceptOwnershipCall::SELECTOR,
        "takes the ownership of the contract",
    ),
    (
        calls::renounceOwnershipCall::SELECTOR,
        "gives the ownership of the contract up",
    ),
    (
        calls::setOwnerCall::SELECTOR,
        "sets the owner of the contract",
    ),
    (
        calls::setAuthorityCall::SELECTOR,
        "sets who may do everything with the contract",
    ),
    (
        calls::grantRoleCall::SELECTOR,
        "gives somebody a role in the contract",
    ),
    (
        calls::revokeRoleCall::SELECTOR,
        "takes a role in the contract from somebody",
    ),
    (
        calls::renounceRoleCall::SELECTOR,
        "gives a role in the contract up",
    ),
    (
        calls::addOwnerWithThresholdCall::SELECTOR,
        "adds an owner to the account",
    ),
    (
        calls::removeOwnerCall::SELECTOR,
        "removes an owner of the account",
    ),
    (
        calls::swapOwnerCall::SELECTOR,
        "replaces an owner of the account",
    ),
    (
        calls::changeThresholdCall::SELECTOR,
        "changes how many owners must sign",
    ),
    (
        calls::enableModuleCall::SELECTOR,
        "lets a module do everything with the account",
    ),
    (
        calls::disableModuleCall::SELECTOR,
        "removes a module of the account",
    ),
    (
        calls::setGuardCall::SELECTOR,
        "sets the guard of the account",
    ),
    (
        calls::setModuleGuardCall::SELECTOR,
        "sets the guard of the account's modules",
    ),
    (
        calls::setFallbackHandlerCall::SELECTOR,
        "sets the fallback handler of the account",
    ),
    (calls::setupCall::SELECTOR, "sets up the account"),
    (
        calls::approveHashCall::SELECTOR,
        "approves a hash that can be any transaction of the account",
    ),
    (
        calls::upgradeToCall::SELECTOR,
        "replaces the code of the contract",
    ),
    (
        calls::upgradeToAndCallCall::SELECTOR,
        "replaces the code of the contract",
    ),
    (
        calls::upgradeCall::SELECTOR,
        "replaces the code of a contract",
    ),
    (
        calls::upgradeAndCallCall::SELECTOR,
        "replaces the code of a contract",
    ),
    (
        calls::changeAdminCall::SELECTOR,
        "sets who may replace the code of the contract",
    ),
    (
        calls::changeProxyAdminCall::SELECTOR,
        "sets who may replace the code of a contract",
    ),
    (
        calls::relyCall::SELECTOR,
        "lets somebody do everything with the contract",
    ),
    (
        calls::denyCall::SELECTOR,
        "takes rights on the contract from somebody",
    ),
    (
        calls::setPendingAdminCall::SELECTOR,
        "gives the administration of the contract away",
    ),
    (
        calls::acceptAdminCall::SELECTOR,
        "takes the administration of the contract",
    ),
    (
        calls::scheduleCall::SELECTOR,
        "schedules an operation of a timelock",
    ),
    (calls::delegateCall::SELECTOR, "gives votes to somebody"),
    (
        calls::delegateBySigCall::SELECTOR,
        "gives votes to somebody",
    ),
    (
        calls::installModuleCall::SELECTOR,
        "lets a module do everything with the account",
    ),
    (
        calls::uninstallModuleCall::SELECTOR,
        "removes a module of the account",
    ),
    (
        calls::addOwnerCall::SELECTOR,
        "adds an owner to the account",
    ),
    (
        calls::addOwnerAddressCall::SELECTOR,
        "adds an owner to the account",
    ),
    (
        calls::addOwnerPublicKeyCall::SELECTOR,
        "adds an owner to the account",
    ),
];

/// Adds the effect to a call that is opaque anyway, if its selector is one of these.
pub(super) fn add(call: &Call<'_>, parts: &mut Parts, context: &Context<'_>) {
    let Some((selector, _)) = call.split() else {
        return;
    };
    if let Some((_, text)) = KNOWN.iter().find(|(one, _)| one == selector) {
        let effect = context.effect(EffectKind::Control, None, Some(call.to), U256::ZERO);
        parts.effects.push(effect);
        parts.warnings.push(warning("control", text));
    }
}
