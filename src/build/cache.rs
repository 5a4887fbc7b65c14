//! What is known of layers from earlier runs, in a file of a few kilobytes that a CI's cache may keep.
//!
//! Two things are remembered of a layer: which blob its tar becomes (the digest of the tar, how it is compressed, and
//! the digest of the blob: a fact that holds everywhere and for ever), and which tar the files made when they had
//! these times and inodes (a fact of one machine: a fresh checkout has others, and then the files are hashed).
//!
//! The file begins with a checksum. One that is damaged or from another version is noticed and not used. Nothing in
//! it makes a push wrong by itself: a blob is used only if the registry says that it has it.

use super::LayerFacts;
use crate::base::{BlobDigest, DiffId, Reporter};
use crate::image::Descriptor;
use crate::layer::Encoding;
use crate::tree::Fingerprint;
use serde::{Deserialize, Serialize};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file, in the directory that was given.
const FILE: &str = "layers";
/// Stands in front of the checksum.
const MAGIC: &str = "consign-layers/1 ";
/// Layers that are remembered, those that were used last: an image has up to 24 that were split, and a project a few
/// images. A line is about 300 bytes.
const MOST: usize = 96;

/// A layer as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Known {
    diff_id: DiffId,
    encoding: String,
    digest: BlobDigest,
    size: u64,
    /// Of the files that it was made from last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    files: Option<String>,
}

/// Layers of earlier runs. Made with [`LayerCache::none`], it forgets everything.
#[derive(Debug)]
pub struct LayerCache {
    folder: Option<PathBuf>,
    /// What was used last comes first.
    known: Mutex<Vec<Known>>,
}

impl LayerCache {
    /// Knows nothing and keeps nothing.
    pub fn none() -> Self {
        Self { folder: None, known: Mutex::default() }
    }

