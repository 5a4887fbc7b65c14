//! ECS's API, as far as deployments read it: what a service runs now.

use crate::auth::Session;
use crate::base::{Failure, Kind};
use crate::registry::RegistryError;
use crate::registry::ecr::explain;
use aws_sdk_ecs::types::TaskDefinitionField;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use std::sync::{Arc, Mutex, PoisonError};

const OPERATION: &str = "DescribeTaskDefinition";

/// A call to ECS failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct EcsCallError(RegistryError);

impl Failure for EcsCallError {
    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn hint(&self) -> Option<String> {
        Some(match &self.0 {
            RegistryError::Denied { code, .. } if code.starts_with("AccessDenied") => {
                "give the role the permission `ecs:DescribeTaskDefinition`, which IAM takes with the resource `*` alone"
                    .into()
            }
            RegistryError::Denied { .. } => {
                "ECS does not take these credentials: check the role, the region and the clock".into()
            }
            RegistryError::Refused { .. } => {
                "check the name, the revision, the region and the account: `aws ecs list-task-definitions` lists the task \
                 definitions that there are"
                    .into()
            }
            RegistryError::Exhausted { .. } => {
                "check the network, and `AWS_ENDPOINT_URL_ECS` if it is set; then run the same command again".into()
            }
            other => return other.hint(),
        })
    }
}

/// The answer of `DescribeTaskDefinition` as ECS wrote it, with the tags, so that no member is lost that the SDK does not
/// know. `name` is an ARN, a family, whose newest active revision is meant, or `FAMILY:REVISION`
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html>).
pub async fn task_definition(session: &Session, region: &str, name: &str) -> Result<String, EcsCallError> {
    let body = Body::default();
    let answer = session
        .ecs(region)
        .describe_task_definition()
        .task_definition(name)
        .include(TaskDefinitionField::Tags)
        .customize()
        .interceptor(body.clone())
        .send()
        .await;
    let resource = || format!("the task definition {name} in {region}");
    if let Err(error) = answer {
        return Err(EcsCallError(explain(OPERATION, resource(), &error)));
    }
    let bytes = body.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    String::from_utf8(bytes.unwrap_or_default()).map_err(|error| {
        EcsCallError(RegistryError::Nonsense {
            operation: OPERATION,
            resource: resource(),
            what: error.utf8_error().to_string(),
        })
    })
}

/// Keeps the bytes of the last answer.
#[derive(Debug, Clone, Default)]
struct Body(Arc<Mutex<Option<Vec<u8>>>>);

impl Intercept for Body {
    fn name(&self) -> &'static str {
        "Body"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().map(<[u8]>::to_vec);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
        Ok(())
    }
}
