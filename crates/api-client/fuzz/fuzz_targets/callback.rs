//! Fuzzes the verification of callbacks: the bytes are the query.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| api_client::fuzzing::callback(data));
