//! Values that have a grammar of their own: ports, signals, platforms, durations, modes, image names.

use crate::base::Platform;
use std::time::Duration;

/// A duration as Go writes it, with a unit to each number: `1m30s`, `1.5h`, `500ms`. In nanoseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, after) = rest.split_at(digits(rest));
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(digits(after)),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()?.into() };
        // Digits beyond a nanosecond of an hour say nothing.
        let fraction = &fraction[..fraction.len().min(18)];
        let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
        let digits = u32::try_from(fraction.len()).ok()?;
        total += whole * scale + part * scale / 10_i128.pow(digits);
        if total > i128::from(i64::MAX) {
            return None;
        }
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// A duration as Go shows it.
pub(super) fn shown_duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    let fraction = |value: u128, digits: u32| {
        let (whole, part) = (value / 10_u128.pow(digits), value % 10_u128.pow(digits));
        let part = format!("{part:0width$}", width = digits as usize);
        let part = part.trim_end_matches('0');
        if part.is_empty() { whole.to_string() } else { format!("{whole}.{part}") }
    };
    match nanoseconds {
        0 => "0s".into(),
        1..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(nanoseconds, 3)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(nanoseconds, 6)),
        _ => {
            let minutes = nanoseconds / 60_000_000_000;
            let seconds = fraction(nanoseconds % 60_000_000_000, 9);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// What Go's `ParseBool` takes.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Names of signals on Linux, without `SIG`.
pub(super) const SIGNALS: [&str; 35] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE",
    "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU",
    "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN",
];

/// Whether a text is a signal: a number, or a name with or without `SIG`.
pub(super) fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<i64>() {
        return number != 0;
    }
    let name = text.to_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let within = |offset: Option<&str>, most: u8| {
        offset.is_some_and(|offset| {
            let plain = !offset.starts_with(['0', '+']);
            plain && offset.parse::<u8>().is_ok_and(|number| (1..=most).contains(&number))
        })
    };
    SIGNALS.contains(&name)
        || name == "RTMAX"
        || within(name.strip_prefix("RTMIN+"), 15)
        || within(name.strip_prefix("RTMAX-"), 14)
}

/// What is known of a port.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exposed {
    /// `80/tcp`, one for each port of a range.
    pub(super) ports: Vec<String>,
    /// The protocol is not in lower case.
    pub(super) capital: bool,
    /// There is an address or a port of the host in it, which say nothing here.
    pub(super) mapped: bool,
}

/// `[[ADDRESS:]HOST:]PORT[-PORT][/PROTOCOL]`
pub(super) fn ports(text: &str) -> Result<Exposed, String> {
    let parts: Vec<&str> = text.rsplitn(3, ':').collect();
    let (port, host, address) = match parts.as_slice() {
        [port] => (*port, "", ""),
        [port, host] => (*port, *host, ""),
        [port, host, address, ..] => (*port, *host, *address),
        [] => ("", "", ""),
    };
    let (range, protocol) = port.split_once('/').unwrap_or((port, ""));
    if range.is_empty() {
        return Err("there is no port in it".into());
    }
    let lower = match protocol.to_ascii_lowercase() {
        empty if empty.is_empty() => "tcp".to_owned(),
        known if matches!(known.as_str(), "tcp" | "udp" | "sctp") => known,
        _ => return Err(format!("`{protocol}` is none of tcp, udp and sctp")),
    };
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    if !address.is_empty() && bare.parse::<std::net::IpAddr>().is_err() {
        return Err(format!("`{address}` is not an address"));
    }
    let (first, last) = port_range(range).ok_or_else(|| not_a_port(range))?;
    if !host.is_empty() {
        let (host_first, host_last) = port_range(host).ok_or_else(|| not_a_port(host))?;
        if first != last && host_last - host_first != last - first {
            return Err(format!("`{host}` and `{range}` are not equally many ports"));
        }
    }
    Ok(Exposed {
        ports: (first..=last).map(|port| format!("{port}/{lower}")).collect(),
        capital: protocol != protocol.to_lowercase(),
        mapped: !address.is_empty() || !host.is_empty(),
    })
}

fn not_a_port(text: &str) -> String {
    format!("`{text}` is neither a number from 0 to 65535 nor a range of them")
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    // Go takes a sign, which changes nothing.
    let number = |text: &str| match text {
        "-0" => Some(0),
        text => text.parse::<u16>().ok(),
    };
    match text.split_once('-') {
        None => number(text).map(|port| (port, port)),
        Some((first, last)) if first == last => number(first).map(|port| (port, port)),
        Some((first, last)) => match (number(first)?, number(last)?) {
            (first, last) if first <= last => Some((first, last)),
            _ => None,
        },
    }
}

