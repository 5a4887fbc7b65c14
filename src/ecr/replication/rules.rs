//! The rules of a registry, as the API has them, and what they mean.

use super::ReplicationError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Different destinations of all rules together
/// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html>).
const MAX_DESTINATIONS: usize = 25;
/// Filters of a rule, by the same page.
const MAX_FILTERS: usize = 100;
/// Rules by the page about replication; the API's model says 10, and ECR itself decides in between.
const MAX_RULES: usize = 25;

/// What a registry replicates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// The account of the registry.
    pub registry_id: String,
    /// Its rules; an image goes wherever one of them sends it.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Where to.
    pub destinations: Vec<Destination>,
    /// Which repositories: those that one of these matches; without any, all of the registry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repository_filters: Vec<RepositoryFilter>,
}

/// A registry that images go to. Repositories have the same name there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Destination {
    /// The region.
    pub region: String,
    /// The account.
    pub registry_id: String,
}

/// Which repositories a rule is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RepositoryFilter {
    /// What the names of the repositories begin with.
    pub filter: String,
    /// Always `PREFIX_MATCH`.
    pub filter_type: String,
}

impl RepositoryFilter {
    /// Repositories whose names begin with this.
    pub fn prefix(filter: impl Into<String>) -> Self {
        Self { filter: filter.into(), filter_type: "PREFIX_MATCH".into() }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.region, self.registry_id)
    }
}

/// A destination as it is typed: `REGION` or `REGION@ACCOUNT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Where {
    /// The region.
    pub region: String,
    /// The account, if it was named.
    pub account: Option<String>,
}

impl Where {
    /// In full, for the registry of `own` account.
    pub fn destination(&self, own: &str) -> Destination {
        let account = self.account.as_deref().unwrap_or(own);
        Destination { region: self.region.clone(), registry_id: account.to_owned() }
    }

    /// Whether `there` is what was meant; without an account, the region alone counts.
    pub fn means(&self, region: &str, account: &str) -> bool {
        self.region == region && self.account.as_deref().is_none_or(|wanted| wanted == account)
    }
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.region)?;
        self.account.iter().try_for_each(|account| write!(f, "@{account}"))
    }
}

impl FromStr for Where {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (region, account) = match text.split_once('@') {
            None => (text, None),
            Some((region, account)) => (region, Some(account)),
        };
        check_region(region).map_err(|why| format!("`{text}`: {why}; write REGION or REGION@ACCOUNT"))?;
        if let Some(account) = account {
            check_account(account).map_err(|why| format!("`{text}`: {why}"))?;
        }
        Ok(Self { region: region.to_owned(), account: account.map(str::to_owned) })
    }
}

fn check_region(region: &str) -> Result<(), String> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    // `eu-west-1`, `us-gov-west-1`: the API takes more, but nothing else is a region.
    let looks_like_one = region.contains('-') && region.ends_with(|c: char| c.is_ascii_digit());
    if (2..=25).contains(&region.len()) && region.bytes().all(legal) && looks_like_one {
        return Ok(());
    }
    Err(format!("`{region}` is not the name of a region, such as eu-west-1"))
}

fn check_account(account: &str) -> Result<(), String> {
    if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("`{account}` is not an account id: it has 12 digits"))
}

/// A prefix of repositories (none: all of them), and where they go. Rules mean what their pairs mean.
pub type Pair = (Option<String>, Destination);

/// All that the rules say, however it is spread over them.
pub fn pairs(rules: &[Rule]) -> BTreeSet<Pair> {
    let of = |rule: &Rule| {
        let prefixes: Vec<Option<String>> = match rule.repository_filters.as_slice() {
            [] => vec![None],
            filters => filters.iter().map(|filter| Some(filter.filter.clone())).collect(),
        };
        let pairs = prefixes.into_iter().flat_map(|prefix| {
            rule.destinations.iter().map(move |destination| (prefix.clone(), destination.clone()))
        });
        pairs.collect::<Vec<_>>()
    };
    rules.iter().flat_map(of).collect()
}

/// Whether repositories that begin with `prefix` (none: all) are sent to `destination`.
pub fn covers(rules: &[Rule], prefix: Option<&str>, destination: &Destination) -> bool {
    rules.iter().filter(|rule| rule.destinations.contains(destination)).any(|rule| {
        rule.repository_filters.is_empty()
            || prefix
                .is_some_and(|prefix| rule.repository_filters.iter().any(|it| prefix.starts_with(&it.filter)))
    })
}

