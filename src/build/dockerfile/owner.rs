//! Who `--chown` and USER mean.

use super::stage::Stage;
use super::{Build, DockerfileError};
use crate::base::Failure;
use crate::spec::Owner;
use crate::spec::dockerfile::Part;
use crate::spec::dockerfile::step::Step;
use crate::tree::{FileError, FileSystem, Node};
use std::sync::Arc;

/// A file of accounts is not longer than that, says BuildKit.
const MOST_BYTES: u64 = 10 << 20;

impl Build<'_> {
    /// `USER[:GROUP]`, each a number or a name that the stage's `/etc/passwd` and `/etc/group` know. As with BuildKit a
    /// user's number alone is that of the group too, and a name that nobody knows is 0; but that is worth a warning.
    pub(super) fn owner(
        &self,
        stage: &mut Stage,
        step: &Step,
        part: Part,
        text: &str,
    ) -> Result<Owner, DockerfileError> {
        let (user, group) = text.split_once(':').map_or((text, ""), |(user, group)| (user, group));
        let mut owner = Owner::default();
        if let Some(id) = number(user) {
            owner = Owner { uid: id, gid: id };
        } else if !user.is_empty()
            && let Some(fields) = self.account(stage, step, part, "passwd", user)?
        {
            owner = Owner { uid: field(&fields, 2), gid: field(&fields, 3) };
        }
        if let Some(id) = number(group) {
            owner.gid = id;
        } else if !group.is_empty()
            && let Some(fields) = self.account(stage, step, part, "group", group)?
        {
            owner.gid = field(&fields, 2);
        }
        Ok(owner)
    }

    /// The line of `/etc/FILE` that begins with `name`.
    fn account(
        &self,
        stage: &mut Stage,
        step: &Step,
        part: Part,
        file: &str,
        name: &str,
    ) -> Result<Option<Vec<String>>, DockerfileError> {
        // As with BuildKit: nobody can be known where there is nothing at all.
        if stage.base.is_none() && stage.layers.is_empty() {
            let what = if file == "passwd" { "user" } else { "group" };
            let message = format!("the stage is empty, so it knows no {what} `{name}`");
            let hint = "write numbers, as in `1000:1000`: they need no account".to_owned();
            return Err(self.request.file.problem(step, part, message, Some(hint)).into());
        }
        let failed = |failure: &Arc<dyn Failure>| self.failed(step, part, failure);
        let files = stage.files(self).map_err(|failure| failed(&failure))?;
        let path = format!("/etc/{file}");
        let text = content(files, &path).map_err(|error| {
            self.request.file.problem(step, part, format!("`{path}` of the stage: {error}"), None)
        })?;
        let lines = text.lines().map(|line| line.trim().split(':').map(str::to_owned).collect::<Vec<_>>());
        let found = lines.into_iter().find(|fields| fields.first().is_some_and(|known| known == name));
        if found.is_none() {
            let what = if file == "passwd" { "user" } else { "group" };
            self.request.reporter.warn(format!(
                "line {}: `{path}` of the stage knows no {what} `{name}`, so it is 0, as with BuildKit",
                step.line
            ));
        }
        Ok(found)
    }
}

/// As BuildKit reads one: `root` is 0 everywhere.
fn number(text: &str) -> Option<u32> {
    if text == "root" {
        return Some(0);
    }
    text.parse::<i32>().ok().and_then(|number| u32::try_from(number).ok())
}

fn field(fields: &[String], index: usize) -> u32 {
    fields.get(index).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The text of a file; none if it is not there, or is no file.
fn content(files: &FileSystem, path: &str) -> Result<String, FileError> {
    let found = files.resolve(path.as_bytes()).ok().flatten();
    let node = found.as_ref().and_then(|path| files.get(path)).map(|entry| &entry.node);
    let node = match node {
        Some(Node::HardLink(original)) => files.get(original).map(|entry| &entry.node),
        other => other,
    };
    let Some(Node::File(file)) =
        node.filter(|node| matches!(node, Node::File(file) if file.size <= MOST_BYTES))
    else {
        return Ok(String::new());
    };
    let mut reader = file.open()?;
    let mut bytes = vec![0; usize::try_from(file.size).unwrap_or_default()];
    let mut done = 0;
    while done < bytes.len() {
        done += reader.read(&mut bytes[done..])?;
    }
    reader.finish()?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
