//! The section `repository` of a `consign.yaml`.

use super::check::{Checker, Fields};
use super::node::{Node, Value};
use crate::base::Reference;
use crate::spec::repository::{
    CatalogSettings, ENCRYPTIONS, Encryption, MUTABILITIES, PolicySource, RepositorySettings, TextSource,
    Wrong, check_exclusions, check_filter, check_tag, check_tags,
};
use serde_json::{Map, Number};
use std::collections::BTreeMap;

/// Members of a lifecycle policy that are numbers. The document of YAML does not tell `10` from `"10"`.
const NUMBERS: [&str; 2] = ["rulePriority", "countNumber"];

/// None if something is wrong; then `checker` knows what. The same goes for all functions below.
pub(super) fn repository(checker: &mut Checker, node: &Node) -> Option<RepositorySettings> {
    let keys = [
        "name",
        "tagMutability",
        "tagMutabilityExclusions",
        "scanOnPush",
        "encryption",
        "lifecycle",
        "policy",
        "tags",
        "catalog",
    ];
    let fields = checker.map(node, "repository", &keys)?;
    let name = fields.get("name").and_then(|node| name(checker, node));
    let (tag_mutability, exclusions) = mutability(checker, &fields);
    Some(RepositorySettings {
        name,
        tag_mutability,
        tag_mutability_exclusions: exclusions,
        scan_on_push: fields.get("scanOnPush").and_then(|node| checker.flag(node, "repository.scanOnPush")),
        encryption: fields.get("encryption").and_then(|node| encryption(checker, node)),
        lifecycle: policy(checker, &fields, "lifecycle", &NUMBERS),
        policy: policy(checker, &fields, "policy", &[]),
        tags: tags(checker, &fields),
        catalog: fields.get("catalog").and_then(|node| catalog(checker, node)),
    })
}

fn wrong(checker: &mut Checker, node: &Node, (message, hint): Wrong) {
    checker.fail(node, message, Some(hint.into()));
}

fn name(checker: &mut Checker, node: &Node) -> Option<String> {
    let reference: Reference = checker.parse(node, "repository.name")?;
    if reference.tag.is_none() && reference.digest.is_none() {
        return node.as_text().map(str::to_owned);
    }
    let repository = Reference { tag: None, digest: None, ..reference };
    let hint = format!("leave out what stands after its name: `{repository}`");
    checker.fail(node, "`repository.name` is an image, and this is about a repository".into(), Some(hint));
    None
}

fn mutability(checker: &mut Checker, fields: &Fields<'_>) -> (Option<String>, Vec<String>) {
    let setting = fields.get("tagMutability");
    let filters = fields.get("tagMutabilityExclusions");
    let mutability = setting.and_then(|node| checker.one_of(node, "repository.tagMutability", &MUTABILITIES));
    let exclusions = fields.items(checker, "tagMutabilityExclusions", |checker, node, place| {
        let text = checker.owned(node, place)?;
        match check_filter(&text) {
            Ok(()) => Some(text),
            Err(why) => {
                wrong(checker, node, why);
                None
            }
        }
    });
    // What is wrong by itself is not said a second time.
    if (setting.is_none() || mutability.is_some())
        && (filters.is_none() || exclusions.is_some())
        && let Some(node) = filters.or(setting)
        && let Err(why) = check_exclusions(mutability.as_deref(), exclusions.as_ref().map_or(0, Vec::len))
    {
        wrong(checker, node, why);
    }
    (mutability, exclusions.unwrap_or_default())
}

fn encryption(checker: &mut Checker, node: &Node) -> Option<Encryption> {
    let fields = checker.map(node, "repository.encryption", &["type", "key"])?;
    let kind =
        fields.required(checker, "type", |checker, node, place| checker.one_of(node, place, &ENCRYPTIONS))?;
    let key = fields.text(checker, "key").map(str::to_owned);
    if let (Some(node), "AES256") = (fields.get("key"), kind.as_str()) {
        let hint = "leave `key` out, or use the type `KMS`".into();
        checker.fail(node, "`AES256` has no key of yours".into(), Some(hint));
    }
    Some(Encryption { kind, key })
}

