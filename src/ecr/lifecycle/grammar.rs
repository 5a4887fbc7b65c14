//! From the text of a policy to the policy, or to all that ECR would refuse, with places.
//!
//! ECR says one thing at a time, in the words of a schema validator and without a place. The rules are those of
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html> and
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html>.

use super::json::{self, Member, Node, Span, Value};
use super::policy::{Action, Count, Places, Policy, Rule, StorageClass, Tags};
use crate::base::suggest::nearest;
use crate::spec::Problem;

/// Characters that a policy may have, by the API's model.
const TEXT: std::ops::RangeInclusive<usize> = 100..=30_720;
/// Rules of a policy, at most.
const MAX_RULES: usize = 50;
/// `*` in one pattern, at most.
const MAX_STARS: usize = 4;
/// Days that an image is in the archive at least.
const MIN_ARCHIVED: u64 = 90;

const POLICY: Members = Members { of: "a policy", required: &["rules"], optional: &[] };
const RULE: Members =
    Members { of: "a rule", required: &["rulePriority", "selection", "action"], optional: &["description"] };
const SELECTION: Members = Members {
    of: "a selection",
    required: &["tagStatus", "countType", "countNumber"],
    optional: &["tagPatternList", "tagPrefixList", "storageClass", "countUnit"],
};
const ACTION: Members = Members { of: "an action", required: &["type"], optional: &["targetStorageClass"] };
const KINDS: [&str; 4] =
    ["imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned"];

/// Reads a policy. The errors are in the order of the text.
pub(super) fn read(text: &str) -> Result<Policy, Vec<Problem>> {
    let root = json::parse(text).map_err(|problem| vec![problem])?;
    let mut reader = Reader { text, problems: Vec::new() };
    let rules = reader.policy(&root);
    reader.together(&rules);
    reader.length(&root);
    let mut problems = reader.problems;
    if problems.is_empty() {
        return Ok(Policy { rules });
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Err(problems)
}

/// The members that an object can have.
struct Members {
    of: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
}

/// The members that an object has.
struct Found<'a> {
    of: &'a Node,
    members: Vec<&'a Member>,
}

impl<'a> Found<'a> {
    fn get(&self, name: &str) -> Option<&'a Member> {
        self.members.iter().find(|member| member.name == name).copied()
    }

    fn value(&self, name: &str) -> Option<&'a Node> {
        self.get(name).map(|member| &member.value)
    }
}

