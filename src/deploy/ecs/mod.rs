//! A task definition of ECS with the image that was pushed: what `aws ecs register-task-definition --cli-input-json`
//! takes.
//!
//! The inputs are those of <https://github.com/aws-actions/amazon-ecs-render-task-definition>, the document is
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>. What this program does not
//! know of it stays as it is.

mod container;
mod edits;
mod error;
mod json;
mod platform;

pub use edits::{Edits, LOG_DRIVERS, Pair, environment_files, log_driver, pairs, secrets};
pub use error::{EcsError, Named};
pub use json::{Fault, Json};
pub use platform::platform_warning;

use super::Pin;
use crate::base::Reference;
use json::set;

/// What `DescribeTaskDefinition` tells of a task definition, and `RegisterTaskDefinition` does not take.
const READ_ONLY: [&str; 8] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
];

/// The members of an object.
type Object = Vec<(String, Json)>;

/// A task definition that has containers, each with a name of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    root: Object,
    containers: Vec<Object>,
}

/// One value that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The container; none if it is about the whole task.
    pub container: Option<String>,
    /// The member: `image`, `environment`, `taskRoleArn`.
    pub member: &'static str,
    /// Which of them, where there are several: the name of a variable, the key of a label.
    pub name: Option<String>,
    /// What it was; none if it is new.
    pub before: Option<Json>,
    /// What it is.
    pub after: Json,
}

/// A task definition with its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The task definition.
    pub definition: Json,
    /// The containers that were chosen, each with the image that it runs now.
    pub containers: Vec<(String, Pin)>,
    /// What is not what it was; empty if all of it was so already.
    pub changes: Vec<Change>,
    /// What is likely wrong, in sentences.
    pub warnings: Vec<String>,
}

impl Definition {
    /// Reads a task definition, or the answer of `DescribeTaskDefinition` that has one in it. `name` is where the text
    /// came from. What only ECS can set is left out.
    pub fn read(text: &str, name: &str) -> Result<Self, EcsError> {
        // Some shells write a mark of the encoding in front of all that they put into a file.
        let text = text.trim_start_matches('\u{feff}');
        let json = Json::read(text).map_err(|fault| EcsError::NotJson { name: name.into(), fault })?;
        let form = |why: String| EcsError::Form { name: name.into(), why };
        let kind = json.kind();
        let Json::Object(root) = json else { return Err(form(format!("it is {kind}, and not an object"))) };
        let mut root = unwrapped(root);
        root.retain(|(key, _)| !READ_ONLY.contains(&key.as_str()));
        let list = root.iter_mut().find(|(key, _)| key == "containerDefinitions");
        let Some((_, list)) = list else { return Err(form("it has no `containerDefinitions`".into())) };
        let items = match std::mem::replace(list, Json::Array(Vec::new())) {
            Json::Array(items) => items,
            other => {
                return Err(form(format!("`containerDefinitions` is {}, and not an array", other.kind())));
            }
        };
        if items.is_empty() {
            return Err(form("`containerDefinitions` is empty".into()));
        }
        let mut containers: Vec<Object> = Vec::new();
        for (position, item) in items.into_iter().enumerate() {
            let named = item.get("name").and_then(Json::text);
            let (Json::Object(container), Some(container_name)) = (item, named) else {
                let why = "is not an object with a `name`";
                return Err(form(format!("`containerDefinitions[{position}]` {why}")));
            };
            if containers.iter().any(|other| container::name(other) == container_name) {
                return Err(EcsError::TwoContainers { name: name.into(), container: container_name });
            }
            container::check(&container).map_err(form)?;
            containers.push(container);
        }
        Ok(Self { root, containers })
    }

    /// The containers, for messages.
    fn named(&self) -> Vec<Named> {
        let named = |container: &Object| Named {
            name: container::name(container),
            image: container::image(container),
        };
        self.containers.iter().map(named).collect()
    }

