"""Calls every operation of ECR's API, with good and with bad input, and holds each answer against botocore's model:
types, required members and ranges, no member that the model does not have, and error codes that it lists for the
operation or that all of AWS shares.

    AWS_ENDPOINT_URL_ECR=http://127.0.0.1:PORT … python ecr-model.py

Credentials and the region come from the environment, as an emulator prints it. The registry may be in use: only
repositories below `model/` are touched, and the settings of the registry are put back to nothing at the end.
Prints `ok NAME` or `FAILED NAME` for each operation, and `N passed, N failed` at the end.
"""

import hashlib
import json
import os
import sys
import time
import traceback
import uuid

import boto3
import botocore.exceptions
from botocore.config import Config
from botocore.validate import ParamValidator

OPERATIONS = """
BatchCheckLayerAvailability BatchDeleteImage BatchGetImage BatchGetRepositoryScanningConfiguration
CompleteLayerUpload CreatePullThroughCacheRule CreateRepository CreateRepositoryCreationTemplate
DeleteLifecyclePolicy DeletePullThroughCacheRule DeleteRegistryPolicy DeleteRepository
DeleteRepositoryCreationTemplate DeleteRepositoryPolicy DeleteSigningConfiguration
DeregisterPullTimeUpdateExclusion DescribeImageReplicationStatus DescribeImageScanFindings
DescribeImageSigningStatus DescribeImages DescribePullThroughCacheRules DescribeRegistry DescribeRepositories
DescribeRepositoryCreationTemplates GetAccountSetting GetAuthorizationToken GetDownloadUrlForLayer
GetLifecyclePolicy GetLifecyclePolicyPreview GetRegistryPolicy GetRegistryScanningConfiguration
GetRepositoryPolicy GetSigningConfiguration InitiateLayerUpload ListImageReferrers ListImages
ListPullTimeUpdateExclusions ListTagsForResource PutAccountSetting PutImage PutImageScanningConfiguration
PutImageTagMutability PutLifecyclePolicy PutRegistryPolicy PutRegistryScanningConfiguration
PutReplicationConfiguration PutSigningConfiguration RegisterPullTimeUpdateExclusion SetRepositoryPolicy
StartImageScan StartLifecyclePolicyPreview TagResource UntagResource UpdateImageStorageClass
UpdatePullThroughCacheRule UpdateRepositoryCreationTemplate UploadLayerPart ValidatePullThroughCacheRule
""".split()
assert len(OPERATIONS) == 58

# What every service of AWS may answer.
COMMON = {
    "AccessDeniedException", "ExpiredTokenException", "InvalidSignatureException", "SerializationException",
    "ThrottlingException", "UnknownOperationException", "UnrecognizedClientException",
}  # fmt: skip

seen = {}
problems = {}


def problem(operation, text):
    problems.setdefault(operation, []).append(text)


def unknown(value, shape, path):
    """Members of `value` that `shape` does not have."""
    if value is None:
        yield f"{path} is null"
    elif shape.type_name == "structure":
        for name, member in value.items():
            if name not in shape.members:
                yield f"{path}.{name} is not in the model"
            else:
                yield from unknown(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for number, member in enumerate(value):
            yield from unknown(member, shape.member, f"{path}[{number}]")
    elif shape.type_name == "map":
        for name, member in value.items():
            yield from unknown(member, shape.value, f"{path}.{name}")
    elif shape.type_name == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path} is {value!r}, which is none of {shape.enum}"


def check(parsed, model, http_response, **_):
    code = (parsed.get("Error") or {}).get("Code")
    seen.setdefault(model.name, set()).add(code or "ok")
    try:
        raw = json.loads(http_response.content)
    except ValueError:
        return problem(model.name, f"the body is no JSON: {http_response.content[:200]!r}")
    if code:
        listed = {shape.error_code for shape in model.error_shapes} | {shape.name for shape in model.error_shapes}
        if code not in listed | COMMON:
            problem(model.name, f"the error {code} is not listed: {parsed['Error'].get('Message')}")
        if not parsed["Error"].get("Message"):
            problem(model.name, f"the error {code} has no message")
        if http_response.status_code != (500 if code == "ServerException" else 400):
            problem(model.name, f"the error {code} has the status {http_response.status_code}")
        return None
    body = {name: member for name, member in parsed.items() if name != "ResponseMetadata"}
    report = ParamValidator().validate(body, model.output_shape)
    # Botocore gives lists that may be empty bounds that hold for inputs only.
    for line in report.generate_report().splitlines() if report.has_errors() else []:
        if "valid min length: 1" not in line or ", value: 0," not in line:
            problem(model.name, line)
    for text in unknown(raw, model.output_shape, model.name):
        problem(model.name, text)
    return None


config = Config(retries={"max_attempts": 0}, parameter_validation=False)
ecr = boto3.client("ecr", config=config)
ecr.meta.events.register("after-call", check)
account = boto3.client("sts", config=Config(retries={"max_attempts": 0})).get_caller_identity()["Account"]
region = ecr.meta.region_name
names = {operation: method for method, operation in ecr.meta.method_to_api_mapping.items()}


