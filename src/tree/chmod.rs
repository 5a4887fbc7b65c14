//! `--chmod` of a COPY: a mode as `chmod` takes it, applied to another one.

use crate::spec::dockerfile::Mode;

const SET_IDS: u32 = 0o6000;
const STICKY: u32 = 0o1000;
/// What `a` stands for, and what is meant if nobody is named.
const EVERYBODY: u32 = SET_IDS | 0o777;

/// The permission bits that `change` makes of `old`.
pub(super) fn changed(change: &Mode, old: u32, is_directory: bool) -> u32 {
    match change {
        Mode::Bits(bits) => *bits,
        Mode::Symbolic(text) => {
            text.split(',').fold(old, |mode, clause| apply(clause, mode, old, is_directory))
        }
    }
}

/// One clause, such as `u+rw-x`. `X` looks at the mode before the first one.
fn apply(clause: &str, mut mode: u32, old: u32, is_directory: bool) -> u32 {
    let rest = clause.trim_start_matches(['u', 'g', 'o', 'a']);
    let who = clause[..clause.len() - rest.len()].chars().fold(0, |who, letter| {
        who | match letter {
            'u' => 0o4700,
            'g' => 0o2070,
            'o' => 0o007,
            _ => EVERYBODY,
        }
    });
    let more_than_others = who == 0 || who & !0o007 != 0;
    let mut rest = rest.chars().peekable();
    while let Some(operator) = rest.next() {
        let (mut bits, mut whose) = (0, if who == 0 { EVERYBODY } else { who });
        while let Some(letter) = rest.next_if(|letter| !matches!(letter, '+' | '-' | '=')) {
            bits |= match letter {
                'r' => 0o444,
                'w' => 0o222,
                'x' => 0o111,
                'X' if operator == '-' || is_directory || old & 0o111 != 0 => 0o111,
                's' if more_than_others => SET_IDS,
                't' if more_than_others => {
                    whose |= STICKY;
                    STICKY
                }
                'u' => spread(mode >> 6),
                'g' => spread(mode >> 3),
                'o' => spread(mode),
                _ => 0,
            };
        }
        mode = match operator {
            '-' => mode & !(bits & whose),
            '+' => mode | bits & whose,
            _ => mode & !whose | bits & whose,
        };
    }
    mode
}

/// Three bits for each of user, group and others.
fn spread(bits: u32) -> u32 {
    (bits & 7) * 0o111
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_chmod_does() {
        for (change, old, is_directory, expected) in [
            ("u+x", 0o644, false, 0o744),
            ("go-rwx", 0o755, true, 0o700),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o700, false, 0o755),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("a=r", 0o4755, false, 0o444),
            ("=r", 0o1755, true, 0o1444),
            ("+x", 0o644, false, 0o755),
            ("g=u", 0o640, false, 0o660),
            ("o=g-w", 0o660, false, 0o664),
            ("u+s,g+s", 0o755, false, 0o6755),
            ("o+s", 0o755, false, 0o755),
            ("+t", 0o777, true, 0o1777),
            ("a-x+X", 0o755, false, 0o755),
            ("a-x+X", 0o644, false, 0o644),
        ] {
            let mode = Mode::Symbolic(change.into());
            assert_eq!(changed(&mode, old, is_directory), expected, "{change} {old:o}");
        }
        assert_eq!(changed(&Mode::Bits(0o4711), 0o600, false), 0o4711);
    }
}
