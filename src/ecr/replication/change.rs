//! Changing rules that others may change at the same moment.
//!
//! ECR has no condition on a write, so two writers can replace each other's rules. What is written is read back; if it is
//! not there, the change is made again to what is there. A writer that comes between the reading and the writing of
//! another, a few milliseconds, can still be overwritten without either noticing.

use super::{Configuration, Pair, Replication, ReplicationError, Rule, check, pairs};
use crate::registry::RegistryError;
use std::collections::BTreeSet;

/// How often a change is made again.
const TIMES: u32 = 5;

/// Where rules are kept.
pub trait Store {
    /// What is there.
    fn read(&self) -> impl Future<Output = Result<Configuration, RegistryError>> + Send;

    /// Replaces what is there.
    fn write(&self, rules: &[Rule]) -> impl Future<Output = Result<(), RegistryError>> + Send;
}

impl Store for Replication<'_> {
    async fn read(&self) -> Result<Configuration, RegistryError> {
        Replication::read(self).await
    }

    async fn write(&self, rules: &[Rule]) -> Result<(), RegistryError> {
        Replication::write(self, rules).await
    }
}

/// What is to become of rules.
#[expect(missing_debug_implementations, reason = "it holds a function")]
pub struct Change<'a> {
    /// The rules with the change.
    pub make: &'a (dyn Fn(&[Rule]) -> Vec<Rule> + Send + Sync),
    /// What may be dropped.
    pub agreed: &'a BTreeSet<Pair>,
    /// The region of the registry.
    pub region: &'a str,
}

/// What became of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Changed {
    /// The rules that are there now.
    pub rules: Vec<Rule>,
    /// How often they were written.
    pub writes: u32,
}

/// Makes a change, and makes sure that it is there in the end.
pub async fn apply<S: Store>(store: &S, change: &Change<'_>) -> Result<Changed, ReplicationError> {
    let mut current = store.read().await?;
    let mut writes = 0;
    loop {
        let wanted = (change.make)(&current.rules);
        let (said, to_say) = (pairs(&current.rules), pairs(&wanted));
        if said == to_say {
            return Ok(Changed { rules: current.rules, writes });
        }
        check(&wanted, &current.registry_id, change.region)?;
        let lost: Vec<Pair> =
            said.difference(&to_say).filter(|it| !change.agreed.contains(*it)).cloned().collect();
        if !lost.is_empty() {
            return Err(ReplicationError::Changed { lost });
        }
        if writes == TIMES {
            let missing = to_say.difference(&said).cloned().collect();
            return Err(ReplicationError::Overwritten { times: writes, missing });
        }
        store.write(&wanted).await?;
        writes += 1;
        current = store.read().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::merge::{add, remove};
    use super::super::{Destination, Wanted};
    use super::*;
    use std::sync::Mutex;

    /// A registry in memory, in which somebody else writes right after each write as long as `others` has rules.
    struct Shared {
        rules: Mutex<Vec<Rule>>,
        others: Mutex<Vec<Vec<Rule>>>,
    }

    impl Store for Shared {
        async fn read(&self) -> Result<Configuration, RegistryError> {
            Ok(Configuration {
                registry_id: "123456789012".into(),
                rules: self.rules.lock().unwrap().clone(),
            })
        }

        async fn write(&self, rules: &[Rule]) -> Result<(), RegistryError> {
            let other = self.others.lock().unwrap().pop();
            *self.rules.lock().unwrap() = other.unwrap_or_else(|| rules.to_vec());
            Ok(())
        }
    }

    fn wanted(prefix: &str, region: &str) -> Wanted {
        let to = Destination { region: region.into(), registry_id: "123456789012".into() };
        Wanted { prefixes: vec![prefix.into()], destinations: vec![to] }
    }

    fn run(
        shared: &Shared,
        make: &(dyn Fn(&[Rule]) -> Vec<Rule> + Send + Sync),
    ) -> Result<Changed, ReplicationError> {
        let agreed = BTreeSet::new();
        let change = Change { make, agreed: &agreed, region: "us-east-1" };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(apply(shared, &change))
    }

    #[test]
    fn both_writers_have_their_rules_in_the_end() {
        let (ours, theirs) = (wanted("shop/", "eu-west-1"), wanted("lab/", "us-west-2"));
        let shared = Shared { rules: Mutex::default(), others: vec![vec![theirs.rule()]].into() };
        let changed = run(&shared, &|rules| add(rules, &ours)).unwrap();
        assert_eq!(changed, Changed { rules: vec![theirs.rule(), ours.rule()], writes: 2 });
        // Nothing to do is nothing written.
        assert_eq!(run(&shared, &|rules| add(rules, &ours)).unwrap().writes, 0);
    }

    #[test]
    fn somebody_who_never_stops_is_told_of() {
        let theirs = vec![wanted("lab/", "us-west-2").rule()];
        let shared = Shared { rules: Mutex::default(), others: vec![theirs; 9].into() };
        let error = run(&shared, &|rules| add(rules, &wanted("shop/", "eu-west-1"))).unwrap_err();
        assert!(error.to_string().contains("written 5 times"), "{error}");
        assert!(error.to_string().contains("shop/ -> eu-west-1@123456789012 is missing"), "{error}");
    }

    #[test]
    fn nothing_is_dropped_that_nobody_agreed_to() {
        let theirs = wanted("lab/", "us-west-2");
        let shared = Shared { rules: vec![theirs.rule()].into(), others: Mutex::default() };
        let error = run(&shared, &|rules| remove(rules, &theirs)).unwrap_err();
        assert!(matches!(error, ReplicationError::Changed { .. }), "{error}");
        assert_eq!(*shared.rules.lock().unwrap(), [theirs.rule()]);
    }
}
