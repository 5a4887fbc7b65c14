//! How much there may be of everything, and how often each operation may be called.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html> and
//! <https://docs.aws.amazon.com/AmazonECR/latest/public/public-service-quotas.html>.

use super::quirk::{ControlPlaneRate, Quirks, TokenRate};
use super::store::{Limits, RegistryId};
use crate::base::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

const MEBIBYTE: u64 = 1024 * 1024;
/// Bytes that every part but the last has at least.
const MIN_PART: u64 = 5 * MEBIBYTE;
/// Of ECR Public, which are smaller.
const PUBLIC_PARTS: u64 = 1_000;
const PUBLIC_REPOSITORIES: usize = 10_000;
const PUBLIC_LAYER: u64 = 10_000 * MEBIBYTE;

/// ECR's quotas; what AWS raises on request can be raised here, and what a test wants to reach can be lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Parts of one layer.
    pub layer_parts: u64,
    /// Bytes of one layer.
    pub layer_bytes: u64,
    /// Bytes of one manifest.
    pub manifest_bytes: usize,
    /// Tags on one image.
    pub tags_per_image: usize,
    /// Images in one repository.
    pub images_per_repository: usize,
    /// Repositories in one registry.
    pub repositories: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            layer_parts: 4_200,
            layer_bytes: 52_000 * MEBIBYTE,
            manifest_bytes: 4_194_304,
            tags_per_image: 1_000,
            images_per_repository: 100_000,
            repositories: 100_000,
        }
    }
}

impl Quotas {
    /// How many repositories a registry may have.
    pub(super) fn repositories(&self, registry: &RegistryId) -> usize {
        if registry.is_public() { self.repositories.min(PUBLIC_REPOSITORIES) } else { self.repositories }
    }

    /// What holds for the layers of a registry whose answers name parts of `part_size`. A server that answers with
    /// parts under 5 MiB, as tests want it, has to take them.
    pub(super) fn layers(&self, registry: &RegistryId, part_size: u64) -> Limits {
        let mut limits =
            Limits { min_part: MIN_PART.min(part_size), parts: self.layer_parts, layer: self.layer_bytes };
        if registry.is_public() {
            limits.parts = limits.parts.min(PUBLIC_PARTS);
            limits.layer = limits.layer.min(PUBLIC_LAYER);
        }
        limits
    }
}

/// How often an operation may be called: `burst` at once, `per_second` in the long run.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    burst: f64,
    per_second: f64,
}

impl Rate {
    fn even(per_second: u32) -> Self {
        Self { burst: per_second.into(), per_second: per_second.into() }
    }
}

/// Who is counted together: an account in a region, or everybody who pulls without logging in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Payer {
    Registry { account: String, region: String },
    Anonymous,
}

