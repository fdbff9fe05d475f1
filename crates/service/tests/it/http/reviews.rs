//! Reviews: lists, evidence, decisions about requests in doubt, and reviews that are dismissed.

use domain::reservation::{ReviewReason, RowKind};
use domain::{Fact, IntentFact, ProviderFact, ReservationId, ReviewFact};
use serde_json::{Value, json};
use testkit::case::{CAPTURE, CHARGE, Case, row};
use testkit::named;
use testkit::service::{Service, now};

fn events(list: &Value) -> Vec<&str> {
    list.as_array()
        .expect("list")
        .iter()
        .map(|event| event["type"].as_str().expect("event"))
        .collect()
}

/// A review that no request in doubt stands behind.
async fn raise(service: &Service, id: &ReservationId, reason: ReviewReason, freezes: bool) {
    let at = now();
    let raised = Fact::Review(ReviewFact::Raised {
        reason,
        freezes,
        at,
    });
    service.record(id, &[raised]).await;
}

#[tokio::test]
async fn a_review_shows_its_evidence_and_its_reservation_and_job_name_it() {
    let case = Case::of(CHARGE).await;
    let job = case.job().await;
    assert_eq!(job["state"], "needs_review");
    let review = case.open().await;
    assert_eq!(
        (&review["status"], &review["reason"], &review["job"]),
        (&json!("open"), &json!("charge_unknown"), &json!(case.job))
    );
    assert_eq!(
        (&review["reservation"], &review["reference"]),
        (&json!(case.id), &json!("BOOK-1001"))
    );
    assert_eq!(
        (&review["amount"], &review["freezes"], &review["decision"]),
        (&json!("400.00"), &json!(false), &Value::Null)
    );
    let id = review["id"].as_str().expect("id");
    assert!(id.starts_with("rvw_"), "{id}");
    let evidence = &review["evidence"];
    assert_eq!(evidence["operation"]["amount"], "400.00");
    assert_eq!(evidence["exposure"]["capturable"]["left"], "1000.00");
    assert_eq!(evidence["countdown"]["until"], review["act_before"]);
    assert!(evidence["baseline"].is_object() && evidence["now"].is_object());
    assert!(evidence["attempts"].is_array());
    let words: Vec<_> = review["options"]
        .as_array()
        .expect("options")
        .iter()
        .map(|option| &option["decision"])
        .collect();
    assert_eq!(words, ["wait", "confirm", "reject", "retry"]);
    assert_eq!(
        review["options"][3]["worst_case"],
        json!({"risk": "double_charge", "amount": "400.00"})
    );
    let timeline = evidence["timeline"].as_array().expect("timeline");
    assert_eq!(events(&evidence["timeline"])[0], "reservation_created");
    let last = timeline.last().expect("an event");
    assert_eq!(
        (&last["type"], &last["actor"]),
        (&json!("intent_escalated"), &json!("worker"))
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
    for secret in [
        "Kari",
        "kari@example.no",
        "46567468",
        "19635464524",
        "Luramyr",
    ] {
        assert!(
            !review.to_string().contains(secret),
            "{secret} stands in {review}"
        );
    }
    let shown = case.reservation().await;
    assert_eq!(
        shown["review"],
        json!({"reviews": [id], "reason": "charge_unknown", "since": review["raised_at"],
            "act_before": review["act_before"], "message": review["message"]})
    );
    assert_eq!(shown["control"], "auto");
    assert_eq!(
        job["reviews"],
        json!([{"id": id, "status": "open", "reason": "charge_unknown", "decision": null}])
    );
    let list = case
        .service
        .get("/v1/reservations?needs_review=true")
        .await
        .ok(200);
    assert_eq!(list["data"][0]["review"], shown["review"]);
}

#[tokio::test]
async fn a_reservation_and_a_job_with_nothing_to_decide_say_so() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    let shown = service.get(&format!("/v1/reservations/{id}")).await.ok(200);
    assert_eq!(shown["review"], Value::Null);
    let job = shown["schedule"][0]["job"].as_str().expect("job");
    let job = service.get(&format!("/v1/jobs/{job}")).await.ok(200);
    assert_eq!(job["reviews"], json!([]));
    let list = service.get("/v1/reviews").await.ok(200);
    assert_eq!(list, json!({"data": [], "next_cursor": null}));
    let list = service
        .get("/v1/reservations?needs_review=true")
        .await
        .ok(200);
    assert_eq!(list["data"], json!([]));
}

