//! An event as the API shows it: one stable shape, whatever is stored. docs/events.md describes every type.

use domain::reservation::{ChargeLine, LedgerRow, Operation, SeenReservation};
use domain::{
    ControlFact, DeliveryFact, EventType, Fact, IntentFact, IntentId, MerchantId, ProviderFact,
    Reservation, ReservationId, ReviewFact,
};
use serde::Serialize;
use serde_json::{Value, json};
use store::Event;

use super::view::Time;

/// One event of a reservation.
#[derive(Debug, Serialize)]
pub(super) struct EventView {
    /// The event's number within the reservation, from 1.
    seq: i64,
    /// When it was recorded.
    at: Time,
    #[serde(rename = "type")]
    event_type: EventType,
    merchant: MerchantId,
    reservation: ReservationId,
    /// Who recorded it: `worker`, `key:…`, `callback`.
    actor: String,
    /// What happened, in the fields that docs/events.md lists for the type: all of them, `null` where there is no value.
    data: Value,
}

/// The view of an event of `r`.
pub(super) fn event(event: &Event, r: &Reservation) -> EventView {
    EventView {
        seq: event.seq,
        at: Time(event.at),
        event_type: event.fact.event_type(),
        merchant: r.merchant.clone(),
        reservation: r.id.clone(),
        actor: event.actor.clone(),
        data: data(&event.fact),
    }
}

fn data(fact: &Fact) -> Value {
    match fact {
        Fact::Created => json!({}),
        Fact::Planned(intent) => planned(intent),
        Fact::Intent(id, fact) => of_intent(id, fact),
        Fact::Provider(fact) => of_provider(fact),
        Fact::Delivery(DeliveryFact::Reported {
            event_id,
            at,
            lines,
            complete,
        }) => json!({
            "event_id": event_id, "delivered_at": Time(*at), "lines": lines, "complete": complete,
        }),
        Fact::Review(fact) => of_review(fact),
        Fact::Control(fact) => of_control(fact),
    }
}

fn planned(intent: &domain::reservation::Intent) -> Value {
    let mut data = json!({
        "intent": intent.id, "operation": operation_name(&intent.operation),
        "amount": intent.operation.row_kind().map(|_| intent.operation.amount()),
        "lines": null, "charge_lines": null, "source": null, "reference": null, "note": null,
        "channels": null, "other_recipient": null, "slot": null,
        "marker": intent.marker, "job_key": intent.key, "created_at": Time(intent.created_at), "created_by": intent.created_by,
        "policy_version": intent.policy_version,
    });
    match &intent.operation {
        Operation::Submit => {}
        Operation::Capture { lines, note } => {
            data["lines"] = json!(lines);
            data["note"] = json!(note);
        }
        Operation::Charge { lines, note } => {
            data["charge_lines"] = lines.iter().map(charge_line).collect();
            data["note"] = json!(note);
        }
        Operation::Refund {
            source,
            reference,
            lines,
        } => {
            data["source"] = json!(source);
            data["reference"] = json!(reference);
            data["lines"] = json!(lines);
        }
        Operation::Cancel { note } | Operation::Complete { note } => data["note"] = json!(note),
        Operation::Resend {
            by,
            other_recipient,
            slot,
        } => {
            data["channels"] = json!(by);
            data["other_recipient"] = json!(other_recipient);
            data["slot"] = json!(slot);
        }
    }
    data
}

const fn operation_name(operation: &Operation) -> &'static str {
    match operation {
        Operation::Submit => "submit",
        Operation::Capture { .. } => "capture",
        Operation::Charge { .. } => "charge",
        Operation::Refund { .. } => "refund",
        Operation::Cancel { .. } => "cancel",
        Operation::Complete { .. } => "complete",
        Operation::Resend { .. } => "resend",
    }
}

fn charge_line(line: &ChargeLine) -> Value {
    json!({
        "name": line.name, "product_id": line.product_id, "rate": line.rate,
        "tax_percent": line.tax_percent, "amount": line.amount,
    })
}

