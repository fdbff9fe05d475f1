//! The pages of the error codes: what happened, and what to do.

use axum::extract::Path;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use domain::ErrorCode;
use pulldown_cmark::{Event, Options, Parser, html};

use super::problem::Problem;

/// A page loads nothing, runs nothing, sends nothing, and stands in no frame.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";
const MARKDOWN: &str = "text/markdown; charset=utf-8";

/// Answers the page of a code, as HTML to a browser and as Markdown to everything else. Needs no key.
pub(super) async fn page(
    Path(named): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let code: ErrorCode = named
        .parse()
        .map_err(|_unknown| Problem::not_found("error code"))?;
    let (kind, body) = if wants_html(&headers) {
        (HTML, rendered(code))
    } else {
        (MARKDOWN, code.page().to_owned())
    };
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (VARY, "accept"),
        // A new version may say it better.
        (CACHE_CONTROL, "no-cache"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    Ok((headers, body).into_response())
}

/// Whether the client names HTML among what it takes. `*/*` alone is a program.
fn wants_html(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(ACCEPT).iter();
    ranges
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(is_html)
}

fn is_html(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let is_named = parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("text/html"));
    // A weight of nought refuses what it stands behind.
    let is_refused = parts.any(|part| {
        part.strip_prefix("q=")
            .is_some_and(|weight| weight.trim_end_matches(['0', '.']).is_empty())
    });
    is_named && !is_refused
}

/// The page as HTML. What a page holds of HTML itself is shown as text.
fn rendered(code: ErrorCode) -> String {
    let events = Parser::new_ext(code.page(), Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        event => event,
    });
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{code}: {}</title>\n</head>\n<body>\n",
        code.title()
    );
    html::push_html(&mut page, events);
    page.push_str("</body>\n</html>\n");
    page
}

#[cfg(test)]
mod tests {
    use super::super::problem::status;
    use super::*;

    #[test]
    fn html_is_for_whoever_names_it() {
        for (accept, expected) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("application/json, TEXT/HTML;q=0.5", true),
            ("text/html;q=0", false),
            ("text/html; q=0.000", false),
            ("*/*", false),
            ("text/markdown", false),
            ("text/htmlx", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_html(&headers), expected, "{accept}");
        }
        assert!(!wants_html(&HeaderMap::new()));
    }

    #[test]
    fn every_page_has_its_code_its_place_what_happened_and_what_to_do() {
        for code in ErrorCode::ALL {
            let page = code.page();
            let sections: Vec<_> = page.split("\n\n").collect();
            assert_eq!(sections[0], format!("# {code}"));
            let place = sections[1];
            if place.starts_with("HTTP ") {
                assert_eq!(place, format!("HTTP {}.", status(*code).as_u16()), "{code}");
            } else {
                assert!(place.starts_with("In "), "{code}: {place}");
                assert_eq!(
                    status(*code).as_u16(),
                    500,
                    "{code} is no answer of the API"
                );
            }
            assert_eq!(sections[2], "## What happened", "{code}");
            assert!(sections.contains(&"## What to do"), "{code}");
            let html = rendered(*code);
            assert!(html.contains(&format!("<h1>{code}</h1>")), "{html}");
            assert!(!html.contains("<script"), "{html}");
        }
    }
}
