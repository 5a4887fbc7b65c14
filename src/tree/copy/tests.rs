//! What a COPY makes, rule by rule. Trees are written a path a line: `name/` is a directory, `name -> target` a link,
//! `name => other` another name of a file, all else a file; a mode and an owner may stand in front.

use super::*;
use crate::tree::File;

/// `[MODE] [UID:GID] PATH`, a line each.
fn tree(text: &str) -> Tree {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(entry).collect()
}

fn entry(line: &str) -> (TreePath, Entry) {
    let mut words: Vec<&str> = line.splitn(3, ' ').collect();
    let (mut mode, mut owner) = (None, (0, 0));
    if words[0].len() == 4 && u32::from_str_radix(words[0], 8).is_ok() {
        mode = u32::from_str_radix(words[0], 8).ok();
        let (uid, gid) = words[1].split_once(':').unwrap();
        owner = (uid.parse().unwrap(), gid.parse().unwrap());
        words = vec![words[2]];
    }
    let rest = words.join(" ");
    let (name, node, usual) = if let Some((name, target)) = rest.split_once(" -> ") {
        (name, Node::Symlink(target.as_bytes().into()), 0o777)
    } else if let Some((name, original)) = rest.split_once(" => ") {
        (name, Node::HardLink(TreePath::new(original.as_bytes()).unwrap()), 0o644)
    } else if rest.ends_with('/') {
        (rest.as_str(), Node::Directory, 0o755)
    } else {
        (rest.as_str(), Node::File(File::in_memory(rest.as_bytes())), 0o644)
    };
    let metadata =
        Metadata { mode: mode.unwrap_or(usual), uid: owner.0, gid: owner.1, mtime: 7, xattrs: None };
    (TreePath::new(name.as_bytes()).unwrap(), Entry { metadata, node })
}

struct Copying<'a> {
    ground: &'a str,
    from: &'a str,
    owner: Option<Owner>,
    mode: Option<&'a str>,
    exclude: &'a [&'a str],
    parents: bool,
}

impl Default for Copying<'_> {
    fn default() -> Self {
        Self { ground: "", from: FROM, owner: None, mode: None, exclude: &[], parents: false }
    }
}

const FROM: &str = "
    a.txt
    b.txt
    dir/
    0600 5:6 dir/one
    1777 0:0 dir/sub/
    dir/sub/two
    dir/link -> ../a.txt
    empty/
    out -> dir
    [x]";

impl Copying<'_> {
    /// The layer, a line an entry, or what is wrong.
    fn make(&self, sources: &[&str], destination: &str) -> Result<String, String> {
        let (ground, from) = (tree(self.ground), tree(self.from));
        let mut files = FileSystem::from(&ground);
        let mut change = Change::new(&mut files, 0);
        let exclude = Patterns::of_flags(self.exclude).unwrap();
        let mode = self.mode.map(|text| match u32::from_str_radix(text, 8) {
            Ok(bits) => Mode::Bits(bits),
            Err(_) => Mode::Symbolic(text.to_owned()),
        });
        let placing = Placing {
            destination: destination.as_bytes(),
            owner: self.owner,
            mode: mode.as_ref(),
            exclude: &exclude,
            parents: self.parents,
            literal: false,
            unpack: None,
        };
        for source in sources {
            change.copy(&from, source.as_bytes(), &placing).map_err(|error| error.to_string())?;
        }
        Ok(change.finish().to_text())
    }
}

fn plain(sources: &[&str], destination: &str) -> Result<String, String> {
    Copying::default().make(sources, destination)
}

