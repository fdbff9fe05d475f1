//! Pages of lists.

/// The most entries of one page.
pub const MAX_PAGE: u32 = 200;

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T, C> {
    /// The entries, in the order of the list.
    pub items: Vec<T>,
    /// The last entry, behind which the next page begins; `None` at the end of the list.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// A page of `limit` entries out of one more than that, if there is one.
    pub(crate) fn of(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> C) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}
