# Le registre.
register-title = Registre
register-filters = Choisir dans le registre
register-technician = Technicien
register-company = Société
register-equipment = Équipement
register-from = Du
register-until = Au
register-state = État
register-emergency = Urgence
register-all = tous
register-all-states = tous
register-emergency-any = avec ou sans
register-emergency-only = urgences seulement
register-emergency-none = sans les urgences
register-emergency-unreviewed = urgences à relire
register-emergency-mark = urgence
register-show = Afficher
register-clear = Tout le registre
register-wrong = Un des choix ne se lit pas : corrigez-le ci-dessus. Rien n'est affiché en attendant.
register-wrong-day = Écrivez un jour qui existe, par exemple 2026-03-31.
register-wrong-period = Ce jour est avant le premier : échangez-les.
register-wrong-choice = Choisissez dans la liste.
register-wrong-name = Écrivez 100 caractères au plus.
register-none = Rien à montrer : personne n'a encore rien demandé sur les équipements que vous voyez.
register-none-found = Aucune intervention ne correspond à ces choix.
register-count = { $count ->
    [one] { $count } intervention
   *[other] { $count } interventions
 }
register-export = Exporter (CSV)
register-export-cut = Il y en a plus de 100 000 : le fichier exporté s'arrête là. Choisissez une période plus courte.
register-number = Numéro
register-when = Quand
register-who = Qui
register-length = Durée
register-approved-by = Accordée par
register-watched = Regardée
register-watched-yes = oui
register-watched-gaps = avec des trous
register-watched-no = non
register-wants-review = à relire
register-at-least = au moins
register-open = voir la fiche
register-pages = Pages du registre
register-page = Page { $page } sur { $pages }
register-newer = Plus récentes
register-older = Plus anciennes
# Le registre exporté.
csv-file = registre
csv-kind = Genre
csv-kind-asked = demandée par le technicien
csv-kind-planned = prévue
csv-kind-emergency = urgence
csv-requested = Demandée le
csv-started = Commencée le
csv-ended = Terminée le
csv-seconds = Durée en secondes
csv-at-least = Durée minimale, fin non vue
csv-name = Nom
csv-technician = Identifiant
csv-vendor = Société
csv-vendor-id = Identifiant de la société
csv-target = Équipement
csv-target-id = Identifiant de l'équipement
csv-source = Depuis l'adresse
csv-reason = Motif
csv-ticket = Ticket
csv-cause = Fin
csv-review = Relecture
csv-review-missing = à faire
csv-review-none = pas à faire
csv-when = Quand
csv-cut = Coupé ici : il y avait plus de { $most } lignes. Choisissez une période plus courte.
# La fiche d'une intervention.
dossier-title = Intervention { $number }
dossier-who = Qui
dossier-what = Quoi
dossier-window = Prévue
dossier-from-until = du { $from } au { $until }
dossier-asked = Demandé
dossier-granted = Accordé
dossier-granted-all = tout ce qui était demandé
dossier-no-session = aucune session
dossier-watch-required = il fallait que quelqu'un regarde
dossier-course = Déroulement
dossier-wrong-codes = { $count ->
    [one] Un code faux a été tapé.
   *[other] { $count } codes faux ont été tapés.
 }
dossier-review = Relecture de l'urgence
dossier-reviewed-by = Relue par { $staff } :
dossier-wants-review = Cette urgence attend d'être relue par une personne qui ne l'a pas accordée.
dossier-review-later = Elle sera à relire une fois terminée.
dossier-replay = Revoir l'enregistrement
dossier-session = Session
dossier-session-short = (session { $number })
dossier-session-number = Session { $number }
dossier-more-sessions = { $count ->
    [one] Une autre session n'est pas montrée ici ; elle est au journal.
   *[other] { $count } autres sessions ne sont pas montrées ici ; elles sont au journal.
 }
