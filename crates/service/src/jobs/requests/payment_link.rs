//! `payment_link`: how the request for a one-time payment link is made, sent, and looked for when its outcome is unknown.

use api_client::wire::{self, WireTime};
use api_client::{Answer, Client};
use domain::outcome::Outcome;
use domain::payment_link::{
    Attempt, Found, LinkState, Order, OrderId, SeenOrder, Wish, search_window,
};
use store::PaymentLink;

use super::history_search::{MAX_CANDIDATES, count_request};
use crate::app::{App, MerchantHandle};
use crate::jobs::call::{CallResult, ReadError, read, to_call_result};
use crate::payment_link::{PaymentLinkLine, PaymentLinkRequest};
use crate::provider;
use crate::submission::CheckoutMethod;

/// Sends a request, once. Besides what came of it: the order, if the provider made one.
pub(crate) async fn send(
    client: &Client,
    order: &wire::SubmitOrder,
) -> (CallResult, Option<Order>) {
    sent(client.submit_order(order).await)
}

fn sent(answer: Answer<wire::OrderSubmitted>) -> (CallResult, Option<Order>) {
    let mut made = None;
    let sent = to_call_result(answer, |order| {
        made = order.order_uuid.parse().ok().map(|id| Order {
            id,
            url: order.payment_url,
        });
        Outcome::Accepted {
            reference: None,
            link: None,
        }
    });
    (sent, made)
}

/// What is wished for, as far as an order can be recognised by it.
pub(crate) fn wish(request: &PaymentLinkRequest) -> Wish {
    let lines = request.lines.iter();
    Wish {
        lines: lines.map(|line| (line.name.clone(), line.amount)).collect(),
    }
}

/// Searches for the order that an attempt may have made: in the history, and of those that it names, in details. The
/// request for the history is counted by the caller, and those for details here.
pub(crate) async fn search(
    app: &App,
    handle: &MerchantHandle,
    link: &PaymentLink,
    attempt: &Attempt,
) -> Result<Found, ReadError> {
    let (from, to) = search_window(attempt, app.clock.now());
    let rows = read(handle.client.history(from, to).await)?;
    let named = rows.iter().filter_map(|row| row.uuid.as_deref());
    let mut ids: Vec<OrderId> = named.filter_map(|uuid| uuid.parse().ok()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut candidates = Vec::new();
    let mut tx = app.store.begin().await?;
    for id in ids {
        let owner = tx.payment_link_of_order(&link.merchant, &id).await?;
        if owner.is_none() {
            candidates.push(id);
        }
    }
    tx.rollback().await?;
    let mut found = Found {
        orders: Vec::new(),
        is_whole: candidates.len() <= MAX_CANDIDATES,
    };
    // Each search reads others, so that an order that others' orders crowd out is found all the same.
    if !found.is_whole {
        let middle = searches(&link.state).wrapping_mul(MAX_CANDIDATES) % candidates.len();
        candidates.rotate_left(middle);
    }
    for id in candidates.into_iter().take(MAX_CANDIDATES) {
        count_request(app, handle).await?;
        match read(handle.client.order_details(id.as_str()).await) {
            Ok(details) => found.orders.push(seen(id, &details)),
            Err(ReadError::NotFound) => found.is_whole = false,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// How many searches of a link found nothing.
fn searches(state: &LinkState) -> usize {
    match state {
        LinkState::Unknown { searches, .. } => usize::try_from(*searches).unwrap_or(0),
        _ => 0,
    }
}

/// An order's details, in our words. A due date without its second proves nothing.
fn seen(id: OrderId, details: &wire::OrderDetails) -> SeenOrder {
    let due = details.payment_link_due_date.as_ref();
    let lines = details.product_list.iter();
    SeenOrder {
        id,
        due: due
            .filter(|due| due.civil().is_none())
            .and_then(WireTime::at),
        total: details.order_summary.and_then(|sums| sums.grand_total),
        lines: lines.map(|line| (line.name.clone(), line.amount)).collect(),
        url: details.payment_link.clone(),
    }
}

/// A line as the provider takes it.
fn product(line: &PaymentLinkLine) -> wire::OrderProduct {
    wire::OrderProduct {
        name: line.name.clone(),
        product_id: line.product_id.clone(),
        quantity: line.quantity,
        rate: line.rate,
        discount: domain::Money::ZERO,
        tax: line.tax_percent,
        amount: line.amount,
    }
}

/// The request of an attempt.
pub(crate) fn order(request: &PaymentLinkRequest, attempt: &Attempt) -> wire::SubmitOrder {
    let customer = &request.customer;
    let details = provider::customer(customer, None);
    let sums = provider::sums(
        request
            .lines
            .iter()
            .map(|line| (line.amount, line.tax_percent)),
    );
    wire::SubmitOrder {
        products: request.lines.iter().map(product).collect(),
        order_summary: wire::OrderSums {
            sub_total: sums.sub_total,
            total_tax: sums.total_tax,
            total_discount: domain::Money::ZERO,
            shipping_cost: domain::Money::ZERO,
            grand_total: sums.grand_total,
        },
        order_date: WireTime::unix(attempt.at),
        due_date_for_payment_link: Some(WireTime::unix(attempt.due)),
        send_order_by: wire::SendInvoiceBy::default(),
        with_customer: true,
        customer_details: Some(wire::OrderCustomer {
            kind: Some(details.kind),
            country_code: Some(details.country_code),
            msisdn: Some(details.msisdn),
            email: Some(details.email),
            name: details.name,
            preferred_language: details.preferred_language,
            personal_number: None,
            organization_id: details.organization_id,
            address: details.address,
        }),
        invoice_references: None,
        internal_references: Some(wire::InternalReferences {
            reference_no: Some(request.reference.clone()),
            notes: None,
        }),
        reference_no: Some(request.reference.clone()),
        customer_reference: None,
        invoice_as_payment_option: false,
        is_credit_check_available: false,
        submit_payment: wire::OrderPayment {
            via: match request.method {
                CheckoutMethod::Visa => wire::PaymentVia::Visa,
                CheckoutMethod::Mastercard => wire::PaymentVia::Mastercard,
            },
            currency: Some(domain::CURRENCY.to_owned()),
        },
        callback: wire::CallbackUrls {
            callback_url: None,
            success: Some(request.success_url.clone()),
            failure: Some(request.failure_url.clone()),
        },
    }
}
