//! The sealed envelope: codes on paper for when no approver's console works (T16, EMG-03).

use super::desk::{Answer, Desk, gone, refused, software};
use crate::entropy;
use crate::invitation::PlannedCode;
use crate::registrar::Core;
use crate::site::BREAK_GLASS;
use jiff::{SignedDuration, Timestamp};
use lifecycle::order::{Hidden, Proof};
use lifecycle::{Actor, Command, Event, InterventionNumber, InterventionState, Refusal};
use policy::{Rights, Verified};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Characters of a code: 20 of an alphabet of 20 are 86 bits.
const LENGTH: usize = 20;
/// Characters of a group on the paper.
const GROUP: usize = 5;

/// What the vault keeps of one print.
#[derive(Serialize, Deserialize)]
pub(crate) struct Envelope(Vec<PlannedCode>);

/// What somebody at the command line wants to approve.
pub(super) struct Approving {
    pub(super) number: InterventionNumber,
    pub(super) proof: Proof,
    pub(super) sealed: Hidden,
    pub(super) code: Option<String>,
    pub(super) verified: Verified,
    pub(super) rights: Option<Rights>,
    pub(super) minutes: Option<u32>,
}

impl Desk {
    /// New codes, told this once; those of before are void.
    pub(super) async fn break_glass_print(&self, count: u32, by: Actor) -> Answer {
        if count == 0 || count > lifecycle::MOST_CODES {
            return Err(refused(Refusal::BreakGlassCount));
        }
        let (mut codes, mut kept) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let code = entropy::readable_code(LENGTH).map_err(software)?;
            kept.push(PlannedCode::of(&code).map_err(software)?);
            let characters: Vec<char> = code.chars().collect();
            let groups: Vec<String> = characters.chunks(GROUP).map(|group| group.iter().collect()).collect();
            codes.push(groups.join("-"));
        }
        let secret = u64::try_from(self.site.clock.now().as_millisecond()).unwrap_or(1);
        // Vault before journal (D21).
        self.site.vault.put(BREAK_GLASS, secret, &Envelope(kept)).map_err(software)?;
        let old = self.site.registrar.view(|core: &Core, _| core.register.break_glass.clone()).await.map_err(gone)?;
        self.command(Command::PrintBreakGlass { count, secret, by }).await?;
        if let Some(old) = old.filter(|old| old.secret != secret) {
            self.site.vault.discard(BREAK_GLASS, old.secret);
        }
        let config = self.site.config();
        let console = config.console.as_ref().map(|console| console.address.clone());
        Ok(json!({ "site": config.site.name, "console": console, "printed": self.site.clock.now(), "codes": codes }))
    }

    /// An approval whose approver has no console. All of it is judged as in the console; the code stands in
    /// for that alone, is used up with the approval, and everybody is told (T16).
    pub(super) async fn break_glass_approve(&self, asked: Approving, by: Actor) -> Answer {
        let Approving { number, proof, sealed, code, verified, rights, minutes } = asked;
        let secret =
            self.site.registrar.view(|core: &Core, _| core.register.break_glass.as_ref().map(|one| one.secret));
        let secret = secret.await.map_err(gone)?.unwrap_or_default();
        let held = self.site.vault.get::<Envelope>(BREAK_GLASS, secret).ok();
        // Each is compared: which one it is does not show in the time.
        let fits = held.map(|Envelope(kept)| kept.iter().map(|one| one.fits(sealed.reveal())).collect::<Vec<_>>());
        let place = fits.unwrap_or_default().iter().position(|fits| *fits);
        let place = place.and_then(|place| u32::try_from(place + 1).ok());
        let attempt = self.prove(&proof).await?;
        let staff = proof.staff.clone();
        let act = move |core: &mut Core, at: Timestamp| {
            let refused =
                |why: &str| Event::BreakGlassRefused { staff: staff.clone(), why: why.to_owned(), by: by.clone() };
            let Some(place) = place.filter(|place| core.register.break_glass_holds(secret, *place)) else {
                return (vec![refused("no code of the envelope in force, or used")], Err(Refusal::BreakGlassWrong));
            };
            let planned = core.register.interventions.get(&number).map(|one| one.state == InterventionState::Planned);
            let command = match (planned, code) {
                (Some(true), _) => {
                    Command::ApprovePlanned { number, attempt, verified, on_call: core.config.on_call(at) }
                }
                // Told as well: a code of the envelope is not to be tried unheard.
                (_, None) => return (vec![refused("the request's code is missing")], Err(Refusal::CodeMissing)),
                (_, Some(code)) => {
                    let code_fits = core.code_fits(number, &code);
                    let minutes = minutes.map(|minutes| SignedDuration::from_mins(i64::from(minutes)));
                    let until = minutes.and_then(|minutes| at.checked_add(minutes).ok());
                    Command::Approve { number, attempt, code_fits, verified, rights, until }
                }
            };
            let mut decided = core.decide(command, at);
            match decided.refusal {
                // A factor that is wrong does not use the code up: whoever mistypes has it still.
                Some(refusal) => {
                    decided.events.push(refused("the approval was refused"));
                    (decided.events, Err(refusal))
                }
                None => {
                    let missing = super::interventions::missing_of(&decided.events);
                    let used = Event::BreakGlassUsed { place, number, staff: staff.clone(), by: by.clone() };
                    let mut events = vec![used];
                    events.extend(decided.events);
                    (events, Ok(missing))
                }
            }
        };
        let missing = self.site.registrar.act(act).await.map_err(gone)?.map_err(refused)?;
        let planned = self.site.registrar.view(move |core, _| {
            core.register.interventions.get(&number).is_some_and(|one| one.state == InterventionState::Planned)
        });
        let mut answer = match planned.await.map_err(gone)? {
            true => self.armed(number, missing).await?,
            false => json!({ "number": number, "approvals_missing": missing }),
        };
        let left = self.site.registrar.view(|core, _| core.register.break_glass.as_ref().map(|one| one.left()));
        if let serde_json::Value::Object(fields) = &mut answer {
            fields.insert("codes_left".into(), json!(left.await.map_err(gone)?));
        }
        Ok(answer)
    }
}
