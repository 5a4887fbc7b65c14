//! `consign build`.

use super::Context;
use super::args::{Build, Format, LayersMode};
use super::bases::Bases;
use super::check;
use super::error::{CliError, Fail, auth, bad_option};
use super::explain::{self, Explained};
use super::images::Opener;
use super::plan::{Asked, encoding, plan};
use super::replication::Waiting;
use super::repo::wanted::wanted;
use super::results::ResultFiles;
use super::scan::AfterPush;
use super::settings::list;
use super::tags::Derived;
use super::targets::{Registries, ensure_repository, manifest_id, references};
use crate::auth::Session;
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::{Event, Once, Platform, Reference, Reporter, Secret};
use crate::build::dockerfile::{self, NamedContext, Request};
use crate::build::{BuildSettings, ImageFiles, Images, OpenImages, Output, Recipe, Recipes, output, prepare};
use crate::ecr::repository::Wanted;
use crate::image::choose::serves;
use crate::image::{Annotations, Form, LayoutWriter};
use crate::publish::{Destination, Published, Reuse, Target, publish};
use crate::registry::Web;
use crate::registry::distribution::Purpose;
use crate::spec::Plan;
use crate::spec::dockerfile::{Dockerfile, Options};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) async fn run(mut args: Build, context: &Context) -> Result<(), Fail> {
    split_lists(&mut args, context);
    if args.check {
        return check::run(&args, context);
    }
    // Everything that can be wrong without looking at the context or the network is found first.
    let derived = Derived::new(references("--tag", &args.tags)?, &args.tag_rules, Some(&args.ci), context)?;
    derived.tell(context);
    let tags = derived.names.clone();
    let registries = Registries::new(&args.registry, &args.aws)?;
    if args.push && tags.is_empty() {
        return Err(CliError::input("--push needs to know where to: there is no --tag")
            .hinted("add `--tag NAME:TAG`, for example `--tag shop/api:1.4`")
            .into());
    }
    let targets = if args.push { registries.targets(&tags)? } else { Vec::new() };
    let scan = AfterPush::check(&args.scan, &args.aws, args.push, &targets, &registries, context)?;
    let cache_from = references("--cache-from", &args.layers.cache_from)?;
    let mut results = ResultFiles::check(&args.results, &context.environment)?;
    let outputs: Vec<_> = args.outputs.iter().map(|text| parse_output(text)).collect::<Result<_, _>>()?;
    let Asked { mut plan, file, dockerfile } = plan(&args)?;
    let steps = match (dockerfile, &file) {
        (Some((dockerfile, text)), Some(file)) => Some(Steps::new(dockerfile, &text, file, &args, context)?),
        _ => {
            check::no_dockerfile(&args)?;
            None
        }
    };
    derived.label(&mut plan.config, &args.ci);
    let (platforms, asked) = platforms(&plan);
    one_image_an_archive(&outputs, &platforms)?;
    let annotations = Annotations::new(&plan.config.annotations, &platforms)?;
    let settings = BuildSettings {
        context: args.context.clone(),
        platform: platforms[0].clone(),
        encoding: encoding(&args.layers)?,
        threads: match args.layers.threads {
            Some(threads) => threads.into(),
            None => std::thread::available_parallelism().map_or(1, usize::from),
        },
        epoch: args.image.source_date_epoch,
        file: file.clone(),
        split: args.layers.layers == LayersMode::Auto,
        cache_dir: args.layers.cache_dir.clone(),
        reuse: !args.layers.no_cache,
        now: i64::try_from(SystemClock.now().as_nanosecond()).unwrap_or(i64::MAX),
    };
    let folder = file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let repository = wanted(&plan.repository, folder)?;
    if args.registry.create_repository {
        registries.check_settings(&targets, &repository)?;
    }
    let session =
        if args.push { registries.session(&tags, &[], &args.aws, &context.environment).await? } else { None };
    let (options, own) = (&args.replication, session.as_ref());
    let waiting = Waiting::new(options, &targets, args.push, own, &registries, context).await?;

    context.reporter.event(Event::Started { what: format!("reading {}", args.context.display()) });
    let bases = Bases::new(&args.sources, &args.registry, &args.aws, context)?.with_session(session.clone());
    let images = OpenImages::new(Opener::new(bases), asked, Arc::clone(&context.reporter));
    let reporter = Arc::clone(&context.reporter);
    let make = move || {
        let recipes = match &steps {
            None => prepare(&plan, &platforms, &settings, &images, &reporter)?,
            Some(steps) => steps.carry_out(&plan, &platforms, &settings, &images, &reporter)?,
        };
        Ok(Recipes::new(&platforms, recipes, annotations)?)
    };
    let recipes = Arc::new(blocking(make).await?);

    let mut built = None;
    if !outputs.is_empty() || !args.push {
        let (recipes, reporter) = (Arc::clone(&recipes), Arc::clone(&context.reporter));
        let names = tags.clone();
        let write = move || Ok(output::write(&recipes, &outputs, &names, &reporter)?);
        built = Some(blocking(write).await?);
    }
    if args.push {
        let push = Push {
            context,
            session: session.as_ref(),
            registries: &registries,
            recipes: &recipes,
            cache_from: (!args.layers.no_cache).then_some(&cache_from),
        };
        let create = args.registry.create_repository.then_some(&repository);
        results.belong_to(push.authenticate().await?);
        let published = push.all(&targets, create).await?;
        recipes.first().cache.save(context.reporter.as_ref());
        let found = scan.pass(&registries, session.as_ref(), &targets, &published, context).await?;
        waiting.done(&targets, &published, own).await?;
        context.reporter.finish();
        results.write(&published)?;
        let lines: String = published.iter().map(|image| image.reference() + "\n").collect();
        let mut json = json!({ "digest": published[0].digest, "published": published });
        if let Some(found) = found {
            json["scans"] = found;
        }
        if args.layers.explain {
            let all = published.iter().map(|image| (image.reference(), explain::pushed(&recipes, image)));
            explained(context, &mut json, &all.collect::<Vec<_>>());
        }
        context.printer.result(&lines, &json)?;
    } else if let Some((digest, facts)) = built {
        recipes.first().cache.save(context.reporter.as_ref());
        context.reporter.finish();
        let mut names: Vec<String> = tags.iter().map(|tag| name(tag) + "@").collect();
        names.dedup();
        if names.is_empty() {
            names.push(String::new());
        }
        let lines: String = names.iter().map(|name| format!("{name}{digest}\n")).collect();
        let mut json = json!({ "digest": digest, "published": [] });
        if args.layers.explain {
            explained(context, &mut json, &[(digest.to_string(), explain::built(&recipes, &facts))]);
        }
        context.printer.result(&lines, &json)?;
    }
    Ok(())
}

