//! The payer's page behind every payment link: what is to be paid, and buttons to pay, fail or leave.

use std::fmt::Write as _;

use http::Method;

use crate::model::is_over;
use crate::portal::ActError;
use crate::reply::{Reply, Request};
use crate::world::World;

/// No script, nothing from elsewhere, forms to this look-alike only.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fafafa}main{background:#fff;border:1px solid #ddd;border-radius:8px;padding:1.5rem}\
table{width:100%;border-collapse:collapse;margin:1rem 0}td,th{padding:.4rem 0;border-bottom:1px solid #eee;\
text-align:left}td:last-child,th:last-child{text-align:right}form{display:flex;gap:.75rem}button{font:inherit;\
padding:.6rem 1.4rem;border:1px solid #888;border-radius:6px;background:#fff;cursor:pointer}\
button[value=pay]{background:#146c43;border-color:#146c43;color:#fff}button:focus-visible{outline:3px solid #6ea8fe}\
small{color:#555}";

/// What the page shows of a reservation or an order.
struct Shown {
    uuid: String,
    reference: Option<String>,
    status: String,
    payable: bool,
    total: String,
    lines: Vec<(String, String)>,
    success: Option<String>,
    failure: Option<String>,
}

/// Answers everything below `/pay/`.
pub(crate) fn handle(world: &mut World, request: &Request) -> Reply {
    let name = request
        .path()
        .trim_start_matches("/pay")
        .trim_matches('/')
        .to_owned();
    if name == "style.css" {
        return Reply::new(200, "text/css; charset=utf-8", STYLE);
    }
    let Some(uuid) = world.find(&name).filter(|uuid| *uuid == name) else {
        return page(404, "Not found", "<p>This payment link is not known.</p>");
    };
    let now = world.brought();
    match request.method {
        Method::GET | Method::HEAD => match world.open(now, &uuid) {
            Ok(()) => form(world, &uuid),
            Err(error) => refused(&error),
        },
        Method::POST => act(world, &uuid, &request.body),
        _ => page(405, "Wrong verb", "").with("allow", "GET, POST"),
    }
}

fn act(world: &mut World, uuid: &str, body: &[u8]) -> Reply {
    let field = url::form_urlencoded::parse(body).find(|(name, _)| name == "act");
    let word = field.map_or_else(String::new, |(_, value)| value.into_owned());
    let now = world.brought();
    let (result, message, paid) = match word.as_str() {
        "pay" => (
            world.pay(now, uuid),
            "Thank you. The amount is reserved on your card.",
            true,
        ),
        "fail" => (
            world.fail(now, uuid),
            "The payment failed. You can try again with the same link.",
            false,
        ),
        "leave" => (
            Ok(()),
            "You have left without paying. The link stays valid.",
            false,
        ),
        _ => return page(400, "Not understood", "<p>The form names no act.</p>"),
    };
    if let Err(error) = result {
        return refused(&error);
    }
    let Some(shown) = shown(world, uuid) else {
        return refused(&ActError::Missing);
    };
    let back = if paid { shown.success } else { shown.failure };
    let mut html = format!(
        "<p>{message}</p><p>Status: <strong>{}</strong></p>",
        escaped(&shown.status)
    );
    if let Some(url) = back {
        let _ = write!(
            html,
            "<p><a href=\"{}\">Back to the shop</a></p>",
            escaped(&url)
        );
    }
    if shown.payable {
        let _ = write!(
            html,
            "<p><a href=\"/pay/{}\">Back to the payment</a></p>",
            escaped(&shown.uuid)
        );
    }
    page(200, "Payment", &html)
}

fn refused(error: &ActError) -> Reply {
    let status = if *error == ActError::Missing {
        404
    } else {
        409
    };
    page(
        status,
        "Not possible",
        &format!(
            "<p>This is not possible: {}.</p>",
            escaped(&error.to_string())
        ),
    )
}

fn form(world: &World, uuid: &str) -> Reply {
    let Some(shown) = shown(world, uuid) else {
        return refused(&ActError::Missing);
    };
    let mut html = String::from("<table><thead><tr><th>For</th><th>NOK</th></tr></thead><tbody>");
    for (name, amount) in &shown.lines {
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td></tr>",
            escaped(name),
            escaped(amount)
        );
    }
    let _ = write!(
        html,
        "</tbody><tfoot><tr><th>Total</th><th>{}</th></tr></tfoot></table>",
        escaped(&shown.total)
    );
    if shown.payable {
        let _ = write!(
            html,
            "<form method=\"post\" action=\"/pay/{}\"><button name=\"act\" value=\"pay\">Pay</button>\
             <button name=\"act\" value=\"fail\">Fail</button><button name=\"act\" value=\"leave\">Leave</button></form>",
            escaped(&shown.uuid)
        );
    } else {
        html.push_str("<p>This link cannot be paid any longer.</p>");
    }
    let reference = shown
        .reference
        .as_deref()
        .map_or_else(String::new, |r| format!(" · {}", escaped(r)));
    let _ = write!(
        html,
        "<p><small>{}{reference} · {} · sandbox: no money moves</small></p>",
        escaped(&shown.uuid),
        escaped(&shown.status)
    );
    page(200, "Payment", &html)
}

fn shown(world: &World, uuid: &str) -> Option<Shown> {
    if let Some(r) = world.reservations.get(uuid) {
        let lines = r
            .lines
            .iter()
            .map(|line| (line.new.name.clone(), line.new.amount.to_string()));
        return Some(Shown {
            uuid: r.uuid.clone(),
            reference: r.reference.clone(),
            status: r.status.to_string(),
            payable: r.is_unpaid(),
            total: r.total.to_string(),
            // What is secured is shown only after the payer has proved who they are.
            lines: if r.secure {
                vec![("Details are shown after BankID".to_owned(), "…".to_owned())]
            } else {
                lines.collect()
            },
            success: r.callbacks.success.clone(),
            failure: r.callbacks.failure.clone(),
        });
    }
    let order = world.orders.get(uuid)?;
    let lines = order
        .lines
        .iter()
        .map(|line| (line.new.name.clone(), line.new.amount.to_string()));
    Some(Shown {
        uuid: order.uuid.clone(),
        reference: order.reference.clone(),
        status: order.status.to_string(),
        payable: !is_over(&order.status),
        total: order.total.to_string(),
        lines: lines.collect(),
        success: order.callbacks.success.clone(),
        failure: order.callbacks.failure.clone(),
    })
}

fn page(status: u16, title: &str, html: &str) -> Reply {
    let document = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <link rel=\"stylesheet\" href=\"/pay/style.css\"></head><body><main><h1>{title}</h1>{html}</main></body></html>"
    );
    Reply::new(status, "text/html; charset=utf-8", document)
        .with("content-security-policy", POLICY)
        .with("x-content-type-options", "nosniff")
        .with("referrer-policy", "no-referrer")
        .with("cache-control", "no-store")
}

/// Text made safe between tags and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(escaped("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
    }
}
