//! Texts of policies and what is said of them; and policies on images.

use super::*;
use crate::base::{ManifestDigest, Timestamp};
use proptest::prelude::*;

fn digest(number: u8) -> ManifestDigest {
    format!("sha256:{number:064x}").parse().unwrap()
}

const NOW: &str = "2026-11-23T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// An image that was pushed so many days ago.
fn image(number: u8, tags: &[&str], days: i64) -> Image {
    Image {
        digest: digest(number),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        pushed_at: now() - jiff::SignedDuration::from_hours(24 * days),
        pulled_at: None,
        status: Status::Active,
        archived_at: None,
        activated_at: None,
        size: Some(1000),
        is_index: false,
        children: None,
        subject: None,
    }
}

/// A rule as JSON: priority, selection without braces, action.
fn rule(priority: u64, selection: &str, action: &str) -> String {
    format!(r#"{{ "rulePriority": {priority}, "selection": {{ {selection} }}, "action": {{ {action} }} }}"#)
}

fn text(rules: &[String]) -> String {
    format!("{{\n  \"rules\": [\n    {}\n  ]\n}}\n", rules.join(",\n    "))
}

const EXPIRE: &str = r#""type": "expire""#;
const ARCHIVE: &str = r#""type": "transition", "targetStorageClass": "archive""#;

fn keep(tags: &str, number: u64) -> String {
    format!(r#"{tags}, "countType": "imageCountMoreThan", "countNumber": {number}"#)
}

fn days(tags: &str, kind: &str, number: u64) -> String {
    format!(r#"{tags}, "countType": "{kind}", "countUnit": "days", "countNumber": {number}"#)
}

const ANY: &str = r#""tagStatus": "any""#;
const UNTAGGED: &str = r#""tagStatus": "untagged""#;

fn patterns(list: &str) -> String {
    format!(r#""tagStatus": "tagged", "tagPatternList": {list}"#)
}

fn prefixes(list: &str) -> String {
    format!(r#""tagStatus": "tagged", "tagPrefixList": {list}"#)
}

fn wrong(text: &str) -> String {
    check(Path::new("policy.json"), text).unwrap_err().to_string()
}

fn read(text: &str) -> Policy {
    check(Path::new("policy.json"), text).unwrap_or_else(|error| panic!("{error}"))
}

fn findings(text: &str, ground: Option<Ground<'_>>) -> String {
    let found = lint(text, &read(text), ground);
    let show = |Finding { lint, problem }: &Finding| {
        format!("{}: {}", lint.name(), problem.text(Path::new("policy.json")))
    };
    found.iter().map(show).collect::<Vec<_>>().join("\n")
}

fn names(text: &str, ground: Option<Ground<'_>>) -> Vec<&'static str> {
    lint(text, &read(text), ground).iter().map(|finding| finding.lint.name()).collect()
}

#[test]
fn the_grammar_with_places() {
    insta::assert_snapshot!(wrong("{\n  \"rules\": [],\n  \"Rules\": 1\n}"), @r#"
    policy.json:1:1: the text has 31 characters, and ECR takes 100 to 30,720
      |
    1 | {
      | ^
    hint: a `description` in the rule makes it longer
    policy.json:2:12: `rules` is empty
      |
    2 |   "rules": [],
      |            ^
    hint: it needs at least one element
    policy.json:3:3: a policy has no member `Rules`
      |
    3 |   "Rules": 1
      |   ^^^^^^^
    hint: `rules` may be meant
    "#);
    let selection = r#""tagStatus": "Tagged", "countType": "sinceImagePushed", "countNumber": "3""#;
    insta::assert_snapshot!(wrong(&text(&[rule(1, selection, r#""typ": "expire""#)])), @r#"
    policy.json:3:54: `tagStatus` can't be `Tagged`
      |
    3 |     { "rulePriority": 1, "selection": { "tagStatus": "Tagged", "countType": "sinceImagePushed", "countNumber": "3" }, "action": { "typ": "expire" } }
      |                                                      ^^^^^^^^
    hint: `tagged` may be meant
    policy.json:3:77: `sinceImagePushed` needs `countUnit`
      |
    3 |     { "rulePriority": 1, "selection": { "tagStatus": "Tagged", "countType": "sinceImagePushed", "countNumber": "3" }, "action": { "typ": "expire" } }
      |                                                                             ^^^^^^^^^^^^^^^^^^
    hint: write `"countUnit": "days"`
    policy.json:3:112: `countNumber` is a number, and not a string
      |
    3 |     { "rulePriority": 1, "selection": { "tagStatus": "Tagged", "countType": "sinceImagePushed", "countNumber": "3" }, "action": { "typ": "expire" } }
      |                                                                                                                ^^^
    hint: leave out the quotes
    policy.json:3:129: an action needs `type`
      |
    3 |     { "rulePriority": 1, "selection": { "tagStatus": "Tagged", "countType": "sinceImagePushed", "countNumber": "3" }, "action": { "typ": "expire" } }
      |                                                                                                                                 ^
    policy.json:3:131: an action has no member `typ`
      |
    3 |     { "rulePriority": 1, "selection": { "tagStatus": "Tagged", "countType": "sinceImagePushed", "countNumber": "3" }, "action": { "typ": "expire" } }
      |                                                                                                                                   ^^^^^
    hint: `type` may be meant
    "#);
    let null = format!("{}, \"tagPrefixList\": null", keep(ANY, 0));
    insta::assert_snapshot!(wrong(&text(&[rule(1, &null, EXPIRE)])), @r#"
    policy.json:3:111: `countNumber` is at least 1
      |
    3 |     { "rulePriority": 1, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 0, "tagPrefixList": null }, "action": { "type": "expire" } }
      |                                                                                                               ^
    policy.json:3:114: `tagPrefixList` is for the tag status `tagged` alone, and not for `any`
      |
    3 |     { "rulePriority": 1, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 0, "tagPrefixList": null }, "action": { "type": "expire" } }
      |                                                                                                                  ^^^^^^^^^^^^^^^
    hint: leave the list out, or write `"tagStatus": "tagged"`
    policy.json:3:131: `tagPrefixList` is null
      |
    3 |     { "rulePriority": 1, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 0, "tagPrefixList": null }, "action": { "type": "expire" } }
      |                                                                                                                                   ^^^^
    hint: ECR takes null for a value, and refuses it: leave the member out
    "#);
    insta::assert_snapshot!(wrong("[]"), @r"
    policy.json:1:1: a policy is an object, and not a list
      |
    1 | []
      | ^
    policy.json:1:1: the text has 2 characters, and ECR takes 100 to 30,720
      |
    1 | []
      | ^
    hint: a `description` in the rule makes it longer
    ");
    insta::assert_snapshot!(wrong("{\n  \"rules\": [\n    { },\n  ]\n}"), @r"
    policy.json:4:3: this is not JSON: trailing comma
      |
    4 |   ]
      |   ^
    hint: JSON has no comma behind the last member or element
    ");
    let twice = r#"{ "rules": [{ "rulePriority": 1, "rulePriority": 2.0, "selection": 7, "action": [] }] }"#;
    insta::assert_snapshot!(wrong(&format!("{twice}{}", " ".repeat(40))), @r#"
    policy.json:1:34: `rulePriority` is there twice
      |
    1 | { "rules": [{ "rulePriority": 1, "rulePriority": 2.0, "selection": 7, "action": [] }] }                                        
      |                                  ^^^^^^^^^^^^^^
    hint: leave one of them out
    policy.json:1:68: a selection is an object, and not a number
      |
    1 | { "rules": [{ "rulePriority": 1, "rulePriority": 2.0, "selection": 7, "action": [] }] }                                        
      |                                                                    ^
    policy.json:1:81: an action is an object, and not a list
      |
    1 | { "rules": [{ "rulePriority": 1, "rulePriority": 2.0, "selection": 7, "action": [] }] }                                        
      |                                                                                 ^
    "#);
}

#[test]
fn what_goes_together() {
    let all = [
        rule(1, &format!("{}, \"tagPrefixList\": [\"a\"]", keep(&patterns("[\"*a*b*c*d*\"]"), 1)), EXPIRE),
        rule(2, &keep(&patterns("[\"*a*b*c*d*\", \"\", 3]"), 1), EXPIRE),
        rule(3, &keep(r#""tagStatus": "tagged""#, 1), EXPIRE),
        rule(4, &keep(&format!("{UNTAGGED}, \"tagPatternList\": [\"*\"]"), 1), EXPIRE),
        rule(5, &format!("{}, \"countUnit\": \"day\"", keep(ANY, 1)), EXPIRE),
        rule(6, r#""tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 1"#, EXPIRE),
        rule(7, &days(ANY, "sinceImagePulled", 30), EXPIRE),
        rule(8, &days(ANY, "sinceImageTransitioned", 30), ARCHIVE),
        rule(9, &keep(&format!("{ANY}, \"storageClass\": \"archive\""), 1), r#""type": "transition""#),
        rule(10, &keep(ANY, 1), r#""type": "expire", "targetStorageClass": "archive""#),
    ];
    insta::assert_snapshot!(wrong(&text(&all)), @r#"
    policy.json:3:64: a rule has `tagPrefixList` or `tagPatternList`, and not both
      |
    3 | …iority": 1, "selection": { "tagStatus": "tagged", "tagPatternList": ["*a*b*c*d*"], "countType": "imageCountMoreThan", "countNumber": 1, "tagPrefixList": ["a"] }, "action": { "type": "expire" } },
      |                                                    ^^^^^^^^^^^^^^^^
    hint: a prefix `v` is the pattern `v*`
    policy.json:4:83: the pattern has 5 `*`, and ECR takes 4 at most
      |
    4 |     { "rulePriority": 2, "selection": { "tagStatus": "tagged", "tagPatternList": ["*a*b*c*d*", "", 3], "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "expire" } },
      |                                                                                   ^^^^^^^^^^^
    policy.json:4:96: `tagPatternList` has an empty entry
      |
    4 |     { "rulePriority": 2, "selection": { "tagStatus": "tagged", "tagPatternList": ["*a*b*c*d*", "", 3], "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "expire" } },
      |                                                                                                ^^
    policy.json:4:100: a tag is a string, and not a number
      |
    4 |     { "rulePriority": 2, "selection": { "tagStatus": "tagged", "tagPatternList": ["*a*b*c*d*", "", 3], "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "expire" } },
      |                                                                                                    ^
    policy.json:5:54: `tagged` needs `tagPatternList` or `tagPrefixList`
      |
    5 |     { "rulePriority": 3, "selection": { "tagStatus": "tagged", "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "expire" } },
      |                                                      ^^^^^^^^
    hint: `"tagPatternList": ["*"]` means every image that has a tag
    policy.json:6:66: `tagPatternList` is for the tag status `tagged` alone, and not for `untagged`
      |
    6 |     { "rulePriority": 4, "selection": { "tagStatus": "untagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "expire" } },
      |                                                                  ^^^^^^^^^^^^^^^^
    hint: leave the list out, or write `"tagStatus": "tagged"`
    policy.json:7:23: a rule with the tag status `any` has the highest `rulePriority`
      |
    7 |     { "rulePriority": 5, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1, "countUnit": "day" }, "action": { "type": "expire" } },
      |                       ^
    hint: there is a rule 8 behind it
    policy.json:7:114: `countUnit` is not for `imageCountMoreThan`, which counts images
      |
    7 |     { "rulePriority": 5, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1, "countUnit": "day" }, "action": { "type": "expire" } },
      |                                                                                                                  ^^^^^^^^^^^
    policy.json:7:127: `countUnit` can't be `day`
      |
    7 |     { "rulePriority": 5, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1, "countUnit": "day" }, "action": { "type": "expire" } },
      |                                                                                                                               ^^^^^
    hint: `days` may be meant
    policy.json:8:23: a rule with the tag status `any` has the highest `rulePriority`
      |
    8 |     { "rulePriority": 6, "selection": { "tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 1 }, "action": { "type": "expire" } },
      |                       ^
    hint: there is a rule 8 behind it
    policy.json:8:54: rule 5 has the tag status `any` as well, in the same storage class
      |
    8 |     { "rulePriority": 6, "selection": { "tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 1 }, "action": { "type": "expire" } },
      |                                                      ^^^^^
    hint: ECR takes one such rule
    policy.json:8:74: `sinceImagePushed` needs `countUnit`
      |
    8 |     { "rulePriority": 6, "selection": { "tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 1 }, "action": { "type": "expire" } },
      |                                                                          ^^^^^^^^^^^^^^^^^^
    hint: write `"countUnit": "days"`
    policy.json:9:23: a rule with the tag status `any` has the highest `rulePriority`
      |
    9 |     { "rulePriority": 7, "selection": { "tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 30 }, "action": { "type": "expire" } },
      |                       ^
    hint: there is a rule 8 behind it
    policy.json:9:54: rule 5 has the tag status `any` as well, in the same storage class
      |
    9 |     { "rulePriority": 7, "selection": { "tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 30 }, "action": { "type": "expire" } },
      |                                                      ^^^^^
    hint: ECR takes one such rule
    policy.json:9:74: `sinceImagePulled` goes with the action `transition` alone
      |
    9 |     { "rulePriority": 7, "selection": { "tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 30 }, "action": { "type": "expire" } },
      |                                                                          ^^^^^^^^^^^^^^^^^^
    hint: nothing is deleted for not being pulled: let it go into the archive, and from there with `sinceImageTransitioned`
    policy.json:10:54: rule 5 has the tag status `any` as well, in the same storage class
       |
    10 | … { "rulePriority": 8, "selection": { "tagStatus": "any", "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 30 }, "action": { "type": "transition", "targetStorageClass": "archi…
       |                                                    ^^^^^
    hint: ECR takes one such rule
    policy.json:10:74: `sinceImageTransitioned` is about images in the archive
       |
    10 | …, "selection": { "tagStatus": "any", "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 30 }, "action": { "type": "transition", "targetStorageClass": "archive" } },
       |                                                    ^^^^^^^^^^^^^^^^^^^^^^^^
    hint: write `"storageClass": "archive"`
    policy.json:10:74: `sinceImageTransitioned` goes with the action `expire` alone
       |
    10 | …, "selection": { "tagStatus": "any", "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 30 }, "action": { "type": "transition", "targetStorageClass": "archive" } },
       |                                                    ^^^^^^^^^^^^^^^^^^^^^^^^
    policy.json:10:136: images stay in the archive for 90 days at least
       |
    10 | …ransitioned", "countUnit": "days", "countNumber": 30 }, "action": { "type": "transition", "targetStorageClass": "archive" } },
       |                                                    ^^
    policy.json:11:77: `imageCountMoreThan` is about images in the storage class `standard` alone
       |
    11 |     { "rulePriority": 9, "selection": { "tagStatus": "any", "storageClass": "archive", "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "transition" } },
       |                                                                             ^^^^^^^^^
    hint: images in the archive are selected by `sinceImageTransitioned`
    policy.json:11:153: the action `transition` needs `targetStorageClass`
       |
    11 |     { "rulePriority": 9, "selection": { "tagStatus": "any", "storageClass": "archive", "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "transition" } },
       |                                                                                                                                                         ^
    hint: write `"targetStorageClass": "archive"`
    policy.json:12:147: `targetStorageClass` is for the action `transition` alone
       |
    12 |     { "rulePriority": 10, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "expire", "targetStorageClass": "archive" } }
       |                                                                                                                                                   ^^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn rules_beside_each_other() {
    let all = [
        rule(3, &keep(ANY, 1), EXPIRE),
        rule(3, &keep(&prefixes(r#"["a", "b"]"#), 1), EXPIRE),
        rule(4, &days(&prefixes(r#"["b", "a"]"#), "sinceImagePushed", 1), EXPIRE),
        rule(5, &keep(UNTAGGED, 1), EXPIRE),
        rule(6, &keep(UNTAGGED, 1), EXPIRE),
        rule(
            7,
            &days(&format!("{ANY}, \"storageClass\": \"archive\""), "sinceImageTransitioned", 90),
            EXPIRE,
        ),
    ];
    insta::assert_snapshot!(wrong(&text(&all)), @r#"
    policy.json:3:23: a rule with the tag status `any` has the highest `rulePriority`
      |
    3 |     { "rulePriority": 3, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "expire" } },
      |                       ^
    hint: there is a rule 6 behind it
    policy.json:4:23: two rules have the `rulePriority` 3
      |
    4 |     { "rulePriority": 3, "selection": { "tagStatus": "tagged", "tagPrefixList": ["a", "b"], "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "expire" } },
      |                       ^
    hint: the other one is about any; no two can have the same
    policy.json:5:64: rule 3 is about images tagged `b*` and `a*` as well, in the same storage class
      |
    5 |     { "rulePriority": 4, "selection": { "tagStatus": "tagged", "tagPrefixList": ["b", "a"], "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1 }, "action": { "type": "expire" } },
      |                                                                ^^^^^^^^^^^^^^^
    hint: ECR takes one such rule
    policy.json:7:54: rule 5 has the tag status `untagged` as well, in the same storage class
      |
    7 |     { "rulePriority": 6, "selection": { "tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "expire" } },
      |                                                      ^^^^^^^^^^
    hint: ECR takes one such rule
    "#);
    let many: Vec<_> =
        (1..=51).map(|n| rule(n, &keep(&prefixes(&format!("[\"p{n}\"]")), 1), EXPIRE)).collect();
    assert!(wrong(&text(&many)).contains(":53:5: there are 51 rules, and ECR takes 50 at most"));
    assert!(check(Path::new("x"), &text(&many[1..])).is_ok());
}

#[test]
fn the_length_of_the_text() {
    let long = text(&[rule(1, &keep(ANY, 1), EXPIRE)])
        .replace("\"rules\"", &format!("{}\"rules\"", " ".repeat(30_700)));
    assert!(wrong(&long).contains("without white space it would have 138"), "{}", wrong(&long));
    let short = "{\"rules\":[]}";
    assert!(
        wrong(short).contains("the text has 12 characters, and ECR takes 100 to 30,720"),
        "{}",
        wrong(short)
    );
}

#[test]
fn policies_that_say_the_same() {
    let one = text(&[
        rule(1, &keep(&prefixes(r#"["a", "b"]"#), 1), EXPIRE),
        rule(2, &keep(&format!("{ANY}, \"storageClass\": \"standard\""), 1), EXPIRE),
    ]);
    let other =
        text(&[rule(2, &keep(ANY, 1), EXPIRE), rule(1, &keep(&prefixes(r#"["b", "a"]"#), 1), EXPIRE)]);
    assert!(read(&one).is_same(&read(&other)));
    for changed in
        [one.replace("\"b\"", "\"c\""), one.replace("Prefix", "Pattern"), one.replace(": 2,", ": 3,")]
    {
        assert!(!read(&one).is_same(&read(&changed)), "{changed}");
    }
}

#[test]
fn flags_make_policies() {
    assert_eq!(Keep { last: None, untagged_days: None }.text(), None);
    for (last, untagged_days) in [(Some(1), None), (None, Some(1)), (Some(10), Some(14))] {
        let text = Keep { last, untagged_days }.text().unwrap();
        let policy = read(&text);
        assert_eq!(policy.rules.len(), usize::from(last.is_some()) + usize::from(untagged_days.is_some()));
        assert_eq!(lint(&text, &policy, None), [], "{text}");
    }
}

#[test]
fn what_is_not_likely_to_be_meant() {
    let all = [
        rule(1, &keep(&patterns(r#"["v*"]"#), 10), EXPIRE),
        rule(2, &keep(&prefixes(r#"["v1."]"#), 10), EXPIRE),
        rule(3, &keep(&prefixes(r#"["pr-*"]"#), 10), EXPIRE),
        rule(4, &keep(&patterns(r#"["^release-[0-9]+$", "-x"]"#), 10), EXPIRE),
        rule(5, &days(&patterns(r#"["prod-*"]"#), "sinceImagePushed", 30), EXPIRE),
        rule(6, &keep(&patterns(r#"["a*", "ab*"]"#), 10), EXPIRE),
        rule(7, &days(&patterns(r#"["*"]"#), "sinceImagePushed", 1), EXPIRE),
        rule(8, &keep(&patterns(r#"["latest"]"#), 1), EXPIRE),
        rule(
            9,
            &days(&format!("{ANY}, \"storageClass\": \"archive\""), "sinceImageTransitioned", 90),
            EXPIRE,
        ),
    ];
    insta::assert_snapshot!(findings(&text(&all), None), @r#"
    NeverMatches: policy.json:4:64: the rule never has an image: rule 1 (tagged `v*`) takes all that it could select
      |
    4 |     { "rulePriority": 2, "selection": { "tagStatus": "tagged", "tagPrefixList": ["v1."], "countType": "imageCountMoreThan", "countNumber": 10 }, "action": { "type": "expire" } },
      |                                                                ^^^^^^^^^^^^^^^
    hint: an image belongs to the first rule that selects it, even if that rule keeps it: give this rule a lower `rulePriority`, or leave it out
    ImpossibleTag: policy.json:5:82: no tag begins with `pr-*`
      |
    5 |     { "rulePriority": 3, "selection": { "tagStatus": "tagged", "tagPrefixList": ["pr-*"], "countType": "imageCountMoreThan", "countNumber": 10 }, "action": { "type": "expire" } },
      |                                                                                  ^^^^^^
    hint: in `tagPrefixList` a `*` stands for itself, and no tag has one: use `tagPatternList`
    EveryEntry: policy.json:6:64: the rule is about images that are tagged `^release-[0-9]+$` and `-x`, all at once
      |
    6 |     { "rulePriority": 4, "selection": { "tagStatus": "tagged", "tagPatternList": ["^release-[0-9]+$", "-x"], "countType": "imageCountMoreThan", "countNumber": 10 }, "action": { "type": "expire" } },
      |                                                                ^^^^^^^^^^^^^^^^
    hint: for images that have one of these tags, write a rule for each
    ImpossibleTag: policy.json:6:83: no tag matches `^release-[0-9]+$`: none has the character `^`
      |
    6 |     { "rulePriority": 4, "selection": { "tagStatus": "tagged", "tagPatternList": ["^release-[0-9]+$", "-x"], "countType": "imageCountMoreThan", "countNumber": 10 }, "action": { "type": "expire" } },
      |                                                                                   ^^^^^^^^^^^^^^^^^^
    hint: patterns are no regular expressions: they know `*`, for any number of characters, and nothing else
    ImpossibleTag: policy.json:6:103: no tag matches `-x`: none begins with `-`
      |
    6 |     { "rulePriority": 4, "selection": { "tagStatus": "tagged", "tagPatternList": ["^release-[0-9]+$", "-x"], "countType": "imageCountMoreThan", "countNumber": 10 }, "action": { "type": "expire" } },
      |                                                                                                       ^^^^
    hint: a `*` may be missing at the front
    ExpiresTheNewest: policy.json:7:107: every image that is tagged `prod-*` goes 30 days after its push, the newest one too
      |
    7 | …gged", "tagPatternList": ["prod-*"], "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30 }, "action": { "type": "expire" } },
      |                                                    ^^^^^^^^^^^^^^^^^^
    hint: if nothing is pushed for so long, nothing is left to deploy or to go back to: `imageCountMoreThan` keeps the newest ones
    EveryEntry: policy.json:8:83: `a*` says nothing beside `ab*`
      |
    8 |     { "rulePriority": 6, "selection": { "tagStatus": "tagged", "tagPatternList": ["a*", "ab*"], "countType": "imageCountMoreThan", "countNumber": 10 }, "action": { "type": "expire" } },
      |                                                                                   ^^^^
    hint: an image needs a tag for every entry, and the tag for the one serves for the other: for images that have one or the other, write two rules
    ExpiresTheNewest: policy.json:9:102: every image with a tag goes 1 day after its push, the newest one too
      |
    9 |     { "rulePriority": 7, "selection": { "tagStatus": "tagged", "tagPatternList": ["*"], "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1 }, "action": { "type": "expire" } },
      |                                                                                                      ^^^^^^^^^^^^^^^^^^
    hint: if nothing is pushed for so long, nothing is left to deploy or to go back to: `imageCountMoreThan` keeps the newest ones
    NeverMatches: policy.json:10:64: the rule never has an image: rule 7 (tagged `*`) takes all that it could select
       |
    10 |     { "rulePriority": 8, "selection": { "tagStatus": "tagged", "tagPatternList": ["latest"], "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "expire" } },
       |                                                                ^^^^^^^^^^^^^^^^
    hint: an image belongs to the first rule that selects it, even if that rule keeps it: give this rule a lower `rulePriority`, or leave it out
    NeverActs: policy.json:10:64: one image at most is tagged `latest`, and the rule keeps 1
       |
    10 |     { "rulePriority": 8, "selection": { "tagStatus": "tagged", "tagPatternList": ["latest"], "countType": "imageCountMoreThan", "countNumber": 1 }, "action": { "type": "expire" } },
       |                                                                ^^^^^^^^^^^^^^^^
    hint: such a rule can keep images away from rules behind it, and there is none: a `*` may be missing, or the rule can be left out
    NothingArchived: policy.json:11:101: no rule of the policy brings images into the archive
       |
    11 |     { "rulePriority": 9, "selection": { "tagStatus": "any", "storageClass": "archive", "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 90 }, "action": { "type": "expire" } }
       |                                                                                                     ^^^^^^^^^^^^^^^^^^^^^^^^
    hint: the rule acts on images that were archived by hand; a rule with the action `transition` archives them
    "#);
}

#[test]
fn rules_that_never_have_an_image() {
    let never = |rules: &[String]| names(&text(rules), None).contains(&"NeverMatches");
    let tagged = rule(1, &keep(&patterns(r#"["*"]"#), 9), EXPIRE);
    let untagged = rule(2, &keep(UNTAGGED, 9), EXPIRE);
    let any = rule(9, &keep(ANY, 9), EXPIRE);
    assert!(never(&[tagged.clone(), untagged.clone(), any.clone()]));
    assert!(!never(&[tagged.clone(), any.clone()]) && !never(&[untagged, any]));
    let both = rule(1, &keep(&patterns(r#"["a*", "b*"]"#), 9), EXPIRE);
    let (one, more) = (
        rule(3, &keep(&prefixes(r#"["a"]"#), 9), EXPIRE),
        rule(3, &keep(&prefixes(r#"["bb", "aa", "c"]"#), 9), EXPIRE),
    );
    assert!(!never(&[both.clone(), one]) && never(&[both, more]));
    // The order is that of the priorities, and not that of the text.
    assert!(!never(&[
        rule(2, &keep(&patterns(r#"["*"]"#), 9), EXPIRE),
        rule(1, &keep(&prefixes(r#"["a"]"#), 9), EXPIRE)
    ]));
    assert!(!never(&[
        tagged,
        rule(
            2,
            &days(
                &format!("{}, \"storageClass\": \"archive\"", prefixes(r#"["a"]"#)),
                "sinceImageTransitioned",
                90
            ),
            EXPIRE
        )
    ]));
}

#[test]
fn what_the_images_tell() {
    let mut index = image(1, &["1.4"], 3);
    (index.is_index, index.children) = (true, Some(vec![digest(2), digest(3)]));
    let mut signature = image(4, &[], 3);
    signature.subject = Some(digest(1));
    let cosign = format!("sha256-{}.sig", "0".repeat(64));
    let listing = Listing::new(vec![
        index,
        image(2, &[], 3),
        image(3, &[], 3),
        signature,
        image(5, &[&cosign], 9),
        image(6, &["1.3"], 9),
    ]);
    let deployed: Vec<_> = ["shop/api:1.3", "1.4", &digest(2).to_string(), "1.2", "other/one:1.3"]
        .iter()
        .filter_map(|text| Deployed::parse(text, Some(&"shop/api".parse().unwrap())).unwrap())
        .collect();
    assert_eq!(deployed.len(), 4, "the other repository's is left out");
    let ground = Ground { listing: &listing, deployed: &deployed, now: now() };
    let all = text(&[
        rule(1, &days(UNTAGGED, "sinceImagePushed", 14), EXPIRE),
        rule(2, &days(&prefixes(r#"["pr-"]"#), "sinceImagePushed", 14), EXPIRE),
        rule(3, &keep(ANY, 3), EXPIRE),
    ]);
    insta::assert_snapshot!(findings(&all, Some(ground)), @r#"
    DeployedNotFound: policy.json:1:1: `1.2` is deployed, and not in the repository
      |
    1 | {
      | ^
    hint: check the name; what is not there can't be protected
    Referrers: policy.json:3:54: an artifact without a tag refers to an image: a signature, an SBOM or an attestation
      |
    3 |     { "rulePriority": 1, "selection": { "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14 }, "action": { "type": "expire" } },
      |                                                      ^^^^^^^^^^
    hint: ECR's guide says that they go within a day after their subject, and not whether a rule about images without a tag spares them: look at ECR's own preview, `consign lifecycle preview REPOSITORY`, before the policy is set
    MatchesNothing: policy.json:4:64: no image is tagged `pr-*`: of 6 images, the rule selects none
      |
    4 |     { "rulePriority": 2, "selection": { "tagStatus": "tagged", "tagPrefixList": ["pr-"], "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14 }, "action": { "type": "expire" } },
      |                                                                ^^^^^^^^^^^^^^^
    hint: check the tags; more may come later
    Referrers: policy.json:5:54: an artifact without a tag refers to an image: a signature, an SBOM or an attestation
      |
    5 |     { "rulePriority": 3, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3 }, "action": { "type": "expire" } }
      |                                                      ^^^^^
    hint: ECR's guide says that they go within a day after their subject, and not whether a rule about images without a tag spares them: look at ECR's own preview, `consign lifecycle preview REPOSITORY`, before the policy is set
    SignatureTags: policy.json:5:54: an image that the rule selects is a signature or the like, with a tag as `sha256-….sig`
      |
    5 |     { "rulePriority": 3, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3 }, "action": { "type": "expire" } }
      |                                                      ^^^^^
    hint: they count as images, and go apart from what they are about; a rule before this one that keeps what matches `sha256-*` takes them out
    ExpiresDeployed: policy.json:5:74: the rule would expire `shop/api:1.3`, which is deployed
      |
    5 |     { "rulePriority": 3, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3 }, "action": { "type": "expire" } }
      |                                                                          ^^^^^^^^^^^^^^^^^^^^
    hint: give what is deployed a tag of its own, and put a rule for that tag, which keeps it, before this one
    IndexChildren: policy.json:5:111: of 5 images that the rule counts, 2 are listed by indexes: one for each platform
      |
    5 |     { "rulePriority": 3, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3 }, "action": { "type": "expire" } }
      |                                                                                                               ^
    hint: fewer releases stay than the number says; `--keep-last N --expire-untagged DAYS` makes a policy that counts images with a tag alone
    "#);
}

#[test]
fn what_goes_and_what_goes_after_it() {
    let mut index = image(1, &["1"], 30);
    (index.is_index, index.children) = (true, Some(vec![digest(2), digest(3)]));
    let mut other = image(9, &["2"], 1);
    (other.is_index, other.children) = (true, Some(vec![digest(3)]));
    let mut signature = image(4, &[], 30);
    signature.subject = Some(digest(1));
    let listing =
        Listing::new(vec![index, image(2, &[], 30), image(3, &[], 30), signature, other, image(5, &[], 30)]);
    let policy = read(&text(&[rule(1, &days(ANY, "sinceImagePushed", 14), EXPIRE)]));
    let effect = Effect::of(&policy, &listing, now());
    let gone: Vec<_> = effect.outcomes.iter().map(|outcome| outcome.digest).collect();
    assert_eq!(gone, [digest(1), digest(5)], "children and referrers stay for now");
    assert_eq!(effect.bytes(Action::Expire), Some(1000), "an index has no bytes of its own");
    assert_eq!(effect.around, Some(Around { images: 6, followers: 1, orphans: 1, unread_indexes: 0 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever the text: no panic, and every place lies in it.
    #[test]
    fn places_are_in_the_text(text in r#"(\{|\}|\[|\]|"rules"|"rulePriority"|"selection"|"action"|"tagStatus"|"any"|"tagged"|"é"|"type"|"expire"|"countType"|"countNumber"|"imageCountMoreThan"|"tagPatternList"|"a*"|:|,|1|0|-3|null|true| |\n|\r\n|\t){0,60}"#) {
        in_range(&text);
    }

    /// The same of texts that were a policy, and have lost or got something.
    #[test]
    fn places_are_in_broken_policies(from in 0usize..400, length in 0usize..40, put in r#"[ \n",:\[\]{}a*é0-9]{0,12}"#) {
        let whole = text(&[
            rule(1, &keep(&patterns(r#"["v*", "ü*"]"#), 10), EXPIRE),
            rule(2, &days(ANY, "sinceImagePushed", 30), ARCHIVE),
        ]);
        let cut = |at: usize| whole.floor_char_boundary(at.min(whole.len()));
        let (from, to) = (cut(from), cut(from + length));
        in_range(&format!("{}{put}{}", &whole[..from], &whole[to..]));
    }

    #[test]
    fn any_text_at_all(text in ".{0,80}") {
        in_range(&text);
    }
}

fn in_range(text: &str) {
    let file = Path::new("x");
    let problems = match check(file, text) {
        Err(error) => error.problems,
        Ok(policy) => lint(text, &policy, None).into_iter().map(|finding| finding.problem).collect(),
    };
    for problem in problems {
        let line = text.lines().nth(problem.line - 1).unwrap_or_default();
        let length = line.chars().count();
        assert!(problem.column >= 1 && problem.column <= length + 1, "{problem:?} in {text:?}");
        assert_eq!(problem.source_line, line, "{text:?}");
        problem.text(file);
    }
}
