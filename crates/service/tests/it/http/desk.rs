//! The desk: evidence, decisions about requests in doubt, and items that are dealt with.

use domain::Fact;
use domain::reservation::{ReviewReason, RowKind};
use serde_json::{Value, json};

use testkit::case::{CAPTURE, CHARGE, Case, row};
use testkit::service::{Service, now};

fn events(list: &Value) -> Vec<&str> {
    list.as_array()
        .expect("list")
        .iter()
        .map(|event| event["event"].as_str().expect("event"))
        .collect()
}

#[tokio::test]
async fn a_job_at_the_desk_and_its_reservation_carry_the_evidence() {
    let case = Case::of(CHARGE).await;
    let job = case.job().await;
    assert_eq!(job["state"], "needs_review");
    let pack = &job["evidence"];
    assert_eq!(
        (&pack["reason"], &pack["job"]),
        (&json!("charge_unknown"), &json!(case.job))
    );
    assert_eq!(pack["operation"]["amount"], "400.00");
    assert_eq!(pack["exposure"]["capturable"]["left"], "1000.00");
    let timeline = pack["timeline"].as_array().expect("timeline");
    assert_eq!(events(&pack["timeline"])[0], "created");
    let last = timeline.last().expect("an event");
    assert_eq!(
        (&last["event"], &last["actor"]),
        (&json!("intent_to_desk"), &json!("worker"))
    );
    // The same instant twice: in UTC, and in the zone of the merchant.
    let time = |key: &str| {
        chrono::DateTime::parse_from_rfc3339(last[key].as_str().expect("a time")).expect("RFC 3339")
    };
    assert_eq!(time("at"), time("local"));
    assert!(last["at"].as_str().expect("a time").ends_with('Z'));
    assert!(
        last["local"].as_str().expect("a time").ends_with(":00"),
        "{last}"
    );
    let shown = case.reservation().await;
    assert_eq!(shown["attention"]["reason"], "charge_unknown");
    assert_eq!(shown["attention"]["message"], pack["question"]);
    assert_eq!(shown["desk"].as_array().map(Vec::len), Some(1));
    assert_eq!(shown["desk"][0]["version"], pack["version"]);
    // The list says that there is something; the evidence is read one by one.
    let list = case
        .service
        .get("/v1/reservations?attention=true")
        .await
        .ok(200);
    assert_eq!(list["data"][0]["id"], shown["id"]);
    assert!(list["data"][0].get("desk").is_none());
    for secret in [
        "Kari",
        "kari@example.no",
        "46567468",
        "19635464524",
        "Luramyr",
    ] {
        assert!(
            !pack.to_string().contains(secret),
            "{secret} stands in {pack}"
        );
    }
}

#[tokio::test]
async fn a_reservation_and_a_job_with_nothing_to_decide_say_so() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    let shown = service.get(&format!("/v1/reservations/{id}")).await.ok(200);
    assert_eq!(
        (&shown["desk"], &shown["attention"]),
        (&json!([]), &Value::Null)
    );
    let job = shown["schedule"][0]["job"].as_str().expect("job");
    let job = service.get(&format!("/v1/jobs/{job}")).await.ok(200);
    assert!(job.get("evidence").is_none());
    assert_eq!(job["decisions"], json!([]));
}