impl Payer {
    fn is_public(&self) -> bool {
        match self {
            Self::Registry { region, .. } => region == RegistryId::PUBLIC,
            Self::Anonymous => true,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Timestamp,
}

/// One bucket of tokens for each operation of each payer.
#[derive(Debug)]
pub(super) struct Rates {
    token: Rate,
    control_plane: u32,
    buckets: Mutex<HashMap<(Payer, String), Bucket>>,
}

impl Rates {
    pub(super) fn new(quirks: &Quirks) -> Self {
        Self {
            token: match quirks.token_rate {
                TokenRate::Quota => Rate::even(500),
                TokenRate::Bucket => Rate { burst: 200.0, per_second: 20.0 },
            },
            control_plane: match quirks.control_plane_rate {
                ControlPlaneRate::Twenty => 20,
                ControlPlaneRate::Five => 5,
            },
            buckets: Mutex::default(),
        }
    }

    fn of(&self, payer: &Payer, operation: &str) -> Rate {
        if payer.is_public() {
            return Rate::even(match (payer, operation) {
                (Payer::Anonymous, _) => 1,
                (_, "UploadLayerPart") => 260,
                (_, "BatchCheckLayerAvailability" | "GetAuthorizationToken") => 200,
                // Those two are pulls on `/v2/`; ECR Public's API has neither.
                (
                    _,
                    "InitiateLayerUpload"
                    | "CompleteLayerUpload"
                    | "PutImage"
                    | "BatchGetImage"
                    | "GetDownloadUrlForLayer",
                ) => 10,
                _ => self.control_plane,
            });
        }
        Rate::even(match operation {
            "GetAuthorizationToken" => return self.token,
            "BatchCheckLayerAvailability" => 1_000,
            "InitiateLayerUpload" | "CompleteLayerUpload" => 100,
            "UploadLayerPart" => 500,
            "PutImage" => 10,
            "BatchGetImage" => 2_000,
            "GetDownloadUrlForLayer" => 3_000,
            _ => self.control_plane,
        })
    }

    /// Takes a token for a call of `operation`; whether there was one.
    pub(super) fn admit(&self, payer: Payer, operation: &str, now: Timestamp) -> bool {
        let rate = self.of(&payer, operation);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry((payer, operation.to_owned()))
            .or_insert(Bucket { tokens: rate.burst, filled: now });
        // A clock that was set back fills nothing.
        let passed = now.duration_since(bucket.filled).as_secs_f64().max(0.0);
        bucket.tokens = (bucket.tokens + passed * rate.per_second).min(rate.burst);
        bucket.filled = now;
        let there = bucket.tokens >= 1.0;
        if there {
            bucket.tokens -= 1.0;
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payer(region: &str) -> Payer {
        Payer::Registry { account: "123456789012".into(), region: region.into() }
    }

    fn admitted(rates: &Rates, payer: &Payer, operation: &str, calls: usize, now: Timestamp) -> usize {
        (0..calls).filter(|_| rates.admit(payer.clone(), operation, now)).count()
    }

    #[test]
    fn buckets_are_emptied_and_fill_again() {
        let rates = Rates::new(&Quirks::default());
        let start: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let here = payer("us-east-1");
        assert_eq!(admitted(&rates, &here, "PutImage", 100, start), 10);
        assert_eq!(admitted(&rates, &here, "UploadLayerPart", 600, start), 500, "each has its own");
        assert_eq!(admitted(&rates, &payer("eu-west-1"), "PutImage", 100, start), 10, "as has each region");
        let later = start + jiff::SignedDuration::from_millis(500);
        assert_eq!(admitted(&rates, &here, "PutImage", 100, later), 5);
        let much_later = start + jiff::SignedDuration::from_hours(1);
        assert_eq!(admitted(&rates, &here, "PutImage", 100, much_later), 10, "no more than fits");
        assert_eq!(admitted(&rates, &here, "PutImage", 100, start), 0, "a clock set back fills nothing");
        assert_eq!(admitted(&rates, &Payer::Anonymous, "BatchGetImage", 100, start), 1);
        assert_eq!(admitted(&rates, &payer(RegistryId::PUBLIC), "UploadLayerPart", 500, start), 260);
    }

    #[test]
    fn the_rate_of_tokens_has_two_readings() {
        let rates = Rates::new(&Quirks::from_iter(["token-rate=20".parse().unwrap()]));
        let start: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let here = payer("us-east-1");
        assert_eq!(admitted(&rates, &here, "GetAuthorizationToken", 300, start), 200);
        let later = start + jiff::SignedDuration::from_secs(1);
        assert_eq!(admitted(&rates, &here, "GetAuthorizationToken", 300, later), 20);
    }

    #[test]
    fn public_layers_are_smaller() {
        let region = |region: &str| RegistryId { account: "1".into(), region: region.into() };
        let quotas = Quotas::default();
        let private = quotas.layers(&region("us-east-1"), 10 * MEBIBYTE);
        let public = quotas.layers(&region(RegistryId::PUBLIC), 1000);
        assert_eq!((private.parts, private.min_part), (4_200, 5 * MEBIBYTE));
        assert_eq!((public.parts, public.min_part), (1_000, 1000));
    }
}
