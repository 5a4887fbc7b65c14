//! Three that evaluate lifecycle policies, and agree: consign, the emulator over its API, and the naive reference in this
//! file, which does what ECR's guide says, sentence by sentence, and knows no other way.

use crate::support::Context;
use aws_sdk_ecr::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ecr::types::{ImageActionType, LifecyclePolicyPreviewStatus};
use consign::base::{BlobDigest, Clock, Timestamp};
use consign::ecr::lifecycle::{Action, Listing, check, evaluate};
use consign::emulator::Settings;
use futures::StreamExt as _;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Policies and repositories.
const CASES: usize = 240;
const DAY: i64 = 24 * 60 * 60;
const ACCOUNT: &str = "123456789012";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A clock that stands still, so that an image can be exactly so many days old.
#[derive(Debug)]
struct Stopped(Timestamp);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The present to the second: signatures are dated by it.
pub(crate) fn now() -> Timestamp {
    let now = consign::base::clock::SystemClock.now();
    Timestamp::from_second(now.as_second()).unwrap()
}

/// An image that is to be in a repository. Ages are in seconds.
#[derive(Debug, Clone)]
pub(crate) struct Seed {
    pub(crate) tags: Vec<String>,
    pub(crate) pushed: i64,
    pub(crate) pulled: Option<i64>,
    pub(crate) archived: Option<i64>,
    pub(crate) activated: Option<i64>,
    pub(crate) size: u64,
    /// Places of the images that it lists, if it is an index.
    pub(crate) children: Vec<usize>,
    /// Place of the image that it is about.
    pub(crate) subject: Option<usize>,
}

impl Seed {
    pub(crate) fn plain(tags: &[&str], days: i64) -> Self {
        Self {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            pushed: days * DAY,
            pulled: None,
            archived: None,
            activated: None,
            size: 1000,
            children: Vec::new(),
            subject: None,
        }
    }
}

/// What becomes of images: by place, the rule and whether it is archived.
type Verdict = BTreeMap<usize, (u64, bool)>;

// --- the naive reference ---------------------------------------------------------------------------------------------

/// Whether `tag` matches `pattern`, by trying every length for the first star.
fn naive_match(pattern: &str, tag: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == tag,
        Some((before, after)) => {
            let Some(rest) = tag.strip_prefix(before) else { return false };
            (0..=rest.len()).any(|skip| naive_match(after, &rest[skip..]))
        }
    }
}

/// "An image is successfully matched if all of the tags in the list are matched against any of the image's tags."
fn naive_selects(rule: &Value, image: &Seed) -> bool {
    let selection = &rule["selection"];
    let wants_archive = selection["storageClass"] == "archive";
    if wants_archive != image.archived.is_some() {
        return false;
    }
    if selection["tagStatus"] == "any" {
        return true;
    }
    if selection["tagStatus"] == "untagged" {
        return image.tags.is_empty();
    }
    let mut all = true;
    if let Some(list) = selection["tagPatternList"].as_array() {
        for pattern in list {
            all &= image.tags.iter().any(|tag| naive_match(pattern.as_str().unwrap(), tag));
        }
    }
    if let Some(list) = selection["tagPrefixList"].as_array() {
        for prefix in list {
            all &= image.tags.iter().any(|tag| tag.starts_with(prefix.as_str().unwrap()));
        }
    }
    all
}

/// "If an image was archived and then restored, `last_activated_at` is used instead of `pushed_at_time`."
fn naive_age(image: &Seed) -> i64 {
    image.activated.unwrap_or(image.pushed)
}

/// Whether `rule` alone would act on the image at `place`, if there were no other rule.
fn naive_marks(rule: &Value, images: &[Seed], digests: &[String], counted: &[bool], place: usize) -> bool {
    let selection = &rule["selection"];
    let number = selection["countNumber"].as_i64().unwrap();
    let image = &images[place];
    match selection["countType"].as_str().unwrap() {
        "imageCountMoreThan" => {
            // How many are newer? Of those of the same moment, the greater digest is.
            let is_newer = |other: &usize| {
                let (age, its) = (naive_age(image), naive_age(&images[*other]));
                its < age || (its == age && digests[*other] > digests[place])
            };
            let counts = |other: &usize| counted[*other] && naive_selects(rule, &images[*other]);
            let newer = (0..images.len()).filter(counts).filter(is_newer).count();
            i64::try_from(newer).unwrap() >= number
        }
        "sinceImagePushed" => naive_age(image) > number * DAY,
        "sinceImagePulled" => {
            let last = match (image.pulled, image.activated) {
                (None, _) => naive_age(image),
                (Some(pulled), None) => pulled,
                // Pulled since it came back, or not.
                (Some(pulled), Some(activated)) => pulled.min(activated),
            };
            last > number * DAY
        }
        "sinceImageTransitioned" => image.archived.unwrap() > number * DAY,
        other => panic!("{other}"),
    }
}

