//! Finding programs that others have installed.

use crate::base::Env;
use std::path::PathBuf;

/// The program `name` in the folders of `PATH`.
pub fn on_path(name: &str, environment: &Env) -> Option<PathBuf> {
    let is_program =
        |path: &PathBuf| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    std::env::split_paths(environment.get("PATH")?).map(|folder| folder.join(name)).find(is_program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn only_what_can_be_run_is_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let environment: Env =
            [("PATH", format!("{}:{}", first.display(), second.display()))].into_iter().collect();
        for (path, mode) in [(&first, 0o644), (&second, 0o755)] {
            fs_err::create_dir(path).unwrap();
            fs_err::write(path.join("tool"), "").unwrap();
            fs_err::set_permissions(path.join("tool"), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        fs_err::create_dir(second.join("folder")).unwrap();
        // root may open everything, and execute only what somebody may.
        assert_eq!(on_path("tool", &environment), Some(second.join("tool")));
        assert_eq!(on_path("folder", &environment), None);
        assert_eq!(on_path("tool", &Env::default()), None);
    }
}
