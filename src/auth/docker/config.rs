//! Changing a file with credentials: Docker's `config.json`
//! (<https://docs.docker.com/reference/cli/docker/login/#credential-stores>), or the `auth.json` of podman and skopeo
//! (<https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md>).
//!
//! Other programs write to it too, so what is not ours stays as it is, in its order. The file is put in place whole, by
//! one rename, and only its owner may read it.

use super::docker_file;
use super::protocol::host_of;
use crate::auth::AuthError;
use crate::base::{Env, Secret};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Serialize as _;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Serializer, Value, json};
use std::fmt;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The members in which credentials lie.
const AUTHS: &str = "auths";
const HELPERS: &str = "credHelpers";
const STORE: &str = "credsStore";

/// How Docker indents.
const TAB: &str = "\t";

/// Who writes the file besides us, which decides what counts in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Docker.
    Docker,
    /// podman and skopeo, which do not know `credsStore`.
    Containers,
}

/// Where the login of a registry is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keeper {
    /// In the file itself.
    File,
    /// With the program `docker-credential-NAME`.
    Helper(String),
}

/// A file with credentials, as it was read and then changed. It takes its place with [`save`](Self::save).
pub struct ConfigFile {
    path: PathBuf,
    form: Form,
    members: Map<String, Value>,
    /// What a line is indented with; none if there are no lines.
    indent: Option<String>,
    ends_in_line_break: bool,
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What stands in it are passwords.
        f.debug_struct("ConfigFile")
            .field("path", &self.path)
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

impl ConfigFile {
    /// Reads the file: `auth_file` if it is given, else Docker's. One that is not there yet is empty. Fails if it can't
    /// be read, or does not have the form that Docker knows.
    pub fn open(auth_file: Option<&Path>, environment: &Env) -> Result<Self, AuthError> {
        let (path, form) = match auth_file {
            Some(path) => (path.to_owned(), Form::Containers),
            None => (docker_file(environment).ok_or(AuthError::NoDockerConfig)?, Form::Docker),
        };
        let text = match fs_err::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(AuthError::DockerConfig { path, why: error.kind().to_string() }),
        };
        let members = match parse(&text) {
            Ok(members) => members,
            Err(why) => return Err(AuthError::DockerConfigForm { path, why }),
        };
        Ok(Self { path, form, members, indent: indent(&text), ends_in_line_break: text.ends_with('\n') })
    }

    /// Where it is, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who keeps the login of `host`.
    pub fn keeper(&self, host: &str) -> Keeper {
        let own = self.members.get(HELPERS).and_then(|helpers| helpers.get(host));
        let every = self.members.get(STORE).filter(|_| self.form == Form::Docker);
        let name = own.or(every).and_then(Value::as_str).filter(|name| !name.is_empty());
        name.map_or(Keeper::File, |name| Keeper::Helper(name.to_owned()))
    }

    /// Keeps a login in the file.
    pub fn set_password(&mut self, host: &str, user: &str, password: &Secret) {
        let pair = Secret::new(format!("{user}:{}", password.expose()));
        self.set_entry(host, json!({ "auth": BASE64_STANDARD.encode(pair.expose()) }));
    }

    /// Notes that there is a login, which a helper keeps; as Docker does.
    pub fn set_kept_elsewhere(&mut self, host: &str) {
        self.set_entry(host, json!({}));
    }

    /// Has the helper `name` asked for `host`, and forgets what was in the file for it.
    pub fn set_helper(&mut self, host: &str, name: &str) {
        self.remove_entry(host);
        self.member(HELPERS).insert(host.to_owned(), name.into());
    }

    /// Takes out the login of `host` under all its names; true if there was one.
    pub fn remove_entry(&mut self, host: &str) -> bool {
        self.remove_from(AUTHS, |key, _| host_of(key) == host)
    }

    /// Takes out the helper of `host`, if it is the one named `name`; true if it was.
    pub fn remove_helper(&mut self, host: &str, name: &str) -> bool {
        self.remove_from(HELPERS, |key, value| host_of(key) == host && value.as_str() == Some(name))
    }