fn naive(policy: &Value, images: &[Seed], digests: &[String]) -> Verdict {
    let mut rules: Vec<&Value> = policy["rules"].as_array().unwrap().iter().collect();
    rules.sort_by_key(|rule| rule["rulePriority"].as_u64().unwrap());
    // What refers to an image goes with it, and not by a rule.
    let counted: Vec<bool> = images.iter().map(|image| image.subject.is_none()).collect();
    let mut verdict = Verdict::new();
    for (place, image) in images.iter().enumerate() {
        if !counted[place] {
            continue;
        }
        // "If an image is referenced by a manifest list, it cannot be expired or archived."
        let is_listed = images.iter().any(|index| index.children.contains(&place));
        for rule in &rules {
            // "An image that matches the tagging requirements of a rule cannot be expired or archived by a rule with a
            // lower priority."
            if naive_selects(rule, image) {
                if !is_listed && naive_marks(rule, images, digests, &counted, place) {
                    let archives = rule["action"]["type"] == "transition";
                    verdict.insert(place, (rule["rulePriority"].as_u64().unwrap(), archives));
                }
                break;
            }
        }
    }
    verdict
}

// --- policies and repositories ---------------------------------------------------------------------------------------

const TAGS: [&str; 14] = [
    "alpha-1", "alpha-2", "alpha-3", "beta-1", "beta-2", "gamma", "latest", "prod", "prod-1", "prod-2",
    "v1.0", "v1.1", "v2.0-rc1", "pr-7",
];

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    // Days with the edges: exactly so many, a second less, a second more.
    let age = || (0i64..130, -1i64..=1).prop_map(|(days, more)| (days * DAY + more).max(0));
    let image = (
        proptest::collection::vec(0..TAGS.len(), 0..4),
        age(),
        proptest::option::weighted(0.4, 0i64..1000),
        proptest::option::weighted(0.2, age()),
        proptest::option::weighted(0.2, 0i64..1000),
        (1u64..1_000_000, 0u8..10, proptest::collection::vec(any::<proptest::sample::Index>(), 1..4)),
    );
    proptest::collection::vec(image, 0..24).prop_map(|images| {
        let mut taken: Vec<usize> = Vec::new();
        let number = images.len();
        let mut seeds: Vec<Seed> = Vec::new();
        for (place, (tags, pushed, pulled, archived, activated, (size, kind, others))) in
            images.into_iter().enumerate()
        {
            let part = |thousandths: i64| pushed * thousandths / 1000;
            let mut own: Vec<String> = Vec::new();
            for tag in tags {
                // A tag is on one image.
                if !taken.contains(&tag) {
                    taken.push(tag);
                    own.push(TAGS[tag].to_owned());
                }
            }
            own.sort_unstable();
            let archived = archived.map(|age| age.min(pushed));
            let mut seed = Seed {
                tags: own,
                pushed,
                pulled: pulled.map(part),
                // An image that is in the archive was not restored since.
                activated: if archived.is_some() { None } else { activated.map(part) },
                archived,
                size,
                children: Vec::new(),
                subject: None,
            };
            if place > 0 {
                match kind {
                    // An index lists what was pushed before; never something that refers to another.
                    0 | 1 => {
                        let listed = others.iter().map(|other| other.index(place));
                        seed.children = listed.filter(|other| seeds[*other].subject.is_none()).collect();
                        seed.children.sort_unstable();
                        seed.children.dedup();
                        if !seed.children.is_empty() {
                            (seed.archived, seed.activated) = (None, None);
                        }
                    }
                    2 => {
                        seed.subject = Some(others[0].index(place));
                        seed.tags.clear();
                    }
                    _ => {}
                }
            }
            seeds.push(seed);
        }
        assert_eq!(seeds.len(), number);
        seeds
    })
}

