//! Repositories of ECR: what one is to be like, what it is like, what that leaves to be done, and doing it.
//!
//! [`Wanted`] is the one description of a repository's settings, [`plan`] the one comparison, and [`Place`] speaks to ECR
//! or to ECR Public. Making a repository for a push ([`ensure`]) is a plan for one that is not there.

mod apply;
mod document;
mod ensure;
mod place;
mod plan;
mod private;
mod public;
mod settings;
mod shown;

pub use apply::{Applied, State, Step, apply};
pub use document::{Document, MAX_POLICY, NotADocument, PolicyKind};
pub use ensure::{Ensured, ensure};
pub use place::{Contents, Place};
pub use plan::{Change, New, Plan, Unchangeable, plan};
pub use private::list;
pub use public::list as list_public;
pub use settings::{
    Catalog, Current, Described, DescribedSettings, Encryption, Mutability, Part, Presence, Wanted,
    WantedCatalog,
};
pub use shown::{catalog_json, mutability};
