//! One run of a source for several takers: what goes to several registries is made once.
//!
//! The bytes are made at the pace of the slowest, with a few chunks on their way to each, so memory is bounded. The
//! thread of one of the takers makes them. Who needs them again, because an upload broke, has them made for itself alone.

use super::source::WAITING;
use super::{Cancelled, Made, Sink, Source, SourceError};
use crate::base::{BlobDigest, Failure};
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// As many sources as there are `takers`. `source` makes the bytes of all of them once, when each was asked for its bytes
/// or dropped.
pub fn share(source: &Arc<dyn Source>, takers: usize) -> Vec<Arc<dyn Source>> {
    if takers < 2 {
        return vec![Arc::clone(source); takers];
    }
    let run = Arc::new(Run {
        source: Arc::clone(source),
        state: Mutex::new(State { awaited: takers, ways: Vec::new(), is_made: false }),
        changed: Condvar::new(),
        result: OnceLock::new(),
    });
    let taker = |number| -> Arc<dyn Source> {
        Arc::new(Taker { run: Arc::clone(&run), number, came: AtomicBool::new(false) })
    };
    (0..takers).map(taker).collect()
}

struct Run {
    source: Arc<dyn Source>,
    state: Mutex<State>,
    changed: Condvar,
    /// What the run came to, set before the ways to the takers close; none if there was nobody left.
    result: OnceLock<Result<Made, Arc<dyn Failure>>>,
}

struct State {
    /// Takers of whom nothing was heard yet.
    awaited: usize,
    /// The way to each that came, by its number.
    ways: Vec<(usize, SyncSender<Bytes>)>,
    /// Whether one of them makes the bytes.
    is_made: bool,
}

struct Taker {
    run: Arc<Run>,
    number: usize,
    /// Whether it has been asked for its bytes.
    came: AtomicBool,
}

impl Run {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everybody has come or gone; the first to see that gets the ways to the others, and makes the bytes.
    fn join(&self, number: usize) -> Result<Receiver<Bytes>, Vec<SyncSender<Bytes>>> {
        let (sender, receiver) = sync_channel(WAITING);
        let mut state = self.lock();
        state.ways.push((number, sender));
        state.awaited -= 1;
        self.changed.notify_all();
        while state.awaited > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_made {
            return Ok(receiver);
        }
        state.is_made = true;
        let ways = std::mem::take(&mut state.ways);
        Err(ways.into_iter().filter(|(its, _)| *its != number).map(|(_, way)| way).collect())
    }

    /// Makes the bytes for this sink and all others.
    fn make(&self, mut others: Vec<SyncSender<Bytes>>, sink: Sink<'_>) -> Result<Made, SourceError> {
        let mut own = true;
        let made = self.source.write_to(&mut |bytes| {
            // A way whose end is gone belongs to an upload that failed.
            others.retain(|other| other.send(bytes.clone()).is_ok());
            own = own && sink(bytes).is_ok();
            if own || !others.is_empty() { Ok(()) } else { Err(Cancelled) }
        });
        match &made {
            Ok(made) => drop(self.result.set(Ok(*made))),
            Err(SourceError::Failed(error)) => drop(self.result.set(Err(Arc::clone(error)))),
            Err(SourceError::Cancelled) => {}
        }
        drop(others);
        if own { made } else { Err(SourceError::Cancelled) }
    }

    /// Passes on what another thread makes.
    fn follow(&self, receiver: &Receiver<Bytes>, sink: Sink<'_>) -> Result<Made, SourceError> {
        while let Ok(bytes) = receiver.recv() {
            sink(bytes).map_err(|Cancelled| SourceError::Cancelled)?;
        }
        match self.result.get() {
            Some(Ok(made)) => Ok(*made),
            Some(Err(error)) => Err(SourceError::Failed(Arc::clone(error))),
            None => Err(SourceError::Cancelled),
        }
    }
}

impl Source for Taker {
    fn name(&self) -> &str {
        self.run.source.name()
    }

