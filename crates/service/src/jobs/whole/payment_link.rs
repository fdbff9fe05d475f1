//! `payment_link`: creates a one-time payment link. A second one is a nuisance, so an unknown outcome is a person's.

use api_client::wire::{self, WireTime};
use api_client::{Answer, Outcome as Answered};
use chrono::TimeDelta;
use domain::{PaymentLinkId, PlannedState};
use serde_json::json;
use store::queue::{AttemptOutcome, ClaimedJob, FaultClass, Finished, JobEnd, JobFault};

use crate::app::{App, MerchantHandle};
use crate::jobs::evidence::note_fault;
use crate::jobs::next_state::wait_for_budget;
use crate::jobs::stop_requests::stop_requests;
use crate::payment_link::PaymentLinkRequest;
use crate::provider;
use crate::submission::CheckoutMethod;

pub(in crate::jobs) async fn run(app: &App, job: &ClaimedJob) -> Result<Finished, JobFault> {
    let internal = |code, message| JobFault::new(FaultClass::Internal, code, message);
    let id: Option<PaymentLinkId> = job
        .payload
        .get("payment_link")
        .and_then(|id| id.as_str())
        .and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| internal("bad_payload", "the job names no payment link"))?;
    let handle = app.merchants.get(&job.merchant).ok_or_else(|| {
        internal(
            "unknown_merchant",
            "its merchant is not in the configuration; add it and retry",
        )
    })?;
    let link = app.store.payment_link(&id).await?;
    let link = link.ok_or_else(|| internal("no_payment_link", "the payment link is gone"))?;
    if link.progress == "sending" {
        // The worker died between the request and its answer.
        return Ok(Finished::By(unknown("interrupted")));
    }
    let request: PaymentLinkRequest = serde_json::from_value(link.request)
        .map_err(|_| internal("bad_payment_link", "what was asked for cannot be read"))?;
    let order = order(app, &request);
    let mut tx = app.store.begin().await?;
    if let Err(wait) = tx
        .take_request(&job.merchant, handle.rate_limit_per_minute)
        .await?
    {
        return Ok(Finished::By(wait_for_budget(wait, PlannedState::Scheduled)));
    }
    let number = tx.start_attempt(&job.lease, None).await?;
    tx.mark_sending(&job.lease, number).await?;
    tx.update_payment_link(&id, "sending", None, None).await?;
    tx.commit().await?;
    let answer = handle.client.submit_order(&order).await;
    learn(app, job, handle, &id, number, answer).await
}

async fn learn(
    app: &App,
    job: &ClaimedJob,
    handle: &MerchantHandle,
    id: &PaymentLinkId,
    number: u32,
    answer: Answer<wire::OrderSubmitted>,
) -> Result<Finished, JobFault> {
    let mut tx = app.store.begin().await?;
    if provider::is_fault(&answer.outcome) {
        note_fault(&mut tx, &job.merchant).await?;
    }
    let (end, code) = match &answer.outcome {
        Answered::Accepted(_) => (AttemptOutcome::Accepted, None),
        Answered::Rejected(rejection) => (AttemptOutcome::Rejected, Some(rejection.key.clone())),
        Answered::Unknown(doubt) => (
            AttemptOutcome::Unknown,
            Some(doubt.reason.as_str().to_owned()),
        ),
        Answered::Unsent(_) => (AttemptOutcome::Unsent, Some("unsent".to_owned())),
    };
    tx.finish_attempt(
        &job.lease,
        number,
        &provider::attempt_end(end, code, &answer.exchange),
    )
    .await?;
    let end = match answer.outcome {
        Answered::Accepted(order) => {
            let url = order.payment_url.as_deref();
            tx.update_payment_link(id, "accepted", Some(&order.order_uuid), url)
                .await?;
            JobEnd::Succeeded {
                result: Some(json!({"reference": order.order_uuid, "payment_url": url})),
            }
        }
        Answered::Unsent(fault) => {
            tx.update_payment_link(id, "planned", None, None).await?;
            JobEnd::Retry {
                error: JobFault::new(FaultClass::Transport, "unsent", fault.to_string()),
            }
        }
        Answered::Rejected(rejection) => {
            let by = provider::refused_by(&rejection.class);
            match stop_requests(&mut tx, handle, by, provider::retry_after(&rejection.class))
                .await?
            {
                Some(wait) => {
                    tx.update_payment_link(id, "planned", None, None).await?;
                    wait_for_budget(wait, PlannedState::Scheduled)
                }
                None => {
                    tx.update_payment_link(id, "rejected", None, None).await?;
                    let message = format!("the provider refused it: {}", rejection.key);
                    JobEnd::Failed {
                        code: "refused".into(),
                        message,
                    }
                }
            }
        }
        Answered::Unknown(doubt) => {
            tx.update_payment_link(id, "unknown", None, None).await?;
            unknown(doubt.reason.as_str())
        }
    };
    tx.finish_job(&job.lease, end).await?;
    tx.commit().await?;
    Ok(Finished::Already)
}

fn unknown(reason: &str) -> JobEnd {
    let message = format!(
        "nobody knows whether the link was made ({reason}); a retry may make a second one, which no payer has seen"
    );
    JobEnd::NeedsReview {
        code: "outcome_unknown".into(),
        message,
    }
}

fn order(app: &App, request: &PaymentLinkRequest) -> wire::SubmitOrder {
    let customer = &request.customer;
    let details = provider::customer(customer, None);
    let sums = provider::sums(
        request
            .lines
            .iter()
            .map(|line| (line.amount, line.tax_percent)),
    );
    let now = app.clock.now();
    wire::SubmitOrder {
        products: request
            .lines
            .iter()
            .map(|line| wire::OrderProduct {
                name: line.name.clone(),
                product_id: line.product_id.clone(),
                quantity: line.quantity,
                rate: line.rate,
                discount: domain::Money::ZERO,
                tax: line.tax_percent,
                amount: line.amount,
            })
            .collect(),
        order_summary: wire::OrderSums {
            sub_total: sums.sub_total,
            total_tax: sums.total_tax,
            total_discount: domain::Money::ZERO,
            shipping_cost: domain::Money::ZERO,
            grand_total: sums.grand_total,
        },
        order_date: WireTime::unix(now),
        due_date_for_payment_link: Some(WireTime::unix(now + TimeDelta::days(7))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_link_asks_a_person_and_says_what_a_retry_risks() {
        let JobEnd::NeedsReview { message, .. } = unknown("timeout") else {
            panic!("a person is asked")
        };
        assert!(message.contains("timeout") && message.contains("second one"));
    }
}