    /// Which containers get which image, by their positions, in the order of the document.
    ///
    /// One image goes to the containers that are named. Without names it goes to those that have an image of its
    /// repository, or to the only container that there is. Of several images, each goes to the containers of its
    /// repository.
    fn choose<'p>(&self, pins: &'p [Pin], names: &[String]) -> Result<Vec<(usize, &'p Pin)>, EcsError> {
        let position = |name: &String| {
            let found = self.containers.iter().position(|container| container::name(container) == *name);
            found.ok_or_else(|| EcsError::NoContainer { wanted: name.clone(), containers: self.named() })
        };
        let mut named = names.iter().map(position).collect::<Result<Vec<_>, _>>()?;
        named.sort_unstable();
        named.dedup();
        if let ([pin], false) = (pins, named.is_empty()) {
            return Ok(named.into_iter().map(|position| (position, pin)).collect());
        }
        let pin_of = |position: usize| {
            let image = container::image(&self.containers[position])?;
            let repository = repository(&image)?;
            pins.iter().find(|pin| *pin.repository() == repository)
        };
        let among = if named.is_empty() { (0..self.containers.len()).collect() } else { named.clone() };
        let found: Vec<_> = among.into_iter().filter_map(|place| Some((place, pin_of(place)?))).collect();
        let missing = || {
            let wanted = pins.iter().map(|pin| pin.repository().to_string()).collect::<Vec<_>>().join(" or ");
            EcsError::NoneMatches { wanted, containers: self.named() }
        };
        match (pins, self.containers.len()) {
            ([pin], 1) => Ok(vec![(0, pin)]),
            _ if found.is_empty() || found.len() < named.len() => Err(missing()),
            _ => Ok(found),
        }
    }

    /// Puts the images into the containers that they are for, and changes what else was asked for, in those and in the
    /// task. `names` are the containers that were named.
    pub fn render(mut self, pins: &[Pin], names: &[String], edits: &Edits) -> Result<Rendered, EcsError> {
        let chosen = self.choose(pins, names)?;
        let (mut changes, mut warnings) = (Vec::new(), Vec::new());
        for pin in pins.iter().filter(|pin| !chosen.iter().any(|(_, other)| other == pin)) {
            warnings.push(format!("no container has an image of {}, so {pin} is not deployed", pin.repository()));
        }
        for (position, pin) in &chosen {
            let container = &mut self.containers[*position];
            let before = container::image(container);
            changes.extend(container::edit(container, pin, edits, &mut warnings)?);
            warnings.extend(container::docker_hub(container, before.as_deref(), pin));
        }
        for container in &self.containers {
            container::refused(container)?;
            warnings.extend(container::twice(container));
        }
        // In this order, both stand behind the family, the role of the task first.
        for (key, role) in [("executionRoleArn", &edits.execution_role), ("taskRoleArn", &edits.task_role)] {
            if let Some(role) = role {
                let after = Json::string(role);
                let before = set(&mut self.root, key, after.clone(), Some("family"));
                if before.as_ref() != Some(&after) {
                    changes.push(Change { container: None, member: key, name: None, before, after });
                }
            }
        }
        if !self.root.iter().any(|(key, _)| key == "family") {
            warnings.push(
                "the task definition has no `family`: `aws ecs register-task-definition` needs it, in the file or as \
                 `--family NAME`"
                    .into(),
            );
        }
        let containers = chosen
            .iter()
            .map(|(position, pin)| (container::name(&self.containers[*position]), (*pin).clone()))
            .collect();
        Ok(Rendered { definition: self.into_json(), containers, changes, warnings })
    }

    /// The whole document again.
    fn into_json(self) -> Json {
        let Self { mut root, containers } = self;
        let list = Json::Array(containers.into_iter().map(Json::Object).collect());
        set(&mut root, "containerDefinitions", list, None);
        Json::Object(root)
    }
}

/// The task definition in an answer of `DescribeTaskDefinition`, with its tags; anything else as it is.
fn unwrapped(mut root: Object) -> Object {
    let place = root.iter().position(|(key, value)| key == "taskDefinition" && matches!(value, Json::Object(_)));
    let Some(place) = place.filter(|_| !root.iter().any(|(key, _)| key == "containerDefinitions")) else {
        return root;
    };
    let (_, Json::Object(mut definition)) = root.swap_remove(place) else {
        unreachable!("invariant: it was found to be an object")
    };
    // An answer has no member that is null for a reason, and the AWS CLI takes none.
    definition.retain(|(_, value)| !value.is_null());
    let tags = root.into_iter().find(|(key, value)| key == "tags" && *value != Json::Array(Vec::new()));
    if let Some((key, tags)) = tags.filter(|(_, tags)| !tags.is_null()) {
        set(&mut definition, &key, tags, None);
    }
    definition
}

/// The repository of an image in full; none if it is not the name of an image, as in a template.
fn repository(image: &str) -> Option<Reference> {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let reference = crate::base::docker_name::in_full(crate::base::docker_name(name).ok()?);
    Some(Reference { tag: None, digest: None, ..reference })
}

impl Change {
    /// For people. Values that may be secret are not in it.
    pub fn describe(&self) -> String {
        let shown = |value: &Json| value.text().unwrap_or_else(|| value.pretty());
        let what = match (self.member, &self.name) {
            ("environment", Some(name)) => format!("environment variable {name}"),
            ("secrets", Some(name)) => format!("secret {name}"),
            ("dockerLabels", Some(name)) => format!("label {name}"),
            ("logConfiguration", Some(name)) => format!("log option {name}"),
            ("logConfiguration", None) => "log driver".into(),
            ("environmentFiles", _) => "environment files".into(),
            (member, _) => member.to_owned(),
        };
        let is_public = self.name.is_none() && !matches!(self.member, "command" | "environmentFiles");
        let how = match &self.before {
            _ if is_public => match &self.before {
                Some(before) => format!("{} → {}", shown(before), shown(&self.after)),
                None => format!("set to {}", shown(&self.after)),
            },
            Some(_) => "changed".into(),
            None => "added".into(),
        };
        match &self.container {
            Some(container) => format!("container {container}: {what} {how}"),
            None => format!("task: {what} {how}"),
        }
    }

    /// For machines.
    pub fn to_json(&self) -> Json {
        let text = |text: &Option<String>| text.as_ref().map_or(Json::Scalar("null".into()), |text| Json::string(text));
        Json::Object(vec![
            ("container".into(), text(&self.container)),
            ("member".into(), Json::string(self.member)),
            ("name".into(), text(&self.name)),
            ("before".into(), self.before.clone().unwrap_or(Json::Scalar("null".into()))),
            ("after".into(), self.after.clone()),
        ])
    }
}

#[cfg(test)]
mod tests;
