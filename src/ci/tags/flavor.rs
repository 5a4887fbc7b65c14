//! What is done to all tags: `latest`, a prefix, a suffix.

use super::TagError;
use super::error::Wrong;
use super::fields::{Fields, lines};
use super::template::Template;

/// When `latest` is one of the tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Latest {
    /// If the rule that comes first is one for releases.
    #[default]
    Auto,
    Always,
    Never,
}

/// A prefix or suffix.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Affix {
    pub(super) text: Template,
    /// Whether `latest` has it too.
    pub(super) on_latest: bool,
}

impl Default for Affix {
    fn default() -> Self {
        Self { text: Template::literal(""), on_latest: false }
    }
}

/// The flavor of all rules.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Flavor {
    pub(super) latest: Latest,
    pub(super) prefix: Affix,
    pub(super) suffix: Affix,
}

impl Flavor {
    /// Reads lines; a later one comes before an earlier one.
    pub(super) fn parse(texts: &[String]) -> Result<Self, TagError> {
        let mut flavor = Self::default();
        for line in lines(texts) {
            flavor.add(line).map_err(|wrong| wrong.of_flavor(line))?;
        }
        Ok(flavor)
    }

    fn add(&mut self, line: &str) -> Result<(), Wrong> {
        // `onlatest` belongs to the affix that stands before it.
        let mut last: Option<&'static str> = None;
        for (key, value) in Fields::read(line)?.0 {
            let Some(key) = key else {
                return Err(Wrong::new(format!("`{value}` has no `=`"))
                    .hinted("write `latest=auto`, `prefix=TEXT` or `suffix=TEXT`"));
            };
            match key.as_str() {
                "latest" => {
                    self.latest = match value.as_str() {
                        "auto" => Latest::Auto,
                        "true" => Latest::Always,
                        "false" => Latest::Never,
                        _ => {
                            let why = format!("`latest={value}` is none of auto, true and false");
                            return Err(Wrong::unknown(why, &value, &["auto", "true", "false"]));
                        }
                    }
                }
                "prefix" => {
                    self.prefix = Affix { text: Template::parse("prefix", &value)?, on_latest: false };
                    last = Some("prefix");
                }
                "suffix" => {
                    self.suffix = Affix { text: Template::parse("suffix", &value)?, on_latest: false };
                    last = Some("suffix");
                }
                "onlatest" => {
                    let on_latest = match value.as_str() {
                        "true" => true,
                        "false" => false,
                        _ => return Err(Wrong::new(format!("`onlatest={value}` is neither true nor false"))),
                    };
                    match last {
                        Some("prefix") => self.prefix.on_latest = on_latest,
                        Some(_) => self.suffix.on_latest = on_latest,
                        None => {
                            return Err(Wrong::new("`onlatest` stands before what it belongs to").hinted(
                                "write it behind a prefix or suffix: `prefix=alpine-,onlatest=true`",
                            ));
                        }
                    }
                }
                _ => {
                    let known = ["latest", "prefix", "suffix", "onlatest"];
                    return Err(Wrong::unknown(format!("`{key}` is no field of a flavor"), &key, &known));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Failure as _;

    fn parse(text: &str) -> Result<Flavor, TagError> {
        Flavor::parse(&[text.to_owned()])
    }

    #[test]
    fn every_field() {
        assert_eq!(parse("").unwrap(), Flavor::default());
        let flavor = parse("latest=true\nprefix=foo-,onlatest=true\nsuffix=-{{sha}}").unwrap();
        assert_eq!(flavor.latest, Latest::Always);
        assert_eq!(flavor.prefix, Affix { text: Template::literal("foo-"), on_latest: true });
        assert!(!flavor.suffix.on_latest);
        assert_eq!(flavor.suffix.text, Template::parse("suffix", "-{{sha}}").unwrap());
        let one_line = parse("latest=false,prefix=a,suffix=b,onlatest=true").unwrap();
        assert!(!one_line.prefix.on_latest && one_line.suffix.on_latest);
    }

    #[test]
    fn what_is_wrong() {
        let shown = |text: &str| {
            let error = parse(text).unwrap_err();
            format!("{error}\n{}", error.hint().unwrap_or_default())
        };
        insta::assert_snapshot!(shown("lates=true"), @r"
        tag flavor `lates=true`: `lates` is no field of a flavor
        did you mean `latest`?
        ");
        insta::assert_snapshot!(shown("latest=ture"), @r"
        tag flavor `latest=ture`: `latest=ture` is none of auto, true and false
        did you mean `true`?
        ");
        insta::assert_snapshot!(shown("latest"), @r"
        tag flavor `latest`: `latest` has no `=`
        write `latest=auto`, `prefix=TEXT` or `suffix=TEXT`
        ");
        insta::assert_snapshot!(shown("onlatest=true"), @r"
        tag flavor `onlatest=true`: `onlatest` stands before what it belongs to
        write it behind a prefix or suffix: `prefix=alpine-,onlatest=true`
        ");
        insta::assert_snapshot!(shown("prefix=a,onlatest=yes"), @"tag flavor `prefix=a,onlatest=yes`: `onlatest=yes` is neither true nor false");
        insta::assert_snapshot!(shown("prefix={{brnch}}"), @r"
        tag flavor `prefix={{brnch}}`: `prefix`: `{{brnch}}` is no expression here
        did you mean `branch`?
        ");
    }
}
