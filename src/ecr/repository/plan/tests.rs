use super::*;
use crate::ecr::repository::settings::Described;
use proptest::prelude::*;

/// A repository with ECR's defaults.
fn fresh() -> Current {
    let settings = DescribedSettings {
        mutability: Mutability { setting: "MUTABLE".into(), exclusions: vec![] },
        scan_on_push: false,
        encryption: Encryption { kind: "AES256".into(), key: None },
    };
    Current {
        described: Described {
            arn: "arn:aws:ecr:us-east-1:123456789012:repository/shop/api".into(),
            registry_id: "123456789012".into(),
            name: "shop/api".into(),
            uri: "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/api".into(),
            created_at: None,
            settings: Some(settings),
        },
        lifecycle: None,
        policy: None,
        tags: BTreeMap::new(),
        catalog: Catalog::default(),
    }
}

/// What ECR makes of a plan: an own reading of each call, which knows nothing of how plans are made.
fn carried_out(plan: &Plan, current: Option<Current>) -> Current {
    let mut is = current;
    for change in &plan.changes {
        if let Change::Create(new) = change {
            assert!(is.is_none(), "it is there already");
            let mut made = fresh();
            let settings = made.described.settings.as_mut().unwrap();
            if let Some(mutability) = &new.mutability {
                settings.mutability = mutability.clone();
            }
            settings.scan_on_push = new.scan_on_push.unwrap_or_default();
            if let Some(encryption) = &new.encryption {
                settings.encryption = encryption.clone();
                if encryption.kind != "AES256" && encryption.key.is_none() {
                    settings.encryption.key = Some("arn:aws:kms:us-east-1:123456789012:key/of-aws".into());
                }
            }
            made.tags = new.tags.clone();
            if let Some(WantedCatalog { description, operating_systems, .. }) = &new.catalog {
                made.catalog.description = description.clone().filter(|text| !text.is_empty());
                made.catalog.operating_systems = operating_systems.clone().unwrap_or_default();
            }
            is = Some(made);
            continue;
        }
        let is = is.as_mut().expect("it was made first");
        let settings = is.described.settings.as_mut().unwrap();
        match change {
            Change::Create(_) => unreachable!(),
            Change::Mutability { to, .. } => settings.mutability = to.clone(),
            Change::ScanOnPush { to } => settings.scan_on_push = *to,
            // ECR writes policies anew.
            Change::SetPolicy { kind: PolicyKind::Access, to, .. } => {
                is.policy = Some(format!("{:#}", to.value()));
            }
            Change::SetPolicy { kind: PolicyKind::Lifecycle, to, .. } => {
                is.lifecycle = Some(to.value().to_string());
            }
            Change::DeletePolicy { kind: PolicyKind::Access, .. } => is.policy = None,
            Change::DeletePolicy { kind: PolicyKind::Lifecycle, .. } => is.lifecycle = None,
            Change::Tag { to, .. } => is.tags.extend(to.clone()),
            Change::Untag { from } => is.tags.retain(|key, _| !from.contains_key(key)),
            Change::Catalog { to, .. } => is.catalog = (**to).clone(),
        }
    }
    is.expect("there is a repository in the end")
}

fn mutability() -> impl Strategy<Value = Mutability> {
    prop_oneof![
        prop_oneof!["MUTABLE", "IMMUTABLE"].prop_map(|setting| Mutability { setting, exclusions: vec![] }),
        (
            prop_oneof!["MUTABLE_WITH_EXCLUSION", "IMMUTABLE_WITH_EXCLUSION"],
            prop::collection::vec("[a-c][*]?", 1..4)
        )
            .prop_map(|(setting, exclusions)| Mutability { setting, exclusions }),
    ]
}

fn encryption() -> impl Strategy<Value = Encryption> {
    let key = prop_oneof![
        "alias/[ab]",
        "arn:aws:kms:us-east-1:123456789012:key/[ab]",
        "arn:aws:kms:us-east-1:123456789012:alias/[ab]",
        "[ab]",
    ];
    (prop_oneof!["AES256", "KMS", "KMS_DSSE"], prop::option::of(key)).prop_map(|(kind, key)| {
        let key = key.filter(|_| kind != "AES256");
        Encryption { kind, key }
    })
}

fn policy() -> impl Strategy<Value = Document> {
    (prop::collection::vec("ecr:[ab]", 1..3), any::<bool>()).prop_map(|(actions, list)| {
        let statement = serde_json::json!({ "Effect": "Allow", "Principal": "*", "Action": actions });
        serde_json::json!({ "Statement": if list { serde_json::json!([statement]) } else { statement } })
            .into()
    })
}

fn presence() -> impl Strategy<Value = Presence> {
    prop_oneof![policy().prop_map(Presence::Is), Just(Presence::Nothing)]
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[a-d]|aws:x", "[12]?", 0..4)
}

fn catalog() -> impl Strategy<Value = WantedCatalog> {
    let systems =
        prop::collection::vec(prop_oneof![Just("Linux".to_owned()), Just("Windows".to_owned())], 0..3);
    (prop::option::of("[ab]?"), prop::option::of(systems)).prop_map(|(description, operating_systems)| {
        WantedCatalog { description, operating_systems, ..WantedCatalog::default() }
    })
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let parts = (
        prop::option::of(mutability()),
        prop::option::of(any::<bool>()),
        prop::option::of(encryption()),
        prop::option::of(presence()),
        prop::option::of(presence()),
        tags().prop_map(|mut tags| {
            tags.remove("aws:x");
            tags
        }),
        any::<bool>(),
        prop::option::of(catalog()),
    );
    parts.prop_map(
        |(mutability, scan_on_push, encryption, lifecycle, policy, tags, no_other_tags, catalog)| Wanted {
            mutability,
            scan_on_push,
            encryption,
            lifecycle,
            policy,
            tags,
            no_other_tags,
            catalog,
        },
    )
}

