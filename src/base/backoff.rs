//! How long to wait before trying again.

use std::time::Duration;

/// Exponential back-off with full jitter
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// How often something is tried in all, at least once.
    pub attempts: u32,
    /// Before jitter, the first wait.
    pub initial: Duration,
    /// Before jitter, the longest wait.
    pub max: Duration,
}

impl Default for Backoff {
    /// Twelve attempts over half a minute at most: long enough for a throttled account to recover, short enough
    /// for a job that will fail anyway.
    fn default() -> Self {
        Self { attempts: 12, initial: Duration::from_millis(100), max: Duration::from_secs(5) }
    }
}

impl Backoff {
    /// The wait after the failed attempt `number` (from 1), or none if it was the last one.
    pub fn delay(&self, number: u32) -> Option<Duration> {
        if number >= self.attempts {
            return None;
        }
        let doubled = self.initial.saturating_mul(2_u32.saturating_pow(number.saturating_sub(1)));
        Some(doubled.min(self.max).mul_f64(fastrand::f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_limit_and_ends() {
        let backoff =
            Backoff { attempts: 5, initial: Duration::from_millis(100), max: Duration::from_millis(300) };
        for (number, most) in [(1, 100), (2, 200), (3, 300), (4, 300)] {
            assert!(backoff.delay(number).unwrap() <= Duration::from_millis(most));
        }
        assert_eq!(backoff.delay(5), None);
    }
}