#[tokio::test]
async fn every_decision_that_is_refused_says_what_is_wrong_and_changes_nothing() {
    let case = Case::of(CAPTURE).await;
    case.foreign(RowKind::Charge, "CHA1").await;
    let before = case.reservation().await;
    let long = "x".repeat(501);
    for (body, field) in [
        (json!({"outcome": "applied"}), "note"),
        (json!({"note": "Why"}), "outcome"),
        (json!({"outcome": "perhaps", "note": "Why"}), "outcome"),
        (json!({"outcome": "cleared", "note": "Why"}), "outcome"),
        (json!({"outcome": "applied", "note": ""}), "note"),
        (json!({"outcome": "applied", "note": long}), "note"),
        (
            json!({"outcome": "resend", "note": "Why", "reference": "CAP1"}),
            "reference",
        ),
        (
            json!({"outcome": "applied", "note": "Why", "reference": ""}),
            "reference",
        ),
        (
            json!({"outcome": "applied", "note": "Why", "evidence_version": "new"}),
            "evidence_version",
        ),
        (
            json!({"outcome": "applied", "note": "Why", "force": true}),
            "force",
        ),
    ] {
        let answer = case.resolve(&body).await;
        assert_eq!(answer.fields(), [field], "{body}");
    }
    for reference in ["CAP1", "CHA1"] {
        let body = json!({"outcome": "applied", "note": "Why", "reference": reference});
        let answer = case.resolve(&body).await;
        assert_eq!(answer.problem(422), "reference_not_shown", "{reference}");
        assert!(
            answer.body["detail"]
                .as_str()
                .expect("detail")
                .contains(reference)
        );
    }
    assert_eq!(case.reservation().await, before);
    let unknown = "/v1/jobs/job_01J8Z3AAAAAAAAAAAAAAAAAAAA/resolve";
    let answer = case
        .service
        .post(unknown, &json!({"outcome": "applied", "note": "Why"}))
        .await;
    assert_eq!(answer.problem(404), "not_found");
}

#[tokio::test]
async fn a_decision_on_old_evidence_is_told_what_has_happened_since() {
    let case = Case::of(CAPTURE).await;
    let given = case.job().await["evidence"]["version"]
        .as_i64()
        .expect("version");
    let body = json!({"outcome": "not_applied", "note": "Not there", "evidence_version": given});
    // What only says that nothing was found makes no decision stale.
    let trace = Fact::TraceMissing {
        intent: case.intent.clone(),
        clean: true,
        at: now(),
    };
    case.service.record(&case.id, &[trace]).await;
    case.foreign(RowKind::Capture, "CAP9").await;
    let answer = case.resolve(&body).await;
    assert_eq!(answer.problem(409), "evidence_changed");
    let current = case.job().await["evidence"]["version"].clone();
    assert_eq!(
        (&answer.body["given"], &answer.body["current"]),
        (&json!(given), &current)
    );
    assert_eq!(events(&answer.body["since"]), ["foreign_row"]);
    assert!(answer.body["since"][0]["at"].is_string());
    let fresh = json!({"outcome": "not_applied", "note": "Not ours", "evidence_version": current});
    assert_eq!(case.resolve(&fresh).await.ok(200)["state"], "cancelled");
}

