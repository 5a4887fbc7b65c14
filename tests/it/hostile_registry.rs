//! A server that answers as a test wants it: half a blob, nothing at all, or nonsense.

use consign::base::{BlobDigest, DiffId, ManifestDigest};
use serde_json::json;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    /// The first byte that is wanted.
    pub(crate) from: Option<usize>,
    pub(crate) authorization: Option<String>,
    /// How often this path was asked for before.
    pub(crate) before: usize,
}

impl Asked {
    pub(crate) fn is_for(&self, end: &str) -> bool {
        self.path.ends_with(end)
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// This, whole.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// The headers of all of it, and so many bytes of it.
    Cut { body: Vec<u8>, after: usize, partial: Option<usize> },
    /// Nothing.
    Silence,
    /// The headers, and a byte now and then.
    Drip(Vec<u8>),
}

impl Reply {
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self::Answer { status: 200, headers: Vec::new(), body: body.to_vec() }
    }

    pub(crate) fn json(body: &[u8], kind: &str) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        Self::Answer { status: 200, headers, body: body.to_vec() }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with(status: u16, name: &'static str, value: impl Into<String>) -> Self {
        Self::Answer { status, headers: vec![(name, value.into())], body: Vec::new() }
    }

    /// The bytes from number `from` on.
    pub(crate) fn rest(body: &[u8], from: usize) -> Self {
        let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
        Self::Answer { status: 206, headers: vec![("content-range", range)], body: body[from..].to_vec() }
    }
}

/// A running server; its threads end with the process.
pub(crate) struct HostileRegistry {
    pub(crate) host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl HostileRegistry {
    pub(crate) fn start(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (log, answers) = (Arc::clone(&asked), Arc::new(answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answers) = (Arc::clone(&log), Arc::clone(&answers));
                // Who goes away in the middle is none of our business.
                std::thread::spawn(move || serve(stream, &log, &*answers).ok());
            }
        });
        Self { host, asked }
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// `METHOD PATH` of each, with digests replaced.
    pub(crate) fn lines(&self) -> String {
        let digests = regex::Regex::new("sha256(:|%3A)[0-9a-f]{64}").unwrap();
        let line = |asked: &Asked| {
            let from = asked.from.map(|from| format!(" from {from}")).unwrap_or_default();
            format!("{} {}{from}\n", asked.method, digests.replace_all(&asked.path, "DIGEST"))
        };
        self.asked().iter().map(line).collect()
    }
}

fn serve(
    stream: TcpStream,
    log: &Mutex<Vec<Asked>>,
    answers: &(impl Fn(&Asked) -> Reply + ?Sized),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut asked) = (String::new(), Asked::default());
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    asked.method = words.next().unwrap_or_default();
    asked.path = words.next().unwrap_or_default();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => asked.from = value.trim_start_matches("bytes=").trim_end_matches('-').parse().ok(),
            "authorization" => asked.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    {
        let mut log = log.lock().unwrap();
        asked.before = log.iter().filter(|other| other.path == asked.path).count();
        log.push(asked.clone());
    }
    write(stream, answers(&asked), asked.method == "HEAD")
}

fn write(mut stream: TcpStream, reply: Reply, is_head: bool) -> std::io::Result<()> {
    let mut head = |status: u16, headers: &[(&str, String)], length: usize| {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let first = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n");
        stream.write_all((first + &headers + "\r\n").as_bytes())
    };
    match reply {
        Reply::Answer { status, headers, body } => {
            head(status, &headers, body.len())?;
            if is_head { Ok(()) } else { stream.write_all(&body) }
        }
        Reply::Cut { body, after, partial } => {
            let from = partial.unwrap_or(0);
            let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
            let headers: Vec<_> = partial.map(|_| ("content-range", range)).into_iter().collect();
            head(if partial.is_some() { 206 } else { 200 }, &headers, body.len() - from)?;
            stream.write_all(&body[from..from + after])
        }
        Reply::Silence => {
            std::thread::sleep(Duration::from_mins(1));
            Ok(())
        }
        Reply::Drip(body) => {
            head(200, &[], body.len())?;
            for byte in body {
                stream.write_all(&[byte])?;
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        }
    }
}

/// An image of one layer, in its parts.
#[derive(Debug, Clone)]
pub(crate) struct TestImage {
    pub(crate) manifest: Vec<u8>,
    pub(crate) config: Vec<u8>,
    pub(crate) layer: Vec<u8>,
}

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl TestImage {
    /// For `linux/ARCHITECTURE`, with a file of so many bytes.
    pub(crate) fn new(architecture: &str, size: usize) -> Self {
        let content: Vec<u8> = (0..size).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_data(&mut header, "file", &content[..]).unwrap();
        let layer = archive.into_inner().unwrap();
        let config = json!({
            "architecture": architecture, "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": [DiffId::of(&layer).to_string()] },
        });
        let config = config.to_string().into_bytes();
        let part = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": BlobDigest::of(bytes).to_string(), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": part("application/vnd.oci.image.config.v1+json", &config),
            "layers": [part("application/vnd.oci.image.layer.v1.tar", &layer)],
        });
        Self { manifest: manifest.to_string().into_bytes(), config, layer }
    }

    pub(crate) fn digest(&self) -> String {
        ManifestDigest::of(&self.manifest).to_string()
    }

    /// What a good registry answers.
    pub(crate) fn answer(&self, asked: &Asked) -> Reply {
        let part = |bytes: &[u8]| asked.is_for(&BlobDigest::of(bytes).to_string());
        match asked.path.as_str() {
            "/v2/" => Reply::ok(b"{}"),
            path if path.contains("/manifests/") => Reply::json(&self.manifest, OCI_MANIFEST),
            _ if part(&self.config) => Reply::ok(&self.config),
            _ if part(&self.layer) => Reply::ok(&self.layer),
            _ => Reply::status(404),
        }
    }

    /// Whether a request is for the layer.
    pub(crate) fn wants_layer(&self, asked: &Asked) -> bool {
        asked.path.contains("/blobs/") && asked.is_for(&BlobDigest::of(&self.layer).to_string())
    }
}