const SYSTEMS: [&str; 17] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
    "zos",
];

const ARCHITECTURES: [&str; 24] = [
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "armbe",
    "arm64",
    "arm64be",
    "ppc64",
    "ppc64le",
    "loong64",
    "mips",
    "mipsle",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

/// `OS/ARCHITECTURE[/VARIANT]`, or one of the first two alone; then the other one is that of `host`.
pub(super) fn platform(text: &str, host: &Platform) -> Option<Platform> {
    let component = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    let parts: Vec<&str> = text.split('/').collect();
    let (system, version) = match parts[0].split_once('(') {
        Some((system, version)) => (system, Some(version.strip_suffix(')')?)),
        None => (parts[0], None),
    };
    if !component(system) || !parts[1..].iter().all(|part| component(part)) {
        return None;
    }
    let system = match system.to_ascii_lowercase().as_str() {
        "macos" => "darwin".to_owned(),
        system => system.to_owned(),
    };
    let os_version = version.filter(|version| !version.is_empty()).map(str::to_owned);
    match parts.len() {
        1 if SYSTEMS.contains(&system.as_str()) => Some(Platform { os: system, os_version, ..host.clone() }),
        1 => {
            let (architecture, variant) = normal_architecture(parts[0], "");
            ARCHITECTURES.contains(&architecture.as_str()).then(|| Platform {
                os: host.os.clone(),
                architecture,
                variant: variant.filter(|variant| variant != "v7"),
                os_version: None,
            })
        }
        2 => {
            let (architecture, variant) = normal_architecture(parts[1], "");
            let variant = variant.filter(|variant| !(architecture == "arm" && variant == "v7"));
            Some(Platform { os: system, architecture, variant, os_version })
        }
        3 => {
            let (architecture, variant) = normal_architecture(parts[1], parts[2]);
            // arm64's only variant is v8, and it is left out by convention.
            let variant = variant.filter(|variant| !(architecture == "arm64" && variant == "v8"));
            Some(Platform { os: system, architecture, variant, os_version })
        }
        _ => None,
    }
}

/// The names that Go uses for what others call otherwise.
fn normal_architecture(architecture: &str, variant: &str) -> (String, Option<String>) {
    let (architecture, variant) = (architecture.to_ascii_lowercase(), variant.to_ascii_lowercase());
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        other => other,
    };
    (architecture.to_owned(), (!variant.is_empty()).then(|| variant.to_owned()))
}

/// A mode as `chmod` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// `0755`
    Bits(u32),
    /// `u=rwX,go=rX`
    Symbolic(String),
}

/// Octal digits up to 07777, or changes such as `u+x,go-w`.
pub(super) fn mode(text: &str) -> Option<Mode> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o7777).map(Mode::Bits);
    }
    let clause = |clause: &str| {
        let rest = clause.trim_start_matches(['u', 'g', 'o', 'a']);
        rest.starts_with(['+', '-', '=']) && rest.chars().all(|c| "+-=rwxXstugo".contains(c))
    };
    text.split(',').all(clause).then(|| Mode::Symbolic(text.to_owned()))
}

/// Whether an owner has a name in it, and not numbers alone. `root` is 0 everywhere.
pub(super) fn has_name(owner: &str) -> bool {
    let number = |text: &str| text == "root" || text.parse::<i32>().is_ok();
    match owner.split_once(':') {
        None => !number(owner),
        Some((user, group)) => !number(user) || !(group.is_empty() || number(group)),
    }
}

