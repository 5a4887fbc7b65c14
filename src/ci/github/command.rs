//! Workflow commands: lines of a job's log that the runner acts on
//! (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>).
//!
//! The runner reads them from stdout and stderr alike (each stream of a step goes through the same parser in
//! `ScriptHandler`), so they go to stderr here: stdout is the result, also for a step that captures it. A line is a
//! command if it begins with `::`, after white space, or holds `##[`, the older form, anywhere. So every line that is
//! none of ours is made [`harmless`].

use crate::base::Secret;
use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;

/// One command. As text it is one line, whatever its values are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    name: &'static str,
    properties: Vec<(&'static str, String)>,
    data: String,
}

impl Command {
    fn new(name: &'static str, data: impl Into<String>) -> Self {
        Self { name, properties: Vec::new(), data: data.into() }
    }

    /// The lines that follow can be folded away under `title`.
    pub fn group(title: impl Into<String>) -> Self {
        Self::new("group", title)
    }

    /// The group ends here; groups do not nest.
    pub fn end_group() -> Self {
        Self::new("endgroup", "")
    }

    /// An annotation that says something.
    pub fn notice(message: impl Into<String>) -> Self {
        Self::new("notice", message).with("title", "consign")
    }

    /// An annotation that warns.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new("warning", message).with("title", "consign")
    }

    /// An annotation that says what failed.
    pub fn error(title: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new("error", message).with("title", title)
    }

    /// Adds a property, such as `file` or `line`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.properties.push((name, value.into()));
        self
    }

    /// The commands that hide `secret` in the log from here on, one for each of its lines, as the log is masked line
    /// by line.
    pub fn masks(secret: &Secret) -> Vec<Secret> {
        let lines = secret.expose().lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(|line| Secret::new(Self::new("add-mask", line).to_string())).collect()
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "::{}", self.name)?;
        for (index, (name, value)) in self.properties.iter().enumerate() {
            let separator = if index == 0 { ' ' } else { ',' };
            write!(f, "{separator}{name}={}", escaped(value, true))?;
        }
        write!(f, "::{}", escaped(&self.data, false))
    }
}

/// `text` as the runner undoes it: `%`, CR and LF, in a property also `:` and `,`.
fn escaped(text: &str, property: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '\r' | '\n') || property && matches!(character, ':' | ',') {
            let _ = write!(escaped, "%{:02X}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// `text` without a line that the runner would take for a command: names of files, branches and layers are not ours.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let is_command = |line: &str| line.trim_start().starts_with("::");
    if !text.contains("##[") && !lines(text).any(is_command) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for line in lines(text) {
        if is_command(line) {
            safe.push_str("| ");
        }
        safe.push_str(&line.replace("##[", "## ["));
    }
    Cow::Owned(safe)
}

/// The lines of `text` with their ends. The runner also ends one at a CR on its own.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['\n', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_can_not_leave_their_place() {
        let error =
            Command::error("a:b,c\n::d", "100%\r\n::set-output name=x::y").with("file", "x,line=7::z");
        assert_eq!(
            error.to_string(),
            "::error title=a%3Ab%2Cc%0A%3A%3Ad,file=x%2Cline=7%3A%3Az::100%25%0D%0A::set-output name=x::y"
        );
        assert_eq!(Command::group("a\nb").to_string(), "::group::a%0Ab");
        assert_eq!(Command::end_group().to_string(), "::endgroup::");
    }

    #[test]
    fn a_mask_for_each_line() {
        let masks = Command::masks(&Secret::new("one%\n\n  two\r\n"));
        assert_eq!(
            masks.iter().map(Secret::expose).collect::<Vec<_>>(),
            ["::add-mask::one%25", "::add-mask::two"]
        );
        assert!(Command::masks(&Secret::new(" \n")).is_empty());
    }

    #[test]
    fn what_others_wrote_is_no_command() {
        assert_eq!(harmless("a::b ::c\nx"), "a::b ::c\nx");
        assert_eq!(
            harmless("a\n  ::set-output name=x::y\r::z\nb ##[error]c"),
            "a\n|   ::set-output name=x::y\r| ::z\nb ## [error]c"
        );
    }
}
