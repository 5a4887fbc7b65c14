//! Any bytes as a word with variables: the first says how it is read, the rest up to a zero is a value.
#![no_main]

use consign_fuzz::spec::dockerfile::{Budget, Lexer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((bits, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let (value, word) = text.split_once('\0').unwrap_or(("", &text));
    let bit = |index: u8| bits >> index & 1 == 1;
    let lexer = Lexer {
        escape: if bit(0) { '`' } else { '\\' },
        keep_quotes: bit(1),
        keep_escapes: bit(2),
        ignore_quotes: bit(3),
        keep_unset: bit(4),
    };
    let lookup = |name: &str| (name != "unset").then(|| value.into());
    let budget = 1 << 20;
    if let Ok(found) = lexer.expand(word, &lookup, &mut Budget::new(budget)) {
        // Nothing comes from nowhere: an escape in a pattern is doubled at most.
        assert!(found.text.len() <= 4 * word.len() + budget, "{} from {}", found.text.len(), word.len());
    }
});