/// A rule, by numbers: what it is about, how it counts, what it does.
type Draft = (u8, Vec<usize>, u8, u64, bool, bool);

const PATTERNS: [&str; 10] =
    ["*", "alpha*", "beta*", "prod*", "*-1", "v*.0*", "*a*a*", "latest", "pr-*", "gamma"];
const PREFIXES: [&str; 8] = ["alpha", "beta-", "prod", "v1", "v", "g", "latest", "zeta"];

fn policies() -> impl Strategy<Value = Value> {
    let draft = (
        0u8..8,
        proptest::collection::vec(0usize..100, 1..3),
        0u8..4,
        prop_oneof![1u64..6, 1u64..100],
        any::<bool>(),
        any::<bool>(),
    );
    (proptest::collection::vec(draft, 1..7), any::<bool>())
        .prop_map(|(drafts, reversed)| policy(drafts, reversed))
}

fn policy(drafts: Vec<Draft>, reversed: bool) -> Value {
    let mut rules: Vec<(bool, bool, Value)> = Vec::new();
    for (tags, entries, count, number, archives, by_pull) in drafts {
        let archived = count == 3;
        let pick = |from: &[&str]| {
            let mut picked: Vec<String> = entries.iter().map(|n| from[n % from.len()].to_owned()).collect();
            picked.sort_unstable();
            picked.dedup();
            picked
        };
        let mut selection = match tags {
            0 => json!({ "tagStatus": "any" }),
            1 => json!({ "tagStatus": "untagged" }),
            2..=4 => json!({ "tagStatus": "tagged", "tagPrefixList": pick(&PREFIXES) }),
            _ => json!({ "tagStatus": "tagged", "tagPatternList": pick(&PATTERNS) }),
        };
        // Each class has one rule for each selection.
        if rules.iter().any(|(_, other, rule)| {
            *other == archived && {
                let mut others = rule["selection"].clone();
                for name in ["countType", "countNumber", "countUnit", "storageClass"] {
                    others.as_object_mut().unwrap().remove(name);
                }
                others == selection
            }
        }) {
            continue;
        }
        let is_any = selection["tagStatus"] == "any";
        let mut action = json!({ "type": "expire" });
        let days = |selection: &mut Value, kind: &str, number: u64| {
            selection["countType"] = kind.into();
            selection["countUnit"] = "days".into();
            selection["countNumber"] = number.into();
        };
        match count {
            0 => {
                selection["countType"] = "imageCountMoreThan".into();
                selection["countNumber"] = number.into();
            }
            2 if by_pull => days(&mut selection, "sinceImagePulled", number),
            1 | 2 => days(&mut selection, "sinceImagePushed", number),
            _ => {
                selection["storageClass"] = "archive".into();
                days(&mut selection, "sinceImageTransitioned", 90 + number % 30);
            }
        }
        if !archived && (archives || selection["countType"] == "sinceImagePulled") {
            action = json!({ "type": "transition", "targetStorageClass": "archive" });
        }
        rules.push((
            is_any,
            archived,
            json!({ "description": "generated", "selection": selection, "action": action }),
        ));
    }
    // The rule for any image is the last one of its class.
    rules.sort_by_key(|(is_any, ..)| *is_any);
    let mut rules: Vec<Value> = rules
        .into_iter()
        .enumerate()
        .map(|(place, (_, _, mut rule))| {
            rule["rulePriority"] = (place * 3 + 1).into();
            rule
        })
        .collect();
    if reversed {
        rules.reverse();
    }
    json!({ "rules": rules })
}

// --- an emulator that holds them -------------------------------------------------------------------------------------

/// A policy on a repository.
pub(crate) struct Case {
    name: String,
    policy: String,
    seeds: Vec<Seed>,
    pub(crate) digests: Vec<String>,
    /// Of the images, in their order. Only those of indexes are ever looked at.
    manifests: Vec<String>,
}