    /// The hosts that the file knows, each once.
    pub fn hosts(&self) -> Vec<String> {
        let members = [AUTHS, HELPERS].iter().filter_map(|name| self.members.get(*name)?.as_object());
        let mut hosts = Vec::new();
        for host in members.flat_map(Map::keys).map(|key| host_of(key)) {
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts
    }

    fn set_entry(&mut self, host: &str, entry: Value) {
        self.member(AUTHS).insert(host.to_owned(), entry);
    }

    /// The object `name`, which is made if it is not there.
    fn member(&mut self, name: &str) -> &mut Map<String, Value> {
        let value = self.members.entry(name).or_insert_with(|| json!({}));
        if value.is_null() {
            *value = json!({});
        }
        value.as_object_mut().expect("invariant: `parse` has let nothing else pass")
    }

    fn remove_from(&mut self, name: &str, is_meant: impl Fn(&str, &Value) -> bool) -> bool {
        let Some(Value::Object(entries)) = self.members.get_mut(name) else { return false };
        let before = entries.len();
        entries.retain(|key, value| !is_meant(key, value));
        entries.len() < before
    }

    fn text(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = Vec::new();
        match &self.indent {
            Some(indent) => {
                let formatter = PrettyFormatter::with_indent(indent.as_bytes());
                self.members.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
            }
            None => self.members.serialize(&mut Serializer::new(&mut bytes))?,
        }
        if self.ends_in_line_break {
            bytes.push(b'\n');
        }
        Ok(bytes)
    }

    /// Puts it in place.
    pub fn save(&self) -> Result<(), AuthError> {
        self.write().map_err(|source| AuthError::DockerConfigWrite { path: self.path.clone(), source })
    }

    fn write(&self) -> io::Result<()> {
        let place = behind_links(&self.path)?;
        let folder = match place.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Only its owner can read it from the first moment on.
        let mut file = tempfile::Builder::new().prefix(".consign-").tempfile_in(folder)?;
        file.write_all(&self.text()?)?;
        // Whose file it was, it stays, as with Docker; who is not root can't give a file away, and need not.
        if let Ok(old) = fs_err::metadata(&place)
            && let Err(error) = std::os::unix::fs::fchown(file.as_file(), Some(old.uid()), Some(old.gid()))
        {
            tracing::debug!("{}: its owner stays another: {error}", place.display());
        }
        file.as_file().sync_all()?;
        file.persist(&place).map(drop).map_err(|error| error.error)
    }
}

/// The members of the file, if it is one that Docker understands. The reason names members, never their values.
fn parse(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Value::Object(members) = document else { return Err("it is no JSON object".into()) };
    let object_of = |name: &str, is_right: fn(&Value) -> bool| match members.get(name) {
        None | Some(Value::Null) => true,
        Some(value) => value.as_object().is_some_and(|entries| entries.values().all(is_right)),
    };
    let store = members.get(STORE).is_none_or(|value| value.is_null() || value.is_string());
    for (name, is_right, form) in [
        (AUTHS, object_of(AUTHS, Value::is_object), "an object of objects"),
        (HELPERS, object_of(HELPERS, Value::is_string), "an object of texts"),
        (STORE, store, "a text"),
    ] {
        if !is_right {
            return Err(format!("`{name}` is not {form}"));
        }
    }
    Ok(members)
}

/// What the second line is indented with, or Docker's tab for a new file.
fn indent(text: &str) -> Option<String> {
    let text = text.trim_end();
    if matches!(text, "" | "{}") {
        return Some(TAB.to_owned());
    }
    let (_, rest) = text.split_once('\n')?;
    let line = rest.lines().find(|line| !line.trim().is_empty())?;
    Some(line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect())
}

/// Where the links of `path` end: a rename would otherwise put a file in the place of the link.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..40 {
        match place.read_link() {
            Ok(next) => place = place.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(place),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::env::DOCKER_CONFIG;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new(text: &str) -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            fs_err::write(folder.path(), text).unwrap();
            folder
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("config.json")
        }

        fn open(&self) -> Result<ConfigFile, AuthError> {
            let folder = self.0.path().display().to_string();
            ConfigFile::open(None, &[(DOCKER_CONFIG, folder)].into_iter().collect())
        }

