//! What the provider would refuse is not sent at all.

use api_client::wire::{
    Capture, Charge, CreateSession, Note, Refund, Resend, SubmitOrder, SubmitReservation,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::fixture;

const TAXES: [u8; 4] = [0, 12, 15, 25];

/// The fixture with one value replaced; a pointer to a missing field adds it.
fn with<T: DeserializeOwned>(name: &str, pointer: &str, value: &Value) -> T {
    let mut body: Value = serde_json::from_str(&fixture(name)).expect(name);
    let (parent, field) = pointer.rsplit_once('/').expect("pointer");
    body.pointer_mut(parent).expect(pointer)[field] = value.clone();
    serde_json::from_value(body).expect(pointer)
}

type Checked = Result<(), Vec<api_client::FieldError>>;

fn fields(checked: Checked) -> Vec<String> {
    checked
        .expect_err("a fault")
        .into_iter()
        .map(|fault| fault.field)
        .collect()
}

#[test]
fn every_wrong_field_of_a_submit_is_named_by_its_path() {
    let long = "x".repeat(256);
    let cases = [
        (
            "/customerDetails/countryCode",
            json!("47"),
            "customerDetails.countryCode",
        ),
        (
            "/customerDetails/msisdn",
            json!("465 67 468"),
            "customerDetails.msisdn",
        ),
        (
            "/customerDetails/email",
            json!("kari"),
            "customerDetails.email",
        ),
        ("/customerDetails/name", json!(" "), "customerDetails.name"),
        ("/customerDetails/name", json!(long), "customerDetails.name"),
        (
            "/customerDetails/preferredLanguage",
            json!("fi"),
            "customerDetails.preferredLanguage",
        ),
        (
            "/customerDetails/personalNumber",
            json!("1963546452"),
            "customerDetails.personalNumber",
        ),
        (
            "/customerDetails/personalNumber",
            json!("1963546452x"),
            "customerDetails.personalNumber",
        ),
        (
            "/customerDetails/organizationId",
            json!("NO 123"),
            "customerDetails.organizationId",
        ),
        (
            "/customerDetails/address/street",
            json!(""),
            "customerDetails.address.street",
        ),
        (
            "/customerDetails/address/zip",
            json!(""),
            "customerDetails.address.zip",
        ),
        (
            "/customerDetails/address/city",
            json!(""),
            "customerDetails.address.city",
        ),
        (
            "/customerDetails/address/country",
            json!("Norway"),
            "customerDetails.address.country",
        ),
        (
            "/customerDetails/address/country",
            json!("XX"),
            "customerDetails.address.country",
        ),
        ("/orderDate", json!("today"), "orderDate"),
        (
            "/dueDateForPaymentLink",
            json!("02 Aug, 2023"),
            "dueDateForPaymentLink",
        ),
        ("/referenceNo", json!(long), "referenceNo"),
        ("/products", json!({}), "products"),
        ("/products/0/name", json!(""), "products.0.name"),
        (
            "/products/0/productId",
            json!("x".repeat(26)),
            "products.0.productId",
        ),
        ("/products/0/tax", json!(24), "products.0.tax"),
        ("/products/0/amount", json!(1.01), "orderSummary.grandTotal"),
        (
            "/orderSummary/totalTax",
            json!("0.01"),
            "orderSummary.grandTotal",
        ),
        ("/chargeValidity", json!("90 days"), "chargeValidity"),
        (
            "/callback/callbackUrl",
            json!("wp.frontpayment.no"),
            "callback.callbackUrl",
        ),
    ];
    for (pointer, value, field) in cases {
        let request: SubmitReservation = with("submit", pointer, &value);
        let found = fields(request.validate(&TAXES));
        assert!(
            found.contains(&field.to_owned()),
            "{pointer} {value}: {found:?}"
        );
        assert!(
            found
                .iter()
                .all(|name| name == field || name.starts_with("orderSummary")),
            "{pointer}: {found:?}"
        );
    }
}

#[test]
fn a_corporate_customer_has_an_organisation_and_no_personal_number() {
    let request: SubmitReservation = with("submit", "/customerDetails/type", &json!("corporate"));
    let found = fields(request.validate(&TAXES));
    assert_eq!(
        found,
        [
            "customerDetails.personalNumber",
            "customerDetails.organizationId"
        ]
    );
    let mut request = request;
    request.customer_details.personal_number = None;
    request.customer_details.organization_id = Some("912345678".to_owned());
    assert_eq!(request.validate(&TAXES), Ok(()));
}

#[test]
fn case_015_sums_are_checked_to_the_ore() {
    let order = |pointer: &str, value: Value| {
        with::<SubmitOrder>("submit_order", pointer, &value).validate(&TAXES)
    };
    assert_eq!(order("/orderSummary/subTotal", json!(4017.86)), Ok(()));
    for (pointer, value) in [
        ("/orderSummary/subTotal", json!(4017.85)),
        ("/orderSummary/totalTax", json!(482.15)),
        ("/orderSummary/shippingCost", json!(0.01)),
        ("/orderSummary/grandTotal", json!(4500.01)),
    ] {
        assert!(
            fields(order(pointer, value)).contains(&"orderSummary.grandTotal".to_owned()),
            "{pointer}"
        );
    }
}

#[test]
fn case_016_other_tax_rates_are_taken_from_a_merchant_that_has_them() {
    let request: SubmitReservation = with("submit", "/products/0/tax", &json!(6));
    assert_eq!(fields(request.validate(&TAXES)), ["products.0.tax"]);
    assert_eq!(request.validate(&[0, 6]), Ok(()));
}

#[test]
fn money_requests_are_positive_distinct_and_add_up() {
    let capture = |pointer: &str, value: Value| {
        fields(with::<Capture>("capture", pointer, &value).validate())
    };
    assert_eq!(capture("/grandTotal", json!(56)), ["grandTotal"]);
    assert_eq!(capture("/products/1/id", json!(298)), ["products.1.id"]);
    assert_eq!(capture("/products/1/id", json!(0)), ["products.1.id"]);
    assert_eq!(
        capture("/products/1/amount", json!(0)),
        ["products.1.amount", "grandTotal"]
    );
    assert_eq!(
        capture("/additionalText", json!("x".repeat(256))),
        ["additionalText"]
    );
    let charge = |pointer: &str, value: Value| {
        fields(with::<Charge>("charge", pointer, &value).validate(&TAXES))
    };
    assert_eq!(
        charge("/grandTotal", json!(0)),
        ["grandTotal", "grandTotal"]
    );
    assert_eq!(charge("/products/0/tax", json!(99)), ["products.0.tax"]);
    let refund =
        |pointer: &str, value: Value| fields(with::<Refund>("refund", pointer, &value).validate());
    assert_eq!(refund("/reference", json!("")), ["reference"]);
    assert_eq!(refund("/products", json!([])), ["products", "grandTotal"]);
}

#[test]
fn a_resend_needs_one_whole_channel() {
    let resend = |body: Value| {
        serde_json::from_value::<Resend>(body)
            .expect("resend")
            .validate()
    };
    assert_eq!(resend(json!({"email": "kari@example.no"})), Ok(()));
    assert_eq!(
        resend(json!({"countryCode": "+47", "msisdn": 46567468, "email": null})),
        Ok(())
    );
    assert_eq!(fields(resend(json!({}))), ["email"]);
    assert_eq!(
        fields(resend(json!({"msisdn": "46567468"}))),
        ["countryCode"]
    );
    assert_eq!(
        fields(resend(json!({"countryCode": "+47"}))),
        ["email", "countryCode"]
    );
}

#[test]
fn notes_sessions_and_orders_have_rules_of_their_own() {
    assert_eq!(
        fields(
            Note {
                note: " ".to_owned()
            }
            .validate()
        ),
        ["note"]
    );
    let session: CreateSession = with("create_session", "/submitPayment/via", &json!("vipps"));
    assert_eq!(fields(session.validate(&TAXES)), ["submitPayment.via"]);
    let order = |pointer: &str, value: Value| {
        fields(with::<SubmitOrder>("submit_order", pointer, &value).validate(&TAXES))
    };
    assert_eq!(
        order("/callback/success", json!(null)),
        ["callback.success"]
    );
    assert_eq!(order("/customerDetails", json!(null)), ["customerDetails"]);
    assert_eq!(
        order("/products/0/quantity", json!(0)),
        ["products.0.quantity"]
    );
}

#[test]
fn a_fault_never_repeats_the_value() {
    let request: SubmitReservation =
        with("submit", "/customerDetails/email", &json!("kari.nordmann"));
    assert!(!format!("{:?}", request.validate(&TAXES)).contains("kari"));
}