def call(operation, **inputs):
    """The answer, or the code of the error."""
    try:
        answer = getattr(ecr, names[operation])(**inputs)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    answer.pop("ResponseMetadata")
    return answer


def good(operation, **inputs):
    answer = call(operation, **inputs)
    if isinstance(answer, str):
        problem(operation, f"answered {answer} to {inputs}")
        return {}
    return answer


def bad(code, operation, **inputs):
    answer = call(operation, **inputs)
    if answer != code:
        problem(operation, f"answered {answer} instead of {code} to {inputs}")


def same(operation, what, expected, found):
    if expected != found:
        problem(operation, f"{what}: expected {expected!r}, found {found!r}")


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


PREFIX = f"model/{uuid.uuid4().hex[:8]}"
R = f"{PREFIX}/main"
ARN = f"arn:aws:ecr:{region}:{account}:repository/{R}"
NONE = f"{PREFIX}/none"
INVALID = "InvalidParameterException"
NO_REPOSITORY = "RepositoryNotFoundException"
NO_IMAGE = "ImageNotFoundException"
OCI = "application/vnd.oci.image.manifest.v1+json"
CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'


def everywhere(operation, **more):
    """What every operation on a repository refuses."""
    bad(NO_REPOSITORY, operation, repositoryName=NONE, **more)
    bad(INVALID, operation, repositoryName="../UPPER", **more)
    bad(INVALID, operation, **more)
    bad("SerializationException", operation, repositoryName=7, **more)
    bad(INVALID, operation, repositoryName=R, registryId="1", **more)


def broken(kind, error, trace):
    """An answer without what the next call needs ends it all."""
    traceback.print_exception(kind, error, trace, file=sys.stdout)
    for operation, texts in problems.items():
        print(f"FAILED {operation}", *texts, sep="\n    ")
    print(f"0 passed, {len(OPERATIONS)} failed")


sys.excepthook = broken

# What others have set for the registry would get in the way.
call("PutRegistryScanningConfiguration", scanType="BASIC", rules=[])
call("PutReplicationConfiguration", replicationConfiguration={"rules": []})
call("DeleteSigningConfiguration")

# ---- repositories -------------------------------------------------------------------------------------------------

filters = [{"filterType": "WILDCARD", "filter": "dev-*"}]
made = good(
    "CreateRepository", repositoryName=R, tags=[{"Key": "team", "Value": "shop"}],
    imageTagMutability="MUTABLE_WITH_EXCLUSION", imageTagMutabilityExclusionFilters=filters,
    imageScanningConfiguration={"scanOnPush": False}, encryptionConfiguration={"encryptionType": "KMS"},
)["repository"]  # fmt: skip
same("CreateRepository", "the ARN", ARN, made["repositoryArn"])
bad("RepositoryAlreadyExistsException", "CreateRepository", repositoryName=R)
bad(INVALID, "CreateRepository", repositoryName="UPPER")
bad(INVALID, "CreateRepository", repositoryName=NONE, imageTagMutability="IMMUTABLE_WITH_EXCLUSION")
bad(INVALID, "CreateRepository", repositoryName=NONE, encryptionConfiguration={"encryptionType": "ROT13"})
bad("TooManyTagsException", "CreateRepository", repositoryName=NONE,
    tags=[{"Key": str(number), "Value": ""} for number in range(51)])  # fmt: skip
bad("InvalidTagParameterException", "CreateRepository", repositoryName=NONE, tags=[{"Key": "aws:x", "Value": ""}])
for number in range(3):
    good("CreateRepository", repositoryName=f"{PREFIX}/page-{number}")
described = good("DescribeRepositories", repositoryNames=[R])["repositories"]
same("DescribeRepositories", "what was created", [made], described)
bad(NO_REPOSITORY, "DescribeRepositories", repositoryNames=[NONE])
bad(INVALID, "DescribeRepositories", repositoryNames=[R], maxResults=5)
bad(INVALID, "DescribeRepositories", maxResults=1001)
bad(INVALID, "DescribeRepositories", nextToken="made up")
pages = list(ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2}))
same("DescribeRepositories", "pages of two", True, len(pages) >= 2 and all(len(p["repositories"]) <= 2 for p in pages))
good("GetAuthorizationToken")
bad(INVALID, "GetAuthorizationToken", registryIds=["1"])

good("TagResource", resourceArn=ARN, tags=[{"Key": "a", "Value": "1"}, {"Key": "team", "Value": "web"}])
bad(INVALID, "TagResource", resourceArn="arn:aws:s3:::bucket", tags=[])
bad(NO_REPOSITORY, "TagResource", resourceArn=ARN.replace(R, NONE), tags=[{"Key": "a", "Value": "1"}])
bad("TooManyTagsException", "TagResource", resourceArn=ARN,
    tags=[{"Key": str(number), "Value": ""} for number in range(50)])  # fmt: skip
