//! Jobs for ops.

use serde_json::{Value, json};

use testkit::service::Service;

/// The submit of a new reservation.
async fn submit_of(service: &Service) -> String {
    let id = service.submitted("BOOK-1").await;
    let shown = service.get(&format!("/v1/reservations/{id}")).await.ok(200);
    shown["schedule"][0]["job"]
        .as_str()
        .expect("job")
        .to_owned()
}

#[tokio::test]
async fn jobs_are_listed_by_filter() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.held(&id).await;
    let path =
        format!("/v1/jobs?reservation={id}&state=scheduled&kind=deadline&merchant=default&limit=1");
    let page = service.get(&path).await.ok(200);
    assert_eq!(page["data"][0]["kind"], "deadline");
    assert_eq!(page["data"][0]["reference"], "BOOK-1");
    assert_eq!(
        page["data"][0]["deadline"],
        Value::Null,
        "a job without an end has none to show"
    );
    assert!(page["data"][0].get("attempts").is_none());
    let next = page["next_cursor"].as_str().expect("cursor");
    assert_eq!(
        service.get(&format!("{path}&cursor={next}")).await.ok(200)["data"][0]["kind"],
        "deadline"
    );
    assert_eq!(
        service.get("/v1/jobs?merchant=other").await.ok(200),
        json!({"data": [], "next_cursor": null})
    );
}

#[tokio::test]
async fn one_job_is_shown_with_its_attempts() {
    let service = Service::start().await;
    let job = submit_of(&service).await;
    let shown = service.get(&format!("/v1/jobs/{job}")).await.ok(200);
    assert_eq!(
        (&shown["id"], &shown["attempts"]),
        (&json!(job), &json!([]))
    );
    let unknown = service.get(&format!("/v1/jobs/{job}?verbose=1")).await;
    assert_eq!(unknown.fields(), ["verbose"]);
}

#[tokio::test]
async fn a_person_moves_runs_withdraws_and_retries_jobs() {
    let service = Service::start().await;
    let job = submit_of(&service).await;
    let path = |action: &str| format!("/v1/jobs/{job}/{action}");
    let later = json!({"run_at": "2998-01-01T00:00:00Z"});
    let moved = service.post(&path("reschedule"), &later).await.ok(200);
    assert_eq!(
        (&moved["run_at"], &moved["state"]),
        (&json!("2998-01-01T00:00:00Z"), &json!("scheduled"))
    );
    assert_eq!(
        service.post(&path("run-now"), &json!({})).await.ok(200)["state"],
        "available"
    );
    assert_eq!(
        service.post(&path("cancel"), &json!({})).await.ok(200)["state"],
        "cancelled"
    );
    let answer = service.post(&path("run-now"), &json!({})).await;
    assert_eq!(answer.problem(409), "job_state");
    assert_eq!(answer.body["state"], "cancelled");
    for (body, field) in [(json!({}), "run_at"), (json!({"run_at": "soon"}), "run_at")] {
        assert_eq!(
            service.post(&path("reschedule"), &body).await.fields(),
            [field]
        );
    }
    let unknown = service
        .post("/v1/jobs/job_01J8Z3AAAAAAAAAAAAAAAAAAAA/retry", &json!({}))
        .await;
    assert_eq!(unknown.problem(404), "not_found");
}
