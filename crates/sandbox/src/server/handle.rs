//! A shared world that tells the server when somebody has touched it.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::world::World;

/// A world that a server and tests share.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

struct Shared {
    world: Mutex<World>,
    touched: Notify,
}

/// The world, locked. Whoever serves it is woken when this is dropped.
pub struct Locked<'a> {
    world: MutexGuard<'a, World>,
    touched: &'a Notify,
}

impl Handle {
    /// Shares a world; without a server it is the world of a simulation.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self(Arc::new(Shared {
            world: Mutex::new(world),
            touched: Notify::new(),
        }))
    }

    /// Locks the world. Not to be held over an await.
    #[must_use]
    pub fn lock(&self) -> Locked<'_> {
        let world = self.0.world.lock().unwrap_or_else(PoisonError::into_inner);
        Locked {
            world,
            touched: &self.0.touched,
        }
    }

    /// Uses the world without waking anybody.
    pub(super) fn quietly<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.0.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns once the world was locked by somebody else since the last call.
    pub(super) async fn touched(&self) {
        self.0.touched.notified().await;
    }
}

impl Deref for Locked<'_> {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.touched.notify_one();
    }
}
