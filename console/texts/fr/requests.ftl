# Les demandes.
requests-title = Demandes
requests-none = Personne n'attend.
requests-none-hint = Quand un technicien demande un accès, il apparaît ici et un son retentit. Gardez cette page ouverte.
requests-waiting = { $count ->
    [one] { $count } demande attend
   *[other] { $count } demandes attendent
 }
requests-planned = Prévues
requests-review = Urgences à relire
requests-open = Voir la demande
requests-since = demandée
request-title = Demande { $number }
request-asks = { $name }, de { $vendor }, demande à entrer dans :
request-reason = Motif
request-ticket = Ticket
request-who = Qui demande
request-name = Nom
request-company = Société
request-phone = Téléphone
request-email = Adresse électronique
request-login = Identifiant
request-visits = Dernières venues
request-no-visits = C'est la première fois.
request-visit-here = { $when }, ici
request-visit = { $when }, { $target }
request-from = Depuis l'adresse
request-from-usual = comme d'habitude
request-from-new = Nouvelle adresse pour cette personne.
request-from-planned = affichée à son arrivée
request-factor-changed = Ses moyens de connexion ont été refaits il y a moins de 7 jours : rappelez le numéro du contrat.
request-call-back = Rappelez ce numéro vous-même avant d'accorder.
request-call = Numéro du contrat
request-rights = Pour
request-account = Compte sur l'équipement
request-longest = Pendant { $length } au plus
request-hours-end = À la fin des heures d'ouverture, à { $time }, la session est coupée ; le technicien est averti 15, 5 et 1 minutes avant.
request-time-end = À la fin du temps accordé la session est coupée ; le technicien est averti 15, 5 et 1 minutes avant.
request-watched = Quelqu'un doit regarder : sans regard, rien ne bouge.
request-watch-offered = Vous pouvez regarder et couper à tout moment.
request-emergency = URGENCE hors des heures
request-closes = sans réponse, annulée dans
request-approvals = Accords
request-approved-by = { $staff }, à { $time } : { $how }
request-missing = { $missing ->
    [one] Il manque { $missing } accord.
   *[other] Il manque { $missing } accords.
 }
request-missing-who = Peuvent encore accorder : { $who }
approve-title = Accorder
approve-step-who = 1. Comment savez-vous qui appelle ?
approve-called = J'ai rappelé le numéro du contrat
approve-called-hint = le plus sûr
approve-caller = Je reconnais la personne qui m'appelle
approve-present = La personne est devant moi
approve-step-code = 2. Le code du technicien
approve-code-hint = Les 4 caractères que le technicien vous lit : demandez-les-lui, ils ne sont écrits nulle part ici.
approve-step-otp = 3. Votre code
approve-narrow = Accorder moins
approve-minutes = Pendant
approve-minutes-full = tout le temps permis
approve-rights = Seulement pour
approve-button = Accorder l'accès
approve-not-here = Accorder n'est possible que depuis la machine de Poterne tant qu'aucun certificat n'est installé. Prévenez l'informatique.
approve-not-yours = Ce sont les personnes de { $groups } qui décident pour cet équipement.
approve-done-missing = Votre accord est consigné. Il en faut encore un autre.
approve-done = Accès accordé. La session s'ouvre…
approve-watch = Regarder la session
refuse-title = Refuser
refuse-reason = Pourquoi ? Le technicien le lira.
refuse-button = Refuser la demande
request-handled = Cette demande est { $state }. Il n'y a plus rien à décider.
request-refused-because = Refusée par { $staff } : { $reason }
request-refused-codes = Refusée après trois codes faux.
error-verified = Dites d'abord comment vous savez qui appelle.
error-code-missing = Tapez les 4 caractères que le technicien vous lit.
error-minutes = Cette durée n'est pas lisible : choisissez-en une de la liste.
approve-otp-hint = Votre code : les 6 chiffres de l'application sur votre téléphone, à cet instant.
