//! Reading a layer: its tar becomes entries, in one pass. Contents are left out, except those that somebody wants,
//! which go to one temporary file.
//!
//! Rules: <https://github.com/opencontainers/image-spec/blob/main/layer.md>. Whoever made the layer is not trusted:
//! what is read at once, and all together, is bounded, and no name leads out of the root.

use crate::base::{BlobDigest, DiffId, Hasher};
use crate::tree::{Content, Device, Entry, File, Metadata, Node, TreePath, Unnamed, Xattrs};
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::sync::Arc;
use tar::{EntryType, Header};

/// Entries that a layer may have; the largest images known have about a million.
const MOST_ENTRIES: usize = 5_000_000;
/// Bytes that a layer may unpack to.
const MOST_BYTES: u64 = 64 << 30;
/// Bytes of a header that belongs to the next entry: a long name, extended attributes.
const MOST_HEADER: u64 = 1 << 20;
/// Bytes of all such headers of a layer: they are what is kept of it in memory.
const MOST_HEADERS: u64 = 1 << 30;
/// Bytes of a path, of a link's text too: no system takes more at once (`PATH_MAX` of Linux).
const MOST_PATH: usize = 4096;
/// Sizes and positions in a tar are multiples of this.
const RECORD: u64 = 512;
/// Memory that a frame of zstd may ask for, as a power of two: what `zstd --ultra` of every level needs.
const MOST_WINDOW: u32 = 27;
/// Memory that xz may take, in KiB: `xz -9` needs 65 MiB.
const MOST_DICTIONARY_KIB: u32 = 256 << 10;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What is to be read, and how.
#[expect(missing_debug_implementations, reason = "it is a question, and holds a function")]
pub struct ReadLayer<'a> {
    /// Whether the content of the file at a path is wanted. It has its size in bytes.
    pub keep: &'a dyn Fn(&TreePath, u64) -> bool,
    /// The blob, for those who want more of its contents later.
    pub layer: BlobDigest,
    /// Whether `.wh.` in front of a name means that something is taken away, as in layers of images; other archives
    /// have names.
    pub whiteouts: bool,
    /// Whether the digests of the contents are wanted that are not kept.
    pub digests: bool,
    /// Where the temporary file is made; none is where the system has such files.
    pub folder: Option<&'a Path>,
}

/// What a layer holds.
#[derive(Debug, Clone, Default)]
pub struct LayerFiles {
    /// In the order of the tar; of several at one path the last one counts. A hard link leads to a path of this layer or
    /// of one below.
    pub entries: Vec<(TreePath, Entry)>,
    /// What is taken away from the layers below.
    pub whiteouts: Vec<TreePath>,
    /// Directories of which all that the layers below have in them is taken away; none is the root.
    pub opaque: Vec<Option<TreePath>>,
}

/// A layer can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadLayerError {
    /// Getting, unpacking or keeping it failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A name in it is none.
    #[error("the entry `{name}` {why}")]
    Name {
        /// As it stands there.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// It is larger than anybody needs.
    #[error("it has more than {MOST_ENTRIES} entries")]
    TooMany,
    /// Its names and attributes are.
    #[error("the long names and the attributes of its entries have more than {MOST_HEADERS} bytes")]
    TooLong,
}

/// Reads the bytes of a layer or another archive, which may be compressed with gzip or zstd, and with bzip2 or xz, to
/// their end. Gives what is in it and the digest of the tar.
pub fn read(blob: impl Read, how: &ReadLayer<'_>) -> Result<(LayerFiles, DiffId), ReadLayerError> {
    unpacked(decoded(blob)?, how)
}

/// Whether these are the bytes of a tar, compressed or not.
pub fn is_archive(bytes: impl Read) -> bool {
    // What can't be read or decoded is none.
    decoded(bytes).is_ok_and(|mut tar| next_header(&mut tar).is_ok_and(|header| header.is_some()))
}

fn decoded<'b>(bytes: impl Read + 'b) -> io::Result<Box<dyn Read + 'b>> {
    let mut bytes = BufReader::with_capacity(1 << 17, bytes);
    let magic = bytes.fill_buf()?;
    Ok(if magic.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(bytes))
    } else if is_zstd(magic) {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
        decoder.window_log_max(MOST_WINDOW)?;
        Box::new(decoder)
    } else if magic.starts_with(b"BZh") {
        Box::new(bzip2::bufread::MultiBzDecoder::new(bytes))
    } else if magic.starts_with(b"\xfd7zXZ\0") {
        Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, MOST_DICTIONARY_KIB))
    } else {
        Box::new(bytes)
    })
}

