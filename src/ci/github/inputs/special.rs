//! The inputs that are more than one option with one value.

use super::{Gathered, Split, Values};
use crate::auth::StaticKeys;
use crate::base::Secret;

pub(super) fn apply(values: &Values, gathered: &mut Gathered) {
    context(values, gathered);
    file(values, gathered);
    annotations(values, gathered);
    outputs(values, gathered);
    cache_from(values, gathered);
    keys(values, gathered);
    retries(values, gathered);
    if let Some(text) = values.get("mask-aws-account-id") {
        gathered.request.mask_account = gathered.truth("mask-aws-account-id", text);
    }
    if values.get("registry-type").is_some_and(|value| !matches!(value, "private" | "public")) {
        let hint = "it can be left out: the tags say which registry is meant";
        gathered.problem("registry-type", "is neither `private` nor `public`", hint);
    }
    match values.get("call") {
        None | Some("build") => {}
        Some("check") => gathered.switch("check"),
        Some(_) => {
            gathered.problem("call", "is neither `build` nor `check`", "outlines and targets are not shown");
        }
    }
    if let Some(text) = values.get("attests") {
        let items = gathered.items("attests", text, Split::Lines);
        if !items.iter().all(|item| item.split(',').any(|field| field == "disabled=true")) {
            let hint = "this version of consign makes no attestations: attest the digest in a later step";
            gathered.problem("attests", "can't be used", hint);
        }
    }
}

/// A directory: what is at a URL or in Git is not what stands in the workspace.
fn context(values: &Values, gathered: &mut Gathered) {
    let Some(context) = values.get("context") else { return };
    let remote =
        ["git@", "github.com/", "{{defaultContext}}"].iter().any(|prefix| context.starts_with(prefix));
    if remote || context.contains("://") {
        let hint = "check the repository out with actions/checkout, and name a directory of it";
        gathered.problem("context", "is not a directory", hint);
    }
}

/// `file` and `config` mean the same.
fn file(values: &Values, gathered: &mut Gathered) {
    match (values.get("file"), values.get("config")) {
        (Some(file), Some(config)) if file != config => {
            gathered.problem(
                "config",
                "says something else than `file`",
                "give one of them: they mean the same",
            );
        }
        (Some(path), _) | (_, Some(path)) => gathered.option("file", path),
        (None, None) => {}
    }
}

/// `[LEVEL,…:]KEY=VALUE`, where a level may have a platform in brackets.
fn annotations(values: &Values, gathered: &mut Gathered) {
    const LEVELS: [&str; 4] = ["manifest", "index", "manifest-descriptor", "index-descriptor"];
    let Some(text) = values.get("annotations") else { return };
    let several = values.get("platforms").is_some_and(|text| text.trim().contains([',', '\n']));
    for item in gathered.items("annotations", text, Split::Lines) {
        let levels = item.split_once(':').filter(|(levels, _)| {
            levels.split(',').all(|level| LEVELS.contains(&level.split('[').next().unwrap_or_default()))
        });
        match levels {
            None => gathered.option("annotation", &item),
            Some((levels, pair))
                if !several && levels.split(',').any(|level| level.split('[').next() == Some("manifest")) =>
            {
                gathered.option("annotation", pair);
            }
            // Whether there is an index follows from the platforms, which are checked by the build.
            Some(_) if several => gathered.option("annotation", &item),
            Some((levels, _)) => {
                let why = format!(
                    "has annotations for `{levels}`, and an image for one platform has only a manifest"
                );
                gathered.problem("annotations", why, "write `manifest:` in front of them, or nothing");
            }
        }
    }
}

/// `push` is short for an output of the type `registry`. What names a file goes to `--output`, which knows the rest.
fn outputs(values: &Values, gathered: &mut Gathered) {
    let mut push = values.get("push").is_some_and(|text| gathered.truth("push", text));
    let text = values.get("outputs").unwrap_or_default();
    for item in gathered.items("outputs", text, Split::Verbatim) {
        let fields: Vec<_> =
            item.split(',').map(|field| field.split_once('=').unwrap_or((field, ""))).collect();
        match fields.iter().find(|(key, _)| *key == "type") {
            Some((_, "registry" | "image")) => push |= to_registry(&fields, gathered),
            _ => gathered.option("output", &item),
        }
    }
    if push {
        gathered.switch("push");
    }
}

/// An output that is a registry; tells whether the image is to be pushed.
fn to_registry(fields: &[(&str, &str)], gathered: &mut Gathered) -> bool {
    let mut push = fields.contains(&("type", "registry"));
    for (key, value) in fields {
        match (*key, *value) {
            ("type", _) | ("oci-mediatypes", "true") | ("push", "false") => {}
            ("push", "true") => push = true,
            ("name", name) => gathered.option("tag", name),
            ("compression" | "compression-level", value) => gathered.option(key, value),
            _ => gathered.problem(
                "outputs",
                format!("has `{key}=`, which this version of consign does not know for a registry"),
                "name, push, compression and compression-level are known",
            ),
        }
    }
    if !push {
        let hint = "there is no image store to leave it in: set `push: true`, or write it to a file with \
                    `type=docker,dest=FILE`";
        gathered.problem("outputs", "has an image that is neither pushed nor written", hint);
    }
    push
}

/// Caches of other kinds than an image are not needed.
fn cache_from(values: &Values, gathered: &mut Gathered) {
    let Some(text) = values.get("cache-from") else { return };
    for item in gathered.items("cache-from", text, Split::Lines) {
        let field = |name: &str| {
            item.split(',')
                .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        };
        match (field("type").as_deref(), field("ref")) {
            (None, None) => gathered.option("cache-from", &item),
            (None | Some("registry"), Some(reference)) => gathered.option("cache-from", &reference),
            _ => gathered.notice("cache-from", "the image that a push replaces is the cache"),
        }
    }
}

/// Keys, and the credentials that a role is assumed with.
fn keys(values: &Values, gathered: &mut Gathered) {
    let names = ["aws-access-key-id", "aws-secret-access-key", "aws-session-token"];
    match names.map(|name| values.get(name)) {
        [Some(id), Some(secret), token] => {
            gathered.request.keys = Some(StaticKeys {
                id: id.to_owned(),
                secret: Secret::new(secret),
                session_token: token.map(Secret::new),
            });
        }
        [None, None, None] => {}
        given => {
            let missing = names[usize::from(given[0].is_some())];
            let present = if given[0].is_some() {
                names[0]
            } else if given[1].is_some() {
                names[1]
            } else {
                names[2]
            };
            gathered.problem(
                missing,
                format!("is missing: there is `{present}`"),
                "give both, or use OIDC with `role-to-assume`",
            );
        }
    }
    let mut without_oidc = gathered.request.keys.is_some();
    for name in ["role-chaining", "force-skip-oidc"] {
        without_oidc |= values.get(name).is_some_and(|text| gathered.truth(name, text));
    }
    let role = values.get("role-to-assume").is_some();
    if role && without_oidc && gathered.request.keys.is_none() {
        gathered.switch("role-chaining");
    }
    match values.get("role-external-id") {
        Some(id) if role && without_oidc => gathered.option("role-external-id", id),
        Some(_) => {
            gathered.notice("role-external-id", "a role that is assumed with an OIDC token takes none");
        }
        None => {}
    }
}

fn retries(values: &Values, gathered: &mut Gathered) {
    if values.get("disable-retry").is_some_and(|text| gathered.truth("disable-retry", text)) {
        gathered.option("retry-max-attempts", "1");
    } else if let Some(attempts) = values.get("retry-max-attempts") {
        gathered.option("retry-max-attempts", attempts);
    }
}
