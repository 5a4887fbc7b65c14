//! `consign deploy kubernetes`: the digest in manifests, and not a byte beside it.

use crate::support::Context;
use std::path::{Path, PathBuf};

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const IMAGE: &str =
    "registry.example/shop/api@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// A small deployment; its image is in line 11.
const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  template:
    spec:
      containers:
        # The API itself.
        - name: api
          image: registry.example/shop/api:1.3  # by hand
        - name: proxy
          image: envoyproxy/envoy:v1.31
";

/// One manifest of the corpus.
struct Case {
    file: String,
    options: Vec<String>,
    /// Line, what it is about, and the line as it shall be.
    edits: Vec<(usize, Edit)>,
}

enum Edit {
    Image,
    Text { old: String, new: String },
    Behind(String),
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests")
}

fn cases() -> Vec<Case> {
    let text = fs_err::read_to_string(folder().join("cases.txt")).unwrap().replace("DIGEST", DIGEST);
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().skip_while(|line| line.starts_with('#')).filter(|line| !line.is_empty()) {
        let Some(detail) = line.strip_prefix("  ") else {
            cases.push(Case { file: line.into(), options: Vec::new(), edits: Vec::new() });
            continue;
        };
        let case = cases.last_mut().unwrap();
        if let Some(options) = detail.strip_prefix("options ") {
            case.options = options.split(' ').map(str::to_owned).collect();
            continue;
        }
        let (number, edit) = match detail.split_once(':') {
            None => (detail, Edit::Image),
            Some((number, edit)) => {
                let inner = edit[edit.find('{').unwrap() + 1..].strip_suffix('}').unwrap();
                (
                    number,
                    match inner.split_once("=>") {
                        _ if edit.starts_with('+') => Edit::Behind(inner.to_owned()),
                        Some((old, new)) => Edit::Text { old: old.into(), new: new.into() },
                        None => panic!("{line}"),
                    },
                )
            }
        };
        case.edits.push((number.parse().unwrap(), edit));
    }
    cases
}

/// What the case says, done to the text line by line: no YAML is read here.
fn expected(case: &Case, text: &str) -> String {
    let image = regex::Regex::new(r"registry\.example/shop/api(:[\w.-]+)?(@sha256:[0-9a-f]+)?").unwrap();
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    // From the last one, so that numbers stay true.
    for (number, edit) in case.edits.iter().rev() {
        let line = &mut lines[number - 1];
        match edit {
            Edit::Image => {
                let found: Vec<_> = image.find_iter(line).map(|found| found.range()).collect();
                let [one] = found.as_slice() else { panic!("{}:{number}: {found:?}", case.file) };
                line.replace_range(one.clone(), IMAGE);
            }
            Edit::Text { old, new } => {
                assert_eq!(line.matches(old.as_str()).count(), 1, "{}:{number}: {line}", case.file);
                *line = line.replace(old.as_str(), new);
            }
            Edit::Behind(new) => {
                let new = if line.ends_with('\r') { format!("{new}\r") } else { new.clone() };
                lines.insert(*number, new);
            }
        }
    }
    lines.join("\n")
}

#[test]
fn manifests_change_in_their_images_alone() {
    let t = Context::new();
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut changed = 0;
    for case in &cases {
        let path = folder().join(&case.file);
        let text = fs_err::read_to_string(&path).unwrap();
        let mut arguments = vec!["deploy", "kubernetes", path.to_str().unwrap()];
        arguments.extend(case.options.iter().map(String::as_str));
        if !case.options.iter().any(|option| option == "--image") {
            arguments.extend(["--image", IMAGE]);
        }
        let ended = t.consign(&arguments).output();
        assert_eq!(ended.code, Some(0), "{}\n{ended}", case.file);
        let wanted = expected(case, &text);
        assert_same(&case.file, &ended.stdout, &wanted);
        assert_eq!(wanted != text, !case.edits.is_empty(), "{}", case.file);
        changed += case.edits.len();
        // What is pinned stays as it is.
        let again = t.file("again.yaml", &ended.stdout);
        let name = path.file_name().unwrap().to_str().unwrap();
        let again = if name.starts_with("kustomization") {
            let named = t.path(name);
            fs_err::rename(again, &named).unwrap();
            named
        } else {
            again
        };
        arguments[2] = again.to_str().unwrap();
        if !case.file.starts_with("by-name") {
            let second = t.consign(&arguments).succeeds();
            assert_eq!(second, ended.stdout.trim_end(), "{}: the second time", case.file);
        }
    }
    assert!(changed >= 100, "{changed}");
}

