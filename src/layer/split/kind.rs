//! What is a dependency: something installed, not written, and so rarely changed.
//!
//! Names alone decide, and a wrong guess makes a wrong boundary between two layers, never a wrong image. Where a
//! name is also an ordinary word (`vendor`, `deps`, `lib`), something else has to agree.

use super::survey::{Directory, Survey, name};
use crate::tree::{Node, Tree};

/// Directories that hold what a package manager installed, under a name that means nothing else.
const INSTALLED: [&[u8]; 14] = [
    b"node_modules",
    b"bower_components",
    b"jspm_packages",
    b".pnpm",
    b"site-packages",
    b"dist-packages",
    b"__pypackages__",
    b"site-library",
    b"lua_modules",
    b"Pods",
    b".m2",
    b".deno",
    b"deno-dir",
    b".bun",
];

/// The same for names that need the directory above them.
const INSTALLED_BELOW: [(&[u8], &[u8]); 13] = [
    (b".yarn", b"cache"),
    (b".yarn", b"unplugged"),
    (b".yarn", b"releases"),
    (b"BOOT-INF", b"lib"),
    (b"WEB-INF", b"lib"),
    (b"target", b"dependency"),
    (b".gradle", b"caches"),
    (b"pkg", b"mod"),
    // Scripts and styles of others, beside the application's own.
    (b"public", b"vendor"),
    (b"static", b"vendor"),
    (b"assets", b"vendor"),
    (b"wwwroot", b"vendor"),
    (b"wwwroot", b"lib"),
];

/// Where jars are put.
const JARS: [&[u8]; 7] =
    [b"lib", b"libs", b"jars", b"dependency", b"dependencies", b"dependency-jars", b"ext"];

/// What the directories of a tree are.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    /// For each directory whether what is in it are dependencies, unless [`Kinds::is_dependency`] knows better.
    pub(super) dependency: Vec<bool>,
    /// For each directory the nearest one that was recognised, itself included.
    pub(super) container: Vec<Option<usize>>,
}

impl Kinds {
    pub(super) fn new(survey: &Survey<'_>) -> Self {
        let directories = &survey.directories;
        let mut kinds = Self::default();
        for (number, directory) in directories.iter().enumerate() {
            let parent = directory.parent;
            // The root has no name, and what is in it can be anything.
            let found = number != 0 && is_container(survey, directory);
            let inherited = kinds.dependency.get(parent).is_some_and(|dependency| *dependency);
            let container = kinds.container.get(parent).copied().flatten();
            let own = !found && inherited && is_own_release(survey, directory);
            kinds.dependency.push(found || inherited && !own);
            kinds.container.push(if found { Some(number) } else { container.filter(|_| !own) });
        }
        kinds
    }

    /// Whether each entry is a dependency; what is said of a directory counts only if it is empty.
    pub(super) fn of_entries(&self, survey: &Survey<'_>, tree: &Tree) -> Vec<bool> {
        let homes = survey.homes.iter().map(|home| *home as usize);
        tree.iter()
            .zip(homes)
            .map(|((path, entry), home)| match entry.node {
                Node::Directory => self.dependency[home],
                _ => self.is_dependency(survey, home, name(path.as_bytes())),
            })
            .collect()
    }

    /// Whether `name`, no directory, is a dependency in the directory with this number.
    fn is_dependency(&self, survey: &Survey<'_>, home: usize, name: &[u8]) -> bool {
        if let Some(stem) = name.strip_suffix(b".jar") {
            let project = survey.directories[home].parent;
            return self.dependency[home] && !stem.ends_with(b"-SNAPSHOT") && !is_own(survey, project, stem);
        }
        if !survey.assemblies.is_empty()
            && let Some(own) = survey.assemblies.get(&home)
            && is_library(name)
        {
            return !own.iter().any(|own| is_same_product(own, name));
        }
        self.dependency[home] || name == b".pnp.cjs" || name == b".pnp.loader.mjs"
    }
}

fn is_container(survey: &Survey<'_>, directory: &Directory<'_>) -> bool {
    let (name, clues) = (directory.name(), &directory.clues);
    let parent = &survey.directories[directory.parent];
    if INSTALLED.contains(&name) || INSTALLED_BELOW.contains(&(parent.name(), name)) {
        return true;
    }
    if clues.pyvenv || clues.conda || clues.gems && clues.specifications {
        return true;
    }
    match name {
        // By itself the word may as well be a module of a shop: the package manager has to have left its mark.
        b"vendor" if clues.autoload || clues.modules || clues.bundle => return true,
        b"deps" if parent.clues.mix => return true,
        b"lib" if clues.jvm || is_release(parent) => return true,
        // Native libraries of .NET packages, by platform.
        b"runtimes" if survey.assemblies.contains_key(&directory.parent) => return true,
        // What starts a jar of Spring Boot that was taken apart.
        b"loader" if parent.path.ends_with(b"org/springframework/boot") => return true,
        _ => {}
    }
    if name.starts_with(b"erts-") && is_release(parent) {
        return true;
    }
    let below_lib = parent.name() == b"lib" && (name == b"main" || name == b"boot");
    (JARS.contains(&name) || below_lib) && clues.is_mostly_jars()
}

/// A release of Erlang or Elixir: applications in `lib`, each with its version in the name.
fn is_release(directory: &Directory<'_>) -> bool {
    directory.clues.erts && directory.clues.releases
}

/// Whether the directory is the application's own in the `lib` of a release: `bin` has its name.
fn is_own_release(survey: &Survey<'_>, directory: &Directory<'_>) -> bool {
    let lib = &survey.directories[directory.parent];
    let release = lib.parent;
    lib.name() == b"lib"
        && is_release(&survey.directories[release])
        && is_own(survey, release, directory.name())
}

/// Whether `stem` is `NAME` or `NAME-VERSION` of a program in the project's `bin`.
fn is_own(survey: &Survey<'_>, project: usize, stem: &[u8]) -> bool {
    let programs = survey.programs.get(&project);
    programs.into_iter().flatten().any(|program| match stem.strip_prefix(*program) {
        Some([]) => true,
        Some([b'-', digit, ..]) => digit.is_ascii_digit(),
        _ => false,
    })
}

/// What .NET puts beside an application: assemblies and native libraries.
fn is_library(name: &[u8]) -> bool {
    [&b".dll"[..], b".so", b".dylib"].iter().any(|suffix| name.ends_with(suffix))
}

/// Whether an assembly has the first component of the application's name: `Shop.Core.dll` goes with `Shop.Api`.
fn is_same_product(own: &[u8], assembly: &[u8]) -> bool {
    let product = own.split(|byte| *byte == b'.').next().unwrap_or(own);
    matches!(assembly.strip_prefix(product), Some([b'.', ..]))
}