/// A Dockerfile, and what its options say.
struct Steps {
    dockerfile: Dockerfile,
    options: Options,
    contexts: BTreeMap<String, NamedContext>,
    web: Web,
}

impl Steps {
    fn new(
        dockerfile: Dockerfile,
        text: &str,
        file: &Path,
        args: &Build,
        context: &Context,
    ) -> Result<Self, Fail> {
        let options = check::options(args, file, context)?;
        check::before_build(file, text, &options, context)?;
        let contexts = check::contexts(args)?;
        let web = Web::new(super::http()?, super::targets::backoff(&args.aws));
        Ok(Self { dockerfile, options, contexts, web })
    }

    /// The recipe for each platform.
    fn carry_out(
        &self,
        plan: &Plan,
        platforms: &[Platform],
        settings: &BuildSettings,
        images: &dyn Images,
        reporter: &Arc<dyn Reporter>,
    ) -> Result<Vec<Recipe>, Fail> {
        // What is said of the file is true for every platform.
        let reporter: &Arc<dyn Reporter> = &(Arc::new(Once::new(Arc::clone(reporter))) as Arc<dyn Reporter>);
        let files = ImageFiles::new(Arc::clone(reporter));
        let recipe = |platform: &Platform| {
            let options = Options { platform: platform.clone(), ..self.options.clone() };
            let settings = BuildSettings { platform: platform.clone(), ..settings.clone() };
            let request = Request {
                file: &self.dockerfile,
                options: &options,
                contexts: &self.contexts,
                overrides: &plan.config,
                settings: &settings,
                images,
                files: &files,
                web: &self.web,
                reporter,
            };
            Ok(dockerfile::prepare(&request)?)
        };
        platforms.iter().map(recipe).collect()
    }
}

