//! What differs between two images by their documents: config, history and layers. No layer is read.

use super::{Descriptor, Document, History, ImageConfig, Manifest};
use crate::base::{BlobDigest, DiffId};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What differs from the first image to the second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageDiff {
    /// Fields of config and manifest, by name.
    pub fields: Vec<Field>,
    /// Steps that only the first has, the lowest first.
    pub history_removed: Vec<History>,
    /// Steps that only the second has.
    pub history_added: Vec<History>,
    /// Layers, as they lie.
    pub layers: Layers,
}

/// A field that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name, levels joined by dots: `config.Env.PATH`, `manifest.annotations.x`.
    pub name: String,
    /// In the first image; none if that does not have it.
    pub from: Option<Value>,
    /// In the second.
    pub to: Option<Value>,
}

/// The layers of both images. Which of them lie in another order is not told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layers {
    /// The blobs that both have, in the order of the second.
    pub shared: Vec<Layer>,
    /// Only the first has these.
    pub removed: Vec<Layer>,
    /// Only the second has these.
    pub added: Vec<Layer>,
}

/// A layer, as a manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// The blob.
    pub digest: BlobDigest,
    /// Bytes of the blob.
    pub size: u64,
    /// What made it, by the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Whether the other image has the same files in a blob that is compressed in another way.
    pub recompressed: bool,
}

/// What differs from `a` to `b`.
pub fn diff(a: Parts<'_>, b: Parts<'_>) -> ImageDiff {
    let (mut from, mut to) = (fields(a), fields(b));
    let names: BTreeSet<String> = from.keys().chain(to.keys()).cloned().collect();
    let fields = names.into_iter().filter_map(|name| {
        let (from, to) = (from.remove(&name), to.remove(&name));
        (from != to).then_some(Field { name, from, to })
    });
    let fields = fields.collect();
    let (history_removed, history_added) = in_the_middle(&a.1.value().history, &b.1.value().history);
    ImageDiff { fields, history_removed, history_added, layers: layers(a, b) }
}

/// Manifest and config of an image.
pub type Parts<'a> = (&'a Document<Manifest>, &'a Document<ImageConfig>);

/// All fields but the layers and the history, by their names.
fn fields((manifest, config): Parts<'_>) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut config = object(config.bytes());
    for elsewhere in ["rootfs", "history"] {
        config.remove(elsewhere);
    }
    // Variables by their names, and nothing else of the list as long as each is there once.
    if let Some(Value::Object(run)) = config.get_mut("config")
        && let Some(Value::Array(list)) = run.get("Env")
        && let Some(variables) = variables(list)
    {
        run.insert("Env".into(), Value::Object(variables));
    }
    flatten("", Value::Object(config), &mut fields);
    let mut document = object(manifest.bytes());
    document.insert("mediaType".into(), manifest.media_type().to_string().into());
    if let Some(kind) = document.get("config").and_then(|config| config.get("mediaType")).cloned() {
        document.insert("config".into(), serde_json::json!({ "mediaType": kind }));
    }
    document.remove("layers");
    flatten("manifest", Value::Object(document), &mut fields);
    fields
}

fn object(bytes: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(bytes).expect("invariant: a document that was read is an object")
}

fn variables(list: &[Value]) -> Option<Map<String, Value>> {
    let pairs = list.iter().map(|entry| entry.as_str()?.split_once('='));
    let map: Map<_, _> =
        pairs.map(|pair| pair.map(|(name, value)| (name.to_owned(), value.into()))).collect::<Option<_>>()?;
    (map.len() == list.len()).then_some(map)
}

/// Takes objects apart. What is empty is as good as left out: Go writes either. Only in a set, a member has the value
/// `{}`.
fn flatten(name: &str, value: Value, fields: &mut Map<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let name = if name.is_empty() { key } else { format!("{name}.{key}") };
                flatten(&name, value, fields);
            }
        }
        Value::Object(_)
            if ["config.ExposedPorts.", "config.Volumes."].iter().any(|set| name.starts_with(set)) =>
        {
            fields.insert(name.to_owned(), Value::Bool(true));
        }
        Value::Object(_) | Value::Null => {}
        Value::Array(list) if list.is_empty() => {}
        value => {
            fields.insert(name.to_owned(), value);
        }
    }
}

/// What is left of two lists without their common beginning and end.
fn in_the_middle<T: PartialEq + Clone>(a: &[T], b: &[T]) -> (Vec<T>, Vec<T>) {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same..], &b[same..]);
    let same = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    (a[..a.len() - same].to_vec(), b[..b.len() - same].to_vec())
}

