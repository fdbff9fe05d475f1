//! What details mean in our words.

use super::*;

fn details(is_paid: &str, status: &str) -> wire::Details {
    let text = format!(
        r#"{{"reservationUuid": "RES1", "status": "{status}", "isPaid": {is_paid}, "grandTotal": 1000,
            "productList": [{{"id": 7, "name": "Cabin", "amount": 1000, "captured": 400}}],
            "paymentDetails": {{"reservedAt": 1756871400, "reservedAmount": 1000, "capturedAmount": 400}},
            "paymentHistory": {{"captured": [{{"at": 1756880000, "amount": 400, "reference": "CAP1"}}]}}}}"#
    );
    serde_json::from_str(&text).expect("details")
}

#[test]
fn case_159_is_paid_tells_nothing_of_money() {
    let merchant = Merchant::new("default".parse().expect("a merchant"));
    let told = snapshot(&details("true", "CAPTURED"), &merchant);
    assert_eq!((told.captured, told.captures.len()), (Money::kroner(400), 1));
    for is_paid in ["false", "null", "\"1\"", "0"] {
        assert_eq!(snapshot(&details(is_paid, "CAPTURED"), &merchant), told, "{is_paid}");
    }
    let held = snapshot(&details("false", "RESERVED"), &merchant);
    assert_eq!((held.captured, held.status), (told.captured, told.status), "nor does the word for held");
}
