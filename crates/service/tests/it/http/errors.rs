//! The pages of the error codes.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use domain::ErrorCode;
use service::http::Keys;
use tower::ServiceExt as _;

use testkit::service::Service;

/// The status, the headers and the text of `path`, asked for without a key.
async fn page(service: &Service, path: &str, accept: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder()
        .uri(path)
        .header(header::ACCEPT, accept)
        .body(Body::empty())
        .expect("request");
    let router = service.with_keys(Keys::default());
    let answer = router.oneshot(request).await.expect("answer");
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, 1 << 16).await.expect("body");
    let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (parts.status, parts.headers, text)
}

#[tokio::test]
async fn every_code_has_its_page_as_markdown_and_as_html_without_a_key() {
    let service = Service::start().await;
    for code in ErrorCode::ALL {
        let path = format!("/errors/{code}");
        let (status, headers, text) = page(&service, &path, "*/*").await;
        assert_eq!(status, StatusCode::OK, "{code}");
        assert_eq!(
            headers[header::CONTENT_TYPE],
            "text/markdown; charset=utf-8"
        );
        assert_eq!(text, code.page());

        let (status, headers, text) = page(&service, &path, "text/html, */*;q=0.1").await;
        assert_eq!(status, StatusCode::OK, "{code}");
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let policy = headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(text.contains("<h2>What to do</h2>"), "{text}");
    }
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_page() {
    let service = Service::start().await;
    for path in ["/v1/nowhere", "/v1/jobs/job_1", "/errors/no_such_code"] {
        let problem = service.get(path).await;
        let code = problem.problem(404).to_owned();
        let kind = problem.body["type"].as_str().expect("type");
        let (status, _, text) = page(&service, kind, "text/markdown").await;
        assert_eq!(status, StatusCode::OK, "{kind}");
        assert!(text.starts_with(&format!("# {code}\n")), "{text}");
    }
}
