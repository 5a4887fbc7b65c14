//! `maxResults` and `nextToken`. A token is sealed for one operation and one scope, so one that was made up or
//! belongs to another list is refused.

use super::super::error::ApiError;
use super::super::seal::Seal;
use super::validate;

/// One list of one operation.
#[derive(Debug)]
pub(in crate::emulator) struct Paging<'a> {
    seal: &'a Seal,
    scope: String,
}

impl<'a> Paging<'a> {
    /// The list of `operation` over `scope` (a repository, a registry).
    pub(in crate::emulator) fn new(seal: &'a Seal, operation: &str, scope: &str) -> Self {
        Self { seal, scope: format!("page of {operation} over {scope}") }
    }

    /// The token that goes on after `key`.
    pub(in crate::emulator) fn token(&self, key: &str) -> String {
        self.seal.seal(&self.scope, &key)
    }

    /// The key after which `token` goes on.
    pub(in crate::emulator) fn after(&self, token: &str) -> Result<String, ApiError> {
        self.seal
            .unseal(&self.scope, token)
            .ok_or_else(|| ApiError::invalid_parameter("nextToken", "Invalid next token"))
    }

    /// The page of `items` (sorted by `key`) that was asked for, and the token of the next one.
    pub(super) fn page<T>(
        &self,
        items: Vec<T>,
        key: impl Fn(&T) -> String,
        max_results: Option<i64>,
        token: Option<&str>,
    ) -> Result<(Vec<T>, Option<String>), ApiError> {
        self.page_within(items, key, max_results, token, (100, 1000))
    }

    /// The same for a list with other bounds: how many without `max_results`, and how many at most.
    pub(super) fn page_within<T>(
        &self,
        items: Vec<T>,
        key: impl Fn(&T) -> String,
        max_results: Option<i64>,
        token: Option<&str>,
        (usual, most): (i64, i64),
    ) -> Result<(Vec<T>, Option<String>), ApiError> {
        let max = validate::range("maxResults", max_results.unwrap_or(usual), 1, most)?;
        let max = usize::try_from(max).expect("invariant: 1 to 1000");
        let after = token.map(|token| self.after(token)).transpose()?;
        let mut page: Vec<T> = items
            .into_iter()
            .filter(|item| after.as_ref().is_none_or(|after| key(item) > *after))
            .take(max + 1)
            .collect();
        let more = page.len() > max;
        page.truncate(max);
        let token = page.last().filter(|_| more).map(|last| self.token(&key(last)));
        Ok((page, token))
    }
}

/// Paging and naming what is wanted exclude each other; `ids` is the member that names.
pub(super) fn not_with_ids(ids: &str, max_results: Option<i64>, token: Option<&str>) -> Result<(), ApiError> {
    for (member, given) in [("nextToken", token.is_some()), ("maxResults", max_results.is_some())] {
        if given {
            let text = format!("{member} cannot be used together with {ids}");
            return Err(ApiError::invalid_parameter(member, text));
        }
    }
    Ok(())
}
