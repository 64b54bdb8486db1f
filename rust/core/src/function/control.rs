//! Calls that change who owns, governs or upgrades a contract or an account. Their selectors mean
//! the same on nearly every contract.

use alloy_sol_types::SolCall;

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

/// Selectors with their signatures and what they do.
const KNOWN: [([u8; 4], &str, &str); 37] = [
    (
        calls::transferOwnershipCall::SELECTOR,
        calls::transferOwnershipCall::SIGNATURE,
        "gives the ownership of the contract away",
    ),
    (
        calls::acceptOwnershipCall::SELECTOR,
        calls::acceptOwnershipCall::SIGNATURE,
        "takes the ownership of the contract",
    ),
    (
        calls::renounceOwnershipCall::SELECTOR,
        calls::renounceOwnershipCall::SIGNATURE,
        "gives the ownership of the contract up",
    ),
    (
        calls::setOwnerCall::SELECTOR,
        calls::setOwnerCall::SIGNATURE,
        "sets the owner of the contract",
    ),
    (
        calls::setAuthorityCall::SELECTOR,
        calls::setAuthorityCall::SIGNATURE,
        "sets who may do everything with the contract",
    ),
    (
        calls::grantRoleCall::SELECTOR,
        calls::grantRoleCall::SIGNATURE,
        "gives an account a role in the contract",
    ),
    (
        calls::revokeRoleCall::SELECTOR,
        calls::revokeRoleCall::SIGNATURE,
        "takes a role in the contract from an account",
    ),
    (
        calls::renounceRoleCall::SELECTOR,
        calls::renounceRoleCall::SIGNATURE,
        "gives a role in the contract up",
    ),
    (
        calls::addOwnerWithThresholdCall::SELECTOR,
        calls::addOwnerWithThresholdCall::SIGNATURE,
        "adds an owner to the account",
    ),
    (
        calls::removeOwnerCall::SELECTOR,
        calls::removeOwnerCall::SIGNATURE,
        "removes an owner of the account",
    ),
    (
        calls::swapOwnerCall::SELECTOR,
        calls::swapOwnerCall::SIGNATURE,
        "replaces an owner of the account",
    ),
    (
        calls::changeThresholdCall::SELECTOR,
        calls::changeThresholdCall::SIGNATURE,
        "changes how many owners must sign",
    ),
    (
        calls::enableModuleCall::SELECTOR,
        calls::enableModuleCall::SIGNATURE,
        "lets a module do everything with the account",
    ),
    (
        calls::disableModuleCall::SELECTOR,
        calls::disableModuleCall::SIGNATURE,
        "removes a module of the account",
    ),
    (
        calls::setGuardCall::SELECTOR,
        calls::setGuardCall::SIGNATURE,
        "sets the guard of the account",
    ),
    (
        calls::setModuleGuardCall::SELECTOR,
        calls::setModuleGuardCall::SIGNATURE,
        "sets the guard of the account's modules",
    ),
    (
        calls::setFallbackHandlerCall::SELECTOR,
        calls::setFallbackHandlerCall::SIGNATURE,
        "sets the fallback handler of the account",
    ),
    (
        calls::setupCall::SELECTOR,
        calls::setupCall::SIGNATURE,
        "sets up the account",
    ),
    (
        calls::approveHashCall::SELECTOR,
        calls::approveHashCall::SIGNATURE,
        "approves a hash that can be any transaction of the account",
    ),
    (
        calls::upgradeToCall::SELECTOR,
        calls::upgradeToCall::SIGNATURE,
        "replaces the code of the contract",
    ),
    (
        calls::upgradeToAndCallCall::SELECTOR,
        calls::upgradeToAndCallCall::SIGNATURE,
        "replaces the code of the contract",
    ),
    (
        calls::upgradeCall::SELECTOR,
        calls::upgradeCall::SIGNATURE,
        "replaces the code of a contract",
    ),
    (
        calls::upgradeAndCallCall::SELECTOR,
        calls::upgradeAndCallCall::SIGNATURE,
        "replaces the code of a contract",
    ),
    (
        calls::changeAdminCall::SELECTOR,
        calls::changeAdminCall::SIGNATURE,
        "sets who may replace the code of the contract",
    ),
    (
        calls::changeProxyAdminCall::SELECTOR,
        calls::changeProxyAdminCall::SIGNATURE,
        "sets who may replace the code of a contract",
    ),
    (
        calls::relyCall::SELECTOR,
        calls::relyCall::SIGNATURE,
        "gives an account full control of the contract",
    ),
    (
        calls::denyCall::SELECTOR,
        calls::denyCall::SIGNATURE,
        "takes rights on the contract from an account",
    ),
    (
        calls::setPendingAdminCall::SELECTOR,
        calls::setPendingAdminCall::SIGNATURE,
        "gives the administration of the contract away",
    ),
    (
        calls::acceptAdminCall::SELECTOR,
        calls::acceptAdminCall::SIGNATURE,
        "takes the administration of the contract",
    ),
    (
        calls::scheduleCall::SELECTOR,
        calls::scheduleCall::SIGNATURE,
        "schedules an operation of a timelock",
    ),
    (
        calls::delegateCall::SELECTOR,
        calls::delegateCall::SIGNATURE,
        "gives votes to another account",
    ),
    (
        calls::delegateBySigCall::SELECTOR,
        calls::delegateBySigCall::SIGNATURE,
        "gives votes to another account",
    ),
    (
        calls::installModuleCall::SELECTOR,
        calls::installModuleCall::SIGNATURE,
        "lets a module do everything with the account",
    ),
    (
        calls::uninstallModuleCall::SELECTOR,
        calls::uninstallModuleCall::SIGNATURE,
        "removes a module of the account",
    ),
    (
        calls::addOwnerCall::SELECTOR,
        calls::addOwnerCall::SIGNATURE,
        "adds an owner to the account",
    ),
    (
        calls::addOwnerAddressCall::SELECTOR,
        calls::addOwnerAddressCall::SIGNATURE,
        "adds an owner to the account",
    ),
    (
        calls::addOwnerPublicKeyCall::SELECTOR,
        calls::addOwnerPublicKeyCall::SIGNATURE,
        "adds an owner to the account",
    ),
];

/// The signature of such a function, and what it does in words; `None` for any other selector.
pub(crate) fn control(selector: [u8; 4]) -> Option<(&'static str, &'static str)> {
    let mut known = KNOWN.iter();
    let found = known.find(|(one, ..)| *one == selector);
    found.map(|(_, signature, text)| (*signature, *text))
}
