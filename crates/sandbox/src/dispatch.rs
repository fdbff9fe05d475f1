//! The way in: admin routes, the payer's page, and the provider's API, distinguished by the first part of the path.

use chrono::{DateTime, Utc};

use crate::reply::{Reply, Request};
use crate::world::World;
use crate::{admin, page};

impl World {
    /// Answers one request that arrives at `now`; everything that is due by then happens first. A `now` before an
    /// earlier one counts as the earlier one.
    pub fn handle(&mut self, now: DateTime<Utc>, request: &Request) -> Reply {
        self.advance(now);
        let reply = match request.path().trim_start_matches('/').split('/').next() {
            Some("__sandbox") => admin::handle(self, request),
            Some("pay") => page::handle(self, request),
            _ => self.api(request),
        };
        let date = self.now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        reply.with("date", date)
    }
}
