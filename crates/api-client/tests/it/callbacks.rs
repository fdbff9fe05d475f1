//! Checksums of callbacks: known vectors, and what is refused.

use api_client::callback::{Formula, Legacy, Refused, sign, verify};
use api_client::wire::ProviderStatus;
use domain::Money;
use secrecy::SecretString;

const PAIRS: [(&str, &str); 6] = [
    ("orderUuid", "ODR123"),
    ("status", "success"),
    ("paymentMethod", "Visa"),
    ("amount", "100"),
    ("createdAt", "1755764131"),
    ("timestamp", "1755764131"),
];
const QUERY: &str = "orderUuid=ODR123&status=success&paymentMethod=Visa&amount=100&createdAt=1755764131&timestamp=1755764131";
const OWN: &str = "order_identifier=rRbl1FWZG59o&order_status=success&";
const F0: &str = "2be07bab0d2c8f129978c085d7839f25d800e2997a7dbb26697b2cb82262bc0b";
const F1: &str = "4dcb86daa1b677e87e17dde303c329962af34c0a6ee9198709ca5bbd721ed727";
const F2: &str = "5727831f163c5662103f92dfe74ffc0e062225a591a1a2bc57289bc1665cd52f";
const F3: &str = "cd158e29f18c921de003383e893f27e66669da35fe79909b67ad3b48e8e6f9f6";
const F3_OWN: &str = "066d92c26ef1c935ad88c71879fd26aa77f725eaa1edb86d04430bdee314e5d6";
const DECODED: &str = "fffaa5415cf6f52d56a91cfa3449689c7febd61aaae5ed24fe226b29898e31b8";
const RAW: &str = "4f01be6c35b1370153e2dc6bee9ae0e7e1b161252cccae2911d5d7cdc83fd604";

fn secrets() -> [SecretString; 1] {
    ["test-secret".into()]
}

fn formula(query: &str, policy: Legacy) -> Result<Formula, Refused> {
    verify(query, &secrets(), policy).map(|verified| verified.formula)
}

#[test]
fn every_formula_gives_its_known_checksum() {
    let secret = &secrets()[0];
    for (formula, checksum) in [
        (Formula::F0, F0),
        (Formula::F1, F1),
        (Formula::F2, F2),
        (Formula::F3All, F3),
        (Formula::F3Named, F3),
    ] {
        assert_eq!(sign(formula, &PAIRS, secret), checksum, "{formula:?}");
    }
    let own = [
        ("order_identifier", "rRbl1FWZG59o"),
        ("order_status", "success"),
    ];
    let all: Vec<_> = own
        .into_iter()
        .chain(PAIRS)
        .chain([("checksum", "left out")])
        .collect();
    assert_eq!(sign(Formula::F3All, &all, secret), F3_OWN);
    assert_eq!(sign(Formula::F3Named, &all, secret), F3);
}

#[test]
fn the_current_formula_is_accepted_and_older_ones_only_behind_the_switch() {
    for (checksum, refuse, accept) in [
        (F3, Ok(Formula::F3All), Ok(Formula::F3All)),
        (F2, Err(Refused::WrongChecksum), Ok(Formula::F2)),
        (F1, Err(Refused::WrongChecksum), Ok(Formula::F1)),
        (F0, Err(Refused::WrongChecksum), Err(Refused::WrongChecksum)),
    ] {
        let query = format!("{QUERY}&checksum={checksum}");
        assert_eq!(formula(&query, Legacy::Refuse), refuse, "{checksum}");
        assert_eq!(formula(&query, Legacy::Accept), accept, "{checksum}");
    }
}

#[test]
fn a_query_of_the_merchants_own_is_hashed_or_left_out() {
    assert_eq!(
        formula(&format!("{OWN}{QUERY}&checksum={F3_OWN}"), Legacy::Refuse),
        Ok(Formula::F3All)
    );
    assert_eq!(
        formula(&format!("{OWN}{QUERY}&checksum={F3}"), Legacy::Refuse),
        Ok(Formula::F3Named)
    );
}