/// Whether a text is a digest: `sha256:` and 64 digits, or one of the longer kinds.
pub(super) fn is_digest(text: &str) -> bool {
    let length = match text.split_once(':') {
        Some(("sha256", _)) => 64,
        Some(("sha384", _)) => 96,
        Some(("sha512", _)) => 128,
        _ => return false,
    };
    let hex = &text["sha256:".len()..];
    hex.len() == length && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// What is wrong with the name of an image, as Docker takes names: without a host it is one of Docker Hub's.
/// Grammar: <https://github.com/distribution/reference>.
pub(super) fn image_fault(text: &str) -> Option<String> {
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    if let Some(digest) = digest.filter(|digest| !is_digest(digest)) {
        return Some(format!("`{digest}` is not a digest"));
    }
    let is_host =
        |part: &str| part.contains(['.', ':']) || part == "localhost" || part.to_lowercase() != part;
    let (host, path) = match rest.split_once('/') {
        Some((first, path)) if is_host(first) => (Some(first), path),
        _ => (None, rest),
    };
    let (path, tag) = match path.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (path, None),
    };
    if let Some(host) = host.filter(|host| !is_legal_host(host)) {
        return Some(format!("`{host}` is not the name of a host"));
    }
    if path.is_empty() {
        return Some("it has no name".into());
    }
    if path.to_lowercase() != path {
        return Some(format!("`{path}` must be in lower case"));
    }
    if !path.split('/').all(is_legal_component) {
        return Some(format!("`{path}` is not the name of a repository"));
    }
    if host.is_none() && digest.is_none() && tag.is_none() && is_identifier(path) {
        return Some("64 hexadecimal digits can't be the name of a repository".into());
    }
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(tag) = tag
        && !(tag.starts_with(word)
            && tag.len() <= 128
            && tag.chars().all(|c| word(c) || matches!(c, '.' | '-')))
    {
        return Some(if tag.is_empty() {
            "its tag is empty".into()
        } else {
            format!("`{tag}` is not a tag")
        });
    }
    let whole = host.map_or(0, |host| host.len() + 1) + path.len();
    (whole > 255).then(|| "it is longer than 255 characters".into())
}

fn is_identifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_legal_host(text: &str) -> bool {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    let port = port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        return port && !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
    }
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    port && name.split('.').all(label)
}

/// Letters and digits in lower case, with `.`, `_`, `__` or any number of `-` between them.
fn is_legal_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut separators = text.split(alphanumeric);
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && separators.all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
        })
}

/// Whether the source of an ADD is a git repository: an address with a scheme of git's or an http address whose
/// path ends in `.git`, or `user@host:path`.
pub(super) fn is_git(source: &str) -> bool {
    if let Some((scheme, rest)) = source.split_once("://") {
        let path = rest.split(['#', '?']).next().unwrap_or_default();
        return match scheme.to_ascii_lowercase().as_str() {
            "git" | "ssh" => true,
            "http" | "https" => path.contains('/') && path.strip_suffix(".git").is_some(),
            _ => false,
        };
    }
    let Some((user, rest)) = source.split_once('@') else { return false };
    let word = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    rest.split_once(':').is_some_and(|(host, _)| word(user, "-_") && word(host, "-."))
}

/// Whether the source of an ADD is fetched by HTTP.
pub(super) fn is_http(source: &str) -> bool {
    (source.starts_with("http://") || source.starts_with("https://")) && !is_git(source)
}

/// Bytes with a unit of two to the power of ten: `64m`, `1.5 GiB`.
pub(super) fn bytes(text: &str) -> Option<i64> {
    let separator = text.rfind(|c: char| c.is_ascii_digit() || matches!(c, '.' | ' '))?;
    let (number, unit) = match text.as_bytes()[separator] {
        b' ' => (&text[..separator], &text[separator + 1..]),
        _ => text.split_at(separator + 1),
    };
    let number: f64 = number.parse().ok().filter(|number| *number >= 0.0)?;
    let unit = unit.to_ascii_lowercase();
    let mut letters = unit.chars();
    let power = match letters.next() {
        None => 0,
        Some('b') if letters.as_str().is_empty() => 0,
        Some(prefix) if matches!(letters.as_str(), "" | "b" | "ib") => "kmgtp".find(prefix)? + 1,
        Some(_) => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a number that large is as good as the largest")]
    Some((number * 1024_f64.powi(i32::try_from(power).ok()?)) as i64)
}

/// The fields of a line of comma-separated values, where `"` quotes; none if a quote is out of place.
pub(super) fn fields(text: &str) -> Option<Vec<String>> {
    if text.is_empty() {
        return None;
    }
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let Some(mut quoted) = rest.strip_prefix('"') else {
            let (field, after) =
                rest.split_once(',').map_or((rest, None), |(field, rest)| (field, Some(rest)));
            if field.contains('"') {
                return None;
            }
            fields.push(field.to_owned());
            match after {
                Some(after) => rest = after,
                None => return Some(fields),
            }
            continue;
        };
        let mut field = String::new();
        loop {
            let (part, after) = quoted.split_once('"')?;
            field.push_str(part);
            quoted = after;
            match quoted.strip_prefix('"') {
                Some(after) => {
                    field.push('"');
                    quoted = after;
                }
                None => break,
            }
        }
        fields.push(field);
        if quoted.is_empty() {
            return Some(fields);
        }
        rest = quoted.strip_prefix(',')?;
    }
}

#[cfg(test)]
mod tests;
