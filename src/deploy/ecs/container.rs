//! One container of a task definition
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).

use super::error::EcsError;
use super::json::{Json, set};
use super::{Change, Edits, Object, Pair, Pin, repository};

/// Its name.
pub(super) fn name(container: &Object) -> String {
    member(container, "name").and_then(Json::text).expect("invariant: it was read with a name")
}

/// Its image.
pub(super) fn image(container: &Object) -> Option<String> {
    member(container, "image").and_then(Json::text)
}

fn member<'c>(container: &'c Object, key: &str) -> Option<&'c Json> {
    container.iter().find(|(name, _)| name == key).map(|(_, value)| value).filter(|value| !value.is_null())
}

/// Says what is not of the form that the changes need.
pub(super) fn check(container: &Object) -> Result<(), String> {
    let wrong = |key: &str, wanted: &str| Err(format!("`{key}` of the container `{}` is not {wanted}", name(container)));
    if member(container, "image").is_some() && image(container).is_none() {
        return wrong("image", "a string");
    }
    for key in ["environment", "secrets"] {
        let named = |item: &Json| item.get("name").and_then(Json::text).is_some();
        match member(container, key) {
            None => {}
            Some(Json::Array(items)) if items.iter().all(named) => {}
            Some(_) => return wrong(key, "an array of objects with a `name`"),
        }
    }
    let options = member(container, "logConfiguration").map(|log| log.get("options"));
    for (key, value) in [
        ("dockerLabels", member(container, "dockerLabels")),
        ("logConfiguration", member(container, "logConfiguration")),
        ("logConfiguration.options", options.flatten().filter(|options| !options.is_null())),
    ] {
        if value.is_some_and(|value| !matches!(value, Json::Object(_))) {
            return wrong(key, "an object");
        }
    }
    Ok(())
}

/// Notes what is not what it was.
struct Notes {
    container: String,
    changes: Vec<Change>,
}

impl Notes {
    fn note(&mut self, member: &'static str, name: Option<&str>, before: Option<Json>, after: Json) {
        let before = before.filter(|before| !before.is_null());
        if before.as_ref() != Some(&after) {
            let (container, name) = (Some(self.container.clone()), name.map(str::to_owned));
            self.changes.push(Change { container, member, name, before, after });
        }
    }

    /// Sets a member of the container.
    fn set(&mut self, container: &mut Object, member: &'static str, after: Json) {
        let before = set(container, member, after.clone(), Some("name").filter(|_| member == "image"));
        self.note(member, None, before, after);
    }

    /// Sets members of an object that the container has as `member`.
    fn set_all(&mut self, member: &'static str, object: &mut Json, pairs: &[Pair]) {
        let Json::Object(object) = object else { return };
        for (key, value) in pairs {
            let value = Json::string(value);
            self.note(member, Some(key), set(object, key, value.clone(), None), value);
        }
    }
}

/// Puts the image in, and changes what else was asked for.
pub(super) fn edit(
    container: &mut Object,
    pin: &Pin,
    edits: &Edits,
    warnings: &mut Vec<String>,
) -> Result<Vec<Change>, EcsError> {
    let mut notes = Notes { container: name(container), changes: Vec::new() };
    notes.set(container, "image", Json::string(&pin.reference()));
    if let Some(command) = &edits.command {
        notes.set(container, "command", Json::strings(command));
    }
    if !edits.environment_files.is_empty() {
        let file = |arn: &String| {
            Json::Object(vec![("value".into(), Json::string(arn)), ("type".into(), Json::string("s3"))])
        };
        notes.set(container, "environmentFiles", Json::Array(edits.environment_files.iter().map(file).collect()));
    }
    for (list, key, pairs) in
        [("environment", "value", &edits.environment), ("secrets", "valueFrom", &edits.secrets)]
    {
        if !pairs.is_empty()
            && let Json::Array(items) = slot(container, list, Json::Array(Vec::new()))
        {
            for (name, value) in pairs {
                let value = Json::string(value);
                notes.note(list, Some(name), set_named(items, name, key, value.clone()), value);
            }
        }
    }
    if !edits.docker_labels.is_empty() {
        let labels = slot(container, "dockerLabels", Json::Object(Vec::new()));
        notes.set_all("dockerLabels", labels, &edits.docker_labels);
    }
    if edits.log_driver.is_some() || !edits.log_options.is_empty() {
        log(container, edits, &mut notes, warnings)?;
    }
    Ok(notes.changes)
}