#[test]
fn decoded_values_are_hashed_in_the_order_received() {
    let rest = "paymentMethod=visa&amount=1000.5&createdAt=1755764131&timestamp=1755764140";
    for spaces in ["RESERVED+NOT+PAID", "RESERVED%20NOT%20PAID"] {
        let query = format!("orderUuid=RES1943140879&status={spaces}&{rest}");
        let verified = verify(
            &format!("{query}&checksum={DECODED}"),
            &secrets(),
            Legacy::Refuse,
        )
        .expect("verified");
        assert_eq!(verified.callback.order_uuid, "RES1943140879");
        assert_eq!(verified.callback.status, ProviderStatus::ReservedNotPaid);
        assert_eq!(
            verified.callback.amount,
            Some("1000.5".parse::<Money>().expect("amount"))
        );
        assert_eq!(
            verified.callback.timestamp.map(|at| at.timestamp()),
            Some(1_755_764_140)
        );
        assert_eq!(
            formula(&format!("{query}&checksum={RAW}"), Legacy::Accept),
            Err(Refused::WrongChecksum)
        );
    }
    let swapped = QUERY.replace(
        "orderUuid=ODR123&status=success",
        "status=success&orderUuid=ODR123",
    );
    assert_eq!(
        formula(&format!("{swapped}&checksum={F3}"), Legacy::Refuse),
        Err(Refused::WrongChecksum)
    );
}

#[test]
fn case_025_the_misspelt_status_and_upper_case_checksums_are_understood() {
    let pairs = [("orderUuid", "RES1"), ("status", "RESEVRED")];
    let checksum = sign(Formula::F3All, &pairs, &secrets()[0]).to_uppercase();
    let query = format!("checksum={checksum}&orderUuid=RES1&status=RESEVRED");
    let verified = verify(&query, &secrets(), Legacy::Refuse).expect("verified");
    assert_eq!(verified.callback.status, ProviderStatus::Reserved);
    assert_eq!(
        (verified.callback.amount, verified.callback.timestamp),
        (None, None)
    );
}

#[test]
fn a_repeated_name_keeps_its_place_and_takes_the_last_value() {
    let query = QUERY.replace("orderUuid=ODR123&", "orderUuid=FORGED&") + "&orderUuid=ODR123";
    assert_eq!(
        formula(&format!("{query}&checksum={F3}"), Legacy::Refuse),
        Ok(Formula::F3All)
    );
}

#[test]
fn case_037_two_secrets_overlap_while_one_replaces_the_other() {
    let both: [SecretString; 2] = ["new-secret".into(), "test-secret".into()];
    let verified =
        verify(&format!("{QUERY}&checksum={F3}"), &both, Legacy::Refuse).expect("verified");
    assert_eq!(verified.secret_index, 1);
}

#[test]
fn case_019_and_case_036_what_is_not_proven_is_refused() {
    let wrong = F3.replace('c', "d");
    let cases = [
        (QUERY.to_owned(), Refused::NoChecksum),
        (String::new(), Refused::NoChecksum),
        (format!("{QUERY}&checksum="), Refused::WrongChecksum),
        (format!("{QUERY}&checksum={wrong}"), Refused::WrongChecksum),
        (
            format!("{QUERY}&checksum={}", &F3[1..]),
            Refused::WrongChecksum,
        ),
        (format!("{QUERY}&checksum={F3}0"), Refused::WrongChecksum),
        (
            format!("{QUERY}&checksum={}", "zz".repeat(32)),
            Refused::WrongChecksum,
        ),
        (
            format!("{}&checksum={F3}", QUERY.replace("=100", "=101")),
            Refused::WrongChecksum,
        ),
        (
            format!(
                "{QUERY}&utm_source=x&checksum={}",
                sign(Formula::F0, &PAIRS, &secrets()[0])
            ),
            Refused::WrongChecksum,
        ),
        (format!("x={}", "y".repeat(8 * 1024)), Refused::TooLong),
    ];
    for (query, expected) in cases {
        assert_eq!(formula(&query, Legacy::Accept), Err(expected), "{query}");
    }
    assert_eq!(verify(QUERY, &[], Legacy::Accept), Err(Refused::NoChecksum));
    let unsigned = sign(Formula::F3All, &PAIRS, &"".into());
    let empty: [SecretString; 1] = ["".into()];
    let query = format!("{QUERY}&checksum={unsigned}");
    assert_eq!(
        verify(&query, &empty, Legacy::Accept),
        Err(Refused::WrongChecksum)
    );
    assert_eq!(
        verify(&query, &[], Legacy::Accept),
        Err(Refused::WrongChecksum)
    );
}

#[test]
fn a_right_checksum_over_nothing_useful_is_refused() {
    for pairs in [
        &[("status", "RESERVED")][..],
        &[("orderUuid", "RES1")],
        &[("orderUuid", "../1"), ("status", "x")],
    ] {
        let query: String = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}&"))
            .collect();
        let checksum = sign(Formula::F3All, pairs, &secrets()[0]);
        assert_eq!(
            formula(&format!("{query}checksum={checksum}"), Legacy::Refuse),
            Err(Refused::Incomplete)
        );
    }
}