impl Case {
    pub(crate) fn new(name: String, policy: &Value, seeds: Vec<Seed>) -> Self {
        let (mut digests, mut manifests): (Vec<String>, Vec<String>) = Default::default();
        for (place, seed) in seeds.iter().enumerate() {
            let child = |child: &usize| json!({ "mediaType": IMAGE, "digest": digests[*child], "size": 1 });
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": if seed.children.is_empty() { IMAGE } else { INDEX },
                "manifests": seed.children.iter().map(child).collect::<Vec<_>>(),
                "annotations": { "name": name, "place": place.to_string() },
            });
            let manifest = manifest.to_string();
            digests.push(BlobDigest::of(manifest.as_bytes()).to_string());
            manifests.push(manifest);
        }
        Self { policy: format!("{policy:#}"), digests, manifests, name, seeds }
    }

    fn place(&self, digest: &str) -> usize {
        self.digests.iter().position(|known| known == digest).unwrap()
    }

    /// As the emulator keeps a repository.
    fn state(&self, now: Timestamp) -> Value {
        let at = |age: i64| (now - jiff::SignedDuration::from_secs(age)).to_string();
        let mut images = serde_json::Map::new();
        let mut tags = serde_json::Map::new();
        for (digest, seed) in self.digests.iter().zip(&self.seeds) {
            let mut image = json!({
                "mediaType": if seed.children.is_empty() { IMAGE } else { INDEX },
                "size": seed.size,
                "pushedAt": at(seed.pushed),
                "blobs": [],
                "children": seed.children.iter().map(|child| &self.digests[*child]).collect::<Vec<_>>(),
                "life": {},
            });
            if let Some(age) = seed.pulled {
                image["lastPull"] = at(age).into();
            }
            if let Some(age) = seed.archived {
                image["life"] = json!({ "archived": true, "archivedAt": at(age) });
            }
            if let Some(age) = seed.activated {
                image["life"] = json!({ "activatedAt": at(age), "archivedAt": at(age) });
            }
            if let Some(subject) = seed.subject {
                image["subject"] = self.digests[subject].clone().into();
            }
            images.insert(digest.clone(), image);
            for tag in &seed.tags {
                tags.insert(tag.clone(), digest.clone().into());
            }
        }
        json!({
            "name": self.name,
            "createdAt": "2020-01-01T00:00:00Z",
            "mutability": "MUTABLE",
            "scanOnPush": false,
            "encryption": { "encryptionType": "AES256" },
            "images": images,
            "tags": tags,
        })
    }

    /// As `aws ecr describe-images` lists it, with what indexes list.
    pub(crate) fn listing(&self, now: Timestamp) -> String {
        let at = |age: i64| (now - jiff::SignedDuration::from_secs(age)).to_string();
        let details = self.digests.iter().zip(&self.seeds).map(|(digest, seed)| {
            let mut detail = json!({
                "imageDigest": digest,
                "imageTags": seed.tags,
                "imagePushedAt": at(seed.pushed),
                "imageSizeInBytes": seed.size,
                "imageManifestMediaType": if seed.children.is_empty() { IMAGE } else { INDEX },
                "imageStatus": if seed.archived.is_some() { "ARCHIVED" } else { "ACTIVE" },
            });
            let ages = [
                ("lastRecordedPullTime", seed.pulled),
                ("lastArchivedAt", seed.archived.or(seed.activated)),
                ("lastActivatedAt", seed.activated),
            ];
            for (name, age) in ages.into_iter().filter_map(|(name, age)| Some((name, age?))) {
                detail[name] = at(age).into();
            }
            if !seed.children.is_empty() {
                let listed = |child: &usize| json!({ "digest": self.digests[*child] });
                detail["manifests"] = seed.children.iter().map(listed).collect();
            }
            if let Some(subject) = seed.subject {
                detail["subjectManifestDigest"] = self.digests[subject].clone().into();
            }
            detail
        });
        json!({ "imageDetails": details.collect::<Vec<_>>() }).to_string()
    }

    fn by_reference(&self) -> Verdict {
        naive(&serde_json::from_str(&self.policy).unwrap(), &self.seeds, &self.digests)
    }

    fn by_consign(&self, now: Timestamp) -> Verdict {
        let policy = check(Path::new(&self.name), &self.policy).unwrap_or_else(|error| panic!("{error}"));
        let listing = Listing::parse(&self.listing(now)).unwrap();
        let marks = evaluate(&policy, &listing, now).into_iter().map(|mark| {
            let place = self.place(&listing.images()[mark.image].digest.to_string());
            (place, (mark.priority, mark.action == Action::Archive))
        });
        marks.collect()
    }

    async fn by_emulator(&self, client: &aws_sdk_ecr::Client) -> Verdict {
        let start = client.start_lifecycle_policy_preview().repository_name(&self.name);
        start.lifecycle_policy_text(&self.policy).send().await.unwrap();
        let mut verdict = Verdict::new();
        let mut token = None;
        loop {
            let page =
                client.get_lifecycle_policy_preview().repository_name(&self.name).set_next_token(token);
            let page = page.send().await.unwrap();
            assert_eq!(page.status(), Some(&LifecyclePolicyPreviewStatus::Complete));
            for result in page.preview_results() {
                let archives = result.action().unwrap().r#type() == Some(&ImageActionType::Transition);
                let priority = u64::try_from(result.applied_rule_priority().unwrap()).unwrap();
                verdict.insert(self.place(result.image_digest().unwrap()), (priority, archives));
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return verdict;
            }
        }
    }
}

