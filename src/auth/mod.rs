//! Who we are for AWS: the CI's OIDC token, its exchange at STS, the SDK's own chain, and credentials that renew
//! themselves.
//!
//! Credentials are asked for as late as possible, live in memory only, and are asked for again when they run
//! out, between two parts of a layer too. Nothing here prints.

pub mod claims;
pub mod credentials;
pub mod error;
pub mod session;
pub mod sts;
pub mod token;

pub use claims::Claims;
pub use credentials::Renewing;
pub use error::AuthError;
pub use session::{Session, SessionSettings};
pub use sts::RoleSettings;
pub use token::TokenSource;
