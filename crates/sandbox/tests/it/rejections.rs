//! Every key that refuses a call, with the steps that lead there, as the real client classifies it.

use api_client::wire::{Note, RefundSource, Resend};
use api_client::{Outcome, RejectionClass};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::test_env::{TestEnv, capture, charge, refund};

/// What happens before the call.
#[derive(Clone, Copy, Debug)]
enum Before {
    Pay,
    Capture(u32),
    Charge(u32),
    Refund(u32),
    Cancel,
    Complete,
    Days(i64),
}

/// The call that is refused.
#[derive(Clone, Copy, Debug)]
enum Call {
    Details,
    Capture(u32),
    CaptureUnknownLine,
    Charge(u32),
    Cancel,
    Complete,
    Resend,
    Refund(u32),
    RefundUnknownLine,
    RefundCharge(u32),
    RefundUnknownReference,
}

use Before::{Days, Pay};
use Call::{CaptureUnknownLine, Details, RefundCharge, RefundUnknownLine, RefundUnknownReference};
use RejectionClass::{Business, CardNotFound, NotFound};

struct Case(&'static [Before], Call, RejectionClass, &'static str);

async fn outcome(env: &TestEnv, steps: &[Before], call: Call) -> Outcome<()> {
    let uuid = env.submitted().await;
    let note = Note {
        note: "note".to_owned(),
    };
    let [id, other] = env.ids(&uuid).await;
    let (mut captured, mut charged) = (String::from("CAP1"), String::from("CHA1"));
    for step in steps {
        match step {
            Before::Pay => env.world.lock().pay(env.now(), &uuid).expect("payable"),
            Before::Capture(kroner) => {
                captured = env
                    .capture(&uuid, *kroner)
                    .await
                    .accepted()
                    .flatten()
                    .expect("captured");
            }
            Before::Charge(kroner) => {
                let answer = env.client.charge(&uuid, &charge(*kroner)).await;
                charged = answer
                    .outcome
                    .accepted()
                    .and_then(|charged| charged.uuid)
                    .expect("charged");
            }
            Before::Refund(kroner) => {
                let request = refund(RefundSource::Captured, &captured, &[(id, *kroner)]);
                env.client
                    .refund(&uuid, &request)
                    .await
                    .outcome
                    .accepted()
                    .expect("refunded");
            }
            Before::Cancel => env
                .client
                .cancel(&uuid, &note)
                .await
                .outcome
                .accepted()
                .expect("cancelled"),
            Before::Complete => {
                env.client
                    .complete(&uuid, &note)
                    .await
                    .outcome
                    .accepted()
                    .expect("completed");
            }
            Before::Days(days) => env.pass(TimeDelta::days(*days)),
        }
    }
    let effects = env.world.lock().ledger().len();
    let client = &env.client;
    let captured_from = |lines: &[(i64, u32)]| refund(RefundSource::Captured, &captured, lines);
    let outcome = match call {
        Call::Details => drop_value(client.details("RES4161996022").await.outcome),
        Call::Capture(kroner) => drop_value(
            client
                .capture(&uuid, &capture(&[(id, kroner)], "x"))
                .await
                .outcome,
        ),
        Call::CaptureUnknownLine => drop_value(
            client
                .capture(&uuid, &capture(&[(1, 1)], "x"))
                .await
                .outcome,
        ),
        Call::Charge(kroner) => drop_value(client.charge(&uuid, &charge(kroner)).await.outcome),
        Call::Cancel => client.cancel(&uuid, &note).await.outcome,
        Call::Complete => client.complete(&uuid, &note).await.outcome,
        Call::Resend => {
            let resend = Resend {
                email: Some("kari@example.no".into()),
                ..Resend::default()
            };
            client.resend(&uuid, &resend).await.outcome
        }
        Call::Refund(kroner) => {
            client
                .refund(&uuid, &captured_from(&[(id, kroner)]))
                .await
                .outcome
        }
        Call::RefundUnknownLine => {
            client
                .refund(&uuid, &captured_from(&[(1, 1)]))
                .await
                .outcome
        }
        Call::RefundCharge(kroner) => {
            let request = refund(RefundSource::Charged, &charged, &[(other, kroner)]);
            client.refund(&uuid, &request).await.outcome
        }
        Call::RefundUnknownReference => {
            client
                .refund(&uuid, &refund(RefundSource::Captured, "CAP1", &[(id, 1)]))
                .await
                .outcome
        }
    };
    assert_eq!(
        env.world.lock().ledger().len(),
        effects,
        "{steps:?} {call:?}: a refusal has no effect"
    );
    outcome
}

