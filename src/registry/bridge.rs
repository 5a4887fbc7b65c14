//! From the network to threads that may block. The waiting is done on the runtime: when that ends, because the program is
//! interrupted, such a thread sees nothing worse than an end.

use super::{Download, RegistryError};
use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use std::io::{self, Read};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Chunks that may wait for the thread.
const WAITING: usize = 2;

/// What `work` gives, for a thread that may block; none if the program ends before.
pub fn wait<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = oneshot::channel();
    runtime.spawn(async move { sender.send(work.await).ok() });
    receiver.blocking_recv().ok()
}

/// A download as a thread takes it.
pub(super) struct Chunks(mpsc::Receiver<Result<Option<Bytes>, RegistryError>>);

/// The program ends, and nothing more comes.
pub(super) struct Ended;

impl Chunks {
    /// Reads ahead a little. Dropping this stops it.
    pub(super) fn new(runtime: &Handle, mut stream: Download) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        runtime.spawn(async move {
            loop {
                let next = stream.next().await.transpose();
                let is_last = !matches!(next, Ok(Some(_)));
                if sender.send(next).await.is_err() || is_last {
                    break;
                }
            }
        });
        Self(receiver)
    }

    /// The next bytes; none at the end.
    pub(super) fn next(&mut self) -> Result<Result<Option<Bytes>, RegistryError>, Ended> {
        self.0.blocking_recv().ok_or(Ended)
    }
}

/// The same as a reader. The errors hold a [`RegistryError`].
pub(super) struct ChunkReader {
    chunks: Chunks,
    rest: Bytes,
    ended: bool,
}

impl From<Chunks> for ChunkReader {
    fn from(chunks: Chunks) -> Self {
        Self { chunks, rest: Bytes::new(), ended: false }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !self.ended {
            match self.chunks.next() {
                Ok(Ok(Some(chunk))) => self.rest = chunk,
                Ok(Ok(None)) => self.ended = true,
                Ok(Err(error)) => return Err(io::Error::other(error)),
                Err(Ended) => return Err(io::Error::other("the program is ending")),
            }
        }
        let count = buffer.len().min(self.rest.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest.advance(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(runtime: &Handle, chunks: Vec<Result<Bytes, RegistryError>>) -> io::Result<Vec<u8>> {
        let stream: Download = Box::pin(futures::stream::iter(chunks));
        let mut all = Vec::new();
        ChunkReader::from(Chunks::new(runtime, stream)).read_to_end(&mut all).map(|_| all)
    }

    #[test]
    fn a_thread_reads_what_a_task_gets() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let chunk = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
        assert_eq!(read(runtime.handle(), vec![chunk("ab"), chunk(""), chunk("c")]).unwrap(), b"abc");
        let broken = RegistryError::BadHost { host: "x".into() };
        let error = read(runtime.handle(), vec![chunk("ab"), Err(broken)]).unwrap_err();
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<RegistryError>());
        assert!(matches!(inner, Some(RegistryError::BadHost { .. })), "{error}");
        assert_eq!(wait(runtime.handle(), async { 7 }), Some(7));
    }

    #[test]
    fn the_end_of_the_program_is_an_end() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let stream: Download = Box::pin(futures::stream::pending());
        let mut reader = ChunkReader::from(Chunks::new(&handle, stream));
        runtime.shutdown_background();
        assert!(reader.read(&mut [0; 8]).is_err());
        assert_eq!(wait(&handle, std::future::pending::<()>()), None);
    }
}
