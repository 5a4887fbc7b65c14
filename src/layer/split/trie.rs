//! Dealing things out by hash: what is too heavy for one bucket is cut in two by the next bit of the key.
//!
//! What a bucket holds depends on what is in it and on nothing else, so a change in one bucket moves no other
//! one's boundary.

use super::survey::name;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;

/// Something that stays whole, and the key that decides its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item<M> {
    pub(super) key: u128,
    pub(super) member: M,
    pub(super) weight: u64,
}

/// Hands each bucket of `items` that weighs at most `limit` to `take`, in the order of the keys, with the bits
/// that led to it. A bucket is heavier only if it is one item, or items with one key.
pub(super) fn deal<M: Ord + Copy>(
    items: &mut [Item<M>],
    limit: u64,
    take: &mut impl FnMut(String, &[Item<M>], u64),
) {
    items.sort_unstable();
    halve(items, limit, &mut String::new(), take);
}

fn halve<M>(
    items: &[Item<M>],
    limit: u64,
    bits: &mut String,
    take: &mut impl FnMut(String, &[Item<M>], u64),
) {
    let (Some(first), Some(last)) = (items.first(), items.last()) else { return };
    let weight = items.iter().map(|item| item.weight).fold(0, u64::saturating_add);
    let differing = first.key ^ last.key;
    if weight <= limit || differing == 0 {
        take(bits.clone(), items, weight);
        return;
    }
    // Bits that are the same in all of them cut nothing, so they are passed over, and names stay short.
    let bit = 1 << (u128::BITS - 1 - differing.leading_zeros());
    let (zeros, ones) = items.split_at(items.partition_point(|item| item.key & bit == 0));
    for (digit, half) in [('0', zeros), ('1', ones)] {
        bits.push(digit);
        halve(half, limit, bits, take);
        bits.pop();
    }
}

/// The key of a path. Its first half is the same for all versions of one package, so an upgrade that renames
/// `left-1.2.jar` into `left-1.3.jar` stays in one bucket; the second tells apart what that leaves equal.
pub(super) fn key(path: &[u8]) -> u128 {
    let common = versionless(path);
    let first = u128::from(hash(&common)) << 64;
    if common == path { first } else { first | u128::from(hash(path)) }
}

/// The first 8 bytes of the SHA-256. It must be the same on every machine for ever: another one would send all
/// layers of all images once more.
fn hash(bytes: &[u8]) -> u64 {
    Sha256::digest(bytes).iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// The path without what tells one version of a package from another: digits and dots; and in the last component
/// what tells the package from what its package manager keeps beside it (`Foo-1.2.dist-info` and `foo`).
fn versionless(path: &[u8]) -> Cow<'_, [u8]> {
    let last = path.len() - name(path).len();
    let mut end = path.len();
    for suffix in [&b".dist-info"[..], b".egg-info", b".libs", b".py"] {
        if path[last..].ends_with(suffix) {
            end -= suffix.len();
        }
    }
    let mut common = Vec::with_capacity(end);
    for (position, byte) in path[..end].iter().enumerate() {
        match byte {
            b'0'..=b'9' | b'.' => {}
            b'-' if position >= last => common.push(b'_'),
            _ if position >= last => common.push(byte.to_ascii_lowercase()),
            _ => common.push(*byte),
        }
    }
    while common.ends_with(b"_") {
        common.pop();
    }
    if common == path { Cow::Borrowed(path) } else { Cow::Owned(common) }
}
