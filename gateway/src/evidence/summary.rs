//! The entries of a bundle in words, French first: for reading. What proves is beside it.

use jiff::tz::TimeZone;
use journal::Evidence;
use lifecycle::visible;
use serde_json::Value;

pub(super) const HEADING: &str = "\
RÉSUMÉ / SUMMARY

Pour lire. La preuve est dans `entries.jsonl` : ce fichier-ci dit la même chose en clair.
For reading. What proves is `entries.jsonl`: this file says the same in words.

";

/// What a kind of entry means, in both languages.
const WORDS: [(&str, &str, &str); 34] = [
    ("intervention-requested", "Intervention demandée", "Intervention requested"),
    ("intervention-planned", "Intervention planifiée", "Intervention planned"),
    ("intervention-armed", "Code d'intervention créé", "Intervention code made"),
    ("intervention-arrived", "Technicien arrivé, code donné", "Technician arrived with the code"),
    ("intervention-submitted", "Demande envoyée aux approbateurs", "Request sent to the approvers"),
    ("intervention-approved", "Approbation", "Approval"),
    ("intervention-extended", "Prolongation", "Extension"),
    ("intervention-refused", "Demande refusée", "Request refused"),
    ("intervention-withdrawn", "Demande retirée", "Request withdrawn"),
    ("intervention-expired", "Demande sans réponse", "Request not answered"),
    ("intervention-reviewed", "Urgence relue", "Emergency reviewed"),
    ("intervention-ended", "Fin de l'intervention", "End of the intervention"),
    ("code-mismatched", "Code d'approbation faux", "Wrong approval code"),
    ("session-admitted", "Accès donné", "Access given"),
    ("session-warned", "Fin annoncée", "End announced"),
    ("session-frozen", "Session gelée", "Session frozen"),
    ("session-resumed", "Session reprise", "Session resumed"),
    ("session-ended", "Fin de la session", "End of the session"),
    ("session-alarm", "Alarme", "Alarm"),
    ("watch-began", "Début de présence d'un surveillant", "A watcher came"),
    ("watch-ended", "Fin de présence d'un surveillant", "A watcher left"),
    ("channel-opened", "Canal ouvert", "Channel opened"),
    ("channel-refused", "Canal refusé", "Channel refused"),
    ("channel-closed", "Canal fermé", "Channel closed"),
    ("file-moved", "Fichier transféré", "File moved"),
    ("file-changed", "Fichier modifié", "File changed"),
    ("files-unlisted", "Autres fichiers, listés dans l'enregistrement", "More files, listed in the recording"),
    ("recording-committed", "Enregistrement engagé", "Recording committed"),
    ("recording-sealed", "Enregistrement scellé", "Recording sealed"),
    ("recording-read", "Enregistrement consulté", "Recording read"),
    ("evidence-exported", "Preuves exportées", "Evidence exported"),
    ("legacy-used", "Algorithmes anciens utilisés", "Old algorithms used"),
    ("target-unreached", "Équipement non joint", "Target not reached"),
    ("join-refused", "Connexion supplémentaire refusée", "Further connection refused"),
];

/// An entry: a line, and its fields below.
pub(super) fn entry(evidence: &Evidence, zone: &TimeZone) -> String {
    let leaf = &evidence.leaf;
    let words = WORDS.iter().find(|(kind, ..)| *kind == leaf.kind);
    let title = words.map_or_else(|| leaf.kind.clone(), |(_, french, english)| format!("{french} / {english}"));
    let at = leaf.at.to_zoned(zone.clone()).strftime("%d/%m/%Y %H:%M:%S %Z");
    let mut text = format!("{at}  [{}]  {title}\n", leaf.index);
    let body = evidence.opened.as_ref().map(|(_, body)| serde_json::from_slice(body).unwrap_or(Value::Null));
    match body {
        None => text += "    contenu effacé / content erased\n",
        Some(Value::Object(fields)) => {
            for (name, value) in fields.iter().filter(|(name, value)| *name != "kind" && !value.is_null()) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                text += &format!("    {name}: {}\n", visible(&value));
            }
        }
        Some(_) => {}
    }
    text + "\n"
}