/// Tells of the layers of images: in the result if that is JSON, else on stderr.
fn explained(context: &Context, json: &mut serde_json::Value, images: &[(String, Vec<Explained>)]) {
    match context.printer.format {
        Format::Json => {
            let layers = images.iter().map(|(image, layers)| (image.clone(), json!(layers)));
            json["layers"] = serde_json::Value::Object(layers.collect());
        }
        Format::Text => {
            for (image, layers) in images {
                context.printer.stderr(&explain::text(image, layers));
            }
        }
    }
}

/// Lists that came from variables.
fn split_lists(args: &mut Build, context: &Context) {
    let image = &mut args.image;
    for (id, values) in [
        ("tags", &mut args.tags),
        ("outputs", &mut args.outputs),
        ("arguments", &mut args.arguments),
        ("contexts", &mut args.contexts),
        ("cache_from", &mut args.layers.cache_from),
        ("platforms", &mut image.platforms),
        ("env", &mut image.env),
        ("expose", &mut image.expose),
        ("volumes", &mut image.volumes),
        ("labels", &mut image.labels),
        ("annotations", &mut image.annotations),
    ] {
        *values = list(context, id, std::mem::take(values));
    }
}

/// A reference without tag and digest.
pub(super) fn name(reference: &Reference) -> String {
    Reference { tag: None, digest: None, ..reference.clone() }.to_string()
}

/// For which platforms images are built, each once, and whether somebody has asked for them.
fn platforms(plan: &Plan) -> (Vec<Platform>, bool) {
    let mut platforms: Vec<Platform> = Vec::new();
    for platform in &plan.platforms {
        if !platforms.iter().any(|known| serves(known, platform) && serves(platform, known)) {
            platforms.push(platform.clone());
        }
    }
    let asked = !platforms.is_empty();
    if !asked {
        platforms.push(Platform::host());
    }
    (platforms, asked)
}

/// `docker load` takes no indexes.
fn one_image_an_archive(outputs: &[Output], platforms: &[Platform]) -> Result<(), Fail> {
    let archive = outputs.iter().find(|output| output.form == Form::Docker);
    match archive {
        Some(output) if platforms.len() > 1 => Err(CliError::input(format!(
            "--output: `{}` can't hold images for {} platforms: `docker load` takes one",
            output.dest.display(),
            platforms.len()
        ))
        .hinted("write `type=oci`, which holds all of them, or build for one platform at a time")
        .into()),
        _ => Ok(()),
    }
}

/// Runs what blocks on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fail> + Send + 'static,
) -> Result<T, Fail> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// A push of a recipe.
struct Push<'a> {
    context: &'a Context,
    /// None if nothing goes to ECR.
    session: Option<&'a Session>,
    registries: &'a Registries,
    recipes: &'a Recipes,
    /// Images to reuse layers of; none forbids reuse.
    cache_from: Option<&'a Vec<Reference>>,
}