/// A frame, or one that decoders skip (<https://www.rfc-editor.org/rfc/rfc8878#section-3.1>).
fn is_zstd(magic: &[u8]) -> bool {
    match magic {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => true,
        [first, 0x2a, 0x4d, 0x18, ..] => first & 0xf0 == 0x50,
        _ => false,
    }
}

fn unpacked(tar: impl Read, how: &ReadLayer<'_>) -> Result<(LayerFiles, DiffId), ReadLayerError> {
    let mut tar = Counted { inner: tar, hasher: Hasher::new(), total: 0 };
    let mut files = LayerFiles::default();
    let mut spool = Spool { folder: how.folder, writer: None, length: 0 };
    let mut extended = Extended::default();
    let mut headers = 0_u64;
    while let Some(header) = next_header(&mut tar)? {
        let size = extended.size.unwrap_or(size_of(&header)?);
        let kind = header.entry_type();
        if matches!(kind, EntryType::XHeader | EntryType::GNULongName | EntryType::GNULongLink) {
            headers += header.entry_size()?.min(MOST_HEADER);
            if headers > MOST_HEADERS {
                return Err(ReadLayerError::TooLong);
            }
        }
        match kind {
            EntryType::XGlobalHeader => skip(&mut tar, padded(size))?, // Git writes one with the commit.
            EntryType::XHeader => extended.pax(&bounded(&mut tar, size_of(&header)?)?)?,
            EntryType::GNULongName => {
                extended.name = Some(until_nul(bounded(&mut tar, size_of(&header)?)?));
            }
            EntryType::GNULongLink => {
                extended.link = Some(until_nul(bounded(&mut tar, size_of(&header)?)?));
            }
            _ => {
                if files.entries.len() + files.whiteouts.len() >= MOST_ENTRIES {
                    return Err(ReadLayerError::TooMany);
                }
                // Only files have content, whatever the header of something else says.
                let size = if has_content(kind) { size } else { 0 };
                let entry = Raw { header: &header, extended: std::mem::take(&mut extended), size };
                let before = tar.total;
                entry.take(&mut tar, how, &mut spool, &mut files)?;
                let left = padded(size) - (tar.total - before);
                skip(&mut tar, left)?;
            }
        }
    }
    // What follows the end of a tar belongs to the digest.
    io::copy(&mut tar, &mut io::sink())?;
    spool.finish()?;
    Ok((files, tar.hasher.into()))
}

fn has_content(kind: EntryType) -> bool {
    matches!(kind, EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse)
}

/// A field of a header that somebody has left empty stands for 0, as all readers have it.
fn or_nothing<N: Default>(field: &[u8], number: io::Result<N>) -> io::Result<N> {
    if field.iter().all(|byte| matches!(byte, 0 | b' ')) { Ok(N::default()) } else { number }
}

fn size_of(header: &Header) -> io::Result<u64> {
    or_nothing(&header.as_old().size, header.entry_size())
}

fn padded(size: u64) -> u64 {
    size.saturating_add(RECORD - 1) / RECORD * RECORD
}

/// The next header that is not empty; none at the end of the tar, or of the bytes.
fn next_header(tar: &mut impl Read) -> io::Result<Option<Header>> {
    let mut header = Header::new_old();
    let bytes = header.as_mut_bytes();
    let mut filled = 0;
    while filled < bytes.len() {
        match tar.read(&mut bytes[filled..])? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(invalid("the tar ends in the middle of a header")),
            count => filled += count,
        }
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let sum: u32 =
        bytes[..148].iter().chain(&bytes[156..]).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
    if header.cksum().ok() == Some(sum) {
        Ok(Some(header))
    } else {
        Err(invalid("it is no tar: a header has a wrong checksum"))
    }
}

/// The content of an entry that belongs to the next one.
fn bounded(tar: &mut impl Read, size: u64) -> io::Result<Vec<u8>> {
    if size > MOST_HEADER {
        return Err(invalid(format!("the headers of an entry have {size} bytes")));
    }
    let mut bytes = Vec::new();
    tar.take(size).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < size {
        return Err(invalid("the tar ends in the middle of a header"));
    }
    skip(tar, padded(size) - size)?;
    Ok(bytes)
}

fn skip(tar: &mut impl Read, bytes: u64) -> io::Result<()> {
    match io::copy(&mut tar.take(bytes), &mut io::sink())? {
        skipped if skipped == bytes => Ok(()),
        _ => Err(invalid("the tar ends in the middle of a file")),
    }
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// What stands in front of an entry and is meant for it.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<i64>,
    xattrs: Xattrs,
}

