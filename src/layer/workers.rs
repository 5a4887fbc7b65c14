//! The threads that make layers, all layers of a run together.
//!
//! A worker takes the next mebibyte of some layer through all of its stages: it reads the files, frames them as tar,
//! hashes that, compresses it, and hands it over. So a block is worked on by one thread while it is in that core's
//! cache, and nothing is passed between threads but results. What has to happen in order is guarded by taking it:
//! whoever holds a layer's [`Reading`] reads its next block, and gives it back before it compresses, so that the
//! next worker can go on; [`Delivery`] puts the results in order.
//!
//! Which layer is next: of those that are made, the one that was asked for first, so that it is complete, and on its
//! way, while the next one is made; of those that are only hashed, the one with the most left to read, so that all end
//! at about the same time. A layer whose taker is behind waits while others are worked on. Memory is a block and a compressed block for each worker, and
//! [`MOST_AHEAD`] results more than there are workers for each layer; it does not depend on the input.

use super::delivery::{Delivery, Finished, Message};
use super::encoding::{BLOCK_SIZE, Compressor, Encoding};
use super::seal::{Failed, Hashing, Sealing};
use super::tar::{self, Stream};
use crate::base::Hasher;
use crate::tree::Tree;
use bytes::Bytes;
use crossbeam_channel::unbounded;
use std::cmp::Reverse;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Results of one layer that may wait for their taker, besides one for each worker.
const MOST_AHEAD: usize = 4;

/// Told, from another thread, how many more bytes of a tar have been read.
pub type OnRead = Arc<dyn Fn(u64) + Send + Sync>;

