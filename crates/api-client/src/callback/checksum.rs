//! The checksum of a callback, in every formula the provider ever documented.

use domain::hex;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::policy::{Legacy, Refused};
use super::query::Params;

/// The parameter that holds the checksum; it is never part of what is hashed.
const CHECKSUM: &str = "checksum";
/// The parameters that the provider documents, in the order of its example.
const NAMED: [&str; 6] = [
    "orderUuid",
    "status",
    "paymentMethod",
    "amount",
    "createdAt",
    "timestamp",
];

/// How a checksum is made: SHA-256 over values joined without separators, the secret at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Formula {
    /// Every value in the order received, and the secret: the current formula.
    F3All,
    /// The same over the six documented parameters alone, for a callback URL with a query of its own.
    F3Named,
    /// `orderUuid`, `status`, `createdAt`, `amount`, `timestamp` and the secret.
    F2,
    /// `orderUuid`, `status`, `createdAt` and the secret.
    F1,
    /// `orderUuid`, `status` and `createdAt`, without a secret: anybody can make it. Never accepted.
    F0,
}

impl Formula {
    /// The parameters that go into a formula with a fixed order.
    const fn fixed(self) -> Option<&'static [&'static str]> {
        match self {
            Self::F3All | Self::F3Named => None,
            Self::F2 => Some(&["orderUuid", "status", "createdAt", "amount", "timestamp"]),
            Self::F1 | Self::F0 => Some(&["orderUuid", "status", "createdAt"]),
        }
    }

    fn takes(self, name: &[u8]) -> bool {
        match self {
            Self::F3Named => NAMED.iter().any(|known| known.as_bytes() == name),
            _ => name != CHECKSUM.as_bytes(),
        }
    }
}

fn digest<'a>(formula: Formula, pairs: &[(&'a [u8], &'a [u8])], secret: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    match formula.fixed() {
        Some(names) => {
            for name in names {
                let value = pairs.iter().find(|(known, _)| *known == name.as_bytes());
                hasher.update(value.map_or(&[][..], |(_, value)| value));
            }
        }
        None => {
            for (_, value) in pairs.iter().filter(|(name, _)| formula.takes(name)) {
                hasher.update(value);
            }
        }
    }
    if formula != Formula::F0 {
        hasher.update(secret);
    }
    hasher.finalize().into()
}

/// The checksum of these decoded parameters, in lower-case hexadecimal.
#[must_use]
pub fn sign(formula: Formula, pairs: &[(&str, &str)], secret: &SecretString) -> String {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    hex(&digest(formula, &pairs, secret.expose_secret()))
}

/// The checksum that the query claims; the case of its digits does not matter.
pub(super) fn claimed(params: &Params) -> Result<[u8; 32], Refused> {
    let text = params.bytes(CHECKSUM).ok_or(Refused::NoChecksum)?;
    let mut claimed = [0; 32];
    if text.len() != 2 * claimed.len() {
        return Err(Refused::WrongChecksum);
    }
    for (byte, pair) in claimed.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |place: usize| {
            char::from(pair[place])
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let (high, low) = digit(0).zip(digit(1)).ok_or(Refused::WrongChecksum)?;
        *byte = high * 16 + low;
    }
    Ok(claimed)
}

/// The formula and the secret that give the claimed checksum. An empty secret is no secret and never matches.
pub(super) fn matching(
    params: &Params,
    claimed: &[u8; 32],
    secrets: &[SecretString],
    policy: Legacy,
) -> Result<(Formula, usize), Refused> {
    let formulas: &[Formula] = match policy {
        Legacy::Refuse => &[Formula::F3All, Formula::F3Named],
        Legacy::Accept => &[Formula::F3All, Formula::F3Named, Formula::F2, Formula::F1],
    };
    let pairs: Vec<_> = params.iter().collect();
    for formula in formulas {
        for (index, secret) in secrets.iter().enumerate() {
            let secret = secret.expose_secret();
            let right = digest(*formula, &pairs, secret).ct_eq(claimed);
            if bool::from(right) && !secret.is_empty() {
                return Ok((*formula, index));
            }
        }
    }
    Err(Refused::WrongChecksum)
}
