//! One rule, read from its line: `type=semver,pattern={{version}}`.

use super::TagError;
use super::error::Wrong;
use super::fields::Fields;
use super::pattern::Pattern;
use super::template::Template;

/// What gives a tag, and how.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// As it was written.
    pub(super) text: String,
    pub(super) kind: Kind,
    /// `true` or `false`.
    pub(super) enable: Template,
    /// The tags of a higher one come first.
    pub(super) priority: i64,
    /// Instead of the flavor's; empty is none.
    pub(super) prefix: Option<Template>,
    /// Instead of the flavor's; empty is none.
    pub(super) suffix: Option<Template>,
}

/// What a rule is about.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Schedule {
        pattern: Template,
    },
    /// A version, by one of two books of rules.
    Version {
        scheme: Scheme,
        pattern: Template,
        source: Source,
        /// Whose first group is the version.
        matching: Option<Pattern>,
    },
    Match {
        pattern: Pattern,
        group: usize,
        source: Source,
    },
    /// The branch; none is the default branch.
    Edge {
        branch: Option<String>,
    },
    Ref(RefEvent),
    Raw {
        value: Template,
    },
    Sha {
        long: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Semver,
    Pep440,
}

/// Where a version or a text to match is taken from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    Tag,
    Value(Template),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefEvent {
    Branch,
    Tag,
    PullRequest,
}

const TYPES: [&str; 8] = ["schedule", "semver", "pep440", "match", "edge", "ref", "raw", "sha"];

impl Rule {
    /// Reads one line.
    pub(super) fn parse(line: &str) -> Result<Self, TagError> {
        read(line).map_err(|wrong| wrong.of_rule(line))
    }
}

fn read(line: &str) -> Result<Rule, Wrong> {
    let mut fields = Fields::read(line)?;
    let given = fields.take("type")?;
    let name = given.as_deref().unwrap_or("raw");
    let (priority, own): (i64, &[&'static str]) = match name {
        "schedule" => (1000, &["pattern"]),
        "semver" | "pep440" => (900, &["pattern", "value", "match"]),
        "match" => (800, &["pattern", "group", "value"]),
        "edge" => (700, &["branch"]),
        "ref" => (600, &["event"]),
        "raw" => (200, &["value"]),
        "sha" => (100, &["format"]),
        _ => return Err(Wrong::unknown(format!("`{name}` is no type of rule"), name, &TYPES)),
    };
    let known = [own, &["type", "enable", "priority", "prefix", "suffix"]].concat();
    fields.check(&format!("`type={name}`"), &known)?;
    let enable = enable(fields.take("enable")?)?;
    let priority = match fields.take("priority")? {
        None => priority,
        Some(text) => {
            text.parse().map_err(|_| Wrong::new(format!("`priority`: `{text}` is no whole number")))?
        }
    };
    let affix =
        |field: &str, text: Option<String>| text.map(|text| Template::parse(field, &text)).transpose();
    let mut prefix = affix("prefix", fields.take("prefix")?)?;
    let suffix = affix("suffix", fields.take("suffix")?)?;
    let kind = match name {
        "schedule" => {
            let pattern = fields.take("pattern")?.unwrap_or_else(|| "nightly".into());
            Kind::Schedule { pattern: Template::parse("pattern", &pattern)? }
        }
        "semver" => version(Scheme::Semver, &mut fields)?,
        "pep440" => version(Scheme::Pep440, &mut fields)?,
        "match" => matching(&mut fields)?,
        "edge" => Kind::Edge { branch: fields.take("branch")?.filter(|name| !name.is_empty()) },
        "ref" => {
            let event = ref_event(&mut fields)?;
            if event == RefEvent::PullRequest && prefix.is_none() {
                prefix = Some(Template::literal("pr-"));
            }
            Kind::Ref(event)
        }
        "raw" => Kind::Raw { value: raw(&mut fields)? },
        _ => {
            if prefix.is_none() {
                prefix = Some(Template::literal("sha-"));
            }
            Kind::Sha { long: long(&mut fields)? }
        }
    };
    Ok(Rule { text: line.into(), kind, enable, priority, prefix, suffix })
}

fn enable(text: Option<String>) -> Result<Template, Wrong> {
    let Some(text) = text else { return Ok(Template::literal("true")) };
    let template = Template::parse("enable", &text)?;
    match template.as_literal() {
        None | Some("true" | "false") => Ok(template),
        Some(other) => Err(Wrong::new(format!("`enable`: `{other}` is neither true nor false"))),
    }
}

/// The value of a field that must be there.
fn required(fields: &mut Fields, field: &str, example: &str) -> Result<String, Wrong> {
    match fields.take(field)? {
        Some(text) if !text.is_empty() => Ok(text),
        Some(_) => {
            Err(Wrong::new(format!("`{field}` is empty")).hinted(format!("write for example `{example}`")))
        }
        None => {
            Err(Wrong::new(format!("`{field}` is missing")).hinted(format!("write for example `{example}`")))
        }
    }
}

/// A value of the user's, or the tag if there is none. An empty one is none, as pipelines leave one empty.
fn source(fields: &mut Fields) -> Result<Source, Wrong> {
    match fields.take("value")?.filter(|text| !text.is_empty()) {
        None => Ok(Source::Tag),
        Some(text) => Ok(Source::Value(Template::parse("value", &text)?)),
    }
}

fn version(scheme: Scheme, fields: &mut Fields) -> Result<Kind, Wrong> {
    let name = if scheme == Scheme::Semver { "semver" } else { "pep440" };
    let pattern = required(fields, "pattern", &format!("type={name},pattern={{{{version}}}}"))?;
    let pattern = Template::parse_with_version("pattern", &pattern)?;
    let matching = match fields.take("match")?.filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let matching = Pattern::parse("match", &text)?;
            if matching.groups() == 0 {
                return Err(Wrong::new(format!(
                    "`match`: `{text}` has no group, and the version is its first one"
                ))
                .hinted("put parentheses around the version: `match=api-v(.*)`"));
            }
            Some(matching)
        }
    };
    Ok(Kind::Version { scheme, pattern, source: source(fields)?, matching })
}

