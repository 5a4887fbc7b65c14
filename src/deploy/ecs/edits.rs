//! What can be changed beside the image, by the names that `amazon-ecs-render-task-definition` has for it, and the forms
//! that the values take.

use super::error::EcsError;
use std::collections::HashSet;

/// Log drivers that ECS knows
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html>).
pub const LOG_DRIVERS: [&str; 8] =
    ["awsfirelens", "awslogs", "fluentd", "gelf", "journald", "json-file", "splunk", "syslog"];

/// Environment files of a container, at most
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html>).
const ENV_FILES: usize = 10;

/// A name and its value.
pub type Pair = (String, String);

/// The changes of every container that is chosen, and of the task. What is empty changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// Variables, merged by name with those that are there.
    pub environment: Vec<Pair>,
    /// ARNs of objects in S3, in place of those that are there.
    pub environment_files: Vec<String>,
    /// Secrets by name, each with the ARN of a secret or the ARN or name of a parameter; merged by name.
    pub secrets: Vec<Pair>,
    /// Labels, merged by key.
    pub docker_labels: Vec<Pair>,
    /// The command, in place of the one that is there.
    pub command: Option<Vec<String>>,
    /// The log driver.
    pub log_driver: Option<String>,
    /// Options of the log driver, merged by key.
    pub log_options: Vec<Pair>,
    /// Role of the task.
    pub task_role: Option<String>,
    /// Role with which ECS starts the task.
    pub execution_role: Option<String>,
}

/// The lines of all `texts` that are not empty, without the white space around them.
fn lines(texts: &[String]) -> impl Iterator<Item = &str> {
    texts.iter().flat_map(|text| text.lines()).map(str::trim).filter(|line| !line.is_empty())
}

/// The `NAME=VALUE` of each line of `texts`. A value can have a `=` in it. A name can be given once.
pub fn pairs(option: &'static str, texts: &[String]) -> Result<Vec<Pair>, EcsError> {
    let mut names = HashSet::new();
    let mut pairs = Vec::new();
    for line in lines(texts) {
        let Some((name, value)) = line.split_once('=') else {
            // What has no `=` may be a value alone, and so a secret.
            let value = line.chars().take(4).chain("…".chars()).collect();
            return Err(EcsError::Value { option, value, why: "is not NAME=VALUE" });
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            let why = "is not a name: it stands before the first `=`, without white space";
            return Err(EcsError::Value { option, value: name.into(), why });
        }
        if !names.insert(name) {
            return Err(EcsError::Twice { option, name: name.into() });
        }
        pairs.push((name.to_owned(), value.to_owned()));
    }
    Ok(pairs)
}

/// The `NAME=ARN` of each line of `texts`.
pub fn secrets(option: &'static str, texts: &[String]) -> Result<Vec<Pair>, EcsError> {
    let pairs = pairs(option, texts)?;
    match pairs.iter().find(|(_, from)| from.is_empty() || from.contains(char::is_whitespace)) {
        None => Ok(pairs),
        Some((name, _)) => {
            let why = "needs the ARN of a secret, or the ARN or name of a parameter, behind its `=`";
            Err(EcsError::Value { option, value: name.clone(), why })
        }
    }
}

/// The ARN of an object in S3 of each line of `texts`.
pub fn environment_files(option: &'static str, texts: &[String]) -> Result<Vec<String>, EcsError> {
    let files: Vec<String> = lines(texts).map(str::to_owned).collect();
    for (position, file) in files.iter().enumerate() {
        let wrong = |why| Err(EcsError::Value { option, value: file.clone(), why });
        let object = file.strip_prefix("arn:").and_then(|rest| rest.split_once(":s3:::"));
        if !object.is_some_and(|(_, path)| path.split_once('/').is_some_and(|(bucket, _)| !bucket.is_empty())) {
            return wrong("is not the ARN of an object in S3: it looks like arn:aws:s3:::BUCKET/PATH.env");
        }
        if !file.ends_with(".env") {
            return wrong("does not end in `.env`, as ECS wants it");
        }
        if files[..position].contains(file) {
            return Err(EcsError::Twice { option, name: file.clone() });
        }
    }
    match files.get(ENV_FILES) {
        Some(file) => Err(EcsError::Value {
            option,
            value: file.clone(),
            why: "is one too many: a container can have 10 environment files",
        }),
        None => Ok(files),
    }
}

/// A log driver that ECS knows.
pub fn log_driver(option: &'static str, text: &str) -> Result<String, EcsError> {
    if LOG_DRIVERS.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(EcsError::LogDriver { option, driver: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Failure as _;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn pairs_of_lines() {
        let found = pairs("--x", &texts(&["A=1\r\n\n  B=x=y= z \nC=", "D=é"])).unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, [("A", "1"), ("B", "x=y= z"), ("C", ""), ("D", "é")]);
        let wrong = |text: &str| pairs("--x", &texts(&[text])).unwrap_err().to_string();
        assert_eq!(wrong("A=1\nA=2"), "--x: `A` is given twice");
        assert_eq!(wrong("hunter2hunter2"), "--x: `hunt…` is not NAME=VALUE");
        assert!(wrong("=1").contains("is not a name") && wrong("a b=1").contains("`a b` is not a name"));
    }

    #[test]
    fn secrets_and_files() {
        assert!(secrets("--s", &texts(&["A=arn:aws:ssm:eu-west-1:1:parameter/a", "B=/plain"])).is_ok());
        assert!(secrets("--s", &texts(&["A="])).unwrap_err().to_string().contains("`A` needs the ARN"));
        let files = |list: &[&str]| environment_files("--f", &texts(list)).map_err(|error| error.to_string());
        assert_eq!(files(&["arn:aws:s3:::b/a.env\narn:aws-cn:s3:::b/c/d.env"]).unwrap().len(), 2);
        assert!(files(&["s3://b/a.env"]).unwrap_err().contains("not the ARN"));
        assert!(files(&["arn:aws:s3:::b"]).unwrap_err().contains("not the ARN"));
        assert!(files(&["arn:aws:s3:::b/a.txt"]).unwrap_err().contains("`.env`"));
        assert!(files(&["arn:aws:s3:::b/a.env", "arn:aws:s3:::b/a.env"]).unwrap_err().contains("twice"));
        let many: Vec<String> = (0..11).map(|n| format!("arn:aws:s3:::b/{n}.env")).collect();
        let error = environment_files("--f", &many).unwrap_err().to_string();
        assert!(error.contains("b/10.env` is one too many"), "{error}");
    }

    #[test]
    fn drivers() {
        assert_eq!(log_driver("--d", "awslogs").unwrap(), "awslogs");
        let error = log_driver("--d", "awslog").unwrap_err().to_string();
        assert_eq!(error, "--d: `awslog` is not a log driver of ECS");
        let hint = |text| log_driver("--d", text).unwrap_err().hint().unwrap();
        assert_eq!(hint("awslog"), "did you mean `awslogs`?");
        assert!(hint("x").contains("splunk"));
    }
}
