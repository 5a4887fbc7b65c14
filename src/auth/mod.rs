//! Who we are for AWS: the CI's OIDC token, its exchange at STS, the SDK's own chain, and credentials that renew
//! themselves; and for other registries: what `docker login` has stored.
//!
//! Credentials are asked for as late as possible, live in memory only, and are asked for again when they run
//! out, between two parts of a layer too. Nothing here prints.

pub mod claims;
pub mod credentials;
pub mod docker;
pub mod ecr_password;
pub mod error;
pub mod keys;
pub mod session;
pub mod sts;
pub mod token;

pub use claims::Claims;
pub use credentials::Renewing;
pub use docker::Login;
pub use ecr_password::EcrPassword;
pub use error::AuthError;
pub use keys::StaticKeys;
pub use session::{Session, SessionSettings};
pub use sts::RoleSettings;
pub use token::TokenSource;