impl Extended {
    /// Records of POSIX pax: `LENGTH KEY=VALUE\n`, where the value may have any byte in it.
    fn pax(&mut self, mut records: &[u8]) -> io::Result<()> {
        while !records.is_empty() {
            let broken = || invalid("an extended header is broken");
            let space = records.iter().position(|byte| *byte == b' ').ok_or_else(broken)?;
            let length =
                std::str::from_utf8(&records[..space]).ok().and_then(|text| text.parse::<usize>().ok());
            let length =
                length.filter(|length| (space + 2..=records.len()).contains(length)).ok_or_else(broken)?;
            let (record, rest) = records.split_at(length);
            let record = record[space + 1..].strip_suffix(b"\n").ok_or_else(broken)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
            self.record(&record[..equals], &record[equals + 1..])?;
            records = rest;
        }
        Ok(())
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let text = std::str::from_utf8(value).unwrap_or_default();
        let number =
            || text.parse().map_err(|_| invalid(format!("an extended header has the number `{text}`")));
        match key {
            b"path" => self.name = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number()?),
            b"uid" => self.uid = Some(number()?),
            b"gid" => self.gid = Some(number()?),
            // Whole seconds, downwards.
            b"mtime" => {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                let seconds: Option<i64> = whole.parse().ok();
                let below = whole.starts_with('-') && fraction.bytes().any(|digit| digit != b'0');
                self.mtime = seconds.map(|seconds| seconds - i64::from(below));
            }
            key if key.starts_with(b"GNU.sparse.") => {
                return Err(invalid("it has a sparse file in GNU's format, which layers do not have"));
            }
            key => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    // GNU tar writes the two signs so that would end a keyword, or begin such a sign.
                    let name = String::from_utf8_lossy(name).replace("%3D", "=").replace("%25", "%");
                    self.xattrs.insert(name.into_bytes().into(), value.into());
                }
            }
        }
        Ok(())
    }
}

/// One entry as it stands in the tar.
struct Raw<'a> {
    header: &'a Header,
    extended: Extended,
    /// Bytes of content.
    size: u64,
}

impl Raw<'_> {
    /// Takes it in; its content is read if it is wanted.
    fn take(
        mut self,
        tar: &mut impl Read,
        how: &ReadLayer<'_>,
        spool: &mut Spool<'_>,
        files: &mut LayerFiles,
    ) -> Result<(), ReadLayerError> {
        let raw = self.extended.name.take().unwrap_or_else(|| self.header.path_bytes().into_owned());
        let wrong = |why| ReadLayerError::Name { name: shown(&raw), why };
        let Some(path) = path(&raw).map_err(wrong)? else {
            return Ok(()); // The root; its mode is that of the container's.
        };
        if how.whiteouts && path.name().starts_with(WHITEOUT) {
            return files.take_away(&path).map_err(wrong);
        }
        let link = self.extended.link.take();
        let link = || link.or_else(|| Some(self.header.link_name_bytes()?.into_owned())).unwrap_or_default();
        let kind = self.header.entry_type();
        let node = match kind {
            EntryType::Directory => Node::Directory,
            EntryType::Symlink => match link() {
                text if text.is_empty() => return Err(wrong("is a symbolic link to nothing")),
                text if text.len() > MOST_PATH => return Err(wrong(TOO_LONG)),
                text if text.contains(&0) => return Err(wrong("is a symbolic link with a NUL byte in it")),
                text => Node::Symlink(text.into()),
            },
            EntryType::Link => match self::path(&link()) {
                Ok(Some(target)) => Node::HardLink(target),
                _ => return Err(wrong("is a hard link to nothing")),
            },
            EntryType::Fifo => Node::Fifo,
            EntryType::Char | EntryType::Block => Node::Device(Device {
                is_block: kind == EntryType::Block,
                major: self.header.device_major()?.unwrap_or_default(),
                minor: self.header.device_minor()?.unwrap_or_default(),
            }),
            // An entry of the old kind is a directory if its name ends like one.
            EntryType::Regular | EntryType::Continuous if raw.ends_with(b"/") => Node::Directory,
            EntryType::Regular | EntryType::Continuous => {
                let wanted = (how.keep)(&path, self.size);
                let content = if wanted {
                    spool.keep(tar, self.size)?
                } else {
                    let digest = if how.digests {
                        let mut hasher = Hasher::new();
                        pass(tar, self.size, |bytes| {
                            hasher.update(bytes);
                            Ok(())
                        })?;
                        Some(hasher.into())
                    } else {
                        None
                    };
                    Content::Elsewhere { layer: how.layer, path: path.clone(), digest }
                };
                Node::File(File { size: self.size, content })
            }
            EntryType::GNUSparse => {
                return Err(wrong("is a sparse file in GNU's format, which layers do not have"));
            }
            _ => return Err(wrong("is of a kind that no layer has")),
        };
        let metadata = self.metadata()?;
        files.entries.push((path, Entry { metadata, node }));
        Ok(())
    }

    fn metadata(self) -> io::Result<Metadata> {
        let Self { header, extended: Extended { uid, gid, mtime, xattrs, .. }, .. } = self;
        let small = |number: u64| {
            u32::try_from(number).map_err(|_| {
                invalid(format!("an owner has the number {number}, which has more than 32 bits"))
            })
        };
        let old = header.as_old();
        let own_time = || i64::try_from(header.mtime().unwrap_or_default()).unwrap_or_default();
        Ok(Metadata {
            mode: or_nothing(&old.mode, header.mode())? & 0o7777,
            uid: small(uid.map_or_else(|| or_nothing(&old.uid, header.uid()), Ok)?)?,
            gid: small(gid.map_or_else(|| or_nothing(&old.gid, header.gid()), Ok)?)?,
            mtime: mtime.unwrap_or_else(own_time),
            xattrs: (!xattrs.is_empty()).then(|| Box::new(xattrs)),
        })
    }
}

