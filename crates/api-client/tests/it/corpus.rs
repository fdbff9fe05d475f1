//! The fuzz targets, run over the fixtures and seeded mutations of them.

use std::path::Path;

use api_client::fuzzing;
use domain::{Entropy, SeededEntropy};

/// Seeds of the corpus. Each one makes this many mutants of every fixture.
const SEEDS: [u64; 3] = [1, 2, 3];
const MUTANTS: usize = 60;

fn below(entropy: &SeededEntropy, bound: usize) -> usize {
    usize::try_from(entropy.up_to(bound.saturating_sub(1) as u64)).expect("small")
}

/// Flips, cuts, doubles or swaps a piece.
fn mutate(entropy: &SeededEntropy, original: &[u8]) -> Vec<u8> {
    const WORDS: [&[u8]; 10] = [
        b"null",
        b"-1",
        b"1e999",
        b"\"\"",
        b"[[[[",
        b"{\"0\":",
        b"%zz",
        b"&a=",
        b"\xff\xfe",
        b"18446744073709551616",
    ];
    let mut bytes = original.to_vec();
    for _ in 0..=below(entropy, 4) {
        if bytes.is_empty() {
            return bytes;
        }
        let (from, to) = (below(entropy, bytes.len()), below(entropy, bytes.len()));
        let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 64));
        match entropy.up_to(4) {
            0 => bytes[from] ^= 1 << entropy.up_to(7),
            1 => drop(bytes.drain(from..to)),
            2 => {
                let piece = bytes[from..to].to_vec();
                bytes.splice(from..from, piece);
            }
            3 => drop(bytes.splice(from..to, WORDS[below(entropy, WORDS.len())].iter().copied())),
            _ => bytes.truncate(to),
        }
    }
    bytes
}

#[expect(clippy::print_stdout, reason = "shown when the test fails")]
fn over_the_corpus(originals: &[Vec<u8>], target: fn(&[u8])) {
    for seed in SEEDS {
        println!("seed {seed}");
        let entropy = SeededEntropy::new(seed);
        for original in originals {
            target(original);
            for _ in 0..MUTANTS {
                target(&mutate(&entropy, original));
            }
        }
    }
}

#[test]
fn no_body_breaks_the_classification() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut originals: Vec<Vec<u8>> = Vec::new();
    for entry in std::fs::read_dir(folder).expect("fixtures") {
        let fixture = std::fs::read(entry.expect("entry").path()).expect("fixture");
        for status in [0, 5, 7] {
            originals.push([&[status], fixture.as_slice()].concat());
        }
    }
    originals.sort();
    assert!(originals.len() > 60, "{} fixtures", originals.len());
    over_the_corpus(&originals, fuzzing::decode);
}

#[test]
fn no_query_breaks_the_verification() {
    let originals = [
        "orderUuid=ODR123&status=success&paymentMethod=Visa&amount=100&createdAt=1755764131&timestamp=1755764131\
         &checksum=cd158e29f18c921de003383e893f27e66669da35fe79909b67ad3b48e8e6f9f6",
        "orderUuid=RES1&status=RESERVED+NOT%20PAID&checksum=",
        "checksum=a&checksum=b&&&=&a[]=1&.=2",
        "",
    ];
    let originals: Vec<Vec<u8>> = originals
        .iter()
        .map(|query| query.as_bytes().to_vec())
        .collect();
    over_the_corpus(&originals, fuzzing::callback);
}
