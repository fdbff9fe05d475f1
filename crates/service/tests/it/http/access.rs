//! Keys, routes, methods, and the bounds of a request.

use axum::body::Body;
use axum::http::{Request, header};
use service::http::{Keys, MAX_BODY, MAX_DEPTH};

use testkit::service::{ADMIN_KEY, Service, booking, json_request, request, send};

#[tokio::test]
async fn a_call_without_the_key_is_refused_and_told_why() {
    let service = Service::start().await;
    let call = |key: Option<&str>| {
        let request = Request::builder().uri("/v1/reservations");
        let request = key.map_or(Request::builder().uri("/v1/reservations"), |key| {
            request.header(header::AUTHORIZATION, key)
        });
        request.body(Body::empty()).expect("request")
    };
    for (key, detail) in [
        (None, "a key is required"),
        (Some("Bearer"), "a key is required"),
        (
            Some("Basic a-key-of-the-tests-0123456789"),
            "a key is required",
        ),
        (
            Some("Bearer a-key-of-the-tests-012345678"),
            "the key is not known",
        ),
        (Some("Bearer "), "the key is not known"),
    ] {
        let answer = service.send(call(key)).await;
        assert_eq!(answer.problem(401), "unauthorized");
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
        assert!(
            answer.body["detail"]
                .as_str()
                .expect("detail")
                .contains(detail),
            "{}",
            answer.body
        );
    }
    let right = format!("bearer {ADMIN_KEY}");
    service.send(call(Some(&right))).await.ok(200);
    let answer = send(service.with_keys(Keys::default()), call(Some(&right))).await;
    assert!(
        answer.body["detail"]
            .as_str()
            .expect("detail")
            .contains("server.admin_key"),
        "{}",
        answer.body
    );
    assert_eq!(answer.problem(401), "unauthorized");
}

#[tokio::test]
async fn unknown_routes_ids_and_methods_are_problems() {
    let service = Service::start().await;
    for path in [
        "/nowhere",
        "/v1/nowhere",
        "/v1/reservations/BOOK-1",
        "/v1/reservations/rsv_01J8Z3AAAAAAAAAAAAAAAAAAAA",
        "/v1/reservations/ref:BOOK-1",
        "/v1/reservations/ref:%00",
        "/v1/reservations/%FF",
        "/v1/reservations/rsv_01J8Z3AAAAAAAAAAAAAAAAAAAA/events",
        "/v1/jobs/job_01J8Z3AAAAAAAAAAAAAAAAAAAA",
        "/v1/jobs/rsv_01J8Z3AAAAAAAAAAAAAAAAAAAA",
    ] {
        let answer = service.get(path).await;
        assert_eq!(answer.problem(404), "not_found", "{path}");
    }
    for (method, path) in [
        ("DELETE", "/v1/reservations"),
        ("PUT", "/healthz"),
        ("GET", "/v1/jobs/x/retry"),
    ] {
        let answer = service
            .send(request(method, path).body(Body::empty()).expect("request"))
            .await;
        assert_eq!(answer.problem(405), "method_not_allowed", "{method} {path}");
        assert!(answer.headers.contains_key(header::ALLOW));
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_told_apart() {
    let service = Service::start().await;
    let path = "/v1/reservations";
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let long = format!("{{\"reference\":\"{}\"}}", "x".repeat(MAX_BODY));
    for (body, status, code) in [
        (String::new(), 400, "malformed_json"),
        ("{".to_owned(), 400, "malformed_json"),
        ("{} {}".to_owned(), 400, "malformed_json"),
        (
            "{\"reference\":\"\\ud800\"}".to_owned(),
            400,
            "malformed_json",
        ),
        (deep(MAX_DEPTH + 1), 400, "too_deep"),
        (deep(100_000), 400, "too_deep"),
        (long, 413, "body_too_large"),
    ] {
        let answer = service.send(json_request(path, body.clone())).await;
        assert_eq!(answer.problem(status), code, "{}", body.len());
    }
    let answer = service
        .send(json_request(path, "{\n \"reference\": x}"))
        .await;
    assert!(
        answer.body["detail"]
            .as_str()
            .expect("detail")
            .contains("line 2, column 15"),
        "{}",
        answer.body
    );
    for body in ["[]", "1", "null", "\"x\"", &deep(MAX_DEPTH)] {
        assert_eq!(
            service
                .send(json_request(path, body.to_owned()))
                .await
                .fields(),
            [""],
            "{body}"
        );
    }
    let chunks = (0..8).map(|_| Ok::<_, std::io::Error>(vec![b' '; MAX_BODY / 4]));
    let endless = Body::from_stream(futures::stream::iter(chunks));
    assert_eq!(
        service.send(json_request(path, endless)).await.problem(413),
        "body_too_large"
    );
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
    ] {
        let typed = request("POST", path).header(header::CONTENT_TYPE, media);
        let answer = service
            .send(
                typed
                    .body(Body::from(booking().to_string()))
                    .expect("request"),
            )
            .await;
        assert_eq!(answer.problem(415), "unsupported_media_type", "{media}");
    }
    assert_eq!(service.written().await, (0, 0));
    let typed =
        request("POST", path).header(header::CONTENT_TYPE, "Application/JSON; charset=utf-8");
    service
        .send(
            typed
                .body(Body::from(booking().to_string()))
                .expect("request"),
        )
        .await
        .ok(202);
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let service = Service::start().await;
    let long = format!("/v1/reservations?reference={}", "x".repeat(9_000));
    assert_eq!(service.get(&long).await.problem(414), "uri_too_long");
    let heavy = request("GET", "/v1/reservations").header("x-padding", "x".repeat(17_000));
    let answer = service
        .send(heavy.body(Body::empty()).expect("request"))
        .await;
    assert_eq!(answer.problem(431), "headers_too_large");
}

#[tokio::test]
async fn wrong_parameters_of_a_list_are_named() {
    let service = Service::start().await;
    for (query, field) in [
        ("stauts=held", "stauts"),
        ("status=paid", "status"),
        ("status=held&status=held", "status"),
        ("merchant=Fjord%20Cabins", "merchant"),
        ("reference=%00", "reference"),
        ("capture_by_before=tomorrow", "capture_by_before"),
        ("needs_review=yes", "needs_review"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("cursor=x", "cursor"),
    ] {
        assert_eq!(
            service
                .get(&format!("/v1/reservations?{query}"))
                .await
                .fields(),
            [field],
            "{query}"
        );
    }
    for (query, field) in [
        ("state=done", "state"),
        ("kind=pay", "kind"),
        ("reservation=x", "reservation"),
    ] {
        assert_eq!(
            service.get(&format!("/v1/jobs?{query}")).await.fields(),
            [field],
            "{query}"
        );
    }
}