struct Reader<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn wrong(&mut self, at: &Span, message: impl Into<String>, hint: Option<&str>) {
        let hint = hint.map(str::to_owned);
        self.problems.push(json::problem(self.text, at, message.into(), hint));
    }

    /// An object with members that it may have, each once.
    fn object<'a>(&mut self, node: &'a Node, known: &Members) -> Option<Found<'a>> {
        let Value::Object(members) = &node.value else {
            self.wrong(&node.head(), format!("{} is an object, and not {}", known.of, node.kind()), None);
            return None;
        };
        let mut found: Vec<&Member> = Vec::new();
        let all = || known.required.iter().chain(known.optional).copied();
        for member in members {
            let name = &member.name;
            if !all().any(|known| known == name) {
                let hint = nearest(name, all()).map_or_else(
                    || format!("its members are {}", quoted(&all().collect::<Vec<_>>())),
                    |near| format!("`{near}` may be meant"),
                );
                self.wrong(&member.name_span, format!("{} has no member `{name}`", known.of), Some(&hint));
            } else if found.iter().any(|other| other.name == *name) {
                self.wrong(
                    &member.name_span,
                    format!("`{name}` is there twice"),
                    Some("leave one of them out"),
                );
            } else if matches!(member.value.value, Value::Null) {
                self.wrong(
                    &member.value.span,
                    format!("`{name}` is null"),
                    Some("ECR takes null for a value, and refuses it: leave the member out"),
                );
                // It is known to be meant, so it is not missing as well.
                found.push(member);
            } else {
                found.push(member);
            }
        }
        for name in known.required {
            if !found.iter().any(|member| member.name == **name) {
                self.wrong(&node.head(), format!("{} needs `{name}`", known.of), None);
            }
        }
        Some(Found { of: node, members: found })
    }

    fn string<'a>(&mut self, node: &'a Node, of: &str) -> Option<&'a str> {
        match &node.value {
            Value::String(text) => Some(text),
            Value::Null => None,
            _ => {
                self.wrong(&node.head(), format!("`{of}` is a string, and not {}", node.kind()), None);
                None
            }
        }
    }

    fn list<'a>(&mut self, node: &'a Node, of: &str) -> Option<&'a [Node]> {
        match &node.value {
            Value::Array(elements) if elements.is_empty() => {
                self.wrong(&node.head(), format!("`{of}` is empty"), Some("it needs at least one element"));
                None
            }
            Value::Array(elements) => Some(elements),
            Value::Null => None,
            _ => {
                self.wrong(&node.head(), format!("`{of}` is a list, and not {}", node.kind()), None);
                None
            }
        }
    }

    fn one_of<'a>(&mut self, node: &'a Node, of: &str, values: &[&'static str]) -> Option<&'a str> {
        let text = self.string(node, of)?;
        if values.contains(&text) {
            return Some(text);
        }
        let hint = nearest(text, values.iter().copied())
            .map_or_else(|| format!("it can be {}", quoted(values)), |near| format!("`{near}` may be meant"));
        self.wrong(&node.span, format!("`{of}` can't be `{text}`"), Some(&hint));
        None
    }

    fn number(&mut self, node: &Node, of: &str) -> Option<u64> {
        let text = match &node.value {
            Value::Number(text) => text,
            Value::Null => return None,
            Value::String(text) if text.parse::<u64>().is_ok() => {
                self.wrong(
                    &node.span,
                    format!("`{of}` is a number, and not a string"),
                    Some("leave out the quotes"),
                );
                return None;
            }
            _ => {
                self.wrong(&node.head(), format!("`{of}` is a number, and not {}", node.kind()), None);
                return None;
            }
        };
        let is_whole = !text.contains(['.', 'e', 'E']);
        match text.parse::<u64>() {
            Ok(0) => self.wrong(&node.span, format!("`{of}` is at least 1"), None),
            // Four bytes: a priority has as many in what the API answers.
            Ok(number) if i32::try_from(number).is_ok() => return Some(number),
            _ if is_whole && text.starts_with('-') => {
                self.wrong(&node.span, format!("`{of}` is at least 1"), None);
            }
            _ if is_whole => self.wrong(&node.span, format!("`{of}` is too large"), None),
            _ => self.wrong(
                &node.span,
                format!("`{of}` is a whole number"),
                Some("write it without a point and without an exponent"),
            ),
        }
        None
    }

    fn policy(&mut self, root: &Node) -> Vec<Rule> {
        let Some(found) = self.object(root, &POLICY) else { return Vec::new() };
        let Some(rules) = found.value("rules").and_then(|node| self.list(node, "rules")) else {
            return Vec::new();
        };
        if let Some(first) = rules.get(MAX_RULES) {
            let message = format!("there are {} rules, and ECR takes {MAX_RULES} at most", rules.len());
            self.wrong(&first.head(), message, None);
        }
        rules.iter().filter_map(|rule| self.rule(rule)).collect()
    }

    fn rule(&mut self, node: &Node) -> Option<Rule> {
        let found = self.object(node, &RULE)?;
        let priority = found.value("rulePriority").and_then(|node| self.number(node, "rulePriority"));
        let description = found.value("description").and_then(|node| self.string(node, "description"));
        let action = found.value("action").and_then(|node| self.action(node));
        let selection = found.value("selection").and_then(|node| self.object(node, &SELECTION))?;
        let tags = self.tags(&selection);
        let class = match selection.value("storageClass") {
            None => Some(StorageClass::Standard),
            Some(node) => {
                self.one_of(node, "storageClass", &["standard", "archive"]).map(|class| match class {
                    "archive" => StorageClass::Archive,
                    _ => StorageClass::Standard,
                })
            }
        };
        let count = self.count(&selection, class, action);
        let place = |name: &str| selection.value(name).map(Node::head).unwrap_or_default();
        let (tags, entries) = tags?;
        let places = Places {
            priority: found.value("rulePriority").map(Node::head).unwrap_or_default(),
            tags: match (&tags, selection.get("tagPrefixList"), selection.get("tagPatternList")) {
                (Tags::Prefixes(_), Some(list), _) | (Tags::Patterns(_), _, Some(list)) => {
                    list.name_span.clone()
                }
                _ => place("tagStatus"),
            },
            entries,
            count_type: place("countType"),
            count_number: place("countNumber"),
        };
        Some(Rule {
            priority: priority?,
            description: description.map(str::to_owned),
            tags,
            class: class?,
            count: count?,
            action: action?,
            places,
        })
    }

    fn action(&mut self, node: &Node) -> Option<Action> {
        let found = self.object(node, &ACTION)?;
        let kind = self.one_of(found.value("type")?, "type", &["expire", "transition"])?;
        let target = found.get("targetStorageClass");
        match (kind, target) {
            ("expire", Some(target)) => {
                self.wrong(
                    &target.name_span,
                    "`targetStorageClass` is for the action `transition` alone",
                    None,
                );
                None
            }
            ("expire", None) => Some(Action::Expire),
            (_, Some(target)) => {
                self.one_of(&target.value, "targetStorageClass", &["archive"]).map(|_| Action::Archive)
            }
            (_, None) => {
                let hint = "write `\"targetStorageClass\": \"archive\"`";
                self.wrong(
                    &found.of.head(),
                    "the action `transition` needs `targetStorageClass`",
                    Some(hint),
                );
                None
            }
        }
    }

    /// Which tags, and the places of the entries.
    fn tags(&mut self, selection: &Found<'_>) -> Option<(Tags, Vec<Span>)> {
        let status = selection.value("tagStatus");
        let status = self.one_of(status?, "tagStatus", &["tagged", "untagged", "any"]);
        let (prefixes, patterns) = (selection.get("tagPrefixList"), selection.get("tagPatternList"));
        if let (Some(_), Some(second)) = (prefixes, patterns) {
            self.wrong(
                &second.name_span,
                "a rule has `tagPrefixList` or `tagPatternList`, and not both",
                Some("a prefix `v` is the pattern `v*`"),
            );
            return None;
        }
        let (status, list) = (status?, prefixes.or(patterns));
        let Some(list) = list else {
            if status == "tagged" {
                self.wrong(
                    &selection.value("tagStatus")?.span,
                    "`tagged` needs `tagPatternList` or `tagPrefixList`",
                    Some("`\"tagPatternList\": [\"*\"]` means every image that has a tag"),
                );
                return None;
            }
            return Some((if status == "any" { Tags::Any } else { Tags::Untagged }, Vec::new()));
        };
        if status != "tagged" {
            let hint = "leave the list out, or write `\"tagStatus\": \"tagged\"`";
            let message =
                format!("`{}` is for the tag status `tagged` alone, and not for `{status}`", list.name);
            self.wrong(&list.name_span, message, Some(hint));
            return None;
        }
        let entries = self.entries(list)?;
        let (texts, places) = entries.into_iter().unzip();
        Some((if prefixes.is_some() { Tags::Prefixes(texts) } else { Tags::Patterns(texts) }, places))
    }

    fn entries(&mut self, list: &Member) -> Option<Vec<(String, Span)>> {
        let nodes = self.list(&list.value, &list.name)?;
        let mut entries: Vec<(String, Span)> = Vec::new();
        let before = self.problems.len();
        for node in nodes {
            let Value::String(text) = &node.value else {
                self.wrong(&node.head(), format!("a tag is a string, and not {}", node.kind()), None);
                continue;
            };
            let stars = text.matches('*').count();
            if text.is_empty() {
                self.wrong(&node.span, format!("`{}` has an empty entry", list.name), None);
            } else if list.name == "tagPatternList" && stars > MAX_STARS {
                let message = format!("the pattern has {stars} `*`, and ECR takes {MAX_STARS} at most");
                self.wrong(&node.span, message, None);
            }
            entries.push((text.clone(), node.span.clone()));
        }
        (self.problems.len() == before).then_some(entries)
    }

    fn count(
        &mut self,
        selection: &Found<'_>,
        class: Option<StorageClass>,
        action: Option<Action>,
    ) -> Option<Count> {
        let number_node = selection.value("countNumber");
        let number = number_node.and_then(|node| self.number(node, "countNumber"));
        let kind_node = selection.value("countType")?;
        let kind = self.one_of(kind_node, "countType", &KINDS);
        let unit = selection.get("countUnit");
        if let Some(unit) = unit {
            self.one_of(&unit.value, "countUnit", &["days"]);
        }
        let kind = kind?;
        match (kind, unit) {
            ("imageCountMoreThan", Some(unit)) => {
                self.wrong(
                    &unit.name_span,
                    "`countUnit` is not for `imageCountMoreThan`, which counts images",
                    None,
                );
            }
            ("imageCountMoreThan", None) | (_, Some(_)) => {}
            (_, None) => {
                let hint = "write `\"countUnit\": \"days\"`";
                self.wrong(&kind_node.span, format!("`{kind}` needs `countUnit`"), Some(hint));
            }
        }
        let transitioned = kind == "sinceImageTransitioned";
        match class {
            Some(StorageClass::Standard) if transitioned => self.wrong(
                &kind_node.span,
                "`sinceImageTransitioned` is about images in the archive",
                Some("write `\"storageClass\": \"archive\"`"),
            ),
            Some(StorageClass::Archive) if !transitioned => self.wrong(
                &selection.value("storageClass")?.span,
                format!("`{kind}` is about images in the storage class `standard` alone"),
                Some("images in the archive are selected by `sinceImageTransitioned`"),
            ),
            _ => {}
        }
        match (kind, action) {
            ("sinceImagePulled", Some(Action::Expire)) => self.wrong(
                &kind_node.span,
                "`sinceImagePulled` goes with the action `transition` alone",
                Some(
                    "nothing is deleted for not being pulled: let it go into the archive, and from there with \
                     `sinceImageTransitioned`",
                ),
            ),
            ("sinceImageTransitioned", Some(Action::Archive)) => {
                self.wrong(&kind_node.span, "`sinceImageTransitioned` goes with the action `expire` alone", None);
            }
            _ => {}
        }
        let number = number?;
        if transitioned && number < MIN_ARCHIVED {
            let message = format!("images stay in the archive for {MIN_ARCHIVED} days at least");
            self.wrong(&number_node?.span, message, None);
        }
        Some(match kind {
            "imageCountMoreThan" => Count::MoreThan(number),
            "sinceImagePushed" => Count::SincePushed(number),
            "sinceImagePulled" => Count::SincePulled(number),
            _ => Count::SinceTransitioned(number),
        })
    }

    /// What rules have to be to each other.
    fn together(&mut self, rules: &[Rule]) {
        for (index, rule) in rules.iter().enumerate() {
            let before = &rules[..index];
            if let Some(other) = before.iter().find(|other| other.priority == rule.priority) {
                let message = format!("two rules have the `rulePriority` {}", rule.priority);
                let hint = format!("the other one is about {}; no two can have the same", other.tags);
                self.wrong(&rule.places.priority, message, Some(&hint));
            }
            let same = |other: &&Rule| other.class == rule.class && is_same(&other.tags, &rule.tags);
            if let Some(other) = before.iter().find(same) {
                let about = match &rule.tags {
                    Tags::Any => "has the tag status `any`".to_owned(),
                    Tags::Untagged => "has the tag status `untagged`".to_owned(),
                    tags => format!("is about images {tags}"),
                };
                let message = format!("rule {} {about} as well, in the same storage class", other.priority);
                self.wrong(&rule.places.tags, message, Some("ECR takes one such rule"));
            }
            let later =
                rules.iter().filter(|other| other.class == rule.class && other.priority > rule.priority);
            if rule.tags == Tags::Any
                && let Some(last) = later.max_by_key(|other| other.priority)
            {
                self.wrong(
                    &rule.places.priority,
                    "a rule with the tag status `any` has the highest `rulePriority`",
                    Some(&format!("there is a rule {} behind it", last.priority)),
                );
            }
        }
    }

    fn length(&mut self, root: &Node) {
        let length = self.text.chars().count();
        if TEXT.contains(&length) {
            return;
        }
        let message = format!("the text has {length} characters, and ECR takes 100 to 30,720");
        let compact = serde_json::from_str::<serde_json::Value>(self.text).map(|value| value.to_string());
        let hint = match compact {
            Ok(compact) if length > *TEXT.end() && TEXT.contains(&compact.chars().count()) => {
                format!("without white space it would have {}", compact.chars().count())
            }
            _ if length < *TEXT.start() => "a `description` in the rule makes it longer".to_owned(),
            _ => "shorten the descriptions".to_owned(),
        };
        self.wrong(&root.head(), message, Some(&hint));
    }
}

/// Whether two rules select by the same list.
fn is_same(one: &Tags, other: &Tags) -> bool {
    let sorted = |tags: &Tags| {
        let mut entries = tags.entries().to_vec();
        entries.sort_unstable();
        entries.dedup();
        entries
    };
    std::mem::discriminant(one) == std::mem::discriminant(other) && sorted(one) == sorted(other)
}

fn quoted(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