    /// What is kept in `folder`, which need not be there yet. What can't be used is told to `reporter` and is no
    /// error: it is made again.
    pub fn open(folder: &Path, reporter: &dyn Reporter) -> Self {
        let path = folder.join(FILE);
        let known = match fs_err::read(&path) {
            Ok(bytes) => parse(&bytes).unwrap_or_else(|| {
                reporter.warn(format!(
                    "the layer cache `{}` is damaged or from another version of consign; it is not used, and written anew",
                    path.display()
                ));
                Vec::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                reporter.warn(format!("the layer cache can't be used: {error}"));
                Vec::new()
            }
        };
        Self { folder: Some(folder.to_owned()), known: Mutex::new(known) }
    }

    /// Knows nothing of what is kept in `folder`, and will replace it.
    pub fn fresh(folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), known: Mutex::default() }
    }

    /// Whether anything is kept, so that fingerprints are of use.
    pub fn is_kept(&self) -> bool {
        self.folder.is_some()
    }

    /// Whether any layer compressed in the way `encoding` is known.
    pub fn knows(&self, encoding: Encoding) -> bool {
        let id = encoding.id();
        self.lock().iter().any(|known| known.encoding == id)
    }

    /// The layer that these files made, when they were compressed in the way `encoding`.
    pub fn by_files(&self, files: &Fingerprint, encoding: Encoding) -> Option<LayerFacts> {
        let (files, id) = (files.to_string(), encoding.id());
        self.find(encoding, |known| known.encoding == id && known.files.as_ref() == Some(&files))
    }

    /// The layer that this tar becomes when it is compressed in the way `encoding`.
    pub fn by_tar(&self, diff_id: DiffId, encoding: Encoding) -> Option<LayerFacts> {
        let id = encoding.id();
        self.find(encoding, |known| known.encoding == id && known.diff_id == diff_id)
    }

    fn find(&self, encoding: Encoding, wanted: impl Fn(&Known) -> bool) -> Option<LayerFacts> {
        let known = self.lock();
        let Known { diff_id, digest, size, .. } = known.iter().find(|known| wanted(known))?;
        let descriptor = Descriptor::new(encoding.media_type(), *digest, *size);
        Some(LayerFacts { descriptor, diff_id: *diff_id })
    }

    /// Remembers a layer, and the files it was made from unless they are too young to be told from later ones.
    pub fn learn(&self, facts: &LayerFacts, encoding: Encoding, files: Option<&Fingerprint>) {
        if self.folder.is_none() {
            return;
        }
        let mut known = self.lock();
        let mut new = Known {
            diff_id: facts.diff_id,
            encoding: encoding.id(),
            digest: facts.descriptor.digest,
            size: facts.descriptor.size,
            files: files.map(ToString::to_string),
        };
        let same = |old: &Known| old.diff_id == new.diff_id && old.encoding == new.encoding;
        if let Some(position) = known.iter().position(same) {
            let old = known.remove(position);
            new.files = new.files.or(old.files);
        }
        known.insert(0, new);
        known.truncate(MOST);
    }

    /// Writes what is known, whole or not at all. That it can't be written is told and is no error.
    pub fn save(&self, reporter: &dyn Reporter) {
        if let Some(folder) = &self.folder
            && let Err(error) = write(folder, &self.lock())
        {
            let shown = folder.display();
            reporter.warn(format!("the layer cache in `{shown}` can't be written: {error}"));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// None if a single byte is not what was written.
fn parse(bytes: &[u8]) -> Option<Vec<Known>> {
    let text = std::str::from_utf8(bytes).ok()?.strip_prefix(MAGIC)?;
    let (checksum, body) = text.split_once('\n')?;
    if checksum != BlobDigest::of(body.as_bytes()).to_string() {
        return None;
    }
    body.lines().map(|line| serde_json::from_str(line).ok()).collect()
}

fn write(folder: &Path, known: &[Known]) -> io::Result<()> {
    let mut body = String::new();
    for layer in known {
        body.push_str(&serde_json::to_string(layer)?);
        body.push('\n');
    }
    let text = format!("{MAGIC}{}\n{body}", BlobDigest::of(body.as_bytes()));
    let path = folder.join(FILE);
    if fs_err::read(&path).is_ok_and(|old| old == text.as_bytes()) {
        // A CI's cache that looks at times shall not be stored again for nothing.
        return Ok(());
    }
    fs_err::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::event::Event;

    #[derive(Debug, Default)]
    struct Warnings(Mutex<Vec<String>>);

    impl Reporter for Warnings {
        fn event(&self, event: Event) {
            if let Event::Warning { message } = event {
                self.0.lock().unwrap().push(message);
            }
        }
    }

    fn facts(number: usize) -> LayerFacts {
        let digest = BlobDigest::of(format!("blob {number}").as_bytes());
        let descriptor = Descriptor::new(Encoding::GZIP.media_type(), digest, number as u64);
        LayerFacts { descriptor, diff_id: DiffId::of(format!("tar {number}").as_bytes()) }
    }

    fn fingerprint() -> Fingerprint {
        crate::layer::testing::one_of_each().fingerprint()
    }

    #[test]
    fn what_was_learnt_is_there_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let folder = &folder.path().join("not/there/yet");
        let warnings = Warnings::default();
        let cache = LayerCache::open(folder, &warnings);
        assert!(!cache.knows(Encoding::GZIP));
        cache.learn(&facts(1), Encoding::GZIP, Some(&fingerprint()));
        cache.learn(&facts(2), Encoding::GZIP, None);
        cache.save(&warnings);

        let cache = LayerCache::open(folder, &warnings);
        assert!(cache.knows(Encoding::GZIP) && !cache.knows(Encoding::ZSTD));
        assert_eq!(cache.by_files(&fingerprint(), Encoding::GZIP), Some(facts(1)));
        assert_eq!(cache.by_files(&fingerprint(), Encoding::ZSTD), None);
        assert_eq!(cache.by_files(&Tree::new().fingerprint(), Encoding::GZIP), None);
        assert_eq!(cache.by_tar(facts(2).diff_id, Encoding::GZIP), Some(facts(2)));
        assert_eq!(cache.by_tar(facts(3).diff_id, Encoding::GZIP), None);
        assert!(warnings.0.lock().unwrap().is_empty());
        assert_eq!(LayerCache::none().by_tar(facts(2).diff_id, Encoding::GZIP), None);
    }

    use crate::tree::Tree;

    #[test]
    fn every_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let warnings = Warnings::default();
        let cache = LayerCache::open(folder.path(), &warnings);
        cache.learn(&facts(1), Encoding::GZIP, Some(&fingerprint()));
        cache.save(&warnings);
        let path = folder.path().join(FILE);
        let whole = fs_err::read(&path).unwrap();
        for position in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[position] ^= 1;
            for damaged in [&flipped, &whole[..position].to_vec()] {
                // A file that ends right after the checksum's line is a whole one of no layers only if the
                // checksum says so, and it does not.
                assert_eq!(parse(damaged), None, "{position}");
            }
        }
        fs_err::write(&path, &whole[..whole.len() - 1]).unwrap();
        let cache = LayerCache::open(folder.path(), &warnings);
        assert!(!cache.knows(Encoding::GZIP));
        assert!(warnings.0.lock().unwrap()[0].contains("is damaged or from another version"));
        // It heals.
        cache.learn(&facts(2), Encoding::GZIP, None);
        cache.save(&warnings);
        assert!(LayerCache::open(folder.path(), &warnings).knows(Encoding::GZIP));
        assert_eq!(warnings.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn it_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let cache = LayerCache::open(folder.path(), &Warnings::default());
        for number in 0..1000 {
            cache.learn(&facts(number), Encoding::GZIP, Some(&fingerprint()));
        }
        cache.save(&Warnings::default());
        assert!(fs_err::metadata(folder.path().join(FILE)).unwrap().len() < 40_000);
        let cache = LayerCache::open(folder.path(), &Warnings::default());
        assert!(cache.by_tar(facts(999).diff_id, Encoding::GZIP).is_some());
        assert!(cache.by_tar(facts(0).diff_id, Encoding::GZIP).is_none());
    }

    #[test]
    fn a_folder_that_can_t_be_is_a_warning() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let warnings = Warnings::default();
        let cache = LayerCache::open(&file.path().join("below"), &warnings);
        cache.learn(&facts(1), Encoding::GZIP, None);
        cache.save(&warnings);
        assert_eq!(warnings.0.lock().unwrap().len(), 2);
    }
}
