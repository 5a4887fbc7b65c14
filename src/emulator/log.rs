//! What was asked and answered, for tests and for whoever wonders what a client does. Never a secret: no header,
//! no query and no body is kept.

use serde::Serialize;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Records that are kept; older ones make room.
const KEPT: usize = 100_000;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
    /// Counts requests from 1, in the order in which they arrived.
    pub sequence: u64,
    /// `UploadLayerPart`, `AssumeRoleWithWebIdentity`, `GET /v2/…/blobs/…`; faults choose requests by this.
    pub operation: String,
    /// The repository that it was about.
    pub repository: Option<String>,
    /// The HTTP status; none if the connection was cut instead of an answer.
    pub status: Option<u16>,
    /// The code of the error that was answered.
    pub error: Option<String>,
    /// The kind of fault that happened to it (`throttle`, `reset`, …).
    pub fault: Option<&'static str>,
    /// What it said about a layer part.
    pub part: Option<PartRecord>,
}

/// A layer part as the request named it, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartRecord {
    /// The upload that the request named.
    pub upload_id: String,
    /// The place of its first byte in the layer.
    pub first_byte: u64,
    /// The place of its last byte in the layer.
    pub last_byte: u64,
    /// Bytes that were stored: all of them or 0.
    pub bytes_stored: u64,
}

/// The log of a running emulator.
#[derive(Debug, Default)]
pub(super) struct Log {
    next: AtomicU64,
    records: Mutex<VecDeque<RequestRecord>>,
}

impl Log {
    /// The number of a request that has just arrived.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn push(&self, record: RequestRecord) {
        tracing::debug!(
            sequence = record.sequence,
            operation = record.operation,
            repository = record.repository,
            status = record.status,
            error = record.error,
            fault = record.fault,
            "request"
        );
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == KEPT {
            records.pop_front();
        }
        records.push_back(record);
    }

    /// All records, in the order in which the requests arrived.
    pub(super) fn all(&self) -> Vec<RequestRecord> {
        let mut records: Vec<RequestRecord> =
            self.records.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        records.sort_by_key(|record| record.sequence);
        records
    }
}
