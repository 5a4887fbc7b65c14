//! A tree as text, one line an entry, for tests and for people.
//!
//! ```text
//! 0755 0:0 0 directory app/
//! 0644 0:0 0 file 12 app/a\x20name
//! 0644 0:0 0 hard-link app/b => app/a\x20name
//! 0777 0:0 0 symlink app/c -> ../etc
//! 0755 0:0 0 file 99 app/ping security.capability=0100000200200000
//! ```
//!
//! Columns are separated by one space. In names, white space, control characters, `\` and what is not UTF-8 are
//! written as escapes, so a line is always one entry and can be taken apart again.

use super::{Entry, Node, Tree, TreePath};
use std::fmt::{self, Write as _};

impl Tree {
    /// The text form, each line with its end.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (path, entry) in self {
            text.push_str(&line(path, entry));
            text.push('\n');
        }
        text
    }
}

/// One entry, without the end of the line.
pub fn line(path: &TreePath, entry: &Entry) -> String {
    let metadata = &entry.metadata;
    let mut line = format!("{:04o} {}:{} {} ", metadata.mode, metadata.uid, metadata.gid, metadata.mtime);
    let path = Escaped(path.as_bytes());
    let written = match &entry.node {
        Node::Directory => write!(line, "directory {path}/"),
        Node::File(file) => write!(line, "file {} {path}", file.size),
        Node::Symlink(target) => write!(line, "symlink {path} -> {}", Escaped(target)),
        Node::HardLink(original) => write!(line, "hard-link {path} => {}", Escaped(original.as_bytes())),
        Node::Fifo => write!(line, "fifo {path}"),
        Node::Device(device) => {
            let kind = if device.is_block { "block" } else { "char" };
            write!(line, "{kind}-device {}:{} {path}", device.major, device.minor)
        }
    };
    written.expect("invariant: writing to a String can't fail");
    for (name, value) in metadata.xattrs.iter().flat_map(|xattrs| xattrs.iter()) {
        write!(line, " {}={}", Escaped(name), hex::encode(value))
            .expect("invariant: writing to a String can't fail");
    }
    line
}

/// Bytes of a name as one printable word.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    '\r' => f.write_str("\\r")?,
                    _ if character.is_whitespace() || character.is_control() => {
                        let mut buffer = [0; 4];
                        for byte in character.encode_utf8(&mut buffer).bytes() {
                            write!(f, "\\x{byte:02x}")?;
                        }
                    }
                    _ => f.write_char(character)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{File, Metadata};

    #[test]
    fn each_kind_is_one_line() {
        let plain = Metadata { mode: 0o644, uid: 1, gid: 2, mtime: 3, xattrs: None };
        let mut capable = plain.clone();
        capable.xattrs = Some(Box::new([(b"security.capability".as_slice().into(), [1, 255].into())].into()));
        let mut tree = Tree::new();
        for (path, metadata, node) in [
            ("d", &plain, Node::Directory),
            ("d/f", &capable, Node::File(File::in_memory(*b"abc"))),
            ("d/h", &plain, Node::HardLink(TreePath::new(b"d/f").unwrap())),
            ("d/p", &plain, Node::Fifo),
            ("d/s\n\\ \u{a0}ä", &plain, Node::Symlink(b"/\xff".as_slice().into())),
        ] {
            let path = TreePath::new(path.as_bytes()).unwrap();
            assert!(tree.insert(path, Entry { metadata: metadata.clone(), node }).is_none());
        }
        insta::assert_snapshot!(tree.to_text(), @r"
        0644 1:2 3 directory d/
        0644 1:2 3 file 3 d/f security.capability=01ff
        0644 1:2 3 hard-link d/h => d/f
        0644 1:2 3 fifo d/p
        0644 1:2 3 symlink d/s\n\\\x20\xc2\xa0ä -> /\xff
        ");
    }
}