#[test]
fn a_file_becomes_the_destination_or_goes_into_it() {
    insta::assert_snapshot!(plain(&["a.txt"], "/x").unwrap(), @r"0644 0:0 0 file 5 x");
    insta::assert_snapshot!(plain(&["a.txt"], "/x/").unwrap(), @r"
    0755 0:0 0 directory x/
    0644 0:0 0 file 5 x/a.txt
    ");
    insta::assert_snapshot!(plain(&["a.txt"], "/x/y/.").unwrap(), @r"
    0755 0:0 0 directory x/
    0755 0:0 0 directory x/y/
    0644 0:0 0 file 5 x/y/a.txt
    ");
    insta::assert_snapshot!(plain(&["a.txt", "b.txt"], "/").unwrap(), @r"
    0644 0:0 0 file 5 a.txt
    0644 0:0 0 file 5 b.txt
    ");
    let there = Copying { ground: "0700 3:4 x/", ..Copying::default() };
    insta::assert_snapshot!(there.make(&["a.txt"], "/x").unwrap(), @r"
    0700 3:4 0 directory x/
    0644 0:0 0 file 5 x/a.txt
    ");
}

#[test]
fn of_a_directory_its_content_is_copied() {
    insta::assert_snapshot!(plain(&["dir"], "/x").unwrap(), @r"
    0755 0:0 0 directory x/
    0777 0:0 0 symlink x/link -> ../a.txt
    0600 5:6 0 file 7 x/one
    1777 0:0 0 directory x/sub/
    0644 0:0 0 file 11 x/sub/two
    ");
    insta::assert_snapshot!(plain(&["dir/"], "/").unwrap(), @r"
    0777 0:0 0 symlink link -> ../a.txt
    0600 5:6 0 file 7 one
    1777 0:0 0 directory sub/
    0644 0:0 0 file 11 sub/two
    ");
    insta::assert_snapshot!(plain(&["empty"], "/x").unwrap(), @r"0755 0:0 0 directory x/");
    insta::assert_snapshot!(plain(&["."], "/app").unwrap(), @r"
    0755 0:0 0 directory app/
    0644 0:0 0 file 3 app/[x]
    0644 0:0 0 file 5 app/a.txt
    0644 0:0 0 file 5 app/b.txt
    0755 0:0 0 directory app/dir/
    0777 0:0 0 symlink app/dir/link -> ../a.txt
    0600 5:6 0 file 7 app/dir/one
    1777 0:0 0 directory app/dir/sub/
    0644 0:0 0 file 11 app/dir/sub/two
    0755 0:0 0 directory app/empty/
    0777 0:0 0 symlink app/out -> dir
    ");
}

#[test]
fn wildcards() {
    insta::assert_snapshot!(plain(&["*.txt"], "/x/").unwrap(), @r"
    0755 0:0 0 directory x/
    0644 0:0 0 file 5 x/a.txt
    0644 0:0 0 file 5 x/b.txt
    ");
    insta::assert_snapshot!(plain(&["d?r/s*"], "/x/").unwrap(), @r"
    0755 0:0 0 directory x/
    0644 0:0 0 file 11 x/two
    ");
    insta::assert_snapshot!(plain(&["[[]x]"], "/x/").unwrap(), @r"
    0755 0:0 0 directory x/
    0644 0:0 0 file 3 x/[x]
    ");
    insta::assert_snapshot!(plain(&["*.nothing"], "/x/").unwrap(), @"");
    assert!(plain(&["[a"], "/x/").unwrap_err().contains("[a"));
}

#[test]
fn links_of_the_source() {
    // A source is followed to its end; links below it are copied as links.
    insta::assert_snapshot!(plain(&["out"], "/x").unwrap(), @r"
    0755 0:0 0 directory x/
    0777 0:0 0 symlink x/link -> ../a.txt
    0600 5:6 0 file 7 x/one
    1777 0:0 0 directory x/sub/
    0644 0:0 0 file 11 x/sub/two
    ");
    insta::assert_snapshot!(plain(&["out/one"], "/x").unwrap(), @r"0600 5:6 0 file 7 x");
    insta::assert_snapshot!(plain(&["dir/link"], "/x").unwrap(), @r"0644 0:0 0 file 5 x");
    let circle = Copying { from: "a -> b\nb -> a", ..Copying::default() };
    assert!(circle.make(&["a/x"], "/").is_err());
}

#[test]
fn links_of_the_destination_are_followed() {
    let merged = Copying { ground: "lib -> usr/lib\nusr/\n0711 1:2 usr/lib/", ..Copying::default() };
    insta::assert_snapshot!(merged.make(&["a.txt"], "/lib/").unwrap(), @r"
    0755 0:0 0 directory usr/
    0711 1:2 0 directory usr/lib/
    0644 0:0 0 file 5 usr/lib/a.txt
    ");
    insta::assert_snapshot!(merged.make(&["a.txt"], "/lib/new/x").unwrap(), @r"
    0755 0:0 0 directory usr/
    0711 1:2 0 directory usr/lib/
    0755 0:0 0 directory usr/lib/new/
    0644 0:0 0 file 5 usr/lib/new/x
    ");
    insta::assert_snapshot!(merged.make(&["dir"], "/lib").unwrap(), @r"
    0755 0:0 0 directory usr/
    0711 1:2 0 directory usr/lib/
    0777 0:0 0 symlink usr/lib/link -> ../a.txt
    0600 5:6 0 file 7 usr/lib/one
    1777 0:0 0 directory usr/lib/sub/
    0644 0:0 0 file 11 usr/lib/sub/two
    ");
    let circle = Copying { ground: "a -> a", ..Copying::default() };
    assert!(circle.make(&["a.txt"], "/a/x").is_err());
}

#[test]
fn owners_and_modes() {
    let chown = Copying { owner: Some(Owner { uid: 8, gid: 9 }), ..Copying::default() };
    insta::assert_snapshot!(chown.make(&["dir"], "/new/x").unwrap(), @r"
    0755 8:9 0 directory new/
    0755 8:9 0 directory new/x/
    0777 8:9 0 symlink new/x/link -> ../a.txt
    0600 8:9 0 file 7 new/x/one
    1777 8:9 0 directory new/x/sub/
    0644 8:9 0 file 11 new/x/sub/two
    ");
    let octal = Copying { mode: Some("0750"), ..Copying::default() };
    insta::assert_snapshot!(octal.make(&["dir"], "/x").unwrap(), @r"
    0750 0:0 0 directory x/
    0777 0:0 0 symlink x/link -> ../a.txt
    0750 5:6 0 file 7 x/one
    0750 0:0 0 directory x/sub/
    0750 0:0 0 file 11 x/sub/two
    ");
    let symbolic = Copying { mode: Some("go-r,u+X"), ..Copying::default() };
    insta::assert_snapshot!(symbolic.make(&["dir"], "/x").unwrap(), @r"
    0755 0:0 0 directory x/
    0777 0:0 0 symlink x/link -> ../a.txt
    0600 5:6 0 file 7 x/one
    1733 0:0 0 directory x/sub/
    0600 0:0 0 file 11 x/sub/two
    ");
}

#[test]
fn what_is_left_out() {
    let one = Copying { exclude: &["sub/two", "one"], ..Copying::default() };
    insta::assert_snapshot!(one.make(&["dir"], "/x").unwrap(), @r"
    0755 0:0 0 directory x/
    0777 0:0 0 symlink x/link -> ../a.txt
    1777 0:0 0 directory x/sub/
    ");
    let all_but = Copying { exclude: &["*", "!sub"], ..Copying::default() };
    insta::assert_snapshot!(all_but.make(&["dir"], "/x").unwrap(), @r"
    0755 0:0 0 directory x/
    1777 0:0 0 directory x/sub/
    0644 0:0 0 file 11 x/sub/two
    ");
}

#[test]
fn parents_are_kept() {
    let parents = Copying { parents: true, ..Copying::default() };
    insta::assert_snapshot!(parents.make(&["dir/sub/two"], "/x/").unwrap(), @r"
    0755 0:0 0 directory x/
    0755 0:0 0 directory x/dir/
    1777 0:0 0 directory x/dir/sub/
    0644 0:0 0 file 11 x/dir/sub/two
    ");
    insta::assert_snapshot!(parents.make(&["dir/./sub"], "/x/").unwrap(), @r"
    0755 0:0 0 directory x/
    1777 0:0 0 directory x/sub/
    0644 0:0 0 file 11 x/sub/two
    ");
    insta::assert_snapshot!(parents.make(&["dir/*/two"], "/x/").unwrap(), @r"
    0755 0:0 0 directory x/
    0755 0:0 0 directory x/dir/
    1777 0:0 0 directory x/dir/sub/
    0644 0:0 0 file 11 x/dir/sub/two
    ");
}

#[test]
fn hard_links_stay_together() {
    let linked = Copying { from: "d/\nd/a\nd/b => d/a\nd/c => d/a", ..Copying::default() };
    insta::assert_snapshot!(linked.make(&["d"], "/x").unwrap(), @r"
    0755 0:0 0 directory x/
    0644 0:0 0 file 3 x/a
    0644 0:0 0 hard-link x/b => x/a
    0644 0:0 0 hard-link x/c => x/a
    ");
    insta::assert_snapshot!(linked.make(&["d/b"], "/x").unwrap(), @r"0644 0:0 0 file 3 x");
    let without = Copying { exclude: &["a"], ..linked };
    insta::assert_snapshot!(without.make(&["d"], "/x").unwrap(), @r"
    0755 0:0 0 directory x/
    0644 0:0 0 file 3 x/b
    0644 0:0 0 hard-link x/c => x/b
    ");
}

#[test]
fn what_can_t_be_copied() {
    assert_eq!(plain(&["nothing"], "/x").unwrap_err(), "`nothing` does not exist");
    let file = Copying { ground: "x", ..Copying::default() };
    insta::assert_snapshot!(file.make(&["dir"], "/x").unwrap_err(), @r"`/x` is a file there, and no directory can take its place");
    insta::assert_snapshot!(file.make(&["a.txt"], "/x/").unwrap_err(), @r"`/x` is a file there, and no directory can take its place");
    let directory = Copying { ground: "x/\nx/one/", ..Copying::default() };
    insta::assert_snapshot!(directory.make(&["dir"], "/x").unwrap_err(), @r"`/x/one` is a directory there, and no file can take its place");
}