dossier-started = Début
dossier-ended = Fin
dossier-until = Au plus tard jusqu'à
dossier-cut-by = coupée par { $staff } : { $reason }
dossier-bytes = Échangé
dossier-bytes-both = { $in } vers l'équipement, { $out } depuis l'équipement
dossier-legacy = Chiffrement ancien utilisé
dossier-legacy-until = par exception jusqu'au { $day } :
dossier-unreached = L'équipement n'a pas été joint
dossier-watching = Qui regardait, et quand personne
dossier-bar = Regardée : { $watched }. Sans regard : { $unwatched }. Gelée : { $frozen }.
dossier-legend-watched = regardée : { $length }
dossier-legend-unwatched = sans regard : { $length }
dossier-legend-frozen = gelée, rien ne bougeait : { $length }
dossier-gaps = Sans regard ou gelée
dossier-kind = Genre
dossier-kind-frozen = gelée
dossier-kind-unwatched = sans regard
dossier-from = De
dossier-to = À
dossier-why = Pourquoi
dossier-person = Personne
dossier-watchers = Qui a regardé
dossier-nobody = Personne n'a regardé.
dossier-not-counted = sans compter comme présent
dossier-watch-left = est parti
dossier-watch-silent = ne répondait plus
dossier-watch-challenge = n'a pas montré sa présence
dossier-watch-rights = n'en avait plus le droit
dossier-watch-over = fin de la session
dossier-still = encore
dossier-freezes = Gels
dossier-resumed-by = reprise par { $staff }
dossier-channels = Ce qui a été ouvert
dossier-what-ran = Quoi
dossier-exit = code de fin { $status }
dossier-refused = Refusé pendant la session
dossier-refused-counts = En tout :
dossier-recording = Enregistrement
dossier-proofs = Preuves
dossier-proofs-hint = Ces empreintes sont au journal. Avec elles, n'importe qui peut vérifier que l'enregistrement n'a pas changé, sans faire confiance à Poterne.
dossier-session-id = Session
dossier-manifest = Empreinte du manifeste (SHA-256)
dossier-size = Taille
dossier-head = Dernier maillon de la chaîne
dossier-head-length = Longueur jusque-là
dossier-recipients = Clés qui l'ouvrent
dossier-readings = Qui l'a ouvert
dossier-not-read = Personne ne l'a encore ouvert avec Poterne.
dossier-more = { $count ->
    [one] Un autre n'est pas montré ici ; il est au journal.
   *[other] { $count } autres ne sont pas montrés ici ; ils sont au journal.
 }
recording-whole = Entier, du début à la fin.
recording-interrupted = Interrompu : Poterne s'est arrêté net pendant la session. Entier jusqu'à la dernière image montrée.
recording-mutilated = Abîmé : il n'est pas ce que le journal annonce. Gardez tout, ne réparez rien, prévenez la sécurité.
recording-erased = Effacé à son terme : plus personne ne l'ouvre. Le journal prouve qu'il existait.
recording-missing = Il manque { $size }.
recording-sealing = L'enregistrement est en cours de mise sous scellés. Revenez dans un instant.
recording-running = La session court encore ; elle est enregistrée. On peut la revoir une fois qu'elle est terminée.
# Le déroulement.
course-prepared = Préparée : le technicien a son code
course-planned = Prévue par l'hôpital
course-submitted = Envoyée aux approbateurs
course-approved = Accordée par { $staff }, qui { $how }
course-session = Session ouverte { $id }
course-session-ended = Session { $id } fermée : { $cause }
course-warned = { $count ->
    [one] Prévenus de la fin { $count } minute avant
   *[other] Prévenus de la fin { $count } minutes avant
 }