bad("InvalidTagParameterException", "TagResource", resourceArn=ARN, tags=[{"Key": "", "Value": "1"}])
good("UntagResource", resourceArn=ARN, tagKeys=["a", "never there"])
bad(INVALID, "UntagResource", resourceArn="x", tagKeys=["a"])
bad(NO_REPOSITORY, "UntagResource", resourceArn=ARN.replace(R, NONE), tagKeys=["a"])
found = good("ListTagsForResource", resourceArn=ARN)["tags"]
same("ListTagsForResource", "tags", [{"Key": "team", "Value": "web"}], found)
bad(INVALID, "ListTagsForResource", resourceArn="arn")
bad(NO_REPOSITORY, "ListTagsForResource", resourceArn=ARN.replace(R, NONE))

everywhere("PutImageTagMutability", imageTagMutability="MUTABLE")
bad(INVALID, "PutImageTagMutability", repositoryName=R, imageTagMutability="SOMETIMES")
bad(INVALID, "PutImageTagMutability", repositoryName=R, imageTagMutability="MUTABLE_WITH_EXCLUSION")
good("PutImageTagMutability", repositoryName=R, imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
     imageTagMutabilityExclusionFilters=filters)  # fmt: skip
good("PutImageTagMutability", repositoryName=R, imageTagMutability="MUTABLE")
everywhere("PutImageScanningConfiguration", imageScanningConfiguration={"scanOnPush": True})
good("PutImageScanningConfiguration", repositoryName=R, imageScanningConfiguration={"scanOnPush": False})

policy = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Sid": "pull", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
     "Action": ["ecr:*"]}]})  # fmt: skip
everywhere("SetRepositoryPolicy", policyText=policy)
everywhere("GetRepositoryPolicy")
everywhere("DeleteRepositoryPolicy")
bad("RepositoryPolicyNotFoundException", "GetRepositoryPolicy", repositoryName=R)
bad("RepositoryPolicyNotFoundException", "DeleteRepositoryPolicy", repositoryName=R)
bad(INVALID, "SetRepositoryPolicy", repositoryName=R, policyText="{}")
bad(INVALID, "SetRepositoryPolicy", repositoryName=R, policyText="x" * 10241)
bad(INVALID, "SetRepositoryPolicy", repositoryName=R, policyText=policy.replace("Allow", "Deny"))
good("SetRepositoryPolicy", repositoryName=R, policyText=policy, force=True)
same("GetRepositoryPolicy", "the text", policy, good("GetRepositoryPolicy", repositoryName=R)["policyText"])
good("DeleteRepositoryPolicy", repositoryName=R)

# ---- layers and images --------------------------------------------------------------------------------------------


def push(data, repository=R):
    upload = good("InitiateLayerUpload", repositoryName=repository)["uploadId"]
    good("UploadLayerPart", repositoryName=repository, uploadId=upload, partFirstByte=0, partLastByte=len(data) - 1,
         layerPartBlob=data)  # fmt: skip
    return call("CompleteLayerUpload", repositoryName=repository, uploadId=upload, layerDigests=[digest(data)])


def manifest(layer, **more):
    return json.dumps({
        "schemaVersion": 2, "mediaType": OCI,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(CONFIG),
                   "size": len(CONFIG)},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(layer),
                    "size": len(layer)}], **more})  # fmt: skip


def image(content, tag=None, repository=R):
    """Pushes an image; its digest."""
    push(content, repository)
    push(CONFIG, repository)
    text = manifest(content)
    tagged = {"imageTag": tag} if tag else {}
    return good("PutImage", repositoryName=repository, imageManifest=text, **tagged)["image"]["imageId"]["imageDigest"]


everywhere("InitiateLayerUpload")
layer = os.urandom(1000)
same("CompleteLayerUpload", "the digest", digest(layer), push(layer).get("layerDigest"))
same("CompleteLayerUpload", "a second time", "LayerAlreadyExistsException", push(layer))
push(CONFIG)
upload = good("InitiateLayerUpload", repositoryName=R)["uploadId"]
part = {"repositoryName": R, "uploadId": upload, "layerPartBlob": layer}
complete = {"repositoryName": R, "uploadId": upload}
bad("EmptyUploadException", "CompleteLayerUpload", **complete, layerDigests=[digest(layer)])
bad("InvalidLayerPartException", "UploadLayerPart", **part, partFirstByte=5, partLastByte=1004)
bad(INVALID, "UploadLayerPart", **part, partFirstByte=0, partLastByte=5)
bad(INVALID, "UploadLayerPart", repositoryName=R, uploadId=upload)
good("UploadLayerPart", **part, partFirstByte=0, partLastByte=999)
bad("InvalidLayerException", "CompleteLayerUpload", **complete, layerDigests=[digest(b"other")])
bad("UploadNotFoundException", "CompleteLayerUpload", repositoryName=R, uploadId=str(uuid.uuid4()),
    layerDigests=[digest(layer)])  # fmt: skip
bad("UploadNotFoundException", "UploadLayerPart", **{**part, "uploadId": str(uuid.uuid4())}, partFirstByte=0,
    partLastByte=999)  # fmt: skip