/// Changes where the container logs to.
fn log(
    container: &mut Object,
    edits: &Edits,
    notes: &mut Notes,
    warnings: &mut Vec<String>,
) -> Result<(), EcsError> {
    let Json::Object(log) = slot(container, "logConfiguration", Json::Object(Vec::new())) else {
        unreachable!("invariant: it was read as an object")
    };
    if let Some(driver) = &edits.log_driver {
        let driver = Json::string(driver);
        let before = set(log, "logDriver", driver.clone(), None).filter(|before| !before.is_null());
        if before.as_ref().is_some_and(|before| *before != driver) {
            warnings.extend(left_over(&notes.container, log, &edits.log_options));
        }
        notes.note("logConfiguration", None, before, driver);
    }
    if !edits.log_options.is_empty() {
        notes.set_all("logConfiguration", slot(log, "options", Json::Object(Vec::new())), &edits.log_options);
    }
    if log.iter().any(|(key, value)| key == "logDriver" && !value.is_null()) {
        Ok(())
    } else {
        Err(EcsError::NoLogDriver { container: notes.container.clone() })
    }
}

/// The member of an object, which becomes `empty` if it is not there or null.
fn slot<'o>(object: &'o mut Object, key: &str, empty: Json) -> &'o mut Json {
    let place = match object.iter().position(|(name, _)| name == key) {
        Some(place) => place,
        None => {
            object.push((key.to_owned(), Json::Scalar("null".into())));
            object.len() - 1
        }
    };
    let value = &mut object[place].1;
    if value.is_null() {
        *value = empty;
    }
    value
}

/// Sets what the item of that name has under `key`; it is the only one of that name afterwards. Gives what it was.
fn set_named(items: &mut Vec<Json>, name: &str, key: &str, value: Json) -> Option<Json> {
    let is_it = |item: &Json| item.get("name").and_then(Json::text).as_deref() == Some(name);
    let Some(place) = items.iter().position(is_it) else {
        items.push(Json::Object(vec![("name".into(), Json::string(name)), (key.into(), value)]));
        return None;
    };
    let mut position = 0;
    items.retain(|item| {
        position += 1;
        position - 1 == place || !is_it(item)
    });
    match &mut items[place] {
        Json::Object(item) => set(item, key, value, None),
        Json::Array(_) | Json::Scalar(_) => None,
    }
}

/// Options of the former driver, which most drivers refuse.
fn left_over(container: &str, log: &Object, given: &[Pair]) -> Option<String> {
    let (_, Json::Object(options)) = log.iter().find(|(key, _)| key == "options")? else { return None };
    let left = options.iter().map(|(key, _)| key).filter(|key| !given.iter().any(|(given, _)| given == *key));
    let left: Vec<_> = left.map(|key| format!("`{key}`")).collect();
    if left.is_empty() {
        return None;
    }
    Some(format!(
        "container {container}: the log driver is another one now, and options of the one before are still there: {}",
        left.join(", ")
    ))
}

/// A name without a host, where the image was not on Docker Hub before.
pub(super) fn docker_hub(container: &Object, before: Option<&str>, pin: &Pin) -> Option<String> {
    let full = pin.repository().to_string();
    let was_there = before.and_then(repository).is_some_and(|before| before == *pin.repository());
    if was_there || pin.name().split('/').next() == full.split('/').next() {
        return None;
    }
    Some(format!(
        "container {}: `{}` has no registry in its name, so ECS looks for {full} on Docker Hub; `consign build --push` \
         prints the name in full",
        name(container),
        pin.name()
    ))
}

/// What ECS refuses of names.
pub(super) fn refused(container: &Object) -> Result<(), EcsError> {
    let (secrets, variables) = (names(container, "secrets"), names(container, "environment"));
    let container = || name(container);
    for (position, secret) in secrets.iter().enumerate() {
        if secrets[..position].contains(secret) {
            return Err(EcsError::TwoSecrets { name: secret.clone(), container: container() });
        }
        if variables.contains(secret) {
            return Err(EcsError::Both { name: secret.clone(), container: container() });
        }
    }
    Ok(())
}

/// Variables that stand twice: which of them counts is not documented.
pub(super) fn twice(container: &Object) -> Vec<String> {
    let variables = names(container, "environment");
    let twice = variables.iter().enumerate().filter(|(place, name)| variables[..*place].contains(name));
    let warning =
        |(_, variable)| format!("container {}: the environment variable {variable} stands twice", name(container));
    twice.map(warning).collect()
}

fn names(container: &Object, list: &str) -> Vec<String> {
    match member(container, list) {
        Some(Json::Array(items)) => items.iter().filter_map(|item| item.get("name")?.text()).collect(),
        _ => Vec::new(),
    }
}
