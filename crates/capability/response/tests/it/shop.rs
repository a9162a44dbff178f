//! A small organisation to page: two teams, people with ways to reach them, a rotation, a policy.

use andon_api::{Event, ObjectRef};
use andon_egress::MailSettings;
use andon_module::Module;
use andon_objects::{Clock, EventQuery};
use andon_testkit::Testkit;
use http::StatusCode;
use serde_json::{Value, json};

use crate::receivers::{Hook, MailBox};

const CATALOG: &str = r#"
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: acme}
spec: {type: company, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments-team}
spec: {type: team, parent: acme, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: storefront-team}
spec: {type: team, parent: acme, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: maya}
spec: {memberOf: [payments-team], profile: {email: maya@acme.example}}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: sam}
spec: {memberOf: [payments-team], profile: {email: sam@acme.example}}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: lee}
spec: {memberOf: [acme], profile: {email: lee@acme.example}}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: ruth}
spec: {memberOf: [acme]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: ledger}
spec: {type: service, lifecycle: production, owner: storefront-team}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: payments}
spec: {type: service, lifecycle: production, owner: payments-team, dependsOn: ["component:ledger"]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: storefront}
spec: {type: website, lifecycle: production, owner: storefront-team, dependsOn: ["component:payments"]}
---
apiVersion: andon.dev/v1
kind: Schedule
metadata: {name: payments}
spec:
  owner: payments-team
  timeZone: Europe/Berlin
  layers:
    - {anchor: "2026-01-05T09:00:00", every: week, members: [maya, sam]}
"#;

/// The policy: whoever is on call, then sam, then lee at the end.
const POLICY: &str = r#"
apiVersion: andon.dev/v1
kind: EscalationPolicy
metadata: {name: payments}
spec:
  owner: payments-team
  steps:
    - {targets: ["schedule:default/payments"], wait: 5m}
    - {targets: ["user:default/sam"], wait: 5m}
  catchAll: [lee]
"#;

const ALARM: &str = r#"
apiVersion: andon.dev/v1
kind: Alarm
metadata: {name: payments-errors, title: Payments fails}
spec:
  service: component:default/payments
  query: service:payments AND level:error
  window: 10s
  threshold: 2
  clearWindows: 2
  severity: sev2
  pullsAndon: true
  customerSymptom: Customers are charged twice
"#;

/// The capabilities under test; response last, as the server lists them.
pub(crate) fn modules() -> Vec<Module> {
    vec![andon_catalog::module(), andon_delivery::module(), andon_signals::module(), andon_response::module()]
}

pub(crate) fn mail_settings(mailbox: &MailBox) -> MailSettings {
    MailSettings { url: mailbox.url.clone(), from: "Andon <andon@acme.example>".to_owned() }
}

/// The organisation with its receivers. On Monday 2026-03-02, 09:00 UTC, maya is on call: the ninth week.
pub(crate) struct Shop {
    pub(crate) kit: Testkit,
    pub(crate) mailbox: MailBox,
    pub(crate) hook: Hook,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let (mailbox, hook) = (MailBox::open().await, Hook::open().await);
        let kit = Testkit::with_mail(modules(), Some(mail_settings(&mailbox))).await;
        kit.apply(CATALOG).await;
        kit.apply(POLICY).await;
        kit.settle().await;
        Self { kit, mailbox, hook }
    }

    /// Adds the alarm, and lets it see that all is well.
    pub(crate) async fn watch(&self) {
        self.kit.apply(ALARM).await;
        self.kit.settle().await;
        self.kit.advance("20s").await;
    }

    /// Adds a webhook for a person, with a delay.
    pub(crate) async fn reach(&self, user: &str, delay: &str) {
        let method = format!(
            "apiVersion: andon.dev/v1\nkind: ContactMethod\nmetadata: {{name: {user}-hook}}\n\
             spec: {{user: {user}, channel: webhook, target: \"{}\", secret: hush, delay: {delay}}}\n",
            self.hook.url
        );
        self.kit.apply(&method).await;
    }

    /// Closes everything as a crash would, and opens it again.
    pub(crate) async fn reopen(self) -> Self {
        let Self { kit, mailbox, hook } = self;
        let kit = kit.reopen(modules(), Some(mail_settings(&mailbox))).await;
        Self { kit, mailbox, hook }
    }

    pub(crate) fn errors(&self, count: usize) {
        for _ in 0..count {
            self.kit.logs.add(self.kit.clock.now().as_microsecond(), "payments", "error", "charge failed: timeout");
        }
    }

    /// Sends an alert as Prometheus does, without waiting for what follows.
    pub(crate) async fn post_alert(&self, labels: Value, extra: Value) -> StatusCode {
        let mut alert = json!({"labels": labels});
        alert.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        self.kit.post("/api/v2/alerts", json!([alert])).await.0
    }

    /// Opens an alert on payments by way of Prometheus and lets everything come to rest.
    pub(crate) async fn trigger(&self) {
        assert_eq!(
            self.post_alert(
                json!({"alertname": "Slow", "service": "payments"}),
                json!({"endsAt": "2026-03-09T00:00:00Z"})
            )
            .await,
            200
        );
        self.kit.settle().await;
    }

    pub(crate) async fn object(&self, path: &str) -> Value {
        let (code, value) = self.kit.get(path).await;
        assert_eq!(code, StatusCode::OK, "{path}: {value}");
        value
    }

    pub(crate) async fn alert(&self) -> Value {
        self.object("/api/v1/alerts/alt-1").await
    }

    /// Tells whom each mail went to, in order.
    pub(crate) fn mailed(&self) -> Vec<String> {
        let name = |mail: &String| {
            let to = mail.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
            to.trim_matches(['<', '>', '\r']).split('@').next().unwrap().to_owned()
        };
        self.mailbox.mails().iter().map(name).collect()
    }

    /// Lists the actions of an object's events.
    pub(crate) async fn actions(&self, object: &str) -> Vec<String> {
        let query =
            EventQuery { object: Some(ObjectRef::parse(object, None, "default").unwrap()), ..EventQuery::default() };
        self.kit.world.store.events(&query).await.unwrap().into_iter().map(|event| event.action).collect()
    }

    /// Lists the events with an action.
    pub(crate) async fn events(&self, action: &str) -> Vec<Event> {
        let query = EventQuery { action: Some(action.to_owned()), ..EventQuery::default() };
        self.kit.world.store.events(&query).await.unwrap()
    }
}

/// Finds the address of the page's link in a mail.
pub(crate) fn link_in(mail: &str) -> String {
    let at = mail.find("http://andon.test/p/").unwrap();
    let path = &mail[at + "http://andon.test".len()..];
    path.chars().take_while(|c| c.is_ascii_alphanumeric() || "/-_".contains(*c)).collect()
}