everywhere("UploadLayerPart", uploadId=upload, partFirstByte=0, partLastByte=999, layerPartBlob=layer)
everywhere("CompleteLayerUpload", uploadId=upload, layerDigests=[digest(layer)])
bad(INVALID, "CompleteLayerUpload", **complete, layerDigests=[])
good("BatchCheckLayerAvailability", repositoryName=R, layerDigests=[digest(layer), digest(b"none"), "bad"])
everywhere("BatchCheckLayerAvailability", layerDigests=[digest(layer)])
bad(INVALID, "BatchCheckLayerAvailability", repositoryName=R, layerDigests=[])
bad(INVALID, "BatchCheckLayerAvailability", repositoryName=R, layerDigests=["x"] * 101)

text = manifest(layer)
first = digest(text.encode())
good("PutImage", repositoryName=R, imageManifest=text, imageTag="v1", imageManifestMediaType=OCI)
everywhere("PutImage", imageManifest=text)
bad("ImageAlreadyExistsException", "PutImage", repositoryName=R, imageManifest=text, imageTag="v1")
bad("ImageAlreadyExistsException", "PutImage", repositoryName=R, imageManifest=text)
bad("LayersNotFoundException", "PutImage", repositoryName=R, imageManifest=manifest(b"none"))
bad("ImageDigestDoesNotMatchException", "PutImage", repositoryName=R, imageManifest=text, imageDigest=digest(b"x"))
for wrong in ("{", "{}", "[]", text.replace(OCI, "text/plain", 1)):
    bad(INVALID, "PutImage", repositoryName=R, imageManifest=wrong)
bad(INVALID, "PutImage", repositoryName=R, imageManifest=text, imageTag="no spaces")


def index(child):
    return json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {"mediaType": OCI, "digest": child, "size": 3, "platform": {"os": "linux", "architecture": "amd64"}}]})  # fmt: skip


bad("ReferencedImagesNotFoundException", "PutImage", repositoryName=R, imageManifest=index(digest(b"none")))
good("PutImage", repositoryName=R, imageManifest=index(first), imageTag="all")
good("PutImageTagMutability", repositoryName=R, imageTagMutability="IMMUTABLE")
bad("ImageTagAlreadyExistsException", "PutImage", repositoryName=R, imageManifest=text + " ", imageTag="v1")
good("PutImageTagMutability", repositoryName=R, imageTagMutability="MUTABLE")

odd = [{"imageTag": "v1"}, {"imageTag": "none"}, {"imageDigest": "bad"}, {"imageTag": "a b"}, {},
       {"imageTag": "all", "imageDigest": first}]  # fmt: skip
answer = good("BatchGetImage", repositoryName=R, imageIds=odd, acceptedMediaTypes=[OCI])
same("BatchGetImage", "images and failures", (1, 5), (len(answer["images"]), len(answer["failures"])))
everywhere("BatchGetImage", imageIds=[{"imageTag": "v1"}])
bad(INVALID, "BatchGetImage", repositoryName=R, imageIds=[])
good("GetDownloadUrlForLayer", repositoryName=R, layerDigest=digest(layer))
everywhere("GetDownloadUrlForLayer", layerDigest=digest(layer))
bad("LayersNotFoundException", "GetDownloadUrlForLayer", repositoryName=R, layerDigest=digest(b"none"))
bad(INVALID, "GetDownloadUrlForLayer", repositoryName=R, layerDigest="bad")
push(b"alone")
bad("LayerInaccessibleException", "GetDownloadUrlForLayer", repositoryName=R, layerDigest=digest(b"alone"))

image(b"two", "v2")
image(b"untagged")
for operation, member in (("ListImages", "imageIds"), ("DescribeImages", "imageDetails")):
    everywhere(operation)
    for status, count in (("TAGGED", 3), ("UNTAGGED", 1), ("ANY", 4)):
        answer = good(operation, repositoryName=R, filter={"tagStatus": status, "imageStatus": "ACTIVE"})
        same(operation, status, count, len(answer.get(member, [])))
    bad(INVALID, operation, repositoryName=R, filter={"tagStatus": "SOME"})
    bad(INVALID, operation, repositoryName=R, filter={"imageStatus": "GONE"})
    bad(INVALID, operation, repositoryName=R, maxResults=0)
    bad(INVALID, operation, repositoryName=R, nextToken="made up")
    paginator = ecr.get_paginator({"ListImages": "list_images", "DescribeImages": "describe_images"}[operation])
    pages = list(paginator.paginate(repositoryName=R, PaginationConfig={"PageSize": 3}))
    same(operation, "pages", [3, 1], [len(page[member]) for page in pages])
good("DescribeImages", repositoryName=R, imageIds=[{"imageTag": "v1"}, {"imageDigest": first}])
bad(NO_IMAGE, "DescribeImages", repositoryName=R, imageIds=[{"imageTag": "none"}])
bad(INVALID, "DescribeImages", repositoryName=R, imageIds=[{"imageTag": "v1"}], maxResults=1)

artifact = manifest(layer, artifactType="application/x-sbom", annotations={"a": "b"},
                    subject={"mediaType": OCI, "digest": first, "size": len(text)})  # fmt: skip