/// An emulator whose clock stands still, with the repositories of `cases` from the start.
pub(crate) fn emulator(cases: &[Case], now: Timestamp) -> (tempfile::TempDir, Context) {
    // Where it can be: a state is made to last, and waiting for a disk is no part of this.
    let state = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let place = state.path().join(format!("registries/{ACCOUNT}/us-east-1"));
    fs_err::create_dir_all(&place).unwrap();
    for case in cases {
        let file = format!("{}.json", BlobDigest::of(case.name.as_bytes()).hex());
        fs_err::write(place.join(file), case.state(now).to_string()).unwrap();
        for (digest, manifest) in case.digests.iter().zip(&case.manifests) {
            let hex = digest.trim_start_matches("sha256:");
            let blobs = state.path().join(format!("blobs/sha256/{}", &hex[..2]));
            fs_err::create_dir_all(&blobs).unwrap();
            fs_err::write(blobs.join(hex), manifest).unwrap();
        }
    }
    let settings =
        Settings { state: Some(state.path().into()), clock: Arc::new(Stopped(now)), ..Settings::default() };
    let t = Context::with_settings(settings);
    (state, t)
}

/// A client with the keys that a job gets.
pub(crate) fn client(t: &Context) -> aws_sdk_ecr::Client {
    let keys = crate::auth::keys(t);
    let keys = Credentials::new(&keys[0].1, &keys[1].1, Some(keys[2].1.clone()), None, "test");
    aws_sdk_ecr::Client::from_conf(
        aws_sdk_ecr::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{}", t.ecr().address()))
            .credentials_provider(keys)
            .build(),
    )
}

/// All three agree on every case; gives the verdicts.
fn agreed(cases: &[Case]) -> Vec<Verdict> {
    let now = now();
    let (_state, t) = emulator(cases, now);
    let client = client(&t);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let verdicts = futures::stream::iter(cases).map(|case| {
            let client = &client;
            async move {
                let reference = case.by_reference();
                let told = || format!("{}\n{}\n{:#?}", case.name, case.policy, case.seeds);
                assert_eq!(case.by_consign(now), reference, "consign and the reference: {}", told());
                assert_eq!(
                    case.by_emulator(client).await,
                    reference,
                    "the emulator and the reference: {}",
                    told()
                );
                reference
            }
        });
        verdicts.buffered(32).collect().await
    })
}

#[test]
fn generated_policies_and_repositories() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let cases: Vec<Case> = (0..CASES)
        .map(|number| {
            let (policy, seeds) = (policies(), seeds()).new_tree(&mut runner).unwrap().current();
            Case::new(format!("generated/{number}"), &policy, seeds)
        })
        .collect();
    let verdicts = agreed(&cases);
    // They agree about something: images go, others stay, some are archived, later rules have their turn.
    let all = || verdicts.iter().flat_map(BTreeMap::values);
    let images: usize = cases.iter().map(|case| case.seeds.len()).sum();
    let (gone, archived) = (all().count(), all().filter(|(_, archives)| *archives).count());
    assert!(
        gone > 300 && images - gone > 300 && archived > 50,
        "{images} images, {gone} go, {archived} of them archived"
    );
    assert!(all().filter(|(priority, _)| *priority > 1).count() > 100);
    assert!(verdicts.iter().filter(|verdict| verdict.is_empty()).count() < CASES / 2);
}