fn matching(fields: &mut Fields) -> Result<Kind, Wrong> {
    let pattern =
        Pattern::parse("pattern", &required(fields, "pattern", "type=match,pattern=v(.*),group=1")?)?;
    let group = match fields.take("group")? {
        None => 0,
        Some(text) => {
            text.parse().map_err(|_| Wrong::new(format!("`group`: `{text}` is no number of a group")))?
        }
    };
    if group > pattern.groups() {
        return Err(Wrong::new(format!(
            "`group`: there is no group {group} in `{}`, which has {}",
            pattern.as_str(),
            pattern.groups()
        ))
        .hinted("groups are counted from 1; 0 is the whole match"));
    }
    Ok(Kind::Match { pattern, group, source: source(fields)? })
}

fn ref_event(fields: &mut Fields) -> Result<RefEvent, Wrong> {
    match required(fields, "event", "type=ref,event=branch")?.as_str() {
        "branch" => Ok(RefEvent::Branch),
        "tag" => Ok(RefEvent::Tag),
        "pr" => Ok(RefEvent::PullRequest),
        other => {
            let why = format!("`event`: `{other}` is none of branch, tag and pr");
            Err(Wrong::unknown(why, other, &["branch", "tag", "pr"]))
        }
    }
}

/// An empty value is one that a pipeline has left empty; the rule then gives no tag.
fn raw(fields: &mut Fields) -> Result<Template, Wrong> {
    match fields.take("value")? {
        Some(text) => Template::parse("value", &text),
        None => Err(Wrong::new("`value` is missing").hinted("write for example `type=raw,value=latest`")),
    }
}

