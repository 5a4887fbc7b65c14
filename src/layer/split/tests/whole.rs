//! What holds for every tree: nothing is lost, nothing is doubled, no layer is too heavy, and there are few.

use super::*;
use crate::layer::split::MOST_LAYERS;
use crate::layer::testing::one_of_each;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Splits, and checks all that must be true of the parts of any tree.
fn checked(whole: &Tree) -> Vec<Part> {
    let parts = split(whole.clone());
    assert!(!parts.is_empty() && parts.len() <= MOST_LAYERS, "{:?}", names(&parts));
    assert_eq!(names(&parts).into_iter().collect::<BTreeSet<_>>().len(), parts.len(), "{:?}", names(&parts));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._@-".contains(c);
    assert!(parts.iter().all(|part| part.name.chars().all(plain)), "{:?}", names(&parts));
    assert!(parts.iter().all(|part| !part.reason.is_empty() && !part.reason.contains('\n')));

    let mut union = Tree::new();
    let mut seen: BTreeMap<&TreePath, usize> = BTreeMap::new();
    for (number, part) in parts.iter().enumerate() {
        assert!(!part.tree.is_empty() || whole.is_empty());
        for (path, entry) in &part.tree {
            union.insert(path.clone(), entry.clone());
            if !is_directory(entry) {
                assert_eq!(seen.insert(path, number), None, "{path} is in two parts");
            }
            if let Some(parent) = path.parent().filter(|parent| whole.get(parent).is_some()) {
                assert!(part.tree.get(&parent).is_some(), "{path} lacks its directory");
            }
            if let Node::HardLink(target) = &entry.node {
                assert!(part.tree.get(target).is_some(), "{path} is parted from {target}");
            }
        }
        // A directory is where something is below it, and an empty one in one place.
        for (path, entry) in part.tree.iter().filter(|(_, entry)| is_directory(entry)) {
            let below = [path.as_bytes(), b"/"].concat();
            let has = |tree: &Tree| tree.iter().any(|(path, _)| path.as_bytes().starts_with(&below));
            assert!(has(&part.tree) || !has(whole), "{path} is in a part that has nothing of it: {entry:?}");
            if !has(whole) {
                assert_eq!(seen.insert(path, number), None, "{path} is in two parts");
            }
        }
    }
    assert_eq!(union.to_text(), whole.to_text());

    let total = weight(whole);
    for part in parts.iter().filter(|_| total >= 16 * MIB) {
        let files = part.tree.iter().filter(|(_, entry)| matches!(entry.node, Node::File(_))).count();
        let share = weight(&part.tree) * 1000 / total;
        assert!(files == 1 || share <= 125, "{}: {share} of 1000 in {:?}", part.name, names(&parts));
    }
    parts
}

#[test]
fn nothing_to_gain_is_one_part() {
    assert_eq!(names(&checked(&Tree::new())), ["app"]);
    assert_eq!(names(&checked(&one_of_each())), ["app"]);
    assert_eq!(names(&checked(&tree((0..400).map(|i| (format!("app/f{i}"), 9_000))))), ["app"]);
    let mut directories = Tree::new();
    put(&mut directories, "a/b/c", entry(Node::Directory));
    assert_eq!(names(&checked(&directories)), ["app"]);
}

#[test]
fn dependencies_never_share_a_layer_with_the_application() {
    let parts = checked(&tree([("app/server.js", 1), ("app/node_modules/a/index.js", 1)]));
    assert_eq!(names(&parts), ["dependencies", "app"]);
    assert_eq!(parts[0].tree.len(), 4);
    assert_eq!(parts[1].tree.len(), 2);
}

#[test]
fn one_giant_file_and_little_else() {
    let parts = checked(&tree([("app/model.bin", 900 * MIB), ("app/a", 1), ("app/b/c", 2)]));
    assert_eq!(names(&parts), ["model.bin", "app"]);
    assert_eq!(names(&checked(&tree([("model.bin", 900 * MIB)]))), ["model.bin"]);
    // A file that nobody can have must not overflow anything.
    let parts = split(tree([("huge", u64::MAX), ("large", u64::MAX / 2), ("a", 1)]));
    assert_eq!(names(&parts), ["huge", "large", "app"]);
}

#[test]
fn equal_files_by_any_number() {
    for count in [2, 7, 9, 10, 11, 16, 20, 23, 24, 25, 31, 48, 100, 1000] {
        let flat = tree((0..count).map(|i| (format!("data/f{i}.bin"), 3 * MIB)));
        let parts = checked(&flat);
        assert!(parts.len() >= count.min(8), "{count}: {:?}", names(&parts));
        let nested = tree((0..count).map(|i| (format!("app/node_modules/p{i}/f.bin"), 3 * MIB)));
        checked(&nested);
        // Numbers and versions are no part of the first half of the key: names that differ by nothing else must
        // be dealt out all the same.
        checked(&tree((0..count).map(|i| (format!("data/{i:04}.{i}"), 3 * MIB))));
    }
}

#[test]
fn many_tiny_files() {
    let flat = checked(&tree((0..12_000).map(|i| (format!("f{i}"), 2_000))));
    assert!(flat.len() >= 10, "{:?}", names(&flat));
}

#[test]
fn many_directories_just_over_the_limit_are_no_more_layers() {
    for parts in [8, 9, 10] {
        // Each is cut into three, and that would be more layers than there may be.
        let sizes = [50, 30, 25];
        let files = (0..parts).flat_map(|directory| {
            sizes.map(|size| (format!("app/node_modules/p{directory}/f{size}"), size * MIB))
        });
        checked(&tree(files));
    }
}

