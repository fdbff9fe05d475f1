//! Reads of reservations: one, lists, timelines.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::customer::is_text;
use domain::{ErrorCode, MerchantId, ReservationId};
use serde_json::Value;
use store::{ReservationFilter, Stored};

use super::params::{Name, Params, TIME};
use super::problem::Problem;
use super::{event, view};
use crate::app::App;

/// The longest reference, in characters.
const MAX_REFERENCE: usize = 64;

/// The reservation that a path names: by id, or by `ref:` and its reference.
pub(super) async fn find(
    app: &App,
    named: &str,
    merchant: Option<MerchantId>,
) -> Result<Stored, Problem> {
    let missing = || Problem::not_found("reservation");
    if let Some(reference) = named.strip_prefix("ref:") {
        return by_reference(app, reference, merchant)
            .await?
            .ok_or_else(missing);
    }
    let id: ReservationId = named.parse().map_err(|_| missing())?;
    let stored = app.store.reservation(&id).await?.ok_or_else(missing)?;
    let fits = merchant.is_none_or(|merchant| merchant == stored.reservation.merchant);
    fits.then_some(stored).ok_or_else(missing)
}

async fn by_reference(
    app: &App,
    reference: &str,
    merchant: Option<MerchantId>,
) -> Result<Option<Stored>, Problem> {
    if !is_text(reference, MAX_REFERENCE) {
        return Ok(None);
    }
    let filter = ReservationFilter {
        merchant,
        reference: Some(reference.to_owned()),
        ..ReservationFilter::default()
    };
    let mut found = app.store.reservations(&filter, 2, None).await?.items;
    if found.len() > 1 {
        let detail =
            "several merchants have a reservation with this reference; say which with ?merchant=";
        return Err(Problem::new(ErrorCode::AmbiguousReference, detail));
    }
    Ok(found.pop())
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    Name(named): Name,
    params: Params,
) -> Result<Json<view::ReservationJson>, Problem> {
    let params = params.only(&["merchant"])?;
    let stored = find(&app, &named, params.get("merchant")?).await?;
    Ok(Json(view::reservation(&app, &stored).await?))
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&[
        "status",
        "merchant",
        "reference",
        "capture_by_before",
        "needs_review",
        "limit",
        "cursor",
    ])?;
    let filter = ReservationFilter {
        status: params.get("status")?,
        merchant: params.get("merchant")?,
        reference: params.text("reference").map(str::to_owned),
        capture_by_before: params.get_as("capture_by_before", TIME)?,
        needs_review: params.get_as("needs_review", "true or false")?,
    };
    let cursor: Option<ReservationId> = params.cursor()?;
    let page = app
        .store
        .reservations(&filter, params.limit()?, cursor.as_ref())
        .await?;
    let data = view::reservations(&app, &page.items).await?;
    Ok(Json(view::page(&data, page.next)))
}

pub(super) async fn events(
    State(app): State<Arc<App>>,
    Name(named): Name,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&["merchant", "limit", "cursor"])?;
    let stored = find(&app, &named, params.get("merchant")?).await?;
    let page = app
        .store
        .events(&stored.reservation.id, params.limit()?, params.cursor()?)
        .await?;
    let r = &stored.reservation;
    let data: Vec<_> = page
        .items
        .iter()
        .map(|event| event::event(event, r))
        .collect();
    Ok(Json(view::page(
        &data,
        page.next.map(|seq| seq.to_string()),
    )))
}
