//! Takes back what was planned.

use crate::commands::look;
use crate::error::Trouble;
use crate::page::{Answer, Visit, see_other};
use crate::routes::App;
use axum::extract::{Path, State};
use lifecycle::order::Order;
use lifecycle::{InterventionNumber, InterventionState, Role};

/// Withdraws a planned intervention, and goes back to its page.
pub(super) async fn withdraw(State(app): State<App>, visit: Visit, Path(number): Path<String>) -> Answer {
    withdrawn(&app, &visit, &number).await?;
    see_other(&format!("/requests/{number}"))
}

/// Withdraws a planned intervention: its code is worth nothing from then on. Whoever decides for its
/// target may, and the operator.
pub(crate) async fn withdrawn(app: &App, visit: &Visit, number: &str) -> Result<(), Trouble> {
    let number = InterventionNumber(number.parse().map_err(|_| Trouble::NotFound)?);
    let me = visit.me()?.clone();
    let may = look(&*app.commands, move |known| {
        let one = known.register.interventions.get(&number)?;
        // Only what was planned: a technician who waits on the line is answered, not sent away.
        let planned = one.plan.is_some() && one.state == InterventionState::Planned;
        let mine = me.decides_for(known, &one.asked.target) || me.roles.contains(&Role::Operator);
        me.may_see(known, &one.asked.target).then_some((mine, planned))
    });
    match may.await? {
        None => Err(Trouble::NotFound),
        Some((false, _)) => Err(Trouble::Forbidden),
        Some((true, false)) => Ok(()),
        Some((true, true)) => {
            let order = Order::InterventionWithdraw { number: number.0 };
            app.commands.carry_out(visit.me()?.login.clone(), order).await?;
            Ok(())
        }
    }
}
