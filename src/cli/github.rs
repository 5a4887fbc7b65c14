//! What a log of GitHub Actions gets besides the lines that every log gets: groups, and annotations.

use super::printer::Printer;
use crate::base::{Env, Event, Reporter, env};
use crate::ci::github::{Groups, Place};
use std::sync::{Arc, Mutex, PoisonError};

/// Where we are in a job of GitHub Actions; none elsewhere.
pub(super) fn place(environment: &Env) -> Option<Place> {
    environment.get(env::GITHUB_ACTIONS)?;
    let here = std::env::current_dir().unwrap_or_default();
    let workspace = environment.get(env::GITHUB_WORKSPACE).map_or_else(|| here.clone(), Into::into);
    Some(Place { workspace, here })
}

/// Puts the phases of the work into groups.
#[derive(Debug)]
pub(super) struct Grouping {
    printer: Printer,
    inner: Arc<dyn Reporter>,
    groups: Mutex<Groups>,
}

impl Grouping {
    /// Around what `inner` prints.
    pub(super) fn new(printer: Printer, inner: Arc<dyn Reporter>) -> Self {
        Self { printer, inner, groups: Mutex::default() }
    }
}

impl Reporter for Grouping {
    fn event(&self, event: Event) {
        // Held while lines are printed, so that those of another thread do not come in between.
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let around = groups.around(&event);
        around.before.iter().for_each(|command| self.printer.command(command));
        if !around.is_title {
            self.inner.event(event);
        }
        around.after.iter().for_each(|command| self.printer.command(command));
    }

    fn finish(&self) {
        self.inner.finish();
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(command) = groups.end() {
            self.printer.command(&command);
        }
    }
}