        /// What becomes of the file.
        fn changed(&self, change: impl FnOnce(&mut ConfigFile)) -> String {
            let mut file = self.open().unwrap();
            change(&mut file);
            file.save().unwrap();
            fs_err::read_to_string(self.path()).unwrap()
        }
    }

    fn log_in(file: &mut ConfigFile) {
        file.set_password("r.example", "AWS", &Secret::new("pw"));
    }

    #[test]
    fn the_rest_stays_as_it_is() {
        // The order, the indentation, what nobody here knows, and that the file does not end in a line break.
        let before = "{\n  \"zebra\": [1, 2.5, null],\n  \"auths\": {\n    \"b.example\": {\n      \"auth\": \"eDp5\",\n      \
                      \"unknown\": true\n    }\n  },\n  \"apple\": {}\n}";
        let folder = Folder::new(before);
        insta::assert_snapshot!(folder.changed(log_in), @r#"
        {
          "zebra": [
            1,
            2.5,
            null
          ],
          "auths": {
            "b.example": {
              "auth": "eDp5",
              "unknown": true
            },
            "r.example": {
              "auth": "QVdTOnB3"
            }
          },
          "apple": {}
        }
        "#);
        let again = folder.changed(|file| assert!(file.remove_entry("r.example")));
        assert_eq!(again, before.replace("[1, 2.5, null]", "[\n    1,\n    2.5,\n    null\n  ]"));
        assert_eq!(fs_err::read_dir(folder.0.path()).unwrap().count(), 1, "no file is left beside it");
    }

    #[test]
    fn the_form_of_the_file_is_kept() {
        let entry = r#""r.example":{"auth":"QVdTOnB3"}"#;
        assert_eq!(
            Folder::new("{\"x\":1}\n").changed(log_in),
            format!("{{\"x\":1,\"auths\":{{{entry}}}}}\n")
        );
        let docker = "{\n\t\"auths\": {\n\t\t\"r.example\": {\n\t\t\t\"auth\": \"QVdTOnB3\"\n\t\t}\n\t}\n}";
        assert_eq!(Folder::new("").changed(log_in), docker);
        assert_eq!(Folder::new("{}").changed(log_in), docker);
        assert_eq!(Folder::new("{\"auths\":null}").changed(log_in), format!("{{\"auths\":{{{entry}}}}}"));
        assert_eq!(Folder::new(docker).changed(log_in), docker);
    }

    #[test]
    fn what_is_not_dockers_is_left_alone() {
        for (text, why) in [
            ("{", "EOF"),
            ("[]", "no JSON object"),
            (r#"{"auths":[]}"#, "`auths`"),
            (r#"{"auths":{"x":"secret"}}"#, "`auths`"),
            (r#"{"credHelpers":{"x":{}}}"#, "`credHelpers`"),
            (r#"{"credsStore":1}"#, "`credsStore`"),
        ] {
            let folder = Folder::new(text);
            let error = folder.open().unwrap_err();
            assert!(matches!(error, AuthError::DockerConfigForm { .. }), "{error}");
            assert!(error.to_string().contains(why) && !format!("{error:?}").contains("secret"), "{error}");
            assert_eq!(fs_err::read_to_string(folder.path()).unwrap(), text);
        }
    }

    #[test]
    fn a_link_stays_one_and_only_the_owner_can_read() {
        let folder = Folder::new("{}");
        let elsewhere = folder.0.path().join("elsewhere/config.json");
        fs_err::create_dir(elsewhere.parent().unwrap()).unwrap();
        for (step, target) in ["elsewhere/config.json", elsewhere.to_str().unwrap()].into_iter().enumerate() {
            fs_err::remove_file(folder.path()).unwrap();
            symlink(target, folder.path()).unwrap();
            if step > 0 {
                fs_err::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o644)).unwrap();
            }
            folder.changed(log_in);
            assert!(folder.path().is_symlink());
            assert_eq!(fs_err::metadata(&elsewhere).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs_err::remove_file(folder.path()).unwrap();
        symlink("config.json", folder.path()).unwrap();
        let mut file = ConfigFile { path: folder.path(), ..Folder::new("").open().unwrap() };
        log_in(&mut file);
        assert!(matches!(file.save(), Err(AuthError::DockerConfigWrite { .. })));
    }

    #[test]
    fn who_keeps_a_login() {
        let text = r#"{"credsStore":"store","credHelpers":{"a.example":"own","b.example":""}}"#;
        let folder = Folder::new(text);
        let docker = folder.open().unwrap();
        let helper = |name: &str| Keeper::Helper(name.to_owned());
        assert_eq!(docker.keeper("a.example"), helper("own"));
        assert_eq!(docker.keeper("b.example"), Keeper::File, "an empty name switches the store off");
        assert_eq!(docker.keeper("c.example"), helper("store"));
        let containers = ConfigFile::open(Some(&folder.path()), &Env::default()).unwrap();
        assert_eq!(containers.keeper("a.example"), helper("own"));
        assert_eq!(containers.keeper("c.example"), Keeper::File);
    }

    #[test]
    fn entries_under_all_names_of_a_host() {
        let text = r#"{"auths":{"https://a.example":{},"a.example":{},"b.example":{}},"credHelpers":{"a.example":"x"}}"#;
        let folder = Folder::new(text);
        let mut file = folder.open().unwrap();
        assert_eq!(file.hosts(), ["a.example", "b.example"]);
        assert!(!file.remove_helper("a.example", "consign"), "somebody else's");
        file.set_helper("a.example", "consign");
        assert_eq!(file.hosts(), ["b.example", "a.example"]);
        assert!(file.remove_helper("a.example", "consign") && !file.remove_entry("a.example"));
        assert_eq!(file.hosts(), ["b.example"]);
    }

    #[test]
    fn without_a_home_there_is_no_place() {
        assert!(matches!(ConfigFile::open(None, &Env::default()), Err(AuthError::NoDockerConfig)));
    }
}
