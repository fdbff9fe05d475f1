//! A call of the API, as its handlers read it.

use serde_json::Value;

use crate::model::Body;
use crate::route::Operation;

/// A call whose path, token and body are read; nothing of it is checked yet.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    pub(crate) account: usize,
    /// The identifiers of the path.
    pub(crate) ids: Vec<String>,
    pub(crate) body: Value,
    /// `type` of the query.
    pub(crate) kind: Option<String>,
}

impl Call {
    pub(crate) fn id(&self) -> &str {
        self.ids.first().map_or("", String::as_str)
    }

    pub(crate) const fn read(&self) -> Body<'_> {
        Body(&self.body)
    }
}
