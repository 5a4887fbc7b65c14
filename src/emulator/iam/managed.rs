//! The policies that AWS manages for ECR and ECR Public.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/security-iam-awsmanpol.html> and the page of
//! that name in ECR Public's guide.

use super::document::{Attached, Document};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const READ: [&str; 12] = [
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:GetRepositoryPolicy",
    "ecr:DescribeRepositories",
    "ecr:ListImages",
    "ecr:DescribeImages",
    "ecr:BatchGetImage",
    "ecr:GetLifecyclePolicy",
    "ecr:GetLifecyclePolicyPreview",
    "ecr:ListTagsForResource",
    "ecr:DescribeImageScanFindings",
];
const WRITE: [&str; 4] =
    ["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"];
const PULL: [&str; 5] = [
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
    "ecr:BatchImportUpstreamImage",
];
const PUBLIC_READ: [&str; 9] = [
    "ecr-public:GetAuthorizationToken",
    "sts:GetServiceBearerToken",
    "ecr-public:BatchCheckLayerAvailability",
    "ecr-public:GetRepositoryPolicy",
    "ecr-public:DescribeRepositories",
    "ecr-public:DescribeRegistries",
    "ecr-public:DescribeImages",
    "ecr-public:DescribeImageTags",
    "ecr-public:GetRepositoryCatalogData",
];
const PUBLIC_REST: [&str; 2] = ["ecr-public:GetRegistryCatalogData", "ecr-public:ListTagsForResource"];
const PUBLIC_WRITE: [&str; 4] = [
    "ecr-public:InitiateLayerUpload",
    "ecr-public:UploadLayerPart",
    "ecr-public:CompleteLayerUpload",
    "ecr-public:PutImage",
];

/// By ARN.
pub(super) fn all() -> BTreeMap<String, Document> {
    let allow = |actions: Vec<&str>| json!([{ "Effect": "Allow", "Action": actions, "Resource": "*" }]);
    let list = |parts: &[&[&'static str]]| allow(parts.concat());
    let policies: [(&str, Value); 8] = [
        ("AdministratorAccess", allow(vec!["*"])),
        (
            "AmazonEC2ContainerRegistryFullAccess",
            json!([
                { "Effect": "Allow", "Action": ["ecr:*", "cloudtrail:LookupEvents"], "Resource": "*" },
                {
                    "Effect": "Allow",
                    "Action": "iam:CreateServiceLinkedRole",
                    "Resource": "*",
                    "Condition": { "StringEquals": { "iam:AWSServiceName": ["replication.ecr.amazonaws.com"] } },
                },
            ]),
        ),
        ("AmazonEC2ContainerRegistryPowerUser", list(&[&READ, &WRITE])),
        ("AmazonEC2ContainerRegistryReadOnly", list(&[&READ])),
        ("AmazonEC2ContainerRegistryPullOnly", list(&[&PULL])),
        (
            "AmazonElasticContainerRegistryPublicFullAccess",
            allow(vec!["ecr-public:*", "sts:GetServiceBearerToken"]),
        ),
        ("AmazonElasticContainerRegistryPublicPowerUser", list(&[&PUBLIC_READ, &PUBLIC_REST, &PUBLIC_WRITE])),
        ("AmazonElasticContainerRegistryPublicReadOnly", list(&[&PUBLIC_READ, &PUBLIC_REST])),
    ];
    policies
        .into_iter()
        .map(|(name, statements)| {
            let policy = json!({ "Version": "2012-10-17", "Statement": statements });
            let document = Document::from_value(policy, Attached::Identity)
                .expect("invariant: the policies above are policies");
            (format!("arn:aws:iam::aws:policy/{name}"), document)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn they_are_policies() {
        assert!(super::all().contains_key("arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser"));
    }
}
