//! Cutting what is large into layers.

use super::MOST_LAYERS;
use super::kind::Kinds;
use super::survey::Survey;
use super::trie::{Item, deal, key};
use crate::tree::{Node, Tree};
use std::collections::BTreeMap;

/// A tree that weighs less is not cut: a layer costs some requests, and so little is sent in the time of them.
const LEAST_CUT: u64 = 4 << 20;
/// The least limit of a layer.
const LEAST_LIMIT: u64 = 1 << 20;
/// A layer holds at most this share of all. It is a tenth although a change shall re-send no more than an
/// eighth, because what compresses badly weighs more than its share, and because of [`TINY`].
const SHARE: u64 = 10;
/// A bucket that weighs less than this share of the limit joins its neighbour.
const TINY: u64 = 16;
/// What an entry of a directory weighs.
const DIRECTORY: u64 = 512;

/// The two groups that never share a layer, in the order of their layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Dependencies,
    Application,
}

impl Group {
    const ALL: [Self; 2] = [Self::Dependencies, Self::Application];

    fn of(is_dependency: bool) -> Self {
        if is_dependency { Self::Dependencies } else { Self::Application }
    }
}

/// Why things are in one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// They are all of the group, or if there are bits, those whose hash begins with them.
    Group(Group, String),
    /// They lie in the directory with this number, and their hash begins with these bits.
    Directory(Group, usize, String),
    /// It is one file, by the number of its entry, that is too heavy to share a layer.
    Single(Group, usize),
}

impl Why {
    pub(super) fn group(&self) -> Group {
        let (Self::Group(group, _) | Self::Directory(group, ..) | Self::Single(group, _)) = self;
        *group
    }
}

/// What is dealt out as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    /// A directory with all of the group that is below it.
    Directory(u32),
    /// An entry that is no directory.
    Entry(u32),
    /// What is left of a heavy directory without the heavy ones in it.
    Rest(u32),
}

/// A layer in the making.
#[derive(Debug)]
struct Bucket {
    why: Why,
    weight: u64,
    members: Vec<Member>,
    /// Whether a neighbour joined it.
    joined: bool,
}

/// How a tree is cut.
#[derive(Debug)]
pub(super) struct Cut {
    /// The layers, in order: why, and whether smaller ones joined it.
    pub(super) layers: Vec<(Why, bool)>,
    /// For each entry that is no directory, its layer.
    pub(super) layer_of: Vec<u8>,
    /// For each directory the layers that have something below it, a bit each.
    pub(super) layers_below: Vec<u32>,
    /// What a layer may weigh, unless it is a single file. None if nothing was cut.
    pub(super) limit: Option<u64>,
}

/// The most that a layer of a tree weighing `total` may weigh: a tenth, rounded down to a quarter of an octave,
/// so that it stays as it is while the tree grows by less than a fifth.
pub(super) fn limit(total: u64) -> Option<u64> {
    // 2^16 · 2^(k/4).
    const QUARTERS: [u64; 4] = [65_536, 77_936, 92_682, 110_218];
    if total < LEAST_CUT {
        return None;
    }
    let share = total / SHARE;
    let octave = share.max(1).ilog2();
    let quarter = |factor: u64| {
        let shifted = (u128::from(factor) << octave) >> 16;
        u64::try_from(shifted).unwrap_or(u64::MAX)
    };
    let limit = QUARTERS.iter().rev().map(|factor| quarter(*factor)).find(|limit| *limit <= share);
    Some(limit.unwrap_or(share).max(LEAST_LIMIT))
}

/// Decides the layer of each entry.
pub(super) fn cut(tree: &Tree, survey: &Survey<'_>, kinds: &Kinds) -> Cut {
    let dependency = kinds.of_entries(survey, tree);
    let cutter = Cutter::new(tree, survey, kinds, &dependency);
    let mut sequences = Group::ALL.map(|group| cutter.buckets(group));
    let singles = Group::ALL.map(|group| cutter.singles(group));
    if let Some(limit) = cutter.limit {
        for sequence in &mut sequences {
            join_tiny(sequence, limit / TINY);
        }
        let most = MOST_LAYERS.saturating_sub(singles.iter().map(Vec::len).sum());
        join_lightest(&mut sequences, most);
    }
    // The application comes last: for whoever pulls, layers below the first that changed stay unpacked.
    let [dependencies, application] = sequences;
    let [dependency_singles, application_singles] = singles;
    let buckets: Vec<Bucket> =
        [dependencies, dependency_singles, application_singles, application].into_iter().flatten().collect();
    cutter.assign(buckets)
}