/// As `assert_eq!`, with the first line that differs.
#[track_caller]
fn assert_same(file: &str, found: &str, wanted: &str) {
    if found != wanted {
        let differs =
            found.lines().zip(wanted.lines()).enumerate().find(|(_, (found, wanted))| found != wanted);
        panic!("{file}: {differs:?}\n{found}");
    }
}

/// Every manifest of the folder is one of the corpus.
#[test]
fn no_manifest_is_forgotten() {
    let known: Vec<String> = cases().into_iter().map(|case| case.file).collect();
    let mut folders = vec![folder()];
    while let Some(next) = folders.pop() {
        for entry in fs_err::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder()).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert!(name == "cases.txt" || known.contains(&name), "{name}");
            }
        }
    }
}

/// The one file, with the image in its line 11.
fn deployment(t: &Context) {
    t.file("deployment.yaml", DEPLOYMENT);
}

#[test]
fn the_digest_of_a_build_in_a_manifest() {
    let t = Context::with_ecr(&[]);
    t.app();
    let push = ["build", "app", "--create-repository", "--push", "--tag", "shop/api:1.4"];
    let pushed = t.consign(push.iter().chain(&["--metadata-file", "image.json"])).succeeds();
    let (name, _) = pushed.split_once('@').unwrap();
    t.file("deployment.yaml", DEPLOYMENT.replace("registry.example/shop/api", name));
    let rendered = DEPLOYMENT.replace("registry.example/shop/api:1.3", &pushed);
    let deploy = ["deploy", "kubernetes", "deployment.yaml"];
    let with = |more: &[&str]| t.consign(deploy.iter().chain(more));
    assert_eq!(with(&["--image", &pushed]).succeeds() + "\n", rendered);
    assert_eq!(with(&["--metadata-file", "image.json"]).succeeds() + "\n", rendered);
    // The build before and the deployment take the same variables.
    assert_eq!(with(&[]).env("CONSIGN_METADATA_FILE", "image.json").succeeds() + "\n", rendered);
    assert_eq!(with(&[]).env("CONSIGN_DEPLOY_IMAGE", &pushed).succeeds() + "\n", rendered);
    let tagged = DEPLOYMENT.replace("registry.example/shop/api:1.3", &pushed.replace('@', ":1.4@"));
    assert_eq!(with(&["--metadata-file", "image.json", "--keep-tag"]).succeeds() + "\n", tagged);
    for format in ["text", "json"] {
        let line = format!(
            "consign build app --tag shop/api:1.4 --push --format {format} | consign deploy kubernetes deployment.yaml --image -"
        );
        let folder = Path::new(env!("CARGO_BIN_EXE_consign")).parent().unwrap();
        let path = format!("{}:/usr/bin:/bin", folder.display());
        assert_eq!(t.shell(&line).env("PATH", path).succeeds() + "\n", rendered);
    }
}

