//! Texts with expressions in them: `{{branch}}-{{date 'YYYYMMDD' tz='UTC'}}`.
//!
//! metadata-action has the whole language of Handlebars; these are the expressions that it documents, and a block or a
//! helper of another kind is an error.

use super::Scope;
use super::error::{Wrong, quoted};
use super::moment;
use super::version::Version;
use jiff::tz::TimeZone;

/// One such text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Branch,
    Tag,
    Sha,
    BaseRef,
    IsDefaultBranch { expected: bool },
    Date { of_commit: bool, format: String, zone: TimeZone },
    Raw,
    Version,
    Major,
    Minor,
    Patch,
}

/// What an expression needs, and nobody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    Ref,
    Sha,
    DefaultBranch,
    CommitDate,
}

/// The expressions that can stand everywhere.
const GLOBAL: [&str; 8] =
    ["branch", "tag", "sha", "base_ref", "is_default_branch", "is_not_default_branch", "date", "commit_date"];
/// Those that can stand where there is a version too.
const OF_VERSION: [&str; 5] = ["version", "raw", "major", "minor", "patch"];

impl Template {
    /// Reads the value of `field`.
    pub(super) fn parse(field: &str, text: &str) -> Result<Self, Wrong> {
        parse(text, &GLOBAL).map_err(|wrong| Wrong { why: format!("`{field}`: {}", wrong.why), ..wrong })
    }

    /// Reads the value of `field`, which can speak of a version.
    pub(super) fn parse_with_version(field: &str, text: &str) -> Result<Self, Wrong> {
        let known = [&OF_VERSION[..], &GLOBAL[..]].concat();
        parse(text, &known).map_err(|wrong| Wrong { why: format!("`{field}`: {}", wrong.why), ..wrong })
    }

    /// One without expressions.
    pub(super) fn literal(text: &str) -> Self {
        Self(vec![Part::Text(text.into())])
    }

    /// The text, if there is no expression in it.
    pub(super) fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it is `{{raw}}` and nothing more.
    pub(super) fn is_raw(&self) -> bool {
        matches!(self.0.as_slice(), [Part::Raw])
    }

    /// The text, with what the expressions stand for. Without a version, the expressions about one stand for nothing.
    pub(super) fn render(&self, scope: &Scope, version: Option<&Version>) -> Result<String, Lack> {
        let facts = scope.facts;
        let of_version = |field: fn(&Version) -> &String| version.map(field).cloned().unwrap_or_default();
        let mut text = String::new();
        for part in &self.0 {
            text += &match part {
                Part::Text(text) => text.clone(),
                Part::Branch => facts.branch().unwrap_or_default().to_owned(),
                Part::Tag => facts.tag().unwrap_or_default().to_owned(),
                Part::Sha => scope.short_sha().ok_or(Lack::Sha)?,
                Part::BaseRef => facts.base_ref.clone().unwrap_or_default(),
                Part::IsDefaultBranch { expected } => {
                    let is_default = match (facts.branch(), &facts.default_branch) {
                        (None, _) => false,
                        (Some(branch), Some(default)) => branch == default,
                        (Some(_), None) => return Err(Lack::DefaultBranch),
                    };
                    (is_default == *expected).to_string()
                }
                Part::Date { of_commit, format, zone } => {
                    let date =
                        if *of_commit { facts.commit_date.ok_or(Lack::CommitDate)? } else { scope.now };
                    moment::format(&date.to_zoned(zone.clone()), format)
                }
                Part::Raw => of_version(|version| &version.raw),
                Part::Version => of_version(|version| &version.normal),
                Part::Major => of_version(|version| &version.major),
                Part::Minor => of_version(|version| &version.minor),
                Part::Patch => of_version(|version| &version.patch),
            };
        }
        Ok(text)
    }
}

fn parse(text: &str, known: &[&'static str]) -> Result<Template, Wrong> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        if !before.is_empty() {
            parts.push(Part::Text(before.into()));
        }
        let Some((inside, after)) = after.split_once("}}") else {
            return Err(Wrong::new(format!("`{{{{{after}` is not closed with `}}}}`")));
        };
        // Three braces are for HTML, of which there is none here.
        let (inside, after) = match (inside.strip_prefix('{'), after.strip_prefix('}')) {
            (Some(inside), Some(after)) => (inside, after),
            _ => (inside, after),
        };
        parts.push(expression(inside.trim(), before.ends_with('$'), known)?);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    Ok(Template(parts))
}

