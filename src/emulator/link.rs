//! The connections that the emulator serves, under the control of its faults: a handler can cut the one that it
//! answers on, or make it slow.
//!
//! HTTP libraries give a handler no way to close its socket; the socket itself is the place for it. A cut link
//! fails at the next read or write, hyper gives the connection up, and the client sees a reset.

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep_until};

/// How far a line that stood idle may catch up, which evens out that timers are late: as in any shaper, a bucket of
/// so much time.
const BURST: Duration = Duration::from_millis(50);

/// What a handler can do to its connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Control(Arc<Switches>, Arc<Line>, Option<SocketAddr>);

/// The line that all connections of an emulator share when they are limited.
#[derive(Debug, Default)]
struct Line {
    /// Until when the bytes that were let through occupy it.
    reading: Mutex<Option<Instant>>,
    writing: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Switches {
    cut: AtomicBool,
    /// Bytes per second in each direction; 0 is no limit.
    rate: AtomicU64,
}

impl Control {
    /// Who is at the other end.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.2
    }

    /// Lets no further byte through in either direction; the client sees its connection reset.
    pub(super) fn cut(&self) {
        self.0.cut.store(true, Ordering::Release);
    }

    /// Lets no more than `rate` bytes per second through in each direction, together with all other connections that
    /// are limited; or lifts the limit.
    pub(super) fn set_rate(&self, rate: Option<u64>) {
        self.0.rate.store(rate.unwrap_or(0), Ordering::Release);
    }

    fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::Acquire)
    }

    fn is_limited(&self) -> bool {
        self.0.rate.load(Ordering::Acquire) != 0
    }

    /// How many of `wanted` bytes may pass at once: a twentieth of a second's worth.
    fn allowed(&self, wanted: usize) -> usize {
        match self.0.rate.load(Ordering::Acquire) {
            0 => wanted,
            rate => wanted.min(usize::try_from(rate.div_ceil(20)).unwrap_or(usize::MAX)),
        }
    }

    /// Puts `passed` bytes on the line, and says until when they occupy it.
    fn occupy(&self, line: &Mutex<Option<Instant>>, passed: usize) -> Option<Instant> {
        let rate = self.0.rate.load(Ordering::Acquire);
        if rate == 0 {
            return None;
        }
        let nanos = u128::from(passed as u64) * 1_000_000_000 / u128::from(rate);
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let now = Instant::now();
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let mut until = line.lock().unwrap_or_else(PoisonError::into_inner);
        // The first bytes of all have nothing to catch up with.
        let free = until.map_or(now, |until| until.max(earliest)) + takes;
        *until = Some(free);
        Some(free)
    }
}

impl Connected<IncomingStream<'_, Links>> for Control {
    fn connect_info(stream: IncomingStream<'_, Links>) -> Self {
        let Self(switches, line, _) = &stream.io().control;
        Self(Arc::clone(switches), Arc::clone(line), Some(*stream.remote_addr()))
    }
}

/// Accepts connections as [`Link`]s.
#[derive(Debug)]
pub(super) struct Links {
    listener: TcpListener,
    line: Arc<Line>,
}

impl Links {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, line: Arc::default() }
    }
}

impl Listener for Links {
    type Io = Link;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Link, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Answers are small and awaited: they go out at once. Where that can't be set, they are only slower.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("{address}: {error}");
        }
        (Link::new(stream, Arc::clone(&self.line)), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    control: Control,
    reading: Brake,
    writing: Brake,
}

/// Holds one direction back until a moment.
#[derive(Debug, Default)]
struct Brake(Option<Pin<Box<Sleep>>>);

impl Brake {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.0 {
            ready!(pause.as_mut().poll(context));
            self.0 = None;
        }
        Poll::Ready(())
    }

    fn set(&mut self, until: Option<Instant>) {
        self.0 = until.map(|until| Box::pin(sleep_until(until)));
    }
}

impl Link {
    fn new(stream: TcpStream, line: Arc<Line>) -> Self {
        let control = Control(Arc::default(), line, None);
        Self { stream, control, reading: Brake::default(), writing: Brake::default() }
    }

    /// Fails once the link is cut. Without lingering, the kernel then sends a reset instead of a polite end.
    fn check(&self) -> io::Result<()> {
        if self.control.is_cut() {
            self.stream.set_zero_linger()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let link = &mut *self;
        link.check()?;
        ready!(link.reading.poll(context));
        if !link.control.is_limited() {
            return Pin::new(&mut link.stream).poll_read(context, buffer);
        }
        let allowed = link.control.allowed(buffer.remaining());
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(allowed));
        ready!(Pin::new(&mut link.stream).poll_read(context, &mut part))?;
        let passed = part.filled().len();
        buffer.advance(passed);
        link.reading.set(link.control.occupy(&link.control.1.reading, passed));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let link = &mut *self;
        link.check()?;
        ready!(link.writing.poll(context));
        let allowed = link.control.allowed(bytes.len());
        let passed = ready!(Pin::new(&mut link.stream).poll_write(context, &bytes[..allowed]))?;
        link.writing.set(link.control.occupy(&link.control.1.writing, passed));
        Poll::Ready(Ok(passed))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.control.is_cut() || self.control.is_limited() {
            let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| &slice[..]);
            return self.poll_write(context, first);
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
