//! The images of a repository: listing them, what refers to what, and taking them away.
//!
//! ECR writes down when an image was last pulled, and takes everybody who reads a manifest for a puller
//! (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-time-update-exclusions.html>). So nothing here reads a
//! manifest unasked: whoever looks daily for images that nobody pulls would keep them all fresh by looking.

pub mod deletion;
mod detail;
pub mod filter;
mod kind;
mod links;
pub mod plan;
mod platforms;
mod store;

pub use detail::{ImageDetail, ScanStatus};
pub use filter::{Filter, Order, SortKey};
pub use kind::ImageKind;
pub use links::{Image, Member, link, tree};
pub use platforms::{members, platforms};
pub use store::{ImageStatus, ImageStore, Referrer};
