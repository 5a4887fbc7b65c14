//! Adding to rules and taking from them, so that everything else that they say stays said. Pure.

use super::{Destination, RepositoryFilter, Rule, covers};

/// What somebody wants: these repositories go to these destinations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What their names begin with; none means all of the registry.
    pub prefixes: Vec<String>,
    /// Where to.
    pub destinations: Vec<Destination>,
}

impl Wanted {
    /// As a rule of its own.
    pub fn rule(&self) -> Rule {
        Rule {
            destinations: self.destinations.clone(),
            repository_filters: self.prefixes.iter().map(RepositoryFilter::prefix).collect(),
        }
    }

    /// Each prefix by itself.
    fn each(&self) -> Vec<Option<&str>> {
        match self.prefixes.as_slice() {
            [] => vec![None],
            prefixes => prefixes.iter().map(|prefix| Some(prefix.as_str())).collect(),
        }
    }
}

impl RepositoryFilter {
    fn is(&self, prefix: &str) -> bool {
        self.filter == prefix
    }
}

/// The rules with what is wanted. What they say already is not said again; the rest goes to a rule for the same
/// repositories, else to one for the same destinations, else it becomes a rule. No rule is dropped or narrowed.
pub fn add(rules: &[Rule], wanted: &Wanted) -> Vec<Rule> {
    let mut rules = rules.to_vec();
    // Destinations that lack the same prefixes belong together.
    let mut groups: Vec<Wanted> = Vec::new();
    for destination in &wanted.destinations {
        let lacking: Vec<Option<&str>> =
            wanted.each().into_iter().filter(|prefix| !covers(&rules, *prefix, destination)).collect();
        if lacking.is_empty() {
            continue;
        }
        let prefixes: Vec<String> = lacking.into_iter().flatten().map(str::to_owned).collect();
        match groups.iter_mut().find(|group| group.prefixes == prefixes) {
            Some(group) if group.destinations.contains(destination) => {}
            Some(group) => group.destinations.push(destination.clone()),
            None => groups.push(Wanted { prefixes, destinations: vec![destination.clone()] }),
        }
    }
    for group in groups {
        add_group(&mut rules, group);
    }
    rules
}

fn add_group(rules: &mut Vec<Rule>, group: Wanted) {
    let same_repositories = |rule: &&mut Rule| {
        rule.repository_filters.len() == group.prefixes.len()
            && group.prefixes.iter().all(|prefix| rule.repository_filters.iter().any(|it| it.is(prefix)))
    };
    let same_destinations = |rule: &&mut Rule| {
        !rule.repository_filters.is_empty()
            && !group.prefixes.is_empty()
            && rule.destinations.len() == group.destinations.len()
            && group.destinations.iter().all(|destination| rule.destinations.contains(destination))
    };
    if let Some(rule) = rules.iter_mut().find(same_repositories) {
        for destination in group.destinations {
            if !rule.destinations.contains(&destination) {
                rule.destinations.push(destination);
            }
        }
    } else if let Some(rule) = rules.iter_mut().find(same_destinations) {
        for prefix in group.prefixes {
            if !rule.repository_filters.iter().any(|it| it.is(&prefix)) {
                rule.repository_filters.push(RepositoryFilter::prefix(prefix));
            }
        }
    } else {
        rules.push(group.rule());
    }
}