good("PutImage", repositoryName=R, imageManifest=artifact)
everywhere("ListImageReferrers", subjectId={"imageDigest": first})
about = {"repositoryName": R, "subjectId": {"imageDigest": first}}
same("ListImageReferrers", "referrers", 1, len(good("ListImageReferrers", **about)["referrers"]))
none = good("ListImageReferrers", **about, filter={"artifactTypes": ["x/y"], "artifactStatus": "ANY"})
same("ListImageReferrers", "of another type", [], none["referrers"])
bad(INVALID, "ListImageReferrers", **about, maxResults=51)
bad(INVALID, "ListImageReferrers", **about, filter={"artifactStatus": "GONE"})
bad(INVALID, "ListImageReferrers", **about, nextToken="made up")
bad(INVALID, "ListImageReferrers", repositoryName=R, subjectId={"imageDigest": "bad"})

# ---- scanning -----------------------------------------------------------------------------------------------------

one = {"repositoryName": R, "imageId": {"imageTag": "v1"}}
for operation in ("StartImageScan", "DescribeImageScanFindings"):
    everywhere(operation, imageId={"imageTag": "v1"})
    bad(NO_IMAGE, operation, repositoryName=R, imageId={"imageTag": "none"})
    bad(INVALID, operation, repositoryName=R, imageId={})
    bad(INVALID, operation, repositoryName=R)
bad("ScanNotFoundException", "DescribeImageScanFindings", **one)
bad("UnsupportedImageTypeException", "StartImageScan", repositoryName=R, imageId={"imageTag": "all"})
good("StartImageScan", **one)
bad("LimitExceededException", "StartImageScan", **one)
states = []
for _ in range(50):
    answer = good("DescribeImageScanFindings", **one)
    states.append(answer["imageScanStatus"]["status"])
    if states[-1] not in ("PENDING", "IN_PROGRESS"):
        break
    time.sleep(0.1)
