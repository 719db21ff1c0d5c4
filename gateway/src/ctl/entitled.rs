//! Who asks at the socket, and whether they may: who is signed in at their terminal, with which roles (D11, T22).

use super::caller::Caller;
use super::desk::{Answer, Desk, data, gone, refused};
use crate::registrar::Core;
use crate::watch::attend;
use lifecycle::order::{Failure, Needs, Order, Proof, exit, needs};
use lifecycle::{Actor, Command, Refusal, Role};
use policy::StaffLogin;
use serde_json::json;

impl Desk {
    /// Who is signed in where the caller sits, with the roles they had then.
    fn signed_in_once(&self, caller: &Caller) -> Option<(StaffLogin, Vec<Role>)> {
        let now = self.site.clock.now();
        let signed_in = caller.seat.as_ref().and_then(|seat| self.signed_in.at(seat, now))?;
        Some((signed_in.staff, signed_in.roles))
    }

    /// Who is signed in where the caller sits, and may still be.
    async fn signed_in(&self, caller: &Caller) -> Result<Option<(StaffLogin, Vec<Role>)>, Failure> {
        let Some((staff, _)) = self.signed_in_once(caller) else { return Ok(None) };
        let wanted = staff.clone();
        let roles = self.site.registrar.view(move |core, _| {
            let staff = core.register.staff.get(&wanted).filter(|staff| staff.is_active());
            staff.map(|staff| staff.roles.iter().copied().collect())
        });
        // Without a journal nobody can be asked for; brakes go on as root's.
        Ok(roles.await.ok().flatten().map(|roles| (staff, roles)))
    }

    /// Who acts, if they may.
    pub(super) async fn actor(&self, request: &Order, caller: &Caller) -> Result<Actor, Failure> {
        let root = Actor::Root(caller.uid);
        let needs = needs(request);
        // Brakes act as whom the sign-in took somebody, without waiting for the journal (D18).
        let signed_in = match needs {
            Needs::Brake(_) | Needs::Freeze => self.signed_in_once(caller),
            _ => self.signed_in(caller).await?,
        };
        let (wanted, brake): (&[Role], bool) = match needs {
            Needs::Nothing | Needs::Proof => {
                return Ok(signed_in.map_or(root, |(staff, _)| Actor::Staff(staff)));
            }
            Needs::Freeze => (&[Role::Approver], false),
            Needs::Brake(roles) => (roles, true),
            Needs::Role(roles) => (roles, false),
        };
        match signed_in {
            Some((staff, roles)) if roles.iter().any(|role| wanted.contains(role)) => Ok(Actor::Staff(staff)),
            _ if brake => Ok(root),
            Some((staff, _)) => {
                let role = wanted.first().copied().unwrap_or(Role::Operator);
                Err(refused(Refusal::Role { staff, role }))
            }
            None if wanted.contains(&Role::Operator) && !self.has_operator().await? => Ok(root),
            None => {
                let names: Vec<String> = wanted.iter().map(ToString::to_string).collect();
                let text = format!(
                    "nobody is signed in at this terminal: `poterne login --as STAFF`, with the role {}",
                    names.join(" or ")
                );
                Err(Failure::new(exit::NOT_PERMITTED, text))
            }
        }
    }

    async fn has_operator(&self) -> Result<bool, Failure> {
        let any = |core: &Core, _| core.register.staff.values().any(|staff| staff.is(Role::Operator));
        self.site.registrar.view(any).await.map_err(gone)
    }

    /// Answers what depends on where the caller sits; everything else is carried out as whoever they
    /// are.
    pub(super) async fn answer(&self, order: Order, caller: &Caller) -> Answer {
        let by = self.actor(&order, caller).await?;
        // The console brings no such order here.
        let opens = matches!(
            order,
            Order::InterventionApprove { .. } | Order::InterventionPlan { .. } | Order::InterventionExtend { .. }
        );
        if opens && self.site.config().site.sealed_command_line {
            return Err(refused(Refusal::CommandLineSealed));
        }
        match order {
            Order::Login { proof } => self.login(caller, proof).await,
            Order::Logout => {
                let who = caller.seat.as_ref().and_then(|seat| self.signed_in.end(seat));
                Ok(json!({ "staff": who }))
            }
            Order::Whoami => {
                let now = self.site.clock.now();
                let at = caller.seat.as_ref().and_then(|seat| self.signed_in.at(seat, now));
                let roles = self.signed_in(caller).await?.map(|(_, roles)| roles);
                let (staff, until) = at.map(|one| (one.staff, one.until)).unzip();
                Ok(json!({ "staff": staff, "roles": roles, "until": until, "uid": caller.uid }))
            }
            order => self.carry_out(order, by).await.map_err(|failure| self.with_what_there_is(failure)),
        }
    }

    /// Signs somebody in at the caller's terminal (D11).
    async fn login(&self, caller: &Caller, proof: Proof) -> Answer {
        let Some(seat) = caller.seat.clone() else {
            return Err(Failure::new(exit::NOT_PERMITTED, "the kernel does not say where you sit: nobody can sign in"));
        };
        self.sign_in(&proof, format!("sign in as uid {}", caller.uid)).await?;
        let wanted = proof.staff.clone();
        let roles = self.site.registrar.view(move |core, _| {
            core.register.staff.get(&wanted).map(|staff| staff.roles.iter().copied().collect::<Vec<_>>())
        });
        let roles = roles.await.map_err(gone)?.unwrap_or_default();
        let until = self.signed_in.begin(seat, proof.staff.clone(), roles, self.site.clock.now());
        Ok(json!({ "staff": proof.staff, "until": until }))
    }

    /// Whether the caller may watch: a person at a terminal, who is signed in or proves who they are (T22).
    pub(super) async fn may_watch(
        &self,
        caller: &Caller,
        id: &str,
        proof: Option<Proof>,
    ) -> Result<attend::Ticket, Failure> {
        let id: lifecycle::SessionId = id.parse().map_err(data)?;
        if !caller.has_terminal() {
            return Err(Failure::new(
                exit::NOT_PERMITTED,
                "watching takes a person at a terminal: run it in one, not in a script",
            ));
        }
        let staff = match proof {
            Some(proof) => {
                let attempt = self.prove(&proof).await?;
                self.command(Command::Prove { attempt, purpose: format!("watch {id}") }).await?;
                proof.staff
            }
            None => {
                let request = Order::SessionWatch { id: id.to_string(), proof: None };
                match self.actor(&request, caller).await? {
                    Actor::Staff(staff) => staff,
                    _ => return Err(Failure::new(exit::NOT_PERMITTED, "sign in first: `poterne login --as STAFF`")),
                }
            }
        };
        self.ticket(&staff, &id).await
    }
}