#[test]
fn what_is_said() {
    let t = Context::new();
    deployment(&t);
    insta::assert_snapshot!(t.consign(["deploy", "kubernetes", "deployment.yaml", "--image", IMAGE]).output(), @r"
    exit: 0
    ----- stdout -----
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: api
    spec:
      template:
        spec:
          containers:
            # The API itself.
            - name: api
              image: registry.example/shop/api@sha256:[DIGEST]  # by hand
            - name: proxy
              image: envoyproxy/envoy:v1.31
    ----- stderr -----
    deployment.yaml:11: Deployment/api, container api: registry.example/shop/api:1.3 -> registry.example/shop/api@sha256:[DIGEST]
    ");
    let json = ["deploy", "kubernetes", "deployment.yaml", "--image", IMAGE, "--format", "json"];
    insta::assert_snapshot!(t.consign(json).output(), @r#"
    exit: 0
    ----- stdout -----
    {
      "changes": [
        {
          "file": "deployment.yaml",
          "line": 11,
          "column": 18,
          "kind": "Deployment",
          "name": "api",
          "container": "api",
          "field": "image",
          "old": "registry.example/shop/api:1.3",
          "new": "registry.example/shop/api@sha256:[DIGEST]"
        }
      ],
      "pinned": [],
      "notes": [],
      "files": [
        {
          "file": "deployment.yaml",
          "changed": true
        }
      ],
      "rendered": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\nspec:\n  template:\n    spec:\n      containers:\n        # The API itself.\n        - name: api\n          image: registry.example/shop/api@sha256:[DIGEST]  # by hand\n        - name: proxy\n          image: envoyproxy/envoy:v1.31\n"
    }
    ----- stderr -----
    deployment.yaml:11: Deployment/api, container api: registry.example/shop/api:1.3 -> registry.example/shop/api@sha256:[DIGEST]
    "#);
}

#[test]
fn nothing_matches() {
    let t = Context::new();
    deployment(&t);
    let image = format!("registry.example/shop/app@{DIGEST}");
    insta::assert_snapshot!(t.consign(["deploy", "kubernetes", "deployment.yaml", "--image", &image]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no image in these files is of the repository `registry.example/shop/app`
      images that are there:
        envoyproxy/envoy:v1.31
        registry.example/shop/api:1.3
    hint: `registry.example/shop/api` is there, which is another repository: name the container with `--container NAME`, or the repository as the files do
    ");
    let named =
        ["deploy", "kubernetes", "deployment.yaml", "--image", &image, "--container", "apy", "--in-place"];
    insta::assert_snapshot!(t.consign(named).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no container in these files that has an image is named `apy`
      containers that are there:
        api
        proxy
    hint: did you mean `api`?
    ");
    assert_eq!(fs_err::read_to_string(t.path("deployment.yaml")).unwrap(), DEPLOYMENT);
}

#[test]
fn files_are_written_back_whole_and_only_those_that_change() {
    use std::os::unix::fs::PermissionsExt as _;
    let t = Context::new();
    let api = t.file("k8s/api.yml", DEPLOYMENT);
    let other = t.file("k8s/other.yaml", "kind: ConfigMap\n");
    t.file("k8s/deep/worker.yaml", "containers: [{name: w, image: registry.example/shop/api}]");
    t.file("k8s/notes.txt", "image: [");
    fs_err::set_permissions(&api, std::fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs_err::metadata(&other).unwrap().modified().unwrap();
    let in_place = ["deploy", "kubernetes", "k8s", "--image", IMAGE, "--in-place"];
    insta::assert_snapshot!(t.consign(in_place).output(), @r"
    exit: 0
    ----- stdout -----
    k8s/api.yml
    ----- stderr -----
    k8s/api.yml:11: Deployment/api, container api: registry.example/shop/api:1.3 -> registry.example/shop/api@sha256:[DIGEST]
    ");
    let written = fs_err::read_to_string(&api).unwrap();
    assert_eq!(written, DEPLOYMENT.replace("registry.example/shop/api:1.3", IMAGE));
    assert_eq!(fs_err::metadata(&api).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(fs_err::metadata(&other).unwrap().modified().unwrap(), before);
    insta::assert_snapshot!(t.consign(in_place).output(), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    k8s/api.yml:11: Deployment/api, container api: already registry.example/shop/api@sha256:[DIGEST]
    ");
    // With the folder in it, there is one more to change.
    let check = ["deploy", "kubernetes", "k8s", "--recursive", "--image", IMAGE, "--check"];
    insta::assert_snapshot!(t.consign(check).output(), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    k8s/api.yml:11: Deployment/api, container api: already registry.example/shop/api@sha256:[DIGEST]
    k8s/deep/worker.yaml:1: container w: registry.example/shop/api -> registry.example/shop/api@sha256:[DIGEST]
    error: 1 value does not name the image that is wanted, in k8s/deep/worker.yaml
    hint: run it with `--in-place` in the place of `--check`, and commit
    ");
    let output = ["deploy", "kubernetes", "k8s", "-R", "--image", IMAGE, "--output", "all.yaml", "--quiet"];
    assert_eq!(t.consign(output).succeeds(), "");
    let all = fs_err::read_to_string(t.path("all.yaml")).unwrap();
    assert_eq!(
        all,
        format!("{written}---\ncontainers: [{{name: w, image: {IMAGE}}}]\n---\nkind: ConfigMap\n")
    );
    t.consign(["deploy", "kubernetes", "k8s", "-R", "--image", IMAGE, "--in-place", "--quiet"]).succeeds();
    t.consign(check).succeeds();
}

#[test]
fn one_bad_file_and_nothing_is_written() {
    let t = Context::new();
    deployment(&t);
    t.file("bad.yaml", "spec:\n  a: 1\n  image: x\n  a: 2\n");
    let both = ["deploy", "kubernetes", "deployment.yaml", "bad.yaml", "--image", IMAGE, "--in-place"];
    insta::assert_snapshot!(t.consign(both).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: bad.yaml: line 4, column 3: the key `a` stands twice in this mapping, first in line 2
      4 |   a: 2
        |   ^
    ");
    assert_eq!(fs_err::read_to_string(t.path("deployment.yaml")).unwrap(), DEPLOYMENT);
    for (bytes, said) in [
        (&b"a: \0\n"[..], "bad.yaml: line 1, column 4: a NUL character"),
        (b"a: 1\nb: \xff\n", "bad.yaml: it is not UTF-8 text: line 2 has a byte that is not"),
        (b"a: [1\nb: 2\n", "bad.yaml: line "),
        (b"a: *b\n", "bad.yaml: line 1, column 4: "),
    ] {
        t.file("bad.yaml", bytes);
        let said_now = t.consign(both).fails(2);
        assert!(said_now.contains(said), "{said_now}");
    }
    t.file("bad.yaml", "[".repeat(20_000));
    assert!(t.consign(both).fails(2).contains("line 1, column 256"));
    assert_eq!(fs_err::read_to_string(t.path("deployment.yaml")).unwrap(), DEPLOYMENT);
}

#[test]
fn options_that_make_no_sense() {
    let t = Context::new();
    deployment(&t);
    t.file("image.json", format!("{{\"containerimage.digest\": \"{DIGEST}\", \"image.name\": \"\"}}"));
    t.file("empty/x.txt", "");
    let other = format!("--container=api=ghcr.io/x/y@{DIGEST}");
    for (options, said) in [
        (&[][..], "no image is named"),
        (&["--image", "registry.example/shop/api:1.4"], "has no digest"),
        (&["--image", DIGEST], "its repository is not known"),
        (&["--image", IMAGE, "--metadata-file", "image.json"], "named twice"),
        (
            &["--metadata-file", "image.json"],
            "image.json: no image is named in this JSON: `image.name` is empty",
        ),
        (&["--metadata-file", "absent.json"], "absent.json"),
        (&["--image", "-", "-"], "both the image and a file"),
        (&["--image", IMAGE, "-", "--in-place"], "stdin can't be written back"),
        (&["--image", IMAGE, "empty"], "there is no *.yaml"),
        (&["--image", IMAGE, "absent.yaml"], "absent.yaml"),
        (&["--image", IMAGE, "--in-place", "--output", "x"], "cannot be used with"),
        (&["--image", IMAGE, "--output", "no/where.yaml"], "writing `no/where.yaml`"),
        (&["--image", IMAGE, &other], "--image is not used"),
        (&["--image", IMAGE, "--container", "api", "--container", "api"], "named twice"),
        (&["--image", IMAGE, "--container", "api=x"], "has no digest"),
        (&["--image", IMAGE, "--helm-path", "a..b"], "a key of it is empty"),
        (
            &["--image", IMAGE, "--helm-path", "spec.image"],
            "there is no `image` in `spec`, which has template",
        ),
    ] {
        let arguments = ["deploy", "kubernetes", "deployment.yaml"].iter().chain(options);
        let said_now = t.consign(arguments).fails(2);
        assert!(said_now.contains(said), "{options:?}: {said_now}");
    }
    // What names its image needs no other, and a variable of the job is no mistake.
    let run =
        t.consign(["deploy", "kubernetes", "deployment.yaml", &other]).env("CONSIGN_DEPLOY_IMAGE", IMAGE);
    assert!(run.succeeds().contains("image: ghcr.io/x/y@sha256:"));
    let run = t.consign(["deploy", "kubernetes", "deployment.yaml", "--image", IMAGE]);
    assert!(run.env("CONSIGN_METADATA_FILE", "absent.json").succeeds().contains(IMAGE));
}

#[test]
fn manifests_from_stdin() {
    let t = Context::new();
    deployment(&t);
    let folder = Path::new(env!("CARGO_BIN_EXE_consign")).parent().unwrap();
    let line = format!("consign deploy kubernetes - --image {IMAGE} < deployment.yaml");
    let run = t.shell(&line).env("PATH", format!("{}:/usr/bin:/bin", folder.display())).output();
    assert_eq!(run.stdout, DEPLOYMENT.replace("registry.example/shop/api:1.3", IMAGE));
    assert!(run.stderr.starts_with("stdin:11: Deployment/api, container api: "), "{run}");
}

#[test]
fn charts_are_told_where_to_look() {
    let t = Context::new();
    t.file(
        "templates/api.yaml",
        "containers:\n- name: api\n  image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"\n",
    );
    insta::assert_snapshot!(t.consign(["deploy", "kubernetes", "templates", "--image", IMAGE]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no image in these files is of the repository `registry.example/shop/api`
    hint: some images are made by templates; pin the values that these read: `--helm-path api.image` with the file of values
    ");
    t.file("values.yaml", "image:\n  repository: nginx\n  tag: 1.3\n");
    insta::assert_snapshot!(t.consign(["deploy", "kubernetes", "values.yaml", "--helm-path", "image", "--image", IMAGE]).output(), @r"
    exit: 0
    ----- stdout -----
    image:
      repository: registry.example/shop/api
      tag: 1.3@sha256:[DIGEST]
    ----- stderr -----
    values.yaml:2: image.repository: nginx -> registry.example/shop/api
    values.yaml:3: image.tag: 1.3 -> 1.3@sha256:[DIGEST]
    values.yaml:3: this tag stays in front of the digest, as the image's own is not known; the digest decides
    ");
}
