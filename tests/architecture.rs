//! The house keeps its walls: which room may use which, how long a file may be, and that no test is forgotten.
//!
//! The compiler does not fence the modules of one crate, so this reads the sources.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use std::path::{Path, PathBuf};

/// The rooms in the order in which data goes through them: each may use those before it.
const ROOMS: [&str; 14] = [
    "base", "spec", "tree", "layer", "image", "auth", "registry", "build", "publish", "ecr", "ecs", "ci",
    "deploy", "cli",
];

/// The one room beside the line, and all that it may use: it must not be right by sharing the client's mistakes.
const EMULATOR: [&str; 2] = ["base", "image"];

/// Lines that a file may have, tests not counted.
const LIMIT: usize = 800;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The code of a file without its tests and comments.
fn code(path: &Path) -> String {
    let text = fs_err::read_to_string(path).unwrap();
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The rooms that `code` names as `crate::ROOM`, grouped imports included.
fn used(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for after in code.split("crate::").skip(1) {
        let names: Vec<&str> = match after.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![after],
        };
        for name in names {
            let name = name.trim();
            let end = name.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(name.len());
            rooms.push(name[..end].to_owned());
        }
    }
    rooms
}

#[test]
fn rooms_use_only_rooms_before_them() {
    let src = root().join("src");
    let mut wrong = Vec::new();
    for path in sources(&src) {
        let relative = path.strip_prefix(&src).unwrap();
        let room = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        let allowed: Vec<&str> = match room {
            "lib.rs" | "main.rs" => continue,
            "emulator" => EMULATOR.to_vec(),
            // The command line also starts the emulator.
            "cli" => ROOMS.iter().copied().chain(["emulator"]).collect(),
            _ => {
                let place = ROOMS.iter().position(|known| *known == room);
                ROOMS[..place.unwrap_or_else(|| panic!("`{room}` is no room"))].to_vec()
            }
        };
        for used in used(&code(&path)) {
            if used != room && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} uses `{used}`", relative.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_emulator_does_not_know_the_aws_sdk_and_the_lower_rooms_no_network() {
    let src = root().join("src");
    let mut wrong = Vec::new();
    for (room, forbidden) in [
        ("emulator", &["aws_sdk", "aws_config", "aws_sigv4", "reqwest"][..]),
        ("base", &["tokio", "reqwest", "aws_", "fs_err"]),
        ("spec", &["tokio", "reqwest", "aws_", "fs_err"]),
        ("tree", &["tokio", "reqwest", "aws_"]),
        ("layer", &["tokio", "reqwest", "aws_"]),
        ("image", &["tokio", "reqwest", "aws_"]),
        ("build", &["tokio", "reqwest", "aws_"]),
    ] {
        for path in sources(&src.join(room)) {
            // Tests may talk to the emulator with any client.
            if path.components().any(|part| part.as_os_str() == "tests") {
                continue;
            }
            let code = code(&path);
            for name in forbidden
                .iter()
                .filter(|name| code.contains(&format!("{name}::")) || code.contains(&format!("use {name}")))
            {
                wrong.push(format!("{} uses {name}", path.strip_prefix(&src).unwrap().display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn files_are_short_enough_to_have_one_subject() {
    let mut long = Vec::new();
    for path in sources(&root().join("src")) {
        let text = fs_err::read_to_string(&path).unwrap();
        let lines = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap().lines().count();
        if lines > LIMIT {
            long.push(format!("{}: {lines}", path.display()));
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn no_integration_test_is_forgotten() {
    let folder = root().join("tests/it");
    let main = fs_err::read_to_string(folder.join("main.rs")).unwrap();
    for path in sources(&folder) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(
            name == "main" || main.contains(&format!("mod {name};")),
            "tests/it/{name}.rs is not declared"
        );
    }
}

#[test]
fn only_the_command_line_prints_and_exits() {
    let src = root().join("src");
    let mut wrong = Vec::new();
    for path in sources(&src) {
        let code = code(&path);
        let room = path.strip_prefix(&src).unwrap().components().next().unwrap().as_os_str().to_owned();
        for word in ["println!", "eprintln!", "process::exit", "io::stdout()", "io::stderr()"] {
            if room != "cli" && code.contains(word) {
                wrong.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn imports_are_read_as_they_are_written() {
    assert_eq!(used("use crate::base::X;\nuse crate::{image::Y, tree};"), ["base", "image", "tree"]);
    assert_eq!(used("let x = crate::layer::seal(1);"), ["layer"]);
}
