//! Details (F2.3), and the stale reads that faults and lag make of them.

use api_client::wire::{
    AddressSeen, CustomerSeen, Details, MoneyRow, OrganizationDetails, PaymentDetails,
    PaymentHistory, ProductSeen, RefundRow, RefundSource, RefundedSums, ReservedRow, SendOrderBy,
    WireTime,
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::Money;
use serde_json::{Value, json};

use super::World;
use super::call::Call;
use super::frozen::Frozen;
use crate::answer::{self, Refusal};
use crate::model::{Line, Reservation, Row};
use crate::reply::Reply;
use crate::switches::{DetailsShape, DetailsTime, Switches, Zone};

impl World {
    /// From now on details show the reservation as it is now. What is frozen already stays as it is.
    pub(super) fn freeze(&mut self, uuid: &str, reads: Option<u32>, seconds: Option<u32>) {
        let now = self.now;
        let Some(r) = self.reservations.get(uuid) else {
            return;
        };
        if self
            .frozen
            .get(uuid)
            .is_some_and(|frozen| frozen.shows(now))
        {
            return;
        }
        let until = seconds.map(|seconds| now + TimeDelta::seconds(seconds.into()));
        self.frozen.insert(
            uuid.to_owned(),
            Frozen {
                view: r.clone(),
                reads,
                until,
            },
        );
    }

    /// Lets details lag behind what is about to happen, by as much as the switches say.
    pub(crate) fn lag(&mut self, uuid: &str) {
        let lag = self.switches.details_lag_seconds;
        if lag > 0 {
            self.freeze(uuid, None, Some(lag));
        }
    }

    pub(super) fn details(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let now = self.now;
        self.screen(call, "reservationNotFound", &[])?;
        let frozen = self
            .frozen
            .get_mut(call.id())
            .filter(|frozen| frozen.shows(now));
        let shown = match frozen {
            Some(frozen) => {
                frozen.reads = frozen.reads.map(|reads| reads - 1);
                Some(&frozen.view)
            }
            None => {
                self.frozen.remove(call.id());
                self.reservations.get(call.id())
            }
        };
        let r = shown.ok_or(Refusal::NotFound("reservationNotFound"))?;
        let mut data = serde_json::to_value(seen(r, &self.switches)).unwrap_or_default();
        if self.switches.details_shape == DetailsShape::Old {
            age(&mut data, r);
        }
        Ok(answer::data(
            200,
            "reservationRetrievedSuccessfully",
            &data,
            &self.switches,
        ))
    }
}

/// A time in the zone that the switches ask for, to the minute.
pub(super) fn minute(at: DateTime<Utc>, zone: Zone) -> String {
    const FORM: &str = "%d.%m.%Y %H:%M";
    match zone {
        Zone::Oslo => at
            .with_timezone(&chrono_tz::Europe::Oslo)
            .format(FORM)
            .to_string(),
        Zone::Utc => at.format(FORM).to_string(),
    }
}

fn time(at: DateTime<Utc>, s: &Switches) -> WireTime {
    match s.details_time {
        DetailsTime::Unix => WireTime::unix(at),
        DetailsTime::Civil => WireTime::from_text(minute(at, s.time_zone)),
    }
}

fn seen(r: &Reservation, s: &Switches) -> Details {
    let charged = r.charge_lines.iter().filter(|_| s.charge_lines);
    Details {
        reservation_uuid: r.uuid.clone(),
        status: r.status.clone(),
        is_paid: Some(!r.rows.is_empty()),
        product_list: r.lines.iter().chain(charged).map(product).collect(),
        grand_total: Some(r.total),
        reservation_date: Some(WireTime::from_text(r.order_date.clone())),
        payment_link_due_date: Some(WireTime::unix(r.due)),
        send_order_by: Some(SendOrderBy {
            sms: r.send_sms,
            email: r.send_email,
        }),
        customer_details: Some(CustomerSeen {
            country_code: Some(r.payer("countryCode")),
            msisdn: Some(r.payer("msisdn").into()),
            email: Some(r.payer("email").into()),
            name: Some(r.payer("name").into()),
            address: Some(AddressSeen {
                street: Some(r.payer("address.street").into()),
                zip: Some(r.payer("address.zip")),
                city: Some(r.payer("address.city")),
                country: Some(r.payer("address.country")),
                ..AddressSeen::default()
            }),
        }),
        reference_number: r.reference.clone(),
        charge_validity: r.charge_validity.clone(),
        customer_reference: r.customer_reference.clone(),
        customer_notes: r.notes.clone().map(Into::into),
        terms_and_condition: r.terms.clone(),
        payment_details: Some(payment(r, s)),
        organization_details: Some(merchant()),
        translation_key: Some(r.status.as_str().to_ascii_lowercase().replace(' ', "-")),
        payment_history: Some(rows(r, s)),
    }
}

fn product(line: &Line) -> ProductSeen {
    ProductSeen {
        id: line.id,
        name: Some(line.new.name.clone()),
        product_id: line.new.product_id.clone(),
        quantity: Some(line.new.quantity),
        rate: Some(line.new.rate),
        discount: Some(line.new.discount),
        tax: Some(line.new.tax),
        amount: Some(line.new.amount),
        reserved: Some(line.reserved),
        captured: Some(line.captured),
    }
}

fn payment(r: &Reservation, s: &Switches) -> PaymentDetails {
    PaymentDetails {
        reserved_at: r.reserved_at.map(|at| time(at, s)),
        reserved_amount: Some(r.reserved()),
        captured_amount: Some(r.taken(RefundSource::Captured)),
        charged_amount: Some(r.taken(RefundSource::Charged)),
        amount_refunded: Some(RefundedSums {
            from_captured: Some(r.refunded(RefundSource::Captured)),
            from_charge: Some(r.refunded(RefundSource::Charged)),
        }),
    }
}

fn merchant() -> OrganizationDetails {
    OrganizationDetails {
        name: Some("Sandbox Merchant AS".to_owned()),
        billing_address: Some(AddressSeen {
            country_code: Some("+47".to_owned()),
            msisdn: Some("40000000".into()),
            email: Some("merchant@example.no".into()),
            street: Some("Storgata 1".into()),
            zip: Some("0155".to_owned()),
            city: Some("Oslo".to_owned()),
            country: Some("NO".to_owned()),
        }),
    }
}

fn rows(r: &Reservation, s: &Switches) -> PaymentHistory {
    let of = |source| {
        let rows = r.rows.iter().filter(move |row| row.source == source);
        rows.map(|row| money_row(r, row, s)).collect()
    };
    let reserved = r.reserved_at.map(|at| ReservedRow {
        at: Some(time(at, s)),
        amount: r.reserved(),
    });
    PaymentHistory {
        reserved: reserved.into_iter().collect(),
        captured: of(RefundSource::Captured),
        charged: of(RefundSource::Charged),
        refunded: refunds(r, s),
    }
}

fn money_row(r: &Reservation, row: &Row, s: &Switches) -> MoneyRow {
    let refunded = r.refunded_of(&row.reference);
    MoneyRow {
        at: Some(time(row.at, s)),
        amount: row.amount,
        reference: Some(row.reference.clone()),
        is_refunded: Some(!refunded.is_zero()),
        refunded: Some(refunded),
        refunded_at: None,
        additional_text: row.text.clone(),
    }
}

fn refunds(r: &Reservation, s: &Switches) -> Vec<RefundRow> {
    let whole = |reference: &str| {
        let row = r.rows.iter().find(|row| row.reference == reference);
        row.map_or(Money::ZERO, |row| row.amount)
    };
    let paid_out = r
        .refunds
        .iter()
        .filter_map(|refund| Some((refund, refund.paid_out_at?)));
    paid_out
        .map(|(refund, at)| RefundRow {
            at: Some(time(at, s)),
            amount: refund.amount,
            reference: Some(refund.reference.clone()),
            is_refunded: Some(true),
            is_partial: Some(refund.amount < whole(&refund.reference)),
        })
        .collect()
}

/// Takes away what older revisions of the page did not have, and adds what they had.
fn age(data: &mut Value, r: &Reservation) {
    let Some(data) = data.as_object_mut() else {
        return;
    };
    data.remove("chargeValidity");
    let Some(history) = data
        .get_mut("paymentHistory")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    history.remove("refunded");
    let rows = history
        .values_mut()
        .filter_map(Value::as_array_mut)
        .flatten();
    for row in rows.filter_map(Value::as_object_mut) {
        let Some(reference) = row.get("reference").and_then(Value::as_str) else {
            continue;
        };
        let of_row = r
            .refunds
            .iter()
            .filter(|refund| refund.reference == reference);
        let at = of_row
            .filter_map(|refund| refund.paid_out_at)
            .max()
            .map(|at| at.timestamp());
        row.remove("additionalText");
        row.remove("refunded");
        row.insert("refundedAt".to_owned(), json!(at));
    }
}