fn long(fields: &mut Fields) -> Result<bool, Wrong> {
    match fields.take("format")?.as_deref() {
        None | Some("short") => Ok(false),
        Some("long") => Ok(true),
        Some(other) => {
            let why = format!("`format`: `{other}` is neither short nor long");
            Err(Wrong::unknown(why, other, &["short", "long"]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Failure as _;

    #[test]
    fn defaults_of_every_type() {
        for (line, priority, prefix) in [
            ("type=schedule", 1000, None),
            ("type=semver,pattern={{version}}", 900, None),
            ("type=pep440,pattern={{version}}", 900, None),
            (r"type=match,pattern=\d.\d.\d", 800, None),
            ("type=edge", 700, None),
            ("type=ref,event=branch", 600, None),
            ("type=ref,event=tag", 600, None),
            ("type=ref,event=pr", 600, Some("pr-")),
            ("type=raw,foo", 200, None),
            ("type=raw,value=foo", 200, None),
            ("foo", 200, None),
            ("value=foo", 200, None),
            ("type=sha", 100, Some("sha-")),
            ("type=sha,prefix=", 100, Some("")),
            ("type=sha,priority=-1", -1, Some("sha-")),
        ] {
            let rule = Rule::parse(line).unwrap();
            assert_eq!(rule.text, line);
            assert_eq!(rule.priority, priority, "{line}");
            assert_eq!(rule.prefix.as_ref().and_then(Template::as_literal), prefix, "{line}");
            assert_eq!(rule.enable.as_literal(), Some("true"), "{line}");
        }
    }

    #[test]
    fn every_field_of_the_extended_forms() {
        for line in [
            "type=schedule,enable=true,priority=1000,prefix=,suffix=,pattern=nightly",
            "type=schedule,pattern={{date 'YYYYMMDD-hhmmss' tz='Asia/Tokyo'}}",
            "type=semver,enable=true,priority=900,prefix=,suffix=,pattern={{raw}},value=,match=",
            "type=pep440,enable=true,priority=900,prefix=,suffix=,pattern={{raw}},value=v1,match=v(.*)",
            "type=match,enable=true,priority=800,prefix=,suffix=,pattern=v(.*),group=1,value=v1.0.0",
            "type=edge,enable=true,priority=700,prefix=,suffix=,branch=main",
            "type=ref,enable={{is_default_branch}},priority=600,prefix=pr-,suffix=-{{sha}},event=pr",
            "type=raw,enable=false,priority=200,prefix=,suffix=,value=mytag-{{branch}}-{{sha}}",
            "type=sha,enable=true,priority=100,prefix=sha-,suffix=,format=long",
        ] {
            assert!(Rule::parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_is_wrong() {
        let shown = |line: &str| {
            let error = Rule::parse(line).unwrap_err();
            format!("{error}\nhint: {}", error.hint().unwrap_or_default())
        };
        insta::assert_snapshot!(shown("type=sevmer,pattern={{version}}"), @r"
        tag rule `type=sevmer,pattern={{version}}`: `sevmer` is no type of rule
        hint: did you mean `semver`?
        ");
        insta::assert_snapshot!(shown("typ=semver,pattern={{version}}"), @r"
        tag rule `typ=semver,pattern={{version}}`: `typ` is no field of `type=raw`
        hint: did you mean `type`?
        ");
        insta::assert_snapshot!(shown("type=semver,patern={{version}}"), @r"
        tag rule `type=semver,patern={{version}}`: `patern` is no field of `type=semver`
        hint: did you mean `pattern`?
        ");
        insta::assert_snapshot!(shown("type=semver,pattern={{versoin}}"), @r"
        tag rule `type=semver,pattern={{versoin}}`: `pattern`: `{{versoin}}` is no expression here
        hint: did you mean `version`?
        ");
        insta::assert_snapshot!(shown("type=semver,pattern="), @r"
        tag rule `type=semver,pattern=`: `pattern` is empty
        hint: write for example `type=semver,pattern={{version}}`
        ");
        insta::assert_snapshot!(shown("type=semver,pattern={{version}},match=v.*"), @r"
        tag rule `type=semver,pattern={{version}},match=v.*`: `match`: `v.*` has no group, and the version is its first one
        hint: put parentheses around the version: `match=api-v(.*)`
        ");
        insta::assert_snapshot!(shown("type=match,pattern=(?=v)"), @r"
        tag rule `type=match,pattern=(?=v)`: `pattern`: the regular expression `(?=v)` can't be read: look-around, including look-ahead and look-behind, is not supported
        hint: these are Rust's regular expressions (https://docs.rs/regex/#syntax), which have no look-around and no back-references as JavaScript's do; match more, and take a group of it: `pattern=v(.*)-x,group=1`
        ");
        insta::assert_snapshot!(shown("type=match,pattern=v(.*),group=2"), @r"
        tag rule `type=match,pattern=v(.*),group=2`: `group`: there is no group 2 in `v(.*)`, which has 1
        hint: groups are counted from 1; 0 is the whole match
        ");
        insta::assert_snapshot!(shown("type=match,pattern=v(.*),group=foo"), @r"
        tag rule `type=match,pattern=v(.*),group=foo`: `group`: `foo` is no number of a group
        hint:
        ");
        insta::assert_snapshot!(shown("type=ref"), @r"
        tag rule `type=ref`: `event` is missing
        hint: write for example `type=ref,event=branch`
        ");
        insta::assert_snapshot!(shown("type=ref,event=brnach"), @r"
        tag rule `type=ref,event=brnach`: `event`: `brnach` is none of branch, tag and pr
        hint: did you mean `branch`?
        ");
        insta::assert_snapshot!(shown("type=raw"), @r"
        tag rule `type=raw`: `value` is missing
        hint: write for example `type=raw,value=latest`
        ");
        insta::assert_snapshot!(shown("type=sha,format=foo"), @r"
        tag rule `type=sha,format=foo`: `format`: `foo` is neither short nor long
        hint: known are `short` and `long`
        ");
        insta::assert_snapshot!(shown("type=sha,foo"), @r"
        tag rule `type=sha,foo`: `foo` is no field of `type=sha`: it has no `=`
        hint: the fields are `format`, `type`, `enable`, `priority`, `prefix` and `suffix`
        ");
        insta::assert_snapshot!(shown("type=sha,value=foo"), @r"
        tag rule `type=sha,value=foo`: `value` is no field of `type=sha`
        hint: known are `format`, `type`, `enable`, `priority`, `prefix` and `suffix`
        ");
        insta::assert_snapshot!(shown("type=sha,enable=foo"), @r"
        tag rule `type=sha,enable=foo`: `enable`: `foo` is neither true nor false
        hint:
        ");
        insta::assert_snapshot!(shown("type=sha,priority=high"), @r"
        tag rule `type=sha,priority=high`: `priority`: `high` is no whole number
        hint:
        ");
        insta::assert_snapshot!(shown("type=sha,type=raw"), @r"
        tag rule `type=sha,type=raw`: `type` is given twice
        hint:
        ");
        insta::assert_snapshot!(shown("type=raw,value=latest,enable=${{ github.ref == 'refs/heads/main' }}"), @r"
        tag rule `type=raw,value=latest,enable=${{ github.ref == 'refs/heads/main' }}`: `enable`: `${{ github.ref == 'refs/heads/main' }}` is an expression of GitHub Actions
        hint: GitHub fills it in within a workflow's file, and nobody does elsewhere
        ");
    }
}
