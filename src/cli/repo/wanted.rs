//! From options and the `repository` of a consign.yaml to what a repository is to be like; files are read here.

use super::super::error::{CliError, Fail};
use crate::ecr::repository::{
    Document, Encryption, MAX_POLICY, Mutability, NotADocument, Presence, Wanted, WantedCatalog,
};
use crate::spec::{CatalogSettings, PolicySource, RepositorySettings, TextSource};
use std::io::Read as _;
use std::path::Path;

/// Bytes of a logo, by the model of ECR Public's API.
const MAX_LOGO: usize = 512_000;
/// Characters of a text about a repository, by the same.
const MAX_TEXT: usize = 25_600;

/// What `settings` say; the files that they name are below `folder`.
pub(in crate::cli) fn wanted(settings: &RepositorySettings, folder: &Path) -> Result<Wanted, Fail> {
    let RepositorySettings {
        name: _,
        tag_mutability,
        tag_mutability_exclusions,
        scan_on_push,
        encryption,
        lifecycle,
        policy,
        tags,
        catalog,
    } = settings;
    let exclusions = tag_mutability_exclusions.clone();
    Ok(Wanted {
        mutability: tag_mutability.clone().map(|setting| Mutability { setting, exclusions }),
        scan_on_push: *scan_on_push,
        encryption: encryption.as_ref().map(|e| Encryption { kind: e.kind.clone(), key: e.key.clone() }),
        lifecycle: lifecycle.as_ref().map(|source| presence(source, folder)).transpose()?,
        policy: match policy.as_ref().map(|source| presence(source, folder)).transpose()? {
            Some(Presence::Is(policy)) => Some(Presence::Is(checked("repository.policy", policy)?)),
            other => other,
        },
        tags: tags.clone(),
        no_other_tags: false,
        catalog: catalog.as_ref().map(|catalog| wanted_catalog(catalog, folder)).transpose()?,
    })
}

fn presence(source: &PolicySource, folder: &Path) -> Result<Presence, Fail> {
    Ok(match source {
        PolicySource::File(path) => Presence::Is(document(&folder.join(path))?),
        PolicySource::Inline(value) => Presence::Is(value.clone().into()),
        PolicySource::Nothing => Presence::Nothing,
    })
}

/// The JSON document in the file `path`; `-` is stdin.
pub(super) fn document(path: &Path) -> Result<Document, Fail> {
    let (name, text) = if path == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().lock().read_to_string(&mut text);
        read.map_err(|error| CliError::input(format!("reading stdin: {error}")))?;
        ("stdin".to_owned(), text)
    } else {
        (path.display().to_string(), read(path)?)
    };
    Document::parse(&text).map_err(|NotADocument { line, column, what }| {
        CliError::input(format!("{name}:{line}:{column}: this is no JSON document: {what}")).into()
    })
}

/// `policy`, if it is not too long for a repository.
pub(super) fn checked(name: &str, policy: Document) -> Result<Document, Fail> {
    let length = policy.text().chars().count();
    if length <= MAX_POLICY {
        return Ok(policy);
    }
    Err(CliError::input(format!(
        "{name}: the policy has {length} characters, and ECR takes {MAX_POLICY} for a repository"
    ))
    .hinted("spaces and line breaks count, and can go: `jq --compact-output . FILE`; statements with the same principals can be joined")
    .into())
}

fn read(path: &Path) -> Result<String, Fail> {
    fs_err::read_to_string(path).map_err(|error| CliError::input(error.to_string()).into())
}

fn wanted_catalog(settings: &CatalogSettings, folder: &Path) -> Result<WantedCatalog, Fail> {
    let text = |name: &str, source: &Option<TextSource>| -> Result<Option<String>, Fail> {
        let text = match source {
            None => return Ok(None),
            Some(TextSource::Inline(text)) => text.clone(),
            Some(TextSource::File(path)) => read(&folder.join(path))?,
        };
        let length = text.chars().count();
        if length > MAX_TEXT {
            let why = format!(
                "`repository.catalog.{name}` has {length} characters, and ECR Public takes {MAX_TEXT}"
            );
            return Err(CliError::input(why).hinted("shorten it, and link to the rest").into());
        }
        Ok(Some(text))
    };
    let logo = match &settings.logo {
        None => None,
        Some(path) => {
            let path = folder.join(path);
            let bytes = fs_err::read(&path).map_err(|error| CliError::input(error.to_string()))?;
            if bytes.is_empty() || bytes.len() > MAX_LOGO {
                let (path, length) = (path.display(), bytes.len());
                let why =
                    format!("the logo `{path}` has {length} bytes, and ECR Public takes 1 to {MAX_LOGO}");
                return Err(CliError::input(why).hinted("it may be a JPEG, PNG or SVG of that size").into());
            }
            Some(bytes)
        }
    };
    Ok(WantedCatalog {
        description: settings.description.clone(),
        about_text: text("aboutText", &settings.about_text)?,
        usage_text: text("usageText", &settings.usage_text)?,
        operating_systems: settings.operating_systems.clone(),
        architectures: settings.architectures.clone(),
        logo,
    })
}
