//! What a push sets off: a scan, and copies in other registries.

use super::super::app::App;
use super::super::store::Repository;
use super::{replication, scanning};
use crate::base::ManifestDigest;
use std::sync::Arc;

/// Called when an image is there, in memory, and before the call that pushed it commits the repository. `tag` is
/// the one that it was pushed with.
pub(in crate::emulator) fn pushed(
    app: &Arc<App>,
    repository: &Arc<Repository>,
    digest: &ManifestDigest,
    tag: Option<&str>,
) {
    scanning::on_push(app, repository, digest);
    replication::on_push(app, repository, digest, tag);
}
