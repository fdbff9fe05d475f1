//! Fuzzes the classification of answers: the first byte chooses the status, the rest is the body.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| api_client::fuzzing::decode(data));
