//! The static checks: rules about files, about which crate may name which, and about pages that are made of the code.

mod dependencies;
mod docs;
mod logs;
mod tidy;
mod vocabulary;

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}
