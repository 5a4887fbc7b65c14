//! Who we are for AWS: the CI's OIDC token, its exchange at STS, the SDK's own chain, and credentials that renew
//! themselves; and for other registries: what `docker login` has stored. Also the other way round: what Docker and its
//! kind need to get at ECR.
//!
//! Credentials are asked for as late as possible, live in memory only, and are asked for again when they run
//! out, between two parts of a layer too. Nothing here prints.

pub mod claims;
pub mod credentials;
pub mod denied;
pub mod docker;
pub mod ecr_hosts;
pub mod ecr_password;
pub mod error;
pub mod keys;
pub mod program;
pub mod session;
pub mod sts;
pub mod token;

pub use claims::Claims;
pub use credentials::Renewing;
pub use denied::Refusal;
pub use docker::Login;
pub use ecr_hosts::{EcrHosts, EcrRegistry};
pub use ecr_password::{ECR_USER, EcrPassword, IssuedPassword};
pub use error::AuthError;
pub use keys::StaticKeys;
pub use session::{Caller, ECR_PUBLIC_REGION, Session, SessionSettings};
pub use sts::{RoleSettings, WebIdentity};
pub use token::{TokenFacts, TokenSource};
