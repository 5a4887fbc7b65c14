//! Secrets as types: what must not be printed can't be.

use std::fmt;
use zeroize::Zeroize;

/// A text that never shows up in output. It has no `Display`, its `Debug` is `[redacted]`, it can't be
/// serialised, and its memory is overwritten when it is dropped. The one way to the text is
/// [`expose`](Self::expose), so every use can be found by that word.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// A URL as it may be shown: without user, password, query and fragment, where signatures and tokens live.
pub fn safe_url(url: &url::Url) -> String {
    let mut shown = url.clone();
    let had_query = shown.query().is_some();
    // Both fail for URLs that can't hold a user at all, and those hold no secret there.
    if shown.set_username("").is_err() || shown.set_password(None).is_err() {
        tracing::trace!("a URL without an authority");
    }
    shown.set_query(None);
    shown.set_fragment(None);
    if had_query { format!("{shown}?[redacted]") } else { shown.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[redacted] Some([redacted])");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn urls_lose_what_could_be_secret() {
        let url = "https://AWS:pw@bucket.example/layer?X-Amz-Signature=abc#x".parse().unwrap();
        assert_eq!(safe_url(&url), "https://bucket.example/layer?[redacted]");
    }
}
