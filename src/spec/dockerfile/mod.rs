//! Dockerfiles, as BuildKit's frontend `docker/dockerfile:1` reads them.
//!
//! Text becomes instructions ([`parse`]), and with build arguments, a platform and the environment of the base
//! images these become steps without variables ([`evaluate`]). [`check`] does both and tells what it thinks of the
//! file. All of it is pure: no file is opened, no registry asked, and time and memory are bounded by the length of
//! the text and by what variables may add up to.
//!
//! The language: <https://docs.docker.com/reference/dockerfile/>. What that leaves open is what BuildKit 0.34 does;
//! `tests/interop/dockerfile.sh` compares the two.

mod evaluate;
mod expand;
mod flags;
mod heredoc;
mod ignored;
pub mod instruction;
mod lines;
mod lint;
mod parse;
mod pattern;
mod place;
mod run;
mod source;
mod stage;
mod stages;
pub mod step;
mod values;
mod words;

pub use evaluate::{BaseImage, Bases, Evaluated, EvaluatedStage, Options};
pub use expand::{Budget, ExpandError, Expansion, Lexer, Lookup};
pub use ignored::Ignored;
pub use instruction::{Body, Instruction, Stage};
pub use lines::{Directive, Directives};
pub use lint::{Finding, Rule};
pub use pattern::PatternFault;
pub use place::Part;
pub use source::Span;
pub use stages::Origin;
pub use step::{Action, Step};
pub use values::Mode;
pub use words::Word;

use super::problem::SpecError;
use lint::Lint;
use source::{Faults, Source};
use std::path::Path;

/// A Dockerfile, before any variable has a value.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    source: Source,
    /// What the comments at the top set.
    pub directives: Directives,
    /// The `ARG` instructions above the first stage.
    pub globals: Vec<Instruction>,
    /// The stages; never none.
    pub stages: Vec<Stage>,
}

/// What there is to say about a Dockerfile.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What is wrong with it.
    pub error: Option<SpecError>,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// Whether findings count as errors: the file says so with `# check=error=true`.
    pub findings_are_errors: bool,
}

/// The text of a Dockerfile; an error names the place of the first byte that is not UTF-8.
pub fn text<'b>(file: &Path, bytes: &'b [u8]) -> Result<&'b str, SpecError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let end = good.len();
        let source = Source::new(file.to_owned(), &(good.into_owned() + "\u{fffd}"));
        let byte = bytes[error.valid_up_to()];
        let message = format!("byte {byte:#04x} is not UTF-8");
        let problem = source.problem(Span { start: end, end: end + 3 }, message, None);
        SpecError::new(file, vec![problem])
    })
}

/// Reads the text of a Dockerfile; `file` is its name in messages.
pub fn parse(file: &Path, text: &str) -> Result<Dockerfile, SpecError> {
    let (dockerfile, faults, _) = read(file, text);
    match faults.into_error(&dockerfile.source) {
        None => Ok(dockerfile),
        Some(error) => Err(error),
    }
}

fn read(file: &Path, text: &str) -> (Dockerfile, Faults, bool) {
    let parse::Parsed { source, directives, globals, stages, faults, usable } = parse::parse(file, text);
    (Dockerfile { source, directives, globals, stages }, faults, usable)
}

/// Replaces the variables of a file that was read, in the stages that the target needs.
///
/// `bases` gives what is known of base images; one that is not known yet counts as one that might define
/// anything. So a first call with none tells which there are, see [`Evaluated::origins`], and a second one with
/// what they are gives the steps.
pub fn evaluate(
    dockerfile: &Dockerfile,
    options: &Options,
    bases: Bases<'_>,
) -> Result<Evaluated, SpecError> {
    let mut faults = Faults::default();
    let evaluated = evaluate::evaluate(dockerfile, options, bases, &mut Lint::default(), &mut faults);
    match (evaluated, faults.into_error(&dockerfile.source)) {
        (Some(evaluated), None) => Ok(evaluated),
        (_, error) => Err(error.expect("what gives nothing has a fault")),
    }
}

/// Says all that there is to say about a file. Without a target in `options`, all stages are looked at.
pub fn check(file: &Path, text: &str, options: &Options, bases: Bases<'_>) -> Checked {
    let (dockerfile, mut faults, usable) = read(file, text);
    let mut lint = Lint::new(&dockerfile.directives, &mut faults);
    if usable {
        lint::file(&dockerfile.source, &dockerfile.globals, &dockerfile.stages, &mut lint);
        let options = Options { all_stages: options.target.is_none(), ..options.clone() };
        let mut more = Faults::default();
        // Its steps are of no interest here.
        let _steps = evaluate::evaluate(&dockerfile, &options, bases, &mut lint, &mut more);
        faults.append(more);
    }
    let source = &dockerfile.source;
    Checked {
        findings_are_errors: lint.is_error(),
        findings: lint.into_findings(source),
        error: faults.into_error(source),
    }
}

#[cfg(test)]
mod tests;