same("DescribeImageScanFindings", "the way to the end", ("COMPLETE", True), (states[-1], len(states) > 1))
bad(INVALID, "DescribeImageScanFindings", **one, maxResults=1001)
bad(INVALID, "DescribeImageScanFindings", **one, nextToken="made up")
good("DescribeImages", repositoryName=R)
good("GetRegistryScanningConfiguration")
rule = {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": f"{PREFIX}/*", "filterType": "WILDCARD"}]}
good("PutRegistryScanningConfiguration", scanType="BASIC", rules=[rule])
bad(INVALID, "PutRegistryScanningConfiguration", scanType="CLAIR", rules=[])
bad(INVALID, "PutRegistryScanningConfiguration", scanType="BASIC", rules=[{**rule, "scanFrequency": "CONTINUOUS_SCAN"}])
bad(INVALID, "PutRegistryScanningConfiguration", scanType="BASIC", rules=[rule] * 3)
bad(INVALID, "PutRegistryScanningConfiguration", scanType="BASIC",
    rules=[{**rule, "repositoryFilters": [{"filter": "UPPER", "filterType": "WILDCARD"}]}])  # fmt: skip
answer = good("BatchGetRepositoryScanningConfiguration", repositoryNames=[R, NONE])
same("BatchGetRepositoryScanningConfiguration", "found", (1, 1),
     (len(answer["scanningConfigurations"]), len(answer["failures"])))  # fmt: skip
bad(INVALID, "BatchGetRepositoryScanningConfiguration", repositoryNames=[])
bad(INVALID, "BatchGetRepositoryScanningConfiguration", repositoryNames=[R] * 26)
image(b"scanned", "scanned")
good("DescribeImageScanFindings", repositoryName=R, imageId={"imageTag": "scanned"})
good("PutRegistryScanningConfiguration", scanType="ENHANCED", rules=[{**rule, "scanFrequency": "CONTINUOUS_SCAN"}])
bad("ValidationException", "StartImageScan", repositoryName=R, imageId={"imageTag": "v2"})
good("GetRegistryScanningConfiguration")
good("PutRegistryScanningConfiguration", scanType="BASIC", rules=[])

# ---- lifecycle ----------------------------------------------------------------------------------------------------


def keep(count, status="any"):
    return json.dumps({"rules": [{
        "rulePriority": 1, "description": "keep the newest",
        "selection": {"tagStatus": status, "countType": "imageCountMoreThan", "countNumber": count},
        "action": {"type": "expire"}}]})  # fmt: skip


NO_POLICY = "LifecyclePolicyNotFoundException"
everywhere("PutLifecyclePolicy", lifecyclePolicyText=keep(1))
for operation in ("GetLifecyclePolicy", "DeleteLifecyclePolicy", "StartLifecyclePolicyPreview"):
    everywhere(operation)
    bad(NO_POLICY, operation, repositoryName=R)
everywhere("GetLifecyclePolicyPreview")
bad("LifecyclePolicyPreviewNotFoundException", "GetLifecyclePolicyPreview", repositoryName=R)
for wrong in ("{}", "x" * 200, keep(0), keep(1, "tagged"), keep(1).replace("expire", "keep")):
    bad(INVALID, "PutLifecyclePolicy", repositoryName=R, lifecyclePolicyText=wrong)
    bad(INVALID, "StartLifecyclePolicyPreview", repositoryName=R, lifecyclePolicyText=wrong)
good("StartLifecyclePolicyPreview", repositoryName=R, lifecyclePolicyText=keep(2))
bad("LifecyclePolicyPreviewInProgressException", "StartLifecyclePolicyPreview", repositoryName=R,
    lifecyclePolicyText=keep(2))  # fmt: skip
answer = good("GetLifecyclePolicyPreview", repositoryName=R, maxResults=1)
same("GetLifecyclePolicyPreview", "status", "COMPLETE", answer["status"])
good("GetLifecyclePolicyPreview", repositoryName=R, filter={"tagStatus": "UNTAGGED"})
good("GetLifecyclePolicyPreview", repositoryName=R, imageIds=[{"imageTag": "v1"}])
bad(INVALID, "GetLifecyclePolicyPreview", repositoryName=R, maxResults=101)
bad(INVALID, "GetLifecyclePolicyPreview", repositoryName=R, imageIds=[{"imageTag": "v1"}], maxResults=1)
bad(INVALID, "GetLifecyclePolicyPreview", repositoryName=R, filter={"tagStatus": "SOME"})
archive = json.dumps({"rules": [{
    "rulePriority": 1,
    "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1},
    "action": {"type": "transition", "targetStorageClass": "archive"}}]})  # fmt: skip
good("StartLifecyclePolicyPreview", repositoryName=R, lifecyclePolicyText=archive)
good("GetLifecyclePolicyPreview", repositoryName=R)
good("PutLifecyclePolicy", repositoryName=R, lifecyclePolicyText=keep(50))
same("GetLifecyclePolicy", "the text", keep(50), good("GetLifecyclePolicy", repositoryName=R)["lifecyclePolicyText"])
good("StartLifecyclePolicyPreview", repositoryName=R)
good("GetLifecyclePolicyPreview", repositoryName=R)
good("DeleteLifecyclePolicy", repositoryName=R)

# ---- the registry -------------------------------------------------------------------------------------------------

call("DeleteRegistryPolicy")
bad("RegistryPolicyNotFoundException", "GetRegistryPolicy")
bad("RegistryPolicyNotFoundException", "DeleteRegistryPolicy")
policy = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Sid": "replicate", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
     "Action": ["ecr:CreateRepository", "ecr:ReplicateImage"],
     "Resource": [f"arn:aws:ecr:{region}:{account}:repository/*"]}]})  # fmt: skip
bad(INVALID, "PutRegistryPolicy", policyText="{}")
bad(INVALID, "PutRegistryPolicy")
good("PutRegistryPolicy", policyText=policy)
same("GetRegistryPolicy", "the text", policy, good("GetRegistryPolicy")["policyText"])
good("DeleteRegistryPolicy")

other = "eu-west-3" if region != "eu-west-3" else "eu-west-1"
rules = [{"destinations": [{"region": other, "registryId": account}],
          "repositoryFilters": [{"filter": PREFIX, "filterType": "PREFIX_MATCH"}]}]  # fmt: skip
good("DescribeRegistry")
good("PutReplicationConfiguration", replicationConfiguration={"rules": rules})
same("DescribeRegistry", "rules", rules, good("DescribeRegistry")["replicationConfiguration"]["rules"])
same_place = [{"destinations": [{"region": region, "registryId": account}]}]
bad(INVALID, "PutReplicationConfiguration", replicationConfiguration={"rules": same_place})
bad(INVALID, "PutReplicationConfiguration", replicationConfiguration={"rules": rules * 26})
bad(INVALID, "PutReplicationConfiguration", replicationConfiguration={"rules": [{"destinations": [
    {"region": "../x", "registryId": account}]}]})  # fmt: skip
bad(INVALID, "PutReplicationConfiguration")
image(b"replicated", "replicated")
everywhere("DescribeImageReplicationStatus", imageId={"imageTag": "v1"})
bad(NO_IMAGE, "DescribeImageReplicationStatus", repositoryName=R, imageId={"imageTag": "none"})
for _ in range(50):
    answer = good("DescribeImageReplicationStatus", repositoryName=R, imageId={"imageTag": "replicated"})
    state = [status["status"] for status in answer["replicationStatuses"]]
    if state == ["COMPLETE"]:
        break
    time.sleep(0.1)
same("DescribeImageReplicationStatus", "the end", ["COMPLETE"], state)
there = boto3.client("ecr", config=config, region_name=other)
arrived = there.describe_images(repositoryName=R)["imageDetails"]
same("PutReplicationConfiguration", "what arrived", [["replicated"]], [it["imageTags"] for it in arrived])
good("PutReplicationConfiguration", replicationConfiguration={"rules": []})
there.delete_repository(repositoryName=R, force=True)

name = f"m{uuid.uuid4().hex[:6]}"
secret = f"arn:aws:secretsmanager:{region}:{account}:secret:ecr-pullthroughcache/hub-AbCdEf"
good("CreatePullThroughCacheRule", ecrRepositoryPrefix=name, upstreamRegistryUrl="public.ecr.aws")
bad("PullThroughCacheRuleAlreadyExistsException", "CreatePullThroughCacheRule", ecrRepositoryPrefix=name,
    upstreamRegistryUrl="public.ecr.aws")  # fmt: skip
bad("UnsupportedUpstreamRegistryException", "CreatePullThroughCacheRule", ecrRepositoryPrefix=f"{name}x",
    upstreamRegistryUrl="example.com")  # fmt: skip
bad(INVALID, "CreatePullThroughCacheRule", ecrRepositoryPrefix="UP", upstreamRegistryUrl="quay.io")
bad(INVALID, "CreatePullThroughCacheRule", ecrRepositoryPrefix=f"{name}h", upstreamRegistryUrl="registry-1.docker.io")
good("CreatePullThroughCacheRule", ecrRepositoryPrefix=f"{name}h", upstreamRegistryUrl="registry-1.docker.io",
     upstreamRegistry="docker-hub", credentialArn=secret, upstreamRepositoryPrefix="library")  # fmt: skip
good("DescribePullThroughCacheRules")
good("DescribePullThroughCacheRules", maxResults=1)
good("DescribePullThroughCacheRules", ecrRepositoryPrefixes=[name])
NO_RULE = "PullThroughCacheRuleNotFoundException"
bad(NO_RULE, "DescribePullThroughCacheRules", ecrRepositoryPrefixes=["none"])
bad(INVALID, "DescribePullThroughCacheRules", ecrRepositoryPrefixes=[name], maxResults=1)
good("UpdatePullThroughCacheRule", ecrRepositoryPrefix=f"{name}h", credentialArn=secret)
bad(NO_RULE, "UpdatePullThroughCacheRule", ecrRepositoryPrefix="none", credentialArn=secret)
bad(INVALID, "UpdatePullThroughCacheRule", ecrRepositoryPrefix=name, credentialArn="arn")
good("ValidatePullThroughCacheRule", ecrRepositoryPrefix=name)
bad(NO_RULE, "ValidatePullThroughCacheRule", ecrRepositoryPrefix="none")
good("DeletePullThroughCacheRule", ecrRepositoryPrefix=name)
good("DeletePullThroughCacheRule", ecrRepositoryPrefix=f"{name}h")
bad(NO_RULE, "DeletePullThroughCacheRule", ecrRepositoryPrefix=name)

role = f"arn:aws:iam::{account}:role/templates"
good("CreateRepositoryCreationTemplate", prefix=f"{PREFIX}/auto", description="d", appliedFor=["CREATE_ON_PUSH"],
     resourceTags=[{"Key": "a", "Value": "b"}], customRoleArn=role, imageTagMutability="IMMUTABLE",
     encryptionConfiguration={"encryptionType": "AES256"}, lifecyclePolicy=keep(5))  # fmt: skip
bad("TemplateAlreadyExistsException", "CreateRepositoryCreationTemplate", prefix=f"{PREFIX}/auto",
    appliedFor=["REPLICATION"])  # fmt: skip
bad(INVALID, "CreateRepositoryCreationTemplate", prefix="UP", appliedFor=["REPLICATION"])
bad(INVALID, "CreateRepositoryCreationTemplate", prefix=f"{PREFIX}/b", appliedFor=["SOMETIMES"])
bad(INVALID, "CreateRepositoryCreationTemplate", prefix=f"{PREFIX}/b")
good("DescribeRepositoryCreationTemplates")
good("DescribeRepositoryCreationTemplates", prefixes=[f"{PREFIX}/auto"])
good("DescribeRepositoryCreationTemplates", maxResults=1)
bad(INVALID, "DescribeRepositoryCreationTemplates", maxResults=1001)
good("UpdateRepositoryCreationTemplate", prefix=f"{PREFIX}/auto", description="e")
bad("TemplateNotFoundException", "UpdateRepositoryCreationTemplate", prefix="none/such")
image(b"auto", "auto", f"{PREFIX}/auto/new")
made = good("DescribeRepositories", repositoryNames=[f"{PREFIX}/auto/new"])["repositories"][0]
same("UpdateRepositoryCreationTemplate", "its repository", "IMMUTABLE", made["imageTagMutability"])
good("DeleteRepositoryCreationTemplate", prefix=f"{PREFIX}/auto")
bad("TemplateNotFoundException", "DeleteRepositoryCreationTemplate", prefix=f"{PREFIX}/auto")

for setting, value in (("BASIC_SCAN_TYPE_VERSION", "AWS_NATIVE"), ("REGISTRY_POLICY_SCOPE", "V2"),
                       ("BLOB_MOUNTING", "DISABLED")):  # fmt: skip
    good("PutAccountSetting", name=setting, value=value)
    same("GetAccountSetting", setting, value, good("GetAccountSetting", name=setting)["value"])
bad(INVALID, "PutAccountSetting", name="COLOUR", value="RED")
bad(INVALID, "PutAccountSetting", name="BLOB_MOUNTING", value="PERHAPS")
bad(INVALID, "GetAccountSetting", name="COLOUR")

principal = f"arn:aws:iam::{account}:role/model-{uuid.uuid4().hex[:8]}"
good("RegisterPullTimeUpdateExclusion", principalArn=principal)
bad("ExclusionAlreadyExistsException", "RegisterPullTimeUpdateExclusion", principalArn=principal)
bad(INVALID, "RegisterPullTimeUpdateExclusion", principalArn="me")
good("ListPullTimeUpdateExclusions", maxResults=1)
bad(INVALID, "ListPullTimeUpdateExclusions", maxResults=0)
good("DeregisterPullTimeUpdateExclusion", principalArn=principal)
bad("ExclusionNotFoundException", "DeregisterPullTimeUpdateExclusion", principalArn=principal)
bad(INVALID, "DeregisterPullTimeUpdateExclusion", principalArn="me")

profile = f"arn:aws:signer:{region}:{account}:/signing-profiles/model"
signing = {"rules": [{"signingProfileArn": profile,
                      "repositoryFilters": [{"filter": f"{PREFIX}/*", "filterType": "WILDCARD_MATCH"}]}]}  # fmt: skip
bad("SigningConfigurationNotFoundException", "GetSigningConfiguration")
bad("SigningConfigurationNotFoundException", "DeleteSigningConfiguration")
good("PutSigningConfiguration", signingConfiguration=signing)
bad(INVALID, "PutSigningConfiguration", signingConfiguration={"rules": [{"signingProfileArn": "me"}]})
bad(INVALID, "PutSigningConfiguration")
same("GetSigningConfiguration", "rules", signing, good("GetSigningConfiguration")["signingConfiguration"])
everywhere("DescribeImageSigningStatus", imageId={"imageTag": "v1"})
good("DescribeImageSigningStatus", **one)
bad(NO_IMAGE, "DescribeImageSigningStatus", repositoryName=R, imageId={"imageTag": "none"})
good("DeleteSigningConfiguration")

# ---- archive and deletion -----------------------------------------------------------------------------------------

everywhere("UpdateImageStorageClass", imageId={"imageTag": "v2"}, targetStorageClass="ARCHIVE")
move = {"repositoryName": R, "imageId": {"imageTag": "v2"}}
same("UpdateImageStorageClass", "status", "ARCHIVED",
     good("UpdateImageStorageClass", **move, targetStorageClass="ARCHIVE")["imageStatus"])  # fmt: skip
good("DescribeImages", repositoryName=R, filter={"imageStatus": "ARCHIVED"})
good("ListImages", repositoryName=R, filter={"imageStatus": "ARCHIVED"})
bad("ImageArchivedException", "StartImageScan", repositoryName=R, imageId={"imageTag": "v2"})
good("BatchCheckLayerAvailability", repositoryName=R, layerDigests=[digest(b"two")])
good("UpdateImageStorageClass", **move, targetStorageClass="STANDARD")
bad("ImageStorageClassUpdateNotSupportedException", "UpdateImageStorageClass", repositoryName=R,
    imageId={"imageDigest": first}, targetStorageClass="ARCHIVE")  # fmt: skip
bad(NO_IMAGE, "UpdateImageStorageClass", repositoryName=R, imageId={"imageTag": "none"}, targetStorageClass="ARCHIVE")
bad(INVALID, "UpdateImageStorageClass", **move, targetStorageClass="GLACIER")

everywhere("BatchDeleteImage", imageIds=[{"imageTag": "v1"}])
bad(INVALID, "BatchDeleteImage", repositoryName=R, imageIds=[])
answer = good("BatchDeleteImage", repositoryName=R, imageIds=[*odd[1:], {"imageDigest": first}])
codes = [failure["failureCode"] for failure in answer["failures"]]
same("BatchDeleteImage", "failures", ["ImageNotFound", "InvalidImageDigest", "InvalidImageTag",
     "MissingDigestAndTag", "ImageTagDoesNotMatchDigest", "ImageReferencedByManifestList"], codes)  # fmt: skip
answer = good("BatchDeleteImage", repositoryName=R, imageIds=[{"imageTag": "all"}, {"imageTag": "v1"}])
same("BatchDeleteImage", "deleted", 2, len(answer["imageIds"]))
bad("RepositoryNotEmptyException", "DeleteRepository", repositoryName=R)
everywhere("DeleteRepository")
good("DeleteRepository", repositoryName=R, force=True)
bad(NO_REPOSITORY, "DeleteRepository", repositoryName=R)
for repository in ("auto/new", "page-0", "page-1", "page-2"):
    good("DeleteRepository", repositoryName=f"{PREFIX}/{repository}", force=True)

passed = 0
for operation in OPERATIONS:
    if "ok" not in seen.get(operation, ()):
        problem(operation, "was never done")
    if seen.get(operation, set()) <= {"ok"} and operation not in ("DescribeRegistry", "GetRegistryScanningConfiguration"):
        problem(operation, "was never refused")
    if operation in problems:
        print(f"FAILED {operation}")
        for text in problems[operation]:
            print(f"    {text}")
    else:
        passed += 1
        print(f"ok {operation}")
print(f"{passed} passed, {len(OPERATIONS) - passed} failed")
if __name__ == "__main__":
    sys.exit(passed != len(OPERATIONS))
