use super::*;
use crate::base::Failure as _;
use proptest::prelude::*;
use std::time::{Duration, Instant};

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const API: &str = "registry.example/shop/api";

fn wanted(image: &str) -> Wanted {
    Wanted { pins: vec![format!("{image}@{DIGEST}").parse().unwrap()], ..Wanted::default() }
}

fn render_one(text: &str, wanted: &Wanted) -> Result<Rendered, KubernetesError> {
    render(&[Source { name: "a.yaml", text }], wanted).map(|mut all| all.remove(0))
}

fn pinned(text: &str) -> String {
    render_one(text, &wanted(API)).unwrap().text
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let text = "containers:\n- {name: web, image: registry.example/shop/app:1}\n- {name: b, image: nginx}\n";
    let error = render_one(text, &wanted(API)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no image in these files is of the repository `registry.example/shop/api`\n  images that are there:\n    nginx\n    \
         registry.example/shop/app:1"
    );
    assert!(error.hint().unwrap().starts_with("`registry.example/shop/app` is there, which is another"));
    let by_name = |name: &str| Wanted { containers: vec![(name.into(), None)], ..wanted(API) };
    let error = render_one(text, &by_name("wep")).unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("did you mean `web`?"));
    let by_path = |path: &str| Wanted { paths: vec![(path.parse().unwrap(), None)], ..wanted(API) };
    let error = render_one("api:\n  image: x\n", &by_path("api.imag")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`api.imag` is in none of these files: there is no `imag` in `api`, which has image"
    );
    assert_eq!(error.hint().as_deref(), Some("did you mean `image`?"));
}

#[test]
fn an_image_with_several_names_is_found_by_one() {
    let two = Wanted {
        pins: [API, "ghcr.io/shop/api"]
            .iter()
            .map(|name| format!("{name}@{DIGEST}").parse().unwrap())
            .collect(),
        ..Wanted::default()
    };
    let text = "containers: [{name: a, image: ghcr.io/shop/api:1}]\n";
    assert_eq!(render_one(text, &two).unwrap().text, text.replace(":1}", &format!("@{DIGEST}}}")));
    // Two images are two images.
    let other = DIGEST.replace('4', "5");
    let two = Wanted { pins: vec![two.pins[1].clone(), format!("{API}@{other}").parse().unwrap()], ..two };
    assert!(matches!(render_one(text, &two), Err(KubernetesError::NoImage { .. })));
}

#[test]
fn what_is_shared_is_not_changed_for_one() {
    let text = "x: &c {image: old}\ncontainers:\n- {<<: *c, name: a}\n- {<<: *c, name: b}\n";
    let one = Wanted { containers: vec![("a".into(), None)], ..wanted(API) };
    let error = render_one(text, &one).unwrap_err();
    assert!(matches!(error, KubernetesError::Shared { line: 1, .. }), "{error}");
    let both = Wanted { containers: vec![("a".into(), None), ("b".into(), None)], ..wanted(API) };
    let rendered = render_one(text, &both).unwrap();
    assert_eq!(rendered.text, text.replace("old", &format!("{API}@{DIGEST}")));
}

#[test]
fn values_that_can_hold_no_image() {
    let by_path = |path: &str| Wanted { paths: vec![(path.parse().unwrap(), None)], ..wanted(API) };
    let error = |text| render_one(text, &by_path("image")).unwrap_err().to_string();
    assert!(error("image: {repository: a/b}").contains("neither `digest` nor `tag`"));
    assert!(error("image: {tag: b}").contains("no `repository`"));
    assert!(error("image: [a]").contains("it is a list"));
    assert!(error("image: '{{ .x }}'").contains("a template makes it"));
    assert!(error("image: {repository: a/b, tag: ''}").contains("its `tag` is empty"));
    for bad in ["", ".", "a.", "a..b", "[", "a[]"] {
        assert!(bad.parse::<ValuesPath>().is_err(), "{bad}");
    }
    let rendered = render_one("- - image: a\n", &by_path("[0][0].image")).unwrap();
    assert_eq!(rendered.text, format!("- - image: {API}@{DIGEST}\n"));
    // Without its `sha256:`, where it was without.
    let bare = format!("image: {{repository: {API}, digest: {}}}", "0".repeat(64));
    assert!(
        render_one(&bare, &by_path("image"))
            .unwrap()
            .text
            .ends_with(&format!("digest: \"{}\"}}", &DIGEST[7..]))
    );
}

#[test]
fn notes_are_given_where_something_is_left() {
    let text =
        "containers:\n- {name: a, image: \"{{ .x }}\"}\n- {name: b, image: registry.example/shop/api:1}\n";
    assert_eq!(
        render_one(text, &wanted(API)).unwrap().notes,
        ["a.yaml:2: the image of the container `a` is made by a template, and left to it"]
    );
    let text = "kind: Kustomization\nimages:\n- name: registry.example/shop/api\n  newTag: x\n  digest: y\n";
    assert_eq!(
        render_one(text, &wanted(API)).unwrap().notes,
        ["a.yaml:4: this tag is left as it is, though kustomize goes by the digest beside it"]
    );
}

