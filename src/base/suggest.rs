//! The nearest known word to a mistyped one.

/// The candidate that `word` was probably meant to be, or none if nothing is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_near_and_leaves_the_far() {
        let words = ["entrypoint", "env", "workdir", "user"];
        assert_eq!(nearest("entrypont", words), Some("entrypoint"));
        assert_eq!(nearest("WorkDir", words), Some("workdir"));
        assert_eq!(nearest("quux", words), None);
    }
}