/// A file, `none`, or the document itself, in which the values of `numbers` are numbers.
fn policy(checker: &mut Checker, fields: &Fields<'_>, key: &str, numbers: &[&str]) -> Option<PolicySource> {
    let (node, place) = (fields.get(key)?, fields.place(key));
    match &node.value {
        Value::Map(_) => json(checker, node, None, numbers).map(PolicySource::Inline),
        Value::Text(text) if text == "none" => Some(PolicySource::Nothing),
        Value::Text(_) => checker.path_below(node, &place).map(PolicySource::File),
        Value::Null | Value::List(_) => {
            let found = node.value.kind();
            let hint = "write the name of a file, the document itself, or `none`".into();
            checker.fail(
                node,
                format!("`{place}` must be a file or a mapping, and this is {found}"),
                Some(hint),
            );
            None
        }
    }
}

/// `node` as JSON; `name` is the key that it is the value of.
fn json(
    checker: &mut Checker,
    node: &Node,
    name: Option<&str>,
    numbers: &[&str],
) -> Option<serde_json::Value> {
    Some(match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Text(text) => match text.parse::<u64>() {
            Ok(number) if name.is_some_and(|name| numbers.contains(&name)) => Number::from(number).into(),
            _ => text.as_str().into(),
        },
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| json(checker, item, None, numbers)).collect();
            items.into_iter().collect::<Option<Vec<_>>>()?.into()
        }
        Value::Map(pairs) => {
            let mut map = Map::new();
            for (key, value) in pairs {
                let Some(name) = key.as_text() else {
                    checker.fail(
                        key,
                        format!("a key must be a text, and this is {}", key.value.kind()),
                        None,
                    );
                    return None;
                };
                if map.insert(name.to_owned(), json(checker, value, Some(name), numbers)?).is_some() {
                    checker.fail(key, format!("`{name}` is there twice"), None);
                    return None;
                }
            }
            map.into()
        }
    })
}

fn tags(checker: &mut Checker, fields: &Fields<'_>) -> BTreeMap<String, String> {
    let Some(node) = fields.get("tags") else { return BTreeMap::new() };
    let tags = checker.texts(node, &fields.place("tags"));
    for (key, value, at) in &tags {
        if let Err(why) = check_tag(key, value) {
            wrong(checker, at, why);
        }
    }
    if let Err(why) = check_tags(tags.len()) {
        wrong(checker, node, why);
    }
    tags.into_iter().map(|(key, value, _)| (key, value)).collect()
}

fn catalog(checker: &mut Checker, node: &Node) -> Option<CatalogSettings> {
    let keys = ["description", "aboutText", "usageText", "operatingSystems", "architectures", "logo"];
    let fields = checker.map(node, "repository.catalog", &keys)?;
    let description = fields.text(checker, "description").map(str::to_owned);
    if description.as_ref().is_some_and(|text| text.chars().count() > 1_024)
        && let Some(node) = fields.get("description")
    {
        checker.fail(node, "`repository.catalog.description` has more than 1,024 characters".into(), None);
    }
    Some(CatalogSettings {
        description,
        about_text: text(checker, &fields, "aboutText"),
        usage_text: text(checker, &fields, "usageText"),
        operating_systems: fields.items(checker, "operatingSystems", Checker::owned),
        architectures: fields.items(checker, "architectures", Checker::owned),
        logo: fields.get("logo").and_then(|node| checker.path_below(node, &fields.place("logo"))),
    })
}

/// The text itself, or `file: PATH`.
fn text(checker: &mut Checker, fields: &Fields<'_>, key: &str) -> Option<TextSource> {
    let (node, place) = (fields.get(key)?, fields.place(key));
    if let Value::Map(_) = node.value {
        let inner = checker.map(node, &place, &["file"])?;
        return inner.required(checker, "file", Checker::path_below).map(TextSource::File);
    }
    checker.owned(node, &place).map(TextSource::Inline)
}