#[test]
fn large_and_hostile_files_end_soon() {
    let started = Instant::now();
    let item = "- name: abc\n  image: registry.example/shop/api:1.4\n  env: [{name: A, value: b}]\n";
    let large = format!("containers:\n{}", item.repeat(30_000));
    assert_eq!(pinned(&large), large.replace("api:1.4", &format!("api@{DIGEST}")));
    // Each container brings in each of many mappings.
    let many = (0..3_000).map(|n| format!("- &m{n} {{a{n}: 1}}\n")).collect::<String>();
    let all = (0..3_000).map(|n| format!("*m{n}")).collect::<Vec<_>>().join(", ");
    let users = "- <<: *all\n  name: b\n".repeat(3_000);
    let tangled = format!("x:\n{many}y: &all [{all}]\ncontainers:\n{users}");
    assert!(matches!(render_one(&tangled, &wanted(API)), Err(KubernetesError::Tangled { .. })));
    // Everything in one line, each with an entry to put in.
    let images = "{\"name\": \"registry.example/shop/api\"}, ".repeat(3_000);
    let line = format!("{{\"kind\": \"Kustomization\", \"images\": [{}]}}", images.trim_end_matches(", "));
    assert_eq!(render_one(&line, &wanted(API)).unwrap().changes.len(), 3_000);
    let deep = (0..1_500).map(|n| format!("{}containers:\n", " ".repeat(n))).collect::<String>();
    assert!(matches!(render_one(&deep, &wanted(API)), Err(KubernetesError::NoImage { .. })));
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

/// A container as a text, before and after.
#[derive(Debug, Clone)]
struct Piece {
    before: String,
    after: String,
}

/// Texts to stand behind an image.
fn behind() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        "\n  # registry.example/shop/api:1\n",
        "  ports: [{containerPort: 80}]\n",
        "  workingDir: \"é\"\n  volumeMounts:\n    - {name: image, mountPath: /x}\n",
    ])
    .prop_map(str::to_owned)
}

/// Texts to stand before an image.
fn before() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        "  # image: registry.example/shop/api:1\n",
        "\n\n",
        "  env: [{name: IMAGE, value: 'registry.example/shop/api:1'}]\n",
        "  args: [\"ü\", '\u{1F600}', a b]\n",
        "  command:\n  - |\n    image: registry.example/shop/api:1\n\n  - >-\n    x\n    y\n",
        "  resources: {limits: {cpu: 1, \"memory\": 1Gi}} # 数\n",
        "  livenessProbe: {exec: {command: [x]}}\n  tty: true\n",
    ])
    .prop_map(str::to_owned)
}

fn piece() -> impl Strategy<Value = Piece> {
    let image = prop_oneof![
        3 => "[a-z0-9]{1,6}(\\.[0-9]{1,2})?".prop_map(|tag| (format!("{API}:{tag}"), true)),
        1 => Just((API.to_owned(), true)),
        1 => Just((format!("{API}@{}", DIGEST.replace('4', "7")), true)),
        1 => Just((format!("{API}-x:1"), false)),
        1 => Just(("nginx:1.27".to_owned(), false)),
        1 => Just((format!("{API}:1.4@{DIGEST}"), false)),
    ];
    let style = 0..9_usize;
    (image, style, before(), behind(), "[a-zé\u{1F433}]{1,5}").prop_map(
        |((old, changes), style, a, b, name)| {
            let new = if changes { format!("{API}@{DIGEST}") } else { old.clone() };
            let write = |image: &str| {
                let value = match style {
                    0 => image.to_owned(),
                    1 => format!("\"{image}\""),
                    2 => format!("'{image}'   # ä"),
                    3 => format!("|-\n    {image}"),
                    4 => format!(">+  # é\n\n      {image}\n\n"),
                    5 => format!("!!str {image}"),
                    6 => format!("\n    {image}  # below"),
                    7 => format!("&anchor{}  \"{image}\"", name.len()),
                    _ => return format!("- {{\"name\": \"{name}\", image: {image} , tty: true}}\n"),
                };
                format!("- name: \"{name}\"\n{a}  image: {value}\n{b}")
            };
            Piece { before: write(&old), after: write(&new) }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn images_change_and_nothing_else(
        documents in prop::collection::vec(prop::collection::vec(piece(), 1..5), 1..4),
        indent in 0..7_usize,
        crlf in any::<bool>(),
        mark in any::<bool>(),
        json in any::<bool>(),
    ) {
        let text = |pick: fn(&Piece) -> &str| {
            let mut text = String::new();
            for document in &documents {
                text.push_str("---\nkind: Pod # ü\nspec:\n");
                let mut block = String::from(" initContainers:\n");
                for piece in document {
                    for line in pick(piece).split_inclusive('\n') {
                        block.extend([" ", &" ".repeat(indent), line]);
                    }
                }
                text.push_str(&block);
            }
            if json {
                text.push_str("---\n{\"a\": [\"registry.example/shop/api:1\"]}");
            }
            let text = if crlf { text.replace('\n', "\r\n") } else { text };
            if mark { format!("\u{feff}{text}") } else { text }
        };
        let (before, after) = (text(|piece| &piece.before), text(|piece| &piece.after));
        match render_one(&before, &wanted(API)) {
            Ok(rendered) => {
                prop_assert_eq!(&rendered.text, &after);
                prop_assert_eq!(&pinned(&rendered.text), &after);
            }
            Err(KubernetesError::NoImage { .. }) => prop_assert_eq!(&before, &after),
            Err(error) => prop_assert!(false, "{}\n{}", error, before),
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[-a-z:\\[\\]{}&*!|>'\"%@#?, \\n\\r\\t\\\\\u{feff}ü]{0,80}") {
        for text in [text.clone(), format!("containers:\n- name: a\n  image: {text}\n"), format!("images:\n- name: {API}\n{text}")] {
            let by_name = Wanted { containers: vec![("a".into(), None)], ..wanted(API) };
            let by_path = Wanted { paths: vec![("images".parse().unwrap(), None)], ..wanted(API) };
            for wanted in [wanted(API), by_name, by_path] {
                if let Err(error) = render_one(&text, &wanted) {
                    prop_assert!(!matches!(error, KubernetesError::Unfaithful { .. }), "{}\n{:?}", error, text);
                }
            }
        }
    }
}
