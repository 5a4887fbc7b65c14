//! RUN, which can't be carried out yet: the error says how to get along without it.

use super::DockerfileError;
use crate::spec::dockerfile::step::{Action, RunCommand, Step};
use crate::spec::dockerfile::{Dockerfile, Evaluated, Part};

/// Refuses a file whose stages run something.
pub(super) fn refuse(file: &Dockerfile, evaluated: &Evaluated) -> Result<(), DockerfileError> {
    let steps = evaluated.stages.iter().flat_map(|stage| &stage.steps);
    let mut runs = steps.filter_map(|step| match &step.action {
        Action::Run(run) => Some((step, run)),
        _ => None,
    });
    let Some((step, run)) = runs.next() else { return Ok(()) };
    let mut lines: Vec<usize> = runs.map(|(step, _)| step.line).filter(|line| *line != step.line).collect();
    lines.sort_unstable();
    lines.dedup();
    let others = match lines.as_slice() {
        [] => String::new(),
        [line] => format!("; so is the one in line {line}"),
        [first, ..] => format!("; so are {} more, from line {first} on", lines.len()),
    };
    Err(file.problem(step, Part::Keyword, message(step), Some(advice(run) + &others)).into())
}

fn message(step: &Step) -> String {
    let what = if step.is_trigger { "the base wants a RUN here (ONBUILD)" } else { "RUN is not supported" };
    format!(
        "{what}: it needs a container to run in, and consign builds without a daemon and without containers"
    )
}

/// What is run where, and what to do instead.
const INSTEAD: [(&[&str], &str); 9] = [
    (
        &["npm ci", "npm install", "yarn install", "pnpm install", "npm i "],
        "run `npm ci` in the job before, and write `COPY node_modules ./node_modules`",
    ),
    (
        &["npm run", "yarn build", "pnpm build", "npx "],
        "run `npm run build` in the job before, and COPY the folder that it makes, such as `COPY dist ./dist`",
    ),
    (
        &["pip install", "pip3 install", "uv sync", "uv pip", "poetry install"],
        "run `pip install --target packages -r requirements.txt` in the job before, and write `COPY packages \
         /app/packages` and `ENV PYTHONPATH=/app/packages`",
    ),
    (
        &["go build", "go install", "go mod download"],
        "run `CGO_ENABLED=0 go build -o app .` in the job before, and write `COPY app /app`",
    ),
    (
        &["cargo build"],
        "run `cargo build --release` in the job before, and COPY the program from `target/release`",
    ),
    (
        &["mvn ", "mvnw", "gradle"],
        "run the build in the job before, and COPY its result, such as `COPY target/app.jar /app.jar`",
    ),
    (
        &["apt-get", "apt ", "apk ", "dnf ", "yum ", "microdnf"],
        "build on an image that has these packages; one with them is made and pushed now and then, by a job of its own",
    ),
    (
        &["useradd", "adduser", "addgroup"],
        "write `USER 1000:1000` and `COPY --chown=1000:1000`: numbers need no account",
    ),
    (
        &["mkdir", "chmod", "chown", "ln -s"],
        "write `WORKDIR /path` for a directory, `COPY --chmod=0755` and `COPY --chown=1000:1000` for modes and owners, \
         and COPY links that the job before has made",
    ),
];

fn advice(run: &RunCommand) -> String {
    let mut text = run.words.join(" ");
    run.documents.iter().for_each(|document| text.push_str(&document.content));
    let found = INSTEAD.iter().find(|(signs, _)| signs.iter().any(|sign| text.contains(sign)));
    match found {
        Some((_, advice)) => (*advice).to_owned(),
        None => "do this step in the job before `consign build`, and COPY what it makes".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_fits_the_command() {
        let advice = |words: &[&str]| {
            advice(&RunCommand {
                words: words.iter().map(|&word| word.to_owned()).collect(),
                documents: Vec::new(),
            })
        };
        assert!(advice(&["/bin/sh", "-c", "npm ci --omit=dev"]).contains("node_modules"));
        assert!(advice(&["go", "build", "./..."]).contains("CGO_ENABLED"));
        assert!(advice(&["/bin/sh", "-c", "apt-get update && apt-get install -y curl"]).contains("packages"));
        assert!(advice(&["/bin/sh", "-c", "make"]).contains("COPY what it makes"));
    }
}