/// The program says the same, by ECR's preview and by itself, of what it lists; and both are what the policy then does.
#[test]
fn through_the_program() {
    let now = now();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut generated = std::iter::repeat_with(|| {
        let (policy, seeds) = (policies(), seeds()).new_tree(&mut runner).unwrap().current();
        Case::new(
            "program/".to_owned() + &BlobDigest::of(policy.to_string().as_bytes()).hex(),
            &policy,
            seeds,
        )
    });
    // Those that show something: an index, a referrer, and images that go.
    let mut cases: Vec<Case> = Vec::new();
    while cases.len() < 3 {
        let case = generated.next().unwrap();
        let indexes = case.seeds.iter().any(|seed| !seed.children.is_empty());
        let referrers = case.seeds.iter().any(|seed| seed.subject.is_some());
        // Where pulls count, nobody reads indexes.
        let pulls = case.policy.contains("sinceImagePulled");
        if indexes && referrers && !pulls && case.by_reference().len() > 2 {
            cases.push(case);
        }
    }
    let (_state, t) = emulator(&cases, now);
    let mut gone = 0;
    for case in &cases {
        t.file("policy.json", &case.policy);
        let at = now.to_string();
        let arguments =
            ["lifecycle", "preview", &case.name, "--file", "policy.json", "--format", "json", "--now", &at];
        let read = |more: &[&str]| -> Value {
            serde_json::from_str(&t.consign(arguments.iter().chain(more)).succeeds()).unwrap()
        };
        let (theirs, own) = (read(&[]), read(&["--offline"]));
        for name in ["images", "summary"] {
            assert_eq!(theirs[name], own[name], "{}", case.policy);
        }
        let verdict: Verdict = own["images"]
            .as_array()
            .unwrap()
            .iter()
            .map(|image| {
                let place = case.place(image["imageDigest"].as_str().unwrap());
                (place, (image["rulePriority"].as_u64().unwrap(), image["action"] == "archive"))
            })
            .collect();
        assert_eq!(verdict, case.by_reference(), "{}", case.policy);
        gone += verdict.len();
    }
    assert!(gone > 5, "{gone}");
}

// --- the examples of ECR's guide -------------------------------------------------------------------------------------

fn tagged(priority: u64, patterns: &[&str], keep: u64) -> Value {
    json!({
        "rulePriority": priority,
        "description": format!("Rule {priority}"),
        "selection": {
            "tagStatus": "tagged", "tagPatternList": patterns,
            "countType": "imageCountMoreThan", "countNumber": keep,
        },
        "action": { "type": "expire" },
    })
}

fn by_days(priority: u64, mut selection: Value, kind: &str, days: u64, archives: bool) -> Value {
    selection["countType"] = kind.into();
    selection["countUnit"] = "days".into();
    selection["countNumber"] = days.into();
    let action = if archives {
        json!({ "type": "transition", "targetStorageClass": "archive" })
    } else {
        json!({ "type": "expire" })
    };
    json!({ "rulePriority": priority, "description": "by days", "selection": selection, "action": action })
}

