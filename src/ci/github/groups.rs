//! The phases of the work as groups of the log that can be folded away.
//!
//! What a reader looks for first stays outside: tags with their digests, results, and errors.

use super::Command;
use crate::base::Event;

/// Puts commands between the lines of the log. One value goes with one log.
#[derive(Debug, Default)]
pub struct Groups {
    open: bool,
    context: bool,
}

/// What goes into the log at an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// Before the event's own lines.
    pub before: Vec<Command>,
    /// Whether the event's own line is the title of the group.
    pub is_title: bool,
    /// After them.
    pub after: Vec<Command>,
}

impl Groups {
    /// What goes around the lines of `event`.
    pub fn around(&mut self, event: &Event) -> Around {
        let mut around = Around::default();
        match event {
            Event::Started { what } if !self.context => {
                self.context = true;
                self.open = true;
                around.before.push(Command::group(what.clone()));
                around.is_title = true;
            }
            Event::ContextRead { .. } => around.after.extend(self.end()),
            Event::Authenticated { .. }
            | Event::RepositoryCreated { .. }
            | Event::LayerDone { .. }
            | Event::Retrying { .. }
                if !self.open =>
            {
                self.open = true;
                around.before.push(Command::group("layers"));
            }
            Event::Tagged { .. } => around.before.extend(self.end()),
            _ => {}
        }
        around
    }

    /// The command that ends the group that is open, if one is.
    pub fn end(&mut self) -> Option<Command> {
        std::mem::take(&mut self.open).then(Command::end_group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BlobDigest, ManifestDigest};

    #[test]
    fn phases() {
        let mut groups = Groups::default();
        let digest = BlobDigest::of(b"layer");
        let layer = Event::LayerDone { index: 0, name: "app".into(), digest, bytes: 1, reused: true };
        let digest = ManifestDigest::of(b"manifest");
        let tagged = Event::Tagged { reference: "shop/api:1".into(), digest, unchanged: false };
        let events = [
            Event::Started { what: "reading dist".into() },
            Event::ContextRead { entries: 1, bytes: 1 },
            Event::Started { what: "something".into() },
            Event::Authenticated { source: "x".into(), arn: None },
            layer.clone(),
            tagged.clone(),
            tagged.clone(),
            layer,
        ];
        let mut log = Vec::new();
        for event in &events {
            let Around { before, is_title, after } = groups.around(event);
            log.extend(before.iter().map(ToString::to_string));
            if !is_title {
                log.push(format!("{event:?}").split(' ').next().unwrap().to_owned());
            }
            log.extend(after.iter().map(ToString::to_string));
        }
        log.extend(groups.end().map(|command| command.to_string()));
        assert!(groups.end().is_none());
        insta::assert_snapshot!(log.join("\n"), @r"
        ::group::reading dist
        ContextRead
        ::endgroup::
        Started
        ::group::layers
        Authenticated
        LayerDone
        ::endgroup::
        Tagged
        Tagged
        ::group::layers
        LayerDone
        ::endgroup::
        ");
    }
}