impl Push<'_> {
    /// A layer lies in one repository, so only images of the target's own can be reused.
    fn reuse(&self, target: &Target) -> Reuse {
        let Some(references) = self.cache_from else { return Reuse::Nothing };
        let own = references.iter().filter(|reference| reference.repository == target.repository);
        Reuse::Images(own.map(manifest_id).collect())
    }

    /// Gets the credentials, and tells whose account they belong to, if that is known.
    async fn authenticate(&self) -> Result<Option<String>, Fail> {
        let Some(session) = self.session else { return Ok(None) };
        let mut account = session.authenticate().await.map_err(auth)?;
        if self.context.mask_account {
            // Asked for if need be: it has to be known to be hidden.
            let known = session.account().await.map_err(auth)?;
            self.context.printer.mask(&Secret::new(known.as_str()));
            account = Some(known);
        }
        let source = session.source().to_owned();
        self.context.reporter.event(Event::Authenticated { source, arn: None });
        Ok(account)
    }

    async fn all(
        &self,
        targets: &[(Reference, Target)],
        create: Option<&Wanted>,
    ) -> Result<Vec<Published>, Fail> {
        let (reporter, environment) = (&self.context.reporter, &self.context.environment);
        let mut opened = Vec::with_capacity(targets.len());
        for (reference, target) in targets {
            let registry = self.registries.open(self.session, reference, Purpose::Push, environment).await?;
            let mut reuse = self.reuse(target);
            if let Some(settings) = create
                && ensure_repository(&registry, &target.repository, settings, self.context).await?
            {
                reporter.event(Event::RepositoryCreated { repository: name(reference) });
                reuse = Reuse::NewRepository;
            }
            opened.push((registry, target, reuse));
        }
        let destinations: Vec<_> = opened
            .iter()
            .map(|(registry, target, reuse)| Destination { registry, target, reuse: reuse.clone() })
            .collect();
        Ok(publish(self.recipes, &destinations, reporter).await?)
    }
}

/// One `--output`: `type=oci|docker,dest=PATH[,tar=true|false]`. An OCI layout is a tar if its name ends in `.tar`, else a
/// directory, unless `tar=` says otherwise.
fn parse_output(text: &str) -> Result<Output, Fail> {
    let wrong = |why: String| {
        let error: Fail = CliError::input(format!("--output: `{text}`: {why}"))
            .hinted("write `type=oci,dest=PATH` or `type=docker,dest=FILE.tar`")
            .into();
        error
    };
    let (mut kind, mut dest, mut tar) = (None, None, None);
    for field in text.split(',') {
        match field.split_once('=') {
            Some(("type", value)) => kind = Some(value),
            Some(("dest", value)) if !value.is_empty() => dest = Some(PathBuf::from(value)),
            Some(("tar", "true")) => tar = Some(true),
            Some(("tar", "false")) => tar = Some(false),
            _ => return Err(wrong(format!("`{field}` is none of type=, dest= and tar="))),
        }
    }
    let dest = dest.ok_or_else(|| wrong("it has no dest=".into()))?;
    let is_tar = tar.unwrap_or_else(|| dest.extension().is_some_and(|extension| extension == "tar"));
    let form = match kind {
        Some("oci") if is_tar => Form::Tar,
        Some("oci") => Form::Directory,
        Some("docker") if tar == Some(false) => return Err(wrong("`docker load` takes a tar".into())),
        Some("docker") => Form::Docker,
        Some(other) => return Err(wrong(format!("`{other}` is no type of output"))),
        None => return Err(wrong("it has no type=".into())),
    };
    // A wrong folder is found before the build.
    LayoutWriter::create(&dest, form).map_err(|error| bad_option("--output", error))?;
    Ok(Output { form, dest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs() {
        let folder = tempfile::tempdir().unwrap();
        let parse = |spec: &str| {
            parse_output(&spec.replace("DIR", &folder.path().display().to_string())).map(|output| output.form)
        };
        assert_eq!(parse("type=oci,dest=DIR/x").unwrap(), Form::Directory);
        assert_eq!(parse("type=oci,dest=DIR/x.tar").unwrap(), Form::Tar);
        assert_eq!(parse("type=oci,tar=true,dest=DIR/x").unwrap(), Form::Tar);
        assert_eq!(parse("type=docker,dest=DIR/x").unwrap(), Form::Docker);
        for bad in ["", "type=oci", "dest=DIR/x", "type=rpm,dest=DIR/x", "type=oci,dest=DIR/no/x", "tpye=oci"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
