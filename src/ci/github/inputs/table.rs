//! Every input of `action.yml`, where its name comes from, and what it means. The action's list of inputs and the
//! table in `docs/github-actions.md` are generated from this.

use super::list::Split;

/// Whose name it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// docker/build-push-action.
    Build,
    /// aws-actions/configure-aws-credentials.
    Credentials,
    /// aws-actions/amazon-ecr-login.
    Login,
    /// Our own: an option of `consign build`.
    Own,
}

/// What becomes of a value. An empty one is one that is not set, whatever the meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// `--OPTION=VALUE`
    Value(&'static str),
    /// `--OPTION=ITEM` for each item.
    List(&'static str, Split),
    /// `--OPTION` if it is true.
    Switch(&'static str),
    /// It has a function of its own.
    Special,
    /// It is what consign does in any case, or somebody else has dealt with it.
    Accepted,
    /// It has no meaning here, and the image is the same without: one line says why.
    Ignored(&'static str),
    /// Without it the image, or what the job relies on, would be another: an error that says what to do.
    Refused(&'static str),
    /// The same, unless it is `false`.
    RefusedUnlessFalse(&'static str),
}

/// One input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// As it is written under `with:`.
    pub name: &'static str,
    /// Whose name it is.
    pub origin: Origin,
    /// What becomes of its value.
    pub meaning: Meaning,
    /// What it is, in a few words.
    pub help: &'static str,
}

const fn input(origin: Origin, name: &'static str, meaning: Meaning, help: &'static str) -> Input {
    Input { name, origin, meaning, help }
}

use Meaning::{Accepted, Ignored, List, Refused, RefusedUnlessFalse, Special, Switch, Value};
use Origin::{Build, Credentials, Login, Own};

const ONLY_RUN: &str = "only a RUN of a Dockerfile uses it, and nothing is run while an image is built: take it out, and \
                        use it in the step that does what the RUN would do";
const NO_RUN: &str = "nothing is run while an image is built";
const NO_ATTESTATION: &str = "this version of consign makes no attestations: take it out or set it to `false`, and attest the digest in a later step";
const NOT_EXPORTED: &str = "credentials stay inside of this step: a later step that needs some gets them with \
                            aws-actions/configure-aws-credentials";

/// All inputs, in the order in which they are documented.
pub const INPUTS: &[Input] = &[
    // What to build.
    input(Build, "context", Special, "Directory to build from (default: the workspace)"),
    input(
        Build,
        "file",
        Special,
        "A Dockerfile or consign.yaml (default: consign.yaml in the context, else Dockerfile, if there is one)",
    ),
    input(Own, "config", Special, "The same as `file`"),
    input(
        Own,
        "base",
        Value("base"),
        "Image to build on, named as in a Dockerfile, or oci-layout://PATH; `scratch` is none",
    ),
    input(
        Own,
        "registry-mirrors",
        List("registry-mirror", Split::Commas),
        "Where images of a registry are looked for first: HOST=PREFIX",
    ),
    input(
        Own,
        "registry-timeout",
        Value("registry-timeout"),
        "Seconds that a registry may say nothing before it is asked again",
    ),
    input(
        Own,
        "dest",
        Value("dest"),
        "Where the directory goes in the image, without a consign.yaml (default: /app)",
    ),
    input(
        Build,
        "platforms",
        List("platform", Split::Commas),
        "Platform of the image: OS/ARCH; several make an index of images",
    ),
    input(
        Own,
        "entrypoint",
        Value("entrypoint"),
        "Program and fixed arguments: a JSON array, or words as a shell splits them",
    ),
    input(Own, "cmd", Value("cmd"), "Default arguments: a JSON array, or words as a shell splits them"),
    input(
        Own,
        "env",
        List("env", Split::Lines),
        "Environment variables of the container: NAME=VALUE, one a line",
    ),
    input(Own, "workdir", Value("workdir"), "Working directory of the container"),
    input(Own, "user", Value("user"), "User of the container"),
    input(Own, "expose", List("expose", Split::Commas), "Ports that the container listens on"),
    input(Own, "volumes", List("volume", Split::Lines), "Mount points, one a line"),
    input(Own, "stop-signal", Value("stop-signal"), "Signal that asks the container to stop"),
    input(Build, "labels", List("label", Split::Lines), "Labels: KEY=VALUE, one a line"),
    input(
        Build,
        "annotations",
        Special,
        "Annotations: [manifest:|index:|manifest[PLATFORM]:]KEY=VALUE, one a line",
    ),
    input(Own, "chown", Value("chown"), "Numeric owner of the files, UID[:GID], without a consign.yaml"),
    input(
        Own,
        "source-date-epoch",
        Value("source-date-epoch"),
        "Time stamp of everything in the image, in seconds since 1970",
    ),
    // Where it goes.
    input(
        Build,
        "tags",
        List("tag", Split::Commas),
        "Names of the image; without a registry host, the private ECR registry in use is meant",
    ),
    input(
        Own,
        "tag-rules",
        List("tag-rule", Split::Verbatim),
        "Rules for tags, as docker/metadata-action has them, one a line",
    ),
    input(
        Own,
        "tag-flavor",
        List("tag-flavor", Split::Verbatim),
        "What holds for all tags of rules, one a line",
    ),
    input(Own, "ci-labels", Switch("ci-labels"), "Labels that say which commit and which job it was"),
    input(Own, "ci-annotations", Switch("ci-annotations"), "The same as annotations"),
    input(Build, "push", Special, "Push the image (default: false)"),
    input(Build, "outputs", Special, "Also write the image to disk: type=oci|docker,dest=PATH, one a line"),
    input(
        Build,
        "load",
        RefusedUnlessFalse(
            "there is no daemon to load it into: write `outputs: type=docker,dest=image.tar` and run `docker load -i image.tar`",
        ),
        "Refused if it is true",
    ),
    input(
        Own,
        "create-repository",
        Switch("create-repository"),
        "Create the ECR repository if it does not exist",
    ),
    input(
        Own,
        "wait-replication",
        List("wait-replication", Split::Commas),
        "Regions that the image has to be in before the step ends: REGION or REGION@ACCOUNT",
    ),
    input(
        Own,
        "replication-timeout",
        Value("replication-timeout"),
        "How long it is waited for (default: 15m)",
    ),
    input(Own, "transport", Value("transport"), "How ECR is talked to: ecr (default) or oci"),
    input(
        Own,
        "registry-endpoint",
        Value("registry-endpoint"),
        "Where /v2/ of an ECR host is found, if not at that host",
    ),
    input(Own, "registry-host", Value("registry-host"), "Name of the private registry, if it is not AWS's"),
    // The gate.
    input(
        Own,
        "fail-on",
        Value("fail-on"),
        "Scan what was pushed, and fail if a finding is as bad as this: critical, high, medium, low, informational, undefined",
    ),
    input(Own, "sarif-file", Value("sarif"), "File for the findings as SARIF, for code-scanning pages"),
    input(
        Own,
        "scan-ignore-file",
        Value("ignore-file"),
        "File with findings that do not count (default: .consign-scan-ignore.yaml, if it is there)",
    ),
    input(Own, "scan-timeout", Value("scan-timeout"), "How long the scan may take (default: 10m)"),
    input(
        Own,
        "scan-max-age",
        Value("scan-max-age"),
        "How old a scan of basic scanning may be before another is made (default: 24h)",
    ),
    input(Own, "allow-unscanned", Switch("allow-unscanned"), "Accept images that ECR can't scan"),
    // Layers and reuse.
    input(
        Own,
        "compression",
        Value("compression"),
        "How layers are compressed: gzip (default), zstd or none",
    ),
    input(Own, "compression-level", Value("compression-level"), "gzip: 1 to 12; zstd: 1 to 19"),
    input(Own, "layers", Value("layers"), "auto (default) or single"),
    input(Own, "explain", Switch("explain"), "Print the layers, what is reused, and why"),
    input(Own, "threads", Value("threads"), "Threads that read and compress (default: one a core)"),
    input(Own, "cache-dir", Value("cache-dir"), "Directory that keeps what is known of layers"),
    input(
        Build,
        "cache-from",
        Special,
        "Images whose layers may be reused: a name, or type=registry,ref=NAME",
    ),
    input(Build, "cache-to", Ignored("the image that is pushed is the cache"), "Not needed"),
    input(Build, "no-cache", Switch("no-cache"), "Make and send layers as if nothing were known of any"),
    input(Build, "no-cache-filters", Ignored("there are no stages"), "Not needed"),
    // AWS.
    input(Credentials, "aws-region", Value("region"), "AWS region"),
    input(Credentials, "role-to-assume", Value("role-to-assume"), "Role to assume with the job's OIDC token"),
    input(
        Credentials,
        "role-session-name",
        Value("role-session-name"),
        "Name of the session, seen in CloudTrail (default: consign)",
    ),
    input(
        Credentials,
        "role-duration-seconds",
        Value("role-duration-seconds"),
        "How long the credentials live; they are renewed when they run out",
    ),
    input(Credentials, "role-external-id", Special, "External id, where a role is assumed without OIDC"),
    input(
        Credentials,
        "role-chaining",
        Special,
        "Assume the role with the credentials that the job has, not with its OIDC token",
    ),
    input(Credentials, "force-skip-oidc", Special, "The same as `role-chaining`"),
    input(
        Credentials,
        "audience",
        Value("audience"),
        "Audience of the OIDC token (default: sts.amazonaws.com)",
    ),
    input(
        Credentials,
        "web-identity-token-file",
        Value("web-identity-token-file"),
        "File that holds the OIDC token",
    ),
    input(
        Own,
        "web-identity-token-env",
        Value("web-identity-token-env"),
        "Variable that holds the OIDC token",
    ),
    input(Credentials, "aws-access-key-id", Special, "Access key, for jobs without OIDC"),
    input(Credentials, "aws-secret-access-key", Special, "Its secret"),
    input(Credentials, "aws-session-token", Special, "Its session token, if it is a temporary one"),
    input(
        Credentials,
        "inline-session-policy",
        Value("inline-session-policy"),
        "IAM policy that narrows what the session may do",
    ),
    input(
        Credentials,
        "managed-session-policies",
        List("managed-session-policies", Split::Lines),
        "ARNs of IAM policies that narrow it, one a line",
    ),
    input(
        Credentials,
        "allowed-account-ids",
        List("allowed-account-ids", Split::Commas),
        "Refuse credentials of any other account",
    ),
    input(
        Credentials,
        "mask-aws-account-id",
        Special,
        "Hide the account id in the log (default: false); other jobs then do not get outputs that contain it",
    ),
    input(Credentials, "role-skip-session-tagging", Accepted, "Sessions are never tagged"),
    input(Credentials, "transitive-tag-keys", Ignored("sessions are never tagged"), "Not needed"),
    input(
        Credentials,
        "retry-max-attempts",
        Special,
        "How often a call is tried before it counts as failed (default: 12)",
    ),
    input(Credentials, "disable-retry", Special, "Try each call once"),
    input(Credentials, "sts-endpoint", Value("sts-endpoint"), "Where STS answers, instead of AWS"),
    input(Credentials, "http-proxy", Accepted, "Proxy for all requests"),
    input(Credentials, "no-proxy", Accepted, "Hosts that are reached without the proxy"),
    input(Credentials, "output-credentials", RefusedUnlessFalse(NOT_EXPORTED), "Refused if it is true"),
    input(Credentials, "output-env-credentials", RefusedUnlessFalse(NOT_EXPORTED), "Refused if it is true"),
    input(
        Credentials,
        "unset-current-credentials",
        Accepted,
        "A role or keys that are given here come before those of the job anyway",
    ),
    input(
        Credentials,
        "special-characters-workaround",
        Ignored("credentials are never put into variables"),
        "Not needed",
    ),
    input(
        Login,
        "registries",
        Ignored("every registry that a tag names is logged in to by itself"),
        "Not needed",
    ),
    input(
        Login,
        "registry-type",
        Special,
        "private or public; not needed, as the tags say which registry is meant",
    ),
    input(Login, "mask-password", Accepted, "No password is ever shown"),
    input(Login, "skip-logout", Accepted, "There is no login that could be left behind"),
    // Results, besides the outputs.
    input(Own, "metadata-file", Value("metadata-file"), "File for BuildKit's metadata"),
    input(Own, "iidfile", Value("iidfile"), "File for the image id"),
    input(Own, "digest-file", Value("digest-file"), "File for the digest"),
    input(Own, "dotenv-file", Value("dotenv-file"), "File for NAME=value lines"),
    input(Own, "properties-file", Value("properties-file"), "File for name=value lines"),
    // What only a Dockerfile needs.
    input(Build, "target", Value("target"), "Stage of the Dockerfile that is wanted (default: the last one)"),
    input(
        Build,
        "build-args",
        List("build-arg", Split::Lines),
        "Values for the ARGs of the Dockerfile: NAME=VALUE, one a line",
    ),
    input(
        Build,
        "build-contexts",
        List("build-context", Split::Lines),
        "Directories and images that the Dockerfile knows by a name: NAME=PATH, one a line",
    ),
    input(Build, "secrets", Refused(ONLY_RUN), "Refused"),
    input(Build, "secret-envs", Refused(ONLY_RUN), "Refused"),
    input(Build, "secret-files", Refused(ONLY_RUN), "Refused"),
    input(Build, "ssh", Refused(ONLY_RUN), "Refused"),
    input(Build, "call", Special, "build, or check: then nothing is built; anything else is refused"),
    // Attestations.
    input(Build, "provenance", RefusedUnlessFalse(NO_ATTESTATION), "Refused unless it is false"),
    input(Build, "sbom", RefusedUnlessFalse(NO_ATTESTATION), "Refused unless it is false"),
    input(Build, "attests", Special, "Refused unless each of them is disabled"),
    // What only a builder needs.
    input(Build, "builder", Ignored("there is no builder"), "Not needed"),
    input(Build, "pull", Ignored("a base image is looked up at its registry in every build"), "Not needed"),
    input(Build, "add-hosts", Ignored(NO_RUN), "Not needed"),
    input(Build, "allow", Ignored(NO_RUN), "Not needed"),
    input(Build, "cgroup-parent", Ignored(NO_RUN), "Not needed"),
    input(Build, "network", Ignored(NO_RUN), "Not needed"),
    input(Build, "shm-size", Ignored(NO_RUN), "Not needed"),
    input(Build, "ulimit", Ignored(NO_RUN), "Not needed"),
    input(Build, "github-token", Accepted, "The context is a directory, and nothing is fetched from GitHub"),
];

/// The input that is called `name`; as for the runner, capitals do not matter.
pub fn find(name: &str) -> Option<&'static Input> {
    INPUTS.iter().find(|input| input.name.eq_ignore_ascii_case(name))
}