/// One expression, without its braces.
fn expression(text: &str, of_github: bool, known: &[&'static str]) -> Result<Part, Wrong> {
    let first = text.split(char::is_whitespace).next().unwrap_or_default();
    if of_github && !known.contains(&first) {
        return Err(Wrong::new(format!("`${{{{ {text} }}}}` is an expression of GitHub Actions"))
            .hinted("GitHub fills it in within a workflow's file, and nobody does elsewhere"));
    }
    let words = words(text)?;
    let (name, arguments) = match words.split_first() {
        Some((Word::Bare(name), arguments)) => (name.as_str(), arguments),
        _ => return Err(Wrong::new(format!("`{{{{{text}}}}}` has no name of an expression"))),
    };
    let part = match name {
        "date" | "commit_date" => return date(text, name, arguments),
        "branch" => Part::Branch,
        "tag" => Part::Tag,
        "sha" => Part::Sha,
        "base_ref" => Part::BaseRef,
        "is_default_branch" => Part::IsDefaultBranch { expected: true },
        "is_not_default_branch" => Part::IsDefaultBranch { expected: false },
        "raw" if known.contains(&"raw") => Part::Raw,
        "version" if known.contains(&"version") => Part::Version,
        "major" if known.contains(&"major") => Part::Major,
        "minor" if known.contains(&"minor") => Part::Minor,
        "patch" if known.contains(&"patch") => Part::Patch,
        _ if name.starts_with(['#', '/', '>', '!', '&', '^', '~', '*']) => {
            return Err(Wrong::new(format!(
                "`{{{{{text}}}}}` is a block, a comment or a partial of Handlebars"
            ))
            .hinted(format!("only plain expressions can stand here: {}", quoted(known))));
        }
        _ => return Err(Wrong::unknown(format!("`{{{{{name}}}}}` is no expression here"), name, known)),
    };
    match arguments {
        [] => Ok(part),
        _ => Err(Wrong::new(format!("`{{{{{text}}}}}`: `{name}` takes no argument"))),
    }
}

/// `date 'FORMAT' tz='ZONE'`
fn date(text: &str, name: &str, arguments: &[Word]) -> Result<Part, Wrong> {
    let wrong = |why: String| {
        Wrong::new(format!("`{{{{{text}}}}}`: {why}")).hinted(format!(
            "write `{{{{{name} 'YYYYMMDD'}}}}` or `{{{{{name} 'YYYYMMDD-HHmm' tz='Europe/Berlin'}}}}`"
        ))
    };
    let (format, rest) = match arguments {
        [Word::Quoted(format), rest @ ..] => (format, rest),
        [] => return Err(wrong("it has no format".into())),
        [other, ..] => return Err(wrong(format!("`{}` is no format: it has no quotes", other.text()))),
    };
    let zone = match rest {
        [] => TimeZone::UTC,
        [Word::Pair(key, zone)] if key == "tz" => {
            TimeZone::get(zone).map_err(|_| wrong(format!("`{zone}` is no time zone that is known")))?
        }
        [other, ..] => return Err(wrong(format!("`{}` is not `tz='ZONE'`", other.text()))),
    };
    Ok(Part::Date { of_commit: name == "commit_date", format: format.clone(), zone })
}

/// A word of an expression.
#[derive(Debug)]
enum Word {
    Bare(String),
    Quoted(String),
    /// `key='value'`
    Pair(String, String),
}

impl Word {
    fn text(&self) -> &str {
        match self {
            Self::Bare(text) | Self::Quoted(text) | Self::Pair(text, _) => text,
        }
    }
}

fn words(text: &str) -> Result<Vec<Word>, Wrong> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        // A name, up to white space or a quote; then what is in the quotes.
        let end = rest.find(|c: char| c.is_whitespace() || c == '\'' || c == '"').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'));
        rest = match quote {
            None => {
                words.push(Word::Bare(name.into()));
                after
            }
            Some(quote) => {
                let (inside, after) = after[1..]
                    .split_once(quote)
                    .ok_or_else(|| Wrong::new(format!("`{{{{{text}}}}}` has a quote that is not closed")))?;
                match name.strip_suffix('=') {
                    Some(key) if !key.is_empty() => words.push(Word::Pair(key.into(), inside.into())),
                    None if name.is_empty() => words.push(Word::Quoted(inside.into())),
                    _ => return Err(Wrong::new(format!("`{{{{{text}}}}}` has a quote after `{name}`"))),
                }
                after
            }
        }
        .trim_start();
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{branch, pull_request, scope, tag};
    use super::*;

    fn wrong(text: &str) -> Wrong {
        Template::parse("value", text).unwrap_err()
    }

    #[test]
    fn global_expressions() {
        let render = |facts: &crate::ci::Facts, text: &str| {
            Template::parse("value", text).unwrap().render(&scope(facts), None).unwrap()
        };
        // What metadata-action's page says of each, and of the events.
        let (main, other) = (branch("master"), branch("my/branch"));
        let (tag, request) = (tag("v1.2.3"), pull_request("2", "master"));
        for (text, on_main, on_other, on_tag, on_request) in [
            ("{{branch}}", "master", "my/branch", "", ""),
            ("{{tag}}", "", "", "v1.2.3", ""),
            ("{{sha}}", "90dd603", "90dd603", "90dd603", "90dd603"),
            ("{{base_ref}}", "", "", "", "master"),
            ("{{is_default_branch}}", "true", "false", "false", "false"),
            ("{{is_not_default_branch}}", "false", "true", "true", "true"),
            ("{{date 'YYYYMMDD'}}", "20200110", "20200110", "20200110", "20200110"),
            ("{{ commit_date \"YYYY\" tz='Asia/Tokyo' }}", "2019", "2019", "2019", "2019"),
            (
                "a-{{branch}}-{{{sha}}}-b}}",
                "a-master-90dd603-b}}",
                "a-my/branch-90dd603-b}}",
                "a--90dd603-b}}",
                "a--90dd603-b}}",
            ),
            ("", "", "", "", ""),
        ] {
            let found = [&main, &other, &tag, &request].map(|facts| render(facts, text));
            assert_eq!(found, [on_main, on_other, on_tag, on_request], "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_said() {
        let mut facts = branch("main");
        (facts.sha, facts.default_branch, facts.commit_date) = (None, None, None);
        let lack =
            |text: &str| Template::parse("value", text).unwrap().render(&scope(&facts), None).unwrap_err();
        assert_eq!(lack("{{sha}}"), Lack::Sha);
        assert_eq!(lack("{{is_default_branch}}"), Lack::DefaultBranch);
        assert_eq!(lack("{{commit_date 'YYYY'}}"), Lack::CommitDate);
    }

    #[test]
    fn what_can_not_be_read() {
        for (text, why, hint) in [
            ("{{brnach}}", "`value`: `{{brnach}}` is no expression here", "did you mean `branch`?"),
            ("{{branch", "`value`: `{{branch` is not closed with `}}`", ""),
            (
                "{{#if x}}y",
                "`value`: `{{#if x}}` is a block, a comment or a partial of Handlebars",
                "only plain",
            ),
            (
                "${{ github.ref }}",
                "`value`: `${{ github.ref }}` is an expression of GitHub Actions",
                "GitHub fills",
            ),
            ("{{date}}", "`value`: `{{date}}`: it has no format", "write `{{date 'YYYYMMDD'}}`"),
            ("{{date YYYY}}", "`value`: `{{date YYYY}}`: `YYYY` is no format: it has no quotes", "write"),
            ("{{date 'Y' tx='UTC'}}", "`value`: `{{date 'Y' tx='UTC'}}`: `tx` is not `tz='ZONE'`", "write"),
            (
                "{{date 'Y' tz='Mars'}}",
                "`value`: `{{date 'Y' tz='Mars'}}`: `Mars` is no time zone that is known",
                "write",
            ),
            ("{{version}}", "`value`: `{{version}}` is no expression here", ""),
        ] {
            let found = wrong(text);
            assert_eq!(found.why, why);
            assert!(found.hint.as_deref().unwrap_or_default().starts_with(hint), "{found:?}");
        }
        assert_eq!(wrong("{{branch x}}").why, "`value`: `{{branch x}}`: `branch` takes no argument");
        assert_eq!(wrong("{{}}").why, "`value`: `{{}}` has no name of an expression");
        assert_eq!(wrong("{{date 'Y}}").why, "`value`: `{{date 'Y}}` has a quote that is not closed");
    }

    #[test]
    fn raw_alone_is_told_from_raw_among_others() {
        let parse = |text: &str| Template::parse_with_version("pattern", text).unwrap();
        assert!(parse("{{raw}}").is_raw() && parse("{{ raw }}").is_raw());
        assert!(!parse("{{raw}}-x").is_raw() && !parse("{{version}}").is_raw());
    }
}