/// The rules without sending repositories to these destinations: those whose filter is one of the prefixes, as it is
/// written; without prefixes, all repositories. A rule that loses some of its filters for some of its destinations becomes
/// two.
pub fn remove(rules: &[Rule], unwanted: &Wanted) -> Vec<Rule> {
    let mut left = Vec::with_capacity(rules.len());
    for rule in rules {
        let goes = |destination: &Destination| unwanted.destinations.contains(destination);
        let is_named = |filter: &RepositoryFilter| unwanted.prefixes.iter().any(|prefix| filter.is(prefix));
        let (named, others): (Vec<_>, Vec<_>) =
            rule.repository_filters.iter().cloned().partition(|filter| is_named(filter));
        let touched = unwanted.prefixes.is_empty() || !named.is_empty();
        if !touched || !rule.destinations.iter().any(goes) {
            left.push(rule.clone());
            continue;
        }
        let kept: Vec<Destination> = rule.destinations.iter().filter(|it| !goes(it)).cloned().collect();
        let narrowed = if unwanted.prefixes.is_empty() { rule.repository_filters.clone() } else { named };
        if !unwanted.prefixes.is_empty() && !others.is_empty() {
            left.push(Rule { destinations: rule.destinations.clone(), repository_filters: others });
        }
        if !kept.is_empty() {
            left.push(Rule { destinations: kept, repository_filters: narrowed });
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::super::{check, pairs};
    use super::*;
    use proptest::prelude::*;

    const OWN: &str = "123456789012";

    fn to(region: &str) -> Destination {
        Destination { region: region.into(), registry_id: OWN.into() }
    }

    fn rule(prefixes: &[&str], regions: &[&str]) -> Rule {
        wanted(prefixes, regions).rule()
    }

    fn wanted(prefixes: &[&str], regions: &[&str]) -> Wanted {
        Wanted {
            prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
            destinations: regions.iter().map(|region| to(region)).collect(),
        }
    }

    #[test]
    fn what_is_said_is_not_said_again() {
        let all = [rule(&[], &["eu-west-1"])];
        assert_eq!(add(&all, &wanted(&["shop/"], &["eu-west-1"])), all);
        let some = [rule(&["sh"], &["eu-west-1", "eu-west-2"])];
        assert_eq!(add(&some, &wanted(&["shop/"], &["eu-west-2"])), some);
        // A narrower rule is none for all.
        assert_eq!(add(&some, &wanted(&[], &["eu-west-1"])), [some[0].clone(), rule(&[], &["eu-west-1"])]);
    }

    #[test]
    fn it_goes_where_it_fits() {
        let rules = [rule(&["shop/"], &["eu-west-1"]), rule(&["lab/"], &["us-west-2"])];
        assert_eq!(
            add(&rules, &wanted(&["shop/"], &["eu-west-1", "us-west-2"])),
            [rule(&["shop/"], &["eu-west-1", "us-west-2"]), rules[1].clone()]
        );
        assert_eq!(
            add(&rules, &wanted(&["web/"], &["us-west-2"])),
            [rules[0].clone(), rule(&["lab/", "web/"], &["us-west-2"])]
        );
        assert_eq!(
            add(&rules, &wanted(&["web/"], &["eu-west-3"])),
            [rules[0].clone(), rules[1].clone(), rule(&["web/"], &["eu-west-3"])]
        );
        // Only what is lacking is added.
        assert_eq!(
            add(&rules, &wanted(&["shop/", "lab/"], &["eu-west-1"])),
            [rules[0].clone(), rule(&["lab/"], &["us-west-2", "eu-west-1"])]
        );
    }

    #[test]
    fn taking_away() {
        let rules = [rule(&["shop/", "lab/"], &["eu-west-1", "us-west-2"]), rule(&[], &["eu-west-3"])];
        assert_eq!(
            remove(&rules, &wanted(&["shop/"], &["eu-west-1"])),
            [
                rule(&["lab/"], &["eu-west-1", "us-west-2"]),
                rule(&["shop/"], &["us-west-2"]),
                rules[1].clone()
            ]
        );
        assert_eq!(
            remove(&rules, &wanted(&[], &["us-west-2", "eu-west-3"])),
            [rule(&["shop/", "lab/"], &["eu-west-1"])]
        );
        // `sho` is not a filter of anybody, and a rule for all is not narrowed.
        assert_eq!(remove(&rules, &wanted(&["sho"], &["eu-west-1", "eu-west-3"])), rules);
    }

    const PREFIXES: [&str; 5] = ["shop/", "shop/api", "sh", "lab/", "web"];
    const REGIONS: [&str; 4] = ["eu-west-1", "eu-west-2", "us-west-2", "ap-south-1"];

    fn some(names: &'static [&'static str], least: usize) -> impl Strategy<Value = Vec<&'static str>> {
        proptest::sample::subsequence(names, least..=names.len())
    }

    fn any_wanted() -> impl Strategy<Value = Wanted> {
        (some(&PREFIXES, 0), some(&REGIONS, 1)).prop_map(|(prefixes, regions)| wanted(&prefixes, &regions))
    }

    proptest! {
        #[test]
        fn existing_rules_survive(rules in prop::collection::vec(any_wanted(), 0..6), wanted in any_wanted()) {
            let rules: Vec<Rule> = rules.iter().map(Wanted::rule).collect();
            let merged = add(&rules, &wanted);
            // All that was said before is said, and nothing but what was wanted comes to it.
            let asked = pairs(&[wanted.rule()]);
            let (before, after) = (pairs(&rules), pairs(&merged));
            prop_assert!(after.is_superset(&before));
            prop_assert!(after.difference(&before).all(|pair| asked.contains(pair)));
            for (prefix, destination) in &asked {
                prop_assert!(covers(&merged, prefix.as_deref(), destination));
            }
            // Twice is once, and no rule gets lost among the others.
            prop_assert_eq!(add(&merged, &wanted), merged.clone());
            prop_assert!(merged.len() >= rules.len());
            prop_assert!(check(&merged, OWN, "us-east-1").is_ok());
        }

        #[test]
        fn nothing_else_is_taken_away(rules in prop::collection::vec(any_wanted(), 0..6), unwanted in any_wanted()) {
            let rules: Vec<Rule> = rules.iter().map(Wanted::rule).collect();
            let left = remove(&rules, &unwanted);
            let goes = |(prefix, destination): &(Option<String>, Destination)| {
                let named = prefix.as_ref().is_some_and(|prefix| unwanted.prefixes.contains(prefix));
                unwanted.destinations.contains(destination) && (unwanted.prefixes.is_empty() || named)
            };
            let mut expected = pairs(&rules);
            expected.retain(|pair| !goes(pair));
            prop_assert_eq!(pairs(&left), expected);
        }

        #[test]
        fn what_was_added_can_be_taken_away(wanted in any_wanted()) {
            prop_assert_eq!(remove(&add(&[], &wanted), &wanted), vec![]);
        }
    }
}
