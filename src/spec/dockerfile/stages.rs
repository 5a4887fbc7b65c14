//! What a file is made of besides instructions: variables for all of it, stages, and what refers to what.

use super::evaluate::Options;
use super::instruction::{Body, Stage};
use super::run::is_constant;
use super::source::{Faults, Span};
use crate::base::suggest::nearest;
use std::collections::{BTreeMap, BTreeSet};

/// What a stage starts from, or where a COPY takes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Nothing: `FROM scratch`.
    Scratch,
    /// Another stage, by its number from 0.
    Stage(usize),
    /// A context with a name, given beside the file.
    Context(String),
    /// An image, as it is named.
    Image(String),
}

/// So many names are compared with one that is misspelt: each takes time.
pub(super) const CANDIDATES: usize = 200;

/// The stages whose names are known at a place of the file.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, usize>);

impl Names {
    /// Later stages hide earlier ones of the same name.
    pub(super) fn add(&mut self, stage: &Stage, index: usize) {
        if let Some(name) = stage.name() {
            self.0.insert(name, index);
        }
    }

    /// What a `FROM` means. BuildKit compares the name as it is written with names in lower case.
    pub(super) fn base(&self, name: &str, options: &Options) -> Origin {
        match self.0.get(name) {
            Some(index) => Origin::Stage(*index),
            None if name == "scratch" => Origin::Scratch,
            None => context(name, options).map_or_else(|| Origin::Image(name.to_owned()), Origin::Context),
        }
    }

    /// A stage by its name, whatever its case.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.0.get(&name.to_lowercase()).copied()
    }

    /// Names to choose from when one is misspelt; not all of them if they are many.
    pub(super) fn some(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).take(CANDIDATES)
    }
}

/// The context that is given for a name. Both may be written as names of images are, in full or in short.
pub(super) fn context(name: &str, options: &Options) -> Option<String> {
    fn short(name: &str) -> &str {
        let name = name.strip_suffix(":latest").unwrap_or(name);
        let name = ["docker.io/", "index.docker.io/"]
            .iter()
            .find_map(|host| name.strip_prefix(host))
            .unwrap_or(name);
        name.strip_prefix("library/").unwrap_or(name)
    }
    options.contexts.iter().find(|known| short(known) == short(name)).cloned()
}

/// Where the sources of a stage's COPY and RUN instructions are, in their order.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// The instruction's position in its stage, what it takes from, and the word that says so.
    pub(super) list: Vec<(usize, Origin, Span)>,
}

impl Links {
    pub(super) fn of(&self, instruction: usize) -> Option<&Origin> {
        let index = self.list.partition_point(|(position, _, _)| *position < instruction);
        self.list.get(index).filter(|(position, _, _)| *position == instruction).map(|(_, origin, _)| origin)
    }
}

/// Resolves what the instructions of a stage take from. `count` is the number of stages.
pub(super) fn links(
    bodies: &[(&Body, Span)],
    names: &Names,
    count: usize,
    escape: char,
    options: &Options,
    faults: &mut Faults,
) -> Links {
    let mut links = Links::default();
    for (position, (body, _)) in bodies.iter().enumerate() {
        match body {
            Body::Copy(copy) => {
                let Some(from) = &copy.from else { continue };
                if !is_constant(&from.text, escape) {
                    let hint = "give it a name with `FROM … AS NAME`, where variables are replaced";
                    faults.hinted(from.span, "no variables are replaced in `--from`", hint);
                    continue;
                }
                match from.text.parse::<i64>() {
                    Ok(number) => match usize::try_from(number).ok().filter(|number| *number < count) {
                        Some(index) => links.list.push((position, Origin::Stage(index), from.span)),
                        None => {
                            let message = format!("there is no stage {number}");
                            let hint = format!("stages count from 0 to {}", count - 1);
                            faults.hinted(from.span, message, hint);
                        }
                    },
                    Err(_) => links.list.push((position, named(&from.text, names, options), from.span)),
                }
            }
            Body::Run(run) => {
                for mount in &run.mounts {
                    if let Some(from) = mount.from() {
                        links.list.push((position, named(from, names, options), mount.word.span));
                    }
                }
            }
            _ => {}
        }
    }
    links
}

fn named(name: &str, names: &Names, options: &Options) -> Origin {
    match names.find(name) {
        Some(index) => Origin::Stage(index),
        None if name == "scratch" => Origin::Scratch,
        None => context(name, options).map_or_else(|| Origin::Image(name.to_owned()), Origin::Context),
    }
}

/// So many stages of a circle are named.
const SHOWN: usize = 8;

/// Finds stages that need themselves, directly or through others.
pub(super) fn cycles(links: &[Links], stages: &[Stage], faults: &mut Faults) {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        /// On the way, at this place of it.
        Open(usize),
        Done,
    }
    let mut marks = vec![Mark::New; links.len()];
    for start in 0..links.len() {
        if marks[start] != Mark::New {
            continue;
        }
        marks[start] = Mark::Open(0);
        // The way from `start`, and at each stage on it the next link to follow.
        let mut way: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((stage, next)) = way.last_mut() {
            let Some((_, origin, span)) = links[*stage].list.get(*next) else {
                marks[*stage] = Mark::Done;
                way.pop();
                continue;
            };
            *next += 1;
            let Origin::Stage(target) = *origin else { continue };
            match marks[target] {
                Mark::New => {
                    marks[target] = Mark::Open(way.len());
                    way.push((target, 0));
                }
                Mark::Open(from) => {
                    let shown =
                        |index: usize| stages[index].name().unwrap_or_else(|| format!("stage {index}"));
                    let round = &way[from..];
                    let names: Vec<String> =
                        round.iter().take(SHOWN).map(|(stage, _)| shown(*stage)).collect();
                    let more = if round.len() > SHOWN { " and more" } else { "" };
                    let message = match names.as_slice() {
                        [name] => format!("`{name}` takes from itself"),
                        names => format!("`{}`{more} need each other", names.join("`, `")),
                    };
                    faults.add(*span, message);
                }
                Mark::Done => {}
            }
        }
    }
}

/// The stage that is asked for, or the last one.
pub(super) fn target(
    wanted: Option<&str>,
    stages: &[Stage],
    names: &Names,
    faults: &mut Faults,
) -> Option<usize> {
    let Some(wanted) = wanted else { return stages.len().checked_sub(1) };
    let found = names.find(wanted);
    if found.is_none() {
        let place = stages.last().map(|stage| stage.head.span).unwrap_or_default();
        let known: Vec<&str> = names.some().collect();
        let hint = match nearest(wanted, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "no stage has a name: write `FROM IMAGE AS NAME`".to_owned(),
            None => format!("there are {}", known.join(", ")),
        };
        faults.hinted(place, format!("no stage is named `{wanted}`, which is the target"), hint);
    }
    found
}

/// The stages that `target` needs, itself included.
pub(super) fn needed(target: usize, bases: &[Origin], links: &[Links]) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    let mut open = vec![target];
    while let Some(stage) = open.pop() {
        if !needed.insert(stage) {
            continue;
        }
        let origins =
            std::iter::once(&bases[stage]).chain(links[stage].list.iter().map(|(_, origin, _)| origin));
        open.extend(origins.filter_map(|origin| match origin {
            Origin::Stage(index) => Some(*index),
            _ => None,
        }));
    }
    needed
}