fn of_intent(id: &IntentId, fact: &IntentFact) -> Value {
    match fact {
        IntentFact::AttemptWritten { attempt, .. } | IntentFact::AttemptSent { attempt, .. } => {
            json!({"intent": id, "attempt": attempt})
        }
        IntentFact::AttemptUnsent { reason }
        | IntentFact::OutcomeUnknown { reason }
        | IntentFact::Withdrawn { reason } => json!({"intent": id, "reason": reason}),
        IntentFact::AttemptAccepted { reference, .. } => {
            json!({"intent": id, "reference": reference})
        }
        IntentFact::AttemptRejected { key } => json!({"intent": id, "message": key}),
        IntentFact::LinkCreated {
            reservation_uuid,
            customer_uuid,
            url,
            ..
        } => json!({
            "intent": id, "reservation_uuid": reservation_uuid, "customer_uuid": customer_uuid,
            "payment_url": url,
        }),
        IntentFact::ProviderIdSuggested { uuid } => {
            json!({"intent": id, "reservation_uuid": uuid})
        }
        IntentFact::EffectNotSeen { clean, .. } => json!({"intent": id, "counts": clean}),
        IntentFact::HistoryRead { row, .. } => json!({
            "intent": id,
            "row": row.as_ref().map(|row| json!({
                "event": row.event, "uuid": row.uuid, "amount": row.amount, "at": row.at.map(Time),
            })),
        }),
        IntentFact::MarkerChecked { shown } => json!({"intent": id, "shown": shown}),
        IntentFact::Confirmed {
            reference,
            amount,
            at,
        } => json!({
            "intent": id, "reference": reference, "amount": amount, "effect_at": Time(*at),
        }),
        IntentFact::EffectRuledOut { .. } | IntentFact::RetryForced { .. } => {
            json!({ "intent": id })
        }
        IntentFact::Escalated { reason, .. } => json!({"intent": id, "reason": reason}),
        IntentFact::LateEffectSeen { row } => json!({"intent": id, "row": ledger_row(row)}),
    }
}

fn ledger_row(row: &LedgerRow) -> Value {
    json!({
        "kind": row.kind, "amount": row.amount, "reference": row.reference, "at": Time(row.at),
        "origin": row.origin(), "intent": row.intent,
    })
}

fn of_provider(fact: &ProviderFact) -> Value {
    match fact {
        ProviderFact::DetailsRead {
            status, coherent, ..
        } => json!({"status": status, "coherent": coherent}),
        ProviderFact::CallbackReceived { event_type, at } => {
            json!({"callback_type": event_type, "received_at": Time(*at)})
        }
        ProviderFact::LinesSynced { lines, extra } => json!({
            "lines": lines,
            "extra": extra.iter().map(|product| json!({
                "provider_id": product.id, "name": product.name, "product_id": product.product_id,
            })).collect::<Vec<_>>(),
        }),
        ProviderFact::HoldPlaced { at, amount } => {
            json!({"amount": amount, "placed_at": Time(*at)})
        }
        ProviderFact::RowPosted { row } => json!({"row": ledger_row(row)}),
        ProviderFact::RowConfirmed {
            reference,
            amount,
            intent,
        } => json!({"reference": reference, "amount": amount, "intent": intent}),
        ProviderFact::RefundSeen {
            reference,
            refunded,
        } => json!({"reference": reference, "refunded": refunded}),
        ProviderFact::DuplicateSeen { seen } => {
            let SeenReservation {
                reservation_uuid,
                status,
                over,
                reserved,
                at: _,
            } = seen;
            json!({
                "reservation_uuid": reservation_uuid, "status": status, "over": over,
                "reserved": reserved,
            })
        }
        ProviderFact::DuplicatesSearched { up_to, missed, .. } => {
            json!({"complete": up_to.is_none() && !missed})
        }
        ProviderFact::Closed { how, origin, .. } => json!({"how": how, "origin": origin}),
        ProviderFact::RefreshRequested
        | ProviderFact::HoldLapsed { .. }
        | ProviderFact::LinkExpired { .. }
        | ProviderFact::CaptureWindowClosed { .. } => json!({}),
    }
}

fn of_review(fact: &ReviewFact) -> Value {
    match fact {
        ReviewFact::Raised {
            reason, freezes, ..
        } => json!({"reason": reason, "freezes": freezes}),
        ReviewFact::Closed { reason } => json!({ "reason": reason }),
        ReviewFact::Decided {
            intent,
            reason,
            decision,
        } => json!({
            "intent": intent, "reason": reason, "decision": decision.decision.word(),
            "reference": decision.decision.reference(), "note": decision.note,
        }),
    }
}

fn of_control(fact: &ControlFact) -> Value {
    match fact {
        ControlFact::ReminderUsed { slot, sent, .. } => json!({"slot": slot, "sent": sent}),
        ControlFact::DeadlineHandled { key, .. }
        | ControlFact::JobSkipped { key, .. }
        | ControlFact::JobCancelled { key }
        | ControlFact::JobRestored { key } => json!({ "job_key": key }),
        ControlFact::Paused | ControlFact::Resumed => json!({}),
    }
}

#[cfg(test)]
mod tests;