/// Refuses what ECR would refuse, in the registry of account `own` in `region`.
pub fn check(rules: &[Rule], own: &str, region: &str) -> Result<(), ReplicationError> {
    let wrong = |why: String| Err(ReplicationError::Rules { why });
    if rules.len() > MAX_RULES {
        return wrong(format!(
            "these are {} rules, and a registry can have {MAX_RULES} at most",
            rules.len()
        ));
    }
    let mut destinations = BTreeSet::new();
    for (number, rule) in rules.iter().enumerate() {
        let number = number + 1;
        if rule.destinations.is_empty() {
            return wrong(format!("rule {number} has no destination"));
        }
        for destination in &rule.destinations {
            let checked =
                check_region(&destination.region).and_then(|()| check_account(&destination.registry_id));
            if let Err(why) = checked {
                return wrong(format!("rule {number}: {why}"));
            }
            if destination.region == region && destination.registry_id == own {
                return wrong(format!("rule {number} sends to {destination}, which is this very registry"));
            }
            destinations.insert(destination);
        }
        if rule.repository_filters.len() > MAX_FILTERS {
            return wrong(format!("rule {number} has more than {MAX_FILTERS} filters"));
        }
        for filter in &rule.repository_filters {
            let legal =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/".contains(&byte);
            let text = &filter.filter;
            if !(2..=256).contains(&text.len()) || !text.bytes().all(legal) {
                let grammar = "2 to 256 small letters, digits and `._-/`";
                return wrong(format!(
                    "`{text}` is not the beginning of a repository's name: it has {grammar}"
                ));
            }
            if filter.filter_type != "PREFIX_MATCH" {
                return wrong(format!(
                    "rule {number}: `{}` is not PREFIX_MATCH, the one type of filter",
                    filter.filter_type
                ));
            }
        }
    }
    if destinations.len() > MAX_DESTINATIONS {
        return wrong(format!(
            "the rules have {} destinations in all, and a registry can have {MAX_DESTINATIONS}",
            destinations.len()
        ));
    }
    Ok(())
}

/// Reads rules as `aws ecr put-replication-configuration` takes them and `aws ecr describe-registry` gives them.
pub fn parse(text: &str) -> Result<Vec<Rule>, ReplicationError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Inner {
        rules: Vec<Rule>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "registryId")]
        _registry_id: Option<serde::de::IgnoredAny>,
        replication_configuration: Option<Inner>,
        rules: Option<Vec<Rule>>,
    }
    let wrong = |why: String| ReplicationError::Rules { why };
    let read: Outer = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    match (read.rules, read.replication_configuration) {
        (Some(rules), None) | (None, Some(Inner { rules })) => Ok(rules),
        _ => Err(wrong("it has neither `rules` nor `replicationConfiguration`, or both".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_as_they_are_typed() {
        let parse = |text: &str| text.parse::<Where>();
        assert_eq!(parse("eu-west-1").unwrap().destination("1").to_string(), "eu-west-1@1");
        let there = parse("us-gov-west-1@210987654321").unwrap();
        assert_eq!(there.destination("1").to_string(), there.to_string());
        assert!(there.means("us-gov-west-1", "210987654321") && !there.means("us-gov-west-1", "1"));
        for wrong in ["", "europe", "eu-west-1@", "eu-west-1@12", "@210987654321", "EU-west-1", "eu-west"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn files() {
        let rules = r#"{"rules": [{"destinations": [{"region": "eu-west-1", "registryId": "210987654321"}],
            "repositoryFilters": [{"filter": "shop/", "filterType": "PREFIX_MATCH"}]}]}"#;
        let read = parse(rules).unwrap();
        assert_eq!(read[0].repository_filters, [RepositoryFilter::prefix("shop/")]);
        let described = format!(r#"{{"registryId": "1", "replicationConfiguration": {rules}}}"#);
        assert_eq!(parse(&described).unwrap(), read);
        for (wrong, why) in [
            ("{}", "neither"),
            (r#"{"rules": [{"destination": []}]}"#, "unknown field `destination`"),
            ("[", "EOF"),
        ] {
            let said = parse(wrong).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn what_ecr_would_refuse() {
        let rule = |region: &str, account: &str, filters: &[&str]| Rule {
            destinations: vec![Destination { region: region.into(), registry_id: account.into() }],
            repository_filters: filters.iter().map(|filter| RepositoryFilter::prefix(*filter)).collect(),
        };
        let own = "123456789012";
        let checked = |rules: &[Rule]| check(rules, own, "us-east-1").map_err(|error| error.to_string());
        assert_eq!(checked(&[rule("eu-west-1", own, &["shop/"])]), Ok(()));
        assert_eq!(checked(&[rule("us-east-1", "210987654321", &[])]), Ok(()));
        let many: Vec<Rule> = (1..=26).map(|n| rule(&format!("eu-west-{n}"), own, &[])).collect();
        let spread = Rule {
            destinations: many.iter().flat_map(|it| it.destinations.clone()).collect(),
            ..many[0].clone()
        };
        let filters: Vec<String> = (0..101).map(|n| format!("shop{n}")).collect();
        let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
        for (rules, why) in [
            (vec![rule("us-east-1", own, &[])], "this very registry"),
            (vec![rule("europe", own, &[])], "not the name of a region"),
            (vec![rule("eu-west-1", "12", &[])], "not an account id"),
            (vec![rule("eu-west-1", own, &["s"])], "beginning of a repository's name"),
            (vec![rule("eu-west-1", own, &["Shop"])], "beginning of a repository's name"),
            (vec![rule("eu-west-1", own, &filters)], "more than 100 filters"),
            (vec![Rule { destinations: vec![], ..many[0].clone() }], "no destination"),
            (vec![spread], "26 destinations"),
            (many, "26 rules"),
        ] {
            let said = checked(&rules).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
