//! Errors as annotations: they stand on the job's page, and at the line of the file that is wrong.

use super::Command;
use super::inputs::InputsError;
use crate::base::Failure;
use crate::spec::{Problem, SpecError};
use std::error::Error;
use std::path::{Path, PathBuf};

/// Where paths are relative to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The top of the repository: `GITHUB_WORKSPACE`.
    pub workspace: PathBuf,
    /// The current directory.
    pub here: PathBuf,
}

impl Place {
    /// `file` as GitHub names it: from the top of the repository.
    fn name(&self, file: &Path) -> String {
        let whole = self.here.join(file);
        let mut parts = PathBuf::new();
        for part in whole.components() {
            match part {
                std::path::Component::CurDir => {}
                std::path::Component::ParentDir => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.strip_prefix(&self.workspace).unwrap_or(&parts).display().to_string()
    }
}

/// The annotations that tell of `failure`: one for each problem of a file or of the action's inputs, else one.
/// `text` is what a log shows of it.
pub fn annotations(failure: &dyn Failure, text: &str, place: &Place) -> Vec<Command> {
    let error: &(dyn Error + 'static) = failure;
    if let Some(SpecError { file, problems }) = error.downcast_ref::<SpecError>() {
        return problems.iter().map(|problem| at(problem, file, place)).collect();
    }
    if let Some(InputsError { problems }) = error.downcast_ref::<InputsError>() {
        return problems
            .iter()
            .map(|problem| Command::error("consign: inputs", problem.to_string()))
            .collect();
    }
    vec![Command::error("consign", text)]
}

fn at(problem: &Problem, file: &Path, place: &Place) -> Command {
    let Problem { line, column, width, .. } = problem;
    Command::error("consign", problem.text(file))
        .with("file", place.name(file))
        .with("line", line.to_string())
        .with("col", column.to_string())
        .with("endColumn", (column + width).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        let place = |here: &str| Place { workspace: "/w/shop".into(), here: here.into() };
        assert_eq!(place("/w/shop").name(Path::new("consign.yaml")), "consign.yaml");
        assert_eq!(place("/w/shop/api").name(Path::new("./a/../consign.yaml")), "api/consign.yaml");
        assert_eq!(place("/w/shop/api").name(Path::new("../consign.yaml")), "consign.yaml");
        assert_eq!(place("/tmp").name(Path::new("/w/shop/x.yaml")), "x.yaml");
        assert_eq!(place("/tmp").name(Path::new("x.yaml")), "/tmp/x.yaml");
    }

    #[test]
    fn a_problem_of_a_file_stands_at_its_line() {
        let text = "apiVersion: consign/v1\nbaze: x\n";
        let error = crate::spec::yaml::parse(Path::new("app/consign.yaml"), text).unwrap_err();
        let place = Place { workspace: "/w".into(), here: "/w".into() };
        let all = annotations(&error, "not used", &place);
        let shown: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 1);
        assert!(
            shown[0].starts_with(
                "::error title=consign,file=app/consign.yaml,line=2,col=1,endColumn=5::app/consign"
            ),
            "{shown:?}"
        );
        assert!(shown[0].contains("%0Ahint: "), "{shown:?}");
    }
}
