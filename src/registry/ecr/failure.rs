//! From the SDK's errors to ours, by AWS's error codes; never by the words of a message.

use crate::auth::AuthError;
use crate::base::failure::causes;
use crate::registry::RegistryError;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::error::Error;

/// Codes with which AWS says that it does not know or does not trust the caller, or that the caller may not.
const DENIALS: [&str; 11] = [
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "UnrecognizedClientException",
];

/// Codes that mean «later».
const LATER: [&str; 6] = [
    "RequestLimitExceeded",
    "ServerException",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// The code that AWS gave, if it answered.
pub(in crate::registry) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// Whether the registry may have done what was asked, although no answer says so.
pub(super) fn is_ambiguous<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => service.raw().status().is_server_error(),
        _ => false,
    }
}

/// Says what became of `operation` on `resource`.
pub fn explain<E>(
    operation: &'static str,
    resource: String,
    error: &SdkError<E, HttpResponse>,
) -> RegistryError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    if let Some(error) = AuthError::inside(error) {
        return RegistryError::Auth(error);
    }
    let Some(service) = error.as_service_error() else {
        return RegistryError::Exhausted { operation, resource, why: causes(error) };
    };
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let code = service.code().map_or_else(|| format!("HTTP status {status}"), str::to_owned);
    let message = service.message().unwrap_or("AWS gave no message").to_owned();
    let request = error.request_id().map(|id| format!(" (request id {id})")).unwrap_or_default();
    if DENIALS.contains(&code.as_str()) {
        RegistryError::Denied { operation, resource, code, message, request }
    } else if LATER.contains(&code.as_str()) || status >= 500 {
        RegistryError::Exhausted { operation, resource, why: format!("{code}: {message}{request}") }
    } else {
        RegistryError::Refused { operation, resource, code, message, request }
    }
}
