//! What people may not do to COEs and actions, where that takes more than the object itself.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kinds::learning::CoeState;
use andon_api::object::AnyObject;
use andon_module::{Admission, BoxFuture};
use andon_objects::{ListQuery, Tx};
use jiff::tz::TimeZone;

use crate::typed::{ActionObject, CoeObject};

/// Guards COEs: what is published stands.
pub(crate) struct CoeAdmission;

impl Admission for CoeAdmission {
    fn kinds(&self) -> &'static [&'static str] {
        &["COE"]
    }

    fn admit<'a>(&'a self, tx: &'a mut Tx, new: Option<&'a AnyObject>, old: Option<&'a AnyObject>) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(async move {
            let Some(old) = old else { return Ok(()) };
            let coe = CoeObject::read(old)?;
            let stands = matches!(coe.status.state, CoeState::Published | CoeState::Verified);
            match new {
                Some(new) if stands && new.spec != old.spec => {
                    Err(Problem::new(ErrorCode::GateFailed, format!("{} is published; its text stands.", coe.reference))
                        .hint(format!("Move it back first: `andon coe state {} inReview`.", coe.reference.name())))
                }
                Some(_) => Ok(()),
                None => may_delete_coe(tx, &coe, stands).await,
            }
        })
    }
}

async fn may_delete_coe(tx: &mut Tx, coe: &CoeObject, stands: bool) -> Result<(), Problem> {
    let actions = tx.list(&ListQuery::kind("Action").filter("coe", &coe.reference).limit(1)).await?;
    let policies = tx.list(&ListQuery::kind("Policy").filter("lesson", &coe.reference).limit(1)).await?;
    let named_by = actions.items.first().or(policies.items.first()).map(AnyObject::reference);
    match named_by {
        Some(other) => Err(Problem::new(ErrorCode::ObjectInUse, format!("{other} names {}.", coe.reference))),
        None if stands => Err(Problem::new(ErrorCode::GateFailed, format!("{} is published; a lesson is not deleted.", coe.reference))
            .hint("Move it back to `inReview` first, if it was published by mistake.")),
        None => Ok(()),
    }
}

/// Guards actions: a due date lies ahead, and nobody gets rid of an open one by deleting it.
pub(crate) struct ActionAdmission;

impl Admission for ActionAdmission {
    fn kinds(&self) -> &'static [&'static str] {
        &["Action"]
    }

    fn admit<'a>(&'a self, tx: &'a mut Tx, new: Option<&'a AnyObject>, old: Option<&'a AnyObject>) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(async move {
            match (new, old) {
                (Some(new), None) => due_lies_ahead(tx, &ActionObject::read(new)?),
                (None, Some(old)) => may_delete_action(tx, &ActionObject::read(old)?).await,
                _ => Ok(()),
            }
        })
    }
}

pub(crate) fn due_lies_ahead(tx: &Tx, action: &ActionObject) -> Result<(), Problem> {
    let today = tx.now().to_zoned(TimeZone::UTC).date();
    if action.spec.due >= today {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::ActionInvalid, format!("The action is due on {}, and today is {today}.", action.spec.due))
        .place("spec.due")
        .hint("Name a day that lies ahead: 15 days for severity 1, 30 for severity 2, else 90."))
}

async fn may_delete_action(tx: &mut Tx, action: &ActionObject) -> Result<(), Problem> {
    let Some(coe) = tx.get(&action.spec.coe).await? else { return Ok(()) };
    let coe = CoeObject::read(&coe)?;
    if matches!(coe.status.state, CoeState::Draft | CoeState::InReview) {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::VerifierFailed, format!("{} belongs to the published {}; it is not deleted.", action.reference, coe.reference))
        .hint("An action is closed by its verifier alone. Mend the verifier, or move the COE back to `inReview`."))
}