impl LayerFiles {
    /// Notes what an entry that is called `.wh.…` takes away.
    fn take_away(&mut self, path: &TreePath) -> Result<(), &'static str> {
        if path.name() == OPAQUE {
            self.opaque.push(path.parent());
            return Ok(());
        }
        let hidden = &path.name()[WHITEOUT.len()..];
        // Others of old AUFS, `.wh..wh.plnk` and its kind, stand for no file.
        if hidden.starts_with(WHITEOUT) {
            return Ok(());
        }
        let nothing = "takes nothing away";
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(nothing);
        }
        let whole = match path.parent() {
            Some(above) => above.join(hidden),
            None => TreePath::new(hidden),
        };
        self.whiteouts.push(whole.map_err(|_| nothing)?);
        Ok(())
    }
}

const TOO_LONG: &str = "is longer than any system takes: that is 4096 bytes";

/// A name for messages: the front of it, if it is long.
fn shown(raw: &[u8]) -> String {
    const FRONT: usize = 200;
    let front = String::from_utf8_lossy(&raw[..raw.len().min(FRONT)]);
    if raw.len() > FRONT { format!("{front}…") } else { front.into_owned() }
}

/// A path inside the root; none is the root itself.
fn path(raw: &[u8]) -> Result<Option<TreePath>, &'static str> {
    use crate::tree::path::TreePathError;
    if raw.len() > MOST_PATH {
        return Err(TOO_LONG);
    }
    match TreePath::new(raw) {
        Ok(path) => Ok(Some(path)),
        Err(TreePathError::Root) => Ok(None),
        Err(TreePathError::Parent) => Err("leads out of the root: it has a `..` in it"),
        Err(TreePathError::Nul) => Err("has a NUL byte in its name"),
        Err(TreePathError::TooLong) => Err("has a longer name than any file can have"),
    }
}

/// Contents that are wanted, one after another in a temporary file that has no name.
struct Spool<'a> {
    folder: Option<&'a Path>,
    writer: Option<(io::BufWriter<Unnamed>, Arc<Unnamed>)>,
    length: u64,
}

impl Spool<'_> {
    fn keep(&mut self, content: &mut impl Read, size: u64) -> io::Result<Content> {
        let (writer, file) = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = match self.folder {
                    Some(folder) => tempfile::tempfile_in(folder)?,
                    None => tempfile::tempfile()?,
                };
                let shared = Arc::new(file.try_clone()?);
                none.insert((io::BufWriter::with_capacity(1 << 17, file), shared))
            }
        };
        let mut hasher = Hasher::new();
        pass(content, size, |bytes| {
            hasher.update(bytes);
            writer.write_all(bytes)
        })?;
        let offset = self.length;
        self.length += size;
        Ok(Content::Spooled { file: Arc::clone(file), offset, digest: hasher.into() })
    }

    fn finish(self) -> io::Result<()> {
        match self.writer {
            Some((mut writer, _)) => writer.flush(),
            None => Ok(()),
        }
    }
}

/// Gives the next `size` bytes to `take`, a piece at a time.
fn pass(content: &mut impl Read, size: u64, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 15];
    let mut left = size;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let count = content.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the layer ends in the middle of a file",
            ));
        }
        take(&buffer[..count])?;
        left -= count as u64;
    }
    Ok(())
}

/// Hashes what is read, and ends where nobody's layer goes on.
struct Counted<R> {
    inner: R,
    hasher: Hasher,
    total: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.total += count as u64;
        if self.total > MOST_BYTES {
            return Err(invalid(format!("it unpacks to more than {} GiB", MOST_BYTES >> 30)));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