/// The rules, the images (A, B, …) and what becomes of them: `A1` is deleted by rule 1, `B2+` archived by rule 2.
fn examples() -> Vec<(&'static str, Vec<Value>, Vec<Seed>, &'static str)> {
    let plain = Seed::plain;
    let three =
        || vec![plain(&["beta-1", "prod-1"], 10), plain(&["beta-2", "prod-2"], 9), plain(&["beta-3"], 8)];
    let archived = |days: i64| Seed { archived: Some(days * DAY), ..plain(&["old"], days + 50) };
    let pulled = |days: i64| Seed { pulled: Some(days * DAY), ..plain(&["x"], 400) };
    let prod = || json!({ "tagStatus": "tagged", "tagPatternList": ["prod*"] });
    let any = || json!({ "tagStatus": "any" });
    let keep_one = |status: &str| {
        json!({
            "rulePriority": 1, "description": "Rule 1", "action": { "type": "expire" },
            "selection": { "tagStatus": status, "countType": "imageCountMoreThan", "countNumber": 1 },
        })
    };
    let in_archive = || json!({ "tagStatus": "any", "storageClass": "archive" });
    vec![
        (
            "image-age",
            vec![by_days(1, prod(), "sinceImagePushed", 14, false)],
            vec![
                plain(&["prod-1"], 15),
                plain(&["prod-2"], 14),
                plain(&["beta"], 30),
                plain(&["production"], 90),
            ],
            "A1 D1",
        ),
        (
            "last-pulled",
            vec![by_days(1, any(), "sinceImagePulled", 90, true)],
            vec![
                pulled(91),
                Seed { tags: vec!["y".into()], ..pulled(90) },
                plain(&["never"], 91),
                plain(&[], 89),
                Seed { activated: Some(5 * DAY), tags: vec!["back".into()], ..pulled(300) },
            ],
            "A1+ C1+",
        ),
        (
            "archive-transition",
            vec![by_days(1, in_archive(), "sinceImageTransitioned", 365, false)],
            vec![archived(366), Seed { tags: vec![], ..archived(365) }, plain(&["kept"], 900)],
            "A1",
        ),
        (
            "image-count",
            vec![keep_one("untagged")],
            vec![plain(&[], 3), plain(&[], 2), plain(&["tagged"], 9), plain(&[], 1)],
            "A1 B1",
        ),
        ("multiple-rules-a", vec![tagged(1, &["prod*"], 1), tagged(2, &["beta*"], 1)], three(), "A1"),
        ("multiple-rules-b", vec![tagged(1, &["beta*"], 1), tagged(2, &["prod*"], 1)], three(), "A1 B1"),
        (
            "multiple-tags-a",
            vec![by_days(
                1,
                json!({ "tagStatus": "tagged", "tagPatternList": ["alpha*", "beta*"] }),
                "sinceImagePushed",
                5,
                false,
            )],
            vec![
                plain(&["alpha-1"], 12),
                plain(&["beta-1"], 11),
                plain(&["alpha-2", "beta-2"], 10),
                plain(&["alpha-3"], 4),
                plain(&["beta-3"], 3),
                plain(&["alpha-4", "beta-4"], 2),
            ],
            "C1",
        ),
        (
            "multiple-tags-b",
            vec![tagged(1, &["alpha*", "beta*"], 1)],
            vec![
                plain(&["alpha-1", "beta-1", "gamma-1"], 10),
                plain(&["alpha-2", "beta-2"], 9),
                plain(&["alpha-3", "beta-3", "gamma-2"], 8),
            ],
            "A1 B1",
        ),
        (
            "all-images-a",
            vec![keep_one("any")],
            vec![plain(&["alpha-1"], 4), plain(&["beta-1"], 3), plain(&[], 2), plain(&["alpha-2"], 1)],
            "A1 B1 C1",
        ),
        (
            "all-images-b",
            vec![
                tagged(1, &["alpha*"], 1),
                by_days(2, json!({ "tagStatus": "untagged" }), "sinceImagePushed", 1, false),
                {
                    let mut last = keep_one("any");
                    last["rulePriority"] = 3.into();
                    last
                },
            ],
            vec![
                plain(&["alpha-1", "beta-1"], 4),
                plain(&[], 3),
                plain(&["alpha-2"], 2),
                // Of two that are a day old, the one without a tag is the newer one by a second, as the guide has it.
                plain(&["git-hash"], 1),
                Seed { pushed: DAY - 1, ..plain(&[], 1) },
            ],
            "A1 B2 D3",
        ),
        (
            "archive-by-age",
            vec![by_days(1, prod(), "sinceImagePushed", 30, true)],
            vec![plain(&["prod-1"], 31), plain(&["prod-2"], 30), plain(&["beta"], 31)],
            "A1+",
        ),
        (
            "archive-and-expire",
            vec![
                by_days(1, any(), "sinceImagePushed", 30, true),
                by_days(2, in_archive(), "sinceImageTransitioned", 365, false),
            ],
            vec![
                plain(&["new"], 29),
                plain(&["older"], 31),
                archived(366),
                Seed { tags: vec![], ..archived(300) },
            ],
            "B1+ C2",
        ),
    ]
}

#[test]
fn the_examples_of_the_guide() {
    let all = examples();
    let cases: Vec<Case> = all
        .iter()
        .map(|(name, rules, seeds, _)| {
            Case::new(format!("guide/{name}"), &json!({ "rules": rules }), seeds.clone())
        })
        .collect();
    for ((name, .., expected), verdict) in all.iter().zip(agreed(&cases)) {
        let shown: Vec<String> = verdict
            .iter()
            .map(|(place, (priority, archives))| {
                let letter = char::from(b'A' + u8::try_from(*place).unwrap());
                format!("{letter}{priority}{}", if *archives { "+" } else { "" })
            })
            .collect();
        assert_eq!(shown.join(" "), *expected, "{name}");
    }
}