fn drop_value<T>(outcome: Outcome<T>) -> Outcome<()> {
    match outcome {
        Outcome::Accepted(_) => Outcome::Accepted(()),
        Outcome::Rejected(rejection) => Outcome::Rejected(rejection),
        Outcome::Unknown(unknown) => Outcome::Unknown(unknown),
        Outcome::Unsent(fault) => Outcome::Unsent(fault),
    }
}

async fn judge(patch: Value, cases: &[Case]) {
    for Case(steps, call, class, key) in cases {
        let env = TestEnv::turned(&patch).await;
        let outcome = outcome(&env, steps, *call).await;
        let Outcome::Rejected(rejection) = outcome else {
            panic!("{steps:?} {call:?} {patch}: {outcome:?}")
        };
        let expected = api_client::normalise(key);
        assert_eq!(
            (rejection.class, rejection.key),
            (*class, expected),
            "{steps:?} {call:?} {patch}"
        );
    }
}

#[tokio::test]
async fn calls_are_refused_with_the_documented_keys() {
    judge(
        json!({"refund_payout": "immediately"}),
        &[
            Case(&[], Details, NotFound, "reservationNotFound"),
            Case(
                &[],
                Call::Capture(1),
                Business,
                "requestedCaptureAmountExceedAvailableCaptureRunway",
            ),
            Case(
                &[Pay],
                Call::Capture(601),
                Business,
                "requestedCaptureAmountExceedAvailableCaptureRunway",
            ),
            Case(
                &[Pay, Before::Capture(400)],
                Call::Capture(201),
                Business,
                "requestedCaptureAmountExceedAvailableCaptureRunway",
            ),
            Case(
                &[Pay, Before::Capture(400), Days(2)],
                Call::Capture(1),
                Business,
                "requestedCaptureAmountExceedAvailableCaptureRunway",
            ),
            Case(
                &[Pay],
                CaptureUnknownLine,
                Business,
                "requestProductIdNotAvailable",
            ),
            Case(
                &[Pay, Before::Cancel],
                Call::Capture(1),
                Business,
                "reservationStatusAlreadyCancelled",
            ),
            Case(
                &[Pay, Before::Capture(1), Before::Complete],
                Call::Capture(1),
                Business,
                "reservationStatusAlreadyCompleted",
            ),
            Case(
                &[Pay, Days(7)],
                Call::Capture(1),
                Business,
                "paymentCaptureDeadlineExceed",
            ),
            Case(&[], Call::Charge(1), CardNotFound, "paymentCardNotFound"),
            Case(
                &[Pay, Days(90)],
                Call::Charge(1),
                Business,
                "paymentChargeDeadlineExceed",
            ),
            Case(
                &[Pay, Before::Cancel],
                Call::Charge(1),
                Business,
                "reservationStatusAlreadyCancelled",
            ),
            Case(
                &[Before::Cancel],
                Call::Cancel,
                Business,
                "reservationStatusAlreadyCompleted",
            ),
            Case(
                &[Pay, Before::Capture(1), Before::Complete],
                Call::Cancel,
                Business,
                "reservationStatusAlreadyCompleted",
            ),
            Case(
                &[Days(2)],
                Call::Cancel,
                Business,
                "prerequisiteFailedToCancelReservation",
            ),
            Case(
                &[Pay, Before::Capture(1)],
                Call::Cancel,
                Business,
                "prerequisiteFailedToCancelReservation",
            ),
            Case(
                &[Pay, Before::Charge(1)],
                Call::Cancel,
                Business,
                "prerequisiteFailedToCancelReservation",
            ),
            Case(
                &[],
                Call::Complete,
                Business,
                "prerequisiteFailedToCompleteReservation",
            ),
            Case(
                &[Pay],
                Call::Complete,
                Business,
                "prerequisiteFailedToCompleteReservation",
            ),
            Case(
                &[Days(2)],
                Call::Complete,
                Business,
                "prerequisiteFailedToCompleteReservation",
            ),
            Case(
                &[Pay, Before::Capture(1), Before::Complete],
                Call::Complete,
                Business,
                "reservationStatusAlreadyParamCompleted",
            ),
            Case(
                &[Before::Cancel],
                Call::Complete,
                Business,
                "reservationStatusAlreadyParamCancelled",
            ),
            Case(
                &[Before::Cancel],
                Call::Resend,
                Business,
                "orderStatusAlreadyCancelled",
            ),
            Case(
                &[Pay, Before::Capture(1), Before::Complete],
                Call::Resend,
                Business,
                "orderStatusAlreadyCompleted",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn refunds_are_refused_with_the_documented_keys() {
    judge(
        json!({"refund_payout": "immediately", "release": "never"}),
        &[
            Case(
                &[Pay, Before::Capture(9)],
                RefundUnknownLine,
                Business,
                "requestProductIdNotAvailable",
            ),
            Case(
                &[Pay, Before::Capture(9)],
                Call::Refund(10),
                Business,
                "refundRejectionForRefundRequestGreaterThanOrderAmount",
            ),
            Case(
                &[Pay, Before::Capture(9), Before::Refund(5)],
                Call::Refund(5),
                Business,
                "refundRejectionForRefundRequestGreaterThanOrderAmount",
            ),
            Case(
                &[Pay, Before::Charge(9)],
                RefundCharge(5),
                Business,
                "refundRejectionForProductAmountExceed",
            ),
            Case(
                &[Pay],
                RefundUnknownReference,
                NotFound,
                "refundRejectionForTransactionNotFound",
            ),
        ],
    )
    .await;
    judge(
        json!({"refund_request_limit": "4.00"}),
        &[Case(
            &[Pay, Before::Capture(9)],
            Call::Refund(5),
            Business,
            "refundRejectionForRequestAmountThresholdExceed",
        )],
    )
    .await;
    judge(
        json!({"refund_weekly_limit": "6.00"}),
        &[Case(
            &[Pay, Before::Capture(9), Before::Refund(4)],
            Call::Refund(4),
            Business,
            "refundRejectionForWeeklyThresholdExceed",
        )],
    )
    .await;
    judge(
        json!({"plain_reference_key": true}),
        &[Case(
            &[Pay],
            RefundUnknownReference,
            NotFound,
            "orderNotFound",
        )],
    )
    .await;
}

#[tokio::test]
async fn the_line_is_moved_by_switches() {
    judge(
        json!({"charge_ceiling_percent": 120}),
        &[Case(
            &[Pay, Before::Charge(1_000)],
            Call::Charge(201),
            Business,
            "paymentChargeRunwayExceed",
        )],
    )
    .await;
    judge(
        json!({"release": "immediately"}),
        &[Case(
            &[Pay, Before::Capture(1)],
            Call::Capture(1),
            Business,
            "requestedCaptureAmountExceedAvailableCaptureRunway",
        )],
    )
    .await;
    judge(
        json!({"cancel_rule": "a1"}),
        &[Case(
            &[],
            Call::Cancel,
            Business,
            "prerequisiteFailedToCancelReservation",
        )],
    )
    .await;
    judge(
        json!({"cancel_rule": "a2"}),
        &[Case(
            &[Pay],
            Call::Cancel,
            Business,
            "prerequisiteFailedToCancelReservation",
        )],
    )
    .await;
    judge(
        json!({"distinct_cancelled_key": true}),
        &[Case(
            &[Before::Cancel],
            Call::Cancel,
            Business,
            "reservationStatusAlreadyCancelled",
        )],
    )
    .await;
    judge(
        json!({"not_found_key": "order_not_found"}),
        &[Case(&[], Details, NotFound, "orderNotFound")],
    )
    .await;
    judge(
        json!({"not_found_form": "errors"}),
        &[Case(&[], Details, NotFound, "reservationNotFound")],
    )
    .await;
    judge(
        json!({"capture_window_days": 3}),
        &[Case(
            &[Pay, Days(3)],
            Call::Capture(1),
            Business,
            "paymentCaptureDeadlineExceed",
        )],
    )
    .await;
}
