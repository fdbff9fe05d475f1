//! The sandbox, as the payer, a person in the provider's portal, and whoever arranges faults see it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::Http;

use super::Effect;

/// The admin routes of one sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Provider(Http);

impl Provider {
    pub(crate) fn new(url: &str) -> Self {
        Self(Http::new(url))
    }

    /// The provider's own paths and pages.
    pub(crate) const fn http(&self) -> &Http {
        &self.0
    }

    /// Does something to a reservation or order, named by its uuid or by the booking system's reference.
    #[track_caller]
    pub(crate) fn act(&self, verb: &str, name: &str, more: &Value) -> Value {
        let mut body = json!({"uuid": name});
        if let (Some(fields), Some(more)) = (body.as_object_mut(), more.as_object()) {
            fields.extend(more.clone());
        }
        let reply = self.0.post(&format!("/__sandbox/{verb}"), &body);
        assert!(
            (200..300).contains(&reply.status),
            "{verb} {name}: {} {}",
            reply.status,
            reply.text
        );
        reply.json
    }

    /// The payer pays.
    #[track_caller]
    pub(crate) fn pay(&self, name: &str) {
        self.act("pay", name, &json!({}));
    }

    /// Queues a fault of a call or a callback.
    #[track_caller]
    pub(crate) fn fault(&self, fault: &Value) {
        let reply = self.0.post("/__sandbox/faults", fault);
        assert!(
            (200..300).contains(&reply.status),
            "{fault}: {} {}",
            reply.status,
            reply.text
        );
    }

    /// Turns switches.
    #[track_caller]
    pub(crate) fn switch(&self, switches: &Value) {
        let reply = self.0.put("/__sandbox/switches", switches);
        assert!(
            (200..300).contains(&reply.status),
            "{switches}: {} {}",
            reply.status,
            reply.text
        );
    }

    #[track_caller]
    fn read(&self, what: &str) -> Value {
        self.0
            .get(&format!("/__sandbox/{what}"))
            .expect_status(200)
            .json
    }

    /// Everything that took place, in order.
    #[track_caller]
    pub(crate) fn effects(&self) -> Vec<Effect> {
        self.list("ledger", "effects")
            .iter()
            .map(Effect::read)
            .collect()
    }

    /// What took place with one booking, by its reference.
    #[track_caller]
    pub(crate) fn effects_of(&self, reference: &str) -> Vec<Effect> {
        self.effects()
            .into_iter()
            .filter(|effect| effect.reference == reference)
            .collect()
    }

    /// How often a booking had an effect of this kind.
    #[track_caller]
    pub(crate) fn count(&self, reference: &str, kind: &str) -> usize {
        self.effects_of(reference)
            .iter()
            .filter(|effect| effect.kind == kind)
            .count()
    }

    /// How many requests came, by operation.
    #[track_caller]
    pub(crate) fn requests(&self) -> BTreeMap<String, u64> {
        let requests = self.read("requests");
        let operations = requests["operations"]
            .as_object()
            .expect("requests by operation");
        operations
            .iter()
            .map(|(name, count)| (name.clone(), count.as_u64().unwrap_or(0)))
            .collect()
    }

    /// Every callback that was made, in order, the lost ones included.
    #[track_caller]
    pub(crate) fn callbacks(&self) -> Vec<Value> {
        self.list("callbacks", "callbacks")
    }

    #[track_caller]
    fn list(&self, what: &str, field: &str) -> Vec<Value> {
        self.read(what)[field].as_array().expect("a list").clone()
    }
}
