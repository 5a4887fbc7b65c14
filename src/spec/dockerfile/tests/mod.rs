//! Dockerfiles as a whole.

mod corpus;
mod meaning;
mod properties;
mod size;

use super::*;
use crate::base::Platform;

fn path() -> &'static Path {
    Path::new("Dockerfile")
}

fn options() -> Options {
    Options::new("linux/amd64".parse::<Platform>().unwrap())
}

/// A base that is known.
#[expect(clippy::unnecessary_wraps, reason = "it is asked like one that may not be known")]
fn base(_: &Origin, _: &Platform) -> Option<BaseImage> {
    let env =
        [("PATH", "/bin"), ("FROM_BASE", "yes")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some(BaseImage { env: env.to_vec(), ..BaseImage::default() })
}

/// The steps of the last stage.
fn steps(text: &str) -> Vec<Step> {
    steps_with(text, &options())
}

fn steps_with(text: &str, options: &Options) -> Vec<Step> {
    let evaluated = parse(path(), text).and_then(|file| evaluate(&file, options, &base));
    let mut evaluated = evaluated.unwrap_or_else(|error| panic!("{error}"));
    evaluated.stages.pop().unwrap().steps
}

/// What the history of the last stage says.
fn history(text: &str) -> Vec<String> {
    steps(text).iter().filter_map(Step::created_by).collect()
}

/// What is wrong with a file: place and message of each problem.
fn problems(text: &str) -> Vec<String> {
    let error = check(path(), text, &options(), &base).error;
    let problems = error.map(|error| error.problems).unwrap_or_default();
    problems.iter().map(|it| format!("{}:{} {}", it.line, it.column, it.message)).collect()
}

/// What the checks find: line and name of each.
fn findings_with(text: &str, options: &Options, bases: Bases<'_>) -> Vec<String> {
    let checked = check(path(), text, options, bases);
    assert_eq!(checked.error, None);
    checked.findings.iter().map(|it| format!("{} {}", it.problem.line, it.rule.name())).collect()
}

fn findings(text: &str) -> Vec<String> {
    findings_with(text, &options(), &base)
}

/// The value of a variable at the end of the last stage.
fn value(text: &str, name: &str) -> String {
    let text = format!("{text}\nUSER [${name}]");
    match steps(&text).pop().unwrap().action {
        Action::User(user) => user,
        other => panic!("{other:?}"),
    }
}