fn current() -> impl Strategy<Value = Current> {
    let parts = (
        mutability(),
        any::<bool>(),
        encryption(),
        prop::option::of(policy()),
        prop::option::of(policy()),
        tags(),
        prop::option::of("[ab]"),
    );
    parts.prop_map(|(mutability, scan_on_push, encryption, lifecycle, policy, tags, description)| {
        let mut is = fresh();
        is.described.settings = Some(DescribedSettings { mutability, scan_on_push, encryption });
        is.lifecycle = lifecycle.map(|policy| policy.text().to_owned());
        is.policy = policy.map(|policy| policy.text().to_owned());
        is.tags = tags;
        is.catalog.description = description;
        is
    })
}

proptest! {
    /// Whatever is there and whatever is wanted: what was carried out leaves nothing to do.
    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do(
        current in prop::option::of(current()),
        wanted in wanted(),
    ) {
        if let Ok(first) = plan(current.as_ref(), &wanted) {
            let is = carried_out(&first, current);
            let second = plan(Some(&is), &wanted).unwrap();
            prop_assert_eq!(second.changes, vec![]);
        }
    }

    /// What is left out of the wish stays.
    #[test]
    fn what_is_not_wanted_is_left_alone(current in current()) {
        prop_assert_eq!(plan(Some(&current), &Wanted::default()).unwrap(), Plan::default());
    }

    /// A repository that is wanted as it is, in any part, is not changed.
    #[test]
    fn what_is_there_is_not_changed(current in current()) {
        let settings = current.described.settings.clone().unwrap();
        let presence = |text: &Option<String>| {
            text.as_ref().map_or(Presence::Nothing, |text| Presence::Is(Document::parse(text).unwrap()))
        };
        let wanted = Wanted {
            mutability: Some(settings.mutability),
            scan_on_push: Some(settings.scan_on_push),
            encryption: Some(settings.encryption),
            lifecycle: Some(presence(&current.lifecycle)),
            policy: Some(presence(&current.policy)),
            tags: current.tags.clone(),
            no_other_tags: true,
            catalog: Some(WantedCatalog { description: current.catalog.description.clone(), ..WantedCatalog::default() }),
        };
        prop_assert_eq!(plan(Some(&current), &wanted).unwrap(), Plan::default());
    }
}

#[test]
fn keys_that_are_one_and_keys_that_are_not() {
    let arn = |name: &str| format!("arn:aws:kms:us-east-1:123456789012:{name}");
    for (one, other, same) in [
        ("alias/ecr", "alias/ecr", Some(true)),
        (&*arn("key/1-2"), "1-2", Some(true)),
        (&*arn("key/1-2"), "1-3", Some(false)),
        (&*arn("key/1-2"), &*arn("key/1-2").replace("us-east-1", "eu-west-1"), Some(false)),
        (&*arn("key/1-2"), "alias/ecr", None),
        (&*arn("alias/ecr"), "alias/ecr", Some(true)),
        (&*arn("alias/ecr"), "alias/other", None),
        (&*arn("alias/ecr"), &*arn("alias/other"), None),
    ] {
        assert_eq!(is_same_key(one, other), same, "{one} {other}");
        assert_eq!(is_same_key(other, one), same, "{other} {one}");
    }
}

#[test]
fn another_encryption_stops_everything() {
    let key = |kind: &str, key: Option<&str>| Encryption { kind: kind.into(), key: key.map(str::to_owned) };
    let mut is = fresh();
    let wanted = Wanted {
        scan_on_push: Some(true),
        encryption: Some(key("KMS", Some("alias/ecr"))),
        ..Wanted::default()
    };
    let error = plan(Some(&is), &wanted).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`shop/api` is encrypted with AES256, and KMS with the key alias/ecr is wanted: that can't be changed after a \
         repository was made"
    );
    is.described.settings.as_mut().unwrap().encryption = key("KMS", Some("arn:aws:kms:us-east-1:1:key/x"));
    let plan = plan(Some(&is), &wanted).unwrap();
    assert_eq!((plan.changes, plan.doubts.len()), (vec![Change::ScanOnPush { to: true }], 1));
}

#[test]
fn the_policy_comes_last_and_removal_of_tags_before_new_ones() {
    let mut is = fresh();
    is.tags = [("old".to_owned(), "1".to_owned()), ("kept".to_owned(), "1".to_owned())].into();
    let wanted = Wanted {
        mutability: Some(Mutability { setting: "IMMUTABLE".into(), exclusions: vec![] }),
        policy: Some(Presence::Is(Document::parse("{}").unwrap())),
        lifecycle: Some(Presence::Is(Document::parse("{}").unwrap())),
        tags: [("kept".to_owned(), "2".to_owned()), ("new".to_owned(), "1".to_owned())].into(),
        no_other_tags: true,
        ..Wanted::default()
    };
    let plan = plan(Some(&is), &wanted).unwrap();
    let names: Vec<_> =
        plan.changes.iter().map(|change| format!("{}{}", change.sign(), change.setting())).collect();
    assert_eq!(names, ["~tagMutability", "+lifecycle", "-tags", "~tags", "+policy"]);
    assert_eq!(plan.changes.iter().filter(|change| change.removes()).count(), 1);
}