#[test]
fn deep_chains() {
    let mut deep = String::from("app");
    let mut files = Vec::new();
    for level in 0..120 {
        deep.push_str(if level % 3 == 0 { "/node_modules" } else { "/d" });
        files.push((format!("{deep}/f"), 200_000));
    }
    let parts = checked(&tree(files));
    assert!(parts.len() >= 8, "{:?}", names(&parts));
    checked(&tree([(format!("{deep}/x"), 40 * MIB), (format!("{deep}/y"), 39 * MIB), ("a".into(), MIB)]));
}

#[test]
fn a_bucket_that_bits_peel_off_one_by_one() {
    use crate::layer::split::trie::key;
    // Files that share the first bits of their keys, and at each bit a light one that does not.
    let mut names: Vec<String> = (0..20_000).map(|i| format!("d/{}", name_of(i))).collect();
    names.sort_by_cached_key(|name| key(name.as_bytes()));
    let heavy = &names[..12];
    let mut files: Vec<(String, u64)> = heavy.iter().map(|name| (name.clone(), 8 * MIB)).collect();
    for step in 1..17 {
        files.push((names[12 << step.min(10)].clone(), 8 * MIB / 20));
        files.push((names[(13 << step.min(10)) % 20_000].clone(), 8 * MIB / 3));
    }
    checked(&tree(files));
}

#[test]
fn hard_links_stay_with_their_file() {
    let mut whole = tree((0..60).map(|i| (format!("app/node_modules/p{i}/f"), MIB)));
    for i in 0..60 {
        put(
            &mut whole,
            &format!("srv/{i}/link"),
            entry(Node::HardLink(path(format!("app/node_modules/p{i}/f")))),
        );
    }
    // A link to what is not there, and one to a link: no such tree is read, and yet nothing may be lost.
    put(&mut whole, "srv/lost", entry(Node::HardLink(path("srv/nowhere"))));
    let parts = split(whole.clone());
    assert_eq!(part_of(&parts, "srv/lost"), "app");
    for i in 0..60 {
        let link = part_of(&parts, &format!("srv/{i}/link"));
        assert_eq!(link, part_of(&parts, &format!("app/node_modules/p{i}/f")));
    }
    // Without the lost one everything else holds too.
    let whole: Tree = whole.into_iter().filter(|(at, _)| *at != path("srv/lost")).collect();
    checked(&whole);
}

#[test]
fn names_between_a_directory_and_what_is_in_it() {
    // In the order of bytes, `a-b` and `a.c` stand between `a` and `a/x`.
    let mut whole = tree([("a/x/1", 9), ("a-b/y", 9), ("a.c", 9), ("a/z", 9), ("a/node_modules/p/q", 9)]);
    put(&mut whole, "a/node_modules-old/f", file(9));
    let parts = checked(&whole);
    assert_eq!(part_of(&parts, "a/node_modules/p/q"), "dependencies");
    assert_eq!(part_of(&parts, "a/node_modules-old/f"), "app");
    assert_eq!(part_of(&parts, "a/z"), "app");
}

#[test]
fn directories_without_an_entry_are_cut_too() {
    let mut whole = Tree::new();
    for i in 0..40 {
        whole.insert(path(format!("opt/app/node_modules/p{i}/f")), file(MIB));
    }
    assert!(checked(&whole).len() >= 8);
}

fn a_path() -> impl Strategy<Value = String> {
    let component = prop::sample::select(vec![
        "a",
        "b",
        "a-b",
        "lib",
        "node_modules",
        "vendor",
        "site-packages",
        "bin",
        "x1.2",
        "x1.3",
        "é",
        "@s",
    ]);
    let file =
        prop::sample::select(vec!["f", "g.jar", "h.jar", "autoload.php", "pyvenv.cfg", "i.dll", "0", "1"]);
    (prop::collection::vec(component, 0..6), file)
        .prop_map(|(directories, file)| directories.into_iter().chain([file]).collect::<Vec<_>>().join("/"))
}

fn a_tree() -> impl Strategy<Value = Tree> {
    let size = (0_u32..25, 0_u64..512).prop_map(|(octave, more)| (1 << octave) + more);
    let one = (a_path(), size, 0_u8..20);
    prop::collection::vec(one, 0..150).prop_map(|files| {
        let mut tree = Tree::new();
        let mut first: Option<TreePath> = None;
        for (at, size, kind) in files {
            let is_taken = |tree: &Tree, at: &str| tree.get(&path(at)).is_some();
            if is_taken(&tree, &at) {
                continue;
            }
            match kind {
                0 => put(&mut tree, &at, entry(Node::Fifo)),
                1 => put(&mut tree, &at, entry(Node::Symlink((*b"../x").into()))),
                2 => put(&mut tree, &format!("{at}.d"), entry(Node::Directory)),
                3 if first.as_ref().is_some_and(|first| *first < path(&at)) => {
                    put(&mut tree, &at, entry(Node::HardLink(first.clone().unwrap())));
                }
                _ => {
                    put(&mut tree, &at, file(size));
                    first.get_or_insert(path(&at));
                }
            }
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree(tree in a_tree()) {
        checked(&tree);
    }

    #[test]
    fn the_order_of_insertion_is_no_matter(tree in a_tree()) {
        let mut backwards = Tree::new();
        for (path, entry) in tree.iter().collect::<Vec<_>>().into_iter().rev() {
            backwards.insert(path.clone(), entry.clone());
        }
        let text = |tree| split(tree).iter().map(|part| format!("{}\n{}", part.name, part.tree.to_text())).collect::<String>();
        prop_assert_eq!(text(tree), text(backwards));
    }
}
