//! The helper that builds the binary, on which the whole-program tests stand.

use std::thread;

use tests::holdfast_binary;

#[test]
fn the_binary_is_built_once_for_all_who_ask() {
    let asked: Vec<_> = (0..4).map(|_| thread::spawn(holdfast_binary)).collect();
    let answers: Vec<_> = asked
        .into_iter()
        .map(|thread| thread.join().expect("a binary"))
        .collect();
    let binary = holdfast_binary();
    assert!(binary.is_file(), "{}", binary.display());
    assert!(answers.iter().all(|answer| *answer == binary));
}
