//! Texts that only this emulator can have written: session tokens, registry passwords, paging tokens and the
//! signatures of layer URLs.
//!
//! A sealed text is `base64url(JSON).base64url(HMAC-SHA-256)`. Because it carries its own content, nothing
//! has to be remembered for it: memory stays flat however many are handed out, and they hold across a restart
//! on the same state directory.

use super::error::StartError;
use aws_lc_rs::{hmac, rand};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde::{Serialize, de::DeserializeOwned};
use std::io::Write as _;
use std::path::Path;

/// The key of one state directory.
#[derive(Debug)]
pub(super) struct Seal(hmac::Key);

impl Seal {
    /// The key kept at `path`, made there if there is none.
    pub(super) fn open(path: &Path) -> Result<Self, StartError> {
        let bytes = read_or_create(path, || Ok(random::<32>().to_vec()))?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Seals `content`; the text opens only under the same `purpose`.
    pub(super) fn seal(&self, purpose: &str, content: &impl Serialize) -> String {
        let json = serde_json::to_vec(content).expect("invariant: sealed contents have text keys");
        let body = BASE64_URL_SAFE_NO_PAD.encode(json);
        let mac = self.sign(purpose, &body);
        format!("{body}.{mac}")
    }

    /// The content of a text that [`seal`](Self::seal) wrote for the same `purpose`.
    pub(super) fn unseal<T: DeserializeOwned>(&self, purpose: &str, text: &str) -> Option<T> {
        let (body, mac) = text.split_once('.')?;
        if !self.holds(purpose, body, mac) {
            return None;
        }
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    }

    /// A signature over `text`.
    pub(super) fn sign(&self, purpose: &str, text: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.mac(purpose, text))
    }

    /// Whether `signature` is the one that [`sign`](Self::sign) gives.
    pub(super) fn holds(&self, purpose: &str, text: &str, signature: &str) -> bool {
        let Ok(signature) = BASE64_URL_SAFE_NO_PAD.decode(signature) else { return false };
        hmac::verify(&self.0, format!("{purpose}\n{text}").as_bytes(), &signature).is_ok()
    }

    /// A secret access key (40 characters, as AWS's) that belongs to `text` and to nothing else.
    pub(super) fn secret_key(&self, text: &str) -> String {
        let mut secret = BASE64_STANDARD.encode(self.mac("secret-access-key", text));
        secret.truncate(40);
        secret
    }

    fn mac(&self, purpose: &str, text: &str) -> hmac::Tag {
        hmac::sign(&self.0, format!("{purpose}\n{text}").as_bytes())
    }
}

/// `N` random bytes.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("invariant: the system gives random bytes");
    bytes
}

/// `length` random characters of `A-Z2-7`, as the identifiers of AWS end in them.
pub(super) fn random_identifier(length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    random::<32>().iter().take(length).map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// The bytes of the secret file at `path`; if it does not exist, `make` gives them and it is written, readable
/// for its owner alone.
pub(super) fn read_or_create(
    path: &Path,
    make: impl FnOnce() -> Result<Vec<u8>, StartError>,
) -> Result<Vec<u8>, StartError> {
    if fs_err::exists(path)? {
        return Ok(fs_err::read(path)?);
    }
    let bytes = make()?;
    write_secret(path, &bytes)?;
    Ok(bytes)
}

/// Writes `bytes` to `path`, whole or not at all, readable for its owner alone.
pub(super) fn write_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    if fs_err::exists(&new)? {
        fs_err::remove_file(&new)?;
    }
    let mut file = fs_err::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs_err::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_it_sealed_and_only_for_the_same_purpose() {
        let directory = tempfile::tempdir().unwrap();
        let seal = Seal::open(&directory.path().join("key")).unwrap();
        let text = seal.seal("paging", &("shop/api", 7));
        assert_eq!(seal.unseal::<(String, u32)>("paging", &text), Some(("shop/api".into(), 7)));
        assert_eq!(seal.unseal::<(String, u32)>("session", &text), None);
        assert_eq!(seal.unseal::<(String, u32)>("paging", &text.replacen('.', "A.", 1)), None);
        assert_eq!(seal.unseal::<(String, u32)>("paging", "garbage"), None);

        let again = Seal::open(&directory.path().join("key")).unwrap();
        assert!(again.unseal::<(String, u32)>("paging", &text).is_some(), "the key is kept");
        let other = Seal::open(&directory.path().join("other")).unwrap();
        assert!(other.unseal::<(String, u32)>("paging", &text).is_none(), "another key is another seal");
    }

    #[cfg(unix)]
    #[test]
    fn secrets_are_for_their_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        write_secret(&path, b"x").unwrap();
        write_secret(&path, b"y").unwrap();
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
