//! Scans: what is known to be vulnerable in an image, what of it is ignored, and whether a gate lets it through.
//!
//! [`Scanner`] makes the calls and [`wait`](wait()) waits. All else is a function of values: [`Finding`] is one finding,
//! whether of basic or of enhanced scanning, [`IgnoreList`] says what does not count for a time, [`Gate`] judges, and
//! [`sarif`](sarif()) is what pages for findings read.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html> and its pages.

mod error;
mod finding;
mod gate;
mod ignore;
mod report;
mod sarif;
mod scanner;
mod severity;
#[cfg(test)]
mod testing;
mod wait;

pub use error::ScanError;
pub use finding::{Finding, Ignored, Package};
pub use gate::{Gate, GateError};
pub use ignore::{Entry, IgnoreList, Remark};
pub use report::{Counts, ImageScan, Phase, Report, ScanType, counts, in_words};
pub use sarif::sarif;
pub use scanner::{Scanner, Started, Target, Targets};
pub use severity::Severity;
pub use wait::{Begin, Pace, wait};
