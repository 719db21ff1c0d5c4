//! Tokens by which another program reads an export, and the entry that each reading leaves (LOG-11).

use super::desk::{Answer, Desk, data, gone, refused, software};
use crate::entropy;
use crate::registrar::Core;
use console::{digest_of, token_of};
use jiff::{SignedDuration, Timestamp};
use lifecycle::order::{Failure, Proof, exit};
use lifecycle::{Command, Event, ExportScope, Reader, Refusal, TokenError, TokenId};
use policy::StaffLogin;
use serde_json::{Value, json};

/// Characters of an export's filters that are journalled: all that a form sends.
const FILTERS: usize = 1000;

/// What is to be made.
pub(super) struct NewToken {
    pub(super) label: String,
    pub(super) scope: ExportScope,
    pub(super) days: u16,
}

impl Desk {
    /// Makes one. The answer shows it, this once: only its digest is kept.
    pub(super) async fn token_make(&self, by: Option<StaffLogin>, proof: Option<Proof>, new: NewToken) -> Answer {
        let NewToken { label, scope, days } = new;
        match scope {
            ExportScope::Journal => return Err(refused(Refusal::Token(TokenError::Journal))),
            ExportScope::Accounts => return Err(refused(Refusal::Token(TokenError::Accounts))),
            ExportScope::Interventions | ExportScope::Sessions | ExportScope::Files => {}
        }
        let by = match (proof, by) {
            (Some(proof), _) => {
                self.sign_in(&proof, format!("make a token that reads {scope}")).await?;
                proof.staff
            }
            (None, Some(staff)) => staff,
            (None, None) => {
                return Err(Failure::new(
                    exit::NOT_PERMITTED,
                    "nobody is signed in at this terminal: `poterne login --as STAFF`",
                ));
            }
        };
        let token = token_of(entropy::bytes().map_err(software)?);
        let id = TokenId::from_random(entropy::bytes().map_err(software)?);
        let until =
            self.site.clock.now().checked_add(SignedDuration::from_hours(i64::from(days) * 24)).map_err(data)?;
        let command = Command::MakeToken { id: id.clone(), label, scope, until, digest: digest_of(&token), by };
        self.command(command).await?;
        Ok(json!({ "id": id, "token": token, "scope": scope, "until": until }))
    }

    pub(super) async fn token_list(&self) -> Answer {
        let list = |core: &Core, at: Timestamp| {
            let tokens = core.register.tokens.values();
            let shown = tokens.map(|token| {
                json!({
                    "id": token.id,
                    "label": token.label,
                    "scope": token.scope,
                    "by": token.by,
                    "made": token.made,
                    "until": token.until,
                    "revoked": token.revoked,
                    "last_read": token.last_read,
                    "holds": core.register.holds(token, at),
                })
            });
            shown.collect::<Value>()
        };
        self.site.registrar.view(list).await.map_err(gone)
    }

    /// Journals who takes an export along, before anything is given out (LOG-11). A token is judged once
    /// more where nothing can come between: it may have been revoked since the question came.
    pub(crate) async fn export_read(&self, what: ExportScope, rows: u64, filters: &str, by: Reader) -> Answer {
        let filters = crate::cli::visible(filters).chars().take(FILTERS).collect();
        let read = move |core: &mut Core, at: Timestamp| {
            let holds = match &by {
                Reader::Staff(_) => true,
                Reader::Token(id) => {
                    let token = core.register.tokens.get(id);
                    token.is_some_and(|token| token.scope == what && core.register.holds(token, at))
                }
            };
            match holds {
                true => (vec![Event::ExportRead { by, what, rows, filters }], Ok(())),
                false => (Vec::new(), Err(Refusal::Token(TokenError::NoMore))),
            }
        };
        self.site.registrar.act(read).await.map_err(gone)?.map_err(refused)?;
        Ok(json!({}))
    }
}
