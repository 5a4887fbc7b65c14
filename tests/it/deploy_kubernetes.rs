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
