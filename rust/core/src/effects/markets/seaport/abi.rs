//! The calls of Seaport.

#![allow(missing_docs, reason = "the names are those of the ABI")]
#![allow(non_camel_case_types, non_snake_case, reason = "as above")]

use alloy_primitives::{Address, U256};

use super::order::{Components, Item};

alloy_sol_types::sol! {
    struct AdditionalRecipient { uint256 amount; address recipient; }
    struct BasicOrderParameters {
        address considerationToken;
        uint256 considerationIdentifier;
        uint256 considerationAmount;
        address offerer;
        address zone;
        address offerToken;
        uint256 offerIdentifier;
        uint256 offerAmount;
        uint8 basicOrderType;
        uint256 startTime;
        uint256 endTime;
        bytes32 zoneHash;
        uint256 salt;
        bytes32 offererConduitKey;
        bytes32 fulfillerConduitKey;
        uint256 totalOriginalAdditionalRecipients;
        AdditionalRecipient[] additionalRecipients;
        bytes signature;
    }
    struct OfferItem {
        uint8 itemType;
        address token;
        uint256 identifierOrCriteria;
        uint256 startAmount;
        uint256 endAmount;
    }
    struct ConsiderationItem {
        uint8 itemType;
        address token;
        uint256 identifierOrCriteria;
        uint256 startAmount;
        uint256 endAmount;
        address recipient;
    }
    struct OrderParameters {
        address offerer;
        address zone;
        OfferItem[] offer;
        ConsiderationItem[] consideration;
        uint8 orderType;
        uint256 startTime;
        uint256 endTime;
        bytes32 zoneHash;
        uint256 salt;
        bytes32 conduitKey;
        uint256 totalOriginalConsiderationItems;
    }
    struct OrderComponents {
        address offerer;
        address zone;
        OfferItem[] offer;
        ConsiderationItem[] consideration;
        uint8 orderType;
        uint256 startTime;
        uint256 endTime;
        bytes32 zoneHash;
        uint256 salt;
        bytes32 conduitKey;
        uint256 counter;
    }
    struct Order { OrderParameters parameters; bytes signature; }
    struct AdvancedOrder {
        OrderParameters parameters;
        uint120 numerator;
        uint120 denominator;
        bytes signature;
        bytes extraData;
    }
    struct CriteriaResolver {
        uint256 orderIndex;
        uint8 side;
        uint256 index;
        uint256 identifier;
        bytes32[] criteriaProof;
    }
    function fulfillBasicOrder(BasicOrderParameters parameters);
    function fulfillBasicOrder_efficient_6GL6yc(BasicOrderParameters parameters);
    function fulfillOrder(Order order, bytes32 fulfillerConduitKey);
    function fulfillAdvancedOrder(AdvancedOrder order, CriteriaResolver[] resolvers, bytes32 fulfillerConduitKey, address recipient);
    struct FulfillmentComponent { uint256 orderIndex; uint256 itemIndex; }
    function fulfillAvailableOrders(Order[] orders, FulfillmentComponent[][] offers, FulfillmentComponent[][] considerations, bytes32 fulfillerConduitKey, uint256 maximumFulfilled);
    function fulfillAvailableAdvancedOrders(AdvancedOrder[] orders, CriteriaResolver[] resolvers, FulfillmentComponent[][] offers, FulfillmentComponent[][] considerations, bytes32 fulfillerConduitKey, address recipient, uint256 maximumFulfilled);
    function cancel(OrderComponents[] orders);
    function validate(Order[] orders);
    function incrementCounter();
}

impl From<&OrderParameters> for Components {
    fn from(order: &OrderParameters) -> Self {
        let offer = order.offer.iter().map(|item| Item {
            kind: item.itemType,
            token: item.token,
            number: item.identifierOrCriteria,
            start: item.startAmount,
            end: item.endAmount,
            recipient: Address::ZERO,
        });
        let consideration = order.consideration.iter().map(|item| Item {
            kind: item.itemType,
            token: item.token,
            number: item.identifierOrCriteria,
            start: item.startAmount,
            end: item.endAmount,
            recipient: item.recipient,
        });
        Self {
            offerer: order.offerer,
            zone: order.zone,
            offer: offer.collect(),
            consideration: consideration.collect(),
            order_type: order.orderType,
            end: order.endTime,
            conduit_key: order.conduitKey,
        }
    }
}

impl BasicOrderParameters {
    /// The same as a whole order: one thing for another, and parts of the price for others. `None`
    /// for a route that does not exist.
    pub(super) fn components(&self) -> Option<Components> {
        // Four kinds of order for each way: what the caller gives, and what it gets.
        let (given, got) = match self.basicOrderType {
            0..=3 => (0, 2),
            4..=7 => (0, 3),
            8..=11 => (1, 2),
            12..=15 => (1, 3),
            16..=19 => (2, 1),
            20..=23 => (3, 1),
            _ => return None,
        };
        let fixed = |kind, token, number, amount, recipient| Item {
            kind,
            token,
            number,
            start: amount,
            end: amount,
            recipient,
        };
        let offer = fixed(
            got,
            self.offerToken,
            self.offerIdentifier,
            self.offerAmount,
            Address::ZERO,
        );
        let price = fixed(
            given,
            self.considerationToken,
            self.considerationIdentifier,
            self.considerationAmount,
            self.offerer,
        );
        // What others get is of the kind that is fungible.
        let (kind, token) = if given <= 1 {
            (given, self.considerationToken)
        } else {
            (got, self.offerToken)
        };
        let more = self.additionalRecipients.iter();
        let more = more.map(|one| fixed(kind, token, U256::ZERO, one.amount, one.recipient));
        Some(Components {
            offerer: self.offerer,
            zone: self.zone,
            offer: vec![offer],
            consideration: std::iter::once(price).chain(more).collect(),
            order_type: 0,
            end: self.endTime,
            conduit_key: self.offererConduitKey,
        })
    }
}
