//! `RUN`: its flags and mounts.

use super::expand::{Budget, Lexer};
use super::flags::{Flags, Takes};
use super::instruction::{Command, Document, Mount, Run};
use super::source::Faults;
use super::values;
use super::words::Word;
use crate::base::suggest::nearest;

pub(super) const FLAGS: [(&str, Takes); 4] =
    [("mount", Takes::Texts), ("network", Takes::Text), ("security", Takes::Text), ("device", Takes::Texts)];

/// Puts a `RUN` together.
pub(super) fn run(command: Command, documents: Vec<Document>, mut flags: Flags, faults: &mut Faults) -> Run {
    let mut mounts = Vec::new();
    for word in flags.texts("mount") {
        let Some(fields) = values::fields(&word.text) else {
            let hint = "write `--mount=type=cache,target=/path`";
            faults.hinted(word.span, format!("`{}` are not fields with commas between", word.text), hint);
            continue;
        };
        let field = |field: String| match field.split_once('=') {
            Some((name, value)) => (name.to_lowercase(), Some(value.to_owned())),
            None => (field.to_lowercase(), None),
        };
        let mount = Mount { fields: fields.into_iter().map(field).collect(), word };
        let from = mount.fields.iter().filter(|(name, _)| name == "from");
        // A `$` at the very end is a `$`.
        let variable = |value: &String| value.find('$').is_some_and(|index| index + 1 < value.len());
        if from.flat_map(|(_, value)| value).any(variable) {
            let hint = "give the image a name with `FROM … AS NAME`, where variables are replaced";
            faults.hinted(mount.word.span, "no variables are replaced in `from` of a mount", hint);
        }
        mounts.push(mount);
    }
    let mut one_of = |name: &str, known: &[&str], faults: &mut Faults| {
        let word = flags.text(name)?;
        if !known.contains(&word.text.as_str()) {
            let hint = match nearest(&word.text, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", known.join(", ")),
            };
            faults.hinted(word.span, format!("`--{name}` can't be `{}`", word.text), hint);
        }
        Some(word)
    };
    let network = one_of("network", &["default", "none", "host"], faults);
    let security = one_of("security", &["sandbox", "insecure"], faults);
    let devices = flags.texts("device");
    for device in &devices {
        check_device(device, faults);
    }
    Run { command, documents, mounts, network, security, devices }
}

fn check_device(word: &Word, faults: &mut Faults) {
    let Some(fields) = values::fields(&word.text) else {
        faults.add(word.span, format!("`{}` are not fields with commas between", word.text));
        return;
    };
    let mut named = false;
    for field in fields {
        let fault = match field.split_once('=').map(|(name, value)| (name.to_lowercase(), value)) {
            None if field.eq_ignore_ascii_case("required") => None,
            None if named => Some(format!("`{field}` has no value")),
            Some((name, value)) if name == "required" => {
                values::boolean(value).is_none().then(|| format!("`required` can't be `{value}`"))
            }
            Some((name, _)) if named && name == "name" => Some("the device is named twice".to_owned()),
            Some((name, _)) if named => Some(format!("a device has no `{name}`")),
            _ => {
                named = true;
                None
            }
        };
        faults.add_some(word.span, fault);
    }
}

const FIELDS: [&str; 19] = [
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "required",
    "size",
    "id",
    "sharing",
    "mode",
    "uid",
    "gid",
    "env",
];

/// Looks at the fields of a mount with their variables replaced; gives what is wrong.
pub(super) fn mount_fault(
    mount: &Mount,
    expand: &mut dyn FnMut(&str) -> Option<String>,
) -> Option<(String, Option<String>)> {
    let (mut kind, mut has_file_mode, mut sharing) = ("bind".to_owned(), None, false);
    let (mut source, mut target, mut id) = (false, false, false);
    let plain = |message: String| Some((message, None));
    let near = |text: &str, known: &[&str]| {
        nearest(text, known.iter().copied()).map(|near| format!("did you mean `{near}`?"))
    };
    for (name, value) in &mount.fields {
        let has_no_value = value.is_none();
        let value = match value {
            None => String::new(),
            Some(value) => expand(value)?,
        };
        let switch = |value: &str| has_no_value || values::boolean(value).is_some();
        match name.as_str() {
            "required" if !matches!(kind.as_str(), "secret" | "ssh") => {
                return plain(format!("a mount of type {kind} has no `required`"));
            }
            "readonly" | "ro" | "readwrite" | "rw" | "required" if switch(&value) => {}
            "readonly" | "ro" | "readwrite" | "rw" | "required" => {
                return plain(format!("`{name}` is true or false, and not `{value}`"));
            }
            known if has_no_value && FIELDS.contains(&known) => {
                return plain(format!("`{name}` of a mount has no value"));
            }
            "type" => {
                kind = value.to_lowercase();
                let known = ["bind", "cache", "tmpfs", "secret", "ssh"];
                if !known.contains(&kind.as_str()) {
                    return Some((format!("`{value}` is no type of mount"), near(&kind, &known)));
                }
            }
            "from" if kind == "secret" && !value.is_empty() => {
                return plain("a secret is from no stage".into());
            }
            "source" | "src" => source = !value.is_empty(),
            "target" | "dst" | "destination" => target = !value.is_empty(),
            "size" if kind != "tmpfs" => return plain(format!("a mount of type {kind} has no `size`")),
            "size" if values::bytes(&value).is_none() => {
                return plain(format!("`{value}` is not a size"));
            }
            "id" => id = !value.is_empty(),
            "sharing" => {
                let known = ["shared", "private", "locked"];
                if !known.contains(&value.to_lowercase().as_str()) {
                    return Some((format!("`{value}` is no way to share a cache"), near(&value, &known)));
                }
                sharing = true;
            }
            "mode" | "uid" | "gid" => {
                let radix = if name == "mode" { 8 } else { 10 };
                if value.starts_with('+') || u32::from_str_radix(&value, radix).is_err() {
                    return plain(format!("`{value}` is no {name}"));
                }
                has_file_mode = Some(name.as_str());
            }
            "from" | "size" | "env" => {}
            _ => return Some((format!("a mount has no field `{name}`"), near(name, &FIELDS))),
        }
    }
    match (kind.as_str(), has_file_mode) {
        ("bind" | "tmpfs", Some(name)) => plain(format!("a mount of type {kind} has no `{name}`")),
        _ if sharing && kind != "cache" => plain(format!("a mount of type {kind} has no `sharing`")),
        ("secret", _) if !(source || target || id) => plain("a secret needs an `id`".into()),
        ("secret", _) if source && id => plain("a secret has an `id` or a `source`, and not both".into()),
        ("secret", _) if mount.from().is_some() => plain("a secret is from no stage".into()),
        _ => None,
    }
}

/// Whether a word of a flag means something else once variables are replaced, which BuildKit forbids for `--from`.
pub(super) fn is_constant(word: &str, escape: char) -> bool {
    let expanded = Lexer::new(escape).expand(word, &|_| None, &mut Budget::default());
    expanded.is_ok_and(|expanded| expanded.text == word)
}
