//! Places in a file for those who carry out its steps, and find that one can't be done.

use super::Dockerfile;
use super::instruction::{Body, Copy};
use super::source::Span;
use super::step::Step;
use crate::spec::problem::SpecError;

/// A part of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `COPY`
    Keyword,
    /// A source of a COPY or ADD, by its number from 0.
    Source(usize),
    /// Where a COPY or ADD goes to, or the path of a WORKDIR.
    Destination,
    /// `--from`
    From,
    /// `--chown`
    Chown,
    /// `--exclude`, by its number from 0.
    Exclude(usize),
    /// `--checksum`
    Checksum,
    /// All of it.
    Whole,
}

impl Dockerfile {
    /// What is wrong with a step, shown at its place. A step that comes with a base is shown at the `FROM`.
    pub fn problem(&self, step: &Step, part: Part, message: String, hint: Option<String>) -> SpecError {
        self.problem_in(step.line, part, message, hint)
    }

    /// What is wrong with what a stage starts from; `stage` is its number from 0.
    pub fn base_problem(&self, stage: usize, message: String, hint: Option<String>) -> SpecError {
        let span = self.stages.get(stage).map(|stage| stage.base.span).unwrap_or_default();
        self.at(span, message, hint)
    }

    fn problem_in(&self, line: usize, part: Part, message: String, hint: Option<String>) -> SpecError {
        let instructions = self.stages.iter().flat_map(|stage| &stage.instructions);
        let mut here = instructions.filter(|instruction| instruction.head.lines.0 == line);
        let span = match here.next() {
            Some(instruction) => {
                let head = &instruction.head;
                let found = match (&instruction.body, part) {
                    (_, Part::Whole) => Some(head.span),
                    (Body::Copy(copy) | Body::Add(copy), part) => part_of(copy, part),
                    (Body::Workdir(word), Part::Destination) => Some(word.span),
                    _ => None,
                };
                found.unwrap_or(head.keyword.span)
            }
            None => {
                let stage = self.stages.iter().find(|stage| stage.head.lines.0 == line);
                stage.map(|stage| stage.base.span).unwrap_or_default()
            }
        };
        self.at(span, message, hint)
    }

    fn at(&self, span: Span, message: String, hint: Option<String>) -> SpecError {
        SpecError::new(&self.source.file, vec![self.source.problem(span, message, hint)])
    }
}

fn part_of(copy: &Copy, part: Part) -> Option<Span> {
    let word = match part {
        Part::Source(index) => copy.sources.get(index),
        Part::Destination => Some(&copy.destination),
        Part::From => copy.from.as_ref(),
        Part::Chown => copy.chown.as_ref(),
        Part::Exclude(index) => copy.exclude.get(index),
        Part::Checksum => copy.checksum.as_ref(),
        Part::Keyword | Part::Whole => None,
    };
    word.map(|word| word.span)
}
