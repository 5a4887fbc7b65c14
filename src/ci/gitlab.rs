//! GitLab's job log: the phases of the work as sections that can be folded away.
//!
//! A section begins and ends with a marker that GitLab takes out of the log
//! (<https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections>). What a reader looks for first stays
//! outside: who is pushing, tags with their digests, results, and errors.

use crate::base::{Event, Timestamp};

/// Puts markers between the lines of the log. One value goes with one log.
#[derive(Debug, Default)]
pub struct Sections {
    /// The name of the section that is open.
    open: Option<String>,
    /// Whether the section of the context has been there.
    context: bool,
    /// How many sections of layers there were, one for each repository.
    layers: u32,
}

impl Sections {
    /// The lines that `event` puts into the log, given the `line` that it would put there without sections.
    pub fn lines(&mut self, event: &Event, line: Option<String>, now: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        match event {
            Event::Started { what } if !self.context => {
                self.context = true;
                lines.push(self.start("consign_context".into(), what, now));
            }
            Event::ContextRead { .. } => {
                lines.extend(line);
                lines.extend(self.end(now));
            }
            Event::LayerStarted { .. } | Event::LayerDone { .. } => {
                if self.open.is_none() {
                    self.layers += 1;
                    // A name may occur only once in a log.
                    let name = match self.layers {
                        1 => "consign_layers".to_owned(),
                        number => format!("consign_layers_{number}"),
                    };
                    lines.push(self.start(name, "layers", now));
                }
                lines.extend(line);
            }
            Event::Tagged { .. } => {
                lines.extend(self.end(now));
                lines.extend(line);
            }
            _ => lines.extend(line),
        }
        lines
    }

    /// The marker that ends the section that is open, if one is.
    pub fn end(&mut self, now: Timestamp) -> Option<String> {
        let name = self.open.take()?;
        Some(format!("{CLEAR}section_end:{}:{name}\r{CLEAR}", now.as_second()))
    }

    fn start(&mut self, name: String, header: &str, now: Timestamp) -> String {
        let marker = format!("{CLEAR}section_start:{}:{name}\r{CLEAR}{header}", now.as_second());
        self.open = Some(name);
        marker
    }
}

/// Clears the line, for readers of the log that do not know the markers.
const CLEAR: &str = "\x1b[0K";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BlobDigest, ManifestDigest};

    fn log(events: &[Event]) -> String {
        let mut sections = Sections::default();
        let mut lines = Vec::new();
        for (second, event) in (1..).zip(events) {
            let line = match event {
                Event::LayerStarted { .. } => None,
                _ => Some(format!("{event:?}").split(' ').next().unwrap().to_owned()),
            };
            lines.extend(sections.lines(event, line, Timestamp::from_second(second).unwrap()));
        }
        lines.extend(sections.end(Timestamp::from_second(99).unwrap()));
        lines.join("\n").replace(CLEAR, "").replace('\r', "|")
    }

    fn started(what: &str) -> Event {
        Event::Started { what: what.into() }
    }

    fn done(index: usize) -> Event {
        let digest = BlobDigest::of(b"layer");
        Event::LayerDone { index, name: "app".into(), digest, bytes: 1, reused: false }
    }

    fn tagged() -> Event {
        let digest = ManifestDigest::of(b"manifest");
        Event::Tagged { reference: "shop/api:1".into(), digest, unchanged: false }
    }

    #[test]
    fn two_repositories() {
        let read = Event::ContextRead { entries: 1, bytes: 1 };
        let authenticated = Event::Authenticated { source: "x".into(), arn: None };
        let layer = Event::LayerStarted { index: 0, name: "app".into(), bytes: None };
        let events = [
            started("reading dist"),
            read,
            authenticated,
            layer,
            done(0),
            tagged(),
            tagged(),
            done(0),
            tagged(),
        ];
        insta::assert_snapshot!(log(&events), @r"
        section_start:1:consign_context|reading dist
        ContextRead
        section_end:2:consign_context|
        Authenticated
        section_start:4:consign_layers|layers
        LayerDone
        section_end:6:consign_layers|
        Tagged
        Tagged
        section_start:8:consign_layers_2|layers
        LayerDone
        section_end:9:consign_layers_2|
        Tagged
        ");
    }

    #[test]
    fn a_section_ends_with_the_work() {
        assert_eq!(
            log(&[started("reading dist")]),
            "section_start:1:consign_context|reading dist\nsection_end:99:consign_context|"
        );
        let warning = Event::Warning { message: "x".into() };
        let read = Event::ContextRead { entries: 1, bytes: 1 };
        insta::assert_snapshot!(log(&[started("a"), read, started("b"), warning, done(0)]), @r"
        section_start:1:consign_context|a
        ContextRead
        section_end:2:consign_context|
        Started
        Warning
        section_start:5:consign_layers|layers
        LayerDone
        section_end:99:consign_layers|
        ");
    }
}