course-refused = Refusée par { $staff } : { $reason }
course-refused-codes = Refusée après trois codes faux
course-withdrawn-left = Retirée : le technicien est parti
course-withdrawn-staff = Retirée par l'hôpital
course-withdrawn-restart = Retirée : Poterne a redémarré
course-withdrawn-lapsed = Retirée : l'accord n'a pas servi à temps
course-withdrawn-disabled = Retirée : le compte du technicien a été désactivé
course-expired = Éteinte : personne n'a répondu à temps
course-expired-planned = Éteinte : personne n'est venu à temps
course-ended = Intervention terminée
# Revoir un enregistrement.
replay-title = Enregistrement de l'intervention { $number }
replay-why = Pourquoi l'ouvrir ?
replay-why-hint = Un enregistrement montre des personnes au travail, et parfois des données de patients. Qui l'ouvre et pourquoi est consigné au journal avant que rien ne soit montré.
replay-purpose = Raison
replay-purpose-hint = Par exemple : incident CH-1240. 200 caractères au plus.
replay-purpose-missing = Écrivez pourquoi, en 200 caractères au plus. Rien n'a été ouvert.
replay-passphrase = Phrase secrète de votre clé
replay-passphrase-hint = Elle ouvre la clé pour cette connexion seulement, une heure au plus. En cas de doute sur Poterne, ne la tapez pas.
replay-passphrase-missing = Tapez la phrase secrète de la clé.
replay-tries-left = { $left ->
    [0] Il ne reste aucun essai.
    [one] Il reste { $left } essai.
   *[other] Il reste { $left } essais.
 }
replay-wrong-passphrase = { $left ->
    [one] Ce n'est pas la phrase secrète de la clé. Il reste { $left } essai.
   *[other] Ce n'est pas la phrase secrète de la clé. Il reste { $left } essais.
 }