/// A bucket of less than `least` joins the one after it, the last one the one before.
fn join_tiny(sequence: &mut Vec<Bucket>, least: u64) {
    let mut kept: Vec<Bucket> = Vec::with_capacity(sequence.len());
    for bucket in sequence.drain(..) {
        match kept.last_mut() {
            Some(before) if before.weight < least => before.join(bucket),
            _ => kept.push(bucket),
        }
    }
    if let Some(tiny) = kept.pop_if(|bucket| bucket.weight < least) {
        match kept.last_mut() {
            Some(before) => before.join(tiny),
            None => kept.push(tiny),
        }
    }
    *sequence = kept;
}

/// While there are more than `most`, joins the two neighbours of one group that are lightest together. Of 25 or
/// more there are always two that weigh no more than a twelfth of all.
fn join_lightest(sequences: &mut [Vec<Bucket>; 2], most: usize) {
    while sequences.iter().map(Vec::len).sum::<usize>() > most {
        let pairs = sequences.iter().enumerate().flat_map(|(sequence, buckets)| {
            buckets
                .windows(2)
                .enumerate()
                .map(move |(place, pair)| (pair[0].weight.saturating_add(pair[1].weight), sequence, place))
        });
        let Some((_, sequence, place)) = pairs.min() else { return };
        let second = sequences[sequence].remove(place + 1);
        sequences[sequence][place].join(second);
    }
}

impl Bucket {
    /// Takes in another one. The reason of the heavier one is the one that is told.
    fn join(&mut self, other: Self) {
        if other.weight > self.weight {
            self.why = other.why;
        }
        self.weight = self.weight.saturating_add(other.weight);
        self.members.extend(other.members);
        self.joined = true;
    }
}

struct Cutter<'a> {
    tree: &'a Tree,
    survey: &'a Survey<'a>,
    /// For each entry whether it is a dependency.
    dependency: &'a [bool],
    /// The same for directories, of which only the empty ones are of interest.
    dependency_directory: &'a [bool],
    limit: Option<u64>,
    /// For each directory what is below it, by group, without what is a layer by itself.
    weights: Vec<[u64; 2]>,
    /// Entries that are a layer each.
    singles: Vec<usize>,
}

impl<'a> Cutter<'a> {
    fn new(tree: &'a Tree, survey: &'a Survey<'a>, kinds: &'a Kinds, dependency: &'a [bool]) -> Self {
        let directories = &survey.directories;
        let entries = directories.iter().filter(|directory| directory.has_entry).count() as u64;
        let content = survey.weights.iter().copied().fold(0, u64::saturating_add);
        let limit = limit(content.saturating_add(entries * DIRECTORY));

        let mut weights = vec![[0_u64; 2]; directories.len()];
        let mut singles = Vec::new();
        for (index, weight) in survey.weights.iter().enumerate() {
            if limit.is_some_and(|limit| *weight > limit) {
                singles.push(index);
                continue;
            }
            let sum = &mut weights[survey.homes[index] as usize][Group::of(dependency[index]) as usize];
            *sum = sum.saturating_add(*weight);
        }
        for (number, directory) in directories.iter().enumerate().rev() {
            for group in Group::ALL {
                let is_empty = directory.is_empty && Group::of(kinds.dependency[number]) == group;
                let weight = &mut weights[number][group as usize];
                if directory.has_entry && (*weight > 0 || is_empty) {
                    *weight = weight.saturating_add(DIRECTORY);
                }
                let weight = *weight;
                if number != 0 {
                    let above = &mut weights[directory.parent][group as usize];
                    *above = above.saturating_add(weight);
                }
            }
        }
        Self { tree, survey, dependency, dependency_directory: &kinds.dependency, limit, weights, singles }
    }

    /// Whether what `group` has below a directory is too much for one layer.
    fn is_heavy(&self, directory: usize, group: Group) -> bool {
        self.limit.is_some_and(|limit| self.weights[directory][group as usize] > limit)
    }

    fn singles(&self, group: Group) -> Vec<Bucket> {
        self.singles
            .iter()
            .filter(|index| Group::of(self.dependency[**index]) == group)
            .map(|index| Bucket {
                why: Why::Single(group, *index),
                weight: self.survey.weights[*index],
                members: vec![Member::Entry(number(*index))],
                joined: false,
            })
            .collect()
    }

