//! Whether the image is for the processor that the task asks for.

use super::Json;
use crate::base::Platform;

/// What is wrong if a task of `definition` runs an image for `platform`, as far as the two documents tell
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RuntimePlatform.html>).
pub fn platform_warning(definition: &Json, platform: &Platform) -> Option<String> {
    let asked = definition.get("runtimePlatform");
    let text = |key| asked.and_then(|asked| asked.get(key)).and_then(Json::text);
    let family = text("operatingSystemFamily");
    let system = if family.as_deref().is_some_and(|family| family.starts_with("WINDOWS")) { "windows" } else { "linux" };
    if system != platform.os && (family.is_some() || platform.os != "linux") {
        let said = family.map_or("no `operatingSystemFamily`, which means LINUX".into(), |family| {
            format!("`operatingSystemFamily` {family}")
        });
        return Some(format!("the image is for {platform}, and the task definition has {said}"));
    }
    let processor = match platform.architecture.as_str() {
        "amd64" => "X86_64",
        "arm64" => "ARM64",
        other => return Some(format!("the image is for {platform}, and ECS has no processors for {other}")),
    };
    match text("cpuArchitecture") {
        Some(asked) if asked == processor => None,
        Some(asked) => {
            Some(format!("the image is for {platform}, and the task definition has `cpuArchitecture` {asked}"))
        }
        // On instances of one's own, a task runs wherever there is room.
        None if processor == "ARM64" && on_fargate(definition) => Some(format!(
            "the image is for {platform}, and the task definition has no `cpuArchitecture`, for which Fargate takes X86_64"
        )),
        None => None,
    }
}

fn on_fargate(definition: &Json) -> bool {
    let Some(Json::Array(kinds)) = definition.get("requiresCompatibilities") else { return false };
    kinds.iter().filter_map(Json::text).any(|kind| kind == "FARGATE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_that_do_not_match() {
        let warning = |definition: &str, platform: &str| {
            platform_warning(&Json::read(definition).unwrap(), &platform.parse().unwrap())
        };
        let arm = r#"{"runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}}"#;
        let fargate = r#"{"requiresCompatibilities": ["FARGATE"]}"#;
        let windows = r#"{"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}"#;
        for (definition, platform) in [
            (arm, "linux/arm64"),
            (fargate, "linux/amd64"),
            (windows, "windows/amd64"),
            ("{}", "linux/amd64"),
            ("{}", "linux/arm64"),
        ] {
            assert_eq!(warning(definition, platform), None, "{definition} {platform}");
        }
        for (definition, platform, part) in [
            (arm, "linux/amd64", "for linux/amd64, and the task definition has `cpuArchitecture` ARM64"),
            (fargate, "linux/arm64", "Fargate takes X86_64"),
            (windows, "linux/amd64", "`operatingSystemFamily` WINDOWS_SERVER_2022_CORE"),
            (arm, "windows/arm64", "`operatingSystemFamily` LINUX"),
            ("{}", "windows/amd64", "which means LINUX"),
            ("{}", "linux/riscv64", "no processors for riscv64"),
        ] {
            let warning = warning(definition, platform).unwrap_or_default();
            assert!(warning.contains(part), "{definition} {platform}: {warning}");
        }
    }
}
