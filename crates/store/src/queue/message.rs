//! The messages that are kept with a job: short, and such that both databases take them.

/// The most bytes of an error message that are kept.
pub(crate) const MAX_MESSAGE_BYTES: usize = 1_024;

/// A text cut to a number of bytes, without the NUL that Postgres does not take.
pub(crate) fn bounded(text: &str, limit: usize) -> String {
    let end = text.floor_char_boundary(limit);
    text[..end].replace('\0', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_between_characters_and_lose_their_nul() {
        assert_eq!(bounded("a\0b", 10), "ab");
        assert_eq!(bounded("ææ", 3), "æ");
    }
}
