//! One pattern, without `!`: see [`ignore`](super::ignore) for what it means.

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// `!` and nothing more.
    #[error("after `!` there must be a pattern")]
    LoneNegation,
    /// A set that has no end.
    #[error("the set that starts with `[` has no `]`")]
    OpenSet,
    /// `[]` or `[^]`, or a `-` at the edge of a set.
    #[error("in a set, `-` and `]` must stand between two characters or after `\\`")]
    BadSet,
    /// `z-a`.
    #[error("the range `{0}-{1}` is the wrong way round")]
    Range(char, char),
    /// A `\` at the end.
    #[error("after `\\` there must be a character")]
    LoneEscape,
}

/// One pattern over whole paths.
#[derive(Debug, Clone)]
pub(super) struct Glob {
    kind: Kind,
    /// Every match starts with this.
    prefix: Box<[u8]>,
    /// Number of `/` in every match; none if that is not fixed.
    slashes: Option<usize>,
}

#[derive(Debug, Clone)]
enum Kind {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
    Tokens(Box<[Token]>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Literal(Vec<u8>),
    /// `?`
    One,
    /// `*`
    Star,
    /// `**` or `**/` before something: nothing, or all up to a `/`.
    Directories,
    /// `**` at the end.
    Rest,
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Compiles a cleaned pattern.
    pub(super) fn new(pattern: &[u8]) -> Result<Self, GlobError> {
        let tokens = tokens(pattern)?;
        // moby takes the general way for these two, also where they change nothing.
        let escaped = pattern.iter().any(|byte| matches!(byte, b'\\' | b']'));
        let kind = match tokens.as_slice() {
            [Token::Literal(text)] if !escaped => Kind::Exact(text.as_slice().into()),
            [Token::Literal(text), Token::Rest] if !escaped => Kind::Prefix(text.as_slice().into()),
            [Token::Rest] => Kind::Suffix(Box::default()),
            [Token::Directories, Token::Literal(_)] if !escaped => Kind::Suffix(pattern[2..].into()),
            _ => Kind::Tokens(tokens.clone().into()),
        };
        let prefix = match tokens.first() {
            Some(Token::Literal(text)) => text.as_slice().into(),
            _ => Box::default(),
        };
        let slashes = tokens.iter().try_fold(0, |sum, token| match token {
            Token::Literal(text) => Some(sum + slashes(text)),
            Token::One | Token::Star => Some(sum),
            Token::Directories | Token::Rest => None,
            Token::Set { negated, ranges } => (!in_set('/', *negated, ranges)).then_some(sum),
        });
        Ok(Self { kind, prefix, slashes })
    }

    /// Compiles a pattern in which `**` is no more than `*`.
    pub(super) fn within(pattern: &[u8]) -> Result<Self, GlobError> {
        let mut single = Vec::with_capacity(pattern.len());
        let (mut escaped, mut star) = (false, false);
        for byte in pattern {
            // Two stars in a set are the same character twice, and once does.
            let again = star && *byte == b'*';
            if !again {
                single.push(*byte);
            }
            star = *byte == b'*' && !escaped;
            escaped = *byte == b'\\' && !escaped;
        }
        Self::new(&single)
    }

    /// Whether it matches `path` itself, not only a directory above.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        match &self.kind {
            Kind::Exact(text) => **text == *path,
            Kind::Prefix(text) => path.starts_with(text),
            Kind::Suffix(text) => path.ends_with(text) || text.strip_prefix(b"/") == Some(path),
            Kind::Tokens(tokens) => matches_tokens(tokens, path),
        }
    }

    /// Whether it may match something below `directory`; `true` if in doubt.
    pub(super) fn may_match_below(&self, directory: &[u8]) -> bool {
        if self.slashes.is_some_and(|count| count <= slashes(directory)) {
            return false;
        }
        let common = self.prefix.len().min(directory.len());
        self.prefix[..common] == directory[..common]
            && self.prefix.get(directory.len()).is_none_or(|byte| *byte == b'/')
    }
}

fn slashes(path: &[u8]) -> usize {
    path.split(|byte| *byte == b'/').count() - 1
}

fn tokens(pattern: &[u8]) -> Result<Vec<Token>, GlobError> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'*' if rest.first() == Some(&b'*') => {
                rest = &rest[1..];
                rest = rest.strip_prefix(b"/").unwrap_or(rest);
                tokens.push(if rest.is_empty() { Token::Rest } else { Token::Directories });
            }
            b'*' => tokens.push(Token::Star),
            b'?' => tokens.push(Token::One),
            b'[' => tokens.push(set(&mut rest)?),
            _ => {
                let mut byte = *first;
                if byte == b'\\' {
                    (byte, rest) = rest.split_first().map(|(b, r)| (*b, r)).ok_or(GlobError::LoneEscape)?;
                }
                match tokens.last_mut() {
                    Some(Token::Literal(text)) => text.push(byte),
                    _ => tokens.push(Token::Literal(vec![byte])),
                }
            }
        }
    }
    Ok(tokens)
}