#[tokio::test]
async fn of_two_people_at_once_one_decides() {
    let case = Case::of(CHARGE).await;
    let (applied, resend) = (
        json!({"outcome": "applied", "note": "A"}),
        json!({"outcome": "resend", "note": "B"}),
    );
    let (one, two) = tokio::join!(case.resolve(&applied), case.resolve(&resend));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", one.body, two.body);
    let lost = if one.status.as_u16() == 409 { one } else { two };
    assert_eq!(lost.problem(409), "not_at_desk");
    assert!(lost.body["state"].is_string(), "{}", lost.body);
    assert_eq!(
        case.job().await["decisions"].as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn applied_takes_over_the_row_that_was_nobodys_and_the_job_has_succeeded() {
    let case = Case::of(CAPTURE).await;
    case.foreign(RowKind::Capture, "CAP9").await;
    let version = case.job().await["evidence"]["version"].clone();
    let body = json!({"outcome": "applied", "reference": "CAP9", "note": "Seen in the portal", "evidence_version": version});
    let job = case.resolve(&body).await.ok(200);
    assert_eq!(
        (&job["state"], &job["result"]["reference"]),
        (&json!("succeeded"), &json!("CAP9"))
    );
    assert!(job.get("evidence").is_none());
    let decision = &job["decisions"][0];
    assert_eq!(
        (
            &decision["verdict"],
            &decision["reference"],
            &decision["by"],
            &decision["note"],
            &decision["evidence_version"]
        ),
        (
            &json!("applied"),
            &json!("CAP9"),
            &json!("key:admin"),
            &json!("Seen in the portal"),
            &version
        )
    );
    let shown = case.reservation().await;
    assert_eq!(shown["ledger"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&shown["ledger"][0]["job"], &shown["ledger"][0]["foreign"]),
        (&json!(case.job), &json!(false))
    );
    assert_eq!(
        (
            &shown["amounts"]["captured"],
            &shown["amounts"]["unresolved"]
        ),
        (&json!("400.00"), &json!("0.00"))
    );
    assert_eq!(
        (&shown["desk"], &shown["control"]),
        (&json!([]), &json!("auto"))
    );
    let timeline = case
        .service
        .get(&format!("/v1/reservations/{}/events", case.id))
        .await
        .ok(200);
    let tail: Vec<_> = events(&timeline["data"])
        .into_iter()
        .rev()
        .take(3)
        .collect();
    assert_eq!(tail, ["desk_cleared", "intent_confirmed", "decided"]);
}

#[tokio::test]
async fn a_row_of_another_operation_is_not_taken_twice() {
    let case = Case::of(CAPTURE).await;
    case.foreign(RowKind::Capture, "CAP9").await;
    let submit = case
        .service
        .app
        .store
        .reservation(&case.id)
        .await
        .expect("read")
        .expect("reservation");
    let submit = submit.reservation.intents[0].id.clone();
    case.service
        .record(
            &case.id,
            &[Fact::ForeignRow {
                row: row(RowKind::Capture, "CAP8", Some(&submit)),
            }],
        )
        .await;
    let body = json!({"outcome": "applied", "reference": "CAP8", "note": "This one"});
    let answer = case.resolve(&body).await;
    assert_eq!(answer.fields(), ["reference"]);
    assert!(
        answer.body["detail"]
            .as_str()
            .expect("detail")
            .contains("another operation"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn a_charge_is_sent_again_by_a_person() {
    let case = Case::of(CHARGE).await;
    let job = case
        .resolve(&json!({"outcome": "resend", "note": "Not in the portal, says the provider"}))
        .await
        .ok(200);
    assert_eq!(
        (&job["state"], &job["id"]),
        (&json!("available"), &json!(case.job))
    );
    assert_eq!(job["decisions"][0]["verdict"], "resend");
    let shown = case.reservation().await;
    assert_eq!(
        (&shown["desk"], &shown["amounts"]["unresolved"]),
        (&json!([]), &json!("0.00"))
    );
}

#[tokio::test]
async fn what_cannot_be_sent_any_more_is_refused_with_the_reason() {
    let case = Case::of(CAPTURE).await;
    case.service
        .record(&case.id, &[Fact::HoldExpired { at: now() }])
        .await;
    let answer = case
        .resolve(&json!({"outcome": "resend", "note": "Again"}))
        .await;
    assert_eq!(answer.problem(409), "resend_refused");
    assert!(
        answer.body["detail"]
            .as_str()
            .expect("detail")
            .contains("expired"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn case_109_a_late_effect_names_the_decision_that_denied_it_and_drafts_the_refund() {
    let case = Case::of(CAPTURE).await;
    let job = case
        .resolve(&json!({"outcome": "not_applied", "note": "Not in the portal"}))
        .await
        .ok(200);
    assert_eq!(
        (&job["state"], &job["last_error"]["code"]),
        (&json!("cancelled"), &json!("cancelled"))
    );
    let late = Fact::LateEffect {
        intent: case.intent.clone(),
        row: row(RowKind::Capture, "CAP1", Some(&case.intent)),
    };
    case.service.record(&case.id, &[late]).await;
    let shown = case.reservation().await;
    assert_eq!(
        (&shown["control"], &shown["attention"]["reason"]),
        (&json!("frozen"), &json!("late_effect"))
    );
    let pack = &shown["desk"][0];
    let decision = &pack["decisions"][0];
    assert_eq!(
        (&decision["verdict"], &decision["by"], &decision["note"]),
        (
            &json!("not_applied"),
            &json!("key:admin"),
            &json!("Not in the portal")
        )
    );
    assert!(decision["at"].is_string());
    // The draft is taken as it stands, and waits until the item is cleared.
    let remedy = &pack["remedies"][0];
    assert_eq!(remedy["amount"], "400.00");
    let path = remedy["path"].as_str().expect("path");
    let refund = case.service.post(path, &remedy["body"]).await.ok(202);
    assert_eq!(
        (&refund["kind"], &refund["created_by"]),
        (&json!("refund"), &json!("key:admin"))
    );
    let version = &case.reservation().await["desk"][0]["version"];
    let cleared = case
        .clear(&json!({"reason": "late_effect", "note": "Refunded", "evidence_version": version}))
        .await;
    let shown = cleared.ok(200);
    assert_eq!(
        (&shown["control"], &shown["desk"]),
        (&json!("auto"), &json!([]))
    );
}

#[tokio::test]
async fn an_item_is_cleared_by_its_reason_alone() {
    let case = Case::of(CHARGE).await;
    let raised = Fact::DeskRaised {
        reason: ReviewReason::Refused,
        freezes: true,
        at: now(),
    };
    case.service.record(&case.id, &[raised]).await;
    let version = case.reservation().await["desk"][0]["version"]
        .as_i64()
        .expect("version");
    for (body, field) in [
        (json!({"reason": "refused"}), "note"),
        (json!({"note": "Done"}), "reason"),
        (json!({"reason": "boredom", "note": "Done"}), "reason"),
        (json!({"reason": "refused", "note": ""}), "note"),
    ] {
        assert_eq!(case.clear(&body).await.fields(), [field], "{body}");
    }
    let doubt = case
        .clear(&json!({"reason": "charge_unknown", "note": "Done"}))
        .await;
    assert_eq!(doubt.problem(409), "request_in_doubt");
    assert_eq!(doubt.body["job"], case.job);
    let stale = case
        .clear(&json!({"reason": "refused", "note": "Done", "evidence_version": version - 1}))
        .await;
    assert_eq!(stale.problem(409), "evidence_changed");
    assert_eq!(events(&stale.body["since"]), ["desk_raised"]);
    let shown = case
        .clear(&json!({"reason": "refused", "note": "Done"}))
        .await
        .ok(200);
    assert_eq!(
        (&shown["control"], &shown["desk"][0]["reason"]),
        (&json!("desk"), &json!("charge_unknown"))
    );
    let again = case
        .clear(&json!({"reason": "refused", "note": "Done"}))
        .await;
    assert_eq!(again.problem(409), "not_at_desk");
    assert_eq!(again.body["desk"], json!(["charge_unknown"]));
}

#[tokio::test]
async fn a_job_that_is_not_at_the_desk_is_named_with_its_state() {
    let case = Case::of(CHARGE).await;
    let shown = case.reservation().await;
    let guard = shown["schedule"]
        .as_array()
        .expect("jobs")
        .iter()
        .find(|job| job["kind"] == "deadline");
    let guard = guard.expect("a guard")["job"].as_str().expect("id");
    let answer = case
        .service
        .post(
            &format!("/v1/jobs/{guard}/resolve"),
            &json!({"outcome": "applied", "note": "?"}),
        )
        .await;
    assert_eq!(answer.problem(409), "not_at_desk");
    assert_eq!(answer.body["state"], "scheduled");
    case.resolve(&json!({"outcome": "not_applied", "note": "No"}))
        .await
        .ok(200);
    let again = case
        .resolve(&json!({"outcome": "not_applied", "note": "No"}))
        .await;
    assert_eq!(again.problem(409), "not_at_desk");
    assert_eq!(again.body["state"], "cancelled");
}