replay-too-many = Trop d'essais faux dans cette connexion. Déconnectez-vous, retrouvez la phrase secrète, puis reconnectez-vous.
replay-not-configured = Sur ce site, les enregistrements ne s'ouvrent pas dans le navigateur. La sécurité les lit sur la machine de Poterne, avec sa clé :
replay-key-unusable = La clé de la sécurité ne peut pas servir. Montrez ceci à l'informatique : { $why }
replay-not-opened = L'enregistrement ne s'ouvre pas : { $why }
replay-open = Ouvrir l'enregistrement
replay-track = Ce qui a été ouvert
replay-track-shell = écran et clavier
replay-track-command = commande : { $command }
replay-track-silent = sans écran
replay-play = Lire
replay-pause = Pause
replay-position = { $time } sur { $length }
replay-moment = Moment
replay-speed = Vitesse
replay-skip-idle = Sauter les temps morts
replay-keys = Espace : lire ou arrêter. Flèches : 5 secondes, avec Maj une minute. Début et Fin.
replay-search = Chercher
replay-query = Un mot vu à l'écran
replay-find = Trouver
replay-no-hits = Rien trouvé.
replay-hits = Trouvé : { $found }.
replay-more-hits = Il y en a d'autres : cherchez un texte plus long.
replay-failed = Cette partie n'a pas pu être lue. Rechargez la page ; si l'enregistrement s'est refermé, elle redemande la raison.
replay-events = Ce qui s'est passé
replay-no-script = Pour revoir l'enregistrement, ce navigateur doit permettre les scripts de Poterne.
replay-no-screen = Ceci n'avait pas d'écran : il n'y a rien à revoir ici. La sécurité le lit sur la machine de Poterne :
replay-empty = Rien n'a été ouvert dans cette session : il n'y a rien à revoir.
replay-no-track = Il n'y a pas d'écran de ce numéro dans l'enregistrement.
replay-query-long = Écrivez 1 à 500 caractères.
replay-locked = La clé s'est refermée : rechargez la page et tapez de nouveau la phrase secrète.
replay-damaged = Cette partie de l'enregistrement n'est pas lisible : { $why }
moment-begin = Début
moment-end = Fin
moment-secret = Un mot de passe est tapé, mis à part
moment-dropped = Tapé pendant le gel, non transmis
moment-late = Une suite est venue après la fin, à part
moment-more = Il y en a d'autres
moment-signal = Signal { $text }
moment-notice = Poterne : { $text }
moment-frozen = Gelée : { $why }
moment-unwatched = Personne ne regarde, pendant { $length }
journal-word-journal-silent = le journal n'a pas répondu
journal-word-spoke-otherwise = son logiciel n'a pas parlé comme convenu
journal-word-replay-browser = revue dans le navigateur
journal-word-never = n'est jamais possible
journal-word-too-many = trop de choses ouvertes à la fois
journal-word-dropped = laissé de côté
journal-word-not-granted = n'a pas été accordé
journal-word-nul = la commande contient un caractère interdit
journal-word-ended-first = la session s'est terminée avant
journal-word-recording-failed = l'enregistrement a échoué
journal-word-cut = coupée par la personne qui regardait
journal-word-direct-tcpip = tunnel
journal-word-jump-account = connexion à travers le bastion sous un autre compte
journal-word-name-for-address = nomme une machine au lieu d'écrire son adresse
journal-word-another-target = mène à un autre équipement
journal-word-too-many-tunnels = trop de tunnels ouverts à la fois
journal-word-tcpip-forward = passage vers une autre machine
journal-word-streamlocal-forward = passage vers un autre programme
journal-word-agent = prêt de ses clés
journal-word-x11 = fenêtres graphiques
journal-word-env = réglage envoyé à l'équipement
journal-word-channel = ouverture
journal-word-shell = clavier
journal-word-exec = commande
journal-word-exec-malformed = commande illisible
journal-word-scp = fichiers (SCP)
journal-word-rsync = fichiers (rsync)
journal-word-forward = tunnel
moment-signal-dropped = Signal { $text }, non transmis
quote-open = {"« "}
quote-close = {" »"}
register-file = Fichier déposé, pris ou changé
register-export-files = Exporter les fichiers (CSV)
register-alarm-mark = alerte
csv-files = fichiers
csv-rights = Droits
csv-alarms = Alertes
csv-channel = Canal
csv-file-started = Ouvert le
csv-file-ended = Terminé le
csv-file-what = Quoi
csv-file-path = Fichier
csv-file-to = Nouveau nom ou détail
csv-file-bytes = Octets
csv-file-digest = Empreinte (SHA-256)
csv-file-order = Passé d'un bout à l'autre
csv-file-result = Résultat
csv-file-why = Précision
csv-file-kept = Copie gardée
dossier-at = Quand
dossier-alarms = Alertes
dossier-alarms-below = { $count ->
    [one] Une alerte a sonné : voyez la session ci-dessous.
   *[other] { $count } alertes ont sonné : voyez les sessions ci-dessous.
 }
dossier-files = Fichiers
dossier-files-more = { $count ->
    [one] Un autre n'est pas montré ici ; il est dans l'export.
   *[other] { $count } autres ne sont pas montrés ici ; ils sont dans l'export.
 }
dossier-files-unlisted = { $count ->
    [one] De plus, { $count } fichier n'est que dans la liste de l'enregistrement ou du journal.
   *[other] De plus, { $count } fichiers ne sont que dans la liste de l'enregistrement ou du journal.
 }
dossier-files-proofs = Pour l'informatique : empreintes
dossier-files-proofs-hint = L'empreinte (SHA-256) est celle des octets qui ont passé. Si le fichier a passé d'un bout à l'autre, c'est la sienne.

# Dossier de preuves scellé
bundle-title = Dossier de preuves
bundle-what = Un fichier scellé, à vérifier ailleurs avec la clé annexée au contrat : les entrées du journal avec leurs preuves, et les enregistrements tels que conservés. L'export est inscrit au journal.
bundle-of = Pour
bundle-all-sessions = Toutes les sessions
bundle-purpose = Motif, et pour qui
bundle-download = Télécharger le dossier
