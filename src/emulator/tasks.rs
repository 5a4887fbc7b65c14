//! Work that goes on after the answer: its end is waited for when the emulator stops.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use tokio::task::JoinSet;

/// What goes on.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    running: Mutex<JoinSet<()>>,
    /// Held while a tag is carried from one registry to another, so that the last word stays the last.
    pub(super) order: Mutex<()>,
    /// Wakes what only lets time pass.
    stop: tokio::sync::Notify,
}

impl Tasks {
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        running.spawn(task);
    }

    /// Ends when the emulator is about to stop.
    pub(super) async fn stopping(&self) {
        self.stop.notified().await;
    }

    /// Waits until nothing goes on any more.
    pub(super) async fn finish(&self) {
        self.stop.notify_waiters();
        loop {
            let mut running =
                std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
            if running.is_empty() {
                return;
            }
            while running.join_next().await.is_some() {}
        }
    }

    /// Stops everything.
    pub(super) fn abort(&self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}