fn layers(a: Parts<'_>, b: Parts<'_>) -> Layers {
    let [ours, theirs] = [a, b].map(|(manifest, config)| {
        let made = config.value().history.iter().filter(|step| !step.empty_layer);
        let mut made = made.map(|step| step.created_by.clone());
        let diff_ids = &config.value().rootfs.diff_ids;
        let layers = manifest.value().layers.iter().zip(diff_ids);
        let known = layers.map(|(blob, diff_id)| (blob, *diff_id, made.next().flatten()));
        known.collect::<Vec<(&Descriptor, DiffId, Option<String>)>>()
    });
    let only = |here: &[(&Descriptor, DiffId, Option<String>)],
                there: &[(&Descriptor, DiffId, Option<String>)]| {
        let blobs: HashSet<BlobDigest> = there.iter().map(|(blob, ..)| blob.digest).collect();
        let tars: HashMap<DiffId, BlobDigest> =
            there.iter().map(|(blob, diff_id, _)| (*diff_id, blob.digest)).collect();
        let layers = here.iter().map(|(blob, diff_id, created_by)| {
            let is_shared = blobs.contains(&blob.digest);
            let recompressed = !is_shared && tars.contains_key(diff_id);
            let layer =
                Layer { digest: blob.digest, size: blob.size, created_by: created_by.clone(), recompressed };
            (layer, is_shared)
        });
        layers.collect::<Vec<_>>()
    };
    let without = |layers: &[(Layer, bool)], shared: bool| {
        let kept = layers.iter().filter(|(_, is_shared)| *is_shared == shared);
        kept.map(|(layer, _)| layer.clone()).collect::<Vec<_>>()
    };
    let (ours, theirs) = (only(&ours, &theirs), only(&theirs, &ours));
    Layers { shared: without(&theirs, true), removed: without(&ours, false), added: without(&theirs, false) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::MediaType;
    use serde_json::json;

    /// An image whose layers are named by texts: `blob=tar`.
    fn image(config: Value, layers: &[&str]) -> (Document<Manifest>, Document<ImageConfig>) {
        let parts = |layer: &str| {
            let (blob, tar) = layer.split_once('=').unwrap();
            (BlobDigest::of(blob.as_bytes()), DiffId::of(tar.as_bytes()))
        };
        let mut config = config;
        let diff_ids: Vec<_> = layers.iter().map(|layer| parts(layer).1).collect();
        config["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
        config["os"] = "linux".into();
        config["architecture"] = "amd64".into();
        let config = Document::read(serde_json::to_vec(&config).unwrap(), MediaType::OCI_CONFIG).unwrap();
        let layers = layers.iter().map(|layer| Descriptor::new(MediaType::OCI_LAYER, parts(layer).0, 7));
        let manifest = Manifest::new(config.descriptor(), layers.collect());
        (Document::write(manifest, MediaType::OCI_MANIFEST), config)
    }

    fn differ(
        a: &(Document<Manifest>, Document<ImageConfig>),
        b: &(Document<Manifest>, Document<ImageConfig>),
    ) -> ImageDiff {
        diff((&a.0, &a.1), (&b.0, &b.1))
    }

    #[test]
    fn fields_by_name() {
        let a = image(
            json!({ "created": "1970-01-01T00:00:00Z", "config": {
                "Env": ["PATH=/bin", "A=1"], "Cmd": ["a", "b"], "Labels": { "gone": "1" }, "User": null,
                "ExposedPorts": { "80/tcp": {} }, "Healthcheck": { "Test": ["NONE"] } } }),
            &[],
        );
        let b = image(
            json!({ "created": "1970-01-01T00:00:00Z", "config": {
                "Env": ["A=2", "PATH=/bin"], "Cmd": ["a"], "Labels": { "new.key": "2" },
                "ExposedPorts": { "80/tcp": {}, "81/tcp": {} }, "Healthcheck": { "Test": ["CMD", "x"] } } }),
            &[],
        );
        let found: Vec<_> = differ(&a, &b)
            .fields
            .into_iter()
            .map(|Field { name, from, to }| format!("{name}: {} > {}", json!(from), json!(to)))
            .collect();
        assert_eq!(
            found,
            [
                r#"config.Cmd: ["a","b"] > ["a"]"#,
                r#"config.Env.A: "1" > "2""#,
                "config.ExposedPorts.81/tcp: null > true",
                r#"config.Healthcheck.Test: ["NONE"] > ["CMD","x"]"#,
                r#"config.Labels.gone: "1" > null"#,
                r#"config.Labels.new.key: null > "2""#,
            ]
        );
        let same = differ(&a, &a);
        assert!(same.fields.is_empty() && same.history_added.is_empty() && same.history_removed.is_empty());
    }

    /// A list of variables that is none is compared as it stands.
    #[test]
    fn odd_environments() {
        for odd in [json!(["A=1", "A=2"]), json!(["A"])] {
            let (a, b) = (
                image(json!({ "config": { "Env": odd } }), &[]),
                image(json!({ "config": { "Env": [] } }), &[]),
            );
            let fields = differ(&a, &b).fields;
            assert_eq!(fields[0].name, "config.Env");
            assert_eq!(fields[0].from, Some(odd));
        }
    }

    #[test]
    fn layers_and_history() {
        let step = |name: &str, empty: bool| json!({ "created_by": name, "empty_layer": empty });
        let a = image(
            json!({ "history": [step("base", false), step("env", true), step("old", false), step("last", false)] }),
            &["1=1", "2=2", "3=3"],
        );
        let b = image(
            json!({ "history": [step("base", false), step("new", false), step("again", false), step("last", false)] }),
            &["1=1", "4=4", "5=2", "3=3"],
        );
        let ImageDiff { history_removed, history_added, layers, .. } = differ(&a, &b);
        let by =
            |steps: &[History]| steps.iter().map(|step| step.created_by.clone().unwrap()).collect::<Vec<_>>();
        assert_eq!(
            (by(&history_removed), by(&history_added)),
            (vec!["env".into(), "old".into()], vec!["new".into(), "again".into()])
        );
        let shown = |layers: &[Layer]| {
            let line =
                |layer: &Layer| format!("{} {}", layer.created_by.as_deref().unwrap(), layer.recompressed);
            layers.iter().map(line).collect::<Vec<_>>()
        };
        assert_eq!(shown(&layers.shared), ["base false", "last false"]);
        assert_eq!(shown(&layers.removed), ["old true"]);
        assert_eq!(shown(&layers.added), ["new false", "again true"]);
    }
}
