//! Credentials that renew themselves: before they run out by the clock, and when AWS says that they have.
//!
//! The SDK renews by the clock alone. A session can end earlier (it was revoked, a clock is wrong), and a push
//! of an hour must survive that, so the answer `ExpiredToken…` drops the credentials that were used, and the
//! SDK's retry asks for new ones, in the middle of a layer too.

use crate::base::{Clock, Timestamp};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// At most this long before their end, credentials are not used any more.
const MARGIN: Duration = Duration::from_mins(1);

/// Caches what `provider` gives, until it is about to run out or was [rejected](Self::reject). Clones share the
/// cache.
#[derive(Debug, Clone)]
pub struct Renewing {
    provider: SharedCredentialsProvider,
    clock: Arc<dyn Clock>,
    // Held while new ones are being minted, so that parallel requests lead to one exchange.
    cache: Arc<Mutex<Option<Cached>>>,
}

#[derive(Debug)]
struct Cached {
    credentials: Credentials,
    minted: Timestamp,
}

impl Cached {
    fn is_fresh(&self, now: Timestamp) -> bool {
        let Some(expiry) = self.credentials.expiry().and_then(|time| Timestamp::try_from(time).ok()) else {
            return true;
        };
        // Short-lived ones get a margin that leaves most of their life usable.
        let lifetime = Duration::try_from(expiry.duration_since(self.minted)).unwrap_or_default();
        let left = Duration::try_from(expiry.duration_since(now)).unwrap_or_default();
        left > MARGIN.min(lifetime / 10)
    }
}

impl Renewing {
    /// Caches what `provider` gives.
    pub fn new(provider: SharedCredentialsProvider, clock: Arc<dyn Clock>) -> Self {
        Self { provider, clock, cache: Arc::default() }
    }

    /// The credentials to use now.
    pub async fn get(&self) -> Result<Credentials, CredentialsError> {
        let mut cache = self.cache.lock().await;
        match &*cache {
            Some(cached) if cached.is_fresh(self.clock.now()) => Ok(cached.credentials.clone()),
            _ => {
                let credentials = self.provider.provide_credentials().await?;
                *cache = Some(Cached { credentials: credentials.clone(), minted: self.clock.now() });
                Ok(credentials)
            }
        }
    }

    /// Drops the cached credentials if their key id is still `key_id`: AWS does not take them any more.
    fn reject(&self, key_id: &str) {
        // If the lock is taken, new ones are being minted at this moment.
        if let Ok(mut cache) = self.cache.try_lock()
            && cache.as_ref().is_some_and(|cached| cached.credentials.access_key_id() == key_id)
        {
            tracing::debug!("AWS says that the credentials have expired; asking for new ones");
            *cache = None;
        }
    }
}

impl ProvideCredentials for Renewing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get())
    }
}

/// The key id that signed the attempt under way.
#[derive(Debug)]
struct KeyInUse(String);

impl Storable for KeyInUse {
    type Storer = StoreReplace<Self>;
}

/// Tells [`Renewing`] which credentials AWS has refused as expired.
#[derive(Debug)]
pub struct RejectExpired(pub Renewing);

impl Intercept for RejectExpired {
    fn name(&self) -> &'static str {
        "RejectExpired"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let key_id = context
            .request()
            .headers()
            .get("authorization")
            .and_then(|header| header.split_once("Credential="))
            .and_then(|(_, rest)| rest.split('/').next());
        if let Some(key_id) = key_id {
            config.interceptor_state().store_put(KeyInUse(key_id.to_owned()));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().is_some_and(says_expired)
            && let Some(KeyInUse(key_id)) = config.load::<KeyInUse>()
        {
            self.0.reject(key_id);
        }
        Ok(())
    }
}

/// Makes the SDK try again when AWS says that credentials have expired.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetryExpired;

impl ClassifyRetry for RetryExpired {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        if context.response().is_some_and(says_expired) {
            RetryAction::transient_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "RetryExpired"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Whether `response` is one of AWS's ways to say that the credentials have expired.
fn says_expired(response: &HttpResponse) -> bool {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "__type")]
        kind: String,
    }
    if response.status().is_success() {
        return false;
    }
    let body = || {
        let body: Body = serde_json::from_slice(response.body().bytes()?).ok()?;
        Some(body.kind)
    };
    response
        .headers()
        .get("x-amzn-errortype")
        .map(str::to_owned)
        .or_else(body)
        .is_some_and(|kind| kind.contains("ExpiredToken") || kind.contains("RequestExpired"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[derive(Debug)]
    struct TestClock(AtomicI64);

    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
        }
    }

    /// Mints a key a call, each for `lifetime` seconds.
    #[derive(Debug)]
    struct Mint {
        clock: Arc<TestClock>,
        lifetime: i64,
        count: AtomicI64,
    }

    impl ProvideCredentials for Mint {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let number = self.count.fetch_add(1, Ordering::SeqCst);
            let expiry = self.clock.now().as_second() + self.lifetime;
            future::ProvideCredentials::ready(Ok(Credentials::new(
                format!("KEY{number}"),
                "secret",
                None,
                Some(Timestamp::from_second(expiry).unwrap().into()),
                "test",
            )))
        }
    }

    fn renewing(lifetime: i64) -> (Renewing, Arc<TestClock>) {
        let clock = Arc::new(TestClock(AtomicI64::new(1_000)));
        let mint = Mint { clock: Arc::clone(&clock), lifetime, count: AtomicI64::new(0) };
        (Renewing::new(SharedCredentialsProvider::new(mint), Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    #[tokio::test]
    async fn renews_shortly_before_the_end() {
        let (credentials, clock) = renewing(3600);
        let key = async || credentials.get().await.unwrap().access_key_id().to_owned();
        assert_eq!(key().await, "KEY0");
        clock.0.store(1_000 + 3_500, Ordering::SeqCst);
        assert_eq!(key().await, "KEY0");
        clock.0.store(1_000 + 3_550, Ordering::SeqCst);
        assert_eq!(key().await, "KEY1");
    }

    #[tokio::test]
    async fn a_rejected_key_is_dropped_and_another_is_not() {
        let (credentials, _) = renewing(3600);
        let key = async || credentials.get().await.unwrap().access_key_id().to_owned();
        assert_eq!(key().await, "KEY0");
        credentials.reject("OTHER");
        assert_eq!(key().await, "KEY0");
        credentials.reject("KEY0");
        assert_eq!(key().await, "KEY1");
    }
}
