//! What GitHub writes of the event into a file, and not into variables.
//!
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

use super::systems::date;
use super::{Event, Job, commit};
use crate::base::Env;
use serde::Deserialize;

/// The file.
const PATH: &str = "GITHUB_EVENT_PATH";
/// As for metadata-action: if it is `true`, the commit of a pull request is the last one of its branch, and not the
/// merge that is tried.
const HEAD_OF_PULL_REQUEST: &str = "DOCKER_METADATA_PR_HEAD_SHA";

#[derive(Debug, Default, Deserialize)]
struct Payload {
    number: Option<u64>,
    repository: Option<Repository>,
    pull_request: Option<PullRequest>,
    head_commit: Option<Commit>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    default_branch: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PullRequest {
    head: Option<Head>,
}

#[derive(Debug, Deserialize)]
struct Head {
    sha: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    id: Option<String>,
    timestamp: Option<String>,
}

/// Adds what the file says, if there is one that can be read. Nothing depends on it alone, so one that can't is
/// passed over.
pub(super) fn add(job: Job, env: &Env) -> Job {
    let Some(path) = env.get(PATH) else { return job };
    match fs_err::read(path).map_err(|error| error.to_string()).and_then(|bytes| {
        serde_json::from_slice::<Payload>(&bytes).map_err(|error| format!("{path}: {error}"))
    }) {
        Ok(payload) => merge(job, payload, env.get(HEAD_OF_PULL_REQUEST) == Some("true")),
        Err(error) => {
            tracing::debug!("the event file of GitHub is passed over: {error}");
            job
        }
    }
}

fn merge(mut job: Job, payload: Payload, head_of_pull_request: bool) -> Job {
    if job.default_branch.is_none() {
        job.default_branch = payload.repository.and_then(|repository| repository.default_branch);
    }
    if job.event == Event::Other("pull_request_target".into())
        && let Some(number) = payload.number
    {
        job.event = Event::PullRequest { number: number.to_string() };
    }
    if head_of_pull_request
        && let Some(sha) = payload.pull_request.and_then(|request| request.head?.sha)
        && let Some(sha) = commit(&sha)
    {
        job.sha = Some(sha);
    }
    if let Some(head) = payload.head_commit
        && head.id.is_some()
        && head.id == job.sha
    {
        job.commit_date = head.timestamp.as_deref().and_then(date);
    }
    job
}

#[cfg(test)]
mod tests {
    use super::super::GitRef;
    use super::*;

    const SHA: &str = "90dd6032fac8bda1b6c4436a2e65de27961ed071";
    const HEAD: &str = "1e9249f05bfc090e0688b8fb9c1b347586add504";

    fn job(event: &str, payload: &str, more: &[(&str, &str)]) -> Job {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.json");
        fs_err::write(&path, payload).unwrap();
        let variables = [("GITHUB_ACTIONS", "true"), ("GITHUB_SHA", SHA), ("GITHUB_EVENT_NAME", event)];
        let path = path.display().to_string();
        let all = variables.into_iter().chain([(PATH, path.as_str()), ("GITHUB_REF", "refs/heads/main")]);
        let env: Env = all.chain(more.iter().copied()).collect();
        add(Job::detect(&env).unwrap(), &env)
    }

    #[test]
    fn what_variables_do_not_say() {
        let payload = format!(
            r#"{{"repository": {{"default_branch": "main", "id": 1}}, "head_commit": {{"id": "{SHA}",
                "timestamp": "2020-01-10T00:30:00+02:00"}}}}"#
        );
        let found = job("push", &payload, &[]);
        assert_eq!(found.default_branch.as_deref(), Some("main"));
        assert_eq!(found.commit_date, Some("2020-01-09T22:30:00Z".parse().unwrap()));
        assert_eq!(found.git_ref, Some(GitRef::Branch("main".into())));
    }

    #[test]
    fn a_pull_request_of_the_base_branch_has_its_number_in_the_file_alone() {
        let payload = format!(r#"{{"number": 12, "pull_request": {{"head": {{"sha": "{HEAD}"}}}}}}"#);
        let found = job("pull_request_target", &payload, &[]);
        assert_eq!(found.event, Event::PullRequest { number: "12".into() });
        assert_eq!((found.git_ref, found.sha.as_deref()), (None, Some(SHA)));
        let head = job("pull_request_target", &payload, &[(HEAD_OF_PULL_REQUEST, "true")]);
        assert_eq!(head.sha.as_deref(), Some(HEAD));
    }

    #[test]
    fn a_file_that_is_none_of_githubs_changes_nothing() {
        for text in ["", "[]", "{", r#"{"number": "x"}"#] {
            assert_eq!(job("push", text, &[]).default_branch, None, "{text}");
        }
    }
}