/// A set of threads that make layers. Their number has no say in a layer's bytes.
#[derive(Debug)]
pub struct Workers {
    pub(super) shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` threads; 0 is taken as 1. Fails if the machine has none left.
    pub fn new(count: usize) -> io::Result<Self> {
        let count = count.max(1);
        let state = State { jobs: Vec::new(), next_id: 0, closing: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), news: Condvar::new(), count });
        let mut workers = Self { shared: Arc::clone(&shared), threads: Vec::with_capacity(count) };
        for _ in 0..count {
            let shared = Arc::clone(&shared);
            let started = thread::Builder::new().name("layer".into()).spawn(move || work(&shared));
            match started {
                Ok(thread) => workers.threads.push(thread),
                // With at least one, all gets done.
                Err(_) if !workers.threads.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(workers)
    }

    /// Starts making the layer of `tree`. Dropping the result stops it.
    pub fn seal(&self, tree: &Arc<Tree>, encoding: Encoding, progress: OnRead) -> Sealing {
        Sealing(self.start(tree, Some(encoding), progress))
    }

    /// Starts hashing the tar of `tree`, without compressing it. Dropping the result stops it.
    pub fn diff_id(&self, tree: &Arc<Tree>, progress: OnRead) -> Hashing {
        Hashing(self.start(tree, None, progress))
    }

    fn start(&self, tree: &Arc<Tree>, encoding: Option<Encoding>, progress: OnRead) -> Running {
        let (sender, messages) = unbounded();
        let job = |id| Job {
            id,
            encoding,
            progress,
            left: tar::size_about(tree),
            reading: Some(Box::new(Reading {
                stream: Stream::new(Arc::clone(tree)),
                hasher: Hasher::new(),
                size: 0,
            })),
            next: 0,
            out: 0,
            delivery: Arc::new(Delivery::new(encoding, sender)),
        };
        Running { id: self.shared.add(job), shared: Arc::clone(&self.shared), messages }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.news.notify_all();
        for thread in self.threads.drain(..) {
            // A panic of a job was caught and told to its taker.
            thread.join().ok();
        }
    }
}

/// A layer that is being made, as its taker sees it.
#[derive(Debug)]
pub(super) struct Running {
    shared: Arc<Shared>,
    id: u64,
    messages: crossbeam_channel::Receiver<Message>,
}

impl Running {
    /// What comes next.
    pub(super) fn next(&self) -> Message {
        // The sending half lives as long as the job, which tells how it ended before it goes.
        self.messages.recv().unwrap_or_else(|_| Message::Failed(ended_early()))
    }

    /// The result that came last is out of memory now, so there is room for another one.
    pub(super) fn taken(&self) {
        self.shared.with_job(self.id, |job| job.out -= 1);
        self.shared.news.notify_one();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.remove(self.id);
    }
}

fn ended_early() -> Failed {
    Failed::Machine(io::Error::other("a thread that makes layers ended early"))
}

/// What all threads see.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// There may be something to do for one more thread.
    news: Condvar,
    count: usize,
}

#[derive(Debug)]
struct State {
    jobs: Vec<Job>,
    next_id: u64,
    closing: bool,
}

/// A layer that is being made, as the workers see it.
struct Job {
    id: u64,
    /// None if it is only hashed.
    encoding: Option<Encoding>,
    progress: OnRead,
    /// Bytes that are still to be read, about.
    left: u64,
    /// None while a worker has it, and once all is read.
    reading: Option<Box<Reading>>,
    /// Number of the next block.
    next: usize,
    /// Blocks that are being compressed or wait for their taker.
    out: usize,
    delivery: Arc<Delivery>,
}

impl Job {
    /// The job with the highest one is next.
    fn urgency(&self) -> (u64, Reverse<u64>) {
        (if self.encoding.is_some() { 0 } else { self.left }, Reverse(self.id))
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("id", &self.id).field("left", &self.left).finish_non_exhaustive()
    }
}

/// The front of a layer: what must happen in the order of the tar.
#[derive(Debug)]
struct Reading {
    stream: Stream,
    hasher: Hasher,
    size: u64,
}

/// One block of one layer, to be made by the worker that has this.
struct Turn {
    id: u64,
    number: usize,
    reading: Box<Reading>,
    encoding: Option<Encoding>,
    progress: OnRead,
    delivery: Arc<Delivery>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, job: impl FnOnce(u64) -> Job) -> u64 {
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.jobs.push(job(id));
        drop(state);
        self.news.notify_one();
        id
    }

    fn remove(&self, id: u64) {
        let mut state = self.lock();
        let position = state.jobs.iter().position(|job| job.id == id);
        let job = position.map(|position| state.jobs.swap_remove(position));
        // Its file is closed without the lock.
        drop(state);
        drop(job);
    }

    /// Nothing happens if the job has been removed.
    fn with_job(&self, id: u64, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.lock().jobs.iter_mut().find(|job| job.id == id) {
            change(job);
        }
    }

    /// Waits for something to do; none once the workers are dropped.
    fn turn(&self) -> Option<Turn> {
        let mut state = self.lock();
        loop {
            if state.closing {
                return None;
            }
            let most = self.count + MOST_AHEAD;
            let ready = state.jobs.iter_mut().filter(|job| job.reading.is_some() && job.out < most);
            if let Some(job) = ready.max_by_key(|job| job.urgency())
                && let Some(reading) = job.reading.take()
            {
                let number = job.next;
                job.next += 1;
                job.out += usize::from(job.encoding.is_some());
                return Some(Turn {
                    id: job.id,
                    number,
                    reading,
                    encoding: job.encoding,
                    progress: Arc::clone(&job.progress),
                    delivery: Arc::clone(&job.delivery),
                });
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets the next worker read on.
    fn give_back(&self, id: u64, reading: Box<Reading>, bytes: u64) {
        self.with_job(id, |job| {
            job.left = job.left.saturating_sub(bytes);
            job.reading = Some(reading);
        });
        self.news.notify_one();
    }
}

/// What a worker keeps from turn to turn.
struct Tools {
    block: Box<[u8]>,
    compressed: Vec<u8>,
    compressor: Option<(Encoding, Compressor)>,
}

fn work(shared: &Shared) {
    let mut tools = Tools { block: vec![0; BLOCK_SIZE].into(), compressed: Vec::new(), compressor: None };
    while let Some(turn) = shared.turn() {
        let (id, delivery) = (turn.id, Arc::clone(&turn.delivery));
        let done = catch_unwind(AssertUnwindSafe(|| tools.make(turn, shared)));
        if let Err(failed) = done.unwrap_or_else(|_| Err(ended_early())) {
            shared.remove(id);
            delivery.fail(failed);
        }
    }
}

impl Tools {
    fn make(&mut self, turn: Turn, shared: &Shared) -> Result<(), Failed> {
        let Turn { id, number, mut reading, encoding, progress, delivery } = turn;
        let count = reading.stream.fill(&mut self.block).map_err(Failed::File)?;
        let block = &self.block[..count];
        reading.hasher.update(block);
        reading.size += count as u64;
        progress(count as u64);
        if count < BLOCK_SIZE {
            // No empty block at the end: that would be a gzip member of nothing.
            let blocks = if encoding.is_some() { number + usize::from(count > 0) } else { 0 };
            delivery.finish(Finished { blocks, tar: reading.hasher, uncompressed: reading.size });
        } else {
            shared.give_back(id, reading, count as u64);
        }
        if let Some(encoding) = encoding
            && count > 0
        {
            delivery.put(number, compress(encoding, block, &mut self.compressor, &mut self.compressed)?);
        }
        Ok(())
    }
}

fn compress(
    encoding: Encoding,
    block: &[u8],
    compressor: &mut Option<(Encoding, Compressor)>,
    room: &mut Vec<u8>,
) -> Result<Bytes, Failed> {
    if !matches!(compressor, Some((known, _)) if *known == encoding) {
        *compressor =
            encoding.compressor().map_err(Failed::Machine)?.map(|compressor| (encoding, compressor));
        room.resize(encoding.bound(), 0);
    }
    let Some((_, compressor)) = compressor else { return Ok(Bytes::copy_from_slice(block)) };
    let count = compressor.compress(block, room).map_err(Failed::Machine)?;
    Ok(Bytes::copy_from_slice(&room[..count]))
}