#[tokio::test]
async fn the_list_goes_by_countdown_and_filters() {
    let case = Case::of(CHARGE).await;
    raise(&case.service, &case.id, ReviewReason::ProviderRefused, true).await;
    raise(&case.service, &case.id, ReviewReason::WindowClosing, false).await;
    let reasons = async |query: &str| -> Vec<String> {
        let list = case
            .service
            .get(&format!("/v1/reviews{query}"))
            .await
            .ok(200);
        let data = list["data"].as_array().expect("data");
        data.iter()
            .map(|review| review["reason"].as_str().expect("reason").to_owned())
            .collect()
    };
    // The hold lapses before the card can no longer be charged.
    let all = ["provider_refused", "window_closing", "charge_unknown"];
    assert_eq!(reasons("").await, all);
    assert_eq!(reasons("?status=open&merchant=default").await, all);
    assert_eq!(reasons("?status=decided").await, [""; 0]);
    assert_eq!(reasons("?merchant=another").await, [""; 0]);
    assert_eq!(
        reasons("?reason=provider_refused").await,
        ["provider_refused"]
    );
    let hold_lapses = case.reservation().await["deadlines"]["capture_by"].clone();
    let before = hold_lapses.as_str().expect("a time");
    assert_eq!(reasons(&format!("?due_before={before}")).await, [""; 0]);
    let review = case.open().await;
    let before = review["act_before"].as_str().expect("a time");
    assert_eq!(
        reasons(&format!("?due_before={before}")).await,
        ["provider_refused", "window_closing"]
    );
    let mut paged = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let query = cursor
            .as_str()
            .map(|cursor| format!("&cursor={cursor}"))
            .unwrap_or_default();
        let page = case
            .service
            .get(&format!("/v1/reviews?limit=1{query}"))
            .await
            .ok(200);
        let one = page["data"][0]["reason"].as_str().expect("one");
        paged.push(one.to_owned());
        assert!(page["data"][0].get("options").is_none(), "{page}");
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(paged, all);
    let shown = case.reservation().await;
    assert_eq!(
        (&shown["review"]["reason"], &shown["control"]),
        (&json!("provider_refused"), &json!("frozen"))
    );
    assert_eq!(shown["review"]["reviews"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn what_a_list_cannot_be_asked_for_is_refused_by_its_field() {
    let service = Service::start().await;
    for (query, field) in [
        ("status=closed", "status"),
        ("merchant=Fjord", "merchant"),
        ("reason=boredom", "reason"),
        ("reason=external_act", "reason"),
        ("due_before=tomorrow", "due_before"),
        ("limit=0", "limit"),
        ("cursor=1", "cursor"),
        ("cursor=x.rvw_01J8Z3AAAAAAAAAAAAAAAAAAAA", "cursor"),
        ("cursor=1.job_01J8Z3AAAAAAAAAAAAAAAAAAAA", "cursor"),
        ("reservation=rsv_1", "reservation"),
        ("status=open&status=open", "status"),
    ] {
        let answer = service.get(&format!("/v1/reviews?{query}")).await;
        assert_eq!(answer.fields(), [field], "{query}");
    }
    let unknown = "rvw_01J8Z3AAAAAAAAAAAAAAAAAAAA";
    for id in [unknown, "rvw_1", "job_01J8Z3AAAAAAAAAAAAAAAAAAAA"] {
        let answer = service.get(&format!("/v1/reviews/{id}")).await;
        assert_eq!(answer.problem(404), "not_found", "{id}");
        let body = json!({"decision": "dismiss", "note": "Why", "evidence_version": 1});
        let answer = service
            .post(&format!("/v1/reviews/{id}/decide"), &body)
            .await;
        assert_eq!(answer.problem(404), "not_found", "{id}");
    }
    let answer = service.get("/v1/reservations?in_review=true").await;
    assert_eq!(answer.fields(), ["in_review"]);
}

#[tokio::test]
async fn every_decision_that_is_refused_says_what_is_wrong_and_changes_nothing() {
    let case = Case::of(CAPTURE).await;
    case.external(RowKind::Charge, "CHA1").await;
    let review = case.open().await;
    let id = review["id"].as_str().expect("id");
    let before = case.reservation().await;
    let fitting = json!({"decision": "confirm", "note": "Why",
        "evidence_version": review["evidence_version"]});
    let with = |name: &str, value: Value| {
        let mut body = fitting.clone();
        body[name] = value;
        body
    };
    let without = |name: &str| {
        let mut body = fitting.clone();
        body.as_object_mut().expect("an object").remove(name);
        body
    };
    for (body, field) in [
        (without("note"), "note"),
        (without("decision"), "decision"),
        (without("evidence_version"), "evidence_version"),
        (with("decision", json!("perhaps")), "decision"),
        (with("decision", json!("applied")), "decision"),
        (with("decision", json!("wait")), "decision"),
        (with("decision", json!("dismiss")), "decision"),
        (with("note", json!("")), "note"),
        (with("note", json!("x".repeat(501))), "note"),
        (with("reference", json!("")), "reference"),
        (with("evidence_version", json!("new")), "evidence_version"),
        (with("force", json!(true)), "force"),
        (
            json!({"decision": "retry", "note": "Why", "reference": "CAP1",
                "evidence_version": review["evidence_version"]}),
            "reference",
        ),
    ] {
        let answer = case.decide(id, &body).await;
        assert_eq!(answer.fields(), [field], "{body}");
    }
    for reference in ["CAP1", "CHA1"] {
        let answer = case.decide(id, &with("reference", json!(reference))).await;
        assert_eq!(answer.problem(422), "reference_not_shown", "{reference}");
        assert!(
            answer.body["detail"]
                .as_str()
                .expect("detail")
                .contains(reference)
        );
    }
    assert_eq!(case.reservation().await, before);
    assert_eq!(case.open().await["status"], "open");
}

#[tokio::test]
async fn a_decision_on_old_evidence_is_told_what_has_happened_since() {
    let case = Case::of(CAPTURE).await;
    let given = case.open().await["evidence_version"]
        .as_i64()
        .expect("version");
    let body = json!({"decision": "reject", "note": "Not there", "evidence_version": given});
    // What only says that nothing was found makes no decision stale.
    let trace = Fact::Intent(
        case.intent.clone(),
        IntentFact::EffectNotSeen {
            clean: true,
            at: now(),
        },
    );
    case.service.record(&case.id, &[trace]).await;
    case.external(RowKind::Capture, "CAP9").await;
    let answer = case.decide_request(&body).await;
    assert_eq!(answer.problem(409), "evidence_changed");
    let current = case.open().await["evidence_version"].clone();
    assert_eq!(
        (&answer.body["given"], &answer.body["current"]),
        (&json!(given), &current)
    );
    assert_eq!(events(&answer.body["since"]), ["ledger_row_posted"]);
    assert!(answer.body["since"][0]["at"].is_string());
    let fresh = json!({"decision": "reject", "note": "Not ours", "evidence_version": current});
    assert_eq!(
        case.decide_request(&fresh).await.ok(200)["status"],
        "decided"
    );
    assert_eq!(case.job().await["state"], "cancelled");
}

#[tokio::test]
async fn of_two_people_at_once_one_decides() {
    let case = Case::of(CHARGE).await;
    let (confirm, retry) = (
        json!({"decision": "confirm", "note": "A"}),
        json!({"decision": "retry", "note": "B"}),
    );
    let (one, two) = tokio::join!(case.decide_request(&confirm), case.decide_request(&retry));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", one.body, two.body);
    let (won, lost) = if one.status.as_u16() == 409 {
        (two, one)
    } else {
        (one, two)
    };
    assert_eq!(lost.problem(409), "review_decided");
    assert_eq!(lost.body["decision"], won.body["decision"]);
    assert_eq!(lost.body["decision"]["actor"], "key:admin");
    let reviews = &case.job().await["reviews"];
    assert_eq!(reviews.as_array().map(Vec::len), Some(1), "{reviews}");
}

#[tokio::test]
async fn confirm_takes_over_the_row_that_was_nobodys_and_the_job_has_succeeded() {
    let case = Case::of(CAPTURE).await;
    case.external(RowKind::Capture, "CAP9").await;
    let version = case.open().await["evidence_version"].clone();
    let body = json!({"decision": "confirm", "reference": "CAP9", "note": "Seen in the portal"});
    let review = case.decide_request(&body).await.ok(200);
    assert_eq!(
        (&review["status"], &review["options"], &review["remedies"]),
        (&json!("decided"), &json!([]), &json!([]))
    );
    let decision = &review["decision"];
    assert!(decision["at"].is_string());
    assert_eq!(
        (
            &decision["decision"],
            &decision["reference"],
            &decision["actor"],
            &decision["note"],
            &review["evidence_version"]
        ),
        (
            &json!("confirm"),
            &json!("CAP9"),
            &json!("key:admin"),
            &json!("Seen in the portal"),
            &version
        )
    );
    let job = case.job().await;
    assert_eq!(
        (&job["state"], &job["result"]["reference"]),
        (&json!("succeeded"), &json!("CAP9"))
    );
    assert_eq!(job["reviews"][0]["decision"], "confirm");
    let shown = case.reservation().await;
    assert_eq!(shown["ledger"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&shown["ledger"][0]["job"], &shown["ledger"][0]["origin"]),
        (&json!(case.job), &json!("holdfast"))
    );
    assert_eq!(
        (&shown["amounts"]["captured"], &shown["amounts"]["in_doubt"]),
        (&json!("400.00"), &json!("0.00"))
    );
    assert_eq!(
        (&shown["review"], &shown["control"]),
        (&Value::Null, &json!("auto"))
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
    assert_eq!(
        tail,
        ["review_closed", "intent_confirmed", "review_decided"]
    );
}

#[tokio::test]
async fn a_row_of_another_operation_is_not_attributed_twice() {
    let case = Case::of(CAPTURE).await;
    case.external(RowKind::Capture, "CAP9").await;
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
            &[Fact::Provider(ProviderFact::RowPosted {
                row: row(RowKind::Capture, "CAP8", Some(&submit)),
            })],
        )
        .await;
    let body = json!({"decision": "confirm", "reference": "CAP8", "note": "This one"});
    let answer = case.decide_request(&body).await;
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
    let body = json!({"decision": "retry", "note": "Not in the portal, says the provider"});
    let review = case.decide_request(&body).await.ok(200);
    assert_eq!(
        (&review["decision"]["decision"], &review["job"]),
        (&json!("retry"), &json!(case.job))
    );
    let job = case.job().await;
    assert_eq!(job["state"], "available");
    assert_eq!(job["reviews"][0]["decision"], "retry");
    let shown = case.reservation().await;
    assert_eq!(
        (&shown["review"], &shown["amounts"]["in_doubt"]),
        (&Value::Null, &json!("0.00"))
    );
}

#[tokio::test]
async fn what_cannot_be_sent_any_more_is_refused_with_the_reason() {
    let case = Case::of(CAPTURE).await;
    case.service
        .record(
            &case.id,
            &[Fact::Provider(ProviderFact::HoldLapsed { at: now() })],
        )
        .await;
    let body = json!({"decision": "retry", "note": "Again"});
    let answer = case.decide_request(&body).await;
    assert_eq!(answer.problem(409), "retry_refused");
    assert!(
        answer.body["detail"]
            .as_str()
            .expect("detail")
            .contains("expired"),
        "{}",
        answer.body
    );
    let retry = &case.open().await["options"][3];
    assert!(
        retry["refused"]
            .as_str()
            .is_some_and(|why| why.contains("expired"))
    );
}

#[tokio::test]
async fn what_answers_a_review_ends_it_without_a_decision() {
    let case = Case::of(CAPTURE).await;
    let id = case.review_id("capture_unknown").await;
    let shown = Fact::Intent(
        case.intent.clone(),
        IntentFact::Confirmed {
            reference: Some(named("CAP1")),
            amount: domain::Money::kroner(400),
            at: now(),
        },
    );
    case.service.record(&case.id, &[shown]).await;
    let review = case.review(&id).await;
    assert_eq!(review["status"], "decided");
    let decision = &review["decision"];
    assert_eq!(
        (&decision["decision"], &decision["note"], &decision["actor"]),
        (&Value::Null, &Value::Null, &json!("worker"))
    );
    let version = &review["evidence_version"];
    let body = json!({"decision": "retry", "note": "Again", "evidence_version": version});
    let answer = case.decide(&id, &body).await;
    assert_eq!(answer.problem(409), "review_decided");
    assert_eq!(answer.body["decision"]["decision"], Value::Null);
    let list = case.service.get("/v1/reviews?status=decided").await.ok(200);
    assert_eq!(list["data"][0]["id"], json!(id));
}

#[tokio::test]
async fn case_109_a_late_effect_names_the_decision_that_denied_it_and_drafts_the_refund() {
    let case = Case::of(CAPTURE).await;
    case.decide_request(&json!({"decision": "reject", "note": "Not in the portal"}))
        .await
        .ok(200);
    let job = case.job().await;
    assert_eq!(
        (&job["state"], &job["last_error"]["code"]),
        (&json!("cancelled"), &json!("cancelled"))
    );
    let late = Fact::Intent(
        case.intent.clone(),
        IntentFact::LateEffectSeen {
            row: row(RowKind::Capture, "CAP1", Some(&case.intent)),
        },
    );
    case.service.record(&case.id, &[late]).await;
    let shown = case.reservation().await;
    assert_eq!(
        (&shown["control"], &shown["review"]["reason"]),
        (&json!("frozen"), &json!("late_effect"))
    );
    let id = shown["review"]["reviews"][0].as_str().expect("id");
    let review = case.review(id).await;
    assert_eq!(
        (&review["freezes"], &review["job"]),
        (&json!(true), &json!(case.job))
    );
    let decision = &review["evidence"]["decisions"][0];
    assert_eq!(
        (&decision["decision"], &decision["actor"], &decision["note"]),
        (
            &json!("reject"),
            &json!("key:admin"),
            &json!("Not in the portal")
        )
    );
    assert!(decision["at"].is_string());
    // The draft is taken as it stands, and waits until the review is dismissed.
    let remedy = &review["remedies"][0];
    assert_eq!(remedy["amount"], "400.00");
    let path = remedy["path"].as_str().expect("path");
    let refund = case.service.post(path, &remedy["body"]).await.ok(202);
    assert_eq!(
        (&refund["kind"], &refund["created_by"]),
        (&json!("refund"), &json!("key:admin"))
    );
    let version = &case.review(id).await["evidence_version"];
    let body = json!({"decision": "dismiss", "note": "Refunded", "evidence_version": version});
    let dismissed = case.decide(id, &body).await.ok(200);
    assert_eq!(dismissed["decision"]["decision"], "dismiss");
    let shown = case.reservation().await;
    assert_eq!(
        (&shown["control"], &shown["review"]),
        (&json!("auto"), &Value::Null)
    );
}

#[tokio::test]
async fn of_several_reviews_one_is_dismissed_and_the_others_wait() {
    let case = Case::of(CHARGE).await;
    raise(&case.service, &case.id, ReviewReason::ProviderRefused, true).await;
    let id = case.review_id("provider_refused").await;
    let version = case.review(&id).await["evidence_version"]
        .as_i64()
        .expect("version");
    for word in ["confirm", "reject", "retry"] {
        let body = json!({"decision": word, "note": "Done", "evidence_version": version});
        assert_eq!(
            case.decide(&id, &body).await.fields(),
            ["decision"],
            "{word}"
        );
    }
    let on =
        |version: i64| json!({"decision": "dismiss", "note": "Done", "evidence_version": version});
    let stale = case.decide(&id, &on(version - 1)).await;
    assert_eq!(stale.problem(409), "evidence_changed");
    assert_eq!(events(&stale.body["since"]), ["review_raised"]);
    case.decide(&id, &on(version)).await.ok(200);
    let shown = case.reservation().await;
    assert_eq!(
        (&shown["control"], &shown["review"]["reason"]),
        (&json!("auto"), &json!("charge_unknown"))
    );
    let again = case.decide(&id, &on(version)).await;
    assert_eq!(again.problem(409), "review_decided");
    assert_eq!(again.body["decision"]["note"], "Done");
    // The same reason again is another review.
    raise(&case.service, &case.id, ReviewReason::ProviderRefused, true).await;
    assert_ne!(case.review_id("provider_refused").await, id);
}
