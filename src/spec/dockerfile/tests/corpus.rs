//! The files of `tests/dockerfiles`, which are also what BuildKit is compared with.

use super::*;
use std::path::PathBuf;

fn files(folder: &str) -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dockerfiles").join(folder);
    let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "Dockerfile"));
    let mut files: Vec<_> =
        files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path)).collect();
    files.sort();
    files
}

fn read(path: &Path) -> String {
    text(path, &fs_err::read(path).unwrap()).unwrap().to_owned()
}

/// Build arguments stand in comments: `# build-arg: NAME=value`.
fn options_of(text: &str) -> Options {
    let given = text.lines().filter_map(|line| line.strip_prefix("# build-arg: ")?.split_once('='));
    Options { build_args: given.map(|(name, value)| (name.into(), value.into())).collect(), ..options() }
}

#[test]
fn good_ones_are_read() {
    let files = files("good");
    assert!(files.len() >= 60, "{}", files.len());
    for (name, path) in files {
        let text = read(&path);
        let file = parse(&path, &text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let evaluated = evaluate(&file, &options_of(&text), &base);
        let evaluated = evaluated.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(evaluated.target, file.stages.len() - 1);
        // Without the bases less is known, but nothing is wrong.
        evaluate(&file, &options_of(&text), &|_, _| None).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_instruction_is_among_them() {
    let mut seen = std::collections::BTreeSet::new();
    for (_, path) in files("good") {
        let file = parse(&path, &read(&path)).unwrap();
        let own = file.stages.iter().flat_map(|stage| &stage.instructions);
        seen.extend(own.chain(&file.globals).map(|instruction| instruction.head.keyword.text.to_uppercase()));
    }
    let all: std::collections::BTreeSet<_> =
        super::super::parse::KEYWORDS.iter().map(|keyword| (*keyword).to_owned()).collect();
    assert_eq!(all.difference(&seen).collect::<Vec<_>>(), ["FROM"]);
}

#[test]
fn every_check_finds_something_in_them() {
    let mut seen = std::collections::BTreeSet::new();
    for (_, path) in files("good") {
        let text = read(&path);
        let options = Options { ignored: Some(Ignored::parse(b"dist\n").unwrap()), ..options_of(&text) };
        seen.extend(check(&path, &text, &options, &base).findings.into_iter().map(|finding| finding.rule));
    }
    let missing: Vec<_> = Rule::ALL.iter().filter(|rule| !seen.contains(rule)).collect();
    assert_eq!(missing, Vec::<&Rule>::new());
}

/// A word that is not put together from pieces stands in the file as it is.
#[test]
fn spans_name_the_words() {
    let mut looked_at = 0;
    for (name, path) in files("good") {
        let text = read(&path);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let file = parse(&path, text).unwrap();
        for stage in &file.stages {
            let words =
                [Some(&stage.base), stage.name.as_ref().map(|(_, name)| name), Some(&stage.head.keyword)];
            let copies = stage.instructions.iter().flat_map(|instruction| match &instruction.body {
                Body::Copy(copy) => copy.sources.iter().chain([&copy.destination]).collect(),
                Body::Workdir(word) | Body::User(word) => vec![word],
                _ => Vec::new(),
            });
            for word in words.into_iter().flatten().chain(copies) {
                let there = &text[word.span.start..word.span.end];
                // JSON keeps its quotes in the file.
                assert!(
                    there == word.text || there == format!("{:?}", word.text),
                    "{name}: {word:?} is {there}"
                );
                looked_at += 1;
            }
        }
    }
    assert!(looked_at > 200, "{looked_at}");
}

#[test]
fn bad_ones_are_refused_with_these_words() {
    let files = files("bad");
    assert!(files.len() >= 25, "{}", files.len());
    for (name, path) in files {
        let checked = check(super::path(), &read(&path), &options(), &base);
        let error = checked.error.unwrap_or_else(|| panic!("{name} is not refused"));
        insta::with_settings!({
            snapshot_path => "../../../../tests/dockerfiles/bad",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(name, error);
        });
    }
}