    /// The layers of a group without single files. A directory that fits stays whole. One that does not is dealt
    /// out, directories that are too heavy themselves excepted: those are dealt out each by itself, so that one
    /// which grows too heavy scatters over layers of its own and not over everybody's.
    fn buckets(&self, group: Group) -> Vec<Bucket> {
        let limit = self.limit.unwrap_or(u64::MAX);
        let mut common = Vec::new();
        let mut heavy: BTreeMap<u32, Vec<Item<Member>>> = BTreeMap::new();
        for (place, directory) in self.survey.directories.iter().enumerate() {
            let weight = self.weights[place][group as usize];
            if self.is_heavy(place, group) {
                heavy.insert(number(place), Vec::new());
            } else if weight > 0 && (place == 0 || self.is_heavy(directory.parent, group)) {
                let item =
                    Item { key: key(directory.path), member: Member::Directory(number(place)), weight };
                match heavy.get_mut(&number(directory.parent)) {
                    Some(items) if place != 0 => items.push(item),
                    _ => common.push(item),
                }
            }
        }
        if !heavy.is_empty() {
            for (index, (path, entry)) in self.tree.iter().enumerate() {
                let weight = self.survey.weights[index];
                if weight == 0 || weight > limit || matches!(entry.node, Node::Directory) {
                    continue;
                }
                if Group::of(self.dependency[index]) == group
                    && let Some(items) = heavy.get_mut(&self.survey.homes[index])
                {
                    let member = Member::Entry(number(index));
                    items.push(Item { key: key(path.as_bytes()), member, weight });
                }
            }
        }
        // What little a heavy directory has left goes to the others of the kind as one thing.
        let mut rests = BTreeMap::new();
        heavy.retain(|place, items| {
            let weight = items.iter().map(|item| item.weight).fold(0, u64::saturating_add);
            if weight > limit {
                return true;
            }
            if weight > 0 {
                let path = self.survey.directories[*place as usize].path;
                common.push(Item { key: key(path), member: Member::Rest(*place), weight });
                rests.insert(*place, std::mem::take(items));
            }
            false
        });

        let mut buckets = Vec::new();
        deal(&mut common, limit, &mut |bits, items, weight| {
            let mut members = Vec::new();
            for item in items {
                match item.member {
                    Member::Rest(place) => {
                        members.extend(rests.get(&place).into_iter().flatten().map(|item| item.member));
                    }
                    member => members.push(member),
                }
            }
            buckets.push(Bucket { why: Why::Group(group, bits), weight, members, joined: false });
        });
        for (place, mut items) in heavy {
            deal(&mut items, limit, &mut |bits, items, weight| {
                let why = Why::Directory(group, place as usize, bits);
                let members = items.iter().map(|item| item.member).collect();
                buckets.push(Bucket { why, weight, members, joined: false });
            });
        }
        buckets
    }

    fn assign(&self, buckets: Vec<Bucket>) -> Cut {
        const NONE: u8 = u8::MAX;
        let directories = &self.survey.directories;
        let mut of_entry = vec![NONE; self.survey.homes.len()];
        let mut of_directory = vec![[NONE; 2]; directories.len()];
        let mut layers = Vec::with_capacity(buckets.len());
        for (layer, bucket) in (0_u8..).zip(buckets) {
            let group = bucket.why.group();
            for member in bucket.members {
                match member {
                    Member::Directory(place) => of_directory[place as usize][group as usize] = layer,
                    Member::Entry(index) => of_entry[index as usize] = layer,
                    Member::Rest(_) => {}
                }
            }
            layers.push((bucket.why, bucket.joined));
        }
        // What is below a directory that stayed whole goes with it.
        for (place, directory) in directories.iter().enumerate() {
            for group in Group::ALL {
                if of_directory[place][group as usize] == NONE {
                    of_directory[place][group as usize] = of_directory[directory.parent][group as usize];
                }
            }
        }
        let mut layers_below = vec![0_u32; directories.len()];
        for (place, directory) in directories.iter().enumerate() {
            if directory.is_empty && directory.has_entry {
                let layer = of_directory[place][Group::of(self.dependency_directory[place]) as usize];
                layers_below[place] = bit(layer);
            }
        }
        let mut links = self.survey.links.iter().copied().peekable();
        for (index, (_, entry)) in self.tree.iter().enumerate() {
            if matches!(entry.node, Node::Directory) {
                continue;
            }
            let home = self.survey.homes[index] as usize;
            if let Some((_, original)) = links.next_if(|(link, _)| *link == index) {
                of_entry[index] = of_entry[original];
            } else if of_entry[index] == NONE {
                of_entry[index] = of_directory[home][Group::of(self.dependency[index]) as usize];
            }
            layers_below[home] |= bit(of_entry[index]);
        }
        for (place, directory) in directories.iter().enumerate().rev() {
            layers_below[directory.parent] |= layers_below[place];
        }
        Cut { layers, layer_of: of_entry, layers_below, limit: self.limit }
    }
}

/// The bit of a layer; there are no more than [`MOST_LAYERS`].
pub(super) fn bit(layer: u8) -> u32 {
    1_u32.checked_shl(layer.into()).unwrap_or(0)
}

/// A number of an entry or directory. Nobody holds 2^32 of them in memory.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