/// A set, whose `[` has been taken from `rest`.
fn set(rest: &mut &[u8]) -> Result<Token, GlobError> {
    let negated = rest.first() == Some(&b'^');
    if negated {
        *rest = &rest[1..];
    }
    let mut ranges = Vec::new();
    loop {
        if rest.first() == Some(&b']') && !ranges.is_empty() {
            *rest = &rest[1..];
            return Ok(Token::Set { negated, ranges });
        }
        let low = set_character(rest)?;
        let mut high = low;
        if rest.first() == Some(&b'-') {
            *rest = &rest[1..];
            high = set_character(rest)?;
        }
        if low > high {
            return Err(GlobError::Range(low, high));
        }
        ranges.push((low, high));
    }
}

fn set_character(rest: &mut &[u8]) -> Result<char, GlobError> {
    match rest.first() {
        None => return Err(GlobError::OpenSet),
        Some(b'-' | b']') => return Err(GlobError::BadSet),
        Some(b'\\') => *rest = &rest[1..],
        Some(_) => {}
    }
    if rest.is_empty() {
        return Err(GlobError::LoneEscape);
    }
    let (character, length) = character(rest);
    *rest = &rest[length..];
    Ok(character)
}

fn in_set(character: char, negated: bool, ranges: &[(char, char)]) -> bool {
    ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != negated
}

/// The first character of `bytes`, which are not empty, and its length. As Go does it, a byte that is not UTF-8
/// is a replacement character.
fn character(bytes: &[u8]) -> (char, usize) {
    let length = match bytes[0] {
        0..0x80 => return (char::from(bytes[0]), 1),
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    let decoded = bytes.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
    match decoded.and_then(|text| text.chars().next()) {
        Some(character) => (character, length),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

fn matches_tokens(tokens: &[Token], path: &[u8]) -> bool {
    // Most paths fall out here: `**/*.map` asks for the suffix first.
    if let [Token::Literal(text), ..] = tokens
        && !path.starts_with(text)
    {
        return false;
    }
    if let [.., Token::Literal(text)] = tokens
        && !path.ends_with(text)
    {
        return false;
    }
    Search { tokens, path, dead: Dead::new(tokens.len() * (path.len() + 1)) }.from(0, 0)
}

/// Tries all ways to match. It remembers where no way leads on, so that it never takes longer than tokens times
/// bytes, whatever the pattern.
struct Search<'a> {
    tokens: &'a [Token],
    path: &'a [u8],
    dead: Dead,
}

impl Search<'_> {
    fn from(&mut self, mut token: usize, mut at: usize) -> bool {
        loop {
            let (Some(current), rest) = (self.tokens.get(token), &self.path[at..]) else {
                return at == self.path.len();
            };
            match current {
                Token::Literal(text) if rest.starts_with(text) => at += text.len(),
                Token::One if !rest.is_empty() && rest[0] != b'/' => at += character(rest).1,
                Token::Set { negated, ranges } if !rest.is_empty() => {
                    let (character, length) = character(rest);
                    if !in_set(character, *negated, ranges) {
                        return false;
                    }
                    at += length;
                }
                Token::Rest => return true,
                Token::Star | Token::Directories => return self.wildcard(token, at),
                _ => return false,
            }
            token += 1;
        }
    }

    fn wildcard(&mut self, token: usize, at: usize) -> bool {
        if !self.dead.is_new(token * (self.path.len() + 1) + at) {
            return false;
        }
        if self.from(token + 1, at) {
            return true;
        }
        let star = self.tokens[token] == Token::Star;
        for next in at..self.path.len() {
            let slash = self.path[next] == b'/';
            if star && slash {
                return false;
            }
            if star || slash {
                // Whoever was there before has tried all that follows.
                if !self.dead.is_new(token * (self.path.len() + 1) + next + 1) {
                    return false;
                }
                if self.from(token + 1, next + 1) {
                    return true;
                }
            }
        }
        false
    }
}

/// A set of small numbers, without allocation for nearly every pattern and path.
struct Dead {
    few: [u64; 32],
    /// Instead, if those are too few.
    many: Vec<u64>,
}

impl Dead {
    fn new(count: usize) -> Self {
        let many = if count <= 32 * 64 { Vec::new() } else { vec![0; count.div_ceil(64)] };
        Self { few: [0; 32], many }
    }

    /// Puts `number` in, and says whether it was not there yet.
    fn is_new(&mut self, number: usize) -> bool {
        let words = if self.many.is_empty() { &mut self.few[..] } else { &mut self.many[..] };
        let (word, bit) = (&mut words[number / 64], 1 << (number % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}