    fn digest(&self) -> Option<BlobDigest> {
        self.run.source.digest()
    }

    fn write_to(&self, sink: Sink<'_>) -> Result<Made, SourceError> {
        if self.came.swap(true, Ordering::AcqRel) {
            return self.run.source.write_to(sink);
        }
        match self.run.join(self.number) {
            Ok(receiver) => self.run.follow(&receiver, sink),
            Err(others) => self.run.make(others, sink),
        }
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        if !*self.came.get_mut() {
            self.run.lock().awaited -= 1;
            self.run.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// A hundred chunks; counts how often they were made.
    #[derive(Default)]
    struct Counted {
        made: AtomicUsize,
        fails: bool,
    }

    impl Source for Counted {
        fn name(&self) -> &'static str {
            "counted"
        }

        fn digest(&self) -> Option<BlobDigest> {
            None
        }

        fn write_to(&self, sink: Sink<'_>) -> Result<Made, SourceError> {
            self.made.fetch_add(1, Ordering::Relaxed);
            for number in 0..100_u8 {
                sink(vec![number; 10].into()).map_err(|Cancelled| SourceError::Cancelled)?;
            }
            if self.fails {
                return Err(SourceError::Failed(Arc::new(Broken)));
            }
            Ok(Made { digest: BlobDigest::of(b"x"), size: 1000, diff_id: None })
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("broken")]
    struct Broken;

    impl Failure for Broken {
        fn kind(&self) -> crate::base::Kind {
            crate::base::Kind::Input
        }
    }

    /// What each taker gets; those in `early` stop after ten chunks.
    fn run(source: &Arc<Counted>, takers: usize, early: &[usize]) -> Vec<(usize, bool)> {
        let shared: Arc<dyn Source> = Arc::<Counted>::clone(source);
        let shared = share(&shared, takers);
        std::thread::scope(|scope| {
            let threads: Vec<_> = shared
                .into_iter()
                .enumerate()
                .map(|(number, taker)| {
                    scope.spawn(move || {
                        let mut bytes = 0;
                        let made = taker.write_to(&mut |chunk| {
                            if early.contains(&number) && bytes == 100 {
                                return Err(Cancelled);
                            }
                            bytes += chunk.len();
                            Ok(())
                        });
                        (bytes, made.is_ok())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn made_once_for_all() {
        for takers in 1..6 {
            let source = Arc::new(Counted::default());
            assert_eq!(run(&source, takers, &[]), vec![(1000, true); takers]);
            assert_eq!(source.made.load(Ordering::Relaxed), 1);
        }
    }

    #[test]
    fn one_that_fails_does_not_hold_up_the_others() {
        for early in 0..3 {
            let source = Arc::new(Counted::default());
            let got = run(&source, 3, &[early]);
            for (number, got) in got.into_iter().enumerate() {
                assert_eq!(got, if number == early { (100, false) } else { (1000, true) });
            }
        }
        let source = Arc::new(Counted::default());
        assert_eq!(run(&source, 3, &[0, 1, 2]), [(100, false); 3]);
    }

    #[test]
    fn a_failure_is_everybodys() {
        let source = Arc::new(Counted { fails: true, ..Counted::default() });
        assert_eq!(run(&source, 3, &[]), [(1000, false); 3]);
    }

    #[test]
    fn who_never_comes_is_not_waited_for_and_a_second_time_is_ones_own() {
        let source = Arc::new(Counted::default());
        let shared: Arc<dyn Source> = Arc::<Counted>::clone(&source);
        let mut takers = share(&shared, 3);
        let (two, one) = (takers.pop().unwrap(), takers.pop().unwrap());
        drop(takers);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| one.write_to(&mut |_| Ok(())).is_ok());
            // Whether the other waits already or not does not matter.
            drop(two);
            assert!(waiting.join().unwrap());
        });
        assert!(one.write_to(&mut |_| Ok(())).is_ok());
        assert_eq!(source.made.load(Ordering::Relaxed), 2);
    }
}
